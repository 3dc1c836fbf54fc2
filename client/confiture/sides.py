"""What can be compared: a database, files, a commit, a stored snapshot; and how they are named.

db                       the database of the project: --database-url, --env, ...
db:NAME                  another database of the same server
env:NAME                 the database of an environment
postgresql://...         any database, as libpq takes it; key=value pairs, too
db/schema, tables.sql    a folder of SQL files, or one file
main, v1.2, HEAD~3       a commit: the folders of the schema as they are in it
main:db/schema           a commit, and a path as git writes it
schema.json              a stored snapshot
empty                    a schema in which nothing is
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from confiture import git, script, textfile, tree
from confiture.config import Project
from confiture.errors import ConfigurationError, ConfitureError, FileError, UsageError
from confiture.place import place
from confiture.script import Script, Span
from confiture.textfile import shown
from confiture.tree import TreeFile

DATABASE, EMPTY = "db", "empty"
FORMS = "db, db:NAME, env:NAME, a database URL, a folder, a file, or a commit of git"
_JSON = ".json"


@dataclass(frozen=True)
class Side:
    """One side of a comparison; exactly one of the fields after ``label`` is set.

    ``database`` is where a database is: ``db``, ``db:NAME``, ``env:NAME`` or whatever libpq takes.
    ``files`` are what the server makes a schema of. ``value`` is a snapshot as JSON.
    """

    label: str
    database: str | None = None
    files: tuple[TreeFile, ...] | None = None
    value: str | None = None

    def expression(self) -> tuple[str, tuple[str, ...]]:
        """Return the call by which the server has the snapshot, and its argument."""
        if self.database is not None:
            return "confiture.snapshot()", ()
        if self.files is not None:
            files = [{"path": file.path, "text": file.text} for file in self.files]
            return "confiture.snapshot_of(%s::jsonb)", (json.dumps(files),)
        return "%s::jsonb", (self.value or "{}",)

    def place(self, problem: ConfitureError) -> None:
        """Give an error of the server its place in the files, if it is in one of these."""
        for file in self.files or ():
            if file.path == problem.file:
                place(problem, file.script)
                return


def parse(project: Project, text: str, environment: str | None = None) -> Side:
    """Return the side that a person has named; where a name has two meanings, they have to say."""
    if text == DATABASE or text.startswith(("db:", "env:")):
        if text in ("db:", "env:"):
            raise UsageError(f'"{text}" names no {"database" if text == "db:" else "environment"}')
        return Side(text, database=text)
    if text == EMPTY:
        return Side("nothing", value="{}")
    path = Path(text)
    there = bool(text) and path.exists()
    if not there and ("://" in text or "=" in text):
        return Side(text, database=text)
    if not there:
        return _commit(project, text, environment)
    if "/" not in text and git.is_commit(project.root, text):
        raise UsageError(
            f'"{text}" is both {"a folder" if path.is_dir() else "a file"} and a commit of git',
            hint=f"Write ./{text} for the one here, or {text}^0 for the commit.",
        )
    return on_disk(project, path)


def of_project(project: Project, environment: str | None) -> Side:
    """Return the files of the project's schema, without seeds."""
    files = tree.read(project, environment, schema_only=True)
    return Side(", ".join(name for name, _ in tree.schema_dirs(project, environment)), files=tuple(files))


def on_disk(project: Project, path: Path) -> Side:
    """Return a folder, a file, or a stored snapshot."""
    label = shown(path)
    if path.is_dir():
        return Side(label, files=_folder(project.root, path, label))
    if path.suffix.lower() == _JSON:
        return Side(label, value=_snapshot(path))
    return Side(label, files=(TreeFile(label, script.load(path, _root(project.root, path.parent))),))


def _root(root: Path, folder: Path) -> Path:
    """Return the folder that includes may lead to: the project's, if this one is in it."""
    return root if folder.resolve().is_relative_to(root.resolve()) else folder


def _folder(root: Path, path: Path, label: str) -> tuple[TreeFile, ...]:
    files = tree.below(label, path, _root(root, path))
    if not files:
        raise ConfigurationError(f"there is no .sql file in {label}", file=label)
    return tuple(files)


def _snapshot(path: Path) -> str:
    text = textfile.read(path).decode()
    try:
        value = json.loads(text)
    except ValueError as problem:
        raise FileError(
            f"this is no JSON: {problem}",
            file=shown(path),
            hint="Expected a snapshot as confiture.snapshot() returns it.",
        ) from problem
    if not isinstance(value, dict):
        raise FileError("this is no snapshot", file=shown(path))
    return text


def _commit(project: Project, text: str, environment: str | None) -> Side:
    """Return the schema as it is in a commit: in the folders of the configuration, or where it says."""
    ref, colon, inside = text.partition(":")
    try:
        commit = git.find(project.root, ref)
    except git.GitError as problem:
        said = f"{problem.message[:1].upper()}{problem.message[1:]}."
        raise UsageError(
            f'"{text}" is no file, no folder and no commit' if ref else "nothing to compare is named",
            detail=f"{said} {problem.detail}" if problem.detail else said,
            hint=problem.hint if (problem.hint or "").startswith("Did you") else f"Name {FORMS}.",
        ) from problem
    if colon:
        return _path_of_commit(commit, inside)
    names = [name for name, _ in tree.schema_dirs(project, environment)]
    with commit.files([_around(commit, f"{commit.prefix}{name}") for name in names]) as top:
        then = replace(project, root=top / commit.prefix)
        files = tree.read(then, environment, schema_only=True)
        return Side(text, files=_renamed(commit, files, top))


def _path_of_commit(commit: git.Commit, inside: str) -> Side:
    inside = f"{commit.prefix}{inside[2:]}" if inside.startswith("./") else inside
    inside = inside.strip("/")
    kind = commit.kind(inside)
    if kind is None:
        near = f"{commit.prefix}{inside}"
        found = bool(commit.prefix) and commit.kind(near) is not None
        raise UsageError(
            f'there is no "{inside}" in {commit.ref}',
            hint=f"From the top of the repository it is {commit.ref}:{near}." if found else None,
        )
    label = f"{commit.ref}:{inside}"
    with commit.files([_around(commit, inside)]) as top:
        path, root = top / inside, top / commit.prefix
        if kind == "tree":
            files = tree.below(inside, path, _root(root, path))
            if not files:
                raise ConfigurationError(f"there is no .sql file in {label}", file=label)
            return Side(label, files=_renamed(commit, files, top))
        if path.suffix.lower() == _JSON:
            return Side(label, value=_snapshot(path))
        return Side(
            label,
            files=_renamed(commit, [TreeFile(inside, script.load(path, _root(root, path.parent)))], top),
        )


def _around(commit: git.Commit, path: str) -> str:
    """Return the folder, next below the project's, that a path is in: what is included is there."""
    inside = path.removeprefix(commit.prefix)
    return path[: len(path) - len(inside)] + inside.removeprefix("./").split("/")[0]


def _renamed(commit: git.Commit, files: Sequence[TreeFile], top: Path) -> tuple[TreeFile, ...]:
    """Give files, and the places in them, the names that git has for them."""

    def renamed(each: Script) -> Script:
        spans = tuple(Span(span.first, commit.shown(span.file, top), span.line) for span in each.spans)
        return replace(each, file=commit.shown(each.file, top), spans=spans)

    return tuple(TreeFile(f"{commit.ref}:{file.path.lstrip('/')}", renamed(file.script)) for file in files)
