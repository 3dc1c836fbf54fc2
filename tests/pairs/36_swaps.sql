-- Types that change places with others in one plan.

-- pair: swap_domain_and_enum
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE DOMAIN d AS e;
CREATE TABLE t (x d, y e);
INSERT INTO t VALUES ('a', 'b');
-- to:
CREATE TYPE d AS ENUM ('a', 'b');
CREATE DOMAIN e AS d;
CREATE TABLE t (x d, y e);

-- pair: swap_enum_under_a_domain
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE DOMAIN d AS e DEFAULT 'a' CHECK (VALUE <> 'b');
CREATE TABLE t (x d);
INSERT INTO t VALUES ('a');
-- to:
CREATE TYPE f AS ENUM ('a', 'b');
CREATE DOMAIN d AS f DEFAULT 'a' CHECK (VALUE <> 'b');
CREATE TABLE t (x d);

-- pair: swap_domain_becomes_enum
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE DOMAIN d AS e;
CREATE TABLE t (x d);
INSERT INTO t VALUES ('a');
-- to:
CREATE TYPE d AS ENUM ('a', 'b');
CREATE TABLE t (x d);

-- pair: swap_two_enums_under_domains
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TYPE f AS ENUM ('b', 'a');
CREATE DOMAIN d AS e CHECK (VALUE <> 'b');
CREATE DOMAIN g AS f;
CREATE TABLE t (x d, y g, z e[]);
INSERT INTO t VALUES ('a', 'b', '{a,b}');
-- to:
CREATE TYPE e AS ENUM ('b', 'a');
CREATE TYPE f AS ENUM ('a', 'b');
CREATE DOMAIN d AS f CHECK (VALUE <> 'b');
CREATE DOMAIN g AS e;
CREATE TABLE t (x d, y g, z e[]);

-- pair: swap_enum_under_a_domain_of_two
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TYPE f AS ENUM ('a', 'b');
CREATE DOMAIN d AS e;
CREATE TABLE t (x d);
INSERT INTO t VALUES ('a');
-- to:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TYPE f AS ENUM ('a', 'b');
CREATE DOMAIN d AS f;
CREATE TABLE t (x d);

-- pair: swap_enum_that_loses_a_value_under_a_domain
-- from:
CREATE TYPE e AS ENUM ('a', 'b', 'c');
CREATE DOMAIN d AS e;
CREATE DOMAIN dd AS d;
CREATE TABLE t (x d, y dd, z d[]);
CREATE INDEX i ON t (x);
CREATE VIEW v AS SELECT x FROM t WHERE x::text = 'a';
INSERT INTO t VALUES ('a', 'b', '{a}');
-- to:
CREATE TYPE e AS ENUM ('b', 'a');
CREATE DOMAIN d AS e;
CREATE DOMAIN dd AS d;
CREATE TABLE t (x d, y dd, z d[]);
CREATE INDEX i ON t (x);
CREATE VIEW v AS SELECT x FROM t WHERE x::text = 'a';

-- pair: swap_enum_becomes_domain_over_an_enum
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (x e DEFAULT 'a');
INSERT INTO t VALUES ('a');
-- to:
CREATE TYPE f AS ENUM ('a', 'b');
CREATE DOMAIN e AS f DEFAULT 'b';
CREATE TABLE t (x e DEFAULT 'a');

-- pair: swap_enum_and_domain_of_its_array
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE DOMAIN d AS e[];
CREATE TABLE t (x d, y e);
INSERT INTO t VALUES ('{a}', 'b');
-- to:
CREATE TYPE d AS ENUM ('a', 'b');
CREATE DOMAIN e AS d[];
CREATE TABLE t (x e, y d);

-- pair: swap_enum_and_composite_with_it
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TYPE c AS (x e, y integer);
CREATE TABLE t (v c, w e);
INSERT INTO t VALUES (('a', 1), 'b');
-- to:
CREATE TYPE c AS ENUM ('a', 'b');
CREATE TYPE e AS (y integer, x c);
CREATE TABLE t (v e, w c);

-- pair: swap_enum_goes_below_a_domain_of_its_name
-- from:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (x e, y e[]);
CREATE FUNCTION f(e) RETURNS e LANGUAGE sql AS 'SELECT $1';
INSERT INTO t VALUES ('a', '{a}');
-- to:
CREATE TYPE e_enum AS ENUM ('a', 'b');
CREATE DOMAIN e AS e_enum CHECK (VALUE <> 'b');
CREATE TABLE t (x e, y e[]);
CREATE FUNCTION f(e) RETURNS e LANGUAGE sql AS 'SELECT $1';
