-- Repairs of the ledger, and its history.

-- One log row for a repair.
CREATE OR REPLACE FUNCTION confiture._log_repair(version text, name text, action text, checksum text, message text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO confiture.migration_log (version, name, direction, state, started_at, checksum, message)
    VALUES (version, name, action, 'done', clock_timestamp(), checksum, message)
$$;

-- Marks migrations as applied: the body of confiture.baseline().
CREATE OR REPLACE FUNCTION confiture._baseline(last text)
RETURNS TABLE (version text, name text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    wanted record;
    step record;
BEGIN
    PERFORM confiture._check_writable('confiture.baseline()');
    PERFORM confiture._lock();
    SELECT s.* INTO wanted FROM confiture._state() AS s WHERE s.version = last;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no migration %', coalesce(quote_literal(last), 'NULL')
            USING ERRCODE = 'CF008', HINT = 'Register the migrations first, then mark them as applied.';
    END IF;
    IF wanted.state = 'blocked' THEN
        RAISE EXCEPTION 'migration % "%" is blocked', wanted.version, wanted.name
            USING ERRCODE = 'CF005', DETAIL = 'It ' || wanted.problem || '.',
            HINT = 'Register what it depends on, or correct its depends_on.';
    END IF;
    FOR step IN
        SELECT m.* FROM confiture._state() AS s JOIN confiture.migration AS m ON m.version = s.version
        WHERE s.state = 'pending' AND s.ordinal <= wanted.ordinal ORDER BY s.ordinal
    LOOP
        INSERT INTO confiture.tb_confiture (version, name, execution_time_ms, checksum, baseline)
        VALUES (step.version, step.name, 0, step.checksum, true);
        DELETE FROM confiture.migration_progress AS p WHERE p.version = step.version;
        PERFORM confiture._log_repair(step.version, step.name, 'baseline', step.checksum,
            'marked as applied without running it');
        version := step.version;
        name := step.name;
        RETURN NEXT;
    END LOOP;
    -- The database has what they do: it is taken as it is.
    IF FOUND THEN
        PERFORM confiture._record_end('baseline', NULL);
    END IF;
END
$$;
CREATE OR REPLACE FUNCTION confiture.baseline(version text)
RETURNS TABLE (version text, name text)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.version, b.name FROM confiture._baseline(baseline.version) AS b
$$;
COMMENT ON FUNCTION confiture.baseline(text) IS
'Marks every pending migration up to a version as applied without running it: for a database that already has what they do. Leaves a log row for each.
Arguments: version, the last one to mark.
Columns: version, name of those that were marked.
Errors: CF001 a run is going on; CF005 blocked; CF008 unknown version.
Example: SELECT * FROM confiture.baseline(''004'');';

CREATE OR REPLACE FUNCTION confiture.forget(version text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone confiture.tb_confiture;
BEGIN
    PERFORM confiture._check_writable('confiture.forget()');
    PERFORM confiture._lock();
    DELETE FROM confiture.tb_confiture AS t WHERE t.version = forget.version RETURNING t.* INTO gone;
    DELETE FROM confiture.migration_progress AS p WHERE p.version = forget.version;
    IF FOUND AND gone.version IS NULL THEN
        PERFORM confiture._log_repair(version, NULL, 'forget', NULL, 'forgot how far it had come');
        RETURN 'forgotten';
    END IF;
    IF gone.version IS NULL THEN
        RAISE EXCEPTION 'migration % is not applied', coalesce(quote_literal(version), 'NULL')
            USING ERRCODE = 'CF008', HINT = 'SELECT version, state FROM confiture.migrate_status() lists them.';
    END IF;
    PERFORM confiture._log_repair(gone.version, gone.name, 'forget', gone.checksum,
        'removed from the ledger without running anything');
    RETURN 'forgotten';
END
$$;
COMMENT ON FUNCTION confiture.forget(text) IS
'Removes a migration from the ledger without running anything: it is pending again, or gone if it is not registered. How far an unfinished one had come is forgotten too: it starts from its first statement again. Leaves a log row.
Arguments: version.
Errors: CF001 a run is going on; CF008 it is not applied.
Example: SELECT confiture.forget(''004'');';

CREATE OR REPLACE FUNCTION confiture.set_checksum(version text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_checksum text;
    m confiture.migration;
BEGIN
    PERFORM confiture._check_writable('confiture.set_checksum()');
    PERFORM confiture._lock();
    SELECT t.checksum INTO old_checksum FROM confiture.tb_confiture AS t WHERE t.version = set_checksum.version;
    SELECT r.* INTO m FROM confiture.migration AS r WHERE r.version = set_checksum.version;
    IF old_checksum IS NULL OR m.version IS NULL THEN
        RAISE EXCEPTION 'migration % is not both applied and registered', coalesce(quote_literal(version), 'NULL')
            USING ERRCODE = 'CF008', HINT = 'SELECT version, state FROM confiture.migrate_status() lists them.';
    END IF;
    IF old_checksum = m.checksum THEN
        RETURN 'unchanged';
    END IF;
    UPDATE confiture.tb_confiture AS t SET checksum = m.checksum, name = m.name WHERE t.version = m.version;
    PERFORM confiture._log_repair(m.version, m.name, 'set_checksum', m.checksum,
        format('checksum was %s', old_checksum));
    RETURN 'changed';
END
$$;
COMMENT ON FUNCTION confiture.set_checksum(text) IS
'Accepts that the text of an applied migration has changed: the ledger takes the checksum of the registered text. Leaves a log row with the old one. To get the changed text registered, use confiture.register_migrations(..., on_modified => ''record'').
Arguments: version.
Result: changed or unchanged.
Errors: CF001 a run is going on; CF008 it is not both applied and registered.
Example: SELECT confiture.set_checksum(''004'');';

CREATE OR REPLACE FUNCTION confiture.resolve(version text, completed boolean) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    doubt confiture.migration_progress;
    done_text text;
BEGIN
    PERFORM confiture._check_writable('confiture.resolve()');
    PERFORM confiture._lock();
    IF completed IS NULL THEN
        RAISE EXCEPTION 'completed must be true or false'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Look whether the statement took effect.';
    END IF;
    SELECT p.* INTO doubt FROM confiture.migration_progress AS p
    WHERE p.version = resolve.version AND p.started IS NOT NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no statement of migration % is in doubt', coalesce(quote_literal(version), 'NULL')
            USING ERRCODE = 'CF008', HINT = 'TABLE confiture.migration_progress shows what is unfinished.';
    END IF;
    SELECT string_agg(s.statement || E';\n', '' ORDER BY s.ordinal) INTO done_text
    FROM confiture.migration AS m
    CROSS JOIN LATERAL confiture.statements(CASE doubt.direction WHEN 'up' THEN m.up ELSE m.down END) AS s
    WHERE m.version = doubt.version AND s.ordinal <= CASE WHEN completed THEN doubt.started ELSE doubt.started - 1 END;
    UPDATE confiture.migration_progress AS p
    SET statements_done = CASE WHEN completed THEN doubt.started ELSE doubt.started - 1 END,
        checksum = confiture.checksum(coalesce(done_text, '')),
        started = NULL, started_command = NULL, updated_at = clock_timestamp()
    WHERE p.version = doubt.version AND p.direction = doubt.direction;
    PERFORM confiture._log_repair(doubt.version, NULL, 'resolve', NULL,
        format('statement %s (%s) %s', doubt.started, doubt.started_command,
            CASE WHEN completed THEN 'had been completed' ELSE 'is to run again' END));
    RETURN CASE WHEN completed THEN 'completed' ELSE 'will run again' END;
END
$$;
COMMENT ON FUNCTION confiture.resolve(text, boolean) IS
'Decides about a statement that was interrupted by a crash outside of a transaction, and of which the server can''t tell whether it took effect (CF012). Leaves a log row.
Arguments: version; completed, true when the statement took effect, false when it is to run again.
Result: completed, or will run again.
Errors: CF008 nothing of that migration is in doubt.
Example: SELECT confiture.resolve(''004'', completed => true);';

CREATE OR REPLACE FUNCTION confiture.history(max_rows integer DEFAULT 50)
RETURNS TABLE (
    id bigint, version text, name text, direction text, state text, started_at timestamptz,
    finished_at timestamptz, execution_time_ms integer, statements integer, rows_affected bigint,
    wal_bytes bigint, sqlstate text, message text, performed_by name, intent text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.id, l.version, l.name, l.direction, l.state, l.started_at, l.finished_at, l.execution_time_ms,
        l.statements, l.rows_affected, l.wal_bytes, l.sqlstate, l.message, l.performed_by,
        l.intent
    FROM confiture.migration_log AS l
    ORDER BY l.id DESC LIMIT max_rows
$$;
COMMENT ON FUNCTION confiture.history(integer) IS
'The newest rows of the log: every attempt to run a migration, failed ones included, and every repair.
Arguments: max_rows, how many (default 50, NULL for all).
Columns: as table confiture.migration_log, without detail, hint, context and statement. intent is the one that the migration carried out.
Example: SELECT finished_at, version, direction, state, message FROM confiture.history(10);';
