"""Errors of the server, placed in the files on disk."""

from __future__ import annotations

from confiture.errors import ConfitureError, SourceLine
from confiture.script import Script

_ABOVE = 4
_BELOW = 8


def place(problem: ConfitureError, script: Script) -> None:
    """Give an error its file, line and the lines of the script that it is about.

    The server counts in the text that was registered; included files were expanded in it. Where
    it says which character is wrong, the excerpt ends there; else it is the whole statement.
    """
    problem.file = script.file
    if problem.line is None:
        return
    lines = script.text.split("\n")
    at = problem.line
    first, last = at, at
    if _is_position(problem, lines):
        first = max(at - _ABOVE, at - _newlines_before(problem))
    else:
        problem.caret = False
        if problem.statement and _starts_here(problem, lines):
            last = min(at + _BELOW, at + problem.statement.rstrip().count("\n"))
        else:
            problem.apart = problem.statement
    problem.file, problem.line = script.locate(at)
    problem.excerpt = tuple(
        SourceLine(script.locate(number)[1], lines[number - 1].rstrip("\r"))
        for number in range(first, min(last, len(lines)) + 1)
        if script.locate(number)[0] == problem.file
    )


def _newlines_before(problem: ConfitureError) -> int:
    return (problem.statement or "")[: (problem.position or 1) - 1].count("\n")


def _is_position(problem: ConfitureError, lines: list[str]) -> bool:
    """Tell whether line and column are those of the position in the statement.

    Where a function that the statement calls has failed, the position is one in the query of
    that function, and line and column are where the statement starts.
    """
    if not problem.position or not problem.statement or not problem.column or not problem.line:
        return False
    before = problem.statement[: problem.position - 1]
    inside = before[before.rfind("\n") + 1 :]
    return _text_before(problem, lines).endswith(inside)


def _text_before(problem: ConfitureError, lines: list[str]) -> str:
    at = (problem.line or 1) - 1
    return lines[at][: (problem.column or 1) - 1] if at < len(lines) else ""


def _starts_here(problem: ConfitureError, lines: list[str]) -> bool:
    at, column = (problem.line or 1) - 1, (problem.column or 1) - 1
    text = (problem.statement or "").split("\n")[0].rstrip("\r")
    return at < len(lines) and lines[at][column:].startswith(text)
