-- Partitioned tables: partitions made, attached, detached, bounds; what they have from their table.

-- pair: partitioned_added
-- from:
-- to:
CREATE TABLE t (id integer, at date NOT NULL, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE t_2020 PARTITION OF t FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE t_rest PARTITION OF t DEFAULT;
CREATE INDEX t_note ON t (note);

-- pair: partition_added
-- base:
CREATE TABLE t (id integer, at date NOT NULL) PARTITION BY RANGE (at);
CREATE INDEX t_id ON t (id);
CREATE TABLE t_2020 PARTITION OF t FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
INSERT INTO t VALUES (1, '2020-05-05');
-- from:
-- to:
CREATE TABLE t_2021 PARTITION OF t FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');

-- pair: partition_added_beside_a_default_one
-- base:
CREATE TABLE t (id integer) PARTITION BY LIST (id);
CREATE TABLE t_rest PARTITION OF t DEFAULT;
INSERT INTO t VALUES (5);
-- from:
-- to:
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1, 2, NULL);

-- pair: partition_detached
-- expect: statement DETACH PARTITION
-- expect back: statement ATTACH PARTITION
-- from:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 (id integer, a text);

-- pair: partition_attached_with_indexes
-- expect: kept table public.t_1
-- from:
CREATE TABLE t (id integer NOT NULL, a text, PRIMARY KEY (id)) PARTITION BY LIST (id);
CREATE INDEX t_a ON t (a);
CREATE TABLE t_1 (id integer NOT NULL, a text, PRIMARY KEY (id));
CREATE INDEX t_1_a_idx ON t_1 (a);
INSERT INTO t_1 VALUES (1, 'a');
-- to:
CREATE TABLE t (id integer NOT NULL, a text, PRIMARY KEY (id)) PARTITION BY LIST (id);
CREATE INDEX t_a ON t (a);
CREATE TABLE t_1 (id integer NOT NULL, a text, PRIMARY KEY (id));
CREATE INDEX t_1_a_idx ON t_1 (a);
ALTER TABLE t ATTACH PARTITION t_1 FOR VALUES IN (1);

-- pair: partition_bounds
-- from:
CREATE TABLE t (id integer, a text) PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TABLE t (id integer, a text) PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (20);

-- pair: partition_bounds_of_neighbours
-- from:
CREATE TABLE t (id integer, a text) PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (10) TO (20);
INSERT INTO t VALUES (1, 'a'), (12, 'b');
-- to:
CREATE TABLE t (id integer, a text) PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (12);
CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (12) TO (20);

-- pair: partition_list_values
-- from:
CREATE TABLE t (id text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN ('a');
INSERT INTO t VALUES ('a');
-- to:
CREATE TABLE t (id text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN ('a', 'b', 'it''s');

-- pair: partition_default
-- from:
CREATE TABLE t (id text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN ('a');
INSERT INTO t VALUES ('a');
-- to:
CREATE TABLE t (id text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t DEFAULT;

-- pair: partition_hash
-- from:
CREATE TABLE t (id integer) PARTITION BY HASH (id);
CREATE TABLE t_0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);
-- to:
CREATE TABLE t (id integer) PARTITION BY HASH (id);
CREATE TABLE t_0 PARTITION OF t FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE t_1 PARTITION OF t FOR VALUES WITH (MODULUS 4, REMAINDER 1);

-- pair: partition_to_another_parent
-- from:
CREATE TABLE t (id integer) PARTITION BY LIST (id);
CREATE TABLE u (id integer) PARTITION BY LIST (id);
CREATE TABLE p PARTITION OF t FOR VALUES IN (1);
INSERT INTO t VALUES (1);
-- to:
CREATE TABLE t (id integer) PARTITION BY LIST (id);
CREATE TABLE u (id integer) PARTITION BY LIST (id);
CREATE TABLE p PARTITION OF u FOR VALUES IN (1);

-- pair: partition_key
-- expect: no hazard data loss
-- expect: kept table public.t_1
-- expect: remade table public.t
-- expect back: remade table public.t
-- expect: remade column public.t.*
-- expect back: remade column public.t.*
-- from:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
COMMENT ON TABLE t IS 'stays';
-- to:
CREATE TABLE t (id integer, a text) PARTITION BY RANGE (a, id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (MINVALUE, MINVALUE) TO ('b', 2);
COMMENT ON TABLE t IS 'stays';

-- pair: partition_key_expression_and_collation
-- from:
-- to:
CREATE FUNCTION k(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TABLE t (id integer, a text) PARTITION BY RANGE (k(id), a COLLATE "C" text_pattern_ops, lower(a));
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (1, 'a', MINVALUE) TO (1, 'b', MAXVALUE);

-- pair: partitions_of_partitions
-- base:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
-- from:
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
-- to:
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE t_2 PARTITION OF t FOR VALUES IN (2) PARTITION BY LIST (a);
CREATE TABLE t_2_a PARTITION OF t_2 FOR VALUES IN ('a');
CREATE TABLE t_2_b PARTITION OF t_2 DEFAULT;

-- pair: partitioned_index_added
-- base:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE t_2 PARTITION OF t FOR VALUES IN (2) PARTITION BY LIST (a);
CREATE TABLE t_2_a PARTITION OF t_2 FOR VALUES IN ('a');
INSERT INTO t VALUES (1, 'x'), (2, 'a');
-- from:
-- to:
CREATE INDEX t_a ON t (a);
CREATE UNIQUE INDEX t_key ON t (id, a);

-- pair: partitioned_index_changed
-- from:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE INDEX t_a ON t (a);
COMMENT ON INDEX t_a IS 'stays';
COMMENT ON INDEX t_1_a_idx IS 'stays too';
-- to:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE INDEX t_a ON t (a DESC);
COMMENT ON INDEX t_a IS 'stays';
COMMENT ON INDEX t_1_a_idx IS 'stays too';

-- pair: partitioned_index_only
-- base:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
-- from:
CREATE INDEX t_a ON ONLY t (a);
-- to:
CREATE INDEX t_a ON t (a);

-- pair: partitioned_index_of_one_partition
-- base:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
-- from:
-- to:
CREATE INDEX t_1_a ON t_1 (a);

-- pair: partitioned_index_attached
-- base:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
-- from:
CREATE INDEX t_1_a ON t_1 (a);
-- to:
CREATE INDEX t_1_a ON t_1 (a);
CREATE INDEX t_a ON t (a);

-- pair: partitioned_primary_key
-- stays: local
-- base:
CREATE TABLE t (id integer NOT NULL, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
INSERT INTO t VALUES (1, 'a');
-- from:
-- to:
ALTER TABLE t ADD PRIMARY KEY (id);

-- pair: partitioned_unique_changed
-- from:
CREATE TABLE t (id integer NOT NULL, a text, CONSTRAINT u UNIQUE (id)) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
-- to:
CREATE TABLE t (id integer NOT NULL, a text, CONSTRAINT u UNIQUE (id, a)) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);

-- pair: partitioned_column_added
-- from:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TABLE t (id integer, a text, b integer DEFAULT 1 NOT NULL) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);

-- pair: partitioned_column_changed
-- from:
CREATE TABLE t (id integer, a varchar(10), b integer) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
INSERT INTO t VALUES (1, 'a', 1);
-- to:
CREATE TABLE t (id integer, a text DEFAULT 'x', b bigint NOT NULL) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);

-- pair: partition_column_default_of_its_own
-- base:
CREATE TABLE t (id integer, a text DEFAULT 'x', b integer) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE t_2 PARTITION OF t FOR VALUES IN (2);
-- from:
ALTER TABLE t_1 ALTER COLUMN a SET DEFAULT 'y', ALTER COLUMN b SET NOT NULL;
-- to:
ALTER TABLE t_2 ALTER COLUMN a DROP DEFAULT, ALTER COLUMN b SET DEFAULT 4, ALTER COLUMN b SET STATISTICS 5;

-- pair: partition_of_other_column_order
-- from:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
-- to:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 (a text, id integer);
ALTER TABLE t ATTACH PARTITION t_1 FOR VALUES IN (1);
-- columns: reordered

-- pair: partitioned_check_and_its_copy
-- from:
CREATE TABLE t (id integer, a integer) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
-- to:
CREATE TABLE t (id integer, a integer, CONSTRAINT k CHECK (a > 0)) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t (CONSTRAINT own CHECK (a < 9)) FOR VALUES IN (1);

-- pair: partitioned_foreign_key
-- base:
CREATE TABLE r (id integer PRIMARY KEY);
CREATE TABLE t (id integer, a integer) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
-- from:
-- to:
ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r ON DELETE CASCADE;

-- pair: foreign_key_to_partitioned
-- base:
CREATE TABLE t (id integer PRIMARY KEY, a integer) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE r (id integer);
-- from:
-- to:
ALTER TABLE r ADD FOREIGN KEY (id) REFERENCES t;

-- pair: foreign_key_from_and_to_partitioned
-- from:
-- to:
CREATE TABLE t (id integer PRIMARY KEY, a integer) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE r (id integer REFERENCES t) PARTITION BY LIST (id);
CREATE TABLE r_1 PARTITION OF r FOR VALUES IN (1);
CREATE TABLE r_2 PARTITION OF r DEFAULT;

-- pair: partition_detached_with_all_it_has
-- from:
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TABLE r (id integer PRIMARY KEY);
CREATE TABLE t (id integer PRIMARY KEY, a integer DEFAULT 1 CHECK (a > 0), b integer REFERENCES r) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE INDEX i ON t (a);
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
INSERT INTO t VALUES (1, 1);
-- to:
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TABLE r (id integer PRIMARY KEY);
CREATE TABLE t (id integer PRIMARY KEY, a integer DEFAULT 1 CHECK (a > 0), b integer REFERENCES r) PARTITION BY LIST (id);
CREATE TABLE t_1 (id integer PRIMARY KEY, a integer DEFAULT 1, b integer);
CREATE INDEX i ON t (a);
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
ALTER TABLE t_1 ADD CONSTRAINT t_a_check CHECK (a > 0);
CREATE INDEX t_1_a_idx ON t_1 (a);

-- pair: partition_options
-- base:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
-- from:
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
-- to:
CREATE UNLOGGED TABLE t_1 PARTITION OF t FOR VALUES IN (1) WITH (fillfactor = 70) TABLESPACE pair_space;
COMMENT ON TABLE t_1 IS 't_1';
GRANT SELECT ON t_1 TO pair_reader;

-- pair: partitioned_tablespace
-- from:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
-- to:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id) TABLESPACE pair_space;
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1) TABLESPACE pg_default;

-- pair: partition_dropped
-- expect: hazard data loss
-- from:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE t_2 PARTITION OF t FOR VALUES IN (2);
CREATE INDEX i ON t (a);
INSERT INTO t VALUES (1, 'a'), (2, 'b');
-- to:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE INDEX i ON t (a);

-- pair: partition_by_enum_with_a_new_value
-- expect back: remade table public.t
-- expect back: remade column public.t.*
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (x e) PARTITION BY LIST (x);
CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a');
-- to:
CREATE TYPE e AS ENUM ('a', 'b', 'c');
CREATE TABLE t (x e) PARTITION BY LIST (x);
CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a');
CREATE TABLE t_c PARTITION OF t FOR VALUES IN ('c');

-- pair: partition_key_column_of_another_type
-- expect: kept table public.t_1
-- expect: remade table public.t
-- expect: remade column public.t.*
-- expect back: remade table public.t
-- expect back: remade column public.t.*
-- from:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
-- to:
CREATE TABLE t (id bigint, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);

-- pair: partitioned_index_that_some_partitions_have_not
-- from:
-- to:
CREATE TABLE p (a integer) PARTITION BY RANGE (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (1000) PARTITION BY RANGE (a);
CREATE TABLE p21 PARTITION OF p2 FOR VALUES FROM (100) TO (200);
CREATE TABLE p22 PARTITION OF p2 FOR VALUES FROM (200) TO (300);
CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (1000) TO (2000) PARTITION BY RANGE (a);
CREATE TABLE p31 PARTITION OF p3 FOR VALUES FROM (1000) TO (1500);
CREATE TABLE p32 PARTITION OF p3 FOR VALUES FROM (1500) TO (2000);
CREATE INDEX i ON ONLY p (a);
CREATE INDEX i1 ON p1 (a);
ALTER INDEX i ATTACH PARTITION i1;
CREATE INDEX i2 ON ONLY p2 (a);
ALTER INDEX i ATTACH PARTITION i2;
CREATE INDEX i22 ON p22 (a);
ALTER INDEX i2 ATTACH PARTITION i22;
CREATE INDEX i3 ON p3 (a);
ALTER INDEX i ATTACH PARTITION i3;

-- pair: foreign_key_of_a_partition_with_a_name_of_its_own
-- from:
CREATE TABLE r (a integer PRIMARY KEY);
-- to:
CREATE TABLE r (a integer PRIMARY KEY);
CREATE TABLE p (a integer) PARTITION BY LIST (a);
CREATE TABLE p1 (a integer REFERENCES r) PARTITION BY LIST (a);
CREATE TABLE p11 PARTITION OF p1 FOR VALUES IN (1);
CREATE TABLE p12 (a integer CONSTRAINT mine REFERENCES r);
ALTER TABLE p1 ATTACH PARTITION p12 FOR VALUES IN (2);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (3);
ALTER TABLE p ADD FOREIGN KEY (a) REFERENCES r;
ALTER TABLE p ATTACH PARTITION p1 FOR VALUES IN (1, 2);

-- pair: foreign_key_that_partitions_have_by_other_names
-- expect: statement NOT VALID
-- expect: no hazard long lock
-- base:
CREATE TABLE r (a integer PRIMARY KEY);
CREATE TABLE p (a integer) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1, 2) PARTITION BY LIST (a);
CREATE TABLE p11 PARTITION OF p1 FOR VALUES IN (1);
CREATE TABLE p12 PARTITION OF p1 FOR VALUES IN (2);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (3);
INSERT INTO r VALUES (1), (2), (3);
INSERT INTO p VALUES (1), (2), (3);
-- from:
-- to:
ALTER TABLE p12 ADD CONSTRAINT mine FOREIGN KEY (a) REFERENCES r;
ALTER TABLE p1 ADD CONSTRAINT middle FOREIGN KEY (a) REFERENCES r;
ALTER TABLE p ADD CONSTRAINT whole FOREIGN KEY (a) REFERENCES r ON DELETE CASCADE;
ALTER TABLE p2 ADD CONSTRAINT own FOREIGN KEY (a) REFERENCES r;
ALTER TABLE p DROP CONSTRAINT whole;
ALTER TABLE p ADD CONSTRAINT whole FOREIGN KEY (a) REFERENCES r;

-- pair: foreign_key_of_partitions_keeps_nobody_waiting
-- expect: statement ALTER TABLE public.p1 VALIDATE CONSTRAINT k
-- expect: no hazard long lock
-- base:
CREATE TABLE r (a integer PRIMARY KEY);
CREATE TABLE p (a integer) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
INSERT INTO r VALUES (1), (2);
INSERT INTO p VALUES (1), (2);
-- from:
-- to:
ALTER TABLE p ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES r;
CREATE TABLE p3 PARTITION OF p FOR VALUES IN (3);

-- pair: foreign_key_of_partitions_offline
-- options: {"online": false}
-- expect: no statement VALIDATE
-- base:
CREATE TABLE r (a integer PRIMARY KEY);
CREATE TABLE p (a integer) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
INSERT INTO r VALUES (1);
INSERT INTO p VALUES (1);
-- from:
-- to:
ALTER TABLE p ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES r;
