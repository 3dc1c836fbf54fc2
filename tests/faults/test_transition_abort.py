"""An abort beside sessions that stay in their transactions: readers keep nobody from writing as before."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from .conftest import Database
from .server import Connection, until
from .test_transition import background, go, state

ABORT = "SELECT confiture.transition_abort('t')"
TRACES = """
    SELECT relname::text, '' FROM pg_class WHERE relname LIKE 'confiture\\_%' AND relkind = 'r'
    UNION ALL SELECT tgrelid::regclass || ' ' || tgname, tgenabled::text FROM pg_trigger
        WHERE tgname LIKE 'confiture\\_%' AND tgrelid::regclass::text LIKE 'app%' ORDER BY 1"""
DISABLED = [
    ("app.t confiture_transition", "D"),
    ("app.t confiture_transition_truncate", "D"),
    ("app_new.t confiture_transition", "D"),
    ("app_new.t confiture_transition_truncate", "D"),
    ("confiture_log_1", ""),
]


@pytest.fixture
def other(database: Database) -> Iterator[Connection]:
    """A session of the application that stays in its transactions."""
    database.execute(
        "CREATE SCHEMA app; CREATE SCHEMA app_new; CREATE TABLE app.t (id int PRIMARY KEY);"
        "CREATE TABLE app_new.t (id int PRIMARY KEY); INSERT INTO app.t VALUES (1);"
        "SELECT confiture.transition_create('t', 'app', 'app_new',"
        ' options => \'{"lock_retries": 3, "lock_timeout": "20ms"}\')'
    )
    with database.server.connect(database.name, name="the reader") as connection:
        yield connection


def refused(database: Database, command: str) -> str | None:
    """Run a command that fails; return its SQLSTATE."""
    with pytest.raises(psycopg.Error) as problem:
        database.execute(command)
    return problem.value.sqlstate


def rows(database: Database) -> tuple[list[object], list[object]]:
    """The keys on both sides."""
    one, other = (database.execute(f"SELECT id FROM {name} ORDER BY 1") for name in ("app.t", "app_new.t"))
    return [row[0] for row in one], [row[0] for row in other]


@pytest.mark.parametrize("read", ["TABLE app.t", "TABLE app_new.t", "SELECT 1 FROM app.t FOR SHARE"])
def test_a_reader(database: Database, other: Connection, read: str) -> None:
    """Its triggers are disabled at once, whatever is read; the rest goes when it has ended."""
    go(database, "mirrored")
    other.execute(f"BEGIN; {read}")
    with database.warnings() as warnings:
        assert database.value(ABORT) == "aborting"
    assert "the reader" in warnings[0]
    assert database.execute(TRACES) == DISABLED
    # Neither side is written for the other any more.
    database.execute("INSERT INTO app.t VALUES (2); INSERT INTO app_new.t VALUES (7)")
    assert rows(database) == ([1, 2], [1, 7])
    # Nothing else can be done with it; its name and its tables are taken.
    assert refused(database, "CALL confiture.transition_run('t')") == "CF031"
    assert refused(database, "CALL confiture.transition_worker('t')") == "CF031"
    assert refused(database, "SELECT confiture.transition_cutover('t')") == "CF031"
    assert refused(database, "SELECT confiture.transition_create('t', 'app', 'app_new')") == "CF032"
    assert refused(database, "SELECT confiture.transition_create('u', 'app', 'app_new')") == "CF030"
    assert refused(database, ABORT) == "CF036"
    assert state(database) == "aborting"
    other.execute("COMMIT")
    assert database.value(ABORT) == "aborted"
    assert database.execute(TRACES) == []
    assert rows(database) == ([1, 2], [])


@pytest.mark.parametrize("wanted", ["captured", "catching_up", "validated"])
def test_from_each_state(database: Database, other: Connection, wanted: str) -> None:
    """Whatever there is is disabled, and goes by a background worker, which waits for it."""
    go(database, wanted)
    other.execute("BEGIN; TABLE app.t; TABLE app_new.t")
    assert database.value(ABORT) == "aborting"
    assert {row[1] for row in database.execute(TRACES)} == {"D", ""}
    database.execute("SELECT confiture.transition_start('t', 'cut_over', 3)")
    assert background(database) == 1
    assert refused(database, "SELECT confiture.transition_start('t')") == "CF037"
    failed = "SELECT confiture.transition_status('t') #>> '{failure,sqlstate}'"
    until(lambda: database.value(failed) == "CF036", "its failure is told")
    assert database.value("SELECT confiture.transition_status('t') #> '{failure,retried}'") is True
    other.execute("COMMIT")
    until(lambda: background(database) == 0, "it has done its work")
    assert state(database) == "aborted"
    assert database.execute(TRACES) == []


def test_after_a_rollback(database: Database, other: Connection) -> None:
    """From there, too."""
    go(database, "cut_over")
    database.execute("SELECT confiture.transition_rollback('t')")
    other.execute("BEGIN; TABLE app.t")
    assert database.value(ABORT) == "aborting"
    assert database.execute(TRACES) == DISABLED
    other.execute("INSERT INTO app.t VALUES (3); COMMIT")
    assert database.value(ABORT) == "aborted"
    assert rows(database) == ([1, 3], [])


def test_a_writer(database: Database, other: Connection) -> None:
    """Who has written keeps the triggers, and everything as it was; so does who writes afterwards."""
    go(database, "mirrored")
    other.execute("BEGIN; INSERT INTO app.t VALUES (3)")
    before = database.execute(TRACES)
    assert refused(database, ABORT) == "CF036"
    assert state(database) == "mirrored"
    assert database.execute(TRACES) == before
    other.execute("COMMIT")
    assert rows(database) == ([1, 3], [1, 3])
    other.execute("BEGIN; TABLE app.t")
    assert database.value(ABORT) == "aborting"
    other.execute("INSERT INTO app.t VALUES (4)")
    assert refused(database, ABORT) == "CF036"
    other.execute("COMMIT")
    assert database.value(ABORT) == "aborted"
    assert rows(database) == ([1, 3, 4], [])
    # The tables are free for another one.
    database.execute("SELECT confiture.transition_create('t', 'app', 'app_new')")
    go(database, "contracted")
    assert database.value("SELECT count(*) FROM app.t") == 3


def test_a_worker_is_at_it(database: Database, other: Connection) -> None:
    """One that copies ends by itself, without a failure."""
    database.execute("INSERT INTO app.t SELECT generate_series(2, 3000)")
    database.execute("SELECT confiture.transition_set('t', '{\"max_rate\": 20}')")
    database.execute("SELECT confiture.transition_start('t', workers => 2)")
    until(lambda: state(database) == "copying", "the copy begins")
    other.execute("BEGIN; TABLE app.t")
    until(lambda: aborted(database), "the abort has come between two chunks")
    until(lambda: background(database) == 0, "the workers have ended")
    assert database.value("SELECT confiture.transition_status('t') ->> 'failure'") is None
    assert state(database) == "aborting"
    other.execute("COMMIT")
    assert database.value(ABORT) == "aborted"


def aborted(database: Database) -> bool:
    """Whether an abort has come through; a worker may hold the transition just then."""
    try:
        database.execute(ABORT)
    except psycopg.errors.Error as problem:
        if problem.sqlstate != "CF037":
            raise
        return False
    return True
