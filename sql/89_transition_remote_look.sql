-- Transitions to another server: what there is to see.

-- What transition_status() says besides.
CREATE OR REPLACE FUNCTION confiture._remote_status(transition integer, status jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((
        SELECT status || jsonb_build_object('side', r.side, 'server', r.server, 'mode', r.mode, 'peer', r.about_peer,
            'contact_at', r.contact_at, 'problem', r.problem, 'problem_at', r.problem_at)
            || CASE WHEN r.side = 'source' THEN jsonb_build_object('tables', (
                SELECT coalesce(jsonb_agg(e.value || jsonb_build_object('target', p.target_name) ORDER BY e.n), '[]')
                FROM jsonb_array_elements(status -> 'tables') WITH ORDINALITY AS e (value, n)
                JOIN (SELECT q.target_name, row_number() OVER (ORDER BY q.ordinal) AS n FROM confiture.transition_table AS q
                    WHERE q.transition = _remote_status.transition) AS p ON p.n = e.n))
               ELSE jsonb_build_object('next', 'It is moved by the server that has its source tables.') END
        FROM confiture.transition_remote AS r WHERE r.transition = _remote_status.transition), status)
$$;

-- What transition_plan() says.
CREATE OR REPLACE FUNCTION confiture._remote_plan(t confiture.transition)
RETURNS TABLE (ordinal bigint, step text, relation text, statement text, lock text, estimate text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH p AS (
        SELECT q.ordinal, q.id, coalesce(confiture._relation_name(q.source), q.source_name) AS s,
            format('%I.%I on server %I', m.target_schema, m.target_table, r.server) AS g, q.rows_estimated, r.mode,
            confiture._remote_schema(t.id) AS here, confiture._remote_schema(r.peer) AS there, m.peer AS half,
            'milliseconds, in tries of ' || (t.options ->> 'lock_timeout') AS tries
        FROM confiture.transition_table AS q JOIN confiture.transition_remote_table AS m ON m.pair = q.id
        JOIN confiture.transition_remote AS r ON r.transition = q.transition WHERE q.transition = t.id
    ), line (rank, pair, step, relation, statement, lock, estimate) AS (
        SELECT 10, p.ordinal, 'capture', p.g, 'triggers that let nobody write but the transition; its indexes and foreign keys are dropped until it is filled', 'AccessExclusiveLock on the target', 'milliseconds' FROM p
        UNION ALL SELECT 11, p.ordinal, 'capture', p.g, format('CREATE SCHEMA %I: door_%s, through which rows come, log_%s', p.there, p.half, p.half), 'none on other tables', 'milliseconds' FROM p
        UNION ALL SELECT 12, p.ordinal, 'capture', p.s, 'CREATE TRIGGER confiture_transition, confiture_transition_truncate', 'ShareRowExclusiveLock: writers wait, readers do not', p.tries FROM p
        UNION ALL SELECT 20, p.ordinal, 'copy', p.g, format('INSERT INTO %I.door_%s SELECT FROM %s, for each range of keys', p.here, p.id, p.s), 'AccessShareLock: nobody waits', format('%s rows', p.rows_estimated) FROM p
        UNION ALL SELECT 30, p.ordinal, 'catch_up', p.g, 'the rows whose keys are in the change log, in batches', 'none that writers see', 'as long as it takes to write so many rows' FROM p
        UNION ALL SELECT 31, p.ordinal, 'catch_up', p.g, 'its indexes are made again, then ANALYZE', 'ShareLock on the target, which nobody uses', 'minutes for millions of rows' FROM p
        UNION ALL SELECT 40, p.ordinal, 'mirror', p.g, 'its foreign keys are made again, NOT VALID', 'ShareRowExclusiveLock on the target, which nobody uses', 'milliseconds' FROM p
        UNION ALL SELECT 41, p.ordinal, 'mirror', p.s, 'the last entries of the log; then triggers that write the target in the writer''s transaction', 'ShareRowExclusiveLock: writers wait, readers do not', p.tries FROM p WHERE p.mode = 'synchronous'
        UNION ALL SELECT 50, p.ordinal, 'validate', p.s, 'SELECT count(*), digest on both servers, for each range of keys; rows of those that differ', 'AccessShareLock: nobody waits', 'about as long as two sequential scans' FROM p
        UNION ALL SELECT 60, p.ordinal, 'cutover', p.s, format('the last entries of the log; then a view over %s takes its place, and it goes to schema %I', p.g, p.here), 'AccessExclusiveLock: everybody waits', p.tries FROM p
        UNION ALL SELECT 61, p.ordinal, 'cutover', p.g, 'from now on everybody may write it; keys of written rows go to its log', 'ShareRowExclusiveLock on the target', 'milliseconds' FROM p
        UNION ALL SELECT 70, p.ordinal, 'contract', p.s, 'DROP TABLE of what was set aside; the triggers and logs on both servers; the view stays', 'AccessExclusiveLock on both', p.tries FROM p
    )
    SELECT row_number() OVER (ORDER BY l.rank, l.pair), l.step, l.relation, l.statement, l.lock, l.estimate FROM line AS l ORDER BY 1
$$;
