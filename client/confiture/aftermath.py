"""What state the database is in after a run has failed or was cancelled, as one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from confiture import exit_codes, human
from confiture.errors import ConfitureError
from confiture.results import PlannedMigration


def describe(
    problem: ConfitureError,
    plan: Sequence[PlannedMigration],
    *,
    direction: str,
    atomic: bool,
    current: str | None,
    statements_done: int,
) -> str | None:
    """Say what was applied or taken back, and what was not.

    ``current`` is the migration that ran when it happened, ``statements_done`` how many of its
    statements had ended, in this run or an earlier one. None where nobody can know: the connection is lost.
    """
    done_word = "applied" if direction == "up" else "taken back"
    if problem.exit_code in _UNKNOWN:
        return None
    if atomic:
        return f"All in one transaction, rolled back: nothing was {done_word}."
    parts = []
    if problem.runs:
        versions = [run.version for run in problem.runs]
        verb = "was" if len(versions) == 1 else "were"
        stay = "stays" if len(versions) == 1 else "stay"
        parts.append(f"{human.listed(versions)} {verb} {done_word} before and {stay} so.")
    failed = current or problem.migration
    step = next((step for step in plan if step.version == failed), None)
    if step is None:
        if not parts:
            parts.append(f"Nothing was {done_word}.")
    elif step.transactional is False and statements_done:
        parts.append(
            f"{step.version} does not run in one transaction: its first {_statements(statements_done)}, "
            "and the next run goes on from there."
        )
    else:
        parts.append(f"Nothing of {step.version} was {done_word}.")
    return " ".join(parts)


def _statements(number: int) -> str:
    return "statement stays" if number == 1 else f"{human.number(number)} statements stay"


_UNKNOWN = (exit_codes.CONNECTION,)
