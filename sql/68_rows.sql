-- Rows as part of a proof: what statements do with data, sampled or made up. They are run in a copy of their own,
-- which is never kept.

-- Which tables a change is about: those of the source that have changed facts.
CREATE OR REPLACE FUNCTION confiture._rows_tables(source jsonb, target jsonb) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT DISTINCT o FROM unnest(confiture._basis_objects(source, target,
            ARRAY(SELECT c.identity FROM confiture._changed_facts(source, target) AS c))) AS o
        WHERE o LIKE 'table %' AND source -> 'facts' ? o
        ORDER BY o)
$$;

-- Sampled rows of tables of this database, as {identity: rows}. The role must be allowed to read them.
CREATE OR REPLACE FUNCTION confiture._rows_sample(tables text[], source jsonb, most integer) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result jsonb := '{}';
    identity text;
    name text;
    sampled jsonb;
BEGIN
    FOREACH identity IN ARRAY tables LOOP
        SELECT format('%I.%I', f.schema, f.name) INTO name
        FROM jsonb_to_record(source -> 'facts' -> identity) AS f (schema text, name text);
        CONTINUE WHEN to_regclass(name) IS NULL;
        EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(s)), ''[]'') FROM (SELECT * FROM %s LIMIT $1) AS s', name)
            INTO sampled USING most;
        result := result || jsonb_build_object(identity, sampled);
    END LOOP;
    RETURN result;
END
$$;

-- A value of a type for a made up row, as text: what is at its edges, one after the other.
CREATE OR REPLACE FUNCTION confiture._rows_value(type oid, typmod integer, number integer) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t pg_type;
    edges text[];
    width integer := CASE WHEN typmod > 4 THEN typmod - 4 ELSE 300 END;
BEGIN
    SELECT y.* INTO t FROM pg_type AS y WHERE y.oid = type;
    WHILE t.typtype = 'd' LOOP
        typmod := CASE WHEN typmod = -1 THEN t.typtypmod ELSE typmod END;
        width := CASE WHEN typmod > 4 THEN typmod - 4 ELSE 300 END;
        SELECT y.* INTO t FROM pg_type AS y WHERE y.oid = t.typbasetype;
    END LOOP;
    edges := CASE
        WHEN t.typtype = 'e' THEN ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
        WHEN t.typcategory = 'A' THEN '{"{}"}'
        WHEN t.typtype IN ('r', 'm') THEN CASE t.typtype WHEN 'r' THEN '{empty}'::text[] ELSE '{"{}"}' END
        ELSE CASE t.typname
            WHEN 'int2' THEN '{1,0,-1,32767,-32768}'
            WHEN 'int4' THEN '{1,0,-1,2147483647,-2147483648}'
            WHEN 'int8' THEN '{1,0,-1,9223372036854775807,-9223372036854775808}'
            WHEN 'numeric' THEN CASE WHEN typmod = -1 THEN '{1,0,-1.5,12345678901234567890.123,NaN}'
                -- as many digits as it takes
                ELSE ARRAY['1', '0', '-1', repeat('9', greatest((typmod - 4) >> 16 & 65535, 1) - least((typmod - 4) & 2047, (typmod - 4) >> 16 & 65535)) || '.' || repeat('9', (typmod - 4) & 2047)] END
            WHEN 'float4' THEN '{1,0,-1.5,3e38,NaN}'
            WHEN 'float8' THEN '{1,0,-1.5,1e308,NaN}'
            WHEN 'bool' THEN '{t,f}'
            WHEN 'text' THEN ARRAY['a', '', 'é€ "''\', repeat('x', width), '123']
            WHEN 'varchar' THEN ARRAY['a', '', left('é€ "''\', width), repeat('x', width), left('123', width)]
            WHEN 'bpchar' THEN ARRAY['a', '', left('é€', width), repeat('x', width), left('123', width)]
            WHEN 'name' THEN '{a,"",123}'
            WHEN 'date' THEN '{2000-02-29,-infinity,infinity,0044-03-15 BC}'
            WHEN 'timestamp' THEN '{2000-02-29 23:59:59.999999,-infinity,infinity,0044-03-15 BC}'
            WHEN 'timestamptz' THEN '{2000-02-29 23:59:59.999999+00,-infinity,infinity,0044-03-15 BC}'
            WHEN 'time' THEN '{00:00:00,24:00:00,12:34:56.789}'
            WHEN 'timetz' THEN '{00:00:00+00,12:34:56.789-11}'
            WHEN 'interval' THEN '{1 day,-1 month,00:00:00}'
            WHEN 'uuid' THEN ARRAY[gen_random_uuid()::text]
            WHEN 'json' THEN '{"{}","null","[1]"}'
            WHEN 'jsonb' THEN '{"{}","null","[1]"}'
            WHEN 'bytea' THEN '{"\\x","\\x00ff"}'
            WHEN 'inet' THEN '{127.0.0.1,::1}'
            WHEN 'cidr' THEN '{10.0.0.0/8,::/0}'
            WHEN 'xml' THEN '{<a/>}'
            WHEN 'bit' THEN ARRAY[repeat('1', greatest(typmod, 1))]
            WHEN 'varbit' THEN '{"",1}'
            WHEN 'money' THEN '{1,0}'
            ELSE '{}' END::text[]
        END;
    RETURN edges[1 + (number - 1) % nullif(cardinality(edges), 0)];
END
$$;

-- One row of values at the edges into a table; false when it does not take it. number 0: NULL wherever it may be.
CREATE OR REPLACE FUNCTION confiture._rows_make(relation regclass, number integer) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
    given text;
BEGIN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
        string_agg(CASE WHEN number = 0 AND NOT a.attnotnull THEN 'NULL'
            ELSE format('%L::%s', confiture._rows_value(a.atttypid, a.atttypmod, greatest(number, 1)), format_type(a.atttypid, a.atttypmod)) END,
            ', ' ORDER BY a.attnum)
    INTO columns, given
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)', relation, columns, given);
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    RETURN false;
END
$$;

-- Sampled rows into a table, in one go or one by one. Returns how many it took.
CREATE OR REPLACE FUNCTION confiture._rows_load(relation regclass, given jsonb) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
    loaded integer := 0;
BEGIN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
    BEGIN
        EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM jsonb_populate_recordset(NULL::%1$s, $1)',
            relation, columns) USING given;
        RETURN jsonb_array_length(given);
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
    FOR i IN 0 .. jsonb_array_length(given) - 1 LOOP
        BEGIN
            EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1)',
                relation, columns) USING given -> i;
            loaded := loaded + 1;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP;
    RETURN loaded;
END
$$;

-- Puts rows into tables of a scratch database. tables: {identity: {"name": qualified, "rows": [...] or null for made up ones}}.
CREATE OR REPLACE FUNCTION confiture._rows_fill(tables jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item record;
    filled integer;
    result jsonb := '{}';
BEGIN
    -- Neither foreign keys nor triggers have a say. Not everybody may do that: then they have.
    BEGIN
        SET LOCAL session_replication_role = replica;
    EXCEPTION WHEN insufficient_privilege THEN
        NULL;
    END;
    FOR item IN SELECT t.key, to_regclass(t.value ->> 'name') AS relation, t.value -> 'rows' AS given FROM jsonb_each(tables) AS t LOOP
        CONTINUE WHEN item.relation IS NULL;
        IF jsonb_typeof(item.given) = 'array' THEN
            filled := confiture._rows_load(item.relation, item.given);
        ELSE
            SELECT count(*) FILTER (WHERE confiture._rows_make(item.relation, i)) INTO filled FROM generate_series(0, 5) AS i;
        END IF;
        result := result || jsonb_build_object(item.key, filled);
    END LOOP;
    SET LOCAL session_replication_role = origin;
    RETURN result;
EXCEPTION WHEN insufficient_privilege THEN
    RETURN result;
END
$$;

-- How many rows tables have, and a sum over the values of each column.
CREATE OR REPLACE FUNCTION confiture._rows_sums(tables jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
AS $$
DECLARE
    item record;
    sums jsonb;
    result jsonb := '{}';
BEGIN
    FOR item IN
        SELECT t.key, to_regclass(t.value ->> 'name') AS relation FROM jsonb_each(tables) AS t
    LOOP
        CONTINUE WHEN item.relation IS NULL;
        EXECUTE (SELECT format('SELECT jsonb_build_object(''count'', count(*), ''columns'', jsonb_build_object(%s)) FROM %s',
                string_agg(format('%L, sum(hashtextextended(%I::text, 0)::numeric)', a.attname, a.attname), ', '), item.relation)
            FROM pg_attribute AS a WHERE a.attrelid = item.relation AND a.attnum > 0 AND NOT a.attisdropped)
        INTO sums;
        result := result || jsonb_build_object(item.key, sums);
    END LOOP;
    RETURN result;
END
$$;

-- What the statements of a proof do with rows, in the scratch database work.
CREATE OR REPLACE FUNCTION confiture._rows_prove(
    work text, source jsonb, target jsonb, statements text[], groups jsonb, how text, most integer)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    identities text[] := confiture._rows_tables(source, target);
    sampled jsonb := CASE WHEN how = 'sample' THEN confiture._rows_sample(identities, source, most) END;
    tables jsonb;
    results jsonb[];
BEGIN
    SELECT coalesce(jsonb_object_agg(i, jsonb_build_object('name', format('%I.%I', f.schema, f.name), 'rows', sampled -> i)), '{}')
    INTO tables
    FROM unnest(identities) AS i CROSS JOIN LATERAL jsonb_to_record(source -> 'facts' -> i) AS f (schema text, name text)
    WHERE how = 'generated' OR sampled ? i;
    results := confiture._scratch_run(work, jsonb_build_array(
            '{"query": "SELECT confiture._rows_fill($1)", "arguments": [0]}'::jsonb,
            '{"query": "SELECT confiture._rows_sums($1)", "arguments": [0]}'::jsonb,
            jsonb_build_object('statements', to_jsonb(statements), 'groups', groups),
            '{"query": "SELECT confiture._rows_sums($1)", "arguments": [0]}'::jsonb),
        ARRAY[tables]);
    RETURN jsonb_strip_nulls(jsonb_build_object('how', how, 'filled', results[1], 'failed', results[3] -> 'failed',
        'lost', (SELECT jsonb_object_agg(b.key, (b.value -> 'count')::integer - (results[4] #> ARRAY[b.key, 'count'])::integer)
            FROM jsonb_each(results[2]) AS b
            WHERE results[4] ? b.key AND (b.value -> 'count')::integer <> (results[4] #> ARRAY[b.key, 'count'])::integer),
        'changed', (SELECT jsonb_agg(format('column %s.%I', substr(b.key, 7), c.key) ORDER BY b.key, c.key)
            FROM jsonb_each(results[2]) AS b CROSS JOIN LATERAL jsonb_each(b.value -> 'columns') AS c
            WHERE results[4] #> ARRAY[b.key, 'columns'] ? c.key AND b.value -> 'count' = results[4] #> ARRAY[b.key, 'count']
                AND results[4] #> ARRAY[b.key, 'columns', c.key] IS DISTINCT FROM c.value)));
END
$$;

-- Adds what happened to rows to the hazards of a plan.
CREATE OR REPLACE FUNCTION confiture._rows_hazards(plan_rows jsonb, seen jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH hazard AS (
        SELECT (seen #>> '{failed,ordinal}')::integer AS ordinal,
            format('may fail: it did with %s rows: %s', CASE seen ->> 'how' WHEN 'sample' THEN 'sampled' ELSE 'generated' END,
                seen #>> '{failed,message}') AS text
        WHERE seen ? 'failed'
        UNION ALL
        SELECT jsonb_array_length(plan_rows), format('data loss: %s had %s rows less in the proof', l.key, l.value)
        FROM jsonb_each(coalesce(seen -> 'lost', '{}')) AS l
        UNION ALL
        SELECT jsonb_array_length(plan_rows), format('changes results: values of %s were other ones in the proof', c)
        FROM jsonb_array_elements_text(coalesce(seen -> 'changed', '[]')) AS c
    )
    SELECT coalesce(jsonb_agg(r.value || jsonb_build_object('hazards', coalesce(nullif(r.value -> 'hazards', 'null'), '[]') || coalesce(
            (SELECT jsonb_agg(h.text ORDER BY h.text) FROM hazard AS h WHERE h.ordinal = r.ordinal), '[]')) ORDER BY r.ordinal), '[]')
    FROM jsonb_array_elements(plan_rows) WITH ORDINALITY AS r (value, ordinal)
$$;
