-- Snapshots: what belongs to a table: constraints, indexes, triggers, rules,
-- policies, extended statistics.

CREATE OR REPLACE FUNCTION confiture._facts_parts() RETURNS SETOF confiture._fact
LANGUAGE sql STABLE PARALLEL SAFE COST 1000000 ROWS 10000
SET search_path = pg_catalog, pg_temp
-- what was made a moment ago is in no statistics: loops over it would take the square of its number
SET enable_nestloop = off
AS $$
    WITH relation AS MATERIALIZED (
        SELECT c.oid, c.relname, n.nspname
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
            AND c.oid NOT IN (
                SELECT e.objid FROM pg_depend AS e
                WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
                    AND e.classid = 'pg_class'::regclass)
    ),
    -- A column that a version does not have is taken from here.
    missing AS (SELECT true AS conenforced, false AS conperiod),
    -- A foreign key that refers to a partitioned table has a row for each
    -- partition, too: they are no constraints of their own.
    con AS MATERIALIZED (
        SELECT k.*, r.relname, r.nspname
        FROM missing
        CROSS JOIN LATERAL (
            SELECT c.oid, c.conname, c.contype, c.conrelid, c.conindid, c.conparentid, c.confrelid,
                c.convalidated, c.condeferrable, c.condeferred, c.coninhcount, c.conislocal, c.connoinherit,
                c.conkey, conenforced, conperiod
            FROM pg_constraint AS c WHERE c.conrelid <> 0 AND c.contype IN ('c', 'f', 'p', 'u', 'x', 'n')) AS k
        JOIN relation AS r ON r.oid = k.conrelid
        WHERE k.conparentid = 0 OR k.contype <> 'f' OR NOT EXISTS (
            SELECT FROM pg_constraint AS p WHERE p.oid = k.conparentid AND p.confrelid <> k.confrelid)
    ),
    described AS MATERIALIZED (
        SELECT con.*, pg_get_constraintdef(con.oid) AS definition,
            CASE con.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' WHEN 'p' THEN 'primary key'
                WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclusion' ELSE 'not null' END AS type
        FROM con
    )
    SELECT 'pg_constraint'::regclass, k.oid, 0, 'pg_class'::regclass, k.conrelid, 0,
        'constraint', k.nspname, k.relname, k.conname, NULL, NULL::oid,
        CASE WHEN k.convalidated AND NOT k.condeferrable AND k.conenforced AND NOT k.conperiod
            AND (k.contype NOT IN ('c', 'n') OR NOT k.connoinherit) AND k.coninhcount = 0
            AND i.reloptions IS NULL AND s.spcname IS NULL
        THEN jsonb_build_object('type', k.type, 'definition', k.definition, 'valid', true)
        ELSE jsonb_build_object(
            'type', k.type,
            -- Whether it is valid is told apart.
            'definition', CASE WHEN k.convalidated OR k.definition NOT LIKE '% NOT VALID' THEN k.definition
                ELSE left(k.definition, -10) END,
            'valid', k.convalidated,
            'deferrable', CASE WHEN k.condeferrable THEN true END,
            'deferred', CASE WHEN k.condeferred THEN true END,
            'no_inherit', CASE WHEN k.contype IN ('c', 'n') AND k.connoinherit THEN true END,
            'enforced', CASE WHEN NOT k.conenforced THEN false END,
            'period', CASE WHEN k.conperiod THEN true END,
            'inherited', CASE WHEN k.coninhcount > 0 THEN true END,
            'local', CASE WHEN k.coninhcount > 0 THEN k.conislocal END,
            -- of its index
            'options', CASE WHEN i.reloptions IS NOT NULL THEN (
                SELECT jsonb_object_agg(o.option_name, o.option_value)
                FROM pg_options_to_table(i.reloptions) AS o) END,
            'tablespace', s.spcname) END
    FROM described AS k
    LEFT JOIN pg_class AS i ON i.oid = k.conindid AND k.contype IN ('p', 'u', 'x')
    LEFT JOIN pg_tablespace AS s ON s.oid = i.reltablespace
    UNION ALL
    -- The index of a constraint is part of that.
    SELECT 'pg_class'::regclass, i.indexrelid, 0, 'pg_class'::regclass, i.indrelid, 0,
        'index', r.nspname, c.relname, NULL, NULL, NULL,
        jsonb_build_object(
            'definition', pg_get_indexdef(i.indexrelid),
            'unique', i.indisunique,
            'valid', i.indisvalid,
            'partition_of', (SELECT quote_ident(n.nspname) || '.' || quote_ident(p.relname)
                FROM pg_inherits AS h JOIN pg_class AS p ON p.oid = h.inhparent
                JOIN pg_namespace AS n ON n.oid = p.relnamespace WHERE h.inhrelid = c.oid AND c.relispartition),
            'statistics', targets.of_columns,
            'tablespace', s.spcname)
    FROM pg_index AS i
    JOIN relation AS r ON r.oid = i.indrelid
    JOIN pg_class AS c ON c.oid = i.indexrelid
    LEFT JOIN pg_tablespace AS s ON s.oid = c.reltablespace
    LEFT JOIN (
        SELECT a.attrelid, jsonb_object_agg(a.attnum, a.attstattarget) AS of_columns
        FROM pg_attribute AS a WHERE a.attstattarget > -1 AND a.attnum > 0 GROUP BY a.attrelid
    ) AS targets ON targets.attrelid = i.indexrelid
    WHERE NOT EXISTS (
        SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
    UNION ALL
    -- What a partition has from its table is told as inherited: its enabled
    -- state is its own.
    SELECT 'pg_trigger'::regclass, t.oid, 0, 'pg_class'::regclass, t.tgrelid, 0,
        'trigger', r.nspname, r.relname, t.tgname, NULL, NULL,
        jsonb_build_object(
            'definition', pg_get_triggerdef(t.oid),
            'constraint', CASE WHEN t.tgconstraint <> 0 THEN true END,
            'enabled', CASE t.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
                WHEN 'A' THEN 'always' ELSE 'origin' END,
            'inherited', CASE WHEN t.tgparentid <> 0 THEN true END)
    FROM pg_trigger AS t
    JOIN relation AS r ON r.oid = t.tgrelid
    WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'pg_rewrite'::regclass, w.oid, 0, 'pg_class'::regclass, w.ev_class, 0,
        'rule', r.nspname, r.relname, w.rulename, NULL, NULL,
        jsonb_build_object(
            'definition', rtrim(pg_get_ruledef(w.oid), ';'),
            'enabled', CASE w.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
                WHEN 'A' THEN 'always' ELSE 'origin' END)
    FROM pg_rewrite AS w
    JOIN relation AS r ON r.oid = w.ev_class
    WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT 'pg_policy'::regclass, p.oid, 0, 'pg_class'::regclass, p.polrelid, 0,
        'policy', r.nspname, r.relname, p.polname, NULL, NULL,
        jsonb_build_object(
            'command', CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update'
                WHEN 'd' THEN 'delete' ELSE 'all' END,
            'permissive', p.polpermissive,
            'roles', (SELECT jsonb_agg(CASE WHEN m = 0 THEN 'public' ELSE pg_get_userbyid(m) END
                    ORDER BY CASE WHEN m = 0 THEN 'public' ELSE pg_get_userbyid(m) END COLLATE "C")
                FROM unnest(p.polroles) AS m),
            'using', pg_get_expr(p.polqual, p.polrelid),
            'check', pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy AS p
    JOIN relation AS r ON r.oid = p.polrelid
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid, 0, 'pg_class'::regclass, s.stxrelid, 0,
        'statistics', n.nspname, s.stxname, NULL, NULL, s.stxowner,
        jsonb_build_object(
            -- as pg_get_statisticsobjdef() writes it, but for the order of the columns
            'definition', (
                SELECT concat('CREATE STATISTICS ', quote_ident(n.nspname), '.', quote_ident(s.stxname),
                    CASE WHEN count(*) > 1 AND NOT s.stxkind @> '{d,f,m}' THEN (
                        SELECT format(' (%s)', string_agg(k.word, ', ' ORDER BY k.place))
                        FROM (VALUES ('d', 'ndistinct', 1), ('f', 'dependencies', 2), ('m', 'mcv', 3))
                            AS k (letter, word, place)
                        WHERE k.letter::"char" = ANY (s.stxkind)) END,
                    ' ON ', string_agg(x.text, ', ' ORDER BY x.place, x.text COLLATE "C"),
                    ' FROM ', quote_ident(r.nspname), '.', quote_ident(r.relname))
                FROM (SELECT quote_ident(a.attname) AS text, 0 AS place
                      FROM pg_attribute AS a
                      WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys::smallint[])
                      UNION ALL
                      SELECT e.text, e.place::integer
                      FROM unnest(pg_get_statisticsobjdef_expressions(s.oid)) WITH ORDINALITY AS e (text, place)) AS x),
            'statistics', nullif(s.stxstattarget, -1))
    FROM pg_statistic_ext AS s
    JOIN relation AS r ON r.oid = s.stxrelid
    JOIN pg_namespace AS n ON n.oid = s.stxnamespace
$$;
