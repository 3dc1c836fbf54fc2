-- Scratch databases: made, worked in, and dropped within one call.

CREATE OR REPLACE FUNCTION confiture._scratch_run(database text, steps jsonb, arguments jsonb[]) RETURNS jsonb[]
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'confiture_scratch_run';

-- The setting; a session has it when the library is loaded.
CREATE OR REPLACE FUNCTION confiture._template_limit() RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture.version();
    RETURN current_setting('confiture.template_limit');
END
$$;

-- Refuses what can't end well, before anything is done.
CREATE OR REPLACE FUNCTION confiture._scratch_admit() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._check_writable('a scratch database');
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'a scratch database can''t be made in a transaction that is %', current_setting('transaction_isolation')
            USING ERRCODE = 'invalid_transaction_state', DETAIL = 'It has to see what background workers have made meanwhile.',
            HINT = 'Call it outside of a transaction, or in one that is READ COMMITTED.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = current_user AND (r.rolsuper OR r.rolcreatedb)) THEN
        RAISE EXCEPTION 'role % may not create databases', quote_ident(current_user)
            USING ERRCODE = 'insufficient_privilege', DETAIL = 'A scratch database is needed.',
            HINT = format('Let a superuser run: ALTER ROLE %I CREATEDB.', current_user);
    END IF;
END
$$;

-- What an empty scratch database depends on.
CREATE OR REPLACE FUNCTION confiture._scratch_key() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT encode(sha256(convert_to(concat_ws(chr(10), current_setting('server_version_num'), confiture.version(),
        d.encoding, d.datcollate, d.datctype, s.spcname, to_jsonb(d) ->> 'datlocprovider',
        coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), to_jsonb(d) ->> 'daticurules'), 'UTF8')), 'hex')
    FROM pg_database AS d JOIN pg_tablespace AS s ON s.oid = d.dattablespace
    WHERE d.datname = current_database()
$$;

-- The command that makes an empty database with the encoding and the locale of this one.
CREATE OR REPLACE FUNCTION confiture._scratch_create(name text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat(
        format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', name,
            pg_encoding_to_char(d.encoding), d.datcollate, d.datctype),
        CASE f.o ->> 'datlocprovider'
            WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(f.o ->> 'datlocale', f.o ->> 'daticulocale'))
            WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', f.o ->> 'datlocale')
            ELSE ' LOCALE_PROVIDER libc' END,
        ' ICU_RULES ' || quote_literal(f.o ->> 'daticurules'),
        CASE WHEN s.spcname <> 'pg_default' THEN format(' TABLESPACE %I', s.spcname) END)
    FROM pg_database AS d JOIN pg_tablespace AS s ON s.oid = d.dattablespace
    CROSS JOIN LATERAL (SELECT to_jsonb(d) AS o) AS f
    WHERE d.datname = current_database()
$$;

-- The template of empty scratch databases, or NULL. The role's own is trusted, and a superuser's.
CREATE OR REPLACE FUNCTION confiture._scratch_find(key text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.datname::text
    FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba
    CROSS JOIN LATERAL (SELECT confiture._build_stamp(d.oid) AS stamp OFFSET 0) AS s
    WHERE d.datname LIKE 'confiture\_tpl\_%' AND (r.rolname = current_user OR r.rolsuper AND d.datistemplate)
        AND s.stamp ->> 'kind' = 'scratch' AND s.stamp ->> 'key' = key
    ORDER BY r.rolname = current_user DESC, d.datname
    LIMIT 1
$$;

-- Raises the failure of a statement as the error that it was.
CREATE OR REPLACE FUNCTION confiture._scratch_raise(failed jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF failed IS NOT NULL THEN
        RAISE EXCEPTION '%', failed ->> 'message'
            USING ERRCODE = failed ->> 'sqlstate', DETAIL = coalesce(failed ->> 'detail', ''),
            HINT = coalesce(failed ->> 'hint', '');
    END IF;
END
$$;

-- Takes the subscriptions out of a database that is to be dropped: with them it can't be.
CREATE OR REPLACE FUNCTION confiture._scratch_unsubscribe(name text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statements jsonb;
    report jsonb[];
BEGIN
    SELECT jsonb_agg(format('DROP SUBSCRIPTION %I', s.subname)) INTO statements
    FROM pg_subscription AS s JOIN pg_database AS d ON d.oid = s.subdbid WHERE d.datname = name;
    IF statements IS NOT NULL THEN
        report := confiture._scratch_run(name, jsonb_build_array(jsonb_build_object('statements', statements)), '{}');
        PERFORM confiture._scratch_raise(report[1] -> 'failed');
    END IF;
END
$$;

-- Drops a scratch database; that it can't is a warning: what it was for is done. A cancel that comes while it is dropped
-- does not stop that: the server sends each to the process and to its group, so that one may come twice.
CREATE OR REPLACE FUNCTION confiture._scratch_drop(name text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL THEN
        RETURN;
    END IF;
    FOR attempt IN 1 .. 3 LOOP
        BEGIN
            PERFORM confiture._scratch_unsubscribe(name);
            PERFORM confiture._top_level(format('DROP DATABASE IF EXISTS %I', name));
            RETURN;
        EXCEPTION WHEN OTHERS OR query_canceled THEN
            CONTINUE WHEN SQLSTATE = '57014' AND attempt < 3;
            RAISE WARNING 'scratch database % could not be dropped', quote_ident(name)
                USING DETAIL = SQLERRM, HINT = 'SELECT confiture.build_prune() drops it later.';
            RETURN;
        END;
    END LOOP;
END
$$;

-- Makes the template of empty scratch databases. Everybody who may copy it may use what is in it.
CREATE OR REPLACE FUNCTION confiture._scratch_make_base(key text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    template text := 'confiture_tpl_' || left(encode(sha256(convert_to(key || current_user, 'UTF8')), 'hex'), 32);
    stamp jsonb := jsonb_build_object('kind', 'scratch', 'key', key, 'built_at', clock_timestamp(),
        'version', confiture.version(), 'server', current_setting('server_version'), 'label', 'empty scratch database');
    work text := confiture._build_work_name();
    report jsonb[];
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION 'role % may not create the extension confiture in a scratch database', quote_ident(current_user)
            USING ERRCODE = 'insufficient_privilege',
            DETAIL = 'Only superusers may, and none has made a template of scratch databases on this server yet.',
            HINT = format('Let a superuser run in the database %I, once for each version: SELECT confiture.scratch_prepare().',
                current_database());
    END IF;
    PERFORM confiture._build_lock(template, true, true);
    IF confiture._scratch_find(key) IS NOT NULL THEN
        -- Somebody else has made it meanwhile.
        PERFORM confiture._build_unlock(template, true);
        RETURN confiture._scratch_find(key);
    END IF;
    PERFORM confiture._build_lock(work, true, true);
    BEGIN
        PERFORM confiture._top_level(confiture._scratch_create(work));
        report := confiture._scratch_run(work, jsonb_build_array(jsonb_build_object('statements', jsonb_build_array(
            'CREATE EXTENSION confiture', 'GRANT USAGE ON SCHEMA confiture TO PUBLIC',
            $do$DO $x$
            DECLARE routine record;
            BEGIN
                FOR routine IN SELECT p.oid::pg_catalog.regprocedure AS signature FROM pg_catalog.pg_proc AS p
                    WHERE p.pronamespace = 'confiture'::pg_catalog.regnamespace AND NOT p.prosecdef
                LOOP
                    EXECUTE 'GRANT EXECUTE ON ROUTINE ' || routine.signature::text || ' TO PUBLIC';
                END LOOP;
            END $x$ $do$))), '{}');
        PERFORM confiture._scratch_raise(report[1] -> 'failed');
        PERFORM confiture._top_level(format(E'ALTER DATABASE %I ALLOW_CONNECTIONS false IS_TEMPLATE true;\n'
            'COMMENT ON DATABASE %I IS %L;\nALTER DATABASE %I RENAME TO %I', work, work,
            'Built by Confiture ' || stamp::text, work, template));
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM confiture._scratch_drop(work);
        RAISE;
    END;
    PERFORM confiture._build_unlock(work, true);
    PERFORM confiture._build_unlock(template, true);
    RETURN template;
END
$$;

-- The template of empty scratch databases, with a lock that keeps it from being dropped.
CREATE OR REPLACE FUNCTION confiture._scratch_base() RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text := confiture._scratch_key();
    template text;
BEGIN
    FOR attempt IN 1 .. 10 LOOP
        template := confiture._scratch_find(key);
        IF template IS NULL THEN
            template := confiture._scratch_make_base(key);
        END IF;
        PERFORM confiture._build_lock(template, false, true);
        IF confiture._scratch_find(key) = template THEN
            RETURN template;
        END IF;
        PERFORM confiture._build_unlock(template, false);
    END LOOP;
    RAISE EXCEPTION 'the template of scratch databases is dropped again and again'
        USING ERRCODE = 'object_in_use', HINT = 'Somebody runs confiture.build_prune() all the time: try again later.';
END
$$;

-- Copies a template: a big one file by file, which costs checkpoints, but through the WAL it takes three times as
-- long. Returns the name of the copy, which is locked.
CREATE OR REPLACE FUNCTION confiture._scratch_copy(template text, big boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    work text := confiture._build_work_name();
BEGIN
    PERFORM confiture._build_lock(work, true, true);
    PERFORM confiture._top_level(format('CREATE DATABASE %I TEMPLATE %I%s', work, template,
        CASE WHEN big THEN ' STRATEGY file_copy' END));
    RETURN work;
EXCEPTION WHEN query_canceled THEN
    -- It may have been made before anybody heard of that.
    PERFORM confiture._scratch_drop(work);
    RAISE;
WHEN insufficient_resources THEN
    RAISE EXCEPTION 'a scratch database could not be made: %', SQLERRM
        USING ERRCODE = SQLSTATE, HINT = 'It needs about 8 MB, and as much as the schema without its rows, in the data directory. SELECT confiture.build_prune() drops templates that are kept.';
END
$$;

-- Does steps in an empty scratch database.
CREATE OR REPLACE FUNCTION confiture._scratch(steps jsonb, arguments jsonb[] DEFAULT '{}') RETURNS jsonb[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    work text;
    results jsonb[];
BEGIN
    PERFORM confiture._scratch_admit();
    BEGIN
        work := confiture._scratch_copy(confiture._scratch_base());
        results := confiture._scratch_run(work, steps, arguments);
        PERFORM confiture._scratch_drop(work);
        PERFORM confiture._build_unlock(NULL, true);
        RETURN results;
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM confiture._scratch_drop(work);
        PERFORM confiture._build_unlock(NULL, true);
        RAISE;
    END;
END
$$;

CREATE OR REPLACE FUNCTION confiture.scratch_prepare() RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    template text;
BEGIN
    PERFORM confiture._scratch_admit();
    BEGIN
        template := confiture._scratch_base();
        PERFORM confiture._build_unlock(NULL, true);
        RETURN template;
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM confiture._build_unlock(NULL, true);
        RAISE;
    END;
END
$$;
COMMENT ON FUNCTION confiture.scratch_prepare() IS
'Makes the template of which scratch databases are copies, unless it is there: an empty database with the encoding and locale of this one and the extension confiture. The first scratch database of a superuser makes it too; roles that are no superusers can''t create the extension, but copy this template when they may create databases.
Result: the name of the template. confiture.builds() shows it as scratch.
Errors: 42501 the role is no superuser, and there is no template yet; 25000 in a transaction that is not READ COMMITTED; 25006 standby; CF013 no free background worker.
Example: SELECT confiture.scratch_prepare();';
