-- Transitions of several tables that refer to each other, with triggers and row security, by a role
-- that may do no more than it has to.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(32);

CREATE ROLE transition_mover;
CREATE ROLE transition_other;
CREATE ROLE transition_reader;
SELECT confiture.grant_usage('transition_mover', 'migrator');
SELECT confiture.grant_usage('transition_other', 'migrator');
SELECT confiture.grant_usage('transition_reader', 'reader');
SELECT format('GRANT CREATE ON DATABASE %I TO transition_mover, transition_other', current_database()) \gexec
CREATE TABLE public_log (what text);
ALTER TABLE public_log OWNER TO transition_mover;
SET ROLE transition_mover;
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.parents (id int PRIMARY KEY, name text NOT NULL, changed int NOT NULL DEFAULT 0);
CREATE TABLE a.children (parent int REFERENCES a.parents ON DELETE CASCADE, no int, elder int, note jsonb, tags text[],
    PRIMARY KEY (parent, no), FOREIGN KEY (parent, elder) REFERENCES a.children (parent, no));
CREATE TABLE b.parents (id int PRIMARY KEY, name text NOT NULL, changed int NOT NULL DEFAULT 0);
CREATE TABLE b.children (no int, parent int, elder int, tags text[], note jsonb,
    PRIMARY KEY (no, parent), FOREIGN KEY (parent) REFERENCES b.parents ON DELETE CASCADE,
    FOREIGN KEY (elder, parent) REFERENCES b.children (no, parent));
-- Triggers of both versions: each fires once, where the application writes.
CREATE FUNCTION a.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed := NEW.changed + 1;
    INSERT INTO public.public_log VALUES (TG_TABLE_SCHEMA);
    RETURN NEW;
END $$;
INSERT INTO a.parents SELECT i, 'p' || i FROM generate_series(1, 10) AS i;
INSERT INTO a.children SELECT p, n, CASE WHEN n > 1 THEN n - 1 END, jsonb_build_object('n', n), ARRAY['x', NULL]
    FROM generate_series(1, 10) AS p, generate_series(1, 5) AS n;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON a.parents FOR EACH ROW EXECUTE FUNCTION a.touch();
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON b.parents FOR EACH ROW EXECUTE FUNCTION a.touch();
-- A row that its own AFTER trigger writes again.
CREATE FUNCTION a.again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.name = 'again' THEN
        UPDATE a.parents SET name = 'twice' WHERE id = NEW.id;
    ELSIF NEW.name = 'move' THEN
        UPDATE a.parents SET id = 500, name = 'moved' WHERE id = NEW.id;
    ELSIF NEW.name = 'reborn' THEN
        DELETE FROM a.parents WHERE id = NEW.id;
        INSERT INTO a.parents (id, name) VALUES (NEW.id, 'born');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER a_again AFTER UPDATE ON a.parents FOR EACH ROW EXECUTE FUNCTION a.again();
CREATE TRIGGER zz_again AFTER UPDATE ON a.parents FOR EACH ROW WHEN (NEW.name LIKE 'zz%') EXECUTE FUNCTION a.again();
ALTER TABLE a.parents ENABLE ROW LEVEL SECURITY;
CREATE POLICY named ON a.parents FOR SELECT TO transition_reader USING (name <> 'secret');
GRANT SELECT ON a.parents TO transition_reader;

SET ROLE transition_other;
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b')$$, 'CF030', NULL, 'who does not own the tables is refused');
SET ROLE transition_reader;
SELECT throws_ok($$SELECT confiture.transition_create('t', 'a', 'b')$$, '42501', NULL, 'a reader may not');
SET ROLE transition_mover;
SELECT lives_ok($$SELECT confiture.transition_create('t', 'a', 'b')$$, 'the owner may');
SELECT p.id AS pair, p.source::oid AS source FROM confiture.transition_table AS p WHERE p.source_name = 'a.parents' \gset
SET ROLE transition_other;
SELECT throws_ok($$SELECT confiture.transition_capture('t')$$, 'CF030', NULL, 'nobody else moves it on');
SELECT throws_ok(format('SELECT confiture._transition_fill(%s, false, %L, %L)', :pair, 'SELECT 1, ''x''::text, 2', 'insert'), '42501', NULL, 'nobody else fills a table');
CREATE SCHEMA mine;
CREATE TABLE mine.trap (id int PRIMARY KEY, name text NOT NULL, changed int NOT NULL);
SELECT lives_ok(format('CREATE TRIGGER trap AFTER INSERT ON mine.trap FOR EACH ROW EXECUTE FUNCTION confiture._transition_trigger(%L, %L)', :pair, 'mirror'), 'a trigger of another table');
SELECT throws_ok($$INSERT INTO mine.trap VALUES (1, 'x', 1)$$, '42501', NULL, 'does not write the target');
SELECT throws_ok(format('UPDATE confiture.transition_table SET source = %L WHERE id = %s', 'mine.trap', :pair), 'CF030', NULL, 'nor does anybody else change the pair');
RESET ROLE;
UPDATE confiture.transition_table SET source = 'mine.trap' WHERE id = :pair;
-- This session forgets what it knows of the pair.
ALTER TABLE a.parents SET (fillfactor = 90);
SET ROLE transition_other;
SELECT throws_ok($$INSERT INTO mine.trap VALUES (1, 'x', 1)$$, '42501', NULL, 'not even when the pair is changed');
RESET ROLE;
UPDATE confiture.transition_table SET source = (:source)::oid WHERE id = :pair;
SET ROLE transition_reader;
SELECT is(confiture.transition_status('t') ->> 'state', 'planned', 'a reader may look');
SET ROLE transition_mover;

CALL confiture.transition_run('t', 'captured');
UPDATE a.parents SET name = 'early' WHERE id = 2;
DELETE FROM a.parents WHERE id = 3;
CALL confiture.transition_run('t', 'validated');
SELECT is((SELECT array_agg(conname ORDER BY conname) FROM pg_constraint WHERE conrelid = 'b.children'::regclass AND contype = 'f' AND convalidated),
    '{children_elder_parent_fkey,children_parent_fkey}', 'foreign keys are back, and valid');
SELECT is((SELECT count(*) FROM b.children), 45::bigint, 'rows are there');
SELECT is((SELECT count(*) FROM public_log WHERE what = 'b'), 0::bigint, 'triggers of the target did not fire');

SELECT lives_ok($$UPDATE a.parents SET name = 'again' WHERE id = 4$$, 'a trigger writes the row again');
SELECT lives_ok($$UPDATE a.parents SET name = 'zz' WHERE id = 5$$, 'another one');
DELETE FROM a.children WHERE parent IN (6, 7);
SELECT lives_ok($$UPDATE a.parents SET name = 'move' WHERE id = 6$$, 'a trigger changes the key');
SELECT lives_ok($$UPDATE a.parents SET name = 'reborn' WHERE id = 7$$, 'a trigger deletes the row and makes it again');
SELECT results_eq('SELECT id, name FROM b.parents WHERE id IN (4, 5, 6, 7, 500) ORDER BY id',
    $$VALUES (4, 'twice'), (5, 'zz'), (7, 'born'), (500, 'moved')$$, 'the mirror has the last word');
SELECT lives_ok($$DELETE FROM a.parents WHERE id = 8$$, 'a delete that cascades');
SELECT is((SELECT count(*) FROM b.children WHERE parent = 8), 0::bigint, 'cascades on both sides');
SELECT lives_ok($$DELETE FROM b.parents WHERE id = 9$$, 'the other way');
SELECT is((SELECT count(*) FROM a.children WHERE parent = 9), 0::bigint, 'as well');
SELECT throws_ok($$INSERT INTO b.children (no, parent) VALUES (1, 999)$$, '23503', NULL, 'foreign keys hold');
SELECT lives_ok($$WITH gone AS (DELETE FROM a.children WHERE parent = 10 RETURNING *) INSERT INTO b.children (no, parent) SELECT 10 + no, parent FROM gone$$,
    'both sides in one statement');
SELECT lives_ok($$UPDATE b.children SET no = no + 1 WHERE parent = 1 AND no = 5$$, 'a key changes');
SELECT throws_ok('TRUNCATE a.parents, a.children', '0A000', NULL, 'TRUNCATE is refused where foreign keys refer to the mirror');
SELECT is((SELECT sum(changed) FROM a.parents), (SELECT sum(changed) FROM b.parents), 'each trigger fired once');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
SET ROLE transition_reader;
SELECT throws_ok('SELECT 1 FROM b.parents', '42501', NULL, 'the schema keeps its privileges');
RESET ROLE;
GRANT USAGE ON SCHEMA a TO transition_reader;
SET ROLE transition_mover;
UPDATE a.parents SET name = 'secret' WHERE id = 1;
CALL confiture.transition_run('t', 'contracted');
SET ROLE transition_reader;
SELECT is((SELECT count(*) FROM a.parents WHERE id = 1), 0::bigint, 'row security has followed');
SELECT is((SELECT count(*) > 0 FROM a.parents), true, 'and privileges');
RESET ROLE;
SELECT is((SELECT relowner::regrole::text FROM pg_class WHERE oid = 'a.children'::regclass), 'transition_mover', 'the owner is the same');
DROP SCHEMA a, b, mine CASCADE;
DROP TABLE public_log;
DROP OWNED BY transition_mover, transition_other, transition_reader;
DROP ROLE transition_mover, transition_other, transition_reader;
SELECT * FROM finish();
