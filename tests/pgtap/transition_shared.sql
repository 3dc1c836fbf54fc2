-- Transitions that split one table into two, and merge two into one.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(68);

\ir lib/transition.psql
-- The mapping of a split of w into p and q; parts of it are added to both.
CREATE FUNCTION split(first jsonb DEFAULT '{}', second jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('tables', jsonb_build_object('w', jsonb_build_object('targets',
        jsonb_build_array('{"target": "p"}'::jsonb || first, '{"target": "q"}'::jsonb || second))))
$$;
CREATE FUNCTION merge(first jsonb DEFAULT '{}', second jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('tables', jsonb_build_object('p', '{"target": "w"}'::jsonb || first,
        'q', '{"target": "w", "secondary": true}'::jsonb || second))
$$;

-- What is refused. The tables of a split, the other way round those of a merge.
SELECT tables('CREATE TABLE w (id int PRIMARY KEY, x int, y int)', 'CREATE TABLE p (id int PRIMARY KEY, x int); CREATE TABLE q (id int PRIMARY KEY, y int)');
SELECT is(refusal(split()), NULL, 'a split by names');
SELECT throws_ok($$SELECT refusal('{"tables": {"w": {"targets": [{"target": "p"}]}}}')$$, '22023', NULL, 'a split into one');
SELECT throws_ok($$SELECT refusal('{"tables": {"w": {"targets": [{"target": "p"}, {"target": "q"}, {"target": "r"}]}}}')$$, '0A000', NULL, 'a split into three');
SELECT throws_ok($$SELECT refusal('{"tables": {"w": {"targets": {"p": {}}}}}')$$, '22023', NULL, 'targets that are no array');
SELECT throws_ok($$SELECT refusal('{"tables": {"w": {"targets": [1, 2]}}}')$$, '22023', NULL, 'targets that are no objects');
SELECT throws_ok($$SELECT refusal('{"tables": {"w": {"targets": [{"target": "p"}, {"target": "q"}]}, "v": {"target": "q"}}}')$$, '0A000', NULL, 'a split and a merge of the same table');
SELECT throws_ok($$SELECT refusal(split('{"when": "true"}'))$$, '22023', NULL, 'a condition for the main table');
SELECT throws_ok($$SELECT refusal('{"tables": {"w": {"target": "p", "secondary": true}}}')$$, '22023', NULL, 'a second table without a first');
SELECT throws_ok($$SELECT refusal('{"tables": {"w": {"target": "p", "absent": {"x": "1"}}}}')$$, '22023', NULL, 'an absent row where none can be');
SELECT is(refusal(split(second => '{"when": "z > 1"}')), 'a.w: "when": column "z" does not exist.', 'an unknown column in the condition');
SELECT is(refusal(split(second => '{"when": "y"}')), 'a.w: "when": "y" is of type integer, but the column is of type boolean.', 'a condition that is none');
SELECT matches(refusal(split(second => '{"when": "y > random()"}')), 'need not give the same result again', 'a condition that is not deterministic');
SELECT matches(refusal(split(second => '{"when": "(SELECT true)"}')), 'cannot use subquery', 'a subquery in it');
SELECT is(refusal(split(second => '{"absent": {"y": "x"}}')), 'a.w: column y: "x" in "absent" depends on the row.', 'an absent row that depends on the row');
SELECT matches(refusal(split(second => '{"absent": {"y": "''a''::text"}}')), 'column y in "absent": .* is of type text', 'of the wrong type');
SELECT is(refusal(split(second => '{"absent": {"x": "1"}}')), 'a.w: "absent" names column x, which b.q does not own.', 'of a column of the other table');
SELECT tables('CREATE TABLE w (id int PRIMARY KEY, x int, y int NOT NULL, z int)', 'CREATE TABLE p (id int PRIMARY KEY, x int); CREATE TABLE q (id int PRIMARY KEY, y int, x int)');
SELECT is(refusal(split()), E'a.w: column x belongs to both b.p and b.q.\na.w: column y is NOT NULL, but would be null where b.q has no row.\na.w: column z has no counterpart in b.p or b.q.',
    'columns that belong to both, to none, or can''t be null');
SELECT is(refusal(split('{"back": {"x": "x", "z": "NULL"}}', '{"absent": {"y": "0"}}')), NULL, 'all of it can be said');
SELECT tables('CREATE TABLE w (id int PRIMARY KEY, x int)', 'CREATE TABLE p (id int PRIMARY KEY, x int); CREATE TABLE q (id int PRIMARY KEY)');
SELECT is(refusal(split()), 'a.w: nothing in it comes from b.q.', 'a table without columns');
SELECT tables('CREATE TABLE w (id int PRIMARY KEY, x int, y int)', 'CREATE TABLE p (id int PRIMARY KEY, x int); CREATE TABLE q (id bigint PRIMARY KEY, y int)');
SELECT is(refusal(split()), 'b.q: its key does not correspond to that of b.p.', 'another type of key');
SELECT tables('CREATE TABLE w (id int PRIMARY KEY, x int, y int)', 'CREATE TABLE p (id int PRIMARY KEY, x int); CREATE TABLE q (no int PRIMARY KEY, id int, y int)');
SELECT matches(refusal(split(second => '{"columns": {"no": "y"}}')), 'b.q: it has no unique key over the columns that hold the key', 'another key');
SELECT tables('CREATE TABLE w (id int PRIMARY KEY, x int, y int); CREATE VIEW q AS SELECT 1 AS z', 'CREATE TABLE p (id int PRIMARY KEY, x int); CREATE TABLE q (id int PRIMARY KEY, y int)');
SELECT is(refusal(split()), 'b.q: there is a.q already, where the cutover would put it.', 'a name that is taken');
SELECT is(refusal(split(), '{"swap": "schema"}'), NULL, 'which swap schema does not mind');
SELECT tables('CREATE TABLE w (id int PRIMARY KEY, x int, y int); CREATE TABLE c (id int PRIMARY KEY REFERENCES w)',
    'CREATE TABLE p (id int PRIMARY KEY, x int); CREATE TABLE q (id int PRIMARY KEY REFERENCES p ON DELETE CASCADE, y int); CREATE TABLE c (id int PRIMARY KEY REFERENCES q)');
SELECT matches(refusal(jsonb_set(split(), '{tables,c}', '{}')), 'b.q: a foreign key refers to it: c_id_fkey of b.c', 'a foreign key to a row that can be absent');
SELECT tables('CREATE TABLE w (id int PRIMARY KEY, x int, y int REFERENCES w); CREATE TABLE c (id int PRIMARY KEY REFERENCES w)',
    'CREATE TABLE p (id int PRIMARY KEY, x int); CREATE TABLE q (id int PRIMARY KEY REFERENCES p, y int REFERENCES p); CREATE TABLE c (id int PRIMARY KEY REFERENCES p)');
SELECT is(refusal(jsonb_set(split(), '{tables,c}', '{}')), NULL, 'foreign keys to the main table, and between the two');
SELECT tables('CREATE TABLE w (id int PRIMARY KEY, x int, y int REFERENCES w)', 'CREATE TABLE p (id int PRIMARY KEY, x int); CREATE TABLE q (id int PRIMARY KEY REFERENCES p, y int)');
SELECT is(refusal(split()), 'a.w: foreign key w_y_fkey has no counterpart in b.p.
a.w: foreign key w_y_fkey has no counterpart in b.q.', 'a foreign key of the wide table only');
SELECT tables('CREATE TABLE p (id int PRIMARY KEY, x int, n int); CREATE TABLE q (id int PRIMARY KEY, y int, n int)', 'CREATE TABLE w (id int PRIMARY KEY, x int, y int, n int, m int DEFAULT 3)');
SELECT is(refusal(merge()), 'b.w: column n belongs to both a.p and a.q.', 'a merge: a column of both');
SELECT matches(refusal(merge('{"columns": {"n": "n"}}')), 'a.q: column n has no counterpart in b.w', 'it is lost of one of them');
SELECT is(refusal(merge('{"columns": {"n": "n"}}', '{"back": {"n": "0"}}')), NULL, 'unless the way back is known');
SELECT throws_ok($$SELECT refusal(merge(first => '{"secondary": true}'))$$, '22023', NULL, 'two second tables');
CREATE ROLE transition_somebody;
ALTER TABLE a.q OWNER TO transition_somebody;
SELECT matches(refusal(merge()), 'a.p and a.q, which become one, have different owners', 'tables of two owners can''t become one');
ALTER TABLE a.q OWNER TO CURRENT_USER;
DROP ROLE transition_somebody;
SELECT throws_ok($$SELECT refusal(jsonb_set(merge(), '{tables,r}', '{"target": "w"}'))$$, '0A000', NULL, 'a merge of three');
SELECT is((SELECT count(*) FROM confiture.transition WHERE live), 0::bigint, 'what was refused left nothing');

-- A split, through all states.
SELECT tables($$
    CREATE TABLE w (id bigserial PRIMARY KEY, name text NOT NULL, street text, city text, zip text NOT NULL DEFAULT '', fax text);
    INSERT INTO w (name, street, city, zip, fax) SELECT 'n' || i, CASE WHEN i % 3 > 0 THEN 's' || i END, CASE WHEN i % 3 > 0 THEN 'c' || i END, '', 'f' || i
        FROM generate_series(1, 100) AS i;
    $$, $$
    CREATE TABLE p (id bigserial PRIMARY KEY, name text NOT NULL, since date DEFAULT '2020-01-01');
    CREATE TABLE q (p bigint PRIMARY KEY REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE, street text NOT NULL CHECK (street <> 'bad'), town text, zip text);
    CREATE UNIQUE INDEX ON q (town);
    $$);
CREATE VIEW differences AS
    SELECT * FROM (SELECT id, name, street, city, zip FROM a.w EXCEPT ALL SELECT p.id, p.name, q.street, q.town, coalesce(q.zip, '') FROM b.p LEFT JOIN b.q ON q.p = p.id) AS one
    UNION ALL SELECT * FROM (SELECT p.id, p.name, q.street, q.town, coalesce(q.zip, '') FROM b.p LEFT JOIN b.q ON q.p = p.id EXCEPT ALL SELECT id, name, street, city, zip FROM a.w) AS two;
SELECT confiture.transition_create('t', 'a', 'b', split('{"back": {"fax": "''gone''"}}',
    '{"columns": {"p": "id", "town": "city"}, "when": "street IS NOT NULL", "absent": {"zip": "''''"}}')) > 0 AS made;
CALL confiture.transition_run('t', 'captured');
SELECT throws_ok('INSERT INTO b.q VALUES (1, ''x'')', 'CF033', NULL, 'a target is not written before its time');
SELECT confiture.transition_copy('t', 1) > 0 AS copied;
UPDATE a.w SET street = NULL, city = NULL WHERE id = 1;
UPDATE a.w SET street = 'late', city = 'late' WHERE id = 3;
UPDATE a.w SET city = CASE id WHEN 4 THEN 'c5' WHEN 5 THEN 'c4' END WHERE id IN (4, 5);
DELETE FROM a.w WHERE id = 7;
UPDATE a.w SET id = 1008 WHERE id = 8;
CALL confiture.transition_run('t', 'validated');
SELECT is_empty('TABLE differences', 'what was written during the copy has arrived');
SELECT is((SELECT count(*) FROM b.q), (SELECT count(*) FROM a.w WHERE street IS NOT NULL), 'absent rows are absent');
INSERT INTO a.w (name, street, city) VALUES ('old', 's', 'new city'), ('older', NULL, NULL);
UPDATE a.w SET street = NULL, city = NULL WHERE id = 10;
UPDATE a.w SET street = 'moved in' WHERE id = 12;
UPDATE a.w SET name = 'renamed' WHERE id IN (13, 15);
UPDATE a.w SET id = 1014 WHERE id = 14;
DELETE FROM a.w WHERE id = 16;
SELECT is_empty('TABLE differences', 'the old version: insert, update, key change, delete');
SELECT results_eq('SELECT p FROM b.q WHERE p IN (10, 12, 14, 16, 1014) ORDER BY 1', 'VALUES (12::bigint), (1014)', 'rows of the second table come and go');
INSERT INTO b.p (id, name) VALUES (2000, 'new'), (2001, 'alone');
INSERT INTO b.q VALUES (2000, 'street', 'town', 'zip');
UPDATE b.q SET street = 'other' WHERE p = 17;
DELETE FROM b.q WHERE p = 19;
UPDATE b.p SET id = 2020 WHERE id = 20;
DELETE FROM b.p WHERE id = 22;
UPDATE b.p SET name = 'newly' WHERE id = 23;
BEGIN;
INSERT INTO b.p (id, name) VALUES (2002, 'x');
INSERT INTO b.q VALUES (2002, 'street', 'more', 'zip');
UPDATE a.w SET city = 'yet another' WHERE id = 2002;
SAVEPOINT s;
DELETE FROM b.p WHERE id = 2002;
ROLLBACK TO s;
COMMIT;
SELECT is_empty('TABLE differences', 'the new version: the same, and cascades');
SELECT results_eq('SELECT street, city, zip, fax FROM a.w WHERE id IN (19, 2000, 2001) ORDER BY id',
    $$VALUES (NULL::text, NULL::text, '', 'f19'), ('street', 'town', 'zip', 'gone'), (NULL, NULL, '', 'gone')$$, 'absent values; dropped columns keep theirs');
SELECT throws_ok('UPDATE a.w SET street = ''bad'' WHERE id = 25', '23514', NULL, 'a check of the second table fails the write');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
SELECT throws_ok('TRUNCATE b.q', '0A000', NULL, 'the second table is not truncated alone');
ALTER TABLE b.q DISABLE TRIGGER confiture_transition_2;
UPDATE b.q SET street = 'wrong' WHERE p = 26;
DELETE FROM b.q WHERE p = 28;
INSERT INTO b.q VALUES (27, 'extra', 'extra');
ALTER TABLE b.q ENABLE ALWAYS TRIGGER confiture_transition_2;
SELECT results_eq($$SELECT key, difference FROM confiture.transition_validate('t')$$,
    $$VALUES ('{26}'::text[], 'different'), ('{27}', 'different'), ('{28}', 'only in the source')$$, 'differences of the second table are found');
SELECT throws_ok($$SELECT confiture.transition_cutover('t')$$, 'CF035', NULL, 'and refuse the cutover');
SELECT is(confiture.transition_repair('t'), 3::bigint, 'they are repaired');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal again');
CREATE PUBLICATION some_of_it FOR TABLE a.w;
SELECT is(confiture.transition_cutover('t'), 'cut_over', 'the cutover');
SELECT is((SELECT array_agg(format('%s.%s', n.nspname, c.relname) ORDER BY 1) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname IN ('a', 'b') AND c.relname IN ('w', 'p', 'q')), '{a.p,a.q,b.w}', 'the tables have changed their schemas, not their names');
SELECT is((SELECT string_agg(prrelid::regclass::text, ' ' ORDER BY prrelid::regclass::text) FROM pg_publication_rel), 'a.p a.q', 'both are published');
INSERT INTO b.w (name, street, city) VALUES ('still old', 'x', 'y');
SELECT is(confiture.transition_rollback('t'), 'rolled_back', 'and back');
SELECT is((SELECT string_agg(prrelid::regclass::text, ' ') FROM pg_publication_rel), 'a.w', 'the publication too');
DROP PUBLICATION some_of_it;
SELECT is_empty('TABLE differences', 'nothing is lost');
DROP VIEW differences;
CALL confiture.transition_run('t', 'contracted');
SELECT is((SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'b'), 0::bigint, 'the wide table is gone');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'confiture%'), 0::bigint, 'no trigger is left');

-- A merge.
SELECT tables($$
    CREATE TABLE p (id serial PRIMARY KEY, name text NOT NULL, n int);
    CREATE TABLE q (p int PRIMARY KEY REFERENCES p, theme text NOT NULL, code text UNIQUE);
    INSERT INTO p (name) SELECT 'n' || i FROM generate_series(1, 100) AS i;
    INSERT INTO q SELECT i, 't' || i, 'c' || i FROM generate_series(1, 100) AS i WHERE i % 3 > 0;
    GRANT SELECT ON q TO PUBLIC;
    $$, 'CREATE TABLE w (id serial PRIMARY KEY, name text NOT NULL, theme text, code text UNIQUE, n int NOT NULL DEFAULT 3)');
SELECT confiture.transition_create('t', 'a', 'b', merge('{"columns": {"n": "coalesce(n, 0)"}, "back": {"n": "n"}}', '{"back": {"p": "id"}, "when": "theme IS NOT NULL"}')) > 0 AS made;
CREATE VIEW differences AS
    SELECT * FROM (SELECT id, name, theme, code, coalesce(n, 0) FROM a.p LEFT JOIN a.q ON p = id EXCEPT ALL SELECT id, name, theme, code, n FROM b.w) AS one
    UNION ALL SELECT * FROM (SELECT id, name, theme, code, n FROM b.w EXCEPT ALL SELECT id, name, theme, code, coalesce(n, 0) FROM a.p LEFT JOIN a.q ON p = id) AS two;
CALL confiture.transition_run('t', 'captured');
SELECT confiture.transition_copy('t', 1) > 0 AS copied;
UPDATE a.q SET code = CASE p WHEN 4 THEN 'x' ELSE code END WHERE p = 4;
UPDATE a.q SET code = 'c4' WHERE p = 5;
UPDATE a.q SET code = 'c5' WHERE p = 4;
DELETE FROM a.q WHERE p = 7;
DELETE FROM a.q WHERE p = 8;
DELETE FROM a.p WHERE id = 8;
INSERT INTO a.p VALUES (1000, 'late');
INSERT INTO a.q VALUES (1000, 'late', 'c8');
UPDATE a.q SET p = 9 WHERE p = 10;
CALL confiture.transition_run('t', 'validated');
SELECT is_empty('TABLE differences', 'what was written during the copy has arrived, of both');
SELECT is(has_table_privilege('public', 'b.w', 'SELECT'), false, 'who may see one table may not see both');
INSERT INTO a.p VALUES (1001, 'old');
INSERT INTO a.q VALUES (1001, 't', 'c1001'), (12, 'came', 'c12');
UPDATE a.q SET theme = 'changed' WHERE p = 13;
UPDATE a.q SET p = 15 WHERE p = 14;
DELETE FROM a.q WHERE p = 16;
UPDATE a.p SET name = 'renamed', n = 8 WHERE id IN (17, 18);
DELETE FROM a.q WHERE p = 19;
DELETE FROM a.p WHERE id IN (19, 21);
SELECT is_empty('TABLE differences', 'the old version writes two tables');
INSERT INTO b.w (id, name, theme) VALUES (2000, 'new', 'dark'), (2001, 'plain', NULL);
UPDATE b.w SET theme = NULL, code = NULL WHERE id = 22;
UPDATE b.w SET theme = 'light' WHERE id = 24;
UPDATE b.w SET name = 'changed' WHERE id = 25;
UPDATE b.w SET id = 2026 WHERE id = 26;
DELETE FROM b.w WHERE id = 28;
SELECT is_empty('TABLE differences', 'the new version writes one');
SELECT results_eq('SELECT p FROM a.q WHERE p IN (22, 24, 26, 28, 2000, 2001, 2026) ORDER BY 1', 'VALUES (24), (2000), (2026)', 'rows of the second table come and go');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
ALTER TABLE b.w DISABLE TRIGGER USER;
UPDATE b.w SET theme = 'wrong' WHERE id = 29;
DELETE FROM b.w WHERE id = 31;
UPDATE b.w SET theme = 'x' WHERE id = 33;
ALTER TABLE b.w ENABLE ALWAYS TRIGGER confiture_transition, ENABLE ALWAYS TRIGGER confiture_transition_2,
    ENABLE ALWAYS TRIGGER confiture_transition_truncate, ENABLE ALWAYS TRIGGER confiture_transition_truncate_2;
SELECT is(confiture.transition_repair('t'), 3::bigint, 'differences are repaired');
SELECT is_empty('TABLE differences', 'out of both tables');
TRUNCATE a.p, a.q;
SELECT is((SELECT count(*) FROM b.w), 0::bigint, 'TRUNCATE of both');
INSERT INTO b.w (name, theme) VALUES ('one', 'dark');
TRUNCATE b.w;
SELECT is((SELECT count(*) FROM a.p) + (SELECT count(*) FROM a.q), 0::bigint, 'TRUNCATE of the wide table empties both, in spite of the foreign key between them');
SELECT is(confiture.transition_abort('t'), 'aborted', 'the end');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'confiture%') + (SELECT count(*) FROM pg_class WHERE relname LIKE 'confiture\_log%'), 0::bigint, 'leaves no trace');
DROP VIEW differences;
DROP SCHEMA a CASCADE;
DROP SCHEMA b CASCADE;
-- The plan of a merge measures the main table, also where the other one fills columns that are NOT NULL.
SELECT tables('CREATE TABLE p (id int PRIMARY KEY, x int); CREATE TABLE q (id int PRIMARY KEY, y int NOT NULL); INSERT INTO p SELECT generate_series(1, 100)',
    'CREATE TABLE w (id int PRIMARY KEY, x int, y int NOT NULL)');
SELECT confiture.transition_create('m', 'a', 'b', merge(second => '{"absent": {"y": "0"}}')) IS NOT NULL AS made \gset
SELECT matches((SELECT estimate FROM confiture.transition_plan('m') WHERE step = 'copy' AND relation = 'a.p'), '^100 rows; 100 of them took', 'it is measured');
SELECT confiture.transition_abort('m') AS aborted \gset
SELECT * FROM finish();
