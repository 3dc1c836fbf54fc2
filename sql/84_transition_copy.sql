-- Transitions: capturing what is written, and copying what was there.

-- What is taken off a target while it is filled, and how: foreign keys, then secondary indexes. What
-- is checked row by row would stand in the way of rows from different moments.
CREATE OR REPLACE FUNCTION confiture._transition_taken_off(p confiture.transition_table)
RETURNS TABLE (kind text, name name, "constraint" name, definition text, comment text, statement text, index oid)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'foreign key', o.conname, o.conname, pg_get_constraintdef(o.oid), obj_description(o.oid, 'pg_constraint'),
        format('ALTER TABLE %s DROP CONSTRAINT %I', confiture._relation_name(p.target), o.conname), NULL::oid
    FROM pg_constraint AS o WHERE o.conrelid = p.target AND o.contype = 'f'
    UNION ALL
    SELECT 'index', c.relname, o.conname, coalesce(pg_get_constraintdef(o.oid), pg_get_indexdef(i.indexrelid)),
        coalesce(obj_description(o.oid, 'pg_constraint'), obj_description(i.indexrelid, 'pg_class')),
        CASE WHEN o.conname IS NOT NULL
            THEN format('ALTER TABLE %s DROP CONSTRAINT %I', confiture._relation_name(p.target), o.conname)
            ELSE format('DROP INDEX %s', confiture._relation_name(i.indexrelid)) END, i.indexrelid
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    LEFT JOIN pg_constraint AS o ON o.conindid = i.indexrelid AND o.conrelid = i.indrelid AND o.contype IN ('p', 'u', 'x')
    WHERE i.indrelid = p.target AND NOT i.indisreplident AND NOT i.indisprimary
        AND i.indexrelid <> (SELECT k.index FROM confiture._transition_keys(p.target) AS k
            WHERE k.key @> p.target_key AND k.key <@ p.target_key LIMIT 1)
    ORDER BY 1, 2
$$;

-- What the definition of an index does not say: its tablespace, whether the table is clustered by it, and statistics
-- targets of its columns.
CREATE OR REPLACE FUNCTION confiture._transition_index_about(index oid) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('tablespace', (SELECT s.spcname FROM pg_tablespace AS s WHERE s.oid = c.reltablespace), 'clustered', i.indisclustered,
        'statistics', (SELECT coalesce(jsonb_object_agg(a.attnum, a.attstattarget), '{}') FROM pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attstattarget >= 0))
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE i.indexrelid = index
$$;

-- Gives a table a foreign key, as its owner, with its comment.
CREATE OR REPLACE FUNCTION confiture._transition_refer(relation oid, name text, definition text, comment text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._do_as_owner(relation, confiture._transition_definition(relation, name, definition));
    IF comment IS NOT NULL THEN
        PERFORM confiture._do_as_owner(relation, format('COMMENT ON CONSTRAINT %I ON %s IS %L', name, confiture._relation_name(relation), comment));
    END IF;
END
$$;

-- Takes it off, or only one kind of it, and remembers what it was.
CREATE OR REPLACE FUNCTION confiture._transition_strip(p confiture.transition_table, kind text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o record;
BEGIN
    FOR o IN SELECT x.* FROM confiture._transition_taken_off(p) AS x WHERE x.kind = coalesce(_transition_strip.kind, x.kind) LOOP
        UPDATE confiture.transition_table AS t
        SET foreign_keys = t.foreign_keys || CASE o.kind WHEN 'foreign key'
                THEN jsonb_build_array(jsonb_build_object('name', o.name, 'definition', o.definition, 'comment', o.comment)) ELSE '[]' END,
            indexes = t.indexes || CASE o.kind WHEN 'index' THEN jsonb_build_array(jsonb_build_object('name', o.name,
                'constraint', o."constraint", 'definition', o.definition, 'comment', o.comment) || confiture._transition_index_about(o.index)) ELSE '[]' END
        WHERE t.id = p.id;
        EXECUTE o.statement;
    END LOOP;
END
$$;

-- The definition of a foreign key that is made again without looking at the rows.
CREATE OR REPLACE FUNCTION confiture._transition_unchecked(definition text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT definition || CASE WHEN definition LIKE '% NOT VALID' THEN '' ELSE ' NOT VALID' END
$$;

-- Puts the secondary indexes back. The server itself runs their functions as the owner of the table.
CREATE OR REPLACE FUNCTION confiture._transition_index(p confiture.transition_table) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ix record;
    place text := (SELECT quote_ident(n.nspname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = p.target);
    tablespace CONSTANT text := current_setting('default_tablespace');
    there text;
BEGIN
    FOR ix IN SELECT i.* FROM jsonb_to_recordset(p.indexes)
            AS i (name text, "constraint" text, definition text, comment text, tablespace text, clustered boolean, statistics jsonb) LOOP
        -- What is stored may be the owner's doing: it goes where that one may create.
        SELECT s.spcname INTO there FROM pg_tablespace AS s WHERE s.spcname = ix.tablespace
            AND has_tablespace_privilege((SELECT c.relowner FROM pg_class AS c WHERE c.oid = p.target), s.oid, 'CREATE');
        IF there IS NULL AND ix.tablespace IS NOT NULL THEN
            RAISE WARNING 'index % goes to the default tablespace', quote_ident(ix.name) USING
                DETAIL = format('It was in tablespace %I, in which %I may not create.', ix.tablespace, confiture._transition_owner(p.target)),
                HINT = 'ALTER INDEX ... SET TABLESPACE.';
        END IF;
        PERFORM set_config('default_tablespace', coalesce(there, ''), true);
        EXECUTE confiture._transition_definition(p.target, ix."constraint", ix.definition);
        PERFORM set_config('default_tablespace', tablespace, true);
        IF ix.clustered THEN
            PERFORM confiture._do_as_owner(p.target, format('ALTER TABLE %s CLUSTER ON %I', confiture._relation_name(p.target), ix.name));
        END IF;
        PERFORM confiture._do_as_owner(p.target, format('ALTER INDEX %s.%I ALTER COLUMN %s SET STATISTICS %s', place, ix.name, e.key::integer, e.value::integer))
        FROM jsonb_each_text(ix.statistics) AS e;
        IF ix.comment IS NOT NULL AND ix."constraint" IS NOT NULL THEN
            PERFORM confiture._do_as_owner(p.target, format('COMMENT ON CONSTRAINT %I ON %s IS %L',
                ix."constraint", confiture._relation_name(p.target), ix.comment));
        ELSIF ix.comment IS NOT NULL THEN
            PERFORM confiture._do_as_owner(p.target, format('COMMENT ON INDEX %s.%I IS %L', place, ix.name, ix.comment));
        END IF;
    END LOOP;
    UPDATE confiture.transition_table AS t SET indexed = true, indexes = '[]' WHERE t.id = p.id;
END
$$;

-- The statements that make the triggers of a table call a function; the second of two pairs that share it has its own.
CREATE OR REPLACE FUNCTION confiture._transition_triggers(relation text, suffix text, called text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    VALUES (format('CREATE OR REPLACE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION %s',
            'confiture_transition' || suffix, relation, called)),
        (format('CREATE OR REPLACE TRIGGER %I AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION %s',
            'confiture_transition_truncate' || suffix, relation, called)),
        (format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I, ENABLE ALWAYS TRIGGER %I', relation,
            'confiture_transition' || suffix, 'confiture_transition_truncate' || suffix))
$$;

-- Those that set them to a mode.
CREATE OR REPLACE FUNCTION confiture._transition_trigger_statements(pair integer, relation text, mode text) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.statement FROM confiture.transition_table AS p,
        confiture._transition_triggers(relation, CASE WHEN p.main THEN '' ELSE '_2' END,
            format('confiture._transition_trigger(%L, %L)', pair, mode)) AS s (statement)
    WHERE p.id = pair
$$;

-- Sets them.
CREATE OR REPLACE FUNCTION confiture._transition_set_triggers(pair integer, relation oid, mode text) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._transition_execute(ARRAY(SELECT confiture._transition_trigger_statements(pair, confiture._relation_name(relation), mode)))
$$;

-- The triggers that transitions have put on a table.
CREATE OR REPLACE FUNCTION confiture._transition_triggers(relation oid) RETURNS SETOF name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT g.tgname FROM pg_trigger AS g WHERE g.tgrelid = relation AND NOT g.tgisinternal
        AND g.tgname IN ('confiture_transition', 'confiture_transition_truncate', 'confiture_transition_2', 'confiture_transition_truncate_2')
$$;

-- Takes them off, those of both pairs where two share the table.
CREATE OR REPLACE FUNCTION confiture._transition_drop_triggers(relation oid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT g.tgname FROM confiture._transition_triggers(relation) AS g (tgname) LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', name, confiture._relation_name(relation));
    END LOOP;
END
$$;

-- The statement that makes the change log of a pair.
CREATE OR REPLACE FUNCTION confiture._transition_log_statement(p confiture.transition_table, name text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Keys are compared with positions in the source: in its order.
    SELECT format('CREATE TABLE %s (%s)', name, confiture._transition_key_columns(p.source, p.source_key, true))
$$;

-- The statement that gives a target the owner of its source; merged, of the main one.
CREATE OR REPLACE FUNCTION confiture._transition_follow_owner(p confiture.transition_table) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('ALTER TABLE %s OWNER TO %I', confiture._relation_name(d.oid), pg_get_userbyid(s.relowner))
    FROM pg_class AS s, pg_class AS d
    WHERE s.oid = p.source AND d.oid = p.target AND s.relowner <> d.relowner AND (p.shape <> 'merge' OR p.main)
$$;

-- Under the locks: change logs, triggers, and what is taken off the targets.
CREATE OR REPLACE FUNCTION confiture._transition_do_capture(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
    made text;
    owner name;
BEGIN
    -- From now on both sides belong to the same role, which runs what both of them compute and check.
    PERFORM confiture._transition_execute(ARRAY(SELECT f FROM confiture.transition_table AS r, confiture._transition_follow_owner(r) AS f
        WHERE r.transition = t.id AND NOT confiture._transition_is_remote(t.id)));
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        made := format('%I.%I', (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid = p.target), 'confiture_log_' || p.id);
        EXECUTE confiture._transition_log_statement(p, made);
        EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', made);
        EXECUTE format('COMMENT ON TABLE %s IS %L', made, format('Keys of %s that were written: belongs to transition %s.',
            confiture._relation_name(p.source), quote_literal(t.name)));
        owner := confiture._transition_owner(p.source);
        IF confiture._transition_is_remote(t.id) THEN
            PERFORM confiture._transition_execute(ARRAY(SELECT confiture._remote_give(confiture._remote_schema(t.id), made, owner)));
        ELSE
            EXECUTE format('ALTER TABLE %s OWNER TO %I', made, owner);
        END IF;
        UPDATE confiture.transition_table AS r SET log = to_regclass(made) WHERE r.id = p.id;
        PERFORM confiture._transition_set_triggers(p.id, p.source, 'capture');
        PERFORM confiture._transition_set_triggers(p.id, p.target, 'guard');
    END LOOP;
    -- Foreign keys among the targets go before the unique indexes that they need.
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        PERFORM confiture._transition_strip(p);
    END LOOP;
    PERFORM confiture._transition_set_state(t.id, 'captured');
END
$$;

CREATE OR REPLACE FUNCTION confiture.transition_capture(name text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    t confiture.transition := confiture._transition_take(name, '{planned,captured}');
BEGIN
    IF t.state = 'planned' AND confiture._transition_is_remote(t.id) THEN
        PERFORM confiture._remote_capture(t);
    ELSIF t.state = 'planned' THEN
        PERFORM confiture._transition_set_keys(p.id) FROM confiture.transition_table AS p WHERE p.transition = t.id;
        PERFORM confiture._transition_refuse(t);
        UPDATE confiture.transition_table AS p SET rows_estimated = confiture._transition_estimate_rows(p.source) WHERE p.transition = t.id;
        PERFORM confiture._transition_locked(t, 'SHARE ROW EXCLUSIVE', '_transition_do_capture');
    END IF;
    RETURN 'captured';
END
$$;
COMMENT ON FUNCTION confiture.transition_capture(text) IS
'Starts to capture: from now on the keys of all written rows of the source tables go to a change log, in the transaction of the writer. The target tables get the owner of the source tables, lose their secondary indexes and foreign keys until they are filled, and can''t be written until then. Checks everything again first. Takes one short lock that blocks writers, not readers, and gives it back when it does not come at once.
Arguments: name.
Result: the state, captured.
Errors: CF030 refused; CF031 wrong state; CF034 no such transition; CF036 the lock was not to be had, DETAIL says who holds it; CF037 another session is at work on it; 0A000 not READ COMMITTED; 25006 standby; 42501 you do not have the rights of the tables'' owner, or what was to be run as that one may not do what it tries.
Example: SELECT confiture.transition_capture(''to_v2'');';

-- How many rows the next chunk of a pair has, so that it takes about the time that is wanted, and is
-- no more than a tenth of what may be copied in a second.
CREATE OR REPLACE FUNCTION confiture._transition_chunk_rows(pair integer, t confiture.transition) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chunk_ms double precision := t.options ->> 'chunk_ms';
    max_rate double precision := t.options ->> 'max_rate';
    size double precision := coalesce(
        (SELECT least(greatest(500, least(c.row_count * 4, c.row_count * chunk_ms / greatest(c.elapsed_ms, 0.1))), 200000)
         FROM confiture.transition_chunk AS c
         WHERE c.pair = _transition_chunk_rows.pair AND c.copied_at IS NOT NULL AND c.row_count > 0
         ORDER BY c.ordinal DESC LIMIT 1), 2000);
BEGIN
    IF confiture._transition_is_remote(t.id) THEN
        -- Whole batches: for one of another size a statement is prepared anew.
        size := greatest(trunc(size / 1000), 1) * 1000;
    END IF;
    IF max_rate IS NOT NULL THEN
        size := least(size, greatest(max_rate / 10, 1));
    END IF;
    RETURN size;
END
$$;

-- Cuts the next chunks of a pair.
CREATE OR REPLACE FUNCTION confiture._transition_cut(p confiture.transition_table, t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET row_security = off
AS $$
DECLARE
    bound text[];
    at text[] := p.position;
    size bigint := confiture._transition_chunk_rows(p.id, t);
    last integer;
BEGIN
    SELECT coalesce(max(c.ordinal), 0) INTO last FROM confiture.transition_chunk AS c WHERE c.pair = p.id;
    FOR i IN 1 .. 4 LOOP
        bound := confiture._transition_bound(p, at, size);
        INSERT INTO confiture.transition_chunk (pair, ordinal, lower, upper) VALUES (p.id, last + i, at, bound);
        at := bound;
        EXIT WHEN bound IS NULL;
    END LOOP;
    UPDATE confiture.transition_table AS r SET position = at, cut = at IS NULL WHERE r.id = p.id;
END
$$;

-- Takes entries off a change log while rows are copied, so that it does not grow with the time
-- that the copy takes. Rows that are behind all chunks are copied later, as they are then: their
-- entries just go. Rows of a chunk that is not copied yet keep theirs. The row of the pair is
-- locked by the caller: nobody cuts chunks meanwhile.
CREATE OR REPLACE FUNCTION confiture._transition_drain_copied(
    p confiture.transition_table, t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET row_security = off
AS $$
DECLARE
    batch CONSTANT bigint := 20000;
    log text := confiture._relation_name(p.log);
    key text[] := confiture._transition_log_key(p);
    remote boolean := confiture._transition_is_remote(t.id);
    -- Read before the log is: what is copied by now is copied when entries are taken.
    uncopied text := (SELECT string_agg(format(' AND NOT (%s)', confiture._transition_range(p, key, 'm', c.lower, c.upper)), '')
        FROM confiture.transition_chunk AS c WHERE c.pair = p.id AND c.copied_at IS NULL);
    condition text := format('m.k1 IS NOT NULL AND %s%s', CASE WHEN p.cut OR p.position IS NOT NULL
        THEN confiture._transition_range(p, key, 'm', NULL, p.position) ELSE 'false' END, uncopied);
    waiting bigint;
BEGIN
    -- On the way to another server the position is not yet committed when the target is: theirs are drained when it is.
    IF NOT p.cut AND NOT remote THEN
        PERFORM confiture._do_as_owner(p.source, format('DELETE FROM %s AS m WHERE m.k1 IS NOT NULL AND %s', log,
            confiture._transition_range(p, key, 'm', p.position, NULL)));
    END IF;
    SELECT w.n INTO waiting FROM confiture._as_owner(p.source,
        format('SELECT count(*) FROM (SELECT FROM %s AS m WHERE %s LIMIT %s) AS w', log, condition, batch)) AS w (n bigint);
    IF waiting > 0 AND remote THEN
        PERFORM confiture._remote_drain(p, batch, condition);
    ELSIF waiting > 0 THEN
        PERFORM confiture._transition_drain(p, batch, condition);
    END IF;
    -- More often when the log is long, but never all the time: rows must be copied too.
    UPDATE confiture.transition_table AS r
    SET drained_at = clock_timestamp() - CASE WHEN waiting < batch THEN 0 ELSE 40 END
        * (t.options ->> 'chunk_ms')::double precision * interval '1 ms'
    WHERE r.id = p.id;
END
$$;

-- Copies one chunk, cuts some, or, after about 50 chunks, takes entries off a log: one short transaction.
-- Returns what it did: copied, cut, drained, paused (the limits ask for it), busy (others have the rest), done.
CREATE OR REPLACE FUNCTION confiture._transition_chunk(
    t confiture.transition, limited boolean, OUT did text, OUT copied bigint, OUT pause double precision)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET row_security = off
AS $$
DECLARE
    c confiture.transition_chunk;
    p confiture.transition_table;
    started timestamptz := clock_timestamp();
    took double precision;
BEGIN
    SELECT r.* INTO p FROM confiture.transition_table AS r
    -- What is merged comes along with the main table: its log waits until that is copied.
    WHERE r.transition = t.id AND (r.main OR r.shape <> 'merge') AND coalesce(r.drained_at, t.changed_at) < started - 50 * (t.options ->> 'chunk_ms')::double precision * interval '1 ms'
    ORDER BY r.drained_at NULLS FIRST, r.ordinal LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        PERFORM confiture._transition_drain_copied(p, t);
        did := 'drained';
        RETURN;
    END IF;
    SELECT h.* INTO c FROM confiture.transition_chunk AS h
    WHERE h.copied_at IS NULL AND h.pair IN (SELECT r.id FROM confiture.transition_table AS r WHERE r.transition = t.id)
    ORDER BY h.pair, h.ordinal LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        IF limited THEN
            pause := confiture._transition_pause(t);
            IF pause > 0 THEN
                did := 'paused';
                RETURN;
            END IF;
        END IF;
        SELECT r.* INTO p FROM confiture.transition_table AS r WHERE r.id = c.pair;
        IF confiture._transition_is_remote(t.id) THEN
            copied := confiture._remote_copy(p, c.lower, c.upper);
        ELSE
            copied := confiture._transition_fill(p.id, false, format('SELECT %s FROM ONLY %s AS source WHERE %s',
                confiture._transition_columns(p.source, 'source'), confiture._relation_name(p.source),
                confiture._transition_range(p, p.source_key, 'source', c.lower, c.upper)), 'insert');
        END IF;
        took := extract(epoch FROM clock_timestamp() - started) * 1000;
        UPDATE confiture.transition_chunk AS h SET copied_at = clock_timestamp(), row_count = copied, elapsed_ms = took
        WHERE h.pair = c.pair AND h.ordinal = c.ordinal;
        IF limited THEN
            PERFORM confiture._transition_paced(t, copied, took);
        END IF;
        did := 'copied';
        RETURN;
    END IF;
    SELECT r.* INTO p FROM confiture.transition_table AS r
    WHERE r.transition = t.id AND NOT r.cut ORDER BY r.ordinal LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        PERFORM confiture._transition_cut(p, t);
        did := 'cut';
    ELSIF EXISTS (SELECT FROM confiture.transition_table AS r WHERE r.transition = t.id AND (NOT r.cut
            OR EXISTS (SELECT FROM confiture.transition_chunk AS h WHERE h.pair = r.id AND h.copied_at IS NULL))) THEN
        did := 'busy';
    ELSE
        did := 'done';
    END IF;
END
$$;

-- One transaction of a worker. Returns the pause after it; NULL: nothing is left to copy.
CREATE OR REPLACE FUNCTION confiture._transition_work(name text, _until text) RETURNS double precision
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
    piece record;
BEGIN
    PERFORM confiture._transition_check_transaction();
    t := confiture._transition_get(name);
    IF t.state NOT IN ('planned', 'captured', 'copying') AND confiture._transition_is_remote(t.id) THEN
        RETURN confiture._remote_work(t.id);
    END IF;
    PERFORM confiture._half_refuse(t);
    IF t.state IN ('captured', 'copying') THEN
        -- Together with other workers, but not with a step that moves the state.
        PERFORM pg_advisory_xact_lock_shared(1668247123, t.id);
        SELECT r.* INTO t FROM confiture.transition AS r WHERE r.id = t.id;
    END IF;
    IF t.state IN ('planned', 'contracted', 'aborting', 'aborted') THEN
        RAISE EXCEPTION 'transition % is %: there is nothing to copy', quote_literal(name), t.state
            USING ERRCODE = 'CF031', HINT = confiture._transition_next(t.state);
    ELSIF t.state NOT IN ('captured', 'copying') THEN
        RETURN NULL;
    END IF;
    PERFORM confiture._transition_check_there(t.id);
    SELECT c.* INTO piece FROM confiture._transition_chunk(t, true) AS c;
    RETURN CASE piece.did WHEN 'paused' THEN piece.pause WHEN 'busy' THEN 20 WHEN 'done' THEN NULL ELSE 0 END;
END
$$;

CREATE OR REPLACE PROCEDURE confiture.transition_worker(name text)
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_transition_worker';
COMMENT ON PROCEDURE confiture.transition_worker(text) IS
'Copies chunks of a transition, each in a transaction of its own, until none is left. Any number of sessions may do so at once, beside CALL confiture.transition_run(). One that dies leaves its chunk to the others. For a transition to another server it goes on when all is copied, brings over what is written, tries again while that server is away, and ends with the transition.
Arguments: name.
Errors: CF031 wrong state; CF034 no such transition; 0A000 another isolation level than READ COMMITTED; 25001 inside a transaction block; and what a constraint of the target table says of a row: mend it in the source, and call again.
Example: CALL confiture.transition_worker(''to_v2'');';

CREATE OR REPLACE FUNCTION confiture.transition_copy(name text, max_chunks integer DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._transition_take(name, '{captured,copying,catching_up}');
    piece record;
    total bigint := 0;
    done integer := 0;
BEGIN
    IF t.state = 'catching_up' THEN
        RETURN 0;
    END IF;
    PERFORM confiture._transition_set_state(t.id, 'copying');
    WHILE max_chunks IS NULL OR done < max_chunks LOOP
        SELECT c.* INTO piece FROM confiture._transition_chunk(t, false) AS c;
        IF piece.did = 'done' THEN
            PERFORM confiture._transition_set_state(t.id, 'catching_up');
        END IF;
        EXIT WHEN piece.did IN ('done', 'busy');
        IF piece.did = 'copied' THEN
            total := total + piece.copied;
            done := done + 1;
        END IF;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION confiture.transition_copy(text, integer) IS
'Copies rows from the source tables to the target tables, in chunks by the key; goes on where it stopped. Writers never wait for it. All in the caller''s transaction, without a pause: CALL confiture.transition_run() and confiture.transition_worker() commit each chunk, and keep to max_rate and max_replica_lag.
Arguments: name; max_chunks, how many chunks (NULL, all).
Result: how many rows; 0 when nothing is left, the state is catching_up then.
Errors: as confiture.transition_capture(); and what a constraint of the target table says of a row: mend it in the source, and call again.
Example: SELECT confiture.transition_copy(''to_v2'', 10);';
