"""Transitions under load: every acknowledged write is on both sides, whatever is killed meanwhile."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from .conftest import Database, small_tablespace
from .load import TABLE, Load, fill
from .pair import only
from .server import PATIENCE, Connection, Process, until

WRITERS = 4
ROWS = 300
# Without a lock old and new sessions write both sides of a hot row at the same moment: one of two may fail.
DEADLOCKS: dict[str, tuple[str, ...]] = {"rename": (), "schema": ("40P01",)}


def prepare(database: Database, rows: int = ROWS, target: str = TABLE, options: str = "{}") -> None:
    """Make both tables, and plan the transition."""
    database.execute("CREATE SCHEMA app; CREATE SCHEMA app_new")
    database.execute(TABLE.format("app.items"))
    database.execute(target.format("app_new.items"))
    fill(database.connection, "app.items", rows, WRITERS)
    database.execute("ANALYZE app.items")
    database.execute("SELECT confiture.transition_create('t', 'app', 'app_new', options => %s)", options)


def load(database: Database, rows: int = ROWS, **options: object) -> Load:
    """Make writers for the table of the application."""
    return Load(database.server, database.name, *["app.items"] * WRITERS, rows=rows, **options)  # type: ignore[arg-type]


def state(database: Database) -> object:
    """The state of the transition."""
    return database.value("SELECT confiture.transition_status('t') ->> 'state'")


def check_both(database: Database, judge: Load) -> None:
    """Both sides are what was acknowledged."""
    for table in ("app.items", "app_new.items"):
        assert judge.damages(database.connection, table) == [], table


def go(database: Database, wanted: str) -> None:
    """Run until a state."""
    database.execute(f"CALL confiture.transition_run('t', '{wanted}')")


@pytest.mark.parametrize("swap", ["rename", "schema"])
def test_all_states_under_load(database: Database, swap: str) -> None:
    """No write fails or is lost, there and back again; contract leaves one table."""
    prepare(database, options=f'{{"swap": "{swap}"}}')
    judge = load(database)
    with judge.running():
        for wanted in ("captured", "catching_up", "mirrored", "validated", "cut_over"):
            go(database, wanted)
            judge.wait(5)
        database.execute("SELECT confiture.transition_rollback('t')")
        judge.wait(5)
        go(database, "cut_over")
    assert only(judge.errors, *DEADLOCKS[swap]) == []
    check_both(database, judge)
    assert database.execute("SELECT * FROM confiture.transition_validate('t')") == []
    go(database, "contracted")
    assert judge.damages(database.connection, "app.items") == []
    assert database.value("SELECT to_regclass('app_new.items')") is None


def test_the_log_is_emptied_while_rows_are_copied(database: Database) -> None:
    """A slow copy by two sessions: the log does not grow with its time, and nothing is lost by that."""
    prepare(database, rows=2000, options='{"chunk_ms": 5, "max_rate": 100}')
    judge = load(database, rows=2000)
    drained = "SELECT min(drained_at) FROM confiture.transition_table"
    with judge.running():
        go(database, "captured")
        both = [
            client(database, f"CALL confiture.transition_{command}")
            for command in ("run('t', 'catching_up')", "worker('t')")
        ]
        until(lambda: database.value(drained) is not None, "the log is emptied")
        assert state(database) == "copying"
        database.execute("SELECT confiture.transition_set('t', '{\"max_rate\": null}')")
        assert [each.wait(PATIENCE) for each in both] == [0, 0]
        go(database, "validated")
        judge.wait(3)
    assert judge.errors == []
    check_both(database, judge)
    assert database.execute("SELECT * FROM confiture.transition_validate('t')") == []


def background(database: Database) -> object:
    """How many background workers the transition has."""
    return database.value("SELECT jsonb_array_length(confiture.transition_status('t') -> 'workers')")


def broken(database: Database) -> bool:
    """Whether the server has ended our session."""
    try:
        database.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


def test_background_workers_outlive_the_client(database: Database) -> None:
    """They go on when who started them is gone, end with a crash, and another start goes on from there."""
    prepare(database, rows=2000, options='{"chunk_ms": 5, "max_rate": 100}')
    judge = load(database, rows=2000, faults=True)
    start = "SELECT confiture.transition_start('t', workers => 3)"
    with judge.running():
        database.client(start).wait()
        assert background(database) == 3
        until(lambda: state(database) == "copying", "rows are copied")
        victim = database.value("SELECT min(pid) FROM confiture._transition_workers(1)")
        Process(int(str(victim)), "worker").kill()
        until(lambda: broken(database), "the server starts again")
        database.server.wait_ready()
        database.connection = database.server.connect_again(database.name)
        assert background(database) == 0
        assert state(database) == "copying"
        database.execute(start)
        assert database.value("SELECT confiture.transition_stop('t')") == 3
        database.execute("SELECT confiture.transition_set('t', '{\"max_rate\": null}')")
        database.client(start).wait()
        until(lambda: background(database) == 0, "the background workers have done their work")
        judge.wait(3)
    assert state(database) == "validated"
    assert judge.errors == []
    check_both(database, judge)


def test_two_starts_at_once(database: Database) -> None:
    """One of them drives; the other is told so."""
    prepare(database, rows=2000, options='{"chunk_ms": 5, "max_rate": 100}')
    starts = [database.client("SELECT confiture.transition_start('t')") for _ in range(4)]
    assert sorted(each.wait() for each in starts) == [0, 1, 1, 1]
    assert background(database) == 1
    assert database.value("SELECT confiture.transition_stop('t')") == 1


def test_contract_under_load(database: Database) -> None:
    """The end does not fail a write either."""
    prepare(database)
    judge = load(database)
    with judge.running():
        go(database, "contracted")
    assert judge.errors == []
    assert judge.damages(database.connection, "app.items") == []


def test_abort_under_load_removes_every_trace(database: Database) -> None:
    """From each state: the source is untouched, the target is empty and as it was."""
    prepare(database)
    before = traces(database)
    judge = load(database)
    with judge.running():
        for wanted in ("captured", "catching_up", "mirrored", "validated"):
            go(database, wanted)
            judge.wait(3)
            database.execute("SELECT confiture.transition_abort('t')")
            assert traces(database) == before, wanted
            database.execute("SELECT confiture.transition_create('t', 'app', 'app_new')")
            judge.wait(3)
    assert judge.errors == []
    assert judge.damages(database.connection, "app.items") == []


def traces(database: Database) -> list[tuple[object, ...]]:
    """What a transition could leave behind: triggers, relations, constraints, rows."""
    return database.execute(
        """
        SELECT 'trigger', tgrelid::regclass::text, tgname::text FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'relation', n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n
            ON n.oid = c.relnamespace WHERE n.nspname LIKE 'app%' OR n.nspname LIKE 'confiture\\_%'
        UNION ALL SELECT 'constraint', conrelid::regclass::text, conname FROM pg_constraint
            WHERE connamespace IN ('app'::regnamespace, 'app_new'::regnamespace)
        UNION ALL SELECT 'rows', count(*)::text, '' FROM app_new.items
        UNION ALL SELECT 'chunks', count(*)::text, '' FROM confiture.transition_chunk
        ORDER BY 1, 2, 3"""
    )


def test_both_versions_side_by_side(database: Database) -> None:
    """Both versions write their own table; both are equal at every moment, and a cutover comes through."""
    prepare(database, options='{"lock_retries": 300}')
    database.execute(f"ALTER DATABASE {database.name} SET deadlock_timeout = '100ms'")
    database.reconnect()
    old = Load(database.server, database.name, "app.items", "app.items", rows=ROWS)
    new = Load(database.server, database.name, "app_new.items", "app_new.items", rows=ROWS, first=3)
    with old.running():
        go(database, "mirrored")
        with new.running():
            old.wait(30)
            for _ in range(5):
                assert database.execute("SELECT * FROM confiture.transition_validate('t')") == []
            go(database, "cut_over")
            new.wait(5)
            database.execute("SELECT confiture.transition_rollback('t')")
            old.wait(5)
    # The same hot row, written from both sides at once: the server may end one of the two.
    assert [error for error in old.errors + new.errors if not error.startswith("40P01")] == []
    old.join(new)
    check_both(database, old)


def test_writers_do_not_wait(database: Database) -> None:
    """No step holds a writer up for more than a moment, beyond what the machine does by itself."""
    prepare(database, rows=3000)
    judge = load(database, rows=3000)
    rounds: list[tuple[float, float]] = []
    with judge.running():
        while True:
            judge.forget_longest()
            judge.wait(30)
            baseline = judge.longest
            go(database, "cut_over")
            judge.wait(10)
            rounds.append((baseline, judge.longest))
            if judge.longest < max(baseline, 0.1) + 0.5:
                break
            # A step that holds writers up does so every time, a machine that has other things to do does not.
            assert len(rounds) < 10, rounds
            for step in ("rollback('t')", "abort('t')", "create('t', 'app', 'app_new')"):
                database.execute(f"SELECT confiture.transition_{step}")
    assert judge.errors == []
    check_both(database, judge)


def test_truncate_is_captured_and_mirrored(database: Database) -> None:
    """TRUNCATE in every state empties both sides."""
    prepare(database)
    database.execute(
        "CREATE VIEW counts (source, target) AS"
        " SELECT (SELECT count(*) FROM app.items), (SELECT count(*) FROM app_new.items)"
    )
    go(database, "captured")
    database.execute("SELECT confiture.transition_copy('t', 1)")
    database.execute("TRUNCATE app.items")
    fill(database.connection, "app.items", 5, 1)
    go(database, "mirrored")
    assert database.execute("TABLE counts") == [(10, 10)]
    database.execute("TRUNCATE app_new.items")
    assert database.execute("TABLE counts") == [(0, 0)]
    fill(database.connection, "app_new.items", 5, 1)
    assert database.execute("TABLE counts") == [(10, 10)]
    database.execute("TRUNCATE app.items")
    assert database.execute("TABLE counts") == [(0, 0)]
    assert database.execute("SELECT * FROM confiture.transition_validate('t')") == []


@pytest.fixture
def idle(database: Database) -> Iterator[Connection]:
    """A session that is idle in a transaction for the whole test."""
    connection = database.server.connect(database.name, name="the sleeper")
    yield connection
    connection.close()


def hurry(database: Database, retries: int) -> None:
    """Let the steps from now on have so much patience with locks; those before had to get theirs."""
    options = f'{{"lock_retries": {retries}, "lock_timeout": "20ms"}}'
    database.execute("SELECT confiture.transition_set('t', %s)", options)


@pytest.mark.parametrize("table", ["app.items", "app_new.items"])
def test_an_idle_session_is_named(database: Database, idle: Connection, table: str) -> None:
    """The cutover gives up by its limit, names who is in the way, and leaves everything working."""
    prepare(database)
    before = traces(database)
    judge = load(database)
    with judge.running():
        go(database, "validated")
        hurry(database, 2)
        idle.execute(f"BEGIN; SELECT count(*) FROM {table}")
        with pytest.raises(psycopg.Error) as problem:
            database.execute("SELECT confiture.transition_cutover('t')")
        assert problem.value.sqlstate == "CF036"
        detail = problem.value.diag.message_detail or ""
        assert "the sleeper" in detail
        assert "idle in transaction" in detail
        assert str(idle.info.backend_pid) in detail
        assert table in detail
        assert state(database) == "validated"
        judge.wait(5)
        # One that has written is in the way of the abort, too.
        hurry(database, 6)
        with database.server.connect(database.name, name="the writer") as writer:
            writer.execute(f"BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
            with pytest.raises(psycopg.Error) as problem:
                database.execute("SELECT confiture.transition_abort('t')")
            assert problem.value.sqlstate == "CF036"
            assert "the writer" in (problem.value.diag.message_detail or "")
            assert "the sleeper" not in (problem.value.diag.message_detail or "")
            assert state(database) == "validated"
        judge.wait(5)
        # One that has only read keeps nobody from being let go.
        with database.warnings() as warnings:
            assert database.value("SELECT confiture.transition_abort('t')") == "aborting"
        assert "the sleeper" in warnings[0]
        judge.wait(5)
        assert database.value("SELECT count(*) FROM app_new.items") != 0
        assert background(database) == 0
        with pytest.raises(psycopg.Error) as problem:
            database.execute("CALL confiture.transition_run('t')")
        assert problem.value.sqlstate == "CF031"
        with pytest.raises(psycopg.Error) as problem:
            database.execute("SELECT confiture.transition_abort('t')")
        assert problem.value.sqlstate == "CF036"
        # A background worker waits for it.
        database.execute("SELECT confiture.transition_start('t')")
        judge.wait(5)
        assert state(database) == "aborting"
        assert background(database) == 1
        idle.execute("ROLLBACK")
        until(lambda: background(database) == 0, "the worker has done its work")
        assert state(database) == "aborted"
        assert traces(database) == before
    assert judge.errors == []
    assert judge.damages(database.connection, "app.items") == []


def test_an_idle_session_does_not_stop_the_exchange_of_schemas(database: Database, idle: Connection) -> None:
    """swap "schema" takes no lock on tables."""
    prepare(database, options='{"swap": "schema"}')
    judge = load(database)
    with judge.running():
        go(database, "validated")
        hurry(database, 2)
        idle.execute("BEGIN; SELECT count(*) FROM app.items")
        database.execute("SELECT confiture.transition_cutover('t')")
        judge.wait(5)
        database.execute("SELECT confiture.transition_rollback('t')")
        judge.wait(5)
        database.execute("CALL confiture.transition_run('t', 'cut_over')")
        judge.wait(5)
    assert only(judge.errors, *DEADLOCKS["schema"]) == []
    check_both(database, judge)


def test_an_old_snapshot_stops_the_cutover(database: Database, idle: Connection) -> None:
    """Who looks at the database as it was before the copy would find the new table empty."""
    prepare(database, options='{"swap": "schema", "lock_retries": 1}')
    idle.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM pg_class")
    go(database, "validated")
    with pytest.raises(psycopg.Error) as problem:
        database.execute("SELECT confiture.transition_cutover('t')")
    assert problem.value.sqlstate == "CF036"
    assert "the sleeper" in (problem.value.diag.message_detail or "")
    idle.execute("COMMIT")
    database.execute("SELECT confiture.transition_cutover('t')")


@pytest.fixture
def small_disk(database: Database, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Make tablespace small."""
    with small_tablespace(database.execute, tmp_path / "disk") as resize:
        yield resize


def test_a_full_disk_under_the_target(database: Database, small_disk: Callable[[str], None]) -> None:
    """Writers do not notice; the copy stops, says so, and goes on when there is room."""
    prepare(
        database,
        rows=8000,
        target=f"{TABLE} TABLESPACE small",
        options='{"chunk_ms": 20, "disk": false}',
    )
    judge = load(database, rows=8000)
    with judge.running():
        with pytest.raises(psycopg.errors.DiskFull):
            go(database, "validated")
        assert state(database) == "copying"
        judge.wait(3)
        database.execute("SELECT confiture.transition_start('t')")
        until(lambda: failure(database) is not None, "the background worker tells of it")
        assert failure(database) == "53100"
        judge.wait(3)
        small_disk("100m")
        go(database, "validated")
        judge.wait(3)
    assert judge.errors == []
    check_both(database, judge)
    assert database.execute("SELECT * FROM confiture.transition_validate('t')") == []
    database.execute("SELECT confiture.transition_abort('t')")


def failure(database: Database) -> object:
    """The error that a background worker has left."""
    return database.value("SELECT confiture.transition_status('t') #>> '{failure,sqlstate}'")


def client(database: Database, command: str) -> subprocess.Popen[bytes]:
    """Start psql, which can be killed."""
    return database.client(command)


@pytest.mark.parametrize("seed", range(6))
def test_kills_at_random_moments(database: Database, seed: int) -> None:
    """Client, backend, copying worker and server are killed in every state: nothing is lost."""
    chance = random.Random(seed)
    prepare(database, rows=1500, options='{"chunk_ms": 5}')
    judge = load(database, rows=1500, faults=True, seed=seed)
    with judge.running():
        for wanted in ("captured", "catching_up", "validated", "cut_over"):
            for _ in range(2):
                database.connection.close()
                runner = client(database, f"CALL confiture.transition_run('t', '{wanted}')")
                worker = client(database, "CALL confiture.transition_worker('t')")
                time.sleep(chance.random() * 0.12)
                victim = chance.choice(("client", "backend", "server", "worker"))
                kill(database, victim, runner, worker)
                database.server.wait_ready()
                for process in (runner, worker):
                    process.kill()
                    process.wait()
            database.connection = database.server.connect_again(database.name)
            until(lambda: settled(database), "nobody works on the transition")
            go(database, wanted)
            judge.wait(3)
        database.execute("SELECT confiture.transition_rollback('t')")
        judge.wait(3)
    assert judge.errors == []
    check_both(database, judge)
    assert database.execute("SELECT * FROM confiture.transition_validate('t')") == []


def settled(database: Database) -> bool:
    """Whether what was killed is gone."""
    return (
        database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE 'CALL confiture.%' AND state = 'active' AND pid <> pg_backend_pid()"
        )
        == 0
    )


def kill(
    database: Database, victim: str, runner: subprocess.Popen[bytes], worker: subprocess.Popen[bytes]
) -> None:
    """Kill one of them the hard way."""
    if victim == "client":
        runner.kill()
    elif victim == "server":
        database.server.crash()
        database.server.start()
    else:
        like = (
            "CALL confiture.transition_run%" if victim == "backend" else "CALL confiture.transition_worker%"
        )
        database.server.kill_query(database.name, like)
