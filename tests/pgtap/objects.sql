-- The objects that confiture.statements() finds: queries and tables.
--
-- Here each object is written: action kind schema.name(column).

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;

SELECT plan(77);

CREATE FUNCTION pg_temp.objects(script text) RETURNS text[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(
               concat(o ->> 'action', ' ', o ->> 'kind', ' ',
                      (o ->> 'schema') || '.', o ->> 'name',
                      '(' || (o ->> 'column') || ')')
               ORDER BY s.ordinal, n), '{}')
    FROM confiture.statements(script) AS s,
         jsonb_array_elements(s.objects) WITH ORDINALITY AS e (o, n)
$$;

-- The column ----------------------------------------------------------------

SELECT is((SELECT objects FROM confiture.statements('DROP TABLE a.b')),
    '[{"kind": "table", "schema": "a", "name": "b", "action": "drop"}]'::jsonb,
    'an object has kind, schema, name and action');
SELECT is((SELECT objects FROM confiture.statements('COMMENT ON COLUMN b.c IS NULL')),
    '[{"kind": "relation", "name": "b", "action": "alter"},
      {"kind": "column", "name": "b", "column": "c", "action": "alter"}]'::jsonb,
    'a column has the name of its table; a schema that is not given is left out');
SELECT is((SELECT objects FROM confiture.statements('BEGIN')), '[]'::jsonb,
    'a statement that names nothing has an empty array');
SELECT is((SELECT count(*) FROM confiture.statements(
    'SELECT 1' || repeat(' UNION ALL SELECT a FROM t', 500))), 1::bigint,
    'a long set operation is no trouble');

-- Queries -------------------------------------------------------------------

SELECT is(pg_temp.objects($$ SELECT a FROM t $$), ARRAY[
    'read relation t', 'read column t(a)'],
    'SELECT reads a relation');
SELECT is(pg_temp.objects($$ SELECT x.a FROM s.t AS x WHERE x.b > 1 $$), ARRAY[
    'read relation s.t', 'read column s.t(a)', 'read column s.t(b)'],
    'an alias is resolved');
SELECT is(pg_temp.objects($$ SELECT a, u.b FROM t, u $$), ARRAY[
    'read relation t', 'read relation u', 'read column u(b)'],
    'a column without qualification is not guessed');
SELECT is(pg_temp.objects($$ SELECT a AS b FROM t ORDER BY b $$), ARRAY[
    'read relation t', 'read column t(a)'],
    'a label of the result is not a column');
SELECT is(pg_temp.objects($$ SELECT t, ctid, count(*) FROM t $$), ARRAY[
    'read relation t'],
    'nor are a row and a system column');
SELECT is(pg_temp.objects($$ SELECT n FROM t AS x (n) $$), ARRAY[
    'read relation t'],
    'nor is a column alias');
SELECT is(pg_temp.objects($$ TABLE t UNION SELECT * FROM u ORDER BY 1 $$), ARRAY[
    'read relation t', 'read relation u'],
    'both sides of a set operation');
SELECT is(pg_temp.objects(
    $$ SELECT 1 FROM a JOIN b USING (id) LEFT JOIN c ON c.x = b.y $$), ARRAY[
    'read relation a', 'read relation b', 'read column a(id)', 'read column b(id)',
    'read relation c', 'read column c(x)', 'read column b(y)'],
    'joins');
SELECT is(pg_temp.objects(
    $$ SELECT (SELECT max(n) FROM u) FROM t WHERE EXISTS (SELECT FROM v) $$), ARRAY[
    'read relation t', 'read relation u', 'read relation v'],
    'sub-selects');
SELECT is(pg_temp.objects($$ SELECT 1 FROM t, LATERAL (SELECT f(t.a) FROM u) AS l $$), ARRAY[
    'read relation t', 'read relation u', 'reference function f', 'read column t(a)'],
    'LATERAL sees what stands before it');
SELECT is(pg_temp.objects($$ SELECT * FROM (SELECT a FROM t) AS s $$), ARRAY[
    'read relation t', 'read column t(a)'],
    'a sub-select in FROM sees only its own');
SELECT is(pg_temp.objects(
    $$ SELECT * FROM s.f(1) AS g (a my_type), generate_series(1, 2) $$), ARRAY[
    'reference function s.f', 'reference type my_type'],
    'functions in FROM');
SELECT is(pg_temp.objects($$ SELECT * FROM t TABLESAMPLE s.mine (1) $$), ARRAY[
    'read relation t', 'reference function s.mine'],
    'TABLESAMPLE');
SELECT is(pg_temp.objects(
    $$ SELECT * FROM XMLTABLE('/r' PASSING f(1) COLUMNS a s.ty) $$), ARRAY[
    'reference function f', 'reference type s.ty'],
    'XMLTABLE');
SELECT is(pg_temp.objects($$ SELECT * INTO TEMP n FROM t $$), ARRAY[
    'create table pg_temp.n', 'read relation t'],
    'SELECT INTO');
SELECT is(pg_temp.objects($$ SELECT * FROM t AS x FOR UPDATE OF x $$), ARRAY[
    'read relation t'],
    'FOR UPDATE OF names an alias');
SELECT is(pg_temp.objects($$ VALUES (f(1)), (g(2)) $$), ARRAY[
    'reference function f', 'reference function g'],
    'VALUES');
SELECT is(pg_temp.objects($$ SELECT "B b"."C" FROM "S s"."T" AS "B b" $$), ARRAY[
    'read relation S s.T', 'read column S s.T(C)'],
    'names are given as they are');

-- WITH ----------------------------------------------------------------------

SELECT is(pg_temp.objects($$ WITH c AS (SELECT * FROM t) SELECT * FROM c $$), ARRAY[
    'read relation t'],
    'a WITH query is not a relation');
SELECT is(pg_temp.objects($$ WITH t AS (SELECT * FROM t) SELECT * FROM t $$), ARRAY[
    'read relation t'],
    'it does not see itself');
SELECT is(pg_temp.objects(
    $$ WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b $$), ARRAY[
    'read relation b'],
    'nor those after it');
SELECT is(pg_temp.objects(
    $$ WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM a) SELECT * FROM a $$), '{}',
    'with RECURSIVE it does');
SELECT is(pg_temp.objects($$ WITH c AS (SELECT 1) SELECT * FROM s.c $$), ARRAY[
    'read relation s.c'],
    'a qualified name is never a WITH query');
SELECT is(pg_temp.objects(
    $$ SELECT (WITH c AS (SELECT 1) SELECT * FROM c), c.x FROM c $$), ARRAY[
    'read relation c', 'read column c(x)'],
    'it is in sight only in its own query');
SELECT is(pg_temp.objects(
    $$ WITH d AS (DELETE FROM old RETURNING *) INSERT INTO new SELECT * FROM d $$), ARRAY[
    'write table new', 'write table old'],
    'a WITH query may write');

-- INSERT, UPDATE, DELETE, MERGE ---------------------------------------------

SELECT is(pg_temp.objects(
    $$ INSERT INTO s.t (a, b) SELECT x, y FROM u RETURNING id $$), ARRAY[
    'write table s.t', 'write column s.t(a)', 'write column s.t(b)', 'read relation u',
    'read column u(x)', 'read column u(y)', 'read column s.t(id)'],
    'INSERT');
SELECT is(pg_temp.objects(
    $$ INSERT INTO t (a) VALUES (1) ON CONFLICT (k) DO UPDATE SET b = excluded.c WHERE t.d > 0 $$),
    ARRAY[
    'write table t', 'write column t(a)', 'read column t(k)', 'write column t(b)',
    'read column t(c)', 'read column t(d)'],
    'ON CONFLICT');
SELECT is(pg_temp.objects(
    $$ INSERT INTO t DEFAULT VALUES ON CONFLICT ON CONSTRAINT u DO NOTHING $$), ARRAY[
    'write table t', 'reference constraint t(u)'],
    'ON CONFLICT ON CONSTRAINT');
SELECT is(pg_temp.objects(
    $$ UPDATE t SET a = b + 1 WHERE c = (SELECT max(z) FROM u) $$), ARRAY[
    'write table t', 'write column t(a)', 'read column t(b)', 'read column t(c)',
    'read relation u'],
    'UPDATE');
SELECT is(pg_temp.objects(
    $$ UPDATE t AS x SET (a, b) = (SELECT 1, 2) FROM u WHERE x.id = u.id $$), ARRAY[
    'write table t', 'write column t(a)', 'write column t(b)', 'read relation u',
    'read column t(id)', 'read column u(id)'],
    'UPDATE of a row, FROM');
SELECT is(pg_temp.objects($$ DELETE FROM t USING u WHERE t.id = u.id $$), ARRAY[
    'write table t', 'read relation u', 'read column t(id)', 'read column u(id)'],
    'DELETE');
SELECT is(pg_temp.objects(
    $$ MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET a = u.a WHEN NOT
           MATCHED THEN INSERT (id, b) VALUES (u.id, f(1)) $$), ARRAY[
    'write table t', 'read relation u', 'write column t(id)', 'read column u(id)',
    'write column t(a)', 'read column u(a)', 'write column t(b)', 'reference function f'],
    'MERGE');
SELECT is(pg_temp.objects($$ INSERT INTO t SELECT * FROM t $$), ARRAY[
    'write table t'],
    'the strongest action is kept');
SELECT is(pg_temp.objects($$ COPY s.t (a, b) FROM '/x' $$), ARRAY[
    'write table s.t', 'write column s.t(a)', 'write column s.t(b)'],
    'COPY FROM writes');
SELECT is(pg_temp.objects($$ COPY t TO '/x' $$), ARRAY[
    'read table t'],
    'COPY TO reads');
SELECT is(pg_temp.objects($$ COPY (SELECT a FROM t) TO '/x' $$), ARRAY[
    'read relation t', 'read column t(a)'],
    'COPY of a query');

-- What every database has ---------------------------------------------------

SELECT is(pg_temp.objects(
    $$ SELECT now()::date + pg_catalog.length('x') || 'y'::pg_catalog.text COLLATE "C" $$),
    '{}',
    'functions, types and operators of pg_catalog are left out');
SELECT is(pg_temp.objects(
    $$ SELECT f(1), s.g(2), 'x'::my_type, 'y'::s.my_type[], 1 OPERATOR(s.+) 2, a <=>> b, 'z'
           COLLATE mine $$), ARRAY[
    'reference function f', 'reference function s.g', 'reference type my_type',
    'reference type s.my_type', 'reference operator s.+', 'reference operator <=>>',
    'reference collation mine'],
    'others are not');
SELECT is(pg_temp.objects($$ SELECT s.lower('X') $$), ARRAY[
    'reference function s.lower'],
    'a function of one''s own with such a name is seen when qualified');
SELECT is(pg_temp.objects(
    $$ SELECT 's.t'::regclass, to_regclass('u'), pg_relation_size('v'), '1259'::regclass $$),
    ARRAY[
    'reference relation s.t', 'reference relation u', 'reference relation v'],
    'a literal of type regclass names a relation');
SELECT is(pg_temp.objects(
    $$ SELECT 'f(int)'::regprocedure, 'my_type'::regtype, 'integer'::regtype, 'app'::regrole,
           's'::regnamespace $$), ARRAY[
    'reference function f', 'reference type my_type', 'reference role app', 'reference schema s'],
    'other literals that name objects');
SELECT is(pg_temp.objects(
    $$ SELECT nextval('s.a'), setval('b', 1), currval('c'), setval(pg_get_serial_sequence('t',
           'id'), 1) $$), ARRAY[
    'write sequence s.a', 'write sequence b', 'reference sequence c', 'reference table t',
    'reference column t(id)'],
    'sequences in calls');

-- Tables --------------------------------------------------------------------

SELECT is(pg_temp.objects(
    $$ CREATE TABLE s.t (a int, b my_type COLLATE mine, CONSTRAINT pk PRIMARY KEY (a),
           CONSTRAINT c CHECK (f(b) > 0)) $$), ARRAY[
    'create table s.t', 'create column s.t(a)', 'create column s.t(b)',
    'reference type my_type', 'reference collation mine', 'create constraint s.t(pk)',
    'create constraint s.t(c)', 'reference function f'],
    'columns, constraints with a name, types');
SELECT is(pg_temp.objects(
    $$ CREATE TABLE t (a int DEFAULT nextval('q'), b int GENERATED ALWAYS AS (g(a)) STORED) $$),
    ARRAY[
    'create table t', 'create column t(a)', 'reference sequence q', 'create column t(b)',
    'reference function g'],
    'defaults and generated columns');
SELECT is(pg_temp.objects(
    $$ CREATE TABLE t (a serial, b int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME s.q)) $$),
    ARRAY[
    'create table t', 'create column t(a)', 'create column t(b)', 'create sequence s.q'],
    'serial and identity');
SELECT is(pg_temp.objects(
    $$ CREATE TABLE t (a int REFERENCES s.u (id), b int, CONSTRAINT fk FOREIGN KEY (a, b)
           REFERENCES v) $$), ARRAY[
    'create table t', 'create column t(a)', 'reference table s.u', 'reference column s.u(id)',
    'create column t(b)', 'create constraint t(fk)', 'reference table v'],
    'foreign keys');
SELECT is(pg_temp.objects(
    $$ CREATE TABLE t (a int PRIMARY KEY, b int REFERENCES t (a)) $$), ARRAY[
    'create table t', 'create column t(a)', 'create column t(b)'],
    'a foreign key to the table itself');
SELECT is(pg_temp.objects(
    $$ CREATE TABLE t (a int, EXCLUDE USING gist (a mine_ops WITH s.&&) WHERE (f(a))) $$), ARRAY[
    'create table t', 'create column t(a)', 'reference operator class mine_ops',
    'reference operator s.&&', 'reference function f'],
    'EXCLUDE');
SELECT is(pg_temp.objects(
    $$ CREATE TABLE t (LIKE s.a INCLUDING ALL) INHERITS (b) TABLESPACE fast $$), ARRAY[
    'create table t', 'reference table b', 'reference relation s.a', 'reference tablespace fast'],
    'INHERITS and LIKE');
SELECT is(pg_temp.objects(
    $$ CREATE TABLE t (a int, b int) PARTITION BY RANGE (a, f(b)) $$), ARRAY[
    'create table t', 'create column t(a)', 'create column t(b)', 'reference function f'],
    'a partitioned table');
SELECT is(pg_temp.objects(
    $$ CREATE TABLE p PARTITION OF s.t FOR VALUES FROM (1) TO (MAXVALUE) $$), ARRAY[
    'create table p', 'alter table s.t'],
    'PARTITION OF alters the parent');
SELECT is(pg_temp.objects($$ CREATE TABLE t OF s.my_type (PRIMARY KEY (id)) $$), ARRAY[
    'create table t', 'reference type s.my_type', 'reference column t(id)'],
    'a typed table');
SELECT is(pg_temp.objects($$ CREATE TEMP TABLE t (a int) $$), ARRAY[
    'create table pg_temp.t', 'create column pg_temp.t(a)'],
    'a temporary table');
SELECT is(pg_temp.objects($$ CREATE TABLE t (x) AS SELECT a FROM u $$), ARRAY[
    'create table t', 'create column t(x)', 'read relation u', 'read column u(a)'],
    'CREATE TABLE AS');
SELECT is(pg_temp.objects($$ CREATE FOREIGN TABLE t (a int) SERVER srv $$), ARRAY[
    'create foreign table t', 'create column t(a)', 'reference server srv'],
    'a foreign table');

-- ALTER TABLE ---------------------------------------------------------------

SELECT is(pg_temp.objects(
    $$ ALTER TABLE s.t ADD COLUMN a my_type DEFAULT f(1) REFERENCES u $$), ARRAY[
    'alter table s.t', 'create column s.t(a)', 'reference type my_type', 'reference function f',
    'reference table u'],
    'ADD COLUMN');
SELECT is(pg_temp.objects($$ ALTER TABLE t DROP COLUMN a, ADD COLUMN b int $$), ARRAY[
    'alter table t', 'drop column t(a)', 'create column t(b)'],
    'DROP COLUMN');
SELECT is(pg_temp.objects(
    $$ ALTER TABLE t ALTER a SET DEFAULT f(), ALTER b SET NOT NULL, ALTER c TYPE ty USING g(c),
           ALTER d SET STATISTICS 5, ALTER e DROP IDENTITY $$), ARRAY[
    'alter table t', 'alter column t(a)', 'reference function f', 'alter column t(b)',
    'alter column t(c)', 'reference type ty', 'reference function g', 'alter column t(d)',
    'alter column t(e)'],
    'ALTER COLUMN');
SELECT is(pg_temp.objects(
    $$ ALTER TABLE t ADD CONSTRAINT a UNIQUE (x), DROP CONSTRAINT b, VALIDATE CONSTRAINT c,
           ALTER CONSTRAINT d DEFERRABLE $$), ARRAY[
    'alter table t', 'create constraint t(a)', 'reference column t(x)', 'drop constraint t(b)',
    'alter constraint t(c)', 'alter constraint t(d)'],
    'constraints');
SELECT is(pg_temp.objects(
    $$ ALTER TABLE s.t ADD CONSTRAINT pk PRIMARY KEY USING INDEX i $$), ARRAY[
    'alter table s.t', 'create constraint s.t(pk)', 'alter index s.i'],
    'a constraint of an index');
SELECT is(pg_temp.objects(
    $$ ALTER TABLE t ATTACH PARTITION s.p FOR VALUES IN (f(1));
       ALTER TABLE t DETACH PARTITION q CONCURRENTLY $$), ARRAY[
    'alter table t', 'alter table s.p', 'reference function f', 'alter table t', 'alter table q'],
    'partitions');
SELECT is(pg_temp.objects(
    $$ ALTER TABLE t DISABLE TRIGGER g, ENABLE RULE r, DISABLE TRIGGER ALL $$), ARRAY[
    'alter table t', 'alter trigger t(g)', 'alter rule t(r)'],
    'triggers and rules');
SELECT is(pg_temp.objects(
    $$ ALTER TABLE t ENABLE ROW LEVEL SECURITY, OWNER TO app, SET TABLESPACE fast, SET ACCESS
           METHOD columnar $$), ARRAY[
    'alter table t', 'reference role app', 'reference tablespace fast',
    'reference access method columnar'],
    'the table as a whole');
SELECT is(pg_temp.objects(
    $$ ALTER TABLE s.t INHERIT p, OF ty, CLUSTER ON i, REPLICA IDENTITY USING INDEX j $$), ARRAY[
    'alter table s.t', 'reference table p', 'reference type ty', 'reference index s.i',
    'reference index s.j'],
    'INHERIT, OF, CLUSTER, REPLICA IDENTITY');
SELECT is(pg_temp.objects(
    $$ ALTER VIEW v ALTER a SET DEFAULT 1;
       ALTER INDEX i ATTACH PARTITION j;
       ALTER SEQUENCE q OWNED BY s.t.c;
       ALTER FOREIGN TABLE f ADD b int;
       ALTER MATERIALIZED VIEW m CLUSTER ON i $$), ARRAY[
    'alter view v', 'alter column v(a)', 'alter index i', 'alter index j', 'alter sequence q',
    'reference table s.t', 'reference column s.t(c)', 'alter foreign table f',
    'create column f(b)', 'alter materialized view m', 'reference index i'],
    'other relations');
SELECT is(pg_temp.objects(
    $$ ALTER TYPE s.ty ADD ATTRIBUTE a int, DROP ATTRIBUTE b, ALTER ATTRIBUTE c TYPE my_type $$),
    ARRAY[
    'alter type s.ty', 'create attribute s.ty(a)', 'drop attribute s.ty(b)',
    'alter attribute s.ty(c)', 'reference type my_type'],
    'a composite type');

-- Rename, schema, owner -----------------------------------------------------

SELECT is(pg_temp.objects($$ ALTER TABLE s.a RENAME TO b $$), ARRAY[
    'alter table s.a', 'create table s.b'],
    'a renamed table has two names');
SELECT is(pg_temp.objects($$ ALTER TABLE t RENAME COLUMN a TO b $$), ARRAY[
    'alter table t', 'alter column t(a)', 'create column t(b)'],
    'a renamed column');
SELECT is(pg_temp.objects(
    $$ ALTER TABLE t RENAME CONSTRAINT a TO b;
       ALTER TRIGGER a ON t RENAME TO b;
       ALTER POLICY a ON t RENAME TO b $$), ARRAY[
    'alter table t', 'alter constraint t(a)', 'create constraint t(b)', 'alter table t',
    'alter trigger t(a)', 'create trigger t(b)', 'alter table t', 'alter policy t(a)',
    'create policy t(b)'],
    'a renamed constraint, trigger, policy');
SELECT is(pg_temp.objects(
    $$ ALTER SCHEMA a RENAME TO b;
       ALTER ROLE a RENAME TO b;
       ALTER FUNCTION s.a(int) RENAME TO b;
       ALTER TYPE s.a RENAME TO b $$), ARRAY[
    'alter schema a', 'create schema b', 'alter role a', 'create role b', 'alter function s.a',
    'create function s.b', 'alter type s.a', 'create type s.b'],
    'a renamed schema, role, function, type');
SELECT is(pg_temp.objects($$ ALTER TABLE a.t SET SCHEMA b $$), ARRAY[
    'alter table a.t', 'create table b.t', 'reference schema b'],
    'SET SCHEMA has two places');
SELECT is(pg_temp.objects($$ ALTER FUNCTION s.f(my_type) OWNER TO app $$), ARRAY[
    'alter function s.f', 'reference type my_type', 'reference role app'],
    'OWNER TO');
SELECT is(pg_temp.objects(
    $$ ALTER INDEX i DEPENDS ON EXTENSION e;
       ALTER TRIGGER g ON t DEPENDS ON EXTENSION e $$), ARRAY[
    'alter index i', 'reference extension e', 'alter table t', 'alter trigger t(g)',
    'reference extension e'],
    'DEPENDS ON EXTENSION');

SELECT * FROM finish();
ROLLBACK;
