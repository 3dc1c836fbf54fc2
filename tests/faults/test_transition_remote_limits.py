"""Transitions to another server at their limits: a full disk there, a transaction here that does not end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from .conftest import small_tablespace
from .load import TABLE
from .pair import TRACES, Pair, traces
from .server import Connection, until
from .test_transition import hurry


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Where the small disk is."""
    return tmp_path / "disk"


@pytest.fixture
def small_disk(pair: Pair, disk: Path) -> Iterator[Callable[[str], None]]:
    """Make tablespace small on the target."""
    with small_tablespace(pair.target_execute, disk) as resize:
        yield resize


def fill_up(disk: Path) -> Path:
    """Leave no room; return the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


def failure(pair: Pair) -> object:
    """The error that a background worker has left."""
    return pair.source.value("SELECT confiture.transition_status('t') #>> '{failure,sqlstate}'")


def test_a_full_disk_under_the_target(pair: Pair, small_disk: Callable[[str], None], disk: Path) -> None:
    """Writers do not notice; copy and worker stop, say where there is no room, and go on when there is."""
    pair.prepare(rows=8000, target=f"{TABLE} TABLESPACE small", options='{"chunk_ms": 20}')
    judge = pair.load(rows=8000)
    with judge.running():
        with pytest.raises(psycopg.errors.DiskFull) as problem:
            pair.go("validated")
        assert str(problem.value).startswith("the target of transition 't' has no room: ")
        assert "No space left on device" in str(problem.value)
        assert "of server target" in (problem.value.diag.message_hint or "")
        assert "$1000" not in (problem.value.diag.context or "")
        assert pair.state() == "copying"
        judge.wait(3)
        pair.source.execute("SELECT confiture.transition_start('t')")
        until(lambda: failure(pair) is not None, "the background worker tells of it")
        assert failure(pair) == "53100"
        small_disk("100m")
        pair.go("validated")
        ballast = fill_up(disk)
        pair.source.execute("SELECT confiture.transition_start('t')")
        until(lambda: failure(pair) is not None, "what is written meanwhile does not fit")
        assert failure(pair) == "53100"
        judge.wait(3)
        assert int(str(pair.lag())) > 0
        assert pair.state() == "validated"
        ballast.unlink()
        judge.wait(3)
    assert judge.errors == []
    pair.check_both(judge)
    assert pair.source.execute("SELECT * FROM confiture.transition_validate('t')") == []
    pair.source.execute("SELECT confiture.transition_abort('t')")


def test_a_chunk_that_is_sent_again(pair: Pair) -> None:
    """The target has committed it and the source has not, as after a crash in between: it says the same."""
    pair.prepare()
    pair.go("captured")
    pair.source.execute("SELECT confiture.transition_copy('t', 1)")
    sent = pair.target_execute("SELECT count(*) FROM app_new.items")
    assert sent != [(0,)]
    pair.source.execute(
        "UPDATE confiture.transition_chunk SET copied_at = NULL, row_count = NULL, elapsed_ms = NULL"
    )
    pair.source.execute("UPDATE app.items SET amount = amount + 1 WHERE id % 2 = 0")
    pair.source.execute("DELETE FROM app.items WHERE id % 7 = 0")
    pair.source.execute("SELECT confiture.transition_copy('t', 1)")
    assert pair.target_execute("SELECT count(*) FROM app_new.items") == sent
    pair.go("validated")
    rows = "SELECT id, amount, note, code FROM {} ORDER BY id"
    assert pair.target_execute(rows.format("app_new.items")) == pair.source.execute(rows.format("app.items"))


def test_a_value_that_the_target_does_not_take(pair: Pair) -> None:
    """What is too long for its column is told with the row that it is out of."""
    pair.prepare(target=TABLE.replace("note text", "note varchar(40)"))
    for key, command in (
        (1000007, "CALL confiture.transition_run('t')"),
        (1000008, "CALL confiture.transition_worker('t')"),
    ):
        pair.source.execute("UPDATE app.items SET note = repeat('x', 41) WHERE id = %s", key)
        with pytest.raises(psycopg.errors.StringDataRightTruncation) as problem:
            pair.source.execute(command)
        assert f"Column note, out of the row (id)=({key})." in (problem.value.diag.message_detail or "")
        pair.source.execute("UPDATE app.items SET note = repeat('x', 40) WHERE id = %s", key)
        pair.go("validated")
    assert pair.source.execute("SELECT * FROM confiture.transition_validate('t')") == []


def test_chunks_are_whole_batches(pair: Pair) -> None:
    """They take a second if nothing else is wanted; a batch of another size is a statement of its own."""
    pair.prepare(rows=2500, options="{}")
    assert pair.source.value("SELECT options ->> 'chunk_ms' FROM confiture.transition") == "1000"
    pair.source.execute("SELECT confiture.transition_abort('t')")
    pair.create('{"chunk_ms": 1}')
    pair.go("catching_up")
    chunks = "SELECT row_count FROM confiture.transition_chunk ORDER BY ordinal"
    counts = [int(str(row[0])) for row in pair.source.execute(chunks)]
    assert sum(counts) == 10005
    assert len(counts) > 4
    assert [count % 1000 for count in counts] == [0] * (len(counts) - 1) + [5]


@pytest.fixture
def idle(pair: Pair) -> Iterator[Connection]:
    """A session that is idle in a transaction for the whole test."""
    connection = pair.source.server.connect(pair.name, name="the sleeper")
    yield connection
    connection.close()


def test_an_idle_session_is_named(pair: Pair, idle: Connection) -> None:
    """The cutover gives up by its limit, names who is in the way, and changes nothing on either server."""
    pair.prepare()
    pair.source.execute("SELECT confiture.transition_abort('t')")
    before = traces(pair)
    pair.create()
    idle.execute("BEGIN; SELECT count(*) FROM app.items")
    judge = pair.load()
    with judge.running():
        with pair.worker():
            pair.go_on("validated")
            hurry(pair.source, 2)
            open_before = pair.target_execute(TRACES)
            with pytest.raises(psycopg.Error) as problem:
                pair.source.execute("SELECT confiture.transition_cutover('t')")
            assert problem.value.sqlstate == "CF036"
            detail = problem.value.diag.message_detail or ""
            for part in ("the sleeper", "idle in transaction", str(idle.info.backend_pid), "app.items"):
                assert part in detail
            assert pair.state() == "validated"
            # Nothing of the cutover is left, here or there: nobody but the transition may write the target.
            assert pair.target_execute(TRACES) == open_before
            kind = "SELECT relkind::text FROM pg_class WHERE oid = 'app.items'::regclass"
            assert pair.source.value(kind) == "r"
            with pair.server.connect(pair.name) as there, pytest.raises(psycopg.Error) as problem:
                there.execute("INSERT INTO app_new.items VALUES (90000001, 1, 'nobody', 'nobody')")
            assert problem.value.sqlstate == "CF033"
            judge.wait(5)
            assert pair.source.execute("SELECT * FROM confiture.transition_validate('t')") == []
        worker = pair.source.client("CALL confiture.transition_worker('t')")
        hurry(pair.source, 6)
        with pair.source.warnings() as warnings:
            assert pair.source.value("SELECT confiture.transition_abort('t')") == "aborting"
        assert "the sleeper" in warnings[0]
        assert worker.wait(timeout=60) == 0
        pair.source.execute("SELECT confiture.transition_start('t')")
        judge.wait(5)
        assert pair.state() == "aborting"
        idle.execute("COMMIT")
        until(lambda: pair.state() == "aborted", "the worker has done its work")
        assert traces(pair) == before
    assert judge.errors == []
    assert judge.damages(pair.source.connection, "app.items") == []
