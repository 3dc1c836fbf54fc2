-- Partitioned tables that are made anew, or go, while their partitions stay.

-- pair: partition_survives_its_table
-- expect: kept table public.t_1
-- expect: no hazard data loss
-- from:
CREATE TABLE t (id integer PRIMARY KEY, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE INDEX i ON t (a);
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TABLE t_1 (id integer PRIMARY KEY, a text);

-- pair: partition_key_with_the_same_partitions
-- expect: kept table public.t_1
-- expect: remade table public.t
-- expect: remade column public.t.*
-- expect back: remade table public.t
-- expect back: remade column public.t.*
-- expect: no hazard data loss
-- from:
CREATE TABLE t (id integer, a integer) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
INSERT INTO t VALUES (1, 1);
-- to:
CREATE TABLE t (id integer, a integer) PARTITION BY LIST (a);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);

-- pair: partition_key_of_another_type_with_everything
-- expect: kept table public.t_1
-- expect: kept table public.t_21
-- expect: remade table public.t
-- expect: remade table public.t_2
-- expect: remade column public.t.*
-- expect: remade column public.t_2.*
-- expect back: remade table public.t
-- expect back: remade table public.t_2
-- expect back: remade column public.t.*
-- expect back: remade column public.t_2.*
-- expect: no hazard data loss
-- expect: hazard rewrite
-- base:
CREATE TABLE r (id integer PRIMARY KEY);
INSERT INTO r VALUES (1), (15);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
-- from:
CREATE TABLE t (id integer NOT NULL, a text CHECK (a <> ''), r integer REFERENCES r, PRIMARY KEY (id), UNIQUE (id, r)) PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
CREATE TABLE t_21 PARTITION OF t_2 FOR VALUES FROM (10) TO (16);
CREATE TABLE t_rest PARTITION OF t DEFAULT;
CREATE INDEX i ON t (a, id);
CREATE INDEX own ON t_1 (r);
CREATE TABLE w (t integer REFERENCES t);
CREATE VIEW v AS SELECT id, a FROM t;
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t USING (id > 0);
GRANT SELECT ON t TO pair_reader;
COMMENT ON TABLE t IS 't';
INSERT INTO t VALUES (1, 'a', 1), (15, 'a', 15), (30, 'b', NULL);
INSERT INTO w VALUES (1);
-- to:
CREATE TABLE t (id bigint NOT NULL, a text CHECK (a <> ''), r integer REFERENCES r, PRIMARY KEY (id), UNIQUE (id, r)) PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
CREATE TABLE t_21 PARTITION OF t_2 FOR VALUES FROM (10) TO (16);
CREATE TABLE t_rest PARTITION OF t DEFAULT;
CREATE TABLE t_new PARTITION OF t FOR VALUES FROM (100) TO (3000000000);
CREATE INDEX i ON t (a, id);
CREATE INDEX own ON t_1 (r);
CREATE TABLE w (t bigint REFERENCES t);
CREATE VIEW v AS SELECT id, a FROM t;
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t USING (id > 0);
GRANT SELECT ON t TO pair_reader;
COMMENT ON TABLE t IS 't';

-- pair: partition_key_of_another_type_at_two_levels
-- expect: kept table public.t_11
-- expect: remade table public.t
-- expect: remade table public.t_1
-- expect: remade column public.t.*
-- expect: remade column public.t_1.*
-- expect back: remade table public.t
-- expect back: remade table public.t_1
-- expect back: remade column public.t.*
-- expect back: remade column public.t_1.*
-- from:
CREATE TABLE t (id integer, a text) PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
CREATE TABLE t_11 PARTITION OF t_1 FOR VALUES FROM (0) TO (5);
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TABLE t (id bigint, a text) PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
CREATE TABLE t_11 PARTITION OF t_1 FOR VALUES FROM (0) TO (5);

-- pair: partition_key_of_an_enum_that_loses_a_value
-- expect: remade table public.t
-- expect: remade column public.t.*
-- expect back: no hazard data loss
-- from:
CREATE TYPE e AS ENUM ('a', 'b', 'c');
CREATE TABLE t (x e, y integer) PARTITION BY LIST (x);
CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a');
INSERT INTO t VALUES ('a', 1);
-- to:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (x e, y integer) PARTITION BY LIST (x);
CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a');

-- pair: partition_key_with_an_identity
-- expect: refused sequence
-- from:
CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY, at date) PARTITION BY RANGE (at);
-- to:
CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY, at timestamptz) PARTITION BY RANGE (at);
