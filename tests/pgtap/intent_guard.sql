-- Enforcement: DDL against the intents of other agents, and migrations that carry out an intent.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
CREATE EXTENSION confiture_py CASCADE;
\ir lib/failure.psql
-- pgTAP forgets those that a savepoint takes back, and says so at the end.
SELECT plan(136);

-- What agent bob is about to do; returns the intent.
CREATE FUNCTION pg_temp.bob(script text) RETURNS text LANGUAGE sql AS $$
    SELECT confiture.intent_register('bob', 'profiles', schema_changes => script, branch => 'feature/profiles') ->> 'id'
$$;
-- Ends all that was claimed.
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$
    SELECT count(confiture.intent_abandon(i.id)) FROM confiture.intent_list() AS i
$$;
-- Runs a statement as agent ada, takes back what it does, and tells how it went.
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION 'ok' USING ERRCODE = 'P0OK0';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE WHEN sqlstate = 'P0OK0' THEN 'ok' ELSE sqlstate END;
END
$$;
CREATE FUNCTION pg_temp.overrides() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM confiture.intent_event WHERE event = 'override'
$$;

SELECT has_function('confiture'::name, '_guard_start'::name, 'the function of confiture_guard');
SELECT results_eq($$SELECT evtname, evtevent, evtfoid::regproc::text, evtenabled FROM pg_event_trigger WHERE evtname LIKE 'confiture%' ORDER BY 1$$,
    $$VALUES ('confiture_guard'::name, 'ddl_command_start'::name, 'confiture._guard_start', 'O'::"char"),
        ('confiture_guard_drop', 'sql_drop', 'confiture._guard_drop', 'O'),
        ('confiture_log', 'ddl_command_end', 'confiture._log_ddl', 'O')$$, 'the event triggers');
SELECT is(count(*), 3::bigint, 'which belong to the extension') FROM pg_depend AS d
JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'confiture'
WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_event_trigger'::regclass AND d.deptype = 'e';
SELECT is(current_setting('confiture.enforce_intents'), 'off', 'off, unless somebody says so');
SELECT is(context, 'superuser', 'which only a superuser can') FROM pg_settings WHERE name = 'confiture.enforce_intents';

CREATE TABLE users (id int PRIMARY KEY, email text, name text);
CREATE VIEW user_names AS SELECT name FROM users;
CREATE INDEX users_name_idx ON users (name);
CREATE TABLE orders (id int);
CREATE TYPE mood AS ENUM ('fine');
CREATE FUNCTION moods(m mood) RETURNS int LANGUAGE sql AS 'SELECT 1';
SET LOCAL confiture.agent = 'ada';
SELECT pg_temp.bob('ALTER TABLE users DROP COLUMN email') AS mail \gset

-- Off and warn let everything pass.
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN email'), 'ok', 'off: DDL on what is claimed');
SET LOCAL confiture.enforce_intents = warn;
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN email'), 'ok', 'warn: goes on');
SET LOCAL confiture.enforce_intents = error;

-- Error: what collides, and what does not.
SELECT is(pg_temp.attempt(statement), expected, 'error: ' || statement) FROM (VALUES
    ('ALTER TABLE users DROP COLUMN email', 'CF003'),
    ('ALTER TABLE users ALTER COLUMN email TYPE varchar(100)', 'CF003'),
    ('ALTER TABLE public.users RENAME COLUMN email TO mail', 'CF003'),
    ('CREATE INDEX ON users (email)', 'CF003'),
    ('CREATE VIEW emails AS SELECT email FROM users', 'CF003'),
    ('CREATE TABLE mails AS SELECT email FROM users', 'CF003'),
    ('SELECT max(length(u.email)) INTO mails FROM users AS u', 'CF003'),
    ('CREATE MATERIALIZED VIEW mails AS WITH m AS (SELECT email FROM users) SELECT FROM m', 'CF003'),
    ('CREATE TABLE names AS SELECT name, (SELECT max(id) FROM orders) AS id FROM users', 'ok'),
    ('CREATE TABLE mails (user_id int, FOREIGN KEY (user_id) REFERENCES users (email))', 'CF003'),
    ('DROP TABLE users CASCADE', 'CF003'),
    ('ALTER TABLE users RENAME TO people', 'CF003'),
    ('DO ''BEGIN ALTER TABLE users DROP COLUMN email; END''', 'CF003'),
    ('ALTER TABLE users ADD COLUMN age int', 'ok'),
    ('ALTER TABLE users ALTER COLUMN name SET NOT NULL', 'ok'),
    ('CREATE TABLE other (id int)', 'ok'),
    ('CREATE TEMP TABLE users (email text)', 'ok'),
    ('CREATE TEMP VIEW u AS SELECT 1', 'ok'),
    ('CREATE SCHEMA app CREATE TABLE users (email text)', 'ok'),
    ('GRANT SELECT ON users TO PUBLIC', 'ok'),
    ('UPDATE users SET email = name', 'ok'),
    ('TRUNCATE users', 'ok'),
    ('DROP TABLE orders', 'ok')) AS t (statement, expected);
SELECT has_column('users'::name, 'email'::name, 'and nothing of it has happened');
SELECT is(f.code, 'CF003', 'the error: SQLSTATE') FROM pg_temp.failure('ALTER TABLE users DROP COLUMN email') AS f;
SELECT is(f.message, format('column public.users.email is claimed by intent %s of agent "bob"', :'mail'), 'the error: message')
FROM pg_temp.failure('ALTER TABLE users DROP COLUMN email') AS f;
SELECT is(regexp_replace(f.detail, 'until .*', 'until'),
    format('Intent %s of agent "bob", feature "profiles" (branch feature/profiles, registered), drops column public.users.email, until', :'mail'),
    'the error: detail') FROM pg_temp.failure('ALTER TABLE users DROP COLUMN email') AS f;
SELECT ok(f.hint LIKE '%intent_wait(ARRAY[''column:public.users.email''])%' AND f.hint LIKE '%confiture.agent = ''bob''%'
    AND f.hint LIKE '%confiture.override_reason%', 'the error: hint') FROM pg_temp.failure('ALTER TABLE users DROP COLUMN email') AS f;
SELECT lives_ok(format('SELECT confiture.intent_check(''ada'', ''x'', ARRAY[%L])', substring(f.hint FROM 'ARRAY\[''([^'']*)''\]')),
    'the error: the object of the hint can be asked for') FROM pg_temp.failure('ALTER TABLE users DROP COLUMN email') AS f;

-- Names are those of the caller's search_path.
CREATE SCHEMA app;
CREATE TABLE app.users (email text);
SET LOCAL search_path = app, public;
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN email'), 'ok', 'search_path: another table');
SELECT is(pg_temp.attempt('ALTER TABLE public.users DROP COLUMN email'), 'CF003', 'search_path: the schema written out');
SET LOCAL search_path = public;

-- Several conflicts: the worst one first, a line for each.
SELECT pg_temp.bob(format('ALTER TABLE orders DROP COLUMN id; ALTER TABLE orders ADD COLUMN n%s int', i)) FROM generate_series(1, 12) AS i;
SELECT is(array_length(string_to_array(f.detail, E'\n'), 1), 11, 'many conflicts: ten lines and one') FROM pg_temp.failure('DROP TABLE orders') AS f;
SELECT ok(f.detail ~ '\nand \d+ more$', 'many conflicts: how many more') FROM pg_temp.failure('DROP TABLE orders') AS f;
SELECT pg_temp.clear();
SELECT is(pg_temp.attempt('DROP TABLE orders'), 'ok', 'what has ended holds nothing');

-- One's own.
SELECT pg_temp.bob('ALTER TABLE users DROP COLUMN email') AS mail \gset
SET LOCAL confiture.agent = 'bob';
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN email'), 'ok', 'one''s own intent');
SET LOCAL confiture.agent = '';
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN email'), 'CF003', 'without an agent: the role is one');
SELECT confiture.intent_register(session_user, 'mine', ARRAY['column:orders.id']);
SELECT is(pg_temp.attempt('ALTER TABLE orders DROP COLUMN id'), 'ok', 'and has its own intents');
SET LOCAL confiture.agent = 'ada';
SELECT pg_temp.clear();

-- What goes with something else.
SELECT confiture.intent_register('bob', 'views', ARRAY['alter view:user_names']);
SELECT is(pg_temp.attempt('DROP TABLE users CASCADE'), 'CF003', 'CASCADE: a view that is claimed');
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN name CASCADE'), 'CF003', 'CASCADE: of a column');
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN name'), '2BP01', 'without CASCADE: the server''s own error');
SELECT is(f.message ~ '^view public.user_names is claimed', true, 'CASCADE: the error names it')
FROM pg_temp.failure('ALTER TABLE users DROP COLUMN name CASCADE') AS f;
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN email CASCADE'), 'ok', 'CASCADE that does not reach it');
SELECT pg_temp.clear();
SELECT pg_temp.bob('ALTER INDEX users_name_idx SET (fillfactor = 70)');
SELECT is(pg_temp.attempt('DROP VIEW user_names; ALTER TABLE users DROP COLUMN name'), 'CF003', 'an index goes with its column');
SELECT pg_temp.clear();
SELECT pg_temp.bob('CREATE OR REPLACE FUNCTION moods(m mood) RETURNS int LANGUAGE sql AS ''SELECT 2''');
SELECT is(pg_temp.attempt('DROP TYPE mood CASCADE'), 'CF003', 'CASCADE: a function');
SELECT pg_temp.clear();
SELECT pg_temp.bob('ALTER TABLE app.users ADD COLUMN age int');
SELECT is(pg_temp.attempt('DROP SCHEMA app CASCADE'), 'CF003', 'CASCADE: a table of a schema');
SELECT pg_temp.clear();
CREATE TEMP TABLE scratch (m mood);
SELECT is(pg_temp.attempt('DROP TYPE mood CASCADE'), 'ok', 'CASCADE: nothing that is claimed');

-- The override.
SELECT pg_temp.bob('ALTER TABLE users DROP COLUMN email') AS mail \gset
SET LOCAL confiture.override_reason = 'it burns';
SAVEPOINT overridden;
SELECT lives_ok('ALTER TABLE users DROP COLUMN email', 'override: goes on');
SELECT results_eq($$SELECT intent, agent, performed_by, detail ->> 'reason', detail -> 'objects' ? 'public.users.email', detail ? 'command'
    FROM confiture.intent_event WHERE event = 'override'$$,
    format('VALUES (%L, ''ada'', session_user::name, ''it burns'', true, true)', :'mail'), 'override: logged');
ROLLBACK TO overridden;
SELECT lives_ok('CREATE TABLE free (id int)', 'override: where nothing is in the way');
SELECT is(pg_temp.overrides(), 0::bigint, 'override: nothing is logged then');
SET LOCAL confiture.enforce_intents = warn;
SAVEPOINT overridden;
SELECT lives_ok('ALTER TABLE users DROP COLUMN email', 'override: with warn');
SELECT is(pg_temp.overrides(), 1::bigint, 'override: logged too');
ROLLBACK TO overridden;
SET LOCAL confiture.enforce_intents = error;
SELECT confiture.intent_register('bob', 'views', ARRAY['alter view:user_names']);
SAVEPOINT overridden;
SELECT lives_ok('DROP TABLE users CASCADE', 'override: of a table and what CASCADE drops');
SELECT is(count(DISTINCT intent), 2::bigint, 'override: both are logged') FROM confiture.intent_event WHERE event = 'override';
ROLLBACK TO overridden;
SELECT pg_temp.clear();

-- Who may.
CREATE ROLE cf_guard_owner;
CREATE ROLE cf_guard_member;
CREATE ROLE cf_guard_other;
GRANT cf_guard_owner TO cf_guard_member;
GRANT CREATE, USAGE ON SCHEMA public TO cf_guard_owner, cf_guard_member, cf_guard_other;
CREATE TABLE owned (id int PRIMARY KEY);
ALTER TABLE owned OWNER TO cf_guard_owner;
GRANT REFERENCES ON owned TO cf_guard_other;
CREATE VIEW beside AS SELECT id FROM owned;
SELECT pg_temp.bob('ALTER TABLE owned DROP COLUMN id; CREATE TABLE new_one (id int)');
CREATE FUNCTION pg_temp.attempt_as(role name, statement text, OUT code text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    SELECT f.code, f.hint INTO code, hint FROM pg_temp.failure(statement || '; DO ''BEGIN RAISE SQLSTATE ''''P0OK0''''; END''') AS f;
    RESET ROLE;
END
$$;
DO $$BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %s TO PUBLIC', pg_my_temp_schema()::regnamespace); END$$;
SELECT is((f).code, expected, format('override by %s: %s', role, statement)) FROM (VALUES
    ('cf_guard_owner', 'ALTER TABLE owned ADD COLUMN a int, DROP COLUMN id CASCADE', 'P0OK0'),
    ('cf_guard_member', 'ALTER TABLE owned DROP COLUMN id CASCADE', 'P0OK0'),
    ('cf_guard_other', 'ALTER TABLE owned DROP COLUMN id CASCADE', 'CF003'),
    ('cf_guard_other', 'CREATE TABLE r (id int REFERENCES owned (id))', 'CF003'),
    ('cf_guard_owner', 'CREATE TABLE new_one (id int)', 'CF003')) AS t (role, statement, expected),
    LATERAL (SELECT pg_temp.attempt_as(role, statement) AS f) AS failed;
SELECT ok((pg_temp.attempt_as('cf_guard_other', 'CREATE TABLE r (id int REFERENCES owned (id))')).hint LIKE 'Role "cf_guard_other" can''t override it:%owner of the database%',
    'override: the hint says who may');
SET LOCAL confiture.override_reason = '';
SELECT is((pg_temp.attempt_as('cf_guard_owner', 'ALTER TABLE owned DROP COLUMN id CASCADE')).code, 'CF003', 'the owner without a reason');
SELECT ok((pg_temp.attempt_as('cf_guard_owner', 'ALTER TABLE owned DROP COLUMN id CASCADE')).hint LIKE '%SET confiture.override_reason%', 'is told of it');
SELECT is((pg_temp.attempt_as('cf_guard_other', 'CREATE TABLE r (id int REFERENCES owned (id))')).hint LIKE '%override_reason%', false, 'others are not');
SELECT is((pg_temp.attempt_as('cf_guard_other', 'SET confiture.enforce_intents = off')).code, '42501', 'an ordinary role can''t switch it off');
SELECT is((pg_temp.attempt_as('cf_guard_other', 'CREATE TABLE free2 (id int)')).code, 'P0OK0', 'a role without any right on Confiture is checked, and not disturbed');
SELECT is(pg_temp.overrides(), 0::bigint, 'what was taken back is not logged');
SELECT pg_temp.clear();

-- The directive.
SELECT is((f).code, code, format('directive: %s', directive)) FROM (VALUES
    ('intent=int_a1B2', NULL), ('intent=int_', '42601'), ('intent=a', '42601'), ('intent=', '42601'), ('intent=int_a,int_b', '42601'),
    ('intent=int_a; depends_on=1', NULL), ('intents=int_a', '42601')) AS t (directive, code),
    LATERAL (SELECT pg_temp.failure(format('SELECT confiture.register_migration(''d'', ''d'', %L)', E'-- confiture: ' || directive || E'\nSELECT 1')) AS f) AS failed;
SELECT ok((f).hint LIKE '%intent=int_...%', 'directive: the hint shows the form')
FROM pg_temp.failure(E'SELECT confiture.register_migration(''d'', ''d'', E''-- confiture: intent=7\nSELECT 1'')') AS f;
SELECT is(intent, 'int_a', 'directive: stored') FROM confiture.migration WHERE version = 'd';
SELECT is(confiture.register_migration('d', 'd', E'-- confiture: intent=int_a; depends_on=1\nSELECT 1'), 'unchanged', 'directive: the same again');
SELECT is(confiture.register_migration('d', 'd', E'-- confiture: depends_on=1\nSELECT 1'), 'replaced', 'directive: taken away');
SELECT is(intent, NULL, 'directive: gone') FROM confiture.migration WHERE version = 'd';
SELECT is(result, 'added', 'directive: register_migrations()')
FROM confiture.register_migrations(jsonb_build_array(jsonb_build_object('version', 'e', 'name', 'e', 'up', E'-- confiture: intent=int_b\nSELECT 1')));
SELECT is(intent, 'int_b', 'directive: stored by register_migrations()') FROM confiture.migrate_status() WHERE version = 'e';
SELECT is(confiture.register_migration('e', 'e', E'# confiture: intent=int_c\nfrom confiture_py import Migration', language => 'python'), 'replaced', 'directive: in Python');
SELECT is(intent, 'int_c', 'directive: stored') FROM confiture.migration WHERE version = 'e';
DELETE FROM confiture.migration;

-- A migration that carries out an intent, which another agent has registered.
SELECT pg_temp.bob('ALTER TABLE users DROP COLUMN email') AS mail \gset
SET LOCAL confiture.agent = 'ci';
SELECT confiture.register_migration('1', 'no_mail', format(E'-- confiture: intent=%s\nALTER TABLE users DROP COLUMN email', :'mail'), 'ALTER TABLE users ADD COLUMN email text');
SELECT results_eq('SELECT version FROM confiture.migrate_up()', $$VALUES ('1')$$, 'a migration acts for its intent');
SELECT is(status, 'completed', 'and completes it') FROM confiture.intent WHERE id = :'mail';
SELECT results_eq('SELECT version, state, intent FROM confiture.history(1)', format('VALUES (''1'', ''done'', %L)', :'mail'), 'and its log row names it');
SELECT is(confiture.intent_get(:'mail') ->> 'status', 'completed', 'intent_get() says so');
SELECT lives_ok('SELECT confiture.migrate_down()', 'on the way back it acts for it too');
SELECT results_eq('SELECT direction, intent FROM confiture.history(1)', format('VALUES (''down'', %L)', :'mail'), 'and is logged with it');
SELECT is(status, 'completed', 'which changes nothing of it') FROM confiture.intent WHERE id = :'mail';
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN email'), 'CF003', 'after it the session is itself again');
SELECT confiture.register_migration('2', 'unknown', E'-- confiture: intent=int_elsewhere\nCREATE TABLE elsewhere ()');
SELECT lives_ok('SELECT confiture.migrate_up()', 'an intent that is registered elsewhere is no error');
SELECT is(intent, 'int_elsewhere', 'and is logged') FROM confiture.history(1);
SELECT pg_temp.clear();

-- A migration that is in the way of an intent stops before its first statement.
CREATE TABLE trace (what text);
SELECT pg_temp.bob('ALTER TABLE users DROP COLUMN name') AS names \gset
SELECT confiture.register_migration('3', 'names', E'INSERT INTO trace VALUES (''3'');\nALTER TABLE users\n  RENAME COLUMN name TO full_name;');
SELECT is((f).code, 'CF003', 'a migration in the way of an intent: CF003') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT is((f).context, E'migration 3 "names" (up), statement 2 of 2 at line 2, column 1', 'and the line of the statement')
FROM (SELECT (pg_temp.failure('SELECT confiture.migrate_up()')).code, (pg_temp.failure('SELECT confiture.migrate_up()'))) AS x (code, f);
SELECT is(count(*), 0::bigint, 'nothing of it has run') FROM trace;
SELECT confiture.register_migration('3', 'names', E'DO $do$ BEGIN ALTER TABLE users RENAME COLUMN name TO full_name; END $do$');
SELECT is((f).code, 'CF003', 'what a script does not show is found when it runs') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT confiture.register_migration('3', 'names', E'ALTER TABLE users RENAME COLUMN name TO full_name;');
SET LOCAL confiture.override_reason = 'agreed with bob';
SAVEPOINT overridden;
SELECT lives_ok('SELECT confiture.migrate_up()', 'a migration with an override');
SELECT is(pg_temp.overrides(), 1::bigint, 'which is logged once for all of it');
SELECT is(detail ->> 'command', 'migration 3 "names" (up)', 'with the name of the migration') FROM confiture.intent_event WHERE event = 'override';
ROLLBACK TO overridden;
SET LOCAL confiture.override_reason = '';

-- Dry runs.
SELECT is(error ->> 'sqlstate', CASE ordinal WHEN 2 THEN 'CF003' END, format('dry run: statement %s', ordinal))
FROM confiture.dry_run('INSERT INTO trace VALUES (''x''); ALTER TABLE users DROP COLUMN name CASCADE; SELECT 1');
SELECT is(error ->> 'sqlstate', NULL, 'dry run: a script that names the intent')
FROM confiture.dry_run(format(E'-- confiture: intent=%s\nALTER TABLE users DROP COLUMN name CASCADE', :'names'));
SELECT is(error ->> 'sqlstate', 'CF003', 'dry run of a migration') FROM confiture.migrate_dry_run();
SELECT confiture.register_migration('3', 'names', format(E'-- confiture: intent=%s\nALTER TABLE users DROP COLUMN name CASCADE', :'names'));
SELECT is(error ->> 'sqlstate', NULL, 'dry run of a migration that names the intent') FROM confiture.migrate_dry_run();
SELECT is(status, 'registered', 'dry runs complete nothing') FROM confiture.intent WHERE id = :'names';
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN name CASCADE'), 'CF003', 'dry run: the session is itself again');

SELECT is(count(*), 0::bigint, 'dry run: the locks of the check itself are not reported')
FROM confiture.dry_run('ALTER TABLE trace ADD COLUMN more text') AS d, jsonb_array_elements(d.locks) AS l WHERE l ->> 'relation' LIKE 'confiture.%';

-- Python, and hooks.
SELECT confiture.register_hook('before_each', 'h', 'sql', 'ALTER TABLE users ALTER COLUMN name SET NOT NULL');
SELECT confiture.register_hook('after_each', 'c', 'sql', 'INSERT INTO trace SELECT current_setting(''confiture.hook_context'')::jsonb ->> ''intent''');
SELECT confiture.register_migration('3', 'names', format($$# confiture: intent=%s
from confiture_py import Migration

class Names(Migration):
    def up(self):
        self.execute("ALTER TABLE users DROP COLUMN name CASCADE")
$$, :'names'), language => 'python');
SELECT is(error ->> 'sqlstate', NULL, 'dry run of Python') FROM confiture.migrate_dry_run();
SAVEPOINT python;
SELECT lives_ok('SELECT confiture.migrate_up()', 'Python, and its hooks, act for the intent');
SELECT is(status, 'completed', 'and complete it') FROM confiture.intent WHERE id = :'names';
SELECT results_eq('SELECT version, intent FROM confiture.history(1)', format('VALUES (''3'', %L)', :'names'), 'and the log row names it');
SELECT is(what, :'names', 'hooks are told of it') FROM trace;
ROLLBACK TO python;
SELECT confiture.unregister_hook('before_each', 'h');
SELECT confiture.register_migration('3', 'names', replace(up, '# confiture', '# '), language => 'python') FROM confiture.migration WHERE version = '3';
SELECT is((f).code, 'CF003', 'Python without the intent') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT is((f).context, E'migration 3 "names" (up), Python line 6', 'Python: with its line') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN name CASCADE'), 'CF003', 'and the session is itself again');

-- What can't be looked at.
SAVEPOINT blind;
ALTER EXTENSION confiture DROP FUNCTION confiture._guard(text, jsonb, text);
DROP FUNCTION confiture._guard(text, jsonb, text);
SELECT is((f).code, '55000', 'blind: an error') FROM pg_temp.failure('CREATE TABLE blind ()') AS f;
SELECT is(pg_temp.attempt('CREATE TEMP TABLE blind ()'), 'ok', 'blind: not for temporary tables');
SET LOCAL confiture.enforce_intents = warn;
SELECT lives_ok('CREATE TABLE blind ()', 'blind: a warning');
SET LOCAL confiture.enforce_intents = error;
SELECT lives_ok('DROP EXTENSION confiture CASCADE', 'blind: the way out is free');
SELECT lives_ok('CREATE TABLE sees_nothing ()', 'and nothing is left');
ROLLBACK TO blind;
ALTER EXTENSION confiture DROP TABLE confiture.intent_object;
DROP TABLE confiture.intent_object;
SELECT is((f).code, '42P01', 'half dropped: an error') FROM pg_temp.failure('CREATE TABLE blind ()') AS f;
SELECT ok((f).context LIKE '%check against the intents of other agents, as confiture.enforce_intents says%', 'half dropped: it says why') FROM pg_temp.failure('CREATE TABLE blind ()') AS f;
SET LOCAL confiture.enforce_intents = warn;
SELECT lives_ok('CREATE TABLE blind ()', 'half dropped: a warning');
SELECT is(current_setting('search_path'), 'public', 'half dropped: the search_path is the caller''s');
SELECT is(current_user, session_user, 'half dropped: so is the role');
SET LOCAL confiture.enforce_intents = error;
SELECT lives_ok('DROP EXTENSION confiture CASCADE', 'half dropped: the way out is free');
SELECT lives_ok('CREATE EXTENSION confiture', 'and the way back');
SELECT is(pg_temp.attempt('ALTER TABLE users DROP COLUMN name CASCADE'), 'ok', 'with nothing in it');
ROLLBACK TO blind;

SELECT * FROM finish();
ROLLBACK;
