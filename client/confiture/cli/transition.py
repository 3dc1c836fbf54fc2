"""``confiture transition``: tables that move to a new schema while everyone writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from confiture import exit_codes
from confiture.cli.mapping import read_json, read_options, with_mapping, with_move
from confiture.cli.options import YES, Session, with_database

if TYPE_CHECKING:
    from confiture.transitions import Transitions

NAME = click.argument("name")


@click.group()
def transition() -> None:
    """Move tables to a new schema while everyone writes.

    \b
    Example:
      confiture transition create to_v2 --from app --to app_v2
      confiture transition plan to_v2
      confiture transition run to_v2
      confiture transition cutover to_v2
      confiture transition contract to_v2
    """


def _transitions(session: Session) -> Transitions:
    from confiture.transitions import Transitions

    return Transitions(session.connect())


def _show(session: Session, status: dict[str, Any]) -> None:
    from confiture.render import transition as render

    render.show_status(session.terminal, status)
    session.terminal.document({"transition": status})


@transition.command()
@NAME
@with_mapping
@click.option("--server", metavar="NAME", help="The foreign server on which the new schema is.")
@with_database
def create(
    session: Session,
    name: str,
    source: str,
    target: str,
    mapping: str | None,
    swap: str | None,
    mode: str | None,
    options: tuple[str, ...],
    server: str | None,
) -> None:
    """Plan a transition.

    Everything is checked first; what stands in the way is named, and then nothing is created.

    \b
    Example:
      confiture transition create to_v2 --from app --to app_v2
      confiture transition create to_v2 --from app --to app_v2 --mapping @mapping.json
      confiture transition create to_v2 --from app --to app_v2 --swap schema --option max_rate=5000
      confiture transition create to_v2 --from app --to app_v2 --server next --mode synchronous
    """
    _show(
        session,
        _transitions(session).create(
            name,
            source,
            target,
            mapping=read_json(mapping, "mapping"),
            options=read_options(options, swap=swap, mode=mode),
            server=server,
        ),
    )


@transition.command()
@NAME
@click.option(
    "--sample-rows",
    type=click.IntRange(0, 10_000_000),
    default=10_000,
    show_default=True,
    help="Rows of each table to measure with; 0: nothing is measured.",
)
@with_database
def plan(session: Session, name: str, sample_rows: int) -> None:
    """Show what each step runs, its locks, and how long it may take.

    Measured with some rows, on tables that are made for it and rolled back.

    \b
    Example:
      confiture transition plan to_v2
    """
    from confiture.render import transition as render

    rows = _transitions(session).plan(name, sample_rows)
    render.show_plan(session.terminal, rows)
    session.terminal.document({"plan": rows})


@transition.command()
@NAME
@with_move
@with_database
def run(session: Session, name: str, until: str, jobs: int, background: bool) -> None:
    """Move a transition on to a state.

    Goes on where an earlier run has stopped. Exits with 45 when the two sides differ, and with 19
    when a lock was not to be had: nothing is lost then, run it again.

    \b
    Example:
      confiture transition run to_v2
      confiture transition run to_v2 --until mirrored --jobs 2
      confiture transition run to_v2 --until validated --format json
      confiture transition run to_v2 --background --jobs 4
    """
    from confiture.cli.moving import Move, drive

    _show(session, drive(session, _transitions(session), name, Move(until, jobs, background)))


@transition.command()
@NAME
@with_database
def stop(session: Session, name: str) -> None:
    """End the background workers of a transition.

    What they were at is rolled back; run goes on from there.

    \b
    Example:
      confiture transition stop to_v2
    """
    stopped = _transitions(session).stop(name)
    session.terminal.line(f"Background workers that have ended: {stopped}.")
    session.terminal.document({"stopped": stopped})


@transition.command("set")
@NAME
@click.option(
    "--option", "options", multiple=True, required=True, metavar="NAME=VALUE", help="Such as max_rate=5000."
)
@with_database
def set_options(session: Session, name: str, options: tuple[str, ...]) -> None:
    """Change options of a transition while it is at work.

    chunk_ms, max_rate, max_replica_lag, lock_timeout and lock_retries; null takes a limit off.

    \b
    Example:
      confiture transition set to_v2 --option max_rate=5000
      confiture transition set to_v2 --option max_rate=null
    """
    changed = _transitions(session).set(name, read_options(options))
    for option, value in sorted(changed.items()):
        session.terminal.line(f"{option}: {'no limit' if value is None else value}")
    session.terminal.document({"options": changed})


@transition.command()
@NAME
@with_database
def status(session: Session, name: str) -> None:
    """Show how far a transition has come, and who is in its way.

    \b
    Example:
      confiture transition status to_v2
    """
    _show(session, _transitions(session).status(name))


@transition.command()
@NAME
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many rows at most."
)
@click.option("--repair", type=click.Choice(["source", "target"]), help="Make the rows what this side says.")
@with_database
def validate(session: Session, name: str, limit: int, repair: str | None) -> int:
    """Compare both sides; exit with 45 when they differ.

    \b
    Example:
      confiture transition validate to_v2
      confiture transition validate to_v2 --repair source
    """
    from confiture.render import transition as render

    transitions = _transitions(session)
    repaired = transitions.repair(name, repair) if repair else 0
    rows = transitions.validate(name, limit)
    if repaired:
        session.terminal.line(f"Rows that were repaired: {repaired}.")
    render.show_differences(session.terminal, rows)
    session.terminal.document({"equal": not rows, "repaired": repaired, "differences": rows})
    return exit_codes.SIDES_DIFFER if rows else exit_codes.OK


@transition.command()
@NAME
@with_database
def cutover(session: Session, name: str) -> None:
    """Let the tables change places.

    Exits with 19 when the lock was not to be had, and says who holds it.

    \b
    Example:
      confiture transition cutover to_v2
    """
    _show(session, _transitions(session).cutover(name))


@transition.command()
@NAME
@with_database
def rollback(session: Session, name: str) -> None:
    """Take a cutover back; what was written since stays.

    \b
    Example:
      confiture transition rollback to_v2
    """
    _show(session, _transitions(session).rollback(name))


@transition.command()
@NAME
@YES
@with_database
def contract(session: Session, name: str, yes: bool) -> None:
    """Drop the old tables; there is no way back.

    \b
    Example:
      confiture transition contract to_v2 --yes
    """
    transitions = _transitions(session)
    tables = ", ".join(each["source"] for each in transitions.status(name)["tables"])
    session.terminal.ask(f"Drop {tables} for good?", yes=yes, otherwise="nothing was dropped")
    _show(session, transitions.contract(name))


@transition.command()
@NAME
@with_database
def abort(session: Session, name: str) -> None:
    """End a transition without a cutover, and remove every trace.

    Where sessions that have read a table stay in their transactions, its triggers
    are disabled, and a background worker of the server removes the rest when it can.

    \b
    Example:
      confiture transition abort to_v2
    """
    transitions = _transitions(session)
    status = transitions.abort(name)
    if status["state"] == "aborting":
        transitions.start(name)
        status = transitions.status(name)
    _show(session, status)


@transition.command("list")
@with_database
def list_all(session: Session) -> None:
    """Show all transitions.

    \b
    Example:
      confiture transition list
    """
    rows = _transitions(session).all()
    if rows:
        session.terminal.table(
            ("name", "from", "to", "state", "tables"),
            [(r["name"], r["source_schema"], r["target_schema"], r["state"], str(r["tables"])) for r in rows],
        )
    else:
        session.terminal.line("No transitions.")
    session.terminal.document({"transitions": rows})
