-- Analysis: what a script would do, without running it.

CREATE OR REPLACE FUNCTION confiture.analyze(
    script text,
    OUT ordinal integer, OUT line integer, OUT statement text, OUT command text,
    OUT execution_time_ms double precision, OUT rows_affected bigint, OUT wal_bytes bigint,
    OUT buffers_read bigint, OUT locks jsonb, OUT rewrites text[], OUT scans text[],
    OUT needs_top_level boolean, OUT warnings text[], OUT estimate jsonb, OUT error jsonb, OUT holders jsonb)
RETURNS SETOF record
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'confiture_analyze';

CREATE OR REPLACE FUNCTION confiture.migrate_analyze(
    direction text DEFAULT 'up', target text DEFAULT NULL, steps integer DEFAULT NULL,
    OUT version text, OUT name text,
    OUT ordinal integer, OUT line integer, OUT statement text, OUT command text,
    OUT execution_time_ms double precision, OUT rows_affected bigint, OUT wal_bytes bigint,
    OUT buffers_read bigint, OUT locks jsonb, OUT rewrites text[], OUT scans text[],
    OUT needs_top_level boolean, OUT warnings text[], OUT estimate jsonb, OUT error jsonb, OUT holders jsonb)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'confiture_migrate_analyze';
