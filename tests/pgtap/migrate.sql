-- Running migrations in the caller's transaction: migrate_up(), migrate_down().
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(78);

-- What is applied, in the order of applying.
CREATE FUNCTION pg_temp.applied() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(version, ' ' ORDER BY position), '') FROM confiture.tb_confiture
$$;
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$
    DELETE FROM confiture.migration;
    DELETE FROM confiture.tb_confiture;
    DELETE FROM confiture.migration_log;
$$;

-- The shape is a contract.
SELECT is(pg_get_function_arguments('confiture.migrate_up'::regproc), 'target text DEFAULT NULL::text', 'migrate_up(): arguments');
SELECT is(pg_get_function_arguments('confiture.migrate_down'::regproc), 'steps integer DEFAULT 1, target text DEFAULT NULL::text',
    'migrate_down(): arguments');
SELECT ok(starts_with(pg_get_function_result(f::regproc),
    'TABLE(version text, name text, direction text, statements integer, rows_affected bigint, execution_time_ms integer, wal_bytes bigint'),
    f || '(): columns') FROM unnest('{confiture.migrate_up,confiture.migrate_down}'::text[]) AS f;
SELECT is(pg_get_function_arguments('confiture.migrate'::regproc),
    'IN direction text DEFAULT ''up''::text, IN target text DEFAULT NULL::text, IN steps integer DEFAULT NULL::integer',
    'migrate(): arguments');
SELECT columns_are('confiture', 'tb_confiture',
    '{version,name,applied_at,execution_time_ms,checksum,applied_by,position,baseline}'::name[], 'tb_confiture: columns');
SELECT col_is_pk('confiture', 'tb_confiture', 'version', 'tb_confiture: a version is applied once');
SELECT is_empty('SELECT * FROM confiture.migrate_up()', 'nothing is registered: nothing to do');
SELECT is_empty('SELECT * FROM confiture.migrate_down()', 'nothing is applied: nothing to take back');
SELECT is(count(*), 0::bigint, 'and nothing in the log') FROM confiture.migration_log;

-- Up.
SELECT confiture.register_migration('001', 'one', E'CREATE TABLE one (a int);\nINSERT INTO one VALUES (1), (2), (3);', 'DROP TABLE one');
SELECT confiture.register_migration('002', 'two', 'UPDATE one SET a = a + 1 WHERE a > 1', 'UPDATE one SET a = a - 1 WHERE a > 2');
SELECT confiture.register_migration('003', 'three', '-- nothing to do');
CREATE TEMP TABLE went AS SELECT * FROM confiture.migrate_up();
SELECT results_eq('SELECT version, name, direction, statements, rows_affected FROM went',
    $$VALUES ('001', 'one', 'up', 2, 3::bigint), ('002', 'two', 'up', 1, 2::bigint), ('003', 'three', 'up', 0, 0::bigint)$$,
    'up: a row for each migration');
SELECT ok(bool_and(execution_time_ms BETWEEN 0 AND 60000), 'up: how long it took') FROM went;
SELECT ok(wal_bytes > 0, 'up: WAL is measured') FROM went WHERE version = '001';
SELECT is(wal_bytes, 0::bigint, 'up: no WAL for nothing') FROM went WHERE version = '003';
SELECT results_eq('SELECT a FROM one ORDER BY a', 'VALUES (1), (3), (4)', 'up: the scripts have run');
SELECT results_eq('SELECT t.version, t.name, t.checksum, t.applied_by, t.baseline, t.applied_at >= now() FROM confiture.tb_confiture AS t ORDER BY position',
    $$SELECT m.version, m.name, confiture.checksum(m.up), session_user::name, false, true FROM confiture.migration AS m ORDER BY version$$,
    'up: the ledger');
SELECT results_eq(
    'SELECT version, name, direction, state, statements, rows_affected, checksum, performed_by, backend_pid FROM confiture.migration_log ORDER BY id',
    $$SELECT w.version, w.name, 'up', 'done', w.statements, w.rows_affected, m.checksum, session_user::name, pg_backend_pid()
      FROM went AS w JOIN confiture.migration AS m USING (version) ORDER BY version$$, 'up: the log');
SELECT is_empty('SELECT * FROM confiture.migrate_up()', 'up again: nothing is pending');
SELECT is(count(*), 3::bigint, 'up again: nothing is logged') FROM confiture.migration_log;
SELECT is_empty('SELECT * FROM confiture.migrate_up(''002'')', 'up to what is applied: nothing');

-- Down.
SELECT is(f.code, 'CF007', 'down: no way back') FROM pg_temp.failure('SELECT confiture.migrate_down()') AS f;
SELECT matches(f.message, '003 "three"', 'down: which has none') FROM pg_temp.failure('SELECT confiture.migrate_down(3)') AS f;
SELECT is(pg_temp.applied(), '001 002 003', 'down: nothing was taken back');
SELECT confiture.register_migration('003', 'three', '-- nothing to do', '-- nothing to undo');
SELECT results_eq('SELECT version, name, direction, statements, rows_affected FROM confiture.migrate_down(2)',
    $$VALUES ('003', 'three', 'down', 0, 0::bigint), ('002', 'two', 'down', 1, 2::bigint)$$, 'down: the last one first');
SELECT results_eq('SELECT a FROM one ORDER BY a', 'VALUES (1), (2), (3)', 'down: the scripts have run');
SELECT is(pg_temp.applied(), '001', 'down: the ledger');
SELECT results_eq('SELECT version, direction, state FROM confiture.migration_log ORDER BY id DESC LIMIT 2',
    $$VALUES ('002', 'down', 'done'), ('003', 'down', 'done')$$, 'down: the log');
SELECT results_eq('SELECT version FROM confiture.migrate_up()', $$VALUES ('002'), ('003')$$, 'up again');
SELECT results_eq('SELECT version FROM confiture.migrate_down(target => ''001'')', $$VALUES ('003'), ('002')$$, 'down to a target, which stays');
SELECT is_empty('SELECT * FROM confiture.migrate_down(0)', 'down: no steps');
SELECT is_empty('SELECT * FROM confiture.migrate_down(target => ''001'')', 'down to where it is');
SELECT is((f).code, expected_code, 'down: ' || what) FROM (VALUES
    ('CF008', 'a target that is unknown', $$SELECT confiture.migrate_down(target => '999')$$),
    ('CF008', 'a target that is not applied', $$SELECT confiture.migrate_down(target => '002')$$),
    ('22023', 'negative steps', $$SELECT confiture.migrate_down(-1)$$),
    ('22004', 'neither steps nor target', $$SELECT confiture.migrate_down(NULL)$$)
) AS t (expected_code, what, statement), LATERAL (SELECT pg_temp.failure(statement) AS f) AS failed;
SELECT results_eq('SELECT version FROM confiture.migrate_down(99)', $$VALUES ('001')$$, 'down: more steps than there are');
SELECT hasnt_table('one', 'down: all gone');
SELECT is(pg_temp.applied(), '', 'down: the ledger is empty');

-- Targets.
SELECT results_eq('SELECT version FROM confiture.migrate_up(''002'')', $$VALUES ('001'), ('002')$$, 'up to a target');
SELECT is(f.code, 'CF008', 'up to an unknown target') FROM pg_temp.failure('SELECT confiture.migrate_up(''4'')') AS f;
SELECT ok(f.message LIKE '%''4''%' AND f.hint <> '', 'up to an unknown target: its name, and a hint')
FROM pg_temp.failure('SELECT confiture.migrate_up(''4'')') AS f;
SELECT is(f.code, 'CF008', 'a version is no prefix') FROM pg_temp.failure('SELECT confiture.migrate_up(''00'')') AS f;

-- All or nothing.
SELECT pg_temp.clear();
SELECT confiture.register_migration('1', 'a', 'CREATE TABLE first ()');
SELECT confiture.register_migration('2', 'b', 'CREATE TABLE second ()');
SELECT confiture.register_migration('3', 'c', 'CREATE TABLE third (); SELECT 1/0');
SELECT is(f.code, '22012', 'the third fails') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT hasnt_table(t, 'and leaves nothing: ' || t) FROM unnest('{first,second,third}'::name[]) AS t;
SELECT is(pg_temp.applied(), '', 'not in the ledger either');
SELECT is(count(*), 0::bigint, 'nothing is logged as done') FROM confiture.migration_log WHERE state = 'done';
SELECT confiture.migrate_up('2');
SELECT is(pg_temp.applied(), '1 2', 'the first two can be applied');
SELECT confiture.register_migration('2', 'b', 'CREATE TABLE second ()', 'DROP TABLE second; SELECT 1/0');
SELECT is(f.code, '22012', 'a way back that fails') FROM pg_temp.failure('SELECT confiture.migrate_down()') AS f;
SELECT has_table('second'::name, 'leaves everything as it was');
SELECT is(pg_temp.applied(), '1 2', 'the ledger too');
SELECT is(f.code, 'CF004', 'one that needs the top level fails first: CF004')
FROM (SELECT confiture.register_migration('3', 'c', E'SELECT 1;\nCREATE INDEX CONCURRENTLY ON first ((1))')) AS r,
    LATERAL pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT ok(f.message LIKE '%migration 3 %' AND f.detail LIKE '%CREATE INDEX%at line 2%' AND f.hint LIKE '%CALL confiture.migrate()%',
    'with its line, and what to do') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT is(f.code, 'CF004', 'transaction=off as well')
FROM (SELECT confiture.register_migration('3', 'c', E'-- confiture: transaction=off\nSELECT 1')) AS r,
    LATERAL pg_temp.failure('SELECT confiture.migrate_up()') AS f;

-- Order of running.
SELECT pg_temp.clear();
CREATE TABLE ran (id int GENERATED ALWAYS AS IDENTITY, version text);
SELECT confiture.register_migration(v, 'm', format('INSERT INTO ran (version) VALUES (%L)', v), 'SELECT 1',
    depends_on => CASE v WHEN '2' THEN ARRAY['9'] ELSE '{}' END) FROM unnest('{10,9,2,1,b,a}'::text[]) AS v;
SELECT confiture.migrate_up();
SELECT is(string_agg(version, ' ' ORDER BY id), '1 9 2 10 a b', 'by dependency, then by version') FROM ran;
SELECT confiture.forget('1');
SELECT confiture.migrate_up();
SELECT results_eq('SELECT version FROM confiture.migrate_down(7)', $$VALUES ('1'), ('b'), ('a'), ('10'), ('2'), ('9')$$,
    'down goes by when it was applied');

-- Scripts of all sorts.
SELECT pg_temp.clear();
SELECT pg_temp.run('1', $script$
    CREATE FUNCTION body(a int) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        -- a ; in here, and a quote '
        RETURN $q$it's; $q$ || a::text;
    END $$;
    CREATE FUNCTION atomic(a int) RETURNS int BEGIN ATOMIC SELECT a; SELECT a + 1; END;
    CREATE TABLE "Größe; von ""allem""" ("ключ" text DEFAULT E'a\'b\\', "列" int[] DEFAULT '{1,2}');
    INSERT INTO "Größe; von ""allem""" ("ключ") VALUES ('x''y;z'), (DEFAULT), (U&'\00e9');
    /* nested /* comment; */ */ SELECT 'multi
line;' "as";
    DO 'BEGIN PERFORM 1; END';
$script$);
SELECT is(body(1), 'it''s; 1', 'dollar quotes within dollar quotes');
SELECT is(atomic(1), 2, 'BEGIN ATOMIC ... END');
SELECT results_eq($$SELECT "ключ", "列" FROM "Größe; von ""allem""" $$,
    $$VALUES ('x''y;z', '{1,2}'::int[]), (E'a''b\\', '{1,2}'), ('é', '{1,2}')$$, 'names and values of all sorts');
SELECT is(statements, 6, 'six statements') FROM confiture.migration_log WHERE version = '1';
SELECT pg_temp.run('2', string_agg(format('CREATE TABLE t%s (a int); INSERT INTO t%1$s VALUES (%1$s);', i), E'\n') || 'SET work_mem = 64;')
FROM generate_series(1, 500) AS i;
SELECT results_eq('SELECT statements, rows_affected FROM confiture.migration_log WHERE version = ''2''', 'VALUES (1001, 500::bigint)', '1001 statements');
SELECT is(count(*), 500::bigint, '500 tables') FROM pg_class WHERE relkind = 'r' AND relname ~ '^t[0-9]+$' AND relnamespace = 'public'::regnamespace;
SELECT pg_temp.run('3', E'\uFEFFCREATE TABLE bom (a text);\r\nINSERT INTO bom\r\nVALUES (''a\r\nb'');\r\n');
SELECT is(a, E'a\r\nb', 'a byte order mark is skipped, CRLF in a literal stays') FROM bom;
SELECT pg_temp.run('4', $$CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE moody (m mood DEFAULT 'ok'); INSERT INTO moody DEFAULT VALUES;
    CREATE VIEW v AS SELECT m FROM moody; ALTER TABLE moody ADD COLUMN n int; INSERT INTO moody (n) SELECT 1 RETURNING *;
    PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE p; DECLARE c CURSOR FOR SELECT 1; FETCH c; CLOSE c; LOCK TABLE moody$$);
SELECT is(statements, 13, 'each sees what the ones before did; prepared statements, cursors, LOCK') FROM confiture.migration_log WHERE version = '4';
SELECT pg_temp.run('5', $$CREATE TABLE kept AS SELECT 1 AS a; CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO child VALUES (1); INSERT INTO parent VALUES (1);$$);
SELECT is(count(*), 1::bigint, 'a deferred constraint that holds in the end') FROM child;
SELECT pg_temp.run('6', 'CREATE TABLE tree (id int); WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 5)
    INSERT INTO tree SELECT i FROM r; DELETE FROM tree WHERE id > 3; MERGE INTO tree USING (VALUES (1), (9)) AS v (i) ON id = i
    WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (i); TRUNCATE kept; CREATE RULE r AS ON DELETE TO kept DO INSTEAD NOTHING; DELETE FROM kept;');
SELECT is(rows_affected, 9::bigint, 'rows of INSERT, DELETE, MERGE: 5 + 2 + 2') FROM confiture.migration_log WHERE version = '6';

-- Called in other ways.
SELECT pg_temp.clear();
SELECT confiture.register_migration('1', 'a', 'CREATE TABLE called_a ()', 'DROP TABLE called_a');
SELECT confiture.register_migration('2', 'b', 'CREATE TABLE called_b ()', 'DROP TABLE called_b');
SELECT is((SELECT count(*) FROM (SELECT confiture.migrate_up()) AS u), 2::bigint, 'in the select list');
DO $$ BEGIN PERFORM * FROM confiture.migrate_down(1); END $$;
SELECT is(pg_temp.applied(), '1', 'in PL/pgSQL');
SAVEPOINT s;
SELECT confiture.migrate_up();
ROLLBACK TO s;
SELECT is(pg_temp.applied(), '1', 'rolled back by the caller: not applied');
SELECT hasnt_table('called_b', 'nor there');
PREPARE run AS SELECT version FROM confiture.migrate_up($1);
SELECT results_eq('EXECUTE run(''2'')', $$VALUES ('2')$$, 'as a prepared statement');
SELECT is(f.code, '25001', 'CALL migrate() in a transaction block: 25001') FROM pg_temp.failure('CALL confiture.migrate()') AS f;
SELECT ok(f.hint LIKE '%migrate_up()%', 'CALL migrate() in a transaction block: what to do') FROM pg_temp.failure('CALL confiture.migrate()') AS f;

-- A migration that runs migrations.
SELECT confiture.register_migration('3', 'c', 'SELECT confiture.migrate_up()');
SELECT ok(f.code IS NOT NULL AND f.code <> '54001', 'a migration that runs migrations is refused, not run till the stack is full')
FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT confiture.register_migration('3', 'c', 'SELECT 1');
SELECT confiture.register_hook('before_each', 'h', 'sql', 'SELECT confiture.migrate_up()');
SELECT ok(f.code = 'CF011' AND f.detail NOT LIKE '%54001%', 'a hook that does, too') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT confiture.unregister_hook('before_each', 'h');

-- Event triggers fire.
CREATE TABLE seen_by_trigger (tag text);
CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen_by_trigger VALUES (tg_tag); END $$;
CREATE EVENT TRIGGER cf_test_see ON ddl_command_end EXECUTE FUNCTION see();
SELECT confiture.register_migration('3', 'c', 'CREATE TABLE watched (a int); ALTER TABLE watched ADD COLUMN b int; CREATE INDEX ON watched (b)');
SELECT confiture.migrate_up();
DROP EVENT TRIGGER cf_test_see;
SELECT is(string_agg(tag, ', ' ORDER BY tag), 'ALTER TABLE, CREATE INDEX, CREATE TABLE', 'event triggers see what migrations do') FROM seen_by_trigger;

-- Python without the extension for it.
SELECT confiture.register_migration('4', 'd', 'class D: pass', language => 'python');
SELECT results_eq('SELECT code, hint LIKE ''%CREATE EXTENSION confiture_py%'' FROM pg_temp.failure(''SELECT confiture.migrate_up()'')',
    $$VALUES ('0A000', true)$$, 'Python needs confiture_py');

SELECT * FROM finish();
ROLLBACK;
