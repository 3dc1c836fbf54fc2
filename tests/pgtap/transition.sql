-- Transitions: what is refused, what is mapped, and what follows.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(87);

\ir lib/transition.psql

-- What is refused, by name.
SELECT tables('', '');
SELECT is(refusal(), 'There is no table in the source schema.', 'no tables');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY)', '');
SELECT is(refusal(), 'table b.t does not exist.', 'a missing target');
SELECT tables('CREATE TABLE t (id int)', 'CREATE TABLE t (id int)');
SELECT is(refusal(), 'a.t: it has neither a primary key nor a unique index over columns that are NOT NULL.', 'no key');
SELECT tables('CREATE TABLE t (id int UNIQUE)', 'CREATE TABLE t (id int PRIMARY KEY)');
SELECT matches(refusal(), 'neither a primary key', 'a unique column that may be null is no key');
SELECT tables('CREATE TABLE t (id int NOT NULL UNIQUE)', 'CREATE TABLE t (id int NOT NULL UNIQUE)');
SELECT is(refusal(), NULL, 'a unique column that is NOT NULL is one');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE t (id int)');
SELECT is(refusal(), 'b.t: it has no unique key over the columns that hold the key of the source.', 'no key in the target');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE t (id text PRIMARY KEY)');
SELECT matches(refusal(), 'a.t: key column id: its type is int4 here and text in the target', 'another type of key');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE t (id bigint PRIMARY KEY)');
SELECT is(refusal(), NULL, 'a larger integer is fine');
SELECT tables('CREATE TABLE t (id numeric(10, 4) PRIMARY KEY)', 'CREATE TABLE t (id numeric(10, 2) PRIMARY KEY)');
SELECT is(refusal(), 'a.t: key column id: its type is numeric(10,4) here and numeric(10,2) in the target.', 'a key that would be rounded');
SELECT tables('CREATE DOMAIN d AS timestamptz(3); CREATE TABLE t (id d PRIMARY KEY)', 'CREATE TABLE t (id timestamptz PRIMARY KEY)');
SELECT matches(refusal(), 'its type is timestamp\(3\) with time zone here and timestamp with time zone in', 'on the way back, and below a domain');
SELECT tables('CREATE DOMAIN d AS timestamptz(3); CREATE TABLE t (id d PRIMARY KEY)', 'CREATE TABLE t (id timestamptz(3) PRIMARY KEY)');
SELECT is(refusal(), NULL, 'with the same precision it is fine');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int)', 'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE fresh (id int)');
SELECT is(refusal('{"tables": {"t": {}}}', '{"swap": "schema"}'), 'a.t: swap "schema" would take tables that do not move out of its schema too: a.other.', 'tables that would be gone');
SELECT is(refusal('{"tables": {"t": {}}}'), NULL, 'with swap "rename" they stay');
SELECT tables('CREATE TABLE t (id text COLLATE "C" PRIMARY KEY)', 'CREATE TABLE t (id text COLLATE "POSIX" PRIMARY KEY)');
SELECT matches(refusal(), 'its collation is another one', 'another collation of the key');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY DEFERRABLE)', 'CREATE TABLE t (id int PRIMARY KEY)');
SELECT matches(refusal(), 'a.t: it has a unique or exclusion constraint that is DEFERRABLE', 'a deferrable key');
SELECT tables('CREATE UNLOGGED TABLE t (id int PRIMARY KEY)', 'CREATE TABLE t (id int PRIMARY KEY)');
SELECT matches(refusal(), 'a.t: it is unlogged', 'unlogged');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)', 'CREATE TABLE t (id int PRIMARY KEY)');
SELECT matches(refusal(), 'a.t: it is partitioned', 'partitioned');
SELECT tables('CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE t (id int) SERVER s',
    'CREATE TABLE t (id int PRIMARY KEY)');
SELECT matches(refusal(), 'a.t: it is a foreign table', 'foreign');
DROP FOREIGN DATA WRAPPER w CASCADE;
SELECT tables('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE c () INHERITS (t)', 'CREATE TABLE t (id int PRIMARY KEY)');
SELECT matches(refusal('{"tables": {"t": {}}}'), 'a.t: it is a partition, or inherits', 'inheritance');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY); CREATE RULE r AS ON UPDATE TO t DO INSTEAD NOTHING', 'CREATE TABLE t (id int PRIMARY KEY)');
SELECT matches(refusal(), 'a.t: it has rules', 'rules');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
SELECT is(refusal(), 'b.t: it is not empty.', 'rows in the target');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY, x int)', 'CREATE TABLE t (id int PRIMARY KEY, y int)');
SELECT is(refusal(), E'b.t: column y has no counterpart in a.t.\na.t: column x has no counterpart in b.t.', 'columns without counterparts');
SELECT is(refusal('{"tables": {"t": {"columns": {"y": "x"}}}}'), NULL, 'a renamed column finds its way back');
SELECT matches(refusal('{"tables": {"t": {"columns": {"y": "x || ''a''"}}}}'), 'is of type text, but the column is of type integer', 'the wrong type');
SELECT matches(refusal('{"tables": {"t": {"columns": {"y": "x + random()::int"}, "back": {"x": "y"}}}}'),
    'b.t: column y: "x \+ random\(\)::int" need not give the same result again', 'an expression that is not deterministic');
SELECT matches(refusal('{"tables": {"t": {"columns": {"y": "(SELECT 1)"}, "back": {"x": "y"}}}}'), 'cannot use subquery', 'a subquery');
SELECT matches(refusal('{"tables": {"t": {"columns": {"y": "1) FROM (SELECT 2) AS z WHERE (true"}, "back": {"x": "y"}}}}'), 'is not a single expression', 'more than an expression');
SELECT matches(refusal('{"tables": {"t": {"columns": {"y": "z"}, "back": {"x": "y"}}}}'), 'column "z" does not exist', 'an unknown column');
SELECT matches(refusal('{"tables": {"t": {"columns": {"y": "x", "z": "1"}}}}'), 'there is no column z, which "columns" names', 'a column that is not there');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY, x int)', 'CREATE TABLE t (id int PRIMARY KEY, x int GENERATED ALWAYS AS (id + 1) STORED)');
SELECT matches(refusal(), 'a.t: column x', 'a generated column is not the way back by itself');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE o (t int REFERENCES t)', 'CREATE TABLE t (id int PRIMARY KEY)');
SELECT matches(refusal('{"tables": {"t": {}}}'), 'a table that is not part of the transition has a foreign key to it: o_t_fkey of a.o', 'a foreign key from outside');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES t)', 'CREATE TABLE t (id int PRIMARY KEY, p int)');
SELECT is(refusal(), 'a.t: foreign key t_p_fkey has no counterpart in b.t.', 'a foreign key of the source only');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY, p int)', 'CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES t)');
SELECT is(refusal(), 'b.t: foreign key t_p_fkey has no counterpart in a.t.', 'a foreign key of the target only');
SELECT tables('CREATE TABLE t (id serial PRIMARY KEY)', 'CREATE TABLE t (id int PRIMARY KEY)');
SELECT is(refusal(), 'b.t: column id has no sequence, but its counterpart has.', 'a sequence on one side only');
SELECT tables('CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE t (id int PRIMARY KEY)');
CREATE PUBLICATION every FOR ALL TABLES;
SELECT matches(refusal(), 'a publication is FOR ALL TABLES', 'a publication of all tables');
DROP PUBLICATION every;
-- It knows its tables by OID, so that after a cutover what comes in would be skipped.
CREATE SUBSCRIPTION inward CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE);
SET allow_system_table_mods = on;
INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) SELECT oid, 'a.t'::regclass, 'r' FROM pg_subscription WHERE subname = 'inward';
RESET allow_system_table_mods;
SELECT is(refusal(), 'a.t: it is written by subscription inward.', 'a table that a subscription writes');
DROP SUBSCRIPTION inward;
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b', server => 'other')$$, '42704',
    'server other does not exist', 'an unknown server');
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b', '{"tables": {"t": {"target": ["u", "v"]}}}')$$, '22023', NULL, 'a target that is no name');
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b', '{"tables": {"t": {"target": "u"}, "s": {"target": "u"}}}')$$, '22023', NULL,
    'a merge that does not say which table is the main one');
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b', options => '{"speed": 1}')$$, '22023', 'there is no option ''speed''', 'an unknown option');
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b', options => '{"swap": "view"}')$$, '22023', NULL, 'a wrong swap');
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'nowhere')$$, '3F000', NULL, 'an unknown schema');
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'a')$$, '22023', NULL, 'the same schema');
SELECT throws_ok($$SELECT confiture.transition_capture('nobody')$$, 'CF034', 'there is no transition ''nobody''', 'an unknown transition');
SELECT is((SELECT count(*) FROM confiture.transition WHERE live), 0::bigint, 'what was refused left nothing');
SELECT lives_ok($$SELECT confiture.transition_create('t', 'a', 'b')$$, 'a plan');
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b')$$, 'CF032', NULL, 'the same name again');
CREATE FUNCTION told(statement text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
SELECT matches((told($$SELECT confiture.transition_create('u', 'a', 'b')$$)).detail, 'a.t: transition ''t'' already works on it', 'the same table again');
SELECT throws_ok($$SELECT confiture.transition_cutover('t')$$, 'CF031', NULL, 'the cutover before its time');
UPDATE confiture.transition SET options = options || '{"lock_retries": 1}' WHERE name = 't';
BEGIN;
UPDATE a.t SET id = 1 WHERE false;
PREPARE TRANSACTION 'left behind';
SELECT matches((told($$SELECT confiture.transition_capture('t')$$)).detail,
    '^Prepared transaction ''left behind'' \(role .*\) holds RowExclusiveLock on a.t, for .* s: COMMIT PREPARED or ROLLBACK PREPARED.$', 'a prepared transaction is named');
SELECT is(confiture.transition_status('t') #>> '{blockers,0,prepared}', 'left behind', 'in the status too');
ROLLBACK PREPARED 'left behind';
SELECT lives_ok($$SELECT confiture.transition_capture('t')$$, 'it was in the way');
INSERT INTO a.t VALUES (1);
CALL confiture.transition_run('t');
SELECT doesnt_match((told($$SELECT confiture.transition_create('u', 'a', 'b')$$)).hint, 'Drop the triggers', 'triggers that are needed are not to be dropped');
SELECT doesnt_match((told($$SELECT confiture.transition_create('u', 'a', 'b')$$)).hint, 'TRUNCATE', 'nor is what is mirrored to be emptied');
SELECT throws_ok($$UPDATE confiture.transition_table SET columns = '{"id": "id + 1"}' WHERE source = 'a.t'::regclass$$, 'CF031',
    'transition ''t'' is validated: the mapping of a.t can''t be changed any more', 'the mapping stays what it was when rows were copied');
CREATE SCHEMA c;
SELECT is((told($$SELECT confiture.transition_create('u', 'b', 'c')$$)).detail, 'table c.t does not exist.', 'a change log is no table to move');
SELECT lives_ok($$SELECT confiture.transition_abort('t')$$, 'a transition can be dropped');
SELECT tables('CREATE TABLE t (id int); CREATE TABLE u (id int PRIMARY KEY); CREATE RULE r AS ON UPDATE TO u DO INSTEAD NOTHING',
    'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)');
SELECT is((told($$SELECT confiture.transition_create('u', 'a', 'b')$$)).hint, E'Give it a primary key.\nDrop the rules.', 'advice is in the order of the problems');

-- A mapping: renamed, computed, added and dropped columns, another type.
SELECT tables($$
    CREATE TYPE mood AS ENUM ('good', 'bad');
    CREATE TABLE orders (no serial PRIMARY KEY, total numeric(10,2) NOT NULL, name text, mood mood, old text DEFAULT 'was', "Odd one" int);
    INSERT INTO orders (total, name, mood, old, "Odd one") SELECT i, CASE WHEN i % 2 = 0 THEN 'n' || i END, 'good', 'o' || i, i FROM generate_series(1, 20) AS i;
    COMMENT ON TABLE orders IS 'all orders'; COMMENT ON COLUMN orders.total IS 'in euros'; COMMENT ON COLUMN orders.name IS 'who';
    $$, $$
    CREATE TABLE orders_2 (id bigserial PRIMARY KEY, cents bigint NOT NULL CHECK (cents >= 0), customer varchar(20), mood text,
        since date NOT NULL DEFAULT '2020-01-01', "Odd one" bigint, twice bigint GENERATED ALWAYS AS (cents * 2) STORED);
    CREATE INDEX ON orders_2 (customer); CREATE UNIQUE INDEX odd ON orders_2 ("Odd one") WHERE "Odd one" > 0;
    COMMENT ON INDEX odd IS 'an odd index';
    $$);
CREATE ROLE transition_clerk; CREATE ROLE transition_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON a.orders TO transition_clerk; GRANT USAGE ON SEQUENCE a.orders_no_seq TO transition_clerk;
GRANT USAGE ON SCHEMA a, b TO transition_clerk; GRANT ALL ON SCHEMA a, b TO transition_owner;
ALTER TABLE a.orders OWNER TO transition_owner;
ALTER TABLE a.orders SET (fillfactor = 70); ALTER TABLE a.orders REPLICA IDENTITY FULL;
CREATE PUBLICATION some_of_it FOR TABLE a.orders;
SELECT confiture.transition_create('t', 'a', 'b', '{"tables": {"orders": {"target": "orders_2",
    "columns": {"id": "no", "cents": "(total * 100)::bigint", "customer": "source.name", "mood": "mood::text"},
    "back": {"total": "cents / 100.0", "name": "customer", "mood": "mood::a.mood", "old": "''gone''"}}}}') IS NOT NULL AS made \gset
SELECT is((SELECT columns FROM confiture.transition_table WHERE transition = (SELECT max(id) FROM confiture.transition)),
    '{"id": "no", "cents": "(total * 100)::bigint", "customer": "name", "mood": "mood::text", "since": "''2020-01-01''::date", "Odd one": "\"Odd one\""}'::jsonb,
    'the mapping: given, of the same name, by default');
CALL confiture.transition_run('t', 'captured');
SELECT throws_ok('INSERT INTO b.orders_2 (cents) VALUES (1)', 'CF033', NULL, 'the target is not written before its time');
SELECT throws_ok('INSERT INTO a.orders (total) VALUES (-5); SELECT confiture.transition_copy(''t'')', '23514', NULL, 'a row that the target does not take is named');
UPDATE a.orders SET name = 'x', total = 7.77 WHERE no = 3;
CALL confiture.transition_run('t', 'mirrored');
SELECT results_eq('SELECT id, cents, customer, mood, since, "Odd one", twice FROM b.orders_2 WHERE id IN (2, 3) ORDER BY id',
    $$VALUES (2::bigint, 200::bigint, 'n2'::varchar, 'good', '2020-01-01'::date, 2::bigint, 400::bigint), (3, 777, 'x', 'good', '2020-01-01', 3, 1554)$$,
    'rows arrive');
SELECT is((SELECT relowner::regrole::text FROM pg_class WHERE oid = 'b.orders_2'::regclass), 'transition_owner', 'the owner follows');
SELECT ok(has_table_privilege('transition_clerk', 'b.orders_2', 'SELECT, INSERT'), 'privileges follow');
SELECT ok(has_sequence_privilege('transition_clerk', 'b.orders_2_id_seq', 'USAGE'), 'those of sequences too');
SELECT is(obj_description('b.orders_2'::regclass), 'all orders', 'the comment follows');
SELECT is((SELECT reloptions FROM pg_class WHERE oid = 'b.orders_2'::regclass), '{fillfactor=70}', 'storage parameters follow');
SELECT is((SELECT relreplident FROM pg_class WHERE oid = 'b.orders_2'::regclass), 'f', 'the replica identity follows');
SELECT is((SELECT count(*) FROM pg_indexes WHERE tablename = 'orders_2'), 3::bigint, 'the indexes are back');
SELECT is(obj_description('b.odd'::regclass), 'an odd index', 'with their comments');

-- Old and new version write, as a role with no rights but on its own tables.
SET ROLE transition_clerk;
INSERT INTO a.orders (total, name, "Odd one") VALUES (1.5, 'old', 101), (2.5, 'old', 102);
INSERT INTO b.orders_2 (cents, customer, since, "Odd one") VALUES (350, 'new', '2026-01-01', 103);
UPDATE b.orders_2 SET cents = 1000, since = '2025-05-05' WHERE id = 5;
UPDATE a.orders SET name = 'again' WHERE no = 5;
DELETE FROM b.orders_2 WHERE id = 6;
UPDATE a.orders SET "Odd one" = 200 WHERE no = 7;
RESET ROLE;
SELECT results_eq($$SELECT total, name, old, "Odd one" FROM a.orders WHERE "Odd one" > 100 AND "Odd one" < 150 ORDER BY "Odd one"$$,
    $$VALUES (1.50, 'old', 'was', 101), (2.50, 'old', 'was', 102), (3.50, 'new', 'gone', 103)$$, 'both versions insert');
SELECT results_eq('SELECT total, name, old FROM a.orders WHERE no = 5', $$VALUES (10.00, 'again', 'o5')$$, 'a dropped column keeps its value');
SELECT results_eq('SELECT cents, customer, since FROM b.orders_2 WHERE id = 5', $$VALUES (1000::bigint, 'again'::varchar, '2025-05-05'::date)$$, 'an added one too');
SELECT is((SELECT count(*) FROM a.orders WHERE no = 6), 0::bigint, 'a delete goes back');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
SELECT throws_ok('UPDATE a.orders SET total = -1 WHERE no = 8', '23514', NULL, 'a check of the other side fails the write');

-- A difference is found, refuses the cutover, and is repaired.
ALTER TABLE b.orders_2 DISABLE TRIGGER confiture_transition;
UPDATE b.orders_2 SET customer = 'wrong' WHERE id = 9;
DELETE FROM b.orders_2 WHERE id = 10;
INSERT INTO b.orders_2 (id, cents) VALUES (1000, 5);
ALTER TABLE b.orders_2 ENABLE ALWAYS TRIGGER confiture_transition;
SELECT results_eq($$SELECT key, difference, source_row ->> 'name', target_row ->> 'customer' FROM confiture.transition_validate('t')$$,
    $$VALUES ('{10}'::text[], 'only in the source', 'n10', NULL), ('{1000}', 'only in the target', NULL, NULL), ('{9}', 'different', NULL, 'wrong')$$, 'differences are found');
SELECT throws_ok($$SELECT confiture.transition_cutover('t')$$, 'CF035', NULL, 'the cutover is refused');
SELECT is(confiture.transition_repair('t'), 3::bigint, 'they are repaired');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal again');

SELECT is(confiture.transition_cutover('t'), 'cut_over', 'the cutover');
SELECT is((SELECT string_agg(format('%s.%s', n.nspname, c.relname), ' ') FROM pg_publication_rel AS r JOIN pg_class AS c ON c.oid = r.prrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace), 'a.orders', 'the publication follows');
SELECT has_column('a', 'orders', 'cents', 'the new table has the old name');
SELECT is(confiture.transition_contract('t'), 'contracted', 'the end');
INSERT INTO a.orders (cents) VALUES (1);
SELECT is((SELECT seqincrement FROM pg_sequence AS s JOIN pg_depend AS d ON d.objid = s.seqrelid WHERE d.refobjid = 'a.orders'::regclass AND d.deptype = 'a'), 1::bigint, 'the sequence counts as before');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'confiture%'), 0::bigint, 'no trigger is left');
SELECT is((SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'b'), 0::bigint, 'the other schema is empty');
DROP PUBLICATION some_of_it;
DROP SCHEMA a CASCADE;
DROP SCHEMA b CASCADE;
DROP ROLE transition_clerk, transition_owner;
SELECT * FROM finish();
