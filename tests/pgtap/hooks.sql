-- Hooks: what runs around migrations, in which order, and what a failure does.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(52);

-- What ran, in order.
CREATE TABLE public.trace (id int GENERATED ALWAYS AS IDENTITY, what text, context jsonb);
CREATE FUNCTION pg_temp.traced() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(what, ' ' ORDER BY id), '') FROM public.trace
$$;
CREATE FUNCTION pg_temp.restart() RETURNS void LANGUAGE sql AS $$
    DELETE FROM public.trace;
    DELETE FROM confiture.hook;
    DELETE FROM confiture.migration;
    DELETE FROM confiture.tb_confiture;
$$;
-- A hook that leaves a trace.
CREATE FUNCTION pg_temp.hook(phase text, name text, run_order integer DEFAULT 100) RETURNS text LANGUAGE sql AS $$
    SELECT confiture.register_hook(phase, name, 'sql', format(
        'INSERT INTO public.trace (what, context) VALUES (%L, current_setting(''confiture.hook_context'')::jsonb)', name), run_order)
$$;
CREATE FUNCTION pg_temp.migration(version text, more text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT confiture.register_migration(version, 'm' || version,
        format('INSERT INTO public.trace (what) VALUES (%L);', version) || more,
        format('INSERT INTO public.trace (what) VALUES (%L)', '-' || version))
$$;

-- The shape is a contract.
SELECT is(pg_get_function_arguments('confiture.register_hook'::regproc),
    'phase text, name text, language text, body text, run_order integer DEFAULT 100, enabled boolean DEFAULT true', 'register_hook(): arguments');
SELECT is(pg_get_function_result('confiture.register_hook'::regproc), 'text', 'register_hook(): result');
SELECT is(pg_get_function_arguments('confiture.unregister_hook'::regproc), 'phase text, name text', 'unregister_hook(): arguments');
SELECT is(pg_get_function_result('confiture.unregister_hook'::regproc), 'boolean', 'unregister_hook(): result');

-- Registering.
SELECT is(pg_temp.hook('before_each', 'a'), 'added', 'a new hook is added');
SELECT is(pg_temp.hook('before_each', 'a'), 'replaced', 'the same again replaces');
SELECT is(pg_temp.hook('after_each', 'a'), 'added', 'a name is unique within its phase');
SELECT is(confiture.unregister_hook('after_each', 'a'), true, 'unregister_hook(): was there');
SELECT is(confiture.unregister_hook('after_each', 'a'), false, 'unregister_hook(): was not');
SELECT is((f).code, expected_code, 'refused: ' || what) FROM (VALUES
    ('22023', 'an unknown phase', $$SELECT confiture.register_hook('before', 'x', 'sql', '')$$),
    ('22023', 'no phase', $$SELECT confiture.register_hook(NULL, 'x', 'sql', '')$$),
    ('22023', 'an unknown language', $$SELECT confiture.register_hook('before_each', 'x', 'perl', '')$$),
    ('42601', 'broken SQL', $$SELECT confiture.register_hook('before_each', 'x', 'sql', 'SELEC 1')$$),
    ('CF009', 'a transaction command', $$SELECT confiture.register_hook('before_each', 'x', 'sql', 'SELECT 1; COMMIT')$$),
    ('CF010', 'a meta-command', $$SELECT confiture.register_hook('before_each', 'x', 'sql', E'SELECT 1;\n\\i x')$$)
) AS t (expected_code, what, statement), LATERAL (SELECT pg_temp.failure(statement) AS f) AS failed;
SELECT isnt((f).code, NULL, 'refused: ' || what) FROM (VALUES
    ('an empty name', $$SELECT confiture.register_hook('before_each', '', 'sql', '')$$),
    ('no name', $$SELECT confiture.register_hook('before_each', NULL, 'sql', '')$$),
    ('no body', $$SELECT confiture.register_hook('before_each', 'x', 'sql', NULL)$$)
) AS t (what, statement), LATERAL (SELECT pg_temp.failure(statement) AS f) AS failed;

-- Order.
SELECT pg_temp.restart();
SELECT pg_temp.hook(phase, phase) FROM unnest('{on_error,after_migrate,after_each,before_each,before_migrate}'::text[]) AS phase;
SELECT pg_temp.migration('1');
SELECT pg_temp.migration('2');
SELECT confiture.migrate_up();
SELECT is(pg_temp.traced(), 'before_migrate before_each 1 after_each before_each 2 after_each after_migrate', 'up: every phase at its place');
SELECT results_eq('SELECT context FROM public.trace WHERE context IS NOT NULL ORDER BY id', $$VALUES
    ('{"phase": "before_migrate", "direction": "up"}'::jsonb),
    ('{"phase": "before_each", "version": "1", "name": "m1", "direction": "up"}'),
    ('{"phase": "after_each", "version": "1", "name": "m1", "direction": "up"}'),
    ('{"phase": "before_each", "version": "2", "name": "m2", "direction": "up"}'),
    ('{"phase": "after_each", "version": "2", "name": "m2", "direction": "up"}'),
    ('{"phase": "after_migrate", "direction": "up"}')$$, 'up: each is told what it runs for');
SELECT is(coalesce(current_setting('confiture.hook_context', true), ''), '', 'and nothing of it is left');
DELETE FROM public.trace;
SELECT confiture.migrate_up();
SELECT is(pg_temp.traced(), '', 'nothing pending: no hook runs');
SELECT confiture.migrate_down(2);
SELECT is(pg_temp.traced(), 'before_migrate before_each -2 after_each before_each -1 after_each after_migrate', 'down: the same phases');
SELECT is(context ->> 'direction', 'down', 'down: each is told') FROM public.trace WHERE context IS NOT NULL LIMIT 1;
SELECT pg_temp.restart();
SELECT pg_temp.hook('before_each', 'z', 1);
SELECT pg_temp.hook('before_each', 'b', 2);
SELECT pg_temp.hook('before_each', 'a', 2);
SELECT pg_temp.hook('before_each', 'c', -5);
SELECT pg_temp.migration('1');
SELECT confiture.migrate_up();
SELECT is(pg_temp.traced(), 'c z a b 1', 'within a phase: by run_order, then by name');
SELECT pg_temp.restart();
SELECT confiture.register_hook('before_each', 'off', 'sql', 'SELECT 1/0', enabled => false);
SELECT pg_temp.hook('before_each', 'on');
SELECT pg_temp.migration('1');
SELECT confiture.migrate_up();
SELECT is(pg_temp.traced(), 'on 1', 'a disabled hook does not run');

-- A before-hook that fails stops what it precedes.
SELECT pg_temp.restart();
SELECT confiture.register_hook('before_each', 'guard', 'sql', E'SELECT 1;\nSELECT 1/0');
SELECT pg_temp.migration('1');
SELECT is(f.code, 'CF011', 'before_each fails: CF011') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT is(f.message, 'hook "guard" (before_each) failed: division by zero', 'before_each fails: the message')
FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT ok(f.detail LIKE '%22012%' AND f.hint <> '', 'before_each fails: the SQLSTATE of the cause, a hint')
FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT matches(f.context, '(?n)^hook "guard" \(before_each\), statement 2 of 2 at line 2, column 1$', 'before_each fails: where in the hook')
FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT is(pg_temp.traced(), '', 'before_each fails: the migration has not run');
SELECT is(count(*), 0::bigint, 'before_each fails: nor is it recorded') FROM confiture.tb_confiture;
SELECT confiture.unregister_hook('before_each', 'guard');
SELECT confiture.register_hook('before_migrate', 'guard', 'sql', 'DO $$ BEGIN RAISE ''not on a Friday'' USING HINT = ''Wait.'', DETAIL = ''Really.'', ERRCODE = ''P0F00''; END $$');
SELECT results_eq('SELECT code, message, hint FROM pg_temp.failure(''SELECT confiture.migrate_up()'')',
    $$VALUES ('CF011', 'hook "guard" (before_migrate) failed: not on a Friday', 'Wait.')$$, 'before_migrate fails: its own hint is kept');
SELECT ok(f.detail LIKE '%P0F00%Really.%', 'before_migrate fails: its own detail too') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;

-- An after-hook that fails is undone; the migration stays.
SELECT pg_temp.restart();
SELECT confiture.register_hook('after_each', 'tell', 'sql', 'INSERT INTO public.trace (what) VALUES (''undone''); SELECT 1/0');
SELECT pg_temp.hook('after_each', 'then');
SELECT confiture.register_hook('after_migrate', 'tell', 'sql', 'SELECT 1/0');
SELECT pg_temp.migration('1');
SELECT pg_temp.migration('2');
SELECT results_eq('SELECT version FROM confiture.migrate_up()', $$VALUES ('1'), ('2')$$, 'after_each fails: all are applied');
SELECT is(pg_temp.traced(), '1 then 2 then', 'after_each fails: what it did is undone, the next hook runs');
SELECT is(string_agg(state, ' '), 'applied applied', 'after_each fails: the ledger has them') FROM confiture.migrate_status();

-- What a hook may do.
SELECT pg_temp.restart();
CREATE SCHEMA app;
SET LOCAL search_path = app, public;
SELECT confiture.register_hook('before_each', 'path', 'sql', 'CREATE TABLE made_by_hook (); SET work_mem = 123; SET search_path = pg_catalog;
    INSERT INTO public.trace (what) VALUES (current_setting(''search_path''))');
SELECT confiture.register_migration('1', 'm', 'INSERT INTO public.trace (what) VALUES (current_setting(''search_path'')), (current_setting(''work_mem'')); CREATE TABLE made_by_migration ()');
SELECT confiture.migrate_up();
SELECT has_table('app'::name, 'made_by_hook'::name, 'a hook runs under the caller''s search_path');
SELECT has_table('app'::name, 'made_by_migration'::name, 'so does the migration after it');
SELECT is(pg_temp.traced(), 'pg_catalog app, public ' || current_setting('work_mem'), 'what a hook SETs ends with it');
SET LOCAL search_path = public;
SELECT pg_temp.restart();
SELECT confiture.register_hook('before_each', 'copy', 'sql', E'COPY public.trace (what) FROM stdin;\ncopied\n\\.\n');
SELECT pg_temp.migration('1');
SELECT confiture.migrate_up();
SELECT is(pg_temp.traced(), 'copied 1', 'a hook may hold COPY data');

-- Several statements, the same hook for several migrations, names of all sorts.
SELECT pg_temp.restart();
SELECT is(confiture.register_hook('before_each', 'it''s "ä"', 'sql', 'SELECT nope'), 'added', 'a name of all sorts');
SELECT pg_temp.migration('1');
SELECT matches(f.message, '^hook "it''s "ä"" \(before_each\) failed: column "nope" does not exist', 'a name of all sorts, when it fails')
FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;

-- Python hooks need the other extension.
SELECT pg_temp.restart();
SELECT lives_ok($$SELECT confiture.register_hook('before_each', 'py', 'python', 'pass')$$, 'a Python hook can be registered');
SELECT pg_temp.migration('1');
SELECT results_eq('SELECT code, detail LIKE ''%0A000%'', hint LIKE ''%confiture_py%'' FROM pg_temp.failure(''SELECT confiture.migrate_up()'')',
    $$VALUES ('CF011', true, true)$$, 'and needs confiture_py to run');

-- A failure of a migration: nothing of it stays, hooks included.
SELECT pg_temp.restart();
SELECT pg_temp.hook('before_each', 'before');
SELECT pg_temp.hook('after_each', 'after');
SELECT pg_temp.migration('1');
SELECT pg_temp.migration('2', 'SELECT 1/0');
SELECT is(f.code, '22012', 'a migration fails: its own error') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT is(pg_temp.traced(), '', 'a migration fails: the hooks are undone with it');
SELECT confiture.migrate_up('1');
SELECT is(pg_temp.traced(), 'before 1 after', 'up to the one before, it works');

-- Dangerous ground.
SELECT pg_temp.restart();
SELECT confiture.register_hook('after_each', 'gone', 'sql', 'DELETE FROM confiture.hook');
SELECT pg_temp.hook('after_each', 'later');
SELECT pg_temp.migration('1');
SELECT pg_temp.migration('2');
SELECT lives_ok('SELECT confiture.migrate_up()', 'a hook that removes hooks');
SELECT is(pg_temp.traced(), '1 later 2', 'counts from the next migration on');
SELECT pg_temp.restart();
SELECT confiture.register_hook('before_each', 'again', 'sql', 'SELECT confiture.register_migration(''3'', ''late'', ''SELECT 1'')');
SELECT pg_temp.migration('1');
SELECT results_eq('SELECT version FROM confiture.migrate_up()', $$VALUES ('1')$$, 'what a hook registers is for the next run');
SELECT is(f.code, NULL, 'which does it') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;

SELECT * FROM finish();
ROLLBACK;
