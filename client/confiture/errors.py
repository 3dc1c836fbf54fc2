"""The errors of the client: what went wrong, where, and what to do.

Every error that a person is meant to read is a ConfitureError. It has the parts of a PostgreSQL
error (SQLSTATE, message, detail, hint), and, where there is one, a place in a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confiture import exit_codes

if TYPE_CHECKING:
    from confiture.results import MigrationRun

__all__ = [
    "ConfigurationError",
    "ConfitureError",
    "ConnectionFailedError",
    "DatabaseError",
    "ExtensionError",
    "FileError",
    "RefusedError",
    "SettingError",
    "SourceLine",
    "UsageError",
]


@dataclass(frozen=True)
class SourceLine:
    """A line of a file, to be shown with an error."""

    number: int
    text: str


class ConfitureError(Exception):
    """An error with the parts of a PostgreSQL error and a place in a file.

    ``line`` and ``column`` count from 1; ``excerpt`` are the lines of the file,
    ``apart`` is a query that is not in it, of a function for example. ``position`` is
    the character of ``statement`` where the server found the error. ``migration``, ``direction``,
    ``ordinal`` and ``of`` say which statement of which migration it was. ``runs`` are the
    migrations that the same call had finished before, ``state`` says in what state the database
    is left, ``result`` is what a command has found out until then. ``exit_code`` is what
    the command line returns.
    """

    default_exit_code = exit_codes.FAILED

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        statement: str | None = None,
        position: int | None = None,
        migration: str | None = None,
        direction: str | None = None,
        ordinal: int | None = None,
        of: int | None = None,
        context: str | None = None,
        exit_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint
        self.file = file
        self.line = line
        self.column = column
        self.statement = statement
        self.position = position
        self.excerpt: tuple[SourceLine, ...] = ()
        self.caret = True
        self.apart: str | None = None
        self.migration = migration
        self.direction = direction
        self.ordinal = ordinal
        self.of = of
        self.context = context
        self.runs: tuple[MigrationRun, ...] = ()
        self.result: dict[str, Any] = {}
        self.state: str | None = None
        self.exit_code = self.default_exit_code if exit_code is None else exit_code

    @property
    def location(self) -> str | None:
        """``file:line:column``, as far as it is known."""
        if self.file is None:
            return None
        parts = [self.file, self.line, self.column if self.line is not None else None]
        return ":".join(str(part) for part in parts if part is not None)

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--format json`` prints as ``error``."""
        return {
            "message": self.message,
            "exit_code": self.exit_code,
            "sqlstate": self.sqlstate,
            "detail": self.detail,
            "hint": self.hint,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "statement": self.statement,
            "context": self.context,
            "migration": self.migration,
            "state": self.state,
        }


class UsageError(ConfitureError):
    """The call itself is wrong: arguments that do not fit together."""

    default_exit_code = exit_codes.USAGE


class ConfigurationError(ConfitureError):
    """The configuration is wrong or something it names is missing."""

    default_exit_code = exit_codes.CONFIGURATION


class SettingError(ConfigurationError):
    """The server refused a setting of the configuration; ``setting`` is its name."""

    def __init__(self, message: str, *, setting: str, **parts: Any) -> None:
        super().__init__(message, **parts)
        self.setting = setting


class FileError(ConfitureError):
    """A migration file cannot be used as it is."""

    default_exit_code = exit_codes.CONFIGURATION


class ConnectionFailedError(ConfitureError):
    """The server cannot be reached, or the connection was lost."""

    default_exit_code = exit_codes.CONNECTION


class ExtensionError(ConfitureError):
    """The extension is missing or of another version, or the server is too old."""

    default_exit_code = exit_codes.EXTENSION


class RefusedError(ConfitureError):
    """A person said no, or nobody was there to be asked."""

    default_exit_code = exit_codes.REFUSED


class DatabaseError(ConfitureError):
    """The server refused a statement; its exit code follows from the SQLSTATE."""

    def __init__(self, message: str, **parts: Any) -> None:
        parts.setdefault("exit_code", exit_codes.exit_code(parts.get("sqlstate")))
        super().__init__(message, **parts)
