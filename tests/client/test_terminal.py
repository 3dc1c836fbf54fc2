"""What a person sees: a real terminal, colours, questions, Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from .conftest import Project, wait_until
from .processes import Spawn, Terminal

Query = Callable[..., list[tuple[Any, ...]]]
SLEEPING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
)


@pytest.fixture
def slow(project: Project, database: str) -> Iterator[Project]:
    project.migration("001_a", "CREATE TABLE a ();")
    project.migration("002_slow", "CREATE TABLE b ();\nSELECT pg_sleep(600);\n")
    yield project


def sleeping(query: Query) -> None:
    wait_until(lambda: query(SLEEPING) != [(0,)])


def test_the_line_that_moves(slow: Project, query: Query) -> None:
    terminal = Terminal("migrate", "up")
    sleeping(query)
    terminal.wait_for("2/2 SELECT (line 2) ...")
    terminal.say("\x03")
    assert terminal.end() == 130
    assert "\x1b[1m001 a" in terminal.text
    assert "\x1b[1;31merror: canceling statement due to user request" in terminal.text
    assert "STATE: 001 was applied before and stays so. Nothing of 002 was applied." in terminal.text
    assert query(SLEEPING) == [(0,)]


def test_no_color(slow: Project) -> None:
    terminal = Terminal("migrate", "status", NO_COLOR="1")
    assert terminal.end() == 0
    assert "VERSION" in terminal.text
    assert "[33m" not in terminal.text
    coloured = Terminal("migrate", "status")
    assert coloured.end() == 0
    assert "\x1b[33mpending" in coloured.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_in_the_server(
    slow: Project, query: Query, spawn: Spawn, number: signal.Signals
) -> None:
    process = spawn("migrate", "up")
    sleeping(query)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert query(SLEEPING) == [(0,)]
    assert "cancelling in the server" in err
    assert "SQLSTATE: 57014" in err
    assert "STATE: 001 was applied before and stays so. Nothing of 002 was applied." in err
    assert query("SELECT version FROM confiture.tb_confiture") == [("001",)]
    assert "002 slow" in out


def test_a_signal_between_many_short_statements(
    project: Project, database: str, query: Query, spawn: Spawn
) -> None:
    # However fast the server is, it is still at it when the signal comes.
    project.migration("001_a", "SELECT 1;\n" * 200_000 + "SELECT pg_sleep(600);\n")
    process = spawn("migrate", "up")
    assert process.stdout is not None
    assert "001 a\n" in iter(process.stdout.readline, "")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Nothing of 001 was applied." in err
    assert query("SELECT version FROM confiture.tb_confiture") == []


@pytest.mark.parametrize(("answer", "code", "applied"), [("y", 0, 2), ("n", 22, 0), ("", 22, 0)])
def test_the_question_after_a_measured_run(
    project: Project, database: str, query: Query, answer: str, code: int, applied: int
) -> None:
    project.migration("001_a", "CREATE TABLE a ();")
    project.migration("002_b", "CREATE TABLE b ();")
    terminal = Terminal("migrate", "up", "--dry-run-execute")
    terminal.wait_for("Go on with 2 migrations? [y/N]")
    terminal.say(f"{answer}\n")
    assert terminal.end() == code
    assert query("SELECT count(*) FROM confiture.tb_confiture") == [(applied,)]


def test_ctrl_c_at_the_question(project: Project, database: str, query: Query) -> None:
    project.migration("001_a", "CREATE TABLE a ();")
    terminal = Terminal("migrate", "up", "--dry-run-execute")
    terminal.wait_for("Go on with 1 migration?")
    # Python loses a signal that comes right before it waits for a line: a person presses again.
    while terminal.process.poll() is None:
        terminal.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            terminal.process.wait(timeout=2)
    assert terminal.end() == 130
    assert query("SELECT count(*) FROM confiture.tb_confiture") == [(0,)]


def test_the_reader_of_a_pipe_goes_away(slow: Project, spawn: Spawn) -> None:
    process = spawn("migrate", "status")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) == 1
