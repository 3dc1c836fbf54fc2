-- The ledger: what is registered, what is applied, what was tried.

CREATE TABLE confiture.migration (
    version text PRIMARY KEY
        CHECK (version ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$' AND length(version) <= 200),
    name text NOT NULL CHECK (name <> '' AND name !~ '[[:cntrl:]]'),
    language text NOT NULL CHECK (language IN ('sql', 'python')),
    up text NOT NULL,
    down text,
    depends_on text[] NOT NULL DEFAULT '{}',
    -- NULL: the script decides; false: each statement in a transaction of its own
    transaction boolean,
    -- the intent that it carries out; it may be registered in another database
    intent text CHECK (intent ~ '^int_[A-Za-z0-9]{1,60}$'),
    checksum text NOT NULL,
    file text,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    registered_by name NOT NULL DEFAULT session_user
);
COMMENT ON TABLE confiture.migration IS
'Registered migrations: their scripts, dependencies and checksums. Written by confiture.register_migration().';

CREATE TABLE confiture.tb_confiture (
    version text PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    execution_time_ms integer NOT NULL,
    checksum text NOT NULL,
    applied_by name NOT NULL DEFAULT session_user,
    position bigint GENERATED ALWAYS AS IDENTITY,
    baseline boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE confiture.tb_confiture IS
'Applied migrations: one row each, written in the same transaction as the migration itself. position is the order in which they were applied; baseline means marked as applied without having been run.';

CREATE TABLE confiture.migration_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version text,
    name text,
    direction text NOT NULL
        CHECK (direction IN ('up', 'down', 'baseline', 'forget', 'set_checksum', 'resolve')),
    state text NOT NULL CHECK (state IN ('done', 'failed', 'cancelled')),
    started_at timestamptz,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    execution_time_ms integer,
    statements integer,
    rows_affected bigint,
    wal_bytes bigint,
    checksum text,
    intent text,
    sqlstate text,
    message text,
    detail text,
    hint text,
    context text,
    statement text,
    performed_by name NOT NULL DEFAULT session_user,
    application_name text NOT NULL DEFAULT current_setting('application_name'),
    backend_pid integer NOT NULL DEFAULT pg_backend_pid()
);
COMMENT ON TABLE confiture.migration_log IS
'Every attempt to run a migration, up and down, failed ones included, and every repair of the ledger. Read it with confiture.history().';
CREATE INDEX migration_log_version_idx ON confiture.migration_log (version);

CREATE TABLE confiture.migration_progress (
    version text NOT NULL,
    direction text NOT NULL CHECK (direction IN ('up', 'down')),
    checksum text NOT NULL,
    statements_done integer NOT NULL,
    -- the statement that was started and may or may not have ended
    started integer,
    started_command text,
    -- invalid indexes that a failed statement has left, and that could not be dropped
    leftovers text[] NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (version, direction)
);
COMMENT ON TABLE confiture.migration_progress IS
'How far a migration that does not run in one transaction has come, so that the next run goes on where the last one ended. The row is gone once the migration is done.';

CREATE TABLE confiture.hook (
    phase text NOT NULL CHECK (phase IN
        ('before_migrate', 'after_migrate', 'before_each', 'after_each', 'on_error')),
    name text NOT NULL CHECK (name <> ''),
    language text NOT NULL CHECK (language IN ('sql', 'python')),
    body text NOT NULL,
    run_order integer NOT NULL DEFAULT 100,
    enabled boolean NOT NULL DEFAULT true,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    registered_by name NOT NULL DEFAULT session_user,
    PRIMARY KEY (phase, name)
);
COMMENT ON TABLE confiture.hook IS
'Scripts that run around migrations, in the order of run_order and name. Written by confiture.register_hook().';

CREATE TABLE confiture.prediction (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version text,
    direction text,
    -- sha256 of the statement's text
    statement_hash text NOT NULL,
    command text NOT NULL,
    class text NOT NULL,
    relation text,
    rows_target double precision,
    low_ms double precision NOT NULL,
    high_ms double precision NOT NULL,
    predicted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actual_ms double precision,
    actual_at timestamptz
);
COMMENT ON TABLE confiture.prediction IS
'What dry runs have predicted for a statement, and what the real run then took. Read it with confiture.estimate_calibration().';
CREATE INDEX prediction_statement_idx ON confiture.prediction (version, direction, statement_hash)
    WHERE actual_ms IS NULL;

SELECT pg_catalog.pg_extension_config_dump('confiture.migration', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.tb_confiture', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.tb_confiture_position_seq', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.migration_log', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.migration_log_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.migration_progress', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.hook', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.prediction', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.prediction_id_seq', '');
