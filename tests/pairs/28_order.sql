-- The order of what has no dependencies in the catalog, circles, and that nothing is missing in between.

-- pair: body_needs_what_comes_later
-- expect: statement SET check_function_bodies = off
-- expect: statement RESET check_function_bodies
-- base:
-- from:
-- to:
SET check_function_bodies = off;
CREATE FUNCTION ping() RETURNS bigint LANGUAGE sql AS 'SELECT public.pong()';
CREATE FUNCTION pong() RETURNS bigint LANGUAGE sql AS 'SELECT public.ping()';

-- pair: body_is_made_after_what_it_names
-- expect: no statement check_function_bodies
-- base:
-- from:
-- to:
SET check_function_bodies = off;
CREATE FUNCTION a_first() RETURNS SETOF bigint LANGUAGE sql AS 'SELECT n FROM public.z_last, public.y_view WHERE public.x_function(n) > 0';
CREATE FUNCTION x_function(n bigint) RETURNS bigint LANGUAGE sql AS 'SELECT n + 1';
CREATE TABLE z_last (n bigint);
CREATE VIEW y_view AS SELECT 1 AS one;

-- pair: body_without_schemas
-- expect: statement SET check_function_bodies = off
-- base:
-- from:
-- to:
CREATE TABLE t (a integer);
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT a FROM t';

-- pair: body_with_its_own_search_path
-- expect: no statement check_function_bodies
-- base:
-- from:
-- to:
CREATE TABLE t (a integer);
CREATE FUNCTION f() RETURNS integer LANGUAGE sql SET search_path = public AS 'SELECT a FROM t';

-- pair: body_declares_the_type_of_a_column
-- expect: statement SET check_function_bodies = off
-- base:
-- from:
-- to:
CREATE TABLE zz (a integer);
CREATE FUNCTION f() RETURNS integer LANGUAGE plpgsql AS 'DECLARE x zz.a%TYPE; y zz; BEGIN RETURN 1; END';

-- pair: body_declares_what_is_qualified
-- expect: no statement check_function_bodies
-- base:
-- from:
-- to:
SET check_function_bodies = off;
CREATE FUNCTION f() RETURNS integer LANGUAGE plpgsql AS 'DECLARE x public.zz.a%TYPE; y public.zz; BEGIN SELECT "a" INTO x FROM zz; RETURN x; END';
CREATE TABLE zz (a integer);

-- pair: body_that_can_not_be_read
-- expect: statement SET check_function_bodies = off
-- base:
-- from:
-- to:
SET check_function_bodies = off;
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT FROM WHERE ''';
CREATE FUNCTION g() RETURNS integer LANGUAGE plpgsql AS 'BEGIN ''';

-- pair: body_follows_the_columns
-- expect: no statement check_function_bodies
-- expect: hazard changes results
-- base:
CREATE TABLE t (a integer);
INSERT INTO t VALUES (1);
-- from:
ALTER TABLE t ADD COLUMN gone text;
CREATE FUNCTION every() RETURNS TABLE (a integer, x text) LANGUAGE sql AS 'SELECT * FROM public.t';
-- to:
ALTER TABLE t ADD COLUMN new bigint;
CREATE FUNCTION every() RETURNS TABLE (a integer, x bigint) LANGUAGE sql AS 'SELECT * FROM public.t';

-- pair: overload_that_would_be_ambiguous
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE VIEW v AS SELECT f(1) AS x FROM t;
-- to:
CREATE FUNCTION f(integer, integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT 2';
CREATE VIEW v AS SELECT f(1) AS x FROM t;

-- pair: overload_taken_over_by_a_view
-- expect: kept view public.v
-- base:
-- from:
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE VIEW v AS SELECT f(1::integer) AS x;
-- to:
CREATE FUNCTION f(bigint) RETURNS integer LANGUAGE sql AS 'SELECT 2';
CREATE VIEW v AS SELECT f(1::bigint) AS x;

-- pair: view_and_function_need_each_other
-- base:
CREATE TABLE t (a integer);
-- from:
-- to:
CREATE VIEW v WITH (security_barrier) AS SELECT a, 'x' COLLATE "C" AS b FROM t;
CREATE FUNCTION f(v) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE OR REPLACE VIEW v WITH (security_barrier) AS SELECT a, 'x' COLLATE "C" AS b, f(NULL) AS c FROM t;
CREATE MATERIALIZED VIEW m AS SELECT * FROM v;
CREATE VIEW w AS SELECT * FROM v;
GRANT SELECT ON v TO pair_reader;

-- pair: view_begins_to_need_a_function_of_its_row
-- expect: kept view public.v
-- base:
CREATE TABLE t (a integer);
CREATE VIEW v AS SELECT a FROM t;
CREATE VIEW w AS SELECT * FROM v;
-- from:
-- to:
CREATE FUNCTION f(v) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE OR REPLACE VIEW v AS SELECT a, f(NULL) AS c FROM t;

-- pair: policy_is_never_missing
-- expect: no statement DROP INDEX CONCURRENTLY
-- expect: statement CREATE INDEX CONCURRENTLY
-- base:
CREATE TABLE t (a integer, b integer);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
-- from:
CREATE FUNCTION f(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE INDEX i ON t (f(a));
CREATE POLICY p ON t AS RESTRICTIVE USING (f(a) > 0);
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW WHEN (f(new.a) > 0) EXECUTE FUNCTION touch();
-- to:
CREATE FUNCTION f(y integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE INDEX i ON t (f(a));
CREATE POLICY p ON t AS RESTRICTIVE USING (f(a) > 0);
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW WHEN (f(new.a) > 0) EXECUTE FUNCTION touch();

-- pair: type_and_not_null_under_a_view
-- expect: no hazard changes results
-- base:
-- from:
CREATE TABLE t (a integer, b text);
INSERT INTO t VALUES (1, 'x');
CREATE VIEW v AS SELECT a, b FROM t;
CREATE POLICY p ON t USING (a > 0);
-- to:
CREATE TABLE t (a bigint NOT NULL, b text);
INSERT INTO t VALUES (1, 'x');
CREATE VIEW v AS SELECT a, b FROM t;
CREATE POLICY p ON t USING (a > 0);

-- pair: statistics_target_survives_another_type
-- base:
-- from:
CREATE TABLE t (a varchar(10), b integer);
CREATE STATISTICS s ON a, b FROM t;
ALTER STATISTICS s SET STATISTICS 77;
-- to:
CREATE TABLE t (a varchar(20), b integer);
CREATE STATISTICS s ON a, b FROM t;
ALTER STATISTICS s SET STATISTICS 77;

-- pair: trigger_states_of_partitions
-- base:
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TABLE t (a integer, b integer) PARTITION BY LIST (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2) PARTITION BY LIST (b);
CREATE TABLE t21 PARTITION OF t2 FOR VALUES IN (1);
-- from:
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER h AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE t21 DISABLE TRIGGER h;
ALTER TABLE ONLY t1 ENABLE ALWAYS TRIGGER g;
-- to:
CREATE TRIGGER g BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER h AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3);
ALTER TABLE t DISABLE TRIGGER h;
ALTER TABLE ONLY t DISABLE TRIGGER g;
ALTER TABLE ONLY t3 ENABLE TRIGGER h;
ALTER TABLE ONLY t21 ENABLE REPLICA TRIGGER h;
ALTER TABLE ONLY t1 ENABLE ALWAYS TRIGGER g;

-- pair: inherited_members_of_a_publication
-- base:
CREATE TABLE a (x integer);
CREATE TABLE b () INHERITS (a);
-- from:
CREATE PUBLICATION p FOR TABLE a;
-- to:
CREATE PUBLICATION p FOR TABLE ONLY a;
