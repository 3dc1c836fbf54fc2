-- Transitions: what stands in the way of one.

-- What stands in the way of a pair: its columns and expressions.
CREATE OR REPLACE FUNCTION confiture._transition_column_problems(p confiture.transition_table)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    side record;
    col record;
    message text;
    advice text;
BEGIN
    IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid IN (p.source, p.target) AND NOT pg_has_role(c.relowner, 'USAGE')) THEN
        RETURN;  -- told already; expressions are looked at as the owner
    END IF;
    FOR side IN SELECT * FROM (VALUES
            (p.source, p.target, 'source', p.columns, 'columns'), (p.target, p.source, 'target', p.back, 'back'))
            AS s (reads, writes, alias, mapping, key) LOOP
        relation := confiture._relation_name(side.writes);
        FOR col IN SELECT a.attname, a.atttypid, a.atttypmod, a.attgenerated
                FROM pg_attribute AS a
                WHERE a.attrelid = side.writes AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LOOP
            IF col.attgenerated <> '' THEN
                IF side.mapping ? col.attname THEN
                    problem := format('column %I is generated and has an expression', col.attname);
                    hint := 'Leave it out of the mapping.';
                    RETURN NEXT;
                END IF;
                CONTINUE;
            END IF;
            IF NOT side.mapping ? col.attname THEN
                -- Of a table that two pairs share, each has only what it owns.
                CONTINUE WHEN side.key = CASE p.shape WHEN 'split' THEN 'back' WHEN 'merge' THEN 'columns' END;
                problem := format('column %I has no counterpart in %s', col.attname, confiture._relation_name(side.reads));
                hint := format('Give an expression for it in "%s": NULL, for example.', side.key);
                RETURN NEXT;
                CONTINUE;
            END IF;
            BEGIN
                PERFORM confiture._transition_expression(
                    side.reads, side.alias, side.mapping ->> col.attname, col.atttypid, col.atttypmod, p.source);
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, advice = PG_EXCEPTION_HINT;
                problem := format('column %I: %s', col.attname, message);
                hint := coalesce(nullif(advice, ''), format('Correct it in "%s".', side.key));
                RETURN NEXT;
            END;
        END LOOP;
        RETURN QUERY SELECT relation, format('there is no column %I, which "%s" names', m.key, side.key), 'Correct the mapping.'
            FROM jsonb_object_keys(side.mapping) AS m (key)
            WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                WHERE a.attrelid = side.writes AND a.attname = m.key AND a.attnum > 0 AND NOT a.attisdropped);
    END LOOP;
    -- A value from a sequence must have one on the other side.
    RETURN QUERY
    SELECT confiture._relation_name(CASE WHEN s.source_seq IS NULL THEN p.source ELSE p.target END),
        format('column %I has no sequence, but its counterpart has',
            CASE WHEN s.source_seq IS NULL THEN s.source_column ELSE s.target_column END),
        'Give both sides a sequence, an identity for example, or neither.'
    FROM confiture._transition_sequences(p) AS s WHERE (s.source_seq IS NULL) <> (s.target_seq IS NULL);
END
$$;

-- The precision of a type, below all domains.
CREATE OR REPLACE FUNCTION confiture._base_typmod(type oid, typmod integer) RETURNS integer
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE below AS (
        SELECT t.typbasetype, t.typtype, CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE typmod END AS typmod FROM pg_type AS t WHERE t.oid = type
        UNION ALL
        SELECT t.typbasetype, t.typtype, CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE b.typmod END FROM below AS b JOIN pg_type AS t ON t.oid = b.typbasetype
    )
    SELECT b.typmod FROM below AS b WHERE b.typtype <> 'd'
$$;

-- What stands in the way of a pair: its keys.
CREATE OR REPLACE FUNCTION confiture._transition_key_problems(p confiture.transition_table)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p.source_key = '{}' THEN
        relation := confiture._relation_name(p.source);
        IF NOT EXISTS (SELECT FROM confiture._transition_keys(p.source)) THEN
            problem := 'it has neither a primary key nor a unique index over columns that are NOT NULL';
            hint := 'Give it a primary key.';
        ELSE
            relation := confiture._relation_name(p.target);
            problem := 'it has no unique key over the columns that hold the key of the source';
            hint := 'Give it a primary key over them; they must be taken over as they are.';
        END IF;
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT confiture._relation_name(p.source),
        format('key column %I: %s', k.a, c.problem), c.hint
    FROM unnest(p.source_key, p.target_key) AS k (a, b)
    JOIN pg_attribute AS s ON s.attrelid = p.source AND s.attname = k.a
    JOIN pg_attribute AS t ON t.attrelid = p.target AND t.attname = k.b
    JOIN pg_type AS st ON st.oid = confiture._base_type(s.atttypid)
    JOIN pg_type AS tt ON tt.oid = confiture._base_type(t.atttypid)
    LEFT JOIN pg_collation AS o ON o.oid = s.attcollation
    CROSS JOIN LATERAL (VALUES
        (st.typnamespace <> 'pg_catalog'::regnamespace AND st.typtype <> 'e',
         format('its type %s is not one of the server''s own', st.typname), 'Use a key of another type.'),
        (st.oid <> tt.oid AND NOT (st.typname IN ('int2', 'int4', 'int8') AND tt.typname IN ('int2', 'int4', 'int8'))
            AND NOT (st.typname IN ('text', 'varchar') AND tt.typname IN ('text', 'varchar')),
         format('its type is %s here and %s in the target', st.typname, tt.typname),
         'Keep the type: among the integer types, and between text and varchar, it may change.'),
        -- The values of the one would be rounded in the other: it would be the key of another row.
        (st.oid = tt.oid AND st.typname IN ('numeric', 'timestamp', 'timestamptz', 'time', 'timetz', 'interval')
            AND confiture._base_typmod(s.atttypid, s.atttypmod) <> confiture._base_typmod(t.atttypid, t.atttypmod),
         format('its type is %s here and %s in the target', format_type(st.oid, confiture._base_typmod(s.atttypid, s.atttypmod)),
            format_type(tt.oid, confiture._base_typmod(t.atttypid, t.atttypmod))),
         'Keep its precision: a key that is rounded is another key.'),
        (s.attcollation <> t.attcollation, 'its collation is another one in the target', 'Keep the collation of the key.'),
        (o.collisdeterministic = false, 'its collation is not deterministic', 'Use a key with another collation.'))
        AS c (wrong, problem, hint)
    WHERE c.wrong;
END
$$;

-- The tables of a schema that are not part of a transition.
CREATE OR REPLACE FUNCTION confiture._transition_left(transition integer, schema oid) RETURNS SETOF oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = schema AND c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition
        AND NOT EXISTS (SELECT FROM confiture.transition_table AS p WHERE p.transition = _transition_left.transition AND c.oid IN (p.source, p.target, p.log))
$$;

-- What stands in the way of a pair: the tables as they are.
CREATE OR REPLACE FUNCTION confiture._transition_table_problems(p confiture.transition_table, swap text)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._relation_name(c.oid), w.problem, w.hint
    FROM (VALUES (p.source, 'source'), (p.target, 'target')) AS r (oid, side)
    JOIN pg_class AS c ON c.oid = r.oid
    JOIN pg_class AS o ON o.oid = p.source
    CROSS JOIN LATERAL (VALUES
        (c.relkind = 'p', 'it is partitioned', 'Partitioned tables are not supported.'),
        (c.relkind = 'f', 'it is a foreign table', 'Only tables of this server are supported.'),
        (c.relpersistence <> 'p', CASE c.relpersistence WHEN 'u' THEN 'it is unlogged' ELSE 'it is temporary' END,
            CASE c.relpersistence WHEN 'u' THEN 'ALTER TABLE ... SET LOGGED.' ELSE 'Move tables that stay.' END),
        (c.relispartition OR EXISTS (SELECT FROM pg_inherits AS i WHERE c.oid IN (i.inhrelid, i.inhparent)),
            'it is a partition, or inherits', 'Tables with parents or children are not supported.'),
        (c.relhasrules AND EXISTS (SELECT FROM pg_rewrite AS w WHERE w.ev_class = c.oid), 'it has rules', 'Drop the rules.'),
        (NOT pg_has_role(c.relowner, 'USAGE'), 'you do not own it', 'Run the transition as the owner of both tables, or as a superuser.'),
        (r.side = 'target' AND NOT pg_has_role(c.relowner, o.relowner, 'USAGE'),
            format('its owner %I does not have the rights of %I, who owns the source and would run what it checks', pg_get_userbyid(c.relowner), pg_get_userbyid(o.relowner)),
            'Look at its checks, indexes and defaults, and at what they call; then ALTER TABLE ... OWNER TO the owner of the source.'),
        -- Of a target on another server here is only its shape.
        (NOT has_schema_privilege(o.relowner, c.relnamespace, 'USAGE') AND (r.side = 'source' OR NOT confiture._transition_is_remote(p.transition)),
            format('the owner of the source, %I, may not use schema %I', pg_get_userbyid(o.relowner),
                (SELECT n.nspname FROM pg_namespace AS n WHERE n.oid = c.relnamespace)),
            'GRANT USAGE ON SCHEMA: expressions and checks are run as the owner.'),
        (row_security_active(c.oid), 'row security hides rows of it from you', 'Run the transition as a role with BYPASSRLS.'),
        (EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal
            AND g.tgname LIKE 'confiture\_transition%' AND p.log IS NULL)
            -- Those of one that is at work are needed: it is named by itself.
            AND NOT EXISTS (SELECT FROM confiture.transition_table AS q JOIN confiture.transition AS l ON l.id = q.transition
                WHERE c.oid IN (q.source, q.target) AND q.transition <> p.transition AND l.live),
            'it has triggers of an earlier transition', 'Drop the triggers confiture_transition and confiture_transition_truncate.'),
        (EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgenabled IN ('A', 'R') AND NOT g.tgisinternal
            AND g.tgname NOT LIKE 'confiture\_transition%'),
            'it has triggers that are ENABLE ALWAYS or ENABLE REPLICA', 'ALTER TABLE ... ENABLE TRIGGER, for triggers that are ENABLE ALWAYS or REPLICA.'),
        (EXISTS (SELECT FROM pg_constraint AS o WHERE o.conrelid = c.oid AND o.contype IN ('p', 'u', 'x') AND o.condeferrable),
            'it has a unique or exclusion constraint that is DEFERRABLE', 'Make the constraint NOT DEFERRABLE.'),
        (EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attgenerated = 'v'),
            'it has a virtual generated column', 'Make the generated column STORED.'),
        -- Only what the transition handles itself may look at the tables from outside.
        (EXISTS (SELECT FROM pg_constraint AS o WHERE o.contype = 'f' AND o.confrelid = c.oid AND NOT EXISTS (
            SELECT FROM confiture.transition_table AS q WHERE q.transition = p.transition
                AND o.conrelid = CASE r.side WHEN 'source' THEN q.source ELSE q.target END)),
            'a table that is not part of the transition has a foreign key to it: '
            || (SELECT string_agg(format('%s of %s', quote_ident(o.conname), confiture._relation_name(o.conrelid)), ', ' ORDER BY o.conname)
                FROM pg_constraint AS o WHERE o.contype = 'f' AND o.confrelid = c.oid),
            'Move that table too, or drop the foreign key until after the contract.'),
        (EXISTS (SELECT FROM pg_publication AS b WHERE b.puballtables),
            'a publication is FOR ALL TABLES: it would send the change log to its subscribers', 'Name the tables in the publication.'),
        (EXISTS (SELECT FROM pg_publication_namespace AS b WHERE b.pnnspid = c.relnamespace),
            'a publication sends all tables of its schema, the change log too', 'Name the tables in the publication.'),
        -- A subscription knows its tables by OID: what comes in after the cutover would be skipped, and nobody told.
        (EXISTS (SELECT FROM pg_subscription_rel AS u WHERE u.srrelid = c.oid),
            'it is written by subscription ' || (SELECT string_agg(quote_ident(b.subname), ', ' ORDER BY b.subname)
                FROM pg_subscription_rel AS u JOIN pg_subscription AS b ON b.oid = u.srsubid WHERE u.srrelid = c.oid),
            'Take the table out of the publication and ALTER SUBSCRIPTION ... REFRESH PUBLICATION, or drop the subscription: after a cutover it would no longer find the table that is used.'),
        (r.side = 'source' AND EXISTS (SELECT FROM pg_publication_rel AS b WHERE b.prrelid = c.oid
            AND (b.prqual IS NOT NULL OR b.prattrs IS NOT NULL)),
            'a publication sends only some of its rows or columns', 'Take it out of the publication during the transition.'),
        (r.side = 'source' AND (c.relrowsecurity OR c.relforcerowsecurity) AND EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = c.oid)
            AND NOT EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = p.target)
            AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND NOT EXISTS (SELECT FROM pg_attribute AS b WHERE b.attrelid = p.target AND b.attname = a.attname)),
            'its policies speak of columns that the target does not have', 'Make the policies of the target yourself.'),
        (NOT has_schema_privilege(c.relnamespace, 'CREATE, USAGE') OR NOT has_schema_privilege(c.relnamespace, 'USAGE'),
            'you may not create in its schema', 'GRANT CREATE, USAGE ON SCHEMA.'),
        (swap = 'rename' AND NOT has_database_privilege(current_database(), 'CREATE'),
            'you may not create schemas, which swap "rename" does for a moment', 'GRANT CREATE ON DATABASE.'),
        (r.side = 'source' AND swap = 'schema' AND NOT confiture._transition_is_remote(p.transition) AND EXISTS (SELECT FROM confiture._transition_left(p.transition, c.relnamespace)),
            'swap "schema" would take tables that do not move out of its schema too: '
            || (SELECT string_agg(confiture._relation_name(l), ', ' ORDER BY confiture._relation_name(l)) FROM confiture._transition_left(p.transition, c.relnamespace) AS l),
            'Move those tables too, or choose {"swap": "rename"}.'),
        (swap = 'schema' AND NOT (SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace AS n WHERE n.oid = c.relnamespace),
            'you do not own its schema, which swap "schema" renames', 'Choose {"swap": "rename"}.'))
        AS w (wrong, problem, hint)
    WHERE w.wrong
    UNION ALL
    -- It is made again as the owner.
    SELECT confiture._relation_name(p.target), format('the owner of the source, %I, may not refer to %s, as foreign key %I does',
        pg_get_userbyid(o.relowner), confiture._relation_name(f.confrelid), f.conname), 'GRANT REFERENCES ON it; or give both tables the same owner.'
    FROM pg_class AS o JOIN pg_constraint AS f ON f.conrelid = p.target AND f.contype = 'f' JOIN pg_class AS c ON c.oid = f.confrelid
    -- in the transition, it gets the owner of its source
    LEFT JOIN LATERAL (SELECT d.relowner FROM confiture.transition_table AS q JOIN pg_class AS d ON d.oid = q.source
        WHERE q.transition = p.transition AND q.target = f.confrelid AND q.main) AS q ON true
    -- what it may do as the owner now, it may not when the owner is another one
    WHERE o.oid = p.source AND NOT pg_has_role(o.relowner, coalesce(q.relowner, c.relowner), 'USAGE')
        AND (pg_has_role(o.relowner, c.relowner, 'USAGE') OR NOT has_table_privilege(o.relowner, f.confrelid, 'REFERENCES')
            AND EXISTS (SELECT FROM unnest(f.confkey) AS k WHERE NOT has_column_privilege(o.relowner, f.confrelid, k, 'REFERENCES')))
    UNION ALL
    -- What one side checks, the other must check too: a mirror writes without triggers.
    SELECT confiture._relation_name(f.conrelid),
        format('foreign key %I has no counterpart in %s', f.conname, confiture._relation_name(f.other)),
        'Both sides need the foreign key, valid: columns and the table that it refers to must correspond.'
    FROM (
        SELECT o.oid, o.conname, o.conrelid, o.confrelid, p.target AS other, confiture._transition_fk(p.transition, o.oid, p, true) AS shape
        FROM pg_constraint AS o WHERE o.contype = 'f' AND o.conrelid = p.source
        UNION ALL
        SELECT o.oid, o.conname, o.conrelid, o.confrelid, p.source, confiture._transition_fk(p.transition, o.oid, p, false)
        FROM pg_constraint AS o WHERE o.contype = 'f' AND o.conrelid = p.target
    ) AS f
    WHERE p.log IS NULL AND NOT EXISTS (
        SELECT FROM pg_constraint AS o WHERE o.contype = 'f' AND o.conrelid = f.other AND o.convalidated
            AND confiture._transition_fk(p.transition, o.oid, p, f.other = p.source) = f.shape)
        AND NOT EXISTS (SELECT FROM confiture.transition_table AS q WHERE q.id = p.sibling
            AND (confiture._transition_fk_within(f.conrelid, f.confrelid, p, q)
                OR f.conrelid IN (q.source, q.target) AND EXISTS (SELECT FROM pg_constraint AS o
                    WHERE o.contype = 'f' AND o.convalidated AND o.conrelid = CASE f.conrelid WHEN q.source THEN q.target ELSE q.source END
                        AND confiture._transition_fk(p.transition, o.oid, q, o.conrelid = q.source)
                            = confiture._transition_fk(p.transition, f.oid, q, f.conrelid = q.source))))
$$;

-- What stands in the way: sequences that both sides could not use at once, each giving every other value.
CREATE OR REPLACE FUNCTION confiture._transition_sequence_problems(t confiture.transition)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    remote boolean := confiture._transition_is_remote(t.id);
    q record;
    at bigint;
BEGIN
    FOR q IN WITH link AS (
                SELECT p.ordinal, p.source, p.target, s.source_column, s.target_column, s.source_seq, s.target_seq, a.seqincrement AS step,
                    b.seqmin, b.seqmax, a.seqcycle AS source_cycles, b.seqcycle AS target_cycles
                FROM confiture.transition_table AS p, confiture._transition_sequences(p) AS s
                JOIN pg_sequence AS a ON a.seqrelid = s.source_seq JOIN pg_sequence AS b ON b.seqrelid = s.target_seq
                WHERE p.transition = t.id AND s.source_seq <> s.target_seq)
            SELECT l.*, (SELECT count(*) FROM link AS m WHERE m.source_seq = l.source_seq) AS uses,
                -- The values of several sources can be kept apart from one target only if they may be moved by one.
                EXISTS (SELECT FROM link AS m JOIN link AS n ON n.source_seq = m.source_seq WHERE m.target_seq = l.target_seq
                    GROUP BY m.target_seq HAVING count(DISTINCT m.source_seq) > 1
                        AND (count(DISTINCT n.target_seq) > 1 OR bool_or(abs(m.step) <> 1) OR count(DISTINCT m.step) > 1)) AS mixed
            FROM link AS l ORDER BY l.ordinal, l.target_column LOOP
        relation := confiture._relation_name(q.target);
        IF q.source_cycles OR q.target_cycles THEN
            relation := confiture._relation_name(CASE WHEN q.source_cycles THEN q.source ELSE q.target END);
            problem := format('the sequence of column %I is one that CYCLEs: both sides would begin again with the same value',
                CASE WHEN q.source_cycles THEN q.source_column ELSE q.target_column END);
            hint := 'ALTER SEQUENCE ... NO CYCLE until the contract.';
            RETURN NEXT;
        ELSIF remote AND q.uses > 1 THEN
            relation := confiture._relation_name(q.source);
            problem := format('the sequence of column %I fills other columns too', q.source_column);
            hint := 'On the way to another server each column needs a sequence of its own.';
            RETURN NEXT;
        ELSIF NOT remote AND q.mixed THEN
            problem := format('the sequence of column %I fills columns of which the counterparts have several sequences', q.target_column);
            hint := 'Give each column of the target a sequence of its own.';
            RETURN NEXT;
        ELSIF NOT remote AND (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = q.source_seq) THEN
            at := (confiture._transition_sequence_at(q.source_seq)).last_value;
            IF at + q.step NOT BETWEEN q.seqmin AND q.seqmax THEN
                problem := format('the sequence of column %I ends at %s, and that of its counterpart is at %s', q.target_column,
                    CASE WHEN q.step > 0 THEN q.seqmax ELSE q.seqmin END, at);
                hint := 'ALTER SEQUENCE ... MINVALUE ... MAXVALUE: both sides give every other value, and need twice as many.';
                RETURN NEXT;
            END IF;
        END IF;
    END LOOP;
END
$$;

-- Whether there is a row in a table.
CREATE OR REPLACE FUNCTION confiture._transition_has_rows(relation oid) RETURNS boolean
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.found FROM confiture._as_owner(relation, format('SELECT EXISTS (SELECT FROM %s)', confiture._relation_name(relation))) AS r (found boolean)
$$;

-- Everything that stands in the way of a transition.
CREATE OR REPLACE FUNCTION confiture._transition_problems(t confiture.transition)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
    needed bigint := 0;
BEGIN
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        IF NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = p.source) OR NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = p.target) THEN
            RETURN QUERY SELECT p.source_name, 'it or its target was dropped', 'SELECT confiture.transition_abort(name).';
            CONTINUE;
        END IF;
        RETURN QUERY SELECT x.* FROM confiture._transition_table_problems(p, t.options ->> 'swap') AS x;
        RETURN QUERY SELECT x.* FROM confiture._transition_column_problems(p) AS x;
        RETURN QUERY SELECT x.* FROM confiture._transition_key_problems(p) AS x;
        RETURN QUERY SELECT x.* FROM confiture.transition_table AS q, confiture._transition_shared_problems(p, q, t.options ->> 'swap') AS x
            WHERE q.id = p.sibling AND p.main;
        RETURN QUERY SELECT confiture._relation_name(o.relation), format('transition %s already works on it', quote_literal(l.name)),
                'End that one first: contract or abort.'
            FROM (VALUES (p.source), (p.target)) AS o (relation)
            JOIN confiture.transition_table AS q ON o.relation IN (q.source, q.target) AND q.transition <> t.id
            JOIN confiture.transition AS l ON l.id = q.transition AND l.live;
        IF t.state = 'planned' AND (SELECT c.relkind IN ('r', 'p') AND pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = p.target) THEN
            RETURN QUERY SELECT confiture._relation_name(p.target), 'it is not empty', 'TRUNCATE it: the transition fills it.'
                -- Another transition that is at work has filled it: to empty it would empty the other side.
                WHERE confiture._transition_has_rows(p.target) AND NOT EXISTS (SELECT FROM confiture.transition_table AS q
                    JOIN confiture.transition AS l ON l.id = q.transition
                    WHERE p.target IN (q.source, q.target) AND q.transition <> t.id AND l.live);
        END IF;
        needed := needed + pg_total_relation_size(p.source);
    END LOOP;
    IF t.state = 'planned' THEN
        RETURN QUERY SELECT x.* FROM confiture._transition_sequence_problems(t) AS x;
    END IF;
    IF t.state = 'planned' AND (t.options ->> 'disk')::boolean AND needed > confiture._free_bytes() THEN
        RETURN QUERY SELECT t.source_schema::text, format('there is no room for a copy: %s are needed, %s are free',
            pg_size_pretty(needed), pg_size_pretty(confiture._free_bytes())),
            'Make room; {"disk": false} if the target is on another disk.';
    END IF;
END
$$;

-- Raises the error for what stands in the way, if anything does.
CREATE OR REPLACE FUNCTION confiture._transition_refused(t confiture.transition, problems text, advice text, count bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF problems IS NOT NULL THEN
        RAISE EXCEPTION 'transition % is refused: % problem(s)', quote_literal(t.name), count
            USING ERRCODE = 'CF030', DETAIL = problems, HINT = advice;
    END IF;
END
$$;

-- Raises all of it as one error.
CREATE OR REPLACE FUNCTION confiture._transition_refuse(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problems text;
    advice text;
    count bigint;
BEGIN
    -- Advice in the order of what it is for.
    WITH x AS (SELECT y.relation, y.problem, y.hint, min(y.n) AS n
        FROM confiture._transition_problems(t) WITH ORDINALITY AS y (relation, problem, hint, n) GROUP BY 1, 2, 3)
    SELECT string_agg(format('%s: %s.', x.relation, x.problem), E'\n' ORDER BY x.n),
        (SELECT string_agg(h.hint, E'\n' ORDER BY h.n) FROM (SELECT x.hint, min(x.n) AS n FROM x GROUP BY 1) AS h), count(*)
    INTO problems, advice, count
    FROM x;
    PERFORM confiture._transition_refused(t, problems, advice, count);
END
$$;
