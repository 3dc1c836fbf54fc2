-- Running migrations.

CREATE OR REPLACE FUNCTION confiture._execute(
    script text, label text, version text, name text, direction text, path text, predicted boolean,
    intent text,
    OUT statements integer, OUT rows_affected bigint, OUT wal_bytes bigint, OUT elapsed_ms double precision)
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_execute';

CREATE OR REPLACE FUNCTION confiture._execute_python(
    kind text, source text, label text, version text, name text, direction text, path text, context jsonb,
    intent text,
    OUT statements integer, OUT rows_affected bigint, OUT wal_bytes bigint, OUT elapsed_ms double precision)
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_execute_python';

CREATE OR REPLACE FUNCTION confiture._lock() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_lock';

CREATE OR REPLACE FUNCTION confiture._check_writable(what text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'confiture_check_writable';

CREATE OR REPLACE FUNCTION confiture._progress(
    version text, name text, direction text, ordinal integer, of integer,
    elapsed_ms double precision, rows_affected bigint, wal_bytes bigint, statements integer)
RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_progress';

-- Writes what a migration has done into the ledger and the log. The intent that it carries out
-- is completed with it.
CREATE OR REPLACE FUNCTION confiture._record(
    version text, name text, direction text, checksum text, started_at timestamptz,
    elapsed_ms double precision, statements integer, rows_affected bigint, wal_bytes bigint, intent text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF direction = 'up' THEN
        INSERT INTO confiture.tb_confiture (version, name, execution_time_ms, checksum)
        VALUES (version, name, least(round(elapsed_ms), 2147483647)::integer, checksum);
    ELSE
        DELETE FROM confiture.tb_confiture AS t WHERE t.version = _record.version;
    END IF;
    INSERT INTO confiture.migration_log (version, name, direction, state, started_at, execution_time_ms,
        statements, rows_affected, wal_bytes, checksum, intent)
    VALUES (version, name, direction, 'done', started_at, least(round(elapsed_ms), 2147483647)::integer,
        statements, rows_affected, wal_bytes, checksum, intent);
    IF direction = 'up' AND intent IS NOT NULL THEN
        PERFORM confiture._intent_applied(intent, version);
    END IF;
END
$$;

-- Runs one migration in the current transaction, under the lock. Returns nothing
-- when another run has done it in the meantime.
CREATE OR REPLACE FUNCTION confiture._apply(
    wanted text, way text, ordinal integer, of integer, path text)
RETURNS TABLE (
    version text, name text, direction text, statements integer, rows_affected bigint,
    execution_time_ms integer, wal_bytes bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    m confiture.migration;
    ran record;
    started_at timestamptz := clock_timestamp();
    hooked boolean := EXISTS (SELECT FROM confiture.hook AS h WHERE h.enabled);
    context jsonb;
    label text;
BEGIN
    IF EXISTS (SELECT FROM confiture.tb_confiture AS t WHERE t.version = wanted) <> (way = 'down') THEN
        RETURN;
    END IF;
    SELECT r.* INTO m FROM confiture.migration AS r WHERE r.version = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'migration % is no longer registered', wanted
            USING ERRCODE = 'CF008', HINT = 'Somebody removed it while this run was going on: run again.';
    END IF;
    context := jsonb_strip_nulls(jsonb_build_object(
        'version', m.version, 'name', m.name, 'direction', way, 'intent', m.intent));
    -- As confiture._label(), which is slower to call.
    label := format('migration %s "%s" (%s)', m.version, m.name, way);

    PERFORM confiture._progress(m.version, m.name, way, ordinal, of, NULL, NULL, NULL, NULL);
    IF hooked THEN
        PERFORM confiture._run_hooks('before_each', context, path);
    END IF;
    IF way = 'up' AND strpos(m.up, 'basis') > 0 THEN
        PERFORM confiture._check_basis(m.up);
    END IF;
    IF m.language = 'sql' THEN
        SELECT e.* INTO ran
        FROM confiture._execute(CASE way WHEN 'up' THEN m.up ELSE m.down END,
            label, m.version, m.name, way, path,
            EXISTS (SELECT FROM confiture.prediction AS p
                WHERE p.version = m.version AND p.direction = way AND p.actual_ms IS NULL),
            m.intent) AS e;
    ELSE
        SELECT e.* INTO ran
        FROM confiture._execute_python('migration', m.up, label,
            m.version, m.name, way, path, context, m.intent) AS e;
    END IF;
    PERFORM confiture._record(m.version, m.name, way, m.checksum, started_at, ran.elapsed_ms, ran.statements,
        ran.rows_affected, ran.wal_bytes, m.intent);
    IF hooked THEN
        PERFORM confiture._run_hooks('after_each', context, path);
    END IF;
    PERFORM confiture._progress(m.version, m.name, way, ordinal, of,
        ran.elapsed_ms, ran.rows_affected, ran.wal_bytes, ran.statements);

    version := m.version;
    name := m.name;
    direction := way;
    statements := ran.statements;
    rows_affected := ran.rows_affected;
    execution_time_ms := least(round(ran.elapsed_ms), 2147483647);
    wal_bytes := ran.wal_bytes;
    RETURN NEXT;
END
$$;

-- Runs migrations one after the other in the current transaction.
CREATE OR REPLACE FUNCTION confiture._run(way text, target text, steps integer, path text)
RETURNS TABLE (
    version text, name text, direction text, statements integer, rows_affected bigint,
    execution_time_ms integer, wal_bytes bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    planned text[];
    late text[];
    stepwise text;
    differed jsonb;
    context jsonb := jsonb_build_object('direction', way);
BEGIN
    PERFORM confiture._check_writable('migrations');
    PERFORM confiture._lock();
    SELECT array_agg(p.version ORDER BY p.ordinal), array_agg(p.version ORDER BY p.ordinal) FILTER (WHERE p.out_of_order),
        min(p.version) FILTER (WHERE NOT p.transactional)
    INTO planned, late, stepwise
    FROM confiture._plan(way, target, steps) AS p;
    IF planned IS NULL THEN
        RETURN;
    END IF;
    IF stepwise IS NOT NULL THEN
        RAISE EXCEPTION 'migration % cannot run inside a transaction block', stepwise
            USING ERRCODE = 'CF004', DETAIL = confiture._why_top_level(stepwise, way),
            HINT = 'Run it with CALL confiture.migrate(), or choose a target before it.';
    END IF;
    PERFORM confiture._warn_out_of_order(late);

    differed := confiture._record_begin();
    PERFORM confiture._run_hooks('before_migrate', context, path);
    FOR i IN 1 .. cardinality(planned) LOOP
        RETURN QUERY SELECT a.* FROM confiture._apply(planned[i], way, i, cardinality(planned), path) AS a;
    END LOOP;
    PERFORM confiture._run_hooks('after_migrate', context, path);
    PERFORM confiture._record_end(way, differed);
END
$$;

-- Says why a migration does not run in one transaction.
CREATE OR REPLACE FUNCTION confiture._why_top_level(version text, direction text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN i.top_level_line IS NULL THEN 'Its header says transaction=off.'
        ELSE format('%s at line %s can''t run in one.', i.top_level_command, i.top_level_line)
    END
    FROM confiture.migration AS m
    CROSS JOIN LATERAL confiture._inspect(
        CASE _why_top_level.direction WHEN 'up' THEN m.up ELSE m.down END, 'script') AS i
    WHERE m.version = _why_top_level.version
$$;

-- Warns of migrations that are older than the newest applied one.
CREATE OR REPLACE FUNCTION confiture._warn_out_of_order(versions text[]) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(versions) > 0 AND current_setting('confiture.out_of_order') = 'warn' THEN
        RAISE WARNING 'out of order: % runs after a newer migration', array_to_string(versions, ', ')
            USING ERRCODE = 'CF006',
            HINT = 'SET confiture.out_of_order = ''refuse'' makes this an error, ''allow'' silences it.';
    END IF;
END
$$;

-- Records a failure that has been rolled back, and runs the on_error hooks: in a transaction of its own.
CREATE OR REPLACE FUNCTION confiture._failed(failure jsonb, path text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO confiture.migration_log (version, name, direction, state, started_at, execution_time_ms,
        checksum, intent, sqlstate, message, detail, hint, context, statement, application_name, backend_pid)
    SELECT f.version, f.name, f.direction,
        CASE WHEN f.sqlstate = '57014' THEN 'cancelled' ELSE 'failed' END,
        f.started_at, f.execution_time_ms,
        m.checksum, m.intent, f.sqlstate, f.message, f.detail, f.hint, f.context, f.statement, f.application_name, f.backend_pid
    FROM jsonb_to_record(failure) AS f (
        version text, name text, direction text, started_at timestamptz, execution_time_ms integer,
        sqlstate text, message text, detail text, hint text, context text, statement text,
        application_name text, backend_pid integer)
    LEFT JOIN confiture.migration AS m ON m.version = f.version;
    PERFORM confiture._run_hooks('on_error',
        jsonb_strip_nulls(jsonb_build_object('version', failure ->> 'version', 'name', failure ->> 'name',
            'direction', failure ->> 'direction', 'sqlstate', failure ->> 'sqlstate',
            'message', failure ->> 'message')), path);
END
$$;

-- Which version of the extension's SQL objects is installed.
CREATE OR REPLACE FUNCTION confiture._extension_version() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT extversion FROM pg_extension WHERE extname = 'confiture'
$$;

-- Who runs migrations in this database now, for a DETAIL. The class of our locks is "conf".
CREATE OR REPLACE FUNCTION confiture._lock_holder() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat('Process ', l.pid, ' (role ', coalesce(a.usename, '?'),
        ', application ' || nullif(a.application_name, ''),
        ') is running migrations', ' since ' || coalesce(a.query_start, a.backend_start)::timestamptz(0),
        CASE WHEN a.backend_type <> 'client backend' THEN ', in the background' END, '.')
    FROM pg_locks AS l
    JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = 1668247142
        AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        AND l.pid <> pg_backend_pid()
    ORDER BY a.backend_type = 'client backend' DESC
    LIMIT 1
$$;

-- What the worker needs to run a migration statement by statement; no row when there is nothing to do.
CREATE OR REPLACE FUNCTION confiture._load_stepwise(version text, direction text)
RETURNS TABLE (
    name text, script text, label text, checksum text, statements_done integer, started integer,
    leftovers text[], intent text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m confiture.migration;
    progress confiture.migration_progress;
BEGIN
    IF EXISTS (SELECT FROM confiture.tb_confiture AS t WHERE t.version = _load_stepwise.version)
        <> (direction = 'down') THEN
        RETURN;
    END IF;
    SELECT r.* INTO m FROM confiture.migration AS r WHERE r.version = _load_stepwise.version;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'migration % is no longer registered', _load_stepwise.version
            USING ERRCODE = 'CF008', HINT = 'Somebody removed it while this run was going on: run again.';
    END IF;
    name := m.name;
    script := CASE direction WHEN 'up' THEN m.up ELSE m.down END;
    label := confiture._label(m.version, m.name, direction);
    checksum := confiture.checksum(script);
    SELECT p.* INTO progress FROM confiture.migration_progress AS p
    WHERE p.version = _load_stepwise.version AND p.direction = _load_stepwise.direction;
    statements_done := coalesce(progress.statements_done, 0);
    started := progress.started;
    leftovers := coalesce(progress.leftovers, '{}');
    intent := m.intent;
    RETURN NEXT;
END
$$;

-- Makes sure that the statements which an unfinished migration has run stand unchanged in its text.
-- done_text: those statements as they stand now.
CREATE OR REPLACE FUNCTION confiture._check_progress(version text, direction text, done_text text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    progress confiture.migration_progress;
BEGIN
    SELECT p.* INTO progress FROM confiture.migration_progress AS p
    WHERE p.version = _check_progress.version AND p.direction = _check_progress.direction;
    IF progress.checksum <> confiture.checksum(done_text) THEN
        RAISE EXCEPTION 'migration % stopped after statement %, and the text up to there has changed since',
            version, coalesce(progress.started, progress.statements_done)
            USING ERRCODE = 'CF012',
            DETAIL = 'What has run is committed: it can''t run again in another form.',
            HINT = 'Put the text of those statements back (the later ones may be mended); or undo by hand what they did and SELECT confiture.forget(version) to start from the first.';
    END IF;
END
$$;

-- Stores how far a migration has come, with the statements that it has run or started.
CREATE OR REPLACE FUNCTION confiture._set_progress(
    version text, direction text, done_text text, statements_done integer, started integer,
    started_command text, leftovers text[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO confiture.migration_progress AS p
        (version, direction, checksum, statements_done, started, started_command, leftovers)
    VALUES (version, direction, confiture.checksum(done_text), statements_done, started, started_command, leftovers)
    ON CONFLICT ON CONSTRAINT migration_progress_pkey DO UPDATE
    SET checksum = excluded.checksum, statements_done = excluded.statements_done,
        started = excluded.started, started_command = excluded.started_command,
        leftovers = excluded.leftovers, updated_at = clock_timestamp()
$$;

-- Records that a migration that ran statement by statement is done, with the text that ran.
CREATE OR REPLACE FUNCTION confiture._finish_stepwise(
    version text, direction text, started_at timestamptz, elapsed_ms double precision,
    statements integer, rows_affected bigint, wal_bytes bigint, path text, name text, checksum text,
    intent text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM confiture.migration_progress AS p
    WHERE p.version = _finish_stepwise.version AND p.direction = _finish_stepwise.direction;
    PERFORM confiture._record(version, name, direction, checksum, started_at, elapsed_ms, statements,
        rows_affected, wal_bytes, intent);
    PERFORM confiture._run_hooks('after_each',
        jsonb_strip_nulls(jsonb_build_object('version', version, 'name', name, 'direction', direction,
            'intent', intent)), path);
END
$$;

CREATE OR REPLACE FUNCTION confiture.migrate_up(target text DEFAULT NULL)
RETURNS TABLE (
    version text, name text, direction text, statements integer, rows_affected bigint,
    execution_time_ms integer, wal_bytes bigint)
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_migrate_up';
COMMENT ON FUNCTION confiture.migrate_up(text) IS
'Applies all pending migrations, or those up to a target, in the caller''s transaction: all or nothing.
Arguments: target, the last version to apply; NULL, all.
Columns: one row for each migration that was applied: version, name, direction, statements, rows_affected, execution_time_ms, wal_bytes.
Errors: CF001 another run holds the lock; CF002 an applied migration has changed; CF004 a pending one needs CALL confiture.migrate(); CF005 blocked; CF006 out of order; CF008 unknown target; CF009 transaction command; CF011 a hook failed; 25006 standby; and what the scripts raise, with a line of CONTEXT that points into the script.
A failure is recorded in the log by a background worker, so that the record survives the rollback; if no worker is free a warning says so.
Example: SELECT * FROM confiture.migrate_up();';

CREATE OR REPLACE FUNCTION confiture.migrate_down(steps integer DEFAULT 1, target text DEFAULT NULL)
RETURNS TABLE (
    version text, name text, direction text, statements integer, rows_affected bigint,
    execution_time_ms integer, wal_bytes bigint)
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_migrate_down';
COMMENT ON FUNCTION confiture.migrate_down(integer, text) IS
'Takes applied migrations back, the last applied first, in the caller''s transaction: all or nothing.
Arguments: steps, how many; target, the version to go back to, which stays applied (steps is not looked at then).
Columns: as confiture.migrate_up().
Errors: CF007 no way back; else as confiture.migrate_up().
Example: SELECT * FROM confiture.migrate_down(2);';

CREATE OR REPLACE PROCEDURE confiture.migrate(
    direction text DEFAULT 'up', target text DEFAULT NULL, steps integer DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_migrate';
COMMENT ON PROCEDURE confiture.migrate(text, text, integer) IS
'Runs migrations in production: one transaction each, so that a failure leaves the earlier ones applied and recorded.
Arguments: direction, up or down; target, the last version to apply (up), or the one to go back to (down); steps, how many at most (down without target: 1).
A migration that waits longer than confiture.lock_timeout for a lock is rolled back and tried again, confiture.lock_retries times, after a pause that grows, with jitter. A migration with statements that can''t run in a transaction block (CREATE INDEX CONCURRENTLY), or that says transaction=off, runs statement by statement in a background worker under the caller''s role and settings; the next run goes on where it stopped. Cancel at any time: what is committed stays, the rest is rolled back, an invalid index is dropped.
SET confiture.progress = ''statements'' reports every statement as a notice.
Errors: 25001 inside a transaction block; CF012 a statement is in doubt after a crash; CF013 no free background worker; 55P03 a lock was not to be had; else as confiture.migrate_up().
Example: CALL confiture.migrate();';
