-- Hooks: scripts that run around migrations.

CREATE OR REPLACE FUNCTION confiture.register_hook(
    phase text, name text, language text, body text, run_order integer DEFAULT 100,
    enabled boolean DEFAULT true)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    existed boolean;
BEGIN
    IF phase IS NULL OR phase NOT IN ('before_migrate', 'after_migrate', 'before_each', 'after_each', 'on_error') THEN
        RAISE EXCEPTION 'unknown hook phase %', coalesce(quote_literal(phase), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The phases are before_migrate, after_migrate, before_each, after_each and on_error.';
    END IF;
    IF language IS NULL OR language NOT IN ('sql', 'python') THEN
        RAISE EXCEPTION 'hook % has unknown language %', quote_literal(name), coalesce(quote_literal(language), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The languages are sql and python.';
    END IF;
    IF language = 'sql' THEN
        PERFORM confiture._inspect(body, format('hook "%s" (%s)', name, phase));
    END IF;
    existed := EXISTS (SELECT FROM confiture.hook AS h
                       WHERE h.phase = register_hook.phase AND h.name = register_hook.name);
    INSERT INTO confiture.hook AS h (phase, name, language, body, run_order, enabled)
    VALUES (phase, name, language, body, run_order, enabled)
    ON CONFLICT ON CONSTRAINT hook_pkey DO UPDATE
    SET language = excluded.language, body = excluded.body, run_order = excluded.run_order,
        enabled = excluded.enabled, registered_at = excluded.registered_at,
        registered_by = excluded.registered_by;
    RETURN CASE WHEN existed THEN 'replaced' ELSE 'added' END;
END
$$;
COMMENT ON FUNCTION confiture.register_hook(text, text, text, text, integer, boolean) IS
'Registers a script that runs around migrations, or replaces it.
Arguments: phase: before_migrate and after_migrate run once for each run, before_each and after_each around every migration, on_error after a failure; name; language, sql or python; body; run_order, hooks of a phase run in the order of run_order and name; enabled.
A failing before_ hook stops the migration (CF011). A failing after_ or on_error hook is undone and reported as a warning: the migration stays. In a SQL hook current_setting(''confiture.hook_context'')::jsonb has phase, version, name, direction and, on_error, sqlstate and message.
Result: added or replaced.
Errors: 22023 unknown phase or language; 42601 syntax error in a SQL body.
Example: SELECT confiture.register_hook(''after_migrate'', ''tell'', ''sql'', ''NOTIFY schema_changed'');';

CREATE OR REPLACE FUNCTION confiture.unregister_hook(phase text, name text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM confiture.hook AS h
    WHERE h.phase = unregister_hook.phase AND h.name = unregister_hook.name;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION confiture.unregister_hook(text, text) IS
'Removes a hook. Result: whether it was registered.
Example: SELECT confiture.unregister_hook(''after_migrate'', ''tell'');';

-- Raises an error with a context.
CREATE OR REPLACE FUNCTION confiture._raise(sqlstate text, message text, detail text, hint text, context text)
RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_raise';

-- Runs one hook.
CREATE OR REPLACE FUNCTION confiture._run_hook(hook confiture.hook, context jsonb, path text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('confiture.hook_context', (context || jsonb_build_object('phase', hook.phase))::text, true);
    IF hook.language = 'sql' THEN
        PERFORM confiture._execute(hook.body, format('hook "%s" (%s)', hook.name, hook.phase),
            NULL, NULL, NULL, path, false, context ->> 'intent');
    ELSE
        PERFORM confiture._execute_python('hook', hook.body, format('hook "%s" (%s)', hook.name, hook.phase),
            NULL, NULL, NULL, path, context || jsonb_build_object('phase', hook.phase), context ->> 'intent');
    END IF;
    PERFORM set_config('confiture.hook_context', '', true);
END
$$;

-- Runs the hooks of a phase. Before-hooks stop what they precede; the others only warn.
CREATE OR REPLACE FUNCTION confiture._run_hooks(phase text, context jsonb, path text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hook confiture.hook;
    failed_state text;
    failed_message text;
    failed_detail text;
    failed_hint text;
    failed_context text;
BEGIN
    FOR hook IN
        SELECT h.* FROM confiture.hook AS h
        WHERE h.phase = _run_hooks.phase AND h.enabled ORDER BY h.run_order, h.name
    LOOP
        BEGIN
            PERFORM confiture._run_hook(hook, context, path);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS failed_state = RETURNED_SQLSTATE, failed_message = MESSAGE_TEXT,
                failed_detail = PG_EXCEPTION_DETAIL, failed_hint = PG_EXCEPTION_HINT,
                failed_context = PG_EXCEPTION_CONTEXT;
            IF phase IN ('before_migrate', 'before_each') THEN
                PERFORM confiture._raise('CF011', format('hook "%s" (%s) failed: %s', hook.name, phase, failed_message),
                    concat_ws(' ', 'SQLSTATE ' || failed_state || '.', nullif(failed_detail, '')),
                    coalesce(nullif(failed_hint, ''), 'Mend the hook, or disable it with confiture.register_hook(..., enabled => false).'),
                    failed_context);
            END IF;
            RAISE WARNING 'hook "%" (%) failed: %', hook.name, phase, failed_message
                USING ERRCODE = 'CF011', DETAIL = concat_ws(' ', 'SQLSTATE ' || failed_state || '.', nullif(failed_detail, '')),
                HINT = CASE phase WHEN 'on_error' THEN 'What the hook did is undone.'
                    ELSE 'What the hook did is undone, the migration is not.' END;
        END;
    END LOOP;
END
$$;
