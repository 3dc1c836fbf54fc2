"""accept, forget, resolve: repairs of the ledger from the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from .conftest import Command, Project

Query = Callable[..., list[tuple[Any, ...]]]
TEXT = "CREATE TABLE a ();\n"


@pytest.fixture
def changed(project: Project, confiture: Command, database: str) -> Project:
    """A project whose only migration has changed after it was applied."""
    project.migration("001_a", TEXT, "DROP TABLE a;")
    assert confiture("migrate", "up").code == 0
    project.migration("001_a", f"{TEXT}-- remark\n")
    return project


def test_accept(changed: Project, confiture: Command) -> None:
    refused = confiture("migrate", "up")
    assert refused.code == 7
    assert "confiture migrate accept" in refused.err
    accepted = confiture("migrate", "accept", "001")
    assert (accepted.code, accepted.out) == (0, "001: the text of the file counts now.\n")
    assert confiture("migrate", "up").code == 0
    assert confiture("migrate", "status", "--check").code == 0
    again = confiture("migrate", "accept", "001", "--format", "json")
    assert again.json == {"version": "001", "result": "unchanged"}


def test_accept_is_for_one_migration(changed: Project, confiture: Command) -> None:
    confiture("migrate", "accept", "001")
    changed.migration("002_b", "SELECT 1;")
    confiture("migrate", "up")
    changed.migration("001_a", f"{TEXT}-- another\n")
    changed.migration("002_b", "SELECT 1; -- another")
    assert confiture("migrate", "accept", "002").code == 0
    found = confiture("migrate", "status", "--format", "json").json["migrations"]
    assert [each["state"] for each in found] == ["modified", "applied"]
    assert confiture("migrate", "up").code == 7


def test_accept_what_is_not_there(changed: Project, confiture: Command, query: Query) -> None:
    unknown = confiture("migrate", "accept", "009")
    assert unknown.code == 13
    assert "there is no file of migration 009" in unknown.err
    changed.migration("002_b", "SELECT 1;")
    pending = confiture("migrate", "accept", "002")
    assert pending.code == 13
    assert "SQLSTATE: CF008" in pending.err
    assert query("SELECT version FROM confiture.migration") == [("001",)]


def test_repairs_need_an_admin(changed: Project, confiture: Command, database: str, query: Query) -> None:
    query("CREATE ROLE cf_repairer LOGIN")
    try:
        query("SELECT confiture.grant_usage('cf_repairer', 'migrator')")
        url = make_conninfo(database, user="cf_repairer")
        for command in (("accept", "001"), ("forget", "001", "--yes")):
            refused = confiture("migrate", *command, "--database-url", url)
            assert refused.code == 20
            assert "grant_usage('cf_repairer', 'admin')" in refused.err
        assert confiture("migrate", "up").code == 7
    finally:
        query("DROP OWNED BY cf_repairer")
        query("DROP ROLE cf_repairer")


def test_forget(changed: Project, confiture: Command, query: Query) -> None:
    refused = confiture("migrate", "forget", "001")
    assert refused.code == 22
    assert "nothing was forgotten" in refused.err
    assert query("SELECT count(*) FROM confiture.tb_confiture") == [(1,)]
    done = confiture("migrate", "forget", "001", "--yes", "--format", "json")
    assert done.json == {"version": "001", "result": "forgotten"}
    assert confiture("migrate", "status").out.splitlines()[-1] == "1 pending."
    assert query("SELECT to_regclass('a')") == [("a",)]
    assert confiture("migrate", "forget", "001", "--yes").code == 13


def test_forget_reads_no_files(changed: Project, confiture: Command) -> None:
    for path in changed.migrations.iterdir():
        path.unlink()
    assert confiture("migrate", "forget", "001", "--yes").code == 0
    assert confiture("migrate", "forget", "001", "--yes").code == 13


@pytest.mark.parametrize(
    ("option", "said"), [("completed", "completed"), ("not-completed", "will run again")]
)
def test_resolve(project: Project, confiture: Command, query: Query, option: str, said: str) -> None:
    project.migration("001_a", "-- confiture: transaction=off\nCREATE TABLE a ();\nCREATE TABLE b ();\n")
    confiture("migrate", "baseline", "001")
    confiture("migrate", "forget", "001", "--yes")
    query(
        "INSERT INTO confiture.migration_progress (version, direction, checksum, statements_done, started, "
        "started_command) VALUES ('001', 'up', '', 0, 1, 'CREATE TABLE')"
    )
    assert confiture("migrate", "resolve", "001", "--yes").code == 2
    assert confiture("migrate", "resolve", "001", f"--{option}").code == 22
    result = confiture("migrate", "resolve", "001", f"--{option}", "--yes", "--format", "json")
    assert result.json == {"version": "001", "result": said}
    assert confiture("migrate", "resolve", "001", f"--{option}", "--yes").code == 13
    assert confiture("migrate", "up").code == 0
    assert query("SELECT to_regclass('a') IS NULL, to_regclass('b')::text") == [(option == "completed", "b")]


def test_a_repair_waits_for_nobody(changed: Project, confiture: Command, database: str) -> None:
    changed.write("confiture.yaml", "environments: {q: {settings: {confiture.lock_timeout: 10ms}}}\n")
    with psycopg.connect(database) as other:
        other.execute("SELECT confiture._lock()")
        for command in (("accept", "001"), ("forget", "001", "--yes")):
            assert confiture("migrate", *command, "--env", "q").code == 6
