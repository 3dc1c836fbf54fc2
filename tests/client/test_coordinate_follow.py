"""``confiture coordinate wait`` and ``watch``: several connections at once, a terminal, Ctrl-C."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from confiture import Coordinator

from .conftest import Command, Project, wait_until
from .processes import Spawn, Terminal

Query = Callable[..., list[tuple[Any, ...]]]
LISTENING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'confiture' AND pid <> pg_backend_pid()
    AND query ~ '(check|wait_turn|LISTEN|intent_conflicts)' AND state = 'idle'
"""


@pytest.fixture
def alice(database: str, query: Query) -> Iterator[Coordinator]:
    query("CREATE TABLE users (id bigint, email text)")
    connection = psycopg.connect(database, autocommit=True, application_name="alice")
    with connection:
        yield Coordinator(connection, agent="alice")


def waiting(query: Query) -> int:
    """Wait until the command has looked once and listens now; return its backend."""
    pid: int = wait_until(lambda: query(LISTENING))[0][0]
    return pid


def test_wait_for_objects(alice: Coordinator, query: Query, spawn: Spawn, confiture: Command) -> None:
    intent = alice.register("logins", tables=["users"])
    process = spawn(
        "coordinate", "wait", "--agent-id", "bob", "--tables-affected", "users", "--timeout", "60s"
    )
    pid = waiting(query)
    held = "SELECT backend_xmin, xact_start FROM pg_stat_activity WHERE pid = %s"
    assert query(held, pid) == [(None, None)]
    alice.abandon(intent.id)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err == f'Waiting for {intent.id} ("logins" of agent alice).\n'
    assert out == "Free: nobody stands in the way.\n"


def test_wait_for_a_turn(alice: Coordinator, query: Query, spawn: Spawn, database: str) -> None:
    first = alice.register("logins", tables=["users"])
    with Coordinator(database, agent="bob") as bob:
        second = bob.register("mails", tables=["users"], on_conflict="queue")
        assert second.queued
        process = spawn("coordinate", "wait", second.id, "--format", "json")
        waiting(query)
        alice.complete(first.id)
        assert process.poll() is None
        alice.merge(first.id)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        document = json.loads(out)
        assert document["free"] is True
        assert document["intent"]["queued"] is False
        assert bob.start(second.id).status == "in_progress"


def expire(query: Query, intent: str, after: str) -> None:
    """Give an intent so much time and no more, when all is ready for its end."""
    query(
        "UPDATE confiture.intent SET expires_at = clock_timestamp() + %s::interval WHERE id = %s",
        after,
        intent,
    )


def test_wait_sees_an_intent_expire(alice: Coordinator, query: Query, confiture: Command) -> None:
    first = alice.register("logins", tables=["users"])
    expire(query, first.id, "2s")
    result = confiture("coordinate", "wait", "--agent-id", "bob", "--tables-affected", "users")
    assert result.code == 0
    second = alice.register("logins", tables=["users"])
    with Coordinator(str(alice.connection.info.dsn), agent="bob") as bob:
        queued = bob.register("mails", tables=["users"], on_conflict="queue")
    assert queued.conflicts[0].other == second.id
    expire(query, second.id, "2s")
    assert confiture("coordinate", "wait", queued.id, "--timeout", "60s").code == 0


def test_waiting_has_an_end(alice: Coordinator, database: str, confiture: Command) -> None:
    intent = alice.register("logins", tables=["users"])
    own = confiture("coordinate", "wait", "--agent-id", "alice", "--tables-affected", "users")
    assert (own.code, own.out, own.err) == (0, "Free: nobody stands in the way.\n", "")
    arguments = ("coordinate", "wait", "--agent-id", "bob")
    result = confiture(*arguments, "--tables-affected", "users", "--timeout", "0")
    assert result.code == 8
    assert result.out.splitlines()[0] == "Not free after 0."
    assert f"{intent.id}, " in result.out
    as_json = confiture(*arguments, "--objects", "users", "--timeout", "100ms", "--format", "json")
    assert as_json.code == 8
    assert as_json.json["conflicts"][0]["other"] == intent.id
    with Coordinator(database, agent="bob") as bob:
        queued = bob.register("mails", tables=["users"], on_conflict="queue")
    turn = confiture("coordinate", "wait", "--intent-id", queued.id, "--timeout", "100ms")
    assert turn.code == 8
    assert f"{intent.id}, " in turn.out


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "wait needs either an intent or the names of objects"),
        (["int_x", "--tables-affected", "users"], 2, "wait needs either"),
        (["int_nobody"], 24, "there is no intent 'int_nobody'"),
        (["--tables-affected", '"x'], 1, '"x'),
        (
            ["--tables-affected", "users", "--agent-id", "bob", "--timeout", "soon"],
            1,
            "HINT: Write a duration",
        ),
    ],
)
def test_waiting_for_nonsense(
    alice: Coordinator, confiture: Command, options: list[str], code: int, words: str
) -> None:
    alice.register("logins", tables=["users"])
    result = confiture("coordinate", "wait", *options)
    assert result.code == code, result.err
    assert words in result.err


def test_waiting_for_what_has_ended(alice: Coordinator, confiture: Command) -> None:
    intent = alice.register("logins", tables=["users"])
    alice.abandon(intent.id)
    assert confiture("coordinate", "wait", intent.id).code == 23


def test_ctrl_c_while_waiting(alice: Coordinator, query: Query, spawn: Spawn) -> None:
    alice.register("logins", tables=["users"])
    process = spawn("coordinate", "wait", "--agent-id", "bob", "--tables-affected", "users")
    waiting(query)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith("error: cancelled\n")


@pytest.mark.parametrize("command", [["watch"], ["wait", "--agent-id=bob", "--tables-affected=users"]])
def test_the_connection_is_lost(alice: Coordinator, query: Query, spawn: Spawn, command: list[str]) -> None:
    alice.register("logins", tables=["users"])
    process = spawn("coordinate", *command)
    query("SELECT pg_terminate_backend(%s)", waiting(query))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "the connection to the server was lost" in err
    assert "confiture coordinate status" in err


def lines_of(process: Any, words: str) -> list[str]:
    """Read lines until one has these words."""
    found: list[str] = []
    for line in iter(process.stdout.readline, ""):
        found.append(line)
        if words in line:
            return found
    raise AssertionError(found)


def test_watch_through_a_pipe(alice: Coordinator, query: Query, spawn: Spawn) -> None:
    before = alice.register("logins", tables=["users"])
    process = spawn("coordinate", "watch")
    assert "1 intent of 1 agent, no conflict." in "".join(lines_of(process, "no conflict."))
    # It has listened before it showed that.
    alice.start(before.id)
    line = lines_of(process, "started")[-1]
    assert f'{before.id}  agent alice  "logins"' in line
    alice.abandon(before.id)
    lines_of(process, "abandoned")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("Watching ")
    assert "error" not in err
    assert "\x1b" not in out


def test_watch_as_json(alice: Coordinator, query: Query, spawn: Spawn) -> None:
    from . import schemas

    process = spawn("coordinate", "watch", "--format", "json")
    assert process.stderr is not None
    process.stderr.readline()
    first = alice.register("logins", tables=["users"])
    with Coordinator(str(alice.connection.info.dsn), agent="bob") as bob:
        bob.register("mails", tables=["users"])
    found = [json.loads(line) for line in lines_of(process, '"conflict"')]
    for document in found:
        schemas.check(("coordinate", "watch"), document)
    assert [each["event"] for each in found] == ["registered", "registered", "conflict"]
    assert found[0]["intent"] == found[2]["intent"] == first.id
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_watch_on_a_terminal(alice: Coordinator, query: Query, project: Project) -> None:
    terminal = Terminal("coordinate", "watch")
    terminal.wait_for("Nobody has registered anything.")
    intent = alice.register("logins", tables=["users"])
    terminal.wait_for(intent.id)
    terminal.wait_for("1 intent of 1 agent, no conflict.")
    terminal.wait_for("registered")
    shown = terminal.text.count("Nobody has registered anything.")
    expire(query, intent.id, "0")
    wait_until(lambda: terminal.text.count("Nobody has registered anything.") > shown)
    terminal.say("\x03")
    assert terminal.end() == 130
    assert "error" not in terminal.text


def test_status_on_a_terminal(alice: Coordinator, project: Project) -> None:
    alice.register("logins", tables=["users"])
    with Coordinator(str(alice.connection.info.dsn), agent="bob") as bob:
        bob.register("mails", tables=["users"])
    terminal = Terminal("coordinate", "status", COLUMNS="200")
    assert terminal.end() == 0
    assert "\x1b[31mconflicted" in terminal.text
    plain = Terminal("coordinate", "status", COLUMNS="200", NO_COLOR="1")
    assert plain.end() == 0
    assert "[31m" not in plain.text
