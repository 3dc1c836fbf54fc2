-- The steps of a build.

-- Waits until nobody else builds a template. Returns true, with a lock that keeps it from being
-- dropped, when it is there; false, with a lock that keeps others from building it, when it is not.
CREATE OR REPLACE FUNCTION confiture._build_hold(template text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._build_lock(template, false, true);
    IF confiture._build_is_good(template) THEN
        RETURN true;
    END IF;
    PERFORM confiture._build_unlock(template, false);
    PERFORM confiture._build_lock(template, true, true);
    -- Somebody else may have built it meanwhile.
    RETURN confiture._build_is_good(template);
END
$$;

-- The command that makes an empty database. Files are in the encoding of this one: so is what they make.
CREATE OR REPLACE FUNCTION confiture._build_create(name text, template text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat(format('CREATE DATABASE %I TEMPLATE %I', name, template),
        CASE WHEN t.encoding <> here.encoding AND template = 'template0' THEN
            format(' ENCODING %L LOCALE_PROVIDER libc LC_COLLATE %L LC_CTYPE %L',
                pg_encoding_to_char(here.encoding), here.datcollate, here.datctype) END)
    FROM pg_database AS t, pg_database AS here
    WHERE t.datname = template AND here.datname = current_database()
$$;

-- The commands that copy a template.
CREATE OR REPLACE FUNCTION confiture._build_copy(template text, properties_of text, copied text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat(format(E'CREATE DATABASE %I TEMPLATE %I;\n', copied, template),
        confiture._build_properties(properties_of, copied) || E';\n')
$$;

-- The commands that give a finished database its stamp and its name.
CREATE OR REPLACE FUNCTION confiture._build_place(made text, opts jsonb, stamp jsonb, replaces boolean) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target text := opts ->> 'database';
    aside text := confiture._build_work_name();
    script text := format(E'COMMENT ON DATABASE %I IS %L;\n', made, 'Built by Confiture ' || stamp::text);
BEGIN
    IF NOT replaces THEN
        RETURN script || format('ALTER DATABASE %I RENAME TO %I', made, target);
    END IF;
    IF (opts ->> 'force')::boolean THEN
        script := script || format(E'SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity AS a'
            ' WHERE a.datname OPERATOR(pg_catalog.=) %L AND a.backend_type OPERATOR(pg_catalog.=) ''client backend'';\n', target);
    END IF;
    RETURN script || format(E'SELECT confiture._build_swap(%L, %L, %L);\nDROP DATABASE %I', made, target, aside, aside);
END
$$;

-- Drops what a failed build has made; that it can't is a warning, the failure itself matters more.
CREATE OR REPLACE FUNCTION confiture._build_drop(name text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NOT NULL THEN
        PERFORM confiture._top_level(format('DROP DATABASE IF EXISTS %I WITH (FORCE)', name));
    END IF;
EXCEPTION WHEN OTHERS OR query_canceled THEN
    RAISE WARNING 'database % of a failed build could not be dropped', quote_ident(name)
        USING DETAIL = SQLERRM, HINT = 'SELECT confiture.build_prune() drops it later.';
END
$$;

-- Keeps the number and the age of templates in bounds.
CREATE OR REPLACE FUNCTION confiture._build_trim() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM p FROM confiture._build_prune(current_setting('confiture.template_limit')::integer,
        current_setting('confiture.template_max_age')::interval) AS p;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'old templates of builds could not be dropped'
        USING DETAIL = SQLERRM, HINT = 'SELECT confiture.build_prune() tries again.';
END
$$;
