"""Transitions: the longest that a write takes during each step, against the longest when there is none."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import server
from measure import Bench, Row, compare
from session import Session
from transition_remote import CREATE, TABLE, two_databases

ROWS = 50_000
WRITERS = 4
NONE = "longest write without a step"
STEPS = {
    "capture": "SELECT confiture.transition_capture('t')",
    "copy": "CALL confiture.transition_run('t', 'catching_up')",
    "catch up and mirror": "CALL confiture.transition_run('t', 'mirrored')",
    "validate": "CALL confiture.transition_run('t', 'validated')",
    "cutover": "SELECT confiture.transition_cutover('t')",
    "rollback": "SELECT confiture.transition_rollback('t')",
    "contract": "CALL confiture.transition_run('t', 'contracted')",
}


class Writers:
    """Sessions that update a row of their own, again and again, and time each write."""

    def __init__(self, name: str, rows: int) -> None:
        self.name, self.rows = name, rows
        self.ended = threading.Event()
        self.longest = [0.0] * WRITERS
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(WRITERS)]

    def work(self, number: int) -> None:
        chance = random.Random(number)
        with psycopg.connect(dbname=self.name, autocommit=True) as connection:
            while not self.ended.is_set():
                row = chance.randrange(self.rows // WRITERS) * WRITERS + number + 1
                began = time.perf_counter()
                connection.execute("UPDATE app.t SET a = a + 1 WHERE id = %s", [row])
                self.longest[number] = max(self.longest[number], time.perf_counter() - began)
                time.sleep(0.001)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Write while the block runs."""
        for thread in self.threads:
            thread.start()
        try:
            yield
        finally:
            self.ended.set()
            for thread in self.threads:
                thread.join()

    def during(self, step: Callable[[], object]) -> float:
        """The longest write that was not at its end when a step began."""
        self.longest = [0.0] * WRITERS
        step()
        # Those that the step has held up come to their end.
        time.sleep(0.2)
        return max(self.longest)


def watch(name: str, rows: int, session: Session) -> dict[str, float]:
    """Take a transition through all its steps."""
    writers = Writers(name, rows)
    with writers.at_work():
        time.sleep(0.5)
        found = {NONE: writers.during(lambda: time.sleep(3))}
        for step, command in STEPS.items():
            found[step] = writers.during(lambda command=command: session.execute(command))  # type: ignore[misc]
    return found


def local(rows: int) -> dict[str, float]:
    """In one database."""
    with server.database() as name:
        session = Session(name)
        session.execute(
            f"CREATE EXTENSION confiture; CREATE SCHEMA app; CREATE SCHEMA new; CREATE TABLE app.t {TABLE};"
            f" CREATE TABLE new.t {TABLE};"
            " INSERT INTO app.t SELECT i, 0, 'text of row ' || i, i, now()"
            f" FROM generate_series(1, {rows}) AS i"
        )
        session.execute("VACUUM ANALYZE app.t")
        session.execute("SELECT confiture.transition_create('t', 'app', 'new')")
        found = watch(name, rows, session)
        session.connection.close()
    return found


def remote(rows: int) -> dict[str, float]:
    """To another server, with a worker. Writes after the cutover, and from the rollback on, are of views."""
    with two_databases(rows) as (name, source, _):
        source.execute(CREATE)
        return watch(name, rows, source)


def waits(bench: Bench) -> Iterator[Row]:
    """The longest write during each step: the median of some transitions."""
    rows = bench.count(ROWS)
    for where, take in (("", local), (" to another server", remote)):
        runs = [take(rows) for _ in range(bench.repetitions)]
        seconds = {
            what if what == NONE else f"longest write during {what}{where}": [run[what] for run in runs]
            for what in runs[0]
        }
        for what in list(seconds)[1:]:
            yield compare(seconds, what, NONE, limit_more_s=0.1)
