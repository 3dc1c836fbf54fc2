-- Transitions to another server: the side of the source, which drives.
--
-- In a schema of the transition's own there are, for each pair: shape_N, an empty table that looks
-- like the target, so that mappings are checked and rows converted here; target_N, the target; door_N,
-- where rows are put; pull_N, what was written in the target. The pair's target is the shape.

-- Tells whether the target of a transition is on another server.
CREATE OR REPLACE FUNCTION confiture._transition_is_remote(transition integer) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM confiture.transition_remote AS r
        WHERE r.transition = _transition_is_remote.transition AND r.side = 'source')
$$;

-- Raises the error of the other server again. When it is away, or its disk is full, says what that means.
CREATE OR REPLACE FUNCTION confiture._remote_raise(
    transition integer, state text, message text, detail text, hint text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := (SELECT t.name FROM confiture.transition AS t WHERE t.id = transition);
    server text := (SELECT r.server FROM confiture.transition_remote AS r WHERE r.transition = _remote_raise.transition);
    away boolean := state LIKE '08%' OR state LIKE '57P%';
    is_full boolean := state = '53100';
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = CASE WHEN state LIKE '57P%' THEN '08006' ELSE state END,
        MESSAGE = CASE WHEN away OR is_full THEN format('the target of transition %L %s: %s', name,
            CASE WHEN away THEN 'is away' ELSE 'has no room' END, message) ELSE message END,
        DETAIL = coalesce(detail, ''),
        HINT = CASE WHEN away OR is_full THEN format('%s, and nothing is lost: repeat the step when %s.',
                CASE WHEN (SELECT confiture._remote_is_sync(t) FROM confiture.transition AS t WHERE t.id = transition)
                    THEN 'Writers fail' ELSE 'Writers are not affected' END,
                format(CASE WHEN away THEN 'server %I can be reached again' ELSE 'there is room on the disk of server %I' END, server))
            ELSE coalesce(nullif(hint, ''), 'The target does not take a row: mend it in the source, and repeat the step.') END;
END
$$;

-- Who made a transition to another server: the owner of the foreign tables in its schema, by the oid of one of them. Whoever
-- moves it on, they are used as that role, by its user mapping.
CREATE OR REPLACE FUNCTION confiture._remote_maker(transition integer) RETURNS oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(to_regclass(format('%I.command', confiture._remote_schema(transition))), 0)::oid
$$;

-- Sends a command to the target, in the transaction of the data that goes there.
CREATE OR REPLACE FUNCTION confiture._remote_call(
    transition integer, command text, argument jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb;
    state text;
    message text;
    detail text;
    hint text;
BEGIN
    argument := argument || jsonb_build_object('token', (SELECT r.token FROM confiture.transition_remote AS r
        WHERE r.transition = _remote_call.transition));
    SELECT r.answer INTO answer FROM confiture._as_owner(confiture._remote_maker(transition),
        format('INSERT INTO %I.command (command, argument) VALUES (%L, %L) RETURNING answer',
            confiture._remote_schema(transition), command, argument), 'write') AS r (answer jsonb);
    RETURN answer;
EXCEPTION WHEN connection_exception OR admin_shutdown OR crash_shutdown OR cannot_connect_now OR disk_full THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    PERFORM confiture._remote_raise(transition, state, message, detail, hint);
END
$$;

-- Runs a statement that moves rows between the servers. Returns how many.
CREATE OR REPLACE FUNCTION confiture._remote_move(transition integer, statement text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    state text;
    message text;
    detail text;
    hint text;
    context text;
BEGIN
    RETURN confiture._do_as_owner(confiture._remote_maker(transition), statement);
-- The context of what the target refuses would be a statement with thousands of parameters.
EXCEPTION WHEN connection_exception OR admin_shutdown OR crash_shutdown OR cannot_connect_now
    OR integrity_constraint_violation OR data_exception OR disk_full THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
        context = PG_EXCEPTION_CONTEXT;
    IF state = '53100' AND strpos(context, 'VALUES ($1') = 0 THEN
        RAISE;  -- it is the disk here that is full
    END IF;
    PERFORM confiture._remote_raise(transition, state, message, detail, hint);
END
$$;

-- Lets one session at a time bring changes over: waits for the batch of another one.
CREATE OR REPLACE FUNCTION confiture._remote_lock(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '10s'
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1668679283, t.id);
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'another session is at work on transition %', quote_literal(t.name)
        USING ERRCODE = 'CF037', HINT = 'Wait until it has ended: pg_stat_activity shows it.';
END
$$;

-- Makes the shape of a target, as the other side has described it, and the way to it. Returns what
-- is missing here.
CREATE OR REPLACE FUNCTION confiture._remote_shape(
    schema name, server name, peer integer, target_schema text, target_table text, about jsonb) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n integer := (about ->> 'pair')::integer;
    half integer := (about ->> 'half')::integer;
    col record;
    plain text := '';
    shape text := '';
    door text := '';
    problems text := '';
    key jsonb;
    as_primary boolean := true;
BEGIN
    FOR col IN SELECT c.*, to_regtype(c.type) AS known FROM jsonb_to_recordset(about -> 'columns')
            AS c (name text, type text, typmod integer, "collation" text, not_null boolean, generated boolean, has_sequence boolean) LOOP
        IF col.known IS NULL THEN
            problems := concat_ws(E'\n', nullif(problems, ''), format('column %I is of type %s, which does not exist here.', col.name, col.type));
            CONTINUE;
        END IF;
        -- to_regcollation(), to_regtype(): what the other server says is looked up, not run.
        col.type := format_type(col.known, col.typmod) || coalesce(' COLLATE ' || to_regcollation(col."collation")::text, '');
        plain := plain || format(', %I %s%s', col.name, col.type,
            CASE WHEN col.generated THEN format(' GENERATED ALWAYS AS (NULL::%s) STORED', format_type(col.known, col.typmod)) ELSE '' END);
        shape := shape || format(', %I %s%s%s', col.name, col.type, CASE WHEN col.not_null THEN ' NOT NULL' ELSE '' END,
            CASE WHEN col.generated THEN format(' GENERATED ALWAYS AS (NULL::%s) STORED', format_type(col.known, col.typmod)) ELSE '' END);
        door := door || CASE WHEN col.generated THEN '' ELSE format(', %I %s%s', col.name, format_type(col.known, -1),
            ' COLLATE ' || to_regcollation(col."collation")::text) END;
    END LOOP;
    IF problems <> '' THEN
        RETURN problems;
    END IF;
    EXECUTE format('CREATE TABLE %I.shape_%s (%s)', schema, n, substr(shape, 3));
    FOR key IN SELECT k FROM jsonb_array_elements(nullif(about -> 'keys', 'null')) AS k LOOP
        EXECUTE format('ALTER TABLE %I.shape_%s ADD %s (%s)', schema, n, CASE WHEN as_primary THEN 'PRIMARY KEY' ELSE 'UNIQUE' END,
            (SELECT string_agg(quote_ident(k), ', ' ORDER BY o) FROM jsonb_array_elements_text(key) WITH ORDINALITY AS e (k, o)));
        as_primary := false;
    END LOOP;
    FOR col IN SELECT c.* FROM jsonb_to_recordset(about -> 'columns') AS c (name text, has_sequence boolean) WHERE c.has_sequence LOOP
        EXECUTE format('CREATE SEQUENCE %I.%I', schema, format('sequence_%s_%s', n, col.name));
        EXECUTE format('ALTER TABLE %I.shape_%s ALTER %I SET DEFAULT nextval(%L)', schema, n, col.name,
            format('%I.%I', schema, format('sequence_%s_%s', n, col.name)));
    END LOOP;
    EXECUTE format('CREATE FOREIGN TABLE %I.target_%s (%s) SERVER %I OPTIONS (schema_name %L, table_name %L, fetch_size ''5000'')',
        schema, n, substr(plain, 3), server, target_schema, target_table);
    EXECUTE format('CREATE FOREIGN TABLE %I.door_%s (%s, confiture_what "char")'
        ' SERVER %I OPTIONS (schema_name %L, table_name %L, batch_size ''1000'')',
        schema, n, substr(door, 3), server, confiture._remote_schema(peer), 'door_' || half);
    RETURN NULL;
END
$$;

-- The foreign keys among the targets, among their shapes.
CREATE OR REPLACE FUNCTION confiture._remote_shape_keys(schema name, tables jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fk record;
    statement text;
    others text;
BEGIN
    FOR fk IN SELECT a.pair, b.pair AS other, f.*
            FROM jsonb_to_recordset(tables) AS a (pair integer, foreign_keys jsonb),
                jsonb_to_recordset(a.foreign_keys) AS f (name text, refers_to integer, match text, columns jsonb, other_columns jsonb),
                jsonb_to_recordset(tables) AS b (pair integer, half integer)
            WHERE b.half = f.refers_to LOOP
        others := (SELECT string_agg(quote_ident(k), ', ' ORDER BY o) FROM jsonb_array_elements_text(fk.other_columns) WITH ORDINALITY AS e (k, o));
        statement := format('ALTER TABLE %1$I.shape_%2$s ADD CONSTRAINT %3$I FOREIGN KEY (%4$s) REFERENCES %1$I.shape_%5$s (%6$s) MATCH %7$s',
            schema, fk.pair, fk.name,
            (SELECT string_agg(quote_ident(k), ', ' ORDER BY o) FROM jsonb_array_elements_text(fk.columns) WITH ORDINALITY AS e (k, o)),
            fk.other, others, CASE fk.match WHEN 'f' THEN 'FULL' ELSE 'SIMPLE' END);
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN invalid_foreign_key THEN
            EXECUTE format('ALTER TABLE %I.shape_%s ADD UNIQUE (%s)', schema, fk.other, others);
            EXECUTE statement;
        END;
    END LOOP;
END
$$;

-- Plans a transition to another server.
CREATE OR REPLACE FUNCTION confiture._remote_create(
    name text, source_schema text, target_schema text, mapping jsonb, server name, options jsonb) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
    pair record;
    found oid;
    about jsonb;
    there jsonb;
    mode text := 'asynchronous';
    schema name;
    missing text := '';
    more jsonb := '[]';
    n integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace AS s WHERE s.nspname = source_schema) THEN
        RAISE EXCEPTION 'schema % does not exist', quote_literal(source_schema) USING ERRCODE = 'invalid_schema_name';
    END IF;
    PERFORM confiture._remote_check_server(server);
    IF options ? 'mode' THEN
        mode := coalesce(options ->> 'mode', '');
        IF mode NOT IN ('asynchronous', 'synchronous') THEN
            RAISE EXCEPTION 'option "mode" can''t be %', options -> 'mode' USING ERRCODE = 'invalid_parameter_value',
                HINT = 'asynchronous: a worker brings over what was written; synchronous: writers wait for the target.';
        END IF;
        options := options - 'mode';
    END IF;
    -- Beside its rows a chunk takes eight round trips.
    options := confiture._transition_options('{"chunk_ms": 1000}' || options) || '{"disk": false}';
    IF options ->> 'swap' <> 'rename' THEN
        RAISE EXCEPTION 'option "swap" can''t be %', options -> 'swap' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'When the target is on another server, a view takes the place of each table.';
    END IF;
    t := confiture._transition_new(name, source_schema, target_schema, options);
    INSERT INTO confiture.transition_remote (transition, side, server, mode, token)
    VALUES (t.id, 'source', server, mode, gen_random_uuid());
    schema := confiture._remote_schema(t.id);
    EXECUTE format('CREATE SCHEMA %I', schema);
    EXECUTE format('CREATE FOREIGN TABLE %I.command (command text, argument jsonb, answer jsonb) SERVER %I'
        ' OPTIONS (schema_name ''confiture'', table_name ''remote_command'')', schema, server);
    about := confiture._remote_greet(t, server);
    FOR pair IN SELECT m.* FROM confiture._transition_pairs(source_schema, target_schema, mapping) AS m LOOP
        IF pair.shape <> 'single' THEN
            RAISE EXCEPTION 'on the way to another server a table can''t be split or merged' USING ERRCODE = 'feature_not_supported',
                DETAIL = format('Table %I.%I has another shape there.', source_schema, pair.source),
                HINT = 'Split or merge it in one of the two databases, before or after.';
        END IF;
        SELECT s.oid INTO found FROM pg_class AS s WHERE s.relname = pair.source AND s.relkind IN ('r', 'p', 'f')
            AND s.relnamespace = (SELECT a.oid FROM pg_namespace AS a WHERE a.nspname = source_schema);
        n := n + 1;
        IF found IS NULL THEN
            missing := missing || format(E'table %I.%I does not exist.\n', source_schema, pair.source);
            CONTINUE;
        END IF;
        WITH made AS (
            INSERT INTO confiture.transition_table (transition, ordinal, source, target, source_name, target_name,
                source_key, target_key, columns, back, rows_estimated)
            VALUES (t.id, n, found, found, confiture._relation_name(found), format('%I.%I', target_schema, pair.target), '{}', '{}',
                confiture._transition_spelled(coalesce(pair.spec -> 'columns', '{}'), 'source'), confiture._transition_spelled(coalesce(pair.spec -> 'back', '{}'), 'target'),
                confiture._transition_estimate_rows(found))
            RETURNING id
        )
        INSERT INTO confiture.transition_remote_table (pair, peer, target_schema, target_table)
        SELECT m.id, 0, target_schema, pair.target FROM made AS m;
    END LOOP;
    IF missing <> '' OR n = 0 THEN
        RAISE EXCEPTION 'transition % is refused: tables are missing', quote_literal(name)
            USING ERRCODE = 'CF030', DETAIL = coalesce(nullif(rtrim(missing, E'\n'), ''), 'There is no table in the source schema.'),
            HINT = 'Name the tables that move in the mapping: {"tables": {"orders": {}}}.';
    END IF;
    there := confiture._remote_call(t.id, 'prepare', jsonb_build_object('transition', t.id, 'name', t.name,
        'source_schema', t.source_schema, 'target_schema', t.target_schema, 'options', t.options,
        'about', format('database %s, role %s', current_database(), current_user),
        'tables', (SELECT jsonb_agg(jsonb_build_object('pair', m.pair, 'table', m.target_table) ORDER BY p.ordinal)
            FROM confiture.transition_table AS p JOIN confiture.transition_remote_table AS m ON m.pair = p.id WHERE p.transition = t.id)));
    UPDATE confiture.transition_remote AS r
    SET peer = (there ->> 'transition')::integer, contact_at = clock_timestamp(),
        about_peer = format('database %s, role %s, PostgreSQL %s', about ->> 'database', about ->> 'role', about ->> 'server_version')
    WHERE r.transition = t.id;
    more := there -> 'problems';
    FOR pair IN SELECT p.id, p.source, p.columns, p.back, m.target_table, d.value AS about
            FROM confiture.transition_table AS p JOIN confiture.transition_remote_table AS m ON m.pair = p.id
            LEFT JOIN LATERAL jsonb_array_elements(there -> 'tables') AS d (value) ON (d.value ->> 'pair')::integer = p.id
            WHERE p.transition = t.id ORDER BY p.ordinal LOOP
        missing := NULL;
        IF pair.about IS NOT NULL THEN
            missing := confiture._remote_shape(schema, server, (there ->> 'transition')::integer, target_schema, pair.target_table, pair.about);
        END IF;
        IF pair.about IS NULL OR missing IS NOT NULL THEN
            -- That it is missing there, the target has told.
            IF missing IS NOT NULL THEN
                more := more || jsonb_build_array(jsonb_build_object('relation', format('%I.%I', target_schema, pair.target_table),
                    'problem', missing, 'hint', 'Make the type here too, under the same name.'));
            END IF;
            DELETE FROM confiture.transition_remote_table AS m WHERE m.pair = pair.id;
            DELETE FROM confiture.transition_table AS p WHERE p.id = pair.id;
            CONTINUE;
        END IF;
        found := to_regclass(format('%I.shape_%s', schema, pair.id));
        UPDATE confiture.transition_remote_table AS m
        SET peer = (pair.about ->> 'half')::integer, unique_indexes = (pair.about ->> 'unique_indexes')::integer WHERE m.pair = pair.id;
        -- A default that is the same for every row serves as the value of a new column.
        pair.columns := (SELECT coalesce(jsonb_object_agg(c.name, c."default"), '{}')
            FROM jsonb_to_recordset(pair.about -> 'columns') AS c (name text, "default" text)
            WHERE c."default" IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute AS a
                WHERE a.attrelid = pair.source AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped)) || pair.columns;
        UPDATE confiture.transition_table AS p
        SET target = found, columns = confiture._transition_mapping(p.source, found, pair.columns, NULL) || pair.columns WHERE p.id = pair.id;
        UPDATE confiture.transition_table AS p
        SET back = confiture._transition_mapping(p.target, p.source, pair.back, p.columns) || pair.back WHERE p.id = pair.id;
        PERFORM confiture._transition_set_keys(pair.id);
    END LOOP;
    PERFORM confiture._remote_shape_keys(schema, there -> 'tables');
    IF about ->> 'collation' IS DISTINCT FROM confiture._remote_hello() ->> 'collation' THEN
        more := more || coalesce((SELECT jsonb_agg(to_jsonb(k)) FROM confiture._remote_sorted_keys(t) AS k), '[]');
    END IF;
    -- One at a time: two can't both miss that they want the same table.
    LOCK TABLE confiture.transition IN SHARE ROW EXCLUSIVE MODE;
    PERFORM confiture._remote_refuse(t, more);
    RETURN t.id;
END
$$;

-- The columns of the target whose expression does not depend on the row: where the row is there, they keep their value.
CREATE OR REPLACE FUNCTION confiture._remote_constants(p confiture.transition_table) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(a.attname ORDER BY a.attnum), '[]')
    FROM jsonb_each_text(p.columns) AS m
    JOIN pg_attribute AS a ON a.attrelid = p.target AND a.attname = m.key AND a.attnum > 0
    WHERE NOT confiture._transition_expression(p.source, 'source', m.value, a.atttypid, a.atttypmod)
$$;

-- Starts to capture. The target is made ready first, without a lock here.
CREATE OR REPLACE FUNCTION confiture._remote_capture(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    there jsonb;
BEGIN
    PERFORM confiture._transition_set_keys(p.id) FROM confiture.transition_table AS p WHERE p.transition = t.id;
    PERFORM confiture._remote_refuse(t, '[]');
    there := confiture._remote_call(t.id, 'capture', jsonb_build_object('tables', (
        SELECT jsonb_agg(jsonb_build_object('half', m.peer, 'key', p.target_key, 'constants', confiture._remote_constants(p)))
        FROM confiture.transition_table AS p JOIN confiture.transition_remote_table AS m ON m.pair = p.id WHERE p.transition = t.id)));
    PERFORM confiture._remote_refuse(t, there -> 'problems');
    PERFORM confiture._transition_locked(t, 'SHARE ROW EXCLUSIVE', '_transition_do_capture');
END
$$;

-- Under the locks: no trace is left here.
CREATE OR REPLACE FUNCTION confiture._remote_do_abort(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
BEGIN
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id
            AND confiture._relation_name(r.source) IS NOT NULL ORDER BY r.ordinal LOOP
        PERFORM confiture._transition_drop_triggers(p.source);
    END LOOP;
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', confiture._remote_schema(t.id));
    PERFORM confiture._transition_forget(t.id);
    PERFORM confiture._transition_set_state(t.id, 'aborted');
END
$$;

-- Ends a transition without a cutover, on both sides. A target that is away is told by a warning.
CREATE OR REPLACE FUNCTION confiture._remote_abort(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    r confiture.transition_remote;
    message text;
BEGIN
    SELECT x.* INTO r FROM confiture.transition_remote AS x WHERE x.transition = t.id;
    PERFORM confiture._remote_lock(t);
    BEGIN
        PERFORM confiture._remote_call(t.id, 'abort');
    EXCEPTION WHEN connection_exception OR SQLSTATE 'CF034' OR undefined_object OR undefined_table THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
    END;
    PERFORM confiture._transition_locked(t, CASE WHEN t.state <> 'planned' THEN 'ACCESS EXCLUSIVE' END, '_remote_do_abort');
    IF message IS NOT NULL THEN
        RAISE WARNING 'transition % is aborted here, not on server %: %', quote_literal(t.name), quote_ident(r.server), message
            USING HINT = format('There, in %s: SELECT confiture.transition_abort(%L). It takes the triggers confiture_transition off the target tables, empties them, and drops schema %I.',
                r.about_peer, t.name, confiture._remote_schema(r.peer));
    END IF;
END
$$;
