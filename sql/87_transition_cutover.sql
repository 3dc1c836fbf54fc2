-- Transitions: changing places, going back, and the two ends.

-- Raises 55P03, with names in its HINT, while others still look at the database as it was before both
-- sides were equal: after the cutover they would find the target empty.
CREATE OR REPLACE FUNCTION confiture._transition_do_wait(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- After a dump was restored it is of another server, and may be one that is yet to come: nobody here is older.
    pids integer[] := CASE WHEN t.mirrored_by <= pg_current_xact_id() THEN confiture._transition_older_snapshots(t.mirrored_by) ELSE '{}' END;
BEGIN
    IF cardinality(pids) > 0 THEN
        RAISE EXCEPTION 'snapshots are older than the mirror' USING ERRCODE = 'lock_not_available',
            HINT = (SELECT string_agg(format('Process %s%s has a snapshot from before the mirror.', p,
                (SELECT format(' (role %s%s, %s)', coalesce(a.usename, '?'), ', application ' || nullif(a.application_name, ''), a.state)
                 FROM pg_stat_activity AS a WHERE a.pid = p)), E'\n') FROM unnest(pids) AS p);
    END IF;
END
$$;

-- The statements by which all tables, or the two schemas, change places. Run twice, they undo themselves.
-- In PL/pgSQL: a session that has run it once, runs it under the lock without planning it again.
CREATE OR REPLACE FUNCTION confiture._transition_swap_statements(t confiture.transition) RETURNS TABLE (relation text, statement text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    aside name := format('confiture_swap_%s', t.id);
BEGIN
    RETURN QUERY
    WITH p AS (
        -- Tables that are split or merged keep their names.
        -- On the way back the target may be gone: the source moves to where it was at first.
        SELECT r.ordinal, s.relname AS s, g.relname AS g, a.nspname AS source_schema, coalesce(b.nspname, i.parts[1]) AS target_schema,
            CASE r.shape WHEN 'single' THEN coalesce(g.relname, i.parts[2]::name) ELSE s.relname END AS s_new,
            CASE r.shape WHEN 'single' THEN s.relname ELSE g.relname END AS g_new
        FROM confiture.transition_table AS r CROSS JOIN LATERAL (SELECT parse_ident(r.source_name) AS parts) AS i
        JOIN pg_class AS s ON s.oid = r.source JOIN pg_namespace AS a ON a.oid = s.relnamespace
        LEFT JOIN pg_class AS g ON g.oid = r.target LEFT JOIN pg_namespace AS b ON b.oid = g.relnamespace
        WHERE r.transition = t.id
    ), every (swap, phase, ordinal, at, relation, statement) AS (
        SELECT 'rename', 0, 0, 0, NULL, format('CREATE SCHEMA %I', aside)
        UNION ALL SELECT 'rename', 1, p.ordinal, 1, format('%I.%I', p.source_schema, p.s), format('ALTER TABLE %I.%I SET SCHEMA %I', p.source_schema, p.s, aside) FROM p
        UNION ALL SELECT 'rename', 1, p.ordinal, 2, format('%I.%I', p.source_schema, p.s), format('ALTER TABLE %I.%I RENAME TO %I', aside, p.s, p.s_new) FROM p WHERE p.s <> p.s_new
        UNION ALL SELECT 'rename', 2, p.ordinal, 1, format('%I.%I', p.target_schema, p.g), format('ALTER TABLE %I.%I SET SCHEMA %I', p.target_schema, p.g, p.source_schema) FROM p WHERE p.g IS NOT NULL
        UNION ALL SELECT 'rename', 2, p.ordinal, 2, format('%I.%I', p.target_schema, p.g), format('ALTER TABLE %I.%I RENAME TO %I', p.source_schema, p.g, p.g_new) FROM p WHERE p.g <> p.g_new
        UNION ALL SELECT 'rename', 3, p.ordinal, 1, format('%I.%I', p.source_schema, p.s), format('ALTER TABLE %I.%I SET SCHEMA %I', aside, p.s_new, p.target_schema) FROM p
        UNION ALL SELECT 'rename', 4, 0, 0, NULL, format('DROP SCHEMA %I', aside)
        UNION ALL SELECT 'schema', 0, 0, 0, NULL, format('ALTER SCHEMA %I RENAME TO %I', t.source_schema, aside)
        UNION ALL SELECT 'schema', 1, 0, 0, NULL, format('ALTER SCHEMA %I RENAME TO %I', t.target_schema, t.source_schema)
        UNION ALL SELECT 'schema', 2, 0, 0, NULL, format('ALTER SCHEMA %I RENAME TO %I', aside, t.target_schema)
    )
    SELECT e.relation, e.statement FROM every AS e WHERE t.options ->> 'swap' = e.swap
    GROUP BY e.phase, e.at, e.relation, e.statement ORDER BY e.phase, min(e.ordinal), e.at;
END
$$;

-- Runs them.
CREATE OR REPLACE FUNCTION confiture._transition_swap(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    change text;
BEGIN
    FOR change IN SELECT s.statement FROM confiture._transition_swap_statements(t) AS s LOOP
        EXECUTE change;
    END LOOP;
END
$$;

-- Lets the tables change places in publications too: the one that is used is published.
CREATE OR REPLACE FUNCTION confiture._transition_publish(t confiture.transition, forward boolean) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    b record;
BEGIN
    FOR b IN SELECT u.oid, u.pubname, o.out_table, o.in_table, p.shape <> 'single' AS shared
            FROM confiture.transition_table AS p
            CROSS JOIN LATERAL (SELECT CASE WHEN forward THEN p.source ELSE p.target END AS out_table,
                CASE WHEN forward THEN p.target ELSE p.source END AS in_table) AS o
            JOIN pg_publication_rel AS r ON r.prrelid = o.out_table
            JOIN pg_publication AS u ON u.oid = r.prpubid
            WHERE p.transition = t.id ORDER BY p.ordinal, u.pubname LOOP
        IF NOT EXISTS (SELECT FROM pg_publication_rel AS x WHERE x.prpubid = b.oid AND x.prrelid = b.in_table) THEN
            EXECUTE format('ALTER PUBLICATION %I ADD TABLE ONLY %s', b.pubname, confiture._relation_name(b.in_table));
        ELSIF NOT b.shared THEN
            CONTINUE;
        END IF;
        -- The second of two pairs may find the shared table gone already.
        IF EXISTS (SELECT FROM pg_publication_rel AS x WHERE x.prpubid = b.oid AND x.prrelid = b.out_table) THEN
            EXECUTE format('ALTER PUBLICATION %I DROP TABLE ONLY %s', b.pubname, confiture._relation_name(b.out_table));
        END IF;
    END LOOP;
END
$$;

-- Under the locks: the cutover.
CREATE OR REPLACE FUNCTION confiture._transition_do_cutover(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- What there is to follow was looked up before the lock: as a rule, nothing.
    IF (t.options ->> 'follow')::boolean THEN
        PERFORM confiture._transition_do_follow(t);
    END IF;
    PERFORM confiture._transition_publish(t, true);
    PERFORM confiture._transition_swap(t);
    PERFORM confiture._transition_set_state(t.id, 'cut_over');
END
$$;

CREATE OR REPLACE FUNCTION confiture._transition_do_rollback(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._transition_publish(t, false);
    PERFORM confiture._transition_swap(t);
    PERFORM confiture._transition_set_state(t.id, 'rolled_back');
END
$$;

-- Does under no lock, with two tables of its own, what will be done under the lock, and takes it all
-- back: what a session must read and prepare when it does something for the first time, it has then.
CREATE OR REPLACE FUNCTION confiture._transition_rehearse(t confiture.transition, step text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = error
AS $$
DECLARE
    played confiture.transition;
    stage text := format('confiture_rehearsal_%s', t.id);
    p confiture.transition_table;
BEGIN
    IF t.options ->> 'swap' <> 'rename' THEN
        RETURN;
    END IF;
    SELECT r.* INTO p FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LIMIT 1;
    INSERT INTO confiture.transition (name, source_schema, target_schema, options)
    VALUES (stage, stage || '_a', stage || '_b', t.options) RETURNING * INTO played;
    EXECUTE format('CREATE SCHEMA %I', stage || '_a');
    EXECUTE format('CREATE SCHEMA %I', stage || '_b');
    -- Without their indexes: expressions in them are others', and would be run in part.
    EXECUTE format('CREATE TABLE %I.t (LIKE %s INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS, UNIQUE (%s))', stage || '_a',
        confiture._relation_name(p.source), (SELECT string_agg(quote_ident(k), ', ') FROM unnest(p.source_key) AS k));
    EXECUTE format('CREATE TABLE %I.t (LIKE %s INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS, UNIQUE (%s))', stage || '_b',
        confiture._relation_name(p.target), (SELECT string_agg(quote_ident(k), ', ') FROM unnest(p.target_key) AS k));
    INSERT INTO confiture.transition_table (transition, ordinal, source, target, source_name, target_name,
        source_key, target_key, columns, back)
    VALUES (played.id, 1, format('%I.t', stage || '_a')::regclass, format('%I.t', stage || '_b')::regclass,
        'a', 'b', p.source_key, p.target_key, p.columns, p.back);
    EXECUTE format('SELECT confiture.%I($1)', step) USING played;
    RAISE EXCEPTION 'rehearsed' USING ERRCODE = 'raise_exception';
EXCEPTION WHEN OTHERS THEN
    -- What is really wrong, the step itself will say.
    RETURN;
END
$$;

CREATE OR REPLACE FUNCTION confiture.transition_cutover(name text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    t confiture.transition := confiture._transition_take(name, '{mirrored,validated,rolled_back,cut_over}');
BEGIN
    IF t.state = 'cut_over' THEN
        RETURN 'cut_over';
    ELSIF t.state <> 'validated' THEN
        RAISE EXCEPTION 'transition % is not validated', quote_literal(name)
            USING ERRCODE = 'CF035', DETAIL = 'Its last validation: ' || coalesce(t.validation::text, 'none') || '.',
            HINT = 'Call confiture.transition_validate(); when rows differ, confiture.transition_repair() first.';
    END IF;
    IF confiture._transition_is_remote(t.id) THEN
        PERFORM confiture._remote_cutover(t);
        RETURN 'cut_over';
    END IF;
    PERFORM confiture._transition_refuse(t);
    PERFORM confiture._transition_locked(t, NULL, '_transition_do_wait');
    t := jsonb_populate_record(t, jsonb_build_object('options', t.options || jsonb_build_object('follow', EXISTS (
        SELECT FROM confiture.transition_table AS p, LATERAL (SELECT confiture._transition_follow_owner(p) UNION ALL
            SELECT confiture._transition_follow(p)) AS f WHERE p.transition = t.id))));
    PERFORM confiture._transition_rehearse(t, '_transition_do_cutover');
    PERFORM confiture._transition_locked(t, CASE t.options ->> 'swap' WHEN 'rename' THEN 'ACCESS EXCLUSIVE' END,
        '_transition_do_cutover');
    RETURN 'cut_over';
END
$$;
COMMENT ON FUNCTION confiture.transition_cutover(text) IS
'Lets the tables change places: what used to find a source table by its name finds the target table from now on, and the other way round. Both sides stay equal, so that confiture.transition_rollback() loses nothing. With swap "rename" under a short lock on all tables, which is given back when it does not come at once; with swap "schema" the schemas change names, without a lock on tables. Commit at once: the lock is held until then. When the target is on another server, the source table is set aside, and a view that reads and writes the target takes its place. Publications follow; sessions whose snapshot is older than the mirror are waited for, as long as for a lock.
Arguments: name.
Result: the state, cut_over.
Errors: CF030 a table has changed so that the cutover is refused; CF035 not validated; CF036 the lock was not to be had, DETAIL says who holds it: nothing has changed then; else as confiture.transition_capture().
Example: SELECT confiture.transition_cutover(''to_v2'');';

CREATE OR REPLACE FUNCTION confiture.transition_rollback(name text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    t confiture.transition := confiture._transition_take(name, '{cut_over,rolled_back}', 'target');
BEGIN
    IF t.state = 'cut_over' AND confiture._transition_is_remote(t.id) THEN
        PERFORM confiture._remote_rollback(t);
    ELSIF t.state = 'cut_over' THEN
        PERFORM confiture._transition_rehearse(t, '_transition_do_rollback');
        PERFORM confiture._transition_locked(t, CASE t.options ->> 'swap' WHEN 'rename' THEN 'ACCESS EXCLUSIVE' END,
            '_transition_do_rollback');
    END IF;
    RETURN 'rolled_back';
END
$$;
COMMENT ON FUNCTION confiture.transition_rollback(text) IS
'Takes a cutover back: the tables change places again. What was written since is on both sides. Both stay equal: the cutover can be repeated after a validation, or the transition aborted.
Arguments: name.
Result: the state, rolled_back.
Errors: CF030 the source table was dropped: there is nothing to go back to; CF031 there was no cutover, or it is contracted; CF036 the lock was not to be had; else as confiture.transition_capture().
Example: SELECT confiture.transition_rollback(''to_v2'');';

-- Under the locks: the source tables go.
CREATE OR REPLACE FUNCTION confiture._transition_do_contract(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
    q record;
    target_schema text;
BEGIN
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        PERFORM confiture._transition_drop_triggers(p.target);
        PERFORM confiture._transition_uninterleave(p, 'target');
        CONTINUE WHEN confiture._relation_name(p.source) IS NULL;
        -- A sequence that both use would go with the source.
        SELECT n.nspname INTO target_schema FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = p.target;
        FOR q IN SELECT s.* FROM confiture._transition_sequences(p) AS s
                JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = s.source_seq
                    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.source AND d.deptype = 'a'
                WHERE s.source_seq = s.target_seq LOOP
            EXECUTE format('ALTER SEQUENCE %s OWNED BY NONE', confiture._relation_name(q.source_seq));
            EXECUTE format('ALTER SEQUENCE %s SET SCHEMA %I', confiture._relation_name(q.source_seq), target_schema);
            EXECUTE format('ALTER SEQUENCE %s OWNED BY %s.%I', confiture._relation_name(q.source_seq),
                confiture._relation_name(p.target), q.target_column);
        END LOOP;
    END LOOP;
    PERFORM confiture._transition_execute(ARRAY(SELECT format('DROP TABLE %s', string_agg(DISTINCT confiture._relation_name(r.oid), ', '))
        FROM confiture.transition_table AS x, LATERAL (VALUES (x.source), (x.log)) AS r (oid)
        WHERE x.transition = t.id AND confiture._relation_name(r.oid) IS NOT NULL HAVING count(*) > 0));
    PERFORM confiture._transition_forget(t.id);
    PERFORM confiture._transition_set_state(t.id, 'contracted');
END
$$;

-- What is only needed while it works.
CREATE OR REPLACE FUNCTION confiture._transition_forget(transition integer) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM confiture.transition_chunk AS c
    WHERE c.pair IN (SELECT p.id FROM confiture.transition_table AS p WHERE p.transition = _transition_forget.transition);
    DELETE FROM confiture.transition_pace AS e WHERE e.transition = _transition_forget.transition;
    UPDATE confiture.transition_table AS p SET log = NULL, position = NULL WHERE p.transition = _transition_forget.transition
$$;

CREATE OR REPLACE FUNCTION confiture.transition_contract(name text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    t confiture.transition := confiture._transition_take(name, '{cut_over}', 'source');
BEGIN
    IF confiture._transition_is_remote(t.id) THEN
        PERFORM confiture._remote_contract(t);
        RETURN 'contracted';
    END IF;
    PERFORM confiture._transition_locked(t, 'ACCESS EXCLUSIVE', '_transition_do_contract');
    RETURN 'contracted';
END
$$;
COMMENT ON FUNCTION confiture.transition_contract(text) IS
'Ends a transition after the cutover: drops the source tables, the change logs and the triggers, in one transaction. There is no way back. Views and functions that still use a source table stop it, and are named.
Arguments: name.
Result: the state, contracted.
Errors: CF030 the target table was dropped: the source is all that there is; CF031 there was no cutover; CF036 the lock was not to be had; 2BP01 something depends on a source table; else as confiture.transition_capture().
Example: SELECT confiture.transition_contract(''to_v2'');';

-- Under the locks: no trace is left.
CREATE OR REPLACE FUNCTION confiture._transition_do_abort(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
BEGIN
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        IF confiture._relation_name(p.source) IS NOT NULL THEN
            PERFORM confiture._transition_drop_triggers(p.source);
        END IF;
        IF confiture._relation_name(p.target) IS NOT NULL THEN
            PERFORM confiture._transition_drop_triggers(p.target);
        END IF;
        PERFORM confiture._transition_uninterleave(p, 'source');
        IF confiture._relation_name(p.log) IS NOT NULL THEN
            EXECUTE format('DROP TABLE %s', confiture._relation_name(p.log));
        END IF;
    END LOOP;
    -- Each is emptied as its owner, who may have triggers for that: without the foreign keys among them.
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        PERFORM confiture._transition_strip(p, 'foreign key');
    END LOOP;
    FOR p IN SELECT DISTINCT ON (r.target) r.* FROM confiture.transition_table AS r
            WHERE r.transition = t.id AND confiture._relation_name(r.target) IS NOT NULL ORDER BY r.target, r.ordinal LOOP
        PERFORM confiture._do_as_owner(p.target, format('TRUNCATE %s', confiture._relation_name(p.target)));
    END LOOP;
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id AND NOT r.indexed
            AND confiture._relation_name(r.target) IS NOT NULL ORDER BY r.ordinal LOOP
        PERFORM confiture._transition_index(p);
    END LOOP;
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id
            AND confiture._relation_name(r.target) IS NOT NULL ORDER BY r.ordinal LOOP
        PERFORM confiture._transition_refer(p.target, f.name, f.definition, f.comment)
        FROM jsonb_to_recordset(p.foreign_keys) AS f (name text, definition text, comment text);
    END LOOP;
    PERFORM confiture._transition_forget(t.id);
    PERFORM confiture._transition_set_state(t.id, 'aborted');
END
$$;

-- Under a lock that readers are no hindrance to: nothing is captured or mirrored any more.
CREATE OR REPLACE FUNCTION confiture._transition_let_go(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT DISTINCT r.oid, g.tgname FROM confiture.transition_table AS p, LATERAL (VALUES (p.source), (p.target)) AS r (oid)
            CROSS JOIN LATERAL confiture._transition_triggers(r.oid) AS g (tgname) WHERE p.transition = t.id LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', confiture._relation_name(one.oid), one.tgname);
    END LOOP;
    PERFORM confiture._transition_set_state(t.id, 'aborting');
END
$$;

CREATE OR REPLACE FUNCTION confiture.transition_abort(name text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    t confiture.transition := confiture._transition_get(name);
    held text;
BEGIN
    IF confiture._transition_is_half(t.id) AND t.state <> 'cut_over' THEN
        PERFORM confiture._half_end(t);
        RETURN 'aborted';
    END IF;
    t := confiture._transition_take(name, '{planned,captured,copying,catching_up,mirrored,validated,rolled_back,aborting}', 'both');
    BEGIN
        IF confiture._transition_is_remote(t.id) THEN
            PERFORM confiture._remote_abort(t);
        ELSIF t.state = 'planned' THEN
            PERFORM confiture._transition_set_state(t.id, 'aborted');
        ELSE
            PERFORM confiture._transition_locked(t, 'ACCESS EXCLUSIVE', '_transition_do_abort');
        END IF;
        RETURN 'aborted';
    EXCEPTION WHEN SQLSTATE 'CF036' THEN
        IF t.state IN ('planned', 'aborting') THEN
            RAISE;
        END IF;
        GET STACKED DIAGNOSTICS held = PG_EXCEPTION_DETAIL;
    END;
    PERFORM confiture._transition_locked(t, 'SHARE ROW EXCLUSIVE', '_transition_let_go');
    RAISE WARNING 'what transition % has added to its tables is disabled, but not yet gone', quote_literal(name)
        USING DETAIL = held,
        HINT = 'No write is captured or mirrored any more. Repeat confiture.transition_abort() when those sessions have ended; confiture.transition_start() lets a background worker wait for that.';
    RETURN 'aborting';
END
$$;
COMMENT ON FUNCTION confiture.transition_abort(text) IS
'Ends a transition without a cutover, whatever its state: triggers and change logs go, the target tables are emptied and get back what was taken off them. The source tables are what they were. Owner, privileges and comments that the targets have taken over stay. After a cutover, call confiture.transition_rollback() first. Where the lock for that is not to be had because sessions that have read a table stay in their transactions, the triggers are disabled, so that writers have done with it, and the rest is left to another call, or to a background worker of confiture.transition_start().
Arguments: name.
Result: the state, aborted; or aborting, with a warning that names those sessions: call it again.
Errors: CF031 it is cut over, or has ended; CF036 the lock was not to be had: a session that has written a table stays in its transaction, or the state is aborting; else as confiture.transition_capture().
Example: SELECT confiture.transition_abort(''to_v2'');';
