-- Analysis: what a script would do, without running it.

CREATE OR REPLACE FUNCTION confiture.analyze(
    script text,
    OUT ordinal integer, OUT line integer, OUT statement text, OUT command text,
    OUT execution_time_ms double precision, OUT rows_affected bigint, OUT wal_bytes bigint,
    OUT buffers_read bigint, OUT locks jsonb, OUT rewrites text[], OUT scans text[],
    OUT needs_top_level boolean, OUT warnings text[], OUT estimate jsonb, OUT error jsonb, OUT holders jsonb)
RETURNS SETOF record
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'confiture_analyze';

COMMENT ON FUNCTION confiture.analyze(text) IS
'Predicts what a script would do, without running it: locks, rewrites and scans as the server itself decides them, from the catalogs as they are now and what the statements before would have made. Takes no lock that anybody waits for.
Arguments: script.
Columns: as confiture.dry_run(), with what can only be measured NULL; locks, the strongest lock of each statement on each relation, listed whole for every statement; warnings: lost data, long work under a blocking lock and the form that avoids it, what is opaque (DO, CALL, functions) and only a dry run can tell; error {sqlstate, message, line} where the statement would fail, such as for a relation that does not exist; holders, who holds a conflicting lock now.
Errors: 42601 syntax error; CF010 psql meta-command. A transaction command is an error of its row (CF009).
Example: SELECT line, command, locks, rewrites, scans, warnings FROM confiture.analyze(''ALTER TABLE users ALTER COLUMN id TYPE bigint'');';

CREATE OR REPLACE FUNCTION confiture.migrate_analyze(
    direction text DEFAULT 'up', target text DEFAULT NULL, steps integer DEFAULT NULL,
    OUT version text, OUT name text,
    OUT ordinal integer, OUT line integer, OUT statement text, OUT command text,
    OUT execution_time_ms double precision, OUT rows_affected bigint, OUT wal_bytes bigint,
    OUT buffers_read bigint, OUT locks jsonb, OUT rewrites text[], OUT scans text[],
    OUT needs_top_level boolean, OUT warnings text[], OUT estimate jsonb, OUT error jsonb, OUT holders jsonb)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'confiture_migrate_analyze';
COMMENT ON FUNCTION confiture.migrate_analyze(text, text, integer) IS
'Predicts what the pending migrations (or those to be taken back) would do, without running them. A migration in Python is one row: only a dry run can tell what it does.
Arguments: direction, target, steps, as confiture.migrate_plan().
Columns: version, name, then those of confiture.analyze().
Errors: as confiture.migrate_plan().
Example: SELECT version, line, command, warnings FROM confiture.migrate_analyze();';
