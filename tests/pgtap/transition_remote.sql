-- Transitions to another server: what is refused, and what comes over. The other server is this one,
-- with another database.
\ir lib/loopback.psql
SELECT plan(53);

CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'host', port :'port', dbname :'here');
CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'host', port '1', dbname :'there');
CREATE FOREIGN DATA WRAPPER wrapper;
CREATE SERVER other FOREIGN DATA WRAPPER wrapper;
CREATE USER MAPPING FOR CURRENT_USER SERVER loop;
CREATE USER MAPPING FOR CURRENT_USER SERVER away;
SET search_path = public, pg_catalog;

-- Creates a transition, and tells what stands in its way.
CREATE FUNCTION refusal(server name, mapping jsonb DEFAULT NULL, options jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    state text;
    message text;
BEGIN
    PERFORM confiture.transition_create('t', 'a', 'b', mapping, server, options);
    PERFORM * FROM confiture.transition_plan('t');
    PERFORM confiture.transition_abort('t');
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
    RETURN CASE WHEN state = 'CF030' AND detail <> '' THEN detail ELSE state || ' ' || message END;
END $$;
CREATE SCHEMA a;
CREATE TABLE a.t (id bigint PRIMARY KEY, name text);

-- The server.
SELECT is(refusal('nowhere'), '42704 server nowhere does not exist', 'no such server');
SELECT is(refusal('other'), '42809 server other is of wrapper, not of postgres_fdw', 'a server of something else');
SELECT is(refusal('target'), '42704 there is no user mapping of postgres for server target', 'no user mapping');
SELECT is(refusal('loop'), 'CF030 server loop can''t be the target: it leads back to this database', 'a server that leads back');
SELECT matches(refusal('away'), '^08001 the target of transition ''t'' is away: could not connect', 'a server that is away');
CREATE USER MAPPING FOR CURRENT_USER SERVER target;
SELECT is(refusal('target'), 'CF030 Confiture can''t be used on server target: relation "confiture.remote_command" does not exist', 'no Confiture there');
SELECT there($_$
    CREATE EXTENSION confiture;
    CREATE SCHEMA b;
$_$);
SELECT is(refusal('target'), 'b.t on server target: it does not exist.', 'no table there');
SELECT throws_ok($$SELECT confiture.transition_create('t', 'nothing', 'b', server => 'target')$$, '3F000', NULL, 'no source schema');
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b', '{"tables": {"t": {"targets": [{"target": "t"}, {"target": "u"}]}}}', server => 'target')$$, '0A000', NULL, 'a split');
SELECT is(refusal('target', options => '{"mode": "quantum"}'), '22023 option "mode" can''t be "quantum"', 'another mode');
SELECT is(refusal('target', options => '{"speed": 1}'), '22023 there is no option ''speed''', 'another option');
SELECT is(refusal('target', '{"tables": {"u": {}}}'), 'table a.u does not exist.', 'a table that is not there');

SELECT is(refusal('target', '{"tables": {"t": {"targets": [{"target": "t"}, {"target": "u"}]}}}'),
    '0A000 on the way to another server a table can''t be split or merged', 'a split');

-- The tables there.
SELECT there($_$
    CREATE TYPE b.colour AS ENUM ('red');
    CREATE TABLE b.t (id bigint PRIMARY KEY, name text, colour b.colour);
$_$);
SELECT is(refusal('target'), 'b.t on server target: column colour is of type b.colour, which does not exist here.', 'a type that is not here');
SELECT there($_$
    DROP TABLE b.t;
    CREATE TABLE b.t (id bigint, name text, more int NOT NULL);
$_$);
SELECT is(refusal('target'), E'b.t on server target: column more has no counterpart in a.t.\n'
    'b.t on server target: it has no unique key over the columns that hold the key of the source.', 'no counterpart, no key');
SELECT there($_$
    DROP TABLE b.t;
    CREATE UNLOGGED TABLE b.t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
    INSERT INTO b.t (name) VALUES ('x');
    CREATE UNLOGGED TABLE b.u (id bigint REFERENCES b.t);
$_$);
SELECT is(refusal('target'), E'a.t: column id has no sequence, but its counterpart has.\n'
    'b.t on server target: a table that is not part of the transition has a foreign key to it: u_id_fkey of b.u.\n'
    'b.t on server target: it is unlogged.\n'
    'b.t on server target: it has a column GENERATED ALWAYS AS IDENTITY, which the source''s sessions could not write after the cutover.\n'
    'b.t on server target: it is not empty.', 'what the target says');
SELECT there($_$
    DROP TABLE b.u, b.t;
    CREATE TABLE b.t (id bigint PRIMARY KEY, name text, more int DEFAULT 7, late timestamptz);
    ALTER TABLE b.t ENABLE ROW LEVEL SECURITY;
$_$);
CREATE ROLE remote_owner;
ALTER TABLE a.t OWNER TO remote_owner;
SELECT is(refusal('target', '{"tables": {"t": {"columns": {"late": "now()"}}}}'),
    E'a.t: the owner of the source, remote_owner, may not use schema a.\n'
    'b.t on server target: column late: "now()" need not give the same result again.\n'
    'a.t: its owner remote_owner has no user mapping for server target.\n'
    'b.t on server target: it has row security, which would see one role for all of the source''s sessions.', 'expressions, owner, row security');
ALTER TABLE a.t OWNER TO CURRENT_USER;
DROP ROLE remote_owner;
SELECT there($_$
    ALTER TABLE b.t DISABLE ROW LEVEL SECURITY;
$_$);
SELECT is(refusal('target', '{"tables": {"t": {"columns": {"late": "NULL"}}}}'), NULL, 'a transition that can be');
SELECT is((SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'confiture\_%'), 0::bigint, 'what was refused or aborted has left nothing');

-- What comes over: types, nulls, defaults, generated columns, changed keys, TRUNCATE.
DROP TABLE a.t;
CREATE TYPE a.colour AS ENUM ('blue', 'red');
CREATE SCHEMA b;
CREATE TYPE b.colour AS ENUM ('red', 'blue');
CREATE TABLE a.t (id int, part text COLLATE "C", colour a.colour, total numeric(10, 2), at timestamptz, list text[], doc jsonb, bytes bytea,
    span interval, real double precision, code text UNIQUE, PRIMARY KEY (id, part));
SELECT there($_$
    DROP TABLE b.t;
    DROP TYPE b.colour;
    CREATE TYPE b.colour AS ENUM ('blue', 'red');
    CREATE TABLE b.t (doc jsonb, at timestamptz, list text[], bytes bytea, span interval, real double precision, cents bigint, twice bigint GENERATED ALWAYS AS (cents * 2) STORED,
        code varchar(10) UNIQUE, colour b.colour, more int DEFAULT 7, part text COLLATE "C", number bigint, PRIMARY KEY (part, number));
$_$);
SET timezone = 'Asia/Tokyo';
INSERT INTO a.t SELECT i, 'p' || i % 3, CASE WHEN i % 5 > 0 THEN 'red'::a.colour END, i * 1.1, '2026-01-01 UTC'::timestamptz + i * interval '1.5 h',
    ARRAY[i::text, NULL, 'x y'], jsonb_build_object('i', i), decode(to_hex(i + 4096), 'hex'), i * interval '1 day 2 s', 1.0 / i, 'c' || i
FROM generate_series(1, 500) AS i;
SELECT is(confiture.transition_create('t', 'a', 'b', '{"tables": {"t": {
    "columns": {"number": "id", "cents": "(total * 100)::bigint", "colour": "colour::text::b.colour"},
    "back": {"total": "cents / 100.0", "colour": "colour::text::a.colour"}}}}', 'target') > 0, true, 'created');
SELECT ok((SELECT count(*) > 6 FROM confiture.transition_plan('t')), 'there is a plan');
SELECT is(confiture.transition_status('t') ->> 'server', 'target', 'the status names the server');
SELECT is(confiture.transition_status('t') -> 'tables' -> 0 ->> 'target', 'b.t', 'and the table');
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b', server => 'target')$$, 'CF032', NULL, 'the name is taken');
SELECT throws_ok($$SELECT confiture.transition_create('t2', 'a', 'b', '{"tables": {"t": {
    "columns": {"number": "id", "cents": "(total * 100)::bigint", "colour": "colour::text::b.colour"},
    "back": {"total": "cents / 100.0", "colour": "colour::text::a.colour"}}}}', 'target')$$, 'CF030', NULL, 'the tables are taken');
CALL confiture.transition_run('t', 'captured');
SELECT throws_ok($$UPDATE b.t SET more = 1$$, '42P01', NULL, 'the target is not here');
UPDATE a.t SET part = 'q', code = 'd' || id WHERE id % 50 = 0;
CALL confiture.transition_run('t', 'catching_up');
DELETE FROM a.t WHERE id % 7 = 0;
INSERT INTO a.t (id, part) VALUES (1001, ''), (1002, E'tab\t''quote"\\');
CALL confiture.transition_run('t', 'validated');
SELECT is(confiture.transition_status('t') ->> 'state', 'validated', 'validated');
SELECT is((confiture.transition_status('t') -> 'validation' ->> 'rows')::bigint, (SELECT count(*) FROM a.t), 'all rows were compared');
-- Values of a unique column change places.
UPDATE a.t SET code = 'x' WHERE code = 'c1';
UPDATE a.t SET code = 'c1' WHERE code = 'c2';
UPDATE a.t SET code = 'c2' WHERE code = 'x';
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'unique values have changed places');
-- Also when the entry of the one that has got the value comes long before that of the one that gave it.
UPDATE a.t SET total = 1 WHERE code = 'c1';
DO $$
BEGIN
    FOR i IN 1 .. 20 LOOP
        UPDATE a.t SET real = real WHERE code NOT IN ('c1', 'c2');
    END LOOP;
END $$;
UPDATE a.t SET code = 'x' WHERE code = 'c2';
UPDATE a.t SET code = 'c2' WHERE code = 'c1';
SELECT lives_ok($$SELECT confiture._transition_work('t', NULL)$$, 'all entries at once');
CREATE FOREIGN TABLE seen (number bigint, part text, cents bigint, twice bigint, more int, colour text, code text, span interval)
    SERVER target OPTIONS (schema_name 'b', table_name 't');
SELECT results_eq('SELECT number, part COLLATE "C", cents, colour, code FROM seen ORDER BY 1',
    'SELECT id::bigint, part COLLATE "C", (total * 100)::bigint, colour::text, code FROM a.t ORDER BY 1', 'the rows are there');
SELECT results_eq('SELECT DISTINCT more, twice IS NOT DISTINCT FROM cents * 2 FROM seen', 'VALUES (7, true)', 'defaults and generated columns too');
TRUNCATE a.t;
INSERT INTO a.t (id, part, total) VALUES (1, 'new', 1), (2, 'new', 2);
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'TRUNCATE has arrived');
SELECT results_eq('SELECT number, part FROM seen ORDER BY 1', 'VALUES (1::bigint, ''new''), (2, ''new'')', 'and what was written then');

-- What differs is told, and mended.
SELECT throws_ok($$SELECT there('UPDATE b.t SET cents = 5 WHERE number = 1')$$, 'CF033', NULL, 'nobody else writes the target');
SELECT throws_ok($$SELECT there('SELECT confiture.transition_capture(''t'')')$$, 'CF031', NULL, 'the half does not move by itself');
SELECT is((SELECT s FROM dblink(current_setting('test.there'), $$SELECT confiture.transition_status('t') ->> 'side'$$) AS d (s text)), 'target', 'it says what it is');
SELECT there($_$
    ALTER TABLE b.t DISABLE TRIGGER confiture_transition;
    UPDATE b.t SET cents = 5 WHERE number = 1;
    DELETE FROM b.t WHERE number = 2;
    INSERT INTO b.t (number, part) VALUES (3, 'more');
    ALTER TABLE b.t ENABLE ALWAYS TRIGGER confiture_transition
$_$);
SELECT results_eq($$SELECT key, difference, source_row ->> 'total', target_row ->> 'cents' FROM confiture.transition_validate('t')$$,
    $$VALUES ('{1,new}'::text[], 'different', '1.00', '5'), ('{2,new}', 'only in the source', '2.00', NULL), ('{3,more}', 'only in the target', NULL, NULL)$$,
    'differences are told');
SELECT is(confiture.transition_status('t') ->> 'state', 'mirrored', 'not validated any more');
SELECT throws_ok($$SELECT confiture.transition_cutover('t')$$, 'CF035', NULL, 'no cutover then');
SELECT throws_ok($$SELECT confiture.transition_repair('t', 'both')$$, '22023', NULL, 'one side is right');
SELECT is(confiture.transition_repair('t'), 3::bigint, 'mended');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'and equal');

-- A role that may do no more than it has to; what is too long is not cut off.
SELECT throws_ok($$INSERT INTO a.t (id, part, code) VALUES (5, 'long', '12345678901'); SELECT confiture.transition_validate('t')$$,
    '22001', NULL, 'too long for the target');
SELECT is(confiture.transition_abort('t'), 'aborted', 'aborted');
SELECT is((SELECT count(*) FROM seen), 0::bigint, 'the target is empty');
DROP ROLE IF EXISTS remote_mover;
CREATE ROLE remote_mover LOGIN;
SELECT confiture.grant_usage('remote_mover', 'migrator');
GRANT CREATE ON DATABASE :here TO remote_mover;
GRANT USAGE ON FOREIGN SERVER target TO remote_mover;
CREATE USER MAPPING FOR remote_mover SERVER target OPTIONS (user 'remote_mover', password_required 'false');
CREATE SCHEMA mine AUTHORIZATION remote_mover;
CREATE TABLE mine.t (id int PRIMARY KEY, name text);
INSERT INTO mine.t VALUES (1, 'one');
ALTER TABLE mine.t OWNER TO remote_mover;
SELECT there($_$
    CREATE SCHEMA mine AUTHORIZATION remote_mover;
    CREATE TABLE mine.t (id int PRIMARY KEY, name text);
    ALTER TABLE mine.t OWNER TO remote_mover;
    DO $$BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO remote_mover', current_database()); END$$;
$_$);
SET ROLE remote_mover;
SELECT public.throws_ok($$SELECT confiture.transition_create('m', 'mine', 'mine', server => 'target')$$, 'CF030',
    'Confiture can''t be used on server target: permission denied for schema confiture', 'no rights there');
RESET ROLE;
SELECT there($_$
    DO $$BEGIN PERFORM confiture.grant_usage('remote_mover', 'migrator'); END$$;
$_$);
SET ROLE remote_mover;
SELECT public.is(confiture.transition_create('m', 'mine', 'mine', server => 'target') > 0, true, 'a role of its own');
CALL confiture.transition_run('m');
SELECT public.is(confiture.transition_status('m') -> 'validation' ->> 'rows', '1', 'moves its tables');
SELECT public.is(confiture.transition_cutover('m'), 'cut_over', 'cuts over');
INSERT INTO mine.t VALUES (2, 'two');
SELECT public.is(confiture.transition_rollback('m'), 'rolled_back', 'and goes back');
SELECT public.results_eq('TABLE mine.t ORDER BY 1', 'VALUES (1, ''one''), (2, ''two'')', 'with what was written');
CALL confiture.transition_run('m', 'contracted');
SELECT public.results_eq('TABLE mine.t ORDER BY 1', 'VALUES (1, ''one''), (2, ''two'')', 'and ends it');
RESET ROLE;

SELECT * FROM finish();
DROP DATABASE :there WITH (FORCE);
DROP OWNED BY remote_mover;
DROP ROLE remote_mover;
