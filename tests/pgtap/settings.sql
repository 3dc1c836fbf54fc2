-- Settings: those of Confiture, and what becomes of the session's own while a
-- migration runs.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(77);

-- What a setting is while a migration runs.
CREATE TABLE public.seen (id int GENERATED ALWAYS AS IDENTITY, value text);
CREATE FUNCTION pg_temp.seen(setting text, before text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    DELETE FROM public.seen;
    DELETE FROM confiture.tb_confiture WHERE version = 's';
    PERFORM confiture.register_migration('s', 's', before || format('INSERT INTO public.seen (value) VALUES (current_setting(%L))', setting));
    PERFORM confiture.migrate_up('s');
    SELECT value INTO result FROM public.seen ORDER BY id;
    RETURN result;
END
$$;

-- The settings and their defaults.
SELECT is(current_setting(name), value, 'default of ' || name) FROM (VALUES
    ('confiture.lock_timeout', '2s'), ('confiture.lock_retries', '10'), ('confiture.out_of_order', 'warn'),
    ('confiture.progress', 'off'), ('confiture.record_schema', 'on'), ('confiture.ignore', ''), ('confiture.log_ddl', 'off')) AS t (name, value);
SELECT is((pg_temp.failure(format('SET %s = %L', name, value))).code, code, format('refused: %s = %s', name, value)) FROM (VALUES
    ('confiture.lock_timeout', '-1', '22023'), ('confiture.lock_timeout', 'soon', '22023'), ('confiture.lock_retries', '-1', '22023'),
    ('confiture.lock_retries', '1001', '22023'), ('confiture.out_of_order', 'maybe', '22023'), ('confiture.progress', 'yes', '22023'),
    ('confiture.record_schema', 'maybe', '22023'), ('confiture.log_ddl', 'maybe', '22023'), ('confiture.ignore', E'x\\', '22023'), ('confiture.ignore', E'x\\ , y', '22023'),
    ('confiture.lock_timeot', '1', '42602')) AS t (name, value, code);
SELECT is((pg_temp.failure(format('SET LOCAL %s = %L', name, value))).code, NULL, format('accepted: %s = %s', name, value)) FROM (VALUES
    ('confiture.lock_timeout', '500ms'), ('confiture.lock_timeout', '2s'), ('confiture.out_of_order', 'allow'), ('confiture.out_of_order', 'refuse'),
    ('confiture.record_schema', 'off'), ('confiture.record_schema', 'on'), ('confiture.ignore', E'table a, x\\\\, y\\_z'), ('confiture.ignore', ''),
    ('confiture.out_of_order', 'warn'), ('confiture.progress', 'migrations'), ('confiture.progress', 'statements'), ('confiture.progress', 'off'))
    AS t (name, value);
SELECT is(count(*), 0::bigint, 'every setting has a description') FROM pg_settings
WHERE name LIKE 'confiture.%' AND coalesce(short_desc, '') = '';

-- search_path: the caller's.
CREATE SCHEMA app;
CREATE SCHEMA "Other; path";
SELECT pg_temp.run('p1', 'CREATE TABLE in_public ()');
SELECT has_table('public'::name, 'in_public'::name, 'search_path: public');
SET LOCAL search_path = app, public;
SELECT pg_temp.run('p2', 'CREATE TABLE in_app (); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS ''SELECT 1''; CREATE TYPE t AS ENUM ()');
SELECT has_table('app'::name, 'in_app'::name, 'search_path: app');
SELECT has_function('app'::name, 'f'::name, 'search_path: functions');
SELECT has_type('app'::name, 't'::name, 'search_path: types');
SET LOCAL search_path = "Other; path", public;
SELECT pg_temp.run('p3', 'CREATE TABLE in_other ()');
SELECT has_table('Other; path'::name, 'in_other'::name, 'search_path: a name that must be quoted');
SELECT is(pg_temp.seen('search_path'), '"Other; path", public', 'search_path: as the caller has it');
SET LOCAL search_path = public;
SELECT pg_temp.run('p4', 'SET search_path = app; CREATE TABLE set_in_script (); SELECT set_config(''search_path'', ''public'', false)');
SELECT has_table('app'::name, 'set_in_script'::name, 'search_path: a script may set its own');
SELECT is(current_setting('search_path'), 'public', 'search_path: which ends with the script');
SELECT confiture.register_migration('p5', 'm', 'SET search_path = app; SELECT 1', 'CREATE TABLE made_by_down ()');
SELECT confiture.register_migration('p6', 'm', 'CREATE TABLE after_set ()', 'SELECT 1');
SELECT confiture.migrate_up('p6');
SELECT has_table('public'::name, 'after_set'::name, 'search_path: the next migration has the caller''s again');
SELECT confiture.migrate_down(2);
SELECT has_table('public'::name, 'made_by_down'::name, 'search_path: on the way back too');
SELECT confiture.unregister_migration(v) FROM unnest('{p5,p6}'::text[]) AS v;
SELECT pg_temp.failure('SELECT pg_temp.run(''p7'', ''SET search_path = app; SELECT 1/0'')');
SELECT is(current_setting('search_path'), 'public', 'search_path: restored after a failure');
SELECT confiture.unregister_migration('p7');

-- Other settings of a script end with it.
SELECT is(pg_temp.seen('work_mem', 'SET work_mem = 100; '), '100kB', 'SET holds within the script');
SELECT is(current_setting('work_mem'), (SELECT reset_val || 'kB' FROM pg_settings WHERE name = 'work_mem')::text, 'SET ends with the script')
WHERE current_setting('work_mem') NOT LIKE '%MB'
UNION ALL SELECT isnt(current_setting('work_mem'), '100kB', 'SET ends with the script') WHERE current_setting('work_mem') LIKE '%MB';
SELECT is(pg_temp.seen('work_mem', 'SET LOCAL work_mem = 100; SELECT 1; '), '100kB', 'SET LOCAL holds within the script');
SELECT isnt(current_setting('work_mem'), '100kB', 'SET LOCAL ends with the script');
SELECT is(pg_temp.seen('my.own', 'SET my.own = ''x''; '), 'x', 'a setting of the script''s own');
SELECT is(coalesce(current_setting('my.own', true), ''), '', 'ends with it too');
SET LOCAL work_mem = 200;
SELECT is(pg_temp.seen('work_mem'), '200kB', 'the session''s settings hold for a script');
SELECT is(pg_temp.seen('work_mem', 'RESET work_mem; ') <> '200kB', true, 'RESET holds within the script');
SELECT is(current_setting('work_mem'), '200kB', 'and ends with it');
CREATE ROLE cf_settings_role;
GRANT ALL ON public.seen TO cf_settings_role;
SELECT is(pg_temp.seen('role', 'SET ROLE cf_settings_role; '), 'cf_settings_role', 'SET ROLE holds within the script');
SELECT is(current_user, session_user, 'and ends with it');
SELECT is(applied_by, session_user::name, 'and who applied it is who called') FROM confiture.tb_confiture WHERE version = 's';

-- lock_timeout: the shorter of the two, 0 leaves the session's alone.
SELECT is(pg_temp.seen('lock_timeout'), '2s', 'lock_timeout: of Confiture when the session has none');
SET LOCAL lock_timeout = '500ms';
SELECT is(pg_temp.seen('lock_timeout'), '500ms', 'lock_timeout: the session''s shorter one');
SET LOCAL lock_timeout = '10s';
SELECT is(pg_temp.seen('lock_timeout'), '2s', 'lock_timeout: not the session''s longer one');
SELECT is(current_setting('lock_timeout'), '10s', 'lock_timeout: the session keeps its own');
SET LOCAL confiture.lock_timeout = 0;
SELECT is(pg_temp.seen('lock_timeout'), '10s', 'lock_timeout: confiture.lock_timeout = 0 leaves it alone');
SET LOCAL confiture.lock_timeout = '1min';
SELECT is(pg_temp.seen('lock_timeout', 'SET lock_timeout = ''7s''; '), '7s', 'lock_timeout: a script may set its own');
RESET lock_timeout;
RESET confiture.lock_timeout;

-- statement_timeout: never switched off, and for each statement of a script.
SET LOCAL statement_timeout = '1h';
SELECT is(pg_temp.seen('statement_timeout'), '1h', 'statement_timeout: the session''s');
SET LOCAL statement_timeout = 0;
SELECT is(f.code, '57014', 'statement_timeout: set in the script, it cancels a statement')
FROM pg_temp.script_failure('SET statement_timeout = ''50ms''; SELECT pg_sleep(20)') AS f;
SELECT matches(f.context, '(?n)^migration 1 "m" \(up\), statement 2 of 2 at line 1, column 33$', 'statement_timeout: and says which')
FROM pg_temp.script_failure('SET statement_timeout = ''50ms''; SELECT pg_sleep(20)') AS f;
SELECT is(f.code, NULL, 'statement_timeout: it counts anew for each statement')
FROM pg_temp.script_failure('SET statement_timeout = ''3s''' || repeat('; SELECT pg_sleep(0.35)', 9)) AS f;
SELECT lives_ok('SELECT pg_sleep(0.1)', 'statement_timeout: not left behind');
DELETE FROM confiture.tb_confiture WHERE version = '1';
SELECT pg_temp.run('timeout', 'SET statement_timeout = ''3s''; SELECT 1');
SELECT lives_ok('SELECT pg_sleep(3.1)', 'statement_timeout: of a script that has ended does not strike later');

-- How strings are read.
SET LOCAL standard_conforming_strings = on;
SELECT is(pg_temp.seen('standard_conforming_strings', 'INSERT INTO public.seen (value) VALUES (''a\b'');'), 'a\b', 'standard_conforming_strings = on');
SET LOCAL standard_conforming_strings = off;
SET LOCAL escape_string_warning = off;
SELECT is(f.code, '0A000', 'standard_conforming_strings = off is refused: scripts are read in one way')
FROM pg_temp.script_failure(E'SELECT ''a\\''\\\\i b''') AS f;
SET LOCAL standard_conforming_strings = on;

-- out_of_order.
DELETE FROM confiture.tb_confiture;
DELETE FROM confiture.migration;
SELECT confiture.register_migration(v, 'm', 'SELECT 1', 'SELECT 1') FROM unnest('{1,3}'::text[]) AS v;
SELECT confiture.migrate_up();
SELECT confiture.register_migration(v, 'm', 'SELECT 1', 'SELECT 1') FROM unnest('{2,4}'::text[]) AS v;
SET LOCAL confiture.out_of_order = refuse;
SELECT is(f.code, 'CF006', 'out_of_order = refuse: CF006') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT ok(f.message LIKE '%2 "m"%' AND f.hint LIKE '%confiture.out_of_order%', 'out_of_order = refuse: which, and what to do')
FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT is(count(*), 2::bigint, 'out_of_order = refuse: the newer one is not applied either') FROM confiture.tb_confiture;
SELECT lives_ok('SELECT confiture.migrate_down()', 'out_of_order = refuse: the way down is free');
SELECT lives_ok('SELECT confiture.migrate_up(''3'')', 'out_of_order = refuse: and what is in order again may go');
SELECT confiture.forget('2');
SET LOCAL confiture.out_of_order = allow;
SELECT results_eq('SELECT version FROM confiture.migrate_up()', $$VALUES ('2'), ('4')$$, 'out_of_order = allow');
SELECT confiture.forget('2');
SET LOCAL confiture.out_of_order = warn;
SELECT results_eq('SELECT version FROM confiture.migrate_up()', $$VALUES ('2')$$, 'out_of_order = warn: applied all the same');
SELECT is(string_agg(version, ' ' ORDER BY position), '1 3 4 2', 'the ledger knows the order in which it was') FROM confiture.tb_confiture;

-- progress does not change what is done.
SET LOCAL confiture.progress = statements;
SELECT confiture.register_migration('6', 'm', 'SELECT 1; SELECT 2');
SELECT results_eq('SELECT version, statements FROM confiture.migrate_up()', $$VALUES ('6', 2)$$, 'progress = statements: the same result');

SELECT * FROM finish();
ROLLBACK;
