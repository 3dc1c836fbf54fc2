"""``confiture coordinate``: every command, and what it returns to the shell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Command, Project
from .coordination import USERS, check, move, register

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def shop(project: Project, database: str, query: Query, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("CONFITURE_AGENT", raising=False)
    query(USERS)
    return project


def test_a_drop_meets_an_alter(shop: Project, confiture: Command) -> None:
    intent = register(confiture, "a", "--schema-changes", "ALTER TABLE users ALTER email SET NOT NULL")
    result = confiture("coordinate", "check", "--agent-id", "b", "--schema-changes", "DROP TABLE users")
    assert result.code == 8
    assert result.err == ""
    lines = result.out.splitlines()
    assert lines[0].startswith("Not free: ")
    assert any(line.startswith(f'error: {intent["id"]}, "work" of agent a, registered') for line in lines)
    assert any("public.users: you drop it, they touch it" in line for line in lines)
    assert "\x1b" not in result.out
    found = check(confiture, "b", "--schema-changes", "DROP TABLE users")
    assert found["severity"] == "error"
    assert found["conflicts"][0]["other"] == intent["id"]
    assert found["conflicts"][0]["type"] == "drop_use"


def test_what_is_free(shop: Project, confiture: Command) -> None:
    register(confiture, "a", "--tables-affected", "orders")
    result = confiture("coordinate", "check", "--agent-id", "b", "--columns-affected", "users.name")
    assert result.code == 0
    assert result.out.splitlines()[:2] == [
        "Free: nobody else changes what this touches.",
        "Touches: public.users.name (alter).",
    ]
    assert check(confiture, "a", "--tables-affected", "orders")["free"] is True


def test_different_columns_are_worth_a_word_and_no_more(shop: Project, confiture: Command) -> None:
    register(confiture, "a", "--schema-changes", "ALTER TABLE users ADD COLUMN seen date")
    other = register(confiture, "b", "--schema-changes", "ALTER TABLE users ADD COLUMN shoes int")
    assert other["status"] == "registered"
    assert {each["severity"] for each in other["conflicts"]} <= {"info"}


def test_registering_in_conflict_says_that_it_is_registered(
    shop: Project, confiture: Command, query: Query
) -> None:
    first = register(confiture, "a", "--tables-affected", "users")
    result = confiture(
        "coordinate", "register", "--agent-id", "b", "--feature-name", "x", "--tables-affected", "users"
    )
    assert result.code == 8
    assert result.out.startswith("Registered int_")
    assert "It is registered, and it is in conflict with what others do." in result.out
    assert first["id"] in result.out
    assert "confiture coordinate wait int_" in result.out
    assert query("SELECT agent, status FROM confiture.intent ORDER BY number") == [
        ("a", "registered"),
        ("b", "conflicted"),
    ]


def test_refuse_registers_nothing(shop: Project, confiture: Command, query: Query) -> None:
    register(confiture, "a", "--tables-affected", "users")
    arguments = ("--agent-id", "b", "--feature-name", "x", "--tables-affected", "users")
    result = confiture("coordinate", "register", *arguments, "--on-conflict", "refuse")
    assert result.code == 8
    assert result.out == ""
    assert "SQLSTATE: CF003" in result.err
    assert "DETAIL: " in result.err
    assert "HINT: Nothing was registered." in result.err
    assert query("SELECT count(*) FROM confiture.intent") == [(1,)]
    as_json = confiture(
        "coordinate", "register", *arguments, "--on-conflict", "refuse", "--format", "json"
    ).json
    assert as_json["error"]["exit_code"] == 8
    free = confiture(
        "coordinate",
        "register",
        "--agent-id=b",
        "--feature-name=x",
        "--tables-affected=carts",
        "--on-conflict=refuse",
    )
    assert free.code == 0


def test_the_queue(shop: Project, confiture: Command) -> None:
    first = register(confiture, "a", "--tables-affected", "users", "--on-conflict", "queue")
    assert first["queued"] is False
    second = register(confiture, "b", "--tables-affected", "users", "--on-conflict", "queue")
    assert (second["queued"], second["status"]) == (True, "conflicted")
    assert "conflicted, queued" in confiture("coordinate", "status").out
    refused = confiture("coordinate", "start", second["id"])
    assert refused.code == 8
    assert "waits for its turn" in refused.err
    assert move(confiture, "abandon", first["id"], "--reason", "no need").code == 0
    started = move(confiture, "start", second["id"])
    assert (started.code, started.json["intent"]["status"]) == (0, "in_progress")


def test_the_life_of_an_intent(shop: Project, confiture: Command) -> None:
    intent = register(confiture, "a", "--tables-affected", "users", feature="logins")
    identifier = intent["id"]
    started = confiture("coordinate", "start", identifier)
    assert started.code == 0
    assert started.out.startswith(f'{identifier} ("logins" of agent a) is in_progress, until 2')
    assert move(confiture, "extend", identifier, "--by", "2h").code == 0
    assert move(confiture, "complete", "--intent-id", identifier).json["intent"]["status"] == "completed"
    merged = move(confiture, "merge", identifier, "--intent-id", identifier)
    assert merged.json["intent"]["status"] == "merged"
    assert merged.json["intent"]["closed_at"] is not None
    again = confiture("coordinate", "merge", identifier)
    assert again.code == 23
    assert "SQLSTATE: CF014" in again.err
    assert "DETAIL: " in again.err
    events = confiture("coordinate", "history", identifier, "--format", "json").json["events"]
    assert [each["event"] for each in events] == ["merged", "completed", "extended", "started", "registered"]


def test_a_wrong_move_says_which_are_right(shop: Project, confiture: Command) -> None:
    identifier = register(confiture, "a", "--tables-affected", "users")["id"]
    result = move(confiture, "merge", identifier)
    assert result.code == 23
    assert result.json["error"]["sqlstate"] == "CF014"
    assert "abandoned, completed, in_progress" in result.json["error"]["detail"]


@pytest.mark.parametrize("name", ["start", "complete", "merge", "abandon", "extend", "status", "history"])
def test_an_unknown_intent(shop: Project, confiture: Command, name: str) -> None:
    more = ("--by", "1h") if name == "extend" else ()
    result = confiture("coordinate", name, "int_nobody", *more)
    assert result.code == 24
    assert "there is no intent 'int_nobody'" in result.err


def test_which_intent(shop: Project, confiture: Command) -> None:
    missing = confiture("coordinate", "start")
    assert missing.code == 2
    assert "Missing the id of an intent" in missing.err
    two = confiture("coordinate", "start", "int_a", "--intent-id", "int_b")
    assert two.code == 2
    assert "Two intents are given" in two.err


def test_who_moves_an_intent_is_in_its_history(shop: Project, confiture: Command, query: Query) -> None:
    identifier = register(confiture, "a", "--tables-affected", "users")["id"]
    move(confiture, "start", identifier, "--agent-id", "it's me")
    events = confiture("coordinate", "history", identifier, "--format", "json").json["events"]
    assert [each["agent"] for each in events] == ["it's me", "a"]


def test_conflicts_are_acknowledged_and_resolved(shop: Project, confiture: Command) -> None:
    register(confiture, "a", "--tables-affected", "users")
    second = register(confiture, "b", "--tables-affected", "users")
    found = confiture("coordinate", "conflicts", "--format", "json").json["conflicts"]
    assert [(each["agent"], each["other_agent"], each["state"]) for each in found] == [("b", "a", "open")]
    number = str(found[0]["id"])
    assert f"{second['id']} (b)" in confiture("coordinate", "conflicts").out
    result = move(confiture, "acknowledge", number, "--note", "asked in the chat", "--agent-id", "b")
    assert (result.code, result.json["conflict"]["state"]) == (0, "acknowledged")
    result = confiture("coordinate", "resolve", number, "--note", "they are first")
    assert result.code == 0
    assert result.out.startswith(f"Conflict {number} of {second['id']} with ")
    assert "they are first" in result.out
    again = confiture("coordinate", "resolve", number, "--note", "twice")
    assert again.code == 23
    assert confiture("coordinate", "conflicts").out == "There is no such conflict.\n"
    every = confiture("coordinate", "conflicts", second["id"], "--state", "all", "--format", "json").json
    assert [each["state"] for each in every["conflicts"]] == ["resolved"]
    shown = confiture("coordinate", "status", second["id"], "--format", "json").json["intent"]
    assert shown["status"] == "registered"
    unknown = confiture("coordinate", "resolve", "999999", "--note", "x")
    assert unknown.code == 24
    assert confiture("coordinate", "resolve", number).code == 2
    assert confiture("coordinate", "resolve", "seven", "--note", "x").code == 2
    assert confiture("coordinate", "conflicts", "--min-severity", "bad").code == 1


def test_status_at_a_glance(shop: Project, confiture: Command) -> None:
    assert confiture("coordinate", "status").out == "Nobody has registered anything.\n"
    register(confiture, "b", "--tables-affected", "users", feature="mails")
    register(confiture, "a", "--tables-affected", "carts", "--branch", "feature/x", feature="carts")
    register(confiture, "b", "--columns-affected", "carts.id", "--on-conflict", "queue", feature="more")
    result = confiture("coordinate", "status")
    lines = result.out.splitlines()
    assert lines[0].split() == [
        "AGENT", "FEATURE", "INTENT", "STATUS", "TOUCHES", "CONFLICTS", "BRANCH", "UNTIL",
    ]  # fmt: skip
    assert [line.split()[:2] for line in lines[1:4]] == [["a", "carts"], ["b", "mails"], ["b", "more"]]
    assert "public.users" in lines[2]
    assert "feature/x" in lines[1]
    assert lines[-1] == "3 intents of 2 agents, 1 conflict, 1 waiting for its turn."
    document = confiture("coordinate", "status", "--format", "json").json
    assert len(document["intents"]) == 3
    assert len(document["conflicts"]) == 1


def test_one_intent_in_full(shop: Project, confiture: Command) -> None:
    register(confiture, "b", "--tables-affected", "users")
    intent = register(
        confiture,
        "a",
        "--schema-changes",
        "ALTER TABLE users DROP COLUMN email CASCADE;\nDO $$ BEGIN END $$;",
        "--branch",
        "feature/mail",
        "--description",
        "no more mails",
        "--metadata",
        '{"ticket": "SHOP-12"}',
        "--estimated-duration",
        "10min",
        "--starts-at",
        "2030-05-01 14:00+00",
    )
    assert intent["unseen"][0]["line"] == 2
    assert intent["metadata"] == {"ticket": "SHOP-12"}
    result = confiture("coordinate", "status", intent["id"])
    assert result.code == 0
    for words in (
        f'{intent["id"]}: "work" of agent a',
        "  branch      feature/mail",
        "  description no more mails",
        "  takes       00:10:00",
        '  metadata    {"ticket": "SHOP-12"}',
        "  | ALTER TABLE users DROP COLUMN email CASCADE;",
        "public.users.email",
        "public.emails",
        "Not looked into: ",
        "you touch it, they alter it",
    ):
        assert words in result.out


def test_the_other_side_sees_the_conflict_from_its_own(shop: Project, confiture: Command) -> None:
    first = register(confiture, "a", "--tables-affected", "users")
    register(confiture, "b", "--objects", "drop table:users")
    shown = confiture("coordinate", "status", first["id"])
    assert "public.users: you alter it, they drop it" in shown.out


def test_list(shop: Project, confiture: Command) -> None:
    first = register(confiture, "a", "--tables-affected", "users")
    register(confiture, "b", "--tables-affected", "carts")
    move(confiture, "abandon", first["id"])

    def listed(*options: str) -> list[str]:
        found = confiture("coordinate", "list", *options, "--format", "json").json["intents"]
        return [each["agent"] for each in found]

    assert listed() == ["b"]
    assert listed("--status", "all") == ["b", "a"]
    assert listed("--status", "all", "--limit", "1") == ["b"]
    assert listed("--status", "abandoned") == ["a"]
    assert listed("--agent-id", "a") == []
    assert listed("--object", "public.carts") == ["b"]
    assert listed("--object", "users", "--status", "all") == ["a"]
    text = confiture("coordinate", "list", "--status", "all").out.splitlines()
    assert text[0].split() == ["INTENT", "AGENT", "FEATURE", "STATUS", "TOUCHES", "REGISTERED", "ENDED"]
    assert confiture("coordinate", "list", "--agent-id", "nobody").out == "There is no such intent.\n"
    wrong = confiture("coordinate", "list", "--status", "don't know")
    assert wrong.code == 1
    assert "HINT: The statuses are " in wrong.err


def test_history_of_all(shop: Project, confiture: Command) -> None:
    assert confiture("coordinate", "history").out == "The history is empty.\n"
    intent = register(confiture, "a", "--tables-affected", "users")
    move(confiture, "abandon", intent["id"], "--reason", "it's done elsewhere")
    lines = confiture("coordinate", "history").out.splitlines()
    assert lines[0].split() == ["WHEN", "EVENT", "INTENT", "AGENT", "BY", "DETAIL"]
    assert "reason: it's done elsewhere" in lines[1]
    assert len(confiture("coordinate", "history", "--limit", "1").out.splitlines()) == 2


def test_what_does_not_exist_yet_collides_too(shop: Project, confiture: Command) -> None:
    register(confiture, "a", "--schema-changes", "CREATE TABLE invoices (id int)")
    found = check(confiture, "b", "--schema-changes", "CREATE TABLE IF NOT EXISTS invoices ()")
    assert found["severity"] == "error"


def test_reserve(shop: Project, confiture: Command) -> None:
    shop.migration("007_a", "SELECT 1;")
    intent = register(confiture, "a", "--tables-affected", "users")["id"]
    first = confiture("coordinate", "reserve", "add_orders", "--intent-id", intent, "--format", "json")
    assert first.json == {"version": "008", "intent": intent}
    assert confiture("coordinate", "reserve").out == "009\n"
    assert confiture("coordinate", "reserve", "x", "--intent-id", "int_nobody").code == 24
    move(confiture, "abandon", intent)
    assert confiture("coordinate", "reserve", "x", "--intent-id", intent).code == 23


def test_what_others_write_moves_no_cursor(shop: Project, confiture: Command, query: Query) -> None:
    query('CREATE TABLE "new\nline" ()')
    arguments = ("--tables-affected", '"new\nline"', "--description", "red \x1b[31m", "--branch", "a\rb")
    identifier = register(confiture, "a", *arguments)["id"]
    move(confiture, "abandon", identifier, "--reason", "one\ntwo")
    for name in ("status", "history"):
        out = confiture("coordinate", name, identifier).out
        assert "\x1b" not in out
        assert "\r" not in out
    assert "reason: one\\ntwo" in out
    assert 'public."new\\nline"' in confiture("coordinate", "status", identifier).out


def test_status_shows_the_newest(shop: Project, confiture: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("confiture.cli.coordinate.MOST", 1)
    for agent in ("a", "b"):
        register(confiture, agent, "--tables-affected", "carts")
    result = confiture("coordinate", "status", "--format", "json")
    assert [each["agent"] for each in result.json["intents"]] == ["b"]
    assert result.err.startswith("Only the newest 1 intents are shown")


def test_a_check_loads_nothing_that_it_does_not_need(shop: Project) -> None:
    program = (
        "import sys; from confiture.__main__ import run;"
        "code = run(['coordinate', 'check', '--tables-affected', 'users', '--output', 'out.txt']);"
        "heavy = ('rich', 'yaml', 'confiture._core', 'confiture.results', 'difflib', 'confiture.cluster');"
        "print(code, [name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_output_goes_to_a_file(shop: Project, confiture: Command) -> None:
    result = confiture("coordinate", "check", "--tables-affected", "users", "--output", "out/check.txt")
    assert (result.code, result.out) == (0, "")
    assert (shop.root / "out/check.txt").read_text().startswith("Free: ")
