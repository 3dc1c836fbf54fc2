"""What the server lacks: background workers, disk space; and copies of the database: a standby, a dump."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator

import psycopg
import pytest

from .conftest import Database, Run
from .server import Server
from .standby import standby

Start = Callable[..., Run]


@pytest.fixture
def without_workers(server: Server) -> Iterator[None]:
    """A server that has no background workers."""
    with server.connect() as connection:
        connection.execute("ALTER SYSTEM SET max_worker_processes = 0")
    server.restart()
    yield
    with server.connect() as connection:
        connection.execute("ALTER SYSTEM RESET max_worker_processes")
    server.restart()


@pytest.mark.usefixtures("without_workers")
def test_no_worker(database: Database, run: Start) -> None:
    """Without a worker: a clear error for what needs one, a warning where a record is lost."""
    database.register("1", "CREATE TABLE t (a int)")
    database.register("2", "CREATE INDEX CONCURRENTLY ON t (a)")
    error = run().wait()
    assert error is not None
    assert error.sqlstate == "CF013"
    assert "max_worker_processes" in str(error)
    assert database.states() == {"1": "applied", "2": "pending"}
    assert database.execute(
        "SELECT version, sqlstate FROM confiture.migration_log WHERE state = 'failed'"
    ) == [("2", "CF013")]

    database.register("2", "SELECT 1/0")
    started = run(command="SELECT confiture.migrate_up()")
    assert isinstance(started.wait(), psycopg.errors.DivisionByZero)
    assert any(message.startswith("WARNING") and "on record" in message for message in started.messages())

    assert isinstance(run().wait(), psycopg.errors.DivisionByZero)
    assert database.value("SELECT count(*) FROM confiture.migration_log WHERE sqlstate = '22012'") == 1


def test_no_space(database: Database, run: Start) -> None:
    """An index that runs out of temporary space is gone again; given space, the same migration succeeds."""
    database.execute("CREATE TABLE t AS SELECT i, md5(i::text) AS a FROM generate_series(1, 30000) AS i")
    database.register("1", "CREATE INDEX CONCURRENTLY t_a ON t (a)")
    settings = ["maintenance_work_mem = '1MB'", "max_parallel_maintenance_workers = 0"]
    error = run(*settings, "temp_file_limit = '100kB'").wait()
    assert isinstance(error, psycopg.errors.ConfigurationLimitExceeded)
    assert database.invalid_indexes() == []
    assert database.states() == {"1": "pending"}
    assert run(*settings).wait() is None
    assert database.states() == {"1": "applied"}


def test_dump_and_restore(database: Database, server: Server) -> None:
    """A dump keeps what is registered, what is applied, the log and the hooks; and the next run goes on."""
    database.register("1", "CREATE TABLE t (a int)", "DROP TABLE t")
    database.register("2", "INSERT INTO t VALUES (1)")
    database.execute("SELECT confiture.register_hook('before_each', 'h', 'sql', 'SELECT 1')")
    database.execute("CALL confiture.migrate()")
    database.register("3", "-- confiture: transaction=off\nINSERT INTO t VALUES (2); SELECT 1/0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        database.execute("CALL confiture.migrate()")
    database.register("4", "INSERT INTO t VALUES (3)")
    tables = ["migration", "tb_confiture", "migration_log", "migration_progress", "hook"]
    before = {name: database.execute(f"SELECT * FROM confiture.{name} ORDER BY 1, 2") for name in tables}

    dump = subprocess.run(["pg_dump", database.name], check=True, capture_output=True).stdout
    copy = f"{database.name}_copy"
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {copy}")
    try:
        subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", copy],
            input=dump,
            check=True,
            capture_output=True,
        )
        with server.connect(copy) as connection:
            for name in tables:
                assert (
                    connection.execute(f"SELECT * FROM confiture.{name} ORDER BY 1, 2").fetchall()
                    == before[name]
                ), name
            connection.execute("SELECT confiture.forget('3'); SELECT confiture.unregister_migration('3')")
            connection.execute("CALL confiture.migrate()")
            states = connection.execute("SELECT version, state FROM confiture.migrate_status()").fetchall()
            assert states == [("1", "applied"), ("2", "applied"), ("4", "applied")]
            last = connection.execute("SELECT max(id) FROM confiture.migration_log").fetchone()
            assert last is not None
            assert int(str(last[0])) > len(before["migration_log"])
    finally:
        with server.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)")


def test_other_encoding(server: Server) -> None:
    """A database that is not UTF-8: checksums are the same, positions count characters."""
    name = f"faults_latin_{os.getpid()}"
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        with server.connect(name) as connection:
            connection.execute("CREATE EXTENSION confiture")
            script = "SELECT 'äöü';\nSELECT 'äöü', nope"
            connection.execute("SELECT confiture.register_migration('1', 'é', %s)", [script])
            row = connection.execute(
                "SELECT checksum = encode(sha256(convert_to(%s::text, 'UTF8')), 'hex')"
                " FROM confiture.migration",
                [script],
            ).fetchone()
            assert row == (True,)
            for command in ("SELECT confiture.migrate_up()", "CALL confiture.migrate()"):
                with pytest.raises(psycopg.errors.UndefinedColumn) as failed:
                    connection.execute(command)
                assert (
                    failed.value.diag.context == 'migration 1 "é" (up), statement 2 of 2 at line 2, column 15'
                )
            connection.execute(
                "SELECT confiture.register_migration('1', 'é', %s)", ["CREATE TABLE té (ä text DEFAULT 'ü')"]
            )
            connection.execute("CALL confiture.migrate()")
            assert connection.execute("SELECT count(*) FROM té").fetchone() == (0,)
    finally:
        with server.connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_standby(database: Database, server: Server) -> None:
    """A hot standby: the state can be read, nothing can be run, and the error says why."""
    database.register("1", "CREATE TABLE t (a int)")
    with standby(server) as port, server.connect(database.name, port=port) as connection:
        assert connection.execute("SELECT version, state FROM confiture.migrate_status()").fetchall() == [
            ("1", "pending")
        ]
        assert connection.execute("SELECT version FROM confiture.migrate_plan()").fetchall() == [("1",)]
        for command in (
            "SELECT confiture.migrate_up()",
            "CALL confiture.migrate()",
            "SELECT confiture.migrate_down()",
            "SELECT confiture.baseline('1')",
            "SELECT confiture.forget('1')",
        ):
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as refused:
                connection.execute(command)
            assert "standby" in str(refused.value), command
            assert refused.value.diag.message_hint, command
