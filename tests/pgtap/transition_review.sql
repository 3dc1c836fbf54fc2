-- Transitions: keys of a fixed length; what others may write in the tables of Confiture, and by
-- triggers of their own.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(33);

CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE DOMAIN code AS char(10);
CREATE TABLE a.chars (id char(10) PRIMARY KEY, v int);
CREATE TABLE b.chars (id char(10) PRIMARY KEY, v int);
CREATE TABLE a.bits (id bit(12) PRIMARY KEY, v int);
CREATE TABLE b.bits (id bit(12) PRIMARY KEY, v int);
CREATE TABLE a.codes (id code PRIMARY KEY, v int);
CREATE TABLE b.codes (id code PRIMARY KEY, v int);
INSERT INTO a.chars SELECT 'K' || lpad(i::text, 9, '0'), i FROM generate_series(1, 3000) AS i;
INSERT INTO a.bits SELECT i::bit(12), i FROM generate_series(1, 3000) AS i;
INSERT INTO a.codes SELECT 'K' || lpad(i::text, 9, '0'), i FROM generate_series(1, 3000) AS i;
CREATE VIEW differences AS
    SELECT 'chars' FROM a.chars FULL JOIN b.chars USING (id) WHERE a.chars.v IS DISTINCT FROM b.chars.v
    UNION ALL SELECT 'bits' FROM a.bits FULL JOIN b.bits USING (id) WHERE a.bits.v IS DISTINCT FROM b.bits.v
    UNION ALL SELECT 'codes' FROM a.codes FULL JOIN b.codes USING (id) WHERE a.codes.v IS DISTINCT FROM b.codes.v;
SELECT confiture.transition_create('t', 'a', 'b') > 0 AS created;
-- A copy whose bounds are cut off would never end.
SET statement_timeout = '60s';
CALL confiture.transition_run('t', 'catching_up');
SELECT is_empty('TABLE differences', 'keys of a fixed length are copied whole');
INSERT INTO a.chars VALUES ('K', 0);
INSERT INTO a.codes VALUES ('K', 0);
DELETE FROM a.chars WHERE id = 'K000000005';
DELETE FROM a.codes WHERE id = 'K000000005';
DELETE FROM a.bits WHERE id = B'000000000101';
UPDATE a.bits SET v = -1 WHERE id = B'100000000000';
CALL confiture.transition_run('t', 'mirrored');
SELECT is_empty('TABLE differences', 'and found again in the change log');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
ALTER TABLE b.chars DISABLE TRIGGER USER;
ALTER TABLE b.bits DISABLE TRIGGER USER;
UPDATE b.chars SET v = -7 WHERE id = 'K000000007';
UPDATE b.bits SET v = -7 WHERE id = B'000000000111';
ALTER TABLE b.chars ENABLE ALWAYS TRIGGER confiture_transition, ENABLE ALWAYS TRIGGER confiture_transition_truncate;
ALTER TABLE b.bits ENABLE ALWAYS TRIGGER confiture_transition, ENABLE ALWAYS TRIGGER confiture_transition_truncate;
SELECT is(confiture.transition_repair('t'), 2::bigint, 'rows are repaired by them');
SELECT is_empty('TABLE differences', 'each the right one');
SELECT is(confiture.transition_abort('t'), 'aborted', 'aborted');
-- A table that was emptied during the copy.
SELECT confiture.transition_create('t', 'a', 'b') > 0 AS created;
CALL confiture.transition_run('t', 'catching_up');
TRUNCATE a.chars, a.bits, a.codes;
INSERT INTO a.chars VALUES ('K000000001', 1);
CALL confiture.transition_run('t', 'mirrored');
SELECT is_empty('TABLE differences', 'TRUNCATE');
RESET statement_timeout;
SELECT confiture.transition_abort('t') AS aborted;

DROP SCHEMA a CASCADE;
DROP SCHEMA b CASCADE;

-- A migrator writes what belongs to another's transition.
CREATE ROLE review_victim;
CREATE ROLE review_thief;
SELECT confiture.grant_usage(r, 'migrator') FROM unnest('{review_victim,review_thief}'::name[]) AS r;
SELECT format('GRANT CREATE ON DATABASE %I TO review_victim, review_thief', current_database()) \gexec
SET ROLE review_victim;
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.t (id bigint PRIMARY KEY, v bigint);
CREATE TABLE b.t (id bigint PRIMARY KEY, v bigint);
CREATE INDEX t_v ON b.t (v);
ALTER TABLE b.t ADD UNIQUE (v, id);
ALTER TABLE a.t ADD CONSTRAINT t_fk FOREIGN KEY (v) REFERENCES a.t (id);
ALTER TABLE b.t ADD CONSTRAINT t_fk FOREIGN KEY (v) REFERENCES b.t (id);
INSERT INTO a.t SELECT i, i FROM generate_series(1, 10) AS i;
SELECT confiture.transition_create('e', 'a', 'b') AS id \gset
CALL confiture.transition_run('e', 'catching_up');
SELECT p.id AS pair, p.log::oid AS log, p.source::oid AS source FROM confiture.transition_table AS p WHERE p.transition = :id \gset
RESET ROLE;
SET SESSION AUTHORIZATION review_thief;
CREATE SCHEMA mine;
CREATE TABLE mine.a (id bigint PRIMARY KEY, v bigint);
CREATE TABLE mine.b (id bigint PRIMARY KEY, v bigint);
SELECT throws_ok(format($$UPDATE confiture.transition_table SET columns = '{"id": "id", "v": "mine.f(v)"}' WHERE transition = %s$$, :id), 'CF030', NULL, 'not its expressions');
SELECT throws_ok(format($$UPDATE confiture.transition_table SET indexes = '[{"name": "x", "definition": "ALTER ROLE review_thief SUPERUSER"}]' WHERE transition = %s$$, :id), 'CF030', NULL, 'not its indexes');
SELECT throws_ok(format($$DELETE FROM confiture.transition_table WHERE transition = %s$$, :id), 'CF030', NULL, 'no row goes');
SELECT throws_ok(format($$UPDATE confiture.transition SET state = 'cut_over' WHERE id = %s$$, :id), 'CF030', NULL, 'not its state');
SELECT throws_ok(format($$INSERT INTO confiture.transition_table (transition, ordinal, source, target, source_name, target_name, source_key, target_key, columns, back)
    VALUES (%s, 9, 'mine.a', 'mine.b', 'x', 'y', '{id}', '{id}', '{}', '{}')$$, :id), 'CF030', NULL, 'no row comes');
SELECT throws_ok(format($$INSERT INTO confiture.transition_remote (transition, side, token) VALUES (%s, 'target', gen_random_uuid())$$, :id), 'CF030', NULL, 'it does not become remote');
-- And in his own, which another may run.
INSERT INTO confiture.transition (name, source_schema, target_schema, options) VALUES ('own', 'mine', 'mine', confiture._transition_options('{}')) RETURNING id AS own \gset
INSERT INTO confiture.transition_table (transition, ordinal, source, target, source_name, target_name, source_key, target_key, columns, back)
    VALUES (:own, 1, 'mine.a', 'mine.b', 'mine.a', 'mine.b', '{id}', '{id}', '{"id": "id", "v": "v"}', '{"id": "id", "v": "v"}');
SELECT throws_ok(format('UPDATE confiture.transition_table SET log = %s::oid WHERE transition = %s', :log, :own), 'CF030', NULL, 'his log is his own');
SELECT throws_ok(format('UPDATE confiture.transition_table SET source = %s::oid WHERE transition = %s', :source, :own), 'CF030', NULL, 'and his source');
SELECT throws_ok(format($$UPDATE confiture.transition_table SET sequences = '[{"own": %s}]' WHERE transition = %s$$, :source, :own), 'CF030', NULL, 'and his sequences');
SELECT throws_ok(format('UPDATE confiture.transition_table SET transition = %s WHERE transition = %s', :id, :own), '42501', NULL, 'which stay where they are');
SELECT throws_ok(format($$UPDATE confiture.transition SET source_schema = 'a', target_schema = 'b' WHERE id = %s$$, :own), '42501', NULL, 'its schemas too');
SELECT throws_ok($$INSERT INTO confiture.transition (name, source_schema, target_schema, options) VALUES ('swap', 'a', 'b', '{"swap": "schema"}')$$, 'CF030', NULL, 'schemas of others do not change places');
SELECT throws_ok(format($$UPDATE confiture.transition_table SET columns = '{"id": "id", "v": "1); ALTER ROLE review_thief SUPERUSER; --"}' WHERE transition = %s$$, :own), 'CF030', NULL, 'an expression is one');
SELECT throws_ok(format($$UPDATE confiture.transition_table SET back = '{"v": "1), (2"}' WHERE transition = %s$$, :own), 'CF030', NULL, 'and not two');
SELECT throws_ok(format($$UPDATE confiture.transition_table SET absent = '{"v": "true) FROM mine.a WHERE (true"}', main = false, shape = 'split', sibling = 1 WHERE transition = %s$$, :own), 'CF030', NULL, 'nor a query');
SELECT throws_ok(format('UPDATE confiture.transition_table SET columns = %L WHERE transition = %s',
    jsonb_build_object('v', $$'\'); ALTER ROLE review_thief SUPERUSER; --'$$), :own), 'CF030', NULL, 'as every session reads it');
UPDATE confiture.transition_table SET indexes = '[{"name": "x", "definition": "ALTER ROLE review_thief SUPERUSER"}]' WHERE transition = :own;
RESET SESSION AUTHORIZATION;
SELECT throws_ok(format('SELECT confiture._transition_index(p) FROM confiture.transition_table AS p WHERE p.transition = %s', :own), '42P17', NULL, 'what is run as an index, is one');
SELECT throws_ok($$SELECT confiture._transition_definition('mine.b', NULL, 'CREATE INDEX ON a.t (v)')$$, '42P17', NULL, 'of that table');
SELECT throws_ok($$SELECT confiture._transition_definition('mine.b', 'x', 'CHECK (true), OWNER TO postgres')$$, '42P17', NULL, 'a constraint is one too');
SELECT throws_ok($$SELECT confiture._transition_definition('mine.b', NULL, 'CREATE INDEX ON mine.b (v) TABLESPACE pg_default')$$, '42P17', NULL, 'in no tablespace');
SELECT throws_ok($$SELECT confiture._transition_definition('mine.b', 'x', 'UNIQUE (v) USING INDEX TABLESPACE pg_default')$$, '42P17', NULL, 'neither one of a constraint');
SELECT is(confiture._transition_definition('mine.b', 'x', 'UNIQUE (v)'), 'ALTER TABLE mine.b ADD CONSTRAINT x UNIQUE (v)', 'and is added');
-- Who may, goes on: here a superuser.
CALL confiture.transition_run('e', 'mirrored');
SELECT is((SELECT string_agg(i.indexrelid::regclass::text, ', ' ORDER BY i.indexrelid::regclass::text) FROM pg_index AS i WHERE i.indrelid = 'b.t'::regclass),
    'b.t_pkey, b.t_v, b.t_v_id_key', 'indexes come back');
SELECT is((SELECT conname FROM pg_constraint WHERE conrelid = 'b.t'::regclass AND contype = 'f'), 't_fk', 'foreign keys too');

-- A door, and a change log, that are none.
SELECT p.id AS pair FROM confiture.transition_table AS p WHERE p.transition = :own \gset
SET SESSION AUTHORIZATION review_thief;
CREATE VIEW mine.door AS SELECT 'x'::text AS id, 'y'::text AS v, 'p'::"char" AS what;
SELECT format('CREATE TRIGGER door INSTEAD OF INSERT ON mine.door FOR EACH ROW EXECUTE FUNCTION confiture._transition_door(%L)', :pair) \gexec
SELECT throws_ok($$INSERT INTO mine.door VALUES ('a', 'b', 'p')$$, '42804', NULL, 'a view with other columns is no door');
CREATE TABLE mine.log (k1 text);
UPDATE confiture.transition_table SET log = 'mine.log' WHERE transition = :own;
SELECT format('CREATE TRIGGER capture AFTER INSERT ON mine.a FOR EACH ROW EXECUTE FUNCTION confiture._transition_trigger(%L, %L)', :pair, 'capture') \gexec
SELECT throws_ok($$INSERT INTO mine.a VALUES (1, 1)$$, '42804', NULL, 'a table with other columns is no change log');
RESET SESSION AUTHORIZATION;
SELECT confiture.transition_abort('e') AS aborted;
DROP SCHEMA a, b, mine CASCADE;
DROP OWNED BY review_victim, review_thief;
DROP ROLE review_victim, review_thief;

SELECT * FROM finish();
