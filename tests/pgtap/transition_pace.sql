-- How fast a transition copies: limits, and changing them while it is at work.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(53);

CREATE ROLE pace_mover;
CREATE ROLE pace_other;
CREATE ROLE pace_reader;
SELECT confiture.grant_usage('pace_mover', 'migrator');
SELECT confiture.grant_usage('pace_other', 'migrator');
SELECT confiture.grant_usage('pace_reader', 'reader');
SELECT format('GRANT CREATE ON DATABASE %I TO pace_mover', current_database()) \gexec
SET SESSION AUTHORIZATION pace_mover;
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.t (id int PRIMARY KEY, v int);
CREATE TABLE b.t (id int PRIMARY KEY, v int);
INSERT INTO a.t SELECT i, i FROM generate_series(1, 5000) AS i;

-- What is no limit.
SELECT throws_ok(format('SELECT confiture.transition_create(''t'', ''a'', ''b'', options => %L)', o), '22023', NULL, 'no limit: ' || o)
FROM unnest(ARRAY['{"max_rate": 0}', '{"max_rate": 0.5}', '{"max_rate": "fast"}', '{"max_replica_lag": 0}']) AS o;
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b', options => '{"max_replica_lag": 1}')$$, '42501', NULL,
    'a limit about what the role can''t see');
SELECT is((SELECT count(*) FROM confiture.transition_list()), 0::bigint, 'nothing is created');

-- The log is not emptied by itself: that is due after fifty chunks' time.
SELECT confiture.transition_create('t', 'a', 'b', options => '{"max_rate": 70, "chunk_ms": 60000}') AS id \gset
-- One transaction of somebody who copies.
CREATE FUNCTION pg_temp.work() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    pause double precision := confiture._transition_work('t', NULL);
BEGIN
    RETURN CASE WHEN pause = 0 THEN 'went on' WHEN pause > 20 THEN 'paused' END;
END $$;
CREATE FUNCTION pg_temp.until() RETURNS timestamptz LANGUAGE sql AS $$
    SELECT p.until FROM confiture.transition_pace AS p
$$;
SELECT is(confiture.transition_status('t') -> 'limits', '{"max_rate": 70, "max_replica_lag": null, "replica_lag": null}', 'the status tells the limits');
CALL confiture.transition_run('t', 'captured');
SELECT is(pg_temp.work(), 'went on', 'chunks are cut');
SELECT is(pg_temp.work(), 'went on', 'one is copied');
SELECT is((SELECT count(*) FROM b.t), 7::bigint, 'it has the rows of a tenth of a second');
SELECT is((SELECT max_rate FROM confiture.transition_pace), 70::double precision, 'its time is taken');

-- All that copy take from the same rate.
SELECT pg_temp.until() AS before \gset
BEGIN;
SELECT confiture._transition_paced(t, 70000, 0) FROM confiture.transition AS t;
SELECT ok(pg_temp.until() - clock_timestamp() BETWEEN '900 s' AND '1001 s', 'so many rows take so long');
SELECT pg_temp.until() AS first \gset
SELECT confiture._transition_paced(t, 70, 0) FROM confiture.transition AS t;
SELECT is(pg_temp.until() - :'first', '1 s', 'those of another one come on top');
SELECT is(pg_temp.work(), 'paused', 'nothing is copied meanwhile');
SELECT is(confiture._transition_pause(t), 1000::double precision, 'it is looked again after a second') FROM confiture.transition AS t;
SELECT is((SELECT count(*) FROM b.t), 7::bigint, 'not a row');
UPDATE confiture.transition_table SET drained_at = '-infinity';
SELECT is(pg_temp.work(), 'went on', 'the log is emptied all the same');
SELECT is(pg_temp.work(), 'paused', 'once');
SELECT is(confiture.transition_set('t', '{"max_rate": 1000}') ->> 'max_rate', '1000', 'another rate');
SELECT is(confiture._transition_pause(t), 0::double precision, 'what was taken of the old one does not count') FROM confiture.transition AS t;
SELECT is(pg_temp.work(), 'went on', 'it goes on');
SELECT is((SELECT count(*) FROM b.t), 14::bigint, 'with a chunk that was cut before');
SELECT ok(pg_temp.until() < clock_timestamp() + '1 s', 'from now on');
SELECT confiture._transition_paced(t, 1000000, 0) FROM confiture.transition AS t;
SELECT is(pg_temp.work(), 'paused', 'it is kept to as well');
SELECT is(confiture.transition_set('t', '{"max_rate": null}') -> 'max_rate', 'null', 'no limit');
SELECT is(pg_temp.work(), 'went on', 'nothing is waited for');
SELECT ok(confiture.transition_copy('t', 4) > 14, 'chunks are larger again');
ROLLBACK;
SELECT is(pg_temp.until(), :'before', 'what is rolled back has taken nothing');

-- A copy in one transaction does not pause, and takes nothing.
BEGIN;
SELECT confiture._transition_paced(t, 70000, 0) FROM confiture.transition AS t;
SELECT is(confiture.transition_copy('t'), 4993::bigint, 'transition_copy() copies all there is');
ROLLBACK;

-- Who would not see what others have copied.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT throws_ok($$SELECT pg_temp.work()$$, '0A000', NULL, 'a worker that looks at the past');
SELECT throws_ok($$SELECT confiture.transition_copy('t')$$, '0A000', NULL, 'a step that does');
ROLLBACK;

-- Changing options.
SELECT is(confiture.transition_set('t', '{"chunk_ms": 5, "lock_timeout": "20ms", "lock_retries": 3}'),
    '{"chunk_ms": 5, "lock_timeout": "20ms", "lock_retries": 3, "max_rate": 70, "max_replica_lag": null, "swap": "rename", "disk": true}',
    'some are changed');
SELECT is((SELECT options ->> 'chunk_ms' FROM confiture.transition), '5', 'and stored');
SELECT throws_ok(format('SELECT confiture.transition_set(''t'', %L)', o), '22023', NULL, 'refused: ' || o)
FROM unnest(ARRAY['{"swap": "schema"}', '{"disk": false}', '{"mode": "synchronous"}', '{"speed": 1}', '{"chunk_ms": null}', '{"max_rate": -1}', '[]']) AS o;
SELECT throws_ok($$SELECT confiture.transition_set('t', NULL)$$, '22023', NULL, 'refused: NULL');
SELECT throws_ok($$SELECT confiture.transition_set('nobody', '{}')$$, 'CF034', NULL, 'of none');
SELECT throws_ok($$SELECT confiture.transition_set('t', '{"max_replica_lag": 1}')$$, '42501', NULL, 'about what the role can''t see');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION pace_other;
SELECT throws_ok($$SELECT confiture.transition_set('t', '{"max_rate": 1}')$$, 'CF030', NULL, 'nobody else changes them');
SELECT throws_ok('UPDATE confiture.transition_pace SET until = ''infinity''', 'CF030', NULL, 'or stops the copy');
SET SESSION AUTHORIZATION pace_reader;
SELECT throws_ok($$SELECT confiture.transition_set('t', '{"max_rate": 1}')$$, '42501', NULL, 'a reader changes nothing');
SELECT is(confiture.transition_status('t') #>> '{limits,max_rate}', '70', 'but sees the limits');
RESET SESSION AUTHORIZATION;

-- Somebody else may have set a limit that the one who copies can't keep to.
SELECT is(confiture.transition_set('t', '{"max_replica_lag": 1, "max_rate": null, "chunk_ms": 60000}') ->> 'max_replica_lag', '1', 'a superuser sees replicas');
SELECT is(pg_temp.work(), 'went on', 'and keeps to it where there is none');
SET SESSION AUTHORIZATION pace_mover;
SELECT throws_ok($$SELECT pg_temp.work()$$, '42501', NULL, 'who can''t see them does not copy blindly');
SELECT is(confiture.transition_set('t', '{"max_replica_lag": null}') ->> 'max_replica_lag', NULL, 'its owner takes it off');

SELECT confiture.transition_abort('t') AS aborted \gset
SELECT is((SELECT count(*) FROM confiture.transition_pace), 0::bigint, 'nothing is left of it');
SELECT throws_ok($$SELECT confiture.transition_set('t', '{"max_rate": 1}')$$, 'CF031', NULL, 'one that has ended');
RESET SESSION AUTHORIZATION;
SELECT * FROM finish();
