"""Builds that are killed, cancelled, or not alone: nothing half counts, nothing of value is lost."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from threading import Thread

import psycopg
import pytest

from .conftest import Database, Run
from .server import PATIENCE, Connection, Server, until

Start = Callable[..., Run]
TARGET = "faults_built"
# A build that can be caught in the middle, and the tree after it was mended.
SLOW = {"1.sql": "CREATE TABLE a (id int); INSERT INTO a VALUES (1)", "2.sql": "SELECT pg_sleep(600)"}
QUICK = {"1.sql": "CREATE TABLE a (id int); INSERT INTO a VALUES (1)"}
# One that goes on when a role is there, which is seen from every database.
GATED = {
    **QUICK,
    "2.sql": "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'faults_gate') LOOP"
    " PERFORM pg_sleep(0.01); END LOOP; END $$",
}

WAITS = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory'"


def build(files: dict[str, str], name: str | None = TARGET, **options: object) -> str:
    """Return the query that builds."""
    given = json.dumps({"database": name, **options})
    return f"SELECT cached FROM confiture.build($f${json.dumps(files)}$f$, $o${given}$o$)"


def databases(database: Database) -> list[str]:
    """Return the names of what builds have made, without the part that differs."""
    rows = database.execute("SELECT datname FROM pg_database ORDER BY 1")
    names = [str(row[0]) for row in rows]
    return sorted(
        name.split("_")[1] if name.startswith("confiture_t") else name
        for name in names
        if name.startswith("confiture_t") or name == TARGET
    )


def in_the_middle(database: Database) -> None:
    """Wait until the files are being run."""
    query = (
        "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'confiture worker' AND query LIKE '%file 2.sql%'"
    )
    until(lambda: bool(database.execute(query)), "the build is in the middle")


def alone(database: Database) -> None:
    """Wait until no worker is left."""
    query = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'confiture worker'"
    until(lambda: not database.execute(query), "no worker is left")


@pytest.fixture
def old(database: Database) -> Iterator[Database]:
    """A server with a database that was built before; it is to survive whatever happens."""
    database.execute(build({"0.sql": "CREATE TABLE old ()"}, cache=False))
    yield database
    database.reconnect()
    database.execute("SELECT confiture.build_prune()")
    assert databases(database) == [TARGET]
    database.execute(f"DROP DATABASE {TARGET} WITH (FORCE)")


@pytest.fixture
def open_gate(old: Database) -> Iterator[Callable[[], None]]:
    """Let builds of GATED go on; at the end none is left that waits."""
    opened: list[bool] = []

    def open_it() -> None:
        if not opened:
            old.execute("CREATE ROLE faults_gate")
            opened.append(True)

    yield open_it
    open_it()
    alone(old)
    old.execute("DROP ROLE faults_gate")


def check_old(database: Database) -> None:
    """The old database is as it was, and nothing new counts as built."""
    kinds = database.execute("SELECT DISTINCT kind FROM confiture.builds() WHERE kind <> 'unfinished'")
    assert kinds == [("database",)]
    with database.server.connect(TARGET) as there:
        assert there.execute(
            "SELECT to_regclass('old') IS NOT NULL, to_regclass('a') IS NULL"
        ).fetchone() == (
            True,
            True,
        )


def check_new(database: Database) -> None:
    """The next build succeeds, and sweeps what the dead one has left."""
    assert database.execute(build(QUICK)) == [(False,)]
    assert databases(database) == [TARGET, "tpl"]
    assert database.execute(build(QUICK)) == [(True,)]
    with database.server.connect(TARGET) as there:
        assert there.execute("SELECT id FROM a").fetchall() == [(1,)]
    assert database.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = 0") == 0


def test_cancelled_by_two_signals(old: Database, run: Start) -> None:
    """For one request the postmaster sends two signals: the second one does not stop the clean-up."""
    twice = "SELECT pg_cancel_backend(%(pid)s), pg_sleep(0.02), pg_cancel_backend(%(pid)s)"
    for _ in range(20):
        running = run(command=build(SLOW))
        in_the_middle(old)
        began = time.monotonic()
        old.connection.execute(twice, {"pid": running.pid})
        took = time.monotonic() - began
        assert isinstance(running.wait(), psycopg.errors.QueryCanceled)
        if took < 0.09:
            assert databases(old) == [TARGET]
            return
        # Too slow to be the same request.
        old.execute("SELECT confiture.build_prune()")
    pytest.fail("never were two signals sent within 90 ms")


@pytest.mark.parametrize("victim", ["worker", "backend", "server"])
def test_killed(old: Database, victim: str) -> None:
    """kill -9 in the middle of the files."""
    client = old.client(build(SLOW))
    in_the_middle(old)
    server = old.server
    if victim == "server":
        old.connection.close()
        server.crash()
        server.start()
    else:
        old_backend = old.value(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT cached%' AND pid <> pg_backend_pid()"
        )
        worker = server.worker()
        assert worker is not None
        pid = worker.pid if victim == "worker" else old_backend
        old.connection.close()
        next(process for process in server.processes() if process.pid == pid).kill()
    assert client.wait(PATIENCE) != 0
    old.reconnect()
    check_old(old)
    check_new(old)


def test_client_killed(old: Database, open_gate: Callable[[], None]) -> None:
    """The server finds out that the client is gone when it has something to say: the build is whole."""
    client = old.client(build(GATED))
    in_the_middle(old)
    client.kill()
    client.wait(PATIENCE)
    open_gate()
    alone(old)
    until(lambda: "tmp" not in databases(old), "it has ended")
    assert databases(old) == [TARGET, "tpl"]
    assert old.execute(build(GATED)) == [(True,)]


def test_cancelled(old: Database, run: Start) -> None:
    """A cancelled build takes back what it has made, at once."""
    running = run(command=build(SLOW))
    in_the_middle(old)
    running.cancel()
    assert isinstance(running.wait(), psycopg.errors.QueryCanceled)
    assert databases(old) == [TARGET]
    check_old(old)
    check_new(old)


def test_statement_timeout(old: Database, run: Start) -> None:
    """The caller's statement_timeout counts for all of it."""
    assert isinstance(
        run("statement_timeout = '1s'", command=build(SLOW)).wait(), psycopg.errors.QueryCanceled
    )
    assert databases(old) == [TARGET]


@pytest.mark.parametrize("who", ["session", "worker"])
def test_terminated(old: Database, run: Start, who: str) -> None:
    """pg_terminate_backend(): of the session, of the worker."""
    running = run(command=build(SLOW))
    in_the_middle(old)
    kind = "confiture worker" if who == "worker" else "client backend"
    old.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = %s"
        " AND (pid = %s OR backend_type = 'confiture worker')",
        kind,
        running.pid,
    )
    assert running.wait() is not None
    alone(old)
    check_old(old)
    check_new(old)


def test_two_at_once(old: Database, run: Start, open_gate: Callable[[], None]) -> None:
    """One builds, the other one waits and copies; in whatever database of the server they are."""
    first = run(command=build(GATED))
    in_the_middle(old)
    found: list[object] = []
    with old.server.connect("postgres") as elsewhere:
        elsewhere.execute("CREATE EXTENSION IF NOT EXISTS confiture")
        second = Thread(
            target=lambda: found.append(elsewhere.execute(build(GATED, "faults_second")).fetchone())
        )
        second.start()
        until(lambda: bool(old.execute(WAITS)), "the second waits")
        open_gate()
        second.join(PATIENCE)
        assert found == [(True,)]
        elsewhere.execute("DROP DATABASE faults_second")
        elsewhere.execute("DROP EXTENSION confiture")
    assert first.wait() is None
    assert first.rows == [(False,)]
    assert databases(old) == [TARGET, "tpl"]


def test_two_for_one_name(old: Database, run: Start) -> None:
    """Two trees for one name: each leaves a whole database."""
    runs = [run(command=build({"1.sql": f"CREATE TABLE t{n} ()"}, cache=False)) for n in range(4)]
    assert [each.wait() for each in runs] == [None] * 4
    with old.server.connect(TARGET) as there:
        found = there.execute("SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-3]$'").fetchone()
    assert found == (1,)
    old.execute("SELECT confiture.build_prune()")
    assert databases(old) == [TARGET]


def test_prune_leaves_a_running_build_alone(old: Database, run: Start, open_gate: Callable[[], None]) -> None:
    """What is being built is not swept."""
    running = run(command=build(GATED))
    in_the_middle(old)
    assert old.execute("SELECT confiture.build_prune()") == []
    open_gate()
    assert running.wait() is None


def test_no_worker(database: Database) -> None:
    """No background worker is to be had."""
    server = database.server
    with server.connect() as connection:
        connection.execute("ALTER SYSTEM SET max_worker_processes = 0")
    database.connection.close()
    server.restart()
    database.reconnect()
    try:
        with pytest.raises(psycopg.Error) as caught:
            database.execute(build(QUICK))
        assert caught.value.sqlstate == "CF013"
        assert databases(database) == []
    finally:
        with server.connect() as connection:
            connection.execute("ALTER SYSTEM RESET max_worker_processes")
        database.connection.close()
        server.restart()
        database.reconnect()


def test_locks_do_not_run_out(server: Server, old: Database) -> None:
    """Thousands of objects, with the fewest locks there can be, in one file, the wrong way round."""
    with server.connect() as connection:
        connection.execute("ALTER SYSTEM SET max_locks_per_transaction = 10")
    old.connection.close()
    server.restart()
    old.reconnect()
    tables = [
        f"CREATE TABLE t{n} (id int PRIMARY KEY, up int REFERENCES t{n - 1}, v text UNIQUE);"
        for n in range(1, 1500)
    ]
    files = {"1.sql": "\n".join(tables), "2.sql": "CREATE TABLE t0 (id int PRIMARY KEY)"}
    try:
        with pytest.raises(psycopg.errors.OutOfMemory), old.connection.transaction():
            old.execute("CREATE TABLE t0 (id int PRIMARY KEY)")
            old.execute("\n".join(tables))
        old.execute(build(files, cache=False))
        with server.connect(TARGET) as there:
            assert there.execute("SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-9]+$'").fetchone() == (
                1500,
            )
    finally:
        with server.connect() as connection:
            connection.execute("ALTER SYSTEM RESET max_locks_per_transaction")
        old.connection.close()
        server.restart()
        old.reconnect()


def test_other_encoding(server: Server, database: Database) -> None:
    """From a database in LATIN1, one in LATIN1 is built."""
    with server.connect() as connection:
        connection.execute("CREATE DATABASE faults_latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    try:
        with server.connect("faults_latin") as latin:
            latin.execute("CREATE EXTENSION confiture")
            files = {"é.sql": "CREATE TABLE é (ü text); COPY é FROM stdin;\nñ\n\\.\n"}
            latin.execute(build(files, cache=False))
            with pytest.raises(psycopg.errors.UndefinedTable, match="ö"):
                latin.execute(build({"ä.sql": "SELECT * FROM ö"}, cache=False))
        with server.connect(TARGET) as there:
            assert there.execute("SELECT ü, pg_encoding_to_char(6) FROM é").fetchone() == ("ñ", "UTF8")
            assert there.execute("SHOW server_encoding").fetchone() == ("LATIN1",)
    finally:
        with server.connect() as connection:
            connection.execute("DROP DATABASE faults_latin WITH (FORCE)")
            connection.execute(f"DROP DATABASE IF EXISTS {TARGET} WITH (FORCE)")


def test_stopped(old: Database, other: Connection) -> None:
    """A server that is stopped in the middle of a build stops."""
    client = old.client(build(SLOW))
    in_the_middle(old)
    other.close()
    old.connection.close()
    old.server.restart("fast")
    assert client.wait(PATIENCE) != 0
    old.reconnect()
    check_old(old)
    check_new(old)


def test_interrupted_command(old: Database) -> None:
    """Ctrl-C of the client that waits for a template which another session builds."""
    first = old.client(build(SLOW))
    in_the_middle(old)
    second = old.client(build(SLOW, None))
    until(lambda: bool(old.execute(WAITS)), "the second waits")
    for client in (second, first):
        client.send_signal(signal.SIGINT)
        assert client.wait(PATIENCE) != 0
    alone(old)
    until(lambda: databases(old) == [TARGET], "both have taken back what they made")
    check_new(old)
