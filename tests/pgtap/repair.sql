-- Repairs of the ledger: baseline(), forget(), set_checksum(), resolve(); and history().
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(67);

CREATE FUNCTION pg_temp.states() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(version || ':' || state, ' '), '') FROM confiture.migrate_status()
$$;
-- The newest log rows.
CREATE FUNCTION pg_temp.logged(rows integer) RETURNS TABLE (version text, direction text, state text, message text)
LANGUAGE sql AS $$
    SELECT h.version, h.direction, h.state, h.message FROM confiture.history(rows) AS h
$$;

-- The shape is a contract.
SELECT is(pg_get_function_identity_arguments(f::regproc), arguments, f || '(): arguments') FROM (VALUES
    ('confiture.baseline', 'version text'),
    ('confiture.forget', 'version text'),
    ('confiture.set_checksum', 'version text'),
    ('confiture.resolve', 'version text, completed boolean'),
    ('confiture.history', 'max_rows integer')) AS t (f, arguments);
SELECT is(pg_get_function_result('confiture.baseline'::regproc), 'TABLE(version text, name text)', 'baseline(): columns');
SELECT is(pg_get_function_result(f::regproc), 'text', f || '(): result')
FROM unnest('{confiture.forget,confiture.set_checksum,confiture.resolve}'::text[]) AS f;
SELECT ok(starts_with(pg_get_function_result('confiture.history'::regproc),
    'TABLE(id bigint, version text, name text, direction text, state text, started_at timestamp with time zone, finished_at timestamp with time zone, execution_time_ms integer, statements integer, rows_affected bigint, wal_bytes bigint, sqlstate text, message text, performed_by name'),
    'history(): columns');

SELECT confiture.register_migration(v, 'm' || v, format('CREATE TABLE m%s ()', v), format('DROP TABLE m%s', v))
FROM unnest('{1,2,3,10}'::text[]) AS v;

-- baseline()
SELECT is((f).code, expected_code, 'baseline: ' || what) FROM (VALUES
    ('CF008', 'an unknown version', $$SELECT confiture.baseline('4')$$),
    ('CF008', 'no version', $$SELECT confiture.baseline(NULL)$$)
) AS t (expected_code, what, statement), LATERAL (SELECT pg_temp.failure(statement) AS f) AS failed;
SELECT results_eq('SELECT * FROM confiture.baseline(''3'')', $$VALUES ('1', 'm1'), ('2', 'm2'), ('3', 'm3')$$, 'baseline: everything up to it');
SELECT is(pg_temp.states(), '1:applied 2:applied 3:applied 10:pending', 'baseline: 3 is before 10');
SELECT hasnt_table('m1'::name, 'baseline: nothing has run');
SELECT results_eq('SELECT version, baseline, execution_time_ms, checksum, applied_by FROM confiture.tb_confiture ORDER BY position',
    $$SELECT version, true, 0, checksum, session_user::name FROM confiture.migration WHERE version < '4' AND version <> '10' ORDER BY version$$,
    'baseline: the ledger knows');
SELECT results_eq('SELECT version, direction, state FROM pg_temp.logged(3)',
    $$VALUES ('3', 'baseline', 'done'), ('2', 'baseline', 'done'), ('1', 'baseline', 'done')$$, 'baseline: a log row for each');
SELECT is_empty('SELECT * FROM confiture.baseline(''3'')', 'baseline: once more, nothing is left');
SELECT is_empty('SELECT * FROM confiture.baseline(''1'')', 'baseline: to an older one, neither');
SELECT results_eq('SELECT version FROM confiture.migrate_up()', $$VALUES ('10')$$, 'baseline: the next run goes on behind it');
SELECT confiture.register_migration('20', 'm20', 'SELECT 1', depends_on => '{99}');
SELECT is(f.code, 'CF005', 'baseline: blocked') FROM pg_temp.failure('SELECT confiture.baseline(''20'')') AS f;
SELECT confiture.register_migration('99', 'm99', 'SELECT 1');
SELECT results_eq('SELECT version FROM confiture.baseline(''20'')', $$VALUES ('99'), ('20')$$, 'baseline: dependencies first');
SELECT confiture.unregister_migration(v) FROM unnest('{20,99}'::text[]) AS v;
SELECT confiture.forget(v) FROM unnest('{20,99}'::text[]) AS v;

-- forget()
SELECT is((f).code, expected_code, 'forget: ' || what) FROM (VALUES
    ('CF008', 'an unknown version', $$SELECT confiture.forget('4')$$),
    ('CF008', 'no version', $$SELECT confiture.forget(NULL)$$)
) AS t (expected_code, what, statement), LATERAL (SELECT pg_temp.failure(statement) AS f) AS failed;
SELECT isnt(confiture.forget('2'), NULL, 'forget: says that it did');
SELECT is(pg_temp.states(), '1:applied 3:applied 10:applied 2:pending', 'forget: pending again');
SELECT results_eq('SELECT version, direction, state FROM pg_temp.logged(1)', $$VALUES ('2', 'forget', 'done')$$, 'forget: a log row');
SELECT is(checksum, confiture.checksum('CREATE TABLE m2 ()'), 'forget: the log keeps the checksum') FROM confiture.migration_log ORDER BY id DESC LIMIT 1;
SELECT is(f.code, 'CF008', 'forget: not twice') FROM pg_temp.failure('SELECT confiture.forget(''2'')') AS f;
SELECT results_eq('SELECT version FROM confiture.migrate_up()', $$VALUES ('2')$$, 'forget: it can run again');
SELECT confiture.unregister_migration('3');
SELECT confiture.forget('3');
SELECT is(pg_temp.states(), '1:applied 10:applied 2:applied', 'forget: an orphan is gone');

-- set_checksum()
SELECT is((f).code, expected_code, 'set_checksum: ' || what) FROM (VALUES
    ('CF008', 'an unknown version', $$SELECT confiture.set_checksum('4')$$),
    ('CF008', 'no version', $$SELECT confiture.set_checksum(NULL)$$)
) AS t (expected_code, what, statement), LATERAL (SELECT pg_temp.failure(statement) AS f) AS failed;
SELECT is(confiture.set_checksum('2'), 'unchanged', 'set_checksum: nothing to accept');
SELECT confiture.register_migrations('[{"version": "2", "name": "new", "up": "-- better\nCREATE TABLE m2 ()"}]', on_modified => 'record');
SELECT is(pg_temp.states(), '1:applied 10:applied 2:modified', 'set_checksum: the text has changed');
SELECT is(confiture.set_checksum('2'), 'changed', 'set_checksum: accepts it');
SELECT is(pg_temp.states(), '1:applied 10:applied 2:applied', 'set_checksum: applied again');
SELECT results_eq('SELECT name, checksum FROM confiture.tb_confiture WHERE version = ''2''',
    $$SELECT 'new', confiture.checksum(E'-- better\nCREATE TABLE m2 ()')$$, 'set_checksum: the ledger has name and checksum');
SELECT ok(version = '2' AND direction = 'set_checksum' AND state = 'done'
    AND position(confiture.checksum('CREATE TABLE m2 ()') IN message) > 0, 'set_checksum: a log row with the old one') FROM pg_temp.logged(1);
SELECT confiture.register_migration('4', 'm4', 'SELECT 1');
SELECT is(f.code, 'CF008', 'set_checksum: not for one that is pending') FROM pg_temp.failure('SELECT confiture.set_checksum(''4'')') AS f;

-- resolve()
SELECT is((f).code, expected_code, 'resolve: ' || what) FROM (VALUES
    ('CF008', 'nothing is in doubt', $$SELECT confiture.resolve('4', true)$$),
    ('CF008', 'no version', $$SELECT confiture.resolve(NULL, true)$$),
    ('22004', 'no decision', $$SELECT confiture.resolve('4', NULL)$$)
) AS t (expected_code, what, statement), LATERAL (SELECT pg_temp.failure(statement) AS f) AS failed;
INSERT INTO confiture.migration_progress (version, direction, checksum, statements_done, started, started_command)
VALUES ('4', 'up', 'x', 2, 3, 'CREATE INDEX');
SELECT isnt(confiture.resolve('4', completed => true), NULL, 'resolve: completed');
SELECT results_eq('SELECT statements_done, started, started_command FROM confiture.migration_progress', $$VALUES (3, NULL::int, NULL::text)$$,
    'resolve: completed counts as done');
SELECT ok(version = '4' AND performed_by = session_user, 'resolve: leaves a log row with who and when')
FROM confiture.history(1);
UPDATE confiture.migration_progress SET started = 4;
SELECT isnt(confiture.resolve('4', completed => false), NULL, 'resolve: not completed');
SELECT results_eq('SELECT statements_done, started FROM confiture.migration_progress', 'VALUES (3, NULL::int)', 'resolve: not completed runs again');
SELECT is(f.code, 'CF008', 'resolve: only once') FROM pg_temp.failure('SELECT confiture.resolve(''4'', false)') AS f;
SELECT lives_ok('SELECT confiture.forget(''4'')', 'forget: how far an unfinished one has come');
SELECT is_empty('SELECT * FROM confiture.migration_progress', 'forget: it starts from its first statement again');
INSERT INTO confiture.migration_progress (version, direction, checksum, statements_done) VALUES ('4', 'up', 'x', 1);
SELECT confiture.baseline('4');
SELECT is_empty('SELECT * FROM confiture.migration_progress', 'baseline: an unfinished one is done');

-- A migration that has run in part is not run from its start by another way.
SELECT confiture.register_migration('5', 'm5', 'SELECT 1');
INSERT INTO confiture.migration_progress (version, direction, checksum, statements_done)
VALUES ('5', 'up', confiture.checksum(E'-- confiture: transaction=off\nSELECT 1; SELECT 2'), 1);
SELECT is(f.code, 'CF012', 'a migration that stopped half-way, and is now another, does not start from its first statement')
FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
DELETE FROM confiture.migration_progress;

-- history()
SELECT confiture.migrate_up();
SELECT is(count(*), 1::bigint, 'history: as many as asked for') FROM confiture.history(1);
SELECT is(count(*), (SELECT count(*) FROM confiture.migration_log), 'history: NULL is all') FROM confiture.history(NULL);
SELECT results_eq('SELECT version, name, direction, state, statements, rows_affected, sqlstate, message, performed_by FROM confiture.history(1)',
    $$VALUES ('5', 'm5', 'up', 'done', 1, 1::bigint, NULL::text, NULL::text, session_user::name)$$, 'history: newest first');
SELECT ok(bool_and(finished_at >= started_at AND finished_at >= now()), 'history: when') FROM confiture.history();
SELECT is(array_agg(id), array_agg(id ORDER BY id DESC), 'history: in order') FROM confiture.history();

-- Who runs them leaves a trace.
SELECT is(count(*), 0::bigint, 'every log row has who, which application, which process') FROM confiture.migration_log
WHERE performed_by IS DISTINCT FROM session_user::name OR application_name IS DISTINCT FROM current_setting('application_name')
    OR backend_pid IS DISTINCT FROM pg_backend_pid();

-- A read-only transaction.
SET TRANSACTION READ ONLY;
SELECT is((pg_temp.failure(statement)).code, '25006', 'read only: ' || statement) FROM unnest(ARRAY[
    'SELECT confiture.migrate_up()', 'SELECT confiture.migrate_down()', 'SELECT confiture.baseline(''1'')',
    'SELECT confiture.forget(''1'')', 'SELECT confiture.set_checksum(''1'')']) AS statement;
SELECT lives_ok(statement, 'read only: ' || statement) FROM unnest(ARRAY[
    'SELECT confiture.migrate_status()', 'SELECT confiture.migrate_plan()', 'SELECT confiture.history()']) AS statement;

SELECT * FROM finish();
ROLLBACK;
