-- Enforcement: DDL is looked at before it runs, and again when it is known what it has dropped.

CREATE OR REPLACE FUNCTION confiture._guard_start() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_guard_start';

CREATE OR REPLACE FUNCTION confiture._guard_drop() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_guard_drop';

-- There is no CREATE OR REPLACE for event triggers, and this file is sent again by every update.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS t WHERE t.evtname OPERATOR(pg_catalog.=) 'confiture_guard'
            AND t.evtfoid OPERATOR(pg_catalog.=) 'confiture._guard_start()'::pg_catalog.regprocedure) THEN
        CREATE EVENT TRIGGER confiture_guard ON ddl_command_start EXECUTE FUNCTION confiture._guard_start();
        COMMENT ON EVENT TRIGGER confiture_guard IS
        'Checks DDL against the intents of other agents, as confiture.enforce_intents says.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS t WHERE t.evtname OPERATOR(pg_catalog.=) 'confiture_guard_drop'
            AND t.evtfoid OPERATOR(pg_catalog.=) 'confiture._guard_drop()'::pg_catalog.regprocedure) THEN
        CREATE EVENT TRIGGER confiture_guard_drop ON sql_drop EXECUTE FUNCTION confiture._guard_drop();
        COMMENT ON EVENT TRIGGER confiture_guard_drop IS
        'Checks what DDL has dropped besides what it names, as confiture.enforce_intents says.';
    END IF;
END
$$;
