"""Ctrl-C while the server works: the statement is cancelled there first."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psycopg

from confiture.db import Connection

_CANCEL_SECONDS = 10.0


class Interrupts:
    """Whether and how often the person, or the system, has asked to stop."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.count = 0

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        """Cancel what runs in the server; the second time, stop waiting for it.

        No exception is raised the first time: it could hit a callback of libpq, and be lost there.
        The cancelled statement raises one. Nothing is printed by print(), which this may interrupt.
        """
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt
        os.write(2, b"\ncancelling in the server; Ctrl-C again to stop waiting\n")
        self.cancel()

    def cancel(self) -> None:
        """Ask the server to cancel the statement that runs; it may be gone already."""
        with suppress(psycopg.Error):
            self.connection.cancel_safe(timeout=_CANCEL_SECONDS)


@contextmanager
def cancelling(connection: Connection) -> Iterator[Interrupts]:
    """Let SIGINT and SIGTERM cancel the statement in the server while the block runs."""
    interrupts = Interrupts(connection)
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, interrupts.handle) for number in signals}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
