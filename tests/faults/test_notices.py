"""What a client is told while migrations run: notices for people, with JSON in DETAIL for programs."""

from __future__ import annotations

import json
from collections.abc import Callable

from .conftest import Database, Run
from .server import Connection, until

Start = Callable[..., Run]

MIXED = {
    "1": "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (2)",
    "2": "-- confiture: transaction=off\nINSERT INTO t VALUES (3);\nCREATE INDEX CONCURRENTLY t_a ON t (a)",
}


def events(run: Run) -> list[tuple[str, dict[str, object]]]:
    """SQLSTATE and JSON of the notices of progress."""
    return [
        (notice.code, json.loads(notice.detail)) for notice in run.notices if notice.code.startswith("CFP")
    ]


def register(database: Database) -> None:
    """Register one that is transactional, and one that is not."""
    for version, up in MIXED.items():
        database.register(version, up)


def test_off(database: Database, run: Start) -> None:
    """Nothing is said unless it is asked for."""
    register(database)
    started = run()
    assert started.wait() is None
    assert started.notices == []


def test_migrations(database: Database, run: Start) -> None:
    """Start and end of each migration, from the session and from its worker."""
    register(database)
    started = run("confiture.progress = 'migrations'")
    assert started.wait() is None
    told = events(started)
    assert [
        (code, event["event"], event["version"], event["ordinal"], event["of"]) for code, event in told
    ] == [
        ("CFP01", "migration_started", "1", 1, 2),
        ("CFP02", "migration_finished", "1", 1, 2),
        ("CFP01", "migration_started", "2", 2, 2),
        ("CFP02", "migration_finished", "2", 2, 2),
    ]
    for _, event in told:
        assert event["name"] == f"m{event['version']}"
        assert event["direction"] == "up"
        if event["event"] == "migration_finished":
            assert float(str(event["elapsed_ms"])) >= 0
    assert [event["rows"] for _, event in told if "rows" in event] == [2, 1]


def test_statements(database: Database, run: Start) -> None:
    """Each statement, too, with its line and command."""
    register(database)
    started = run("confiture.progress = 'statements'")
    assert started.wait() is None
    told = [event for _, event in events(started) if str(event["event"]).startswith("statement_")]
    assert [
        (event["event"], event["version"], event["ordinal"], event["of"], event["line"]) for event in told
    ] == [
        (what, version, ordinal, 2, line)
        for version, ordinal, line in (("1", 1, 1), ("1", 2, 2), ("2", 1, 2), ("2", 2, 3))
        for what in ("statement_started", "statement_finished")
    ]
    assert [event["command"] for event in told[::2]][:3] == ["CREATE TABLE", "INSERT", "INSERT"]
    assert str(told[-1]["command"]).startswith("CREATE INDEX")


def test_live(database: Database, run: Start, other: Connection) -> None:
    """They come while it runs, not at its end."""
    register(database)
    database.register("3", "SELECT pg_advisory_xact_lock(1)")
    other.execute("SELECT pg_advisory_lock(1)")
    started = run("confiture.progress = 'statements'")
    until(lambda: any(event["version"] == "3" for _, event in events(started)), "the third is announced")
    assert not started.done
    assert any(
        event["event"] == "migration_finished" and event["version"] == "2" for _, event in events(started)
    )
    other.execute("SELECT pg_advisory_unlock(1)")
    assert started.wait() is None


def test_atomic(database: Database, run: Start) -> None:
    """migrate_up() tells the same; migrate_down() as well."""
    database.register("1", MIXED["1"], "DROP TABLE t")
    started = run("confiture.progress = 'migrations'", command="SELECT confiture.migrate_up()")
    assert started.wait() is None
    assert [event["event"] for _, event in events(started)] == ["migration_started", "migration_finished"]
    started = run("confiture.progress = 'migrations'", command="SELECT confiture.migrate_down()")
    assert started.wait() is None
    assert [event["direction"] for _, event in events(started)] == ["down", "down"]


def test_retries(database: Database, run: Start, other: Connection) -> None:
    """A try that failed for a lock is told, with how often there will be another."""
    register(database)
    assert run().wait() is None
    database.register("3", "ALTER TABLE t ADD COLUMN b int")
    other.execute("BEGIN; LOCK TABLE t IN ACCESS SHARE MODE")
    started = run(
        "confiture.progress = 'migrations'", "confiture.lock_timeout = '10ms'", "confiture.lock_retries = 500"
    )
    until(lambda: started.done or sum(code == "CFP03" for code, _ in events(started)) >= 2, "two retries")
    other.execute("COMMIT")
    assert started.wait() is None
    retries = [event for code, event in events(started) if code == "CFP03"]
    assert [event["attempt"] for event in retries] == list(range(1, len(retries) + 1))
    assert {(event["event"], event["version"], event["of"]) for event in retries} == {
        ("lock_retry", "3", 500)
    }


def test_notices_of_scripts(database: Database, run: Start) -> None:
    """What a script raises itself reaches the client, from the worker as well."""
    database.register("1", "DO $$ BEGIN RAISE NOTICE 'from one' USING DETAIL = 'd'; END $$")
    database.register("2", "-- confiture: transaction=off\nDO $$ BEGIN RAISE WARNING 'from two, ö'; END $$")
    started = run()
    assert started.wait() is None
    assert started.messages() == ["NOTICE: from one", "WARNING: from two, ö"]
    started = run("client_min_messages = 'error'")
    assert started.wait() is None
    assert started.messages() == []


def test_long_messages(database: Database, run: Start) -> None:
    """Messages that are longer than the queue between worker and session, and many of them."""
    database.register(
        "1",
        "-- confiture: transaction=off\n"
        "DO $$ BEGIN FOR i IN 1..300 LOOP RAISE NOTICE '%', repeat('n', 1000); END LOOP;"
        " RAISE EXCEPTION '%', repeat('ä', 200000); END $$",
    )
    started = run()
    error = started.wait()
    assert error is not None
    assert error.diag.message_primary == "ä" * 200000
    assert started.messages() == ["NOTICE: " + "n" * 1000] * 300
    assert database.value("SELECT length(message) FROM confiture.migration_log") == 200000
