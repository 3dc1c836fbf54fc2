"""Names and scripts for intents, with the claims that each of them means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import intent_model as m
from hypothesis import strategies as st
from intent_model import Claims, Thing, column, quoted, routine

NEW_TABLES = [Thing("app", "n1"), Thing("app", "n2"), Thing("public", "n1")]
NEW_VIEW, NEW_INDEX, NEW_SEQUENCE = Thing("app", "v1"), Thing("app", "i1"), Thing("app", "s1")
# One intent calls it a view, another one a table.
EITHER = Thing("app", "either")
NEW_TYPE, NEW_SCHEMA, IN_NEW_SCHEMA = Thing("app", "ty1"), m.schema("x1"), Thing("x1", "n1")
NEW_ROUTINES = [routine("fn1", "integer"), routine("fn1", "text")]
TABLES = [m.CUSTOMERS, m.ORDERS, m.EVENTS, m.PARTITION, m.LINES, m.NOTES]
VIEWS = [m.UNPAID, m.REPORT]
NEW_COLUMNS = ["extra", "Extra"]
# Drawn more often than the others, so that intents meet.
MEETING = [m.ORDERS] * 4 + TABLES + NEW_TABLES

Draw = st.DrawFn


@dataclass
class Writer:
    """Draws a script or names, and notes what they claim."""

    draw: Draw
    claims: Claims
    qualify: bool

    def one_of(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def name(self, thing: Thing) -> str:
        """The name of the whole, in one of the ways in which it can be written."""
        style = self.draw(st.integers(0, 3))
        names = [quoted(name) for name in (thing.schema, thing.name) if name]
        in_path = thing.schema == "app" or thing == m.NOTES
        # What the script makes in the next schema of the path is found where the first has nothing.
        other = self.claims.items.get(thing._replace(schema="public"))
        if thing.schema == "app" and not m.exists(thing) and other and other.created:
            in_path = False
        if in_path and style % 2 and not self.qualify:
            del names[0]
        text = (" . " if style == 3 else ".").join(names)
        return text.upper() if style == 2 and '"' not in text else text

    def table(self) -> Thing:
        return self.draw(st.sampled_from(MEETING))

    def column(self, table: Thing) -> Thing:
        names = m.COLUMNS.get(table, []) + NEW_COLUMNS
        return column(table, self.draw(st.sampled_from(names)))


def create_table(w: Writer) -> str:
    thing = w.draw(st.sampled_from(NEW_TABLES))
    skip = w.one_of("", "IF NOT EXISTS ")
    w.claims.create(thing, clash="skips" if skip else "fails")
    # its name is not looked up: it is where it will be
    text = f"CREATE TABLE {skip}{thing.display} (id integer"
    if w.draw(st.booleans()):
        text += f", other integer REFERENCES {w.name(m.CUSTOMERS)} (id)"
        w.claims.use("reference", m.CUSTOMERS)
        w.claims.use("reference", column(m.CUSTOMERS, "id"))
    return text + ")"


def create_table_that_is_there(w: Writer) -> str:
    table = w.draw(st.sampled_from([m.ORDERS, m.CUSTOMERS]))
    w.claims.create(table, clash="skips")
    return f"CREATE TABLE IF NOT EXISTS {table.display} (id integer)"


def drop_table(w: Writer) -> str:
    table, if_exists = w.table(), w.draw(st.booleans())
    w.claims.drop(table, if_exists=if_exists)
    return f"DROP TABLE {'IF EXISTS ' if if_exists else ''}{w.name(table)}{w.one_of('', ' CASCADE')}"


def add_column(w: Writer) -> str:
    table, name = w.table(), w.draw(st.sampled_from(NEW_COLUMNS))
    w.claims.use("touch", table)
    w.claims.create(column(table, name))
    return f"ALTER TABLE {w.name(table)} ADD {w.one_of('', 'COLUMN ')}{quoted(name)} integer"


def alter_column(w: Writer) -> str:
    table = w.table()
    changed = w.column(table)
    w.claims.use("touch", table)
    w.claims.use("alter", changed)
    how = w.one_of("SET NOT NULL", "TYPE text", "DROP DEFAULT", "SET STATISTICS 500")
    return f"ALTER TABLE {w.name(table)} ALTER {quoted(changed.part)} {how}"


def drop_column(w: Writer) -> str:
    table = w.table()
    gone = w.column(table)
    w.claims.use("touch", table)
    w.claims.drop(gone)
    return f"ALTER TABLE {w.name(table)} DROP COLUMN {quoted(gone.part)}"


def rename_column(w: Writer) -> str:
    table = w.table()
    gone = w.column(table)
    w.claims.use("touch", table)
    w.claims.drop(gone)
    w.claims.create(column(table, "renamed"))
    return f"ALTER TABLE {w.name(table)} RENAME COLUMN {quoted(gone.part)} TO renamed"


def several_changes(w: Writer) -> str:
    """What drops runs first, wherever it stands."""
    table = w.table()
    gone, changed = w.column(table), w.column(table)
    w.claims.use("touch", table)
    w.claims.drop(gone)
    w.claims.create(column(table, "third"))
    w.claims.use("alter", changed)
    return (
        f"ALTER TABLE {w.name(table)} ADD third text, ALTER {quoted(changed.part)} SET DEFAULT NULL,"
        f" DROP {quoted(gone.part)}"
    )


def rename_table(w: Writer) -> str:
    table = w.table()
    new = table._replace(name="renamed")
    w.claims.drop(table)
    w.claims.create(new)
    return f"ALTER TABLE {w.name(table)} RENAME TO renamed"


def move_table(w: Writer) -> str:
    table = w.draw(st.sampled_from([m.ORDERS, m.CUSTOMERS, m.LINES]))
    w.claims.drop(table)
    w.claims.create(table._replace(schema="public"))
    return f"ALTER TABLE {w.name(table)} SET SCHEMA public"


def alter_table(w: Writer) -> str:
    table = w.table()
    w.claims.use("alter", table)
    return f"ALTER TABLE {w.name(table)} {w.one_of('SET (fillfactor = 50)', 'ENABLE ROW LEVEL SECURITY')}"


def add_check(w: Writer) -> str:
    table = w.table()
    used = w.column(table)
    name = w.one_of("", "CONSTRAINT k1 ")
    w.claims.use("touch", table)
    if name:
        w.claims.create(table._replace(part="k1", part_kind="constraint"))
    w.claims.use("reference", used)
    return f"ALTER TABLE {w.name(table)} ADD {name}CHECK ({quoted(used.part)} IS NOT NULL)"


def add_foreign_key(w: Writer) -> str:
    table = w.draw(st.sampled_from([m.ORDERS, m.LINES, *NEW_TABLES]))
    w.claims.use("touch", table)
    w.claims.use("reference", column(table, "id"))
    w.claims.use("reference", m.CUSTOMERS)
    w.claims.use("reference", column(m.CUSTOMERS, "id"))
    return f"ALTER TABLE {w.name(table)} ADD FOREIGN KEY (id) REFERENCES {w.name(m.CUSTOMERS)} (id)"


def drop_constraint(w: Writer) -> str:
    table, name = w.table(), w.one_of("k1", "orders_customer", "customers_pkey")
    w.claims.use("touch", table)
    w.claims.drop(table._replace(part=name, part_kind="constraint"))
    return f"ALTER TABLE {w.name(table)} DROP CONSTRAINT {name}"


def create_index(w: Writer) -> str:
    table = w.draw(st.sampled_from([m.ORDERS, m.CUSTOMERS, m.LINES]))
    used = column(table, w.draw(st.sampled_from(m.COLUMNS[table])))
    w.claims.create(NEW_INDEX, "index")
    w.claims.use("touch", table)
    w.claims.use("reference", used)
    return f"CREATE {w.one_of('', 'UNIQUE ')}INDEX i1 ON {w.name(table)} ({quoted(used.part)})"


def drop_index(w: Writer) -> str:
    index = w.draw(st.sampled_from([m.INDEX, NEW_INDEX]))
    w.claims.drop(index, "index")
    return f"DROP INDEX {w.name(index)}"


def create_view(w: Writer) -> str:
    view, clash = w.draw(
        st.sampled_from([(NEW_VIEW, ""), (NEW_VIEW, "OR REPLACE "), (m.UNPAID, "OR REPLACE ")])
    )
    used = column(m.ORDERS, w.draw(st.sampled_from(m.COLUMNS[m.ORDERS])))
    w.claims.create(view, "view", clash="replaces" if clash else "fails")
    w.claims.use("read", m.ORDERS)
    w.claims.use("read", used)
    return f"CREATE {clash}VIEW {view.display} AS SELECT {used.part} FROM {w.name(m.ORDERS)}"


def drop_view(w: Writer) -> str:
    view, if_exists = w.draw(st.sampled_from([*VIEWS, NEW_VIEW])), w.draw(st.booleans())
    w.claims.drop(view, "view", if_exists=if_exists)
    return f"DROP VIEW {'IF EXISTS ' if if_exists else ''}{w.name(view)}"


def select(w: Writer) -> str:
    table = w.draw(st.sampled_from([m.ORDERS, m.CUSTOMERS, m.NOTES, *VIEWS]))
    w.claims.use("read", table)
    if w.draw(st.booleans()):
        return f"SELECT * FROM {w.name(table)}"
    used = column(table, w.draw(st.sampled_from(m.COLUMNS[table])))
    w.claims.use("read", used)
    return f"SELECT {used.part} FROM {w.name(table)}"


def write(w: Writer) -> str:
    table = w.draw(st.sampled_from([m.ORDERS, m.ORDERS, m.CUSTOMERS, m.NOTES]))
    w.claims.use("write", table)
    how = w.draw(st.integers(0, 3))
    if how == 0:
        return f"DELETE FROM {w.name(table)}"
    if how == 1:
        return f"INSERT INTO {w.name(table)} VALUES (1)"
    used = column(table, w.draw(st.sampled_from(m.COLUMNS[table])))
    w.claims.use("write", used)
    if how == 2:
        return f"INSERT INTO {w.name(table)} ({used.part}) VALUES (NULL)"
    return f"UPDATE {w.name(table)} SET {used.part} = NULL"


def create_trigger(w: Writer) -> str:
    table = w.draw(st.sampled_from([m.ORDERS, m.NOTES, m.CUSTOMERS]))
    w.claims.use("touch", table)
    w.claims.create(table._replace(part="g1", part_kind="trigger"))
    w.claims.use("reference", m.FIRE, "function")
    return f"CREATE TRIGGER g1 AFTER INSERT ON {w.name(table)} EXECUTE FUNCTION {w.name(m.FIRE)}()"


def drop_trigger(w: Writer) -> str:
    trigger = w.draw(st.sampled_from([m.ON_NOTE, m.ORDERS._replace(part="g1", part_kind="trigger")]))
    w.claims.use("touch", trigger.whole)
    w.claims.drop(trigger)
    return f"DROP TRIGGER {trigger.part} ON {w.name(trigger.whole)}"


def create_policy(w: Writer) -> str:
    w.claims.use("touch", m.ORDERS)
    w.claims.create(m.ORDERS._replace(part="p1", part_kind="policy"))
    return f"CREATE POLICY p1 ON {w.name(m.ORDERS)} USING (true)"


def comment(w: Writer) -> str:
    table = w.table()
    w.claims.use("touch", table)
    how = w.draw(st.integers(0, 2))
    if how == 0:
        return f"COMMENT ON TABLE {w.name(table)} IS 'it''s'"
    if how == 1:
        return f"GRANT SELECT ON {w.name(table)} TO PUBLIC"
    about = w.column(table)
    w.claims.use("touch", about)
    return f"COMMENT ON COLUMN {w.name(table)}.{quoted(about.part)} IS ''"


def change_type(w: Writer) -> str:
    thing, how = w.draw(st.sampled_from([m.MOOD, NEW_TYPE])), w.draw(st.integers(0, 2))
    if how == 0:
        w.claims.create(NEW_TYPE, "type")
        return "CREATE TYPE app.ty1 AS ENUM ('a')"
    if how == 1:
        w.claims.use("alter", thing, "type")
        return f"ALTER TYPE {w.name(thing)} ADD VALUE 'b'"
    w.claims.drop(thing, "type")
    return f"DROP TYPE {w.name(thing)}"


def change_sequence(w: Writer) -> str:
    thing, how = w.draw(st.sampled_from([m.NUMBERS, NEW_SEQUENCE])), w.draw(st.integers(0, 2))
    if how == 0:
        w.claims.create(NEW_SEQUENCE, "sequence")
        return "CREATE SEQUENCE app.s1"
    if how == 1:
        w.claims.use("alter", thing, "sequence")
        return f"ALTER SEQUENCE {w.name(thing)} CACHE 5"
    w.claims.drop(thing, "sequence")
    return f"DROP SEQUENCE {w.name(thing)}"


def change_function(w: Writer) -> str:
    thing = w.draw(st.sampled_from([*m.TWICE, m.SUM_OF, *NEW_ROUTINES]))
    how = w.draw(st.integers(0, 2))
    text = f"FUNCTION {thing.schema}.{thing.name}({thing.arguments})"
    if how == 0:
        w.claims.create(thing, "function", clash="replaces")
        return f"CREATE OR REPLACE {text} RETURNS integer BEGIN ATOMIC SELECT 1; END"
    if how == 1:
        w.claims.use("touch", thing, "function")
        return f"COMMENT ON {text} IS NULL"
    w.claims.drop(thing, "function")
    return f"DROP {text}"


def change_schema(w: Writer) -> str:
    how = w.draw(st.integers(0, 2))
    if how == 0:
        w.claims.create(NEW_SCHEMA, "schema")
        return "CREATE SCHEMA x1"
    if how == 1:
        w.claims.drop(m.schema("app"), "schema")
        return "DROP SCHEMA app CASCADE"
    w.claims.create(IN_NEW_SCHEMA)
    return "CREATE TABLE x1.n1 (id integer)"


STATEMENTS: list[Callable[[Writer], str]] = [
    create_table, create_table_that_is_there, drop_table, add_column, add_column, alter_column, alter_column,
    drop_column, rename_column, several_changes, rename_table, move_table, alter_table, add_check,
    add_foreign_key, drop_constraint, create_index, drop_index, create_view, drop_view, select, write,
    create_trigger, drop_trigger, create_policy, comment, change_type, change_sequence, change_function,
    change_schema,
]  # fmt: skip


def script(w: Writer) -> str:
    """Draw a script of some statements."""
    count = w.draw(st.sampled_from([1, 1, 1, 2, 2, 3, 5]))
    # After a statement that moves or drops, a name without a schema would mean something else.
    w.qualify = count > 1
    return w.one_of(";\n", " ; -- it's ;\n").join(
        w.draw(st.sampled_from(STATEMENTS))(w) for _ in range(count)
    )


ACTIONS = ["", "", "alter ", "read ", "reference ", "write ", "touch ", "create ", "DROP  ", "drop "]


def declared(w: Writer) -> str:
    """Draw a declared name: [ACTION ][KIND:]NAME."""
    w.qualify = False
    prefix = w.draw(st.sampled_from(ACTIONS))
    action = prefix.strip().lower() or "alter"
    what = w.draw(st.integers(0, 11))
    if what <= 3:
        thing = w.table()
        w.qualify = action == "create"
        # A table is what a name means when nothing else is said.
        text = w.one_of("", "table:", "TABLE : ") + w.name(thing)
        w.claims.declare(action, thing)
    elif what <= 6:
        table = w.table()
        thing = w.column(table)
        plain = w.one_of("", "column:")
        w.qualify = not plain and not m.exists(table)
        text = f"{plain}{w.name(table)}.{quoted(thing.part)}"
        w.claims.declare(action, thing)
    elif what == 7:
        table = w.table()
        kind, name = w.draw(
            st.sampled_from(
                [
                    ("constraint", "k1"),
                    ("constraint", "orders_customer"),
                    ("trigger", "g1"),
                    ("trigger", "on_note"),
                    ("policy", "p1"),
                    ("rule", "r1"),
                ]
            )
        )
        w.claims.declare(action, table._replace(part=name, part_kind=kind))
        text = f"{kind}:{w.name(table)}.{name}"
    elif what == 8:
        thing = w.draw(
            st.sampled_from([*m.TWICE, m.SUM_OF, *NEW_ROUTINES, routine("twice", None), routine("fn1", None)])
        )
        arguments = (
            ""
            if thing.arguments is None
            else f"({thing.arguments.replace('integer', w.one_of('int', 'int4'))})"
        )
        w.claims.declare(action, thing, "function")
        text = f"function:{w.name(thing._replace(family='relation'))}{arguments}"
    elif what == 9:
        name = w.one_of("app", "x1", "public")
        w.claims.declare(action, m.schema(name), "schema")
        text = f"schema:{name}"
    else:
        thing, kind = w.draw(
            st.sampled_from(
                [
                    (m.UNPAID, "view"),
                    (m.REPORT, "view"),
                    (NEW_VIEW, "view"),
                    (EITHER, "view"),
                    (EITHER, "table"),
                    (m.INDEX, "index"),
                    (NEW_INDEX, "index"),
                    (m.NUMBERS, "sequence"),
                    (NEW_SEQUENCE, "sequence"),
                    (m.MOOD, "type"),
                    (NEW_TYPE, "type"),
                ]
            )
        )
        if thing in w.claims.items:
            kind = w.claims.items[thing].kind
        w.claims.declare(action, thing, kind)
        text = f"{kind}:{w.name(thing)}"
    return prefix + text


@dataclass(frozen=True)
class Call:
    """What is given to intent_register(), and what the model makes of it."""

    agent: str
    objects: list[str] | None
    script: str | None
    starts: int | None
    lasts: int | None
    claims: tuple[m.Claim, ...]


@st.composite
def calls(draw: Draw) -> Call:
    """Draw the arguments of intent_register()."""
    w = Writer(draw, Claims(), qualify=False)
    how = draw(st.integers(0, 9))
    # Names mean what is there, or what the script makes: that comes first.
    text = script(w) if how >= 4 else None
    names = [declared(w) for _ in range(draw(st.integers(1, 3)))] if how <= 4 else None
    starts, lasts = draw(
        st.sampled_from([(None, None)] * 4 + [(None, 60), (30, 60), (100, 5), (70, 600), (70, None)])
    )
    agent = draw(st.sampled_from(["ana", "ben", 'it\'s "é"']))
    return Call(agent, names, text, starts, lasts, tuple(w.claims.finish()))
