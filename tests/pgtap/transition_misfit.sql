-- Transitions: a value that the new type does not take is told with the row that it is out of.
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
SET client_min_messages = warning;
BEGIN;
SELECT plan(13);

-- The detail of the error of a statement.
CREATE FUNCTION detail(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    state text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN data_exception THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, state = RETURNED_SQLSTATE;
    RETURN state || ': ' || detail;
END $$;

-- What it says is to be done.
CREATE FUNCTION hint(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
    state text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
    RETURN state || ': ' || hint;
END $$;

CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.t (id int, part text, code text, size bigint, extra text, PRIMARY KEY (part, id));
CREATE TABLE b.t (id int, part text, code varchar(3), size int, extra jsonb, PRIMARY KEY (part, id));
INSERT INTO a.t SELECT i, 'x', 'abc', i, '{}' FROM generate_series(1, 100) AS i;
SELECT confiture.transition_create('t', 'a', 'b', '{"tables": {"t": {"columns": {"size": "size::int", "extra": "extra::jsonb"},
    "back": {"size": "size", "extra": "extra::text"}}}}') > 0 AS created \gset
SELECT confiture.transition_capture('t') AS captured \gset

UPDATE a.t SET code = 'abcd' WHERE id = 50;
SELECT is(detail($$SELECT confiture.transition_copy('t')$$), '22001: Column code, out of the row (part, id)=(x, 50).', 'a copied row: too long');
SELECT is(hint($$SELECT confiture.transition_copy('t')$$), '22001: Mend the row in table a.t, and go on with transition "t".', 'what to do');
UPDATE a.t SET code = 'abc', size = 3000000000 WHERE id = 50;
SELECT is(detail($$SELECT confiture.transition_copy('t')$$), '22003: Column size, out of the row (part, id)=(x, 50).', 'out of range');
UPDATE a.t SET size = 1, extra = '{' WHERE id = 50;
SELECT is(detail($$SELECT confiture.transition_copy('t')$$),
    E'22P02: The input string ended unexpectedly.\nColumn extra, out of the row (part, id)=(x, 50).', 'what the type itself says of it stays');
UPDATE a.t SET extra = '{}' WHERE id = 50;
SELECT is(confiture.transition_copy('t'), 100::bigint, 'mended, it is copied');
UPDATE a.t SET code = 'abcd' WHERE id = 51;
SELECT is(detail($$SELECT confiture.transition_catch_up('t')$$), '22001: Column code, out of the row (part, id)=(x, 51).', 'a row of the change log');
UPDATE a.t SET code = 'abc' WHERE id = 51;
SELECT ok(confiture.transition_catch_up('t') >= 0, 'mended, it catches up');
SELECT confiture.transition_mirror('t') AS mirrored \gset
SELECT is(detail($$UPDATE a.t SET code = 'abcd' WHERE id = 52$$), '22001: Column code, out of the row (part, id)=(x, 52).', 'a mirrored row');
SELECT is(detail($$UPDATE b.t SET extra = '5', size = 7 WHERE id = 52$$), 'no error', 'what fits goes on');
SELECT is(hint($$UPDATE a.t SET code = 'abcd' WHERE id = 52$$), '22001: Transition "t" writes to b.t what is written to a.t: it must fit there too.', 'a writer is told why');
ALTER TABLE b.t ADD CHECK (id < 1000);
SELECT is(hint($$INSERT INTO a.t VALUES (1000, 'x', 'a', 1, '{}')$$), '23514: Transition "t" writes to b.t what is written to a.t: it must fit there too.', 'also of a constraint');
ALTER TABLE a.t RENAME size TO how_much;
SELECT is(hint($$UPDATE a.t SET code = 'a' WHERE id = 52$$), '42703: Transition "t" needs both tables as they were: undo what was altered, or end it.', 'also of a column that is gone');
ALTER TABLE a.t RENAME how_much TO size;
SELECT is(hint($$UPDATE a.t SET code = 'a' WHERE id = 52$$), 'no error', 'it is undone');
SELECT * FROM finish();
ROLLBACK;
