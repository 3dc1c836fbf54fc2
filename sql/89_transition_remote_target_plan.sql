-- Transitions to another server: the target's part of the plan.

-- A pair of the half as the capture makes it: with the key that the source has chosen.
CREATE OR REPLACE FUNCTION confiture._half_keyed(p confiture.transition_table, key jsonb) RETURNS confiture.transition_table
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_populate_record(p, jsonb_build_object('source_key', key, 'target_key', key))
$$;

-- What is run here for a table, step by step: part, which measured time says how long it takes, growth, how that grows
-- with the number of rows; without a part growth says why it is not known.
CREATE OR REPLACE FUNCTION confiture._half_plan_lines(t confiture.transition, p confiture.transition_table, constants jsonb)
RETURNS TABLE (rank integer, at bigint, step text, relation text, statement text, lock text, part text, growth text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH o AS MATERIALIZED (SELECT x.* FROM confiture._transition_taken_off(confiture._half_own(p)) AS x WHERE t.state = 'planned'),
    h AS (SELECT confiture._relation_name(p.source) AS name, confiture._remote_schema(t.id) AS schema)
    SELECT 10, 0::bigint, 'capture', NULL, format('CREATE SCHEMA %I', h.schema), 'none on tables', 'schema', 'none'
    FROM h WHERE p.ordinal = 1
    UNION ALL SELECT 11, e.n, 'capture', h.name, e.statement, 'none on other tables', 'equip_' || e.n, 'none'
    FROM h, confiture._half_equip_statements(p, h.schema, constants) WITH ORDINALITY AS e (statement, n)
    UNION ALL SELECT 12, g.n, 'capture', h.name, g.statement, 'ShareRowExclusiveLock on the target, which nobody uses', 'trigger', 'none'
    FROM h, confiture._transition_trigger_statements(p.id, h.name, 'guard') WITH ORDINALITY AS g (statement, n)
    UNION ALL SELECT 13, row_number() OVER (), 'capture', h.name, o.statement, 'AccessExclusiveLock on the target, which nobody uses', 'drop', 'none' FROM h, o
    UNION ALL SELECT 31, row_number() OVER (), 'catch_up', h.name, confiture._transition_definition(p.source, i."constraint", i.definition),
        'ShareLock on the target, which nobody uses', i.part, CASE WHEN i.part IS NULL THEN 'not measured: it is not there before the rows are' ELSE 'sorted' END
    FROM h, (SELECT o."constraint"::text, o.definition, o.index::text FROM o WHERE o.kind = 'index'
        UNION ALL SELECT j ->> 'constraint', j ->> 'definition', NULL FROM jsonb_array_elements(p.indexes) AS j) AS i ("constraint", definition, part)
    UNION ALL SELECT 32, 1, 'catch_up', h.name, format('ANALYZE %s', h.name), 'ShareUpdateExclusiveLock on the target', 'analyze', 'sampled' FROM h WHERE NOT p.indexed
    UNION ALL SELECT 40, row_number() OVER (), 'mirror', h.name, confiture._transition_definition(p.source, f.name, confiture._transition_unchecked(f.definition)),
        'ShareRowExclusiveLock on the target and on the table it refers to', 'trigger', 'none'
    FROM h, (SELECT o.name::text, o.definition FROM o WHERE o.kind = 'foreign key'
        UNION ALL SELECT j ->> 'name', j ->> 'definition' FROM jsonb_array_elements(p.foreign_keys) AS j) AS f (name, definition)
    UNION ALL SELECT 52, row_number() OVER (), 'validate', h.name, format('ALTER TABLE %s VALIDATE CONSTRAINT %I', h.name, f.name),
        'ShareUpdateExclusiveLock on the target: nobody waits', NULL, 'as long as a scan of the table'
    FROM h, (SELECT c.conname::text FROM pg_constraint AS c WHERE c.conrelid = p.source AND c.contype = 'f' AND (t.state = 'planned' OR NOT c.convalidated)
        UNION ALL SELECT j ->> 'name' FROM jsonb_array_elements(p.foreign_keys) AS j) AS f (name)
    UNION ALL SELECT 64, g.n, 'cutover', h.name, g.statement, 'ShareRowExclusiveLock on the target, which nobody writes yet', 'trigger', 'none'
    FROM h, confiture._transition_trigger_statements(p.id, h.name, 'capture') WITH ORDINALITY AS g (statement, n)
    UNION ALL SELECT 70, g.n, 'contract', h.name, format('DROP TRIGGER %I ON %s', g.name, h.name), 'AccessExclusiveLock: who uses the target waits', 'untrigger', 'none'
    FROM h, unnest('{confiture_transition,confiture_transition_truncate}'::text[]) WITH ORDINALITY AS g (name, n)
    UNION ALL SELECT 71, 0, 'contract', NULL, format('DROP SCHEMA IF EXISTS %I CASCADE', h.schema), 'none on other tables', 'drop', 'none' FROM h WHERE p.ordinal = 1
$$;

-- Command plan: all of that.
CREATE OR REPLACE FUNCTION confiture._half_plan(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument);
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(to_jsonb(l) || jsonb_build_object('half', p.id)), '[]')
        FROM jsonb_to_recordset(argument -> 'tables') AS k (half integer, key jsonb, constants jsonb)
        JOIN confiture.transition_table AS p ON p.id = k.half AND p.transition = t.id
        CROSS JOIN LATERAL confiture._half_plan_lines(t, confiture._half_keyed(p, k.key), k.constants) AS l
        WHERE confiture._relation_name(p.source) IS NOT NULL);
END
$$;

-- Command sample: an empty table like the target, and a door to it. Returns its number, and how long that took. The
-- source takes it all back.
CREATE OR REPLACE FUNCTION confiture._half_sample(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument);
    schema name := confiture._remote_schema(t.id);
    made text;
    p confiture.transition_table;
    sample integer;
    step record;
    started timestamptz := clock_timestamp();
    result jsonb;
BEGIN
    p := confiture._half_keyed(confiture._half_pair(argument), argument -> 'key');
    made := format('%I.sample_%s', schema, p.id);
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', schema);
    result := jsonb_build_object('schema', extract(epoch FROM clock_timestamp() - started) * 1000);
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING GENERATED INCLUDING STORAGE INCLUDING CONSTRAINTS)', made, confiture._relation_name(p.source));
    EXECUTE format('CREATE UNIQUE INDEX ON %s (%s)', made, (SELECT string_agg(quote_ident(k.name), ', ' ORDER BY k.n)
        FROM unnest(p.source_key) WITH ORDINALITY AS k (name, n)));
    -- What it checks is run by its owner.
    PERFORM confiture._transition_execute(ARRAY(SELECT confiture._remote_give(schema, made, confiture._transition_owner(p.source))));
    INSERT INTO confiture.transition_table (transition, ordinal, source, target, source_name, target_name, source_key, target_key, columns, back)
    SELECT t.id, max(r.ordinal) + 1, to_regclass(made), to_regclass(made), made, made, p.source_key, p.source_key, p.columns, p.back
    FROM confiture.transition_table AS r WHERE r.transition = t.id
    RETURNING id INTO sample;
    SELECT r.* INTO p FROM confiture.transition_table AS r WHERE r.id = sample;
    FOR step IN SELECT e.* FROM confiture._half_equip_statements(p, schema, argument -> 'constants') WITH ORDINALITY AS e (statement, n) LOOP
        started := clock_timestamp();
        EXECUTE step.statement;
        result := result || jsonb_build_object('equip_' || step.n, extract(epoch FROM clock_timestamp() - started) * 1000);
    END LOOP;
    UPDATE confiture.transition_table AS r SET target = to_regclass(format('%I.shape_%s', schema, sample)) WHERE r.id = sample;
    RETURN result || jsonb_build_object('sample', sample);
END
$$;

-- Command measure: how long the parts take with the rows that have come through that door, as _transition_measure() has it.
CREATE OR REPLACE FUNCTION confiture._half_measure(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument);
    p confiture.transition_table;
BEGIN
    SELECT (jsonb_populate_record(confiture._half_keyed(r, argument -> 'key'), jsonb_build_object('target', r.source::oid::text, 'source', s.source::oid::text))).*
    INTO STRICT p FROM confiture.transition_table AS r, confiture.transition_table AS s
    WHERE r.transition = t.id AND r.id = (argument ->> 'half')::integer AND s.transition = t.id AND s.id = (argument ->> 'sample')::integer;
    RETURN confiture._transition_measure(p, (argument ->> 'rows')::integer);
END
$$;
