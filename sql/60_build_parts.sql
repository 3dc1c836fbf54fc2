-- The parts of a build: its files, its options, names and stamps of databases.

CREATE OR REPLACE FUNCTION confiture._top_level(script text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'confiture_top_level';

CREATE OR REPLACE FUNCTION confiture._build_check(paths text[], texts text[]) RETURNS integer
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'confiture_build_check';

CREATE OR REPLACE FUNCTION confiture._build_run(database text, paths text[], texts text[], migrations text)
RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_build_run';

CREATE OR REPLACE FUNCTION confiture._build_lock(name text, exclusive boolean, wait boolean) RETURNS boolean
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'confiture_build_lock';

CREATE OR REPLACE FUNCTION confiture._build_unlock(name text, exclusive boolean) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_build_unlock';

-- The files of a build: an array in its order, an object in the order of its paths.
CREATE OR REPLACE FUNCTION confiture._build_files(files jsonb, OUT paths text[], OUT texts text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(files) = 'object' THEN
        SELECT array_agg(f.key ORDER BY f.key COLLATE "C"),
            array_agg(f.value #>> '{}' ORDER BY f.key COLLATE "C"),
            min(f.key) FILTER (WHERE jsonb_typeof(f.value) <> 'string')
        INTO paths, texts, wrong
        FROM jsonb_each(files) AS f;
    ELSIF jsonb_typeof(files) = 'array' THEN
        SELECT array_agg(f.value ->> 'path' ORDER BY f.ordinal), array_agg(f.value ->> 'text' ORDER BY f.ordinal),
            min('number ' || f.ordinal) FILTER (WHERE jsonb_typeof(f.value -> 'path') IS DISTINCT FROM 'string'
                OR jsonb_typeof(f.value -> 'text') IS DISTINCT FROM 'string' OR f.value ->> 'path' = '')
        INTO paths, texts, wrong
        FROM jsonb_array_elements(files) WITH ORDINALITY AS f (value, ordinal);
    ELSE
        wrong := 'jsonb ' || coalesce(jsonb_typeof(files), 'NULL');
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'file % has no path and text', wrong
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give an array of {"path": "...", "text": "..."}, or an object of paths and texts.';
    END IF;
    IF paths IS NULL THEN
        RAISE EXCEPTION 'there is no file to build from'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give at least one file with a path and a text.';
    END IF;
    SELECT p.path INTO wrong FROM unnest(paths) AS p (path) GROUP BY p.path HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'file % is given twice', wrong
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give each path once.';
    END IF;
END
$$;

-- The hash of files: what sha256sum would print of them, in the order of their paths, hashed again.
CREATE OR REPLACE FUNCTION confiture._build_hash(paths text[], texts text[]) RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT encode(sha256(convert_to(string_agg(
            concat(confiture.checksum(f.content), '  ', f.path, chr(10)), '' ORDER BY f.path COLLATE "C"), 'UTF8')), 'hex')
    FROM unnest(paths, texts) AS f (path, content)
$$;

-- What the cache of a build depends on, besides its files: the order, the role, the server, the extensions.
CREATE OR REPLACE FUNCTION confiture._build_key(hash text, paths text[], opts jsonb) RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT encode(sha256(convert_to(concat_ws(chr(10), hash, paths::text, current_user,
        current_setting('server_version_num'), getdatabaseencoding(), confiture.version(),
        opts ->> 'template', (SELECT d.oid FROM pg_database AS d WHERE d.datname = opts ->> 'template'),
        opts ->> 'extension', opts ->> 'migrations',
        (SELECT string_agg(concat(s.setrole, s.setconfig::text), ',' ORDER BY s.setrole)
         FROM pg_db_role_setting AS s JOIN pg_roles AS r ON s.setrole IN (0, r.oid)
         WHERE s.setdatabase = 0 AND r.rolname = current_user),
        (SELECT string_agg(concat(e.name, ' ', e.default_version), ',' ORDER BY e.name)
         FROM pg_available_extensions() AS e)), 'UTF8')), 'hex')
$$;

-- Options with their defaults; what is unknown or of the wrong kind is an error.
CREATE OR REPLACE FUNCTION confiture._build_options(options jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    opts jsonb := confiture._check_options(options,
        '{"database": "string", "replace": "string", "force": "boolean", "cache": "boolean",
        "template": "string", "extension": "boolean", "migrations": "array", "label": "string"}',
        'a build', '{"database": "shop_test"}');
BEGIN
    IF coalesce(opts ->> 'replace', 'built') NOT IN ('never', 'built', 'any') THEN
        RAISE EXCEPTION 'option replace of a build can''t be %', quote_literal(opts ->> 'replace')
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The values are never, built (a database that Confiture has built) and any.';
    END IF;
    opts := '{"replace": "built", "force": false, "template": "template0", "extension": false}' || opts;
    IF NOT opts ? 'cache' THEN
        -- What else is in another template, nobody can tell.
        opts := opts || jsonb_build_object('cache', opts ->> 'template' = 'template0');
    END IF;
    IF NOT opts ? 'database' AND NOT (opts ->> 'cache')::boolean THEN
        RAISE EXCEPTION 'a build without a cache needs the name of a database'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the option database.';
    END IF;
    RETURN opts;
END
$$;

-- What a database that Confiture has made says of itself in its comment, or NULL.
CREATE OR REPLACE FUNCTION confiture._build_stamp(database oid) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN substr(shobj_description(database, 'pg_database'), 20)::jsonb
    WHERE shobj_description(database, 'pg_database') LIKE 'Built by Confiture {%';
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

-- Whether a template is there and complete. Only the role's own is trusted: anybody may choose a name.
CREATE OR REPLACE FUNCTION confiture._build_is_good(template text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba
        WHERE d.datname = template AND r.rolname = current_user
            AND confiture._build_stamp(d.oid) ->> 'kind' = 'template')
$$;

-- A name for a database that is not finished. Sessions hold a lock on theirs.
CREATE OR REPLACE FUNCTION confiture._build_work_name() RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat('confiture_tmp_', pg_backend_pid(), '_',
        to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint))
$$;

CREATE OR REPLACE FUNCTION confiture._build_is_work_name(name text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT name ~ '^confiture_tmp_[0-9]+_[0-9a-f]+$'
$$;

-- Refuses what can't end well, before anything is done.
CREATE OR REPLACE FUNCTION confiture._build_admit(opts jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target text := opts ->> 'database';
    role record;
    there record;
    others text;
BEGIN
    PERFORM confiture._check_writable('a build');
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'a build can''t run in a transaction that is %', current_setting('transaction_isolation')
            USING ERRCODE = 'invalid_transaction_state', DETAIL = 'It has to see what other builds have made meanwhile.',
            HINT = 'Call it outside of a transaction, or in one that is READ COMMITTED.';
    END IF;
    SELECT r.rolsuper, r.rolcreatedb INTO role FROM pg_roles AS r WHERE r.rolname = current_user;
    IF NOT (role.rolsuper OR role.rolcreatedb) THEN
        RAISE EXCEPTION 'role % may not create databases', quote_ident(current_user)
            USING ERRCODE = 'insufficient_privilege',
            HINT = format('Let a superuser run: ALTER ROLE %I CREATEDB.', current_user);
    END IF;
    IF NOT role.rolsuper AND opts ->> 'template' = 'template0'
        AND ((opts ->> 'extension')::boolean OR opts ? 'migrations')
    THEN
        RAISE EXCEPTION 'role % may not create the extension confiture in a new database', quote_ident(current_user)
            USING ERRCODE = 'insufficient_privilege',
            HINT = 'Build without extension and migrations; or let a superuser create it in a database, and name that one with the option template.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_database AS d WHERE d.datname = opts ->> 'template') THEN
        RAISE EXCEPTION 'database % does not exist', quote_ident(opts ->> 'template')
            USING ERRCODE = 'invalid_catalog_name', HINT = 'The option template names the database that a build starts from.';
    END IF;
    IF target IS NULL THEN
        RETURN;
    END IF;
    IF target = '' OR octet_length(target) > 63 THEN
        RAISE EXCEPTION '% can''t be the name of a database', quote_literal(target)
            USING ERRCODE = 'invalid_name', HINT = 'A name has 1 to 63 bytes.';
    END IF;
    IF target LIKE 'confiture\_tpl\_%' OR confiture._build_is_work_name(target) OR target IN ('template0', 'template1') THEN
        RAISE EXCEPTION '% is not a name for a database to be built', quote_ident(target)
            USING ERRCODE = 'reserved_name', HINT = 'Choose another one.';
    END IF;
    SELECT d.oid, pg_has_role(d.datdba, 'USAGE') AS owned, confiture._build_stamp(d.oid) IS NOT NULL AS built
    INTO there FROM pg_database AS d WHERE d.datname = target;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF opts ->> 'replace' = 'never' OR (opts ->> 'replace' = 'built' AND NOT there.built) THEN
        RAISE EXCEPTION 'database % exists%', quote_ident(target),
                CASE WHEN there.built THEN '' ELSE ' and was not built by Confiture' END
            USING ERRCODE = 'CF017', DETAIL = 'A build would drop it with all that is in it.',
            HINT = 'Choose another name, or say that it is to be replaced: {"replace": "any"}, on the command line --replace.';
    END IF;
    IF NOT there.owned THEN
        RAISE EXCEPTION 'must be owner of database % to replace it', quote_ident(target)
            USING ERRCODE = 'insufficient_privilege', HINT = 'Choose another name, or let its owner build.';
    END IF;
    IF target = current_database() THEN
        RAISE EXCEPTION 'the current database can''t be replaced'
            USING ERRCODE = 'object_in_use', HINT = 'Call the build in another database of the server.';
    END IF;
    -- Who has just left is still there for a moment.
    FOR i IN 1 .. 20 LOOP
        PERFORM pg_stat_clear_snapshot();
        SELECT string_agg(format('process %s (role %s, application %s)', a.pid, a.usename, a.application_name), ', ')
        INTO others FROM pg_stat_activity AS a WHERE a.datid = there.oid AND a.backend_type = 'client backend';
        EXIT WHEN others IS NULL OR (opts ->> 'force')::boolean;
        PERFORM pg_sleep(0.05);
    END LOOP;
    IF others IS NOT NULL AND NOT (opts ->> 'force')::boolean THEN
        RAISE EXCEPTION 'database % is in use and can''t be replaced', quote_ident(target)
            USING ERRCODE = 'object_in_use', DETAIL = 'Connected: ' || others || '.',
            HINT = 'End these sessions, or say that they are to be ended: {"force": true}, on the command line --force.';
    END IF;
END
$$;

-- Gives a database its name; the one that had it until now is dropped afterwards.
CREATE OR REPLACE FUNCTION confiture._build_swap(made text, target text, aside text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('ALTER DATABASE %I RENAME TO %I', target, aside);
    EXECUTE format('ALTER DATABASE %I RENAME TO %I', made, target);
END
$$;

-- What CREATE DATABASE ... TEMPLATE leaves behind: settings and privileges of the database itself.
CREATE OR REPLACE FUNCTION confiture._build_properties(source text, copied text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(command, E';\n') FROM (
        SELECT format('ALTER %s SET %I = %s',
            CASE WHEN s.setrole = 0 THEN format('DATABASE %I', copied)
                ELSE format('ROLE %I IN DATABASE %I', r.rolname, copied) END,
            split_part(c, '=', 1),
            -- Lists are stored with their elements quoted.
            CASE WHEN split_part(c, '=', 1) IN ('search_path', 'temp_tablespaces', 'local_preload_libraries',
                    'session_preload_libraries') THEN substr(c, strpos(c, '=') + 1)
                ELSE quote_literal(substr(c, strpos(c, '=') + 1)) END) AS command
        FROM pg_database AS d JOIN pg_db_role_setting AS s ON s.setdatabase = d.oid
        LEFT JOIN pg_roles AS r ON r.oid = s.setrole
        CROSS JOIN LATERAL unnest(s.setconfig) AS c
        WHERE d.datname = source
        UNION ALL
        SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', copied)
        FROM pg_database AS d WHERE d.datname = source AND d.datacl IS NOT NULL
        UNION ALL
        SELECT format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, copied,
            CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END,
            CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM pg_database AS d CROSS JOIN LATERAL aclexplode(d.datacl) AS a
        LEFT JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE d.datname = source AND a.grantee <> d.datdba AND (a.grantee = 0 OR r.oid IS NOT NULL)
    ) AS commands
$$;

-- Registers migrations in a database that has all of them already.
CREATE OR REPLACE FUNCTION confiture._build_ledger(migrations jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    newest text;
BEGIN
    PERFORM r.version FROM confiture.register_migrations(migrations) AS r;
    SELECT s.version INTO newest FROM confiture._state() AS s ORDER BY s.ordinal DESC LIMIT 1;
    IF FOUND THEN
        PERFORM b.version FROM confiture.baseline(newest) AS b;
    END IF;
END
$$;

-- Whether nothing was made in this database but the extension: it may go.
CREATE OR REPLACE FUNCTION confiture._build_is_pristine() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM confiture.migration) AND NOT EXISTS (SELECT FROM confiture.migration_log)
        AND NOT EXISTS (SELECT FROM confiture.hook)
        AND NOT EXISTS (
            SELECT FROM (
                SELECT 'pg_class'::regclass AS classid, c.oid FROM pg_class AS c
                UNION ALL SELECT 'pg_proc'::regclass, p.oid FROM pg_proc AS p
                UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type AS t
                UNION ALL SELECT 'pg_namespace'::regclass, n.oid FROM pg_namespace AS n
                    WHERE n.nspname !~ '^pg_(toast_)?temp_'
            ) AS o
            WHERE o.oid >= 16384
                AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = o.classid AND d.objid = o.oid
                    AND d.deptype IN ('e', 'i'))
                AND NOT (o.classid = 'pg_class'::regclass AND EXISTS (
                    SELECT FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
                    LEFT JOIN pg_class AS t ON t.reltoastrelid = coalesce(i.indrelid, c.oid)
                    WHERE c.oid = o.oid AND EXISTS (SELECT FROM pg_depend AS d
                        WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e'
                            AND d.objid IN (i.indrelid, t.oid)))))
$$;
