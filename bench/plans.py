"""What is measured of differences and plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
