-- The change log of a transition while rows are copied: it is emptied meanwhile.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(14);

-- Keys in an order of their own, with a domain: positions are compared in the order of the source.
CREATE COLLATION backwards (provider = icu, locale = 'en-u-kf-upper-kn-true');
CREATE DOMAIN code AS text COLLATE backwards CHECK (VALUE <> '');
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.t (region code, no int, v int, PRIMARY KEY (region, no));
CREATE TABLE b.t (region code, no int, v int, PRIMARY KEY (region, no));
CREATE UNIQUE INDEX ON b.t (v);
INSERT INTO a.t SELECT CASE WHEN i % 2 = 0 THEN 'B' ELSE 'a' END || i % 100, i, i FROM generate_series(1, 20000) AS i;
SELECT confiture.transition_create('t', 'a', 'b', options => '{"chunk_ms": 20}') AS id \gset
CALL confiture.transition_run('t', 'captured');
SELECT 'b.confiture_log_' || t.id AS log FROM confiture.transition_table AS t WHERE t.transition = :id \gset
SELECT is((SELECT string_agg(collname, ' ') FROM pg_attribute AS c JOIN pg_collation AS o ON o.oid = c.attcollation
    WHERE c.attrelid = :'log'::regclass), 'backwards', 'the log compares as the key does');
CREATE FUNCTION due() RETURNS void LANGUAGE sql AS $$
    UPDATE confiture.transition_table SET drained_at = clock_timestamp() - interval '1 hour'
$$;
-- One transaction of a worker.
CREATE FUNCTION work() RETURNS text LANGUAGE sql AS $$
    SELECT c.did FROM confiture.transition AS t, confiture._transition_chunk(t, false) AS c WHERE t.live
$$;

-- Nothing is cut: whatever is written will be copied as it is then.
UPDATE a.t SET v = -v WHERE no <= 100;
SELECT due();
SELECT is(work(), 'drained', 'entries are taken off when it is time');
SELECT is(confiture.transition_status('t') #>> '{tables,0,log_length}', '0', 'before the first chunk all of them go');
SELECT is((SELECT count(*) FROM b.t), 0::bigint, 'and no row is written for them');

SELECT is(work(), 'cut', 'chunks are cut');
SELECT is(work(), 'copied', 'and one is copied');
SELECT (SELECT upper FROM confiture.transition_chunk WHERE copied_at IS NOT NULL) AS copied,
    (SELECT position FROM confiture.transition_table WHERE transition = :id) AS cut \gset
-- In the copied chunk, in one that is not copied, and behind all; also what is gone, new, or moved.
CREATE TEMPORARY TABLE place AS SELECT region, no, CASE
        WHEN ROW(region, no) <= ROW((:'copied'::text[])[1]::code, (:'copied'::text[])[2]::int) THEN 'copied'
        WHEN ROW(region, no) <= ROW((:'cut'::text[])[1]::code, (:'cut'::text[])[2]::int) THEN 'open' ELSE 'behind' END AS is
    FROM a.t;
UPDATE a.t SET v = v + 100000 FROM place AS p WHERE p.region = t.region AND p.no = t.no AND t.no % 7 = 0;
DELETE FROM a.t WHERE no % 7 = 1;
UPDATE a.t SET region = CASE WHEN region LIKE 'a%' THEN 'B' || no ELSE 'a' || no END WHERE no % 7 = 2;
SELECT due();
SELECT is(work(), 'drained', 'entries are taken off again');
SELECT is_empty(format('SELECT l.k1, l.k2 FROM %s AS l WHERE ROW(l.k1, l.k2) NOT IN (SELECT region::text, no FROM place WHERE place.is = ''open'')'
    ' AND (ROW(l.k1, l.k2) <= ROW(%L, %s) OR ROW(l.k1, l.k2) > ROW(%L, %s))', :'log', (:'copied'::text[])[1], (:'copied'::text[])[2],
    (:'cut'::text[])[1], (:'cut'::text[])[2]), 'but for rows of chunks that are not copied');
SELECT ok((confiture.transition_status('t') #>> '{tables,0,log_length}')::int > 0, 'those are left');
SELECT is_empty(format('SELECT * FROM b.t EXCEPT SELECT * FROM a.t'), 'what is copied is as it is now');
SELECT is_empty($$SELECT region, no, v FROM a.t AS t WHERE EXISTS (SELECT FROM place AS p WHERE p.is = 'copied' AND p.region = t.region AND p.no = t.no)
    EXCEPT TABLE b.t$$, 'all of it');

-- TRUNCATE is left for the end: rows that were copied before go then.
TRUNCATE a.t;
INSERT INTO a.t VALUES ('a1', 1, 1), ('z', 1, 2);
SELECT due();
SELECT is(work(), 'drained', 'after TRUNCATE too');
CALL confiture.transition_run('t');
SELECT results_eq('SELECT * FROM b.t ORDER BY v', 'SELECT * FROM a.t ORDER BY v', 'both sides are equal in the end');
SELECT is(confiture.transition_abort('t'), 'aborted', 'the end');
SELECT * FROM finish();
