"""The wheel: it carries the sources of the extension, and they build."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from confiture import __version__

from .conftest import REPOSITORY

PARTS = ("client", "extension", "sql", "pyproject.toml", "README.md", "LICENSE", "Makefile", "META.json")

INSTALL = ("extension", "install", "--destdir", "stage", "--format", "json")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contents of a wheel that is built from a copy of the sources."""
    work = tmp_path_factory.mktemp("source")
    leave_out = shutil.ignore_patterns("*.o", "*.so", "*.egg-info", "__pycache__")
    for name in [*PARTS, *(path.name for path in REPOSITORY.glob("*.control"))]:
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, work / name, ignore=leave_out)
        elif (REPOSITORY / name).exists():
            shutil.copy(REPOSITORY / name, work / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        ".",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        "out",
    ]
    subprocess.run(command, cwd=work, check=True)
    (built,) = (work / "out").glob("*.whl")
    assert "-cp311-abi3-" in built.name
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder)
    return folder


def test_it_carries_all_sources(wheel: Path) -> None:
    carried = wheel / "confiture/pgext"
    for pattern in ("Makefile", "*.control", "extension/*.[ch]", "extension/core/*.[ch]", "sql/**/*.sql"):
        expected = sorted(path.relative_to(REPOSITORY) for path in REPOSITORY.glob(pattern))
        assert expected
        assert sorted(path.relative_to(carried) for path in carried.glob(pattern)) == expected


def test_it_carries_the_web_board(wheel: Path) -> None:
    files = {path.name for path in (wheel / "confiture/web").iterdir()}
    assert {"index.html", "board.css", "board.js"} <= files


def test_the_carried_sources_build(wheel: Path, tmp_path: Path) -> None:
    program = "from confiture.__main__ import main; main()"
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            program,
            "extension",
            "install",
            "--destdir",
            "stage",
            "--format",
            "json",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = Path(json.loads(done.stdout)["folder"])
    assert folder.is_relative_to(tmp_path / "stage")
    assert (folder / "confiture.control").is_file()
    assert (folder / f"confiture--{__version__}.sql").is_file()
    assert list(tmp_path.glob("stage/**/confiture.so"))
