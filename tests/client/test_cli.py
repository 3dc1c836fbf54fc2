"""The command line itself: help, errors, exit codes, what is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from confiture import __version__, exit_codes
from confiture.cli import cli

from .conftest import REPOSITORY, Command


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = dict(commands(cli))
LEAVES = {path: command for path, command in ALL.items() if not isinstance(command, click.Group)}


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    text = ALL[path].help or ""
    assert "Example:" in text
    assert f"confiture {' '.join(path)}" in text


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_option_has_help(path: tuple[str, ...]) -> None:
    for parameter in ALL[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_prints_json_that_is_documented(path: tuple[str, ...]) -> None:
    assert "output_format" in [parameter.name for parameter in LEAVES[path].params]
    schema = REPOSITORY / "docs/reference/json" / f"{'-'.join(path)}.schema.json"
    assert json.loads(schema.read_text())["title"] == f"confiture {' '.join(path)} --format json"


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help(confiture: Command, path: tuple[str, ...]) -> None:
    result = confiture(*path, "--help")
    assert result.code == 0
    assert result.out.startswith(f"Usage: confiture {' '.join(path)}")


@pytest.mark.parametrize(
    "group", [(), ("migrate",), ("transition",), ("coordinate",), ("server",), ("extension",)], ids=" ".join
)
def test_the_list_of_commands_is_not_cut_off(confiture: Command, group: tuple[str, ...]) -> None:
    assert "..." not in confiture(*group, "--help").out.partition("Commands:")[2]


def test_version(confiture: Command) -> None:
    result = confiture("--version")
    assert (result.code, result.out) == (0, f"confiture {__version__}\n")


def test_the_version_loads_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from confiture.__main__ import run; run(['--version']);"
        "print([name for name in ('psycopg', 'rich', 'yaml', 'confiture._core') if name in sys.modules])"
    )
    # The repository has the server's confiture.so, which Python would take for the package.
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_versions_agree() -> None:
    control = (REPOSITORY / "confiture.control").read_text()
    assert f"default_version = '{__version__}'" in control


def test_usage_errors(confiture: Command) -> None:
    result = confiture("migrate", "upp")
    assert (result.code, result.out) == (2, "")
    assert "No such command 'upp'" in result.err
    assert confiture("migrate", "up", "--steps", "3").code == 2
    assert confiture("migrate", "down", "--steps", "0").code == 2
    assert confiture("server", "start", "--port", "x").code == 2


def test_usage_errors_as_json(confiture: Command) -> None:
    result = confiture("migrate", "up", "--nonsense", "--format", "json")
    assert result.code == 2
    assert result.json["error"]["exit_code"] == 2
    assert "--nonsense" in result.json["error"]["message"]


def test_an_unexpected_error_is_an_internal_error(
    confiture: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("confiture.scaffold.create", broken)
    result = confiture("init")
    assert result.code == 1
    assert "internal error: ZeroDivisionError: oh" in result.err
    monkeypatch.setenv("CONFITURE_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        confiture("init")


def test_exit_codes_are_documented() -> None:
    text = (REPOSITORY / "docs/reference/exit-codes.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    documented = {
        int(row[0]): (row[1].strip("| ") if len(row) == 3 else "", row[-1].strip("| ")) for row in rows
    }
    assert {code: meaning for code, (_, meaning) in documented.items()} == exit_codes.MEANINGS
    states = {
        state: code for code, (cell, _) in documented.items() for state in cell.split(", ") if len(state) == 5
    }
    assert states == exit_codes.SQLSTATES
    assert documented[exit_codes.CONNECTION][0].startswith("class 08, class 28")


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [(None, 1), ("42P01", 1), ("CF001", 6), ("CF013", 18), ("08006", 4), ("28P01", 4), ("57014", 130)],
)
def test_exit_code_of_a_sqlstate(sqlstate: str | None, code: int) -> None:
    assert exit_codes.exit_code(sqlstate) == code
