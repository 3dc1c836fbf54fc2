-- The gate: a migration says what it was made from. Not in a transaction: CALL has its own.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql

CREATE TABLE a (id int PRIMARY KEY, b text DEFAULT 'x');
CREATE INDEX ai ON a (b);
CREATE TYPE "we ird,t:ype" AS ENUM ('x');
-- The basis of objects now, as the word in a header.
CREATE FUNCTION pg_temp.word(VARIADIC objects text[]) RETURNS text LANGUAGE sql AS $$
    SELECT confiture._basis_text(confiture._basis_hashes(confiture.snapshot(), objects))
$$;
CREATE FUNCTION pg_temp.gate(basis jsonb, OUT code text, OUT message text, OUT detail text, OUT hint text, OUT context text)
LANGUAGE sql AS $$ SELECT * FROM pg_temp.failure(format('SELECT confiture.check_basis(%L)', basis)) $$;
CREATE FUNCTION pg_temp.script(word text, script text) RETURNS text LANGUAGE sql AS $$
    SELECT format(E'-- Generated\n-- confiture: basis=%s\n%s', word, script)
$$;
CREATE TABLE before AS SELECT confiture._basis_hashes(confiture.snapshot(), '{table public.a,table public.b}') AS basis;

SELECT no_plan();

SELECT is((SELECT code FROM pg_temp.gate((SELECT basis FROM before))), NULL, 'nothing has moved');
SELECT is((SELECT basis ->> 'table public.b' FROM before), '-', 'what is not there');
SELECT is(confiture._basis_objects(confiture.snapshot(), '{}', '{index public.ai,default public.a.b,column public.a.id,constraint public.a.a_pkey,table public.a,schema public,owner of table public.a,view x}'),
    '{table public.a,table public.a,table public.a,table public.a,table public.a,schema public,owner of table public.a,view x}', 'parts count as what they belong to');

-- What moves it, and what does not.
BEGIN;
COMMENT ON TABLE a IS 'x'; COMMENT ON COLUMN a.b IS 'x'; GRANT SELECT ON a TO PUBLIC; CREATE TABLE other ();
SELECT is((SELECT code FROM pg_temp.gate((SELECT basis FROM before))), NULL, 'comments, grants and other objects do not count');
ROLLBACK;
BEGIN;
ALTER TABLE a ADD c int;
SELECT is((SELECT (code, detail) FROM pg_temp.gate((SELECT basis FROM before))), ('CF020'::text, 'Now table public.a is another one.'::text), 'a column counts');
ROLLBACK;
BEGIN;
DROP INDEX ai; CREATE TABLE b ();
SELECT is((SELECT (code, detail) FROM pg_temp.gate((SELECT basis FROM before))), ('CF020'::text, 'Now table public.a is another one, table public.b is there.'::text), 'an index, and what was not there');
ROLLBACK;
BEGIN;
DROP TABLE a;
SELECT is((SELECT detail FROM pg_temp.gate((SELECT basis FROM before))), 'Now table public.a is gone.', 'what is gone');
ROLLBACK;
SELECT is((SELECT code FROM pg_temp.gate((SELECT basis || jsonb_build_object('table public.a', 'aaaaaaaaaaaa/' || (basis ->> 'table public.a')) FROM before))), NULL, 'one of several hashes');
BEGIN;
CREATE TABLE g AS SELECT confiture._basis_hashes(confiture.snapshot(), '{owner of table public.a,grant on table public.a to public}') AS basis;
SELECT is((SELECT code FROM pg_temp.gate((SELECT basis FROM g))), NULL, 'owners and grants, when they are named');
GRANT SELECT ON a TO PUBLIC;
SELECT is((SELECT detail FROM pg_temp.gate((SELECT basis FROM g))), 'Now grant on table public.a to public is there.', 'count');
ROLLBACK;

-- Words.
SELECT is(confiture._basis_text('{"type public.\"we ird,t:ype\"": "0123456789ab", "function public.é(integer, text)": "-"}'),
    'function+public.%C3%A9(integer%2C+text):-,type+public.%22we+ird%2Ct%3Aype%22:0123456789ab', 'a basis is one word');
SELECT is(confiture._basis_read(confiture._basis_text(b)), b, 'and is read from it') FROM (SELECT '{"type public.\"we +ird,t:ype%\"": "0123456789ab", "function public.é(integer, text)": "-", "table x": "0123456789ab/ba9876543210"}'::jsonb) AS x (b);
SELECT is((SELECT code FROM pg_temp.failure('SELECT confiture._basis_read(''%FF:-'')')), '42601', 'what is none');
SELECT is((SELECT code FROM pg_temp.gate('{"table a": "x"}')), '22023', 'a hash that is none');
SELECT is((SELECT code FROM pg_temp.gate('[]')), '22023', 'a basis that is none');
SELECT is((SELECT code FROM pg_temp.failure($$SELECT confiture.register_migration('0', 'm', E'-- confiture: basis=a b\nSELECT 1')$$)), '42601', 'a bad directive is refused at once');
SELECT is((SELECT code FROM pg_temp.failure($$SELECT confiture.register_migration('0', 'm', E'-- confiture: basis=\nSELECT 1')$$)), '42601', 'an empty one too');

-- Migrations.
SELECT confiture.register_migration('1', 'm', pg_temp.script(pg_temp.word('table public.a', 'type public."we ird,t:ype"', 'table public.b'), 'ALTER TABLE a ADD c int; CREATE TABLE b ();')) \g /dev/null
SELECT confiture.register_migration('2', 'n', pg_temp.script('table+public.a:0123456789ab', 'ALTER TABLE a ADD d int;'),
    pg_temp.script('table+public.a:0123456789ab', 'ALTER TABLE a DROP d;')) \g /dev/null
SELECT is((SELECT (code, detail) FROM pg_temp.failure('SELECT confiture.migrate_up()')), ('CF020'::text, 'Now table public.a is another one.'::text), 'migrate_up() refuses what was made from something else');
SELECT is((SELECT count(*) FROM confiture.tb_confiture), 0::bigint, 'and applies nothing');
SELECT is(ARRAY(SELECT version FROM confiture.migrate_up('1')), '{1}', 'it applies what was made from this');
SELECT is((SELECT error ->> 'sqlstate' FROM confiture.migrate_dry_run()), 'CF020', 'a dry run says so');
SELECT is((SELECT error ->> 'sqlstate' FROM confiture.dry_run(pg_temp.script('table+public.b:-', 'CREATE TABLE b ()'))), 'CF020', 'of a script too');
SELECT is((SELECT error FROM confiture.dry_run(pg_temp.script(pg_temp.word('table public.a'), 'ALTER TABLE a ADD x int'))), NULL, 'unless it fits');
\set ON_ERROR_STOP off
\set VERBOSITY sqlstate
\o /dev/null
CALL confiture.migrate();
\o
\set ON_ERROR_STOP on
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'CF020', 'CALL migrate() refuses it');
SELECT is((SELECT l.sqlstate FROM confiture.migration_log AS l ORDER BY l.id DESC LIMIT 1), 'CF020', 'that is on record');
SELECT confiture.register_migration('2', 'n', pg_temp.script(pg_temp.word('table public.a'), 'ALTER TABLE a ADD d int;'), pg_temp.script('table+public.a:0123456789ab', 'ALTER TABLE a DROP d;')) \g /dev/null
CALL confiture.migrate();
SELECT is((SELECT count(*) FROM confiture.tb_confiture), 2::bigint, 'and applies what fits');
SELECT is(ARRAY(SELECT version FROM confiture.migrate_down()), '{2}', 'the way back is not compared');

-- Statement by statement: before the first, not when it goes on.
SELECT confiture.register_migration('2', 'n', pg_temp.script('table+public.a:0123456789ab', E'CREATE INDEX CONCURRENTLY ac ON a (c);\nSELECT 1 / (SELECT count(*) FROM b);')) \g /dev/null
\set ON_ERROR_STOP off
\o /dev/null
CALL confiture.migrate();
\o
SELECT is(:'LAST_ERROR_SQLSTATE'::text, 'CF020', 'a migration that runs statement by statement');
SELECT is((SELECT count(*) FROM pg_class WHERE relname = 'ac'), 0::bigint, 'before its first statement');
SELECT confiture.register_migration('2', 'n', pg_temp.script(pg_temp.word('table public.a'), E'CREATE INDEX CONCURRENTLY ac ON a (c);\nALTER TABLE b ADD x int DEFAULT 1 / 0;')) \g /dev/null
\o /dev/null
CALL confiture.migrate();
\o
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22012', 'it has begun');
\set ON_ERROR_STOP on
SELECT confiture.register_migration('2', 'n', replace((SELECT up FROM confiture.migration WHERE version = '2'), '1 / 0', '1')) \g /dev/null
CALL confiture.migrate();
SELECT is((SELECT count(*) FROM confiture.tb_confiture), 2::bigint, 'and goes on, though the table has its index now');

SELECT * FROM finish();
DROP EXTENSION confiture;
DROP TABLE a, b, before;
DROP TYPE "we ird,t:ype";
