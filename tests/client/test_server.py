"""The private server: made on first use, found again, stopped, removed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from confiture import binaries, cluster, config, sources

from .conftest import Command, Project, wait_until


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension, built once: where a server looks for it."""
    programs = binaries.find()
    stage = tmp_path_factory.mktemp("built") / f"{programs.major}-{sources.fingerprint()}"
    sources.install(programs.pg_config, stage)
    return stage


def prestage(built: Path, base: Path) -> None:
    shutil.copytree(built, base / "stage" / built.name)
    base.chmod(0o755)


@pytest.fixture
def open_project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project in a folder that the user postgres can enter, and that is cleaned up."""
    root = Path(tempfile.mkdtemp(prefix="cf-shop-", dir="/tmp"))
    root.chmod(0o755)
    monkeypatch.chdir(root)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    yield Project(root)
    cluster.destroy(config.load())
    shutil.rmtree(root)


def processes() -> dict[int, int]:
    """Return all processes that live, with their parents."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


def test_the_life_of_a_server(open_project: Project, built: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from confiture.__main__ import run

    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run(list(arguments))
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    assert call("server", "status")[1].startswith("There is no private server yet.")
    assert call("server", "stop")[1] == "It was not running.\n"

    prestage(built, open_project.root / ".confiture")
    open_project.migration("001_a", "CREATE TABLE a (x int);", "DROP TABLE a;")
    code, out, err = call("migrate", "up")
    assert (code, "1 migration applied" in out) == (0, True)
    assert "Making the private server of this project: PostgreSQL 15, .confiture/data." in err

    code, out, _ = call("server", "status", "--format", "json")
    facts = json.loads(out)
    assert facts["running"] is True
    assert facts["data"] == str(open_project.root / ".confiture/data")
    assert stat.S_IMODE(Path(facts["socket"]).stat().st_mode) == 0o700
    assert len(facts["socket"]) < 60
    assert call("server", "url") == (0, f"{facts['url']}\n", "")
    with psycopg.connect(facts["url"]) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SELECT count(*) FROM a").fetchone() == (0,)

    assert call("migrate", "status")[2] == ""
    assert call("server", "stop")[:2] == (0, "Stopped.\n")
    assert call("server", "status")[1].startswith("The private server is not running.")
    assert call("migrate", "validate")[1].endswith("the private server is not running.\n")

    code, out, err = call("server", "url", "--format", "json")
    assert (json.loads(out), err) == (
        {"url": facts["url"]},
        "Starting the private server of this project.\n",
    )
    assert call("migrate", "status", "--check")[0] == 0

    postmaster = json.loads(call("server", "status", "--format", "json")[1])["pid"]
    children = [pid for pid, parent in processes().items() if parent == postmaster]
    assert children
    os.kill(postmaster, signal.SIGKILL)
    wait_until(lambda: not cluster.is_running(config.load()))
    # Its memory is in use until they have noticed.
    wait_until(lambda: not processes().keys() & children)
    code, out, err = call("migrate", "status")
    assert (code, "1 applied." in out) == (0, True), err
    shutil.rmtree(facts["socket"])
    code, out, err = call("migrate", "status")
    assert (code, err) == (0, "Restarting the private server of this project.\n")

    code, out, _ = call("server", "start", "--port", "none", "--format", "json")
    assert (code, json.loads(out)["pid"] is not None) == (0, True)

    assert call("server", "destroy")[0] == 22
    assert call("server", "destroy", "--yes")[:2] == (0, "Removed.\n")
    assert call("server", "destroy", "--yes")[1] == "There is none.\n"
    assert not Path(facts["data"]).exists()
    assert not Path(facts["socket"]).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user as the server's")
def test_a_project_that_the_server_cannot_enter(project: Project, confiture: Command, built: Path) -> None:
    project.root.chmod(0o700)
    prestage(built, cluster.elsewhere(config.load()))
    project.migration("001_a", "CREATE TABLE a (x int);")
    try:
        result = confiture("server", "start", "--format", "json")
        assert result.code == 0
        assert "cannot enter" in result.err
        assert result.json["data"].startswith("/var/tmp/confiture-")
        assert confiture("migrate", "up").code == 0
        assert confiture("server", "stop").code == 0
    finally:
        assert confiture("server", "destroy", "--yes").code == 0
    assert not Path(result.json["data"]).parent.exists()


def test_a_damaged_state(project: Project, confiture: Command) -> None:
    project.write(".confiture/server.json", "{")
    result = confiture("server", "status")
    assert result.code == 3
    assert "this file is damaged" in result.err


def test_a_state_that_names_another_folder_is_not_believed(
    project: Project, confiture: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    precious = tmp_path_factory.mktemp("precious") / "data"
    precious.mkdir()
    state = {"data": str(precious), "socket": "/tmp/confiture-x", "database": "x", "major": 15}
    project.write(".confiture/server.json", json.dumps(state))
    result = confiture("server", "destroy", "--yes")
    assert result.code == 3
    assert precious.is_dir()


def test_no_server_programs(project: Project, confiture: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_CONFIG", str(project.root / "nowhere/pg_config"))
    project.migration("001_a", "SELECT 1;")
    result = confiture("migrate", "status")
    assert result.code == 3
    assert "there is no PostgreSQL server of version 15 or later" in result.err
    assert "apt-get install postgresql" in result.err


def fake(project: Project, name: str, script: str) -> Path:
    path = project.write(f"bin/{name}", f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_install_needs_pg_config(project: Project, confiture: Command) -> None:
    result = confiture("extension", "install", "--pg-config", "/nowhere/pg_config")
    assert result.code == 5
    assert "postgresql-server-dev-" in result.err


def test_install_needs_a_new_server(project: Project, confiture: Command) -> None:
    old = fake(project, "pg_config", "echo PostgreSQL 13.4")
    result = confiture("extension", "install", "--pg-config", str(old))
    assert result.code == 5
    assert "belongs to PostgreSQL 13, and Confiture needs 15 or later" in result.err


def test_install_needs_headers(project: Project, confiture: Command) -> None:
    bare = fake(
        project, "pg_config", 'case $1 in --version) echo "PostgreSQL 17.1";; *) echo /nowhere;; esac'
    )
    result = confiture("extension", "install", "--pg-config", str(bare))
    assert result.code == 5
    assert "apt-get install postgresql-server-dev-17" in result.err


def test_install_needs_make(project: Project, confiture: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    pg_config = binaries.find().pg_config
    monkeypatch.setenv("PATH", str(project.root))
    result = confiture("extension", "install", "--pg-config", str(pg_config))
    assert result.code == 5
    assert "apt-get install make" in result.err


def test_the_fingerprint_is_of_the_sources() -> None:
    assert sources.fingerprint() == sources.fingerprint()
    assert (sources.folder() / "sql").is_dir()
