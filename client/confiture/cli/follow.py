"""What ``confiture coordinate wait`` and ``watch`` do: they wait for the server to tell."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from confiture import exit_codes, human
from confiture.cli.options import Session
from confiture.coordinator import Claims, Coordinator
from confiture.errors import DatabaseError, UsageError
from confiture.intents import Conflict
from confiture.render import intents as render
from confiture.results_intent import IntentChange
from confiture.terminal import Terminal, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

# An intent that expires tells nobody: the table is drawn anew after so many seconds.
_REDRAW = 2.0
_KEPT = 8


def wait(session: Session, intent: str | None, claims: Claims, timeout: str) -> int:
    """Wait for objects or for the turn of an intent, and say how it ended."""
    if (intent is None) is not any(claims.values()):
        raise UsageError(
            "wait needs either an intent or the names of objects",
            hint="confiture coordinate wait ID, or confiture coordinate wait --tables-affected users.",
        )
    coordinator, terminal = session.coordinator(), session.terminal
    if intent is None:
        free, conflicts = _wait_for_objects(coordinator, terminal, claims, timeout)
        document = None
    else:
        free = _wait_for_turn(coordinator, terminal, intent, timeout)
        found = coordinator.get(intent)
        conflicts, document = [] if free else _ahead(found.conflicts), found.as_dict()
    if free:
        terminal.line("Free: nobody stands in the way.", "green")
    else:
        terminal.line(f"Not free after {timeout}.", "bold red")
    for conflict in conflicts:
        for text, style in render.conflict_lines(conflict):
            terminal.line(text, style)
    terminal.document(
        {"free": free, "intent": document, "conflicts": [conflict.as_dict() for conflict in conflicts]}
    )
    return exit_codes.OK if free else exit_codes.CONFLICT


def _wait_for_objects(
    coordinator: Coordinator, terminal: Terminal, claims: Claims, timeout: str
) -> tuple[bool, Sequence[Conflict]]:
    check = coordinator.check(**claims)
    if not check.free:
        _note(terminal, check.conflicts)
        check = coordinator.wait(**claims, timeout=timeout)
    return check.free, check.conflicts


def _wait_for_turn(coordinator: Coordinator, terminal: Terminal, intent: str, timeout: str) -> bool:
    if coordinator.wait_turn(intent, "0"):
        return True
    _note(terminal, coordinator.get(intent).conflicts)
    return coordinator.wait_turn(intent, timeout)


def _ahead(conflicts: Sequence[Conflict]) -> list[Conflict]:
    """Return the conflicts that hold an intent back."""
    return [each for each in conflicts if each.severity != "info" and each.role != "holder"]


def _note(terminal: Terminal, conflicts: Sequence[Conflict]) -> None:
    """Say for whom we wait."""
    others = {f'{each.other} ("{each.feature}" of agent {each.agent})': None for each in _ahead(conflicts)}
    terminal.note(f"Waiting for {human.listed([*others])}.")


def watch(session: Session) -> int:
    """Show changes until Ctrl-C: that is no error, but it is how it ends."""
    coordinator = session.coordinator()
    coordinator.listen()
    try:
        if session.terminal.live:
            _draw(coordinator, session)
        _follow(coordinator, session)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED


def _follow(coordinator: Coordinator, session: Session) -> NoReturn:
    """Print what is there, then a line for each change."""
    terminal = session.terminal
    if not terminal.json:
        render.show_status(terminal, coordinator.intents(), coordinator.conflicts(min_severity="warning"))
        terminal.line()
    terminal.note(f"Watching {session.label}; Ctrl-C ends it.")
    while True:
        for change in coordinator.next_changes(_REDRAW):
            terminal.line(_line(coordinator, change))
            terminal.event(change.as_dict())


def _line(coordinator: Coordinator, change: IntentChange) -> str:
    """Return a change as a line: when, what, which intent, whose, what for."""
    when = human.moment(change.at) if change.at else ""
    words = [when, change.event.ljust(15), change.intent or "", f"agent {change.agent}"]
    if change.other:
        words.append(f"with {change.other}")
    try:
        found = coordinator.get(change.intent) if change.intent else None
    except DatabaseError:  # it may have been archived since
        found = None
    if found is not None:
        words.append(f'"{found.feature}"')
    return "  ".join(filter(None, words))


def _draw(coordinator: Coordinator, session: Session) -> NoReturn:
    """Keep a table on the screen, with the last changes below it."""
    from rich.live import Live

    recent: deque[str] = deque(maxlen=_KEPT)
    with Live(console=session.terminal.console, auto_refresh=False) as live:
        while True:
            live.update(_screen(coordinator, session, recent), refresh=True)
            recent += [_line(coordinator, change) for change in coordinator.next_changes(_REDRAW)]


def _screen(coordinator: Coordinator, session: Session, recent: Sequence[str]) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    active = coordinator.intents()
    conflicts = coordinator.conflicts(min_severity="warning")
    shown: list[Any] = [Text(f"{session.label}, {time.strftime('%H:%M:%S')}; Ctrl-C ends it", style="dim")]
    if active:
        room = max(3, session.terminal.console.height - len(recent) - 8)
        rows = render.rows(active)
        shown.append(session.terminal.rich_table(render.HEADERS, rows[:room]))
        if len(rows) > room:
            shown.append(Text(f"and {len(rows) - room} more"))
        shown.append(Text(render.summary(active, conflicts)))
    else:
        shown.append(Text(render.NOBODY))
    shown += [Text(printable(line), style="dim", overflow="ellipsis", no_wrap=True) for line in recent]
    return Group(*shown)
