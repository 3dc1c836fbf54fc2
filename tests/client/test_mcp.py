"""The server for agents: what it tells a client, waiting, cancelling, lost connections, its options."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from confiture import __version__, mcp_tools

from . import schemas
from .agents import DRY_RUN, LISTENING, LOOKING, Query, call, command, fail, register, talk, until
from .conftest import REPOSITORY, Command, Project, wait_until

# Sessions that do nothing, and hold a snapshot or a transaction all the same.
HELD = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'confiture' AND state LIKE 'idle%'"
    " AND datname = current_database() AND (backend_xmin IS NOT NULL OR xact_start IS NOT NULL)"
)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_what_a_client_is_told(database: str, mode: str) -> None:
    async def conversation(client: Client) -> None:
        assert client.server_info
        assert (client.server_info.name, client.server_info.version) == ("confiture", __version__)
        assert 'You act as the agent "claude-1".' in (client.instructions or "")
        assert "intent_check" in (client.instructions or "")
        listed = await client.list_tools()
        assert [tool.name for tool in listed.tools] == [tool.name for tool in mcp_tools.TOOLS]
        for tool in listed.tools:
            assert tool.description and len(tool.description) > 200
            assert "\n    " not in tool.description
            assert tool.input_schema["additionalProperties"] is False
            assert all(each["description"] for each in tool.input_schema["properties"].values())
        read_only = {
            tool.name for tool in listed.tools if tool.annotations and tool.annotations.read_only_hint
        }
        assert read_only == {"intent_check", "intent_status", "intent_wait", "analyze", "migrate_status"}

    talk(database, conversation, "--agent-id", "claude-1", mode=mode)


def test_waiting_keeps_nothing_else_from_its_work(database: str, query: Query) -> None:
    async def conversation(client: Client) -> None:
        first = (await call(client, "intent_register", feature="a", tables=["users"], agent="alice"))[
            "intent"
        ]
        queued = await register(client, "bob", "users", on_conflict="queue")
        assert queued["queued"]
        answers: dict[str, Any] = {}

        async def wait(name: str, arguments: dict[str, Any]) -> None:
            answers[name] = await call(client, "intent_wait", **arguments, timeout_seconds=600)

        async with anyio.create_task_group() as group:
            group.start_soon(wait, "turn", {"intent_id": queued["id"]})
            group.start_soon(wait, "names", {"tables": ["users"], "agent": "carol"})
            await until(lambda: query(LISTENING, LOOKING) == [(2,)])
            assert query(HELD) == [(0,)]
            assert len((await call(client, "intent_status"))["intents"]) == 2
            assert answers == {}
            await call(client, "intent_abandon", intent_id=first["id"])
            await until(lambda: "turn" in answers)
            assert "names" not in answers
            await call(client, "intent_abandon", intent_id=queued["id"])
        for answer in answers.values():
            schemas.check(("coordinate", "wait"), answer)
            assert (answer["free"], answer["conflicts"]) == (True, [])
        assert answers["turn"]["intent"]["status"] == "registered"
        assert answers["names"]["intent"] is None

    talk(database, conversation)


@pytest.mark.parametrize(
    ("tool", "arguments", "running"),
    [
        ("dry_run", {"sql": "SELECT pg_sleep(600)"}, DRY_RUN),
        ("intent_wait", {"tables": ["users"], "agent": "bob", "timeout_seconds": 600}, LOOKING),
    ],
    ids=["dry_run", "wait"],
)
def test_a_call_can_be_cancelled(
    database: str, query: Query, tool: str, arguments: dict[str, Any], running: str
) -> None:
    async def conversation(client: Client) -> None:
        await register(client, "alice", "users")
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, tool, arguments)
            await until(lambda: query(LISTENING, running) == [(1,)])
            group.cancel_scope.cancel()
        with anyio.fail_after(60):  # its connection is closed, the other one goes on
            await until(lambda: query(LISTENING, running) == [(0,)])
        await call(client, "intent_status")

    talk(database, conversation)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_what_runs_in_the_database(
    database: str, project: Project, query: Query, number: int
) -> None:
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command(database), stdin=pipe, stdout=nothing) as process:
        assert process.stdin
        for message in (
            {
                "id": 1,
                "method": "initialize",
                "params": {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {},
                    "clientInfo": {"name": "test", "version": "1"},
                },
            },
            {"method": "notifications/initialized"},
            {
                "id": 2,
                "method": "tools/call",
                "params": {"name": "dry_run", "arguments": {"sql": "SELECT pg_sleep(600)"}},
            },
        ):
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        process.stdin.flush()
        wait_until(lambda: query(LISTENING, DRY_RUN) == [(1,)])
        process.send_signal(number)
        assert process.wait(timeout=60) == 128 + number
        wait_until(lambda: query(LISTENING, DRY_RUN) == [(0,)])
        process.stdin.close()


def test_a_lost_connection_is_opened_again(database: str, query: Query) -> None:
    lose = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'confiture' AND datname = current_database()"
    )

    async def conversation(client: Client) -> None:
        await call(client, "intent_status")
        assert query(lose) == [(1,)]
        await call(client, "intent_register", feature="a", tables=["users"])
        assert query("SELECT count(*) FROM confiture.intent_list()") == [(1,)]

        async def losing() -> None:
            error, _ = await fail(client, "dry_run", sql="SELECT pg_sleep(600)")
            assert error["message"] == "the connection to the server was lost"
            assert "intent_status" in error["hint"]

        async with anyio.create_task_group() as group:
            group.start_soon(losing)
            await until(lambda: query(LISTENING, DRY_RUN) == [(1,)])
            query(lose)
        assert (await call(client, "dry_run", sql="SELECT 1"))["ok"]

    talk(database, conversation)


def test_no_database_is_an_error_of_the_call(project: Project, tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        error, _ = await fail(client, "intent_status")
        assert error["message"].startswith("cannot connect")

    talk(f"host={tmp_path}", conversation)


def test_no_extension_is_an_error_of_the_call(plain_database: str) -> None:
    async def conversation(client: Client) -> None:
        for tool, arguments in (
            ("intent_status", {}),
            ("analyze", {"sql": "SELECT 1"}),
            ("migrate_status", {}),
        ):
            error, _ = await fail(client, tool, **arguments)
            assert "the extension confiture is not" in error["message"]
            assert error["hint"]

    talk(plain_database, conversation)


def test_the_list_of_tools(confiture: Command) -> None:
    result = confiture("mcp", "--tools")
    assert result.code == 0
    assert [line.split()[0] for line in result.out.splitlines()] == [tool.name for tool in mcp_tools.TOOLS]
    listed = confiture("mcp", "--tools", "--format", "json").json["tools"]
    assert listed[0]["input_schema"]["properties"]["objects"]["type"] == "array"


def test_every_tool_is_documented() -> None:
    text = (REPOSITORY / "docs/guides/mcp.md").read_text()
    for tool in mcp_tools.TOOLS:
        assert f"| `{tool.name}` |" in text


@pytest.mark.parametrize("missing", ["mcp", "mcp_types"])
def test_without_the_package(project: Project, missing: str) -> None:
    program = (
        "import sys; from confiture.__main__ import run;"
        f"sys.modules[{missing!r}] = None; sys.exit(run(['mcp', '--db-url', 'postgresql://']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "pip install 'confiture[mcp]'" in done.stderr


def test_wrong_configuration_is_said_at_once(project: Project, confiture: Command) -> None:
    result = confiture("mcp", "--env", "nowhere")
    assert result.code == 3
    assert 'environment "nowhere" is not configured' in result.err
