"""``confiture server``: the project's private PostgreSQL server."""

from __future__ import annotations

import click

from confiture.cli.options import YES, Session, with_project


def _port(_context: click.Context, _parameter: click.Parameter, value: str) -> int | None:
    """Read a TCP port, or none."""
    if value == "none":
        return None
    if value.isdigit() and 0 < int(value) < 65536:
        return int(value)
    raise click.BadParameter(f"{value!r} is neither a port nor none")


@click.group()
def server() -> None:
    """Start and stop the private server of a project.

    Commands that need a database and are given none start it by themselves.

    \b
    Example:
      confiture server start
      confiture server status
    """


@server.command()
@click.option(
    "--port",
    callback=_port,
    default="none",
    show_default=True,
    metavar="PORT|none",
    help="Listen on localhost too; roles need a password there.",
)
@with_project
def start(session: Session, port: int | None) -> None:
    """Start the private server; make it the first time.

    Its data is in .confiture/, it listens on a Unix socket only. Its database has the extension.

    \b
    Example:
      confiture server start
      psql "$(confiture server url)"
    """
    from confiture import cluster

    cluster.start(session.project, session.terminal.note, port)
    _show(session)


@server.command()
@with_project
def stop(session: Session) -> None:
    """Stop the private server. Its data stays.

    \b
    Example:
      confiture server stop
    """
    from confiture import cluster

    stopped = cluster.stop(session.project)
    session.terminal.line("Stopped." if stopped else "It was not running.")
    session.terminal.document({"stopped": stopped})


@server.command()
@with_project
def status(session: Session) -> None:
    """Show whether it runs, and how to reach it.

    \b
    Example:
      confiture server status
      confiture server status --format json
    """
    _show(session)


@server.command()
@with_project
def url(session: Session) -> None:
    """Print the URL of the private server, and nothing else.

    It is started if it does not run.

    \b
    Example:
      confiture server url
      psql "$(confiture server url)"
    """
    from confiture import cluster

    found = cluster.ensure(session.project, session.terminal.note)
    session.terminal.line(found)
    session.terminal.document({"url": found})


@server.command()
@YES
@with_project
def destroy(session: Session, yes: bool) -> None:
    """Stop the private server and remove its data.

    \b
    Example:
      confiture server destroy
      confiture server destroy --yes
    """
    from confiture import cluster

    session.terminal.ask(
        "Remove the private server and all of its data?", yes=yes, otherwise="nothing was removed"
    )
    destroyed = cluster.destroy(session.project)
    session.terminal.line("Removed." if destroyed else "There is none.")
    session.terminal.document({"destroyed": destroyed})


def _show(session: Session) -> None:
    from confiture import cluster

    facts = cluster.describe(session.project)
    terminal = session.terminal
    if not facts["exists"]:
        terminal.line("There is no private server yet. `confiture server start` makes one.")
    elif not facts["running"]:
        terminal.line("The private server is not running. `confiture server start` starts it.")
    else:
        terminal.line(f"The private server is running: PostgreSQL {facts['major']}, process {facts['pid']}.")
        terminal.line(f"  connect  psql '{facts['url']}'")
        terminal.line(f"  data     {facts['data']}")
        terminal.line(f"  log      {facts['log']}")
    terminal.document(facts)
