"""``confiture drift``: changes of the schema that no migration has made."""

from __future__ import annotations

import click

from confiture.cli.options import Session, with_database


@click.command()
@click.option(
    "--against",
    type=click.Choice(["record", "ddl", "both"]),
    help="The schema that the last migration has left, the files, or both; default both where there "
    "are files.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["critical", "warning", "info"]),
    default="info",
    show_default=True,
    help="Exit with 1 for differences of this severity or a higher one.",
)
@with_database
def drift(session: Session, against: str | None, fail_on: str) -> int:
    """Look for changes that no migration has made.

    The database is compared with the schema that the last run of migrations has left, which tells a
    change by hand, and with the files of db/schema, which tells what is not applied yet. Exits with
    0 if there is no drift, with 1 if there is, and with another code if it could not be told.

    \b
    Example:
      confiture drift
      confiture drift --env production --against record --fail-on warning
    """
    from confiture.cli.checking import drift

    return drift(session, against=against, fail_on=fail_on)
