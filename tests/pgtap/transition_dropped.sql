-- Transitions: somebody drops a table, or a schema, in the middle. Writers and steps say so, and how to get out;
-- nothing that is left is lost.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
SELECT plan(32);

\ir lib/transition.psql

-- What a statement says: its error, and what to do.
CREATE FUNCTION told(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    hint text;
    state text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
    RETURN concat_ws('; ', state, message, nullif(hint, ''));
END $$;

-- Two tables whose way is planned.
CREATE PROCEDURE planned() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tables('CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)',
        'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)');
    INSERT INTO a.t SELECT i, 'v' FROM generate_series(1, 10) AS i;
    PERFORM confiture.transition_create('t', 'a', 'b');
END $$;

-- Before the cutover: the target.
CALL planned();
CALL confiture.transition_run('t', 'validated');
DROP TABLE b.t;
SELECT is(told($$INSERT INTO a.t VALUES (11, 'x')$$),
    $$CF030; transition 't' needs what was dropped: b.t; SELECT confiture.transition_abort('t') ends it: then the other tables can be written again.$$, 'a writer is told');
SELECT matches(told($$SELECT * FROM confiture.transition_validate('t')$$), '^CF030; transition ''t'' needs what was dropped: b.t; .*abort', 'validate');
SELECT matches(told($$SELECT confiture.transition_repair('t')$$), '^CF030; .*b.t; .*abort', 'repair');
SELECT matches(told($$SELECT confiture.transition_cutover('t')$$), '^CF030; .*b.t; .*abort', 'cutover');
SELECT matches(told($$TRUNCATE a.t$$), '^CF030; .*b.t; .*abort', 'TRUNCATE is told too');
SELECT lives_ok('INSERT INTO a.u DEFAULT VALUES', 'other tables go on');
SELECT is((SELECT count(*) FROM b.u), 1::bigint, 'and are mirrored');
SELECT is(confiture.transition_abort('t'), 'aborted', 'it can be ended');
SELECT lives_ok($$INSERT INTO a.t VALUES (11, 'x')$$, 'then the source can be written');

-- The change log, with its schema.
CALL planned();
CALL confiture.transition_run('t', 'captured');
DROP SCHEMA b CASCADE;
SELECT matches(told($$UPDATE a.t SET v = 'x' WHERE id = 1$$), '^CF030; transition ''t'' needs what was dropped: b.t, b.u, the change log of a.t, the change log of a.u; .*abort', 'a captured writer is told');
SELECT matches(told($$SELECT confiture.transition_copy('t')$$), '^CF030; .*the change log of a.t.*abort', 'the copy');
SELECT matches(told($$SELECT confiture._transition_work('t', NULL)$$), '^CF030; .*the change log of a.t.*abort', 'a worker');
SELECT is(confiture.transition_abort('t'), 'aborted', 'it can be ended');
SELECT lives_ok($$UPDATE a.t SET v = 'x' WHERE id = 1$$, 'then the source can be written');

-- After the cutover: the old table. A way back would take the new one out of its place.
CALL planned();
CALL confiture.transition_run('t', 'cut_over');
DROP TABLE b.t;
SELECT is(told($$INSERT INTO a.t VALUES (11, 'x')$$),
    $$CF030; transition 't' needs what was dropped: a.t; SELECT confiture.transition_contract('t') ends it: then the new tables can be written again.$$, 'a writer of the new one is told');
SELECT matches(told($$SELECT confiture.transition_rollback('t')$$), '^CF030; .*a.t; .*contract', 'there is no way back');
SELECT is((SELECT count(*) FROM a.t), 10::bigint, 'the new table is in its place');
SELECT is(confiture.transition_contract('t'), 'contracted', 'it can be ended');
SELECT lives_ok($$INSERT INTO a.t VALUES (11, 'x')$$, 'then the new table can be written');
SELECT is((SELECT seqincrement FROM pg_sequence WHERE seqrelid = pg_get_serial_sequence('a.u', 'id')::regclass), 1::bigint, 'its sequence counts as before');

-- All that was old, with its schema.
CALL planned();
CALL confiture.transition_run('t', 'cut_over');
DROP SCHEMA b CASCADE;
SELECT matches(told($$INSERT INTO a.t VALUES (11, 'x')$$), '^CF030; .*contract', 'a writer is told');
SELECT is(confiture.transition_contract('t'), 'contracted', 'it can be ended without any of it');
SELECT lives_ok($$INSERT INTO a.t VALUES (11, 'x')$$, 'then the new table can be written');
SELECT is((SELECT seqincrement FROM pg_sequence WHERE seqrelid = pg_get_serial_sequence('a.u', 'id')::regclass), 1::bigint, 'a sequence counts as before');

-- The new table: the old one comes back, with what was written in the new one.
CALL planned();
CALL confiture.transition_run('t', 'cut_over');
INSERT INTO a.t VALUES (11, 'new');
DROP TABLE a.t;
SELECT matches(told($$DELETE FROM b.t$$), '^CF030; .*b.t; .*rollback', 'a writer of the old one is told');
SELECT matches(told($$SELECT confiture.transition_contract('t')$$), '^CF030; .*b.t; .*rollback', 'the old one must not go too');
SELECT is(confiture.transition_rollback('t'), 'rolled_back', 'the way back');
SELECT is((SELECT count(*) FROM a.t), 11::bigint, 'the old table is where it was, with all rows');
SELECT has_table('b', 'u', 'as are the others');
SELECT matches(told($$SELECT confiture.transition_cutover('t')$$), '^(CF030|CF035)', 'there is nothing to cut over to');
SELECT is(confiture.transition_abort('t'), 'aborted', 'it can be ended');
SELECT lives_ok($$INSERT INTO a.t VALUES (12, 'x')$$, 'then the old table can be written');
DROP SCHEMA a CASCADE;
DROP SCHEMA b CASCADE;
SELECT * FROM finish();
