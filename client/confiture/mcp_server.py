"""A server of the Model Context Protocol on standard input and output: the tools of mcp_tools.py.

Each call runs in a thread with a connection of its own, so that one that waits keeps no other from
its work. A call that the client cancels is cancelled in the database, too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import anyio
import anyio.lowlevel
import anyio.to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from confiture import __version__, mcp_tools
from confiture.errors import ConfitureError
from confiture.mcp_calls import Calls, Job, Json, StoppedError

# While a call runs, a client that wants to know is told this often that it still does.
_PROGRESS_SECONDS: Final = 5.0
_CANCEL_SECONDS: Final = 0.2
_PARTS: Final = ("message", "sqlstate", "detail", "hint", "file", "line", "column", "statement", "context")


class ToolServer:
    """The server of one client."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._jobs: set[Job] = set()
        agent = mcp_tools.NAMED.format(calls.agent) if calls.agent else mcp_tools.UNNAMED
        self.server: Server[Any] = Server(
            "confiture",
            version=__version__,
            title="Confiture",
            instructions=f"{mcp_tools.INSTRUCTIONS}\n\n{agent}",
            on_list_tools=self._list,
            on_call_tool=self._call,
        )

    async def run(self) -> None:
        """Serve until standard input ends, or a signal comes."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._end_on_signal)
            async with stdio_server() as (read, write):
                await self.server.run(read, write, self.server.create_initialization_options())
            group.cancel_scope.cancel()

    async def _end_on_signal(self) -> None:
        """End at once, without what runs in the database going on.

        The thread that reads standard input can't be woken up: there is no other way out.
        """
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                for job in list(self._jobs):
                    await anyio.to_thread.run_sync(job.stop)
                os._exit(128 + number)

    async def _list(
        self, _context: ServerRequestContext[Any], _parameters: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[_described(tool) for tool in mcp_tools.TOOLS])

    async def _call(
        self, context: ServerRequestContext[Any], parameters: CallToolRequestParams
    ) -> CallToolResult:
        tool = mcp_tools.BY_NAME.get(parameters.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f'there is no tool "{parameters.name}"')
        try:
            arguments = tool.read(parameters.arguments)
            answer = await self._in_thread(partial(self._calls.call, tool.name, arguments), context)
        except ConfitureError as problem:
            return _failed(problem)
        except Exception as problem:
            if os.environ.get("CONFITURE_TRACEBACK"):
                traceback.print_exc(file=sys.stderr)
            return _failed(
                ConfitureError(
                    f"internal error: {type(problem).__name__}: {problem}",
                    hint="This is a bug of Confiture. CONFITURE_TRACEBACK=1 shows where it is.",
                )
            )
        return _answered(answer)

    async def _in_thread(self, work: Callable[[Job], Json], context: ServerRequestContext[Any]) -> Json:
        """Run a call in a thread; stop it in the database when the client cancels it."""
        job = Job()
        outcome: list[Json | Exception] = []

        def run() -> None:
            try:
                outcome.append(work(job))
            except Exception as problem:
                outcome.append(problem)

        self._jobs.add(job)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_report_progress, context)
                group.start_soon(_stop_when_cancelled, job, outcome)
                await anyio.to_thread.run_sync(run)
                group.cancel_scope.cancel()
        finally:
            self._jobs.discard(job)
        result = outcome[0]
        if isinstance(result, StoppedError):
            await anyio.lowlevel.checkpoint()
        if isinstance(result, Exception):
            raise result
        return result


async def _stop_when_cancelled(job: Job, outcome: list[Any]) -> None:
    """Sleep until the call is over; if it was cancelled before, stop it, as often as it takes."""
    try:
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            while not outcome:
                await anyio.to_thread.run_sync(job.stop)
                await anyio.sleep(_CANCEL_SECONDS)


async def _report_progress(context: ServerRequestContext[Any]) -> None:
    started = time.monotonic()
    while True:
        await anyio.sleep(_PROGRESS_SECONDS)
        elapsed = round(time.monotonic() - started)
        await context.session.report_progress(elapsed, None, f"running for {elapsed} s")


def _described(tool: mcp_tools.Tool) -> Tool:
    return Tool(
        name=tool.name,
        title=tool.title,
        description=mcp_tools.prose(tool.description),
        input_schema=tool.schema,
        annotations=ToolAnnotations(
            read_only_hint=tool.reads_only,
            destructive_hint=False,
            idempotent_hint=tool.reads_only,
            open_world_hint=False,
        ),
    )


def _answered(answer: Json) -> CallToolResult:
    text = json.dumps(answer, ensure_ascii=False)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=answer)


def _failed(problem: ConfitureError) -> CallToolResult:
    """Return an error as text for the model, and its parts for a program."""
    parts = problem.as_dict()
    error = {name: parts[name] for name in _PARTS if parts[name] is not None or name in _PARTS[:4]}
    where = f" ({problem.location})" if problem.location else ""
    state = f" [{problem.sqlstate}]" if problem.sqlstate else ""
    lines = [f"ERROR{state}: {problem.message}{where}"]
    lines += [
        f"{name.upper()}: {parts[name]}" for name in ("detail", "hint", "statement", "context") if parts[name]
    ]
    return CallToolResult(
        content=[TextContent(type="text", text="\n".join(lines))],
        structured_content={"error": error},
        is_error=True,
    )


def serve(calls: Calls) -> None:
    """Serve the client on standard input and output until it goes away."""
    try:
        anyio.run(ToolServer(calls).run)
    except* BrokenPipeError:
        pass  # it has gone without a word
    finally:
        calls.close()
