"""``confiture init``: the folders and files that a project needs."""

from __future__ import annotations

from pathlib import Path

import click

from confiture.cli.options import Session, with_output


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@with_output
def init(session: Session, folder: Path) -> None:
    """Write confiture.yaml and the folders of a project.

    The folders are db/schema, db/migrations and db/seeds. What exists is left as it is.

    \b
    Example:
      confiture init
      confiture init ~/projects/shop
    """
    from confiture import scaffold

    done = scaffold.create(folder)
    terminal = session.terminal
    for path in done.created:
        terminal.line(f"created  {path}")
    for path in done.kept:
        terminal.line(f"kept     {path}")
    terminal.line()
    terminal.line("Next:")
    if folder != Path():
        terminal.line(f"  cd {folder}")
    terminal.line("  confiture migrate new create_users   write the first migration")
    terminal.line("  confiture migrate generate --name create_users   or let it be written, from db/schema")
    terminal.line("  confiture migrate up --dry-run       see what it would do")
    terminal.line("  confiture migrate up                 apply it, on a private server of this project")
    terminal.document({"created": done.created, "kept": done.kept})
