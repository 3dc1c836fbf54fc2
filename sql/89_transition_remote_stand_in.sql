-- Transitions to another server: the view that takes the place of a source table at the cutover.

-- Tells whether a view over the target can be written as it is: all columns are taken over, unchanged.
CREATE OR REPLACE FUNCTION confiture._remote_is_plain(p confiture.transition_table) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT bool_and(s.attgenerated = '' AND g.attname IS NOT NULL AND confiture._transition_plain(p.columns, g.attname) = s.attname
            AND (s.atttypid, s.atttypmod, s.attcollation) = (g.atttypid, g.atttypmod, g.attcollation))
        -- the others have the same value in every new row
        AND NOT EXISTS (SELECT FROM pg_attribute AS o
            WHERE o.attrelid = p.target AND o.attnum > 0 AND NOT o.attisdropped AND o.attgenerated = ''
                AND NOT EXISTS (SELECT FROM pg_attribute AS t WHERE t.attrelid = p.source AND NOT t.attisdropped
                    AND t.attname = confiture._transition_plain(p.columns, o.attname))
                AND confiture._transition_expression(p.source, 'source', p.columns ->> o.attname, o.atttypid, o.atttypmod))
    FROM pg_attribute AS s
    LEFT JOIN pg_attribute AS g ON g.attrelid = p.target AND g.attname = confiture._transition_plain(p.back, s.attname)
        AND g.attnum > 0 AND NOT g.attisdropped
    WHERE s.attrelid = p.source AND s.attnum > 0 AND NOT s.attisdropped
$$;

-- The query of the view: the columns of the source, in their order and types.
CREATE OR REPLACE FUNCTION confiture._remote_view_query(p confiture.transition_table) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN bool_or(s.attgenerated <> '') THEN
        format('SELECT %s FROM (SELECT %s FROM %s AS target) AS source',
            string_agg(CASE WHEN s.attgenerated = '' THEN format('source.%I', s.attname)
                ELSE format('(%s)::%s AS %I', pg_get_expr(d.adbin, d.adrelid), format_type(s.atttypid, s.atttypmod), s.attname) END, ', ' ORDER BY s.attnum),
            string_agg(format(E'(%s\n)::%s AS %I', p.back ->> s.attname, format_type(s.atttypid, s.atttypmod), s.attname), ', ' ORDER BY s.attnum)
                FILTER (WHERE s.attgenerated = ''),
            confiture._remote_table(p, 'target'))
        ELSE format('SELECT %s FROM %s AS target',
            string_agg(CASE WHEN confiture._remote_is_plain(p) THEN format('target.%I AS %I', confiture._transition_plain(p.back, s.attname), s.attname)
                ELSE format(E'(%s\n)::%s AS %I', p.back ->> s.attname, format_type(s.atttypid, s.atttypmod), s.attname) END, ', ' ORDER BY s.attnum),
            confiture._remote_table(p, 'target')) END
    FROM pg_attribute AS s LEFT JOIN pg_attrdef AS d ON d.adrelid = s.attrelid AND d.adnum = s.attnum AND s.attgenerated <> ''
    WHERE s.attrelid = p.source AND s.attnum > 0 AND NOT s.attisdropped
$$;

-- The function that writes the target for a view that can't be written as it is.
CREATE OR REPLACE FUNCTION confiture._remote_forwarder(p confiture.transition_table) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($f$
#variable_conflict use_column
DECLARE
    confiture_row record;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        SELECT %1$s INTO confiture_row FROM (SELECT %2$s) AS source;
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO %3$s (%4$s) VALUES (%5$s);
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE %3$s AS target SET %6$s WHERE %7$s;
    ELSE
        DELETE FROM %3$s AS target WHERE %7$s;
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$f$,
        string_agg(format(E'(%s\n)::%s AS c%s', p.columns ->> g.attname, format_type(g.atttypid, -1), g.attnum), ', ' ORDER BY g.attnum),
        (SELECT string_agg(format('NEW.%1$I AS %1$I', s.attname), ', ' ORDER BY s.attnum)
         FROM pg_attribute AS s WHERE s.attrelid = p.source AND s.attnum > 0 AND NOT s.attisdropped),
        confiture._remote_table(p, 'target'),
        string_agg(quote_ident(g.attname), ', ' ORDER BY g.attnum),
        string_agg('confiture_row.c' || g.attnum, ', ' ORDER BY g.attnum),
        string_agg(format('%I = confiture_row.c%s', g.attname, g.attnum), ', ' ORDER BY g.attnum)
            FILTER (WHERE confiture._transition_expression(p.source, 'source', p.columns ->> g.attname, g.atttypid, g.atttypmod)),
        (SELECT string_agg(format('target.%I = OLD.%I', k.t, k.s), ' AND ') FROM unnest(p.target_key, p.source_key) AS k (t, s)))
    FROM pg_attribute AS g WHERE g.attrelid = p.target AND g.attnum > 0 AND NOT g.attisdropped AND g.attgenerated = ''
$$;

-- The columns of the source that get their values from a sequence, and the sequence that the view
-- uses: the same; for an identity, which goes with its table, one of the transition.
CREATE OR REPLACE FUNCTION confiture._remote_sequences(p confiture.transition_table)
RETURNS TABLE (source_column text, target_column text, own oid, used oid, is_identity boolean, is_owned boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT q.source_column, q.target_column, q.source_seq, CASE WHEN a.attidentity <> '' THEN q.target_seq ELSE q.source_seq END,
        a.attidentity <> '', EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = q.source_seq
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.source AND d.deptype = 'a')
    FROM confiture._transition_sequences(p) AS q
    JOIN pg_attribute AS a ON a.attrelid = p.source AND a.attname = q.source_column
    WHERE q.source_seq IS NOT NULL AND q.target_seq IS NOT NULL
$$;

-- Tries, as the owner of the table who the view works for, what the view does with the target. Nothing of
-- it stays, not even locks: the statements that write are taken back.
CREATE OR REPLACE FUNCTION confiture._remote_try(p confiture.transition_table) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner name := confiture._transition_owner(p.source);
    trial text := confiture._remote_table(p, 'trial');
    key text := quote_ident(p.target_key[1]);
    r confiture.transition_remote_table := (SELECT m FROM confiture.transition_remote_table AS m WHERE m.pair = p.id);
    statement text;
    message text;
    state text;
BEGIN
    FOREACH statement IN ARRAY ARRAY['SELECT * FROM %1$s LIMIT 1', 'INSERT INTO %1$s (%2$s) VALUES (NULL)',
            'UPDATE %1$s SET %2$s = %2$s WHERE %2$s IS NULL', 'DELETE FROM %1$s WHERE %2$s IS NULL'] LOOP
        BEGIN
            EXECUTE format('CREATE VIEW %s AS SELECT * FROM %s', trial, confiture._remote_table(p, 'target'));
            EXECUTE format('ALTER VIEW %s OWNER TO %I', trial, owner);
            PERFORM confiture._do_as_owner(confiture._remote_maker(p.transition), format(statement, trial, key));
            RAISE EXCEPTION USING ERRCODE = 'triggered_action_exception';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
            -- It works; or the target's guard, a constraint or a trigger stopped it: then it may be written.
            CONTINUE WHEN state = '09000' OR statement NOT LIKE 'SELECT %' AND state <> '42501' AND state NOT LIKE '08%';
            RAISE EXCEPTION 'owner % of table % can''t use the target: %', quote_ident(owner), p.source_name, message
                USING ERRCODE = state, DETAIL = 'After the cutover the view that takes its place works with the rights of its owner.',
                HINT = format('On the target: GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I, and USAGE ON SCHEMA %1$I, to the role of the user mapping of %3$I.',
                    r.target_schema, r.target_table, owner);
        END;
    END LOOP;
END
$$;

-- The statements that make the foreign tables through which rows of the target come here.
CREATE OR REPLACE FUNCTION confiture._remote_pull_statements(p confiture.transition_table) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.statement FROM confiture.transition_remote AS r, unnest('{pull,fenced}'::text[]) WITH ORDINALITY AS k (kind, n),
        LATERAL (VALUES (1, format('DROP FOREIGN TABLE IF EXISTS %s', confiture._remote_table(p, k.kind))),
            (2, format('CREATE FOREIGN TABLE %s (%s, %s) SERVER %I OPTIONS (schema_name %L, table_name %L, fetch_size ''5000'')',
                confiture._remote_table(p, k.kind), confiture._transition_key_columns(p.target, p.target_key),
                (SELECT string_agg(format('c%s %s', a.attnum, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
                 FROM pg_attribute AS a WHERE a.attrelid = p.target AND a.attnum > 0 AND NOT a.attisdropped),
                r.server, confiture._remote_schema(r.peer), k.kind || '_' || confiture._remote_half(p.id)))) AS s (n, statement)
    WHERE r.transition = p.transition ORDER BY k.n, s.n
$$;

-- Makes them, as the one who has made the transition: as whom they are read.
CREATE OR REPLACE FUNCTION confiture._remote_pull_tables(p confiture.transition_table) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    statement text;
BEGIN
    FOR statement IN SELECT s FROM confiture._remote_pull_statements(p) AS s LOOP
        PERFORM confiture._do_as_owner(confiture._remote_maker(p.transition), statement);
    END LOOP;
END
$$;

-- The statements that let the owner of the table, with whose rights the view will work, use the target.
CREATE OR REPLACE FUNCTION confiture._remote_admit_statements(p confiture.transition_table) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('GRANT USAGE ON SCHEMA %I TO %I', confiture._remote_schema(p.transition), confiture._transition_owner(p.source))
    UNION ALL SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', confiture._remote_table(p, 'target'), confiture._transition_owner(p.source))
$$;

-- The statements that make the view, in the schema of the transition, and what it needs.
CREATE OR REPLACE FUNCTION confiture._remote_stand_in_statements(p confiture.transition_table) RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner name := confiture._transition_owner(p.source);
    view text := confiture._remote_table(p, 'new');
    target text := confiture._remote_table(p, 'target');
    forwarder text := confiture._remote_table(p, 'forward');
    server name := (SELECT r.server FROM confiture.transition_remote AS r WHERE r.transition = p.transition);
BEGIN
    RETURN QUERY SELECT format('CREATE VIEW %s AS %s', view, confiture._remote_view_query(p));
    IF confiture._remote_is_plain(p) THEN
        RETURN QUERY SELECT format(E'ALTER FOREIGN TABLE %s ALTER %I SET DEFAULT (%s\n)', target, a.attname, p.columns ->> a.attname)
        FROM pg_attribute AS a
        WHERE a.attrelid = p.target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
            AND NOT EXISTS (SELECT FROM pg_attribute AS s WHERE s.attrelid = p.source AND NOT s.attisdropped
                AND s.attname = confiture._transition_plain(p.columns, a.attname)) ORDER BY a.attnum;
    ELSE
        RETURN QUERY SELECT format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L',
            forwarder, confiture._remote_forwarder(p));
        RETURN QUERY SELECT format('REVOKE ALL ON FUNCTION %s() FROM PUBLIC', forwarder);
        RETURN QUERY SELECT format('CREATE TRIGGER confiture_transition INSTEAD OF INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION %s()', view, forwarder);
        RETURN QUERY SELECT format('ALTER FUNCTION %s() OWNER TO %I', forwarder, owner);
    END IF;
    RETURN QUERY SELECT format('ALTER VIEW %s ALTER %I SET DEFAULT %s', view, a.attname, pg_get_expr(d.adbin, d.adrelid))
    FROM pg_attribute AS a JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = p.source AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum;
    RETURN QUERY SELECT format('ALTER VIEW %s ALTER %I SET DEFAULT nextval(%L)', view, q.source_column, confiture._relation_name(q.used))
    FROM confiture._remote_sequences(p) AS q WHERE q.is_identity;
    RETURN QUERY SELECT format('GRANT USAGE ON SEQUENCE %s TO %s', confiture._relation_name(q.used),
        CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END)
    FROM confiture._remote_sequences(p) AS q, (
        SELECT e.grantee FROM pg_class AS c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS e
        WHERE c.oid = p.source AND e.privilege_type = 'INSERT'
        UNION SELECT e.grantee FROM pg_attribute AS a, aclexplode(a.attacl) AS e
        WHERE a.attrelid = p.source AND NOT a.attisdropped AND e.privilege_type = 'INSERT') AS x
    WHERE q.is_identity;
    RETURN QUERY SELECT format('GRANT %s ON %s TO %s%s', g.what, view, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
        CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM (SELECT e.privilege_type AS what, e.grantee, e.is_grantable
            FROM pg_class AS c, aclexplode(c.relacl) AS e WHERE c.oid = p.source AND e.grantee <> c.relowner
        UNION ALL SELECT format('%s (%I)', e.privilege_type, a.attname), e.grantee, e.is_grantable
            FROM pg_attribute AS a, aclexplode(a.attacl) AS e WHERE a.attrelid = p.source AND NOT a.attisdropped) AS g;
    RETURN QUERY SELECT format('COMMENT ON VIEW %s IS %L', view, format('Stands for %s on server %I since the cutover of transition %L.',
        (SELECT m.target_schema || '.' || m.target_table FROM confiture.transition_remote_table AS m WHERE m.pair = p.id), server,
        (SELECT t.name FROM confiture.transition AS t WHERE t.id = p.transition)));
    RETURN QUERY SELECT format('ALTER VIEW %s OWNER TO %I', view, owner);
END
$$;

-- Before the lock: makes it, when what it does works.
CREATE OR REPLACE FUNCTION confiture._remote_stand_in(p confiture.transition_table) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
BEGIN
    PERFORM confiture._remote_pull_tables(p);
    PERFORM confiture._transition_execute(ARRAY(SELECT confiture._remote_admit_statements(p)));
    PERFORM confiture._remote_try(p);
    PERFORM confiture._transition_execute(ARRAY(SELECT confiture._remote_stand_in_statements(p)));
    UPDATE confiture.transition_remote_table AS m SET stand_in = to_regclass(confiture._remote_table(p, 'new')) WHERE m.pair = p.id;
END
$$;
