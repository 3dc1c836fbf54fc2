"""Where a command writes: results to standard output, everything else to standard error.

With ``--format json`` standard output carries one JSON document and nothing else. On a terminal
text is coloured by rich; piped, or with NO_COLOR, it is plain.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from confiture.errors import ConfigurationError, RefusedError

STATE_STYLES = {
    "applied": "green",
    "pending": "yellow",
    "blocked": "red",
    "modified": "red",
    "orphaned": "red",
    "running": "green",
    "in_progress": "green",
    "conflicted": "red",
    "conflicted, queued": "red",
    "error": "bold red",
    "critical": "bold red",
    "warning": "yellow",
}

# Names and notes come from others: what would move a terminal's cursor, or break a line, is shown.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}
_CONTROL[ord("\n")] = "\\n"


def printable(text: str) -> str:
    """Return a text as one line without control characters; a tab is none."""
    return text.translate(_CONTROL)


def is_terminal(stream: IO[str]) -> bool:
    """Tell whether a person reads the stream, and the terminal can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Terminal:
    """The output of one command."""

    def __init__(self, output_format: str = "text", output: Path | None = None) -> None:
        self.json = output_format == "json"
        self.output = output
        self.live = not self.json and output is None and is_terminal(sys.stdout)
        self._lines: list[str] = []

    def line(self, text: str = "", style: str | None = None) -> None:
        """Write a line of the result; nothing with JSON, where the result is one document."""
        if self.json:
            return
        text = printable(text)
        if self.output:
            self._lines.append(text)
        elif self.live and style:
            self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, flush=True)  # noqa: T201

    def note(self, text: str = "") -> None:
        """Write a line about what is going on to standard error."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201

    def document(self, payload: dict[str, Any]) -> None:
        """Write the result as JSON, when JSON is wanted."""
        if self.json:
            text = json.dumps(payload, indent=2, default=_plain, ensure_ascii=False)
            if self.output:
                self._lines.append(text)
            else:
                print(text, flush=True)  # noqa: T201

    def event(self, payload: dict[str, Any]) -> None:
        """Write one of several documents, a line each, when JSON is wanted."""
        if self.json:
            text = json.dumps(payload, default=_plain, ensure_ascii=False)
            if self.output:
                self._lines.append(text)
            else:
                print(text, flush=True)  # noqa: T201

    def finish(self) -> None:
        """Write the file of ``--output``."""
        if self.output is None or not self._lines:
            return
        try:
            self.output.parent.mkdir(parents=True, exist_ok=True)
            self.output.write_text("".join(f"{line}\n" for line in self._lines), encoding="utf-8")
        except OSError as problem:
            raise ConfigurationError(
                f"cannot write {self.output}: {problem.strerror}", file=str(self.output)
            ) from problem
        self.note(f"Written to {self.output}.")

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table; a column that is empty in every row is left out."""
        kept = [at for at in range(len(headers)) if any(row[at] for row in rows)]
        headers = [headers[at] for at in kept]
        rows = [[printable(row[at]) for at in kept] for row in rows]
        if self.live:
            self.console.print(self.rich_table(headers, rows))
            return
        widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
        for row in (headers, *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.line("  ".join(cells).rstrip())

    def ask(self, question: str, *, yes: bool, otherwise: str) -> None:
        """Go on only if the person says yes, or has said so by ``--yes``.

        Where nobody can be asked, or the answer is no, the command ends with exit code 22.
        """
        if yes:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise RefusedError(
                f"{otherwise}, and there is nobody to be asked", hint="Say --yes to go on without a question."
            )
        import click

        if not click.confirm(question, default=False, err=True):
            raise RefusedError("not confirmed: nothing was done")

    @property
    def console(self) -> Any:
        """A console of rich on standard output."""
        from rich.console import Console

        return Console(file=sys.stdout, highlight=False)

    @staticmethod
    def rich_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
        """Return a table for a terminal, its states and severities coloured."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
        for header in headers:
            table.add_column(header, overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(cell), style=STATE_STYLES.get(cell, "")) for cell in row))
        return table


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
