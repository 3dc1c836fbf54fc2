-- Transitions to another server, option mode synchronous: from the mirror on, a writer's transaction
-- writes the target too.
--
-- A trigger of the source puts, through the door, what the source now has under the keys that were
-- written; keys that it does not have any more are removed. So the order of events does not matter. It
-- reads the row from a view, which knows the table by its OID.

-- Tells whether writers write the target themselves.
CREATE OR REPLACE FUNCTION confiture._remote_is_sync(t confiture.transition) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.state IN ('mirrored', 'validated') AND EXISTS (SELECT FROM confiture.transition_remote AS r
        WHERE r.transition = t.id AND r.side = 'source' AND r.mode = 'synchronous')
$$;

-- The function of the trigger.
CREATE OR REPLACE FUNCTION confiture._remote_sync_body(p confiture.transition_table) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($f$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION 'table "%%" can''t be truncated while its rows are written on another server too', TG_TABLE_NAME
            USING ERRCODE = 'feature_not_supported', HINT = 'Use DELETE, or wait for the end of transition ' || %8$L || '.';
    END IF;
    IF TG_OP <> 'INSERT' THEN
        IF TG_OP = 'DELETE' OR ROW(%6$s) IS DISTINCT FROM ROW(%7$s) THEN
            INSERT INTO %1$s (%2$s, confiture_what) SELECT %3$s, 'p' FROM %4$s AS now WHERE %9$s;
            IF NOT FOUND THEN
                INSERT INTO %1$s (%2$s, confiture_what) SELECT %5$s, 'd' FROM (SELECT %11$s) AS g;
            END IF;
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO %1$s (%2$s, confiture_what) SELECT %3$s, 'p' FROM %4$s AS now WHERE %10$s;
    END IF;
    RETURN NULL;
END
$f$,
        confiture._remote_table(p, 'door'), e.names,
        (SELECT string_agg('now.c' || a.attnum, ', ' ORDER BY a.attnum) FROM pg_attribute AS a
         WHERE a.attrelid = p.target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
        confiture._remote_table(p, 'now'), e.only_key,
        k.old, k.new, quote_literal((SELECT t.name FROM confiture.transition AS t WHERE t.id = p.transition)),
        k.same_old, k.same_new, k.named)
    FROM confiture._remote_expressions(p) AS e,
        (SELECT string_agg(format('OLD.%I', s.name), ', ' ORDER BY s.n) AS old, string_agg(format('NEW.%I', s.name), ', ' ORDER BY s.n) AS new,
            string_agg(format('now.k%s OPERATOR(pg_catalog.=) OLD.%I', s.n, s.name), ' AND ') AS same_old,
            string_agg(format('now.k%s OPERATOR(pg_catalog.=) NEW.%I', s.n, s.name), ' AND ') AS same_new,
            string_agg(format('OLD.%I AS k%s', s.name, s.n), ', ') AS named
         FROM unnest(p.source_key) WITH ORDINALITY AS s (name, n)) AS k
$$;

-- The statements that make what the trigger needs. It works with the rights of the table's owner.
CREATE OR REPLACE FUNCTION confiture._remote_sync_statements(p confiture.transition_table) RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner name := confiture._transition_owner(p.source);
    now text := confiture._remote_table(p, 'now');
    sync text := confiture._remote_table(p, 'sync');
BEGIN
    RETURN QUERY SELECT format('GRANT USAGE ON SCHEMA %I TO %I', confiture._remote_schema(p.transition), owner);
    RETURN QUERY SELECT format('GRANT SELECT, INSERT ON %s TO %I', confiture._remote_table(p, 'door'), owner);
    RETURN QUERY SELECT format('CREATE VIEW %s AS SELECT %s, %s FROM ONLY %s AS source', now,
        (SELECT string_agg(format('source.%I AS k%s', k.name, k.n), ', ' ORDER BY k.n) FROM unnest(p.source_key) WITH ORDINALITY AS k (name, n)),
        (SELECT string_agg(format(E'(%s\n)::%s AS c%s', p.columns ->> a.attname, format_type(a.atttypid, -1), a.attnum), ', ' ORDER BY a.attnum)
         FROM pg_attribute AS a WHERE a.attrelid = p.target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
        confiture._relation_name(p.source));
    RETURN QUERY SELECT format('ALTER VIEW %s OWNER TO %I', now, owner);
    RETURN QUERY SELECT format('CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L',
        sync, confiture._remote_sync_body(p));
    RETURN QUERY SELECT format('REVOKE ALL ON FUNCTION %s() FROM PUBLIC', sync);
    RETURN QUERY SELECT format('ALTER FUNCTION %s() OWNER TO %I', sync, owner);
END
$$;

-- Before the lock: makes it.
CREATE OR REPLACE FUNCTION confiture._remote_sync_equip(p confiture.transition_table) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    owner name := confiture._transition_owner(p.source);
    message text;
BEGIN
    PERFORM confiture._transition_execute(ARRAY(SELECT confiture._remote_sync_statements(p)));
    -- Better now than at the first write: the owner gets there, and to the door.
    BEGIN
        PERFORM confiture._do_as_owner(p.source, format('SELECT FROM %s', confiture._remote_table(p, 'door')));
    EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
        RAISE EXCEPTION 'the owner % of table % can''t write the target: %', quote_ident(owner), confiture._relation_name(p.source), message
            USING ERRCODE = 'CF030', HINT = 'In mode synchronous its user mapping must lead to the role that owns the target.';
    END;
END
$$;

-- Under the lock: the last entries of the logs, then the triggers.
CREATE OR REPLACE FUNCTION confiture._remote_sync_do_mirror(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
BEGIN
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        PERFORM confiture._remote_drain(p, NULL);
        PERFORM confiture._transition_execute(ARRAY(SELECT confiture._transition_triggers(confiture._relation_name(p.source), '',
            confiture._remote_table(p, 'sync') || '()')));
    END LOOP;
    PERFORM confiture._transition_set_state(t.id, 'mirrored');
END
$$;

-- From now on writers write the target.
CREATE OR REPLACE FUNCTION confiture._remote_sync_mirror(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._remote_sync_equip(p) FROM confiture.transition_table AS p WHERE p.transition = t.id ORDER BY p.ordinal;
    PERFORM confiture._transition_locked(t, 'SHARE ROW EXCLUSIVE', '_remote_sync_do_mirror');
END
$$;

-- Under the lock of the cutover, when the triggers are others: what they needed goes.
CREATE OR REPLACE FUNCTION confiture._remote_sync_drop(p confiture.transition_table) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
BEGIN
    EXECUTE format('DROP FUNCTION IF EXISTS %s()', confiture._remote_table(p, 'sync'));
    EXECUTE format('DROP VIEW IF EXISTS %s', confiture._remote_table(p, 'now'));
END
$$;

-- Whether a range is equal on both sides, of which the digests differ: the transaction on the target does not
-- see what was written since it began. Stops the writers until the end of the transaction, and looks again.
CREATE OR REPLACE FUNCTION confiture._remote_sync_equal(
    t confiture.transition, p confiture.transition_table, lower text[], upper text[]) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET timezone = 'UTC'
SET row_security = off
AS $$
BEGIN
    PERFORM confiture._transition_locked(t, 'SHARE ROW EXCLUSIVE', NULL);
    RETURN (SELECT d.equal FROM confiture._remote_digests(p, lower, upper, true) AS d);
END
$$;
