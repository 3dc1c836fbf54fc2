"""Writers that never stop, and know what must be in the tables at the end.

Each writer owns rows of its own, and remembers every write that the server has acknowledged; all of them
add to a few hot rows. A writer whose connection dies reads its own marker row to learn whether its last
transaction was committed: nothing is in doubt at the end, and every row is compared.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from .server import PATIENCE, Connection, Server

Row = tuple[int, int, str | None]

HOT = 5  # rows that everybody writes
SPAN = 1_000_000  # the keys of one writer
TABLE = """
CREATE TABLE {0} (
    id bigint PRIMARY KEY,
    amount bigint NOT NULL,
    note text,
    code text UNIQUE
)"""


def fill(connection: Connection, table: str, rows: int, writers: int) -> None:
    """Make the first rows: the hot ones, and some for each writer."""
    connection.execute(
        f"INSERT INTO {table} SELECT i, 0, 'hot', 'hot' || i FROM generate_series(1, {HOT}) AS i"
    )
    connection.execute(
        f"INSERT INTO {table} SELECT w * {SPAN} + i, i, CASE WHEN i % 3 > 0 THEN 'old ' || i END,"
        f" w || '/' || i FROM generate_series(1, {writers}) AS w, generate_series(1, {rows}) AS i"
    )


@dataclass
class Damage:
    """What is not as it was acknowledged."""

    kind: str
    key: int
    expected: Row | None
    found: Row | None


@dataclass
class Writer:
    """One session of the application, with what it knows to be committed."""

    server: Server
    database: str
    number: int
    table: Callable[[], str]
    rows: int
    seed: int
    faults: bool
    truth: dict[int, tuple[int, str | None]] = field(default_factory=dict)
    hot: Counter[int] = field(default_factory=Counter)
    committed: int = 0
    errors: list[str] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    longest: float = 0.0

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.seed}/{self.number}")
        base = self.number * SPAN
        for i in range(1, self.rows + 1):
            self.truth[base + i] = (i, f"old {i}" if i % 3 > 0 else None)
        self.truth[base] = (0, "marker")
        self._connection: Connection | None = None
        self._next = self.rows + 1
        self._made = False

    def work(self, stop: threading.Event) -> None:
        """Write until it is told to stop."""
        while not stop.is_set():
            began = time.monotonic()
            try:
                self._transaction()
            except psycopg.OperationalError as problem:
                away = self.faults and (problem.sqlstate or "").startswith(("08", "57"))
                if self._connection is not None and not self._connection.closed and not away:
                    self._refused(problem)
                elif not self.faults:
                    self.errors.append(f"connection lost: {problem}")
                    return
                else:
                    self._close()
                    time.sleep(0.02)
                    continue
            except psycopg.Error as problem:
                self._refused(problem)
            self.longest = max(self.longest, time.monotonic() - began)
        self._close()

    def _refused(self, problem: psycopg.Error) -> None:
        self.errors.append(f"{problem.sqlstate}: {problem}")
        if self._connection is not None and not self._connection.closed:
            try:
                self._connection.execute("ROLLBACK")
            except psycopg.OperationalError:
                if not self.faults:
                    raise
                self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _session(self) -> Connection:
        if self._connection is None:
            self._connection = self.server.connect(self.database, name=f"writer {self.number}")
            self._settle()
        return self._connection

    def _settle(self) -> None:
        """Learn from the marker whether the transaction that was cut off was committed."""
        assert self._connection is not None
        base = self.number * SPAN
        table = self.table()
        if not self._made:
            # Nobody else has this key; a view with triggers does not know ON CONFLICT.
            self._connection.execute(
                f"INSERT INTO {table} SELECT {base}, 0, 'marker', 'marker {self.number}'"
                f" WHERE NOT EXISTS (SELECT FROM {table} WHERE id = {base})"
            )
            self._made = True
        row = self._connection.execute(f"SELECT amount FROM {table} WHERE id = {base}").fetchone()
        if row is not None and row[0] == self.committed + 1:
            self._commit()

    def _commit(self) -> None:
        self.truth, self.hot = self._pending, self._pending_hot
        self.committed += 1
        self.acknowledged.append(time.monotonic())

    def _transaction(self) -> None:
        session = self._session()
        self._pending, self._pending_hot = dict(self.truth), Counter(self.hot)
        base = self.number * SPAN
        table = self.table()
        give_up = self._random.random() < 0.08
        session.execute("BEGIN")
        for _ in range(self._random.choice((1, 1, 1, 2, 5))):
            if self._random.random() < 0.12:
                kept = dict(self._pending)
                session.execute("SAVEPOINT s")
                self._change(session, table)
                session.execute("ROLLBACK TO s")
                self._pending = kept
            else:
                self._change(session, table)
        if self._random.random() < 0.3:
            hot = self._random.randint(1, HOT)
            session.execute(f"UPDATE {table} SET amount = amount + 1 WHERE id = {hot}")
            self._pending_hot[hot] += 1
        count = self.committed + 1
        session.execute(f"UPDATE {table} SET amount = %s WHERE id = %s", (count, base))
        self._pending[base] = (count, "marker")
        if give_up:
            session.execute("ROLLBACK")
            return
        session.execute("COMMIT")
        self._commit()

    def _change(self, session: Connection, table: str) -> None:
        base = self.number * SPAN
        mine = [key for key in self._pending if key != base]
        kind = self._random.random()
        if kind < 0.3 or len(mine) < 10:
            key = base + self._next
            self._next += 1
            note = None if key % 5 == 0 else f"new {key}"
            session.execute(
                f"INSERT INTO {table} (id, amount, note, code) VALUES (%s, %s, %s, %s)",
                (key, key % 97, note, f"{self.number}/{self._next}"),
            )
            self._pending[key] = (key % 97, note)
            return
        key = self._random.choice(mine)
        amount, note = self._pending[key]
        if kind < 0.6:
            note = None if self._random.random() < 0.3 else f"changed {self._random.random()}"
            self._update(session, table, key, amount + 1, note)
        elif kind < 0.7:
            # The key wanders, ahead of the copy or behind it.
            wanted = base + self._next + self._random.choice((0, 400_000))
            self._next += 1
            session.execute(f"UPDATE {table} SET id = %s WHERE id = %s", (wanted, key))
            del self._pending[key]
            self._pending[wanted] = (amount, note)
        elif kind < 0.85:
            session.execute(f"DELETE FROM {table} WHERE id = %s", (key,))
            del self._pending[key]
        else:
            # Several rows in one statement, in an order of its own.
            keys = self._random.sample(mine, min(6, len(mine)))
            session.execute(f"UPDATE {table} SET amount = amount + 10 WHERE id = ANY(%s)", (keys,))
            for each in keys:
                amount, note = self._pending[each]
                self._pending[each] = (amount + 10, note)

    def _update(self, session: Connection, table: str, key: int, amount: int, note: str | None) -> None:
        session.execute(f"UPDATE {table} SET amount = %s, note = %s WHERE id = %s", (amount, note, key))
        self._pending[key] = (amount, note)


class Load:
    """Several writers at once, and their judge."""

    def __init__(
        self,
        server: Server,
        database: str,
        *tables: str | Callable[[], str],
        rows: int = 300,
        seed: int = 1,
        faults: bool = False,
        first: int = 1,
    ) -> None:
        self.rows = rows
        self._stop = threading.Event()
        self.writers = [
            Writer(
                server,
                database,
                number,
                table if callable(table) else (lambda name=table: name),  # type: ignore[misc]
                rows,
                seed,
                faults,
            )
            for number, table in enumerate(tables, first)
        ]
        self._threads = [
            threading.Thread(target=writer.work, args=(self._stop,), daemon=True) for writer in self.writers
        ]

    @contextmanager
    def running(self) -> Iterator[Load]:
        """Write while the block runs."""
        for thread in self._threads:
            thread.start()
        try:
            self.wait(5)
            yield self
            self.wait(5)
        finally:
            self.stop()

    def stop(self) -> None:
        """Let the writers finish what they are at."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=PATIENCE)
            assert not thread.is_alive(), "a writer hangs"

    def wait(self, transactions: int) -> None:
        """Wait until each writer has committed some more."""
        wanted = [writer.committed + transactions for writer in self.writers]
        end = time.monotonic() + PATIENCE
        while any(w.committed < n for w, n in zip(self.writers, wanted, strict=True)):
            if time.monotonic() > end:
                raise AssertionError(f"the writers are stuck: {self.errors[:3]}")
            time.sleep(0.005)

    @property
    def errors(self) -> list[str]:
        """The writes that failed."""
        return [error for writer in self.writers for error in writer.errors]

    @property
    def committed(self) -> int:
        """How many transactions were acknowledged."""
        return sum(writer.committed for writer in self.writers)

    @property
    def longest(self) -> float:
        """The longest that a transaction took, in seconds."""
        return max(writer.longest for writer in self.writers)

    def forget_longest(self) -> None:
        """Begin anew with the longest."""
        for writer in self.writers:
            writer.longest = 0.0

    def join(self, other: Load) -> None:
        """Judge the writers of another load too."""
        self.writers += other.writers

    def damages(self, connection: Connection, table: str, columns: str = "id, amount, note") -> list[Damage]:
        """Compare every row of a table with what was acknowledged."""
        expected: dict[int, Row] = {}
        hot: Counter[int] = Counter()
        for writer in self.writers:
            expected.update({key: (key, *values) for key, values in writer.truth.items()})
            hot.update(writer.hot)
        for key in range(1, HOT + 1):
            expected[key] = (key, hot[key], "hot")
        found: dict[int, Row] = {}
        damages = []
        for key, amount, note in connection.execute(f"SELECT {columns} FROM {table}").fetchall():
            row = (int(str(key)), int(str(amount)), None if note is None else str(note))
            if row[0] in found:
                damages.append(Damage("duplicate", row[0], expected.get(row[0]), row))
            found[row[0]] = row
        for key, row in expected.items():
            if key not in found:
                damages.append(Damage("lost", key, row, None))
            elif found[key] != row:
                damages.append(Damage("corrupt", key, row, found[key]))
        damages += [Damage("phantom", key, None, found[key]) for key in found.keys() - expected.keys()]
        return damages
