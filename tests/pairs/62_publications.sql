-- Publications and subscriptions.

-- pair: publication_added
-- base:
CREATE TABLE t (a integer PRIMARY KEY, b text);
-- from:
-- to:
CREATE PUBLICATION p FOR TABLE t (a, b) WHERE (b <> '') WITH (publish = 'insert', publish_via_partition_root = true);
COMMENT ON PUBLICATION p IS 'p';

-- pair: publication_attributes
-- from:
CREATE PUBLICATION p;
-- to:
CREATE PUBLICATION p WITH (publish = 'insert, delete', publish_via_partition_root = true);

-- pair: publication_tables
-- base:
CREATE TABLE t (a integer PRIMARY KEY, b text);
CREATE TABLE u (a integer PRIMARY KEY, b text);
CREATE TABLE w (a integer PRIMARY KEY, b text);
-- from:
CREATE PUBLICATION p FOR TABLE t, u;
-- to:
CREATE PUBLICATION p FOR TABLE w, u;

-- pair: publication_columns_and_rows
-- base:
CREATE TABLE t (a integer PRIMARY KEY, b text, c text);
CREATE TABLE u (a integer PRIMARY KEY, b text, c text);
-- from:
CREATE PUBLICATION p FOR TABLE t (a), u WHERE (a > 0);
-- to:
CREATE PUBLICATION p FOR TABLE t (a, c) WHERE (a > 1), u;

-- pair: publication_schema
-- base:
CREATE SCHEMA s;
CREATE SCHEMA r;
-- from:
CREATE PUBLICATION p FOR TABLES IN SCHEMA s;
-- to:
CREATE PUBLICATION p FOR TABLES IN SCHEMA r, public;

-- pair: publication_all_tables
-- from:
CREATE PUBLICATION p;
-- to:
CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'truncate');

-- pair: publication_tables_to_schema
-- base:
CREATE SCHEMA s;
CREATE TABLE s.t (a integer PRIMARY KEY);
-- from:
CREATE PUBLICATION p FOR TABLE s.t;
-- to:
CREATE PUBLICATION p FOR TABLES IN SCHEMA s;

-- pair: publication_over_a_changed_column
-- from:
CREATE TABLE t (a integer PRIMARY KEY, b integer);
CREATE PUBLICATION p FOR TABLE t (a, b) WHERE (b > 0);
-- to:
CREATE TABLE t (a integer PRIMARY KEY, b bigint);
CREATE PUBLICATION p FOR TABLE t (a, b) WHERE (b > 0);

-- pair: publication_over_a_column_that_goes
-- from:
CREATE TABLE t (a integer PRIMARY KEY, b integer);
CREATE PUBLICATION p FOR TABLE t (a, b);
-- to:
CREATE TABLE t (a integer PRIMARY KEY);
CREATE PUBLICATION p FOR TABLE t (a);

-- pair: publication_varchar
-- normal form
-- base:
CREATE TABLE t (a varchar(10) PRIMARY KEY);
-- from:
CREATE PUBLICATION p FOR TABLE t;
-- to:
CREATE PUBLICATION p FOR TABLE t WHERE (a = 'x' OR a = 'y');

-- pair: publication_owner
-- from:
CREATE PUBLICATION p;
-- to:
CREATE PUBLICATION p;
GRANT CREATE ON SCHEMA public TO pair_owner;
ALTER PUBLICATION p RENAME TO q;

-- pair: subscription_added
-- dump: skip, a connection is a secret and in no snapshot
-- from:
-- to:
CREATE SUBSCRIPTION pair_s CONNECTION 'host=nowhere' PUBLICATION b, a WITH (connect = false, slot_name = NONE, enabled = false, create_slot = false);

-- pair: subscription_attributes
-- from:
CREATE SUBSCRIPTION pair_s CONNECTION 'host=nowhere' PUBLICATION a WITH (connect = false, slot_name = NONE, enabled = false, create_slot = false);
COMMENT ON SUBSCRIPTION pair_s IS 's';
-- to:
CREATE SUBSCRIPTION pair_s CONNECTION 'host=nowhere' PUBLICATION a, c WITH (connect = false, slot_name = NONE, enabled = false, create_slot = false,
    binary = true, streaming = on, synchronous_commit = local, disable_on_error = true);
