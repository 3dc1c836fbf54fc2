-- Renames, declared and not.

-- pair: rename_table
-- options: {"renames": {"table public.a": "table public.b"}}
-- options back: {"renames": {"table public.b": "table public.a"}}
-- expect: statement RENAME TO
-- expect: no hazard data loss
-- from:
CREATE TABLE a (id integer, x text);
INSERT INTO a VALUES (1, 'x');
COMMENT ON TABLE a IS 'stays';
GRANT SELECT ON a TO pair_reader;
-- to:
CREATE TABLE b (id integer, x text);
COMMENT ON TABLE b IS 'stays';
GRANT SELECT ON b TO pair_reader;

-- pair: rename_table_with_keys_and_indexes
-- options: {"renames": {"table public.a": "table public.b"}}
-- options back: {"renames": {"table public.b": "table public.a"}}
-- expect: no hazard data loss
-- from:
CREATE TABLE a (id serial PRIMARY KEY, x text UNIQUE);
CREATE INDEX a_x ON a (lower(x));
CREATE TABLE c (a_id integer REFERENCES a);
CREATE VIEW v AS SELECT id FROM a;
-- to:
CREATE TABLE b (id serial PRIMARY KEY, x text UNIQUE);
CREATE INDEX b_x ON b (lower(x));
CREATE TABLE c (a_id integer REFERENCES b);
CREATE VIEW v AS SELECT id FROM b;

-- pair: rename_table_undeclared
-- expect: hazard data loss
-- expect: hazard rename?
-- from:
CREATE TABLE a (id integer, x text);
INSERT INTO a VALUES (1, 'x');
-- to:
CREATE TABLE b (id integer, x text);

-- pair: rename_table_and_change_it
-- options: {"renames": {"table public.a": "table public.b"}}
-- options back: {"renames": {"table public.b": "table public.a"}}
-- expect: no hazard data loss
-- from:
CREATE TABLE a (id integer, x varchar(10));
INSERT INTO a VALUES (1, 'x');
-- to:
CREATE TABLE b (id bigint, x text NOT NULL, y integer);

-- pair: rename_table_to_another_schema
-- options: {"renames": {"table public.a": "table s.a"}}
-- options back: {"renames": {"table s.a": "table public.a"}}
-- expect: statement SET SCHEMA
-- expect: no hazard data loss
-- base:
CREATE SCHEMA s;
-- from:
CREATE TABLE a (id integer PRIMARY KEY, x text);
INSERT INTO a VALUES (1, 'x');
-- to:
CREATE TABLE s.a (id integer PRIMARY KEY, x text);

-- pair: rename_column
-- options: {"renames": {"column public.t.x": "column public.t.y"}}
-- options back: {"renames": {"column public.t.y": "column public.t.x"}}
-- expect: statement RENAME COLUMN
-- expect: no hazard data loss
-- from:
CREATE TABLE t (id integer, x text DEFAULT 'q');
INSERT INTO t VALUES (1, 'x');
COMMENT ON COLUMN t.x IS 'stays';
GRANT SELECT (x) ON t TO pair_reader;
-- to:
CREATE TABLE t (id integer, y text DEFAULT 'q');
COMMENT ON COLUMN t.y IS 'stays';
GRANT SELECT (y) ON t TO pair_reader;

-- pair: rename_column_undeclared
-- expect: hazard data loss
-- expect: hazard rename?
-- from:
CREATE TABLE t (id integer, x text);
INSERT INTO t VALUES (1, 'x');
-- to:
CREATE TABLE t (id integer, y text);

-- pair: rename_column_with_index_check_view
-- options: {"renames": {"column public.t.x": "column public.t.y"}}
-- options back: {"renames": {"column public.t.y": "column public.t.x"}}
-- expect: no hazard data loss
-- from:
CREATE TABLE t (id integer PRIMARY KEY, x integer CONSTRAINT k CHECK (x > 0));
CREATE INDEX i ON t (x) WHERE x > 5;
CREATE VIEW v AS SELECT x FROM t;
INSERT INTO t VALUES (1, 1);
-- to:
CREATE TABLE t (id integer PRIMARY KEY, y integer CONSTRAINT k CHECK (y > 0));
CREATE INDEX i ON t (y) WHERE y > 5;
CREATE VIEW v AS SELECT y FROM t;

-- pair: rename_column_and_type
-- options: {"renames": {"column public.t.x": "column public.t.y"}}
-- options back: {"renames": {"column public.t.y": "column public.t.x"}}
-- expect: no hazard data loss
-- from:
CREATE TABLE t (id integer, x integer);
INSERT INTO t VALUES (1, 1);
-- to:
CREATE TABLE t (id integer, y bigint NOT NULL DEFAULT 5);

-- pair: rename_columns_swap
-- options: {"renames": {"column public.t.x": "column public.t.y", "column public.t.y": "column public.t.x"}}
-- expect: no hazard data loss
-- columns: reordered
-- from:
CREATE TABLE t (x integer, y text);
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TABLE t (y integer, x text);
-- expect: remade column public.t.*
-- expect back: remade column public.t.*

-- pair: rename_table_and_column
-- options: {"renames": {"table public.a": "table public.b", "column public.a.x": "column public.b.y"}}
-- options back: {"renames": {"table public.b": "table public.a", "column public.b.y": "column public.a.x"}}
-- expect: no hazard data loss
-- from:
CREATE TABLE a (id integer PRIMARY KEY, x text);
INSERT INTO a VALUES (1, 'x');
-- to:
CREATE TABLE b (id integer PRIMARY KEY, y text);

-- pair: rename_tables_swap
-- options: {"renames": {"table public.a": "table public.b", "table public.b": "table public.a"}}
-- expect: no hazard data loss
-- from:
CREATE TABLE a (x integer);
CREATE TABLE b (y text);
INSERT INTO a VALUES (1);
INSERT INTO b VALUES ('x');
-- to:
CREATE TABLE b (x integer);
CREATE TABLE a (y text);
-- expect: remade table public.*
-- expect back: remade table public.*
-- expect: rows lost public.a
-- expect: rows lost public.b

-- pair: rename_enum_value_is_a_rebuild
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (x e);
-- to:
CREATE TYPE e AS ENUM ('a', 'c');
CREATE TABLE t (x e);

-- pair: rename_view
-- options: {"renames": {"view public.v": "view public.w"}}
-- options back: {"renames": {"view public.w": "view public.v"}}
-- from:
CREATE VIEW v AS SELECT 1 AS a;
GRANT SELECT ON v TO pair_reader;
-- to:
CREATE VIEW w AS SELECT 1 AS a;
GRANT SELECT ON w TO pair_reader;

-- pair: rename_index_and_constraint
-- from:
CREATE TABLE t (a integer, b integer CONSTRAINT k CHECK (b > 0));
CREATE INDEX i ON t (a);
-- to:
CREATE TABLE t (a integer, b integer CONSTRAINT l CHECK (b > 0));
CREATE INDEX j ON t (a);

-- pair: rename_partitioned
-- options: {"renames": {"table public.t": "table public.u"}}
-- options back: {"renames": {"table public.u": "table public.t"}}
-- expect: no hazard data loss
-- from:
CREATE TABLE t (id integer) PARTITION BY LIST (id);
CREATE TABLE p PARTITION OF t FOR VALUES IN (1);
INSERT INTO t VALUES (1);
-- to:
CREATE TABLE u (id integer) PARTITION BY LIST (id);
CREATE TABLE p PARTITION OF u FOR VALUES IN (1);

-- pair: rename_column_of_a_parent
-- options: {"renames": {"column public.p.x": "column public.p.y", "column public.c.x": "column public.c.y"}}
-- options back: {"renames": {"column public.p.y": "column public.p.x", "column public.c.y": "column public.c.x"}}
-- expect: no hazard data loss
-- from:
CREATE TABLE p (x integer);
CREATE TABLE c (z integer) INHERITS (p);
INSERT INTO c VALUES (1, 2);
-- to:
CREATE TABLE p (y integer);
CREATE TABLE c (z integer) INHERITS (p);

-- pair: rename_to_a_name_that_something_else_has_until_it_goes
-- options: {"renames": {"view public.v": "view public.taken", "table public.t": "table public.index_of_it", "domain public.d": "domain public.kind", "sequence public.s": "sequence public.was_view"}}
-- options back: {"renames": {"view public.taken": "view public.v", "table public.index_of_it": "table public.t", "domain public.kind": "domain public.d", "sequence public.was_view": "sequence public.s"}}
-- base:
CREATE TABLE u (a integer, b integer);
INSERT INTO u VALUES (1, 2);
-- from:
CREATE TABLE t (a integer);
INSERT INTO t VALUES (1);
CREATE VIEW v AS SELECT a FROM t;
CREATE DOMAIN d AS integer;
CREATE SEQUENCE s;
ALTER TABLE u ADD CONSTRAINT taken UNIQUE (a);
CREATE INDEX index_of_it ON u (b);
CREATE TYPE kind AS ENUM ('a');
CREATE VIEW was_view AS SELECT 1 AS a;
-- to:
CREATE TABLE index_of_it (a integer);
CREATE VIEW taken AS SELECT a FROM index_of_it;
CREATE DOMAIN kind AS integer;
CREATE SEQUENCE was_view;
