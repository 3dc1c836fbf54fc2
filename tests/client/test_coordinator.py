"""Coordinator, the library: types, connections, transactions."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import confiture
from confiture import ConfitureError, Coordinator, Intent, IntentCheck
from confiture.errors import UsageError

from .conftest import wait_until

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def alice(connection: psycopg.Connection[Any], query: Query) -> Coordinator:
    query("CREATE TABLE users (id bigint, email text)")
    return Coordinator(connection, agent="alice")


def test_all_names_are_there() -> None:
    for name in confiture.__all__:
        assert getattr(confiture, name) is not None


def test_the_results_are_typed(alice: Coordinator, database: str) -> None:
    first = alice.register("logins", objects=["column:users.email"], metadata={"ticket": 12}, expires="2h")
    assert isinstance(first, Intent)
    assert first.metadata == {"ticket": 12}
    assert first.expires_at - first.registered_at == pytest.approx(
        dt.timedelta(hours=2), abs=dt.timedelta(seconds=5)
    )
    assert {(each.kind, each.name, each.column) for each in first.objects} >= {("column", "users", "email")}
    with Coordinator(database, agent="bob") as bob:
        check = bob.check(schema_changes="DROP TABLE users")
        assert isinstance(check, IntentCheck)
        assert (check.free, check.severity, check.conflicts[0].role) == (False, "error", "newcomer")
        assert check.conflicts[0].objects[0].action == "drop"
        second = bob.register(
            "cleanup", schema_changes="DROP TABLE users", expires=dt.timedelta(hours=1), on_conflict="queue"
        )
        assert (second.in_conflict, second.queued) == (True, True)
        assert [each.id for each in bob.intents()] == [second.id, first.id]
        assert bob.intents("all", agent="alice", touching="users", limit=5)[0].id == first.id
        entry = bob.conflicts(second.id)[0]
        assert (entry.agent, entry.other_agent, entry.state) == ("bob", "alice", "open")
        assert bob.acknowledge(entry.id, "seen").note == "seen"
        assert bob.resolve(entry.id, "agreed").closed_at is not None
        assert bob.get(second.id).status == "registered"
    assert alice.start(first.id).status == "in_progress"
    assert alice.extend(first.id, dt.timedelta(hours=1)).expires_at > first.expires_at
    assert alice.complete(first.id).status == "completed"
    assert alice.merge(first.id).closed_at is not None
    assert alice.history(first.id)[0].event == "merged"
    assert alice.history(limit=1)[0].intent is not None
    assert alice.board()["counts"]["active"] == 1
    assert alice.abandon(second.id, "no").status == "abandoned"
    assert {each["id"] for each in alice.archive("0")} == {first.id, second.id}
    assert alice.intents("all") == []
    assert alice.reserve_version("x", known=["007"]) == "008"


def test_a_transaction_of_the_caller_stays_theirs(database: str, query: Query) -> None:
    query("CREATE TABLE users ()")
    with psycopg.connect(database) as connection:
        coordinator = Coordinator(connection, agent="alice")
        intent = coordinator.register("x", tables=["users"])
        coordinator.start(intent.id)
        assert query("SELECT count(*) FROM confiture.intent") == [(0,)]
        for call in (lambda: coordinator.wait(tables=["users"]), coordinator.listen):
            with pytest.raises(UsageError, match="autocommit"):
                call()
        connection.rollback()
        assert coordinator.intents() == []
        connection.rollback()
        with pytest.raises(ConfitureError) as caught:
            coordinator.get("int_nobody")
        assert (caught.value.sqlstate, caught.value.exit_code) == ("CF015", 24)


def test_the_agent_is_that_of_the_call_only(alice: Coordinator, query: Query) -> None:
    intent = alice.register("x", tables=["users"])
    alice.start(intent.id)
    assert [each.agent for each in alice.history(intent.id)] == ["alice", "alice"]
    assert query("SELECT current_setting('confiture.agent')") == [("",)]
    with pytest.raises(ConfitureError):
        Coordinator(alice.connection, agent="a\nb").start(intent.id)


def test_a_string_is_no_list(alice: Coordinator) -> None:
    with pytest.raises(UsageError, match="a list of names"):
        alice.check(tables="users")


def test_errors_in_sql_have_their_place(alice: Coordinator) -> None:
    with pytest.raises(ConfitureError) as caught:
        alice.check(schema_changes="SELECT 1;\nALTER TABLE users ADD;\n")
    problem = caught.value
    assert (problem.file, problem.line, problem.sqlstate) == ("schema_changes", 2, "42601")
    assert [line.text for line in problem.excerpt] == ["ALTER TABLE users ADD;"]


def test_waiting_leaves_no_listener_behind(alice: Coordinator, query: Query) -> None:
    assert alice.wait(tables=["users"], timeout="10s").free
    assert query("SELECT pg_listening_channels()") == []
    alice.listen()
    assert alice.wait(tables=["users"], timeout=dt.timedelta(seconds=10)).free
    assert query("SELECT pg_listening_channels()") == [("confiture_intents",)]
    intent = alice.register("x", tables=["users"])
    assert [(each.event, each.intent) for each in alice.next_changes(10)] == [("registered", intent.id)]
    for nonsense in ("", "{", "[]", "5", "{}", '{"event": "x", "at": "soon"}'):
        query("SELECT pg_notify('confiture_intents', %s)", nonsense)
        assert alice.next_changes(10) == []
    assert alice.next_changes(0) == []


def test_changes_come_as_they_happen(alice: Coordinator, database: str, query: Query) -> None:
    found: list[str] = []

    def follow() -> None:
        with Coordinator(database) as coordinator:
            for change in coordinator.changes():
                found.append(change.event)
                if change.event == "abandoned":
                    return

    follower = threading.Thread(target=follow)
    follower.start()
    listening = "SELECT 1 FROM pg_stat_activity WHERE query = 'LISTEN confiture_intents' AND state = 'idle'"
    wait_until(lambda: query(listening))
    intent = alice.register("x", tables=["users"])
    alice.abandon(intent.id)
    follower.join()
    assert found == ["registered", "abandoned"]
