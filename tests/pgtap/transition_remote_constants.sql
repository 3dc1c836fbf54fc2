-- Transitions to another server: columns that only one side has keep their values, there and back. The other
-- server is this one, with another database.
\ir lib/loopback.psql
SELECT plan(8);

CREATE USER MAPPING FOR CURRENT_USER SERVER target;
CREATE FUNCTION seen(name text) RETURNS text LANGUAGE sql AS $$
    SELECT r FROM dblink(current_setting('test.there'), format('SELECT string_agg(concat_ws('' '', id, v, more), '', '' ORDER BY id) FROM b.%I', name)) AS d (r text)
$$;

-- fax is in the source only, more in the target; of t values of a second unique index can change places, so that
-- rows are removed before they come.
CREATE SCHEMA a;
CREATE TABLE a.t (id int PRIMARY KEY, v text UNIQUE, fax text);
CREATE TABLE a.u (id int PRIMARY KEY, v text, fax text);
INSERT INTO a.t SELECT i, 'v' || i, 'fax ' || i FROM generate_series(1, 4) AS i;
INSERT INTO a.u SELECT i, 'v' || i, 'fax ' || i FROM generate_series(1, 4) AS i;
SELECT there($_$
    CREATE EXTENSION confiture;
    CREATE SCHEMA b;
    CREATE TABLE b.t (id int PRIMARY KEY, v text UNIQUE, more text DEFAULT 'old');
    CREATE TABLE b.u (id int PRIMARY KEY, v text, more text DEFAULT 'old')
$_$);
SELECT is(confiture.transition_create('t', 'a', 'b', '{"tables": {"t": {"back": {"fax": "''none''"}}, "u": {"back": {"fax": "''none''"}}}}', 'target') > 0, true, 'created');
CALL confiture.transition_run('t', 'cut_over');
SELECT there($_$
    UPDATE b.t SET more = 'new ' || id;
    UPDATE b.u SET more = 'new ' || id;
    UPDATE b.t SET v = 'x' WHERE id = 1;
    UPDATE b.t SET v = 'v1' WHERE id = 2;
    UPDATE b.t SET v = 'v2' WHERE id = 1;
    UPDATE b.u SET v = 'changed' WHERE id = 1;
    DELETE FROM b.t WHERE id = 3;
    DELETE FROM b.u WHERE id = 3;
    INSERT INTO b.t VALUES (5, 'v5', 'five');
    INSERT INTO b.u VALUES (5, 'v5', 'five')
$_$);
SELECT is(confiture.transition_rollback('t'), 'rolled_back', 'rolled back');
SELECT results_eq('TABLE a.t ORDER BY id', $$VALUES (1, 'v2', 'fax 1'), (2, 'v1', 'fax 2'), (4, 'v4', 'fax 4'), (5, 'v5', 'none')$$, 'dropped columns are what they were');
SELECT results_eq('TABLE a.u ORDER BY id', $$VALUES (1, 'changed', 'fax 1'), (2, 'v2', 'fax 2'), (4, 'v4', 'fax 4'), (5, 'v5', 'none')$$, 'of a table without another unique index too');
BEGIN;
UPDATE a.t SET v = 'x' WHERE id = 1;
UPDATE a.t SET v = 'v2' WHERE id = 2;
UPDATE a.t SET v = 'v1' WHERE id = 1;
UPDATE a.u SET v = 'again' WHERE id < 3;
DELETE FROM a.t WHERE id = 4;
INSERT INTO a.t VALUES (6, 'v6'), (7, 'v4');
INSERT INTO a.u VALUES (6, 'v6');
COMMIT;
SELECT is(confiture.transition_repair('t'), 0::bigint, 'what was written is brought over');
SELECT is(seen('t'), '1 v1 new 1, 2 v2 new 2, 5 v5 five, 6 v6 old, 7 v4 old', 'new columns are what they were');
SELECT is(seen('u'), '1 again new 1, 2 again new 2, 4 v4 new 4, 5 v5 five, 6 v6 old', 'of the other table too');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');

SELECT * FROM finish();
DROP DATABASE :there WITH (FORCE);
