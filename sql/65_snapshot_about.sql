-- Snapshots: what is said about objects: grants, comments, security labels.
-- Owners come with the objects.

CREATE OR REPLACE FUNCTION confiture._facts_about(
    OUT class oid, OUT object oid, OUT sub integer, OUT kind text, OUT suffix text, OUT role text, OUT payload jsonb)
RETURNS SETOF record
LANGUAGE sql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
    WITH own AS MATERIALIZED (
        SELECT e.oid FROM pg_extension AS e WHERE e.extname IN ('confiture', 'confiture_py')
    ),
    granted AS MATERIALIZED (
        SELECT 'pg_class'::regclass::oid AS class, c.oid AS object, 0 AS sub, c.relowner AS owner, c.relacl AS acl,
            CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char" AS type
        FROM pg_class AS c
        WHERE c.relacl IS NOT NULL AND c.relpersistence <> 't'
            AND c.relnamespace IS DISTINCT FROM (SELECT to_regnamespace('information_schema'))
        UNION ALL
        SELECT 'pg_class'::regclass, a.attrelid, a.attnum, c.relowner, a.attacl, 'c'
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND c.relpersistence <> 't'
        UNION ALL
        SELECT 'pg_proc'::regclass, p.oid, 0, p.proowner, p.proacl, 'f' FROM pg_proc AS p WHERE p.proacl IS NOT NULL
        UNION ALL
        SELECT 'pg_type'::regclass, t.oid, 0, t.typowner, t.typacl, 'T' FROM pg_type AS t WHERE t.typacl IS NOT NULL
        UNION ALL
        SELECT 'pg_namespace'::regclass, n.oid, 0, n.nspowner, n.nspacl, 'n'
        FROM pg_namespace AS n WHERE n.nspacl IS NOT NULL AND n.nspname !~ '^(pg_(toast_)?temp_|information_schema$)'
        UNION ALL
        SELECT 'pg_language'::regclass, l.oid, 0, l.lanowner, l.lanacl, 'l'
        FROM pg_language AS l WHERE l.lanacl IS NOT NULL
        UNION ALL
        SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, 0, w.fdwowner, w.fdwacl, 'F'
        FROM pg_foreign_data_wrapper AS w WHERE w.fdwacl IS NOT NULL
        UNION ALL
        SELECT 'pg_foreign_server'::regclass, s.oid, 0, s.srvowner, s.srvacl, 'S'
        FROM pg_foreign_server AS s WHERE s.srvacl IS NOT NULL
    ),
    -- What the built-in privileges of the kind are; for objects of the system
    -- and of extensions what they came with. The schema public that initdb has made (2200, whatever
    -- it is called) is a schema like others.
    compared AS MATERIALIZED (
        SELECT g.*, coalesce(
            CASE WHEN g.object IS DISTINCT FROM 2200::oid OR g.class <> 'pg_namespace'::regclass THEN i.initprivs END,
            acldefault(g.type, g.owner)) AS base,
            i.initprivs IS NOT NULL AS has_initial
        FROM granted AS g
        LEFT JOIN pg_init_privs AS i ON i.classoid = g.class AND i.objoid = g.object AND i.objsubid = g.sub
        WHERE NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid IN (SELECT o.oid FROM own AS o)
                AND d.deptype = 'e' AND d.classid = g.class AND d.objid = g.object)
    ),
    entry AS (
        SELECT c.class, c.object, c.sub, c.owner, c.has_initial, a.grantor, a.grantee, a.given,
            jsonb_agg(a.privilege_type ORDER BY a.privilege_type) AS privileges,
            jsonb_agg(a.privilege_type ORDER BY a.privilege_type) FILTER (WHERE a.is_grantable) AS grantable
        FROM compared AS c
        CROSS JOIN LATERAL (
            SELECT e.*, true AS given FROM aclexplode(c.acl) AS e
            UNION ALL SELECT e.*, false FROM aclexplode(c.base) AS e) AS a
        WHERE c.acl IS DISTINCT FROM c.base
        GROUP BY c.class, c.object, c.sub, c.owner, c.has_initial, a.grantor, a.grantee, a.given
    )
    SELECT e.class, e.object, e.sub, 'grant',
        ' to ' || CASE WHEN e.grantee = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(e.grantee)) END
            || CASE WHEN e.grantor <> e.owner THEN ' by ' || quote_ident(pg_get_userbyid(e.grantor)) ELSE '' END,
        CASE WHEN e.grantee = 0 THEN 'public' ELSE pg_get_userbyid(e.grantee) END,
        jsonb_build_object(
            -- Built-in privileges that were taken away leave an empty list.
            'privileges', coalesce((array_agg(e.privileges) FILTER (WHERE e.given))[1], '[]'),
            'grantable', (array_agg(e.grantable) FILTER (WHERE e.given))[1],
            'grantor', CASE WHEN e.grantor <> e.owner THEN pg_get_userbyid(e.grantor) END,
            -- What an object of an extension or of the system came with can't be told from its kind.
            'initial', CASE WHEN e.has_initial AND (e.class <> 'pg_namespace'::regclass
                OR e.object IS DISTINCT FROM 2200::oid)
                THEN coalesce((array_agg(e.privileges) FILTER (WHERE NOT e.given))[1], '[]') END)
    FROM entry AS e
    GROUP BY e.class, e.object, e.sub, e.owner, e.has_initial, e.grantor, e.grantee
    HAVING count(*) < 2 OR count(DISTINCT e.privileges) > 1 OR count(DISTINCT coalesce(e.grantable, '[]')) > 1
    UNION ALL
    SELECT d.classoid, d.objoid, d.objsubid, 'comment', '', NULL, jsonb_build_object('text', d.description)
    FROM pg_description AS d
    WHERE (d.objoid >= 16384 OR d.classoid = 'pg_extension'::regclass
            OR d.classoid = 'pg_namespace'::regclass AND d.objoid = 2200::oid)
        AND d.classoid <> 'pg_largeobject'::regclass
        AND NOT (d.classoid = 'pg_extension'::regclass AND d.objoid IN (SELECT o.oid FROM own AS o))
    UNION ALL
    SELECT s.classoid, s.objoid, s.objsubid, 'security label', ' by ' || quote_ident(s.provider), s.provider,
        jsonb_build_object('label', s.label)
    FROM pg_seclabel AS s
    WHERE s.classoid <> 'pg_largeobject'::regclass
$$;
