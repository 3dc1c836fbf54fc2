--
-- CALL confiture.migrate(): one transaction each.
--
CREATE EXTENSION confiture;
CREATE VIEW states AS SELECT version, state FROM confiture.migrate_status();
CREATE VIEW log AS SELECT version, name, direction, state, statements, rows_affected, sqlstate, message FROM confiture.migration_log ORDER BY id;

-- Nothing to do.
CALL confiture.migrate();
CALL confiture.migrate('down');
TABLE log;

-- Each migration in a transaction of its own.
CREATE TABLE tx (version text, xid bigint DEFAULT txid_current());
SELECT confiture.register_migration('1', 'one', 'INSERT INTO tx VALUES (1); CREATE TABLE one ()', 'DELETE FROM tx WHERE version = ''1''; DROP TABLE one');
SELECT confiture.register_migration('2', 'two', 'INSERT INTO tx VALUES (2), (2)', 'DELETE FROM tx WHERE version = ''2''');
SELECT confiture.register_migration('3', 'three', 'INSERT INTO tx VALUES (3)', 'DELETE FROM tx WHERE version = ''3''');
CALL confiture.migrate();
SELECT count(*), count(DISTINCT xid) AS transactions FROM tx;
TABLE states;
TABLE log;

-- Down: one, as many as asked, to a target.
CALL confiture.migrate('down');
TABLE states;
CALL confiture.migrate('down', steps => 2);
TABLE states;
CALL confiture.migrate('up', '2');
TABLE states;
CALL confiture.migrate('down', '1');
TABLE states;
CALL confiture.migrate('up', NULL, 1);
TABLE states;
CALL confiture.migrate(steps => 0);
CALL confiture.migrate(target => '3');
TABLE states;

-- A failure leaves the earlier ones applied and recorded, and itself no trace but in the log.
SELECT confiture.register_migration('4', 'four', 'CREATE TABLE four ()');
SELECT confiture.register_migration('5', 'five', E'CREATE TABLE five ();\nSELECT 1/0');
SELECT confiture.register_migration('6', 'six', 'CREATE TABLE six ()');
CALL confiture.migrate();
TABLE states;
SELECT to_regclass('four') AS four, to_regclass('five') AS five, to_regclass('six') AS six;
SELECT version, direction, state, sqlstate, message, statement, context FROM confiture.migration_log ORDER BY id DESC LIMIT 2;

-- Mended, the next run goes on.
SELECT confiture.register_migration('5', 'five', E'CREATE TABLE five ();');
CALL confiture.migrate();
TABLE states;

-- A failure at the commit: a deferred constraint.
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
SELECT confiture.register_migration('7', 'seven', 'INSERT INTO child VALUES (1)');
CALL confiture.migrate();
SELECT version, state FROM states WHERE version = '7';
SELECT version, direction, state, sqlstate, message FROM confiture.migration_log ORDER BY id DESC LIMIT 1;
SELECT confiture.migrate_up();
SELECT confiture.register_migration('7', 'seven', 'INSERT INTO child VALUES (1); INSERT INTO parent VALUES (1)');
CALL confiture.migrate();
SELECT version, state FROM states WHERE version = '7';

-- A failure before anything has run is on record as well.
TRUNCATE confiture.migration_log;
SELECT confiture.register_migration('8', 'eight', 'SELECT 1', depends_on => '{nope}');
CALL confiture.migrate();
CALL confiture.migrate(target => 'nope');
CALL confiture.migrate('sideways');
CALL confiture.migrate(steps => -1);
SELECT confiture.unregister_migration('8');
SELECT confiture.register_migrations('[{"version": "1", "name": "one", "up": "SELECT 1"}]', on_modified => 'record');
SELECT confiture.register_migration('8', 'eight', 'SELECT 1');
CALL confiture.migrate();
SELECT confiture.set_checksum('1');
SELECT direction, state, sqlstate FROM confiture.migration_log WHERE sqlstate IN ('CF005', 'CF002') ORDER BY id;

-- Out of order.
SELECT confiture.register_migration('0', 'zero', 'SELECT 1');
SET confiture.out_of_order = refuse;
CALL confiture.migrate();
SET confiture.out_of_order = warn;
CALL confiture.migrate();
SELECT confiture.forget('0');
SET confiture.out_of_order = allow;
CALL confiture.migrate();
RESET confiture.out_of_order;
SELECT confiture.forget('0');
SELECT confiture.migrate_up();
TABLE states;

-- Not inside a transaction block, nor in a function, nor with others in one string.
BEGIN;
CALL confiture.migrate();
ROLLBACK;
CREATE FUNCTION calls() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL confiture.migrate(); END $$;
SELECT calls();
DROP FUNCTION calls();
SELECT 1 AS one\; CALL confiture.migrate();

-- Not read-only.
SET default_transaction_read_only = on;
CALL confiture.migrate();
SELECT count(*) FROM confiture.migrate_status();
RESET default_transaction_read_only;

-- The session is as before: search_path, settings, no lock, no transaction.
SET search_path = "Odd; name", public;
CREATE SCHEMA "Odd; name";
SELECT confiture.register_migration('9', 'nine', 'CREATE TABLE nine (); SET search_path = public; SET work_mem = 100');
SELECT confiture.register_migration('91', 'ninety-one', E'-- confiture: transaction=off\nCREATE TABLE nine_one (); SET work_mem = 100');
CALL confiture.migrate();
SELECT schemaname, tablename FROM pg_tables WHERE tablename LIKE 'nine%' ORDER BY tablename;
SHOW search_path;
SELECT current_setting('work_mem') = '100kB' AS work_mem_was_left_behind;
SELECT count(*) AS locks FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory';
SELECT count(*) AS temporary FROM pg_settings WHERE name LIKE 'confiture.%' AND source = 'session';
RESET search_path;

-- An atomic run that fails is on record although its transaction is gone.
TRUNCATE confiture.migration_log;
SELECT confiture.register_migration('92', 'a', 'CREATE TABLE gone ()');
SELECT confiture.register_migration('93', 'b', 'SELECT ''multi
line, "quoted", back\slash'', 1/0');
BEGIN;
CREATE TABLE also_gone ();
SELECT confiture.migrate_up();
ROLLBACK;
TABLE log;
SELECT statement, context FROM confiture.migration_log;
SELECT to_regclass('gone') AS gone, to_regclass('also_gone') AS also_gone;
BEGIN;
SAVEPOINT s;
SELECT confiture.migrate_up();
ROLLBACK TO s;
SELECT version FROM confiture.migrate_up('92');
COMMIT;
TABLE log;

-- What a script tells reaches the client as it would from psql, and no more.
SELECT confiture.unregister_migration('93');
SELECT confiture.register_migration('94', 'notices', E'DO $$ BEGIN\n  RAISE NOTICE ''one'';\n  RAISE WARNING ''two'' USING DETAIL = ''d'', HINT = ''h'';\nEND $$;\nCREATE TABLE IF NOT EXISTS tx ()');
CALL confiture.migrate();
SELECT confiture.register_migration('95', 'notices', E'-- confiture: transaction=off\nDO $$ BEGIN\n  RAISE NOTICE ''three'';\nEND $$;\nDROP TABLE IF EXISTS nothing');
CALL confiture.migrate();

SET client_min_messages = warning;
DROP EXTENSION confiture CASCADE;
DROP SCHEMA "Odd; name" CASCADE;
DROP TABLE tx, one, four, five, six, child, parent, gone;
