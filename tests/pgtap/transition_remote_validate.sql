-- Transitions to another server: proving that both sides are equal, and mending them, after the cutover too.
-- The other server is this one, with another database.
\ir lib/loopback.psql
SELECT plan(46);

CREATE USER MAPPING FOR CURRENT_USER SERVER target;

-- Writes a table past the triggers of the transition, in one transaction; there or here.
CREATE FUNCTION past(relation text, statements text) RETURNS text LANGUAGE sql AS $$
    SELECT format('BEGIN; ALTER TABLE %1$s DISABLE TRIGGER confiture_transition; %2$s; ALTER TABLE %1$s ENABLE ALWAYS TRIGGER confiture_transition; COMMIT', relation, statements)
$$;
CREATE FUNCTION set_aside(name text) RETURNS text LANGUAGE sql AS $$
    SELECT confiture._relation_name(p.source) FROM confiture.transition_table AS p WHERE p.source_name = name ORDER BY p.id DESC LIMIT 1
$$;
CREATE FUNCTION past_here(name text, statements text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_exec(current_setting('test.here'), past(set_aside(name), replace(statements, '@', set_aside(name))));
END $$;
CREATE FUNCTION rows_of(name text, columns text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT string_agg(concat_ws('' '', %s), '', '' ORDER BY id) FROM %s', columns, set_aside(name)) INTO result;
    RETURN result;
END $$;

-- t: fax is dropped, more is new, unique values; u: a key of two columns, of which one is of another type there.
CREATE SCHEMA a;
CREATE TABLE a.t (id int PRIMARY KEY, total numeric(10, 2), fax text, code text UNIQUE);
CREATE TABLE a.u (id int, at timestamptz, v text, PRIMARY KEY (id, at));
INSERT INTO a.t SELECT i, i, 'fax ' || i, 'c' || i FROM generate_series(1, 10) AS i;
INSERT INTO a.u SELECT i, '2026-01-01 UTC'::timestamptz + i * interval '1 h', 'v' || i FROM generate_series(1, 10) AS i;
SELECT there($_$
    CREATE EXTENSION confiture;
    CREATE SCHEMA b;
    CREATE TABLE b.t (id int PRIMARY KEY, cents bigint, code text UNIQUE, more int DEFAULT 7);
    CREATE TABLE b.u (number bigint, at timestamptz, v text, PRIMARY KEY (at, number))
$_$);
SELECT is(confiture.transition_create('t', 'a', 'b', '{"tables": {"t": {"columns": {"cents": "(total * 100)::bigint"}, "back": {"total": "cents / 100.0", "fax": "NULL"}},
    "u": {"columns": {"number": "id"}}}}', 'target', '{"lock_retries": 0, "lock_timeout": "100ms"}') > 0, true, 'created');
CALL confiture.transition_run('t');
SET timezone = 'Asia/Tokyo';

-- Before the cutover either side can be right.
SELECT there(past('b.t', 'UPDATE b.t SET cents = 5, more = 8 WHERE id = 1; DELETE FROM b.t WHERE id = 2; INSERT INTO b.t VALUES (11, 1100, ''c11'')'));
SELECT there(past('b.u', 'DELETE FROM b.u WHERE number = 3'));
SELECT results_eq($$SELECT source_table, key[1], difference FROM confiture.transition_validate('t')$$,
    $$VALUES ('a.t', '1', 'different'), ('a.t', '11', 'only in the target'), ('a.t', '2', 'only in the source'), ('a.u', '3', 'only in the source')$$, 'differences');
SELECT dblink_connect('other', current_setting('test.here')) AS connected \gset
SELECT dblink_exec('other', 'BEGIN; UPDATE a.t SET total = 3.5 WHERE id = 3') AS updated \gset
SELECT throws_ok($$SELECT confiture.transition_repair('t', 'target')$$, 'CF036', NULL, 'who writes the source is waited for');
SELECT dblink_exec('other', 'COMMIT') AS committed, dblink_disconnect('other') AS disconnected \gset
SELECT is(confiture.transition_repair('t', 'target'), 4::bigint, 'the target is right');
SELECT is((SELECT string_agg(concat_ws(' ', id, total, fax, code), ', ' ORDER BY id) FROM a.t WHERE id IN (1, 2, 3, 11)),
    '1 0.05 fax 1 c1, 3 3.50 fax 3 c3, 11 11.00 c11', 'the source says so; what the way back can''t restore stays');
SELECT is((SELECT count(*) FROM a.u), 9::bigint, 'a key of two columns');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'equal');
SELECT is(confiture.transition_repair('t', 'target'), 0::bigint, 'nothing to be mended');

-- After the cutover: what is written through the views and in the target is no difference, whatever the worker has done.
SELECT is(confiture.transition_cutover('t'), 'cut_over', 'cut over');
INSERT INTO a.t VALUES (20, 20, 'lost', 'c20'), (21, 21.5, NULL, 'c21');
UPDATE a.t SET total = 4.25 WHERE id = 4;
SELECT there('UPDATE b.t SET cents = cents + 1, more = 9 WHERE id BETWEEN 5 AND 7; DELETE FROM b.t WHERE id = 8; UPDATE b.t SET id = 100 WHERE id = 9');
SELECT there('UPDATE b.u SET v = ''changed'' WHERE number = 5');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
SELECT is(confiture.transition_status('t') ->> 'state', 'cut_over', 'the state stays');
SELECT is(confiture.transition_status('t') -> 'validation' ->> 'equal', 'true', 'that it is so is kept');
SELECT is((confiture.transition_status('t') -> 'validation' ->> 'rows')::int, 11 + 9, 'all rows were compared');
SELECT is(rows_of('a.t', 'id, total, fax, code'), '1 0.05 fax 1 c1, 3 3.50 fax 3 c3, 4 4.25 fax 4 c4, 5 5.01 fax 5 c5, 6 6.01 fax 6 c6,'
    ' 7 7.01 fax 7 c7, 10 10.00 fax 10 c10, 11 11.00 c11, 20 20.00 c20, 21 21.50 c21, 100 9.00 c9', 'what was set aside has it all');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'again');
-- Who has not committed does not count; when he has, he does.
SELECT dblink_connect('other', current_setting('test.there')) AS connected \gset
SELECT dblink_exec('other', 'BEGIN; UPDATE b.t SET cents = 1 WHERE id = 10; DELETE FROM b.u WHERE number = 10') AS updated \gset
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'beside a writer');
SELECT dblink_exec('other', 'COMMIT') AS committed \gset
BEGIN;
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'and after him');
SELECT dblink_exec('other', 'UPDATE b.t SET cents = 2 WHERE id = 10') AS updated \gset
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'in a transaction that has validated before');
COMMIT;
INSERT INTO a.u VALUES (30, '2026-01-01', 'thirty');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'what was in the log meanwhile is not forgotten');
SELECT there('TRUNCATE b.u');
INSERT INTO a.u VALUES (31, '2026-01-01 00:00:00.000001', 'one'), (32, 'infinity', NULL);
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'TRUNCATE');
SELECT is(rows_of('a.u', 'id, v'), '31 one, 32', 'has come here');

-- What is written past the triggers is told. The target is right.
SELECT past_here('a.t', 'UPDATE @ SET total = 99, fax = ''kept'' WHERE id = 4; DELETE FROM @ WHERE id = 5; INSERT INTO @ VALUES (50, 1, NULL, ''c50''); UPDATE @ SET code = ''x'' WHERE id = 6; UPDATE @ SET code = ''c6'' WHERE id = 7; UPDATE @ SET code = ''c7'' WHERE id = 6');
SELECT past_here('a.u', 'DELETE FROM @ WHERE id = 31');
SELECT results_eq($$SELECT key[1], difference, source_row ->> 'total', target_row ->> 'cents' FROM confiture.transition_validate('t')$$,
    $$VALUES ('4', 'different', '99.00', '425'), ('5', 'only in the target', NULL, '501'), ('50', 'only in the source', '1.00', NULL), ('6', 'different', '6.01', '601'), ('7', 'different', '7.01', '701'),
        ('31', 'only in the target', NULL, NULL)$$, 'differences are told');
SELECT is((SELECT count(*) FROM confiture.transition_validate('t', 2)), 2::bigint, 'as many as are asked for');
SELECT is(confiture.transition_status('t') ->> 'state' || (confiture.transition_status('t') -> 'validation' ->> 'equal'), 'cut_overfalse', 'the state stays');
SELECT throws_ok($$SELECT confiture.transition_repair('t', 'both')$$, '22023', NULL, 'one side is right');
SELECT is(confiture.transition_repair('t', 'target'), 6::bigint, 'mended');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'equal');
SELECT is(rows_of('a.t', 'id, total, fax, code'), '1 0.05 fax 1 c1, 3 3.50 fax 3 c3, 4 4.25 kept c4, 5 5.01 c5, 6 6.01 fax 6 c6,'
    ' 7 7.01 fax 7 c7, 10 0.02 fax 10 c10, 11 11.00 c11, 20 20.00 c20, 21 21.50 c21, 100 9.00 c9', 'as the way back makes them');
SELECT is(rows_of('a.u', 'id, v'), '31 one, 32', 'of both tables');

-- The source is right; who writes the target is waited for, and what he wrote counts.
SELECT there(past('b.t', 'DELETE FROM b.t WHERE id IN (1, 3); UPDATE b.t SET cents = 0 WHERE id IN (4, 6); INSERT INTO b.t VALUES (60, 1, ''c60''); UPDATE b.t SET code = ''x'' WHERE id = 20; UPDATE b.t SET code = ''c20'' WHERE id = 21; UPDATE b.t SET code = ''c21'' WHERE id = 20'));
SELECT dblink_exec('other', 'BEGIN; UPDATE b.t SET cents = 7 WHERE id = 11') AS updated \gset
SELECT throws_ok($$SELECT confiture.transition_repair('t')$$, 'CF036', NULL, 'not beside a writer');
SELECT dblink_exec('other', 'COMMIT') AS committed \gset
SELECT is((SELECT count(*) FROM confiture.transition_validate('t')), 7::bigint, 'nothing has changed then');
BEGIN;
SELECT is((SELECT count(*) FROM confiture.transition_validate('t')), 7::bigint, 'what is written after the rows were found');
SELECT dblink_exec('other', 'UPDATE b.t SET cents = 444 WHERE id = 4; INSERT INTO b.t VALUES (3, 333, ''c3'')') AS updated \gset
SELECT is(confiture.transition_repair('t'), 7::bigint, 'the source is right');
SELECT throws_ok($$SELECT dblink_exec(current_setting('test.there'), 'SET lock_timeout = 50; UPDATE b.t SET cents = 1 WHERE id = 10')$$, '55P03', NULL, 'writers wait until it has ended');
COMMIT;
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'equal');
SELECT is((SELECT r FROM dblink('other', 'SELECT string_agg(concat_ws('' '', id, cents, code, more), '', '' ORDER BY id) FROM b.t') AS d (r text)),
    '1 5 c1 7, 3 333 c3 7, 4 444 c4 7, 5 501 c5 9, 6 601 c6 9, 7 701 c7 9, 10 2 c10 7, 11 7 c11 7, 20 2000 c20 7, 21 2150 c21 7, 100 900 c9 7', 'but for what was written meanwhile');
SELECT dblink_disconnect('other') AS disconnected \gset

-- A difference does not stop the way back; it is told then.
SELECT past_here('a.t', 'UPDATE @ SET total = 99 WHERE id = 4');
SELECT is(confiture.transition_rollback('t'), 'rolled_back', 'rolled back');
SELECT results_eq($$SELECT key[1], source_row ->> 'total', target_row ->> 'cents' FROM confiture.transition_validate('t')$$, $$VALUES ('4', '99.00', '444')$$, 'it still differs');
SELECT throws_ok($$SELECT confiture.transition_cutover('t')$$, 'CF035', NULL, 'no cutover then');
SELECT is(confiture.transition_repair('t', 'target'), 1::bigint, 'the target is right');
SELECT is((SELECT total FROM a.t WHERE id = 4), 4.44, 'the source says so');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'equal');
SELECT is(confiture.transition_cutover('t'), 'cut_over', 'cut over again');

-- The target is away; a row that the source does not take.
ALTER SERVER target OPTIONS (SET port '1');
SELECT throws_like($$SELECT * FROM confiture.transition_validate('t')$$, '%could not connect to server "target"%', 'the target is away');
ALTER SERVER target OPTIONS (SET port :'port');
SELECT there('UPDATE b.t SET cents = 99999999999999 WHERE id = 4');
SELECT throws_ok($$SELECT * FROM confiture.transition_validate('t')$$, '22003', NULL, 'a row that the source does not take');
SELECT there('UPDATE b.t SET cents = 4 WHERE id = 4');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'mended in the target');

SELECT * FROM finish();
DROP DATABASE :there WITH (FORCE);
