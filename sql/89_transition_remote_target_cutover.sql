-- Transitions to another server: the target's half from the cutover on, its ends, and the way in for all commands.

-- Locks all tables of the half: a lock that does not come at once is given up.
CREATE OR REPLACE FUNCTION confiture._half_lock(t confiture.transition, mode text DEFAULT 'ACCESS EXCLUSIVE') RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE (SELECT format('LOCK TABLE %s IN %s MODE', string_agg(confiture._relation_name(r.source), ', ' ORDER BY r.ordinal), mode)
        FROM confiture.transition_table AS r WHERE r.transition = t.id AND confiture._relation_name(r.source) IS NOT NULL);
END
$$;

-- Command open: from now on everybody may write, and the keys of what is written are kept.
CREATE OR REPLACE FUNCTION confiture._half_open(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument);
    q record;
    at record;
BEGIN
    IF t.state NOT IN ('mirrored', 'cut_over') THEN
        RAISE EXCEPTION 'the target''s half of transition % is %', quote_literal(t.name), t.state USING ERRCODE = 'CF031';
    END IF;
    PERFORM confiture._transition_set_triggers(p.id, p.source, 'capture') FROM confiture.transition_table AS p
    WHERE p.transition = t.id ORDER BY p.ordinal;
    FOR q IN SELECT p.id, s."column", s.increment, s.start, e.seqrelid, e.seqincrement
            FROM jsonb_to_recordset(argument -> 'sequences') AS s (half integer, "column" text, increment bigint, start bigint)
            JOIN confiture.transition_table AS p ON p.id = s.half AND p.transition = t.id
            JOIN pg_attribute AS a ON a.attrelid = p.source AND a.attname = s."column"
            JOIN pg_sequence AS e ON e.seqrelid = confiture._transition_sequence(p.source, a.attnum) LOOP
        at := confiture._transition_sequence_at(q.seqrelid);
        EXECUTE format('ALTER SEQUENCE %s INCREMENT BY %s RESTART WITH %s', confiture._relation_name(q.seqrelid), q.increment, q.start);
        UPDATE confiture.transition_table AS p
        SET sequences = p.sequences || jsonb_build_array(jsonb_build_object('column', q."column", 'sequence', q.seqrelid, 'increment', q.seqincrement,
            'last_value', at.last_value, 'is_called', at.is_called))
        WHERE p.id = q.id AND NOT EXISTS (SELECT FROM jsonb_array_elements(p.sequences) AS k WHERE k ->> 'column' = q."column");
    END LOOP;
    PERFORM confiture._transition_set_state(t.id, 'cut_over');
    RETURN '{}';
END
$$;

-- Command fence: nobody may write any more. Returns how far the sequences have come.
CREATE OR REPLACE FUNCTION confiture._half_fence(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument);
    q record;
    sequences jsonb := '[]';
BEGIN
    PERFORM confiture._half_lock(t);
    PERFORM confiture._transition_set_triggers(p.id, p.source, 'guard') FROM confiture.transition_table AS p
    WHERE p.transition = t.id ORDER BY p.ordinal;
    FOR q IN SELECT p.id, s.* FROM confiture.transition_table AS p,
                jsonb_to_recordset(p.sequences) AS s ("column" text, sequence oid, increment bigint)
            WHERE p.transition = t.id LOOP
        sequences := sequences || jsonb_build_array(jsonb_build_object('half', q.id, 'column', q."column",
            'last', (confiture._transition_sequence_at(q.sequence)).last_value));
    END LOOP;
    PERFORM confiture._transition_set_state(t.id, 'mirrored');
    RETURN jsonb_build_object('sequences', sequences);
END
$$;

-- Command close: the fence, if it is open.
CREATE OR REPLACE FUNCTION confiture._half_close(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument);
BEGIN
    RETURN CASE WHEN t.state = 'cut_over' THEN confiture._half_fence(argument) ELSE '{}' END;
END
$$;

-- Command take: entries that the source has applied go; those that came since are taken off the
-- log, and kept until they are applied. What a later call of the same transaction says was applied is
-- not yet committed there: what the first one said counts.
CREATE OR REPLACE FUNCTION confiture._half_take(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument);
    applied bigint := confiture._half_taken(t.id, 'applied', (argument ->> 'applied')::bigint);
    seen bigint := confiture._half_taken(t.id, 'batch', applied);
    batch bigint := seen;
    total bigint := 0;
    moved bigint;
    kept record;
    p confiture.transition_table;
    tables jsonb := '[]';
    log text;
    taken text;
BEGIN
    -- A way back that was committed here, and not there, is taken back: the source's sessions write here.
    IF t.state = 'mirrored' AND (argument ->> 'open')::boolean THEN
        PERFORM confiture._half_open(argument || '{"sequences": []}');
    END IF;
    -- Batches that the source has not committed are still there: the new one comes after them.
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        taken := format('%I.taken_%s', confiture._remote_schema(t.id), p.id);
        EXECUTE format('DELETE FROM %s AS k WHERE k.batch <= $1', taken) USING applied;
        EXECUTE format('SELECT greatest($1, max(k.batch)) FROM %s AS k', taken) INTO batch USING batch;
    END LOOP;
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        log := confiture._relation_name(p.log);
        taken := format('%I.taken_%s', confiture._remote_schema(t.id), p.id);
        EXECUTE format('INSERT INTO %s SELECT $1, gone.* FROM confiture._as_owner($2, $3, $4) AS gone (%s)', taken,
            confiture._transition_key_columns(p.source, p.source_key))
        USING batch + 1, p.log::oid, format('DELETE FROM %1$s AS l WHERE l.ctid = ANY (ARRAY(SELECT m.ctid FROM %1$s AS m LIMIT %2$s)) RETURNING l.*',
            log, coalesce((argument ->> 'limit')::bigint::text, 'ALL')), CASE WHEN (argument ->> 'open')::boolean THEN 'write' ELSE 'latest' END;
        GET DIAGNOSTICS moved = ROW_COUNT;
        total := total + moved;
        EXECUTE format('SELECT count(*) AS entries, coalesce(bool_or(k1 IS NULL), false) AS truncated FROM %s WHERE batch > $1', taken)
        INTO kept USING seen;
        tables := tables || jsonb_build_array(jsonb_build_object('half', p.id, 'entries', kept.entries, 'truncated', kept.truncated));
    END LOOP;
    IF total > 0 THEN
        batch := batch + 1;
    END IF;
    PERFORM set_config(format('confiture_take.%s_%s', v.what, t.id), v.value::text, true)
    FROM (VALUES ('applied', applied), ('batch', batch), ('seen', seen)) AS v (what, value);
    RETURN jsonb_build_object('batch', batch, 'tables', tables);
END
$$;

-- Command block: nobody writes until the end of the transaction.
CREATE OR REPLACE FUNCTION confiture._half_block(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._half_lock(confiture._half_get(argument), 'SHARE ROW EXCLUSIVE');
    RETURN '{}';
END
$$;

-- Command log: keys go to the log, as if their rows had been written just now.
CREATE OR REPLACE FUNCTION confiture._half_log(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET timezone = 'UTC'
AS $$
DECLARE
    p confiture.transition_table := confiture._half_pair(argument);
BEGIN
    PERFORM confiture._do_as_owner(p.log, format('INSERT INTO %s SELECT %s FROM jsonb_array_elements(%L) AS e (key)', confiture._relation_name(p.log),
        (SELECT string_agg(format('(e.key ->> %s)::%s', a.attnum - 1, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
         FROM pg_attribute AS a WHERE a.attrelid = p.log AND a.attnum > 0), argument -> 'keys'));
    RETURN '{}';
END
$$;

-- Command contract: what is left is the tables.
CREATE OR REPLACE FUNCTION confiture._half_contract(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument, true);
BEGIN
    IF t.state = 'cut_over' THEN
        PERFORM confiture._half_lock(t);
        PERFORM confiture._transition_drop_triggers(p.source) FROM confiture.transition_table AS p WHERE p.transition = t.id;
        EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', confiture._remote_schema(t.id));
        PERFORM confiture._transition_forget(t.id);
        PERFORM confiture._transition_set_state(t.id, 'contracted');
    ELSIF t.state <> 'contracted' THEN
        RAISE EXCEPTION 'the target''s half of transition % is %', quote_literal(t.name), t.state USING ERRCODE = 'CF031';
    END IF;
    RETURN '{}';
END
$$;

-- Command abort: no trace is left.
CREATE OR REPLACE FUNCTION confiture._half_abort(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument, true);
BEGIN
    PERFORM confiture._half_end(t);
    RETURN '{}';
END
$$;

CREATE OR REPLACE FUNCTION confiture._half_end(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
    fk record;
    q record;
BEGIN
    IF NOT t.live THEN
        RETURN;
    ELSIF t.state <> 'planned' THEN
        IF EXISTS (SELECT FROM confiture.transition_table AS r WHERE r.transition = t.id AND confiture._relation_name(r.source) IS NOT NULL) THEN
            PERFORM confiture._half_lock(t);
        END IF;
        FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id
                AND confiture._relation_name(r.source) IS NOT NULL ORDER BY r.ordinal LOOP
            PERFORM confiture._transition_drop_triggers(p.source);
        END LOOP;
        -- Each is emptied as its owner, who may have triggers for that: without the foreign keys among them.
        FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id
                AND confiture._relation_name(r.source) IS NOT NULL ORDER BY r.ordinal LOOP
            PERFORM confiture._transition_strip(confiture._half_own(p), 'foreign key');
        END LOOP;
        PERFORM confiture._do_as_owner(r.source, format('TRUNCATE %s', confiture._relation_name(r.source)))
        FROM confiture.transition_table AS r WHERE r.transition = t.id AND confiture._relation_name(r.source) IS NOT NULL;
        -- Sequences are what they were before the first cutover.
        FOR q IN SELECT s.* FROM confiture.transition_table AS r, jsonb_to_recordset(r.sequences)
                    AS s (sequence oid, increment bigint, last_value bigint, is_called boolean)
                WHERE r.transition = t.id AND confiture._relation_name(s.sequence) IS NOT NULL LOOP
            EXECUTE format('ALTER SEQUENCE %s INCREMENT BY %s', confiture._relation_name(q.sequence), q.increment);
            PERFORM setval(q.sequence::regclass, q.last_value, q.is_called);
        END LOOP;
        FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id AND NOT r.indexed
                AND confiture._relation_name(r.source) IS NOT NULL ORDER BY r.ordinal LOOP
            p := confiture._half_own(p);
            PERFORM confiture._transition_index(p);
        END LOOP;
        FOR fk IN SELECT r.source, f.*
                FROM confiture.transition_table AS r, jsonb_to_recordset(r.foreign_keys) AS f (name text, definition text, comment text)
                WHERE r.transition = t.id AND confiture._relation_name(r.source) IS NOT NULL ORDER BY r.ordinal LOOP
            PERFORM confiture._transition_refer(fk.source, fk.name, fk.definition, fk.comment);
        END LOOP;
        EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', confiture._remote_schema(t.id));
    END IF;
    PERFORM confiture._transition_forget(t.id);
    PERFORM confiture._transition_set_state(t.id, 'aborted');
END
$$;

-- The commands.
CREATE OR REPLACE FUNCTION confiture._remote_command() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    given jsonb := NEW.argument;
BEGIN
    -- Nobody sees who waits for whom across two servers.
    PERFORM set_config('lock_timeout', coalesce(given ->> 'lock_timeout', '10s'), true);
    NEW.answer := CASE NEW.command
        WHEN 'hello' THEN confiture._remote_hello()
        WHEN 'prepare' THEN confiture._half_prepare(given)
        WHEN 'capture' THEN confiture._half_capture(given)
        WHEN 'index' THEN confiture._half_index(given)
        WHEN 'mirror' THEN confiture._half_mirror(given)
        WHEN 'check' THEN confiture._half_check(given)
        WHEN 'digest' THEN confiture._half_digest(given)
        WHEN 'open' THEN confiture._half_open(given)
        WHEN 'fence' THEN confiture._half_fence(given)
        WHEN 'close' THEN confiture._half_close(given)
        WHEN 'take' THEN confiture._half_take(given)
        WHEN 'plan' THEN confiture._half_plan(given)
        WHEN 'sample' THEN confiture._half_sample(given)
        WHEN 'measure' THEN confiture._half_measure(given)
        WHEN 'block' THEN confiture._half_block(given)
        WHEN 'log' THEN confiture._half_log(given)
        WHEN 'contract' THEN confiture._half_contract(given)
        WHEN 'abort' THEN confiture._half_abort(given)
        END;
    IF NEW.answer IS NULL THEN
        RAISE EXCEPTION 'there is no command %', coalesce(quote_literal(NEW.command), 'NULL')
            USING ERRCODE = 'feature_not_supported', HINT = 'Both servers need the same version of Confiture.';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE VIEW confiture.remote_command AS
    SELECT NULL::text AS command, NULL::jsonb AS argument, NULL::jsonb AS answer WHERE false;
COMMENT ON VIEW confiture.remote_command IS
'Where the server that has the source tables of a transition sends its commands, through postgres_fdw. Not for people.';
CREATE OR REPLACE TRIGGER remote_command INSTEAD OF INSERT ON confiture.remote_command
FOR EACH ROW EXECUTE FUNCTION confiture._remote_command();
