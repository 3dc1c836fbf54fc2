-- Tables: made, dropped, moved, every attribute.

-- pair: table_added
-- expect back: hazard data loss
-- from:
-- to:
CREATE TABLE t (id integer PRIMARY KEY, a text NOT NULL DEFAULT 'x' CHECK (a <> ''), b text UNIQUE);
CREATE INDEX t_b ON t (a, b);
COMMENT ON TABLE t IS 'New';
GRANT SELECT ON t TO pair_reader;

-- pair: tables_that_refer_to_each_other
-- from:
-- to:
CREATE TABLE a (id integer PRIMARY KEY, b_id integer);
CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a);
ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b;

-- pair: table_unlogged
-- expect: hazard rewrite
-- base:
CREATE TABLE other (a integer);
-- from:
CREATE TABLE t (id integer PRIMARY KEY);
INSERT INTO t VALUES (1);
-- to:
CREATE UNLOGGED TABLE t (id integer PRIMARY KEY);

-- pair: table_unlogged_with_references
-- from:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a);
-- to:
CREATE UNLOGGED TABLE a (id integer PRIMARY KEY);
CREATE UNLOGGED TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a);

-- pair: table_storage_parameters
-- expect: no hazard rewrite
-- from:
CREATE TABLE t (a text) WITH (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_enabled = off);
-- to:
CREATE TABLE t (a text) WITH (fillfactor = 80, parallel_workers = 2, toast.vacuum_truncate = false, autovacuum_vacuum_scale_factor = 0.5);

-- pair: table_storage_parameters_none
-- from:
CREATE TABLE t (a text) WITH (fillfactor = 70, toast.autovacuum_enabled = off);
-- to:
CREATE TABLE t (a text);

-- pair: table_access_method
-- expect: hazard rewrite
-- base:
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
-- from:
CREATE TABLE t (a text);
INSERT INTO t VALUES ('a');
-- to:
CREATE TABLE t (a text) USING heap2;

-- pair: table_tablespace
-- expect: hazard rewrite
-- from:
CREATE TABLE t (a text);
INSERT INTO t VALUES ('a');
-- to:
CREATE TABLE t (a text) TABLESPACE pair_space;

-- pair: table_replica_identity_full
-- from:
CREATE TABLE t (a integer PRIMARY KEY);
CREATE TABLE u (a integer PRIMARY KEY);
ALTER TABLE u REPLICA IDENTITY NOTHING;
-- to:
CREATE TABLE t (a integer PRIMARY KEY);
ALTER TABLE t REPLICA IDENTITY FULL;
CREATE TABLE u (a integer PRIMARY KEY);

-- pair: table_replica_identity_index
-- from:
CREATE TABLE t (a integer PRIMARY KEY);
ALTER TABLE t REPLICA IDENTITY NOTHING;
-- to:
CREATE TABLE t (a integer PRIMARY KEY);
ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey;

-- pair: table_row_security
-- from:
CREATE TABLE t (a integer);
CREATE TABLE u (a integer);
ALTER TABLE u ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
-- to:
CREATE TABLE t (a integer);
ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE TABLE u (a integer);

-- pair: table_of_type
-- base:
CREATE TYPE row AS (a integer, b text);
-- from:
CREATE TABLE t (a integer, b text);
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TABLE t OF row;

-- pair: table_of_another_type
-- base:
CREATE TYPE row AS (a integer, b text);
CREATE TYPE row2 AS (a integer, b text);
-- from:
CREATE TABLE t OF row;
-- to:
CREATE TABLE t OF row2;

-- pair: table_of_type_with_options
-- base:
CREATE TYPE row AS (a integer, b text);
-- from:
-- to:
CREATE TABLE t OF row (PRIMARY KEY (a), b WITH OPTIONS DEFAULT 'x' NOT NULL);

-- pair: table_moves_to_another_schema
-- base:
CREATE SCHEMA s;
-- from:
CREATE TABLE t (a integer PRIMARY KEY);
-- to:
CREATE TABLE s.t (a integer PRIMARY KEY);

-- pair: tables_in_several_schemas
-- from:
CREATE SCHEMA x;
CREATE TABLE x.t (a integer PRIMARY KEY);
CREATE TABLE x.u (a integer REFERENCES x.t);
-- to:
CREATE SCHEMA y;
CREATE TABLE y.t (a integer PRIMARY KEY);
CREATE TABLE y.u (a integer REFERENCES y.t);

-- pair: table_and_its_schema_go
-- from:
CREATE SCHEMA x AUTHORIZATION pair_owner;
CREATE TABLE x.t (a serial PRIMARY KEY);
CREATE VIEW x.v AS SELECT * FROM x.t;
CREATE FUNCTION x.f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TYPE x.e AS ENUM ('a');
-- to:

-- pair: table_becomes_view
-- from:
CREATE TABLE t (a integer PRIMARY KEY);
CREATE TABLE x (a integer, b integer);
-- to:
CREATE TABLE x (a integer, b integer);
CREATE VIEW t AS SELECT a FROM x;

-- pair: table_becomes_materialized_view
-- from:
CREATE TABLE t (a integer PRIMARY KEY);
-- to:
CREATE MATERIALIZED VIEW t AS SELECT 1 AS a;

-- pair: table_becomes_sequence
-- from:
CREATE TABLE t (a integer PRIMARY KEY);
-- to:
CREATE SEQUENCE t;

-- pair: table_becomes_type
-- from:
CREATE TABLE t (a integer PRIMARY KEY);
-- to:
CREATE TYPE t AS (a integer);

-- pair: table_becomes_enum
-- from:
CREATE TABLE t (a integer PRIMARY KEY);
-- to:
CREATE TYPE t AS ENUM ('a');

-- pair: table_becomes_index_name
-- from:
CREATE TABLE t (a integer PRIMARY KEY);
CREATE TABLE x (a integer);
-- to:
CREATE TABLE x (a integer);
CREATE INDEX t ON x (a);

-- pair: table_becomes_partitioned
-- expect: remade table public.t
-- expect: remade column public.t.*
-- expect back: remade table public.t
-- expect back: remade column public.t.*
-- expect: hazard data loss
-- from:
CREATE TABLE t (a integer PRIMARY KEY);
COMMENT ON TABLE t IS 'Stays';
GRANT SELECT ON t TO pair_reader;
-- to:
CREATE TABLE t (a integer PRIMARY KEY) PARTITION BY RANGE (a);
COMMENT ON TABLE t IS 'Stays';
GRANT SELECT ON t TO pair_reader;

-- pair: schema_added
-- from:
-- to:
CREATE SCHEMA s AUTHORIZATION pair_owner;
CREATE SCHEMA "S t" ;
COMMENT ON SCHEMA s IS 'It';
GRANT USAGE ON SCHEMA s TO pair_reader;

-- pair: schema_public_goes
-- from:
-- to:
DROP SCHEMA public;

-- pair: schema_public_is_ours
-- from:
-- to:
ALTER SCHEMA public OWNER TO pair_owner;
COMMENT ON SCHEMA public IS 'Ours';
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO pair_writer;

-- pair: table_everything_at_once
-- from:
CREATE TABLE t (id serial PRIMARY KEY, a varchar(10), b integer);
CREATE INDEX i ON t (b);
INSERT INTO t (a, b) VALUES ('x', 1);
-- to:
CREATE TABLE t (id bigserial PRIMARY KEY, a text NOT NULL DEFAULT 'q', b integer CHECK (b > 0), c integer REFERENCES t) WITH (fillfactor = 60);
CREATE INDEX i ON t (b, c);
ALTER TABLE t ENABLE ROW LEVEL SECURITY, OWNER TO pair_owner, REPLICA IDENTITY FULL;
CREATE POLICY p ON t USING (b > 1);
COMMENT ON TABLE t IS 'All';
GRANT INSERT ON t TO pair_writer;

-- pair: many_tables
-- from:
DO $$ BEGIN FOR i IN 1..30 LOOP EXECUTE format('CREATE TABLE t%s (id integer PRIMARY KEY, a text)', i); END LOOP; END $$;
-- to:
DO $$ BEGIN FOR i IN 1..30 LOOP EXECUTE format('CREATE TABLE t%s (id integer PRIMARY KEY, a text NOT NULL, b integer %s)', i,
    CASE WHEN i > 1 THEN format('REFERENCES t%s', i - 1) END); END LOOP; END $$;

-- pair: schema_public_has_another_name
-- from:
CREATE EXTENSION btree_gist;
ALTER SCHEMA public RENAME TO beta;
CREATE TABLE beta.t (a integer, EXCLUDE USING gist (a WITH =));
-- to:
CREATE EXTENSION btree_gist;
ALTER SCHEMA public RENAME TO beta;
CREATE TABLE beta.t (a integer, b integer, EXCLUDE USING gist (a WITH =));
REVOKE USAGE ON SCHEMA beta FROM PUBLIC;
COMMENT ON SCHEMA beta IS 'that which was public';
