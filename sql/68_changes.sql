-- Which facts of two schemas differ, for people.

-- The extensions that Confiture's own ones need, as identities: nobody declares them, nobody is to drop them.
CREATE OR REPLACE FUNCTION confiture._own_needs() RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT concat(part.prefix, 'extension ', quote_ident(e.extname))
        FROM (VALUES (''), ('comment on ')) AS part (prefix), pg_extension AS own
        JOIN pg_depend AS d ON d.classid = 'pg_extension'::regclass AND d.objid = own.oid AND d.refclassid = 'pg_extension'::regclass
        JOIN pg_extension AS e ON e.oid = d.refobjid
        WHERE own.extname IN ('confiture', 'confiture_py') AND e.extname <> 'confiture')
$$;

-- What a plan leaves alone: what is to be ignored, and what Confiture needs and the target does not have.
CREATE OR REPLACE FUNCTION confiture._plan_ignored(options jsonb, target jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_jsonb(confiture._ignored(options)) || coalesce(jsonb_agg(n), '[]')
    FROM unnest(confiture._own_needs()) AS n WHERE NOT coalesce(target -> 'facts', '{}') ? n
$$;

-- What a fact is a part of, as far up as it goes below a schema; its own identity where it stands alone.
CREATE OR REPLACE FUNCTION confiture._changed_object(identity text, source jsonb, target jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result text := identity;
    parent text;
BEGIN
    FOR depth IN 1 .. 10 LOOP
        parent := coalesce(target -> 'facts' -> result, source -> 'facts' -> result) ->> 'parent';
        EXIT WHEN parent IS NULL OR parent LIKE 'schema %' AND result NOT LIKE '% on schema %' AND result NOT LIKE 'owner of schema %';
        result := parent;
    END LOOP;
    RETURN result;
END
$$;

-- The facts that differ, but for those that are equal, left alone, or of an owner that nobody has declared.
CREATE OR REPLACE FUNCTION confiture._plan_changes(source jsonb, target jsonb, options jsonb, equal jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH side AS MATERIALIZED (
        SELECT CASE WHEN source = '{}' THEN jsonb_build_object('facts', confiture._empty_facts(target -> 'schemas')) ELSE source END AS old,
            CASE WHEN target = '{}' THEN jsonb_build_object('facts', confiture._empty_facts(source -> 'schemas')) ELSE target END AS new),
    change AS (
        SELECT c.identity, coalesce(c.target_fact, c.source_fact) ->> 'kind' AS kind,
            CASE WHEN c.source_fact IS NULL THEN 'added' WHEN c.target_fact IS NULL THEN 'removed' ELSE 'changed' END AS change,
            confiture._changed_object(c.identity, s.old, s.new) AS object
        FROM side AS s CROSS JOIN LATERAL confiture._changed_facts(s.old, s.new) AS c
        WHERE NOT coalesce(equal, '[]') ? c.identity
            AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(options -> 'ignore') AS i (pattern) WHERE c.identity LIKE i.pattern)
            AND NOT coalesce(c.target_fact ->> 'kind' = 'owner' AND c.target_fact ->> 'role' = options ->> 'owner', false))
    SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.object COLLATE "C", c.identity <> c.object, c.identity COLLATE "C"), '[]')
    FROM change AS c
$$;
