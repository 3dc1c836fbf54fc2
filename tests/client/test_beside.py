"""Beside others: clients that register at the same time, standbys, roles that may only read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from confiture import ConfitureError, Migrator
from confiture.migrations import Migration

from .conftest import Command, Project

Query = Callable[..., list[tuple[Any, ...]]]
OURS = Migration.of("001", "ours", "CREATE TABLE ours ();", "DROP TABLE ours;")
THEIRS = Migration.of("002", "theirs", "CREATE TABLE theirs ();", "DROP TABLE theirs;")


class Intruded(Migrator):
    """A migrator beside which somebody else acts, right after it has registered its files."""

    intrude: Callable[[], None]

    def register(self, *, on_modified: str = "error") -> dict[str, str]:
        done = super().register(on_modified=on_modified)
        self.intrude()
        return done


@pytest.fixture
def other(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as opened:
        opened.execute("SELECT confiture.version()")
        opened.execute("SET confiture.lock_timeout = '10ms'")
        opened.execute("SET lock_timeout = '10ms'")
        yield opened


@pytest.mark.parametrize("look", ["plan", "analyze", "status"])
def test_nobody_registers_while_we_look(
    connection: psycopg.Connection[Any], other: psycopg.Connection[Any], look: str
) -> None:
    def intrude() -> None:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("SELECT confiture.register_migration('002', 'theirs', 'SELECT 1')")

    migrator = Intruded(connection, [OURS])
    migrator.intrude = intrude
    assert {each.version for each in getattr(migrator, look)()} == {"001"}
    other.execute("SELECT confiture.register_migration('002', 'theirs', 'SELECT 1')")


@pytest.mark.parametrize("run", ["up", "dry_run", "down"])
@pytest.mark.parametrize("autocommit", [True, False])
def test_no_other_client_registers_while_we_run(
    database: str, other: psycopg.Connection[Any], run: str, autocommit: bool
) -> None:
    refused: list[int] = []

    def intrude() -> None:
        for attempt in (Migrator(other, [THEIRS]).up, Migrator(other, [THEIRS]).dry_run):
            with pytest.raises(ConfitureError) as caught:
                attempt()
            refused.append(caught.value.exit_code)

    if run == "down":
        with Migrator(database, [OURS]) as before:
            before.up()
    with psycopg.connect(database, autocommit=autocommit) as connection:
        migrator = Intruded(connection, [OURS])
        migrator.intrude = intrude
        assert {each.version for each in getattr(migrator, run)()} == {"001"}
    assert refused == [6, 6]
    assert [each.version for each in Migrator(other, [THEIRS]).up()] == ["002"]


def test_the_lock_is_given_back_after_a_failure(
    connection: psycopg.Connection[Any], other: psycopg.Connection[Any]
) -> None:
    with pytest.raises(ConfitureError):
        Migrator(connection, [Migration.of("001", "bad", "SELECT nope")]).up()
    assert [each.version for each in Migrator(other, [THEIRS]).up()] == ["002"]
    assert connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


def test_while_a_dry_run_works_others_may_look(database: str, other: psycopg.Connection[Any]) -> None:
    states: list[str] = []

    def look(_: object) -> None:
        states.extend(each.state for each in Migrator(other, [OURS]).status())

    with psycopg.connect(database, autocommit=True) as connection:
        connection.add_notice_handler(look)
        looking = Migration.of(
            "001", "ours", "DO $$ BEGIN RAISE NOTICE 'now'; PERFORM pg_sleep(0.1); END $$;"
        )
        Migrator(connection, [looking]).dry_run()
    assert set(states) <= {"pending"}


@pytest.fixture
def shop(project: Project, confiture: Command, database: str) -> Project:
    project.migration("001_a", "CREATE TABLE a ();")
    assert confiture("migrate", "up").code == 0
    project.migration("002_b", "CREATE TABLE b ();")
    return project


def check_not_compared(confiture: Command, url: str) -> None:
    result = confiture("migrate", "status", "--database-url", url)
    assert result.code == 0
    assert result.err == "shown as registered in the database; files were not compared: read-only\n"
    assert result.out.splitlines()[-1] == "1 applied."
    found = confiture("migrate", "status", "--check", "--format", "json", "--database-url", url)
    assert found.code == 21
    assert found.json["compared_with_files"] is False
    assert [each["version"] for each in found.json["migrations"]] == ["001"]


def test_status_where_nothing_can_be_written(shop: Project, confiture: Command, database: str) -> None:
    check_not_compared(confiture, make_conninfo(database, options="-c default_transaction_read_only=on"))
    compared = confiture("migrate", "status", "--format", "json").json
    assert compared["compared_with_files"] is True


def test_status_for_a_reader(shop: Project, confiture: Command, database: str, query: Query) -> None:
    query("CREATE ROLE cf_reader LOGIN")
    try:
        url = make_conninfo(database, user="cf_reader")
        refused = confiture("migrate", "status", "--database-url", url)
        assert refused.code == 20
        query("SELECT confiture.grant_usage('cf_reader', 'reader')")
        check_not_compared(confiture, url)
        assert confiture("migrate", "up", "--dry-run", "--database-url", url).code == 20
    finally:
        query("DROP OWNED BY cf_reader")
        query("DROP ROLE cf_reader")
