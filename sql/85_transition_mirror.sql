-- Transitions: catching up with what was written, then mirroring it.

-- How many entries the change log of a pair has, at most a million.
CREATE OR REPLACE FUNCTION confiture._transition_log_length(p confiture.transition_table) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    length bigint;
BEGIN
    IF p.log IS NULL OR NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = p.log) THEN
        RETURN 0;
    ELSIF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = p.log) THEN
        RETURN NULL;
    END IF;
    SELECT l.n INTO length FROM confiture._as_owner(p.log,
        format('SELECT count(*) FROM (SELECT FROM %s LIMIT 1000000) AS l', confiture._relation_name(p.log))) AS l (n bigint);
    RETURN length;
EXCEPTION WHEN undefined_table THEN
    -- The transition has ended while this waited for the end.
    RETURN 0;
END
$$;

-- Takes entries off the change log and brings the rows with those keys to the target as they
-- are now: all in one snapshot. Without a limit the target is then what the source is in that snapshot.
-- The condition, over the entry m, chooses entries; those of TRUNCATE are then left for later.
CREATE OR REPLACE FUNCTION confiture._transition_drain(
    p confiture.transition_table, max_entries bigint, condition text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    log text := confiture._relation_name(p.log);
    source text := confiture._relation_name(p.source);
    log_key text[] := confiture._transition_log_key(p);
    keys text := array_to_string(log_key, ', ');
    -- Values of unique columns may have changed places among the rows.
    mode text := CASE WHEN (p.indexed OR p.shape = 'merge') AND (SELECT count(*) FROM pg_index AS i WHERE i.indrelid = p.target
        AND (i.indisunique OR i.indisexclusion)) > 1 THEN 'replace' ELSE 'put' END
        -- The values of the second of two merged tables are all of one moment: that of its own log.
        || CASE WHEN p.shape = 'merge' AND p.main THEN ' later' ELSE '' END;
    truncated bigint;
BEGIN
    -- The source was emptied: what it does not have any more goes from the target too.
    IF condition IS NULL THEN
        truncated := confiture._do_as_owner(p.source, format('DELETE FROM %s WHERE k1 IS NULL', log));
    END IF;
    IF truncated > 0 THEN
        PERFORM confiture._transition_fill(p.id, false, format(
            'SELECT %s, %s FROM ONLY %s AS target LEFT JOIN ONLY %s AS source ON %s WHERE source.%I IS NULL',
            (SELECT string_agg(format('target.%I::%s', k.b, format_type(a.atttypid, -1)), ', ' ORDER BY k.ordinal)
             FROM unnest(p.source_key, p.target_key) WITH ORDINALITY AS k (a, b, ordinal)
             JOIN pg_attribute AS a ON a.attrelid = p.source AND a.attname = k.a),
            confiture._transition_columns(p.source, 'source'), confiture._relation_name(p.target), source,
            confiture._transition_same_key(p.source_key, 'source', p.target_key, 'target'), p.source_key[1]), 'put');
    END IF;
    RETURN confiture._transition_fill(p.id, false, format(
        'WITH gone AS (DELETE FROM %s AS l %s RETURNING l.*)'
        ' SELECT %s, %s FROM (SELECT DISTINCT %s FROM gone) AS g LEFT JOIN ONLY %s AS source ON %s',
        log, 'WHERE l.k1 IS NOT NULL' || coalesce(' AND l.ctid = ANY (ARRAY(SELECT m.ctid FROM ' || log || ' AS m WHERE '
            || coalesce(condition, 'm.k1 IS NOT NULL') || ' LIMIT ' || max_entries || '))', ''),
        (SELECT string_agg(format('g.k%s::%s', k.ordinal, format_type(a.atttypid, -1)), ', ' ORDER BY k.ordinal)
         FROM unnest(p.source_key) WITH ORDINALITY AS k (name, ordinal)
         JOIN pg_attribute AS a ON a.attrelid = p.source AND a.attname = k.name),
        confiture._transition_columns(p.source, 'source'), keys, source,
        confiture._transition_same_key(log_key, 'g', p.source_key, 'source')), mode);
END
$$;

-- One piece of catching up. Returns how many entries the logs had; NULL when there is more to do
-- before that counts: entries, indexes, statistics.
CREATE OR REPLACE FUNCTION confiture._transition_catch_up_piece(t confiture.transition) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    p confiture.transition_table;
    q confiture.transition_table;
    length bigint;
    total bigint := 0;
BEGIN
    IF confiture._transition_is_remote(t.id) THEN
        RETURN confiture._remote_catch_up_piece(t);
    END IF;
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        length := confiture._transition_log_length(p);
        IF NOT p.indexed AND length > 20000 THEN
            PERFORM confiture._transition_drain(p, 20000);
            RETURN NULL;
        END IF;
        PERFORM confiture._transition_drain(p, NULL);
        UPDATE confiture.transition_table AS r SET caught_up_at = clock_timestamp() WHERE r.id = p.id;
        IF NOT p.indexed THEN
            -- An index over what comes from both of two merged tables needs both.
            SELECT r.* INTO q FROM confiture.transition_table AS r WHERE r.id = p.sibling AND p.shape = 'merge' AND p.main;
            IF FOUND THEN
                PERFORM confiture._transition_drain(q, NULL);
            END IF;
            PERFORM confiture._transition_index(p);
            EXECUTE format('ANALYZE %s', confiture._relation_name(p.target));
            RETURN NULL;
        END IF;
        total := total + length;
    END LOOP;
    RETURN total;
END
$$;

CREATE OR REPLACE FUNCTION confiture.transition_catch_up(name text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._transition_take(name, '{catching_up}');
    total bigint;
BEGIN
    LOOP
        total := confiture._transition_catch_up_piece(t);
        EXIT WHEN total IS NOT NULL;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION confiture.transition_catch_up(text) IS
'Brings what was written during the copy to the target tables; builds their secondary indexes and analyzes them the first time. Repeat it while it returns much.
Arguments: name.
Result: how many entries the change logs had in the last round.
Errors: as confiture.transition_capture(); and what a constraint of the target table says of a row: mend it in the source, and call again.
Example: SELECT confiture.transition_catch_up(''to_v2'');';

-- Statements that give a target what it lacks of its source, beside the owner: privileges, comments, row
-- security, storage parameters, replica identity. Names of columns that both have.
CREATE OR REPLACE FUNCTION confiture._transition_follow(p confiture.transition_table) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Who may see one of two tables that are merged need not see the other: privileges and policies of the
    -- target are for its owner to give.
    WITH s AS (SELECT c.*, confiture._relation_name(p.target) AS target, p.shape = 'merge' AS merged
            FROM pg_class AS c WHERE c.oid = p.source AND (p.shape <> 'merge' OR p.main)),
        d AS (SELECT c.* FROM pg_class AS c WHERE c.oid = p.target)
    SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, s.target,
        CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
        CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM s, d, aclexplode(s.relacl) AS a
    WHERE NOT s.merged AND a.grantee <> s.relowner AND NOT EXISTS (SELECT FROM aclexplode(d.relacl) AS b
        WHERE b.grantee = a.grantee AND b.privilege_type = a.privilege_type AND b.is_grantable = a.is_grantable)
    UNION ALL
    SELECT format('GRANT %s (%I) ON %s TO %s%s', a.privilege_type, t.attname, s.target,
        CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
        CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM s, jsonb_each_text(p.columns) AS m
    JOIN pg_attribute AS f ON f.attrelid = p.source AND f.attname = confiture._transition_plain(p.columns, m.key) AND f.attnum > 0
    JOIN pg_attribute AS t ON t.attrelid = p.target AND t.attname = m.key,
    aclexplode(f.attacl) AS a
    WHERE NOT s.merged AND NOT EXISTS (SELECT FROM aclexplode(t.attacl) AS b
        WHERE b.grantee = a.grantee AND b.privilege_type = a.privilege_type AND b.is_grantable = a.is_grantable)
    UNION ALL
    SELECT format('GRANT %s ON SEQUENCE %s TO %s', a.privilege_type, confiture._relation_name(q.target_seq),
        CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
    FROM confiture._transition_sequences(p) AS q
    JOIN pg_class AS c ON c.oid = q.source_seq JOIN pg_class AS e ON e.oid = q.target_seq,
    aclexplode(c.relacl) AS a
    WHERE q.source_seq <> q.target_seq AND a.grantee <> c.relowner
        AND NOT EXISTS (SELECT FROM aclexplode(e.relacl) AS b WHERE b.grantee = a.grantee AND b.privilege_type = a.privilege_type)
    UNION ALL
    SELECT format('COMMENT ON TABLE %s IS %L', s.target, obj_description(p.source, 'pg_class'))
    FROM s WHERE obj_description(p.target, 'pg_class') IS NULL AND obj_description(p.source, 'pg_class') IS NOT NULL
    UNION ALL
    SELECT format('COMMENT ON COLUMN %s.%I IS %L', s.target, t.attname, col_description(p.source, f.attnum))
    FROM s, jsonb_each_text(p.columns) AS m
    JOIN pg_attribute AS f ON f.attrelid = p.source AND f.attname = confiture._transition_plain(p.columns, m.key) AND f.attnum > 0
    JOIN pg_attribute AS t ON t.attrelid = p.target AND t.attname = m.key
    WHERE col_description(p.target, t.attnum) IS NULL AND col_description(p.source, f.attnum) IS NOT NULL
    UNION ALL
    SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', y.polname, s.target,
        CASE WHEN y.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
        CASE y.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
        (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ') FROM unnest(y.polroles) AS r),
        ' USING (' || pg_get_expr(y.polqual, y.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(y.polwithcheck, y.polrelid) || ')')
    FROM s, pg_policy AS y
    WHERE NOT s.merged AND y.polrelid = p.source AND NOT EXISTS (SELECT FROM pg_policy AS z WHERE z.polrelid = p.target AND z.polname = y.polname)
    UNION ALL
    SELECT format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', s.target) FROM s, d WHERE NOT s.merged AND s.relrowsecurity AND NOT d.relrowsecurity
    UNION ALL
    SELECT format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', s.target) FROM s, d WHERE NOT s.merged AND s.relforcerowsecurity AND NOT d.relforcerowsecurity
    UNION ALL
    SELECT format('ALTER TABLE %s SET (%s)', s.target, array_to_string(s.reloptions, ', '))
    FROM s, d WHERE s.reloptions IS NOT NULL AND d.reloptions IS NULL
    UNION ALL
    -- Those of the table where long values are stored.
    SELECT format('ALTER TABLE %s SET (%s)', s.target, (SELECT string_agg('toast.' || o, ', ') FROM unnest(x.reloptions) AS o))
    FROM s JOIN pg_class AS x ON x.oid = s.reltoastrelid, d JOIN pg_class AS y ON y.oid = d.reltoastrelid
    WHERE x.reloptions IS NOT NULL AND y.reloptions IS NULL
    UNION ALL
    SELECT format('ALTER TABLE %s REPLICA IDENTITY %s', s.target, CASE s.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END)
    FROM s, d WHERE s.relreplident IN ('f', 'n') AND d.relreplident = 'd'
    UNION ALL
    SELECT format('GRANT %s ON SCHEMA %I TO %s', a.privilege_type, (SELECT n.nspname FROM pg_namespace AS n WHERE n.oid = d.relnamespace),
        CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
    FROM s JOIN pg_namespace AS n ON n.oid = s.relnamespace, d JOIN pg_namespace AS o ON o.oid = d.relnamespace,
    aclexplode(n.nspacl) AS a
    WHERE a.grantee <> n.nspowner
        AND (SELECT t.options ->> 'swap' FROM confiture.transition AS t WHERE t.id = p.transition) = 'schema'
        AND NOT EXISTS (SELECT FROM aclexplode(o.nspacl) AS b WHERE b.grantee = a.grantee AND b.privilege_type = a.privilege_type)
$$;

-- Gives all targets what they lack.
CREATE OR REPLACE FUNCTION confiture._transition_do_follow(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
BEGIN
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        PERFORM confiture._transition_execute(ARRAY(
            SELECT confiture._transition_follow_owner(p) UNION ALL SELECT confiture._transition_follow(p)));
    END LOOP;
END
$$;

-- How far a sequence has come.
CREATE OR REPLACE FUNCTION confiture._transition_sequence_at(sequence oid, OUT last_value bigint, OUT is_called boolean)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.last_value, s.is_called FROM confiture._as_owner(sequence,
        format('SELECT last_value, is_called FROM %s', confiture._relation_name(sequence))) AS s (last_value bigint, is_called boolean)
$$;

-- The sequence of a column that is known by its name.
CREATE OR REPLACE FUNCTION confiture._transition_sequence_of(relation oid, column_name text) RETURNS oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._transition_sequence(a.attrelid, a.attnum) FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped
$$;

-- The sequences that a transition lets give every other value, and how they were. One that several columns use is
-- there several times.
CREATE OR REPLACE FUNCTION confiture._transition_interleaved(transition integer)
RETURNS TABLE (pair integer, is_target boolean, sequence oid, increment bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.id, e.is_target, e.sequence, e.increment
    FROM confiture.transition_table AS p
    CROSS JOIN LATERAL jsonb_to_recordset(p.sequences)
        AS m (source_column text, target_column text, source_increment bigint, target_increment bigint)
    CROSS JOIN LATERAL (VALUES (false, confiture._transition_sequence_of(p.source, m.source_column), m.source_increment),
        (true, confiture._transition_sequence_of(p.target, m.target_column), m.target_increment)) AS e (is_target, sequence, increment)
    WHERE p.transition = _transition_interleaved.transition
$$;

-- The first value beyond another that is so many steps of two away from a third.
CREATE OR REPLACE FUNCTION confiture._transition_beyond(beyond bigint, apart bigint, step bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT beyond + step + ((apart - beyond - step) % (step * 2) + step * 2) % (step * 2)
$$;

-- Lets both sequences of a pair of columns give values without asking each other: one every other
-- value, the other those between. Remembers how they were. A sequence that other columns use too may have begun
-- that already: then the other one chooses its values by it.
CREATE OR REPLACE FUNCTION confiture._transition_interleave(p confiture.transition_table) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q record;
    source_before bigint;
    target_before bigint;
    step bigint;
    source_at record;
    target_at record;
BEGIN
    FOR q IN SELECT s.* FROM confiture._transition_sequences(p) AS s
            WHERE s.source_seq IS NOT NULL AND s.target_seq IS NOT NULL AND s.source_seq <> s.target_seq LOOP
        SELECT min(i.increment) FILTER (WHERE i.sequence = q.source_seq), min(i.increment) FILTER (WHERE i.sequence = q.target_seq)
        INTO source_before, target_before FROM confiture._transition_interleaved(p.transition) AS i;
        step := coalesce(source_before, (SELECT e.seqincrement FROM pg_sequence AS e WHERE e.seqrelid = q.source_seq));
        IF source_before IS NULL THEN
            EXECUTE format('ALTER SEQUENCE %s INCREMENT BY %s', confiture._relation_name(q.source_seq), step * 2);
        END IF;
        source_at := confiture._transition_sequence_at(q.source_seq);
        target_at := confiture._transition_sequence_at(q.target_seq);
        UPDATE confiture.transition_table AS t
        SET sequences = t.sequences || jsonb_build_array(jsonb_build_object('source_column', q.source_column,
            'target_column', q.target_column, 'source_increment', step,
            'target_increment', coalesce(target_before, (SELECT e.seqincrement FROM pg_sequence AS e WHERE e.seqrelid = q.target_seq)),
            'fresh', NOT target_at.is_called AND target_before IS NULL))
        WHERE t.id = p.id;
        IF target_before IS NULL THEN
            EXECUTE format('ALTER SEQUENCE %s INCREMENT BY %s RESTART WITH %s', confiture._relation_name(q.target_seq), step * 2,
                CASE WHEN target_at.is_called AND (target_at.last_value - source_at.last_value) * sign(step) > 0
                    -- others, that do not move, use it too
                    THEN confiture._transition_beyond(target_at.last_value, source_at.last_value + step, step)
                    ELSE source_at.last_value + step END);
        ELSIF source_before IS NULL THEN
            -- The values of the target are chosen: the source gives those between.
            EXECUTE format('ALTER SEQUENCE %s RESTART WITH %s', confiture._relation_name(q.source_seq),
                confiture._transition_beyond(source_at.last_value, target_at.last_value + step, step));
            IF (source_at.last_value - target_at.last_value) * sign(step) >= 0 THEN
                EXECUTE format('ALTER SEQUENCE %s RESTART WITH %s', confiture._relation_name(q.target_seq),
                    confiture._transition_beyond(source_at.last_value, target_at.last_value, step));
            END IF;
        END IF;
    END LOOP;
END
$$;

-- Ends that: the side that stays goes on behind the last value of both, with its own increment. The other one gets
-- its increment back, if it is still there: it may be used by others.
CREATE OR REPLACE FUNCTION confiture._transition_uninterleave(p confiture.transition_table, stays text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q record;
    step bigint;
    source_at bigint;
    target_at bigint;
BEGIN
    FOR q IN SELECT m.*, confiture._transition_sequence_of(p.source, m.source_column) AS source_seq,
                confiture._transition_sequence_of(p.target, m.target_column) AS target_seq
            FROM jsonb_to_recordset(p.sequences)
                AS m (source_column text, target_column text, source_increment bigint, target_increment bigint, fresh boolean) LOOP
        step := CASE stays WHEN 'source' THEN q.source_increment ELSE q.target_increment END;
        source_at := (confiture._transition_sequence_at(q.source_seq)).last_value;
        target_at := (confiture._transition_sequence_at(q.target_seq)).last_value;
        PERFORM confiture._transition_execute(ARRAY(SELECT format('ALTER SEQUENCE %s INCREMENT BY %s%s', confiture._relation_name(e.sequence), e.increment, e.restart)
            FROM (VALUES ('source', q.source_seq, q.source_increment, ''),
                ('target', q.target_seq, q.target_increment, CASE WHEN q.fresh THEN ' RESTART' ELSE '' END)) AS v (side, sequence, increment, other)
            CROSS JOIN LATERAL (SELECT v.sequence, v.increment, CASE WHEN v.side <> stays THEN v.other ELSE format(' RESTART WITH %s',
                step + CASE WHEN step > 0 THEN greatest(source_at, target_at) ELSE least(source_at, target_at) END) END) AS e (sequence, increment, restart)
            WHERE e.sequence IS NOT NULL));
    END LOOP;
    UPDATE confiture.transition_table AS t SET sequences = '[]' WHERE t.id = p.id;
END
$$;

-- Under the locks: the last entries of the logs, then triggers on both sides.
CREATE OR REPLACE FUNCTION confiture._transition_do_mirror(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
BEGIN
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        PERFORM confiture._transition_drain(p, NULL);
        PERFORM confiture._transition_set_triggers(p.id, p.source, 'mirror');
        PERFORM confiture._transition_set_triggers(p.id, p.target, 'back');
        PERFORM confiture._transition_interleave(p);
    END LOOP;
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        PERFORM confiture._transition_refer(p.target, f.name, confiture._transition_unchecked(f.definition), f.comment)
        FROM jsonb_to_recordset(p.foreign_keys) AS f (name text, definition text, comment text);
        UPDATE confiture.transition_table AS r SET foreign_keys = '[]' WHERE r.id = p.id;
    END LOOP;
    PERFORM confiture._transition_set_state(t.id, 'mirrored');
    UPDATE confiture.transition AS r SET mirrored_by = pg_current_xact_id() WHERE r.id = t.id;
END
$$;

CREATE OR REPLACE FUNCTION confiture.transition_mirror(name text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    t confiture.transition := confiture._transition_take(name, '{catching_up,mirrored}');
BEGIN
    IF t.state = 'mirrored' THEN
        RETURN 'mirrored';
    END IF;
    IF EXISTS (SELECT FROM confiture.transition_table AS r WHERE r.transition = t.id AND NOT r.indexed) THEN
        RAISE EXCEPTION 'transition % has not caught up yet', quote_literal(name)
            USING ERRCODE = 'CF031', HINT = 'Call confiture.transition_catch_up() first.';
    END IF;
    IF confiture._transition_is_remote(t.id) THEN
        PERFORM confiture._remote_mirror(t);
        RETURN 'mirrored';
    END IF;
    -- Nobody else uses the targets yet: what they take over is given to them before the lock.
    PERFORM confiture._transition_locked(t, NULL, '_transition_do_follow');
    FOR i IN 1 .. 20 LOOP
        EXIT WHEN confiture._transition_catch_up_piece(t) < 500;
    END LOOP;
    PERFORM confiture._transition_locked(t, 'SHARE ROW EXCLUSIVE', '_transition_do_mirror');
    RETURN 'mirrored';
END
$$;
COMMENT ON FUNCTION confiture.transition_mirror(text) IS
'Makes both sides equal, at every commit, from now on: a row that is written on one side is written on the other in the same transaction. Old and new versions of the application can run side by side. The target tables take over privileges, comments, row security and storage parameters of the source tables where they have none of their own; sequences of both sides give every other value. Takes one short lock that blocks writers, not readers.
Arguments: name.
Result: the state, mirrored.
Errors: as confiture.transition_capture().
Example: SELECT confiture.transition_mirror(''to_v2'');';
