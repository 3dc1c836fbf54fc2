"""``confiture mcp``: the tools for AI agents, by the Model Context Protocol."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from confiture.cli.options import ENVIRONMENT, Session, with_agent, with_folder, with_project
from confiture.errors import ConfigurationError

if TYPE_CHECKING:
    from confiture.config import Target
    from confiture.mcp_calls import Calls

_CONNECT_SECONDS: Final = 20


@click.command()
@click.option("--tools", "only_tools", is_flag=True, help="List the tools that agents get, and end.")
@click.option(
    "--db-url",
    "--database-url",
    "database_url",
    metavar="URL",
    help="The database, for the intents as well: whatever libpq takes, a URL or key=value pairs.",
)
@ENVIRONMENT
@with_project
@with_agent
@with_folder
def mcp(session: Session, only_tools: bool, database_url: str | None, environment: str | None) -> None:
    """Give AI agents tools, by the Model Context Protocol.

    The agent's program starts it and talks to it over standard input and output. The tools let the
    agent announce changes of the schema, learn who else is at work, and try SQL before it runs.
    They need an extra: pip install 'confiture[mcp]'.

    \b
    Example:
      confiture mcp --tools
      confiture mcp --agent-id claude-1
    """
    if only_tools:
        _list(session)
        return
    session.database_url, session.environment = database_url, environment
    serve = _server()
    serve(_calls(session))


def _list(session: Session) -> None:
    from confiture import mcp_tools

    for tool in mcp_tools.TOOLS:
        session.terminal.line(f"{tool.name:<18}{tool.title}")
    session.terminal.document({"tools": [tool.as_dict() for tool in mcp_tools.TOOLS]})


def _server() -> Callable[[Calls], None]:
    """Load what needs the extra."""
    try:
        from confiture.mcp_server import serve
    except ModuleNotFoundError as problem:
        if (problem.name or "").partition(".")[0] == "confiture":
            raise
        raise ConfigurationError(
            f"the package {problem.name} is missing, or the package mcp is older than 2",
            hint="Install the extra: pip install 'confiture[mcp]'",
        ) from problem
    return serve


def _calls(session: Session) -> Calls:
    """Choose the databases. Nothing connects before a tool is called: the server may come later."""
    from confiture.cli.declare import current_branch
    from confiture.connections import Connections, opener
    from confiture.mcp_calls import Calls
    from confiture.migrator import Migrator

    project, note = session.project, session.terminal.note
    agent = session.agent or project.agent_name()
    settings = {"confiture.agent": agent} if agent else {}

    def connections(target: Target) -> Connections:
        return Connections(opener(project, target, note, settings, timeout=_CONNECT_SECONDS), keep=2)

    target = project.target(session.database_url, session.environment)
    coordination = project.coordination_target(session.database_url, session.environment)
    of_project = connections(target)
    return Calls(
        intents=of_project if coordination.url == target.url else connections(coordination),
        project=of_project,
        migrator=lambda connection: Migrator(connection, session.migrations_dir, root=session.root()),
        agent=agent,
        branch=partial(current_branch, Path.cwd()),
    )
