-- Transitions to another server: the cutover, the way back, and the end.
--
-- At the cutover the source table is set aside, and a view takes its place that reads and writes the
-- target: sessions, and what they have prepared, go on. What is written in the target since, through the
-- view or not, is captured there, and brought back to the table that was set aside.

-- Under the lock: sequences of both servers give every other value. Returns what the target needs to know.
CREATE OR REPLACE FUNCTION confiture._remote_interleave(p confiture.transition_table, half integer) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q record;
    at record;
    step bigint;
    result jsonb := '[]';
BEGIN
    FOR q IN SELECT s.* FROM confiture._remote_sequences(p) AS s LOOP
        step := (SELECT e.seqincrement FROM pg_sequence AS e WHERE e.seqrelid = q.own);
        EXECUTE format('ALTER SEQUENCE %s INCREMENT BY %s', confiture._relation_name(q.own), step * 2);
        at := confiture._transition_sequence_at(q.own);
        IF q.is_identity THEN
            EXECUTE format('ALTER SEQUENCE %s INCREMENT BY %s RESTART WITH %s', confiture._relation_name(q.used), step * 2,
                at.last_value + CASE WHEN at.is_called THEN step * 2 ELSE 0 END);
        ELSIF q.is_owned THEN
            -- It must not go with the table.
            EXECUTE format('ALTER SEQUENCE %s OWNED BY NONE', confiture._relation_name(q.own));
        END IF;
        UPDATE confiture.transition_table AS t
        SET sequences = t.sequences || jsonb_build_array(jsonb_build_object('own', q.own, 'used', q.used, 'increment', step,
            'source_column', q.source_column, 'target_column', q.target_column, 'is_owned', q.is_owned)) WHERE t.id = p.id;
        result := result || jsonb_build_array(jsonb_build_object('half', half, 'column', q.target_column,
            'increment', step * 2, 'start', at.last_value + step));
    END LOOP;
    RETURN result;
END
$$;

-- The statements by which the view takes the place of a table.
CREATE OR REPLACE FUNCTION confiture._remote_swap_statements(p confiture.transition_table) RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    schema name := confiture._remote_schema(p.transition);
    aside name := format('confiture_old_%s', p.id);
    place name;
    called name;
BEGIN
    SELECT n.nspname, c.relname INTO place, called FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = p.source;
    RETURN QUERY SELECT s FROM confiture._transition_trigger_statements(p.id, format('%I.%I', place, called), 'guard') AS s;
    RETURN QUERY SELECT format('ALTER TABLE %I.%I RENAME TO %I', place, called, aside);
    RETURN QUERY SELECT format('ALTER TABLE %I.%I SET SCHEMA %I', place, aside, schema);
    RETURN QUERY SELECT format('ALTER VIEW %s RENAME TO %I', confiture._remote_table(p, 'new'), called);
    RETURN QUERY SELECT format('ALTER VIEW %I.%I SET SCHEMA %I', schema, called, place);
END
$$;

-- Under the locks: the cutover.
CREATE OR REPLACE FUNCTION confiture._remote_do_cutover(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
    sequences jsonb := '[]';
BEGIN
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        PERFORM confiture._remote_drain(p, NULL);
        sequences := sequences || confiture._remote_interleave(p, confiture._remote_half(p.id));
        PERFORM confiture._transition_execute(ARRAY(SELECT confiture._remote_swap_statements(p)));
        PERFORM confiture._remote_sync_drop(p);
    END LOOP;
    PERFORM confiture._remote_call(t.id, 'open', jsonb_build_object('sequences', sequences, 'lock_timeout', t.options ->> 'lock_timeout'));
    PERFORM confiture._transition_set_state(t.id, 'cut_over');
END
$$;

-- The cutover.
CREATE OR REPLACE FUNCTION confiture._remote_cutover(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._remote_lock(t);
    PERFORM confiture._remote_refuse(t, '[]');
    PERFORM confiture._remote_stand_in(p) FROM confiture.transition_table AS p WHERE p.transition = t.id ORDER BY p.ordinal;
    FOR i IN 1 .. 20 LOOP
        EXIT WHEN confiture._remote_drain_all(t, 20000) < 200;
    END LOOP;
    PERFORM confiture._transition_locked(t, 'ACCESS EXCLUSIVE', '_remote_do_cutover');
END
$$;

-- Brings back what was written in the target, at most so many entries of each log. The entries are
-- kept there until a call of a later transaction says that this one was committed. Returns how many there were.
CREATE OR REPLACE FUNCTION confiture._remote_pull(
    t confiture.transition, max_entries bigint, fenced boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    applied bigint := (SELECT r.applied FROM confiture.transition_remote AS r WHERE r.transition = t.id);
    taken jsonb;
    p record;
    columns text;
    total bigint := 0;
BEGIN
    -- Values of unique columns may have changed places: then all at once, as in _remote_drain().
    IF EXISTS (SELECT FROM confiture.transition_table AS r, pg_index AS i
            WHERE r.transition = t.id AND i.indrelid = r.source AND (i.indisunique OR i.indisexclusion)
            GROUP BY r.id HAVING count(*) > 1) THEN
        max_entries := NULL;
    END IF;
    taken := confiture._remote_call(t.id, 'take', jsonb_build_object('applied', applied, 'limit', max_entries, 'open', NOT fenced));
    FOR p IN SELECT r AS pair, r.id, r.source, r.target, r.source_key, r.target_key, k.entries, k.truncated
            FROM confiture.transition_table AS r JOIN confiture.transition_remote_table AS m ON m.pair = r.id
            JOIN jsonb_to_recordset(taken -> 'tables') AS k (half integer, entries bigint, truncated boolean) ON k.half = m.peer
            WHERE r.transition = t.id AND k.entries > 0 ORDER BY r.ordinal LOOP
        total := total + p.entries;
        columns := (SELECT string_agg(format('NULL::%s', format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
            FROM pg_attribute AS a WHERE a.attrelid = p.target AND a.attnum > 0 AND NOT a.attisdropped);
        IF p.truncated THEN
            -- The target was emptied: what it does not have any more goes from here too.
            PERFORM confiture._transition_fill(p.id, true, format(
                'SELECT %s, %s FROM %s AS source LEFT JOIN %s AS target ON %s WHERE target.%I IS NULL',
                (SELECT string_agg(format('source.%I::%s', k.s, format_type(a.atttypid, -1)), ', ' ORDER BY k.n)
                 FROM unnest(p.source_key, p.target_key) WITH ORDINALITY AS k (s, t, n)
                 JOIN pg_attribute AS a ON a.attrelid = p.target AND a.attname = k.t),
                columns, confiture._remote_keys(p.pair), confiture._remote_table(p.pair, 'target'),
                confiture._transition_same_key(p.source_key, 'source', p.target_key, 'target'), p.target_key[1]), 'put');
        END IF;
        PERFORM confiture._transition_fill(p.id, true, format('SELECT %s, %s FROM %s AS g',
            (SELECT string_agg(format('g.k%s::%s', k.n, format_type(a.atttypid, -1)), ', ' ORDER BY k.n)
             FROM unnest(p.target_key) WITH ORDINALITY AS k (t, n) JOIN pg_attribute AS a ON a.attrelid = p.target AND a.attname = k.t),
            (SELECT string_agg(format('g.c%s', a.attnum), ', ' ORDER BY a.attnum)
             FROM pg_attribute AS a WHERE a.attrelid = p.target AND a.attnum > 0 AND NOT a.attisdropped),
            confiture._remote_table(p.pair, CASE WHEN fenced THEN 'fenced' ELSE 'pull' END)),
            CASE WHEN (SELECT count(*) FROM pg_index AS i WHERE i.indrelid = p.source AND (i.indisunique OR i.indisexclusion)) > 1
                THEN 'replace' ELSE 'put' END);
    END LOOP;
    -- Once for all: a row that is changed a second time has its key checked, which waits for a step that has begun,
    -- and that for us.
    UPDATE confiture.transition_remote AS r
    SET applied = (taken ->> 'batch')::bigint, contact_at = clock_timestamp(), problem = NULL, problem_at = NULL
    WHERE r.transition = t.id AND r.applied <> (taken ->> 'batch')::bigint;
    RETURN total;
END
$$;

-- Under the locks: the way back.
CREATE OR REPLACE FUNCTION confiture._remote_do_rollback(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p record;
    q record;
    next bigint;
    fence jsonb;
BEGIN
    -- First those who write through the views, then, on the target, those who write there.
    EXECUTE (SELECT format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', string_agg(confiture._relation_name(m.stand_in), ', ' ORDER BY r.ordinal))
        FROM confiture.transition_table AS r JOIN confiture.transition_remote_table AS m ON m.pair = r.id WHERE r.transition = t.id);
    fence := confiture._remote_call(t.id, 'fence', jsonb_build_object('lock_timeout', t.options ->> 'lock_timeout'));
    PERFORM confiture._remote_pull(t, NULL, true);
    FOR p IN SELECT r.id, r.source, r.sequences, m.peer, c.relname, n.nspname, c.oid AS view
            FROM confiture.transition_table AS r JOIN confiture.transition_remote_table AS m ON m.pair = r.id
            JOIN pg_class AS c ON c.oid = m.stand_in JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        EXECUTE format('DROP VIEW %s', confiture._relation_name(p.view));
        EXECUTE format('ALTER TABLE %s SET SCHEMA %I', confiture._relation_name(p.source), p.nspname);
        EXECUTE format('ALTER TABLE %s RENAME TO %I', confiture._relation_name(p.source), p.relname);
        PERFORM confiture._transition_set_triggers(p.id, p.source, 'capture');
        FOR q IN SELECT s.*, f.last FROM jsonb_to_recordset(p.sequences)
                AS s (own oid, used oid, increment bigint, source_column text, target_column text, is_owned boolean)
                JOIN jsonb_to_recordset(fence -> 'sequences') AS f (half integer, "column" text, last bigint)
                    ON f.half = p.peer AND f."column" = s.target_column LOOP
            SELECT q.increment + CASE WHEN q.increment > 0 THEN greatest(a.last_value, b.last_value, q.last)
                ELSE least(a.last_value, b.last_value, q.last) END INTO next
            FROM confiture._transition_sequence_at(q.own) AS a, confiture._transition_sequence_at(q.used) AS b;
            EXECUTE format('ALTER SEQUENCE %s INCREMENT BY %s RESTART WITH %s', confiture._relation_name(q.own), q.increment, next);
            IF q.is_owned THEN
                EXECUTE format('ALTER SEQUENCE %s OWNED BY %s.%I', confiture._relation_name(q.own), confiture._relation_name(p.source), q.source_column);
            END IF;
        END LOOP;
        UPDATE confiture.transition_table AS r SET sequences = '[]' WHERE r.id = p.id;
        UPDATE confiture.transition_remote_table AS m SET stand_in = NULL WHERE m.pair = p.id;
    END LOOP;
    -- What is written from now on is captured, and brought over by a worker, also if it was not before.
    UPDATE confiture.transition_remote AS r SET mode = 'asynchronous' WHERE r.transition = t.id;
    PERFORM confiture._transition_set_state(t.id, 'rolled_back');
END
$$;

-- The way back.
CREATE OR REPLACE FUNCTION confiture._remote_rollback(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._remote_lock(t);
    FOR i IN 1 .. 20 LOOP
        EXIT WHEN confiture._remote_pull(t, 20000) < 200;
    END LOOP;
    PERFORM confiture._transition_locked(t, NULL, '_remote_do_rollback');
END
$$;

-- The statements by which what was set aside goes, and all but what the views need.
CREATE OR REPLACE FUNCTION confiture._remote_contract_statements(t confiture.transition) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('DROP TABLE %s', string_agg(r.name, ', ' ORDER BY p.ordinal, r.n))
    FROM confiture.transition_table AS p, LATERAL (VALUES
        (1, CASE WHEN t.state = 'cut_over' THEN confiture._relation_name(p.source) ELSE confiture._remote_table(p, 'confiture_old') END),
        (2, confiture._relation_name(p.target)),
        (3, CASE WHEN t.state = 'cut_over' THEN confiture._relation_name(p.log) ELSE confiture._remote_table(p, 'confiture_log') END)) AS r (n, name)
    WHERE p.transition = t.id
    UNION ALL
    SELECT format('DROP FOREIGN TABLE %I.command, %s', confiture._remote_schema(t.id), string_agg(confiture._remote_table(p, k.kind), ', ' ORDER BY p.ordinal, k.n))
    FROM confiture.transition_table AS p, unnest('{door,pull,fenced}'::text[]) WITH ORDINALITY AS k (kind, n) WHERE p.transition = t.id
$$;

-- Under the locks: what was set aside goes. The views stay.
CREATE OR REPLACE FUNCTION confiture._remote_do_contract(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Nobody waits for the target's tables while those here are waited for.
    PERFORM confiture._remote_call(t.id, 'contract', jsonb_build_object('lock_timeout', t.options ->> 'lock_timeout'));
    PERFORM confiture._transition_execute(ARRAY(SELECT confiture._remote_contract_statements(t)));
    PERFORM confiture._transition_forget(t.id);
    PERFORM confiture._transition_set_state(t.id, 'contracted');
END
$$;

-- The end.
CREATE OR REPLACE FUNCTION confiture._remote_contract(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._remote_lock(t);
    PERFORM confiture._transition_locked(t, 'ACCESS EXCLUSIVE', '_remote_do_contract');
END
$$;
