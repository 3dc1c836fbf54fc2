"""The command line that drives a transition is killed, and nothing else: the server is none the worse for it.

What it has called goes on, or has stopped at the end of a transaction; the same command, given again,
brings the transition to where it was to go.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from .conftest import Database
from .load import Load
from .pair import Pair, only
from .server import PATIENCE, Connection, until
from .test_transition import check_both, go, load, prepare, state

ROWS = 1500
PATIENT = '{"chunk_ms": 5, "lock_timeout": "20ms", "lock_retries": 10000}'
RUN = ("transition", "run", "t")
MOVE = ("migrate", "schema-to-schema", "--from", "app", "--to", "app_new", "--name", "t")
SLOW = ("--option", "chunk_ms=5", "--option", "max_rate=100")
COMMANDS = pytest.mark.parametrize("command", [RUN, MOVE], ids=["run", "move"])
COPYING = """
    SELECT EXISTS (SELECT FROM confiture.transition AS t
        JOIN confiture.transition_table AS p ON p.transition = t.id
        JOIN confiture.transition_chunk AS c ON c.pair = p.id
        WHERE t.live AND t.state = 'copying' AND c.copied_at IS NOT NULL)"""


class Client:
    """The command line, as a process that can be killed."""

    def __init__(self, database: Database, folder: Path, *command: str) -> None:
        self.database = database
        self.command = [str(Path(sys.executable).with_name("confiture")), *command]
        self.folder = folder

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start it."""
        return subprocess.Popen(
            [*self.command, *arguments],
            cwd=self.folder,
            env={**os.environ, "DATABASE_URL": f"postgresql:///{self.database.name}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def run(self, wanted: str) -> None:
        """Run it to its end, which must be a good one."""
        process = self.start("--until", wanted, "--jobs", "2")
        _, problem = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, problem.decode()
        assert state(self.database) == wanted

    @contextmanager
    def killed(self, *arguments: str) -> Iterator[None]:
        """Start it, and kill it at the end of the block."""
        process = self.start(*arguments)
        try:
            yield
            assert process.poll() is None, "it has ended before it could be killed"
        finally:
            process.kill()
            process.communicate()

    def killed_in_the_copy(self, judge: Load) -> None:
        """Kill it while two sessions copy at a limited rate; then let what goes on be as fast as it can."""
        with self.killed("--jobs", "2"):
            until(lambda: self.database.value(COPYING) is True, "rows are copied")
        judge.wait(3)
        assert self.database.value(COPYING) is True
        self.database.execute("SELECT confiture.transition_set('t', '{\"max_rate\": null}')")
        until(lambda: settled(self.database), "what it has called has ended")
        assert state(self.database) in ("copying", "catching_up", "mirrored", "validated")

    def killed_at_a_lock(self, holder: Connection, lock: str, wanted: str) -> None:
        """Kill it while a session of somebody else keeps it from going on; then that ends its transaction."""
        before = state(self.database)
        holder.execute(f"BEGIN; LOCK TABLE {lock} MODE")
        with waiting_for(holder) as waiting, self.killed("--until", wanted):
            until(waiting, "it waits for the lock")
        assert state(self.database) == before
        holder.execute("COMMIT")
        until(lambda: settled(self.database), "what it has called has ended")
        assert state(self.database) in (before, "mirrored", "validated", wanted)


def settled(database: Database) -> bool:
    """Whether nobody drives the transition any more. A worker may go on."""
    return not database.execute(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        " AND query LIKE 'CALL confiture.transition_run%'"
    )


@contextmanager
def waiting_for(holder: Connection) -> Iterator[Callable[[], bool]]:
    """Look, from another session of its server, whether somebody waits for what a session holds."""
    query = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND %s = ANY (pg_blocking_pids(pid)))"
    with psycopg.connect(holder.info.dsn, autocommit=True) as other:
        yield lambda: other.execute(query, [holder.info.backend_pid]).fetchone() == (True,)


@pytest.fixture
def holder(database: Database) -> Iterator[Connection]:
    """A session of the application."""
    connection = database.server.connect(database.name, name="the holder")
    yield connection
    connection.close()


@COMMANDS
def test_killed_in_the_copy(database: Database, tmp_path: Path, command: tuple[str, ...]) -> None:
    """In one database, while rows are copied."""
    prepare(database, rows=ROWS, options='{"chunk_ms": 5, "max_rate": 100}')
    judge = load(database, rows=ROWS)
    if command is MOVE:
        # It makes the transition too.
        database.execute("SELECT confiture.transition_abort('t')")
    with judge.running():
        first = SLOW if command is MOVE else ()
        Client(database, tmp_path, *command, *first).killed_in_the_copy(judge)
        Client(database, tmp_path, *command).run("validated")
        judge.wait(3)
    assert judge.errors == []
    check_both(database, judge)


@COMMANDS
def test_killed_at_a_lock(
    database: Database, holder: Connection, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """In one database, while it waits to mirror, and to cut over."""
    prepare(database, rows=ROWS, options=PATIENT)
    judge = load(database, rows=ROWS)
    client = Client(database, tmp_path, *command)
    with judge.running():
        go(database, "catching_up")
        client.killed_at_a_lock(holder, "app.items IN ROW EXCLUSIVE", "validated")
        client.run("validated")
        judge.wait(3)
        client.killed_at_a_lock(holder, "app.items IN ACCESS SHARE", "cut_over")
        client.run("cut_over")
        judge.wait(3)
    assert judge.errors == []
    check_both(database, judge)
    assert database.execute("SELECT * FROM confiture.transition_validate('t')") == []


@COMMANDS
def test_killed_in_the_copy_to_another_server(pair: Pair, tmp_path: Path, command: tuple[str, ...]) -> None:
    """To another server, while rows are copied."""
    pair.prepare(rows=ROWS, options='{"chunk_ms": 5, "max_rate": 100}')
    judge = pair.load(rows=ROWS)
    if command is MOVE:
        pair.source.execute("SELECT confiture.transition_abort('t')")
        command = (*MOVE, "--server", "target")
    with judge.running():
        first = SLOW if "--server" in command else ()
        Client(pair.source, tmp_path, *command, *first).killed_in_the_copy(judge)
        Client(pair.source, tmp_path, *command).run("validated")
        judge.wait(3)
    assert judge.errors == []
    pair.check_both(judge)


@COMMANDS
def test_killed_at_a_lock_of_another_server(
    pair: Pair, holder: Connection, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """To another server, while indexes are built there, and while it waits to cut over."""
    pair.prepare(rows=ROWS, options=PATIENT)
    judge = pair.load(rows=ROWS)
    client = Client(pair.source, tmp_path, *command)
    with judge.running(), pair.worker():
        pair.go("catching_up")
        with pair.server.connect(pair.name) as there:
            client.killed_at_a_lock(there, "app_new.items IN ROW EXCLUSIVE", "validated")
        client.run("validated")
        judge.wait(3)
        client.killed_at_a_lock(holder, "app.items IN ACCESS SHARE", "cut_over")
        client.run("cut_over")
        judge.wait(3)
        pair.source.execute("SELECT confiture.transition_rollback('t')")
        judge.wait(3)
    # A transaction of postgres_fdw is REPEATABLE READ: who waits for a hot row is told.
    assert only(judge.errors, "40001") == []
    pair.check_both(judge)
    assert pair.source.execute("SELECT * FROM confiture.transition_validate('t')") == []
