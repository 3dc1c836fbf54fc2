-- Transitions: which tables a mapping names, and what each pair of them writes.

-- Raises an error for a mapping that is not understood.
CREATE OR REPLACE FUNCTION confiture._transition_check_mapping(mapping jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
    parts CONSTANT text[] := ARRAY['target', 'columns', 'back', 'when', 'absent'];
BEGIN
    IF jsonb_typeof(mapping) <> 'object' OR jsonb_typeof(mapping -> 'tables') IS DISTINCT FROM 'object'
        OR mapping - 'tables' <> '{}' THEN
        RAISE EXCEPTION 'the mapping must be an object with the key "tables"'
            USING ERRCODE = 'invalid_parameter_value',
            HINT = '{"tables": {"orders": {"target": "orders", "columns": {"cents": "(total * 100)::bigint"}, "back": {"total": "cents / 100.0"}}}}';
    END IF;
    SELECT t.key INTO wrong FROM jsonb_each(mapping -> 'tables') AS t
    WHERE jsonb_typeof(t.value) <> 'object'
        OR t.value ? 'targets' AND (t.value - 'targets' <> '{}' OR jsonb_typeof(t.value -> 'targets') <> 'array')
        OR NOT t.value ? 'targets' AND (t.value - parts - 'secondary' <> '{}' OR jsonb_typeof(coalesce(t.value -> 'secondary', 'true')) <> 'boolean')
        OR EXISTS (SELECT FROM jsonb_array_elements(CASE WHEN jsonb_typeof(t.value -> 'targets') = 'array' THEN t.value -> 'targets'
                ELSE jsonb_build_array(CASE WHEN t.value ? 'targets' THEN '1' ELSE t.value - 'secondary' END) END) AS e (value)
            WHERE jsonb_typeof(e.value) <> 'object' OR e.value - parts <> '{}'
                OR jsonb_typeof(coalesce(e.value -> 'target', '""')) <> 'string'
                OR jsonb_typeof(coalesce(e.value -> 'columns', '{}')) <> 'object'
                OR jsonb_typeof(coalesce(e.value -> 'back', '{}')) <> 'object'
                OR jsonb_typeof(coalesce(e.value -> 'when', '""')) <> 'string'
                OR jsonb_typeof(coalesce(e.value -> 'absent', '{}')) <> 'object')
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the mapping of table % is not understood', quote_literal(wrong)
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It has the keys target (a name), columns and back (objects of column and expression); or targets, an array of two such objects; '
                'the second of two targets, and a source with "secondary": true, may have when (an expression) and absent (an object).';
    END IF;
END
$$;

-- The pairs that a mapping names: of tables, or all with equal names. Of two that share a table the
-- main one comes first.
CREATE OR REPLACE FUNCTION confiture._transition_pairs(source_schema text, target_schema text, mapping jsonb)
RETURNS TABLE (source text, target text, spec jsonb, shape text, main boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
    pairs jsonb;
BEGIN
    IF mapping IS NULL OR mapping = '{}' THEN
        RETURN QUERY SELECT c.relname::text, c.relname::text, '{}'::jsonb, 'single', true
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = source_schema AND c.relkind IN ('r', 'p', 'f')
                AND NOT EXISTS (SELECT FROM confiture.transition_table AS p WHERE p.log = c.oid) ORDER BY 1;
        RETURN;
    END IF;
    PERFORM confiture._transition_check_mapping(mapping);
    SELECT coalesce(jsonb_agg(jsonb_build_object('source', f.source, 'target', f.target, 'spec', f.spec, 'split', f.split,
            'second', f.second, 'sources', f.sources, 'targets', f.targets) ORDER BY f.source, f.second), '[]') INTO pairs
    FROM (
        SELECT t.key AS source, coalesce(e.value ->> 'target', t.key) AS target, e.value AS spec, t.value ? 'targets' AS split,
            CASE WHEN t.value ? 'targets' THEN e.place > 1 ELSE coalesce((t.value ->> 'secondary')::boolean, false) END AS second,
            count(*) OVER (PARTITION BY coalesce(e.value ->> 'target', t.key)) AS sources, count(*) OVER (PARTITION BY t.key) AS targets
        FROM jsonb_each(mapping -> 'tables') AS t
        CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN t.value ? 'targets' THEN t.value -> 'targets'
            ELSE jsonb_build_array(t.value) END) WITH ORDINALITY AS e (value, place)) AS f;
    SELECT r.source INTO wrong FROM jsonb_to_recordset(pairs) AS r (source text, split boolean, sources integer, targets integer)
    WHERE r.targets > 2 OR r.sources > 2 OR (r.split AND r.sources > 1) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'table % would be split into more than two, or merged with more than one', quote_literal(wrong)
            USING ERRCODE = 'feature_not_supported', HINT = 'Split into two, or merge two; do more in a second transition.';
    END IF;
    SELECT r.source INTO wrong FROM jsonb_to_recordset(pairs) AS r (source text, target text, second boolean, split boolean, sources integer, targets integer)
    WHERE (r.split AND r.targets <> 2) OR (NOT r.split AND r.second AND r.sources = 1)
        OR (r.sources = 2 AND 1 <> (SELECT count(*) FROM jsonb_to_recordset(pairs) AS o (target text, second boolean)
            WHERE o.target = r.target AND o.second)) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the mapping of table % does not say what is split or merged', quote_literal(wrong)
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'targets names two tables, the main one first; of two sources with the same target, one has "secondary": true: the other decides which rows there are.';
    END IF;
    SELECT r.source INTO wrong FROM jsonb_to_recordset(pairs) AS r (source text, spec jsonb, second boolean)
    WHERE NOT r.second AND (r.spec ? 'when' OR r.spec ? 'absent') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the mapping of table % has "when" or "absent" for a table whose rows are always there', quote_literal(wrong)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'They belong to the second of two targets, or to the source with "secondary": true.';
    END IF;
    RETURN QUERY SELECT r.source, r.target, r.spec, CASE WHEN r.split THEN 'split' WHEN r.sources = 2 THEN 'merge' ELSE 'single' END, NOT r.second
        FROM jsonb_to_recordset(pairs) AS r (source text, target text, spec jsonb, second boolean, split boolean, sources integer)
        ORDER BY CASE WHEN r.split THEN r.source WHEN r.sources = 2 THEN r.target ELSE r.source END, r.second, r.source;
END
$$;

-- Adds a pair, with its mapping. Returns its number.
CREATE OR REPLACE FUNCTION confiture._transition_add(
    transition integer, ordinal integer, source oid, target oid, spec jsonb, shape text, main boolean) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made integer;
    there jsonb := confiture._transition_spelled(coalesce(spec -> 'columns', '{}'), 'source');
    here jsonb := confiture._transition_spelled(coalesce(spec -> 'back', '{}'), 'target');
BEGIN
    IF shape = 'merge' THEN
        there := confiture._transition_named(source, target, there) || there;
    ELSE
        there := confiture._transition_mapping(source, target, there, NULL) || there;
    END IF;
    IF shape = 'split' THEN
        here := confiture._transition_untouched(source, there) || here;
    ELSE
        here := confiture._transition_mapping(target, source, here, there) || here;
    END IF;
    INSERT INTO confiture.transition_table (transition, ordinal, source, target, source_name, target_name,
        source_key, target_key, columns, back, rows_estimated, shape, main, sibling, condition)
    VALUES (_transition_add.transition, _transition_add.ordinal, _transition_add.source, _transition_add.target,
        confiture._relation_name(_transition_add.source), confiture._relation_name(_transition_add.target), '{}', '{}', there, here,
        confiture._transition_estimate_rows(_transition_add.source),
        _transition_add.shape, _transition_add.main, CASE WHEN _transition_add.shape <> 'single' THEN 0 END, spec ->> 'when')
    RETURNING id INTO made;
    PERFORM confiture._transition_set_keys(made);
    RETURN made;
END
$$;

-- A column and nothing else, however it is written: as quote_ident() writes it.
CREATE OR REPLACE FUNCTION confiture._transition_column(expression text, alias text) RETURNS text
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'confiture_transition_column';

-- The expressions of a mapping; those that are just a column are written in one way, those that can't be
-- parsed are left for the checks to name.
CREATE OR REPLACE FUNCTION confiture._transition_spelled(expressions jsonb, alias text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result jsonb := expressions;
    item record;
BEGIN
    FOR item IN SELECT e.key, e.value FROM jsonb_each_text(expressions) AS e WHERE e.value IS NOT NULL LOOP
        BEGIN
            result := result || jsonb_build_object(item.key, confiture._transition_column(item.value, alias));
        EXCEPTION WHEN syntax_error THEN
            NULL;
        END;
    END LOOP;
    RETURN result;
END
$$;

-- The columns of one table that have the name of a column of another.
CREATE OR REPLACE FUNCTION confiture._transition_named(reads oid, writes oid, given jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(w.attname, quote_ident(r.attname)), '{}')
    FROM pg_attribute AS w
    JOIN pg_attribute AS r ON r.attrelid = reads AND r.attname = w.attname AND r.attnum > 0 AND NOT r.attisdropped
    WHERE w.attrelid = writes AND w.attnum > 0 AND NOT w.attisdropped AND w.attgenerated = '' AND NOT given ? w.attname
$$;

-- The columns of a source that a target holds as they are.
CREATE OR REPLACE FUNCTION confiture._transition_untouched(source oid, columns jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(s.attname, (SELECT quote_ident(m.key) FROM jsonb_each_text(columns) AS m
            WHERE m.value IN (s.attname, quote_ident(s.attname)) ORDER BY m.key <> s.attname, m.key LIMIT 1)), '{}')
    FROM pg_attribute AS s
    WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped AND s.attgenerated = ''
        AND EXISTS (SELECT FROM jsonb_each_text(columns) AS m WHERE m.value IN (s.attname, quote_ident(s.attname)))
$$;

-- Of two pairs that share a table: settles which columns of it each owns, and what they are where the
-- second table has no row.
CREATE OR REPLACE FUNCTION confiture._transition_share(first_pair integer, first_spec jsonb, second_spec jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m confiture.transition_table;
    o confiture.transition_table;
    part text;
    wide oid;
    own jsonb;
    rest jsonb;
    first_back jsonb;
    second_back jsonb;
BEGIN
    SELECT p.* INTO m FROM confiture.transition_table AS p WHERE p.id = first_pair;
    SELECT p.* INTO o FROM confiture.transition_table AS p WHERE p.transition = m.transition AND p.shape = m.shape AND NOT p.main
        AND CASE m.shape WHEN 'split' THEN p.source = m.source ELSE p.target = m.target END;
    part := CASE m.shape WHEN 'split' THEN 'back' ELSE 'columns' END;
    wide := CASE m.shape WHEN 'split' THEN m.source ELSE m.target END;
    own := CASE m.shape WHEN 'split' THEN m.back ELSE m.columns END;
    rest := CASE m.shape WHEN 'split' THEN o.back ELSE o.columns END;
    -- The key comes from the main table; a column that only one of the two names belongs to that one.
    rest := rest - CASE m.shape WHEN 'split' THEN o.source_key ELSE o.target_key END
        - ARRAY(SELECT k FROM jsonb_object_keys(first_spec -> part) AS k WHERE NOT coalesce(second_spec -> part, '{}') ? k);
    own := own - ARRAY(SELECT k FROM jsonb_object_keys(second_spec -> part) AS k WHERE NOT coalesce(first_spec -> part, '{}') ? k);
    -- What neither has, but has a default, is the main table's.
    own := own || coalesce((SELECT jsonb_object_agg(a.attname, confiture._transition_default(wide, a.attnum)) FROM pg_attribute AS a
        WHERE a.attrelid = wide AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
            AND NOT own ? a.attname AND NOT rest ? a.attname AND confiture._transition_default(wide, a.attnum) IS NOT NULL), '{}');
    -- The way back of what is merged starts from what each owns.
    IF m.shape = 'merge' THEN
        first_back := confiture._transition_mapping(m.target, m.source, coalesce(first_spec -> 'back', '{}'), own) || coalesce(first_spec -> 'back', '{}');
        second_back := confiture._transition_mapping(o.target, o.source, coalesce(second_spec -> 'back', '{}'),
            rest || coalesce((SELECT jsonb_object_agg(k.b, quote_ident(k.a)) FROM unnest(o.source_key, o.target_key) AS k (a, b)), '{}'))
            || coalesce(second_spec -> 'back', '{}');
    END IF;
    UPDATE confiture.transition_table AS p SET sibling = o.id,
        columns = CASE m.shape WHEN 'split' THEN p.columns ELSE own END, back = CASE m.shape WHEN 'split' THEN own ELSE first_back END
    WHERE p.id = m.id;
    UPDATE confiture.transition_table AS p SET sibling = m.id,
        columns = CASE m.shape WHEN 'split' THEN p.columns ELSE rest END, back = CASE m.shape WHEN 'split' THEN rest ELSE second_back END,
        absent = coalesce((SELECT jsonb_object_agg(k, 'NULL') FROM jsonb_object_keys(rest) AS k), '{}') || coalesce(second_spec -> 'absent', '{}'),
        -- Merged tables are copied by the main one, which brings along what the other has.
        cut = m.shape = 'merge', rows_estimated = CASE WHEN m.shape = 'merge' THEN 0 ELSE p.rows_estimated END
    WHERE p.id = o.id;
END
$$;

-- A table, its indexes and its sequences: what moves when it gets another schema.
CREATE OR REPLACE FUNCTION confiture._transition_moving(relation oid) RETURNS SETOF oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT relation
    UNION ALL SELECT i.indexrelid FROM pg_index AS i WHERE i.indrelid = relation
    UNION ALL SELECT d.objid FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.objid AND c.relkind = 'S'
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.deptype IN ('a', 'i')
$$;

-- What stands in the way of two pairs that share a table; m is the main one.
CREATE OR REPLACE FUNCTION confiture._transition_shared_problems(m confiture.transition_table, o confiture.transition_table, swap text)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    split boolean := m.shape = 'split';
    part text := CASE WHEN split THEN 'back' ELSE 'columns' END;
    alias text := CASE WHEN split THEN 'source' ELSE 'target' END;
    wide oid := CASE WHEN split THEN m.source ELSE m.target END;
    one oid := CASE WHEN split THEN m.target ELSE m.source END;
    other oid := CASE WHEN split THEN o.target ELSE o.source END;
    own jsonb := CASE WHEN split THEN m.back ELSE m.columns END;
    rest jsonb := CASE WHEN split THEN o.back ELSE o.columns END;
    col record;
    message text;
    advice text;
BEGIN
    relation := confiture._relation_name(wide);
    IF (SELECT count(DISTINCT c.relowner) FROM pg_class AS c WHERE c.oid IN (one, other)) > 1 AND NOT split THEN
        problem := format('%s and %s, which become one, have different owners', confiture._relation_name(one), confiture._relation_name(other));
        hint := 'Give both the same owner: what writes one of them, writes what the other has too.';
        RETURN NEXT;
    END IF;
    FOR col IN SELECT a.attname, a.atttypid, a.atttypmod, a.attnotnull FROM pg_attribute AS a
            WHERE a.attrelid = wide AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum LOOP
        IF NOT own ? col.attname AND NOT rest ? col.attname THEN
            problem := format('column %I has no counterpart in %s or %s', col.attname, confiture._relation_name(one), confiture._relation_name(other));
            hint := format('Give an expression for it in "%s" of one of them: NULL, for example.', part);
            RETURN NEXT;
        ELSIF own ? col.attname AND rest ? col.attname THEN
            problem := format('column %I belongs to both %s and %s', col.attname, confiture._relation_name(one), confiture._relation_name(other));
            hint := format('Say in "%s" of one of them, and only there, where it comes from.', part);
            RETURN NEXT;
        ELSIF rest ? col.attname THEN
            BEGIN
                IF confiture._transition_expression(wide, alias, o.absent ->> col.attname, col.atttypid, col.atttypmod, m.source) THEN
                    problem := format('column %I: "%s" in "absent" depends on the row', col.attname, o.absent ->> col.attname);
                    hint := 'Where there is no row there is nothing to compute it from: give a constant.';
                    RETURN NEXT;
                ELSIF col.attnotnull AND upper(o.absent ->> col.attname) = 'NULL' THEN
                    problem := format('column %I is NOT NULL, but would be null where %s has no row', col.attname, confiture._relation_name(other));
                    hint := 'Give a value in "absent".';
                    RETURN NEXT;
                END IF;
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, advice = PG_EXCEPTION_HINT;
                problem := format('column %I in "absent": %s', col.attname, message);
                hint := coalesce(nullif(advice, ''), 'Correct it in "absent".');
                RETURN NEXT;
            END;
        END IF;
    END LOOP;
    RETURN QUERY SELECT confiture._relation_name(wide), format('"absent" names column %I, which %s does not own', k, confiture._relation_name(other)),
            'Correct the mapping.'
        FROM jsonb_object_keys(o.absent) AS k WHERE NOT rest ? k;
    IF rest = '{}' THEN
        RETURN QUERY SELECT confiture._relation_name(wide), format('nothing in it comes from %s', confiture._relation_name(other)),
            format('Name a column in "%s".', part);
    END IF;
    IF o.condition IS NOT NULL THEN
        BEGIN
            PERFORM confiture._transition_expression(wide, alias, o.condition, 'boolean'::regtype, -1, m.source);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, advice = PG_EXCEPTION_HINT;
            relation := confiture._relation_name(wide);
            problem := '"when": ' || message;
            hint := coalesce(nullif(advice, ''), 'Correct it in "when".');
            RETURN NEXT;
        END;
    END IF;
    IF m.source_key <> '{}' AND o.source_key <> '{}' THEN
        RETURN QUERY SELECT confiture._relation_name(other), format('its key does not correspond to that of %s', confiture._relation_name(one)),
                'Both tables need a key over the same columns, of the same types, as the wide table.'
            WHERE CASE WHEN split THEN m.source_key <> o.source_key ELSE m.target_key <> o.target_key END
                OR EXISTS (SELECT FROM unnest(m.source_key, m.target_key, o.source_key, o.target_key) AS k (a, b, c, d)
                    WHERE 1 <> (SELECT count(DISTINCT confiture._base_type(a.atttypid)) FROM pg_attribute AS a
                        WHERE (a.attrelid, a.attname::text) IN ((m.source, k.a), (m.target, k.b), (o.source, k.c), (o.target, k.d))));
    END IF;
    RETURN QUERY SELECT confiture._relation_name(other),
            format('a foreign key refers to it: %s of %s', quote_ident(c.conname), confiture._relation_name(c.conrelid)),
            format('Let it refer to %s, which has all rows, or drop it until after the contract.', confiture._relation_name(one))
        FROM pg_constraint AS c WHERE c.contype = 'f' AND c.confrelid = other AND c.conrelid NOT IN (one, other);
    RETURN QUERY SELECT confiture._relation_name(c.oid), format('there is %s already, where the cutover would put it', confiture._relation_name(d.oid)),
            'Rename one of them; or choose {"swap": "schema"}.'
        FROM (VALUES (m.source, m.target), (m.target, m.source), (o.source, o.target), (o.target, o.source)) AS r (moves, there)
        CROSS JOIN LATERAL confiture._transition_moving(r.moves) AS v
        JOIN pg_class AS c ON c.oid = v
        JOIN pg_class AS d ON d.relname = c.relname
            AND d.relnamespace = (SELECT e.relnamespace FROM pg_class AS e WHERE e.oid = r.there)
        WHERE swap = 'rename' AND d.oid NOT IN (SELECT confiture._transition_moving(w) FROM confiture.transition_table AS q,
            LATERAL (VALUES (q.source), (q.target)) AS s (w) WHERE q.transition = m.transition);
END
$$;
