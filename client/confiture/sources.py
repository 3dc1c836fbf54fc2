"""The sources of the extension: carried in the wheel, or the checkout of an editable install."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confiture.errors import ExtensionError

_PATTERNS = ("Makefile", "*.control", "extension/**/*.[ch]", "sql/**/*.sql")
# Folders of a checkout that hold no sources but may hold something large.
_LEFT_OUT = shutil.ignore_patterns("*.o", "*.so", "*.bc", "__pycache__")
_CARRIED = ("Makefile", "META.json", "LICENSE", "extension", "sql")


def folder() -> Path:
    """Return the folder with the Makefile and the control file."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "pgext", package.parents[1]):
        if (candidate / "confiture.control").is_file() and (candidate / "Makefile").is_file():
            return candidate
    raise ExtensionError(
        "the sources of the extension are not there",
        hint="Install the package confiture again; a checkout has them, and so has the wheel.",
    )


def fingerprint() -> str:
    """Return a short hash of all sources: another hash, another build."""
    top = folder()
    digest = hashlib.sha256()
    for pattern in _PATTERNS:
        for path in sorted(top.glob(pattern)):
            digest.update(str(path.relative_to(top)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def copy() -> Iterator[Path]:
    """Copy the sources to a temporary folder, where they can be built."""
    top = folder()
    with tempfile.TemporaryDirectory(prefix="confiture-build-") as name:
        work = Path(name)
        for part in [*_CARRIED, *(path.name for path in top.glob("*.control"))]:
            source = top / part
            if source.is_dir():
                shutil.copytree(source, work / part, ignore=_LEFT_OUT)
            elif source.is_file():
                shutil.copyfile(source, work / part)
        yield work


def install(pg_config: Path, destdir: Path | None = None) -> None:
    """Build the extension and install it into the server's folders, or below ``destdir``."""
    _check_tools(pg_config)
    with copy() as work:
        jobs = min(4, os.cpu_count() or 1)
        command = ["make", "-s", f"-j{jobs}", f"PG_CONFIG={pg_config}", "install"]
        if destdir is not None:
            command.append(f"DESTDIR={destdir}")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        done = subprocess.run(command, cwd=work, env=kept, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        denied = any("Permission denied" in line for line in said)
        raise ExtensionError(
            "the extension could not be built and installed",
            detail="\n".join(said[-12:]),
            hint="Run it as root, or stage it with --destdir." if denied else None,
        )


def ask(pg_config: Path, option: str) -> str:
    """Return what pg_config says."""
    try:
        done = subprocess.run([pg_config, option], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        raise ExtensionError(
            f"{pg_config} cannot be run",
            detail=str(problem),
            hint="Name another one with --pg-config, for example "
            "/usr/lib/postgresql/15/bin/pg_config (Debian: package postgresql-server-dev-15).",
        ) from problem
    return done.stdout.strip()


def major(pg_config: Path) -> int:
    """Return the major version of a server by its pg_config."""
    words = ask(pg_config, "--version").split()
    digits = "".join(char for char in words[1].split(".")[0] if char.isdigit()) if len(words) > 1 else ""
    return int(digits or 0)


def _check_tools(pg_config: Path) -> None:
    """Say what is missing before make says it in its own way."""
    version = major(pg_config)
    if version < 15:
        raise ExtensionError(f"{pg_config} belongs to PostgreSQL {version}, and Confiture needs 15 or later")
    if not Path(ask(pg_config, "--pgxs")).is_file():
        raise ExtensionError(
            f"the server headers of PostgreSQL {version} are missing",
            hint=f"Debian and Ubuntu: apt-get install postgresql-server-dev-{version}.",
        )
    for tool, packages in (("make", "make"), ("gcc", "gcc libc6-dev")):
        if shutil.which(tool) is None and (tool == "make" or shutil.which("cc") is None):
            raise ExtensionError(f"{tool} is missing", hint=f"Debian and Ubuntu: apt-get install {packages}.")
