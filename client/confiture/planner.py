"""Plans: the difference between two schemas, worked out and proven by the server in one call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from confiture import db, installed
from confiture.errors import ConfitureError, UsageError
from confiture.results_drift import Drift
from confiture.results_plan import Plan
from confiture.sides import Side

# A jsonb value, which carries all files to the server, holds at most 256 MiB.
_LARGEST = 240 * 1024 * 1024


def between(
    connection: psycopg.Connection[Any], source: Side, target: Side, options: Mapping[str, Any]
) -> Plan:
    """Return the way from one schema to the other, and back.

    A side that is a database is the one of the connection. The snapshots stay in the server.
    """
    calls: list[str] = []
    arguments: list[str] = []
    for side in (source, target):
        call, more = side.expression()
        calls.append(call)
        arguments += more
    _check_size(arguments)
    given = "%s::jsonb"
    if target.files is not None:
        # Whoever asks owns what the files make: that is no wish.
        given = f"pg_catalog.jsonb_build_object('owner', current_user) OPERATOR(pg_catalog.||) {given}"
    query = f"SELECT confiture.plan_between({calls[0]}, {calls[1]}, {given}) AS plan"
    rows = _ask(connection, query, [*arguments, json.dumps(options)], (source, target))
    return Plan.from_row(rows[0]["plan"])


def snapshot(connection: psycopg.Connection[Any], side: Side) -> dict[str, Any]:
    """Return the snapshot of one side."""
    call, arguments = side.expression()
    _check_size(arguments)
    rows = _ask(connection, f"SELECT {call} AS snapshot", arguments, (side,))
    found: dict[str, Any] = rows[0]["snapshot"]
    return found


def drift(connection: psycopg.Connection[Any], target: Side | None, **options: Any) -> Drift:
    """Compare the database with the recorded schema, and with ``target`` where one is given."""
    call, arguments = target.expression() if target is not None else ("NULL::jsonb", ())
    _check_size(arguments)
    query = f"SELECT confiture.drift_report({call}, %s::jsonb) AS report"
    rows = _ask(connection, query, [*arguments, json.dumps(options)], () if target is None else (target,))
    return Drift.from_row(rows[0]["report"])


def fetched(connection: psycopg.Connection[Any], label: str) -> Side:
    """Return the schema of another server's database as a value, which can be sent on."""
    installed.check(connection)
    rows = db.fetch(connection, "SELECT confiture.snapshot()::text AS snapshot")
    return Side(label, value=rows[0]["snapshot"])


def other_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return make_conninfo(url, dbname=name)


def _ask(
    connection: psycopg.Connection[Any], query: str, arguments: Sequence[str], sides: Sequence[Side]
) -> list[db.Row]:
    installed.check(connection)
    try:
        return db.fetch(connection, query, tuple(arguments))
    except ConfitureError as problem:
        for side in sides:
            side.place(problem)
        raise


def _check_size(arguments: Sequence[str]) -> None:
    size = sum(len(argument) for argument in arguments)
    if size > _LARGEST:
        raise UsageError(
            f"the files are too large: {size} characters",
            hint=f"At most {_LARGEST}. Rows do not belong here.",
        )
