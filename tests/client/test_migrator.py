"""The library: the caller's connection is used as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from confiture import ConfitureError, Migrator, Progress
from confiture.errors import DatabaseError, UsageError
from confiture.migrations import Migration

from .conftest import Project

A = Migration.of("001", "a", "CREATE TABLE a ();", "DROP TABLE a;")
B = Migration.of("002", "b", "CREATE TABLE b ();\nINSERT INTO b DEFAULT VALUES;", "DROP TABLE b;")
BAD = Migration.of("003", "bad", "SELECT 1;\nSELECT nope;")


def states(migrator: Migrator) -> list[str]:
    return [each.state for each in migrator.status()]


def transaction(connection: psycopg.Connection[Any]) -> str:
    return connection.info.transaction_status.name


def test_with_a_url(project: Project, database: str) -> None:
    project.migration("001_a", A.up.text, "DROP TABLE a;")
    with Migrator(database) as migrator:
        assert [(each.version, each.direction) for each in migrator.plan()] == [("001", "up")]
        runs = migrator.up()
        assert [(each.version, each.name, each.direction) for each in runs] == [("001", "a", "up")]
        assert migrator.status()[0].file == "db/migrations/001_a.up.sql"
        assert [each.version for each in migrator.down()] == ["001"]
        assert states(migrator) == ["pending"]
        assert [each.state for each in migrator.history()] == ["done", "done"]
    assert migrator.connection.closed


def test_a_connection_of_the_caller_stays_open(connection: psycopg.Connection[Any]) -> None:
    with Migrator(connection, [A]) as migrator:
        migrator.up()
    assert not connection.closed
    assert connection.autocommit


def test_without_autocommit_the_caller_commits(database: str, connection: psycopg.Connection[Any]) -> None:
    with psycopg.connect(database) as caller:
        migrator = Migrator(caller, [A, B])
        assert states(migrator) == ["pending", "pending"]
        assert transaction(caller) == "IDLE"
        runs = migrator.up()
        assert [each.statements for each in runs] == [1, 2]
        assert transaction(caller) == "INTRANS"
        assert connection.execute("SELECT to_regclass('a')").fetchone() == (None,)
        assert states(migrator) == ["applied", "applied"]
        caller.rollback()
        assert states(migrator) == ["pending", "pending"]
        migrator.up()
        caller.commit()
    assert connection.execute("SELECT to_regclass('a')").fetchone() == ("a",)


def test_within_a_transaction_of_the_caller(connection: psycopg.Connection[Any]) -> None:
    migrator = Migrator(connection, [A])
    with connection.transaction(force_rollback=True):
        migrator.up()
        assert states(migrator) == ["applied"]
    assert states(migrator) == ["pending"]


def test_call_needs_autocommit(database: str) -> None:
    with psycopg.connect(database) as caller:
        with pytest.raises(UsageError, match="autocommit") as caught:
            Migrator(caller, [A]).up(atomic=False)
        assert caught.value.exit_code == 2


def test_a_failed_transaction(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.Error), connection.transaction():
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT nope")
        with pytest.raises(UsageError, match="failed transaction"):
            Migrator(connection, [A]).status()
        connection.execute("SELECT 1")


def test_pipeline_mode(connection: psycopg.Connection[Any]) -> None:
    with connection.pipeline(), pytest.raises(UsageError, match="pipeline"):
        Migrator(connection, [A]).up()


def test_an_error_has_its_place(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(DatabaseError) as caught:
        Migrator(connection, [A, BAD]).up()
    problem = caught.value
    assert problem.sqlstate == "42703"
    assert (problem.file, problem.line, problem.column) == ("003_bad.up.sql", 2, 8)
    assert problem.statement == "SELECT nope"
    assert (problem.migration, problem.direction, problem.ordinal, problem.of) == ("003", "up", 2, 2)
    assert [run.version for run in problem.runs] == ["001"]
    assert isinstance(problem.__cause__, psycopg.errors.UndefinedColumn)


def test_progress(connection: psycopg.Connection[Any]) -> None:
    events: list[Progress] = []
    Migrator(connection, [B], on_progress=events.append).up()
    assert [event.event for event in events] == [
        "migration_started",
        "statement_started",
        "statement_finished",
        "statement_started",
        "statement_finished",
        "migration_finished",
    ]
    assert events[3].command == "INSERT"
    assert events[3].line == 2
    assert events[4].rows == 1
    assert connection.execute("SHOW confiture.progress").fetchone() == ("off",)


def test_what_ran_is_known_even_where_notices_are_off(connection: psycopg.Connection[Any]) -> None:
    connection.execute("SET client_min_messages = error")
    assert [run.version for run in Migrator(connection, [A, B]).up()] == ["001", "002"]
    assert connection.execute("SHOW client_min_messages").fetchone() == ("error",)


def test_dry_run_and_analyze(connection: psycopg.Connection[Any]) -> None:
    migrator = Migrator(connection, [A, B])
    measured = migrator.dry_run()
    assert [(each.version, each.command) for each in measured] == [
        ("001", "CREATE TABLE"),
        ("002", "CREATE TABLE"),
        ("002", "INSERT"),
    ]
    assert measured[2].rows_affected == 1
    assert [each.command for each in migrator.analyze(target="001")] == ["CREATE TABLE"]
    assert states(migrator) == ["pending", "pending"]


def test_baseline(connection: psycopg.Connection[Any]) -> None:
    migrator = Migrator(connection, [A, B])
    assert migrator.baseline("001") == [("001", "a")]
    assert states(migrator) == ["applied", "pending"]


def test_without_files(connection: psycopg.Connection[Any]) -> None:
    connection.execute("SELECT confiture.register_migration('1', 'x', 'CREATE TABLE x ()')")
    migrator = Migrator(connection, None)
    assert states(migrator) == ["pending"]
    assert [run.version for run in migrator.up()] == ["1"]


def test_a_folder_outside_of_the_current_one(
    connection: psycopg.Connection[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder: Path = tmp_path_factory.mktemp("other")
    (folder / "parts").mkdir()
    (folder / "001_a.up.sql").write_text("\\i parts/a.sql\n")
    (folder / "parts/a.sql").write_text("CREATE TABLE a ();")
    assert [run.version for run in Migrator(connection, folder).up()] == ["001"]


def test_the_connection_keeps_its_row_factory(database: str) -> None:
    with psycopg.connect(database, autocommit=True, row_factory=psycopg.rows.dict_row) as caller:
        assert states(Migrator(caller, [A])) == ["pending"]
        assert caller.row_factory is psycopg.rows.dict_row


def test_an_unknown_target(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(ConfitureError) as caught:
        Migrator(connection, [A]).up("009")
    assert caught.value.exit_code == 13
