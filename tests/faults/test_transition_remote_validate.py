"""Transitions to another server that are proven equal after the cutover, under load and faults."""

from __future__ import annotations

import random
import time

import pytest

from .pair import Pair, only
from .test_transition_remote import kill

VALIDATE = "SELECT key[1], difference FROM confiture.transition_validate('t') ORDER BY 1"
# Rows that no writer knows.
OWN = """
    INSERT INTO app_new.items
    SELECT i, 1, 'own', 'own ' || i FROM generate_series(90000001, 90000010) AS i"""
# Writes past the trigger of a transition: changes one row, inserts another, deletes a third.
PAST = """
    BEGIN; ALTER TABLE {0} DISABLE TRIGGER confiture_transition;
    UPDATE {0} SET note = 'odd' WHERE id = 90000001; DELETE FROM {0} WHERE id = 90000002;
    INSERT INTO {0} VALUES (90000011, 1, 'odd', 'odd');
    ALTER TABLE {0} ENABLE ALWAYS TRIGGER confiture_transition; COMMIT"""


def test_nothing_differs_but_what_was_written_past_the_triggers(pair: Pair) -> None:
    """Beside writers of both servers that is told, and mended, whichever side is right."""
    pair.prepare()
    judge = pair.load()
    there = pair.load_there()
    with judge.running(), pair.worker():
        pair.go_on("cut_over")
        aside = pair.source.value("SELECT source::regclass::text FROM confiture.transition_table")
        with there.running():
            for _ in range(5):
                assert pair.source.execute(VALIDATE) == []
                there.wait(3)
            assert pair.state() == "cut_over"
            pair.target_execute(OWN)
            assert pair.source.execute(VALIDATE) == []
            pair.source.execute(PAST.format(aside))
            assert pair.source.execute(VALIDATE) == [
                ("90000001", "different"),
                ("90000002", "only in the target"),
                ("90000011", "only in the source"),
            ]
            assert pair.source.value("SELECT confiture.transition_repair('t', 'target')") == 3
            there.wait(3)
            assert pair.source.execute(VALIDATE) == []
            pair.target_execute(PAST.format("app_new.items"))
            assert pair.source.execute(VALIDATE) == [
                ("90000001", "different"),
                ("90000002", "only in the source"),
                ("90000011", "only in the target"),
            ]
            assert pair.source.value("SELECT confiture.transition_repair('t', 'source')") == 3
            there.wait(3)
            assert pair.source.execute(VALIDATE) == []
            pair.target_execute("DELETE FROM app_new.items WHERE id > 90000000")
        assert pair.source.execute(VALIDATE) == []
        pair.source.execute("SELECT confiture.transition_rollback('t')")
        judge.wait(3)
    assert only(judge.errors, "40001") == []
    assert there.errors == []
    judge.join(there)
    pair.check_both(judge)


@pytest.mark.parametrize("seed", range(3))
def test_kills_while_rows_are_compared_and_mended(pair: Pair, seed: int) -> None:
    """Source, target and backends die meanwhile: nothing is lost, and nothing differs."""
    chance = random.Random(seed)
    pair.prepare()
    judge = pair.load(faults=True, seed=seed)
    with judge.running(), pair.worker():
        pair.go_on("cut_over")
        pair.target_execute(OWN)
        pair.again("SELECT * FROM confiture.transition_validate('t')")
        aside = pair.source.value("SELECT source::regclass::text FROM confiture.transition_table")
        for right in ("target", "source", "target", "source"):
            if right == "target":
                pair.source.execute(PAST.format(aside))
            else:
                pair.target_execute(PAST.format("app_new.items"))
            pair.source.connection.close()
            repair = f"SELECT confiture.transition_repair('t', '{right}')"
            runner = pair.source.client(repair)
            time.sleep(chance.random() * 0.15)
            kill(pair, chance.choice(("source", "target", "remote")))
            pair.source.server.wait_ready()
            pair.server.wait_ready()
            runner.kill()
            runner.wait()
            pair.source.connection = pair.source.server.connect_again(pair.name)
            judge.wait(3)
            pair.again(repair)
            assert pair.source.execute(VALIDATE) == []
        pair.target_execute("DELETE FROM app_new.items WHERE id > 90000000")
        pair.again("SELECT confiture.transition_rollback('t')")
        judge.wait(3)
    assert only(judge.errors, "40001", "CF033") == []
    pair.check_both(judge)
