-- Snapshots: functions, procedures, aggregates, languages, and operators with
-- their classes and families.

CREATE OR REPLACE FUNCTION confiture._facts_routines() RETURNS SETOF confiture._fact
LANGUAGE sql STABLE PARALLEL SAFE COST 1000000 ROWS 10000
SET search_path = pg_catalog, pg_temp
-- what was made a moment ago is in no statistics: loops over it would take the square of its number
SET enable_nestloop = off
AS $$
    WITH member AS MATERIALIZED (
        SELECT e.classid, e.objid FROM pg_depend AS e
        WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
    ),
    -- The constructors of a range type go with it.
    routine AS MATERIALIZED (
        SELECT p.*, n.nspname, l.lanname
        FROM pg_proc AS p
        JOIN pg_namespace AS n ON n.oid = p.pronamespace
        JOIN pg_language AS l ON l.oid = p.prolang
        WHERE p.oid >= 16384 AND n.nspname !~ '^pg_temp_' AND n.nspname <> 'information_schema'
            AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid)
            AND NOT EXISTS (
                SELECT FROM pg_depend AS d
                WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                    AND d.refclassid = 'pg_type'::regclass AND d.deptype = 'i')
    ),
    operator AS MATERIALIZED (
        SELECT o.oid, quote_ident(n.nspname) || '.' || o.oprname AS name,
            CASE WHEN o.oprleft = 0 THEN 'NONE' ELSE format_type(o.oprleft, NULL) END AS left_type,
            CASE WHEN o.oprright = 0 THEN 'NONE' ELSE format_type(o.oprright, NULL) END AS right_type
        FROM pg_operator AS o
        JOIN pg_namespace AS n ON n.oid = o.oprnamespace
        WHERE o.oid IN (SELECT a.amopopr FROM pg_amop AS a WHERE a.oid >= 16384)
            OR o.oid IN (SELECT g.aggsortop FROM pg_aggregate AS g)
            OR o.oid >= 16384
    ),
    -- What an operator class or family consists of. A loose member of a
    -- family is one that belongs to no class; pg_depend has none of a family of the system.
    item AS MATERIALIZED (
        SELECT coalesce(d.refclassid, 'pg_opfamily'::regclass) AS refclassid, coalesce(d.refobjid, a.amopfamily) AS refobjid,
            'operator' AS what, a.amopstrategy::integer AS number,
            format_type(a.amoplefttype, NULL) AS left_type, format_type(a.amoprighttype, NULL) AS right_type,
            o.name || '(' || o.left_type || ',' || o.right_type || ')' AS name,
            quote_ident(sn.nspname) || '.' || quote_ident(s.opfname) AS sort_family,
            EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_operator'::regclass AND m.objid = a.amopopr) AS of_extension
        FROM pg_amop AS a
        LEFT JOIN pg_depend AS d ON d.classid = 'pg_amop'::regclass AND d.objid = a.oid
            AND d.refclassid IN ('pg_opclass'::regclass, 'pg_opfamily'::regclass)
            AND d.refobjid IS DISTINCT FROM a.amopsortfamily
        JOIN operator AS o ON o.oid = a.amopopr
        LEFT JOIN pg_opfamily AS s ON s.oid = a.amopsortfamily
        LEFT JOIN pg_namespace AS sn ON sn.oid = s.opfnamespace
        WHERE a.oid >= 16384
        UNION ALL
        SELECT coalesce(d.refclassid, 'pg_opfamily'::regclass), coalesce(d.refobjid, a.amprocfamily), 'function', a.amprocnum, format_type(a.amproclefttype, NULL),
            format_type(a.amprocrighttype, NULL), a.amproc::oid::regprocedure::text, NULL,
            EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_proc'::regclass AND m.objid = a.amproc)
        FROM pg_amproc AS a
        LEFT JOIN pg_depend AS d ON d.classid = 'pg_amproc'::regclass AND d.objid = a.oid
            AND d.refclassid IN ('pg_opclass'::regclass, 'pg_opfamily'::regclass)
        WHERE a.oid >= 16384
    ),
    items AS MATERIALIZED (
        SELECT i.refclassid, i.refobjid,
            jsonb_agg(jsonb_strip_nulls(jsonb_build_object('kind', i.what, 'number', i.number, 'name', i.name,
                    'left_type', i.left_type, 'right_type', i.right_type, 'sort_family', i.sort_family))
                ORDER BY i.what DESC, i.number, i.left_type COLLATE "C", i.right_type COLLATE "C") AS list
        FROM item AS i
        WHERE i.refobjid >= 16384 OR NOT i.of_extension
        GROUP BY i.refclassid, i.refobjid
    )
    SELECT 'pg_proc'::regclass, p.oid, 0, 'pg_namespace'::regclass, p.pronamespace, 0,
        CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
        p.nspname, p.proname, NULL, oidvectortypes(p.proargtypes), p.proowner,
        jsonb_build_object(
            'definition', pg_get_functiondef(p.oid),
            'language', p.lanname,
            'arguments', pg_get_function_arguments(p.oid),
            'result', pg_get_function_result(p.oid),
            'window', CASE WHEN p.prokind = 'w' THEN true END)
    FROM routine AS p
    WHERE p.prokind <> 'a'
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, 0, 'pg_namespace'::regclass, p.pronamespace, 0,
        'aggregate', p.nspname, p.proname, NULL, oidvectortypes(p.proargtypes), p.proowner,
        jsonb_build_object(
            'kind', CASE g.aggkind WHEN 'n' THEN 'normal' WHEN 'o' THEN 'ordered set' ELSE 'hypothetical set' END,
            'arguments', pg_get_function_arguments(p.oid),
            'identity_arguments', pg_get_function_identity_arguments(p.oid),
            'result', pg_get_function_result(p.oid),
            'parallel', CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END,
            'direct_arguments', g.aggnumdirectargs,
            'sfunc', g.aggtransfn::regproc::text,
            'stype', format_type(g.aggtranstype, NULL),
            'sspace', nullif(g.aggtransspace, 0),
            'finalfunc', CASE WHEN g.aggfinalfn <> 0 THEN g.aggfinalfn::regproc::text END,
            'finalfunc_extra', CASE WHEN g.aggfinalextra THEN true END,
            'finalfunc_modify', CASE g.aggfinalmodify WHEN 'r' THEN 'read_only' WHEN 's' THEN 'shareable'
                ELSE 'read_write' END,
            'combinefunc', CASE WHEN g.aggcombinefn <> 0 THEN g.aggcombinefn::regproc::text END,
            'serialfunc', CASE WHEN g.aggserialfn <> 0 THEN g.aggserialfn::regproc::text END,
            'deserialfunc', CASE WHEN g.aggdeserialfn <> 0 THEN g.aggdeserialfn::regproc::text END,
            'initcond', g.agginitval,
            'msfunc', CASE WHEN g.aggmtransfn <> 0 THEN g.aggmtransfn::regproc::text END,
            'minvfunc', CASE WHEN g.aggminvtransfn <> 0 THEN g.aggminvtransfn::regproc::text END,
            'mstype', CASE WHEN g.aggmtranstype <> 0 THEN format_type(g.aggmtranstype, NULL) END,
            'msspace', nullif(g.aggmtransspace, 0),
            'mfinalfunc', CASE WHEN g.aggmfinalfn <> 0 THEN g.aggmfinalfn::regproc::text END,
            'mfinalfunc_extra', CASE WHEN g.aggmfinalextra THEN true END,
            'mfinalfunc_modify', CASE WHEN g.aggmtransfn <> 0 THEN
                CASE g.aggmfinalmodify WHEN 'r' THEN 'read_only' WHEN 's' THEN 'shareable'
                    ELSE 'read_write' END END,
            'minitcond', g.aggminitval,
            'sortop', o.name)
    FROM routine AS p
    JOIN pg_aggregate AS g ON g.aggfnoid = p.oid
    LEFT JOIN operator AS o ON o.oid = g.aggsortop
    UNION ALL
    SELECT 'pg_language'::regclass, l.oid, 0, NULL, NULL, NULL,
        'language', NULL, l.lanname, NULL, NULL, l.lanowner,
        jsonb_build_object(
            'trusted', l.lanpltrusted,
            'handler', CASE WHEN l.lanplcallfoid <> 0 THEN l.lanplcallfoid::regproc::text END,
            'inline', CASE WHEN l.laninline <> 0 THEN l.laninline::regproc::text END,
            'validator', CASE WHEN l.lanvalidator <> 0 THEN l.lanvalidator::regproc::text END)
    FROM pg_language AS l
    WHERE l.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_language'::regclass AND m.objid = l.oid)
    UNION ALL
    SELECT 'pg_am'::regclass, a.oid, 0, NULL, NULL, NULL,
        'access method', NULL, a.amname, NULL, NULL, NULL,
        jsonb_build_object('type', CASE a.amtype WHEN 'i' THEN 'index' ELSE 'table' END,
            'handler', a.amhandler::regproc::text)
    FROM pg_am AS a
    WHERE a.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_am'::regclass AND m.objid = a.oid)
    UNION ALL
    SELECT 'pg_operator'::regclass, o.oid, 0, 'pg_namespace'::regclass, o.oprnamespace, 0,
        'operator', n.nspname, o.oprname, NULL, w.left_type || ', ' || w.right_type, o.oprowner,
        jsonb_build_object(
            'left_type', w.left_type,
            'right_type', w.right_type,
            -- Without a function it is a shell, named by another operator.
            'function', CASE WHEN o.oprcode <> 0 THEN o.oprcode::regproc::text END,
            'commutator', (SELECT c.name FROM operator AS c WHERE c.oid = o.oprcom),
            'negator', (SELECT c.name FROM operator AS c WHERE c.oid = o.oprnegate),
            'restrict', CASE WHEN o.oprrest <> 0 THEN o.oprrest::regproc::text END,
            'join', CASE WHEN o.oprjoin <> 0 THEN o.oprjoin::regproc::text END,
            'hashes', CASE WHEN o.oprcanhash THEN true END,
            'merges', CASE WHEN o.oprcanmerge THEN true END)
    FROM pg_operator AS o
    JOIN operator AS w ON w.oid = o.oid
    JOIN pg_namespace AS n ON n.oid = o.oprnamespace AND n.nspname !~ '^pg_temp_'
    WHERE o.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_operator'::regclass AND m.objid = o.oid)
    UNION ALL
    SELECT 'pg_opfamily'::regclass, f.oid, 0, 'pg_namespace'::regclass, f.opfnamespace, 0,
        'operator family', n.nspname, f.opfname, NULL, a.amname,
        -- Of one of the system only what was added to it is said.
        CASE WHEN f.oid >= 16384 THEN f.opfowner END,
        jsonb_strip_nulls(jsonb_build_object('access_method', a.amname, 'items', items.list))
    FROM pg_opfamily AS f
    JOIN pg_am AS a ON a.oid = f.opfmethod
    JOIN pg_namespace AS n ON n.oid = f.opfnamespace AND n.nspname !~ '^pg_temp_'
    LEFT JOIN items ON items.refclassid = 'pg_opfamily'::regclass AND items.refobjid = f.oid
    WHERE (f.oid >= 16384 OR items.list IS NOT NULL)
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_opfamily'::regclass AND m.objid = f.oid)
    UNION ALL
    SELECT 'pg_opclass'::regclass, c.oid, 0, 'pg_namespace'::regclass, c.opcnamespace, 0,
        'operator class', n.nspname, c.opcname, NULL, a.amname, c.opcowner,
        jsonb_build_object(
            'access_method', a.amname,
            'type', format_type(c.opcintype, NULL),
            'default', c.opcdefault,
            'family', quote_ident(fn.nspname) || '.' || quote_ident(f.opfname),
            'storage', CASE WHEN c.opckeytype <> 0 THEN format_type(c.opckeytype, NULL) END,
            'items', items.list)
    FROM pg_opclass AS c
    JOIN pg_am AS a ON a.oid = c.opcmethod
    JOIN pg_namespace AS n ON n.oid = c.opcnamespace AND n.nspname !~ '^pg_temp_'
    JOIN pg_opfamily AS f ON f.oid = c.opcfamily
    JOIN pg_namespace AS fn ON fn.oid = f.opfnamespace
    LEFT JOIN items ON items.refclassid = 'pg_opclass'::regclass AND items.refobjid = c.oid
    WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_opclass'::regclass AND m.objid = c.oid)
$$;
