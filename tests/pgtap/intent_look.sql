-- Looking at intents: list, conflicts, history, board; deciding about conflicts; the audit trail and the archive.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(125);

CREATE FUNCTION pg_temp.keys(value jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(value) AS k
$$;
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', f.code, f.message) FROM pg_temp.failure(statement) AS f
$$;

-- One of each status: the feature is the status.
CREATE SCHEMA app;
CREATE TABLE users (id integer, email text);
SELECT confiture.intent_register('ana', 'registered', '{users.email, app.t, read orders}') ->> 'id' AS registered \gset
SELECT confiture.intent_register('ben', 'in_progress', '{create table:app.users}') ->> 'id' AS in_progress \gset
SELECT confiture.intent_register('ben', 'conflicted', '{users.email}', on_conflict => 'queue', branch => 'b') ->> 'id' AS conflicted \gset
SELECT confiture.intent_register('ana', 'completed', '{drop view:v}') ->> 'id' AS completed \gset
SELECT confiture.intent_register('ana', 'merged', '{users.id}') ->> 'id' AS merged \gset
SELECT confiture.intent_register('ben', 'abandoned', '{users}') ->> 'id' AS abandoned \gset
SELECT confiture.intent_register('ben', 'expired', '{users.id}', expires => '1 ms') ->> 'id' AS expired \gset
SELECT confiture.intent_start(:'in_progress'), confiture.intent_complete(:'completed'), confiture.intent_complete(:'merged'),
    confiture.intent_merge(:'merged'), confiture.intent_abandon(:'abandoned'), pg_sleep(0.002) \g /dev/null

-- The list ---------------------------------------------------------------------------

CREATE FUNCTION pg_temp.listed(arguments text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('SELECT string_agg(feature, '' '' ORDER BY n) FROM confiture.intent_list(%s) WITH ORDINALITY AS l (id, agent, feature, branch,
        description, status, queued, objects, conflicts, registered_at, updated_at, expires_at, closed_at, n)', arguments) INTO found;
    RETURN found;
END
$$;
SELECT is(pg_get_function_result('confiture.intent_list'::regproc), 'TABLE(id text, agent text, feature text, branch text, description text, status text, '
    || 'queued boolean, objects text[], conflicts integer, registered_at timestamp with time zone, updated_at timestamp with time zone, '
    || 'expires_at timestamp with time zone, closed_at timestamp with time zone)', 'intent_list(): columns');
SELECT is(pg_temp.listed(), 'completed conflicted in_progress registered', 'the active ones, the newest first');
SELECT is(pg_temp.listed('NULL, NULL, NULL, NULL'), 'completed conflicted in_progress registered', 'NULL for all');
SELECT is(pg_temp.listed('''all'''), 'expired abandoned merged completed conflicted in_progress registered', 'all');
SELECT is(pg_temp.listed(format('%L', s)), s, 'status ' || s) FROM unnest('{registered,in_progress,conflicted,completed,merged,abandoned,expired}'::text[]) AS s;
SELECT is_empty($$SELECT feature, status FROM confiture.intent_list('all') WHERE status <> feature$$, 'which each of them has');
SELECT is(pg_temp.listed(arguments), expected, arguments) FROM (VALUES
    ('agent => ''ana''', 'completed registered'),
    ('''all'', ''ben''', 'expired abandoned conflicted in_progress'),
    ('''merged'', ''ben''', NULL),
    ('agent => ''nobody''', NULL),
    ('agent => ''''', NULL),
    ('object => ''users''', 'conflicted in_progress registered'),
    ('object => ''Users''', 'conflicted in_progress registered'),
    ('object => ''"Users"''', NULL),
    ('object => ''public.users''', 'conflicted registered'),
    ('object => ''app.users''', 'in_progress'),
    ('object => ''users.email''', 'conflicted registered'),
    ('object => ''public.users.email''', 'conflicted registered'),
    ('object => ''app.users.email''', NULL),
    ('object => ''orders''', 'registered'),
    ('''all'', object => ''users.id''', 'expired merged'),
    ('''abandoned'', object => ''users''', 'abandoned'),
    ('''conflicted'', ''ben'', ''users.email'', 1', 'conflicted'),
    ('max_rows => 2', 'completed conflicted'),
    ('max_rows => 0', NULL)) AS l (arguments, expected);
SELECT is(pg_temp.refused(format('SELECT * FROM confiture.intent_list(%s)', arguments)), error, arguments) FROM (VALUES
    ('''open''', '22023 unknown status ''open'''),
    ('''''', '22023 unknown status '''''),
    ('object => ''''', '22023 invalid object name '''''),
    ('object => ''a.''', '22023 invalid object name ''a.'''),
    ('object => ''it''''s''', '22023 invalid object name ''it''''s'''),
    ('object => ''a.b.c.d''', '22023 object name ''a.b.c.d'' has too many parts'),
    ('max_rows => -1', '2201W LIMIT must not be negative')) AS l (arguments, error);
SELECT results_eq('SELECT id, branch, queued, objects, conflicts, closed_at IS NULL FROM confiture.intent_list(agent => ''ben'')',
    format($$VALUES (%L, 'b', true, '{public.users.email}'::text[], 1, true), (%L, NULL, false, '{app.users}', 0, true)$$, :'conflicted', :'in_progress'), 'what it shows');
SELECT is((SELECT objects FROM confiture.intent_list() WHERE id = :'registered'), '{public.users.email,app.t,public.orders}', 'objects without what goes with them');
SELECT is((SELECT conflicts FROM confiture.intent_list() WHERE id = :'registered'), 1, 'conflicts of either side');

-- The conflicts -----------------------------------------------------------------------------

SELECT confiture.intent_register('cy', 'read', '{read users.email}') ->> 'id' AS cy \gset
CREATE FUNCTION pg_temp.conflicts(arguments text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('SELECT string_agg(concat_ws('' '', c.agent, c.other_agent, c.severity, c.state), '', '') FROM confiture.intent_conflicts(%s) AS c', arguments) INTO found;
    RETURN found;
END
$$;
SELECT is(pg_get_function_result('confiture.intent_conflicts'::regproc), 'TABLE(id bigint, intent text, agent text, feature text, other text, other_agent text, '
    || 'other_feature text, type text, severity text, objects jsonb, suggestion text, state text, detected_at timestamp with time zone, '
    || 'closed_at timestamp with time zone, closed_by name, note text)', 'intent_conflicts(): columns');
SELECT id AS c FROM confiture.intent_conflicts(:'conflicted') WHERE other = :'registered' \gset
SELECT results_eq(format('SELECT intent, agent, feature, other, other_agent, other_feature, type, severity, objects, suggestion, state, closed_at, closed_by, note FROM confiture.intent_conflicts() WHERE id = %s', :'c'),
    format($$VALUES (%L, 'ben', 'conflicted', %L, 'ana', 'registered', 'column', 'error',
        '[{"object": "public.users.email", "kind": "column", "action": "alter", "other_action": "alter", "severity": "error"}]'::jsonb,
        'Both change it: wait until the other is merged, or agree on one change.', 'open', NULL::timestamptz, NULL::name, NULL)$$, :'conflicted', :'registered'), 'what it shows');
SELECT is(pg_temp.conflicts(arguments), expected, 'conflicts: ' || arguments) FROM (VALUES
    (format('%L', :'cy'), 'cy ben info open, cy ana info open'),
    (format('%L', :'conflicted'), 'cy ben info open, ben ana error open'),
    (format('%L, min_severity => ''warning''', :'registered'), 'ben ana error open'),
    (format('%L, min_severity => ''error''', :'cy'), NULL),
    (format('%L, ''resolved''', :'registered'), 'ben ana info resolved, ben ana warning resolved'),
    (format('%L, ''all'', ''error''', :'conflicted'), 'ben ana error open'),
    (format('%L, max_rows => 1', :'cy'), 'cy ben info open'),
    ('min_severity => ''error''', 'ben ana error open'),
    ('state => ''acknowledged''', NULL)) AS x (arguments, expected);
SELECT is(pg_temp.refused(format('SELECT * FROM confiture.intent_conflicts(%s)', arguments)), error, 'conflicts: ' || arguments) FROM (VALUES
    ('''int_x''', 'CF015 there is no intent ''int_x'''),
    ('NULL, ''closed''', '22023 unknown state ''closed'''),
    ('NULL, NULL', '22023 unknown state NULL'),
    ('NULL, ''all'', ''fatal''', '22023 unknown severity ''fatal'''),
    ('NULL, ''all'', NULL', '22023 unknown severity NULL')) AS x (arguments, error);

-- Deciding ---------------------------------------------------------------------------------------

SELECT is(pg_temp.refused(format('SELECT confiture.%I(%s, %s)', f, conflict, note)), error, format('%s(%s, %s)', f, replace(conflict, :'c', 'c'), note))
FROM unnest('{intent_acknowledge,intent_resolve}'::text[]) AS f, (VALUES
    ('-1', '''x''', 'CF015 there is no conflict -1'),
    ('NULL', '''x''', 'CF015 there is no conflict NULL'),
    (:'c', 'NULL', '22023 a conflict is not % without a note'),
    (:'c', ''' ''', '22023 a conflict is not % without a note')) AS x (conflict, note, pattern),
    LATERAL (SELECT replace(pattern, '%', CASE f WHEN 'intent_resolve' THEN 'resolved' ELSE 'acknowledged' END)) AS e (error);
SELECT is(confiture.intent_acknowledge(:c, 'seen') - '{closed_at,detected_at,objects,suggestion}'::text[], jsonb_build_object('id', :c, 'intent', :'conflicted',
    'other', :'registered', 'type', 'column', 'severity', 'error', 'state', 'acknowledged', 'closed_by', session_user, 'note', 'seen'), 'acknowledged');
SELECT is(pg_temp.refused(format('SELECT confiture.intent_acknowledge(%s, ''again'')', :'c')), format('CF014 conflict %s is acknowledged already', :'c'), 'once');
SELECT is(pg_temp.conflicts('state => ''acknowledged'''), 'ben ana error acknowledged', 'it is found as that');
SELECT is(pg_temp.conflicts('min_severity => ''error'''), 'ben ana error acknowledged', 'and among the open ones');
SELECT is(confiture.intent_get(:'registered') #>> '{conflicts,0,note}', 'seen', 'with the note');
SELECT is(confiture.intent_resolve(:c, 'one after the other') ->> 'note', 'seen; one after the other', 'resolved, with both notes');
SELECT is(pg_temp.refused(format('SELECT confiture.%I(%s, ''again'')', f, :'c')), format('CF014 conflict %s is resolved already', :'c'), f || ' after that')
FROM unnest('{intent_acknowledge,intent_resolve}'::text[]) AS f;
SELECT matches((pg_temp.failure(format('SELECT confiture.intent_resolve(%s, ''again'')', :'c'))).detail, '^Since [^:]+:\d\d:\d\d.*: seen; one after the other$', 'since when, and why');
SELECT is(pg_temp.conflicts('min_severity => ''error'''), NULL, 'it is not open any more');
SELECT is(confiture.intent_get(:'conflicted') ->> 'status', 'registered', 'the newcomer has its turn');
SELECT results_eq(format('SELECT event, detail FROM confiture.intent_history(%L) WHERE event IN (''acknowledged'', ''resolved'')', i),
    format($$VALUES ('resolved', '{"conflict": %1$s, "with": "%2$s", "note": "one after the other"}'::jsonb), ('acknowledged', '{"conflict": %1$s, "with": "%2$s", "note": "seen"}')$$, :'c', o), 'in the history of ' || s)
FROM (VALUES (:'conflicted', :'registered', 'the newcomer'), (:'registered', :'conflicted', 'the holder')) AS x (i, o, s);

-- The board -----------------------------------------------------------------------------------------

SELECT confiture.intent_register('dan', 'f', '{users.email}', on_conflict => 'queue') ->> 'id' AS dan \gset
SELECT confiture.intent_board() AS board \gset
SELECT is(pg_temp.keys(:'board'::jsonb), 'conflicts counts database generated_at history intents tables', 'the keys of the board');
SELECT is(:'board'::jsonb -> 'counts', '{"active": 6, "in_conflict": 3, "queued": 1, "by_status": {"registered": 3, "in_progress": 1, "completed": 1, "conflicted": 1}}', 'counts');
SELECT is(:'board'::jsonb ->> 'database', current_database()::text, 'the database');
SELECT is((SELECT array_agg(i ->> 'id' ORDER BY n) FROM jsonb_array_elements(:'board'::jsonb -> 'intents') WITH ORDINALITY AS e (i, n)),
    ARRAY[:'dan', :'cy', :'completed', :'conflicted', :'in_progress', :'registered'], 'the active intents, the newest first');
SELECT is(pg_temp.keys(:'board'::jsonb #> '{intents,0}'), 'agent branch closed_at conflicts description estimated_duration expires_at feature id metadata more_objects objects queued '
    || 'registered_at registered_by starts_at status updated_at', 'the keys of an intent');
SELECT is(:'board'::jsonb #> '{intents,0,conflicts}', '2', 'with the number of its conflicts');
SELECT is((:'board'::jsonb #> '{tables,0}') - 'intents', '{"object": "public.users", "kind": "table"}', 'the busiest table first');
SELECT is((SELECT array_agg(i ->> 'agent' ORDER BY n) FROM jsonb_array_elements(:'board'::jsonb #> '{tables,0,intents}') WITH ORDINALITY AS e (i, n)), '{ana,ben,dan}', 'with who changes it, the oldest first');
SELECT is((SELECT array_agg(t ->> 'object' ORDER BY t ->> 'object') FROM jsonb_array_elements(:'board'::jsonb -> 'tables') AS t), '{app.t,app.users,public.users,public.v}', 'what is only read is not among them');
SELECT is(pg_temp.keys(:'board'::jsonb #> '{tables,0,intents,0}'), 'action agent feature id status', 'the keys of that');
SELECT is((SELECT array_agg(concat_ws(' ', c ->> 'intent_agent', c ->> 'agent', c ->> 'severity') ORDER BY n) FROM jsonb_array_elements(:'board'::jsonb -> 'conflicts') WITH ORDINALITY AS e (c, n)),
    '{dan ben error,dan ana error}', 'the conflicts, the newest of the worst first');
SELECT is(pg_temp.keys(:'board'::jsonb #> '{conflicts,0}'), 'agent detected_at feature id intent intent_agent intent_feature note objects other severity state suggestion type', 'their keys');
SELECT is((:'board'::jsonb #> '{history,0}') - 'at', (SELECT to_jsonb(h) - 'at' FROM confiture.intent_history(max_rows => 1) AS h), 'the history');

-- The history and the audit trail -----------------------------------------------------------------------

SELECT is((SELECT count(*) FROM confiture.intent_history(NULL, 3)), 3::bigint, 'the newest events of all');
SELECT is_empty(format('SELECT * FROM confiture.intent_history(%L) WHERE intent <> %1$L', :'dan'), 'or of one intent');
SELECT is(pg_temp.refused('SELECT * FROM confiture.intent_history(''int_x'')'), 'CF015 there is no intent ''int_x''', 'which must be there');
SELECT count(*) AS events FROM confiture.intent_event \gset
SELECT is((pg_temp.failure(format('DO $do$ BEGIN SET LOCAL session_replication_role = %s; %s; END $do$', r, s))).code, '42501', format('refused: %s (%s)', s, r))
FROM unnest('{origin,replica,local}'::text[]) AS r, (VALUES ('UPDATE confiture.intent_event SET agent = ''x'''),
    ('UPDATE confiture.intent_event SET agent = ''x'' WHERE false'), ('DELETE FROM confiture.intent_event'),
    ('TRUNCATE confiture.intent_event'), ('TRUNCATE confiture.intent_event, confiture.intent CASCADE')) AS x (s);
SELECT is((SELECT count(*) FROM confiture.intent_event), :events::bigint, 'nothing is gone');
SELECT isnt((pg_temp.failure('DELETE FROM confiture.intent_event')).hint, NULL, 'and a hint says what can be done');

-- The archive ----------------------------------------------------------------------------------------------

SELECT is(pg_temp.refused(format('SELECT confiture.intent_archive(%L)', i)), format('22023 older_than must be an interval from 0 to 1000 years, not %s', coalesce(i::interval::text, 'NULL')), 'archive: ' || coalesce(i, 'NULL'))
FROM unnest('{-1 s,1001 years,1000000 years,NULL}'::text[]) AS i;
SELECT is((SELECT count(*) FROM confiture.intent_archive('1 hour')), 0::bigint, 'nothing has ended an hour ago');
CREATE TABLE archived AS SELECT a AS value FROM confiture.intent_archive('0') AS a;
SELECT results_eq('SELECT value ->> ''id'', value ->> ''status'' FROM archived', format($$VALUES (%L, 'merged'), (%L, 'abandoned'), (%L, 'expired')$$, :'merged', :'abandoned', :'expired'),
    'what has ended is returned, the expired one too');
SELECT is(pg_temp.keys(value), 'agent branch closed_at conflicts description estimated_duration expires_at feature history id metadata objects queued registered_at registered_by '
    || 'schema_changes starts_at status unseen updated_at', 'the keys of an archived one') FROM archived LIMIT 1;
SELECT is((SELECT array_agg(h ->> 'event' ORDER BY n) FROM archived, jsonb_array_elements(value -> 'history') WITH ORDINALITY AS e (h, n) WHERE value ->> 'id' = :'merged'),
    '{registered,conflict,conflict,conflict_closed,completed,merged,conflict_closed}', 'with its history');
SELECT is((SELECT jsonb_array_length(value -> 'conflicts') FROM archived WHERE value ->> 'id' = :'abandoned'), 2, 'and all of its conflicts');
SELECT is(pg_temp.listed('''all'''), 'f read completed conflicted in_progress registered', 'and is gone');
SELECT is((SELECT count(*) FROM confiture.intent_object AS o WHERE NOT o.active), 0::bigint, 'with its objects');
SELECT is((SELECT count(*) FROM confiture.intent_event AS e WHERE e.intent IN (:'merged', :'abandoned', :'expired')), 0::bigint, 'and events');
SELECT is((pg_temp.failure('DELETE FROM confiture.intent_event')).code, '42501', 'after that the audit trail is closed again');
SELECT is((SELECT count(*) FROM confiture.intent_archive('0')), 0::bigint, 'nothing is left');

SELECT * FROM finish();
ROLLBACK;
