-- With whose rights a transition runs what is not its own: a superuser moves on what a role has made that would
-- like to be one.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
DROP ROLE IF EXISTS rights_maker, rights_writer;
CREATE ROLE rights_maker;
CREATE ROLE rights_writer;
SELECT confiture.grant_usage('rights_maker', 'migrator');
SELECT format('GRANT CREATE ON DATABASE %I TO rights_maker, rights_writer', current_database()) \gexec

-- spy() tells by sequences, which no ROLLBACK takes back, where it ran, and where it ran as somebody else than
-- the maker, or could have become somebody else.
SET SESSION AUTHORIZATION rights_maker;
CREATE SCHEMA mine;
GRANT USAGE ON SCHEMA mine TO PUBLIC;
CREATE FUNCTION mine.note(place text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('mine.ran_' || place);
    IF session_user = 'rights_maker' THEN
        PERFORM nextval('mine.connected');
    END IF;
    PERFORM set_config('work_mem', '77MB', false);
    BEGIN
        PERFORM set_config('role', 'none', false);
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END;
    IF current_user <> 'rights_maker' THEN
        PERFORM nextval('mine.caught_' || place);
    END IF;
END $$;
CREATE FUNCTION mine.spy(x bigint, place text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM mine.note(place);
    RETURN x;
END $$;
CREATE FUNCTION mine.act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mine.note(TG_ARGV[0]);
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
SELECT format('CREATE SEQUENCE mine.%s_%s', k, p) FROM unnest('{ran,caught}'::text[]) AS k, unnest(
    '{map,back,fixed,check,stored,index,predicate,constant,domain,value,source_check,truncate,log,deferred,cast,view,hidden,when,absent}'::text[]) AS p \gexec
CREATE SEQUENCE mine.connected;
GRANT ALL ON ALL SEQUENCES IN SCHEMA mine TO PUBLIC;
CREATE DOMAIN mine.positive AS bigint CHECK (mine.spy(VALUE, 'domain') > 0);
CREATE TYPE mine.kind AS ENUM ('one', 'two');
CREATE FUNCTION mine.number(k mine.kind) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$SELECT mine.spy(position(substr(k::text, 1, 1) IN 'ot'), 'cast')$$;
CREATE CAST (mine.kind AS bigint) WITH FUNCTION mine.number(mine.kind) AS IMPLICIT;

CREATE SCHEMA a;
CREATE TABLE a.kinds (id bigint PRIMARY KEY);
CREATE TABLE a.t (id bigint PRIMARY KEY, v bigint, w bigint, kind mine.kind REFERENCES a.kinds, CHECK (mine.spy(v, 'source_check') IS NOT NULL));
INSERT INTO a.kinds VALUES (1), (2);
INSERT INTO a.t SELECT i, i, i, 'one' FROM generate_series(1, 20) AS i;
CREATE SCHEMA b;
CREATE TABLE b.kinds (id bigint PRIMARY KEY);
CREATE TABLE b.t (id bigint PRIMARY KEY, v bigint CHECK (mine.spy(v, 'check') IS NOT NULL), d mine.positive, kind mine.kind REFERENCES b.kinds,
    s bigint GENERATED ALWAYS AS (mine.spy(v, 'stored')) STORED, e bigint DEFAULT mine.spy(5, 'value'));
CREATE INDEX ON b.t (mine.spy(v, 'index'));
CREATE INDEX ON b.t (v) WHERE mine.spy(v, 'predicate') > 0;
CREATE INDEX ON b.t (mine.spy(1, 'constant'));
CREATE TRIGGER act BEFORE TRUNCATE ON b.t FOR EACH STATEMENT EXECUTE FUNCTION mine.act('truncate');
RESET SESSION AUTHORIZATION;

-- Where spies ran since this was asked the last time; in brackets, as whom they should not have. What is constant is run
-- whenever the server reads anew what it knows of the index: only as whom counts.
CREATE FUNCTION watched() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    place text;
    ran boolean;
    caught boolean;
    said text := '';
BEGIN
    FOR place IN SELECT substr(c.relname, 5) FROM pg_class AS c WHERE c.relnamespace = 'mine'::regnamespace AND c.relname LIKE 'ran\_%' ORDER BY 1 LOOP
        EXECUTE format('SELECT r.is_called, c.is_called FROM mine.%I AS r, mine.%I AS c', 'ran_' || place, 'caught_' || place) INTO ran, caught;
        said := concat_ws(' ', nullif(said, ''), CASE WHEN caught THEN '[' || place || ']' WHEN ran AND place <> 'constant' THEN place END);
        PERFORM setval('mine.ran_' || place, 1, false), setval('mine.caught_' || place, 1, false);
    END LOOP;
    IF current_setting('work_mem') = '77MB' THEN
        said := said || ' [work_mem]';
        RESET work_mem;
    END IF;
    RETURN said;
END $$;
SELECT length(watched()) > 0 AS reset \gset

SET SESSION AUTHORIZATION rights_maker;
SELECT confiture.transition_create('t', 'a', 'b', '{"tables": {"kinds": {}, "t": {
    "columns": {"v": "mine.spy(v, ''map'')", "d": "w", "e": "mine.spy(7, ''fixed'')"},
    "back": {"v": "mine.spy(v, ''back'')", "w": "d"}}}}') > 0 AS made \gset
RESET SESSION AUTHORIZATION;
-- A session that knows nothing yet.
\c -
SET client_min_messages = error;
SELECT plan(75);
SELECT length(watched()) > 0 AS reset \gset

-- Each step, by a superuser.
SELECT is((SELECT count(*) FROM confiture.transition_plan('t') WHERE estimate LIKE 'not measured:%'), 0::bigint, 'the plan is measured');
SELECT is(watched(), 'check domain fixed index map predicate stored', 'the plan');
SELECT is(confiture.transition_capture('t'), 'captured', 'captured');
SELECT is(watched(), 'fixed', 'the capture');
SET SESSION AUTHORIZATION rights_maker;
-- Triggers on the change log, which is the maker's.
SELECT p.log::regclass::text AS log, p.id AS pair FROM confiture.transition_table AS p WHERE p.source = 'a.t'::regclass \gset
CREATE TRIGGER act BEFORE DELETE ON :log FOR EACH ROW EXECUTE FUNCTION mine.act('log');
UPDATE a.t SET w = w + 1 WHERE id = 2;
RESET SESSION AUTHORIZATION;
SELECT length(watched()) > 0 AS reset \gset
SELECT is(confiture.transition_copy('t'), 22::bigint, 'copied');
SELECT is(watched(), 'check domain fixed map stored', 'the copy');
SELECT confiture.transition_catch_up('t') > 0 AS caught_up \gset
SELECT is(watched(), 'check domain fixed index log map predicate stored', 'catching up');
SELECT is(confiture.transition_mirror('t'), 'mirrored', 'mirrored');
SELECT is(watched(), 'fixed', 'the mirror');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
SELECT is(watched(), 'cast domain fixed map', 'the validation');

-- Who writes one side runs what that side checks, as ever; not what the other side does. Nor can he say what that calls.
SET SESSION AUTHORIZATION rights_maker;
CREATE FUNCTION mine.helper(x bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT x';
CREATE FUNCTION mine.careless(x bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN helper(x) IS NOT NULL; END$$;
RESET SESSION AUTHORIZATION;
GRANT USAGE ON SCHEMA a, b TO rights_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA a, b TO rights_writer;
SET SESSION AUTHORIZATION rights_writer;
INSERT INTO a.t VALUES (21, 21, 21, 'two');
UPDATE a.t SET v = v + 1 WHERE id = 3;
CREATE SCHEMA his;
CREATE FUNCTION his.helper(x bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('mine.ran_hidden');
    RETURN x;
END $$;
GRANT USAGE ON SCHEMA his TO PUBLIC;
RESET SESSION AUTHORIZATION;
SELECT is(watched(), '[cast] check domain fixed index map predicate [source_check] stored [work_mem]', 'a writer');
SET SESSION AUTHORIZATION rights_maker;
ALTER TABLE b.t ADD CONSTRAINT careless CHECK (mine.careless(v)) NOT VALID;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION rights_writer;
SET search_path = his, public;
SELECT public.throws_ok('UPDATE a.t SET v = v + 1 WHERE id = 3', '42883', 'function helper(bigint) does not exist', 'a check of the other side finds nothing by a search_path');
RESET search_path;
RESET SESSION AUTHORIZATION;
ALTER TABLE b.t DROP CONSTRAINT careless;
SELECT unalike(watched(), '%hidden%', 'nothing of the writer either');

-- TRUNCATE is mirrored with no trigger on the other side; with one that would fire all the same it is refused, so that it
-- does not run where no foreign key is checked.
SET SESSION AUTHORIZATION rights_maker;
ALTER TABLE b.t ENABLE ALWAYS TRIGGER act;
SELECT throws_ok('TRUNCATE a.t', '0A000', 'table "t" on the other side can''t be truncated without its triggers', 'a trigger that is ENABLE ALWAYS');
ALTER TABLE b.t ENABLE TRIGGER act;
BEGIN;
SELECT lives_ok('TRUNCATE a.t', 'one that is not');
SELECT is((SELECT count(*) FROM b.t), 0::bigint, 'does not stop it');
ROLLBACK;
RESET SESSION AUTHORIZATION;
SELECT unalike(watched(), '%truncate%', 'nor does it fire');

-- What is wrong is looked for, told, and mended, in both directions.
ALTER TABLE b.t DISABLE TRIGGER confiture_transition;
SET SESSION AUTHORIZATION rights_maker;
UPDATE b.t SET v = 100, d = 100 WHERE id IN (4, 5);
RESET SESSION AUTHORIZATION;
ALTER TABLE b.t ENABLE ALWAYS TRIGGER confiture_transition;
SELECT length(watched()) > 0 AS reset \gset
SELECT results_eq($$SELECT key FROM confiture.transition_validate('t')$$, $$VALUES ('{4}'::text[]), ('{5}')$$, 'two rows differ');
SELECT is(watched(), 'domain fixed map', 'a validation that finds something');
SELECT is(confiture.transition_repair('t'), 2::bigint, 'repaired');
SELECT is(watched(), 'check domain fixed index map predicate stored', 'the repair');
ALTER TABLE b.t DISABLE TRIGGER confiture_transition;
SET SESSION AUTHORIZATION rights_maker;
UPDATE b.t SET v = 100, d = 100 WHERE id IN (4, 5);
RESET SESSION AUTHORIZATION;
ALTER TABLE b.t ENABLE ALWAYS TRIGGER confiture_transition;
SELECT length(watched()) > 0 AS reset \gset
SELECT is(confiture.transition_repair('t', 'target'), 2::bigint, 'the other way');
SELECT is(watched(), 'back domain fixed map source_check', 'the repair of the source');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'equal again');
SELECT length(watched()) > 0 AS reset \gset
SELECT is(confiture.transition_cutover('t'), 'cut_over', 'cut over');
SELECT is(watched(), 'fixed', 'the cutover');
SELECT is(confiture.transition_rollback('t'), 'rolled_back', 'rolled back');
SELECT is(watched(), '', 'the way back');
SELECT is(confiture.transition_abort('t'), 'aborted', 'aborted');
SELECT is(watched(), 'truncate', 'the abort');

-- What only has to be called a change log, and triggers that wait for the COMMIT; background workers; a session that
-- has become the maker.
TRUNCATE b.t, b.kinds;
SELECT length(watched()) > 0 AS reset \gset
SET SESSION AUTHORIZATION rights_maker;
SELECT confiture.transition_create('u', 'a', 'b', '{"tables": {"kinds": {}, "t": {
    "columns": {"v": "mine.spy(v, ''map'') --", "d": "w", "e": "mine.spy(7, ''fixed'')"}, "back": {"v": "v --", "w": "d"}}}}') AS u \gset
SELECT confiture.transition_capture('u') AS captured \gset
SELECT p.log::regclass::text AS log, p.log::oid AS log_oid, p.id AS pair FROM confiture.transition_table AS p
WHERE p.transition = :u AND p.source = 'a.t'::regclass \gset
CREATE VIEW mine.log AS SELECT 1::bigint AS k1 WHERE mine.spy(1, 'view') > 0;
UPDATE confiture.transition_table SET log = 'mine.log' WHERE id = :pair;
RESET SESSION AUTHORIZATION;
SELECT length(watched()) > 0 AS reset \gset
SELECT is(confiture.transition_status('u') #>> '{tables,1,log_length}', '1', 'a view is looked at as a change log');
SELECT is(watched(), 'view', 'as its owner');
SELECT confiture.grant_usage('rights_writer', 'reader');
SET ROLE rights_writer;
SELECT is(confiture.transition_status('u') #>> '{tables,1,log_length}', NULL, 'and not by who has not its rights');
RESET ROLE;
SELECT is(watched(), '', 'in no way');
UPDATE confiture.transition_table SET log = (:log_oid)::oid WHERE id = :pair;
SET SESSION AUTHORIZATION rights_maker;
SELECT is(confiture.transition_status('u') #>> '{tables,1,log_length}', '0', 'its owner sees it');
CREATE CONSTRAINT TRIGGER act AFTER DELETE ON :log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mine.act('deferred');
UPDATE a.t SET w = w + 1 WHERE id = 2;
RESET SESSION AUTHORIZATION;
SELECT confiture.transition_copy('u') > 0 AS copied \gset
SELECT length(watched()) > 0 AS reset \gset
SELECT throws_ok($$SELECT confiture.transition_catch_up('u')$$, '42501', 'cannot fire deferred trigger within security-restricted operation',
    'nothing waits for the COMMIT of who runs a step');
DROP TRIGGER act ON :log;
CREATE PROCEDURE wait_for(wanted text) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 2400 LOOP
        EXIT WHEN (SELECT t.state = wanted OR t.failure IS NOT NULL FROM confiture.transition AS t WHERE t.name = 'u' AND t.live);
        PERFORM pg_sleep(0.05);
        COMMIT;
    END LOOP;
END $$;
-- From a function with the rights of its owner, the worker is the owner's altogether.
ALTER ROLE rights_maker LOGIN;
SET SESSION AUTHORIZATION rights_maker;
CREATE FUNCTION mine.start() RETURNS integer[] LANGUAGE sql SECURITY DEFINER AS $$SELECT confiture.transition_start('u', 'mirrored')$$;
RESET SESSION AUTHORIZATION;
SELECT setval('mine.connected', 1, false) AS reset \gset
SELECT cardinality(mine.start()) AS started \gset
CALL wait_for('mirrored');
SELECT is(confiture.transition_status('u') ->> 'state', 'mirrored', 'a background worker that a function has started');
SELECT is((SELECT is_called FROM mine.connected), true, 'has connected as the owner of the function');
SELECT matches(watched(), '^[a-z_ ]* map [a-z_ ]*$', 'and works as the owner');
SELECT cardinality(confiture.transition_start('u')) AS started \gset
CALL wait_for('validated');
SELECT is(confiture.transition_status('u') ->> 'state', 'validated', 'a background worker of a superuser');
SELECT is(watched(), 'cast domain fixed map', 'works as the owner, too');
SET ROLE rights_maker;
SELECT is_empty($$SELECT * FROM confiture.transition_validate('u')$$, 'a session that has become the maker');
SELECT matches(watched(), '^[a-z_ ]* map$', 'does not become anybody else');
RESET ROLE;

-- Only who has the rights of an owner can have something run as that one.
SELECT throws_ok(format($$SET ROLE rights_maker; SELECT * FROM confiture._as_owner(%s, 'SELECT 1') AS r (x int)$$, 'pg_class'::regclass::oid), '42501', NULL, 'rows');
SELECT throws_ok(format($$SET ROLE rights_maker; SELECT confiture._do_as_owner(%s, 'ALTER ROLE rights_maker SUPERUSER')$$, 'pg_class'::regclass::oid), '42501', NULL, 'statements');
SELECT throws_ok(format($$SET ROLE rights_maker; SELECT confiture._digest_as_owner(%s, 'SELECT rolpassword FROM pg_authid')$$, 'pg_class'::regclass::oid), '42501', NULL, 'digests');
SELECT throws_ok(format($$SET ROLE rights_maker; SELECT confiture._transition_expression(%s, 'c', '1', 20, -1)$$, 'pg_class'::regclass::oid), '42501', NULL, 'expressions');
RESET ROLE;
SELECT throws_ok($$SELECT * FROM confiture._as_owner(0, 'SELECT 1') AS r (x int)$$, '42P01', NULL, 'no such relation');
SELECT throws_ok($$SELECT * FROM confiture._as_owner('a.t'::regclass, 'DELETE FROM a.t RETURNING id') AS r (id bigint)$$, '0A000', NULL, 'a query that reads does not write');
SELECT throws_ok($$SELECT * FROM confiture._as_owner('a.t'::regclass, 'SELECT id FROM a.t') AS r (id text)$$, '42804', NULL, 'rows are what they are said to be');
SELECT results_eq($$SELECT * FROM confiture._as_owner('a.t'::regclass, 'SELECT current_user::text, current_setting(''search_path'')') AS r (x text, y text)$$,
    $$VALUES ('rights_maker', 'pg_catalog, pg_temp')$$, 'as the owner');

-- A table that is split, and merged again: when there is a second row, and what stands where there is none.
SELECT confiture.transition_abort('u') AS aborted \gset
SET SESSION AUTHORIZATION rights_maker;
CREATE TABLE a.wide (id bigint PRIMARY KEY, x bigint, y bigint);
CREATE TABLE b.one (id bigint PRIMARY KEY, x bigint);
CREATE TABLE b.two (id bigint PRIMARY KEY, y bigint);
INSERT INTO a.wide SELECT i, i, i FROM generate_series(1, 6) AS i;
CREATE TRIGGER act BEFORE TRUNCATE ON b.two FOR EACH STATEMENT EXECUTE FUNCTION mine.act('truncate');
SELECT confiture.transition_create('s', 'a', 'b', '{"tables": {"wide": {"targets": [{"target": "one"}, {"target": "two",
    "when": "mine.spy(x, ''when'') > 3 --", "absent": {"y": "mine.spy(0, ''absent'') --"}}]}}}') > 0 AS made \gset
RESET SESSION AUTHORIZATION;
SELECT length(watched()) > 0 AS reset \gset
SELECT is((SELECT count(*) FROM confiture.transition_plan('s') WHERE estimate LIKE 'not measured:%'), 0::bigint, 'the plan of a split');
SELECT is(watched(), 'when', 'as the owner');
CALL confiture.transition_run('s');
SELECT is(watched(), 'absent when', 'a split');
SELECT is((SELECT count(*) FROM b.two), 3::bigint, 'puts rows where there are some');
SET SESSION AUTHORIZATION rights_maker;
DELETE FROM b.two WHERE id = 4;
INSERT INTO a.wide VALUES (7, 7, 7), (8, 1, 1);
RESET SESSION AUTHORIZATION;
SELECT is((SELECT string_agg(concat_ws(' ', w.id, w.y, t.y), ', ' ORDER BY w.id) FROM a.wide AS w LEFT JOIN b.two AS t USING (id)),
    '1 1, 2 2, 3 3, 4 0, 5 5 5, 6 6 6, 7 7 7, 8 1', 'and takes them away');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('s')$$, 'both sides are equal');
SELECT is(watched(), 'absent when', 'all that as the owner');
SELECT confiture.transition_abort('s') AS aborted \gset
SELECT is(watched(), 'truncate', 'and the abort');

-- Who would own the new tables must not run what somebody with fewer rights has made.
CREATE FUNCTION refusal(mapping jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    PERFORM confiture.transition_create('r', 'a', 'b', mapping);
    PERFORM confiture.transition_abort('r');
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'CF030' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail;
END $$;
ALTER TABLE a.kinds OWNER TO CURRENT_USER;
SELECT is(refusal('{"tables": {"kinds": {}}}'), E'a.kinds: a table that is not part of the transition has a foreign key to it: t_kind_fkey of a.t.\n'
    'b.kinds: its owner rights_maker does not have the rights of postgres, who owns the source and would run what it checks.\n'
    'b.kinds: a table that is not part of the transition has a foreign key to it: t_kind_fkey of b.t.', 'an owner with fewer rights');
ALTER TABLE a.kinds OWNER TO rights_writer;
REVOKE USAGE ON SCHEMA b FROM rights_writer;
SELECT is(refusal('{"tables": {"kinds": {}, "t": {"columns": {"d": "w", "e": "1"}, "back": {"w": "d"}}}}'),
    E'b.kinds: its owner rights_maker does not have the rights of rights_writer, who owns the source and would run what it checks.\n'
    'b.kinds: the owner of the source, rights_writer, may not use schema b.\n'
    'b.t: the owner of the source, rights_maker, may not refer to b.kinds, as foreign key t_kind_fkey does.', 'one with others; privileges that an owner needs');
GRANT USAGE ON SCHEMA b TO rights_writer;
ALTER TABLE b.kinds OWNER TO CURRENT_USER;
GRANT REFERENCES (id) ON b.kinds TO rights_maker;
SELECT is(refusal('{"tables": {"kinds": {}, "t": {"columns": {"d": "w", "e": "1"}, "back": {"w": "d"}}}}'), NULL, 'with all rights, and privileges on columns');
-- An expression is looked at as the one who will compute it.
CREATE SCHEMA hers;
CREATE FUNCTION hers.f(x bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT x';
SELECT is(refusal('{"tables": {"kinds": {}, "t": {"columns": {"d": "w", "e": "1", "v": "hers.f(v)"}, "back": {"v": "v", "w": "d"}}}}'),
    'b.t: column v: permission denied for schema hers.', 'a function that the owner can''t call');
DROP FUNCTION refusal(jsonb);
DROP SCHEMA hers CASCADE;
-- From the capture on, both tables have the same owner.
SELECT confiture.transition_create('o', 'a', 'b', '{"tables": {"kinds": {}, "t": {"columns": {"d": "w", "e": "1"}, "back": {"w": "d"}}}}') > 0 AS made \gset
SELECT results_eq($$SELECT statement FROM confiture.transition_plan('o', 0) WHERE step = 'capture' LIMIT 1$$,
    $$VALUES ('ALTER TABLE b.kinds OWNER TO rights_writer')$$, 'the plan tells');
SELECT confiture.transition_capture('o') AS captured \gset
SELECT is((SELECT c.relowner::regrole::text FROM pg_class AS c WHERE c.oid = 'b.kinds'::regclass), 'rights_writer', 'the owner follows at once');
-- What writers of one side may not do on the other, fails.
CALL confiture.transition_run('o', 'mirrored');
ALTER TABLE b.kinds OWNER TO rights_maker;
SELECT throws_ok('INSERT INTO a.kinds VALUES (9)', '42501', NULL, 'a table that was given away is not written');
ALTER TABLE b.kinds OWNER TO rights_writer;
GRANT REFERENCES ON b.kinds TO rights_maker;
SELECT lives_ok('INSERT INTO a.kinds VALUES (9)', 'until it is back');
SELECT results_eq('SELECT id FROM b.kinds WHERE id > 2', 'VALUES (9::bigint)', 'on both sides');
SELECT confiture.transition_abort('o') AS aborted \gset

-- How far a copy has come is for the owners to tell.
SET SESSION AUTHORIZATION rights_maker;
ALTER TABLE a.t DROP CONSTRAINT t_kind_fkey;
ALTER TABLE b.t DROP CONSTRAINT t_kind_fkey;
SELECT confiture.transition_create('c', 'a', 'b', '{"tables": {"t": {"columns": {"d": "w", "e": "1"}, "back": {"w": "d"}}}}') AS c \gset
SELECT confiture.transition_capture('c') AS captured \gset
SELECT confiture.transition_copy('c', 1) AS copied \gset
SELECT p.id AS pair FROM confiture.transition_table AS p WHERE p.transition = :c \gset
RESET SESSION AUTHORIZATION;
SELECT confiture.grant_usage('rights_writer', 'migrator');
SET SESSION AUTHORIZATION rights_writer;
SELECT throws_ok('UPDATE confiture.transition_chunk SET copied_at = NULL', 'CF030', NULL, 'nobody else changes a chunk');
SELECT throws_ok('DELETE FROM confiture.transition_chunk', 'CF030', NULL, 'takes it away');
SELECT throws_ok(format('INSERT INTO confiture.transition_chunk (pair, ordinal) VALUES (%s, 99)', :pair), 'CF030', NULL, 'or adds one');
SELECT lives_ok('UPDATE confiture.transition_chunk SET copied_at = NULL WHERE pair = 0', 'where there is none, nothing is wrong');
SET SESSION AUTHORIZATION rights_maker;
SELECT lives_ok('UPDATE confiture.transition_chunk SET copied_at = copied_at', 'its owner may');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) > 0 AND bool_and(copied_at IS NOT NULL) FROM confiture.transition_chunk), true, 'it is what it was');
SELECT confiture.transition_abort('c') AS aborted \gset

SELECT * FROM finish();
DROP PROCEDURE wait_for(text);
DROP SCHEMA a, b, his CASCADE;
DROP SCHEMA mine CASCADE;
DROP OWNED BY rights_maker, rights_writer;
DROP ROLE rights_maker, rights_writer;
