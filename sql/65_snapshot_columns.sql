-- Snapshots: columns of relations, attributes of composite types, defaults.
--
-- There are many columns, and most have nothing but a type: they get a short way.

CREATE OR REPLACE FUNCTION confiture._facts_columns() RETURNS SETOF confiture._fact
LANGUAGE sql STABLE PARALLEL SAFE COST 1000000 ROWS 10000
SET search_path = pg_catalog, pg_temp
-- what was made a moment ago is in no statistics: loops over it would take the square of its number
SET enable_nestloop = off
AS $$
    WITH relation AS NOT MATERIALIZED (
        SELECT c.oid, c.relname, n.nspname, c.relkind
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
            AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
            AND c.oid NOT IN (
                SELECT e.objid FROM pg_depend AS e
                WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
                    AND e.classid = 'pg_class'::regclass)
            AND (c.relkind <> 'c' OR c.reltype NOT IN (
                SELECT e.objid FROM pg_depend AS e
                WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
                    AND e.classid = 'pg_type'::regclass))
    )
    SELECT 'pg_class'::regclass, a.attrelid, a.attnum::integer, 'pg_class'::regclass, a.attrelid, 0,
        CASE WHEN r.relkind = 'c' THEN 'attribute' ELSE 'column' END,
        r.nspname, r.relname, a.attname, NULL, NULL::oid,
        CASE
            WHEN a.attcollation IS NOT DISTINCT FROM t.typcollation AND a.attidentity = ''
                AND a.attgenerated = '' AND a.attstorage = t.typstorage AND a.attcompression = ''
                AND (a.attoptions IS NULL OR cardinality(a.attoptions) = 1 AND a.attoptions[1] LIKE 'pg\_attver=%')
                AND a.attfdwoptions IS NULL AND a.attinhcount = 0
                AND coalesce(a.attstattarget, -1) = -1
            THEN jsonb_build_object('type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull)
            ELSE jsonb_build_object(
                'type', format_type(a.atttypid, a.atttypmod),
                'not_null', a.attnotnull,
                'collation', CASE WHEN a.attcollation <> t.typcollation
                    THEN (SELECT quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
                          FROM pg_collation AS co JOIN pg_namespace AS cn ON cn.oid = co.collnamespace
                          WHERE co.oid = a.attcollation) END,
                'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
                'generated', CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END,
                'expression', CASE WHEN a.attgenerated <> ''
                    THEN (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef AS d
                          WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) END,
                'storage', CASE WHEN a.attstorage <> t.typstorage
                    THEN CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external'
                        WHEN 'm' THEN 'main' ELSE 'extended' END END,
                'compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
                'statistics', nullif(a.attstattarget, -1),
                -- Debian's 15.20 keeps a version of its own among the options.
                'options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                    FROM pg_options_to_table(a.attoptions) AS o WHERE o.option_name <> 'pg_attver'),
                'foreign_options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                    FROM pg_options_to_table(a.attfdwoptions) AS o),
                'inherited', CASE WHEN a.attinhcount > 0 THEN true END,
                'local', CASE WHEN a.attinhcount > 0 THEN a.attislocal END)
        END
    FROM relation AS r
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    UNION ALL
    SELECT 'pg_attrdef'::regclass, d.oid, 0, 'pg_class'::regclass, d.adrelid, d.adnum::integer,
        'default', r.nspname, r.relname, a.attname, NULL, NULL,
        -- A default names no column. Not to say of which table it is saves a look at all of that one's.
        jsonb_build_object('expression', pg_get_expr(d.adbin, 0))
    FROM relation AS r
    JOIN pg_attrdef AS d ON d.adrelid = r.oid
    JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated = ''
$$;
