-- Dry runs: what a script does, measured and taken back.

-- Who holds one of these locks now: pairs of relation and lock mode.
CREATE OR REPLACE FUNCTION confiture._lock_holders(relations oid[], modes text[]) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_agg(jsonb_build_object(
            'pid', l.pid, 'user', a.usename, 'application_name', a.application_name,
            'relation', format('%I.%I', n.nspname, c.relname), 'mode', l.mode, 'state', a.state,
            'xact_seconds', round(extract(epoch FROM clock_timestamp() - a.xact_start)::numeric, 1))
        ORDER BY a.xact_start, l.pid, c.relname, l.mode)
    FROM unnest(relations, modes) AS wanted (relation, mode)
    JOIN pg_locks AS l ON l.locktype = 'relation' AND l.granted
        AND l.relation = wanted.relation AND l.mode = wanted.mode
    JOIN pg_class AS c ON c.oid = l.relation
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        AND l.pid <> pg_backend_pid()
$$;

CREATE OR REPLACE FUNCTION confiture.dry_run(
    script text, target_rows jsonb DEFAULT NULL,
    OUT ordinal integer, OUT line integer, OUT statement text, OUT command text,
    OUT execution_time_ms double precision, OUT rows_affected bigint, OUT wal_bytes bigint,
    OUT buffers_read bigint, OUT locks jsonb, OUT rewrites text[], OUT scans text[],
    OUT needs_top_level boolean, OUT warnings text[], OUT estimate jsonb, OUT error jsonb, OUT holders jsonb)
RETURNS SETOF record
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_dry_run';
COMMENT ON FUNCTION confiture.dry_run(text, jsonb) IS
'Runs a script in a subtransaction that is always rolled back, and reports what each statement did. It takes the real locks while it runs: confiture.lock_timeout bounds how long it waits for one; set statement_timeout to bound the whole.
Arguments: script; target_rows, an object of qualified relations and row counts, such as {"public.orders": 50000000}: estimate is then for that size.
Columns: ordinal, line, statement, command; execution_time_ms, rows_affected, wal_bytes, buffers_read (blocks read from outside of shared buffers), all measured, NULL where a statement did not run; locks, the strongest lock that the statement newly took on each relation: {relation, mode as in pg_locks, blocks: nothing, writes, or reads and writes, named: the statement names it, created: nobody else sees it yet, again: held here since what will be an earlier transaction, as predicted by confiture.analyze()}; rewrites, tables and materialized views that were written anew; scans, tables that were read from end to end; needs_top_level; warnings, among them what the rollback can''t undo; estimate {class, relation, rows_measured, rows_target, low_ms, high_ms, basis}, without waiting for locks; error {sqlstate, message, detail, hint, line, column} of the statement that failed: those after it did not run; holders, when a lock was not to be had: who holds it.
At the end deferred constraints are checked, as COMMIT would. CREATE INDEX CONCURRENTLY and the like run without CONCURRENTLY. Not undone: sequences, dead rows, session-level advisory locks, and what functions do outside of the database.
Errors: 42601 syntax error; CF009 transaction command; CF010 psql meta-command; 25006 standby; 57014 cancelled.
Example: SELECT ordinal, command, execution_time_ms, locks FROM confiture.dry_run(''ALTER TABLE users ADD COLUMN age integer'');';

CREATE OR REPLACE FUNCTION confiture.migrate_dry_run(
    direction text DEFAULT 'up', target text DEFAULT NULL, steps integer DEFAULT NULL,
    target_rows jsonb DEFAULT NULL,
    OUT version text, OUT name text,
    OUT ordinal integer, OUT line integer, OUT statement text, OUT command text,
    OUT execution_time_ms double precision, OUT rows_affected bigint, OUT wal_bytes bigint,
    OUT buffers_read bigint, OUT locks jsonb, OUT rewrites text[], OUT scans text[],
    OUT needs_top_level boolean, OUT warnings text[], OUT estimate jsonb, OUT error jsonb, OUT holders jsonb)
RETURNS SETOF record
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_migrate_dry_run';
COMMENT ON FUNCTION confiture.migrate_dry_run(text, text, integer, jsonb) IS
'Dry run of the pending migrations (or of those to be taken back), one after the other in one subtransaction that is always rolled back, so that the second sees what the first did. Hooks do not run. A migration in Python is one row. The estimates are kept, to be compared with the real run: confiture.estimate_calibration().
Arguments: direction, target, steps, as confiture.migrate_plan(); target_rows, as confiture.dry_run().
Columns: version, name, then those of confiture.dry_run().
Errors: as confiture.migrate_plan() and confiture.dry_run(); CF001 a run is going on.
Example: SELECT version, line, command, execution_time_ms, error FROM confiture.migrate_dry_run();';

-- Keeps an estimate, in place of an older one that no run has met.
CREATE OR REPLACE FUNCTION confiture._store_prediction(
    version text, direction text, statement text, command text, estimate jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT estimate ? 'low_ms' THEN
        RETURN;
    END IF;
    DELETE FROM confiture.prediction AS p
    WHERE p.version = _store_prediction.version AND p.direction = _store_prediction.direction
        AND p.statement_hash = confiture.checksum(statement) AND p.actual_ms IS NULL;
    INSERT INTO confiture.prediction (version, direction, statement_hash, command, class, relation,
        rows_target, low_ms, high_ms)
    VALUES (version, direction, confiture.checksum(statement), command, estimate ->> 'class',
        estimate ->> 'relation', (estimate ->> 'rows_target')::double precision,
        (estimate ->> 'low_ms')::double precision, (estimate ->> 'high_ms')::double precision);
END
$$;

CREATE OR REPLACE FUNCTION confiture._has_predictions(version text, direction text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM confiture.prediction AS p
        WHERE p.version = _has_predictions.version AND p.direction = _has_predictions.direction
            AND p.actual_ms IS NULL)
$$;

-- Stores what the statements of a real run took, where a dry run predicted it.
CREATE OR REPLACE FUNCTION confiture._store_actuals(
    version text, direction text, statements text[], elapsed_ms double precision[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE confiture.prediction AS p
    SET actual_ms = ran.elapsed, actual_at = clock_timestamp()
    FROM (SELECT confiture.checksum(statement) AS hash, max(elapsed) AS elapsed
          FROM unnest(statements, elapsed_ms) AS s (statement, elapsed) GROUP BY 1) AS ran
    WHERE p.version = _store_actuals.version AND p.direction = _store_actuals.direction
        AND p.statement_hash = ran.hash AND p.actual_ms IS NULL
$$;

CREATE OR REPLACE FUNCTION confiture.estimate_calibration()
RETURNS TABLE (class text, runs bigint, inside bigint, share_inside numeric, median_ratio numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.class, count(*), count(*) FILTER (WHERE p.actual_ms BETWEEN p.low_ms AND p.high_ms),
        round(avg((p.actual_ms BETWEEN p.low_ms AND p.high_ms)::integer), 3),
        round((percentile_cont(0.5) WITHIN GROUP (
            ORDER BY p.actual_ms / greatest(sqrt(p.low_ms * p.high_ms), 0.001)))::numeric, 3)
    FROM confiture.prediction AS p
    WHERE p.actual_ms IS NOT NULL
    GROUP BY p.class
    ORDER BY p.class
$$;
COMMENT ON FUNCTION confiture.estimate_calibration() IS
'How good the estimates of dry runs have been: each statement of a real run is compared with the last estimate that a dry run made of it.
Columns: class of work (metadata, scan, rewrite, index build, foreign key validation, rows); runs compared; inside, how many took a time inside their interval; share_inside (0..1); median_ratio of the actual time to the geometric middle of the interval (1 is perfect).
Example: SELECT * FROM confiture.estimate_calibration();';
