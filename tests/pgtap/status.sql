-- The state of migrations: migrate_status(), migrate_plan(), dependencies and order.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(56);

-- Versions and their states, as text.
CREATE FUNCTION pg_temp.states() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(version || ':' || state || CASE WHEN out_of_order THEN '!' ELSE '' END, ' '), '')
    FROM confiture.migrate_status()
$$;
-- What a run would do, as text.
CREATE FUNCTION pg_temp.planned(direction text DEFAULT 'up', target text DEFAULT NULL, steps integer DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(version, ' ' ORDER BY ordinal), '')
    FROM confiture.migrate_plan(planned.direction, planned.target, planned.steps)
$$;
-- Empties everything.
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$
    DELETE FROM confiture.migration;
    DELETE FROM confiture.tb_confiture;
    DELETE FROM confiture.migration_progress;
$$;
CREATE FUNCTION pg_temp.add(version text, depends_on text[] DEFAULT '{}', up text DEFAULT 'SELECT 1', down text DEFAULT 'SELECT 2')
RETURNS void LANGUAGE sql AS $$
    SELECT confiture.register_migration(version, 'm' || version, up, down, depends_on => depends_on)
$$;

-- The shape is a contract.
SELECT ok(starts_with(pg_get_function_result('confiture.migrate_status'::regproc),
    'TABLE(version text, name text, state text, applied_at timestamp with time zone, execution_time_ms integer, checksum_ok boolean, depends_on text[], out_of_order boolean, language text, reversible boolean, transactional boolean, applied_by name'),
    'migrate_status(): columns');
SELECT is(pg_get_function_arguments('confiture.migrate_plan'::regproc),
    'direction text DEFAULT ''up''::text, target text DEFAULT NULL::text, steps integer DEFAULT NULL::integer',
    'migrate_plan(): arguments');
SELECT ok(starts_with(pg_get_function_result('confiture.migrate_plan'::regproc),
    'TABLE(ordinal integer, version text, name text, direction text, transactional boolean, out_of_order boolean, statements integer'),
    'migrate_plan(): columns');
SELECT is(pg_temp.states(), '', 'nothing is registered: no rows');
SELECT is(pg_temp.planned(), '', 'and nothing is planned');

-- Order.
SELECT pg_temp.add(v) FROM unnest('{10,9,1,2}'::text[]) AS v;
SELECT is(pg_temp.states(), '1:pending 2:pending 9:pending 10:pending', '10 comes after 9');
SELECT pg_temp.clear();
SELECT pg_temp.add(v) FROM unnest('{20250101,b,9,B,a,0010}'::text[]) AS v;
SELECT is(pg_temp.states(), '9:pending 0010:pending 20250101:pending B:pending a:pending b:pending', 'digits and text together');
SELECT pg_temp.clear();
SELECT pg_temp.add('001', '{003}');
SELECT pg_temp.add('002');
SELECT pg_temp.add('003');
SELECT is(pg_temp.states(), '002:pending 003:pending 001:pending', 'a dependency comes before the order of versions');
SELECT is(pg_temp.planned(), '002 003 001', 'and the plan follows');
SELECT is(pg_temp.planned('up', '003'), '002 003', 'up to a target: what comes before it');
SELECT is(pg_temp.planned('up', '001'), '002 003 001', 'up to a target: its dependencies too');
SELECT confiture.migrate_up('003');
SELECT is(pg_temp.states(), '002:applied 003:applied 001:pending', 'one that had to wait is not out of order');
SELECT confiture.migrate_up();
SELECT is(pg_temp.states(), '002:applied 003:applied 001:applied', 'applied ones are listed in the order in which they ran');
SELECT is(pg_temp.planned('down', steps => 3), '001 003 002', 'and are taken back the other way round');
SELECT pg_temp.clear();
SELECT pg_temp.add('1', up => E'-- confiture: depends_on=2\nSELECT 1');
SELECT pg_temp.add('2', '{3}');
SELECT pg_temp.add('3');
SELECT is(pg_temp.planned(), '3 2 1', 'a chain, one link in a header');

-- Blocked.
SELECT pg_temp.clear();
SELECT pg_temp.add('1', '{7}');
SELECT pg_temp.add('2');
SELECT pg_temp.add('3', '{1}');
SELECT is(pg_temp.states(), '2:pending 1:blocked 3:blocked', 'a dependency is missing: blocked, and what depends on it');
SELECT is(problem, 'depends on 7, which is not registered', 'problem says which') FROM confiture.migrate_status() WHERE version = '1';
SELECT is(f.code, 'CF005', 'a run up to it is refused: CF005') FROM pg_temp.failure($$SELECT confiture.migrate_up('1')$$) AS f;
SELECT matches(f.detail, '7', 'and says what is missing') FROM pg_temp.failure($$SELECT confiture.migrate_up('1')$$) AS f;
SELECT is(pg_temp.states(), '2:pending 1:blocked 3:blocked', 'nothing was applied');
SELECT is(pg_temp.planned('up', '2'), '2', 'a target before it can be reached');
SELECT pg_temp.add('7');
SELECT is(pg_temp.states(), '2:pending 7:pending 1:pending 3:pending', 'what was missing comes: blocked no more');
SELECT pg_temp.clear();
SELECT pg_temp.add('1', '{2}');
SELECT pg_temp.add('2', '{3}');
SELECT pg_temp.add('3', '{1}');
SELECT pg_temp.add('4');
SELECT is(pg_temp.states(), '4:pending 1:blocked 2:blocked 3:blocked', 'a circle is blocked');
SELECT is(f.code, 'CF005', 'and refused') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;

-- Applied, modified, orphaned.
SELECT pg_temp.clear();
SELECT pg_temp.add('1', up => 'CREATE TABLE one ()', down => NULL);
SELECT pg_temp.add('2', up => '-- confiture: transaction=off');
SELECT pg_temp.add('3', up => 'VACUUM');
SELECT pg_temp.add('4', up => 'SELEC 1');
SELECT confiture.register_migration('5', 'm5', 'class M: pass', language => 'python');
SELECT results_eq('SELECT version, transactional, reversible, language FROM confiture.migrate_status()',
    $$VALUES ('1', true, false, 'sql'), ('2', false, true, 'sql'), ('3', false, true, 'sql'), ('4', NULL, true, 'sql'), ('5', true, true, 'python')$$,
    'pending: transactional (unknown when it can''t be parsed), reversible, language');
SELECT confiture.migrate_up('1');
SELECT results_eq('SELECT name, state, checksum_ok, applied_by, out_of_order, problem FROM confiture.migrate_status() WHERE version = ''1''',
    $$VALUES ('m1', 'applied', true, session_user::name, false, NULL::text)$$, 'applied');
SELECT ok(applied_at BETWEEN now() AND clock_timestamp() AND execution_time_ms BETWEEN 0 AND 60000, 'applied: when, and how long it took')
FROM confiture.migrate_status() WHERE version = '1';
SELECT ok(applied_at IS NULL AND execution_time_ms IS NULL AND checksum_ok IS NULL AND applied_by IS NULL, 'pending: none of that')
FROM confiture.migrate_status() WHERE version = '2';
SELECT confiture.register_migrations('[{"version": "1", "name": "m1", "up": "CREATE TABLE uno ()"}]', on_modified => 'record');
SELECT results_eq('SELECT state, checksum_ok FROM confiture.migrate_status() WHERE version = ''1''', $$VALUES ('modified', false)$$, 'modified');
SELECT is(f.code, 'CF002', 'a modified one stops every run up') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT is(f.code, 'CF002', 'and its plan') FROM pg_temp.failure('SELECT confiture.migrate_plan()') AS f;
SELECT confiture.unregister_migration('1');
SELECT results_eq('SELECT name, state, checksum_ok, depends_on, language FROM confiture.migrate_status() WHERE version = ''1''',
    $$VALUES ('m1', 'orphaned', NULL::boolean, '{}'::text[], NULL::text)$$, 'orphaned');
SELECT is(pg_temp.planned('up', '2'), '2', 'an orphan does not stop a run up');
SELECT is(f.code, 'CF007', 'but can''t be taken back') FROM pg_temp.failure('SELECT confiture.migrate_down()') AS f;
SELECT pg_temp.clear();
SELECT pg_temp.add('1', '{0}');
INSERT INTO confiture.tb_confiture (version, name, execution_time_ms, checksum)
SELECT version, name, 0, checksum FROM confiture.migration;
SELECT is(pg_temp.states(), '1:applied', 'what an applied one needed does not matter any more');

-- Out of order.
SELECT pg_temp.clear();
SELECT pg_temp.add('1');
SELECT pg_temp.add('3');
SELECT confiture.migrate_up();
SELECT pg_temp.add('2');
SELECT pg_temp.add('4');
SELECT is(pg_temp.states(), '1:applied 3:applied 2:pending! 4:pending', 'pending although a later one is applied: out of order');
SELECT results_eq('SELECT version, out_of_order FROM confiture.migrate_plan()', $$VALUES ('2', true), ('4', false)$$, 'the plan says so too');
SELECT confiture.unregister_migration('3');
SELECT is(pg_temp.states(), '1:applied 3:orphaned 2:pending! 4:pending', 'an orphan counts as applied');

-- The plan.
SELECT pg_temp.clear();
SELECT pg_temp.add('1', up => 'SELECT 1; SELECT 2');
SELECT pg_temp.add('2', up => 'CREATE TABLE t (); CREATE INDEX CONCURRENTLY ON t ((1)); SELECT 1');
SELECT pg_temp.add('3', up => '');
SELECT pg_temp.add('4', up => '-- confiture: transaction=off');
SELECT results_eq('SELECT ordinal, version, name, direction, transactional, statements FROM confiture.migrate_plan()',
    $$VALUES (1, '1', 'm1', 'up', true, 2), (2, '2', 'm2', 'up', false, 3), (3, '3', 'm3', 'up', true, 0), (4, '4', 'm4', 'up', false, 0)$$,
    'plan up: all columns');
SELECT is(pg_temp.planned('up', steps => 2), '1 2', 'plan up: steps');
SELECT is(pg_temp.planned('up', steps => 0), '', 'plan up: no steps');
SELECT is(pg_temp.planned('up', '3', 2), '1 2', 'plan up: target and steps');
SELECT is(pg_temp.planned('up', '3', 99), '1 2 3', 'plan up: more steps than there are');
SELECT is(pg_temp.planned('down'), '', 'plan down: nothing is applied');
SELECT confiture.baseline('3');
SELECT is(pg_temp.planned('down'), '3', 'plan down: one step when nothing is said');
SELECT is(pg_temp.planned('down', '1'), '3 2', 'plan down: back to a target, which stays');
SELECT is(pg_temp.planned('down', '1', 1), '3', 'plan down: target and steps');
SELECT is(pg_temp.planned('up', '2'), '', 'plan up: a target that is applied already');
SELECT is((f).code, expected_code, 'plan: ' || what) FROM (VALUES
    ('CF008', 'unknown target', $$SELECT confiture.migrate_plan('up', '9')$$),
    ('CF008', 'down to what is not applied', $$SELECT confiture.migrate_plan('down', '4')$$),
    ('22023', 'unknown direction', $$SELECT confiture.migrate_plan('sideways')$$),
    ('22023', 'negative steps', $$SELECT confiture.migrate_plan('up', NULL, -1)$$)
) AS t (expected_code, what, statement), LATERAL (SELECT pg_temp.failure(statement) AS f) AS failed;
SELECT pg_temp.add('5', up => 'BEGIN; SELECT 1');
SELECT is(f.code, 'CF009', 'plan: a transaction command is found before anything runs') FROM pg_temp.failure('SELECT confiture.migrate_plan()') AS f;
SELECT pg_temp.add('5', up => E'-- confiture: transaction=on\nVACUUM');
SELECT is(f.code, 'CF004', 'plan: transaction=on with what can''t run in one') FROM pg_temp.failure('SELECT confiture.migrate_plan()') AS f;

-- Down goes by the order of application; what others depend on must not go first.
SELECT pg_temp.clear();
SELECT pg_temp.add('1');
SELECT pg_temp.add('2', '{1}');
SELECT confiture.baseline('2');
SELECT confiture.forget('1');
SELECT confiture.baseline('1');
SELECT is(f.code, 'CF005', 'plan down: a dependent that stays applied is named') FROM pg_temp.failure($$SELECT confiture.migrate_plan('down')$$) AS f;
SELECT confiture.forget('2');
SELECT is(pg_temp.planned('down'), '1', 'plan down: free once the dependent is gone');

SELECT * FROM finish();
ROLLBACK;
