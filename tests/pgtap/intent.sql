-- Registering and asking: what comes back, what is refused, what is queued; the shapes of JSON; bad input.
-- What the names in objects mean is in intent_names.sql, the rules are in intent_rules.sql.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(113);

CREATE FUNCTION pg_temp.keys(value jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(value) AS k
$$;
-- The error of a statement, as code and message.
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', f.code, f.message) FROM pg_temp.failure(statement) AS f
$$;
CREATE TABLE users (id integer, email text);

-- The shape is a contract -------------------------------------------------------------

SELECT is(pg_get_function_arguments('confiture.intent_register'::regproc),
    'agent text, feature text, objects text[] DEFAULT NULL::text[], tables text[] DEFAULT NULL::text[], '
    || 'schema_changes text DEFAULT NULL::text, branch text DEFAULT NULL::text, expires interval DEFAULT NULL::interval, '
    || 'on_conflict text DEFAULT ''warn''::text, metadata jsonb DEFAULT ''{}''::jsonb, description text DEFAULT NULL::text, '
    || 'estimated_duration interval DEFAULT NULL::interval, starts_at timestamp with time zone DEFAULT NULL::timestamp with time zone',
    'intent_register(): arguments');
SELECT is(regexp_replace(pg_get_function_arguments('confiture.intent_check'::regproc), '^agent text DEFAULT NULL::text, feature text DEFAULT NULL::text', 'agent text, feature text'),
    pg_get_function_arguments('confiture.intent_register'::regproc), 'intent_check(): the same');

SELECT confiture.intent_register('ana', 'emails', '{users.email}', '{orders}', 'ALTER TABLE users ADD verified boolean; DO ''BEGIN END''',
    'feature/emails', '2 days', 'warn', '{"ticket": "SHOP-1"}', 'Verified e-mails', '10 min', '2030-01-01 12:00Z') AS ana \gset
SELECT :'ana'::jsonb ->> 'id' AS a \gset
SELECT is(pg_temp.keys(:'ana'::jsonb), 'agent branch closed_at conflicts description estimated_duration expires_at feature id metadata objects queued '
    || 'registered_at registered_by schema_changes starts_at status unseen updated_at', 'the keys of an intent');
SELECT matches(:'a'::text, '^int_[0-9a-f]{12}$', 'its id');
SELECT is(:'ana'::jsonb - '{id,objects,unseen,registered_at,updated_at,expires_at,starts_at}'::text[], jsonb_build_object('agent', 'ana', 'feature', 'emails',
    'branch', 'feature/emails', 'description', 'Verified e-mails', 'status', 'registered', 'queued', false,
    'schema_changes', 'ALTER TABLE users ADD verified boolean; DO ''BEGIN END''', 'estimated_duration', '00:10:00', 'closed_at', NULL,
    'registered_by', session_user, 'metadata', '{"ticket": "SHOP-1"}'::jsonb, 'conflicts', '[]'::jsonb), 'what was given');
SELECT is((:'ana'::jsonb ->> 'starts_at')::timestamptz, '2030-01-01 12:00Z'::timestamptz, 'the start');
SELECT ok((:'ana'::jsonb ->> 'expires_at')::timestamptz - (:'ana'::jsonb ->> 'registered_at')::timestamptz BETWEEN '47:59:50' AND '48:00:10', 'the end');
SELECT is(:'ana'::jsonb -> 'unseen', '[{"ordinal": 2, "line": 1, "what": "DO block"}]', 'what can''t be seen');
SELECT is(:'ana'::jsonb -> 'objects', '[
    {"kind": "table", "schema": "public", "name": "users", "column": null, "arguments": null, "action": "touch", "source": "declared", "display": "public.users"},
    {"kind": "column", "schema": "public", "name": "users", "column": "verified", "arguments": null, "action": "create", "source": "parsed", "display": "public.users.verified"},
    {"kind": "column", "schema": "public", "name": "users", "column": "email", "arguments": null, "action": "alter", "source": "declared", "display": "public.users.email"},
    {"kind": "table", "schema": "public", "name": "orders", "column": null, "arguments": null, "action": "alter", "source": "declared", "display": "public.orders"},
    {"kind": "schema", "schema": null, "name": "public", "column": null, "arguments": null, "action": "reference", "source": "declared", "display": "public"}]',
    'the objects');
SELECT is(confiture.intent_get(:'a'), :'ana'::jsonb, 'intent_get() returns the same');
SELECT is(confiture.intent_register('bea', 'f', '{nothing}') - '{id,objects,registered_at,updated_at,expires_at}'::text[], jsonb_build_object(
    'agent', 'bea', 'feature', 'f', 'branch', NULL, 'description', NULL, 'status', 'registered', 'queued', false, 'schema_changes', NULL,
    'estimated_duration', NULL, 'starts_at', NULL, 'closed_at', NULL, 'registered_by', session_user, 'metadata', '{}'::jsonb,
    'conflicts', '[]'::jsonb, 'unseen', '[]'::jsonb), 'what was not given is null');
SELECT ok(e.at >= i.registered_at AND e.detail = '{"feature": "emails", "on_conflict": "warn", "queued": false}' AND e.agent = 'ana'
    AND e.performed_by = session_user, 'the first line of its history')
FROM confiture.intent_history(:'a') AS e JOIN confiture.intent AS i ON i.id = :'a';

-- In conflict: warn, refuse, queue -------------------------------------------------------

SELECT confiture.intent_register('ben', 'names', '{users.email}', branch => 'b') AS ben \gset
SELECT :'ben'::jsonb ->> 'id' AS b \gset
SELECT is(:'ben'::jsonb ->> 'status', 'conflicted', 'warned, and registered');
SELECT is((:'ben'::jsonb #> '{conflicts,0}') - '{id,detected_at,expires_at}'::text[], jsonb_build_object('intent', :'b', 'other', :'a', 'agent', 'ana',
    'feature', 'emails', 'branch', 'feature/emails', 'status', 'registered', 'type', 'column', 'severity', 'error', 'state', 'open', 'note', NULL, 'role', 'newcomer',
    'suggestion', 'Both change it: wait until the other is merged, or agree on one change.', 'objects', '[
    {"object": "public.users.email", "kind": "column", "action": "alter", "other_action": "alter", "severity": "error"}]'::jsonb),
    'the conflict, with the other side');
SELECT is(jsonb_array_length(:'ben'::jsonb -> 'conflicts'), 1, 'that of the table is no news');
SELECT is(:'ben'::jsonb #>> '{conflicts,0,expires_at}', :'ana'::jsonb ->> 'expires_at', 'until when');
SELECT is(confiture.intent_get(:'a') #> '{conflicts,0}' ->> k, v, format('the other side: %s', k)) FROM (VALUES ('intent', :'a'), ('other', :'b'),
    ('agent', 'ben'), ('feature', 'names'), ('branch', 'b'), ('status', 'conflicted'), ('role', 'holder'), ('id', :'ben'::jsonb #>> '{conflicts,0,id}')) AS x (k, v);
SELECT is(confiture.intent_get(:'a') ->> 'status', 'registered', 'who was there before is not in conflict');
SELECT is((SELECT detail FROM confiture.intent_history(:'a') WHERE event = 'conflict'), jsonb_build_object('with', :'b', 'agent', 'ben', 'severity', 'error'),
    'but it is in the history');

SELECT (pg_temp.failure($$SELECT confiture.intent_register('cy', 'f', '{users.email}', on_conflict => 'refuse')$$)).* \gset f_
SELECT is(:'f_code'::text, 'CF003', 'refused');
SELECT ok(:'f_message'::text IN (format('the intent is in conflict with %s, %s', :'a', :'b'), format('the intent is in conflict with %s, %s', :'b', :'a')), 'because of both');
SELECT matches(:'f_detail'::text, format(E'^error: %s \\(column\\): agent "ana" changes public.users.email for "emails", until [^\\n]+\\.\nerror: %s \\(column\\): agent "ben" changes [^\\n]+$',
    :'a', :'b'), 'with a line for each');
SELECT matches(:'f_hint'::text, '^Nothing was registered\.', 'and what to do');
SELECT is((SELECT count(*) FROM confiture.intent_list(agent => 'cy')), 0::bigint, 'nothing was registered');
SELECT is(confiture.intent_register('cy', 'f', '{users.id}', on_conflict => 'refuse') ->> 'status', 'registered', 'an info is not refused');
SELECT is(jsonb_array_length(confiture.intent_get((SELECT id FROM confiture.intent_list(agent => 'cy'))) -> 'conflicts'), 2, 'but told');
SELECT confiture.intent_register('h' || n, 'f', '{crowd}') FROM generate_series(1, 12) AS n \g /dev/null
SELECT is((SELECT array_length(string_to_array((pg_temp.failure($$SELECT confiture.intent_register('cy', 'f', '{crowd}', on_conflict => 'refuse')$$)).detail, E'\n'), 1)), 11,
    'ten lines at most');
SELECT matches((pg_temp.failure($$SELECT confiture.intent_register('cy', 'f', '{crowd}', on_conflict => 'refuse')$$)).detail, '\nand 2 more$', 'and how many more');

SELECT confiture.intent_register('dan', 'f', '{users.email}', on_conflict => 'queue') AS dan \gset
SELECT is(ARRAY[:'dan'::jsonb ->> 'status', :'dan'::jsonb ->> 'queued'], '{conflicted,true}', 'queued');
SELECT confiture.intent_register('dan', 'f', '{free}', on_conflict => 'queue') AS dan \gset
SELECT is(ARRAY[:'dan'::jsonb ->> 'status', :'dan'::jsonb ->> 'queued'], '{registered,false}', 'behind nobody');
SELECT confiture.intent_register('ana', 'f', '{orders}', on_conflict => 'queue') AS ana2 \gset
SELECT is(ARRAY[:'ana2'::jsonb ->> 'status', :'ana2'::jsonb ->> 'queued'], '{registered,false}', 'an agent does not wait for itself');

-- Asking -----------------------------------------------------------------------------------

SELECT count(*) AS events FROM confiture.intent_event \gset
SELECT confiture.intent_check('eve', objects => '{users.email, read users.id}') AS found \gset
SELECT is(pg_temp.keys(:'found'::jsonb), 'agent conflicts free objects severity unseen', 'the keys of a check');
SELECT is(:'found'::jsonb - '{conflicts,objects}'::text[], '{"agent": "eve", "free": false, "severity": "error", "unseen": []}', 'not free');
SELECT is(:'found'::jsonb #> '{conflicts,0}' -> k, v, format('a conflict that is not there yet: %s', k))
FROM (VALUES ('id', 'null'::jsonb), ('intent', 'null'), ('detected_at', 'null'), ('note', 'null'), ('state', '"open"'), ('role', '"newcomer"'),
    ('other', to_jsonb(:'a'::text)), ('status', '"registered"')) AS x (k, v);
SELECT is(pg_temp.keys(:'found'::jsonb #> '{conflicts,0}'), pg_temp.keys(:'ben'::jsonb #> '{conflicts,0}'), 'with the same keys');
SELECT is(confiture.intent_check('eve', objects => '{users.name}') - '{conflicts,objects}'::text[], '{"agent": "eve", "free": true, "severity": "info", "unseen": []}', 'an info is free');
SELECT is(confiture.intent_check('eve', objects => '{elsewhere}') - 'objects', '{"agent": "eve", "free": true, "severity": null, "unseen": [], "conflicts": []}', 'nobody');
SELECT is((SELECT count(*) FROM confiture.intent_event), :events::bigint, 'nothing is written');
SELECT is((SELECT provolatile::text FROM pg_proc WHERE oid = 'confiture.intent_check'::regproc), 's', 'as it says');

-- Windows ------------------------------------------------------------------------------------

-- Two who only add beside the same table, at announced times.
CREATE FUNCTION pg_temp.window(first_start text, first_lasts text, second_start text, second_lasts text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    first text;
    told jsonb;
BEGIN
    first := confiture.intent_register('first', 'f', '{create column:w.a}', starts_at => first_start::timestamptz, estimated_duration => first_lasts::interval) ->> 'id';
    told := confiture.intent_check('second', objects => '{create column:w.b}', starts_at => second_start::timestamptz, estimated_duration => second_lasts::interval);
    PERFORM confiture.intent_abandon(first);
    RETURN (SELECT string_agg(concat_ws(' ', c ->> 'type', c ->> 'severity'), ', ' ORDER BY n) FROM jsonb_array_elements(told -> 'conflicts') WITH ORDINALITY AS e (c, n));
END
$$;
SELECT is(pg_temp.window(a, b, c, d), expected, what) FROM (VALUES
    ('2030-01-01 12:00', '1 h', '2030-01-01 12:30', '1 h', 'timing warning, table info', 'at the same time'),
    ('2030-01-01 12:30', '1 h', '2030-01-01 12:00', '1 h', 'timing warning, table info', 'the other way round'),
    ('2030-01-01 12:00', '3 h', '2030-01-01 13:00', '1 s', 'timing warning, table info', 'one within the other'),
    ('2030-01-01 12:00', '1 h', '2030-01-01 12:00', NULL, 'table info', 'one that does not say how long'),
    ('2030-01-01 12:00', NULL, '2030-01-01 12:00', '1 h', 'table info', 'the other does not'),
    (NULL, '1 h', NULL, '1 h', 'timing warning, table info', 'both now')) AS w (a, b, c, d, expected, what);
SELECT is(pg_temp.window(a, b, c, d), expected, what) FROM (VALUES
    ('2030-01-01 12:00', '1 h', '2030-01-01 13:00', '1 h', 'table info', 'one right after the other'),
    ('2030-01-01 13:00', '1 h', '2030-01-01 12:00', '1 h', 'table info', 'right before'),
    (NULL, '1 h', '2030-01-01 12:00', '1 h', 'table info', 'now and later')) AS w (a, b, c, d, expected, what);

-- Bad input ------------------------------------------------------------------------------------

SELECT is(pg_temp.refused(format('SELECT confiture.intent_register(%s)', arguments)), error, what) FROM (VALUES
    ($$'', 'f', '{t}'$$, '22023 agent of an intent is not valid: ''''', 'an empty agent'),
    ($$E'a\nb', 'f', '{t}'$$, E'22023 agent of an intent is not valid: ''a\nb''', 'an agent of two lines'),
    ($$repeat('a', 201), 'f', '{t}'$$, '22023 agent of an intent is not valid: ''' || repeat('a', 200) || '''', 'a long agent'),
    ($$'a', E'f\tg', '{t}'$$, E'22023 feature of an intent is not valid: ''f\tg''', 'a feature with a tab'),
    ($$'a', repeat('f', 201), '{t}'$$, '22023 feature of an intent is not valid: ''' || repeat('f', 200) || '''', 'a long feature'),
    ($$'a', 'f', '{t}', on_conflict => 'no'$$, '22023 on_conflict must be warn, refuse or queue, not ''no''', 'an unknown on_conflict'),
    ($$'a', 'f', '{t}', on_conflict => NULL$$, '22023 on_conflict must be warn, refuse or queue, not NULL', 'none'),
    ($$'a', 'f', '{t}', expires => '0'$$, '22023 an intent can''t expire after 00:00:00', 'expires at once'),
    ($$'a', 'f', '{t}', expires => '-1 h'$$, '22023 an intent can''t expire after -01:00:00', 'or before'),
    ($$'a', 'f', '{t}', expires => '11 years'$$, '22023 an intent can''t expire after 11 years', 'or never'),
    ($$'a', 'f', '{t}', expires => '178000000 years'$$, '22023 an intent can''t expire after 178000000 years', 'really never'),
    ($$'a', 'f', '{t}', estimated_duration => '0'$$, '22023 estimated_duration can''t be 00:00:00', 'lasts no time'),
    ($$'a', 'f', '{t}', estimated_duration => '-1 h'$$, '22023 estimated_duration can''t be -01:00:00', 'or less'),
    ($$'a', 'f', '{t}', estimated_duration => '1000000 years'$$, '22023 estimated_duration can''t be 1000000 years', 'or too much'),
    ($$'a', 'f', '{t}', starts_at => 'infinity'$$, '22023 starts_at can''t be infinity', 'starts never'),
    ($$'a', 'f', '{t}', starts_at => '-infinity'$$, '22023 starts_at can''t be -infinity', 'or has always started'),
    ($$'a', 'f', '{t}', metadata => '[]'$$, '22023 metadata must be a JSON object', 'metadata of an array'),
    ($$'a', 'f', '{t}', metadata => '1'$$, '22023 metadata must be a JSON object', 'of a number'),
    ($$'a', 'f', '{t}', metadata => 'null'$$, '22023 metadata must be a JSON object', 'null in JSON'),
    ($$'a', 'f', '{t}', metadata => NULL$$, '22023 metadata must be a JSON object', 'null in SQL'),
    ($$'a', 'f', schema_changes => 'DROP TABEL users'$$, '42601 syntax error at or near "TABEL"', 'SQL that does not parse'),
    ($$'a', 'f', schema_changes => '\d users'$$, 'CF010 psql meta-command "\d" at line 1 is not supported in a script', 'psql'),
    ($$NULL, NULL$$, '22023 feature is empty', 'nothing at all'),
    ($$NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL$$, '22023 feature is empty', 'NULL everywhere'),
    ($$'a', 'f', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL$$, '22023 there is nothing to claim', 'NULL for all that may be left out')) AS b (arguments, error, what);
SELECT is(pg_temp.refused(format('SELECT confiture.intent_check(objects => ''{t}'', %s)', arguments)), error, 'a check: ' || what) FROM (VALUES
    ($$agent => ''$$, '22023 agent of an intent is not valid: ''''', 'an empty agent'),
    ($$estimated_duration => '-1 h'$$, '22023 estimated_duration can''t be -01:00:00', 'lasts less than no time'),
    ($$starts_at => 'infinity'$$, '22023 starts_at can''t be infinity', 'starts never')) AS b (arguments, error, what);
SELECT is(pg_temp.refused('SELECT confiture.intent_get(''it''''s'')'), 'CF015 there is no intent ''it''''s''', 'an unknown id');
SELECT is(pg_temp.refused('SELECT confiture.intent_get(NULL)'), 'CF015 there is no intent NULL', 'none');
SELECT is((pg_temp.failure($$SELECT confiture.intent_register('a', E'\n', '{t}')$$)).hint, 'Say in a few words what the change is for: others will read it.', 'with a hint');
SELECT is((pg_temp.failure($$SELECT confiture.intent_register('a', E'f\n', '{t}')$$)).hint, 'Give a feature of one line, at most 200 characters.', 'that fits');
SELECT is((pg_temp.failure($$SELECT confiture.intent_register('', 'f', '{t}')$$)).hint, 'Give an agent of one line, at most 200 characters.', 'each');
SELECT is((pg_temp.failure(format('SET confiture.agent = %L', a))).code, '22023', format('confiture.agent can''t be %s', what))
FROM (VALUES (E'a\nb', 'two lines'), (repeat('a', 201), '201 letters'), (repeat('a', 9000), '9,000 letters')) AS x (a, what);
SELECT is((SELECT count(*) FROM confiture.intent_list(agent => 'a')), 0::bigint, 'none of these has registered anything');

-- Odd, but right.
SELECT confiture.intent_register('Zoë "Z" O''Neil 🚀', 'füße; DROP TABLE users; --', '{"\"T \"\"q\"\" '';\".\"ø 表\""}', branch => E'b''\n', description => E'two\nlines',
    metadata => '{"a": {"b": [1, "ü"]}}') AS odd \gset
SELECT is(confiture.intent_get(:'odd'::jsonb ->> 'id') - '{objects}'::text[], :'odd'::jsonb - '{objects}'::text[], 'quotes, blanks and letters of any script');
SELECT is(:'odd'::jsonb #>> '{objects,1,display}', 'public."T ""q"" '';"."ø 表"', 'in names as well');
SELECT is(confiture.intent_check('b', objects => '{"\"T \"\"q\"\" '';\".\"ø 表\""}') #>> '{conflicts,0,agent}', 'Zoë "Z" O''Neil 🚀', 'found');
SELECT is((SELECT array_agg(agent) FROM confiture.intent_list(object => '"T ""q"" '';"')), '{"Zoë \"Z\" O''Neil 🚀"}', 'and listed');
SELECT is(confiture.intent_register(repeat('ä', 200), repeat('ß', 200), '{t}') ->> 'status', 'registered', '200 letters are not 200 bytes');
SELECT is(jsonb_array_length(confiture.intent_register('a', 'f', '{t2, t2, T2, public.t2}', '{t2}') -> 'objects'), 2, 'named twice is one');

-- Of any size.
SELECT confiture.intent_register('big', 'f', (SELECT array_agg('table:big' || n) FROM generate_series(1, 10000) AS n)) AS big \gset
SELECT is(jsonb_array_length(:'big'::jsonb -> 'objects'), 10001, '10,000 objects in one intent');
SELECT is(confiture.intent_check('b', objects => '{big9999}') #>> '{conflicts,0,agent}', 'big', 'each is found');
SELECT is((SELECT cardinality(objects) FROM confiture.intent_list(agent => 'big')), 50, 'the list shows some');
SELECT is(confiture.intent_abandon(:'big'::jsonb ->> 'id') ->> 'status', 'abandoned', 'and it ends');
SELECT is(confiture.intent_check('b', objects => '{big9999}') -> 'free', 'true', 'for all of them');

-- Defaults ---------------------------------------------------------------------------------------

SET LOCAL confiture.intent_expiry = '90s';
SELECT confiture.intent_register(NULL, 'f', '{default}') AS d \gset
SELECT is(round(extract(epoch FROM (:'d'::jsonb ->> 'expires_at')::timestamptz - (:'d'::jsonb ->> 'registered_at')::timestamptz)), 90::numeric, 'expires as the setting says');
SELECT is(:'d'::jsonb ->> 'agent', session_user::text, 'the agent is the role');
-- the server's words for the range are other ones since 17
SELECT matches(pg_temp.refused('SET confiture.intent_expiry = ''20000d'''),
    '^22023 1728000000 s is outside the valid range for parameter "confiture.intent_expiry"', 'more than an intent may have is not to be set');

SELECT * FROM finish();
ROLLBACK;
