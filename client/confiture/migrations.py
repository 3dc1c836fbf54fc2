"""Migration files: ``{version}_{name}.up.sql``, ``.down.sql``, ``{version}_{name}.py``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confiture import script
from confiture.errors import FileError
from confiture.script import Script
from confiture.textfile import shown

# A version ends at the first underscore. It is compared by the server, as a number where all
# versions are digits.
_SQL = re.compile(r"(?P<version>[0-9A-Za-z][0-9A-Za-z.\-]*)_(?P<name>.+)\.(?P<kind>up|down)\.sql")
_PYTHON = re.compile(r"(?P<version>[0-9A-Za-z][0-9A-Za-z.\-]*)_(?P<name>.+)(?P<kind>\.py)")


@dataclass(frozen=True)
class MigrationFile:
    """A file with a good name; ``kind`` is up, down or python."""

    path: Path
    version: str
    name: str
    kind: str


@dataclass(frozen=True)
class Folder:
    """What a folder of migrations holds; strays are files that look like migrations but are not."""

    path: Path
    files: tuple[MigrationFile, ...]
    strays: tuple[Path, ...]


@dataclass(frozen=True)
class Migration:
    """One migration as it is registered in the database."""

    version: str
    name: str
    up: Script
    down: Script | None = None
    language: str = "sql"

    @classmethod
    def of(cls, version: str, name: str, up: str, down: str | None = None) -> Migration:
        """Make a migration of SQL texts that are in no file."""
        label = f"{version}_{name}"
        return cls(
            version,
            name,
            Script(up, f"{label}.up.sql", ()),
            None if down is None else Script(down, f"{label}.down.sql", ()),
        )

    def script(self, direction: str) -> Script | None:
        """Return the text of a direction; Python has both in one."""
        return self.up if direction == "up" or self.language == "python" else self.down

    def registration(self) -> dict[str, Any]:
        """Return what ``confiture.register_migrations`` takes."""
        return {
            "version": self.version,
            "name": self.name,
            "up": self.up.text,
            "down": self.down.text if self.down else None,
            "language": self.language,
            "file": self.up.file,
        }


def recognise(path: Path) -> MigrationFile | None:
    """Read version, name and kind from a file name; None when it is not one of a migration."""
    match = _SQL.fullmatch(path.name) or _PYTHON.fullmatch(path.name)
    if match is None:
        return None
    kind = "python" if match["kind"] == ".py" else match["kind"]
    return MigrationFile(path, match["version"], match["name"], kind)


def look(directory: Path) -> Folder:
    """List a folder. Hidden files, ``_name.py`` and other kinds of files are left alone."""
    if not directory.is_dir():
        raise FileError(
            f"there is no folder {shown(directory)}",
            file=shown(directory),
            hint="Run `confiture init`, or name the folder with --migrations-dir.",
        )
    files: list[MigrationFile] = []
    strays: list[Path] = []
    for path in sorted(directory.iterdir()):
        if path.suffix.lower() not in (".sql", ".py") or path.name.startswith((".", "_")):
            continue
        if not path.is_file():
            continue
        found = recognise(path)
        if found is None:
            strays.append(path)
        else:
            files.append(found)
    return Folder(directory, tuple(files), tuple(strays))


def load(directory: Path, root: Path) -> list[Migration]:
    """Read all migrations of a folder; anything that is not clear stops it."""
    folder = look(directory)
    for stray in folder.strays:
        raise FileError(
            "this file is not a migration: its name is not {version}_{name}.up.sql",
            file=shown(stray),
            hint="Run `confiture migrate validate --fix-naming --dry-run`.",
        )
    downs = {(file.version, file.name): file for file in folder.files if file.kind == "down"}
    found: dict[str, MigrationFile] = {}
    migrations = []
    for file in folder.files:
        if file.kind == "down":
            continue
        if file.version in found:
            raise FileError(
                f"version {file.version} is used twice",
                file=shown(file.path),
                detail=f"The other one is {shown(found[file.version].path)}.",
                hint="Give one of them another version.",
            )
        found[file.version] = file
        down = downs.pop((file.version, file.name), None) if file.kind == "up" else None
        migrations.append(_read(file, down, root))
    for down in downs.values():
        raise FileError(
            "a down without an up",
            file=shown(down.path),
            hint=f"Expected {down.version}_{down.name}.up.sql beside it.",
        )
    if not migrations:
        raise FileError(
            f"there is no migration in {shown(directory)}",
            file=shown(directory),
            hint="Create the first one with `confiture migrate new NAME`.",
        )
    return migrations


def _read(file: MigrationFile, down: MigrationFile | None, root: Path) -> Migration:
    if file.kind == "python":
        return Migration(file.version, file.name, script.plain(file.path), language="python")
    back = script.load(down.path, root) if down else None
    if back is not None and back.empty:
        back = None  # nothing in it takes anything back
    return Migration(file.version, file.name, script.load(file.path, root), back)
