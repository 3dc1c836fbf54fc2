"""``make demo``: it works, as root and as an ordinary user, and it does not lie."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .reader import REPOSITORY

DEMO = "examples/demo.sh"


def run(top: Path, folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """Run the demo of a repository without standard input; its temporary files go into the folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.run(
        [*before, "bash", "-c", f'exec "{top / DEMO}" <&-'],
        env={**kept, "TMPDIR": str(folder)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def test_demo(folder: Path) -> None:
    done = run(REPOSITORY, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "10 steps, each as expected" in done.stdout
    assert "\x1b" not in done.stdout
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="we are an ordinary user")
def test_demo_as_an_ordinary_user(folder: Path) -> None:
    folder.chmod(0o777)
    who = ("runuser", "-u", "nobody", "--")
    program = REPOSITORY / ".venv" / "bin" / "python"
    reach = subprocess.run(
        [*who, program, "-c", "import confiture"], cwd="/", check=False, capture_output=True
    )
    if reach.returncode != 0:
        pytest.skip("the user nobody cannot enter the repository")
    done = run(REPOSITORY, folder, *who)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(folder.iterdir()) == []


def test_demo_fails_when_a_step_does_not_do_what_it_says(folder: Path) -> None:
    """With nothing wrong in the migration that should fail, the demo fails."""
    top = folder / "repository"
    subprocess.run(["cp", "-r", REPOSITORY / "examples", folder / "examples"], check=True)
    top.mkdir()
    (folder / "examples").rename(top / "examples")
    for name in ("tests", ".venv", "build"):
        (top / name).symlink_to(REPOSITORY / name)
    script = top / "examples/shop/mistake/011_add_loyalty_points.up.sql"
    script.write_text(script.read_text().replace("totel", "total"))
    done = run(top, folder)
    assert done.returncode == 1
    assert "The demo has failed: exit code 0, expected 1: confiture migrate up" in done.stderr
