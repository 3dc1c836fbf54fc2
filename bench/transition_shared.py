"""Transitions: what writers pay while one table is mirrored to two, and two to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import server
from measure import Bench, Row, alternate, compare
from session import Session

ROWS = 200_000
TABLES = {
    "wide": "id bigint PRIMARY KEY, a int, b text, c numeric, d date",
    "main": "id bigint PRIMARY KEY, a int, b text",
    "rest": "id bigint PRIMARY KEY, c numeric, d date",
}
ROW = {
    "wide": "i, i % 1000, 'text of row ' || i, i / 7.0, now()",
    "main": "i, i % 1000, 'text of row ' || i",
    "rest": "i, i / 7.0, now()",
}
SPLIT = '{"tables": {"wide": {"targets": [{"target": "main"}, {"target": "rest"}]}}}'
MERGE = '{"tables": {"main": {"target": "wide"}, "rest": {"target": "wide", "secondary": true}}}'
# By transition: the mapping, the tables that the application writes, and those to which they are mirrored.
SHAPES = {
    "split": (SPLIT, ("wide",), ("main", "rest")),
    "merge": (MERGE, ("main", "rest"), ("wide",)),
}
# What is changed in a table: a column of the main one, of the second one, or of both.
CHANGES = {
    ("split", "wide", "main's column"): "b = 'changed ' || %s::int",
    ("split", "wide", "second's column"): "c = %s::int",
    ("merge", "main", "main"): "b = 'changed ' || %s::int",
    ("merge", "rest", "second"): "c = %s::int",
}


def shared(bench: Bench) -> Iterator[Row]:
    """Set writes of tables that are split or merged against those of the same tables that are not."""
    for shape, (mapping, sources, targets) in SHAPES.items():
        with server.database() as name:
            session = Session(name)
            make(session, sources, targets, bench.count(ROWS))
            session.execute(f"SELECT confiture.transition_create('t', 'moved', 'new', '{mapping}')")
            session.execute("CALL confiture.transition_run('t', 'mirrored')")
            yield from writing(bench, session, shape)
            session.connection.close()


def make(session: Session, sources: tuple[str, ...], targets: tuple[str, ...], rows: int) -> None:
    """Make the tables of the application twice, and the new ones once."""
    session.execute("CREATE EXTENSION confiture")
    for schema, tables in {"plain": sources, "moved": sources, "new": targets}.items():
        session.execute(f"CREATE SCHEMA {schema}")
        for table in tables:
            session.execute(f"CREATE TABLE {schema}.{table} ({TABLES[table]})")
            if schema != "new":
                session.execute(
                    f"INSERT INTO {schema}.{table} SELECT {ROW[table]} FROM generate_series(1, {rows}) AS i"
                )
                session.execute(f"REINDEX TABLE {schema}.{table}")
                session.execute(f"VACUUM ANALYZE {schema}.{table}")


def writing(bench: Bench, session: Session, shape: str) -> Iterator[Row]:
    """What writes cost: one row after the other, and many in one statement."""
    rows = bench.count(ROWS)
    count, bulk = bench.count(20_000), bench.count(50_000)
    _, sources, targets = SHAPES[shape]
    updated = [(i, 1 + (i * 7919) % rows) for i in range(1, count + 1)]
    inserted = [(10_000_000 + i,) for i in range(1, count + 1)]
    first = sources[0]
    insert = f"INSERT INTO {{0}}.{first} SELECT {ROW[first]} FROM "
    works: dict[str, Callable[[str], None]] = {}
    for (of, table, what), change in CHANGES.items():
        if of == shape:
            works[f"{shape}: single-row UPDATE, {what}"] = lambda schema, t=table, c=change: session.repeat(
                f"UPDATE {schema}.{t} SET {c} WHERE id = %s", updated
            )
            works[f"{shape}: bulk UPDATE, {what}"] = lambda schema, t=table, c=change: session.execute(
                f"UPDATE {schema}.{t} SET {c.replace('%s', '7')} WHERE id <= {bulk}"
            )
    one = insert.replace("%", "%%") + "(SELECT %s::bigint AS i) AS n"
    works[f"{shape}: single-row INSERT"] = lambda schema: session.repeat(one.format(schema), inserted)
    many = insert + f"generate_series(10000001, {10_000_000 + bulk}) AS i"
    works[f"{shape}: bulk INSERT"] = lambda schema: session.execute(many.format(schema))
    for what, work in works.items():
        trials = {}
        for schema in ("plain", "moved"):

            def trial(schema: str = schema, work: Callable[[str], None] = work) -> float:
                cost = session.cpu(lambda: work(schema))
                session.execute(f"DELETE FROM {schema}.{first} WHERE id > 10000000")
                for each in (*sources, *targets):
                    session.execute(f"VACUUM {'new' if each in targets else schema}.{each}")
                return cost

            trials[f"{what}, {schema}"] = trial
        seconds = alternate(trials, bench.repetitions)
        seconds = {key.replace("moved", "mirrored"): value for key, value in seconds.items()}
        yield compare(seconds, f"{what}, mirrored", f"{what}, plain")
