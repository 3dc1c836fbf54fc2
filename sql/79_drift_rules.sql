-- How bad it is that a fact is another one than it should be: the one place that says so.

CREATE OR REPLACE FUNCTION confiture.drift_rules(
    OUT kind text, OUT change text, OUT key text, OUT severity text, OUT why text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 60
SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
    -- who may see and do what
    ('grant', 'widened', NULL::text, 'critical', 'somebody may do more'),
    ('grant', 'narrowed', NULL, 'warning', 'somebody may do less'),
    ('default privileges', '*', NULL, 'critical', 'who may do what with new objects'),
    ('owner', 'changed', NULL, 'critical', 'who may do everything with it'),
    ('policy', '*', NULL, 'critical', 'who may see which rows'),
    ('table', 'changed', 'row_security', 'critical', 'who may see which rows'),
    ('table', 'changed', 'force_row_security', 'critical', 'who may see which rows'),
    ('view', 'changed', 'options', 'critical', 'whose privileges count, and what may be written through it'),
    ('security label', '*', NULL, 'critical', 'who may see it'),
    ('user mapping', '*', NULL, 'critical', 'who may connect elsewhere'),
    -- what rows are there, and which ones may be
    ('table', 'changed', 'persistence', 'critical', 'whether rows survive a crash'),
    ('table', 'changed', 'partition_of', 'critical', 'which rows belong to it'),
    ('table', 'changed', 'partition_bound', 'critical', 'which rows belong to it'),
    ('table', 'changed', 'partition_by', 'critical', 'which rows belong to it'),
    ('table', 'changed', 'inherits', 'critical', 'which rows belong to it'),
    ('foreign table', 'changed', NULL, 'critical', 'where its rows are'),
    ('server', 'changed', NULL, 'critical', 'where the rows of its tables are'),
    ('column', 'changed', 'type', 'critical', 'what it can hold'),
    ('column', 'changed', 'not_null', 'critical', 'what it can hold'),
    ('column', 'changed', 'collation', 'critical', 'what is equal, and what comes first'),
    ('column', 'changed', 'identity', 'critical', 'what an INSERT puts there'),
    ('column', 'changed', 'generated', 'critical', 'what an INSERT puts there'),
    ('column', 'changed', 'expression', 'critical', 'what an INSERT puts there'),
    ('attribute', 'changed', NULL, 'critical', 'what a value can hold'),
    ('constraint', 'changed', 'definition', 'critical', 'which rows may be there'),
    ('constraint', 'changed', 'type', 'critical', 'which rows may be there'),
    ('constraint', 'changed', 'enforced', 'critical', 'which rows may be there'),
    ('constraint', 'changed', 'options', 'info', 'storage'),
    ('constraint', 'changed', 'tablespace', 'info', 'storage'),
    ('domain constraint', 'changed', NULL, 'critical', 'which values there may be'),
    ('domain', 'changed', NULL, 'critical', 'which values there may be'),
    ('type', 'changed', NULL, 'critical', 'which values there may be'),
    ('index', 'removed', 'unique', 'critical', 'which rows may be there'),
    ('index', 'changed', 'unique', 'critical', 'which rows may be there'),
    ('trigger', 'removed', NULL, 'critical', 'what happens to rows'),
    ('trigger', 'changed', 'enabled', 'critical', 'what happens to rows'),
    ('rule', 'removed', NULL, 'critical', 'what happens to rows'),
    ('rule', 'changed', 'enabled', 'critical', 'what happens to rows'),
    ('event trigger', 'changed', 'enabled', 'critical', 'what happens to DDL'),
    -- what costs time and not rows
    ('index', 'removed', NULL, 'warning', 'queries get slower'),
    ('index', 'changed', 'statistics', 'info', 'estimates'),
    ('index', 'changed', 'tablespace', 'info', 'storage'),
    ('default', '*', NULL, 'warning', 'what an INSERT puts there'),
    ('statistics', '*', NULL, 'info', 'estimates'),
    ('column', 'changed', 'statistics', 'info', 'estimates'),
    ('column', 'changed', 'options', 'info', 'estimates'),
    ('column', 'changed', 'storage', 'info', 'storage'),
    ('column', 'changed', 'compression', 'info', 'storage'),
    ('table', 'changed', 'options', 'info', 'storage'),
    ('table', 'changed', 'toast_options', 'info', 'storage'),
    ('table', 'changed', 'tablespace', 'info', 'storage'),
    ('table', 'changed', 'access_method', 'info', 'storage'),
    ('table', 'changed', 'cluster_on', 'info', 'storage'),
    ('materialized view', 'changed', 'options', 'info', 'storage'),
    ('materialized view', 'changed', 'toast_options', 'info', 'storage'),
    ('materialized view', 'changed', 'tablespace', 'info', 'storage'),
    ('materialized view', 'changed', 'access_method', 'info', 'storage'),
    ('materialized view', 'changed', 'cluster_on', 'info', 'storage'),
    ('comment', '*', NULL, 'info', 'nothing but words'),
    ('publication', 'removed', NULL, 'warning', 'what is replicated'),
    ('publication table', '*', NULL, 'warning', 'what is replicated'),
    ('publication schema', '*', NULL, 'warning', 'what is replicated'),
    -- all others
    ('*', 'removed', NULL, 'critical', 'what needs it fails'),
    ('*', 'changed', NULL, 'warning', 'it may do something else'),
    ('*', 'added', NULL, 'warning', 'nobody else knows of it')
$$;
COMMENT ON FUNCTION confiture.drift_rules() IS
'How bad a difference is: the rules by which confiture.drift() gives it a severity.
Columns: kind, of the fact, * for any; change, what the live schema is against the one that it should be: removed, changed or added, for a grant widened or narrowed, * for any; key, of the payload, for a rule that counts when that differs (of a fact that was added or removed: when that is true), NULL for one that counts for all others; severity, critical, warning or info; why, what the difference is about.
The rules of a kind go before those of *, one with a key before one without; of several keys that differ the worst counts.
Example: SELECT * FROM confiture.drift_rules() WHERE severity = ''critical'';';

CREATE OR REPLACE FUNCTION confiture._drift_rank(severity text) RETURNS integer
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_position('{info,warning,critical}', severity)
$$;

-- What has become of a grant. Built-in privileges that were taken away are a grant of nothing.
CREATE OR REPLACE FUNCTION confiture._drift_grant(expected jsonb, live jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN expected IS NULL THEN CASE WHEN live -> 'privileges' = '[]' THEN 'narrowed' ELSE 'widened' END
        WHEN live IS NULL THEN CASE WHEN expected -> 'privileges' = '[]' THEN 'widened' ELSE 'narrowed' END
        WHEN expected -> 'privileges' @> (live -> 'privileges')
            AND coalesce(expected -> 'grantable', '[]') @> coalesce(live -> 'grantable', '[]') THEN 'narrowed'
        ELSE 'widened' END
$$;

-- The keys of a payload in which two of them differ.
CREATE OR REPLACE FUNCTION confiture._drift_keys(a jsonb, b jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(k.key ORDER BY k.key), '{}')
    FROM (SELECT jsonb_object_keys(a) UNION SELECT jsonb_object_keys(b)) AS k (key)
    WHERE a -> k.key IS DISTINCT FROM b -> k.key
$$;

-- The severity of a difference between the payloads of a fact: NULL where it is missing.
CREATE OR REPLACE FUNCTION confiture._drift_severity(kind text, expected jsonb, live jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH what AS (
        SELECT CASE
                WHEN kind = 'grant' THEN confiture._drift_grant(expected, live)
                WHEN expected IS NULL THEN 'added' WHEN live IS NULL THEN 'removed' ELSE 'changed' END AS change,
            CASE WHEN expected IS NULL OR live IS NULL THEN ARRAY(
                    SELECT e.key FROM jsonb_each(coalesce(expected, live)) AS e WHERE e.value = 'true')
                ELSE confiture._drift_keys(expected, live) END AS keys
    ),
    -- For each key its own rule, or the one without.
    found AS (
        SELECT DISTINCT ON (k.key) r.severity, r.key IS NOT NULL AS by_key, w.change
        FROM what AS w
        CROSS JOIN LATERAL (SELECT unnest(w.keys) UNION ALL SELECT NULL WHERE w.keys = '{}' OR w.change <> 'changed') AS k (key)
        JOIN confiture.drift_rules() AS r ON r.kind IN (_drift_severity.kind, '*') AND r.change IN (w.change, '*')
            AND (r.key = k.key OR r.key IS NULL)
        ORDER BY k.key, r.kind <> '*' DESC, r.key IS NOT NULL DESC, r.change <> '*' DESC
    )
    SELECT f.severity FROM found AS f
    ORDER BY f.change <> 'changed' AND f.by_key DESC, confiture._drift_rank(f.severity) DESC LIMIT 1
$$;
