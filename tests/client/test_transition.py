"""The commands of confiture transition, from the plan to its ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from .conftest import Command, Project
from .processes import Terminal

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def tables(project: Project, database: str, query: Query) -> None:
    """Make a table of the application, and the new one."""
    query("CREATE EXTENSION IF NOT EXISTS confiture")
    query("CREATE SCHEMA app")
    query("CREATE SCHEMA app_v2")
    query("CREATE TABLE app.orders (id bigint PRIMARY KEY, total numeric)")
    query("CREATE TABLE app_v2.orders (id bigint PRIMARY KEY, cents bigint)")
    query("INSERT INTO app.orders SELECT i, i / 100.0 FROM generate_series(1, 3000) AS i")


MAPPING = (
    '{"tables": {"orders": {"columns": {"cents": "(total * 100)::bigint"},'
    ' "back": {"total": "cents / 100.0"}}}}'
)


def create(confiture: Command, *more: str) -> None:
    result = confiture(
        "transition", "create", "t", "--from", "app", "--to", "app_v2", "--mapping", MAPPING, *more
    )
    assert result.code == 0, result.err


def state(confiture: Command) -> str:
    found: str = confiture("transition", "status", "t", "--format", "json").json["transition"]["state"]
    return found


def test_the_way_there(confiture: Command, query: Query) -> None:
    assert confiture("transition", "list").out == "No transitions.\n"
    create(confiture, "--option", "chunk_ms=5")
    assert "app.orders" in confiture("transition", "plan", "t").out
    assert confiture("transition", "plan", "t", "--format", "json").json["plan"][0]["step"] == "capture"
    result = confiture("transition", "run", "t", "--until", "validated", "--jobs", "2")
    assert result.code == 0, result.err
    assert result.out.startswith("t: validated\n")
    assert "3 000" in result.out
    assert "Next: confiture transition cutover t\n" in result.out
    copied = confiture("transition", "status", "t").out
    assert copied == result.out, "the rate of a copy that has ended does not change"
    assert query("SELECT sum(cents) FROM app_v2.orders") == [(4501500,)]
    assert (
        confiture("transition", "cutover", "t", "--format", "json").json["transition"]["state"] == "cut_over"
    )
    assert query("SELECT cents FROM app.orders WHERE id = 7") == [(7,)]
    assert confiture("transition", "rollback", "t").code == 0
    assert state(confiture) == "rolled_back"
    assert confiture("transition", "run", "t", "--until", "cut_over", "--format", "json").code == 0
    refused = confiture("transition", "contract", "t")
    assert refused.code == 22
    assert "nothing was dropped" in refused.err
    assert (
        confiture("transition", "contract", "t", "--yes", "--format", "json").json["transition"]["state"]
        == "contracted"
    )
    assert query("SELECT to_regclass('app_v2.orders')") == [(None,)]
    assert confiture("transition", "list", "--format", "json").json["transitions"][0]["state"] == "contracted"
    assert "contracted" in confiture("transition", "list").out


def test_refusals(confiture: Command) -> None:
    arguments = ("transition", "create", "t", "--from", "app", "--to", "app_v2")
    result = confiture(*arguments)
    assert result.code == 40
    assert "column cents has no counterpart in app.orders" in result.err
    assert confiture(*arguments, "--format", "json").json["error"]["sqlstate"] == "CF030"
    assert confiture(*arguments, "--server", "other").code == 1
    assert confiture(*arguments, "--mapping", "{").code == 2
    assert confiture(*arguments, "--mapping", "@nowhere.json").code == 2
    assert confiture("transition", "status", "nobody").code == 44
    create(confiture)
    assert confiture("transition", "cutover", "t").code == 41
    assert confiture("transition", "abort", "t", "--format", "json").json["transition"]["state"] == "aborted"


def test_differences_are_shown_and_repaired(confiture: Command, query: Query) -> None:
    create(confiture)
    assert confiture("transition", "run", "t", "--until", "mirrored").code == 0
    query("ALTER TABLE app_v2.orders DISABLE TRIGGER confiture_transition")
    query("UPDATE app_v2.orders SET cents = NULL WHERE id = 5")
    query("DELETE FROM app_v2.orders WHERE id = 6")
    query("ALTER TABLE app_v2.orders ENABLE ALWAYS TRIGGER confiture_transition")
    assert confiture("transition", "run", "t").code == 45
    result = confiture("transition", "validate", "t")
    assert result.code == 45
    assert "app.orders (5): different\n" in result.out
    assert '  target: {"id": 5, "cents": null}\n' in result.out
    assert "  target: no such row\n" in result.out
    found = confiture("transition", "validate", "t", "--format", "json").json
    assert [row["key"] for row in found["differences"]] == [["5"], ["6"]]
    assert confiture("transition", "validate", "t", "--repair", "source").code == 0
    assert state(confiture) == "validated"


def test_who_is_in_the_way_is_named(confiture: Command, database: str) -> None:
    create(confiture, "--option", "lock_retries=1")
    assert confiture("transition", "run", "t").code == 0
    with psycopg.connect(database, application_name="the sleeper") as sleeper:
        sleeper.execute("SELECT 1 FROM app.orders LIMIT 1")
        result = confiture("transition", "cutover", "t")
        assert result.code == 19
        assert "the sleeper" in result.err
        assert "the sleeper" in confiture("transition", "status", "t").out
    assert confiture("transition", "abort", "t").code == 0


def test_a_row_that_does_not_fit_is_named_and_the_run_goes_on_later(confiture: Command, query: Query) -> None:
    query("ALTER TABLE app_v2.orders ADD CHECK (cents > 0)")
    query("UPDATE app.orders SET total = -1 WHERE id = 2000")
    create(confiture, "--option", "chunk_ms=1")
    result = confiture("transition", "run", "t")
    assert result.code == 1
    assert "(2000, -100)" in result.err
    query("UPDATE app.orders SET total = 1 WHERE id = 2000")
    assert confiture("transition", "run", "t").code == 0


MOVE = ("migrate", "schema-to-schema", "--from", "app", "--to", "app_v2")


def test_schema_to_schema(confiture: Command, query: Query) -> None:
    result = confiture(*MOVE, "--mapping", MAPPING, "--until", "captured")
    assert result.code == 0, result.err
    assert result.out.startswith("app_to_app_v2: captured\n")
    refused = confiture(*MOVE, "--mapping", MAPPING)
    assert refused.code == 2
    assert "its mapping and options stand" in refused.err
    refused = confiture(
        "migrate", "schema-to-schema", "--from", "app_v2", "--to", "app", "--name", "app_to_app_v2"
    )
    assert refused.code == 2
    assert "leads from app to app_v2" in refused.err
    result = confiture(*MOVE, "--strategy", "local", "--jobs", "2")
    assert result.code == 0, result.err
    assert "Going on with app_to_app_v2, which is captured." in result.err
    assert query("SELECT sum(cents) FROM app_v2.orders") == [(4501500,)]
    again = confiture(*MOVE, "--format", "json")
    assert again.json["transition"]["state"] == "validated"
    assert confiture(*MOVE, "--until", "cut_over").code == 0
    assert query("SELECT cents FROM app.orders WHERE id = 7") == [(7,)]


def test_schema_to_schema_refuses_what_does_not_fit_together(confiture: Command, query: Query) -> None:
    for more in (("--strategy", "fdw"), ("--strategy", "local", "--server", "other")):
        result = confiture(*MOVE, *more)
        assert result.code == 2
        assert "--server" in result.err
    assert confiture(*MOVE).code == 40
    assert query("SELECT count(*) FROM confiture.transition") == [(0,)]


def test_in_the_background(confiture: Command, query: Query) -> None:
    create(confiture, "--option", "max_rate=5", "--option", "chunk_ms=5")
    result = confiture("transition", "run", "t", "--background", "--jobs", "2")
    assert result.code == 0
    assert "Started in the background" in result.err
    assert "drives." in confiture("transition", "status", "t").out
    assert confiture("transition", "run", "t", "--background").code == 46
    assert confiture("transition", "stop", "t").out == "Background workers that have ended: 2.\n"
    assert confiture("transition", "stop", "t", "--format", "json").json == {"stopped": 0}
    query("ALTER TABLE app_v2.orders ADD CHECK (cents <> 77777) NOT VALID")
    query("INSERT INTO app.orders VALUES (5000, 777.77)")
    assert "Copied at 5 rows/s at most.\n" in confiture("transition", "status", "t").out
    options = ("--option", "max_rate=null", "--option", "lock_timeout=20ms")
    changed = confiture("transition", "set", "t", *options)
    assert "max_rate: no limit\n" in changed.out
    assert "lock_timeout: 20ms\n" in changed.out
    assert "rows/s at most" not in confiture("transition", "status", "t").out
    document = confiture("transition", "set", "t", "--option", "chunk_ms=50", "--format", "json").json
    assert document["options"]["chunk_ms"] == 50
    refused = confiture("transition", "set", "t", "--option", "swap=schema")
    assert (refused.code, "These can: chunk_ms" in refused.err) == (1, True)
    confiture("transition", "run", "t", "--background")
    deadline = time.monotonic() + 60
    while "has ended a background worker" not in (out := confiture("transition", "status", "t").out):
        assert time.monotonic() < deadline, out
        time.sleep(0.05)
    assert "(23514)" in out
    assert "DETAIL: Failing row contains (5000, 77777)." in out


def test_an_abort_beside_a_reader(confiture: Command, database: str, query: Query) -> None:
    create(confiture, "--option", "lock_retries=1", "--option", "lock_timeout=20ms")
    confiture("transition", "run", "t")
    with psycopg.connect(database, application_name="the reader") as reader:
        reader.execute("SELECT FROM app.orders")
        result = confiture("transition", "abort", "t")
        assert result.code == 0
        assert result.out.startswith("t: aborting\n")
        assert "the reader" in result.err
        assert "takes off the rest as soon as nobody is in the way." in result.out
        assert "In the way: process" in result.out
        refused = confiture("migrate", "schema-to-schema", "--from", "app", "--to", "app_v2", "--name", "t")
        assert (refused.code, "is being aborted" in refused.err) == (2, True)
        assert confiture("transition", "run", "t").code == 41
    deadline = time.monotonic() + 60
    while (out := confiture("transition", "status", "t").out).startswith("t: aborting"):
        assert time.monotonic() < deadline, out
        time.sleep(0.05)
    assert out.startswith("t: aborted\n")


def test_progress_moves_on_a_terminal(confiture: Command, query: Query) -> None:
    query("INSERT INTO app.orders SELECT i, i / 100.0 FROM generate_series(3001, 6000) AS i")
    create(confiture, "--option", "max_rate=50", "--option", "chunk_ms=5")
    terminal = Terminal("transition", "run", "t")
    terminal.wait_for("t: copying")
    terminal.wait_for("rows/s")
    assert confiture("transition", "set", "t", "--option", "max_rate=null").code == 0
    assert terminal.end() == 0
    assert "t: validated" in terminal.text


def test_who_brings_over_what_is_written_to_another_server(
    confiture: Command, database: str, query: Query
) -> None:
    query("DROP SCHEMA app_v2 CASCADE")
    other = f"{database}_other"
    with psycopg.connect(autocommit=True, dbname="postgres") as admin:
        admin.execute(f'CREATE DATABASE "{other}"'.encode())
        where = admin.info
        try:
            with psycopg.connect(autocommit=True, dbname=other) as target:
                target.execute("CREATE EXTENSION confiture")
                target.execute("CREATE SCHEMA app_v2")
                target.execute("CREATE TABLE app_v2.orders (id bigint PRIMARY KEY, total numeric)")
            query("CREATE EXTENSION postgres_fdw")
            query(
                "CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw"
                f" OPTIONS (host '{where.host}', port '{where.port}', dbname '{other}')"
            )
            query(f"CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (user '{where.user}')")
            move = ("migrate", "schema-to-schema", "--from", "app", "--to", "app_v2", "--server", "other")
            result = confiture(*move, "--name", "t")
            assert result.code == 0, result.err
            assert "No background worker brings over what is written" in result.out
            result = confiture("transition", "run", "t", "--background")
            assert result.code == 0, result.err
            assert "brings over what is written.\n" in result.out
            assert "No background worker" not in result.out
            assert confiture("transition", "stop", "t").code == 0
            assert confiture("transition", "abort", "t").code == 0
        finally:
            query("DROP EXTENSION postgres_fdw CASCADE")
            admin.execute(f'DROP DATABASE "{other}" WITH (FORCE)'.encode())
