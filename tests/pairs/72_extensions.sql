-- Extensions: made, dropped, versions, schemas, what uses them.

-- pair: extension_added
-- from:
-- to:
CREATE EXTENSION citext;
CREATE TABLE t (a citext PRIMARY KEY);

-- pair: extension_in_a_schema
-- from:
-- to:
CREATE SCHEMA s;
CREATE EXTENSION citext SCHEMA s;
CREATE TABLE t (a s.citext);

-- pair: extension_schema
-- base:
CREATE SCHEMA s;
-- from:
CREATE EXTENSION citext;
CREATE TABLE t (a citext, b integer);
CREATE VIEW v AS SELECT a FROM t WHERE a = 'x';
-- to:
CREATE EXTENSION citext SCHEMA s;
CREATE TABLE t (a s.citext, b integer);
SET search_path = public, s;
CREATE VIEW v AS SELECT a FROM t WHERE a = 'x';

-- pair: extension_version
-- from:
CREATE EXTENSION pg_trgm VERSION '1.5';
-- to:
CREATE EXTENSION pg_trgm VERSION '1.6';
-- no way back: pg_trgm has no update path from 1.6 to 1.5

-- pair: extension_with_what_it_needs
-- from:
-- to:
CREATE EXTENSION cube;
CREATE EXTENSION earthdistance;

-- pair: extension_used_by_an_index
-- base:
CREATE TABLE t (a text);
-- from:
-- to:
CREATE EXTENSION pg_trgm;
CREATE INDEX i ON t USING gin (a gin_trgm_ops);

-- pair: extension_used_by_defaults_and_functions
-- from:
CREATE EXTENSION pgcrypto;
CREATE TABLE t (a text DEFAULT encode(gen_random_bytes(4), 'hex'));
CREATE FUNCTION f() RETURNS bytea LANGUAGE sql RETURN gen_random_bytes(4);
-- to:
CREATE TABLE t (a text);

-- pair: extension_foreign_wrapper
-- from:
-- to:
CREATE EXTENSION file_fdw;
CREATE SERVER s FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE t (line text OPTIONS (force_not_null 'true')) SERVER s OPTIONS (filename '/dev/null', format 'csv');

-- pair: extension_exclusion
-- base:
CREATE TABLE t (a integer, during tstzrange);
-- from:
-- to:
CREATE EXTENSION btree_gist;
ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (a WITH =, during WITH &&);
