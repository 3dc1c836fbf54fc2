-- confiture.build(): databases of files. Not in a transaction: workers have to see the extension.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS dblink;
CREATE EXTENSION confiture;
SELECT format('%s', current_database()) AS here \gset
\ir lib/failure.psql

-- A query in another database, one column.
CREATE FUNCTION pg_temp.there(database text, query text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT r FROM dblink(format('host=%s port=%s dbname=%s user=%s',
        split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'),
        '''' || replace(replace(database, '\', '\\'), '''', '\''') || '''', session_user), query) AS d (r text)
$$;
-- A build of files into the database b1, without a template.
CREATE FUNCTION pg_temp.build(files jsonb, options jsonb DEFAULT '{}') RETURNS SETOF record LANGUAGE sql AS $$
    SELECT * FROM confiture.build(files, '{"database": "cf_b1", "cache": false}' || options)
$$;
CREATE FUNCTION pg_temp.build_failure(
    files jsonb, options jsonb DEFAULT '{}',
    OUT code text, OUT message text, OUT detail text, OUT hint text, OUT context text)
LANGUAGE sql AS $$
    SELECT * FROM pg_temp.failure(format('SELECT confiture.build(%L, %L)', files,
        '{"database": "cf_b1", "cache": false}'::jsonb || options))
$$;
-- One file named f.
CREATE FUNCTION pg_temp.f(script text) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('f', script) $$;
CREATE FUNCTION pg_temp.mine() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), '') FROM pg_database
    WHERE datname LIKE 'confiture\_t%' OR datname LIKE 'cf\_%'
$$;
CREATE ROLE cf_maker LOGIN CREATEDB;
CREATE ROLE cf_nobody LOGIN;
SELECT confiture.grant_usage('cf_maker', 'migrator'), confiture.grant_usage('cf_nobody', 'migrator') \g /dev/null

SELECT no_plan();

-- The shape is a contract.
SELECT is(pg_get_function_arguments('confiture.build'::regproc),
    'files jsonb, options jsonb DEFAULT ''{}''::jsonb, OUT database text, OUT hash text, OUT cached boolean, '
    'OUT template text, OUT replaced boolean, OUT files_run integer, OUT statements integer, '
    'OUT elapsed_ms double precision, OUT run_order text[], OUT moved jsonb', 'build(): arguments');
SELECT is(pg_get_function_result('confiture.builds'::regproc),
    'TABLE(database text, kind text, label text, hash text, built_at timestamp with time zone, owner text, size_bytes bigint)',
    'builds(): columns');

-- The hash.
SELECT is(confiture.build_hash('{"b": "2", "a": "1"}'),
    confiture.build_hash('[{"path": "a", "text": "1"}, {"path": "b", "text": "2"}]'), 'the order of reading does not count');
SELECT is(confiture.build_hash(pg_temp.f(E'a\r\nb')), confiture.build_hash(pg_temp.f(E'\uFEFFa\nb')), 'nor do BOM and CRLF');
SELECT is(confiture.build_hash('{"a": "1"}'),
    encode(sha256(convert_to(encode(sha256('1'), 'hex') || E'  a\n', 'UTF8')), 'hex'), 'it is what sha256sum would print, hashed');
SELECT isnt(confiture.build_hash('{"a": "1"}'), confiture.build_hash('{"b": "1"}'), 'the path counts');
SELECT isnt(confiture.build_hash('{"a": "1"}'), confiture.build_hash('{"a": "2"}'), 'the text counts');

-- Order.
CREATE TEMP TABLE built AS SELECT * FROM confiture.build('[
    {"path": "1", "text": "CREATE TABLE a (id int PRIMARY KEY);\n\nCREATE VIEW v AS SELECT f(b.id) FROM b;\nCREATE TABLE last ();"},
    {"path": "2", "text": "CREATE TABLE b (id t PRIMARY KEY REFERENCES a);"},
    {"path": "3", "text": "CREATE DOMAIN t AS int;\nCREATE FUNCTION f(x int) RETURNS int LANGUAGE sql AS ''SELECT x''"}]',
    '{"database": "cf_b1"}');
SELECT is(statements, 6, 'all statements ran') FROM built;
SELECT is(run_order, '{3,2,1}', 'in dependency order') FROM built;
SELECT is(moved, '[{"path": "2", "line": 1, "after": "3", "missing": "type \"t\" does not exist"},
    {"path": "1", "line": 3, "after": "2", "missing": "relation \"b\" does not exist"}]', 'it says what had to wait') FROM built;
SELECT is((SELECT cached FROM built), false, 'built, not copied');
SELECT is(array(SELECT pg_temp.there('cf_b1', 'SELECT relname FROM pg_class WHERE relnamespace = ''public''::regnamespace AND relkind IN (''r'', ''v'') ORDER BY 1')),
    '{a,b,last,v}', 'all of it is there');
SELECT is(run_order, '{a,b}', 'an object of files runs in the order of the paths') FROM pg_temp.build('{"b": "SELECT 1", "a": "SELECT 1"}')
    AS b (database text, hash text, cached boolean, template text, replaced boolean, files_run integer, statements integer, elapsed_ms float8, run_order text[], moved jsonb);
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": "DROP TABLE t", "b": "CREATE TABLE t ()"}')), '42P01', 'a DROP never waits');
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": "INSERT INTO c VALUES (1)", "b": "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int REFERENCES p)", "c": "INSERT INTO p VALUES (1)"}')),
    NULL, 'rows wait for the rows that they refer to');
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": "CREATE TABLE a (c citext)", "b": "CREATE EXTENSION citext"}')), NULL, 'a type waits for its extension');
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": "BEGIN; CREATE TABLE x (); CREATE VIEW v AS SELECT * FROM y; COMMIT", "b": "CREATE TABLE y ()"}')),
    NULL, 'a transaction waits as a whole');
SELECT is((SELECT code FROM pg_temp.build_failure((SELECT jsonb_object_agg(to_char(300 - g, '000'),
    format('CREATE TABLE t%s (id int PRIMARY KEY %s)', g, CASE WHEN g > 1 THEN format('REFERENCES t%s', g - 1) END)) FROM generate_series(1, 120) AS g))),
    NULL, 'a long chain the wrong way round');

SELECT is((SELECT message FROM pg_temp.build_failure($j${
    "a": "SET check_function_bodies = off; CREATE FUNCTION a(n int) RETURNS int LANGUAGE sql AS 'SELECT b(n - 1)'",
    "b": "CREATE FUNCTION b(n int) RETURNS int LANGUAGE sql AS 'SELECT CASE WHEN n > 0 THEN a(n) ELSE 0 END'",
    "c": "SELECT b(3)"}$j$)), NULL, 'functions that call each other, unchecked');

-- Circles and other real errors.
SELECT is(code || ' ' || message, 'CF016 files need each other in a circle: a -> b -> a', 'functions that call each other, checked')
FROM pg_temp.build_failure($j${
    "a": "CREATE FUNCTION a(n int) RETURNS int LANGUAGE sql AS 'SELECT b(n - 1)'",
    "b": "CREATE FUNCTION b(n int) RETURNS int LANGUAGE sql AS 'SELECT CASE WHEN n > 0 THEN a(n) ELSE 0 END'"}$j$);
SELECT is(code || ' ' || message, 'CF016 files need each other in a circle: a -> b -> a', 'a circle is named')
FROM pg_temp.build_failure('{"a": "CREATE VIEW a AS SELECT * FROM b", "b": "\nCREATE VIEW b AS SELECT * FROM a"}');
SELECT is(detail, E'a:1: relation "b" does not exist (made at b:2)\nb:2: relation "a" does not exist (made at a:1)', 'with its statements')
FROM pg_temp.build_failure('{"a": "CREATE VIEW a AS SELECT * FROM b", "b": "\nCREATE VIEW b AS SELECT * FROM a"}');
SELECT is(message, 'files need each other in a circle: b -> c -> b', 'what only waits for a circle is no part of it')
FROM pg_temp.build_failure('{"a": "CREATE VIEW a AS SELECT * FROM b", "b": "CREATE VIEW b AS SELECT * FROM c", "c": "CREATE VIEW c AS SELECT * FROM b"}');
SELECT is(code || ' ' || message, 'CF016 file f needs an object before it makes it', 'within a file the order is kept')
FROM pg_temp.build_failure(pg_temp.f(E'CREATE VIEW v AS SELECT * FROM t;\nCREATE TABLE t ()'));
SELECT is(code || ' ' || message, '42P01 relation "nope" does not exist', 'the cause is raised, not who waits for it')
FROM pg_temp.build_failure('{"a": "CREATE VIEW a AS SELECT * FROM b", "b": "CREATE VIEW b AS SELECT * FROM nope"}');
SELECT is(code || ' ' || message, what, 'of several errors, the one that may be the cause: ' || what) FROM (VALUES
    ('42703 column "nope" does not exist', '{"a": "CREATE TABLE a (); SELECT nope; INSERT INTO a DEFAULT VALUES", "b": "SELECT 1/count(*) FROM a"}'),
    ('22012 division by zero', '{"a": "CREATE VIEW a AS SELECT * FROM b", "b": "SELECT 1/0; CREATE TABLE b ()"}'),
    ('22012 division by zero', '{"a": "CREATE VIEW a AS SELECT * FROM c", "b": "SELECT 1/0", "c": "CREATE TABLE c ()"}')
) AS t (what, files) CROSS JOIN LATERAL pg_temp.build_failure(files::jsonb);
SELECT is(substring(context FROM '(?n)^file .*$'), place, what) FROM (VALUES
    ('a broken statement', E'SELECT 1;\n SELECT 1/0', 'file "f", statement 2 of 2 at line 2, column 2'),
    ('a missing table', E'SELECT 1;\nSELECT * FROM nope;', 'file "f", statement 2 of 2 at line 2, column 15'),
    ('a syntax error', E'SELECT 1;\n  SELEC 2', 'file "f", statement 2 of 2 at line 2, column 3'),
    ('a row of COPY', E'CREATE TABLE a (b int);\nCOPY a FROM stdin;\nx\n\\.\n', 'file "f", statement 2 of 2 at line 2, column 1'),
    ('a deferred constraint', E'CREATE TABLE a (b int PRIMARY KEY);\nCREATE TABLE c (b int REFERENCES a DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO c VALUES (1);',
        'file "f", at its end: deferred constraints'),
    ('no extension', E'\nCREATE EXTENSION nope', 'file "f", statement 1 of 1 at line 2, column 1'),
    ('a meta-command', E'SELECT 1;\n\\gexec', 'file "f" at line 2, column 1'),
    ('ROLLBACK', E'BEGIN;\nROLLBACK;', 'file "f", statement 2 of 2 at line 2, column 1'),
    ('COMMIT alone', 'COMMIT', 'file "f", statement 1 of 1 at line 1, column 1'),
    ('BEGIN alone', E'\nBEGIN', 'file "f", statement 1 of 1 at line 2, column 1'),
    ('another database', 'DROP DATABASE postgres', 'file "f", statement 1 of 1 at line 1, column 1')
) AS t (what, script, place) CROSS JOIN LATERAL pg_temp.build_failure(pg_temp.f(script));
SELECT is((SELECT code FROM pg_temp.build_failure(pg_temp.f('COMMIT'))), 'CF009', 'CF009');
SELECT is((SELECT code FROM pg_temp.build_failure(pg_temp.f('\gexec'))), 'CF010', 'CF010');
SELECT is((SELECT code FROM pg_temp.build_failure(pg_temp.f('ALTER SYSTEM SET work_mem = 1'))), '0A000', 'not the server');

-- A build that fails leaves nothing, and the old database as it was.
SELECT is((SELECT code FROM pg_temp.build_failure(pg_temp.f('CREATE TABLE half (); SELECT 1/0'))), '22012', 'fails after a table');
SELECT is(regexp_replace(pg_temp.mine(), 'confiture_tpl_\S+', 'tpl', 'g'), 'cf_b1 tpl', 'no half database');
SELECT isnt(array(SELECT pg_temp.there('cf_b1', 'SELECT relname FROM pg_class WHERE relnamespace = ''public''::regnamespace')), '{half}', 'the old one is still there');

-- Settings and roles end with their file; statements that need their own transaction.
SELECT is((SELECT message FROM pg_temp.build_failure($j${
    "1": "CREATE SCHEMA s; GRANT ALL ON SCHEMA s TO cf_nobody; SET search_path = s; SET ROLE cf_nobody; CREATE TABLE a ();",
    "2": "CREATE TABLE b ();",
    "3": "SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE s.c ();",
    "4": "SET search_path = s; CREATE TABLE d (); CREATE VIEW w AS SELECT * FROM later; CREATE TABLE e ();",
    "5": "CREATE TABLE s.later ();"}$j$)), NULL, 'SET, SET ROLE, set_config()');
SELECT is(array(SELECT pg_temp.there('cf_b1', 'SELECT n.nspname || ''.'' || relname || '':'' || relowner::regrole FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = ''r'' AND nspname IN (''s'', ''public'') ORDER BY 1')),
    ARRAY['public.b:postgres', 's.a:cf_nobody', 's.c:postgres', 's.d:postgres', 's.e:postgres', 's.later:postgres'],
    'each ends with its file, and comes again when a file goes on');
SELECT is((SELECT message FROM pg_temp.build_failure(pg_temp.f($s$
    CREATE TYPE mood AS ENUM ('sad');
    CREATE TABLE t (m mood, n int);
    ALTER TYPE mood ADD VALUE 'glad';
    INSERT INTO t VALUES ('glad', 1);
    CREATE INDEX CONCURRENTLY t_n ON t (n);
    VACUUM t;
    CREATE TABLE parent (id int PRIMARY KEY, child int);
    CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
    ALTER TABLE parent ADD FOREIGN KEY (child) REFERENCES child DEFERRABLE INITIALLY DEFERRED;
    BEGIN;
    INSERT INTO parent VALUES (1, 1);
    INSERT INTO child VALUES (1, 1);
    CREATE TABLE frozen (n int);
    COPY frozen FROM stdin (FREEZE);
1
\.
    COMMIT;
    ALTER TABLE parent ADD COLUMN x int;
    CREATE TABLE p (k int) PARTITION BY LIST (k);
    CREATE INDEX ON p (k);
    REINDEX TABLE p;
    $s$))), NULL, 'what runs in psql, runs here');
SELECT is(pg_temp.there('cf_b1', 'SELECT count(*)::text FROM pg_index WHERE indrelid = ''t''::regclass AND indisvalid'), '1', 'the index is there');

-- Names.
SELECT is((SELECT database FROM confiture.build(
    jsonb_build_object(E'db/"o''dd" \\ ünï.sql', format('CREATE SCHEMA "a.b"; CREATE TABLE "a.b"."%s" ("x""y.z" int); COMMENT ON TABLE "a.b"."%1$s" IS ''"''', repeat('é', 31)),
        'view', format('CREATE VIEW v AS SELECT "x""y.z" FROM "a.b"."%s"', repeat('é', 31))),
    jsonb_build_object('database', 'cf_"q" .''\ ' || repeat('ü', 26)))), 'cf_"q" .''\ ' || repeat('ü', 26), 'odd names, 63 bytes');
SELECT is(pg_temp.there('cf_"q" .''\ ' || repeat('ü', 26), 'SELECT count(*)::text FROM v'), '0', 'all there');
SELECT is(substring(context FROM '(?n)^file .*$'), E'file "a "b", statement 9 of 9.sql", statement 1 of 1 at line 1, column 8', 'an odd path in an error')
FROM pg_temp.build_failure(jsonb_build_object('a "b", statement 9 of 9.sql', 'SELECT nope'));

-- Options and files that can't be.
SELECT is(code, '22023', what) FROM (VALUES
    ('no files', '{}', '{}'), ('no array', '1', '{}'), ('NULL', 'null', '{}'), ('no text', '[{"path": "a"}]', '{}'),
    ('a number', '{"a": 1}', '{}'), ('no path', '[{"path": "", "text": ""}]', '{}'),
    ('twice', '[{"path": "a", "text": ""}, {"path": "a", "text": ""}]', '{}'),
    ('unknown option', '{"a": ""}', '{"databse": "x"}'), ('wrong kind', '{"a": ""}', '{"force": 1}'),
    ('replace', '{"a": ""}', '{"replace": "maybe"}'), ('neither name nor cache', '{"a": ""}', '{"database": null}')
) AS t (what, files, options) CROSS JOIN LATERAL pg_temp.failure(format('SELECT confiture.build(%L, %L)', files,
    '{"database": "cf_b1", "cache": false}'::jsonb || options::jsonb));
SELECT is(code, expected, database) FROM (VALUES ('', '42602'), (repeat('x', 64), '42602'), ('template1', '42939'),
    ('confiture_tpl_x', '42939'), ('confiture_tmp_1_a', '42939'), ('postgres', 'CF017'), (:'here', 'CF017')) AS t (database, expected)
CROSS JOIN LATERAL pg_temp.build_failure('{"a": ""}', jsonb_build_object('database', database));
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": ""}', jsonb_build_object('database', :'here', 'replace', 'any'))), '55006', 'not the current one');
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": ""}', '{"replace": "never"}')), 'CF017', 'never');
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": ""}', '{"template": "nope"}')), '3D000', 'no such template');
CREATE DATABASE cf_precious;
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": ""}', '{"database": "cf_precious"}')), 'CF017', 'what is not ours stays');
COMMENT ON DATABASE cf_precious IS 'Built by Confiture {not json';
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": ""}', '{"database": "cf_precious"}')), 'CF017', 'whatever its comment looks like');
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": ""}', '{"database": "cf_precious", "replace": "any"}')), NULL, 'unless it is said');
SELECT dblink_connect('busy', format('host=%s port=%s dbname=cf_b1 user=%s', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), session_user)) \g /dev/null
SELECT is(code, '55006', 'in use') FROM pg_temp.build_failure('{"a": ""}');
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": ""}', '{"force": true}')), NULL, 'ended by force');
SELECT dblink_disconnect('busy') \g /dev/null
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": ""}')), '25000', 'repeatable read');
ROLLBACK;
BEGIN READ ONLY;
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": ""}')), '25006', 'read only');
ROLLBACK;
BEGIN;
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": "CREATE TABLE kept ()"}', '{"database": "cf_b2"}')), NULL, 'in a transaction');
ROLLBACK;
SELECT is(pg_temp.there('cf_b2', 'SELECT count(*)::text FROM kept'), '0', 'it stays when that is rolled back');

-- Roles.
SET ROLE cf_nobody;
SELECT is(code || ' ' || hint, '42501 Let a superuser run: ALTER ROLE cf_nobody CREATEDB.', 'no CREATEDB') FROM pg_temp.build_failure('{"a": ""}');
SET ROLE cf_maker;
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": ""}')), '42501', 'not the owner');
SELECT is((SELECT code FROM pg_temp.build_failure('{"a": ""}', '{"database": "cf_b3", "extension": true}')), '42501', 'no right to create the extension');
SELECT is((SELECT message FROM pg_temp.build_failure('{"a": "CREATE SCHEMA s; CREATE TABLE s.a (); RESET ROLE; CREATE TABLE s.b ()"}', '{"database": "cf_b3"}')), NULL, 'an ordinary role builds');
RESET ROLE;
SELECT is(array(SELECT pg_temp.there('cf_b3', 'SELECT relname || relowner::regrole FROM pg_class WHERE relnamespace = ''s''::regnamespace ORDER BY 1')),
    '{acf_maker,bpostgres}', 'as the role that calls; RESET ROLE leads to the session''s');
SELECT is((SELECT datdba::regrole::text FROM pg_database WHERE datname = 'cf_b3'), 'cf_maker', 'it owns the database');

CREATE FUNCTION public.cf_trap(files jsonb) RETURNS text LANGUAGE sql SECURITY DEFINER AS
    $$ SELECT database FROM confiture.build(files, '{"database": "cf_b6", "cache": false}') $$;
ALTER FUNCTION public.cf_trap(jsonb) OWNER TO cf_maker;
SELECT is(public.cf_trap('{"a": "RESET ROLE; RESET SESSION AUTHORIZATION; CREATE SCHEMA s; CREATE TABLE s.a ()"}'), 'cf_b6', 'in a SECURITY DEFINER function');
SELECT is(pg_temp.there('cf_b6', 'SELECT relowner::regrole::text FROM pg_class WHERE relname = ''a'' AND relkind = ''r'''), 'cf_maker', 'a file does not get more rights than its owner');
CREATE TABLE public.cf_trapped (files jsonb);
CREATE FUNCTION public.cf_index(files jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT database FROM confiture.build(files) $$;
INSERT INTO public.cf_trapped VALUES ('{"a": "SELECT 1"}');
ALTER TABLE public.cf_trapped OWNER TO cf_maker;
SELECT is(code, '42501', 'not in a security-restricted operation') FROM pg_temp.failure('CREATE INDEX ON public.cf_trapped (public.cf_index(files))');

-- The ledger.
SELECT is((SELECT message FROM pg_temp.build_failure('{"a": "CREATE TABLE a ()"}',
    '{"database": "cf_b4", "migrations": [{"version": "1", "name": "a", "up": "CREATE TABLE a ()"}, {"version": "2", "name": "b", "up": "SELECT 1"}]}')), NULL, 'with a ledger');
SELECT is(array(SELECT pg_temp.there('cf_b4', 'SELECT version || state FROM confiture.migrate_status()')), '{1applied,2applied}', 'all is applied');

-- The cache.
SELECT isnt(confiture.build_prune(), NULL, 'prune') LIMIT 1;
SELECT is((SELECT count(*) FROM confiture.builds() WHERE kind <> 'database'), 0::bigint, 'no template is left');
CREATE FUNCTION pg_temp.again(script text DEFAULT 'CREATE TABLE a (); INSERT INTO a DEFAULT VALUES') RETURNS boolean LANGUAGE sql AS $$
    SELECT cached FROM confiture.build(pg_temp.f(script), '{"database": "cf_b5", "label": "test"}')
$$;
SELECT is(pg_temp.again(), false, 'built once');
SELECT is(pg_temp.again(), true, 'copied then');
SELECT is(pg_temp.there('cf_b5', 'SELECT count(*)::text FROM a'), '1', 'with its rows');
SELECT is(pg_temp.again('CREATE TABLE a ()'), false, 'another text, another template');
SELECT is(pg_temp.again(), true, 'the first is still there');
SET ROLE cf_maker;
SELECT is((SELECT cached FROM confiture.build(pg_temp.f('CREATE TABLE a (); INSERT INTO a DEFAULT VALUES'))), false, 'a role trusts its own templates only');
RESET ROLE;
SELECT is((SELECT string_agg(kind || ':' || coalesce(label, ''), ' ') FROM confiture.builds() WHERE database = 'cf_b5'), 'database:test', 'builds(): label');
SELECT is((SELECT count(*) FROM confiture.builds() WHERE kind = 'template'), 3::bigint, 'three templates');
SELECT confiture.version() \g /dev/null
SET confiture.template_limit = 1;
SELECT is(pg_temp.again('CREATE TABLE b ()'), false, 'one more');
SELECT is((SELECT count(*) FROM confiture.builds() WHERE kind = 'template'), 2::bigint, 'the number is bounded for each role');
RESET confiture.template_limit;
DO $$ BEGIN EXECUTE format('COMMENT ON DATABASE %I IS %L', (SELECT database FROM confiture.builds() WHERE kind = 'template' AND owner = 'postgres'),
    'Built by Confiture {"kind": "template", "built_at": "2001-01-01"}'); END $$;
SELECT is(pg_temp.again('CREATE TABLE c ()'), false, 'and one more');
SELECT is((SELECT count(*) FROM confiture.builds() WHERE kind = 'template' AND owner = 'postgres'), 1::bigint, 'the age is bounded');
SELECT is((SELECT count(*) FROM confiture.build_prune()), 1::bigint, 'prune drops those of the role');
SELECT is((SELECT code FROM pg_temp.failure('SELECT confiture.build_prune(-1)')), '22023', 'keep is not negative');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = 0), 0::bigint, 'no lock is left');
-- What CREATE DATABASE ... TEMPLATE would forget.
SELECT is((SELECT bool_and(NOT cached = (n = 1)) FROM generate_series(1, 2) AS n CROSS JOIN LATERAL confiture.build(pg_temp.f($s$
    DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET search_path = "$user", odd', current_database());
        EXECUTE format('ALTER DATABASE %I SET application_name = %L', current_database(), 'it''s me');
        EXECUTE format('ALTER ROLE cf_nobody IN DATABASE %I SET work_mem = %L', current_database(), '7MB');
        EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO cf_nobody WITH GRANT OPTION', current_database());
    END $$ $s$), jsonb_build_object('database', 'cf_p' || n))), true, 'built and copied');
SELECT is(pg_temp.there('cf_p2', 'SHOW search_path') || ' ' || pg_temp.there('cf_p2', 'SELECT (SELECT string_agg(setconfig::text, '';'' ORDER BY setrole) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database()) || (SELECT datacl::text FROM pg_database WHERE datname = current_database())'),
    pg_temp.there('cf_p1', 'SHOW search_path') || ' ' || pg_temp.there('cf_p1', 'SELECT (SELECT string_agg(setconfig::text, '';'' ORDER BY setrole) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database()) || (SELECT datacl::text FROM pg_database WHERE datname = current_database())'),
    'settings and privileges of the database are copied, too');

-- Clean up: the server is used by other tests.
SELECT confiture.build_prune() \g /dev/null
SET ROLE cf_maker;
SELECT confiture.build_prune() \g /dev/null
RESET ROLE;
SELECT dblink_disconnect(c) FROM unnest(dblink_get_connections()) AS c \g /dev/null
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname LIKE 'cf\_%' ORDER BY 1 \gexec
SELECT is(pg_temp.mine(), '', 'nothing is left');
SELECT * FROM finish();
DROP OWNED BY cf_maker, cf_nobody;
DROP ROLE cf_maker, cf_nobody;
