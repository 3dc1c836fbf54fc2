-- The mirror keeps much from one row to the next: it must notice whatever makes that out of date, and
-- be in order after errors.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(22);

CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE FUNCTION a.half(x int) RETURNS int LANGUAGE sql IMMUTABLE RETURN x / 2;
CREATE DOMAIN a.small AS int;
CREATE TABLE a.t (id int PRIMARY KEY, x int, note text, tags int[]);
CREATE TABLE b.t (id int PRIMARY KEY, x int CHECK (x < 1000), note text, tags int[], h a.small);
INSERT INTO a.t SELECT i, i, 'n' || i, ARRAY[i] FROM generate_series(1, 100) AS i;
SELECT confiture.transition_create('t', 'a', 'b', '{"tables": {"t": {"columns": {"h": "a.half(x)::a.small"}}}}') > 0 AS made;
CALL confiture.transition_run('t', 'mirrored');
CREATE VIEW differences AS SELECT id, x, note, tags FROM a.t EXCEPT ALL SELECT id, x, note, tags FROM b.t
    UNION ALL (SELECT id, x, note, tags FROM b.t EXCEPT ALL SELECT id, x, note, tags FROM a.t);

UPDATE a.t SET note = 'first' WHERE id = 1;
SELECT throws_ok('UPDATE a.t SET x = 2000 WHERE id = 1', '23514', NULL, 'an error in the mirror');
SELECT lives_ok('UPDATE a.t SET note = ''second'' WHERE id = 1', 'the next write works');
SELECT throws_ok('INSERT INTO a.t VALUES (101, 2000)', '23514', NULL, 'an error in an insert');
SELECT lives_ok('INSERT INTO a.t VALUES (101, 20)', 'the next one works');
DO $$
BEGIN
    FOR i IN 1 .. 5 LOOP
        BEGIN
            INSERT INTO a.t VALUES (200 + i, i * 300);
        EXCEPTION WHEN check_violation THEN
            INSERT INTO a.t VALUES (300 + i, 1);
        END;
    END LOOP;
END $$;
SELECT is_empty('TABLE differences', 'errors that a block catches');

-- What a subtransaction had locked and prepared is given back with it.
BEGIN;
SAVEPOINT s;
UPDATE a.t SET note = 'taken back' WHERE id = 2;
ROLLBACK TO s;
UPDATE a.t SET note = 'stays' WHERE id = 2;
COMMIT;
SELECT results_eq('SELECT note FROM b.t WHERE id = 2', $$VALUES ('stays')$$, 'after a subtransaction');

-- Indexes come and go, of other access methods too.
CREATE UNIQUE INDEX once ON b.t (x, note);
UPDATE a.t SET note = 'indexed' WHERE id = 3;
SET enable_seqscan = off;
SELECT results_eq('SELECT id FROM b.t WHERE x = 3 AND note = ''indexed''', 'VALUES (3)', 'an index that came later is kept up');
SELECT throws_ok('INSERT INTO a.t VALUES (102, 3, ''indexed'')', '23505', NULL, 'and holds');
DROP INDEX b.once;
SELECT lives_ok('INSERT INTO a.t VALUES (102, 3, ''indexed'', ''{7,8}'')', 'one that is gone does not');
CREATE INDEX tagged ON b.t USING gin (tags);
INSERT INTO a.t VALUES (103, 3, 'gin', '{1077,78}');
UPDATE a.t SET tags = '{1079}' WHERE id = 3;
SELECT results_eq('SELECT id FROM b.t WHERE tags && ''{1077,1079}'' ORDER BY id', 'VALUES (3), (103)', 'a GIN index is kept up');
REINDEX INDEX b.tagged;
REINDEX TABLE b.t;
INSERT INTO a.t VALUES (104, 3, 'again', '{1077}');
SELECT results_eq('SELECT id FROM b.t WHERE tags && ''{1077}'' AND id >= 104', 'VALUES (104)', 'after REINDEX');
RESET enable_seqscan;
CREATE INDEX partial ON b.t (a.half(x)) WHERE a.half(x) > 5;
INSERT INTO a.t VALUES (105, 40, 'partial');
SELECT is_empty('TABLE differences', 'an index with an expression and a predicate');

-- What expressions call changes.
CREATE OR REPLACE FUNCTION a.half(x int) RETURNS int LANGUAGE sql IMMUTABLE RETURN x / 2 + 1000;
UPDATE a.t SET note = 'new function' WHERE id = 5;
SELECT results_eq('SELECT h::int FROM b.t WHERE id = 5', 'VALUES (1002)', 'a function that was replaced is used at once');
ALTER DOMAIN a.small ADD CONSTRAINT low CHECK (VALUE < 1010) NOT VALID;
SELECT throws_ok('UPDATE a.t SET x = 30 WHERE id = 5', '23514', NULL, 'a constraint of a domain that came later holds');
ALTER DOMAIN a.small DROP CONSTRAINT low;
ALTER TABLE b.t ADD CONSTRAINT noted CHECK (note <> 'never') NOT VALID;
SELECT throws_ok('UPDATE a.t SET note = ''never'' WHERE id = 6', '23514', NULL, 'a check that came later too');

-- Keys that are deleted and come again, in every order of events.
WITH gone AS (DELETE FROM a.t WHERE id BETWEEN 10 AND 20 RETURNING *)
    INSERT INTO a.t SELECT id, x + 1, 'again', tags FROM gone WHERE id < 15;
SELECT is_empty('TABLE differences', 'deleted and inserted in one statement');
UPDATE a.t SET id = id + 1000 WHERE id BETWEEN 30 AND 40;
BEGIN;
UPDATE a.t SET id = -1 WHERE id = 1030;
UPDATE a.t SET id = 1030 WHERE id = 1040;
UPDATE a.t SET id = 1040 WHERE id = -1;
COMMIT;
SELECT is_empty('TABLE differences', 'keys that move and change places');
CREATE FUNCTION a.back_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO a.t SELECT OLD.id, OLD.x, 'reborn', OLD.tags;
    UPDATE a.t SET note = 'reborn and changed' WHERE id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER a_first AFTER DELETE ON a.t FOR EACH ROW WHEN (OLD.note = 'n50' OR OLD.note = 'n51') EXECUTE FUNCTION a.back_again();
DELETE FROM a.t WHERE id IN (50, 51, 52);
SELECT results_eq('SELECT id, note FROM b.t WHERE id BETWEEN 50 AND 52 ORDER BY id', $$VALUES (50, 'reborn and changed'), (51, 'reborn and changed')$$,
    'a trigger makes a deleted row again');
CREATE FUNCTION a.renew(key int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO a.t VALUES (key, 1, 'renewed');
    RETURN key;
END $$;
WITH gone AS (DELETE FROM a.t WHERE id IN (60, 61) RETURNING id) SELECT count(a.renew(id)) FROM gone;
SELECT is_empty('TABLE differences', 'a function inserts the key while its deletion is under way');
BEGIN;
DELETE FROM a.t WHERE id = 70;
INSERT INTO a.t VALUES (70, 7, 'one');
DELETE FROM b.t WHERE id = 70;
INSERT INTO b.t VALUES (70, 8, 'two');
UPDATE a.t SET note = 'three' WHERE id = 70;
DELETE FROM a.t WHERE id = 71;
COMMIT;
SELECT is_empty('TABLE differences', 'both sides in one transaction');
SELECT results_eq('SELECT x, note FROM a.t WHERE id = 70', $$VALUES (8, 'three')$$, 'the last word counts');
SELECT is((SELECT count(*) FROM b.t), (SELECT count(*) FROM a.t), 'as many rows');
DROP SCHEMA a CASCADE;
DROP SCHEMA b CASCADE;
SELECT * FROM finish();
