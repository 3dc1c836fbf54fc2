"""The server dies at a chosen point of a statement that runs outside of a transaction."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from .conftest import Database, Run
from .server import PATIENCE, Connection, until
from .test_cancel import PATIENT, hold_snapshot

Start = Callable[..., Run]


def crash(database: Database, run: Run, other: Connection) -> None:
    """Kill the worker: the server restarts, all sessions are gone."""
    worker = database.server.worker()
    assert worker is not None
    worker.kill()
    assert run.wait() is not None
    other.close()
    database.reconnect()


@pytest.fixture
def table(database: Database) -> Database:
    """A table with a row."""
    database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    return database


def indexes(database: Database) -> list[tuple[object, ...]]:
    """Indexes of the table: name, whether valid."""
    return database.execute(
        "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = 't'::regclass"
        " ORDER BY 1"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY t_a ON t (a)",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a)",
        "CREATE UNIQUE INDEX CONCURRENTLY t_a ON public.t (a)",
    ],
)
def test_create_index(table: Database, run: Start, other: Connection, statement: str) -> None:
    """An index with a name: the next run drops what is left and makes it anew."""
    table.register("1", f"{statement}; INSERT INTO t VALUES (2)")
    hold_snapshot(other)
    started = run(PATIENT)
    started.wait_for_lock()
    crash(table, started, other)
    assert indexes(table) == [("t_a", False)]
    assert table.states() == {"1": "pending"}
    table.execute("CALL confiture.migrate()")
    assert indexes(table) == [("t_a", True)]
    assert table.states() == {"1": "applied"}
    assert table.execute("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


def test_create_index_without_name(table: Database, run: Start, other: Connection) -> None:
    """An index without a name: nobody can tell, so somebody is asked."""
    table.register("1", "INSERT INTO t VALUES (2); CREATE INDEX CONCURRENTLY ON t (a)")
    hold_snapshot(other)
    started = run(PATIENT)
    started.wait_for_lock()
    crash(table, started, other)
    with pytest.raises(psycopg.Error) as doubt:
        table.execute("CALL confiture.migrate()")
    assert doubt.value.sqlstate == "CF012"
    assert "confiture.resolve" in str(doubt.value.diag.message_hint)
    assert table.states() == {"1": "pending"}
    assert table.execute("SELECT state, sqlstate FROM confiture.migration_log") == [("failed", "CF012")]
    table.execute("SELECT confiture.resolve('1', completed => false)")
    table.execute("DROP INDEX t_a_idx")
    table.execute("CALL confiture.migrate()")
    assert table.states() == {"1": "applied"}
    assert indexes(table) == [("t_a_idx", True)]
    assert table.execute("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


def test_create_index_that_was_completed(table: Database) -> None:
    """The index was made, the note that it was is missing: taken as done."""
    table.register("1", "CREATE INDEX CONCURRENTLY t_a ON t (a); INSERT INTO t VALUES (2)")
    table.execute(
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF new.statements_done = 1 AND new.started IS NULL THEN PERFORM pg_advisory_lock(1); END IF;"
        " RETURN new; END $$"
    )
    table.execute(
        "CREATE TRIGGER stop BEFORE INSERT OR UPDATE ON confiture.migration_progress"
        " FOR EACH ROW EXECUTE FUNCTION stop()"
    )
    table.execute("SELECT pg_advisory_lock(1)")
    started = Run(table, "confiture.lock_timeout = 0")
    started.wait_for_lock()
    assert indexes(table) == [("t_a", True)]
    worker = table.server.worker()
    assert worker is not None
    worker.kill()
    assert started.wait() is not None
    table.reconnect()
    table.execute("DROP TRIGGER stop ON confiture.migration_progress")
    assert table.states() == {"1": "pending"}
    table.execute("CALL confiture.migrate()")
    assert table.states() == {"1": "applied"}
    assert indexes(table) == [("t_a", True)]
    assert table.execute("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


def test_drop_index(table: Database, run: Start, other: Connection) -> None:
    """DROP INDEX CONCURRENTLY is finished by the next run."""
    table.execute("CREATE INDEX t_a ON t (a)")
    table.register("1", "DROP INDEX CONCURRENTLY t_a; INSERT INTO t VALUES (2)")
    other.execute("BEGIN; SELECT * FROM t")
    started = run(PATIENT)
    started.wait_for_lock()
    crash(table, started, other)
    assert table.states() == {"1": "pending"}
    table.execute("CALL confiture.migrate()")
    assert table.states() == {"1": "applied"}
    assert indexes(table) == []
    assert table.execute("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


def test_reindex(table: Database, run: Start, other: Connection) -> None:
    """REINDEX CONCURRENTLY runs again, and leaves no half-made copy of the index behind."""
    table.execute("CREATE INDEX t_a ON t (a)")
    table.register("1", "REINDEX INDEX CONCURRENTLY t_a")
    hold_snapshot(other)
    started = run(PATIENT)
    started.wait_for_lock()
    crash(table, started, other)
    assert ("t_a_ccnew", False) in indexes(table)
    assert table.states() == {"1": "pending"}
    table.execute("CALL confiture.migrate()")
    assert table.states() == {"1": "applied"}
    assert indexes(table) == [("t_a", True)]


def test_detach_partition(database: Database, run: Start, other: Connection) -> None:
    """DETACH PARTITION CONCURRENTLY is finalized by the next run."""
    database.execute(
        "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)"
    )
    database.register("1", "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY; INSERT INTO p1 VALUES (1)")
    other.execute("BEGIN; SELECT * FROM p")
    started = run(PATIENT)
    started.wait_for_lock()
    crash(database, started, other)
    assert database.value("SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = 'p1'::regclass") is True
    assert database.states() == {"1": "pending"}
    database.execute("CALL confiture.migrate()")
    assert database.states() == {"1": "applied"}
    assert database.execute("SELECT 1 FROM pg_inherits WHERE inhrelid = 'p1'::regclass") == []
    assert database.execute("SELECT a FROM p1") == [(1,)]


def test_transactional_statement(table: Database, run: Start, other: Connection) -> None:
    """A statement of transaction=off that is no top-level one is done and noted, or neither."""
    table.register(
        "1",
        "-- confiture: transaction=off\nINSERT INTO t VALUES (2);"
        "INSERT INTO t SELECT 3 FROM pg_advisory_xact_lock(1)",
    )
    other.execute("SELECT pg_advisory_lock(1)")
    started = run(PATIENT)
    started.wait_for_lock()
    crash(table, started, other)
    assert table.execute("SELECT a FROM t ORDER BY a") == [(1,), (2,)]
    assert table.execute("SELECT statements_done, started FROM confiture.migration_progress") == [(1, None)]
    assert table.states() == {"1": "pending"}
    table.execute("CALL confiture.migrate()")
    assert table.execute("SELECT a FROM t ORDER BY a") == [(1,), (2,), (3,)]
    assert table.states() == {"1": "applied"}


def test_database(database: Database) -> None:
    """CREATE DATABASE that was completed is not tried again."""
    name = f"{database.name}_made"
    database.register("1", f"CREATE DATABASE {name}", f"DROP DATABASE {name}")
    database.execute("CALL confiture.migrate()")
    assert database.value("SELECT count(*) FROM pg_database WHERE datname = %s", name) == 1
    assert database.states() == {"1": "applied"}
    database.execute("CALL confiture.migrate('down')")
    assert database.value("SELECT count(*) FROM pg_database WHERE datname = %s", name) == 0


def test_client_gone(table: Database, other: Connection) -> None:
    """The client is killed while the session waits for a lock: nothing is done by half, and nothing twice."""
    table.register("1", "INSERT INTO t VALUES (2); LOCK TABLE t; INSERT INTO t VALUES (3)")
    other.execute("BEGIN; LOCK TABLE t IN ACCESS SHARE MODE")
    client = table.client()
    until(
        lambda: (
            table.execute(
                "SELECT 1 FROM pg_locks WHERE relation = 't'::regclass"
                " AND mode = 'AccessExclusiveLock' AND NOT granted"
            )
            != []
        ),
        "the migration waits for its lock",
    )
    client.kill()
    client.wait(PATIENCE)
    assert table.states() == {"1": "pending"}
    other.execute("COMMIT")
    other.close()
    table.reconnect()
    table.execute("CALL confiture.migrate()")
    assert table.states() == {"1": "applied"}
    assert table.execute("SELECT a FROM t ORDER BY a") == [(1,), (2,), (3,)]
