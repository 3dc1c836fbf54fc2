-- What is attached to the index of a partitioned table: it can't be dropped by itself.

-- pair: attached_indexes_have_other_names
-- base:
CREATE TABLE p (id integer NOT NULL, note text) PARTITION BY LIST (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE p2a PARTITION OF p2 FOR VALUES IN (2);
INSERT INTO p VALUES (1, 'a'), (2, 'b');
ALTER TABLE p ADD PRIMARY KEY (id);
ALTER TABLE p ADD UNIQUE (id, note);
CREATE INDEX p_note ON p (note);
-- from:
-- to:
ALTER INDEX p1_note_idx RENAME TO "One";
ALTER INDEX p2_note_idx RENAME TO two;
ALTER INDEX p2a_note_idx RENAME TO two_a;
ALTER INDEX p1_pkey RENAME TO key_1;
ALTER TABLE p2 RENAME CONSTRAINT p2_pkey TO key_2;
ALTER INDEX p2a_pkey RENAME TO key_2_a;
ALTER INDEX p1_id_note_key RENAME TO unique_1;
-- expect: statement ALTER INDEX public.p1_note_idx RENAME TO "One"
-- expect: no hazard
-- expect back: no hazard

-- pair: attached_indexes_have_other_parameters
-- base:
CREATE TABLE p (id integer NOT NULL, note text) PARTITION BY LIST (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
INSERT INTO p VALUES (1, 'a'), (2, 'b');
ALTER TABLE p ADD PRIMARY KEY (id);
CREATE INDEX p_note ON p (note);
-- from:
ALTER INDEX p2_note_idx SET (fillfactor = 70);
ALTER INDEX p2_pkey SET (fillfactor = 70, deduplicate_items = off);
-- to:
ALTER INDEX p1_note_idx SET (fillfactor = 60);
ALTER INDEX p2_pkey SET (fillfactor = 80);
ALTER INDEX p1_pkey SET TABLESPACE pair_space;
ALTER INDEX p2_note_idx SET TABLESPACE pair_space;

-- pair: partitioned_key_with_parameters
-- from:
CREATE TABLE p (id integer NOT NULL, note text) PARTITION BY LIST (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE q (id integer NOT NULL) PARTITION BY LIST (id);
CREATE TABLE q1 PARTITION OF q FOR VALUES IN (1);
-- to:
CREATE TABLE p (id integer NOT NULL, note text) PARTITION BY LIST (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE q (id integer NOT NULL) PARTITION BY LIST (id);
CREATE TABLE q1 PARTITION OF q FOR VALUES IN (1);
ALTER TABLE p ADD UNIQUE NULLS NOT DISTINCT (id) INCLUDE (note) WITH (fillfactor = 80) DEFERRABLE;
ALTER TABLE q ADD PRIMARY KEY (id) WITH (fillfactor = 80);

-- pair: partition_gives_its_bounds_to_another
-- from:
CREATE TABLE p (id integer NOT NULL, note text) PARTITION BY LIST (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p DEFAULT;
CREATE INDEX p_note ON p (note);
-- to:
CREATE SCHEMA other;
CREATE TABLE p (id integer NOT NULL, note text) PARTITION BY LIST (id);
CREATE TABLE other.p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE p3 PARTITION OF p DEFAULT;
CREATE INDEX p_note ON p (note);
-- expect: hazard data loss

-- pair: column_of_a_parent_under_what_hangs_on_a_child
-- base:
CREATE TABLE p (id integer, note text) PARTITION BY LIST (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE a (id integer, extra integer);
CREATE TABLE b (more integer) INHERITS (a);
-- from:
ALTER TABLE p1 ALTER note SET DEFAULT 'x';
CREATE VIEW of_p1 AS SELECT note FROM p1;
ALTER TABLE b ALTER extra SET DEFAULT 3;
CREATE VIEW of_b AS SELECT extra FROM b;
CREATE POLICY pol ON b USING (extra > 1);
CREATE FUNCTION read_b() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(extra) FROM b; END;
-- to:
ALTER TABLE p ALTER note TYPE varchar(30);
ALTER TABLE p1 ALTER note SET DEFAULT 'x';
CREATE VIEW of_p1 AS SELECT note FROM p1;
ALTER TABLE a ALTER extra TYPE text[] USING NULL;
ALTER TABLE b ALTER extra SET DEFAULT '{}';
CREATE VIEW of_b AS SELECT extra FROM b;
CREATE POLICY pol ON b USING (extra IS NOT NULL);
CREATE FUNCTION read_b() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(extra) FROM b; END;

-- pair: attributes_come_in_their_order
-- from:
CREATE TYPE c AS (x integer, y text);
-- to:
CREATE TYPE c AS (x integer, z text, b text, "Q" integer, a integer[]);
