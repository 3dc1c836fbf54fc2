-- Intents: from one status to the next, and to their ends.

-- The claims of a stored intent, or the first of them.
CREATE OR REPLACE FUNCTION confiture._intent_stored_claims(id text, max_rows integer DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('anchor', o.anchor, 'part', o.part, 'kind', o.kind, 'schema', o.schema,
            'name', o.name, 'column', o."column", 'arguments', o.arguments, 'action', o.action, 'source', o.source, 'display', o.display)
            ORDER BY o.ordinal), '[]')
        FROM (
            SELECT t.* FROM confiture.intent_object AS t
            WHERE t.intent = _intent_stored_claims.id
            ORDER BY t.ordinal
            LIMIT max_rows) AS o);
END
$$;

-- Gives intents their turn that no conflict holds back any more. Each is locked before its conflicts are looked
-- at: of two sessions that end two of its conflicts at once, the second sees what the first has done.
CREATE OR REPLACE FUNCTION confiture._intent_turns(ids text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    waiting text;
BEGIN
    IF ids = '{}' THEN
        RETURN;
    END IF;
    FOR waiting IN
        SELECT i.id FROM confiture.intent AS i
        WHERE i.id = ANY (ids) AND i.status = 'conflicted'
        ORDER BY i.number
    LOOP
        PERFORM FROM confiture.intent AS i WHERE i.id = waiting FOR NO KEY UPDATE;
        UPDATE confiture.intent AS i
        SET status = 'registered', queued = false, updated_at = clock_timestamp()
        WHERE i.id = waiting AND i.status = 'conflicted' AND i.expires_at > clock_timestamp() AND NOT EXISTS (
            SELECT FROM confiture.intent_conflict AS c
            WHERE c.intent = waiting AND c.state <> 'resolved' AND c.severity <> 'info');
        IF FOUND THEN
            PERFORM confiture._intent_event(waiting, 'turn', 'registered');
        END IF;
    END LOOP;
END
$$;

-- Closes one conflict of an intent that ends.
CREATE OR REPLACE FUNCTION confiture._intent_close(c confiture.intent_conflict, because text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE confiture.intent_conflict AS t
    SET state = 'resolved', closed_at = clock_timestamp(), closed_by = session_user, note = concat_ws('; ', t.note, because)
    WHERE t.id = c.id AND t.state <> 'resolved';
    IF FOUND AND c.severity <> 'info' THEN
        PERFORM confiture._intent_event(c.intent, 'conflict_closed', NULL,
            jsonb_build_object('conflict', c.id, 'with', c.other, 'because', because), c.other);
        PERFORM confiture._intent_event(c.other, 'conflict_closed', NULL,
            jsonb_build_object('conflict', c.id, 'with', c.intent, 'because', because), c.intent);
    END IF;
END
$$;

-- Ends an intent: others are not told of it any more, and its conflicts are over. Under the locks of its claims.
CREATE OR REPLACE FUNCTION confiture._intent_end(id text, ended text, detail jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    because constant text := format('%s is %s', id, ended);
    c confiture.intent_conflict;
    waiting text[] := '{}';
BEGIN
    -- what was completed may be merged somewhere: its version stays taken
    DELETE FROM confiture.version_reservation AS r
    USING confiture.intent AS i
    WHERE r.intent = _intent_end.id AND i.id = r.intent
        AND (ended = 'abandoned' OR ended = 'expired' AND i.status <> 'completed');
    UPDATE confiture.intent AS i
    SET status = ended, queued = false, updated_at = clock_timestamp(), closed_at = clock_timestamp()
    WHERE i.id = _intent_end.id;
    UPDATE confiture.intent_object AS o SET active = false WHERE o.intent = _intent_end.id;
    PERFORM confiture._intent_event(id, ended, ended, detail);
    FOR c IN SELECT t.* FROM confiture.intent_conflict AS t WHERE t.intent = _intent_end.id AND t.state <> 'resolved' ORDER BY t.id LOOP
        PERFORM confiture._intent_close(c, because);
    END LOOP;
    FOR c IN SELECT t.* FROM confiture.intent_conflict AS t WHERE t.other = _intent_end.id AND t.state <> 'resolved' ORDER BY t.id LOOP
        PERFORM confiture._intent_close(c, because);
        waiting := waiting || c.intent;
    END LOOP;
    PERFORM confiture._intent_turns(waiting);
END
$$;

-- Locks what the end of an intent changes, if nobody else has it: its row, its conflicts, those that wait for it.
CREATE OR REPLACE FUNCTION confiture._intent_try_rows(id text, moment timestamptz) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM confiture.intent AS i
    WHERE i.id = _intent_try_rows.id AND i.active AND i.expires_at <= moment FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM FROM confiture.intent_conflict AS c
    WHERE (c.intent = _intent_try_rows.id OR c.other = _intent_try_rows.id) AND c.state <> 'resolved' FOR UPDATE NOWAIT;
    PERFORM FROM confiture.intent AS i
    WHERE i.id IN (SELECT c.intent FROM confiture.intent_conflict AS c
        WHERE c.other = _intent_try_rows.id AND c.state <> 'resolved') FOR NO KEY UPDATE NOWAIT;
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$$;

-- Ends intents whose time is over. Others see them as ended from that moment on, whether this ran or not.
-- Never waits: it runs where locks are held. What another session works at is left for the next time.
CREATE OR REPLACE FUNCTION confiture._intent_expire(max_rows integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- not the function itself, which is volatile: no index would be used
    moment constant timestamptz := clock_timestamp();
    late text;
BEGIN
    FOR late IN
        SELECT i.id FROM confiture.intent AS i
        WHERE i.active AND i.expires_at <= moment
        ORDER BY i.expires_at
        LIMIT max_rows
    LOOP
        IF confiture._intent_try_lock(confiture._intent_stored_claims(late))
            AND confiture._intent_try_rows(late, moment)
        THEN
            PERFORM confiture._intent_end(late, 'expired', '{}');
        END IF;
    END LOOP;
END
$$;

-- Raises the error for an id that nobody has.
CREATE OR REPLACE FUNCTION confiture._intent_unknown(id text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'there is no intent %', coalesce(quote_literal(id), 'NULL')
        USING ERRCODE = 'CF015', HINT = 'SELECT id, agent, feature FROM confiture.intent_list() shows the active ones.';
END
$$;

-- Moves an intent on, if its status allows that.
CREATE OR REPLACE FUNCTION confiture._intent_move(
    id text, wanted text, event text, detail jsonb DEFAULT '{}', session_timeout text DEFAULT current_setting('lock_timeout'))
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- put back at the end; inside it is the shorter of the session's and ours
SET lock_timeout = 0
AS $$
DECLARE
    i confiture.intent;
    current text;
    blocking jsonb;
BEGIN
    PERFORM confiture._intent_check_isolation();
    PERFORM set_config('lock_timeout', confiture._intent_patience(session_timeout), true);
    IF wanted IN ('merged', 'abandoned') THEN
        PERFORM confiture._intent_lock(confiture._intent_stored_claims(id), current_setting('lock_timeout'));
    END IF;
    SELECT t.* INTO i FROM confiture.intent AS t WHERE t.id = _intent_move.id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM confiture._intent_unknown(id);
    END IF;
    current := CASE WHEN i.active AND i.expires_at <= clock_timestamp() THEN 'expired' ELSE i.status END;
    IF NOT EXISTS (
        SELECT FROM confiture.intent_move AS m
        WHERE m.from_status = current AND m.to_status = wanted AND NOT m.automatic)
    THEN
        RAISE EXCEPTION 'intent % is %: it can''t become %', id, current, wanted
            USING ERRCODE = 'CF014',
            DETAIL = coalesce((
                SELECT format('From %s it can become: %s.', current, string_agg(m.to_status, ', ' ORDER BY m.to_status))
                FROM confiture.intent_move AS m
                WHERE m.from_status = current AND NOT m.automatic
                HAVING count(*) > 0),
                format('%s is an end: nothing comes after it.', initcap(current))),
            HINT = CASE WHEN current IN ('merged', 'abandoned', 'expired') THEN 'Register a new intent.'
                ELSE 'SELECT confiture.intent_get(id) shows where it stands.' END;
    END IF;
    IF wanted IN ('in_progress', 'completed') AND i.queued THEN
        SELECT jsonb_agg(c) INTO blocking
        FROM jsonb_array_elements(confiture._intent_conflicts_json(id, true)) AS c
        WHERE c ->> 'severity' <> 'info';
        IF blocking IS NOT NULL THEN
            RAISE EXCEPTION 'intent % waits for its turn', id
                USING ERRCODE = 'CF003', DETAIL = confiture._intent_lines(blocking),
                HINT = 'confiture.intent_wait_turn(id) returns when it has come.';
        END IF;
    END IF;
    IF wanted IN ('merged', 'abandoned') THEN
        PERFORM confiture._intent_end(id, wanted, detail);
    ELSE
        UPDATE confiture.intent AS t SET status = wanted, queued = false, updated_at = clock_timestamp()
        WHERE t.id = _intent_move.id;
        PERFORM confiture._intent_event(id, event, wanted, detail);
    END IF;
    -- last: nothing is waited for any more, so the rows that it locks can't be in anybody's way
    PERFORM confiture._intent_expire(10);
    RETURN confiture._intent_json(id);
END
$$;

CREATE OR REPLACE FUNCTION confiture.intent_start(id text) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._intent_move(id, 'in_progress', 'started')
$$;
COMMENT ON FUNCTION confiture.intent_start(text) IS
'Says that the work on an intent has begun, or begins again after it was completed.
Arguments: id. Result: the intent, as confiture.intent_get().
Errors: CF003 it is queued and its turn has not come (DETAIL: behind whom); CF014 its status does not allow it (DETAIL: what it allows); CF015 unknown id; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction.
Example: SELECT confiture.intent_start(''int_3f9c21d07ab4'');';

CREATE OR REPLACE FUNCTION confiture.intent_complete(id text) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._intent_move(id, 'completed', 'completed')
$$;
COMMENT ON FUNCTION confiture.intent_complete(text) IS
'Says that the change is written. Others still see the intent, until it is merged or expires.
Arguments: id. Result: the intent, as confiture.intent_get().
Errors: CF003 it is queued and its turn has not come; CF014 its status does not allow it; CF015 unknown id; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction.
Example: SELECT confiture.intent_complete(''int_3f9c21d07ab4'');';

CREATE OR REPLACE FUNCTION confiture.intent_merge(id text) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._intent_move(id, 'merged', 'merged')
$$;
COMMENT ON FUNCTION confiture.intent_merge(text) IS
'Says that a completed change is merged: the intent ends, its conflicts close, and who waited for it has its turn.
Arguments: id. Result: the intent, as confiture.intent_get().
Errors: CF014 it is not completed; CF015 unknown id; 55P03 another session holds its objects; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction.
Example: SELECT confiture.intent_merge(''int_3f9c21d07ab4'');';

CREATE OR REPLACE FUNCTION confiture.intent_abandon(id text, reason text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._intent_move(id, 'abandoned', 'abandoned', jsonb_strip_nulls(jsonb_build_object('reason', reason)))
$$;
COMMENT ON FUNCTION confiture.intent_abandon(text, text) IS
'Gives an intent up: it ends, its conflicts close, and who waited for it has its turn. Versions reserved for it are free again.
Arguments: id; reason, for the history. Result: the intent, as confiture.intent_get().
Errors: CF014 it has ended already; CF015 unknown id; 55P03 another session holds its objects; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction.
Example: SELECT confiture.intent_abandon(''int_3f9c21d07ab4'', ''the other way is simpler'');';

-- Under the locks of its claims: at the moment at which it would expire, others who register must wait and see.
CREATE OR REPLACE FUNCTION confiture._intent_extend(
    id text, by_interval interval, session_timeout text DEFAULT current_setting('lock_timeout'))
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- put back at the end; inside it is the shorter of the session's and ours
SET lock_timeout = 0
AS $$
DECLARE
    i confiture.intent;
BEGIN
    IF by_interval IS NULL OR by_interval <= interval '0' OR by_interval > interval '10 years' THEN
        RAISE EXCEPTION 'an intent can''t be extended by %', coalesce(by_interval::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give an interval such as 2 hours, at most 10 years.';
    END IF;
    PERFORM confiture._intent_check_isolation();
    PERFORM set_config('lock_timeout', confiture._intent_patience(session_timeout), true);
    PERFORM confiture._intent_lock(confiture._intent_stored_claims(id), current_setting('lock_timeout'));
    SELECT t.* INTO i FROM confiture.intent AS t WHERE t.id = _intent_extend.id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM confiture._intent_unknown(id);
    END IF;
    IF NOT i.active OR i.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'intent % is %: it can''t be extended', id, CASE WHEN i.active THEN 'expired' ELSE i.status END
            USING ERRCODE = 'CF014', DETAIL = 'Only an active intent can be extended: others may rely on its end.',
            HINT = 'Register a new intent.';
    END IF;
    IF i.expires_at + by_interval > clock_timestamp() + interval '10 years' THEN
        RAISE EXCEPTION 'intent % can''t be extended by %', id, by_interval
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It would end in more than 10 years.',
            HINT = 'Give an interval such as 2 hours.';
    END IF;
    UPDATE confiture.intent AS t
    SET expires_at = t.expires_at + by_interval, updated_at = clock_timestamp()
    WHERE t.id = _intent_extend.id;
    PERFORM confiture._intent_event(id, 'extended', i.status, jsonb_build_object('by', by_interval));
    RETURN confiture._intent_json(id);
END
$$;

CREATE OR REPLACE FUNCTION confiture.intent_extend(id text, by_interval interval) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._intent_extend(id, by_interval)
$$;
COMMENT ON FUNCTION confiture.intent_extend(text, interval) IS
'Lets an intent expire later.
Arguments: id; by_interval, added to expires_at: more than 0, at most 10 years. Result: the intent, as confiture.intent_get().
Errors: 22023 bad interval; CF014 it has ended or is expired; CF015 unknown id; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction.
Example: SELECT confiture.intent_extend(''int_3f9c21d07ab4'', ''2 hours'');';

-- A migration that names its intent has been applied: the change is made. Silent where the intent is unknown,
-- as in a database in which nobody coordinates.
CREATE OR REPLACE FUNCTION confiture._intent_applied(intent text, version text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE confiture.intent AS t SET status = 'completed', queued = false, updated_at = clock_timestamp()
    WHERE t.id = _intent_applied.intent AND t.active AND t.status <> 'completed';
    IF FOUND THEN
        PERFORM confiture._intent_event(intent, 'completed', 'completed', jsonb_build_object('version', version));
    END IF;
END
$$;

-- Whether a registered intent is held back by nobody.
CREATE OR REPLACE FUNCTION confiture._intent_has_turn(id text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    i confiture.intent;
BEGIN
    SELECT t.* INTO i FROM confiture.intent AS t WHERE t.id = _intent_has_turn.id;
    IF NOT FOUND THEN
        PERFORM confiture._intent_unknown(id);
    END IF;
    IF NOT i.active OR i.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'intent % is %: it has no turn any more', id, CASE WHEN i.active THEN 'expired' ELSE i.status END
            USING ERRCODE = 'CF014', DETAIL = 'Only an active intent waits.', HINT = 'Register a new intent.';
    END IF;
    RETURN confiture._intent_status(i) <> 'conflicted';
END
$$;
