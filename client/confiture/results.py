"""What the calls of Migrator return: frozen, typed, one field per column of the SQL function."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from confiture.row import Row


@dataclass(frozen=True)
class MigrationStatus(Row):
    """One migration and its state: applied, pending, blocked, modified or orphaned."""

    version: str
    name: str
    state: str
    applied_at: dt.datetime | None = None
    execution_time_ms: int | None = None
    checksum_ok: bool | None = None
    depends_on: tuple[str, ...] = ()
    out_of_order: bool = False
    language: str | None = "sql"
    reversible: bool | None = None
    transactional: bool | None = None
    applied_by: str | None = None
    problem: str | None = None
    intent: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class PlannedMigration(Row):
    """One migration that would run."""

    ordinal: int
    version: str
    name: str
    direction: str
    transactional: bool | None = None
    out_of_order: bool = False
    statements: int | None = None
    file: str | None = None


@dataclass(frozen=True)
class MigrationRun(Row):
    """One migration that ran."""

    version: str
    name: str
    direction: str
    statements: int | None = None
    rows_affected: int | None = None
    execution_time_ms: int | None = None
    wal_bytes: int | None = None


@dataclass(frozen=True)
class Lock(Row):
    """The strongest lock that a statement newly took on a relation.

    ``created``: the relation is new, nobody else sees it yet. ``again``: the dry run held the lock
    since an earlier migration; the real run takes it anew.
    """

    relation: str
    mode: str
    blocks: str
    named: bool = True
    created: bool = False
    again: bool = False


@dataclass(frozen=True)
class StatementReport(Row):
    r"""One statement of a dry run or an analysis.

    ``line`` counts in the registered text; ``file`` and ``file_line`` are where the statement
    stands on disk, also when it came in through ``\i``.
    """

    version: str
    name: str
    ordinal: int
    line: int
    statement: str
    command: str | None
    execution_time_ms: float | None = None
    rows_affected: int | None = None
    wal_bytes: int | None = None
    buffers_read: int | None = None
    locks: tuple[Lock, ...] = ()
    rewrites: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    needs_top_level: bool = False
    warnings: tuple[str, ...] = ()
    estimate: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    holders: tuple[Mapping[str, Any], ...] = ()
    file: str | None = None
    file_line: int | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], **more: Any) -> Self:
        """Build the report, its locks included."""
        locks = tuple(Lock.from_row(lock) for lock in row.get("locks") or ())
        values = {name: () if value is None else value for name, value in row.items()}
        for name in ("line", "command", "estimate", "error", *_MEASURED):
            values[name] = row.get(name)
        return super().from_row({**values, "locks": list(locks)}, **more)


_MEASURED = ("execution_time_ms", "rows_affected", "wal_bytes", "buffers_read")


@dataclass(frozen=True)
class HistoryEntry(Row):
    """One row of the log: an attempt, up or down, done, failed or cancelled; or a repair."""

    id: int
    version: str | None
    name: str | None
    direction: str
    state: str
    finished_at: dt.datetime
    started_at: dt.datetime | None = None
    execution_time_ms: int | None = None
    statements: int | None = None
    rows_affected: int | None = None
    wal_bytes: int | None = None
    sqlstate: str | None = None
    message: str | None = None
    detail: str | None = None
    hint: str | None = None
    context: str | None = None
    statement: str | None = None
    performed_by: str | None = None
    application_name: str | None = None
    intent: str | None = None
