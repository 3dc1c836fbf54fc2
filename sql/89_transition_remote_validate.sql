-- Transitions to another server: proving that the target is what the source is.
--
-- The target is a moment behind. Ranges of keys whose digests differ are looked at row by row, and
-- rows whose keys are still in the change log, in the snapshot in which the source is read, don't
-- count: all others must be equal. After the cutover the source is a moment behind: all that the
-- transaction on the target sees in its logs is brought here first, and nothing that is written there
-- later is seen by it: all rows must be equal.

-- What is compared, as _transition_compared(), in the types of the target; columns of types that
-- are not the server's own as text.
CREATE OR REPLACE FUNCTION confiture._remote_compared(p confiture.transition_table, OUT expressions text, OUT columns text[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format(CASE WHEN confiture._remote_as_text(a.atttypid) THEN E'((%s\n)::%s)::text' ELSE E'(%s\n)::%s' END,
            m.value, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum),
        array_agg(a.attname::text ORDER BY a.attnum)
    FROM jsonb_each_text(p.columns) AS m
    JOIN pg_attribute AS a ON a.attrelid = p.target AND a.attname = m.key AND a.attnum > 0
    WHERE confiture._transition_expression(p.source, 'source', m.value, a.atttypid, a.atttypmod)
$$;

-- The rows of a range that differ, at most so many.
CREATE OR REPLACE FUNCTION confiture._remote_differences(
    p confiture.transition_table, lower text[], upper text[], max_rows integer,
    OUT key text[], OUT difference text, OUT source_row jsonb, OUT target_row jsonb)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET timezone = 'UTC'
SET row_security = off
AS $$
DECLARE
    compared record;
    names text[] := confiture._transition_log_key(p);
    first text := format_type((SELECT confiture._base_type(a.atttypid) FROM pg_attribute AS a
        WHERE a.attrelid = p.source AND a.attname = p.source_key[1]), -1);
BEGIN
    SELECT c.* INTO compared FROM confiture._remote_compared(p) AS c;
    RETURN QUERY SELECT d.* FROM confiture._as_owner(confiture._remote_maker(p.transition), confiture._transition_differences_query(
        p, lower, upper, compared.expressions, confiture._remote_digest_columns(p.target, 'target', compared.columns), NULL, confiture._remote_table(p, 'target'),
        -- a comparison of rows is not sent to the target: the first column is
        concat_ws(' AND ', confiture._transition_range(p, p.target_key, 'target', lower, upper),
            CASE WHEN lower IS NOT NULL THEN format('target.%I >= %L::%s', p.target_key[1], lower[1], first) END,
            CASE WHEN upper IS NOT NULL THEN format('target.%I <= %L::%s', p.target_key[1], upper[1], first) END),
        'true', 'true', format('NOT EXISTS (SELECT FROM %s AS l WHERE (%s) OR (%s) OR l.k1 IS NULL)', confiture._relation_name(p.log),
            confiture._transition_same_key(names, 'l', names, 's'), confiture._transition_same_key(names, 'l', names, 't')), max_rows)) AS d (key text[], difference text, source_row jsonb, target_row jsonb);
END
$$;

-- Counts and digests a range of keys on both servers; latest: with what is committed now, on the target too. Its
-- callers have the settings of digests.
CREATE OR REPLACE FUNCTION confiture._remote_digests(
    p confiture.transition_table, lower text[], upper text[], latest boolean, OUT source_rows bigint, OUT equal boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    compared record;
    digest text;
BEGIN
    SELECT c.* INTO compared FROM confiture._remote_compared(p) AS c;
    SELECT d.row_count, d.digest::text INTO source_rows, digest
    FROM confiture._digest_as_owner(p.source, format('SELECT %s FROM ONLY %s AS source WHERE %s', compared.expressions,
        confiture._relation_name(p.source), confiture._transition_range(p, p.source_key, 'source', lower, upper))) AS d;
    equal := confiture._remote_call(p.transition, 'digest', jsonb_build_object('half', confiture._remote_half(p.id),
            'columns', compared.columns, 'lower', lower, 'upper', upper, 'latest', latest))
        = jsonb_build_object('rows', source_rows, 'digest', digest);
END
$$;

-- Before rows are compared. A cutover that was committed there, and not here, is taken back; after the
-- cutover, what was written in the target is brought here.
CREATE OR REPLACE FUNCTION confiture._remote_settle(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._remote_lock(t);
    IF t.state = 'cut_over' THEN
        PERFORM confiture._remote_pull(t, NULL);
    ELSE
        PERFORM confiture._remote_call(t.id, 'close', jsonb_build_object('lock_timeout', '5s'));
    END IF;
END
$$;

-- Compares the rows of a pair, a range of keys at a time. Returns all ranges, with what differs.
CREATE OR REPLACE FUNCTION confiture._remote_compare(
    p confiture.transition_table, range_rows integer,
    OUT lower text[], OUT upper text[], OUT source_rows bigint, OUT equal boolean)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET timezone = 'UTC'
SET row_security = off
AS $$
BEGIN
    LOOP
        upper := confiture._transition_bound(p, lower, range_rows);
        PERFORM confiture._remote_drain(p, NULL);
        SELECT d.* INTO source_rows, equal FROM confiture._remote_digests(p, lower, upper, false) AS d;
        equal := equal OR NOT EXISTS (SELECT FROM confiture._remote_differences(p, lower, upper, 1));
        RETURN NEXT;
        EXIT WHEN upper IS NULL;
        lower := upper;
    END LOOP;
END
$$;

-- Validates, as transition_validate().
CREATE OR REPLACE FUNCTION confiture._remote_validate(t confiture.transition, max_rows integer)
RETURNS TABLE (source_table text, key text[], difference text, source_row jsonb, target_row jsonb)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    p confiture.transition_table;
    part record;
    found integer := 0;
    returned integer;
    total bigint := 0;
    ranges integer := 0;
    wrong integer := 0;
    started timestamptz := clock_timestamp();
BEGIN
    PERFORM confiture._remote_settle(t);
    -- All ranges first: in mode synchronous what differs is looked at again under a lock.
    FOR part IN SELECT r AS pair, c.lower, c.upper, c.source_rows, c.equal
            FROM confiture.transition_table AS r CROSS JOIN LATERAL confiture._remote_compare(r, 20000) WITH ORDINALITY AS c
            WHERE r.transition = t.id ORDER BY r.ordinal, c.ordinality LOOP
        p := part.pair;
        ranges := ranges + 1;
        total := total + part.source_rows;
        CONTINUE WHEN part.equal OR confiture._remote_is_sync(t) AND confiture._remote_sync_equal(t, p, part.lower, part.upper);
        wrong := wrong + 1;
        RETURN QUERY SELECT confiture._relation_name(p.source), d.* FROM confiture._remote_differences(p, part.lower, part.upper, greatest(max_rows - found, 0)) AS d;
        GET DIAGNOSTICS returned = ROW_COUNT;
        found := found + returned;
    END LOOP;
    IF wrong = 0 THEN
        PERFORM confiture._remote_call(t.id, 'check');
    END IF;
    PERFORM confiture._transition_set_validation(t.id, wrong, total, ranges, started);
END
$$;

-- Makes the keys of rows of a range that differ entries of the change log here, as if they had been written just
-- now. Returns how many.
CREATE OR REPLACE FUNCTION confiture._remote_log_differences(p confiture.transition_table, lower text[], upper text[]) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
BEGIN
    RETURN (SELECT coalesce(confiture._do_as_owner(p.log, format('INSERT INTO %s VALUES %s', confiture._relation_name(p.log),
            string_agg(format('(%s)', k.text), ', '))), 0)
        FROM confiture._remote_differences(p, lower, upper, NULL) AS d
        CROSS JOIN LATERAL (
            SELECT string_agg(format('%L::%s', v.value, format_type(confiture._base_type(a.atttypid), -1)), ', ' ORDER BY v.n) AS text
            FROM unnest(d.key, p.source_key) WITH ORDINALITY AS v (value, name, n)
            JOIN pg_attribute AS a ON a.attrelid = p.source AND a.attname = v.name) AS k);
END
$$;

-- After the cutover, while nobody writes the target: what was written there meanwhile is brought here, and counts;
-- then the rows whose keys are in the change logs here are what the source says.
CREATE OR REPLACE FUNCTION confiture._remote_do_repair_target(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._remote_call(t.id, 'block', jsonb_build_object('lock_timeout', t.options ->> 'lock_timeout'));
    PERFORM confiture._remote_pull(t, NULL, true);
    PERFORM confiture._remote_drain_all(t, NULL);
END
$$;

-- The other way round: rows with the keys in option "wrong" become what the target says. Before the cutover, while
-- nobody writes the source, and after what was written there has been brought over.
CREATE OR REPLACE FUNCTION confiture._remote_do_repair_source(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._remote_drain_all(t, NULL);
    PERFORM confiture._remote_call(t.id, 'log', w.value) FROM jsonb_array_elements(t.options -> 'wrong') AS w (value);
    PERFORM confiture._remote_pull(t, NULL, t.state <> 'cut_over');
END
$$;

-- Makes rows that differ what one side says, as transition_repair().
CREATE OR REPLACE FUNCTION confiture._remote_repair(t confiture.transition, "right" text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    p confiture.transition_table;
    part record;
    keys jsonb;
    wrong jsonb := '[]';
    repaired bigint := 0;
BEGIN
    PERFORM confiture._remote_settle(t);
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        FOR part IN SELECT c.* FROM confiture._remote_compare(p, 20000) AS c WHERE NOT c.equal LOOP
            -- Writers are stopped then: what they have just put there must not be overwritten.
            CONTINUE WHEN confiture._remote_is_sync(t) AND confiture._remote_sync_equal(t, p, part.lower, part.upper);
            IF "right" = 'source' THEN
                repaired := repaired + confiture._remote_log_differences(p, part.lower, part.upper);
            ELSE
                SELECT coalesce(jsonb_agg(to_jsonb(d.key)), '[]') INTO keys FROM confiture._remote_differences(p, part.lower, part.upper, NULL) AS d;
                wrong := wrong || jsonb_build_array(jsonb_build_object('half', confiture._remote_half(p.id), 'keys', keys));
                repaired := repaired + jsonb_array_length(keys);
            END IF;
        END LOOP;
    END LOOP;
    t := jsonb_populate_record(t, jsonb_build_object('options', t.options || jsonb_build_object('wrong', wrong)));
    IF repaired = 0 THEN
        RETURN 0;
    ELSIF "right" = 'source' AND t.state = 'cut_over' THEN
        PERFORM confiture._transition_locked(t, NULL, '_remote_do_repair_target');
    ELSIF "right" = 'source' THEN
        PERFORM confiture._remote_drain_all(t, NULL);
    ELSIF t.state = 'cut_over' THEN
        PERFORM confiture._remote_do_repair_source(t);
    ELSE
        PERFORM confiture._remote_pull_tables(r) FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal;
        PERFORM confiture._transition_locked(t, 'SHARE ROW EXCLUSIVE', '_remote_do_repair_source');
    END IF;
    RETURN repaired;
END
$$;
