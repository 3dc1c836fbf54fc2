-- Transitions to another server: what each step will run, on both servers, and how long it may take.

-- What can't be measured, and why; NULL: it can.
CREATE OR REPLACE FUNCTION confiture._remote_unmeasured(t confiture.transition, sample_rows integer) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN sample_rows = 0 THEN 'no rows are to be tried'
        WHEN pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN 'the transaction may only read'
        WHEN confiture._transition_rank(t.state) > 4 THEN 'the rows are on both sides already' END
$$;

-- How long the parts take for a pair: its first rows go through a door like its own to a table like the target, where
-- they are indexed and compared; then all of it is taken back, there too. Milliseconds by what was measured, here and there.
CREATE OR REPLACE FUNCTION confiture._remote_measure(p confiture.transition_table, sample_rows integer, OUT here jsonb, OUT there jsonb)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET timezone = 'UTC'
SET row_security = off
AS $$
DECLARE
    about jsonb := jsonb_build_object('half', confiture._remote_half(p.id), 'key', p.target_key, 'constants', confiture._remote_constants(p));
    made text := confiture._remote_table(p, 'sample');
    renamed text := confiture._remote_table(p, 'renamed');
    source text := confiture._relation_name(p.source);
    step record;
    compared record;
    upper text[];
    count bigint;
    bounded double precision;
    started timestamptz;
BEGIN
    there := confiture._remote_call(p.transition, 'sample', about);
    FOR step IN SELECT * FROM (VALUES
            ('table', format('CREATE TABLE %s (LIKE %s INCLUDING GENERATED)', made, source)),
            ('trigger', (SELECT s FROM confiture._transition_trigger_statements(p.id, made, 'capture') AS s LIMIT 1)),
            ('untrigger', format('DROP TRIGGER confiture_transition ON %s', made)),
            ('rename', format('ALTER TABLE %s RENAME TO %I', made, 'renamed_' || p.id)),
            ('drop', format('DROP TABLE %s', renamed)),
            ('view', format('CREATE VIEW %s AS %s', made, confiture._remote_view_query(p))),
            ('unview', format('DROP VIEW %s', made)),
            ('foreign', (SELECT format('CREATE FOREIGN TABLE %s (%s, confiture_what "char") SERVER %I OPTIONS (schema_name %L, table_name %L, batch_size ''1000'')',
                made, string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum), r.server,
                confiture._remote_schema(r.peer), 'door_' || (there ->> 'sample'))
                FROM confiture.transition_remote AS r, pg_attribute AS a
                WHERE r.transition = p.transition AND a.attrelid = p.target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                GROUP BY r.server, r.peer))
        ) AS s (part, statement) LOOP
        started := clock_timestamp();
        IF step.part = 'foreign' THEN
            PERFORM confiture._do_as_owner(confiture._remote_maker(p.transition), step.statement);
        ELSE
            EXECUTE step.statement;
        END IF;
        here := coalesce(here, '{}') || jsonb_build_object(step.part, extract(epoch FROM clock_timestamp() - started) * 1000);
    END LOOP;
    started := clock_timestamp();
    upper := confiture._transition_bound(p, NULL, sample_rows);
    bounded := extract(epoch FROM clock_timestamp() - started) * 1000;
    started := clock_timestamp();
    count := confiture._remote_move(p.transition, confiture._remote_copy_statement(p, made, confiture._transition_range(p, p.source_key, 'source', NULL, upper)));
    here := here || jsonb_build_object('copy', bounded + extract(epoch FROM clock_timestamp() - started) * 1000, 'rows', count);
    -- A range of the validation.
    SELECT c.* INTO compared FROM confiture._remote_compared(p) AS c;
    started := clock_timestamp();
    PERFORM confiture._digest_as_owner(p.source, format('SELECT %s FROM ONLY %s AS source WHERE %s', compared.expressions, source,
        confiture._transition_range(p, p.source_key, 'source', NULL, upper)));
    here := here || jsonb_build_object('digest', bounded + extract(epoch FROM clock_timestamp() - started) * 1000);
    there := there || confiture._remote_call(p.transition, 'measure', about || there || jsonb_build_object('rows', count));
    started := clock_timestamp();
    PERFORM confiture._remote_call(p.transition, 'digest', jsonb_build_object('half', there -> 'sample', 'columns', compared.columns, 'lower', NULL, 'upper', upper, 'latest', false));
    there := there || jsonb_build_object('digest', extract(epoch FROM clock_timestamp() - started) * 1000);
    RAISE EXCEPTION USING ERRCODE = 'CFR00', MESSAGE = 'measured';
EXCEPTION WHEN SQLSTATE 'CFR00' THEN
    RETURN;
WHEN OTHERS THEN
    here := jsonb_build_object('error', SQLERRM);
    there := here;
END
$$;

-- What is run here for a pair, as _half_plan_lines() has it.
CREATE OR REPLACE FUNCTION confiture._remote_plan_lines(t confiture.transition, r confiture.transition_remote, p confiture.transition_table)
RETURNS TABLE (rank integer, at bigint, step text, relation text, statement text, lock text, part text, growth text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH h AS (SELECT confiture._relation_name(p.source) AS s, confiture._relation_name(p.target) AS shape,
        format('%I.confiture_log_%s', confiture._remote_schema(t.id), p.id) AS log, confiture._remote_table(p, 'door') AS door,
        '; in tries of ' || (t.options ->> 'lock_timeout') AS tries, confiture._remote_compared(p) AS compared)
    SELECT 20, 0::bigint, 'capture', h.log, confiture._transition_log_statement(p, h.log), 'AccessExclusiveLock on the new table', 'table', 'none' FROM h
    UNION ALL SELECT 21, g.n, 'capture', h.s, g.statement, 'ShareRowExclusiveLock: writers wait, readers do not' || h.tries, 'trigger', 'none'
    FROM h, confiture._transition_trigger_statements(p.id, h.s, 'capture') WITH ORDINALITY AS g (statement, n)
    UNION ALL SELECT 22, g.n, 'capture', h.shape, g.statement, 'ShareRowExclusiveLock on a table that is always empty', 'trigger', 'none'
    FROM h, confiture._transition_trigger_statements(p.id, h.shape, 'guard') WITH ORDINALITY AS g (statement, n)
    UNION ALL SELECT 23, row_number() OVER (), 'capture', h.shape, o.statement, 'AccessExclusiveLock on a table that is always empty', 'drop', 'none'
    FROM h, confiture._transition_taken_off(p) AS o
    UNION ALL SELECT 25, 0, 'copy', h.s, confiture._remote_copy_statement(p, h.door, format('ROW(%s) > ... AND ROW(%1$s) <= ...: in chunks of %2$s ms',
            confiture._transition_key(p.source_key, 'source'), t.options ->> 'chunk_ms')), 'AccessShareLock on the source: nobody waits', 'copy', 'rows' FROM h
    UNION ALL SELECT 30, 0, 'catch_up', h.s, format('DELETE FROM %s, and the rows with those keys, as they are then, to %s', h.log, h.door),
        'AccessShareLock on the source: nobody waits', NULL, 'as many as are written meanwhile' FROM h
    UNION ALL SELECT 41, g.n, 'mirror', NULL, g.statement, 'none on tables', 'view', 'none'
    FROM confiture._remote_sync_statements(p) WITH ORDINALITY AS g (statement, n) WHERE r.mode = 'synchronous'
    UNION ALL SELECT 42, -1, 'mirror', h.s, format('DELETE FROM %s, and the rows with those keys, as they are then, to %s', h.log, h.door),
        'ShareRowExclusiveLock: writers wait, readers do not' || h.tries, NULL, 'the last entries of the log' FROM h WHERE r.mode = 'synchronous'
    UNION ALL SELECT 42, g.n, 'mirror', h.s, g.statement, 'ShareRowExclusiveLock: writers wait, readers do not' || h.tries, 'trigger', 'none'
    FROM h, confiture._transition_triggers(h.s, '', confiture._remote_table(p, 'sync') || '()') WITH ORDINALITY AS g (statement, n) WHERE r.mode = 'synchronous'
    UNION ALL SELECT 50, 0, 'validate', h.s, format('SELECT * FROM confiture._digest_as_owner(%L::regclass, %L), for each range of keys', h.s,
            format('SELECT %s FROM ONLY %s AS source', (h.compared).expressions, h.s)),
        'AccessShareLock: nobody waits', 'digest', 'rows' FROM h
    UNION ALL SELECT 60, g.n, 'cutover', NULL, g.statement, 'none on tables', 'foreign', 'none'
    FROM h, confiture._remote_pull_statements(p) WITH ORDINALITY AS g (statement, n)
    UNION ALL SELECT 61, g.n, 'cutover', confiture._remote_table(p, 'new'), g.statement, 'none on tables', 'view', 'none'
    FROM h, unnest(ARRAY(SELECT confiture._remote_admit_statements(p)) || ARRAY(SELECT confiture._remote_stand_in_statements(p)))
        WITH ORDINALITY AS g (statement, n)
    UNION ALL SELECT 62, -1, 'cutover', h.s, format('DELETE FROM %s, and the rows with those keys, as they are then, to %s', h.log, h.door),
        'AccessExclusiveLock: everybody waits' || h.tries, NULL, 'the last entries of the log' FROM h
    UNION ALL SELECT 62, 0, 'cutover', h.s, format('ALTER SEQUENCE %s INCREMENT BY %s', confiture._relation_name(q.own), e.seqincrement * 2),
        'ShareRowExclusiveLock on the sequence', 'rename', 'none'
    FROM h, confiture._remote_sequences(p) AS q JOIN pg_sequence AS e ON e.seqrelid = q.own
    UNION ALL SELECT 62, g.n, 'cutover', h.s, g.statement, 'AccessExclusiveLock: everybody waits' || h.tries, 'rename', 'none'
    FROM h, confiture._remote_swap_statements(p) WITH ORDINALITY AS g (statement, n)
$$;

-- What transition_plan() says.
CREATE OR REPLACE FUNCTION confiture._remote_plan(t confiture.transition, sample_rows integer)
RETURNS TABLE (ordinal bigint, step text, relation text, statement text, lock text, estimate_ms double precision, estimate text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r confiture.transition_remote;
    unmeasured text := confiture._remote_unmeasured(t, sample_rows);
    done integer := confiture._transition_rank(t.state);
    halves jsonb;
    unknown text;
BEGIN
    IF NOT t.live THEN
        RETURN;
    END IF;
    SELECT x.* INTO r FROM confiture.transition_remote AS x WHERE x.transition = t.id;
    BEGIN
        halves := confiture._remote_call(t.id, 'plan', jsonb_build_object('tables', (
            SELECT jsonb_agg(jsonb_build_object('half', confiture._remote_half(p.id), 'key', p.target_key, 'constants', confiture._remote_constants(p)) ORDER BY p.ordinal)
            FROM confiture.transition_table AS p WHERE p.transition = t.id)));
    EXCEPTION WHEN OTHERS THEN
        -- It is away, or may not be written: what is run here is known all the same.
        unknown := SQLERRM;
        unmeasured := coalesce(unmeasured, unknown);
    END;
    RETURN QUERY
    WITH p AS MATERIALIZED (
        SELECT q AS pair, q.id, q.ordinal, confiture._remote_half(q.id) AS half, q.source,
            format('%I.%I on server %I', m.target_schema, m.target_table, r.server) AS g, confiture._transition_estimate_rows(q.source) AS n,
            CASE WHEN unmeasured IS NULL THEN (SELECT to_jsonb(x) FROM confiture._remote_measure(q, sample_rows) AS x)
                ELSE jsonb_build_object('here', jsonb_build_object('error', unmeasured), 'there', jsonb_build_object('error', unmeasured)) END AS m
        FROM confiture.transition_table AS q JOIN confiture.transition_remote_table AS m ON m.pair = q.id
        WHERE q.transition = t.id AND to_regclass(confiture._relation_name(q.source)) IS NOT NULL
    ), line (rank, pair, at, step, relation, statement, lock, measured, part, growth, n) AS (
        SELECT l.rank, p.ordinal, l.at, l.step, l.relation, l.statement, l.lock, p.m -> 'here', l.part, l.growth, p.n
        FROM p, confiture._remote_plan_lines(t, r, p.pair) AS l
        UNION ALL SELECT l.rank, p.ordinal, l.at, l.step, CASE WHEN l.relation IS NULL THEN format('server %I', r.server) ELSE p.g END, l.statement, l.lock, p.m -> 'there', l.part, l.growth, p.n
        FROM p, jsonb_to_recordset(halves) AS l (half integer, rank integer, at bigint, step text, relation text, statement text, lock text, part text, growth text)
        WHERE l.half = p.half
        UNION ALL SELECT 51, p.ordinal, 0, 'validate', p.g, format('SELECT * FROM confiture._digest_as_owner(%L::regclass, %L), for each range of keys', format('%I.%I', m.target_schema, m.target_table),
            format('SELECT %s FROM ONLY %I.%I AS target', confiture._remote_digest_columns((p.pair).target, 'target', c.columns), m.target_schema, m.target_table)),
            'AccessShareLock: nobody waits', p.m -> 'there', 'digest', 'rows', p.n
        FROM p JOIN confiture.transition_remote_table AS m ON m.pair = p.id, confiture._remote_compared(p.pair) AS c
        UNION ALL SELECT 72, 0, x.n, 'contract', NULL, x.statement, 'AccessExclusiveLock: who uses what was set aside waits; in tries of ' || (t.options ->> 'lock_timeout'),
            (SELECT q.m -> 'here' FROM p AS q ORDER BY q.ordinal LIMIT 1), 'drop', 'none', 0
        FROM confiture._remote_contract_statements(t) WITH ORDINALITY AS x (statement, n) WHERE EXISTS (SELECT FROM p)
        UNION ALL SELECT 0, p.ordinal, 0, CASE WHEN done = 1 THEN 'capture' WHEN done < 4 THEN 'copy' WHEN done = 4 THEN 'catch_up' WHEN done = 5 THEN 'validate' WHEN done = 6 THEN 'cutover' ELSE 'contract' END,
            p.g, 'what is run there is not known', 'not known', NULL, NULL, 'not measured: ' || unknown, NULL FROM p WHERE unknown IS NOT NULL
    )
    SELECT row_number() OVER (ORDER BY l.rank, CASE WHEN l.rank IN (30, 31, 32) THEN l.pair END, l.pair, l.at), l.step, l.relation, l.statement, l.lock, e.ms,
        CASE WHEN l.part IS NULL THEN l.growth ELSE e.said END
    FROM line AS l, LATERAL confiture._transition_scaled(coalesce(l.measured, '{}'), l.part, CASE WHEN (l.measured ->> 'rows')::bigint < sample_rows THEN (l.measured ->> 'rows')::bigint ELSE l.n::bigint END, l.growth) AS e
    WHERE CASE l.step WHEN 'capture' THEN 2 WHEN 'copy' THEN 4 WHEN 'catch_up' THEN 5 WHEN 'mirror' THEN 5 WHEN 'validate' THEN 6 WHEN 'cutover' THEN 7 ELSE 8 END > done
        OR l.rank = 0
    ORDER BY 1;
END
$$;
