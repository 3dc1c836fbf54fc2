-- Drift: what is recorded at the end of a run, and how the live schema differs from that and from a target.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT current_setting('server_version_num')::integer >= 180000 AS is_18 \gset
SELECT no_plan();

CREATE ROLE cf_drift_owner;
CREATE ROLE cf_drift_user;
-- What drift() tells, as lines: severity, origin, change, identity; without what this test itself has made.
CREATE FUNCTION pg_temp.drift(target jsonb DEFAULT NULL, options jsonb DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', d.severity, d.origin, d.change, d.identity) FROM confiture.drift(target, '{"schemas": ["app"]}' || options) AS d
$$;
-- Runs a script as the next migration.
CREATE SEQUENCE pg_temp.versions;
CREATE FUNCTION pg_temp.migrate(up text, down text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM confiture.register_migration(to_char(nextval('pg_temp.versions'), 'FM000'), 'm', up, down);
    PERFORM confiture.migrate_up();
END
$$;
-- Runs something, tells what differs then, and takes it back.
CREATE FUNCTION pg_temp.after(script text, target jsonb DEFAULT NULL, options jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    told text;
BEGIN
    EXECUTE script;
    SELECT string_agg(d, E'\n') INTO told FROM pg_temp.drift(target, options) AS d;
    RAISE EXCEPTION USING ERRCODE = 'P0OK0', MESSAGE = coalesce(told, '(none)');
EXCEPTION WHEN SQLSTATE 'P0OK0' THEN
    RETURN sqlerrm;
END
$$;

-- Nothing is recorded yet.
SELECT is(f.code, 'CF021', 'without a record and a target: an error') FROM pg_temp.failure('SELECT confiture.drift()') AS f;
SELECT ok(f.hint LIKE '%record_schema()%' AND f.detail IS NOT NULL, 'which says what to do') FROM pg_temp.failure('SELECT confiture.drift()') AS f;
SELECT is(f.code, 'CF021', 'also of the check') FROM pg_temp.failure('SELECT confiture.drift_check()') AS f;
SELECT is(confiture.recorded_schema(), NULL, 'recorded_schema(): nothing');
CREATE SCHEMA app;
SELECT is(confiture.drift_check('{}', '{"schemas": ["app"]}') -> 'origin' ->> 'unknown', '1', 'with a target: it can be compared');
SELECT results_eq($$SELECT * FROM pg_temp.drift('{}')$$, $$VALUES ('warning | unknown | added | schema app')$$, 'and is of unknown origin');
DROP SCHEMA app;

-- Recording.
SELECT pg_temp.migrate($$CREATE SCHEMA app; CREATE TABLE app.users (id int PRIMARY KEY, email varchar NOT NULL CHECK (email IN ('a', 'b')), n int DEFAULT 1);
    CREATE INDEX users_n ON app.users (n); CREATE VIEW app.names AS SELECT email FROM app.users; GRANT SELECT ON app.users TO cf_drift_user;
    CREATE FUNCTION app.twice(i int) RETURNS int LANGUAGE sql AS 'SELECT 2 * i'; CREATE TYPE app.mood AS ENUM ('fine');
    CREATE POLICY p ON app.users USING (id > 0); CREATE UNIQUE INDEX users_email ON app.users (email)$$, 'DROP SCHEMA app CASCADE');
SELECT results_eq('SELECT origin, version, apart, snapshot IS NOT NULL, performed_by FROM confiture.schema_record',
    $$VALUES ('up', '001', 0, true, session_user::name)$$, 'migrate_up() records the schema');
SELECT is((SELECT r.hash FROM confiture.schema_record AS r), confiture.snapshot_hash(confiture.snapshot()), 'as it is');
SELECT is((SELECT r.facts FROM confiture.schema_record AS r), (SELECT count(*)::int FROM jsonb_object_keys(confiture.snapshot() -> 'facts')), 'all of it');
SELECT is(confiture.recorded_schema(), confiture.snapshot(), 'recorded_schema()');
SELECT is_empty('SELECT * FROM confiture.drift()', 'no drift');
SELECT is(confiture.drift_check() ->> 'drifted', 'false', 'nor by the check');
SELECT is((SELECT count(*) FROM confiture.migrate_up()), 0::bigint, 'a run that has nothing to do');
SELECT is(count(*), 1::bigint, 'records nothing') FROM confiture.schema_record;
SELECT pg_temp.migrate('ALTER TABLE app.users ADD COLUMN m int');
SELECT pg_temp.migrate('SELECT 1');
SELECT results_eq('SELECT version, snapshot IS NOT NULL FROM confiture.schema_record ORDER BY id', $$VALUES ('001', false), ('002', true), ('003', false)$$,
    'a row for each run; only the newest snapshot is kept, and not twice');
SELECT is(confiture.recorded_schema(), confiture.snapshot(), 'which is the recorded one');
SET LOCAL confiture.record_schema = off;
SELECT pg_temp.migrate('ALTER TABLE app.users ADD COLUMN o int', 'ALTER TABLE app.users DROP COLUMN o');
SELECT is(count(*), 3::bigint, 'record_schema = off: no record') FROM confiture.schema_record;
SELECT is(confiture.drift_check() #>> '{record,stale}', 'true', 'the record is older than the ledger, and says so');
SET LOCAL confiture.record_schema = on;
SELECT is(string_agg(d, ';'), 'warning | by hand | added | column app.users.o', 'what was not recorded looks as if it were done by hand') FROM pg_temp.drift() AS d;
SELECT confiture.migrate_down();
SELECT is(confiture.drift_check() #>> '{record,stale}', 'false', 'the next run records it');
SELECT is(origin || coalesce(version, '-'), 'down003', 'migrate_down() too') FROM confiture.schema_record ORDER BY id DESC LIMIT 1;
SELECT is_empty('SELECT * FROM confiture.drift()', 'nothing is left of it');
SELECT confiture.unregister_migration('004');
SELECT confiture.register_migration('100', 'bad', 'CREATE TABLE app.never (); SELECT 1/0');
SELECT is(f.code, '22012', 'a run that fails') FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT is(max(id), (SELECT max(id) FROM confiture.schema_record WHERE origin = 'down'), 'leaves no record') FROM confiture.schema_record;
SELECT confiture.unregister_migration('100');

-- Each kind of change by hand, with its severity.
SELECT is(pg_temp.after(script), expected, script) FROM (VALUES
    ('DROP TABLE app.users CASCADE', E'critical | by hand | removed | table app.users\ncritical | by hand | removed | view app.names'),
    ('CREATE TABLE app.more (id serial PRIMARY KEY)', 'warning | by hand | added | table app.more'),
    ('CREATE TABLE app.more (id int GENERATED ALWAYS AS IDENTITY)', 'warning | by hand | added | table app.more'),
    ('ALTER TABLE app.users DROP COLUMN n', E'critical | by hand | removed | column app.users.n\nwarning | by hand | removed | index app.users_n'),
    ('DROP POLICY p ON app.users', 'critical | by hand | removed | policy app.users.p'),
    ('ALTER TABLE app.users ADD COLUMN x int', 'warning | by hand | added | column app.users.x'),
    ('ALTER TABLE app.users ALTER n TYPE bigint', E'critical | by hand | changed | column app.users.n'),
    ('ALTER TABLE app.users ALTER m SET NOT NULL', 'critical | by hand | changed | column app.users.m'
        -- a constraint of its own since 18
        || CASE WHEN :'is_18' THEN E'\nwarning | by hand | added | constraint app.users.users_m_not_null' ELSE '' END),
    ('ALTER TABLE app.users ALTER m SET STATISTICS 7', 'info | by hand | changed | column app.users.m'),
    ('ALTER TABLE app.users ALTER email SET STORAGE plain', 'info | by hand | changed | column app.users.email'),
    ('ALTER TABLE app.users ALTER n SET DEFAULT 2', 'warning | by hand | changed | default app.users.n'),
    ('ALTER TABLE app.users DROP CONSTRAINT users_email_check', 'critical | by hand | removed | constraint app.users.users_email_check'),
    ('ALTER TABLE app.users ADD CONSTRAINT c CHECK (n > 0)', 'warning | by hand | added | constraint app.users.c'),
    ('DROP INDEX app.users_n', 'warning | by hand | removed | index app.users_n'),
    ('DROP INDEX app.users_email', 'critical | by hand | removed | index app.users_email'),
    ('ALTER TABLE app.users ENABLE ROW LEVEL SECURITY', 'critical | by hand | changed | table app.users'),
    ('ALTER TABLE app.users SET (fillfactor = 50)', 'info | by hand | changed | table app.users'),
    ('ALTER POLICY p ON app.users USING (true)', 'critical | by hand | changed | policy app.users.p'),
    ('GRANT UPDATE ON app.users TO cf_drift_user', 'critical | by hand | changed | grant on table app.users to cf_drift_user'),
    ('GRANT SELECT ON app.users TO cf_drift_user WITH GRANT OPTION', 'critical | by hand | changed | grant on table app.users to cf_drift_user'),
    ('GRANT SELECT ON app.names TO PUBLIC', 'critical | by hand | added | grant on view app.names to public'),
    ('REVOKE SELECT ON app.users FROM cf_drift_user', 'warning | by hand | removed | grant on table app.users to cf_drift_user'),
    ('REVOKE EXECUTE ON FUNCTION app.twice FROM PUBLIC', 'warning | by hand | added | grant on function app.twice(integer) to public'),
    ('ALTER TABLE app.users OWNER TO cf_drift_owner', 'critical | by hand | changed | owner of table app.users'),
    ('CREATE OR REPLACE FUNCTION app.twice(i int) RETURNS int LANGUAGE sql AS ''SELECT i + i''', 'warning | by hand | changed | function app.twice(integer)'),
    ('CREATE OR REPLACE VIEW app.names AS SELECT email FROM app.users WHERE n > 1', 'warning | by hand | changed | view app.names'),
    ('ALTER VIEW app.names SET (security_invoker = true)', 'critical | by hand | changed | view app.names'),
    ('ALTER TYPE app.mood ADD VALUE ''bad''', 'critical | by hand | changed | type app.mood'),
    ('COMMENT ON TABLE app.users IS ''x''', 'info | by hand | added | comment on table app.users'),
    ('DROP SCHEMA app CASCADE', 'critical | by hand | removed | schema app')) AS t (script, expected);

-- Texts that PostgreSQL writes in two ways are no drift.
SELECT is(pg_temp.after(format('ALTER TABLE app.users DROP CONSTRAINT users_email_check, ADD CONSTRAINT users_email_check %s', pg_get_constraintdef(oid))), '(none)',
    'a constraint that is written in another way') FROM pg_constraint WHERE conname = 'users_email_check';
SELECT is(pg_temp.after('ALTER TABLE app.users DROP CONSTRAINT users_email_check, ADD CONSTRAINT users_email_check CHECK (email IN (''a'', ''c''))'),
    'critical | by hand | changed | constraint app.users.users_email_check', 'but for one that is another');

-- What was done by hand is still known after the next run.
ALTER TABLE app.users ADD COLUMN hot int;
CREATE INDEX users_hot ON app.users (hot);
ALTER TABLE app.users ALTER n SET DEFAULT 3;
DROP VIEW app.names;
SELECT pg_temp.migrate('CREATE TABLE app.cold (id int); ALTER TABLE app.users ALTER n SET DEFAULT 4');
SELECT is(apart, 5, 'it is kept apart') FROM confiture.schema_record ORDER BY id DESC LIMIT 1;
SELECT results_eq('SELECT d FROM pg_temp.drift() AS d', $$VALUES ('critical | by hand | removed | view app.names'),
    ('warning | by hand | added | column app.users.hot'), ('warning | by hand | added | index app.users_hot')$$,
    'what the run has not touched is still by hand, what it has is its own');
SELECT pg_temp.migrate('ALTER TABLE app.users DROP COLUMN hot');
SELECT results_eq('SELECT d FROM pg_temp.drift() AS d', $$VALUES ('critical | by hand | removed | view app.names')$$, 'what a run removes is gone');
SELECT pg_temp.migrate('SELECT 1');
SELECT results_eq('SELECT d FROM pg_temp.drift() AS d', $$VALUES ('critical | by hand | removed | view app.names')$$, 'the rest stays, run after run');
ALTER TABLE app.cold ADD COLUMN later int;
ALTER TABLE app.cold DROP COLUMN id;
SELECT pg_temp.migrate('DROP TABLE app.cold');
SELECT results_eq('SELECT d FROM pg_temp.drift() AS d', $$VALUES ('critical | by hand | removed | view app.names')$$, 'the parts of what a run removes go with it');
SELECT is(confiture.record_schema('we want it so'), 'recorded', 'record_schema()');
SELECT is_empty('SELECT * FROM confiture.drift()', 'accepts it');
SELECT results_eq('SELECT origin, reason, apart FROM confiture.schema_record ORDER BY id DESC LIMIT 1', $$VALUES ('accepted', 'we want it so', 0)$$, 'and says why');
SELECT is(confiture.record_schema(), 'unchanged', 'record_schema(): once is enough');

-- A stamp of the catalogs.
SELECT confiture._catalog_stamp() AS stamp \gset
SELECT is(confiture._catalog_stamp(), :'stamp', 'the stamp of the catalogs');
ANALYZE app.users;
SELECT is(confiture._catalog_stamp(), :'stamp', 'statistics do not change it');
COMMENT ON TABLE app.users IS 'stamped';
SELECT isnt(confiture._catalog_stamp(), :'stamp', 'a comment does');
COMMENT ON TABLE app.users IS NULL;
SELECT confiture._catalog_stamp() AS stamp \gset
CREATE SUBSCRIPTION cf_stamped CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false);
SELECT isnt(confiture._catalog_stamp(), :'stamp', 'a subscription, which all databases share, does');
ALTER SUBSCRIPTION cf_stamped SET (slot_name = NONE);
DROP SUBSCRIPTION cf_stamped;
SELECT is(confiture._catalog_stamp(), confiture._catalog_stamp_seen(), 'what a statement sees is what there is');

-- Against a target.
CREATE TEMP TABLE target AS SELECT confiture.snapshot() AS s;
SELECT is_empty('SELECT pg_temp.drift(s) FROM target', 'a target that is equal');
CREATE FUNCTION pg_temp.both(by_hand text, wanted text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    target jsonb;
    told text;
BEGIN
    BEGIN
        EXECUTE wanted;
        target := confiture.snapshot();
        RAISE EXCEPTION USING ERRCODE = 'P0OK0';
    EXCEPTION WHEN SQLSTATE 'P0OK0' THEN
    END;
    RETURN pg_temp.after(by_hand, target);
END
$$;
SELECT is(pg_temp.both(by_hand, wanted), expected, format('by hand: %s; wanted: %s', by_hand, wanted)) FROM (VALUES
    ('SELECT 1', 'ALTER TABLE app.users ADD x int', 'critical | not applied | added | column app.users.x'),
    ('SELECT 1', 'GRANT UPDATE ON app.users TO cf_drift_user', 'warning | not applied | changed | grant on table app.users to cf_drift_user'),
    ('ALTER TABLE app.users ADD x int', 'SELECT 1', 'warning | by hand | added | column app.users.x'),
    ('ALTER TABLE app.users ADD x int', 'ALTER TABLE app.users ADD x int', 'info | adopted | added | column app.users.x'),
    ('ALTER TABLE app.users ADD x int', 'ALTER TABLE app.users ADD x bigint', 'warning | both | added | column app.users.x'),
    ('ALTER TABLE app.users ALTER n TYPE bigint', 'ALTER TABLE app.users ALTER n TYPE smallint', 'critical | both | changed | column app.users.n'),
    ('CREATE TABLE app.a ()', 'CREATE TABLE app.b ()', E'critical | not applied | added | table app.b\nwarning | by hand | added | table app.a')) AS t (by_hand, wanted, expected);
SELECT is(pg_temp.after('ALTER TABLE app.users OWNER TO cf_drift_owner', s), 'critical | by hand | changed | owner of table app.users', 'the owner, by hand') FROM target;
ALTER TABLE app.users OWNER TO cf_drift_owner;
SELECT confiture.record_schema();
SELECT is_empty('SELECT pg_temp.drift(s) FROM target', 'an owner in the target who is only who has built it');
SELECT results_eq($$SELECT pg_temp.drift(s, '{"owner": ""}') FROM target$$, $$VALUES ('critical | not applied | changed | owner of table app.users')$$, 'unless it is asked for');

-- Details.
ALTER TABLE app.users ALTER n TYPE bigint;
SELECT is(details, '{"recorded": {"type": "integer"}, "live": {"type": "bigint"}}', 'details: only what differs') FROM confiture.drift() WHERE identity = 'column app.users.n';
SELECT is(object, 'table app.users', 'object: what it is a part of') FROM confiture.drift() WHERE identity = 'column app.users.n';
ALTER TABLE app.users ALTER n TYPE integer;
CREATE TABLE app.more (id serial PRIMARY KEY);
SELECT is((details -> 'parts') - 'constraint app.more.more_id_not_null', '["column app.more.id", "constraint app.more.more_pkey", "default app.more.id", "owner of table app.more", "sequence app.more_id_seq"]',
    'details: the parts of what came') FROM confiture.drift() WHERE identity = 'table app.more';
SELECT is(count(*), 6::bigint + (:'is_18')::boolean::integer, 'parts as rows') FROM pg_temp.drift(NULL, '{"parts": true}');

-- What is left alone.
SELECT is((confiture.drift_check(NULL, '{"ignore": ["table app.mo%"]}') - 'record' - 'live_hash')::text,
    '{"count": 0, "origin": {"both": 0, "adopted": 0, "by hand": 0, "unknown": 0, "not applied": 0}, "drifted": false, "highest": null, "ignored": ' || (6 + (:'is_18')::boolean::integer) || ', "severity": {"info": 0, "warning": 0, "critical": 0}, "target_hash": null}',
    'ignored: with all of its parts, and counted');
SET LOCAL confiture.ignore = ' table app.nothing ,table app.m_re';
SELECT is((confiture.drift_check() ->> 'ignored')::integer, 6 + (:'is_18')::boolean::integer, 'by the setting');
SELECT is(confiture._ignored('{"ignore": ["x, y"]}'), '{table app.nothing,table app.m_re,"x, y"}', 'both together');
SET LOCAL confiture.ignore = '';
SELECT is(confiture.drift_check(NULL, '{"equal": ["table app.more"], "schemas": ["app"]}') ->> 'count', (3 + (:'is_18')::boolean::integer)::text, 'equal: this one fact, not its parts');
SELECT is_empty($$SELECT * FROM confiture.drift(NULL, '{"schemas": ["public"]}')$$, 'schemas: another one');
SELECT is(confiture.drift_report() ->> 'highest', 'warning', 'the report: the worst');
SELECT is(jsonb_array_length(confiture.drift_report() -> 'differences'), 1, 'the report: the rows');
SELECT is(confiture.drift_report() #>> '{record,version}', (SELECT max(version) FROM confiture.tb_confiture), 'the report: the record');
DROP TABLE app.more;

-- Bad input.
SELECT is((pg_temp.failure(format('SELECT confiture.drift(%s)', arguments))).code, code, 'refused: ' || arguments) FROM (VALUES
    ('''[]''', '22023'), ('''{"facts": {}}''', '22023'), ('''{"format": 2}''', '0A000'), ('''{"format": 1, "facts": {}, "server_version_num": 90600}''', '0A000'),
    ('NULL, ''[]''', '22023'), ('NULL, ''{"schema": "x"}''', '22023'), ('NULL, ''{"schemas": "app"}''', '22023'), ('NULL, ''{"ignore": [1]}''', '22023'),
    ('NULL, ''{"schemas": ["nowhere"]}''', '3F000'), ('confiture.snapshot(''{app}''), ''{"schemas": ["public"]}''', '22023')) AS t (arguments, code);
UPDATE confiture.schema_record SET snapshot = jsonb_set(snapshot, '{server_version_num}', '90600') WHERE snapshot IS NOT NULL;
SELECT is(f.code, '0A000', 'a record of another major version') FROM pg_temp.failure('SELECT confiture.drift()') AS f;
SELECT ok(f.hint LIKE '%record_schema()%', 'which says how to go on') FROM pg_temp.failure('SELECT confiture.drift()') AS f;
SELECT is(confiture.record_schema(), 'recorded', 'and there is a way');
SELECT is_empty('SELECT * FROM confiture.drift()', 'which works');

-- Nothing fails because of the record.
SAVEPOINT broken;
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no space''; END';
CREATE TRIGGER refuse BEFORE INSERT ON confiture.schema_record FOR EACH ROW EXECUTE FUNCTION public.refuse();
SELECT lives_ok($$SELECT pg_temp.migrate('CREATE TABLE app.applied ()')$$, 'a record that can''t be written is no error');
SELECT has_table('app'::name, 'applied'::name, 'the migration is applied');
SELECT is(confiture.drift_check() #>> '{record,stale}', 'true', 'and drift knows');
ROLLBACK TO broken;
SELECT confiture.register_migration('900', 'b', 'SELECT 1');
ALTER TABLE app.users ADD COLUMN by_hand int;
SELECT confiture.baseline('900');
SELECT is(origin, 'baseline', 'baseline() records the schema') FROM confiture.schema_record ORDER BY id DESC LIMIT 1;
SELECT is_empty('SELECT * FROM confiture.drift()', 'as it is');

-- The rules: each kind of a fact has one for whatever happens to it.
SELECT is_empty($$SELECT kind, change FROM confiture.drift_rules() EXCEPT
    SELECT k, c FROM unnest(string_to_array('*,grant,default privileges,owner,policy,table,view,materialized view,security label,user mapping,foreign table,server,column,attribute,constraint,domain constraint,domain,type,index,trigger,rule,event trigger,default,statistics,comment,publication,publication table,publication schema', ',')) AS k,
        unnest('{added,removed,changed,widened,narrowed,*}'::text[]) AS c$$, 'the rules know no other kinds');
SELECT is(count(*), 0::bigint, 'no rule stands twice') FROM (SELECT FROM confiture.drift_rules() GROUP BY kind, change, key HAVING count(*) > 1) AS twice;
SELECT is(confiture._drift_severity(kind, expected::jsonb, live::jsonb), severity, format('severity of %s: %s, %s', kind, expected, live)) FROM (VALUES
    ('nonsense', NULL, '{}', 'warning'), ('nonsense', '{}', NULL, 'critical'), ('column', '{"type": "a", "statistics": 1}', '{"type": "b", "statistics": 2}', 'critical'),
    ('column', '{"statistics": 1, "other": 1}', '{"statistics": 2, "other": 2}', 'warning'), ('grant', '{"privileges": []}', NULL, 'critical'),
    ('grant', '{"privileges": ["A", "B"]}', '{"privileges": ["A"]}', 'warning'), ('grant', '{"privileges": ["A"]}', '{"privileges": ["B"]}', 'critical'))
    AS t (kind, expected, live, severity);

SELECT * FROM finish();
ROLLBACK;
