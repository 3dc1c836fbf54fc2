-- Transitions to another server in mode synchronous: a writer's transaction writes the target too. The
-- other server is this one, with another database.
\ir lib/loopback.psql
CREATE EXTENSION citext;
SELECT plan(57);

CREATE USER MAPPING FOR CURRENT_USER SERVER target;

-- What is committed in the target, as another session sees it.
CREATE FUNCTION seen(query text DEFAULT 'SELECT string_agg(format(''%s %s %s %s'', number, part, cents, code), '', '' ORDER BY number, part) FROM b.t') RETURNS text
LANGUAGE sql AS $$ SELECT r FROM dblink(current_setting('test.there'), query) AS d (r text) $$;

-- The SQLSTATE of what a statement ends with, when it is a transaction of its own in another session.
CREATE FUNCTION ends(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_exec(current_setting('test.here'), statement);
    RETURN '00000';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

CREATE SCHEMA a;
CREATE TABLE a.t (id int, part text COLLATE "C", total numeric(10, 2), code text UNIQUE, PRIMARY KEY (id, part));
INSERT INTO a.t SELECT i, 'p', i, 'c' || i FROM generate_series(1, 5) AS i;
CREATE TABLE a.u (id int PRIMARY KEY, v text);
INSERT INTO a.u SELECT i, 'v' || i FROM generate_series(1, 3) AS i;
SELECT there($_$
    CREATE EXTENSION confiture;
    CREATE SCHEMA b;
    CREATE TABLE b.u (id int PRIMARY KEY, v text);
    CREATE TABLE b.t (code text UNIQUE, cents bigint CHECK (cents < 100000), number bigint, part text COLLATE "C", more int DEFAULT 7, PRIMARY KEY (number, part))
$_$);

-- What is refused.
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'public', options => '{"mode": "synchronous"}')$$, '22023', NULL, 'the mode is for another server');
CREATE SCHEMA c;
CREATE TABLE c.t (id citext PRIMARY KEY);
SELECT there($_$
    CREATE EXTENSION citext;
    CREATE SCHEMA c;
    CREATE TABLE c.t (id public.citext PRIMARY KEY)
$_$);
SELECT throws_ok($$SELECT confiture.transition_create('c', 'c', 'c', server => 'target', options => '{"mode": "synchronous"}')$$, 'CF030', NULL, 'a key of a type that is not the server''s own');
CREATE ROLE sync_owner;
CREATE ROLE sync_writer;
ALTER TABLE a.t OWNER TO sync_owner;
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b', '{"tables": {"u": {}, "t": {"columns": {"number": "id", "cents": "(total * 100)::bigint"},
    "back": {"total": "cents / 100.0"}}}}', 'target', '{"mode": "synchronous"}')$$, 'CF030', NULL, 'the owner needs a user mapping');
CREATE USER MAPPING FOR sync_owner SERVER target OPTIONS (user 'sync_owner', password_required 'false');
ALTER ROLE sync_owner LOGIN;
GRANT USAGE, CREATE ON SCHEMA a TO sync_owner;
GRANT USAGE ON SCHEMA a TO sync_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON a.t TO sync_writer;

-- Up to the mirror everything is as without the mode.
SELECT is(confiture.transition_create('t', 'a', 'b', '{"tables": {"u": {}, "t": {"columns": {"number": "id", "cents": "(total * 100)::bigint"},
    "back": {"total": "cents / 100.0"}}}}', 'target', '{"mode": "synchronous"}') > 0, true, 'created');
SELECT is(confiture.transition_status('t') ->> 'mode', 'synchronous', 'the status tells the mode');
SELECT is((SELECT count(*) FROM confiture.transition_plan('t') WHERE step = 'mirror' AND statement ~ 'TRIGGER .* EXECUTE FUNCTION .*sync_'), 4::bigint, 'the plan too');
CALL confiture.transition_run('t', 'catching_up');
SELECT confiture.transition_catch_up('t') IS NULL AS caught_up \gset
INSERT INTO a.t VALUES (6, 'p', 6, 'c6');
UPDATE a.t SET total = 2.5 WHERE id = 2;
SELECT is(seen(), '1 p 100 c1, 2 p 200 c2, 3 p 300 c3, 4 p 400 c4, 5 p 500 c5', 'not there yet');
SELECT throws_ok($$SELECT confiture.transition_mirror('t')$$, 'CF030', NULL, 'the owner must be let in there');
ALTER USER MAPPING FOR sync_owner SERVER target OPTIONS (SET user 'postgres');
SELECT is(confiture.transition_mirror('t'), 'mirrored', 'mirrored');
SELECT is(confiture.transition_mirror('t'), 'mirrored', 'again is the same');
SELECT is(seen(), '1 p 100 c1, 2 p 250 c2, 3 p 300 c3, 4 p 400 c4, 5 p 500 c5, 6 p 600 c6', 'the log was drained');

-- Writers: whoever may write the source.
SET ROLE sync_writer;
INSERT INTO a.t VALUES (7, 'p', 7, 'c7'), (8, 'p', 8, 'c8');
RESET ROLE;
SELECT is(seen(), '1 p 100 c1, 2 p 250 c2, 3 p 300 c3, 4 p 400 c4, 5 p 500 c5, 6 p 600 c6, 7 p 700 c7, 8 p 800 c8', 'insert');
SELECT is((SELECT count(*) FROM confiture.transition_table AS p, LATERAL (SELECT confiture._transition_log_length(p) AS n) AS l WHERE l.n > 0), 0::bigint, 'nothing goes to the log');
UPDATE a.t SET total = total * 2 WHERE id > 5;
DELETE FROM a.t WHERE id < 3;
SELECT is(seen(), '3 p 300 c3, 4 p 400 c4, 5 p 500 c5, 6 p 1200 c6, 7 p 1400 c7, 8 p 1600 c8', 'update, delete');
UPDATE a.t SET id = id + 10, part = 'q' WHERE id = 3;
SELECT is(seen(), '4 p 400 c4, 5 p 500 c5, 6 p 1200 c6, 7 p 1400 c7, 8 p 1600 c8, 13 q 300 c3', 'another key');
-- The new key of one row is the old key of the next.
DELETE FROM a.t WHERE id IN (7, 8, 13);
UPDATE a.u SET id = id - 1;
SELECT is(seen('SELECT string_agg(format(''%s %s'', id, v), '', '' ORDER BY id) FROM b.u'), '0 v1, 1 v2, 2 v3', 'keys that move on');
SELECT throws_ok('UPDATE a.t SET id = id - 1', '23505', NULL, 'not beside another unique index');
UPDATE a.t SET id = 3 WHERE id = 4;
UPDATE a.t SET id = 4 WHERE id = 5;
UPDATE a.t SET id = 5 WHERE id = 6;
INSERT INTO a.t VALUES (2, 'p', 3, 'c3');
SELECT is(seen(), '2 p 300 c3, 3 p 400 c4, 4 p 500 c5, 5 p 1200 c6', 'row by row');
INSERT INTO a.t VALUES (2, 'p', 9, 'c9') ON CONFLICT (id, part) DO UPDATE SET total = excluded.total;
WITH gone AS (DELETE FROM a.t WHERE id = 5 RETURNING *) INSERT INTO a.t SELECT 50, part, total, NULL FROM gone;
SELECT is(seen(), '2 p 900 c3, 3 p 400 c4, 4 p 500 c5, 50 p 1200 ', 'ON CONFLICT, WITH');
BEGIN;
UPDATE a.t SET id = 60 WHERE id = 50;
INSERT INTO a.t VALUES (50, 'p', 5, 'c50');
DELETE FROM a.t WHERE id = 60;
UPDATE a.t SET total = 5.5 WHERE id = 50;
SELECT is(seen(), '2 p 900 c3, 3 p 400 c4, 4 p 500 c5, 50 p 1200 ', 'nobody sees what is not committed');
COMMIT;
SELECT is(seen(), '2 p 900 c3, 3 p 400 c4, 4 p 500 c5, 50 p 550 c50', 'several writes of one transaction');
BEGIN;
DELETE FROM a.t;
ROLLBACK;
SELECT is(seen(), '2 p 900 c3, 3 p 400 c4, 4 p 500 c5, 50 p 550 c50', 'rollback');
BEGIN;
UPDATE a.t SET total = 1 WHERE id = 2;
SAVEPOINT one;
UPDATE a.t SET total = 2 WHERE id = 2;
DELETE FROM a.t WHERE id = 3;
ROLLBACK TO one;
SAVEPOINT two;
UPDATE a.t SET total = 3 WHERE id = 4;
RELEASE two;
COMMIT;
SELECT is(seen(), '2 p 100 c3, 3 p 400 c4, 4 p 300 c5, 50 p 550 c50', 'savepoints');
-- A trigger of the application writes the row again, before ours has been.
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.total < 100 THEN
        UPDATE a.t SET total = total + 100 WHERE id = NEW.id;
    ELSIF NEW.total < 200 THEN
        DELETE FROM a.t WHERE id = NEW.id AND code = 'gone';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER again AFTER INSERT OR UPDATE ON a.t FOR EACH ROW EXECUTE FUNCTION again();
INSERT INTO a.t VALUES (70, 'p', 7, 'c70'), (71, 'p', 7, 'gone');
SELECT is(seen(), '2 p 100 c3, 3 p 400 c4, 4 p 300 c5, 50 p 550 c50, 70 p 10700 c70', 'rows that are written twice by one statement');
DROP TRIGGER again ON a.t;
ALTER TABLE a.t RENAME TO renamed;
UPDATE a.renamed SET total = 7 WHERE id = 70;
ALTER TABLE a.renamed RENAME TO t;
SELECT is(seen(), '2 p 100 c3, 3 p 400 c4, 4 p 300 c5, 50 p 550 c50, 70 p 700 c70', 'the table is known, whatever its name');

-- What fails there fails here.
SELECT throws_ok($$INSERT INTO a.t VALUES (80, 'p', 9999, 'c80')$$, '23514', NULL, 'what the target does not take');
SELECT throws_ok('TRUNCATE a.t', '0A000', NULL, 'TRUNCATE');
SELECT is(seen() || (SELECT count(*) FROM a.t), '2 p 100 c3, 3 p 400 c4, 4 p 300 c5, 50 p 550 c50, 70 p 700 c705', 'and changes nothing');
SELECT is(ends($$BEGIN; UPDATE a.t SET total = 1 WHERE id = 3; PREPARE TRANSACTION 'sync'$$), '0A000', 'no PREPARE TRANSACTION');

-- Proving it.
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
SELECT is(confiture.transition_status('t') ->> 'state', 'validated', 'validated');
SELECT there($_$
    ALTER TABLE b.t DISABLE TRIGGER confiture_transition;
    UPDATE b.t SET cents = 5 WHERE number = 3;
    DELETE FROM b.t WHERE number = 4;
    ALTER TABLE b.t ENABLE ALWAYS TRIGGER confiture_transition
$_$);
SELECT results_eq($$SELECT key, difference FROM confiture.transition_validate('t')$$,
    $$VALUES ('{3,p}'::text[], 'different'), ('{4,p}', 'only in the source')$$, 'differences are told');
SELECT is(confiture.transition_repair('t'), 2::bigint, 'and mended');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'equal again');
SELECT is(seen(), '2 p 100 c3, 3 p 400 c4, 4 p 300 c5, 50 p 550 c50, 70 p 700 c70', 'the rows are right');
-- What was written in the middle of a validation is no difference: its transaction on the target does not see it.
BEGIN;
SELECT confiture._remote_call(t.id, 'hello') IS NULL AS begun FROM confiture.transition AS t \gset
SELECT is(ends('UPDATE a.t SET total = 8 WHERE id = 70'), '00000', 'somebody writes meanwhile');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'which is no difference');
COMMIT;

-- The target is away.
ALTER SERVER target OPTIONS (SET port '1');
SELECT is(ends('UPDATE a.t SET total = 1 WHERE id = 3'), '08001', 'a writer fails');
SELECT is(ends('INSERT INTO a.t VALUES (81, ''p'', 1, ''c81'')'), '08001', 'whatever it writes');
SELECT is((SELECT string_agg(format('%s %s', id, total), ', ' ORDER BY id) FROM a.t), '2 1.00, 3 4.00, 4 3.00, 50 5.50, 70 8.00', 'the source is what it was');
SELECT throws_like($$SELECT confiture.transition_cutover('t')$$, '%could not connect to server "target"%', 'no cutover then');
ALTER SERVER target OPTIONS (SET port :'port');
SELECT is(ends('UPDATE a.t SET total = 9 WHERE id = 70'), '00000', 'it is back');
SELECT is(seen(), '2 p 100 c3, 3 p 400 c4, 4 p 300 c5, 50 p 550 c50, 70 p 900 c70', 'and is written');

-- The cutover, and the way back, after which a worker brings over what is written.
SELECT is(confiture.transition_cutover('t'), 'cut_over', 'cut over');
INSERT INTO a.t VALUES (90, 'p', 9, 'c90');
SELECT is(confiture.transition_rollback('t'), 'rolled_back', 'rolled back');
SELECT is((SELECT count(*) FROM a.t), 6::bigint, 'nothing is lost');
SELECT is(confiture.transition_status('t') ->> 'mode', 'asynchronous', 'from now on asynchronous');
UPDATE a.t SET total = 10 WHERE id = 90;
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'what is written is brought over');
SELECT is(confiture.transition_cutover('t'), 'cut_over', 'cut over again');
SELECT is(confiture.transition_contract('t'), 'contracted', 'contracted');
SELECT is((SELECT total FROM a.t WHERE id = 90), 10.00, 'the view reads the target');

-- Abort leaves no trace.
CREATE SCHEMA d;
CREATE TABLE d.t (id int PRIMARY KEY);
SELECT there($_$
    CREATE SCHEMA d;
    CREATE TABLE d.t (id int PRIMARY KEY)
$_$);
SELECT confiture.transition_create('d', 'd', 'd', server => 'target', options => '{"mode": "synchronous"}') > 0 AS created \gset
CALL confiture.transition_run('d');
INSERT INTO d.t VALUES (1);
ALTER SERVER target OPTIONS (SET port '1');
SELECT is(ends('INSERT INTO d.t VALUES (2)'), '08001', 'the target is away');
SELECT is(confiture.transition_abort('d'), 'aborted', 'which abort is the way out of');
SELECT is(ends('INSERT INTO d.t VALUES (3)'), '00000', 'writers go on');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'd.t'::regclass) + (SELECT count(*) FROM pg_namespace WHERE nspname = 'confiture_remote_' || t.id), 0::bigint, 'no trace is left')
FROM confiture.transition AS t WHERE t.name = 'd';
ALTER SERVER target OPTIONS (SET port :'port');
SELECT is(seen('SELECT confiture.transition_abort(''d'')'), 'aborted', 'there it is ended too');
SELECT is((SELECT count(*) FROM d.t) || ' ' || seen('SELECT count(*) FROM d.t'), '2 0', 'the source has its rows');

SELECT * FROM finish();
DROP DATABASE :there WITH (FORCE);
DROP OWNED BY sync_owner, sync_writer CASCADE;
DROP ROLE sync_owner, sync_writer;
