"""Progress of a run: the server's notices, as typed events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg.errors import Diagnostic

STARTED, FINISHED, WAITING = "CFP01", "CFP02", "CFP03"

# The connections to whose notices a run listens.
_heard: WeakSet[psycopg.Connection[Any]] = WeakSet()


@dataclass(frozen=True)
class Progress:
    """One event of a run.

    ``event`` is migration_started, migration_finished, statement_started, statement_finished,
    lock_retry, or ``message`` for a notice or warning that a migration itself raised.
    """

    event: str
    message: str
    severity: str = "NOTICE"
    version: str | None = None
    name: str | None = None
    direction: str | None = None
    ordinal: int | None = None
    of: int | None = None
    line: int | None = None
    command: str | None = None
    elapsed_ms: float | None = None
    rows: int | None = None
    attempt: int | None = None
    statements: int | None = None
    wal_bytes: int | None = None
    file: str | None = None
    detail: str | None = None
    hint: str | None = None

    @classmethod
    def from_notice(cls, diag: Diagnostic) -> Progress:
        """Read a notice of the server; one that is not ours becomes a ``message``."""
        message = diag.message_primary or ""
        severity = diag.severity_nonlocalized or diag.severity or "NOTICE"
        if diag.sqlstate in (STARTED, FINISHED, WAITING):
            known = cls.__dataclass_fields__
            facts: dict[str, Any] = json.loads(diag.message_detail or "{}")
            values = {name: value for name, value in facts.items() if name in known}
            return cls(**{"event": "message", "message": message, "severity": severity, **values})
        return cls("message", message, severity, detail=diag.message_detail, hint=diag.message_hint)


@contextmanager
def listening(connection: psycopg.Connection[Any], callback: Callable[[Progress], None]) -> Iterator[None]:
    """Hand every notice of the connection to ``callback`` while the block runs."""

    def handler(diag: Diagnostic) -> None:
        callback(Progress.from_notice(diag))

    connection.add_notice_handler(handler)
    _heard.add(connection)
    try:
        yield
    finally:
        _heard.discard(connection)
        connection.remove_notice_handler(handler)


def pass_warnings(connection: psycopg.Connection[Any], say: Callable[[str], None]) -> None:
    """Hand the server's warnings to ``say``, but for those that a run listens to."""

    def handler(diag: Diagnostic) -> None:
        if diag.severity_nonlocalized == "WARNING" and connection not in _heard:
            say(f"WARNING: {diag.message_primary}")
            for label, text in (("DETAIL", diag.message_detail), ("HINT", diag.message_hint)):
                if text:
                    say(f"{label}: {text}")

    connection.add_notice_handler(handler)
