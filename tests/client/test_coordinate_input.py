"""What is given to ``confiture coordinate``: names, SQL, files, who and on which branch; good and bad."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from confiture.cli.declare import current_branch, split

from .conftest import Command, Project
from .coordination import USERS, check, pairs, register

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def shop(project: Project, database: str, query: Query, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("CONFITURE_AGENT", raising=False)
    query(USERS)
    return project


def test_quoted_names(shop: Project, confiture: Command) -> None:
    odd = '"Größe, ""neu""!"'
    found = check(confiture, "a", "--tables-affected", f"users, {odd}")
    assert pairs(found) == {("public.users", "alter"), (f"public.{odd}", "alter")}
    found = check(confiture, "a", "--columns-affected", f'{odd}."Straße",users.email')
    assert pairs(found) >= {(f'public.{odd}."Straße"', "alter"), ("public.users.email", "alter")}
    found = check(confiture, "a", "--objects", "function:app.total(int, integer),drop view:emails")
    assert pairs(found) == {("app.total", "alter"), ("public.emails", "drop")}
    assert [each["arguments"] for each in found["objects"] if each["kind"] == "function"] == [
        "integer, integer"
    ]
    twice = check(confiture, "a", "--tables-affected", "users", "--tables-affected", "orders")
    assert pairs(twice) == {("public.users", "alter"), ("public.orders", "alter")}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("users,profiles", ["users", "profiles"]),
        (' users , app."a,b".c', ["users", 'app."a,b".c']),
        ('"say ""a,b"""', ['"say ""a,b"""']),
        ("app.f(int, text),g()", ["app.f(int, text)", "g()"]),
        ("", [""]),
        ("users,", ["users", ""]),
        ('"open,users', ['"open,users']),
        ("f),g", ["f)", "g"]),
    ],
)
def test_lists(text: str, parts: list[str]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--tables-affected", ""], 1, "HINT: "),
        (["--tables-affected", "users,,orders"], 1, "HINT: "),
        (["--tables-affected", '"open'], 1, '"open'),
        (["--columns-affected", ""], 1, "HINT: "),
        (["--objects", "nonsense:users"], 1, "nonsense"),
        (["--objects", "destroy table:users"], 1, "destroy"),
        ([], 1, "HINT: "),
        (["--tables-affected", "users", "--metadata", "{"], 2, "not valid JSON"),
        (["--tables-affected", "users", "--metadata", "[]"], 1, "metadata must be a JSON object"),
        (["--tables-affected", "users", "--expires", "soon"], 1, "HINT: Write a duration as "),
        (["--tables-affected", "users", "--expires", "-1h"], 1, "can't expire after"),
        (["--tables-affected", "users", "--starts-at", "later"], 1, "HINT: Write a duration as "),
        (["--tables-affected", "users", "--on-conflict", "fight"], 2, "'fight' is not one of"),
        (["--tables-affected", "users", "--feature-name", ""], 1, "feature is empty"),
        (["--tables-affected", "users", "--agent-id", "a\nb"], 1, "agent of an intent is not valid"),
        (["--tables-affected", "a\udcff"], 2, "not UTF-8"),
        (["--schema-changes", "@nowhere.sql"], 3, "nowhere.sql"),
    ],
)
def test_bad_input(
    shop: Project, confiture: Command, query: Query, options: list[str], code: int, words: str
) -> None:
    result = confiture("coordinate", "register", "--feature-name", "x", *options)
    assert result.code == code, result.err
    assert words in result.err
    assert result.out == ""
    assert query("SELECT count(*) FROM confiture.intent") == [(0,)]


def test_sql_that_does_not_parse(shop: Project, confiture: Command) -> None:
    result = confiture("coordinate", "check", "--schema-changes", "ALTER TABLE users\n  ADD COLUM;\n")
    assert result.code == 1
    assert "SQLSTATE: 42601" in result.err
    assert "at schema_changes:2" in result.err
    assert "  2 |   ADD COLUM" in result.err


def test_sql_of_a_file(shop: Project, confiture: Command) -> None:
    shop.write("db/parts/b.sql", "DROP VIEW emails;\nALTER TABLE;\n")
    shop.write("db/migrations/001_a.up.sql", "\\i db/parts/b.sql\n")
    result = confiture("coordinate", "check", "--schema-changes", "@db/migrations/001_a.up.sql")
    assert result.code == 1
    assert "at db/parts/b.sql:2:12" in result.err
    shop.write("db/parts/b.sql", "DROP VIEW emails;\n")
    found = check(confiture, "a", "--schema-changes", "@db/migrations/001_a.up.sql")
    assert pairs(found) == {("public.emails", "drop")}
    shop.write("bad.sql", b"SELECT '\xff'")
    bad = confiture("coordinate", "check", "--schema-changes", "@bad.sql")
    assert bad.code == 3
    assert "bad.sql:1:9" in bad.err


def test_sql_of_standard_input(shop: Project, confiture: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def given(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))

    given(b"\xef\xbb\xbfDROP TABLE orders")
    assert pairs(check(confiture, "a", "--schema-changes", "@-")) == {("public.orders", "drop")}
    given(b"DROP TABLE")
    result = confiture("coordinate", "check", "--schema-changes", "@-")
    assert "at standard input:1:11" in result.err
    given(b"\xff")
    assert confiture("coordinate", "check", "--schema-changes", "@-").code == 3


def test_the_agent(shop: Project, confiture: Command, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def agent(*options: str) -> str:
        arguments = ("coordinate", "check", "--tables-affected", "users", *options, "--format", "json")
        found: str = confiture(*arguments).json["agent"]
        return found

    assert agent() == "postgres"
    url = make_conninfo(database, options="-c confiture.agent=session")
    assert agent("--db-url", url) == "session"
    shop.write("confiture.yaml", "agent: ${WHO:-file}\n")
    assert agent() == "file"
    assert agent("--db-url", url) == "file"
    monkeypatch.setenv("WHO", "variable")
    assert agent() == "variable"
    monkeypatch.setenv("CONFITURE_AGENT", "bot")
    assert agent() == "bot"
    assert agent("--agent-id", "option") == "option"


def test_the_branch(shop: Project, confiture: Command) -> None:
    shop.write(".git/HEAD", "ref: refs/heads/feature/größe\n")
    assert register(confiture, "a", "--tables-affected", "users")["branch"] == "feature/größe"
    named = register(confiture, "a", "--tables-affected", "users", "--branch", "other")
    assert named["branch"] == "other"
    shop.write("tree/.git", "gitdir: ../.git/worktrees/tree\n")
    shop.write(".git/worktrees/tree/HEAD", "ref: refs/heads/side\n")
    assert current_branch(shop.root / "tree") == "side"
    shop.write(".git/HEAD", "3f9c21d07ab4\n")
    assert current_branch(shop.migrations) is None
