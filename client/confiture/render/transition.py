"""How transitions look in a terminal."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from confiture import human
from confiture.terminal import Terminal, printable

Document = dict[str, Any]

# Where lines can't move, how often there is one.
LINE_SECONDS = 10.0

# What can be done next, in words of the command line.
NEXT = {
    "planned": ("plan", "run"),
    "captured": ("run",),
    "copying": ("run",),
    "catching_up": ("run",),
    "mirrored": ("validate",),
    "validated": ("cutover",),
    "cut_over": ("contract", "rollback"),
    "rolled_back": ("validate", "abort"),
    "aborting": ("abort",),
}
FOLLOWING = ("mirrored", "validated", "cut_over", "rolled_back")


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
    if "side" in status:
        _show_other_side(terminal, status)
    _show_workers(terminal, status)
    failure = status["failure"]
    if failure:
        retried = "is tried again" if failure["retried"] else "has ended a background worker"
        terminal.line(f"This {retried}: {failure['message']} ({failure['sqlstate']})", "bold red")
        for label in ("detail", "hint"):
            if failure[label]:
                terminal.line(f"{label.upper()}: {failure[label]}")
    _show_limits(terminal, status)
    for each in status["blockers"]:
        about = f", {each['application_name'] or 'no name'}" if each["pid"] else ""
        state = f", {each['state']}" if each["pid"] else ""
        terminal.line(
            f"In the way: {_holder(each)} ({each['user']}{about})"
            f" holds {each['mode']} on {each['relation']}{state}."
        )
    terminal.line(_next(status))


def _holder(each: Document) -> str:
    """Who holds a lock: a process, or a prepared transaction."""
    return f"process {each['pid']}" if each["pid"] else f"prepared transaction {each['prepared']}"


def _show_limits(terminal: Terminal, status: Document) -> None:
    """Say what makes the copy slow."""
    limits = status["limits"]
    if status["state"] not in ("captured", "copying"):
        return
    if limits["max_rate"] is not None:
        terminal.line(f"Copied at {_number(limits['max_rate'])} rows/s at most.")
    lag, most = limits["replica_lag"], limits["max_replica_lag"]
    if lag is not None and lag > most:
        terminal.line(
            f"A replica is {human.size(lag)} behind, more than {human.size(most)}: the copy waits for it.",
            "yellow",
        )


def _show_workers(terminal: Terminal, status: Document) -> None:
    """Say what background workers do, or that one is missing."""
    follows = status.get("side") == "source" and status["state"] in FOLLOWING
    for each in status["workers"]:
        if status["state"] == "aborting":
            what = "takes off the rest as soon as nobody is in the way"
        elif status["state"] in ("contracted", "aborted"):
            what = "is about to end"
        else:
            what = "drives" if each["drives"] else "brings over what is written" if follows else "copies"
        terminal.line(f"In the background: process {each['pid']} {what}.")
    if follows and status["mode"] == "asynchronous" and not status["workers"]:
        terminal.line(
            "No background worker brings over what is written:"
            f" confiture transition run {shlex.quote(status['name'])} --background, unless a session does.",
            "yellow",
        )


def _next(status: Document) -> str:
    """Return what can be done next."""
    if status.get("side") == "target" or status["state"] not in NEXT:
        return str(status["next"])
    name = shlex.quote(status["name"])
    return "Next: " + ", or ".join(f"confiture transition {step} {name}" for step in NEXT[status["state"]])


def _show_other_side(terminal: Terminal, status: Document) -> None:
    """Show where the other side is, who writes it, and what keeps the worker from that."""
    if status["side"] == "source":
        terminal.line(f"On server {status['server']} ({status['peer']}), {status['mode']}.")
    else:
        terminal.line(f"From another server ({status['peer']}).")
    if status["problem"]:
        terminal.line(f"Tried again each second: {status['problem']}", "bold red")


class Progress:
    """Shows how far a transition is while it moves: a table that changes on a terminal, lines elsewhere."""

    def __init__(self, terminal: Terminal, look: Callable[[], Document]) -> None:
        self.terminal = terminal
        self.look = look
        self.state: str | None = None
        self.said = 0.0
        self.begun = time.monotonic()
        self._live: Any = None

    def __enter__(self) -> Self:
        if self.terminal.live:
            from rich.live import Live

            self._live = Live(console=self.terminal.console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self) -> None:
        """Look, and show it; in lines only a new state, or what has come after a while."""
        status = self.look()
        now = time.monotonic()
        if self._live is not None:
            self._live.update(_moving(status, now - self.begun), refresh=True)
        elif status["state"] != self.state or now - self.said >= LINE_SECONDS:
            self.state, self.said = status["state"], now
            self.terminal.note(_line(status))


def _line(status: Document) -> str:
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


def _moving(status: Document, elapsed: float) -> Any:
    """Return the table that changes: a line for each table, with how much of it is there."""
    from rich import box
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for header, justify in (("table", "left"), ("", "left"), ("copied", "right"), ("of", "right")):
        shown.add_column(header, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for header in ("rows/s", "left", "log", "lag"):
        shown.add_column(header, justify="right")
    for each in status["tables"]:
        total = max(each["rows_estimated"] or 0, 1)
        done = total if each["copied"] else min(each["rows_copied"] or 0, total)
        shown.add_row(
            Text(printable(each["source"])),
            ProgressBar(total=total, completed=done, width=20),
            _number(each["rows_copied"]),
            _number(each["rows_estimated"]),
            _number(each["rows_per_second"]),
            _seconds(each["remaining_s"]),
            _number(each["log_length"]),
            _seconds(each["lag_s"]),
        )
    head = f"{status['name']}: {status['state']}, {human.duration(round(elapsed) * 1000)}"
    blockers = [
        Text(
            f"In the way: {printable(_holder(each))} holds {each['mode']} on {printable(each['relation'])}",
            "yellow",
        )
        for each in status["blockers"]
    ]
    return Group(Text(head, "bold"), shown, *blockers)


def show_plan(terminal: Terminal, rows: Sequence[Document]) -> None:
    """Show the statements of each step, what they lock, and how long they may take."""
    step = None
    for row in rows:
        if row["step"] != step:
            step = row["step"]
            terminal.line(step, "bold")
        for line in row["statement"].splitlines():
            terminal.line(f"  {line}")
        took = "" if row["estimate_ms"] is None else f"{row['estimate_ms']:.1f} ms; "
        terminal.line(f"    {took}{row['estimate']}; {row['lock']}", "dim")


def show_differences(terminal: Terminal, rows: Sequence[Document]) -> None:
    """Show the rows that differ."""
    if not rows:
        terminal.line("Both sides are equal.")
        return
    for row in rows:
        key = ", ".join(row["key"])
        terminal.line(f"{row['source_table']} ({key}): {row['difference']}")
        terminal.line(f"  source: {_row(row['source_row'])}")
        terminal.line(f"  target: {_row(row['target_row'])}")


def _row(row: Document | None) -> str:
    return "no such row" if row is None else json.dumps(row, ensure_ascii=False)


def _number(value: float | None) -> str:
    return "" if value is None else f"{round(value):,}".replace(",", " ")


def _seconds(value: float | None) -> str:
    return "" if value is None else human.duration(round(float(value)) * 1000) if value >= 1 else "0 s"
