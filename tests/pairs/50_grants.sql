-- Privileges: on every kind of object, down to columns; owners; default privileges.

-- pair: grant_on_table
-- base:
CREATE TABLE t (a integer, b text);
-- from:
GRANT SELECT ON t TO pair_reader;
GRANT ALL ON t TO pair_writer;
-- to:
GRANT SELECT, INSERT ON t TO pair_reader;
GRANT UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON t TO "pair ""Quoted""";

-- pair: grant_option
-- base:
CREATE TABLE t (a integer, b text);
-- from:
GRANT SELECT, INSERT ON t TO pair_reader;
-- to:
GRANT SELECT, INSERT ON t TO pair_reader WITH GRANT OPTION;

-- pair: grant_option_of_some
-- base:
CREATE TABLE t (a integer, b text);
-- from:
GRANT SELECT, INSERT ON t TO pair_reader WITH GRANT OPTION;
-- to:
GRANT SELECT ON t TO pair_reader;
GRANT INSERT ON t TO pair_reader WITH GRANT OPTION;

-- pair: grant_to_public
-- base:
CREATE TABLE t (a integer, b text);
-- from:
-- to:
GRANT SELECT ON t TO PUBLIC;

-- pair: grant_by_another_role
-- base:
CREATE TABLE t (a integer, b text);
-- from:
GRANT SELECT ON t TO pair_reader WITH GRANT OPTION;
-- to:
GRANT SELECT ON t TO pair_reader WITH GRANT OPTION;
SET SESSION AUTHORIZATION pair_reader;
GRANT SELECT ON t TO pair_writer;
RESET SESSION AUTHORIZATION;

-- pair: grant_chain_goes
-- base:
CREATE TABLE t (a integer, b text);
-- from:
GRANT SELECT, INSERT ON t TO pair_reader WITH GRANT OPTION;
SET SESSION AUTHORIZATION pair_reader;
GRANT SELECT, INSERT ON t TO pair_writer;
RESET SESSION AUTHORIZATION;
-- to:
GRANT INSERT ON t TO pair_reader;
GRANT SELECT ON t TO pair_writer;

-- pair: grant_owner_without
-- base:
CREATE TABLE t (a integer, b text);
ALTER TABLE t OWNER TO pair_owner;
-- from:
-- to:
REVOKE INSERT, UPDATE ON t FROM pair_owner;

-- pair: grant_owner_without_anything
-- base:
CREATE TABLE t (a integer, b text);
-- from:
-- to:
REVOKE ALL ON t FROM postgres;
GRANT SELECT ON t TO pair_reader;

-- pair: grant_on_columns
-- base:
CREATE TABLE t (a integer, b text, c text);
-- from:
GRANT SELECT (a), UPDATE (a) ON t TO pair_reader;
GRANT INSERT (c) ON t TO pair_writer WITH GRANT OPTION;
-- to:
GRANT SELECT (a, b), INSERT (b) ON t TO pair_reader;
GRANT SELECT ON t TO pair_reader;
GRANT REFERENCES (c) ON t TO PUBLIC;

-- pair: grant_on_columns_and_table
-- base:
CREATE TABLE t (a integer, b text);
-- from:
GRANT SELECT ON t TO pair_reader;
GRANT SELECT (a) ON t TO pair_reader;
-- to:
GRANT SELECT (a) ON t TO pair_reader;

-- pair: grant_on_column_of_a_changed_type
-- from:
CREATE TABLE t (a integer, b text);
GRANT SELECT (a) ON t TO pair_reader;
-- to:
CREATE TABLE t (a bigint, b text);
GRANT SELECT (a) ON t TO pair_reader;

-- pair: grant_on_view_and_sequence
-- base:
CREATE VIEW v AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
CREATE SEQUENCE s;
-- from:
GRANT SELECT ON v TO pair_reader;
GRANT USAGE ON SEQUENCE s TO pair_reader;
-- to:
GRANT SELECT, UPDATE ON v TO pair_writer;
GRANT SELECT (a) ON v TO pair_reader;
GRANT SELECT ON m TO pair_reader;
GRANT SELECT, UPDATE ON SEQUENCE s TO pair_reader;

-- pair: grant_on_functions
-- base:
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE g(integer) (SFUNC = int4pl, STYPE = integer);
-- from:
GRANT EXECUTE ON FUNCTION f(integer) TO pair_reader;
-- to:
REVOKE EXECUTE ON FUNCTION f(integer) FROM PUBLIC;
REVOKE EXECUTE ON PROCEDURE p() FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE p() TO pair_reader WITH GRANT OPTION;
GRANT EXECUTE ON FUNCTION g(integer) TO pair_writer;

-- pair: grant_on_types
-- base:
CREATE TYPE e AS ENUM ('a');
CREATE DOMAIN d AS integer;
CREATE TYPE c AS (a integer);
CREATE TYPE r AS RANGE (subtype = integer);
-- from:
REVOKE USAGE ON TYPE r FROM PUBLIC;
-- to:
REVOKE USAGE ON TYPE e FROM PUBLIC;
GRANT USAGE ON DOMAIN d TO pair_reader;
GRANT USAGE ON TYPE c TO pair_reader WITH GRANT OPTION;

-- pair: grant_on_schema
-- base:
CREATE SCHEMA s;
-- from:
GRANT USAGE ON SCHEMA s TO pair_reader;
-- to:
GRANT USAGE, CREATE ON SCHEMA s TO pair_writer;
GRANT USAGE ON SCHEMA s TO PUBLIC;

-- pair: grant_on_foreign_things
-- base:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE t (a integer) SERVER s;
-- from:
GRANT USAGE ON FOREIGN SERVER s TO pair_reader;
-- to:
GRANT USAGE ON FOREIGN DATA WRAPPER w TO pair_reader;
GRANT USAGE ON FOREIGN SERVER s TO pair_writer WITH GRANT OPTION;
GRANT SELECT ON t TO pair_reader;

-- pair: grant_on_language
-- from:
CREATE FUNCTION h() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE TRUSTED LANGUAGE l HANDLER h;
-- to:
CREATE FUNCTION h() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE TRUSTED LANGUAGE l HANDLER h;
REVOKE USAGE ON LANGUAGE l FROM PUBLIC;
GRANT USAGE ON LANGUAGE l TO pair_reader;

-- pair: grant_on_objects_of_the_system
-- from:
-- to:
GRANT SELECT ON pg_catalog.pg_authid TO pair_reader;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC;
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;

-- pair: grant_on_members_of_extensions
-- base:
CREATE EXTENSION citext;
-- from:
-- to:
REVOKE EXECUTE ON FUNCTION citext_hash(citext) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION citext_hash(citext) TO pair_reader;

-- pair: grants_when_the_owner_changes
-- from:
CREATE TABLE t (a integer, b text);
GRANT SELECT ON t TO pair_reader;
-- to:
CREATE TABLE t (a integer, b text);
ALTER TABLE t OWNER TO pair_owner;
GRANT SELECT ON t TO pair_reader;
GRANT INSERT ON t TO pair_writer;

-- pair: grants_when_the_owner_changes_to_a_grantee
-- from:
CREATE TABLE t (a integer, b text);
GRANT SELECT ON t TO pair_reader;
-- to:
CREATE TABLE t (a integer, b text);
ALTER TABLE t OWNER TO pair_reader;

-- pair: owner_of_everything
-- base:
CREATE SCHEMA s;
CREATE TABLE t (a serial);
CREATE VIEW v AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
CREATE SEQUENCE q;
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE g(integer) (SFUNC = int4pl, STYPE = integer);
CREATE TYPE e AS ENUM ('a');
CREATE DOMAIN d AS integer;
CREATE TYPE c AS (a integer);
CREATE COLLATION l (lc_collate = 'C', lc_ctype = 'C');
CREATE CONVERSION n FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR FAMILY fam USING btree;
CREATE OPERATOR CLASS cl FOR TYPE integer USING btree FAMILY fam AS OPERATOR 3 =, FUNCTION 1 btint4cmp(integer, integer);
CREATE TEXT SEARCH DICTIONARY td (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION tc (PARSER = "default");
CREATE STATISTICS st ON (a + 1) FROM t;
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE PUBLICATION pub;
CREATE FUNCTION h() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE LANGUAGE lang HANDLER h;
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER srv FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (a integer) SERVER srv;
-- from:
-- to:
ALTER SCHEMA s OWNER TO pair_owner;
ALTER TABLE t OWNER TO pair_owner;
ALTER VIEW v OWNER TO pair_owner;
ALTER MATERIALIZED VIEW m OWNER TO pair_owner;
ALTER SEQUENCE q OWNER TO pair_owner;
ALTER FUNCTION f() OWNER TO pair_owner;
ALTER PROCEDURE p() OWNER TO pair_owner;
ALTER AGGREGATE g(integer) OWNER TO pair_owner;
ALTER TYPE e OWNER TO pair_owner;
ALTER DOMAIN d OWNER TO pair_owner;
ALTER TYPE c OWNER TO pair_owner;
ALTER COLLATION l OWNER TO pair_owner;
ALTER CONVERSION n OWNER TO pair_owner;
ALTER OPERATOR === (integer, integer) OWNER TO pair_owner;
ALTER OPERATOR FAMILY fam USING btree OWNER TO pair_owner;
ALTER OPERATOR CLASS cl USING btree OWNER TO pair_owner;
ALTER TEXT SEARCH DICTIONARY td OWNER TO pair_owner;
ALTER TEXT SEARCH CONFIGURATION tc OWNER TO pair_owner;
ALTER STATISTICS st OWNER TO "pair ""Quoted""";
GRANT CREATE ON SCHEMA public TO "pair ""Quoted""";
ALTER LANGUAGE lang OWNER TO pair_owner;
ALTER FOREIGN TABLE ft OWNER TO pair_owner;

-- pair: owner_undeclared
-- options: {"owner": "postgres"}
-- options back: {}
-- expect: no statement OWNER TO
-- expect back: empty
-- from:
CREATE TABLE t (a integer);
-- to:
CREATE TABLE t (a integer);

-- pair: default_privileges
-- from:
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pair_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE pair_owner GRANT USAGE ON SEQUENCES TO pair_reader;
-- to:
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO pair_reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE pair_owner IN SCHEMA public GRANT SELECT ON SEQUENCES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE pair_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO pair_reader;
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;

-- pair: default_privileges_of_the_owner
-- from:
-- to:
ALTER DEFAULT PRIVILEGES FOR ROLE pair_owner REVOKE DELETE ON TABLES FROM pair_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE pair_owner GRANT EXECUTE ON FUNCTIONS TO pair_writer;

-- pair: default_privileges_and_new_tables
-- expect back: hazard data loss
-- from:
-- to:
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pair_reader;
CREATE TABLE t (a integer);
CREATE SEQUENCE s;

-- pair: default_privileges_that_a_new_table_must_not_get
-- base:
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pair_reader;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO pair_writer;
-- from:
-- to:
CREATE TABLE t (a integer);
REVOKE ALL ON t FROM pair_reader;
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON FUNCTION f() FROM pair_writer;

-- pair: default_privileges_when_a_view_is_made_anew
-- base:
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pair_reader;
-- from:
CREATE TABLE t (a integer);
CREATE VIEW v AS SELECT a FROM t;
REVOKE ALL ON v FROM pair_reader;
-- to:
CREATE TABLE t (a bigint);
CREATE VIEW v AS SELECT a FROM t;
REVOKE ALL ON v FROM pair_reader;

-- pair: default_privileges_on_large_objects_are_none
-- base:
CREATE SCHEMA s;
-- from:
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT EXECUTE ON ROUTINES TO pair_reader;
-- to:
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT USAGE ON TYPES TO pair_reader;
