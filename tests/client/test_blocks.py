"""BEGIN and COMMIT in a migration that does not run in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from .conftest import Command, Project

Query = Callable[..., list[tuple[Any, ...]]]
OFF = "-- confiture: transaction=off\n"


def transactions(query: Query, *names: str) -> list[int]:
    """Return a number for each table: equal ones were made in one transaction."""
    rows = query("SELECT xmin::text FROM pg_class WHERE relname = ANY (%s) ORDER BY relname", list(names))
    known = [xmin for (xmin,) in rows]
    return [known.index(each) for each in known]


def test_what_is_between_them_is_one_transaction(
    project: Project, database: str, confiture: Command, query: Query
) -> None:
    project.migration(
        "001_a",
        f"{OFF}CREATE TABLE a (x int);\nBEGIN;\nCREATE TABLE b ();\nCREATE TABLE c ();\nCOMMIT;\n"
        "CREATE INDEX CONCURRENTLY ON a (x);\nSTART TRANSACTION; CREATE TABLE d (); END;\nCREATE TABLE e ();",
        f"{OFF}BEGIN; DROP TABLE a, b; DROP TABLE c, d; COMMIT; DROP TABLE e;",
    )
    assert confiture("migrate", "up", "--dry-run").code == 0
    measured = confiture("migrate", "up", "--dry-run-execute", "--yes")
    assert measured.code == 0, measured.err
    assert "  3/6 CREATE TABLE (line 5): " in measured.out
    assert query("SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b', 'c', 'd', 'e')") == [(5,)]
    assert transactions(query, "a", "b", "c", "d", "e") == [0, 1, 1, 3, 4]
    assert query("SELECT statements FROM confiture.history(1)") == [(6,)]
    assert confiture("migrate", "down").code == 0
    assert query("SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b', 'c', 'd', 'e')") == [(0,)]


def test_all_of_it_or_nothing(project: Project, database: str, confiture: Command, query: Query) -> None:
    text = OFF + "CREATE TABLE a ();\nBEGIN;\nCREATE TABLE b ();\nCREATE TABLE c ();\nSELECT {};\nCOMMIT;\n"
    project.migration("001_a", text.format("1/0"))
    failed = confiture("migrate", "up")
    assert failed.code == 1
    assert "  at db/migrations/001_a.up.sql:6" in failed.err
    assert "STATE: 001 does not run in one transaction: its first statement stays" in failed.err
    assert query("SELECT to_regclass('a') IS NOT NULL, to_regclass('b'), to_regclass('c')") == [
        (True, None, None)
    ]
    assert query("SELECT statements_done FROM confiture.migration_progress") == [(1,)]
    again = confiture("migrate", "up")
    assert "its first statement stays" in again.err
    project.migration("001_a", text.format("1"))
    assert confiture("migrate", "up").code == 0
    assert transactions(query, "a", "b", "c") == [0, 1, 1]


def test_a_lock_that_is_held(project: Project, database: str, confiture: Command, query: Query) -> None:
    """The whole transaction is tried again, and fails as a whole."""
    query("CREATE TABLE busy ()")
    name = conninfo_to_dict(database)["dbname"]
    query(f"ALTER DATABASE {name} SET confiture.lock_retries = 1")
    query(f"ALTER DATABASE {name} SET confiture.lock_timeout = 50")
    project.migration(
        "001_a", f"{OFF}BEGIN;\nCREATE TABLE a ();\nALTER TABLE busy ADD x int;\nCOMMIT;\nSELECT 1;"
    )
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE busy")
        failed = confiture("migrate", "up")
    assert failed.code == 19
    assert "Nothing of 001 was applied." in failed.err
    assert query("SELECT to_regclass('a')") == [(None,)]
    assert confiture("migrate", "up").code == 0
    assert transactions(query, "a", "busy") == [0, 0]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (f"{OFF}BEGIN;\nSELECT 1;", 2, "BEGIN at line 2 is never followed by COMMIT"),
        (
            f"{OFF}BEGIN;\nBEGIN;\nCOMMIT;",
            3,
            "BEGIN at line 3 stands in a transaction that has begun already",
        ),
        (f"{OFF}SELECT 1;\nCOMMIT;", 3, "COMMIT at line 3 ends no transaction"),
        (f"{OFF}BEGIN;\nCOMMIT AND CHAIN;", 3, "COMMIT AND CHAIN at line 3 is not supported"),
        (f"{OFF}BEGIN ISOLATION LEVEL SERIALIZABLE;\nCOMMIT;", 2, "BEGIN at line 2 says how its transaction"),
        (f"{OFF}BEGIN;\nVACUUM;\nCOMMIT;", 3, "the statement at line 3 cannot run in a transaction"),
        (f"{OFF}BEGIN;\nSAVEPOINT a;\nCOMMIT;", 3, "SAVEPOINT is not allowed in a script (line 3)"),
        (f"{OFF}BEGIN;\nROLLBACK;\nCOMMIT;", 3, "ROLLBACK is not allowed"),
        ("BEGIN;\nSELECT 1;\nCOMMIT;", 1, "BEGIN is not allowed in a script (line 1)"),
    ],
)
def test_what_is_refused(
    project: Project, database: str, confiture: Command, text: str, line: int, words: str
) -> None:
    project.migration("001_a", text)
    failed = confiture("migrate", "up")
    assert (failed.code, words in failed.err) == (14, True), failed.err
    assert f"  at db/migrations/001_a.up.sql:{line}:1" in failed.err
