"""Which version of the extension is where: in the database, on the server, in this client."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from confiture import __version__
from confiture.db import OLDEST, Connection, fetch
from confiture.errors import DatabaseError, ExtensionError

UNLISTED = "unknown (extension_destdir is set)"
# undefined_file, feature_not_supported: what to do about it, check() says better
_NOT_ON_SERVER = ("58P01", "0A000")
# duplicate_object, duplicate_schema, unique_violation
_SOMEBODY_WAS_FASTER = ("42710", "42P06", "23505")


@dataclass(frozen=True)
class Installed:
    """What was found; ``advice`` None means that all fits together."""

    server: str
    database: str
    in_database: str | None
    on_server: str | None
    expected: str
    problem: str | None
    advice: str | None

    def lines(self) -> list[tuple[str, str]]:
        """Return labels and values, for a person."""
        return [
            ("server", f"PostgreSQL {self.server}"),
            (f"database {self.database}", self.in_database or "no extension"),
            ("available on server", self.on_server or "no extension"),
            ("this client expects", self.expected),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return asdict(self)


def look(connection: Connection) -> Installed:
    """Ask the database and the server, and say what to do."""
    major = connection.info.server_version // 10000
    rows = fetch(
        connection,
        """SELECT (SELECT e.extversion FROM pg_catalog.pg_extension AS e
                   WHERE e.extname OPERATOR(pg_catalog.=) 'confiture') AS there,
                  (SELECT a.default_version FROM pg_catalog.pg_available_extensions AS a
                   WHERE a.name OPERATOR(pg_catalog.=) 'confiture') AS available""",
    )
    there, available = rows[0]["there"], rows[0]["available"]
    if available is None and _has_destdir(connection):
        available = UNLISTED
    database = connection.info.dbname
    problem, advice = _judge(major, database, there, available)
    return Installed(
        server=connection.info.parameter_status("server_version") or str(major),
        database=database,
        in_database=there,
        on_server=available,
        expected=__version__,
        problem=problem,
        advice=advice,
    )


def _has_destdir(connection: Connection) -> bool:
    """Tell whether Debian's setting is in use: what is below it is not in pg_available_extensions.

    Only a superuser sees it; others get no row.
    """
    return bool(
        fetch(
            connection,
            "SELECT true FROM pg_catalog.pg_settings AS s WHERE s.name OPERATOR(pg_catalog.=) "
            "'extension_destdir' AND s.setting OPERATOR(pg_catalog.<>) ''",
        )
    )


def create(connection: Connection) -> bool:
    """Create the extension in the database if it is missing; tell whether it was."""
    created = False
    if look(connection).in_database is None:
        try:
            fetch(connection, "CREATE EXTENSION confiture")
            created = True
        except DatabaseError as problem:
            if problem.sqlstate == "42501":
                database = connection.info.dbname
                problem.hint = f'Let a superuser run CREATE EXTENSION confiture in the database "{database}".'
            if problem.sqlstate not in (*_NOT_ON_SERVER, *_SOMEBODY_WAS_FASTER):
                raise
    check(connection)
    return created


def check(connection: Connection) -> None:
    """Refuse a server that is too old, or whose extension is missing or of another version."""
    found = look(connection)
    if found.problem is not None:
        raise ExtensionError(found.problem, hint=found.advice)


def _judge(
    major: int, database: str, there: str | None, available: str | None
) -> tuple[str | None, str | None]:
    """Return what is wrong and what to do; twice None if nothing is."""
    oldest = OLDEST // 10000
    if major < oldest:
        return (
            f"the server is PostgreSQL {major}, and Confiture needs {oldest} or later",
            f"Use a server of PostgreSQL {oldest} or later.",
        )
    if there == __version__:
        return None, None
    install = "Run `confiture extension install` on the server's machine, then"
    if there is None:
        create = f'CREATE EXTENSION confiture in the database "{database}".'
        if available is None:
            return "the extension confiture is not installed on this server", f"{install} {create}"
        return f'the extension confiture is not in the database "{database}"', f"Run {create}"
    problem = (
        f'the extension confiture in the database "{database}" is version {there}, '
        f"and this client expects {__version__}"
    )
    update = f"ALTER EXTENSION confiture UPDATE TO '{__version__}'."
    if available in (__version__, UNLISTED):
        return problem, f"Run {update}"
    return problem, f"{install} {update} Or use the client of version {there}."
