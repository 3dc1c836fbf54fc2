-- Building databases.

CREATE OR REPLACE FUNCTION confiture.build_hash(files jsonb) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._build_hash(f.paths, f.texts) FROM confiture._build_files(files) AS f
$$;
COMMENT ON FUNCTION confiture.build_hash(jsonb) IS
'Hash of files of DDL: the same on every machine, in whatever order they were read, with LF or CRLF. SHA-256, in hex, of one line for each file, in the order of the paths, as sha256sum prints them.
Arguments: files, as confiture.build().
Errors: 22023 a file without path or text, or given twice.
Example: SELECT confiture.build_hash(''{"db/schema/a.sql": "CREATE TABLE a (id int)"}'');';

CREATE OR REPLACE FUNCTION confiture.builds()
RETURNS TABLE (database text, kind text, label text, hash text, built_at timestamptz, owner text, size_bytes bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.datname, coalesce(s.stamp ->> 'kind', 'unfinished'), s.stamp ->> 'label', s.stamp ->> 'hash',
        (s.stamp ->> 'built_at')::timestamptz, pg_get_userbyid(d.datdba),
        CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END
    FROM pg_database AS d
    CROSS JOIN LATERAL (SELECT CASE WHEN NOT confiture._build_is_work_name(d.datname)
        THEN confiture._build_stamp(d.oid) END AS stamp OFFSET 0) AS s
    WHERE s.stamp IS NOT NULL OR confiture._build_is_work_name(d.datname)
    ORDER BY 2, 5, 1
$$;
COMMENT ON FUNCTION confiture.builds() IS
'The databases of this server that builds have made.
Columns: database; kind: database, template (kept for the next build of the same files), scratch (what empty scratch databases are copied from), twin (the copy of a schema, kept for the next plan) or unfinished (a build or scratch database that is in use, or has died); label, hash, built_at of its build; owner; size_bytes, NULL where the role may not connect.
Example: SELECT database, kind, built_at FROM confiture.builds();';

-- The templates of the current role; scratch databases are copied from those of the kinds scratch and twin.
CREATE OR REPLACE FUNCTION confiture._build_templates()
RETURNS TABLE (database text, kind text, version text, used_at timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.datname, s.stamp ->> 'kind', s.stamp ->> 'version',
        coalesce(s.stamp ->> 'used_at', s.stamp ->> 'built_at')::timestamptz
    FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba
    CROSS JOIN LATERAL (SELECT confiture._build_stamp(d.oid) AS stamp OFFSET 0) AS s
    WHERE r.rolname = current_user AND s.stamp ->> 'kind' IN ('template', 'twin', 'scratch')
$$;

-- Drops templates beyond the newest ones of their kind, and what builds that have died have left.
CREATE OR REPLACE FUNCTION confiture._build_prune(keep integer, max_age interval) RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    candidate text;
    script text := '';
BEGIN
    FOR candidate IN
        SELECT b.database FROM (
            SELECT b.*, row_number() OVER (PARTITION BY b.kind ORDER BY b.used_at DESC, b.database) AS age
            FROM confiture._build_templates() AS b) AS b
        WHERE CASE WHEN b.kind = 'scratch' THEN b.version <> confiture.version() OR keep = 0 AND max_age IS NULL
            ELSE b.age > keep OR b.used_at < clock_timestamp() - max_age END
        UNION ALL
        SELECT d.datname FROM pg_database AS d
        WHERE confiture._build_is_work_name(d.datname) AND pg_has_role(d.datdba, 'USAGE')
            AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.datname = d.datname)
    LOOP
        -- Who builds or copies it holds the lock.
        CONTINUE WHEN NOT confiture._build_lock(candidate, true, false);
        IF EXISTS (SELECT FROM pg_database AS d WHERE d.datname = candidate) THEN
            PERFORM confiture._scratch_unsubscribe(candidate);
            script := script || (SELECT format(CASE WHEN d.datistemplate THEN E'ALTER DATABASE %I IS_TEMPLATE false;\n'
                ELSE '' END || E'DROP DATABASE IF EXISTS %1$I;\n', candidate) FROM pg_database AS d WHERE d.datname = candidate);
            RETURN NEXT candidate;
        END IF;
    END LOOP;
    IF script <> '' THEN
        PERFORM confiture._top_level(script);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION confiture.build_prune(keep integer DEFAULT 0, max_age interval DEFAULT NULL)
RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._check_writable('confiture.build_prune()');
    IF keep IS NULL OR keep < 0 THEN
        RAISE EXCEPTION 'keep must not be negative'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give how many of the newest templates to keep.';
    END IF;
    BEGIN
        RETURN QUERY SELECT p FROM confiture._build_prune(keep, max_age) AS p;
        PERFORM confiture._build_unlock(NULL, true);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM confiture._build_unlock(NULL, true);
        RAISE;
    END;
END
$$;
COMMENT ON FUNCTION confiture.build_prune(integer, interval) IS
'Drops the templates that builds and plans of the current role have left, and databases of builds and plans that have died. Those in use are left alone. The databases that were asked for are never touched.
Arguments: keep, how many of the newest templates, and of the newest twins, to keep; max_age, drop older ones even so.
Result: the names of the databases that were dropped.
Errors: 22023 keep is negative; 25006 standby.
Example: SELECT confiture.build_prune(keep => 2);';

CREATE OR REPLACE FUNCTION confiture.build(
    files jsonb, options jsonb DEFAULT '{}',
    OUT database text, OUT hash text, OUT cached boolean, OUT template text, OUT replaced boolean,
    OUT files_run integer, OUT statements integer, OUT elapsed_ms double precision,
    OUT run_order text[], OUT moved jsonb)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    opts jsonb := confiture._build_options(options);
    keeps boolean := (opts ->> 'cache')::boolean;
    started timestamptz := clock_timestamp();
    given record;
    stamp jsonb;
    report jsonb;
    work text;
    copied text;
    script text := '';
BEGIN
    database := opts ->> 'database';
    SELECT f.paths, f.texts INTO given FROM confiture._build_files(files) AS f;
    hash := confiture._build_hash(given.paths, given.texts);
    PERFORM confiture._build_admit(opts);
    cached := false;
    BEGIN
        IF database IS NOT NULL AND NOT confiture._build_lock(database, true, false) THEN
            -- Somebody else builds one of that name: it will be there, and is then to be replaced.
            PERFORM confiture._build_lock(database, true, true);
            PERFORM confiture._build_admit(opts);
        END IF;
        replaced := EXISTS (SELECT FROM pg_database AS d WHERE d.datname = opts ->> 'database');
        IF keeps THEN
            template := 'confiture_tpl_' || left(confiture._build_key(hash, given.paths, opts), 32);
            cached := confiture._build_hold(template);
        END IF;
        IF NOT cached THEN
            PERFORM confiture._build_check(given.paths, given.texts);
            work := confiture._build_work_name();
            PERFORM confiture._build_lock(work, true, true);
            PERFORM confiture._top_level(confiture._build_create(work, opts ->> 'template'));
            report := confiture._build_run(work, given.paths, given.texts,
                coalesce(opts ->> 'migrations', CASE WHEN (opts ->> 'extension')::boolean THEN '-' END));
            stamp := jsonb_build_object('kind', 'template', 'hash', hash, 'built_at', started,
                'version', confiture.version(), 'server', current_setting('server_version'), 'label', opts -> 'label', 'report', report - 'run_order');
            IF keeps THEN
                script := format(E'ALTER DATABASE %I ALLOW_CONNECTIONS false;\nCOMMENT ON DATABASE %I IS %L;\n'
                    'ALTER DATABASE %I RENAME TO %I;\n', work, work,
                    'Built by Confiture ' || stamp::text, work, template);
            END IF;
        ELSE
            SELECT confiture._build_stamp(d.oid) INTO stamp FROM pg_database AS d WHERE d.datname = template;
            report := stamp -> 'report';
        END IF;
        IF database IS NOT NULL THEN
            IF keeps THEN
                copied := confiture._build_work_name();
                PERFORM confiture._build_lock(copied, true, true);
                script := script || confiture._build_copy(template, coalesce(work, template), copied);
            END IF;
            stamp := stamp || jsonb_build_object('kind', 'database', 'built_at', clock_timestamp(), 'label', opts -> 'label');
            script := script || confiture._build_place(coalesce(copied, work), opts, stamp, replaced);
        END IF;
        IF script <> '' THEN
            PERFORM confiture._top_level(script);
        END IF;
        IF keeps AND NOT cached THEN
            PERFORM confiture._build_trim();
        END IF;
        PERFORM confiture._build_unlock(NULL, true);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM confiture._build_drop(work);
        PERFORM confiture._build_drop(copied);
        PERFORM confiture._build_unlock(NULL, true);
        RAISE;
    END;
    files_run := report -> 'files';
    statements := report -> 'statements';
    moved := report -> 'moved';
    run_order := ARRAY(SELECT o FROM jsonb_array_elements_text(report -> 'run_order') AS o);
    IF cached THEN
        run_order := NULL;
    END IF;
    elapsed_ms := extract(epoch FROM clock_timestamp() - started) * 1000;
END
$$;
COMMENT ON FUNCTION confiture.build(jsonb, jsonb) IS
'Builds a database of files of DDL, in background workers: all or nothing, whatever becomes of the transaction that calls. It gets its name when all of it is there.
Arguments: files, an array of {"path", "text"} that is run in its order, or an object of paths and texts, run in the order of the paths; options, an object: database, the name (without it only the template is made); replace, what becomes of a database of that name: built (default: it is replaced if Confiture has built it), never, any; force, end the sessions that are connected to it; cache (default true), keep what was built as a template for the next build of the same files; template (default template0), what to start from; extension, create the extension confiture in it; migrations, an array as for confiture.register_migrations() that is registered and marked as applied; label, a word that confiture.builds() shows.
Each file runs in a session''s state of its own: what it SETs, and SET ROLE, ends with it. A statement that needs an object which a later file makes waits for it, and the rest of its file with it. Statements are committed in pieces of 50, so that thousands of tables fit into the lock table; BEGIN ... COMMIT in a file keeps what is between them together. CREATE INDEX CONCURRENTLY and the like run by themselves. Roles and other objects that databases share are made as the files say, and stay.
Columns: database; hash, as confiture.build_hash(); cached, it was copied from a template; template; replaced, there was one before; files_run, statements; elapsed_ms; run_order, the paths in the order in which they ended (NULL when cached); moved, an array of {path, line, missing, after}: statements that had to wait, for what, and after which file they ran.
Errors: CF016 files that need each other in a circle; CF017 the database exists and may not be replaced; CF009 a transaction command without its counterpart; CF010 a psql meta-command; CF013 no free background worker; 22023 a wrong option; 42501 no right to create databases; 55006 the database is in use; and what a file raises, with a line of CONTEXT that says file, line and column.
Example: SELECT database, statements, moved FROM confiture.build(''{"a.sql": "CREATE TABLE a (id int PRIMARY KEY)"}'', ''{"database": "built"}'');';
