-- confiture.dry_run() and confiture.migrate_dry_run(): measured, and taken back.
-- Not in one transaction: it would hold the locks that are to be measured.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(64);

CREATE TABLE parent (id integer PRIMARY KEY, n integer);
CREATE TABLE child (id integer PRIMARY KEY, parent_id integer, note text);
INSERT INTO parent SELECT g, g FROM generate_series(1, 2000) AS g;
INSERT INTO child SELECT g, g % 2000 + 1, 'x' FROM generate_series(1, 20000) AS g;
ANALYZE parent, child;
CREATE TABLE few AS SELECT generate_series(1, 10) AS a;
CREATE SEQUENCE counter;
CREATE TABLE measures (id integer, at date) PARTITION BY RANGE (at);
CREATE TABLE measures_2025 PARTITION OF measures FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE measures_rest PARTITION OF measures DEFAULT;

-- The lock on one relation in a row's locks, as "mode/blocks/named".
CREATE FUNCTION pg_temp.lock(locks jsonb, relation text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('/', l ->> 'mode', l ->> 'blocks', l ->> 'named')
    FROM jsonb_array_elements(locks) AS l WHERE l ->> 'relation' = relation
$$;

-- The shape is a contract.
SELECT is(
    (SELECT string_agg(format('%s %s', name, type), ', ' ORDER BY n)
     FROM pg_proc, unnest(proargnames, proallargtypes::regtype[]) WITH ORDINALITY AS a (name, type, n)
     WHERE oid = 'confiture.dry_run(text, jsonb)'::regprocedure AND proargmodes[n] = 'o'),
    'ordinal integer, line integer, statement text, command text, execution_time_ms double precision, '
    'rows_affected bigint, wal_bytes bigint, buffers_read bigint, locks jsonb, rewrites text[], scans text[], '
    'needs_top_level boolean, warnings text[], estimate jsonb, error jsonb, holders jsonb',
    'dry_run() has the columns of the contract');
SELECT is(
    (SELECT string_agg(name, ', ' ORDER BY n)
     FROM pg_proc, unnest(proargnames) WITH ORDINALITY AS a (name, n)
     WHERE oid = 'confiture.migrate_dry_run(text, text, integer, jsonb)'::regprocedure AND proargmodes[n] = 'o'),
    'version, name, ordinal, line, statement, command, execution_time_ms, rows_affected, wal_bytes, buffers_read, '
    'locks, rewrites, scans, needs_top_level, warnings, estimate, error, holders',
    'migrate_dry_run() has version and name in front');

-- Locks, on relations that the statement names and on others.
CREATE TEMP TABLE fk AS SELECT * FROM confiture.dry_run(
    'ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parent (id)');
SELECT is((SELECT count(*) FROM fk), 1::bigint, 'one row for each statement');
SELECT is(pg_temp.lock(locks, 'public.child'), 'ShareRowExclusiveLock/writes/true', 'lock on the table') FROM fk;
SELECT is(pg_temp.lock(locks, 'public.parent'), 'ShareRowExclusiveLock/writes/true', 'lock on the referenced table') FROM fk;
SELECT ok('public.child' = ANY (scans), 'the foreign key is checked by a scan') FROM fk;
SELECT is(rewrites, '{}', 'nothing is rewritten') FROM fk;
SELECT ok(execution_time_ms > 0, 'time is measured') FROM fk;
SELECT ok(wal_bytes > 0, 'WAL is measured') FROM fk;
SELECT is(error, NULL, 'no error') FROM fk;
SELECT is(estimate ->> 'class', 'foreign key validation', 'class of work') FROM fk;
SELECT is((SELECT count(*) FROM pg_constraint WHERE conname = 'fk'), 0::bigint, 'the constraint is gone again');

ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parent (id);
SELECT is(pg_temp.lock(locks, 'public.parent'), 'AccessExclusiveLock/reads and writes/false',
    'dropping a table with a foreign key locks the table that it references, which is not named')
FROM confiture.dry_run('DROP TABLE child');
SELECT has_table('child', 'the table is still there');
SELECT is(pg_temp.lock(locks, 'public.child'), 'AccessExclusiveLock/reads and writes/true',
    'a dropped table is reported under its name')
FROM confiture.dry_run('DROP TABLE child');
SELECT is(pg_temp.lock(locks, 'public.parent'), 'RowShareLock/nothing/false',
    'an insert locks the referenced table')
FROM confiture.dry_run('INSERT INTO child VALUES (-1, 1, NULL)');
SELECT is(pg_temp.lock(locks, 'public.fresh'), 'AccessExclusiveLock/nothing/true',
    'a lock on a new table blocks nobody')
FROM confiture.dry_run('CREATE TABLE fresh (a int)');
SELECT is(pg_temp.lock(locks, 'public.measures_rest'), 'AccessExclusiveLock/reads and writes/false',
    'a new partition locks the default partition')
FROM confiture.dry_run($$CREATE TABLE measures_2026 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')$$);
SELECT ok('public.measures_rest' = ANY (scans), 'and reads it')
FROM confiture.dry_run($$CREATE TABLE measures_2026 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')$$);
SELECT is(locks, '[]', 'a query without tables locks nothing') FROM confiture.dry_run('SELECT 1');

-- Rewrites and scans.
CREATE TEMP TABLE widen AS SELECT * FROM confiture.dry_run('ALTER TABLE child ALTER COLUMN id TYPE bigint');
SELECT is(rewrites, '{public.child}', 'a changed type rewrites the table') FROM widen;
SELECT is(scans, '{public.child}', 'and reads it') FROM widen;
SELECT is(pg_temp.lock(locks, 'public.child'), 'AccessExclusiveLock/reads and writes/true', 'under the strongest lock') FROM widen;
SELECT is(rewrites, '{}', 'a wider varchar does not')
FROM confiture.dry_run('ALTER TABLE child ALTER COLUMN note TYPE varchar');
SELECT is(rewrites, '{}', 'a constant default does not') FROM confiture.dry_run('ALTER TABLE child ADD COLUMN c int DEFAULT 1');
SELECT is(rewrites, '{public.child}', 'a volatile default does')
FROM confiture.dry_run('ALTER TABLE child ADD COLUMN c float DEFAULT random()');
SELECT is(rewrites, '{}', 'TRUNCATE rewrites nothing') FROM confiture.dry_run('TRUNCATE child');
SELECT is(scans, '{public.child}', 'NOT NULL reads the table')
FROM confiture.dry_run('ALTER TABLE child ALTER COLUMN note SET NOT NULL');

SELECT is(scans, '{}', 'and reads nothing') FROM confiture.dry_run('TRUNCATE child');
CREATE SCHEMA app;
CREATE TABLE app.inside (a integer);
SELECT is(pg_temp.lock(locks, 'app.inside'), 'AccessExclusiveLock/reads and writes/false',
    'a table that goes with its schema is reported under its name')
FROM confiture.dry_run('DROP SCHEMA app CASCADE');
DROP SCHEMA app CASCADE;

-- Several statements; each sees what the ones before did; all is taken back.
CREATE TEMP TABLE several AS SELECT * FROM confiture.dry_run($$
CREATE TABLE made (a int);
INSERT INTO made SELECT generate_series(1, 5000);
UPDATE made SET a = a + 1 WHERE a <= 3000;
$$);
SELECT is(array_agg(line ORDER BY ordinal), '{2,3,4}', 'lines') FROM several;
SELECT is(array_agg(rows_affected ORDER BY ordinal), '{0,5000,3000}', 'rows') FROM several;
SELECT is((SELECT statement FROM several WHERE ordinal = 1), 'CREATE TABLE made (a int)', 'the statement''s text');
SELECT hasnt_table('made', 'nothing stays');
SELECT matches((SELECT warnings[1] FROM several WHERE ordinal = 2), '^5000 rows were written and rolled back',
    'what the rollback leaves is said');
SELECT is((SELECT count(*) FROM pg_locks WHERE relation = 'parent'::regclass AND pid = pg_backend_pid()
    AND mode = 'ShareRowExclusiveLock' AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'fk')),
    0::bigint, 'no lock stays');

-- What can't be undone.
SELECT matches(warnings[1], 'sequence public.counter was advanced', 'sequences are named')
FROM confiture.dry_run($$SELECT nextval('counter')$$);
SELECT is((SELECT last_value FROM counter), 1::bigint, 'it was advanced to its first value');

-- A failing statement is a row; those after it do not run.
CREATE TEMP TABLE failing AS SELECT * FROM confiture.dry_run(E'CREATE TABLE made (a int);\nSELECT 1,\n  nope;\nSELECT 2');
SELECT is((SELECT count(*) FROM failing), 3::bigint, 'a failure does not end the report');
SELECT is((SELECT error FROM failing WHERE ordinal = 1), NULL, 'the first one ran');
SELECT is((SELECT error ->> 'sqlstate' FROM failing WHERE ordinal = 2), '42703', 'SQLSTATE');
SELECT is((SELECT error ->> 'message' FROM failing WHERE ordinal = 2), 'column "nope" does not exist', 'message');
SELECT is((SELECT (error ->> 'line', error ->> 'column')::text FROM failing WHERE ordinal = 2), '(3,3)', 'line and column');
SELECT is((SELECT execution_time_ms FROM failing WHERE ordinal = 2), NULL, 'no time for what failed');
SELECT is((SELECT warnings FROM failing WHERE ordinal = 3), '{"not run: statement 2 before it failed"}', 'the rest did not run');
SELECT hasnt_table('made', 'and the first one is taken back');
SELECT throws_ok($$SELECT * FROM confiture.dry_run('SELECT 1; SELEC 2')$$, '42601', NULL, 'a syntax error is an error');
SELECT throws_ok($$SELECT * FROM confiture.dry_run('BEGIN; SELECT 2')$$, 'CF009', NULL, 'transaction commands are refused');

-- Deferred constraints speak before the end.
CREATE TEMP TABLE deferred AS SELECT * FROM confiture.dry_run(
    'CREATE TABLE made (a int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO made VALUES (1), (1)');
SELECT is((SELECT error ->> 'sqlstate' FROM deferred WHERE ordinal = 3), '23505', 'a deferred constraint is checked at the end');

-- What needs the top level.
CREATE TEMP TABLE online AS SELECT * FROM confiture.dry_run('CREATE INDEX CONCURRENTLY ci ON child (note); VACUUM child');
SELECT ok((SELECT needs_top_level FROM online WHERE ordinal = 1), 'CREATE INDEX CONCURRENTLY needs the top level');
SELECT ok((SELECT execution_time_ms > 0 FROM online WHERE ordinal = 1), 'it is measured without CONCURRENTLY');
SELECT is((SELECT pg_temp.lock(locks, 'public.child') FROM online WHERE ordinal = 1),
    'ShareUpdateExclusiveLock/nothing/true', 'with the lock that it really takes');
SELECT is((SELECT execution_time_ms FROM online WHERE ordinal = 2), NULL, 'VACUUM is not run');
SELECT matches((SELECT warnings[1] FROM online WHERE ordinal = 2), '^not run', 'and that is said');

-- Estimates.
SELECT is(estimate ->> 'class', 'metadata', 'a change of catalogs only')
FROM confiture.dry_run('ALTER TABLE child ADD COLUMN c int', '{"public.child": 2000000}');
CREATE TEMP TABLE bigger AS SELECT * FROM confiture.dry_run(
    'ALTER TABLE child ALTER COLUMN id TYPE bigint', '{"public.child": 2000000}');
SELECT is(estimate ->> 'rows_measured', '20000', 'rows measured') FROM bigger;
SELECT is(estimate ->> 'rows_target', '2000000', 'rows asked for') FROM bigger;
SELECT ok((estimate ->> 'low_ms')::float < (estimate ->> 'high_ms')::float
    AND (estimate ->> 'high_ms')::float > execution_time_ms, 'an interval above what was measured') FROM bigger;
SELECT matches(estimate ->> 'basis', 'measured on an empty copy', 'the fixed cost is measured') FROM bigger;
SELECT ok(NOT estimate ? 'low_ms' AND estimate ->> 'basis' ~ 'too few', 'too few rows give no figure')
FROM confiture.dry_run('ALTER TABLE few ALTER COLUMN a TYPE bigint', '{"public.few": 1000000}');
SELECT throws_ok($$SELECT * FROM confiture.dry_run('ALTER TABLE child ADD c int', '{"public.child": "many"}')$$,
    '22023', NULL, 'a size that is no number is refused');

-- Migrations: one after the other, and predictions that are met by the real run.
SELECT confiture.register_migration('1', 'a', 'CREATE TABLE made (a int); INSERT INTO made VALUES (1)', 'DROP TABLE made');
SELECT confiture.register_migration('2', 'b', 'ALTER TABLE made ADD COLUMN b int');
SELECT is((SELECT string_agg(version || command, ' ' ORDER BY version, ordinal) FROM confiture.migrate_dry_run()
    WHERE error IS NULL), '1CREATE TABLE 1INSERT 2ALTER TABLE', 'the second sees what the first did');
SELECT is((SELECT count(*) FROM confiture.migrate_status() WHERE state = 'pending'), 2::bigint, 'nothing is applied');
SELECT count(*) FROM confiture.migrate_up() \g /dev/null
SELECT is((SELECT sum(runs) FROM confiture.estimate_calibration()), 3::numeric,
    'the real run is compared with what the dry run predicted');

SELECT * FROM finish();
DROP TABLE made, few, measures, child, parent;
DROP SEQUENCE counter;
DROP EXTENSION confiture;
DROP EXTENSION pgtap;
