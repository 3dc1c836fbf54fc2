-- Materialized views that have not been filled.

-- pair: filled_is_no_difference
-- expect: empty
-- expect back: empty
-- from:
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
-- to:
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a WITH NO DATA;

-- pair: filled_added_without_rows
-- expect: statement WITH NO DATA
-- expect: hazard not complete
-- expect: no hazard long lock
-- from:
-- to:
CREATE TABLE t (a integer);
CREATE MATERIALIZED VIEW m AS SELECT a FROM t WITH NO DATA;
CREATE UNIQUE INDEX i ON m (a);
ALTER MATERIALIZED VIEW m CLUSTER ON i;

-- pair: filled_before_is_filled_again
-- expect: no statement WITH NO DATA
-- expect back: no statement WITH NO DATA
-- from:
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
-- to:
CREATE MATERIALIZED VIEW m AS SELECT 2 AS a WITH NO DATA;

-- pair: filled_never
-- expect: statement WITH NO DATA
-- expect back: statement WITH NO DATA
-- from:
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a WITH NO DATA;
-- to:
CREATE MATERIALIZED VIEW m AS SELECT 2 AS a WITH NO DATA;

-- pair: filled_from_one_that_was_emptied
-- expect: statement REFRESH MATERIALIZED VIEW public.m WITH NO DATA
-- from:
-- to:
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
CREATE VIEW v AS SELECT a FROM m;
CREATE MATERIALIZED VIEW n AS SELECT a FROM v;
CREATE MATERIALIZED VIEW o AS SELECT a FROM m;
REFRESH MATERIALIZED VIEW m WITH NO DATA;

-- pair: filled_from_one_that_has_no_rows
-- expect: statement WITH NO DATA
-- base:
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a WITH NO DATA;
CREATE VIEW v AS SELECT a FROM m;
-- from:
-- to:
REFRESH MATERIALIZED VIEW m;
CREATE MATERIALIZED VIEW n AS SELECT a FROM v;

-- pair: filled_with_no_rows_at_two_levels
-- from:
-- to:
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a WITH NO DATA;
CREATE MATERIALIZED VIEW n AS SELECT a FROM m WITH NO DATA;
