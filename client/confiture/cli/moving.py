"""Driving a transition, and showing how far it is: for run, and for schema-to-schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from confiture.cli.options import Session
from confiture.errors import UsageError
from confiture.render import transition as render
from confiture.transitions import ENDED, RANKS, Status, Transitions


@dataclass(frozen=True)
class Move:
    """How far to go, and by whom."""

    until: str
    jobs: int = 1
    background: bool = False


@dataclass(frozen=True)
class Wanted:
    """A transition that is to be there."""

    name: str
    source: str
    target: str
    mapping: Any = None
    server: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def drive(session: Session, transitions: Transitions, name: str, move: Move) -> Status:
    """Move a transition on, by this session and others, or by background workers."""
    if move.background:
        pids = transitions.start(name, move.until, workers=move.jobs)
        session.terminal.note(
            f"Started in the background: {', '.join(map(str, pids))}."
            f" confiture transition status {name} shows how far it is."
        )
        return transitions.status(name)
    watching = Transitions(session.connect())
    helpers = [session.connect() for _ in range(move.jobs - 1)]
    with render.Progress(session.terminal, lambda: watching.status(name)) as progress:
        return transitions.run(name, move.until, helpers=helpers, watch=progress)


def ensure(session: Session, transitions: Transitions, wanted: Wanted) -> None:
    """Create a transition, or find the live one of that name, which must lead the same way."""
    found = next(
        (each for each in transitions.all() if each["name"] == wanted.name and each["state"] not in ENDED),
        None,
    )
    if found is None:
        transitions.create(
            wanted.name,
            wanted.source,
            wanted.target,
            mapping=wanted.mapping,
            options=wanted.options,
            server=wanted.server,
        )
        return
    if found["state"] == "aborting":
        raise UsageError(
            f"transition {wanted.name} is being aborted",
            hint=f"confiture transition abort {wanted.name} says what is in the way.",
        )
    there = (found["source_schema"], found["target_schema"])
    if there != (wanted.source, wanted.target):
        raise UsageError(
            f"transition {wanted.name} leads from {there[0]} to {there[1]}",
            hint="Choose another name with --name.",
        )
    if wanted.mapping is not None or wanted.options:
        raise UsageError(
            f"transition {wanted.name} exists: its mapping and options stand",
            hint="Leave them out to go on with it; or confiture transition abort, and begin anew.",
        )
    session.terminal.note(f"Going on with {wanted.name}, which is {found['state']}.")


def schema_to_schema(session: Session, wanted: Wanted, move: Move) -> None:
    """Create a transition unless it is there, move it on, and say what comes next."""
    transitions = Transitions(session.connect())
    ensure(session, transitions, wanted)
    status = transitions.status(wanted.name)
    if RANKS[status["state"]] < RANKS[move.until]:
        status = drive(session, transitions, wanted.name, move)
    render.show_status(session.terminal, status)
    session.terminal.document({"transition": status})
