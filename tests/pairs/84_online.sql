-- Online forms, and the plain ones.

-- pair: online_everything
-- expect: statement CONCURRENTLY
-- expect: statement NOT VALID
-- expect: statement VALIDATE
-- expect: no hazard rewrite
-- from:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE t (id integer PRIMARY KEY, x integer, y text, a_id integer);
INSERT INTO a VALUES (1);
INSERT INTO t VALUES (1, 1, 'y', 1);
-- to:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE t (id integer PRIMARY KEY, x integer NOT NULL CHECK (x > 0), y text UNIQUE, a_id integer NOT NULL REFERENCES a);
CREATE INDEX t_x ON t (x, y);

-- pair: online_everything_plain
-- options: {"online": false}
-- expect: no statement CONCURRENTLY
-- expect: no statement NOT VALID
-- from:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE t (id integer PRIMARY KEY, x integer, y text, a_id integer);
INSERT INTO a VALUES (1);
INSERT INTO t VALUES (1, 1, 'y', 1);
-- to:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE t (id integer PRIMARY KEY, x integer NOT NULL CHECK (x > 0), y text UNIQUE, a_id integer NOT NULL REFERENCES a);
CREATE INDEX t_x ON t (x, y);

-- pair: online_index_exchanged_without_a_gap
-- expect: statement CREATE INDEX CONCURRENTLY
-- base:
CREATE TABLE t (a integer, b integer);
INSERT INTO t VALUES (1, 2);
-- from:
CREATE INDEX i ON t (a);
-- to:
CREATE INDEX i ON t (a, b);

-- pair: online_primary_key_exchanged
-- base:
-- from:
CREATE TABLE t (a integer NOT NULL, b integer NOT NULL, PRIMARY KEY (a));
INSERT INTO t VALUES (1, 2);
-- to:
CREATE TABLE t (a integer NOT NULL, b integer NOT NULL, PRIMARY KEY (a, b));

-- pair: online_not_null_with_a_valid_check_there
-- from:
CREATE TABLE t (a integer, CONSTRAINT k CHECK (a IS NOT NULL));
INSERT INTO t VALUES (1);
-- to:
CREATE TABLE t (a integer NOT NULL);

-- pair: online_column_added_with_everything
-- from:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE t (id integer PRIMARY KEY);
INSERT INTO t VALUES (1);
-- to:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE t (id integer PRIMARY KEY, a_id integer UNIQUE REFERENCES a, n integer NOT NULL DEFAULT 0 CHECK (n >= 0));
CREATE INDEX t_n ON t (n);

-- pair: online_partitioned_index
-- base:
CREATE TABLE t (id integer NOT NULL, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE t_2 PARTITION OF t FOR VALUES IN (2);
INSERT INTO t VALUES (1, 'a'), (2, 'b');
-- from:
-- to:
CREATE INDEX t_a ON t (a);

-- pair: online_partitioned_index_plain
-- options: {"online": false}
-- expect: no statement CONCURRENTLY
-- base:
CREATE TABLE t (id integer NOT NULL, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
-- from:
-- to:
CREATE INDEX t_a ON t (a);
ALTER TABLE t ADD PRIMARY KEY (id);

-- pair: online_partitioned_not_null_and_check
-- base:
CREATE TABLE t (id integer, a text) PARTITION BY LIST (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
INSERT INTO t VALUES (1, 'a');
-- from:
-- to:
ALTER TABLE t ALTER COLUMN a SET NOT NULL, ADD CONSTRAINT k CHECK (id > 0);

-- pair: online_materialized_view_index
-- base:
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
-- from:
-- to:
CREATE INDEX i ON m (a);

-- pair: online_ignored
-- options: {"ignore": ["%public.tool\\_%"]}
-- expect: empty
-- expect back: empty
-- dump: skip, what is ignored differs
-- from:
CREATE TABLE t (a integer);
-- to:
CREATE TABLE t (a integer);
