"""What a transition keeps to while it copies: replicas that lag."""

from __future__ import annotations

from .conftest import Database
from .server import until
from .standby import standby
from .test_transition import background, check_both, load, prepare, state

ROWS = 2000
COPIED = "SELECT count(*) FROM app_new.items"


def lag(database: Database) -> int | None:
    """How far the replica is behind, as the status has it."""
    found = database.value("SELECT confiture.transition_status('t') #>> '{limits,replica_lag}'")
    return None if found is None else int(str(found))


def test_a_replica_that_lags(database: Database) -> None:
    """Nothing is copied while it is too far behind; when it comes along again, the copy does too."""
    prepare(database, rows=ROWS, options='{"chunk_ms": 5, "max_replica_lag": 1000000}')
    judge = load(database, rows=ROWS)
    with standby(database.server) as port, database.server.connect(database.name, port=port) as replica:
        until(lambda: lag(database) is not None, "the replica is known")
        replica.execute("SELECT pg_wal_replay_pause()")
        database.execute("CREATE TABLE ballast AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)")
        assert (lag(database) or 0) > 1000000
        database.execute("SELECT confiture.transition_start('t', workers => 2)")
        with judge.running():
            until(lambda: state(database) == "copying", "the copy begins")
            judge.wait(20)
            assert database.value(COPIED) == 0
            assert background(database) == 2
            replica.execute("SELECT pg_wal_replay_resume()")
            until(lambda: background(database) == 0, "all is copied")
    assert state(database) == "validated"
    assert judge.errors == []
    check_both(database, judge)


def test_the_limit_is_taken_off(database: Database) -> None:
    """Workers that wait for a replica see that they need not any more."""
    prepare(database, rows=ROWS, options='{"chunk_ms": 5, "max_replica_lag": 1000000}')
    with standby(database.server) as port, database.server.connect(database.name, port=port) as replica:
        until(lambda: lag(database) is not None, "the replica is known")
        replica.execute("SELECT pg_wal_replay_pause()")
        database.execute("CREATE TABLE ballast AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)")
        database.execute("SELECT confiture.transition_start('t')")
        until(lambda: state(database) == "copying", "the copy begins")
        database.execute("SELECT confiture.transition_set('t', '{\"max_replica_lag\": null}')")
        until(lambda: background(database) == 0, "all is copied")
    assert state(database) == "validated"
