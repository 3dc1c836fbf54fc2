"""Names of migration files, repaired: only where it is plain what was meant."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from confiture import migrations
from confiture.errors import FileError
from confiture.textfile import shown

_PLAIN = re.compile(r"[\w.\-]+")
_PARTS = re.compile(
    r"(?P<version>[0-9][0-9A-Za-z.]*|[0-9A-Za-z][0-9A-Za-z.\-]*(?=_))[\s_.\-]+(?P<name>.+?)"
    r"(?P<kind>\.(?:up|down))?\.(?P<suffix>sql|py)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Rename:
    """A file and its better name."""

    file: str
    to: str

    def as_dict(self) -> dict[str, str]:
        """Return the fields, for JSON."""
        return asdict(self)


def is_plain(name: str) -> bool:
    """Tell whether a name has letters, digits, underscores, points and dashes only."""
    return _PLAIN.fullmatch(name) is not None


def better_name(name: str) -> str | None:
    """Return the name that a file should have; None when that is not plain."""
    match = _PARTS.fullmatch(name)
    if match is None:
        return None
    words = re.sub(r"[^\w.\-]+", "_", match["name"]).strip("_.-")
    if not words:
        return None
    kind = "" if match["suffix"].lower() == "py" else (match["kind"] or ".up").lower()
    better = f"{match['version'].rstrip('.')}_{words}{kind}.{match['suffix'].lower()}"
    if better == name or migrations.recognise(Path(better)) is None:
        return None
    return better


def plan(directory: Path) -> list[Rename]:
    """Return the renames that a folder needs; one that would hit another file is left out."""
    folder = migrations.look(directory)
    doubtful = [*folder.strays, *(file.path for file in folder.files if not is_plain(file.name))]
    taken = {path.name.lower() for path in directory.iterdir()}
    wanted: dict[str, Path] = {}
    for path in doubtful:
        better = better_name(path.name)
        if better is None or (better.lower() in taken and better.lower() != path.name.lower()):
            continue
        if better in wanted:
            wanted.pop(better)  # two files want it: neither is right
            continue
        wanted[better] = path
    return [Rename(shown(path), shown(path.with_name(better))) for better, path in wanted.items()]


def apply(renames: list[Rename]) -> None:
    """Rename files; never over another one."""
    for rename in renames:
        source, target = Path(rename.file), Path(rename.to)
        try:
            if source.name.lower() == target.name.lower():
                source.rename(target)
            else:
                os.link(source, target)  # fails where the target exists, a rename would not
                source.unlink()
        except OSError as problem:
            raise FileError(
                f"cannot rename to {target.name}: {problem.strerror}", file=rename.file
            ) from problem
