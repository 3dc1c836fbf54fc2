"""Coordinator: who is about to change what in a schema, as a small typed library.

    from confiture import Coordinator

    with Coordinator("postgresql://localhost/shop", agent="billing-bot") as coordinator:
        intent = coordinator.register("invoices", tables=["invoices"])
        if intent.in_conflict:
            print(intent.conflicts)

All rules are the server's: this calls its functions. A connection of the caller is used as it is,
never closed, and never committed or rolled back behind the caller's back. Only ``wait`` and what
listens need one in autocommit mode: they hold no transaction open while they wait.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypedDict, Unpack

import psycopg
from psycopg.pq import TransactionStatus

from confiture import db
from confiture.errors import ConfitureError, ConnectionFailedError, ExtensionError, UsageError
from confiture.intents import Intent, IntentCheck

if TYPE_CHECKING:
    from confiture.results_intent import (
        ConflictEntry,
        ConflictState,
        IntentChange,
        IntentEvent,
        IntentSummary,
    )
    from confiture.script import Script

Interval: TypeAlias = str | dt.timedelta
CHANNEL: Final = "confiture_intents"

# An intent that expires tells nobody: after so many seconds a waiting call looks by itself.
_LOOK_AGAIN = 2.0
# What a server without the functions says: no schema, no function, no such argument.
_NO_FUNCTION = ("3F000", "42883")
_TIMES = "Write a duration as 90s, 30min, 2h or 3 days, and a time as 2026-05-01 14:00."


class Claims(TypedDict, total=False):
    """What is touched.

    ``objects`` are names such as ``users``, ``column:users.email``, ``drop view:totals``;
    ``schema_changes`` is SQL, out of which the server reads what it touches.
    """

    objects: Sequence[str] | None
    tables: Sequence[str] | None
    schema_changes: str | Script | None


class Declaration(Claims, total=False):
    """What an intent says about itself.

    ``expires``: after which time nobody is told of it any more. ``on_conflict``: ``warn`` registers
    all the same, ``refuse`` raises CF003, ``queue`` waits for its turn.
    """

    branch: str | None
    expires: Interval | None
    on_conflict: str | None
    metadata: Mapping[str, Any] | None
    description: str | None
    estimated_duration: Interval | None
    starts_at: str | dt.datetime | None


class Coordinator(db.OnConnection):
    """The intents of one database. ``agent`` is who calls; None leaves it to the server.

    The server takes ``confiture.agent`` then, or the role that has logged in.
    """

    def __init__(self, connection: psycopg.Connection[Any] | str, *, agent: str | None = None) -> None:
        super().__init__(connection)
        self.agent = agent
        self._listening = False

    def register(self, feature: str, **declaration: Unpack[Declaration]) -> Intent:
        """Declare what is about to be changed; return the intent with the conflicts it has."""
        return Intent.from_json(self._declare("intent_register", feature, declaration))

    def check(self, feature: str | None = None, **declaration: Unpack[Declaration]) -> IntentCheck:
        """Return whom ``register`` with the same arguments would collide with; write nothing."""
        return IntentCheck.from_json(self._declare("intent_check", feature, declaration))

    def start(self, intent: str) -> Intent:
        """Say that the work on an intent has begun."""
        return self._move("intent_start", id=intent)

    def complete(self, intent: str) -> Intent:
        """Say that the change is done; others see it until it is merged."""
        return self._move("intent_complete", id=intent)

    def merge(self, intent: str) -> Intent:
        """Say that the change has come to everybody: nobody is told of it any more."""
        return self._move("intent_merge", id=intent)

    def abandon(self, intent: str, reason: str | None = None) -> Intent:
        """Give an intent up."""
        return self._move("intent_abandon", id=intent, reason=reason)

    def extend(self, intent: str, by: Interval) -> Intent:
        """Let an intent expire later."""
        return self._move("intent_extend", id=intent, by_interval=by)

    def get(self, intent: str) -> Intent:
        """Return one intent in full."""
        return Intent.from_json(self._value("intent_get", id=intent))

    def intents(
        self,
        status: str | None = None,
        *,
        agent: str | None = None,
        touching: str | None = None,
        limit: int | None = None,
    ) -> list[IntentSummary]:
        """Return the active intents, or those of a status (``all`` for every one)."""
        from confiture.results_intent import IntentSummary

        rows = self._rows("intent_list", status=status, agent=agent, object=touching, max_rows=limit)
        return [IntentSummary.from_row(row) for row in rows]

    def conflicts(
        self,
        intent: str | None = None,
        *,
        state: str | None = None,
        min_severity: str | None = None,
        limit: int | None = None,
    ) -> list[ConflictEntry]:
        """Return conflicts, of one intent or of all: open ones unless ``state`` says otherwise."""
        from confiture.results_intent import ConflictEntry

        rows = self._rows(
            "intent_conflicts", intent=intent, state=state, min_severity=min_severity, max_rows=limit
        )
        return [ConflictEntry.from_row(row) for row in rows]

    def acknowledge(self, conflict: int, note: str) -> ConflictState:
        """Say that a conflict is known; it stays open."""
        return self._decide("intent_acknowledge", conflict, note)

    def resolve(self, conflict: int, note: str) -> ConflictState:
        """Say that a conflict is settled, and how."""
        return self._decide("intent_resolve", conflict, note)

    def history(self, intent: str | None = None, *, limit: int | None = None) -> list[IntentEvent]:
        """Return the audit trail of one intent or of all."""
        from confiture.results_intent import IntentEvent

        return [IntentEvent.from_row(row) for row in self._rows("intent_history", id=intent, max_rows=limit)]

    def board(self) -> dict[str, Any]:
        """Return all that a dashboard shows, as the server's document."""
        document: dict[str, Any] = self._value("intent_board")
        return document

    def archive(self, older_than: Interval) -> list[dict[str, Any]]:
        """Remove intents that ended so long ago, with their events; return them."""
        return [row["intent_archive"] for row in self._rows("intent_archive", older_than=older_than)]

    def reserve_version(
        self, name: str | None = None, *, known: Sequence[str] = (), intent: str | None = None
    ) -> str:
        """Return a version for a migration that nobody else gets, on whatever branch they are."""
        version: str = self._value(
            "reserve_version", {"agent": self.agent}, name=name, known=_texts(known), intent=intent
        )
        return version

    def wait(self, *, timeout: Interval = "60s", **claims: Unpack[Claims]) -> IntentCheck:
        """Wait until nobody else claims these objects; the result is not ``free`` if time ran out."""
        found: list[IntentCheck] = []

        def look() -> bool:
            found[:] = [self.check(**claims)]
            return found[0].free

        self._until(look, timeout)
        return found[0]

    def wait_turn(self, intent: str, timeout: Interval = "60s") -> bool:
        """Wait until an intent that is queued or in conflict has its turn; tell whether it has."""
        return self._until(lambda: bool(self._value("intent_wait_turn", id=intent, timeout="0")), timeout)

    def listen(self) -> None:
        """Let the server tell this connection of every change from now on."""
        self._need_idle()
        self._fetch(f"LISTEN {CHANNEL}")
        self._listening = True

    def next_changes(self, timeout: float) -> list[IntentChange]:
        """Return the changes that have come, or come within ``timeout`` seconds; none if none does."""
        from confiture.results_intent import IntentChange

        self._need_idle()
        with self._translated():
            notes = list(self.connection.notifies(timeout=timeout, stop_after=1))
        found = []
        for note in notes:
            # Whoever is connected may send anything on any channel.
            with suppress(ValueError, TypeError, AttributeError):
                if note.channel == CHANNEL:
                    found.append(IntentChange.from_json(json.loads(note.payload)))
        return found

    def changes(self) -> Iterator[IntentChange]:
        """Yield every change from now on, without end."""
        self.listen()
        while True:
            yield from self.next_changes(_LOOK_AGAIN)

    def _until(self, look: Callable[[], bool], timeout: Interval) -> bool:
        """Look at every change, and now and then: true as soon as it is so, false when the time is up.

        No transaction is open between two looks: a snapshot held for minutes would keep VACUUM
        from its work.
        """
        self._need_idle()
        rows = self._fetch("SELECT extract(epoch FROM %s::interval)::double precision AS seconds", timeout)
        deadline = time.monotonic() + rows[0]["seconds"]
        listening = self._listening
        self.listen()
        try:
            while not look():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self.next_changes(min(left, _LOOK_AGAIN))
        finally:
            if not listening and self.connection.info.transaction_status == TransactionStatus.IDLE:
                self._fetch(f"UNLISTEN {CHANNEL}")
                self._listening = False
        return True

    def _need_idle(self) -> None:
        idle = self.connection.info.transaction_status == TransactionStatus.IDLE
        if not (self.connection.closed or (self.connection.autocommit and idle)):
            raise UsageError(
                "waiting needs a connection in autocommit mode, outside of a transaction",
                hint="Connect with autocommit=True.",
            )

    def _declare(self, function: str, feature: str | None, declaration: Declaration) -> Mapping[str, Any]:
        """Call intent_register or intent_check; an error in the SQL points into its file."""
        arguments: dict[str, Any] = {**declaration}
        changes: str | Script | None = arguments.pop("schema_changes", None)
        metadata = arguments.pop("metadata", None)
        arguments["metadata"] = None if metadata is None else json.dumps(metadata)
        for name in ("objects", "tables"):
            arguments[name] = _texts(arguments.get(name))
        text = changes if changes is None or isinstance(changes, str) else changes.text
        try:
            document: Mapping[str, Any] = self._value(
                function, {"agent": self.agent, "feature": feature}, schema_changes=text, **arguments
            )
        except ConfitureError as problem:
            if problem.line is not None and changes is not None:
                _place(problem, changes)
            raise
        return document

    def _move(self, function: str, **arguments: Any) -> Intent:
        return Intent.from_json(self._acting(function, **arguments))

    def _decide(self, function: str, conflict: int, note: str) -> ConflictState:
        from confiture.results_intent import ConflictState

        return ConflictState.from_row(self._acting(function, conflict=conflict, note=note))

    def _acting(self, function: str, **arguments: Any) -> Any:
        """Call a function that asks the session who it is: as this agent, for this statement."""
        call, values = _call(function, arguments)
        if self.agent is None:
            return self._fetch(f"SELECT {call} AS value", *values)[0]["value"]
        query = f"SELECT {call} AS value FROM pg_catalog.set_config('confiture.agent', %s, true)"  # noqa: S608
        return self._fetch(query, *values, self.agent)[0]["value"]

    def _value(self, function: str, always: Mapping[str, Any] | None = None, **arguments: Any) -> Any:
        """Call a function that returns one value."""
        call, values = _call(function, arguments, always)
        return self._fetch(f"SELECT {call} AS value", *values)[0]["value"]

    def _rows(self, function: str, **arguments: Any) -> list[db.Row]:
        call, values = _call(function, arguments)
        return self._fetch(f"SELECT * FROM {call}", *values)  # noqa: S608

    def _fetch(self, query: str, *values: Any) -> list[db.Row]:
        with self._translated():
            return db.fetch(self.connection, query, values)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Say what to do about errors, in the words of coordination."""
        try:
            with db.translated(self.connection):
                yield
        except ConnectionFailedError as problem:
            problem.hint = "Run it again; `confiture coordinate status` shows what is registered."
            raise
        except ConfitureError as problem:
            if problem.sqlstate in _NO_FUNCTION:
                self._need_extension()
            if problem.sqlstate == "42501":
                role = self.connection.info.user
                problem.hint = f"Let a superuser run: SELECT confiture.grant_usage('{role}', 'developer')."
            elif problem.sqlstate == "22007":
                problem.hint = problem.hint or _TIMES
            raise

    def _need_extension(self) -> None:
        """Explain that the extension is missing or of another version, where that is so."""
        if self.connection.info.transaction_status != TransactionStatus.IDLE:
            return
        from confiture import installed

        found = installed.look(self.connection)
        if found.problem is not None:
            init = "Run `confiture coordinate init`." if not found.in_database and found.on_server else None
            raise ExtensionError(found.problem, hint=init or found.advice)


def _texts(names: Sequence[str] | None) -> Sequence[str] | None:
    """Return names as a list, which becomes an array; a string would be taken letter by letter."""
    if isinstance(names, str):
        raise UsageError("a list of names is needed, not one string", hint=f'Write ["{names}"].')
    return None if names is None else [*names]


def _place(problem: ConfitureError, changes: str | Script) -> None:
    """Give an error in the SQL of an intent its place, in the file that it came from."""
    from confiture.place import place
    from confiture.script import Script

    place(problem, Script(changes, "schema_changes", ()) if isinstance(changes, str) else changes)


def _call(
    function: str, arguments: Mapping[str, Any], always: Mapping[str, Any] | None = None
) -> tuple[str, list[Any]]:
    """Return the SQL of a call with named arguments; what is None is left to its default."""
    given = {name: value for name, value in arguments.items() if value is not None} | dict(always or {})
    named = ", ".join(f"{name} => %s" for name in given)
    return f"confiture.{function}({named})", [*given.values()]
