"""A server with databases in which plans are asked for and run."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from .catalogs import CLEAN, KEPT, SIZE
from .compare import Snapshot

ROLES = ("pair_owner", "pair_reader", "pair_writer", 'pair "Quoted"')
TABLESPACE = "pair_space"
EMPTY = "{}"
Kept = dict[str, tuple[str, str | None]]


@dataclass
class Statement:
    """A row of diff()."""

    ordinal: int
    text: str
    kind: str
    object: str
    change: str
    hazards: list[str]
    lock: str | None
    top_level: bool
    group: int

    def __str__(self) -> str:
        lines = [f"  {self.group:3} {self.text};"]
        lines += [f"        {h}" for h in [*([self.lock] if self.lock else []), *self.hazards]]
        return "\n".join(lines)


class Failed(Exception):  # noqa: N818
    """A pair does not hold."""


class Database:
    """A database with the extension, and one connection to it."""

    def __init__(self, server: Server, template: str | None = None) -> None:
        self.server = server
        self.name = server.new_name()
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(self.name), sql.Identifier(template or server.template)
            )
        )
        self.connection = self._connect()

    @classmethod
    def of_name(cls, server: Server, name: str) -> Database:
        """Return a database that is there."""
        database = cls.__new__(cls)
        database.server = server
        database.name = name
        database.connection = database._connect()
        return database

    def _connect(self) -> psycopg.Connection[Any]:
        options = (
            "-c client_min_messages=error -c synchronous_commit=off -c max_parallel_workers_per_gather=0"
        )
        connection = psycopg.connect(dbname=self.name, autocommit=True, options=options)
        connection.prepare_threshold = None
        return connection

    def load(self, text: str) -> None:
        """Run SQL as psql would, each statement by itself."""
        self.connection.execute("RESET ALL")
        self.connection.execute("SET client_min_messages = error")
        with self.connection.cursor() as cursor:
            if text.strip():
                cursor.execute(text.encode())  # several statements: one implicit transaction
        self.connection.execute("RESET SESSION AUTHORIZATION")

    def snapshot(self) -> Snapshot:
        row = self.connection.execute("SELECT confiture.snapshot()::text").fetchone()
        assert row is not None
        return Snapshot(row[0])

    def kept(self) -> Kept:
        return {row[0]: (row[1], row[2]) for row in self.connection.execute(KEPT)}

    def rows(self, columns: dict[str, list[str]]) -> dict[str, tuple[int, int]]:
        """Count the rows of tables, and add up hashes of the columns."""
        return {
            table: self.connection.execute(
                f"SELECT count(*), coalesce(sum(hashtext(ROW({', '.join(names)})::text)::bigint), 0)::bigint"
                f" FROM ONLY {table} AS cf_row"
            ).fetchone()
            or (0, 0)
            for table, names in columns.items()
        }

    def run(self, plan: list[Statement]) -> None:
        """Run a plan in its groups."""
        self.connection.execute("SET search_path = pg_catalog")
        group: int | None = None
        statement = None
        try:
            for statement in plan:
                if group is not None and statement.group != group:
                    self.connection.execute("COMMIT")
                    group = None
                if not statement.top_level and group is None:
                    self.connection.execute("BEGIN")
                    group = statement.group
                self.connection.execute(statement.text.encode())
            if group is not None:
                self.connection.execute("COMMIT")
        except psycopg.Error as error:
            self.connection.execute("ROLLBACK")
            raise Failed(
                f"{error.sqlstate} {str(error).strip()}\n  in: {statement.text if statement else ''}"
            ) from None
        finally:
            self.connection.execute("RESET search_path")

    def dump(self) -> str:
        """Return what pg_dump writes."""
        return subprocess.run(
            ["pg_dump", "--schema-only", "-d", self.name], capture_output=True, text=True, check=True
        ).stdout

    def restored(self) -> Database:
        """Return a copy by pg_dump and psql."""
        copy = Database(self.server)
        try:
            copy.restore(self.dump())
        except Failed:
            copy.drop()
            raise
        return copy

    def restore(self, dump: str) -> None:
        """Make what pg_dump has written."""
        result = subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.name],
            input=dump,
            env=os.environ | {"PGOPTIONS": "-c client_min_messages=error"},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise Failed(f"pg_dump can't be restored: {result.stderr}")

    def restored_dump(self) -> str:
        """Return what pg_dump writes of a copy by pg_dump."""
        copy = self.restored()
        try:
            return copy.dump()
        finally:
            copy.drop()

    def clean(self) -> bool:
        """Take away everything; return whether the database is as good as new."""
        try:
            if self.connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                return False
            self.connection.execute("RESET ALL; RESET SESSION AUTHORIZATION; SET search_path = pg_catalog")
            self.connection.execute(CLEAN)
            self.connection.execute("RESET search_path")
            return self.size() == self.server.size
        except psycopg.Error:
            return False

    def size(self) -> tuple[Any, ...] | None:
        return self.connection.execute(SIZE).fetchone()

    def drop(self) -> None:
        with contextlib.suppress(psycopg.Error):
            for (name,) in self.connection.execute(
                "SELECT subname FROM pg_subscription WHERE subdbid ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchall():
                self.connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(sql.Identifier(name)))
        self.connection.close()
        self.server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))


class Server:
    """The server: a template with the extension, roles, a tablespace, a connection that asks for plans."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._local = threading.local()
        self._open: list[psycopg.Connection[Any]] = []
        self.prefix = f"cf_pairs_{os.getpid()}"
        self.template = f"{self.prefix}_template"

    def __enter__(self) -> Server:
        for role in ROLES:
            self.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        self.execute("SET allow_in_place_tablespaces = on")
        self.execute(f"CREATE TABLESPACE {TABLESPACE} LOCATION ''")
        self.execute(f"CREATE DATABASE {self.template} TEMPLATE template0")
        with psycopg.connect(dbname=self.template, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION confiture")
        self.asking = f"{self.prefix}_asking"
        self.execute(f"CREATE DATABASE {self.asking} TEMPLATE {self.template}")
        self._free: list[Database] = []
        database = Database(self)
        self.major = database.connection.info.server_version // 10000
        self.size = database.size()
        self.empty = database.snapshot()
        self._free.append(database)
        return self

    def __exit__(self, *_: object) -> None:
        for database in self._free:
            database.drop()
        for connection in self._open[1:]:
            connection.close()
        server = (
            self._open[0] if not self._open[0].closed else psycopg.connect(dbname="postgres", autocommit=True)
        )
        for name in (self.asking, self.template):
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"DROP TABLESPACE {TABLESPACE}")
        for role in ROLES:
            server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
        server.close()

    def new_name(self) -> str:
        with self._lock:
            self._number += 1
            return f"{self.prefix}_{self._number}"

    def _connection(self, name: str, dbname: str) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] | None = getattr(self._local, name, None)
        if connection is None or connection.closed:
            connection = psycopg.connect(dbname=dbname, autocommit=True)
            connection.execute("SET client_min_messages = error")
            setattr(self._local, name, connection)
            with self._lock:
                self._open.append(connection)
        return connection

    def execute(self, statement: Any) -> None:
        self._connection("server", "postgres").execute(statement)

    def diff(self, source: str, target: str, options: str = "{}") -> list[Statement]:
        """Ask for a plan."""
        connection = self._connection("asking", self.asking)
        try:
            rows = connection.execute(
                "SELECT ordinal, statement, kind, object, change, hazards, lock, needs_top_level,"
                " transaction_group FROM confiture.diff(%s::jsonb, %s::jsonb, %s::jsonb) ORDER BY ordinal",
                (source, target, options),
            ).fetchall()
        except psycopg.Error as error:
            raise Failed(f"no plan: {error.sqlstate} {str(error).strip()}") from None
        return [Statement(*row) for row in rows]

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        """Give an empty database, a used one where it has become as good as new."""
        with self._lock:
            database = self._free.pop() if self._free else None
        database = database or Database(self)
        try:
            yield database
        finally:
            if database.clean():
                self._free.append(database)
            else:
                database.drop()
