-- Errors point into the script: SQLSTATE, message, hint, and a line of CONTEXT.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(92);

-- The line of CONTEXT: `migration 1 "m" (up), statement 2 of 3 at line 4, column 5`.
CREATE FUNCTION pg_temp.place(script text) RETURNS text LANGUAGE sql AS $$
    SELECT substring(context FROM '(?n)^migration 1 "m" \(up\),? (.*)$') FROM pg_temp.script_failure(script)
$$;

-- Where.
SELECT is(pg_temp.place(script), place, what) FROM (VALUES
    ('while it runs', 'SELECT 1; SELECT 1/0', 'statement 2 of 2 at line 1, column 11'),
    ('on a later line', E'SELECT 1;\n\n  SELECT 1/0;\nSELECT 2', 'statement 2 of 3 at line 3, column 3'),
    ('after a comment', E'-- a\nSELECT 1; /* b\n */ SELECT 1/0', 'statement 2 of 2 at line 3, column 5'),
    ('a column that is unknown', E'CREATE TABLE a (b int);\nSELECT b,\n  nope FROM a', 'statement 2 of 2 at line 3, column 3'),
    ('a table that is unknown', E'SELECT 1;\nSELECT * FROM nope;', 'statement 2 of 2 at line 2, column 15'),
    ('a type that is unknown', E'CREATE TABLE a (\n  b int,\n  c nope\n)', 'statement 1 of 1 at line 3, column 5'),
    ('a function that is unknown', E'SELECT\n\tnope(1)', 'statement 1 of 1 at line 2, column 2'),
    ('columns count characters', E'SELECT ''äöü'', nope', 'statement 1 of 1 at line 1, column 15'),
    ('characters of four bytes', E'SELECT ''\U0001F600\U0001F600'', nope', 'statement 1 of 1 at line 1, column 14'),
    ('on lines before', E'SELECT ''ä\n€'';\nSELECT ''€'', nope', 'statement 2 of 2 at line 3, column 13'),
    ('CRLF', E'SELECT 1;\r\nSELECT\r\n  nope;\r\n', 'statement 2 of 2 at line 3, column 3'),
    ('a byte order mark is no column', E'\uFEFFSELECT nope', 'statement 1 of 1 at line 1, column 8'),
    ('in a DO block: the statement', E'SELECT 1;\nDO $$ BEGIN\n  PERFORM 1/0;\nEND $$', 'statement 2 of 2 at line 2, column 1'),
    ('after a meta-command that is skipped', E'\\echo hello\nSELECT nope', 'statement 1 of 1 at line 2, column 8'),
    ('after COPY data', E'CREATE TABLE a (b int);\nCOPY a FROM stdin;\n1\n2\n\\.\nSELECT nope', 'statement 3 of 3 at line 6, column 8'),
    ('a unique key', E'CREATE TABLE a (b int UNIQUE);\nINSERT INTO a VALUES (1), (1)', 'statement 2 of 2 at line 2, column 1'),
    ('a transaction command', E'SELECT 1;\n  COMMIT;', 'statement 2 of 2 at line 2, column 3')
) AS t (what, script, place);
SELECT matches(pg_temp.place(E'SELECT 1;\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT nope $$'),
    '^statement 2 of 2 at line 2, column (1|59)$', 'a function whose body is broken');

-- Syntax errors: there is no list of statements yet, so line and column it is.
SELECT is(substring(pg_temp.place(script) FROM 'at line .*'), place, 'syntax: ' || what) FROM (VALUES
    ('a word', E'SELECT 1;\n  SELEC 2;\nSELECT 3', 'at line 2, column 3'),
    ('at the end', E'SELECT 1;\nSELECT 1 +', 'at line 2, column 11'),
    ('before a semicolon', E'SELECT 1;\nSELECT (1;', 'at line 2, column 10'),
    ('after characters of more bytes', E'SELECT ''€'';\nSELECT ''€'' ''b'' FORM', 'at line 2, column 12'),
    ('an open string', E'SELECT 1;\nSELECT ''abc;\n', 'at line 2, column 8'),
    ('an open dollar quote', E'SELECT 1;\nSELECT $x$ abc;\n', 'at line 2, column 8'),
    ('an open comment', E'SELECT 1;\n/* abc;\n', 'at line 2, column 1'),
    ('an open identifier', E'SELECT 1;\nSELECT "abc;\n', 'at line 2, column 8')
) AS t (what, script, place);
SELECT is(f.code, '42601', 'syntax: SQLSTATE') FROM pg_temp.script_failure('SELEC 1') AS f;
SELECT is(f.message, 'syntax error at or near "SELEC"', 'syntax: the server''s own message') FROM pg_temp.script_failure('SELEC 1') AS f;

-- The server's own words.
SELECT results_eq(
    $$SELECT code, message, hint FROM pg_temp.script_failure('CREATE TABLE a (name text); SELECT nam FROM a')$$,
    $$VALUES ('42703', 'column "nam" does not exist', 'Perhaps you meant to reference the column "a.name".')$$, 'HINT is kept');
SELECT results_eq(
    $$SELECT code, message, detail FROM pg_temp.script_failure('CREATE TABLE a (b int UNIQUE); INSERT INTO a VALUES (1), (1)')$$,
    $$VALUES ('23505', 'duplicate key value violates unique constraint "a_b_key"', 'Key (b)=(1) already exists.')$$, 'DETAIL is kept');
SELECT results_eq(
    $$SELECT code, message, detail, hint FROM pg_temp.script_failure('DO $x$ BEGIN RAISE ''m'' USING ERRCODE = ''P1234'', DETAIL = ''d'', HINT = ''h''; END $x$')$$,
    $$VALUES ('P1234', 'm', 'd', 'h')$$, 'a raised error keeps everything');
SELECT matches(f.context, '(?n)^PL/pgSQL function inline_code_block line 1 at RAISE$', 'and its own context stands before ours')
FROM pg_temp.script_failure('DO $x$ BEGIN RAISE ''m''; END $x$') AS f;
SELECT doesnt_match(f.context, 'confiture\._', 'nothing of our own functions is in the context')
FROM pg_temp.script_failure('SELECT 1/0') AS f;
SELECT is((SELECT count(*) FROM regexp_matches(f.context, 'migration 1 "m"', 'g')), 1::bigint, 'our line is there once')
FROM pg_temp.script_failure('SELECT 1/0') AS f;
SELECT confiture.register_migration('001-b', 'it''s a "name"', '', 'SELECT 1/0');
SELECT confiture.baseline('001-b');
SELECT matches(f.context, '(?n)^migration 001-b "it''s a "name"" \(down\), statement 1 of 1 at line 1, column 1$', 'the label: version, name, direction')
FROM pg_temp.failure('SELECT confiture.migrate_down()') AS f;
SELECT confiture.forget('001-b'), confiture.unregister_migration('001-b');

-- Transaction commands.
SELECT is(f.code, 'CF009', 'refused: ' || command) FROM unnest('{BEGIN,START TRANSACTION,COMMIT,END,ROLLBACK,ABORT,SAVEPOINT s,RELEASE s,
    ROLLBACK TO s,PREPARE TRANSACTION ''x'',COMMIT PREPARED ''x'',COMMIT AND CHAIN}'::text[]) AS command,
    LATERAL pg_temp.script_failure(E'CREATE TABLE a ();\n' || command) AS f;
SELECT ok(f.message LIKE '%COMMIT%line 2%' AND f.detail <> '' AND f.hint LIKE '%transaction=off%', 'refused: which, its line, and what to do')
FROM pg_temp.script_failure(E'CREATE TABLE a ();\nCOMMIT') AS f;
SELECT hasnt_table('a'::name, 'refused: before anything has run');
SELECT is(f.code, '2D000', 'COMMIT in a DO block: the server refuses it') FROM pg_temp.script_failure('DO $$ BEGIN COMMIT; END $$') AS f;
SELECT is(f.code, '2D000', 'COMMIT in a procedure, too')
FROM pg_temp.script_failure('CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$; CALL p()') AS f;
SELECT lives_ok($$SELECT pg_temp.run('ok1', 'SELECT ''COMMIT''; CREATE TABLE "commit" (); SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET CONSTRAINTS ALL DEFERRED')$$,
    'the word alone is harmless');

-- Meta-commands of psql.
SELECT is(f.code, 'CF010', 'refused: ' || command) FROM unnest(ARRAY['\i a.sql', '\ir a.sql', '\copy a from b', '\connect x', '\c', '\gexec', '\d a',
    '\if true', '\set x 1', '\unset x', '\o x', '\! ls', '\password', '\.', '\g', '\;', '\gset']) AS command,
    LATERAL pg_temp.script_failure(E'CREATE TABLE a ();\n' || command) AS f;
SELECT ok(f.message LIKE '%"\\i" at line 2%' AND f.hint <> '', 'refused: which, its line, and what to do')
FROM pg_temp.script_failure(E'CREATE TABLE a ();\n\\i b.sql') AS f;
SELECT is(pg_temp.place(E'CREATE TABLE a ();\n  \\i b.sql'), 'at line 2, column 3', 'refused: CONTEXT has the place');
SELECT lives_ok(format('SELECT pg_temp.run(%L, %L)', 'meta' || ordinal, command || E'\nSELECT 1;\n'), 'ignored: ' || command)
FROM unnest(ARRAY['\echo hello', '\set ON_ERROR_STOP on', '\timing', '\pset pager off', '\restrict abc', '\unset ECHO', '\x']) WITH ORDINALITY AS c (command, ordinal);
SELECT lives_ok($$SELECT pg_temp.run('ok2', 'SELECT E''\\i x'', ''\i y'', $x$ \copy $x$; -- \i
/* \d */ CREATE TABLE "a\b" ()')$$, 'a backslash in a string, a name or a comment is harmless');

-- What does not stand in a transaction.
SELECT is(f.code, 'CF004', 'needs the top level: ' || command) FROM unnest(ARRAY['VACUUM', 'VACUUM FULL', 'CREATE DATABASE x', 'DROP DATABASE x',
    'CREATE TABLESPACE x LOCATION ''/x''', 'ALTER SYSTEM SET work_mem = 64', 'DROP INDEX CONCURRENTLY x', 'REINDEX TABLE CONCURRENTLY pg_class',
    'REINDEX DATABASE x', 'CLUSTER', 'ALTER TABLE x DETACH PARTITION y CONCURRENTLY', 'DISCARD ALL']) AS command,
    LATERAL pg_temp.script_failure(E'CREATE TABLE a ();\n' || command) AS f;

-- Long ones.
SELECT is(pg_temp.place(repeat(E'SELECT 1;\n', 5000) || 'SELECT nope'), 'statement 5001 of 5001 at line 5001, column 8', 'at the end of a long script');

SELECT * FROM finish();
ROLLBACK;
