"""What bad input gets: where it is, what it is, what to do, and in what state the database is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from .conftest import Command, Project, wait_until

Query = Callable[..., list[tuple[Any, ...]]]


def error(confiture: Command, *arguments: str) -> dict[str, Any]:
    result = confiture("migrate", *(arguments or ("up",)), "--format", "json")
    found: dict[str, Any] = result.json["error"]
    assert found["exit_code"] == result.code
    return found


def test_syntax_error(project: Project, confiture: Command, database: str) -> None:
    project.migration("001_a", "CREATE TABLE a ();\n\nCREATE TABLE b (\n  id bigint\n  name text\n);\n")
    result = confiture("migrate", "up")
    assert result.code == 1
    assert result.out == ""
    assert result.err == (
        'error: syntax error at or near "name"\n'
        "  at db/migrations/001_a.up.sql:5:3, migration 001 (up), statement 2 of 2\n"
        "\n"
        "  3 | CREATE TABLE b (\n"
        "  4 |   id bigint\n"
        "  5 |   name text\n"
        "    |   ^\n"
        "\n"
        "SQLSTATE: 42601\n"
        "STATE: Nothing was applied.\n"
    )
    assert error(confiture)["statement"] == "CREATE TABLE b (\n  id bigint\n  name text\n)"


def test_unknown_column_in_the_middle_of_a_statement(
    project: Project, confiture: Command, database: str
) -> None:
    project.migration("001_a", "CREATE TABLE a (id int);\nSELECT 'ä',\n  idd\n  FROM a;\nSELECT 2;\n")
    result = confiture("migrate", "up")
    assert result.code == 1
    assert "at db/migrations/001_a.up.sql:3:3, migration 001 (up), statement 2 of 3" in result.err
    assert "  2 | SELECT 'ä',\n  3 |   idd\n    |   ^\n" in result.err
    assert "HINT: Perhaps you meant to reference the column" in result.err
    assert "STATE: Nothing of 001 was applied." in result.err


def test_wide_characters_and_tabs_before_the_caret(
    project: Project, confiture: Command, database: str
) -> None:
    project.migration("001_a", "\tSELECT '漢字', nope;\n")
    result = confiture("migrate", "up")
    assert "001_a.up.sql:1:15" in result.err
    assert "  1 | \tSELECT '漢字', nope;\n    | \t               ^\n" in result.err


def test_an_error_without_a_position_shows_the_statement(
    project: Project, confiture: Command, database: str
) -> None:
    project.migration("001_a", "CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a\nVALUES (1), (1);\n")
    result = confiture("migrate", "up")
    assert "at db/migrations/001_a.up.sql:2:1" in result.err
    assert "  2 | INSERT INTO a\n  3 | VALUES (1), (1);\n\n" in result.err
    assert "DETAIL: Key (id)=(1) already exists." in result.err
    assert "^" not in result.err


def test_an_error_in_a_function_that_the_statement_calls(
    project: Project, confiture: Command, database: str
) -> None:
    project.migration(
        "001_a",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT nope); END';\n"
        "SELECT 1,\n  f();\n",
    )
    found = error(confiture)
    assert (found["line"], found["migration"]) == (2, "001")
    assert "^" not in confiture("migrate", "up").err


def test_the_row_of_a_copy_is_named(project: Project, confiture: Command, database: str) -> None:
    project.write("db/t.csv", "1\nx\n")
    project.migration("001_a", "CREATE TABLE t (a int);\n\\copy t from 'db/t.csv'\n")
    result = confiture("migrate", "up")
    assert "at db/migrations/001_a.up.sql:2:1" in result.err
    assert 'CONTEXT: COPY t, line 2, column a: "x"\n' in result.err


def test_an_error_in_an_included_file(project: Project, confiture: Command, database: str) -> None:
    project.write("db/parts/b.sql", "SELECT 1;\nSELECT nope;\n")
    project.migration("001_a", "SELECT 1;\n\\i db/parts/b.sql\nSELECT 2;\n")
    found = error(confiture)
    assert (found["file"], found["line"], found["column"]) == ("db/parts/b.sql", 2, 8)
    assert "  2 | SELECT nope;" in confiture("migrate", "up").err


def test_an_error_in_a_down(project: Project, confiture: Command, database: str) -> None:
    project.migration("001_a", "SELECT 1;", "SELECT 2;\nSELECT nope;")
    confiture("migrate", "up")
    found = error(confiture, "down")
    assert (found["file"], found["line"]) == ("db/migrations/001_a.down.sql", 2)
    assert found["state"] == "Nothing of 001 was taken back."


@pytest.mark.parametrize(
    ("text", "code", "sqlstate", "line"),
    [
        ("SELECT 1;\nCOMMIT;\n", 14, "CF009", 2),
        ("SELECT 1;\n\\gexec\n", 15, "CF010", None),
        ("SELECT 1;\nSELECT 'open\n", 1, "42601", 2),
        ("-- confiture: depends_on=009\nSELECT 1;\n", 10, "CF005", None),
    ],
)
def test_refused_by_the_server(
    project: Project,
    confiture: Command,
    database: str,
    text: str,
    code: int,
    sqlstate: str,
    line: int | None,
) -> None:
    project.migration("001_a", text)
    found = error(confiture)
    assert (found["exit_code"], found["sqlstate"]) == (code, sqlstate)
    if line:
        assert found["line"] == line


def test_top_level_in_an_atomic_run(project: Project, confiture: Command, database: str) -> None:
    project.migration("001_a", "CREATE TABLE a (x int);\nCREATE INDEX CONCURRENTLY ON a (x);\n")
    assert error(confiture, "up", "--atomic")["exit_code"] == 9
    assert confiture("migrate", "up").code == 0


def test_a_failure_in_a_migration_that_is_not_one_transaction(
    project: Project, confiture: Command, database: str
) -> None:
    project.migration(
        "001_a",
        "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1), (1);\n"
        "CREATE UNIQUE INDEX CONCURRENTLY a_x ON a (x);\n",
    )
    found = error(confiture)
    assert found["sqlstate"] == "23505"
    assert "001 does not run in one transaction: its first 2 statements stay" in found["state"]
    again = error(confiture)
    assert again["state"] == found["state"]


PYTHON = """\
from confiture_py import Migration


class Fill(Migration):
    def up(self):
        self.log("working")
        self.execute("CREATE TABLE filled (a int)")
        {line}

    def down(self):
        self.execute("DROP TABLE filled")
"""


def test_python(project: Project, confiture: Command, database: str, query: Query) -> None:
    query("CREATE EXTENSION confiture_py CASCADE")
    project.write("db/migrations/001_fill.py", PYTHON.format(line="return 1 / 0"))
    result = confiture("migrate", "up")
    assert result.code == 1
    assert "  NOTICE: working\n" in result.out
    assert "error: ZeroDivisionError: division by zero\n  at db/migrations/001_fill.py:8" in result.err
    assert "  8 |         return 1 / 0\n" in result.err
    project.write("db/migrations/001_fill.py", PYTHON.format(line='self.execute("SELECT nope")'))
    result = confiture("migrate", "up")
    assert "at db/migrations/001_fill.py:8" in result.err
    assert "QUERY: SELECT nope\n" in result.err
    assert "SQLSTATE: 42703\n" in result.err
    project.write("db/migrations/001_fill.py", PYTHON.format(line=""))
    assert confiture("migrate", "up").code == 0
    assert confiture("migrate", "down").code == 0
    assert query("SELECT to_regclass('filled')") == [(None,)]


def test_not_utf8(project: Project, confiture: Command, database: str) -> None:
    project.write("db/migrations/001_a.up.sql", b"SELECT 1;\nSELECT '\xe9';\n")
    found = error(confiture)
    assert (found["exit_code"], found["line"], found["column"]) == (3, 2, 9)


def test_cannot_connect(project: Project, confiture: Command) -> None:
    project.migration("001_a", "SELECT 1;")
    for url in ("host=/nowhere dbname=x password=s3cret", "postgresql://u:s3cret@127.0.0.1:1/x"):
        result = confiture("migrate", "status", "--database-url", url)
        assert result.code == 4
        assert result.err.startswith("error: cannot connect: ")
        assert "HINT: " in result.err
        assert "s3cret" not in result.err


@pytest.mark.parametrize(
    "url",
    [
        "postgres:/u:s3cret@h/d",
        "host=h passwort=s3cret",
        "postgresql://u:s3cret@h:x/d",
        "host=h password='s3cret",
        "s3cret",
        "postgresql://u:s3cret@h/d?nope=1",
    ],
)
def test_a_wrong_url_is_not_repeated(project: Project, confiture: Command, url: str) -> None:
    project.migration("001_a", "SELECT 1;")
    result = confiture("migrate", "status", "--database-url", url)
    assert result.code in (3, 4)
    assert "s3cret" not in result.err


def test_a_wrong_setting(project: Project, confiture: Command, database: str) -> None:
    project.migration("001_a", "SELECT 1;")
    project.write("confiture.yaml", "environments:\n  x:\n    settings: {statement_timeout: soon}\n")
    result = confiture("migrate", "status", "--env", "x")
    assert result.code == 3
    assert 'setting "statement_timeout" cannot be set to "soon"' in result.err


def test_the_extension_is_missing(project: Project, confiture: Command, plain_database: str) -> None:
    project.migration("001_a", "SELECT 1;")
    result = confiture("migrate", "up", "--database-url", plain_database)
    assert result.code == 5
    assert "CREATE EXTENSION confiture" in result.err
    status = confiture("extension", "status", "--database-url", plain_database, "--format", "json")
    assert status.code == 5
    assert status.json["in_database"] is None
    assert "CREATE EXTENSION" in status.json["advice"]


def test_the_extension_is_of_another_version(
    project: Project, confiture: Command, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.migration("001_a", "SELECT 1;")
    assert confiture("extension", "status").code == 0
    monkeypatch.setattr("confiture.installed.__version__", "9.0.0")
    result = confiture("migrate", "up")
    assert result.code == 5
    assert "is version 0.1.0, and this client expects 9.0.0" in result.err
    assert "ALTER EXTENSION confiture UPDATE" in result.err


def test_the_server_is_too_old(
    project: Project, confiture: Command, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.migration("001_a", "SELECT 1;")
    monkeypatch.setattr("confiture.installed.OLDEST", 990000)
    result = confiture("migrate", "up")
    assert result.code == 5
    assert "and Confiture needs 99 or later" in result.err


def test_a_read_only_session(project: Project, confiture: Command, database: str) -> None:
    project.migration("001_a", "SELECT 1;")
    url = make_conninfo(database, options="-c default_transaction_read_only=on")
    result = confiture("migrate", "up", "--database-url", url)
    assert result.code == 1
    assert "read-only" in result.err
    assert "HINT: " in result.err


def test_a_missing_privilege(project: Project, confiture: Command, database: str, query: Query) -> None:
    project.migration("001_a", "SELECT 1;")
    project.migration("002_b", "CREATE TABLE public.b ();")
    query("CREATE ROLE cf_deployer LOGIN")
    try:
        url = make_conninfo(database, user="cf_deployer")
        result = confiture("migrate", "up", "--database-url", url)
        assert result.code == 20
        assert "SQLSTATE: 42501" in result.err
        assert (
            "HINT: Let a superuser run: SELECT confiture.grant_usage('cf_deployer', 'migrator')."
            in result.err
        )
        query("SELECT confiture.grant_usage('cf_deployer', 'migrator')")
        result = confiture("migrate", "up", "--database-url", url)
        assert result.code == 20
        assert "permission denied for schema public" in result.err
        assert "with the privileges of the role" in result.err
        query("GRANT CREATE ON SCHEMA public TO cf_deployer")
        assert confiture("migrate", "up", "--database-url", url).code == 0
        assert confiture("migrate", "status", "--check", "--database-url", url).code == 0
    finally:
        query("DROP OWNED BY cf_deployer")
        query("DROP ROLE cf_deployer")


def test_another_migration_is_running(
    project: Project, confiture: Command, database: str, query: Query
) -> None:
    project.migration("001_a", "SELECT pg_sleep(600);")
    outcome: list[BaseException] = []

    def migrate() -> None:
        from confiture import ConfitureError, Migrator

        try:
            with Migrator(database, project.migrations) as migrator:
                migrator.up()
        except ConfitureError as problem:
            outcome.append(problem)

    running = threading.Thread(target=migrate)
    running.start()
    sleeping = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )
    found = wait_until(lambda: query(sleeping))
    result = confiture("migrate", "up")
    assert result.code == 6
    assert "SQLSTATE: CF001" in result.err
    query("SELECT pg_cancel_backend(%s)", found[0][0])
    running.join()
    assert [getattr(problem, "exit_code", None) for problem in outcome] == [130]


def test_the_connection_is_lost(project: Project, confiture: Command, database: str) -> None:
    project.migration("001_a", "SELECT 1;")
    project.migration("002_b", "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60);")
    result = confiture("migrate", "up")
    assert result.code == 4
    assert "the connection to the server was lost" in result.err
    assert "confiture migrate status" in result.err
    assert "001      a     applied" in confiture("migrate", "status").out


def test_lock_timeout(project: Project, confiture: Command, database: str, query: Query) -> None:
    query("CREATE TABLE a (x int)")
    project.migration("001_a", "ALTER TABLE a ADD y int;")
    project.write(
        "confiture.yaml",
        "environments:\n  q:\n    settings: {confiture.lock_timeout: 10ms, confiture.lock_retries: 1}\n",
    )
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE a")
        result = confiture("migrate", "up", "--env", "q")
    assert result.code == 19
    assert "waiting for a lock" in result.out
    assert "STATE: Nothing of 001 was applied." in result.err


def test_several_hosts_and_keywords_are_left_to_libpq(
    project: Project, confiture: Command, database: str, connection: psycopg.Connection[Any]
) -> None:
    project.migration("001_a", "SELECT 1;")
    info = connection.info
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        several = f"host=127.0.0.1,{info.host} port={port},{info.port} dbname={info.dbname} user={info.user}"
        assert confiture("migrate", "status", "--database-url", several).code == 0
    uri = (
        f"postgresql:///{info.dbname}?host={info.host}&port={info.port}&user={info.user}&application_name=me"
    )
    assert confiture("migrate", "status", "--database-url", uri).code == 0


def test_a_service(
    project: Project,
    confiture: Command,
    database: str,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project.migration("001_a", "SELECT 1;")
    info = connection.info
    file = project.write(
        "services",
        f"[shop]\nhost={info.host}\nport={info.port}\ndbname={info.dbname}\nuser={info.user}\n",
    )
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    result = confiture("migrate", "up", "--database-url", "service=shop", "--format", "json")
    assert result.json["database"] == f"{info.dbname} (--database-url)"
