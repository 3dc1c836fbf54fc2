-- Intents: registering one, or only asking.

-- Makes sure that what is read is what has been committed.
CREATE OR REPLACE FUNCTION confiture._intent_check_isolation() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- in C, so the library is loaded and our settings are known from here on
    PERFORM confiture._check_writable('a change of intents');
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'intents can''t be changed in a % transaction', upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'feature_not_supported',
            DETAIL = 'Its snapshot may be too old to see the intents that others have just registered.',
            HINT = 'Call it in a READ COMMITTED transaction, or in autocommit mode.';
    END IF;
END
$$;

-- The advisory locks of claims, in the one order in which all sessions take them: two integers (the class
-- of the whole, then that of the anchors). What only uses an object does not collide with others that only
-- use it. An intent with many objects locks out all others: there is not room for thousands of locks.
CREATE OR REPLACE FUNCTION confiture._intent_lock_keys(claims jsonb)
RETURNS TABLE (class integer, key integer, shared boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT 1668247143, 0, jsonb_array_length(claims) <= 60
    UNION ALL
    (SELECT 1668247144, hashtext(c.anchor), bool_and(c.action IN ('read', 'reference', 'affected'))
     FROM jsonb_populate_recordset(NULL::confiture._intent_claim, claims) AS c
     WHERE jsonb_array_length(claims) <= 60
     GROUP BY hashtext(c.anchor)
     ORDER BY hashtext(c.anchor));
END
$$;

-- How long to wait for a lock: as long as the session or confiture.lock_timeout says, whichever is shorter.
CREATE OR REPLACE FUNCTION confiture._intent_patience(session_timeout text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- in C: loads the library, which defines our settings
    PERFORM confiture.version();
    RETURN coalesce((
        SELECT t.value FROM unnest(ARRAY[session_timeout, current_setting('confiture.lock_timeout')]) AS t (value)
        WHERE t.value <> '0' ORDER BY t.value::interval LIMIT 1), '0');
END
$$;

-- Takes the locks, to the end of the transaction, under which nobody else changes an intent with which
-- these claims may collide.
CREATE OR REPLACE FUNCTION confiture._intent_lock(
    claims jsonb, session_timeout text DEFAULT current_setting('lock_timeout'))
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- put back at the end; inside it is the shorter of the session's and ours
SET lock_timeout = 0
AS $$
DECLARE
    item record;
BEGIN
    PERFORM set_config('lock_timeout', confiture._intent_patience(session_timeout), true);
    FOR item IN SELECT k.class, k.key, k.shared FROM confiture._intent_lock_keys(claims) AS k LOOP
        IF item.shared THEN
            PERFORM pg_advisory_xact_lock_shared(item.class, item.key);
        ELSE
            PERFORM pg_advisory_xact_lock(item.class, item.key);
        END IF;
    END LOOP;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'another session is changing an intent with the same objects, and has not committed yet'
        USING ERRCODE = 'lock_not_available',
        HINT = 'Try again; or raise confiture.lock_timeout. Commit right after a call that changes an intent.';
END
$$;

-- The same without waiting: tells whether all of them were free.
CREATE OR REPLACE FUNCTION confiture._intent_try_lock(claims jsonb) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT k.class, k.key, k.shared FROM confiture._intent_lock_keys(claims) AS k LOOP
        IF item.shared AND NOT pg_try_advisory_xact_lock_shared(item.class, item.key)
            OR NOT item.shared AND NOT pg_try_advisory_xact_lock(item.class, item.key)
        THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$$;

-- Adds a row to the audit trail, and tells those who listen.
CREATE OR REPLACE FUNCTION confiture._intent_event(
    intent text, event text, status text, detail jsonb DEFAULT '{}', other text DEFAULT NULL, agent text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- whoever says who he is, else the agent of the intent
    who constant text := coalesce(_intent_event.agent, nullif(current_setting('confiture.agent', true), ''),
        (SELECT i.agent FROM confiture.intent AS i WHERE i.id = _intent_event.intent), session_user);
BEGIN
    INSERT INTO confiture.intent_event (intent, event, agent, detail) VALUES (intent, event, who, detail);
    PERFORM pg_notify('confiture_intents', jsonb_strip_nulls(jsonb_build_object(
        'event', event, 'intent', intent, 'agent', who, 'status', status, 'other', other,
        'at', clock_timestamp()))::text);
END
$$;

-- The worst severity of conflicts, or NULL.
CREATE OR REPLACE FUNCTION confiture._intent_severity(conflicts jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT ('{info,warning,error}'::text[])[max(array_position('{info,warning,error}', c ->> 'severity'))]
        FROM jsonb_array_elements(conflicts) AS c);
END
$$;

-- Conflicts, for the DETAIL of an error: a line each.
CREATE OR REPLACE FUNCTION confiture._intent_lines(conflicts jsonb) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(l.line, E'\n' ORDER BY l.place)
        || CASE WHEN jsonb_array_length(conflicts) > 10
            THEN format(E'\nand %s more', jsonb_array_length(conflicts) - 10) ELSE '' END
    FROM (
        SELECT c.place, format('%s: %s (%s): agent "%s" ' || CASE c.item #>> '{objects,0,other_action}'
                WHEN 'affected' THEN 'changes what %s depends on' WHEN 'touch' THEN 'changes a part of %s'
                WHEN 'alter' THEN 'changes %s' WHEN 'create' THEN 'creates %s' WHEN 'drop' THEN 'drops %s'
                WHEN 'write' THEN 'writes to %s' ELSE 'uses %s' END || ' for "%s", until %s.',
            c.item ->> 'severity', c.item ->> 'other', c.item ->> 'type', c.item ->> 'agent',
            c.item #>> '{objects,0,object}', c.item ->> 'feature',
            (c.item ->> 'expires_at')::timestamptz(0)) AS line
        FROM jsonb_array_elements(conflicts) WITH ORDINALITY AS c (item, place)
        WHERE c.place <= 10) AS l
$$;

-- The claims of an intent, for people and programs.
CREATE OR REPLACE FUNCTION confiture._intent_objects_json(claims jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('kind', c.kind, 'schema', c.schema, 'name', c.name, 'column', c."column",
            'arguments', c.arguments, 'action', c.action, 'source', c.source, 'display', c.display) ORDER BY c.ordinal), '[]')
        FROM jsonb_populate_recordset(NULL::confiture._intent_claim, claims) WITH ORDINALITY
            AS c (anchor, part, kind, schema, name, "column", arguments, action, source, display, bare, classid, oid, ordinal));
END
$$;

-- When a change is to run, and for how long.
CREATE OR REPLACE FUNCTION confiture._intent_check_window(starts_at timestamptz, lasts interval) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF lasts <= interval '0' OR lasts > interval '10 years' THEN
        RAISE EXCEPTION 'estimated_duration can''t be %', lasts
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give an interval such as 10 minutes, at most 10 years.';
    END IF;
    IF NOT isfinite(starts_at) OR starts_at NOT BETWEEN now() - interval '100 years' AND now() + interval '100 years' THEN
        RAISE EXCEPTION 'starts_at can''t be %', starts_at
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the time at which the change is to run.';
    END IF;
END
$$;

-- Only looks: see confiture.intent_check().
CREATE OR REPLACE FUNCTION confiture._intent_check(
    agent text, claims jsonb, unseen jsonb, estimated_duration interval, starts_at timestamptz)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    all_claims constant jsonb := claims || confiture._intent_affected(claims);
    conflicts jsonb;
    severity text;
BEGIN
    PERFORM confiture._intent_check_name('agent', agent);
    PERFORM confiture._intent_check_window(starts_at, estimated_duration);
    conflicts := confiture._intent_found(all_claims, ARRAY[agent], starts_at, estimated_duration, true);
    severity := confiture._intent_severity(conflicts);
    -- where nothing could be looked into, nobody can say that it is free
    RETURN jsonb_build_object('free', coalesce(severity, 'info') = 'info' AND (claims <> '[]' OR unseen = '[]'), 'severity', severity, 'agent', agent,
        'objects', confiture._intent_objects_json(all_claims), 'unseen', unseen, 'conflicts', conflicts);
END
$$;

-- Whether nobody else has claims that stand in the way.
CREATE OR REPLACE FUNCTION confiture._intent_free(agent text, claims jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._intent_check_name('agent', agent);
    RETURN coalesce(confiture._intent_severity(confiture._intent_found(
        claims || confiture._intent_affected(claims), ARRAY[agent], NULL, NULL, true)), 'info') = 'info';
END
$$;

-- An id that nobody has.
CREATE OR REPLACE FUNCTION confiture._intent_new_id() RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen text;
BEGIN
    LOOP
        chosen := 'int_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12);
        EXIT WHEN NOT EXISTS (SELECT FROM confiture.intent AS i WHERE i.id = chosen);
    END LOOP;
    RETURN chosen;
END
$$;

-- Registers: see confiture.intent_register().
CREATE OR REPLACE FUNCTION confiture._intent_register(
    agent text, feature text, claims jsonb, unseen jsonb, schema_changes text, branch text, expires interval,
    on_conflict text, metadata jsonb, description text, estimated_duration interval, starts_at timestamptz)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lasts constant interval := coalesce(expires, current_setting('confiture.intent_expiry')::interval);
    all_claims jsonb;
    conflicts jsonb;
    blocked boolean;
    new_id text;
    new_status text;
BEGIN
    PERFORM confiture._intent_check_name('agent', agent);
    PERFORM confiture._intent_check_name('feature', feature);
    IF on_conflict IS NULL OR on_conflict NOT IN ('warn', 'refuse', 'queue') THEN
        RAISE EXCEPTION 'on_conflict must be warn, refuse or queue, not %', coalesce(quote_literal(on_conflict), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'warn registers all the same, refuse does not, queue waits for its turn.';
    END IF;
    IF lasts <= interval '0' OR lasts > interval '10 years' THEN
        RAISE EXCEPTION 'an intent can''t expire after %', lasts
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give an interval such as 2 hours, at most 10 years.';
    END IF;
    PERFORM confiture._intent_check_window(starts_at, estimated_duration);
    IF jsonb_typeof(metadata) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'metadata must be a JSON object' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give {"ticket": "SHOP-12"}, or leave it out.';
    END IF;
    PERFORM confiture._intent_check_isolation();
    all_claims := claims || confiture._intent_affected(claims);
    PERFORM confiture._intent_lock(all_claims);
    PERFORM confiture._intent_expire(10);
    conflicts := confiture._intent_found(all_claims, ARRAY[agent], starts_at, estimated_duration, true);
    blocked := coalesce(confiture._intent_severity(conflicts) <> 'info', false);
    IF blocked AND on_conflict = 'refuse' THEN
        RAISE EXCEPTION 'the intent is in conflict with %', (
                SELECT string_agg(DISTINCT c ->> 'other', ', ') FROM jsonb_array_elements(conflicts) AS c
                WHERE c ->> 'severity' <> 'info')
            USING ERRCODE = 'CF003', DETAIL = confiture._intent_lines(conflicts),
            HINT = 'Nothing was registered. Talk to the other side, wait with confiture.intent_wait(), or register with on_conflict => ''queue''.';
    END IF;

    new_id := confiture._intent_new_id();
    new_status := CASE WHEN blocked THEN 'conflicted' ELSE 'registered' END;
    INSERT INTO confiture.intent (id, agent, feature, branch, description, schema_changes, unseen, status, queued,
        estimated_duration, starts_at, expires_at, metadata)
    VALUES (new_id, agent, feature, branch, description, schema_changes, unseen, new_status,
        blocked AND on_conflict = 'queue', estimated_duration, starts_at, clock_timestamp() + lasts, metadata);
    INSERT INTO confiture.intent_object (intent, ordinal, anchor, part, kind, schema, name, "column", arguments,
        action, source, bare)
    SELECT new_id, c.ordinal, c.anchor, c.part, c.kind, c.schema, c.name, c."column", c.arguments,
        c.action, c.source, coalesce(c.bare, false)
    FROM jsonb_populate_recordset(NULL::confiture._intent_claim, all_claims) WITH ORDINALITY
        AS c (anchor, part, kind, schema, name, "column", arguments, action, source, display, bare, classid, oid, ordinal);
    PERFORM confiture._intent_event(new_id, 'registered', new_status, jsonb_build_object('feature', feature,
        'on_conflict', on_conflict, 'queued', blocked AND on_conflict = 'queue'), NULL, agent);
    IF conflicts <> '[]' THEN
        SELECT jsonb_agg(c.item || jsonb_build_object('id', nextval('confiture.intent_conflict_id_seq'), 'intent', new_id,
            'detected_at', clock_timestamp()) ORDER BY c.place)
        INTO conflicts
        FROM jsonb_array_elements(conflicts) WITH ORDINALITY AS c (item, place);
        INSERT INTO confiture.intent_conflict (id, intent, other, type, severity, objects, suggestion, detected_at)
        OVERRIDING SYSTEM VALUE
        SELECT c.id, new_id, c.other, c.type, c.severity, c.objects, c.suggestion, c.detected_at
        FROM jsonb_to_recordset(conflicts) AS c (
            id bigint, other text, type text, severity text, objects jsonb, suggestion text, detected_at timestamptz);
    END IF;
    IF blocked THEN
        -- in the history of the other side as well
        PERFORM confiture._intent_event(c.other, 'conflict', c.status,
            jsonb_build_object('with', new_id, 'agent', agent, 'severity', c.severity), new_id, agent)
        FROM (
            SELECT c.other, c.status,
                ('{info,warning,error}'::text[])[max(array_position('{info,warning,error}', c.severity))] AS severity
            FROM jsonb_to_recordset(conflicts) AS c (other text, status text, severity text)
            WHERE c.severity <> 'info'
            GROUP BY c.other, c.status) AS c;
    END IF;
    -- as confiture._intent_json(), without reading again what is at hand
    RETURN (
        SELECT confiture._intent_row_json(i) || jsonb_build_object('schema_changes', i.schema_changes, 'unseen', i.unseen,
            'objects', confiture._intent_objects_json(all_claims), 'conflicts', conflicts)
        FROM confiture.intent AS i
        WHERE i.id = new_id);
END
$$;
