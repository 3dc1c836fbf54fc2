"""Drift as a table, and what it comes to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from confiture import human
from confiture.render.plan import SIGNS
from confiture.results_drift import SEVERITIES, Difference, Drift
from confiture.terminal import Terminal

_WIDTH = 72
_ORIGINS = {
    "by hand": "by hand",
    "not applied": "not applied: the files have it, the database does not",
    "both": "in the database and in the files, and not the same",
    "adopted": "in the database and in the files, not by a migration",
    "unknown": "of unknown origin: no migration has recorded a schema",
}


def show(terminal: Terminal, drift: Drift) -> None:
    """Print every difference, and one line that sums them up."""
    terminal.table(
        ("SEVERITY", "", "WHAT", "ORIGIN", "WHO"),
        [
            (each.severity, SIGNS.get(each.change, "~"), each.identity, each.origin, who(each))
            for each in drift.differences
        ],
    )
    terminal.line()
    for each in drift.differences:
        if lines := list(details(each)):
            terminal.line(each.identity, "bold")
            for line in lines:
                terminal.line(f"    {line}")
    if any(list(details(each)) for each in drift.differences):
        terminal.line()
    said = [f"{drift.severity[each]} {each}" for each in SEVERITIES if drift.severity.get(each)]
    terminal.line(f"{human.count(drift.count, 'difference')}: {', '.join(said)}.")
    for origin, number in drift.origin.items():
        if number:
            terminal.line(f"  {number} {_ORIGINS.get(origin, origin)}")


def who(difference: Difference) -> str:
    """Return who made a change, with what, and when."""
    known = difference.who or {}
    user = known.get("agent") or known.get("session_user")
    parts = [str(user or ""), str(known.get("application_name") or ""), _moment(known)]
    return ", ".join(part for part in parts if part)


def details(difference: Difference) -> Iterator[str]:
    """Yield what was changed, and by which statement."""
    labels = {"recorded": "was", "live": "is", "target": "files"}
    if difference.change == "changed" or difference.origin == "both":
        for key, label in labels.items():
            value = difference.details.get(key)
            if value is not None:
                yield f"{label + ':':7}{_value(value)}"
    statement = (difference.who or {}).get("statement")
    if statement:
        words = " ".join(str(statement).split())
        yield f"by:    {words if len(words) <= _WIDTH else words[: _WIDTH - 3] + '...'}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(each)}" for key, each in value.items()) or "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _moment(known: Mapping[str, Any]) -> str:
    at = known.get("at")
    if not at:
        return ""
    import datetime as dt

    return human.moment(dt.datetime.fromisoformat(str(at)))
