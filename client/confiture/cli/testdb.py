"""``confiture testdb``: databases for tests, copies of the built schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from confiture.cli.options import YES, Session, with_server

if TYPE_CHECKING:
    from confiture.db import Connection


@click.group()
def testdb() -> None:
    """Make and drop databases for tests.

    \b
    Example:
      confiture testdb create
      confiture testdb list
      confiture testdb drop --all
    """


@testdb.command()
@click.argument("name", required=False)
@click.option("--schema-only", is_flag=True, help="Without seeds.")
@click.option(
    "--seed", "seeds", metavar="NAME", multiple=True, help="These seeds instead of the environment's."
)
@click.option("--ledger", is_flag=True, help="With the extension, and the migrations marked as applied.")
@with_server
def create(
    session: Session, name: str | None, schema_only: bool, seeds: tuple[str, ...], ledger: bool
) -> None:
    """Make a database for a test, and print its URL.

    Without NAME it gets one of its own. An unchanged schema is built once, then copied.

    \b
    Example:
      confiture testdb create
      confiture testdb create shop_ci --env test
    """
    from confiture import testdb as databases
    from confiture.builder import SchemaBuilder

    builder = SchemaBuilder(
        session.environment, project=session.project, schema_only=schema_only, seeds=seeds
    )
    _ = builder.files
    made = databases.create(_connect(session, name), builder, session.url(), name, ledger=ledger)
    session.terminal.line(made.url)
    session.terminal.document({"database": made.name, "url": made.url, "cached": made.result.cached})


@testdb.command("list")
@with_server
def list_(session: Session) -> None:
    """List the databases for tests that are on the server.

    \b
    Example:
      confiture testdb list
    """
    from confiture import human
    from confiture import testdb as databases

    rows = databases.listed(_connect(session, None))
    if rows:
        session.terminal.table(
            ("DATABASE", "MADE", "SIZE", "OWNER"),
            [
                (
                    row["database"],
                    human.moment(row["built_at"]),
                    human.size(row["size_bytes"]) if row["size_bytes"] is not None else "",
                    row["owner"],
                )
                for row in rows
            ],
        )
    session.terminal.line(f"{human.count(len(rows), 'test database')}.")
    session.terminal.document({"databases": rows})


@testdb.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="All that are on the server.")
@YES
@with_server
def drop(session: Session, names: tuple[str, ...], everything: bool, yes: bool) -> None:
    """Drop databases for tests, also while sessions use them.

    Only those that `confiture testdb` or the pytest plugin has made.

    \b
    Example:
      confiture testdb drop shop_ci
      confiture testdb drop --all --yes
    """
    from confiture import human
    from confiture import testdb as databases
    from confiture.errors import UsageError

    if bool(names) == everything:
        raise UsageError("name the databases, or say --all", hint="`confiture testdb list` shows them.")
    connection = _connect(session, None)
    chosen = [row["database"] for row in databases.listed(connection)] if everything else list(names)
    if everything and chosen:
        question = f"Drop {human.count(len(chosen), 'test database')}?"
        session.terminal.ask(question, yes=yes, otherwise="nothing was dropped")
    databases.drop(connection, chosen)
    for name in chosen:
        session.terminal.line(f"dropped  {name}")
    session.terminal.document({"dropped": chosen})


def _connect(session: Session, name: str | None) -> Connection:
    """Connect to a database of the server that is not the one to be made."""
    from confiture import control

    connection = control.connect(session.url(), session.target, avoid=name)
    click.get_current_context().call_on_close(connection.close)
    return connection
