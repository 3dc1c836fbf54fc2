-- Every rule of conflicts, by a pair of intents each; and how hits become conflicts.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(62 + (SELECT count(*) FROM confiture.intent_rule)::integer);

-- What depends on what, for the claims that nobody declares.
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (id integer REFERENCES parent);
CREATE TABLE base (x integer);
CREATE VIEW above AS SELECT x FROM base;
CREATE TYPE grain AS ENUM ('fine');
CREATE DOMAIN grains AS grain;

-- Ends all intents.
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$
    SELECT count(confiture.intent_abandon(i.id)) FROM confiture.intent_list(max_rows => NULL) AS i
$$;
-- What has to be declared so that an intent has a claim of an action in a scope.
CREATE FUNCTION pg_temp.names(scope text, action text) RETURNS text[] LANGUAGE sql AS $$
    SELECT ARRAY[CASE
        WHEN action = 'affected' THEN CASE scope WHEN 'object' THEN 'column:base.x' WHEN 'table' THEN 'column:parent.id' ELSE 'type:grain' END
        WHEN scope IN ('object', 'window') THEN action || ' view:above'
        WHEN scope = 'table' THEN action || ' table:child'
        WHEN scope = 'type' THEN action || ' domain:grains'
        -- a part on one side, the whole on the other
        WHEN action IN ('alter', 'drop') THEN action || ' column:child.id'
        ELSE action || ' table:child' END]
$$;
-- One intent holds, another one comes: the hit with these two actions, as type and severity; the suggestion
-- if the hit is the first of its conflict.
CREATE FUNCTION pg_temp.hit(scope text, wanted text, held text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    lasts constant interval := CASE scope WHEN 'window' THEN '1 hour' END;
    told jsonb;
BEGIN
    PERFORM confiture.intent_register('holder', 'f', pg_temp.names(scope, held), estimated_duration => lasts);
    told := confiture.intent_register('newcomer', 'f', pg_temp.names(scope, wanted), estimated_duration => lasts);
    PERFORM pg_temp.clear();
    RETURN (
        SELECT string_agg(concat_ws(' ', c ->> 'type', o ->> 'severity',
                CASE WHEN o = c #> '{objects,0}' AND c ->> 'severity' = o ->> 'severity' THEN c ->> 'suggestion' END), '; ')
        FROM jsonb_array_elements(told -> 'conflicts') AS c, jsonb_array_elements(c -> 'objects') AS o
        WHERE o ->> 'action' = wanted AND o ->> 'other_action' = held AND (c ->> 'type' = 'timing') = (scope = 'window')
            AND o ->> 'object' = CASE WHEN scope IN ('object', 'window') THEN 'public.above' WHEN scope = 'type' THEN 'public.grains'
                WHEN scope = 'part' THEN 'public.child.id' ELSE 'public.child' END);
END
$$;

SELECT is(pg_temp.hit(r.scope, r.wanted, r.held),
    concat_ws(' ', coalesce(r.type, CASE r.scope WHEN 'object' THEN 'view' ELSE r.scope END), r.severity, r.suggestion),
    format('%s: %s against %s', r.scope, r.wanted, r.held))
FROM confiture.intent_rule AS r
ORDER BY r.scope, r.wanted, r.held;

-- What is in no rule is no conflict.
SELECT is_empty($$
    SELECT scope, wanted, held, pg_temp.hit(scope, wanted, held)
    FROM unnest('{object,table,type}'::text[]) AS scope,
        unnest('{read,reference,write,affected,touch,alter,create,drop}'::text[]) AS wanted,
        unnest('{read,reference,write,affected,touch,alter,create,drop}'::text[]) AS held
    WHERE NOT EXISTS (SELECT FROM confiture.intent_rule AS r WHERE (r.scope, r.wanted, r.held) = (scope.scope, wanted.wanted, held.held))
        AND (wanted <> 'affected' OR held <> 'affected')
        AND pg_temp.hit(scope, wanted, held) IS NOT NULL $$, 'a pair without a rule is no conflict');
SELECT is_empty($$
    SELECT r.scope, r.wanted, r.held, r.severity, r.type FROM confiture.intent_rule AS r
    EXCEPT SELECT r.scope, r.held, r.wanted, r.severity, r.type FROM confiture.intent_rule AS r $$, 'the rules are symmetrical');
SELECT set_eq('SELECT DISTINCT scope FROM confiture.intent_rule', '{object,table,type,part,window}'::text[], 'the scopes');

-- The types of conflicts by kind ------------------------------------------------

-- Two agents declare the same: the types and severities of which the second one is told.
CREATE FUNCTION pg_temp.told(held text[], wanted text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    told jsonb;
BEGIN
    PERFORM confiture.intent_register('holder', 'f', held);
    told := confiture.intent_register('newcomer', 'f', wanted);
    PERFORM pg_temp.clear();
    RETURN (
        SELECT string_agg(concat_ws(' ', c ->> 'type', c ->> 'severity'), ', ' ORDER BY n)
        FROM jsonb_array_elements(told -> 'conflicts') WITH ORDINALITY AS e (c, n));
END
$$;
SELECT is(pg_temp.told(ARRAY[name], ARRAY[name]), expected, format('both change %s', name)) FROM (VALUES
    ('table:t', 'table warning'),
    ('foreign table:t', 'table warning'),
    ('column:t.c', 'column error'),
    ('function:f(int)', 'function error'),
    ('procedure:f(int)', 'function error'),
    ('aggregate:f(int)', 'function error'),
    ('view:v', 'view error'),
    ('materialized view:v', 'view error'),
    ('type:ty', 'type warning'),
    ('domain:d', 'type warning'),
    ('constraint:t.c', 'constraint error'),
    ('index:i', 'index error'),
    ('trigger:t.g', 'trigger error'),
    ('policy:t.p', 'policy error'),
    ('rule:t.r', 'object error'),
    ('sequence:s', 'sequence error'),
    ('schema:app', 'schema error'),
    ('extension:e', 'object error'),
    ('role:r', 'object error'),
    ('collation:c', 'object error'),
    ('operator:<+>', 'object error')) AS k (name, expected);

SELECT is(pg_temp.told(held, wanted), expected, format('%s, then %s', held, wanted)) FROM (VALUES
    -- of the issue
    ('{read t}'::text[], '{read t}'::text[], NULL),
    ('{create column:t.a}', '{create column:t.b}', 'table info'),
    ('{create column:t.a}', '{create column:t.a}', 'column error'),
    ('{create orders}', '{create orders}', 'table error'),
    ('{drop t}', '{read t}', 'drop_use error'),
    ('{drop t}', '{t.c}', 'drop_use error'),
    ('{t.c}', '{drop t}', 'drop_use error'),
    ('{t}', '{t.c}', 'table warning'),
    ('{t.c}', '{t.d}', 'table info'),
    ('{read t.c}', '{t.c}', 'dependency info'),
    ('{read t.c}', '{drop t.c}', 'drop_use error'),
    ('{read t.c}', '{drop t.d}', NULL),
    ('{write t.c}', '{t.c}', 'column warning'),
    ('{write t}', '{drop t.c}', 'dependency warning'),
    ('{read t.c}', '{t}', 'dependency info'),
    -- whole schemas
    ('{drop schema:public}', '{t}', 'drop_use error'),
    ('{t}', '{drop schema:public}', 'drop_use error'),
    ('{a.t}', '{b.t}', NULL),
    -- the parts are of one table each, and what is quoted is another name
    ('{t.c}', '{u.c}', NULL),
    ('{t}', '{"\"T\""}', NULL),
    ('{column:t.c}', '{constraint:t.c}', 'table info'),
    -- another overload is another function
    ('{function:f(int)}', '{function:f(text)}', 'function info'),
    ('{function:f(int)}', '{function:f}', 'function error'),
    ('{drop function:f(int)}', '{function:f(int4)}', 'drop_use error'),
    -- several types, the worst first
    ('{view:v, column:t.c, read u}', '{drop u, view:v, read t.c}', 'drop_use error, view error, dependency info'),
    ('{read t, u.c}', '{drop t, drop u.c}', 'drop_use error'),
    ('{read t, read u}', '{t, drop u}', 'drop_use error, dependency info')) AS k (held, wanted, expected);

-- From hits to conflicts ----------------------------------------------------------

SELECT confiture.intent_register('a', 'first', '{t, t2, view:v}', branch => 'b1') ->> 'id' AS a \gset
SELECT confiture.intent_register('b', 'second', '{t}') ->> 'id' AS b \gset
SELECT confiture.intent_check('c', objects => '{t, t2, view:v}') AS found \gset
SELECT is((SELECT array_agg(concat_ws(' ', c ->> 'agent', c ->> 'type', c ->> 'severity', jsonb_array_length(c -> 'objects')) ORDER BY n)
    FROM jsonb_array_elements(:'found'::jsonb -> 'conflicts') WITH ORDINALITY AS e (c, n)),
    '{a view error 1,a table warning 2,b table warning 1}', 'one for each intent and type, the worst first, then the oldest');
SELECT is(:'found'::jsonb #> '{conflicts,1,objects}', '[
    {"object": "public.t", "kind": "table", "action": "alter", "other_action": "alter", "severity": "warning"},
    {"object": "public.t2", "kind": "table", "action": "alter", "other_action": "alter", "severity": "warning"}]', 'with its objects');
SELECT is(:'found'::jsonb -> 'severity', '"error"', 'the worst severity');
SELECT is(confiture.intent_check('a', objects => '{t2, view:v}') -> 'conflicts', '[]', 'one''s own intents are no conflict');
SELECT is(jsonb_array_length(confiture.intent_check('b', objects => '{t}') -> 'conflicts'), 1, 'those of others are');
SELECT confiture.intent_start(:'a') \g /dev/null
SELECT is(confiture.intent_check('c', objects => '{t2}') #>> '{conflicts,0,status}', 'in_progress', 'one that is in progress is seen');
SELECT confiture.intent_complete(:'a') \g /dev/null
SELECT is(confiture.intent_check('c', objects => '{t2}') #>> '{conflicts,0,status}', 'completed', 'one that is completed is seen');
SELECT confiture.intent_merge(:'a') \g /dev/null
SELECT is(confiture.intent_check('c', objects => '{t2}') -> 'conflicts', '[]', 'one that is merged is not');
SELECT is(confiture.intent_get(:'b') ->> 'status', 'registered', 'and holds nobody back');
SELECT pg_temp.clear() \g /dev/null

-- Thousands of objects in common are a hundred lines.
SELECT confiture.intent_register('a', 'f', ARRAY(SELECT 'view:v' || i FROM generate_series(1, 150) AS i)) \g /dev/null
SELECT confiture.intent_check('b', objects => ARRAY(SELECT 'view:v' || i FROM generate_series(1, 150) AS i)) AS found \gset
SELECT is(jsonb_array_length(:'found'::jsonb #> '{conflicts,0,objects}'), 101, 'at most 100 objects, and a last one');
SELECT is(:'found'::jsonb #> '{conflicts,0,objects,100}', '{"more": 50}', 'that says how many more there are');
SELECT pg_temp.clear() \g /dev/null

SELECT * FROM finish();
ROLLBACK;
