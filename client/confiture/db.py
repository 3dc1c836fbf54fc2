"""The connection: opened, checked, and its errors turned into ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.rows import dict_row

from confiture.errors import (
    ConfigurationError,
    ConfitureError,
    ConnectionFailedError,
    DatabaseError,
    SettingError,
    UsageError,
)
from confiture.secrets import redact

Connection = psycopg.Connection[Any]
Row = dict[str, Any]
OLDEST = 150000

_CONTEXT = r"""
    ^(?:migration\ (?P<version>\S+)\ "(?P<name>.*)"\ \((?P<direction>up|down)\)
      |script|schema_changes|file\ "(?P<file>.*)"|hook\ "(?P<hook>.*)"\ \(\w+\))
    (?:,\ statement\ (?P<ordinal>\d+)\ of\ (?P<of>\d+))?
    (?:(?:,\ Python|\ at)\ line\ (?P<line>\d+)(?:,\ column\ (?P<column>\d+))?)?\s*$
"""


def connect(url: str, settings: Mapping[str, str] | None = None, *, timeout: int | None = None) -> Connection:
    """Open a connection in autocommit mode with whatever libpq takes; make its settings.

    ``timeout``: how many seconds a server may take that need not be there.
    """
    limits: dict[str, Any] = {} if timeout is None else {"connect_timeout": timeout}
    try:
        connection: Connection = psycopg.connect(
            url,
            autocommit=True,
            fallback_application_name="confiture",
            client_encoding="UTF8",
            **limits,
        )
    except psycopg.ProgrammingError as problem:
        raise ConfigurationError(
            f"the database URL is not valid: {redact(str(problem).strip(), url)}",
            hint="Write postgresql://user@host:port/database, or key=value pairs.",
        ) from None
    except psycopg.Error as problem:
        raise connection_error(problem, url) from None
    try:
        if settings:
            _set(connection, settings)
    except BaseException:
        connection.close()
        raise
    return connection


def _set(connection: Connection, settings: Mapping[str, str]) -> None:
    """Make settings of the session; the server checks ours only once its library is loaded."""
    # Where this fails, whatever the command calls next fails too, and says why.
    with suppress(psycopg.Error):
        connection.execute("SELECT confiture.version()")
    for name, value in settings.items():
        try:
            connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
        except psycopg.Error as problem:
            if connection.closed:
                raise translate(problem, connection) from problem
            raise SettingError(
                f'setting "{name}" cannot be set to "{value}": {problem.diag.message_primary}',
                setting=name,
                sqlstate=problem.sqlstate,
                detail=problem.diag.message_detail,
                hint=problem.diag.message_hint or _similar_setting(connection, name),
            ) from problem


def _similar_setting(connection: Connection, name: str) -> str | None:
    known = [row["name"] for row in fetch(connection, "SELECT s.name FROM pg_catalog.pg_settings AS s")]
    if name.lower() in known:
        return None
    import difflib

    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f'Did you mean "{close[0]}"?' if close else None


def connection_error(problem: psycopg.Error, url: str) -> ConnectionFailedError:
    """Say why there is no connection, without the password."""
    lines = [line.strip() for line in redact(str(problem), url).strip().splitlines()]
    message = lines[0] if lines else "no answer"
    message = message.removeprefix("connection failed: ")
    hint = None
    if "No such file or directory" in message or "Connection refused" in " ".join(lines):
        hint = "Is the server running there? Without a database URL, Confiture starts its own."
    elif "password" in " ".join(lines):
        hint = "Give the password in the URL, in PGPASSWORD or in ~/.pgpass."
    detail = "\n".join(line for line in lines[1:] if not line.startswith("Is the server running"))
    return ConnectionFailedError(f"cannot connect: {message}", detail=detail or None, hint=hint)


class OnConnection:
    """What works on a connection: its own, made of a URL, or the caller's, which it never closes."""

    def __init__(self, connection: Connection | str) -> None:
        self._own = isinstance(connection, str)
        self.connection = connect(connection) if isinstance(connection, str) else connection

    def close(self) -> None:
        """Close the connection, if this object has opened it."""
        if self._own:
            self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def fetch(connection: Connection, query: str, arguments: tuple[Any, ...] = ()) -> list[Row]:
    """Run a query and return its rows as dictionaries; errors become ours."""
    with translated(connection):
        cursor = connection.cursor(row_factory=dict_row)
        cursor.execute(query, arguments, prepare=False)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def translated(connection: Connection) -> Iterator[None]:
    """Turn errors of psycopg into ours while the block runs."""
    try:
        yield
    except psycopg.Error as problem:
        raise translate(problem, connection) from problem
    except UnicodeEncodeError as problem:
        raise UsageError(
            f"this is not UTF-8: {problem.object!r}",
            hint="Set the terminal to UTF-8, or save the file as it.",
        ) from problem


def translate(problem: psycopg.Error, connection: Connection | None = None) -> ConfitureError:
    """Turn an error of psycopg into ours, with its place in the script."""
    diag = problem.diag
    if connection is not None and connection.closed:
        return ConnectionFailedError(
            "the connection to the server was lost",
            sqlstate=problem.sqlstate,
            detail=diag.message_primary or str(problem).strip().splitlines()[0],
            hint="Run `confiture migrate status` to see what is applied; then run it again.",
        )
    if problem.sqlstate is None:
        return DatabaseError(str(problem).strip())
    place = find_place(diag.context) or {}
    return DatabaseError(
        diag.message_primary or str(problem).strip(),
        sqlstate=problem.sqlstate,
        detail=diag.message_detail,
        hint=diag.message_hint or _hint(problem, connection),
        statement=diag.internal_query if place else None,
        position=_number(diag.internal_position) if place else None,
        context=_context_above(diag.context) if place else None,
        migration=place.get("version"),
        direction=place.get("direction"),
        ordinal=_number(place.get("ordinal")),
        of=_number(place.get("of")),
        file=place.get("file"),
        line=_number(place.get("line")),
        column=_number(place.get("column")),
    )


def find_place(context: str | None) -> Mapping[str, str | None] | None:
    """Return the parts of the outermost line of CONTEXT that points into a script."""
    matches = [match for line in (context or "").splitlines() if (match := _our_place(line))]
    return matches[-1].groupdict() if matches else None


def _our_place(line: str) -> re.Match[str] | None:
    return re.match(_CONTEXT, line, re.VERBOSE)


def _context_above(context: str | None) -> str | None:
    """Return the lines of CONTEXT above ours: which row of a COPY, which function."""
    lines = (context or "").splitlines()
    ours = max(at for at, line in enumerate(lines) if _our_place(line))
    return "\n".join(lines[:ours]) or None


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


_FOR_ADMINS = ("forget", "set_checksum")


def _hint(problem: psycopg.Error, connection: Connection | None) -> str | None:
    if isinstance(problem, psycopg.errors.ReadOnlySqlTransaction):
        return (
            "This server or session is read-only, a standby perhaps: connect to the primary. "
            "With several hosts in the URL, target_session_attrs=read-write picks it."
        )
    if isinstance(problem, psycopg.errors.InsufficientPrivilege) and connection is not None:
        role = connection.info.user
        if found := find_place(problem.diag.context):
            what = "build" if found.get("file") else "migration"
            return f'The {what} runs with the privileges of the role "{role}".'
        message = problem.diag.message_primary or ""
        level = "admin" if any(message.endswith(f" {name}") for name in _FOR_ADMINS) else "migrator"
        return f"Let a superuser run: SELECT confiture.grant_usage('{role}', '{level}')."
    return None
