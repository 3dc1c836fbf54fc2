-- Background workers of a transition.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(33);

CREATE ROLE transition_mover LOGIN;
CREATE ROLE transition_reader LOGIN;
SELECT confiture.grant_usage('transition_mover', 'migrator');
SELECT confiture.grant_usage('transition_reader', 'reader');
SELECT format('GRANT CREATE ON DATABASE %I TO transition_mover', current_database()) \gexec
-- Waits until no worker is left, at most a minute.
CREATE FUNCTION ended() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 6000 LOOP
        PERFORM pg_stat_clear_snapshot();
        IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'confiture transition') THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN false;
END $$;
-- Waits until something is so, at most a minute.
CREATE FUNCTION eventually(what text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    so boolean;
BEGIN
    FOR i IN 1 .. 6000 LOOP
        EXECUTE 'SELECT ' || what INTO so;
        IF so THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN false;
END $$;
SET SESSION AUTHORIZATION transition_mover;
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.t (id int PRIMARY KEY, v int);
CREATE TABLE b.t (id int PRIMARY KEY, v int CHECK (v <> 7777));
INSERT INTO a.t SELECT i, i FROM generate_series(1, 20000) AS i;
SELECT confiture.transition_create('t', 'a', 'b') AS id \gset

SELECT throws_ok($$SELECT confiture.transition_start('nobody')$$, 'CF034', NULL, 'an unknown transition');
SELECT throws_ok($$SELECT confiture.transition_stop('nobody')$$, 'CF034', NULL, 'an unknown one to be stopped');
SELECT throws_ok($$SELECT confiture.transition_start('t', 'copying')$$, '22023', NULL, 'a state in which no run ends');
SELECT throws_ok($$SELECT confiture.transition_start('t', NULL)$$, '22023', NULL, 'no state');
SELECT throws_ok($$SELECT confiture.transition_start('t', workers => 0)$$, '22023', NULL, 'no worker');
SELECT throws_ok($$SELECT confiture.transition_start('t', workers => 65)$$, '22023', NULL, 'too many workers');
SELECT throws_ok($$SELECT confiture.transition_start('t', workers => NULL)$$, '22023', NULL, 'an unknown number of workers');
BEGIN;
UPDATE a.t SET v = v WHERE id = 1;
SELECT throws_ok($$SELECT confiture.transition_start('t')$$, '25001', NULL, 'in a transaction that has written');
ROLLBACK;
SET SESSION AUTHORIZATION transition_reader;
SELECT throws_ok($$SELECT confiture.transition_start('t')$$, '42501', NULL, 'a reader starts nothing');
SELECT throws_ok($$SELECT confiture.transition_stop('t')$$, '42501', NULL, 'and stops nothing');
SET SESSION AUTHORIZATION transition_mover;
SELECT is(confiture.transition_stop('t'), 0, 'there is nothing to be stopped');
RESET SESSION AUTHORIZATION;
ALTER ROLE transition_mover NOLOGIN;
SET SESSION AUTHORIZATION transition_mover;
SELECT throws_ok($$SELECT confiture.transition_start('t')$$, '08006', NULL, 'a worker that can''t connect');
RESET SESSION AUTHORIZATION;
ALTER ROLE transition_mover LOGIN;
SET SESSION AUTHORIZATION transition_mover;

-- A row that does not fit ends it, and is told.
SELECT cardinality(confiture.transition_start('t')) AS started \gset
SELECT is(:started, 1, 'one worker is started');
SELECT ok(ended(), 'it ends');
SELECT is(confiture.transition_status('t') #>> '{failure,sqlstate}', '23514', 'the status tells of the row');
SELECT matches(confiture.transition_status('t') #>> '{failure,detail}', '7777', 'names it');
SELECT is(confiture.transition_status('t') #> '{failure,retried}', 'false', 'and that it was given up');
SELECT is(confiture.transition_status('t') ->> 'state', 'copying', 'the transition stays');
UPDATE a.t SET v = 1 WHERE v = 7777;

-- A lock that is not to be had is tried again.
SELECT confiture.transition_set('t', '{"max_rate": 100}') IS NOT NULL AS set \gset
SELECT cardinality(confiture.transition_start('t', workers => 3)) AS started \gset
SELECT is(jsonb_array_length(confiture.transition_status('t') -> 'workers'), 3, 'workers are shown');
SET SESSION AUTHORIZATION transition_reader;
SELECT is((SELECT count(*) FROM jsonb_array_elements(confiture.transition_status('t') -> 'workers') AS w WHERE (w ->> 'drives')::boolean),
    1::bigint, 'to a reader too');
SET SESSION AUTHORIZATION transition_mover;
SELECT throws_ok($$SELECT confiture.transition_start('t')$$, 'CF037', NULL, 'a second one does not drive it');
SELECT is(confiture.transition_stop('t'), 3, 'they can be stopped');
SELECT ok(confiture.transition_status('t') ->> 'state' = 'copying' AND confiture.transition_status('t') -> 'workers' = '[]', 'in the midst');
SELECT confiture.transition_set('t', '{"max_rate": null, "lock_retries": 0}') IS NOT NULL AS set \gset
BEGIN;
LOCK TABLE b.t IN ROW EXCLUSIVE MODE;
LOCK TABLE a.t IN SHARE MODE;
SELECT confiture.transition_start('t', workers => 2) IS NOT NULL AS started \gset
SELECT ok(eventually($$confiture.transition_status('t') #>> '{failure,sqlstate}' IN ('CF036', '55P03') AND (confiture.transition_status('t') #> '{failure,retried}')::boolean$$),
    'a lock that is not to be had is told and tried again');
COMMIT;
SELECT ok(ended(), 'then it comes');
SELECT is(confiture.transition_status('t') ->> 'state', 'validated', 'and the state is reached');
SELECT is(confiture.transition_status('t') -> 'failure', 'null', 'what failed is forgotten');
SELECT throws_ok($$SELECT confiture.transition_start('t')$$, 'CF031', NULL, 'nothing is left to do');
SELECT is((SELECT sum(v) FROM b.t), (SELECT sum(v) FROM a.t), 'all is copied');
SELECT confiture.transition_abort('t') AS aborted \gset

-- Who goes on in a session of his own gets over it too.
SELECT confiture.transition_create('s', 'a', 'b') AS id \gset
CALL confiture.transition_run('s', 'catching_up');
INSERT INTO a.t VALUES (30000, 7777);
SELECT confiture.transition_start('s') AS started \gset
SELECT ok(ended(), 'a row of the change log that does not fit ends a worker');
SELECT is(confiture.transition_status('s') #>> '{failure,sqlstate}', '23514', 'and is told');
DELETE FROM a.t WHERE id = 30000;
CALL confiture.transition_run('s');
SELECT is(confiture.transition_status('s') ->> 'state', 'validated', 'when it is mended');
SELECT is(confiture.transition_status('s') -> 'failure', 'null', 'a run of somebody else forgets it');
SELECT confiture.transition_abort('s') AS aborted \gset
SELECT * FROM finish();
DROP SCHEMA a, b CASCADE;
RESET SESSION AUTHORIZATION;
DROP OWNED BY transition_mover, transition_reader;
DROP ROLE transition_mover, transition_reader;
