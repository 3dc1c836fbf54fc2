"""The console script: runs a command, and turns every error into text or JSON and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import click

from confiture import exit_codes
from confiture.cli import cli

if TYPE_CHECKING:
    from confiture.errors import ConfitureError


def main() -> None:
    """Run the command line and exit.

    What is imported lives as long as the process: looking for garbage in it, again and again while
    it is imported and once more at the end, would take a quarter of the time of a short command.
    """
    gc.set_threshold(50_000)
    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        result = cli.main(arguments, prog_name="confiture", standalone_mode=False)
        return result if isinstance(result, int) else exit_codes.OK
    except click.UsageError as problem:
        return _usage(problem, arguments)
    except click.ClickException as problem:
        return _report(_ours(problem.format_message(), exit_codes.USAGE), arguments)
    except (click.Abort, KeyboardInterrupt):
        return _report(_ours("cancelled", exit_codes.INTERRUPTED), arguments)
    except BrokenPipeError:
        # The reader has gone: nothing is left to say, and nowhere to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.FAILED
    except Exception as problem:
        from confiture.errors import ConfitureError

        if isinstance(problem, ConfitureError):
            return _report(problem, arguments)
        if os.environ.get("CONFITURE_TRACEBACK"):
            raise
        return _report(_unexpected(problem), arguments)


def _usage(problem: click.UsageError, arguments: list[str]) -> int:
    if _wants_json(arguments):
        return _report(_ours(problem.format_message(), exit_codes.USAGE), arguments)
    problem.show()
    return exit_codes.USAGE


def _ours(message: str, code: int) -> ConfitureError:
    from confiture.errors import ConfitureError

    return ConfitureError(message, exit_code=code)


def _unexpected(problem: Exception) -> ConfitureError:
    from confiture.errors import ConfitureError

    if isinstance(problem, OSError):
        name = f"{problem.filename}: " if problem.filename else ""
        return ConfitureError(f"{name}{problem.strerror or problem}", exit_code=exit_codes.CONFIGURATION)
    return ConfitureError(
        f"internal error: {type(problem).__name__}: {problem}",
        hint="This is a bug of Confiture. CONFITURE_TRACEBACK=1 shows where it is.",
    )


def _report(problem: ConfitureError, arguments: list[str]) -> int:
    """Print an error: as JSON to standard output if that is wanted, else to standard error."""
    if _wants_json(arguments):
        import json

        document = {**problem.result, "error": problem.as_dict()}
        print(json.dumps(document, indent=2, default=str, ensure_ascii=False))  # noqa: T201
        return problem.exit_code
    from confiture.render import errors
    from confiture.terminal import is_terminal

    console = None
    if is_terminal(sys.stderr):
        from rich.console import Console

        console = Console(stderr=True, highlight=False)
    for text, style in errors.lines(problem):
        if console is not None:
            console.print(text, style=style, markup=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr)  # noqa: T201
    return problem.exit_code


def _wants_json(arguments: list[str]) -> bool:
    return "--format=json" in arguments or any(pair == ("--format", "json") for pair in pairwise(arguments))


if __name__ == "__main__":
    main()
