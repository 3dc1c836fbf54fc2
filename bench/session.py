"""A session of the server, and what it costs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
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
