"""The database of the private server: made, and the extension created in it."""

from __future__ import annotations

from contextlib import suppress

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from confiture import __version__, db
from confiture.errors import ConnectionFailedError


def database(url: str, name: str) -> None:
    """Make the database if it is not there, and bring the extension to the client's version."""
    try:
        connection = db.connect(url)
    except ConnectionFailedError:
        administrative = db.connect(make_conninfo(url, dbname="postgres"))
        with administrative, suppress(psycopg.errors.DuplicateDatabase):  # another client was faster
            administrative.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        connection = db.connect(url)
    with connection, db.translated(connection):
        _extension(connection)
    connection.close()


def _extension(connection: db.Connection) -> None:
    """Create the extension, or update it; with it confiture_py, where plpython3u is to be had."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS confiture")
    rows = db.fetch(connection, "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'confiture'")
    if rows[0]["extversion"] != __version__:
        connection.execute("ALTER EXTENSION confiture UPDATE")
    with suppress(psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported):
        connection.execute("CREATE EXTENSION IF NOT EXISTS confiture_py CASCADE")
