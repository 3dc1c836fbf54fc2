-- Registering migrations.

-- Builds the row of a migration from its texts and the directives in them.
CREATE OR REPLACE FUNCTION confiture._prepare_migration(
    version text, name text, up text, down text, language text, depends_on text[], file text)
RETURNS confiture.migration
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    directives jsonb;
    needs text[];
BEGIN
    IF version IS NULL OR version !~ '^[A-Za-z0-9][A-Za-z0-9._-]*$' OR length(version) > 200 THEN
        RAISE EXCEPTION 'invalid migration version %', coalesce(quote_literal(version), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A version starts with a letter or digit and has letters, digits, ".", "_" and "-", at most 200.';
    END IF;
    IF name IS NULL OR name = '' OR name ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'invalid name of migration %', version
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a name of one line, such as add_orders.';
    END IF;
    IF language IS NULL OR language NOT IN ('sql', 'python') THEN
        RAISE EXCEPTION 'migration % has unknown language %', version, coalesce(quote_literal(language), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The languages are sql and python.';
    END IF;
    IF up IS NULL THEN
        RAISE EXCEPTION 'migration % has no up script', version
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the script that applies the migration.';
    END IF;

    BEGIN
        directives := confiture._directives(up);
    EXCEPTION WHEN syntax_error THEN
        DECLARE
            failed_message text;
            failed_hint text;
        BEGIN
            GET STACKED DIAGNOSTICS failed_message = MESSAGE_TEXT, failed_hint = PG_EXCEPTION_HINT;
            RAISE EXCEPTION 'migration %: %', version, failed_message
                USING ERRCODE = 'syntax_error', HINT = failed_hint;
        END;
    END;

    IF language = 'python' AND directives ? 'transaction' THEN
        RAISE EXCEPTION 'migration % is written in Python and says transaction=%', version, directives ->> 'transaction'
            USING ERRCODE = 'feature_not_supported',
            HINT = 'Python migrations always run in one transaction: put what must not into a migration in SQL.';
    END IF;
    needs := ARRAY(
        SELECT DISTINCT needed
        FROM (SELECT unnest(coalesce(depends_on, '{}')) AS needed
              UNION ALL
              SELECT btrim(part) FROM regexp_split_to_table(directives ->> 'depends_on', ',') AS part) AS all_needed
        WHERE needed <> ''
        ORDER BY needed);
    IF version = ANY (needs) THEN
        RAISE EXCEPTION 'migration % depends on itself', version
            USING ERRCODE = 'CF005', HINT = 'Remove the version from its own depends_on.';
    END IF;
    RETURN ROW(version, name, language, up, down, needs,
        CASE directives ->> 'transaction' WHEN 'off' THEN false WHEN 'on' THEN true END,
        directives ->> 'intent', confiture.checksum(up), file, clock_timestamp(), session_user)::confiture.migration;
END
$$;

-- Stores one prepared migration; says what was done.
CREATE OR REPLACE FUNCTION confiture._store_migration(new confiture.migration, on_modified text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old confiture.migration;
    added boolean := false;
    applied_checksum text;
BEGIN
    SELECT m.* INTO old FROM confiture.migration AS m WHERE m.version = new.version;
    IF old.version IS NULL THEN
        -- Another session may be registering it as well: then its row counts.
        INSERT INTO confiture.migration SELECT (new).* ON CONFLICT DO NOTHING;
        added := FOUND;
        IF NOT added THEN
            SELECT m.* INTO old FROM confiture.migration AS m WHERE m.version = new.version FOR UPDATE;
        END IF;
    END IF;
    IF NOT added
        AND (old.name, old.language, old.up, old.down, old.depends_on, old.transaction, old.intent, old.file)
        IS NOT DISTINCT FROM
        (new.name, new.language, new.up, new.down, new.depends_on, new.transaction, new.intent,
            coalesce(new.file, old.file))
    THEN
        RETURN 'unchanged';
    END IF;

    SELECT t.checksum INTO applied_checksum FROM confiture.tb_confiture AS t WHERE t.version = new.version;
    IF applied_checksum <> new.checksum AND on_modified = 'error' THEN
        RAISE EXCEPTION 'migration % "%" is applied and its text has changed', new.version, new.name
            USING ERRCODE = 'CF002',
            DETAIL = format('Applied with checksum %s, the text given now has %s.', applied_checksum, new.checksum),
            HINT = 'Put the text back and write a new migration. If the change does not matter (a comment): confiture migrate accept VERSION; in SQL, register_migrations() with on_modified => ''record'', then set_checksum().';
    END IF;

    IF NOT added THEN
        UPDATE confiture.migration AS m
        SET name = new.name, language = new.language, up = new.up, down = new.down,
            depends_on = new.depends_on, transaction = new.transaction, intent = new.intent,
            checksum = new.checksum, file = coalesce(new.file, m.file),
            registered_at = new.registered_at, registered_by = new.registered_by
        WHERE m.version = new.version;
    END IF;
    RETURN CASE
        WHEN applied_checksum <> new.checksum THEN 'modified'
        WHEN added THEN 'added'
        ELSE 'replaced'
    END;
END
$$;

CREATE OR REPLACE FUNCTION confiture.register_migration(
    version text, name text, up text, down text DEFAULT NULL, language text DEFAULT 'sql',
    depends_on text[] DEFAULT '{}')
RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._store_migration(
        confiture._prepare_migration(version, name, up, down, language, depends_on, NULL), 'error')
$$;
COMMENT ON FUNCTION confiture.register_migration(text, text, text, text, text, text[]) IS
'Registers a migration, or replaces one that is not applied.
Arguments: version (letters, digits, ".", "_", "-"); name; up, the script that applies it; down, the script that takes it back, or NULL; language, sql or python; depends_on, versions that must be applied before. A header comment "-- confiture: depends_on=001,002; transaction=off; intent=int_..." in up adds to these: transaction=off runs each statement in a transaction of its own; intent names the intent that the migration carries out, which is completed when the migration is applied.
Result: added, unchanged or replaced.
Errors: CF002 when the text of an applied migration would change (DETAIL has both checksums); 22023 bad version, name or language; 42601 bad directive; 0A000 transaction= in a Python migration.
Example: SELECT confiture.register_migration(''001'', ''create_users'', ''CREATE TABLE users (id bigint PRIMARY KEY)'', ''DROP TABLE users'');';

CREATE OR REPLACE FUNCTION confiture.register_migrations(
    migrations jsonb, on_modified text DEFAULT 'error', prune boolean DEFAULT false)
RETURNS TABLE (version text, result text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    item record;
    seen text[] := '{}';
    results text[] := '{}';
    unknown text;
BEGIN
    IF on_modified NOT IN ('error', 'record') THEN
        RAISE EXCEPTION 'on_modified must be error or record, not %', quote_literal(on_modified)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use error to refuse changed texts.';
    END IF;
    IF jsonb_typeof(migrations) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'migrations must be a JSON array of objects'
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give [{"version": "001", "name": "create_users", "up": "CREATE ..."}].';
    END IF;

    SELECT string_agg(DISTINCT quote_literal(key), ', ') INTO unknown
    FROM jsonb_array_elements(migrations) AS m, jsonb_object_keys(m) AS key
    WHERE key NOT IN ('version', 'name', 'up', 'down', 'language', 'depends_on', 'file');
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'unknown key of a migration: %', unknown
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The keys are version, name, up, down, language, depends_on and file.';
    END IF;

    FOR item IN
        SELECT m.version, m.name, m.up, m.down, coalesce(m.language, 'sql') AS language,
            coalesce(m.depends_on, '{}') AS depends_on, m.file
        FROM jsonb_to_recordset(migrations) AS m (
            version text, name text, up text, down text, language text, depends_on text[], file text)
        -- one order for all sessions, so that they can't lock each other out
        ORDER BY m.version
    LOOP
        IF item.version = ANY (seen) THEN
            RAISE EXCEPTION 'version % is given twice', item.version
                USING ERRCODE = 'unique_violation', HINT = 'Give every migration a version of its own.';
        END IF;
        seen := seen || item.version;
        results := results || confiture._store_migration(
            confiture._prepare_migration(item.version, item.name, item.up, item.down, item.language,
                item.depends_on, item.file), on_modified);
    END LOOP;
    RETURN QUERY
        SELECT stored.version, stored.result
        FROM unnest(seen, results) AS stored (version, result)
        JOIN jsonb_array_elements(migrations) WITH ORDINALITY AS given (item, place)
            ON given.item ->> 'version' = stored.version
        ORDER BY given.place;

    IF prune THEN
        RETURN QUERY
            DELETE FROM confiture.migration AS m WHERE m.version <> ALL (seen)
            RETURNING m.version, 'removed'::text;
    END IF;
END
$$;
COMMENT ON FUNCTION confiture.register_migrations(jsonb, text, boolean) IS
'Registers many migrations at once: what a client does with a folder of files.
Arguments: migrations, an array of objects with the keys version, name, up and, optionally, down, language, depends_on, file; on_modified, error (an applied migration whose text changed raises CF002) or record (the new text is stored and migrate_status() reports it as modified); prune, whether registrations that are not in the array are removed.
Columns: version, result (added, unchanged, replaced, modified, removed).
Errors: as confiture.register_migration(); 23505 a version given twice.
Example: SELECT * FROM confiture.register_migrations(''[{"version": "001", "name": "a", "up": "CREATE TABLE a ()"}]'');';

CREATE OR REPLACE FUNCTION confiture.unregister_migration(version text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM confiture.migration AS m WHERE m.version = unregister_migration.version;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION confiture.unregister_migration(text) IS
'Removes the registration of a migration. If it is applied, it stays in the ledger and migrate_status() reports it as orphaned.
Result: whether it was registered.
Example: SELECT confiture.unregister_migration(''001'');';
