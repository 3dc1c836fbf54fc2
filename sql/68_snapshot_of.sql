-- The snapshot of a schema that is still text.

-- What fills a scratch database from a snapshot, as a file.
CREATE OR REPLACE FUNCTION confiture._rebuild_file(snapshot jsonb, options jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('path', 'snapshot', 'text', concat(E'SET check_function_bodies = off\n;\n',
        (SELECT string_agg(d.statement || E'\n;\n', '' ORDER BY d.ordinal)
         FROM confiture.diff('{}', snapshot, jsonb_build_object('online', false,
            -- Who makes it owns it.
            'owner', current_user, 'ignore', coalesce(options -> 'ignore', '[]'),
            'allow_unmodelled', coalesce((options ->> 'allow_unmodelled')::boolean, false))) AS d)))
$$;

-- Files as an array of {path, text}.
CREATE OR REPLACE FUNCTION confiture._files_json(paths text[], texts text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('path', f.path, 'text', f.content) ORDER BY f.ordinal), '[]')
    FROM unnest(paths, texts) WITH ORDINALITY AS f (path, content, ordinal)
$$;

-- A snapshot with the renames that the files declare, for those who compare it with another one.
CREATE OR REPLACE FUNCTION confiture._with_renames(snapshot jsonb, paths text[], texts text[]) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT snapshot || coalesce((
        SELECT jsonb_build_object('renames', jsonb_object_agg(r.key, r.value))
        FROM unnest(paths, texts) AS f (path, content)
        CROSS JOIN LATERAL jsonb_each(confiture._declared_renames(f.content, f.path)) AS r
        HAVING count(*) > 0), '{}')
$$;

-- Loads files into a scratch database, after a base if there is one.
CREATE OR REPLACE FUNCTION confiture._snapshot_load(paths text[], texts text[], base jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    steps jsonb := '[]';
    results jsonb[];
BEGIN
    PERFORM confiture._build_check(paths, texts);
    IF base IS NOT NULL THEN
        PERFORM confiture._snapshot_facts(base);
        steps := steps || jsonb_build_object('files', jsonb_build_array(confiture._rebuild_file(base)));
    END IF;
    steps := steps || jsonb_build_object('files', confiture._files_json(paths, texts))
        || '{"query": "SELECT confiture.snapshot()"}';
    results := confiture._scratch(steps);
    RETURN confiture._with_renames(results[cardinality(results)], paths, texts);
END
$$;

-- Whether a scratch database has nothing but a schema: no table has rows, but for those of extensions. Called there.
CREATE OR REPLACE FUNCTION confiture._scratch_is_bare() RETURNS boolean
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM pg_class AS c
        WHERE c.oid >= 16384 AND c.relkind = 'r' AND pg_relation_size(c.oid) > 0
            AND NOT EXISTS (SELECT FROM pg_depend AS d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
$$;

-- Loads files into an empty scratch database. What pays to be kept is kept, as the twin of what it is.
CREATE OR REPLACE FUNCTION confiture._snapshot_load_twin(paths text[], texts text[]) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    work text;
    results jsonb[];
BEGIN
    PERFORM confiture._build_check(paths, texts);
    PERFORM confiture._scratch_admit();
    BEGIN
        work := confiture._scratch_copy(confiture._scratch_base());
        results := confiture._scratch_run(work, jsonb_build_array(
            jsonb_build_object('files', confiture._files_json(paths, texts)),
            '{"query": "SELECT confiture.snapshot()"}'::jsonb,
            '{"query": "SELECT to_jsonb(confiture._scratch_is_bare())"}'::jsonb), '{}');
        IF results[3]::boolean AND confiture._plan_keeps(results[2], '{}') AND confiture._twin_keep(work,
            confiture.snapshot_hash(results[2]), (SELECT count(*)::integer FROM jsonb_object_keys(results[2] -> 'facts'))) IS NOT NULL THEN
            work := NULL;
        END IF;
        PERFORM confiture._scratch_drop(work);
        work := NULL;
        PERFORM confiture._build_trim();
        PERFORM confiture._build_unlock(NULL, true);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM confiture._scratch_drop(work);
        PERFORM confiture._build_unlock(NULL, true);
        RAISE;
    END;
    RETURN confiture._with_renames(results[2], paths, texts);
END
$$;

CREATE OR REPLACE FUNCTION confiture.snapshot_of(files jsonb, base jsonb DEFAULT NULL) RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN base IS NULL THEN confiture._snapshot_cached(f.paths, f.texts)
        ELSE confiture._snapshot_load(f.paths, f.texts, base) END
    FROM confiture._build_files(files) AS f
$$;
COMMENT ON FUNCTION confiture.snapshot_of(jsonb, jsonb) IS
'The snapshot of what files of DDL make, in a scratch database on this server: as confiture.build() runs them, by the role that calls.
Arguments: files, as confiture.build(); base, a snapshot that the scratch database is filled from before.
Result: as confiture.snapshot(), with "renames", those that comments in the files declare (-- confiture: renamed from old), which confiture.plan_between() honours. That of files without a base is kept in confiture.snapshot_cache, as confiture.plan() does: the same files are not loaded again.
Errors: as confiture.build() raises for files, with file, line and column; 42501 the role may not create databases; 25000 in a transaction that is not READ COMMITTED; 25006 standby; CF013 no free background worker; 22023 base is no snapshot.
Example: SELECT confiture.snapshot_of(''{"db/schema/a.sql": "CREATE TABLE a (id integer)"}''::jsonb);';

CREATE OR REPLACE FUNCTION confiture.snapshot_of(ddl text, base jsonb DEFAULT NULL) RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture.snapshot_of(jsonb_build_array(jsonb_build_object('path', 'ddl', 'text', ddl)), base)
$$;
COMMENT ON FUNCTION confiture.snapshot_of(text, jsonb) IS
'The snapshot of what DDL makes, in a scratch database on this server.
Arguments: ddl, any number of statements; base, a snapshot that the scratch database is filled from before.
Result: as confiture.snapshot().
Errors: as confiture.snapshot_of(jsonb, jsonb); the file is called ddl.
Example: SELECT confiture.snapshot_hash(confiture.snapshot_of(''CREATE TABLE a (id integer)''));';
