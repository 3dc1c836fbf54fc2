-- Intents: what a DDL statement may not do while somebody else has a claim.

-- The claims of others that stand in the way of a statement or script: as conflicts, or NULL. One's own are
-- those of the session's agent and of the agent of the intent that is acting (that of a running migration).
-- An older claim of one's own on the same object comes first, and what was resolved does not count.
CREATE OR REPLACE FUNCTION confiture._guard(agent text, claims jsonb, acting text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- the plans must not depend on statistics that may not be there yet, and their costs mean nothing
SET jit = off
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    own text[] := ARRAY[agent];
    conflicts jsonb;
BEGIN
    IF acting IS NOT NULL THEN
        own := own || ARRAY(SELECT i.agent FROM confiture.intent AS i WHERE i.id = acting);
    END IF;
    -- what only depends on a change is told of, and not held
    conflicts := confiture._intent_found(claims, own, NULL, NULL, false);
    IF coalesce(confiture._intent_severity(conflicts), 'info') = 'info' THEN
        RETURN NULL;
    END IF;
    SELECT jsonb_agg(c.item ORDER BY c.place) INTO conflicts
    FROM jsonb_array_elements(conflicts) WITH ORDINALITY AS c (item, place)
    JOIN confiture.intent AS o ON o.id = c.item ->> 'other'
    WHERE c.item ->> 'severity' <> 'info'
        AND NOT EXISTS (
            SELECT FROM confiture.intent_conflict AS r
            JOIN confiture.intent AS m ON m.id IN (r.intent, r.other) AND m.agent = ANY (own)
                AND m.active AND m.expires_at > clock_timestamp()
            WHERE o.id IN (r.intent, r.other) AND r.state = 'resolved' AND r.type = c.item ->> 'type')
        AND NOT EXISTS (
            SELECT FROM confiture.intent AS m
            WHERE m.agent = ANY (own) AND m.active AND m.expires_at > clock_timestamp() AND m.number < o.number
                AND EXISTS (
                    SELECT FROM confiture.intent_object AS h
                    JOIN jsonb_populate_recordset(NULL::confiture._intent_claim, claims) AS s ON s.anchor = h.anchor AND s.part = h.part
                    JOIN confiture.intent_object AS theirs ON theirs.intent = o.id AND theirs.anchor = h.anchor
                    WHERE h.intent = m.id AND h.action IN ('touch', 'alter', 'create', 'drop')
                        AND s.action IN ('touch', 'alter', 'create', 'drop')));
    RETURN conflicts;
END
$$;

-- Logs that somebody who may has gone on all the same.
CREATE OR REPLACE FUNCTION confiture._guard_override(
    agent text, claims jsonb, conflicts jsonb, reason text, command text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    passed text;
BEGIN
    FOR passed IN SELECT DISTINCT c ->> 'other' FROM jsonb_array_elements(conflicts) AS c ORDER BY 1 LOOP
        PERFORM confiture._intent_event(passed, 'override', NULL, jsonb_build_object('reason', reason, 'command', command,
            'objects', (SELECT jsonb_agg(DISTINCT c.display)
                FROM jsonb_populate_recordset(NULL::confiture._intent_claim, claims) AS c WHERE c.action NOT IN ('read', 'reference'))), NULL, agent);
    END LOOP;
END
$$;
