-- The calls that turn names and SQL into claims: register, check, wait.
--
-- Waiting is for what other sessions commit, so nothing here is in one
-- transaction; another session is a connection of dblink.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS dblink;
CREATE EXTENSION IF NOT EXISTS confiture;

SELECT plan(39);

CREATE TABLE users (id integer, email text);
CREATE FUNCTION pg_temp.id_of(who text) RETURNS text LANGUAGE sql AS $$
    SELECT id FROM confiture.intent_list() WHERE agent = who
$$;

-- Arguments -----------------------------------------------------------------

SELECT throws_ok($$ SELECT confiture.intent_register('a', NULL, '{users}') $$, '22023', 'feature is empty',
    'register wants a feature');
SELECT throws_ok($$ SELECT confiture.intent_register('a', ' ', '{users}') $$, '22023', 'feature is empty',
    'that is not blank');
SELECT throws_ok($$ SELECT confiture.intent_register('', 'f', '{users}') $$, '22023', NULL,
    'an agent that is empty is none');
SELECT throws_ok($$ SELECT confiture.intent_register('a', 'f') $$, '22023', 'there is nothing to claim',
    'register without objects');
SELECT throws_ok($$ SELECT confiture.intent_register('a', 'f', '{}', '{}', '') $$, '22023',
    'there is nothing to claim', 'with empty ones');
SELECT throws_ok($$ SELECT confiture.intent_check('a', 'f', '{}', NULL, ' -- a comment') $$, '22023',
    'there is nothing to claim', 'check as well');
SELECT throws_ok($$ SELECT confiture.intent_register('a', 'f', schema_changes => 'SELECT 1') $$, '22023',
    'there is nothing to claim', 'a script that touches nothing');
SELECT throws_ok($$ SELECT confiture.intent_register('a', 'f', '{pg_catalog.pg_class}') $$, '22023',
    'there is nothing to claim', 'or nothing of one''s own');
SELECT throws_ok($$ SELECT confiture.intent_check('a', 'f', '{users,NULL}') $$, '22004',
    'element 2 of objects is null', 'a null among the objects');
SELECT throws_ok($$ SELECT confiture.intent_register('a', 'f', schema_changes => 'ALTER TABLE users ADD') $$,
    '42601', 'syntax error at end of input', 'SQL that does not parse');
CREATE FUNCTION pg_temp.context_of(script text, OUT context text)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM confiture.intent_check(schema_changes => script);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
END
$$;
SELECT matches(pg_temp.context_of(E'SELECT 1;\n  DROP TABEL users'),
    '^schema_changes, statement 2 of 2 at line 2, column 8', 'and where it does not');
SELECT is((SELECT count(*) FROM confiture.intent_list()), 0::bigint, 'none of them has left anything');

SELECT is(confiture.intent_register('a', 'f', schema_changes => 'DO ''BEGIN END''') -> 'unseen',
    '[{"ordinal": 1, "line": 1, "what": "DO block"}]', 'what can''t be seen is registered as that');
SELECT lives_ok($$ SELECT confiture.intent_abandon(pg_temp.id_of('a'), 'a test') $$, 'and abandoned');

BEGIN;
SELECT confiture.intent_check(objects => '{users, users.email}', schema_changes =>
    'ALTER TABLE users ADD a integer; CREATE INDEX ON users (id); DROP TABLE users') \g /dev/null
SELECT is((SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND pid = pg_backend_pid()), 0::bigint,
    'what is named is not locked');
COMMIT;

-- Who -----------------------------------------------------------------------

SELECT is(confiture.intent_check(objects => '{users}') ->> 'agent', session_user::text,
    'the agent is the role of the session');
SET confiture.agent = 'robot';
SELECT is(confiture.intent_check(objects => '{users}') ->> 'agent', 'robot', 'or the setting');
SELECT is(confiture.intent_check('somebody', objects => '{users}') ->> 'agent', 'somebody', 'or the argument');
SELECT is(confiture.intent_register(NULL, 'f', '{users}') ->> 'agent', 'robot', 'to register as well');
SELECT is(confiture.intent_check(objects => '{users}') -> 'free', 'true', 'whose own intents do not count');
SELECT is(confiture.intent_check('other', objects => '{users}') -> 'free', 'false', 'those of others do');
RESET confiture.agent;
SELECT is(confiture.intent_abandon(pg_temp.id_of('robot'), 'a test') ->> 'status', 'abandoned', 'an end');

-- The other one comes and goes
DO $$
BEGIN
    PERFORM dblink_connect('other', format('host=%s port=%s dbname=%s user=%s', split_part(current_setting('unix_socket_directories'), ',', 1),
        current_setting('port'), current_database(), current_user));
END
$$;
CREATE FUNCTION pg_temp.other_does(what text) RETURNS text LANGUAGE sql AS $$
    SELECT answer FROM dblink('other', what) AS t (answer text)
$$;
SELECT is(pg_temp.other_does($$ SELECT confiture.intent_register('other', 'f', '{users.email}') ->> 'status' $$), 'registered',
    'another session registers');

-- Waiting -------------------------------------------------------------------

SELECT ok(NOT confiture.intent_wait('{users.email}', '0'), 'no time at all is one look');
SELECT ok(NOT confiture.intent_wait('{users.email}', '0.3 s'), 'the time is up');
SELECT ok(confiture.intent_wait('{users.id}', '0'), 'what is free is free at once');
SELECT ok(confiture.intent_wait('{users.email}', '0', 'other'), 'one''s own intents do not stand in the way');
SELECT throws_ok($$ SELECT confiture.intent_wait('{users}', NULL) $$, '22023', 'timeout is null', 'no timeout');
SELECT throws_ok($$ SELECT confiture.intent_wait('{users}', '-1 s') $$, '22023', 'timeout must not be negative',
    'a negative one');
SELECT throws_ok($$ SELECT confiture.intent_wait('{}') $$, '22023', 'there is nothing to claim', 'nothing to wait for');
SELECT throws_ok($$ SELECT confiture.intent_wait('{a.}') $$, '42602', 'invalid name of an object: "a."', 'no name');
SELECT is(dblink_send_query('other', $$ SELECT pg_sleep(0.5), confiture.intent_abandon((SELECT id FROM confiture.intent_list()), 'done') $$), 1,
    'the other one will end soon');
SELECT ok(confiture.intent_wait('{users.email}', '1 min'), 'which one sees');
SELECT lives_ok($$ SELECT * FROM dblink_get_result('other') AS t (a text, b text);
    SELECT * FROM dblink_get_result('other') AS t (a text, b text) $$, 'it did');

SELECT throws_ok($$ SELECT confiture.intent_wait_turn('int_nothing', '0') $$, 'CF015', NULL, 'no such intent');
SELECT throws_ok($$ SELECT confiture.intent_wait_turn(NULL, '0') $$, '22004', 'id is null', 'no intent');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT throws_ok($$ SELECT confiture.intent_wait('{users}', '0') $$, '0A000', NULL,
    'in a transaction with one snapshot nobody would be seen to go');
SELECT throws_ok($$ SELECT confiture.intent_wait_turn('int_a', '0') $$, '0A000', NULL, 'nor a turn to come');
COMMIT;

-- Only one extension at a time: plans do not outlive it
DROP EXTENSION confiture;
CREATE EXTENSION confiture;
SELECT is(confiture.intent_check(objects => '{users}') -> 'free', 'true', 'a new extension in the same session');

SELECT * FROM finish();
