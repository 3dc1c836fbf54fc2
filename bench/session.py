"""A session of the server, and what it costs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import psycopg

TICK = os.sysconf("SC_CLK_TCK")


class Session:
    """A connection, and what its backend costs."""

    def __init__(self, name: str) -> None:
        self.connection = psycopg.connect(dbname=name, autocommit=True)
        self.execute("SET synchronous_commit = off")
        self._pid = self.connection.info.backend_pid

    def execute(self, query: str) -> None:
        self.connection.execute(query.encode())

    def cpu(self, work: Callable[[], None]) -> float:
        """Seconds of CPU that the backend takes for something."""
        before = self._used()
        work()
        return max(self._used() - before, 1 / TICK)

    def repeat(self, query: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a prepared statement for each row, as an application does, without waiting for answers:
        going to sleep and waking up would be most of what is measured."""
        with self.connection.pipeline():
            for row in rows:
                self.connection.execute(query.encode(), row, prepare=True)

    def _used(self) -> float:
        exact = Path(f"/proc/{self._pid}/schedstat")
        if exact.exists():
            return int(exact.read_text().split()[0]) / 1e9
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK


@contextmanager
def helper(name: str, transition: str) -> Iterator[None]:
    """Let a second session copy along; one that would go on as a worker is ended."""
    with psycopg.connect(dbname=name, autocommit=True) as connection:

        def work() -> None:
            with suppress(psycopg.errors.QueryCanceled):
                connection.execute(f"CALL confiture.transition_worker('{transition}')".encode())

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            while thread.is_alive():
                connection.cancel()
                thread.join(0.05)


def time_copy(session: Session, name: str, transition: str, create: str, *, helped: bool) -> float:
    """Seconds that the copy of a transition takes, alone or helped by a second session; ends it then."""
    session.execute(create)
    session.execute(f"SELECT confiture.transition_capture('{transition}')")
    start = time.perf_counter()
    with helper(name, transition) if helped else nullcontext():
        session.execute(f"CALL confiture.transition_run('{transition}', 'catching_up')")
        elapsed = time.perf_counter() - start
    session.execute(f"SELECT confiture.transition_abort('{transition}')")
    return elapsed
