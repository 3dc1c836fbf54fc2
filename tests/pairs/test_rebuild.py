"""diff('{}', snapshot) makes whole schemas from nothing, and diff(snapshot, '{}') takes them away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from confiture import Migrator

from .proof import rebuild
from .server import Database, Server

REPOSITORY = Path(__file__).resolve().parents[2]
PAGILA = REPOSITORY.parent / "shared" / "realworld" / "pagila-schema.sql"
ROLES = ("zoo_owner", "zoo_reader", 'zoo "Writer"')


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        for role in ROLES:
            server.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        yield server
        for role in ROLES:
            server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    with server.database() as database:
        yield database


def run(database: Database, path: Path) -> None:
    database.load(path.read_text(encoding="utf-8"))


def test_the_zoo(server: Server, database: Database) -> None:
    run(database, REPOSITORY / "tests" / "pgtap" / "lib" / "zoo.psql")
    wrong = rebuild(server, database)
    assert not wrong, "\n".join(wrong)


def test_the_shop(server: Server, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY / "examples" / "shop")
    with psycopg.connect(dbname=database.name, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION confiture_py CASCADE")
        Migrator(connection).up()
    wrong = rebuild(server, database)
    assert not wrong, "\n".join(wrong)


def test_with_psql_only(server: Server, database: Database) -> None:
    run(database, REPOSITORY / "examples" / "psql-only" / "up.sql")
    wrong = rebuild(server, database)
    assert not wrong, "\n".join(wrong)


def test_the_library(server: Server, database: Database) -> None:
    # Its files are in the wrong order on purpose: the one that fails comes again.
    files = sorted((REPOSITORY / "examples" / "testing" / "db" / "schema").glob("*.sql"))
    for path in [*files, *files]:
        with contextlib.suppress(psycopg.errors.UndefinedTable, psycopg.errors.DuplicateTable):
            run(database, path)
    wrong = rebuild(server, database)
    assert not wrong, "\n".join(wrong)


@pytest.mark.skipif(not PAGILA.exists(), reason="Pagila is not part of the repository")
def test_pagila(server: Server, database: Database) -> None:
    lines = PAGILA.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("\\"))
    database.load(text)
    wrong = rebuild(server, database)
    assert not wrong, "\n".join(wrong)
