"""Transitions to another server, which is another database of this one: how fast rows are copied there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import server
from measure import Bench, Row, alternate, compare
from session import Session, time_copy

ROWS = 200_000
TABLE = "(id bigint PRIMARY KEY, a int, b text, c numeric, d date)"


@contextmanager
def two_databases(rows: int) -> Iterator[tuple[str, Session, Session]]:
    """Make a table here, and a way to another database; give its name, and a session of each of the two."""
    with server.database() as here, server.database() as there:
        source, target = Session(here), Session(there)
        for session in (source, target):
            session.execute("CREATE EXTENSION confiture")
        target.execute(f"CREATE SCHEMA new; CREATE TABLE new.t {TABLE}; CREATE TABLE new.pushed {TABLE}")
        source.execute(
            "CREATE EXTENSION postgres_fdw;"
            " CREATE SERVER target FOREIGN DATA WRAPPER postgres_fdw OPTIONS"
            f" (host '{os.environ['PGHOST']}', port '{os.environ.get('PGPORT', '5432')}', dbname '{there}');"
            " CREATE USER MAPPING FOR CURRENT_USER SERVER target;"
            f" CREATE SCHEMA app; CREATE TABLE app.t {TABLE};"
            " INSERT INTO app.t SELECT i, i % 1000, 'text of row ' || i, i / 7.0, now()"
            f" FROM generate_series(1, {rows}) AS i"
        )
        source.execute("VACUUM ANALYZE app.t")
        yield here, source, target
        for session in (source, target):
            session.connection.close()


CREATE = (
    """SELECT confiture.transition_create('t', 'app', 'new', '{"tables": {"t": {}}}', server => 'target')"""
)


def remote_copy(bench: Bench) -> Iterator[Row]:
    """The copy with one session, and with two, against a plain INSERT into a foreign table, by the clock."""
    with two_databases(bench.count(ROWS)) as (name, source, target):
        source.execute(
            f"CREATE FOREIGN TABLE pushed {TABLE.replace(' PRIMARY KEY', '')} SERVER target"
            " OPTIONS (schema_name 'new', batch_size '1000')"
        )

        def push() -> float:
            target.execute("TRUNCATE new.pushed")
            start = time.perf_counter()
            source.execute("INSERT INTO pushed SELECT * FROM app.t")
            return time.perf_counter() - start

        def copy(*, helped: bool) -> float:
            return time_copy(source, name, "t", CREATE, helped=helped)

        seconds = alternate(
            {
                "copy to another server": lambda: copy(helped=False),
                "copy to another server, two sessions": lambda: copy(helped=True),
                "INSERT INTO foreign table": push,
            },
            bench.repetitions,
        )
        for what in list(seconds)[:2]:
            yield compare(seconds, what, "INSERT INTO foreign table", limit=2.0)
