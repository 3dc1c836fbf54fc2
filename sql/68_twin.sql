-- Twins: copies of schemas that are kept, so that the next scratch copy loads nothing.

CREATE OR REPLACE FUNCTION confiture._scratch_mark() RETURNS jsonb
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'confiture_scratch_mark';

CREATE OR REPLACE FUNCTION confiture._scratch_unmarked() RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_scratch_unmarked';

-- A schema with fewer facts is made as fast as it is copied: no twin of it is kept.
CREATE OR REPLACE FUNCTION confiture._twin_threshold() RETURNS integer
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 1000
$$;

-- The name of the twin of a snapshot.
CREATE OR REPLACE FUNCTION confiture._twin_name(hash text) RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'confiture_tpl_' || left(encode(sha256(convert_to(concat_ws(chr(10), 'twin', hash, current_user,
        confiture._scratch_key()), 'UTF8')), 'hex'), 32)
$$;

-- The stamp of a twin that is there and the role's own, or NULL.
CREATE OR REPLACE FUNCTION confiture._twin_stamp(twin text) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.stamp
    FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba
    CROSS JOIN LATERAL (SELECT confiture._build_stamp(d.oid) AS stamp OFFSET 0) AS s
    WHERE d.datname = twin AND r.rolname = current_user AND s.stamp ->> 'kind' = 'twin'
$$;

-- The command that stamps a database.
CREATE OR REPLACE FUNCTION confiture._twin_comment(name text, stamp jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('COMMENT ON DATABASE %I IS %L', name, 'Built by Confiture ' || stamp::text)
$$;

-- Keeps a scratch database as the twin of a snapshot; one that is there already stays. Returns its name, or NULL.
CREATE OR REPLACE FUNCTION confiture._twin_keep(work text, hash text, facts integer, rewritten boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twin text := confiture._twin_name(hash);
    stamp jsonb := jsonb_build_object('kind', 'twin', 'hash', hash, 'facts', facts, 'rewritten', rewritten, 'built_at', clock_timestamp(),
        'version', confiture.version(), 'server', current_setting('server_version'),
        'label', format('twin of %s', current_database()));
BEGIN
    -- Subscriptions belong to one database: they are in no copy.
    IF EXISTS (SELECT FROM pg_subscription AS s JOIN pg_database AS d ON d.oid = s.subdbid WHERE d.datname = work) THEN
        RETURN NULL;
    END IF;
    -- Whoever has the lock makes it, or copies it.
    IF NOT confiture._build_lock(twin, true, false) THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM pg_database AS d WHERE d.datname = twin) THEN
        PERFORM confiture._build_unlock(twin, true);
        RETURN NULL;
    END IF;
    PERFORM confiture._top_level(concat_ws(E';\n', format('ALTER DATABASE %I ALLOW_CONNECTIONS false', work),
        confiture._twin_comment(work, stamp), format('ALTER DATABASE %I RENAME TO %I', work, twin)));
    PERFORM confiture._build_unlock(work, true);
    -- From now on others may copy it; nobody drops it.
    PERFORM confiture._build_lock(twin, false, true);
    PERFORM confiture._build_unlock(twin, true);
    RETURN twin;
END
$$;

-- A copy of a twin, or NULL when there is none. The name is locked.
CREATE OR REPLACE FUNCTION confiture._twin_copy(hash text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twin text := confiture._twin_name(hash);
    stamp jsonb := confiture._twin_stamp(twin);
    work text;
BEGIN
    IF stamp IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM confiture._build_lock(twin, false, true);
    stamp := confiture._twin_stamp(twin);
    IF stamp IS NULL THEN
        PERFORM confiture._build_unlock(twin, false);
        RETURN NULL;
    END IF;
    work := confiture._scratch_copy(twin, (stamp ->> 'facts')::integer > 4 * confiture._twin_threshold());
    IF coalesce(stamp ->> 'used_at', stamp ->> 'built_at')::timestamptz < clock_timestamp() - interval '1 hour' THEN
        PERFORM confiture._top_level(confiture._twin_comment(twin, stamp || jsonb_build_object('used_at', clock_timestamp())));
    END IF;
    RETURN work;
END
$$;

-- How a scratch database differs from a snapshot that it should have; called in the scratch database.
-- options: ignore, owner as for confiture.diff(). way_back: a snapshot to which a way back is to be found; then what
-- was found is sent along, with those of its facts that are equal to facts of that one in normal form.
CREATE OR REPLACE FUNCTION confiture._scratch_compare(expected jsonb, options jsonb, way_back jsonb DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found jsonb := confiture.snapshot();
    wanted jsonb := CASE WHEN expected = '{}' THEN jsonb_build_object('facts', confiture._empty_facts(NULL)) ELSE expected END;
    forms record;
    differences jsonb;
BEGIN
    SELECT f.* INTO forms FROM confiture._normal_forms(wanted, found, true) AS f;
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('identity', c.identity,
            'kind', coalesce(c.source_fact, c.target_fact) ->> 'kind',
            'change', CASE WHEN c.target_fact IS NULL THEN 'missing' WHEN c.source_fact IS NULL THEN 'unexpected' ELSE 'different' END,
            'expected', CASE WHEN c.source_fact IS NOT NULL THEN p.expected END,
            'found', CASE WHEN c.target_fact IS NOT NULL THEN p.found END)) ORDER BY c.identity COLLATE "C")
    INTO differences
    FROM confiture._changed_facts(wanted, found) AS c
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(k.key, c.source_fact -> 'payload' -> k.key) AS expected,
            jsonb_object_agg(k.key, c.target_fact -> 'payload' -> k.key) AS found
        FROM (SELECT jsonb_object_keys(c.source_fact -> 'payload') UNION SELECT jsonb_object_keys(c.target_fact -> 'payload')) AS k (key)
        WHERE c.source_fact -> 'payload' -> k.key IS DISTINCT FROM c.target_fact -> 'payload' -> k.key) AS p
    WHERE c.identity <> ALL (forms.equal)
        AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(options -> 'ignore') AS i (pattern) WHERE c.identity LIKE i.pattern)
        -- An owner that nobody has declared is whoever it is.
        AND NOT (coalesce(c.source_fact ->> 'kind' = 'owner' AND c.source_fact ->> 'role' = options ->> 'owner'
            AND c.target_fact IS NOT NULL, false))
        AND (NOT wanted ? 'schemas' OR wanted -> 'schemas' ? (coalesce(c.source_fact, c.target_fact) ->> 'schema'));
    RETURN jsonb_build_object('differences', coalesce(differences, '[]'), 'unmarked', confiture._scratch_unmarked(),
        'rewritten', forms.equal <> '{}',
        'hash', confiture.snapshot_hash(found), 'facts', (SELECT count(*) FROM jsonb_object_keys(found -> 'facts')))
        || CASE WHEN way_back IS NULL THEN '{}' ELSE jsonb_build_object('snapshot', found,
            'equal', (SELECT to_jsonb(f.equal) FROM confiture._normal_forms(found, way_back, true) AS f)) END;
END
$$;

-- Fills an empty scratch database from a snapshot. Returns where it is not what it should be.
CREATE OR REPLACE FUNCTION confiture._scratch_fill(work text, source jsonb, options jsonb, OUT differences jsonb, OUT facts integer, OUT rewritten boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    results jsonb[];
BEGIN
    results := confiture._scratch_run(work, jsonb_build_array(
        jsonb_build_object('files', jsonb_build_array(confiture._rebuild_file(source, options))),
        '{"query": "SELECT confiture._scratch_compare($1, $2)", "arguments": [0, 1]}'::jsonb), ARRAY[source, options]);
    differences := results[2] -> 'differences';
    facts := results[2] -> 'facts';
    rewritten := results[2] -> 'rewritten';
END
$$;

-- A scratch database with the schema of a snapshot, made of the twin of another one by what differs. NULL when that one
-- has no twin, when too much differs, or when it can't be made so.
CREATE OR REPLACE FUNCTION confiture._scratch_from(
    source jsonb, other jsonb, other_hash text, options jsonb, equal jsonb, OUT work text, OUT facts integer, OUT rewritten boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    back record;
    results jsonb[];
BEGIN
    IF other IS NULL OR confiture._twin_stamp(confiture._twin_name(other_hash)) IS NULL THEN
        RETURN;
    END IF;
    BEGIN
        SELECT s.* INTO back FROM confiture._plan_statements(confiture._plan_rows(other, source,
            options || jsonb_build_object('online', false, 'equal', coalesce(equal, '[]')))) AS s;
        -- To make it anew takes about a statement for three facts.
        IF cardinality(back.statements) > (SELECT count(*) / 10 FROM jsonb_object_keys(source -> 'facts')) THEN
            RETURN;
        END IF;
        work := confiture._twin_copy(other_hash);
        IF work IS NULL THEN
            RETURN;
        END IF;
        results := confiture._scratch_run(work, jsonb_build_array(
            jsonb_build_object('statements', to_jsonb(back.statements), 'groups', back.groups),
            '{"query": "SELECT confiture._scratch_compare($1, $2)", "arguments": [0, 1]}'::jsonb), ARRAY[source, options]);
        facts := results[2] -> 'facts';
        rewritten := results[2] -> 'rewritten';
    EXCEPTION WHEN OTHERS THEN
        results := NULL;
    END;
    IF work IS NOT NULL AND results[2] -> 'differences' IS DISTINCT FROM '[]' THEN
        PERFORM confiture._scratch_drop(work);
        work := NULL;
    END IF;
EXCEPTION WHEN query_canceled THEN
    PERFORM confiture._scratch_drop(work);
    RAISE;
END
$$;

-- A scratch database that has the schema of a snapshot: a copy of its twin, or made of that of another one, or made anew; its
-- name is locked. differences: where it is not what it should be. rewritten: texts of it are written in another way.
CREATE OR REPLACE FUNCTION confiture._scratch_of(
    source jsonb, hash text, keep boolean, options jsonb, other jsonb, other_hash text, equal jsonb,
    OUT work text, OUT copied boolean, OUT differences jsonb, OUT rewritten boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    facts integer;
    made boolean := false;
    allowed constant jsonb := jsonb_build_object('allow_unmodelled', coalesce(options -> 'allow_unmodelled', 'false'));
BEGIN
    differences := '[]';
    work := CASE WHEN keep THEN confiture._twin_copy(hash) END;
    copied := work IS NOT NULL;
    IF copied THEN
        rewritten := (confiture._twin_stamp(confiture._twin_name(hash)) ->> 'rewritten')::boolean;
        RETURN;
    END IF;
    IF keep THEN
        SELECT f.* INTO work, facts, rewritten FROM confiture._scratch_from(source, other, other_hash, allowed, equal) AS f;
    END IF;
    made := work IS NOT NULL;
    IF NOT made THEN
        work := confiture._scratch_copy(confiture._scratch_base());
    END IF;
    BEGIN
        BEGIN
            IF NOT made THEN
                SELECT f.* INTO differences, facts, rewritten FROM confiture._scratch_fill(work, source, allowed) AS f;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            IF NOT options ? 'ignore' THEN
                RAISE;
            END IF;
            -- What is ignored may be what can't be made here.
            PERFORM confiture._scratch_drop(work);
            work := confiture._scratch_copy(confiture._scratch_base());
            keep := false;
            SELECT f.* INTO differences, facts, rewritten FROM confiture._scratch_fill(work, source, options) AS f;
        END;
        IF keep AND differences = '[]' AND confiture._twin_keep(work, hash, facts, rewritten) IS NOT NULL THEN
            work := NULL;
            work := confiture._twin_copy(hash);
        END IF;
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM confiture._scratch_drop(work);
        RAISE;
    END;
END
$$;
