"""What the tools of ``confiture mcp`` do: each is a call of the library, in a thread of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, cast

import psycopg

from confiture import db, installed
from confiture.connections import Connections
from confiture.coordinator import Claims, Coordinator, Declaration
from confiture.db import Connection
from confiture.errors import ConnectionFailedError, DatabaseError, UsageError
from confiture.migrator import Migrator
from confiture.results_intent import IntentChange
from confiture.row import Row

Json = dict[str, Any]

_CLAIMS: Final = frozenset(Claims.__annotations__)
_DECLARATION: Final = _CLAIMS | frozenset(Declaration.__annotations__)
_WAIT_SECONDS: Final = 45.0
_LIMIT: Final = 50
# A waiting call looks this often whether it has been cancelled.
_NOTICE_SECONDS: Final = 0.3
_LOST: Final = "Look whether it took effect (intent_status, migrate_status). The next call connects anew."


class StoppedError(Exception):
    """The call was cancelled: nobody waits for its result."""


class Job:
    """One call, and the connection that it works with: it can be stopped from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self.stopped = False

    @contextmanager
    def using(self, connections: Connections) -> Iterator[Connection]:
        """Borrow a connection for the block."""
        with connections.borrow() as connection:
            with self._lock:
                self._connection = connection
            self.check()
            try:
                yield connection
            finally:
                with self._lock:
                    self._connection = None
                if self.stopped:  # a late cancellation must not hit the next call
                    connection.close()

    def check(self) -> None:
        """Go no further if the call was cancelled."""
        if self.stopped:
            raise StoppedError

    def stop(self) -> None:
        """Cancel what runs in the server now, and do not begin anything else."""
        self.stopped = True
        with self._lock, suppress(psycopg.Error):
            if self._connection is not None:
                self._connection.cancel_safe(timeout=5)


class _Waiting(Coordinator):
    """A coordinator whose waiting ends when the job is stopped."""

    def __init__(self, connection: Connection, agent: str | None, job: Job) -> None:
        super().__init__(connection, agent=agent)
        self._job = job

    def next_changes(self, timeout: float) -> list[IntentChange]:
        """Return the changes that come within the time, in short waits."""
        deadline = time.monotonic() + timeout
        while True:
            self._job.check()
            left = max(0.0, deadline - time.monotonic())
            changes = super().next_changes(min(left, _NOTICE_SECONDS))
            if changes or left <= _NOTICE_SECONDS:
                return changes


@dataclass(frozen=True)
class Calls:
    """The tools, by their names: ``intents`` and ``project`` lead to the two databases, or to one.

    ``migrator`` makes one for the project's folder; ``branch`` returns what is checked out.
    """

    intents: Connections
    project: Connections
    migrator: Callable[[Connection], Migrator]
    agent: str | None
    branch: Callable[[], str | None]

    def call(self, name: str, arguments: Json, job: Job) -> Json:
        """Call a tool with arguments that are checked; return its result as plain JSON."""
        try:
            result = getattr(self, name)(arguments, job)
        except ConnectionFailedError as problem:
            if "lost" in problem.message:
                problem.hint = _LOST
            raise
        plain: Json = json.loads(json.dumps(result, default=_plain))
        return plain

    def close(self) -> None:
        """Close what is connected."""
        for connections in (self.intents, self.project):
            connections.close()

    def intent_check(self, arguments: Json, job: Job) -> Json:
        """Tell with whom something would collide."""
        with self._coordinator(arguments, job) as coordinator:
            return coordinator.check(**_declaration(arguments)).as_dict()

    def intent_register(self, arguments: Json, job: Job) -> Json:
        """Register an intent."""
        declaration = _declaration(arguments)
        declaration.setdefault("branch", self.branch())
        with self._coordinator(arguments, job) as coordinator:
            return {"intent": coordinator.register(arguments["feature"], **declaration).as_dict()}

    def intent_complete(self, arguments: Json, job: Job) -> Json:
        """Move an intent to completed, or to merged."""
        intent = arguments["intent_id"]
        with self._coordinator(arguments, job) as coordinator:
            if not arguments.get("merged"):
                return {"intent": coordinator.complete(intent).as_dict()}
            with coordinator.connection.transaction():
                if coordinator.get(intent).status != "completed":
                    coordinator.complete(intent)
                return {"intent": coordinator.merge(intent).as_dict()}

    def intent_abandon(self, arguments: Json, job: Job) -> Json:
        """End an intent."""
        with self._coordinator(arguments, job) as coordinator:
            intent = coordinator.abandon(arguments["intent_id"], arguments.get("reason"))
        return {"intent": intent.as_dict()}

    def intent_status(self, arguments: Json, job: Job) -> Json:
        """Return one intent, or the active ones and their conflicts."""
        with self._coordinator(arguments, job) as coordinator:
            if "intent_id" in arguments:
                return {"intent": coordinator.get(arguments["intent_id"]).as_dict()}
            limit = arguments.get("limit", _LIMIT)
            intents = coordinator.intents(
                agent=arguments.get("of_agent"), touching=arguments.get("object"), limit=limit
            )
            conflicts = coordinator.conflicts(min_severity="warning", limit=limit)
        return {"intents": _dicts(intents), "conflicts": _dicts(conflicts)}

    def intent_wait(self, arguments: Json, job: Job) -> Json:
        """Wait for names, or for the turn of an intent."""
        intent = arguments.get("intent_id")
        if (intent is None) is not bool(_claims(arguments)):
            raise UsageError(
                "intent_wait needs either intent_id, or what is waited for",
                hint="Give intent_id, or tables, objects or schema_changes.",
            )
        timeout = f"{arguments.get('timeout_seconds', _WAIT_SECONDS)} seconds"
        with self._coordinator(arguments, job) as coordinator:
            if intent is None:
                check = coordinator.wait(**_claims(arguments), timeout=timeout)
                return {"free": check.free, "intent": None, "conflicts": _dicts(check.conflicts)}
            free = coordinator.wait_turn(intent, timeout)
            found = coordinator.get(intent)
        conflicts = [each for each in found.conflicts if each.severity != "info" and each.role != "holder"]
        return {"free": free, "intent": found.as_dict(), "conflicts": [] if free else _dicts(conflicts)}

    def analyze(self, arguments: Json, job: Job) -> Json:
        """Predict what SQL, or the pending migrations, would do."""
        with self._checked(job) as connection:
            if "sql" in arguments:
                rows = db.fetch(connection, "SELECT * FROM confiture.analyze(%s)", (arguments["sql"],))
                return _report(rows)
            return _report(_dicts(self.migrator(connection).analyze()))

    def dry_run(self, arguments: Json, job: Job) -> Json:
        """Run SQL, or the pending migrations, and roll back."""
        if "target_rows" in arguments and "sql" not in arguments:
            raise UsageError("target_rows needs sql", hint="Leave it out, or give the SQL of one migration.")
        with self._checked(job) as connection:
            if "sql" in arguments:
                sizes = json.dumps(arguments["target_rows"]) if "target_rows" in arguments else None
                rows = db.fetch(
                    connection, "SELECT * FROM confiture.dry_run(%s, %s::jsonb)", (arguments["sql"], sizes)
                )
                return _report(rows)
            return _report(_dicts(self.migrator(connection).dry_run()))

    def migrate_status(self, _arguments: Json, job: Job) -> Json:
        """Return the migrations and their states."""
        from confiture.cli.look import states
        from confiture.render.status import counts

        with self._checked(job) as connection:
            migrations, compared = states(self.migrator(connection))
        return {
            "migrations": _dicts(migrations),
            "summary": counts(migrations),
            "compared_with_files": compared,
        }

    @contextmanager
    def _coordinator(self, arguments: Json, job: Job) -> Iterator[Coordinator]:
        with job.using(self.intents) as connection:
            yield _Waiting(connection, arguments.get("agent", self.agent), job)

    @contextmanager
    def _checked(self, job: Job) -> Iterator[Connection]:
        with job.using(self.project) as connection:
            try:
                yield connection
            except DatabaseError as problem:
                if problem.sqlstate in ("3F000", "42883"):  # no schema confiture, no such function
                    installed.check(connection)
                raise


def _claims(arguments: Json) -> Claims:
    return cast(Claims, {name: value for name, value in arguments.items() if name in _CLAIMS})


def _declaration(arguments: Json) -> Declaration:
    return cast(Declaration, {name: value for name, value in arguments.items() if name in _DECLARATION})


def _dicts(rows: Sequence[Row]) -> list[Json]:
    return [row.as_dict() for row in rows]


def _report(statements: Sequence[Mapping[str, Any]]) -> Json:
    return {
        "ok": not any(statement["error"] for statement in statements),
        "statements": [dict(statement) for statement in statements],
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
