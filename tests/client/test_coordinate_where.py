"""Where the intents are: which database, with the extension or without, reachable or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from confiture import config
from confiture.errors import ConfigurationError

from .conftest import Command, Project, make_database

Query = Callable[..., list[tuple[Any, ...]]]
CHECK = ("coordinate", "check", "--tables-affected", "users")


@pytest.fixture
def elsewhere(template: str, project: Project) -> Iterator[str]:
    """A database for intents only."""
    yield from make_database(template)


def register(confiture: Command, *options: str) -> str:
    arguments = ("coordinate", "register", "--agent-id", "a", "--feature-name", "x")
    result = confiture(*arguments, "--tables-affected", "users", *options, "--format", "json")
    assert result.code == 0, result.out
    identifier: str = result.json["intent"]["id"]
    return identifier


def count(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM confiture.intent").fetchone()
        assert row is not None
        return int(row[0])


def test_coordination_url(
    project: Project, confiture: Command, database: str, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTENTS", elsewhere)
    project.write("confiture.yaml", "coordination_url: ${INTENTS}\nenvironments:\n  staging: {}\n")
    register(confiture)
    register(confiture, "--env", "staging")
    assert (count(elsewhere), count(database)) == (2, 0)
    register(confiture, "--db-url", database)
    register(confiture, "--database-url", database)
    assert (count(elsewhere), count(database)) == (2, 2)
    project.write(
        "confiture.yaml",
        f"coordination_url: ${{INTENTS}}\nenvironments:\n  own: {{coordination_url: '{database}'}}\n",
    )
    register(confiture, "--env", "own")
    assert (count(elsewhere), count(database)) == (2, 3)
    monkeypatch.setenv("INTENTS", "")
    register(confiture)
    assert (count(elsewhere), count(database)) == (2, 4)
    monkeypatch.delenv("INTENTS")
    result = confiture(*CHECK)
    assert result.code == 3
    assert "confiture.yaml:1:19" in result.err
    assert confiture("migrate", "new", "x", "--version", "001").code == 0


def test_the_configuration_of_coordination(project: Project) -> None:
    project.write("confiture.yaml", "coordination_url: service=intents\nagent: me\n")
    loaded = config.load()
    target = loaded.coordination_target()
    assert (target.url, target.source) == ("service=intents", "coordination_url of the project")
    assert loaded.coordination_target("service=x").url == "service=x"
    assert loaded.target().url is None
    assert loaded.agent_name() == "me"
    project.write("confiture.yaml", "agent: [me]\n")
    with pytest.raises(ConfigurationError, match="single value"):
        config.load()
    project.write("confiture.yaml", "coordination_url: {a: b}\n")
    with pytest.raises(ConfigurationError, match="single value"):
        config.load()


def test_the_settings_of_an_environment(project: Project, confiture: Command, database: str) -> None:
    project.write("confiture.yaml", "environments:\n  x:\n    settings: {confiture.agent: somebody}\n")
    result = confiture(*CHECK, "--env", "x", "--format", "json")
    assert result.json["agent"] == "somebody"


@pytest.mark.parametrize("name", ["check", "status", "history", "list", "conflicts"])
def test_the_extension_is_missing(
    project: Project, confiture: Command, plain_database: str, name: str
) -> None:
    options = ("--tables-affected", "users") if name == "check" else ()
    result = confiture("coordinate", name, *options, "--db-url", plain_database)
    assert result.code == 5
    assert "the extension confiture is not in the database" in result.err
    assert "HINT: Run `confiture coordinate init`" in result.err


def test_init(project: Project, confiture: Command, plain_database: str) -> None:
    first = confiture("coordinate", "init", "--db-url", plain_database)
    assert first.code == 0
    assert first.out.startswith("Created the extension confiture ")
    again = confiture("coordinate", "init", "--db-url", plain_database, "--format", "json")
    assert again.code == 0
    assert again.json["created"] is False
    assert confiture("coordinate", "init", "--db-url", plain_database).out.startswith("Nothing to do: ")
    assert confiture(*CHECK, "--db-url", plain_database).code == 0


def test_init_where_it_may_not(project: Project, confiture: Command, plain_database: str) -> None:
    with psycopg.connect(plain_database, autocommit=True) as connection:
        connection.execute("CREATE ROLE cf_somebody LOGIN")
    try:
        url = make_conninfo(plain_database, user="cf_somebody")
        result = confiture("coordinate", "init", "--db-url", url)
        assert result.code == 20
        assert "HINT: Let a superuser run CREATE EXTENSION confiture in " in result.err
    finally:
        with psycopg.connect(plain_database, autocommit=True) as connection:
            connection.execute("DROP ROLE cf_somebody")


def test_init_finds_another_version(
    project: Project, confiture: Command, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("confiture.installed.__version__", "9.0.0")
    result = confiture("coordinate", "init")
    assert result.code == 5
    assert "ALTER EXTENSION confiture UPDATE" in result.err


def test_an_extension_without_coordination(
    project: Project, confiture: Command, database: str, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    query("ALTER EXTENSION confiture DROP FUNCTION confiture.intent_board()")
    query("DROP FUNCTION confiture.intent_board()")
    monkeypatch.setattr("confiture.installed.__version__", "9.0.0")
    from confiture import ConfitureError, Coordinator

    with Coordinator(database) as coordinator, pytest.raises(ConfitureError) as caught:
        coordinator.board()
    assert caught.value.exit_code == 5
    assert "this client expects 9.0.0" in caught.value.message


def test_cannot_connect(project: Project, confiture: Command) -> None:
    result = confiture(*CHECK, "--db-url", "host=/nowhere dbname=x password=s3cret")
    assert result.code == 4
    assert result.err.startswith("error: cannot connect: ")
    assert "s3cret" not in result.err
    empty = confiture(*CHECK, "--db-url", "")
    assert empty.code == 2


def test_a_read_only_session(project: Project, confiture: Command, database: str) -> None:
    url = make_conninfo(database, options="-c default_transaction_read_only=on")
    arguments = ("--feature-name", "x", "--tables-affected", "users", "--db-url", url)
    result = confiture("coordinate", "register", *arguments)
    assert result.code == 1
    assert "SQLSTATE: 25006" in result.err
    assert confiture(*CHECK, "--db-url", url).code == 0
    assert confiture("coordinate", "status", "--db-url", url).code == 0


def test_another_isolation(project: Project, confiture: Command, database: str) -> None:
    url = make_conninfo(database, options="-c default_transaction_isolation=serializable")
    arguments = ("--feature-name", "x", "--tables-affected", "users", "--db-url", url)
    result = confiture("coordinate", "register", *arguments)
    assert result.code == 1
    assert "SQLSTATE: 0A000" in result.err


def test_a_missing_privilege(project: Project, confiture: Command, database: str, query: Query) -> None:
    query("CREATE ROLE cf_developer LOGIN")
    try:
        url = make_conninfo(database, user="cf_developer")
        result = confiture(*CHECK, "--db-url", url)
        assert result.code == 20
        hint = "HINT: Let a superuser run: SELECT confiture.grant_usage('cf_developer', 'developer')."
        assert hint in result.err
        query("SELECT confiture.grant_usage('cf_developer', 'developer')")
        assert confiture(*CHECK, "--db-url", url).code == 0
        identifier = register(confiture, "--db-url", url)
        assert confiture("coordinate", "status", identifier, "--db-url", url).code == 0
        assert confiture("coordinate", "abandon", identifier, "--db-url", url).code == 0
        assert confiture("coordinate", "reserve", "--db-url", url).code == 0
    finally:
        query("DROP OWNED BY cf_developer")
        query("DROP ROLE cf_developer")


def test_new_migrations_reserve_their_version(
    project: Project, confiture: Command, database: str, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFITURE_AGENT", "bot")
    project.migration("004_a", "SELECT 1;")
    result = confiture("migrate", "new", "add_orders", "--format", "json")
    assert result.json == {
        "version": "005",
        "files": ["db/migrations/005_add_orders.up.sql", "db/migrations/005_add_orders.down.sql"],
        "reserved": True,
    }
    assert query("SELECT version, agent, name FROM confiture.version_reservation") == [
        ("005", "bot", "add_orders")
    ]
    for path in project.migrations.glob("005*"):  # another branch does not have it
        path.unlink()
    other = confiture("migrate", "new", "other", "--agent-id", "b", "--format", "json")
    assert (other.json["version"], other.json["reserved"], other.err) == ("006", True, "")
    given = confiture("migrate", "new", "third", "--version", "100", "--format", "json")
    assert (given.json["version"], given.json["reserved"]) == ("100", False)


def test_new_migrations_name_their_intent(
    project: Project, confiture: Command, database: str, query: Query
) -> None:
    identifier = register(confiture)
    result = confiture("migrate", "new", "a", "--intent-id", identifier, "--format", "json")
    up, down = (project.root / name for name in result.json["files"])
    assert up.read_text().splitlines()[0] == f"-- confiture: intent={identifier}"
    assert "intent=" not in down.read_text()
    python = confiture("migrate", "new", "b", "--python", "--intent-id", identifier, "--format", "json")
    text = (project.root / python.json["files"][0]).read_text()
    assert text.splitlines()[0] == f"# confiture: intent={identifier}"
    assert query("SELECT count(*) FROM confiture.version_reservation WHERE intent = %s", identifier) == [(2,)]
    assert confiture("migrate", "up", "--dry-run").code == 0
    unknown = confiture("migrate", "new", "c", "--intent-id", "int_nobody")
    assert unknown.code == 24
    wrong = confiture("migrate", "new", "c", "--version", "999", "--intent-id", "x; transaction=off")
    assert wrong.code == 2
    assert "is not the id of an intent" in wrong.err


def test_new_migrations_ask_a_private_server_only_if_it_runs(
    project: Project, confiture: Command, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: object) -> None:
        raise AssertionError("a server is started")

    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setattr("confiture.cluster.start", start)
    quiet = confiture("migrate", "new", "a", "--format", "json")
    assert (quiet.code, quiet.json["reserved"], quiet.err) == (0, False, "")
    monkeypatch.setattr("confiture.cluster.running_url", lambda _: database)
    asked = confiture("migrate", "new", "b", "--format", "json")
    assert (asked.code, asked.json["reserved"], asked.err) == (0, True, "")


def test_new_migrations_without_a_database(
    project: Project, confiture: Command, plain_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.migration("004_a", "SELECT 1;")
    quiet = confiture("migrate", "new", "b", "--format", "json")
    assert (quiet.json["version"], quiet.json["reserved"], quiet.err) == ("005", False, "")
    for url, words in (
        ("host=/nowhere dbname=x password=s3cret", "cannot connect"),
        (plain_database, "the extension confiture is not in the database"),
    ):
        monkeypatch.setenv("DATABASE_URL", url)
        result = confiture("migrate", "new", "c", "--format", "json")
        assert result.json["reserved"] is False
        assert result.err.startswith("The version is not reserved: ")
        assert words in result.err
        assert "s3cret" not in result.err
    assert confiture("migrate", "new", "d", "--env", "nowhere").code == 3
    assert confiture("migrate", "new", "d", "--database-url", "").code == 2
