"""Migrations and their states, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from confiture import human
from confiture.results import MigrationStatus, PlannedMigration
from confiture.terminal import Terminal

STATES = ("applied", "pending", "blocked", "modified", "orphaned")
_SAYS = {
    "blocked": "{} blocked: a migration that it depends on is missing",
    "modified": "{} modified: the file changed after it was applied",
    "orphaned": "{} orphaned: applied, but the file is gone",
}


def counts(migrations: Sequence[MigrationStatus]) -> dict[str, int]:
    """Return how many migrations are in each state."""
    found = Counter(migration.state for migration in migrations)
    return {state: found[state] for state in STATES}


def show(terminal: Terminal, migrations: Sequence[MigrationStatus]) -> None:
    """Print the table and one line that sums it up."""
    terminal.table(
        ("VERSION", "NAME", "STATE", "APPLIED", "TOOK", "NOTES"),
        [
            (
                migration.version,
                migration.name,
                migration.state,
                human.moment(migration.applied_at) if migration.applied_at else "",
                "" if migration.execution_time_ms is None else human.whole(migration.execution_time_ms),
                "; ".join(notes(migration)),
            )
            for migration in migrations
        ],
    )
    terminal.line()
    found = counts(migrations)
    plain = [f"{found[state]} {state}" for state in ("applied", "pending") if found[state]]
    problems = [text.format(found[state]) for state, text in _SAYS.items() if found[state]]
    terminal.line(f"{', '.join([*plain, *problems]) or 'No migrations'}.")


def notes(migration: MigrationStatus) -> list[str]:
    """Return what is special about a migration."""
    found = []
    if migration.out_of_order:
        found.append("out of order")
    if migration.problem:
        found.append(migration.problem)
    elif migration.depends_on:
        found.append(f"needs {human.listed(list(migration.depends_on))}")
    if migration.intent:
        found.append(f"carries out {migration.intent}")
    if migration.language not in ("sql", None):
        found.append(migration.language)
    if migration.transactional is False:
        found.append("not in one transaction")
    if migration.reversible is False:
        found.append("no way back")
    return found


def show_plan(terminal: Terminal, plan: Sequence[PlannedMigration]) -> None:
    """Print what would run."""
    terminal.table(
        ("VERSION", "NAME", "STATEMENTS", "NOTES"),
        [
            (
                step.version,
                step.name,
                "" if step.statements is None else human.number(step.statements),
                "; ".join(
                    note
                    for note in (
                        "out of order" if step.out_of_order else "",
                        "not in one transaction" if step.transactional is False else "",
                    )
                    if note
                ),
            )
            for step in plan
        ],
    )
