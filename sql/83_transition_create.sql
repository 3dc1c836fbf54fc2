-- Transitions: planning them.

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
            HINT = CASE wrong WHEN 'mode' THEN 'It is for a target on another server. ' ELSE '' END || 'The options are ' || (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(known) AS k) || '.';
    END IF;
    options := known || options;
    SELECT o.key INTO wrong FROM jsonb_each(options) AS o
    WHERE CASE o.key
        WHEN 'swap' THEN o.value NOT IN ('"rename"', '"schema"')
        WHEN 'disk' THEN jsonb_typeof(o.value) <> 'boolean'
        WHEN 'lock_timeout' THEN jsonb_typeof(o.value) <> 'string'
        WHEN 'chunk_ms' THEN NOT coalesce((CASE WHEN jsonb_typeof(o.value) = 'number' THEN o.value END)::numeric BETWEEN 1 AND 60000, false)
        WHEN 'lock_retries' THEN NOT coalesce((CASE WHEN jsonb_typeof(o.value) = 'number' THEN o.value END)::numeric BETWEEN 0 AND 10000, false)
        ELSE NOT (o.value = 'null' OR coalesce((CASE WHEN jsonb_typeof(o.value) = 'number' THEN o.value END)::numeric >= 1, false))
        END LIMIT 1;
    IF NOT FOUND AND NOT (options ->> 'lock_timeout') ~ '^[1-9][0-9]* *(ms|s|min)$' THEN
        wrong := 'lock_timeout';
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'option % can''t be %', quote_literal(wrong), options -> wrong
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'swap: rename or schema; chunk_ms: 1 to 60000; lock_retries: 0 to 10000; lock_timeout: "50ms"; max_rate: rows a second, from 1; max_replica_lag: bytes, from 1; both null: no limit; disk: false does not look for room.';
    END IF;
    IF options ->> 'max_replica_lag' IS NOT NULL THEN
        PERFORM confiture._transition_see_replicas();
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
Arguments: name; source_schema, target_schema; mapping, {"tables": {"orders": {"target": "orders", "columns": {"cents": "(total * 100)::bigint"}, "back": {"total": "cents / 100.0"}}}}: the tables that move, with an expression over the source row for each target column that is not a column of the same name, and over the target row for the way back; an expression without columns is for new rows only. NULL: all tables, by equal names. server: a server of postgres_fdw, on which the target schema is, with Confiture of the same version in its database; NULL: the target schema is in this database. options: swap (rename, default: the tables change places under a short lock; schema: the schemas change names, without a lock on tables), chunk_ms (100, with a server 1000: how long a chunk of the copy takes), max_rate (rows a second that are copied, by all that copy together; NULL: no limit), max_replica_lag (bytes: while a replica is further behind nothing is copied), lock_timeout (50ms) and lock_retries (30) for the short locks, disk (true: refuse when there is no room); with a server also mode (asynchronous, default: a worker brings over what is written; synchronous: from the mirror on each writing transaction writes the target too, and fails when the target is away: read first what the guide says that it risks).
Result: the number of the transition.
To split a table into two, name both in "targets", the main one first: {"customers": {"targets": [{"target": "customers"}, {"target": "addresses", "when": "street IS NOT NULL", "absent": {"street": "NULL"}}]}}; to merge two, give both the same target, and the second "secondary": true. when: for which rows of the wide table the second table has one; absent: what the columns of the wide table are where it has none (NULL).
Errors: CF030 refused, DETAIL names each problem; CF032 the name is taken; 0A000 more than two tables into one or out of one, or a split or a merge to another server; 08001 the server can''t be reached; 42704 there is no such server, or no user mapping; 42809 the server is not of postgres_fdw; 22004, 22023 arguments; 3F000 no such schema; 25006 standby.
Example: SELECT confiture.transition_create(''to_v2'', ''app'', ''app_v2'');';
