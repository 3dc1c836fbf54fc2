"""``confiture migrate generate``: from db/schema to a migration that is proven, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from confiture import SchemaBuilder
from confiture.errors import DatabaseError

from .conftest import Command, Project
from .processes import Terminal
from .test_sides import commit, run_git

Query = Callable[..., list[tuple[Any, ...]]]
USERS = "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, nick text);\n"
NEXT = (
    "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, age integer);\n"
    "CREATE INDEX users_age_idx ON users (age);\n"
)


@pytest.fixture
def shop(project: Project, database: str, query: Query, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A database with a table, by a migration, and the files of the same schema."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    project.write("confiture.yaml", "name: shop\n")
    project.write("db/schema/users.sql", USERS)
    return project


def text(project: Project, name: str) -> str:
    return (project.migrations / name).read_text()


def files(project: Project) -> list[str]:
    return sorted(path.name for path in project.migrations.iterdir())


def start(confiture: Command) -> None:
    """Bring the database to what the files say, by a first migration."""
    assert confiture("migrate", "generate", "--name", "create users", "--version", "001").code == 0
    assert confiture("migrate", "up").code == 0


def test_a_project_from_its_first_day(shop: Project, confiture: Command, query: Query) -> None:
    made = confiture("migrate", "generate", "--name", "create users", "--version", "001")
    assert made.code == 0, made.err
    assert made.out.splitlines()[:4] == [
        "created  db/migrations/001_create_users.up.sql",
        "created  db/migrations/001_create_users.down.sql",
        "",
        "  + table public.users",
    ]
    assert ", proven on a copy in " in made.out
    assert made.out.rstrip().endswith("and so is the way back.")
    assert files(shop) == ["001_create_users.down.sql", "001_create_users.up.sql"]
    assert query("SELECT to_regclass('users')") == [(None,)]  # nothing is done yet
    up = text(shop, "001_create_users.up.sql")
    assert up.startswith("-- Migration 001: create users\n-- Generated from the difference between ")
    assert "\n-- Proven on a copy: the schema is the wanted one after it.\n" in up
    assert "OWNER TO" not in up
    assert confiture("migrate", "validate", "--strict").code == 0
    assert confiture("migrate", "up").code == 0
    query("INSERT INTO users VALUES (1, 'ada@example.com', 'Ada')")
    again = confiture("migrate", "generate", "--name", "again")
    assert again.code == 0
    assert again.out.startswith("Nothing to do: ")
    assert "--from HEAD" in again.err
    assert len(files(shop)) == 2

    shop.write("db/schema/users.sql", NEXT)
    made = confiture("migrate", "generate", "--name", "ages")
    assert made.code == 0, made.err
    assert "      data loss: all values of column public.users.nick\n" in made.out
    assert made.out.endswith(
        "Destroys data, which the way back does not bring back:\n  all values of column public.users.nick\n"
    )
    up, down = text(shop, "002_ages.up.sql"), text(shop, "002_ages.down.sql")
    assert "-- confiture: transaction=off\n" in up
    assert "\n-- DATA LOSS: all values of column public.users.nick\nALTER TABLE public.users " in up
    assert "\nCREATE INDEX CONCURRENTLY users_age_idx ON public.users USING btree (age);\n" in up
    assert "\n-- What it can't bring back:\n--   all values of column public.users.nick\n" in down
    assert confiture("migrate", "up").code == 0
    assert query("SELECT * FROM users") == [(1, "ada@example.com", None)]
    assert confiture("migrate", "diff", "db", "db/schema").code == 0
    assert confiture("migrate", "down").code == 0
    assert query(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'nick'"
    )


def test_json(shop: Project, confiture: Command) -> None:
    made = confiture(
        "migrate", "generate", "--name", "create users", "--version", "7", "--format", "json"
    ).json
    assert made["version"] == "7"
    assert made["files"] == [f"db/migrations/7_create_users.{way}.sql" for way in ("up", "down")]
    assert (made["equal"], made["proof"]["proven"], made["down_proof"]["proven"]) == (False, True, True)
    assert made["up"][0]["statement"].startswith("CREATE TABLE public.users (")
    assert made["down"][0]["statement"] == "DROP TABLE public.users"
    assert made["destructive"] == []
    assert made["target"] == "db/schema"


def test_a_dry_run_writes_nothing(shop: Project, confiture: Command, query: Query) -> None:
    made = confiture("migrate", "generate", "--name", "create users", "--dry-run")
    assert made.code == 0
    assert "\nCREATE TABLE public.users (\n" in made.out
    assert "proven on a copy" in made.out
    assert files(shop) == []
    document = confiture("migrate", "generate", "--name", "x", "--dry-run", "--format", "json").json
    assert (document["version"], document["files"]) == (None, [])
    assert query("SELECT confiture.reserve_version('a', known => '{}')") is not None


def test_the_plain_forms(shop: Project, confiture: Command) -> None:
    start(confiture)
    shop.write("db/schema/users.sql", NEXT)
    assert confiture("migrate", "generate", "--name", "ages", "--no-online").code == 0
    up = text(shop, "002_ages.up.sql")
    assert "CONCURRENTLY" not in up
    assert "transaction=off" not in up


def test_what_is_pending_comes_first(shop: Project, confiture: Command) -> None:
    assert confiture("migrate", "generate", "--name", "create users", "--version", "001").code == 0
    refused = confiture("migrate", "generate", "--name", "create users again")
    assert refused.code == 21
    assert "1 migration not applied to " in refused.err
    assert "HINT: Run `confiture migrate up` first" in refused.err
    assert len(files(shop)) == 2


def test_from_a_commit(shop: Project, confiture: Command, query: Query) -> None:
    """Where the database was built from the new files already, the commit before is the source."""
    run_git(shop.root, "init", "-q")
    commit(shop.root)
    shop.write("db/schema/users.sql", NEXT)
    made = confiture(
        "migrate", "generate", "--name", "ages", "--from", "HEAD", "--version", "001", "--no-online"
    )
    assert made.code == 0, made.err
    assert "-- Generated from the difference between HEAD and db/schema.\n" in text(shop, "001_ages.up.sql")
    query(USERS)
    assert confiture("migrate", "up").code == 0
    assert confiture("migrate", "diff", "db", "db/schema").code == 0
    commit(shop.root)
    back = confiture(
        "migrate", "generate", "--name", "back", "--from", "HEAD", "--to", "HEAD~1", "--format", "json"
    )
    assert [each["object"] for each in back.json["up"]] == ["table public.users"]


def test_a_first_migration_of_everything(shop: Project, confiture: Command, query: Query) -> None:
    query(USERS)
    nothing = confiture("migrate", "generate", "--name", "all")
    assert "--from empty" in nothing.err
    made = confiture("migrate", "generate", "--name", "all", "--from", "empty", "--version", "001")
    assert made.code == 0, made.err
    assert confiture("migrate", "baseline", "001").code == 0
    assert confiture("migrate", "status", "--check").code == 0


def test_errors_have_a_place(shop: Project, confiture: Command) -> None:
    shop.write("db/schema/users.sql", f"{USERS}CREATE TABLE b (\n    x nosuch\n);\n")
    failed = confiture("migrate", "generate", "--name", "b")
    assert failed.code == 1
    assert 'error: type "nosuch" does not exist\n  at db/schema/users.sql:3:7' in failed.err
    assert files(shop) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--name", "!!"], 2, '"!!" has no letter or digit'),
        (["--name", "a", "--version", "0_1"], 2, '"0_1" cannot be a version'),
        (["--name", "a", "--to", "nowhere"], 2, '"nowhere" is no file, no folder and no commit'),
        (["--name", "a", "--env", "nowhere"], 3, 'environment "nowhere" is not configured'),
        (["--name", "a", "--to", "env:nowhere"], 3, 'environment "nowhere" is not configured'),
        ([], 2, "Missing option '--name'"),
    ],
)
def test_calls_that_are_wrong(
    shop: Project, confiture: Command, arguments: list[str], code: int, words: str
) -> None:
    failed = confiture("migrate", "generate", *arguments)
    assert (failed.code, words in failed.err) == (code, True), failed.err
    assert files(shop) == []


def test_a_version_that_exists(shop: Project, confiture: Command) -> None:
    start(confiture)
    failed = confiture("migrate", "generate", "--name", "b", "--version", "001")
    assert failed.code == 2
    assert "version 001 exists already" in failed.err


def test_names_that_need_quotes(shop: Project, confiture: Command) -> None:
    odd = 'a "b"\n-- c; d'.replace('"', '""')
    shop.write("db/schema/odd.sql", f"""CREATE TABLE "{odd}" ("x;\n--" int, "{"é" * 31}" text);\n""")
    assert confiture("migrate", "generate", "--name", "odd names", "--version", "001").code == 0
    assert confiture("migrate", "up").code == 0
    assert confiture("migrate", "diff", "db", "db/schema").code == 0
    shop.write("db/schema/odd.sql", "")
    made = confiture("migrate", "generate", "--name", "gone")
    assert made.code == 0, made.err
    assert '-- DATA LOSS: all rows of table public."a ""b""\\n-- c; d"\n' in text(shop, "002_gone.up.sql")
    assert confiture("migrate", "up").code == 0
    assert confiture("migrate", "down").code == 0


def test_without_the_right_to_create_databases(
    shop: Project, database: str, confiture: Command, query: Query
) -> None:
    role = "cf_generate_nobody"
    query(f"CREATE ROLE {role} LOGIN")
    try:
        query("SELECT confiture.grant_usage(%s, 'migrator')", role)
        url = make_conninfo(database, user=role)
        failed = confiture("migrate", "generate", "--name", "a", "--database-url", url)
        assert failed.code == 20
        assert f"ALTER ROLE {role} CREATEDB" in failed.err
    finally:
        query(f"DROP OWNED BY {role}")
        query(f"DROP ROLE {role}")


def test_nothing_is_left_on_the_server(shop: Project, confiture: Command, query: Query) -> None:
    left = "datname LIKE 'confiture%' AND datname NOT LIKE 'confiture_tpl%'"
    count = f"SELECT count(*) FROM pg_database WHERE {left}"
    before = query(count)
    start(confiture)
    shop.write("db/schema/users.sql", "CREATE TABLE nope (x nosuch);")
    assert confiture("migrate", "generate", "--name", "b").code == 1
    assert query(count) == before


def test_what_a_person_sees(shop: Project, confiture: Command, database: str) -> None:
    start(confiture)
    shop.write("db/schema/users.sql", NEXT)
    terminal = Terminal("migrate", "generate", "--name", "ages")
    assert terminal.end() == 0
    assert (
        "\x1b[31m  - column public.users.nick" in terminal.text
        or "\x1b[33m  ~ table public.users" in terminal.text
    )
    assert "\x1b[1;31mDestroys data, which the way back does not bring back:" in terminal.text
    assert "\x1b[1;31m      data loss: all values of column public.users.nick" in terminal.text


GUARD = """
CREATE FUNCTION no_index() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no index today' USING HINT = 'Ask Ada.'; END $$;
CREATE EVENT TRIGGER no_index ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION no_index();
"""


def test_what_is_not_proven_is_not_written(shop: Project, confiture: Command, query: Query) -> None:
    query(USERS + GUARD)
    shop.write("db/schema/users.sql", f"{USERS}CREATE INDEX users_nick_idx ON users (nick);\n{GUARD}")
    call = ("migrate", "generate", "--name", "nicks", "--version", "001", "--no-online")
    refused = confiture(*call)
    assert refused.code == 27
    assert "error: the plan could not be proven: statement 1 fails: no index today\n" in refused.err
    assert "CREATE INDEX users_nick_idx ON public.users" in refused.err
    assert "SQLSTATE: CF019" in refused.err
    assert "STATE: Nothing was written." in refused.err
    assert files(shop) == []
    document = confiture(*call, "--format", "json").json
    assert (document["error"]["sqlstate"], document["proof"]["proven"]) == ("CF019", False)
    looked = confiture(*call, "--dry-run")
    assert looked.code == 0
    assert "1 statement, NOT PROVEN: statement 1 fails: no index today." in looked.out
    written = confiture(*call, "--unproven")
    assert written.code == 0, written.err
    assert "-- NOT PROVEN: statement 1 fails: no index today.\n" in text(shop, "001_nicks.up.sql")


def test_the_library(shop: Project, database: str, query: Query) -> None:
    query(USERS)
    shop.write("db/seeds/common/users.sql", "INSERT INTO users VALUES (1, 'ada@example.com', 'Ada');\n")
    builder = SchemaBuilder(root=shop.root)
    with psycopg.connect(database) as connection:  # in a transaction
        assert builder.plan(connection).equal
        old = builder.snapshot(connection)
        assert "column public.users.nick" in old["facts"]
        connection.rollback()
    shop.write("db/schema/users.sql", NEXT)
    builder = SchemaBuilder(root=shop.root)
    plan = builder.plan(database, online=False)
    assert plan.proven
    assert "CREATE INDEX users_age_idx ON public.users USING btree (age)" in [
        each.statement for each in plan.up
    ]
    (lost,) = plan.destructive
    assert lost.hazards == ("data loss: all values of column public.users.nick",)
    assert builder.plan(database, old, prove=False).up == builder.plan(database, prove=False).up
    drift = builder.drift(database)
    assert {each.origin for each in drift.differences} == {"unknown"}
    shop.write("db/schema/users.sql", "CREATE TABEL users ();")
    with pytest.raises(DatabaseError) as caught:
        builder.plan(database)
    assert caught.value.location == "db/schema/users.sql:1:8"
