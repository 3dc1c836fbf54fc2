--
-- CALL confiture.migrate() with what can't run in a transaction: in a worker,
-- statement by statement.
--
CREATE EXTENSION confiture;
CREATE VIEW states AS SELECT version, state FROM confiture.migrate_status();
CREATE VIEW log AS SELECT version, name, direction, state, statements, rows_affected, sqlstate, message FROM confiture.migration_log ORDER BY id;
CREATE VIEW indexes AS SELECT indexrelid::regclass::text AS index, indisvalid FROM pg_index JOIN pg_class AS c ON c.oid = indrelid
WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1;
CREATE VIEW progress AS SELECT version, direction, statements_done, started FROM confiture.migration_progress;

-- Mixed: transactional ones and CREATE INDEX CONCURRENTLY.
SELECT confiture.register_migration('1', 'one', 'CREATE TABLE t (a int, b int); INSERT INTO t SELECT i, i FROM generate_series(1, 100) AS i');
SELECT confiture.register_migration('2', 'two', E'CREATE INDEX CONCURRENTLY t_a ON t (a);\nCREATE UNIQUE INDEX CONCURRENTLY t_b ON t (b);\nINSERT INTO t VALUES (101, 101);',
    'DROP INDEX CONCURRENTLY t_a; DROP INDEX CONCURRENTLY t_b; DELETE FROM t WHERE a = 101');
SELECT confiture.register_migration('3', 'three', 'VACUUM t');
SELECT confiture.register_migration('4', 'four', 'REINDEX TABLE CONCURRENTLY t; ANALYZE t');
SELECT version, transactional, statements FROM confiture.migrate_plan();
CALL confiture.migrate();
TABLE states;
TABLE indexes;
TABLE log;
TABLE progress;
SELECT confiture.register_migration('3', 'three', 'VACUUM t', 'SELECT 1');
SELECT confiture.register_migration('4', 'four', 'REINDEX TABLE CONCURRENTLY t; ANALYZE t', 'SELECT 1');
CALL confiture.migrate('down', '1');
TABLE states;
TABLE indexes;
SELECT count(*) FROM t;

-- transaction=off: each statement commits; what it SETs lasts till its end, and no longer.
CREATE SCHEMA app;
CREATE TABLE xids (xid bigint, path text, mem text);
SELECT confiture.unregister_migration(v) FROM unnest('{2,3,4}'::text[]) AS v;
SELECT confiture.register_migration('5', 'five', E'-- confiture: transaction=off\nSET search_path = app, public;\nSET work_mem = 100;
INSERT INTO xids VALUES (txid_current(), current_setting(''search_path''), current_setting(''work_mem''));
CREATE TABLE in_app ();
INSERT INTO xids VALUES (txid_current(), current_setting(''search_path''), current_setting(''work_mem''));');
SELECT confiture.register_migration('6', 'six', E'-- confiture: transaction=off
INSERT INTO xids VALUES (txid_current(), current_setting(''search_path''), current_setting(''work_mem''));');
SET work_mem = 200;
CALL confiture.migrate();
SELECT count(DISTINCT xid) AS transactions FROM xids;
SELECT path, mem FROM xids ORDER BY xid;
SELECT schemaname FROM pg_tables WHERE tablename = 'in_app';
RESET work_mem;

-- COPY data, LOCK TABLE, temporary tables, prepared statements, cursors WITH HOLD.
SELECT confiture.register_migration('7', 'seven', E'-- confiture: transaction=off\nCREATE TEMP TABLE tmp (a int);\nCOPY tmp FROM stdin;\n1\n2\n\\.\nLOCK TABLE t;\nPREPARE p AS INSERT INTO tmp VALUES (3);\nEXECUTE p;
CREATE TABLE copied AS SELECT sum(a) FROM tmp;');
CALL confiture.migrate();
TABLE copied;
SELECT version, statements, rows_affected FROM log WHERE version = '7';

-- A failure: what was done stays, and is not done again.
CREATE TABLE ready (a int);
SELECT confiture.register_migration('8', 'eight', E'-- confiture: transaction=off\nSET search_path = app, public;\nINSERT INTO t VALUES (1000);\nSELECT 1 / (SELECT count(*) FROM ready);\nCREATE TABLE resumed ();');
CALL confiture.migrate();
TABLE progress;
SELECT version, state FROM states WHERE version = '8';
SELECT version, state, statements, sqlstate, message FROM log WHERE version = '8';
INSERT INTO ready VALUES (1);
CALL confiture.migrate();
TABLE progress;
SELECT version, state FROM states WHERE version = '8';
SELECT count(*) FROM t WHERE a = 1000;
-- under the settings of the script, although its SET was done by the run before
SELECT schemaname FROM pg_tables WHERE tablename = 'resumed';

-- Its text may not change in between: neither so nor so.
DELETE FROM ready;
SELECT confiture.register_migration('9', 'nine', E'-- confiture: transaction=off\nINSERT INTO t VALUES (2000);\nSELECT 1 / (SELECT count(*) FROM ready);');
CALL confiture.migrate();
SELECT confiture.register_migration('9', 'nine', E'-- confiture: transaction=off\nINSERT INTO t VALUES (3000);');
\set VERBOSITY terse
CALL confiture.migrate();
SELECT confiture.register_migration('9', 'nine', 'INSERT INTO t VALUES (4000)');
CALL confiture.migrate();
SELECT confiture.migrate_up();
\set VERBOSITY default
SELECT a, count(*) FROM t WHERE a >= 2000 GROUP BY a;
SELECT confiture.forget('9');
CALL confiture.migrate();
SELECT a, count(*) FROM t WHERE a >= 2000 GROUP BY a ORDER BY a;

-- A unique index that can't be built leaves nothing; mended, the same migration succeeds.
INSERT INTO t VALUES (5000), (5000);
SELECT confiture.register_migration('a', 'index', 'CREATE UNIQUE INDEX CONCURRENTLY t_uniq ON t (a) WHERE a >= 5000');
CALL confiture.migrate();
TABLE indexes;
SELECT version, state FROM states WHERE version = 'a';
SELECT version, state, sqlstate, message FROM log WHERE version = 'a';
DELETE FROM t WHERE a = 5000;
CALL confiture.migrate();
TABLE indexes;
SELECT version, state FROM states WHERE version = 'a';

DROP INDEX t_uniq;

-- The same without a name, with IF NOT EXISTS, in another schema.
INSERT INTO t VALUES (6000), (6000);
SELECT confiture.register_migration('b', 'nameless', 'CREATE UNIQUE INDEX CONCURRENTLY ON public.t (a) WHERE a = 6000');
CALL confiture.migrate();
TABLE indexes;
SELECT confiture.register_migration('b', 'nameless', 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_ine ON t (a) WHERE a = 6000');
CALL confiture.migrate();
TABLE indexes;
DELETE FROM t WHERE a = 6000;
CALL confiture.migrate();
TABLE indexes;

-- An invalid index of somebody else's attempt does not count as done.
CREATE TABLE u (a int);
INSERT INTO u VALUES (1), (1);
CREATE UNIQUE INDEX CONCURRENTLY u_a ON u (a);
DELETE FROM u;
SELECT confiture.register_migration('c', 'again', 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS u_a ON u (a)');
CALL confiture.migrate();
SELECT * FROM indexes WHERE index = 'u_a';

-- REINDEX that fails leaves nothing.
CREATE TABLE r (a int);
INSERT INTO r VALUES (0);
CREATE FUNCTION invert(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1 / (a + 1)';
CREATE INDEX r_inv ON r (invert(a));
CREATE OR REPLACE FUNCTION invert(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1 / a';
SELECT confiture.register_migration('d', 'reindex', 'REINDEX TABLE CONCURRENTLY r');
\set VERBOSITY terse
CALL confiture.migrate();
\set VERBOSITY default
SELECT * FROM indexes WHERE index LIKE 'r\_%';
SELECT confiture.unregister_migration('d');

-- DETACH PARTITION CONCURRENTLY; of what is not there.
CREATE TABLE p (a int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
SELECT confiture.register_migration('e', 'detach', 'ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY');
CALL confiture.migrate();
SELECT count(*) FROM pg_inherits WHERE inhparent = 'p'::regclass;
SELECT confiture.register_migration('f', 'detach', 'ALTER TABLE p DETACH PARTITION p3 CONCURRENTLY');
CALL confiture.migrate();
CALL confiture.migrate();
SELECT confiture.register_migration('f', 'detach', 'ALTER TABLE p DETACH PARTITION t CONCURRENTLY');
CALL confiture.migrate();
CALL confiture.migrate();
SELECT version, state FROM states WHERE version = 'f';
SELECT confiture.unregister_migration('f');

-- A database; a statement whose record fails after it was done.
CREATE SEQUENCE boom;
CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.statements_done = 1 AND new.started IS NULL AND nextval('public.boom') = 1 THEN
        RAISE 'boom';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER boom BEFORE INSERT OR UPDATE ON confiture.migration_progress FOR EACH ROW EXECUTE FUNCTION boom();
SELECT confiture.register_migration('g', 'twice', 'CREATE INDEX CONCURRENTLY t_once ON t (a)');
\set VERBOSITY terse
CALL confiture.migrate();
\set VERBOSITY default
CALL confiture.migrate();
SELECT * FROM indexes WHERE index = 't_once';
SELECT version, state FROM states WHERE version = 'g';
DROP TRIGGER boom ON confiture.migration_progress;
SELECT confiture.register_migration('h', 'db', 'CREATE DATABASE regress_cf_db', 'DROP DATABASE regress_cf_db');
CALL confiture.migrate();
SELECT count(*) FROM pg_database WHERE datname = 'regress_cf_db';
CALL confiture.migrate('down');
SELECT count(*) FROM pg_database WHERE datname = 'regress_cf_db';
SELECT confiture.unregister_migration('h');

-- A way back that stops half-way: applied still, and the next run goes on.
SELECT confiture.register_migration('i', 'half', 'SELECT 1', E'DROP INDEX CONCURRENTLY t_once;\nDELETE FROM t;\nSELECT 1 / (SELECT count(*) FROM ready)');
SELECT confiture.baseline('i');
DELETE FROM ready;
CALL confiture.migrate('down');
SELECT version, state FROM states WHERE version = 'i';
TABLE progress;
INSERT INTO ready VALUES (1);
CALL confiture.migrate('down');
SELECT version, state FROM states WHERE version = 'i';
TABLE progress;

-- A transaction command, wherever it stands, before anything has run.
SELECT confiture.register_migration('j', 'commit', E'-- confiture: transaction=off\nINSERT INTO t VALUES (7000);\nCOMMIT;');
CALL confiture.migrate();
SELECT count(*) FROM t WHERE a = 7000;

SET client_min_messages = warning;
DROP EXTENSION confiture CASCADE;
DROP SCHEMA app CASCADE;
DROP TABLE t, u, r, p, p1, xids, copied, ready;
DROP FUNCTION invert(int), boom();
DROP SEQUENCE boom;
