-- Registering migrations, and what scripts consist of: checksum(),
-- sort_versions(), statements().
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(82);

-- The shape of the functions is a contract.
SELECT is(pg_get_function_arguments('confiture.register_migration'::regproc),
    'version text, name text, up text, down text DEFAULT NULL::text, language text DEFAULT ''sql''::text, depends_on text[] DEFAULT ''{}''::text[]',
    'register_migration(): arguments');
SELECT is(pg_get_function_result('confiture.register_migration'::regproc), 'text', 'register_migration(): result');
SELECT is(pg_get_function_arguments('confiture.register_migrations'::regproc),
    'migrations jsonb, on_modified text DEFAULT ''error''::text, prune boolean DEFAULT false',
    'register_migrations(): arguments');
SELECT is(pg_get_function_result('confiture.register_migrations'::regproc), 'TABLE(version text, result text)',
    'register_migrations(): result');
SELECT is(pg_get_function_result('confiture.unregister_migration'::regproc), 'boolean', 'unregister_migration(): result');
SELECT is(pg_get_function_result('confiture.checksum'::regproc), 'text', 'checksum(): result');
SELECT is(pg_get_function_result('confiture.sort_versions'::regproc), 'text[]', 'sort_versions(): result');
SELECT is(pg_get_function_arguments('confiture.statements'::regproc),
    'script text, OUT ordinal integer, OUT line integer, OUT statement text, OUT command text, OUT objects jsonb, OUT needs_top_level boolean',
    'statements(): arguments and columns');
SELECT is(confiture.version(), (SELECT extversion FROM pg_extension WHERE extname = 'confiture'),
    'version(): the library and the SQL objects are of one version');

-- One migration.
SELECT is(confiture.register_migration('001', 'users', 'CREATE TABLE users (id int)'), 'added', 'a new one is added');
SELECT is(confiture.register_migration('001', 'users', 'CREATE TABLE users (id int)'), 'unchanged', 'the same again is unchanged');
SELECT is(confiture.register_migration('001', 'users', 'CREATE TABLE users (id bigint)'), 'replaced', 'another up text replaces');
SELECT is(confiture.register_migration('001', 'users', 'CREATE TABLE users (id bigint)', 'DROP TABLE users'), 'replaced', 'another down text replaces');
SELECT is(confiture.register_migration('001', 'people', 'CREATE TABLE users (id bigint)', 'DROP TABLE users'), 'replaced', 'another name replaces');
SELECT is(confiture.register_migration('001', 'people', 'CREATE TABLE users (id bigint)', 'DROP TABLE users', depends_on => '{000}'), 'replaced',
    'other dependencies replace');
SELECT is(confiture.register_migration('001', 'people', 'CREATE TABLE users (id bigint)', 'DROP TABLE users', depends_on => '{000,000}'), 'unchanged',
    'a dependency counts once');
SELECT is(confiture.register_migration('001', 'people', 'CREATE TABLE users (id bigint)', 'DROP TABLE users'), 'replaced', 'and back');
SELECT results_eq($$SELECT up, down, language, depends_on FROM confiture.migration$$,
    $$VALUES ('CREATE TABLE users (id bigint)'::text, 'DROP TABLE users'::text, 'sql'::text, '{}'::text[])$$,
    'what is stored is what was given last');
SELECT is((SELECT registered_by FROM confiture.migration), session_user::name, 'who registered it is kept');

-- What is refused.
SELECT is((f).code, expected_code, what) FROM (VALUES
    ('22023', 'a version with a blank', $$SELECT confiture.register_migration('a b', 'x', '')$$),
    ('22023', 'an empty version', $$SELECT confiture.register_migration('', 'x', '')$$),
    ('22023', 'a version that starts with a dash', $$SELECT confiture.register_migration('-1', 'x', '')$$),
    ('22023', 'a version with a quote', $$SELECT confiture.register_migration('1''2', 'x', '')$$),
    ('22023', 'a version with a line end', $$SELECT confiture.register_migration(E'1\n', 'x', '')$$),
    ('22023', 'a version of 201 characters', $$SELECT confiture.register_migration(repeat('1', 201), 'x', '')$$),
    ('22023', 'no version', $$SELECT confiture.register_migration(NULL, 'x', '')$$),
    ('22023', 'an empty name', $$SELECT confiture.register_migration('1', '', '')$$),
    ('22023', 'no name', $$SELECT confiture.register_migration('1', NULL, '')$$),
    ('22023', 'a name of two lines', $$SELECT confiture.register_migration('1', E'a\nb', '')$$),
    ('22004', 'no up script', $$SELECT confiture.register_migration('1', 'x', NULL)$$),
    ('22023', 'an unknown language', $$SELECT confiture.register_migration('1', 'x', '', language => 'perl')$$),
    ('22023', 'no language', $$SELECT confiture.register_migration('1', 'x', '', language => NULL)$$),
    ('CF005', 'a dependency on itself', $$SELECT confiture.register_migration('1', 'x', '', depends_on => '{2,1}')$$),
    ('CF005', 'a dependency on itself in the header', $$SELECT confiture.register_migration('1', 'x', '-- confiture: depends_on=1')$$),
    ('42601', 'an unknown directive', $$SELECT confiture.register_migration('1', 'x', '-- confiture: depend_on=2')$$),
    ('42601', 'a directive without a value', $$SELECT confiture.register_migration('1', 'x', '-- confiture: transaction')$$),
    ('42601', 'a directive with a bad value', $$SELECT confiture.register_migration('1', 'x', '-- confiture: transaction=maybe')$$)
) AS t (expected_code, what, statement), LATERAL (SELECT pg_temp.failure(statement) AS f) AS failed;
SELECT matches((pg_temp.failure($$SELECT confiture.register_migration('1', 'x', E'-- a comment\n-- confiture: depend_on=2')$$)).message,
    'migration 1: .*"depend_on" at line 2', 'an unknown directive is named with its line');
SELECT is(count(*), 1::bigint, 'nothing that is refused is stored') FROM confiture.migration;

-- Directives in the header.
SELECT confiture.register_migration('h1', 'h', E'\uFEFF-- first\n\n-- confiture: depends_on=002, 001\nSELECT 1');
SELECT confiture.register_migration('h2', 'h', E'-- confiture: depends_on=002; transaction=off\r\nSELECT 1', depends_on => '{003,002}');
SELECT confiture.register_migration('h3', 'h', E'SELECT 1;\n-- confiture: transaction=off; depends_on=9');
SELECT is(depends_on, '{001,002}', 'depends_on of the header, after a byte order mark, sorted') FROM confiture.migration WHERE version = 'h1';
SELECT is(depends_on, '{002,003}', 'header and argument are put together') FROM confiture.migration WHERE version = 'h2';
SELECT is(transactional, false, 'transaction=off makes it run statement by statement') FROM confiture.migrate_status() WHERE version = 'h2';
SELECT is(depends_on, '{}', 'a comment behind the first statement is no directive') FROM confiture.migration WHERE version = 'h3';
SELECT is(transactional, true, 'not for transaction, either') FROM confiture.migrate_status() WHERE version = 'h3';

-- Checksums.
SELECT is(confiture.checksum('SELECT 1;'), encode(sha256('SELECT 1;'), 'hex'), 'checksum: SHA-256 in hex');
SELECT is(confiture.checksum(E'a\r\nb\r\n'), confiture.checksum(E'a\nb\n'), 'checksum: CRLF is LF');
SELECT is(confiture.checksum(E'\uFEFFa'), confiture.checksum('a'), 'checksum: the byte order mark does not count');
SELECT isnt(confiture.checksum(E'a\rb'), confiture.checksum(E'a\nb'), 'checksum: a CR alone does');
SELECT isnt(confiture.checksum(E'a\uFEFF'), confiture.checksum('a'), 'checksum: the mark counts where it is none');
SELECT isnt(confiture.checksum('a '), confiture.checksum('a'), 'checksum: blanks count');
SELECT is(confiture.checksum(''), encode(sha256(''), 'hex'), 'checksum: of nothing');

-- An applied migration.
SELECT pg_temp.run('a1', E'CREATE TABLE a1 ();\n');
SELECT is(confiture.register_migration('a1', 'ma1', E'CREATE TABLE a1 ();\n'), 'unchanged', 'applied: the same text is unchanged');
SELECT is((pg_temp.failure($$SELECT confiture.register_migration('a1', 'ma1', 'CREATE TABLE a2 ()')$$)).code, 'CF002',
    'applied: another text is refused');
SELECT ok(position(confiture.checksum(E'CREATE TABLE a1 ();\n') IN detail) > 0
    AND position(confiture.checksum('CREATE TABLE a2 ()') IN detail) > 0 AND hint <> '',
    'applied: both checksums are shown, and a way out')
FROM pg_temp.failure($$SELECT confiture.register_migration('a1', 'ma1', 'CREATE TABLE a2 ()')$$);
SELECT is(up, E'CREATE TABLE a1 ();\n', 'applied: the text is kept') FROM confiture.migration WHERE version = 'a1';
SELECT isnt(confiture.register_migration('a1', 'ma1', E'\uFEFFCREATE TABLE a1 ();\r\n'), NULL,
    'applied: other line ends are the same text');
SELECT is(checksum_ok, true, 'applied: and the checksum still holds') FROM confiture.migrate_status() WHERE version = 'a1';
SELECT is(confiture.register_migration('a1', 'ma1', E'CREATE TABLE a1 ();\n', 'DROP TABLE a1'), 'replaced',
    'applied: a way back may still be added');

-- Many at once.
SELECT results_eq(
    $$SELECT version, result FROM confiture.register_migrations('[
        {"version": "b1", "name": "b", "up": "SELECT 1", "down": null, "file": "b1_b.up.sql"},
        {"version": "b2", "name": "b", "up": "SELECT 2", "language": "sql", "depends_on": ["b1"]},
        {"version": "a1", "name": "ma1", "up": "CREATE TABLE a1 ();\n", "down": "DROP TABLE a1"}]')$$,
    $$VALUES ('b1', 'added'), ('b2', 'added'), ('a1', 'unchanged')$$, 'register_migrations(): a row for each');
SELECT is(depends_on, '{b1}', 'register_migrations(): dependencies') FROM confiture.migration WHERE version = 'b2';
SELECT is((pg_temp.failure($$SELECT confiture.register_migrations(
        '[{"version": "b3", "name": "b", "up": ""}, {"version": "a1", "name": "ma1", "up": "SELECT 1"}]')$$)).code, 'CF002',
    'register_migrations(): a changed applied one is refused');
SELECT is(count(*), 0::bigint, 'register_migrations(): and with it all the others') FROM confiture.migration WHERE version = 'b3';
SELECT is((f).code, expected_code, 'register_migrations(): ' || what) FROM (VALUES
    ('23505', 'a version given twice', $$'[{"version": "c", "name": "c", "up": ""}, {"version": "c", "name": "c", "up": ""}]'$$),
    ('22023', 'an object instead of an array', $$'{}'$$),
    ('22023', 'null', 'NULL'),
    ('22023', 'an unknown on_modified', $$'[]', 'ignore'$$)
) AS t (expected_code, what, arguments),
    LATERAL (SELECT pg_temp.failure(format('SELECT confiture.register_migrations(%s)', arguments)) AS f) AS failed;
SELECT results_eq(
    $$SELECT version, result FROM confiture.register_migrations(
        '[{"version": "a1", "name": "ma1", "up": "SELECT 1"}]', on_modified => 'record')$$,
    $$VALUES ('a1', 'modified')$$, 'on_modified => record stores the new text');
SELECT is(state, 'modified', 'and the state says so') FROM confiture.migrate_status() WHERE version = 'a1';
SELECT is(confiture.unregister_migration('b2'), true, 'unregister_migration(): was there');
SELECT is(confiture.unregister_migration('b2'), false, 'unregister_migration(): was not');
SELECT set_eq(
    $$SELECT version, result FROM confiture.register_migrations('[{"version": "b1", "name": "b", "up": "SELECT 1"}]', prune => true)$$,
    $$VALUES ('b1', 'unchanged'), ('001', 'removed'), ('h1', 'removed'), ('h2', 'removed'), ('h3', 'removed'), ('a1', 'removed')$$,
    'prune removes what is not in the array');
SELECT is(state, 'orphaned', 'an applied one that is pruned is orphaned') FROM confiture.migrate_status() WHERE version = 'a1';

-- The order of versions.
SELECT is(confiture.sort_versions('{10,9,2,1}'), '{1,2,9,10}', 'digits sort as numbers');
SELECT is(confiture.sort_versions('{b,B,a,ab,_}'), '{B,_,a,ab,b}', 'text sorts in the C collation');
SELECT is(confiture.sort_versions('{20250101120000,3,100000000000000000000000001,100000000000000000000000000}'),
    '{3,20250101120000,100000000000000000000000000,100000000000000000000000001}', 'numbers of any length');
SELECT is(confiture.sort_versions('{9,09,009,10}'), '{009,09,9,10}', 'equal numbers sort as text');
SELECT is(confiture.sort_versions('{v10,v9,9,10}'), '{9,10,v10,v9}', 'both kinds together');
SELECT is(confiture.sort_versions('{}'), '{}', 'none at all');
SELECT is((pg_temp.failure('SELECT confiture.sort_versions(''{1,NULL}'')')).code, '22004', 'a null among versions');

-- Statements.
SELECT results_eq(
    $$SELECT ordinal, line, statement, command, needs_top_level FROM confiture.statements(
        E'CREATE TABLE a (b int); -- one\n\n/* two; */ CREATE INDEX CONCURRENTLY ON a (b);\nSELECT '';'';;\nDO $x$ BEGIN; END $x$')$$,
    $$VALUES (1, 1, 'CREATE TABLE a (b int)', 'CREATE TABLE', false), (2, 3, 'CREATE INDEX CONCURRENTLY ON a (b)', 'CREATE INDEX', true),
        (3, 4, 'SELECT '';''', 'SELECT', false), (4, 5, 'DO $x$ BEGIN; END $x$', 'DO', false)$$,
    'statements(): split by the grammar');
SELECT is(count(*), 0::bigint, 'statements(): none in a comment') FROM confiture.statements(E'-- x\n/* ; */ ;;');
SELECT ok(objects @> '[{"kind": "table", "schema": "s", "name": "a", "action": "create"}]', 'statements(): objects')
FROM confiture.statements('CREATE TABLE s.a (b int)');

SELECT * FROM finish();
ROLLBACK;
