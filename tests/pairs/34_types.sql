-- Composite, range, base and shell types.

-- pair: composite_added
-- from:
-- to:
CREATE TYPE c AS (a integer, "B" text COLLATE "C");
COMMENT ON TYPE c IS 'c';
COMMENT ON COLUMN c."B" IS 'B';

-- pair: composite_attribute_added
-- expect: kept type public.c
-- from:
CREATE TYPE c AS (a integer);
CREATE FUNCTION f(c) RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- to:
CREATE TYPE c AS (a integer, b text);
CREATE FUNCTION f(c) RETURNS integer LANGUAGE sql AS 'SELECT 1';

-- pair: composite_attribute_in_the_middle
-- from:
CREATE TYPE c AS (a integer, z text);
-- to:
CREATE TYPE c AS (a integer, m integer, z text);

-- pair: composite_attributes_in_another_order
-- from:
CREATE TYPE c AS (a integer, b text);
-- to:
CREATE TYPE c AS (b text, a integer);

-- pair: composite_attribute_type
-- from:
CREATE TYPE c AS (a integer, b text);
-- to:
CREATE TYPE c AS (a bigint, b text COLLATE "C");

-- pair: composite_attribute_dropped_while_used
-- from:
CREATE TYPE c AS (a integer, b text);
CREATE TABLE t (x c);
INSERT INTO t VALUES (ROW(1, 'b'));
-- to:
CREATE TYPE c AS (a integer);
CREATE TABLE t (x c);
-- expect: hazard data loss
-- expect: rows lost public.t
-- expect back: rows lost public.t

-- pair: composite_attribute_type_while_used
-- from:
CREATE TYPE c AS (a integer, b text);
CREATE TABLE t (id integer, x c);
CREATE VIEW v AS SELECT (x).a AS y FROM t;
-- to:
CREATE TYPE c AS (a bigint, b text);
CREATE TABLE t (id integer, x c);
CREATE VIEW v AS SELECT (x).a AS y FROM t;

-- pair: composite_under_a_typed_table
-- from:
CREATE TYPE c AS (a integer, b text);
CREATE TABLE t OF c;
INSERT INTO t VALUES (1, 'x');
-- to:
CREATE TYPE c AS (a integer, b text, d integer);
CREATE TABLE t OF c;

-- pair: composite_under_a_typed_table_type
-- from:
CREATE TYPE c AS (a integer, b text);
CREATE TABLE t OF c (PRIMARY KEY (a));
-- to:
CREATE TYPE c AS (a bigint, b text);
CREATE TABLE t OF c (PRIMARY KEY (a));

-- pair: composite_of_composite
-- from:
CREATE TYPE a AS (x integer);
CREATE TYPE b AS (y a, z a[]);
-- to:
CREATE TYPE a AS (x integer, w text);
CREATE TYPE b AS (y a, z a[]);

-- pair: composite_with_comments_and_owner
-- from:
CREATE TYPE c AS (a integer, b text);
COMMENT ON COLUMN c.a IS 'one';
-- to:
CREATE TYPE c AS (a integer, b text);
COMMENT ON COLUMN c.a IS 'two';
COMMENT ON COLUMN c.b IS 'b';
COMMENT ON TYPE c IS 'c';
ALTER TYPE c OWNER TO pair_owner;
REVOKE USAGE ON TYPE c FROM PUBLIC;

-- pair: composite_empty
-- from:
CREATE TYPE c AS ();
-- to:
CREATE TYPE c AS (a integer);

-- pair: composite_becomes_table
-- from:
CREATE TYPE c AS (a integer);
-- to:
CREATE TABLE c (a integer);

-- pair: range_added
-- from:
-- to:
CREATE TYPE r AS RANGE (subtype = double precision, subtype_diff = float8mi);
CREATE TABLE t (x r, y r_multirange, z r[]);

-- pair: range_subtype
-- from:
CREATE TYPE r AS RANGE (subtype = double precision);
COMMENT ON TYPE r IS 'r';
-- to:
CREATE TYPE r AS RANGE (subtype = numeric);
COMMENT ON TYPE r IS 'r';

-- pair: range_attributes
-- base:
CREATE FUNCTION diff(text, text) RETURNS double precision LANGUAGE sql IMMUTABLE AS 'SELECT 1::double precision';
-- from:
CREATE TYPE r AS RANGE (subtype = text);
-- to:
CREATE TYPE r AS RANGE (subtype = text, collation = "C", subtype_opclass = text_pattern_ops, subtype_diff = diff, multirange_type_name = many_r);

-- pair: range_canonical
-- from:
CREATE TYPE r AS RANGE (subtype = integer);
-- to:
CREATE TYPE r;
CREATE FUNCTION canon(r) RETURNS r LANGUAGE internal IMMUTABLE STRICT AS 'int4range_canonical';
CREATE TYPE r AS RANGE (subtype = integer, canonical = canon);

-- pair: range_used_in_tables_and_functions
-- from:
CREATE TYPE r AS RANGE (subtype = integer);
CREATE TABLE t (id integer, x r, CONSTRAINT k EXCLUDE USING gist (x WITH &&));
CREATE FUNCTION f(r) RETURNS r LANGUAGE sql AS 'SELECT $1';
-- to:
CREATE TYPE r AS RANGE (subtype = bigint);
CREATE TABLE t (id integer, x r, CONSTRAINT k EXCLUDE USING gist (x WITH &&));
CREATE FUNCTION f(r) RETURNS r LANGUAGE sql AS 'SELECT $1';

-- pair: base_type_added
-- from:
-- to:
CREATE TYPE b;
CREATE FUNCTION b_in(cstring) RETURNS b LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION b_out(b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE b (INPUT = b_in, OUTPUT = b_out, LIKE = integer, CATEGORY = 'N', DEFAULT = '7', DELIMITER = ';');
CREATE TABLE t (x b, y b[]);

-- pair: base_type_attributes
-- from:
CREATE TYPE b;
CREATE FUNCTION b_in(cstring) RETURNS b LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION b_out(b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION b_recv(internal) RETURNS b LANGUAGE internal STABLE STRICT AS 'textrecv';
CREATE FUNCTION b_send(b) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'textsend';
CREATE TYPE b (INPUT = b_in, OUTPUT = b_out, INTERNALLENGTH = VARIABLE, STORAGE = extended);
-- to:
CREATE TYPE b;
CREATE FUNCTION b_in(cstring) RETURNS b LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION b_out(b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION b_recv(internal) RETURNS b LANGUAGE internal STABLE STRICT AS 'textrecv';
CREATE FUNCTION b_send(b) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'textsend';
CREATE TYPE b (INPUT = b_in, OUTPUT = b_out, RECEIVE = b_recv, SEND = b_send, INTERNALLENGTH = VARIABLE, STORAGE = main, COLLATABLE = true,
    CATEGORY = 'S', PREFERRED = false);

-- pair: base_type_replaced
-- from:
CREATE TYPE b;
CREATE FUNCTION b_in(cstring) RETURNS b LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION b_out(b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE b (INPUT = b_in, OUTPUT = b_out, LIKE = integer);
-- to:
CREATE TYPE b;
CREATE FUNCTION b_in(cstring) RETURNS b LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION b_out(b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE b (INPUT = b_in, OUTPUT = b_out, LIKE = integer, DEFAULT = '3', DELIMITER = ';', CATEGORY = 'N');

-- pair: shell_type
-- from:
-- to:
CREATE TYPE s;

-- pair: shell_type_filled
-- from:
CREATE TYPE s;
-- to:
CREATE TYPE s AS ENUM ('a');

-- pair: type_moves_to_another_schema
-- base:
CREATE SCHEMA s;
-- from:
CREATE TYPE c AS (a integer);
CREATE FUNCTION f(c) RETURNS c LANGUAGE sql AS 'SELECT $1';
-- to:
CREATE TYPE s.c AS (a integer);
CREATE FUNCTION f(s.c) RETURNS s.c LANGUAGE sql AS 'SELECT $1';

-- pair: composite_attributes_before_a_row_as_a_default
-- from:
CREATE TYPE c AS (x integer, y text, z date);
-- to:
CREATE TYPE c AS (x bigint, y text);
CREATE TABLE t (a c DEFAULT ROW(1, 'a'));
CREATE FUNCTION f() RETURNS c LANGUAGE sql RETURN ROW(1, 'a')::c;

-- pair: composite_arrays_of_changed_attributes
-- expect: statement pg_temp.convert_1
-- expect: rows lost public.t
-- expect back: rows lost public.t
-- expect: no hazard data loss
-- from:
CREATE TYPE c AS (a integer, b text);
CREATE TABLE t (id integer, x c[], y c[][] NOT NULL DEFAULT '{}', z c);
INSERT INTO t VALUES (1, ARRAY[(1, 'a,"{}\')::c, NULL, (NULL, NULL)::c, (2, NULL)::c], ARRAY[[(1, 'x')::c, (2, 'y')::c], [(3, 'z')::c, (4, '')::c]], (1, 'a')),
    (2, NULL, '{}', NULL), (3, '[5:6]={"(1,a)","(2,b)"}', '{}', NULL);
-- to:
CREATE TYPE c AS (b text, a bigint);
CREATE TABLE t (id integer, x c[], y c[][] NOT NULL DEFAULT '{}', z c);

-- pair: composite_arrays_of_arrays_and_domains
-- expect: rows lost public.t
-- expect back: rows lost public.t
-- from:
CREATE TYPE i AS (a integer, b text);
CREATE TYPE c AS (x i[], n integer);
CREATE DOMAIN di AS i;
CREATE DOMAIN dl AS c[];
CREATE TABLE t (id integer, x c[], y di[], z dl);
INSERT INTO t VALUES (1, ARRAY[(ARRAY[(1, 'a')::i, (2, 'b')::i], 7)::c], ARRAY[(3, 'c')::i::di], ARRAY[(NULL, 1)::c]);
-- to:
CREATE TYPE i AS (b text, a integer);
CREATE TYPE c AS (x i[], n integer);
CREATE DOMAIN di AS i;
CREATE DOMAIN dl AS c[];
CREATE TABLE t (id integer, x c[], y di[], z dl);

-- pair: composite_arrays_of_another_type
-- from:
CREATE TYPE c AS (a integer, b text);
CREATE TYPE d AS (b text, a integer);
CREATE TABLE t (x c[]);
INSERT INTO t VALUES (ARRAY[(1, 'a')::c]);
-- to:
CREATE TYPE c AS (a integer, b text);
CREATE TYPE d AS (b text, a integer);
CREATE TABLE t (x d[]);
