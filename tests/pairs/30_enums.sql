-- Enums: values added, renamed, removed, moved.

-- pair: enum_added
-- from:
-- to:
CREATE TYPE e AS ENUM ('a', 'b', 'it''s "so"');
CREATE TYPE none AS ENUM ();
COMMENT ON TYPE e IS 'e';

-- pair: enum_value_added_at_the_end
-- expect: statement ADD VALUE
-- expect: kept type public.e
-- expect: no hazard rewrite
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (x e);
INSERT INTO t VALUES ('a');
-- to:
CREATE TYPE e AS ENUM ('a', 'b', 'c');
CREATE TABLE t (x e);

-- pair: enum_values_added_everywhere
-- expect: kept type public.e
-- from:
CREATE TYPE e AS ENUM ('b', 'd');
CREATE TABLE t (x e);
-- to:
CREATE TYPE e AS ENUM ('a', 'b', 'c', 'd', 'e', 'f');
CREATE TABLE t (x e);

-- pair: enum_value_added_and_used
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (x e DEFAULT 'a');
-- to:
CREATE TYPE e AS ENUM ('a', 'b', 'c');
CREATE TABLE t (x e DEFAULT 'c', CONSTRAINT k CHECK (x <> 'c'));
CREATE INDEX i ON t (x) WHERE x = 'c';
CREATE VIEW v AS SELECT x FROM t WHERE x = 'c'::e;

-- pair: enum_value_removed
-- from:
CREATE TYPE e AS ENUM ('a', 'b', 'c');
CREATE TABLE t (id integer PRIMARY KEY, x e DEFAULT 'a' NOT NULL);
CREATE INDEX i ON t (x);
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id integer PRIMARY KEY, x e DEFAULT 'a' NOT NULL);
CREATE INDEX i ON t (x);

-- pair: enum_value_removed_from_an_unused_one
-- from:
CREATE TYPE e AS ENUM ('a', 'b', 'c');
COMMENT ON TYPE e IS 'stays';
GRANT USAGE ON TYPE e TO pair_reader;
ALTER TYPE e OWNER TO pair_owner;
-- to:
CREATE TYPE e AS ENUM ('a', 'c');
COMMENT ON TYPE e IS 'stays';
GRANT USAGE ON TYPE e TO pair_reader;
ALTER TYPE e OWNER TO pair_owner;

-- pair: enum_value_removed_under_everything
-- from:
CREATE TYPE e AS ENUM ('a', 'b', 'c');
CREATE TABLE t (id integer PRIMARY KEY, x e DEFAULT 'a', y e[] DEFAULT '{a}', CONSTRAINT k CHECK (x <> 'b'));
CREATE INDEX i ON t (x) WHERE x = 'a';
CREATE VIEW v AS SELECT x FROM t WHERE x = 'a';
CREATE FUNCTION f(e) RETURNS e LANGUAGE sql AS 'SELECT $1';
CREATE POLICY p ON t USING (x = 'b');
COMMENT ON CONSTRAINT k ON t IS 'k';
COMMENT ON COLUMN t.x IS 'x';
GRANT SELECT ON v TO pair_reader;
INSERT INTO t VALUES (1, 'a', '{b}');
-- to:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id integer PRIMARY KEY, x e DEFAULT 'a', y e[] DEFAULT '{a}', CONSTRAINT k CHECK (x <> 'b'));
CREATE INDEX i ON t (x) WHERE x = 'a';
CREATE VIEW v AS SELECT x FROM t WHERE x = 'a';
CREATE FUNCTION f(e) RETURNS e LANGUAGE sql AS 'SELECT $1';
CREATE POLICY p ON t USING (x = 'b');
COMMENT ON CONSTRAINT k ON t IS 'k';
COMMENT ON COLUMN t.x IS 'x';
GRANT SELECT ON v TO pair_reader;

-- pair: enum_values_in_another_order
-- from:
CREATE TYPE e AS ENUM ('a', 'b', 'c');
CREATE TABLE t (x e);
INSERT INTO t VALUES ('b');
-- to:
CREATE TYPE e AS ENUM ('c', 'b', 'a');
CREATE TABLE t (x e);

-- pair: enum_value_removed_in_domain_and_composite
-- from:
CREATE TYPE e AS ENUM ('a', 'b', 'c');
CREATE DOMAIN d AS e DEFAULT 'a' CHECK (VALUE <> 'b');
CREATE TYPE c AS (x e, y integer);
CREATE TABLE t (x d);
INSERT INTO t VALUES ('a');
-- to:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE DOMAIN d AS e DEFAULT 'a' CHECK (VALUE <> 'b');
CREATE TYPE c AS (x e, y integer);
CREATE TABLE t (x d);

-- pair: enum_value_removed_under_partitions
-- expect: hazard rewrite
-- base:
-- from:
CREATE TYPE e AS ENUM ('a', 'b', 'c');
CREATE TABLE t (id integer, x e) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE INDEX i ON t (x);
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id integer, x e) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE INDEX i ON t (x);

-- pair: enum_owner_and_grants
-- from:
CREATE TYPE e AS ENUM ('a');
-- to:
CREATE TYPE e AS ENUM ('a');
ALTER TYPE e OWNER TO pair_owner;
REVOKE USAGE ON TYPE e FROM PUBLIC;
GRANT USAGE ON TYPE e TO pair_reader WITH GRANT OPTION;

-- pair: enum_becomes_domain
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (x e);
INSERT INTO t VALUES ('a');
-- to:
CREATE DOMAIN e AS text CHECK (VALUE <> '');
CREATE TABLE t (x e);

-- pair: enum_becomes_composite
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
-- to:
CREATE TYPE e AS (a integer);

-- pair: enum_moves_to_another_schema
-- base:
CREATE SCHEMA s;
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (x e DEFAULT 'b');
INSERT INTO t VALUES ('a');
-- to:
CREATE TYPE s.e AS ENUM ('a', 'b');
CREATE TABLE t (x s.e DEFAULT 'b');

-- pair: enum_column_of_another_enum
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TYPE f AS ENUM ('a', 'b', 'c');
CREATE TABLE t (x e DEFAULT 'b');
INSERT INTO t VALUES ('a');
-- to:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TYPE f AS ENUM ('a', 'b', 'c');
CREATE TABLE t (x f DEFAULT 'b');

-- pair: enum_text_to_enum
-- from:
CREATE TABLE t (x text DEFAULT 'b' NOT NULL);
INSERT INTO t VALUES ('a');
-- to:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (x e DEFAULT 'b' NOT NULL);

-- pair: enum_goes_with_its_column
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id integer, x e);
CREATE FUNCTION f(e) RETURNS integer LANGUAGE sql AS 'SELECT 1';
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TABLE t (id integer);

-- pair: enum_from_and_to_arrays
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TYPE f AS ENUM ('a', 'b');
CREATE TABLE t (x text[], y e[], z e, u text[]);
-- to:
CREATE TYPE e AS ENUM ('b', 'a');
CREATE TYPE f AS ENUM ('a', 'b');
CREATE DOMAIN d AS f[];
CREATE TABLE t (x e, y e, z e[], u d);
