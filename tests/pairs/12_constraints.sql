-- Constraints: primary, unique, foreign, check, exclusion; every attribute.

-- pair: primary_key_added
-- expect: statement USING INDEX
-- base:
CREATE TABLE t (id integer NOT NULL, a text);
INSERT INTO t VALUES (1, 'a');
-- from:
-- to:
ALTER TABLE t ADD PRIMARY KEY (id);

-- pair: primary_key_added_on_nullable_column
-- base:
CREATE TABLE t (id integer, a text);
INSERT INTO t VALUES (1, 'a');
-- from:
-- to:
ALTER TABLE t ADD PRIMARY KEY (id);

-- pair: primary_key_plain
-- options: {"online": false}
-- expect: no statement CONCURRENTLY
-- base:
CREATE TABLE t (id integer, a text);
-- from:
-- to:
ALTER TABLE t ADD PRIMARY KEY (id);

-- pair: primary_key_other_columns
-- from:
CREATE TABLE t (a integer NOT NULL, b integer NOT NULL, PRIMARY KEY (a));
INSERT INTO t VALUES (1, 1);
-- to:
CREATE TABLE t (a integer NOT NULL, b integer NOT NULL, PRIMARY KEY (b, a));

-- pair: primary_key_other_name
-- from:
CREATE TABLE t (a integer, CONSTRAINT one PRIMARY KEY (a));
INSERT INTO t VALUES (1);
-- to:
CREATE TABLE t (a integer, CONSTRAINT two PRIMARY KEY (a));

-- pair: primary_key_include_and_parameters
-- from:
CREATE TABLE t (a integer, b integer, PRIMARY KEY (a));
-- to:
CREATE TABLE t (a integer, b integer, PRIMARY KEY (a) INCLUDE (b) WITH (fillfactor = 70));

-- pair: primary_key_fillfactor
-- from:
CREATE TABLE t (a integer, PRIMARY KEY (a) WITH (fillfactor = 90), UNIQUE (a) WITH (fillfactor = 50));
-- to:
CREATE TABLE t (a integer, PRIMARY KEY (a) WITH (fillfactor = 70), UNIQUE (a));

-- pair: primary_key_tablespace
-- from:
CREATE TABLE t (a integer, PRIMARY KEY (a));
-- to:
CREATE TABLE t (a integer, PRIMARY KEY (a) USING INDEX TABLESPACE pair_space);

-- pair: primary_key_referenced_changes
-- from:
CREATE TABLE a (id integer NOT NULL, code text NOT NULL UNIQUE, PRIMARY KEY (id));
CREATE TABLE b (a_id integer REFERENCES a);
INSERT INTO a VALUES (1, 'x');
INSERT INTO b VALUES (1);
-- to:
CREATE TABLE a (id integer NOT NULL, code text NOT NULL UNIQUE, CONSTRAINT a_other PRIMARY KEY (id) INCLUDE (code));
CREATE TABLE b (a_id integer REFERENCES a);

-- pair: unique_added
-- expect: statement CONCURRENTLY
-- base:
CREATE TABLE t (id integer PRIMARY KEY, a text);
INSERT INTO t VALUES (1, 'a');
-- from:
-- to:
ALTER TABLE t ADD UNIQUE (a), ADD CONSTRAINT t_two UNIQUE (a, id);

-- pair: unique_nulls_not_distinct
-- from:
CREATE TABLE t (a text UNIQUE);
INSERT INTO t VALUES ('a');
-- to:
CREATE TABLE t (a text UNIQUE NULLS NOT DISTINCT);

-- pair: unique_deferrable
-- from:
CREATE TABLE t (a text UNIQUE, b text UNIQUE DEFERRABLE, c text UNIQUE DEFERRABLE INITIALLY DEFERRED);
-- to:
CREATE TABLE t (a text UNIQUE DEFERRABLE, b text UNIQUE DEFERRABLE INITIALLY DEFERRED, c text UNIQUE);

-- pair: unique_to_primary_key
-- from:
CREATE TABLE t (a integer NOT NULL UNIQUE);
INSERT INTO t VALUES (1);
-- to:
CREATE TABLE t (a integer PRIMARY KEY);

-- pair: unique_index_to_unique_constraint
-- from:
CREATE TABLE t (a integer);
CREATE UNIQUE INDEX t_a ON t (a);
INSERT INTO t VALUES (1);
-- to:
CREATE TABLE t (a integer, CONSTRAINT t_a UNIQUE (a));

-- pair: foreign_key_added
-- expect: statement NOT VALID
-- expect: statement VALIDATE CONSTRAINT
-- base:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (id integer PRIMARY KEY, a_id integer);
INSERT INTO a VALUES (1);
INSERT INTO b VALUES (1, 1);
-- from:
-- to:
ALTER TABLE b ADD FOREIGN KEY (a_id) REFERENCES a;

-- pair: foreign_key_added_plain
-- options: {"online": false}
-- expect: no statement NOT VALID
-- base:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (id integer PRIMARY KEY, a_id integer);
-- from:
-- to:
ALTER TABLE b ADD FOREIGN KEY (a_id) REFERENCES a;

-- pair: foreign_key_actions
-- from:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (w integer REFERENCES a, x integer REFERENCES a ON DELETE CASCADE, y integer REFERENCES a ON UPDATE SET NULL,
    z integer DEFAULT 1 REFERENCES a ON DELETE RESTRICT);
-- to:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (w integer REFERENCES a ON DELETE SET NULL, x integer REFERENCES a ON UPDATE CASCADE, y integer REFERENCES a ON UPDATE RESTRICT,
    z integer DEFAULT 1 REFERENCES a ON DELETE SET DEFAULT ON UPDATE SET DEFAULT);

-- pair: foreign_key_set_null_of_columns
-- from:
CREATE TABLE a (x integer, y integer, PRIMARY KEY (x, y));
CREATE TABLE b (x integer, y integer, FOREIGN KEY (x, y) REFERENCES a ON DELETE SET NULL);
-- to:
CREATE TABLE a (x integer, y integer, PRIMARY KEY (x, y));
CREATE TABLE b (x integer, y integer, FOREIGN KEY (x, y) REFERENCES a ON DELETE SET NULL (y));

-- pair: foreign_key_match_full
-- from:
CREATE TABLE a (x integer, y integer, PRIMARY KEY (x, y));
CREATE TABLE b (x integer, y integer, FOREIGN KEY (x, y) REFERENCES a);
-- to:
CREATE TABLE a (x integer, y integer, PRIMARY KEY (x, y));
CREATE TABLE b (x integer, y integer, FOREIGN KEY (x, y) REFERENCES a MATCH FULL);

-- pair: foreign_key_deferrable
-- expect: statement ALTER CONSTRAINT
-- from:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (x integer REFERENCES a, y integer REFERENCES a DEFERRABLE, z integer REFERENCES a DEFERRABLE INITIALLY DEFERRED);
INSERT INTO a VALUES (1);
INSERT INTO b VALUES (1, 1, 1);
-- to:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (x integer REFERENCES a DEFERRABLE, y integer REFERENCES a DEFERRABLE INITIALLY DEFERRED, z integer REFERENCES a);

-- pair: foreign_key_not_valid
-- expect: statement VALIDATE CONSTRAINT
-- base:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (x integer);
-- from:
ALTER TABLE b ADD CONSTRAINT b_x FOREIGN KEY (x) REFERENCES a NOT VALID;
-- to:
ALTER TABLE b ADD CONSTRAINT b_x FOREIGN KEY (x) REFERENCES a;

-- pair: foreign_key_to_another_table
-- from:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE c (id integer PRIMARY KEY);
CREATE TABLE b (x integer CONSTRAINT b_x REFERENCES a);
-- to:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE c (id integer PRIMARY KEY);
CREATE TABLE b (x integer CONSTRAINT b_x REFERENCES c);

-- pair: foreign_key_to_a_unique_key
-- from:
CREATE TABLE a (id integer PRIMARY KEY, code integer UNIQUE);
CREATE TABLE b (x integer CONSTRAINT b_x REFERENCES a);
-- to:
CREATE TABLE a (id integer PRIMARY KEY, code integer UNIQUE);
CREATE TABLE b (x integer CONSTRAINT b_x REFERENCES a (code));

-- pair: foreign_key_to_a_unique_index
-- from:
CREATE TABLE a (id integer, code integer);
CREATE TABLE b (x integer);
-- to:
CREATE TABLE a (id integer, code integer);
CREATE UNIQUE INDEX a_code ON a (code);
CREATE TABLE b (x integer CONSTRAINT b_x REFERENCES a (code));

-- pair: foreign_key_of_a_table_to_itself
-- base:
CREATE TABLE a (id integer PRIMARY KEY, parent_id integer);
INSERT INTO a VALUES (1, NULL), (2, 1);
-- from:
-- to:
ALTER TABLE a ADD FOREIGN KEY (parent_id) REFERENCES a ON DELETE CASCADE;

-- pair: foreign_key_dropped_with_its_table
-- from:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (id integer PRIMARY KEY, x integer REFERENCES a);
-- to:
CREATE TABLE b (id integer PRIMARY KEY, x integer);

-- pair: foreign_key_its_index_kept
-- from:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (id integer PRIMARY KEY, x integer REFERENCES a);
CREATE INDEX b_x ON b (x);
-- to:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (id integer PRIMARY KEY, x integer);
CREATE INDEX b_x ON b (x);

-- pair: check_added
-- expect: statement NOT VALID
-- expect: statement VALIDATE CONSTRAINT
-- base:
CREATE TABLE t (a integer, b text);
INSERT INTO t VALUES (1, 'x');
-- from:
-- to:
ALTER TABLE t ADD CHECK (a > 0), ADD CONSTRAINT filled CHECK (b <> '' AND a IS NOT NULL);

-- pair: check_changed
-- from:
CREATE TABLE t (a integer CONSTRAINT range CHECK (a > 0));
INSERT INTO t VALUES (12);
-- to:
CREATE TABLE t (a integer CONSTRAINT range CHECK (a > 10));

-- pair: check_no_inherit
-- from:
CREATE TABLE t (a integer, CONSTRAINT c CHECK (a > 0));
-- to:
CREATE TABLE t (a integer, CONSTRAINT c CHECK (a > 0) NO INHERIT);

-- pair: check_not_valid
-- base:
CREATE TABLE t (a integer);
-- from:
ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;
-- to:
ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);

-- pair: check_not_valid_added
-- base:
CREATE TABLE t (a integer);
-- from:
-- to:
ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;

-- pair: check_by_a_function
-- base:
CREATE FUNCTION good(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
-- from:
CREATE TABLE t (a integer);
-- to:
CREATE TABLE t (a integer CHECK (good(a)));

-- pair: check_by_a_function_that_changes
-- from:
CREATE FUNCTION good(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
CREATE TABLE t (a integer CHECK (good(a)));
INSERT INTO t VALUES (10);
-- to:
CREATE FUNCTION good(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 5';
CREATE TABLE t (a integer CHECK (good(a)));

-- pair: check_by_a_function_that_goes
-- from:
CREATE FUNCTION good(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
CREATE TABLE t (a integer CONSTRAINT c CHECK (good(a)));
-- to:
CREATE TABLE t (a integer CONSTRAINT c CHECK (a > 0));

-- pair: check_varchar_in_added
-- normal form
-- base:
CREATE TABLE t (a varchar(10));
INSERT INTO t VALUES ('a');
-- from:
-- to:
ALTER TABLE t ADD CONSTRAINT c CHECK (a IN ('a', 'b'));

-- pair: check_varchar_in_is_the_same_after_a_dump
-- normal form
-- expect: empty
-- expect back: empty
-- base:
CREATE TABLE t (a varchar(10));
-- from:
ALTER TABLE t ADD CONSTRAINT c CHECK (a IN ('a', 'b'));
-- to:
ALTER TABLE t ADD CONSTRAINT c CHECK (a::text = ANY (ARRAY['a'::varchar::text, 'b'::varchar::text]));

-- pair: check_varchar_in_another_list
-- normal form
-- base:
CREATE TABLE t (a varchar(10));
-- from:
ALTER TABLE t ADD CONSTRAINT c CHECK (a IN ('a', 'b'));
-- to:
ALTER TABLE t ADD CONSTRAINT c CHECK (a IN ('a', 'b', 'c'));

-- pair: exclusion_added
-- base:
CREATE TABLE t (id integer, during tstzrange);
INSERT INTO t VALUES (1, '[2020-01-01,2020-02-01)');
-- from:
-- to:
ALTER TABLE t ADD CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&);

-- pair: exclusion_changed
-- from:
CREATE TABLE t (id integer, during tstzrange, CONSTRAINT x EXCLUDE USING gist (during WITH &&));
-- to:
CREATE TABLE t (id integer, during tstzrange, CONSTRAINT x EXCLUDE USING gist (during WITH &&) WHERE (id > 0) DEFERRABLE);

-- pair: exclusion_hash
-- from:
CREATE TABLE t (id integer, CONSTRAINT x EXCLUDE USING hash (id WITH =));
-- to:
CREATE TABLE t (id integer, CONSTRAINT x EXCLUDE USING btree (id WITH =));

-- pair: constraints_swap_names
-- from:
CREATE TABLE t (a integer, CONSTRAINT one CHECK (a > 1), CONSTRAINT two CHECK (a > 2));
-- to:
CREATE TABLE t (a integer, CONSTRAINT one CHECK (a > 2), CONSTRAINT two CHECK (a > 1));

-- pair: constraints_swap_names_of_indexes
-- from:
CREATE TABLE t (a integer, b integer, CONSTRAINT one UNIQUE (a), CONSTRAINT two UNIQUE (b));
-- to:
CREATE TABLE t (a integer, b integer, CONSTRAINT one UNIQUE (b), CONSTRAINT two UNIQUE (a));

-- pair: constraint_of_another_kind_under_its_name
-- from:
CREATE TABLE t (a integer, CONSTRAINT c CHECK (a > 1));
-- to:
CREATE TABLE t (a integer, CONSTRAINT c UNIQUE (a));

-- pair: constraint_comment
-- base:
CREATE TABLE t (a integer CONSTRAINT c CHECK (a > 1) CONSTRAINT u UNIQUE);
-- from:
COMMENT ON CONSTRAINT c ON t IS 'one';
-- to:
COMMENT ON CONSTRAINT c ON t IS 'two';
COMMENT ON CONSTRAINT u ON t IS 'of the constraint';
COMMENT ON INDEX u IS 'of its index';

-- pair: constraint_changed_keeps_comment
-- from:
CREATE TABLE t (a integer CONSTRAINT c CHECK (a > 1));
COMMENT ON CONSTRAINT c ON t IS 'stays';
-- to:
CREATE TABLE t (a integer CONSTRAINT c CHECK (a > 2));
COMMENT ON CONSTRAINT c ON t IS 'stays';

-- pair: constraint_unique_changed_with_references_and_comments
-- from:
CREATE TABLE a (x integer, y integer, CONSTRAINT u UNIQUE (x));
CREATE TABLE b (x integer REFERENCES a (x));
COMMENT ON CONSTRAINT u ON a IS 'stays';
COMMENT ON CONSTRAINT b_x_fkey ON b IS 'comes back';
ALTER TABLE a CLUSTER ON u;
-- to:
CREATE TABLE a (x integer, y integer, CONSTRAINT u UNIQUE (x) INCLUDE (y));
CREATE TABLE b (x integer REFERENCES a (x));
COMMENT ON CONSTRAINT u ON a IS 'stays';
COMMENT ON CONSTRAINT b_x_fkey ON b IS 'comes back';
ALTER TABLE a CLUSTER ON u;

-- pair: check_of_the_whole_row
-- from:
CREATE TABLE t (a integer, b integer);
-- to:
CREATE TABLE t (a integer, b integer, CONSTRAINT c CHECK (t.* IS NOT NULL));

-- pair: check_over_columns_that_change
-- from:
CREATE TABLE t (a integer, b integer, CHECK (a < b));
-- to:
CREATE TABLE t (a bigint, c integer, CHECK (a < c));

-- pair: primary_key_used_by_a_view_with_group_by
-- from:
CREATE TABLE t (id integer PRIMARY KEY, a text);
CREATE VIEW v AS SELECT id, a FROM t GROUP BY id;
-- to:
CREATE TABLE t (id integer, a text, CONSTRAINT other PRIMARY KEY (id));
CREATE VIEW v AS SELECT id, a FROM t GROUP BY id;

-- pair: unique_like_another_and_like_the_primary_key
-- from:
-- to:
CREATE TABLE t (a integer, b integer, c integer, CONSTRAINT t_key PRIMARY KEY (a));
ALTER TABLE t ADD CONSTRAINT a_key UNIQUE (a);
ALTER TABLE t ADD CONSTRAINT b1 UNIQUE (b) INCLUDE (c);
ALTER TABLE t ADD CONSTRAINT b2 UNIQUE (b) INCLUDE (c);
ALTER TABLE t ADD CONSTRAINT b3 UNIQUE (b) INCLUDE (c) DEFERRABLE;
ALTER TABLE t ADD CONSTRAINT e1 EXCLUDE (c WITH =);
ALTER TABLE t ADD CONSTRAINT e2 EXCLUDE (c WITH =);
CREATE TABLE u (b integer REFERENCES t (a), a integer);
COMMENT ON CONSTRAINT b2 ON t IS 'b2';
