"""An error as text: what, where, the lines with a caret, what to do, what state is left."""

from __future__ import annotations

import unicodedata

from confiture.errors import ConfitureError

_SHOWN_LINES = 12


def lines(problem: ConfitureError) -> list[tuple[str, str]]:
    """Return the lines of an error, each with its style."""
    found = [(f"error: {problem.message}", "bold red")]
    if place := _place(problem):
        found.append((f"  at {place}", ""))
    if excerpt := _excerpt(problem):
        found += [("", ""), *((line, "") for line in excerpt), ("", "")]
    for label, text in (
        ("SQLSTATE", problem.sqlstate),
        ("QUERY", problem.apart),
        ("CONTEXT", problem.context),
        ("DETAIL", problem.detail),
        ("HINT", problem.hint),
        ("STATE", problem.state),
    ):
        if text:
            first, *rest = text.strip().splitlines()
            found.append((f"{label}: {first}", "cyan" if label == "HINT" else ""))
            found += [(f"    {line}", "") for line in rest[:_SHOWN_LINES]]
    return found


def _place(problem: ConfitureError) -> str | None:
    parts = [problem.location] if problem.location else []
    if problem.migration:
        parts.append(f"migration {problem.migration} ({problem.direction or 'up'})")
    if problem.ordinal:
        parts.append(f"statement {problem.ordinal} of {problem.of}")
    return ", ".join(parts) or None


def _excerpt(problem: ConfitureError) -> list[str]:
    """Return the lines of the script, numbered, with a caret under the column."""
    if not problem.excerpt:
        query = (problem.statement or "").strip("\n").splitlines()
        return [f"  {line}" for line in query[:_SHOWN_LINES]]
    width = max(len(str(line.number)) for line in problem.excerpt)
    shown = [f"  {line.number:>{width}} | {line.text}".rstrip() for line in problem.excerpt]
    if problem.column is not None and problem.caret:
        before = problem.excerpt[-1].text[: problem.column - 1]
        indent = "".join(char if char == "\t" else " " * _width(char) for char in before)
        shown.append(f"  {' ' * width} | {indent}^")
    return shown


def _width(char: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
