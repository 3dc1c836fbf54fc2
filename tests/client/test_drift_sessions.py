"""Drift beyond one transaction: what CALL records, what stands in its way; the DDL log of all sessions."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

Connection = psycopg.Connection[Any]


@contextmanager
def session(database: str, **more: str) -> Iterator[Connection]:
    with psycopg.connect(make_conninfo(database, **more), autocommit=True) as connection:
        yield connection


def register(connection: Connection, **scripts: str) -> None:
    for version, script in scripts.items():
        connection.execute("SELECT confiture.register_migration(%s, 'm', %s)", (version.strip("v"), script))


def call(connection: Connection) -> tuple[str | None, list[str | None]]:
    """Run what is pending; return the SQLSTATEs of the error and of the warnings."""
    warnings: list[str | None] = []

    def note(notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            warnings.append(notice.sqlstate)

    connection.add_notice_handler(note)
    try:
        connection.execute("CALL confiture.migrate()")
    except psycopg.Error as problem:
        return problem.sqlstate, warnings
    finally:
        connection.remove_notice_handler(note)
    return None, warnings


def drift(connection: Connection) -> list[str]:
    rows = connection.execute("SELECT concat_ws(' ', change, identity) FROM confiture.drift() ORDER BY 1")
    return [row[0] for row in rows]


def record(connection: Connection) -> tuple[Any, ...]:
    """Return the newest record: its version, and whether it is older than the ledger."""
    row = connection.execute("SELECT version, stale FROM confiture._record_newest()").fetchone()
    assert row is not None
    return tuple(row)


def test_a_call_is_recorded_once(connection: Connection) -> None:
    register(
        connection, v1="CREATE TABLE a (id int)", v2="CREATE INDEX CONCURRENTLY a_id ON a (id)", v3="SELECT 1"
    )
    assert call(connection) == (None, [])
    assert drift(connection) == []
    assert record(connection) == ("3", False)
    rows = connection.execute("SELECT count(*) FROM confiture.schema_record").fetchone()
    assert rows == (1,)


def test_what_was_applied_before_a_failure_is_recorded(connection: Connection) -> None:
    register(connection, v1="CREATE TABLE a (id int)", v2="CREATE TABLE b (id int); SELECT 1 / 0")
    assert call(connection) == ("22012", [])
    assert drift(connection) == []
    assert record(connection) == ("1", False)


def test_the_half_of_a_migration_is_recorded(connection: Connection) -> None:
    register(connection, v1="CREATE TABLE a (id int)")
    assert call(connection) == (None, [])
    connection.execute("ALTER TABLE a ADD COLUMN hot int")
    register(connection, v2="-- confiture: transaction=off\nCREATE TABLE b (id int); SELECT 1 / 0")
    assert call(connection)[0] == "22012"
    # the table is there, and nobody has made it by hand
    assert drift(connection) == ["added column public.a.hot"]
    assert record(connection) == ("1", False)
    register(connection, v2="-- confiture: transaction=off\nCREATE TABLE b (id int); SELECT 1")
    assert call(connection) == (None, [])
    assert drift(connection) == ["added column public.a.hot"]


def test_a_first_migration_that_fails_leaves_no_record(connection: Connection) -> None:
    register(connection, v1="SELECT 1 / 0")
    assert call(connection)[0] == "22012"
    with pytest.raises(psycopg.Error) as caught:
        drift(connection)
    assert caught.value.sqlstate == "CF021"


def test_a_lock_of_somebody_else_is_a_warning(database: str, connection: Connection) -> None:
    register(connection, v1="CREATE TABLE a (id int); CREATE VIEW v AS SELECT id FROM a")
    assert call(connection) == (None, [])
    register(connection, v2="CREATE TABLE b (id int)")
    connection.execute("SET confiture.lock_timeout = '100ms'")
    with session(database) as other, other.transaction():
        other.execute("LOCK TABLE a")
        error, warnings = call(connection)
    assert (error, set(warnings)) == (None, {"CF022"})
    assert record(connection) == ("1", True)
    assert drift(connection) == ["added table public.b"]
    register(connection, v3="SELECT 1")
    assert call(connection) == (None, [])
    assert drift(connection) == []


def test_others_change_the_schema_meanwhile(database: str, connection: Connection) -> None:
    register(connection, **{f"v{number}": f"CREATE TABLE t{number} (id int)" for number in range(1, 9)})
    stop = threading.Event()

    def change() -> None:
        with session(database) as other:
            while not stop.is_set():
                other.execute(
                    "CREATE TABLE busy (id int PRIMARY KEY); CREATE VIEW idle AS SELECT id FROM busy"
                )
                other.execute("DROP TABLE busy CASCADE")

    changer = threading.Thread(target=change)
    changer.start()
    try:
        error, warnings = call(connection)
    finally:
        stop.set()
        changer.join()
    assert error is None
    assert set(warnings) <= {"CF022"}
    if not warnings:
        assert [line for line in drift(connection) if "busy" not in line and "idle" not in line] == []
    assert connection.execute("SELECT count(*) FROM confiture.tb_confiture").fetchone() == (8,)


def test_a_restored_dump_has_not_drifted(connection: Connection, database: str) -> None:
    register(
        connection,
        v1="CREATE TABLE a (id int PRIMARY KEY, kind varchar CHECK (kind IN ('a', 'b')));"
        "CREATE VIEW v AS SELECT id FROM a WHERE kind IN ('a', 'b')",
    )
    assert call(connection) == (None, [])
    dump = subprocess.run(["pg_dump", database], capture_output=True, text=True, check=True).stdout
    copy = f"cf_drift_{os.getpid()}"
    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(copy)))
    try:
        subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", copy],
            input=dump,
            text=True,
            check=True,
            capture_output=True,
        )
        with session(make_conninfo(database, dbname=copy)) as restored:
            assert record(restored) == ("1", False)
            assert drift(restored) == []
            register(restored, v2="CREATE TABLE b (id int)")
            assert call(restored) == (None, [])
            assert drift(restored) == []
    finally:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(copy)))


def test_it_only_reads(connection: Connection) -> None:
    register(connection, v1="CREATE TABLE a (id int, kind varchar CHECK (kind IN ('a', 'b')))")
    assert call(connection) == (None, [])
    connection.execute("ALTER TABLE a ADD COLUMN hot int")
    connection.execute("SET default_transaction_read_only = on")
    assert drift(connection) == ["added column public.a.hot"]


def test_a_reader_and_a_migrator(connection: Connection, database: str) -> None:
    reader, migrator = (f"cf_{name}_{os.getpid()}" for name in ("reader", "migrator"))
    for role, level in ((reader, "reader"), (migrator, "migrator")):
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        connection.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(role)))
        connection.execute("SELECT confiture.grant_usage(%s, %s)", (role, level))
    try:
        register(connection, v1="CREATE TABLE a (id int)")
        with session(database, user=migrator) as as_migrator:
            assert call(as_migrator) == (None, [])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                as_migrator.execute("SELECT confiture.record_schema()")
        connection.execute("ALTER TABLE a ADD COLUMN hot int")
        with session(database, user=reader) as as_reader:
            assert drift(as_reader) == ["added column public.a.hot"]
            assert as_reader.execute("SELECT count(*) FROM confiture.ddl_history()").fetchone() == (0,)
    finally:
        for role in (reader, migrator):
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_many_differences(connection: Connection) -> None:
    connection.execute("SELECT confiture.record_schema()")
    connection.execute(
        "DO $$ BEGIN FOR i IN 1 .. 300 LOOP"
        " EXECUTE format('CREATE TABLE t%s (id serial PRIMARY KEY, a text, b text)', i); END LOOP; END $$"
    )
    assert len(drift(connection)) == 300


@pytest.fixture
def logged(connection: Connection) -> Iterator[None]:
    connection.execute(
        sql.SQL("ALTER DATABASE {} SET confiture.log_ddl = on").format(sql.Identifier(connection.info.dbname))
    )
    yield


def log(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT command, statement, version FROM confiture.ddl_history() ORDER BY id"
    ).fetchall()


@pytest.mark.usefixtures("logged")
def test_the_log_of_all_sessions(database: str, connection: Connection) -> None:
    with session(database, application_name="fixer") as fresh:
        # several statements in one message, each with its text
        fresh.execute("CREATE TABLE a (id int); SELECT 1;  DROP TABLE a ;")
        fresh.execute("CREATE TABLE b (id int)", prepare=True)
    assert log(connection) == [
        ("CREATE TABLE", "CREATE TABLE a (id int)", None),
        ("DROP TABLE", "DROP TABLE a", None),
        ("CREATE TABLE", "CREATE TABLE b (id int)", None),
    ]
    row = connection.execute("SELECT DISTINCT application_name FROM confiture.ddl_history()").fetchall()
    assert row == [("fixer",)]


@pytest.mark.usefixtures("logged")
def test_the_log_of_a_worker(database: str, connection: Connection) -> None:
    register(
        connection,
        v1="CREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY i ON a (id);\nDROP INDEX CONCURRENTLY i",
    )
    with session(database) as fresh:
        assert call(fresh) == (None, [])
    assert log(connection) == [
        ("CREATE TABLE", "CREATE TABLE a (id int)", "1"),
        ("CREATE INDEX", "CREATE INDEX CONCURRENTLY i ON a (id)", "1"),
        ("DROP INDEX", "DROP INDEX CONCURRENTLY i", "1"),
    ]


@pytest.mark.usefixtures("logged")
def test_an_ordinary_user_cannot_switch_it_off(database: str, connection: Connection) -> None:
    role = f"cf_log_{os.getpid()}"
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    connection.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(role)))
    try:
        with session(database, user=role) as fresh:
            fresh.execute("SET confiture.log_ddl = off")
            fresh.execute("CREATE TABLE a (id int)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                fresh.execute("SET confiture.log_ddl = off")
        with (
            session(database, user=role, options="-c confiture.log_ddl=off") as fresh,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            fresh.execute("CREATE TABLE b (id int)")
        assert [row[1] for row in log(connection)] == ["CREATE TABLE a (id int)"]
    finally:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
