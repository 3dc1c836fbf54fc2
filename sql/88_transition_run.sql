-- Transitions: driving them, and looking at them.

-- The states in their order.
CREATE OR REPLACE FUNCTION confiture._transition_rank(state text) RETURNS integer
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_position(ARRAY['planned', 'captured', 'copying', 'catching_up', 'mirrored', 'validated', 'cut_over', 'contracted'],
        CASE state WHEN 'rolled_back' THEN 'mirrored' ELSE state END)
$$;

-- Raises an error unless a run can end in a state.
CREATE OR REPLACE FUNCTION confiture._transition_check_until(until text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF until IS NULL OR until NOT IN ('captured', 'catching_up', 'mirrored', 'validated', 'cut_over', 'contracted') THEN
        RAISE EXCEPTION 'a transition can''t run until %', coalesce(quote_literal(until), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The states are captured, catching_up (copied), mirrored, validated, cut_over and contracted.';
    END IF;
END
$$;

-- One transaction of a run. Returns the pause after it; NULL: the state is reached.
CREATE OR REPLACE FUNCTION confiture._transition_step(name text, until text) RETURNS double precision
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    states CONSTANT text[] := '{planned,captured,copying,catching_up,mirrored,validated,cut_over,rolled_back,contracted,aborting,aborted}';
    t confiture.transition;
    pause double precision;
    length bigint;
BEGIN
    PERFORM confiture._transition_check_until(until);
    t := confiture._transition_get(name);
    -- Rows are copied by several at once. For everything else, who else may just have moved it on is waited for.
    IF t.live AND t.state <> 'copying' THEN
        t := confiture._transition_take(name, states);
    END IF;
    IF t.state IN ('aborting', 'aborted') THEN
        RAISE EXCEPTION 'transition % is %', quote_literal(name), t.state
            USING ERRCODE = 'CF031', HINT = confiture._transition_next(t.state);
    ELSIF confiture._transition_rank(t.state) >= confiture._transition_rank(until) THEN
        RETURN NULL;
    END IF;
    CASE t.state
        WHEN 'planned' THEN
            PERFORM confiture.transition_capture(name);
        WHEN 'captured' THEN
            PERFORM confiture._transition_set_state(t.id, 'copying');
        WHEN 'copying' THEN
            pause := confiture._transition_work(name, NULL);
            IF pause IS NULL THEN
                t := confiture._transition_take(name, states);
                IF t.state = 'copying' THEN
                    PERFORM confiture._transition_set_state(t.id, 'catching_up');
                END IF;
            END IF;
            RETURN coalesce(pause, 0);
        WHEN 'catching_up' THEN
            length := confiture._transition_catch_up_piece(t);
            IF length < 1000 THEN
                PERFORM confiture.transition_mirror(name);
            END IF;
        WHEN 'mirrored', 'rolled_back' THEN
            SELECT count(*) INTO length FROM confiture.transition_validate(name, 1) AS v;
            t := confiture._transition_get(name);
            -- Stored first, then told: the next transaction raises the error.
            IF length > 0 OR t.state NOT IN ('validated') THEN
                RAISE EXCEPTION 'the two sides of transition % differ', quote_literal(name)
                    USING ERRCODE = 'CF035', HINT = 'SELECT * FROM confiture.transition_validate() shows the rows, confiture.transition_repair() mends them.';
            END IF;
        WHEN 'validated' THEN
            PERFORM confiture.transition_cutover(name);
        WHEN 'cut_over' THEN
            PERFORM confiture.transition_contract(name);
        ELSE
            RETURN NULL;
    END CASE;
    RETURN 0;
END
$$;

CREATE OR REPLACE PROCEDURE confiture.transition_run(name text, until text DEFAULT 'validated')
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_transition_run';
COMMENT ON PROCEDURE confiture.transition_run(text, text) IS
'Moves a transition on to a state, step by step, with a commit after each; goes on where an earlier run has stopped. Other sessions may copy along: CALL confiture.transition_worker().
Arguments: name; until: captured, catching_up (everything is copied), mirrored, validated (default), cut_over or contracted.
Errors: CF035 the two sides differ; 25001 inside a transaction block; 22023 another state; else those of the steps: nothing is lost by them, call it again.
Example: CALL confiture.transition_run(''to_v2'');';

CREATE OR REPLACE FUNCTION confiture.transition_list()
RETURNS TABLE (name text, source_schema name, target_schema name, state text, tables bigint, created_by name, created_at timestamptz, changed_at timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.name, t.source_schema, t.target_schema, t.state,
        (SELECT count(*) FROM confiture.transition_table AS p WHERE p.transition = t.id), t.created_by, t.created_at, t.changed_at
    FROM confiture.transition AS t ORDER BY t.id DESC
$$;
COMMENT ON FUNCTION confiture.transition_list() IS
'All transitions, the newest first, ended ones included.
Columns: name, source_schema, target_schema, state, tables (how many), created_by, created_at, changed_at.
Example: SELECT name, state FROM confiture.transition_list();';

CREATE OR REPLACE FUNCTION confiture.transition_status(name text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._transition_get(name);
    result jsonb;
BEGIN
    SELECT jsonb_build_object('name', t.name, 'state', t.state, 'source_schema', t.source_schema, 'target_schema', t.target_schema,
        'swap', t.options ->> 'swap', 'created_at', t.created_at, 'changed_at', t.changed_at, 'next', confiture._transition_next(t.state),
        'validation', t.validation, 'failure', t.failure, 'limits', confiture._transition_limits(t),
        'workers', (SELECT coalesce(jsonb_agg(jsonb_build_object('pid', w.pid, 'drives', w.drives)), '[]')
            FROM confiture._transition_workers(t.id) AS w), 'blockers', (SELECT coalesce(jsonb_agg(b.value ORDER BY b.ordinality), '[]')
            FROM jsonb_array_elements(confiture._transition_blockers(t.id, t.state IN ('planned', 'catching_up'))) WITH ORDINALITY AS b
            -- Not those who work on it, nor who will be gone in a moment.
            WHERE b.value ->> 'pid' IS NULL OR NOT ((b.value ->> 'state') IN ('active', 'fastpath function call') AND (b.value ->> 'xact_seconds')::numeric < 1)
                AND (b.value ->> 'pid')::integer NOT IN (SELECT w.pid FROM confiture._transition_workers(t.id) AS w)),
        'tables', coalesce(jsonb_agg(jsonb_build_object(
            'source', coalesce(confiture._relation_name(p.source), p.source_name),
            'target', coalesce(confiture._relation_name(p.target), p.target_name),
            'rows_copied', c.rows, 'rows_estimated', greatest(p.rows_estimated, c.rows),
            'rows_per_second', round(c.rate::numeric),
            'remaining_s', CASE WHEN p.cut AND c.open = 0 THEN 0
                ELSE round((greatest(p.rows_estimated - c.rows, 0) / nullif(c.rate, 0))::numeric, 1) END,
            'copied', p.cut AND c.open = 0, 'indexed', p.indexed,
            'log_length', confiture._transition_log_length(p),
            'lag_s', round(extract(epoch FROM clock_timestamp() - p.caught_up_at)::numeric, 1)) ORDER BY p.ordinal), '[]'))
    INTO result
    FROM confiture.transition_table AS p
    -- The last 10 seconds; when all is copied, all of the time that it took.
    CROSS JOIN LATERAL (SELECT w.rows, w.open, sum(h.row_count) / nullif(extract(epoch FROM
                CASE WHEN w.since IS NULL THEN max(h.copied_at) ELSE clock_timestamp() END
                - greatest(min(h.copied_at - h.elapsed_ms * interval '1 ms'), w.since)), 0) AS rate
        FROM (SELECT coalesce(sum(a.row_count), 0) AS rows, count(*) FILTER (WHERE a.copied_at IS NULL) AS open,
                CASE WHEN NOT p.cut OR count(*) FILTER (WHERE a.copied_at IS NULL) > 0 THEN clock_timestamp() - interval '10 s' END AS since
            FROM confiture.transition_chunk AS a WHERE a.pair = p.id) AS w
        LEFT JOIN confiture.transition_chunk AS h ON h.pair = p.id AND (w.since IS NULL OR h.copied_at > w.since)
        GROUP BY w.rows, w.open, w.since) AS c
    WHERE p.transition = t.id;
    RETURN confiture._remote_status(t.id, result);
END
$$;
COMMENT ON FUNCTION confiture.transition_status(text) IS
'How far a transition has come, as one JSON object: state, next (what to do), validation (the last one), failure (the error of a background worker: sqlstate, message, detail, hint, at, and whether it is retried), workers (its background workers: pid, drives), limits (max_rate; max_replica_lag, and replica_lag, how many bytes the last replica is behind: null for those who may not see it), blockers (who holds locks that are in the way now, and not for a moment only), and for each table rows_copied, rows_estimated, rows_per_second (of the last 10 seconds; when all is copied, of all the time that took), remaining_s, copied, indexed, log_length (at most a million; null for those who may not look), lag_s (since the log was last empty).
Arguments: name.
Errors: CF034 no such transition.
Example: SELECT jsonb_pretty(confiture.transition_status(''to_v2''));';
