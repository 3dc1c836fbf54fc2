"""What ``confiture drift`` does."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

from confiture import exit_codes, planner, sides
from confiture.cli.diff import not_one
from confiture.cli.options import Session
from confiture.interrupts import cancelling
from confiture.render import drift as render
from confiture.results_drift import ADOPTED, SEVERITIES, Drift
from confiture.sides import Side

DDL, RECORD, BOTH = "ddl", "record", "both"


def drift(session: Session, *, against: str | None, fail_on: str) -> int:
    """Look for drift, print it, and tell by the exit code whether there is any that counts."""
    with not_one():
        against = against or (BOTH if _has_files(session) else RECORD)
        target = None if against == RECORD else sides.of_project(session.project, session.environment)
        connection = session.connect()
        with cancelling(connection):
            found = planner.drift(connection, target)
    if against == DDL:
        found = _without_record(found)
    terminal = session.terminal
    compared = _compared(found, target, against)
    if found.differences:
        render.show(terminal, found)
    else:
        terminal.line(f"No drift: {session.label} is as {compared}.")
    if found.record and found.record.get("stale"):
        terminal.note("The record is older than the last migration: see `confiture migrate history`.")
    failed = found.at_least(fail_on)
    terminal.document(
        {
            "database": session.label,
            "against": against,
            "fail_on": fail_on,
            "failed": failed,
            **found.as_dict(),
        }
    )
    return exit_codes.DIFFERENT if failed else exit_codes.OK


def _has_files(session: Session) -> bool:
    from confiture import tree

    folders = [folder for _, folder in tree.schema_dirs(session.project, session.environment)]
    return any(_sql_below(folder) for folder in folders)


def _sql_below(folder: Path) -> bool:
    return folder.is_file() or any(path.is_file() for path in folder.rglob("*.sql"))


def _without_record(found: Drift) -> Drift:
    """Leave out what the files have too: it is a difference from the record only."""
    kept = tuple(each for each in found.differences if each.origin != ADOPTED)
    severity = Counter(each.severity for each in kept)
    return dataclasses.replace(
        found,
        drifted=bool(kept),
        count=len(kept),
        severity={each: severity[each] for each in SEVERITIES},
        origin={origin: number for origin, number in found.origin.items() if origin != ADOPTED},
        highest=next((each for each in SEVERITIES if severity[each]), None),
        differences=kept,
    )


def _compared(found: Drift, target: Side | None, against: str) -> str:
    parts = []
    if found.record and against != DDL:
        version = found.record.get("version")
        parts.append(f"migration {version} has left it" if version else "it was recorded")
    if target is not None:
        parts.append(f"{target.label} says")
    return " and ".join(parts)
