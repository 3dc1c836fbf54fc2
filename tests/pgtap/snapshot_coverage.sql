-- confiture.snapshot() misses nothing: every catalog is accounted for, and an
-- object of which no fact tells is reported. Arguments, errors, privileges.

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

SELECT plan(33);

-- Catalogs ----------------------------------------------------------------------

-- What becomes of each catalog that has objects with an OID. A catalog that a
-- new version of PostgreSQL brings is missing here, and must be thought about.
CREATE TEMPORARY TABLE catalog (name text, told_by text);
INSERT INTO catalog VALUES
    ('pg_am', 'access method'), ('pg_attrdef', 'default'), ('pg_cast', 'cast'), ('pg_class', 'table, index, ...'),
    ('pg_collation', 'collation'), ('pg_constraint', 'constraint'), ('pg_conversion', 'conversion'),
    ('pg_default_acl', 'default privileges'), ('pg_event_trigger', 'event trigger'), ('pg_extension', 'extension'),
    ('pg_foreign_data_wrapper', 'foreign data wrapper'), ('pg_foreign_server', 'server'), ('pg_language', 'language'),
    ('pg_namespace', 'schema'), ('pg_opclass', 'operator class'), ('pg_operator', 'operator'),
    ('pg_opfamily', 'operator family'), ('pg_policy', 'policy'), ('pg_proc', 'function, aggregate, ...'),
    ('pg_publication', 'publication'), ('pg_publication_namespace', 'publication schema'),
    ('pg_publication_rel', 'publication table'), ('pg_rewrite', 'rule'), ('pg_statistic_ext', 'statistics'),
    ('pg_subscription', 'subscription'), ('pg_transform', 'transform'), ('pg_trigger', 'trigger'),
    ('pg_ts_config', 'text search configuration'), ('pg_ts_dict', 'text search dictionary'),
    ('pg_ts_parser', 'text search parser'), ('pg_ts_template', 'text search template'), ('pg_type', 'type'),
    ('pg_user_mapping', 'user mapping'),
    -- parts of others
    ('pg_enum', 'type'), ('pg_amop', 'operator class, operator family'), ('pg_amproc', 'operator class, operator family'),
    -- data
    ('pg_largeobject_metadata', NULL),
    -- of the whole server
    ('pg_authid', NULL), ('pg_database', NULL), ('pg_tablespace', NULL), ('pg_parameter_acl', NULL),
    ('pg_auth_members', NULL);
SELECT is_empty($$
    SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'oid'
    WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN (SELECT name FROM catalog)
    $$, 'every catalog with objects is modelled, or left out on purpose');
-- Those without an OID describe objects of the others.
SELECT is_empty($$
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r'
        AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'oid')
        AND c.relname <> ALL (ARRAY[
            -- in payloads and facts
            'pg_aggregate', 'pg_attribute', 'pg_depend', 'pg_description', 'pg_foreign_table', 'pg_index',
            'pg_inherits', 'pg_init_privs', 'pg_partitioned_table', 'pg_range', 'pg_seclabel', 'pg_sequence',
            'pg_shdepend', 'pg_ts_config_map',
            -- data and state
            'pg_largeobject', 'pg_statistic', 'pg_statistic_ext_data', 'pg_subscription_rel',
            -- of the whole server, or settings of databases and roles
            'pg_auth_members', 'pg_db_role_setting', 'pg_replication_origin', 'pg_shdescription', 'pg_shseclabel'])
    $$, 'so is every other catalog');
SELECT is_empty($$
    SELECT DISTINCT k.class::regclass FROM (
        SELECT classid FROM pg_depend UNION SELECT refclassid FROM pg_depend
        UNION SELECT classid FROM pg_shdepend WHERE dbid <> 0 UNION SELECT refclassid FROM pg_shdepend
        UNION SELECT classoid FROM pg_description UNION SELECT classoid FROM pg_seclabel) AS k (class)
    WHERE k.class <> 0 AND k.class::regclass::text NOT IN (SELECT name FROM catalog)
        AND k.class <> 'pg_largeobject'::regclass
    $$, 'every class of pg_depend and the like is known');
SELECT is_empty($$
    SELECT name FROM catalog WHERE told_by !~ ',' AND told_by NOT IN (
        SELECT kind FROM confiture.snapshot_facts(confiture.snapshot())) $$, 'and has a fact in the zoo');

-- An object that is not modelled ---------------------------------------------------

SET LOCAL allow_system_table_mods = on;
SELECT is(confiture.snapshot() -> 'unmodelled', '[]', 'nothing is missed so far');
SELECT lo_create(77777);
COMMENT ON LARGE OBJECT 77777 IS 'data';
GRANT SELECT ON LARGE OBJECT 77777 TO zoo_reader;
CREATE TEMPORARY TABLE temporary (a zoo.mood PRIMARY KEY, b serial, c text DEFAULT zoo.add('x'), CHECK (c <> ''));
CREATE TEMPORARY VIEW temporary_view AS SELECT * FROM temporary;
CREATE FUNCTION pg_temp.f(temporary) RETURNS void LANGUAGE sql AS '';
CREATE TYPE pg_temp.t AS (a temporary);
CREATE SEQUENCE pg_temp.s;
SELECT is(confiture.snapshot() -> 'unmodelled', '[]', 'large objects are data, what is temporary does not count');
SELECT is_empty($$ SELECT identity FROM confiture.snapshot_facts(confiture.snapshot())
    WHERE identity ~ 'temporary|pg_temp' $$, 'and is told nowhere');
INSERT INTO pg_depend VALUES
    ('pg_tablespace'::regclass, 88888, 0, 'pg_class'::regclass, 'zoo.animal'::regclass, 0, 'n'),
    ('pg_authid'::regclass, 'zoo_reader'::regrole, 0, 'pg_class'::regclass, 'zoo.animal'::regclass, 0, 'a');
SELECT is(confiture.snapshot() -> 'unmodelled', '["pg_authid: zoo_reader", "pg_tablespace: 88888"]',
    'an object of a class that is not modelled is reported, whatever it depends on');
SELECT isnt(confiture.snapshot_hash(confiture.snapshot()),
    confiture.snapshot_hash(confiture.snapshot() || '{"unmodelled": []}'), 'and the hash tells');
DELETE FROM pg_depend WHERE classid IN ('pg_tablespace'::regclass, 'pg_authid'::regclass);
INSERT INTO pg_seclabel VALUES ('zoo.visit'::regclass, 'pg_class'::regclass, 0, 'pro vider', 'top');
SELECT is((SELECT f.role || ' ' || f.parent || ' ' || f.payload FROM confiture.snapshot_facts(confiture.snapshot()) AS f
        WHERE f.identity = 'security label on table zoo.visit by "pro vider"'), 'pro vider table zoo.visit {"label": "top"}',
    'a security label');
COMMENT ON TYPE zoo.visit IS 'The type of a row';
SELECT is((SELECT parent FROM confiture.snapshot_facts(confiture.snapshot()) WHERE identity = 'comment on type zoo.visit'),
    'table zoo.visit', 'a comment on a part of a fact is told');
SELECT is((SELECT count(*) FROM confiture.snapshot_facts(confiture.snapshot()) AS f JOIN pg_depend AS d
        ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND f.kind IN ('table', 'view', 'sequence') AND f.schema || '.' || f.name = d.objid::regclass::text), 0::bigint,
    'what belongs to an extension is not told');

-- Schemas -------------------------------------------------------------------------

SELECT is((SELECT array_agg(DISTINCT schema) FROM confiture.snapshot_facts(confiture.snapshot('{"Zoo.\"ü\""}'))),
    '{"Zoo.\"ü\""}', 'one schema');
SELECT is(confiture.snapshot('{public,zoo,public}') -> 'schemas', '["public", "zoo"]', 'the schemas are told, in order');
SELECT is((SELECT array_agg(DISTINCT kind) FROM confiture.snapshot_facts(confiture.snapshot('{public}'))),
    '{comment,grant,owner,schema}', 'extensions and the like are in no schema');
SELECT is((SELECT array_agg(DISTINCT d) FROM confiture.snapshot_facts(confiture.snapshot('{zoo}')) AS f,
        jsonb_object_keys(f.depends) AS d WHERE d !~ ' zoo'), NULL, 'dependencies outside are left out');
SELECT is((SELECT jsonb_object_agg(f.identity, f.hash) FROM confiture.snapshot_facts(confiture.snapshot('{zoo}')) AS f),
    (SELECT jsonb_object_agg(f.identity, f.hash) FROM confiture.snapshot_facts(confiture.snapshot()) AS f WHERE f.schema = 'zoo'),
    'the facts are the same');

-- Errors --------------------------------------------------------------------------

SELECT is(f.code || ': ' || f.message || '; ' || f.hint, e.expected, e.statement)
FROM (VALUES
    ('SELECT confiture.snapshot(''{nowhere}'')', '3F000: schema "nowhere" does not exist; Names are written as they are, without quotes.'),
    ('SELECT confiture.snapshot(''{}'')', '22023: no schema is given; NULL is for all schemas.'),
    ('SELECT confiture.snapshot(''{public,NULL}'')', '22004: a name among the schemas is null; Give names of schemas.'),
    ('SELECT confiture.snapshot_hash(NULL)', '22023: this is not a snapshot; Give what confiture.snapshot() has returned.'),
    ('SELECT confiture.snapshot_hash(''[]'')', '22023: this is not a snapshot; Give what confiture.snapshot() has returned.'),
    ('SELECT confiture.snapshot_hash(''{"format": 1}'')', '22023: this is not a snapshot; Give what confiture.snapshot() has returned.'),
    ('SELECT confiture.snapshot_facts(''{"facts": {}}'')', '22023: this is not a snapshot; Give what confiture.snapshot() has returned.'),
    ('SELECT confiture.snapshot_hash(''{"format": 2, "facts": []}'')', '0A000: the snapshot has format 2, this version of Confiture reads format 1; Take it again with the version that is to read it.')
) AS e (statement, expected), LATERAL pg_temp.failure(e.statement) AS f;
SELECT is((pg_temp.failure('SELECT confiture.snapshot_facts(''{"format": 2, "extension_version": "9.9", "facts": []}'')')).detail,
    'It was taken by Confiture 9.9.', 'a newer format says by whom');
SELECT is(confiture.snapshot_hash('{"format": 1, "facts": {}}'), encode(sha256(''), 'hex'), 'the hash of nothing');
SELECT is(confiture.snapshot_hash('{"format": 1, "facts": {"bb": {"hash": "1"}, "a": {"hash": "2"}}}'),
    encode(sha256(E'a\n2\nbb\n1\n'), 'hex'), 'the hash is that of identities and hashes');

-- Any role --------------------------------------------------------------------------

SELECT confiture.grant_usage('zoo_reader', 'reader');
CREATE TEMPORARY TABLE taken AS SELECT confiture.snapshot() AS snapshot;
GRANT SELECT ON taken TO zoo_reader;
SET LOCAL ROLE zoo_reader;
SELECT is((SELECT confiture.snapshot() = snapshot FROM taken)::text, 'true', 'any role sees the same');
SELECT is(confiture.snapshot_hash(confiture.snapshot()), (SELECT confiture.snapshot_hash(snapshot) FROM taken),
    'and has the same hash');
RESET ROLE;
SET LOCAL ROLE zoo_owner;
SELECT is((pg_temp.failure('SELECT confiture.snapshot()')).code, '42501', 'but for those that may not use Confiture');
RESET ROLE;

-- Read-only ---------------------------------------------------------------------------

CREATE TEMPORARY TABLE locked AS SELECT l.relation, l.mode FROM pg_locks AS l WHERE l.pid = pg_backend_pid();
SET LOCAL transaction_read_only = on;
SELECT isnt(confiture.snapshot() -> 'facts', NULL, 'works in a read-only transaction, as on a standby');
SELECT is_empty($$ SELECT l.relation::regclass, l.mode FROM pg_locks AS l
    WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode <> 'AccessShareLock'
        AND l.relation <> 'locked'::regclass
    EXCEPT SELECT relation, mode FROM locked $$, 'takes no lock that anybody waits for');

SELECT finish();
ROLLBACK;
