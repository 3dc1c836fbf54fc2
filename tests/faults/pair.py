"""A second server beside the one of tests/cluster.sh, and a transition from one to the other."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from .load import TABLE, Load, fill
from .server import PATIENCE, Connection, Server, until

if TYPE_CHECKING:
    from .conftest import Database

WRITERS = 4
ROWS = 300
AWAY = ("08001", "08006", "08003", "08000")


def as_postgres(*command: str) -> None:
    """Run a program as the user who may run a server."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, capture_output=True, cwd="/")


class Target(Server):
    """A second server, beside the one of tests/cluster.sh."""

    def connect(
        self, database: str = "postgres", port: str | None = None, name: str = "faults"
    ) -> Connection:
        """Open a connection in autocommit mode."""
        return psycopg.connect(
            host=str(self.data.parent),
            dbname=database,
            application_name=name,
            autocommit=True,
            connect_timeout=60,
        )

    def stop(self, mode: str = "immediate") -> None:
        """Stop it."""
        self._control("-m", mode, "stop")


class Pair:
    """A database on each of the two servers, and a transition from one to the other."""

    def __init__(self, source: Database, target: Target) -> None:
        self.source = source
        self.server = target
        self.name = source.name
        with target.connect() as connection:
            connection.execute(f"CREATE DATABASE {self.name}")
        self.target_execute("CREATE EXTENSION confiture; CREATE SCHEMA app_new")
        source.execute(
            "CREATE EXTENSION postgres_fdw;"
            f" CREATE SERVER target FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{target.data.parent}',"
            f" port '5432', dbname '{self.name}');"
            " CREATE USER MAPPING FOR postgres SERVER target OPTIONS (user 'postgres')"
        )

    def prepare(self, rows: int = ROWS, target: str = TABLE, options: str = '{"chunk_ms": 5}') -> None:
        """Make both tables, and plan the transition."""
        self.source.execute("CREATE SCHEMA app")
        self.source.execute(TABLE.format("app.items"))
        self.target_execute(target.format("app_new.items"))
        fill(self.source.connection, "app.items", rows, WRITERS)
        self.source.execute("ANALYZE app.items")
        self.create(options)

    def create(self, options: str = '{"chunk_ms": 5}') -> None:
        """Plan the transition."""
        self.source.execute(
            "SELECT confiture.transition_create('t', 'app', 'app_new', server => 'target', options => %s)",
            options,
        )

    def load(self, rows: int = ROWS, **options: object) -> Load:
        """Make writers for the table of the application."""
        return Load(self.source.server, self.name, *["app.items"] * WRITERS, rows=rows, **options)  # type: ignore[arg-type]

    def load_there(self) -> Load:
        """Make writers for the target, which is open after the cutover."""
        return Load(self.server, self.name, *["app_new.items"] * 2, rows=0, first=WRITERS + 1)

    def go(self, wanted: str) -> None:
        """Run until a state."""
        self.source.execute(f"CALL confiture.transition_run('t', '{wanted}')")

    def go_on(self, wanted: str) -> None:
        """Run until a state, again and again while the target is away."""
        self.again(f"CALL confiture.transition_run('t', '{wanted}')")

    def again(self, command: str) -> None:
        """Run a command, again and again while the target is away."""

        last = "it takes its time"

        def arrived() -> bool:
            nonlocal last
            try:
                self.source.execute(command)
            except psycopg.Error as problem:
                last = f"{problem.sqlstate}: {problem}"
                # CF031: the backend of a client that was killed has gone on meanwhile.
                if problem.sqlstate not in (*AWAY, "CF037", "CF031", "40001"):
                    raise
                time.sleep(0.1)
                return False
            return True

        until(arrived, lambda: f"{command}: {last}")

    def state(self) -> object:
        """The state of the transition."""
        return self.status("state")

    def status(self, key: str) -> object:
        """Something of its status."""
        return self.source.value("SELECT confiture.transition_status('t') ->> %s", key)

    def target_execute(self, query: str) -> list[tuple[object, ...]]:
        """Run a query on the target."""
        with self.server.connect(self.name) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def lag(self) -> object:
        """How many entries the change log has."""
        return self.source.value("SELECT confiture.transition_status('t') -> 'tables' -> 0 ->> 'log_length'")

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Let a worker bring over what is written, started again whenever it has ended."""
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                process = self.source.client("CALL confiture.transition_worker('t')")
                while process.poll() is None and not stop.is_set():
                    time.sleep(0.02)
                if process.poll() is None:
                    process.terminate()
                process.wait()
                time.sleep(0.05)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=PATIENCE)
            assert not thread.is_alive(), "the worker hangs"

    def check_both(self, judge: Load) -> None:
        """Both sides are what was acknowledged, when the worker has caught up."""
        assert judge.damages(self.source.connection, "app.items") == []
        with self.worker():
            until(lambda: self.lag() == "0", "the worker catches up")
        with self.server.connect(self.name) as connection:
            assert judge.damages(connection, "app_new.items") == []


def only(errors: list[str], *allowed: str) -> list[str]:
    """The errors that are not of these kinds."""
    return [error for error in errors if not error.startswith(allowed)]


TRACES = """
    SELECT 'trigger', tgrelid::regclass::text, tgname::text FROM pg_trigger WHERE NOT tgisinternal
        AND tgrelid <> 'confiture.remote_command'::regclass
    UNION ALL SELECT 'relation', n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n
        ON n.oid = c.relnamespace WHERE n.nspname LIKE 'app%' OR n.nspname LIKE 'confiture\\_%'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname FROM pg_constraint
        WHERE conrelid::regclass::text LIKE 'app%'
    UNION ALL SELECT 'schema', nspname, '' FROM pg_namespace WHERE nspname LIKE 'confiture%'
    UNION ALL SELECT 'chunks', count(*)::text, '' FROM confiture.transition_chunk
    ORDER BY 1, 2, 3"""


def traces(pair: Pair) -> list[tuple[object, ...]]:
    """What a transition could leave behind on the two servers."""
    return [
        *pair.source.execute(TRACES),
        *pair.target_execute(TRACES),
        *pair.target_execute("SELECT count(*) FROM app_new.items"),
    ]
