"""A plugin of pytest: ``confiture_db`` is a database of the test's own.

    def test_a_user_is_found(confiture_db):
        with confiture_db.connect() as connection:
            connection.execute("INSERT INTO users (name) VALUES ('Ada')")

The schema is built once, as long as its files stay what they are; each test gets a copy, which is
dropped when the test has ended. With pytest-xdist one worker builds and the others wait for it.

Settings of pytest.ini: ``confiture_env`` (default: the environment "test" where it is configured,
else the default environment), ``confiture_root`` (default: the folder of pytest.ini), and
``confiture_ledger`` (true: with the extension, and the migrations marked as applied).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from confiture.builder import SchemaBuilder
    from confiture.db import Connection
    from confiture.testdb import TestDatabase

_DEFAULT = "test"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings."""
    parser.addini("confiture_env", "The environment whose schema is built.", default="")
    parser.addini("confiture_root", "The folder of the project.", default="")
    parser.addini("confiture_ledger", "Create the extension in the databases.", type="bool", default=False)


@dataclass(frozen=True)
class BuildServer:
    """The server that the databases are made on."""

    connection: Connection
    url: str


@pytest.fixture(scope="session")
def confiture_builder(pytestconfig: pytest.Config) -> SchemaBuilder:
    """The files of the project; override it to build from others."""
    from confiture import config
    from confiture.builder import SchemaBuilder

    root = pytestconfig.rootpath / str(pytestconfig.getini("confiture_root"))
    project = config.load(start=Path(root))
    named = str(pytestconfig.getini("confiture_env"))
    env = named or (_DEFAULT if _DEFAULT in project.environments else None)
    return SchemaBuilder(env, project=project)


@pytest.fixture(scope="session")
def confiture_server(confiture_builder: SchemaBuilder) -> Iterator[BuildServer]:
    """The server of the environment; the private one is started if it is that."""
    from confiture import cluster, control

    target = confiture_builder.project.target(environment=confiture_builder.env)
    url = target.url or cluster.ensure(confiture_builder.project, lambda _note: None)
    connection = control.connect(url, target)
    yield BuildServer(connection, url)
    connection.close()


@pytest.fixture
def confiture_db(
    confiture_builder: SchemaBuilder, confiture_server: BuildServer, pytestconfig: pytest.Config
) -> Iterator[TestDatabase]:
    """A database with the schema and the seeds, for one test."""
    from confiture import testdb

    ledger = bool(pytestconfig.getini("confiture_ledger"))
    made = testdb.create(confiture_server.connection, confiture_builder, confiture_server.url, ledger=ledger)
    yield made
    testdb.drop(confiture_server.connection, [made.name])
