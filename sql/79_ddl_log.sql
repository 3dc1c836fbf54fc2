-- The DDL log: who has changed what, when, by which statement. What was dropped comes by confiture_guard_drop.

CREATE OR REPLACE FUNCTION confiture._log_ddl() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_log_ddl';

-- There is no CREATE OR REPLACE for event triggers, and this file is sent again by every update.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS t WHERE t.evtname OPERATOR(pg_catalog.=) 'confiture_log'
            AND t.evtfoid OPERATOR(pg_catalog.=) 'confiture._log_ddl()'::pg_catalog.regprocedure) THEN
        CREATE EVENT TRIGGER confiture_log ON ddl_command_end EXECUTE FUNCTION confiture._log_ddl();
        COMMENT ON EVENT TRIGGER confiture_log IS 'Logs DDL in confiture.ddl_log, if confiture.log_ddl is on.';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION confiture._ddl_log_refuse_change() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_ddl_log_refuse_change';

-- Run once: an update script does not find it missing.
CREATE TRIGGER ddl_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON confiture.ddl_log
    FOR EACH STATEMENT EXECUTE FUNCTION confiture._ddl_log_refuse_change();
ALTER TABLE confiture.ddl_log ENABLE ALWAYS TRIGGER ddl_log_append_only;

-- It lets itself pass the trigger.
CREATE OR REPLACE FUNCTION confiture._ddl_log_prune(older_than interval) RETURNS bigint
LANGUAGE c STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'confiture_ddl_log_prune';

CREATE OR REPLACE FUNCTION confiture.ddl_log_prune(older_than interval) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF older_than IS NULL THEN
        RAISE EXCEPTION 'older_than must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'For example ''1 year''.';
    END IF;
    IF older_than < interval '0' THEN
        RAISE EXCEPTION 'older_than must not be negative'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example ''1 year''; ''0'' is for all entries.';
    END IF;
    RETURN confiture._ddl_log_prune(older_than);
END
$$;
COMMENT ON FUNCTION confiture.ddl_log_prune(interval) IS
'Removes old entries from the DDL log; nothing else can.
Arguments: older_than, how old.
Result: how many were removed.
Errors: 22004 older_than is null; 22023 it is negative.
Example: SELECT confiture.ddl_log_prune(''1 year'');';

CREATE OR REPLACE FUNCTION confiture.ddl_history(
    object text DEFAULT NULL, since timestamptz DEFAULT NULL, max_rows integer DEFAULT 50,
    OUT id bigint, OUT at timestamptz, OUT command text, OUT objects text[], OUT statement text,
    OUT "session_user" name, OUT "current_user" name, OUT agent text, OUT application_name text, OUT client_addr inet,
    OUT backend_pid integer, OUT version text, OUT source text)
RETURNS SETOF record
LANGUAGE sql STABLE ROWS 50
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.id, l.at, l.command, l.objects, l.statement, l."session_user", l."current_user", l.agent, l.application_name,
        l.client_addr, l.backend_pid, l.version, l.source
    FROM confiture.ddl_log AS l
    WHERE (ddl_history.object IS NULL OR l.objects @> ARRAY[ddl_history.object])
        AND (since IS NULL OR l.at >= since)
    ORDER BY l.id DESC LIMIT max_rows
$$;
COMMENT ON FUNCTION confiture.ddl_history(text, timestamptz, integer) IS
'The newest entries of the DDL log, which is written while confiture.log_ddl is on. DDL that was rolled back is not in it.
Arguments: object, an identity as in a snapshot, such as table public.users or column public.users.email; since, only what is not older; max_rows, how many (default 50, NULL for all).
Columns: id; at; command, the command tag; objects, the identities of what was changed or dropped; statement, the text of the statement that the client has sent or the migration contains, without options that may be secret, NULL where it is not known; session_user, current_user; agent, as confiture.agent said; application_name, client_addr, backend_pid; version, of the migration that has run it; source, the label of the migration or hook.
Example: SELECT at, "session_user", statement FROM confiture.ddl_history(''table public.users'');';
