"""Migrator: the migrations of a folder, and a database, as a small typed library.

    from confiture import Migrator

    with Migrator("postgresql://localhost/shop") as migrator:
        migrator.up()

A connection of the caller is used as it is: it is never closed, and never committed or rolled
back behind the caller's back. On a connection in autocommit mode ``up`` and ``down`` run each
migration in a transaction of its own (``CALL confiture.migrate``). On any other connection they
are a part of the caller's transaction (``SELECT confiture.migrate_up``): the caller commits.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus

from confiture import db, exit_codes, installed, migrations
from confiture.errors import ConfitureError, UsageError
from confiture.migrations import Migration
from confiture.place import place
from confiture.progress import Progress, listening
from confiture.results import (
    HistoryEntry,
    MigrationRun,
    MigrationStatus,
    PlannedMigration,
    StatementReport,
)
from confiture.script import Script

PathLike: TypeAlias = str | os.PathLike[str]

# The advisory lock of a run, CF_LOCK_RUN of extension/ledger.h.
_RUN_LOCK: Final = (0x636F6E66, 1)


class Migrator(db.OnConnection):
    r"""The migrations of a folder (or an explicit list of them) and one database.

    ``migrations`` None means: work with what is registered in the database, read no files.
    ``root`` is the project's folder, from which ``\i`` and ``\copy`` start. ``on_progress`` is
    called for every event of a run, from within the call that runs.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any] | str,
        migrations: PathLike | Sequence[Migration] | None = "db/migrations",
        *,
        root: PathLike | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        super().__init__(connection)
        self.on_progress = on_progress
        self._source = migrations
        self._root = root
        self._read: list[Migration] | None = None
        self._known: dict[str, Migration] | None = None
        self._checked = False

    @property
    def migrations(self) -> list[Migration]:
        """The migrations of the folder; read once."""
        if self._read is None:
            if self._source is None:
                self._read = []
            elif isinstance(self._source, (str, os.PathLike)):
                folder = Path(self._source)
                here = Path.cwd()
                inside = folder.resolve().is_relative_to(here)
                root = Path(self._root) if self._root else here if inside else folder
                self._read = migrations.load(folder, root)
            else:
                self._read = list(self._source)
        return self._read

    def register(self, *, on_modified: str = "error") -> dict[str, str]:
        """Register the migrations in the database; return what happened to each version.

        A version that is no longer among them is removed from the registry. ``on_modified``:
        ``error`` refuses a changed text of an applied migration, ``record`` stores it, so that
        ``status`` says modified.
        """
        if self._source is None:
            return {}
        rows = self._fetch(
            "SELECT * FROM confiture.register_migrations(%s::jsonb, %s, true)",
            json.dumps([migration.registration() for migration in self.migrations]),
            on_modified,
        )
        return {row["version"]: row["result"] for row in rows}

    def check(self) -> None:
        """Let the server look at the migrations as if they were registered; change nothing."""
        with self._unchanged():
            self.register()

    def status(self, *, compare: bool = True) -> list[MigrationStatus]:
        """Return every migration and its state, in the order of application. Changes nothing.

        With ``compare`` False the states are those of what is registered in the database, and the
        files are not looked at: that is all that a standby, or a role that may only read, can say.
        """
        query = "SELECT * FROM confiture.migrate_status()"
        if compare:
            with self._unchanged():
                self.register(on_modified="record")
                rows = self._fetch(query)
        else:
            self._need_usable()
            rows = self._fetch(query)
        return [MigrationStatus.from_row(row, file=self._file(row["version"], "up")) for row in rows]

    def plan(
        self, direction: str = "up", *, target: str | None = None, steps: int | None = None
    ) -> list[PlannedMigration]:
        """Return what ``up`` or ``down`` would run, in order. Changes nothing."""
        with self._unchanged():
            self._register_for(direction)
            rows = self._fetch(
                "SELECT * FROM confiture.migrate_plan(%s, %s, %s::integer)", direction, target, steps
            )
        return [PlannedMigration.from_row(row, file=self._file(row["version"], direction)) for row in rows]

    def up(self, target: str | None = None, *, atomic: bool | None = None) -> list[MigrationRun]:
        """Apply what is pending, up to ``target``; return what ran.

        ``atomic`` True: all of it in one transaction. False: each migration in its own, which
        needs a connection in autocommit mode. None: False where that is possible.
        """
        in_one = self._atomic(atomic)
        with self._exclusive():
            self._register_for("up")
            return self._run("up", target, None, in_one)

    def down(
        self, steps: int | None = None, *, target: str | None = None, atomic: bool | None = None
    ) -> list[MigrationRun]:
        """Take back the newest ``steps`` migrations (1), or all that came after ``target``."""
        in_one = self._atomic(atomic)
        if steps is None and target is None:
            steps = 1
        with self._exclusive():
            self._register_for("down")
            return self._run("down", target, steps, in_one)

    def dry_run(
        self, direction: str = "up", *, target: str | None = None, steps: int | None = None
    ) -> list[StatementReport]:
        """Run the migrations, measure every statement, and roll all of it back.

        The registration stays, and so do the estimates: the real run is compared with them
        (``confiture.estimate_calibration()``). Within a transaction of the caller they are a part
        of it.
        """
        query = "SELECT * FROM confiture.migrate_dry_run(%s, %s, %s::integer)"
        alone = not self._atomic(None)
        with nullcontext() if alone else self._transaction(), self._exclusive():
            self._register_for(direction)
            return self._reports(self._fetch(query, direction, target, steps), direction)

    def analyze(
        self, direction: str = "up", *, target: str | None = None, steps: int | None = None
    ) -> list[StatementReport]:
        """Predict locks, rewrites and scans of every statement; execute nothing."""
        query = "SELECT * FROM confiture.migrate_analyze(%s, %s, %s::integer)"
        with self._unchanged():
            self._register_for(direction)
            return self._reports(self._fetch(query, direction, target, steps), direction)

    def baseline(self, version: str) -> list[tuple[str, str]]:
        """Mark everything up to ``version`` as applied, without running it."""
        with self._repair():
            self.register()
            rows = self._fetch("SELECT * FROM confiture.baseline(%s)", version)
        return [(row["version"], row["name"]) for row in rows]

    def accept(self, version: str) -> str:
        """Accept the changed text of an applied migration; return ``changed`` or ``unchanged``."""
        known = {migration.version: migration for migration in self.migrations}
        with self._repair():
            if self._source is not None:
                if version not in known:
                    raise UsageError(
                        f"there is no file of migration {version}",
                        hint="`confiture migrate status` lists them.",
                        exit_code=exit_codes.exit_code("CF008"),
                    )
                self._fetch(
                    "SELECT * FROM confiture.register_migrations(%s::jsonb, 'record')",
                    json.dumps([known[version].registration()]),
                )
            rows = self._fetch("SELECT confiture.set_checksum(%s) AS result", version)
        return str(rows[0]["result"])

    def forget(self, version: str) -> str:
        """Remove a migration from the ledger without running anything."""
        with self._repair():
            rows = self._fetch("SELECT confiture.forget(%s) AS result", version)
        return str(rows[0]["result"])

    def resolve(self, version: str, *, completed: bool) -> str:
        """Say whether the statement that an interrupted run left in doubt took effect."""
        with self._repair():
            rows = self._fetch("SELECT confiture.resolve(%s, %s) AS result", version, completed)
        return str(rows[0]["result"])

    def history(self, limit: int = 50) -> list[HistoryEntry]:
        """Return the newest rows of the log: attempts, finished or failed, and repairs."""
        rows = self._fetch("SELECT * FROM confiture.history(%s)", limit)
        return [HistoryEntry.from_row(row) for row in rows]

    def _register_for(self, direction: str) -> None:
        """Register; a changed migration may be taken back, but nothing may be put on top of it."""
        self.register(on_modified="error" if direction == "up" else "record")

    def _run(self, direction: str, target: str | None, steps: int | None, atomic: bool) -> list[MigrationRun]:
        query = "CALL confiture.migrate(%s, %s, %s::integer)"
        arguments: list[Any] = [direction, target, steps]
        if atomic and direction == "up":
            query, arguments = "SELECT * FROM confiture.migrate_up(%s)", [target]
        elif atomic:
            query, arguments = "SELECT * FROM confiture.migrate_down(%s::integer, %s)", [steps, target]
        finished: list[MigrationRun] = []

        def note(event: Progress) -> None:
            if event.event == "migration_finished":
                finished.append(_finished(event))
            if self.on_progress:
                self.on_progress(self._placed(event))

        level = "statements" if self.on_progress else "migrations"
        try:
            with self._progress(level), listening(self.connection, note):
                rows = self._fetch(query, *arguments)
        except ConfitureError as problem:
            problem.runs = () if atomic else tuple(finished)
            raise
        return [MigrationRun.from_row(row) for row in rows] if atomic else finished

    def _reports(self, rows: Sequence[db.Row], direction: str) -> list[StatementReport]:
        reports = []
        for row in rows:
            script = self._script(row["version"], direction)
            file, line = script.locate(row["line"]) if script and row["line"] else (None, None)
            reports.append(StatementReport.from_row(row, file=file, file_line=line))
        return reports

    def _script(self, version: str | None, direction: str | None) -> Script | None:
        if self._known is None:
            self._known = {migration.version: migration for migration in self.migrations}
        known = self._known.get(version or "")
        return known.script(direction or "up") if known else None

    def _file(self, version: str, direction: str) -> str | None:
        script = self._script(version, direction)
        return script.file if script else None

    def _fetch(self, query: str, *arguments: Any) -> list[db.Row]:
        """Call a function of the extension; an error points into the file on disk."""
        self._check()
        try:
            return db.fetch(self.connection, query, arguments)
        except ConfitureError as problem:
            self._place(problem)
            raise

    def _placed(self, event: Progress) -> Progress:
        """Give an event the file and line on disk."""
        script = self._script(event.version, event.direction)
        if script is None or event.line is None:
            return event
        file, line = script.locate(event.line)
        return dataclasses.replace(event, file=file, line=line)

    def _place(self, problem: ConfitureError) -> None:
        script = self._script(problem.migration, problem.direction) if problem.migration else None
        if script is not None:
            place(problem, script)

    def _check(self) -> None:
        if not self._checked:
            installed.check(self.connection)
            self._checked = True

    def _need_usable(self) -> None:
        if self.connection.pgconn.pipeline_status != PipelineStatus.OFF:
            raise UsageError("the connection is in pipeline mode", hint="Leave the pipeline first.")
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            raise UsageError("the connection is in a failed transaction", hint="Roll back first.")

    def _atomic(self, wanted: bool | None) -> bool:
        """Tell whether a run is a part of the caller's transaction, or one of its own."""
        self._need_usable()
        idle = self.connection.info.transaction_status == TransactionStatus.IDLE
        alone = self.connection.autocommit and idle
        if wanted is False and not alone:
            raise UsageError(
                "a transaction for each migration needs a connection in autocommit mode, "
                "outside of a transaction",
                hint="Connect with autocommit=True, or call with atomic=True and commit yourself.",
            )
        return not alone if wanted is None else wanted

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        """Roll back whatever the block does, and leave the caller's transaction as it was.

        Nobody else registers anything meanwhile: what the block sees are the files of this client.
        """
        self._need_usable()
        with db.translated(self.connection), self.connection.transaction(force_rollback=True):
            if self._source is not None:
                self._fetch("LOCK TABLE confiture.migration IN SHARE ROW EXCLUSIVE MODE")
            yield

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Run the block in a transaction, or in a savepoint of the caller's."""
        with db.translated(self.connection), self.connection.transaction():
            yield

    @contextmanager
    def _repair(self) -> Iterator[None]:
        """Run the block as one transaction, with no run and no other repair beside it."""
        self._need_usable()
        with self._transaction() if self.connection.autocommit else nullcontext():
            self._fetch("SELECT confiture._lock()")
            yield

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Keep other runs away while the block registers and runs what it has registered.

        The server takes the same lock for a run; without this, another client could register its
        files in between. In a transaction of the caller the lock is held until its end.
        """
        if self._atomic(None):
            self._fetch("SELECT confiture._lock()")
            yield
            return
        with self._transaction():
            self._fetch("SELECT confiture._lock()")
            self._fetch("SELECT pg_catalog.pg_advisory_lock(%s, %s)", *_RUN_LOCK)
        try:
            yield
        finally:
            if self.connection.info.transaction_status == TransactionStatus.IDLE:
                self._fetch("SELECT pg_catalog.pg_advisory_unlock(%s, %s)", *_RUN_LOCK)

    @contextmanager
    def _progress(self, level: str) -> Iterator[None]:
        """Ask the server for notices of progress while the block runs."""
        names = ["confiture.progress", "client_min_messages"]
        before = self._settings(dict.fromkeys(names))
        wanted = {"confiture.progress": level}
        if before["client_min_messages"] in ("warning", "error"):
            wanted["client_min_messages"] = "notice"
        self._settings(wanted)
        try:
            yield
        finally:
            status = self.connection.info.transaction_status
            if status in (TransactionStatus.IDLE, TransactionStatus.INTRANS):
                self._settings({name: before[name] or "off" for name in wanted})

    def _settings(self, values: Mapping[str, str | None]) -> dict[str, str | None]:
        """Set some settings of the session, None leaves one alone; return what they are."""
        for name, value in values.items():
            if value is not None:
                self._fetch("SELECT pg_catalog.set_config(%s, %s, false)", name, value)
        rows = self._fetch(
            "SELECT s.name, pg_catalog.current_setting(s.name, true) AS value "
            "FROM pg_catalog.unnest(%s::text[]) AS s (name)",
            list(values),
        )
        return {row["name"]: row["value"] for row in rows}


def _finished(event: Progress) -> MigrationRun:
    return MigrationRun(
        version=event.version or "",
        name=event.name or "",
        direction=event.direction or "up",
        statements=event.statements,
        rows_affected=event.rows,
        execution_time_ms=None if event.elapsed_ms is None else round(event.elapsed_ms),
        wal_bytes=event.wal_bytes,
    )
