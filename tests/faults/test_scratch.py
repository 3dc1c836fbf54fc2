"""Scratch databases whose caller, worker or server dies: nothing counts, and what is left is swept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from .conftest import Database, Run
from .server import PATIENCE, until

Start = Callable[..., Run]
SLOW = "SELECT confiture.snapshot_of('CREATE TABLE a (id int); SELECT pg_sleep(600)'::text)"
PROOF = """SELECT confiture.prove(
    '{}', '{CREATE TABLE a (id int),SELECT pg_sleep(600)}', '{}')"""
FULL = """SELECT confiture.prove('{}', '{CREATE TABLE a (id int)}',
    confiture.snapshot_of('CREATE TABLE a (id int)'::text), '{"keep": true}') -> 'proven'"""


def kinds(database: Database) -> list[object]:
    """Return the kinds of what is there."""
    return [row[0] for row in database.execute("SELECT kind FROM confiture.builds() ORDER BY 1")]


def in_the_middle(database: Database) -> None:
    """Wait until the statements are being run."""
    query = """SELECT 1 FROM pg_stat_activity WHERE backend_type = 'confiture worker'
        AND wait_event = 'PgSleep'"""
    until(lambda: bool(database.execute(query)), "it is in the middle")


@pytest.fixture
def ready(database: Database) -> Iterator[Database]:
    """A server with the template of scratch databases."""
    database.execute("SELECT confiture.scratch_prepare()")
    yield database
    database.reconnect()
    database.execute("SELECT confiture.build_prune()")
    assert kinds(database) == []


def check(database: Database) -> None:
    """What is left is told and swept, templates stay, the next one succeeds, no lock is left."""
    assert kinds(database) == ["scratch", "unfinished"]
    assert len(database.execute("SELECT confiture.build_prune(8)")) == 1
    assert kinds(database) == ["scratch"]
    assert database.value(FULL) is True
    assert kinds(database) == ["scratch", "twin", "twin"]
    assert database.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = 0") == 0


@pytest.mark.parametrize("victim", ["worker", "backend", "server"])
def test_killed(ready: Database, victim: str) -> None:
    """kill -9 in the middle: all of it takes the server down, which comes back."""
    client = ready.client(SLOW)
    in_the_middle(ready)
    server = ready.server
    if victim == "server":
        ready.connection.close()
        server.crash()
        server.start()
    else:
        backend = ready.value(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT confiture.snapshot_of%'"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        worker = server.worker()
        assert worker is not None
        pid = worker.pid if victim == "worker" else backend
        ready.connection.close()
        next(process for process in server.processes() if process.pid == pid).kill()
    assert client.wait(PATIENCE) != 0
    ready.reconnect()
    check(ready)


@pytest.mark.parametrize("command", [SLOW, PROOF])
def test_cancelled(ready: Database, run: Start, command: str) -> None:
    """A cancelled one takes back what it has made, at once."""
    running = run(command=command)
    in_the_middle(ready)
    running.cancel()
    assert isinstance(running.wait(), psycopg.errors.QueryCanceled)
    assert kinds(ready) == ["scratch"]
    assert ready.value(FULL) is True


def test_cancelled_twice(ready: Database, run: Start) -> None:
    """The second cancel comes while what was made is dropped."""
    running = run(command=PROOF)
    in_the_middle(ready)
    name = ready.value("SELECT database FROM confiture.builds() WHERE kind = 'unfinished'")
    # It can't be dropped as long as somebody is there.
    guest = ready.server.connect(str(name))
    running.cancel()
    drops = """SELECT pid FROM pg_stat_activity WHERE backend_type = 'confiture worker'
        AND query LIKE 'DROP DATABASE%'"""
    first: list[tuple[object, ...]] = []

    def dropping() -> bool:
        first[:] = ready.execute(drops)
        return bool(first)

    until(dropping, "it is dropped")
    # What comes at once is the same request: see extension/worker.c.
    time.sleep(0.2)
    running.cancel()
    until(lambda: ready.execute(drops) != first, "that is cancelled")
    guest.close()
    assert isinstance(running.wait(), psycopg.errors.QueryCanceled)
    assert running.messages() == []
    assert kinds(ready) == ["scratch"]
    assert ready.value(FULL) is True


@pytest.mark.parametrize("who", ["session", "worker"])
def test_terminated(ready: Database, run: Start, who: str) -> None:
    """pg_terminate_backend(): of the worker it is an error, of the session something is left to be swept."""
    running = run(command=PROOF)
    in_the_middle(ready)
    kind = "confiture worker" if who == "worker" else "client backend"
    ready.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = %s AND pid <> pg_backend_pid()"
        " AND (backend_type = 'confiture worker' OR query LIKE 'SELECT confiture.prove%%')",
        kind,
    )
    assert isinstance(running.wait(), psycopg.OperationalError)
    query = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'confiture worker'"
    until(lambda: not ready.execute(query), "no worker is left")
    if who == "session":
        check(ready)
    else:
        assert kinds(ready) == ["scratch"]
