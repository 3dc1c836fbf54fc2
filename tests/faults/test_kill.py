"""kill -9 of client, backend, worker, server: the ledger tells the truth, the next run finishes."""

from __future__ import annotations

import os
import random
import subprocess
import time
from functools import partial

import pytest

from .conftest import Database
from .server import PATIENCE, Connection, until

# What each statement leaves behind: a row of journal, a table, an index.
MIGRATIONS = {
    "01": """CREATE TABLE journal (step text); CREATE TABLE a (id int PRIMARY KEY, v int);
             INSERT INTO a SELECT i, i % 7 FROM generate_series(1, 3000) AS i;
             INSERT INTO journal VALUES ('01')""",
    "02": "CREATE INDEX CONCURRENTLY a_v ON a (v)",
    "03": """-- confiture: transaction=off
             INSERT INTO journal VALUES ('03.1');
             CREATE UNIQUE INDEX CONCURRENTLY a_id_v ON a (id, v);
             INSERT INTO journal VALUES ('03.2');
             CREATE TABLE b (id int);
             SELECT pg_sleep(0.01);
             INSERT INTO journal VALUES ('03.3');
             CREATE INDEX CONCURRENTLY b_id ON b (id);""",
    "04": """ALTER TABLE a ADD COLUMN w text; UPDATE a SET w = 'x' WHERE v = 1;
             INSERT INTO journal VALUES ('04')""",
    "05": "DROP INDEX CONCURRENTLY a_v; CREATE INDEX CONCURRENTLY a_w ON a (w)",
    "06": "REINDEX INDEX CONCURRENTLY a_w; VACUUM a; INSERT INTO journal VALUES ('06')",
    "07": "CREATE VIEW c AS SELECT * FROM a; SELECT pg_sleep(0.01); INSERT INTO journal VALUES ('07')",
    "08": """CREATE TABLE p (k int) PARTITION BY LIST (k); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
             INSERT INTO journal VALUES ('08')""",
    "09": "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY",
}
JOURNAL = ["01", "03.1", "03.2", "03.3", "04", "06", "07", "08"]
INDEXES = ["a_id_v", "a_pkey", "a_w", "b_id"]


def exists(database: Database, name: str) -> bool:
    """Tell whether a relation exists, and is valid if it is an index."""
    return (
        database.value(
            "SELECT EXISTS (SELECT FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid"
            " WHERE c.oid = to_regclass(%s) AND coalesce(i.indisvalid, true))",
            name,
        )
        is True
    )


def detached(database: Database) -> bool:
    """Tell whether the partition is none any more."""
    return database.value("SELECT NOT relispartition FROM pg_class WHERE oid = to_regclass('p1')") is True


def check_truth(database: Database) -> None:
    """Compare what migrate_status() says with what there is."""
    states = database.states()
    assert set(states) == set(MIGRATIONS)
    assert set(states.values()) <= {"applied", "pending"}
    applied = {version for version, state in states.items() if state == "applied"}
    assert applied == set(sorted(MIGRATIONS)[: len(applied)]), "one after the other"
    rows = database.execute("SELECT version, statements_done FROM confiture.migration_progress")
    progress = {row[0]: row[1] for row in rows}
    assert not applied & set(progress), "what is applied is not under way"

    journal = (
        [row[0] for row in database.execute("SELECT step FROM journal")]
        if exists(database, "journal")
        else []
    )
    assert len(journal) == len(set(journal)), f"applied twice: {journal}"
    for version in ("01", "04", "07", "08"):
        assert (version in applied) == (version in journal), (
            f"{version}: {states[version]}, journal {journal}"
        )
    for number, step in ((1, "03.1"), (3, "03.2"), (6, "03.3")):
        done = "03" in applied or int(str(progress.get("03", 0))) >= number
        assert done == (step in journal), f"{step}: progress {progress}, journal {journal}"
    for version, name in (
        ("01", "a"),
        ("02", "a_v"),
        ("03", "b_id"),
        ("05", "a_w"),
        ("07", "c"),
        ("08", "p"),
    ):
        if version in applied and not (version == "02" and "05" not in applied and "05" in progress):
            assert exists(database, name) or (name == "a_v" and "05" in applied), (
                f"{version} is applied without {name}"
            )
    if "09" in applied:
        assert detached(database)
    logged = [
        row[0]
        for row in database.execute(
            "SELECT version FROM confiture.migration_log WHERE direction = 'up' AND state = 'done'"
        )
    ]
    assert sorted(map(str, logged)) == sorted(map(str, applied)), "the log and the ledger agree"


def check_finished(database: Database) -> None:
    """All is applied, each thing once, and nothing else."""
    check_truth(database)
    assert set(database.states().values()) == {"applied"}
    assert sorted(str(row[0]) for row in database.execute("SELECT step FROM journal")) == JOURNAL
    assert database.invalid_indexes() == []
    assert [
        row[0]
        for row in database.execute(
            "SELECT indexrelid::regclass::text FROM pg_index"
            " WHERE indrelid IN ('a'::regclass, 'b'::regclass) ORDER BY 1"
        )
    ] == INDEXES
    assert detached(database)
    assert database.value("SELECT count(*) FROM a WHERE w = 'x'") == 429
    assert database.execute("SELECT * FROM confiture.migration_progress") == []


def kill(database: Database, victim: str, client: subprocess.Popen[bytes]) -> None:
    """Kill the victim, if it is still there."""
    server = database.server
    if victim == "client":
        client.kill()
    elif victim == "server":
        server.crash()
        server.start()
    elif victim == "worker":
        worker = server.worker()
        if worker:
            worker.kill()
    else:
        backend = server.backend(database.name)
        if backend:
            backend.kill()


def register_all(database: Database) -> None:
    """Register the migrations."""
    for version, up in MIGRATIONS.items():
        database.register(version, up)


def test_undisturbed(database: Database) -> None:
    """The same without anybody being killed."""
    register_all(database)
    assert database.client().wait(PATIENCE) == 0
    check_finished(database)


def started(database: Database, client: subprocess.Popen[bytes]) -> bool:
    """Tell whether a worker is there, or the client has ended without."""
    return database.server.worker() is not None or client.poll() is not None


# FAULT_SEEDS=200 looks for longer.
@pytest.mark.parametrize("seed", range(int(os.environ.get("FAULT_SEEDS", "10"))))
def test_killed(database: Database, seed: int) -> None:
    """Several runs, each killed; then one that is not."""
    chance = random.Random(seed)
    register_all(database)
    for _ in range(4):
        victim = chance.choice(["client", "backend", "backend", "worker", "worker", "server"])
        database.connection.close()
        client = database.client()
        if victim == "worker":
            until(partial(started, database, client), "a worker, or the end")
            time.sleep(chance.uniform(0, 0.015))
        else:
            time.sleep(chance.uniform(0, 0.15))
        kill(database, victim, client)
        client.wait(PATIENCE)
        database.reconnect()
        check_truth(database)
        if set(database.states().values()) == {"applied"}:
            break
    database.execute("CALL confiture.migrate()")
    check_finished(database)


def test_killed_on_the_way_down(database: Database, other: Connection) -> None:
    """The way back, killed in the worker."""
    database.register("1", "CREATE TABLE t (a int); CREATE TABLE journal (step text)", "DROP TABLE t")
    database.register(
        "2",
        "CREATE INDEX CONCURRENTLY t_a ON t (a); CREATE INDEX CONCURRENTLY t_b ON t ((a + 1))",
        "INSERT INTO journal VALUES ('down'); DROP INDEX CONCURRENTLY t_a; SELECT pg_advisory_xact_lock(1);"
        "DROP INDEX CONCURRENTLY t_b",
    )
    database.execute("CALL confiture.migrate()")
    other.execute("SELECT pg_advisory_lock(1)")
    client = database.client("CALL confiture.migrate('down')")
    waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted"
    until(lambda: bool(database.execute(waits)), "it is between the two indexes")
    assert not exists(database, "t_a")
    database.connection.close()
    kill(database, "worker", client)
    client.wait(PATIENCE)
    other.close()
    database.reconnect()
    assert database.states() == {"1": "applied", "2": "applied"}, "not taken back before all of it is"
    database.execute("CALL confiture.migrate('down')")
    assert database.states() == {"1": "applied", "2": "pending"}
    assert not exists(database, "t_b")
    assert database.execute("SELECT step FROM journal") == [("down",)]


@pytest.mark.parametrize("victim", ["backend", "server"])
def test_killed_atomic(database: Database, victim: str) -> None:
    """SELECT migrate_up(): all or nothing, whoever dies."""
    database.register("1", "CREATE TABLE one (a int)")
    database.register("2", "CREATE TABLE two (a int); SELECT pg_sleep(100)")
    database.connection.close()
    client = database.client("SELECT confiture.migrate_up()")
    until(lambda: database.server.backend(database.name) is not None, "a backend")
    time.sleep(0.05)
    kill(database, victim, client)
    client.wait(PATIENCE)
    database.reconnect()
    assert database.states() == {"1": "pending", "2": "pending"}
    assert not exists(database, "one")
    database.register("2", "CREATE TABLE two (a int)")
    database.execute("SELECT confiture.migrate_up()")
    assert exists(database, "two")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_server_stopped(database: Database, mode: str) -> None:
    """The server is stopped while a worker is at work."""
    register_all(database)
    client = database.client()
    until(partial(started, database, client), "a worker, or the end")
    database.connection.close()
    database.server.restart(mode)
    client.wait(PATIENCE)
    database.reconnect()
    check_truth(database)
    database.execute("CALL confiture.migrate()")
    check_finished(database)
