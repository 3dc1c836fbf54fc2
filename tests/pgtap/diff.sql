-- confiture.diff(): what it says, of what it makes no statement, what it refuses.
-- That the statements do what they should is proven by tests/pairs.

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
\ir lib/failure.psql

SELECT current_setting('server_version_num')::integer >= 180000 AS is_18 \gset

SELECT plan(39);

-- A statement as it is where NOT NULL is a constraint with a name: since 18.
CREATE FUNCTION pg_temp.not_null(statement text, name text, col text) RETURNS text
LANGUAGE sql AS $$
    SELECT CASE WHEN current_setting('server_version_num')::integer < 180000 THEN statement
        WHEN statement LIKE 'ALTER%' THEN regexp_replace(statement, 'NOT NULL', format('CONSTRAINT %s NOT NULL', name))
        ELSE regexp_replace(statement, ' NOT NULL(,?)(\n)', format(E',\\2    CONSTRAINT %s NOT NULL %s\\1\\2', name, col)) END
$$;

CREATE SCHEMA s;
-- What a script changes in the schema s: the plan from before to after.
CREATE FUNCTION pg_temp.plan(script text, options jsonb DEFAULT '{}')
RETURNS TABLE (transaction_group integer, statement text, change text, hazards text[], lock text, needs_top_level boolean,
    kind text, object text)
LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := confiture.snapshot('{s}');
    after jsonb;
BEGIN
    BEGIN
        EXECUTE script;
        after := confiture.snapshot('{s}');
        RAISE EXCEPTION USING ERRCODE = 'ZZ001';
    EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
    END;
    RETURN QUERY SELECT d.transaction_group, d.statement, d.change, d.hazards, d.lock, d.needs_top_level, d.kind, d.object
        FROM confiture.diff(before, after, jsonb_build_object('owner', current_user) || options) AS d;
END
$$;
CREATE TABLE s.a (id integer PRIMARY KEY, name varchar(10), n integer);
CREATE TABLE s.b (id integer, a_id integer);
CREATE INDEX a_name ON s.a (name);
CREATE TABLE s.e (LIKE s.a);

-- One by one ------------------------------------------------------------------

SELECT is_empty($$ SELECT * FROM pg_temp.plan('SELECT 1') $$, 'without a change there is nothing to do');
SELECT results_eq($$ SELECT transaction_group, statement, change, lock, kind, object FROM pg_temp.plan('ALTER TABLE s.a ADD c text') $$,
    $$ VALUES (1, 'ALTER TABLE s.a ADD COLUMN c text', 'create', 'ACCESS EXCLUSIVE on s.a', 'column', 'column s.a.c') $$,
    'a column is added');
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan('ALTER TABLE s.a DROP n') $$,
    $$ VALUES ('ALTER TABLE s.a DROP COLUMN n', ARRAY['data loss: all values of column s.a.n']) $$,
    'what is lost is said');
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan('DROP TABLE s.b') $$,
    $$ VALUES ('DROP TABLE s.b', ARRAY['data loss: all rows of table s.b']) $$, 'of a table, too');
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan('ALTER TABLE s.a ALTER name TYPE varchar(20)') $$,
    $$ VALUES ('ALTER TABLE s.a ALTER COLUMN name TYPE character varying(20)', '{}'::text[]) $$,
    'a longer varchar rewrites nothing');
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan('ALTER TABLE s.a ALTER n TYPE bigint') $$,
    $$ VALUES ('ALTER TABLE s.a ALTER COLUMN n TYPE bigint', ARRAY['rewrite: table s.a is written anew']) $$,
    'bigint rewrites the table, and no value fails');
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan('ALTER TABLE s.a ALTER name TYPE integer USING 1') $$,
    $$ VALUES ('ALTER TABLE s.a ALTER COLUMN name TYPE integer USING name::integer',
        ARRAY['rewrite: table s.a is written anew', 'may fail: every value of column s.a.name must be one of integer']) $$,
    'where no assignment converts, a cast does');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.a ALTER name TYPE integer USING 1',
        '{"using": {"column s.a.name": "length(name)"}}') $$,
    $$ VALUES ('ALTER TABLE s.a ALTER COLUMN name TYPE integer USING length(name)') $$, 'or what is said');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.a ALTER n SET DEFAULT 1, ADD c int, ALTER name TYPE text') $$,
    $$ VALUES (E'ALTER TABLE s.a ADD COLUMN c integer,\n    ALTER COLUMN name TYPE text'), ('ALTER TABLE ONLY s.a ALTER COLUMN n SET DEFAULT 1') $$,
    'neighbours are one statement');

-- Online ----------------------------------------------------------------------

SELECT results_eq($$ SELECT transaction_group, statement, needs_top_level, lock FROM pg_temp.plan('CREATE INDEX a_n ON s.a (n)') $$,
    $$ VALUES (1, 'CREATE INDEX CONCURRENTLY a_n ON s.a USING btree (n)', true, 'SHARE UPDATE EXCLUSIVE on s.a') $$,
    'an index is built beside');
SELECT results_eq($$ SELECT transaction_group, statement, needs_top_level FROM pg_temp.plan('DROP INDEX s.a_name; CREATE INDEX a_name ON s.a (name, n)') $$,
    $$ VALUES (1, 'CREATE INDEX CONCURRENTLY a_name_new ON s.a USING btree (name, n)', true),
        (2, 'DROP INDEX CONCURRENTLY s.a_name', true), (3, 'ALTER INDEX s.a_name_new RENAME TO a_name', false) $$,
    'another definition is built beside the old one');
SELECT results_eq($$ SELECT transaction_group, statement, needs_top_level FROM pg_temp.plan('DROP INDEX s.a_name') $$,
    $$ VALUES (1, 'DROP INDEX CONCURRENTLY s.a_name', true) $$, 'and dropped so');
SELECT results_eq($$ SELECT transaction_group, statement, change FROM pg_temp.plan('ALTER TABLE s.b ADD FOREIGN KEY (a_id) REFERENCES s.a') $$,
    $$ VALUES (1, 'ALTER TABLE s.b ADD CONSTRAINT b_a_id_fkey FOREIGN KEY (a_id) REFERENCES s.a(id) NOT VALID', 'create'),
        (2, 'ALTER TABLE s.b VALIDATE CONSTRAINT b_a_id_fkey', 'validate') $$,
    'a foreign key is validated in a transaction of its own');
SELECT results_eq($$ SELECT transaction_group, statement FROM pg_temp.plan('ALTER TABLE s.a ADD CONSTRAINT c CHECK (n > 0)') $$,
    $$ VALUES (1, 'ALTER TABLE s.a ADD CONSTRAINT c CHECK ((n > 0)) NOT VALID'), (2, 'ALTER TABLE s.a VALIDATE CONSTRAINT c') $$,
    'a check, too');
SELECT results_eq($$ SELECT transaction_group, statement FROM pg_temp.plan('ALTER TABLE s.a ADD UNIQUE NULLS NOT DISTINCT (n, name) INCLUDE (id) WITH (fillfactor = 50) DEFERRABLE') $$,
    $$ VALUES (1, 'CREATE UNIQUE INDEX CONCURRENTLY a_n_name_id_key ON s.a (n, name) INCLUDE (id) NULLS NOT DISTINCT WITH (fillfactor = ''50'')'),
        (2, 'ALTER TABLE s.a ADD CONSTRAINT a_n_name_id_key UNIQUE USING INDEX a_n_name_id_key DEFERRABLE') $$,
    'a key takes over an index');
-- NOT NULL is a constraint with a name since 18.
\if :is_18
SELECT results_eq($$ SELECT transaction_group, statement FROM pg_temp.plan('ALTER TABLE s.a ALTER n SET NOT NULL') $$,
    $$ VALUES (1, 'ALTER TABLE s.a ADD CONSTRAINT a_n_not_null NOT NULL n NOT VALID'),
        (2, 'ALTER TABLE s.a VALIDATE CONSTRAINT a_n_not_null') $$,
    'NOT NULL comes first, and is validated');
ALTER TABLE s.a ADD CONSTRAINT checked CHECK (n IS NOT NULL);
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan('ALTER TABLE s.a ALTER n SET NOT NULL') $$,
    $$ VALUES ('ALTER TABLE s.a ADD CONSTRAINT a_n_not_null NOT NULL n', '{}'::text[]) $$, 'a check says already that it is');
\else
SELECT results_eq($$ SELECT transaction_group, statement FROM pg_temp.plan('ALTER TABLE s.a ALTER n SET NOT NULL') $$,
    $$ VALUES (1, 'ALTER TABLE s.a ADD CONSTRAINT n_not_null CHECK (n IS NOT NULL) NOT VALID'),
        (2, 'ALTER TABLE s.a VALIDATE CONSTRAINT n_not_null'),
        (3, E'ALTER TABLE s.a ALTER COLUMN n SET NOT NULL,\n    DROP CONSTRAINT n_not_null') $$,
    'NOT NULL comes by a check');
ALTER TABLE s.a ADD CONSTRAINT checked CHECK (n IS NOT NULL);
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan('ALTER TABLE s.a ALTER n SET NOT NULL') $$,
    $$ VALUES ('ALTER TABLE s.a ALTER COLUMN n SET NOT NULL', '{}'::text[]) $$, 'or by one that is there');
\endif
ALTER TABLE s.a DROP CONSTRAINT checked;
SELECT is((SELECT count(DISTINCT transaction_group) FROM pg_temp.plan('ALTER TABLE s.a ALTER n SET NOT NULL, ADD UNIQUE (n);
    CREATE INDEX ON s.a (n); ALTER TABLE s.b ADD FOREIGN KEY (a_id) REFERENCES s.a', '{"online": false}')), 1::bigint,
    'without online, all of it is one transaction');
SELECT is((SELECT count(DISTINCT transaction_group) FROM pg_temp.plan('CREATE TABLE s.c (id int NOT NULL UNIQUE REFERENCES s.a CHECK (id > 0)); CREATE INDEX ON s.c (id)')),
    1::bigint, 'for what is new, too');
\if :is_18
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.a DROP CONSTRAINT a_pkey, ADD PRIMARY KEY (id, n)') $$,
    $$ VALUES ('ALTER TABLE s.a ADD CONSTRAINT a_n_not_null NOT NULL n NOT VALID'),
        ('ALTER TABLE s.a VALIDATE CONSTRAINT a_n_not_null'),
        ('CREATE UNIQUE INDEX CONCURRENTLY a_pkey_new ON s.a (id, n)'),
        ('ALTER TABLE s.a DROP CONSTRAINT a_pkey, ADD CONSTRAINT a_pkey PRIMARY KEY USING INDEX a_pkey_new') $$,
    'a primary key is exchanged in one moment');
\else
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.a DROP CONSTRAINT a_pkey, ADD PRIMARY KEY (id, n)') $$,
    $$ VALUES ('ALTER TABLE s.a ADD CONSTRAINT n_not_null CHECK (n IS NOT NULL) NOT VALID'),
        ('ALTER TABLE s.a VALIDATE CONSTRAINT n_not_null'),
        (E'ALTER TABLE s.a ALTER COLUMN n SET NOT NULL,\n    DROP CONSTRAINT n_not_null'),
        ('CREATE UNIQUE INDEX CONCURRENTLY a_pkey_new ON s.a (id, n)'),
        ('ALTER TABLE s.a DROP CONSTRAINT a_pkey, ADD CONSTRAINT a_pkey PRIMARY KEY USING INDEX a_pkey_new') $$,
    'a primary key is exchanged in one moment');
\endif

-- Order -----------------------------------------------------------------------

SELECT results_eq($$ SELECT statement FROM pg_temp.plan('CREATE TABLE s.z (id int PRIMARY KEY); CREATE TABLE s.c (z int REFERENCES s.z)') $$,
    $$ VALUES (E'CREATE TABLE s.c (\n    z integer\n)'), (pg_temp.not_null(E'CREATE TABLE s.z (\n    id integer NOT NULL,\n    CONSTRAINT z_pkey PRIMARY KEY (id)\n)', 'z_id_not_null', 'id')),
        ('ALTER TABLE s.c ADD CONSTRAINT c_z_fkey FOREIGN KEY (z) REFERENCES s.z(id)') $$,
    'foreign keys come when both tables are there');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('CREATE TABLE s.c (id serial)') $$,
    $$ VALUES ('CREATE SEQUENCE s.c_id_seq AS integer'),
        (pg_temp.not_null(E'CREATE TABLE s.c (\n    id integer DEFAULT nextval(''s.c_id_seq''::regclass) NOT NULL\n)', 'c_id_not_null', 'id')),
        ('ALTER SEQUENCE s.c_id_seq OWNED BY s.c.id') $$, 'a sequence before its column, and then it belongs to that');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('DROP TABLE s.b; CREATE SEQUENCE s.b') $$,
    $$ VALUES ('DROP TABLE s.b'), ('CREATE SEQUENCE s.b') $$, 'a name is free before it is taken');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.b ADD c int GENERATED ALWAYS AS IDENTITY (START 5)') $$,
    $$ VALUES (pg_temp.not_null('ALTER TABLE s.b ADD COLUMN c integer GENERATED ALWAYS AS IDENTITY (START WITH 5) NOT NULL', 'b_c_not_null', 'c')) $$, 'an identity column has its sequence');

-- Nothing, and from nothing ---------------------------------------------------

SELECT is_empty($$ SELECT * FROM confiture.diff('{}', '{}') $$, 'nothing from nothing');
SELECT is_empty($$ SELECT * FROM confiture.diff(confiture.snapshot(), confiture.snapshot()) $$, 'a schema from itself');
SELECT is((SELECT count(*) FROM confiture.diff('{}', confiture.snapshot('{s}')) WHERE change = 'create' AND kind IN ('schema', 'table')), 4::bigint,
    'all from nothing');
SELECT set_eq($$ SELECT object FROM confiture.diff(confiture.snapshot('{s}'), '{}') WHERE change = 'drop' $$,
    ARRAY['schema s', 'table s.a', 'table s.b', 'table s.e'], 'all to nothing');
SELECT is((SELECT array_agg(ordinal) FROM confiture.diff('{}', confiture.snapshot('{s}'))),
    (SELECT array_agg(i::integer) FROM generate_series(1, (SELECT count(*) FROM confiture.diff('{}', confiture.snapshot('{s}')))) AS i), 'numbered');

-- Options ---------------------------------------------------------------------

SELECT is_empty($$ SELECT * FROM pg_temp.plan('DROP TABLE s.b', '{"ignore": ["table s.b"]}') $$, 'what is ignored is left alone');
SELECT is_empty($$ SELECT * FROM pg_temp.plan('ALTER TABLE s.b ADD c int; ALTER TABLE s.e DROP id', '{"ignore": ["table s.b", "table s._"]}') $$,
    'with its parts, by patterns');
SELECT is_empty($$ SELECT * FROM pg_temp.plan('ALTER TABLE s.a ALTER n TYPE bigint', '{"equal": ["column s.a.n"]}') $$, 'what is equal is, too');

-- Bad input -------------------------------------------------------------------

SELECT is((pg_temp.failure($$ SELECT * FROM confiture.diff('[]', '{}') $$)).code, '22023', 'no snapshot');
SELECT is((pg_temp.failure($$ SELECT * FROM confiture.diff('{}', '{"format": 7}') $$)).code, '0A000', 'another format');
SELECT is((pg_temp.failure($$ SELECT * FROM confiture.diff('{}', jsonb_set(confiture.snapshot(), '{server_version_num}', '130004')) $$)).code,
    '0A000', 'another server');
SELECT is((pg_temp.failure($$ SELECT * FROM confiture.diff('{}', '{}', '{"onlin": true}') $$)).code, '22023', 'an unknown option');
SELECT is((pg_temp.failure($$ SELECT * FROM confiture.diff('{}', jsonb_set(confiture.snapshot(), '{unmodelled}', '["pg_x: y"]')) $$)).code,
    'CF018', 'what is not known refuses the plan');
SELECT lives_ok($$ SELECT * FROM confiture.diff('{}', jsonb_set(confiture.snapshot('{s}'), '{unmodelled}', '["pg_x: y"]'), '{"allow_unmodelled": true}') $$,
    'unless that is allowed');
SELECT is((pg_temp.failure($$ SELECT * FROM pg_temp.plan('CREATE FUNCTION s.x(a int, int, int) RETURNS int LANGUAGE sql RETURN $2') $$)).message,
    'what function s.x(integer, integer, integer) does can''t be read', 'a body in which parameters have no names');

SELECT * FROM finish();
ROLLBACK;
