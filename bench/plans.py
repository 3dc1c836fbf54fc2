"""What is measured of differences and plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import server
import texts
from measure import Bench, Row, alternate, compare, timed

DUMP = "pg_dump --schema-only"


def _changes(number: int) -> str:
    """Give so many changes, each of another table."""
    return "".join(
        f"ALTER TABLE app.table_{i} ADD COLUMN note text, ALTER tags DROP DEFAULT;\n" for i in range(number)
    )


def _query(name: str, statement: str) -> Callable[[], float]:
    return lambda: timed(lambda: server.psql(name, "-A", "-t", "-c", statement))


def differences(bench: Bench) -> Iterator[Row]:
    """Differences of two snapshots of many tables that are there already."""
    number = bench.count(1000)
    counts = (1, 10, number // 2)
    with server.database() as name:
        with server.connect(name) as connection:
            connection.execute("CREATE EXTENSION confiture")
        server.psql(name, "-f", bench.file("schema.sql", texts.whole_schema(number)))
        store = "INSERT INTO taken SELECT {}, confiture.snapshot('{{app}}')"
        server.psql(name, "-c", "CREATE TABLE taken (changes integer, snapshot jsonb)")
        server.psql(name, "-c", store.format(0))
        done = 0
        for count in counts:
            text = _changes(count).splitlines(keepends=True)[done:]
            server.psql(name, "-f", bench.file(f"changes_{count}.sql", "".join(text)))
            server.psql(name, "-c", store.format(count))
            done = count
        called = {
            f"diff(), {number} tables, {count} changed": _query(
                name,
                "SELECT count(*) FROM taken AS a, taken AS b, confiture.diff(a.snapshot, b.snapshot)"
                f" WHERE a.changes = 0 AND b.changes = {count}",
            )
            for count in counts
        }
        whole = f"diff('{{}}', snapshot), {number} tables"
        called[whole] = _query(
            name, "SELECT count(*) FROM taken AS a, confiture.diff('{}', a.snapshot) WHERE a.changes = 0"
        )
        trials = {DUMP: lambda: timed(lambda: server.run(["pg_dump", "--schema-only", "-d", name])), **called}
        seconds = alternate(trials, bench.repetitions)
    for what in called:
        yield compare(seconds, what, DUMP, limit_s=1.0)


def _cold(name: str) -> None:
    """Forget all that a plan would find: snapshots, twins, the template of scratch databases."""
    server.psql(name, "-c", "DELETE FROM confiture.snapshot_cache", "-c", "SELECT confiture.build_prune(0)")
    server.psql(name, "-c", "CHECKPOINT")


def plans(bench: Bench) -> Iterator[Row]:
    """Plans for many tables, with one column more: proven, each by a process of its own."""
    number = bench.count(1000)
    text = texts.whole_schema(number).replace("BEGIN;\n", "").replace("COMMIT;\n", "")
    wanted = f"$ddl${text}ALTER TABLE app.table_1 ADD COLUMN more integer;\n$ddl$"
    with server.database() as name:
        with server.connect(name) as connection:
            connection.execute("CREATE EXTENSION confiture")
        server.psql(name, "-f", bench.file("schema.sql", texts.whole_schema(number)))
        plan = bench.file("plan.sql", f"SELECT count(*) FROM confiture.plan({wanted}::text);\n")
        loaded = f"confiture.snapshot_of($ddl${text}$ddl$), confiture.snapshot_of({wanted})"
        between = bench.file("between.sql", f"SELECT confiture.plan_between({loaded});\n")

        def timed_file(path: Path) -> float:
            return timed(lambda: server.psql(name, "-f", path))

        def cold() -> float:
            _cold(name)
            return timed_file(plan)

        def changed() -> float:
            """Time a plan after a statement that changes the catalogs and not the schema."""
            server.psql(name, "-c", "ALTER TABLE app.table_2 ALTER code SET DEFAULT 1")
            server.psql(name, "-c", "ALTER TABLE app.table_2 ALTER code DROP DEFAULT")
            server.psql(name, "-c", "COMMENT ON TABLE app.table_2 IS 'Things of kind 2'")
            return timed_file(plan)

        warm, moved = f"plan(), {number} tables, warm", "the same, after the catalogs have changed"
        made, again = (
            f"plan(), {number} tables, cold",
            f"plan_between() of two DDLs and back, {number} tables, warm",
        )
        dump = {DUMP: lambda: timed(lambda: server.run(["pg_dump", "--schema-only", "-d", name]))}
        first = alternate({made: cold, **dump}, max(1, bench.repetitions // 2))
        later = {warm: lambda: timed_file(plan), moved: changed, again: lambda: timed_file(between)}
        seconds = alternate({**dump, **later}, bench.repetitions)
        server.psql(name, "-c", "SELECT confiture.build_prune(0)")
    yield compare(first, made, DUMP)
    yield compare(seconds, warm, DUMP, limit_s=1.0)
    yield compare(seconds, moved, DUMP, limit_s=1.0)
    yield compare(seconds, again, DUMP)
