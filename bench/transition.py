"""Transitions: what writers pay while they are captured and mirrored, how fast rows are copied, how long
the cutover holds its lock.

The price of a write is CPU time of the backend: commits and neighbours do not hide it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import server
from measure import Bench, Latency, Row, alternate, compare
from session import Session, time_copy
from transition_remote import remote_copy
from transition_shared import shared
from transition_wait import waits

ROWS = 200_000
STATES = {"plain": None, "captured": "captured", "mirrored": "mirrored"}
LIMITS: dict[str, tuple[float | None, float | None]] = {"single-row": (1.25, 1.9), "bulk": (2.0, 4.0)}


@contextmanager
def tables(bench: Bench) -> Iterator[tuple[str, Session]]:
    """Make the same table three times, and a new schema for two of them."""
    rows = bench.count(ROWS)
    with server.database() as name:
        session = Session(name)
        session.execute("CREATE EXTENSION confiture")
        for kind in STATES:
            for schema in (kind, f"{kind}_new"):
                session.execute(f"CREATE SCHEMA {schema}")
                session.execute(
                    f"CREATE TABLE {schema}.t (id bigint PRIMARY KEY, a int, b text, c numeric, d date);"
                    f"CREATE INDEX ON {schema}.t (a)"
                )
            session.execute(
                f"INSERT INTO {kind}.t SELECT i, i % 1000, 'text of row ' || i, i / 7.0, now()"
                f" FROM generate_series(1, {rows}) AS i"
            )
            # As dense as those that a transition builds: a denser index is dearer to add to.
            session.execute(f"REINDEX TABLE {kind}.t")
            session.execute(f"VACUUM ANALYZE {kind}.t")
        yield name, session
        session.connection.close()


def transitions(bench: Bench) -> Iterator[Row | Latency]:
    """The copy, then writers, then the swap; splits and merges; another server; who waits for each step."""
    with tables(bench) as (name, session):
        yield from copying(bench, name, session)
        for kind, state in STATES.items():
            if state:
                session.execute(f"SELECT confiture.transition_create('{kind}', '{kind}', '{kind}_new')")
                session.execute(f"CALL confiture.transition_run('{kind}', '{state}')")
        yield from writing(bench, session)
        yield swap(bench, name, session)
    yield from shared(bench)
    yield from remote_copy(bench)
    yield from waits(bench)


def writing(bench: Bench, session: Session) -> Iterator[Row]:
    """What writes cost: of an application, in a loop inside the server, and many rows in one statement."""
    rows = bench.count(ROWS)
    count, bulk = bench.count(20_000), bench.count(50_000)
    update = "UPDATE {0}.t SET b = 'changed ' || %s::int WHERE id = %s"
    insert = "INSERT INTO {0}.t VALUES (%s, %s, 'new', 1, now())"
    updated = [(i, 1 + (i * 7919) % rows) for i in range(1, count + 1)]
    inserted = [(10_000_000 + i, i) for i in range(1, count + 1)]
    bodies: dict[str, Callable[[str], None]] = {
        "single-row UPDATE": lambda kind: session.repeat(update.format(kind), updated),
        "single-row INSERT": lambda kind: session.repeat(insert.format(kind), inserted),
        "UPDATE in a loop": lambda kind: session.execute(
            f"DO $$ BEGIN FOR i IN 1 .. {count} LOOP UPDATE {kind}.t SET b = 'changed ' || i"
            f" WHERE id = 1 + (i * 7919::bigint) % {rows}; END LOOP; END $$"
        ),
        "INSERT in a loop": lambda kind: session.execute(
            f"DO $$ BEGIN FOR i IN 1 .. {count} LOOP"
            f" INSERT INTO {kind}.t VALUES (10000000 + i, i, 'new', i, now()); END LOOP; END $$"
        ),
        "bulk UPDATE": lambda kind: session.execute(f"UPDATE {kind}.t SET b = 'bulk' WHERE id <= {bulk}"),
        "bulk INSERT": lambda kind: session.execute(
            f"INSERT INTO {kind}.t SELECT 10000000 + i, i, 'new', i, now()"
            f" FROM generate_series(1, {bulk}) AS i"
        ),
    }
    for what, body in bodies.items():
        trials = {}
        for kind in STATES:

            def trial(kind: str = kind, body: Callable[[str], None] = body) -> float:
                cost = session.cpu(lambda: body(kind))
                session.execute(f"DELETE FROM {kind}.t WHERE id >= 10000000")
                for schema in (kind, f"{kind}_new"):
                    session.execute(f"VACUUM {schema}.t")
                return cost

            trials[f"{what}, {kind}"] = trial
        seconds = alternate(trials, bench.repetitions)
        for kind, limit in zip(
            ("captured", "mirrored"), LIMITS.get(what.split()[0], (None, None)), strict=True
        ):
            yield compare(seconds, f"{what}, {kind}", f"{what}, plain", limit=limit)


def copying(bench: Bench, name: str, session: Session) -> Iterator[Row]:
    """The copy, by one session and by two, against INSERT ... SELECT with the same index, by the clock."""

    def plain() -> float:
        session.execute("CREATE TABLE plain_new.copy (LIKE plain.t, PRIMARY KEY (id))")
        start = time.perf_counter()
        session.execute("INSERT INTO plain_new.copy SELECT * FROM plain.t")
        elapsed = time.perf_counter() - start
        session.execute("DROP TABLE plain_new.copy")
        return elapsed

    def transition(*, helped: bool) -> float:
        create = "SELECT confiture.transition_create('copy', 'plain', 'plain_new')"
        return time_copy(session, name, "copy", create, helped=helped)

    trials = {
        "copy in chunks": lambda: transition(helped=False),
        "copy in chunks, two sessions": lambda: transition(helped=True),
        "INSERT ... SELECT": plain,
    }
    seconds = alternate(trials, bench.repetitions)
    for what in list(seconds)[:2]:
        yield compare(seconds, what, "INSERT ... SELECT", limit=2.0)


def swap(bench: Bench, name: str, session: Session) -> Latency:
    """How long the lock of the cutover is held, there and back, in sessions that do it for the first time.

    By the server's clock, in one message: as confiture.transition_cutover() runs, which commits at once.
    """
    held = []
    session.execute("CALL confiture.transition_run('mirrored', 'validated')")
    for turn in range(max(4, bench.count(20))):
        step = ("cutover", "rollback")[turn % 2]
        of = "(SELECT t FROM confiture.transition AS t WHERE t.name = 'mirrored')"
        with psycopg.connect(dbname=name, autocommit=True) as fresh:
            cursor = fresh.execute(
                "BEGIN;"
                f"SELECT confiture._transition_rehearse({of}, '_transition_do_{step}');"
                "LOCK TABLE mirrored.t, mirrored_new.t IN ACCESS EXCLUSIVE MODE;"
                "SELECT extract(epoch FROM clock_timestamp())::float8;"
                f"SELECT confiture._transition_do_{step}({of});"
                "COMMIT;"
                "SELECT extract(epoch FROM clock_timestamp())::float8".encode()
            )
            answers = [cursor.fetchone() for _ in cursor.results() if cursor.description]
            start, end = (row[0] for row in answers if row is not None and isinstance(row[0], float))
            held.append(end - start)
    return Latency.of("lock of the cutover, renaming", "one table", held)
