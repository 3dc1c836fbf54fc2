-- Declared renames: what confiture.diff() makes of them, what it refuses, and how DDL declares them.
-- That the statements do what they should is proven by tests/pairs/86_renames.sql.

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
\ir lib/failure.psql

SELECT plan(46);

CREATE FUNCTION pg_temp.files_renames(paths text[], texts text[], source jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT confiture._renames_left(coalesce(confiture._with_renames('{}', paths, texts) -> 'renames', '{}'), source)
$$;

CREATE SCHEMA s;
-- What a script changes in the schema s: the plan from before to after, with declared renames.
CREATE FUNCTION pg_temp.plan(script text, renames jsonb DEFAULT '{}')
RETURNS TABLE (statement text, change text, hazards text[])
LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := confiture.snapshot();
    after jsonb;
BEGIN
    BEGIN
        EXECUTE script;
        after := confiture.snapshot();
        RAISE EXCEPTION USING ERRCODE = 'ZZ001';
    EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
    END;
    RETURN QUERY SELECT d.statement, d.change, d.hazards
        FROM confiture.diff(before, after, jsonb_build_object('owner', current_user, 'renames', renames)) AS d;
END
$$;
CREATE TABLE s.a (id serial PRIMARY KEY, x integer CHECK (x > 0), y text DEFAULT 'q');
CREATE INDEX ON s.a (x);
CREATE TABLE s.b (a_id integer REFERENCES s.a);
CREATE VIEW s.v AS SELECT x, id FROM s.a WHERE x > 3;
CREATE FUNCTION s.f(s.a) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION s.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER touch BEFORE UPDATE OF x ON s.a FOR EACH ROW WHEN (new.x > 1) EXECUTE FUNCTION s.touch();
CREATE POLICY own ON s.a USING (x > 1);
COMMENT ON COLUMN s.a.x IS 'An x of table s.a';
GRANT SELECT (x) ON s.a TO PUBLIC;
CREATE TABLE s.e (p integer, q integer);
CREATE TABLE s.parent (p integer CONSTRAINT positive CHECK (p > 0));
CREATE TABLE s.child () INHERITS (s.parent);

-- Along with a name ------------------------------------------------------------

SELECT results_eq($$ SELECT statement, change, hazards FROM pg_temp.plan('ALTER TABLE s.e RENAME p TO r', '{"column s.e.p": "column s.e.r"}') $$,
    $$ VALUES ('ALTER TABLE s.e RENAME COLUMN p TO r', 'rename', '{}'::text[]) $$, 'a column');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.a RENAME x TO z', '{"column s.a.x": "column s.a.z"}') $$,
    $$ VALUES ('ALTER TABLE s.a RENAME COLUMN x TO z') $$,
    'its index, check, comment, grant, trigger, policy and views need no statement of their own');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.a RENAME x TO z; ALTER TABLE s.a RENAME CONSTRAINT a_x_check TO a_z_check;
        ALTER INDEX s.a_x_idx RENAME TO a_z_idx', '{"column s.a.x": "column s.a.z"}') $$,
    $$ VALUES ('ALTER TABLE s.a RENAME COLUMN x TO z'), ('ALTER INDEX s.a_x_idx RENAME TO a_z_idx'),
        ('ALTER TABLE s.a RENAME CONSTRAINT a_x_check TO a_z_check') $$,
    'what is named after it is renamed along');
SELECT set_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.a RENAME TO c; ALTER SEQUENCE s.a_id_seq RENAME TO c_id_seq;
        ALTER TABLE s.c RENAME CONSTRAINT a_pkey TO c_pkey', '{"table s.a": "table s.c"}') $$,
    ARRAY['ALTER TABLE s.a RENAME TO c', 'ALTER SEQUENCE s.a_id_seq RENAME TO c_id_seq', 'ALTER TABLE s.c RENAME CONSTRAINT a_pkey TO c_pkey'],
    'a table, its sequence and its key: foreign keys, views and functions stay');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.parent RENAME p TO r; ALTER TABLE s.parent RENAME CONSTRAINT positive TO above',
        '{"column s.parent.p": "column s.parent.r"}') $$,
    $$ VALUES ('ALTER TABLE s.parent RENAME COLUMN p TO r'), ('ALTER TABLE s.parent RENAME CONSTRAINT positive TO above') $$,
    'children take the names of their parents');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER VIEW s.v RENAME COLUMN id TO ident', '{"column s.v.id": "column s.v.ident"}') $$,
    $$ VALUES ('ALTER VIEW s.v RENAME COLUMN id TO ident') $$, 'a column of a view');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER SCHEMA s RENAME TO t', '{"schema s": "schema t"}') $$,
    $$ VALUES ('ALTER SCHEMA s RENAME TO t') $$, 'a schema with all that is in it');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('CREATE SCHEMA t; ALTER TABLE s.e SET SCHEMA t; ALTER TABLE t.e RENAME TO g', '{"table s.e": "table t.g"}') $$,
    $$ VALUES ('CREATE SCHEMA t'), ('ALTER TABLE s.e SET SCHEMA t'), ('ALTER TABLE t.e RENAME TO g') $$, 'to another schema');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.e RENAME p TO w; ALTER TABLE s.e RENAME q TO p; ALTER TABLE s.e RENAME w TO q',
        '{"column s.e.p": "column s.e.q", "column s.e.q": "column s.e.p"}') $$,
    $$ VALUES ('ALTER TABLE s.e RENAME COLUMN q TO p_renamed'), ('ALTER TABLE s.e RENAME COLUMN p TO q'), ('ALTER TABLE s.e RENAME COLUMN p_renamed TO p') $$,
    'two that exchange their names');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER FUNCTION s.f(s.a) RENAME TO g; ALTER TRIGGER touch ON s.a RENAME TO t; ALTER POLICY own ON s.a RENAME TO mine',
        '{"function s.f(s.a)": "function s.g(s.a)", "trigger s.a.touch": "trigger s.a.t", "policy s.a.own": "policy s.a.mine"}') $$,
    $$ VALUES ('ALTER FUNCTION s.f(s.a) RENAME TO g'), ('ALTER POLICY own ON s.a RENAME TO mine'), ('ALTER TRIGGER touch ON s.a RENAME TO t') $$,
    'other kinds');

-- Renamed and changed ------------------------------------------------------------

SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.e RENAME p TO r; ALTER TABLE s.e ALTER r TYPE bigint, ALTER r SET DEFAULT 5', '{"column s.e.p": "column s.e.r"}') $$,
    $$ VALUES ('ALTER TABLE s.e RENAME COLUMN p TO r'), ('ALTER TABLE s.e ALTER COLUMN r TYPE bigint'), ('ALTER TABLE ONLY s.e ALTER COLUMN r SET DEFAULT 5') $$,
    'a column that changes, too');
SELECT is((SELECT string_agg(change, ' ' ORDER BY change) FROM pg_temp.plan('ALTER TABLE s.a RENAME x TO z; COMMENT ON COLUMN s.a.z IS ''An x of table s.z''', '{"column s.a.x": "column s.a.z"}')),
    'comment rename', 'a comment is a text like any other');
SELECT is((SELECT count(*) FROM pg_temp.plan('ALTER TABLE s.a RENAME x TO z; DROP VIEW s.v; CREATE VIEW s.v AS SELECT z AS x, id FROM s.a WHERE z > 4', '{"column s.a.x": "column s.a.z"}')
    WHERE statement ~ 'VIEW s.v'), 1::bigint, 'a view that shows something else is another one');
SELECT ok(EXISTS (SELECT FROM pg_temp.plan('ALTER TABLE s.a RENAME x TO z; DROP VIEW s.v; CREATE VIEW s.v AS SELECT z, id FROM s.a WHERE z > 3', '{"column s.a.x": "column s.a.z"}')
    WHERE statement ~ 'VIEW s.v'), 'one whose column has another name, too');

-- Refused ------------------------------------------------------------------------

SELECT is((pg_temp.failure($$ SELECT * FROM pg_temp.plan('SELECT 1', '{"column s.e.none": "column s.e.p"}') $$)).code, '42704', 'not in the source');
SELECT is((pg_temp.failure($$ SELECT * FROM pg_temp.plan('SELECT 1', '{"column s.e.p": "column s.e.none"}') $$)).code, '42704', 'not in the target');
SELECT is((pg_temp.failure($$ SELECT * FROM pg_temp.plan('SELECT 1', '{"column s.e.p": "column s.e.q"}') $$)).code, '42710', 'both are there');
SELECT is((pg_temp.failure($$ SELECT * FROM pg_temp.plan('CREATE VIEW s.w AS SELECT 1', '{"table s.e": "view s.w"}') $$)).code, '22023', 'another kind');
SELECT is((pg_temp.failure($$ SELECT * FROM pg_temp.plan('COMMENT ON TABLE s.e IS ''x''', '{"comment on column s.a.x": "comment on table s.e"}') $$)).code, '0A000', 'what has no name');

-- Hints ----------------------------------------------------------------------------

SELECT results_eq($$ SELECT hazards FROM pg_temp.plan('ALTER TABLE s.e RENAME p TO r') WHERE change = 'drop' OR statement ~ 'DROP' $$,
    $$ VALUES (ARRAY['data loss: all values of column s.e.p',
        'rename?: column p of table s.e looks like the new column r; say -- confiture: renamed from p at that to keep its values']) $$, 'of a column');
SELECT ok((SELECT hazards[2] LIKE 'rename?: table s.e looks like the new table s.g;%' FROM pg_temp.plan('ALTER TABLE s.e RENAME TO g') WHERE statement = 'DROP TABLE s.e'), 'of a table');
SELECT is_empty($$ SELECT * FROM pg_temp.plan('ALTER TABLE s.e DROP p, ADD r text') WHERE hazards::text ~ 'rename' $$, 'none where the type is another one');
SELECT is_empty($$ SELECT * FROM pg_temp.plan('DROP TABLE s.e; CREATE TABLE s.g (p integer, r integer)') WHERE hazards::text ~ 'rename' $$, 'or the columns are');
SELECT is_empty($$ SELECT * FROM pg_temp.plan('ALTER TABLE s.e RENAME p TO r', '{"column s.e.p": "column s.e.r"}') WHERE hazards <> '{}' $$, 'none when it is declared');

-- In DDL ---------------------------------------------------------------------------

SELECT is(confiture._declared_renames(E'CREATE TABLE t (\n    a integer, -- confiture: renamed from b\n    c integer\n);'),
    '{"column public.t.b": "column public.t.a"}', 'in the line of a column');
SELECT is(confiture._declared_renames(E'CREATE TABLE t (\n    -- confiture: renamed from b\n    a integer\n);'),
    '{"column public.t.b": "column public.t.a"}', 'in the line before');
SELECT is(confiture._declared_renames(E'-- confiture: renamed from u\n-- A table.\nCREATE TABLE t (a integer);'),
    '{"table public.u": "table public.t"}', 'before a table, and other comments');
SELECT is(confiture._declared_renames(E'CREATE TABLE t ( -- confiture: renamed from x.u\n    a integer\n);'),
    '{"table x.u": "table public.t"}', 'behind its name, from another schema');
SELECT is(confiture._declared_renames(E'SET search_path = app, public;\nCREATE TABLE t (\n    "A b" integer -- confiture: renamed from "C ""d"\n);\nCREATE TABLE x.t (\n    a integer -- confiture: renamed from B\n);'),
    '{"column app.t.\"C \"\"d\"": "column app.t.\"A b\"", "column x.t.b": "column x.t.a"}', 'names are quoted where they must be; the search path counts');
SELECT is(confiture._declared_renames(E'-- confiture: renamed from u\nCREATE TABLE t (\n    a integer -- confiture: renamed from b\n);'),
    '{"table public.u": "table public.t", "column public.u.b": "column public.t.a", "column public.t.b": "column public.t.a"}',
    'a column of a renamed table may have been renamed before or after');
SELECT is(confiture._declared_renames(E'CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $x$\n-- confiture: renamed from b\nSELECT E''\\'' -- confiture: renamed from c\n'' $x$;\n/* -- confiture: renamed from d */ SELECT ''-- confiture: renamed from e'', "-- confiture: renamed from f";'),
    '{}', 'strings, names and other comments declare nothing');
SELECT is(confiture._declared_renames(E'CREATE SCHEMA x CREATE TABLE t (\n    a integer -- confiture: renamed from b\n);\nALTER TABLE x.t\n    ADD c integer; -- confiture: renamed from d'),
    '{"column x.t.b": "column x.t.a", "column x.t.d": "column x.t.c"}', 'in CREATE SCHEMA, in ALTER TABLE');
SELECT is(confiture._declared_renames(E'-- confiture: renamed from w\nCREATE VIEW v AS SELECT 1;\n-- confiture: renamed from r\nCREATE SEQUENCE s;\n-- confiture: renamed from g\nCREATE FOREIGN TABLE f () SERVER x;'),
    '{"view public.w": "view public.v", "sequence public.r": "sequence public.s", "foreign table public.g": "foreign table public.f"}', 'views, sequences, foreign tables');
SELECT is(confiture._declared_renames('CREATE TABLE t (a integer);'), '{}', 'none');
SELECT is(confiture._declared_renames(NULL), NULL, 'of nothing');
SELECT is((pg_temp.failure($$ SELECT confiture._declared_renames(E'SELECT 1;\n\n-- confiture: renamed from b\nSELECT 2;', 'a.sql') $$)).message,
    'the directive at line 3 of a.sql belongs to no table and no column', 'one that fits nothing');
SELECT is((pg_temp.failure($$ SELECT confiture._declared_renames(E'SELECT 1; -- confiture: renamed from b') $$)).code, '42601', 'is an error');
SELECT is((pg_temp.failure($$ SELECT confiture._declared_renames(E'-- confiture: renamed from b') $$)).code, '42601', 'at the end, too');
SELECT is((pg_temp.failure($$ SELECT confiture._declared_renames(E'CREATE TABLE t (\n  a int -- confiture: renamed from b.c\n)') $$)).message,
    '"b.c" in the directive at line 2 is no name of a column', 'a name that is none');
SELECT is((pg_temp.failure($$ SELECT confiture._declared_renames(E'CREATE TABLE t (\n  a int -- confiture: renamed from "b\n)') $$)).code, '42601', 'or has no end');
SELECT is((pg_temp.failure($$ SELECT confiture._declared_renames(E'CREATE TABLE t (\n  -- confiture: renamed from b\n  a int -- confiture: renamed from c\n)') $$)).message,
    'the directive at line 3 is the second for column a', 'two for one column');
SELECT is(confiture._renames_left('{"column s.e.p": "column s.e.r", "column s.e.gone": "column s.e.q"}', confiture.snapshot('{s}')),
    '{"column s.e.p": "column s.e.r"}', 'what is done is left out');
SELECT is(pg_temp.files_renames('{a,b}', ARRAY[E'-- confiture: renamed from e\nCREATE TABLE s.g (\n r int -- confiture: renamed from p\n)', 'SELECT 1'], confiture.snapshot('{s}')),
    '{"table s.e": "table s.g", "column s.e.p": "column s.g.r"}', 'of files');
SELECT is(pg_temp.files_renames('{}', '{}', confiture.snapshot('{s}')), '{}', 'of none');
SELECT is((SELECT string_agg(statement, '; ') FROM pg_temp.plan('ALTER TABLE s.e RENAME TO g; ALTER TABLE s.g RENAME p TO r',
        pg_temp.files_renames('{a}', ARRAY[E'-- confiture: renamed from s.e\nCREATE TABLE s.g (\n r int, -- confiture: renamed from p\n q int)'], confiture.snapshot()))),
    'ALTER TABLE s.e RENAME TO g; ALTER TABLE s.g RENAME COLUMN p TO r', 'and so to the plan');
SELECT is_empty($$ SELECT * FROM pg_temp.plan('SELECT 1', pg_temp.files_renames('{a}', ARRAY[E'CREATE TABLE s.e (\n p int, -- confiture: renamed from old\n q int)'], confiture.snapshot())) $$,
    'a directive that has done its work may stay');

SELECT * FROM finish();
ROLLBACK;
