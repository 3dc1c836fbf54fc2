-- A schema with every kind of object that a snapshot knows. Included by the
-- tests of snapshots, and dumped and restored by tests/client/test_snapshot.py.
-- Needs the roles zoo_owner, zoo_reader and "zoo ""Writer""".
CREATE SCHEMA zoo AUTHORIZATION zoo_owner;
CREATE SCHEMA "Zoo.""ü""";
COMMENT ON SCHEMA zoo IS 'All of them';
CREATE EXTENSION citext SCHEMA zoo;
CREATE EXTENSION file_fdw;

-- Types
CREATE TYPE zoo.mood AS ENUM ('sad', 'ok', 'it''s "happy"');
ALTER TYPE zoo.mood ADD VALUE 'meh' BEFORE 'ok';
CREATE TYPE zoo.empty_enum AS ENUM ();
CREATE TYPE zoo.pair AS (left_side integer, "Right" text COLLATE "C");
ALTER TYPE zoo.pair ADD ATTRIBUTE third zoo.mood;
CREATE DOMAIN zoo.email AS text COLLATE "C" DEFAULT 'a@b' NOT NULL
    CONSTRAINT has_at CHECK (VALUE LIKE '%@%');
ALTER DOMAIN zoo.email ADD CONSTRAINT is_short CHECK (length(VALUE) < 100) NOT VALID;
CREATE DOMAIN zoo.positive AS numeric(10, 2) CHECK (VALUE > 0);
CREATE FUNCTION zoo.float_difference(double precision, double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 - $2';
CREATE TYPE zoo.float_range AS RANGE (
    subtype = double precision, subtype_diff = zoo.float_difference, multirange_type_name = zoo.float_ranges);
CREATE TYPE zoo.shell;
CREATE FUNCTION zoo.base_in(cstring) RETURNS zoo.shell LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION zoo.base_out(zoo.shell) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE zoo.shell (
    INPUT = zoo.base_in, OUTPUT = zoo.base_out, LIKE = integer, CATEGORY = 'N', DEFAULT = '7', DELIMITER = ';');
CREATE TYPE zoo.only_a_shell;
COMMENT ON TYPE zoo.mood IS 'How it is';
COMMENT ON TYPE zoo.pair IS 'Two and one';
COMMENT ON COLUMN zoo.pair."Right" IS 'The other';
COMMENT ON DOMAIN zoo.email IS 'An address';
COMMENT ON CONSTRAINT has_at ON DOMAIN zoo.email IS 'At least that';
GRANT USAGE ON TYPE zoo.mood TO zoo_reader;
REVOKE USAGE ON TYPE zoo.pair FROM PUBLIC;
ALTER TYPE zoo.mood OWNER TO zoo_owner;
CREATE COLLATION zoo.german (provider = icu, locale = 'de-u-co-phonebk', deterministic = false);
CREATE COLLATION zoo.bytes (lc_collate = 'C', lc_ctype = 'C');
COMMENT ON COLLATION zoo.bytes IS 'As they are';
CREATE CONVERSION zoo.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE CAST (zoo.mood AS integer) WITH INOUT AS ASSIGNMENT;
CREATE FUNCTION zoo.mood_of(text) RETURNS zoo.mood LANGUAGE sql IMMUTABLE AS 'SELECT NULL::zoo.mood';
CREATE CAST (text AS zoo.mood) WITH FUNCTION zoo.mood_of(text) AS IMPLICIT;
CREATE CAST (zoo.shell AS integer) WITHOUT FUNCTION;
COMMENT ON CAST (text AS zoo.mood) IS 'By name';

-- Functions
CREATE FUNCTION zoo.add(a integer, b integer DEFAULT 1, VARIADIC more integer[] DEFAULT '{}')
    RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 7 SET search_path = zoo, pg_temp AS 'SELECT a + b';
CREATE FUNCTION zoo.add(text) RETURNS text LANGUAGE sql RETURN $1 || 'x';
CREATE FUNCTION zoo.rows(OUT one integer, OUT two zoo.pair) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER LEAKPROOF ROWS 5 AS $$ BEGIN RETURN NEXT; END $$;
CREATE PROCEDURE zoo.run(INOUT n integer) LANGUAGE plpgsql AS $$ BEGIN n := n + 1; END $$;
CREATE FUNCTION zoo.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE FUNCTION zoo.ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION zoo.nth() RETURNS bigint LANGUAGE internal IMMUTABLE WINDOW AS 'window_row_number';
CREATE AGGREGATE zoo.total(integer) (
    SFUNC = int4pl, STYPE = integer, INITCOND = '0', COMBINEFUNC = int4pl, PARALLEL = SAFE,
    MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = integer, MINITCOND = '0', SSPACE = 8);
CREATE FUNCTION zoo.last_of(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $2';
CREATE AGGREGATE zoo.greatest_of(integer) (SFUNC = zoo.last_of, STYPE = integer, SORTOP = >);
CREATE AGGREGATE zoo.middle(double precision ORDER BY double precision) (
    SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_cont_float8_final);
COMMENT ON FUNCTION zoo.add(text) IS 'Adds an x';
COMMENT ON PROCEDURE zoo.run(integer) IS 'Runs';
COMMENT ON AGGREGATE zoo.total(integer) IS 'All';
REVOKE EXECUTE ON FUNCTION zoo.add(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION zoo.add(text) TO zoo_reader WITH GRANT OPTION;
GRANT EXECUTE ON PROCEDURE zoo.run(integer) TO "zoo ""Writer""";
ALTER FUNCTION zoo.touch() OWNER TO zoo_owner;
CREATE FUNCTION zoo.equal(zoo.shell, zoo.shell) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION zoo.less(zoo.shell, zoo.shell) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE FUNCTION zoo.compare(zoo.shell, zoo.shell) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE FUNCTION zoo.hash(zoo.shell) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'hashint4';
CREATE OPERATOR zoo.=== (
    FUNCTION = zoo.equal, LEFTARG = zoo.shell, RIGHTARG = zoo.shell, COMMUTATOR = OPERATOR(zoo.===),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR zoo.<<< (FUNCTION = zoo.less, LEFTARG = zoo.shell, RIGHTARG = zoo.shell);
CREATE OPERATOR zoo.!!! (FUNCTION = zoo.add, RIGHTARG = text);
COMMENT ON OPERATOR zoo.=== (zoo.shell, zoo.shell) IS 'The same';
CREATE OPERATOR FAMILY zoo.shell_family USING btree;
CREATE OPERATOR CLASS zoo.shell_class DEFAULT FOR TYPE zoo.shell USING btree FAMILY zoo.shell_family AS
    OPERATOR 1 zoo.<<<, OPERATOR 3 zoo.===, FUNCTION 1 zoo.compare(zoo.shell, zoo.shell);
CREATE OPERATOR CLASS zoo.shell_hash FOR TYPE zoo.shell USING hash AS
    OPERATOR 1 zoo.===, FUNCTION 1 zoo.hash(zoo.shell);
ALTER OPERATOR FAMILY zoo.shell_family USING btree ADD OPERATOR 1 < (bigint, integer);
COMMENT ON OPERATOR CLASS zoo.shell_class USING btree IS 'In order';
CREATE FUNCTION zoo.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE TRUSTED LANGUAGE zoo_language HANDLER zoo.handler;
GRANT USAGE ON LANGUAGE zoo_language TO zoo_reader;
CREATE ACCESS METHOD zoo_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE FUNCTION zoo.mood_from(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'boolin';
CREATE TRANSFORM FOR zoo.mood LANGUAGE plpgsql (FROM SQL WITH FUNCTION zoo.mood_from(internal));

-- Tables
CREATE SEQUENCE zoo.numbers AS smallint INCREMENT BY 5 MINVALUE -10 START WITH 5 CACHE 3 CYCLE;
CREATE UNLOGGED SEQUENCE zoo.unlogged_numbers;
CREATE TABLE zoo.animal (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 100 INCREMENT BY 10),
    dropped text,
    code varchar(20) COLLATE "C" NOT NULL,
    kind varchar(10) DEFAULT 'cat' CHECK (kind IN ('cat', 'dog')),
    number integer DEFAULT nextval('zoo.numbers'),
    old_number serial,
    mood zoo.mood DEFAULT 'ok',
    email zoo.email,
    "from" zoo.pair,
    period tstzrange,
    weight numeric(8, 3),
    double_weight numeric GENERATED ALWAYS AS (weight * 2) STORED,
    data text COMPRESSION pglz,
    tags text[] DEFAULT '{}',
    since timestamptz DEFAULT '2020-01-01 00:00:00+00',
    every interval DEFAULT '1 day 02:00:00',
    name zoo.citext,
    CONSTRAINT animal_pkey PRIMARY KEY (id) INCLUDE (code) WITH (fillfactor = 80),
    CONSTRAINT animal_code UNIQUE NULLS NOT DISTINCT (code) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT no_overlap EXCLUDE USING gist (period WITH &&) WHERE (id > 0),
    CONSTRAINT light CHECK (weight < 1000) NO INHERIT
) WITH (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_enabled = off);
ALTER TABLE zoo.animal DROP COLUMN dropped;
ALTER TABLE zoo.animal ALTER COLUMN data SET STORAGE external, ALTER COLUMN code SET STATISTICS 500,
    ALTER COLUMN code SET (n_distinct = -0.5, n_distinct_inherited = -0.5);
ALTER TABLE zoo.animal ADD CONSTRAINT heavy CHECK (weight > 0) NOT VALID;
ALTER TABLE zoo.animal OWNER TO zoo_owner;
ALTER TABLE zoo.animal REPLICA IDENTITY FULL;
ALTER SEQUENCE zoo.numbers OWNER TO zoo_owner;
ALTER SEQUENCE zoo.numbers OWNED BY zoo.animal.number;
COMMENT ON TABLE zoo.animal IS 'It''s an animal';
COMMENT ON COLUMN zoo.animal."from" IS 'Ünïcödé';
COMMENT ON CONSTRAINT light ON zoo.animal IS 'Not heavy';
COMMENT ON INDEX zoo.animal_pkey IS 'The index of a constraint';
COMMENT ON SEQUENCE zoo.numbers IS 'Numbers';
GRANT SELECT, INSERT ON zoo.animal TO zoo_reader;
GRANT UPDATE (code, mood) ON zoo.animal TO zoo_reader WITH GRANT OPTION;
GRANT SELECT ON zoo.animal TO PUBLIC;
GRANT USAGE ON SEQUENCE zoo.numbers TO zoo_reader;
CREATE INDEX animal_lower ON zoo.animal (lower(code) text_pattern_ops DESC NULLS LAST, (weight + 1))
    INCLUDE (kind) WITH (fillfactor = 60) WHERE kind = 'cat';
ALTER INDEX zoo.animal_lower ALTER COLUMN 2 SET STATISTICS 50;
CREATE UNIQUE INDEX animal_number ON zoo.animal (number);
CREATE INDEX animal_since ON zoo.animal USING brin (since) WITH (pages_per_range = 8);
COMMENT ON INDEX zoo.animal_lower IS 'For cats';
CREATE STATISTICS zoo.animal_statistics (ndistinct, mcv) ON kind, mood FROM zoo.animal;
ALTER STATISTICS zoo.animal_statistics SET STATISTICS 77;
CREATE STATISTICS zoo.animal_expression ON (weight * 2) FROM zoo.animal;
COMMENT ON STATISTICS zoo.animal_statistics IS 'Both';
CREATE TRIGGER touch BEFORE UPDATE OF code ON zoo.animal
    FOR EACH ROW WHEN (old.code IS DISTINCT FROM new.code) EXECUTE FUNCTION zoo.touch('a', 'b''c');
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON zoo.animal DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION zoo.touch();
CREATE TRIGGER each_statement AFTER INSERT ON zoo.animal REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION zoo.touch();
ALTER TABLE zoo.animal DISABLE TRIGGER touch, ENABLE ALWAYS TRIGGER later;
COMMENT ON TRIGGER touch ON zoo.animal IS 'Touched';
CREATE RULE no_delete AS ON DELETE TO zoo.animal WHERE old.id = 1 DO INSTEAD NOTHING;
ALTER TABLE zoo.animal DISABLE RULE no_delete;
COMMENT ON RULE no_delete ON zoo.animal IS 'Never';
ALTER TABLE zoo.animal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON zoo.animal AS RESTRICTIVE FOR UPDATE TO zoo_reader, "zoo ""Writer"""
    USING (mood = 'ok') WITH CHECK (mood <> 'sad');
CREATE POLICY all_of_them ON zoo.animal USING (true);
COMMENT ON POLICY own ON zoo.animal IS 'Own';
CREATE TABLE zoo.visit (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    animal_id bigint REFERENCES zoo.animal ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE,
    parent_id uuid,
    note text
);
ALTER TABLE zoo.visit ADD CONSTRAINT visit_parent FOREIGN KEY (parent_id) REFERENCES zoo.visit
    ON DELETE CASCADE NOT VALID;
CREATE UNIQUE INDEX visit_note ON zoo.visit (note, id);
ALTER TABLE zoo.visit REPLICA IDENTITY USING INDEX visit_pkey;
CLUSTER zoo.visit USING visit_pkey;
CREATE UNLOGGED TABLE zoo.unlogged (a integer);
CREATE TABLE zoo.typed OF zoo.pair (PRIMARY KEY (left_side), "Right" WITH OPTIONS DEFAULT 'x');
CREATE TABLE zoo.other_method (a integer) USING zoo_heap;
CREATE TABLE zoo.no_column ();
-- Inheritance and partitions
CREATE TABLE zoo.parent_a (a integer DEFAULT 1 CHECK (a > 0), b text);
CREATE TABLE zoo.parent_b (b text, c integer);
CREATE TABLE zoo.child (b text, d integer) INHERITS (zoo.parent_a, zoo.parent_b);
ALTER TABLE zoo.child ALTER COLUMN a SET DEFAULT 2;
CREATE TABLE zoo.event (
    id bigint, at timestamptz NOT NULL, animal_id bigint REFERENCES zoo.animal, kind text
) PARTITION BY RANGE (at, lower(kind));
CREATE TABLE zoo.event_2020 PARTITION OF zoo.event
    FOR VALUES FROM ('2020-01-01', MINVALUE) TO ('2021-01-01', MINVALUE) PARTITION BY LIST (kind);
CREATE TABLE zoo.event_2020_a PARTITION OF zoo.event_2020 FOR VALUES IN ('a', NULL);
CREATE TABLE zoo.event_rest PARTITION OF zoo.event DEFAULT;
CREATE INDEX event_kind ON zoo.event (kind);
CREATE TRIGGER event_touch BEFORE INSERT ON zoo.event FOR EACH ROW EXECUTE FUNCTION zoo.touch();
ALTER TABLE zoo.event_rest DISABLE TRIGGER event_touch;
CREATE TABLE zoo.hashed (id integer PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE zoo.hashed_0 PARTITION OF zoo.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE zoo.hashed_1 PARTITION OF zoo.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE zoo.to_hashed (id integer REFERENCES zoo.hashed) PARTITION BY LIST (id);
CREATE TABLE zoo.to_hashed_1 PARTITION OF zoo.to_hashed FOR VALUES IN (1);
CREATE INDEX hashed_only ON ONLY zoo.hashed (id);
-- Views
CREATE VIEW zoo.cat WITH (security_invoker = true, security_barrier = true) AS
    SELECT id, code AS "Code", mood FROM zoo.animal WHERE kind = 'cat' WITH LOCAL CHECK OPTION;
ALTER VIEW zoo.cat ALTER COLUMN mood SET DEFAULT 'sad';
COMMENT ON VIEW zoo.cat IS 'Cats';
COMMENT ON COLUMN zoo.cat."Code" IS 'Its code';
GRANT SELECT ON zoo.cat TO zoo_reader;
CREATE VIEW zoo.cat_of_cat AS SELECT c.*, zoo.add(1, 2) AS three FROM zoo.cat AS c;
CREATE RULE into_cat AS ON INSERT TO zoo.cat_of_cat DO INSTEAD NOTHING;
CREATE TRIGGER instead INSTEAD OF UPDATE ON zoo.cat FOR EACH ROW EXECUTE FUNCTION zoo.touch();
CREATE RECURSIVE VIEW zoo.chain (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM chain WHERE n < 3;
CREATE MATERIALIZED VIEW zoo.moods WITH (fillfactor = 50) AS
    SELECT mood, count(*) AS animals FROM zoo.animal GROUP BY mood WITH NO DATA;
CREATE UNIQUE INDEX moods_mood ON zoo.moods (mood);
COMMENT ON MATERIALIZED VIEW zoo.moods IS 'Counted';
-- Names
CREATE TABLE "Zoo.""ü"""."Tab.le ""x""" ("Col.""umn" integer CONSTRAINT "check ""it""" CHECK ("Col.""umn" > 0),
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa integer, "select" text);
CREATE INDEX ON "Zoo.""ü"""."Tab.le ""x""" (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa);
GRANT SELECT ("Col.""umn") ON "Zoo.""ü"""."Tab.le ""x""" TO "zoo ""Writer""";
-- Text search
CREATE TEXT SEARCH PARSER zoo.parser (
    START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE zoo.template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY zoo.dictionary (TEMPLATE = zoo.template, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION zoo.configuration (PARSER = zoo.parser);
ALTER TEXT SEARCH CONFIGURATION zoo.configuration ADD MAPPING FOR asciiword, word WITH zoo.dictionary, simple;
COMMENT ON TEXT SEARCH CONFIGURATION zoo.configuration IS 'Words';
-- Foreign data
CREATE FOREIGN DATA WRAPPER zoo_wrapper OPTIONS (debug 'true');
CREATE SERVER zoo_files TYPE 'file' VERSION '1' FOREIGN DATA WRAPPER file_fdw;
CREATE SERVER zoo_server FOREIGN DATA WRAPPER zoo_wrapper OPTIONS (host 'a', port '1');
CREATE USER MAPPING FOR zoo_reader SERVER zoo_server OPTIONS (password 'zoo secret');
CREATE USER MAPPING FOR PUBLIC SERVER zoo_server;
CREATE FOREIGN TABLE zoo.file (line text OPTIONS (force_not_null 'true')) SERVER zoo_files
    OPTIONS (filename '/dev/null', format 'csv');
GRANT USAGE ON FOREIGN SERVER zoo_server TO zoo_reader;
GRANT USAGE ON FOREIGN DATA WRAPPER zoo_wrapper TO zoo_reader;
COMMENT ON SERVER zoo_server IS 'Somewhere';
-- Publications, event triggers, default privileges
SET client_min_messages = error;
CREATE PUBLICATION zoo_some FOR TABLE zoo.visit (id, note) WHERE (note IS NOT NULL), zoo.parent_a
    WITH (publish = 'insert, update', publish_via_partition_root = true);
CREATE PUBLICATION zoo_all FOR ALL TABLES;
CREATE PUBLICATION zoo_schema FOR TABLES IN SCHEMA zoo;
COMMENT ON PUBLICATION zoo_all IS 'All';
SET client_min_messages = error;
CREATE SUBSCRIPTION zoo_subscription CONNECTION 'host=nowhere password=''zoo secret''' PUBLICATION b, a
    WITH (connect = false, slot_name = NONE, enabled = false, create_slot = false);
RESET client_min_messages;
CREATE EVENT TRIGGER zoo_ddl ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE') EXECUTE FUNCTION zoo.ddl();
ALTER EVENT TRIGGER zoo_ddl DISABLE;
COMMENT ON EVENT TRIGGER zoo_ddl IS 'Asleep';
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner IN SCHEMA zoo GRANT SELECT, INSERT ON TABLES TO zoo_reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner IN SCHEMA zoo GRANT USAGE ON SEQUENCES TO PUBLIC;
-- What came with an extension and was changed
GRANT SELECT ON pg_catalog.pg_authid TO zoo_reader;
REVOKE EXECUTE ON FUNCTION zoo.citext_hash(zoo.citext) FROM PUBLIC;
