"""How transitions look in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confiture.terminal import Terminal

Document = dict[str, Any]


def show_status(terminal: Terminal, status: Document) -> None:
    """Show the state, and how far each table has come."""
    terminal.line(f"{status['name']}: {status['state']}")
    terminal.table(
        ("table", "to", "copied", "of", "rows/s", "left", "log"),
        [
            (
                each["source"],
                each["target"],
                _number(each["rows_copied"]),
                _number(each["rows_estimated"]),
                _number(each["rows_per_second"]),
                _seconds(each["remaining_s"]),
                _number(each["log_length"]),
            )
            for each in status["tables"]
        ],
    )
    for each in status["blockers"]:
        terminal.line(
            f"In the way: process {each['pid']} ({each['user']}, {each['application_name'] or 'no name'})"
            f" holds {each['mode']} on {each['relation']}, {each['state']}."
        )
    terminal.line(str(status["next"]))


def progress(status: Document) -> str:
    """Return one line that tells how far it is."""
    tables = status["tables"]
    copied = sum(each["rows_copied"] or 0 for each in tables)
    estimated = sum(each["rows_estimated"] or 0 for each in tables)
    line = f"{status['state']}: {_number(copied)} of {_number(estimated)} rows"
    rate = sum(each["rows_per_second"] or 0 for each in tables)
    left = [each["remaining_s"] for each in tables if each["remaining_s"] is not None]
    if status["state"] == "copying" and rate:
        line += f", {_number(rate)} rows/s, {_seconds(sum(left))} left"
    log = sum(each["log_length"] or 0 for each in tables)
    return line + (f", {_number(log)} to catch up" if log else "")


def show_differences(terminal: Terminal, rows: Sequence[Document]) -> None:
    """Show the rows that differ."""
    if not rows:
        terminal.line("Both sides are equal.")
        return
    for row in rows:
        key = ", ".join(row["key"])
        terminal.line(f"{row['source_table']} ({key}): {row['difference']}")
        terminal.line(f"  source: {row['source_row']}")
        terminal.line(f"  target: {row['target_row']}")


def _number(value: float | None) -> str:
    return "" if value is None else f"{round(value):,}".replace(",", " ")


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{float(value):.0f} s"
