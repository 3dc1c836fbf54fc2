-- Transitions: what a review has found. Keys of fixed length.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(7);

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

SELECT * FROM finish();
