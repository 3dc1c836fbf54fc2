-- confiture.analyze() and confiture.migrate_analyze(): what would happen, without running it.
-- The first part holds predictions against confiture.dry_run(), which measures.
-- Not in one transaction: it would hold the locks that are to be measured.
SET client_min_messages = error;
SET max_parallel_workers_per_gather = 0;
SET max_parallel_maintenance_workers = 0;
SET TimeZone = 'UTC';
-- Compiling the queries of the tests takes longer than what they test.
SET jit = off;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(225);

CREATE FUNCTION volatile_one() RETURNS integer LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION stable_one() RETURNS integer LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION inlined_random() RETURNS double precision LANGUAGE sql VOLATILE AS 'SELECT random()';
CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE address AS (street text, city text);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN plain AS integer;
CREATE TABLE customers (
    id serial PRIMARY KEY, name text, email varchar(100) UNIQUE, at timestamp, at_tz timestamptz, feels mood);
CREATE TABLE orders (
    id bigserial PRIMARY KEY, customer_id integer REFERENCES customers, amount numeric(10,2), note varchar(50),
    qty integer CHECK (qty > 0), status text, age positive, code varchar(10) CHECK (code <> ''), small smallint,
    CONSTRAINT status_given CHECK (status IS NOT NULL AND length(status) > 0),
    CONSTRAINT note_given CHECK (note IS NOT NULL) NOT VALID);
CREATE INDEX orders_note ON orders (note);
CREATE INDEX orders_qty ON orders (qty) WHERE qty > 5;
CREATE UNIQUE INDEX orders_small ON orders (small);
CREATE TABLE items (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE, sku text, UNIQUE (order_id, sku));
CREATE TABLE notes (id integer PRIMARY KEY, item_id integer REFERENCES items ON DELETE SET NULL);
CREATE TABLE lone (a integer, b integer);
CREATE UNLOGGED TABLE fleeting (a integer);
CREATE TABLE keyless (a integer NOT NULL, b integer);
CREATE UNIQUE INDEX keyless_a ON keyless (a);
CREATE UNIQUE INDEX keyless_b ON keyless (b);
CREATE TABLE typed OF address;
CREATE TABLE events (id integer NOT NULL, at date NOT NULL, customer_id integer REFERENCES customers, payload text)
    PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE INDEX events_payload ON events (payload);
CREATE TABLE events_2027 (id integer NOT NULL, at date NOT NULL, customer_id integer, payload text);
CREATE TABLE events_2028 (
    id integer NOT NULL, at date NOT NULL, customer_id integer, payload text,
    CHECK (at >= '2028-01-01' AND at < '2029-01-01'));
CREATE TABLE parent (a integer, b text, CONSTRAINT a_positive CHECK (a > 0));
CREATE TABLE child (c integer) INHERITS (parent);
CREATE VIEW names AS SELECT id, name FROM customers;
CREATE VIEW sales AS SELECT n.name, o.amount FROM names AS n JOIN orders AS o ON o.customer_id = n.id;
CREATE MATERIALIZED VIEW totals AS SELECT id, name FROM customers;
CREATE UNIQUE INDEX totals_id ON totals (id);
CREATE TABLE watched (a integer);
CREATE TRIGGER watch BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION fires();
CREATE TABLE guarded (a integer);
CREATE POLICY open ON guarded USING (true);
CREATE RULE copy_rows AS ON INSERT TO guarded DO ALSO INSERT INTO lone VALUES (NEW.a, 1);
CREATE STATISTICS lone_stats ON a, b FROM lone;
CREATE SEQUENCE counter;
CREATE SCHEMA app;
CREATE TABLE app.t (a integer, b integer);
INSERT INTO customers (name, email) SELECT 'n' || g, g || '@x' FROM generate_series(1, 1000) AS g;
INSERT INTO orders (customer_id, amount, note, qty, status, age, code, small)
    SELECT g, g, 'n', g, 's', 1, 'c', g FROM generate_series(1, 1000) AS g;
INSERT INTO items (order_id, sku) SELECT g, 's' FROM generate_series(1, 1000) AS g;
INSERT INTO notes SELECT g, g FROM generate_series(1, 100) AS g;
INSERT INTO lone SELECT g, g FROM generate_series(1, 1000) AS g;
INSERT INTO keyless SELECT g, g FROM generate_series(1, 100) AS g;
INSERT INTO events SELECT g, date '2025-01-01' + g, g, 'p' FROM generate_series(1, 500) AS g;
INSERT INTO events_2027 SELECT g, date '2027-01-01' + g, g, 'p' FROM generate_series(1, 100) AS g;
INSERT INTO events_2028 SELECT g, date '2028-01-01' + g, g, 'p' FROM generate_series(1, 100) AS g;
INSERT INTO parent SELECT g FROM generate_series(1, 100) AS g;
INSERT INTO child SELECT g FROM generate_series(1, 100) AS g;
INSERT INTO typed SELECT 's', 'c' FROM generate_series(1, 100) AS g;
ANALYZE;

-- Locks on relations that are there before, weakest first.
CREATE FUNCTION pg_temp.locks(locks jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', l ->> 'relation', replace(l ->> 'mode', 'Lock', '')), ', '
        ORDER BY l ->> 'relation')
    FROM jsonb_array_elements(locks) AS l WHERE NOT l ? 'created'
$$;
CREATE FUNCTION pg_temp.names(names text[], less text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(n, ', ' ORDER BY n) FROM unnest(names) AS n WHERE n <> ALL (less)
$$;
-- The work of a statement in one line. A rewritten table is read too, and so may be the
-- table that a foreign key references: neither is foretold as a scan.
CREATE FUNCTION pg_temp.work(locks jsonb, rewrites text[], scans text[], error jsonb, only_locks boolean)
RETURNS text LANGUAGE sql AS $$
    SELECT coalesce('error ' || (error ->> 'sqlstate'), concat_ws('; ', pg_temp.locks(locks),
        CASE WHEN NOT only_locks THEN 'rewrites ' || pg_temp.names(rewrites, '{}') END,
        CASE WHEN NOT only_locks THEN 'reads ' || pg_temp.names(scans, rewrites || ARRAY['public.customers']) END))
$$;
CREATE FUNCTION pg_temp.agrees(script text, only_locks boolean DEFAULT false) RETURNS text
LANGUAGE sql AS $$
    SELECT is(pg_temp.work(a.locks, a.rewrites, a.scans, a.error, only_locks),
        pg_temp.work(d.locks, d.rewrites, d.scans, d.error, only_locks), script)
    FROM confiture.analyze(script) AS a, confiture.dry_run(script) AS d
$$;

-- ADD COLUMN
SELECT pg_temp.agrees(s) FROM unnest(ARRAY[
    'ALTER TABLE orders ADD COLUMN x integer',
    'ALTER TABLE orders ADD COLUMN x integer NOT NULL DEFAULT 5',
    'ALTER TABLE orders ADD COLUMN x timestamptz DEFAULT now()',
    'ALTER TABLE orders ADD COLUMN x timestamptz DEFAULT clock_timestamp()',
    'ALTER TABLE orders ADD COLUMN x double precision[] DEFAULT ARRAY[random()]',
    'ALTER TABLE orders ADD COLUMN x double precision DEFAULT inlined_random()',
    'ALTER TABLE orders ADD COLUMN x integer DEFAULT stable_one()',
    'ALTER TABLE orders ADD COLUMN x integer DEFAULT volatile_one()',
    'ALTER TABLE orders ADD COLUMN x serial',
    'ALTER TABLE orders ADD COLUMN x integer GENERATED ALWAYS AS IDENTITY',
    'ALTER TABLE orders ADD COLUMN x integer GENERATED ALWAYS AS (qty * 2) STORED',
    'ALTER TABLE orders ADD COLUMN x positive',
    'ALTER TABLE orders ADD COLUMN x plain',
    'ALTER TABLE orders ADD COLUMN x integer CHECK (x > 0)',
    'ALTER TABLE orders ADD COLUMN x integer REFERENCES customers',
    'ALTER TABLE orders ADD COLUMN x integer DEFAULT 1 REFERENCES customers',
    'ALTER TABLE orders ADD COLUMN IF NOT EXISTS qty integer',
    'ALTER TABLE events ADD COLUMN x double precision DEFAULT random()',
    'ALTER TABLE parent ADD COLUMN x integer DEFAULT 1']) AS s;

-- Types of columns
SELECT pg_temp.agrees(s) FROM unnest(ARRAY[
    'ALTER TABLE orders ALTER note TYPE varchar(100)',
    'ALTER TABLE orders ALTER note TYPE varchar(20)',
    'ALTER TABLE orders ALTER note TYPE text',
    'ALTER TABLE orders ALTER note TYPE text COLLATE "C"',
    'ALTER TABLE orders ALTER code TYPE varchar(20)',
    'ALTER TABLE orders ALTER amount TYPE numeric(12,2)',
    'ALTER TABLE orders ALTER amount TYPE numeric(12,4)',
    'ALTER TABLE orders ALTER amount TYPE integer USING amount::integer',
    'ALTER TABLE orders ALTER small TYPE integer',
    'ALTER TABLE orders ALTER customer_id TYPE bigint',
    'ALTER TABLE orders ALTER age TYPE integer',
    'ALTER TABLE orders ALTER small TYPE positive',
    'ALTER TABLE customers ALTER id TYPE bigint',
    'ALTER TABLE customers ALTER email TYPE text',
    'ALTER TABLE customers ALTER at TYPE timestamptz',
    'ALTER TABLE customers ALTER at_tz TYPE timestamp(3)',
    'ALTER TABLE events ALTER payload TYPE varchar',
    'ALTER TABLE parent ALTER b TYPE varchar(10)',
    'ALTER TYPE address ALTER ATTRIBUTE city TYPE varchar(20) CASCADE',
    'ALTER TYPE address ADD ATTRIBUTE zip text CASCADE']) AS s;

-- Constraints
SELECT pg_temp.agrees(s) FROM unnest(ARRAY[
    'ALTER TABLE orders ALTER qty SET NOT NULL',
    'ALTER TABLE orders ALTER status SET NOT NULL',
    'ALTER TABLE orders ALTER note SET NOT NULL',
    'ALTER TABLE orders ALTER id SET NOT NULL',
    'ALTER TABLE events ALTER payload SET NOT NULL',
    'ALTER TABLE ONLY parent ALTER b DROP NOT NULL',
    'ALTER TABLE orders ADD CHECK (qty < 5000)',
    'ALTER TABLE orders ADD CHECK (qty < 5000) NOT VALID',
    'ALTER TABLE parent ADD CHECK (a < 5000)',
    'ALTER TABLE orders VALIDATE CONSTRAINT note_given',
    'ALTER TABLE orders ADD FOREIGN KEY (qty) REFERENCES customers',
    'ALTER TABLE orders ADD FOREIGN KEY (qty) REFERENCES customers NOT VALID',
    'ALTER TABLE lone ADD PRIMARY KEY (a)',
    'ALTER TABLE lone ADD UNIQUE (b)',
    'ALTER TABLE keyless ADD PRIMARY KEY USING INDEX keyless_a',
    'ALTER TABLE keyless ADD PRIMARY KEY USING INDEX keyless_b',
    'ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey',
    'ALTER TABLE events DROP CONSTRAINT events_customer_id_fkey',
    'ALTER TABLE parent DROP CONSTRAINT a_positive',
    'ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE',
    'ALTER DOMAIN positive ADD CONSTRAINT small CHECK (VALUE < 5000)',
    'ALTER DOMAIN positive ADD CONSTRAINT small CHECK (VALUE < 5000) NOT VALID',
    'ALTER DOMAIN positive SET NOT NULL']) AS s;

-- The rest of ALTER
SELECT pg_temp.agrees(s) FROM unnest(ARRAY[
    'ALTER TABLE orders DROP COLUMN qty',
    'ALTER TABLE orders DROP COLUMN customer_id CASCADE',
    'ALTER TABLE parent DROP COLUMN b',
    'ALTER TABLE lone SET UNLOGGED',
    'ALTER TABLE fleeting SET UNLOGGED',
    'ALTER TABLE orders SET UNLOGGED',
    'ALTER TABLE lone SET (fillfactor = 70)',
    'ALTER TABLE lone SET (user_catalog_table = true)',
    'ALTER TABLE watched DISABLE TRIGGER watch',
    'ALTER TABLE guarded DISABLE RULE copy_rows',
    'ALTER TABLE keyless REPLICA IDENTITY USING INDEX keyless_a',
    'ALTER TABLE events ATTACH PARTITION events_2027 FOR VALUES FROM (''2027-01-01'') TO (''2028-01-01'')',
    'ALTER TABLE events ATTACH PARTITION events_2028 FOR VALUES FROM (''2028-01-01'') TO (''2029-01-01'')',
    'ALTER TABLE events ATTACH PARTITION events_2027 FOR VALUES FROM (''2025-06-01'') TO (''2025-07-01'')',
    'ALTER TABLE events DETACH PARTITION events_2025',
    'ALTER TABLE orders RENAME TO purchases',
    'ALTER TABLE parent RENAME COLUMN b TO bb',
    'ALTER TABLE orders RENAME CONSTRAINT status_given TO status_there',
    'ALTER INDEX orders_note RENAME TO orders_text',
    'ALTER TABLE orders_note RENAME TO orders_text',
    'ALTER INDEX orders_note SET (fillfactor = 70)',
    'ALTER TABLE orders SET SCHEMA app',
    'ALTER SEQUENCE counter RESTART',
    'ALTER TRIGGER watch ON watched RENAME TO look',
    'ALTER POLICY open ON guarded USING (false)',
    'ALTER TYPE mood ADD VALUE ''great''',
    'ALTER TYPE mood RENAME TO spirit']) AS s;

-- CREATE
SELECT pg_temp.agrees(s) FROM unnest(ARRAY[
    'CREATE TABLE new (a integer REFERENCES customers, b bigint REFERENCES orders)',
    'CREATE TABLE new (LIKE lone INCLUDING ALL)',
    'CREATE TABLE new () INHERITS (parent)',
    'CREATE TABLE new PARTITION OF events FOR VALUES FROM (''2029-01-01'') TO (''2030-01-01'')',
    'CREATE INDEX ON orders (amount)',
    'CREATE INDEX IF NOT EXISTS orders_note ON orders (note)',
    'CREATE INDEX ON events (customer_id)',
    'CREATE INDEX ON ONLY events (customer_id)',
    'CREATE VIEW new AS SELECT * FROM sales',
    'CREATE OR REPLACE VIEW names AS SELECT id, name FROM customers',
    'CREATE TRIGGER t AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION fires()',
    'CREATE POLICY p ON orders USING (customer_id IN (SELECT id FROM customers))',
    'CREATE RULE r AS ON UPDATE TO lone DO ALSO INSERT INTO guarded VALUES (1)',
    'CREATE STATISTICS s ON qty, amount FROM orders',
    'CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS ''SELECT count(*) FROM orders''',
    'CREATE SCHEMA new CREATE VIEW v AS SELECT * FROM t CREATE TABLE t (a integer REFERENCES public.customers)']) AS s;
SELECT pg_temp.agrees('CREATE TABLE new AS SELECT * FROM sales', true);
SELECT pg_temp.agrees('CREATE MATERIALIZED VIEW new AS SELECT * FROM sales', true);

-- DROP and what it takes along
SELECT pg_temp.agrees(s) FROM unnest(ARRAY[
    'DROP TABLE notes',
    'DROP TABLE items CASCADE',
    'DROP TABLE customers CASCADE',
    'DROP TABLE customers',
    'DROP TABLE events_2025',
    'DROP TABLE parent CASCADE',
    'DROP TABLE IF EXISTS nosuch',
    'DROP VIEW names CASCADE',
    'DROP INDEX orders_note',
    'DROP INDEX events_payload',
    'DROP SEQUENCE customers_id_seq CASCADE',
    'DROP TRIGGER watch ON watched',
    'DROP POLICY open ON guarded',
    'DROP RULE copy_rows ON guarded',
    'DROP STATISTICS lone_stats',
    'DROP TYPE mood CASCADE',
    'DROP DOMAIN positive CASCADE',
    'DROP FUNCTION fires() CASCADE']) AS s;

-- Other statements
SELECT pg_temp.agrees(s, true) FROM unnest(ARRAY[
    'COMMENT ON TABLE orders IS ''x''',
    'COMMENT ON CONSTRAINT status_given ON orders IS ''x''',
    'TRUNCATE orders CASCADE',
    'TRUNCATE orders',
    'LOCK TABLE sales IN SHARE MODE',
    'REINDEX TABLE orders',
    'REINDEX INDEX orders_note',
    'CLUSTER orders USING orders_note',
    'REFRESH MATERIALIZED VIEW totals',
    'REFRESH MATERIALIZED VIEW CONCURRENTLY totals',
    'SELECT * FROM sales',
    'SELECT * FROM orders AS o JOIN customers AS c ON c.id = o.customer_id FOR UPDATE OF o',
    'WITH x AS (DELETE FROM lone RETURNING *) SELECT count(*) FROM x, events',
    'INSERT INTO orders (customer_id, qty, status, note) VALUES (1, 1, ''s'', ''n'')',
    'INSERT INTO names (id, name) VALUES (5000, ''x'')',
    'INSERT INTO guarded VALUES (1)',
    'UPDATE orders SET note = ''x'' WHERE id = 1',
    'UPDATE orders SET customer_id = 5 WHERE id = 1',
    'UPDATE parent SET b = ''x''',
    'DELETE FROM orders WHERE id = 1']) AS s;

-- What can't be measured in a transaction
CREATE FUNCTION pg_temp.said(script text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('; ', pg_temp.locks(locks), 'rewrites ' || pg_temp.names(rewrites, '{}'),
        'reads ' || pg_temp.names(scans, '{}'), 'error ' || (error ->> 'message'))
    FROM confiture.analyze(script) ORDER BY ordinal DESC LIMIT 1
$$;
SELECT is(pg_temp.said('CREATE INDEX CONCURRENTLY ON orders (amount)'),
    'public.orders ShareUpdateExclusive; reads public.orders', 'CREATE INDEX CONCURRENTLY');
SELECT is(pg_temp.said('DROP INDEX CONCURRENTLY orders_note'),
    'public.orders ShareUpdateExclusive, public.orders_note ShareUpdateExclusive', 'DROP INDEX CONCURRENTLY');
SELECT is(pg_temp.said('VACUUM orders'), 'public.orders ShareUpdateExclusive', 'VACUUM');
SELECT is(pg_temp.said('VACUUM FULL lone'), 'public.lone AccessExclusive; rewrites public.lone', 'VACUUM FULL');
SELECT is(pg_temp.said('REINDEX TABLE CONCURRENTLY lone'), 'public.lone ShareUpdateExclusive', 'REINDEX CONCURRENTLY');
SELECT is(pg_temp.said('CREATE INDEX CONCURRENTLY ON events (id)'),
    'public.events ShareUpdateExclusive; error cannot create index on partitioned table "events" concurrently',
    'CREATE INDEX CONCURRENTLY on a partitioned table fails');
SELECT ok(needs_top_level, 'needs_top_level is said') FROM confiture.analyze('VACUUM orders');
SELECT ok(execution_time_ms IS NULL AND rows_affected IS NULL AND wal_bytes IS NULL AND buffers_read IS NULL,
    'what was not measured is NULL') FROM confiture.analyze('VACUUM orders');
SELECT is(pg_temp.said('COMMIT'), 'error COMMIT is not allowed in a script (line 1)', 'a transaction command is a row');

SELECT is(pg_temp.said('DROP SCHEMA app CASCADE'), 'app.t AccessExclusive', 'DROP SCHEMA locks what is in it');

-- Which relations are named, and whom a lock blocks
SELECT is(
    (SELECT string_agg(format('%s %s %s', l ->> 'relation', l ->> 'blocks', l ->> 'named'), ', '
        ORDER BY l ->> 'relation')
     FROM confiture.analyze('DROP TABLE notes') AS a, jsonb_array_elements(a.locks) AS l),
    'public.items reads and writes false, public.notes reads and writes true',
    'DROP TABLE blocks a table that it does not name');
SELECT is(
    (SELECT string_agg(format('%s %s', l ->> 'relation', l ->> 'blocks'), ', ' ORDER BY l ->> 'relation')
     FROM confiture.analyze('CREATE TABLE new (a integer REFERENCES customers)') AS a, jsonb_array_elements(a.locks) AS l),
    'public.customers writes, public.new nothing', 'nobody waits for a table that is new');

-- Later statements see what earlier ones would have done
SELECT is(pg_temp.said($$ALTER TABLE orders ADD CONSTRAINT q CHECK (qty IS NOT NULL) NOT VALID;
    ALTER TABLE orders VALIDATE CONSTRAINT q; ALTER TABLE orders ALTER qty SET NOT NULL$$),
    'public.orders AccessExclusive', 'a constraint that the script validates proves NOT NULL');
SELECT is(pg_temp.said($$ALTER TABLE orders ADD CONSTRAINT q CHECK (qty IS NOT NULL) NOT VALID;
    ALTER TABLE orders ALTER qty SET NOT NULL$$),
    'public.orders AccessExclusive; reads public.orders', 'one that is not valid does not');
SELECT is(pg_temp.said('ALTER TABLE orders RENAME TO sold; CREATE INDEX ON sold (qty)'),
    'public.orders Share; reads public.orders', 'a renamed table is the same table');
SELECT is(pg_temp.said('ALTER TABLE orders RENAME TO sold; SELECT * FROM orders'),
    'error relation "orders" does not exist', 'its old name is gone');
SELECT is(pg_temp.said('ALTER TABLE orders RENAME qty TO pieces; ALTER TABLE orders ALTER qty DROP NOT NULL'),
    'public.orders AccessExclusive; error column "qty" of relation "orders" does not exist', 'a renamed column too');
SELECT is(pg_temp.said('DROP VIEW sales; DROP VIEW names'), 'public.names AccessExclusive', 'what is dropped needs no CASCADE');
SELECT is(pg_temp.said('CREATE SCHEMA s; SET search_path = s; CREATE TABLE x (a integer); SELECT * FROM x, public.lone'),
    'public.lone AccessShare', 'SET search_path is followed');
SELECT is(pg_temp.said($$SELECT pg_catalog.set_config('search_path', 'app', false); SELECT * FROM t$$),
    'app.t AccessShare', 'so is set_config()');
SELECT is(current_setting('search_path'), '"$user", public', 'the session keeps its own');
SELECT is(pg_temp.said('DROP TABLE notes; CREATE TABLE notes (x integer); ALTER TABLE notes ADD COLUMN y integer; SELECT * FROM notes'),
    '', 'a table may be dropped and created again');
SELECT is(pg_temp.said('CREATE TABLE x (a integer REFERENCES orders (small)); DROP TABLE x'),
    'public.orders AccessExclusive', 'foreign keys of new tables are known');
SELECT is(pg_temp.said('CREATE TABLE p (a integer) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
    CREATE INDEX p_a ON p (a); DROP TABLE p; CREATE TABLE p1 (a integer); CREATE INDEX p_a ON p1 (a)'),
    '', 'a new table goes with its partitions and indexes');
SELECT is(pg_temp.said('CREATE TABLE x (a integer); CREATE VIEW y AS SELECT * FROM x; DROP TABLE x'),
    'error cannot drop x because other objects depend on it', 'a new view needs its new table');
SELECT is(pg_temp.said($$CREATE TYPE colour AS ENUM ('r'); ALTER TABLE lone ADD COLUMN c colour DEFAULT 'r'$$),
    'public.lone AccessExclusive', 'a new enum type does not rewrite');
SELECT is(pg_temp.said('CREATE DOMAIN small AS integer CHECK (VALUE < 9); ALTER TABLE lone ADD COLUMN c small'),
    'public.lone AccessExclusive; rewrites public.lone', 'a new domain may have constraints');
SELECT is(pg_temp.said($$DO 'BEGIN END'; SELECT * FROM made_by_do$$), '', 'code may create what is not there');
SELECT is((SELECT warnings[1] FROM confiture.analyze($$DO 'BEGIN END'; SELECT * FROM made_by_do$$) WHERE ordinal = 2),
    'relation "made_by_do" does not exist, unless DO at line 1 changes that: only a dry run can tell',
    'and that is said');

-- Errors that the server would raise
SELECT is((SELECT string_agg(error ->> 'sqlstate', ', ' ORDER BY ordinal) FROM confiture.analyze(s)), state, s)
FROM (VALUES
    ('ALTER TABLE nosuch ADD COLUMN a integer', '42P01'),
    ('SELECT nosuch FROM orders', '42703'),
    ('UPDATE orders SET nosuch = 1', '42703'),
    ('DELETE FROM orders WHERE nosuch()', '42883'),
    ('INSERT INTO orders (nosuch) VALUES (1)', '42703'),
    ('ALTER TABLE orders ADD COLUMN qty integer', '42701'),
    ('ALTER TABLE orders ADD COLUMN x nosuch', '42704'),
    ('ALTER TABLE orders ADD COLUMN x integer DEFAULT ''abc''', '22P02'),
    ('ALTER TABLE orders ADD CHECK (qty)', '42804'),
    ('ALTER TABLE orders ALTER note TYPE integer', '42804'),
    ('ALTER TABLE customers ALTER name TYPE varchar(500)', '0A000'),
    ('ALTER TABLE orders DROP CONSTRAINT nosuch', '42704'),
    ('CREATE TABLE orders (a integer)', '42P07'),
    ('CREATE TABLE new (a nosuch)', '42704'),
    ('CREATE TABLE nosuch.new (a integer)', '3F000'),
    ('DROP VIEW orders', '42809'),
    ('CREATE TABLE x (a integer); CREATE TABLE x (a integer)', '42P07')) AS e (s, state);
SELECT is(error, '{"line": 3, "column": 15, "message": "relation \"nosuch\" does not exist", "sqlstate": "42P01"}',
    'an error says where') FROM confiture.analyze(E'SELECT 1;\n\nSELECT * FROM nosuch') WHERE ordinal = 2;
CREATE ROLE stranger;
GRANT USAGE ON SCHEMA confiture TO stranger;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA confiture TO stranger;
SET ROLE stranger;
SELECT is(error ->> 'message', 'must be owner of table orders', 'ownership is checked')
FROM confiture.analyze('ALTER TABLE orders ADD COLUMN a integer');
SELECT is(error ->> 'message', 'permission denied for table orders', 'and privileges are')
FROM confiture.analyze('DELETE FROM orders');
RESET ROLE;

-- Warnings
CREATE FUNCTION pg_temp.warns(script text, pattern text) RETURNS text LANGUAGE sql AS $$
    SELECT matches(string_agg(w, E'\n'), pattern, script) FROM confiture.analyze(script) AS a, unnest(a.warnings) AS w
$$;
SELECT pg_temp.warns(s, p) FROM (VALUES
    ('ALTER TABLE lone ALTER a SET NOT NULL', '^reads and writes of public.lone wait while checking for NULLs in public.lone \(about 1000 rows, \d+ kB\)\. Add CHECK'),
    ('ALTER TABLE orders ADD FOREIGN KEY (qty) REFERENCES customers', 'writes of public.orders, public.customers wait .* VALIDATE it in a later migration'),
    ('ALTER TABLE lone ADD FOREIGN KEY (b) REFERENCES notes', 'no index on public.lone \(b\)'),
    ('CREATE INDEX ON lone (a)', '^writes of public.lone wait .*CREATE INDEX CONCURRENTLY blocks no writes'),
    ('DROP TABLE lone CASCADE', 'drops public.lone with its data \(about 1000 rows'),
    ('ALTER TABLE lone DROP COLUMN a CASCADE', 'drops column a of public.lone with its data'),
    ('DROP TABLE items CASCADE', 'CASCADE also drops constraint notes_item_id_fkey on table notes'),
    ('TRUNCATE lone', 'removes all rows of public.lone'),
    ('ALTER TABLE lone RENAME TO alone', 'clients that use the old name of public.lone fail'),
    ('ALTER TABLE lone ADD COLUMN x integer NOT NULL', 'fails unless public.lone is empty'),
    ('INSERT INTO watched VALUES (1)', 'public.watched has triggers \(watch\)'),
    ('SELECT volatile_one()', 'function public.volatile_one\(\) is opaque'),
    ('VACUUM lone', 'can''t run in a transaction block'),
    ('ALTER TABLE lone ADD COLUMN x integer; CREATE INDEX ON orders (amount)',
        'runs while the migration holds AccessExclusiveLock on public.lone since line 1'),
    ('UPDATE lone SET a = 1', 'updating all rows of public.lone \(about 1000 rows')) AS w (s, p);
SELECT is(warnings, '{}', 'no warning without a reason') FROM confiture.analyze('ALTER TABLE fleeting ALTER a SET NOT NULL');
SELECT is(warnings, '{}', 'an index that the script makes counts')
FROM confiture.analyze('CREATE TABLE x (a integer REFERENCES notes); CREATE INDEX ON x (a)') WHERE ordinal = 1;

-- Who is in the way
SELECT is(holders, NULL, 'nobody holds a lock') FROM confiture.analyze('ALTER TABLE lone ADD COLUMN x integer');

-- Nothing is executed, and no lock stays
BEGIN;
SELECT count(*) FROM confiture.analyze('DROP TABLE orders CASCADE; ALTER TABLE lone ALTER a SET NOT NULL; SELECT nextval(''counter'')');
SELECT is((SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN ('orders'::regclass, 'lone'::regclass)),
    0::bigint, 'no lock stays');
COMMIT;
SELECT has_table('orders', 'nothing is dropped');
SELECT is((SELECT is_called FROM counter), false, 'no sequence moves');
BEGIN READ ONLY;
SELECT is(pg_temp.said('ALTER TABLE lone ALTER a SET NOT NULL'), 'public.lone AccessExclusive; reads public.lone',
    'works in a read-only transaction');
COMMIT;

-- Migrations
SELECT confiture.register_migration('1', 'first', 'CREATE TABLE first (id integer PRIMARY KEY)', 'DROP TABLE first');
SELECT confiture.register_migration('2', 'second', E'ALTER TABLE first ADD COLUMN a integer;\nALTER TABLE lone ALTER a SET NOT NULL', 'SELECT 1');
SELECT confiture.register_migration('3', 'third', 'class Third: pass', NULL, 'python');
SELECT is(
    (SELECT string_agg(format('%s %s %s %s', version, ordinal, command, coalesce(error ->> 'message', 'ok')), ', ')
     FROM confiture.migrate_analyze()),
    '1 1 CREATE TABLE ok, 2 1 ALTER TABLE ok, 2 2 ALTER TABLE ok, 3 1 PYTHON ok', 'one migration after the other');
SELECT is(warnings, '{written in Python: only a dry run can tell}', 'Python is opaque')
FROM confiture.migrate_analyze() WHERE version = '3';
SELECT is((SELECT count(*) FROM confiture.migrate_analyze('up', '1')), 1::bigint, 'up to a target');
SELECT is((SELECT count(*) FROM confiture.migrate_analyze('up', NULL, 2)), 3::bigint, 'some steps');
SELECT confiture.baseline('2');
SELECT is((SELECT string_agg(version || ' ' || statement, ', ') FROM confiture.migrate_analyze('down')), '2 SELECT 1',
    'down is one step back');
SELECT throws_ok($$SELECT * FROM confiture.migrate_analyze('sideways')$$, '22023', NULL, 'an unknown direction is an error');
SELECT throws_ok($$SELECT * FROM confiture.analyze('SELEC 1')$$, '42601', NULL, 'so is bad syntax');
SELECT is((SELECT count(*) FROM confiture.analyze(NULL)), 0::bigint, 'no script, no rows');
SELECT is((SELECT count(*) FROM confiture.analyze('-- nothing')), 0::bigint, 'an empty script has no rows');
SELECT * FROM finish();