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
    assert query("SELECT to_regclass('users')") == [(None,)]


def test_the_estimates_are_compared_with_the_real_run(
    shop: Project, confiture: Command, query: Query
) -> None:
    confiture("migrate", "up", "--dry-run-execute")
    assert query("SELECT count(*) > 0, count(actual_ms) FROM confiture.prediction") == [(True, 0)]
    assert confiture("migrate", "up").code == 0
    assert query("SELECT count(*) - count(actual_ms) FROM confiture.prediction") == [(0,)]
    assert query("SELECT count(*) > 0 FROM confiture.estimate_calibration()") == [(True,)]


def test_estimates_that_say_nothing_new_are_not_printed(shop: Project, confiture: Command) -> None:
    assert "estimate" not in confiture("migrate", "up", "--dry-run-execute").out


@pytest.mark.parametrize("option", ["--dry-run", "--dry-run-execute"])
def test_a_migration_without_a_statement_is_counted_and_noted(
    project: Project, confiture: Command, database: str, option: str
) -> None:
    confiture("migrate", "new", "first", "--version", "001")
    result = confiture("migrate", "up", option)
    assert "1 migration, 0 statements" in result.out
    note = (
        "db/migrations/001_first.up.sql has no statement: it would be marked as applied, and nothing else.\n"
    )
    assert note in result.err
    assert note == confiture("migrate", "up").err


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


def row(**more: Any) -> StatementReport:
    values = {
        "version": "1",
        "name": "a",
        "ordinal": 1,
        "line": 1,
        "statement": "SELECT 1",
        "command": "SELECT",
    }
    return StatementReport(**{**values, **more})


@pytest.mark.parametrize(
    ("estimate", "took", "told"),
    [
        ({"class": "metadata", "low_ms": 0.4, "high_ms": 6.5}, 0.9, False),
        ({"class": "metadata", "low_ms": 200, "high_ms": 800}, 400, False),
        ({"class": "metadata", "low_ms": 200, "high_ms": 1000}, 400, True),
        ({"class": "rows", "rows_measured": 10, "rows_target": 10, "low_ms": 1, "high_ms": 2}, 1, False),
        ({"class": "rows", "rows_measured": 10, "rows_target": 10, "low_ms": 60, "high_ms": 240}, 120, True),
        ({"class": "rows", "rows_measured": 10, "rows_target": 99, "low_ms": 1, "high_ms": 2}, 1, True),
        ({"class": "rows", "rows_measured": 10, "rows_target": 10, "basis": "unknown"}, 120, True),
    ],
)
def test_an_estimate_is_printed_where_it_tells_something(
    estimate: dict[str, Any], took: float, told: bool
) -> None:
    lines = report.statement(row(estimate=estimate, execution_time_ms=took), executed=True)
    assert any("estimate" in text for text, _ in lines) is told


def test_the_source_of_a_migration_in_python_is_not_printed() -> None:
    found = row(
        statement='"""Fill."""\nimport re', command="PYTHON", execution_time_ms=5.0, rows_affected=1000
    )
    assert [text for text, _ in report.statement(found, executed=True)] == [
        "  Python",
        "      5.0 ms, 1,000 rows",
    ]


def test_locks_on_what_is_new_and_locks_taken_anew() -> None:
    again = "; held since an earlier statement, the real run takes it anew"
    found = row(
        locks=(
            Lock("public.n", "AccessExclusiveLock", "reads and writes", created=True),
            Lock("public.a", "ShareLock", "writes"),
            Lock("public.b", "ShareLock", "writes", again=True),
        )
    )
    assert [text for text, _ in report.statement(found, executed=True)][1:] == [
        "      blocks writes: public.a (ShareLock)",
        f"      blocks writes: public.b (ShareLock{again})",
    ]
    assert [text for text, _ in report.summary([found], executed=True, migrations=1)][1:] == [
        "Blocks writes: public.a and public.b."
    ]
