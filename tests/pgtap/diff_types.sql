-- confiture.diff(): types and their kin: what it says of them, and what it refuses.
-- That the statements do what they should is proven by tests/pairs.

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
\ir lib/failure.psql

SELECT plan(31);

-- The snapshot of a schema s that a script makes; nothing of it stays.
CREATE FUNCTION pg_temp.shot(script text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    taken jsonb;
BEGIN
    EXECUTE 'CREATE SCHEMA s; ' || script;
    taken := confiture.snapshot('{s}');
    RAISE EXCEPTION USING ERRCODE = 'ZZ001';
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
    RETURN taken;
END
$$;
-- The plan from one script to another.
CREATE FUNCTION pg_temp.plan(before text, after text, options jsonb DEFAULT '{}')
RETURNS TABLE (transaction_group integer, statement text, change text, hazards text[], lock text)
LANGUAGE sql AS $$
    SELECT d.transaction_group, d.statement, d.change, d.hazards, d.lock
    FROM confiture.diff(pg_temp.shot(before), pg_temp.shot(after), jsonb_build_object('owner', current_user) || options) AS d
    ORDER BY d.ordinal
$$;
CREATE FUNCTION pg_temp.statements(before text, after text, options jsonb DEFAULT '{}') RETURNS SETOF text
LANGUAGE sql AS $$ SELECT p.statement FROM pg_temp.plan(before, after, options) AS p $$;

CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text
LANGUAGE sql AS $$ SELECT f.code || ': ' || f.message FROM pg_temp.failure(statement) AS f $$;

-- Enums -----------------------------------------------------------------------

SELECT results_eq($$ SELECT transaction_group, statement, hazards, lock FROM pg_temp.plan(
        $q$ CREATE TYPE s.e AS ENUM ('b', 'd'); CREATE TABLE s.t (x s.e) $q$,
        $q$ CREATE TYPE s.e AS ENUM ('a', 'b', 'c', 'd', 'f', 'g'); CREATE TABLE s.t (x s.e DEFAULT 'a') $q$) $$,
    $$ VALUES (1, 'ALTER TYPE s.e ADD VALUE ''a'' BEFORE ''b''', '{}'::text[], NULL),
        (1, 'ALTER TYPE s.e ADD VALUE ''c'' AFTER ''b''', '{}', NULL),
        (1, 'ALTER TYPE s.e ADD VALUE ''f''', '{}', NULL),
        (1, 'ALTER TYPE s.e ADD VALUE ''g'' AFTER ''f''', '{}', NULL),
        (2, 'ALTER TABLE ONLY s.t ALTER COLUMN x SET DEFAULT ''a''::s.e', '{}', 'ACCESS EXCLUSIVE on s.t') $$,
    'labels are added in place, and used in the next transaction');
SELECT results_eq($$ SELECT * FROM pg_temp.statements(
        $q$ CREATE TYPE s.e AS ENUM ('a', 'b') $q$, $q$ CREATE TYPE s.e AS ENUM ('a', 'it''s') $q$,
        '{"renames": {"label s.e.b": "label s.e.\"it''s\""}}') $$,
    $$ VALUES ('ALTER TYPE s.e RENAME VALUE ''b'' TO ''it''''s''') $$, 'a label is renamed where that is declared');
SELECT results_eq($$ SELECT * FROM pg_temp.statements(
        $q$ CREATE TYPE s.e AS ENUM ('a', 'b') $q$, $q$ CREATE TYPE s.e AS ENUM ('a', 'c') $q$) $$,
    $$ VALUES ('DROP TYPE s.e'), ('CREATE TYPE s.e AS ENUM (''a'', ''c'')') $$, 'what nobody uses is made anew');
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan(
        $q$ CREATE TYPE s.e AS ENUM ('a', 'b', 'c'); CREATE TABLE s.t (x s.e, y s.e[]) $q$,
        $q$ CREATE TYPE s.e AS ENUM ('a', 'd'); CREATE TABLE s.t (x s.e, y s.e[]) $q$) $$,
    $$ VALUES ('ALTER TYPE s.e RENAME TO e_old', '{}'::text[]), ('CREATE TYPE s.e AS ENUM (''a'', ''d'')', '{}'),
        (E'ALTER TABLE s.t ALTER COLUMN x TYPE s.e USING x::text::s.e,\n    ALTER COLUMN y TYPE s.e[] USING y::text[]::s.e[]',
         ARRAY['rewrite: table s.t is written anew',
            'may fail: column s.t.x may hold what is no label of type s.e any more: ''b'', ''c''',
            'may fail: column s.t.y may hold what is no label of type s.e any more: ''b'', ''c''']),
        ('DROP TYPE s.e_old', '{}') $$,
    'with columns of it they are moved to a new one');
SELECT is((SELECT count(*) FROM pg_temp.plan(
        $q$ CREATE TYPE s.e AS ENUM ('a', 'b', 'c'); CREATE TABLE s.t (x s.e) $q$,
        $q$ CREATE TYPE s.e AS ENUM ('c', 'b', 'a'); CREATE TABLE s.t (x s.e) $q$) AS p
    WHERE p.hazards::text LIKE '%may fail%'), 0::bigint, 'another order alone can''t fail');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan(
        $q$ CREATE TYPE s.e AS ENUM ('a', 'b', 'c'); CREATE TABLE s.t (x s.e) $q$,
        $q$ CREATE TYPE s.e AS ENUM ('c', 'z'); CREATE TABLE s.t (x s.e) $q$, '{"renames": {"label s.e.a": "label s.e.z"}}') LIMIT 2 $$,
    $$ VALUES ('ALTER TYPE s.e RENAME VALUE ''a'' TO ''z'''), ('ALTER TYPE s.e RENAME TO e_old') $$,
    'and a label that is renamed keeps its rows');
SELECT results_eq($$ SELECT * FROM pg_temp.statements(
        $q$ CREATE TYPE s.e AS ENUM ('a', 'b'); CREATE TABLE s.t (x s.e); CREATE TYPE s.e_old AS ENUM () $q$,
        $q$ CREATE TYPE s.e AS ENUM ('b'); CREATE TABLE s.t (x s.e); CREATE TYPE s.e_old AS ENUM () $q$) LIMIT 1 $$,
    $$ VALUES ('ALTER TYPE s.e RENAME TO e_old2') $$, 'the name aside is one that nothing has');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan(
        $q$ CREATE TYPE s.e AS ENUM ('a', 'b'); CREATE TABLE s.t (x s.e) PARTITION BY LIST (x); CREATE TABLE s.t_a PARTITION OF s.t FOR VALUES IN ('a') $q$,
        $q$ CREATE TYPE s.e AS ENUM ('a'); CREATE TABLE s.t (x s.e) PARTITION BY LIST (x); CREATE TABLE s.t_a PARTITION OF s.t FOR VALUES IN ('a') $q$)
        AS p WHERE statement ~ 'TABLE s[.]t( |$)' $$,
    $$ VALUES ('ALTER TABLE s.t DETACH PARTITION s.t_a'), ('DROP TABLE s.t'), (E'CREATE TABLE s.t (\n    x s.e\n) PARTITION BY LIST (x)') $$,
    'partitions leave a table whose partition key has another type');
SELECT is(pg_temp.refusal($$ SELECT pg_temp.plan(
        $q$ CREATE TABLE s.t (x integer, y serial) PARTITION BY LIST (x) $q$, $q$ CREATE TABLE s.t (x bigint, y serial) PARTITION BY LIST (x) $q$) $$),
    '0A000: the type of column s.t.x can''t be changed: it is in the partition key', 'which is refused where a sequence would go with it');
SELECT ok(NOT EXISTS (SELECT FROM pg_temp.plan(
        $q$ CREATE TYPE s.e AS ENUM ('a', 'b'); CREATE TABLE s.p (x s.e UNIQUE); CREATE TABLE s.t (x s.e REFERENCES s.p (x)) $q$,
        $q$ CREATE TYPE s.e AS ENUM ('b'); CREATE TABLE s.p (x s.e UNIQUE); CREATE TABLE s.t (x s.e REFERENCES s.p (x)) $q$) AS p
    WHERE p.transaction_group > 1 OR p.hazards::text LIKE '%is missing%'), 'a foreign key comes back in the same transaction');

-- Composite types ---------------------------------------------------------------

SELECT results_eq($$ SELECT statement, hazards, lock FROM pg_temp.plan(
        $q$ CREATE TYPE s.c AS (a integer, b text); CREATE TABLE s.t OF s.c $q$,
        $q$ CREATE TYPE s.c AS (a bigint, d text); CREATE TABLE s.t OF s.c (d DEFAULT 'd') $q$) $$,
    $$ VALUES ('ALTER TYPE s.c ALTER ATTRIBUTE a TYPE bigint CASCADE', ARRAY['rewrite: the tables of type s.c are written anew'],
            'ACCESS EXCLUSIVE on s.t'),
        ('ALTER TYPE s.c ADD ATTRIBUTE d text CASCADE', '{}', 'ACCESS EXCLUSIVE on s.t'),
        ('ALTER TABLE s.t ALTER COLUMN d SET DEFAULT ''d''::text', '{}', 'ACCESS EXCLUSIVE on s.t'),
        ('ALTER TYPE s.c DROP ATTRIBUTE b CASCADE', ARRAY['data loss: all values of attribute s.c.b in table s.t and others'],
            'ACCESS EXCLUSIVE on s.t') $$,
    'typed tables change along');
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan(
        $q$ CREATE TYPE s.c AS (a integer, b text); CREATE TABLE s.t (x s.c) $q$,
        $q$ CREATE TYPE s.c AS (b text, a smallint, d text); CREATE TABLE s.t (x s.c) $q$) AS p WHERE p.statement LIKE 'ALTER TABLE%' $$,
    $$ VALUES ('ALTER TABLE s.t ALTER COLUMN x TYPE s.c USING CASE WHEN x IS NOT DISTINCT FROM NULL THEN NULL ELSE ROW((x).b, (x).a::smallint, NULL)::s.c END',
        ARRAY['rewrite: table s.t is written anew', 'may fail: every value of attribute a in column s.t.x must be one of smallint']) $$,
    'attributes in another order are moved one by one');
SELECT is(pg_temp.refusal($$ SELECT pg_temp.plan(
        $q$ CREATE TYPE s.c AS (a integer, b text); CREATE TABLE s.t (x s.c[]) $q$,
        $q$ CREATE TYPE s.c AS (b text, a integer); CREATE TABLE s.t (x s.c) $q$) $$),
    '0A000: s.c[] can''t be converted to s.c', 'which element of an array it is to be can''t be known');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan(
        $q$ CREATE TYPE s.c AS (a integer, b text); CREATE TABLE s.t (x s.c[]) $q$,
        $q$ CREATE TYPE s.c AS (b text, a integer); CREATE TABLE s.t (x s.c[]) $q$,
        '{"using": {"column s.t.x": "NULL"}}') AS p WHERE p.statement LIKE 'ALTER TABLE%' $$,
    $$ VALUES ('ALTER TABLE s.t ALTER COLUMN x TYPE s.c[] USING NULL') $$, 'but one that is told');
SELECT results_eq($$ SELECT * FROM pg_temp.statements('CREATE TYPE s.c AS (a integer)', 'CREATE TYPE s.c AS (b integer)',
        '{"renames": {"attribute s.c.a": "attribute s.c.b"}}') $$,
    $$ VALUES ('ALTER TYPE s.c RENAME ATTRIBUTE a TO b') $$, 'an attribute is renamed where that is declared');

-- Domains -----------------------------------------------------------------------

SELECT results_eq($$ SELECT transaction_group, statement, hazards, lock FROM pg_temp.plan(
        $q$ CREATE DOMAIN s.d AS text; CREATE TABLE s.t (x s.d); CREATE TABLE s.u (x s.d) $q$,
        $q$ CREATE DOMAIN s.d AS text CONSTRAINT k CHECK (VALUE <> ''); CREATE TABLE s.t (x s.d); CREATE TABLE s.u (x s.d) $q$) $$,
    $$ VALUES (1, 'ALTER DOMAIN s.d ADD CONSTRAINT k CHECK ((VALUE <> ''''::text)) NOT VALID', '{}'::text[], NULL),
        (2, 'ALTER DOMAIN s.d VALIDATE CONSTRAINT k', ARRAY['may fail: values that are there may violate it',
            'long lock: nobody can write to the tables of domain s.d while they are read'], 'SHARE on s.t, SHARE on s.u') $$,
    'a constraint is added first, and validated in the next transaction');
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan('CREATE DOMAIN s.d AS text',
        $q$ CREATE DOMAIN s.d AS text CONSTRAINT k CHECK (VALUE <> '') $q$) $$,
    $$ VALUES ('ALTER DOMAIN s.d ADD CONSTRAINT k CHECK ((VALUE <> ''''::text))', '{}'::text[]) $$,
    'at once where no table uses it');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan(
        $q$ CREATE DOMAIN s.d AS integer; CREATE TABLE s.t (x s.d); CREATE VIEW s.v AS SELECT x FROM s.t $q$,
        $q$ CREATE DOMAIN s.d AS bigint; CREATE TABLE s.t (x s.d); CREATE VIEW s.v AS SELECT x FROM s.t $q$) $$,
    $$ VALUES ('DROP VIEW s.v'), ('ALTER DOMAIN s.d RENAME TO d_old'), ('CREATE DOMAIN s.d AS bigint'),
        ('ALTER TABLE s.t ALTER COLUMN x TYPE s.d USING x::s.d'),
        (E'CREATE VIEW s.v AS\n SELECT ' || CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 't.' ELSE '' END || E'x\n   FROM s.t'), ('DROP DOMAIN s.d_old') $$,
    'another base type moves the columns, and what depends on them comes back');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan(
        $q$ CREATE FUNCTION s.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE DOMAIN s.d AS bigint DEFAULT s.f(); CREATE TABLE s.t (x s.d) $q$,
        $q$ CREATE FUNCTION s.f() RETURNS bigint LANGUAGE sql AS 'SELECT 1'; CREATE DOMAIN s.d AS bigint DEFAULT s.f(); CREATE TABLE s.t (x s.d) $q$)
        AS p WHERE p.statement !~ 'FUNCTION' $$,
    $$ VALUES ('ALTER DOMAIN s.d DROP DEFAULT'), ('ALTER DOMAIN s.d SET DEFAULT s.f()') $$,
    'a default that needs what is made anew is taken away and given again');
SELECT is_empty($$ SELECT FROM pg_temp.plan(
        $q$ CREATE TYPE s.d AS ENUM ('a'); CREATE TABLE s.t (x s.d) $q$,
        $q$ CREATE DOMAIN s.d AS text; CREATE TABLE s.t (x s.d) $q$) AS p WHERE p.statement LIKE '%COLUMN x%DROP%' OR p.hazards::text LIKE '%data loss%' $$,
    'a type becomes a domain without loss');

-- Base types, ranges, shells --------------------------------------------------------

SELECT is(pg_temp.refusal(format($$ SELECT pg_temp.plan(%L, %L) $$, replace(q, 'size', '4'), replace(q, 'size', '8'))),
    '0A000: type s.b can''t be made anew while column s.t.x uses it', 'a base type in use can''t be made anew')
FROM (SELECT $q$ CREATE TYPE s.b; CREATE FUNCTION s.i(cstring) RETURNS s.b LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
    CREATE FUNCTION s.o(s.b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
    CREATE TYPE s.b (INPUT = s.i, OUTPUT = s.o, INTERNALLENGTH = size); CREATE TABLE s.t (x s.b) $q$ AS q) AS b;
SELECT results_eq($$ SELECT * FROM pg_temp.statements('CREATE TYPE s.b',
        $q$ CREATE TYPE s.b; CREATE FUNCTION s.i(cstring) RETURNS s.b LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
        CREATE FUNCTION s.o(s.b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
        CREATE TYPE s.b (INPUT = s.i, OUTPUT = s.o, INTERNALLENGTH = 4, PASSEDBYVALUE) $q$) AS p (statement) WHERE p.statement !~ 'FUNCTION' $$,
    $$ VALUES ('CREATE TYPE s.b (INPUT = s.i, OUTPUT = s.o, INTERNALLENGTH = 4, PASSEDBYVALUE, ALIGNMENT = int4, STORAGE = plain, CATEGORY = ''U'', DELIMITER = '','')') $$,
    'a shell is filled where it is');
SELECT results_eq($$ SELECT * FROM pg_temp.statements(
        'CREATE TYPE s.r AS RANGE (SUBTYPE = real); CREATE TABLE s.t (x s.r)', 'CREATE TYPE s.r AS RANGE (SUBTYPE = numeric); CREATE TABLE s.t (x s.r)')
        AS p (statement) WHERE p.statement ~ 'FUNCTION|TABLE' $$,
    $$ VALUES ('ALTER FUNCTION s.r(real, real) RENAME TO r_old'), ('ALTER FUNCTION s.r(real, real, text) RENAME TO r_old'),
        ('ALTER FUNCTION s.r_multirange() RENAME TO r_multi_old'), ('ALTER FUNCTION s.r_multirange(s.r) RENAME TO r_multi_old'),
        ('ALTER FUNCTION s.r_multirange(VARIADIC s.r[]) RENAME TO r_multi_old'), ('ALTER TABLE s.t ALTER COLUMN x TYPE s.r USING x::text::s.r') $$,
    'the constructors of a range type go aside with it');

-- Collations, operators, text search, extensions ------------------------------------

SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan(
        $q$ CREATE COLLATION s.c (provider = icu, locale = 'de'); CREATE TABLE s.t (x text COLLATE s.c) $q$,
        $q$ CREATE COLLATION s.c (provider = icu, locale = 'sv'); CREATE TABLE s.t (x text COLLATE s.c) $q$) $$,
    $$ VALUES ('ALTER COLLATION s.c RENAME TO c_old', '{}'::text[]), ('CREATE COLLATION s.c (provider = icu, locale = ''sv'')', '{}'),
        ('ALTER TABLE s.t ALTER COLUMN x TYPE text COLLATE s.c', ARRAY['long lock: indexes on column s.t.x are built anew']),
        ('DROP COLLATION s.c_old', '{}') $$, 'columns are moved to a collation without being written anew');
SELECT results_eq($$ SELECT * FROM pg_temp.statements(
        'CREATE OPERATOR s.=== (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer, RESTRICT = eqsel)',
        'CREATE OPERATOR s.=== (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer, JOIN = eqjoinsel)') $$,
    $$ VALUES ('ALTER OPERATOR s.=== (integer, integer) SET (RESTRICT = NONE, JOIN = eqjoinsel)') $$, 'estimators of an operator are set');
SELECT results_eq($$ SELECT * FROM pg_temp.statements(
        'CREATE OPERATOR FAMILY s.f USING btree; ALTER OPERATOR FAMILY s.f USING btree ADD OPERATOR 1 < (int4, int8), OPERATOR 5 > (int4, int8)',
        'CREATE OPERATOR FAMILY s.f USING btree; ALTER OPERATOR FAMILY s.f USING btree ADD OPERATOR 1 < (int4, int8), OPERATOR 3 = (int4, int8)') $$,
    $$ VALUES ('ALTER OPERATOR FAMILY s.f USING btree DROP OPERATOR 5 (integer, bigint)'),
        ('ALTER OPERATOR FAMILY s.f USING btree ADD OPERATOR 3 pg_catalog.=(integer,bigint)') $$, 'members of a family come and go');
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan(
        $q$ CREATE TEXT SEARCH DICTIONARY s.d (TEMPLATE = snowball, language = english, stopwords = english) $q$,
        $q$ CREATE TEXT SEARCH DICTIONARY s.d (TEMPLATE = snowball, language = french) $q$) $$,
    $$ VALUES ('ALTER TEXT SEARCH DICTIONARY s.d (language = ''french'', stopwords)',
        ARRAY['changes results: what was indexed or stored by way of text search dictionary s.d was made as it was before']) $$,
    'an option of a dictionary that goes is named without a value');
SELECT results_eq($$ SELECT * FROM pg_temp.statements(
        $q$ CREATE TEXT SEARCH CONFIGURATION s.c (PARSER = default); ALTER TEXT SEARCH CONFIGURATION s.c ADD MAPPING FOR word, int WITH simple $q$,
        $q$ CREATE TEXT SEARCH CONFIGURATION s.c (PARSER = default); ALTER TEXT SEARCH CONFIGURATION s.c ADD MAPPING FOR word, email WITH simple;
        ALTER TEXT SEARCH CONFIGURATION s.c ALTER MAPPING FOR word WITH english_stem, simple $q$) $$,
    $$ VALUES ('ALTER TEXT SEARCH CONFIGURATION s.c DROP MAPPING FOR "int"'),
        ('ALTER TEXT SEARCH CONFIGURATION s.c ALTER MAPPING FOR word WITH pg_catalog.english_stem, pg_catalog.simple'),
        ('ALTER TEXT SEARCH CONFIGURATION s.c ADD MAPPING FOR email WITH pg_catalog.simple') $$, 'mappings are added, altered and dropped');
CREATE FUNCTION pg_temp.extension(version text) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_set(confiture.snapshot(), '{facts,extension citext}', jsonb_build_object('kind', 'extension', 'name', 'citext',
        'hash', version, 'payload', jsonb_build_object('schema', 'pg_catalog', 'version', version)))
$$;
SELECT results_eq($$ SELECT d.statement, d.hazards FROM confiture.diff(confiture.snapshot(), pg_temp.extension('99.5')) AS d
        ORDER BY d.ordinal $$,
    $$ VALUES ('CREATE EXTENSION citext SCHEMA pg_catalog VERSION ''99.5''',
            ARRAY['may fail: this server has no version 99.5 of the extension citext']),
        ('COMMENT ON EXTENSION citext IS NULL', '{}') $$, 'a version that the server does not have is a hazard');
SELECT results_eq($$ SELECT d.statement, d.hazards FROM confiture.diff(pg_temp.extension('1.4'), pg_temp.extension('99.5')) AS d $$,
    $$ VALUES ('ALTER EXTENSION citext UPDATE TO ''99.5''',
        ARRAY['may fail: this server has no way from version 1.4 of the extension citext to 99.5']) $$, 'and no way to one');
SELECT results_eq($$ SELECT d.statement, d.hazards FROM confiture.diff(pg_temp.extension('1.4'), pg_temp.extension('1.5')) AS d $$,
    $$ VALUES ('ALTER EXTENSION citext UPDATE TO ''1.5''', '{}'::text[]) $$, 'one that there is is none');
SELECT * FROM finish();
ROLLBACK;
