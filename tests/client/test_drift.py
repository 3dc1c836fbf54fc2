"""``confiture drift``: what was changed by hand, told apart from what is not applied yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from .conftest import Command, Project
from .processes import Terminal

Query = Callable[..., list[tuple[Any, ...]]]
USERS = "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL)"
HOT_FIX = """
ALTER TABLE users ALTER email SET DEFAULT 'x', DROP CONSTRAINT users_pkey;
COMMENT ON TABLE users IS 'people'
"""


@pytest.fixture
def shop(project: Project, database: str, confiture: Command) -> Project:
    """A database by a migration, and files of the same schema."""
    project.write("db/schema/users.sql", f"{USERS};\n")
    project.migration("001_users", USERS, "DROP TABLE users")
    assert confiture("migrate", "up").code == 0
    return project


def origins(document: Any) -> dict[str, str]:
    return {each["identity"]: each["origin"] for each in document["differences"]}


def test_none(shop: Project, database: str, confiture: Command) -> None:
    name = conninfo_to_dict(database)["dbname"]
    found = confiture("drift")
    assert (found.code, found.out) == (
        0,
        f"No drift: {name} (DATABASE_URL) is as migration 001 has left it and db/schema says.\n",
    )
    found = confiture("drift", "--against", "record")
    assert found.out == f"No drift: {name} (DATABASE_URL) is as migration 001 has left it.\n"
    document = confiture("drift", "--format", "json").json
    assert (document["drifted"], document["failed"], document["against"]) == (False, False, "both")


def test_a_change_by_hand(shop: Project, confiture: Command, query: Query) -> None:
    query(HOT_FIX)
    found = confiture("drift")
    assert found.code == 1
    lines = [line.split() for line in found.out.splitlines()]
    assert lines[0] == ["SEVERITY", "WHAT", "ORIGIN"]
    assert ["critical", "-", "constraint", "public.users.users_pkey", "by", "hand"] in lines
    assert ["info", "+", "comment", "on", "table", "public.users", "by", "hand"] in lines
    assert "3 differences: 1 critical, " in found.out
    document = confiture("drift", "--format", "json").json
    assert set(origins(document).values()) == {"by hand"}
    assert (document["highest"], document["record"]["version"]) == ("critical", "001")


def test_what_is_not_applied_is_told_apart(shop: Project, confiture: Command, query: Query) -> None:
    query("ALTER TABLE users ADD by_hand int")
    shop.write("db/schema/users.sql", f"{USERS};\nALTER TABLE users ADD to_come int;\n")
    found = confiture("drift", "--format", "json")
    assert origins(found.json) == {
        "column public.users.by_hand": "by hand",
        "column public.users.to_come": "not applied",
    }
    assert "not applied: the files have it, the database does not" in confiture("drift").out
    record = confiture("drift", "--against", "record", "--format", "json").json
    assert origins(record) == {"column public.users.by_hand": "by hand"}
    shop.write("db/schema/users.sql", f"{USERS};\nALTER TABLE users ADD by_hand int;\n")
    both = confiture("drift", "--format", "json").json
    assert origins(both) == {"column public.users.by_hand": "adopted"}
    ddl = confiture("drift", "--against", "ddl", "--format", "json")
    assert (ddl.code, ddl.json["drifted"], ddl.json["count"], ddl.json["highest"]) == (0, False, 0, None)
    assert confiture("drift", "--against", "ddl").out.endswith(" is as db/schema says.\n")


def test_how_severe(shop: Project, confiture: Command, query: Query) -> None:
    query("COMMENT ON TABLE users IS 'people'")
    assert confiture("drift").code == 1
    warned = confiture("drift", "--fail-on", "warning")
    assert warned.code == 0
    assert "1 difference: 1 info." in warned.out
    assert not confiture("drift", "--fail-on", "critical", "--format", "json").json["failed"]
    query("ALTER TABLE users DROP email")
    assert confiture("drift", "--fail-on", "critical").code == 1


def test_what_was_changed(shop: Project, confiture: Command, query: Query) -> None:
    query("ALTER TABLE users ALTER email TYPE varchar(20)")
    found = confiture("drift")
    assert (
        "column public.users.email\n    was:   type text\n    is:    type character varying(20)\n"
        in found.out
    )


def test_nothing_is_recorded(project: Project, database: str, confiture: Command, query: Query) -> None:
    failed = confiture("drift", "--format", "json")
    assert (failed.code, failed.json["error"]["sqlstate"]) == (29, "CF021")
    project.write("db/schema/users.sql", f"{USERS};\n")
    found = confiture("drift", "--format", "json")
    assert origins(found.json) == {"table public.users": "unknown"}
    assert "no migration has recorded a schema" in confiture("drift").out
    query(USERS)
    assert confiture("drift").code == 0


def test_errors(shop: Project, plain_database: str, confiture: Command) -> None:
    shop.write("db/schema/users.sql", "\nCREATE TABEL users ();\n")
    failed = confiture("drift")
    assert failed.code == 30
    assert "  at db/schema/users.sql:2:8" in failed.err
    assert confiture("drift", "--env", "nowhere").code == 3
    assert confiture("drift", "--database-url", plain_database).code == 5
    assert confiture("drift", "--against", "all").code == 2


def test_on_a_terminal(shop: Project, query: Query) -> None:
    query(HOT_FIX)
    terminal = Terminal("drift")
    assert terminal.end() == 1
    assert "constraint public.users.users_pkey" in terminal.text
    assert "\x1b[1;31mcritical" in terminal.text
