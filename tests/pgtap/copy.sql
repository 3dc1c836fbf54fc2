-- COPY ... FROM stdin with its data in the script.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(49);

-- Runs COPY of data, then more, into a new table; returns what is in it.
CREATE FUNCTION pg_temp.copied(columns text, copy text, data text, more text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    DELETE FROM confiture.tb_confiture;
    PERFORM confiture.register_migration('c', 'c', format(E'DROP TABLE IF EXISTS public.c;\nCREATE TABLE public.c (%s);\n%s;\n%s\\.\n%s',
        columns, copy, data, more));
    PERFORM confiture.migrate_up();
    SELECT coalesce(string_agg(r::text, ' ' ORDER BY r::text COLLATE "C"), '') INTO result FROM public.c AS r;
    RETURN result;
END
$$;

-- Formats.
SELECT is(pg_temp.copied('a int, b text', 'COPY c FROM stdin', E'1\tone\n2\ttwo\n'), '(1,one) (2,two)', 'text');
SELECT is(pg_temp.copied('a int, b text', 'COPY c FROM stdin', ''), '', 'no rows');
SELECT is(pg_temp.copied('a int, b text', 'COPY c FROM stdin', E'1\t\\N\n2\t\n'), '(1,) (2,"")', 'NULL and the empty string');
SELECT is(pg_temp.copied('b text', 'COPY c FROM stdin', E'a\\tb\\nc\\\\d\\x41\n'), E'("a\tb\nc\\\\dA")', 'escapes');
SELECT is(pg_temp.copied('b text', 'COPY public.c (b) FROM STDIN', E'SELECT 1; -- not SQL\n\\\\i not a command\n$$\n''\n"/*\n'),
    E'("""/*") ("SELECT 1; -- not SQL") ("\\\\i not a command") ($$) ('')', 'what looks like SQL is data');
SELECT is(pg_temp.copied('a int, b text', 'COPY c FROM stdin WITH (FORMAT csv)', E'1,one\n2,"two, too"\n3,\n4,""\n'),
    '(1,one) (2,"two, too") (3,) (4,"")', 'csv');
SELECT is(pg_temp.copied('a int, b text', 'COPY c FROM stdin CSV HEADER', E'a,b\n1,one\n'), '(1,one)', 'csv with a header, the old syntax');
SELECT is(pg_temp.copied('a int, b text', 'COPY c FROM stdin (FORMAT csv, HEADER match)', E'a,b\n1,one\n'), '(1,one)', 'a header that must match');
SELECT is(pg_temp.copied('a int, b text', 'COPY c FROM stdin (FORMAT csv)', E'1,"two\nlines; ""quoted"""\n'), E'(1,"two\nlines; ""quoted""")', 'csv: a value of two lines');
SELECT is(pg_temp.copied('a int, b text', 'COPY c FROM stdin (FORMAT csv, DELIMITER ''|'', QUOTE '''''''', NULL ''-'')', E'1|''a|b''\n2|-\n'),
    '(1,a|b) (2,)', 'csv: other delimiters');
SELECT is(pg_temp.copied('a int, b text', 'COPY c FROM stdin (DELIMITER '';'', NULL '''')', E'1;one\n2;\n'), '(1,one) (2,)', 'text: other delimiters');
SELECT is(pg_temp.copied('b text', 'COPY c FROM stdin', E'ключ\n\U0001F600\n'), E'(ключ) (\U0001F600)', 'characters of all sorts');
SELECT is(pg_temp.copied('a int, b text', 'COPY c FROM stdin', E'1\tone\r\n2\ttwo\r\n'), '(1,one) (2,two)', 'CRLF');
SELECT is(pg_temp.copied('b text', 'COPY c FROM stdin', E' leading\ntrailing \n\n'), '(" leading") ("") ("trailing ")', 'blanks and empty lines are data');

-- Columns, defaults, constraints.
SELECT is(pg_temp.copied('a int, b text DEFAULT ''d'', c int', 'COPY c (c, a) FROM stdin', E'1\t2\n'), '(2,d,1)', 'a list of columns, a default');
SELECT is(pg_temp.copied('a int GENERATED ALWAYS AS IDENTITY, b text, g int GENERATED ALWAYS AS (length(b)) STORED', 'COPY c (b) FROM stdin', E'x\nyy\n'),
    '(1,x,1) (2,yy,2)', 'identity and generated columns');
SELECT is(pg_temp.copied('a int, b text', 'COPY c FROM stdin WHERE a > 1 AND b IS NOT NULL', E'1\tone\n2\ttwo\n3\t\\N\n'), '(2,two)', 'WHERE');
SELECT is(pg_temp.copied('"A b" int', 'COPY c ("A b") FROM stdin', E'1\n'), '(1)', 'a column that must be quoted');
SELECT is(pg_temp.copied('a int', 'COPY c FROM stdin', E'1\n', E'INSERT INTO c VALUES (2);\nCOPY c FROM stdin;\n3\n\\.\nCOPY c FROM stdin;\n4\n\\.\nINSERT INTO c SELECT 5;'),
    '(1) (2) (3) (4) (5)', 'more than one, and statements between them');
SELECT is(rows_affected, 5::bigint, 'rows are counted') FROM confiture.migration_log WHERE version = 'c' AND state = 'done' ORDER BY id DESC LIMIT 1;
SELECT is(pg_temp.copied('a int', 'COPY c FROM stdin', repeat(E'1\n', 100000), 'DELETE FROM c WHERE ctid NOT IN (SELECT min(ctid) FROM c)'), '(1)', '100000 rows');
SELECT ok(rows_affected = 199999, '100000 rows are counted') FROM confiture.migration_log ORDER BY id DESC LIMIT 1;
CREATE TABLE public.parent (id int PRIMARY KEY);
INSERT INTO public.parent VALUES (1);
SELECT is(pg_temp.copied('a int REFERENCES public.parent', 'COPY c FROM stdin', E'1\n'), '(1)', 'a foreign key that holds');
SELECT is((pg_temp.failure($$SELECT pg_temp.copied('a int REFERENCES public.parent', 'COPY c FROM stdin', E'2\n')$$)).code, '23503', 'a foreign key that does not');
CREATE TABLE public.part (a int, b text) PARTITION BY LIST (a);
CREATE TABLE public.part1 PARTITION OF public.part FOR VALUES IN (1);
CREATE TABLE public.part2 PARTITION OF public.part FOR VALUES IN (2);
SELECT pg_temp.run('p', E'COPY part FROM stdin;\n1\tx\n2\ty\n\\.\n');
SELECT results_eq('SELECT tableoid::regclass::text, b FROM part ORDER BY a', $$VALUES ('part1', 'x'), ('part2', 'y')$$, 'into a partitioned table');
CREATE VIEW public.v AS SELECT a, b FROM public.part;
CREATE FUNCTION public.into_part() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.part VALUES (new.a, upper(new.b)); RETURN new; END $$;
CREATE TRIGGER t INSTEAD OF INSERT ON public.v FOR EACH ROW EXECUTE FUNCTION public.into_part();
SELECT pg_temp.run('v', E'COPY v FROM stdin;\n1\tz\n\\.\n');
SELECT is(b, 'Z', 'into a view with a trigger') FROM public.part WHERE upper(b) = 'Z';
CREATE TABLE public.fired (what text);
CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.fired VALUES (tg_when || ' ' || tg_level); RETURN new; END $$;
CREATE TRIGGER a BEFORE INSERT ON public.parent FOR EACH STATEMENT EXECUTE FUNCTION public.fire();
CREATE TRIGGER b AFTER INSERT ON public.parent FOR EACH ROW EXECUTE FUNCTION public.fire();
SELECT pg_temp.run('t', E'COPY parent FROM stdin;\n5\n6\n\\.\n');
SELECT is(string_agg(what, ', ' ORDER BY what), 'AFTER ROW, AFTER ROW, BEFORE STATEMENT', 'triggers fire') FROM public.fired;

-- Where it stands.
SELECT pg_temp.run('n', E'\\set ON_ERROR_STOP on\nCREATE TABLE n (a int);\nCOPY n FROM stdin;   -- a comment\n1\n\\.\n\n\nINSERT INTO n VALUES (2)');
SELECT is(count(*), 2::bigint, 'a comment behind the statement') FROM public.n;
SELECT pg_temp.run('i', E'CREATE TABLE i (a int);\n  COPY i\n    FROM\n    stdin;\n1\n\\.\n');
SELECT is(count(*), 1::bigint, 'a statement of several lines') FROM public.i;
SELECT confiture.register_migration('d', 'd', 'CREATE TABLE d (a int)', E'COPY public.i FROM stdin;\n7\n\\.\nDROP TABLE d');
SELECT confiture.migrate_up('d');
SELECT confiture.migrate_down();
SELECT is(max(a), 7, 'in a down script') FROM public.i;

-- What is wrong with the data, or the place.
CREATE TABLE public.e (a int, b text NOT NULL);
SELECT is(f.code, expected_code, 'refused: ' || what) FROM (VALUES
    ('22P02', 'a value of another type', E'COPY e FROM stdin;\n1\tx\ny\tx\n\\.\n'),
    ('22P04', 'a column too few', E'COPY e FROM stdin;\n1\n\\.\n'),
    ('22P04', 'a column too many', E'COPY e FROM stdin;\n1\tx\ty\n\\.\n'),
    ('23502', 'NULL where there must be none', E'COPY e FROM stdin;\n1\t\\N\n\\.\n'),
    ('22P04', 'csv: an open quote', E'COPY e FROM stdin CSV;\n1,"x\n\\.\n'),
    ('42P01', 'an unknown table', E'COPY nope FROM stdin;\n1\n\\.\n'),
    ('42703', 'an unknown column', E'COPY e (nope) FROM stdin;\n1\n\\.\n'),
    ('42601', 'an unknown option', E'COPY e FROM stdin (NOPE);\n1\n\\.\n'),
    ('42601', 'data without an end', E'COPY e FROM stdin;\n1\tx\n'),
    ('42601', 'no data at all', 'COPY e FROM stdin;'),
    ('42601', 'a statement on the same line', E'COPY e FROM stdin; SELECT 1;\n1\tx\n\\.\n'),
    ('0A000', 'COPY TO stdout', 'COPY e TO stdout;')
) AS t (expected_code, what, script), LATERAL pg_temp.script_failure(script) AS f;
SELECT ok(f.context ~ '(?n)^COPY e, line 2, column a: "y"$' AND f.context ~ '(?n)^migration 1 "m" \(up\), statement 2 of 2 at line 2, column 1$',
    'the line of the data, and where the statement stands')
FROM pg_temp.script_failure(E'SELECT 1;\nCOPY e FROM stdin;\n1\tx\ny\tx\n\\.\n') AS f;
SELECT matches(f.message, 'line 2', 'data without an end: the line of the statement') FROM pg_temp.script_failure(E'SELECT 1;\nCOPY e FROM stdin;\n1\tx\n') AS f;
SELECT is(count(*), 0::bigint, 'nothing of a refused COPY stays') FROM public.e;
SELECT is(f.code, NULL, 'and the next COPY starts afresh') FROM pg_temp.script_failure(E'COPY e FROM stdin;\n1\tx\n\\.\n') AS f;

-- Privileges and row level security.
CREATE ROLE cf_copy_role;
GRANT INSERT (a) ON public.c TO cf_copy_role;
GRANT SELECT ON public.e TO cf_copy_role;
SELECT is(f.code, '42501', 'INSERT is needed') FROM pg_temp.script_failure(E'SET ROLE cf_copy_role;\nCOPY e FROM stdin;\n1\tx\n\\.\n') AS f;
SELECT is(f.code, NULL, 'INSERT on the columns is enough') FROM pg_temp.script_failure(E'SET ROLE cf_copy_role;\nCOPY c (a) FROM stdin;\n1\n\\.\n') AS f;
GRANT ALL ON public.e TO cf_copy_role;
ALTER TABLE public.e ENABLE ROW LEVEL SECURITY;
SELECT is(f.code, '0A000', 'row level security: refused, as the server does') FROM pg_temp.script_failure(E'SET ROLE cf_copy_role;\nCOPY e FROM stdin;\n1\tx\n\\.\n') AS f;

SELECT * FROM finish();
ROLLBACK;
