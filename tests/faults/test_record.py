"""Killed while the schema that migrations have left is recorded: the old record is there, or the new one."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import pytest

from .conftest import Database, Run
from .server import Connection, until
from .standby import standby

Start = Callable[..., Run]

# Holds up whoever records, before or after the row is there; the record before has lost its snapshot then.
STOP = """
CREATE SCHEMA aside;
CREATE FUNCTION aside.stop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_lock(1);
    RETURN new;
END
$$;
CREATE TABLE t (a int);
CREATE VIEW v AS SELECT a FROM t;
"""
# How the recording is held up, by the other session.
HOLD_UP = {
    "reading": "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE",
    "before": "SELECT pg_advisory_lock(1); CREATE TRIGGER stop BEFORE INSERT ON confiture.schema_record"
    " FOR EACH ROW EXECUTE FUNCTION aside.stop()",
    "after": "SELECT pg_advisory_lock(1); CREATE TRIGGER stop AFTER INSERT ON confiture.schema_record"
    " FOR EACH ROW EXECUTE FUNCTION aside.stop()",
}


def report(database: Database) -> dict[str, Any]:
    """Check that one record is whole; return what drift() and its sisters tell."""
    assert database.execute(
        "SELECT count(*), bool_and(hash = confiture.snapshot_hash(snapshot)),"
        " bool_and(facts = (SELECT count(*) FROM jsonb_object_keys(snapshot -> 'facts')))"
        " FROM confiture.schema_record WHERE snapshot IS NOT NULL"
    ) == [(1, True, True)]
    told = database.value("SELECT confiture.drift_report()")
    assert isinstance(told, dict)
    return told


def differences(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Identities and origins of what drift tells."""
    return [(row["identity"], row["origin"]) for row in told["differences"]]


def recorded(database: Database) -> object:
    """The record as it is kept."""
    return database.execute(
        "SELECT id, recorded_at, hash, snapshot::text FROM confiture.schema_record ORDER BY id"
    )


@pytest.fixture
def ready(database: Database) -> Database:
    """A first migration is applied and recorded, the second registered."""
    database.execute(STOP)
    database.register("1", "CREATE TABLE one (a int)")
    database.execute("CALL confiture.migrate()")
    assert report(database)["count"] == 0
    database.register("2", "CREATE TABLE two (a int)")
    return database


def hold_up(database: Database, other: Connection, run: Start, where: str, command: str) -> Run:
    """Start a run and wait until its recording waits."""
    other.execute(HOLD_UP[where])
    started = run("confiture.lock_timeout = 0", command=command)
    until(
        lambda: (
            bool(
                database.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
                    " OR leader_pid = %s AND wait_event_type = 'Lock'",
                    started.pid,
                    started.pid,
                )
            )
            or started.done
        ),
        "the recording waits",
    )
    assert not started.done, started.error
    return started


def end(database: Database, started: Run, other: Connection, victim: str) -> None:
    """End the run in some way; its error has to come."""
    if victim == "server":
        database.server.crash()
        database.server.start()
    elif victim == "immediate":
        database.server.restart("immediate")
    elif victim == "terminated":
        database.execute("SELECT pg_terminate_backend(%s)", started.pid)
    else:
        next(p for p in database.server.processes() if p.pid == started.pid).kill()
    assert started.wait() is not None
    other.close()
    database.reconnect()
    database.execute("DROP TRIGGER IF EXISTS stop ON confiture.schema_record")


@pytest.mark.parametrize("victim", ["backend", "server", "immediate", "terminated"])
@pytest.mark.parametrize("where", sorted(HOLD_UP))
def test_killed(ready: Database, other: Connection, run: Start, where: str, victim: str) -> None:
    """What was applied is applied; the record before is the one that counts; drift says that it is old."""
    before = recorded(ready)
    started = hold_up(ready, other, run, where, "CALL confiture.migrate()")
    end(ready, started, other, victim)
    assert ready.states() == {"1": "applied", "2": "applied"}
    assert recorded(ready) == before
    told = report(ready)
    assert told["record"]["stale"] is True
    assert differences(told) == [("table public.two", "by hand")]
    # The next run sees to it.
    ready.register("3", "CREATE TABLE three (a int)")
    ready.execute("CALL confiture.migrate()")
    told = report(ready)
    assert (told["record"]["stale"], told["count"]) == (False, 0)
    ready.execute("ALTER TABLE two ADD COLUMN by_hand int")
    assert differences(report(ready)) == [("column public.two.by_hand", "by hand")]


@pytest.mark.parametrize("victim", ["backend", "server"])
@pytest.mark.parametrize("where", sorted(HOLD_UP))
def test_killed_atomic(ready: Database, other: Connection, run: Start, where: str, victim: str) -> None:
    """In one transaction with the migration: neither is there."""
    before = recorded(ready)
    started = hold_up(ready, other, run, where, "SELECT confiture.migrate_up()")
    end(ready, started, other, victim)
    assert ready.states() == {"1": "applied", "2": "pending"}
    assert recorded(ready) == before
    told = report(ready)
    assert (told["record"]["stale"], told["count"]) == (False, 0)
    ready.execute("SELECT confiture.migrate_up()")
    told = report(ready)
    assert (told["record"]["stale"], told["count"]) == (False, 0)


# FAULT_SEEDS=200 looks for longer.
@pytest.mark.parametrize("seed", range(int(os.environ.get("FAULT_SEEDS", "6"))))
def test_killed_at_random_moments(database: Database, run: Start, seed: int) -> None:
    """The record is that of before, or that of afterwards; which one, drift says."""
    chance = random.Random(seed)
    database.execute(
        "SET client_min_messages = error; DO $$ BEGIN FOR i IN 1 .. 150 LOOP EXECUTE format("
        "'CREATE TABLE t%s (id int PRIMARY KEY, a text UNIQUE, b int CHECK (b > 0));"
        " CREATE VIEW v%s AS SELECT * FROM t%s', i, i, i); END LOOP; END $$"
    )
    database.execute("SELECT confiture.record_schema()")
    for number in range(4):
        told = report(database)
        database.register(f"{number}", f"CREATE TABLE made_{number} (a int)")
        old = told["record"]["id"]
        started = run()
        applied = partial(
            database.execute, "SELECT 1 FROM confiture.tb_confiture WHERE version = %s", f"{number}"
        )
        until(lambda run=started, applied=applied: bool(applied()) or run.done, "it is applied")  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.3))
        victim = chance.choice(["backend", "server"])
        if victim == "server":
            database.server.crash()
            database.server.start()
        else:
            for process in database.server.processes():
                if process.pid == started.pid:
                    process.kill()
        started.wait()
        database.reconnect()
        assert database.states()[str(number)] == "applied"
        told = report(database)
        if told["record"]["id"] == old:
            assert told["record"]["stale"] is True
            assert (f"table public.made_{number}", "by hand") in differences(told)
        else:
            assert (told["record"]["stale"], told["count"]) == (False, 0)
    database.execute("SELECT confiture.record_schema()")
    told = report(database)
    assert (told["record"]["stale"], told["count"]) == (False, 0)


def test_standby(ready: Database) -> None:
    """Drift on a hot standby tells what it does on the primary; what would have to write says so."""
    ready.execute("ALTER TABLE one ADD COLUMN by_hand varchar CHECK (by_hand IN ('a', 'b'))")
    ready.execute("SELECT confiture.snapshot_of('CREATE TABLE one (a int)')")
    ready.execute("SELECT confiture.scratch_prepare()")
    told = report(ready)
    assert ("column public.one.by_hand", "by hand") in differences(told)
    with standby(ready.server) as port, ready.server.connect(ready.name, port=port) as there:

        def value(query: str) -> object:
            row = there.execute(query).fetchone()
            assert row is not None
            return row[0]

        until(lambda: value("SELECT pg_is_in_recovery()") is True, "it is a standby")
        assert value("SELECT confiture.drift_report()") == told
        assert value("SELECT count(*) FROM confiture.drift()") == told["count"]
        assert value("SELECT confiture.drift_report(confiture.snapshot())") == ready.value(
            "SELECT confiture.drift_report(confiture.snapshot())"
        )
        # What is kept came with the replication.
        kept = "SELECT confiture.drift_report(confiture.snapshot_of('CREATE TABLE one (a int)'::text))"
        assert value(kept) == ready.value(kept)
        for command in (
            "SELECT confiture.record_schema()",
            "SELECT confiture.snapshot_of('CREATE TABLE other ()')",
            "SELECT * FROM confiture.plan('CREATE TABLE other ()'::text)",
            "SELECT * FROM confiture.plan('CREATE TABLE one (a int)'::text)",
            "SELECT confiture.prove('{}', '{SELECT 1}', '{}')",
        ):
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as refused:
                there.execute(command)
            assert "standby" in str(refused.value), command
            assert refused.value.diag.message_hint, command
