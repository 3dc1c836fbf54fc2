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
-- unsolved: what closes a circle is not dropped by a statement of its own
-- from:
-- to:
CREATE TABLE t (a integer, b integer);
CREATE FUNCTION f(t) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
ALTER TABLE t ADD CONSTRAINT k CHECK (f(t) > 0);

-- pair: cycle_of_a_table_default_and_a_function_that_reads_it
-- unsolved: what closes a circle is not dropped by a statement of its own
-- from:
-- to:
CREATE TABLE t (a integer);
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t; END;
ALTER TABLE t ALTER COLUMN a SET DEFAULT f();

-- pair: cycle_of_a_policy_and_a_function
-- unsolved: what closes a circle is not dropped by a statement of its own
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
-- unsolved: bodies of BEGIN ATOMIC that call each other need a first body without the other
-- from:
-- to:
CREATE FUNCTION a(integer) RETURNS integer LANGUAGE sql RETURN 1;
CREATE FUNCTION b(integer) RETURNS integer LANGUAGE sql RETURN a($1);
CREATE OR REPLACE FUNCTION a(integer) RETURNS integer LANGUAGE sql RETURN CASE WHEN $1 > 0 THEN b($1 - 1) ELSE 0 END;

-- pair: cycle_of_a_rule_and_a_table
-- unsolved: what closes a circle is not dropped by a statement of its own
-- from:
-- to:
CREATE TABLE a (x integer);
CREATE TABLE b (x integer);
CREATE RULE r AS ON INSERT TO a DO ALSO INSERT INTO b VALUES (new.x);
CREATE RULE r AS ON DELETE TO b DO ALSO DELETE FROM a WHERE x = old.x;

-- pair: cycle_owned_sequence_as_default_of_another_table
-- unsolved: what closes a circle is not dropped by a statement of its own
-- dump: skip, which default pg_dump tells apart depends on the order in which the tables were made
-- from:
-- to:
CREATE TABLE a (x integer);
CREATE TABLE b (x integer);
CREATE SEQUENCE s OWNED BY a.x;
CREATE SEQUENCE r OWNED BY b.x;
ALTER TABLE a ALTER COLUMN x SET DEFAULT nextval('r');
ALTER TABLE b ALTER COLUMN x SET DEFAULT nextval('s');
