"""A run that is cancelled while CREATE INDEX CONCURRENTLY waits: the index is gone, or it is named."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from .conftest import Database, Run
from .server import Connection, until

Start = Callable[..., Run]

# Waits for old snapshots as long as it takes, unless a test says otherwise.
PATIENT = "confiture.lock_timeout = 0"


def hold_snapshot(other: Connection) -> None:
    """Open a transaction whose snapshot a concurrent index has to wait for. It holds no lock on the table."""
    other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    other.execute("SELECT 1")


def hold_rows(other: Connection) -> None:
    """Open a transaction that has written to the table: dropping an index has to wait for it, too."""
    other.execute("BEGIN")
    other.execute("INSERT INTO t VALUES (2)")


@pytest.fixture
def indexed(database: Database) -> Database:
    """A table, and a migration that makes an index of it."""
    database.execute("CREATE TABLE t (a int)")
    database.execute("INSERT INTO t VALUES (1)")
    database.register("1", "CREATE INDEX CONCURRENTLY t_a ON t (a)")
    return database


def cancel(database: Database, run: Run) -> None:
    """Cancel the statement of a run, as Ctrl-C does."""
    database.execute("SELECT pg_cancel_backend(%s)", run.pid)


def finish(database: Database, *indexes: str) -> None:
    """The next run succeeds, and nothing invalid is left."""
    database.execute("CALL confiture.migrate()")
    assert set(database.states().values()) == {"applied"}
    assert database.invalid_indexes() == []
    names = [
        row[0]
        for row in database.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1"
        )
    ]
    assert names == list(indexes)


def test_cancelled(indexed: Database, run: Start, other: Connection) -> None:
    """The invalid index is gone again."""
    hold_snapshot(other)
    started = run(PATIENT)
    started.wait_for_lock()
    assert indexed.invalid_indexes() == ["t_a"]
    cancel(indexed, started)
    error = started.wait()
    assert isinstance(error, psycopg.errors.QueryCanceled)
    assert 'migration 1 "m1" (up), statement 1 of 1 at line 1, column 1' in str(error.diag.context)
    assert indexed.invalid_indexes() == []
    assert indexed.states() == {"1": "pending"}
    assert indexed.execute("SELECT version, state, sqlstate FROM confiture.migration_log") == [
        ("1", "cancelled", "57014")
    ]
    other.execute("COMMIT")
    finish(indexed, "t_a")


def test_cancelled_without_name(indexed: Database, run: Start, other: Connection) -> None:
    """An index whose name the server chooses is found and dropped, too."""
    indexed.register("1", "CREATE INDEX CONCURRENTLY ON t (a)")
    hold_snapshot(other)
    started = run(PATIENT)
    started.wait_for_lock()
    assert indexed.invalid_indexes() == ["t_a_idx"]
    cancel(indexed, started)
    assert isinstance(started.wait(), psycopg.errors.QueryCanceled)
    assert indexed.invalid_indexes() == []
    other.execute("COMMIT")
    finish(indexed, "t_a_idx")


def test_cancelled_and_dropping_fails(indexed: Database, run: Start, other: Connection) -> None:
    """Where even dropping fails the index is named, and the next run cleans up."""
    hold_rows(other)
    started = run("confiture.lock_timeout = '200ms'", "confiture.lock_retries = 0")
    error = started.wait()
    assert isinstance(error, psycopg.errors.LockNotAvailable)
    assert any("t_a" in message and message.startswith("WARNING") for message in started.messages()), (
        started.messages()
    )
    assert indexed.invalid_indexes() == ["t_a"]
    assert indexed.states() == {"1": "pending"}
    other.execute("COMMIT")
    finish(indexed, "t_a")


def test_cancelled_under_a_lock(
    indexed: Database, run: Start, server_session: Callable[[], Connection], other: Connection
) -> None:
    """Who queues for the table gets it when the index is given up: it can't be dropped, but is named."""
    indexed.register("1", "CREATE INDEX CONCURRENTLY ON t (a)")
    hold_snapshot(other)
    third = server_session()
    third.execute("SELECT pg_advisory_lock(1)")
    started = run("confiture.lock_timeout = '1s'", "confiture.lock_retries = 0", "deadlock_timeout = '1h'")
    until(lambda: started.done or indexed.invalid_indexes() == ["t_a_idx"], "the index is half made")
    lock = Run(indexed, command="BEGIN; LOCK TABLE t; SELECT pg_advisory_lock(1); COMMIT")
    error = started.wait()
    assert error is not None
    assert any("t_a_idx" in message for message in started.messages()) or indexed.invalid_indexes() == []
    third.execute("SELECT pg_advisory_unlock(1)")
    assert lock.wait() is None
    other.execute("COMMIT")
    finish(indexed, "t_a_idx")


def test_cancelled_twice(indexed: Database, run: Start, other: Connection) -> None:
    """A second Ctrl-C does not wait for the clean-up."""
    hold_rows(other)
    started = run(PATIENT)
    started.wait_for_lock()
    cancel(indexed, started)
    until(
        lambda: (
            indexed.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('t_a')") != []
        ),
        "the index is there",
    )
    until(lambda: started.done or _cancel_and_tell(indexed, started), "the run has ended")
    assert started.wait() is not None
    until(lambda: indexed.server.worker() is None, "the worker has ended")
    other.execute("COMMIT")
    finish(indexed, "t_a")


def _cancel_and_tell(database: Database, run: Run) -> bool:
    cancel(database, run)
    return run.done


def test_nobody_else_during_clean_up(indexed: Database, run: Start, other: Connection) -> None:
    """As long as the cancelled run cleans up, it is the one that runs."""
    hold_rows(other)
    started = run("confiture.lock_timeout = '1h'")
    started.wait_for_lock()
    cancel(indexed, started)
    indexed.execute("SET confiture.lock_timeout = '1ms'")
    for _ in range(30):
        with pytest.raises(psycopg.Error) as refused:
            indexed.execute("CALL confiture.migrate()")
        assert refused.value.sqlstate == "CF001"
    assert not started.done
    other.execute("COMMIT")
    assert isinstance(started.wait(), psycopg.errors.QueryCanceled)
    finish(indexed, "t_a")


def test_terminated_session(indexed: Database, run: Start, other: Connection) -> None:
    """The session is gone: its worker stops and cleans up."""
    hold_snapshot(other)
    started = run(PATIENT)
    started.wait_for_lock()
    indexed.execute("SELECT pg_terminate_backend(%s)", started.pid)
    assert isinstance(started.wait(), psycopg.OperationalError)
    until(lambda: indexed.server.worker() is None, "the worker has ended")
    assert indexed.invalid_indexes() == []
    assert indexed.states() == {"1": "pending"}
    other.execute("COMMIT")
    finish(indexed, "t_a")


def test_worker_left_behind(indexed: Database, run: Start, other: Connection) -> None:
    """As long as the worker of a session that is gone cleans up, it is named as the one that runs."""
    hold_rows(other)
    started = run("confiture.lock_timeout = '1h'")
    started.wait_for_lock()
    worker = indexed.server.worker()
    assert worker is not None
    indexed.execute("SELECT pg_terminate_backend(%s)", started.pid)
    assert isinstance(started.wait(), psycopg.OperationalError)
    session = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
    until(lambda: not indexed.execute(session, started.pid), "it has left its locks")
    indexed.execute("SET confiture.lock_timeout = '1ms'")
    with pytest.raises(psycopg.Error) as refused:
        indexed.execute("CALL confiture.migrate()")
    assert refused.value.sqlstate == "CF001"
    assert f"Process {worker.pid} " in str(refused.value.diag.message_detail)
    assert "background" in str(refused.value.diag.message_detail)
    other.execute("COMMIT")
    until(lambda: indexed.server.worker() is None, "the worker has ended")
    finish(indexed, "t_a")


def test_terminated_worker(indexed: Database, run: Start, other: Connection) -> None:
    """The worker is gone: the session says so, and the next run goes on."""
    hold_snapshot(other)
    started = run(PATIENT)
    started.wait_for_lock()
    indexed.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'confiture worker'"
    )
    error = started.wait()
    assert error is not None
    assert indexed.states() == {"1": "pending"}
    assert [row[:2] for row in indexed.execute("SELECT version, state FROM confiture.migration_log")] == [
        ("1", "failed")
    ]
    other.execute("COMMIT")
    finish(indexed, "t_a")


def test_statement_timeout(indexed: Database, run: Start, other: Connection) -> None:
    """The session's statement_timeout holds for the index as well."""
    hold_snapshot(other)
    started = run(PATIENT, "statement_timeout = '300ms'")
    error = started.wait()
    assert isinstance(error, psycopg.errors.QueryCanceled)
    assert "statement timeout" in str(error), "not as if somebody had asked for it"
    assert indexed.invalid_indexes() == []
    other.execute("COMMIT")
    finish(indexed, "t_a")


def test_lock_timeout_of_another_kind(indexed: Database, run: Start, other: Connection) -> None:
    """Waiting for old transactions is bounded by the lock timeout, and tried again."""
    hold_snapshot(other)
    started = run(
        "confiture.lock_timeout = '50ms'",
        "confiture.lock_retries = 1000",
        "confiture.progress = 'migrations'",
    )
    until(
        lambda: started.done or any("retry 2 of" in message for message in started.messages()), "two retries"
    )
    assert not started.done, started.error
    other.execute("COMMIT")
    assert started.wait() is None
    finish(indexed, "t_a")


def test_cancelled_reindex(indexed: Database, run: Start, other: Connection) -> None:
    """REINDEX CONCURRENTLY leaves no half-made copy of an index."""
    indexed.execute("CREATE INDEX t_old ON t (a)")
    indexed.register("1", "REINDEX TABLE CONCURRENTLY t")
    hold_snapshot(other)
    started = run(PATIENT)
    started.wait_for_lock()
    cancel(indexed, started)
    assert isinstance(started.wait(), psycopg.errors.QueryCanceled)
    assert indexed.invalid_indexes() == []
    other.execute("COMMIT")
    finish(indexed, "t_old")


def test_cancelled_drop(indexed: Database, run: Start, other: Connection) -> None:
    """DROP INDEX CONCURRENTLY that was stopped half-way is done by the next run."""
    indexed.execute("CREATE INDEX t_old ON t (a)")
    indexed.register("1", "DROP INDEX CONCURRENTLY t_old; CREATE INDEX t_new ON t (a)")
    hold_rows(other)
    started = run(PATIENT)
    started.wait_for_lock()
    cancel(indexed, started)
    assert isinstance(started.wait(), psycopg.errors.QueryCanceled)
    assert indexed.states() == {"1": "pending"}
    other.execute("COMMIT")
    finish(indexed, "t_new")


def test_cancelled_detach(database: Database, run: Start, other: Connection) -> None:
    """DETACH PARTITION CONCURRENTLY that was stopped half-way is finished by the next run."""
    database.execute(
        "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)"
    )
    database.register("1", "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY; INSERT INTO p1 VALUES (1)")
    other.execute("BEGIN")
    other.execute("SELECT * FROM p")
    started = run(PATIENT)
    started.wait_for_lock()
    cancel(database, started)
    assert isinstance(started.wait(), psycopg.errors.QueryCanceled)
    assert database.states() == {"1": "pending"}
    assert database.value("SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = 'p1'::regclass") is True
    other.execute("COMMIT")
    database.execute("CALL confiture.migrate()")
    assert database.states() == {"1": "applied"}
    assert database.execute("SELECT 1 FROM pg_inherits WHERE inhrelid = 'p1'::regclass") == []
    assert database.execute("SELECT a FROM p1") == [(1,)]


def test_cancelled_between_retries(database: Database, run: Start, other: Connection) -> None:
    """A run that sleeps before its next try wakes up and ends."""
    database.execute("CREATE TABLE t (a int)")
    database.register("1", "ALTER TABLE t ADD COLUMN b int")
    other.execute("BEGIN; LOCK TABLE t IN ACCESS SHARE MODE")
    started = run(
        "confiture.lock_timeout = '10ms'",
        "confiture.lock_retries = 1000",
        "confiture.progress = 'migrations'",
    )
    until(
        lambda: started.done or any("retry 3 of" in message for message in started.messages()),
        "three retries",
    )
    cancel(database, started)
    assert isinstance(started.wait(), psycopg.errors.QueryCanceled)
    assert database.states() == {"1": "pending"}
    other.execute("COMMIT")
    database.execute("CALL confiture.migrate()")
    assert database.states() == {"1": "applied"}
