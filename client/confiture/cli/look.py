"""What ``confiture migrate status`` does, also where nothing can be written."""

from __future__ import annotations

from confiture import exit_codes
from confiture.cli.options import Session
from confiture.errors import DatabaseError
from confiture.migrator import Migrator
from confiture.render import status as render
from confiture.results import MigrationStatus

NOT_COMPARED = "shown as registered in the database; files were not compared: read-only"
# A standby or a read-only transaction; a role that may not register.
_READ_ONLY = ("25006", "42501")


def status(session: Session, *, check: bool) -> int:
    """Show the states; with ``check`` only what is certain to be applied as it is on disk passes."""
    migrations, compared = states(session.migrator())
    render.show(session.terminal, migrations)
    counts = render.counts(migrations)
    if not compared:
        session.terminal.note(NOT_COMPARED)
    session.terminal.document(
        {
            "migrations": [each.as_dict() for each in migrations],
            "summary": counts,
            "compared_with_files": compared,
        }
    )
    certain = compared and counts["applied"] == len(migrations)
    return exit_codes.OK if certain or not check else exit_codes.FINDINGS


def states(migrator: Migrator) -> tuple[list[MigrationStatus], bool]:
    """Return the states, and whether they are those of the files: that takes a registration."""
    try:
        return migrator.status(), True
    except DatabaseError as problem:
        if problem.sqlstate not in _READ_ONLY:
            raise
        return migrator.status(compare=False), False
