-- Casts, collations, conversions, transforms, languages, access methods, extended statistics.

-- pair: cast_added
-- from:
-- to:
CREATE TYPE e AS ENUM ('a');
CREATE FUNCTION to_e(text) RETURNS e LANGUAGE sql IMMUTABLE AS 'SELECT NULL::public.e';
CREATE CAST (text AS e) WITH FUNCTION to_e(text) AS IMPLICIT;
CREATE CAST (e AS integer) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (e AS integer) IS 'number';

-- pair: cast_attributes
-- base:
CREATE TYPE e AS ENUM ('a');
CREATE FUNCTION to_e(text) RETURNS e LANGUAGE sql IMMUTABLE AS 'SELECT NULL::public.e';
-- from:
CREATE CAST (text AS e) WITH INOUT;
CREATE CAST (e AS integer) WITH INOUT;
COMMENT ON CAST (text AS e) IS 'stays';
-- to:
CREATE CAST (text AS e) WITH FUNCTION to_e(text) AS ASSIGNMENT;
CREATE CAST (e AS integer) WITH INOUT AS IMPLICIT;
COMMENT ON CAST (text AS e) IS 'stays';

-- pair: cast_binary
-- server: before 17
-- from:
CREATE TYPE a AS (x integer);
CREATE TYPE b AS RANGE (subtype = integer);
CREATE CAST (int4range AS b) WITHOUT FUNCTION;
-- to:
CREATE TYPE a AS (x integer);
CREATE TYPE b AS RANGE (subtype = integer);
CREATE CAST (b AS int4range) WITHOUT FUNCTION AS ASSIGNMENT;

-- pair: cast_used_by_a_view
-- from:
CREATE TYPE e AS ENUM ('a');
CREATE FUNCTION number(e) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE CAST (e AS integer) WITH FUNCTION number(e);
CREATE TABLE t (x e);
CREATE VIEW v AS SELECT x::integer AS y FROM t;
-- to:
CREATE TYPE e AS ENUM ('a');
CREATE FUNCTION number2(e) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE CAST (e AS integer) WITH FUNCTION number2(e);
CREATE TABLE t (x e);
CREATE VIEW v AS SELECT x::integer AS y FROM t;

-- pair: collation_added
-- from:
-- to:
CREATE COLLATION german (provider = icu, locale = 'de-u-co-phonebk', deterministic = false);
CREATE COLLATION bytes (lc_collate = 'C', lc_ctype = 'C.UTF-8');
CREATE TABLE t (a text COLLATE german, b text COLLATE bytes);
CREATE INDEX i ON t (a COLLATE bytes);

-- pair: collation_attributes
-- from:
CREATE COLLATION l (provider = icu, locale = 'de');
COMMENT ON COLLATION l IS 'stays';
CREATE TABLE t (a text COLLATE l);
INSERT INTO t VALUES ('x');
-- to:
CREATE COLLATION l (provider = icu, locale = 'sv', deterministic = false);
COMMENT ON COLLATION l IS 'stays';
CREATE TABLE t (a text COLLATE l);

-- pair: collation_provider
-- from:
CREATE COLLATION l (provider = icu, locale = 'de');
-- to:
CREATE COLLATION l (lc_collate = 'C', lc_ctype = 'C');

-- pair: collation_under_everything
-- from:
CREATE COLLATION l (lc_collate = 'C', lc_ctype = 'C');
CREATE DOMAIN d AS text COLLATE l;
CREATE TYPE c AS (a text COLLATE l);
CREATE TYPE r AS RANGE (subtype = text, collation = l);
CREATE TABLE t (a text COLLATE l, b text) PARTITION BY LIST (b COLLATE l);
CREATE VIEW v AS SELECT a FROM t ORDER BY b COLLATE l;
-- to:
CREATE COLLATION m (lc_collate = 'C', lc_ctype = 'C');
CREATE DOMAIN d AS text COLLATE m;
CREATE TYPE c AS (a text COLLATE m);
CREATE TYPE r AS RANGE (subtype = text, collation = m);
CREATE TABLE t (a text COLLATE m, b text) PARTITION BY LIST (b COLLATE m);
CREATE VIEW v AS SELECT a FROM t ORDER BY b COLLATE m;
-- expect: remade table public.t
-- expect back: remade table public.t
-- expect: remade column public.t.*
-- expect back: remade column public.t.*

-- pair: conversion_added_and_changed
-- from:
CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
COMMENT ON CONVERSION c IS 'stays';
-- to:
CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
CREATE DEFAULT CONVERSION d FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
COMMENT ON CONVERSION c IS 'stays';

-- pair: transform_added_and_changed
-- base:
CREATE FUNCTION from_sql(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'boolin';
CREATE TYPE e AS ENUM ('a');
CREATE FUNCTION to_sql(internal) RETURNS e LANGUAGE internal IMMUTABLE AS 'boolin';
-- from:
CREATE TRANSFORM FOR e LANGUAGE plpgsql (FROM SQL WITH FUNCTION from_sql(internal));
COMMENT ON TRANSFORM FOR e LANGUAGE plpgsql IS 'stays';
-- to:
CREATE TRANSFORM FOR e LANGUAGE plpgsql (FROM SQL WITH FUNCTION from_sql(internal), TO SQL WITH FUNCTION to_sql(internal));
COMMENT ON TRANSFORM FOR e LANGUAGE plpgsql IS 'stays';

-- pair: language_added
-- from:
-- to:
CREATE FUNCTION h() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION i(internal) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION v(oid) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE l HANDLER h INLINE i VALIDATOR v;
CREATE FUNCTION f() RETURNS integer LANGUAGE l AS 'BEGIN RETURN 1; END';

-- pair: language_attributes
-- base:
CREATE FUNCTION h() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION i(internal) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION v(oid) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
-- from:
CREATE LANGUAGE l HANDLER h;
CREATE FUNCTION f() RETURNS integer LANGUAGE l AS 'BEGIN RETURN 1; END';
-- to:
CREATE TRUSTED LANGUAGE l HANDLER h INLINE i VALIDATOR v;
CREATE FUNCTION f() RETURNS integer LANGUAGE l AS 'BEGIN RETURN 1; END';

-- pair: access_methods
-- from:
CREATE ACCESS METHOD a TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE t (x integer) USING a;
-- to:
CREATE ACCESS METHOD a TYPE INDEX HANDLER bthandler;
CREATE ACCESS METHOD b TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE t (x integer) USING b;
COMMENT ON ACCESS METHOD a IS 'a';

-- pair: access_method_with_an_operator_class
-- from:
CREATE TABLE t (x integer);
-- to:
CREATE ACCESS METHOD a TYPE INDEX HANDLER bthandler;
CREATE OPERATOR CLASS c DEFAULT FOR TYPE integer USING a AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
CREATE TABLE t (x integer);

-- pair: statistics_added
-- base:
CREATE TABLE t (a integer, b integer, c integer);
-- from:
-- to:
CREATE STATISTICS s (ndistinct, dependencies) ON a, b FROM t;
CREATE STATISTICS x ON (a + b) FROM t;
COMMENT ON STATISTICS s IS 's';

-- pair: statistics_changed
-- base:
CREATE TABLE t (a integer, b integer, c integer);
-- from:
CREATE STATISTICS s (ndistinct) ON a, b FROM t;
COMMENT ON STATISTICS s IS 'stays';
ALTER STATISTICS s SET STATISTICS 5;
-- to:
CREATE STATISTICS s (mcv) ON a, b, c FROM t;
COMMENT ON STATISTICS s IS 'stays';
ALTER STATISTICS s SET STATISTICS 5;

-- pair: statistics_target
-- base:
CREATE TABLE t (a integer, b integer);
CREATE STATISTICS s ON a, b FROM t;
CREATE STATISTICS r ON (a * 2), b FROM t;
-- from:
ALTER STATISTICS s SET STATISTICS 5;
-- to:
ALTER STATISTICS r SET STATISTICS 7;

-- pair: statistics_over_a_changed_column
-- from:
CREATE TABLE t (a integer, b integer);
CREATE STATISTICS s ON a, b FROM t;
CREATE STATISTICS x ON (a * 2), b FROM t;
COMMENT ON STATISTICS s IS 's';
-- to:
CREATE TABLE t (a bigint, b integer);
CREATE STATISTICS s ON a, b FROM t;
CREATE STATISTICS x ON (a * 2), b FROM t;
COMMENT ON STATISTICS s IS 's';

-- pair: statistics_in_another_schema
-- base:
CREATE SCHEMA s;
CREATE TABLE t (a integer, b integer);
-- from:
CREATE STATISTICS x ON a, b FROM t;
-- to:
CREATE STATISTICS s.x ON a, b FROM t;
