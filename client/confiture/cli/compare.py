"""Where two schemas are compared: which connection, and what each side is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from confiture import planner, sides
from confiture.cli.options import Session
from confiture.config import Target
from confiture.db import Connection
from confiture.interrupts import cancelling
from confiture.results_plan import Plan
from confiture.sides import Side


class Comparison:
    """Two sides, and a connection to the server that compares them.

    It is the one of a database that is compared, the project's first of all. The schema of another
    database comes as a value. Where both sides are files, the project's database does the work.
    """

    def __init__(self, session: Session, source: Side, target: Side) -> None:
        self.session = session
        self.source = source
        self.target = target
        self.connection = self._connect()

    def plan(self, **options: Any) -> Plan:
        """Have the server make a plan."""
        given: Mapping[str, Any] = {name: value for name, value in options.items() if value is not None}
        with cancelling(self.connection):
            return planner.between(self.connection, self.source, self.target, given)

    def _connect(self) -> Connection:
        named = [side.database for side in (self.source, self.target) if side.database is not None]
        here = next((name for name in named if name == sides.DATABASE), named[0] if named else sides.DATABASE)
        connection, label = self._open(here)
        known = {here: Side(label, database=here)}
        for name in named:
            if name not in known:
                other, said = self._open(name)
                with cancelling(other):
                    known[name] = planner.fetched(other, said)
        self.source, self.target = (
            side if side.database is None else known[side.database] for side in (self.source, self.target)
        )
        return connection

    def _open(self, name: str) -> tuple[Connection, str]:
        """Connect to a database; return what it is called, too."""
        connection = self.session.connect(self._target(name))
        return connection, self.session.label

    def _target(self, name: str) -> Target:
        session = self.session
        kind, _, rest = name.partition(":")
        if name == sides.DATABASE:
            return session.target
        if kind == "env":
            return session.project.target(None, rest)
        if kind == "db":
            return replace(session.target, url=planner.other_database(session.url(), rest))
        return Target(name, "URL")
