-- The schema that migrations have left, and who has changed it since.

CREATE TABLE confiture.schema_record (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    origin text NOT NULL CHECK (origin IN ('up', 'down', 'baseline', 'accepted')),
    -- the last applied migration; NULL: none is
    version text,
    -- the newest row of confiture.migration_log then, of those that change what is applied
    log_id bigint NOT NULL,
    hash text NOT NULL,
    facts integer NOT NULL,
    -- facts in which the database differed already, and that no migration has touched
    apart integer NOT NULL,
    -- of the catalogs, to see cheaply whether anything has changed since
    stamp text NOT NULL,
    reason text,
    performed_by name NOT NULL DEFAULT session_user,
    -- only the newest one is kept
    snapshot jsonb
);
COMMENT ON TABLE confiture.schema_record IS
'The schema that each run of migrations has left: what confiture.drift() compares with. One row for each run; snapshot is kept of the newest one only. apart: how many facts had been changed by hand before the run, and are not taken over into the record.';
CREATE INDEX schema_record_snapshot_idx ON confiture.schema_record (id) WHERE snapshot IS NOT NULL;

CREATE TABLE confiture.ddl_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    command text NOT NULL,
    objects text[] NOT NULL,
    statement text,
    "session_user" name NOT NULL,
    "current_user" name NOT NULL,
    agent text,
    application_name text,
    client_addr inet,
    backend_pid integer NOT NULL DEFAULT pg_backend_pid(),
    -- what of Confiture has run it: the version of a migration, and its label or that of a hook
    version text,
    source text
);
COMMENT ON TABLE confiture.ddl_log IS
'DDL that was run while confiture.log_ddl was on: when, by whom, on which objects (identities as in a snapshot), by which statement. Rows are added, and never changed; confiture.ddl_log_prune() removes old ones. Read it with confiture.ddl_history().';
CREATE INDEX ddl_log_objects_idx ON confiture.ddl_log USING gin (objects);
CREATE INDEX ddl_log_at_idx ON confiture.ddl_log (at);

SELECT pg_catalog.pg_extension_config_dump('confiture.schema_record', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.schema_record_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.ddl_log', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.ddl_log_id_seq', '');
