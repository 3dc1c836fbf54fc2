-- Rows as part of a proof. Not in a transaction: workers have to see the extension.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql

CREATE FUNCTION pg_temp.rows(source text, statements text[], target text, options jsonb DEFAULT '{"rows": "generated"}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT confiture.prove(confiture.snapshot_of(source), statements, confiture.snapshot_of(target), options) -> 'rows'
$$;
SELECT confiture.scratch_prepare() \g /dev/null

SELECT no_plan();

-- Made up.
SELECT is(pg_temp.rows('CREATE TABLE a (id int PRIMARY KEY, b text)', '{ALTER TABLE a ADD c int}', 'CREATE TABLE a (id int PRIMARY KEY, b text, c int)'),
    '{"how": "generated", "filled": {"table public.a": 5}}', 'what loses nothing');
SELECT is(pg_temp.rows('CREATE TABLE a (id int PRIMARY KEY, b text)', '{ALTER TABLE a ALTER b SET NOT NULL}', 'CREATE TABLE a (id int PRIMARY KEY, b text NOT NULL)') #>> '{failed,sqlstate}',
    '23502', 'a NOT NULL that NULLs break');
SELECT is(pg_temp.rows('CREATE TABLE a (id int PRIMARY KEY, b text)', '{ALTER TABLE a ALTER b TYPE int USING b::int}', 'CREATE TABLE a (id int PRIMARY KEY, b int)') #>> '{failed,sqlstate}',
    '22P02', 'a cast that values break');
SELECT is(pg_temp.rows('CREATE TABLE a (id bigint)', '{ALTER TABLE a ALTER id TYPE int}', 'CREATE TABLE a (id int)') #>> '{failed,sqlstate}', '22003', 'values that are too big');
SELECT is(pg_temp.rows('CREATE TABLE a (id int, b varchar(10))', '{ALTER TABLE a ALTER b TYPE varchar(5)}', 'CREATE TABLE a (id int, b varchar(5))') #>> '{failed,sqlstate}', '22001', 'or too long');
SELECT is(pg_temp.rows('CREATE TABLE a (id int, b text)', '{ALTER TABLE a DROP b,ALTER TABLE a ADD b text DEFAULT ''x''}', 'CREATE TABLE a (id int, b text DEFAULT ''x'')') -> 'changed',
    '["column public.a.b"]', 'values that are other ones afterwards');
SELECT is(pg_temp.rows('CREATE TABLE a (id int)', '{DELETE FROM a WHERE id = 1,ALTER TABLE a ADD b int}', 'CREATE TABLE a (id int, b int)') -> 'lost', '{"table public.a": 1}', 'rows that are gone');
SELECT is(pg_temp.rows('CREATE TABLE a (id int, b text)', '{CREATE TABLE c ()}', 'CREATE TABLE a (id int, b text); CREATE TABLE c ()') -> 'filled', '{}', 'other tables get none');
SELECT is(pg_temp.rows('CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE a (id int REFERENCES p, b text)', '{ALTER TABLE a ADD c int}',
    'CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE a (id int REFERENCES p, b text, c int)') -> 'filled', '{"table public.a": 6}', 'foreign keys have no say');
-- Every type has its values, or NULL.
SELECT ok((pg_temp.rows(d, '{ALTER TABLE a ADD x int}', d || '; ALTER TABLE a ADD x int') #>> '{filled,table public.a}')::int >= 5, 'all kinds of types')
FROM (SELECT 'CREATE TYPE e AS ENUM (''u'', ''v''); CREATE DOMAIN dom AS varchar(3); CREATE TYPE comp AS (a int); CREATE TABLE a (
    a int2 NOT NULL, b int4 NOT NULL, c int8 NOT NULL, d numeric NOT NULL, e numeric(5,2) NOT NULL, f float4 NOT NULL, g float8 NOT NULL, h bool NOT NULL, i text NOT NULL,
    j varchar(2) NOT NULL, k char(3) NOT NULL, l date NOT NULL, m timestamp NOT NULL, n timestamptz NOT NULL, o time NOT NULL, p timetz NOT NULL, q interval NOT NULL,
    r uuid NOT NULL, s json NOT NULL, t jsonb NOT NULL, u bytea NOT NULL, v inet NOT NULL, w cidr NOT NULL, x1 bit(3) NOT NULL, y varbit NOT NULL,
    z int[] NOT NULL, aa int4range NOT NULL, ab int4multirange NOT NULL, ac e NOT NULL, ad dom NOT NULL, ae comp, af point, ag money NOT NULL, ah name NOT NULL,
    ai int GENERATED ALWAYS AS IDENTITY, aj int GENERATED ALWAYS AS (b % 7) STORED)') AS t (d);

-- Sampled.
CREATE TABLE a (id int PRIMARY KEY, b text, g int GENERATED ALWAYS AS (id + 1) STORED, j jsonb, t timestamptz DEFAULT now(), z int[]);
INSERT INTO a (id, b, j, z) SELECT i, i::text, jsonb_build_object('a', i), ARRAY[i, NULL] FROM generate_series(1, 200) AS i;
CREATE FUNCTION pg_temp.live(statements text[], target text, options jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT confiture.prove(l, statements, jsonb_set(confiture.snapshot_of(target), '{facts}', l -> 'facts' || (confiture.snapshot_of(target) -> 'facts')), options || '{"ignore": ["extension %", "comment on extension %"]}') -> 'rows'
    FROM confiture.snapshot() AS l
$$;
SELECT is(pg_temp.live('{ALTER TABLE a ALTER b TYPE int USING b::int}', 'CREATE TABLE a (id int PRIMARY KEY, b int)', '{"rows": "sample"}'),
    '{"how": "sample", "filled": {"table public.a": 100}}', 'a cast that agrees with the rows');
UPDATE a SET b = 'x' WHERE id = 5;
VACUUM FULL a;
SELECT is(pg_temp.live('{ALTER TABLE a ALTER b TYPE int USING b::int}', 'CREATE TABLE a (id int PRIMARY KEY, b int)', '{"rows": "sample", "rows_limit": 300}') #>> '{failed,message}',
    'invalid input syntax for type integer: "x"', 'one that does not');
SELECT is(pg_temp.live('{ALTER TABLE a ALTER b TYPE int USING b::int}', 'CREATE TABLE a (id int PRIMARY KEY, b int)', '{"rows": "sample", "rows_limit": 2}') -> 'filled',
    '{"table public.a": 2}', 'as many as are wanted');

-- In a plan.
SELECT ok((SELECT bool_or(h LIKE 'may fail: it did with generated rows: column "b" of relation "a" contains null values')
    FROM jsonb_array_elements(confiture.plan_between(confiture.snapshot_of('CREATE TABLE a (id int, b text)'), confiture.snapshot_of('CREATE TABLE a (id int, b text NOT NULL)'),
        '{"rows": "generated", "online": false, "down": false}') -> 'up') AS u, jsonb_array_elements_text(u -> 'hazards') AS h), 'a plan has it among its hazards');
SELECT is((SELECT code FROM pg_temp.failure('SELECT confiture.prove(''{}'', ''{}'', ''{}'', ''{"rows": "all"}'')')), '22023', 'rows of another kind');

-- Who may not read.
CREATE ROLE cf_reader LOGIN CREATEDB;
SELECT confiture.grant_usage('cf_reader', 'developer') \g /dev/null
CREATE SCHEMA AUTHORIZATION cf_reader;
SET ROLE cf_reader;
SELECT is((SELECT code FROM pg_temp.failure($$SELECT confiture._rows_sample('{table public.a}', confiture.snapshot(), 1)$$)), '42501', 'a role gets no rows that it may not read');
RESET ROLE;

SELECT * FROM finish();
SELECT count(*) FROM confiture.build_prune() \g /dev/null
DROP TABLE a;
DROP SCHEMA cf_reader;
DROP EXTENSION confiture;
DROP OWNED BY cf_reader;
DROP ROLE cf_reader;
