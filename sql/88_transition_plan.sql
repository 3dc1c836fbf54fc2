-- Transitions: what each step will run, and how long it may take.

-- How long the parts of a transition take with some rows of a source: on tables that are made for it,
-- in a subtransaction that is rolled back. They belong to the owner of the source, who runs what is computed
-- and checked. Milliseconds by what was measured; rows; error, if a row does not fit; {} when there is
-- nothing to be measured.
CREATE OR REPLACE FUNCTION confiture._transition_measure(p confiture.transition_table, sample_rows integer) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    result jsonb := '{}';
    place name := (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = p.target);
    owner name := confiture._transition_owner(p.source);
    made text := format('%I.%I', place, 'confiture_sample_' || p.id);
    indexed text := format('%I.%I', place, 'confiture_indexed_' || p.id);
    target text := confiture._relation_name(p.target);
    -- Of two tables that are merged only the main one is measured: what the other has is NULL in the sample.
    loosen text := (SELECT string_agg(format('ALTER %I DROP NOT NULL', a.attname), ', ') FROM pg_attribute AS a
        WHERE a.attrelid = p.target AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND a.attgenerated = '' AND NOT p.columns ? a.attname);
    step record;
    started timestamptz;
    count bigint;
BEGIN
    -- What is merged comes along with the main table.
    IF sample_rows = 0 OR place IS NULL OR (p.shape = 'merge' AND NOT p.main) OR pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
        RETURN result;
    END IF;
    -- Until it is rolled back.
    IF NOT has_schema_privilege(owner, place, 'CREATE') THEN
        EXECUTE format('GRANT CREATE ON SCHEMA %I TO %I', place, owner);
    END IF;
    IF NOT has_table_privilege(owner, p.target, 'SELECT') THEN
        EXECUTE format('GRANT SELECT ON %s TO %I', target, owner);
    END IF;
    FOR step IN SELECT * FROM (VALUES
            ('table', format('CREATE TABLE %s (LIKE %s INCLUDING GENERATED INCLUDING STORAGE INCLUDING CONSTRAINTS)', made, target)),
            ('loosen', 'ALTER TABLE ' || made || ' ' || loosen),
            ('trigger', (SELECT s FROM confiture._transition_trigger_statements(p.id, made, 'guard') AS s LIMIT 1)),
            ('untrigger', format('DROP TRIGGER %I ON %s', 'confiture_transition' || CASE WHEN p.main THEN '' ELSE '_2' END, made)),
            ('key', format('CREATE UNIQUE INDEX ON %s (%s)', made,
                (SELECT string_agg(quote_ident(k.name), ', ' ORDER BY k.ordinal) FROM unnest(p.target_key) WITH ORDINALITY AS k (name, ordinal)))),
            ('copy', format(E'INSERT INTO %s (%s) SELECT %s FROM ONLY %s AS source WHERE (%s\n) LIMIT %s', made,
                (SELECT string_agg(quote_ident(c.key), ', ' ORDER BY c.ordinality) FROM jsonb_each_text(p.columns) WITH ORDINALITY AS c),
                (SELECT string_agg('(' || c.value || E'\n)', ', ' ORDER BY c.ordinality) FROM jsonb_each_text(p.columns) WITH ORDINALITY AS c),
                confiture._relation_name(p.source), CASE p.shape WHEN 'split' THEN coalesce(p.condition, 'true') ELSE 'true' END, sample_rows)),
            ('analyze', format('ANALYZE %s', made)),
            ('digest', format('SELECT * FROM %s', made)),
            ('indexed', format('CREATE TABLE %s (LIKE %s INCLUDING GENERATED INCLUDING INDEXES)', indexed, target)),
            ('loosen', 'ALTER TABLE ' || indexed || ' ' || loosen),
            ('fill', format('INSERT INTO %s (%s) SELECT %2$s FROM %s', indexed,
                (SELECT string_agg(quote_ident(c.key), ', ' ORDER BY c.ordinality) FROM jsonb_each_text(p.columns) WITH ORDINALITY AS c), made)),
            ('rename', format('ALTER TABLE %s RENAME TO %I', indexed, 'confiture_renamed_' || p.id)),
            ('back', format('ALTER TABLE %I.%I RENAME TO %I', place, 'confiture_renamed_' || p.id, 'confiture_indexed_' || p.id))
        ) AS s (part, statement) WHERE s.statement IS NOT NULL LOOP
        started := clock_timestamp();
        IF step.part = 'trigger' THEN
            EXECUTE step.statement;  -- its function is ours
        ELSIF step.part = 'digest' THEN
            PERFORM confiture._digest_as_owner(p.source, step.statement);
        ELSE
            count := confiture._do_as_owner(p.source, step.statement);
        END IF;
        result := result || jsonb_build_object(step.part, extract(epoch FROM clock_timestamp() - started) * 1000)
            || CASE step.part WHEN 'copy' THEN jsonb_build_object('rows', count) ELSE '{}' END;
    END LOOP;
    -- Its secondary indexes are those of the target; each by what it is over.
    FOR step IN SELECT i.indexrelid AS part, format('REINDEX INDEX %s', confiture._relation_name(m.indexrelid)) AS statement
            FROM pg_index AS i JOIN pg_index AS m ON m.indrelid = to_regclass(indexed)
                AND confiture._transition_index_shape(m.indexrelid) = confiture._transition_index_shape(i.indexrelid)
            WHERE i.indrelid = p.target LOOP
        started := clock_timestamp();
        PERFORM confiture._do_as_owner(p.source, step.statement);
        result := result || jsonb_build_object(step.part::text, extract(epoch FROM clock_timestamp() - started) * 1000);
    END LOOP;
    started := clock_timestamp();
    EXECUTE format('DROP TABLE %s', made);
    result := result || jsonb_build_object('drop', extract(epoch FROM clock_timestamp() - started) * 1000);
    RAISE EXCEPTION USING ERRCODE = 'CFR00', MESSAGE = 'measured';
EXCEPTION WHEN SQLSTATE 'CFR00' THEN
    RETURN result;
WHEN OTHERS THEN
    RETURN jsonb_build_object('error', SQLERRM);
END
$$;

-- What an index is over, whatever its table is called.
CREATE OR REPLACE FUNCTION confiture._transition_index_shape(index oid) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnatts) AS k)
        || ARRAY[c.relam::text, i.indclass::text, i.indcollation::text, i.indoption::text, i.indisunique::text, i.indisprimary::text,
            pg_get_expr(i.indpred, i.indrelid)]
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE i.indexrelid = index
$$;

-- A measured time, for another number of rows.
CREATE OR REPLACE FUNCTION confiture._transition_scaled(measured jsonb, part text, rows bigint, growth text)
RETURNS TABLE (ms double precision, said text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT round((m.ms * CASE WHEN m.n = 0 OR growth = 'none' THEN 1
            WHEN growth = 'sorted' THEN (greatest(rows, 2) * ln(greatest(rows, 2))) / (greatest(m.n, 2) * ln(greatest(m.n, 2)))
            WHEN growth = 'sampled' THEN least(rows, 30000)::double precision / least(m.n, 30000)
            ELSE rows::double precision / m.n END)::numeric, 1)::double precision,
        CASE WHEN measured ? 'error' THEN 'not measured: ' || (measured ->> 'error')
            WHEN m.ms IS NULL THEN 'not measured'
            WHEN growth = 'none' THEN 'measured on an empty copy'
            WHEN m.n = 0 THEN 'measured without rows'
            ELSE format('%s rows; %s of them took %s ms', rows, m.n, round(m.ms::numeric, 1)) END
    FROM (SELECT (measured ->> part)::double precision AS ms, (measured ->> 'rows')::bigint AS n) AS m
$$;

CREATE OR REPLACE FUNCTION confiture.transition_plan(name text, sample_rows integer DEFAULT 10000)
RETURNS TABLE (ordinal bigint, step text, relation text, statement text, lock text, estimate_ms double precision, estimate text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET jit = off
AS $$
DECLARE
    t confiture.transition := confiture._transition_get(name);
    tries text := format('; in tries of %s', t.options ->> 'lock_timeout');
    done integer := confiture._transition_rank(t.state);
    swap text := t.options ->> 'swap';
BEGIN
    IF sample_rows IS NULL OR sample_rows NOT BETWEEN 0 AND 10000000 THEN
        RAISE EXCEPTION 'a plan can''t be measured with % rows', coalesce(sample_rows::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = '0 (nothing is measured) to 10000000.';
    ELSIF confiture._transition_is_remote(t.id) THEN
        RETURN QUERY SELECT x.* FROM confiture._remote_plan(t, sample_rows) AS x;
        RETURN;
    END IF;
    RETURN QUERY
    WITH measured AS MATERIALIZED (
        SELECT r.id, r.ordinal, r AS pair, r.shape = 'merge' AND NOT r.main AS carried, r.source, r.target, r.columns, r.source_key, r.foreign_keys, r.indexes,
            confiture._relation_name(r.source) AS s, confiture._relation_name(r.target) AS g,
            format('%I.confiture_log_%s', t.target_schema, r.id) AS l,
            confiture._transition_estimate_rows(r.source) AS n,
            CASE WHEN done <= 4 THEN confiture._transition_measure(r, sample_rows) ELSE '{}' END AS m
        FROM confiture.transition_table AS r WHERE r.transition = t.id AND to_regclass(confiture._relation_name(r.source)) IS NOT NULL
            AND to_regclass(confiture._relation_name(r.target)) IS NOT NULL
    ), p AS (
        -- A sample that is smaller than it may be is all there is.
        SELECT m.id, m.ordinal, m.pair, m.carried, m.source, m.target, m.columns, m.source_key, m.foreign_keys, m.indexes, m.s, m.g, m.l, m.m,
            CASE WHEN (m.m ->> 'rows')::bigint < sample_rows THEN (m.m ->> 'rows')::bigint ELSE m.n END AS n
        FROM measured AS m
    -- done_at: from which rank of the state on it is done.
    ), line (done_at, rank, pair, at, step, relation, statement, lock, measured, part, growth, n) AS (
        SELECT 2, 10, p.ordinal, 1, 'capture', p.l, confiture._transition_log_statement(p.pair, p.l), 'AccessExclusiveLock on the new table', p.m, 'table', 'none', p.n FROM p
        UNION ALL SELECT 2, 9, p.ordinal, 1, 'capture', p.g, x.f, 'AccessExclusiveLock on the target, which nobody uses', p.m, 'rename', 'none', p.n
            FROM p, LATERAL confiture._transition_follow_owner(p.pair) AS x (f)
        UNION ALL SELECT 2, 11, p.ordinal, x.ordinality, 'capture', p.s, x.s, 'ShareRowExclusiveLock: writers wait, readers do not' || tries, p.m, 'trigger', 'none', p.n
            FROM p, LATERAL confiture._transition_trigger_statements(p.id, p.s, 'capture') WITH ORDINALITY AS x (s, ordinality)
        UNION ALL SELECT 2, 12, p.ordinal, x.ordinality, 'capture', p.g, x.s, 'ShareRowExclusiveLock on the target, which nobody uses', p.m, 'trigger', 'none', p.n
            FROM p, LATERAL confiture._transition_trigger_statements(p.id, p.g, 'guard') WITH ORDINALITY AS x (s, ordinality)
        UNION ALL SELECT 2, 13, p.ordinal, row_number() OVER (), 'capture', p.g, o.statement, 'AccessExclusiveLock on the target, which nobody uses', p.m, 'drop', 'none', p.n
            FROM p, LATERAL confiture._transition_taken_off(p.pair) AS o
        UNION ALL SELECT 4, 20, p.ordinal, 1, 'copy', p.s, CASE WHEN p.carried THEN 'its rows come along with those that they belong to' ELSE format('INSERT INTO %s (%s) SELECT %s FROM ONLY %s AS source WHERE ROW(%s) > ... AND ROW(%5$s) <= ...: in chunks of %s ms',
                p.g, (SELECT string_agg(quote_ident(c.key), ', ') FROM jsonb_each_text(p.columns) AS c), (SELECT string_agg(c.value, ', ') FROM jsonb_each_text(p.columns) AS c),
                p.s, confiture._transition_key(p.source_key, 'source'), t.options ->> 'chunk_ms') END,
            'AccessShareLock on the source: nobody waits', p.m, 'copy', 'rows', p.n FROM p
        UNION ALL SELECT 5, 30, p.ordinal, 1, 'catch_up', p.g, format('DELETE FROM %s, and the rows with those keys, as they are then', p.l),
            'AccessShareLock on the source: nobody waits', NULL, NULL, 'as many as are written meanwhile', NULL FROM p
        UNION ALL SELECT 5, 31, p.ordinal, row_number() OVER (), 'catch_up', p.g, confiture._transition_definition(p.target, i."constraint", i.definition),
            'ShareLock on the target, which nobody uses', p.m, coalesce(i.index::text, 'taken off'), 'sorted', p.n
            FROM p, LATERAL (SELECT o."constraint"::text, o.definition, o.index FROM confiture._transition_taken_off(p.pair) AS o WHERE o.kind = 'index' AND done = 1
                UNION ALL SELECT j ->> 'constraint', j ->> 'definition', NULL FROM jsonb_array_elements(p.indexes) AS j) AS i
        UNION ALL SELECT 5, 32, p.ordinal, 1, 'catch_up', p.g, format('ANALYZE %s', p.g), 'ShareUpdateExclusiveLock on the target', p.m, 'analyze', 'sampled', p.n FROM p
        UNION ALL SELECT 5, 40, p.ordinal, x.ordinality, 'mirror', p.g, x.f, 'AccessExclusiveLock on the target, which nobody uses', p.m, 'rename', 'none', p.n
            FROM p, LATERAL confiture._transition_follow(p.pair) WITH ORDINALITY AS x (f, ordinality)
        UNION ALL SELECT 5, 41, p.ordinal, x.ordinality, 'mirror', p.s, x.s, 'ShareRowExclusiveLock: writers wait, readers do not' || tries, p.m, 'trigger', 'none', p.n
            FROM p, LATERAL confiture._transition_trigger_statements(p.id, p.s, 'mirror') WITH ORDINALITY AS x (s, ordinality)
        UNION ALL SELECT 5, 42, p.ordinal, x.ordinality, 'mirror', p.g, x.s, 'ShareRowExclusiveLock on the target, which nobody uses', p.m, 'trigger', 'none', p.n
            FROM p, LATERAL confiture._transition_trigger_statements(p.id, p.g, 'back') WITH ORDINALITY AS x (s, ordinality)
        UNION ALL SELECT 5, 43, p.ordinal, row_number() OVER (), 'mirror', p.g, confiture._transition_definition(p.target, f.name, confiture._transition_unchecked(f.definition)),
            'ShareRowExclusiveLock on the target and on the table it refers to', p.m, 'trigger', 'none', p.n FROM p, LATERAL (
                SELECT o.name::text, o.definition FROM confiture._transition_taken_off(p.pair) AS o WHERE o.kind = 'foreign key' AND done = 1
                UNION ALL SELECT j ->> 'name', j ->> 'definition' FROM jsonb_array_elements(p.foreign_keys) AS j) AS f
        UNION ALL SELECT 6, 50, p.ordinal, 1, 'validate', p.s, format('SELECT * FROM confiture._digest_as_owner(%L::regclass, ...), and of %s, for each range of keys', p.s, p.g),
            'AccessShareLock: nobody waits', p.m, 'digest', 'both', 2 * p.n FROM p
        UNION ALL SELECT 6, 51, p.ordinal, row_number() OVER (), 'validate', p.g, format('ALTER TABLE %s VALIDATE CONSTRAINT %I', p.g, f.name),
            'ShareUpdateExclusiveLock on the target: nobody waits', NULL, NULL, 'a scan of ' || pg_size_pretty(pg_table_size(p.source)), NULL FROM p, LATERAL (
                SELECT o.conname::text FROM pg_constraint AS o WHERE o.conrelid = p.target AND o.contype = 'f'
                UNION ALL SELECT j ->> 'name' FROM jsonb_array_elements(p.foreign_keys) AS j) AS f (name)
        UNION ALL SELECT 7, 60, 0, x.ordinality, 'cutover', x.relation, x.statement, CASE WHEN swap = 'schema' THEN 'none on tables: nobody waits'
                WHEN x.relation IS NULL THEN 'none on tables' ELSE 'AccessExclusiveLock: everybody waits' || tries END,
                (SELECT q.m FROM p AS q ORDER BY q.ordinal LIMIT 1), 'rename', 'none', 0
            FROM confiture._transition_swap_statements(t) WITH ORDINALITY AS x (relation, statement, ordinality)
        UNION ALL SELECT 8, 70, 0, 1, 'contract', NULL, format('DROP TABLE %s', (SELECT string_agg(x.name, ', ' ORDER BY x.ordinal, x.place)
                FROM (SELECT v.name, v.place, min(q.ordinal) AS ordinal FROM p AS q, LATERAL (VALUES (q.s, 1), (q.l, 2)) AS v (name, place) GROUP BY 1, 2) AS x)),
            'AccessExclusiveLock: everybody waits' || tries, (SELECT q.m FROM p AS q ORDER BY q.ordinal LIMIT 1), 'drop', 'none', 0 WHERE EXISTS (SELECT FROM p)
        UNION ALL SELECT 8, 71, p.ordinal, 1, 'contract', p.g, format('DROP TRIGGER confiture_transition%s ON %s, and confiture_transition_truncate%1$s', CASE WHEN (p.pair).main THEN '' ELSE '_2' END, p.g),
            'AccessExclusiveLock: everybody waits', p.m, 'untrigger', 'none', p.n FROM p
    )
    SELECT row_number() OVER (ORDER BY l.rank, CASE WHEN l.rank IN (30, 31, 32) THEN l.pair END, l.pair, l.at), l.step, l.relation, l.statement, l.lock, e.ms,
        CASE WHEN l.part IS NULL THEN l.growth ELSE e.said END
    FROM line AS l, LATERAL confiture._transition_scaled(coalesce(l.measured, '{}'), l.part, l.n::bigint, l.growth) AS e
    WHERE l.done_at > done ORDER BY 1;
END
$$;
COMMENT ON FUNCTION confiture.transition_plan(text, integer) IS
'What the steps that are left of a transition run, on which relation, under which lock, and how long that may take. Measured, until the rows are copied: some rows of each source are copied, indexed and compared on tables that are made for it in the schema of the target, and all that is rolled back; a row that does not fit shows in the estimate. When the target is on another server, they are sent there as the copy sends them, and what each server runs is told by that server. Waiting for a lock is no part of it.
Arguments: name; sample_rows, how many rows of each table, 0 (nothing is measured) to 10000000, default 10000.
Columns: ordinal, step (capture, copy, ...: the functions confiture.transition_*), relation, statement, lock, estimate_ms (milliseconds; NULL: unknown), estimate (what it was made from).
Errors: 22023 another number of rows; CF034 no such transition.
Example: SELECT step, statement, lock, estimate_ms FROM confiture.transition_plan(''to_v2'');';
