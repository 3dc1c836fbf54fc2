"""Random DDL on a schema that has something of everything.

A statement is drawn from TEMPLATES; what stands in braces is drawn from the catalogs of the database, as it is at
that moment. What PostgreSQL refuses is left out: so whatever can be done to a schema by hand is tried, in any
combination, and nobody has to think of it first.
"""
# ruff: noqa: E501

from __future__ import annotations

import random
import re
from typing import Any

import psycopg

BASE = """
CREATE SCHEMA app; CREATE SCHEMA "Odd Ones";
CREATE EXTENSION btree_gist; CREATE EXTENSION citext SCHEMA app;
CREATE TYPE app.mood AS ENUM ('low', 'ok', 'it''s');
CREATE TYPE app.state AS ENUM ('new', 'paid', 'gone');
CREATE DOMAIN app.small AS integer CONSTRAINT small_check CHECK (VALUE < 1000);
CREATE DOMAIN app.word AS varchar(20) DEFAULT 'x' CONSTRAINT word_check CHECK (VALUE IN ('x', 'y'));
CREATE TYPE app.pair AS (x integer, y text);
CREATE DOMAIN app.pairs AS app.pair[] CONSTRAINT pairs_check CHECK (array_length(VALUE, 1) < 9);
CREATE TYPE app.span AS RANGE (subtype = float8);
CREATE FUNCTION app.slug(t text) RETURNS text LANGUAGE sql IMMUTABLE RETURN lower(t);
CREATE FUNCTION app.twice(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION app.is_mood(m app.mood) RETURNS boolean LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT m >
    'low'::app.mood; END;
CREATE FUNCTION app.add(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT RETURN $1 + $2;
CREATE AGGREGATE app.total(integer) (SFUNC = app.add, STYPE = integer, INITCOND = '0');
CREATE OPERATOR app.<+> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = app.add);
CREATE SEQUENCE app.numbers INCREMENT BY 2;
CREATE TABLE app.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL DEFAULT 'nobody',
    kind varchar(10) CHECK (kind IN ('a', 'b')),
    mood app.mood DEFAULT 'ok',
    email app.citext UNIQUE,
    slug text GENERATED ALWAYS AS (app.slug(name)) STORED,
    word app.word,
    parts app.pairs,
    born date
);
CREATE TABLE app.orders (
    id serial PRIMARY KEY,
    customer_id bigint REFERENCES app.customers ON DELETE CASCADE,
    state app.state NOT NULL DEFAULT 'new',
    amount numeric(10, 2) NOT NULL DEFAULT 0 CHECK (amount >= 0),
    number integer DEFAULT nextval('app.numbers'),
    during tstzrange,
    tags text[] DEFAULT '{}',
    one app.pair,
    small app.small,
    CONSTRAINT orders_during_excl EXCLUDE USING gist (customer_id WITH =, during WITH &&),
    CONSTRAINT orders_number_key UNIQUE NULLS NOT DISTINCT (number) INCLUDE (amount)
);
CREATE TABLE app.last (id bigint PRIMARY KEY, order_id integer REFERENCES app.orders DEFERRABLE, note text);
ALTER TABLE app.orders ADD COLUMN last_id bigint REFERENCES app.last;
CREATE TABLE app.base (id integer NOT NULL, note text, CONSTRAINT base_check CHECK (id > 0));
CREATE TABLE app.child (extra integer DEFAULT 3) INHERITS (app.base);
CREATE TABLE app.grandchild (id integer, note text) INHERITS (app.child);
CREATE TABLE app.events (id bigint NOT NULL, at date NOT NULL, mood app.mood, note text DEFAULT 'e', PRIMARY
    KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE app.events_2024 PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE app.events_2025 (note text DEFAULT 'own', mood app.mood, at date NOT NULL, id bigint NOT NULL,
    CONSTRAINT mine CHECK (id > 0));
ALTER TABLE app.events ATTACH PARTITION app.events_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT PARTITION BY RANGE (id);
CREATE TABLE app.events_rest_ok PARTITION OF app.events_rest FOR VALUES FROM (0) TO (1000);
CREATE TABLE app.lone (id bigint NOT NULL, at date NOT NULL, mood app.mood, note text);
CREATE TABLE "Odd Ones"."Select" ("from" integer PRIMARY KEY, "x.y" text COLLATE "C", "Ünï" numeric DEFAULT
    1.5, other bigint);
CREATE INDEX customers_slug ON app.customers (app.slug(name)) WHERE kind IN ('a', 'b');
CREATE UNIQUE INDEX orders_state ON app.orders (state, id DESC) INCLUDE (amount);
CREATE INDEX orders_tags ON app.orders USING gin (tags);
CREATE INDEX events_note ON app.events (note text_pattern_ops);
CREATE INDEX "Odd Index" ON "Odd Ones"."Select" ((other + 1), "x.y" DESC NULLS LAST);
CREATE STATISTICS app.orders_stats (ndistinct, dependencies) ON state, number FROM app.orders;
CREATE VIEW app.rich AS SELECT id, name, mood, kind FROM app.customers WHERE kind IN ('a', 'b');
CREATE VIEW app.rich_orders WITH (security_barrier) AS SELECT r.name, o.* FROM app.rich r JOIN app.orders o ON
    o.customer_id = r.id;
CREATE MATERIALIZED VIEW app.totals AS SELECT customer_id, sum(amount) AS total, max(state) AS worst FROM
    app.orders GROUP BY customer_id;
CREATE UNIQUE INDEX totals_customer ON app.totals (customer_id);
CREATE FUNCTION app.totals_of(c bigint) RETURNS SETOF app.totals LANGUAGE sql STABLE AS
    'SELECT * FROM app.totals WHERE customer_id = c';
CREATE FUNCTION app.row_note(r app.orders) RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC SELECT r.state::text
    || r.id; END;
CREATE VIEW app.notes AS SELECT id, app.row_note(o) AS note FROM app.orders o;
CREATE PROCEDURE app.pay(o integer, INOUT done boolean DEFAULT false) LANGUAGE plpgsql AS
    'BEGIN UPDATE app.orders SET state = ''paid'' WHERE id = o; END';
CREATE TRIGGER touch BEFORE UPDATE OF name ON app.customers FOR EACH ROW WHEN (old.name IS DISTINCT FROM
    new.name) EXECUTE FUNCTION app.touch();
CREATE TRIGGER touch_events AFTER INSERT ON app.events FOR EACH ROW EXECUTE FUNCTION app.touch('a', 'b');
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON app.orders DEFERRABLE FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE RULE no_delete AS ON DELETE TO app.base WHERE old.id = 7 DO INSTEAD NOTHING;
CREATE POLICY own ON app.orders FOR SELECT TO pair_reader USING (customer_id > 1 AND state <> 'gone');
CREATE POLICY strict ON app.customers AS RESTRICTIVE USING (app.is_mood(mood)) WITH CHECK (kind IN ('a', 'b'));
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
CREATE PUBLICATION pub FOR TABLE app.orders (id, state) WHERE (id > 3), app.base;
CREATE TEXT SEARCH CONFIGURATION app.plain (COPY = simple);
CREATE COLLATION app.german (provider = icu, locale = 'de');
CREATE CAST (app.pair AS text) WITH INOUT;
COMMENT ON TABLE app.orders IS 'It''s \\ "ordérs"';
COMMENT ON COLUMN app.orders.state IS 'state';
COMMENT ON INDEX app.orders_state IS 'index';
GRANT USAGE ON SCHEMA app TO pair_reader, pair_writer;
GRANT SELECT ON app.orders TO pair_reader WITH GRANT OPTION;
SET ROLE pair_reader; GRANT SELECT ON app.orders TO pair_writer; RESET ROLE;
GRANT UPDATE (name, kind) ON app.customers TO pair_writer;
GRANT SELECT ON app.rich TO PUBLIC;
REVOKE EXECUTE ON FUNCTION app.twice FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO pair_reader;
"""
ROWS = """
INSERT INTO app.customers (name, kind, email, word, born) SELECT 'n' || i, 'a', 'm' || i, 'y', '2000-01-01'
    FROM generate_series(1, 5) i;
INSERT INTO app.orders (customer_id, amount, small, one, tags) SELECT i, i, i, ROW(i, 'a')::app.pair, '{a,b}'
    FROM generate_series(1, 5) i;
INSERT INTO app.last SELECT i, i, 'n' FROM generate_series(1, 3) i;
INSERT INTO app.base SELECT i, 'n' FROM generate_series(1, 3) i; INSERT INTO app.child VALUES (4, 'c', 5);
    INSERT INTO app.grandchild VALUES (5, 'g', 6);
INSERT INTO app.events SELECT i, '2024-02-01', 'ok'::app.mood, 'n' FROM generate_series(1, 3) i;
INSERT INTO app.events SELECT i, '2025-02-01', 'ok', 'n' FROM generate_series(1, 3) i;
INSERT INTO app.events VALUES (1, '2030-01-01', 'ok', 'r');
INSERT INTO "Odd Ones"."Select" VALUES (1, 'a', 2, 3);
REFRESH MATERIALIZED VIEW app.totals;
"""

USER = "n.nspname !~ '^(pg_|information_schema$|confiture$)'"
NO_MEMBER = (
    "NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = {0}::regclass AND d.objid = {1}.oid"
    " AND d.deptype = 'e')"
)


def _relations(kinds: str) -> str:
    return (
        f"SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relkind = ANY ('{{{kinds}}}') AND {USER} AND " + NO_MEMBER.format("'pg_class'", "c")
    )


_TYPES = (
    "SELECT format('%I.%I', n.nspname, t.typname) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
    f" WHERE {USER}"
    " AND " + NO_MEMBER.format("'pg_type'", "t")
)
_PARTS = (
    "SELECT format('{0} ON %I.%I', x.{1}, n.nspname, c.relname) FROM {2} x JOIN pg_class c ON c.oid = x.{3}"
    f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {USER}"
)
# The constructors of a range type go with it.
_ROUTINES = (
    "SELECT format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) FROM pg_proc p"
    f" JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {USER} AND "
    + NO_MEMBER.format("'pg_proc'", "p")
    + " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid"
    " AND d.deptype = 'i')"
)
_OF = (
    "SELECT format('%I.%I\x01%I', n.nspname, c.relname, x.{1}) FROM {0} x JOIN pg_class c ON c.oid = x.{2}"
    f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {USER}"
)
# What a word in braces stands for; a pair of words, {table.column}, is of one object.
QUERIES = {
    "table": _relations("r,p"),
    "partitioned": _relations("p"),
    "view": _relations("v"),
    "matview": _relations("m"),
    "relation": _relations("r,p,v,m"),
    "index": _relations("i,I"),
    "sequence": _relations("S"),
    "schema": f"SELECT quote_ident(n.nspname) FROM pg_namespace n WHERE {USER}",
    "enum": _TYPES + " AND t.typtype = 'e'",
    "domain": _TYPES + " AND t.typtype = 'd'",
    "composite": _TYPES
    + " AND t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')",
    "type": _TYPES + " AND t.typtype IN ('e', 'd', 'c', 'r')",
    "function": _ROUTINES + " AND p.prokind = 'f'",
    "routine": _ROUTINES,
    "policy": _PARTS.format("%I", "polname", "pg_policy", "polrelid"),
    "trigger": _PARTS.format("%I", "tgname", "pg_trigger", "tgrelid") + " AND NOT x.tgisinternal",
    "table.column": _OF.format("pg_attribute", "attname", "attrelid")
    + " AND c.relkind IN ('r', 'p') AND x.attnum > 0 AND NOT x.attisdropped",
    "table.constraint": _OF.format("pg_constraint", "conname", "conrelid"),
    "table.trigger": _OF.format("pg_trigger", "tgname", "tgrelid") + " AND NOT x.tgisinternal",
    "view.column": _OF.format("pg_attribute", "attname", "attrelid")
    + " AND c.relkind = 'v' AND x.attnum > 0 AND NOT x.attisdropped",
    "partitioned.partition": "SELECT i.inhparent::regclass::text || E'\\x01' || i.inhrelid::regclass::text"
    " FROM pg_inherits i"
    " JOIN pg_class c ON c.oid = i.inhparent WHERE c.relkind = 'p'",
    "parent.child": "SELECT i.inhparent::regclass::text || E'\\x01' || i.inhrelid::regclass::text"
    " FROM pg_inherits i"
    " JOIN pg_class c ON c.oid = i.inhparent WHERE c.relkind = 'r'",
    "composite.attribute": _OF.format("pg_attribute", "attname", "attrelid")
    + " AND c.relkind = 'c' AND x.attnum > 0 AND NOT x.attisdropped",
    "domain.constraint": "SELECT t.oid::regtype::text || E'\\x01' || quote_ident(x.conname)"
    " FROM pg_constraint x JOIN pg_type t ON t.oid = x.contypid"
    f" JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {USER}",
    "enum.label": "SELECT t.oid::regtype::text || E'\\x01' || quote_literal(x.enumlabel)"
    " FROM pg_enum x JOIN pg_type t ON t.oid = x.enumtypid",
}
WORDS = {
    "name": ["alpha", "beta", "gamma", '"Delta d"', '"select"', '"na""me"', "a" * 63],
    "role": ["pair_reader", "pair_writer", "pair_owner", '"pair ""Quoted"""', "PUBLIC"],
    "owner": ["pair_owner", "pair_reader", "postgres"],
    "builtin": [
        "integer",
        "bigint",
        "text",
        "varchar(10)",
        "varchar(40)",
        "numeric(12, 3)",
        "numeric",
        "date",
        "timestamptz",
        "text[]",
        "jsonb",
        "boolean",
        'varchar(20) COLLATE "C"',
        "uuid",
    ],
    "privilege": ["SELECT", "INSERT", "UPDATE", "ALL", "TRUNCATE", "SELECT, INSERT"],
    "option": ["", " WITH GRANT OPTION"],
    "cascade": ["", "", " CASCADE"],
    "string": ["'one'", "'it''s \\ ü'", "NULL", "E'two\\nlines'"],
    "expression": [
        "1",
        "'a'",
        "now()",
        "'{}'",
        "lower('X')",
        "'low'",
        "app.slug('A')",
        "nextval('app.numbers')",
        "NULL",
    ],
    "action": [
        "",
        "ON DELETE CASCADE",
        "ON UPDATE SET NULL",
        "DEFERRABLE INITIALLY DEFERRED",
        "NOT VALID",
        "MATCH FULL",
    ],
    "method": ["btree", "btree", "hash", "gin", "brin", "gist"],
    "state": ["ENABLE", "DISABLE", "ENABLE ALWAYS", "ENABLE REPLICA"],
    "privileges_on": ["TABLES", "SEQUENCES", "FUNCTIONS", "TYPES"],
}
TEMPLATES = (
    """
ALTER TABLE {table.column} ALTER COLUMN {.column} TYPE {builtin} USING {.column}::text::{builtin}
ALTER TABLE {table.column} ALTER COLUMN {.column} TYPE {type}
ALTER TABLE {table.column} ALTER COLUMN {.column} TYPE {type} USING NULL
ALTER TABLE {table.column} ALTER COLUMN {.column} DROP DEFAULT, ALTER COLUMN {.column} TYPE {type}[] USING NULL
ALTER TABLE {table.column} ALTER COLUMN {.column} SET DEFAULT {expression}
ALTER TABLE {table.column} ALTER COLUMN {.column} DROP DEFAULT
ALTER TABLE {table.column} ALTER COLUMN {.column} SET NOT NULL
ALTER TABLE {table.column} ALTER COLUMN {.column} DROP NOT NULL
ALTER TABLE ONLY {table.column} ALTER COLUMN {.column} SET DEFAULT {expression}
ALTER TABLE {table.column} ALTER COLUMN {.column} DROP EXPRESSION
ALTER TABLE {table.column} ALTER COLUMN {.column} DROP IDENTITY
ALTER TABLE {table.column} ALTER COLUMN {.column} DROP DEFAULT, ALTER COLUMN {.column} ADD GENERATED BY
    DEFAULT AS IDENTITY (START 100)
ALTER TABLE {table.column} ALTER COLUMN {.column} SET GENERATED BY DEFAULT SET INCREMENT 5
ALTER TABLE {table.column} ALTER COLUMN {.column} SET STATISTICS 50
ALTER TABLE {table.column} ALTER COLUMN {.column} SET STORAGE EXTERNAL
ALTER TABLE {table.column} ALTER COLUMN {.column} SET COMPRESSION pglz
ALTER TABLE {table.column} ALTER COLUMN {.column} SET (n_distinct = 5)
ALTER TABLE {table.column} DROP COLUMN {.column}{cascade}
ALTER TABLE {table.column} RENAME COLUMN {.column} TO {name}
ALTER TABLE {table} ADD COLUMN {name} {builtin} DEFAULT {expression}
ALTER TABLE {table} ADD COLUMN {name} {type}
ALTER TABLE {table} ADD COLUMN {name} {type}[]
ALTER TABLE {table} ADD COLUMN {name} serial
ALTER TABLE {table} ADD COLUMN {name} bigint GENERATED ALWAYS AS IDENTITY
ALTER TABLE {table.column} ADD COLUMN {name} text GENERATED ALWAYS AS (app.slug({.column}::text)) STORED
ALTER TABLE {table.column} ADD COLUMN {name} bigint GENERATED ALWAYS AS (app.twice({.column})) STORED
ALTER TABLE {table} RENAME TO {name}
ALTER TABLE {table} SET SCHEMA {schema}
ALTER TABLE {table} SET (fillfactor = 70, toast.autovacuum_enabled = off)
ALTER TABLE {table} RESET (fillfactor)
ALTER TABLE {table} SET UNLOGGED
ALTER TABLE {table} OWNER TO {owner}
ALTER TABLE {table} REPLICA IDENTITY FULL
ALTER TABLE {table} FORCE ROW LEVEL SECURITY, ENABLE ROW LEVEL SECURITY
ALTER TABLE {table} INHERIT {table}
ALTER TABLE {table} SET TABLESPACE pair_space
ALTER TABLE {parent.child} RENAME TO {name}
ALTER TABLE {.child} NO INHERIT {parent.child}
ALTER TABLE {table.constraint} DROP CONSTRAINT {.constraint}{cascade}
ALTER TABLE {table.constraint} RENAME CONSTRAINT {.constraint} TO {name}
ALTER TABLE {table.constraint} ALTER CONSTRAINT {.constraint} DEFERRABLE
ALTER TABLE {table.constraint} CLUSTER ON {.constraint}
ALTER TABLE {table.constraint} REPLICA IDENTITY USING INDEX {.constraint}
ALTER TABLE {table.column} ADD CONSTRAINT {name} CHECK ({.column} IS NOT NULL)
ALTER TABLE {table.column} ADD CHECK ({.column}::text IN ('a', 'b')) NOT VALID
ALTER TABLE {table.column} ADD CHECK ({.column} IS NOT NULL) NO INHERIT
ALTER TABLE ONLY {table.column} ADD CONSTRAINT {name} CHECK ({.column} IS NOT NULL)
ALTER TABLE {table.column} ADD CONSTRAINT {name} UNIQUE ({.column})
ALTER TABLE {table.column} ADD UNIQUE NULLS NOT DISTINCT ({.column}) WITH (fillfactor = 80) DEFERRABLE
ALTER TABLE {table.column} ADD PRIMARY KEY ({.column})
ALTER TABLE {table.column} ADD FOREIGN KEY ({.column}) REFERENCES {table} {action}
ALTER TABLE {table.column} ADD EXCLUDE USING gist ({.column} WITH =)
CREATE INDEX ON {table.column} USING {method} ({.column})
CREATE INDEX {name} ON {table.column} ({.column} DESC NULLS LAST) WHERE {.column} IS NOT NULL
CREATE UNIQUE INDEX {name} ON {table.column} (app.slug({.column}::text)) NULLS NOT DISTINCT WITH (fillfactor = 60)
CREATE INDEX ON ONLY {table.column} ({.column})
CREATE INDEX ON {table.column} (({.column} || 'x'))
DROP INDEX {index}{cascade}
ALTER INDEX {index} RENAME TO {name}
ALTER INDEX {index} SET (fillfactor = 55)
ALTER INDEX {index} SET TABLESPACE pair_space
ALTER INDEX {index} ATTACH PARTITION {index}
CREATE STATISTICS {schema}.{name} ON {.column}, (id + 1) FROM {table.column}
DROP TABLE {table}{cascade}
DROP VIEW {view}{cascade}
DROP MATERIALIZED VIEW {matview}{cascade}
DROP ROUTINE {routine}{cascade}
DROP TYPE {type}{cascade}
DROP SCHEMA {schema}{cascade}
DROP SEQUENCE {sequence}{cascade}
CREATE TABLE {schema}.{name} (id integer PRIMARY KEY, ref bigint REFERENCES {table}, t {type}, d text
    DEFAULT app.slug('X'))
CREATE TABLE {schema}.{name} (LIKE {table} INCLUDING ALL)
CREATE TABLE {schema}.{name} (own integer) INHERITS ({table})
CREATE TABLE {schema}.{name} OF {composite}
CREATE TABLE {schema}.{name} PARTITION OF {partitioned} FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')
CREATE TABLE {schema}.{name} PARTITION OF {partitioned} FOR VALUES IN ('low')
CREATE TABLE {schema}.{name} PARTITION OF {partitioned} FOR VALUES FROM (1) TO (10)
CREATE TABLE {schema}.{name} (LIKE {table}) PARTITION BY HASH (id)
CREATE TABLE {schema}.{name} PARTITION OF {partitioned} FOR VALUES WITH (MODULUS 2, REMAINDER 0)
CREATE TABLE {schema}.{name} AS SELECT * FROM {relation}
ALTER TABLE {partitioned.partition} DETACH PARTITION {.partition}
ALTER TABLE {partitioned} ATTACH PARTITION {table} FOR VALUES FROM ('2029-01-01') TO ('2030-01-01')
ALTER TABLE {partitioned} ATTACH PARTITION {table} FOR VALUES IN ('it''s')
ALTER TABLE {partitioned} ATTACH PARTITION {table} DEFAULT
CREATE VIEW {schema}.{name} AS SELECT * FROM {relation}
CREATE VIEW {schema}.{name} WITH (security_invoker) AS SELECT count(*) AS n, max({.column}::text) AS m FROM
    {table.column}
CREATE MATERIALIZED VIEW {schema}.{name} AS SELECT * FROM {relation}
CREATE VIEW {schema}.{name} AS SELECT r.id, r FROM {relation} r
CREATE VIEW {schema}.{name} AS SELECT id, {.column} FROM {table.column} WHERE {.column} IS NOT NULL WITH
    LOCAL CHECK OPTION
ALTER VIEW {view} RENAME TO {name}
ALTER VIEW {view} SET (security_invoker = true)
ALTER VIEW {view.column} ALTER COLUMN {.column} SET DEFAULT {expression}
ALTER VIEW {view.column} RENAME COLUMN {.column} TO {name}
ALTER VIEW {view} SET SCHEMA {schema}
ALTER MATERIALIZED VIEW {matview} RENAME TO {name}
ALTER MATERIALIZED VIEW {matview} OWNER TO {owner}
CREATE FUNCTION {schema}.{name}(r {relation}) RETURNS text LANGUAGE sql RETURN (r).id::text
CREATE FUNCTION {schema}.{name}(x {type}) RETURNS SETOF {relation} LANGUAGE sql AS 'SELECT * FROM {relation}'
CREATE FUNCTION {schema}.{name}(x {type} DEFAULT NULL) RETURNS {type} LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'
CREATE FUNCTION {schema}.{name}() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count({.column}) FROM
    {table.column}; END
CREATE FUNCTION {schema}.{name}() RETURNS TABLE (a {table.column}.{.column}%TYPE, b {type}) LANGUAGE
    plpgsql AS 'BEGIN END'
CREATE OR REPLACE FUNCTION app.slug(t text) RETURNS text LANGUAGE sql IMMUTABLE RETURN upper(t)
CREATE OR REPLACE FUNCTION app.twice(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT n * 3'
CREATE OR REPLACE FUNCTION app.row_note(r app.orders) RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC SELECT
    r.amount::text; END
ALTER ROUTINE {routine} RENAME TO {name}
ALTER ROUTINE {routine} SET SCHEMA {schema}
ALTER ROUTINE {routine} OWNER TO {owner}
ALTER ROUTINE {routine} SET search_path = app, pg_temp
ALTER FUNCTION {function} STABLE SECURITY DEFINER COST 7
ALTER TYPE {enum} ADD VALUE {string} BEFORE 'ok'
ALTER TYPE {enum} ADD VALUE {string}
ALTER TYPE {enum.label} RENAME VALUE {.label} TO {string}
ALTER TYPE {type} RENAME TO {name}
ALTER TYPE {type} SET SCHEMA {schema}
ALTER TYPE {type} OWNER TO {owner}
ALTER TYPE {composite} ADD ATTRIBUTE {name} {builtin} CASCADE
ALTER TYPE {composite} ADD ATTRIBUTE {name} {type}
ALTER TYPE {composite.attribute} DROP ATTRIBUTE {.attribute}
ALTER TYPE {composite.attribute} ALTER ATTRIBUTE {.attribute} TYPE {builtin} CASCADE
ALTER TYPE {composite.attribute} RENAME ATTRIBUTE {.attribute} TO {name}
ALTER DOMAIN {domain.constraint} DROP CONSTRAINT {.constraint}
ALTER DOMAIN {domain.constraint} RENAME CONSTRAINT {.constraint} TO {name}
ALTER DOMAIN {domain} ADD CONSTRAINT {name} CHECK (VALUE IS NOT NULL) NOT VALID
ALTER DOMAIN {domain} ADD CHECK (VALUE::text <> 'zz')
ALTER DOMAIN {domain} SET DEFAULT {expression}
ALTER DOMAIN {domain} SET NOT NULL
CREATE DOMAIN {schema}.{name} AS {builtin}
CREATE DOMAIN {schema}.{name} AS {type} CHECK (VALUE IS NOT NULL)
CREATE DOMAIN {schema}.{name} AS {type}[]
CREATE TYPE {schema}.{name} AS (a {type}, b {builtin})
CREATE TYPE {schema}.{name} AS (a {relation}, b {type}[])
CREATE TYPE {schema}.{name} AS ENUM ('one', 'two')
CREATE TYPE {schema}.{name} AS RANGE (SUBTYPE = {type})
CREATE SEQUENCE {schema}.{name} AS smallint START 5
ALTER SEQUENCE {sequence} OWNED BY {table.column}.{.column}
ALTER SEQUENCE {sequence} OWNED BY NONE
ALTER SEQUENCE {sequence} INCREMENT BY 3 CACHE 4 CYCLE
ALTER SEQUENCE {sequence} RENAME TO {name}
ALTER SEQUENCE {sequence} SET SCHEMA {schema}
ALTER SCHEMA {schema} RENAME TO {name}
ALTER SCHEMA {schema} OWNER TO {owner}
CREATE SCHEMA {name} AUTHORIZATION {owner}
CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OF {.column} ON {table.column} FOR EACH ROW EXECUTE FUNCTION
    app.touch({string})
CREATE TRIGGER {name} AFTER UPDATE ON {table.column} FOR EACH ROW WHEN (old.{.column} IS DISTINCT FROM
    new.{.column}) EXECUTE FUNCTION app.touch()
CREATE TRIGGER {name} AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE
    FUNCTION app.touch()
CREATE TRIGGER {name} INSTEAD OF INSERT ON {view} FOR EACH ROW EXECUTE FUNCTION app.touch()
DROP TRIGGER {trigger}{cascade}
ALTER TRIGGER {trigger} RENAME TO {name}
ALTER TABLE {table.trigger} {state} TRIGGER {.trigger}
CREATE POLICY {name} ON {table.column} FOR SELECT TO {role} USING ({.column} IS NOT NULL)
CREATE POLICY {name} ON {table} USING (EXISTS (SELECT FROM {table.column} WHERE {.column} IS NOT NULL))
DROP POLICY {policy}
ALTER POLICY {policy} RENAME TO {name}
ALTER POLICY {policy} TO {owner}
CREATE RULE {name} AS ON UPDATE TO {table.column} WHERE old.{.column} IS NULL DO ALSO SELECT 1
CREATE RULE {name} AS ON INSERT TO {view} DO INSTEAD NOTHING
GRANT {privilege} ON {relation} TO {role}{option}
GRANT SELECT ({.column}), UPDATE ({.column}) ON {table.column} TO {role}{option}
REVOKE {privilege} ON {relation} FROM {role} CASCADE
GRANT USAGE ON TYPE {type} TO {role}{option}
REVOKE USAGE ON TYPE {type} FROM PUBLIC
GRANT EXECUTE ON ROUTINE {routine} TO {role}{option}
REVOKE EXECUTE ON ROUTINE {routine} FROM PUBLIC
GRANT USAGE ON SEQUENCE {sequence} TO {role}
GRANT CREATE, USAGE ON SCHEMA {schema} TO {role}{option}
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT ALL ON {privileges_on} TO {role}
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE ALL ON {privileges_on} FROM PUBLIC
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT ALL ON {privileges_on} TO {role}
COMMENT ON TABLE {table} IS {string}
COMMENT ON COLUMN {table.column}.{.column} IS {string}
COMMENT ON VIEW {view} IS {string}
COMMENT ON INDEX {index} IS {string}
COMMENT ON CONSTRAINT {.constraint} ON {table.constraint} IS {string}
COMMENT ON TRIGGER {trigger} IS {string}
COMMENT ON ROUTINE {routine} IS {string}
COMMENT ON TYPE {type} IS {string}
COMMENT ON SCHEMA {schema} IS {string}
ALTER PUBLICATION pub ADD TABLE {table.column} ({.column})
ALTER PUBLICATION pub ADD TABLE {table.column} WHERE ({.column} IS NOT NULL)
ALTER PUBLICATION pub DROP TABLE {table}
ALTER PUBLICATION pub ADD TABLES IN SCHEMA {schema}
ALTER TEXT SEARCH CONFIGURATION app.plain ALTER MAPPING FOR word WITH english_stem
CREATE OPERATOR {schema}.@@@ (LEFTARG = {type}, RIGHTARG = {type}, FUNCTION = enum_eq, COMMUTATOR =
    OPERATOR({schema}.@@@))
CREATE CAST ({type} AS {type}) WITH INOUT AS ASSIGNMENT
CREATE AGGREGATE {schema}.{name}({type}) (SFUNC = array_append, STYPE = {type}[])
ALTER EXTENSION citext SET SCHEMA {schema}
CREATE COLLATION {schema}.{name} (provider = icu, locale = 'fr')
ALTER TABLE {table.column} ALTER COLUMN {.column} TYPE text COLLATE app.german
""".strip()
    .replace("\n    ", " ")
    .splitlines()
)


def draw(connection: psycopg.Connection[Any], dice: random.Random) -> str | None:
    """Draw a statement; None where the database has nothing that it could be about."""
    template = dice.choice(TEMPLATES)
    parts: dict[str, str] = {}
    words = re.findall(r"\{([a-z_.]+)\}", template)
    for word in sorted(words, key=lambda word: word.startswith(".")):
        if "." in word and not word.startswith("."):
            found = sorted(row[0] for row in connection.execute(QUERIES[word]))
            if not found:
                return None
            whole, part = dice.choice(found).split("\x01")
            parts["{" + word + "}"] = whole
            parts["{." + word.split(".")[1] + "}"] = part
    text = re.sub(r"\{[a-z_]*\.[a-z_]+\}", lambda m: parts.get(m[0], m[0]), template)
    while match := re.search(r"\{([a-z_]+)\}", text):
        word = match[1]
        found = WORDS.get(word) or sorted(row[0] for row in connection.execute(QUERIES[word]))
        if not found:
            return None
        text = text[: match.start()] + dice.choice(found) + text[match.end() :]
    return text


def change(connection: psycopg.Connection[Any], dice: random.Random, wanted: int) -> list[str]:
    """Run random statements until so many have worked; return those."""
    done: list[str] = []
    for _ in range(wanted * 20):
        if len(done) >= wanted:
            break
        statement = draw(connection, dice)
        if statement is None:
            continue
        try:
            with connection.transaction():
                connection.execute(statement.encode())
        except psycopg.Error:
            continue
        done.append(statement)
    return done
