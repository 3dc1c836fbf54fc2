-- Versions of migrations that nobody else gets.

-- The next version in the style of the known ones; a time in UTC when there are none.
CREATE OR REPLACE FUNCTION confiture._next_version(known text[]) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        WITH newest AS (
            SELECT max(v::numeric) + 1 AS number, (array_agg(length(v) ORDER BY v::numeric DESC))[1] AS digits
            FROM unnest(known) AS v
            WHERE v ~ '^[0-9]+$'
        )
        SELECT CASE
            WHEN n.number IS NULL THEN t.now
            WHEN n.digits = length(t.now) THEN greatest(n.number, t.now::numeric)::text
            ELSE lpad(n.number::text, greatest(n.digits, length(n.number::text)), '0')
        END
        FROM newest AS n
        CROSS JOIN (SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS') AS now) AS t);
END
$$;

CREATE OR REPLACE FUNCTION confiture.reserve_version(
    agent text, name text DEFAULT NULL, known text[] DEFAULT '{}', intent text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    who constant text := coalesce(reserve_version.agent, confiture._intent_agent());
    owner constant text := coalesce(reserve_version.intent, (
        SELECT i.id FROM confiture.intent AS i
        WHERE i.agent = who AND i.active AND i.expires_at > clock_timestamp()
        ORDER BY i.number DESC LIMIT 1));
    numbers text[];
    dated boolean;
    chosen text;
BEGIN
    PERFORM confiture._intent_check_name('agent', who);
    PERFORM confiture._intent_check_isolation();
    IF reserve_version.intent IS NOT NULL AND NOT EXISTS (
        SELECT FROM confiture.intent AS i WHERE i.id = owner AND i.active AND i.expires_at > clock_timestamp())
    THEN
        IF EXISTS (SELECT FROM confiture.intent AS i WHERE i.id = owner) THEN
            RAISE EXCEPTION 'intent % has ended: no version can be reserved for it', owner
                USING ERRCODE = 'CF014', HINT = 'Register a new intent.';
        END IF;
        PERFORM confiture._intent_unknown(owner);
    END IF;
    -- one at a time
    PERFORM confiture._intent_lock('[{"anchor": "version", "action": "create"}]');
    DELETE FROM confiture.version_reservation AS r
    WHERE r.expires_at <= clock_timestamp()
        OR EXISTS (SELECT FROM confiture.intent AS i
            WHERE i.id = r.intent AND i.active AND i.status <> 'completed' AND i.expires_at <= clock_timestamp());
    numbers := ARRAY(
        SELECT v FROM (
            SELECT unnest(known) AS v
            UNION SELECT m.version FROM confiture.migration AS m
            UNION SELECT t.version FROM confiture.tb_confiture AS t) AS v
        WHERE v ~ '^[0-9]+$');
    SELECT length(v) = 14 INTO dated FROM unnest(numbers) AS v ORDER BY v::numeric DESC LIMIT 1;
    -- a reservation in another style than the files have says nothing
    chosen := confiture._next_version(numbers || ARRAY(
        SELECT r.version FROM confiture.version_reservation AS r
        WHERE dated IS NULL OR dated = (length(r.version) = 14)));
    INSERT INTO confiture.version_reservation (version, agent, name, intent, expires_at)
    VALUES (chosen, who, reserve_version.name, owner,
        CASE WHEN owner IS NULL THEN clock_timestamp() + current_setting('confiture.intent_expiry')::interval END);
    IF owner IS NOT NULL THEN
        PERFORM confiture._intent_event(owner, 'version_reserved', NULL,
            jsonb_strip_nulls(jsonb_build_object('version', chosen, 'name', reserve_version.name)));
    END IF;
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION confiture.reserve_version(text, text, text[], text) IS
'Reserves a version for a migration that is being written: nobody else gets it, on whatever branch.
Arguments: agent, or NULL for the session''s; name of the migration; known, the versions of the caller''s files, which the database may not know yet; intent, for which it is; NULL: the agent''s newest active one.
Result: the version: the next number in the style of the known, registered, applied and reserved ones; where there are none the time in UTC, as 20260131235959. The reservation ends with its intent when that is abandoned, or expires before it is completed; without an intent after confiture.intent_expiry.
Errors: 22023 bad agent; CF014 the intent has ended; CF015 unknown intent; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction.
Example: SELECT confiture.reserve_version(''alice'', ''add_orders'');';
