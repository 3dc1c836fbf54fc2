-- The DDL log: what is logged, and what is not; who changed what drift tells of.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT no_plan();

CREATE ROLE cf_log_user;
GRANT CREATE ON SCHEMA public TO cf_log_user;
CREATE FOREIGN DATA WRAPPER wrapper;
-- Runs a statement, and tells which objects the log has of it then.
CREATE FUNCTION pg_temp.logged(script text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    last bigint := (SELECT coalesce(max(l.id), 0) FROM confiture.ddl_log AS l);
BEGIN
    EXECUTE script;
    RETURN coalesce((SELECT string_agg(l.command || ': ' || array_to_string(l.objects, ', '), '; ' ORDER BY l.id)
        FROM confiture.ddl_log AS l WHERE l.id > last), '(none)');
END
$$;

-- Off.
SELECT is(current_setting('confiture.log_ddl'), 'off', 'off, unless somebody says so');
SELECT is(context, 'superuser', 'which only a superuser can') FROM pg_settings WHERE name = 'confiture.log_ddl';
SELECT is(pg_temp.logged('CREATE TABLE before_all ()'), '(none)', 'off: nothing is logged');
SET LOCAL confiture.log_ddl = on;

-- Objects, by the names that a snapshot has for them.
SELECT is(pg_temp.logged(script), expected, script) FROM (VALUES
    ('CREATE TABLE a (id int, x text)', 'CREATE TABLE: table public.a'),
    ('ALTER TABLE a ADD COLUMN y int, ADD CONSTRAINT pos CHECK (y > 0), ALTER x SET DEFAULT ''1''',
        'ALTER TABLE: table public.a, column public.a.y, column public.a.x, default public.a.x, constraint public.a.pos'),
    ('ALTER TABLE a RENAME y TO z', 'ALTER TABLE: column public.a.z, column public.a.y'),
    ('ALTER TABLE a RENAME CONSTRAINT pos TO positive', 'ALTER TABLE: constraint public.a.positive, constraint public.a.pos'),
    ('ALTER TABLE a RENAME TO "B b"', 'ALTER TABLE: table public."B b", table public.a'),
    ('CREATE SCHEMA app', 'CREATE SCHEMA: schema app'),
    ('ALTER TABLE "B b" SET SCHEMA app', 'ALTER TABLE: table app."B b", table public."B b"'),
    ('ALTER TABLE app."B b" OWNER TO cf_log_user', 'ALTER TABLE: table app."B b", owner of table app."B b"'),
    ('COMMENT ON COLUMN app."B b".x IS ''x''', 'COMMENT: comment on column app."B b".x, column app."B b".x'),
    ('GRANT SELECT ON app."B b" TO PUBLIC, cf_log_user', 'GRANT: table app."B b", grant on table app."B b" to public, grant on table app."B b" to cf_log_user'),
    ('REVOKE USAGE ON SCHEMA app FROM cf_log_user', 'REVOKE: schema app, grant on schema app to cf_log_user'),
    ('CREATE INDEX i ON app."B b" (x)', 'CREATE INDEX: index app.i'),
    ('CREATE POLICY p ON app."B b"', 'CREATE POLICY: policy app."B b".p'),
    ('ALTER TABLE app."B b" ENABLE ROW LEVEL SECURITY', 'ALTER TABLE: table app."B b"'),
    ('CREATE FUNCTION f(int, text, out int) LANGUAGE sql AS ''SELECT 1''', 'CREATE FUNCTION: function public.f(integer, text)'),
    ('ALTER FUNCTION f RENAME TO g', 'ALTER FUNCTION: function public.g(integer, text), function public.f(integer, text)'),
    ('DROP FUNCTION g(int, text)', 'DROP FUNCTION: function public.g(integer, text)'),
    ('CREATE TYPE mood AS ENUM (''fine'')', 'CREATE TYPE: type public.mood'),
    ('CREATE DOMAIN d AS text', 'CREATE DOMAIN: domain public.d'),
    ('DROP DOMAIN d', 'DROP DOMAIN: domain public.d, type public.d'),
    ('CREATE VIEW v AS SELECT x FROM app."B b"', 'CREATE VIEW: view public.v'),
    ('DROP VIEW v', 'DROP VIEW: view public.v'),
    ('ALTER TABLE app."B b" DROP COLUMN z', 'ALTER TABLE: table app."B b", column app."B b".z, constraint app."B b".positive'),
    ('CREATE STATISTICS st ON id, x FROM app."B b"', 'CREATE STATISTICS: statistics public.st'),
    ('DROP SCHEMA app CASCADE', 'DROP SCHEMA: schema app, table app."B b"'),
    ('CREATE SERVER s FOREIGN DATA WRAPPER wrapper', 'CREATE SERVER: server s'),
    ('DO ''BEGIN CREATE TABLE one (); CREATE TABLE two (); DROP TABLE one; END''', 'CREATE TABLE: table public.one; CREATE TABLE: table public.two; DROP TABLE: table public.one'),
    ('CREATE TABLE IF NOT EXISTS two ()', '(none)'),
    ('CREATE TEMP TABLE t (); ALTER TABLE t ADD x int; DROP TABLE t', '(none)'),
    ('CREATE MATERIALIZED VIEW m AS SELECT 1 AS one', 'CREATE MATERIALIZED VIEW: materialized view public.m'),
    ('REFRESH MATERIALIZED VIEW m', '(none)'),
    ('INSERT INTO before_all DEFAULT VALUES; TRUNCATE before_all', '(none)'),
    ('CREATE EXTENSION citext', 'CREATE EXTENSION: extension citext'),
    ('CREATE EXTENSION confiture_py CASCADE', '(none)')) AS t (script, expected);
SAVEPOINT nothing;
CREATE TABLE taken_back ();
ROLLBACK TO nothing;
SELECT is_empty($$SELECT * FROM confiture.ddl_history('table public.taken_back')$$, 'what is rolled back is not in it');

-- Who, and by which statement.
SET LOCAL confiture.agent = 'ada';
SET LOCAL ROLE cf_log_user;
  /* why */ CREATE TABLE mine (id int) ;
RESET ROLE;
SELECT is(to_jsonb(h) - '{id,at,application_name,client_addr}'::text[], jsonb_build_object('command', 'CREATE TABLE', 'objects', ARRAY['table public.mine'],
        'statement',
        -- since 18 a statement begins behind its comments
        CASE WHEN current_setting('server_version_num')::integer < 180000 THEN '/* why */ ' ELSE '' END || 'CREATE TABLE mine (id int)', 'session_user', session_user, 'current_user', 'cf_log_user', 'agent', 'ada',
        'backend_pid', pg_backend_pid(), 'version', NULL, 'source', NULL), 'a row') FROM confiture.ddl_history('table public.mine') AS h;
SELECT is(application_name, current_setting('application_name'), 'and the application') FROM confiture.ddl_history('table public.mine');
RESET confiture.agent;
SELECT confiture.register_migration('1', 'm', E'CREATE TABLE made (id int);\nDO ''BEGIN ALTER TABLE made ADD x int; END''');
SELECT confiture.register_hook('after_each', 'h', 'sql', 'CREATE TABLE IF NOT EXISTS hooked ()');
SELECT confiture.migrate_up();
SELECT results_eq($$SELECT statement, agent, version, source FROM confiture.ddl_history(NULL, NULL, 3) ORDER BY id$$, $$VALUES
    ('CREATE TABLE made (id int)', NULL::text, '1', 'migration 1 "m" (up)'), ('DO ''BEGIN ALTER TABLE made ADD x int; END''', NULL, '1', 'migration 1 "m" (up)'),
    ('CREATE TABLE IF NOT EXISTS hooked ()', NULL, NULL, 'hook "h" (after_each)')$$, 'of a migration and a hook');
SELECT is_empty($$SELECT * FROM confiture.ddl_history('table public.made', now() + interval '1 hour')$$, 'ddl_history(): since');

-- Secrets.
CREATE SERVER elsewhere FOREIGN DATA WRAPPER wrapper OPTIONS (host 'h', token 'hunter2');
ALTER SERVER elsewhere OPTIONS (SET token 'hunter2');
CREATE USER MAPPING FOR cf_log_user SERVER elsewhere OPTIONS (user 'u', password 'hunter2');
ALTER USER MAPPING FOR cf_log_user SERVER elsewhere OPTIONS (SET password 'hunter2');
CREATE FOREIGN TABLE far (id int) SERVER elsewhere OPTIONS (token 'hunter2');
CREATE SUBSCRIPTION sub CONNECTION 'host=x password=hunter2' PUBLICATION p WITH (connect = false, slot_name = NONE, enabled = false);
ALTER SUBSCRIPTION sub CONNECTION 'host=y password=hunter2';
DO $$ BEGIN CREATE TABLE made_beside (); CREATE ROLE cf_log_secret PASSWORD 'hunter2'; END $$;
SELECT confiture.register_migration('2', 'm', 'CREATE SERVER third FOREIGN DATA WRAPPER wrapper OPTIONS (token ''hunter2'')');
SELECT confiture.migrate_up();
SELECT is_empty('SELECT * FROM confiture.ddl_log AS l WHERE l::text LIKE ''%hunter2%''', 'nothing of a secret is stored');
SELECT is(statement, expected, 'without it: ' || expected) FROM (VALUES
    ('server elsewhere', 'CREATE SERVER elsewhere FOREIGN DATA WRAPPER wrapper OPTIONS (...'),
    ('server elsewhere', 'ALTER SERVER elsewhere OPTIONS (SET ...'),
    ('foreign table public.far', 'CREATE FOREIGN TABLE far (id int) SERVER elsewhere OPTIONS (...'),
    ('subscription sub', 'CREATE SUBSCRIPTION sub CONNECTION ...'), ('subscription sub', 'ALTER SUBSCRIPTION sub CONNECTION ...'),
    ('table public.made_beside', 'DO ... (left out: it may hold a password)'),
    ('server third', 'CREATE SERVER third FOREIGN DATA WRAPPER wrapper OPTIONS (...')) AS t (object, expected)
CROSS JOIN LATERAL (SELECT h.statement FROM confiture.ddl_history(object) AS h WHERE h.statement LIKE split_part(expected, ' ', 1) || '%' LIMIT 1) AS h;
SELECT is(count(*), 2::bigint, 'a user mapping: only that there is one') FROM confiture.ddl_log WHERE statement LIKE '%USER MAPPING FOR cf_log_user SERVER elsewhere OPTIONS (%...';
DO $$ BEGIN EXECUTE 'CREATE TABLE long_one () /*' || repeat('ü', 100000) || '*/'; END $$;
SELECT ok(length(statement) < 200, 'the text is that of the client''s statement') FROM confiture.ddl_history('table public.long_one');

-- What drift says of it.
DELETE FROM confiture.hook;
SELECT confiture.record_schema('from here on');
ALTER TABLE made ADD COLUMN hot int;
CREATE INDEX made_hot ON made (hot);
COMMENT ON TABLE made IS 'hot';
ALTER TABLE made ALTER x SET DEFAULT 1;
GRANT SELECT ON made TO PUBLIC;
DROP TABLE hooked;
SELECT results_eq($$SELECT identity, who ->> 'statement', who ->> 'exact', who ->> 'session_user' FROM confiture.drift() ORDER BY identity COLLATE "C"$$, $$
    SELECT i, s, 'true', session_user::text COLLATE "default" FROM (VALUES ('column public.made.hot', 'ALTER TABLE made ADD COLUMN hot int'), ('comment on table public.made', 'COMMENT ON TABLE made IS ''hot'''),
    ('default public.made.x', 'ALTER TABLE made ALTER x SET DEFAULT 1'), ('grant on table public.made to public', 'GRANT SELECT ON made TO PUBLIC'),
    ('index public.made_hot', 'CREATE INDEX made_hot ON made (hot)'), ('table public.hooked', 'DROP TABLE hooked')) AS t (i, s)$$, 'drift: who has done it, by which statement');
SET LOCAL confiture.log_ddl = off;
ALTER TABLE made ADD COLUMN unseen int;
SELECT is(who ->> 'exact', 'false', 'drift: who was at the table last, where nobody knows more') FROM confiture.drift() WHERE identity = 'column public.made.unseen';

-- Added, never changed.
SELECT is((pg_temp.failure(statement)).code, '42501', statement) FROM unnest(ARRAY['DELETE FROM confiture.ddl_log', 'UPDATE confiture.ddl_log SET agent = ''x''',
    'TRUNCATE confiture.ddl_log']) AS statement;
SELECT is(confiture.ddl_log_prune('1 day'), 0::bigint, 'ddl_log_prune(): nothing is that old');
SELECT is((SELECT count(*) FROM confiture.ddl_log), confiture.ddl_log_prune('0'), 'ddl_log_prune(): all of it');
SELECT is_empty('SELECT * FROM confiture.ddl_log', 'is gone');
SELECT is((pg_temp.failure('SELECT confiture.ddl_log_prune(''-1 day'')')).code, '22023', 'ddl_log_prune(): a negative age');
SELECT is((pg_temp.failure('SELECT confiture.ddl_log_prune(NULL)')).code, '22004', 'ddl_log_prune(): no age');

-- What can't be logged does not happen, and there is a way out.
SAVEPOINT broken;
ALTER TABLE confiture.ddl_log RENAME COLUMN command TO gone;
SET LOCAL confiture.log_ddl = on;
SELECT ok(f.code = '42703' AND f.context LIKE '%log of DDL, as confiture.log_ddl says%', 'a log that is broken: the statement fails, and says why')
FROM pg_temp.failure('CREATE TABLE not_logged ()') AS f;
SET LOCAL confiture.log_ddl = off;
SELECT lives_ok('CREATE TABLE not_logged ()', 'off: the way out');
ROLLBACK TO broken;
SET LOCAL ROLE cf_log_user;
SELECT is((pg_temp.failure('SET confiture.log_ddl = off')).code, '42501', 'an ordinary user can''t switch it');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
