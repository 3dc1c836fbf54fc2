-- confiture.snapshot(): equal schemas give equal values; each change shows in
-- just the facts that it is about.

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
CREATE ROLE zoo_owner;
CREATE ROLE zoo_reader;
CREATE ROLE "zoo ""Writer""";
\ir lib/failure.psql

SELECT plan(123);

-- Order of creation, OIDs, physical order, settings ------------------------------

CREATE FUNCTION pg_temp.hash() RETURNS text LANGUAGE sql AS $$
    SELECT confiture.snapshot_hash(confiture.snapshot('{one,two}'))
$$;
CREATE TEMPORARY TABLE seen (name text, hash text, snapshot jsonb);

CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE TYPE one.color AS ENUM ('red', 'green');
CREATE TABLE one.a (id integer PRIMARY KEY, name text NOT NULL DEFAULT 'x', color one.color, at timestamptz DEFAULT '2020-01-01 12:00+00');
CREATE TABLE two.b (id integer PRIMARY KEY, a_id integer REFERENCES one.a, n double precision DEFAULT 0.1, i interval DEFAULT '36 hours');
CREATE INDEX b_a_id ON two.b (a_id);
CREATE INDEX b_n ON two.b (n) WHERE n > 0.1;
CREATE FUNCTION one.f(one.color) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE VIEW two.v AS SELECT a.id, one.f(a.color) AS f, b.n, b.i > '1 day' AS long FROM one.a JOIN two.b ON b.a_id = a.id;
COMMENT ON TABLE one.a IS 'A';
GRANT SELECT, INSERT ON one.a TO zoo_reader;
GRANT SELECT ON one.a TO zoo_owner;
ALTER TABLE two.b SET (fillfactor = 70, autovacuum_enabled = off);
INSERT INTO seen VALUES ('first', pg_temp.hash(), confiture.snapshot('{one,two}'));

SET LOCAL search_path = one, two, public;
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL intervalstyle = 'iso_8601';
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL extra_float_digits = -5;
SET LOCAL quote_all_identifiers = on;
SET LOCAL bytea_output = 'escape';
SET LOCAL work_mem = '64kB';
SET LOCAL enable_hashjoin = off;
SELECT is(confiture.snapshot('{two,one,two}'), (SELECT snapshot FROM seen WHERE name = 'first'),
    'the settings of a session do not matter, nor the order of the schemas');
SELECT is(pg_temp.hash(), (SELECT hash FROM seen WHERE name = 'first'), 'nor to the hash');
CREATE MATERIALIZED VIEW one.m AS SELECT id FROM one.a;
SELECT ok(NOT confiture.snapshot('{one}') #> '{facts,materialized view one.m}' ? 'filled', 'what is filled is not said to be');
CREATE TEMPORARY TABLE filled AS SELECT pg_temp.hash() AS hash;
REFRESH MATERIALIZED VIEW one.m WITH NO DATA;
SELECT is((SELECT f.filled FROM confiture.snapshot_facts(confiture.snapshot('{one}')) AS f WHERE f.identity = 'materialized view one.m'),
    false, 'a materialized view that was emptied is not filled');
SELECT is(pg_temp.hash(), (SELECT hash FROM filled), 'which does not make another schema');
DROP MATERIALIZED VIEW one.m;
RESET ALL;
SET LOCAL client_min_messages = warning;

DROP SCHEMA one, two CASCADE;
CREATE SCHEMA two;
CREATE TABLE two.b (n double precision, dropped integer, a_id integer, id integer, i interval);
CREATE SCHEMA one;
CREATE TYPE one.color AS ENUM ('green');
ALTER TYPE one.color ADD VALUE 'red' BEFORE 'green';
CREATE FUNCTION one.f(one.color) RETURNS integer LANGUAGE sql AS 'SELECT 2';
CREATE TABLE one.a (color one.color, x integer, id integer NOT NULL);
ALTER TABLE two.b SET (autovacuum_enabled = off, fillfactor = 70);
CREATE INDEX b_n ON two.b (n) WHERE n > 0.1;
ALTER TABLE one.a DROP COLUMN x, ADD COLUMN name text, ADD COLUMN at timestamptz;
ALTER TABLE two.b DROP COLUMN dropped;
ALTER TABLE two.b ADD PRIMARY KEY (id);
ALTER TABLE one.a ADD PRIMARY KEY (id), ALTER name SET NOT NULL, ALTER name SET DEFAULT 'x', ALTER at SET DEFAULT '2020-01-01 12:00+00';
CREATE INDEX b_a_id ON two.b (a_id);
ALTER TABLE two.b ADD FOREIGN KEY (a_id) REFERENCES one.a, ALTER i SET DEFAULT '36 hours', ALTER n SET DEFAULT 0.1;
CREATE VIEW two.v AS SELECT a.id, one.f(a.color) AS f, b.n, b.i > '1 day' AS long FROM one.a JOIN two.b ON b.a_id = a.id;
CREATE OR REPLACE FUNCTION one.f(one.color) RETURNS integer LANGUAGE sql AS 'SELECT 1';
GRANT SELECT ON one.a TO zoo_owner;
GRANT INSERT ON one.a TO zoo_reader;
GRANT SELECT, UPDATE ON one.a TO zoo_reader;
REVOKE UPDATE ON one.a FROM zoo_reader;
-- the same as not having been touched
REVOKE INSERT ON two.b FROM zoo_reader;
COMMENT ON TABLE one.a IS 'B';
COMMENT ON TABLE one.a IS 'A';
SELECT is(pg_temp.hash(), (SELECT hash FROM seen WHERE name = 'first'),
    'the order of creation, dropped columns, physical order and OIDs do not matter');
SELECT is(
    (SELECT jsonb_object_agg(f.identity, to_jsonb(f) - 'position') FROM confiture.snapshot_facts(confiture.snapshot('{one,two}')) AS f),
    (SELECT jsonb_object_agg(f.identity, to_jsonb(f) - 'position') FROM seen, confiture.snapshot_facts(snapshot) AS f),
    'the facts are equal but for the positions of columns');
DROP SCHEMA one, two CASCADE;

-- One change at a time --------------------------------------------------------------

\ir lib/zoo.psql
SET LOCAL client_min_messages = warning;
CREATE TEMPORARY TABLE before AS SELECT f.* FROM confiture.snapshot_facts(confiture.snapshot()) AS f;

-- What a statement adds (+), takes away (-) and alters (~). The statement is undone.
-- Since 18 a NOT NULL is a constraint, too, which is left out here.
CREATE FUNCTION pg_temp.changes(statement text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    result text[];
BEGIN
    BEGIN
        EXECUTE statement;
        SELECT array_agg(CASE WHEN b.identity IS NULL THEN '+' WHEN a.identity IS NULL THEN '-' ELSE '~' END
            || coalesce(a.identity, b.identity) ORDER BY coalesce(a.identity, b.identity) COLLATE "C") INTO result
        FROM confiture.snapshot_facts(confiture.snapshot()) AS a
        FULL JOIN before AS b ON b.identity = a.identity
        WHERE a.hash IS DISTINCT FROM b.hash
            AND coalesce(a.payload, b.payload) ->> 'type' IS DISTINCT FROM 'not null';
        RAISE EXCEPTION 'undo' USING ERRCODE = 'P0UND';
    EXCEPTION WHEN SQLSTATE 'P0UND' THEN
        NULL;
    END;
    RETURN coalesce(result, '{}');
END
$$;

SELECT is(pg_temp.changes(c.statement), c.expected::text[], c.statement)
FROM (VALUES
    ('SELECT 1', '{}'),
    ('CREATE TEMPORARY TABLE t (a integer PRIMARY KEY, b zoo.mood, c serial)', '{}'),
    ('ANALYZE zoo.visit', '{}'),
    ('SELECT nextval(''zoo.numbers'')', '{}'),
    ('INSERT INTO zoo.visit VALUES (DEFAULT)', '{}'),
    ('GRANT ALL ON TABLE zoo.visit TO CURRENT_USER', '{}'),
    ('ALTER TABLE zoo.visit ALTER note SET STORAGE extended', '{}'),
    ('ALTER TABLE zoo.visit ALTER note SET STATISTICS -1', '{}'),
    -- schemas and extensions
    ('CREATE SCHEMA s', '{+owner of schema s,+schema s}'),
    ('ALTER SCHEMA zoo OWNER TO zoo_reader', '{"~owner of schema zoo"}'),
    ('COMMENT ON SCHEMA zoo IS NULL', '{"-comment on schema zoo"}'),
    ('GRANT USAGE ON SCHEMA zoo TO zoo_reader', '{"+grant on schema zoo to zoo_reader"}'),
    ('DROP EXTENSION file_fdw CASCADE', '{"-column zoo.file.line","-comment on extension file_fdw","-extension file_fdw","-foreign table zoo.file","-owner of foreign table zoo.file","-owner of server zoo_files","-server zoo_files"}'),
    ('CREATE EXTENSION tablefunc', '{"+comment on extension tablefunc","+extension tablefunc"}'),
    -- tables
    ('CREATE TABLE zoo.t ()', '{"+owner of table zoo.t","+table zoo.t"}'),
    ('ALTER TABLE zoo.unlogged SET LOGGED', '{"~table zoo.unlogged"}'),
    ('ALTER TABLE zoo.visit SET (fillfactor = 50)', '{"~table zoo.visit"}'),
    ('ALTER TABLE zoo.visit SET (toast.vacuum_truncate = off)', '{"~table zoo.visit"}'),
    ('ALTER TABLE zoo.visit SET WITHOUT CLUSTER', '{"~table zoo.visit"}'),
    ('ALTER TABLE zoo.visit REPLICA IDENTITY NOTHING', '{"~table zoo.visit"}'),
    ('ALTER TABLE zoo.visit ENABLE ROW LEVEL SECURITY', '{"~table zoo.visit"}'),
    ('ALTER TABLE zoo.visit FORCE ROW LEVEL SECURITY', '{"~table zoo.visit"}'),
    ('ALTER TABLE zoo.typed NOT OF', '{"~table zoo.typed"}'),
    ('ALTER TABLE zoo.child NO INHERIT zoo.parent_b', '{"~column zoo.child.c","~table zoo.child"}'),
    ('ALTER TABLE zoo.event_2020 DETACH PARTITION zoo.event_2020_a', '{"~column zoo.event_2020_a.animal_id","~column zoo.event_2020_a.at","~column zoo.event_2020_a.id","~column zoo.event_2020_a.kind","~constraint zoo.event_2020_a.event_animal_id_fkey","~index zoo.event_2020_a_kind_idx","~table zoo.event_2020_a","-trigger zoo.event_2020_a.event_touch"}'),
    ('ALTER TABLE zoo.visit OWNER TO zoo_owner', '{"~owner of table zoo.visit"}'),
    ('COMMENT ON TABLE zoo.visit IS ''x''', '{"+comment on table zoo.visit"}'),
    ('GRANT DELETE ON zoo.animal TO zoo_reader', '{"~grant on table zoo.animal to zoo_reader"}'),
    ('REVOKE SELECT ON zoo.animal FROM PUBLIC', '{"-grant on table zoo.animal to public"}'),
    ('REVOKE DELETE ON zoo.animal FROM zoo_owner', '{"+grant on table zoo.animal to zoo_owner"}'),
    ('GRANT SELECT ON zoo.animal TO zoo_reader WITH GRANT OPTION', '{"~grant on table zoo.animal to zoo_reader"}'),
    -- columns
    ('ALTER TABLE zoo.visit ADD COLUMN x integer', '{"+column zoo.visit.x"}'),
    ('ALTER TABLE zoo.visit DROP COLUMN parent_id', '{"-column zoo.visit.parent_id","-constraint zoo.visit.visit_parent"}'),
    ('ALTER TABLE zoo.parent_b ALTER c TYPE bigint', '{"~column zoo.child.c","~column zoo.parent_b.c"}'),
    ('ALTER TABLE zoo.animal ALTER tags TYPE varchar[]', '{"~column zoo.animal.tags"}'),
    ('ALTER TABLE zoo.animal ALTER tags SET NOT NULL', '{"~column zoo.animal.tags"}'),
    ('ALTER TABLE zoo.animal ALTER tags SET DEFAULT ''{a}''', '{"~default zoo.animal.tags"}'),
    ('ALTER TABLE zoo.animal ALTER tags DROP DEFAULT', '{"-default zoo.animal.tags"}'),
    ('ALTER TABLE zoo.animal ALTER data SET STORAGE main', '{"~column zoo.animal.data"}'),
    ('ALTER TABLE zoo.animal ALTER data SET COMPRESSION default', '{"~column zoo.animal.data"}'),
    ('ALTER TABLE zoo.animal ALTER data SET STATISTICS 7', '{"~column zoo.animal.data"}'),
    ('ALTER TABLE zoo.animal ALTER data SET (n_distinct = 5)', '{"~column zoo.animal.data"}'),
    ('ALTER TABLE zoo.animal ALTER data TYPE text COLLATE "C"', '{"~column zoo.animal.data"}'),
    ('ALTER TABLE zoo.animal ALTER id SET GENERATED BY DEFAULT', '{"~column zoo.animal.id"}'),
    ('ALTER TABLE zoo.animal ALTER id SET INCREMENT 3', '{"~sequence zoo.animal_id_seq"}'),
    ('ALTER TABLE zoo.animal ALTER id DROP IDENTITY', '{"~column zoo.animal.id","-sequence zoo.animal_id_seq"}'),
    ('ALTER TABLE zoo.animal ALTER double_weight DROP EXPRESSION', '{"~column zoo.animal.double_weight"}'),
    ('COMMENT ON COLUMN zoo.visit.note IS ''x''', '{"+comment on column zoo.visit.note"}'),
    ('GRANT SELECT (note) ON zoo.visit TO zoo_reader', '{"+grant on column zoo.visit.note to zoo_reader"}'),
    -- constraints and indexes
    ('ALTER TABLE zoo.animal VALIDATE CONSTRAINT heavy', '{"~constraint zoo.animal.heavy"}'),
    ('ALTER TABLE zoo.visit ALTER CONSTRAINT visit_animal_id_fkey NOT DEFERRABLE', '{"~constraint zoo.visit.visit_animal_id_fkey"}'),
    ('ALTER TABLE zoo.visit DROP CONSTRAINT visit_animal_id_fkey', '{"-constraint zoo.visit.visit_animal_id_fkey"}'),
    ('ALTER TABLE zoo.animal RENAME CONSTRAINT light TO lighter', '{"-comment on constraint zoo.animal.light","+comment on constraint zoo.animal.lighter","-constraint zoo.animal.light","+constraint zoo.animal.lighter"}'),
    ('ALTER INDEX zoo.animal_pkey SET (fillfactor = 50)', '{"~constraint zoo.animal.animal_pkey"}'),
    ('COMMENT ON INDEX zoo.animal_pkey IS NULL', '{"-comment on index zoo.animal_pkey"}'),
    ('CREATE INDEX i ON zoo.visit (note)', '{"+index zoo.i"}'),
    ('ALTER INDEX zoo.animal_lower SET (fillfactor = 50)', '{"~index zoo.animal_lower"}'),
    ('ALTER INDEX zoo.animal_lower ALTER COLUMN 2 SET STATISTICS 9', '{"~index zoo.animal_lower"}'),
    ('ALTER STATISTICS zoo.animal_statistics SET STATISTICS 5', '{"~statistics zoo.animal_statistics"}'),
    ('DROP STATISTICS zoo.animal_expression', '{"-owner of statistics zoo.animal_expression","-statistics zoo.animal_expression"}'),
    -- triggers, rules, policies
    ('ALTER TABLE zoo.animal ENABLE REPLICA TRIGGER touch', '{"~trigger zoo.animal.touch"}'),
    ('ALTER TABLE zoo.event_2020 DISABLE TRIGGER event_touch', '{"~trigger zoo.event_2020.event_touch","~trigger zoo.event_2020_a.event_touch"}'),
    ('DROP TRIGGER later ON zoo.animal', '{"-trigger zoo.animal.later"}'),
    ('ALTER TABLE zoo.animal ENABLE RULE no_delete', '{"~rule zoo.animal.no_delete"}'),
    ('CREATE OR REPLACE RULE no_delete AS ON DELETE TO zoo.animal WHERE old.id = 2 DO INSTEAD NOTHING', '{"~rule zoo.animal.no_delete"}'),
    ('ALTER POLICY own ON zoo.animal TO PUBLIC', '{"~policy zoo.animal.own"}'),
    ('ALTER POLICY own ON zoo.animal USING (true)', '{"~policy zoo.animal.own"}'),
    -- views, sequences
    ('ALTER VIEW zoo.cat RESET (security_invoker)', '{"~view zoo.cat"}'),
    ('ALTER VIEW zoo.cat RESET (check_option)', '{"~view zoo.cat"}'),
    ('ALTER VIEW zoo.cat ALTER mood DROP DEFAULT', '{"-default zoo.cat.mood"}'),
    ('CREATE OR REPLACE VIEW zoo.chain (n) AS SELECT 2', '{"~view zoo.chain"}'),
    ('ALTER MATERIALIZED VIEW zoo.moods SET (fillfactor = 51)', '{"~materialized view zoo.moods"}'),
    ('REFRESH MATERIALIZED VIEW zoo.moods', '{}'),
    ('ALTER SEQUENCE zoo.numbers NO CYCLE', '{"~sequence zoo.numbers"}'),
    ('ALTER SEQUENCE zoo.numbers CACHE 1', '{"~sequence zoo.numbers"}'),
    ('ALTER SEQUENCE zoo.numbers RESTART', '{}'),
    ('ALTER SEQUENCE zoo.unlogged_numbers SET LOGGED', '{"~sequence zoo.unlogged_numbers"}'),
    ('ALTER SEQUENCE zoo.numbers OWNED BY NONE', '{"+owner of sequence zoo.numbers","~sequence zoo.numbers"}'),
    -- types
    ('ALTER TYPE zoo.mood RENAME VALUE ''sad'' TO ''Sad''', '{"~default zoo.cat.mood","~policy zoo.animal.own","~type zoo.mood"}'),
    ('ALTER TYPE zoo.pair DROP ATTRIBUTE third CASCADE', '{"-attribute zoo.pair.third","-column zoo.typed.third","~type zoo.pair"}'),
    ('ALTER DOMAIN zoo.email DROP NOT NULL', '{"~domain zoo.email"}'),
    ('ALTER DOMAIN zoo.email SET DEFAULT ''b@c''', '{"~domain zoo.email"}'),
    ('ALTER DOMAIN zoo.email VALIDATE CONSTRAINT is_short', '{"~domain constraint zoo.email.is_short"}'),
    ('ALTER DOMAIN zoo.email DROP CONSTRAINT has_at', '{"-comment on domain constraint zoo.email.has_at","-domain constraint zoo.email.has_at"}'),
    ('ALTER TYPE zoo.mood OWNER TO zoo_reader', '{"-grant on type zoo.mood to zoo_reader","~owner of type zoo.mood"}'),
    ('GRANT USAGE ON TYPE zoo.pair TO PUBLIC', '{"-grant on type zoo.pair to public"}'),
    ('ALTER TYPE zoo.shell SET (STORAGE = plain, SUBSCRIPT = raw_array_subscript_handler)', '{"~type zoo.shell"}'),
    ('DROP CAST (text AS zoo.mood)', '{"-cast(text AS zoo.mood)","-comment on cast(text AS zoo.mood)"}'),
    ('DROP TYPE zoo.float_range', '{"-owner of type zoo.float_range","-type zoo.float_range"}'),
    -- functions and operators
    ('CREATE OR REPLACE FUNCTION zoo.add(text) RETURNS text LANGUAGE sql RETURN $1 || ''y''', '{"~function zoo.add(text)"}'),
    ('ALTER FUNCTION zoo.add(text) SECURITY DEFINER', '{"~function zoo.add(text)"}'),
    ('ALTER FUNCTION zoo.add(text) STABLE', '{"~function zoo.add(text)"}'),
    ('ALTER FUNCTION zoo.add(text) SET work_mem = ''1MB''', '{"~function zoo.add(text)"}'),
    ('ALTER FUNCTION zoo.add(text) COST 5', '{"~function zoo.add(text)"}'),
    ('ALTER PROCEDURE zoo.run(integer) OWNER TO zoo_owner', '{"~owner of procedure zoo.run(integer)"}'),
    ('REVOKE EXECUTE ON FUNCTION zoo.add(text) FROM zoo_reader', '{"-grant on function zoo.add(text) to zoo_reader"}'),
    ('CREATE OR REPLACE AGGREGATE zoo.total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = ''1'')', '{"~aggregate zoo.total(integer)"}'),
    ('ALTER OPERATOR zoo.=== (zoo.shell, zoo.shell) SET (RESTRICT = NONE)', '{"~operator zoo.\"===\"(zoo.shell, zoo.shell)"}'),
    ('ALTER OPERATOR FAMILY zoo.shell_family USING btree DROP OPERATOR 1 (bigint, integer)', '{"~operator family zoo.shell_family(btree)"}'),
    ('DROP TRANSFORM FOR zoo.mood LANGUAGE plpgsql', '{"-transform(zoo.mood LANGUAGE plpgsql)"}'),
    -- the rest
    ('ALTER TEXT SEARCH DICTIONARY zoo.dictionary (StopWords = russian)', '{"~text search dictionary zoo.dictionary"}'),
    ('ALTER TEXT SEARCH CONFIGURATION zoo.configuration DROP MAPPING FOR word', '{"~text search configuration zoo.configuration"}'),
    ('ALTER FOREIGN DATA WRAPPER zoo_wrapper OPTIONS (DROP debug)', '{"~foreign data wrapper zoo_wrapper"}'),
    ('ALTER SERVER zoo_server OPTIONS (SET host ''b'')', '{"~server zoo_server"}'),
    ('ALTER FOREIGN TABLE zoo.file OPTIONS (SET format ''text'')', '{"~foreign table zoo.file"}'),
    ('ALTER FOREIGN TABLE zoo.file ALTER line OPTIONS (DROP force_not_null)', '{"~column zoo.file.line"}'),
    ('ALTER USER MAPPING FOR zoo_reader SERVER zoo_server OPTIONS (SET password ''y'')', '{}'),
    ('DROP USER MAPPING FOR PUBLIC SERVER zoo_server', '{"-user mapping zoo_server.public"}'),
    ('ALTER PUBLICATION zoo_some SET (publish = ''delete'')', '{"~publication zoo_some"}'),
    ('ALTER PUBLICATION zoo_some SET TABLE zoo.visit', '{"-publication table zoo_some(zoo.child)","-publication table zoo_some(zoo.parent_a)","~publication table zoo_some(zoo.visit)"}'),
    ('ALTER SUBSCRIPTION zoo_subscription CONNECTION ''host=other''', '{}'),
    ('ALTER SUBSCRIPTION zoo_subscription SET (binary = true)', '{"~subscription zoo_subscription"}'),
    ('ALTER EVENT TRIGGER zoo_ddl ENABLE', '{"~event trigger zoo_ddl"}'),
    ('ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner IN SCHEMA zoo REVOKE INSERT ON TABLES FROM zoo_reader', '{"~default privileges zoo.zoo_owner.tables"}'),
    ('ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC', '{"-default privileges zoo_owner.functions"}'),
    ('REVOKE SELECT ON pg_catalog.pg_authid FROM zoo_reader', '{"-grant on table pg_catalog.pg_authid to zoo_reader"}')
) AS c (statement, expected);

SELECT finish();
ROLLBACK;
