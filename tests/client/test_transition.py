"""The commands of confiture transition, from the plan to its ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from .conftest import Command, Project

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
    create(confiture, "--option", "chunk_ms=5")
    assert "app.orders" in confiture("transition", "plan", "t").out
    assert confiture("transition", "plan", "t", "--format", "json").json["plan"][0]["step"] == "capture"
    result = confiture("transition", "run", "t", "--until", "validated", "--jobs", "2")
    assert result.code == 0, result.err
    assert result.out.startswith("t: validated\n")
    assert "3 000" in result.out
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
    query("UPDATE app_v2.orders SET cents = 0 WHERE id = 5")
    query("ALTER TABLE app_v2.orders ENABLE ALWAYS TRIGGER confiture_transition")
    assert confiture("transition", "run", "t").code == 45
    result = confiture("transition", "validate", "t")
    assert result.code == 45
    assert "app.orders (5): different" in result.out
    found = confiture("transition", "validate", "t", "--format", "json").json
    assert [row["key"] for row in found["differences"]] == [["5"]]
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
