"""``confiture migrate diff``: two schemas, wherever they come from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from .conftest import Command, Project, make_database
from .test_sides import commit, run_git

Query = Callable[..., list[tuple[Any, ...]]]
OLD = "CREATE TABLE users (id bigint PRIMARY KEY, nick text);\n"
NEW = "CREATE TABLE users (id bigint PRIMARY KEY, age integer);\nCREATE INDEX users_age_idx ON users (age);\n"


@pytest.fixture
def shop(project: Project, database: str, query: Query, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The old schema in the database, the new one in the files."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    query(OLD)
    project.write("confiture.yaml", "name: shop\n")
    project.write("db/schema/users.sql", NEW)
    return project


@pytest.fixture
def other(template: str) -> Iterator[str]:
    """Another database of the server."""
    yield from make_database(template)


def test_text(shop: Project, database: str, confiture: Command) -> None:
    found = confiture("migrate", "diff", "db", "db/schema")
    name = conninfo_to_dict(database)["dbname"]
    assert found.code == 1
    assert found.out == (
        f"-- From {name} (DATABASE_URL) to db/schema: 2 statements, not proven.\n"
        "\n"
        "-- transaction 1\n"
        "-- data loss: all values of column public.users.nick\n"
        "-- lock: ACCESS EXCLUSIVE on public.users\n"
        "ALTER TABLE public.users ADD COLUMN age integer,\n"
        "    DROP COLUMN nick;\n"
        "\n"
        "-- transaction 2, which can't be in a transaction block\n"
        "-- lock: SHARE UPDATE EXCLUSIVE on public.users\n"
        "CREATE INDEX CONCURRENTLY users_age_idx ON public.users USING btree (age);\n"
    )
    plain = confiture("migrate", "diff", "db", "db/schema", "--no-online")
    assert "CONCURRENTLY" not in plain.out
    assert "transaction 1" not in plain.out


def test_equal(shop: Project, confiture: Command, query: Query) -> None:
    query(f"DROP TABLE users; {NEW}")
    found = confiture("migrate", "diff", "db", "db/schema")
    assert (found.code, found.out[:30]) == (0, "No difference between cf_test_")
    document = confiture("migrate", "diff", "db", "db/schema", "--format", "json")
    assert (document.code, document.json["equal"], document.json["statements"]) == (0, True, [])
    assert confiture("migrate", "diff", "db", "db/schema", "--summary").code == 0


def test_json(shop: Project, confiture: Command) -> None:
    found = confiture("migrate", "diff", "db", "db/schema", "--format", "json")
    assert found.code == 1
    assert [each["change"] for each in found.json["statements"]][-1] == "create"
    assert found.json["source_hash"] != found.json["target_hash"]


def test_every_form(
    shop: Project, other: str, confiture: Command, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_git(shop.root, "init", "-q")
    shop.write("db/schema/users.sql", OLD)
    commit(shop.root)
    shop.write("db/schema/users.sql", NEW)
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute(NEW.encode())
    name = conninfo_to_dict(other)["dbname"]
    shop.write("confiture.yaml", f"name: shop\nenvironments:\n  staging:\n    database_url: {other}\n")
    shop.write("live.json", json.dumps(query("SELECT confiture.snapshot()")[0][0]))
    old = ["db", "HEAD", "HEAD:db/schema", "live.json"]
    new = ["db/schema", "./db/schema/users.sql", f"db:{name}", "env:staging", other]
    for one, equal in (*((each, old[0]) for each in old), *((each, new[0]) for each in new)):
        found = confiture("migrate", "diff", one, equal)
        assert found.code == 0, (one, equal, found.out, found.err)
    for one in old:
        assert confiture("migrate", "diff", one, new[0], "--summary").code == 1
    for one in new:
        found = confiture("migrate", "diff", "HEAD", one, "--format", "json")
        assert len(found.json["statements"]) == 2, one
    assert confiture("migrate", "diff", f"db:{name}", "env:staging").code == 0


def test_the_errors_of_both_sides_have_a_place(shop: Project, confiture: Command) -> None:
    run_git(shop.root, "init", "-q")
    shop.write("db/schema/users.sql", "\n\nCREATE TABEL users ();\n")
    commit(shop.root)
    failed = confiture("migrate", "diff", "HEAD", "db")
    assert failed.code == 30
    assert "  at HEAD:db/schema/users.sql:3:8" in failed.err
    failed = confiture("migrate", "diff", "db", "db/schema", "--format", "json")
    assert (failed.code, failed.json["error"]["exit_code"]) == (30, 30)
    assert (failed.json["error"]["file"], failed.json["error"]["line"]) == ("db/schema/users.sql", 3)


def test_what_cannot_be_compared(shop: Project, plain_database: str, confiture: Command) -> None:
    for one, code, words in (
        ("nowhere", 2, '"nowhere" is no file, no folder and no commit'),
        ("db:nowhere", 4, 'database "nowhere" does not exist'),
        ("postgresql://ada:secret@127.0.0.1:1/x", 4, "cannot connect"),
        (plain_database, 5, "the extension confiture is not in the database"),
        ("env:nowhere", 3, 'environment "nowhere" is not configured'),
    ):
        failed = confiture("migrate", "diff", one, "db")
        assert (failed.code, words in failed.err) == (code, True), failed.err
        assert "secret" not in failed.err
    shop.write("odd.json", '{"format": 99}')
    failed = confiture("migrate", "diff", "odd.json", "db")
    assert failed.code == 30
    assert "0A000" in failed.err or "22023" in failed.err


def test_summary(shop: Project, confiture: Command) -> None:
    found = confiture("migrate", "diff", "db", "db/schema", "--summary")
    assert found.code == 1
    assert found.out.splitlines()[1:] == [
        "+++ db/schema",
        "  table public.users",
        "+   column public.users.age",
        "-   column public.users.nick",
        "+   index public.users_age_idx",
    ]
    shop.write(
        "db/schema/users.sql", f"{OLD}COMMENT ON COLUMN users.nick IS 'short'; CREATE TABLE b (c int);"
    )
    found = confiture("migrate", "diff", "db", "db/schema", "--summary")
    assert found.out.splitlines()[2:] == [
        "+ table public.b",
        "  table public.users",
        "+   comment on column public.users.nick",
    ]
