"""What is measured: each case gives rows of the report."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
import server
import texts
from coordinate import coordination
from measure import Bench, Latency, Row, alternate, compare, timed
from plans import differences, plans
from transition import transitions

Migrations = Sequence[tuple[str, str]]

APPLY = "SELECT * FROM confiture.migrate_up();\n"


def as_jsonb(migrations: Migrations) -> str:
    return json.dumps([{"version": number, "name": f"step_{number}", "up": up} for number, up in migrations])


def install(name: str, migrations: Migrations = ()) -> None:
    """Create the extension, and register migrations."""
    with server.connect(name) as connection:
        connection.execute("CREATE EXTENSION confiture")
        if migrations:
            connection.execute("SELECT confiture.register_migrations(%s::jsonb)", (as_jsonb(migrations),))


def on_copy(template: str, work: Callable[[str], object]) -> Callable[[], float]:
    """Give a trial: the time of a piece of work on a fresh copy of a database."""

    def trial() -> float:
        with server.database(template) as name:
            return timed(lambda: work(name))

    return trial


def small_migrations(bench: Bench) -> Iterator[Row]:
    """Many small migrations; the template has them registered, for both sides."""
    number = bench.count(1000)
    migrations = texts.small_migrations(number)
    whole = bench.file("all.sql", "".join(text for _, text in migrations))
    pieces = bench.file("pieces.sql", "".join(f"BEGIN;\n{text}COMMIT;\n" for _, text in migrations))
    files = [bench.file(f"files/{version}.sql", text) for version, text in migrations]
    send = f"SELECT confiture.register_migrations($j${as_jsonb(migrations)}$j$);\n"
    register = bench.file("register.sql", send)
    apply = bench.file("apply.sql", APPLY)
    bare = bench.file("bare.sql", f"SET confiture.record_schema = off;\n{APPLY}")

    def each_file(name: str) -> None:
        for path in files:
            server.psql(name, "-1", "-f", path)

    up = f"SELECT migrate_up(), {number} migrations"
    call = f"CALL migrate(), {number} migrations"
    off = f"SELECT migrate_up(), {number} migrations, record_schema off"
    both = "register_migrations(), then migrate_up()"
    one = "psql -1 -f of the same text"
    parts = "psql -f, one BEGIN ... COMMIT each"
    many = "psql -1 -f, one process for each file"
    with server.database() as plain, server.database() as template:
        install(plain)
        install(template, migrations)
        seconds = alternate(
            {
                one: on_copy(template, lambda name: server.psql(name, "-1", "-f", whole)),
                up: on_copy(template, lambda name: server.psql(name, "-f", apply)),
                off: on_copy(template, lambda name: server.psql(name, "-f", bare)),
                parts: on_copy(template, lambda name: server.psql(name, "-f", pieces)),
                call: on_copy(template, lambda name: server.psql(name, "-c", "CALL confiture.migrate()")),
                both: on_copy(plain, lambda name: server.psql(name, "-f", register, "-f", apply)),
                many: on_copy(template, each_file),
            },
            bench.repetitions,
        )
    yield compare(seconds, up, one, limit=1.2)
    yield compare(seconds, off, one)
    yield compare(seconds, call, one, limit=1.2)
    yield compare(seconds, call, parts)
    yield compare(seconds, both, one)
    yield compare(seconds, up, many)
    yield compare(seconds, call, many)


def executor(bench: Bench) -> Iterator[Row]:
    """One migration of many statements: what the executor adds to each."""
    number = bench.count(10_000)
    text = texts.inserts(number)
    script = bench.file("inserts.sql", text)
    # What psql alone needs to find the ends of the statements: nothing is sent.
    lexed = bench.file("lexed.sql", f"\\if false\n{text}\\endif\n")
    split = bench.file("split.sql", f"SELECT count(*) FROM confiture.statements($script${text}$script$);\n")
    up = f"migrate_up(), one migration of {number} INSERTs"
    one = "psql -1 -f of the same text"
    found = f"statements() of these {number} INSERTs"
    skipped = "psql -f, which splits but sends nothing"
    with server.database() as template:
        install(template, [("1", text)])
        seconds = alternate(
            {
                one: on_copy(template, lambda name: server.psql(name, "-1", "-f", script)),
                up: on_copy(template, lambda name: server.psql(name, "-c", APPLY)),
                skipped: on_copy(template, lambda name: server.psql(name, "-f", lexed)),
                found: on_copy(template, lambda name: server.psql(name, "-f", split)),
            },
            bench.repetitions,
        )
    yield compare(seconds, up, one, limit=1.15)
    yield compare(seconds, found, skipped)


def dry_run(bench: Bench) -> Iterator[Row]:
    """A dry run of changes of a big table, against making them."""
    rows = bench.count(1_000_000)
    change = bench.file("change.sql", texts.BIG_CHANGE)
    dry = bench.file("dry.sql", f"SELECT * FROM confiture.dry_run($script${texts.BIG_CHANGE}$script$);\n")
    measured = f"dry_run(), {rows} rows: 3 ALTERs, index, UPDATE"
    one = "psql -1 -f of the same text"
    with server.database() as template:
        install(template)
        server.psql(template, "-f", bench.file("big.sql", texts.big_table(rows)))
        seconds = alternate(
            {
                one: on_copy(template, lambda name: server.psql(name, "-1", "-f", change)),
                measured: on_copy(template, lambda name: server.psql(name, "-f", dry)),
            },
            bench.repetitions,
        )
    yield compare(seconds, measured, one)


# confiture.build() commits after so many statements of DDL.
PIECE = 50


def on_new(name: str, work: Callable[[], object]) -> Callable[[], float]:
    """Give a trial: the time of a piece of work that makes a database, which is dropped before."""

    def trial() -> float:
        server.drop(name)
        return timed(work)

    return trial


def pieces_of(files: dict[str, list[str]]) -> str:
    """Give the text of all files, in transactions of the size that a build has."""
    statements = [f"{statement};\n" for each in files.values() for statement in each]
    parts = [statements[at : at + PIECE] for at in range(0, len(statements), PIECE)]
    return "".join("".join(["BEGIN;\n", *part, "COMMIT;\n"]) for part in parts)


def call_of(files: dict[str, list[str]], options: dict[str, object]) -> str:
    """Give the call of a build."""
    given = [{"path": path, "text": "".join(f"{each};\n" for each in text)} for path, text in files.items()]
    return f"SELECT * FROM confiture.build($j${json.dumps(given)}$j$, $j${json.dumps(options)}$j$);\n"


def builds(bench: Bench) -> Iterator[Row]:
    """A build from files, and from its template."""
    tables = bench.count(1000)
    name = "bench_built"
    files = texts.schema(tables)
    create = f"CREATE DATABASE {name} TEMPLATE template0;\n\\c {name}\n"
    pieces = pieces_of(files)
    plain = bench.file("plain.sql", create + pieces)
    relaxed = bench.file("relaxed.sql", f"{create}SET synchronous_commit = off;\n{pieces}")
    once = bench.file("once.sql", call_of(files, {"database": name, "cache": False}))
    keep = bench.file("keep.sql", call_of(files, {"database": name}))
    cold = f"build(), {tables} tables, no template kept"
    kept = f"build(), {tables} tables, template kept"
    one = "psql -f of the same text, same pieces"
    late = "the same, synchronous_commit off"
    with server.database() as control:
        install(control)
        with server.connect(control) as connection:

            def fresh() -> None:
                connection.execute("SELECT confiture.build_prune()")

            def first() -> float:
                fresh()
                return on_new(name, lambda: server.psql(control, "-f", keep))()

            seconds = alternate(
                {
                    one: on_new(name, lambda: server.psql("postgres", "-f", plain)),
                    cold: on_new(name, lambda: server.psql(control, "-f", once)),
                    late: on_new(name, lambda: server.psql("postgres", "-f", relaxed)),
                    kept: first,
                },
                bench.repetitions,
            )
            yield compare(seconds, cold, one, limit=1.05)
            yield compare(seconds, cold, late)
            yield compare(seconds, kept, one)
            yield from copies(bench, connection, control, name, keep, tables)
            small = bench.file("small.sql", call_of(texts.schema(20), {"database": name}))
            yield from copies(bench, connection, control, name, small, 20)
            fresh()
        server.drop(name)


def copies(
    bench: Bench,
    connection: psycopg.Connection[tuple[object, ...]],
    control: str,
    name: str,
    call: Path,
    tables: int,
) -> Iterator[Row]:
    """A build of a tree that has not changed."""
    connection.execute("SELECT confiture.build_prune()")
    server.drop(name)
    server.psql(control, "-f", call)
    query = "SELECT database FROM confiture.builds() WHERE kind = 'template'"
    template = connection.execute(query).fetchall()[0][0]
    copy = bench.file("copy.sql", f"CREATE DATABASE {name} TEMPLATE {template};\n")
    again = f"build(), {tables} tables, unchanged"
    bare = "CREATE DATABASE ... TEMPLATE"
    seconds = alternate(
        {
            bare: on_new(name, lambda: server.psql(control, "-f", copy)),
            again: on_new(name, lambda: server.psql(control, "-f", call)),
        },
        max(bench.repetitions, 9),
    )
    yield compare(seconds, again, bare, limit=1.3)


def client(bench: Bench) -> Iterator[Row]:
    """How long the client takes to start, and to run small migrations from files."""
    program = server.program()
    version = "confiture --version"
    empty = "python -c pass"
    seconds = alternate(
        {
            empty: lambda: timed(lambda: server.run([sys.executable, "-c", "pass"])),
            version: lambda: timed(lambda: server.run([program, "--version"])),
        },
        max(bench.repetitions, 15),
    )
    yield compare(seconds, version, empty, limit_s=0.15)


def snapshot(bench: Bench) -> Iterator[Row]:
    """A snapshot of many tables, against what pg_dump reads of them."""
    number = bench.count(1000)
    text = bench.file("schema.sql", texts.whole_schema(number))
    dump = "pg_dump --schema-only"
    taken = f"snapshot_hash(snapshot()), {number} tables"
    sent = f"snapshot() to the client, {number} tables"
    with server.database() as name:
        install(name)
        server.psql(name, "-f", text)
        server.psql(name, "-c", "VACUUM ANALYZE")

        def query(statement: str) -> Callable[[], float]:
            return lambda: timed(lambda: server.psql(name, "-A", "-t", "-c", statement))

        seconds = alternate(
            {
                dump: lambda: timed(lambda: server.run(["pg_dump", "--schema-only", "-d", name])),
                taken: query("SELECT confiture.snapshot_hash(confiture.snapshot())"),
                sent: query("SELECT confiture.snapshot()"),
            },
            max(bench.repetitions, 11),
        )
    yield compare(seconds, taken, dump, limit=0.6)
    yield compare(seconds, sent, dump)


CASES: dict[str, Callable[[Bench], Iterator[Row | Latency]]] = {
    "migrations": small_migrations,
    "executor": executor,
    "dry-run": dry_run,
    "builds": builds,
    "snapshot": snapshot,
    "diff": differences,
    "plan": plans,
    "client": client,
    "coordination": coordination,
    "transitions": transitions,
}
