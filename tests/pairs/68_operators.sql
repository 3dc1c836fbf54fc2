-- Operators, operator classes and families.

-- pair: operator_added
-- from:
-- to:
CREATE FUNCTION eq(text, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR === (FUNCTION = eq, LEFTARG = text, RIGHTARG = integer, RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR !! (FUNCTION = int4abs, RIGHTARG = integer);
COMMENT ON OPERATOR === (text, integer) IS '===';

-- pair: operator_restrict_and_join
-- from:
CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer, RESTRICT = eqsel);
COMMENT ON OPERATOR === (integer, integer) IS 'stays';
-- to:
CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer, JOIN = eqjoinsel);
COMMENT ON OPERATOR === (integer, integer) IS 'stays';

-- pair: operator_function
-- from:
CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer);
-- to:
CREATE OPERATOR === (FUNCTION = int4ne, LEFTARG = integer, RIGHTARG = integer);

-- pair: operator_commutator_of_itself
-- from:
CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer);
-- to:
CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = ===, HASHES, MERGES);

-- pair: operators_each_others_negator
-- from:
-- to:
CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = ===, NEGATOR = !==);
CREATE OPERATOR !== (FUNCTION = int4ne, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = !==, NEGATOR = ===);

-- pair: operators_commutator_of_other_types
-- base:
CREATE FUNCTION a(text, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION b(integer, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
-- from:
CREATE OPERATOR <<< (FUNCTION = a, LEFTARG = text, RIGHTARG = integer);
CREATE OPERATOR >>> (FUNCTION = b, LEFTARG = integer, RIGHTARG = text);
-- to:
CREATE OPERATOR <<< (FUNCTION = a, LEFTARG = text, RIGHTARG = integer, COMMUTATOR = >>>);
CREATE OPERATOR >>> (FUNCTION = b, LEFTARG = integer, RIGHTARG = text, COMMUTATOR = <<<);

-- pair: operator_under_a_view_and_a_check
-- from:
CREATE FUNCTION eq(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR === (FUNCTION = eq, LEFTARG = integer, RIGHTARG = integer);
CREATE TABLE t (a integer, CONSTRAINT k CHECK (a === 1));
CREATE VIEW v AS SELECT a FROM t WHERE a === 2;
-- to:
CREATE FUNCTION eq2(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR === (FUNCTION = eq2, LEFTARG = integer, RIGHTARG = integer);
CREATE TABLE t (a integer, CONSTRAINT k CHECK (a === 1));
CREATE VIEW v AS SELECT a FROM t WHERE a === 2;

-- pair: operator_moves
-- base:
CREATE SCHEMA s;
-- from:
CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer);
-- to:
CREATE OPERATOR s.=== (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer);

-- pair: operator_class_added
-- from:
-- to:
CREATE OPERATOR FAMILY f USING btree;
CREATE OPERATOR CLASS c FOR TYPE integer USING btree FAMILY f AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
CREATE TABLE t (a integer);
CREATE INDEX i ON t (a c);

-- pair: operator_class_with_a_family_of_its_own
-- from:
-- to:
CREATE OPERATOR CLASS c FOR TYPE integer USING hash AS OPERATOR 1 =, FUNCTION 1 hashint4(integer);

-- pair: operator_class_items
-- from:
CREATE OPERATOR CLASS c FOR TYPE integer USING btree AS
    OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint4cmp(integer, integer);
CREATE TABLE t (a integer);
CREATE INDEX i ON t (a c);
-- to:
CREATE OPERATOR CLASS c FOR TYPE integer USING btree AS
    OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
CREATE TABLE t (a integer);
CREATE INDEX i ON t (a c);

-- pair: operator_class_default
-- base:
CREATE TYPE e AS ENUM ('a');
CREATE FUNCTION cmp(point, point) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION lt(point, point) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR <<<< (FUNCTION = lt, LEFTARG = point, RIGHTARG = point);
-- from:
CREATE OPERATOR CLASS c FOR TYPE point USING btree AS OPERATOR 1 <<<<, FUNCTION 1 cmp(point, point);
-- to:
CREATE OPERATOR CLASS c DEFAULT FOR TYPE point USING btree AS OPERATOR 1 <<<<, FUNCTION 1 cmp(point, point);

-- pair: operator_class_storage
-- from:
CREATE OPERATOR CLASS c FOR TYPE text[] USING gin AS OPERATOR 1 &&(anyarray, anyarray), FUNCTION 2 ginarrayextract(anyarray, internal, internal),
    FUNCTION 3 ginqueryarrayextract(anyarray, internal, smallint, internal, internal, internal, internal), FUNCTION 4 ginarrayconsistent(internal, smallint, anyarray, integer, internal, internal, internal, internal), STORAGE text;
-- to:

-- pair: operator_family_loose_items
-- base:
CREATE OPERATOR FAMILY f USING btree;
CREATE OPERATOR CLASS c FOR TYPE integer USING btree FAMILY f AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint4cmp(integer, integer);
-- from:
ALTER OPERATOR FAMILY f USING btree ADD OPERATOR 1 < (bigint, integer);
-- to:
ALTER OPERATOR FAMILY f USING btree ADD OPERATOR 3 = (bigint, integer), FUNCTION 1 (bigint, integer) btint84cmp(bigint, integer);

-- pair: operator_class_with_sort_operators
-- from:
-- to:
CREATE OPERATOR CLASS c FOR TYPE point USING gist AS
    OPERATOR 1 << (point, point), OPERATOR 15 <-> (point, point) FOR ORDER BY float_ops,
    FUNCTION 1 gist_point_consistent(internal, point, smallint, oid, internal), FUNCTION 2 gist_box_union(internal, internal),
    FUNCTION 3 gist_point_compress(internal), FUNCTION 5 gist_box_penalty(internal, internal, internal),
    FUNCTION 6 gist_box_picksplit(internal, internal), FUNCTION 7 gist_box_same(box, box, internal),
    FUNCTION 8 gist_point_distance(internal, point, smallint, oid, internal), STORAGE box;

-- pair: operator_that_is_a_shell_with_an_owner
-- from:
CREATE SCHEMA s;
-- to:
CREATE SCHEMA s;
CREATE TYPE s.c AS (a integer);
CREATE FUNCTION s.f(s.c, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR s.=@ (FUNCTION = s.f, LEFTARG = s.c, RIGHTARG = integer, COMMUTATOR = OPERATOR(s.@=), NEGATOR = OPERATOR(s.!@));
ALTER OPERATOR s.@= (integer, s.c) OWNER TO pair_owner;

-- pair: operator_that_is_a_shell_nothing_names
-- from:
CREATE SCHEMA s;
-- to:
CREATE SCHEMA s;
CREATE FUNCTION s.f(boolean, boolean) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR s.=== (FUNCTION = s.f, LEFTARG = boolean, RIGHTARG = boolean, NEGATOR = OPERATOR(s.!==));
DROP OPERATOR s.=== (boolean, boolean);
CREATE FUNCTION s.f(boolean) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR s.@@@ (FUNCTION = s.f, RIGHTARG = boolean, NEGATOR = OPERATOR(s.!@@));
DROP OPERATOR s.@@@ (NONE, boolean);
ALTER OPERATOR s.!== (boolean, boolean) OWNER TO pair_owner;

-- pair: operator_class_goes_and_its_function_stays
-- expect: kept function public.h(integer, bigint)
-- from:
CREATE FUNCTION h(value integer, seed bigint) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS 'SELECT value + seed';
CREATE OPERATOR CLASS c FOR TYPE integer USING hash AS OPERATOR 1 =, FUNCTION 2 h(integer, bigint);
CREATE TABLE t (a integer) PARTITION BY HASH (a);
-- to:
CREATE FUNCTION h(value integer, seed bigint) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS 'SELECT value + seed';
CREATE TABLE t (a integer) PARTITION BY HASH (a);

-- pair: operator_family_of_the_system_gets_members
-- from:
CREATE TYPE n;
CREATE FUNCTION n_in(cstring) RETURNS n LANGUAGE internal IMMUTABLE STRICT AS 'int8in';
CREATE FUNCTION n_out(n) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int8out';
CREATE TYPE n (INPUT = n_in, OUTPUT = n_out, LIKE = bigint);
CREATE FUNCTION n_eq(n, n) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int8eq';
CREATE OPERATOR = (FUNCTION = n_eq, LEFTARG = n, RIGHTARG = n, COMMUTATOR = =, RESTRICT = eqsel, JOIN = eqjoinsel, MERGES);
-- to:
CREATE TYPE n;
CREATE FUNCTION n_in(cstring) RETURNS n LANGUAGE internal IMMUTABLE STRICT AS 'int8in';
CREATE FUNCTION n_out(n) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int8out';
CREATE TYPE n (INPUT = n_in, OUTPUT = n_out, LIKE = bigint);
CREATE FUNCTION n_eq(n, n) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int8eq';
CREATE OPERATOR = (FUNCTION = n_eq, LEFTARG = n, RIGHTARG = n, COMMUTATOR = =, RESTRICT = eqsel, JOIN = eqjoinsel, MERGES);
ALTER OPERATOR FAMILY integer_ops USING btree ADD OPERATOR 3 = (n, n);
CREATE FUNCTION n_lt(n, n) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int8lt';
CREATE OPERATOR < (FUNCTION = n_lt, LEFTARG = n, RIGHTARG = n);
CREATE FUNCTION n_cmp(n, bigint) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'btint8cmp';
ALTER OPERATOR FAMILY integer_ops USING btree ADD OPERATOR 1 < (n, n), FUNCTION 1 (n, bigint) n_cmp(n, bigint);
