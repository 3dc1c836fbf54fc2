"""The scripts that both sides run: the same text for Confiture and for psql."""

from __future__ import annotations


def small_migrations(number: int) -> list[tuple[str, str]]:
    """Give pairs of version and text, in turns a table, a column, rows, an index."""
    result = []
    for i in range(number):
        table = f"customer_{i // 4}"
        steps = [
            f"""\
CREATE TABLE {table} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
""",
            f"""\
ALTER TABLE {table} ADD COLUMN email text, ADD CONSTRAINT {table}_email CHECK (email <> '');
""",
            f"""\
INSERT INTO {table} (name, email) VALUES
    ('Ann', 'ann@example.org'),
    ('Bob', 'bob@example.org'),
    ('Eve', NULL);
""",
            f"""\
CREATE INDEX {table}_name_idx ON {table} (name);
COMMENT ON TABLE {table} IS 'Customers of region {i // 4}';
""",
        ]
        result.append((f"{i + 1:04d}", steps[i % 4]))
    return result


def inserts(number: int) -> str:
    """Give one table and that many INSERT statements of one row."""
    rows = "".join(
        f"INSERT INTO measurement (id, sensor, taken, value) "
        f"VALUES ({i}, 'sensor {i % 97}', '2024-01-01 00:00:00+00', {i % 1000}.5);\n"
        for i in range(1, number + 1)
    )
    return (
        "CREATE TABLE measurement (\n    id bigint PRIMARY KEY,\n    sensor text NOT NULL,\n"
        "    taken timestamptz NOT NULL,\n    value numeric\n);\n" + rows
    )


def schema(tables: int) -> dict[str, list[str]]:
    """Give the files of a schema, one for each table, as lists of statements."""
    return {
        f"db/schema/{n:05}.sql": [
            (
                f"CREATE TABLE t{n} (\n    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n"
                f"    parent bigint{f' REFERENCES t{n - 1}' if n else ''},\n"
                "    name text NOT NULL DEFAULT 'x',\n"
                "    made timestamptz NOT NULL DEFAULT now(),\n    CHECK (length(name) < 100)\n)"
            ),
            f"CREATE INDEX t{n}_parent ON t{n} (parent)",
            f"CREATE INDEX t{n}_name ON t{n} (lower(name))",
            f"CREATE VIEW v{n} AS SELECT id, name FROM t{n} WHERE made > now() - interval '1 day'",
            f"CREATE FUNCTION f{n}() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM t{n}'",
            f"ALTER TABLE t{n} ADD CONSTRAINT t{n}_key UNIQUE (name)",
            f"COMMENT ON TABLE t{n} IS 'table {n}'",
        ]
        for n in range(tables)
    }


def big_table(rows: int) -> str:
    """Give the statements that make and fill the table of the dry run."""
    return (
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer integer NOT NULL, amount integer, note text);\n"
        "INSERT INTO orders SELECT g, g % 1000, g % 100, 'order ' || g\n"
        f"FROM generate_series(1, {rows}) AS g;\n"
        "VACUUM (ANALYZE, FREEZE) orders;\n"
    )


BIG_CHANGE = """\
ALTER TABLE orders ADD COLUMN paid boolean NOT NULL DEFAULT false;
ALTER TABLE orders ADD CONSTRAINT orders_amount CHECK (amount >= 0);
ALTER TABLE orders ALTER COLUMN amount TYPE bigint;
CREATE INDEX orders_customer_idx ON orders (customer);
UPDATE orders SET paid = true WHERE id % 4 = 0;
"""


def whole_schema(number: int) -> str:
    """Give tables as applications have them: ten columns, keys, checks, indexes, comments, some views."""
    parts = ["CREATE SCHEMA app;\n"]
    for i in range(number):
        table = f"app.table_{i}"
        parts.append(f"""\
BEGIN;
CREATE TABLE {table} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id bigint REFERENCES app.table_{max(i - 1, 0)} ON DELETE CASCADE,
    code varchar(20) NOT NULL,
    name text NOT NULL,
    amount numeric(12, 2) NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'open', 'done')),
    data jsonb,
    tags text[] NOT NULL DEFAULT '{{}}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz
);
CREATE INDEX ON {table} (parent_id);
CREATE UNIQUE INDEX ON {table} (lower(code)) WHERE updated_at IS NULL;
COMMENT ON TABLE {table} IS 'Things of kind {i}';
COMMENT ON COLUMN {table}.state IS 'new, open or done';
COMMENT ON COLUMN {table}.amount IS 'In euros';
COMMIT;
""")
        if i % 10 == 0:
            parts.append(
                f"CREATE VIEW {table}_open AS SELECT id, code, name FROM {table} WHERE state = 'open';\n"
            )
    return "".join(parts)
