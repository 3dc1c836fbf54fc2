"""Transitions: tables that move to a new schema while everyone writes, as a small typed library.

    from confiture.transitions import Transitions

    with Transitions("postgresql://localhost/shop") as transitions:
        transitions.create("to_v2", "app", "app_v2")
        transitions.run("to_v2")

Nothing is decided here: each method is one call of a function of the server.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confiture import db
from confiture.errors import ConfitureError

Status = dict[str, Any]
STATES: Final = ("captured", "catching_up", "mirrored", "validated", "cut_over", "contracted")
ENDED: Final = ("contracted", "aborted")
RANKS: Final = {
    "planned": 0,
    "captured": 1,
    "copying": 2,
    "catching_up": 3,
    "mirrored": 4,
    "rolled_back": 4,
    "validated": 5,
    "cut_over": 6,
    "contracted": 7,
}


class Transitions(db.OnConnection):
    """The transitions of one database."""

    def create(
        self,
        name: str,
        source: str,
        target: str,
        *,
        mapping: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        server: str | None = None,
    ) -> Status:
        """Plan a transition; refused as a whole if anything stands in its way."""
        self._call(
            "SELECT confiture.transition_create(%s, %s, %s, %s::pg_catalog.jsonb, %s, %s::pg_catalog.jsonb)",
            name,
            source,
            target,
            None if mapping is None else json.dumps(mapping),
            server,
            json.dumps(dict(options or {})),
        )
        return self.status(name)

    def plan(self, name: str, sample_rows: int = 10_000) -> list[dict[str, Any]]:
        """Return what each step will run, under which lock, and how long it may take."""
        return self._call(
            "SELECT p.* FROM confiture.transition_plan(%s, %s) AS p ORDER BY p.ordinal", name, sample_rows
        )

    def run(
        self,
        name: str,
        until: str = "validated",
        *,
        helpers: Sequence[db.Connection] = (),
        watch: Callable[[], None] | None = None,
    ) -> Status:
        """Move on to a state. Connections that help copy rows beside this one.

        ``watch`` is called twice a second meanwhile, in the caller's thread.
        """
        failure: list[ConfitureError] = []
        ended = threading.Event()
        runner = threading.Thread(target=self._run, args=(name, until, failure))
        # A helper may fail on the very row on which the run does: the run says so.
        others = [threading.Thread(target=_help, args=(each, name, ended)) for each in helpers]
        for thread in (runner, *others):
            thread.start()
        try:
            while runner.is_alive():
                runner.join(0.5)
                if watch is not None:
                    watch()
        except BaseException:
            for connection in (self.connection, *helpers):
                connection.cancel()
            raise
        finally:
            runner.join()
            ended.set()
            for connection, thread in zip(helpers, others, strict=True):
                _end(connection, thread)
        if failure:
            raise failure[0]
        return self.status(name)

    def _run(self, name: str, until: str, failure: list[ConfitureError]) -> None:
        try:
            if STATES.index(until) > 0:
                # Helpers have something to copy from here on.
                self._call("CALL confiture.transition_run(%s, 'captured')", name)
            self._call("CALL confiture.transition_run(%s, %s)", name, until)
        except ConfitureError as problem:
            failure.append(problem)

    def start(self, name: str, until: str = "validated", *, workers: int = 1) -> list[int]:
        """Let background workers of the server move on to a state; return their process IDs at once."""
        found = self._call("SELECT confiture.transition_start(%s, %s, %s) AS pids", name, until, workers)
        return list(found[0]["pids"])

    def stop(self, name: str) -> int:
        """End the background workers; return how many have ended."""
        return int(self._call("SELECT confiture.transition_stop(%s) AS stopped", name)[0]["stopped"])

    def set(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        """Change options while it is at work; return all of them."""
        found = self._call("SELECT confiture.transition_set(%s, %s) AS options", name, json.dumps(options))
        return dict(found[0]["options"])

    def validate(self, name: str, limit: int = 100) -> list[dict[str, Any]]:
        """Compare both sides; return the rows that differ."""
        return self._call("SELECT v.* FROM confiture.transition_validate(%s, %s) AS v", name, limit)

    def repair(self, name: str, right: str = "source") -> int:
        """Make the rows that differ what one side says; return how many."""
        return int(self._call("SELECT confiture.transition_repair(%s, %s) AS rows", name, right)[0]["rows"])

    def cutover(self, name: str) -> Status:
        """Let the tables change places."""
        return self._step("SELECT confiture.transition_cutover(%s)", name)

    def rollback(self, name: str) -> Status:
        """Let them change places again."""
        return self._step("SELECT confiture.transition_rollback(%s)", name)

    def contract(self, name: str) -> Status:
        """Drop the source tables."""
        return self._step("SELECT confiture.transition_contract(%s)", name)

    def abort(self, name: str) -> Status:
        """Remove every trace."""
        return self._step("SELECT confiture.transition_abort(%s)", name)

    def status(self, name: str) -> Status:
        """Tell how far a transition has come."""
        found: Status = self._call("SELECT confiture.transition_status(%s) AS status", name)[0]["status"]
        return found

    def all(self) -> list[dict[str, Any]]:
        """Return all transitions, the newest first."""
        return self._call("SELECT l.* FROM confiture.transition_list() AS l")

    def _step(self, query: str, name: str) -> Status:
        self._call(query, name)
        return self.status(name)

    def _call(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        return db.fetch(self.connection, query, arguments)


def _help(connection: db.Connection, name: str, ended: threading.Event) -> None:
    """Copy along, once there is something to copy, until nothing is left."""
    try:
        while db.fetch(connection, "SELECT confiture.transition_status(%s) ->> 'state' AS state", (name,))[0][
            "state"
        ] in ("planned", "captured"):
            if ended.wait(0.05):
                return
        db.fetch(connection, "CALL confiture.transition_worker(%s)", (name,))
    except ConfitureError:
        return


def _end(connection: db.Connection, thread: threading.Thread) -> None:
    """End a helper when the run has ended: to another server, a worker would go on."""
    thread.join(0.05)
    while thread.is_alive():
        connection.cancel()
        thread.join(0.2)
