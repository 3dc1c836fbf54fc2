-- Scripts: what they consist of.

CREATE OR REPLACE FUNCTION confiture.version() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'confiture_version';
COMMENT ON FUNCTION confiture.version() IS
'Version of the loaded library confiture.so. Differs from extversion of pg_extension when the files were replaced and ALTER EXTENSION confiture UPDATE was not run yet.
Example: SELECT confiture.version();';

CREATE OR REPLACE FUNCTION confiture.statements(
    script text,
    OUT ordinal integer, OUT line integer, OUT statement text, OUT command text,
    OUT objects jsonb, OUT needs_top_level boolean)
RETURNS SETOF record
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'confiture_statements';
COMMENT ON FUNCTION confiture.statements(text) IS
'Splits a script into statements with the server''s own grammar. Nothing runs.
Arguments: script, SQL text; data of COPY ... FROM stdin may follow its statement.
Columns: ordinal (from 1), line (from 1), statement (without its semicolon), command (the command tag), objects (array of {kind, schema, name, column, action}; action is create, alter, drop, read, write or reference; for what belongs to a table, name is the table and column the part), needs_top_level (refuses to run in a transaction block).
Errors: 42601 syntax error with its position; CF010 a psql meta-command.
Example: SELECT ordinal, line, command, objects FROM confiture.statements(''CREATE TABLE a (b int); DROP TABLE c'');';

CREATE OR REPLACE FUNCTION confiture._inspect(
    script text, label text,
    OUT statements integer, OUT top_level_line integer, OUT top_level_command text)
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'confiture_inspect';

CREATE OR REPLACE FUNCTION confiture._normalise(script text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'confiture_normalise';

CREATE OR REPLACE FUNCTION confiture._directives(script text) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'confiture_directives';

CREATE OR REPLACE FUNCTION confiture.checksum(script text) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT encode(sha256(convert_to(confiture._normalise(script), 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION confiture.checksum(text) IS
'Checksum of a script: SHA-256, in hex, of its UTF-8 text without a byte order mark and with CRLF turned into LF, so that it is the same on every system.
Example: SELECT confiture.checksum(''SELECT 1'');';

CREATE OR REPLACE FUNCTION confiture.sort_versions(versions text[]) RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'confiture_sort_versions';
COMMENT ON FUNCTION confiture.sort_versions(text[]) IS
'Puts versions in the order in which migrations run when no dependency says otherwise: as numbers where both are all digits, else as text in the C collation.
Errors: 22004 when a version is null.
Example: SELECT confiture.sort_versions(''{10,9,9a}'');';

CREATE OR REPLACE FUNCTION confiture._migration_order(
    versions text[], dependents text[], dependencies text[],
    OUT version text, OUT ordinal integer, OUT problem text)
RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'confiture_migration_order';
