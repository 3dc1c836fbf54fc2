-- Transitions: sequences that several columns use, that others use too, that count backwards, or come to their end.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
SELECT plan(31);

\ir lib/transition.psql

-- How far the sequences of both schemas count at once.
CREATE FUNCTION steps() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s.%s %s', c.relnamespace::regnamespace, c.relname, s.seqincrement), ', ' ORDER BY c.relnamespace::regnamespace::text, c.relname)
    FROM pg_sequence AS s JOIN pg_class AS c ON c.oid = s.seqrelid WHERE c.relnamespace::regnamespace::text IN ('a', 'b')
$$;
-- Both sides insert by turns, more than once: the same value twice would be an error.
CREATE PROCEDURE both_insert() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 30 LOOP
        INSERT INTO a.t DEFAULT VALUES;
        INSERT INTO b.t DEFAULT VALUES;
        INSERT INTO b.u DEFAULT VALUES;
        INSERT INTO a.u DEFAULT VALUES;
        INSERT INTO b.u DEFAULT VALUES;
    END LOOP;
END $$;

-- One sequence for two tables, and for a third one that does not move.
SELECT tables('CREATE SEQUENCE s; CREATE TABLE t (id int PRIMARY KEY DEFAULT nextval(''a.s'')); CREATE TABLE u (id int PRIMARY KEY DEFAULT nextval(''a.s''))',
    'CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY); CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)');
INSERT INTO a.t SELECT FROM generate_series(1, 10);
INSERT INTO a.u SELECT FROM generate_series(1, 10);
SELECT lives_ok($$SELECT confiture.transition_create('t', 'a', 'b')$$, 'a sequence of two sources');
CALL confiture.transition_run('t');
SELECT is(steps(), 'a.s 2, b.t_id_seq 2, b.u_id_seq 2', 'it is doubled once');
SELECT lives_ok('CALL both_insert()', 'both sides insert');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
SELECT is(confiture.transition_abort('t'), 'aborted', 'abort');
SELECT is(steps(), 'a.s 1, b.t_id_seq 1, b.u_id_seq 1', 'it counts as before');
SELECT ok(nextval('a.s') > greatest((SELECT max(id) FROM a.t), (SELECT max(id) FROM a.u)), 'behind what both sides gave');
SELECT is(nextval('b.t_id_seq'), 1::bigint, 'the target begins with 1 again');
SELECT lives_ok($$SELECT confiture.transition_create('t', 'a', 'b')$$, 'and again');
CALL confiture.transition_run('t', 'cut_over');
SELECT lives_ok('CALL both_insert()', 'both sides insert after the cutover');
CALL confiture.transition_run('t', 'contracted');
SELECT is(steps(), 'a.s 1, a.t_id_seq 1, a.u_id_seq 1', 'a sequence that stays counts as before');
SELECT lives_ok('INSERT INTO a.t DEFAULT VALUES', 'what comes does not collide');

-- Two sequences become one, which others have moved on already.
SELECT tables('CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY); CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)',
    'CREATE SEQUENCE s; CREATE TABLE t (id int PRIMARY KEY DEFAULT nextval(''b.s'')); CREATE TABLE u (id int PRIMARY KEY DEFAULT nextval(''b.s''))');
INSERT INTO a.t SELECT FROM generate_series(1, 21);
INSERT INTO a.u SELECT FROM generate_series(1, 50);
SELECT setval('b.s', 33) AS others \gset
SELECT lives_ok($$SELECT confiture.transition_create('t', 'a', 'b')$$, 'a sequence of two targets');
CALL confiture.transition_run('t');
SELECT is(steps(), 'a.t_id_seq 2, a.u_id_seq 2, b.s 2', 'it is doubled once');
SELECT lives_ok('CALL both_insert()', 'both sides insert');
SELECT lives_ok('CALL both_insert()', 'and again');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
SELECT is(confiture.transition_abort('t'), 'aborted', 'abort');
SELECT is(steps(), 'a.t_id_seq 1, a.u_id_seq 1, b.s 1', 'all count as before');
SELECT ok(nextval('b.s') > 50, 'what others use does not begin again');
SELECT lives_ok($$SELECT confiture.transition_create('t', 'a', 'b')$$, 'and again');
CALL confiture.transition_run('t', 'contracted');
SELECT is(steps(), 'b.s 1', 'the one that stays counts as before');

-- One that counts backwards, by five, in both.
SELECT tables('CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY (INCREMENT -5 START -3) PRIMARY KEY); CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)',
    'CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY (INCREMENT -5 START -3) PRIMARY KEY); CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)');
INSERT INTO a.t SELECT FROM generate_series(1, 10);
SELECT confiture.transition_create('t', 'a', 'b') AS made \gset
CALL confiture.transition_run('t');
SELECT lives_ok('CALL both_insert()', 'both sides insert');
SELECT is((SELECT count(*) FROM a.t WHERE id % 5 <> -3), 0::bigint, 'values are those that it would give');
SELECT is(confiture.transition_abort('t'), 'aborted', 'abort');

-- What can't be.
SELECT tables('CREATE TABLE t (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)', 'CREATE TABLE t (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)');
SELECT setval('a.t_id_seq', 32767) AS last \gset
SELECT is(refusal(), 'b.t: the sequence of column id ends at 32767, and that of its counterpart is at 32767.', 'one that has come to its end');
SELECT setval('a.t_id_seq', 32766) AS last \gset
SELECT is(refusal(), NULL, 'one that has not');
ALTER SEQUENCE a.t_id_seq CYCLE;
SELECT is(refusal(), 'a.t: the sequence of column id is one that CYCLEs: both sides would begin again with the same value.', 'one that cycles');
ALTER SEQUENCE a.t_id_seq NO CYCLE;
ALTER SEQUENCE b.t_id_seq CYCLE;
SELECT matches(refusal(), '^b.t: the sequence of column id is one that CYCLEs', 'or in the target');
SELECT tables('CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY (INCREMENT 10) PRIMARY KEY); CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY (INCREMENT 10 START 3) PRIMARY KEY)',
    'CREATE SEQUENCE s INCREMENT 10; CREATE TABLE t (id int PRIMARY KEY DEFAULT nextval(''b.s'')); CREATE TABLE u (id int PRIMARY KEY DEFAULT nextval(''b.s''))');
SELECT matches(refusal(), 'b.t: the sequence of column id fills columns of which the counterparts have several sequences', 'several of which values can''t be moved');
SELECT is(steps(), 'a.t_id_seq 10, a.u_id_seq 10, b.s 10', 'nothing was changed');
DROP SCHEMA a CASCADE;
DROP SCHEMA b CASCADE;
SELECT * FROM finish();
