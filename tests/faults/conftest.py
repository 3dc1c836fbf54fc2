"""Fixtures: the server, a database of its own for each test, a client that can be killed."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from .pair import Pair, Target, as_postgres
from .server import Connection, Server, until

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Server:
    """The server around these tests."""
    data = os.environ.get("PGDATA")
    if data is None or "PGHOST" not in os.environ:
        pytest.fail("run these tests under tests/cluster.sh", pytrace=False)
    return Server(Path(data))


class Database:
    """A database with the extension, and what the tests do to it."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.connection = server.connect(name)

    def execute(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        """Run a query in the test's own connection."""
        cursor = self.connection.execute(query, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *parameters: object) -> object:
        """Return the one value of a query."""
        return self.execute(query, *parameters)[0][0]

    def register(self, version: str, up: str, down: str | None = None) -> None:
        """Register a migration."""
        self.execute("SELECT confiture.register_migration(%s, %s, %s, %s)", version, f"m{version}", up, down)

    def states(self) -> dict[object, object]:
        """State by version."""
        return {
            row[0]: row[1] for row in self.execute("SELECT version, state FROM confiture.migrate_status()")
        }

    def invalid_indexes(self) -> list[object]:
        """Names of invalid indexes."""
        return [
            row[0]
            for row in self.execute(
                "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1"
            )
        ]

    def reconnect(self) -> None:
        """Connect again, once the server is back and the old sessions are gone."""
        self.connection.close()
        self.server.wait_ready()
        self.server.wait_alone(self.name)
        self.connection = self.server.connect(self.name)

    @contextmanager
    def warnings(self) -> Iterator[list[str]]:
        """Collect the warnings of the test's own connection, with their details."""
        found: list[str] = []

        def note(notice: psycopg.errors.Diagnostic) -> None:
            if notice.severity_nonlocalized == "WARNING":
                found.append(f"{notice.message_primary}\n{notice.message_detail}")

        self.connection.add_notice_handler(note)
        try:
            yield found
        finally:
            self.connection.remove_notice_handler(note)

    def client(self, command: str = "CALL confiture.migrate()") -> subprocess.Popen[bytes]:
        """Start psql, a client that can be killed."""
        return subprocess.Popen(
            ["psql", "-X", "-q", "-d", self.name, "-c", command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@dataclass(frozen=True)
class Notice:
    """A copy of a notice: libpq takes its own back."""

    severity: str
    code: str
    message: str
    detail: str

    @classmethod
    def of(cls, notice: psycopg.errors.Diagnostic) -> Notice:
        """Copy a notice."""
        return cls(
            notice.severity_nonlocalized or "",
            notice.sqlstate or "",
            notice.message_primary or "",
            notice.message_detail or "",
        )


class Run:
    """CALL confiture.migrate() in a connection and a thread of its own."""

    def __init__(self, database: Database, *settings: str, command: str = "CALL confiture.migrate()") -> None:
        self.database = database
        self.connection = database.server.connect(database.name, name="the run")
        self.pid = self.connection.info.backend_pid
        self.notices: list[Notice] = []
        self.connection.add_notice_handler(lambda notice: self.notices.append(Notice.of(notice)))
        self.error: psycopg.Error | None = None
        self.rows: list[tuple[object, ...]] = []
        for setting in settings:
            self.connection.execute(f"SET {setting}")
        self._command = command
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            cursor = self.connection.execute(self._command)
            if cursor.description:
                self.rows = cursor.fetchall()
        except psycopg.Error as error:
            self.error = error

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """Cancel it."""
        self.database.execute("SELECT pg_cancel_backend(%s)", self.pid)

    def wait(self) -> psycopg.Error | None:
        """Wait until it has ended; return its error."""
        until(lambda: self.done, "the run has ended")
        self._thread.join()
        self.connection.close()
        return self.error

    def messages(self) -> list[str]:
        """The notices and warnings so far."""
        return [f"{notice.severity}: {notice.message}" for notice in self.notices]

    def wait_for_lock(self) -> None:
        """Wait until its worker waits for another transaction or a lock."""
        until(
            lambda: (
                self.done
                or bool(
                    self.database.execute(
                        "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'confiture worker'"
                        " AND datname = current_database() AND wait_event_type = 'Lock'"
                    )
                )
            ),
            "the worker waits for a lock",
        )
        assert not self.done, self.error


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """A new database."""
    name = f"faults_{os.getpid()}_{next(_numbers)}"
    server.wait_ready()
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}")
    database = Database(server, name)
    database.execute("CREATE EXTENSION confiture")
    yield database
    database.connection.close()
    server.wait_ready()
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def run(database: Database) -> Callable[..., Run]:
    """Start CALL confiture.migrate()."""

    def start(*settings: str, command: str = "CALL confiture.migrate()") -> Run:
        return Run(database, *settings, command=command)

    return start


@pytest.fixture
def other(database: Database) -> Iterator[Connection]:
    """A second session, which gets in the way."""
    connection = database.server.connect(database.name, name="the other")
    yield connection
    connection.close()


@pytest.fixture
def server_session(database: Database) -> Iterator[Callable[[], Connection]]:
    """Open further sessions."""
    opened: list[Connection] = []

    def session() -> Connection:
        opened.append(database.server.connect(database.name))
        return opened[-1]

    yield session
    for connection in opened:
        connection.close()


@pytest.fixture(scope="session")
def target_server(server: Server) -> Iterator[Target]:
    """Start a second server, configured as the first."""
    with tempfile.TemporaryDirectory(prefix="cf.", dir="/tmp") as folder:
        root = Path(folder)
        if os.getuid() == 0:
            as_owner = ["chown", "postgres", folder]
            subprocess.run(as_owner, check=True)
        root.chmod(0o755)
        data = root / "data"
        as_postgres(
            "initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"
        )
        configuration = (server.data / "postgresql.conf").read_text()
        (data / "postgresql.conf").write_text(configuration.replace(f"'{server.data.parent}'", f"'{root}'"))
        target = Target(data)
        target.start()
        yield target
        target.stop()


@pytest.fixture
def pair(database: Database, target_server: Target) -> Iterator[Pair]:
    """Make a database on each of the two servers."""
    target_server.wait_ready()
    both = Pair(database, target_server)
    yield both
    if not (target_server.data / "postmaster.pid").exists():
        target_server.start()
    target_server.wait_ready()
    with target_server.connect() as connection:
        connection.execute(f"DROP DATABASE {both.name} WITH (FORCE)")


@contextmanager
def small_tablespace(execute: Callable[[str], object], place: Path) -> Iterator[Callable[[str], None]]:
    """Make tablespace small of a server, which is soon full; call what comes to give it another size."""
    place.mkdir()
    for folder in (place, *list(place.parents)[:3]):
        folder.chmod(0o755)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small file system can't be mounted here")
    try:
        shutil.chown(place, "postgres")
        execute(f"CREATE TABLESPACE small LOCATION '{place}'")
        yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)
        execute("DROP SCHEMA app_new CASCADE")
        execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", place], check=True)
