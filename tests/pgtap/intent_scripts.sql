-- The claims of an intent: what a script and its statements touch. lib/claims.psql says how they are written here.

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
SELECT plan(71);
\ir lib/claims.psql

-- Rule 1: what is left out --------------------------------------------------

SELECT is(pg_temp.names('pg_catalog.pg_class', 'information_schema.tables', 'confiture.migration', 'schema:confiture'),
    '{}', 'catalogs and the extension');
SELECT is(pg_temp.script('SELECT * FROM pg_class; COMMENT ON TABLE confiture.migration IS NULL'), '{}',
    'in a script too');
SELECT is(pg_temp.script($$
    CREATE TEMP TABLE t (id integer); CREATE INDEX ON t (id); INSERT INTO t SELECT id FROM users; DROP TABLE t $$),
    '{read table app.users,read column app.users(id)}', 'temporary objects');
CREATE TEMP TABLE mine (id integer);
SELECT is(pg_temp.script('ALTER TABLE mine ADD a integer'), '{}', 'that of the session');
SELECT is(pg_temp.names('mine'), '{alter table app.mine}', 'which a declared name does not mean');
SET LOCAL search_path = pg_temp, app, public;
SELECT is(pg_temp.script('CREATE TABLE another (id integer)'), '{}', 'a search_path that makes it temporary');
SET LOCAL search_path = app, public;
SELECT is(pg_temp.script('SET CONSTRAINTS ALL DEFERRED; SET CONSTRAINTS a IMMEDIATE'), '{}', 'SET CONSTRAINTS');

-- Rule 1: names in scripts --------------------------------------------------

SELECT is(pg_temp.script('ALTER TABLE users_too SET LOGGED; CREATE TABLE users_too (id integer)'),
    '{alter table public.users_too,create table app.users_too}', 'what exists is found, what is new is created');
SELECT is(pg_temp.script('CREATE TABLE users_too (id integer); ALTER TABLE users_too SET LOGGED'),
    '{create table app.users_too}', 'what was created is found first');
SELECT is(pg_temp.script('SET search_path = public; CREATE TABLE users (id integer)'),
    '{create table public.users}', 'a search_path in the script');
SELECT is(pg_temp.script($$ SELECT pg_catalog.set_config('search_path', 'public', false); DROP TABLE users_too $$),
    '{drop table public.users_too}', 'as pg_dump writes it');
SELECT is(pg_temp.script('CREATE SCHEMA billing; SET search_path = billing; CREATE TABLE invoices (id integer)'),
    '{create schema billing,create table billing.invoices}', 'a schema that the script creates');
SELECT is(current_setting('search_path'), 'app, public', 'the search_path of the session stays');
SELECT is(pg_temp.script('CREATE SCHEMA billing CREATE TABLE invoices (id integer) CREATE INDEX i ON invoices (id)'),
    '{create schema billing,create table billing.invoices,create index billing.i}', 'CREATE SCHEMA with elements');
SELECT is(pg_temp.script('CREATE INDEX i ON users_too (id); ALTER TABLE users_too RENAME TO users_2'),
    ARRAY['create index public.i', 'drop table public.users_too', 'create table public.users_2'],
    'an index and a new name are where the table is');
SELECT is(pg_temp.script('ALTER TABLE totals ALTER n SET DEFAULT 1'),
    '{touch view app.totals,alter column app.totals(n)}', 'the kind is the real one');

-- Without rights ------------------------------------------------------------

CREATE ROLE intent_guest;
CREATE SCHEMA private;
CREATE TABLE private.secret (id integer);
SELECT confiture.grant_usage('intent_guest', 'reader') \g /dev/null
GRANT USAGE ON SCHEMA app TO intent_guest;
SET LOCAL search_path = private, app;
SET LOCAL ROLE intent_guest;
SELECT pg_temp.names('private.secret.id', 'secret', 'orders', 'function:private.f(private.t)')::text AS names \gset
RESET ROLE;
SET LOCAL search_path = app, public;
SELECT is(:'names'::text[], ARRAY[
    'touch table private.secret', 'alter column private.secret(id)', 'alter table app.secret', 'alter table app.orders',
    'alter function private.f [private.t]'],
    'no privilege on a schema is needed to name what is in it; a search_path passes it over');

-- Rule 2: touch -------------------------------------------------------------

SELECT is(pg_temp.script('ALTER TABLE users ADD age integer, ALTER email SET NOT NULL, DROP id'), ARRAY[
    'touch table app.users', 'drop column app.users(id)', 'create column app.users(age)',
    'alter column app.users(email)'],
    'ALTER TABLE of columns touches the table');
SELECT is(pg_temp.script('ALTER TABLE users ADD CHECK (id > 0)'),
    '{touch table app.users,reference column app.users(id)}', 'a constraint without a name');
SELECT is(pg_temp.script('ALTER TABLE users ADD CONSTRAINT c CHECK (true), VALIDATE CONSTRAINT c'),
    '{touch table app.users,create constraint app.users(c)}', 'and with one');
SELECT is(pg_temp.script('ALTER TABLE users ADD age integer, SET (fillfactor = 50)'),
    '{alter table app.users,create column app.users(age)}', 'the table as such is stronger');
SELECT is(pg_temp.script($$
    ALTER TABLE users OWNER TO postgres; ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
    ALTER TABLE users_too INHERIT profiles; ALTER TABLE events_old SET UNLOGGED $$), ARRAY[
    'alter table app.users', 'reference role postgres', 'alter table app.profiles', 'alter table public.users_too',
    'alter table app.events_old'],
    'what changes the table as such');
SELECT is(pg_temp.script('ALTER TABLE events ATTACH PARTITION events_old DEFAULT'),
    '{alter table app.events,alter table app.events_old}', 'ATTACH PARTITION');
SELECT is(pg_temp.script('CREATE TABLE events_new PARTITION OF events DEFAULT'),
    '{create table app.events_new,touch table app.events}', 'a new partition is an addition');
SELECT is(pg_temp.script($$
    CREATE INDEX i ON users (email); CREATE STATISTICS st ON id, email FROM users;
    CREATE POLICY p ON users USING (true); CREATE RULE r AS ON DELETE TO users DO INSTEAD NOTHING;
    CREATE TRIGGER g AFTER INSERT ON users EXECUTE FUNCTION on_change() $$), ARRAY[
    'create index app.i', 'touch table app.users', 'reference column app.users(email)', 'create statistics app.st',
    'reference column app.users(id)', 'create policy app.users(p)', 'create rule app.users(r)',
    'create trigger app.users(g)', 'reference function app.on_change []'],
    'what stands beside it');
SELECT is(pg_temp.script($$
    DROP TRIGGER on_change ON users; ALTER POLICY p ON users USING (false); ALTER TABLE users DISABLE TRIGGER g $$),
    ARRAY['touch table app.users', 'drop trigger app.users(on_change)', 'alter policy app.users(p)',
    'alter trigger app.users(g)'],
    'triggers and policies that are there');
SELECT is(pg_temp.script($$
    COMMENT ON TABLE users IS 'x'; COMMENT ON COLUMN profiles.id IS 'x'; COMMENT ON FUNCTION total IS 'x';
    GRANT SELECT ON totals TO PUBLIC; GRANT USAGE ON SCHEMA app TO PUBLIC; REVOKE UPDATE (id) ON events FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION twice(int), twice(text) TO PUBLIC $$), ARRAY[
    'touch table app.users', 'touch table app.profiles', 'touch column app.profiles(id)', 'touch function app.total [integer, app.mood]',
    'touch view app.totals', 'touch schema app', 'touch table app.events', 'touch column app.events(id)',
    'touch function app.twice [integer]', 'touch function app.twice [text]'],
    'COMMENT, GRANT and REVOKE');
SELECT is(pg_temp.script('VACUUM users; REINDEX TABLE profiles; CLUSTER events_old USING i; ANALYZE totals'), ARRAY[
    'touch table app.users', 'touch table app.profiles', 'touch table app.events_old', 'reference index app.i',
    'read view app.totals'],
    'maintenance changes no definition');
SELECT is(pg_temp.script($$
    ALTER TYPE address ADD ATTRIBUTE zip text; ALTER DOMAIN positive ADD CHECK (VALUE < 9);
    ALTER TYPE mood ADD VALUE 'so so'; ALTER DOMAIN positive DROP CONSTRAINT is_positive $$), ARRAY[
    'touch type app.address', 'create column app.address(zip)', 'touch domain app.positive', 'alter type app.mood',
    'drop constraint app.positive(is_positive)'],
    'types and domains');
SELECT is(pg_temp.script('ALTER DOMAIN positive SET NOT NULL'), '{alter domain app.positive}', 'a domain as such');

-- Rule 3: renames -----------------------------------------------------------

SELECT is(pg_temp.script('ALTER TABLE users RENAME TO people'), '{drop table app.users,create table app.people}',
    'a table');
SELECT is(pg_temp.script('ALTER TABLE totals RENAME TO sums_2'), '{drop view app.totals,create view app.sums_2}',
    'ALTER TABLE of a view');
SELECT is(pg_temp.script('ALTER TABLE users RENAME email TO mail'),
    '{touch table app.users,drop column app.users(email),create column app.users(mail)}', 'a column');
SELECT is(pg_temp.script('ALTER TABLE users RENAME CONSTRAINT a TO b; ALTER DOMAIN positive RENAME CONSTRAINT a TO b'),
    ARRAY['touch table app.users', 'drop constraint app.users(a)', 'create constraint app.users(b)',
    'touch domain app.positive', 'drop constraint app.positive(a)', 'create constraint app.positive(b)'],
    'constraints');
SELECT is(pg_temp.script('ALTER FUNCTION total RENAME TO total_2; ALTER ROUTINE twice(int) RENAME TO thrice'), ARRAY[
    'drop function app.total [integer, app.mood]', 'create function app.total_2 [integer, app.mood]',
    'drop function app.twice [integer]', 'create function app.thrice [integer]'],
    'routines keep their arguments');
SELECT is(pg_temp.script('ALTER TABLE users SET SCHEMA public; ALTER FUNCTION total SET SCHEMA public'), ARRAY[
    'drop table app.users', 'create table public.users', 'drop function app.total [integer, app.mood]',
    'create function public.total [integer, app.mood]'],
    'another schema');
SELECT is(pg_temp.script('ALTER SCHEMA app RENAME TO b; ALTER ROLE c RENAME TO d; ALTER TYPE mood RENAME TO moods'),
    ARRAY['drop schema app', 'create schema b', 'drop role c', 'create role d', 'drop type app.mood',
    'create type app.moods'],
    'others');
SELECT is(pg_temp.script('ALTER TABLE users RENAME TO people; ALTER TABLE people ADD a integer, DROP email'),
    '{drop table app.users,create table app.people}', 'parts go without saying after that');
SELECT is(pg_temp.script('ALTER INDEX idx_users_email RENAME TO i'),
    '{drop index app.idx_users_email,create index app.i,touch table app.users}', 'an index');

-- Rules 4 and 5: parts ------------------------------------------------------

SELECT is(pg_temp.script('SELECT email FROM users'), '{read table app.users,read column app.users(email)}',
    'a column that is read');
SELECT is(pg_temp.script('INSERT INTO users (email) VALUES (1)'),
    '{write table app.users,write column app.users(email)}', 'a column that is written');
SELECT is(pg_temp.script('CREATE TABLE o (u integer REFERENCES users (id), CONSTRAINT c CHECK (u > 0)); ALTER TABLE o ADD v integer'),
    '{create table app.o,reference table app.users,reference column app.users(id)}', 'parts of a new table are left out');
SELECT is(pg_temp.script('ALTER TABLE users ADD a integer; DROP TABLE users'), '{drop table app.users}',
    'those of one that is dropped as well');
SELECT is(pg_temp.script('CREATE VIEW v (a, b) AS SELECT id, email FROM users'), ARRAY[
    'create view app.v', 'read table app.users', 'read column app.users(id)', 'read column app.users(email)'],
    'a view');

-- Rule 6: a script as a whole -----------------------------------------------

SELECT is(pg_temp.script('CREATE TABLE o (a integer); DROP TABLE o'), '{}', 'created and dropped');
SELECT is(pg_temp.script('DROP TABLE users; CREATE TABLE users (id integer)'), '{alter table app.users}',
    'dropped and created');
SELECT is(pg_temp.script('DROP TABLE IF EXISTS o; CREATE TABLE o (a integer)'), '{create table app.o}',
    'dropped only if it exists, which it does not');
SELECT is(pg_temp.script('DROP TABLE IF EXISTS users; CREATE TABLE users (a integer)'), '{alter table app.users}',
    'which it does');
SELECT is(pg_temp.script('CREATE TABLE IF NOT EXISTS users (a integer); DROP TABLE users'), '{drop table app.users}',
    'what was there before is dropped');
SELECT is(pg_temp.script($$
    CREATE TABLE IF NOT EXISTS users (a integer REFERENCES profiles); ALTER TABLE users ADD COLUMN IF NOT EXISTS a integer;
    ALTER TABLE users ADD COLUMN IF NOT EXISTS email text; CREATE INDEX IF NOT EXISTS idx_users_email ON events (id);
    CREATE EXTENSION IF NOT EXISTS confiture; CREATE SEQUENCE IF NOT EXISTS brand_new $$), ARRAY[
    'touch table app.users', 'reference table app.profiles', 'create column app.users(a)',
    'reference column app.users(email)', 'reference index app.idx_users_email', 'touch table app.events',
    'reference column app.events(id)', 'reference extension confiture', 'create sequence app.brand_new'],
    'IF NOT EXISTS refers to what is there');
SELECT is((SELECT array_agg(pg_temp.text_of(c)) FROM jsonb_array_elements(
        confiture._intent_collect(NULL, NULL, 'CREATE SCHEMA IF NOT EXISTS app; CREATE SCHEMA IF NOT EXISTS b') -> 'claims') AS c),
    '{reference schema app,create schema b}', 'schemas as well');
SELECT is(pg_temp.script('CREATE TABLE IF NOT EXISTS o (a integer, b integer); CREATE TABLE IF NOT EXISTS o (c integer)'),
    '{create table app.o}', 'and creates what is not');
SELECT is(pg_temp.script('CREATE TABLE n (a integer); ALTER TABLE users RENAME TO old; ALTER TABLE n RENAME TO users; DROP TABLE old'),
    '{alter table app.users}', 'a table is swapped');
SELECT is(pg_temp.script('ALTER TABLE users ADD a integer; ALTER TABLE users DROP a'), '{touch table app.users}',
    'a column comes and goes');
SELECT is(pg_temp.script('ALTER TABLE users ADD email text, DROP email'),
    '{touch table app.users,alter column app.users(email)}', 'in one statement what drops is first');
SELECT is(pg_temp.script($$
    CREATE OR REPLACE FUNCTION total(integer, mood, OUT text) LANGUAGE sql RETURN NULL::text;
    CREATE OR REPLACE FUNCTION brand_new() RETURNS integer LANGUAGE sql RETURN 1;
    CREATE OR REPLACE VIEW totals AS SELECT 1 AS n;
    CREATE OR REPLACE TRIGGER on_change AFTER UPDATE ON users EXECUTE FUNCTION on_change() $$), ARRAY[
    'alter function app.total [integer, app.mood]', 'reference type app.mood', 'create function app.brand_new []',
    'alter view app.totals',     'touch table app.users', 'alter trigger app.users(on_change)', 'reference function app.on_change []'],
    'OR REPLACE alters what is there');
SELECT is(pg_temp.script($$
    CREATE FUNCTION a(integer) RETURNS integer LANGUAGE sql RETURN 1; SELECT a(1); SELECT twice(1);
    CREATE FUNCTION twice(mood) RETURNS integer LANGUAGE sql RETURN twice(1) $$), ARRAY[
    'create function app.a [integer]', 'reference function app.twice', 'create function app.twice [app.mood]',
    'reference type app.mood'],
    'calls of what the script creates go without saying');
SELECT is(pg_temp.script('DROP FUNCTION twice(int), twice(text); CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql RETURN 1'),
    '{"alter function app.twice [integer]","drop function app.twice [text]"}', 'routines of one name are two');
SELECT is(pg_temp.script('CREATE AGGREGATE total(int) (SFUNC = f, STYPE = int); CREATE PROCEDURE p(a text, OUT b int) LANGUAGE sql AS '''''),
    ARRAY['create aggregate app.total [integer]', 'reference function app.f', 'create procedure app.p [text]'],
    'aggregates and procedures');

-- Declared and parsed -------------------------------------------------------

SELECT is((SELECT array_agg(concat_ws(' ', c ->> 'source', pg_temp.text_of(c)))
    FROM jsonb_array_elements(confiture._intent_collect('{users, read profiles, totals}', '{o}',
        'ALTER TABLE users ADD a int; ALTER TABLE profiles ADD b int; CREATE TABLE o (id int); DROP VIEW totals') -> 'claims') AS c), ARRAY[
    'declared alter table app.users', 'parsed create column app.users(a)', 'parsed touch table app.profiles',
    'parsed create column app.profiles(b)', 'parsed create table app.o', 'parsed drop view app.totals',
    'declared reference schema app'],
    'of both, the stronger action counts');
SELECT is((SELECT array_agg(pg_temp.text_of(c))
    FROM jsonb_array_elements(confiture._intent_collect('{users, people, o}', NULL,
        'ALTER TABLE users RENAME TO people; SET search_path = public; CREATE TABLE o (id int)') -> 'claims') AS c
    WHERE c ->> 'kind' = 'table'), ARRAY[
    'drop table app.users', 'create table app.people', 'create table public.o'],
    'names mean what is there before the script, else what it creates where they look');

-- Rule 7: schemas -----------------------------------------------------------

SELECT is((SELECT array_agg(pg_temp.text_of(c) ORDER BY c ->> 'name')
    FROM jsonb_array_elements(confiture._intent_collect('{users, users_too, s.t, "drop schema:x", x.y, role:r}', NULL, NULL) -> 'claims') AS c
    WHERE c ->> 'kind' = 'schema'), ARRAY[
    'reference schema app', 'reference schema public', 'drop schema x'],
    'every schema has a row, with the stronger action');

-- Rule 9: what can't be seen ------------------------------------------------

SELECT is(pg_temp.unseen(E'DO $x$ BEGIN END $x$;\nSELECT 1;\n\nCREATE FUNCTION a() RETURNS int LANGUAGE sql AS ''SELECT 1'';\nEXECUTE p; VACUUM'),
    ARRAY['1 1 DO block', '3 4 function body', '4 5 prepared statement', '5 5 all tables'],
    'what can''t be seen, with its place');
SELECT is(pg_temp.unseen('CREATE FUNCTION a() RETURNS int LANGUAGE sql RETURN 1'), '{}', 'a body in SQL can');

-- Other statements ----------------------------------------------------------

SELECT is(pg_temp.script($$
    CREATE EXTENSION pgcrypto SCHEMA app; CREATE ROLE r; CREATE PUBLICATION p FOR TABLE users;
    DROP OPERATOR <+> (NONE, integer); CREATE COLLATION c (locale = 'C'); DROP LANGUAGE nolang $$), ARRAY[
    'create extension pgcrypto', 'create role r', 'create publication p', 'reference table app.users',
    'drop operator app.<+>', 'create collation app.c', 'drop language nolang'],
    'what is no relation');
SELECT is(pg_temp.script('ALTER TABLE users ADD CONSTRAINT u UNIQUE USING INDEX idx_users_email'),
    '{touch table app.users,create constraint app.users(u),alter index app.idx_users_email}',
    'an index that becomes a constraint');

-- Errors of scripts ---------------------------------------------------------

SELECT throws_ok($$ SELECT confiture._intent_collect(NULL, NULL, 'ALTER TABLE a') $$, '42601', NULL,
    'SQL that does not parse');
SELECT throws_ok($$ SELECT confiture._intent_collect(NULL, NULL, '\i a.sql') $$, 'CF010', NULL, 'a meta-command');

-- Many ----------------------------------------------------------------------

SELECT is((SELECT count(*) FROM generate_series(1, 10000) AS i,
        jsonb_array_elements(confiture._intent_collect(ARRAY['t' || i], NULL, NULL) -> 'claims')
    WHERE i < 10), 18::bigint, 'a few');
SELECT is(jsonb_array_length(confiture._intent_collect(
    (SELECT array_agg('t' || i || '.c') FROM generate_series(1, 10000) AS i), NULL, NULL) -> 'claims'), 20001,
    '10,000 names');
SELECT is(jsonb_array_length(confiture._intent_collect(NULL, NULL,
    (SELECT 'ALTER TABLE users ' || string_agg('ADD c' || i || ' int', ', ') FROM generate_series(1, 10000) AS i))
    -> 'claims'), 10002, '10,000 columns in one statement');

SELECT * FROM finish();
ROLLBACK;
