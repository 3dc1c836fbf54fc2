-- The objects that confiture.statements() finds: everything but queries and tables.
--
-- Here each object is written: action kind schema.name(column).

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;

SELECT plan(56);

CREATE FUNCTION pg_temp.objects(script text) RETURNS text[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(
               concat(o ->> 'action', ' ', o ->> 'kind', ' ',
                      (o ->> 'schema') || '.', o ->> 'name',
                      '(' || (o ->> 'column') || ')')
               ORDER BY s.ordinal, n), '{}')
    FROM confiture.statements(script) AS s,
         jsonb_array_elements(s.objects) WITH ORDINALITY AS e (o, n)
$$;

-- Indexes, views, triggers, policies, rules ---------------------------------

SELECT is(pg_temp.objects(
    $$ CREATE UNIQUE INDEX CONCURRENTLY i ON s.t USING gin (a my_ops, f(b) COLLATE mine)
           INCLUDE (c) WHERE d > 0 $$), ARRAY[
    'create index s.i', 'alter table s.t', 'reference column s.t(a)',
    'reference operator class my_ops', 'reference collation mine', 'reference function f',
    'reference column s.t(b)', 'reference column s.t(c)', 'reference column s.t(d)'],
    'CREATE INDEX alters its table');
SELECT is(pg_temp.objects($$ CREATE INDEX ON t (a) $$), ARRAY[
    'alter table t', 'reference column t(a)'],
    'an index without a name');
SELECT is(pg_temp.objects($$ CREATE INDEX i ON t USING bloom (a) $$), ARRAY[
    'create index i', 'alter table t', 'reference access method bloom', 'reference column t(a)'],
    'an access method of an extension');
SELECT is(pg_temp.objects($$ CREATE STATISTICS s.x ON a, f(b) FROM t $$), ARRAY[
    'create statistics s.x', 'alter table t', 'reference column t(a)', 'reference function f',
    'reference column t(b)'],
    'CREATE STATISTICS');
SELECT is(pg_temp.objects(
    $$ CREATE OR REPLACE VIEW s.v (a, b) AS SELECT t.x, f(t.y) FROM t $$), ARRAY[
    'create view s.v', 'create column s.v(a)', 'create column s.v(b)', 'read relation t',
    'read column t(x)', 'reference function f', 'read column t(y)'],
    'CREATE VIEW');
SELECT is(pg_temp.objects($$ CREATE MATERIALIZED VIEW m AS SELECT x FROM t $$), ARRAY[
    'create materialized view m', 'read relation t', 'read column t(x)'],
    'CREATE MATERIALIZED VIEW');
SELECT is(pg_temp.objects($$ REFRESH MATERIALIZED VIEW CONCURRENTLY s.m $$), ARRAY[
    'write materialized view s.m'],
    'REFRESH');
SELECT is(pg_temp.objects(
    $$ CREATE TRIGGER g AFTER UPDATE OF a ON s.t FOR EACH ROW WHEN (OLD.b IS DISTINCT FROM
           NEW.b) EXECUTE FUNCTION s.f() $$), ARRAY[
    'alter table s.t', 'create trigger s.t(g)', 'reference column s.t(a)',
    'reference column s.t(b)', 'reference function s.f'],
    'CREATE TRIGGER');
SELECT is(pg_temp.objects(
    $$ CREATE TRIGGER g INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f() $$), ARRAY[
    'alter view v', 'create trigger v(g)', 'reference function f'],
    'INSTEAD OF is for views');
SELECT is(pg_temp.objects(
    $$ CREATE POLICY p ON t TO app USING (a = s.me()) WITH CHECK (EXISTS (SELECT FROM u WHERE
           u.id = t.b)) $$), ARRAY[
    'alter table t', 'create policy t(p)', 'reference role app', 'reference column t(a)',
    'reference function s.me', 'read relation u', 'read column u(id)', 'read column t(b)'],
    'CREATE POLICY');
SELECT is(pg_temp.objects($$ ALTER POLICY p ON t TO other $$), ARRAY[
    'alter table t', 'alter policy t(p)', 'reference role other'],
    'ALTER POLICY');
SELECT is(pg_temp.objects(
    $$ CREATE RULE r AS ON DELETE TO v DO INSTEAD (UPDATE t SET gone = true WHERE id = OLD.id;
       NOTIFY x) $$), ARRAY[
    'alter relation v', 'create rule v(r)', 'write table t', 'write column t(gone)',
    'read column v(id)'],
    'CREATE RULE');

-- Functions -----------------------------------------------------------------

SELECT is(pg_temp.objects(
    $$ CREATE FUNCTION s.f(a my_type DEFAULT g(1), OUT b s.t.c%TYPE) LANGUAGE plpgsql AS 'BEGIN
           END' $$), ARRAY[
    'create function s.f', 'reference type my_type', 'reference function g',
    'reference relation s.t', 'reference column s.t(c)', 'reference opaque function body'],
    'a body in a string is opaque');
SELECT is(pg_temp.objects(
    $$ CREATE PROCEDURE p(x int) BEGIN ATOMIC INSERT INTO t (a) VALUES (x);
       DELETE FROM u WHERE b = x;
       END $$), ARRAY[
    'create procedure p', 'write table t', 'write column t(a)', 'write table u',
    'read column u(b)'],
    'BEGIN ATOMIC is not');
SELECT is(pg_temp.objects(
    $$ CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN (SELECT max(a) FROM t) $$), ARRAY[
    'create function f', 'read relation t', 'read column t(a)'],
    'nor is RETURN');
SELECT is(pg_temp.objects(
    $$ CREATE FUNCTION f() RETURNS TABLE (a my_type) LANGUAGE plpython3u AS 'x' $$), ARRAY[
    'create function f', 'reference type my_type', 'reference language plpython3u',
    'reference opaque function body'],
    'RETURNS TABLE, a language of an extension');
SELECT is(pg_temp.objects(
    $$ CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'lib', 'f' $$), ARRAY[
    'create function f'],
    'code of a library is no text');
SELECT is(pg_temp.objects($$ ALTER FUNCTION s.f(my_type) SUPPORT h $$), ARRAY[
    'alter function s.f', 'reference type my_type', 'reference function h'],
    'ALTER FUNCTION');
SELECT is(pg_temp.objects($$ CALL s.p(g(1), (SELECT a FROM t)) $$), ARRAY[
    'reference procedure s.p', 'reference function g', 'read relation t', 'read column t(a)'],
    'CALL');
SELECT is(pg_temp.objects($$ DO LANGUAGE plpython3u 'pass' $$), ARRAY[
    'write opaque DO block', 'reference language plpython3u'],
    'DO is opaque');
SELECT is(pg_temp.objects($$ EXECUTE p(f(1)) $$), ARRAY[
    'write opaque prepared statement', 'reference function f'],
    'EXECUTE is opaque');
SELECT is(pg_temp.objects(
    $$ PREPARE p (my_type) AS DELETE FROM a;
       EXPLAIN UPDATE b SET c = 1;
       DECLARE x CURSOR FOR TABLE d $$), ARRAY[
    'reference type my_type', 'write table a', 'write table b', 'write column b(c)',
    'read relation d'],
    'the query of PREPARE, EXPLAIN, DECLARE');

-- Types, operators, text search ---------------------------------------------

SELECT is(pg_temp.objects(
    $$ CREATE TYPE s.a AS (x int, y my_type);
       CREATE TYPE b AS ENUM ('x');
       CREATE TYPE c AS RANGE (SUBTYPE = my_type, SUBTYPE_DIFF = f, MULTIRANGE_TYPE_NAME = d) $$),
    ARRAY[
    'create type s.a', 'create attribute s.a(x)', 'create attribute s.a(y)',
    'reference type my_type', 'create type b', 'create type c', 'create type d',
    'reference type my_type', 'reference function f'],
    'types');
SELECT is(pg_temp.objects(
    $$ CREATE TYPE s.a (INPUT = s.a_in, OUTPUT = a_out, LIKE = int4) $$), ARRAY[
    'create type s.a', 'reference function s.a_in', 'reference function a_out'],
    'base types');
SELECT is(pg_temp.objects(
    $$ ALTER TYPE s.a ADD VALUE 'x';
       ALTER TYPE b SET (RECEIVE = f) $$), ARRAY[
    'alter type s.a', 'alter type b', 'reference function f'],
    'ALTER TYPE');
SELECT is(pg_temp.objects(
    $$ CREATE DOMAIN s.d AS my_type CONSTRAINT c CHECK (f(VALUE));
       ALTER DOMAIN d ADD CONSTRAINT e CHECK (g(VALUE));
       ALTER DOMAIN d DROP CONSTRAINT e $$), ARRAY[
    'create domain s.d', 'reference type my_type', 'create constraint s.d(c)',
    'reference function f', 'alter domain d', 'create constraint d(e)', 'reference function g',
    'alter domain d', 'drop constraint d(e)'],
    'domains');
SELECT is(pg_temp.objects(
    $$ CREATE AGGREGATE s.a(my_type) (SFUNC = f, STYPE = int, FINALFUNC = g);
       CREATE OPERATOR s.+ (LEFTARG = my_type, FUNCTION = f, COMMUTATOR = OPERATOR(s.+)) $$),
    ARRAY[
    'create aggregate s.a', 'reference type my_type', 'reference function f',
    'reference function g', 'create operator s.+', 'reference type my_type',
    'reference function f'],
    'aggregates and operators');
SELECT is(pg_temp.objects(
    $$ CREATE CAST (int AS s.my_type) WITH FUNCTION f(int);
       CREATE TRANSFORM FOR s.my_type LANGUAGE plpython3u (FROM SQL WITH FUNCTION f(internal)) $$),
    ARRAY[
    'create cast (int4 AS s.my_type)', 'reference type s.my_type', 'reference function f',
    'create transform for s.my_type language plpython3u', 'reference type s.my_type',
    'reference language plpython3u', 'reference function f'],
    'casts and transforms');
SELECT is(pg_temp.objects(
    $$ CREATE OPERATOR CLASS s.o FOR TYPE my_type USING btree FAMILY fam AS OPERATOR 1 s.<,
           FUNCTION 1 f(my_type, my_type) $$), ARRAY[
    'create operator class s.o', 'alter operator family fam', 'reference type my_type',
    'reference operator s.<', 'reference function f'],
    'operator classes');
SELECT is(pg_temp.objects(
    $$ CREATE TEXT SEARCH CONFIGURATION s.c (COPY = d);
       ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word WITH my_dict, english_stem $$),
    ARRAY[
    'create text search configuration s.c', 'reference text search configuration d',
    'alter text search configuration c', 'reference text search dictionary my_dict'],
    'text search');
SELECT is(pg_temp.objects(
    $$ CREATE COLLATION s.c FROM "C";
       ALTER COLLATION c REFRESH VERSION;
       CREATE CONVERSION v FOR 'UTF8' TO 'LATIN1' FROM f $$), ARRAY[
    'create collation s.c', 'alter collation c', 'create conversion v', 'reference function f'],
    'collations and conversions');

-- DROP, COMMENT, GRANT ------------------------------------------------------

SELECT is(pg_temp.objects(
    $$ DROP TABLE s.a, b CASCADE;
       DROP VIEW c;
       DROP MATERIALIZED VIEW d;
       DROP SEQUENCE e;
       DROP INDEX CONCURRENTLY s.f;
       DROP FOREIGN TABLE g $$), ARRAY[
    'drop table s.a', 'drop table b', 'drop view c', 'drop materialized view d',
    'drop sequence e', 'drop index s.f', 'drop foreign table g'],
    'DROP of relations');
SELECT is(pg_temp.objects(
    $$ DROP TRIGGER g ON s.t;
       DROP POLICY p ON t;
       DROP RULE r ON t $$), ARRAY[
    'alter table s.t', 'drop trigger s.t(g)', 'alter table t', 'drop policy t(p)',
    'alter relation t', 'drop rule t(r)'],
    'DROP of parts alters the table');
SELECT is(pg_temp.objects(
    $$ DROP FUNCTION s.f(my_type), g;
       DROP PROCEDURE p;
       DROP ROUTINE r;
       DROP AGGREGATE a(*) $$), ARRAY[
    'drop function s.f', 'reference type my_type', 'drop function g', 'drop procedure p',
    'drop routine r', 'drop aggregate a'],
    'DROP of functions, with their arguments');
SELECT is(pg_temp.objects(
    $$ DROP SCHEMA s;
       DROP TYPE s.ty;
       DROP DOMAIN d;
       DROP EXTENSION e;
       DROP STATISTICS x;
       DROP OPERATOR s.-(NONE, int);
       DROP OPERATOR CLASS o USING gist;
       DROP CAST (int AS ty);
       DROP LANGUAGE l;
       DROP EVENT TRIGGER z $$), ARRAY[
    'drop schema s', 'drop type s.ty', 'drop domain d', 'drop extension e', 'drop statistics x',
    'drop operator s.-', 'drop operator class o', 'drop cast (int4 AS ty)', 'reference type ty',
    'drop language l', 'drop event trigger z'],
    'DROP of the rest');
SELECT is(pg_temp.objects(
    $$ COMMENT ON TABLE s.t IS 'x';
       COMMENT ON CONSTRAINT c ON t IS 'x';
       COMMENT ON CONSTRAINT c ON DOMAIN d IS 'x';
       COMMENT ON LARGE OBJECT 42 IS 'x' $$), ARRAY[
    'alter table s.t', 'alter table t', 'alter constraint t(c)', 'alter domain d',
    'alter constraint d(c)', 'alter large object 42'],
    'COMMENT');
SELECT is(pg_temp.objects($$ GRANT SELECT (a), UPDATE ON s.t, u TO app, PUBLIC $$), ARRAY[
    'alter table s.t', 'alter column s.t(a)', 'alter table u', 'alter column u(a)',
    'reference role app'],
    'GRANT');
SELECT is(pg_temp.objects($$ REVOKE ALL ON ALL TABLES IN SCHEMA a, b FROM app $$), ARRAY[
    'alter schema a', 'alter schema b', 'reference role app'],
    'GRANT on all tables');
SELECT is(pg_temp.objects(
    $$ GRANT EXECUTE ON FUNCTION s.f(int) TO app;
       GRANT USAGE ON SCHEMA s TO app;
       GRANT SET ON PARAMETER work_mem TO app $$), ARRAY[
    'alter function s.f', 'reference role app', 'alter schema s', 'reference role app',
    'alter parameter work_mem', 'reference role app'],
    'GRANT on other objects');
SELECT is(pg_temp.objects($$ GRANT a TO b $$), ARRAY[
    'alter role a', 'reference role b'],
    'GRANT of a role');
SELECT is(pg_temp.objects(
    $$ ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA s GRANT SELECT ON TABLES TO b $$), ARRAY[
    'alter role a', 'alter schema s', 'alter default privileges s.tables', 'reference role b'],
    'ALTER DEFAULT PRIVILEGES');

-- Objects without a schema --------------------------------------------------

SELECT is(pg_temp.objects(
    $$ CREATE SCHEMA s CREATE VIEW v AS SELECT a FROM t CREATE TABLE t (a int REFERENCES u)
           CREATE INDEX i ON t (a) GRANT SELECT ON t TO app $$), ARRAY[
    'create schema s', 'create table s.t', 'create column s.t(a)', 'reference table u',
    'create view s.v', 'create index s.i', 'reference role app'],
    'CREATE SCHEMA with elements');
SELECT is(pg_temp.objects($$ CREATE SCHEMA AUTHORIZATION app $$), ARRAY[
    'create schema app', 'reference role app'],
    'CREATE SCHEMA AUTHORIZATION');
SELECT is(pg_temp.objects(
    $$ CREATE EXTENSION e SCHEMA s;
       ALTER EXTENSION e UPDATE;
       ALTER EXTENSION e ADD TABLE t $$), ARRAY[
    'create extension e', 'reference schema s', 'create opaque extension script',
    'alter extension e', 'alter opaque extension script', 'alter extension e', 'alter table t'],
    'extensions');
SELECT is(pg_temp.objects(
    $$ CREATE ROLE a IN ROLE b ROLE c;
       ALTER ROLE a SET work_mem = 1;
       DROP ROLE a;
       ALTER ROLE ALL RESET ALL $$), ARRAY[
    'create role a', 'reference role c', 'alter role b', 'alter role a', 'drop role a',
    'alter opaque all roles'],
    'roles');
SELECT is(pg_temp.objects($$ DROP OWNED BY a; REASSIGN OWNED BY a TO b $$), ARRAY[
    'drop opaque owned by a', 'reference role a', 'alter opaque owned by a', 'reference role a',
    'reference role b'],
    'owned objects are not named');
SELECT is(pg_temp.objects(
    $$ CREATE DATABASE d TEMPLATE e OWNER a TABLESPACE fast;
       DROP TABLESPACE fast;
       ALTER SYSTEM SET work_mem = 1 $$), ARRAY[
    'create database d', 'reference database e', 'reference role a',
    'reference tablespace fast', 'drop tablespace fast', 'alter parameter work_mem'],
    'databases and tablespaces');
SELECT is(pg_temp.objects(
    $$ CREATE FOREIGN DATA WRAPPER w HANDLER h;
       CREATE SERVER srv FOREIGN DATA WRAPPER w;
       CREATE USER MAPPING FOR a SERVER srv;
       IMPORT FOREIGN SCHEMA x LIMIT TO (t) FROM SERVER srv INTO s;
       IMPORT FOREIGN SCHEMA x FROM SERVER srv INTO s $$), ARRAY[
    'create foreign data wrapper w', 'reference function h', 'create server srv',
    'reference foreign data wrapper w', 'create user mapping a on server srv',
    'reference role a', 'reference server srv', 'reference schema s', 'reference server srv',
    'create foreign table s.t', 'reference schema s', 'reference server srv',
    'create opaque foreign schema'],
    'foreign data');
SELECT is(pg_temp.objects(
    $$ CREATE PUBLICATION p FOR TABLE s.t (a) WHERE (b > 0), TABLES IN SCHEMA u;
       ALTER PUBLICATION p DROP TABLE t;
       CREATE PUBLICATION q FOR ALL TABLES $$), ARRAY[
    'create publication p', 'reference table s.t', 'reference column s.t(a)',
    'reference column s.t(b)', 'reference schema u', 'alter publication p', 'reference table t',
    'create publication q', 'reference opaque all tables'],
    'publications');
SELECT is(pg_temp.objects(
    $$ CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION remote;
       CREATE EVENT TRIGGER z ON ddl_command_end EXECUTE FUNCTION f();
       CREATE ACCESS METHOD m TYPE INDEX HANDLER h $$), ARRAY[
    'create subscription s', 'create event trigger z', 'reference function f',
    'create access method m', 'reference function h'],
    'subscriptions, event triggers, access methods');

-- Maintenance ---------------------------------------------------------------

SELECT is(pg_temp.objects($$ TRUNCATE s.a, b; LOCK TABLE c $$), ARRAY[
    'write table s.a', 'write table b', 'reference table c'],
    'TRUNCATE and LOCK');
SELECT is(pg_temp.objects($$ VACUUM FULL s.t; ANALYZE t (a); VACUUM $$), ARRAY[
    'alter table s.t', 'read table t', 'read column t(a)', 'alter opaque all tables'],
    'VACUUM and ANALYZE');
SELECT is(pg_temp.objects(
    $$ REINDEX TABLE s.t;
       REINDEX INDEX i;
       REINDEX SCHEMA s;
       CLUSTER s.t USING i;
       CLUSTER $$), ARRAY[
    'alter table s.t', 'alter index i', 'alter schema s', 'alter table s.t',
    'reference index s.i', 'alter opaque all tables'],
    'REINDEX and CLUSTER');
SELECT is(pg_temp.objects($$ SET CONSTRAINTS s.c DEFERRED $$), ARRAY[
    'reference constraint s.c'],
    'SET CONSTRAINTS names no table');
SELECT is(pg_temp.objects(
    $$ SET search_path = s;
       SHOW all;
       LISTEN x;
       CHECKPOINT;
       DISCARD ALL;
       COMMIT;
       FETCH x;
       DEALLOCATE p $$), '{}',
    'what names nothing');

-- Who CURRENT_USER is -------------------------------------------------------

SELECT is(pg_temp.objects($$ ALTER POLICY p ON t TO CURRENT_USER, PUBLIC $$), ARRAY[
    'alter table t', 'alter policy t(p)', 'reference role ' || current_user],
    'CURRENT_USER is a role, PUBLIC is not');

SELECT * FROM finish();
ROLLBACK;
