-- Views and materialized views: definitions, options, what depends on them.

-- pair: view_added
-- base:
CREATE TABLE t (a integer, b text);
-- from:
-- to:
CREATE VIEW v AS SELECT a, b FROM t;

-- pair: view_column_appended
-- expect: kept view public.v
-- base:
CREATE TABLE t (a integer, b text);
-- from:
CREATE VIEW v AS SELECT a FROM t;
-- to:
CREATE VIEW v AS SELECT a, b FROM t;

-- pair: view_condition_changed
-- expect: kept view public.v
-- expect back: kept view public.v
-- base:
CREATE TABLE t (a integer, b text);
-- from:
CREATE VIEW v AS SELECT a, b FROM t WHERE a > 0;
GRANT SELECT ON v TO pair_reader;
COMMENT ON VIEW v IS 'Stays';
-- to:
CREATE VIEW v AS SELECT a, b FROM t WHERE a > 1;
GRANT SELECT ON v TO pair_reader;
COMMENT ON VIEW v IS 'Stays';

-- pair: view_column_renamed
-- base:
CREATE TABLE t (a integer, b text);
-- from:
CREATE VIEW v AS SELECT a AS one FROM t;
-- to:
CREATE VIEW v AS SELECT a AS two FROM t;

-- pair: view_column_of_another_type
-- base:
CREATE TABLE t (a integer, b text);
-- from:
CREATE VIEW v AS SELECT a AS x FROM t;
GRANT SELECT ON v TO pair_reader;
COMMENT ON COLUMN v.x IS 'Stays';
-- to:
CREATE VIEW v AS SELECT b AS x FROM t;
GRANT SELECT ON v TO pair_reader;
COMMENT ON COLUMN v.x IS 'Stays';

-- pair: view_columns_in_another_order
-- base:
CREATE TABLE t (a integer, b text);
-- from:
CREATE VIEW v AS SELECT a, b FROM t;
-- to:
CREATE VIEW v AS SELECT b, a FROM t;

-- pair: view_options
-- expect: kept view public.v
-- expect back: kept view public.v
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE VIEW v AS SELECT a FROM t;
CREATE VIEW w WITH (security_barrier = true) AS SELECT a FROM t;
-- to:
CREATE VIEW v WITH (security_invoker = true, security_barrier = true) AS SELECT a FROM t;
CREATE VIEW w WITH (security_barrier = false) AS SELECT a FROM t;

-- pair: view_check_option
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE VIEW v AS SELECT a FROM t WHERE a > 0;
CREATE VIEW w AS SELECT a FROM t WHERE a > 0 WITH LOCAL CHECK OPTION;
-- to:
CREATE VIEW v AS SELECT a FROM t WHERE a > 0 WITH CASCADED CHECK OPTION;
CREATE VIEW w AS SELECT a FROM t WHERE a > 0 WITH CASCADED CHECK OPTION;

-- pair: view_check_option_with_new_text
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE VIEW v AS SELECT a FROM t WHERE a > 0 WITH LOCAL CHECK OPTION;
-- to:
CREATE VIEW v WITH (security_barrier) AS SELECT a FROM t WHERE a > 1;

-- pair: view_column_default
-- base:
CREATE TABLE t (a integer, b text);
CREATE VIEW v AS SELECT a, b FROM t;
-- from:
ALTER VIEW v ALTER COLUMN a SET DEFAULT 1;
-- to:
ALTER VIEW v ALTER COLUMN a SET DEFAULT 2;
ALTER VIEW v ALTER COLUMN b SET DEFAULT 'x';

-- pair: view_with_all_that_hangs_on_it
-- base:
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
-- from:
CREATE TABLE t (a integer, b text);
CREATE VIEW v WITH (security_barrier) AS SELECT a, b FROM t;
ALTER VIEW v ALTER COLUMN a SET DEFAULT 1;
COMMENT ON VIEW v IS 'v';
COMMENT ON COLUMN v.a IS 'v.a';
GRANT SELECT ON v TO pair_reader WITH GRANT OPTION;
GRANT UPDATE (b) ON v TO pair_writer;
ALTER VIEW v OWNER TO pair_owner;
CREATE TRIGGER g INSTEAD OF UPDATE ON v FOR EACH ROW EXECUTE FUNCTION touch();
COMMENT ON TRIGGER g ON v IS 'g';
CREATE RULE r AS ON DELETE TO v DO INSTEAD NOTHING;
COMMENT ON RULE r ON v IS 'r';
-- to:
CREATE TABLE t (a bigint, b text);
CREATE VIEW v WITH (security_barrier) AS SELECT a, b FROM t;
ALTER VIEW v ALTER COLUMN a SET DEFAULT 1;
COMMENT ON VIEW v IS 'v';
COMMENT ON COLUMN v.a IS 'v.a';
GRANT SELECT ON v TO pair_reader WITH GRANT OPTION;
GRANT UPDATE (b) ON v TO pair_writer;
ALTER VIEW v OWNER TO pair_owner;
CREATE TRIGGER g INSTEAD OF UPDATE ON v FOR EACH ROW EXECUTE FUNCTION touch();
COMMENT ON TRIGGER g ON v IS 'g';
CREATE RULE r AS ON DELETE TO v DO INSTEAD NOTHING;
COMMENT ON RULE r ON v IS 'r';

-- pair: views_on_views
-- from:
CREATE TABLE t (a integer, b text);
CREATE VIEW v1 AS SELECT a, b FROM t;
CREATE VIEW v2 AS SELECT a FROM v1;
CREATE VIEW v3 AS SELECT count(a) AS n FROM v2;
GRANT SELECT ON v3 TO pair_reader;
-- to:
CREATE TABLE t (a bigint, b text);
CREATE VIEW v1 AS SELECT a, b FROM t;
CREATE VIEW v2 AS SELECT a FROM v1;
CREATE VIEW v3 AS SELECT count(a) AS n FROM v2;
GRANT SELECT ON v3 TO pair_reader;

-- pair: views_turn_around
-- from:
CREATE VIEW a AS SELECT 1 AS x;
CREATE VIEW b AS SELECT x FROM a;
-- to:
CREATE VIEW b AS SELECT 1 AS x;
CREATE VIEW a AS SELECT x FROM b;

-- pair: views_swap_names
-- from:
CREATE VIEW a AS SELECT 1 AS x;
CREATE VIEW b AS SELECT 'q'::text AS y;
-- to:
CREATE VIEW b AS SELECT 1 AS x;
CREATE VIEW a AS SELECT 'q'::text AS y;

-- pair: view_on_a_column_that_goes
-- columns: reordered
-- from:
CREATE TABLE t (a integer, b text);
CREATE VIEW v AS SELECT a, b FROM t;
-- to:
CREATE TABLE t (b text);
CREATE VIEW v AS SELECT b FROM t;

-- pair: view_star_after_a_column_was_added
-- from:
CREATE TABLE t (a integer, b text);
CREATE VIEW v AS SELECT * FROM t;
-- to:
CREATE TABLE t (a integer, b text, c text);
CREATE VIEW v AS SELECT * FROM t;

-- pair: view_varchar_in
-- normal form
-- base:
CREATE TABLE t (a varchar(10));
-- from:
-- to:
CREATE VIEW v AS SELECT a FROM t WHERE a IN ('x', 'y');

-- pair: view_varchar_in_another_list
-- normal form
-- base:
CREATE TABLE t (a varchar(10));
-- from:
CREATE VIEW v AS SELECT a FROM t WHERE a IN ('x', 'y');
-- to:
CREATE VIEW v AS SELECT a FROM t WHERE a IN ('x', 'y', 'z');

-- pair: view_recursive
-- from:
CREATE RECURSIVE VIEW v (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM v WHERE n < 3;
-- to:
CREATE RECURSIVE VIEW v (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM v WHERE n < 4;

-- pair: view_with_a_function
-- from:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE VIEW v AS SELECT f() AS x;
-- to:
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT 1::text';
CREATE VIEW v AS SELECT f() AS x;

-- pair: view_becomes_materialized
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE VIEW v AS SELECT a FROM t;
-- to:
CREATE MATERIALIZED VIEW v AS SELECT a FROM t;

-- pair: view_becomes_table
-- from:
CREATE VIEW v AS SELECT 1 AS a;
-- to:
CREATE TABLE v (a integer);

-- pair: view_becomes_function_under_its_name
-- from:
CREATE VIEW v AS SELECT 1 AS a;
-- to:
CREATE FUNCTION v() RETURNS integer LANGUAGE sql AS 'SELECT 1';

-- pair: view_moves_to_another_schema
-- base:
CREATE SCHEMA s;
-- from:
CREATE VIEW v AS SELECT 1 AS a;
CREATE VIEW w AS SELECT a FROM v;
-- to:
CREATE VIEW s.v AS SELECT 1 AS a;
CREATE VIEW w AS SELECT a FROM s.v;

-- pair: view_owner
-- from:
CREATE VIEW v AS SELECT 1 AS a;
-- to:
CREATE VIEW v AS SELECT 1 AS a;
ALTER VIEW v OWNER TO pair_owner;

-- pair: view_join_using_and_window
-- from:
CREATE TABLE t (id integer, a integer);
CREATE TABLE u (id integer, b integer);
-- to:
CREATE TABLE t (id integer, a integer);
CREATE TABLE u (id integer, b integer);
CREATE VIEW v AS WITH q AS (SELECT id, sum(a) OVER w AS s FROM t WINDOW w AS (PARTITION BY id ORDER BY a))
    SELECT q.id, q.s, u.b, CASE WHEN b > 1 THEN 'x' ELSE NULL END AS c FROM q LEFT JOIN u USING (id)
    WHERE EXISTS (SELECT FROM t WHERE t.id = u.id) ORDER BY b DESC NULLS LAST LIMIT 10;

-- pair: materialized_view_added
-- base:
CREATE TABLE t (a integer, b text);
-- from:
-- to:
CREATE MATERIALIZED VIEW m AS SELECT a, b FROM t;
CREATE UNIQUE INDEX m_a ON m (a);

-- pair: materialized_view_definition
-- base:
CREATE TABLE t (a integer, b text);
-- from:
CREATE MATERIALIZED VIEW m AS SELECT a FROM t;
CREATE UNIQUE INDEX m_a ON m (a);
GRANT SELECT ON m TO pair_reader;
COMMENT ON MATERIALIZED VIEW m IS 'm';
COMMENT ON COLUMN m.a IS 'm.a';
COMMENT ON INDEX m_a IS 'm_a';
ALTER MATERIALIZED VIEW m CLUSTER ON m_a;
ALTER MATERIALIZED VIEW m OWNER TO pair_owner;
-- to:
CREATE MATERIALIZED VIEW m AS SELECT a, b FROM t;
CREATE UNIQUE INDEX m_a ON m (a);
GRANT SELECT ON m TO pair_reader;
COMMENT ON MATERIALIZED VIEW m IS 'm';
COMMENT ON COLUMN m.a IS 'm.a';
COMMENT ON INDEX m_a IS 'm_a';
ALTER MATERIALIZED VIEW m CLUSTER ON m_a;
ALTER MATERIALIZED VIEW m OWNER TO pair_owner;

-- pair: materialized_view_options
-- expect: kept materialized view public.m
-- from:
CREATE MATERIALIZED VIEW m WITH (fillfactor = 50) AS SELECT 1 AS a, 'x'::text AS b;
-- to:
CREATE MATERIALIZED VIEW m WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off) AS SELECT 1 AS a, 'x'::text AS b;

-- pair: materialized_view_access_method_and_tablespace
-- base:
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
-- from:
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW n AS SELECT 1 AS a;
-- to:
CREATE MATERIALIZED VIEW m USING heap2 AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW n TABLESPACE pair_space AS SELECT 1 AS a;

-- pair: materialized_view_cluster_on
-- base:
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a, 2 AS b;
CREATE INDEX i ON m (a);
CREATE INDEX k ON m (b);
-- from:
ALTER MATERIALIZED VIEW m CLUSTER ON i;
-- to:
ALTER MATERIALIZED VIEW m CLUSTER ON k;

-- pair: materialized_view_columns
-- base:
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a, 'x'::text AS b;
-- from:
ALTER MATERIALIZED VIEW m ALTER COLUMN a SET STATISTICS 50;
-- to:
ALTER MATERIALIZED VIEW m ALTER COLUMN a SET STATISTICS 60, ALTER COLUMN b SET STORAGE external, ALTER COLUMN b SET COMPRESSION lz4,
    ALTER COLUMN b SET (n_distinct = 5);

-- pair: materialized_view_statistics_and_index
-- from:
CREATE TABLE t (a integer, b integer);
CREATE MATERIALIZED VIEW m AS SELECT a, b FROM t;
CREATE STATISTICS s ON a, b FROM m;
CREATE INDEX i ON m (a) WHERE b > 0;
-- to:
CREATE TABLE t (a bigint, b integer);
CREATE MATERIALIZED VIEW m AS SELECT a, b FROM t;
CREATE STATISTICS s ON a, b FROM m;
CREATE INDEX i ON m (a) WHERE b > 0;

-- pair: materialized_views_on_views
-- from:
CREATE TABLE t (a integer);
CREATE VIEW v AS SELECT a FROM t;
CREATE MATERIALIZED VIEW m AS SELECT a FROM v;
CREATE VIEW w AS SELECT a FROM m;
CREATE UNIQUE INDEX i ON m (a);
-- to:
CREATE TABLE t (a bigint);
CREATE VIEW v AS SELECT a FROM t;
CREATE MATERIALIZED VIEW m AS SELECT a FROM v;
CREATE VIEW w AS SELECT a FROM m;
CREATE UNIQUE INDEX i ON m (a);

-- pair: rule_added
-- base:
CREATE TABLE t (a integer);
CREATE TABLE log (a integer);
-- from:
-- to:
CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO log VALUES (new.a);

-- pair: rule_changed
-- base:
CREATE TABLE t (a integer);
CREATE TABLE log (a integer);
-- from:
CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO log VALUES (new.a);
COMMENT ON RULE r ON t IS 'r';
-- to:
CREATE RULE r AS ON UPDATE TO t WHERE new.a > 1 DO INSTEAD (INSERT INTO log VALUES (new.a); DELETE FROM log WHERE a = old.a);
COMMENT ON RULE r ON t IS 'r';

-- pair: rule_enabled
-- base:
CREATE TABLE t (a integer);
CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING;
CREATE RULE s AS ON UPDATE TO t DO INSTEAD NOTHING;
-- from:
ALTER TABLE t DISABLE RULE r;
-- to:
ALTER TABLE t ENABLE ALWAYS RULE r, ENABLE REPLICA RULE s;

-- pair: rule_changed_and_disabled
-- from:
CREATE TABLE t (a integer);
CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING;
ALTER TABLE t DISABLE RULE r;
-- to:
CREATE TABLE t (a integer);
CREATE RULE r AS ON INSERT TO t WHERE new.a > 1 DO INSTEAD NOTHING;
ALTER TABLE t DISABLE RULE r;

-- pair: rule_on_a_column_of_another_type
-- from:
CREATE TABLE t (a integer);
CREATE TABLE log (a bigint);
CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO log VALUES (new.a);
COMMENT ON RULE r ON t IS 'r';
-- to:
CREATE TABLE t (a bigint);
CREATE TABLE log (a bigint);
CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO log VALUES (new.a);
COMMENT ON RULE r ON t IS 'r';

-- pair: rule_on_view
-- from:
CREATE TABLE t (a integer);
CREATE VIEW v AS SELECT a FROM t;
-- to:
CREATE TABLE t (a integer);
CREATE VIEW v AS SELECT a FROM t;
CREATE RULE r AS ON INSERT TO v DO INSTEAD INSERT INTO t VALUES (new.a) RETURNING a;
