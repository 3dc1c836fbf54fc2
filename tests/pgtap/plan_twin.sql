-- Twins of what was loaded: the copy that a plan is proven in is made from that of its target. Not in a transaction.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;

SELECT plan(19);

-- So many tables that a twin pays.
CREATE FUNCTION pg_temp.ddl(more text) RETURNS text LANGUAGE sql AS $$
    SELECT 'CREATE SCHEMA big; ' || string_agg(format('CREATE TABLE big.t%s (id integer PRIMARY KEY, a text DEFAULT ''x'', b varchar CHECK (b IN (''y'', ''z'')));',
        i), ' ') || more
    FROM generate_series(1, 150) AS i
$$;
CREATE FUNCTION pg_temp.twins() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM confiture.builds() WHERE kind = 'twin' $$;
-- Whether the schema of one DDL is made from the twin of that of another.
CREATE FUNCTION pg_temp.from_twin(source jsonb, other jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    made record;
    same boolean;
BEGIN
    SELECT f.* INTO made FROM confiture._scratch_from(source, other, confiture.snapshot_hash(other), '{}', NULL) AS f;
    same := made.work IS NOT NULL
        AND (confiture._scratch_run(made.work, '[{"query": "SELECT confiture.snapshot()"}]', '{}'))[1] -> 'facts' -> 'table big.t1' IS NOT NULL;
    PERFORM confiture._scratch_drop(made.work);
    PERFORM confiture._build_unlock(NULL, true);
    RETURN same;
END
$$;
SELECT confiture.scratch_prepare() \g /dev/null
SELECT pg_temp.ddl('') AS ddl \gset
:ddl

CREATE TABLE s AS SELECT confiture.snapshot_of(pg_temp.ddl('ALTER TABLE big.t1 ADD c integer, DROP COLUMN a; CREATE VIEW big.v AS SELECT b FROM big.t2')) AS target,
    confiture.snapshot_of(pg_temp.ddl('')) AS source;
SELECT is(pg_temp.twins(), 2::bigint, 'what was loaded is a twin');
SELECT confiture.build_prune(0) \g /dev/null
SELECT is(pg_temp.twins(), 0::bigint, 'until it is dropped');
SELECT ok(NOT pg_temp.from_twin(source, target), 'without one nothing is made from it') FROM s;

SELECT confiture.scratch_prepare() \g /dev/null
DELETE FROM confiture.snapshot_cache;
SELECT is(confiture.snapshot_of(pg_temp.ddl('ALTER TABLE big.t1 ADD c integer, DROP COLUMN a; CREATE VIEW big.v AS SELECT b FROM big.t2')) -> 'facts', target -> 'facts',
    'it is loaded again') FROM s;
SELECT is(pg_temp.twins(), 1::bigint, 'and kept again');
SELECT ok(pg_temp.from_twin(source, target), 'another schema is made from it, by what differs') FROM s;
SELECT ok(NOT pg_temp.from_twin(jsonb_set(source, '{facts}', '{}'), target), 'not one that has little in common') FROM s;
SELECT ok(NOT pg_temp.from_twin(jsonb_set(source, '{facts,column big.t3.a,payload,type}', '"no such type"')
    #- '{facts,column big.t3.a,hash}' || '{}', target), 'nor one that can''t be made') FROM s;
SELECT is((SELECT count(*) FROM pg_database WHERE datname LIKE 'confiture\_tmp%'), 0::bigint, 'nothing of it is left');

SELECT set_eq($$SELECT p.object FROM confiture.plan(pg_temp.ddl('ALTER TABLE big.t1 ADD c integer, DROP COLUMN a; CREATE VIEW big.v AS SELECT b FROM big.t2'),
        '{"ignore": ["%table public.s", "%column public.s.%", "extension pgtap", "%extension pgtap"]}') AS p$$,
    ARRAY['column big.t1.a', 'column big.t1.c', 'view big.v'], 'a plan is proven so');
SELECT is(pg_temp.twins(), 3::bigint, 'this database, and what it becomes, are twins then');
SELECT is((SELECT array_agg(DISTINCT u ->> 'object' ORDER BY u ->> 'object') FROM jsonb_array_elements(p -> 'up') AS u WHERE u ->> 'kind' = 'column'),
    '{column big.t1.a,column big.t1.c}', 'a plan between two snapshots') FROM s, confiture.plan_between(source, target) AS p;
SELECT is(p #> '{proof,proven}', 'true', 'both proven: there') FROM s, confiture.plan_between(source, target) AS p;
SELECT is(p #> '{down_proof,proven}', 'true', 'and back') FROM s, confiture.plan_between(source, target) AS p;

-- What is no twin.
SELECT confiture.build_prune(0) \g /dev/null
DELETE FROM confiture.snapshot_cache;
SELECT ok(confiture.snapshot_of(pg_temp.ddl('INSERT INTO big.t1 VALUES (1)')) IS NOT NULL, 'DDL with rows is loaded');
SELECT is(pg_temp.twins(), 0::bigint, 'what has rows is no twin');
SELECT ok(confiture.snapshot_of('CREATE TABLE a (id integer)'::text) IS NOT NULL, 'a small one is loaded');
SELECT is(pg_temp.twins(), 0::bigint, 'and not kept');
SET confiture.template_limit = 0;
SELECT confiture.snapshot_of(pg_temp.ddl('')) \g /dev/null
SELECT is(pg_temp.twins(), 0::bigint, 'nor is anything when confiture.template_limit is 0');

SELECT * FROM finish();
SELECT confiture.build_prune(0) \g /dev/null
DROP TABLE s;
DROP SCHEMA big CASCADE;
DROP EXTENSION confiture;
