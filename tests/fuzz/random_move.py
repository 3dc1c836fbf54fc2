"""Random tables and writers for transitions: names, types, keys and mappings that nobody thinks of."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Values of each type, as SQL.
TYPES = {
    "int": ["(random() * 1e9)::int", "NULL", "-1"],
    "bigint": ["(random() * 1e18)::bigint", "NULL"],
    "smallint": ["(random() * 30000)::smallint"],
    "text": ["repeat(md5(random()::text), (random() * 200)::int)", "''", "NULL", "E'a\\nb\\\\'", "'ü''q\"'"],
    "varchar(40)": ["md5(random()::text)", "''", "NULL"],
    "char(7)": ["left(md5(random()::text), 5)", "''", "NULL"],
    "numeric": ["random() * 1e6", "'NaN'", "'Infinity'", "NULL", "0.000"],
    "numeric(12,3)": ["random() * 1e6", "NULL"],
    "float8": ["random()", "'NaN'", "'-Infinity'", "'-0'", "1e-300", "NULL"],
    "boolean": ["random() < 0.5", "NULL"],
    "timestamptz": ["now()", "'infinity'", "NULL", "'0044-03-15 BC'"],
    "date": ["current_date", "'infinity'", "NULL"],
    "interval": ["random() * interval '1000 days'", "NULL", "'1 mon -1 day'"],
    "jsonb": ["jsonb_build_object('a', random())", "'null'", "NULL"],
    "json": ['\'{"a":  1, "a":2}\'', "NULL"],
    "xml": ["'<a/>'", "NULL"],
    "bytea": ["decode(md5(random()::text), 'hex')", "''", "NULL"],
    "uuid": ["gen_random_uuid()", "NULL"],
    "int[]": ["ARRAY[1, 2, NULL]", "'{}'", "NULL", "'[0:1]={1,2}'"],
    "inet": ["'10.0.0.1'", "NULL"],
    "box": ["'((1,2),(3,4))'", "NULL"],
    "int4range": ["int4range(1, 5)", "'empty'", "NULL"],
    "bit varying(9)": ["B'101'", "B''", "NULL"],
    "money": ["1.5::money", "NULL"],
    "types.mood": ["'sad'", "'ok'", "NULL"],
    "types.pair": ["ROW(1, 'x')::types.pair", "NULL", "ROW(NULL, NULL)::types.pair"],
    "types.small": ["5", "NULL"],
}
# A different value of each type for each number {0}.
KEYS = {
    "int": "{0}",
    "bigint": "{0} * 1000003",
    "text": "'k' || md5(({0})::text)",
    "uuid": "md5(({0})::text)::uuid",
    "date": "date '2000-01-01' + {0}",
    "numeric": "{0} + 0.5",
    "varchar(40)": "'K' || {0}",
    "timestamptz": "timestamptz '2000-01-01 00:00+00' + {0} * interval '1 s'",
    "char(7)": "'c' || {0}",
    "inet": "'10.0.0.0'::inet + {0}",
    "bytea": "decode(md5(({0})::text), 'hex')",
    "float8": "{0} + 0.25",
    "interval": "{0} * interval '1 h'",
}
# Another type for a column, how it gets there, and back: {0} is the column.
CONVERTED = {
    "int": ("bigint", "{0}", "{0}::int"),
    "numeric(12,3)": ("bigint", "({0} * 1000)::bigint", "{0} / 1000.0"),
    "smallint": ("text", "{0}::text", "{0}::smallint"),
    "boolean": ("char(1)", "CASE {0} WHEN true THEN 'y' WHEN false THEN 'n' END", "{0} = 'y'"),
    "text": ("varchar(10000)", "{0}", "{0}"),
    "types.small": ("int", "{0}::int", "{0}"),
    "bytea": ("text", "encode({0}, 'hex')", "decode({0}, 'hex')"),
    "jsonb": ("json", "{0}::text::json", "{0}::text::jsonb"),
}
NAMES = ["a", "B c", 'x"y', "ü", "select", "id", '"', "a.b", "n" * 63, "$1", "source", "target", "new", "old"]
NAMES += ["k1", "key", "row", "it's", "{}", "%I", "g", "r", "s", "c1", "tg_op", "found", "what", "l", "p"]
OTHER_NAMES = ["z1", "Z 2", 'z"3', "where", "zä", "z" * 63, "k2", "c2", "z9", "z10", "z11", "z12"]
TABLES = ["t", "T b", 'q"q', "ä.b", "u" * 63, "order", "log_1"]


def quote(name: str) -> str:
    """Quote a name, whether it has to be or not."""
    return '"' + name.replace('"', '""') + '"'


@dataclass
class Column:
    """A column of the source, and what becomes of it; without other_name it is dropped."""

    name: str
    type: str
    key: bool = False
    other_name: str | None = None
    other_type: str = ""
    there: str | None = None
    back: str | None = None


class Move:
    """A table, its new form, and who writes them. Statements go through execute(schema, statement)."""

    def __init__(self, seed: int, execute: Callable[[str, str], list[tuple[object, ...]]]) -> None:
        self.random = random.Random(seed)
        self.execute = execute
        self.table = quote(self.random.choice(TABLES))
        self.swapped = False
        self.columns = list(self._columns())

    def _columns(self) -> Iterator[Column]:
        names = self.random.sample(NAMES, self.random.randint(3, 10))
        others = iter(self.random.sample(OTHER_NAMES, len(OTHER_NAMES)))
        keys = self.random.choice([1, 1, 2])
        for place, name in enumerate(names):
            if place < keys:
                kind = self.random.choice(list(KEYS))
                yield Column(name, kind, True, self.random.choice([name, next(others)]), kind)
                continue
            kind = self.random.choice(list(TYPES))
            column = Column(name, kind, False, name, kind)
            fate = self.random.choice(["same", "same", "rename", "convert", "drop"])
            if fate == "drop":
                column.other_name = None
            elif fate == "rename":
                column.other_name = next(others)
            elif fate == "convert" and kind in CONVERTED:
                column.other_type, there, back = CONVERTED[kind]
                column.there = there.format(self.random.choice(["", "source."]) + quote(name))
                column.back = back.format(quote(name))
            yield column

    def mapping(self) -> str:
        """Return what transition_create() has to know."""
        columns: dict[str, str] = {}
        back: dict[str, str] = {}
        for column in self.columns:
            if column.other_name is None:
                back[column.name] = "NULL"
            elif column.there is not None and column.back is not None:
                columns[column.other_name] = column.there
                back[column.name] = column.back
            elif column.other_name != column.name:
                columns[column.other_name] = quote(column.name)
        table = self.table[1:-1].replace('""', '"')
        return json.dumps({"tables": {table: {"columns": columns, "back": back}}})

    def make(self) -> None:
        """Make both tables, with columns in another order and some that are gone, and fill the source."""
        source = [(quote(c.name), c.type, c.key) for c in self.columns]
        target = [(quote(c.other_name), c.other_type, c.key) for c in self.columns if c.other_name]
        unique = self.random.choice(["PRIMARY KEY", "UNIQUE"])
        for schema, columns in (("app", source), ("new", target)):
            parts = [f"{name} {kind}{' NOT NULL' if key else ''}" for name, kind, key in columns]
            self.random.shuffle(parts)
            gone = self.random.random() < 0.5
            parts += ["gone_last int"] if gone else []
            parts = ["gone_first int", *parts] if gone else parts
            parts.append(f"{unique} ({', '.join(name for name, _, key in columns if key)})")
            self.execute(schema, f"CREATE TABLE {schema}.{self.table} ({', '.join(parts)})")
            if gone:
                self.execute(schema, f"ALTER TABLE {schema}.{self.table} DROP gone_first, DROP gone_last")
        for start in (1, 41, 81):
            self.insert("app", start, start + 39)

    def _is_source(self, schema: str) -> bool:
        return (schema == "app") != self.swapped

    def _live(self, schema: str) -> list[tuple[Column, str]]:
        if self._is_source(schema):
            return [(c, quote(c.name)) for c in self.columns]
        return [(c, quote(c.other_name)) for c in self.columns if c.other_name]

    def _value(self, schema: str, column: Column) -> str:
        value = f"({self.random.choice(TYPES[column.type])})::{column.type}"
        if self._is_source(schema) or column.there is None:
            return value
        return f"(SELECT {column.there} FROM (SELECT {value} AS {quote(column.name)}) AS source)"

    def insert(self, schema: str, first: int, last: int) -> None:
        """Insert rows with the keys of some numbers."""
        live = self._live(schema)
        values = [KEYS[c.type].format("i") if c.key else self._value(schema, c) for c, _ in live]
        self.execute(
            schema,
            f"INSERT INTO {schema}.{self.table} ({', '.join(name for _, name in live)})"
            f" SELECT {', '.join(values)} FROM generate_series({first}, {last}) AS i"
            f" WHERE NOT EXISTS (SELECT FROM {schema}.{self.table} AS x WHERE {self._same_key(schema, 'i')})",
        )

    def _same_key(self, schema: str, number: str) -> str:
        return " AND ".join(
            f"x.{name} = ({KEYS[c.type].format(number)})::{c.type}" for c, name in self._live(schema) if c.key
        )

    def write(self, schema: str, times: int) -> None:
        """Write some rows: one or all, insert, update, delete, a new key."""
        table = f"{schema}.{self.table}"
        for _ in range(self.random.randint(0, times)):
            number = str(self.random.randint(1, 200))
            where = self._same_key(schema, number)
            kind = self.random.choice(["insert", "update", "delete", "key", "all"])
            plain = [(c, name) for c, name in self._live(schema) if not c.key]
            if kind == "insert":
                self.insert(schema, int(number), int(number) + 1)
            elif kind == "delete":
                self.execute(schema, f"DELETE FROM {table} AS x WHERE {where}")
            elif kind == "key":
                column, name = next((c, name) for c, name in self._live(schema) if c.key)
                moved = f"({KEYS[column.type].format(f'({number} + 300)')})::{column.type}"
                free = f"NOT EXISTS (SELECT FROM {table} AS y WHERE y.{name} = {moved})"
                self.execute(schema, f"UPDATE {table} AS x SET {name} = {moved} WHERE {where} AND {free}")
            elif plain:
                column, name = self.random.choice(plain)
                value = self._value(schema, column)
                which = f" WHERE {where}" if kind == "update" else ""
                self.execute(schema, f"UPDATE {table} AS x SET {name} = {value}{which}")

    def rows(self, schema: str) -> list[str]:
        """Return the rows in the terms of the source, without what the target does not have."""
        values = []
        for column, name in self._live(schema):
            if column.other_name is None:
                continue
            converted = column.back is not None and not self._is_source(schema)
            values.append(f"({column.back if converted else 'x.' + name})::{column.type}::text")
        query = f"SELECT ROW({', '.join(values)})::text FROM {schema}.{self.table} AS x ORDER BY 1"
        return [str(row[0]) for row in self.execute(schema, query)]
