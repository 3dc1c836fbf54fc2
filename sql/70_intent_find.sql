-- Intents: what else a change reaches, and whom it collides with.

-- Agents and features are names of one line.
CREATE OR REPLACE FUNCTION confiture._intent_check_name(what text, value text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL OR btrim(value) = '' OR value ~ '[[:cntrl:]]' OR length(value) > 200 THEN
        RAISE EXCEPTION '% of an intent is not valid: %', what, coalesce(quote_literal(left(value, 200)), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
            HINT = format('Give %s of one line, at most 200 characters.', CASE what WHEN 'agent' THEN 'an agent' ELSE 'a ' || what END);
    END IF;
END
$$;

-- Who the session is, for coordination.
CREATE OR REPLACE FUNCTION confiture._intent_agent() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(nullif(current_setting('confiture.agent', true), ''), session_user::text));
END
$$;

-- What depends on the objects of claims, or hangs together with them by a foreign key: as more claims.
-- The bodies of functions that are strings are not looked into: PostgreSQL has no dependencies for them.
CREATE OR REPLACE FUNCTION confiture._intent_affected(claims jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- the plans must not depend on statistics that may not be there yet, and their costs mean nothing
SET jit = off
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    seeds jsonb;
    found jsonb;
BEGIN
    -- the collector has said which claims are of something on which others may depend
    IF NOT claims @? '$[*] ? (exists(@.oid) || @.anchor starts with "routine:" && (@.action == "alter" || @.action == "drop"))' THEN
        RETURN '[]';
    END IF;
    -- the changed objects: catalog, OID, column (0: the whole, -1: only its children matter), and whether it goes away
    WITH changed AS MATERIALIZED (
        SELECT c.* FROM jsonb_populate_recordset(NULL::confiture._intent_claim, claims) AS c
        WHERE c.action IN ('touch', 'alter', 'drop')
    ), seed (classid, objid, objsubid, dropped) AS (
        SELECT c.classid, c.oid, CASE c.action WHEN 'touch' THEN -1 ELSE 0 END, c.action = 'drop'
        FROM changed AS c
        WHERE c.part = '' AND c.classid IN ('pg_class'::regclass, 'pg_type'::regclass)
        UNION ALL
        SELECT 'pg_class'::regclass::oid, a.attrelid, a.attnum, false
        FROM changed AS c
        JOIN pg_attribute AS a ON a.attname = c."column" AND a.attrelid = CASE c.classid
            WHEN 'pg_type'::regclass THEN (SELECT t.typrelid FROM pg_type AS t WHERE t.oid = c.oid)
            ELSE c.oid END
        WHERE c.kind = 'column' AND c.oid IS NOT NULL
        UNION ALL
        -- a foreign key depends on the index of the key
        SELECT s.classid, s.objid, 0, false
        FROM changed AS c
        JOIN pg_constraint AS x ON x.conrelid = c.oid AND x.conname = c."column"
        CROSS JOIN LATERAL (VALUES ('pg_constraint'::regclass::oid, x.oid), ('pg_class'::regclass::oid, x.conindid))
            AS s (classid, objid)
        WHERE c.kind = 'constraint' AND c.classid = 'pg_class'::regclass AND x.contype IN ('p', 'u', 'x') AND s.objid <> 0
        UNION ALL
        SELECT 'pg_proc'::regclass::oid, p.oid, 0, false
        FROM changed AS c
        JOIN pg_namespace AS n ON n.nspname = c.schema
        JOIN pg_proc AS p ON p.pronamespace = n.oid AND p.proname = c.name
        WHERE c.anchor LIKE 'routine:%' AND c.action <> 'touch'
            AND (c.arguments IS NULL OR c.arguments = oidvectortypes(p.proargtypes) OR NOT EXISTS (
                SELECT FROM pg_proc AS o
                WHERE o.pronamespace = p.pronamespace AND o.proname = p.proname AND oidvectortypes(o.proargtypes) = c.arguments))
    )
    SELECT jsonb_agg(jsonb_build_object('c', s.classid::bigint, 'o', s.objid::bigint, 's', s.objsubid, 'd', s.dropped)) INTO seeds
    FROM seed AS s;
    IF seeds IS NULL THEN
        RETURN '[]';
    END IF;

    WITH RECURSIVE reached (classid, objid, objsubid, dropped) AS (
        SELECT s.c::oid, s.o::oid, s.s, s.d FROM jsonb_to_recordset(seeds) AS s (c bigint, o bigint, s integer, d boolean)
        UNION
        SELECT dependent.classid, dependent.objid, dependent.objsubid, d.dropped
        FROM reached AS r
        CROSS JOIN LATERAL (
            SELECT d.classid, d.objid, d.objsubid, false AS dropped
            FROM pg_depend AS d
            WHERE d.refclassid = r.classid AND d.refobjid = r.objid AND r.objsubid >= 0
                AND (r.objsubid = 0 OR d.refobjsubid = r.objsubid) AND d.deptype IN ('n', 'a')
            UNION ALL
            -- partitions and children have the columns of their parent; partitions go with it
            SELECT 'pg_class'::regclass::oid, i.inhrelid, least(r.objsubid, 0), r.dropped AND p.relispartition
            FROM pg_inherits AS i
            JOIN pg_class AS p ON p.oid = i.inhrelid
            WHERE r.classid = 'pg_class'::regclass AND i.inhparent = r.objid
            UNION ALL
            -- the row type of a table or composite type, and the array type of a type
            SELECT 'pg_type'::regclass::oid, c.reltype, 0, false
            FROM pg_class AS c
            WHERE r.classid = 'pg_class'::regclass AND c.oid = r.objid AND c.reltype <> 0 AND r.objsubid >= 0
            UNION ALL
            SELECT 'pg_type'::regclass::oid, t.typarray, 0, false
            FROM pg_type AS t
            WHERE r.classid = 'pg_type'::regclass AND t.oid = r.objid AND t.typarray <> 0
        ) AS d
        -- a rule stands for its view, a default for its column, a trigger, policy or constraint for itself
        CROSS JOIN LATERAL (
            SELECT CASE WHEN d.classid IN ('pg_rewrite'::regclass, 'pg_attrdef'::regclass) THEN 'pg_class'::regclass ELSE d.classid END::oid AS classid,
                CASE d.classid
                    WHEN 'pg_rewrite'::regclass THEN (SELECT w.ev_class FROM pg_rewrite AS w WHERE w.oid = d.objid)
                    WHEN 'pg_attrdef'::regclass THEN (SELECT f.adrelid FROM pg_attrdef AS f WHERE f.oid = d.objid)
                    ELSE d.objid
                END AS objid,
                CASE d.classid
                    WHEN 'pg_attrdef'::regclass THEN (SELECT f.adnum FROM pg_attrdef AS f WHERE f.oid = d.objid)
                    ELSE d.objsubid
                END::integer AS objsubid
        ) AS dependent
        WHERE dependent.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass)
    ), object AS (
        -- OFFSET 0: what was reached is looked up in a catalog, however large the planner thinks either is
        -- relations and columns
        SELECT 'relation' AS class, c.relnamespace AS namespace, c.relname AS name, a.attname AS "column",
            CASE WHEN r.objsubid > 0 THEN 'column'
                ELSE CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index'
                    WHEN 'I' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' ELSE 'table' END
            END AS kind, NULL::text AS arguments, r.dropped
        FROM reached AS r
        JOIN pg_class AS c ON c.oid = r.objid
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = r.objsubid AND r.objsubid > 0
        WHERE r.classid = 'pg_class'::regclass AND c.relkind <> 'c'
        UNION
        SELECT 'routine', p.pronamespace, p.proname, NULL,
            CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
            oidvectortypes(p.proargtypes), false
        FROM reached AS r
        JOIN pg_proc AS p ON p.oid = r.objid
        WHERE r.classid = 'pg_proc'::regclass
        UNION
        SELECT 'relation', t.typnamespace, t.typname, NULL,
            CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, NULL, false
        FROM reached AS r
        JOIN pg_type AS t ON t.oid = r.objid AND t.typrelid = 0 AND t.typcategory <> 'A'
        WHERE r.classid = 'pg_type'::regclass
        UNION
        SELECT 'relation', c.relnamespace, c.relname, x.tgname, 'trigger', NULL, false
        FROM reached AS r
        CROSS JOIN LATERAL (SELECT t.tgrelid, t.tgname FROM pg_trigger AS t
            WHERE t.oid = r.objid AND NOT t.tgisinternal OFFSET 0) AS x
        JOIN pg_class AS c ON c.oid = x.tgrelid
        WHERE r.classid = 'pg_trigger'::regclass
        UNION
        SELECT 'relation', c.relnamespace, c.relname, x.polname, 'policy', NULL, false
        FROM reached AS r
        CROSS JOIN LATERAL (SELECT p.polrelid, p.polname FROM pg_policy AS p WHERE p.oid = r.objid OFFSET 0) AS x
        JOIN pg_class AS c ON c.oid = x.polrelid
        WHERE r.classid = 'pg_policy'::regclass
        UNION
        SELECT 'relation', coalesce(c.relnamespace, t.typnamespace), coalesce(c.relname, t.typname), x.conname, 'constraint', NULL, false
        FROM reached AS r
        CROSS JOIN LATERAL (SELECT k.conrelid, k.contypid, k.conname FROM pg_constraint AS k
            WHERE k.oid = r.objid AND k.contype = 'c' OFFSET 0) AS x
        LEFT JOIN pg_class AS c ON c.oid = x.conrelid
        LEFT JOIN pg_type AS t ON t.oid = x.contypid
        WHERE r.classid = 'pg_constraint'::regclass
        UNION
        -- a composite type, by one of its columns
        SELECT 'relation', t.typnamespace, t.typname, NULL, 'type', NULL, false
        FROM reached AS r
        CROSS JOIN LATERAL (SELECT k.reltype FROM pg_class AS k WHERE k.oid = r.objid AND k.relkind = 'c' OFFSET 0) AS c
        JOIN pg_type AS t ON t.oid = c.reltype
        WHERE r.classid = 'pg_class'::regclass
        UNION
        -- the tables on both ends of a foreign key
        SELECT 'relation', c.relnamespace, c.relname, NULL, 'table', NULL, false
        FROM reached AS r
        CROSS JOIN LATERAL (SELECT k.conrelid, k.confrelid FROM pg_constraint AS k
            WHERE k.oid = r.objid AND k.contype = 'f' OFFSET 0) AS x
        JOIN pg_class AS c ON c.oid IN (x.conrelid, x.confrelid)
        WHERE r.classid = 'pg_constraint'::regclass
    )
    SELECT jsonb_agg(jsonb_build_object('anchor', o.anchor, 'part', o.part, 'kind', o.kind, 'schema', o.schema,
        'name', o.name, 'column', o."column", 'arguments', o.arguments, 'source', 'affected',
        'action', CASE WHEN o.dropped THEN 'drop' ELSE 'affected' END,
        'display', o.display || coalesce('.' || quote_ident(o."column"), '')))
    INTO found
    FROM (
        SELECT o.class || ':' || quote_ident(n.nspname) || '.' || quote_ident(o.name) AS anchor,
            quote_ident(n.nspname) || '.' || quote_ident(o.name) AS display,
            CASE WHEN o."column" IS NULL THEN '' ELSE o.kind || ':' || quote_ident(o."column") END AS part,
            min(o.kind) AS kind, n.nspname AS schema, o.name, o."column", min(o.arguments) AS arguments, bool_or(o.dropped) AS dropped
        FROM object AS o
        JOIN pg_namespace AS n ON n.oid = o.namespace
        WHERE n.nspname NOT IN ('confiture', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
        GROUP BY o.class, n.nspname, o.name, o."column", o.kind
        ORDER BY bool_or(o.dropped) DESC, 1, 2
        LIMIT 10000
    ) AS o
    -- a column of a claimed table is a matter of that table; and what is claimed more strongly says it already
    WHERE NOT EXISTS (
        SELECT FROM jsonb_populate_recordset(NULL::confiture._intent_claim, claims) AS c
        WHERE c.anchor = o.anchor AND c.part IN ('', o.part)
            AND (c.action = 'drop' OR NOT o.dropped AND (c.action = 'alter'
                OR c.part = o.part AND c.action IN ('touch', 'create'))));
    RETURN coalesce(found, '[]');
END
$$;

-- Whom claims collide with: one conflict for each other intent and type, as JSON, the worst first.
-- agents: whose intents are one's own; with_affected: what only depends on a change of the other side counts.
CREATE OR REPLACE FUNCTION confiture._intent_found(
    claims jsonb, agents text[], starts_at timestamptz, lasts interval, with_affected boolean)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- the plans must not depend on statistics that may not be there yet, and their costs mean nothing
SET jit = off
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    moment constant timestamptz := clock_timestamp();
    hits confiture._intent_hit[];
    more confiture._intent_hit[];
    found jsonb;
BEGIN
    -- the same object or part on both sides
    SELECT array_agg((h.intent, m.anchor, m.part, m.display, m.kind, m.action, h.action,
        -- another overload of a function is another function
        CASE WHEN m.arguments <> h.arguments THEN 'info' ELSE r.severity END,
        r.type, r.suggestion)::confiture._intent_hit) INTO hits
    FROM jsonb_populate_recordset(NULL::confiture._intent_claim, claims) AS m
    JOIN confiture.intent_rule AS r ON r.wanted = m.action AND r.scope = CASE
        WHEN m.part <> '' THEN 'object'
        WHEN m.kind IN ('table', 'foreign table', 'relation') THEN 'table'
        WHEN m.kind IN ('type', 'domain') THEN 'type'
        ELSE 'object' END
    JOIN confiture.intent_object AS h ON h.slot = r.held || ' ' || m.part || ' ' || m.anchor AND h.active
    JOIN confiture.intent AS i ON i.id = h.intent
    WHERE (with_affected OR h.source <> 'affected')
        AND i.active AND i.expires_at > moment AND i.agent <> ALL (agents);
    -- one side changes a column, the other uses the whole and does not say which columns
    IF claims @? '$[*] ? (@.kind == "column" && (@.action == "alter" || @.action == "drop"))' THEN
        SELECT array_agg((h.intent, m.anchor, m.part, m.display, m.kind, m.action, h.action, r.severity, r.type,
            r.suggestion)::confiture._intent_hit) INTO more
        FROM jsonb_populate_recordset(NULL::confiture._intent_claim, claims) AS m
        JOIN confiture.intent_rule AS r ON r.scope = 'part' AND r.wanted = m.action
        JOIN confiture.intent_object AS h ON h.slot = r.held || '  ' || m.anchor AND h.active
        JOIN confiture.intent AS i ON i.id = h.intent
        WHERE m.kind = 'column' AND m.action IN ('alter', 'drop') AND h.bare
            AND i.active AND i.expires_at > moment AND i.agent <> ALL (agents);
        hits := hits || more;
    END IF;
    IF claims @? '$[*] ? (@.part == "" && @.kind != "schema" && (@.action == "read" || @.action == "reference" || @.action == "write"))' THEN
        SELECT array_agg((h.intent, m.anchor, h.part, h.display, m.kind, m.action, h.action, r.severity, r.type,
            r.suggestion)::confiture._intent_hit) INTO more
        FROM jsonb_populate_recordset(NULL::confiture._intent_claim, claims) AS m
        JOIN confiture.intent_object AS h
            ON h.anchor = m.anchor AND h.active AND h.part <> '' AND h.action IN ('alter', 'drop')
        JOIN confiture.intent_rule AS r ON r.scope = 'part' AND r.wanted = m.action AND r.held = h.action
        JOIN confiture.intent AS i ON i.id = h.intent
        WHERE m.bare AND m.action IN ('read', 'reference', 'write') AND h.kind = 'column'
            AND i.active AND i.expires_at > moment AND i.agent <> ALL (agents);
        hits := hits || more;
    END IF;
    -- both announce the same time
    IF lasts IS NOT NULL THEN
        SELECT array_agg((h.intent, m.anchor, '', m.display, m.kind, m.action, h.action, r.severity, r.type,
            r.suggestion)::confiture._intent_hit) INTO more
        FROM jsonb_populate_recordset(NULL::confiture._intent_claim, claims) AS m
        JOIN confiture.intent_rule AS r ON r.scope = 'window' AND r.wanted = m.action
        JOIN confiture.intent_object AS h ON h.slot = r.held || '  ' || m.anchor AND h.active
        JOIN confiture.intent AS i ON i.id = h.intent
        WHERE m.part = ''
            AND coalesce(_intent_found.starts_at, moment) < coalesce(i.starts_at, i.registered_at) + i.estimated_duration
            AND coalesce(i.starts_at, i.registered_at) < coalesce(_intent_found.starts_at, moment) + lasts
            AND i.active AND i.expires_at > moment AND i.agent <> ALL (agents);
        hits := hits || more;
    END IF;
    IF hits IS NULL THEN
        RETURN '[]';
    END IF;

    WITH hit AS MATERIALIZED (
        SELECT h.*, array_position('{info,warning,error}', h.severity) AS weight FROM unnest(hits) AS h
    ), conflict AS (
        SELECT h.intent, coalesce(h.type, CASE
                WHEN h.kind IN ('table', 'foreign table', 'relation') THEN 'table'
                WHEN h.kind IN ('view', 'materialized view') THEN 'view'
                WHEN h.kind IN ('type', 'domain') THEN 'type'
                WHEN h.kind IN ('column', 'constraint', 'index', 'trigger', 'policy', 'sequence', 'schema') THEN h.kind
                WHEN h.kind IN ('function', 'procedure', 'aggregate', 'routine') THEN 'function'
                ELSE 'object'
            END) AS type, max(h.weight) AS weight,
            array_agg(h.suggestion ORDER BY h.weight DESC, h.anchor, h.part) AS suggestions,
            jsonb_agg(jsonb_build_object('object', h.display, 'kind', h.kind, 'action', h.action,
                'other_action', h.held, 'severity', h.severity) ORDER BY h.weight DESC, h.anchor, h.part) AS objects
        FROM hit AS h
        -- the table of a part is no news where the part is
        WHERE NOT (h.action = 'touch' AND h.held = 'touch' AND h.type IS NULL AND EXISTS (
            SELECT FROM hit AS p WHERE p.intent = h.intent AND p.anchor = h.anchor AND p.part <> ''))
        GROUP BY 1, 2
    )
    SELECT jsonb_agg(jsonb_build_object('id', NULL, 'intent', NULL, 'other', i.id, 'agent', i.agent,
            'feature', i.feature, 'branch', i.branch, 'status', i.status, 'type', c.type,
            'severity', ('{info,warning,error}'::text[])[c.weight],
            -- an intent with thousands of objects must not give a row of megabytes
            'objects', CASE WHEN jsonb_array_length(c.objects) <= 100 THEN c.objects
                ELSE jsonb_path_query_array(c.objects, '$[0 to 99]')
                    || jsonb_build_array(jsonb_build_object('more', jsonb_array_length(c.objects) - 100)) END,
            'suggestion', c.suggestions[1], 'state', 'open', 'detected_at', NULL, 'expires_at', i.expires_at,
            'note', NULL, 'role', 'newcomer')
        ORDER BY c.weight DESC, i.number, c.type) INTO found
    FROM conflict AS c
    JOIN confiture.intent AS i ON i.id = c.intent;
    RETURN coalesce(found, '[]');
END
$$;
