-- Intents: looking at them.

-- Whether a conflict is there for others: unresolved, and no side of it has ended or run out of time.
CREATE OR REPLACE FUNCTION confiture._intent_is_open(c confiture.intent_conflict) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN c.state <> 'resolved' AND 2 = (
        SELECT count(*) FROM confiture.intent AS i
        WHERE i.id IN (c.intent, c.other) AND i.active AND i.expires_at > clock_timestamp());
END
$$;

-- The status of an intent by the clock: what time has changed may not have been written yet.
CREATE OR REPLACE FUNCTION confiture._intent_status(i confiture.intent) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF i.active AND i.expires_at <= clock_timestamp() THEN
        RETURN 'expired';
    END IF;
    IF i.status = 'conflicted' AND NOT EXISTS (
        SELECT FROM confiture.intent_conflict AS c
        WHERE c.intent = i.id AND c.severity <> 'info' AND confiture._intent_is_open(c))
    THEN
        RETURN 'registered';
    END IF;
    RETURN i.status;
END
$$;

-- The open conflicts of an intent, seen from its side, the worst first.
-- newcomer: only those of which it was told.
CREATE OR REPLACE FUNCTION confiture._intent_conflicts_json(id text, newcomer boolean DEFAULT false) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'intent', _intent_conflicts_json.id, 'other', o.id,
                'agent', o.agent, 'feature', o.feature, 'branch', o.branch,
                'status', o.status, 'type', c.type, 'severity', c.severity,
                -- action is that of this intent
                'objects', CASE WHEN c.intent = _intent_conflicts_json.id THEN c.objects ELSE (
                    SELECT jsonb_agg(o.item || CASE WHEN o.item ? 'action' THEN jsonb_build_object(
                        'action', o.item -> 'other_action', 'other_action', o.item -> 'action') ELSE '{}' END ORDER BY o.place)
                    FROM jsonb_array_elements(c.objects) WITH ORDINALITY AS o (item, place)) END,
                'suggestion', c.suggestion, 'state', c.state,
                'detected_at', c.detected_at, 'expires_at', o.expires_at, 'note', c.note,
                'role', CASE WHEN c.intent = _intent_conflicts_json.id THEN 'newcomer' ELSE 'holder' END)
            ORDER BY array_position('{error,warning,info}', c.severity), c.id), '[]')
        FROM (
            SELECT f.* FROM confiture.intent_conflict AS f WHERE f.intent = _intent_conflicts_json.id
            UNION ALL
            SELECT f.* FROM confiture.intent_conflict AS f WHERE f.other = _intent_conflicts_json.id AND NOT newcomer
        ) AS c
        JOIN confiture.intent AS o ON o.id = CASE WHEN c.intent = _intent_conflicts_json.id THEN c.other ELSE c.intent END
        JOIN confiture.intent AS own ON own.id = _intent_conflicts_json.id
        WHERE c.state <> 'resolved' AND o.active AND o.expires_at > clock_timestamp()
            AND own.active AND own.expires_at > clock_timestamp());
END
$$;

-- An intent as JSON, without its objects and conflicts.
CREATE OR REPLACE FUNCTION confiture._intent_row_json(i confiture.intent) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('id', i.id, 'agent', i.agent, 'feature', i.feature, 'branch', i.branch,
            'description', i.description,
            'status', s.status, 'queued', i.queued AND s.status = 'conflicted',
            'estimated_duration', i.estimated_duration, 'starts_at', i.starts_at,
            'registered_at', i.registered_at, 'updated_at', i.updated_at, 'expires_at', i.expires_at,
            'closed_at', i.closed_at, 'registered_by', i.registered_by, 'metadata', i.metadata)
        -- OFFSET 0: asked once, used twice
        FROM (SELECT confiture._intent_status(i) AS status OFFSET 0) AS s);
END
$$;

-- An intent as JSON, whole; NULL when nobody has the id.
CREATE OR REPLACE FUNCTION confiture._intent_json(id text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT confiture._intent_row_json(i) || jsonb_build_object('schema_changes', i.schema_changes, 'unseen', i.unseen,
            'objects', confiture._intent_objects_json(confiture._intent_stored_claims(i.id)),
            'conflicts', confiture._intent_conflicts_json(i.id))
        FROM confiture.intent AS i
        WHERE i.id = _intent_json.id);
END
$$;

CREATE OR REPLACE FUNCTION confiture.intent_get(id text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found jsonb := confiture._intent_json(id);
BEGIN
    IF found IS NULL THEN
        PERFORM confiture._intent_unknown(id);
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION confiture.intent_get(text) IS
'One intent with its objects and its unresolved conflicts.
Arguments: id. Result: an object with id, agent, feature, branch, description, status, queued, estimated_duration, starts_at, registered_at, updated_at, expires_at, closed_at, registered_by, metadata, schema_changes, unseen (what of schema_changes could not be looked into), objects ({kind, schema, name, column, arguments, action, source, display}) and conflicts ({id, intent, other, agent, feature, branch, status, type, severity, objects, suggestion, state, detected_at, expires_at, note, role}; other, agent, feature, branch, status and expires_at are those of the other side, in objects action is that of this one; role: newcomer, it was told of the conflict, or holder).
Errors: CF015 unknown id.
Example: SELECT jsonb_pretty(confiture.intent_get(''int_3f9c21d07ab4''));';

CREATE OR REPLACE FUNCTION confiture._intent_list(
    wanted_status text, wanted_agent text, object text, max_rows integer)
RETURNS TABLE (
    id text, agent text, feature text, branch text, description text, status text, queued boolean, objects text[],
    conflicts integer, registered_at timestamptz, updated_at timestamptz, expires_at timestamptz,
    closed_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- the plans must not depend on statistics that may not be there yet, and their costs mean nothing
SET jit = off
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    names text[];
    conditions text;
    moment constant timestamptz := clock_timestamp();
BEGIN
    IF wanted_status NOT IN ('all', 'registered', 'in_progress', 'conflicted', 'completed', 'merged', 'abandoned', 'expired') THEN
        RAISE EXCEPTION 'unknown status %', quote_literal(wanted_status) USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The statuses are registered, in_progress, conflicted, completed, merged, abandoned and expired; all; or NULL for those that are active.';
    END IF;
    BEGIN
        names := parse_ident(object);
    EXCEPTION WHEN invalid_parameter_value THEN
        RAISE EXCEPTION 'invalid object name %', quote_literal(object) USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Write it as in SQL: users, public.users, users.email, "Order Lines".';
    END;
    IF cardinality(names) > 3 THEN
        RAISE EXCEPTION 'object name % has too many parts', quote_literal(object) USING ERRCODE = 'invalid_parameter_value',
            HINT = 'At most schema, table and column: public.users.email.';
    END IF;
    -- put together of what is asked for, so that the right index is used
    conditions := concat_ws(' AND ', 'true',
        CASE WHEN wanted_agent IS NOT NULL THEN 'i.agent = $2' END,
        CASE coalesce(wanted_status, 'active')
            WHEN 'all' THEN NULL
            WHEN 'active' THEN 'i.active AND i.expires_at > $4'
            WHEN 'expired' THEN '(i.status = $1 OR i.active AND i.expires_at <= $4)'
            WHEN 'registered' THEN 'i.active AND i.expires_at > $4 AND s.status = $1'
            WHEN 'conflicted' THEN 'i.status = $1 AND i.expires_at > $4 AND s.status = $1'
            ELSE 'i.status = $1 AND (NOT i.active OR i.expires_at > $4)'
        END,
        CASE cardinality(names)
            WHEN 1 THEN 'i.id = ANY (ARRAY(SELECT o.intent FROM confiture.intent_object AS o WHERE o.name = $3[1]))'
            WHEN 2 THEN 'i.id = ANY (ARRAY(SELECT o.intent FROM confiture.intent_object AS o
                WHERE o.name = $3[2] AND o.schema = $3[1] OR o.name = $3[1] AND o."column" = $3[2]))'
            WHEN 3 THEN 'i.id = ANY (ARRAY(SELECT o.intent FROM confiture.intent_object AS o
                WHERE o.name = $3[2] AND o.schema = $3[1] AND o."column" = $3[3]))'
        END);
    RETURN QUERY EXECUTE format($query$
        SELECT i.id, i.agent, i.feature, i.branch, i.description,
            s.status, i.queued AND s.status = 'conflicted',
            ARRAY(SELECT o.display FROM confiture.intent_object AS o
                  WHERE o.intent = i.id AND o.source <> 'affected' AND o.kind <> 'schema'
                      -- the table of a column is not named apart
                      AND NOT (o.action = 'touch' AND NOT o.bare)
                  ORDER BY o.ordinal LIMIT 50),
            (SELECT count(*)::integer FROM confiture.intent_conflict AS c
             WHERE c.state <> 'resolved' AND c.severity <> 'info' AND c.intent = i.id AND confiture._intent_is_open(c))
            + (SELECT count(*)::integer FROM confiture.intent_conflict AS c
               WHERE c.state <> 'resolved' AND c.severity <> 'info' AND c.other = i.id AND confiture._intent_is_open(c)),
            i.registered_at, i.updated_at, i.expires_at, i.closed_at
        FROM confiture.intent AS i
        CROSS JOIN LATERAL (SELECT confiture._intent_status(i) AS status OFFSET 0) AS s
        WHERE %s
        ORDER BY i.number DESC
        LIMIT $5$query$, conditions)
    USING wanted_status, wanted_agent, names, moment, max_rows;
END
$$;
-- In SQL, where an argument and a column may have one name.
CREATE OR REPLACE FUNCTION confiture.intent_list(
    status text DEFAULT NULL, agent text DEFAULT NULL, object text DEFAULT NULL, max_rows integer DEFAULT 1000)
RETURNS TABLE (
    id text, agent text, feature text, branch text, description text, status text, queued boolean, objects text[],
    conflicts integer, registered_at timestamptz, updated_at timestamptz, expires_at timestamptz,
    closed_at timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.* FROM confiture._intent_list($1, $2, $3, $4) AS l
$$;
COMMENT ON FUNCTION confiture.intent_list(text, text, text, integer) IS
'Intents, the newest first.
Arguments: status: NULL, those that others are told of (registered, in_progress, conflicted, completed); all; or one status; agent; object, a name such as users, public.users or users.email; max_rows.
Columns: id, agent, feature, branch, description, status, queued, objects (at most 50, without what is only affected), conflicts (unresolved ones of severity warning or error, on either side), registered_at, updated_at, expires_at, closed_at.
Errors: 22023 unknown status or bad object name.
Example: SELECT id, agent, objects FROM confiture.intent_list(object => ''users'');';

CREATE OR REPLACE FUNCTION confiture._intent_conflicts(
    wanted text, wanted_state text, min_severity text, max_rows integer)
RETURNS TABLE (
    id bigint, intent text, agent text, feature text, other text, other_agent text, other_feature text,
    type text, severity text, objects jsonb, suggestion text, state text, detected_at timestamptz,
    closed_at timestamptz, closed_by name, note text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    least constant integer := array_position('{info,warning,error}', min_severity);
BEGIN
    IF wanted_state IS NULL OR wanted_state NOT IN ('open', 'acknowledged', 'resolved', 'all') THEN
        RAISE EXCEPTION 'unknown state %', coalesce(quote_literal(wanted_state), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The states are open (acknowledged ones included), acknowledged, resolved and all.';
    END IF;
    IF least IS NULL THEN
        RAISE EXCEPTION 'unknown severity %', coalesce(quote_literal(min_severity), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The severities are info, warning and error.';
    END IF;
    IF wanted IS NOT NULL AND NOT EXISTS (SELECT FROM confiture.intent AS i WHERE i.id = wanted) THEN
        PERFORM confiture._intent_unknown(wanted);
    END IF;
    RETURN QUERY
    SELECT c.id, c.intent, i.agent, i.feature, c.other, o.agent, o.feature, c.type, c.severity, c.objects,
        c.suggestion, c.state, c.detected_at, c.closed_at, c.closed_by, c.note
    FROM confiture.intent_conflict AS c
    JOIN confiture.intent AS i ON i.id = c.intent
    JOIN confiture.intent AS o ON o.id = c.other
    WHERE (wanted IS NULL OR c.intent = wanted OR c.other = wanted)
        AND array_position('{info,warning,error}', c.severity) >= least
        AND CASE wanted_state WHEN 'all' THEN true
            WHEN 'resolved' THEN c.state = 'resolved'
            WHEN 'open' THEN confiture._intent_is_open(c)
            ELSE c.state = wanted_state AND confiture._intent_is_open(c) END
    ORDER BY c.id DESC
    LIMIT max_rows;
END
$$;
CREATE OR REPLACE FUNCTION confiture.intent_conflicts(
    intent text DEFAULT NULL, state text DEFAULT 'open', min_severity text DEFAULT 'info', max_rows integer DEFAULT 1000)
RETURNS TABLE (
    id bigint, intent text, agent text, feature text, other text, other_agent text, other_feature text,
    type text, severity text, objects jsonb, suggestion text, state text, detected_at timestamptz,
    closed_at timestamptz, closed_by name, note text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.* FROM confiture._intent_conflicts($1, $2, $3, $4) AS c
$$;
COMMENT ON FUNCTION confiture.intent_conflicts(text, text, text, integer) IS
'Conflicts between intents, the newest first.
Arguments: intent, one side, or NULL for all; state: open (acknowledged ones included), acknowledged, resolved or all; min_severity: info, warning or error; max_rows.
Columns: id; intent, agent, feature: the newcomer, who was told; other, other_agent, other_feature: the one that was there before; type: table, column, function, view, type, constraint, index, trigger, policy, sequence, schema, object, dependency (one builds on what the other changes), timing (both at the same time) or drop_use (one drops what the other uses); severity; objects ({object, kind, action, other_action, severity}); suggestion; state; detected_at; closed_at, closed_by, note: when, by whom and why it was acknowledged or resolved.
Errors: 22023 unknown state or severity; CF015 unknown intent.
Example: SELECT id, agent, other_agent, type, severity FROM confiture.intent_conflicts(min_severity => ''warning'');';

CREATE OR REPLACE FUNCTION confiture.intent_history(id text DEFAULT NULL, max_rows integer DEFAULT 1000)
RETURNS TABLE (at timestamptz, intent text, event text, agent text, performed_by name, detail jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF id IS NOT NULL AND NOT EXISTS (SELECT FROM confiture.intent AS i WHERE i.id = intent_history.id) THEN
        PERFORM confiture._intent_unknown(id);
    END IF;
    RETURN QUERY
    SELECT e.at, e.intent, e.event, e.agent, e.performed_by, e.detail
    FROM confiture.intent_event AS e
    WHERE intent_history.id IS NULL OR e.intent = intent_history.id
    ORDER BY e.id DESC
    LIMIT max_rows;
END
$$;
COMMENT ON FUNCTION confiture.intent_history(text, integer) IS
'The audit trail of intents, the newest first.
Arguments: id, one intent, or NULL for all; max_rows.
Columns: at; intent, NULL for an override by a session without one; event: registered, conflict, acknowledged, resolved, conflict_closed, turn, started, completed, merged, abandoned, extended, expired, override; agent and performed_by (the role): who did it; detail.
Errors: CF015 unknown id.
Example: SELECT at, event, agent, detail FROM confiture.intent_history(''int_3f9c21d07ab4'');';
