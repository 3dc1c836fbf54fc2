"""The log as a table, the newest entry first."""

from __future__ import annotations

from collections.abc import Sequence

from confiture import human
from confiture.results import HistoryEntry
from confiture.terminal import Terminal


def show(terminal: Terminal, entries: Sequence[HistoryEntry]) -> None:
    """Print one row an entry; its message says what failed, or what was repaired."""
    if not entries:
        terminal.line("The log is empty: nothing has been run yet.")
        return
    terminal.table(
        ("WHEN", "VERSION", "NAME", "WHAT", "STATE", "TOOK", "BY", "MESSAGE"),
        [
            (
                human.moment(entry.finished_at),
                entry.version or "",
                entry.name or "",
                entry.direction,
                entry.state,
                "" if entry.execution_time_ms is None else human.whole(entry.execution_time_ms),
                entry.performed_by or "",
                " ".join(filter(None, (entry.sqlstate, entry.message))),
            )
            for entry in entries
        ],
    )
