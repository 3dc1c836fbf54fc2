-- Transitions: a value that the new type does not take is told with the row that it is out of.
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
SET client_min_messages = warning;
BEGIN;
SELECT plan(8);

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
SELECT * FROM finish();
ROLLBACK;
