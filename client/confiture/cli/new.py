"""What ``confiture migrate new`` does."""

from __future__ import annotations

from dataclasses import replace

from confiture import cluster, scaffold
from confiture.cli.options import Session
from confiture.config import Target
from confiture.coordinator import Coordinator
from confiture.errors import ConfitureError, UsageError
from confiture.textfile import shown

# A file is written whether the server answers or not: nobody waits long for it.
_SECONDS = 5
# The intent that was named is unknown, or has ended: that is no matter of reach.
_WRONG_INTENT = ("CF014", "CF015")


def new(session: Session, name: str, *, python: bool, version: str | None, intent: str | None) -> None:
    """Choose a version, reserve it where there is a database, and write the files."""
    scaffold.words_of(name)
    session.project.environment(session.environment)
    reserved = None if version else reserve(session, name, intent)
    chosen, files = scaffold.new_migration(
        session.migrations_dir, name, python=python, version=version or reserved, intent=intent
    )
    for file in files:
        session.terminal.line(f"created  {shown(file)}")
    session.terminal.document(
        {"version": chosen, "files": [shown(file) for file in files], "reserved": reserved is not None}
    )


def reserve(session: Session, name: str, intent: str | None) -> str | None:
    """Return a version that nobody else gets; None where no database can be asked."""
    try:
        target = _target(session)
        if target is None:
            return None
        coordinator = Coordinator(session.connect(target, timeout=_SECONDS), agent=session.agent_name())
        known = scaffold.known_versions(session.migrations_dir)
        return coordinator.reserve_version(name, known=known, intent=intent)
    except UsageError:
        raise
    except ConfitureError as problem:
        if problem.sqlstate in _WRONG_INTENT:
            raise
        session.terminal.note(f"The version is not reserved: {problem.message}.")
        return None


def _target(session: Session) -> Target | None:
    """Return the database that was chosen, or the private server if it runs."""
    target = session.project.coordination_target(session.database_url, session.environment)
    if target.url is not None:
        return target
    url = cluster.running_url(session.project)
    return replace(target, url=url) if url else None
