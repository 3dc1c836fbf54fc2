-- confiture.snapshot(): every kind of object, what is told of it, and what is not.

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
CREATE ROLE zoo_owner;
CREATE ROLE zoo_reader;
CREATE ROLE "zoo ""Writer""";
\ir lib/failure.psql
\ir lib/zoo.psql
SET LOCAL client_min_messages = warning;

SELECT plan(118);

CREATE TEMPORARY TABLE taken AS SELECT confiture.snapshot() AS snapshot;
CREATE TEMPORARY TABLE fact AS SELECT f.* FROM taken, confiture.snapshot_facts(snapshot) AS f;

-- The value -------------------------------------------------------------------

SELECT is((SELECT array_agg(k ORDER BY k) FROM taken, jsonb_object_keys(snapshot) AS k),
    '{extension_version,facts,format,server_version_num,unmodelled}', 'its keys');
SELECT is((SELECT snapshot -> 'format' FROM taken), '1', 'its format');
SELECT is((SELECT snapshot ->> 'server_version_num' FROM taken), current_setting('server_version_num'), 'its server');
SELECT is((SELECT snapshot ->> 'extension_version' FROM taken), confiture.version(), 'its extension');
SELECT is((SELECT snapshot -> 'unmodelled' FROM taken), '[]', 'of everything in the zoo a fact tells');
SELECT set_eq('SELECT kind FROM fact', ARRAY[
    'access method', 'aggregate', 'attribute', 'cast', 'collation', 'column', 'comment', 'constraint', 'conversion',
    'default', 'default privileges', 'domain', 'domain constraint', 'event trigger', 'extension',
    'foreign data wrapper', 'foreign table', 'function', 'grant', 'index', 'language', 'materialized view',
    'operator', 'operator class', 'operator family', 'owner', 'policy', 'procedure', 'publication',
    'publication schema', 'publication table', 'rule', 'schema', 'sequence', 'server', 'statistics', 'subscription',
    'table', 'text search configuration', 'text search dictionary', 'text search parser', 'text search template',
    'transform', 'trigger', 'type', 'user mapping', 'view'], 'the zoo has every kind');
SELECT is_empty($$ SELECT identity FROM fact
    WHERE hash <> encode(sha256(convert_to(payload::text, 'UTF8')), 'hex') $$, 'a hash is that of the payload');
SELECT is_empty($$ SELECT identity, parent FROM fact AS f
    WHERE parent IS NOT NULL AND kind <> 'grant' AND NOT EXISTS (SELECT FROM fact AS p WHERE p.identity = f.parent) $$,
    'parents are facts');
SELECT is((SELECT array_agg(f.identity ORDER BY f.identity) FROM fact AS f
        WHERE kind = 'grant' AND NOT EXISTS (SELECT FROM fact AS p WHERE p.identity = f.parent)),
    ARRAY['grant on function zoo.citext_hash(zoo.citext) to public', 'grant on table pg_catalog.pg_authid to zoo_reader'],
    'grants on objects of extensions and of the system are told when they were changed');
SELECT is_empty($$ SELECT f.identity, d FROM fact AS f, jsonb_object_keys(f.depends) AS d
    WHERE NOT EXISTS (SELECT FROM fact AS p WHERE p.identity = d) $$, 'dependencies are facts');
SELECT is_empty($$ SELECT identity FROM fact AS f WHERE f.depends ? f.identity $$, 'nothing depends on itself');
SELECT is_empty($$ SELECT identity FROM fact WHERE parent IS NULL AND kind IN (
    'column', 'attribute', 'default', 'constraint', 'domain constraint', 'index', 'trigger', 'rule', 'policy',
    'statistics', 'table', 'view', 'type', 'function', 'comment', 'owner', 'grant') $$, 'parts have parents');
SELECT is((SELECT identity FROM fact WHERE kind = 'column' AND schema = 'Zoo."ü"' AND part = 'Col."umn'),
    'column "Zoo.""ü"""."Tab.le ""x"""."Col.""umn"', 'names are quoted in identities, and plain apart');
SELECT is((SELECT length(part) FROM fact WHERE kind = 'column' AND part ~ '^a{60}'), 63, 'a name of 63 bytes');
SELECT is((SELECT array_agg(part ORDER BY "position") FROM fact WHERE parent = 'table zoo.animal' AND "position" <= 3),
    '{id,code,kind}', 'positions do not count dropped columns');
SELECT is((SELECT max("position") FROM fact WHERE parent = 'table zoo.animal')::text, '16', 'positions are dense');
SELECT is((SELECT count("position") FROM fact WHERE kind <> 'column'), 0::bigint, 'only columns have one');

-- What is told of each kind -----------------------------------------------------

SELECT ok((SELECT f.payload @> e.payload::jsonb FROM fact AS f WHERE f.identity = e.identity),
    format('%s: %s', e.identity, coalesce((SELECT f.payload::text FROM fact AS f WHERE f.identity = e.identity), 'missing')))
FROM (VALUES
    ('schema zoo', '{}'),
    ('table zoo.animal', '{"options": {"fillfactor": "70", "autovacuum_enabled": "off"}, "row_security": true, "access_method": "heap", "force_row_security": true, "toast_options": {"autovacuum_enabled": "off"}, "replica_identity": "full"}'),
    ('table zoo.visit', '{"replica_identity": "index", "replica_identity_index": "visit_pkey", "cluster_on": "visit_pkey"}'),
    ('table zoo.unlogged', '{"persistence": "unlogged"}'),
    ('table zoo.typed', '{"of_type": "zoo.pair"}'),
    ('table zoo.other_method', '{"access_method": "zoo_heap"}'),
    ('table zoo.no_column', '{}'),
    ('table zoo.child', '{"inherits": ["zoo.parent_a", "zoo.parent_b"]}'),
    ('table zoo.event', '{"partition_by": "RANGE (at, lower(kind))"}'),
    ('table zoo.event_2020', '{"partition_of": "zoo.event", "partition_by": "LIST (kind)", "partition_bound": "FOR VALUES FROM (''2020-01-01 00:00:00+00'', MINVALUE) TO (''2021-01-01 00:00:00+00'', MINVALUE)"}'),
    ('table zoo.event_2020_a', '{"partition_bound": "FOR VALUES IN (''a'', NULL)"}'),
    ('table zoo.event_rest', '{"partition_bound": "DEFAULT"}'),
    ('table zoo.hashed_1', '{"partition_bound": "FOR VALUES WITH (modulus 2, remainder 1)"}'),
    ('column zoo.animal.id', '{"type": "bigint", "identity": "always", "not_null": true}'),
    ('column zoo.animal.code', '{"type": "character varying(20)", "collation": "pg_catalog.\"C\"", "statistics": 500, "options": {"n_distinct": "-0.5", "n_distinct_inherited": "-0.5"}}'),
    ('column zoo.animal.weight', '{"type": "numeric(8,3)", "not_null": false}'),
    ('column zoo.animal.double_weight', '{"generated": "stored", "expression": "(weight * (2)::numeric)"}'),
    ('column zoo.animal.data', '{"storage": "external", "compression": "pglz"}'),
    ('column zoo.animal.name', '{"type": "zoo.citext"}'),
    ('column zoo.animal."from"', '{"type": "zoo.pair"}'),
    ('column zoo.child.b', '{"inherited": true, "local": true}'),
    ('column zoo.child.c', '{"inherited": true, "local": false}'),
    ('column zoo.cat."Code"', '{"type": "character varying(20)"}'),
    ('column zoo.file.line', '{"foreign_options": {"force_not_null": "true"}}'),
    ('attribute zoo.pair."Right"', '{"type": "text", "collation": "pg_catalog.\"C\""}'),
    ('default zoo.animal.kind', '{"expression": "''cat''::character varying"}'),
    ('default zoo.animal.since', '{"expression": "''2020-01-01 00:00:00+00''::timestamp with time zone"}'),
    ('default zoo.animal.every', '{"expression": "''1 day 02:00:00''::interval"}'),
    ('default zoo.animal.number', '{"expression": "nextval(''zoo.numbers''::regclass)"}'),
    ('default zoo.cat.mood', '{"expression": "''sad''::zoo.mood"}'),
    ('constraint zoo.animal.animal_pkey', '{"type": "primary key", "definition": "PRIMARY KEY (id) INCLUDE (code)", "options": {"fillfactor": "80"}}'),
    ('constraint zoo.animal.animal_code', '{"type": "unique", "definition": "UNIQUE NULLS NOT DISTINCT (code) DEFERRABLE INITIALLY DEFERRED", "deferrable": true, "deferred": true}'),
    ('constraint zoo.animal.no_overlap', '{"type": "exclusion", "definition": "EXCLUDE USING gist (period WITH &&) WHERE ((id > 0))"}'),
    ('constraint zoo.animal.light', '{"type": "check", "no_inherit": true, "valid": true}'),
    ('constraint zoo.animal.heavy', '{"type": "check", "valid": false, "definition": "CHECK ((weight > (0)::numeric))"}'),
    ('constraint zoo.visit.visit_animal_id_fkey', '{"type": "foreign key", "deferrable": true, "definition": "FOREIGN KEY (animal_id) REFERENCES zoo.animal(id) ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE"}'),
    ('constraint zoo.visit.visit_parent', '{"valid": false, "definition": "FOREIGN KEY (parent_id) REFERENCES zoo.visit(id) ON DELETE CASCADE"}'),
    ('constraint zoo.child.parent_a_a_check', '{"inherited": true, "local": false}'),
    ('index zoo.animal_lower', '{"unique": false, "valid": true, "statistics": {"2": 50}, "definition": "CREATE INDEX animal_lower ON zoo.animal USING btree (lower((code)::text) text_pattern_ops DESC NULLS LAST, ((weight + (1)::numeric))) INCLUDE (kind) WITH (fillfactor=''60'') WHERE ((kind)::text = ''cat''::text)"}'),
    ('index zoo.hashed_only', '{"valid": false}'),
    ('index zoo.event_rest_kind_idx', '{"partition_of": "zoo.event_kind"}'),
    ('trigger zoo.animal.touch', '{"enabled": "disabled"}'),
    ('trigger zoo.animal.later', '{"enabled": "always", "constraint": true}'),
    ('trigger zoo.event_rest.event_touch', '{"enabled": "disabled", "inherited": true}'),
    ('rule zoo.animal.no_delete', '{"enabled": "disabled"}'),
    ('policy zoo.animal.own', '{"command": "update", "permissive": false, "roles": ["zoo \"Writer\"", "zoo_reader"], "using": "(mood = ''ok''::zoo.mood)", "check": "(mood <> ''sad''::zoo.mood)"}'),
    ('policy zoo.animal.all_of_them', '{"command": "all", "permissive": true, "roles": ["public"]}'),
    ('statistics zoo.animal_statistics', '{"statistics": 77}'),
    ('view zoo.cat', '{"options": {"security_invoker": "true", "security_barrier": "true", "check_option": "local"}}'),
    ('materialized view zoo.moods', '{"options": {"fillfactor": "50"}, "access_method": "heap"}'),
    ('sequence zoo.numbers', '{"type": "smallint", "increment": 5, "minimum": -10, "start": 5, "cache": 3, "cycle": true, "owned_by": "zoo.animal.number"}'),
    ('sequence zoo.animal_id_seq', '{"identity": true, "owned_by": "zoo.animal.id", "start": 100, "increment": 10}'),
    ('sequence zoo.unlogged_numbers', '{"persistence": "unlogged"}'),
    ('type zoo.mood', '{"type": "enum", "labels": ["sad", "meh", "ok", "it''s \"happy\""]}'),
    ('type zoo.pair', '{"type": "composite", "attributes": ["left_side", "Right", "third"]}'),
    ('type zoo.float_range', '{"type": "range", "subtype": "double precision", "subtype_diff": "zoo.float_difference", "multirange": "zoo.float_ranges"}'),
    ('type zoo.shell', '{"type": "base", "input": "zoo.base_in", "default": "7", "delimiter": ";", "category": "N"}'),
    ('type zoo.only_a_shell', '{"type": "shell"}'),
    ('domain zoo.email', '{"type": "text", "collation": "pg_catalog.\"C\"", "not_null": true, "default": "''a@b''::text"}'),
    ('domain constraint zoo.email.is_short', '{"valid": false, "definition": "CHECK ((length(VALUE) < 100))"}'),
    ('collation zoo.german', '{"provider": "icu", "deterministic": false, "locale": "de-u-co-phonebk"}'),
    ('conversion zoo.latin', '{"source": "LATIN1", "target": "UTF8"}'),
    ('cast(text AS zoo.mood)', '{"function": "zoo.mood_of(text)", "context": "implicit", "method": "function"}'),
    ('cast(zoo.shell AS integer)', '{"method": "binary", "context": "explicit"}'),
    ('transform(zoo.mood LANGUAGE plpgsql)', '{"from_sql": "zoo.mood_from(internal)"}'),
    ('function zoo.add(integer, integer, integer[])', '{"language": "sql", "arguments": "a integer, b integer DEFAULT 1, VARIADIC more integer[] DEFAULT ''{}''::integer[]", "result": "integer"}'),
    ('function zoo.nth()', '{"window": true}'),
    ('procedure zoo.run(integer)', '{"arguments": "INOUT n integer"}'),
    ('aggregate zoo.total(integer)', '{"sfunc": "int4pl", "msfunc": "int4pl", "minvfunc": "int4mi", "combinefunc": "int4pl", "sspace": 8, "parallel": "safe", "initcond": "0"}'),
    ('aggregate zoo.middle(double precision, double precision)', '{"kind": "ordered set", "direct_arguments": 1}'),
    ('aggregate zoo.greatest_of(integer)', '{"sortop": "pg_catalog.>"}'),
    ('operator zoo."==="(zoo.shell, zoo.shell)', '{"function": "zoo.equal", "commutator": "zoo.===", "hashes": true, "merges": true, "restrict": "eqsel"}'),
    ('operator family zoo.shell_family(btree)', '{"items": [{"kind": "operator", "name": "pg_catalog.<(bigint,integer)", "number": 1}]}'),
    ('operator class zoo.shell_class(btree)', '{"default": true, "family": "zoo.shell_family", "items": [{"number": 1, "name": "zoo.compare(zoo.shell,zoo.shell)"}]}'),
    ('language zoo_language', '{"trusted": true, "handler": "zoo.handler"}'),
    ('access method zoo_heap', '{"type": "table", "handler": "heap_tableam_handler"}'),
    ('extension citext', '{"schema": "zoo"}'),
    ('text search configuration zoo.configuration', '{"parser": "zoo.parser", "mappings": {"word": ["zoo.dictionary", "pg_catalog.simple"]}}'),
    ('text search dictionary zoo.dictionary', '{"template": "zoo.template"}'),
    ('server zoo_server', '{"wrapper": "zoo_wrapper", "options": {"host": "a", "port": "1"}}'),
    ('user mapping zoo_server.zoo_reader', '{}'),
    ('user mapping zoo_server.public', '{}'),
    ('foreign table zoo.file', '{"server": "zoo_files", "foreign_options": {"format": "csv"}}'),
    ('publication zoo_some', '{"publish": ["insert", "update"], "via_partition_root": true, "all_tables": false}'),
    ('publication table zoo_some(zoo.visit)', '{"columns": ["id", "note"], "where": "(note IS NOT NULL)"}'),
    ('publication schema zoo_schema(zoo)', '{"schema": "zoo"}'),
    ('subscription zoo_subscription', '{"publications": ["a", "b"], "enabled": false}'),
    ('event trigger zoo_ddl', '{"event": "ddl_command_end", "tags": ["ALTER TABLE", "CREATE TABLE"], "enabled": "disabled"}'),
    ('default privileges zoo_owner.functions', '{"grants": {"public": []}}'),
    ('default privileges zoo.zoo_owner.tables', '{"grants": {"zoo_reader": ["INSERT with grant option", "SELECT with grant option"]}}')
) AS e (identity, payload);

-- Owners, grants, comments ------------------------------------------------------

SELECT is((SELECT array_agg(identity ORDER BY identity COLLATE "C") FROM fact WHERE kind = 'owner' AND role = 'zoo_owner'),
    ARRAY['owner of function zoo.touch()', 'owner of schema zoo', 'owner of table zoo.animal', 'owner of type zoo.mood'],
    'owners; what belongs to a table has that one''s');
SELECT is((SELECT payload FROM fact WHERE identity = 'grant on function zoo.add(text) to zoo_reader'),
    '{"privileges": ["EXECUTE"], "grantable": ["EXECUTE"]}', 'a grant with grant option');
SELECT is((SELECT payload FROM fact WHERE identity = 'grant on function zoo.add(text) to public'),
    '{"privileges": []}', 'what everybody has by default, and was taken away');
SELECT is((SELECT payload FROM fact WHERE identity = 'grant on column zoo.animal.code to zoo_reader'),
    '{"privileges": ["UPDATE"], "grantable": ["UPDATE"]}', 'a grant on a column');
SELECT is((SELECT count(*) FROM fact WHERE kind = 'grant' AND role = 'zoo_owner'), 0::bigint,
    'what an owner has by default is not told');
SELECT is((SELECT payload ->> 'text' FROM fact WHERE identity = 'comment on index zoo.animal_pkey'),
    'The index of a constraint', 'a comment on the index of a constraint');
SELECT is((SELECT parent FROM fact WHERE identity = 'comment on index zoo.animal_pkey'),
    'constraint zoo.animal.animal_pkey', 'which is that of the constraint');

-- What is not told ------------------------------------------------------------------

SELECT is((SELECT strpos(snapshot::text, 'zoo secret') FROM taken), 0, 'no secrets');
SELECT is((SELECT strpos(snapshot::text, 'pg_attver') FROM taken), 0, 'no private options');
SELECT is((SELECT count(*) FROM fact WHERE identity ~ '\mconfiture\M'), 0::bigint, 'nothing of Confiture''s');
SELECT is((SELECT array_agg(identity) FROM fact WHERE identity ~ 'citext' AND kind NOT IN ('extension', 'comment', 'grant', 'owner')),
    NULL, 'no members of extensions');

SELECT finish();
ROLLBACK;
