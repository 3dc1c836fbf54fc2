"""``confiture extension``: the server side, built and installed from the carried sources."""

from __future__ import annotations

from pathlib import Path

import click

from confiture.cli.options import Session, with_database, with_output


@click.group()
def extension() -> None:
    """Install the extension on a server.

    \b
    Example:
      confiture extension install
      confiture extension status
    """


@extension.command()
@click.option(
    "--pg-config",
    type=click.Path(path_type=Path),
    help="The pg_config of the server; default PG_CONFIG, else the newest server of this machine.",
)
@click.option(
    "--destdir",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    help="Install below this folder instead of the server's own.",
)
@with_output
def install(session: Session, pg_config: Path | None, destdir: Path | None) -> None:
    """Build the extension and install it on this machine.

    Needs make, a C compiler and the server's headers. Then run CREATE EXTENSION confiture, or
    ALTER EXTENSION confiture UPDATE, in the database.

    \b
    Example:
      confiture extension install
      confiture extension install --pg-config /usr/lib/postgresql/17/bin/pg_config
    """
    from confiture import __version__, binaries, sources

    chosen = pg_config or binaries.find().pg_config
    major = sources.major(chosen)
    session.terminal.note(f"Building the extension for PostgreSQL {major}.")
    sources.install(chosen, destdir)
    share = sources.ask(chosen, "--sharedir")
    where = f"{destdir or ''}{share}/extension"
    session.terminal.line(f"Installed confiture {__version__} for PostgreSQL {major} in {where}.")
    session.terminal.line("Next: CREATE EXTENSION confiture, or ALTER EXTENSION confiture UPDATE.")
    session.terminal.document({"version": __version__, "major": major, "folder": where})


@extension.command()
@with_database
def status(session: Session) -> int:
    """Show which version the server has.

    And which one this client expects, and what to do. Exits with 5 if they do not fit together.

    \b
    Example:
      confiture extension status
      confiture extension status --database-url service=shop
    """
    from confiture import exit_codes, installed

    found = installed.look(session.connect())
    for label, value in found.lines():
        session.terminal.line(f"{label:<22}{value}")
    session.terminal.line(found.advice or "Nothing to do.")
    session.terminal.document(found.as_dict())
    return exit_codes.OK if found.advice is None else exit_codes.EXTENSION
