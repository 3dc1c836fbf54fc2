-- Transitions: background workers that drive them.

CREATE OR REPLACE FUNCTION confiture._transition_launch(transition integer, until text) RETURNS integer
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_transition_launch';

-- The background workers of a transition, by the advisory locks that they hold.
CREATE OR REPLACE FUNCTION confiture._transition_workers(transition integer) RETURNS TABLE (pid integer, drives boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.pid, l.classid = 1668247124::oid
    FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.objid = _transition_workers.transition::oid
        AND l.classid IN (1668247124::oid, 1668247127::oid)
        AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        -- NULL for those who may not know: anybody may hold advisory locks
        AND coalesce(a.backend_type, 'confiture transition') = 'confiture transition'
    ORDER BY 2 DESC, 1
$$;

-- One transaction of a background worker. Returns the pause after it; NULL: all is done.
CREATE OR REPLACE FUNCTION confiture._transition_background(transition integer, until text) RETURNS double precision
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
BEGIN
    SELECT r.* INTO t FROM confiture.transition AS r WHERE r.id = transition AND r.live;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF t.state = 'aborting' THEN
        IF until = 'aborted' THEN
            PERFORM confiture.transition_abort(t.name);
        END IF;
        RETURN NULL;
    ELSIF until IS NOT NULL THEN
        RETURN confiture._transition_step(t.name, until);
    ELSIF t.state = 'planned' THEN
        -- There is something to copy as soon as the one that drives has captured.
        RETURN CASE WHEN EXISTS (SELECT FROM confiture._transition_workers(t.id) AS w WHERE w.drives) THEN 20 END;
    END IF;
    RETURN confiture._transition_work(t.name, NULL);
END
$$;

-- Stores the error with which a background worker has ended, or will try again; NULL: there is none any more.
CREATE OR REPLACE FUNCTION confiture._transition_failed(
    transition integer, sqlstate text, message text, detail text, hint text, retry_ms double precision) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE confiture.transition AS t
    SET failure = CASE WHEN sqlstate IS NOT NULL THEN jsonb_build_object('sqlstate', sqlstate, 'message', message,
        'detail', detail, 'hint', hint, 'at', clock_timestamp(), 'retried', retry_ms IS NOT NULL) END
    -- That there is nothing more to do for who was at it when it was aborted is no failure.
    WHERE t.id = transition AND t.live AND (sqlstate IS DISTINCT FROM 'CF031' OR t.state <> 'aborting')
$$;

-- Raises the error that another background worker drives it.
CREATE OR REPLACE FUNCTION confiture._transition_is_driven(name text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'a background worker drives transition % already', quote_literal(name)
        USING ERRCODE = 'CF037', HINT = 'confiture.transition_status() shows it, confiture.transition_stop() ends it.';
END
$$;

CREATE OR REPLACE FUNCTION confiture.transition_start(name text, until text DEFAULT 'validated', workers integer DEFAULT 1)
RETURNS integer[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
    pids integer[] := '{}';
    started timestamptz := clock_timestamp();
BEGIN
    PERFORM confiture._check_writable('transitions');
    PERFORM confiture._transition_check_until(until);
    IF workers IS NULL OR workers NOT BETWEEN 1 AND 64 THEN
        RAISE EXCEPTION 'a transition can''t have % background workers', coalesce(workers::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = '1 to 64: the first one drives, the others copy.';
    ELSIF pg_current_xact_id_if_assigned() IS NOT NULL THEN
        RAISE EXCEPTION 'background workers can''t be started in a transaction that has written'
            USING ERRCODE = 'active_sql_transaction', HINT = 'They would not see it: COMMIT first.';
    END IF;
    t := confiture._transition_get(name);
    PERFORM confiture._half_refuse(t);
    IF t.state = 'aborting' THEN
        -- There is one thing to do, for one.
        until := 'aborted';
        workers := 1;
    ELSIF t.live AND confiture._transition_is_remote(t.id) THEN
        -- One more: it brings over what is written when all is copied, until the transition has ended.
        IF confiture._transition_rank(t.state) >= confiture._transition_rank(until) THEN
            RETURN ARRAY[confiture._transition_launch(t.id, NULL)];
        END IF;
        workers := workers + 1;
    END IF;
    IF NOT t.live OR confiture._transition_rank(t.state) >= confiture._transition_rank(until) THEN
        RAISE EXCEPTION 'transition % is %: there is nothing to do until %', quote_literal(name), t.state, until
            USING ERRCODE = 'CF031', HINT = confiture._transition_next(t.state);
    ELSIF EXISTS (SELECT FROM confiture._transition_workers(t.id) AS w WHERE w.drives) THEN
        PERFORM confiture._transition_is_driven(name);
    END IF;
    FOR i IN 1 .. workers LOOP
        pids := pids || confiture._transition_launch(t.id, CASE WHEN i = 1 THEN until END);
    END LOOP;
    SELECT r.* INTO t FROM confiture.transition AS r WHERE r.id = t.id;
    IF EXISTS (SELECT FROM confiture._transition_workers(t.id) AS w WHERE w.drives AND w.pid <> pids[1]) THEN
        PERFORM confiture._transition_is_driven(name);
    ELSIF confiture._transition_rank(t.state) < confiture._transition_rank(until)
            AND NOT EXISTS (SELECT FROM confiture._transition_workers(t.id) AS w WHERE w.drives)
            AND coalesce((t.failure ->> 'at')::timestamptz < started, true) THEN
        RAISE EXCEPTION 'the background worker ended as soon as it was started'
            USING ERRCODE = 'connection_failure', HINT = 'The server''s log says why.';
    END IF;
    RETURN pids;
END
$$;
COMMENT ON FUNCTION confiture.transition_start(text, text, integer) IS
'Starts background workers that move a transition on to a state, as CALL confiture.transition_run() does; returns at once, and they go on when this session ends. A lock or a connection that is not to be had is tried again; any other error ends them: confiture.transition_status() shows it as failure. They do not outlive the server: after a restart, start them again.
Arguments: name; until: captured, catching_up (everything is copied), mirrored, validated (default), cut_over or contracted; workers: how many, 1 (default) to 64: the first one drives, the others copy along. Each needs a slot of max_worker_processes. For a transition to another server there is one more, which brings over what is written and ends with the transition; it alone is started when the state is reached. In state aborting both say nothing: one worker takes off the rest, as soon as the locks are to be had.
Result: their process IDs.
Errors: 08006 the worker could not connect, the log says why; CF013 no free background worker; CF031 there is nothing to do; CF034 no such transition; CF037 another one drives it; 22023 another state or number; 25001 in a transaction that has written; 25006 standby.
Example: SELECT confiture.transition_start(''to_v2'', workers => 2);';

CREATE OR REPLACE FUNCTION confiture.transition_stop(name text) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._transition_get(name);
    stopped integer;
BEGIN
    SELECT count(*) FILTER (WHERE pg_terminate_backend(w.pid, 60000)) INTO stopped FROM confiture._transition_workers(t.id) AS w;
    RETURN stopped;
END
$$;
COMMENT ON FUNCTION confiture.transition_stop(text) IS
'Ends the background workers of a transition, and waits up to a minute for each. What they were at is rolled back; the transition can go on from there.
Arguments: name.
Result: how many have ended.
Errors: CF034 no such transition; 42501 they work for another role.
Example: SELECT confiture.transition_stop(''to_v2'');';
