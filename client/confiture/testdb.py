"""Databases for tests: copies of the built schema, with names of their own."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from confiture import db
from confiture.builder import BuildResult, SchemaBuilder
from confiture.errors import UsageError

LABEL = "test"


@dataclass(frozen=True)
class TestDatabase:
    """A database that a test may do anything with."""

    __test__ = False

    name: str
    url: str
    result: BuildResult

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Open a connection to it; options are those of psycopg.connect()."""
        return psycopg.connect(self.url, **options)


def new_name(project: str) -> str:
    """Return a name that nobody has, of at most 63 bytes."""
    return f"{project.encode()[:40].decode(errors='ignore')}_test_{secrets.token_hex(6)}"


def create(
    connection: db.Connection,
    builder: SchemaBuilder,
    url: str,
    name: str | None = None,
    *,
    ledger: bool = False,
) -> TestDatabase:
    """Make one; ``url`` leads to the server."""
    chosen = name or new_name(builder.project.name)
    result = builder.create_database(
        connection, chosen, replace="built" if name else "never", ledger=ledger, label=LABEL
    )
    return TestDatabase(chosen, make_conninfo(url, dbname=chosen), result)


def listed(connection: db.Connection) -> list[db.Row]:
    """Return those of the server."""
    return db.fetch(
        connection,
        "SELECT b.database, b.hash, b.built_at, b.owner, b.size_bytes FROM confiture.builds() AS b "
        "WHERE b.kind = 'database' AND b.label = %s",
        (LABEL,),
    )


def drop(connection: db.Connection, names: list[str]) -> None:
    """Drop some of them; any other database is refused before anything is dropped."""
    known = {row["database"] for row in listed(connection)}
    for name in names:
        if name not in known:
            raise UsageError(
                f'"{name}" is no test database of Confiture',
                hint="`confiture testdb list` shows them. Other databases are yours to drop.",
            )
    with db.translated(connection):
        for name in names:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
