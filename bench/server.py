"""Databases on the server that PGHOST and PGPORT name, and psql."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

_numbers = count(1)


def connect(database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(dbname=database, autocommit=True)


def version() -> str:
    """The server's version, such as 15.20."""
    with connect("postgres") as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]).split()[0] if row else "?"


def psql(database: str, *arguments: str | Path) -> None:
    """Run psql as a script does: no psqlrc, quiet, stop at the first error."""
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, *map(str, arguments)]
    result = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{result.stderr}")


def program() -> str:
    """The program confiture, the one beside this Python."""
    found = shutil.which("confiture", path=str(Path(sys.executable).parent))
    if found is None:
        raise SystemExit("the program confiture is not beside this Python: run make deps")
    return found


def run(command: list[str], **environment: str) -> None:
    """Run a program; its output is shown only when it fails."""
    result = subprocess.run(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{result.stdout}")


def drop(name: str) -> None:
    """Drop a database that may be there, and leave the write-ahead log as it is before each trial."""
    with connect("postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute("CHECKPOINT")


@contextmanager
def database(template: str | None = None) -> Iterator[str]:
    """Give a fresh database, a copy of a template, and drop it in the end.

    A checkpoint comes before and statistics of the server are left alone, so that
    each measurement starts from the same state of the write-ahead log.
    """
    name = f"bench_{next(_numbers)}"
    with connect("postgres") as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template or "template0")
            )
        )
        connection.execute("CHECKPOINT")
    try:
        yield name
    finally:
        with connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
