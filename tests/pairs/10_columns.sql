-- Columns: added, dropped, every attribute changed.

-- pair: column_added
-- expect: no hazard
-- expect back: hazard data loss
-- base:
CREATE TABLE t (id integer PRIMARY KEY);
INSERT INTO t VALUES (1), (2);
-- from:
-- to:
ALTER TABLE t ADD COLUMN note text;

-- pair: columns_added_many
-- base:
CREATE TABLE t (id integer PRIMARY KEY);
INSERT INTO t VALUES (1), (2);
-- from:
-- to:
ALTER TABLE t ADD COLUMN a text, ADD COLUMN b integer DEFAULT 7, ADD COLUMN c timestamptz DEFAULT now(),
    ADD COLUMN d numeric(10, 2) NOT NULL DEFAULT 0, ADD COLUMN e text[] DEFAULT '{}', ADD COLUMN f jsonb;

-- pair: column_added_in_the_middle
-- columns: reordered
-- from:
CREATE TABLE t (id integer PRIMARY KEY, z text);
INSERT INTO t VALUES (1, 'z');
-- to:
CREATE TABLE t (id integer PRIMARY KEY, middle text, z text);

-- pair: columns_in_another_order
-- expect: empty
-- expect back: empty
-- columns: reordered
-- from:
CREATE TABLE t (a integer, b text);
INSERT INTO t VALUES (1, 'z');
-- to:
CREATE TABLE t (b text, a integer);

-- pair: column_added_not_null_with_volatile_default
-- expect: hazard rewrite
-- base:
CREATE TABLE t (id integer PRIMARY KEY);
INSERT INTO t VALUES (1), (2);
-- from:
-- to:
ALTER TABLE t ADD COLUMN key uuid NOT NULL DEFAULT gen_random_uuid();

-- pair: column_added_not_null_without_default
-- base:
CREATE TABLE t (id integer PRIMARY KEY);
-- from:
-- to:
ALTER TABLE t ADD COLUMN n integer NOT NULL;

-- pair: column_dropped_before_others
-- columns: reordered
-- from:
CREATE TABLE t (gone text, id integer PRIMARY KEY);
INSERT INTO t VALUES ('x', 1);
-- to:
CREATE TABLE t (id integer PRIMARY KEY);

-- pair: column_dropped_with_what_hangs_on_it
-- expect: hazard data loss
-- from:
CREATE TABLE t (id integer PRIMARY KEY, code text DEFAULT 'x' CHECK (code <> ''), n integer);
CREATE INDEX t_code ON t (code);
CREATE INDEX t_part ON t (n) WHERE code = 'a';
CREATE STATISTICS t_stat ON code, n FROM t;
COMMENT ON COLUMN t.code IS 'Goes';
GRANT SELECT (code) ON t TO pair_reader;
INSERT INTO t VALUES (1, 'a', 2);
-- to:
CREATE TABLE t (id integer PRIMARY KEY, n integer);
-- columns: reordered

-- pair: column_type_widened
-- from:
CREATE TABLE t (id integer PRIMARY KEY, n integer, s varchar(10));
INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b');
-- to:
CREATE TABLE t (id integer PRIMARY KEY, n bigint, s varchar(20));

-- pair: column_varchar_widened_is_cheap
-- expect: no hazard rewrite
-- from:
CREATE TABLE t (id integer PRIMARY KEY, s varchar(10));
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TABLE t (id integer PRIMARY KEY, s varchar(20));

-- pair: column_varchar_to_text
-- expect: no hazard rewrite
-- from:
CREATE TABLE t (s varchar(10) NOT NULL DEFAULT 'x');
INSERT INTO t VALUES ('a');
-- to:
CREATE TABLE t (s text NOT NULL DEFAULT 'x');

-- pair: column_varchar_without_limit
-- from:
CREATE TABLE t (s varchar(10));
INSERT INTO t VALUES ('a');
-- to:
CREATE TABLE t (s varchar);

-- pair: column_numeric_precision
-- from:
CREATE TABLE t (n numeric(8, 2), m numeric);
INSERT INTO t VALUES (1.25, 7);
-- to:
CREATE TABLE t (n numeric(12, 2), m numeric(20, 5));

-- pair: column_type_without_assignment_cast
-- expect: statement USING
-- expect: hazard rewrite
-- from:
CREATE TABLE t (id integer PRIMARY KEY, n text);
INSERT INTO t VALUES (1, '12');
-- to:
CREATE TABLE t (id integer PRIMARY KEY, n integer);

-- pair: column_type_with_default
-- from:
CREATE TABLE t (id integer PRIMARY KEY, n text DEFAULT '12');
INSERT INTO t VALUES (1, '12');
-- to:
CREATE TABLE t (id integer PRIMARY KEY, n integer DEFAULT 12);

-- pair: column_type_under_an_index_and_a_check
-- from:
CREATE TABLE t (id integer PRIMARY KEY, n integer CHECK (n > 0), m integer UNIQUE);
CREATE INDEX t_n ON t (n);
CREATE INDEX t_expression ON t ((n + m));
INSERT INTO t VALUES (1, 1, 1);
-- to:
CREATE TABLE t (id integer PRIMARY KEY, n bigint CHECK (n > 0), m bigint UNIQUE);
CREATE INDEX t_n ON t (n);
CREATE INDEX t_expression ON t ((n + m));

-- pair: column_type_of_both_ends_of_a_foreign_key
-- from:
CREATE TABLE a (id integer PRIMARY KEY);
CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a ON DELETE CASCADE);
INSERT INTO a VALUES (1);
INSERT INTO b VALUES (1, 1);
-- to:
CREATE TABLE a (id bigint PRIMARY KEY);
CREATE TABLE b (id integer PRIMARY KEY, a_id bigint REFERENCES a ON DELETE CASCADE);

-- pair: column_type_to_array
-- from:
CREATE TABLE t (id integer, tags text[]);
INSERT INTO t VALUES (1, '{a}');
-- to:
CREATE TABLE t (id integer, tags varchar(20)[]);

-- pair: column_timestamp_to_timestamptz
-- from:
CREATE TABLE t (at timestamp, d date, tm time(3));
INSERT INTO t VALUES ('2020-01-01', '2020-01-01', '10:00');
-- to:
CREATE TABLE t (at timestamptz, d timestamptz, tm time(6));

-- pair: column_collation
-- from:
CREATE TABLE t (id integer, name text, other varchar(5) COLLATE "C");
CREATE INDEX t_name ON t (name);
INSERT INTO t VALUES (1, 'a', 'b');
-- to:
CREATE TABLE t (id integer, name text COLLATE "C", other varchar(5) COLLATE "POSIX");
CREATE INDEX t_name ON t (name);

-- pair: column_collation_of_its_own
-- base:
CREATE COLLATION bytes (lc_collate = 'C', lc_ctype = 'C');
-- from:
CREATE TABLE t (name text COLLATE bytes);
-- to:
CREATE TABLE t (name text);

-- pair: column_default_set
-- expect: no hazard
-- base:
CREATE TABLE t (id integer PRIMARY KEY, n integer, s text, at timestamptz);
INSERT INTO t VALUES (1);
-- from:
-- to:
ALTER TABLE t ALTER COLUMN n SET DEFAULT 1 + 1, ALTER COLUMN s SET DEFAULT 'it''s', ALTER COLUMN at SET DEFAULT now();

-- pair: column_default_changed
-- from:
CREATE TABLE t (n integer DEFAULT 1, s text DEFAULT 'a', d date DEFAULT current_date);
-- to:
CREATE TABLE t (n integer DEFAULT 2, s text DEFAULT lower('B'), d date DEFAULT (current_date + 1));

-- pair: column_default_null
-- from:
CREATE TABLE t (n integer, s text DEFAULT NULL::text);
-- to:
CREATE TABLE t (n integer DEFAULT NULL, s text);

-- pair: column_default_by_a_function
-- from:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TABLE t (n integer DEFAULT f());
-- to:
CREATE TABLE t (n integer DEFAULT 1);

-- pair: column_default_by_another_function
-- from:
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TABLE t (n integer DEFAULT f());
-- to:
CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TABLE t (n integer DEFAULT g());

-- pair: column_not_null_online
-- expect: statement NOT VALID
-- expect: statement VALIDATE CONSTRAINT
-- expect: statement SET NOT NULL [before 18]
-- expect back: statement DROP NOT NULL [before 18]
-- base:
CREATE TABLE t (id integer PRIMARY KEY, n integer, m text);
INSERT INTO t VALUES (1, 1, 'x');
-- from:
-- to:
ALTER TABLE t ALTER COLUMN n SET NOT NULL, ALTER COLUMN m SET NOT NULL;

-- pair: column_not_null_plain
-- options: {"online": false}
-- expect: no statement NOT VALID
-- expect: statement SET NOT NULL [before 18]
-- base:
CREATE TABLE t (id integer PRIMARY KEY, n integer);
INSERT INTO t VALUES (1, 1);
-- from:
-- to:
ALTER TABLE t ALTER COLUMN n SET NOT NULL;

-- pair: column_not_null_with_default
-- base:
CREATE TABLE t (id integer PRIMARY KEY, n integer);
INSERT INTO t VALUES (1, 1);
-- from:
-- to:
ALTER TABLE t ALTER COLUMN n SET DEFAULT 0, ALTER COLUMN n SET NOT NULL;

-- pair: column_generated_added
-- expect: hazard rewrite
-- base:
CREATE TABLE t (id integer PRIMARY KEY, n integer);
INSERT INTO t VALUES (1, 1);
-- from:
-- to:
ALTER TABLE t ADD COLUMN twice integer GENERATED ALWAYS AS (n * 2) STORED;

-- pair: column_generated_dropped_expression
-- expect: statement DROP EXPRESSION
-- expect: kept column public.t.twice
-- expect back: remade column public.t.twice
-- columns: reordered
-- base:
CREATE TABLE t (id integer PRIMARY KEY, n integer, twice integer GENERATED ALWAYS AS (n * 2) STORED, z text);
INSERT INTO t VALUES (1, 1);
-- from:
-- to:
ALTER TABLE t ALTER COLUMN twice DROP EXPRESSION;

-- pair: column_generated_changed
-- expect: remade column public.t.twice [before 17]
-- expect back: remade column public.t.twice [before 17]
-- expect: kept column public.t.twice [from 17]
-- columns: reordered
-- from:
CREATE TABLE t (n integer, twice integer GENERATED ALWAYS AS (n * 2) STORED, z text);
CREATE INDEX t_twice ON t (twice);
COMMENT ON COLUMN t.twice IS 'Comes back';
GRANT SELECT (twice) ON t TO pair_reader;
INSERT INTO t VALUES (1);
-- to:
CREATE TABLE t (n integer, twice integer GENERATED ALWAYS AS (n * 3) STORED, z text);
CREATE INDEX t_twice ON t (twice);
COMMENT ON COLUMN t.twice IS 'Comes back';
GRANT SELECT (twice) ON t TO pair_reader;

-- pair: column_generated_type_of_what_it_reads
-- expect: remade column public.t.twice
-- expect back: remade column public.t.twice
-- columns: reordered
-- from:
CREATE TABLE t (n integer, twice bigint GENERATED ALWAYS AS (n * 2) STORED, z text);
INSERT INTO t VALUES (1);
-- to:
CREATE TABLE t (n bigint, twice bigint GENERATED ALWAYS AS (n * 2) STORED, z text);

-- pair: column_generated_type
-- columns: reordered
-- from:
CREATE TABLE t (n integer, twice integer GENERATED ALWAYS AS (n * 2) STORED);
INSERT INTO t VALUES (1);
-- to:
CREATE TABLE t (n integer, twice bigint GENERATED ALWAYS AS (n * 2) STORED);
-- expect: kept column public.t.twice

-- pair: column_generated_reads_a_dropped_one
-- expect: remade column public.t.sums [before 17]
-- expect back: remade column public.t.sums [before 17]
-- columns: reordered
-- from:
CREATE TABLE t (a integer, b integer, sums integer GENERATED ALWAYS AS (a + b) STORED);
INSERT INTO t VALUES (1, 2);
-- to:
CREATE TABLE t (a integer, sums integer GENERATED ALWAYS AS (a) STORED);

-- pair: column_generated_by_a_function
-- from:
CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TABLE t (a integer, g integer GENERATED ALWAYS AS (f(a)) STORED);
-- to:
CREATE TABLE t (a integer);

-- pair: column_storage
-- expect: no hazard rewrite
-- base:
CREATE TABLE t (id integer, a text, b text, c bytea, d numeric);
-- from:
ALTER TABLE t ALTER COLUMN b SET STORAGE external, ALTER COLUMN c SET STORAGE main, ALTER COLUMN d SET STORAGE plain;
-- to:
ALTER TABLE t ALTER COLUMN a SET STORAGE plain, ALTER COLUMN b SET STORAGE main, ALTER COLUMN d SET STORAGE extended;

-- pair: column_compression
-- base:
CREATE TABLE t (id integer, a text, b text, c text COMPRESSION pglz);
-- from:
ALTER TABLE t ALTER COLUMN a SET COMPRESSION pglz;
-- to:
ALTER TABLE t ALTER COLUMN a SET COMPRESSION lz4, ALTER COLUMN b SET COMPRESSION pglz, ALTER COLUMN c SET COMPRESSION default;

-- pair: column_statistics
-- base:
CREATE TABLE t (id integer, a text, b text, c text);
-- from:
ALTER TABLE t ALTER COLUMN a SET STATISTICS 100, ALTER COLUMN c SET STATISTICS 0;
-- to:
ALTER TABLE t ALTER COLUMN a SET STATISTICS 200, ALTER COLUMN b SET STATISTICS 0;

-- pair: column_options
-- base:
CREATE TABLE t (id integer, a text, b text, c text);
-- from:
ALTER TABLE t ALTER COLUMN a SET (n_distinct = 100), ALTER COLUMN c SET (n_distinct = -0.1, n_distinct_inherited = -0.2);
-- to:
ALTER TABLE t ALTER COLUMN a SET (n_distinct = 5), ALTER COLUMN b SET (n_distinct_inherited = 3), ALTER COLUMN c SET (n_distinct = -0.1);

-- pair: column_everything_at_once
-- from:
CREATE TABLE t (id integer PRIMARY KEY, a varchar(10) DEFAULT 'x');
INSERT INTO t VALUES (1, 'a');
-- to:
CREATE TABLE t (id bigint PRIMARY KEY, a varchar(30) COLLATE "C" DEFAULT 'y' NOT NULL);
ALTER TABLE t ALTER COLUMN a SET STORAGE external, ALTER COLUMN a SET STATISTICS 77, ALTER COLUMN a SET (n_distinct = 5),
    ALTER COLUMN a SET COMPRESSION lz4;
COMMENT ON COLUMN t.a IS 'All of it';
GRANT SELECT (a), UPDATE (a) ON t TO pair_reader;

-- pair: column_type_keeps_storage_and_statistics
-- from:
CREATE TABLE t (a varchar(10), b text);
ALTER TABLE t ALTER COLUMN a SET STORAGE external, ALTER COLUMN a SET STATISTICS 77, ALTER COLUMN a SET (n_distinct = 5),
    ALTER COLUMN b SET STORAGE main;
-- to:
CREATE TABLE t (a varchar(30), b varchar(40));
ALTER TABLE t ALTER COLUMN a SET STORAGE external, ALTER COLUMN a SET STATISTICS 77, ALTER COLUMN a SET (n_distinct = 5),
    ALTER COLUMN b SET STORAGE main;

-- pair: column_type_to_one_of_other_storage
-- from:
CREATE TABLE t (a integer, b text);
ALTER TABLE t ALTER COLUMN b SET STORAGE external;
INSERT INTO t VALUES (1, '1');
-- to:
CREATE TABLE t (a text, b integer);

-- pair: column_serial
-- base:
CREATE TABLE t (a text);
INSERT INTO t VALUES ('x');
-- from:
-- to:
ALTER TABLE t ADD COLUMN id serial;

-- pair: column_serial_to_bigserial
-- from:
CREATE TABLE t (id serial PRIMARY KEY, a text);
INSERT INTO t (a) VALUES ('x');
-- to:
CREATE TABLE t (id bigserial PRIMARY KEY, a text);

-- pair: column_integer_to_serial
-- from:
CREATE TABLE t (id integer PRIMARY KEY, a text);
INSERT INTO t VALUES (1, 'x');
-- to:
CREATE TABLE t (id serial PRIMARY KEY, a text);

-- pair: column_dropped_from_a_primary_key
-- from:
CREATE TABLE t (a integer, b integer, PRIMARY KEY (a, b));
-- to:
CREATE TABLE t (a integer PRIMARY KEY);

-- pair: column_all_but_none
-- from:
CREATE TABLE t ();
-- to:
CREATE TABLE t (a integer);

-- pair: column_none_is_left
-- columns: reordered
-- from:
CREATE TABLE t (a integer, b text);
INSERT INTO t VALUES (1, 'x');
-- to:
CREATE TABLE t (c integer, d text);

-- pair: column_of_a_row_type
-- from:
CREATE TABLE p (x integer, y integer);
CREATE TABLE t (a p, b p[]);
-- to:
CREATE TABLE p (x integer, y integer);
CREATE TABLE t (a p);

-- pair: column_of_a_row_type_that_grows
-- from:
CREATE TABLE p (x integer, y integer);
CREATE TABLE t (a p, b p[]);
-- to:
CREATE TABLE p (x integer, y integer, z integer);
CREATE TABLE t (a p, b p[]);

-- pair: column_bit_and_char_lengths
-- from:
CREATE TABLE t (a bit(4), b bit varying(8), c char(3), d interval, e timestamp(3));
-- to:
CREATE TABLE t (a bit(8), b bit varying(16), c char(5), d interval day to second(2), e timestamp(6));

-- pair: column_enum_to_text
-- base:
CREATE TYPE mood AS ENUM ('sad', 'ok');
-- from:
CREATE TABLE t (m mood DEFAULT 'ok' NOT NULL);
INSERT INTO t VALUES ('sad');
-- to:
CREATE TABLE t (m text DEFAULT 'ok' NOT NULL);

-- pair: column_default_whose_sequence_changes
-- from:
CREATE SEQUENCE one;
CREATE TABLE t (id bigint DEFAULT nextval('one'));
-- to:
CREATE SEQUENCE two;
CREATE TABLE t (id bigint DEFAULT nextval('two'));

-- pair: column_type_without_any_cast
-- expect: statement ::text::text[]
-- from:
CREATE TABLE t (a timestamptz, b boolean, c jsonb);
-- to:
CREATE TABLE t (a text[], b date, c uuid);
