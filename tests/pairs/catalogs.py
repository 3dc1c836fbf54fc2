"""What the trials ask of the catalogs, and how a database becomes as good as new."""
# ruff: noqa: E501

# What must survive when both sides have it: OIDs, attnums, files.
KEPT = """
SELECT CASE c.relkind WHEN 'S' THEN 'sequence ' WHEN 'f' THEN 'foreign table ' WHEN 'v' THEN 'view '
        WHEN 'm' THEN 'materialized view ' WHEN 'i' THEN 'index ' WHEN 'I' THEN 'index ' ELSE 'table ' END
    || quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.oid::text, c.relfilenode::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'S', 'v', 'm', 'i', 'I') AND n.nspname !~ '^(pg_|confiture$)'
UNION ALL
SELECT 'column ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname),
    c.oid || ' ' || a.attnum, NULL
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^(pg_|confiture$)'
UNION ALL
SELECT CASE WHEN t.typtype = 'd' THEN 'domain ' ELSE 'type ' END || quote_ident(n.nspname) || '.' || quote_ident(t.typname),
    t.oid::text, NULL
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.oid >= 16384 AND n.nspname !~ '^(pg_|confiture$)'
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END
    || quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')', p.oid::text, NULL
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.oid >= 16384 AND n.nspname !~ '^(pg_|confiture$)'
"""

# How much there is in the catalogs: equal to that of an untouched database, or the database is not used again.
SIZE = """
SELECT (SELECT count(*) FROM pg_class WHERE relpersistence <> 't'), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_type),
    (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_cast), (SELECT count(*) FROM pg_language),
    (SELECT count(*) FROM pg_am), (SELECT count(*) FROM pg_operator), (SELECT count(*) FROM pg_opclass),
    (SELECT count(*) FROM pg_opfamily), (SELECT count(*) FROM pg_collation), (SELECT count(*) FROM pg_conversion),
    (SELECT count(*) FROM pg_transform), (SELECT count(*) FROM pg_extension), (SELECT count(*) FROM pg_foreign_data_wrapper),
    (SELECT count(*) FROM pg_foreign_server), (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_event_trigger),
    (SELECT count(*) FROM pg_default_acl), (SELECT count(*) FROM pg_description), (SELECT count(*) FROM pg_init_privs),
    (SELECT count(*) FROM pg_ts_config), (SELECT count(*) FROM pg_ts_dict), (SELECT count(*) FROM pg_ts_parser),
    (SELECT count(*) FROM pg_ts_template), (SELECT count(*) FROM pg_seclabel), (SELECT count(*) FROM pg_rewrite),
    (SELECT count(*) FROM pg_amop), (SELECT count(*) FROM pg_amproc), (SELECT count(*) FROM pg_statistic_ext),
    (SELECT count(*) FROM pg_proc WHERE proacl IS NOT NULL), (SELECT count(*) FROM pg_class WHERE relacl IS NOT NULL),
    (SELECT count(*) FROM pg_attribute WHERE attacl IS NOT NULL), (SELECT count(*) FROM pg_type WHERE typacl IS NOT NULL),
    (SELECT string_agg((nspname, nspacl, nspowner, obj_description(oid, 'pg_namespace'))::text, ' ' ORDER BY nspname)
     FROM pg_namespace WHERE nspname !~ '^pg_t'),
    (SELECT string_agg((lanname, lanacl, lanowner)::text, ' ' ORDER BY lanname) FROM pg_language)
"""

# Everything that was made is dropped.
CLEAN = """
DO $clean$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT evtname AS name FROM pg_event_trigger LOOP
        EXECUTE format('DROP EVENT TRIGGER %I', r.name);
    END LOOP;
    FOR r IN SELECT pubname AS name FROM pg_publication LOOP
        EXECUTE format('DROP PUBLICATION %I', r.name);
    END LOOP;
    FOR r IN SELECT extname AS name FROM pg_extension WHERE extname NOT IN ('plpgsql', 'confiture') LOOP
        EXECUTE format('DROP EXTENSION %I CASCADE', r.name);
    END LOOP;
    FOR r IN SELECT nspname AS name FROM pg_namespace
        WHERE oid >= 16384 AND nspname !~ '^pg_' AND nspname NOT IN ('public', 'confiture')
    LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', r.name);
    END LOOP;
    FOR r IN SELECT fdwname AS name FROM pg_foreign_data_wrapper LOOP
        EXECUTE format('DROP FOREIGN DATA WRAPPER %I CASCADE', r.name);
    END LOOP;
    FOR r IN SELECT i.type, i.identity
        FROM pg_depend AS d, pg_identify_object(d.classid, d.objid, 0) AS i
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = to_regnamespace('public')
            AND i.type IN ('table', 'view', 'materialized view', 'sequence', 'foreign table', 'type', 'function',
                'procedure', 'aggregate', 'operator', 'operator class', 'operator family', 'collation', 'conversion',
                'text search parser', 'text search template', 'text search dictionary', 'text search configuration',
                'composite type', 'statistics object')
        ORDER BY i.type NOT IN ('table', 'view')
    LOOP
        BEGIN
            EXECUTE format('DROP %s IF EXISTS %s CASCADE',
                CASE r.type WHEN 'composite type' THEN 'type' WHEN 'statistics object' THEN 'statistics' ELSE r.type END,
                r.identity);
        EXCEPTION WHEN undefined_object OR undefined_table OR undefined_function THEN
            NULL;
        END;
    END LOOP;
    FOR r IN SELECT i.identity FROM pg_cast AS c, pg_identify_object('pg_cast'::regclass, c.oid, 0) AS i WHERE c.oid >= 16384 LOOP
        EXECUTE format('DROP CAST %s', r.identity);
    END LOOP;
    FOR r IN SELECT lanname AS name FROM pg_language WHERE oid >= 16384 LOOP
        EXECUTE format('DROP LANGUAGE %I CASCADE', r.name);
    END LOOP;
    FOR r IN SELECT amname AS name FROM pg_am WHERE oid >= 16384 LOOP
        EXECUTE format('DROP ACCESS METHOD %I CASCADE', r.name);
    END LOOP;
END
$clean$
"""
