-- Functions, procedures, aggregates: bodies and every attribute.

-- pair: function_added
-- from:
-- to:
CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT a';
COMMENT ON FUNCTION f(integer) IS 'New';

-- pair: function_body
-- expect: kept function public.f(integer)
-- expect back: kept function public.f(integer)
-- from:
CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT a';
GRANT EXECUTE ON FUNCTION f(integer) TO pair_reader;
-- to:
CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT a + 1';
GRANT EXECUTE ON FUNCTION f(integer) TO pair_reader;

-- pair: function_attributes
-- expect: kept function public.f(integer)
-- from:
CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT a';
-- to:
CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER LEAKPROOF PARALLEL SAFE COST 7 AS 'SELECT a';

-- pair: function_volatility_and_parallel
-- from:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql STABLE PARALLEL RESTRICTED AS 'SELECT 1';
CREATE FUNCTION g() RETURNS SETOF integer LANGUAGE sql ROWS 5 AS 'SELECT 1';
-- to:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql VOLATILE PARALLEL UNSAFE AS 'SELECT 1';
CREATE FUNCTION g() RETURNS SETOF integer LANGUAGE sql ROWS 10 AS 'SELECT 1';

-- pair: function_settings
-- from:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql SET search_path = public, pg_temp SET work_mem = '1MB' AS 'SELECT 1';
CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- to:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql SET search_path = pg_catalog AS 'SELECT 1';
CREATE FUNCTION g() RETURNS integer LANGUAGE sql SET datestyle = 'ISO, DMY' SET "my.setting" = 'it''s' AS 'SELECT 1';

-- pair: function_language
-- from:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- to:
CREATE FUNCTION f() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';

-- pair: function_support
-- from:
CREATE FUNCTION f(integer, integer) RETURNS SETOF integer LANGUAGE internal AS 'generate_series_int4' STRICT;
-- to:
CREATE FUNCTION f(integer, integer) RETURNS SETOF integer LANGUAGE internal AS 'generate_series_int4' STRICT SUPPORT generate_series_int4_support;

-- pair: function_result
-- from:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
GRANT EXECUTE ON FUNCTION f() TO pair_reader;
COMMENT ON FUNCTION f() IS 'f';
-- to:
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
GRANT EXECUTE ON FUNCTION f() TO pair_reader;
COMMENT ON FUNCTION f() IS 'f';

-- pair: function_argument_name
-- from:
CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT $1';
ALTER FUNCTION f(integer) OWNER TO pair_owner;
REVOKE EXECUTE ON FUNCTION f(integer) FROM PUBLIC;
-- to:
CREATE FUNCTION f(b integer) RETURNS integer LANGUAGE sql AS 'SELECT $1';
ALTER FUNCTION f(integer) OWNER TO pair_owner;
REVOKE EXECUTE ON FUNCTION f(integer) FROM PUBLIC;

-- pair: function_argument_type
-- from:
CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- to:
CREATE FUNCTION f(a bigint) RETURNS integer LANGUAGE sql AS 'SELECT 1';

-- pair: function_defaults
-- from:
CREATE FUNCTION f(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION g(a integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- to:
CREATE FUNCTION f(a integer, b integer DEFAULT 2) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION g(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';

-- pair: function_out_and_table
-- from:
CREATE FUNCTION f(OUT a integer, OUT b text) RETURNS SETOF record LANGUAGE sql AS $$ SELECT 1, 'x' $$;
CREATE FUNCTION g(VARIADIC a integer[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- to:
CREATE FUNCTION f() RETURNS TABLE (a integer, c text) LANGUAGE sql AS $$ SELECT 1, 'x' $$;
CREATE FUNCTION g(a integer[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';

-- pair: function_inout
-- from:
CREATE FUNCTION f(INOUT a integer) LANGUAGE sql AS 'SELECT 1';
-- to:
CREATE FUNCTION f(INOUT a integer, OUT b integer) LANGUAGE sql AS 'SELECT 1, 2';

-- pair: function_sql_body
-- from:
CREATE TABLE t (a integer);
CREATE FUNCTION f(x integer) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t WHERE a = x; END;
CREATE FUNCTION g() RETURNS integer LANGUAGE sql RETURN 1;
-- to:
CREATE TABLE t (a integer, b integer);
CREATE FUNCTION f(x integer) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t WHERE b = x; END;
CREATE FUNCTION g() RETURNS integer LANGUAGE sql RETURN 2;

-- pair: function_sql_body_over_a_changed_column
-- from:
CREATE TABLE t (a integer);
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(a) FROM t; END;
COMMENT ON FUNCTION f() IS 'f';
GRANT EXECUTE ON FUNCTION f() TO pair_reader;
-- to:
CREATE TABLE t (a bigint);
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(a) FROM t; END;
COMMENT ON FUNCTION f() IS 'f';
GRANT EXECUTE ON FUNCTION f() TO pair_reader;

-- pair: function_that_refers_to_what_is_defined_later
-- from:
-- to:
SET check_function_bodies = off;
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.z';
CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT public.h()';
CREATE FUNCTION h() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TABLE z (a integer);

-- pair: function_with_an_invalid_body
-- from:
-- to:
SET check_function_bodies = off;
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM nowhere';

-- pair: function_body_without_schema
-- from:
CREATE TABLE t (a integer);
-- to:
CREATE TABLE t (a integer);
CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql AS 'SELECT * FROM t';

-- pair: function_returns_a_row_type
-- from:
CREATE TABLE t (a integer);
CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql AS 'SELECT * FROM public.t';
-- to:
CREATE TABLE t (a integer, b integer);
CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql AS 'SELECT * FROM public.t';

-- pair: function_takes_an_enum
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE FUNCTION f(e) RETURNS e LANGUAGE sql AS 'SELECT $1';
-- to:
CREATE TYPE e AS ENUM ('b', 'a');
CREATE FUNCTION f(e) RETURNS e LANGUAGE sql AS 'SELECT $1';

-- pair: function_becomes_procedure
-- from:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- to:
CREATE PROCEDURE f() LANGUAGE sql AS 'SELECT 1';

-- pair: function_becomes_aggregate
-- from:
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- to:
CREATE AGGREGATE f(integer) (SFUNC = int4pl, STYPE = integer);

-- pair: function_becomes_window
-- from:
CREATE FUNCTION f() RETURNS bigint LANGUAGE internal AS 'window_row_number';
-- to:
CREATE FUNCTION f() RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number';

-- pair: function_moves_to_another_schema
-- base:
CREATE SCHEMA s;
-- from:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TABLE t (a integer DEFAULT f());
-- to:
CREATE FUNCTION s.f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TABLE t (a integer DEFAULT s.f());

-- pair: function_overloads
-- from:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f(text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- to:
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f(text) RETURNS integer LANGUAGE sql AS 'SELECT 2';

-- pair: function_result_under_everything
-- columns: reordered
-- from:
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TABLE t (a integer DEFAULT f(1), b integer, c bigint GENERATED ALWAYS AS (f(b)) STORED, CONSTRAINT k CHECK (f(a) > 0));
CREATE INDEX i ON t (f(b));
CREATE VIEW v AS SELECT f(a) AS x FROM t;
CREATE POLICY p ON t USING (f(a) > 0);
-- to:
CREATE FUNCTION f(integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1::bigint';
CREATE TABLE t (a integer DEFAULT f(1), b integer, c bigint GENERATED ALWAYS AS (f(b)) STORED, CONSTRAINT k CHECK (f(a) > 0));
CREATE INDEX i ON t (f(b));
CREATE VIEW v AS SELECT f(a) AS x FROM t;
CREATE POLICY p ON t USING (f(a) > 0);
-- expect: remade column public.t.c
-- expect back: remade column public.t.c

-- pair: function_security_definer_and_owner
-- from:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
-- to:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql SECURITY INVOKER AS 'SELECT 1';
ALTER FUNCTION f() OWNER TO pair_owner;

-- pair: function_dollar_quotes
-- from:
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT $function$x$function$ $f$;
-- to:
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT '$function$' || $$;\ $$ $f$;

-- pair: function_transform
-- base:
CREATE FUNCTION from_sql(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'boolin';
CREATE TYPE e AS ENUM ('a');
CREATE TRANSFORM FOR e LANGUAGE plpgsql (FROM SQL WITH FUNCTION from_sql(internal));
-- from:
CREATE FUNCTION f(e) RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
-- to:
CREATE FUNCTION f(e) RETURNS integer LANGUAGE plpgsql TRANSFORM FOR TYPE e AS 'BEGIN RETURN 1; END';

-- pair: function_c
-- from:
CREATE FUNCTION h() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
-- to:
CREATE FUNCTION h() RETURNS language_handler LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_call_handler';

-- pair: functions_call_each_other_in_sql_bodies
-- from:
CREATE FUNCTION a() RETURNS integer LANGUAGE sql RETURN 1;
CREATE FUNCTION b() RETURNS integer LANGUAGE sql RETURN a();
-- to:
CREATE FUNCTION b() RETURNS integer LANGUAGE sql RETURN 1;
CREATE FUNCTION a() RETURNS integer LANGUAGE sql RETURN b();

-- pair: procedure_body
-- from:
CREATE PROCEDURE p(a integer) LANGUAGE sql AS 'SELECT a';
COMMENT ON PROCEDURE p(integer) IS 'p';
-- to:
CREATE PROCEDURE p(a integer) LANGUAGE plpgsql SECURITY DEFINER SET work_mem = '1MB' AS 'BEGIN COMMIT; END';
COMMENT ON PROCEDURE p(integer) IS 'p';

-- pair: procedure_arguments
-- from:
CREATE PROCEDURE p(INOUT a integer) LANGUAGE plpgsql AS 'BEGIN END';
GRANT EXECUTE ON PROCEDURE p(integer) TO pair_reader;
-- to:
CREATE PROCEDURE p(a integer, OUT b integer) LANGUAGE plpgsql AS 'BEGIN END';
GRANT EXECUTE ON PROCEDURE p(integer) TO pair_reader;

-- pair: aggregate_added
-- from:
-- to:
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
COMMENT ON AGGREGATE total(integer) IS 'All';

-- pair: aggregate_attributes
-- from:
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer);
GRANT EXECUTE ON FUNCTION total(integer) TO pair_reader;
-- to:
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0', COMBINEFUNC = int4pl, PARALLEL = SAFE,
    SSPACE = 8, MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = integer, MINITCOND = '0', MSSPACE = 8);
GRANT EXECUTE ON FUNCTION total(integer) TO pair_reader;

-- pair: aggregate_final_functions
-- base:
CREATE FUNCTION fin(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION fin1(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
-- from:
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, FINALFUNC = fin1);
-- to:
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, FINALFUNC = fin, FINALFUNC_EXTRA, FINALFUNC_MODIFY = READ_WRITE,
    MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = integer, MFINALFUNC = fin, MFINALFUNC_EXTRA, MFINALFUNC_MODIFY = SHAREABLE);

-- pair: aggregate_serial
-- from:
CREATE AGGREGATE mean(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, FINALFUNC = numeric_avg, PARALLEL = SAFE);
-- to:
CREATE AGGREGATE mean(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, FINALFUNC = numeric_avg, PARALLEL = RESTRICTED,
    COMBINEFUNC = numeric_avg_combine, SERIALFUNC = numeric_avg_serialize, DESERIALFUNC = numeric_avg_deserialize);

-- pair: aggregate_sort_operator
-- from:
CREATE AGGREGATE largest(integer) (SFUNC = int4larger, STYPE = integer);
-- to:
CREATE AGGREGATE largest(integer) (SFUNC = int4larger, STYPE = integer, SORTOP = >);

-- pair: aggregate_ordered_set
-- from:
CREATE AGGREGATE middle(double precision ORDER BY double precision) (
    SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_cont_float8_final);
-- to:
CREATE AGGREGATE middle(double precision ORDER BY double precision) (
    SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);

-- pair: aggregate_hypothetical_and_variadic
-- from:
-- to:
CREATE AGGREGATE my_rank(VARIADIC "any" ORDER BY VARIADIC "any") (
    SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final, HYPOTHETICAL);
CREATE AGGREGATE all_of(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0');

-- pair: aggregate_under_a_view
-- from:
CREATE TABLE t (a integer);
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer);
CREATE VIEW v AS SELECT total(a) AS x FROM t;
-- to:
CREATE TABLE t (a integer);
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE VIEW v AS SELECT total(a) AS x FROM t;

-- pair: aggregate_of_a_function_that_changes
-- from:
CREATE FUNCTION step(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT $1';
CREATE AGGREGATE total(integer) (SFUNC = step, STYPE = integer);
-- to:
CREATE FUNCTION step(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT $2';
CREATE AGGREGATE total(integer) (SFUNC = step, STYPE = integer);

-- pair: aggregate_of_a_function_that_goes
-- from:
CREATE FUNCTION step(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT $1';
CREATE AGGREGATE total(integer) (SFUNC = step, STYPE = integer);
-- to:
CREATE FUNCTION other(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT $1';
CREATE AGGREGATE total(integer) (SFUNC = other, STYPE = integer);

-- pair: procedures_that_differ_in_what_comes_out
-- from:
CREATE TYPE "a, b" AS (x integer);
CREATE PROCEDURE p(IN a integer, IN b integer, IN c integer) LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE q(INOUT a text) LANGUAGE sql AS 'SELECT 1::text';
-- to:
CREATE TYPE "a, b" AS (x integer);
CREATE PROCEDURE p(OUT a integer, IN b integer, IN c integer) LANGUAGE sql AS 'SELECT $1 - $2';
CREATE PROCEDURE p(IN a integer, IN b integer, IN c integer) LANGUAGE sql AS 'SELECT 2';
CREATE PROCEDURE p(IN "a, b", OUT "a, b", VARIADIC "a, b"[]) LANGUAGE sql AS 'SELECT NULL::public."a, b"';
CREATE PROCEDURE p(IN "a, b", IN "a, b", VARIADIC "a, b"[]) LANGUAGE sql AS 'SELECT 2';
ALTER PROCEDURE p(IN integer, IN integer) OWNER TO pair_owner;
ALTER PROCEDURE p(IN "a, b", IN "a, b", IN "a, b"[]) OWNER TO pair_owner;
COMMENT ON PROCEDURE p(IN integer, IN integer, IN integer) IS 'in';
GRANT EXECUTE ON PROCEDURE p(IN integer, IN integer) TO pair_reader;
REVOKE EXECUTE ON PROCEDURE p(IN integer, IN integer, IN integer) FROM public;

-- pair: sql_body_with_a_parameter_that_has_no_name
-- from:
CREATE TABLE t ("a""b" integer);
CREATE FUNCTION g(x integer, integer) RETURNS integer LANGUAGE sql RETURN x;
-- to:
CREATE TABLE t ("a""b" integer);
CREATE FUNCTION f(integer) RETURNS TABLE (x integer) LANGUAGE sql
    BEGIN ATOMIC SELECT "a""b" + $1 FROM t """""" WHERE '""''""' <> $1::text AND """""" IS NOT NULL; END;
CREATE FUNCTION g(x integer, integer) RETURNS integer LANGUAGE sql RETURN x - $2;
CREATE FUNCTION h(OUT y integer, x integer, integer) LANGUAGE sql RETURN x * $2;
