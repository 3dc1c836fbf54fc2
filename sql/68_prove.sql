-- Proof: the statements of a plan, run in a scratch copy of what they start from.

-- Reads the options of a plan or a proof: those of confiture.diff(), and its own.
CREATE OR REPLACE FUNCTION confiture._plan_options(options jsonb, proof boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    opts constant jsonb := confiture._check_options(options, confiture._diff_kinds() || CASE
            WHEN proof THEN '{"groups": "array", "keep": "boolean", "rows": "string", "rows_limit": "number"}'::jsonb
            ELSE '{"prove": "boolean", "down": "boolean", "unproven": "boolean", "keep": "boolean", "rows": "string", "rows_limit": "number"}' END,
        CASE WHEN proof THEN 'a proof' ELSE 'a plan' END, '{"online": false}');
BEGIN
    IF coalesce(opts ->> 'rows', 'none') NOT IN ('none', 'sample', 'generated') THEN
        RAISE EXCEPTION 'option rows can''t be %', quote_literal(opts ->> 'rows')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The values are none, sample and generated.';
    END IF;
    RETURN opts;
END
$$;

-- Runs statements in a scratch database that has the schema source, and compares it with target afterwards.
CREATE OR REPLACE FUNCTION confiture._prove_in(
    work text, source jsonb, statements text[], groups jsonb, target jsonb, options jsonb, way_back jsonb DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    started timestamptz := clock_timestamp();
    results jsonb[];
    outcome jsonb;
    kept jsonb;
BEGIN
    results := confiture._scratch_run(work, jsonb_build_array(
            '{"query": "SELECT confiture._scratch_mark()"}'::jsonb,
            jsonb_build_object('statements', to_jsonb(statements), 'groups', groups),
            CASE WHEN way_back IS NULL THEN '{"query": "SELECT confiture._scratch_compare($1, $2)", "arguments": [0, 1]}'::jsonb
                ELSE '{"query": "SELECT confiture._scratch_compare($1, $2, $3)", "arguments": [0, 1, 2]}' END),
        ARRAY[target, options] || CASE WHEN way_back IS NOT NULL THEN ARRAY[way_back] END);
    outcome := results[3];
    SELECT jsonb_agg(jsonb_build_object('identity', u.identity, 'kind', u.kind, 'what', u.what, 'parent', u.parent,
            'changed', source #> ARRAY['facts', o.old, 'hash'] IS DISTINCT FROM target #> ARRAY['facts', u.identity, 'hash'])
        ORDER BY u.identity COLLATE "C")
    INTO kept
    FROM jsonb_to_recordset(outcome -> 'unmarked') AS u (identity text, kind text, what text, parent text)
    CROSS JOIN LATERAL (SELECT coalesce(
        (SELECT r.key FROM jsonb_each_text(options -> 'renames') AS r WHERE r.value = u.identity LIMIT 1), u.identity) AS old) AS o
    WHERE source -> 'facts' ? o.old AND target -> 'facts' ? u.identity
        AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(options -> 'ignore') AS i (pattern) WHERE u.identity LIKE i.pattern)
        -- What goes with its parent is not told apart.
        AND NOT EXISTS (SELECT FROM jsonb_to_recordset(outcome -> 'unmarked') AS p (identity text, what text)
            WHERE p.identity = u.parent AND (p.what = 'oid' OR u.kind IN ('constraint', 'index')));
    RETURN jsonb_strip_nulls(jsonb_build_object(
            'proven', results[2] -> 'failed' IS NULL AND outcome -> 'differences' = '[]',
            'differences', coalesce(outcome -> 'differences', '[]'), 'not_preserved', coalesce(kept, '[]'),
            'failed', results[2] -> 'failed', 'hash', outcome -> 'hash', 'facts', outcome -> 'facts',
            'elapsed_ms', round((extract(epoch FROM clock_timestamp() - started) * 1000)::numeric, 1)))
        || CASE WHEN outcome ? 'snapshot' THEN jsonb_build_object('snapshot', outcome -> 'snapshot', 'equal', outcome -> 'equal') ELSE '{}' END;
END
$$;

-- Whether twins are kept: of what takes longer to make than to copy.
CREATE OR REPLACE FUNCTION confiture._plan_keeps(source jsonb, options jsonb) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._template_limit() > 0 AND coalesce((options ->> 'keep')::boolean,
        (SELECT count(*) FROM jsonb_object_keys(coalesce(source -> 'facts', '{}'))) >= confiture._twin_threshold())
$$;

CREATE OR REPLACE FUNCTION confiture._snapshot_hash_of(snapshot jsonb) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN snapshot = '{}' THEN confiture.snapshot_hash('{"format": 1, "facts": {}}') ELSE confiture.snapshot_hash(snapshot) END
$$;

CREATE OR REPLACE FUNCTION confiture.prove(source jsonb, statements text[], target jsonb, options jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
DECLARE
    started timestamptz := clock_timestamp();
    opts jsonb := confiture._plan_options(options, true);
    keeps boolean := confiture._plan_keeps(source, opts);
    hash text := confiture._snapshot_hash_of(source);
    copy record;
    work text;
    report jsonb;
BEGIN
    PERFORM confiture._snapshot_hash_of(target);
    IF opts ? 'groups' AND jsonb_array_length(opts -> 'groups') <> cardinality(statements) THEN
        RAISE EXCEPTION 'there are % statements and % groups', cardinality(statements), jsonb_array_length(opts -> 'groups')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the transaction_group of each statement.';
    END IF;
    PERFORM confiture._scratch_admit();
    BEGIN
        SELECT c.* INTO copy FROM confiture._scratch_of(source, hash, keeps, opts, NULL, NULL, NULL) AS c;
        work := copy.work;
        report := confiture._prove_in(work, source, coalesce(statements, '{}'), opts -> 'groups', target, opts);
        IF copy.differences <> '[]' THEN
            report := report || jsonb_build_object('proven', false, 'source_differences', copy.differences);
        END IF;
        IF keeps AND (report ->> 'proven')::boolean
            AND confiture._twin_keep(work, report ->> 'hash', (report -> 'facts')::integer) IS NOT NULL THEN
            work := NULL;
        END IF;
        PERFORM confiture._scratch_drop(work);
        work := NULL;
        IF coalesce(opts ->> 'rows', 'none') <> 'none' AND NOT report ? 'failed' THEN
            SELECT c.work INTO work FROM confiture._scratch_of(source, hash, keeps, opts, NULL, NULL, NULL) AS c;
            report := report || jsonb_build_object('rows', confiture._rows_prove(work, source, target, coalesce(statements, '{}'),
                opts -> 'groups', opts ->> 'rows', coalesce((opts ->> 'rows_limit')::integer, 100)));
            PERFORM confiture._scratch_drop(work);
            work := NULL;
        END IF;
        PERFORM confiture._build_trim();
        PERFORM confiture._build_unlock(NULL, true);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM confiture._scratch_drop(work);
        PERFORM confiture._build_unlock(NULL, true);
        RAISE;
    END;
    RETURN report || jsonb_build_object('copied', copy.copied,
        'elapsed_ms', round((extract(epoch FROM clock_timestamp() - started) * 1000)::numeric, 1));
END
$$;
COMMENT ON FUNCTION confiture.prove(jsonb, text[], jsonb, jsonb) IS
'Runs statements in a scratch copy of a schema, as they would be run for real, and compares what they make with another schema. Nothing is done to this database.
Arguments: source, the snapshot that they start from, {} for an empty database; statements; target, the snapshot that they should lead to; options, an object: groups, an array of the transaction_group of each statement (without it they run as a migration would: in one transaction, or each in its own when one of them needs the top level); ignore, owner, renames, allow_unmodelled, as for confiture.diff(); keep, whether the copies are kept as twins for the next proof (default: those of schemas with at least 1000 facts); rows, sample or generated (default none): the statements are run once more in a copy with rows in the tables that change, up to rows_limit (default 100) of those that these tables have in this database and the role may read, or a few made up ones with NULLs and the values at the edges of each type.
Result: {"proven": true when the statements have run and made the target; "differences": [{identity, kind, change: missing, unexpected or different, expected, found: what differs of the payload}], those equal in normal form are none; "not_preserved": [{identity, kind, what: oid, attnum or relfilenode, parent, changed}], what both schemas have and the statements have made anew, changed says whether it is another in the target; "failed": {ordinal, statement, sqlstate, message, detail, hint} of the statement that has failed; "source_differences", when the copy of the source is not what it should be; "rows": {how, filled: rows of each table, failed: as above, lost: rows less in a table, changed: columns whose values are other ones}; "hash" of what was made; "copied", there was a twin; "elapsed_ms"}.
Errors: 22023 not a snapshot, a wrong option; 42501 the role may not create databases; CF018 the source has objects that Confiture does not know; CF013 no free background worker; 25000 in a transaction that is not READ COMMITTED; 25006 standby; and what the making of the copy raises.
Example: SELECT confiture.prove(''{}'', ''{CREATE TABLE a (id integer)}'', confiture.snapshot_of(''CREATE TABLE a (id integer)''));';
