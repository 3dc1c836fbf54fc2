"""Options of the commands that plan and drive a transition, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

STATES = ("captured", "catching_up", "mirrored", "validated", "cut_over", "contracted")

OPTIONS = (
    click.option("--from", "source", metavar="SCHEMA", required=True, help="Where the tables are."),
    click.option("--to", "target", metavar="SCHEMA", required=True, help="Where the new ones are, empty."),
    click.option("--mapping", metavar="JSON", help="The mapping, or @ and a file; default: by equal names."),
    click.option(
        "--swap", type=click.Choice(["rename", "schema"]), help="What the cutover does; default rename."
    ),
    click.option(
        "--mode",
        type=click.Choice(["asynchronous", "synchronous"]),
        help="With --server: a worker writes there, or writers do; default asynchronous.",
    ),
    click.option(
        "--option", "options", multiple=True, metavar="NAME=VALUE", help="Another option: max_rate=5000."
    ),
)


MOVES = (
    click.option(
        "--until", type=click.Choice(STATES), default="validated", show_default=True, help="Where to stop."
    ),
    click.option(
        "--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Sessions that copy at once."
    ),
    click.option(
        "--background", is_flag=True, help="Let background workers of the server do it; return at once."
    ),
)


def with_move(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --until, --jobs and --background: how far, and by whom."""
    for option in reversed(MOVES):
        command = option(command)
    return command


def with_mapping(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --from, --to, --mapping, --swap, --mode and --option."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def read_json(text: str | None, what: str) -> Any:
    """Read an option that is JSON, or names a file of it: @mapping.json."""
    import json

    from confiture.errors import UsageError

    if text is None:
        return None
    try:
        return json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except OSError as problem:
        raise UsageError(f"cannot read the {what}: {problem}", hint="Write @ and a file, or JSON.") from None
    except ValueError as problem:
        raise UsageError(f"the {what} is not JSON: {problem}", hint="Write @ and a file, or JSON.") from None


def read_options(texts: Sequence[str], **named: str | None) -> dict[str, Any]:
    """Return the options of a transition: those of --option, and those that have a flag of their own."""
    return dict(_option(each) for each in texts) | {name: value for name, value in named.items() if value}


def _option(text: str) -> tuple[str, Any]:
    """Split NAME=VALUE; the value may be JSON."""
    import json

    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
