--
-- Who may do what: PUBLIC nothing, and each level of grant_usage() what it says.
--
CREATE EXTENSION confiture;

-- What PUBLIC may do (nothing).
SELECT p.oid::regprocedure AS public_may_execute FROM pg_proc AS p
WHERE p.pronamespace = 'confiture'::regnamespace
    AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee = 0);
SELECT c.oid::regclass AS public_may_use, a.privilege_type FROM pg_class AS c,
    aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) AS a
WHERE c.relnamespace = 'confiture'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'S') AND a.grantee = 0;
SELECT a.privilege_type AS public_may_in_the_schema FROM pg_namespace AS n,
    aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
WHERE n.nspname = 'confiture' AND a.grantee = 0;

CREATE ROLE regress_cf_none;
CREATE ROLE regress_cf_reader;
CREATE ROLE regress_cf_migrator;
CREATE ROLE regress_cf_admin;
CREATE SCHEMA work;
GRANT ALL ON SCHEMA work TO regress_cf_none, regress_cf_reader, regress_cf_migrator, regress_cf_admin;

SELECT confiture.grant_usage('regress_cf_reader', 'reader');
SELECT confiture.grant_usage('regress_cf_migrator', 'migrator');
SELECT confiture.grant_usage('regress_cf_admin', 'admin');
\set SHOW_CONTEXT never
SELECT confiture.grant_usage('regress_cf_none', 'owner');
SELECT confiture.grant_usage('regress_cf_none', NULL);
SELECT confiture.grant_usage('regress_cf_nobody', 'reader');

-- Tries a statement as a role, undoes it, and tells how it went.
CREATE FUNCTION attempt(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE statement;
    RESET ROLE;
    RAISE EXCEPTION 'ok' USING ERRCODE = 'P0OK0';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE WHEN sqlstate = 'P0OK0' THEN 'yes' WHEN sqlstate = '42501' THEN '-' ELSE sqlstate || ' ' || sqlerrm END;
END
$$;
SELECT confiture.register_migration('1', 'one', 'CREATE TABLE work.one (a int)', 'DROP TABLE work.one');
SELECT confiture.register_migration('2', 'two', 'CREATE TABLE work.two (a int)', 'DROP TABLE work.two');
SET client_min_messages = error;

SELECT statement,
    attempt('regress_cf_none', statement) AS "none", attempt('regress_cf_reader', statement) AS reader,
    attempt('regress_cf_migrator', statement) AS migrator, attempt('regress_cf_admin', statement) AS admin
FROM unnest(ARRAY[
    'SELECT confiture.version()',
    'SELECT confiture.statements(''SELECT 1'')',
    'SELECT confiture.checksum(''SELECT 1'')',
    'SELECT confiture.sort_versions(''{1}'')',
    'SELECT confiture.migrate_status()',
    'SELECT confiture.migrate_plan()',
    'SELECT confiture.migrate_analyze()',
    -- fails unless the table could be looked at, and who locks it
    'SELECT 1 / count(*) FROM confiture.analyze(''TABLE confiture.hook'') WHERE error IS NULL',
    'SELECT confiture.history()',
    'SELECT * FROM confiture.transition_list()',
    'SELECT confiture.snapshot()',
    'SELECT confiture.snapshot_hash(''{"format": 1, "facts": {}}'')',
    'SELECT confiture.snapshot_facts(''{"format": 1, "facts": {}}'')',
    'TABLE confiture.tb_confiture',
    'TABLE confiture.migration_log',
    'SELECT confiture.register_migration(''3'', ''three'', ''SELECT 1'')',
    'SELECT confiture.register_migrations(''[{"version": "3", "name": "three", "up": "SELECT 1"}]'')',
    'SELECT confiture.unregister_migration(''2'')',
    'SELECT confiture.register_hook(''before_each'', ''h'', ''sql'', ''SELECT 1'')',
    'SELECT confiture.unregister_hook(''before_each'', ''h'')',
    'SELECT confiture.migrate_up()',
    'SELECT confiture.migrate_up(), confiture.migrate_down()',
    'SELECT confiture.baseline(''1'')',
    'SELECT confiture.baseline(''1''); SELECT confiture.forget(''1'')',
    'SELECT confiture.baseline(''1''); SELECT confiture.set_checksum(''1'')',
    'SELECT confiture._lock()',
    'DELETE FROM confiture.migration_log',
    'UPDATE confiture.migration_log SET performed_by = ''x''',
    'TRUNCATE confiture.tb_confiture',
    'DROP TABLE confiture.tb_confiture'
]) WITH ORDINALITY AS s (statement, ordinal) ORDER BY ordinal;
RESET client_min_messages;

-- PUBLIC gets nothing, not even when it is asked for.
SELECT attempt(current_user, 'SELECT confiture.grant_usage(''public'', ''reader'')') <> 'yes' AS public_is_refused;

-- An admin without the right to grant is told so.
SET client_min_messages = error;
SELECT attempt('regress_cf_admin', 'SELECT confiture.grant_usage(''regress_cf_none'', ''reader'')');
SELECT attempt('regress_cf_migrator', 'SELECT confiture.grant_usage(''regress_cf_none'', ''reader'')');
RESET client_min_messages;

-- Migrations run with the rights of who calls, never with more.
SELECT confiture.register_migration('3', 'three', 'CREATE TABLE confiture.three ()');
SELECT attempt('regress_cf_migrator', 'SELECT confiture.migrate_up()');
SELECT confiture.register_migration('3', 'three', 'CREATE TABLE work.who AS SELECT current_user AS runs_as', 'DROP TABLE work.who');
SET ROLE regress_cf_migrator;
SELECT version, name, direction FROM confiture.migrate_up();
RESET ROLE;
SELECT runs_as FROM work.who;
SELECT tableowner FROM pg_tables WHERE schemaname = 'work' ORDER BY tablename;

-- The same through the worker.
\set SHOW_CONTEXT errors
SELECT confiture.register_migration('4', 'four', E'CREATE INDEX CONCURRENTLY ON work.one (a);\nINSERT INTO work.who SELECT current_user');
SELECT confiture.register_migration('5', 'five', E'-- confiture: transaction=off\nCREATE TABLE confiture.five ()');
SET ROLE regress_cf_migrator;
CALL confiture.migrate('up', '4');
CALL confiture.migrate();
SELECT version, state FROM confiture.migrate_status();
RESET ROLE;
SELECT runs_as FROM work.who;
SELECT direction, version, state, sqlstate FROM confiture.migration_log WHERE version IN ('4', '5') ORDER BY id;

-- A script that becomes another role comes back: the record is the caller's.
SELECT confiture.unregister_migration('5');
CREATE ROLE regress_cf_owner;
GRANT regress_cf_owner TO regress_cf_migrator;
GRANT CREATE, USAGE ON SCHEMA work TO regress_cf_owner;
SELECT confiture.register_migration('6', 'six', 'SET ROLE regress_cf_owner; CREATE TABLE work.six (a int)');
SELECT confiture.register_migration('7', 'seven', E'-- confiture: transaction=off\nSET ROLE regress_cf_owner;\nCREATE TABLE work.seven (a int);\nCREATE INDEX CONCURRENTLY ON work.seven (a)');
SET ROLE regress_cf_migrator;
CALL confiture.migrate();
SELECT current_user;
SELECT version, state FROM confiture.migrate_status() WHERE version IN ('6', '7');
RESET ROLE;
SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'work' AND tablename IN ('six', 'seven') ORDER BY tablename;

SET client_min_messages = warning;
DROP EXTENSION confiture;
DROP SCHEMA work CASCADE;
DROP FUNCTION attempt(name, text);
DROP ROLE regress_cf_none, regress_cf_reader, regress_cf_migrator, regress_cf_admin, regress_cf_owner;
