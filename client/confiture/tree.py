"""The files that a database is built from: db/schema, then seeds, always in the same order.

Within a folder files come in the order of their paths, byte by byte, whatever the machine and its
locale. Hidden files and folders are left alone. A file that another one includes is a part of that
one, and is not run again by itself.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from confiture import core, script
from confiture.config import Project
from confiture.errors import ConfigurationError, FileError
from confiture.script import Script
from confiture.textfile import shown

COMMON = "common"
_SUFFIX = ".sql"


@dataclass(frozen=True)
class TreeFile:
    """One file: its path, the same on every machine, and its text with what it includes."""

    path: str
    script: Script

    @property
    def text(self) -> str:
        """The text that the server runs."""
        return self.script.text


def read(
    project: Project, environment: str | None, *, schema_only: bool = False, seeds: Sequence[str] = ()
) -> list[TreeFile]:
    """Read the files of an environment; ``seeds`` are chosen instead of common and its own."""
    places = list(_schema(project, environment))
    if not places:
        looked = ", ".join(shown(folder) for _, folder in schema_dirs(project, environment))
        raise ConfigurationError(
            f"there is no {_SUFFIX} file to build from",
            detail=f"Looked in {looked}.",
            hint=f"Write {project.schema_dir}/tables.sql for example, or name other folders as schema_dirs.",
        )
    if not schema_only:
        places += _seeds(project, environment, seeds)
    return _load(places, project.root)


def below(name: str, folder: Path, root: Path) -> list[TreeFile]:
    """Read the files of any folder; ``name`` is what their paths begin with."""
    return _load(_files(name, folder), root)


def _load(places: Sequence[tuple[str, Path]], root: Path) -> list[TreeFile]:
    """Read files; those that others include are a part of these."""
    unique = dict(places)
    files = [TreeFile(path, script.load(place, root)) for path, place in unique.items()]
    included = {span.file for file in files for span in file.script.spans if span.file != file.script.file}
    return [file for file in files if file.script.file not in included]


def watched(
    project: Project, environment: str | None, *, schema_only: bool, seeds: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file in the folders: another value, another state."""
    folders = [folder for _, folder in schema_dirs(project, environment)]
    if not schema_only:
        folders += [
            project.root / project.seeds_dir / name for name in _seed_names(project, environment, seeds)
        ]
    found = {}
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(parent, name)  # noqa: PTH118
                try:
                    state = os.stat(path)  # noqa: PTH116
                except OSError:
                    continue
                found[path] = (state.st_mtime_ns, state.st_size)
    return found


def digest(files: Sequence[TreeFile]) -> str:
    """Return what confiture.build_hash() returns, without a server."""
    lines = sorted((file.path.encode(), core.checksum(file.text)) for file in files)
    text = b"".join(checksum.encode() + b"  " + path + b"\n" for path, checksum in lines)
    return hashlib.sha256(text).hexdigest()


def concatenate(files: Sequence[TreeFile]) -> str:
    """Return one text of all files; psql can run it where the order of the files is right."""
    return "\n".join(f"-- file: {file.path}\n{_ended(file.text)}" for file in files)


def _ended(text: str) -> str:
    """Return a text whose last statement has its semicolon, and whose last line has its end."""
    if text and not text.endswith("\n"):
        text += "\n"
    try:
        pieces = core.scan(text)
    except core.ScanError:
        return text  # the server says it better
    open_end = pieces and pieces[-1].ended_by is core.EndedBy.TEXT
    return f"{text};\n" if open_end else text


def schema_dirs(project: Project, environment: str | None) -> list[tuple[str, Path]]:
    """Return the folders of an environment's schema: as they are named, and where they are."""
    chosen = project.environment(environment).schema_dirs
    names = [Path(name).as_posix() for name in chosen or (str(project.schema_dir),)]
    return [(name, project.root / name) for name in names]


def _schema(project: Project, environment: str | None) -> Iterator[tuple[str, Path]]:
    for name, folder in schema_dirs(project, environment):
        if not folder.exists():
            raise ConfigurationError(
                f"there is no folder {shown(folder)}",
                file=shown(folder),
                hint="Run `confiture init`, or name other folders as schema_dirs of the environment.",
            )
        yield from _files(name, folder)


def _seed_names(project: Project, environment: str | None, chosen: Sequence[str]) -> list[str]:
    """Return which folders of seeds are meant: those chosen, those configured, else common and its own."""
    configured = project.environment(environment).seeds
    name = environment or project.default_environment
    return list(chosen) or list(configured if configured is not None else dict.fromkeys([COMMON, name]))


def _seeds(project: Project, environment: str | None, chosen: Sequence[str]) -> Iterator[tuple[str, Path]]:
    base = project.root / project.seeds_dir
    explicit = bool(chosen) or project.environment(environment).seeds is not None
    for name in _seed_names(project, environment, chosen):
        place = next((base / each for each in (name, name + _SUFFIX) if (base / each).exists()), None)
        if place is not None:
            yield from _files((project.seeds_dir / place.name).as_posix(), place)
        elif explicit:
            known = (
                sorted(path.stem for path in base.iterdir() if not path.name.startswith("."))
                if base.is_dir()
                else []
            )
            close = difflib.get_close_matches(name, known, n=1)
            raise ConfigurationError(
                f'there are no seeds "{name}" in {shown(base)}',
                hint=f'Did you mean "{close[0]}"?' if close else f"There are: {', '.join(known) or 'none'}.",
            )


def _files(name: str, place: Path) -> list[tuple[str, Path]]:
    """List the files below a folder, or the one file, in the order of their bytes."""
    if place.is_file():
        return [(name, place)]
    found = []
    for parent, folders, names in os.walk(place, onerror=_refuse_folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        for each in folders:
            _refuse_link(Path(parent, each))
        for each in names:
            path = Path(parent, each)
            if each.startswith(".") or path.suffix.lower() != _SUFFIX:
                continue
            if not path.is_file():
                # What is not seen here would be dropped by the next migration.
                raise FileError(
                    "this link leads to no file" if path.is_symlink() else "this is no regular file",
                    file=_named(path),
                    hint="Remove it, or give it another name.",
                )
            relative = path.relative_to(place).as_posix()
            try:
                key = relative.encode()
            except UnicodeEncodeError as problem:
                raise FileError(
                    "the name of this file is not UTF-8",
                    file=os.fsencode(path).decode(errors="backslashreplace"),
                    hint="Rename it.",
                ) from problem
            found.append((key, f"{name}/{relative}", path))
    return [(path, place) for _, path, place in sorted(found)]


def _refuse_folder(problem: OSError) -> None:
    raise FileError(
        f"this folder cannot be read: {problem.strerror}", file=shown(Path(problem.filename))
    ) from problem


def _named(link: Path) -> str:
    """Return a path as it is shown, without following it."""
    return f"{shown(link.parent)}/{link.name}"


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise FileError(
            "this link leads to a folder: its files would not be seen",
            file=_named(folder),
            hint="Name that folder in schema_dirs of the environment, or include its files with \\ir.",
        )
