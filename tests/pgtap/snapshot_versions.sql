-- confiture.snapshot(): what only newer versions of PostgreSQL have.

BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
SELECT current_setting('server_version_num')::integer >= 160000 AS is_16,
    current_setting('server_version_num')::integer >= 170000 AS is_17,
    current_setting('server_version_num')::integer >= 180000 AS is_18 \gset

SELECT no_plan();
CREATE SCHEMA s;
CREATE FUNCTION pg_temp.payload(identity text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT confiture.snapshot() #> ARRAY['facts', identity, 'payload']
$$;

CREATE TABLE s.t (id integer NOT NULL, a integer, b integer GENERATED ALWAYS AS (a + 1) STORED, CHECK (a > 0));
SELECT is(pg_temp.payload('column s.t.id'), '{"type": "integer", "not_null": true}', 'NOT NULL is told of the column');
SELECT is(pg_temp.payload('constraint s.t.t_a_check'),
    '{"type": "check", "valid": true, "definition": "CHECK ((a > 0))"}', 'what a version does not have is not told');
CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE, enabled = false, create_slot = false);
SELECT is(pg_temp.payload('subscription s') -> 'streaming', to_jsonb(CASE WHEN :'is_18' THEN 'parallel' ELSE 'off' END),
    'streaming');

\if :is_16
CREATE COLLATION s.rules (provider = icu, locale = 'und', rules = '&a < g');
SELECT is(pg_temp.payload('collation s.rules') ->> 'rules', '&a < g', 'rules of a collation');
SELECT is(pg_temp.payload('subscription s') -> 'origin', '"any"', 'the origin of a subscription');
SELECT is(pg_temp.payload('subscription s') -> 'password_required', 'true', 'whether it needs a password');
SELECT is(pg_temp.payload('subscription s') -> 'run_as_owner', 'false', 'as whom it runs');
\endif

\if :is_17
CREATE COLLATION s.built_in (provider = builtin, locale = 'C.UTF-8');
SELECT is(pg_temp.payload('collation s.built_in'), '{"provider": "builtin", "locale": "C.UTF-8", "deterministic": true}',
    'a collation of PostgreSQL itself');
SELECT is(pg_temp.payload('subscription s') -> 'failover', 'false', 'failover of a subscription');
CREATE ROLE zoo_reader;
GRANT MAINTAIN ON s.t TO zoo_reader;
SELECT is(pg_temp.payload('grant on table s.t to zoo_reader'), '{"privileges": ["MAINTAIN"]}', 'MAINTAIN');
\endif

\if :is_18
ALTER TABLE s.t ADD CONSTRAINT named NOT NULL a NOT VALID;
SELECT is(pg_temp.payload('constraint s.t.named'),
    '{"type": "not null", "valid": false, "definition": "NOT NULL a"}', 'a NOT NULL with a name, not valid');
SELECT is(pg_temp.payload('constraint s.t.t_id_not_null'),
    '{"type": "not null", "valid": true, "definition": "NOT NULL id"}', 'every NOT NULL is a constraint');
ALTER TABLE s.t ADD CONSTRAINT loose CHECK (a < 9) NOT ENFORCED;
SELECT is(pg_temp.payload('constraint s.t.loose') -> 'enforced', 'false', 'NOT ENFORCED');
ALTER TABLE s.t ADD COLUMN v integer GENERATED ALWAYS AS (a * 2) VIRTUAL;
SELECT is(pg_temp.payload('column s.t.v'),
    '{"type": "integer", "not_null": false, "generated": "virtual", "expression": "(a * 2)"}', 'a virtual column');
CREATE TABLE s.p (id int4range, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS));
CREATE TABLE s.q (id int4range, at daterange, FOREIGN KEY (id, PERIOD at) REFERENCES s.p (id, PERIOD at));
SELECT is(pg_temp.payload('constraint s.p.p_pkey') -> 'period', 'true', 'WITHOUT OVERLAPS');
SELECT is(pg_temp.payload('constraint s.q.q_id_at_fkey') -> 'period', 'true', 'PERIOD');
CREATE PUBLICATION p FOR TABLE s.t WITH (publish_generated_columns = stored);
SELECT is(pg_temp.payload('publication p') -> 'generated_columns', '"stored"', 'generated columns of a publication');
ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO zoo_reader;
SELECT is(pg_temp.payload('default privileges postgres."large objects"') -> 'grants', '{"zoo_reader": ["SELECT"]}',
    'default privileges on large objects');
\endif
SELECT is(confiture.snapshot() -> 'unmodelled', '[]', 'nothing is missed');

SELECT finish();
ROLLBACK;
