"""Random sequences of what can be done with intents: after every step the database says what a model says.

Time does not pass, it is moved: expires_at of all intents goes back by days.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import intent_model as m
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intent_model import column

pytestmark = pytest.mark.skipif("PGHOST" not in os.environ, reason="needs a server (PGHOST)")

# Names to declare, and what they claim.
NAMES: dict[str, list[tuple[str, m.Thing]]] = {
    "orders": [("alter", m.ORDERS)],
    "orders.total": [("alter", column(m.ORDERS, "total"))],
    "orders.state": [("alter", column(m.ORDERS, "state"))],
    "read orders": [("read", m.ORDERS)],
    "write orders": [("write", m.ORDERS)],
    "drop view:unpaid": [("drop", m.UNPAID)],
    "create n1": [("create", m.Thing("app", "n1"))],
    "notes.body": [("alter", column(m.NOTES, "body"))],
    "drop notes": [("drop", m.NOTES)],
}
STATUSES = ["registered", "in_progress", "conflicted", "completed"]
# What anybody may ask for, by status.
MOVES = {
    "registered": {"start", "complete", "abandon"},
    "conflicted": {"start", "complete", "abandon"},
    "in_progress": {"complete", "abandon"},
    "completed": {"start", "merge", "abandon"},
}
RESULT = {"start": "in_progress", "complete": "completed", "merge": "merged", "abandon": "abandoned"}
EVENT = {"start": "started", "complete": "completed", "merge": "merged", "abandon": "abandoned"}

# Steps are done one after the other, each in a block of its own: [op, number, more].
PLAY = """
CREATE FUNCTION pg_temp.id_of(number integer) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(min(l.id), 'int_none') FROM confiture.intent_list('all') AS l
    WHERE l.feature = number::text
$$;
CREATE FUNCTION pg_temp.conflict_of(number integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce((SELECT c.id FROM confiture.intent_conflicts(state => 'all') AS c ORDER BY c.id
        OFFSET number LIMIT 1), -1)
$$;
CREATE FUNCTION pg_temp.play(steps jsonb) RETURNS TABLE (
    error text, returned jsonb, intents jsonb, conflicts jsonb, same boolean, turns jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    s jsonb;
    i record;
    n integer;
BEGIN
    FOR s IN SELECT * FROM jsonb_array_elements(steps) LOOP
        error := NULL;
        returned := NULL;
        n := (s ->> 1)::integer;
        BEGIN
            CASE s ->> 0
                WHEN 'register' THEN
                    returned := confiture.intent_register(s -> 2 ->> 'agent', s ->> 1,
                        ARRAY(SELECT jsonb_array_elements_text(s -> 2 -> 'objects')),
                        expires => (s -> 2 ->> 'days')::integer * interval '1 day',
                        on_conflict => s -> 2 ->> 'on_conflict');
                WHEN 'start' THEN returned := confiture.intent_start(pg_temp.id_of(n));
                WHEN 'complete' THEN returned := confiture.intent_complete(pg_temp.id_of(n));
                WHEN 'merge' THEN returned := confiture.intent_merge(pg_temp.id_of(n));
                WHEN 'abandon' THEN returned := confiture.intent_abandon(pg_temp.id_of(n), 'why');
                WHEN 'extend' THEN returned := confiture.intent_extend(pg_temp.id_of(n), '1 day');
                WHEN 'acknowledge' THEN
                    PERFORM confiture.intent_acknowledge(pg_temp.conflict_of(n), 'seen');
                WHEN 'resolve' THEN
                    PERFORM confiture.intent_resolve(pg_temp.conflict_of(n), 'agreed');
                WHEN 'pass' THEN
                    UPDATE confiture.intent SET expires_at = expires_at - interval '1 day';
            END CASE;
        EXCEPTION WHEN OTHERS THEN
            error := SQLSTATE;
        END;
        intents := (SELECT jsonb_object_agg(l.feature, jsonb_build_array(l.status, l.queued, l.conflicts))
            FROM confiture.intent_list('all') AS l);
        conflicts := (
            SELECT jsonb_agg(jsonb_build_array(c.feature, c.other_feature, c.type, c.severity, c.state)
                ORDER BY c.id)
            FROM confiture.intent_conflicts() AS c);
        -- the other ways to look at them say the same
        same := ARRAY(SELECT l.id FROM confiture.intent_list() AS l)
            = ARRAY(SELECT l.id FROM confiture.intent_list('all') AS l
                WHERE l.status IN ('registered', 'in_progress', 'conflicted', 'completed'));
        turns := '{}';
        FOR i IN SELECT l.*, confiture.intent_get(l.id) AS got FROM confiture.intent_list('all') AS l LOOP
            same := same AND i.got ->> 'status' = i.status AND (i.got -> 'queued')::boolean = i.queued;
            IF i.status IN ('registered', 'in_progress', 'conflicted', 'completed') THEN
                turns := turns || jsonb_build_object(i.feature, confiture.intent_wait_turn(i.id, '0'));
            END IF;
        END LOOP;
        IF n % 4 = 0 THEN
            same := same AND NOT EXISTS (
                SELECT FROM regexp_split_to_table(
                    'registered in_progress conflicted completed merged abandoned expired', ' ') AS w (status)
                WHERE ARRAY(SELECT l.id FROM confiture.intent_list(w.status) AS l) IS DISTINCT FROM
                    ARRAY(SELECT l.id FROM confiture.intent_list('all') AS l WHERE l.status = w.status));
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$
"""


@dataclass
class Told:
    """A conflict in the database."""

    newcomer: int
    other: int
    type: str
    severity: str
    state: str = "open"


@dataclass
class Known:
    """An intent in the database."""

    intent: m.Intent
    status: str
    queued: bool
    days: int


@dataclass
class Model:
    """What there should be."""

    intents: dict[int, Known] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    events: Counter[tuple[int, str]] = field(default_factory=Counter)
    vague: set[tuple[int, str]] = field(default_factory=set)

    def alive(self, number: int) -> bool:
        known = self.intents[number]
        return known.status in STATUSES and known.days > 0

    def open(self, c: Told) -> bool:
        return c.state != "resolved" and self.alive(c.newcomer) and self.alive(c.other)

    def held_back(self, number: int) -> bool:
        """Somebody was there before, and nothing was agreed."""
        return any(c.newcomer == number and c.severity != "info" and self.open(c) for c in self.told)

    def status(self, number: int) -> str:
        known = self.intents[number]
        if known.status in STATUSES and known.days <= 0:
            return "expired"
        return "registered" if known.status == "conflicted" and not self.held_back(number) else known.status

    def _settle(self) -> None:
        """Who is held back by nobody any more has the turn, for good."""
        for number, known in self.intents.items():
            if known.status == "conflicted" and self.alive(number) and not self.held_back(number):
                known.status, known.queued = "registered", False
                self.events[number, "turn"] += 1

    def register(
        self, number: int, agent: str, objects: list[str], days: int, on_conflict: str
    ) -> str | None:
        claims = m.Claims()
        for name in objects:
            for action, thing in NAMES[name]:
                claims.declare(action, thing, "view" if thing == m.UNPAID else "table")
        intent = m.Intent(number, agent, tuple(claims.finish()))
        found = m.conflicts(intent, [k.intent for n, k in self.intents.items() if self.alive(n)])
        blocked = m.worst(c.severity for c in found) in ("warning", "error")
        if blocked and on_conflict == "refuse":
            return "CF003"
        status = "conflicted" if blocked else "registered"
        self.intents[number] = Known(intent, status, blocked and on_conflict == "queue", days)
        self.told += [Told(number, c.other, c.type, c.severity) for c in found]
        self.events[number, "registered"] += 1
        for other in {c.other for c in found if c.severity != "info"}:
            self.events[other, "conflict"] += 1
        return None

    def move(self, op: str, number: int) -> str | None:
        if number not in self.intents:
            return "CF015"
        known, status = self.intents[number], self.status(number)
        if op not in MOVES.get(status, ()):
            return "CF014"
        if op in ("start", "complete") and known.queued and self.held_back(number):
            return "CF003"
        known.status, known.queued = RESULT[op], False
        self.events[number, EVENT[op]] += 1
        self._close(number)
        return None

    def _close(self, number: int) -> None:
        """The conflicts of an intent that has ended are over."""
        if self.intents[number].status in STATUSES:
            return
        for c in self.told:
            if number in (c.newcomer, c.other) and c.state != "resolved":
                c.state = "resolved"
                if c.severity != "info":
                    self.events[c.newcomer, "conflict_closed"] += 1
                    self.events[c.other, "conflict_closed"] += 1

    def extend(self, number: int) -> str | None:
        if number not in self.intents:
            return "CF015"
        if not self.alive(number):
            return "CF014"
        self.intents[number].days += 1
        self.events[number, "extended"] += 1
        return None

    def decide(self, wanted: str, number: int) -> str | None:
        if number >= len(self.told):
            return "CF015"
        c = self.told[number]
        if c.state in ("resolved", wanted):
            return "CF014"
        c.state = wanted
        self.events[c.newcomer, wanted] += 1
        self.events[c.other, wanted] += 1
        return None

    def step(self, op: str, number: int, more: dict[str, Any]) -> str | None:
        """Do one step; return the SQLSTATE of its error."""
        if op == "register":
            error = self.register(number, **more)
        elif op == "extend":
            error = self.extend(number)
        elif op in ("acknowledge", "resolve"):
            error = self.decide(op + ("" if op.endswith("d") else "d"), number)
        elif op == "pass":
            for known in self.intents.values():
                known.days -= 1
            error = None
        else:
            error = self.move(op, number)
        self._settle()
        return error

    def end_of_days(self) -> None:
        """What has expired has expired, in the order of time."""
        for number, known in self.intents.items():
            if known.status in STATUSES and known.days <= 0:
                known.status = "expired"
                self.events[number, "expired"] += 1
                self._close(number)


def is_vague(model: Model, op: str, number: int) -> bool:
    """Tell whether it is about an intent whose time is over, unnoticed so far: both answers are right."""
    if op not in ("acknowledge", "resolve") or number >= len(model.told):
        return False
    c = model.told[number]
    return c.state != "resolved" and not model.open(c)


registrations = st.fixed_dictionaries(
    {
        "agent": st.sampled_from(["ana", "ben", "eve"]),
        "objects": st.lists(st.sampled_from(list(NAMES)), min_size=1, max_size=2, unique=True),
        "days": st.sampled_from([1, 2, 9]),
        "on_conflict": st.sampled_from(["warn", "queue", "queue", "refuse"]),
    }
)
others = st.tuples(
    st.sampled_from(
        [
            *["start", "complete", "merge", "resolve"] * 2,
            *["abandon", "extend", "acknowledge", "pass"],
        ]
    ),
    st.integers(0, 7),
)
Step = tuple[str, int, dict[str, Any]]


@st.composite
def sequences(draw: st.DrawFn) -> list[Step]:
    """Draw steps. Nine registrations at most: each call that changes something cleans up after ten."""
    steps: list[Step] = []
    number = 0
    for step in draw(st.lists(st.one_of(registrations, others, others), min_size=5, max_size=30)):
        if isinstance(step, tuple):
            steps.append((step[0], step[1], {}))
        elif number < 9:
            steps.append(("register", number, step))
            number += 1
    return steps


@pytest.fixture(scope="module")
def server() -> Iterator[psycopg.Connection]:
    """A connection that has the extension and the model's schema, and leaves nothing behind."""
    with psycopg.connect() as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS confiture")
        connection.execute(m.SCHEMA)
        connection.execute(PLAY)
        yield connection
        connection.rollback()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sequences())
def test_every_step_ends_where_the_model_is(server: psycopg.Connection, steps: list[Step]) -> None:
    with server.transaction(force_rollback=True):
        rows = server.execute("SELECT * FROM pg_temp.play(%s)", [json.dumps(steps)]).fetchall()
        # Whatever has expired is swept by who comes by.
        server.execute("SELECT confiture.intent_register('sweeper', 'sweeper', '{read sweeper}')")
        history = server.execute(
            "SELECT i.feature, h.event FROM confiture.intent_history(max_rows => 100000) AS h"
            " JOIN confiture.intent_list('all') AS i ON i.id = h.intent WHERE i.feature <> 'sweeper'"
        ).fetchall()
    model = Model()
    sure = True
    for step, (error, returned, intents, conflicts, same, turns) in zip(steps, rows, strict=True):
        op, number, _ = step
        if is_vague(model, op, number):
            sure = False
            if error:
                assert error == "CF014", step
            continue
        assert error == model.step(*step), step
        assert same, step
        alive = {n for n in model.intents if model.alive(n)}
        assert (intents or {}) == {
            str(n): [
                model.status(n),
                known.queued and model.status(n) == "conflicted",
                sum(
                    n in (c.newcomer, c.other) and c.severity != "info" and model.open(c) for c in model.told
                ),
            ]
            for n, known in model.intents.items()
        }, step
        assert (conflicts or []) == [
            [str(c.newcomer), str(c.other), c.type, c.severity, c.state] for c in model.told if model.open(c)
        ], step
        assert turns == {str(n): model.status(n) != "conflicted" for n in alive}, step
        if returned:
            assert returned["status"] == model.status(number), step
    if sure:
        model.end_of_days()
        # A turn is for those who wait. Who goes on, or is late, may have been told of it or not.
        gone = {n for n, event in model.events if event in {*EVENT.values(), "expired"}}
        late = {(n, "turn") for n in gone}
        found = Counter((int(row[0]), str(row[1])) for row in history)
        assert {k: v for k, v in found.items() if k not in late} == {
            k: v for k, v in model.events.items() if k not in late
        }
