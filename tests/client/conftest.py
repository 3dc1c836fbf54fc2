"""Fixtures: a project folder, a database of its own for each test, the command line in-process."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from confiture.__main__ import run

from . import schemas
from .processes import CONFITURE, Spawn

REPOSITORY = Path(__file__).resolve().parents[2]
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Result]


class Project:
    """A folder with migrations, the current folder of the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.migrations = root / "db" / "migrations"
        self.migrations.mkdir(parents=True)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8", newline="")
        return path

    def migration(self, stem: str, up: str, down: str | None = None) -> Path:
        if down is not None:
            self.write(f"db/migrations/{stem}.down.sql", down)
        return self.write(f"db/migrations/{stem}.up.sql", up)


def wait_until(condition: Callable[[], Any]) -> Any:
    """Wait for something that must come; a test that hangs is ended by its runner."""
    while not (found := condition()):
        time.sleep(0.05)
    return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "PGSERVICE", "PGPASSWORD", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return Project(tmp_path)


@pytest.fixture
def confiture(capfd: pytest.CaptureFixture[str], project: Project) -> Command:
    """Run a command in this process, in the folder of the project."""
    assert Path.cwd() == project.root

    def call(*arguments: str) -> Result:
        capfd.readouterr()
        code = run(list(arguments))
        captured = capfd.readouterr()
        if "json" in arguments and "--help" not in arguments and "--output" not in arguments:
            schemas.check(arguments, json.loads(captured.out))
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def template() -> Iterator[str]:
    """A database with the extension, to be copied by each test."""
    if "PGHOST" not in os.environ:
        pytest.fail("no server: run `tests/cluster.sh .venv/bin/pytest tests/client`", pytrace=False)
    name = f"cf_template_{os.getpid()}"
    with psycopg.connect(dbname="postgres", autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with psycopg.connect(dbname=name, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION confiture")
        yield name
        server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def make_database(template: str) -> Iterator[str]:
    name = f"cf_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(dbname="postgres", autocommit=True) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        yield make_conninfo(
            host=os.environ["PGHOST"],
            port=os.environ.get("PGPORT", "5432"),
            user=os.environ.get("PGUSER", "postgres"),
            dbname=name,
        )
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database(template: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of the test's own; DATABASE_URL names it."""
    for url in make_database(template):
        monkeypatch.setenv("DATABASE_URL", url)
        yield url


@pytest.fixture
def plain_database(project: Project) -> Iterator[str]:
    """A database without the extension."""
    if "PGHOST" not in os.environ:
        pytest.fail("no server: run `tests/cluster.sh .venv/bin/pytest tests/client`", pytrace=False)
    yield from make_database("template0")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the database of the test, in autocommit mode."""
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


@pytest.fixture
def query(connection: psycopg.Connection[Any]) -> Callable[..., list[tuple[Any, ...]]]:
    """Run a query and return its rows."""

    def call(text: str, *arguments: Any) -> list[tuple[Any, ...]]:
        cursor = connection.execute(text, arguments or None)
        return cursor.fetchall() if cursor.description else []

    return call


@pytest.fixture
def spawn(project: Project) -> Iterator[Spawn]:
    """Start commands with pipes; those that a failed test leaves are ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [*CONFITURE, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()
