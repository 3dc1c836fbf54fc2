-- Transitions to another server: what the target commits, and the source does not.
-- The other server is this one, with another database.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION dblink;
SELECT plan(8);

SELECT current_database() AS here, current_database() || '_target' AS there,
    split_part(current_setting('unix_socket_directories'), ',', 1) AS host, current_setting('port') AS port \gset
DROP DATABASE IF EXISTS :there WITH (FORCE);
CREATE DATABASE :there;
CREATE SERVER target FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'host', port :'port', dbname :'there');
CREATE USER MAPPING FOR CURRENT_USER SERVER target;
SELECT set_config('test.here', format('host=%s port=%s dbname=%s', :'host', :'port', :'here'), false) IS NULL AS connected,
    set_config('test.there', format('host=%s port=%s dbname=%s', :'host', :'port', :'there'), false) IS NULL AS connected_there \gset
CREATE FUNCTION there(statements text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_exec(current_setting('test.there'), statements);
END $$;
-- A session that calls a function, and whose COMMIT fails when postgres_fdw has committed: a temporary table
-- can't be emptied then, since another one that stays refers to it.
CREATE FUNCTION half(call text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_exec(current_setting('test.here'), format('SET client_min_messages = error; BEGIN;'
        ' CREATE TEMPORARY TABLE emptied (id int PRIMARY KEY) ON COMMIT DELETE ROWS; CREATE TEMPORARY TABLE kept (id int REFERENCES emptied);'
        ' DO $do$ BEGIN PERFORM %s; END $do$; COMMIT', call));
END $$;

CREATE SCHEMA a;
CREATE TABLE a.items (id int PRIMARY KEY, name text);
INSERT INTO a.items SELECT i, 'n' || i FROM generate_series(1, 10) AS i;
SELECT there('CREATE EXTENSION confiture; CREATE SCHEMA b; CREATE TABLE b.items (id int PRIMARY KEY, name text)');
SELECT is(confiture.transition_create('t', 'a', 'b', server => 'target') > 0, true, 'created');
CALL confiture.transition_run('t');
SELECT is(confiture.transition_cutover('t'), 'cut_over', 'cut over');

-- The way back, first on the target only.
INSERT INTO a.items SELECT i, 'later' FROM generate_series(11, 20) AS i;
UPDATE a.items SET name = 'changed' WHERE id = 1;
SELECT throws_ok($$SELECT half('confiture.transition_rollback(''t'')')$$, '0A000', NULL, 'a rollback that only the target commits');
SELECT is(confiture.transition_status('t') ->> 'state', 'cut_over', 'is none');
SELECT is(confiture.transition_rollback('t'), 'rolled_back', 'again');
SELECT is((SELECT string_agg(id || ' ' || name, ', ' ORDER BY id) FROM a.items WHERE id NOT BETWEEN 2 AND 10),
    '1 changed, 11 later, 12 later, 13 later, 14 later, 15 later, 16 later, 17 later, 18 later, 19 later, 20 later', 'nothing is lost');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
SELECT is((SELECT r FROM dblink(current_setting('test.there'), 'SELECT count(*) FROM b.items') AS d (r int)), 20, 'on the target too');

SELECT * FROM finish();
DROP DATABASE :there WITH (FORCE);
