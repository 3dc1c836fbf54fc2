"""The differ, on random schemas: what must hold for the pairs (tests/pairs) must hold for them too.

A schema is drawn from few names, and the other one is the first with some of its objects drawn again: so that
both have much in common. DIFF_EXAMPLES=1000 in the environment tries more of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from pairs.pair import Pair
from pairs.proof import Trial
from pairs.server import Server

EXAMPLES = int(os.environ.get("DIFF_EXAMPLES", "30"))
TYPES = {
    "integer": ("1", "2"),
    "bigint": ("3", "4"),
    "text": ("'a'", "lower('B')"),
    "varchar(10)": ("'a'",),
    'varchar(20) COLLATE "C"': ("'b'",),
    "numeric(10, 2)": ("1.5", "2"),
    "timestamptz": ("now()", "'2020-01-01 00:00+00'"),
    "text[]": ("'{}'", "ARRAY['x']"),
    "public.mood": ("'ok'",),
    "public.small": ("5",),
    'public."Pair"': ("ROW(1, 'a')",),
}
ROLES = ("pair_reader", "pair_writer")
CHECKS = st.sampled_from(["id > 0", "id < 100", "f(id) > 0"])
INDEXES = st.sampled_from(
    ["(id)", "(id DESC) WHERE id > 5", "((id + 1))", "USING hash (id)", "(f(id))", "(id, id)"]
)
POLICIES = st.sampled_from(["USING (id > 1)", "FOR SELECT USING (f(id) > 1)", "TO pair_reader USING (true)"])
OPTIONS = st.sampled_from([None, None, "fillfactor = 70", "fillfactor = 80, autovacuum_enabled = off"])
GENERATED = st.sampled_from([None, None, None, "id * 2", "id + 1"])
SMALL = st.tuples(st.sampled_from(["integer", "bigint"]), st.sampled_from([None, "VALUE < 10", "VALUE < 20"]))


@dataclass
class Column:
    type: str = "integer"
    default: str | None = None
    not_null: bool = False
    generated: str | None = None
    storage: str | None = None
    statistics: int | None = None
    comment: str | None = None
    grant: str | None = None


@dataclass
class Table:
    name: str
    columns: dict[str, Column]
    key: str | None
    checks: dict[str, str]
    unique: tuple[str, ...]
    indexes: dict[str, str]
    references: str | None
    action: str
    policies: dict[str, str]
    security: bool
    triggers: dict[str, str]
    comment: str | None
    grants: tuple[str, ...]
    owner: str | None
    options: str | None


@dataclass
class Schema:
    labels: list[str]
    small: tuple[str, str | None]
    pair: str
    key_type: str
    tables: dict[str, Table | None] = field(default_factory=dict)
    functions: dict[str, str | None] = field(default_factory=dict)
    views: dict[str, tuple[str, str, str] | None] = field(default_factory=dict)
    partitioned: tuple[str, tuple[str, ...], bool] | None = None
    sequence: str | None = None
    publication: str | None = None


def sometimes(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | value


@st.composite
def columns(draw: st.DrawFn) -> Column:
    type_ = draw(st.sampled_from(sorted(TYPES)))
    return Column(
        type=type_,
        default=draw(sometimes(st.sampled_from(TYPES[type_]))),
        not_null=draw(st.booleans()),
        generated=draw(GENERATED) if type_ == "bigint" else None,
        storage=draw(st.sampled_from([None, "external", "main"])) if type_ == "text" else None,
        statistics=draw(st.sampled_from([None, None, 7])),
        comment=draw(st.sampled_from([None, None, "one", "it's"])),
        grant=draw(st.sampled_from([None, None, *ROLES])),
    )


@st.composite
def tables(draw: st.DrawFn, name: str) -> Table:
    mine = draw(st.dictionaries(st.sampled_from(["a", "b", "C.c", "select"]), columns(), max_size=4))
    plain = [c for c, column in mine.items() if column.type != 'public."Pair"']
    some = st.sampled_from(["id", *plain])
    return Table(
        name=name,
        columns=mine,
        key=draw(st.sampled_from([f"{name}_pkey", f"{name}_pkey", "other_key"])),
        checks=draw(st.dictionaries(st.sampled_from(["k1", "k2"]), CHECKS)),
        unique=tuple(draw(st.lists(some, max_size=2, unique=True))),
        indexes=draw(
            st.dictionaries(
                st.sampled_from([f"{name}_i1", f"{name}_i2"]),
                INDEXES | some.map(lambda c: f'("{c}", id)'),
                max_size=2,
            )
        ),
        references=draw(st.sampled_from([None, "t1", "t2", "t3"])),
        action=draw(st.sampled_from(["", "ON DELETE CASCADE", "ON UPDATE SET NULL", "DEFERRABLE"])),
        policies=draw(
            st.dictionaries(
                st.sampled_from(["p", "q"]),
                POLICIES,
            )
        ),
        security=draw(st.booleans()),
        triggers=draw(
            st.dictionaries(
                st.sampled_from(["g", "h"]),
                st.sampled_from(["BEFORE INSERT", "AFTER UPDATE OF id", "BEFORE DELETE"]),
                max_size=1,
            )
        ),
        comment=draw(st.sampled_from([None, "table", "it's"])),
        grants=tuple(draw(st.lists(st.sampled_from(ROLES), unique=True))),
        owner=draw(st.sampled_from([None, None, None, "pair_owner"])),
        options=draw(OPTIONS),
    )


VIEWS = st.tuples(
    st.sampled_from(["t1", "t2", "t3", "v1"]),
    st.sampled_from(["id", "id, f(id) AS f", "id + 1 AS n", "count(*) AS n", "*"]),
    st.sampled_from(["VIEW", "VIEW", "MATERIALIZED VIEW", "VIEW WITH (security_barrier = true)"]),
)


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    return Schema(
        labels=draw(st.lists(st.sampled_from(["low", "high", "it's"]), unique=True, max_size=3)),
        small=draw(SMALL),
        pair=draw(st.sampled_from(["x integer, y text", "x bigint, y text", "x integer, y text, z date"])),
        key_type=draw(st.sampled_from(["integer", "bigint"])),
        tables={name: draw(sometimes(tables(name))) for name in ("t1", "t2", "t3")},
        functions={
            "f": draw(st.sampled_from(["SELECT 1::bigint", "SELECT $1 + 1", "RETURN $1 * 2"])),
            "g": draw(st.sampled_from([None, "mood", "small"])),
        },
        views={name: draw(sometimes(VIEWS)) for name in ("v1", "v2")},
        partitioned=draw(
            sometimes(
                st.tuples(
                    st.sampled_from(["LIST (id)", "LIST (id)", "RANGE (id)"]),
                    st.lists(st.sampled_from(["1", "2", "DEFAULT"]), unique=True).map(tuple),
                    st.booleans(),
                )
            )
        ),
        sequence=draw(st.sampled_from([None, "", "INCREMENT BY 2", "MAXVALUE 100 CYCLE"])),
        publication=draw(st.sampled_from([None, None, "t1", "t2"])),
    )


@st.composite
def both(draw: st.DrawFn) -> tuple[str, str]:
    """A schema, and the same with something drawn again."""
    one, other = draw(schemas()), draw(schemas())
    again: Callable[[], bool] = lambda: draw(st.integers(0, 3)) == 0  # noqa: E731
    two = replace(
        one,
        **{
            name: getattr(other, name)
            for name in ("labels", "small", "pair", "key_type", "partitioned", "sequence", "publication")
            if again()
        },
    )
    two.functions = {name: other.functions[name] if again() else text for name, text in one.functions.items()}
    two.views = {name: other.views[name] if again() else view for name, view in one.views.items()}
    two.tables = {}
    for name, table in one.tables.items():
        new = other.tables[name]
        if table is None or new is None:
            two.tables[name] = new if again() else table
            continue
        parts = [part for part in vars(table) if part not in ("name", "columns") and again()]
        changed = replace(table, **{part: getattr(new, part) for part in parts})
        changed.columns = {
            c: new.columns.get(c, column) if again() else column
            for c, column in table.columns.items()
            if not (again() and c not in new.columns)
        }
        added = [c for c in new.columns if c not in table.columns and again()]
        changed.columns |= {c: new.columns[c] for c in added}
        two.tables[name] = changed
    return ddl(one), ddl(two)


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def ddl(schema: Schema) -> str:
    """Write a schema; what refers to what is not there is left out."""
    labels = ", ".join(literal(label) for label in ["ok", *schema.labels])
    check = f" CONSTRAINT small_check CHECK ({schema.small[1]})" if schema.small[1] else ""
    key = schema.key_type
    body = schema.functions["f"] or "SELECT 1::bigint"
    out = [
        f"CREATE TYPE mood AS ENUM ({labels});",
        f"CREATE DOMAIN small AS {schema.small[0]}{check};",
        'CREATE TYPE "Pair" AS (' + schema.pair + ");",
        "CREATE FUNCTION f(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE "
        + (body if body.startswith("RETURN") else f"AS {literal(body)}")
        + ";",
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';",
    ]
    if of := schema.functions["g"]:
        out.append(f"CREATE FUNCTION g({of}) RETURNS {of} LANGUAGE sql RETURN $1;")
    present = {name: table for name, table in schema.tables.items() if table is not None}
    for table in present.values():
        out += table_ddl(schema, table, key)
    for table in present.values():
        if table.references in present:
            out.append(
                f"ALTER TABLE {table.name} ADD CONSTRAINT {table.name}_other_id_fkey FOREIGN KEY (other_id)"
                f" REFERENCES {table.references} {table.action};"
            )
    relations = set(present)
    for name, view in schema.views.items():
        if view is None or view[0] not in relations or view[0] == name:
            continue
        of, what, kind = view
        if of == "v1":
            what = "*"
        elif what == "*":
            what = ", ".join(["id", *(f'"{c}"' for c in present[of].columns)])
        word, _, options = kind.partition(" WITH ")
        out.append(f"CREATE {word} {name}{' WITH ' + options if options else ''} AS SELECT {what} FROM {of};")
        out.append(f"GRANT SELECT ON {name} TO pair_reader;")
        relations.add(name)
    if schema.partitioned:
        by, partitions, index = schema.partitioned
        out.append(f"CREATE TABLE part (id bigint, note text) PARTITION BY {by};")
        for each in partitions:
            bound = f"FROM ({each}) TO ({each}1)" if by.startswith("RANGE") else f"IN ({each})"
            bound = "DEFAULT" if each == "DEFAULT" else f"FOR VALUES {bound}"
            if by.startswith("RANGE") and each == "2":
                continue
            out.append(f"CREATE TABLE part_{each.lower()} PARTITION OF part {bound};")
        if index:
            out.append("CREATE INDEX part_note ON part (note);")
    if schema.sequence is not None:
        out.append(f"CREATE SEQUENCE numbers {schema.sequence};")
    if schema.publication in present:
        out.append(f"CREATE PUBLICATION pub FOR TABLE {schema.publication};")
    return "\n".join(out) + "\n"


def table_ddl(schema: Schema, table: Table, key: str) -> list[str]:
    name = table.name
    lines = [f"id {key} NOT NULL", f"other_id {key}"]
    for c, column in table.columns.items():
        line = f'"{c}" {column.type}'
        if column.generated:
            line += f" GENERATED ALWAYS AS ({column.generated}) STORED"
        elif column.default is not None:
            line += f" DEFAULT {column.default}"
        lines.append(line + (" NOT NULL" if column.not_null else ""))
    if table.key:
        primary = table.key if table.key.startswith(name) else name + "_other"
        lines.append(f"CONSTRAINT {primary} PRIMARY KEY (id)")
    lines += [f"CONSTRAINT {check} CHECK ({expression})" for check, expression in table.checks.items()]
    unique = [c for c in table.unique if c == "id" or c in table.columns]
    if unique:
        lines.append(f"CONSTRAINT {name}_u UNIQUE ({', '.join(quoted(c) for c in unique)})")
    out = [f"CREATE TABLE {name} (\n  " + ",\n  ".join(lines) + ")"]
    out[0] += f" WITH ({table.options});" if table.options else ";"
    for c, column in table.columns.items():
        if column.storage:
            out.append(f'ALTER TABLE {name} ALTER COLUMN "{c}" SET STORAGE {column.storage};')
        if column.statistics:
            out.append(f'ALTER TABLE {name} ALTER COLUMN "{c}" SET STATISTICS {column.statistics};')
        if column.comment:
            out.append(f'COMMENT ON COLUMN {name}."{c}" IS {literal(column.comment)};')
        if column.grant:
            out.append(f'GRANT SELECT ("{c}") ON {name} TO {column.grant};')
    for index, definition in table.indexes.items():
        if not definition.startswith('("') or definition[2:-6] in table.columns:
            out.append(f"CREATE INDEX {index} ON {name} {definition};")
    out += [f"CREATE POLICY {policy} ON {name} {text};" for policy, text in table.policies.items()]
    if table.security:
        out.append(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;")
    for trigger, when in table.triggers.items():
        out.append(f"CREATE TRIGGER {trigger} {when} ON {name} FOR EACH ROW EXECUTE FUNCTION touch();")
    if table.comment:
        out.append(f"COMMENT ON TABLE {name} IS {literal(table.comment)};")
    out += [f"GRANT SELECT, INSERT ON {name} TO {role};" for role in table.grants]
    if table.owner:
        out.append(f"ALTER TABLE {name} OWNER TO {table.owner};")
    return out


def quoted(name: str) -> str:
    return f'"{name}"'


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@settings(
    max_examples=EXAMPLES,
    # Each try takes a second: what fails is not made smaller, unless DIFF_SHRINK is set.
    phases=list(Phase) if os.environ.get("DIFF_SHRINK") else [Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(pair=both(), online=st.booleans())
def test_there_and_back_and_from_nothing(server: Server, pair: tuple[str, str], online: bool) -> None:
    source, target = pair
    tried = Pair(
        "random",
        "test_diff.py",
        0,
        source=source,
        target=target,
        options='{"online": false}' if not online else "{}",
        reordered=True,
        may_remake=True,
    )
    report = Trial(server, tried).run()
    if not report.ok:
        note(f"-- from:\n{source}\n-- to:\n{target}\n{report}")
    assert report.ok, report.failures
