"""The private server of tests/cluster.sh, seen from outside: it can be killed and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

# Long enough for a busy machine; nothing is expected to take this long.
PATIENCE = 120.0

Connection = psycopg.Connection[tuple[object, ...]]


def until(condition: Callable[[], bool], what: str | Callable[[], str]) -> None:
    """Wait until something is so; what it is may be found out in the end."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain: {what() if callable(what) else what}")
        time.sleep(0.005)


@dataclass(frozen=True)
class Process:
    """One process of the server."""

    pid: int
    title: str

    @property
    def is_worker(self) -> bool:
        """Whether it is a worker of Confiture."""
        return "confiture worker" in self.title

    def kill(self) -> None:
        """Kill it the hard way, and wait until the postmaster knows: from then on it takes no connection."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{self.pid}").exists(), f"{self.pid} is collected")


class Server:
    """The server whose data are in PGDATA."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = data.parent / "log"

    def connect(
        self, database: str = "postgres", port: str | None = None, name: str = "faults"
    ) -> Connection:
        """Open a connection in autocommit mode."""
        return psycopg.connect(
            dbname=database, port=port, application_name=name, autocommit=True, connect_timeout=60
        )

    def connect_again(self, database: str) -> Connection:
        """Open a connection, once it is to be had: the server may be starting again."""
        found: list[Connection] = []

        def connected() -> bool:
            with contextlib.suppress(psycopg.OperationalError):
                found.append(self.connect(database))
            return bool(found)

        until(connected, "the server takes connections")
        return found[0]

    @property
    def pid(self) -> int:
        """The postmaster's process."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def processes(self) -> list[Process]:
        """The postmaster's children."""
        parent = self.pid
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    title = (entry / "cmdline").read_text().replace("\0", " ").strip()
                    found.append(Process(int(entry.name), title))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def backend(self, database: str) -> Process | None:
        """The one backend of a client that is connected to a database."""
        for process in self.processes():
            if f" {database} [local]" in process.title:
                return process
        return None

    def kill_query(self, database: str, like: str) -> None:
        """Kill the backend that runs such a query, if there is one, the hard way."""
        row = None
        with contextlib.suppress(psycopg.OperationalError), self.connect(database) as connection:
            row = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE query LIKE %s AND pid <> pg_backend_pid()", [like]
            ).fetchone()
        if row is not None:
            Process(int(str(row[0])), like).kill()

    def worker(self) -> Process | None:
        """The worker of Confiture that is at work."""
        return next((process for process in self.processes() if process.is_worker), None)

    def crash(self) -> None:
        """Kill all of the server at once, as if the machine had lost its power."""
        postmaster = self.pid
        # Held still first: a child that it starts meanwhile would live on, and keep the memory.
        os.kill(postmaster, signal.SIGSTOP)
        until(partial(_is_in_state, postmaster, "T"), "the postmaster is held")
        children = self.processes()
        os.kill(postmaster, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        for pid in [postmaster, *(child.pid for child in children)]:
            until(partial(_is_gone, pid), f"{pid} is gone")
        # Where nobody collects the dead (a container), their files would look like those of a living server.
        for name in (self.data / "postmaster.pid", *self.data.parent.glob(".s.PGSQL.*")):
            name.unlink()

    def _control(self, *arguments: str) -> None:
        command = ["pg_ctl", "-D", str(self.data), "-l", str(self.log), "-w", "-t", "60", *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, capture_output=True, cwd="/")

    def start(self) -> None:
        """Start it."""
        self._control("start")

    def restart(self, mode: str = "fast") -> None:
        """Stop and start it."""
        self._control("-m", mode, "restart")

    def wait_ready(self) -> None:
        """Wait until it takes connections, also after it has restarted by itself."""

        def ready() -> bool:
            try:
                with self.connect() as connection:
                    connection.execute("SELECT 1")
            except psycopg.OperationalError:
                return False
            return True

        until(ready, "the server takes connections")

    def wait_alone(self, database: str) -> None:
        """Wait until nobody works in a database any more."""
        with self.connect() as connection:
            until(
                lambda: (
                    connection.execute(
                        "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
                        " AND backend_type IN ('client backend', 'confiture worker')",
                        [database],
                    ).fetchone()
                    is None
                ),
                "nobody is connected",
            )


def _is_in_state(pid: int, state: str) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == state


def _is_gone(pid: int) -> bool:
    try:
        return _is_in_state(pid, "Z")
    except (FileNotFoundError, ProcessLookupError):
        return True
