-- With whose rights a transition to another server runs what is not its own: a superuser moves on what a role has
-- made, whose tables belong to another role. Each would like to be somebody else.
\ir lib/loopback.psql
SELECT plan(38);
DROP ROLE IF EXISTS far_maker, far_owner, far_other;
CREATE ROLE far_owner LOGIN;
CREATE ROLE far_maker LOGIN IN ROLE far_owner;
CREATE ROLE far_other LOGIN;

-- On both servers: spies that tell by sequences where they ran, and where as somebody else than was to be.
SELECT $_$
    CREATE SCHEMA mine AUTHORIZATION far_owner;
    GRANT USAGE ON SCHEMA mine TO PUBLIC;
    SET SESSION AUTHORIZATION far_owner;
    CREATE FUNCTION mine.note(place text, expected name) RETURNS void LANGUAGE plpgsql AS $f$
    BEGIN
        PERFORM nextval('mine.ran_' || place);
        BEGIN
            PERFORM set_config('role', 'none', false);
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END;
        IF current_user <> expected THEN
            PERFORM nextval('mine.caught_' || place);
        END IF;
    END $f$;
    CREATE FUNCTION mine.spy(x bigint, place text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $f$
    BEGIN
        PERFORM mine.note(place, 'far_owner');
        RETURN x;
    END $f$;
    CREATE FUNCTION mine.act() RETURNS trigger LANGUAGE plpgsql AS $f$
    BEGIN
        PERFORM mine.note(TG_ARGV[0], TG_ARGV[1]);
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END $f$;
    CREATE FUNCTION mine.watched() RETURNS text LANGUAGE plpgsql AS $f$
    DECLARE
        place text;
        ran boolean;
        caught boolean;
        said text := '';
    BEGIN
        FOR place IN SELECT substr(c.relname, 5) FROM pg_class AS c WHERE c.relnamespace = 'mine'::regnamespace AND c.relname LIKE 'ran\_%' ORDER BY 1 LOOP
            EXECUTE format('SELECT r.is_called, c.is_called FROM mine.%I AS r, mine.%I AS c', 'ran_' || place, 'caught_' || place) INTO ran, caught;
            said := concat_ws(' ', nullif(said, ''), CASE WHEN caught THEN '[' || place || ']' WHEN ran AND place <> 'constant' THEN place END);
            PERFORM setval('mine.ran_' || place, 1, false), setval('mine.caught_' || place, 1, false);
        END LOOP;
        RETURN said;
    END $f$;
    DO $d$
    BEGIN
        EXECUTE (SELECT string_agg(format('CREATE SEQUENCE mine.%s_%s', k, p), '; ') FROM unnest('{ran,caught}'::text[]) AS k,
            unnest('{map,back,check,index,constant,door,command,log,truncate}'::text[]) AS p);
        GRANT ALL ON ALL SEQUENCES IN SCHEMA mine TO PUBLIC;
    END $d$;
    RESET SESSION AUTHORIZATION;
$_$ AS spies \gset
:spies
SELECT there('CREATE EXTENSION confiture');
SELECT there(:'spies');
CREATE FUNCTION watched_there() RETURNS text LANGUAGE sql AS $$
    SELECT r FROM dblink(current_setting('test.there'), 'SELECT mine.watched()') AS d (r text)
$$;
SELECT confiture.grant_usage(r, 'migrator') FROM unnest('{far_maker,far_other}'::name[]) AS r;
SELECT there($$DO $d$BEGIN PERFORM confiture.grant_usage(r, 'migrator') FROM unnest('{far_maker,far_other}'::name[]) AS r; END$d$; $$);
GRANT CREATE ON DATABASE :here TO far_maker;
SELECT there($$DO $d$BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO far_maker', current_database()); END$d$; $$);
GRANT USAGE ON FOREIGN SERVER target TO far_maker;
-- None for the superuser who runs the steps.
CREATE USER MAPPING FOR far_maker SERVER target OPTIONS (user 'far_maker', password_required 'false');
CREATE USER MAPPING FOR far_owner SERVER target OPTIONS (user 'far_owner', password_required 'false');
CREATE SCHEMA a AUTHORIZATION far_owner;
CREATE TABLE a.t (id bigint PRIMARY KEY, v bigint);
INSERT INTO a.t SELECT i, i FROM generate_series(1, 20) AS i;
ALTER TABLE a.t ADD CHECK (mine.spy(v, 'check') IS NOT NULL);
CREATE INDEX ON a.t (mine.spy(v, 'index'));
CREATE INDEX ON a.t (mine.spy(1, 'constant'));
ALTER TABLE a.t OWNER TO far_owner;
SELECT there($$
    CREATE SCHEMA b AUTHORIZATION far_owner;
    CREATE TABLE b.t (id bigint PRIMARY KEY, v bigint CHECK (mine.spy(v, 'check') IS NOT NULL));
    CREATE INDEX ON b.t (mine.spy(v, 'index'));
    CREATE TRIGGER act BEFORE TRUNCATE ON b.t FOR EACH STATEMENT EXECUTE FUNCTION mine.act('truncate', 'far_owner');
    ALTER TABLE b.t OWNER TO far_owner;
$$);

SET SESSION AUTHORIZATION far_maker;
SELECT confiture.transition_create('t', 'a', 'b', '{"tables": {"t": {"columns": {"v": "mine.spy(v, ''map'')"},
    "back": {"v": "mine.spy(v, ''back'')"}}}}', 'target') AS id \gset
SELECT p.id AS pair FROM confiture.transition_table AS p WHERE p.transition = :id \gset
SELECT format('CREATE TRIGGER act BEFORE INSERT ON confiture_remote_%s.%s FOR EACH ROW EXECUTE FUNCTION mine.act(%L, %L)', :id, k.name || k.suffix, k.name, 'far_maker')
FROM (VALUES ('command', ''), ('door', '_' || :pair)) AS k (name, suffix) \gexec
RESET SESSION AUTHORIZATION;
SELECT is(length(mine.watched()) > 0, true, 'the spies work');
SELECT is(watched_there(), '', 'none there so far');
SELECT is((SELECT count(*) FROM confiture.transition_plan('t') WHERE estimate LIKE 'not measured:%'), 0::bigint, 'the plan is measured');
SELECT is(mine.watched(), 'command map', 'the plan');
SELECT is(watched_there(), 'check index', 'there');

SELECT is(confiture.transition_capture('t'), 'captured', 'captured');
SELECT is(mine.watched(), 'command', 'a trigger on what sends commands');
SELECT p.log::regclass::text AS log FROM confiture.transition_table AS p WHERE p.id = :pair \gset
SET SESSION AUTHORIZATION far_owner;
CREATE TRIGGER act BEFORE DELETE ON :log FOR EACH ROW EXECUTE FUNCTION mine.act('log', 'far_owner');
UPDATE a.t SET v = v + 1 WHERE id = 2;
RESET SESSION AUTHORIZATION;
SELECT length(mine.watched()) > 0 AS reset, length(watched_there()) > 0 AS reset_there \gset
SELECT is(confiture.transition_copy('t'), 20::bigint, 'copied');
SELECT is(mine.watched(), 'door map', 'the copy');
SELECT is(watched_there(), 'check', 'there');
SELECT confiture.transition_catch_up('t') > 0 AS caught_up \gset
SELECT is(mine.watched(), 'command door log map', 'catching up');
SELECT is(watched_there(), 'check index', 'there');
SELECT is(confiture.transition_mirror('t'), 'mirrored', 'mirrored');
SELECT is(mine.watched(), 'command', 'the mirror');
SELECT there('UPDATE b.t SET v = 100 WHERE false');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal');
SELECT is(mine.watched(), 'command map', 'the validation');
SELECT there($$ALTER TABLE b.t DISABLE TRIGGER confiture_transition; UPDATE b.t SET v = 100 WHERE id = 4; ALTER TABLE b.t ENABLE ALWAYS TRIGGER confiture_transition$$);
SELECT length(watched_there()) > 0 AS reset_there \gset
SELECT is(confiture.transition_repair('t'), 1::bigint, 'repaired');
SELECT is(mine.watched(), 'command door log map', 'the repair');
SELECT is(watched_there(), 'check index', 'there');
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal again');
SELECT length(mine.watched()) > 0 AS reset \gset
SELECT is(confiture.transition_cutover('t'), 'cut_over', 'cut over');
SELECT is(mine.watched(), 'command', 'the cutover');
SELECT there($$
    SET SESSION AUTHORIZATION far_owner;
    CREATE TRIGGER act BEFORE DELETE ON $$ || (SELECT format('confiture_remote_%s.log_%s', r.peer, m.peer) FROM confiture.transition_remote AS r,
        confiture.transition_remote_table AS m WHERE r.transition = :id AND m.pair = :pair)
    || $$ FOR EACH ROW EXECUTE FUNCTION mine.act('log', 'far_owner');
    UPDATE b.t SET v = 50 WHERE id = 5;
    CREATE INDEX constant ON b.t (mine.spy(1, 'constant'));
    RESET SESSION AUTHORIZATION;
$$);
SELECT length(watched_there()) > 0 AS reset_there \gset
SELECT is_empty($$SELECT * FROM confiture.transition_validate('t')$$, 'both sides are equal after the cutover');
SELECT is(mine.watched(), 'back check command index map', 'a validation that brings rows back');
SELECT is(watched_there(), 'log', 'there');
SELECT there('DROP INDEX b.constant; UPDATE b.t SET v = 50 WHERE id = 6; TRUNCATE b.t; INSERT INTO b.t SELECT i, i FROM generate_series(1, 10) AS i');
SELECT length(watched_there()) > 0 AS reset_there \gset
SELECT is(confiture.transition_rollback('t'), 'rolled_back', 'rolled back');
SELECT is(mine.watched(), 'back check command index', 'the way back');
SELECT is(watched_there(), 'log', 'there');
SELECT is((SELECT sum(v) FROM a.t), 55::numeric, 'nothing is lost');

-- A role of the target that has nothing to do with it knows the token, and gets nowhere.
SELECT r.token FROM confiture.transition_remote AS r WHERE r.transition = :id \gset
SELECT throws_ok(format($$SELECT there($q$SET SESSION AUTHORIZATION far_other; INSERT INTO confiture.remote_command (command, argument) VALUES (%L, %L)$q$)$$,
    c.command, jsonb_build_object('token', :'token') || c.argument), c.code, NULL, 'command ' || c.command || ' of another role')
FROM (VALUES ('mirror', '{}'::jsonb, 'CF030'), ('open', '{"sequences": []}', '42501'), ('fence', '{}', '42501'),
    ('take', '{"applied": 0, "open": true}', '42501'), ('digest', '{"half": 1, "columns": ["v"], "latest": false}', '42501'),
    ('abort', '{}', '42501')) AS c (command, argument, code);
SELECT length(mine.watched()) > 0 AS reset \gset
SELECT is(confiture.transition_abort('t'), 'aborted', 'aborted');
SELECT is(mine.watched(), 'command', 'the abort');
SELECT is(watched_there(), 'truncate', 'there');

SELECT * FROM finish();
DROP DATABASE :there WITH (FORCE);
DROP OWNED BY far_maker, far_owner, far_other CASCADE;
DROP ROLE far_maker, far_owner, far_other;
