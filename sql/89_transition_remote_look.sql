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
