-- The plan of a transition: true statements, measured.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(27);

CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.p (id int PRIMARY KEY);
CREATE TABLE b.p (id int PRIMARY KEY);
CREATE TABLE a."T t" (id serial PRIMARY KEY, v text, p int REFERENCES a.p);
CREATE TABLE b.u (id serial PRIMARY KEY, w text CHECK (w <> 'odd'), p int REFERENCES b.p ON DELETE CASCADE,
    twice int GENERATED ALWAYS AS (p * 2) STORED, EXCLUDE (id WITH =));
CREATE INDEX by_w ON b.u (upper(w) DESC) WHERE p > 0;
COMMENT ON TABLE a."T t" IS 'some rows';
INSERT INTO a.p SELECT generate_series(1, 10);
INSERT INTO a."T t" (v, p) SELECT 'v' || i, 1 + i % 10 FROM generate_series(1, 5000) AS i;
SELECT confiture.transition_create('t', 'a', 'b', '{"tables": {"p": {}, "T t": {"target": "u", "columns": {"w": "v"}}}}') IS NOT NULL AS made \gset
CREATE FUNCTION relations() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s %s %s', relnamespace::regnamespace, relname, relkind) FROM pg_class WHERE relnamespace IN ('a'::regnamespace, 'b'::regnamespace)
    UNION ALL SELECT format('%s %s', tgrelid::regclass, tgname) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT format('%s %s', conrelid::regclass, conname) FROM pg_constraint WHERE connamespace = 'b'::regnamespace
$$;
CREATE TEMPORARY TABLE before AS SELECT relations() AS r;
CREATE TEMPORARY TABLE planned AS SELECT * FROM confiture.transition_plan('t');
SELECT bag_eq('SELECT relations()', 'SELECT r FROM before', 'measuring leaves nothing');
SELECT is((SELECT count(*) FROM b.u), 0::bigint, 'no row either');
SELECT results_eq('SELECT DISTINCT step FROM planned ORDER BY 1',
    $$VALUES ('capture'), ('catch_up'), ('contract'), ('copy'), ('cutover'), ('mirror'), ('validate')$$, 'all steps are told');
SELECT is_empty($$SELECT * FROM planned WHERE estimate_ms IS NULL AND step NOT IN ('catch_up', 'validate')$$, 'and measured');
SELECT is_empty($$SELECT * FROM planned WHERE lock IS NULL OR estimate IS NULL OR statement IS NULL$$, 'with a lock and what it was made from');
SELECT matches((SELECT estimate FROM planned WHERE step = 'copy' AND relation = 'a."T t"'), '^5000 rows; 5000 of them took [0-9.]+ ms$', 'rows are counted');
SELECT is((SELECT count(*) FROM planned WHERE statement ~ '^CREATE INDEX by_w ' AND estimate LIKE '5000 rows;%'), 1::bigint, 'an index of expressions is measured');
SELECT is((SELECT count(*) FROM planned WHERE statement ~ 'ADD CONSTRAINT u_id_excl EXCLUDE' AND estimate LIKE '5000 rows;%'), 1::bigint, 'an exclusion constraint too');
SELECT is((SELECT count(*) FROM planned WHERE statement ~ 'FOREIGN KEY' AND statement ~ 'NOT VALID$'), 1::bigint, 'foreign keys are told');
SELECT is((SELECT count(*) FROM planned WHERE statement = 'COMMENT ON TABLE b.u IS ''some rows'''), 1::bigint, 'what follows too');

-- Statements of the plan are those that run: what each makes by hand, the step makes.
CREATE PROCEDURE run_planned(wanted text) LANGUAGE plpgsql AS $$
DECLARE
    s text;
BEGIN
    FOR s IN SELECT p.statement FROM planned AS p WHERE p.step = wanted ORDER BY p.ordinal LOOP
        EXECUTE s;
    END LOOP;
END $$;
BEGIN;
CALL run_planned('capture');
SELECT string_agg(r, E'\n' ORDER BY r) AS by_hand FROM relations() AS r \gset
SELECT string_agg(concat(tgname, pg_get_triggerdef(oid), tgenabled), E'\n' ORDER BY tgrelid, tgname) AS triggers_by_hand FROM pg_trigger WHERE NOT tgisinternal \gset
ROLLBACK;
CALL confiture.transition_run('t', 'captured');
SELECT is((SELECT string_agg(r, E'\n' ORDER BY r) FROM relations() AS r), :'by_hand', 'capture');
SELECT is((SELECT string_agg(concat(tgname, pg_get_triggerdef(oid), tgenabled), E'\n' ORDER BY tgrelid, tgname) FROM pg_trigger WHERE NOT tgisinternal),
    :'triggers_by_hand', 'its triggers');
SELECT is_empty($$SELECT * FROM confiture.transition_plan('t') WHERE step = 'capture'$$, 'what is done is not told again');
SELECT is((SELECT count(*) FROM confiture.transition_plan('t') WHERE statement ~ 'by_w|u_id_excl|u_p_fkey.*FOREIGN'), 3::bigint, 'what was taken off is put back');
SELECT results_eq($$SELECT estimate_ms, estimate FROM confiture.transition_plan('t') WHERE statement ~ '^CREATE INDEX by_w '$$,
    $$VALUES (NULL::double precision, 'not measured')$$, 'in a time that is not known any more');
CALL confiture.transition_run('t');
SELECT bag_eq($$SELECT DISTINCT step FROM confiture.transition_plan('t')$$, $$VALUES ('cutover'), ('contract')$$, 'what is left');
CREATE TEMPORARY TABLE left_over AS SELECT * FROM confiture.transition_plan('t');
SELECT is_empty('SELECT * FROM left_over WHERE estimate_ms IS NOT NULL', 'nothing is measured when the rows are copied');
BEGIN;
CALL run_planned('cutover');
SELECT string_agg(format('%s %s.%s', oid, relnamespace::regnamespace, relname), E'\n' ORDER BY oid) AS by_hand FROM pg_class
    WHERE relnamespace IN ('a'::regnamespace, 'b'::regnamespace) \gset
ROLLBACK;
SELECT is(confiture.transition_cutover('t'), 'cut_over', 'the cutover');
SELECT is((SELECT string_agg(format('%s %s.%s', oid, relnamespace::regnamespace, relname), E'\n' ORDER BY oid) FROM pg_class
    WHERE relnamespace IN ('a'::regnamespace, 'b'::regnamespace)), :'by_hand', 'did what was planned');
SELECT is((SELECT string_agg(DISTINCT step, ' ') FROM confiture.transition_plan('t')), 'contract', 'the end is left');
SELECT confiture.transition_contract('t') AS ended \gset
SELECT is_empty($$SELECT * FROM confiture.transition_plan('t')$$, 'then nothing');

-- What is not measured, and why.
DROP SCHEMA a, b CASCADE;
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.t (id int PRIMARY KEY, v int);
CREATE TABLE b.t (id int PRIMARY KEY, v int CHECK (v < 50));
INSERT INTO a.t SELECT i, i FROM generate_series(1, 100) AS i;
SELECT confiture.transition_create('s', 'a', 'b', options => '{"swap": "schema"}') IS NOT NULL AS made \gset
SELECT matches((SELECT estimate FROM confiture.transition_plan('s') WHERE step = 'copy'), 'not measured: .*violates check constraint', 'a row that does not fit shows');
SELECT is((SELECT count(*) FROM confiture.transition_plan('s', 10) WHERE step = 'copy' AND estimate_ms IS NOT NULL), 1::bigint, 'unless it is not in the sample');
SELECT results_eq($$SELECT statement FROM confiture.transition_plan('s') WHERE step = 'cutover' ORDER BY ordinal$$,
    $$SELECT format(f, id) FROM confiture.transition, (VALUES ('ALTER SCHEMA a RENAME TO confiture_swap_%s'), ('ALTER SCHEMA b RENAME TO a'),
        ('ALTER SCHEMA confiture_swap_%s RENAME TO b')) AS v (f) WHERE live$$, 'the exchange of schemas');
SELECT is((SELECT count(*) FROM confiture.transition_plan('s', 0) WHERE estimate_ms IS NOT NULL), 0::bigint, 'no rows, no measurement');
SELECT throws_ok($$SELECT * FROM confiture.transition_plan('s', -1)$$, '22023', NULL, 'a wrong number of rows');
BEGIN READ ONLY;
SELECT is((SELECT estimate FROM confiture.transition_plan('s') WHERE step = 'copy'), 'not measured', 'nor in a transaction that may only read');
COMMIT;
SELECT * FROM finish();
