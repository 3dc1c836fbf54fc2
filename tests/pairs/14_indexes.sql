-- Indexes: added, dropped, changed, of every form.

-- pair: index_added
-- expect: statement CREATE INDEX CONCURRENTLY
-- expect back: statement DROP INDEX CONCURRENTLY
-- base:
CREATE TABLE t (id integer PRIMARY KEY, a text, b text);
INSERT INTO t VALUES (1, 'a', 'b');
-- from:
-- to:
CREATE INDEX t_a ON t (a);

-- pair: index_added_plain
-- options: {"online": false}
-- expect: no statement CONCURRENTLY
-- expect back: no statement CONCURRENTLY
-- base:
CREATE TABLE t (id integer PRIMARY KEY, a text, b text);
-- from:
-- to:
CREATE INDEX t_a ON t (a);

-- pair: index_of_a_new_table_is_not_concurrent
-- expect: no statement CONCURRENTLY
-- from:
-- to:
CREATE TABLE t (id integer PRIMARY KEY, a text);
CREATE INDEX t_a ON t (a);

-- pair: index_unique
-- base:
CREATE TABLE t (a text);
-- from:
CREATE INDEX i ON t (a);
-- to:
CREATE UNIQUE INDEX i ON t (a);

-- pair: index_unique_nulls_not_distinct
-- base:
CREATE TABLE t (a text);
-- from:
CREATE UNIQUE INDEX i ON t (a);
-- to:
CREATE UNIQUE INDEX i ON t (a) NULLS NOT DISTINCT;

-- pair: index_columns
-- base:
CREATE TABLE t (a text, b text);
-- from:
CREATE INDEX i ON t (a, b);
-- to:
CREATE INDEX i ON t (b, a);

-- pair: index_order
-- base:
CREATE TABLE t (a text, b text);
-- from:
CREATE INDEX i ON t (a, b);
-- to:
CREATE INDEX i ON t (a DESC, b ASC NULLS FIRST);

-- pair: index_include
-- base:
CREATE TABLE t (a text, b text);
-- from:
CREATE INDEX i ON t (a);
-- to:
CREATE INDEX i ON t (a) INCLUDE (b);

-- pair: index_partial
-- base:
CREATE TABLE t (a text, b integer);
-- from:
CREATE INDEX i ON t (a);
-- to:
CREATE INDEX i ON t (a) WHERE b > 0;

-- pair: index_partial_varchar_in
-- normal form
-- base:
CREATE TABLE t (a varchar(10), b integer);
-- from:
-- to:
CREATE INDEX i ON t (b) WHERE a IN ('x', 'y');

-- pair: index_expression
-- base:
CREATE TABLE t (a text, b integer);
-- from:
CREATE INDEX i ON t (lower(a));
-- to:
CREATE INDEX i ON t (upper(a), (b + 1));

-- pair: index_operator_class
-- base:
CREATE TABLE t (a text, j jsonb);
-- from:
CREATE INDEX i ON t (a);
CREATE INDEX j ON t USING gin (j);
-- to:
CREATE INDEX i ON t (a text_pattern_ops);
CREATE INDEX j ON t USING gin (j jsonb_path_ops);

-- pair: index_operator_class_with_parameters
-- base:
CREATE TABLE t (v tsvector);
-- from:
CREATE INDEX i ON t USING gist (v);
-- to:
CREATE INDEX i ON t USING gist (v tsvector_ops (siglen = 100));

-- pair: index_collation
-- base:
CREATE TABLE t (a text);
-- from:
CREATE INDEX i ON t (a);
-- to:
CREATE INDEX i ON t (a COLLATE "C");

-- pair: index_method
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE INDEX i ON t (a);
-- to:
CREATE INDEX i ON t USING hash (a);

-- pair: index_brin_parameters
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE INDEX i ON t USING brin (a) WITH (pages_per_range = 8);
-- to:
CREATE INDEX i ON t USING brin (a) WITH (pages_per_range = 16, autosummarize = on);

-- pair: index_fillfactor
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE INDEX i ON t (a);
CREATE INDEX k ON t (a) WITH (fillfactor = 50);
-- to:
CREATE INDEX i ON t (a) WITH (fillfactor = 70);
CREATE INDEX k ON t (a) WITH (deduplicate_items = off);

-- pair: index_gin_options
-- base:
CREATE TABLE t (a text[]);
-- from:
CREATE INDEX i ON t USING gin (a) WITH (fastupdate = off);
-- to:
CREATE INDEX i ON t USING gin (a) WITH (gin_pending_list_limit = 128);

-- pair: index_tablespace
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE INDEX i ON t (a);
-- to:
CREATE INDEX i ON t (a) TABLESPACE pair_space;

-- pair: index_statistics_of_an_expression
-- base:
CREATE TABLE t (a integer, b text);
CREATE INDEX i ON t ((a + 1), (lower(b)));
-- from:
ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 50;
-- to:
ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 60;
ALTER INDEX i ALTER COLUMN 2 SET STATISTICS 70;

-- pair: index_comment
-- base:
CREATE TABLE t (a integer);
CREATE INDEX i ON t (a);
-- from:
-- to:
COMMENT ON INDEX i IS 'For speed';

-- pair: index_changed_keeps_comment_and_statistics
-- from:
CREATE TABLE t (a integer);
CREATE INDEX i ON t ((a + 1));
COMMENT ON INDEX i IS 'For speed';
ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 50;
-- to:
CREATE TABLE t (a integer);
CREATE INDEX i ON t ((a + 2));
COMMENT ON INDEX i IS 'For speed';
ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 50;

-- pair: index_cluster_on
-- base:
CREATE TABLE t (a integer, b integer);
CREATE INDEX i ON t (a);
CREATE INDEX k ON t (b);
-- from:
ALTER TABLE t CLUSTER ON i;
-- to:
ALTER TABLE t CLUSTER ON k;

-- pair: index_cluster_on_none
-- base:
CREATE TABLE t (a integer, b integer);
CREATE INDEX i ON t (a);
-- from:
ALTER TABLE t CLUSTER ON i;
-- to:

-- pair: index_clustered_changes
-- from:
CREATE TABLE t (a integer, b integer);
CREATE INDEX i ON t (a);
ALTER TABLE t CLUSTER ON i;
-- to:
CREATE TABLE t (a integer, b integer);
CREATE INDEX i ON t (a, b);
ALTER TABLE t CLUSTER ON i;

-- pair: index_replica_identity
-- base:
CREATE TABLE t (a integer NOT NULL, b integer NOT NULL);
CREATE UNIQUE INDEX i ON t (a);
CREATE UNIQUE INDEX k ON t (b);
-- from:
ALTER TABLE t REPLICA IDENTITY USING INDEX i;
-- to:
ALTER TABLE t REPLICA IDENTITY USING INDEX k;

-- pair: index_replica_identity_changes
-- from:
CREATE TABLE t (a integer NOT NULL, b integer NOT NULL);
CREATE UNIQUE INDEX i ON t (a);
ALTER TABLE t REPLICA IDENTITY USING INDEX i;
-- to:
CREATE TABLE t (a integer NOT NULL, b integer NOT NULL);
CREATE UNIQUE INDEX i ON t (a, b);
ALTER TABLE t REPLICA IDENTITY USING INDEX i;

-- pair: index_by_a_function
-- from:
CREATE TABLE t (a integer);
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE INDEX i ON t (f(a));
-- to:
CREATE TABLE t (a integer);
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE INDEX i ON t (f(a));

-- pair: index_by_a_function_that_goes
-- from:
CREATE TABLE t (a integer);
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE INDEX i ON t (f(a));
-- to:
CREATE TABLE t (a integer);
CREATE FUNCTION g(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE INDEX i ON t (g(a));

-- pair: indexes_swap_names
-- base:
CREATE TABLE t (a integer, b integer);
-- from:
CREATE INDEX one ON t (a);
CREATE INDEX two ON t (b);
-- to:
CREATE INDEX one ON t (b);
CREATE INDEX two ON t (a);

-- pair: index_moves_to_another_table
-- base:
CREATE TABLE t (a integer);
CREATE TABLE u (a integer);
-- from:
CREATE INDEX i ON t (a);
-- to:
CREATE INDEX i ON u (a);

-- pair: index_changed_under_a_foreign_key
-- from:
CREATE TABLE a (x integer, y integer);
CREATE UNIQUE INDEX a_x ON a (x);
CREATE TABLE b (x integer REFERENCES a (x));
INSERT INTO a VALUES (1, 1);
INSERT INTO b VALUES (1);
-- to:
CREATE TABLE a (x integer, y integer);
CREATE UNIQUE INDEX a_x ON a (x) INCLUDE (y);
CREATE TABLE b (x integer REFERENCES a (x));

-- pair: index_on_a_dropped_column
-- columns: reordered
-- from:
CREATE TABLE t (a integer, b integer);
CREATE INDEX i ON t (a, b);
CREATE INDEX k ON t (b) WHERE a > 0;
-- to:
CREATE TABLE t (b integer);
CREATE INDEX i ON t (b);

-- pair: index_on_a_column_of_another_type
-- from:
CREATE TABLE t (a varchar(10), j json);
CREATE INDEX i ON t (a varchar_pattern_ops);
-- to:
CREATE TABLE t (a text, j jsonb);
CREATE INDEX i ON t (a text_pattern_ops);
CREATE INDEX k ON t USING gin (j);

-- pair: index_many_forms
-- base:
CREATE TABLE t (a integer, b text, c point, d tsvector, e inet);
-- from:
-- to:
CREATE INDEX i1 ON t USING spgist (c);
CREATE INDEX i2 ON t USING gist (c);
CREATE INDEX i3 ON t USING gin (d);
CREATE INDEX i4 ON t USING brin (a int4_minmax_multi_ops);
CREATE INDEX i5 ON t USING gist (e inet_ops);
CREATE UNIQUE INDEX i6 ON t (lower(b) COLLATE "C" DESC NULLS LAST, a) INCLUDE (b) WITH (fillfactor = 60) WHERE a IS NOT NULL;
