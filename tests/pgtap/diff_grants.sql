-- Owners, privileges, comments, foreign data, publications and subscriptions in confiture.diff().
-- That the statements do what they should is proven by tests/pairs.

BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
\ir lib/failure.psql

SELECT plan(32);

CREATE ROLE g_one; CREATE ROLE g_two; CREATE ROLE g_three;
GRANT g_one, g_two, g_three TO CURRENT_USER;
CREATE SCHEMA s;
GRANT USAGE ON SCHEMA s TO g_one, g_two, g_three;
-- What a script changes: the plan from before to after.
CREATE FUNCTION pg_temp.plan(script text, options jsonb DEFAULT '{}')
RETURNS TABLE (statement text, change text, hazards text[], kind text, object text)
LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := confiture.snapshot();
    after jsonb;
BEGIN
    BEGIN
        EXECUTE script;
        after := confiture.snapshot();
        RAISE EXCEPTION USING ERRCODE = 'ZZ001';
    EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
    END;
    RETURN QUERY SELECT d.statement, d.change, d.hazards, d.kind, d.object
        FROM confiture.diff(before, after, jsonb_build_object('owner', current_user) || options) AS d;
END
$$;
CREATE TABLE s.t (a integer, b integer);
GRANT SELECT ON s.t TO g_one;
CREATE FUNCTION s.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';

-- Grants -----------------------------------------------------------------------

SELECT results_eq($$ SELECT * FROM pg_temp.plan('GRANT INSERT ON s.t TO g_one WITH GRANT OPTION') $$,
    $$ VALUES ('GRANT INSERT ON TABLE s.t TO g_one WITH GRANT OPTION', 'grant', ARRAY['access: g_one gets, and may give, INSERT on table s.t'],
        'grant', 'grant on table s.t to g_one') $$, 'only what is missing is granted');
SELECT results_eq($$ SELECT * FROM pg_temp.plan('REVOKE SELECT ON s.t FROM g_one') $$,
    $$ VALUES ('REVOKE SELECT ON TABLE s.t FROM g_one', 'revoke', ARRAY['access: g_one loses SELECT on table s.t'], 'grant', 'grant on table s.t to g_one') $$,
    'and revoked what is too much');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('REVOKE SELECT ON s.t FROM g_one; GRANT SELECT (a, b) ON s.t TO g_one; GRANT UPDATE (b) ON s.t TO PUBLIC') $$,
    $$ VALUES ('REVOKE SELECT ON TABLE s.t FROM g_one'), ('GRANT SELECT (a, b) ON TABLE s.t TO g_one'), ('GRANT UPDATE (b) ON TABLE s.t TO PUBLIC') $$,
    'columns after their table');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('REVOKE EXECUTE ON FUNCTION s.f(integer) FROM PUBLIC') $$,
    $$ VALUES ('REVOKE EXECUTE ON FUNCTION s.f(integer) FROM PUBLIC') $$, 'what everybody has is revoked');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('REVOKE DELETE ON s.t FROM CURRENT_USER') $$,
    $$ SELECT format('REVOKE DELETE ON TABLE s.t FROM %I', current_user) COLLATE "default" $$, 'or what the owner has');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('GRANT SELECT ON s.t TO g_two WITH GRANT OPTION; SET ROLE g_two; GRANT SELECT ON s.t TO g_three; RESET ROLE') $$,
    $$ VALUES ('GRANT SELECT ON TABLE s.t TO g_two WITH GRANT OPTION'), ('SET ROLE g_two'), ('GRANT SELECT ON TABLE s.t TO g_three'), ('RESET ROLE') $$,
    'what another role has granted');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('GRANT SELECT ON pg_catalog.pg_authid TO g_one') $$,
    $$ VALUES ('GRANT SELECT ON TABLE pg_catalog.pg_authid TO g_one') $$, 'on what is of the system');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('REVOKE USAGE ON TYPE pg_catalog.int4 FROM PUBLIC') $$,
    $$ VALUES ('REVOKE USAGE ON TYPE pg_catalog.int4 FROM PUBLIC') $$, 'types by their names');
SELECT is_empty($$ SELECT * FROM pg_temp.plan('GRANT INSERT ON s.t TO g_two', '{"ignore": ["grant on %"]}') $$, 'what is ignored');

-- Owners -------------------------------------------------------------------------

SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.t OWNER TO g_two') $$,
    $$ VALUES ('ALTER TABLE s.t OWNER TO g_two') $$, 'what was granted stays with another owner');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.t OWNER TO g_one; REVOKE ALL ON s.t FROM g_one; GRANT ALL ON s.t TO g_one') $$,
    $$ VALUES ('ALTER TABLE s.t OWNER TO g_one') $$, 'a grant to the new owner is none any more');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.t OWNER TO g_two; GRANT INSERT ON s.t TO g_three') $$,
    $$ VALUES ('ALTER TABLE s.t OWNER TO g_two'), ('GRANT INSERT ON TABLE s.t TO g_three') $$, 'the owner comes before');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('CREATE SCHEMA x AUTHORIZATION g_one; CREATE SCHEMA y') $$,
    $$ VALUES ('CREATE SCHEMA x'), ('CREATE SCHEMA y'), ('ALTER SCHEMA x OWNER TO g_one') $$, 'the owner that is not declared is not said');
ALTER TABLE s.t OWNER TO g_two;
SELECT is_empty($$ SELECT * FROM pg_temp.plan('ALTER TABLE s.t OWNER TO CURRENT_USER') $$, 'nor is it on what is there');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER TABLE s.t OWNER TO CURRENT_USER; ALTER TABLE s.t ADD c serial') $$,
    $$ VALUES ('CREATE SEQUENCE s.t_c_seq AS integer'), ('ALTER TABLE s.t ADD COLUMN c integer DEFAULT nextval(''s.t_c_seq''::regclass) '
            || CASE WHEN current_setting('server_version_num')::integer >= 180000 THEN 'CONSTRAINT t_c_not_null ' ELSE '' END || 'NOT NULL'),
        ('ALTER SEQUENCE s.t_c_seq OWNER TO g_two'), ('ALTER SEQUENCE s.t_c_seq OWNED BY s.t.c') $$, 'a sequence has that of its table');

-- Default privileges ----------------------------------------------------------------

SELECT results_eq($$ SELECT statement FROM pg_temp.plan('CREATE TABLE s.n (a integer); ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO g_one') $$,
    $$ SELECT unnest(ARRAY[E'CREATE TABLE s.n (\n    a integer\n)',
        format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA s GRANT SELECT ON TABLES TO g_one', current_user) COLLATE "default"]) $$, 'they come last');
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO g_one;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('CREATE TABLE s.n (a integer)') $$,
    $$ VALUES (E'CREATE TABLE s.n (\n    a integer\n)') $$, 'what they give is not said');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('CREATE TABLE s.n (a integer); REVOKE SELECT ON s.n FROM g_one') $$,
    $$ VALUES (E'CREATE TABLE s.n (\n    a integer\n)'), ('REVOKE SELECT ON TABLE s.n FROM g_one') $$, 'but what they give too much');
SELECT is((SELECT array_agg(statement) FROM pg_temp.plan('CREATE FUNCTION s.n() RETURNS integer LANGUAGE sql AS ''SELECT 1''; GRANT EXECUTE ON FUNCTION s.n() TO PUBLIC')
    WHERE change <> 'create'), ARRAY['GRANT EXECUTE ON FUNCTION s.n() TO PUBLIC'], 'and too little');
SELECT is((SELECT array_agg(statement) FROM confiture.diff(confiture.snapshot(),
        jsonb_set(confiture.snapshot(), '{facts}', (confiture.snapshot() -> 'facts') || '{"schema z": {"kind": "schema", "schema": "z", "payload": {}, "hash": "x"}, "table z.n": {"kind": "table", "schema": "z", "name": "n", "parent": "schema z", "payload": {"access_method": "heap"}, "hash": "x"}}'), jsonb_build_object('owner', current_user))
    WHERE statement ~ 'GRANT|REVOKE'), NULL, 'what has no owner in a snapshot belongs to who makes it');

-- Comments -----------------------------------------------------------------------

SELECT results_eq($$ SELECT statement FROM pg_temp.plan('COMMENT ON COLUMN s.t.a IS ''it''''s''; COMMENT ON FUNCTION s.f(integer) IS ''f''') $$,
    $$ VALUES ('COMMENT ON COLUMN s.t.a IS ''it''''s'''), ('COMMENT ON FUNCTION s.f(integer) IS ''f''') $$, 'of any kind');
COMMENT ON TABLE s.t IS 'x';
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('COMMENT ON TABLE s.t IS NULL') $$, $$ VALUES ('COMMENT ON TABLE s.t IS NULL') $$, 'taken away');
SELECT is_empty($$ SELECT * FROM pg_temp.plan('DROP TABLE s.t') WHERE statement ~ 'COMMENT' $$, 'with its object it goes');

-- Foreign data, publications, subscriptions ------------------------------------------

CREATE FOREIGN DATA WRAPPER g_wrapper;
CREATE SERVER g_server VERSION '1' FOREIGN DATA WRAPPER g_wrapper OPTIONS (a '1', b '2');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER SERVER g_server VERSION NULL OPTIONS (SET a ''3'', DROP b, ADD c ''4'')') $$,
    $$ VALUES ('ALTER SERVER g_server VERSION NULL OPTIONS (SET a ''3'', ADD c ''4'', DROP b)') $$, 'a server changes in place');
SELECT results_eq($$ SELECT statement, hazards FROM pg_temp.plan('CREATE USER MAPPING FOR PUBLIC SERVER g_server OPTIONS (password ''secret'')') $$,
    $$ VALUES ('CREATE USER MAPPING FOR PUBLIC SERVER g_server', ARRAY['not complete: the options of user mapping g_server.public, such as its password, are in no snapshot']) $$,
    'a user mapping comes without its secrets');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('CREATE PUBLICATION p FOR TABLE s.t (a) WHERE (a > 0) WITH (publish = ''insert'')') $$,
    $$ VALUES ('CREATE PUBLICATION p WITH (publish = ''insert'')'), ('ALTER PUBLICATION p ADD TABLE s.t (a) WHERE ((a > 0))') $$, 'a publication');
CREATE PUBLICATION p FOR TABLE s.t;
SELECT set_eq($$ SELECT statement FROM pg_temp.plan('ALTER PUBLICATION p SET TABLE s.t (b); ALTER PUBLICATION p SET (publish = ''delete'')') $$,
    $$ VALUES ('ALTER PUBLICATION p SET (publish = ''delete'')'), ('ALTER PUBLICATION p DROP TABLE s.t'), ('ALTER PUBLICATION p ADD TABLE s.t (b)') $$, 'that changes');
SELECT is_empty($$ SELECT * FROM pg_temp.plan('DROP TABLE s.t') WHERE statement ~ 'PUBLICATION' $$, 'a table that goes leaves it');
SELECT results_eq($$ SELECT statement, hazards[1] LIKE 'not complete: the connection of%' FROM pg_temp.plan('CREATE SUBSCRIPTION n CONNECTION ''dbname=secret'' PUBLICATION x WITH (connect = false, slot_name = NONE)') $$,
    $$ VALUES ('CREATE SUBSCRIPTION n CONNECTION '''' PUBLICATION x WITH (connect = false, slot_name = NONE)', true) $$, 'a subscription comes without its connection');
CREATE SUBSCRIPTION n CONNECTION 'dbname=secret' PUBLICATION x WITH (connect = false, slot_name = 'a');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER SUBSCRIPTION n SET PUBLICATION y WITH (refresh = false); ALTER SUBSCRIPTION n SET (binary = true)') $$,
    $$ VALUES ('ALTER SUBSCRIPTION n SET PUBLICATION y WITH (refresh = false)'), ('ALTER SUBSCRIPTION n SET (binary = ''true'')') $$, 'and changes without a publisher');
SELECT results_eq($$ SELECT statement FROM pg_temp.plan('ALTER SUBSCRIPTION n SET (slot_name = NONE); DROP SUBSCRIPTION n') $$,
    $$ VALUES ('ALTER SUBSCRIPTION n SET (slot_name = NONE)'), ('DROP SUBSCRIPTION n') $$, 'and goes without one');
ALTER SUBSCRIPTION n SET (slot_name = NONE);
SELECT is((SELECT string_agg(statement, '; ') FROM pg_temp.plan('DROP SUBSCRIPTION n')), 'DROP SUBSCRIPTION n', 'or without a slot');

SELECT * FROM finish();
ROLLBACK;
