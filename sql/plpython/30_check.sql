-- Looking at Python without running it.

CREATE OR REPLACE FUNCTION confiture_py.check(source text, kind text DEFAULT 'migration') RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF source IS NULL OR kind IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM confiture._execute_python(kind, source, 'script', NULL, NULL, 'check', NULL, NULL, NULL);
    RETURN 'ok';
END
$$;
COMMENT ON FUNCTION confiture_py.check(text, text) IS
'Checks the source of a migration or a hook without running it: its syntax, that one class derives from Migration (or Hook), and that the class has the method up (or run).
Arguments: source; kind, migration or hook.
Result: ok.
Errors: 42601 syntax error, with the line in CONTEXT; 42P17 no class, several classes, or no method; 22023 unknown kind.
Example: SELECT confiture_py.check(pg_read_file(''/srv/migrations/007_fill.py''));';
