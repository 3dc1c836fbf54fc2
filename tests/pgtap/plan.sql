-- confiture.plan() and plan_between(). Not in a transaction: workers have to see the extension.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql

CREATE FUNCTION pg_temp.plan(ddl text, options jsonb DEFAULT '{}') RETURNS text[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(p.statement ORDER BY p.ordinal), '{}') FROM confiture.plan(ddl, '{"ignore": ["extension pgtap", "%extension pgtap"]}'::jsonb || options) AS p
$$;
CREATE FUNCTION pg_temp.hazards(ddl text) RETURNS text[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(h ORDER BY h), '{}') FROM confiture.plan(ddl, '{"ignore": ["extension pgtap", "%extension pgtap"]}') AS p, unnest(p.hazards) AS h
$$;
CREATE FUNCTION pg_temp.of(ddl text) RETURNS jsonb LANGUAGE sql AS $$ SELECT confiture.snapshot_of(ddl) $$;
CREATE FUNCTION pg_temp.left() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), '') FROM pg_database WHERE datname LIKE 'confiture\_tmp%'
$$;
SELECT confiture.scratch_prepare() \g /dev/null

SELECT no_plan();

CREATE TABLE a (id int PRIMARY KEY, c varchar CHECK (c IN ('a', 'b')), d int);
SELECT is(pg_temp.plan('CREATE TABLE a (id int PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')), d int)'), '{}', 'nothing to be done');
SELECT is(pg_temp.plan('CREATE TABLE a (id int PRIMARY KEY, c varchar CHECK ((c)::text = ANY ((ARRAY[''a''::character varying, ''b''::character varying])::text[])), d int)'), '{}',
    'nothing to be done for what is equal in normal form');
SELECT is(pg_temp.plan('CREATE TABLE a (id int PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')), d int, e text)'), '{ALTER TABLE public.a ADD COLUMN e text}', 'something to be done');
SELECT is((SELECT count(*) FROM confiture.snapshot_cache), 3::bigint, 'the snapshots of DDL are kept');
SELECT is(pg_temp.plan('CREATE TABLE a (id int PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')), d int, e text)'), '{ALTER TABLE public.a ADD COLUMN e text}', 'again');
SELECT is((SELECT count(*) FROM confiture.snapshot_cache), 3::bigint, 'and used');
SELECT ok(pg_temp.hazards('CREATE TABLE a (id bigint PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')), d int)') @> '{rewrite: table public.a is written anew}', 'hazards are told');
SELECT is((SELECT count(*) FROM unnest(pg_temp.hazards('CREATE TABLE a (id bigint PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')), d int)')) AS h WHERE h LIKE 'rewrite%'), 1::bigint,
    'what the proof has seen is not said twice');
SELECT is((SELECT (code, message) FROM pg_temp.failure($$SELECT * FROM confiture.plan('CREATE TABLE x (')$$)), ('42601'::text, 'syntax error at end of input'::text), 'DDL that is none');
SELECT ok((SELECT context LIKE 'file "f.sql", statement 1 of 1 at line 1, column %' FROM pg_temp.failure($$SELECT * FROM confiture.plan('{"f.sql": "CREATE VIEW v AS SELECT x"}'::jsonb)$$)), 'errors say file, line and column');
SET confiture.template_limit = 1;
SELECT is(pg_temp.plan('CREATE TABLE a (id int PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')), d int, f text)'), '{ALTER TABLE public.a ADD COLUMN f text}', 'another one');
SELECT is((SELECT count(*) FROM confiture.snapshot_cache), 1::bigint, 'no more snapshots are kept than confiture.template_limit');
RESET confiture.template_limit;

-- Others do not see, and can not plant, what is kept.
CREATE ROLE cf_other CREATEDB;
SELECT confiture.grant_usage('cf_other', 'developer') \g /dev/null
SET ROLE cf_other;
SELECT is((SELECT count(*) FROM confiture.snapshot_cache), 0::bigint, 'a role sees its own snapshots only');
SELECT is((SELECT code FROM pg_temp.failure('INSERT INTO confiture.snapshot_cache (owner, key, snapshot) SELECT ''postgres'', ''x'', ''{}''')), '42501', 'and writes no others');
RESET ROLE;

-- snapshot_of() keeps what it has loaded, too.
DELETE FROM confiture.snapshot_cache;
SELECT ok(confiture.snapshot_of('CREATE TABLE kept (a int)') -> 'facts' ? 'table public.kept', 'snapshot_of()');
UPDATE confiture.snapshot_cache SET snapshot = snapshot || '{"stored": true}';
SELECT ok(confiture.snapshot_of('CREATE TABLE kept (a int)') ? 'stored', 'the same DDL is not loaded again');
SELECT ok(NOT confiture.snapshot_of('CREATE TABLE kept (a bigint)') ? 'stored', 'other DDL is');
SELECT ok(confiture.snapshot_of('CREATE TABLE more ()', confiture.snapshot_of('CREATE TABLE kept (a int)')) -> 'facts' ?& '{table public.kept,table public.more}',
    'what is loaded on top of a base');
SELECT is((SELECT count(*) FROM confiture.snapshot_cache), 2::bigint, 'is not kept');
BEGIN READ ONLY;
SELECT ok(confiture.snapshot_of('CREATE TABLE kept (a int)') ? 'stored', 'what is kept can be read in a transaction that is read only');
COMMIT;
SET confiture.template_limit = 0;
SELECT ok(confiture.snapshot_of('CREATE TABLE kept (a text)') -> 'facts' ? 'table public.kept', 'with confiture.template_limit = 0');
SELECT is((SELECT count(*) FROM confiture.snapshot_cache), 2::bigint, 'nothing is kept');
RESET confiture.template_limit;

-- The schema of this database is kept when it is large, until the catalogs change.
CREATE FUNCTION pg_temp.live() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM confiture.snapshot_cache WHERE key LIKE 'live %' $$;
CREATE FUNCTION pg_temp.spoil() RETURNS void LANGUAGE sql AS $$
    UPDATE confiture.snapshot_cache SET snapshot = snapshot #- '{facts,column big.t1.c1}' WHERE key LIKE 'live %'
$$;
CREATE FUNCTION pg_temp.tells_truth() RETURNS boolean LANGUAGE sql AS $$ SELECT confiture._snapshot_live() = confiture.snapshot() $$;
SELECT ok(pg_temp.tells_truth(), 'a small schema');
SELECT is(pg_temp.live(), 0::bigint, 'is not kept');
CREATE SCHEMA big;
SELECT format('CREATE TABLE big.t%s (%s)', i, (SELECT string_agg(format('c%s int', j), ', ') FROM generate_series(1, 10) AS j))
FROM generate_series(1, 100) AS i \gexec
BEGIN READ ONLY;
SELECT ok(pg_temp.tells_truth(), 'a large one, where nothing can be kept');
COMMIT;
SELECT ok(pg_temp.tells_truth(), 'and where it can');
SELECT is(pg_temp.live(), 1::bigint, 'is kept');
SELECT pg_temp.spoil();
SELECT ok(NOT confiture._snapshot_live() -> 'facts' ? 'column big.t1.c1', 'and it is not read again');
ANALYZE big.t1;
INSERT INTO big.t1 VALUES (1);
SELECT ok(NOT confiture._snapshot_live() -> 'facts' ? 'column big.t1.c1', 'when rows and statistics change');
COMMENT ON COLUMN big.t1.c1 IS 'changed';
SELECT ok(pg_temp.tells_truth(), 'it is when the schema does');
SELECT is(pg_temp.live(), 1::bigint, 'the newest is kept');
SELECT pg_temp.spoil();
CREATE TABLE big.passing (a int);
DROP TABLE big.passing;
SELECT ok(NOT confiture._snapshot_live() -> 'facts' ? 'column big.t1.c1', 'what was made and dropped changes nothing');
BEGIN;
ALTER TABLE big.t2 ADD COLUMN mine int;
SELECT ok(pg_temp.tells_truth(), 'what the transaction has done counts');
ROLLBACK;
SELECT ok(NOT confiture._snapshot_live() -> 'facts' ? 'column big.t1.c1', 'and goes with it');
CREATE ROLE cf_renamed;
ALTER TABLE big.t3 OWNER TO cf_renamed;
SELECT ok(pg_temp.tells_truth(), 'an owner');
ALTER ROLE cf_renamed RENAME TO cf_called_otherwise;
SELECT ok(pg_temp.tells_truth(), 'has another name');
DROP SCHEMA big CASCADE;
DROP ROLE cf_called_otherwise;

-- Hazards that only the proof shows.
SELECT is(confiture._plan_hazards('[{"ordinal": 1, "object": "column public.a.c", "hazards": ["data loss: x"]}, {"ordinal": 2, "object": "table public.b", "hazards": null}]',
    '{"not_preserved": [{"identity": "column public.a.c", "parent": "table public.a", "kind": "column", "what": "attnum", "changed": false},
        {"identity": "table public.a", "parent": "schema public", "kind": "table", "what": "relfilenode", "changed": false},
        {"identity": "constraint public.a.x", "parent": "table public.a", "kind": "constraint", "what": "oid", "changed": true}]}'),
    '[{"ordinal": 1, "object": "column public.a.c", "hazards": ["data loss: x", "not preserved: column public.a.c was made anew in the proof", "rewrite: table public.a was written anew in the proof"]},
      {"ordinal": 2, "object": "table public.b", "hazards": []}]', 'go to the statement that is about the object');

-- Between two schemas.
CREATE TABLE s AS SELECT pg_temp.of('CREATE TABLE a (id int PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')))') AS a,
    pg_temp.of('CREATE TABLE a (id int PRIMARY KEY, c varchar CHECK (c IN (''a'', ''b'')), e text); CREATE INDEX i ON a (e)') AS b;
CREATE TABLE p AS SELECT confiture.plan_between(a, b) AS plan FROM s;
SELECT is(ARRAY(SELECT r ->> 'statement' FROM p, jsonb_array_elements(plan -> 'up') AS r),
    '{ALTER TABLE public.a ADD COLUMN e text,CREATE INDEX CONCURRENTLY i ON public.a USING btree (e)}', 'up');
SELECT is(ARRAY(SELECT r ->> 'statement' FROM p, jsonb_array_elements(plan -> 'down') AS r),
    ARRAY(SELECT d.statement FROM s, confiture.diff(b, a) AS d ORDER BY d.ordinal), 'down');
SELECT is((SELECT (plan #> '{proof,proven}', plan #> '{down_proof,proven}', plan -> 'equal')::text FROM p), '(true,true,false)', 'both proven');
SELECT is((SELECT plan ->> 'source_hash' FROM p), (SELECT confiture.snapshot_hash(a) FROM s), 'the hashes of both');
SELECT is(confiture.plan_between(a, b, '{"prove": false, "down": false}') - '{source_hash,target_hash,up,changes,basis,directive}'::text[],
    '{"equal": false, "down": null, "proof": null, "down_proof": null, "unmodelled": []}', 'without proof, without a way back') FROM s;
SELECT is(confiture.plan_between(a, a) - '{source_hash,target_hash}'::text[], '{"equal": true, "up": [], "down": [], "changes": [], "proof": null, "down_proof": null, "unmodelled": [], "basis": {}, "directive": null}', 'equal') FROM s;
SELECT is(confiture.plan_between('{}', a) -> 'down_proof' -> 'proven', 'true', 'from nothing and back') FROM s;
SELECT is((SELECT confiture.plan_between(a, b, '{"keep": true}') #> '{down_proof,proven}' FROM s), 'true', 'twins are kept, the way back runs in a copy');
SELECT is((SELECT count(*) FROM confiture.builds() WHERE kind = 'twin'), 2::bigint, 'those of source and target');
SELECT is((SELECT confiture.plan_between(a, b, '{"keep": true}') #> '{down_proof,proven}' FROM s), 'true', 'and used');

-- What it was made from.
SELECT is((SELECT plan -> 'basis' ? 'table public.a' AND plan ->> 'directive' ~ '^basis=table[+]public.a:[0-9a-f]{12}/[0-9a-f]{12}$' FROM p), true,
    'a plan says what it was made from, in both ways in which the server writes it');
SELECT is(confiture.plan_between(a, b, '{"prove": false}') -> 'basis' ->> 'table public.a', split_part((SELECT plan #>> '{basis,table public.a}' FROM p), '/', 1),
    'without proof, too') FROM s;
SELECT is(confiture.plan_between('{}', a) -> 'basis', '{"table public.a": "-"}', 'what must not be there') FROM s;

-- Not proven, not modelled.
SELECT is((SELECT code FROM pg_temp.failure(format('SELECT confiture.plan_between(%L, ''{}'')', jsonb_set(a, '{unmodelled}', '["pg_x: y"]')))), 'CF018', 'what is not modelled refuses the plan') FROM s;
SELECT is(confiture.plan_between('{}', jsonb_set(a, '{unmodelled}', '["pg_x: y"]'), '{"allow_unmodelled": true, "down": false}') #>> '{unmodelled,0}', 'pg_x: y', 'unless it is allowed') FROM s;
SELECT is((SELECT (code, detail) FROM pg_temp.failure(format('SELECT confiture._plan_refuse(%L, ''{}'')',
    '{"proven": false, "differences": [{"identity": "table a", "change": "missing"}, {"identity": "column b", "change": "different", "found": 1, "expected": 2}]}'))),
    ('CF019'::text, 'table a is missing. column b is not as it should be: 1 instead of 2.'::text), 'what is not proven is refused');
SELECT lives_ok($$SELECT confiture._plan_refuse('{"proven": false, "differences": []}', '{"unproven": true}')$$, 'unless that is allowed');
SELECT is(pg_temp.left(), '', 'nothing is left');

SELECT * FROM finish();
SELECT count(*) FROM confiture.build_prune() \g /dev/null
DROP TABLE s, p, a;
DROP EXTENSION confiture;

DROP OWNED BY cf_other;
DROP ROLE cf_other;
