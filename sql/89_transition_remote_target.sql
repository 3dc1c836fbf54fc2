-- Transitions to another server: the target's half. It moves by commands only, which the source's
-- server sends through postgres_fdw as rows inserted into a view: they belong to the same transaction
-- as the data that it sends.

CREATE OR REPLACE FUNCTION confiture._transition_door() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_transition_door';

-- Tells whether this is the side of the target.
CREATE OR REPLACE FUNCTION confiture._transition_is_half(transition integer) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM confiture.transition_remote AS r
        WHERE r.transition = _transition_is_half.transition AND r.side = 'target')
$$;

-- Raises an error when a half is to be moved by itself.
CREATE OR REPLACE FUNCTION confiture._half_refuse(t confiture.transition) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    about text;
BEGIN
    SELECT r.about_peer INTO about FROM confiture.transition_remote AS r WHERE r.transition = t.id AND r.side = 'target';
    IF FOUND THEN
        RAISE EXCEPTION 'transition % is moved by the server that has its source tables', quote_literal(t.name)
            USING ERRCODE = 'CF031', DETAIL = 'There: ' || about || '.',
            HINT = 'Call it there. Only confiture.transition_abort() may be called here, when that server is gone for good.';
    END IF;
END
$$;

-- Who we are: for the other side to check before it relies on us.
CREATE OR REPLACE FUNCTION confiture._remote_hello() RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('version', confiture._extension_version(), 'encoding', getdatabaseencoding(),
        'database', current_database(), 'started', pg_postmaster_start_time()::text, 'role', current_user,
        'server_version', current_setting('server_version'), 'recovery', pg_is_in_recovery(),
        'read_only', current_setting('default_transaction_read_only'),
        -- how text sorts, and how values look in memory
        'collation', (SELECT concat_ws(' ', d.datcollate, d.datlocprovider, d.datcollversion) FROM pg_database AS d WHERE d.datname = current_database()),
        'digest', confiture._digest_row(ROW(1::bigint, 2.5::double precision, 'x'::text, 12345.678, '{"a": [1]}'::jsonb))::text)
$$;

-- The half that a command is for.
CREATE OR REPLACE FUNCTION confiture._half_get(argument jsonb, ended boolean DEFAULT false) RETURNS confiture.transition
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
BEGIN
    SELECT h.* INTO t FROM confiture.transition_remote AS r JOIN confiture.transition AS h ON h.id = r.transition
    WHERE r.side = 'target' AND r.token = (argument ->> 'token')::uuid;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the target knows nothing of this transition' USING ERRCODE = 'CF034',
            HINT = 'Its database was made anew, or restored from an earlier state: SELECT confiture.transition_abort(name) on the source, and create another one.';
    ELSIF NOT t.live AND NOT ended THEN
        RAISE EXCEPTION 'the target''s half of transition % is %', quote_literal(t.name), t.state
            USING ERRCODE = 'CF031', HINT = 'It was ended there: SELECT confiture.transition_abort(name) on the source.';
    END IF;
    RETURN t;
END
$$;

-- What has to do with the target in a transition's name: the schema of its own.
CREATE OR REPLACE FUNCTION confiture._remote_schema(transition integer) RETURNS name
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ('confiture_remote_' || transition)::name
$$;

-- The statements that give a table in that schema to the owner of the table that it is for, who may make none there.
CREATE OR REPLACE FUNCTION confiture._remote_give(schema name, made text, owner name) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(s.statement, schema, owner, made)
    FROM (VALUES (1, 'GRANT USAGE, CREATE ON SCHEMA %1$I TO %2$I'), (2, 'ALTER TABLE %3$s OWNER TO %2$I'),
        (3, 'REVOKE CREATE ON SCHEMA %1$I FROM %2$I')) AS s (n, statement)
    -- whose the schema is, or will be
    WHERE s.n = 2 OR owner <> coalesce((SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = schema), current_user)
    ORDER BY s.n
$$;

-- A table of the half, for the other side: its columns, keys and foreign keys.
CREATE OR REPLACE FUNCTION confiture._half_describe(p confiture.transition_table) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('half', p.id,
        'columns', (SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, -1), 'typmod', a.atttypmod,
                'collation', (SELECT format('%I.%I', n.nspname, o.collname) FROM pg_collation AS o JOIN pg_namespace AS n ON n.oid = o.collnamespace
                    WHERE o.oid = a.attcollation AND o.collname <> 'default'),
                'not_null', a.attnotnull, 'generated', a.attgenerated <> '',
                'has_sequence', confiture._transition_sequence(a.attrelid, a.attnum) IS NOT NULL,
                'default', confiture._transition_default(a.attrelid, a.attnum)) ORDER BY a.attnum)
            FROM pg_attribute AS a WHERE a.attrelid = p.source AND a.attnum > 0 AND NOT a.attisdropped),
        'keys', (SELECT jsonb_agg(to_jsonb(k.key)) FROM confiture._transition_keys(p.source) AS k),
        'unique_indexes', (SELECT count(*) FROM pg_index AS i WHERE i.indrelid = p.source AND (i.indisunique OR i.indisexclusion)),
        'foreign_keys', coalesce((SELECT jsonb_agg(jsonb_build_object('name', o.conname, 'refers_to', q.id, 'match', o.confmatchtype,
                'columns', (SELECT jsonb_agg(a.attname ORDER BY k.n) FROM unnest(o.conkey) WITH ORDINALITY AS k (attnum, n)
                    JOIN pg_attribute AS a ON a.attrelid = o.conrelid AND a.attnum = k.attnum),
                'other_columns', (SELECT jsonb_agg(a.attname ORDER BY k.n) FROM unnest(o.confkey) WITH ORDINALITY AS k (attnum, n)
                    JOIN pg_attribute AS a ON a.attrelid = o.confrelid AND a.attnum = k.attnum)) ORDER BY o.conname)
            FROM pg_constraint AS o
            JOIN confiture.transition_table AS q ON q.transition = p.transition AND q.source = o.confrelid
            WHERE o.conrelid = p.source AND o.contype = 'f'), '[]'))
$$;

-- A pair of which both sides are the table itself, for functions that work on the target of a pair.
CREATE OR REPLACE FUNCTION confiture._half_own(p confiture.transition_table) RETURNS confiture.transition_table
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_populate_record(p, jsonb_build_object('target', p.source::oid::text))
$$;

-- What stands in the way on this side.
CREATE OR REPLACE FUNCTION confiture._half_problems(t confiture.transition)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table;
BEGIN
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        IF confiture._relation_name(p.source) IS NULL THEN
            RETURN QUERY SELECT p.source_name, 'it was dropped', 'SELECT confiture.transition_abort(name).';
            CONTINUE;
        END IF;
        -- Both sides of the pair are this table: what is asked of either is asked of it.
        p := confiture._half_own(p);
        RETURN QUERY SELECT DISTINCT x.* FROM confiture._transition_table_problems(p, 'rename') AS x;
        RETURN QUERY SELECT confiture._relation_name(p.source), v.problem, v.hint FROM (VALUES
            (EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = p.source AND a.attidentity = 'a' AND NOT a.attisdropped),
                'it has a column GENERATED ALWAYS AS IDENTITY, which the source''s sessions could not write after the cutover',
                'ALTER TABLE ... ALTER COLUMN ... SET GENERATED BY DEFAULT.'),
            (EXISTS (SELECT FROM pg_class AS c WHERE c.oid = p.source AND (c.relrowsecurity OR c.relforcerowsecurity)),
                'it has row security, which would see one role for all of the source''s sessions', 'Enable it after the contract.'),
            (EXISTS (SELECT FROM pg_constraint AS o WHERE o.conrelid = p.source AND o.contype = 'f' AND NOT EXISTS (
                    SELECT FROM confiture.transition_table AS q WHERE q.transition = t.id AND q.source = o.confrelid)),
                'it has a foreign key to a table that is not part of the transition', 'Move that table too, or drop the foreign key.'))
            AS v (wrong, problem, hint) WHERE v.wrong;
        RETURN QUERY SELECT confiture._relation_name(p.source), x.problem, x.hint FROM confiture._remote_domains(p.source, p.source) AS x;
        RETURN QUERY SELECT confiture._relation_name(p.source), format('transition %s already works on it', quote_literal(l.name)),
                'End that one first: contract or abort.'
            FROM confiture.transition_table AS q JOIN confiture.transition AS l ON l.id = q.transition AND l.live
            WHERE p.source IN (q.source, q.target) AND q.transition <> t.id;
        IF t.state = 'planned' AND (SELECT c.relkind = 'r' AND pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = p.source) THEN
            RETURN QUERY SELECT confiture._relation_name(p.source), 'it is not empty', 'TRUNCATE it: the transition fills it.'
                WHERE confiture._transition_has_rows(p.source);
        END IF;
    END LOOP;
    IF NOT has_database_privilege(current_database(), 'CREATE') THEN
        RETURN QUERY SELECT current_database()::text, format('role %I may not create schemas there', current_user), 'GRANT CREATE ON DATABASE.';
    END IF;
END
$$;

-- The problems as the other side wants to have them.
CREATE OR REPLACE FUNCTION confiture._half_problems_json(t confiture.transition) RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('relation', x.relation, 'problem', x.problem, 'hint', x.hint) ORDER BY x.n), '[]')
    FROM confiture._half_problems(t) WITH ORDINALITY AS x (relation, problem, hint, n)
$$;

-- Command prepare: the half is planned, and its tables are described.
CREATE OR REPLACE FUNCTION confiture._half_prepare(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
    pair record;
    found oid;
    made integer;
    n integer := 0;
    missing jsonb := '[]';
BEGIN
    PERFORM confiture._check_writable('transitions');
    LOCK TABLE confiture.transition IN SHARE ROW EXCLUSIVE MODE;
    t := confiture._transition_new(argument ->> 'name', argument ->> 'source_schema', argument ->> 'target_schema',
        argument -> 'options', ' on the target');
    INSERT INTO confiture.transition_remote (transition, side, token, peer, about_peer, contact_at)
    VALUES (t.id, 'target', (argument ->> 'token')::uuid, (argument ->> 'transition')::integer, argument ->> 'about', clock_timestamp());
    FOR pair IN SELECT r.* FROM jsonb_to_recordset(argument -> 'tables') AS r (pair integer, "table" text) LOOP
        SELECT c.oid INTO found FROM pg_class AS c JOIN pg_namespace AS s ON s.oid = c.relnamespace
        WHERE s.nspname = t.target_schema AND c.relname = pair."table" AND c.relkind IN ('r', 'p', 'f');
        IF found IS NULL THEN
            missing := missing || jsonb_build_array(jsonb_build_object('relation', format('%I.%I', t.target_schema, pair."table"),
                'problem', 'it does not exist', 'hint', 'Make the tables of the target schema first.'));
            CONTINUE;
        END IF;
        n := n + 1;
        INSERT INTO confiture.transition_table (transition, ordinal, source, target, source_name, target_name, source_key, target_key, columns, back)
        VALUES (t.id, n, found, found, confiture._relation_name(found), confiture._relation_name(found), '{}', '{}',
            (SELECT jsonb_object_agg(a.attname, quote_ident(a.attname)) FROM pg_attribute AS a
             WHERE a.attrelid = found AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}')
        RETURNING id INTO made;
        UPDATE confiture.transition_table AS p SET back = p.columns WHERE p.id = made;
        INSERT INTO confiture.transition_remote_table (pair, peer, target_schema, target_table)
        VALUES (made, pair.pair, t.target_schema, pair."table");
    END LOOP;
    RETURN jsonb_build_object('transition', t.id, 'problems', missing || confiture._half_problems_json(t),
        'tables', (SELECT coalesce(jsonb_agg(confiture._half_describe(p) || jsonb_build_object('pair', r.peer) ORDER BY p.ordinal), '[]')
            FROM confiture.transition_table AS p JOIN confiture.transition_remote_table AS r ON r.pair = p.id WHERE p.transition = t.id));
END
$$;

-- What earlier calls of take have left for later ones of the same transaction: applied, what the source had
-- committed when it began; batch, the last one that it was given; seen, the last one before the present call.
CREATE OR REPLACE FUNCTION confiture._half_taken(transition integer, what text, otherwise bigint) RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(nullif(current_setting(format('confiture_take.%s_%s', what, transition), true), '')::bigint, otherwise)
$$;

-- The columns of a table, numbered as they are in a table that was made with just these.
CREATE OR REPLACE FUNCTION confiture._half_places(relation oid) RETURNS TABLE (place bigint, type text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT row_number() OVER (ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod)
    FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
$$;

-- What a table of the half needs: the door for what comes, the log for what is written later. The columns whose value
-- says nothing about the row are constants.
CREATE OR REPLACE FUNCTION confiture._half_equip_statements(p confiture.transition_table, schema name, constants jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys text := confiture._transition_key_columns(p.source, p.source_key);
    log_key text[] := confiture._transition_log_key(p);
    key_names text := array_to_string(log_key, ', ');
    owner name := confiture._transition_owner(p.source);
    -- What the keys that were taken stand for: in the snapshot in which they were taken; behind a fence, now.
    -- Without those that this transaction has had already: _half_taken(), by the owner, who may not call it.
    rows text := format('SELECT g.*, %s FROM (SELECT DISTINCT %s FROM %I.taken_%s WHERE k1 IS NOT NULL'
        ' AND batch > coalesce(nullif(current_setting(''confiture_take.seen_%s'', true), '''')::bigint, 0)) AS g'
        ' LEFT JOIN ONLY %s AS t ON %s',
        confiture._transition_columns(p.source, 't'), key_names, schema, p.id, p.transition, confiture._relation_name(p.source),
        confiture._transition_same_key(log_key, 'g', p.source_key, 't'));
BEGIN
    -- Without the lengths of types: what is too long is told by the row for which it is computed behind the door.
    RETURN QUERY SELECT format('CREATE TABLE %I.shape_%s (%s, confiture_what "char", PRIMARY KEY (%s))', schema, p.id,
        (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, -1)), ', ' ORDER BY a.attnum)
         FROM pg_attribute AS a WHERE a.attrelid = p.source AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
        (SELECT string_agg(quote_ident(k), ', ') FROM unnest(p.source_key) AS k));
    RETURN QUERY SELECT format('CREATE VIEW %1$I.door_%2$s AS SELECT * FROM %1$I.shape_%2$s', schema, p.id);
    RETURN QUERY SELECT format('CREATE TRIGGER confiture_transition_door INSTEAD OF INSERT ON %I.door_%s'
        ' FOR EACH ROW EXECUTE FUNCTION confiture._transition_door(%s)', schema, p.id,
        (SELECT string_agg(quote_literal(c.name), ', ' ORDER BY c.n)
         FROM (SELECT p.id::text, 0::bigint UNION ALL SELECT e.name, e.n FROM jsonb_array_elements_text(constants) WITH ORDINALITY AS e (name, n)) AS c (name, n)));
    RETURN QUERY SELECT format('CREATE TABLE %I.log_%s (%s)', schema, p.id, keys);
    RETURN QUERY SELECT format('CREATE TABLE %I.taken_%s (batch bigint NOT NULL, %s)', schema, p.id, keys);
    -- Columns by their places: the source's stand-in has not had those that were dropped here.
    RETURN QUERY SELECT format('CREATE VIEW %I.%s_%s AS SELECT r.* FROM confiture._as_owner(%L::regclass, %L, %L) AS r (%s, %s)', schema, v.name, p.id,
            confiture._relation_name(p.source), rows, v.mode, keys,
            (SELECT string_agg(format('c%s %s', c.place, c.type), ', ' ORDER BY c.place) FROM confiture._half_places(p.source) AS c))
        FROM (VALUES ('pull', 'read'), ('fenced', 'latest')) AS v (name, mode);
    RETURN QUERY SELECT format('ALTER TABLE %I.log_%s REPLICA IDENTITY FULL', schema, p.id);
    RETURN QUERY SELECT format('ALTER TABLE %I.taken_%s REPLICA IDENTITY FULL', schema, p.id);
    -- The trigger of the capture runs as the owner of the table that is written.
    RETURN QUERY SELECT confiture._remote_give(schema, format('%I.log_%s', schema, p.id), owner);
    RETURN QUERY SELECT format('GRANT SELECT ON %I.taken_%s TO %I', schema, p.id, owner);
END
$$;

-- Makes it.
CREATE OR REPLACE FUNCTION confiture._half_equip(p confiture.transition_table, schema name, constants jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._transition_execute(ARRAY(SELECT confiture._half_equip_statements(p, schema, constants)));
    UPDATE confiture.transition_table AS r
    SET target = to_regclass(format('%I.shape_%s', schema, p.id)), log = to_regclass(format('%I.log_%s', schema, p.id))
    WHERE r.id = p.id;
END
$$;

-- Command capture: nobody writes the tables but through the doors; indexes and foreign keys go.
CREATE OR REPLACE FUNCTION confiture._half_capture(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument);
    schema name := confiture._remote_schema(t.id);
    problems jsonb;
    p confiture.transition_table;
BEGIN
    IF t.state = 'planned' THEN
        problems := confiture._half_problems_json(t);
        IF problems <> '[]' THEN
            RETURN jsonb_build_object('problems', problems);
        END IF;
        PERFORM confiture._half_lock(t);
    ELSIF t.state <> 'captured' THEN
        RAISE EXCEPTION 'the target''s half of transition % is %', quote_literal(t.name), t.state USING ERRCODE = 'CF031';
    END IF;
    -- A capture that the source did not hear of leaves nothing that counts.
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', schema);
    EXECUTE format('CREATE SCHEMA %I', schema);
    UPDATE confiture.transition_table AS r
    SET source_key = ARRAY(SELECT jsonb_array_elements_text(k.key)), target_key = ARRAY(SELECT jsonb_array_elements_text(k.key)), target = r.source
    FROM jsonb_to_recordset(argument -> 'tables') AS k (half integer, key jsonb)
    WHERE r.id = k.half AND r.transition = t.id;
    FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
        PERFORM confiture._half_equip(p, schema, (SELECT k.constants FROM jsonb_to_recordset(argument -> 'tables') AS k (half integer, constants jsonb) WHERE k.half = p.id));
        PERFORM confiture._transition_set_triggers(p.id, p.source, 'guard');
    END LOOP;
    IF t.state = 'planned' THEN
        -- Foreign keys among the targets go before the unique indexes that they need.
        FOR p IN SELECT r.* FROM confiture.transition_table AS r WHERE r.transition = t.id ORDER BY r.ordinal LOOP
            p := confiture._half_own(p);
            PERFORM confiture._transition_strip(p);
        END LOOP;
        PERFORM confiture._transition_set_state(t.id, 'captured');
    END IF;
    RETURN jsonb_build_object('problems', '[]'::jsonb);
END
$$;

-- The pair that a command is for.
CREATE OR REPLACE FUNCTION confiture._half_pair(argument jsonb) RETURNS confiture.transition_table
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument);
    p confiture.transition_table;
BEGIN
    SELECT r.* INTO STRICT p FROM confiture.transition_table AS r
    WHERE r.transition = t.id AND r.id = (argument ->> 'half')::integer;
    RETURN p;
END
$$;

-- Command index: secondary indexes come back, and statistics are taken.
CREATE OR REPLACE FUNCTION confiture._half_index(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p confiture.transition_table := confiture._half_pair(argument);
BEGIN
    IF NOT p.indexed THEN
        p := confiture._half_own(p);
        PERFORM confiture._transition_index(p);
        EXECUTE format('ANALYZE %s', confiture._relation_name(p.source));
    END IF;
    RETURN '{}';
END
$$;

-- Command mirror: the foreign keys come back, not yet checked.
CREATE OR REPLACE FUNCTION confiture._half_mirror(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument);
    fk record;
BEGIN
    FOR fk IN SELECT p.source, f.*
            FROM confiture.transition_table AS p, jsonb_to_recordset(p.foreign_keys) AS f (name text, definition text, comment text)
            WHERE p.transition = t.id ORDER BY p.ordinal, f.name LOOP
        PERFORM confiture._transition_refer(fk.source, fk.name, confiture._transition_unchecked(fk.definition), fk.comment);
    END LOOP;
    UPDATE confiture.transition_table AS p SET foreign_keys = '[]' WHERE p.transition = t.id;
    PERFORM confiture._transition_set_state(t.id, 'mirrored') WHERE t.state = 'captured';
    RETURN '{}';
END
$$;

-- Command check: the foreign keys are checked.
CREATE OR REPLACE FUNCTION confiture._half_check(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._half_get(argument);
    fk record;
BEGIN
    FOR fk IN SELECT o.conname, o.conrelid FROM pg_constraint AS o JOIN confiture.transition_table AS p ON p.source = o.conrelid
            WHERE p.transition = t.id AND o.contype = 'f' AND NOT o.convalidated ORDER BY p.ordinal, o.conname LOOP
        PERFORM confiture._do_as_owner(fk.conrelid, format('ALTER TABLE %s VALIDATE CONSTRAINT %I', confiture._relation_name(fk.conrelid), fk.conname));
    END LOOP;
    RETURN '{}';
END
$$;

-- Command digest: how many rows a range of keys has, and what they are.
CREATE OR REPLACE FUNCTION confiture._half_digest(argument jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET timezone = 'UTC'
SET row_security = off
AS $$
DECLARE
    p confiture.transition_table := confiture._half_pair(argument);
    result record;
BEGIN
    SELECT d.* INTO result FROM confiture._digest_as_owner(p.source, format('SELECT %s FROM ONLY %s AS target WHERE %s',
        confiture._remote_digest_columns(p.source, 'target', ARRAY(SELECT jsonb_array_elements_text(argument -> 'columns'))),
        confiture._relation_name(p.source),
        confiture._transition_range(p, p.source_key, 'target',
            (SELECT array_agg(e) FROM jsonb_array_elements_text(nullif(argument -> 'lower', 'null')) AS e),
            (SELECT array_agg(e) FROM jsonb_array_elements_text(nullif(argument -> 'upper', 'null')) AS e))), (argument ->> 'latest')::boolean) AS d;
    RETURN jsonb_build_object('rows', result.row_count, 'digest', result.digest::text);
END
$$;

-- Tells whether a type is known by a number that is the server's own.
CREATE OR REPLACE FUNCTION confiture._remote_as_text(type oid) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.typnamespace <> 'pg_catalog'::regnamespace FROM pg_type AS b WHERE b.oid = confiture._base_type(type)
$$;

-- Columns as they are digested on both sides: what is known by a number of the server, by its name.
CREATE OR REPLACE FUNCTION confiture._remote_digest_columns(relation oid, alias text, names text[]) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format(CASE WHEN confiture._remote_as_text(a.atttypid) THEN '%s.%I::text' ELSE '%s.%I' END, alias, a.attname), ', ' ORDER BY n.ordinal)
    FROM unnest(names) WITH ORDINALITY AS n (name, ordinal)
    JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = n.name AND NOT a.attisdropped
$$;
