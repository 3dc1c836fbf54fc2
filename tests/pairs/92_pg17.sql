-- What PostgreSQL 17 has brought.

-- pair: pg17_expression_of_a_generated_column
-- server: from 17
-- expect: statement SET EXPRESSION
-- expect: kept column public.t.b
-- expect: hazard rewrite
-- expect: rows lost public.t
-- expect back: rows lost public.t
-- from:
CREATE TABLE t (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED, c integer);
CREATE INDEX i ON t (b);
CREATE VIEW v AS SELECT b FROM t;
INSERT INTO t VALUES (1);
-- to:
CREATE TABLE t (a integer, b integer GENERATED ALWAYS AS (a * 3 + c) STORED, c integer);
CREATE INDEX i ON t (b);
CREATE VIEW v AS SELECT b FROM t;

-- pair: pg17_maintain
-- server: from 17
-- base:
CREATE TABLE t (a integer);
CREATE MATERIALIZED VIEW m AS SELECT a FROM t;
-- from:
GRANT ALL ON t TO pair_reader;
-- to:
GRANT MAINTAIN ON t TO pair_reader, pair_writer;
GRANT MAINTAIN ON m TO pair_reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES GRANT MAINTAIN ON TABLES TO pair_reader;

-- pair: pg17_identity_of_a_partitioned_table
-- server: from 17
-- from:
CREATE TABLE t (id integer NOT NULL, a integer) PARTITION BY LIST (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- to:
CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY (START WITH 7), a integer) PARTITION BY LIST (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2);

-- pair: pg17_access_method_of_a_partitioned_table
-- server: from 17
-- base:
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
-- from:
CREATE TABLE t (a integer) PARTITION BY LIST (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- to:
CREATE TABLE t (a integer) PARTITION BY LIST (a) USING heap2;
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1) USING heap;
CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2);

-- pair: pg17_exclusion_of_a_partitioned_table
-- server: from 17
-- from:
CREATE TABLE t (a integer, b integer) PARTITION BY LIST (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- to:
CREATE TABLE t (a integer, b integer, CONSTRAINT k EXCLUDE USING btree (a WITH =, b WITH =)) PARTITION BY LIST (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);

-- pair: pg17_domain_not_null
-- server: from 17
-- from:
CREATE DOMAIN d AS integer;
CREATE DOMAIN e AS integer CONSTRAINT given NOT NULL;
CREATE TABLE t (a d, b e);
INSERT INTO t VALUES (1, 2);
-- to:
CREATE DOMAIN d AS integer CONSTRAINT mine NOT NULL CHECK (VALUE > 0);
CREATE DOMAIN e AS integer;
CREATE TABLE t (a d, b e);

-- pair: pg17_collation_of_postgresql
-- server: from 17
-- from:
CREATE COLLATION c (provider = builtin, locale = 'C.UTF-8');
CREATE TABLE t (a text COLLATE c);
-- to:
CREATE COLLATION c (provider = builtin, locale = 'C');
CREATE TABLE t (a text COLLATE c);

-- pair: pg17_statistics_default
-- server: from 17
-- from:
CREATE TABLE t (a integer, b integer);
ALTER TABLE t ALTER a SET STATISTICS 0;
CREATE STATISTICS s ON a, b FROM t;
ALTER STATISTICS s SET STATISTICS 5;
-- to:
CREATE TABLE t (a integer, b integer);
ALTER TABLE t ALTER b SET STATISTICS 0;
CREATE STATISTICS s ON a, b FROM t;

-- pair: pg17_events_of_login_and_reindex
-- server: from 17
-- base:
CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
-- from:
CREATE EVENT TRIGGER one ON login EXECUTE FUNCTION f();
ALTER EVENT TRIGGER one DISABLE;
-- to:
CREATE EVENT TRIGGER one ON ddl_command_end WHEN TAG IN ('REINDEX') EXECUTE FUNCTION f();
ALTER EVENT TRIGGER one DISABLE;

-- pair: pg17_operator_attributes
-- server: from 17
-- base:
CREATE FUNCTION f(integer, bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE FUNCTION g(bigint, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
-- from:
CREATE OPERATOR === (FUNCTION = f, LEFTARG = integer, RIGHTARG = bigint);
CREATE OPERATOR === (FUNCTION = g, LEFTARG = bigint, RIGHTARG = integer);
-- to:
CREATE OPERATOR === (FUNCTION = f, LEFTARG = integer, RIGHTARG = bigint, COMMUTATOR = ===, HASHES, MERGES);
CREATE OPERATOR === (FUNCTION = g, LEFTARG = bigint, RIGHTARG = integer, COMMUTATOR = ===);
-- no way back: PostgreSQL has no ALTER that takes HASHES or a commutator away
