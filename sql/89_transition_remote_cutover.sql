-- Transitions to another server: the cutover, the way back, and the end.
--
-- At the cutover the source table is set aside, and a view takes its place that reads and writes the
-- target: sessions, and what they have prepared, go on. What is written in the target since, through the
-- view or not, is captured there, and brought back to the table that was set aside.

-- Tells whether a view over the target can be written as it is: all columns are taken over, unchanged.
CREATE OR REPLACE FUNCTION confiture._remote_is_plain(p confiture.transition_table) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT bool_and(s.attgenerated = '' AND g.attname IS NOT NULL AND confiture._transition_plain(p.columns, g.attname) = s.attname
            AND (s.atttypid, s.atttypmod, s.attcollation) = (g.atttypid, g.atttypmod, g.attcollation))
        -- the others have the same value in every new row
        AND NOT EXISTS (SELECT FROM pg_attribute AS o
            WHERE o.attrelid = p.target AND o.attnum > 0 AND NOT o.attisdropped AND o.attgenerated = ''
                AND NOT EXISTS (SELECT FROM pg_attribute AS t WHERE t.attrelid = p.source AND NOT t.attisdropped
                    AND t.attname = confiture._transition_plain(p.columns, o.attname))
                AND confiture._transition_expression(p.source, 'source', p.columns ->> o.attname, o.atttypid, o.atttypmod))
    FROM pg_attribute AS s
    LEFT JOIN pg_attribute AS g ON g.attrelid = p.target AND g.attname = confiture._transition_plain(p.back, s.attname)
        AND g.attnum > 0 AND NOT g.attisdropped
    WHERE s.attrelid = p.source AND s.attnum > 0 AND NOT s.attisdropped
$$;

-- The query of the view: the columns of the source, in their order and types.
CREATE OR REPLACE FUNCTION confiture._remote_view_query(p confiture.transition_table) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN bool_or(s.attgenerated <> '') THEN
        format('SELECT %s FROM (SELECT %s FROM %s AS target) AS source',
            string_agg(CASE WHEN s.attgenerated = '' THEN format('source.%I', s.attname)
                ELSE format('(%s)::%s AS %I', pg_get_expr(d.adbin, d.adrelid), format_type(s.atttypid, s.atttypmod), s.attname) END, ', ' ORDER BY s.attnum),
            string_agg(format(E'(%s\n)::%s AS %I', p.back ->> s.attname, format_type(s.atttypid, s.atttypmod), s.attname), ', ' ORDER BY s.attnum)
                FILTER (WHERE s.attgenerated = ''),
            confiture._remote_table(p, 'target'))
        ELSE format('SELECT %s FROM %s AS target',
            string_agg(CASE WHEN confiture._remote_is_plain(p) THEN format('target.%I AS %I', confiture._transition_plain(p.back, s.attname), s.attname)
                ELSE format(E'(%s\n)::%s AS %I', p.back ->> s.attname, format_type(s.atttypid, s.atttypmod), s.attname) END, ', ' ORDER BY s.attnum),
            confiture._remote_table(p, 'target')) END
    FROM pg_attribute AS s LEFT JOIN pg_attrdef AS d ON d.adrelid = s.attrelid AND d.adnum = s.attnum AND s.attgenerated <> ''
    WHERE s.attrelid = p.source AND s.attnum > 0 AND NOT s.attisdropped
$$;

-- The function that writes the target for a view that can't be written as it is.
CREATE OR REPLACE FUNCTION confiture._remote_forwarder(p confiture.transition_table) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($f$
#variable_conflict use_column
DECLARE
    confiture_row record;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        SELECT %1$s INTO confiture_row FROM (SELECT %2$s) AS source;
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO %3$s (%4$s) VALUES (%5$s);
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE %3$s AS target SET %6$s WHERE %7$s;
    ELSE
        DELETE FROM %3$s AS target WHERE %7$s;
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$f$,
        string_agg(format(E'(%s\n)::%s AS c%s', p.columns ->> g.attname, format_type(g.atttypid, -1), g.attnum), ', ' ORDER BY g.attnum),
        (SELECT string_agg(format('NEW.%1$I AS %1$I', s.attname), ', ' ORDER BY s.attnum)
         FROM pg_attribute AS s WHERE s.attrelid = p.source AND s.attnum > 0 AND NOT s.attisdropped),
        confiture._remote_table(p, 'target'),
        string_agg(quote_ident(g.attname), ', ' ORDER BY g.attnum),
        string_agg('confiture_row.c' || g.attnum, ', ' ORDER BY g.attnum),
        string_agg(format('%I = confiture_row.c%s', g.attname, g.attnum), ', ' ORDER BY g.attnum)
            FILTER (WHERE confiture._transition_expression(p.source, 'source', p.columns ->> g.attname, g.atttypid, g.atttypmod)),
        (SELECT string_agg(format('target.%I = OLD.%I', k.t, k.s), ' AND ') FROM unnest(p.target_key, p.source_key) AS k (t, s)))
    FROM pg_attribute AS g WHERE g.attrelid = p.target AND g.attnum > 0 AND NOT g.attisdropped AND g.attgenerated = ''
$$;

-- The columns of the source that get their values from a sequence, and the sequence that the view
-- uses: the same; for an identity, which goes with its table, one of the transition.
CREATE OR REPLACE FUNCTION confiture._remote_sequences(p confiture.transition_table)
RETURNS TABLE (source_column text, target_column text, own oid, used oid, is_identity boolean, is_owned boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT q.source_column, q.target_column, q.source_seq, CASE WHEN a.attidentity <> '' THEN q.target_seq ELSE q.source_seq END,
        a.attidentity <> '', EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = q.source_seq
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.source AND d.deptype = 'a')
    FROM confiture._transition_sequences(p) AS q
    JOIN pg_attribute AS a ON a.attrelid = p.source AND a.attname = q.source_column
    WHERE q.source_seq IS NOT NULL AND q.target_seq IS NOT NULL
$$;

-- Tries, as the owner of the table who the view works for, what the view does with the target. Nothing of
-- it stays, not even locks: the statements that write are taken back.
CREATE OR REPLACE FUNCTION confiture._remote_try(p confiture.transition_table) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner name := pg_get_userbyid((SELECT c.relowner FROM pg_class AS c WHERE c.oid = p.source));
    trial text := confiture._remote_table(p, 'trial');
    key text := quote_ident(p.target_key[1]);
    r confiture.transition_remote_table := (SELECT m FROM confiture.transition_remote_table AS m WHERE m.pair = p.id);
    statement text;
    message text;
    state text;
BEGIN
    FOREACH statement IN ARRAY ARRAY['SELECT * FROM %1$s LIMIT 1', 'INSERT INTO %1$s (%2$s) VALUES (NULL)',
            'UPDATE %1$s SET %2$s = %2$s WHERE %2$s IS NULL', 'DELETE FROM %1$s WHERE %2$s IS NULL'] LOOP
        BEGIN
            EXECUTE format('CREATE VIEW %s AS SELECT * FROM %s', trial, confiture._remote_table(p, 'target'));
            EXECUTE format('ALTER VIEW %s OWNER TO %I', trial, owner);
            PERFORM confiture._do_as_owner(confiture._remote_maker(p.transition), format(statement, trial, key));
            RAISE EXCEPTION USING ERRCODE = 'triggered_action_exception';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
            -- It works; or the target's guard, a constraint or a trigger stopped it: then it may be written.
            CONTINUE WHEN state = '09000' OR statement NOT LIKE 'SELECT %' AND state <> '42501' AND state NOT LIKE '08%';
            RAISE EXCEPTION 'owner % of table % can''t use the target: %', quote_ident(owner), p.source_name, message
                USING ERRCODE = state, DETAIL = 'After the cutover the view that takes its place works with the rights of its owner.',
                HINT = format('On the target: GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I, and USAGE ON SCHEMA %1$I, to the role of the user mapping of %3$I.',
                    r.target_schema, r.target_table, owner);
        END;
    END LOOP;
END
$$;

-- Before the lock: makes the view, in the schema of the transition, and what it needs.
CREATE OR REPLACE FUNCTION confiture._remote_stand_in(p confiture.transition_table) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    schema name := confiture._remote_schema(p.transition);
    owner name := pg_get_userbyid((SELECT c.relowner FROM pg_class AS c WHERE c.oid = p.source));
    view text := confiture._remote_table(p, 'new');
    target text := confiture._remote_table(p, 'target');
    forwarder text := confiture._remote_table(p, 'forward');
    server name := (SELECT r.server FROM confiture.transition_remote AS r WHERE r.transition = p.transition);
    item record;
BEGIN
    FOR item IN SELECT k.kind FROM (VALUES ('pull'), ('fenced')) AS k (kind) LOOP
        EXECUTE format('DROP FOREIGN TABLE IF EXISTS %s', confiture._remote_table(p, item.kind));
        PERFORM confiture._do_as_owner(confiture._remote_maker(p.transition), format('CREATE FOREIGN TABLE %s (%s, %s) SERVER %I'
            ' OPTIONS (schema_name %L, table_name %L, fetch_size ''5000'')',
            confiture._remote_table(p, item.kind), confiture._transition_key_columns(p.target, p.target_key),
            (SELECT string_agg(format('c%s %s', a.attnum, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
             FROM pg_attribute AS a WHERE a.attrelid = p.target AND a.attnum > 0 AND NOT a.attisdropped),
            server, confiture._remote_schema((SELECT r.peer FROM confiture.transition_remote AS r WHERE r.transition = p.transition)),
            item.kind || '_' || (SELECT m.peer FROM confiture.transition_remote_table AS m WHERE m.pair = p.id)));
    END LOOP;
    -- The view works with the rights of its owner.
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', schema, owner);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', target, owner);
    PERFORM confiture._remote_try(p);
    EXECUTE format('CREATE VIEW %s AS %s', view, confiture._remote_view_query(p));
    IF confiture._remote_is_plain(p) THEN
        FOR item IN SELECT a.attname, p.columns ->> a.attname AS value FROM pg_attribute AS a
                WHERE a.attrelid = p.target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                    AND NOT EXISTS (SELECT FROM pg_attribute AS s WHERE s.attrelid = p.source AND NOT s.attisdropped
                        AND s.attname = confiture._transition_plain(p.columns, a.attname)) LOOP
            EXECUTE format(E'ALTER FOREIGN TABLE %s ALTER %I SET DEFAULT (%s\n)', target, item.attname, item.value);
        END LOOP;
    ELSE
        EXECUTE format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L',
            forwarder, confiture._remote_forwarder(p));
        EXECUTE format('REVOKE ALL ON FUNCTION %s() FROM PUBLIC', forwarder);
        EXECUTE format('CREATE TRIGGER confiture_transition INSTEAD OF INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION %s()', view, forwarder);
        EXECUTE format('ALTER FUNCTION %s() OWNER TO %I', forwarder, owner);
    END IF;
    FOR item IN SELECT a.attname, pg_get_expr(d.adbin, d.adrelid) AS value FROM pg_attribute AS a
            JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = p.source AND NOT a.attisdropped AND a.attgenerated = '' LOOP
        EXECUTE format('ALTER VIEW %s ALTER %I SET DEFAULT %s', view, item.attname, item.value);
    END LOOP;
    FOR item IN SELECT q.source_column, q.used FROM confiture._remote_sequences(p) AS q WHERE q.is_identity LOOP
        EXECUTE format('ALTER VIEW %s ALTER %I SET DEFAULT nextval(%L)', view, item.source_column, confiture._relation_name(item.used));
        EXECUTE coalesce((SELECT string_agg(format('GRANT USAGE ON SEQUENCE %s TO %s', confiture._relation_name(item.used),
                CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END), '; ')
            FROM (SELECT e.grantee FROM pg_class AS c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS e
                WHERE c.oid = p.source AND e.privilege_type = 'INSERT'
                UNION SELECT e.grantee FROM pg_attribute AS a, aclexplode(a.attacl) AS e
                WHERE a.attrelid = p.source AND NOT a.attisdropped AND e.privilege_type = 'INSERT') AS x), '');
    END LOOP;
    FOR item IN SELECT format('GRANT %s ON %s TO %s%s', e.privilege_type, view,
                CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END,
                CASE WHEN e.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
            FROM pg_class AS c, aclexplode(c.relacl) AS e WHERE c.oid = p.source AND e.grantee <> c.relowner
            UNION ALL
            SELECT format('GRANT %s (%I) ON %s TO %s%s', e.privilege_type, a.attname, view,
                CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END,
                CASE WHEN e.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
            FROM pg_attribute AS a, aclexplode(a.attacl) AS e WHERE a.attrelid = p.source AND NOT a.attisdropped LOOP
        EXECUTE item.statement;
    END LOOP;
    EXECUTE format('COMMENT ON VIEW %s IS %L', view, format('Stands for %s on server %I since the cutover of transition %L.',
        (SELECT m.target_schema || '.' || m.target_table FROM confiture.transition_remote_table AS m WHERE m.pair = p.id), server,
        (SELECT t.name FROM confiture.transition AS t WHERE t.id = p.transition)));
    EXECUTE format('ALTER VIEW %s OWNER TO %I', view, owner);
    UPDATE confiture.transition_remote_table AS m SET stand_in = to_regclass(view) WHERE m.pair = p.id;
END
$$;

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

-- Under the locks: the cutover.
CREATE OR REPLACE FUNCTION confiture._remote_do_cutover(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    schema name := confiture._remote_schema(t.id);
    p record;
    pair confiture.transition_table;
    sequences jsonb := '[]';
BEGIN
    FOR p IN SELECT r AS pair, r.id, m.peer, m.stand_in, c.relname, n.nspname, r.source
            FROM confiture.transition_table AS r JOIN confiture.transition_remote_table AS m ON m.pair = r.id
            JOIN pg_class AS c ON c.oid = r.source JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        PERFORM confiture._remote_drain(p.pair, NULL);
        sequences := sequences || confiture._remote_interleave(p.pair, p.peer);
        PERFORM confiture._transition_set_triggers(p.id, p.source, 'guard');
        PERFORM confiture._remote_sync_drop(p.pair);
        EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', p.nspname, p.relname, 'confiture_old_' || p.id);
        EXECUTE format('ALTER TABLE %I.%I SET SCHEMA %I', p.nspname, 'confiture_old_' || p.id, schema);
        EXECUTE format('ALTER VIEW %s RENAME TO %I', confiture._relation_name(p.stand_in), p.relname);
        EXECUTE format('ALTER VIEW %I.%I SET SCHEMA %I', schema, p.relname, p.nspname);
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
                'SELECT %s, %s FROM ONLY %s AS source LEFT JOIN %s AS target ON %s WHERE target.%I IS NULL',
                (SELECT string_agg(format('source.%I::%s', k.s, format_type(a.atttypid, -1)), ', ' ORDER BY k.n)
                 FROM unnest(p.source_key, p.target_key) WITH ORDINALITY AS k (s, t, n)
                 JOIN pg_attribute AS a ON a.attrelid = p.target AND a.attname = k.t),
                columns, confiture._relation_name(p.source), confiture._remote_table(p.pair, 'target'),
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
    UPDATE confiture.transition_remote AS r SET applied = (taken ->> 'batch')::bigint
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

-- Under the locks: what was set aside goes. The views stay.
CREATE OR REPLACE FUNCTION confiture._remote_do_contract(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Nobody waits for the target's tables while those here are waited for.
    PERFORM confiture._remote_call(t.id, 'contract', jsonb_build_object('lock_timeout', t.options ->> 'lock_timeout'));
    EXECUTE (SELECT format('DROP TABLE %s', string_agg(confiture._relation_name(r.oid), ', '))
        FROM confiture.transition_table AS p, LATERAL (VALUES (p.source), (p.target), (p.log)) AS r (oid)
        WHERE p.transition = t.id AND confiture._relation_name(r.oid) IS NOT NULL);
    EXECUTE (SELECT format('DROP FOREIGN TABLE %I.command, %s', confiture._remote_schema(t.id),
            string_agg(confiture._remote_table(p, k.kind), ', '))
        FROM confiture.transition_table AS p, (VALUES ('door'), ('pull'), ('fenced')) AS k (kind) WHERE p.transition = t.id);
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
