-- Chains: one change and everything that hangs on it; several changes at once.

-- pair: chain_type_under_everything
-- columns: reordered
-- from:
CREATE TABLE t (id integer PRIMARY KEY, n integer DEFAULT 1 CHECK (n > 0), m bigint GENERATED ALWAYS AS (n * 2) STORED);
CREATE INDEX t_n ON t (n) WHERE n > 5;
CREATE VIEW v1 AS SELECT id, n FROM t;
CREATE VIEW v2 AS SELECT n FROM v1 WHERE n > 1;
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(n) FROM v2; END;
CREATE POLICY p ON t USING (n > (SELECT f()));
CREATE MATERIALIZED VIEW mv AS SELECT f() AS total, count(*) AS c FROM v2;
CREATE UNIQUE INDEX mv_total ON mv (total);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER tr BEFORE UPDATE OF n ON t FOR EACH ROW WHEN (new.n > 3) EXECUTE FUNCTION touch();
CREATE RULE ru AS ON DELETE TO v1 DO INSTEAD UPDATE t SET n = 0 WHERE id = old.id;
CREATE STATISTICS st ON id, n FROM t;
COMMENT ON VIEW v1 IS 'v1';
COMMENT ON VIEW v2 IS 'v2';
COMMENT ON FUNCTION f() IS 'f';
COMMENT ON POLICY p ON t IS 'p';
COMMENT ON MATERIALIZED VIEW mv IS 'mv';
COMMENT ON INDEX mv_total IS 'mv_total';
COMMENT ON TRIGGER tr ON t IS 'tr';
GRANT SELECT ON v1, v2, mv TO pair_reader;
GRANT EXECUTE ON FUNCTION f() TO pair_reader;
INSERT INTO t (id, n) VALUES (1, 7);
-- to:
CREATE TABLE t (id integer PRIMARY KEY, n bigint DEFAULT 1 CHECK (n > 0), m bigint GENERATED ALWAYS AS (n * 2) STORED);
CREATE INDEX t_n ON t (n) WHERE n > 5;
CREATE VIEW v1 AS SELECT id, n FROM t;
CREATE VIEW v2 AS SELECT n FROM v1 WHERE n > 1;
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(n)::bigint FROM v2; END;
CREATE POLICY p ON t USING (n > (SELECT f()));
CREATE MATERIALIZED VIEW mv AS SELECT f() AS total, count(*) AS c FROM v2;
CREATE UNIQUE INDEX mv_total ON mv (total);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER tr BEFORE UPDATE OF n ON t FOR EACH ROW WHEN (new.n > 3) EXECUTE FUNCTION touch();
CREATE RULE ru AS ON DELETE TO v1 DO INSTEAD UPDATE t SET n = 0 WHERE id = old.id;
CREATE STATISTICS st ON id, n FROM t;
COMMENT ON VIEW v1 IS 'v1';
COMMENT ON VIEW v2 IS 'v2';
COMMENT ON FUNCTION f() IS 'f';
COMMENT ON POLICY p ON t IS 'p';
COMMENT ON MATERIALIZED VIEW mv IS 'mv';
COMMENT ON INDEX mv_total IS 'mv_total';
COMMENT ON TRIGGER tr ON t IS 'tr';
GRANT SELECT ON v1, v2, mv TO pair_reader;
GRANT EXECUTE ON FUNCTION f() TO pair_reader;
-- expect: remade column public.t.m
-- expect back: remade column public.t.m

-- pair: chain_function_under_default_index_view_trigger
-- from:
CREATE FUNCTION slug(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
CREATE TABLE t (id integer PRIMARY KEY, a text DEFAULT slug('X'));
CREATE INDEX i ON t (slug(a));
CREATE VIEW v AS SELECT slug(a) AS s FROM t;
CREATE VIEW w AS SELECT s FROM v;
GRANT SELECT ON w TO pair_reader;
-- to:
CREATE FUNCTION slug(text, text DEFAULT '-') RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1) || $2';
CREATE TABLE t (id integer PRIMARY KEY, a text DEFAULT slug('X'));
CREATE INDEX i ON t (slug(a));
CREATE VIEW v AS SELECT slug(a) AS s FROM t;
CREATE VIEW w AS SELECT s FROM v;
GRANT SELECT ON w TO pair_reader;

-- pair: chain_everything_goes
-- expect: hazard data loss
-- from:
CREATE SCHEMA s;
CREATE TYPE s.e AS ENUM ('a');
CREATE TABLE s.t (id integer PRIMARY KEY, x s.e DEFAULT 'a');
CREATE FUNCTION s.f(s.t) RETURNS s.e LANGUAGE sql AS 'SELECT $1.x';
CREATE VIEW s.v AS SELECT t.id, s.f(t) AS y FROM s.t;
CREATE TABLE u (id integer REFERENCES s.t, v s.v);
CREATE FUNCTION g() RETURNS SETOF s.v LANGUAGE sql AS 'SELECT * FROM s.v';
INSERT INTO s.t VALUES (1);
-- to:

-- pair: chain_schema_renamed_by_hand
-- from:
CREATE SCHEMA s;
CREATE TYPE s.e AS ENUM ('a');
CREATE TABLE s.t (id serial PRIMARY KEY, x s.e DEFAULT 'a');
CREATE VIEW s.v AS SELECT * FROM s.t;
-- to:
CREATE SCHEMA r;
CREATE TYPE r.e AS ENUM ('a');
CREATE TABLE r.t (id serial PRIMARY KEY, x r.e DEFAULT 'a');
CREATE VIEW r.v AS SELECT * FROM r.t;

-- pair: chain_keys_of_three_tables_widened
-- from:
CREATE TABLE a (id serial PRIMARY KEY);
CREATE TABLE b (id serial PRIMARY KEY, a_id integer NOT NULL REFERENCES a ON DELETE CASCADE);
CREATE TABLE c (a_id integer REFERENCES a, b_id integer REFERENCES b, PRIMARY KEY (a_id, b_id));
CREATE VIEW v AS SELECT b.id, c.a_id FROM b JOIN c ON c.b_id = b.id;
CREATE INDEX b_a ON b (a_id);
COMMENT ON CONSTRAINT b_a_id_fkey ON b IS 'stays';
INSERT INTO a DEFAULT VALUES;
INSERT INTO b (a_id) VALUES (1);
INSERT INTO c VALUES (1, 1);
-- to:
CREATE TABLE a (id bigserial PRIMARY KEY);
CREATE TABLE b (id bigserial PRIMARY KEY, a_id bigint NOT NULL REFERENCES a ON DELETE CASCADE);
CREATE TABLE c (a_id bigint REFERENCES a, b_id bigint REFERENCES b, PRIMARY KEY (a_id, b_id));
CREATE VIEW v AS SELECT b.id, c.a_id FROM b JOIN c ON c.b_id = b.id;
CREATE INDEX b_a ON b (a_id);
COMMENT ON CONSTRAINT b_a_id_fkey ON b IS 'stays';

-- pair: chain_domain_in_everything
-- from:
CREATE DOMAIN d AS varchar(10) CHECK (VALUE <> '');
CREATE TYPE c AS (x d);
CREATE TABLE t (a d DEFAULT 'q', b d[]);
CREATE FUNCTION f(d) RETURNS d LANGUAGE sql AS 'SELECT $1';
CREATE VIEW v AS SELECT a, f(a) AS fa FROM t;
CREATE INDEX i ON t (a);
-- to:
CREATE DOMAIN d AS text CHECK (VALUE <> '');
CREATE TYPE c AS (x d);
CREATE TABLE t (a d DEFAULT 'q', b d[]);
CREATE FUNCTION f(d) RETURNS d LANGUAGE sql AS 'SELECT $1';
CREATE VIEW v AS SELECT a, f(a) AS fa FROM t;
CREATE INDEX i ON t (a);

-- pair: chain_varchar_in_everywhere
-- normal form
-- from:
CREATE TABLE t (id integer PRIMARY KEY, a varchar(10) CONSTRAINT k CHECK (a IN ('x', 'y')));
CREATE INDEX i ON t (id) WHERE a IN ('x', 'y');
CREATE VIEW v AS SELECT id FROM t WHERE a IN ('x', 'y');
CREATE POLICY p ON t USING (a IN ('x', 'y'));
-- to:
CREATE TABLE t (id integer PRIMARY KEY, a varchar(10) CONSTRAINT k CHECK (a IN ('x', 'y')), b integer);
CREATE INDEX i ON t (id) WHERE a IN ('x', 'y');
CREATE VIEW v AS SELECT id, b FROM t WHERE a IN ('x', 'y');
CREATE POLICY p ON t USING (a IN ('x', 'y', 'z'));

-- pair: chain_varchar_in_generated
-- normal form
-- from:
CREATE TABLE t (a varchar(10));
-- to:
CREATE TABLE t (a varchar(10), b boolean GENERATED ALWAYS AS (a IN ('x', 'y')) STORED);

-- pair: chain_varchar_widened_under_a_check
-- normal form
-- from:
CREATE TABLE t (a varchar(10) CONSTRAINT k CHECK (a IN ('x', 'y')));
CREATE INDEX i ON t (a) WHERE a IN ('x', 'y');
INSERT INTO t VALUES ('x');
-- to:
CREATE TABLE t (a varchar(20) CONSTRAINT k CHECK (a IN ('x', 'y')));
CREATE INDEX i ON t (a) WHERE a IN ('x', 'y');

-- pair: chain_table_replaced_under_a_view
-- from:
CREATE TABLE t (a integer);
CREATE VIEW v AS SELECT a FROM t;
CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql AS 'SELECT * FROM public.t';
-- to:
CREATE VIEW t AS SELECT 1 AS a;
CREATE VIEW v AS SELECT a FROM t;
CREATE FUNCTION f() RETURNS SETOF t LANGUAGE sql AS 'SELECT * FROM public.t';

-- pair: chain_column_dropped_under_dependents
-- columns: reordered
-- from:
CREATE TABLE t (id integer PRIMARY KEY, gone text, a text);
CREATE VIEW v AS SELECT id, gone, a FROM t;
CREATE VIEW w AS SELECT id, a FROM v;
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(gone) FROM t; END;
GRANT SELECT ON w TO pair_reader;
INSERT INTO t VALUES (1, 'g', 'a');
-- to:
CREATE TABLE t (id integer PRIMARY KEY, a text);
CREATE VIEW v AS SELECT id, a FROM t;
CREATE VIEW w AS SELECT id, a FROM v;
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(a) FROM t; END;
GRANT SELECT ON w TO pair_reader;

-- pair: chain_shop
-- from:
CREATE TYPE status AS ENUM ('new', 'paid');
CREATE TABLE customers (id serial PRIMARY KEY, email varchar(100) UNIQUE);
CREATE TABLE orders (id serial PRIMARY KEY, customer_id integer REFERENCES customers, state status DEFAULT 'new', total numeric(8, 2));
CREATE INDEX orders_customer ON orders (customer_id);
CREATE VIEW open_orders AS SELECT * FROM orders WHERE state = 'new';
INSERT INTO customers (email) VALUES ('a@b');
INSERT INTO orders (customer_id, total) VALUES (1, 5);
-- to:
CREATE TYPE status AS ENUM ('new', 'packed', 'paid', 'sent');
CREATE TABLE customers (id serial PRIMARY KEY, email text NOT NULL UNIQUE, name text NOT NULL DEFAULT '');
CREATE TABLE orders (id bigserial PRIMARY KEY, customer_id integer NOT NULL REFERENCES customers ON DELETE CASCADE, state status NOT NULL DEFAULT 'new',
    total numeric(12, 2) CHECK (total >= 0), sent_at timestamptz);
CREATE INDEX orders_customer ON orders (customer_id, state);
CREATE TABLE lines (order_id bigint REFERENCES orders ON DELETE CASCADE, n integer, what text, PRIMARY KEY (order_id, n));
CREATE VIEW open_orders AS SELECT o.id, c.email, o.total FROM orders o JOIN customers c ON c.id = o.customer_id WHERE state IN ('new', 'packed');
CREATE FUNCTION total(bigint) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT total FROM public.orders WHERE id = $1';
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders TO pair_reader USING (customer_id = 1);
GRANT SELECT ON orders, open_orders TO pair_reader;
COMMENT ON TABLE lines IS 'Lines';
