-- Foreign data wrappers, servers, user mappings, foreign tables.

-- pair: wrapper_added
-- from:
-- to:
CREATE FOREIGN DATA WRAPPER w OPTIONS (debug 'true', "odd name" 'it''s');

-- pair: wrapper_options_and_functions
-- base:
CREATE FUNCTION h() RETURNS fdw_handler LANGUAGE c AS '$libdir/file_fdw', 'file_fdw_handler';
CREATE FUNCTION v(text[], oid) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
-- from:
CREATE FOREIGN DATA WRAPPER w OPTIONS (a '1', b '2');
-- to:
CREATE FOREIGN DATA WRAPPER w HANDLER h VALIDATOR v OPTIONS (b '3', c '4');

-- pair: server_added
-- base:
CREATE FOREIGN DATA WRAPPER w;
-- from:
-- to:
CREATE SERVER s TYPE 'x' VERSION '1' FOREIGN DATA WRAPPER w OPTIONS (host 'a', port '1');

-- pair: server_attributes
-- base:
CREATE FOREIGN DATA WRAPPER w;
-- from:
CREATE SERVER s VERSION '1' FOREIGN DATA WRAPPER w OPTIONS (host 'a', port '1');
-- to:
CREATE SERVER s VERSION '2' FOREIGN DATA WRAPPER w OPTIONS (host 'b', dbname 'x');

-- pair: server_type
-- base:
CREATE FOREIGN DATA WRAPPER w;
-- from:
CREATE SERVER s TYPE 'x' FOREIGN DATA WRAPPER w;
-- to:
CREATE SERVER s TYPE 'y' FOREIGN DATA WRAPPER w;

-- pair: server_wrapper
-- base:
CREATE FOREIGN DATA WRAPPER w;
CREATE FOREIGN DATA WRAPPER x;
-- from:
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE t (a integer) SERVER s;
-- to:
CREATE SERVER s FOREIGN DATA WRAPPER x;
CREATE FOREIGN TABLE t (a integer) SERVER s;
-- expect: remade foreign table public.t
-- expect back: remade foreign table public.t
-- expect: remade column public.t.a
-- expect back: remade column public.t.a

-- pair: user_mappings
-- base:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
-- from:
CREATE USER MAPPING FOR pair_reader SERVER s;
-- to:
CREATE USER MAPPING FOR PUBLIC SERVER s;
CREATE USER MAPPING FOR "pair ""Quoted""" SERVER s;

-- pair: foreign_table_added
-- base:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
-- from:
-- to:
CREATE FOREIGN TABLE t (a integer OPTIONS (x 'y') NOT NULL DEFAULT 1, b text COLLATE "C", CONSTRAINT k CHECK (a > 0)) SERVER s
    OPTIONS (schema_name 'p', table_name 'q');

-- pair: foreign_table_options
-- base:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
-- from:
CREATE FOREIGN TABLE t (a integer OPTIONS (x 'y'), b text OPTIONS (x 'y', z '1')) SERVER s OPTIONS (schema_name 'p', table_name 'q');
-- to:
CREATE FOREIGN TABLE t (a integer OPTIONS (x 'z'), b text OPTIONS (w '2')) SERVER s OPTIONS (schema_name 'r', other 'q');

-- pair: foreign_table_columns
-- base:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
-- from:
CREATE FOREIGN TABLE t (a integer, b text) SERVER s;
-- to:
CREATE FOREIGN TABLE t (a bigint NOT NULL DEFAULT 4, b text, c integer OPTIONS (x 'y')) SERVER s;
ALTER FOREIGN TABLE t ALTER COLUMN b SET STATISTICS 8, ALTER COLUMN b SET STORAGE external;

-- pair: foreign_table_server
-- base:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s1 FOREIGN DATA WRAPPER w;
CREATE SERVER s2 FOREIGN DATA WRAPPER w;
-- from:
CREATE FOREIGN TABLE t (a integer) SERVER s1;
-- to:
CREATE FOREIGN TABLE t (a integer) SERVER s2;
-- expect: remade foreign table public.t
-- expect back: remade foreign table public.t
-- expect: remade column public.t.a
-- expect back: remade column public.t.a

-- pair: foreign_table_constraints
-- base:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
-- from:
CREATE FOREIGN TABLE t (a integer, CONSTRAINT k CHECK (a > 0)) SERVER s;
-- to:
CREATE FOREIGN TABLE t (a integer, CONSTRAINT k CHECK (a > 1) NO INHERIT, CONSTRAINT l CHECK (a < 9)) SERVER s;

-- pair: foreign_table_becomes_table
-- base:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
-- from:
CREATE FOREIGN TABLE t (a integer, b text) SERVER s;
-- to:
CREATE TABLE t (a integer, b text);

-- pair: foreign_table_as_partition
-- base:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE TABLE t (a integer, b text) PARTITION BY LIST (a);
-- from:
CREATE FOREIGN TABLE t_1 (a integer, b text) SERVER s;
-- to:
CREATE FOREIGN TABLE t_1 PARTITION OF t FOR VALUES IN (1) SERVER s OPTIONS (x 'y');

-- pair: foreign_table_inherits
-- base:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE TABLE p (a integer);
-- from:
CREATE FOREIGN TABLE t (a integer) SERVER s;
-- to:
CREATE FOREIGN TABLE t (a integer) INHERITS (p) SERVER s;

-- pair: foreign_everything_goes
-- from:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR pair_reader SERVER s;
CREATE FOREIGN TABLE t (a integer) SERVER s;
CREATE VIEW v AS SELECT a FROM t;
-- to:
