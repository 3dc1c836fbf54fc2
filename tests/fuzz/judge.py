"""What a plan must be, as pg_dump sees it: the snapshots of Confiture decide nothing here.

A Judge makes two databases out of one by random statements (random_ddl.py), each with rows, and lets a plan lead
from one to the other, and back. By hand, with seeds: tests/fuzz/judge.py FIRST LAST (a server is started around it).
"""
# ruff: noqa: E501

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from random_ddl import BASE, ROWS, change

from pairs.compare import Facts, compare_dumps
from pairs.server import Database, Failed, Kept, Server, Statement

Plan = list[Statement]
# What can be renamed, by what stays the same from the common beginning: its OID; and its own name.
OBJECTS = """
SELECT c.oid::text, CASE c.relkind WHEN 'S' THEN 'sequence ' WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view '
    ELSE 'table ' END || format('%I.%I', n.nspname, c.relname), c.relname || ' ' || n.oid
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S', 'v', 'm') AND c.oid >= 16384 AND n.nspname !~ '^(pg_|confiture$)'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
UNION ALL
SELECT c.oid || '.' || a.attnum, 'column ' || format('%I.%I.%I', n.nspname, c.relname, a.attname), a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND a.attislocal
    AND c.oid >= 16384 AND n.nspname !~ '^(pg_|confiture$)'
UNION ALL
SELECT n.oid::text, 'schema ' || quote_ident(n.nspname), n.nspname FROM pg_namespace n
WHERE n.oid >= 16384 AND n.nspname !~ '^(pg_|confiture$)'
UNION ALL
SELECT t.oid::text, CASE t.typtype WHEN 'd' THEN 'domain ' ELSE 'type ' END || format('%I.%I', n.nspname, t.typname),
    t.typname || ' ' || n.oid
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.oid >= 16384 AND t.typtype IN ('d', 'e') AND n.nspname !~ '^(pg_|confiture$)'
"""


class WrongError(Exception):
    """A plan is not what it must be."""


class Judge:
    """Databases that are alike, and plans between them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.base = Database(server)
        for text in (BASE, ROWS):
            self.base.load(text)
        self.base.connection.close()

    def close(self) -> None:
        self.server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.base.name)))

    def wrong(self, seed: int) -> str | None:
        """Draw two schemas; say what is wrong with the plans between them, or None."""
        dice = random.Random(seed)
        sides = []
        for few in dice.choice([(0, 2), (0, 4), (3, 3), (4, 8), (0, 12), (6, 1)]):
            database = Database(self.server, self.base.name)
            try:
                sides.append(change(database.connection, dice, few))
            finally:
                database.drop()
        return self.wrong_between(sides[0], sides[1], dice.random() < 0.6, dice.random() < 0.5)

    def wrong_between(self, one: list[str], other: list[str], online: bool, declared: bool) -> str | None:
        """Try the plans between two schemas, each the base with statements; or with all renames declared."""
        a, b = self._copy(one), self._copy(other)
        options: dict[str, Any] = {"online": online}
        try:
            if declared:
                options["renames"] = renames(a, b)
            self._try(a, b, options)
        except (WrongError, Failed) as problem:
            said = ["-- from:", *(f"{s};" for s in one), "-- to:", *(f"{s};" for s in other)]
            return "\n".join([*said, f"-- options: {json.dumps(options)}", str(problem)])
        finally:
            a.drop()
            b.drop()
        return None

    def _copy(self, statements: list[str]) -> Database:
        database = Database(self.server, self.base.name)
        for statement in statements:
            database.connection.execute(statement.encode())
        return database

    def _plan(self, source: str, target: str, options: dict[str, Any]) -> dict[str, Any]:
        with psycopg.connect(dbname=self.server.asking, autocommit=True) as connection:
            try:
                row = connection.execute(
                    "SELECT confiture.plan_between(%s::jsonb, %s::jsonb, %s::jsonb)",
                    (source, target, json.dumps(options)),
                ).fetchone()
            except psycopg.Error as error:
                raise WrongError(f"refused: {error.sqlstate} {str(error).strip()}") from None
        assert row is not None
        return dict(row[0])

    def _try(self, a: Database, b: Database, options: dict[str, Any]) -> None:
        before, wanted = a.dump(), b.dump()
        source, target = a.snapshot(), b.snapshot()
        if source.unmodelled or target.unmodelled:
            raise WrongError(f"not modelled: {source.unmodelled} {target.unmodelled}")
        plan = self._plan(source.text, target.text, options)
        up, down = statements(plan["up"]), statements(plan["down"])
        for title, way, proof in (("there", up, plan["proof"]), ("back", down, plan["down_proof"])):
            if up and not proof["proven"]:
                raise WrongError(f"not proven, {title}: {told(proof)}\n{texts(way)}")
        kept, rows = a.kept(), a.rows(source.columns(target))
        if not self._run(a, up, "there"):
            return
        self._compare("there", a, wanted, up)
        if "renames" not in options:
            survived(up, source.facts, target.facts, kept, a.kept())
            grows = any("ATTRIBUTE" in statement.text for statement in up)
            if (
                a.rows(source.columns(target)) != rows
                and not grows
                and not hazards(up, "data loss", "may fail")
            ):
                raise WrongError(f"rows are other ones: {rows}\n{texts(up)}")
        left = {name: value for name, value in options.items() if name != "renames"} | {"prove": False}
        again = self._plan(a.snapshot().text, target.text, left)
        if again["up"]:
            raise WrongError(f"a second plan: {texts(statements(again['up']))}\n-- after:\n{texts(up)}")
        if self._run(a, down, "back"):
            self._compare("back", a, before, down)

    def _run(self, database: Database, plan: Plan, title: str) -> bool:
        """Run a plan; False: the rows did not allow it, as a hazard of the statement has said."""
        try:
            database.run(plan)
        except Failed as error:
            failing = str(error).split("\n  in: ")[-1]
            said = any(hazards([s], "may fail") for s in plan if s.text == failing)
            if said and str(error)[:2] in ("22", "23", "42"):
                return False
            raise WrongError(f"fails, {title}: {error}\n{texts(plan)}") from None
        return True

    def _compare(self, title: str, a: Database, wanted: str, plan: Plan) -> None:
        """Compare dumps; texts of expressions are no fixed point, those of restored dumps are."""
        different = compare_dumps(a.dump(), wanted, True)
        if different:
            copy = Database(self.server)
            try:
                copy.restore(wanted)
                different = compare_dumps(a.restored_dump(), copy.dump(), True)
            finally:
                copy.drop()
        if hazards(plan, "not complete"):
            different = [d for d in different if "INHERITS (" not in d and "Type: DEFAULT" not in d]
        if different:
            raise WrongError(f"pg_dump differs, {title}:\n" + "\n".join(different) + f"\n{texts(plan)}")


def survived(plan: Plan, source: Facts, target: Facts, before: Kept, after: Kept) -> None:
    """Tables, columns and sequences of both sides are the same objects, or some hazard says so."""
    for name, (oid, node) in before.items():
        was, becomes = source.get(name), target.get(name)
        if was is None or becomes is None or name not in after or was.get("parent") != becomes.get("parent"):
            continue
        if name.startswith(("table ", "column ", "sequence ")) and after[name][0] != oid:
            if not hazards(plan, "data loss", "not reversible", "not preserved"):
                raise WrongError(f"{name} was made anew\n{texts(plan)}")
        elif name.startswith("table ") and after[name][1] != node and not hazards(plan, "rewrite"):
            raise WrongError(f"{name} was written anew\n{texts(plan)}")


def renames(a: Database, b: Database) -> dict[str, str]:
    """Return what has another name in b, by the OIDs that both have from the same beginning."""
    mine, its = (
        {str(row[0]): (str(row[1]), str(row[2])) for row in database.connection.execute(OBJECTS)}
        for database in (a, b)
    )
    return {mine[oid][0]: its[oid][0] for oid in mine if oid in its and mine[oid][1] != its[oid][1]}


def statements(rows: list[dict[str, Any]]) -> Plan:
    return [
        Statement(
            row["ordinal"],
            row["statement"],
            row["kind"],
            row["object"],
            row["change"],
            row["hazards"] or [],
            row["lock"],
            row["needs_top_level"],
            row["transaction_group"],
        )
        for row in rows
    ]


def hazards(plan: Plan, *classes: str) -> list[str]:
    return [hazard for s in plan for hazard in s.hazards if hazard.startswith(classes)]


def texts(plan: Plan) -> str:
    return "\n".join(str(statement) for statement in plan)


def told(proof: dict[str, Any]) -> str:
    keys = ("failed", "differences", "source_differences")
    return json.dumps({key: proof[key] for key in keys if proof.get(key)}, ensure_ascii=False)


def main() -> int:
    if "PGHOST" not in os.environ:
        cluster = str(Path(__file__).resolve().parents[1] / "cluster.sh")
        os.execv(cluster, [cluster, sys.executable, *sys.argv])
    failed = 0
    with Server() as server:
        judge = Judge(server)
        for seed in range(int(sys.argv[1]), int(sys.argv[2])):
            said = judge.wrong(seed)
            if said:
                failed += 1
                print(f"=== {seed}\n{said}\n", flush=True)
        judge.close()
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
