"""Many sessions, and kill -9 among them: no conflict is missed or outlives its intents, no turn is lost."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations

import psycopg
import pytest

from .conftest import Database
from .server import PATIENCE, Connection, until

SESSIONS = 8
NAMES = [f"{action}t{n}{part}" for n in range(4) for action, part in (("", ""), ("", ".a"), ("read ", ""))]
ENDED = ("merged", "abandoned", "expired")
# What a call is answered when the others were faster. Everything else is a fault.
REFUSALS = {"CF003", "CF014", "CF015"}
EVENTS = {
    "register": "registered",
    "start": "started",
    "complete": "completed",
    "merge": "merged",
    "abandon": "abandoned",
    "extend": "extended",
}


@dataclass
class Storm:
    """Sessions that do whatever comes into their heads, until they are told to stop or the server dies."""

    database: Database
    seed: int
    errors: Counter[str] = field(default_factory=Counter)
    # intent and event of what was committed
    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)
    stopped: bool = False
    calls: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(SESSIONS)]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Wait until all sessions have ended."""
        self.stopped = True
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a session hangs"

    def _work(self, number: int) -> None:
        dice = random.Random(self.seed * SESSIONS + number)
        with self.database.server.connect(self.database.name, name="storm") as connection:
            connection.execute(
                "SELECT set_config('confiture.agent', %s, false), confiture.version()", [f"a{number}"]
            )
            while not self.stopped:
                op, query, parameters = self._draw(dice, connection)
                try:
                    self._call(dice, connection, op, query, parameters)
                except psycopg.OperationalError as error:
                    if connection.closed or (error.sqlstate or "").startswith("57"):
                        return
                    self._note(error)
                except psycopg.Error as error:
                    if connection.closed:
                        return
                    self._note(error)

    def _note(self, error: psycopg.Error) -> None:
        with self._lock:
            self.errors[error.sqlstate or "?"] += 1
            if error.sqlstate not in REFUSALS:
                self.texts.append(str(error))

    def _draw(self, dice: random.Random, connection: Connection) -> tuple[str, str, list[object]]:
        op = dice.choice(
            ["register"] * 5
            + ["start", "complete", "complete", "merge", "abandon", "abandon", "extend"]
            + ["acknowledge", "resolve", "resolve"]
        )
        if op == "register":
            names = dice.sample(NAMES, dice.randint(1, 3))
            expires = dice.choice(["30 ms", "200 ms", "1 day", "1 day"])
            on_conflict = dice.choice(["warn", "queue", "queue", "refuse"])
            return (
                op,
                "SELECT confiture.intent_register(NULL, 'f', %s, expires => %s, on_conflict => %s) ->> 'id'",
                [names, expires, on_conflict],
            )
        if op in ("acknowledge", "resolve"):
            return (
                op,
                (
                    f"SELECT confiture.intent_{op}((SELECT id FROM confiture.intent_conflict"
                    " WHERE state <> 'resolved' ORDER BY random() LIMIT 1), 'agreed')"
                ),
                [],
            )
        more = ", '1 day'" if op == "extend" else ""
        wanted = {"merge": "completed", "extend": "registered"}.get(op)
        return (
            op,
            f"SELECT confiture.intent_{op}((SELECT id FROM confiture.intent WHERE active"
            " AND (%s::text IS NULL OR status = %s) ORDER BY random() LIMIT 1)" + more + ") ->> 'id'",
            [wanted, wanted],
        )

    def _call(
        self, dice: random.Random, connection: Connection, op: str, query: str, parameters: list[object]
    ) -> None:
        held, rolled_back = dice.random() < 0.3, dice.random() < 0.2
        key = None
        try:
            if held:
                connection.execute("BEGIN")
            row = connection.execute(query, parameters).fetchone()
            assert row is not None
            if op in EVENTS:
                key = (str(row[0]), EVENTS[op])
            if held:
                time.sleep(dice.random() * 0.02)
                connection.execute("ROLLBACK" if rolled_back else "COMMIT")
        except psycopg.Error:
            if not connection.closed and held:
                connection.execute("ROLLBACK")
            raise
        with self._lock:
            self.calls += 1
            if key and not (held and rolled_back):
                self.done[key] += 1


def sweep(database: Database) -> None:
    """Let what has expired be swept, ten by ten, as by somebody who comes by."""
    while database.value("SELECT count(*) FROM confiture.intent WHERE active AND expires_at <= now()"):
        database.execute(
            "SELECT confiture.intent_abandon(confiture.intent_register('sweeper', 'f', '{sweeper}') ->> 'id')"
        )


def check(database: Database) -> None:
    """What holds at every moment at which nobody works."""
    sweep(database)
    assert (
        database.execute(
            "SELECT c.id, c.intent, c.other FROM confiture.intent_conflict AS c"
            " JOIN confiture.intent AS i ON i.id IN (c.intent, c.other)"
            " WHERE c.state <> 'resolved' AND NOT i.active"
        )
        == []
    ), "an open conflict with an intent that has ended"
    assert (
        database.execute(
            "SELECT i.id, i.status, i.queued FROM confiture.intent AS i"
            " WHERE (i.status = 'conflicted' OR i.queued) AND NOT (i.status = 'conflicted' AND EXISTS ("
            " SELECT FROM confiture.intent_conflict AS c"
            " WHERE c.intent = i.id AND c.state <> 'resolved' AND c.severity <> 'info'))"
        )
        == []
    ), "a turn was lost"

    told = {
        frozenset((row[0], row[1])): row
        for row in database.execute(
            "SELECT c.intent, c.other, i.number > o.number, i.agent <> o.agent"
            " FROM confiture.intent_conflict AS c"
            " JOIN confiture.intent AS i ON i.id = c.intent JOIN confiture.intent AS o ON o.id = c.other"
        )
    }
    assert all(row[2] for row in told.values()), "the newer one is told"
    assert all(row[3] for row in told.values()), "nobody collides with himself"
    pairs = database.execute("SELECT count(DISTINCT ARRAY[intent, other]) FROM confiture.intent_conflict")
    assert pairs == [(len(told),)], "one of two is told, not both"
    active = database.execute(
        "SELECT i.id, i.agent, array_agg(DISTINCT o.anchor) FILTER (WHERE o.anchor LIKE 'relation:%%'),"
        " array_agg(DISTINCT o.anchor) FILTER (WHERE o.anchor LIKE 'relation:%%' AND o.action <> 'read')"
        " FROM confiture.intent AS i JOIN confiture.intent_object AS o ON o.intent = i.id"
        " WHERE i.active AND o.active GROUP BY i.id"
    )
    for one, two in combinations(active, 2):
        if one[1] != two[1] and (anchors(one[2]) & anchors(two[3]) or anchors(one[3]) & anchors(two[2])):
            assert frozenset((one[0], two[0])) in told, f"a conflict was missed: {one} {two}"


def anchors(value: object) -> set[str]:
    """An array of SQL as a set."""
    return set(value) if isinstance(value, list) else set()


def check_history(database: Database, storms: list[Storm], unanswered: int = 0) -> None:
    """Whatever was answered is on record, once; and nothing else is."""
    events = Counter(
        {
            (str(row[0]), str(row[1])): int(str(row[2]))
            for row in database.execute(
                "SELECT intent, event, count(*) FROM confiture.intent_event"
                " WHERE agent <> 'sweeper' AND intent NOT IN"
                " (SELECT id FROM confiture.intent WHERE agent = 'sweeper') GROUP BY 1, 2"
            )
        }
    )
    done: Counter[tuple[str, str]] = sum((storm.done for storm in storms), Counter())
    assert not done - events, f"answered, and not on record: {done - events}"
    # What was committed, and not answered any more: one call of each session that died.
    more = {key: count for key, count in (events - done).items() if key[1] in EVENTS.values()}
    assert sum(more.values()) <= unanswered, more
    for intent, status, *counts in database.execute(
        "SELECT i.id, i.status, count(*) FILTER (WHERE e.event = 'registered'),"
        " count(*) FILTER (WHERE e.event IN ('merged', 'abandoned', 'expired')),"
        " count(*) FILTER (WHERE e.event = i.status)"
        " FROM confiture.intent AS i LEFT JOIN confiture.intent_event AS e ON e.intent = i.id GROUP BY i.id"
    ):
        assert counts[0] == 1, f"{intent} is registered {counts[0]} times"
        assert counts[1] == (status in ENDED), f"{intent} has ended {counts[1]} times"
        if status in ENDED:
            assert counts[2] == 1, f"{intent} is {status}, and the history does not say so"


def check_answers(storm: Storm) -> None:
    """Nothing but refusals: no deadlock, no lock that was waited for too long, no error of the inside."""
    assert set(storm.errors) <= REFUSALS, (storm.errors, storm.texts[:2])


def drain(database: Database) -> None:
    """Everybody abandons, several at a time, but who waits for a turn: so all get theirs."""
    dice = random.Random(0)
    while active := database.execute("SELECT id, queued FROM confiture.intent_list(max_rows => 100000)"):
        free = [str(row[0]) for row in active if not row[1]]
        assert free, f"{len(active)} wait for each other, or for nobody"
        dice.shuffle(free)
        failed: list[psycopg.Error] = []

        def abandon(ids: list[str], failed: list[psycopg.Error] = failed) -> None:
            with database.server.connect(database.name) as connection:
                for one in ids:
                    try:
                        connection.execute("SELECT confiture.intent_abandon(%s)", [one])
                    except psycopg.Error as error:
                        if error.sqlstate != "CF014":
                            failed.append(error)

        threads = [threading.Thread(target=abandon, args=(free[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        check(database)


def seed() -> int:
    """The same in CI every time; as far as the scheduler plays along."""
    return 7 if os.environ.get("CI") else random.randrange(1_000_000)


def test_storm(database: Database) -> None:
    """Eight sessions at once; nobody dies."""
    database.execute(f"ALTER DATABASE {database.name} SET confiture.lock_timeout = '100s'")
    storm = Storm(database, seed())
    time.sleep(3)
    until(lambda: storm.calls > 50, "the storm rages")
    storm.wait()
    check_answers(storm)
    check(database)
    check_history(database, [storm])
    drain(database)


def test_killed(database: Database) -> None:
    """A backend is killed in the middle, the server restarts; again and again."""
    database.execute(f"ALTER DATABASE {database.name} SET confiture.lock_timeout = '100s'")
    first = seed()
    storms = []
    for number in range(3):
        storm = Storm(database, first + number)
        storms.append(storm)
        until(lambda storm=storm: storm.calls > 40, "the storm rages")  # type: ignore[misc]
        backends = [p for p in database.server.processes() if f" {database.name} [local] SELECT" in p.title]
        victim = backends[0] if backends else database.server.backend(database.name)
        assert victim is not None
        victim.kill()
        storm.wait()
        check_answers(storm)
        database.reconnect()
        check(database)
        check_history(database, storms, unanswered=SESSIONS * len(storms))
    drain(database)


@pytest.mark.parametrize("held", ["claims", "rows"])
def test_nobody_waits_for_ever(database: Database, other: Connection, held: str) -> None:
    """A session does not commit: the others are told after confiture.lock_timeout, and go on later."""
    ids = {
        name: str(
            database.value(
                "SELECT confiture.intent_register(%s, 'f', '{t}', on_conflict => 'warn') ->> 'id'", name
            )
        )
        for name in ("first", "second", "third")
    }
    database.execute("SELECT confiture.intent_complete(%s)", ids["third"])
    conflict = database.value(
        "SELECT id FROM confiture.intent_conflicts() WHERE agent = 'second' AND other_agent = 'first'"
    )
    calls = {
        "merge": ("SELECT confiture.intent_merge(%s)", ids["third"]),
        "abandon": ("SELECT confiture.intent_abandon(%s)", ids["first"]),
        "extend": ("SELECT confiture.intent_extend(%s, '1 h')", ids["first"]),
        "register": ("SELECT confiture.intent_register(%s, 'f', '{t.a}')", "fourth"),
        "start": ("SELECT confiture.intent_start(%s)", ids["first"]),
        "resolve": ("SELECT confiture.intent_resolve(%s, 'x')", str(conflict)),
    }
    other.execute("BEGIN")
    if held == "claims":
        other.execute("SELECT confiture.intent_register('holder', 'f', '{t}')")
        waiting = {"merge", "abandon", "extend", "register"}
    else:
        other.execute("SELECT confiture.intent_complete(%s)", [ids["first"]])
        waiting = {"abandon", "extend", "start", "resolve"}
    answers: dict[str, tuple[str | None, float]] = {}

    def call(name: str) -> None:
        with database.server.connect(database.name) as connection:
            connection.execute("SET confiture.lock_timeout = '300ms'")
            started = time.monotonic()
            code = None
            try:
                if name in waiting:
                    connection.execute(calls[name][0], [calls[name][1]])
            except psycopg.Error as error:
                code = error.sqlstate
            answers[name] = (code, time.monotonic() - started)

    for name in calls:
        thread = threading.Thread(target=call, args=(name,))
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive(), f"{name} waits for ever"
    assert {name for name, answer in answers.items() if answer[0] == "55P03"} == waiting, answers
    assert all(answers[name][1] > 0.25 for name in waiting), "they have waited"
    other.execute("ROLLBACK")
    for name in ("extend", "start", "resolve", "merge", "abandon", "register"):
        database.execute(*calls[name])
    check(database)
