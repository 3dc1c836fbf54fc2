"""PostgreSQL's own programs on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from confiture.errors import ConfigurationError

OLDEST = 15
# Where distributions and installers put the programs, besides the PATH.
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """The programs of one server version."""

    folder: Path
    major: int

    def __getitem__(self, program: str) -> str:
        return str(self.folder / program)

    @property
    def pg_config(self) -> Path:
        """The pg_config of this version; Debian's wrapper in /usr/bin may be of another."""
        return self.folder / "pg_config"


def find(major: int | None = None) -> Binaries:
    """Return the newest server on this machine, or one of a major version.

    PG_CONFIG, where it is set, decides.
    """
    chosen = os.environ.get("PG_CONFIG")
    if chosen:
        candidates = [found for found in [_at(Path(chosen).parent)] if found]
    else:
        candidates = sorted(_all(), key=lambda found: found.major, reverse=True)
    for found in candidates:
        if found.major == major or (major is None and found.major >= OLDEST):
            return found
    if major is not None:
        raise ConfigurationError(
            f"the private server was made by PostgreSQL {major}, which is no longer here",
            hint=f"Install it (Debian: postgresql-{major}), or start anew: `confiture server destroy`.",
        )
    older = f"Found only version {candidates[0].major}." if candidates else None
    raise ConfigurationError(
        f"there is no PostgreSQL server of version {OLDEST} or later on this machine",
        detail=older,
        hint="Install one (Debian and Ubuntu: apt-get install postgresql), or give a --database-url.",
    )


def _all() -> Iterator[Binaries]:
    for place in _PLACES:
        top, pattern = Path(place).anchor, str(Path(place).relative_to("/"))
        for folder in Path(top).glob(pattern):
            if found := _at(folder):
                yield found
    on_path = shutil.which("postgres")
    if on_path and (found := _at(Path(on_path).resolve().parent)):
        yield found


def _at(folder: Path) -> Binaries | None:
    """Return the server in a folder, if there is a whole one."""
    if not all((folder / program).is_file() for program in ("postgres", "initdb", "pg_ctl")):
        return None
    try:
        done = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    digits = [word for word in done.stdout.replace(".", " ").split() if word[:1].isdigit()]
    number = "".join(char for char in digits[0] if char.isdigit()) if digits else "0"
    return Binaries(folder, int(number or 0))
