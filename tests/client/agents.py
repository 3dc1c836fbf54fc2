"""Conversations with ``confiture mcp``, held by the official client over standard input and output."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

Query = Callable[..., list[tuple[Any, ...]]]

# How many sessions of the server have a statement like this as their last one.
LISTENING = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'confiture'"
    " AND datname = current_database() AND query ~ %s"
)
DRY_RUN = r"^SELECT \* FROM confiture\.dry_run"
LOOKING = r"^SELECT confiture\.intent_(check|wait)"


def command(database: str | None, *arguments: str) -> list[str]:
    """The server as a command; warnings in it are errors."""
    url = [] if database is None else ["--db-url", database]
    return [sys.executable, "-W", "error", "-m", "confiture", "mcp", *url, *arguments]


def talk(
    database: str | None,
    conversation: Callable[[Client], Awaitable[None]],
    *arguments: str,
    mode: str = "auto",
    **variables: str,
) -> None:
    """Hold a conversation with a server of its own, in the current folder.

    The client hands few variables of the environment on: DATABASE_URL is not among them.
    """
    program, *rest = command(database, *arguments)
    environment = {"CONFITURE_TRACEBACK": "1", **variables}
    parameters = StdioServerParameters(command=program, args=rest, env=environment, cwd=Path.cwd())

    async def main() -> None:
        async with Client(parameters, mode=mode) as client:
            await conversation(client)

    anyio.run(main)


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """Call a tool that must succeed; its text must say the same as its structured content."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert json.loads(result.content[0].text) == result.structured_content  # type: ignore[union-attr]
    return result.structured_content


async def register(client: Client, agent: str, *tables: str, **arguments: Any) -> dict[str, Any]:
    """Register an intent; return it."""
    arguments = {"feature": f"what {agent} does", "tables": [*tables], "agent": agent, **arguments}
    intent: dict[str, Any] = (await call(client, "intent_register", **arguments))["intent"]
    return intent


async def fail(client: Client, tool: str, **arguments: Any) -> tuple[dict[str, Any], str]:
    """Call a tool that must fail; return the parts of the error and its text."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    text: str = result.content[0].text  # type: ignore[union-attr]
    assert "Traceback" not in text
    return result.structured_content["error"], text


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that must come, while the client goes on."""
    while not condition():
        await anyio.sleep(0.05)
