"""Write docs/reference/sql.md from the comments on the functions and tables of the extensions.

tests/cluster.sh .venv/bin/python docs/reference/generate.py
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

FILE = Path(__file__).with_name("sql.md")
HEAD = """\
# SQL reference

<!-- Written by docs/reference/generate.py from the comments on the objects: change those. -->

All of Confiture's functions, as `\\df+ confiture.*` and `\\dd` show them in psql too. Names that begin
with an underscore are internal. The level is what [confiture.grant_usage()](#confituregrant_usage)
must have given to a role; PUBLIC may execute nothing.
"""
# The order of the document; a function that is in no section is an error.
SECTIONS = {
    "Running migrations": ("migrate", "migrate_up", "migrate_down", "migrate_status", "migrate_plan"),
    "Registering": (
        "register_migration",
        "register_migrations",
        "unregister_migration",
        "register_hook",
        "unregister_hook",
    ),
    "Looking ahead": (
        "dry_run",
        "migrate_dry_run",
        "analyze",
        "migrate_analyze",
        "estimate_calibration",
    ),
    "Repairing and looking back": ("baseline", "forget", "set_checksum", "resolve", "history"),
    "Snapshots": ("snapshot", "snapshot_hash", "snapshot_facts"),
    "Scripts": ("statements", "checksum", "sort_versions"),
    "Privileges and version": ("grant_usage", "version"),
    "Python (extension confiture_py)": ("confiture_py.check", "confiture_py.grant_usage"),
}
LEVELS = ("reader", "migrator", "admin")
LABELS = ("Arguments", "Columns", "Result", "Errors")

FUNCTIONS = """
SELECT n.nspname AS schema, p.proname AS name, p.oid, p.prokind::text AS kind,
    pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
    obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname IN ('confiture', 'confiture_py') AND p.proname NOT LIKE '\\_%'
"""
TABLES = """
SELECT c.oid::regclass::text AS name, obj_description(c.oid, 'pg_class') AS comment,
    (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute AS a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class AS c
WHERE c.relnamespace = 'confiture'::regnamespace AND c.relkind = 'r' ORDER BY c.relname
"""

Row = dict[str, Any]
Connection = psycopg.Connection[Row]


def render(connection: Connection) -> str:
    """Return the document for the extensions of a database."""
    levels = find_levels(connection)
    functions = {name_of(row): row for row in connection.execute(FUNCTIONS)}
    listed = [name for names in SECTIONS.values() for name in names]
    if unlisted := functions.keys() - set(listed):
        raise SystemExit(f"in no section of generate.py: {', '.join(sorted(unlisted))}")
    parts = [HEAD]
    for title, names in SECTIONS.items():
        found = [functions[name] for name in names if name in functions]
        if not found:
            continue
        parts.append(f"## {title}\n")
        parts += [function(row, levels[row["oid"]]) for row in found]
    parts.append("## Tables\n")
    parts.append("Read them as you like; they are written by the functions.\n")
    parts += [table(row) for row in connection.execute(TABLES)]
    return "\n".join(parts)


def name_of(row: Row) -> str:
    """Return what SECTIONS calls a function."""
    name: str = row["name"]
    return name if row["schema"] == "confiture" else f"{row['schema']}.{name}"


def find_levels(connection: Connection) -> dict[int, str]:
    """Return the lowest level that may execute each function, by granting them all and rolling back."""
    found: dict[int, str] = {}
    with connection.transaction(force_rollback=True):
        for level in reversed(LEVELS):
            role = f"confiture_reference_{level}"
            connection.execute(f"CREATE ROLE {role}")
            connection.execute("SELECT confiture.grant_usage(%s::name, %s)", (role, level))
            rows = connection.execute(
                "SELECT p.oid, has_function_privilege(%s::name, p.oid, 'EXECUTE') AS may FROM pg_proc AS p "
                "WHERE p.pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'confiture%%')",
                (role,),
            ).fetchall()
            found |= {row["oid"]: level for row in rows if row["may"]}
            found |= {row["oid"]: "superuser" for row in rows if row["oid"] not in found}
    return found


def function(row: Row, level: str) -> str:
    """Return the section of one function."""
    comment = parse(row["comment"] or "")
    lines = [f"### {row['schema']}.{row['name']}\n", f"```text\n{signature(row)}\n```\n"]
    lines.append(f"{text(comment.pop(''))}\n")
    example = comment.pop("Example", None)
    lines += [f"- {label}: {text(comment[label])}" for label in LABELS if label in comment]
    lines.append(f"- Level: {level}.\n")
    if example:
        lines.append(f"```sql\n{example}\n```\n")
    return "\n".join(lines)


def parse(comment: str) -> dict[str, str]:
    """Split a comment into the lines that begin with a label, and the rest, which is ''."""
    parts = {"": ""}
    for line in comment.splitlines():
        label, separator, rest = line.partition(": ")
        if separator and label in (*LABELS, "Example"):
            parts[label] = rest
        else:
            parts[""] = f"{parts['']}\n\n{line}".strip()
    return parts


def signature(row: Row) -> str:
    """Return a function with its arguments; OUT arguments as the columns that they are."""
    given, separator, columns = re.sub(r"^OUT ", ", OUT ", row["arguments"]).partition(", OUT ")
    result = f"TABLE({columns.replace(', OUT ', ', ')})" if separator else row["result"]
    given = re.sub(r"\bIN |::\w+(\[\])?", "", given)
    kind = "CALL " if row["kind"] == "p" else ""
    name = f"{kind}{row['schema']}.{row['name']}"
    called = f"{name}({given})"
    if len(called) > 96:
        given = given.replace(", ", ",\n    ")
        called = f"{name}(\n    {given})"
    return f"{called}\nRETURNS {wrap(result)}" if result else called


def wrap(result: str) -> str:
    """Break the columns of a table into lines of several."""
    if len(result) <= 88:
        return result
    lines, line = [], ""
    for column in result.removeprefix("TABLE(").removesuffix(")").split(", "):
        if len(line) + len(column) > 90:
            lines.append(line)
            line = ""
        line += f"{column}, "
    return "TABLE (\n    " + "\n    ".join([*lines, line.rstrip(", ")]).replace(" \n", "\n") + ")"


def text(comment: str) -> str:
    """Make a comment's plain text safe for Markdown."""
    return re.sub(r"([*<\\])", r"\\\1", comment)


def table(row: Row) -> str:
    """Return the paragraph of one table."""
    return f"### {row['name']}\n\n{text(row['comment'] or '')}\n\n- Columns: {row['columns']}.\n"


def main() -> None:
    """Write the file, from the server that the environment names."""
    with psycopg.connect(autocommit=True, row_factory=dict_row) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS confiture")
        connection.execute("CREATE EXTENSION IF NOT EXISTS confiture_py CASCADE")
        FILE.write_text(render(connection), encoding="utf-8")


if __name__ == "__main__":
    main()
