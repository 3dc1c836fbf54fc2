-- Transitions: how fast rows are copied.

-- How many bytes of WAL the replica that is furthest behind has not replayed yet. NULL: there is none, or
-- the role may not see it.
CREATE OR REPLACE FUNCTION confiture._transition_replica_lag() RETURNS numeric
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT max(pg_wal_lsn_diff(CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() END, r.replay_lsn))
    FROM pg_stat_replication AS r
$$;

-- What limits the copy, for the status.
CREATE OR REPLACE FUNCTION confiture._transition_limits(t confiture.transition) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('max_rate', t.options -> 'max_rate', 'max_replica_lag', t.options -> 'max_replica_lag',
        'replica_lag', CASE WHEN t.options ->> 'max_replica_lag' IS NOT NULL THEN confiture._transition_replica_lag() END)
$$;

-- The pause that the limits of a transition ask for before the next chunk, in milliseconds: 0, or up to
-- a second, after which they are looked at again.
CREATE OR REPLACE FUNCTION confiture._transition_pause(t confiture.transition) RETURNS double precision
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rate double precision := t.options ->> 'max_rate';
    lag numeric := t.options ->> 'max_replica_lag';
    pause double precision := 0;
BEGIN
    IF lag IS NOT NULL THEN
        PERFORM confiture._transition_see_replicas();
        IF confiture._transition_replica_lag() > lag THEN
            pause := 250;
        END IF;
    END IF;
    IF rate IS NOT NULL THEN
        pause := greatest(pause, (SELECT least(extract(epoch FROM e.until - clock_timestamp()) * 1000, 1000)
            FROM confiture.transition_pace AS e WHERE e.transition = t.id AND e.max_rate = rate));
    END IF;
    RETURN pause;
END
$$;

-- Refuses a limit that is about what the role can't see.
CREATE OR REPLACE FUNCTION confiture._transition_see_replicas() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT pg_has_role('pg_read_all_stats', 'USAGE') THEN
        RAISE EXCEPTION 'permission denied to see how far the replicas lag'
            USING ERRCODE = 'insufficient_privilege', DETAIL = 'Option max_replica_lag needs it.',
            HINT = format('GRANT pg_monitor TO %I, or set the option to null.', current_user);
    END IF;
END
$$;

-- Takes rows that are copied into account for max_rate. All that copy wait for each other here, until the commit.
CREATE OR REPLACE FUNCTION confiture._transition_paced(
    t confiture.transition, copied bigint, elapsed_ms double precision) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rate double precision := t.options ->> 'max_rate';
    took interval := elapsed_ms * interval '1 ms';
    takes interval := copied / rate * interval '1 s';
BEGIN
    IF rate IS NOT NULL THEN
        INSERT INTO confiture.transition_pace AS e (transition, max_rate, until)
        VALUES (t.id, rate, clock_timestamp() - took + takes)
        ON CONFLICT (transition) DO UPDATE SET max_rate = rate, until = takes
            + CASE e.max_rate WHEN rate THEN greatest(e.until, clock_timestamp() - took) ELSE clock_timestamp() - took END;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION confiture.transition_set(name text, options jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changeable constant text[] := '{chunk_ms,max_rate,max_replica_lag,lock_timeout,lock_retries}';
    t confiture.transition;
    wrong text;
BEGIN
    PERFORM confiture._check_writable('transitions');
    t := confiture._transition_get(name);
    PERFORM confiture._half_refuse(t);
    IF jsonb_typeof(options) = 'object' THEN
        SELECT o.key INTO wrong FROM jsonb_object_keys(options) AS o (key) WHERE o.key <> ALL (changeable) LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'option % can''t be changed', quote_literal(wrong) USING ERRCODE = 'invalid_parameter_value',
            HINT = 'These can: ' || array_to_string(changeable, ', ') || '. For another one abort the transition, and create it anew.';
    ELSIF NOT t.live THEN
        RAISE EXCEPTION 'transition % is %: nothing is left to do', quote_literal(name), t.state
            USING ERRCODE = 'CF031', HINT = confiture._transition_next(t.state);
    END IF;
    -- Refuses what is no option, before another session is waited for.
    PERFORM confiture._transition_options(options);
    UPDATE confiture.transition AS r SET options = r.options || transition_set.options WHERE r.id = t.id RETURNING r.* INTO t;
    RETURN t.options;
END
$$;
COMMENT ON FUNCTION confiture.transition_set(text, jsonb) IS
'Changes options of a transition while it is at work: from the next chunk on the copy keeps to them, a second later at most. Waits for a step that is just changing the state.
Arguments: name; options, those to change: chunk_ms, max_rate, max_replica_lag, lock_timeout, lock_retries, as confiture.transition_create() has them; null takes a limit off.
Result: all options.
Errors: CF031 it has ended; CF034 no such transition; 22023 another option, or a wrong value; 42501 the caller does not own its tables, or may not see replicas (max_replica_lag); 25006 standby.
Example: SELECT confiture.transition_set(''to_v2'', ''{"max_rate": 5000}'');';
