"""Options that say what an intent touches, and which intent is meant."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from confiture.cli.options import Command, Session

if TYPE_CHECKING:
    from confiture.coordinator import Claims, Declaration
    from confiture.script import Script


def split(text: str) -> list[str]:
    """Split a list at its commas; those in quoted identifiers and in parentheses belong to a name.

    What the names mean is the server's matter, also of an empty one.
    """
    parts, depth, quoted = [""], 0, False
    for char in text:
        if char == '"':
            quoted = not quoted
        elif not quoted:
            depth = max(0, depth + (char == "(") - (char == ")"))
            if char == "," and depth == 0:
                parts.append("")
                continue
        parts[-1] += char
    return [part.strip() for part in parts]


def _names(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> list[str]:
    """Read an option that is a list and may be given several times."""
    return [name for value in values for name in split(value)]


def _json(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Any:
    """Read an option that is JSON."""
    try:
        return None if value is None else json.loads(value)
    except ValueError as problem:
        raise click.BadParameter(f"not valid JSON: {problem}") from problem


_NAMES: dict[str, Any] = {"multiple": True, "callback": _names, "metavar": "NAMES"}
_CLAIMS = (
    click.option(
        "--tables-affected", "tables", help="Tables, separated by commas: users,app.profiles.", **_NAMES
    ),
    click.option("--columns-affected", "columns", help="Columns: users.email,app.profiles.bio.", **_NAMES),
    click.option(
        "--objects",
        help='Anything, with its kind and what is done to it: "index:idx_users_email,drop view:totals".',
        **_NAMES,
    ),
    click.option(
        "--schema-changes",
        metavar="SQL|@FILE|@-",
        help="SQL that will run: the server reads what it touches. @FILE is a file, @- standard input.",
    ),
)
_WINDOW = (
    click.option("--estimated-duration", metavar="TIME", help="How long it will run: 10min, 2h."),
    click.option("--starts-at", metavar="TIME", help="When it will run; default now."),
)
_REST = (
    click.option("--branch", metavar="NAME", help="Default the current branch of Git."),
    click.option("--description", metavar="TEXT", help="For the others."),
    click.option(
        "--expires", metavar="TIME", help="When nobody needs to be told any more: 2h, 3 days; default a day."
    ),
    click.option(
        "--on-conflict",
        type=click.Choice(["warn", "refuse", "queue"]),
        default="warn",
        show_default=True,
        help="warn: register all the same. refuse: register nothing. queue: wait for its turn.",
    ),
    click.option("--metadata", metavar="JSON", callback=_json, help="An object of your own."),
)


def _with(options: Sequence[Command], command: Command) -> Command:
    """Add options in the order in which they are written down."""
    for option in reversed(options):
        command = option(command)
    return command


def with_claims(command: Command) -> Command:
    """Add the options that say what is touched, and hand them to the command as ``claims``."""

    @functools.wraps(command)
    def wrapper(
        session: Session,
        *args: Any,
        tables: list[str],
        columns: list[str],
        objects: list[str],
        schema_changes: str | None,
        **kwargs: Any,
    ) -> Any:
        claims: Claims = {
            "objects": [*objects, *(f"column:{name}" if name else "" for name in columns)] or None,
            "tables": tables or None,
            "schema_changes": _sql(session, schema_changes),
        }
        return command(session, *args, claims=claims, **kwargs)

    return _with(_CLAIMS, wrapper)


def with_declaration(command: Command) -> Command:
    """Add all that an intent can say about itself, and hand it to the command as ``declaration``."""

    @functools.wraps(command)
    def wrapper(
        session: Session,
        *args: Any,
        claims: Claims,
        branch: str | None,
        description: str | None,
        expires: str | None,
        on_conflict: str,
        metadata: Any,
        estimated_duration: str | None,
        starts_at: str | None,
        **kwargs: Any,
    ) -> Any:
        declaration: Declaration = {
            **claims,
            "branch": current_branch(Path.cwd()) if branch is None else branch,
            "description": description,
            "expires": expires,
            "on_conflict": on_conflict,
            "metadata": metadata,
            "estimated_duration": estimated_duration,
            "starts_at": starts_at,
        }
        return command(session, *args, declaration=declaration, **kwargs)

    return with_claims(_with([*_WINDOW, *_REST], wrapper))


def with_intent(*, needed: bool) -> Callable[[Command], Command]:
    """Add an intent's id, as an argument or as --intent-id: handed to the command as ``intent``."""

    def decorate(command: Command) -> Command:
        @click.argument("identifier", metavar="ID" if needed else "[ID]", required=False)
        @click.option("--intent-id", metavar="ID", help="The same as the argument ID.")
        @functools.wraps(command)
        def wrapper(
            session: Session, *args: Any, identifier: str | None, intent_id: str | None, **kwargs: Any
        ) -> Any:
            if identifier is not None and intent_id not in (None, identifier):
                raise click.UsageError(f"Two intents are given: {identifier} and {intent_id}.")
            intent = intent_id if identifier is None else identifier
            if needed and intent is None:
                raise click.UsageError("Missing the id of an intent: 'ID' or '--intent-id'.")
            return command(session, *args, intent=intent, **kwargs)

        return wrapper

    return decorate


def _sql(session: Session, value: str | None) -> str | Script | None:
    """Return the SQL of --schema-changes: as it is written there, of a file, of standard input."""
    if value is None or not value.startswith("@"):
        return value
    from confiture.errors import FileError
    from confiture.script import Script, load

    if value == "@-":
        try:
            text = sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            raise FileError(f"standard input is not UTF-8: {problem.reason}") from problem
        return Script(text, "standard input", ())
    path = Path(value[1:])
    root = session.project.root
    return load(path, root if path.resolve().is_relative_to(root) else path.resolve().parent)


def current_branch(folder: Path) -> str | None:
    """Return the branch that is checked out around a folder; None without one.

    Read from Git's files: to start git takes longer than all the rest.
    """
    for parent in (folder, *folder.parents):
        git = parent / ".git"
        try:
            if git.is_file():  # a worktree
                git = parent / git.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
            if git.is_dir():
                head = (git / "HEAD").read_text(encoding="utf-8").strip()
                _, found, name = head.partition("ref: refs/heads/")
                return name if found else None
        except (OSError, UnicodeDecodeError):
            return None
    return None
