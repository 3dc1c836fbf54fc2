-- From one status to the next: every move that confiture.intent_move allows, every one that it does not,
-- turns, expiry, and what an end does to conflicts.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql
SELECT plan(119);

-- Makes an intent of a new table that has a status; returns its id.
CREATE SEQUENCE pg_temp.fresh;
CREATE FUNCTION pg_temp.made(status text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name constant text := 't' || nextval('pg_temp.fresh');
    id text;
BEGIN
    IF status = 'conflicted' THEN
        PERFORM confiture.intent_register('holder', 'f', ARRAY[name]);
    END IF;
    id := confiture.intent_register('ana', 'f', ARRAY[name],
        expires => CASE status WHEN 'expired' THEN '1 ms' ELSE '1 day' END::interval) ->> 'id';
    CASE status
        WHEN 'in_progress' THEN PERFORM confiture.intent_start(id);
        WHEN 'completed' THEN PERFORM confiture.intent_complete(id);
        WHEN 'merged' THEN PERFORM confiture.intent_complete(id), confiture.intent_merge(id);
        WHEN 'abandoned' THEN PERFORM confiture.intent_abandon(id);
        WHEN 'expired' THEN PERFORM pg_sleep(0.002);
        ELSE NULL;
    END CASE;
    RETURN id;
END
$$;
-- The intent, with what this statement has done.
CREATE FUNCTION pg_temp.seen(id text) RETURNS jsonb LANGUAGE plpgsql AS 'BEGIN RETURN confiture.intent_get(id); END';
-- The statuses that somebody can ask for, and what asks.
CREATE TABLE call (status text, function text);
INSERT INTO call VALUES ('in_progress', 'intent_start'), ('completed', 'intent_complete'), ('merged', 'intent_merge'),
    ('abandoned', 'intent_abandon');
CREATE TABLE status (status text);
INSERT INTO status SELECT unnest('{registered,in_progress,conflicted,completed,merged,abandoned,expired}'::text[]);
-- What comes of asking: the new status, or the error.
CREATE FUNCTION pg_temp.outcome(from_status text, function text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    id constant text := pg_temp.made(from_status);
    f record;
BEGIN
    IF confiture.intent_get(id) ->> 'status' <> from_status THEN
        RETURN 'not made';
    END IF;
    SELECT * INTO f FROM pg_temp.failure(format('SELECT confiture.%I(%L)', function, id));
    IF f.code IS NULL THEN
        RETURN confiture.intent_get(id) ->> 'status';
    END IF;
    RETURN concat_ws(' | ', f.code, replace(f.message, id, 'X'), f.detail, f.hint);
END
$$;
CREATE FUNCTION pg_temp.allowed(wanted text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(m.to_status, ', ' ORDER BY m.to_status) FROM confiture.intent_move AS m
    WHERE m.from_status = wanted AND NOT m.automatic
$$;

SELECT is(pg_temp.outcome(s.status, c.function),
    CASE WHEN EXISTS (SELECT FROM confiture.intent_move AS m WHERE (m.from_status, m.to_status) = (s.status, c.status) AND NOT m.automatic)
        THEN c.status
        ELSE concat_ws(' | ', 'CF014', format('intent X is %s: it can''t become %s', s.status, c.status),
            coalesce('From ' || s.status || ' it can become: ' || pg_temp.allowed(s.status) || '.', initcap(s.status) || ' is an end: nothing comes after it.'),
            CASE WHEN pg_temp.allowed(s.status) IS NULL THEN 'Register a new intent.' ELSE 'SELECT confiture.intent_get(id) shows where it stands.' END)
    END,
    format('%s -> %s', s.status, c.status))
FROM status AS s CROSS JOIN call AS c ORDER BY s.status, c.status;
SELECT is_empty('SELECT m.to_status FROM confiture.intent_move AS m WHERE NOT m.automatic EXCEPT SELECT c.status FROM call AS c',
    'there is a call for every move that is not automatic');
SELECT is_empty('SELECT unnest(ARRAY[m.from_status, m.to_status]) FROM confiture.intent_move AS m EXCEPT SELECT s.status FROM status AS s',
    'no other statuses');
SELECT set_eq('SELECT DISTINCT m.from_status FROM confiture.intent_move AS m', '{registered,conflicted,in_progress,completed}'::text[],
    'the statuses that are no ends');
SELECT set_eq('SELECT m.from_status, m.to_status FROM confiture.intent_move AS m WHERE m.automatic',
    $$VALUES ('registered', 'expired'), ('conflicted', 'expired'), ('in_progress', 'expired'), ('completed', 'expired'), ('conflicted', 'registered')$$,
    'the moves that come by themselves');
SELECT is(pg_temp.seen(pg_temp.made('registered')) -> 'closed_at', 'null', 'an active one is not closed');
SELECT isnt(pg_temp.seen(pg_temp.made(s)) ->> 'closed_at', NULL, s || ' is closed') FROM unnest('{merged,abandoned}'::text[]) AS s;
SELECT is((pg_temp.failure(format('SELECT confiture.%I(''int_nobody'')', c.function))).code, 'CF015', c.function || ' of an unknown id')
FROM call AS c;
SELECT is((pg_temp.failure(format('SELECT confiture.%I(NULL)', c.function))).code, 'CF015', c.function || ' of none') FROM call AS c;
SELECT is((pg_temp.failure('SELECT confiture.intent_start(''it''''s'')')).message, 'there is no intent ''it''''s''', 'which it names');

-- A rejected conflict leaves nothing behind.
SELECT pg_temp.made('registered') AS id \gset
SELECT confiture.intent_get(:'id') AS before \gset
SELECT is((pg_temp.failure(format('SELECT confiture.intent_merge(%L)', :'id'))).code, 'CF014', 'a move that is refused');
SELECT is(confiture.intent_get(:'id'), :'before'::jsonb, 'leaves the intent as it was');

-- What moves leave behind: time, reason, events ------------------------------------

SELECT pg_temp.made('registered') AS id \gset
SELECT confiture.intent_get(:'id') ->> 'updated_at' AS before \gset
SELECT is(confiture.intent_start(:'id'), pg_temp.seen(:'id'), 'a move returns the intent');
SELECT cmp_ok((confiture.intent_get(:'id') ->> 'updated_at')::timestamptz, '>', :'before'::timestamptz, 'with the time of the change');
SELECT confiture.intent_complete(:'id'), confiture.intent_start(:'id') \g /dev/null
SELECT is(confiture.intent_get(:'id') ->> 'status', 'in_progress', 'reopened');
SELECT is(confiture.intent_abandon(:'id', 'too much "work"') ->> 'status', 'abandoned', 'abandoned with a reason');
SELECT results_eq(format('SELECT event, detail FROM confiture.intent_history(%L) WHERE event <> ''registered''', :'id'),
    $$VALUES ('abandoned', '{"reason": "too much \"work\""}'::jsonb), ('started', '{}'), ('completed', '{}'), ('started', '{}')$$,
    'the history of it, the newest first');
SELECT pg_temp.made('abandoned') AS id \gset
SELECT is((SELECT detail FROM confiture.intent_history(:'id') WHERE event = 'abandoned'), '{}', 'without a reason');
SET LOCAL confiture.agent = 'robot 7';
SELECT confiture.intent_start(pg_temp.made('registered')) ->> 'id' AS id \gset
SELECT results_eq(format('SELECT event, agent, performed_by FROM confiture.intent_history(%L)', :'id'),
    $$VALUES ('started', 'robot 7', session_user::name), ('registered', 'ana', session_user)$$, 'who did it: the agent of the session, and the role');
RESET confiture.agent;

-- Turns ---------------------------------------------------------------------------------

-- Registers one that queues for a table; returns its id.
CREATE FUNCTION pg_temp.queued(who text, VARIADIC names text[]) RETURNS text LANGUAGE sql AS $$
    SELECT confiture.intent_register(who, 'f', names, on_conflict => 'queue') ->> 'id'
$$;
CREATE FUNCTION pg_temp.state(id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', i ->> 'status', CASE WHEN (i ->> 'queued')::boolean THEN 'queued' END,
        CASE WHEN i ->> 'status' NOT IN ('merged', 'abandoned', 'expired') THEN
            CASE WHEN confiture.intent_wait_turn(i ->> 'id', '0') THEN 'turn' END END)
    FROM pg_temp.seen(state.id) AS i
$$;
SELECT pg_temp.queued('h', 'q') AS h \gset
SELECT pg_temp.queued('w', 'q') AS w \gset
SELECT pg_temp.queued('x', 'q') AS x \gset
SELECT is(ARRAY[pg_temp.state(:'h'), pg_temp.state(:'w'), pg_temp.state(:'x')], '{registered turn,conflicted queued,conflicted queued}', 'three in the queue');
SELECT (pg_temp.failure(format('SELECT confiture.intent_start(%L)', :'w'))).* \gset f_
SELECT is(:'f_code'::text, 'CF003', 'who queues may not start');
SELECT is(:'f_message'::text, format('intent %s waits for its turn', :'w'), 'and is told so');
SELECT matches(:'f_detail'::text, format('^warning: %s \(table\): agent "h" changes public.q for "f", until [^\n]*\.$', :'h'), 'behind whom');
SELECT is(:'f_hint'::text, 'confiture.intent_wait_turn(id) returns when it has come.', 'and what to do');
SELECT is((pg_temp.failure(format('SELECT confiture.intent_complete(%L)', :'w'))).code, 'CF003', 'nor complete, which would be a way around');
SELECT is((pg_temp.failure(format('SELECT confiture.intent_merge(%L)', :'w'))).code, 'CF014', 'nor merge');
SELECT is(pg_temp.state(:'w'), 'conflicted queued', 'it waits on');
SELECT id AS c FROM confiture.intent_conflicts(:'w') WHERE other = :'h' \gset
SELECT confiture.intent_acknowledge(:c, 'seen') \g /dev/null
SELECT is(pg_temp.state(:'w'), 'conflicted queued', 'after it is acknowledged too');
SELECT confiture.intent_complete(:'h') \g /dev/null
SELECT is(pg_temp.state(:'w'), 'conflicted queued', 'and when the first is completed');
SELECT confiture.intent_merge(:'h') \g /dev/null
SELECT is(ARRAY[pg_temp.state(:'w'), pg_temp.state(:'x')], '{registered turn,conflicted queued}', 'it has its turn when the first is merged, the next one has not');
SELECT is((SELECT count(*) FROM confiture.intent_history(:'w') WHERE event = 'turn'), 1::bigint, 'with an event');
SELECT is(pg_temp.state(confiture.intent_start(:'w') ->> 'id'), 'in_progress turn', 'and may start');
SELECT id AS c FROM confiture.intent_conflicts(:'x') WHERE other = :'w' \gset
SELECT confiture.intent_resolve(:c, 'side by side') \g /dev/null
SELECT is(pg_temp.state(:'x'), 'registered turn', 'what is resolved holds nobody back');
SELECT confiture.intent_abandon(:'w'), confiture.intent_abandon(:'x') \g /dev/null
SELECT is((pg_temp.failure(format('SELECT confiture.intent_wait_turn(%L, ''0'')', :'x'))).code, 'CF014', 'one that has ended has no turn');

-- One that was only warned may go on.
SELECT pg_temp.made('conflicted') AS id \gset
SELECT is(pg_temp.state(:'id'), 'conflicted', 'warned, not queued');
SELECT is(confiture.intent_start(:'id') ->> 'status', 'in_progress', 'it may start all the same');
SELECT is(pg_temp.state(confiture.intent_complete(:'id') ->> 'id'), 'completed turn', 'and complete');
-- An info holds nobody back.
SELECT confiture.intent_register('h', 'f', '{i.a}') ->> 'id' AS h \gset
SELECT is(pg_temp.state(pg_temp.queued('w', 'i.b')), 'registered turn', 'an info is not waited for');
-- The holder gives up, one of two.
SELECT pg_temp.queued('h1', 'm') AS h1, pg_temp.queued('h2', 'n') AS h2 \gset
SELECT pg_temp.queued('w', 'm', 'n') AS w \gset
SELECT confiture.intent_abandon(:'h2') \g /dev/null
SELECT is(pg_temp.state(:'w'), 'conflicted queued', 'behind one of two');
SELECT confiture.intent_abandon(:'h1') \g /dev/null
SELECT is(pg_temp.state(:'w'), 'registered turn', 'behind nobody');

-- What an end does to the conflicts ----------------------------------------------------------

SELECT confiture.intent_register('h', 'f', '{e, e2.a}') ->> 'id' AS h \gset
SELECT confiture.intent_register('w', 'f', '{e, e2.b}') ->> 'id' AS w \gset
SELECT is((SELECT array_agg(severity ORDER BY id) FROM confiture.intent_conflicts(:'w')), '{warning}', 'table and column are one conflict of the worse severity');
SELECT confiture.intent_acknowledge(c.id, 'seen') FROM confiture.intent_conflicts(:'w') AS c \g /dev/null
SELECT confiture.intent_abandon(:'h', 'enough') \g /dev/null
SELECT results_eq(format('SELECT state, closed_by, note FROM confiture.intent_conflicts(%L, ''all'')', :'w'),
    format('SELECT ''resolved'', session_user::name, ''seen; %s is abandoned''', :'h'), 'closed, and says why');
SELECT is(confiture.intent_get(:'w') -> 'conflicts', '[]', 'nothing is open');
SELECT is((SELECT array_agg(h.intent = :'w' ORDER BY h.intent = :'w') FROM confiture.intent_history() AS h
    WHERE h.event = 'conflict_closed' AND h.detail ->> 'because' = :'h' || ' is abandoned'), '{f,t}', 'with an event on both sides');
SELECT is(confiture.intent_get(:'w') ->> 'status', 'registered', 'and who was warned is not in conflict any more');
-- The newcomer ends.
SELECT confiture.intent_register('x', 'f', '{e}') ->> 'id' AS x \gset
SELECT confiture.intent_abandon(:'x') \g /dev/null
SELECT is((SELECT array_agg(state) FROM confiture.intent_conflicts(:'w', 'all') WHERE intent = :'x'), '{resolved}', 'either side closes it');
-- In progress stays in progress.
SELECT confiture.intent_register('x', 'f', '{e}') ->> 'id' AS x \gset
SELECT confiture.intent_start(:'x'), confiture.intent_abandon(:'w') \g /dev/null
SELECT is(confiture.intent_get(:'x') ->> 'status', 'in_progress', 'who is at work stays so');

-- Expiry -------------------------------------------------------------------------------------------

SELECT confiture.intent_register('h', 'f', '{z}') ->> 'id' AS h \gset
SELECT pg_temp.queued('w', 'z') AS w \gset
SELECT is((confiture.intent_get(:'w') #>> '{conflicts,0,other}'), :'h', 'told of one that will expire soon');
UPDATE confiture.intent SET expires_at = clock_timestamp() WHERE id = :'h';
SELECT is(status, 'registered', 'its time is over, and nobody has noted it') FROM confiture.intent WHERE id = :'h';
SELECT is(confiture.intent_get(:'h') ->> 'status', 'expired', 'but it is seen');
SELECT is(confiture.intent_get(:'h') -> 'conflicts', '[]', 'its conflicts are not there any more');
SELECT is(confiture.intent_get(:'w') -> 'conflicts', '[]', 'on the other side neither');
SELECT is(pg_temp.state(:'w'), 'registered turn', 'who waited has the turn');
SELECT is(confiture.intent_check('y', objects => '{z}') #>> '{conflicts,0,other}', :'w', 'a newcomer is told of that one only');
SELECT is((SELECT count(*) FROM confiture.intent_conflicts(:'h')), 0::bigint, 'intent_conflicts() shows nothing open');
SELECT is((SELECT conflicts FROM confiture.intent_list(agent => 'w') WHERE id = :'w'), 0, 'nor does intent_list()');
SELECT is((SELECT array_agg(id) FROM confiture.intent_list(object => 'z')), ARRAY[:'w'], 'where it is not active');
SELECT is((SELECT array_agg(id) FROM confiture.intent_list('expired', object => 'z')), ARRAY[:'h'], 'but expired');
SELECT is((pg_temp.failure(format('SELECT confiture.intent_extend(%L, ''1 day'')', :'h'))).code, 'CF014', 'it can''t be extended');
SELECT is(confiture.intent_start(:'w') ->> 'status', 'in_progress', 'the other one starts');
SELECT is(status, 'expired', 'which has noted it') FROM confiture.intent WHERE id = :'h';
SELECT is((SELECT array_agg(event) FROM confiture.intent_history(:'h')), '{conflict_closed,expired,conflict,registered}', 'in its history');

-- More than a sweep takes at once.
SELECT confiture.intent_abandon(id) FROM confiture.intent_list(max_rows => NULL) \g /dev/null
SELECT confiture.intent_register('old', 'f', ARRAY['o' || n], expires => '1 ms') FROM generate_series(1, 25) AS n \g /dev/null
SELECT confiture.intent_register('h', 'f', '{o}') ->> 'id' AS h \gset
-- as if nobody had called for a while
UPDATE confiture.intent SET status = 'registered' WHERE agent = 'old';
SELECT pg_temp.queued('w', 'o') AS w \gset
UPDATE confiture.intent SET expires_at = clock_timestamp() WHERE id = :'h';
SELECT is(confiture.intent_start(:'w') ->> 'status', 'in_progress', 'the start does not depend on what was swept');
SELECT is((SELECT count(*) FROM confiture.intent_list()), 1::bigint, 'only that one is active');
SELECT is((confiture.intent_board() #>> '{counts,active}')::integer, 1, 'on the board too');

-- Extending ------------------------------------------------------------------------------------------

SELECT pg_temp.made('registered') AS id \gset
SELECT (confiture.intent_get(:'id') ->> 'expires_at')::timestamptz + interval '90 minutes' AS until \gset
SELECT is((confiture.intent_extend(:'id', '1.5 hours') ->> 'expires_at')::timestamptz, :'until'::timestamptz, 'extended by an interval');
SELECT is((SELECT detail FROM confiture.intent_history(:'id') WHERE event = 'extended'), '{"by": "01:30:00"}', 'which the history says');
SELECT is((confiture.intent_extend(pg_temp.made(s), '1 hour') ->> 'status'), s, s || ' can be extended')
FROM unnest('{registered,conflicted,in_progress,completed}'::text[]) AS s;
SELECT is((f).code || ' ' || (f).message, format('CF014 intent %s is %s: it can''t be extended', m.id, m.status), m.status || ' can''t')
FROM (SELECT s AS status, pg_temp.made(s) AS id FROM unnest('{merged,abandoned,expired}'::text[]) AS s) AS m,
    LATERAL pg_temp.failure(format('SELECT confiture.intent_extend(%L, ''1 hour'')', m.id)) AS f;
SELECT is((pg_temp.failure(format('SELECT confiture.intent_extend(%L, %L)', :'id', by))).code, '22023', format('not by %s', coalesce(by, 'NULL')))
FROM unnest('{0,-1 s,11 years,1000000 years,NULL}'::text[]) AS by;
SELECT confiture.intent_extend(:'id', '9 years') \g /dev/null
SELECT is((pg_temp.failure(format('SELECT confiture.intent_extend(%L, ''9 years'')', :'id'))).code, '22023', 'nor to more than ten years in all');
SELECT is((pg_temp.failure($$SELECT confiture.intent_extend('int_x', '1 s')$$)).code, 'CF015', 'an unknown id');
SELECT is((pg_temp.failure($$SELECT confiture.intent_extend(NULL, '1 s')$$)).code, 'CF015', 'none');

-- Settings that are the session's own come back, whether it went well or not.
SET LOCAL lock_timeout = '7s';
SELECT confiture.intent_start(:'id') \g /dev/null
SELECT is(current_setting('lock_timeout'), '7s', 'lock_timeout stays');
SELECT is((pg_temp.failure(format('SELECT confiture.intent_start(%L)', :'id'))).code, 'CF014', 'after an error');
SELECT is(current_setting('lock_timeout'), '7s', 'too');

SELECT * FROM finish();
ROLLBACK;
