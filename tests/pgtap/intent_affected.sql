-- What else a change reaches: foreign keys, views, functions, generated columns, partitions, types, ...
--
-- Here a claim is written: action kind name, as people see it.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
SELECT plan(91);

CREATE FUNCTION pg_temp.text_of(found jsonb) RETURNS text[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(concat_ws(' ', o ->> 'action', o ->> 'kind', o ->> 'display', '[' || (o ->> 'arguments') || ']')
        ORDER BY o ->> 'display', o ->> 'kind'), '{}')
    FROM jsonb_array_elements(found -> 'objects') AS o WHERE o ->> 'source' = 'affected'
$$;
-- What names and scripts reach besides what they name.
CREATE FUNCTION pg_temp.names(VARIADIC names text[]) RETURNS text[] LANGUAGE sql AS $$
    SELECT pg_temp.text_of(confiture.intent_check('a', objects => names))
$$;
CREATE FUNCTION pg_temp.script(script text) RETURNS text[] LANGUAGE sql AS $$
    SELECT pg_temp.text_of(confiture.intent_check('a', schema_changes => script))
$$;

CREATE SCHEMA app;
SET LOCAL search_path = app, public;
CREATE TABLE users (id integer PRIMARY KEY, email text UNIQUE, name text);
CREATE TABLE orders (id integer PRIMARY KEY, user_id integer CONSTRAINT orders_user REFERENCES users, email text REFERENCES users (email), note text);
CREATE TABLE lines (id integer, order_id integer REFERENCES orders);

-- Foreign keys, both ways ------------------------------------------------------

SELECT is(pg_temp.names('users.id'), ARRAY['affected table app.orders'],
    'a key that others refer to');
SELECT is(pg_temp.names('users.email'), ARRAY['affected table app.orders'],
    'one that is unique');
SELECT is(pg_temp.names('users.name'), '{}',
    'a column that nobody refers to');
SELECT is(pg_temp.names('orders.user_id'), ARRAY['affected table app.users'],
    'a column that refers to another table');
SELECT is(pg_temp.names('orders.note'), '{}',
    'one that does not');
SELECT is(pg_temp.names('users'), ARRAY['affected table app.orders'],
    'the whole table');
SELECT is(pg_temp.names('drop users'), ARRAY['affected table app.orders'],
    'that is dropped');
SELECT is(pg_temp.names('lines'), ARRAY['affected table app.orders'],
    'one that only refers');
SELECT is(pg_temp.names('orders.user_id', 'users.id'), '{}',
    'what is claimed anyhow is not affected');
SELECT is(pg_temp.names('users.id', 'read orders'), ARRAY['affected table app.orders'],
    'unless it is only read');
SELECT is(pg_temp.names('touch users', 'read orders', 'write lines', 'reference users.id'), '{}',
    'what changes no definition reaches nothing');
SELECT is(pg_temp.names('create column:users.age'), '{}',
    'a new column');
SELECT is(pg_temp.names('nothing', 'drop nothing.here', 'type:no.such', 'function:none()'), '{}',
    'what is not there');
SELECT is(pg_temp.script('ALTER TABLE users DROP COLUMN id CASCADE'), ARRAY['affected table app.orders'],
    'in a script');
SELECT is(pg_temp.script('ALTER TABLE users ALTER email TYPE varchar(80), ALTER name SET NOT NULL'), ARRAY['affected table app.orders'],
    'of several columns');
SELECT is(pg_temp.script('ALTER TABLE orders ADD FOREIGN KEY (note) REFERENCES users (name)'), '{}',
    'a new foreign key refers, it does not change');
SELECT is(pg_temp.script('ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE'), ARRAY['affected table app.orders', 'affected index app.users_pkey'],
    'a constraint on which a foreign key depends');

-- Views ---------------------------------------------------------------------------

CREATE VIEW v1 AS SELECT id, email FROM users;
CREATE VIEW v2 AS SELECT email FROM v1;
CREATE MATERIALIZED VIEW m3 AS SELECT count(*) AS n, max(email) FROM v2;
CREATE VIEW vo AS SELECT o.id, u.name FROM orders AS o JOIN users AS u ON u.id = o.user_id;
CREATE VIEW whole AS SELECT l FROM lines AS l;
SELECT is(pg_temp.names('users.email'), ARRAY['affected materialized view app.m3', 'affected table app.orders', 'affected view app.v1', 'affected view app.v2'],
    'views on views');
SELECT is(pg_temp.names('users.name'), ARRAY['affected view app.vo'],
    'of that column only');
SELECT is(pg_temp.names('users'), ARRAY['affected materialized view app.m3', 'affected table app.orders', 'affected view app.v1', 'affected view app.v2', 'affected view app.vo'],
    'all of them');
SELECT is(pg_temp.names('view:v1'), ARRAY['affected materialized view app.m3', 'affected view app.v2'],
    'a view');
SELECT is(pg_temp.names('v1.email'), ARRAY['affected materialized view app.m3', 'affected view app.v2'],
    'a column of a view');
SELECT is(pg_temp.script('DROP VIEW v1 CASCADE'), ARRAY['affected materialized view app.m3', 'affected view app.v2'],
    'with CASCADE what goes is only affected');
SELECT is(pg_temp.script('CREATE OR REPLACE VIEW v2 AS SELECT email FROM v1'), ARRAY['affected materialized view app.m3'],
    'a view that is replaced');
SELECT is(pg_temp.names('m3'), '{}',
    'the last one');
SELECT is(pg_temp.names('lines.id'), ARRAY['affected column app.whole.l'],
    'a view of whole rows');
SELECT is(pg_temp.names('lines'), ARRAY['affected table app.orders', 'affected view app.whole', 'affected column app.whole.l'],
    'which depends on the table as well');

-- Functions, generated columns, defaults, indexes -----------------------------------

CREATE FUNCTION f_atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(name) FROM users; END;
CREATE FUNCTION f_calls() RETURNS bigint LANGUAGE sql RETURN f_atomic();
CREATE FUNCTION f_string() RETURNS bigint LANGUAGE sql AS 'SELECT count(name) FROM app.users';
CREATE FUNCTION f_row(u users) RETURNS text LANGUAGE sql RETURN u.name;
CREATE PROCEDURE p_atomic() LANGUAGE sql BEGIN ATOMIC UPDATE users SET name = 'x'; END;
CREATE FUNCTION twice(i integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN i * 2;
CREATE FUNCTION longer(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN a + b;
CREATE AGGREGATE most(integer) (SFUNC = longer, STYPE = integer);
CREATE TABLE calc (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED, c integer DEFAULT twice(3), d integer, e integer CHECK (e > 0));
CREATE INDEX calc_twice ON calc (twice(d));
CREATE VIEW uses_twice AS SELECT twice(a) FROM calc;
CREATE VIEW uses_b AS SELECT b FROM calc;
SELECT is(pg_temp.names('users.name'), ARRAY['affected function app.f_atomic []', 'affected function app.f_calls []', 'affected function app.f_row [app.users]', 'affected procedure app.p_atomic []', 'affected view app.vo'],
    'bodies in SQL, and who calls them; not those in strings');
SELECT is(pg_temp.names('function:f_atomic()'), ARRAY['affected function app.f_calls []'],
    'a function that is called');
SELECT is(pg_temp.names('function:longer'), ARRAY['affected aggregate app.most [integer]'],
    'an aggregate on it');
SELECT is(pg_temp.names('function:twice(int)'), ARRAY['affected column app.calc.c', 'affected index app.calc_twice', 'affected view app.uses_twice'],
    'a default, an index, a view');
SELECT is(pg_temp.script('CREATE OR REPLACE FUNCTION twice(i integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN i + i'), ARRAY['affected column app.calc.c', 'affected index app.calc_twice', 'affected view app.uses_twice'],
    'one that is replaced');
SELECT is(pg_temp.names('calc.a'), ARRAY['affected column app.calc.b', 'affected view app.uses_b', 'affected view app.uses_twice'],
    'a generated column, and what depends on that');
SELECT is(pg_temp.names('calc.b'), ARRAY['affected view app.uses_b'],
    'which does not reach back');
SELECT is(pg_temp.names('calc.d'), ARRAY['affected index app.calc_twice'],
    'a column of an index');
SELECT is(pg_temp.names('calc.e'), ARRAY['affected constraint app.calc.calc_e_check'],
    'one with a check');
SELECT is(pg_temp.names('calc'), ARRAY['affected index app.calc_twice', 'affected view app.uses_b', 'affected view app.uses_twice'],
    'the columns of what is changed as a whole are its matter');
SELECT is(pg_temp.names('index:calc_twice'), '{}',
    'an index');
CREATE FUNCTION twice(t text) RETURNS text LANGUAGE sql IMMUTABLE RETURN t || t;
SELECT is(pg_temp.names('function:twice(text)'), '{}',
    'another overload, on which nothing depends');
CREATE TABLE checked (x integer CHECK (longer(x, 1) > 0));
CREATE DOMAIN checked_domain AS integer CHECK (longer(VALUE, 1) > 0);
SELECT ok(pg_temp.names('function:longer') @> '{affected constraint app.checked.checked_x_check}', 'the check of a table');
SELECT ok(pg_temp.names('function:longer') @> '{affected constraint app.checked_domain.checked_domain_check}', 'that of a domain');

-- Partitions and children -------------------------------------------------------------

CREATE TABLE part (k integer, v text) PARTITION BY LIST (k);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1) PARTITION BY LIST (v);
CREATE TABLE part11 PARTITION OF part1 DEFAULT;
CREATE TABLE child (extra integer) INHERITS (lines);
CREATE VIEW on_part1 AS SELECT v FROM part1;
SELECT is(pg_temp.names('drop part'), ARRAY['affected view app.on_part1', 'drop table app.part1', 'drop table app.part11'],
    'partitions go with their table, at all levels');
SELECT is(pg_temp.names('drop part1'), ARRAY['affected view app.on_part1', 'drop table app.part11'],
    'from one in the middle');
SELECT is(pg_temp.names('part'), ARRAY['affected view app.on_part1', 'affected table app.part1', 'affected table app.part11'],
    'one that is changed');
SELECT is(pg_temp.names('part.k'), ARRAY['affected view app.on_part1', 'affected table app.part1', 'affected table app.part11'],
    'or a column of it');
SELECT is(pg_temp.script('ALTER TABLE part ADD COLUMN z integer'), ARRAY['affected table app.part1', 'affected table app.part11'],
    'a new column is new in all of them');
SELECT is(pg_temp.names('part11'), '{}',
    'a partition does not reach its table');
SELECT is(pg_temp.script('ALTER TABLE part DETACH PARTITION part11'), ARRAY['affected view app.on_part1', 'affected table app.part1'],
    'a partition that leaves');
SELECT is(pg_temp.names('drop lines'), ARRAY['affected table app.child', 'affected table app.orders', 'affected view app.whole', 'affected column app.whole.l'],
    'children stay');
SELECT is(pg_temp.names('lines.id'), ARRAY['affected table app.child', 'affected column app.whole.l'],
    'with the columns of their parent');
SELECT is(pg_temp.names('child.extra', 'drop child'), '{}',
    'nothing is above');

-- Types ---------------------------------------------------------------------------------

CREATE TYPE mood AS ENUM ('good');
CREATE DOMAIN moody AS mood;
CREATE TYPE two AS (a integer, b integer);
CREATE TABLE moods (m mood, d moody, p two, x text);
CREATE FUNCTION how(m mood) RETURNS text LANGUAGE sql RETURN m::text;
CREATE VIEW feelings AS SELECT m FROM moods;
SELECT is(pg_temp.names('type:mood'), ARRAY['affected view app.feelings', 'affected column app.feelings.m', 'affected function app.how [app.mood]', 'affected column app.moods.d', 'affected column app.moods.m', 'affected domain app.moody'],
    'columns, domains, functions, and a view on them');
SELECT is(pg_temp.script('ALTER TYPE mood ADD VALUE ''bad'''), ARRAY['affected view app.feelings', 'affected column app.feelings.m', 'affected function app.how [app.mood]', 'affected column app.moods.d', 'affected column app.moods.m', 'affected domain app.moody'],
    'a new value');
SELECT is(pg_temp.names('domain:moody'), ARRAY['affected column app.moods.d'],
    'a domain');
SELECT is(pg_temp.names('type:two'), ARRAY['affected column app.moods.p'],
    'a composite type');
SELECT is(pg_temp.names('moods.m'), ARRAY['affected view app.feelings'],
    'not from the column to its type');
CREATE TYPE mixed AS (m mood);
CREATE TABLE many (ms mood[], x mixed, t orders);
SELECT ok(pg_temp.names('type:mood') @> '{affected column app.many.ms}', 'a column that is an array of it');
SELECT ok(pg_temp.names('type:mood') @> '{affected column app.many.x}', 'a column of a type that contains it');
SELECT ok(pg_temp.names('attribute:two.a') @> '{affected column app.moods.p}', 'an attribute of a type');
SELECT ok(pg_temp.names('orders') @> '{affected column app.many.t}', 'a column of the type of a table');

-- Policies, triggers, sequences -----------------------------------------------------------

CREATE TABLE guarded (id integer, owner text, note text);
CREATE FUNCTION may_see(who text) RETURNS boolean LANGUAGE sql RETURN who = current_user;
CREATE POLICY own ON guarded USING (may_see(owner));
CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER g AFTER UPDATE OF note ON guarded FOR EACH ROW WHEN (NEW.note IS NOT NULL) EXECUTE FUNCTION on_change();
CREATE INDEX guarded_some ON guarded (id) WHERE note IS NULL;
CREATE SEQUENCE seq;
ALTER TABLE guarded ALTER id SET DEFAULT nextval('seq');
CREATE TABLE numbered (id serial);
SELECT is(pg_temp.names('guarded.owner'), ARRAY['affected policy app.guarded.own'],
    'the policy that looks at a column');
SELECT is(pg_temp.names('function:may_see'), ARRAY['affected policy app.guarded.own'],
    'or calls a function');
SELECT is(pg_temp.names('guarded.note'), ARRAY['affected trigger app.guarded.g', 'affected index app.guarded_some'],
    'the trigger and the index that do');
SELECT is(pg_temp.names('function:on_change'), ARRAY['affected trigger app.guarded.g'],
    'the trigger of a function');
SELECT is(pg_temp.names('guarded'), ARRAY['affected index app.guarded_some'],
    'its own policies and triggers are its matter');
SELECT is(pg_temp.names('policy:guarded.own', 'trigger:guarded.g'), '{}',
    'from them nothing is reached');
SELECT is(pg_temp.names('sequence:seq'), ARRAY['affected column app.guarded.id', 'affected index app.guarded_some'],
    'a sequence');
SELECT is(pg_temp.names('numbered.id'), ARRAY['affected sequence app.numbered_id_seq'],
    'the sequence of a column');
SELECT is(pg_temp.names('drop schema:app'), '{}',
    'what is in a schema says so itself');
SELECT is(pg_temp.script('ALTER TABLE guarded RENAME TO guarded_2'), ARRAY['affected index app.guarded_some'],
    'a new name');
SELECT is(pg_temp.script('ALTER TABLE users RENAME name TO label'), ARRAY['affected function app.f_atomic []', 'affected function app.f_calls []', 'affected function app.f_row [app.users]', 'affected procedure app.p_atomic []', 'affected view app.vo'],
    'of a column');

-- What it is good for: conflicts with those who change what depends on it --------------------

CREATE FUNCTION pg_temp.told(held text, wanted text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    told jsonb;
BEGIN
    PERFORM confiture.intent_register('holder', 'f', schema_changes => held);
    told := confiture.intent_register('newcomer', 'f', schema_changes => wanted);
    PERFORM confiture.intent_abandon(i.id) FROM confiture.intent_list() AS i;
    RETURN (
        SELECT string_agg(concat_ws(' ', c ->> 'type', c ->> 'severity', c #>> '{objects,0,object}'), ', ' ORDER BY n)
        FROM jsonb_array_elements(told -> 'conflicts') WITH ORDINALITY AS e (c, n));
END
$$;
SELECT is(pg_temp.told(held, wanted), expected, format('%s; %s', held, wanted)) FROM (VALUES
    ('ALTER TABLE users ALTER id TYPE bigint', 'ALTER TABLE orders SET (fillfactor = 50)', 'dependency warning app.orders'),
    ('ALTER TABLE orders SET (fillfactor = 50)', 'ALTER TABLE users ALTER id TYPE bigint', 'dependency warning app.orders'),
    ('ALTER TABLE users ALTER id TYPE bigint', 'ALTER TABLE orders ALTER user_id TYPE bigint', 'dependency info app.orders'),
    ('ALTER TABLE users ALTER id TYPE bigint', 'ALTER TABLE orders ADD a integer', 'dependency info app.orders'),
    ('ALTER TABLE users ALTER id TYPE bigint', 'DROP TABLE orders', 'drop_use warning app.orders, dependency info app.users'),
    ('ALTER TABLE users ALTER id TYPE bigint', 'SELECT * FROM orders', NULL),
    ('ALTER TABLE users DROP email', 'CREATE OR REPLACE VIEW v2 AS SELECT email FROM v1', 'dependency warning app.v2'),
    ('DROP VIEW m3', 'ALTER TABLE users DROP email', 'drop_use warning app.m3'),
    ('ALTER TABLE users DROP name', 'DROP FUNCTION f_calls()', 'drop_use warning app.f_calls'),
    ('ALTER TABLE calc DROP a', 'ALTER TABLE calc DROP b', 'drop_use warning app.calc.b'),
    ('ALTER TYPE mood ADD VALUE ''bad''', 'ALTER TABLE moods ALTER m TYPE text', 'dependency warning app.moods.m'),
    ('ALTER TABLE guarded DROP owner CASCADE', 'ALTER POLICY own ON guarded USING (true)', 'dependency warning app.guarded.own'),
    -- that one column is reached does not say that only that one is read
    ('ALTER TYPE mood ADD VALUE ''bad''; SELECT FROM moods', 'ALTER TABLE moods ALTER x TYPE integer USING 1', 'dependency info app.moods.x'),
    -- a partition goes with its table
    ('DROP TABLE part', 'ALTER TABLE part1 ALTER k SET NOT NULL', 'drop_use error app.part1'),
    ('ALTER TABLE part1 ALTER k SET NOT NULL', 'DROP TABLE part', 'drop_use error app.part1'),
    ('ALTER TABLE part ADD z integer', 'ALTER TABLE part1 ALTER k SET NOT NULL', 'dependency info app.part1'),
    ('ALTER TABLE lines ADD z integer', 'ALTER TABLE child ADD z integer', 'dependency info app.child')) AS k (held, wanted, expected);

-- Whatever the names are.
CREATE SCHEMA "S.s";
CREATE TABLE "S.s"."T ""t" ("C:c" integer PRIMARY KEY);
CREATE TABLE "S.s"."Größe" (c integer REFERENCES "S.s"."T ""t");
SELECT is(pg_temp.names('"S.s"."T ""t"."C:c"'), ARRAY['affected table "S.s"."Größe"'],
    'quotes, dots and letters of any script');
-- However many there are.
SELECT is(jsonb_array_length(confiture.intent_check('a', objects => '{app.lines.id}') -> 'objects'), 5, 'few');
DO $$
BEGIN
    FOR i IN 1 .. 1010 LOOP
        EXECUTE format('CREATE FUNCTION app.of_lines_%s() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT max(order_id) FROM app.lines; END', i);
    END LOOP;
END
$$;
SELECT cmp_ok(cardinality(pg_temp.names('app.lines.order_id')), '>', 1010, 'or many');

SELECT * FROM finish();
ROLLBACK;
