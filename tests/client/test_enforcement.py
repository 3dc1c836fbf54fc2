"""Enforcement across sessions: settings of databases and roles, workers, ways around it and out of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from .conftest import Command, Project

Query = Callable[..., list[tuple[Any, ...]]]
CONFLICT = "ALTER TABLE users DROP COLUMN email"


class Session:
    """A session that keeps what it is told."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.notices: list[tuple[str | None, str | None, str | None]] = []
        connection.add_notice_handler(
            lambda notice: self.notices.append((notice.severity, notice.sqlstate, notice.message_primary))
        )

    def run(self, text: str) -> str | None:
        """Run a statement; return the SQLSTATE of its error."""
        try:
            self.connection.execute(text)
        except psycopg.Error as problem:
            return problem.sqlstate
        return None

    def warned(self) -> list[str | None]:
        """Return the SQLSTATEs of the warnings since the last call."""
        found = [state for severity, state, _ in self.notices if severity == "WARNING"]
        self.notices.clear()
        return found


@contextmanager
def session(database: str, **more: str) -> Iterator[Session]:
    with psycopg.connect(make_conninfo(database, **more), autocommit=True) as connection:
        yield Session(connection)


@pytest.fixture
def intent(connection: psycopg.Connection[Any]) -> str:
    """An intent of agent bob on users.email."""
    connection.execute("CREATE TABLE users (id int, email text, name text)")
    connection.execute("CREATE TABLE trace (what text)")
    row = connection.execute(
        "SELECT confiture.intent_register('bob', 'profiles', schema_changes => %s) ->> 'id'", [CONFLICT]
    ).fetchone()
    assert row
    return str(row[0])


@pytest.fixture
def role(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """An ordinary role, which may create tables and owns one."""
    name = f"cf_ordinary_{os.getpid()}"
    quoted = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(quoted))
    connection.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(quoted))
    yield name
    connection.execute(sql.SQL("DROP OWNED BY {}").format(quoted))
    connection.execute(sql.SQL("DROP ROLE {}").format(quoted))


def enforce(connection: psycopg.Connection[Any], how: str, role: str = "") -> None:
    """Set confiture.enforce_intents for the database, or for a role in it."""
    database = sql.Identifier(connection.info.dbname)
    target = sql.SQL("DATABASE {}").format(database)
    if role:
        target = sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), database)
    connection.execute(
        sql.SQL("ALTER {} SET confiture.enforce_intents = {}").format(target, sql.Literal(how))
    )


@pytest.mark.parametrize(
    ("how", "error", "warnings"), [("off", None, 0), ("warn", None, 1), ("error", "CF003", 0)]
)
def test_for_a_database(
    database: str,
    connection: psycopg.Connection[Any],
    intent: str,
    how: str,
    error: str | None,
    warnings: int,
) -> None:
    enforce(connection, how)
    with session(database) as fresh:
        assert fresh.run(CONFLICT) == error
        assert fresh.warned() == ["CF003"] * warnings


def test_for_a_role(database: str, connection: psycopg.Connection[Any], intent: str, role: str) -> None:
    enforce(connection, "error")
    enforce(connection, "off", role)
    connection.execute(sql.SQL("ALTER TABLE users OWNER TO {}").format(sql.Identifier(role)))
    with session(database) as fresh:
        assert fresh.run(CONFLICT) == "CF003"
    with session(database, user=role) as fresh:
        assert fresh.run(CONFLICT) is None


@pytest.mark.parametrize("loaded", [False, True])
def test_an_ordinary_user_cannot_switch_it_off(
    database: str, connection: psycopg.Connection[Any], intent: str, role: str, loaded: bool
) -> None:
    enforce(connection, "error")
    with session(database, user=role) as fresh:
        if loaded:
            assert fresh.run("CREATE TABLE of_mine ()") is None
        assert fresh.run("SET confiture.enforce_intents = off") == ("42501" if loaded else None)
        assert fresh.run(CONFLICT) == "CF003"
        assert fresh.connection.execute("SHOW confiture.enforce_intents").fetchone() == ("error",)


@pytest.mark.parametrize("value", ["off", "warn", "nonsense"])
def test_nor_when_it_connects(
    database: str, connection: psycopg.Connection[Any], intent: str, role: str, value: str
) -> None:
    enforce(connection, "error")
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA confiture TO {}").format(sql.Identifier(role)))
    connection.execute("SELECT confiture.grant_usage(%s, 'migrator')", [role])
    with session(database, user=role, options=f"-c confiture.enforce_intents={value}") as fresh:
        assert fresh.run("CREATE TABLE of_mine ()") == "42501"
        assert fresh.run(CONFLICT) == "42501"
        assert fresh.run("CALL confiture.migrate()") == "42501"
        assert fresh.run("SELECT confiture.migrate_up()") == "42501"
        assert fresh.run("SELECT 1") is None


def test_a_superuser_can_when_it_connects(
    database: str, connection: psycopg.Connection[Any], intent: str
) -> None:
    enforce(connection, "error")
    with session(database, options="-c confiture.enforce_intents=off") as fresh:
        assert fresh.run(CONFLICT) is None


def test_who_was_granted_it_can(
    database: str, connection: psycopg.Connection[Any], intent: str, role: str
) -> None:
    enforce(connection, "error")
    connection.execute(
        sql.SQL("GRANT SET ON PARAMETER confiture.enforce_intents TO {}").format(sql.Identifier(role))
    )
    connection.execute(sql.SQL("ALTER TABLE users OWNER TO {}").format(sql.Identifier(role)))
    with session(database, user=role, options="-c confiture.enforce_intents=warn") as fresh:
        assert fresh.run(CONFLICT) is None
        assert fresh.warned() == ["CF003"]
    connection.execute(
        sql.SQL("REVOKE SET ON PARAMETER confiture.enforce_intents FROM {}").format(sql.Identifier(role))
    )


def test_a_warning_comes_once(database: str, connection: psycopg.Connection[Any], intent: str) -> None:
    connection.execute("CREATE VIEW mails AS SELECT email FROM users")
    enforce(connection, "warn")
    with session(database) as fresh:
        assert fresh.run(f"{CONFLICT} CASCADE") is None
        assert fresh.warned() == ["CF003"]
        assert fresh.run("ALTER TABLE users ADD COLUMN email text") is None
        assert fresh.warned() == ["CF003"]
        fresh.run(
            "SELECT confiture.register_migration('1', 'm', 'ALTER TABLE users ALTER email SET NOT NULL; "
            "ALTER TABLE users ALTER email DROP NOT NULL')"
        )
        assert fresh.run("SELECT confiture.migrate_up()") is None
        assert fresh.warned() == ["CF003"]


def test_what_cascade_drops_is_a_warning_of_its_own(
    database: str, connection: psycopg.Connection[Any], intent: str
) -> None:
    connection.execute("CREATE VIEW mails AS SELECT email FROM users")
    connection.execute("SELECT confiture.intent_register('carol', 'mails', ARRAY['alter view:mails'])")
    enforce(connection, "warn")
    with session(database) as fresh:
        assert fresh.run(f"{CONFLICT} CASCADE") is None
        assert [message for _, state, message in fresh.notices if state == "CF003"] == [
            f'column public.users.email is claimed by intent {intent} of agent "bob"',
            *[
                message
                for _, state, message in fresh.notices
                if message and message.startswith("view public.mails")
            ],
        ]
        assert fresh.warned() == ["CF003", "CF003"]


def statements(*lines: str) -> str:
    return "\n".join(("-- confiture: transaction=off", *lines))


def test_stepwise(database: str, connection: psycopg.Connection[Any], intent: str, query: Query) -> None:
    enforce(connection, "error")
    script = statements("INSERT INTO trace VALUES ('begun');", f"{CONFLICT};", "CREATE TABLE done ();")
    query("SELECT confiture.register_migration('1', 'step', %s)", script)
    with session(database) as fresh:
        with pytest.raises(psycopg.Error) as caught:
            fresh.connection.execute("CALL confiture.migrate()")
        assert caught.value.sqlstate == "CF003"
        assert caught.value.diag.context == 'migration 1 "step" (up), statement 2 of 3 at line 3, column 1'
        assert query("SELECT count(*) FROM trace") == [(0,)]
        assert query("SELECT state, sqlstate, intent FROM confiture.history(1)") == [
            ("failed", "CF003", None)
        ]
        fresh.run("SET confiture.agent = 'bob'")
        assert fresh.run("CALL confiture.migrate()") is None
    assert query("SELECT state, intent FROM confiture.history(1)") == [("done", None)]
    assert query("SELECT status FROM confiture.intent WHERE id = %s", intent) == [("registered",)]


@pytest.mark.parametrize("inside", ["CONFLICT", "DO"])
def test_stepwise_with_its_intent(
    database: str, connection: psycopg.Connection[Any], intent: str, query: Query, inside: str
) -> None:
    enforce(connection, "error")
    change = f"DO 'BEGIN {CONFLICT}; END'" if inside == "DO" else CONFLICT
    script = (
        f"-- confiture: intent={intent}\nCREATE INDEX CONCURRENTLY ON users (name); {change}; VACUUM users"
    )
    query("SELECT confiture.register_migration('1', 'step', %s)", script)
    with session(database) as fresh:
        assert fresh.run("CALL confiture.migrate()") is None
    assert query("SELECT state, intent FROM confiture.history(1)") == [("done", intent)]
    assert query("SELECT status FROM confiture.intent WHERE id = %s", intent) == [("completed",)]


def test_stepwise_goes_on_with_what_is_left(
    database: str, connection: psycopg.Connection[Any], intent: str, query: Query
) -> None:
    script = statements(f"{CONFLICT};", "INSERT INTO missing VALUES (1);")
    query("SELECT confiture.register_migration('1', 'step', %s)", script)
    with session(database) as fresh:
        assert fresh.run("CALL confiture.migrate()") == "42P01"
        enforce(connection, "error")
    query("CREATE TABLE missing (i int)")
    with session(database) as fresh:
        assert fresh.run("CALL confiture.migrate()") is None


@pytest.mark.parametrize("header", ["", "; transaction=off"])
def test_a_migrator_completes_an_intent(
    database: str, connection: psycopg.Connection[Any], intent: str, role: str, query: Query, header: str
) -> None:
    enforce(connection, "error")
    query("SELECT confiture.grant_usage(%s, 'migrator')", role)
    query(f"ALTER TABLE users OWNER TO {role}")
    with session(database, user=role) as fresh:
        fresh.connection.execute(
            "SELECT confiture.register_migration('1', 'm', %s)",
            [f"-- confiture: intent={intent}{header}\n{CONFLICT}"],
        )
        assert fresh.run("CALL confiture.migrate()") is None
    assert query("SELECT state, intent FROM confiture.history(1)") == [("done", intent)]
    assert query("SELECT status FROM confiture.intent WHERE id = %s", intent) == [("completed",)]


def test_stepwise_failure_is_logged_with_the_intent(
    database: str, connection: psycopg.Connection[Any], intent: str, query: Query
) -> None:
    script = f"-- confiture: intent={intent}; transaction=off\nSELECT 1 / 0"
    query("SELECT confiture.register_migration('1', 'step', %s)", script)
    with session(database) as fresh:
        assert fresh.run("CALL confiture.migrate()") == "22012"
    assert query("SELECT state, intent FROM confiture.history(1)") == [("failed", intent)]
    assert query("SELECT status FROM confiture.intent WHERE id = %s", intent) == [("registered",)]


def test_stepwise_override(
    database: str, connection: psycopg.Connection[Any], intent: str, query: Query
) -> None:
    enforce(connection, "error")
    query("SELECT confiture.register_migration('1', 'step', %s)", statements(f"{CONFLICT};"))
    with session(database) as fresh:
        fresh.run("SET confiture.override_reason = 'it burns'")
        assert fresh.run("CALL confiture.migrate()") is None
    found = query(
        "SELECT detail ->> 'reason', detail ->> 'command'"
        " FROM confiture.intent_event WHERE event = 'override'"
    )
    assert found == [("it burns", 'migration 1 "step" (up)')]


@pytest.mark.parametrize("how", ["warn", "error"])
def test_override_of_what_must_write_first(
    database: str, connection: psycopg.Connection[Any], intent: str, query: Query, how: str
) -> None:
    query("CREATE INDEX users_email_idx ON users (email)")
    query("SELECT confiture.intent_register('carol', 'c', ARRAY['alter index:users_email_idx'])")
    enforce(connection, how)
    with session(database) as fresh:
        if how == "error":
            assert fresh.run("DROP INDEX CONCURRENTLY users_email_idx") == "CF003"
        fresh.run("SET confiture.override_reason = 'it burns'")
        assert fresh.run("DROP INDEX CONCURRENTLY users_email_idx") is None
        assert fresh.warned() == []
        assert fresh.run("CREATE INDEX CONCURRENTLY users_email_idx ON users (email)") is None
    found = query("SELECT detail ->> 'command' FROM confiture.intent_event WHERE event = 'override'")
    assert ("DROP INDEX",) in found
    assert ("CREATE INDEX",) in found


@pytest.mark.parametrize("way", ["CALL confiture.migrate()", "SELECT confiture.migrate_up()"])
def test_a_failure_does_not_leave_the_intent_behind(
    database: str, connection: psycopg.Connection[Any], intent: str, query: Query, way: str
) -> None:
    enforce(connection, "error")
    query("SELECT confiture.register_migration('1', 'm', %s)", f"-- confiture: intent={intent}\nSELECT 1 / 0")
    with session(database) as fresh:
        assert fresh.run(way) == "22012"
        assert fresh.run(CONFLICT) == "CF003"


def test_every_isolation_level_sees_what_is_committed(
    database: str, connection: psycopg.Connection[Any]
) -> None:
    connection.execute("CREATE TABLE users (id int, email text)")
    enforce(connection, "error")
    for level in psycopg.IsolationLevel:
        with psycopg.connect(database) as other:
            other.isolation_level = level
            other.execute("SELECT 1")
            row = connection.execute(
                "SELECT confiture.intent_register('bob', 'f', schema_changes => %s) ->> 'id'", [CONFLICT]
            ).fetchone()
            assert row
            with pytest.raises(psycopg.Error) as caught:
                other.execute(CONFLICT)
            assert caught.value.sqlstate == "CF003", level
            connection.execute("SELECT confiture.intent_abandon(%s)", row)


def test_on_the_command_line(
    connection: psycopg.Connection[Any], intent: str, project: Project, confiture: Command
) -> None:
    enforce(connection, "error")
    project.migration("001_mail", f"{CONFLICT};")
    refused = confiture("migrate", "up")
    assert refused.code == 8
    assert f'is claimed by intent {intent} of agent "bob"' in refused.err
    project.migration("001_mail", f"-- confiture: intent={intent}\n{CONFLICT};")
    assert f"carries out {intent}" in confiture("migrate", "status").out
    assert confiture("migrate", "up").code == 0
    (status,) = confiture("migrate", "status", "--format", "json").json["migrations"]
    done, failed = confiture("migrate", "history", "--format", "json").json["entries"]
    assert (status["intent"], done["intent"], failed["intent"]) == (intent, intent, None)


def test_the_extension_can_always_go(
    database: str, connection: psycopg.Connection[Any], intent: str, query: Query
) -> None:
    enforce(connection, "error")
    query("SELECT confiture.intent_register('bob', 'all', ARRAY['drop extension:confiture'])")
    with session(database) as fresh:
        assert fresh.run("ALTER EXTENSION confiture UPDATE") is None
        assert fresh.run("DROP EXTENSION confiture") is None
        assert fresh.run(CONFLICT) is None
        assert fresh.run("CREATE EXTENSION confiture") is None
        assert fresh.run("CREATE TABLE after_all ()") is None


def test_the_event_triggers_can_be_switched_off(
    database: str, connection: psycopg.Connection[Any], intent: str
) -> None:
    enforce(connection, "error")
    with session(database) as fresh:
        assert fresh.run(CONFLICT) == "CF003"
        fresh.run("ALTER EVENT TRIGGER confiture_guard DISABLE")
        assert fresh.run("ALTER TABLE users ALTER COLUMN email SET NOT NULL") is None
        # what it has dropped is still looked at
        assert fresh.run(CONFLICT) == "CF003"
        fresh.run("ALTER EVENT TRIGGER confiture_guard_drop DISABLE")
        assert fresh.run(CONFLICT) is None


def test_without_the_library(
    database: str, connection: psycopg.Connection[Any], intent: str, query: Query
) -> None:
    query("UPDATE pg_proc SET probin = '$libdir/gone' WHERE pronamespace = 'confiture'::regnamespace")
    with session(database) as fresh:
        assert fresh.run("CREATE TABLE nobody_looks ()") == "58P01"
        assert fresh.run("DROP EXTENSION confiture") == "58P01"
        assert fresh.run("ALTER EVENT TRIGGER confiture_guard DISABLE") is None
        assert fresh.run("ALTER EVENT TRIGGER confiture_guard_drop DISABLE") is None
        assert fresh.run("ALTER EVENT TRIGGER confiture_log DISABLE") is None
        assert fresh.run("CREATE TABLE nobody_looks ()") is None
        assert fresh.run("DROP TABLE nobody_looks") is None
        assert fresh.run("DROP EXTENSION confiture") is None


def test_a_dump_is_restored_with_its_intents(
    database: str, connection: psycopg.Connection[Any], intent: str, project: Project, query: Query
) -> None:

    query("ALTER TABLE users ADD PRIMARY KEY (id)")
    query("CREATE INDEX ON users (email)")
    dump = subprocess.run(["pg_dump", database], capture_output=True, text=True, check=True).stdout
    name = f"cf_restored_{os.getpid()}"
    query(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        url = make_conninfo(database, dbname=name)
        query(f"ALTER DATABASE {name} SET confiture.enforce_intents = error")
        restore = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url]
        environment = {**os.environ, "PGOPTIONS": "-c confiture.enforce_intents=off"}
        subprocess.run(restore, input=dump, text=True, check=True, env=environment, capture_output=True)
        with session(url) as fresh:
            assert fresh.run(CONFLICT) == "CF003"
    finally:
        query(f"DROP DATABASE {name} WITH (FORCE)")
