-- Normal forms: texts that the server has written, and reads as other expressions. Not in a transaction: workers
-- have to see the extension.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;

-- Every kind of fact that holds an expression.
CREATE FUNCTION pg_temp.ddl() RETURNS text LANGUAGE sql AS $f$ SELECT $ddl$
    CREATE EXTENSION btree_gist;
    CREATE DOMAIN d AS varchar CHECK (VALUE IN ('a', 'b')) DEFAULT CASE WHEN 'x'::varchar IN ('a', 'b') THEN 'a' ELSE 'b' END;
    CREATE TABLE t (id int PRIMARY KEY, c varchar CHECK (c IN ('a', 'b')),
        g varchar GENERATED ALWAYS AS (CASE WHEN c IN ('a', 'b') THEN 'q' END) STORED,
        dd varchar DEFAULT CASE WHEN 'x'::varchar IN ('a', 'b') THEN 1::text END,
        EXCLUDE USING gist (c WITH =) WHERE (c IN ('a', 'b')));
    CREATE INDEX i ON t (id) WHERE c IN ('a', 'b');
    CREATE INDEX i2 ON t ((c IN ('a', 'b')), id);
    CREATE VIEW v AS SELECT id, c FROM t WHERE c IN ('a', 'b');
    CREATE MATERIALIZED VIEW mv AS SELECT id, c FROM t WHERE c IN ('a', 'b');
    CREATE POLICY p ON t USING (c IN ('a', 'b')) WITH CHECK (EXISTS (SELECT FROM t AS x WHERE x.c IN ('a', 'b')));
    CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
    CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW WHEN (old.c IN ('a', 'b')) EXECUTE FUNCTION tf();
    CREATE STATISTICS st ON (c IN ('a', 'b')), id FROM t;
    CREATE RULE r AS ON DELETE TO t WHERE old.c IN ('a', 'b') DO INSTEAD UPDATE t SET c = 'x' WHERE c IN ('a', 'b');
    CREATE FUNCTION sf(a varchar, b boolean DEFAULT 'x'::varchar IN ('a', 'b')) RETURNS boolean LANGUAGE sql
        BEGIN ATOMIC SELECT a IN ('a', 'b'); SELECT b; END;
    CREATE TABLE pt (a varchar) PARTITION BY LIST ((a IN ('a', 'b')));
    CREATE FUNCTION body(a varchar) RETURNS boolean LANGUAGE sql AS $$ SELECT a IN ('a', 'b') $$;
$ddl$ $f$;
-- The same with the texts that the server has written.
CREATE FUNCTION pg_temp.written(ddl text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(ddl, '((?:''x''::varchar|[a-zA-Z.]+)) IN \(''(.)'', ''(.)''\)(?! \$\$)',
        '((\1)::text = ANY ((ARRAY[''\2''::character varying, ''\3''::character varying])::text[]))', 'g')
$$;
CREATE TABLE schemas AS SELECT confiture.snapshot_of(pg_temp.ddl()) AS once, confiture.snapshot_of(pg_temp.written(pg_temp.ddl())) AS twice,
    confiture.snapshot_of(replace(pg_temp.ddl(), '''b'')', '''c'')')) AS other;
-- What _normal_forms() says in a database that has the schema.
CREATE FUNCTION pg_temp.forms(source jsonb, target jsonb, scratch boolean, OUT equal text[], OUT undecided text[]) LANGUAGE sql AS $$
    SELECT r.* FROM confiture._scratch(jsonb_build_array(
        jsonb_build_object('files', jsonb_build_array(jsonb_build_object('path', 'f', 'text', pg_temp.ddl()))),
        jsonb_build_object('query', format('SELECT to_jsonb(n) FROM confiture._normal_forms($1, $2, %L) AS n', scratch),
            'arguments', '[0, 1]'::jsonb)), ARRAY[source, target]) AS s,
        jsonb_to_record(s[2]) AS r (equal text[], undecided text[])
$$;

SELECT no_plan();

SELECT is(ARRAY(SELECT identity FROM schemas, confiture._changed_facts(once, twice) ORDER BY identity COLLATE "C"), ARRAY[
    'column public.t.g', 'constraint public.t.t_c_check', 'constraint public.t.t_c_excl', 'default public.t.dd', 'domain constraint public.d.d_check', 'domain public.d',
    'function public.sf(character varying, boolean)', 'index public.i', 'index public.i2', 'materialized view public.mv', 'policy public.t.p',
    'rule public.t.r', 'statistics public.st', 'table public.pt', 'trigger public.t.tr', 'view public.v'], 'all of these are written in another way the second time');
SELECT is(ARRAY(SELECT unnest(f.equal) COLLATE "C" ORDER BY 1), ARRAY(SELECT identity FROM schemas, confiture._changed_facts(once, twice) ORDER BY identity COLLATE "C"),
    'and all are equal in normal form') FROM schemas, pg_temp.forms(once, twice, true) AS f;
SELECT is(f.undecided, '{}', 'a scratch database can tell of all') FROM schemas, pg_temp.forms(twice, once, true) AS f;
SELECT is(ARRAY(SELECT unnest(f.undecided) ORDER BY 1), '{"function public.sf(character varying, boolean)",rule public.t.r}',
    'where nothing may be made, some can''t be told') FROM schemas, pg_temp.forms(once, twice, false) AS f;
SELECT is(cardinality(f.equal), 14, 'the others can') FROM schemas, pg_temp.forms(twice, once, false) AS f;
SELECT is(f.equal, '{}', 'other values are other expressions') FROM schemas, pg_temp.forms(once, other, true) AS f;
SELECT ok((SELECT count(*) FROM confiture._changed_facts(once, other)) >= 16, 'of all of them') FROM schemas;
SELECT is(f.equal, '{domain public.d,default public.t.dd}', 'in a database that has nothing of it, only what needs nothing') FROM schemas, confiture._normal_forms(once, twice, false) AS f;
SELECT is((SELECT count(*) FROM confiture._changed_facts(once, once)), 0::bigint, 'a schema is equal to itself') FROM schemas;
SELECT is((SELECT count(*) FROM confiture._changed_facts('{}', once) WHERE source_fact IS NULL),
    (SELECT count(*) FROM confiture.snapshot_facts(once)), 'against nothing, everything is new') FROM schemas;
SELECT is((SELECT source_fact FROM confiture._changed_facts(once, '{}') WHERE identity = 'view public.v'), once #> '{facts,view public.v}', 'facts come whole') FROM schemas;
-- Only the expression may differ.
SELECT is(f.equal, '{}', 'an attribute beside the text counts') FROM schemas, pg_temp.forms(
    jsonb_set(once, '{facts}', jsonb_build_object('constraint public.t.t_c_check', once #> '{facts,constraint public.t.t_c_check}')),
    jsonb_set(twice, '{facts}', jsonb_build_object('constraint public.t.t_c_check',
        jsonb_set(twice #> '{facts,constraint public.t.t_c_check}', '{payload,valid}', 'false'))), true) AS f;
SELECT is(f.equal, '{}', 'what stands around the expression counts') FROM schemas, pg_temp.forms(
    jsonb_set(once, '{facts}', jsonb_build_object('index public.i', once #> '{facts,index public.i}')),
    replace(jsonb_set(twice, '{facts}', jsonb_build_object('index public.i', twice #> '{facts,index public.i}'))::text, '(id)', '(id DESC)')::jsonb, true) AS f;
SELECT throws_ok('SELECT * FROM confiture._changed_facts(''{"facts": {"a": 1}}'', ''{}'')', '22023', NULL, 'facts that are none');

-- Many of them.
CREATE TABLE many AS SELECT confiture.snapshot_of(d) AS once, confiture.snapshot_of(pg_temp.written(d)) AS twice, d
FROM (SELECT string_agg(format('CREATE TABLE t%s (c varchar CHECK (c IN (''a'', ''b'')));', i), '') AS d FROM generate_series(1, 400) AS i) AS x;
SELECT is((s[2] ->> 'equal')::int, 400, 'hundreds are equal')
FROM many, confiture._scratch(jsonb_build_array(jsonb_build_object('files', jsonb_build_array(jsonb_build_object('path', 'f', 'text', d))),
    '{"query": "SELECT jsonb_build_object(''equal'', cardinality(equal)) FROM confiture._normal_forms($1, $2, true)", "arguments": [0, 1]}'::jsonb), ARRAY[once, twice]) AS s;

SELECT * FROM finish();
SELECT count(*) FROM confiture.build_prune() \g /dev/null
DROP TABLE schemas, many;
DROP EXTENSION confiture;
