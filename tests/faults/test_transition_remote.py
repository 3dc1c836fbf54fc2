"""Transitions to another server under load: two servers, one of which dies or goes away meanwhile."""

from __future__ import annotations

import random
import time

import psycopg
import pytest

from .load import TABLE
from .pair import AWAY, TRACES, Pair, only, traces
from .server import until


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
        assert judge.errors == []
        for _ in range(3):
            kill(pair, "source")
            pair.source.server.wait_ready()
            judge.wait(20)
        pair.source.connection = pair.source.server.connect_again(pair.name)
        # What the target committed when one of them died, and the source did not, is there alone.
        pair.again("SELECT confiture.transition_repair('t')")
        judge.wait(5)
        met = len(judge.errors)
        assert pair.source.execute(validate) == []
        judge.wait(20)
    # A write that has met such a row was refused by the target, until all was repaired.
    assert [error for error in judge.errors if not ghostly(error)] == []
    assert len(judge.errors) == met
    assert pair.lag() == "0"
    assert judge.damages(pair.source.connection, "app.items") == []
    with pair.server.connect(pair.name) as connection:
        assert judge.damages(connection, "app_new.items") == []


def ghostly(error: str) -> bool:
    """Whether a write was refused for a unique value that a row has which the target alone has."""
    return error.startswith("23505") and "items_code_key" in error and "remote SQL command" in error


def test_a_row_that_only_the_target_has_refuses_writes(pair: Pair) -> None:
    """In mode synchronous, where its unique value is wanted elsewhere; the repair mends it."""
    pair.prepare(options='{"chunk_ms": 5, "mode": "synchronous"}')
    pair.go("validated")
    # As if the source had died before it committed a new key that the target has committed.
    pair.target_execute(
        "BEGIN; ALTER TABLE app_new.items DISABLE TRIGGER USER; UPDATE app_new.items SET id = 1900007"
        " WHERE id = 1000007; ALTER TABLE app_new.items ENABLE ALWAYS TRIGGER confiture_transition; COMMIT"
    )
    for wanted in ("amount = amount + 1", "id = 1900008"):
        with pytest.raises(psycopg.errors.UniqueViolation) as problem:
            pair.source.execute(f"UPDATE app.items SET {wanted} WHERE id = 1000007")
        assert ghostly(f"{problem.value.sqlstate}: {problem.value}")
    assert pair.source.execute(
        "SELECT key[1], difference FROM confiture.transition_validate('t') ORDER BY 1"
    ) == [
        ("1000007", "only in the source"),
        ("1900007", "only in the target"),
    ]
    assert pair.source.value("SELECT confiture.transition_repair('t')") == 2
    pair.source.execute("UPDATE app.items SET id = 1900008 WHERE id = 1000007")
    assert pair.source.execute("SELECT * FROM confiture.transition_validate('t')") == []


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
            connection.execute("INSERT INTO app_new.items VALUES (90000001, 1, 'nobody', 'nobody')")
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
