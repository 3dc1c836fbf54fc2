-- The attributes of rarer kinds that no ALTER changes: the object is made anew.

-- pair: aggregate_state_and_result
-- from:
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer);
COMMENT ON AGGREGATE total(integer) IS 'stays';
-- to:
CREATE AGGREGATE total(integer) (SFUNC = int4_sum, STYPE = bigint);
COMMENT ON AGGREGATE total(integer) IS 'stays';

-- pair: conversion_default
-- from:
CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
-- to:
CREATE DEFAULT CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;

-- pair: language_handler
-- base:
CREATE FUNCTION h() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION h2() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
-- from:
CREATE LANGUAGE l HANDLER h;
CREATE FUNCTION f() RETURNS integer LANGUAGE l AS 'BEGIN RETURN 1; END';
-- to:
CREATE LANGUAGE l HANDLER h2;
CREATE FUNCTION f() RETURNS integer LANGUAGE l AS 'BEGIN RETURN 1; END';

-- pair: operator_negator_added
-- from:
CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR !== (FUNCTION = int4ne, LEFTARG = integer, RIGHTARG = integer);
-- to:
CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer, NEGATOR = !==);
CREATE OPERATOR !== (FUNCTION = int4ne, LEFTARG = integer, RIGHTARG = integer, NEGATOR = ===);

-- pair: operator_class_family_and_type
-- base:
CREATE OPERATOR FAMILY f1 USING hash;
CREATE OPERATOR FAMILY f2 USING hash;
-- from:
CREATE OPERATOR CLASS c FOR TYPE integer USING hash FAMILY f1 AS OPERATOR 1 =, FUNCTION 1 hashint4(integer);
-- to:
CREATE OPERATOR CLASS c FOR TYPE bigint USING hash FAMILY f2 AS OPERATOR 1 =, FUNCTION 1 hashint8(bigint);

-- pair: text_search_parser_functions
-- base:
CREATE FUNCTION s(internal, integer) RETURNS internal LANGUAGE internal AS 'prsd_start' STRICT;
CREATE FUNCTION g(internal, internal, internal) RETURNS internal LANGUAGE internal AS 'prsd_nexttoken' STRICT;
CREATE FUNCTION e(internal) RETURNS void LANGUAGE internal AS 'prsd_end' STRICT;
CREATE FUNCTION l(internal) RETURNS internal LANGUAGE internal AS 'prsd_lextype' STRICT;
CREATE FUNCTION x(internal, internal, internal, internal) RETURNS internal LANGUAGE internal AS 'dsimple_lexize' STRICT;
-- from:
CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE t (INIT = dsimple_init, LEXIZE = dsimple_lexize);
-- to:
CREATE TEXT SEARCH PARSER p (START = s, GETTOKEN = g, END = e, LEXTYPES = l);
CREATE TEXT SEARCH TEMPLATE t (INIT = dsimple_init, LEXIZE = x);

-- pair: transform_from_sql
-- base:
CREATE TYPE e AS ENUM ('a');
CREATE FUNCTION one(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'boolin';
CREATE FUNCTION two(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'boolin';
-- from:
CREATE TRANSFORM FOR e LANGUAGE plpgsql (FROM SQL WITH FUNCTION one(internal));
-- to:
CREATE TRANSFORM FOR e LANGUAGE plpgsql (FROM SQL WITH FUNCTION two(internal));

-- pair: base_type_layout
-- from:
CREATE TYPE b;
CREATE FUNCTION b_in(cstring) RETURNS b LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION b_out(b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE b (INPUT = b_in, OUTPUT = b_out, LIKE = integer);
-- to:
CREATE TYPE b;
CREATE FUNCTION b_read(cstring) RETURNS b LANGUAGE internal IMMUTABLE STRICT AS 'int8in';
CREATE FUNCTION b_write(b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int8out';
CREATE TYPE b (INPUT = b_read, OUTPUT = b_write, LIKE = bigint, CATEGORY = 'U', PREFERRED = true);
