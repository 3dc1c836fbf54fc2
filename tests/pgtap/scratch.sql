-- Scratch databases and confiture.snapshot_of(). Not in a transaction: workers have to see the extension.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS dblink;
CREATE EXTENSION confiture;
\ir lib/failure.psql

CREATE FUNCTION pg_temp.left() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), '') FROM pg_database WHERE datname LIKE 'confiture\_tmp%'
$$;
CREATE FUNCTION pg_temp.of_failure(ddl text, OUT code text, OUT message text, OUT detail text, OUT hint text, OUT context text)
LANGUAGE sql AS $$
    SELECT * FROM pg_temp.failure(format('SELECT confiture.snapshot_of(%L::text)', ddl))
$$;
CREATE FUNCTION pg_temp.statements(statements text[], groups integer[] DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
    SELECT (confiture._scratch(jsonb_build_array(
        jsonb_build_object('statements', to_jsonb(statements), 'groups', to_jsonb(groups)),
        '{"query": "SELECT coalesce(jsonb_agg(relname ORDER BY relname), ''[]'') FROM pg_class WHERE relnamespace = ''public''::regnamespace"}'::jsonb)))[1]
$$;
CREATE ROLE cf_scratcher LOGIN CREATEDB;
CREATE ROLE cf_poor LOGIN;
SELECT confiture.grant_usage('cf_scratcher', 'developer'), confiture.grant_usage('cf_poor', 'developer') \g /dev/null

SELECT no_plan();

-- Who may.
SET ROLE cf_poor;
SELECT is((SELECT (code, hint) FROM pg_temp.of_failure('SELECT 1')),
    ('42501'::text, 'Let a superuser run: ALTER ROLE cf_poor CREATEDB.'::text), 'without CREATEDB: says what to grant');
SET ROLE cf_scratcher;
SELECT ok((SELECT code = '42501' AND hint LIKE 'Let a superuser run in the database %, once for each version: SELECT confiture.scratch_prepare().'
    FROM pg_temp.of_failure('SELECT 1')), 'no template, and no superuser: says who has to make one');
RESET ROLE;
SELECT ok(confiture.scratch_prepare() LIKE 'confiture\_tpl\_%', 'scratch_prepare() makes the template');
SELECT is(confiture.scratch_prepare(), (SELECT database FROM confiture.builds() WHERE kind = 'scratch'), 'once');
SELECT is((SELECT (d.encoding, d.datcollate, d.datctype, d.datallowconn)::text FROM pg_database AS d WHERE d.datname = confiture.scratch_prepare()),
    (SELECT (d.encoding, d.datcollate, d.datctype, false)::text FROM pg_database AS d WHERE d.datname = current_database()),
    'encoding and locale are those of this database');
SET ROLE cf_scratcher;
SELECT ok(confiture.snapshot_of('CREATE TABLE mine (a int)') -> 'facts' ? 'table public.mine', 'a role that may create databases copies it');
SELECT is(confiture.snapshot_of('CREATE TABLE mine (a int)') #>> '{facts,owner of table public.mine,role}', 'cf_scratcher', 'the DDL runs as the role that calls');
SELECT is((SELECT code FROM pg_temp.of_failure('RESET ROLE; CREATE ROLE cf_more SUPERUSER')), NULL,
    'the session that calls is one of a superuser: RESET ROLE leads there');
SELECT is((SELECT code FROM pg_temp.of_failure('SET ROLE cf_poor; CREATE TABLE a ()')), '42501', 'SET ROLE in a file: with the rights of that role');
RESET ROLE;
DROP ROLE cf_more;
-- A session of the role itself gets nothing by it.
SELECT dblink_connect('own', format('host=%s port=%s dbname=%s user=cf_scratcher', split_part(current_setting('unix_socket_directories'), ',', 1),
    current_setting('port'), current_database())) \g /dev/null
SELECT throws_matching($$SELECT * FROM dblink('own', 'SELECT confiture.snapshot_of(''RESET ROLE; CREATE ROLE cf_more SUPERUSER''::text)') AS d (s jsonb)$$,
    'must be superuser|permission denied to create role', 'RESET ROLE in a file gives nothing that the session has not');

-- What is made of it.
SELECT is(confiture.snapshot_of(''::text) -> 'unmodelled', '[]', 'nothing is nothing');
CREATE TABLE here (id int PRIMARY KEY, t varchar CHECK (t IN ('a', 'b')));
SELECT is(confiture.snapshot_of('CREATE TABLE here (id int PRIMARY KEY, t varchar CHECK (t IN (''a'', ''b'')))') #- '{facts,extension pgtap}' -> 'facts' -> 'constraint public.here.here_t_check',
    confiture.snapshot() #> '{facts,constraint public.here.here_t_check}', 'facts are those that this database would have');
SELECT ok(confiture.snapshot_of('{"b.sql": "CREATE TABLE b (id int)", "a.sql": "CREATE VIEW a AS SELECT id FROM b"}'::jsonb) -> 'facts' ? 'view public.a',
    'files: in the order that they need');
SELECT ok(confiture.snapshot_of('CREATE TABLE a (id int); CREATE INDEX CONCURRENTLY ai ON a (id); SET search_path = s; CREATE SCHEMA s; CREATE TABLE t ();')
    -> 'facts' ?& '{index public.ai,table s.t}', 'CREATE INDEX CONCURRENTLY, search_path in the text');
SELECT ok(confiture.snapshot_of(format('CREATE SCHEMA %I; CREATE TABLE %1$I.%I (%I int)', 'we"ird.é', repeat('x', 63), 'a.b "c"')) -> 'facts'
    ? format('column %I.%I.%I', 'we"ird.é', repeat('x', 63), 'a.b "c"'), 'names of all sorts');
SELECT is((SELECT count(*) FROM confiture.snapshot_facts(confiture.snapshot_of((SELECT string_agg(format('CREATE TABLE t%s (id int PRIMARY KEY)', i), ';') FROM generate_series(1, 700) AS i)))
    WHERE kind = 'table'), 700::bigint, 'more tables than fit into one transaction');

-- Errors.
SELECT is((SELECT (code, split_part(context, E'\n', 1)) FROM pg_temp.of_failure(E'CREATE TABLE a (id int);\n  CREATE VIEW v AS SELECT x FROM a')),
    ('42703'::text, 'file "ddl", statement 2 of 2 at line 2, column 27'::text), 'a statement that fails: file, line and column');
SELECT is((SELECT (code, split_part(context, E'\n', 1)) FROM pg_temp.of_failure('CREATE TABEL')), ('42601'::text, 'file "ddl", statement 1 of 1 at line 1, column 8'::text), 'bad syntax');
SELECT is((SELECT (code, hint) FROM pg_temp.of_failure('CREATE EXTENSION cf_no_such_thing')),
    ('0A000'::text, 'The extension must first be installed on the system where PostgreSQL is running.'::text), 'an extension that the server has not');
SELECT is((SELECT code FROM pg_temp.of_failure('CREATE DATABASE x')), '0A000', 'no other databases');
SELECT is((SELECT code FROM pg_temp.failure('SELECT confiture.snapshot_of(''{"a": 1}''::jsonb)')), '22023', 'files that are none');
SELECT is((SELECT code FROM pg_temp.failure('SELECT confiture.snapshot_of(''SELECT 1''::text, ''{"a": 1}'')')), '22023', 'a base that is no snapshot');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is((SELECT code FROM pg_temp.of_failure('SELECT 1')), '25000', 'not in a transaction that sees nothing new');
ROLLBACK;
BEGIN READ ONLY;
SELECT is((SELECT code FROM pg_temp.of_failure('SELECT 1')), '25006', 'not in one that is read only') ;
ROLLBACK;
BEGIN;
SELECT ok(confiture.snapshot_of('CREATE TABLE a ()') -> 'facts' ? 'table public.a', 'in a transaction');
ROLLBACK;
SET statement_timeout = '300ms';
SELECT is((SELECT code FROM pg_temp.of_failure('SELECT pg_sleep(10)')), '57014', 'cancelled: the statement in the scratch database too');
RESET statement_timeout;
SELECT is(pg_temp.left(), '', 'whatever happens, nothing is left');

-- Statements of a plan.
SELECT is(pg_temp.statements('{CREATE TABLE a (b int),CREATE INDEX CONCURRENTLY i ON a (b),DROP INDEX CONCURRENTLY i}'), '{}', 'statements at the top level');
SELECT is(pg_temp.statements('{CREATE TABLE a (b int),"SELECT 1/0 AS x",CREATE TABLE c ()}') #- '{failed,hint}',
    '{"failed": {"ordinal": 2, "message": "division by zero", "sqlstate": "22012", "statement": "SELECT 1/0 AS x"}}', 'one that fails is reported');
SELECT is(pg_temp.statements('{CREATE TABLE a (b int),CREATE TABEL c ()}') #>> '{failed,ordinal}', '2', 'one that is none, too');
SELECT is(pg_temp.statements('{CREATE TYPE e AS ENUM (''a''),ALTER TYPE e ADD VALUE ''b'',"CREATE TABLE t (c e DEFAULT ''b'')"}', '{1,2,2}') #>> '{failed,sqlstate}',
    '55P04', 'transactions are those of the groups');
SELECT is(pg_temp.statements('{CREATE TYPE e AS ENUM (''a''),ALTER TYPE e ADD VALUE ''b'',"CREATE TABLE t (c e DEFAULT ''b'')"}', '{1,2,3}'), '{}', 'each in its own');
SELECT is(pg_temp.statements('{CREATE TABLE p (id int PRIMARY KEY),"CREATE TABLE c (id int REFERENCES p DEFERRABLE INITIALLY DEFERRED)",INSERT INTO c VALUES (1),CREATE TABLE d ()}', '{1,1,2,3}') #>> '{failed,ordinal}',
    '3', 'what COMMIT refuses is the fault of the last statement of its group');
SELECT is(pg_temp.statements('{CREATE TABLE a (b int),COMMIT}') #>> '{failed,sqlstate}', 'CF009', 'no transaction commands');
SELECT is(pg_temp.left(), '', 'nothing is left');

-- Subscriptions: they are there, and nothing comes of them.
SELECT is((confiture.snapshot_of('CREATE SUBSCRIPTION cf_sub CONNECTION ''host=127.0.0.1 port=1 dbname=x'' PUBLICATION p; ALTER SUBSCRIPTION cf_sub ADD PUBLICATION q')
    #> '{facts,subscription cf_sub,payload}') - ARRAY(SELECT k FROM unnest('{binary,streaming,two_phase,disable_on_error,synchronous_commit,password_required,run_as_owner,origin,failover}'::text[]) AS k),
    '{"enabled": true, "slot_name": "cf_sub", "publications": ["p", "q"]}', 'a subscription connects to nobody, and says what it would say');
SELECT is(confiture.snapshot_of('CREATE SUBSCRIPTION cf_sub CONNECTION ''host=127.0.0.1 port=1 dbname=x'' PUBLICATION p; ALTER SUBSCRIPTION cf_sub DISABLE')
    #> '{facts,subscription cf_sub,payload,enabled}', 'false', 'disabled');
SELECT is(confiture.snapshot_of('CREATE SUBSCRIPTION cf_sub CONNECTION ''host=127.0.0.1 port=1 dbname=x'' PUBLICATION p; DROP SUBSCRIPTION cf_sub')
    #> '{facts,subscription cf_sub}', NULL, 'dropped, though it has a slot');
SELECT is((SELECT count(*) FROM pg_subscription), 0::bigint, 'none is left');
SELECT is(pg_temp.left(), '', 'nor is a database');

-- Several at once.
SELECT count(dblink_connect('c' || i, format('host=%s port=%s dbname=%s user=%s', split_part(current_setting('unix_socket_directories'), ',', 1),
    current_setting('port'), current_database(), session_user))) FROM generate_series(1, 3) AS i \g /dev/null
SELECT count(dblink_send_query('c' || i, format('SELECT confiture.snapshot_of(''CREATE TABLE t%s ()''::text) -> ''facts'' ? ''table public.t%1$s''', i)))
FROM generate_series(1, 3) AS i \g /dev/null
SELECT ok((SELECT bool_and(r) FROM generate_series(1, 3) AS i, dblink_get_result('c' || i) AS d (r boolean)), 'three at once');

-- What is left by a server that was killed.
CREATE DATABASE confiture_tmp_1_abc;
SELECT is((SELECT kind FROM confiture.builds() WHERE database = 'confiture_tmp_1_abc'), 'unfinished', 'builds() tells of what is left');
SELECT is(ARRAY(SELECT confiture.build_prune(8)), '{confiture_tmp_1_abc}', 'build_prune() drops it, not the template');
SELECT is((SELECT bool_and(p LIKE 'confiture\_tpl\_%') FROM confiture.build_prune() AS p), true, 'and all of it when asked to');
SELECT ok(confiture.snapshot_of('CREATE TABLE a ()') -> 'facts' ? 'table public.a', 'it is made again');
SELECT count(*) FROM confiture.build_prune() \g /dev/null

SELECT * FROM finish();
SELECT dblink_disconnect(c) FROM unnest(dblink_get_connections()) AS c \g /dev/null
DROP TABLE here;
DROP EXTENSION confiture;
DROP OWNED BY cf_scratcher, cf_poor;
DROP ROLE cf_scratcher, cf_poor;
