"""The reference is true: functions, examples, errors, exit codes, settings."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from psycopg.rows import dict_row

from confiture import exit_codes

from .reader import REPOSITORY

REFERENCE = REPOSITORY / "docs" / "reference"
COMMENTS = """
SELECT n.nspname || '.' || p.proname, coalesce(obj_description(p.oid, 'pg_proc'), '')
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname LIKE 'confiture%' AND p.proname NOT LIKE '\\_%' ORDER BY 1
"""
SETTINGS = """
SELECT name, boot_val, unit, vartype, min_val, max_val, enumvals, context
FROM pg_settings WHERE name LIKE 'confiture.%'
"""
# What the examples in the comments speak of. 003 is changed after it was applied, 004 is in doubt.
STAGE = """
CREATE ROLE deployer;
CREATE TABLE users (id bigint);
SELECT confiture.register_hook('after_migrate', 'tell', 'sql', 'SELECT 1');
SELECT confiture.register_migration('001', 'create_users', 'CREATE TABLE a ()', 'DROP TABLE a');
SELECT confiture.register_migration('002', 'second', 'CREATE TABLE b ()', 'DROP TABLE b');
SELECT confiture.register_migration('004', 'fourth', 'CREATE TABLE c ()', 'DROP TABLE c');
CREATE SCHEMA app;
CREATE SCHEMA app_v2;
CREATE TABLE app.orders (id int PRIMARY KEY);
CREATE TABLE app_v2.orders (id int PRIMARY KEY);
INSERT INTO confiture.intent (id, agent, feature, status, expires_at)
SELECT id, agent, 'f', 'registered', now() + interval '1 day'
FROM (VALUES ('int_3f9c21d07ab4', 'bob'), ('int_k3v9x2', 'cy')) AS x (id, agent);
INSERT INTO confiture.intent_conflict (id, intent, other, type, severity, objects, suggestion)
OVERRIDING SYSTEM VALUE VALUES (7, 'int_3f9c21d07ab4', 'int_k3v9x2', 'table', 'info', '[]', '');
"""
APPLIED = "SELECT confiture.migrate_up()"
IN_DOUBT = """
INSERT INTO confiture.migration_progress (version, direction, checksum, statements_done, started)
VALUES ('004', 'up', '', 0, 1)
"""
RECORDED = "SELECT confiture.record_schema()"
SUPERUSER = ("confiture.enforce_intents", "confiture.log_ddl")
PLANNED = "SELECT confiture.transition_create('to_v2', 'app', 'app_v2')"
CAPTURED = f"{PLANNED}; SELECT confiture.transition_capture('to_v2')"
COPIED = f"{CAPTURED}; SELECT confiture.transition_copy('to_v2')"
CAUGHT_UP = f"{COPIED}; SELECT confiture.transition_catch_up('to_v2')"
MIRRORED = f"{CAUGHT_UP}; SELECT confiture.transition_mirror('to_v2')"
VALIDATED = f"{MIRRORED}; SELECT * FROM confiture.transition_validate('to_v2')"
CUT_OVER = f"{VALIDATED}; SELECT confiture.transition_cutover('to_v2')"
BEFORE = {
    "confiture.drift": RECORDED,
    "confiture.drift_check": RECORDED,
    "confiture.drift_report": RECORDED,
    "confiture.recorded_schema": RECORDED,
    "confiture.transition_plan": PLANNED,
    "confiture.transition_capture": PLANNED,
    "confiture.transition_copy": CAPTURED,
    "confiture.transition_catch_up": COPIED,
    "confiture.transition_mirror": CAUGHT_UP,
    "confiture.transition_validate": MIRRORED,
    "confiture.transition_repair": MIRRORED,
    "confiture.transition_cutover": VALIDATED,
    "confiture.transition_rollback": CUT_OVER,
    "confiture.transition_contract": CUT_OVER,
    "confiture.transition_abort": MIRRORED,
    "confiture.transition_status": MIRRORED,
    "confiture.transition_stop": PLANNED,
    "confiture.transition_set": PLANNED,
    "confiture.migrate_down": APPLIED,
    "confiture.forget": APPLIED,
    "confiture.set_checksum": APPLIED,
    "confiture.resolve": IN_DOUBT,
    "confiture.intent_merge": "SELECT confiture.intent_complete('int_3f9c21d07ab4')",
}
# The file of the example is not there; a CALL commits, and its transition is not there; nor is it
# for a background worker, which does not see a transaction that will be rolled back.
NOT_RUN = (
    "confiture_py.check",
    "confiture.transition_run",
    "confiture.transition_worker",
    "confiture.transition_start",
)


def generator() -> ModuleType:
    """Import docs/reference/generate.py."""
    spec = importlib.util.spec_from_file_location("generate", REFERENCE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(file: str, first: str) -> list[list[str]]:
    """Return the cells of the table rows of a document whose first cell matches."""
    found = []
    for line in (REFERENCE / file).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(first, cells[0]):
            found.append(cells)
    assert found
    return found


def test_sql_reference_is_up_to_date(database: str) -> None:
    with psycopg.connect(dbname=database, autocommit=True, row_factory=dict_row) as connection:
        expected = generator().render(connection)
    message = "stale: run tests/cluster.sh .venv/bin/python docs/reference/generate.py"
    assert (REFERENCE / "sql.md").read_text(encoding="utf-8") == expected, message


def test_conflict_reference_is_up_to_date(database: str) -> None:
    with psycopg.connect(dbname=database, autocommit=True, row_factory=dict_row) as connection:
        expected = generator().render_conflicts(connection)
    message = "stale: run tests/cluster.sh .venv/bin/python docs/reference/generate.py"
    assert (REFERENCE / "conflicts.md").read_text(encoding="utf-8") == expected, message


def test_every_function_has_a_comment_with_an_example(database: str) -> None:
    with psycopg.connect(dbname=database) as connection:
        found = connection.execute(COMMENTS).fetchall()
    assert found
    assert [name for name, comment in found if "\nExample: " not in comment] == []


def test_the_examples_of_the_comments_run(database: str) -> None:
    with psycopg.connect(dbname=database, autocommit=True) as connection:
        for name, comment in connection.execute(COMMENTS).fetchall():
            example = comment.partition("\nExample: ")[2]
            if name in NOT_RUN or not example:
                continue
            if example.startswith("CALL"):
                connection.execute(example.encode())
                continue
            with connection.transaction(force_rollback=True):
                connection.execute(STAGE)
                connection.execute(BEFORE.get(name, "SELECT 1").encode())
                if example.startswith("COPY"):
                    with connection.cursor().copy(example.encode()) as copy:
                        assert list(copy) == []
                    continue
                connection.execute(example.encode())


def test_errors_are_those_of_the_server() -> None:
    header = (REPOSITORY / "extension" / "confiture.h").read_text(encoding="utf-8")
    defined = {"".join(re.findall("'(.)'", line)) for line in header.splitlines() if "MAKE_SQLSTATE" in line}
    assert {row[0] for row in rows_of("errors.md", "CF.*")} == defined


def test_exit_codes_are_those_of_the_client() -> None:
    rows = [row for row in rows_of("errors.md", "[0-9A-Z]{5}") if not row[0].startswith("CFP")]
    assert {row[0]: int(row[1]) for row in rows} == {row[0]: exit_codes.exit_code(row[0]) for row in rows}
    ours = {state for state in exit_codes.SQLSTATES if not state.startswith("57P")}
    assert ours <= {row[0] for row in rows}


def test_settings_are_those_of_the_server(database: str) -> None:
    with psycopg.connect(dbname=database) as connection:
        connection.execute("SELECT confiture.version()")
        found = connection.execute(SETTINGS).fetchall()
        shown = {name: connection.execute(f"SHOW {name}".encode()).fetchone() for name, *_ in found}
    rows = {row[0].strip("`"): row for row in rows_of("settings.md", "`confiture.*")}
    assert list(rows) == sorted(name for name, *_ in found)
    for name, _, unit, kind, low, high, choices, context in found:
        assert context == ("superuser" if name in SUPERUSER else "user")
        values = re.findall("`([^`]*)`", rows[name][2])
        if kind == "enum":
            assert sorted(values) == sorted(choices)
        elif kind == "integer":
            assert values == [low, f"{high}{unit or ''}"]
        assert shown[name] == (rows[name][1].strip("`"),)


LINKED = [
    *REPOSITORY.glob("*.md"),
    *(REPOSITORY / "docs").rglob("*.md"),
    *(REPOSITORY / "examples").rglob("*.md"),
]


@pytest.mark.parametrize("path", sorted(LINKED), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
        if target.startswith("http"):
            continue
        file = (path.parent / target) if target else path
        assert file.exists(), f"{path}: {target}"
        if anchor:
            headings = re.findall(r"(?m)^#+ (.*)$", file.read_text(encoding="utf-8"))
            slugs = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
            assert anchor in slugs, f"{path}: {target}#{anchor}"
