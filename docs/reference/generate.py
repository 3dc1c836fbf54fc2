"""Write the parts of the reference that are in the database.

sql.md: the comments on the functions and tables of the extensions; conflicts.md: the rules of conflicts
between intents, and the moves from one status to the next.

tests/cluster.sh .venv/bin/python docs/reference/generate.py
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

FILE = Path(__file__).with_name("sql.md")
CONFLICTS = Path(__file__).with_name("conflicts.md")
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
    "Building": ("build", "build_hash", "builds", "build_prune"),
    "Looking ahead": (
        "dry_run",
        "migrate_dry_run",
        "analyze",
        "migrate_analyze",
        "estimate_calibration",
    ),
    "Repairing and looking back": ("baseline", "forget", "set_checksum", "resolve", "history"),
    "Intents: registering and asking": (
        "intent_register",
        "intent_check",
        "intent_wait",
        "intent_wait_turn",
        "reserve_version",
    ),
    "Intents: moving on": (
        "intent_start",
        "intent_complete",
        "intent_merge",
        "intent_abandon",
        "intent_extend",
        "intent_acknowledge",
        "intent_resolve",
    ),
    "Intents: looking at them": (
        "intent_get",
        "intent_list",
        "intent_conflicts",
        "intent_history",
        "intent_board",
        "intent_archive",
    ),
    "Snapshots": ("snapshot", "snapshot_of", "snapshot_hash", "snapshot_facts"),
    "Plans": ("plan", "plan_between", "prove", "diff", "check_basis", "scratch_prepare"),
    "Drift": (
        "drift",
        "drift_check",
        "drift_report",
        "drift_rules",
        "record_schema",
        "recorded_schema",
        "ddl_history",
        "ddl_log_prune",
    ),
    "Transitions": (
        "transition_create",
        "transition_plan",
        "transition_run",
        "transition_worker",
        "transition_start",
        "transition_stop",
        "transition_set",
        "transition_capture",
        "transition_copy",
        "transition_catch_up",
        "transition_mirror",
        "transition_validate",
        "transition_repair",
        "transition_cutover",
        "transition_rollback",
        "transition_contract",
        "transition_abort",
        "transition_status",
        "transition_list",
    ),
    "Scripts": ("statements", "checksum", "sort_versions"),
    "Privileges and version": ("grant_usage", "version"),
    "Python (extension confiture_py)": ("confiture_py.check", "confiture_py.grant_usage"),
}
LEVELS = ("reader", "developer", "migrator", "admin")
LABELS = ("Arguments", "Columns", "Result", "Errors")

FUNCTIONS = """
SELECT n.nspname AS schema, p.proname AS name, p.oid, p.prokind::text AS kind,
    pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
    obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname IN ('confiture', 'confiture_py') AND p.proname NOT LIKE '\\_%'
ORDER BY pg_get_function_arguments(p.oid) COLLATE "C"
"""
TABLES = """
SELECT c.oid::regclass::text AS name, obj_description(c.oid, 'pg_class') AS comment,
    (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute AS a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class AS c
WHERE c.relnamespace = 'confiture'::regnamespace AND c.relkind = 'r' ORDER BY c.relname
"""

CONFLICTS_HEAD = """\
# Conflicts between intents

<!-- Written by docs/reference/generate.py from the tables intent_rule and intent_move: change those. -->

Who registers an intent is told which intents of other agents it collides with. Each of the two sides has
a claim on an object, with an action; the table says what comes of the two. It is symmetrical: who came
first decides only who is told, and who waits. A pair that is not in it is no conflict, and an agent never
collides with itself. [The guide](../guides/coordinate.md) shows it at work.

## Actions

| action | what the intent does with the object |
| --- | --- |
| read | queries it |
| reference | builds on it: a foreign key, a view, a call |
| write | changes rows |
| affected | nothing; but it depends on what the intent changes, or hangs together with it by a foreign key |
| touch | changes a part of it, or what stands beside it: a column, an index, a comment, a privilege |
| alter | changes it as such |
| create | makes it |
| drop | removes it, or gives it another name |

Names that are declared without an action are `alter`; SQL says itself what it does.

## Rules

"By kind" is the type table, column, function, view, type, constraint, index, trigger, policy, sequence or
schema, as the object is one; object is for all other kinds.
"""
AFTER_RULES = """\
Where:

- same object: the object or part is the same on both sides. Two functions with one name and different
  arguments are an `info`, whatever is done to them.
- table, type: the same, where it is a table as a whole, or a type or domain.
- column and whole: one side has a column, the other the whole, and does not say which columns.
- same time: both have an `estimated_duration`, and their windows (from `starts_at`, or from now) overlap.

Severity: `info` is told, and holds nobody back; `warning` and `error` make the newcomer `conflicted`, are
refused with `on_conflict => 'refuse'` and waited for with `'queue'`, and
[stop DDL](../guides/enforcement.md) where that is enforced; but what is only `affected` stops nobody.

Types beside those by kind: dependency, one builds on what the other changes; drop_use, one removes what
the other uses; timing, both want it at the same time.

## Status

| from | can be asked for | comes by itself |
| --- | --- | --- |
"""
AFTER_MOVES = """\
All others are ends: {ends}.

An intent begins as registered, or as conflicted when it is told of a conflict of severity `warning` or
`error`; it is registered again when no such conflict is left. One that is `queued` can't be started or
completed before that.
"""
SCOPES = {
    "object": "same object",
    "table": "table",
    "type": "type",
    "part": "column and whole",
    "window": "same time",
}
ACTIONS = ("read", "reference", "write", "affected", "touch", "alter", "create", "drop")
STATUSES = ("registered", "conflicted", "in_progress", "completed", "merged", "abandoned", "expired")

Row = dict[str, Any]
Connection = psycopg.Connection[Row]


def render(connection: Connection) -> str:
    """Return the document for the extensions of a database."""
    levels = find_levels(connection)
    functions: dict[str, list[Row]] = {}
    for row in connection.execute(FUNCTIONS):
        functions.setdefault(name_of(row), []).append(row)
    listed = [name for names in SECTIONS.values() for name in names]
    if unlisted := functions.keys() - set(listed):
        raise SystemExit(f"in no section of generate.py: {', '.join(sorted(unlisted))}")
    parts = [HEAD]
    for title, names in SECTIONS.items():
        found = [row for name in names for row in functions.get(name, [])]
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
    given = re.sub(r"\bIN |::(timestamp with time zone|\w+)(\[\])?", "", given)
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


def render_conflicts(connection: Connection) -> str:
    """Return the document of conflicts for the rules of a database."""
    rules = connection.execute("SELECT * FROM confiture.intent_rule").fetchall()
    moves = connection.execute("SELECT * FROM confiture.intent_move").fetchall()
    lines = [
        "| one | the other | where | severity | type | suggestion |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [f"| {' | '.join(cells)} |" for cells in rule_rows(rules)]
    moved = [f"| {' | '.join(cells)} |" for cells in move_rows(moves)]
    ends = ", ".join(status for status in STATUSES if status not in {move["from_status"] for move in moves})
    return "\n".join(
        [CONFLICTS_HEAD, *lines, "", AFTER_RULES + "\n".join(moved), "", AFTER_MOVES.format(ends=ends)]
    )


def rule_rows(rules: list[Row]) -> list[tuple[str, ...]]:
    """Return the rules as rows for people: each pair of actions once, and what is alike in one row."""
    known = {(rule["scope"], rule["wanted"], rule["held"]): rule for rule in rules}
    scopes: dict[tuple[str, ...], list[str]] = {}
    for (scope, one, other), rule in sorted(known.items(), key=place):
        mirrored = known.get((scope, other, one))
        if mirrored is None or (mirrored["severity"], mirrored["type"]) != (rule["severity"], rule["type"]):
            raise SystemExit(f"the rule of {one} and {other} ({scope}) is not symmetrical")
        if ACTIONS.index(one) <= ACTIONS.index(other):
            alike = (one, other, rule["severity"], rule["type"] or "by kind", rule["suggestion"])
            scopes.setdefault(alike, []).append(scope)
    others: dict[tuple[str, ...], list[str]] = {}
    for (one, other, *rest), found in scopes.items():
        where = ", ".join(
            SCOPES[scope] for scope in found if scope == "object" or found != ["object", "table", "type"]
        )
        others.setdefault((one, where, *rest), []).append(other)
    return [(one, ", ".join(found), where, *rest) for (one, where, *rest), found in others.items()]


def place(item: tuple[tuple[str, str, str], Row]) -> tuple[bool, int, int, int]:
    """Return the place of a rule: those of one object by their actions, then the other scopes."""
    scope, one, other = item[0]
    apart = scope in ("part", "window")
    return apart, list(SCOPES).index(scope) if apart else 0, ACTIONS.index(one), ACTIONS.index(other)


def move_rows(moves: list[Row]) -> list[tuple[str, ...]]:
    """Return for each status that is no end which ones can follow: asked for, and by themselves."""
    rows = []
    for status in STATUSES:
        if found := [move for move in moves if move["from_status"] == status]:
            cells = [
                ", ".join(
                    s
                    for s in STATUSES
                    if any(m["to_status"] == s and m["automatic"] is automatic for m in found)
                )
                for automatic in (False, True)
            ]
            rows.append((status, *cells))
    return rows


def main() -> None:
    """Write the files, from the server that the environment names."""
    with psycopg.connect(autocommit=True, row_factory=dict_row) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS confiture")
        connection.execute("CREATE EXTENSION IF NOT EXISTS confiture_py CASCADE")
        FILE.write_text(render(connection), encoding="utf-8")
        CONFLICTS.write_text(render_conflicts(connection), encoding="utf-8")


if __name__ == "__main__":
    main()
