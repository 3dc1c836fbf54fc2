-- Transitions to another server: what stands in the way of one.

-- What is wrong with the server itself, before anything is sent there.
CREATE OR REPLACE FUNCTION confiture._remote_check_server(server name) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known record;
BEGIN
    SELECT s.oid, s.srvname, w.fdwname INTO known FROM pg_foreign_server AS s JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
    WHERE s.srvname = server;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'server % does not exist', quote_ident(server) USING ERRCODE = 'undefined_object',
            HINT = 'CREATE EXTENSION postgres_fdw; CREATE SERVER ... FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host ..., dbname ...); CREATE USER MAPPING ....';
    ELSIF known.fdwname <> 'postgres_fdw' THEN
        RAISE EXCEPTION 'server % is of %, not of postgres_fdw', quote_ident(server), quote_ident(known.fdwname)
            USING ERRCODE = 'wrong_object_type', HINT = 'The target must be a PostgreSQL server.';
    ELSIF NOT has_server_privilege(server, 'USAGE') THEN
        RAISE EXCEPTION 'permission denied for server %', quote_ident(server) USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT USAGE ON FOREIGN SERVER %I TO %I.', server, current_user);
    ELSIF NOT EXISTS (SELECT FROM pg_user_mappings AS m WHERE m.srvid = known.oid AND m.umuser IN (0, current_user::regrole::oid)) THEN
        RAISE EXCEPTION 'there is no user mapping of % for server %', quote_ident(current_user), quote_ident(server)
            USING ERRCODE = 'undefined_object',
            HINT = format('CREATE USER MAPPING FOR %I SERVER %I OPTIONS (user ..., password ...).', current_user, server);
    END IF;
END
$$;

-- Asks the target who it is. What makes it unfit is an error of its own.
CREATE OR REPLACE FUNCTION confiture._remote_greet(t confiture.transition, server name) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here jsonb := confiture._remote_hello();
    there jsonb;
    wrong record;
    message text;
BEGIN
    BEGIN
        there := confiture._remote_call(t.id, 'hello');
    EXCEPTION WHEN undefined_table OR invalid_schema_name OR insufficient_privilege THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
        RAISE EXCEPTION 'Confiture can''t be used on server %: %', quote_ident(server), message USING ERRCODE = 'CF030',
            HINT = 'On the target: CREATE EXTENSION confiture, of the same version; SELECT confiture.grant_usage(role, ''migrator'') for the role of the user mapping.';
    END;
    SELECT v.* INTO wrong FROM (VALUES
        (there ->> 'started' = here ->> 'started' AND there ->> 'database' = here ->> 'database',
            'it leads back to this database', 'Leave server out: both schemas are in this database.'),
        (there ->> 'version' IS DISTINCT FROM here ->> 'version',
            format('it has Confiture %s, here is %s', there ->> 'version', here ->> 'version'), 'ALTER EXTENSION confiture UPDATE, where it is older.'),
        (there ->> 'encoding' <> here ->> 'encoding',
            format('its database is in %s, this one in %s', there ->> 'encoding', here ->> 'encoding'), 'Make the target database in the same encoding.'),
        ((there ->> 'recovery')::boolean OR there ->> 'read_only' = 'on', 'it can''t be written', 'Choose the primary.'),
        (there ->> 'digest' <> here ->> 'digest', 'values look different in its memory, so that they can''t be compared',
            'Use servers of the same architecture.')) AS v (wrong, problem, hint)
    WHERE v.wrong LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'server % can''t be the target: %', quote_ident(server), wrong.problem USING ERRCODE = 'CF030', HINT = wrong.hint;
    END IF;
    RETURN there;
END
$$;

-- What stands in the way, on both sides, as one error.
CREATE OR REPLACE FUNCTION confiture._remote_refuse(t confiture.transition, there jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r confiture.transition_remote;
    p record;
    problems text;
    advice text;
    count bigint;
BEGIN
    SELECT x.* INTO r FROM confiture.transition_remote AS x WHERE x.transition = t.id;
    WITH problem AS (
        SELECT x.relation, x.problem, x.hint, 1 AS side, x.n FROM confiture._transition_problems(t) WITH ORDINALITY AS x (relation, problem, hint, n)
        UNION ALL
        SELECT x.relation, x.problem, x.hint, 1, 1000 FROM confiture._remote_table_problems(t, r.server) AS x
        UNION ALL
        SELECT format('%s on server %I', x.relation, r.server), x.problem, x.hint, 2, 0
        FROM jsonb_to_recordset(there) AS x (relation text, problem text, hint text)
    )
    SELECT string_agg(format('%s: %s.', x.relation, rtrim(x.problem, '.')), E'\n' ORDER BY x.side, x.n),
        string_agg(DISTINCT x.hint, E'\n')
    INTO problems, advice FROM problem AS x;
    IF problems IS NULL THEN
        RETURN;
    END IF;
    -- A shape is told as what it stands for.
    FOR p IN SELECT confiture._relation_name(q.target) AS shape, format('%I.%I on server %I', m.target_schema, m.target_table, r.server) AS real
            FROM confiture.transition_table AS q JOIN confiture.transition_remote_table AS m ON m.pair = q.id
            WHERE q.transition = t.id ORDER BY q.id DESC LOOP
        problems := replace(problems, p.shape, p.real);
    END LOOP;
    -- What is wrong on both sides is told once.
    SELECT string_agg(l.line, E'\n' ORDER BY l.first), count(*) INTO problems, count
    FROM (SELECT x.line, min(x.n) AS first FROM string_to_table(problems, E'\n') WITH ORDINALITY AS x (line, n) GROUP BY x.line) AS l;
    PERFORM confiture._transition_refused(t, problems, advice, count);
END
$$;

-- What stands in the way only when the target is on another server.
CREATE OR REPLACE FUNCTION confiture._remote_table_problems(t confiture.transition, server name)
RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._relation_name(p.source), v.problem, v.hint
    FROM confiture.transition_table AS p
    JOIN pg_class AS c ON c.oid = p.source
    JOIN pg_foreign_server AS s ON s.srvname = server
    CROSS JOIN LATERAL (VALUES
        (c.relrowsecurity OR c.relforcerowsecurity, 'it has row security, which does not reach another server',
            'Leave the table where it is, or do without row security.'),
        (NOT EXISTS (SELECT FROM pg_user_mappings AS m WHERE m.srvid = s.oid AND m.umuser IN (0, c.relowner)),
            format('its owner %I has no user mapping for server %I', pg_get_userbyid(c.relowner), server),
            'CREATE USER MAPPING: after the cutover what is in its place works with the rights of its owner.'),
        (EXISTS (SELECT FROM confiture.transition_remote AS r JOIN pg_attribute AS a ON a.attrelid = p.source AND a.attname = ANY (p.source_key)
                JOIN pg_type AS y ON y.oid = confiture._base_type(a.atttypid)
                WHERE r.transition = t.id AND r.mode = 'synchronous' AND confiture._remote_as_text(y.oid) AND y.typtype <> 'e'),
            'its key is of a type that is not the server''s own, which mode synchronous can''t compare', 'Leave option mode out.'))
        AS v (wrong, problem, hint)
    WHERE p.transition = t.id AND v.wrong
    UNION ALL
    SELECT confiture._relation_name(p.target), x.problem, x.hint
    FROM confiture.transition_table AS p CROSS JOIN LATERAL confiture._remote_domains(p.target) AS x
    WHERE p.transition = t.id
$$;

-- Columns that can't tell of a row that has gone: all that is sent of it is its key, and NULL for the rest.
CREATE OR REPLACE FUNCTION confiture._remote_domains(relation oid) RETURNS TABLE (problem text, hint text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    col record;
BEGIN
    FOR col IN SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute AS a
            JOIN pg_type AS y ON y.oid = a.atttypid AND y.typtype = 'd'
            WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LOOP
        BEGIN
            EXECUTE format('SELECT NULL::%s', col.type);
        EXCEPTION WHEN not_null_violation OR check_violation THEN
            problem := format('column %I is of domain %s, which does not allow NULL', col.attname, col.type);
            hint := 'Let the domain allow NULL, and make the column NOT NULL instead.';
            RETURN NEXT;
        END;
    END LOOP;
END
$$;

-- Key columns whose text may be in another order on the target.
CREATE OR REPLACE FUNCTION confiture._remote_sorted_keys(t confiture.transition) RETURNS TABLE (relation text, problem text, hint text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._relation_name(p.source), format('key column %I may sort otherwise on the target', a.attname),
        'Give the key COLLATE "C", or use databases of the same collation and version.'
    FROM confiture.transition_table AS p
    CROSS JOIN LATERAL unnest(p.source_key) AS k (name)
    JOIN pg_attribute AS a ON a.attrelid = p.source AND a.attname = k.name
    JOIN pg_collation AS o ON o.oid = a.attcollation AND o.collname NOT IN ('C', 'POSIX')
    WHERE p.transition = t.id
$$;
