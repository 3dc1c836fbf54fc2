-- Row types of tables: PostgreSQL refuses to write rows anew, or to check a domain, while an expression has the type.
-- And the privileges that row types have.

-- pair: function_with_a_body_over_the_row_type_of_a_changed_table
-- base:
CREATE TABLE t (id integer PRIMARY KEY, first text, last text);
INSERT INTO t VALUES (1, 'a', 'b');
CREATE FUNCTION full_name(r t) RETURNS text LANGUAGE sql STABLE RETURN (r).first || (r).last;
CREATE FUNCTION plain(r t) RETURNS text LANGUAGE sql STABLE AS 'SELECT r.first';
CREATE VIEW names AS SELECT id, full_name(t) AS name FROM t;
GRANT EXECUTE ON FUNCTION full_name TO pair_reader;
-- from:
-- to:
DROP VIEW names;
DROP FUNCTION full_name(t);
ALTER TABLE t ADD COLUMN lower text GENERATED ALWAYS AS (lower(first)) STORED, ADD COLUMN made timestamptz DEFAULT now();
ALTER TABLE t ALTER id TYPE bigint;
CREATE FUNCTION full_name(r t) RETURNS text LANGUAGE sql STABLE RETURN (r).first || (r).last;
CREATE VIEW names AS SELECT id, full_name(t) AS name FROM t;
GRANT EXECUTE ON FUNCTION full_name TO pair_reader;
-- expect: kept function public.plain(public.t)

-- pair: function_with_a_body_over_the_row_type_of_a_table_that_grows
-- base:
CREATE TABLE t (id integer PRIMARY KEY, first text);
INSERT INTO t VALUES (1, 'a');
CREATE FUNCTION first_of(r t, also t[] DEFAULT NULL) RETURNS text LANGUAGE sql STABLE RETURN (r).first;
-- from:
-- to:
DROP FUNCTION first_of;
ALTER TABLE t ADD COLUMN n integer GENERATED ALWAYS AS IDENTITY, ADD COLUMN number uuid NOT NULL DEFAULT gen_random_uuid();
CREATE FUNCTION first_of(r t, also t[] DEFAULT NULL) RETURNS text LANGUAGE sql STABLE RETURN (r).first;

-- pair: function_with_a_body_over_a_row_type_that_grows_without_values
-- base:
CREATE TABLE t (id integer PRIMARY KEY, first text);
CREATE FUNCTION first_of(r t) RETURNS text LANGUAGE sql STABLE RETURN (r).first;
-- from:
-- to:
ALTER TABLE t ADD COLUMN n text;
-- expect: kept function public.first_of(public.t)

-- pair: function_with_a_body_over_the_row_type_of_a_table_with_a_domain
-- base:
CREATE DOMAIN small AS integer;
CREATE TABLE t (id integer PRIMARY KEY, n small);
INSERT INTO t VALUES (1, 1);
CREATE FUNCTION first_of(r t) RETURNS integer LANGUAGE sql STABLE RETURN (r).id;
-- from:
-- to:
DROP FUNCTION first_of;
ALTER DOMAIN small ADD CHECK (VALUE < 10);
ALTER DOMAIN small SET NOT NULL;
ALTER TABLE t ADD COLUMN m small DEFAULT 1;
CREATE FUNCTION first_of(r t) RETURNS integer LANGUAGE sql STABLE RETURN (r).id;

-- pair: column_of_a_domain_with_constraints_writes_the_table
-- base:
CREATE DOMAIN small AS integer CHECK (VALUE < 10);
CREATE DOMAIN smaller AS small;
CREATE TABLE t (id integer PRIMARY KEY);
CREATE TABLE u (id integer PRIMARY KEY);
INSERT INTO t VALUES (1);
INSERT INTO u VALUES (1);
-- from:
-- to:
ALTER TABLE t ADD COLUMN n small;
ALTER TABLE u ADD COLUMN n smaller;
-- expect: hazard rewrite

-- pair: grant_on_a_row_type
-- dump: skip, pg_dump does not write privileges on row types
-- base:
CREATE TABLE t (id integer);
CREATE VIEW v AS SELECT id FROM t;
CREATE TABLE "odd.one" (id integer);
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;
-- from:
GRANT USAGE ON TYPE v TO pair_reader;
CREATE TABLE becomes (id integer);
GRANT USAGE ON TYPE becomes TO pair_reader;
CREATE TABLE goes (id integer);
GRANT USAGE ON TYPE goes TO pair_reader;
-- to:
GRANT USAGE ON TYPE t TO pair_reader WITH GRANT OPTION;
SET ROLE pair_reader;
GRANT USAGE ON TYPE t TO pair_writer;
RESET ROLE;
GRANT SELECT ON TABLE t TO pair_writer;
REVOKE USAGE ON TYPE "odd.one" FROM PUBLIC;
CREATE VIEW becomes AS SELECT 1 AS id;
GRANT USAGE ON TYPE becomes TO pair_writer;
CREATE TABLE comes (id integer);
GRANT USAGE ON TYPE comes TO pair_reader;
-- expect: statement GRANT USAGE ON TYPE public.t TO pair_reader WITH GRANT OPTION

-- pair: grant_on_the_constructors_of_a_range
-- base:
CREATE TYPE span AS RANGE (subtype = float8);
CREATE TYPE "grant to me" AS RANGE (subtype = float8);
-- from:
-- to:
REVOKE EXECUTE ON FUNCTION span(float8, float8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION span(float8, float8, text), "grant to me"(float8, float8) TO pair_reader WITH GRANT OPTION;

-- pair: range_made_while_functions_are_not_for_everybody
-- base:
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
-- from:
-- to:
CREATE TYPE span AS RANGE (subtype = float8);
