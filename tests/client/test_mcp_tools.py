"""The tools for agents, one after the other."""

from __future__ import annotations

import os

import pytest
from mcp import Client, MCPError
from psycopg.conninfo import make_conninfo

from confiture import mcp_tools
from confiture.errors import UsageError

from . import schemas
from .agents import Query, call, fail, register, talk
from .conftest import Project


def test_intents_from_beginning_to_end(database: str, query: Query) -> None:
    query("CREATE TABLE users (id integer PRIMARY KEY, email text)")

    async def conversation(client: Client) -> None:
        free = await call(client, "intent_check", objects=["users.email"])
        schemas.check(("coordinate", "check"), free)
        assert (free["free"], free["agent"], free["conflicts"]) == (True, "claude-1", [])
        assert [each["display"] for each in free["objects"] if each["kind"] == "column"] == [
            "public.users.email"
        ]

        mine = await call(
            client,
            "intent_register",
            feature="search",
            schema_changes="ALTER TABLE users ALTER email TYPE varchar(200)",
            metadata={"ticket": "SHOP-12"},
            expires="2 h",
        )
        schemas.check(("coordinate", "register"), mine)
        intent = mine["intent"]
        assert (intent["agent"], intent["status"], intent["branch"]) == ("claude-1", "registered", None)

        other = await call(client, "intent_check", objects=["drop users.email"], agent="claude-2")
        assert (other["free"], other["severity"]) == (False, "error")
        assert other["conflicts"][0]["other"] == intent["id"]
        assert other["conflicts"][0]["suggestion"]

        status = await call(client, "intent_status", object="users")
        schemas.check(("coordinate", "status"), status)
        assert [each["id"] for each in status["intents"]] == [intent["id"]]
        assert (await call(client, "intent_status", of_agent="nobody"))["intents"] == []
        one = await call(client, "intent_status", intent_id=intent["id"])
        schemas.check(("coordinate", "status"), one)
        assert one["intent"]["metadata"] == {"ticket": "SHOP-12"}

        done = await call(client, "intent_complete", intent_id=intent["id"])
        schemas.check(("coordinate", "complete"), done)
        assert done["intent"]["status"] == "completed"
        ended = await call(client, "intent_complete", intent_id=intent["id"], merged=True)
        assert ended["intent"]["status"] == "merged"

        second = await call(client, "intent_register", feature="more", tables=["users"])
        ended = await call(client, "intent_abandon", intent_id=second["intent"]["id"], reason="no need")
        schemas.check(("coordinate", "abandon"), ended)
        assert ended["intent"]["status"] == "abandoned"
        third = await call(client, "intent_register", feature="at once", tables=["users"])
        ended = await call(client, "intent_complete", intent_id=third["intent"]["id"], merged=True)
        assert ended["intent"]["status"] == "merged"

    talk(database, conversation, CONFITURE_AGENT="claude-1")
    assert query("SELECT DISTINCT agent FROM confiture.intent_history()") == [("claude-1",)]
    assert query("SELECT detail ->> 'reason' FROM confiture.intent_history() WHERE event = 'abandoned'") == [
        ("no need",)
    ]


def test_a_developer_may_do_all_that_has_to_do_with_intents(database: str, query: Query) -> None:
    query("CREATE ROLE claude LOGIN; SELECT confiture.grant_usage('claude', 'developer')")

    async def conversation(client: Client) -> None:
        first = await register(client, "alice", "users")
        mine = await register(client, "bob", "users", on_conflict="queue")
        assert not (await call(client, "intent_check", tables=["users"], agent="carol"))["free"]
        answer = await call(client, "intent_wait", intent_id=mine["id"], timeout_seconds=0.1)
        assert not answer["free"]
        assert len((await call(client, "intent_status"))["conflicts"]) == 1
        error, _ = await fail(client, "intent_complete", intent_id=mine["id"])
        assert error["sqlstate"] == "CF003"
        await call(client, "intent_complete", intent_id=first["id"], merged=True)
        assert (await call(client, "intent_wait", intent_id=mine["id"]))["free"]
        await call(client, "intent_abandon", intent_id=mine["id"])
        assert (await call(client, "analyze", sql="SELECT 1"))["ok"]
        assert (await call(client, "migrate_status"))["compared_with_files"] is False
        error, _ = await fail(client, "dry_run", sql="SELECT 1")
        assert error["sqlstate"] == "42501"
        assert "grant_usage('claude', 'migrator')" in error["hint"]

    try:
        talk(make_conninfo(database, user="claude"), conversation)
    finally:
        query("DROP OWNED BY claude; DROP ROLE claude")


def test_the_branch_is_that_of_the_folder(database: str, project: Project) -> None:
    project.write(".git/HEAD", "ref: refs/heads/feat/search\n")

    async def conversation(client: Client) -> None:
        intent = (await call(client, "intent_register", feature="x", tables=["users"]))["intent"]
        assert intent["branch"] == "feat/search"
        assert intent["agent"] == os.environ.get("PGUSER", "postgres")
        assert "given no name" in (client.instructions or "")

    talk(database, conversation)


def test_errors_are_for_the_model(database: str, query: Query) -> None:
    async def conversation(client: Client) -> None:
        await call(client, "intent_register", feature="first", tables=["users"], agent="alice")
        error, text = await fail(
            client, "intent_register", feature="second", tables=["users"], agent="bob", on_conflict="refuse"
        )
        assert error["sqlstate"] == "CF003"
        assert "alice" in error["detail"]
        assert error["hint"]
        assert text.startswith("ERROR [CF003]: ")
        assert "\nDETAIL: " in text
        assert "\nHINT: " in text
        assert (await fail(client, "intent_abandon", intent_id="int_nobody"))[0]["sqlstate"] == "CF015"
        error, _ = await fail(client, "intent_register", feature="x", schema_changes="ALTER TABEL users")
        assert (error["sqlstate"], error["line"], error["column"]) == ("42601", 1, 7)
        for arguments, message, hint in (
            ({"feature": "x", "objcts": ["a"]}, 'no argument "objcts"', 'Did you mean "objects"?'),
            ({"tables": ["a"]}, 'needs the argument "feature"', "What it is for"),
            ({"feature": 1}, '"feature" must be of the type string, not 1', None),
            ({"feature": "x", "objects": [1]}, "array of strings", None),
            ({"feature": "x", "tables": ["a"], "on_conflict": "fail"}, "one of warn, refuse, queue", None),
            ({"feature": "x", "tables": ["a"], "metadata": "x"}, "type object", None),
        ):
            error, text = await fail(client, "intent_register", **arguments)
            assert message in error["message"]
            assert (hint or "") in (error["hint"] or "")
        for arguments in ({}, {"intent_id": "int_1", "tables": ["a"]}):
            assert "either" in (await fail(client, "intent_wait", **arguments))[0]["message"]
        assert "from 0 to 3600" in (await fail(client, "intent_wait", tables=["a"], timeout_seconds=-1))[1]
        assert "needs sql" in (await fail(client, "dry_run", target_rows={"a": 1}))[1]
        with pytest.raises(MCPError, match='no tool "drop_everything"'):
            await client.call_tool("drop_everything", {})

    talk(database, conversation)
    assert query("SELECT count(*) FROM confiture.intent_list()") == [(1,)]


def test_arguments_that_came_as_json_in_a_string() -> None:
    register = mcp_tools.BY_NAME["intent_register"]
    read = register.read(
        {"feature": "x", "tables": '["a", "b"]', "objects": "c.d", "metadata": '{"a": 1}', "branch": None}
    )
    assert read == {"feature": "x", "tables": ["a", "b"], "objects": ["c.d"], "metadata": {"a": 1}}
    with pytest.raises(UsageError, match="type integer"):
        mcp_tools.BY_NAME["intent_status"].read({"limit": True})


def test_the_time_runs_out(database: str) -> None:
    async def conversation(client: Client) -> None:
        first = (await call(client, "intent_register", feature="a", tables=["users"], agent="alice"))[
            "intent"
        ]
        for arguments in ({"timeout_seconds": 0}, {"timeout_seconds": 0.2}):
            answer = await call(client, "intent_wait", objects=["users.email"], agent="bob", **arguments)
            assert (answer["free"], answer["conflicts"][0]["other"]) == (False, first["id"])
        second = await register(client, "bob", "users", on_conflict="queue")
        answer = await call(client, "intent_wait", intent_id=second["id"], timeout_seconds=0)
        assert (answer["free"], answer["conflicts"][0]["other"]) == (False, first["id"])

    talk(database, conversation)


def test_sql_before_it_runs(database: str, query: Query) -> None:
    query("CREATE TABLE users (id integer PRIMARY KEY)")

    async def conversation(client: Client) -> None:
        predicted = await call(
            client, "analyze", sql="ALTER TABLE users ALTER id TYPE bigint; DROP TABLE nobody"
        )
        assert predicted["ok"] is False
        first, second = predicted["statements"]
        assert first["rewrites"] == ["public.users"]
        assert first["locks"][0]["blocks"] == "reads and writes"
        assert second["error"]["sqlstate"] == "42P01"

        measured = await call(client, "dry_run", sql="INSERT INTO users SELECT generate_series(1, 5)")
        assert measured["ok"] is True
        assert measured["statements"][0]["rows_affected"] == 5
        assert measured["statements"][0]["execution_time_ms"] > 0
        larger = await call(
            client, "dry_run", sql="UPDATE users SET id = -id", target_rows={"public.users": 1000000}
        )
        assert larger["ok"] is True
        broken = await call(client, "dry_run", sql="INSERT INTO users VALUES (1), (1)")
        assert (broken["ok"], broken["statements"][0]["error"]["sqlstate"]) == (False, "23505")
        error, text = await fail(client, "dry_run", sql="CREATE TABLE a ();\nSELEC 1")
        assert (error["sqlstate"], error["line"]) == ("42601", 2)
        assert "SELEC" in text

    talk(database, conversation)
    assert query("SELECT count(*) FROM users") == [(0,)]


def test_the_migrations_of_the_project(database: str, project: Project, query: Query) -> None:
    project.migration("001_users", "CREATE TABLE users (id integer);")
    project.migration("002_more", "CREATE TABLE more (id integer);\nINSERT INTO nobody VALUES (1);")

    async def conversation(client: Client) -> None:
        status = await call(client, "migrate_status")
        schemas.check(("migrate", "status"), status)
        assert status["summary"]["pending"] == 2
        for tool in ("analyze", "dry_run"):
            report = await call(client, tool)
            assert report["ok"] is False
            assert [each["version"] for each in report["statements"]] == ["001", "002", "002"]
            assert report["statements"][2]["error"]["sqlstate"] == "42P01"
            assert report["statements"][2]["file_line"] == 2
        project.migration("002_more", "SELEC 1;")
        error, _ = await fail(client, "analyze")
        assert (error["file"], error["line"]) == ("db/migrations/002_more.up.sql", 1)

    talk(database, conversation)
    assert query("SELECT to_regclass('users')") == [(None,)]


def test_intents_in_a_database_of_their_own(
    database: str, project: Project, plain_database: str, query: Query
) -> None:
    project.write(
        "confiture.yaml",
        f'''
agent: from-the-file
coordination_url: "{database}"
environments:
  local:
    database_url: "{plain_database}"
''',
    )

    async def conversation(client: Client) -> None:
        intent = (await call(client, "intent_register", feature="a", tables=["users"]))["intent"]
        assert intent["agent"] == "from-the-file"
        assert "extension" in (await fail(client, "migrate_status"))[0]["message"]

    talk(None, conversation)
    assert query("SELECT count(*) FROM confiture.intent_list()") == [(1,)]


def test_the_agent_is_known_to_enforcement(database: str, query: Query) -> None:
    async def conversation(client: Client) -> None:
        report = await call(
            client, "dry_run", sql="DO $$BEGIN ASSERT current_setting('confiture.agent') = 'claude-1'; END$$"
        )
        assert report["ok"] is True

    talk(database, conversation, "--agent-id", "claude-1")
