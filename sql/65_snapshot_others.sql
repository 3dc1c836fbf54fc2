-- Snapshots: extensions, text search, foreign data, publications and
-- subscriptions, event triggers, default privileges.

CREATE OR REPLACE FUNCTION confiture._facts_others() RETURNS SETOF confiture._fact
LANGUAGE sql STABLE PARALLEL SAFE COST 1000000 ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
    WITH member AS MATERIALIZED (
        SELECT e.classid, e.objid FROM pg_depend AS e
        WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
    )
    SELECT 'pg_extension'::regclass, e.oid, 0, NULL::oid, NULL::oid, NULL::integer,
        'extension', NULL::text, e.extname::text, NULL::text, NULL::text, NULL::oid,
        jsonb_build_object('version', e.extversion, 'schema', n.nspname)
    FROM pg_extension AS e
    JOIN pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname NOT IN ('confiture', 'confiture_py')
    UNION ALL
    SELECT 'pg_ts_parser'::regclass, p.oid, 0, 'pg_namespace'::regclass, n.oid, 0,
        'text search parser', n.nspname, p.prsname, NULL, NULL, NULL,
        jsonb_build_object(
            'start', p.prsstart::regproc::text,
            'gettoken', p.prstoken::regproc::text,
            'end', p.prsend::regproc::text,
            'headline', CASE WHEN p.prsheadline <> 0 THEN p.prsheadline::regproc::text END,
            'lextypes', p.prslextype::regproc::text)
    FROM pg_ts_parser AS p
    JOIN pg_namespace AS n ON n.oid = p.prsnamespace AND n.nspname !~ '^pg_temp_'
    WHERE p.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_ts_parser'::regclass AND m.objid = p.oid)
    UNION ALL
    SELECT 'pg_ts_template'::regclass, t.oid, 0, 'pg_namespace'::regclass, n.oid, 0,
        'text search template', n.nspname, t.tmplname, NULL, NULL, NULL,
        jsonb_build_object(
            'init', CASE WHEN t.tmplinit <> 0 THEN t.tmplinit::regproc::text END,
            'lexize', t.tmpllexize::regproc::text)
    FROM pg_ts_template AS t
    JOIN pg_namespace AS n ON n.oid = t.tmplnamespace AND n.nspname !~ '^pg_temp_'
    WHERE t.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_ts_template'::regclass AND m.objid = t.oid)
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, d.oid, 0, 'pg_namespace'::regclass, n.oid, 0,
        'text search dictionary', n.nspname, d.dictname, NULL, NULL, d.dictowner,
        jsonb_build_object(
            'template', quote_ident(tn.nspname) || '.' || quote_ident(t.tmplname),
            'options', d.dictinitoption)
    FROM pg_ts_dict AS d
    JOIN pg_namespace AS n ON n.oid = d.dictnamespace AND n.nspname !~ '^pg_temp_'
    JOIN pg_ts_template AS t ON t.oid = d.dicttemplate
    JOIN pg_namespace AS tn ON tn.oid = t.tmplnamespace
    WHERE d.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_ts_dict'::regclass AND m.objid = d.oid)
    UNION ALL
    SELECT 'pg_ts_config'::regclass, c.oid, 0, 'pg_namespace'::regclass, n.oid, 0,
        'text search configuration', n.nspname, c.cfgname, NULL, NULL, c.cfgowner,
        jsonb_build_object(
            'parser', quote_ident(pn.nspname) || '.' || quote_ident(p.prsname),
            'mappings', (
                SELECT jsonb_object_agg(token.alias, token.dictionaries)
                FROM (
                    SELECT y.alias, jsonb_agg(quote_ident(dn.nspname) || '.' || quote_ident(d.dictname)
                        ORDER BY m.mapseqno) AS dictionaries
                    FROM pg_ts_config_map AS m
                    JOIN ts_token_type(c.cfgparser) AS y ON y.tokid = m.maptokentype
                    JOIN pg_ts_dict AS d ON d.oid = m.mapdict
                    JOIN pg_namespace AS dn ON dn.oid = d.dictnamespace
                    WHERE m.mapcfg = c.oid
                    GROUP BY y.alias) AS token))
    FROM pg_ts_config AS c
    JOIN pg_namespace AS n ON n.oid = c.cfgnamespace AND n.nspname !~ '^pg_temp_'
    JOIN pg_ts_parser AS p ON p.oid = c.cfgparser
    JOIN pg_namespace AS pn ON pn.oid = p.prsnamespace
    WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_ts_config'::regclass AND m.objid = c.oid)
    UNION ALL
    SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, 0, NULL, NULL, NULL,
        'foreign data wrapper', NULL, w.fdwname, NULL, NULL, w.fdwowner,
        jsonb_build_object(
            'handler', CASE WHEN w.fdwhandler <> 0 THEN w.fdwhandler::regproc::text END,
            'validator', CASE WHEN w.fdwvalidator <> 0 THEN w.fdwvalidator::regproc::text END,
            'options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                FROM pg_options_to_table(w.fdwoptions) AS o))
    FROM pg_foreign_data_wrapper AS w
    WHERE w.oid >= 16384 AND NOT EXISTS (
        SELECT FROM member AS m WHERE m.classid = 'pg_foreign_data_wrapper'::regclass AND m.objid = w.oid)
    UNION ALL
    SELECT 'pg_foreign_server'::regclass, s.oid, 0, 'pg_foreign_data_wrapper'::regclass, w.oid, 0,
        'server', NULL, s.srvname, NULL, NULL, s.srvowner,
        jsonb_build_object(
            'wrapper', w.fdwname,
            'type', s.srvtype,
            'version', s.srvversion,
            'options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                FROM pg_options_to_table(s.srvoptions) AS o))
    FROM pg_foreign_server AS s
    JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
    WHERE s.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_foreign_server'::regclass AND m.objid = s.oid)
    UNION ALL
    -- The options of a user mapping are secrets, and hidden from most roles:
    -- they are in no snapshot.
    SELECT 'pg_user_mapping'::regclass, u.umid, 0, 'pg_foreign_server'::regclass, u.srvid, 0,
        'user mapping', NULL, u.srvname, u.usename, NULL, NULL, '{}'
    FROM pg_user_mappings AS u
    WHERE u.umid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_user_mapping'::regclass AND m.objid = u.umid)
    UNION ALL
    SELECT 'pg_publication'::regclass, p.oid, 0, NULL, NULL, NULL,
        'publication', NULL, p.pubname, NULL, NULL, p.pubowner,
        jsonb_build_object(
            'all_tables', p.puballtables,
            'publish', array_to_json(array_remove(ARRAY[
                CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
                CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END], NULL)),
            'via_partition_root', p.pubviaroot,
            'generated_columns', CASE to_jsonb(p) ->> 'pubgencols' WHEN 's' THEN 'stored' WHEN 'n' THEN 'none' END)
    FROM pg_publication AS p
    WHERE p.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_publication'::regclass AND m.objid = p.oid)
    UNION ALL
    SELECT 'pg_publication_rel'::regclass, r.oid, 0, 'pg_publication'::regclass, r.prpubid, 0,
        'publication table', NULL, p.pubname, NULL, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
        NULL,
        jsonb_build_object(
            'table', quote_ident(n.nspname) || '.' || quote_ident(c.relname),
            'columns', (SELECT jsonb_agg(a.attname ORDER BY a.attname COLLATE "C") FROM pg_attribute AS a
                WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::smallint[])),
            'where', pg_get_expr(r.prqual, r.prrelid))
    FROM pg_publication_rel AS r
    JOIN pg_publication AS p ON p.oid = r.prpubid
    JOIN pg_class AS c ON c.oid = r.prrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    UNION ALL
    SELECT 'pg_publication_namespace'::regclass, s.oid, 0, 'pg_publication'::regclass, s.pnpubid, 0,
        'publication schema', NULL, p.pubname, NULL, quote_ident(n.nspname), NULL,
        jsonb_build_object('schema', n.nspname)
    FROM pg_publication_namespace AS s
    JOIN pg_publication AS p ON p.oid = s.pnpubid
    JOIN pg_namespace AS n ON n.oid = s.pnnspid
    UNION ALL
    -- Ordinary roles may read every column but the connection, which is not
    -- read here either. Columns that a version does not have come from missing.
    SELECT 'pg_subscription'::regclass, s.oid, 0, NULL, NULL, NULL,
        'subscription', NULL, s.subname, NULL, NULL, s.subowner,
        jsonb_build_object(
            'publications', (SELECT jsonb_agg(p ORDER BY p COLLATE "C") FROM unnest(s.subpublications) AS p),
            'slot_name', s.subslotname,
            'enabled', s.subenabled,
            'binary', s.subbinary,
            'streaming', CASE s.substream::text WHEN 'true' THEN 'on' WHEN 't' THEN 'on' WHEN 'p' THEN 'parallel'
                ELSE 'off' END,
            'two_phase', s.subtwophasestate <> 'd',
            'disable_on_error', s.subdisableonerr,
            'synchronous_commit', s.subsynccommit,
            'password_required', s.subpasswordrequired,
            'run_as_owner', s.subrunasowner,
            'origin', s.suborigin,
            'failover', s.subfailover)
    FROM (SELECT NULL::boolean AS subpasswordrequired, NULL::boolean AS subrunasowner, NULL::text AS suborigin,
            NULL::boolean AS subfailover) AS missing
    CROSS JOIN LATERAL (
        SELECT r.oid, r.subname, r.subowner, r.subenabled, r.subbinary, r.substream, r.subtwophasestate,
            r.subdisableonerr, r.subslotname, r.subsynccommit, r.subpublications,
            subpasswordrequired, subrunasowner, suborigin, subfailover
        FROM pg_subscription AS r
        WHERE r.subdbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())) AS s
    UNION ALL
    SELECT 'pg_event_trigger'::regclass, t.oid, 0, NULL, NULL, NULL,
        'event trigger', NULL, t.evtname, NULL, NULL, t.evtowner,
        jsonb_build_object(
            'event', t.evtevent,
            'function', t.evtfoid::regproc::text,
            'tags', (SELECT jsonb_agg(tag ORDER BY tag COLLATE "C") FROM unnest(t.evttags) AS tag),
            'enabled', CASE t.evtenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
                WHEN 'A' THEN 'always' ELSE 'origin' END)
    FROM pg_event_trigger AS t
    WHERE t.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = t.oid)
    UNION ALL
    -- For each grantee what differs from the built-in privileges; an entry for
    -- one schema adds to those.
    SELECT 'pg_default_acl'::regclass, d.oid, 0, CASE WHEN n.oid IS NOT NULL THEN 'pg_namespace'::regclass END, n.oid,
        CASE WHEN n.oid IS NOT NULL THEN 0 END,
        'default privileges', n.nspname, pg_get_userbyid(d.defaclrole), k.objects, NULL, NULL,
        jsonb_strip_nulls(jsonb_build_object('role', pg_get_userbyid(d.defaclrole), 'schema', n.nspname,
            'objects', k.objects,
            'grants', (
                SELECT jsonb_object_agg(g.grantee, g.privileges)
                FROM (
                    SELECT CASE WHEN a.grantee = 0 THEN 'public' ELSE pg_get_userbyid(a.grantee) END AS grantee,
                        coalesce(jsonb_agg(a.privilege_type || CASE WHEN a.is_grantable THEN ' with grant option'
                                ELSE '' END ORDER BY a.privilege_type) FILTER (WHERE a.given), '[]') AS privileges,
                        jsonb_agg(a.privilege_type || a.is_grantable::text ORDER BY a.privilege_type)
                            FILTER (WHERE a.given)
                            IS DISTINCT FROM jsonb_agg(a.privilege_type || a.is_grantable::text
                            ORDER BY a.privilege_type) FILTER (WHERE NOT a.given) AS differs
                    FROM (SELECT e.*, true AS given FROM aclexplode(d.defaclacl) AS e
                          UNION ALL SELECT e.*, false FROM aclexplode(k.base) AS e) AS a
                    GROUP BY a.grantee) AS g
                WHERE g.differs)))
    FROM pg_default_acl AS d
    LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
    CROSS JOIN LATERAL (
        SELECT CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
                WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END AS objects,
            -- a column has none at all
            acldefault(CASE WHEN n.oid IS NOT NULL THEN 'c' WHEN d.defaclobjtype = 'S' THEN 's'
                ELSE d.defaclobjtype END, d.defaclrole) AS base) AS k
$$;
