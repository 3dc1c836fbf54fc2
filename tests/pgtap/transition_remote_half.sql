-- Transitions to another server: what the target commits, and the source does not.
-- The other server is this one, with another database.
\ir lib/loopback.psql
SELECT plan(38);

CREATE USER MAPPING FOR CURRENT_USER SERVER target;
-- A session that calls a function, and whose COMMIT fails when postgres_fdw has committed: a temporary table
-- can't be emptied then, since another one that stays refers to it.
CREATE FUNCTION half(call text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_exec(current_setting('test.here'), format('SET client_min_messages = error; BEGIN;'
        ' CREATE TEMPORARY TABLE emptied (id int PRIMARY KEY) ON COMMIT DELETE ROWS; CREATE TEMPORARY TABLE kept (id int REFERENCES emptied);'
        ' DO $do$ BEGIN PERFORM %s; END $do$; COMMIT', call));
END $$;

CREATE SCHEMA a;
CREATE TABLE a.items (id int PRIMARY KEY, name text);
INSERT INTO a.items SELECT i, 'n' || i FROM generate_series(1, 10) AS i;
SELECT there('CREATE EXTENSION confiture; CREATE SCHEMA b; CREATE TABLE b.items (id int PRIMARY KEY, name text)');
SELECT is(confiture.transition_create('t', 'a', 'b', server => 'target') > 0, true, 'created');
CALL confiture.transition_run('t');
SELECT is(confiture.transition_cutover('t'), 'cut_over', 'cut over');

-- The way back, first on the target only.
INSERT INTO a.items SELECT i, 'later' FROM generate_series(11, 20) AS i;
UPDATE a.items SET name = 'changed' WHERE id = 1;
SELECT throws_ok($$SELECT half('confiture.transition_rollback(''t'')')$$, '0A000', NULL, 'a rollback that only the target commits');
SELECT is(confiture.transition_status('t') ->> 'state', 'cut_over', 'is none');
SELECT throws_ok($$UPDATE a.items SET name = 'early' WHERE id = 2$$, 'CF033', NULL, 'but the target is closed');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'a validation finds both sides equal');
SELECT lives_ok($$UPDATE a.items SET name = 'changed' WHERE id = 1$$, 'and opens it again');
-- A validation and repairs, first on the target only.
INSERT INTO a.items VALUES (21, 'later');
SELECT throws_ok($$SELECT half('confiture.transition_validate(''t'')')$$, '0A000', NULL, 'a validation that only the target commits');
DELETE FROM a.items WHERE id = 21;
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'is repeated');
SELECT dblink_exec(current_setting('test.here'), format('BEGIN; ALTER TABLE %1$s DISABLE TRIGGER confiture_transition; UPDATE %1$s SET name = ''odd'' WHERE id = 3;'
    ' ALTER TABLE %1$s ENABLE ALWAYS TRIGGER confiture_transition; COMMIT', (SELECT source FROM confiture.transition_table))) AS written \gset
SELECT throws_ok($$SELECT half('confiture.transition_repair(''t'', ''target'')')$$, '0A000', NULL, 'a repair that only the target commits');
SELECT is((SELECT count(*) FROM confiture.transition_validate('t')), 0::bigint, 'is done by what comes next');
SELECT there('BEGIN; ALTER TABLE b.items DISABLE TRIGGER confiture_transition; UPDATE b.items SET name = ''odd'' WHERE id = 3;'
    ' ALTER TABLE b.items ENABLE ALWAYS TRIGGER confiture_transition; COMMIT');
SELECT throws_ok($$SELECT half('confiture.transition_repair(''t'')')$$, '0A000', NULL, 'the other way round');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'too');
SELECT is((SELECT name FROM a.items WHERE id = 3), 'n3', 'the row is what it was');
SELECT is(confiture.transition_rollback('t'), 'rolled_back', 'again');
SELECT is((SELECT string_agg(id || ' ' || name, ', ' ORDER BY id) FROM a.items WHERE id NOT BETWEEN 2 AND 10),
    '1 changed, 11 later, 12 later, 13 later, 14 later, 15 later, 16 later, 17 later, 18 later, 19 later, 20 later', 'nothing is lost');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
SELECT is((SELECT r FROM dblink(current_setting('test.there'), 'SELECT count(*) FROM b.items') AS d (r int)), 20, 'on the target too');

-- The cutover does not wait longer for the target than it was told; without that it would for 10 s.
UPDATE confiture.transition SET options = options || '{"lock_timeout": "100ms", "lock_retries": 0}';
SELECT dblink_connect('other', current_setting('test.there')) AS connected \gset
SELECT dblink_exec('other', 'BEGIN; LOCK TABLE b.items IN ROW EXCLUSIVE MODE') AS locked \gset
SET statement_timeout = '8s';
SELECT throws_ok($$SELECT confiture.transition_cutover('t')$$, 'CF036', NULL, 'a cutover that does not get the target''s lock');
RESET statement_timeout;
SELECT dblink_exec('other', 'ROLLBACK') AS unlocked \gset
SELECT is(confiture.transition_cutover('t'), 'cut_over', 'gets it later');

-- The contract locks what is here first: meanwhile the target can be written.
UPDATE confiture.transition SET options = options || '{"lock_timeout": "1min"}';
SELECT dblink_disconnect('other') AS disconnected, dblink_connect('other', current_setting('test.here')) AS connected,
    dblink_connect('contract', current_setting('test.here')) AS connected2 \gset
SELECT dblink_exec('other', 'BEGIN; LOCK TABLE ' || (SELECT source::regclass FROM confiture.transition_table) || ' IN ACCESS SHARE MODE') AS locked \gset
SELECT dblink_send_query('contract', $$SELECT confiture.transition_contract('t')$$) AS sent \gset
DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'
    AND relation = (SELECT source FROM confiture.transition_table)) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT is((SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database() || '_target')), 0::bigint, 'a contract that waits here locks nothing there');
SELECT dblink_exec('other', 'ROLLBACK') AS unlocked \gset
SELECT is((SELECT r FROM dblink_get_result('contract') AS g (r text)), 'contracted', 'and goes on');

-- A copy that only the target has committed: what is behind the position may be there already.
SELECT there('CREATE SCHEMA d; CREATE TABLE d.rows (id int GENERATED BY DEFAULT AS IDENTITY (INCREMENT 5 START 3) PRIMARY KEY, name text)');
SELECT there('ALTER TABLE d.rows ALTER id RESTART WITH 18');
CREATE SCHEMA c;
CREATE TABLE c.rows (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text);
INSERT INTO c.rows (name) SELECT 'n' || i FROM generate_series(1, 100) AS i;
SELECT confiture.transition_create('u', 'c', 'd', server => 'target') AS u \gset
CALL confiture.transition_run('u', 'captured');
SELECT throws_ok($$SELECT half('confiture.transition_copy(''u'')')$$, '0A000', NULL, 'a copy that only the target commits');
SELECT is((SELECT r FROM dblink(current_setting('test.there'), 'SELECT count(*) FROM d.rows') AS d (r int)), 100, 'is there');
DELETE FROM c.rows WHERE id = 50;
UPDATE confiture.transition_table SET drained_at = clock_timestamp() - interval '1 hour' WHERE transition = :u;
SELECT is((SELECT c.did FROM confiture.transition AS t, confiture._transition_chunk(t, false) AS c WHERE t.id = :u), 'drained', 'entries are taken off');
SELECT is((SELECT confiture._transition_log_length(p) FROM confiture.transition_table AS p WHERE p.transition = :u), 1::bigint, 'but not those behind the position');
CALL confiture.transition_run('u');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('u')$$, 'what was deleted meanwhile goes there too');

-- An abort after a way back: the target's sequences are what they were.
SELECT is(confiture.transition_cutover('u'), 'cut_over', 'cut over');
INSERT INTO c.rows (name) VALUES ('x');
SELECT is(confiture.transition_rollback('u'), 'rolled_back', 'rolled back');
SELECT is(confiture.transition_abort('u'), 'aborted', 'aborted');
SELECT there('INSERT INTO d.rows DEFAULT VALUES; INSERT INTO d.rows DEFAULT VALUES');
SELECT is((SELECT r FROM dblink(current_setting('test.there'), 'SELECT string_agg(id::text, '','' ORDER BY id) FROM d.rows') AS d (r text)), '18,23', 'sequences go on where they were');

-- What the owner may do on the target is tried before the views take the place of the tables.
CREATE ROLE half_owner LOGIN;
CREATE USER MAPPING FOR half_owner SERVER target OPTIONS (user 'half_owner', password_required 'false');
CREATE SCHEMA e AUTHORIZATION half_owner;
CREATE TABLE e.x (id int PRIMARY KEY, name text);
ALTER TABLE e.x OWNER TO half_owner;
INSERT INTO e.x VALUES (1, 'a');
SELECT there('CREATE SCHEMA f; CREATE TABLE f.x (id int PRIMARY KEY, name text)');
SELECT confiture.transition_create('v', 'e', 'f', server => 'target') AS v \gset
CALL confiture.transition_run('v');
SELECT throws_ok($$SELECT confiture.transition_cutover('v')$$, '42501', 'owner half_owner of table e.x can''t use the target: permission denied for schema f', 'no schema');
SELECT there('GRANT USAGE ON SCHEMA f TO half_owner');
SELECT throws_ok($$SELECT confiture.transition_cutover('v')$$, '42501', NULL, 'no table');
SELECT there('GRANT SELECT, INSERT, UPDATE ON f.x TO half_owner');
SELECT throws_ok($$SELECT confiture.transition_cutover('v')$$, '42501', NULL, 'no DELETE');
SELECT there('REVOKE INSERT ON f.x FROM half_owner; GRANT DELETE ON f.x TO half_owner');
SELECT throws_ok($$SELECT confiture.transition_cutover('v')$$, '42501', NULL, 'no INSERT');
SELECT is((SELECT relkind FROM pg_class WHERE oid = 'e.x'::regclass), 'r', 'nothing has changed');
SELECT there('GRANT INSERT ON f.x TO half_owner');
SELECT is(confiture.transition_cutover('v'), 'cut_over', 'all of it');
SELECT lives_ok($$INSERT INTO e.x VALUES (2, 'b')$$, 'the view works');

SELECT * FROM finish();
DROP DATABASE :there WITH (FORCE);
DROP OWNED BY half_owner CASCADE;
DROP ROLE half_owner;
