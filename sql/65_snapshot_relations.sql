-- Snapshots: schemas, tables, views, sequences.

CREATE OR REPLACE FUNCTION confiture._facts_relations() RETURNS SETOF confiture._fact
LANGUAGE sql STABLE PARALLEL SAFE COST 1000000 ROWS 10000
SET search_path = pg_catalog, pg_temp
-- what was made a moment ago is in no statistics: loops over it would take the square of its number
SET enable_nestloop = off
AS $$
    WITH relation AS MATERIALIZED (
        SELECT c.oid, c.relname, c.relnamespace, c.relkind, c.relowner, c.relpersistence, c.relam, c.reltablespace,
            c.reltoastrelid, c.reloptions, c.reloftype, c.relispartition, c.relpartbound, c.relrowsecurity,
            c.relforcerowsecurity, c.relreplident, n.nspname
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
            AND c.oid NOT IN (
                SELECT e.objid FROM pg_depend AS e
                WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
                    AND e.classid = 'pg_class'::regclass)
    ),
    ancestor AS MATERIALIZED (
        SELECT i.inhrelid, jsonb_agg(quote_ident(n.nspname) || '.' || quote_ident(c.relname) ORDER BY i.inhseqno)
            AS parents
        FROM pg_inherits AS i
        JOIN pg_class AS c ON c.oid = i.inhparent AND c.relkind IN ('r', 'p', 'f')
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        GROUP BY i.inhrelid
    ),
    -- The indexes that a table names.
    named AS MATERIALIZED (
        SELECT i.indrelid, max(c.relname) FILTER (WHERE i.indisclustered) AS cluster_on,
            max(c.relname) FILTER (WHERE i.indisreplident) AS replica_identity
        FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indexrelid
        WHERE i.indisclustered OR i.indisreplident
        GROUP BY i.indrelid
    )
    SELECT 'pg_namespace'::regclass, n.oid, 0, NULL::oid, NULL::oid, NULL::integer,
        'schema', n.nspname, NULL, NULL, NULL, n.nspowner, '{}'::jsonb
    FROM pg_namespace AS n
    -- that which initdb has made as public may have another name
    WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast') AND n.nspname !~ '^pg_(toast_)?temp_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (
            SELECT FROM pg_depend AS e
            WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
                AND e.classid = 'pg_namespace'::regclass AND e.objid = n.oid)
    UNION ALL
    SELECT 'pg_class'::regclass, r.oid, 0, 'pg_namespace'::regclass, r.relnamespace, 0,
        CASE WHEN r.relkind = 'f' THEN 'foreign table' ELSE 'table' END,
        r.nspname, r.relname, NULL, NULL, r.relowner,
        CASE WHEN r.relkind = 'r' AND r.relpersistence = 'p' AND r.reltablespace = 0 AND r.reloptions IS NULL
            AND toast.reloptions IS NULL AND r.reloftype = 0 AND ancestor.parents IS NULL AND r.relreplident = 'd'
            AND named.cluster_on IS NULL AND NOT r.relrowsecurity AND NOT r.relforcerowsecurity
        THEN jsonb_build_object('access_method', am.amname)
        ELSE jsonb_build_object(
            'persistence', CASE WHEN r.relpersistence = 'u' THEN 'unlogged' END,
            'access_method', am.amname,
            'tablespace', s.spcname,
            'options', CASE WHEN r.reloptions IS NOT NULL THEN (
                SELECT jsonb_object_agg(o.option_name, o.option_value)
                FROM pg_options_to_table(r.reloptions) AS o) END,
            'toast_options', CASE WHEN toast.reloptions IS NOT NULL THEN (
                SELECT jsonb_object_agg(o.option_name, o.option_value)
                FROM pg_options_to_table(toast.reloptions) AS o) END,
            'of_type', CASE WHEN r.reloftype <> 0 THEN format_type(r.reloftype, NULL) END,
            'inherits', CASE WHEN NOT r.relispartition THEN ancestor.parents END,
            'partition_of', CASE WHEN r.relispartition THEN ancestor.parents -> 0 END,
            'partition_bound', CASE WHEN r.relispartition THEN pg_get_expr(r.relpartbound, r.oid) END,
            'partition_by', CASE WHEN r.relkind = 'p' THEN pg_get_partkeydef(r.oid) END,
            'row_security', CASE WHEN r.relrowsecurity THEN true END,
            'force_row_security', CASE WHEN r.relforcerowsecurity THEN true END,
            'replica_identity', CASE r.relreplident
                WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' END,
            'replica_identity_index', named.replica_identity,
            'cluster_on', named.cluster_on,
            'server', srv.srvname,
            'foreign_options', CASE WHEN ft.ftoptions IS NOT NULL THEN (
                SELECT jsonb_object_agg(o.option_name, o.option_value)
                FROM pg_options_to_table(ft.ftoptions) AS o) END) END
    FROM relation AS r
    LEFT JOIN pg_am AS am ON am.oid = r.relam
    LEFT JOIN pg_tablespace AS s ON s.oid = r.reltablespace
    LEFT JOIN pg_class AS toast ON toast.oid = r.reltoastrelid
    LEFT JOIN ancestor ON ancestor.inhrelid = r.oid
    LEFT JOIN named ON named.indrelid = r.oid
    LEFT JOIN pg_foreign_table AS ft ON ft.ftrelid = r.oid
    LEFT JOIN pg_foreign_server AS srv ON srv.oid = ft.ftserver
    WHERE r.relkind IN ('r', 'p', 'f')
    UNION ALL
    SELECT 'pg_class'::regclass, r.oid, 0, 'pg_namespace'::regclass, r.relnamespace, 0,
        CASE WHEN r.relkind = 'm' THEN 'materialized view' ELSE 'view' END,
        r.nspname, r.relname, NULL, NULL, r.relowner,
        jsonb_build_object(
            'definition', rtrim(pg_get_viewdef(r.oid), ';'),
            'access_method', am.amname,
            'tablespace', s.spcname,
            'options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                FROM pg_options_to_table(r.reloptions) AS o),
            'toast_options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                FROM pg_options_to_table(toast.reloptions) AS o),
            'cluster_on', named.cluster_on)
    FROM relation AS r
    LEFT JOIN pg_am AS am ON am.oid = r.relam
    LEFT JOIN pg_tablespace AS s ON s.oid = r.reltablespace
    LEFT JOIN pg_class AS toast ON toast.oid = r.reltoastrelid
    LEFT JOIN named ON named.indrelid = r.oid
    WHERE r.relkind IN ('v', 'm')
    UNION ALL
    -- A sequence of a column goes with its table, its owner too.
    SELECT 'pg_class'::regclass, r.oid, 0, 'pg_namespace'::regclass, r.relnamespace, 0,
        'sequence', r.nspname, r.relname, NULL, NULL, CASE WHEN owned.objid IS NULL THEN r.relowner END,
        jsonb_build_object(
            'type', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement,
            'minimum', s.seqmin, 'maximum', s.seqmax, 'cache', s.seqcache, 'cycle', s.seqcycle,
            'persistence', CASE WHEN r.relpersistence = 'u' THEN 'unlogged' END,
            'owned_by', owned.by,
            'identity', CASE WHEN owned.deptype = 'i' THEN true END)
    FROM relation AS r
    JOIN pg_sequence AS s ON s.seqrelid = r.oid
    LEFT JOIN (
        SELECT d.objid, d.deptype,
            quote_ident(c.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname) AS by
        FROM pg_depend AS d
        JOIN pg_sequence AS q ON q.seqrelid = d.objid
        JOIN relation AS c ON c.oid = d.refobjid
        JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND d.refclassid = 'pg_class'::regclass
            AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    ) AS owned ON owned.objid = r.oid
$$;
