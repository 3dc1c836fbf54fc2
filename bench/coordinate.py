"""Coordination: how long calls take in the server, with few and with many intents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import server
from measure import Bench, Latency, Row, alternate, compare, timed

SQL = Path(__file__).with_suffix(".sql")
TABLES = 20_000
ACTIVE = (0, 1_000, 10_000, 100_000)
CLOSED = 300_000
SESSIONS = 8
# In the server, for check and register with the most intents.
P99 = 0.002
AIMED = ("intent_check", "intent_register")


def coordination(bench: Bench) -> Iterator[Row | Latency]:
    """Calls with a growing number of intents, then enforcement and the command line with the most."""
    tables, rounds = bench.count(TABLES), bench.count(1000)
    with server.database() as plain:
        server.psql(plain, "-f", SQL)
        execute(plain, f"CALL bench.make_tables({tables})")
        for number in ACTIVE:
            active = bench.count(number) if number else 0
            with filled(plain, tables, active, 0) as name:
                yield from calls(name, f"{active:,} intents", rounds, tables, aimed=number == ACTIVE[-1])
        with filled(plain, tables, active, bench.count(CLOSED)) as name:
            label = f"and {bench.count(CLOSED):,} closed ones"
            yield from calls(name, label, rounds, tables, aimed=True)
            label = f"and {SESSIONS} sessions at once"
            yield from calls(name, label, rounds, tables, sessions=SESSIONS)
            yield from enforcement(bench, plain, name, tables, f"{active:,} intents")
            yield from command(bench, name, f"{active:,} intents")


@contextmanager
def filled(template: str, tables: int, active: int, closed: int) -> Iterator[str]:
    """Give a copy of a database, with the extension and so many intents."""
    with server.database(template) as name:
        execute(name, "CREATE EXTENSION confiture")
        execute(name, f"CALL bench.fill({tables}, {active}, {closed})")
        execute(name, "VACUUM (ANALYZE)")
        execute(name, "CHECKPOINT")
        yield name


def execute(name: str, *statements: str) -> None:
    """Run statements in one session, whose commits don't wait for the disk: they are not what is measured."""
    with server.connect(name) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET client_min_messages = error")
        for statement in statements:
            connection.execute(statement)


def noted(name: str) -> dict[str, list[float]]:
    """Return the times that the procedures have noted, in seconds, and forget them."""
    found: dict[str, list[float]] = {}
    with server.connect(name) as connection:
        for what, us in connection.execute("SELECT what, us FROM bench.latency"):
            found.setdefault(str(what), []).append(float(str(us)) / 1e6)
        connection.execute("TRUNCATE bench.latency")
    return found


def calls(
    name: str, label: str, rounds: int, tables: int, *, sessions: int = 1, aimed: bool = False
) -> Iterator[Latency]:
    """Call everything that agents call, in so many sessions, and tell how long that took."""
    each = max(20, rounds // sessions)
    with ThreadPoolExecutor(sessions) as pool:
        done = [
            pool.submit(
                execute, name, f"CALL bench.call_all('agent{number}', {number * 9973}, {each}, {tables})"
            )
            for number in range(sessions)
        ]
        for session in done:
            session.result()
    for what, seconds in noted(name).items():
        limit = P99 if aimed and what.startswith(AIMED) else None
        yield Latency.of(what, label, seconds, limit_s=limit)


def enforcement(bench: Bench, plain: str, name: str, tables: int, label: str) -> Iterator[Row]:
    """What the check of DDL adds to a statement that may pass."""
    rounds = bench.count(200)

    def ddl(database: str, *settings: str) -> Callable[[], float]:
        def trial() -> float:
            execute(database, *settings, f"CALL bench.run_ddl({rounds}, {tables})")
            seconds = [each for statement in noted(database).values() for each in statement]
            return sum(seconds) / len(seconds)

        return trial

    without = "the same without the extension"
    off, warn = (f"a DDL statement, enforcement {mode}, {label}" for mode in ("off", "warn"))
    seconds = alternate(
        {
            without: ddl(plain),
            off: ddl(name, "SET confiture.enforce_intents = off"),
            warn: ddl(name, "SET confiture.enforce_intents = warn"),
        },
        bench.repetitions,
    )
    yield compare(seconds, off, without, limit_more_s=0.001)
    yield compare(seconds, warn, without, limit_more_s=0.001)


def command(bench: Bench, name: str, label: str) -> Iterator[Row]:
    """The whole command, from the shell: Python, the connection, plans that are not cached yet."""
    program = server.program()
    check = f"confiture coordinate check, {label}"
    empty = "psql -c 'SELECT 1'"
    arguments = ["--db-url", f"dbname={name}", "--agent-id", "bench", "--objects", "create column:t42.bench"]
    seconds = alternate(
        {
            empty: lambda: timed(lambda: server.psql(name, "-c", "SELECT 1")),
            check: lambda: timed(lambda: server.run([program, "coordinate", "check", *arguments])),
        },
        max(bench.repetitions, 15),
    )
    yield compare(seconds, check, empty, limit_s=0.25)
