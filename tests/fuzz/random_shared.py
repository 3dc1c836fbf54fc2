"""Random tables that are split into two or merged into one, their writers, and what must hold of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from random_move import KEYS, NAMES, TABLES, TYPES, quote

# Values for where the second table has no row, of types that take them.
ABSENT = {"int": "'7'", "text": "'7'", "bigint": "'7'", "varchar(40)": "'7'"}


@dataclass
class Side:
    """A table: where it is, and its columns besides the key."""

    schema: str
    name: str
    columns: list[tuple[str, str]]

    @property
    def table(self) -> str:
        """Return its name with its schema."""
        return f"{self.schema}.{self.name}"


class SharedMove:
    """A wide table, the main and the second one that have its columns, and who writes the three."""

    def __init__(self, seed: int, execute: Callable[[str, str], list[tuple[object, ...]]]) -> None:
        self.random = random.Random(seed)
        self._execute = execute
        names = self.random.sample(NAMES, 8)
        tables = [quote(name) for name in self.random.sample([*TABLES, "wide", 'm"m'], 3)]
        keys = self.random.choice([1, 1, 2])
        self.key = [(name, self.random.choice(list(KEYS))) for name in names[:keys]]
        main = [
            (name, self.random.choice(list(TYPES))) for name in names[keys : keys + self.random.randint(0, 2)]
        ]
        nullable = [kind for kind in TYPES if "NULL" in TYPES[kind]]
        second = [(name, self.random.choice(nullable)) for name in names[5 : 5 + self.random.randint(1, 3)]]
        self.split = self.random.random() < 0.5
        wide, both = ("app", "new") if self.split else ("new", "app")
        self.wide = Side(wide, tables[0], main + second)
        self.main = Side(both, tables[1], main)
        self.second = Side(both, tables[2], second)
        self.cascades = self.random.random() < 0.4
        self.when = self.random.choice([None, second[0][0]])
        self.absent = {
            name: ABSENT[kind]
            for name, kind in second
            if kind in ABSENT and name != self.when and self.random.random() < 0.3
        }

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement."""
        return self._execute("app", statement)

    def mapping(self) -> str:
        """Return what transition_create() has to know."""
        wide, main, second = (
            side.name[1:-1].replace('""', '"') for side in (self.wide, self.main, self.second)
        )
        more: dict[str, object] = {"absent": self.absent} if self.absent else {}
        if self.when:
            more["when"] = f"{quote(self.when)} IS NOT NULL"
        if self.split:
            return json.dumps({"tables": {wide: {"targets": [{"target": main}, {"target": second, **more}]}}})
        return json.dumps(
            {"tables": {main: {"target": wide}, second: {"target": wide, "secondary": True, **more}}}
        )

    def make(self) -> None:
        """Make the three tables, and fill those that are there today."""
        names = ", ".join(quote(name) for name, _ in self.key)
        for side in (self.wide, self.main, self.second):
            columns = [f"{quote(name)} {kind} NOT NULL" for name, kind in self.key]
            columns += [f"{quote(name)} {kind}" for name, kind in side.columns]
            columns.append(f"PRIMARY KEY ({names})")
            if side is self.second and self.cascades:
                columns.append(
                    f"FOREIGN KEY ({names}) REFERENCES {self.main.table} ON UPDATE CASCADE ON DELETE CASCADE"
                )
            self.execute(f"CREATE TABLE {side.table} (gone int, {', '.join(columns)})")
            self.execute(f"ALTER TABLE {side.table} DROP gone")
        if self.split:
            self.insert(self.wide, 1, 80)
        else:
            self.insert(self.main, 1, 80)
            self.insert(self.second, 50, 100)

    def _same(self, one: str, other: str) -> str:
        return " AND ".join(f"{one}.{quote(name)} = {other}.{quote(name)}" for name, _ in self.key)

    def _is(self, alias: str, number: str) -> str:
        return " AND ".join(
            f"{alias}.{quote(name)} = ({KEYS[kind].format(number)})::{kind}" for name, kind in self.key
        )

    def _value(self, kind: str) -> str:
        return f"({self.random.choice(TYPES[kind])})::{kind}"

    def insert(self, side: Side, first: int, last: int) -> None:
        """Insert rows with the keys of some numbers, where there are none."""
        names = [quote(name) for name, _ in self.key + side.columns]
        values = [f"({KEYS[kind].format('i')})::{kind}" for _, kind in self.key]
        values += [self._value(kind) for _, kind in side.columns]
        parent = f" AND EXISTS (SELECT FROM {self.main.table} AS y WHERE {self._is('y', 'i')})"
        self.execute(
            f"INSERT INTO {side.table} ({', '.join(names)}) SELECT {', '.join(values)}"
            f" FROM generate_series({first}, {last}) AS i"
            f" WHERE NOT EXISTS (SELECT FROM {side.table} AS x WHERE {self._is('x', 'i')})"
            + (parent if side is self.second and self.cascades else "")
        )

    def write(self, sides: list[Side], times: int) -> None:
        """Write some rows of some of the tables: one or all, insert, update, delete, a new key."""
        for _ in range(self.random.randint(0, times)):
            side = self.random.choice(sides)
            number = str(self.random.randint(1, 110))
            where = self._is("x", number)
            kind = self.random.choice(["insert", "update", "delete", "key", "all"])
            if kind == "insert":
                self.insert(side, int(number), int(number) + 1)
            elif kind == "delete":
                self.execute(f"DELETE FROM {side.table} AS x WHERE {where}")
            elif kind == "key":
                if side is self.second and self.cascades:
                    continue
                name, key = self.key[0]
                moved = f"({KEYS[key].format(f'({number} + 200)')})::{key}"
                free = f"NOT EXISTS (SELECT FROM {side.table} AS y WHERE y.{quote(name)} = {moved})"
                self.execute(f"UPDATE {side.table} AS x SET {quote(name)} = {moved} WHERE {where} AND {free}")
            elif side.columns:
                name, column = self.random.choice(side.columns)
                which = f" WHERE {where}" if kind == "update" else ""
                self.execute(f"UPDATE {side.table} AS x SET {quote(name)} = {self._value(column)}{which}")

    def exchange(self) -> None:
        """Let the tables be where they are after a cutover, or a rollback."""
        self.wide.schema, self.main.schema = self.main.schema, self.wide.schema
        self.second.schema = self.main.schema

    def _row(self, alias: str, side: Side) -> str:
        return f"ROW({', '.join(f'{alias}.{quote(name)}::text' for name, _ in self.key + side.columns)})"

    def wrong(self) -> list[tuple[object, ...]]:
        """Return the rows of which the tables do not say the same."""
        wide, main, second = self.wide.table, self.main.table, self.second.table
        key = quote(self.key[0][0])
        of_main = (self._row("w", self.main), self._row("m", self.main))
        of_second = (self._row("w", self.second), self._row("s", self.second))
        absent = [f"w.{quote(name)}::text" for name, _ in self.key]
        absent += [f"({self.absent.get(name, 'NULL')})::{kind}::text" for name, kind in self.second.columns]
        carried = f"w.{quote(self.when)} IS NOT NULL" if self.when else "true"
        return self.execute(
            f"SELECT 'main', {of_main[0]}::text, {of_main[1]}::text FROM {wide} AS w"
            f" FULL JOIN {main} AS m ON {self._same('w', 'm')}"
            f" WHERE w.{key} IS NULL OR m.{key} IS NULL OR {of_main[0]} IS DISTINCT FROM {of_main[1]}"
            f" UNION ALL SELECT 'second', {of_second[0]}::text, {of_second[1]}::text FROM {wide} AS w"
            f" JOIN {second} AS s ON {self._same('w', 's')}"
            f" WHERE {of_second[0]} IS DISTINCT FROM {of_second[1]}"
            f" UNION ALL SELECT 'absent', {of_second[0]}::text, NULL FROM {wide} AS w"
            f" WHERE NOT EXISTS (SELECT FROM {second} AS s WHERE {self._same('w', 's')}) AND {carried}"
            f" AND {of_second[0]} IS DISTINCT FROM ROW({', '.join(absent)})"
        )
