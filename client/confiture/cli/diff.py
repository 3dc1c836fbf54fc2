"""What ``confiture migrate diff`` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confiture import exit_codes, human, sides
from confiture.cli.compare import Comparison
from confiture.cli.options import Session
from confiture.errors import ConfitureError
from confiture.render import plan as render


def diff(session: Session, source: str, target: str, *, summary: bool, options: Mapping[str, Any]) -> int:
    """Compare two schemas, and print what turns one into the other."""
    with not_one():
        project, environment = session.project, session.environment
        comparison = Comparison(
            session, sides.parse(project, source, environment), sides.parse(project, target, environment)
        )
        plan = comparison.plan(**options, prove=False, down=False)
    terminal = session.terminal
    a, b = comparison.source.label, comparison.target.label
    if plan.equal:
        terminal.line(f"No difference between {a} and {b}.")
    elif summary:
        render.show_changes(terminal, a, b, plan.changes)
    else:
        terminal.line(f"-- From {a} to {b}: {human.count(len(plan.up), 'statement')}, not proven.")
        render.show_statements(terminal, plan.up)
    terminal.document(
        {
            "equal": plan.equal,
            "source": a,
            "target": b,
            "source_hash": plan.source_hash,
            "target_hash": plan.target_hash,
            "statements": [each.as_dict() for each in plan.up],
            "changes": list(plan.changes),
            "unmodelled": list(plan.unmodelled),
        }
    )
    return exit_codes.OK if plan.equal else exit_codes.DIFFERENT


@contextmanager
def not_one() -> Iterator[None]:
    """Keep the exit code 1 for a difference: what failed for no known reason gets another one."""
    try:
        yield
    except ConfitureError as problem:
        if problem.exit_code == exit_codes.DIFFERENT:
            problem.exit_code = exit_codes.NOT_COMPARED
        raise
