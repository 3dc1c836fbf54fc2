"""Fixtures: a folder and a database with the extension for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .reader import make_database, make_folder, make_template

_NOT_RUN = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_NOT_RUN] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List the blocks of the documents that no test runs."""
    if found := config.stash[_NOT_RUN]:
        terminalreporter.write_sep("-", f"blocks of the documents that are not run: {len(found)}")
        for line in found:
            terminalreporter.write_line(line)


@pytest.fixture
def not_run(request: pytest.FixtureRequest) -> list[str]:
    """Collect the blocks that are not run, with their reasons, for the summary."""
    return request.config.stash[_NOT_RUN]


@pytest.fixture(scope="session")
def template() -> Iterator[str]:
    """The name of a database with both extensions, to be copied."""
    if "PGHOST" not in os.environ:
        pytest.fail("no server: run `tests/cluster.sh .venv/bin/pytest tests/e2e`", pytrace=False)
    with make_template() as name:
        yield name


@pytest.fixture
def database(template: str) -> Iterator[str]:
    """The name of a database with both extensions."""
    with make_database(template) as name:
        yield name


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user postgres can enter."""
    with make_folder() as path:
        yield path
