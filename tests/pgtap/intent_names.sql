-- The claims of an intent: what declared names touch. lib/claims.psql says how they are written here.

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
SELECT plan(87);
\ir lib/claims.psql

-- The row of a claim --------------------------------------------------------

SELECT is(confiture._intent_collect('{users.email}', NULL, NULL),
    '{"claims": [
        {"anchor": "relation:app.users", "part": "", "kind": "table", "schema": "app", "name": "users",
         "action": "touch", "source": "declared"},
        {"anchor": "relation:app.users", "part": "column:email", "kind": "column", "schema": "app",
         "name": "users", "column": "email", "action": "alter", "source": "declared"},
        {"anchor": "schema:app", "part": "", "kind": "schema", "name": "app", "action": "reference",
         "source": "declared"}],
      "unseen": []}'::jsonb,
    'a column, with its table and its schema');
SELECT is(confiture._intent_collect(NULL, NULL, 'DROP FUNCTION total'),
    '{"claims": [
        {"anchor": "routine:app.total", "part": "", "kind": "function", "schema": "app", "name": "total",
         "arguments": "integer, app.mood", "action": "drop", "source": "parsed"},
        {"anchor": "schema:app", "part": "", "kind": "schema", "name": "app", "action": "reference",
         "source": "parsed"}],
      "unseen": []}'::jsonb,
    'a routine');
SELECT is(confiture._intent_collect(NULL, '{a}', NULL) -> 'claims' -> 0,
    confiture._intent_collect('{table:a}', NULL, NULL) -> 'claims' -> 0,
    'tables are names of the kind table');
SELECT is(confiture._intent_collect(NULL, NULL, NULL), '{"claims": [], "unseen": []}'::jsonb,
    'of nothing there are none');
SELECT is(confiture._intent_collect('{"\"S s\".\"T.t\".\"C c\""}', NULL, NULL) #>> '{claims,1,anchor}',
    'relation:"S s"."T.t"', 'names in an anchor are quoted');
SELECT is(confiture._intent_collect('{"\"S s\".\"T.t\".\"C c\""}', NULL, NULL) #>> '{claims,1,part}',
    'column:"C c"', 'in a part too');
SET LOCAL quote_all_identifiers = on;
SELECT is(confiture._intent_collect('{users.email, total(int)}', NULL, NULL) #>> '{claims,1,part}',
    'column:email', 'always in the same way, whatever the session says');
SELECT is(current_setting('quote_all_identifiers'), 'on', 'which is not changed');
SET LOCAL quote_all_identifiers = off;

-- Declared: one name --------------------------------------------------------

SELECT is(pg_temp.names('users'), '{alter table app.users}', 'a table of the search_path');
SELECT is(pg_temp.names('users_too'), '{alter table public.users_too}', 'of a later schema of it');
SELECT is(pg_temp.names('orders'), '{alter table app.orders}',
    'what does not exist is a table in the first schema');
SELECT is(pg_temp.names('totals', 'sums', 'idx_users_email', 'loose'), ARRAY[
    'alter view app.totals', 'alter materialized view app.sums', 'alter index app.idx_users_email',
    'alter sequence app.loose', 'touch table app.users'],
    'what exists is what it is');
SELECT is(pg_temp.names('mood', 'positive', 'address'), ARRAY[
    'alter type app.mood', 'alter domain app.positive', 'alter type app.address'],
    'types as well');
SELECT is(pg_temp.names('total', 'tidy', 'longest'), ARRAY[
    'alter function app.total [integer, app.mood]', 'alter procedure app.tidy [text, integer[]]',
    'alter aggregate app.longest [text]'],
    'and routines, with the arguments of the only one');
SELECT is(pg_temp.names('twice'), '{alter function app.twice}', 'of two with a name, arguments are not known');
SELECT is(pg_temp.names('point', 'version', 'pg_class'),
    ARRAY['alter table app.point', 'alter table app.version', 'alter table app.pg_class'],
    'what every database has does not hide what one can change');
SELECT is(pg_temp.names('USERS', '"Users"'), ARRAY['alter table app.users', 'alter table app.Users'],
    'case is folded as in SQL');
SELECT is(pg_temp.names('  users  '), '{alter table app.users}', 'blanks around it');
SELECT is(pg_temp.names('"a ""b"" ."'), ARRAY['alter table app.a "b" .'], 'quotes, blanks and dots in a name');
SELECT is(pg_temp.names('größe', 'таблица', '"表 1"'), ARRAY[
    'alter table app.größe', 'alter table app.таблица', 'alter table app.表 1'],
    'letters of any script');
SELECT is(pg_temp.names(repeat('x', 70)), ARRAY['alter table app.' || repeat('x', 63)],
    'a name that is too long is cut as the server does');
SELECT is(pg_temp.names('drop'), '{alter table app.drop}', 'the word of an action alone is a name');

-- Declared: two and three names ---------------------------------------------

SELECT is(pg_temp.names('app.users'), '{alter table app.users}', 'schema and table');
SELECT is(pg_temp.names('app . users'), '{alter table app.users}', 'blanks around the dot');
SELECT is(pg_temp.names('app.total'), '{"alter function app.total [integer, app.mood]"}', 'schema and routine');
SELECT is(pg_temp.names('users.email'), '{touch table app.users,alter column app.users(email)}',
    'table and column');
SELECT is(pg_temp.names('users.age'), '{touch table app.users,alter column app.users(age)}',
    'table and a column that is not there yet');
SELECT is(pg_temp.names('app.orders'), '{alter table app.orders}', 'schema and a table that is not there yet');
SELECT is(pg_temp.names('address.city'), '{touch type app.address,alter column app.address(city)}',
    'type and attribute');
SELECT is(pg_temp.names('orders.total'), '{touch table app.orders,alter column app.orders(total)}',
    'neither is there: table and column');
SELECT is(pg_temp.names('public.users.email'), '{touch table public.users,alter column public.users(email)}',
    'three names');
SELECT is(pg_temp.names('totals.n'), '{touch view app.totals,alter column app.totals(n)}',
    'a column of a view');
CREATE SCHEMA users;
SELECT is(pg_temp.names('users.email'), '{touch table app.users,alter column app.users(email)}',
    'a table is before a schema of the same name');
CREATE TABLE users.email (id integer);
SELECT is(pg_temp.names('users.email'), '{alter table users.email}', 'but what exists comes first');
SELECT is(pg_temp.names('column:users.email'), '{touch table app.users,alter column app.users(email)}',
    'the kind decides');
DROP SCHEMA users CASCADE;
SELECT is(pg_temp.names('create schema:billing', 'billing.invoices'),
    '{create schema billing,alter table billing.invoices}', 'a schema that is declared counts');
SELECT is((confiture._intent_collect('{billing.invoices}', NULL, 'CREATE SCHEMA billing') #>> '{claims,1,anchor}'),
    'relation:billing.invoices', 'so does one that the script creates');

-- Declared: actions and kinds -----------------------------------------------

SELECT is(pg_temp.names('read a', 'reference b', 'write c', 'touch d', 'alter e', 'create f', 'drop g'), ARRAY[
    'read table app.a', 'reference table app.b', 'write table app.c', 'touch table app.d', 'alter table app.e',
    'create table app.f', 'drop table app.g'],
    'actions');
SELECT is(pg_temp.names('DROP  VIEW : totals'), '{drop view app.totals}', 'in any case, with any blanks');
SELECT is(pg_temp.names('create users_too'), '{create table app.users_too}',
    'something new is in the first schema');
SELECT is(pg_temp.names('table:a', 'view:b', 'materialized view:c', 'foreign table:d', 'sequence:e', 'index:f',
    'type:g', 'domain:h', 'relation:i'), ARRAY[
    'alter table app.a', 'alter view app.b', 'alter materialized view app.c', 'alter foreign table app.d',
    'alter sequence app.e', 'alter index app.f', 'alter type app.g', 'alter domain app.h', 'alter table app.i'],
    'kinds of relations and types');
SELECT is(pg_temp.names('table:totals', 'type:positive'), '{alter view app.totals,alter domain app.positive}',
    'the kind of what exists is the real one');
SELECT is(pg_temp.names('create view:totals'), '{create view app.totals}', 'what is created is what it says');
SELECT is(pg_temp.names('constraint:users.users_email_key', 'trigger:app.users.on_change', 'policy:users.p',
    'rule:totals.r', 'attribute:address.zip', 'constraint:positive.is_positive'), ARRAY[
    'touch table app.users', 'alter constraint app.users(users_email_key)', 'alter trigger app.users(on_change)',
    'alter policy app.users(p)', 'touch view app.totals', 'alter rule app.totals(r)', 'touch type app.address',
    'alter column app.address(zip)', 'touch domain app.positive', 'alter constraint app.positive(is_positive)'],
    'parts');
SELECT is(pg_temp.names('column:orders.total', 'attribute:point3.x'), ARRAY[
    'touch table app.orders', 'alter column app.orders(total)', 'touch type app.point3', 'alter column app.point3(x)'],
    'parts of what is not there yet');
SELECT is(pg_temp.names('read users.email'), '{read table app.users,read column app.users(email)}',
    'a part that is read');
SELECT is(pg_temp.names('drop users', 'users.email'), '{drop table app.users}', 'the parts of what is dropped');
SELECT is(pg_temp.names('schema:app', 'extension:pgcrypto', 'role:app_user', 'server:s', 'publication:p',
    'language:l', 'event trigger:e', 'drop access method:m'), ARRAY[
    'alter schema app', 'alter extension pgcrypto', 'alter role app_user', 'alter server s', 'alter publication p',
    'alter language l', 'alter event trigger e', 'drop access method m'],
    'what has no schema');
SELECT is(pg_temp.names('collation:c', 'statistics:app.st', 'text search configuration:t', 'operator class:o',
    'operator:<+>', 'operator:app.<->'), ARRAY[
    'alter collation app.c', 'alter statistics app.st', 'alter text search configuration app.t',
    'alter operator class app.o', 'alter operator app.<+>', 'alter operator app.<->'],
    'other things in schemas');
SELECT is(pg_temp.names('idx_users_email'), '{alter index app.idx_users_email,touch table app.users}',
    'an index touches its table');
SELECT is(pg_temp.names('app.users_id_seq', 'read profiles_id_seq'),
    '{alter sequence app.users_id_seq,read sequence app.profiles_id_seq,touch table app.users}',
    'so does the sequence of a column, if it is changed');

-- Declared: routines --------------------------------------------------------

SELECT is(pg_temp.names('function:app.total(int, app.mood)'),
    '{"alter function app.total [integer, app.mood]"}', 'arguments are written as the server does');
SELECT is(pg_temp.names('function:total ( int4 , mood )'),
    '{"alter function app.total [integer, app.mood]"}', 'types are found in the search_path');
SELECT is(pg_temp.names('new(a int, VARIADIC b text[], varchar(10), timestamp with time zone, "char", OUT numeric)'),
    ARRAY['alter function app.new [integer, text[], character varying, timestamp with time zone, "char"]'],
    'names, modes and modifiers');
SELECT is(pg_temp.names('new("My Type", s.ty[], users, users.id%TYPE)'),
    ARRAY['alter function app.new [app."My Type", s.ty[], app.users, integer]'],
    'types of others');
SELECT is(pg_temp.names('new()', 'function:new'),
    ARRAY['alter function app.new []', 'alter function app.new'],
    'no arguments are not the same as none given');
SELECT is(pg_temp.names('twice(int)', 'twice(text)'),
    ARRAY['alter function app.twice [integer]', 'alter function app.twice [text]'], 'two with one name');
SELECT is(pg_temp.names('routine:tidy', 'function:longest(text)', 'aggregate:mine(*)', 'procedure:p(int)'), ARRAY[
    'alter procedure app.tidy [text, integer[]]', 'alter aggregate app.longest [text]', 'alter aggregate app.mine []',
    'alter procedure app.p [integer]'],
    'kinds of routines');
SELECT is(pg_temp.names('create function:total'), '{create function app.total}',
    'a new one has arguments of its own');

-- Declared: errors ----------------------------------------------------------

CREATE FUNCTION pg_temp.refused(name text, sqlstate text, message text, description text) RETURNS text
LANGUAGE sql AS $$
    SELECT throws_ok(format('SELECT confiture._intent_collect(ARRAY[%L], NULL, NULL)', name), sqlstate, message,
                     description)
$$;
SELECT pg_temp.refused('', '22023', 'the name of an object is empty', 'an empty name');
SELECT pg_temp.refused('  ', '22023', 'the name of an object is empty', 'blanks only');
SELECT pg_temp.refused('users.', '42602', 'invalid name of an object: "users."', 'nothing after the dot');
SELECT pg_temp.refused('.users', '42602', 'invalid name of an object: ".users"', 'nothing before the dot');
SELECT pg_temp.refused('users.*', '42602', 'invalid name of an object: "users.*"', 'a pattern');
SELECT pg_temp.refused('1a', '42602', 'invalid name of an object: "1a"', 'a digit first');
SELECT pg_temp.refused('a-b', '42602', 'invalid name of an object: "a-b"', 'a character that needs quotes');
SELECT pg_temp.refused('"a', '42602', 'invalid name of an object: ""a"', 'a quote without end');
SELECT pg_temp.refused('""', '42602', 'invalid name of an object: """"', 'empty quotes');
SELECT pg_temp.refused('a.b.c.d', '42602', 'invalid name of an object: "a.b.c.d"', 'four names');
SELECT pg_temp.refused('a; DROP TABLE b', '42602', 'invalid name of an object: "a; DROP TABLE b"', 'SQL');
SELECT pg_temp.refused('table:', '42602', 'invalid name of an object: "table:"', 'a kind without a name');
SELECT pg_temp.refused('table:a.b.c', '42602', 'invalid name of an object: "table:a.b.c"', 'a table of three names');
SELECT pg_temp.refused('column:a', '42602', 'invalid name of an object: "column:a"', 'a column without a table');
SELECT pg_temp.refused('schema:a.b', '42602', 'invalid name of an object: "schema:a.b"', 'a schema of two names');
SELECT pg_temp.refused('view:a(int)', '42602', 'invalid name of an object: "view:a(int)"', 'a view with arguments');
SELECT pg_temp.refused('f(int', '42602', 'invalid name of an object: "f(int"', 'arguments without end');
SELECT pg_temp.refused('f(1)', '42602', 'invalid name of an object: "f(1)"', 'arguments that are no types');
SELECT pg_temp.refused('f(int), g(int)', '42602', 'invalid name of an object: "f(int), g(int)"', 'two routines');
SELECT pg_temp.refused('f(int) CASCADE', '42602', 'invalid name of an object: "f(int) CASCADE"', 'more than a routine');
SELECT pg_temp.refused('f(); DROP TABLE b', '42602', 'invalid name of an object: "f(); DROP TABLE b"', 'SQL after it');
SELECT pg_temp.refused('thing:users', '22023', 'unknown kind "thing" in "thing:users"', 'an unknown kind');
SELECT pg_temp.refused('drop thing:users', '22023', 'unknown kind "thing" in "drop thing:users"',
    'after an action');
SELECT pg_temp.refused('destroy table:users', '22023', 'unknown action "destroy" in "destroy table:users"',
    'an unknown action');
SELECT pg_temp.refused('destroy users', '22023', 'unknown action "destroy" in "destroy users"', 'without a kind');
SELECT pg_temp.refused('affected users', '22023', 'unknown action "affected" in "affected users"',
    'what is affected is not declared');
SELECT throws_ok($$ SELECT confiture._intent_collect('{users,NULL}', NULL, NULL) $$, '22004',
    'element 2 of objects is null', 'a null among names');
SELECT throws_ok($$ SELECT confiture._intent_collect(NULL, '{NULL}', NULL) $$, '22004',
    'element 1 of tables is null', 'a null among tables');

SELECT * FROM finish();
ROLLBACK;
