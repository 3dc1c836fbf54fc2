"""Splits and merges under load: what was acknowledged is in the wide table and in the two others.

The application that writes two tables does so through a view with triggers: both versions run the
same writers, and are judged by the same judge.
"""

from __future__ import annotations

import random
import time

import psycopg
import pytest

from .conftest import Database
from .load import TABLE, Load, fill
from .server import until
from .test_transition import client, go, kill, settled

WRITERS = 4
MAIN = "CREATE TABLE {0}.main (id bigint PRIMARY KEY, amount bigint NOT NULL, code text UNIQUE)"
REST = "CREATE TABLE {0}.rest (id bigint PRIMARY KEY{1}, note text NOT NULL)"
CASCADES = " REFERENCES {0}.main ON UPDATE CASCADE ON DELETE CASCADE"
JOINED = "(SELECT m.id, m.amount, r.note FROM main AS m LEFT JOIN rest AS r USING (id)) AS joined"
VIEW = """
CREATE VIEW public.pairs AS
    SELECT m.id, m.amount, r.note, m.code FROM main AS m LEFT JOIN rest AS r USING (id);
CREATE FUNCTION public.write_both() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM rest WHERE id = OLD.id;
        DELETE FROM main WHERE id = OLD.id;
        RETURN OLD;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO main VALUES (NEW.id, NEW.amount, NEW.code);
        INSERT INTO rest SELECT NEW.id, NEW.note WHERE NEW.note IS NOT NULL;
        RETURN NEW;
    END IF;
    -- Hot rows are written by everybody: what is added counts, not the sum.
    IF NEW.amount <> OLD.amount THEN
        UPDATE main SET amount = amount + NEW.amount - OLD.amount WHERE id = OLD.id;
    END IF;
    IF NEW.id <> OLD.id THEN
        UPDATE main SET id = NEW.id WHERE id = OLD.id;
        UPDATE rest SET id = NEW.id WHERE id = OLD.id;
    END IF;
    IF NEW.note IS NULL THEN
        DELETE FROM rest WHERE id = NEW.id;
    ELSIF NEW.note IS DISTINCT FROM OLD.note THEN
        INSERT INTO rest VALUES (NEW.id, NEW.note) ON CONFLICT (id) DO UPDATE SET note = excluded.note;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER write_both INSTEAD OF INSERT OR UPDATE OR DELETE ON public.pairs
FOR EACH ROW EXECUTE FUNCTION public.write_both()"""
SPLIT = """{"tables": {"wide": {"targets": [
    {"target": "main"}, {"target": "rest", "when": "note IS NOT NULL"}]}}}"""
MERGE = """{"tables": {"main": {"target": "wide"},
    "rest": {"target": "wide", "secondary": true, "when": "note IS NOT NULL"}}}"""


class Shared:
    """A split or a merge: its tables, its transition, and who writes them."""

    def __init__(
        self, database: Database, shape: str, rows: int = 300, cascades: bool = True, deadlocks: str = "20s"
    ) -> None:
        self.database = database
        self.rows = rows
        wide, narrow = ("app", "app_new") if shape == "split" else ("app_new", "app")
        database.execute(f"ALTER DATABASE {database.name} SET search_path = app, app_new, public")
        # Where one version writes the transition steps back, long before the server ends a writer.
        database.execute(f"ALTER DATABASE {database.name} SET deadlock_timeout = '{deadlocks}'")
        database.reconnect()
        database.execute("CREATE SCHEMA app; CREATE SCHEMA app_new")
        database.execute(TABLE.format(f"{wide}.wide"))
        database.execute(MAIN.format(narrow))
        database.execute(REST.format(narrow, CASCADES.format(narrow) if cascades else ""))
        database.execute(VIEW)
        self.old, self.new = ("wide", "pairs") if shape == "split" else ("pairs", "wide")
        fill(database.connection, self.old, rows, WRITERS)
        database.execute("ANALYZE")
        database.execute(
            "SELECT confiture.transition_create('t', 'app', 'app_new', %s::jsonb,"
            ' options => \'{"chunk_ms": 5, "lock_retries": 300}\')',
            SPLIT if shape == "split" else MERGE,
        )

    def load(self, table: str, first: int, last: int, **options: object) -> Load:
        """Make writers of one version."""
        tables = [table] * (last - first + 1)
        return Load(
            self.database.server,
            self.database.name,
            *tables,
            rows=self.rows,
            first=first,
            **options,  # type: ignore[arg-type]
        )

    def check(self, judge: Load) -> None:
        """Both sides are what was acknowledged, and the server says so too."""
        assert judge.damages(self.database.connection, "wide") == []
        assert judge.damages(self.database.connection, JOINED) == []
        assert self.database.execute("SELECT * FROM confiture.transition_validate('t')") == []


def real(errors: list[str]) -> list[str]:
    """Errors, but those of a row that two versions wrote at the same moment: the server may end one."""
    return [error for error in errors if not error.startswith("40P01")]


@pytest.mark.parametrize("cascades", [True, False], ids=["cascades", "free"])
@pytest.mark.parametrize("shape", ["split", "merge"])
def test_all_states_under_load(database: Database, shape: str, cascades: bool) -> None:
    """The old version writes all the time, the new one beside it as soon as it can: nothing is lost."""
    # Two versions on the same hot rows wait for each other, now and then until the server ends one: soon.
    shared = Shared(database, shape, cascades=cascades, deadlocks="100ms")
    old = shared.load(shared.old, 1, 2)
    new = shared.load(shared.new, 3, 4)
    with old.running():
        for wanted in ("captured", "catching_up", "mirrored"):
            go(database, wanted)
            old.wait(5)
        with new.running():
            for _ in range(3):
                assert database.execute("SELECT * FROM confiture.transition_validate('t')") == []
                new.wait(5)
            # Both write the same hot rows all the time: no order of locks suits both.
            go(database, "cut_over")
            old.wait(5)
            database.execute("SELECT confiture.transition_rollback('t')")
            new.wait(5)
            go(database, "cut_over")
            old.wait(5)
    assert real(old.errors + new.errors) == []
    old.join(new)
    shared.check(old)
    if shape == "merge":
        database.execute("DROP VIEW pairs")
    go(database, "contracted")
    assert old.damages(database.connection, JOINED if shape == "split" else "wide") == []


@pytest.mark.parametrize("shape", ["split", "merge"])
def test_abort_under_load(database: Database, shape: str) -> None:
    """From each state: what was written is there, the new tables are empty."""
    shared = Shared(database, shape)
    judge = shared.load(shared.old, 1, WRITERS)
    with judge.running():
        for wanted in ("captured", "catching_up", "mirrored", "validated"):
            go(database, wanted)
            judge.wait(3)
            database.execute("SELECT confiture.transition_abort('t')")
            assert database.value("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'confiture%%'") == 0
            mapping = SPLIT if shape == "split" else MERGE
            database.execute("SELECT confiture.transition_create('t', 'app', 'app_new', %s::jsonb)", mapping)
            judge.wait(3)
    assert judge.errors == []
    sides = ("wide", JOINED) if shape == "split" else (JOINED, "wide")
    assert judge.damages(database.connection, sides[0]) == []
    assert database.value(f"SELECT count(*) FROM {sides[1]}") == 0


def connected(database: Database) -> bool:
    """Whether the server, which may be about to restart, is back, and what was killed is gone."""
    try:
        if database.connection.closed:
            database.connection = database.server.connect(database.name)
        return settled(database)
    except psycopg.OperationalError:
        return False


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("shape", ["split", "merge"])
def test_kills_at_random_moments(database: Database, shape: str, seed: int) -> None:
    """Client, backend, copying worker and server are killed in every state: nothing is lost."""
    chance = random.Random(f"{shape}/{seed}")
    shared = Shared(database, shape, rows=1000)
    judge = shared.load(shared.old, 1, WRITERS, faults=True, seed=seed)
    with judge.running():
        for wanted in ("captured", "catching_up", "validated", "cut_over"):
            database.connection.close()
            runner = client(database, f"CALL confiture.transition_run('t', '{wanted}')")
            worker = client(database, "CALL confiture.transition_worker('t')")
            time.sleep(chance.random() * 0.15)
            kill(database, chance.choice(("client", "backend", "server", "worker")), runner, worker)
            database.server.wait_ready()
            for process in (runner, worker):
                process.kill()
                process.wait()
            until(lambda: connected(database), "nobody works on the transition")
            go(database, wanted)
            judge.wait(3)
        database.execute("SELECT confiture.transition_rollback('t')")
        judge.wait(3)
    assert judge.errors == []
    shared.check(judge)


@pytest.mark.parametrize("shape", ["split", "merge"])
def test_a_mirror_that_forgets_a_table_is_caught(database: Database, shape: str) -> None:
    """Without the triggers of the second table its columns go astray: both judges see it."""
    shared = Shared(database, shape)
    judge = shared.load(shared.old, 1, WRITERS)
    with judge.running():
        go(database, "mirrored")
        source = "wide" if shape == "split" else "rest"
        database.execute(f"ALTER TABLE {source} DISABLE TRIGGER confiture_transition_2")
        judge.wait(20)
    assert judge.errors == []
    kinds = {
        damage.kind for damage in judge.damages(database.connection, JOINED if shape == "split" else "wide")
    }
    assert "corrupt" in kinds
    assert database.execute("SELECT * FROM confiture.transition_validate('t')") != []
