"""confiture.yaml, db/environments, variables, and which database is meant."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from confiture import config
from confiture.errors import ConfigurationError, UsageError

from .conftest import Command, Project

YAML = """\
name: shop
migrations_dir: sql/migrations
environments:
  local: {}
  production:
    database_url: postgresql://app@db.example/${NAME:-shop}
    settings:
      confiture.lock_timeout: 5s
      statement_timeout: 0
"""


def test_init_writes_a_configuration_that_loads(confiture: Command, project: Project) -> None:
    assert confiture("init").code == 0
    loaded = config.load()
    assert loaded.file == Path("confiture.yaml")
    assert loaded.migrations_dir == Path("db/migrations")
    assert loaded.target().url is None


def test_init_overwrites_nothing(confiture: Command, project: Project) -> None:
    project.write("confiture.yaml", "name: mine\n")
    project.write(".gitignore", "*.log")
    result = confiture("init", "--format", "json")
    assert "confiture.yaml" in result.json["kept"]
    assert (project.root / "confiture.yaml").read_text() == "name: mine\n"
    assert (project.root / ".gitignore").read_text() == "*.log\n.confiture/\n"
    assert confiture("init").code == 0
    assert (project.root / ".gitignore").read_text() == "*.log\n.confiture/\n"


def test_init_in_another_folder_says_how_to_get_there(confiture: Command, project: Project) -> None:
    result = confiture("init", "sub/shop")
    assert result.code == 0
    assert "cd sub/shop" in result.out
    assert (project.root / "sub/shop/confiture.yaml").is_file()


def test_environment(project: Project) -> None:
    project.write("confiture.yaml", YAML)
    loaded = config.load()
    target = loaded.target(environment="production")
    assert target.url == "postgresql://app@db.example/shop"
    assert target.settings == {"confiture.lock_timeout": "5s", "statement_timeout": "0"}
    assert loaded.migrations_dir == Path("sql/migrations")


def test_environment_in_a_file_of_its_own(project: Project) -> None:
    project.write("db/environments/staging.yaml", "database_url: service=staging\n")
    assert config.load().target(environment="staging").url == "service=staging"


def test_environment_described_twice(project: Project) -> None:
    project.write("confiture.yaml", YAML)
    project.write("db/environments/production.yaml", "database_url: service=x\n")
    with pytest.raises(ConfigurationError, match="described twice") as caught:
        config.load()
    assert "confiture.yaml, line 5" in str(caught.value.detail)


def test_the_configuration_of_a_folder_above(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("confiture.yaml", YAML)
    monkeypatch.chdir(project.migrations)
    assert config.load().root == project.root


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("name: x\nmigration_dir: y\n", 2, 1, "migration_dir", 'Did you mean "migrations_dir"?'),
        ("environments:\n  a:\n    databse_url: x\n", 3, 5, "databse_url", 'Did you mean "database_url"?'),
        ("zzz: 1\n", 1, 1, "zzz", "Known keys:"),
        ("name: a\nname: b\n", 2, 1, "given twice", None),
        ("- a\n", 1, 1, "mapping", None),
        ("name: [a\n", 2, 1, "not valid YAML", None),
        ("environments: [a]\n", 1, 15, "mapping", None),
        ("name: {a: b}\n", 1, 7, "single value", None),
        ("default_environment: prod\n", 1, 22, '"prod" is not configured', "Known: local"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    project: Project, text: str, line: int, column: int, message: str, hint: str | None
) -> None:
    project.write("confiture.yaml", text)
    with pytest.raises(ConfigurationError) as caught:
        config.load()
    problem = caught.value
    assert (problem.file, problem.line, problem.column) == ("confiture.yaml", line, column)
    assert message in problem.message
    assert problem.exit_code == 3
    if hint:
        assert hint in str(problem.hint)


def test_not_utf8(project: Project) -> None:
    project.write("confiture.yaml", b"name: x\n# caf\xe9\n")
    with pytest.raises(ConfigurationError) as caught:
        config.load()
    assert caught.value.location == "confiture.yaml:2"


def test_variables(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(
        "confiture.yaml",
        "environments:\n  a: {database_url: '${CF_A}-${CF_B:-b}-$${x}-$y'}\n"
        "  b: {database_url: '${CF_NONE}'}\n",
    )
    monkeypatch.setenv("CF_A", "${CF_B}")
    monkeypatch.setenv("CF_B", "")
    loaded = config.load()
    assert loaded.target(environment="a").url == "${CF_B}-b-${x}-$y"
    with pytest.raises(ConfigurationError, match="CF_NONE is not set") as caught:
        loaded.target(environment="b")
    assert caught.value.line == 3


@pytest.mark.parametrize("value", ["${", "${1a}", "${a b}"])
def test_a_variable_that_is_none(project: Project, value: str) -> None:
    project.write("confiture.yaml", f"name: '{value}'\n")
    with pytest.raises(ConfigurationError, match="starts no variable"):
        config.load()


def test_precedence(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("confiture.yaml", YAML)
    loaded = config.load()
    assert loaded.target().url is None
    monkeypatch.setenv("DATABASE_URL", "service=fromenv")
    assert loaded.target().url == "service=fromenv"
    assert loaded.target(environment="production").url == "postgresql://app@db.example/shop"
    target = loaded.target("service=option", "production")
    assert target.url == "service=option"
    assert target.settings["confiture.lock_timeout"] == "5s"


def test_only_local_falls_back_to_the_private_server(project: Project) -> None:
    project.write("confiture.yaml", "environments:\n  staging: {}\n")
    with pytest.raises(ConfigurationError, match="has no database_url"):
        config.load().target(environment="staging")


def test_unknown_environment(project: Project) -> None:
    project.write("confiture.yaml", YAML)
    with pytest.raises(ConfigurationError) as caught:
        config.load().target(environment="prodution")
    assert caught.value.hint == 'Did you mean "production"?'


def test_an_empty_url_is_refused(project: Project) -> None:
    with pytest.raises(UsageError, match="--database-url is empty"):
        config.load().target("")


def test_a_configuration_file_that_is_not_there(confiture: Command) -> None:
    result = confiture("migrate", "status", "--config", "nowhere.yaml")
    assert result.code == 3
    assert "there is no file nowhere.yaml" in result.err


@pytest.mark.parametrize(
    ("setting", "message", "hint"),
    [
        ("confiture.out_of_order: refuze", 'cannot be set to "refuze"', "Available values: "),
        ("confiture.lok_timeout: 1s", '"confiture.lok_timeout" cannot be set', '"confiture.lock_timeout"?'),
        ("statement_timeot: 1s", "unrecognized configuration parameter", '"statement_timeout"?'),
    ],
)
def test_a_setting_that_the_server_refuses(
    project: Project, confiture: Command, database: str, setting: str, message: str, hint: str
) -> None:
    project.migration("001_a", "SELECT 1;")
    project.write("confiture.yaml", f"environments:\n  x:\n    settings:\n      {setting}\n")
    result = confiture("migrate", "up", "--env", "x")
    assert result.code == 3
    assert f"  at confiture.yaml:4:{setting.index(':') + 9}\n" in result.err
    assert message in result.err
    assert f"HINT: {'Did you mean ' if '?' in hint else ''}{hint}" in result.err


def test_a_setting_is_in_force(project: Project, confiture: Command, database: str) -> None:
    project.migration("001_a", "CREATE TABLE a AS SELECT current_setting('confiture.lock_timeout') AS t;")
    project.write("confiture.yaml", "environments: {x: {settings: {confiture.lock_timeout: 1234ms}}}\n")
    assert confiture("migrate", "up", "--env", "x").code == 0
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT t FROM a").fetchone() == ("1234ms",)


def test_settings_without_the_extension(project: Project, confiture: Command, plain_database: str) -> None:
    project.write("confiture.yaml", "environments: {x: {settings: {confiture.lock_timeout: 1s}}}\n")
    result = confiture("extension", "status", "--env", "x", "--database-url", plain_database)
    assert result.code == 5
    assert result.err == ""
