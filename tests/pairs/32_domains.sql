-- Domains: type, default, not null, collation, constraints.

-- pair: domain_added
-- from:
-- to:
CREATE DOMAIN d AS text COLLATE "C" DEFAULT 'x' NOT NULL CONSTRAINT k CHECK (VALUE <> '');
COMMENT ON DOMAIN d IS 'd';
COMMENT ON CONSTRAINT k ON DOMAIN d IS 'k';

-- pair: domain_default
-- expect: kept domain public.d
-- base:
-- from:
CREATE DOMAIN d AS integer DEFAULT 1;
CREATE DOMAIN f AS text;
CREATE TABLE t (x d);
-- to:
CREATE DOMAIN d AS integer;
CREATE DOMAIN f AS text DEFAULT lower('A');
CREATE TABLE t (x d);

-- pair: domain_not_null
-- expect: kept domain public.d
-- from:
CREATE DOMAIN d AS integer;
CREATE TABLE t (x d);
INSERT INTO t VALUES (1);
-- to:
CREATE DOMAIN d AS integer NOT NULL;
CREATE TABLE t (x d);

-- pair: domain_constraint_added
-- expect: statement NOT VALID
-- expect: kept domain public.d
-- from:
CREATE DOMAIN d AS integer;
CREATE TABLE t (x d);
INSERT INTO t VALUES (1);
-- to:
CREATE DOMAIN d AS integer CONSTRAINT k CHECK (VALUE > 0) CHECK (VALUE < 100);
CREATE TABLE t (x d);

-- pair: domain_constraint_changed
-- from:
CREATE DOMAIN d AS integer CONSTRAINT k CHECK (VALUE > 0);
COMMENT ON CONSTRAINT k ON DOMAIN d IS 'stays';
-- to:
CREATE DOMAIN d AS integer CONSTRAINT k CHECK (VALUE > 1);
COMMENT ON CONSTRAINT k ON DOMAIN d IS 'stays';

-- pair: domain_constraint_not_valid
-- base:
CREATE DOMAIN d AS integer;
-- from:
ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE > 0) NOT VALID;
-- to:
ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE > 0);

-- pair: domain_constraint_names_swap
-- from:
CREATE DOMAIN d AS integer CONSTRAINT a CHECK (VALUE > 0) CONSTRAINT b CHECK (VALUE < 9);
-- to:
CREATE DOMAIN d AS integer CONSTRAINT b CHECK (VALUE > 0) CONSTRAINT a CHECK (VALUE < 9);

-- pair: domain_constraint_by_a_function
-- from:
CREATE FUNCTION ok(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE DOMAIN d AS integer CONSTRAINT k CHECK (ok(VALUE));
-- to:
CREATE FUNCTION ok2(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE DOMAIN d AS integer CONSTRAINT k CHECK (ok2(VALUE));

-- pair: domain_varchar_in
-- normal form
-- from:
CREATE DOMAIN d AS varchar(10);
-- to:
CREATE DOMAIN d AS varchar(10) CONSTRAINT k CHECK (VALUE IN ('a', 'b'));

-- pair: domain_base_type
-- from:
CREATE DOMAIN d AS integer CONSTRAINT k CHECK (VALUE > 0);
CREATE TABLE t (id integer, x d);
INSERT INTO t VALUES (1, 1);
COMMENT ON DOMAIN d IS 'stays';
-- to:
CREATE DOMAIN d AS bigint CONSTRAINT k CHECK (VALUE > 0);
CREATE TABLE t (id integer, x d);
COMMENT ON DOMAIN d IS 'stays';

-- pair: domain_modifier_and_collation
-- from:
CREATE DOMAIN d AS varchar(10);
CREATE DOMAIN c AS text;
CREATE TABLE t (x d, y c);
-- to:
CREATE DOMAIN d AS varchar(20);
CREATE DOMAIN c AS text COLLATE "C";
CREATE TABLE t (x d, y c);

-- pair: domain_over_domain
-- from:
CREATE DOMAIN a AS integer CHECK (VALUE > 0);
CREATE DOMAIN b AS a CHECK (VALUE > 1);
CREATE TABLE t (x b, y a[]);
-- to:
CREATE DOMAIN a AS bigint CHECK (VALUE > 0);
CREATE DOMAIN b AS a CHECK (VALUE > 1);
CREATE TABLE t (x b, y a[]);

-- pair: domain_column_to_its_base
-- from:
CREATE DOMAIN d AS text;
CREATE TABLE t (x d);
INSERT INTO t VALUES ('a');
-- to:
CREATE TABLE t (x text);

-- pair: domain_base_under_a_view
-- from:
CREATE DOMAIN d AS integer;
CREATE TABLE t (x d DEFAULT 5);
CREATE VIEW v AS SELECT x FROM t;
CREATE FUNCTION f(d) RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- to:
CREATE DOMAIN d AS bigint;
CREATE TABLE t (x d DEFAULT 5);
CREATE VIEW v AS SELECT x FROM t;
CREATE FUNCTION f(d) RETURNS integer LANGUAGE sql AS 'SELECT 1';

-- pair: domain_owner_and_grants
-- from:
CREATE DOMAIN d AS integer;
-- to:
CREATE DOMAIN d AS integer;
ALTER DOMAIN d OWNER TO pair_owner;
GRANT USAGE ON DOMAIN d TO pair_reader;
REVOKE USAGE ON DOMAIN d FROM PUBLIC;

-- pair: domain_array_and_everything
-- from:
CREATE DOMAIN d AS integer[] DEFAULT '{1}' CHECK (cardinality(VALUE) > 0);
-- to:
CREATE DOMAIN d AS integer[] DEFAULT '{2}' NOT NULL CHECK (cardinality(VALUE) > 1);

-- pair: domain_becomes_type
-- from:
CREATE DOMAIN d AS integer;
-- to:
CREATE TYPE d AS ENUM ('x');
