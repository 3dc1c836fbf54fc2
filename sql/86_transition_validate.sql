-- Transitions: proving that both sides are equal, and making them so.

-- What is compared: for each column of the target that says something about the row, the expression
-- over the source, and the column.
CREATE OR REPLACE FUNCTION confiture._transition_compared(
    p confiture.transition_table, OUT source_columns text, OUT target_columns text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format(E'(%s\n)::%s', m.value, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum),
        string_agg(format('target.%I', a.attname), ', ' ORDER BY a.attnum)
    FROM jsonb_each_text(p.columns) AS m
    JOIN pg_attribute AS a ON a.attrelid = p.target AND a.attname = m.key AND a.attnum > 0
    WHERE confiture._transition_expression(p.source, 'source', m.value, a.atttypid, a.atttypmod)
$$;

-- Compares the rows of a pair, a range of keys at a time: both sides in one snapshot. Returns the
-- ranges that differ.
CREATE OR REPLACE FUNCTION confiture._transition_compare(
    p confiture.transition_table, range_rows integer,
    OUT lower text[], OUT upper text[], OUT source_rows bigint, OUT target_rows bigint, OUT equal boolean)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET row_security = off
AS $$
DECLARE
    compared record;
    source text := confiture._relation_name(p.source);
BEGIN
    SELECT c.* INTO compared FROM confiture._transition_compared(p) AS c;
    LOOP
        upper := confiture._transition_bound(p, lower, range_rows);
        -- One statement, one snapshot.
        SELECT s.row_count, t.row_count, s.row_count = t.row_count AND s.digest = t.digest INTO source_rows, target_rows, equal
        FROM confiture._digest_as_owner(p.source, format('SELECT %s FROM ONLY %s AS source WHERE %s', compared.source_columns, source,
                confiture._transition_range(p, p.source_key, 'source', lower, upper))) AS s,
            confiture._digest_as_owner(p.target, format('SELECT %s FROM ONLY %s AS target WHERE %s', compared.target_columns,
                confiture._relation_name(p.target), confiture._transition_range(p, p.target_key, 'target', lower, upper))) AS t;
        -- Of a second table, rows can be missing, and be there alone, and yet all is in order.
        IF NOT equal AND NOT p.main THEN
            equal := NOT EXISTS (SELECT FROM confiture._transition_differences(p, lower, upper, 1));
        END IF;
        RETURN NEXT;
        EXIT WHEN upper IS NULL;
        lower := upper;
    END LOOP;
END
$$;

-- The rows of one side of a pair, as what stands in FROM: the key k1, k2, ...; whole; compared, what of it is compared, as
-- text; lacks, whether the row alone is a difference. Read as the owner of a relation; NULL: as whoever runs the query.
CREATE OR REPLACE FUNCTION confiture._transition_side(
    whose oid, keyed oid, key text[], rows text, alias text, range text, columns text, lacks text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN whose IS NULL THEN format('(%s)', q.text)
        ELSE format('(SELECT * FROM confiture._as_owner(%s, %L) AS r (%s, whole jsonb, compared text, lacks boolean))', whose, q.text,
            confiture._transition_key_columns(keyed, key)) END
    FROM (SELECT format('SELECT %s, to_jsonb(%s) AS whole, ROW(%s)::text AS compared, %s AS lacks FROM %s AS %2$s WHERE %6$s',
            string_agg(format('%s.%I::%s AS k%s', alias, a.attname, format_type(confiture._base_type(a.atttypid), -1), k.ordinal), ', ' ORDER BY k.ordinal),
            alias, columns, lacks, rows, range) AS text
        FROM unnest(key) WITH ORDINALITY AS k (name, ordinal)
        JOIN pg_attribute AS a ON a.attrelid = keyed AND a.attname = k.name) AS q
$$;

-- The query for the rows of a range that differ: the key, how, both rows. Where is the target's range, among the rows
-- target, read as the owner of whose, if that is not NULL; lacks, a condition on each side: a row alone is a difference;
-- counts, on s and t: it does.
CREATE OR REPLACE FUNCTION confiture._transition_differences_query(
    p confiture.transition_table, lower text[], upper text[], source_columns text, target_columns text, whose oid, target text,
    target_range text, source_lacks text, target_lacks text, counts text, max_rows integer) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(
        'SELECT ARRAY[%s], CASE WHEN s.k1 IS NULL THEN ''only in the target'''
        ' WHEN t.k1 IS NULL THEN ''only in the source'' ELSE ''different'' END, s.whole, t.whole FROM %s AS s FULL JOIN %s AS t ON %s'
        ' WHERE CASE WHEN s.k1 IS NULL THEN t.lacks WHEN t.k1 IS NULL THEN s.lacks ELSE s.compared <> t.compared END AND %s ORDER BY 1 LIMIT %s',
        string_agg(format('coalesce(s.%1$I::text, t.%1$I::text)', n.name), ', ' ORDER BY n.ordinal),
        confiture._transition_side(p.source, p.source, p.source_key, 'ONLY ' || confiture._relation_name(p.source), 'source',
            confiture._transition_range(p, p.source_key, 'source', lower, upper), source_columns, source_lacks),
        confiture._transition_side(whose, p.target, p.target_key, target, 'target', target_range, target_columns, target_lacks),
        confiture._transition_same_key(confiture._transition_log_key(p), 's', confiture._transition_log_key(p), 't'),
        counts, coalesce(max_rows::text, 'ALL'))
    FROM unnest(confiture._transition_log_key(p)) WITH ORDINALITY AS n (name, ordinal)
$$;

-- The rows of a range that differ, at most so many.
CREATE OR REPLACE FUNCTION confiture._transition_differences(
    p confiture.transition_table, lower text[], upper text[], max_rows integer,
    OUT key text[], OUT difference text, OUT source_row jsonb, OUT target_row jsonb)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET row_security = off
AS $$
DECLARE
    compared record;
    -- Where the second of two tables has no row: whether the wide one says that it should.
    lacks text := 'true';
BEGIN
    IF NOT p.main THEN
        SELECT format(E'coalesce((%s\n), false) AND ROW(%s)::text <> ROW(%s)::text', coalesce(p.condition, 'true'),
            string_agg(format('%s.%I', CASE p.shape WHEN 'split' THEN 'source' ELSE 'target' END, a.attname), ', ' ORDER BY a.attnum),
            string_agg(format(E'(%s\n)::%s', m.value, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)) INTO lacks
        FROM jsonb_each_text(p.absent) AS m
        JOIN pg_attribute AS a ON a.attrelid = CASE p.shape WHEN 'split' THEN p.source ELSE p.target END AND a.attname = m.key AND a.attnum > 0;
    END IF;
    SELECT c.* INTO compared FROM confiture._transition_compared(p) AS c;
    RETURN QUERY EXECUTE confiture._transition_differences_query(p, lower, upper, compared.source_columns, compared.target_columns,
        p.target, 'ONLY ' || confiture._relation_name(p.target), confiture._transition_range(p, p.target_key, 'target', lower, upper),
        CASE WHEN p.main OR p.shape = 'split' THEN lacks ELSE 'false' END, CASE WHEN p.main OR p.shape = 'merge' THEN lacks ELSE 'false' END,
        'true', max_rows);
END
$$;

-- Stores how a validation has ended, and the state that follows from it.
CREATE OR REPLACE FUNCTION confiture._transition_set_validation(
    transition integer, wrong bigint, total bigint, ranges bigint, started timestamptz) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE confiture.transition AS t
    SET state = CASE WHEN t.state = 'cut_over' THEN t.state WHEN wrong = 0 THEN 'validated' WHEN t.state = 'validated' THEN 'mirrored' ELSE t.state END,
        changed_at = clock_timestamp(), failure = NULL,
        validation = jsonb_build_object('at', clock_timestamp(), 'equal', wrong = 0, 'rows', total, 'ranges', ranges,
            'ranges_that_differ', wrong, 'elapsed_ms', round(extract(epoch FROM clock_timestamp() - started) * 1000))
    WHERE t.id = transition
$$;

CREATE OR REPLACE FUNCTION confiture.transition_validate(name text, max_rows integer DEFAULT 100)
RETURNS TABLE (source_table text, key text[], difference text, source_row jsonb, target_row jsonb)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    t confiture.transition := confiture._transition_take(name, '{mirrored,validated,rolled_back,cut_over}');
    p confiture.transition_table;
    part record;
    fk record;
    found integer := 0;
    returned integer;
    total bigint := 0;
    ranges integer := 0;
    wrong integer := 0;
    started timestamptz := clock_timestamp();
BEGIN
    IF confiture._transition_is_remote(t.id) THEN
        RETURN QUERY SELECT v.* FROM confiture._remote_validate(t, max_rows) AS v;
        RETURN;
    END IF;
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        FOR part IN SELECT c.* FROM confiture._transition_compare(p, 50000) AS c LOOP
            ranges := ranges + 1;
            total := total + part.source_rows;
            CONTINUE WHEN part.equal;
            wrong := wrong + 1;
            RETURN QUERY SELECT confiture._relation_name(p.source), d.* FROM confiture._transition_differences(p, part.lower, part.upper, greatest(max_rows - found, 0)) AS d;
            GET DIAGNOSTICS returned = ROW_COUNT;
            found := found + returned;
        END LOOP;
        FOR fk IN SELECT o.conname FROM pg_constraint AS o
                WHERE o.conrelid = p.target AND o.contype = 'f' AND NOT o.convalidated AND wrong = 0 LOOP
            PERFORM confiture._do_as_owner(p.target, format('ALTER TABLE %s VALIDATE CONSTRAINT %I', confiture._relation_name(p.target), fk.conname));
        END LOOP;
    END LOOP;
    PERFORM confiture._transition_set_validation(t.id, wrong, total, ranges, started);
END
$$;
COMMENT ON FUNCTION confiture.transition_validate(text, integer) IS
'Compares both sides: for each range of keys, in one snapshot, the number of rows and a digest of all values. Validates the foreign keys of the targets. When nothing differs the state becomes validated, which the cutover needs; else the rows that differ are returned and the state stays, or becomes mirrored again. Writers do not wait. When the target is on another server, rows whose keys are still in the change log do not count; after the cutover, what was written in the target is brought to the source tables that were set aside first, and what is written meanwhile is not seen. Columns whose expression does not depend on the row are not compared.
Arguments: name; max_rows, how many differences at most.
Columns: source_table; key; difference: only in the source, only in the target, different; source_row, target_row.
Errors: 23503 a foreign key is violated; else as confiture.transition_capture().
Example: SELECT * FROM confiture.transition_validate(''to_v2'');';

-- Under the locks: brings rows with the keys in option "keys" from the side that is right to the other.
CREATE OR REPLACE FUNCTION confiture._transition_do_repair(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
    back boolean := t.options ->> 'right' = 'target';
    reads oid;
    keys text[];
BEGIN
    SELECT r.* INTO p FROM confiture.transition_table AS r WHERE r.id = (t.options ->> 'pair')::integer;
    keys := confiture._transition_log_key(p);
    reads := CASE WHEN back THEN p.target ELSE p.source END;
    PERFORM confiture._transition_fill(p.id, back, format(
        'SELECT g.*, %s FROM (VALUES %s) AS g (%s) LEFT JOIN ONLY %s AS r ON %s',
        confiture._transition_columns(reads, 'r'), t.options ->> 'keys',
        array_to_string(keys, ', '), confiture._relation_name(reads),
        confiture._transition_same_key(keys, 'g', CASE WHEN back THEN p.target_key ELSE p.source_key END, 'r')), 'put');
END
$$;

CREATE OR REPLACE FUNCTION confiture.transition_repair(name text, "right" text DEFAULT 'source') RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET row_security = off
AS $$
DECLARE
    t confiture.transition := confiture._transition_take(name, '{mirrored,validated,rolled_back,cut_over}');
    p confiture.transition_table;
    part record;
    keys text;
    count bigint;
    repaired bigint := 0;
BEGIN
    IF "right" IS NULL OR "right" NOT IN ('source', 'target') THEN
        RAISE EXCEPTION 'which side is right must be source or target, not %', coalesce(quote_literal("right"), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'source: the target is made what the source says.';
    END IF;
    IF confiture._transition_is_remote(t.id) THEN
        RETURN confiture._remote_repair(t, "right");
    END IF;
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        FOR part IN SELECT c.* FROM confiture._transition_compare(p, 5000) AS c WHERE NOT c.equal LOOP
            SELECT string_agg(format('(%s)', k.text), ', '), count(*) INTO keys, count
            FROM confiture._transition_differences(p, part.lower, part.upper, NULL) AS d
            CROSS JOIN LATERAL (
                SELECT string_agg(format('%L::%s', v.value, format_type(a.atttypid, -1)), ', ' ORDER BY v.ordinal) AS text
                FROM unnest(d.key, p.source_key, p.target_key) WITH ORDINALITY AS v (value, source_column, target_column, ordinal)
                JOIN pg_attribute AS a ON a.attrelid = CASE "right" WHEN 'target' THEN p.target ELSE p.source END
                    AND a.attname = CASE "right" WHEN 'target' THEN v.target_column ELSE v.source_column END) AS k;
            CONTINUE WHEN keys IS NULL;
            -- Read again under the lock: whoever wrote these rows meanwhile has written both sides.
            t := jsonb_populate_record(t, jsonb_build_object('options',
                t.options || jsonb_build_object('pair', p.id, 'keys', keys, 'right', "right")));
            PERFORM confiture._transition_locked(t, 'SHARE ROW EXCLUSIVE', '_transition_do_repair');
            repaired := repaired + count;
        END LOOP;
    END LOOP;
    RETURN repaired;
END
$$;
COMMENT ON FUNCTION confiture.transition_repair(text, text) IS
'Makes the rows that differ equal: one side is right, the other is made what it says. Rows are found without a lock, and written under a short one that blocks writers. When the target is on another server, the side that applications do not write, the target before and the set-aside source tables after the cutover, is repaired without a lock; the other one under a lock until the end of the transaction: what is written meanwhile counts, and is not overwritten.
Arguments: name; right: source (default) or target.
Result: how many rows.
Errors: 22023 another side; else as confiture.transition_capture().
Example: SELECT confiture.transition_repair(''to_v2'');';
