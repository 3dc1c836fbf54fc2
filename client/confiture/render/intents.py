"""Intents, conflicts and events as text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from confiture import human

if TYPE_CHECKING:
    from confiture.intents import Conflict, Intent, IntentCheck, IntentObject, Unseen
    from confiture.results_intent import ConflictEntry, IntentEvent, IntentSummary
    from confiture.terminal import Terminal

HEADERS = ("AGENT", "FEATURE", "INTENT", "STATUS", "TOUCHES", "CONFLICTS", "BRANCH", "UNTIL")
NOBODY = "Nobody has registered anything."
_STYLES = {"error": "bold red", "warning": "yellow", "info": ""}
_MOST_OBJECTS = 50
_MOST_LINES = 12
_FEW = 4
_DOES = {"reference": "refer to it", "write": "write to it"}


def show_check(terminal: Terminal, check: IntentCheck) -> None:
    """Print whether somebody stands in the way, and who."""
    blocking = [each for each in check.conflicts if each.severity != "info"]
    if check.free:
        terminal.line("Free: nobody else changes what this touches.", "green")
    elif blocking:
        terminal.line(f"Not free: {human.count(len(blocking), 'conflict')}.", "bold red")
    else:
        terminal.line("Nobody can say: nothing of it can be looked into.", "bold red")
    _show_claims(terminal, check.objects, check.unseen)
    _show_conflicts(terminal, check.conflicts)


def show_registered(terminal: Terminal, intent: Intent) -> None:
    """Print what was registered, and what it is in conflict with."""
    until = human.moment(intent.expires_at)
    said = f'Registered {intent.id}: "{intent.feature}" of agent {intent.agent}, until {until}.'
    terminal.line(said, "" if intent.in_conflict else "green")
    if intent.queued:
        terminal.line("It waits for its turn: others were there before.", "bold red")
    elif intent.in_conflict:
        terminal.line("It is registered, and it is in conflict with what others do.", "bold red")
    _show_claims(terminal, intent.objects, intent.unseen)
    _show_conflicts(terminal, intent.conflicts)
    if intent.in_conflict:
        terminal.line()
        terminal.line(f"To wait until it is free: confiture coordinate wait {intent.id}")


def show_moved(terminal: Terminal, intent: Intent) -> None:
    """Print what an intent is now."""
    until = "" if intent.closed_at else f", until {human.moment(intent.expires_at)}"
    terminal.line(f'{intent.id} ("{intent.feature}" of agent {intent.agent}) is {_status(intent)}{until}.')
    _show_conflicts(terminal, intent.conflicts)


def show_intent(terminal: Terminal, intent: Intent) -> None:
    """Print one intent in full."""
    terminal.line(f'{intent.id}: "{intent.feature}" of agent {intent.agent}', "bold")
    for label, value in _facts(intent):
        if value:
            terminal.line(f"  {label:<12}{value}")
    if intent.schema_changes:
        terminal.line()
        lines = intent.schema_changes.strip().splitlines()
        for line in lines[:_MOST_LINES]:
            terminal.line(f"  | {line}".rstrip())
        _more(terminal, len(lines) - _MOST_LINES, "line")
    if intent.objects:
        terminal.line()
        terminal.table(
            ("KIND", "OBJECT", "ACTION", "FROM"),
            [
                (each.kind, f"{each.display}{_arguments(each)}", each.action, each.source)
                for each in intent.objects[:_MOST_OBJECTS]
            ],
        )
        _more(terminal, len(intent.objects) - _MOST_OBJECTS, "object")
    _show_unseen(terminal, intent.unseen)
    _show_conflicts(terminal, intent.conflicts)


def show_status(
    terminal: Terminal, intents: Sequence[IntentSummary], conflicts: Sequence[ConflictEntry]
) -> None:
    """Print who is about to change what, and one line that sums it up."""
    if not intents:
        terminal.line(NOBODY)
        return
    terminal.table(HEADERS, rows(intents))
    terminal.line()
    terminal.line(summary(intents, conflicts))


def show_list(terminal: Terminal, intents: Sequence[IntentSummary]) -> None:
    """Print intents, ended ones perhaps among them, the newest first."""
    if not intents:
        terminal.line("There is no such intent.")
        return
    terminal.table(
        ("INTENT", "AGENT", "FEATURE", "STATUS", "TOUCHES", "CONFLICTS", "REGISTERED", "ENDED"),
        [
            (
                each.id,
                each.agent,
                each.feature,
                _status(each),
                human.listed([*each.objects], _FEW),
                str(each.conflicts or ""),
                human.moment(each.registered_at),
                human.moment(each.closed_at) if each.closed_at else "",
            )
            for each in intents
        ],
    )


def show_conflict_entries(terminal: Terminal, entries: Sequence[ConflictEntry]) -> None:
    """Print conflicts with both of their sides."""
    if not entries:
        terminal.line("There is no such conflict.")
        return
    terminal.table(
        ("ID", "SEVERITY", "TYPE", "STATE", "NEWCOMER", "WAS THERE", "OBJECTS", "NOTE"),
        [
            (
                str(each.id),
                each.severity,
                each.type,
                each.state,
                f"{each.intent} ({each.agent})",
                f"{each.other} ({each.other_agent})",
                human.listed([item.object for item in each.objects], _FEW),
                each.note or "",
            )
            for each in entries
        ],
    )


def show_events(terminal: Terminal, events: Sequence[IntentEvent]) -> None:
    """Print the history, the newest first."""
    if not events:
        terminal.line("The history is empty.")
        return
    terminal.table(
        ("WHEN", "EVENT", "INTENT", "AGENT", "BY", "DETAIL"),
        [
            (
                human.moment(each.at),
                each.event,
                each.intent or "",
                each.agent,
                each.performed_by,
                ", ".join(f"{key}: {_word(value)}" for key, value in each.detail.items() if value != ""),
            )
            for each in events
        ],
    )


def conflict_lines(conflict: Conflict) -> Iterator[tuple[str, str]]:
    """Yield the lines about one conflict, each with its style."""
    number = "" if conflict.id is None else f" {conflict.id}"
    parts = [
        f'{conflict.other}, "{conflict.feature}" of agent {conflict.agent}',
        f"{conflict.status} on branch {conflict.branch}" if conflict.branch else conflict.status,
        f"until {human.moment(conflict.expires_at)}" if conflict.expires_at else None,
        conflict.state if conflict.state != "open" else None,
    ]
    yield f"{conflict.severity}{number}: {', '.join(filter(None, parts))}", _STYLES[conflict.severity]
    for item in conflict.objects[:_MOST_LINES]:
        yield f"    {item.kind} {item.object}: you {_does(item.action)}, they {_does(item.other_action)}", ""
    more = len(conflict.objects[_MOST_LINES:]) + conflict.more_objects
    if more:
        yield f"    and {human.count(more, 'object')} more", ""
    yield f"    {conflict.suggestion}", "cyan"


def rows(intents: Iterable[IntentSummary]) -> list[tuple[str, ...]]:
    """Return the rows of the table of active intents, those of an agent together."""
    return [
        (
            each.agent,
            each.feature,
            each.id,
            _status(each),
            human.listed([*each.objects], _FEW),
            str(each.conflicts or ""),
            each.branch or "",
            human.moment(each.expires_at),
        )
        for each in sorted(intents, key=lambda each: (each.agent, each.registered_at))
    ]


def summary(intents: Sequence[IntentSummary], conflicts: Sequence[ConflictEntry]) -> str:
    """Return the line that sums up who does what."""
    agents = len({each.agent for each in intents})
    parts = [f"{human.count(len(intents), 'intent')} of {human.count(agents, 'agent')}"]
    severe = sum(1 for each in conflicts if each.severity != "info")
    parts.append(human.count(severe, "conflict") if severe else "no conflict")
    if queued := sum(1 for each in intents if each.queued):
        parts.append(f"{queued} waiting for {'its' if queued == 1 else 'their'} turn")
    return f"{', '.join(parts)}."


def _facts(intent: Intent) -> Iterator[tuple[str, str | None]]:
    """Yield what an intent says about itself, with labels."""
    yield "status", _status(intent)
    yield "branch", intent.branch
    yield "description", intent.description
    yield "registered", f"{human.moment(intent.registered_at)} by {intent.registered_by}"
    yield "starts", human.moment(intent.starts_at) if intent.starts_at else None
    yield "takes", intent.estimated_duration
    yield "changed", human.moment(intent.updated_at) if intent.updated_at > intent.registered_at else None
    if intent.closed_at:
        yield "ended", human.moment(intent.closed_at)
    else:
        yield "until", human.moment(intent.expires_at)
    yield "metadata", json.dumps(intent.metadata, ensure_ascii=False) if intent.metadata else None


def _show_claims(terminal: Terminal, objects: Sequence[IntentObject], unseen: Sequence[Unseen]) -> None:
    """Print what the server has understood, so that a slip of the pen is noticed."""
    parts = {(each.schema, each.name) for each in objects if each.column}
    named = [
        f"{each.display}{_arguments(each)} ({each.action})"
        for each in objects
        if each.source != "affected"
        and each.kind != "schema"
        and not (each.column is None and each.action == "touch" and (each.schema, each.name) in parts)
    ]
    reached = [f"{each.display}{_arguments(each)}" for each in objects if each.source == "affected"]
    for label, names in (("Touches", named), ("Reaches", reached)):
        if names:
            terminal.line(f"{label}: {human.listed(names)}.")
    _show_unseen(terminal, unseen)


def _show_unseen(terminal: Terminal, unseen: Sequence[Unseen]) -> None:
    for each in unseen[:_MOST_LINES]:
        at = f", line {each.line}" if each.line else ""
        terminal.line(f"Not looked into: {each.what}{at}. Name what it changes with --objects.", "yellow")
    _more(terminal, len(unseen) - _MOST_LINES, "statement")


def _show_conflicts(terminal: Terminal, conflicts: Sequence[Conflict]) -> None:
    for conflict in conflicts[:_MOST_OBJECTS]:
        terminal.line()
        for text, style in conflict_lines(conflict):
            terminal.line(text, style)
    _more(terminal, len(conflicts) - _MOST_OBJECTS, "conflict")


def _more(terminal: Terminal, number: int, noun: str) -> None:
    if number > 0:
        terminal.line(f"and {human.count(number, noun)} more")


def _status(intent: Intent | IntentSummary) -> str:
    return f"{intent.status}, queued" if intent.queued else intent.status


def _does(action: str) -> str:
    return _DOES.get(action, f"{action.removesuffix('ed')} it")


def _arguments(each: IntentObject) -> str:
    return "" if each.arguments is None else f"({each.arguments})"


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
