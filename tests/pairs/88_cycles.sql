-- Circles: what refers to each other.

-- pair: cycle_of_foreign_keys
-- from:
CREATE TABLE a (id integer PRIMARY KEY, b_id integer);
CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a);
ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b;
-- to:
CREATE TABLE a (id bigint PRIMARY KEY, b_id bigint);
CREATE TABLE b (id bigint PRIMARY KEY, a_id bigint REFERENCES a);
ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b;

-- pair: cycle_of_foreign_keys_goes
-- from:
CREATE TABLE a (id integer PRIMARY KEY, b_id integer);
CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a);
CREATE TABLE c (id integer PRIMARY KEY, a_id integer REFERENCES a, b_id integer REFERENCES b);
ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b;
ALTER TABLE b ADD FOREIGN KEY (a_id) REFERENCES c;
-- to:

-- pair: cycle_of_a_view_and_a_function_of_its_row
-- from:
-- to:
CREATE TABLE t (a integer);
CREATE VIEW v AS SELECT a FROM t;
CREATE FUNCTION f() RETURNS SETOF v LANGUAGE sql AS 'SELECT * FROM public.v';
CREATE VIEW w AS SELECT * FROM f();

-- pair: cycle_of_a_table_default_and_a_function_of_its_row
-- from:
-- to:
CREATE TABLE t (a integer, b integer);
CREATE FUNCTION f(t) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
ALTER TABLE t ADD CONSTRAINT k CHECK (f(t) > 0);

-- pair: cycle_of_a_table_default_and_a_function_that_reads_it
-- from:
-- to:
CREATE TABLE t (a integer);
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t; END;
ALTER TABLE t ALTER COLUMN a SET DEFAULT f();

-- pair: cycle_of_a_policy_and_a_function
-- from:
-- to:
CREATE TABLE t (a integer);
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t; END;
CREATE POLICY p ON t USING (a > (SELECT f()));

-- pair: cycle_of_views_by_create_or_replace
-- from:
CREATE VIEW a AS SELECT 1 AS x;
CREATE VIEW b AS SELECT x FROM a;
-- to:
CREATE VIEW a AS SELECT 1 AS x;
CREATE VIEW b AS SELECT x FROM a;
CREATE OR REPLACE VIEW a AS SELECT x FROM b;

-- pair: cycle_of_a_type_and_its_functions
-- from:
-- to:
CREATE TYPE b;
CREATE FUNCTION b_in(cstring) RETURNS b LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION b_out(b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE b (INPUT = b_in, OUTPUT = b_out, LIKE = integer);
CREATE FUNCTION b_eq(b, b) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE OPERATOR = (FUNCTION = b_eq, LEFTARG = b, RIGHTARG = b, COMMUTATOR = =, HASHES);
CREATE CAST (b AS integer) WITHOUT FUNCTION;
CREATE TABLE t (x b DEFAULT '3', y b[]);

-- pair: composite_of_a_table_and_a_table_of_it
-- from:
-- to:
CREATE TABLE t (a integer);
CREATE TYPE c AS (x t, y integer);
CREATE TABLE u (z c[]);

-- pair: cycle_of_sql_functions
-- from:
-- to:
CREATE FUNCTION a(integer) RETURNS integer LANGUAGE sql RETURN 1;
CREATE FUNCTION b(integer) RETURNS integer LANGUAGE sql RETURN a($1);
CREATE OR REPLACE FUNCTION a(integer) RETURNS integer LANGUAGE sql RETURN CASE WHEN $1 > 0 THEN b($1 - 1) ELSE 0 END;

-- pair: cycle_of_a_rule_and_a_table
-- from:
-- to:
CREATE TABLE a (x integer);
CREATE TABLE b (x integer);
CREATE RULE r AS ON INSERT TO a DO ALSO INSERT INTO b VALUES (new.x);
CREATE RULE r AS ON DELETE TO b DO ALSO DELETE FROM a WHERE x = old.x;

-- pair: cycle_owned_sequence_as_default_of_another_table
-- dump: skip, which default pg_dump tells apart depends on the order in which the tables were made
-- from:
-- to:
CREATE TABLE a (x integer);
CREATE TABLE b (x integer);
CREATE SEQUENCE s OWNED BY a.x;
CREATE SEQUENCE r OWNED BY b.x;
ALTER TABLE a ALTER COLUMN x SET DEFAULT nextval('r');
ALTER TABLE b ALTER COLUMN x SET DEFAULT nextval('s');

-- pair: cycle_of_sql_functions_with_what_looks_like_a_body
-- expect: kept function public.a(integer, text)
-- expect back: kept function public.a(integer, text)
-- from:
CREATE FUNCTION a(n integer, "return" text DEFAULT E'x\nRETURN 1\nBEGIN ATOMIC') RETURNS text LANGUAGE sql RETURN "return";
CREATE FUNCTION b(integer) RETURNS text LANGUAGE sql RETURN a($1);
-- to:
CREATE FUNCTION a(n integer, "return" text DEFAULT E'x\nRETURN 1\nBEGIN ATOMIC') RETURNS text LANGUAGE sql RETURN "return";
CREATE FUNCTION b(integer) RETURNS text LANGUAGE sql RETURN a($1);
CREATE OR REPLACE FUNCTION a(n integer, "return" text DEFAULT E'x\nRETURN 1\nBEGIN ATOMIC') RETURNS text LANGUAGE sql RETURN b(n);

-- pair: cycle_of_three_sql_routines_with_grants
-- from:
CREATE TABLE t (x integer);
-- to:
CREATE TABLE t (x integer);
CREATE FUNCTION p(integer) RETURNS void LANGUAGE sql BEGIN ATOMIC INSERT INTO t VALUES ($1); END;
CREATE FUNCTION q(n integer) RETURNS TABLE (x integer) LANGUAGE sql BEGIN ATOMIC SELECT p(n); SELECT t.x FROM t; END;
CREATE FUNCTION r(integer) RETURNS SETOF t LANGUAGE sql BEGIN ATOMIC SELECT x FROM q($1); END;
CREATE OR REPLACE FUNCTION p(integer) RETURNS void LANGUAGE sql BEGIN ATOMIC INSERT INTO t SELECT x FROM r($1 - 1); END;
CREATE PROCEDURE s(integer) LANGUAGE sql BEGIN ATOMIC SELECT p($1); END;
GRANT EXECUTE ON FUNCTION q(integer) TO pair_reader;
COMMENT ON FUNCTION p(integer) IS 'p';

-- pair: cycle_of_sql_functions_that_begin_to_call_each_other
-- from:
CREATE FUNCTION a(integer) RETURNS integer LANGUAGE sql RETURN 1;
CREATE FUNCTION b(integer) RETURNS integer LANGUAGE sql RETURN 2;
CREATE VIEW v AS SELECT a(1), b(1) AS b;
-- to:
CREATE FUNCTION a(integer) RETURNS integer LANGUAGE sql RETURN 1;
CREATE FUNCTION b(integer) RETURNS integer LANGUAGE sql RETURN CASE WHEN $1 > 0 THEN a($1 - 1) ELSE 0 END;
CREATE OR REPLACE FUNCTION a(integer) RETURNS integer LANGUAGE sql RETURN CASE WHEN $1 > 0 THEN b($1 - 1) ELSE 0 END;
CREATE VIEW v AS SELECT a(1), b(1) AS b;

-- pair: cycle_of_a_view_and_a_function_that_reads_it
-- from:
CREATE VIEW v AS SELECT 1::bigint AS x;
-- to:
CREATE VIEW v AS SELECT 1::bigint AS x;
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(x)::bigint FROM v; END;
CREATE OR REPLACE VIEW v AS SELECT f() AS x;
CREATE RULE r AS ON DELETE TO v DO INSTEAD SELECT f();

-- pair: cycle_of_a_generated_column_and_a_function_that_reads_its_table
-- columns: reordered
-- from:
-- to:
CREATE TABLE t (a integer, c integer);
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT count(*)::integer + $1 FROM t; END;
ALTER TABLE t ADD COLUMN b integer GENERATED ALWAYS AS (f(a)) STORED;
CREATE INDEX t_b ON t (b);
CREATE POLICY p ON t USING (b > 1);

-- pair: cycle_of_many_tables_and_the_functions_of_their_rows
-- from:
CREATE TABLE a (x integer);
-- to:
CREATE TABLE a (x integer);
CREATE TABLE b (x integer) PARTITION BY LIST (x);
CREATE TABLE b1 PARTITION OF b FOR VALUES IN (1);
CREATE TABLE c (y integer);
CREATE FUNCTION f(a) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION f(b) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION f(c) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION g(a, b, c) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
ALTER TABLE a ADD CHECK (f(a));
ALTER TABLE b1 ADD CHECK (f(NULL::b));
ALTER TABLE c ADD CHECK (f(c) AND g(NULL, NULL, c));
ALTER TABLE b ALTER COLUMN x SET DEFAULT CASE WHEN g(NULL, NULL, NULL) THEN 1 END;
CREATE TRIGGER t BEFORE UPDATE ON c FOR EACH ROW WHEN (g(NULL, NULL, new)) EXECUTE FUNCTION suppress_redundant_updates_trigger();

-- pair: overload_gives_way_under_an_index_of_unequal_types
-- expect: statement CONCURRENTLY
-- expect: statement RENAME TO half_old
-- from:
CREATE FUNCTION half(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 2';
CREATE TABLE t (a integer);
CREATE UNIQUE INDEX i ON t (half(a));
-- to:
CREATE FUNCTION half(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 2';
CREATE TABLE t (a integer);
CREATE UNIQUE INDEX i ON t (half(a));

-- pair: overload_of_another_number_of_arguments_keeps_its_name
-- expect: statement CONCURRENTLY
-- expect: no statement RENAME TO half_old
-- from:
CREATE FUNCTION half(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 2';
CREATE TABLE t (a integer);
CREATE INDEX i ON t (half(a));
-- to:
CREATE FUNCTION half(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 2';
CREATE TABLE t (a integer);
CREATE INDEX i ON t (half(a, 1));
