-- Names with quotes, dots, unicode, 63 bytes, keywords.

-- pair: names_odd
-- from:
CREATE SCHEMA "S.""x""";
CREATE TABLE "S.""x"""."T.t" ("C.c" integer PRIMARY KEY, "select" text);
INSERT INTO "S.""x"""."T.t" VALUES (1, 'a');
-- to:
CREATE SCHEMA "S.""x""";
CREATE TYPE "S.""x"""."E.e" AS ENUM ('a"b', 'c''d');
CREATE TABLE "S.""x"""."T.t" ("C.c" bigint PRIMARY KEY, "select" text NOT NULL, "E" "S.""x"""."E.e" DEFAULT 'c''d', CONSTRAINT "k k" CHECK ("C.c" > 0));
CREATE INDEX "I.i" ON "S.""x"""."T.t" ("select", lower("select"));
CREATE VIEW "S.""x"""."V v" AS SELECT "C.c" AS "A ""a""" FROM "S.""x"""."T.t";
CREATE FUNCTION "S.""x"""."F f"("A" "S.""x"""."E.e") RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE POLICY "P p" ON "S.""x"""."T.t" USING ("select" = 'x');
COMMENT ON COLUMN "S.""x"""."T.t"."select" IS 'c';
GRANT SELECT ("select") ON "S.""x"""."T.t" TO "pair ""Quoted""";
GRANT EXECUTE ON FUNCTION "S.""x"""."F f"("S.""x"""."E.e") TO "pair ""Quoted""";
ALTER TABLE "S.""x"""."T.t" OWNER TO "pair ""Quoted""";

-- pair: names_unicode
-- from:
CREATE TABLE "tâblé" ("ünï" integer, "日本語" text);
-- to:
CREATE TABLE "tâblé" ("ünï" bigint, "日本語" text DEFAULT '日本', "🙂" integer);
CREATE INDEX "îndex" ON "tâblé" ("日本語");
COMMENT ON TABLE "tâblé" IS 'Ünïcödé 🙂';

-- pair: names_of_63_bytes
-- from:
CREATE TABLE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb integer);
-- to:
CREATE TABLE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb bigint NOT NULL UNIQUE);
CREATE INDEX ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc ON aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb);

-- pair: names_of_63_bytes_not_null_and_indexes_online
-- from:
CREATE TABLE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb integer, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbc integer);
CREATE INDEX ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc ON aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb);
-- to:
CREATE TABLE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb integer NOT NULL, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbc integer NOT NULL);
CREATE INDEX ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc ON aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbc);

-- pair: names_keywords
-- from:
CREATE TABLE "table" ("select" integer, "user" text);
CREATE TYPE "type" AS ENUM ('a');
-- to:
CREATE TYPE "type" AS ENUM ('a', 'b');
CREATE TABLE "table" ("select" bigint, "user" text, "primary" "type");
-- expect: statement "primary"

-- pair: names_same_in_many_kinds
-- from:
CREATE TABLE x (x integer CONSTRAINT x CHECK (x > 0));
CREATE FUNCTION x() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER x BEFORE INSERT ON x FOR EACH ROW EXECUTE FUNCTION x();
CREATE POLICY x ON x USING (x > 1);
CREATE RULE x AS ON DELETE TO x DO INSTEAD NOTHING;
CREATE SCHEMA x;
CREATE PUBLICATION x;
-- to:
CREATE TABLE x (x bigint CONSTRAINT x CHECK (x > 0));
CREATE FUNCTION x() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER x AFTER INSERT ON x FOR EACH ROW EXECUTE FUNCTION x();
CREATE POLICY x ON x USING (x > 2);
CREATE RULE x AS ON DELETE TO x DO INSTEAD NOTHING;
CREATE SCHEMA x;
CREATE PUBLICATION x FOR TABLE x;

-- pair: names_like_those_of_the_system
-- from:
CREATE TABLE "pg_class" (a integer);
CREATE FUNCTION lower(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TABLE public.text (a integer);
-- to:
CREATE TABLE "pg_class" (a bigint);
CREATE FUNCTION lower(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE TABLE public.text (a integer, b integer);
CREATE VIEW v AS SELECT public.lower(1) AS l, a FROM public."pg_class";
