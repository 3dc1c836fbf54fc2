-- Who may do what with intents, and in which transactions.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(207);

-- roles outlive a run that was broken off
DROP ROLE IF EXISTS nobody_at_all, intent_reader, intent_developer, intent_migrator, intent_admin;
CREATE ROLE nobody_at_all;
CREATE ROLE intent_reader;
CREATE ROLE intent_developer;
CREATE ROLE intent_migrator;
CREATE ROLE intent_admin;
SELECT confiture.grant_usage('intent_reader', 'reader'), confiture.grant_usage('intent_developer', 'developer'),
    confiture.grant_usage('intent_migrator', 'migrator'), confiture.grant_usage('intent_admin', 'admin') \g /dev/null
CREATE TABLE users (id integer PRIMARY KEY);
CREATE VIEW seen AS SELECT id FROM users;

SELECT confiture.intent_register('ana', 'f', '{users}') ->> 'id' AS holder \gset
SELECT confiture.intent_register('ben', 'f', '{users}') ->> 'id' AS newcomer \gset
SELECT confiture.intent_register('cy', 'f', '{other}') ->> 'id' AS completed \gset
SELECT confiture.intent_register('cy', 'f', '{third}') ->> 'id' AS abandoned \gset
SELECT confiture.intent_complete(:'completed'), confiture.intent_abandon(:'abandoned') \g /dev/null
SELECT max(id) AS conflict FROM confiture.intent_conflict \gset

-- Runs a statement as a role, and takes back what it does.
CREATE FUNCTION pg_temp.attempt(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE statement;
    RAISE EXCEPTION 'ok' USING ERRCODE = 'P0OK0';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE WHEN sqlstate = 'P0OK0' THEN 'ok' WHEN sqlstate = '42501' THEN 'denied' ELSE sqlstate || ': ' || sqlerrm END;
END
$$;
-- The lowest level that may, with which all above it may as well.
CREATE TABLE level (ordinal integer, role name);
INSERT INTO level VALUES (0, 'nobody_at_all'), (1, 'intent_reader'), (2, 'intent_developer'), (3, 'intent_migrator'), (4, 'intent_admin');
CREATE TABLE call (lowest integer, statement text);
INSERT INTO call VALUES
    (1, format('SELECT confiture.intent_get(%L)', :'newcomer')),
    (1, 'SELECT * FROM confiture.intent_list(''all'', object => ''users'')'),
    (1, format('SELECT * FROM confiture.intent_conflicts(%L)', :'newcomer')),
    (1, format('SELECT * FROM confiture.intent_history(%L)', :'newcomer')),
    (1, 'SELECT confiture.intent_board()'),
    (1, 'SELECT confiture.intent_check(''a'', objects => ''{users}'', estimated_duration => ''1 h'')'),
    (1, 'SELECT confiture.intent_wait(''{users}'', ''0'')'),
    (1, format('SELECT confiture.intent_wait_turn(%L, ''0'')', :'newcomer')),
    (1, 'SELECT count(*) FROM confiture.intent, confiture.intent_object, confiture.intent_conflict, confiture.intent_event, confiture.version_reservation, confiture.intent_rule, confiture.intent_move'),
    (2, 'SELECT confiture.intent_register(''a'', ''f'', ''{users.id}'')'),
    (2, 'SELECT confiture.intent_register(''a'', ''f'', ''{users}'', on_conflict => ''queue'')'),
    (2, format('SELECT confiture.intent_start(%L)', :'newcomer')),
    (2, format('SELECT confiture.intent_complete(%L)', :'newcomer')),
    (2, format('SELECT confiture.intent_merge(%L)', :'completed')),
    (2, format('SELECT confiture.intent_abandon(%L, ''enough'')', :'holder')),
    (2, format('SELECT confiture.intent_extend(%L, ''1 h'')', :'holder')),
    (2, format('SELECT confiture.intent_acknowledge(%s, ''x'')', :'conflict')),
    (2, format('SELECT confiture.intent_resolve(%s, ''x'')', :'conflict')),
    (2, 'SELECT confiture.reserve_version(''a'', ''x'')'),
    (4, 'SELECT confiture.intent_archive(''0'')'),
    -- nobody writes but through the functions
    (5, 'INSERT INTO confiture.intent (id, agent, feature, status, expires_at) VALUES (''int_1'', ''a'', ''f'', ''registered'', now())'),
    (5, 'UPDATE confiture.intent SET agent = ''x'''),
    (5, 'DELETE FROM confiture.intent'),
    (5, 'TRUNCATE confiture.intent CASCADE'),
    (5, 'UPDATE confiture.intent_object SET action = ''read'''),
    (5, 'UPDATE confiture.intent_conflict SET state = ''resolved'''),
    (5, 'INSERT INTO confiture.intent_event (event, agent) VALUES (''registered'', ''x'')'),
    (5, 'UPDATE confiture.intent_event SET agent = ''x'''),
    (5, 'DELETE FROM confiture.intent_event'),
    (5, 'INSERT INTO confiture.version_reservation (version, agent) VALUES (''1'', ''x'')'),
    (5, 'UPDATE confiture.intent_rule SET severity = ''info'''),
    (5, 'INSERT INTO confiture.intent_move VALUES (''merged'', ''registered'', false)');
SELECT is(pg_temp.attempt(l.role, c.statement), CASE WHEN l.ordinal >= c.lowest THEN 'ok' ELSE 'denied' END, format('%s: %s', l.role, c.statement))
FROM call AS c CROSS JOIN level AS l ORDER BY c.lowest, c.statement, l.ordinal;
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'confiture'::regnamespace AND p.proname ~ '^_?(intent|guard|next_version)'
    AND has_function_privilege('nobody_at_all', p.oid, 'EXECUTE')$$, 'PUBLIC may execute nothing');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'confiture'::regnamespace AND p.prosecdef
    AND NOT (coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}')$$, 'what runs with the rights of the owner pins its search_path');

-- The audit trail says who it was, behind the rights of the owner.
SET LOCAL SESSION AUTHORIZATION intent_developer;
SELECT confiture.intent_register(NULL, 'f', '{mine}') ->> 'id' AS mine \gset
SELECT confiture.intent_start(:'mine') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is(confiture.intent_get(:'mine') ->> 'registered_by', 'intent_developer', 'who has registered');
SELECT is(confiture.intent_get(:'mine') ->> 'agent', 'intent_developer', 'is the agent, if none is named');
SELECT is((SELECT array_agg(DISTINCT performed_by) FROM confiture.intent_history(:'mine')), '{intent_developer}', 'who has done it');

-- The search_path of the caller decides what names mean, and nothing else.
CREATE SCHEMA evil;
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''evil''; END';
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''evil''; END';
CREATE FUNCTION evil.jsonb_agg(jsonb) RETURNS jsonb LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''evil''; END';
CREATE FUNCTION evil.quote_ident(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''evil''; END';
CREATE TABLE evil.pg_class (oid oid);
GRANT USAGE ON SCHEMA evil TO intent_developer;
SET LOCAL search_path = evil, pg_catalog, public;
SELECT confiture.intent_register('e', 'f', '{users, here}') AS e \gset
SELECT confiture.intent_abandon(:'e'::pg_catalog.jsonb ->> 'id') \g /dev/null
SELECT confiture.intent_board() \g /dev/null
SELECT confiture.intent_archive('1 day') \g /dev/null
RESET search_path;
SELECT is((SELECT array_agg(o ->> 'display' ORDER BY n) FROM jsonb_array_elements(:'e'::jsonb -> 'objects') WITH ORDINALITY AS x (o, n) WHERE o ->> 'kind' <> 'schema' AND o ->> 'source' = 'declared'),
    '{public.users,evil.here}', 'a search_path with other functions in it');

-- Transactions that can't ----------------------------------------------------------------------

SELECT set_eq($$SELECT DISTINCT pg_temp.attempt('intent_admin', statement) FROM call WHERE lowest = 1$$, '{ok}'::text[], 'looking is possible');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(pg_temp.attempt('intent_admin', c.statement), '0A000: intents can''t be changed in a REPEATABLE READ transaction', 'repeatable read: ' || c.statement)
FROM call AS c WHERE c.lowest IN (2, 4) ORDER BY 1;
SELECT is(pg_temp.attempt('intent_admin', c.statement), 'ok', 'repeatable read: ' || c.statement)
FROM call AS c WHERE c.lowest = 1 AND c.statement NOT LIKE '%wait%' ORDER BY 1;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is((pg_temp.failure('SELECT confiture.intent_register(''a'', ''f'', ''{t}'')')).code, '0A000', 'serializable');
SELECT isnt((pg_temp.failure('SELECT confiture.intent_register(''a'', ''f'', ''{t}'')')).hint, NULL, 'with a hint');
COMMIT;
BEGIN READ ONLY;
SELECT matches(pg_temp.attempt('intent_admin', c.statement), '^25006: cannot run a change of intents in a read-only transaction', 'read only: ' || c.statement)
FROM call AS c WHERE c.lowest IN (2, 4) ORDER BY 1;
SELECT is(pg_temp.attempt('intent_admin', c.statement), 'ok', 'read only: ' || c.statement) FROM call AS c WHERE c.lowest = 1 ORDER BY 1;
COMMIT;

SELECT * FROM finish();
DROP OWNED BY intent_reader, intent_developer, intent_migrator, intent_admin;
DROP ROLE nobody_at_all, intent_reader, intent_developer, intent_migrator, intent_admin;
