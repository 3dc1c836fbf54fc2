-- Snapshots: types and what goes with them: domains, enums, composite, range
-- and base types, casts, collations, conversions, transforms.

CREATE OR REPLACE FUNCTION confiture._facts_types() RETURNS SETOF confiture._fact
LANGUAGE sql STABLE PARALLEL SAFE COST 1000000 ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
    WITH member AS MATERIALIZED (
        SELECT e.classid, e.objid FROM pg_depend AS e
        WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
    ),
    -- Neither row types of tables, nor array and multirange types.
    type AS MATERIALIZED (
        SELECT t.*, n.nspname
        FROM pg_type AS t
        JOIN pg_namespace AS n ON n.oid = t.typnamespace
        LEFT JOIN pg_class AS c ON c.oid = t.typrelid
        WHERE t.oid >= 16384 AND t.typtype <> 'm'
            AND (t.typrelid = 0 OR c.relkind = 'c')
            AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.oid = t.typelem AND e.typarray = t.oid)
            AND n.nspname !~ '^pg_temp_' AND n.nspname <> 'information_schema'
            AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid)
    )
    SELECT 'pg_type'::regclass, t.oid, 0, 'pg_namespace'::regclass, t.typnamespace, 0,
        CASE WHEN t.typtype = 'd' THEN 'domain' ELSE 'type' END,
        t.nspname, t.typname, NULL, NULL, t.typowner,
        CASE
            WHEN NOT t.typisdefined THEN jsonb_build_object('type', 'shell')
            WHEN t.typtype = 'e' THEN jsonb_build_object('type', 'enum',
                'labels', (SELECT coalesce(jsonb_agg(e.enumlabel ORDER BY e.enumsortorder), '[]')
                    FROM pg_enum AS e WHERE e.enumtypid = t.oid))
            -- The order of attributes is part of the type: rows are written by it.
            WHEN t.typtype = 'c' THEN jsonb_build_object('type', 'composite',
                'attributes', (SELECT coalesce(jsonb_agg(a.attname ORDER BY a.attnum), '[]')
                    FROM pg_attribute AS a
                    WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))
            WHEN t.typtype = 'd' THEN jsonb_build_object(
                'type', format_type(t.typbasetype, t.typtypmod),
                'collation', CASE WHEN t.typcollation <> b.typcollation
                    THEN (SELECT quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
                          FROM pg_collation AS co JOIN pg_namespace AS cn ON cn.oid = co.collnamespace
                          WHERE co.oid = t.typcollation) END,
                'not_null', t.typnotnull,
                'default', CASE WHEN t.typdefaultbin IS NOT NULL THEN pg_get_expr(t.typdefaultbin, 0)
                    ELSE t.typdefault END)
            WHEN t.typtype = 'r' THEN (
                SELECT jsonb_strip_nulls(jsonb_build_object('type', 'range',
                    'subtype', format_type(r.rngsubtype, NULL),
                    'operator_class', quote_ident(opn.nspname) || '.' || quote_ident(op.opcname),
                    'collation', quote_ident(cn.nspname) || '.' || quote_ident(co.collname),
                    'canonical', CASE WHEN r.rngcanonical <> 0 THEN r.rngcanonical::regproc::text END,
                    'subtype_diff', CASE WHEN r.rngsubdiff <> 0 THEN r.rngsubdiff::regproc::text END,
                    'multirange', format_type(r.rngmultitypid, NULL)))
                FROM pg_range AS r
                JOIN pg_opclass AS op ON op.oid = r.rngsubopc
                JOIN pg_namespace AS opn ON opn.oid = op.opcnamespace
                LEFT JOIN pg_collation AS co ON co.oid = r.rngcollation
                LEFT JOIN pg_namespace AS cn ON cn.oid = co.collnamespace
                WHERE r.rngtypid = t.oid)
            ELSE jsonb_strip_nulls(jsonb_build_object('type', 'base',
                'input', t.typinput::regproc::text,
                'output', t.typoutput::regproc::text,
                'receive', CASE WHEN t.typreceive <> 0 THEN t.typreceive::regproc::text END,
                'send', CASE WHEN t.typsend <> 0 THEN t.typsend::regproc::text END,
                'typmod_in', CASE WHEN t.typmodin <> 0 THEN t.typmodin::regproc::text END,
                'typmod_out', CASE WHEN t.typmodout <> 0 THEN t.typmodout::regproc::text END,
                'analyze', CASE WHEN t.typanalyze <> 0 THEN t.typanalyze::regproc::text END,
                'subscript', CASE WHEN t.typsubscript <> 0 THEN t.typsubscript::regproc::text END,
                'internal_length', t.typlen,
                'passed_by_value', t.typbyval,
                'alignment', t.typalign,
                'storage', t.typstorage,
                'category', t.typcategory,
                'preferred', t.typispreferred,
                'delimiter', t.typdelim,
                'element', CASE WHEN t.typelem <> 0 THEN format_type(t.typelem, NULL) END,
                'collatable', t.typcollation <> 0,
                'default', t.typdefault))
        END
    FROM type AS t
    LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
    UNION ALL
    SELECT 'pg_constraint'::regclass, k.oid, 0, 'pg_type'::regclass, t.oid, 0,
        'domain constraint', t.nspname, t.typname, k.conname, NULL, NULL,
        jsonb_build_object(
            'type', CASE k.contype WHEN 'n' THEN 'not null' ELSE 'check' END,
            'definition', CASE WHEN k.convalidated THEN pg_get_constraintdef(k.oid)
                ELSE regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '') END,
            'valid', k.convalidated)
    FROM pg_constraint AS k
    JOIN type AS t ON t.oid = k.contypid
    UNION ALL
    -- The casts of a range type to its multirange go with it.
    SELECT 'pg_cast'::regclass, c.oid, 0, NULL, NULL, NULL,
        'cast', NULL, NULL, NULL, format_type(c.castsource, NULL) || ' AS ' || format_type(c.casttarget, NULL),
        NULL,
        jsonb_build_object(
            'source', format_type(c.castsource, NULL),
            'target', format_type(c.casttarget, NULL),
            'method', CASE c.castmethod WHEN 'f' THEN 'function' WHEN 'i' THEN 'inout' ELSE 'binary' END,
            'function', CASE WHEN c.castfunc <> 0 THEN c.castfunc::regprocedure::text END,
            'context', CASE c.castcontext WHEN 'e' THEN 'explicit' WHEN 'a' THEN 'assignment'
                ELSE 'implicit' END)
    FROM pg_cast AS c
    WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_cast'::regclass AND m.objid = c.oid)
        AND NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'i')
    UNION ALL
    -- Its columns differ between versions. The version of a collation is that
    -- of the operating system, and not told.
    SELECT 'pg_collation'::regclass, c.oid, 0, 'pg_namespace'::regclass, c.collnamespace, 0,
        'collation', n.nspname, c.collname, NULL, NULL, c.collowner,
        jsonb_build_object(
            'provider', CASE c.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' WHEN 'c' THEN 'libc'
                ELSE 'default' END,
            'deterministic', c.collisdeterministic,
            'lc_collate', c.collcollate,
            'lc_ctype', c.collctype,
            'locale', coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'),
            'rules', to_jsonb(c) ->> 'collicurules')
    FROM pg_collation AS c
    JOIN pg_namespace AS n ON n.oid = c.collnamespace AND n.nspname !~ '^pg_temp_'
    WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_collation'::regclass AND m.objid = c.oid)
    UNION ALL
    SELECT 'pg_conversion'::regclass, c.oid, 0, 'pg_namespace'::regclass, c.connamespace, 0,
        'conversion', n.nspname, c.conname, NULL, NULL, c.conowner,
        jsonb_build_object(
            'source', pg_encoding_to_char(c.conforencoding),
            'target', pg_encoding_to_char(c.contoencoding),
            'function', c.conproc::regproc::text,
            'default', c.condefault)
    FROM pg_conversion AS c
    JOIN pg_namespace AS n ON n.oid = c.connamespace AND n.nspname !~ '^pg_temp_'
    WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_conversion'::regclass AND m.objid = c.oid)
    UNION ALL
    SELECT 'pg_transform'::regclass, t.oid, 0, NULL, NULL, NULL,
        'transform', NULL, NULL, NULL, format_type(t.trftype, NULL) || ' LANGUAGE ' || quote_ident(l.lanname),
        NULL,
        jsonb_build_object(
            'type', format_type(t.trftype, NULL),
            'language', l.lanname,
            'from_sql', CASE WHEN t.trffromsql <> 0 THEN t.trffromsql::regprocedure::text END,
            'to_sql', CASE WHEN t.trftosql <> 0 THEN t.trftosql::regprocedure::text END)
    FROM pg_transform AS t
    JOIN pg_language AS l ON l.oid = t.trflang
    WHERE t.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_transform'::regclass AND m.objid = t.oid)
$$;
