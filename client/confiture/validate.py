"""``confiture migrate validate``: what is wrong with the files, and with what was applied."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from confiture import migrations, naming, script
from confiture.errors import ConfitureError, FileError
from confiture.migrations import Folder, MigrationFile
from confiture.results import MigrationStatus
from confiture.textfile import shown

# A number with so many digits is a time.
_TIME_DIGITS = 12


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (error) or looks wrong (warning)."""

    severity: str
    code: str
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return asdict(self)


def check_files(directory: Path, root: Path) -> list[Finding]:
    """Check the names, the versions and the contents of all files of a folder."""
    folder = migrations.look(directory)
    if not folder.files and not folder.strays:
        return [
            Finding(
                "error",
                "no-migration",
                "there is no migration",
                shown(directory),
                hint="Create the first one with `confiture migrate new NAME`.",
            )
        ]
    return [
        *_strays(folder),
        *_names(folder.files),
        *_pairs(folder.files),
        *_duplicates(folder.files),
        *_sequence(folder.files),
        *_contents(folder.files, root),
    ]


def check_applied(statuses: Iterable[MigrationStatus]) -> Iterator[Finding]:
    """Yield what is wrong between the files and the database."""
    for status in statuses:
        label = f"migration {status.version} {status.name}"
        if status.state == "modified":
            yield Finding(
                "error",
                "changed-checksum",
                f"{label} was changed after it was applied",
                status.file,
                hint="Undo the change and write a new migration.",
            )
        elif status.state == "orphaned":
            yield Finding(
                "error",
                "applied-without-file",
                f"{label} is applied, but there is no file of it",
                hint="Put the file back.",
            )
        elif status.state == "blocked":
            yield Finding(
                "error",
                "blocked",
                f"{label} cannot run: it {status.problem or 'is blocked'}",
                status.file,
                hint="Add what it depends on, or correct its depends_on.",
            )
        elif status.out_of_order:
            yield Finding(
                "warning",
                "out-of-order",
                f"{label} is pending, but a later one is applied",
                status.file,
            )


def _strays(folder: Folder) -> Iterator[Finding]:
    for path in folder.strays:
        renamed = naming.better_name(path.name)
        yield Finding(
            "error",
            "orphaned-file",
            "the file is never applied: its name is not {version}_{name}.up.sql",
            shown(path),
            hint=f"Rename it to {renamed}: --fix-naming does." if renamed else "Rename or remove it.",
        )


def _names(files: Iterable[MigrationFile]) -> Iterator[Finding]:
    for file in files:
        if not naming.is_plain(file.name):
            yield Finding(
                "warning",
                "bad-name",
                "the name has blanks or other odd characters",
                shown(file.path),
                hint=f"Rename it to {naming.better_name(file.path.name)}: --fix-naming does.",
            )


def _pairs(files: Iterable[MigrationFile]) -> Iterator[Finding]:
    kinds: dict[tuple[str, str], dict[str, MigrationFile]] = defaultdict(dict)
    for file in files:
        kinds[file.version, file.name][file.kind] = file
    for (version, name), found in kinds.items():
        if set(found) == {"down"}:
            yield Finding(
                "error",
                "down-without-up",
                "a down without an up",
                shown(found["down"].path),
                hint=f"Expected {version}_{name}.up.sql beside it.",
            )


def _duplicates(files: Iterable[MigrationFile]) -> Iterator[Finding]:
    """Yield the versions that two migrations have; 1 and 001 are the same number."""
    first: dict[str, MigrationFile] = {}
    for file in files:
        if file.kind == "down":
            continue
        key = str(int(file.version)) if file.version.isdigit() else file.version
        other = first.setdefault(key, file)
        if other is not file:
            yield Finding(
                "error",
                "duplicate-version",
                f"version {file.version} is used twice, by {other.path.name} too",
                shown(file.path),
                hint="Give one of them another version.",
            )


def _sequence(files: Iterable[MigrationFile]) -> Iterator[Finding]:
    versions = sorted({file.version for file in files if file.kind != "down"})
    numbers = [version for version in versions if version.isdigit()]
    times = [version for version in numbers if len(version) >= _TIME_DIGITS]
    styles = [len(versions) - len(numbers), len(times), len(numbers) - len(times)]
    if sum(1 for style in styles if style) > 1:
        yield Finding(
            "warning",
            "mixed-versions",
            "versions of several styles (numbers, times, names): their order may surprise",
        )
    short = sorted({int(version) for version in numbers if len(version) < _TIME_DIGITS})
    steps = Counter(after - before for before, after in pairwise(short))
    usual = min(steps, key=lambda step: (-steps[step], step), default=1)
    width = max((len(version) for version in numbers if len(version) < _TIME_DIGITS), default=0)
    for before, after in pairwise(short):
        if after - before > usual:
            first, last = str(before + usual).zfill(width), str(after - usual).zfill(width)
            missing = first if first == last else f"{first} to {last}"
            yield Finding("warning", "gap", f"there is no migration {missing}")


def _contents(files: Iterable[MigrationFile], root: Path) -> Iterator[Finding]:
    for file in files:
        try:
            if file.kind == "python":
                yield from _python(file.path)
            elif script.load(file.path, root).empty:
                effect = "does nothing" if file.kind == "up" else "is no way back"
                yield Finding("warning", "empty", f"a file without a statement {effect}", shown(file.path))
        except ConfitureError as problem:
            yield Finding(
                "error",
                "unreadable",
                problem.message,
                problem.file,
                problem.line,
                problem.column,
                problem.hint,
            )


def _python(path: Path) -> Iterator[Finding]:
    text = script.plain(path).text
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        line = getattr(problem, "lineno", None)
        raise FileError(
            f"not valid Python: {getattr(problem, 'msg', problem)}",
            file=shown(path),
            line=line,
            column=getattr(problem, "offset", None) if line else None,
        ) from problem
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    derived = [node for node in classes if any(_last_name(base) == "Migration" for base in node.bases)]
    methods = {item.name for node in derived for item in node.body if isinstance(item, ast.FunctionDef)}
    if not derived or "up" not in methods:
        yield Finding(
            "error",
            "python-class",
            "there is no class deriving from Migration with a method up(self)",
            shown(path),
            hint="`confiture migrate new NAME --python` writes one.",
        )


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
