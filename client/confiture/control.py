"""The connection that builds run from: to a database of the server that is not the one to be built.

Where the database of the project has the extension and is not itself to be replaced, it serves.
Else a small database ``confiture_control`` does, which is made when it is first needed.
"""

from __future__ import annotations

import os
from contextlib import suppress

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from confiture import __version__, db, installed
from confiture.config import Target
from confiture.errors import ConfitureError, ConnectionFailedError, DatabaseError, UsageError

CONTROL = "confiture_control"
_ADMINISTRATIVE = ("postgres", "template1")


def database_name(url: str) -> str:
    """Return the name of the database that a URL means, which need not exist."""
    parts = conninfo_to_dict(url)
    name = parts.get("dbname") or os.environ.get("PGDATABASE")
    if not name and "service" not in parts and "PGSERVICE" not in os.environ:
        name = parts.get("user") or os.environ.get("PGUSER")
    if not name:
        raise UsageError(
            "the database URL does not name the database", hint="Name it there, or with --database."
        )
    return str(name)


def connect(url: str, target: Target, avoid: str | None = None) -> db.Connection:
    """Connect to a database with the extension, which is not ``avoid``."""
    if avoid is None or database_name(url) != avoid:
        with suppress(ConnectionFailedError):
            connection = db.connect(url, target.settings)
            if installed.look(connection).problem is None:
                return connection
            connection.close()
    ours = make_conninfo(url, dbname=CONTROL)
    with suppress(ConnectionFailedError):
        connection = db.connect(ours, target.settings)
        if installed.look(connection).problem is None:
            return connection
        connection.close()
    _prepare(url, ours)
    connection = db.connect(ours, target.settings)
    installed.check(connection)
    return connection


def _prepare(url: str, ours: str) -> None:
    """Make the database, and bring the extension in it to the client's version."""
    try:
        connection = db.connect(ours)
    except ConnectionFailedError:
        _create(url)
        connection = db.connect(ours)
    try:
        with connection, db.translated(connection), suppress(psycopg.errors.UniqueViolation):
            connection.execute("CREATE EXTENSION IF NOT EXISTS confiture")
            connection.execute(sql.SQL("ALTER EXTENSION confiture UPDATE TO {}").format(__version__))
    except DatabaseError as problem:
        _explain(ours, problem)


def _create(url: str) -> None:
    """Create the database from one that every server has."""
    first: ConfitureError | None = None
    for name in _ADMINISTRATIVE:
        try:
            connection = db.connect(make_conninfo(url, dbname=name))
        except ConnectionFailedError as problem:
            first = first or problem
            continue
        try:
            with connection, db.translated(connection), suppress(psycopg.errors.DuplicateDatabase):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(CONTROL)))
        except DatabaseError as problem:
            role = connection.info.user
            problem.hint = f"Let a superuser run: ALTER ROLE {role} CREATEDB."
            raise
        return
    assert first is not None  # noqa: S101
    raise first


def _explain(ours: str, problem: DatabaseError) -> None:
    """Say what is missing: the files on the server, or the right to create the extension."""
    if problem.sqlstate == "42501":
        problem.hint = (
            f"Let a superuser run in the database {CONTROL}: CREATE EXTENSION confiture; "
            "and SELECT confiture.grant_usage(ROLE, 'migrator') for yours."
        )
        raise problem
    with db.connect(ours) as connection:
        installed.check(connection)
    raise problem
