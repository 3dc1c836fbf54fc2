-- Versions of migrations: the next one, in whatever style, that nobody else gets.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(50);

CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', f.code, f.message) FROM pg_temp.failure(statement) AS f
$$;
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$
    DELETE FROM confiture.version_reservation
$$;
SELECT is(pg_get_function_arguments('confiture.reserve_version'::regproc),
    'agent text, name text DEFAULT NULL::text, known text[] DEFAULT ''{}''::text[], intent text DEFAULT NULL::text', 'arguments');

-- The style of the known ones --------------------------------------------------------

CREATE FUNCTION pg_temp.next(known text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    chosen text;
BEGIN
    chosen := confiture.reserve_version('ana', known => known);
    PERFORM pg_temp.clear();
    RETURN chosen;
END
$$;
SELECT is(pg_temp.next(known), expected, known::text) FROM (VALUES
    ('{001,002}'::text[], '003'),
    ('{002,001}', '003'),
    ('{1,2}', '3'),
    ('{9}', '10'),
    ('{009}', '010'),
    ('{999}', '1000'),
    ('{0001,02}', '03'),
    ('{001,NULL}', '002'),
    ('{001,abc,1.5,-7,""}', '002'),
    ('{99991231235959}', '99991231235960'),
    ('{99999999999999}', '100000000000000'),
    ('{123456789012345678901234567890}', '123456789012345678901234567891'),
    ('{20300101000000}', '20300101000001')) AS k (known, expected);
SELECT matches(pg_temp.next(known), '^20\d{12}$', format('a time: %s', coalesce(known::text, 'NULL')))
FROM (VALUES ('{}'::text[]), (NULL), ('{NULL}'), ('{first,second}'), ('{20200101000000}'), ('{00000000000001}')) AS k (known);
SELECT ok(to_timestamp(v, 'YYYYMMDDHH24MISS') BETWEEN (now() AT TIME ZONE 'UTC' - interval '1 minute')::timestamptz
    AND (clock_timestamp() AT TIME ZONE 'UTC' + interval '1 minute')::timestamptz, 'that of now in UTC')
FROM pg_temp.next('{}') AS v;

-- Nobody else gets it -------------------------------------------------------------------

SELECT is(confiture.reserve_version('ana', 'first', '{001}'), '002', 'the next one');
SELECT is(confiture.reserve_version('ben', 'other', '{001}'), '003', 'the next one for another agent');
SELECT is(confiture.reserve_version('ana', NULL, '{001,002,005}'), '006', 'files that the database does not know');
SELECT results_eq('SELECT version, agent, name, intent, reserved_by FROM confiture.version_reservation ORDER BY version',
    $$VALUES ('002', 'ana', 'first', NULL, session_user::name), ('003', 'ben', 'other', NULL, session_user), ('006', 'ana', NULL, NULL, session_user)$$, 'are reserved');
SELECT confiture.register_migration('010', 'registered', 'SELECT 1') \g /dev/null
SELECT is(confiture.reserve_version('ana', known => '{001}'), '011', 'after the registered ones');
SELECT is(confiture.reserve_version('ana'), '012', 'whose style counts too');
SELECT confiture.migrate_up() \g /dev/null
SELECT confiture.unregister_migration('010') \g /dev/null
SELECT pg_temp.clear() \g /dev/null
SELECT is(confiture.reserve_version('ana', known => '{001}'), '011', 'after the applied ones');
-- A reservation in another style says nothing.
SELECT pg_temp.clear() \g /dev/null
SELECT matches(confiture.reserve_version('ana', known => '{20200101000000}'), '^20\d{12}$', 'dated');
SELECT is(confiture.reserve_version('ana', known => '{010}'), '011', 'numbered, although a dated one is reserved');
SELECT cmp_ok(confiture.reserve_version('ana', known => '{20200101000000}')::bigint, '>', 20200101000000, 'dated, although a numbered one is reserved');
SELECT is((SELECT count(DISTINCT confiture.reserve_version('a' || n, known => '{20200101000000}')) FROM generate_series(1, 20) AS n), 20::bigint, 'twenty in a second');

-- With an intent -----------------------------------------------------------------------------

SELECT pg_temp.clear() \g /dev/null
SELECT confiture.intent_register('cy', 'f', '{t}') ->> 'id' AS old \gset
SELECT confiture.intent_register('cy', 'f', '{u}') ->> 'id' AS new \gset
SELECT confiture.reserve_version('cy', 'a', '{020}') AS v \gset
SELECT results_eq('SELECT intent, expires_at FROM confiture.version_reservation', format('VALUES (%L, NULL::timestamptz)', :'new'), 'for the newest intent of the agent, and as long as that');
SELECT is((SELECT detail FROM confiture.intent_history(:'new') WHERE event = 'version_reserved'), '{"version": "021", "name": "a"}', 'which its history says');
SELECT is(confiture.reserve_version('ben', 'b', '{020}', :'old'), '022', 'for a given one');
SELECT confiture.intent_abandon(:'old') \g /dev/null
SELECT is((SELECT array_agg(version) FROM confiture.version_reservation), '{021}', 'an intent that is abandoned gives it back');
SELECT is(confiture.reserve_version('ben', known => '{020}'), '022', 'to the next one');
SELECT confiture.intent_complete(:'new'), confiture.intent_merge(:'new') \g /dev/null
SELECT is((SELECT count(*) FROM confiture.version_reservation WHERE version = '021'), 1::bigint, 'one that is merged does not');
SELECT confiture.intent_archive('0') \g /dev/null
SELECT is((SELECT count(*) FROM confiture.version_reservation WHERE version = '021'), 0::bigint, 'but goes with it into the archive');
SELECT confiture.intent_register('dan', 'f', '{v}') ->> 'id' AS brief \gset
SELECT is(confiture.reserve_version('dan', known => '{030}'), '031', 'for one that expires soon');
UPDATE confiture.intent SET expires_at = clock_timestamp() WHERE id = :'brief';
SELECT is(confiture.reserve_version('eve', known => '{030}'), '031', 'is free again when it has');
SET LOCAL confiture.intent_expiry = '1s';
SELECT pg_temp.clear() \g /dev/null
SELECT confiture.reserve_version('fay', known => '{040}') AS v \gset
SELECT is(round(extract(epoch FROM expires_at - reserved_at)), 1::numeric, 'without an intent it ends as the setting says') FROM confiture.version_reservation;
UPDATE confiture.version_reservation SET expires_at = clock_timestamp();
SELECT is(confiture.reserve_version('gus', known => '{040}'), '041', 'and is free again');
SET LOCAL confiture.agent = 'robot';
SELECT confiture.reserve_version(NULL, known => '{050}') \g /dev/null
SELECT is((SELECT agent FROM confiture.version_reservation WHERE version = '051'), 'robot', 'the agent of the session');
RESET confiture.agent;
SELECT confiture.reserve_version(NULL, known => '{060}') \g /dev/null
SELECT is((SELECT agent FROM confiture.version_reservation WHERE version = '061'), session_user::text, 'or its role');

-- Bad input --------------------------------------------------------------------------------------

SELECT confiture.intent_register('hal', 'f', '{w}') ->> 'id' AS ended \gset
SELECT confiture.intent_abandon(:'ended') \g /dev/null
SELECT is(pg_temp.refused(format('SELECT confiture.reserve_version(%s)', arguments)), error, arguments) FROM (VALUES
    ('''''', '22023 agent of an intent is not valid: '''''),
    ('E''a\nb''', E'22023 agent of an intent is not valid: ''a\nb'''),
    ('''a'', intent => ''int_x''', 'CF015 there is no intent ''int_x'''),
    ('''a'', intent => ''''', 'CF015 there is no intent '''''),
    (format('''a'', intent => %L', :'ended'), format('CF014 intent %s has ended: no version can be reserved for it', :'ended'))) AS x (arguments, error);

SELECT * FROM finish();
ROLLBACK;
