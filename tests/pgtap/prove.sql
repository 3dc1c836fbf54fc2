-- confiture.prove(): statements in a scratch copy. Not in a transaction: workers have to see the extension.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql

CREATE FUNCTION pg_temp.of(ddl text) RETURNS jsonb LANGUAGE sql AS $$ SELECT confiture.snapshot_of(ddl) $$;
CREATE FUNCTION pg_temp.differences(report jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(format('%s %s', d ->> 'change', d ->> 'identity'), ', ' ORDER BY d ->> 'identity'), '') FROM jsonb_array_elements(report -> 'differences') AS d
$$;
CREATE FUNCTION pg_temp.lost(report jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(format('%s of %s', d ->> 'what', d ->> 'identity'), ', ' ORDER BY d ->> 'identity'), '') FROM jsonb_array_elements(report -> 'not_preserved') AS d
$$;
CREATE FUNCTION pg_temp.left() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), '') FROM pg_database WHERE datname LIKE 'confiture\_tmp%'
$$;
SELECT confiture.scratch_prepare() \g /dev/null
CREATE TABLE s AS SELECT
    pg_temp.of('CREATE TABLE a (id int PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')), d int); CREATE INDEX i ON a (c)') AS a,
    pg_temp.of('CREATE TABLE a (id bigint PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')), d int); CREATE INDEX i ON a (c)') AS big,
    pg_temp.of('CREATE TABLE a (id int PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')), d int, e text); CREATE INDEX i ON a (c)') AS e;

SELECT no_plan();

SELECT is(confiture.prove('{}', '{CREATE TABLE a (id integer)}', pg_temp.of('CREATE TABLE a (id integer)')) - '{hash,facts,elapsed_ms}'::text[],
    '{"proven": true, "copied": false, "differences": [], "not_preserved": []}', 'from nothing');
SELECT is(confiture.prove(a, '{ALTER TABLE a ADD e text}', e) -> 'proven', 'true', 'from something') FROM s;
SELECT is(confiture.prove(a, '{}', a) -> 'proven', 'true', 'no statements, nothing to be done') FROM s;
SELECT is(confiture.prove(a, '{}', a) ->> 'hash' = confiture.snapshot_hash(a), false,
    'the copy is written in another way than its source (a check of a varchar column), and equal all the same') FROM s;

-- What differs.
SELECT is(pg_temp.differences(confiture.prove(a, '{ALTER TABLE a ADD e int,ALTER TABLE a ADD f int,DROP INDEX i}', e)),
    'different column public.a.e, unexpected column public.a.f, missing index public.i', 'what is missing, unexpected or different') FROM s;
SELECT is(confiture.prove(a, '{ALTER TABLE a ADD e int}', e) -> 'differences',
    '[{"kind": "column", "change": "different", "identity": "column public.a.e", "expected": {"type": "text"}, "found": {"type": "integer"}}]', 'and how') FROM s;
SELECT is(confiture.prove(a, '{ALTER TABLE a ADD e int}', e) -> 'proven', 'false', 'then it is no proof') FROM s;
SELECT is(confiture.prove(a, '{ALTER TABLE a ADD e int}', e, '{"ignore": ["column public.a.%"]}') -> 'proven', 'true', 'what is ignored does not count') FROM s;
SELECT is(confiture.prove(a, '{ALTER TABLE a DROP CONSTRAINT a_c_check,"ALTER TABLE a ADD CONSTRAINT a_c_check CHECK ((c)::text = ANY ((ARRAY[''a''::character varying, ''b''::character varying])::text[]))"}', a) -> 'proven',
    'true', 'what is equal in normal form does not differ') FROM s;
SELECT is(pg_temp.differences(confiture.prove(a, '{ALTER TABLE a DROP CONSTRAINT a_c_check,"ALTER TABLE a ADD CONSTRAINT a_c_check CHECK (c IN (''a'', ''c''))"}', a)),
    'different constraint public.a.a_c_check', 'another value does') FROM s;

-- What fails.
SELECT is(confiture.prove(a, '{ALTER TABLE a ADD e text,ALTER TABLE x ADD e text,DROP TABLE a}', e) - '{elapsed_ms,hash,facts}'::text[],
    '{"proven": false, "copied": false, "differences": [], "not_preserved": [], "failed": {"ordinal": 2, "message": "relation \"x\" does not exist", "sqlstate": "42P01", "statement": "ALTER TABLE x ADD e text"}}',
    'a statement that fails is reported') FROM s;
SELECT is(confiture.prove(a, '{ALTER TABLE a ADD e text,DROP INDEX i,CREATE INDEX CONCURRENTLY i ON a (c)}', e) -> 'proven', 'true', 'statements at the top level') FROM s;
SELECT is(confiture.prove('{}', '{CREATE TYPE t AS ENUM (''a''),ALTER TYPE t ADD VALUE ''b'',"CREATE TABLE a (b t DEFAULT ''b'')"}',
    pg_temp.of('CREATE TYPE t AS ENUM (''a'', ''b''); CREATE TABLE a (b t DEFAULT ''b'')')) #>> '{failed,sqlstate}',
    -- since 17 the values of a type that is made in the same transaction can be used
    CASE WHEN current_setting('server_version_num')::integer < 170000 THEN '55P04' END, 'together in one transaction');
SELECT is(confiture.prove('{}', '{CREATE TYPE t AS ENUM (''a''),ALTER TYPE t ADD VALUE ''b'',"CREATE TABLE a (b t DEFAULT ''b'')"}',
    pg_temp.of('CREATE TYPE t AS ENUM (''a'', ''b''); CREATE TABLE a (b t DEFAULT ''b'')'), '{"groups": [1, 2, 3], "ignore": ["default %"]}') -> 'failed', NULL, 'or in those that are given');

-- What survives.
SELECT is(pg_temp.lost(confiture.prove(a, '{ALTER TABLE a ADD e text}', e)), '', 'what is altered in place survives') FROM s;
SELECT is(pg_temp.lost(confiture.prove(a, '{ALTER TABLE a ALTER id TYPE bigint}', big)), 'relfilenode of table public.a', 'a rewrite is seen') FROM s;
SELECT is(pg_temp.lost(confiture.prove(a, '{ALTER TABLE a DROP id,ALTER TABLE a ADD id int PRIMARY KEY}', a)), concat('attnum of column public.a.id, ', CASE WHEN current_setting('server_version_num')::integer >= 180000 THEN 'oid of constraint public.a.a_id_not_null, ' END,
        'oid of constraint public.a.a_pkey'),
    'a column that was made anew is another one') FROM s;
SELECT is(pg_temp.lost(confiture.prove(a, '{DROP TABLE a,"CREATE TABLE a (id int PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')), d int)",CREATE INDEX i ON a (c)}', a)), 'oid of table public.a',
    'so is a table, with all that belongs to it') FROM s;
SELECT is(pg_temp.lost(confiture.prove(a, '{DROP INDEX i,CREATE INDEX i ON a (c)}', a)), 'oid of index public.i', 'so is an index') FROM s;

-- Twins.
SELECT is(confiture.prove(a, '{ALTER TABLE a ADD e text}', e, '{"keep": true}') -> 'copied', 'false', 'at first there is no twin') FROM s;
SELECT is((SELECT count(*) FROM confiture.builds() WHERE kind = 'twin'), 2::bigint, 'source and target are kept');
SELECT is(confiture.prove(a, '{ALTER TABLE a ADD e text}', e, '{"keep": true}') - '{hash,facts,elapsed_ms}'::text[], '{"proven": true, "copied": true, "differences": [], "not_preserved": []}', 'then there is') FROM s;
SELECT is(confiture.prove(a, '{ALTER TABLE a ADD e text}', e) -> 'copied', 'false', 'unless it is not wanted') FROM s;
SET confiture.template_limit = 1;
SELECT is(confiture.prove(big, '{ALTER TABLE a ALTER id TYPE int}', a, '{"keep": true}') -> 'proven', 'true', 'others are kept') FROM s;
SELECT is((SELECT count(*) FROM confiture.builds() WHERE kind = 'twin'), 1::bigint, 'not more than confiture.template_limit of them');
SET confiture.template_limit = 0;
SELECT is(confiture.prove(big, '{ALTER TABLE a ALTER id TYPE int}', a, '{"keep": true}') -> 'copied', 'false', 'none at all, when it is 0') FROM s;
RESET confiture.template_limit;

-- Bad input.
SELECT is((SELECT code FROM pg_temp.failure('SELECT confiture.prove(''{"a": 1}'', ''{}'', ''{}'')')), '22023', 'no snapshot');
SELECT is((SELECT code FROM pg_temp.failure('SELECT confiture.prove(''{}'', ''{}'', ''{"a": 1}'')')), '22023', 'no snapshot to compare with');
SELECT is((SELECT code FROM pg_temp.failure('SELECT confiture.prove(''{}'', ''{SELECT 1}'', ''{}'', ''{"groups": []}'')')), '22023', 'a group for each statement');
SELECT is((SELECT code FROM pg_temp.failure('SELECT confiture.prove(''{}'', ''{SELECT 1}'', ''{}'', ''{"x": []}'')')), '22023', 'an unknown option');
SELECT is((SELECT code FROM pg_temp.failure('SELECT confiture.prove(''{}'', ''{SELECT 1}'', ''{}'', ''{"keep": 1}'')')), '22023', 'an option of the wrong kind');
SET statement_timeout = '500ms';
SELECT is((SELECT code FROM pg_temp.failure('SELECT confiture.prove(''{}'', ''{SELECT pg_sleep(10)}'', ''{}'')')), '57014', 'cancelled');
RESET statement_timeout;
SELECT is(pg_temp.left(), '', 'nothing is left');

SELECT * FROM finish();
SELECT count(*) FROM confiture.build_prune() \g /dev/null
DROP TABLE s;
DROP EXTENSION confiture;
