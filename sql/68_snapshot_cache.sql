-- Snapshots that are kept: of DDL that was loaded, of this database.

-- Keeps a snapshot under a key, and forgets those that are too many or too old. Nobody waits for it.
CREATE OR REPLACE FUNCTION confiture._snapshot_keep(wanted text, kept_one jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept constant integer := confiture._template_limit();
BEGIN
    IF kept = 0 OR current_setting('transaction_read_only')::boolean
        OR NOT pg_try_advisory_xact_lock(1667855724, hashtext(wanted)) THEN
        RETURN;
    END IF;
    INSERT INTO confiture.snapshot_cache (key, snapshot) VALUES (wanted, kept_one) ON CONFLICT DO NOTHING;
    DELETE FROM confiture.snapshot_cache AS c
    WHERE c.owner = current_user AND c.key <> wanted
        AND (c.made_at < clock_timestamp() - current_setting('confiture.template_max_age')::interval
            -- The newest of the database, and as many as there may be of DDL.
            OR CASE WHEN c.key LIKE 'live %' THEN wanted LIKE 'live %'
                ELSE c.key NOT IN (SELECT n.key FROM confiture.snapshot_cache AS n
                    WHERE n.owner = current_user AND n.key NOT LIKE 'live %' ORDER BY n.made_at DESC LIMIT kept) END)
        AND pg_try_advisory_xact_lock(1667855724, hashtext(c.key));
END
$$;

-- A snapshot that is kept, or NULL. It is read from where it is stored once, not at each look into it.
CREATE OR REPLACE FUNCTION confiture._snapshot_kept(wanted text) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.snapshot || '{}' FROM confiture.snapshot_cache AS c WHERE c.owner = current_user AND c.key = wanted
$$;

-- The snapshot of DDL.
CREATE OR REPLACE FUNCTION confiture._snapshot_cached(paths text[], texts text[]) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- RESET ROLE in a file leads to the role of the session.
    key constant text := concat(confiture._build_key(confiture._build_hash(paths, texts), paths, '{"template": "template0"}'),
        ' ' || nullif(session_user, current_user));
    result jsonb := confiture._snapshot_kept(key);
BEGIN
    IF result IS NULL THEN
        result := confiture._snapshot_load_twin(paths, texts);
        PERFORM confiture._snapshot_keep(key, result);
    END IF;
    RETURN result;
END
$$;

-- What a snapshot of this database is kept under: equal while no row of the catalogs is written.
CREATE OR REPLACE FUNCTION confiture._snapshot_live_key(stamp text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(' ', 'live', current_setting('server_version_num'), confiture.version(), confiture._extension_version(), stamp)
$$;

-- The snapshot of this database. One that takes long to make is kept until the catalogs change.
CREATE OR REPLACE FUNCTION confiture._snapshot_live() RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result jsonb := confiture._snapshot_kept(confiture._snapshot_live_key(confiture._catalog_stamp()));
    seen text;
BEGIN
    IF result IS NULL THEN
        SELECT confiture._catalog_stamp_seen(), confiture.snapshot() INTO seen, result;
        -- Names and definitions are those of now: who has changed the schema meanwhile may be in some of them.
        IF (SELECT count(*) FROM jsonb_object_keys(result -> 'facts')) >= confiture._twin_threshold()
            AND seen = confiture._catalog_stamp() THEN
            PERFORM confiture._snapshot_keep(confiture._snapshot_live_key(seen), result);
        END IF;
    END IF;
    RETURN result;
END
$$;
