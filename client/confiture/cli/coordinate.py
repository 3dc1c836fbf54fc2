"""``confiture coordinate``: who is about to change what, told before anybody writes code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from confiture import __version__, exit_codes
from confiture.cli import LazyGroup
from confiture.cli.declare import with_claims, with_declaration, with_intent
from confiture.cli.options import Session, with_agent, with_coordination, with_folder

if TYPE_CHECKING:
    from confiture.coordinator import Claims, Declaration
    from confiture.intents import Intent
    from confiture.results_intent import ConflictState

MODULES: dict[str, str] = {"serve": "confiture.cli.serve"}
NOTE = click.option("--note", metavar="TEXT", required=True, help="Why; it goes into the history.")
CONFLICT = click.argument("conflict", type=int)


MOST = 1000
Function = Callable[..., Any]
# Those of every command: in the help they come after its own.
COMMON = ("config", "output_format", "output", "database_url", "environment")


class Command(click.Command):
    """A command whose help begins with what only it has."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, the common ones last, --help after all."""
        return sorted(super().get_params(ctx), key=lambda each: each.name in COMMON or each.is_eager)


def _limit(default: int) -> Callable[[Function], Function]:
    return click.option(
        "--limit", type=click.IntRange(min=1), default=default, show_default=True, help="How many at most."
    )


@click.group(cls=LazyGroup, modules=MODULES)
def coordinate() -> None:
    """Say what you will change, hear of collisions.

    Before anybody writes code. Commands exit with 8 where somebody else stands in the way.

    \b
    Example:
      confiture coordinate init
      confiture coordinate check --tables-affected users
      confiture coordinate register --feature-name logins --tables-affected users
      confiture coordinate status
    """


coordinate.command_class = Command


@coordinate.command()
@with_coordination
def init(session: Session) -> None:
    """Create the extension where the intents are kept.

    Where it is there already, nothing is done.

    \b
    Example:
      confiture coordinate init
      confiture coordinate init --db-url postgresql://localhost/shop
    """
    from confiture import installed

    created = installed.create(session.coordinator().connection)
    if created:
        session.terminal.line(f"Created the extension confiture {__version__} in {session.label}.")
    else:
        session.terminal.line(f"Nothing to do: confiture {__version__} is in {session.label}.")
    session.terminal.document({"database": session.label, "version": __version__, "created": created})


@coordinate.command()
@click.option("--feature-name", metavar="NAME", required=True, help="What it is for, in a few words.")
@with_coordination
@with_agent
@with_declaration
def register(session: Session, feature_name: str, declaration: Declaration) -> int:
    """Say what you are about to change.

    In conflict with what others do it is registered all the same, and exits with 8. With
    --on-conflict refuse nothing is registered then; with queue it waits for its turn.

    \b
    Example:
      confiture coordinate register --feature-name logins --tables-affected users
      confiture coordinate register --feature-name logins --schema-changes @db/migrations/004.up.sql
      confiture coordinate register --feature-name logins --columns-affected users.email --expires 2h
    """
    from confiture.render import intents

    intent = session.coordinator().register(feature_name, **declaration)
    intents.show_registered(session.terminal, intent)
    session.terminal.document({"intent": intent.as_dict()})
    return exit_codes.CONFLICT if intent.in_conflict else exit_codes.OK


@coordinate.command()
@click.option("--feature-name", metavar="NAME", help="As for register.")
@with_coordination
@with_agent
@with_declaration
def check(session: Session, feature_name: str | None, declaration: Declaration) -> int:
    """Ask who stands in the way, and register nothing.

    Takes the options of register. Exits with 8 where somebody does.

    \b
    Example:
      confiture coordinate check --tables-affected users,profiles
      confiture coordinate check --schema-changes "ALTER TABLE users DROP COLUMN email"
      confiture coordinate check --objects "function:app.total(int)" || echo "not now"
    """
    from confiture.render import intents

    found = session.coordinator().check(feature_name, **declaration)
    intents.show_check(session.terminal, found)
    session.terminal.document(found.as_dict())
    return exit_codes.OK if found.free else exit_codes.CONFLICT


@coordinate.command()
@with_coordination
@with_intent(needed=False)
def status(session: Session, intent: str | None) -> None:
    """Show who is about to change what.

    With an ID: one intent, with all that it touches and its conflicts.

    \b
    Example:
      confiture coordinate status
      confiture coordinate status int_3f9c21d07ab4
    """
    from confiture.render import intents

    coordinator = session.coordinator()
    if intent is not None:
        found = coordinator.get(intent)
        intents.show_intent(session.terminal, found)
        session.terminal.document({"intent": found.as_dict()})
        return
    active = coordinator.intents(limit=MOST + 1)
    conflicts = coordinator.conflicts(min_severity="warning", limit=MOST)
    if len(active) > MOST:
        active.pop()
        session.terminal.note(f"Only the newest {MOST} intents are shown; coordinate list --limit has more.")
    intents.show_status(session.terminal, active, conflicts)
    session.terminal.document(
        {"intents": [each.as_dict() for each in active], "conflicts": [each.as_dict() for each in conflicts]}
    )


@coordinate.command()
@with_coordination
@with_agent
@with_intent(needed=True)
def start(session: Session, intent: str) -> None:
    """Say that the work has begun, or begins again.

    \b
    Example:
      confiture coordinate start int_3f9c21d07ab4
    """
    _moved(session, session.coordinator().start(intent))


@coordinate.command()
@with_coordination
@with_agent
@with_intent(needed=True)
def complete(session: Session, intent: str) -> None:
    """Say that the change is written.

    Others see the intent until it is merged, or expires.

    \b
    Example:
      confiture coordinate complete int_3f9c21d07ab4
    """
    _moved(session, session.coordinator().complete(intent))


@coordinate.command()
@with_coordination
@with_agent
@with_intent(needed=True)
def merge(session: Session, intent: str) -> None:
    """Say that a completed change is merged, which ends its intent.

    \b
    Example:
      confiture coordinate merge int_3f9c21d07ab4
    """
    _moved(session, session.coordinator().merge(intent))


@coordinate.command()
@click.option("--reason", metavar="TEXT", help="Why; it goes into the history.")
@with_coordination
@with_agent
@with_intent(needed=True)
def abandon(session: Session, intent: str, reason: str | None) -> None:
    """Give an intent up.

    \b
    Example:
      confiture coordinate abandon int_3f9c21d07ab4 --reason "the other way is simpler"
    """
    _moved(session, session.coordinator().abandon(intent, reason))


@coordinate.command()
@click.option("--by", "by", metavar="TIME", required=True, help="How much later: 2h, 1 day.")
@with_coordination
@with_agent
@with_intent(needed=True)
def extend(session: Session, intent: str, by: str) -> None:
    """Let an intent expire later.

    \b
    Example:
      confiture coordinate extend int_3f9c21d07ab4 --by 2h
    """
    _moved(session, session.coordinator().extend(intent, by))


@coordinate.command("list")
@click.option("--status", metavar="STATUS", help="all, or one status; default those that others see.")
@click.option("--agent-id", metavar="NAME", help="Only those of this agent.")
@click.option("--object", "touching", metavar="NAME", help="Only those that touch this: users, users.email.")
@_limit(MOST)
@with_coordination
def list_(
    session: Session, status: str | None, agent_id: str | None, touching: str | None, limit: int
) -> None:
    """List intents, the newest first.

    \b
    Example:
      confiture coordinate list --object users
      confiture coordinate list --status all --agent-id billing-bot
    """
    from confiture.render import intents

    found = session.coordinator().intents(status, agent=agent_id, touching=touching, limit=limit)
    intents.show_list(session.terminal, found)
    session.terminal.document({"intents": [each.as_dict() for each in found]})


@coordinate.command()
@click.option(
    "--state", metavar="STATE", help="open (acknowledged ones included), acknowledged, resolved or all."
)
@click.option("--min-severity", metavar="SEVERITY", help="info, warning or error; default info.")
@_limit(MOST)
@with_coordination
@with_intent(needed=False)
def conflicts(
    session: Session, intent: str | None, state: str | None, min_severity: str | None, limit: int
) -> None:
    """Show conflicts that are open, of one intent or of all.

    \b
    Example:
      confiture coordinate conflicts
      confiture coordinate conflicts int_3f9c21d07ab4 --state all
    """
    from confiture.render import intents

    found = session.coordinator().conflicts(intent, state=state, min_severity=min_severity, limit=limit)
    intents.show_conflict_entries(session.terminal, found)
    session.terminal.document({"conflicts": [each.as_dict() for each in found]})


@coordinate.command()
@CONFLICT
@NOTE
@with_coordination
@with_agent
def acknowledge(session: Session, conflict: int, note: str) -> None:
    """Say that a conflict is known; it stays open.

    \b
    Example:
      confiture coordinate acknowledge 7 --note "we merge after them"
    """
    _decided(session, session.coordinator().acknowledge(conflict, note))


@coordinate.command()
@CONFLICT
@NOTE
@with_coordination
@with_agent
def resolve(session: Session, conflict: int, note: str) -> None:
    """Say that a conflict is settled, and how.

    \b
    Example:
      confiture coordinate resolve 7 --note "they use another column now"
    """
    _decided(session, session.coordinator().resolve(conflict, note))


@coordinate.command()
@_limit(50)
@with_coordination
@with_intent(needed=False)
def history(session: Session, intent: str | None, limit: int) -> None:
    """Show what happened, the newest first.

    \b
    Example:
      confiture coordinate history --limit 10
      confiture coordinate history int_3f9c21d07ab4
    """
    from confiture.render import intents

    found = session.coordinator().history(intent, limit=limit)
    intents.show_events(session.terminal, found)
    session.terminal.document({"events": [each.as_dict() for each in found]})


@coordinate.command()
@click.option("--timeout", metavar="TIME", default="60s", show_default=True, help="How long to wait at most.")
@with_coordination
@with_agent
@with_intent(needed=False)
@with_claims
def wait(session: Session, intent: str | None, claims: Claims, timeout: str) -> int:
    """Wait until objects are free, or until an intent has its turn.

    Exits with 8 if they are not when the time has run out.

    \b
    Example:
      confiture coordinate wait --tables-affected users --timeout 5min
      confiture coordinate wait int_3f9c21d07ab4
    """
    from confiture.cli.follow import wait

    return wait(session, intent, claims, timeout)


@coordinate.command()
@with_coordination
def watch(session: Session) -> int:
    """Show who does what, live, until Ctrl-C.

    A table on a terminal, else a line for each change; as JSON a document in each line.

    \b
    Example:
      confiture coordinate watch
    """
    from confiture.cli.follow import watch

    return watch(session)


@coordinate.command()
@click.argument("name", required=False)
@click.option("--intent-id", metavar="ID", help="The intent with which the reservation ends.")
@with_coordination
@with_folder
@with_agent
def reserve(session: Session, name: str | None, intent_id: str | None) -> None:
    """Reserve a version for a migration.

    Nobody else gets it, whatever branch they are on. `confiture migrate new` does it by itself.

    \b
    Example:
      confiture coordinate reserve add_orders --intent-id int_3f9c21d07ab4
    """
    from confiture import scaffold

    known = scaffold.known_versions(session.migrations_dir)
    version = session.coordinator().reserve_version(name, known=known, intent=intent_id)
    session.terminal.line(version)
    session.terminal.document({"version": version, "intent": intent_id})


def _moved(session: Session, intent: Intent) -> None:
    from confiture.render import intents

    intents.show_moved(session.terminal, intent)
    session.terminal.document({"intent": intent.as_dict()})


def _decided(session: Session, conflict: ConflictState) -> None:
    sides = f"{conflict.intent} with {conflict.other}"
    session.terminal.line(f"Conflict {conflict.id} of {sides} is {conflict.state}: {conflict.note}")
    session.terminal.document({"conflict": conflict.as_dict()})
