"""--dry-run and --dry-run-execute: what is said, what is asked, what stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from confiture.render import report
from confiture.results import Lock, StatementReport

from .conftest import Command, Project

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def shop(project: Project, database: str) -> Project:
    project.migration("001_users", "CREATE TABLE users (id int);\nINSERT INTO users VALUES (1), (2);\n")
    project.migration("002_more", "ALTER TABLE users ADD email text;\nCREATE TABLE b AS TABLE users;\n")
    return project


def test_dry_run_executes_nothing(shop: Project, confiture: Command, query: Query) -> None:
    confiture("migrate", "up", "--target", "001")
    result = confiture("migrate", "up", "--dry-run")
    assert result.code == 0
    assert "002 more" in result.out
    assert "line 1: ALTER TABLE users ADD email text" in result.out
    assert "blocks reads and writes: public.users (AccessExclusiveLock)" in result.out
    assert "nothing was executed" in result.out
    assert query("SELECT to_regclass('b')") == [(None,)]


def test_dry_run_execute_measures_and_rolls_back(shop: Project, confiture: Command, query: Query) -> None:
    result = confiture("migrate", "up", "--dry-run-execute", "--format", "json")
    assert result.code == 22
    assert result.json["error"]["exit_code"] == 22
    statements = result.json["report"]
    assert [each["command"] for each in statements] == [
        "CREATE TABLE",
        "INSERT",
        "ALTER TABLE",
        "CREATE TABLE AS",
    ]
    assert statements[1]["rows_affected"] == 2
    assert all(each["execution_time_ms"] >= 0 for each in statements)
    assert statements[2]["file"] == "db/migrations/002_more.up.sql"
    assert query("SELECT count(*) FROM confiture.migration") == [(0,)]
    assert query("SELECT to_regclass('users')") == [(None,)]


def test_dry_run_execute_goes_on_with_yes(shop: Project, confiture: Command, query: Query) -> None:
    result = confiture("migrate", "up", "--dry-run-execute", "--yes")
    assert result.code == 0
    assert "measured, then rolled back" in result.out
    assert "2 migrations applied in" in result.out
    assert query("SELECT count(*) FROM b") == [(2,)]


def test_a_failing_statement_is_a_row_and_nothing_is_applied(
    shop: Project, confiture: Command, query: Query
) -> None:
    shop.migration("003_bad", "SELECT 1;\n\nSELECT nope FROM users;\n")
    result = confiture("migrate", "up", "--dry-run-execute", "--yes")
    assert result.code == 1
    assert 'error at db/migrations/003_bad.up.sql:3: column "nope" does not exist' in result.out
    assert "SQLSTATE: 42703" in result.out
    assert query("SELECT to_regclass('users')") == [(None,)]


def test_dry_run_of_down_reads_the_down_files(shop: Project, confiture: Command) -> None:
    shop.migration("003_c", "CREATE TABLE c ();", "DROP TABLE c;")
    confiture("migrate", "up")
    result = confiture("migrate", "down", "--dry-run", "--format", "json")
    assert [each["statement"] for each in result.json["report"]] == ["DROP TABLE c"]
    assert result.json["report"][0]["file"] == "db/migrations/003_c.down.sql"


def test_the_two_exclude_each_other(shop: Project, confiture: Command) -> None:
    assert confiture("migrate", "up", "--dry-run", "--dry-run-execute").code == 2


def test_the_report_of_one_statement() -> None:
    found = StatementReport(
        version="1",
        name="a",
        ordinal=1,
        line=3,
        statement="ALTER TABLE t\n  ALTER a TYPE bigint",
        command="ALTER TABLE",
        execution_time_ms=1234.5,
        rows_affected=10,
        wal_bytes=2048,
        buffers_read=2,
        locks=(
            Lock("public.t", "AccessExclusiveLock", "reads and writes", named=True),
            Lock("public.p", "ShareRowExclusiveLock", "writes", named=False),
            Lock("public.i", "AccessShareLock", "nothing", named=False),
        ),
        rewrites=("public.t",),
        scans=("public.p",),
        warnings=("careful",),
        estimate={"rows_target": 1000000, "low_ms": 1000, "high_ms": 65000, "basis": "sampled"},
        holders=(
            {
                "pid": 7,
                "user": "u",
                "application_name": "psql",
                "relation": "t",
                "mode": "AccessShareLock",
                "state": "idle",
                "xact_seconds": 42,
            },
        ),
    )
    assert [text for text, _ in report.statement(found, executed=True)] == [
        "  line 3: ALTER TABLE t ALTER a TYPE bigint",
        "      1.2 s, 10 rows, 2.0 kB of WAL, 16 kB read",
        "      blocks reads and writes: public.t (AccessExclusiveLock)",
        "      blocks writes: not named by it: public.p (ShareRowExclusiveLock)",
        "      rewrites public.t",
        "      reads all of public.p",
        "      warning: careful",
        "      estimate with 1,000,000 rows: 1.0 s to 1 min 5 s (sampled)",
        "      waits for process 7 of u (psql): AccessShareLock on t, idle, in a transaction for 42.0 s",
    ]
