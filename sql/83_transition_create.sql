-- Transitions: planning them, and all that is checked first.

-- The options, with what is left out; refuses those that mean nothing.
CREATE OR REPLACE FUNCTION confiture._transition_options(options jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known constant jsonb := '{"swap": "rename", "chunk_ms": 100, "max_rate": null, "max_replica_lag": null,
        "lock_timeout": "50ms", "lock_retries": 30, "disk": true}';
    wrong text;
BEGIN
    IF jsonb_typeof(options) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'options must be a JSON object' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Such as {"swap": "schema"}.';
    END IF;
    SELECT o.key INTO wrong FROM jsonb_object_keys(options) AS o (key) WHERE NOT known ? o.key LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no option %', quote_literal(wrong) USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The options are ' || (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(known) AS k) || '.';
    END IF;
    options := known || options;
    SELECT o.key INTO wrong FROM jsonb_each(options) AS o
    WHERE CASE o.key
        WHEN 'swap' THEN o.value NOT IN ('"rename"', '"schema"')
        WHEN 'disk' THEN jsonb_typeof(o.value) <> 'boolean'
        WHEN 'lock_timeout' THEN jsonb_typeof(o.value) <> 'string'
        WHEN 'chunk_ms' THEN NOT coalesce((CASE WHEN jsonb_typeof(o.value) = 'number' THEN o.value END)::numeric BETWEEN 1 AND 60000, false)
        WHEN 'lock_retries' THEN NOT coalesce((CASE WHEN jsonb_typeof(o.value) = 'number' THEN o.value END)::numeric BETWEEN 0 AND 10000, false)
        ELSE NOT (o.value = 'null' OR coalesce((CASE WHEN jsonb_typeof(o.value) = 'number' THEN o.value END)::numeric > 0, false))
        END LIMIT 1;
    IF NOT FOUND AND NOT (options ->> 'lock_timeout') ~ '^[1-9][0-9]* *(ms|s|min)$' THEN
        wrong := 'lock_timeout';
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'option % can''t be %', quote_literal(wrong), options -> wrong
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'swap: rename or schema; chunk_ms: 1 to 60000; lock_retries: 0 to 10000; lock_timeout: "50ms"; max_rate: rows a second; max_replica_lag: bytes; disk: false does not look for room.';
    END IF;
    RETURN options;
END
$$;

-- An expression that gives the column's default value, if it is the same for every row; else NULL.
CREATE OR REPLACE FUNCTION confiture._transition_default(relation oid, attnum smallint) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    SELECT pg_get_expr(d.adbin, d.adrelid) AS text, a.atttypid, a.atttypmod INTO found
    FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE d.adrelid = relation AND d.adnum = _transition_default.attnum AND a.attgenerated = '';
    IF found.text IS NOT NULL AND NOT confiture._transition_expression(
            relation, 'source', found.text, found.atttypid, found.atttypmod) THEN
        RETURN found.text;
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;

-- One direction of a mapping: for each column of a table, the expression over the other table that
-- was given, or the column of the same name; for the way back, the column that was taken over.
CREATE OR REPLACE FUNCTION confiture._transition_mapping(
    reads oid, writes oid, given jsonb, there jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(w.attname, m.expression) FILTER (WHERE m.expression IS NOT NULL), '{}')
    FROM pg_attribute AS w
    CROSS JOIN LATERAL (SELECT coalesce(
        given ->> w.attname,
        -- the column that holds it on the other side, untouched
        (SELECT quote_ident(o.key) FROM jsonb_each_text(there) AS o
         WHERE o.value IN (w.attname, quote_ident(w.attname)) ORDER BY o.key <> w.attname, o.key LIMIT 1),
        (SELECT quote_ident(r.attname) FROM pg_attribute AS r
         WHERE r.attrelid = reads AND r.attname = w.attname AND r.attnum > 0 AND NOT r.attisdropped
            AND there IS NULL),
        confiture._transition_default(writes, w.attnum)) AS expression) AS m
    WHERE w.attrelid = writes AND w.attnum > 0 AND NOT w.attisdropped AND w.attgenerated = ''
$$;

-- The best unique key of a table: the primary key, else one whose columns are NOT NULL.
CREATE OR REPLACE FUNCTION confiture._transition_keys(relation oid)
RETURNS TABLE (index oid, key text[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.indexrelid, array_agg(a.attname::text ORDER BY k.ordinal)
    FROM pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, ordinal)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS m ON m.oid = c.relam AND m.amname = 'btree'
    WHERE i.indrelid = relation AND i.indisunique AND i.indimmediate AND i.indisvalid
        AND i.indpred IS NULL AND i.indexprs IS NULL AND k.ordinal <= i.indnkeyatts
    GROUP BY i.indexrelid, i.indisprimary, i.indnkeyatts
    HAVING bool_and(a.attnotnull) AND count(*) = i.indnkeyatts
    ORDER BY i.indisprimary DESC, i.indexrelid
$$;

-- Fills in the keys: the target's is over the columns that hold the source's, as they are.
CREATE OR REPLACE FUNCTION confiture._transition_set_keys(pair integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
    candidate record;
    partners text[];
BEGIN
    SELECT t.* INTO p FROM confiture.transition_table AS t WHERE t.id = pair;
    FOR candidate IN SELECT k.key FROM confiture._transition_keys(p.source) AS k LOOP
        -- Where tables are merged, it is the way back that knows all columns of each.
        SELECT array_agg(CASE WHEN p.shape = 'merge' THEN confiture._transition_plain(p.back, c.name)
                ELSE (SELECT m.key FROM jsonb_each_text(p.columns) AS m
                      WHERE m.value IN (c.name, quote_ident(c.name)) ORDER BY m.key <> c.name, m.key LIMIT 1) END
            ORDER BY c.ordinal) INTO partners
        FROM unnest(candidate.key) WITH ORDINALITY AS c (name, ordinal);
        IF EXISTS (SELECT FROM confiture._transition_keys(p.target) AS k WHERE k.key @> partners AND k.key <@ partners
                AND cardinality(k.key) = cardinality(partners)) THEN
            UPDATE confiture.transition_table AS t SET source_key = candidate.key, target_key = partners WHERE t.id = pair;
            RETURN;
        END IF;
    END LOOP;
    UPDATE confiture.transition_table AS t SET source_key = '{}', target_key = '{}' WHERE t.id = pair;
END
$$;

-- What stands in the way of a pair: its columns and expressions.
CREATE OR REPLACE FUNCTION confiture._transition_column_problems(p confiture.transition_table)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    side record;
    col record;
    message text;
    advice text;
BEGIN
    FOR side IN SELECT * FROM (VALUES
            (p.source, p.target, 'source', p.columns, 'columns'), (p.target, p.source, 'target', p.back, 'back'))
            AS s (reads, writes, alias, mapping, key) LOOP
        relation := confiture._relation_name(side.writes);
        FOR col IN SELECT a.attname, a.atttypid, a.atttypmod, a.attgenerated
                FROM pg_attribute AS a
                WHERE a.attrelid = side.writes AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LOOP
            IF col.attgenerated <> '' THEN
                IF side.mapping ? col.attname THEN
                    problem := format('column %I is generated and has an expression', col.attname);
                    hint := 'Leave it out of the mapping.';
                    RETURN NEXT;
                END IF;
                CONTINUE;
            END IF;
            IF NOT side.mapping ? col.attname THEN
                -- Of a table that two pairs share, each has only what it owns.
                CONTINUE WHEN side.key = CASE p.shape WHEN 'split' THEN 'back' WHEN 'merge' THEN 'columns' END;
                problem := format('column %I has no counterpart in %s', col.attname, confiture._relation_name(side.reads));
                hint := format('Give an expression for it in "%s": NULL, for example.', side.key);
                RETURN NEXT;
                CONTINUE;
            END IF;
            BEGIN
                PERFORM confiture._transition_expression(
                    side.reads, side.alias, side.mapping ->> col.attname, col.atttypid, col.atttypmod);
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, advice = PG_EXCEPTION_HINT;
                problem := format('column %I: %s', col.attname, message);
                hint := coalesce(nullif(advice, ''), format('Correct it in "%s".', side.key));
                RETURN NEXT;
            END;
        END LOOP;
        RETURN QUERY SELECT relation, format('there is no column %I, which "%s" names', m.key, side.key), 'Correct the mapping.'
            FROM jsonb_object_keys(side.mapping) AS m (key)
            WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                WHERE a.attrelid = side.writes AND a.attname = m.key AND a.attnum > 0 AND NOT a.attisdropped);
    END LOOP;
    -- A value from a sequence must have one on the other side.
    RETURN QUERY
    SELECT confiture._relation_name(CASE WHEN s.source_seq IS NULL THEN p.source ELSE p.target END),
        format('column %I has no sequence, but its counterpart has',
            CASE WHEN s.source_seq IS NULL THEN s.source_column ELSE s.target_column END),
        'Give both sides a sequence, an identity for example, or neither.'
    FROM confiture._transition_sequences(p) AS s WHERE (s.source_seq IS NULL) <> (s.target_seq IS NULL);
END
$$;

-- The columns that hold each other's values as they are, with their sequences.
CREATE OR REPLACE FUNCTION confiture._transition_sequences(p confiture.transition_table)
RETURNS TABLE (source_column text, target_column text, source_seq oid, target_seq oid)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.attname::text, t.attname::text,
        confiture._transition_sequence(s.attrelid, s.attnum), confiture._transition_sequence(t.attrelid, t.attnum)
    FROM jsonb_each_text(p.columns) AS m
    JOIN pg_attribute AS t ON t.attrelid = p.target AND t.attname = m.key AND NOT t.attisdropped
    JOIN pg_attribute AS s ON s.attrelid = p.source AND m.value IN (s.attname, quote_ident(s.attname)) AND NOT s.attisdropped
    -- The key of a second table comes from the first.
    WHERE p.main OR m.key <> ALL (p.target_key)
$$;

-- What stands in the way of a pair: its keys.
CREATE OR REPLACE FUNCTION confiture._transition_key_problems(p confiture.transition_table)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p.source_key = '{}' THEN
        relation := confiture._relation_name(p.source);
        IF NOT EXISTS (SELECT FROM confiture._transition_keys(p.source)) THEN
            problem := 'it has neither a primary key nor a unique index over columns that are NOT NULL';
            hint := 'Give it one.';
        ELSE
            relation := confiture._relation_name(p.target);
            problem := 'it has no unique key over the columns that hold the key of the source';
            hint := 'Give it a primary key over them; they must be taken over as they are.';
        END IF;
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT confiture._relation_name(p.source),
        format('key column %I: %s', k.a, c.problem), c.hint
    FROM unnest(p.source_key, p.target_key) AS k (a, b)
    JOIN pg_attribute AS s ON s.attrelid = p.source AND s.attname = k.a
    JOIN pg_attribute AS t ON t.attrelid = p.target AND t.attname = k.b
    JOIN pg_type AS st ON st.oid = confiture._base_type(s.atttypid)
    JOIN pg_type AS tt ON tt.oid = confiture._base_type(t.atttypid)
    LEFT JOIN pg_collation AS o ON o.oid = s.attcollation
    CROSS JOIN LATERAL (VALUES
        (st.typnamespace <> 'pg_catalog'::regnamespace AND st.typtype <> 'e',
         format('its type %s is not one of the server''s own', st.typname), 'Use a key of another type.'),
        (st.oid <> tt.oid AND NOT (st.typname IN ('int2', 'int4', 'int8') AND tt.typname IN ('int2', 'int4', 'int8'))
            AND NOT (st.typname IN ('text', 'varchar') AND tt.typname IN ('text', 'varchar')),
         format('its type is %s here and %s in the target', st.typname, tt.typname),
         'Keep the type: among the integer types, and between text and varchar, it may change.'),
        (s.attcollation <> t.attcollation, 'its collation is another one in the target', 'Keep the collation of the key.'),
        (o.collisdeterministic = false, 'its collation is not deterministic', 'Use a key with another collation.'))
        AS c (wrong, problem, hint)
    WHERE c.wrong;
END
$$;

-- What stands in the way of a pair: the tables as they are.
CREATE OR REPLACE FUNCTION confiture._transition_table_problems(p confiture.transition_table, swap text)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._relation_name(c.oid), w.problem, w.hint
    FROM (VALUES (p.source, 'source'), (p.target, 'target')) AS r (oid, side)
    JOIN pg_class AS c ON c.oid = r.oid
    CROSS JOIN LATERAL (VALUES
        (c.relkind = 'p', 'it is partitioned', 'Partitioned tables are not supported.'),
        (c.relkind = 'f', 'it is a foreign table', 'Only tables of this server are supported.'),
        (c.relpersistence <> 'p', CASE c.relpersistence WHEN 'u' THEN 'it is unlogged' ELSE 'it is temporary' END,
            'ALTER TABLE ... SET LOGGED.'),
        (c.relispartition OR EXISTS (SELECT FROM pg_inherits AS i WHERE c.oid IN (i.inhrelid, i.inhparent)),
            'it is a partition, or inherits', 'Tables with parents or children are not supported.'),
        (c.relhasrules AND EXISTS (SELECT FROM pg_rewrite AS w WHERE w.ev_class = c.oid), 'it has rules', 'Drop them.'),
        (NOT pg_has_role(c.relowner, 'USAGE'), 'you do not own it', 'Run the transition as the owner of both tables, or as a superuser.'),
        (row_security_active(c.oid), 'row security hides rows of it from you', 'Run the transition as a role with BYPASSRLS.'),
        (EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal
            AND g.tgname LIKE 'confiture\_transition%' AND p.log IS NULL),
            'it has triggers of an earlier transition', 'Drop the triggers confiture_transition and confiture_transition_truncate.'),
        (EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgenabled IN ('A', 'R') AND NOT g.tgisinternal
            AND g.tgname NOT LIKE 'confiture\_transition%'),
            'it has triggers that are ENABLE ALWAYS or ENABLE REPLICA', 'ALTER TABLE ... ENABLE TRIGGER.'),
        (EXISTS (SELECT FROM pg_constraint AS o WHERE o.conrelid = c.oid AND o.contype IN ('p', 'u', 'x') AND o.condeferrable),
            'it has a unique or exclusion constraint that is DEFERRABLE', 'Make it NOT DEFERRABLE.'),
        (EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attgenerated = 'v'),
            'it has a virtual generated column', 'Make it STORED.'),
        -- Only what the transition handles itself may look at the tables from outside.
        (EXISTS (SELECT FROM pg_constraint AS o WHERE o.contype = 'f' AND o.confrelid = c.oid AND NOT EXISTS (
            SELECT FROM confiture.transition_table AS q WHERE q.transition = p.transition
                AND o.conrelid = CASE r.side WHEN 'source' THEN q.source ELSE q.target END)),
            'a table that is not part of the transition has a foreign key to it: '
            || (SELECT string_agg(format('%s of %s', quote_ident(o.conname), confiture._relation_name(o.conrelid)), ', ' ORDER BY o.conname)
                FROM pg_constraint AS o WHERE o.contype = 'f' AND o.confrelid = c.oid),
            'Move that table too, or drop the foreign key until after the contract.'),
        (EXISTS (SELECT FROM pg_publication AS b WHERE b.puballtables),
            'a publication is FOR ALL TABLES: it would send the change log to its subscribers', 'Name the tables in the publication.'),
        (EXISTS (SELECT FROM pg_publication_namespace AS b WHERE b.pnnspid = c.relnamespace),
            'a publication sends all tables of its schema, the change log too', 'Name the tables in the publication.'),
        (r.side = 'source' AND EXISTS (SELECT FROM pg_publication_rel AS b WHERE b.prrelid = c.oid
            AND (b.prqual IS NOT NULL OR b.prattrs IS NOT NULL)),
            'a publication sends only some of its rows or columns', 'Take it out of the publication during the transition.'),
        (r.side = 'source' AND (c.relrowsecurity OR c.relforcerowsecurity) AND EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = c.oid)
            AND NOT EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = p.target)
            AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND NOT EXISTS (SELECT FROM pg_attribute AS b WHERE b.attrelid = p.target AND b.attname = a.attname)),
            'its policies speak of columns that the target does not have', 'Make the policies of the target yourself.'),
        (NOT has_schema_privilege(c.relnamespace, 'CREATE, USAGE') OR NOT has_schema_privilege(c.relnamespace, 'USAGE'),
            'you may not create in its schema', 'GRANT CREATE, USAGE ON SCHEMA.'),
        (swap = 'rename' AND NOT has_database_privilege(current_database(), 'CREATE'),
            'you may not create schemas, which swap "rename" does for a moment', 'GRANT CREATE ON DATABASE.'),
        (swap = 'schema' AND NOT (SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace AS n WHERE n.oid = c.relnamespace),
            'you do not own its schema, which swap "schema" renames', 'Choose {"swap": "rename"}.'))
        AS w (wrong, problem, hint)
    WHERE w.wrong
    UNION ALL
    -- What one side checks, the other must check too: a mirror writes without triggers.
    SELECT confiture._relation_name(f.conrelid),
        format('foreign key %I has no counterpart in %s', f.conname, confiture._relation_name(f.other)),
        'Both sides need it, valid: columns and the table that it refers to must correspond.'
    FROM (
        SELECT o.oid, o.conname, o.conrelid, o.confrelid, p.target AS other, confiture._transition_fk(p.transition, o.oid, p, true) AS shape
        FROM pg_constraint AS o WHERE o.contype = 'f' AND o.conrelid = p.source
        UNION ALL
        SELECT o.oid, o.conname, o.conrelid, o.confrelid, p.source, confiture._transition_fk(p.transition, o.oid, p, false)
        FROM pg_constraint AS o WHERE o.contype = 'f' AND o.conrelid = p.target
    ) AS f
    WHERE p.log IS NULL AND NOT EXISTS (
        SELECT FROM pg_constraint AS o WHERE o.contype = 'f' AND o.conrelid = f.other AND o.convalidated
            AND confiture._transition_fk(p.transition, o.oid, p, f.other = p.source) = f.shape)
        AND NOT EXISTS (SELECT FROM confiture.transition_table AS q WHERE q.id = p.sibling
            AND (confiture._transition_fk_within(f.conrelid, f.confrelid, p, q)
                OR f.conrelid IN (q.source, q.target) AND EXISTS (SELECT FROM pg_constraint AS o
                    WHERE o.contype = 'f' AND o.convalidated AND o.conrelid = CASE f.conrelid WHEN q.source THEN q.target ELSE q.source END
                        AND confiture._transition_fk(p.transition, o.oid, q, o.conrelid = q.source)
                            = confiture._transition_fk(p.transition, f.oid, q, f.conrelid = q.source))))
$$;

-- Whether a foreign key leads from one of the two tables that share the columns of a wide one to the
-- other: there it has no counterpart, and needs none.
CREATE OR REPLACE FUNCTION confiture._transition_fk_within(
    refers oid, referred oid, p confiture.transition_table, q confiture.transition_table) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE p.shape WHEN 'split' THEN refers IN (p.target, q.target) AND referred IN (p.target, q.target)
        WHEN 'merge' THEN refers IN (p.source, q.source) AND referred IN (p.source, q.source) ELSE false END AND refers <> referred
$$;

-- The shape of a foreign key in terms of the source side: comparable across the two sides.
CREATE OR REPLACE FUNCTION confiture._transition_fk(
    transition integer, fk oid, p confiture.transition_table, of_source boolean) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'refers_to', coalesce(q.source::oid, o.confrelid),
        'columns', (SELECT jsonb_agg(jsonb_build_array(
                CASE WHEN of_source THEN a.attname ELSE coalesce(confiture._transition_plain(p.columns, a.attname), 'target ' || a.attname) END,
                CASE WHEN of_source OR q.id IS NULL THEN b.attname ELSE coalesce(confiture._transition_plain(q.columns, b.attname), 'target ' || b.attname) END)
                ORDER BY 1)
            FROM unnest(o.conkey, o.confkey) AS k (own, other)
            JOIN pg_attribute AS a ON a.attrelid = o.conrelid AND a.attnum = k.own
            JOIN pg_attribute AS b ON b.attrelid = o.confrelid AND b.attnum = k.other),
        'match', o.confmatchtype)
    FROM pg_constraint AS o
    LEFT JOIN confiture.transition_table AS q ON q.transition = _transition_fk.transition
        AND o.confrelid = CASE WHEN of_source THEN q.source ELSE q.target END AND q.main
    WHERE o.oid = fk
$$;

-- The source column that a target column holds as it is, or NULL.
CREATE OR REPLACE FUNCTION confiture._transition_plain(columns jsonb, target_column text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN e.value LIKE '"%"' THEN replace(substr(e.value, 2, length(e.value) - 2), '""', '"') ELSE e.value END
    FROM (SELECT columns ->> target_column) AS e (value)
$$;

-- Everything that stands in the way of a transition.
CREATE OR REPLACE FUNCTION confiture._transition_problems(t confiture.transition)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
    needed bigint := 0;
BEGIN
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        IF NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = p.source) OR NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = p.target) THEN
            RETURN QUERY SELECT p.source_name, 'it or its target was dropped', 'SELECT confiture.transition_abort(name).';
            CONTINUE;
        END IF;
        RETURN QUERY SELECT x.* FROM confiture._transition_table_problems(p, t.options ->> 'swap') AS x;
        RETURN QUERY SELECT x.* FROM confiture._transition_column_problems(p) AS x;
        RETURN QUERY SELECT x.* FROM confiture._transition_key_problems(p) AS x;
        RETURN QUERY SELECT x.* FROM confiture.transition_table AS q, confiture._transition_shared_problems(p, q, t.options ->> 'swap') AS x
            WHERE q.id = p.sibling AND p.main;
        RETURN QUERY SELECT confiture._relation_name(o.relation), format('transition %s already works on it', quote_literal(l.name)),
                'End that one first: contract or abort.'
            FROM (VALUES (p.source), (p.target)) AS o (relation)
            JOIN confiture.transition_table AS q ON o.relation IN (q.source, q.target) AND q.transition <> t.id
            JOIN confiture.transition AS l ON l.id = q.transition AND l.live;
        IF t.state = 'planned' AND (SELECT c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'SELECT') FROM pg_class AS c WHERE c.oid = p.target) THEN
            EXECUTE format('SELECT %L, %L, %L WHERE EXISTS (SELECT FROM %s)', confiture._relation_name(p.target),
                'it is not empty', 'TRUNCATE it: the transition fills it.', confiture._relation_name(p.target))
            INTO relation, problem, hint;
            IF relation IS NOT NULL THEN
                RETURN NEXT;
            END IF;
        END IF;
        needed := needed + pg_total_relation_size(p.source);
    END LOOP;
    IF t.state = 'planned' AND (t.options ->> 'disk')::boolean AND needed > confiture._free_bytes() THEN
        RETURN QUERY SELECT t.source_schema::text, format('there is no room for a copy: %s are needed, %s are free',
            pg_size_pretty(needed), pg_size_pretty(confiture._free_bytes())),
            'Make room; {"disk": false} if the target is on another disk.';
    END IF;
END
$$;

-- Raises the error for what stands in the way, if anything does.
CREATE OR REPLACE FUNCTION confiture._transition_refused(t confiture.transition, problems text, advice text, count bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF problems IS NOT NULL THEN
        RAISE EXCEPTION 'transition % is refused: % problem(s)', quote_literal(t.name), count
            USING ERRCODE = 'CF030', DETAIL = problems, HINT = advice;
    END IF;
END
$$;

-- Raises all of it as one error.
CREATE OR REPLACE FUNCTION confiture._transition_refuse(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problems text;
    advice text;
    count bigint;
BEGIN
    SELECT string_agg(format('%s: %s.', x.relation, x.problem), E'\n' ORDER BY x.n),
        string_agg(DISTINCT x.hint, E'\n'), count(*)
    INTO problems, advice, count
    FROM (SELECT y.relation, y.problem, y.hint, min(y.n) AS n
        FROM confiture._transition_problems(t) WITH ORDINALITY AS y (relation, problem, hint, n) GROUP BY 1, 2, 3) AS x;
    PERFORM confiture._transition_refused(t, problems, advice, count);
END
$$;

-- A new transition, without tables yet.
CREATE OR REPLACE FUNCTION confiture._transition_new(
    name text, source_schema text, target_schema text, options jsonb, place text DEFAULT '') RETURNS confiture.transition
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
BEGIN
    IF EXISTS (SELECT FROM confiture.transition AS r WHERE r.name = _transition_new.name AND r.live) THEN
        RAISE EXCEPTION 'transition % exists%', quote_literal(name), place
            USING ERRCODE = 'CF032', HINT = 'Choose another name, or end that one: contract or abort.';
    END IF;
    INSERT INTO confiture.transition (name, source_schema, target_schema, options)
    VALUES (_transition_new.name, _transition_new.source_schema, _transition_new.target_schema, _transition_new.options)
    RETURNING * INTO t;
    RETURN t;
END
$$;

CREATE OR REPLACE FUNCTION confiture.transition_create(
    name text, source_schema text, target_schema text, mapping jsonb DEFAULT NULL,
    server name DEFAULT NULL, options jsonb DEFAULT '{}') RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
    pair record;
    found record;
    made integer;
    n integer := 0;
    missing text := '';
BEGIN
    PERFORM confiture._check_writable('transitions');
    IF name IS NULL OR source_schema IS NULL OR target_schema IS NULL THEN
        RAISE EXCEPTION 'a transition needs a name and two schemas' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'SELECT confiture.transition_create(''to_v2'', ''app'', ''app_v2'').';
    END IF;
    IF server IS NOT NULL THEN
        RETURN confiture._remote_create(name, source_schema, target_schema, mapping, server, options);
    END IF;
    IF source_schema = target_schema THEN
        RAISE EXCEPTION 'the two schemas are the same' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Make the new tables in a schema of their own.';
    END IF;
    FOR found IN SELECT s.schema FROM (VALUES (source_schema), (target_schema)) AS s (schema)
            WHERE NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = s.schema) LOOP
        RAISE EXCEPTION 'schema % does not exist', quote_literal(found.schema) USING ERRCODE = 'invalid_schema_name';
    END LOOP;
    options := confiture._transition_options(options);
    -- One at a time: two can't both miss that they want the same table.
    LOCK TABLE confiture.transition IN SHARE ROW EXCLUSIVE MODE;
    t := confiture._transition_new(name, source_schema, target_schema, options);
    FOR pair IN SELECT m.* FROM confiture._transition_pairs(source_schema, target_schema, mapping) AS m LOOP
        SELECT s.oid AS source, g.oid AS target INTO found
        FROM (VALUES (1)) AS one
        LEFT JOIN pg_class AS s ON s.relname = pair.source AND s.relkind IN ('r', 'p', 'f')
            AND s.relnamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = source_schema)
        LEFT JOIN pg_class AS g ON g.relname = pair.target AND g.relkind IN ('r', 'p', 'f')
            AND g.relnamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = target_schema);
        IF found.source IS NULL THEN
            missing := missing || format(E'table %I.%I does not exist.\n', source_schema, pair.source);
        END IF;
        IF found.target IS NULL THEN
            missing := missing || format(E'table %I.%I does not exist.\n', target_schema, pair.target);
        END IF;
        CONTINUE WHEN found.source IS NULL OR found.target IS NULL;
        n := n + 1;
        made := confiture._transition_add(t.id, n, found.source, found.target, pair.spec, pair.shape, pair.main);
    END LOOP;
    PERFORM confiture._transition_share(p.id, m.spec, o.spec)
    FROM confiture._transition_pairs(source_schema, target_schema, mapping) AS m
    JOIN confiture._transition_pairs(source_schema, target_schema, mapping) AS o ON o.shape = m.shape AND NOT o.main
        AND CASE m.shape WHEN 'split' THEN o.source = m.source ELSE o.target = m.target END
    JOIN confiture.transition_table AS p ON p.transition = t.id AND p.main
        AND p.source_name = format('%I.%I', source_schema, m.source) AND p.target_name = format('%I.%I', target_schema, m.target)
    WHERE m.shape <> 'single' AND m.main AND missing = '';
    IF missing <> '' OR n = 0 THEN
        RAISE EXCEPTION 'transition % is refused: tables are missing', quote_literal(name)
            USING ERRCODE = 'CF030', DETAIL = coalesce(nullif(rtrim(missing, E'\n'), ''), 'There is no table in the source schema.'),
            HINT = 'Make the tables of the target schema first; or name the tables that move in the mapping: {"tables": {"orders": {}}}.';
    END IF;
    PERFORM confiture._transition_refuse(t);
    RETURN t.id;
END
$$;
COMMENT ON FUNCTION confiture.transition_create(text, text, text, jsonb, name, jsonb) IS
'Plans a transition: tables of the source schema move to tables of the target schema while everyone writes. The target tables are there, and empty. Everything is checked; what stands in the way is named, and then nothing is created. Nothing is changed before confiture.transition_capture().
Arguments: name; source_schema, target_schema; mapping, {"tables": {"orders": {"target": "orders", "columns": {"cents": "(total * 100)::bigint"}, "back": {"total": "cents / 100.0"}}}}: the tables that move, with an expression over the source row for each target column that is not a column of the same name, and over the target row for the way back; an expression without columns is for new rows only. NULL: all tables, by equal names. server: a server of postgres_fdw, on which the target schema is, with Confiture of the same version in its database; NULL: the target schema is in this database. options: swap (rename, default: the tables change places under a short lock; schema: the schemas change names, without a lock on tables), chunk_ms (100: how long a chunk of the copy takes), max_rate (rows a second), max_replica_lag (bytes), lock_timeout (50ms) and lock_retries (30) for the short locks, disk (true: refuse when there is no room); with a server also mode (asynchronous, default: a worker brings over what is written; synchronous: from the mirror on each writing transaction writes the target too, and fails when the target is away: read first what the guide says that it risks).
Result: the number of the transition.
To split a table into two, name both in "targets", the main one first: {"customers": {"targets": [{"target": "customers"}, {"target": "addresses", "when": "street IS NOT NULL", "absent": {"street": "NULL"}}]}}; to merge two, give both the same target, and the second "secondary": true. when: for which rows of the wide table the second table has one; absent: what the columns of the wide table are where it has none (NULL).
Errors: CF030 refused, DETAIL names each problem; CF032 the name is taken; 0A000 more than two tables into one or out of one, or a split or a merge to another server; 08001 the server can''t be reached; 42704 there is no such server, or no user mapping; 42809 the server is not of postgres_fdw; 22004, 22023 arguments; 3F000 no such schema; 25006 standby.
Example: SELECT confiture.transition_create(''to_v2'', ''app'', ''app_v2'');';
