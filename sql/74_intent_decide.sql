-- Intents: deciding about conflicts, the board, the archive.

-- Marks a conflict; resolved ones hold nobody back any more. The rows of both intents are locked first, the older
-- one before the newer one, as their ends do it.
CREATE OR REPLACE FUNCTION confiture._intent_decide(
    conflict bigint, wanted text, note text, session_timeout text DEFAULT current_setting('lock_timeout'))
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- put back at the end; inside it is the shorter of the session's and ours
SET lock_timeout = 0
AS $$
DECLARE
    c confiture.intent_conflict;
    said constant text := note;
BEGIN
    IF said IS NULL OR btrim(said) = '' THEN
        RAISE EXCEPTION 'a conflict is not % without a note', wanted
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Say in the note what was agreed: others will read it.';
    END IF;
    PERFORM confiture._intent_check_isolation();
    PERFORM set_config('lock_timeout', confiture._intent_patience(session_timeout), true);
    SELECT t.* INTO c FROM confiture.intent_conflict AS t WHERE t.id = conflict;
    PERFORM FROM confiture.intent AS i WHERE i.id = c.other FOR NO KEY UPDATE;
    PERFORM FROM confiture.intent AS i WHERE i.id = c.intent FOR NO KEY UPDATE;
    SELECT t.* INTO c FROM confiture.intent_conflict AS t WHERE t.id = conflict FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no conflict %', coalesce(conflict::text, 'NULL')
            USING ERRCODE = 'CF015', HINT = 'SELECT id, agent, other_agent FROM confiture.intent_conflicts() shows the open ones.';
    END IF;
    IF c.state = 'resolved' OR c.state = wanted THEN
        RAISE EXCEPTION 'conflict % is % already', conflict, c.state
            USING ERRCODE = 'CF014', DETAIL = format('Since %s: %s', c.closed_at::timestamptz(0), c.note),
            HINT = 'SELECT * FROM confiture.intent_history(id) shows what happened.';
    END IF;
    UPDATE confiture.intent_conflict AS t
    SET state = wanted, closed_at = clock_timestamp(), closed_by = session_user, note = concat_ws('; ', t.note, said)
    WHERE t.id = conflict;
    PERFORM confiture._intent_event(c.intent, wanted, NULL,
        jsonb_build_object('conflict', conflict, 'with', c.other, 'note', said), c.other);
    PERFORM confiture._intent_event(c.other, wanted, NULL,
        jsonb_build_object('conflict', conflict, 'with', c.intent, 'note', said), c.intent);
    IF wanted = 'resolved' THEN
        PERFORM confiture._intent_turns(ARRAY[c.intent]);
    END IF;
    RETURN (SELECT to_jsonb(t) FROM confiture.intent_conflict AS t WHERE t.id = conflict);
END
$$;

CREATE OR REPLACE FUNCTION confiture.intent_acknowledge(conflict bigint, note text) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._intent_decide(conflict, 'acknowledged', note)
$$;
COMMENT ON FUNCTION confiture.intent_acknowledge(bigint, text) IS
'Says that somebody has seen a conflict. It is still there: who is queued behind it goes on waiting.
Arguments: conflict, its id; note, what is going to happen. Result: the conflict (id, intent, other, type, severity, objects, suggestion, state, detected_at, closed_at, closed_by, note).
Errors: 22023 no note; CF014 it is acknowledged or resolved already; CF015 unknown id; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction.
Example: SELECT confiture.intent_acknowledge(7, ''asked in the chat'');';

CREATE OR REPLACE FUNCTION confiture.intent_resolve(conflict bigint, note text) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._intent_decide(conflict, 'resolved', note)
$$;
COMMENT ON FUNCTION confiture.intent_resolve(bigint, text) IS
'Says that the two sides have agreed: the conflict is over, holds nobody back in the queue, and between these two intents nothing is enforced any more.
Arguments: conflict, its id; note, what was agreed. Result: as confiture.intent_acknowledge().
Errors: 22023 no note; CF014 it is resolved already; CF015 unknown id; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction.
Example: SELECT confiture.intent_resolve(7, ''alice adds the column, bob the index'');';

CREATE OR REPLACE FUNCTION confiture.intent_board() RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH active AS MATERIALIZED (
        SELECT i.* FROM confiture.intent AS i
        WHERE i.active AND i.expires_at > clock_timestamp()
    ), newest AS MATERIALIZED (
        SELECT a.* FROM active AS a ORDER BY a.number DESC LIMIT 500
    ), open AS MATERIALIZED (
        SELECT c.* FROM confiture.intent_conflict AS c
        WHERE c.state <> 'resolved' AND c.severity <> 'info' AND confiture._intent_is_open(c)
    ), used AS (
        SELECT o.display, o.kind, n.number, jsonb_build_object('id', n.id, 'agent', n.agent, 'feature', n.feature,
            'status', n.status, 'action', o.action) AS item
        FROM newest AS n
        JOIN confiture.intent_object AS o ON o.intent = n.id
        WHERE o.part = '' AND o.kind <> 'schema' AND o.action IN ('touch', 'alter', 'create', 'drop')
    )
    SELECT jsonb_build_object(
        'generated_at', clock_timestamp(),
        'database', current_database(),
        'counts', jsonb_build_object(
            'active', (SELECT count(*) FROM active),
            'in_conflict', (SELECT count(DISTINCT x.id) FROM open AS o CROSS JOIN LATERAL (VALUES (o.intent), (o.other)) AS x (id)),
            'queued', (SELECT count(*) FROM active AS a WHERE a.queued AND a.id IN (SELECT o.intent FROM open AS o)),
            'by_status', (SELECT coalesce(jsonb_object_agg(s.status, s.number), '{}')
                FROM (SELECT a.status, count(*) AS number FROM active AS a GROUP BY a.status) AS s)),
        'intents', (SELECT coalesce(jsonb_agg(confiture._intent_row_json(i) || jsonb_build_object(
                'objects', confiture._intent_objects_json(confiture._intent_stored_claims(i.id, 200)),
                'more_objects', greatest((SELECT count(*) FROM confiture.intent_object AS t WHERE t.intent = i.id) - 200, 0),
                'conflicts', (SELECT count(*) FROM open AS o WHERE i.id IN (o.intent, o.other)))
                ORDER BY i.number DESC), '[]')
            FROM confiture.intent AS i WHERE i.id IN (SELECT n.id FROM newest AS n)),
        'tables', (SELECT coalesce(jsonb_agg(t.item ORDER BY t.number DESC, t.item ->> 'object'), '[]')
            FROM (
                SELECT count(*) AS number, jsonb_build_object('object', u.display,
                    'kind', min(u.kind), 'intents', jsonb_agg(u.item ORDER BY u.number)) AS item
                FROM used AS u
                GROUP BY u.display
                ORDER BY 1 DESC
                LIMIT 500) AS t),
        'conflicts', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'intent', o.intent, 'intent_agent', i.agent,
                'intent_feature', i.feature, 'other', o.other, 'agent', h.agent, 'feature', h.feature, 'type', o.type,
                'severity', o.severity, 'objects', o.objects, 'suggestion', o.suggestion, 'state', o.state,
                'detected_at', o.detected_at, 'note', o.note)
                ORDER BY array_position('{error,warning,info}', o.severity), o.id DESC), '[]')
            FROM (SELECT * FROM open ORDER BY array_position('{error,warning,info}', severity), id DESC LIMIT 200) AS o
            JOIN confiture.intent AS i ON i.id = o.intent
            JOIN confiture.intent AS h ON h.id = o.other),
        'history', (SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]') FROM confiture.intent_history(NULL, 100) AS e))
$$;
COMMENT ON FUNCTION confiture.intent_board() IS
'What a dashboard shows, in one value.
Result: an object with generated_at, database, counts (active, in_conflict, queued, by_status), intents (the newest 500 active ones, as intent_get(), with the first 200 objects and the number of more_objects, and the number of conflicts), tables ({object, kind, intents}: what is being changed, by whom), conflicts (unresolved, warning or worse, at most 200, with both sides: intent, intent_agent, intent_feature is the newcomer) and history (the newest 100 events).
Example: SELECT confiture.intent_board() -> ''counts'';';

-- Removes ended intents and returns them: behind confiture.intent_archive(), which lets it pass the trigger
-- of the audit trail.
CREATE OR REPLACE FUNCTION confiture._intent_archive(older_than interval) RETURNS SETOF jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended text[];
BEGIN
    IF older_than IS NULL OR older_than < interval '0' OR older_than > interval '1000 years' THEN
        RAISE EXCEPTION 'older_than must be an interval from 0 to 1000 years, not %', coalesce(older_than::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give an interval such as 90 days.';
    END IF;
    PERFORM confiture._intent_check_isolation();
    PERFORM confiture._intent_expire(10000);
    ended := ARRAY(
        SELECT i.id FROM confiture.intent AS i
        WHERE i.closed_at IS NOT NULL AND i.closed_at <= clock_timestamp() - older_than
        ORDER BY i.number
        FOR UPDATE SKIP LOCKED);
    RETURN QUERY
    SELECT confiture._intent_json(a.id) || jsonb_build_object(
        'conflicts', (SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.id), '[]') FROM confiture.intent_conflict AS c
            WHERE c.intent = a.id OR c.other = a.id),
        'history', (SELECT coalesce(jsonb_agg(to_jsonb(e) ORDER BY e.id), '[]') FROM confiture.intent_event AS e
            WHERE e.intent = a.id))
    FROM unnest(ended) WITH ORDINALITY AS a (id, place)
    ORDER BY a.place;
    DELETE FROM confiture.intent_event AS e WHERE e.intent = ANY (ended);
    DELETE FROM confiture.intent_conflict AS c WHERE c.intent = ANY (ended) OR c.other = ANY (ended);
    DELETE FROM confiture.intent_object AS o WHERE o.intent = ANY (ended);
    DELETE FROM confiture.intent AS i WHERE i.id = ANY (ended);
END
$$;

CREATE OR REPLACE FUNCTION confiture.intent_archive(older_than interval) RETURNS SETOF jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_intent_archive';
COMMENT ON FUNCTION confiture.intent_archive(interval) IS
'Removes the intents that have ended, with their objects, conflicts and history, and returns them. The only way to remove rows of the audit trail; for admins.
Arguments: older_than: those that ended longer ago, from 0 to 1000 years.
Result: an object for each, as intent_get(), with all of its conflicts and its history.
Errors: 22023 bad interval; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction.
Example: COPY (SELECT confiture.intent_archive(''90 days'')) TO STDOUT;';

CREATE OR REPLACE FUNCTION confiture._intent_refuse_change() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_intent_refuse_change';

-- Run once: an update script does not find them missing.
CREATE TRIGGER intent_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON confiture.intent_event
    FOR EACH STATEMENT EXECUTE FUNCTION confiture._intent_refuse_change();
ALTER TABLE confiture.intent_event ENABLE ALWAYS TRIGGER intent_event_append_only;
