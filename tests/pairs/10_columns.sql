-- Columns: added, dropped, every attribute changed.

-- pair: column_added
-- base:
CREATE TABLE t (id integer PRIMARY KEY);
INSERT INTO t VALUES (1), (2);
-- from:
-- to:
ALTER TABLE t ADD COLUMN note text;

-- pair: column_type_widened
-- base:
-- from:
CREATE TABLE t (id integer PRIMARY KEY, n integer, s varchar(10));
INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b');
-- to:
CREATE TABLE t (id integer PRIMARY KEY, n bigint, s varchar(20));
