"""The progress of a run: a line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import IO, Any, Self

from confiture import human
from confiture.interrupts import Interrupts
from confiture.progress import Progress
from confiture.terminal import Terminal

# Statements of longer migrations get a line of their own only if they took long.
_FEW = 20
_LONG_MS = 1000


class RunProgress:
    """Prints what a run does, as it does it; an ``on_progress`` of Migrator."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.stream: IO[str] = sys.stderr if terminal.json or terminal.output else sys.stdout
        self.interrupts: Interrupts | None = None
        self.current: str | None = None
        self.label = ""
        self.statements_done = 0
        self.begun = False
        self.elapsed_ms = 0.0
        self.doing: str | None = None
        self.since = time.monotonic()
        self._live: Any = None

    def __enter__(self) -> Self:
        if self.terminal.live:
            from rich.live import Live

            console = self.terminal.console
            self._live = Live(
                console=console,
                get_renderable=self._moving,
                refresh_per_second=10,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Progress) -> None:
        """Print one event; a cancel that the server missed between two statements is repeated."""
        if self.interrupts is not None and self.interrupts.count:
            self.interrupts.cancel()
        handler = getattr(self, f"_{event.event}", None)
        if handler is not None:
            handler(event)

    def _migration_started(self, event: Progress) -> None:
        self.current, self.statements_done = event.version, 0
        self.begun = False
        self.label = f'migration {event.version} "{event.name}" ({event.direction}): '
        self._begin(f"{event.version} {event.name}")
        self._print(f"{event.version} {event.name}", "bold")

    def _migration_finished(self, event: Progress) -> None:
        self.current = self.doing = None
        self.elapsed_ms += event.elapsed_ms or 0
        took = human.duration(event.elapsed_ms or 0)
        done = "applied" if event.direction == "up" else "taken back"
        rows = f", {human.count(event.rows, 'row')}" if event.rows else ""
        self._print(f"  {done} in {took}{rows}", "green")

    def _statement_started(self, event: Progress) -> None:
        if not self.begun:
            # A run that goes on where an earlier one ended starts in the middle.
            self.begun, self.statements_done = True, (event.ordinal or 1) - 1
        self._begin(f"  {_statement(event)}")

    def _statement_finished(self, event: Progress) -> None:
        self.statements_done = event.ordinal or 0
        took = event.elapsed_ms or 0
        if (event.of or 0) <= _FEW or took >= _LONG_MS:
            rows = f", {human.count(event.rows, 'row')}" if event.rows else ""
            self._print(f"  {_statement(event)}: {human.duration(took)}{rows}")
        self._begin(f"{event.version} {event.name}")

    def _lock_retry(self, event: Progress) -> None:
        self._print(f"  waiting for a lock: {event.message}, attempt {event.attempt}", "yellow")
        self._begin(f"  waiting for a lock, attempt {event.attempt}")

    def _message(self, event: Progress) -> None:
        said = event.message.removeprefix(self.label)
        self._print(f"  {event.severity}: {said}", "yellow" if event.severity == "WARNING" else "")
        for label, text in (("DETAIL", event.detail), ("HINT", event.hint)):
            if text:
                self._print(f"    {label}: {text}")

    def _begin(self, what: str) -> None:
        self.doing, self.since = what, time.monotonic()

    def _print(self, text: str, style: str = "") -> None:
        if self._live is not None:
            self._live.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self.stream, flush=True)

    def _moving(self) -> Any:
        """Return the line that moves: what runs now, and for how long."""
        from rich.text import Text

        if self.doing is None:
            return Text("")
        elapsed = human.duration(round((time.monotonic() - self.since) * 10) * 100)
        return Text(f"{self.doing} ... {elapsed}", style="dim")


def _statement(event: Progress) -> str:
    of = f"/{event.of}" if event.of else ""
    return f"{event.ordinal}{of} {event.command or 'statement'} (line {event.line})"
