"""Transitions to another server on the command line; the other server is this one, with another database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from .conftest import Command, make_database

Query = Callable[..., list[tuple[Any, ...]]]
CREATE = ("transition", "create", "t", "--from", "app", "--to", "app_v2")
MOVE = ("migrate", "schema-to-schema", "--from", "app", "--to", "app_v2")
NEXT = ("--server", "next")
JSON = ("--format", "json")


@pytest.fixture(autouse=True)
def target(template: str, database: str, query: Query) -> Iterator[psycopg.Connection[Any]]:
    """Make a table of the application, and the new one in a database behind server "next"."""
    for url in make_database(template):
        where = conninfo_to_dict(url)
        query("CREATE EXTENSION postgres_fdw")
        query(
            "CREATE SERVER next FOREIGN DATA WRAPPER postgres_fdw OPTIONS"
            f" (host '{where['host']}', port '{where['port']}', dbname '{where['dbname']}')"
        )
        query(f"CREATE USER MAPPING FOR CURRENT_USER SERVER next OPTIONS (user '{where['user']}')")
        query("CREATE SCHEMA app")
        query("CREATE TABLE app.orders (id bigint PRIMARY KEY, total numeric)")
        query("INSERT INTO app.orders SELECT i, i FROM generate_series(1, 1000) AS i")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA app_v2")
            connection.execute("CREATE TABLE app_v2.orders (id bigint PRIMARY KEY, total numeric)")
            yield connection


def there(target: psycopg.Connection[Any]) -> int:
    row = target.execute("SELECT count(*) FROM app_v2.orders").fetchone()
    assert row is not None
    return int(row[0])


def test_who_writes_the_target_is_chosen_by_a_flag(
    confiture: Command, query: Query, target: psycopg.Connection[Any]
) -> None:
    result = confiture(*CREATE, *NEXT, "--mode", "synchronous", "--option", "chunk_ms=5", *JSON)
    assert result.code == 0, result.err
    found = result.json["transition"]
    assert (found["side"], found["server"], found["mode"]) == ("source", "next", "synchronous")
    assert confiture("transition", "run", "t", "--until", "mirrored").code == 0
    assert there(target) == 1000
    query("INSERT INTO app.orders VALUES (1001, 1)")
    assert there(target) == 1001
    assert confiture("transition", "abort", "t").code == 0


def test_by_default_a_worker_does(confiture: Command, query: Query, target: psycopg.Connection[Any]) -> None:
    result = confiture(*MOVE, *NEXT, "--strategy", "fdw", "--mode", "asynchronous")
    assert result.code == 0, result.err
    assert "On server next (database " in result.out
    assert ", asynchronous.\n" in result.out
    query("INSERT INTO app.orders VALUES (1001, 1)")
    assert there(target) == 1000
    assert confiture("transition", "validate", "app_to_app_v2", *JSON).json["equal"]
    refused = confiture(*MOVE, *NEXT, "--mode", "synchronous")
    assert refused.code == 2
    assert "its mapping and options stand" in refused.err
    assert confiture("transition", "abort", "app_to_app_v2").code == 0
    assert confiture(*CREATE, *NEXT, *JSON).json["transition"]["mode"] == "asynchronous"


def test_who_copies_along_ends_with_the_run(confiture: Command, target: psycopg.Connection[Any]) -> None:
    """Both where there was nothing to copy yet, and where a worker would go on."""
    assert confiture(*CREATE, *NEXT).code == 0
    assert confiture("transition", "run", "t", "--until", "captured", "--jobs", "2").code == 0
    assert there(target) == 0
    assert confiture("transition", "run", "t", "--until", "validated", "--jobs", "3").code == 0
    assert there(target) == 1000


def test_both_sides_tell_of_it(
    confiture: Command, query: Query, target: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert confiture(*CREATE, *NEXT).code == 0
    query("UPDATE confiture.transition_remote SET problem = 'it is away', problem_at = now()")
    assert "Tried again each second: it is away\n" in confiture("transition", "status", "t").out
    monkeypatch.setenv("DATABASE_URL", target.info.dsn)
    out = confiture("transition", "status", "t").out
    assert "From another server (database " in out
    assert "It is moved by the server that has its source tables.\n" in out
    assert confiture("transition", "status", "t", *JSON).json["transition"]["side"] == "target"
    assert confiture("transition", "run", "t").code == 41


def test_a_mode_needs_another_server(confiture: Command, query: Query) -> None:
    assert confiture(*CREATE, "--mode", "quantum").code == 2
    query("CREATE SCHEMA app_v2")
    query("CREATE TABLE app_v2.orders (id bigint PRIMARY KEY, total numeric)")
    result = confiture(*CREATE, "--mode", "synchronous")
    assert result.code == 1
    assert "It is for a target on another server." in result.err
    assert query("SELECT count(*) FROM confiture.transition") == [(0,)]
