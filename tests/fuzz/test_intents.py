"""The conflict finder against a plain re-statement of its rules, and sequences of moves against a model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import intent_model as m
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intent_scripts import Call, calls

pytestmark = pytest.mark.skipif("PGHOST" not in os.environ, reason="needs a server (PGHOST)")

# Many intents with one round trip: each is checked, then registered.
REGISTER = """
CREATE FUNCTION pg_temp.register_all(calls jsonb)
RETURNS TABLE (checked jsonb, registered jsonb, free boolean)
LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT * FROM jsonb_to_recordset(calls) AS c (
        agent text, objects text[], script text, starts integer, lasts integer)
    LOOP
        checked := confiture.intent_check(c.agent, 'f', c.objects, NULL, c.script,
            starts_at => clock_timestamp() + c.starts * interval '1 min',
            estimated_duration => c.lasts * interval '1 min');
        registered := confiture.intent_register(c.agent, 'f', c.objects, NULL, c.script,
            starts_at => clock_timestamp() + c.starts * interval '1 min',
            estimated_duration => c.lasts * interval '1 min');
        free := NULL;
        IF c.script IS NULL THEN
            free := confiture.intent_wait(c.objects, '0', c.agent || ', waiting');
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$
"""


@pytest.fixture(scope="module")
def server() -> Iterator[psycopg.Connection]:
    """A connection that has the extension and the model's schema, and leaves nothing behind."""
    with psycopg.connect() as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS confiture")
        connection.execute(m.SCHEMA)
        connection.execute(REGISTER)
        yield connection
        connection.rollback()


def claim_rows(objects: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted(
        ((o["display"], o["kind"], o["arguments"] or "", o["action"], o["source"]) for o in objects),
    )


def model_rows(claims: tuple[m.Claim, ...]) -> list[tuple[Any, ...]]:
    return sorted((c.thing.display, c.kind, c.thing.arguments or "", c.action, c.source) for c in claims)


def conflict_rows(conflicts: list[dict[str, Any]], numbers: dict[str, int]) -> list[m.Conflict]:
    for conflict in conflicts:
        assert conflict["suggestion"]
        assert conflict["state"] == "open"
        assert conflict["role"] == "newcomer"
    return [
        m.Conflict(
            numbers[c["other"]],
            c["type"],
            c["severity"],
            frozenset(
                m.Hit(o["object"], o["action"], o["other_action"], o["severity"]) for o in c["objects"]
            ),
        )
        for c in conflicts
    ]


def call_json(batch: list[Call]) -> str:
    return json.dumps(
        [
            {"agent": c.agent, "objects": c.objects, "script": c.script, "starts": c.starts, "lasts": c.lasts}
            for c in batch
        ]
    )


@settings(
    max_examples=140,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(st.lists(calls(), min_size=8, max_size=24))
def test_the_finder_agrees_with_the_rules(server: psycopg.Connection, batch: list[Call]) -> None:
    with server.transaction(force_rollback=True):
        rows = server.execute("SELECT * FROM pg_temp.register_all(%s)", [call_json(batch)]).fetchall()
        stored = server.execute(
            "SELECT intent, other, type, severity FROM confiture.intent_conflicts(max_rows => 100000)"
        ).fetchall()
    numbers: dict[str, int] = {}
    before: list[m.Intent] = []
    all_found: list[tuple[int, int, str, str]] = []
    for number, (call, (checked, registered, free)) in enumerate(zip(batch, rows, strict=True)):
        assert claim_rows(checked["objects"]) == model_rows(call.claims), call
        assert registered["objects"] == checked["objects"]
        intent = m.Intent(number, call.agent, call.claims, call.starts, call.lasts)
        expected = m.conflicts(intent, before)
        assert conflict_rows(checked["conflicts"], numbers) == expected, call
        worst = m.worst(c.severity for c in expected)
        assert checked["severity"] == worst
        assert checked["free"] == (worst in (None, "info"))
        numbers[registered["id"]] = number
        by_key = {(c.other, c.type): c for c in conflict_rows(registered["conflicts"], numbers)}
        assert by_key == {(c.other, c.type): c for c in expected}
        assert registered["status"] == ("registered" if checked["free"] else "conflicted")
        before.append(intent)
        if free is not None:
            someone = m.Intent(-1, "", call.claims)
            assert free == (m.worst(c.severity for c in m.conflicts(someone, before)) in (None, "info"))
        all_found += [(number, c.other, c.type, c.severity) for c in expected]
    found = [(numbers[str(row[0])], numbers[str(row[1])], row[2], row[3]) for row in stored]
    assert sorted(found) == sorted(all_found)
