-- Transitions to another server: bringing rows over, and proving that they have arrived.
--
-- What is sent is committed on the target first, and taken off the change log here afterwards: when
-- one of the servers dies in between, it is sent again, and says the same.

-- For each column that the target stores: its name, the expression over the source, its type. Without the
-- length of the type: what is too long is an error when it is put into the door, not cut off.
CREATE OR REPLACE FUNCTION confiture._remote_expressions(
    p confiture.transition_table, OUT names text, OUT expressions text, OUT only_key text, OUT types text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
        string_agg(format(E'(%s\n)::%s', p.columns ->> a.attname, format_type(a.atttypid, -1)), ', ' ORDER BY a.attnum),
        string_agg(coalesce('g.k' || array_position(p.target_key, a.attname::text), 'NULL') || '::' || format_type(a.atttypid, -1), ', ' ORDER BY a.attnum),
        string_agg(format('c%s %s', a.attnum, format_type(a.atttypid, -1)), ', ' ORDER BY a.attnum)
    FROM pg_attribute AS a
    WHERE a.attrelid = p.target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
$$;

-- A foreign table of a pair: door, target, pull.
CREATE OR REPLACE FUNCTION confiture._remote_table(p confiture.transition_table, kind text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%I.%s_%s', confiture._remote_schema(p.transition), kind, p.id)
$$;

-- The number of a pair's half on the target.
CREATE OR REPLACE FUNCTION confiture._remote_half(pair integer) RETURNS integer
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.peer FROM confiture.transition_remote_table AS m WHERE m.pair = _remote_half.pair
$$;

-- The statement that sends rows through a door: computed as the owner of the source, sent as the one who has made the
-- transition.
CREATE OR REPLACE FUNCTION confiture._remote_copy_statement(p confiture.transition_table, door text, condition text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('INSERT INTO %s (%s, confiture_what) SELECT r.*, ''i'' FROM confiture._as_owner(%L::regclass, %L) AS r (%s)',
        door, e.names, confiture._relation_name(p.source),
        format('SELECT %s FROM ONLY %s AS source WHERE %s', e.expressions, confiture._relation_name(p.source), condition), e.types)
    FROM confiture._remote_expressions(p) AS e
$$;

-- Copies a range of keys.
CREATE OR REPLACE FUNCTION confiture._remote_copy(p confiture.transition_table, lower text[], upper text[]) RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._remote_move(p.transition, confiture._remote_copy_statement(p, confiture._remote_table(p, 'door'),
        confiture._transition_range(p, p.source_key, 'source', lower, upper)))
$$;

-- The keys that the source has, read as its owner, as what stands in FROM.
CREATE OR REPLACE FUNCTION confiture._remote_keys(p confiture.transition_table) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(SELECT * FROM confiture._as_owner(%s, %L) AS k (%s))', p.source::oid, format('SELECT %s FROM ONLY %s AS source',
            string_agg(format('source.%I', a.attname), ', ' ORDER BY k.n), confiture._relation_name(p.source)),
        string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY k.n))
    FROM unnest(p.source_key) WITH ORDINALITY AS k (name, n)
    JOIN pg_attribute AS a ON a.attrelid = p.source AND a.attname = k.name
$$;

-- Takes entries off the change log, and brings the rows with those keys to the target as they are
-- now; condition and limit as for _transition_drain(). Needs _remote_lock(), or a lock on the pair: of
-- two sessions, the slower one would bring what is old.
CREATE OR REPLACE FUNCTION confiture._remote_drain(
    p confiture.transition_table, max_entries bigint, condition text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    e record;
    log text := confiture._relation_name(p.log);
    log_key text[] := confiture._transition_log_key(p);
    keys text := array_to_string(log_key, ', ');
    there text := confiture._transition_same_key(log_key, 'g', p.source_key, 'source');
    replace boolean := p.indexed AND (SELECT m.unique_indexes > 1 FROM confiture.transition_remote_table AS m WHERE m.pair = p.id);
    gone bigint;
BEGIN
    IF replace THEN
        -- A value may have gone from a row whose entry comes later to one whose entry comes first: all at once.
        max_entries := NULL;
    END IF;
    IF NOT confiture._transition_has_rows(p.log) THEN
        RETURN 0;
    END IF;
    SELECT x.* INTO e FROM confiture._remote_expressions(p) AS x;
    -- The source was emptied: what it does not have any more goes from the target too.
    IF condition IS NULL THEN
        gone := confiture._do_as_owner(p.source, format('DELETE FROM %s WHERE k1 IS NULL', log));
    END IF;
    IF gone > 0 THEN
        PERFORM confiture._remote_move(p.transition, format('INSERT INTO %s (%s, confiture_what) SELECT %s, ''d'''
            ' FROM (SELECT %s FROM %s AS target) AS g LEFT JOIN %s AS source ON %s WHERE source.%I IS NULL',
            confiture._remote_table(p, 'door'), e.names, e.only_key,
            (SELECT string_agg(format('target.%I AS k%s', k.name, k.n), ', ' ORDER BY k.n) FROM unnest(p.target_key) WITH ORDINALITY AS k (name, n)),
            confiture._remote_table(p, 'target'), confiture._remote_keys(p), there, p.source_key[1]));
    END IF;
    -- Values of unique columns may have changed places among the rows: all go before any comes. LATERAL, for the
    -- columns of the source may be called as those of g are.
    RETURN confiture._remote_move(p.transition, format('INSERT INTO %s (%s, confiture_what) SELECT r.* FROM confiture._as_owner(%s, %L, ''write'') AS r (%s, what "char")',
        confiture._remote_table(p, 'door'), e.names, p.source::oid, format(
        'WITH gone AS (DELETE FROM %1$s AS l WHERE l.k1 IS NOT NULL %2$s RETURNING l.*), g AS MATERIALIZED (SELECT DISTINCT %3$s FROM gone)'
        ' SELECT r.* FROM (SELECT %4$s, ''d''::"char" AS confiture_what FROM g %5$s UNION ALL'
        ' SELECT s.* FROM g CROSS JOIN LATERAL (SELECT %6$s, ''p''::"char" FROM ONLY %7$s AS source WHERE %8$s) AS s) AS r ORDER BY r.confiture_what',
        log, coalesce('AND l.ctid = ANY (ARRAY(SELECT m.ctid FROM ' || log || ' AS m WHERE ' || coalesce(condition, 'm.k1 IS NOT NULL') || ' LIMIT ' || max_entries || '))', ''), keys, e.only_key,
        CASE WHEN replace THEN ''
            ELSE format('LEFT JOIN ONLY %s AS source ON %s WHERE source.%I IS NULL', confiture._relation_name(p.source), there, p.source_key[1]) END,
        e.expressions, confiture._relation_name(p.source), there), e.types));
END
$$;

-- Brings over what is in all logs, at most so many entries of each. Returns how many rows that was.
CREATE OR REPLACE FUNCTION confiture._remote_drain_all(t confiture.transition, max_entries bigint) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
    total bigint := 0;
BEGIN
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        total := total + confiture._remote_drain(p, max_entries);
        IF confiture._transition_log_length(p) = 0 THEN
            UPDATE confiture.transition_table AS r SET caught_up_at = clock_timestamp() WHERE r.id = p.id;
        END IF;
    END LOOP;
    RETURN total;
END
$$;

-- One piece of catching up, as _transition_catch_up_piece().
CREATE OR REPLACE FUNCTION confiture._remote_catch_up_piece(t confiture.transition) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
    length bigint;
    total bigint := 0;
BEGIN
    PERFORM confiture._remote_lock(t);
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        length := confiture._transition_log_length(p);
        PERFORM confiture._remote_drain(p, 20000);
        IF length > 20000 THEN
            RETURN NULL;
        END IF;
        UPDATE confiture.transition_table AS r SET caught_up_at = clock_timestamp() WHERE r.id = p.id;
        IF NOT p.indexed THEN
            PERFORM confiture._remote_call(t.id, 'index', jsonb_build_object('half', confiture._remote_half(p.id)));
            UPDATE confiture.transition_table AS r SET indexed = true, indexes = '[]' WHERE r.id = p.id;
            RETURN NULL;
        END IF;
        total := total + length;
    END LOOP;
    RETURN total;
END
$$;

-- From now on the target is what the source was a moment ago.
CREATE OR REPLACE FUNCTION confiture._remote_mirror(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._remote_lock(t);
    FOR i IN 1 .. 20 LOOP
        EXIT WHEN confiture._remote_drain_all(t, 20000) < 500;
    END LOOP;
    PERFORM confiture._remote_call(t.id, 'mirror');
    IF EXISTS (SELECT FROM confiture.transition_remote AS r WHERE r.transition = t.id AND r.mode = 'synchronous') THEN
        PERFORM confiture._remote_sync_mirror(t);
    ELSE
        PERFORM confiture._transition_set_state(t.id, 'mirrored');
    END IF;
END
$$;

-- What a worker does when everything is copied: a batch of what was written meanwhile. Returns the
-- pause after it in milliseconds; NULL when the transition has ended.
CREATE OR REPLACE FUNCTION confiture._remote_work(transition integer) RETURNS double precision
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
    moved bigint := 0;
    message text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(1668679283, transition) THEN
        RETURN 20;
    END IF;
    SELECT r.* INTO t FROM confiture.transition AS r WHERE r.id = transition;
    BEGIN
        IF t.state IN ('catching_up', 'mirrored', 'validated', 'rolled_back') THEN
            moved := confiture._remote_drain_all(t, 5000);
            UPDATE confiture.transition_remote AS r SET contact_at = clock_timestamp(), problem = NULL, problem_at = NULL
            WHERE r.transition = t.id AND moved > 0 AND (r.problem IS NOT NULL OR r.contact_at < clock_timestamp() - interval '1 s');
        ELSIF t.state = 'cut_over' THEN
            moved := confiture._remote_pull(t, 5000);
        ELSIF t.state = 'aborting' OR NOT t.live THEN
            RETURN NULL;
        END IF;
    EXCEPTION WHEN connection_exception THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
        UPDATE confiture.transition_remote AS r SET problem = message, problem_at = clock_timestamp() WHERE r.transition = t.id;
        RETURN 1000;
    END;
    RETURN CASE WHEN moved > 0 THEN 0 ELSE 20 END;
END
$$;
