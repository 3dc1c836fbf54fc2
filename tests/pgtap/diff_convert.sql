-- confiture.diff(): what becomes of the values of a type that is made anew. The statements are run.

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;

SELECT plan(11);

CREATE FUNCTION pg_temp.make(script text) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    DROP SCHEMA IF EXISTS s CASCADE;
    EXECUTE 'CREATE SCHEMA s; ' || script;
    RETURN confiture.snapshot('{s}');
END
$$;
-- Makes a schema s with rows, and changes it to another one.
CREATE FUNCTION pg_temp.change(before text, rows text, after text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    target jsonb := pg_temp.make(after);
    source jsonb := pg_temp.make(before);
    statement text;
BEGIN
    EXECUTE rows;
    FOR statement IN SELECT d.statement FROM confiture.diff(source, target) AS d ORDER BY d.ordinal LOOP
        EXECUTE statement;
    END LOOP;
    IF confiture.snapshot_hash(confiture.snapshot('{s}')) <> confiture.snapshot_hash(target) THEN
        RAISE EXCEPTION 'the plan has made another schema';
    END IF;
END
$$;

-- Arrays of composite types --------------------------------------------------------

SELECT lives_ok($$ SELECT pg_temp.change('CREATE TYPE s.c AS (a integer, b text); CREATE TABLE s.t (id integer, x s.c[])',
    $q$ INSERT INTO s.t VALUES (1, ARRAY[(1, 'x')::s.c, NULL, (NULL, NULL)::s.c, (2, 'a,b "c" {d} \e')::s.c]), (2, '{}'), (3, NULL),
        (4, ARRAY[[(1, 'p')::s.c, (2, 'q')::s.c, (3, 'r')::s.c], [(4, 's')::s.c, NULL, (6, 'NULL')::s.c]]), (5, '[7:8]={"(1,k)","(2,l)"}'),
        (6, ARRAY[[[(1, 'a')::s.c], [(2, 'b')::s.c]], [[(3, 'c')::s.c], [(4, 'd')::s.c]]]) $q$,
    'CREATE TYPE s.c AS (b text, more date, a bigint); CREATE TABLE s.t (id integer, x s.c[])') $$,
    'attributes of a composite type in an array change');
SELECT is((SELECT array_agg((e.b, e.more, e.a)::text ORDER BY e.n) FROM s.t, unnest(x) WITH ORDINALITY AS e (b, more, a, n) WHERE id = 1),
    ARRAY[ROW('x', NULL, 1)::text, '(,,)', '(,,)', ROW('a,b "c" {d} \e', NULL, 2)::text], 'every element keeps its values');
SELECT is((SELECT array_agg(y IS NOT DISTINCT FROM NULL) FROM s.t, LATERAL (SELECT unnest(x) AS y) AS e WHERE id = 1), '{f,t,f,f}',
    'an element that was null is null, and one of nulls is none');
SELECT is((SELECT x::text FROM s.t WHERE id = 2), '{}', 'an empty array is empty');
SELECT ok((SELECT x IS NULL FROM s.t WHERE id = 3), 'what was null is null');
SELECT is((SELECT array_dims(x) FROM s.t WHERE id = 4), '[1:2][1:3]', 'two dimensions are two');
SELECT is((SELECT ((x[2][1]).b, (x[1][3]).b, (x[2][3]).b, (x[2][2]).a)::text FROM s.t WHERE id = 4), ROW('s', 'r', 'NULL', NULL)::text,
    'and each element is where it was');
SELECT is((SELECT array_dims(x) || (x[8]).b FROM s.t WHERE id = 5), '[7:8]l', 'bounds stay');
SELECT is((SELECT array_dims(x) || (x[2][1][1]).b || (x[1][2][1]).a FROM s.t WHERE id = 6), '[1:2][1:2][1:1]c2', 'three dimensions are three');

-- Swaps ---------------------------------------------------------------------------

SELECT lives_ok($$ SELECT pg_temp.change('CREATE TYPE s.e AS ENUM (''a'', ''b''); CREATE DOMAIN s.d AS s.e[]; CREATE TABLE s.t (x s.d, y s.e)',
    $q$ INSERT INTO s.t VALUES ('{a,b}', 'b') $q$,
    'CREATE TYPE s.d AS ENUM (''a'', ''b''); CREATE DOMAIN s.e AS s.d[]; CREATE TABLE s.t (x s.e, y s.d)') $$,
    'an enum and a domain over it change names');
SELECT is((SELECT (x, y)::text FROM s.t), '("{a,b}",b)', 'and the values stay');

SELECT finish();
ROLLBACK;
