-- The schema that migrations have left: recorded at the end of each run.

-- Tells two states of the catalogs apart, in a few milliseconds: equal when no row of them has been written in between.
CREATE OR REPLACE FUNCTION confiture._catalog_stamp() RETURNS text
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_catalog_stamp';

-- The same as of the snapshot of the statement that calls it, which confiture.snapshot() has too.
CREATE OR REPLACE FUNCTION confiture._catalog_stamp_seen() RETURNS text
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_catalog_stamp_seen';

-- The newest row of the log that has changed what is applied.
CREATE OR REPLACE FUNCTION confiture._record_log_id() RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((
        SELECT l.id FROM confiture.migration_log AS l
        WHERE l.state = 'done' AND l.direction IN ('up', 'down', 'baseline') ORDER BY l.id DESC LIMIT 1), 0)
$$;

-- The newest record, without its snapshot. stale: something was applied since, and not recorded.
CREATE OR REPLACE FUNCTION confiture._record_newest(
    OUT id bigint, OUT recorded_at timestamptz, OUT origin text, OUT version text, OUT log_id bigint, OUT hash text,
    OUT apart integer, OUT stamp text, OUT reason text, OUT stale boolean)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.id, r.recorded_at, r.origin, r.version, r.log_id, r.hash, r.apart, r.stamp, r.reason,
        r.log_id <> confiture._record_log_id() OR EXISTS (
            SELECT FROM confiture.migration_progress AS p
            WHERE p.updated_at > r.recorded_at AND (p.statements_done > 0 OR p.started IS NOT NULL))
    FROM confiture.schema_record AS r
    ORDER BY r.id DESC LIMIT 1
$$;

CREATE OR REPLACE FUNCTION confiture.recorded_schema() RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.snapshot FROM confiture.schema_record AS r WHERE r.snapshot IS NOT NULL ORDER BY r.id DESC LIMIT 1
$$;
COMMENT ON FUNCTION confiture.recorded_schema() IS
'The schema that the last run of migrations has left, as it was recorded at its end.
Result: a snapshot, as of confiture.snapshot(); NULL when nothing was recorded yet.
Example: SELECT confiture.snapshot_hash(confiture.recorded_schema());';

-- A snapshot, taken again when others change the schema while it is read.
CREATE OR REPLACE FUNCTION confiture._record_snapshot() RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR attempt IN 1 .. 5 LOOP
        BEGIN
            RETURN confiture.snapshot();
        EXCEPTION WHEN serialization_failure THEN
            IF attempt = 5 THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.02 * attempt);
        END;
    END LOOP;
END
$$;

-- Says that something could not be recorded: what was applied stays applied.
CREATE OR REPLACE FUNCTION confiture._record_warning(message text, detail text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE WARNING '%', message
        USING ERRCODE = 'CF022', DETAIL = detail,
        HINT = 'confiture.drift() says that its record is older than the ledger, until the next run; SELECT confiture.record_schema() records the schema as it is.';
END
$$;

-- Before a run: where the database differs from the record, as an object of identities, each with the fact that is
-- recorded and the hash of the one that is there. NULL: nowhere, or nobody knows.
CREATE OR REPLACE FUNCTION confiture._record_begin() RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = 0
AS $$
DECLARE
    newest record;
BEGIN
    IF NOT current_setting('confiture.record_schema')::boolean THEN
        RETURN NULL;
    END IF;
    SELECT n.* INTO newest FROM confiture._record_newest() AS n;
    -- What an unrecorded run has done can't be told from what was done by hand.
    IF NOT FOUND OR newest.stale THEN
        RETURN NULL;
    END IF;
    IF newest.apart = 0 AND newest.stamp = confiture._catalog_stamp() THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('lock_timeout', current_setting('confiture.lock_timeout'), true);
    RETURN (
        SELECT jsonb_object_agg(c.identity, jsonb_build_object('was', c.source_fact, 'hash', c.target_fact -> 'hash'))
        FROM (SELECT confiture.recorded_schema() AS snapshot OFFSET 0) AS r
        CROSS JOIN LATERAL confiture._changed_facts(r.snapshot, confiture._record_snapshot()) AS c
        WHERE (r.snapshot ->> 'server_version_num')::integer / 10000 = current_setting('server_version_num')::integer / 10000);
EXCEPTION WHEN OTHERS THEN
    PERFORM confiture._record_warning('what was changed by hand before can''t be told from what the migrations change',
        sqlerrm || '.');
    RETURN NULL;
END
$$;

-- Puts back into a snapshot what was recorded before, where it differed already and nothing has touched it since.
CREATE OR REPLACE FUNCTION confiture._record_keep(INOUT snapshot jsonb, differed jsonb, OUT apart integer)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    facts jsonb := snapshot -> 'facts';
    recorded jsonb := confiture.recorded_schema() -> 'facts';
    kept jsonb;
    orphans text[];
BEGIN
    SELECT coalesce(jsonb_object_agg(d.key, d.value -> 'was'), '{}') INTO kept
    FROM jsonb_each(differed) AS d
    WHERE facts -> d.key -> 'hash' IS NOT DISTINCT FROM nullif(d.value -> 'hash', 'null');
    facts := facts - ARRAY(SELECT jsonb_object_keys(kept));
    LOOP
        -- What belongs to something that the run has removed is gone with it.
        SELECT array_agg(k.key) INTO orphans
        FROM jsonb_each(kept) AS k
        WHERE recorded ? (k.value ->> 'parent') AND NOT facts ? (k.value ->> 'parent')
            AND coalesce(kept -> (k.value ->> 'parent'), 'null') = 'null';
        EXIT WHEN orphans IS NULL;
        kept := kept - orphans;
    END LOOP;
    apart := (SELECT count(*) FROM jsonb_object_keys(kept));
    snapshot := jsonb_set(snapshot, '{facts}', facts || coalesce((
        SELECT jsonb_object_agg(k.key, k.value) FROM jsonb_each(kept) AS k WHERE k.value <> 'null'), '{}'));
END
$$;

-- Records the schema as it is; differed, as _record_begin() has found it, is left as it was recorded before.
CREATE OR REPLACE FUNCTION confiture._record_store(how text, differed jsonb, why text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Before the snapshot: what changes in between is looked at next time.
    now_stamp text := confiture._catalog_stamp();
    now_log bigint := confiture._record_log_id();
    live jsonb := confiture._record_snapshot();
    kept_apart integer := 0;
    now_hash text;
    newest confiture.schema_record;
    whole bigint;
BEGIN
    IF differed IS NOT NULL THEN
        SELECT k.snapshot, k.apart INTO live, kept_apart FROM confiture._record_keep(live, differed) AS k;
    END IF;
    now_hash := confiture.snapshot_hash(live);
    SELECT r.* INTO newest FROM (SELECT s.* FROM confiture.schema_record AS s ORDER BY s.id DESC LIMIT 1) AS r;
    SELECT r.id INTO whole FROM confiture.schema_record AS r
    WHERE r.snapshot IS NOT NULL AND r.hash = now_hash AND r.snapshot -> 'server_version_num' = live -> 'server_version_num'
        AND r.snapshot -> 'extension_version' = live -> 'extension_version'
    ORDER BY r.id DESC LIMIT 1;
    IF whole IS NOT NULL AND newest.hash = now_hash AND newest.log_id = now_log AND newest.apart = kept_apart AND why IS NULL THEN
        UPDATE confiture.schema_record AS r SET recorded_at = clock_timestamp(), stamp = now_stamp WHERE r.id = newest.id;
        RETURN 'unchanged';
    END IF;
    IF whole IS NULL THEN
        UPDATE confiture.schema_record AS r SET snapshot = NULL WHERE r.snapshot IS NOT NULL;
    END IF;
    INSERT INTO confiture.schema_record (origin, version, log_id, hash, facts, apart, stamp, reason, snapshot)
    VALUES (how, (SELECT t.version FROM confiture.tb_confiture AS t ORDER BY t.position DESC LIMIT 1), now_log, now_hash,
        (SELECT count(*) FROM jsonb_object_keys(live -> 'facts')), kept_apart, now_stamp, why,
        CASE WHEN whole IS NULL THEN live END);
    RETURN 'recorded';
END
$$;

-- The same at the end of a run: what goes wrong is a warning, for what the run has applied is applied.
CREATE OR REPLACE FUNCTION confiture._record_end(how text, differed jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = 0
AS $$
BEGIN
    IF NOT current_setting('confiture.record_schema')::boolean THEN
        RETURN;
    END IF;
    -- A view is written down under a lock on its tables, which somebody may hold for long.
    PERFORM set_config('lock_timeout', current_setting('confiture.lock_timeout'), true);
    PERFORM confiture._record_store(how, differed, NULL);
EXCEPTION WHEN OTHERS THEN
    PERFORM confiture._record_warning('the schema that the migrations have left could not be recorded', sqlerrm || '.');
END
$$;

CREATE OR REPLACE FUNCTION confiture.record_schema(reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._check_writable('confiture.record_schema()');
    PERFORM confiture._lock();
    RETURN confiture._record_store('accepted', NULL, reason);
END
$$;
COMMENT ON FUNCTION confiture.record_schema(text) IS
'Records the schema of this database as the one that migrations have left, as it is: whatever was changed by hand is accepted, and confiture.drift() no longer tells of it. Every run of migrations does this itself at its end, but for what was changed by hand before.
Arguments: reason, for whoever reads confiture.schema_record.
Result: recorded; unchanged when the record says the same already, and no reason is given.
Errors: CF001 a run of migrations is going on; 25006 standby; 40001 others change the schema meanwhile.
Example: SELECT confiture.record_schema(''hot fix of 12 May, also in migration 042'');';
