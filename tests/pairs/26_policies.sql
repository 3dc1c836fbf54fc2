-- Row security: policies, every attribute.

-- pair: policy_added
-- base:
CREATE TABLE t (a integer, who text);
-- from:
-- to:
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t USING (who = current_user);
COMMENT ON POLICY p ON t IS 'Own rows';

-- pair: policy_expressions
-- expect: statement ALTER POLICY
-- base:
CREATE TABLE t (a integer, who text);
-- from:
CREATE POLICY p ON t USING (a > 0) WITH CHECK (a > 1);
CREATE POLICY q ON t USING (a > 0);
-- to:
CREATE POLICY p ON t USING (a > 10) WITH CHECK (a > 11);
CREATE POLICY q ON t USING (a > 0) WITH CHECK (a > 2);

-- pair: policy_expression_taken_away
-- base:
CREATE TABLE t (a integer, who text);
-- from:
CREATE POLICY p ON t WITH CHECK (a > 1);
-- to:
CREATE POLICY p ON t USING (a > 1);

-- pair: policy_roles
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE POLICY p ON t TO pair_reader USING (true);
CREATE POLICY q ON t USING (true);
-- to:
CREATE POLICY p ON t TO pair_writer, "pair ""Quoted""" USING (true);
CREATE POLICY q ON t TO pair_reader USING (true);

-- pair: policy_command
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE POLICY p1 ON t USING (true);
CREATE POLICY p2 ON t FOR SELECT USING (true);
CREATE POLICY p3 ON t FOR INSERT WITH CHECK (true);
COMMENT ON POLICY p1 ON t IS 'stays';
-- to:
CREATE POLICY p1 ON t FOR UPDATE USING (true);
CREATE POLICY p2 ON t FOR DELETE USING (true);
CREATE POLICY p3 ON t FOR ALL WITH CHECK (true);
COMMENT ON POLICY p1 ON t IS 'stays';

-- pair: policy_restrictive
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE POLICY p ON t USING (true);
-- to:
CREATE POLICY p ON t AS RESTRICTIVE USING (true);

-- pair: policy_with_a_subquery
-- base:
CREATE TABLE u (a integer, who text);
CREATE TABLE t (a integer);
-- from:
CREATE POLICY p ON t USING (true);
-- to:
CREATE POLICY p ON t USING (EXISTS (SELECT FROM u WHERE u.a = t.a AND u.who = current_user));

-- pair: policy_over_a_changed_column
-- from:
CREATE TABLE u (a integer, who text);
CREATE TABLE t (a integer);
CREATE POLICY p ON t USING (a IN (SELECT u.a FROM u));
COMMENT ON POLICY p ON t IS 'p';
-- to:
CREATE TABLE u (a bigint, who text);
CREATE TABLE t (a bigint);
CREATE POLICY p ON t USING (a IN (SELECT u.a FROM u));
COMMENT ON POLICY p ON t IS 'p';

-- pair: policy_over_a_column_of_another_table_that_goes
-- columns: reordered
-- from:
CREATE TABLE u (a integer, who text);
CREATE TABLE t (a integer);
CREATE POLICY p ON t USING (a IN (SELECT u.a FROM u));
-- to:
CREATE TABLE u (who text);
CREATE TABLE t (a integer);
CREATE POLICY p ON t USING (a > 1);

-- pair: policy_by_a_function
-- from:
CREATE TABLE t (a integer);
CREATE FUNCTION may(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE POLICY p ON t USING (may(a));
-- to:
CREATE TABLE t (a integer);
CREATE FUNCTION may(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE POLICY p ON t USING (may(a));

-- pair: policy_varchar_in
-- normal form
-- base:
CREATE TABLE t (a varchar(10));
-- from:
CREATE POLICY p ON t USING (true);
-- to:
CREATE POLICY p ON t USING (a IN ('x', 'y'));

-- pair: policy_on_partitions
-- base:
CREATE TABLE t (a integer) PARTITION BY LIST (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
-- from:
CREATE POLICY p ON t USING (a > 0);
-- to:
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
ALTER TABLE t1 ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t1 USING (a > 0);

-- pair: policy_security_forced_only
-- base:
CREATE TABLE t (a integer);
CREATE TABLE u (a integer);
ALTER TABLE u ENABLE ROW LEVEL SECURITY;
-- from:
ALTER TABLE t FORCE ROW LEVEL SECURITY;
-- to:
ALTER TABLE u FORCE ROW LEVEL SECURITY;

-- pair: policies_swap_names
-- base:
CREATE TABLE t (a integer);
-- from:
CREATE POLICY p ON t FOR SELECT USING (a > 1);
CREATE POLICY q ON t FOR UPDATE USING (a > 2);
-- to:
CREATE POLICY q ON t FOR SELECT USING (a > 1);
CREATE POLICY p ON t FOR UPDATE USING (a > 2);
