"""Transitions to another server under load: two servers, one of which dies or goes away meanwhile."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from .conftest import Database
from .load import TABLE, Load, fill
from .server import Connection, Server, until

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
            connect_timeout=10,
        )

    def stop(self, mode: str = "immediate") -> None:
        """Stop it."""
        self._control("-m", mode, "stop")


@pytest.fixture(scope="module")
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

        def arrived() -> bool:
            try:
                self.source.execute(command)
            except psycopg.Error as problem:
                # CF031: the backend of a client that was killed has gone on meanwhile.
                if problem.sqlstate not in (*AWAY, "CF037", "CF031", "40001"):
                    raise
                time.sleep(0.1)
                return False
            return True

        until(arrived, command)

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
            thread.join(timeout=30)
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


def test_a_copy_that_is_kept_up_to_date(pair: Pair) -> None:
    """No write fails or waits for the target; all of them arrive, and are proven to have arrived."""
    pair.prepare()
    judge = pair.load()
    with judge.running():
        for wanted in ("captured", "catching_up", "mirrored", "validated"):
            pair.go(wanted)
            judge.wait(5)
        with pair.worker():
            judge.wait(30)
            for _ in range(3):
                assert pair.source.execute("SELECT * FROM confiture.transition_validate('t')") == []
                judge.wait(5)
    assert judge.errors == []
    assert pair.state() == "validated"
    pair.check_both(judge)


def test_an_outage_of_the_target_costs_writers_nothing(pair: Pair) -> None:
    """While the target is away writers go on; steps say so, and go on when it is back."""
    pair.prepare()
    judge = pair.load()
    with judge.running(), pair.worker():
        pair.go_on("validated")
        pair.server.stop()
        judge.wait(40)
        until(lambda: pair.status("problem") is not None, "the worker notices")
        with pytest.raises(psycopg.Error) as problem:
            pair.source.execute("SELECT * FROM confiture.transition_validate('t')")
        assert problem.value.sqlstate in AWAY
        assert "target of transition 't' is away" in str(problem.value)
        assert "server target" in (problem.value.diag.message_hint or "")
        assert int(str(pair.lag())) > 0
        pair.server.start()
        until(lambda: pair.status("problem") is None, "the worker goes on")
        judge.wait(5)
    assert judge.errors == []
    pair.check_both(judge)


def test_writers_that_write_both_servers(pair: Pair) -> None:
    """In mode synchronous both sides are equal without a worker; writers fail while the target is away."""
    pair.prepare(options='{"chunk_ms": 5, "mode": "synchronous"}')
    judge = pair.load(faults=True)
    validate = "SELECT * FROM confiture.transition_validate('t')"
    with judge.running():
        for wanted in ("captured", "catching_up", "mirrored", "validated"):
            pair.go(wanted)
            judge.wait(5)
        assert pair.source.execute(validate) == []
        judge.wait(20)
        assert judge.errors == []
        pair.server.stop()
        with pytest.raises(psycopg.Error) as problem:
            pair.source.execute("UPDATE app.items SET amount = amount WHERE id = 1")
        assert problem.value.sqlstate in AWAY
        pair.server.start()
        judge.wait(20)
        pair.source.connection.close()
        for _ in range(3):
            kill(pair, "source")
            pair.source.server.wait_ready()
            judge.wait(20)
        pair.source.connection = pair.source.server.connect_again(pair.name)
        # What the target committed when one of them died, and the source did not, is there alone.
        pair.again("SELECT confiture.transition_repair('t')")
        assert pair.source.execute(validate) == []
        judge.wait(5)
    assert judge.errors == []
    assert pair.lag() == "0"
    assert judge.damages(pair.source.connection, "app.items") == []
    with pair.server.connect(pair.name) as connection:
        assert judge.damages(connection, "app_new.items") == []


@pytest.mark.parametrize("seed", range(3))
def test_kills_at_random_moments(pair: Pair, seed: int) -> None:
    """Source, target, backend and worker die in every state before the cutover: nothing is lost."""
    chance = random.Random(seed)
    pair.prepare(rows=1200)
    judge = pair.load(rows=1200, faults=True, seed=seed)
    with judge.running(), pair.worker():
        for wanted in ("captured", "catching_up", "mirrored", "validated"):
            for _ in range(2):
                pair.source.connection.close()
                runner = pair.source.client(f"CALL confiture.transition_run('t', '{wanted}')")
                time.sleep(chance.random() * 0.15)
                kill(pair, chance.choice(("source", "target", "backend", "remote")))
                pair.source.server.wait_ready()
                pair.server.wait_ready()
                runner.kill()
                runner.wait()
            pair.source.connection = pair.source.server.connect_again(pair.name)
            pair.go_on(wanted)
            judge.wait(3)
    assert judge.errors == []
    pair.check_both(judge)
    assert pair.source.execute("SELECT * FROM confiture.transition_validate('t')") == []


def test_the_whole_way_under_load(pair: Pair) -> None:
    """Old sessions write on through the views, new ones in the target; there and back, nothing is lost."""
    pair.prepare()
    judge = pair.load()
    there = pair.load_there()
    with judge.running(), pair.worker():
        pair.go_on("cut_over")
        judge.wait(10)
        with there.running():
            there.wait(10)
        pair.source.execute("SELECT confiture.transition_rollback('t')")
        with pair.server.connect(pair.name) as connection, pytest.raises(psycopg.Error) as problem:
            connection.execute("DELETE FROM app_new.items")
        assert problem.value.sqlstate == "CF033"
        judge.wait(10)
        assert pair.state() == "rolled_back"
    # A transaction of postgres_fdw is REPEATABLE READ: who waits for a hot row is told.
    assert only(judge.errors, "40001") == []
    assert there.errors == []
    judge.join(there)
    pair.check_both(judge)


def test_contract_under_load(pair: Pair) -> None:
    """What is left is the target, and the view that old sessions use."""
    pair.prepare()
    judge = pair.load()
    with judge.running():
        pair.go("contracted")
        judge.wait(10)
    assert only(judge.errors, "40001") == []
    assert judge.damages(pair.source.connection, "app.items") == []
    with pair.server.connect(pair.name) as connection:
        assert judge.damages(connection, "app_new.items") == []
    assert pair.target_execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'confiture\\_%'") == [
        (0,)
    ]
    assert pair.target_execute(
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'confiture\\_transition%'"
    ) == [(0,)]


@pytest.mark.parametrize("seed", range(3))
def test_kills_around_the_cutover(pair: Pair, seed: int) -> None:
    """Source, target and backends die while tables change places, and back: nothing is lost."""
    chance = random.Random(seed)
    pair.prepare()
    judge = pair.load(faults=True, seed=seed)
    with judge.running(), pair.worker():
        pair.go_on("validated")
        for _ in range(2):
            for command in (
                "CALL confiture.transition_run('t', 'cut_over')",
                "SELECT confiture.transition_rollback('t')",
            ):
                pair.source.connection.close()
                runner = pair.source.client(command)
                time.sleep(chance.random() * 0.12)
                kill(pair, chance.choice(("source", "target", "backend", "remote")))
                pair.source.server.wait_ready()
                pair.server.wait_ready()
                runner.kill()
                runner.wait()
                pair.source.connection = pair.source.server.connect_again(pair.name)
                judge.wait(3)
                pair.again(command)
                judge.wait(3)
    assert only(judge.errors, "40001", "CF033") == []
    pair.check_both(judge)
    assert pair.source.execute("SELECT * FROM confiture.transition_validate('t')") == []


def kill(pair: Pair, victim: str) -> None:
    """Kill one of them the hard way."""
    if victim == "source":
        pair.source.server.crash()
        pair.source.server.start()
    elif victim == "target":
        pair.server.stop("immediate")
        pair.server.start()
    else:
        server, like = (
            (pair.source.server, "CALL confiture.transition_%")
            if victim == "backend"
            else (pair.server, "%confiture_remote%")
        )
        server.kill_query(pair.name, like)


def test_a_row_that_the_target_does_not_take(pair: Pair) -> None:
    """It is named; the transition goes on when it is mended."""
    pair.prepare(target=TABLE.replace("note text", "note text CHECK (note <> 'bad')"))
    pair.source.execute("UPDATE app.items SET note = 'bad' WHERE id = 1000007")
    with pytest.raises(psycopg.errors.CheckViolation) as problem:
        pair.go("validated")
    assert "(1000007, " in (problem.value.diag.message_detail or "")
    assert pair.state() == "copying"
    pair.source.execute("UPDATE app.items SET note = 'good' WHERE id = 1000007")
    pair.go("validated")
    pair.source.execute("UPDATE app.items SET note = 'bad' WHERE id = 1000008")
    with pytest.raises(psycopg.errors.CheckViolation) as problem:
        pair.source.execute("CALL confiture.transition_worker('t')")
    assert "(1000008, " in (problem.value.diag.message_detail or "")
    assert "mend it in the source" in (problem.value.diag.message_hint or "")
    assert "$1000" not in (problem.value.diag.context or "")
    pair.source.execute("UPDATE app.items SET note = 'good' WHERE id = 1000008")
    assert pair.source.execute("SELECT * FROM confiture.transition_validate('t')") == []


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


def test_abort_removes_every_trace_on_both_sides(pair: Pair) -> None:
    """From each state; and when the target is away, what is left there is named and can be removed there."""
    pair.prepare()
    pair.source.execute("SELECT confiture.transition_abort('t')")
    before = traces(pair)
    judge = pair.load()
    with judge.running():
        for wanted in ("captured", "catching_up", "mirrored", "validated"):
            pair.create()
            pair.go(wanted)
            judge.wait(3)
            pair.source.execute("SELECT confiture.transition_abort('t')")
            assert traces(pair) == before, wanted
        pair.create()
        pair.go("validated")
        pair.server.stop()
        warnings: list[str] = []
        pair.source.connection.add_notice_handler(lambda notice: warnings.append(str(notice.message_hint)))
        pair.source.execute("SELECT confiture.transition_abort('t')")
        assert pair.source.execute(TRACES) == before[: len(pair.source.execute(TRACES))]
        pair.server.start()
        assert "SELECT confiture.transition_abort('t')" in warnings[0]
        pair.target_execute("SELECT confiture.transition_abort('t')")
        assert traces(pair) == before
    assert judge.errors == []
    assert judge.damages(pair.source.connection, "app.items") == []
