-- Transitions: what all steps share.

CREATE OR REPLACE FUNCTION confiture._transition_trigger() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_transition_trigger';

CREATE OR REPLACE FUNCTION confiture._transition_fill(pair integer, back boolean, query text, mode text) RETURNS bigint
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'confiture_transition_fill';

-- As the owner of whose, or of the relation.
CREATE OR REPLACE FUNCTION confiture._transition_expression(
    relation regclass, alias text, expression text, type oid, typmod integer, whose regclass DEFAULT NULL) RETURNS boolean
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'confiture_transition_expression';

-- What is not ours is run as the owner of a table, whoever moves a transition on, who must have the owner's rights: in a
-- security-restricted operation, that finds nothing by a search_path. The rows of a query, that reads in our snapshot, or,
-- in the modes write and latest, changes something, and sees what is committed when it begins (latest: under REPEATABLE READ too);
CREATE OR REPLACE FUNCTION confiture._as_owner(relation oid, query text, mode text DEFAULT 'read') RETURNS SETOF record
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'confiture_as_owner';

-- how many rows a statement writes;
CREATE OR REPLACE FUNCTION confiture._do_as_owner(relation oid, statement text) RETURNS bigint
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'confiture_do_as_owner';

-- how many rows a query has, and their digest: in our snapshot, or with what is committed now.
CREATE OR REPLACE FUNCTION confiture._digest_as_owner(
    relation oid, query text, latest boolean DEFAULT false, OUT row_count bigint, OUT digest bigint)
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'confiture_digest_as_owner';

CREATE OR REPLACE FUNCTION confiture._transition_older_snapshots(xid xid8) RETURNS integer[]
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'confiture_transition_older_snapshots';

CREATE OR REPLACE FUNCTION confiture._free_bytes() RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_free_bytes';

-- That of one row: two servers that do not find the same can't be compared.
CREATE OR REPLACE FUNCTION confiture._digest_row(one_row record) RETURNS bigint
LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'confiture_digest_row';

-- The name of a relation as it is now, quoted and qualified.
CREATE OR REPLACE FUNCTION confiture._relation_name(relation oid) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%I.%I', n.nspname, c.relname)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation
$$;

-- Finds a transition by its name: the live one, else the last one.
CREATE OR REPLACE FUNCTION confiture._transition_get(name text) RETURNS confiture.transition
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
BEGIN
    SELECT r.* INTO t FROM confiture.transition AS r WHERE r.name = _transition_get.name
    ORDER BY r.live DESC, r.id DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no transition %', coalesce(quote_literal(name), 'NULL')
            USING ERRCODE = 'CF034', HINT = 'SELECT * FROM confiture.transition_list() shows them.';
    END IF;
    RETURN t;
END
$$;

-- Raises an error when a table of a transition was dropped, and says how to get out. May lack: source, target, or both.
CREATE OR REPLACE FUNCTION confiture._transition_check_there(transition integer, may_lack text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
    gone record;
BEGIN
    SELECT r.* INTO t FROM confiture.transition AS r WHERE r.id = _transition_check_there.transition;
    SELECT string_agg(DISTINCT g.name, ', ') AS names, bool_or(g.what = 'target') AS target INTO gone
    FROM confiture.transition_table AS p
    CROSS JOIN LATERAL (VALUES ('source', p.source::oid, p.source_name), ('target', p.target, p.target_name),
        ('log', p.log, 'the change log of ' || p.source_name)) AS g (what, oid, name)
    WHERE p.transition = t.id AND t.live AND t.state <> 'aborting' AND g.what <> coalesce(may_lack, '') AND coalesce(may_lack, '') <> 'both'
        -- When both sides are mirrored nobody needs a log, but on the way to another server.
        AND (g.what <> 'log' OR t.state IN ('captured', 'copying', 'catching_up') OR confiture._transition_is_remote(t.id))
        AND g.oid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = g.oid);
    IF gone.names IS NOT NULL THEN
        RAISE EXCEPTION 'transition % needs what was dropped: %', quote_literal(t.name), gone.names USING ERRCODE = 'CF030',
            DETAIL = 'The names are those of its beginning.',
            HINT = CASE WHEN t.state <> 'cut_over' THEN format('SELECT confiture.transition_abort(%L) ends it: then the other tables can be written again.', t.name)
                WHEN gone.target THEN format('SELECT confiture.transition_rollback(%L) brings the old tables back.', t.name)
                ELSE format('SELECT confiture.transition_contract(%L) ends it: then the new tables can be written again.', t.name) END;
    END IF;
END
$$;

-- Raises an error where nothing can be written, or what others have written meanwhile would not be seen.
CREATE OR REPLACE FUNCTION confiture._transition_check_transaction() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM confiture._check_writable('transitions');
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'a transition is moved in READ COMMITTED transactions only'
            USING ERRCODE = 'feature_not_supported', HINT = 'Its steps must see what others have written meanwhile.';
    END IF;
END
$$;

-- Finds it, keeps every other session from moving it, and checks its state, and that its tables are there.
CREATE OR REPLACE FUNCTION confiture._transition_take(name text, allowed text[], may_lack text DEFAULT NULL) RETURNS confiture.transition
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition;
BEGIN
    PERFORM confiture._transition_check_transaction();
    t := confiture._transition_get(name);
    PERFORM confiture._half_refuse(t);
    -- Workers that copy hold the advisory lock for the time of a chunk, and may just be ending. The row is not locked for
    -- them: its options may be changed meanwhile, and rows that refer to it are written.
    FOR attempt IN 1 .. 50 LOOP
        BEGIN
            IF pg_try_advisory_xact_lock(1668247123, t.id) THEN
                SELECT r.* INTO t FROM confiture.transition AS r WHERE r.id = t.id FOR NO KEY UPDATE NOWAIT;
                EXIT;
            END IF;
            RAISE lock_not_available;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = 50 THEN
                RAISE EXCEPTION 'another session is at work on transition %', quote_literal(name)
                    USING ERRCODE = 'CF037',
                    HINT = 'Wait until it has ended: pg_stat_activity shows it; confiture.transition_stop() ends background workers.';
            END IF;
        END;
        PERFORM pg_sleep(0.02);
    END LOOP;
    IF t.state <> ALL (allowed) THEN
        RAISE EXCEPTION 'transition % is %: this step needs %', quote_literal(name), t.state,
                array_to_string(allowed, ' or ')
            USING ERRCODE = 'CF031', HINT = confiture._transition_next(t.state);
    END IF;
    PERFORM confiture._transition_check_there(t.id, may_lack);
    RETURN t;
END
$$;

-- The owner of a relation.
CREATE OR REPLACE FUNCTION confiture._transition_owner(relation oid) RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = relation
$$;

-- Runs statements, those of a plan for example, one after the other.
CREATE OR REPLACE FUNCTION confiture._transition_execute(statements text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY statements LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

-- What can be done next, for a HINT.
CREATE OR REPLACE FUNCTION confiture._transition_next(state text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE state
        WHEN 'planned' THEN 'Next: confiture.transition_capture(), or CALL confiture.transition_run().'
        WHEN 'captured' THEN 'Next: confiture.transition_copy(), or CALL confiture.transition_run().'
        WHEN 'copying' THEN 'Next: confiture.transition_copy(), or CALL confiture.transition_run().'
        WHEN 'catching_up' THEN 'Next: confiture.transition_catch_up(), then confiture.transition_mirror().'
        WHEN 'mirrored' THEN 'Next: confiture.transition_validate().'
        WHEN 'validated' THEN 'Next: confiture.transition_cutover().'
        WHEN 'cut_over' THEN 'Next: confiture.transition_contract(), or confiture.transition_rollback().'
        WHEN 'rolled_back' THEN 'Next: confiture.transition_validate(), or confiture.transition_abort().'
        WHEN 'aborting' THEN 'Next: confiture.transition_abort() again, or confiture.transition_start(), for the rest.'
        ELSE 'It has ended: create another one.' END
$$;

CREATE OR REPLACE FUNCTION confiture._transition_set_state(transition integer, state text) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE confiture.transition AS t
    SET state = _transition_set_state.state, changed_at = clock_timestamp(), failure = NULL
    WHERE t.id = transition
$$;

-- How many rows the planner expects in a table: of its size now, also when it was never analyzed.
CREATE OR REPLACE FUNCTION confiture._transition_estimate_rows(relation oid) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plan json;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND c.relkind = 'r' AND pg_has_role(c.relowner, 'USAGE')
            AND has_table_privilege(c.relowner, c.oid, 'SELECT') AND has_schema_privilege(c.relowner, c.relnamespace, 'USAGE')) THEN
        RETURN 0;  -- refused, and named, by what follows
    END IF;
    SELECT e.plan INTO plan FROM confiture._as_owner(relation,
        format('EXPLAIN (FORMAT json) SELECT FROM ONLY %s', confiture._relation_name(relation)), 'write') AS e (plan json);
    RETURN (plan #>> '{0,Plan,Plan Rows}')::bigint;
END
$$;

-- The columns of a table, but dropped ones, in their order: alias.a, alias.b.
CREATE OR REPLACE FUNCTION confiture._transition_columns(relation oid, alias text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('%s.%I', alias, a.attname), ', ' ORDER BY a.attnum)
    FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
$$;

-- The columns of a key: alias.a, alias.b, with something behind each.
CREATE OR REPLACE FUNCTION confiture._transition_key(key text[], alias text, suffix text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('%s.%I%s', alias, k.name, suffix), ', ' ORDER BY k.ordinal)
    FROM unnest(key) WITH ORDINALITY AS k (name, ordinal)
$$;

-- a.k1 = b.k1 AND a.k2 = b.k2
CREATE OR REPLACE FUNCTION confiture._transition_same_key(
    one_key text[], one text, other_key text[], other text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('%s.%I OPERATOR(pg_catalog.=) %s.%I', one, k.a, other, k.b), ' AND ')
    FROM unnest(one_key, other_key) AS k (a, b)
$$;

-- The names of the key's columns in change logs.
CREATE OR REPLACE FUNCTION confiture._transition_log_key(p confiture.transition_table) RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg('k' || k ORDER BY k) FROM generate_subscripts(p.source_key, 1) AS k
$$;

-- The condition for the keys behind lower, up to upper.
CREATE OR REPLACE FUNCTION confiture._transition_range(
    p confiture.transition_table, key text[], alias text, lower text[], upper text[]) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text := confiture._transition_key(key, alias);
    types text[];
BEGIN
    SELECT array_agg(format_type(confiture._base_type(a.atttypid), -1) ORDER BY k.ordinal) INTO types
    FROM unnest(p.source_key) WITH ORDINALITY AS k (name, ordinal)
    JOIN pg_attribute AS a ON a.attrelid = p.source AND a.attname = k.name;
    RETURN concat_ws(' AND ', 'true',
        CASE WHEN lower IS NOT NULL THEN format('ROW(%s) > ROW(%s)', columns,
            (SELECT string_agg(format('%L::%s', v.value, v.type), ', ' ORDER BY v.ordinal)
             FROM unnest(lower, types) WITH ORDINALITY AS v (value, type, ordinal))) END,
        CASE WHEN upper IS NOT NULL THEN format('ROW(%s) <= ROW(%s)', columns,
            (SELECT string_agg(format('%L::%s', v.value, v.type), ', ' ORDER BY v.ordinal)
             FROM unnest(upper, types) WITH ORDINALITY AS v (value, type, ordinal))) END);
END
$$;

-- The key of the last of so many rows of a source behind lower, as text; NULL: there are fewer. Its callers have
-- the settings by which text is read back as the same value.
CREATE OR REPLACE FUNCTION confiture._transition_bound(p confiture.transition_table, lower text[], rows bigint) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT b.upper FROM confiture._as_owner(p.source, format('SELECT ARRAY[%s] FROM ONLY %s AS source WHERE %s ORDER BY %s OFFSET %s LIMIT 1',
        confiture._transition_key(p.source_key, 'source', '::text'), confiture._relation_name(p.source),
        confiture._transition_range(p, p.source_key, 'source', lower, NULL),
        confiture._transition_key(p.source_key, 'source'), rows - 1)) AS b (upper text[]));
END
$$;

-- The type below all domains.
CREATE OR REPLACE FUNCTION confiture._base_type(type oid) RETURNS oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE below AS (
        SELECT t.oid, t.typbasetype FROM pg_type AS t WHERE t.oid = type
        UNION ALL
        SELECT t.oid, t.typbasetype FROM below AS b JOIN pg_type AS t ON t.oid = b.typbasetype
    )
    SELECT b.oid FROM below AS b WHERE b.typbasetype = 0
$$;

-- The columns of a table that holds keys: k1 bigint, k2 text; with their collations, where their order counts.
CREATE OR REPLACE FUNCTION confiture._transition_key_columns(relation oid, key text[], collated boolean DEFAULT false) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('k%s %s%s', k.ordinal, format_type(confiture._base_type(a.atttypid),
            CASE WHEN a.atttypid = confiture._base_type(a.atttypid) THEN a.atttypmod ELSE -1 END),
            CASE WHEN collated AND o.oid IS NOT NULL THEN format(' COLLATE %I.%I', n.nspname, o.collname) END), ', ' ORDER BY k.ordinal)
    FROM unnest(key) WITH ORDINALITY AS k (name, ordinal)
    JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = k.name
    LEFT JOIN pg_collation AS o ON o.oid = a.attcollation
    LEFT JOIN pg_namespace AS n ON n.oid = o.collnamespace
$$;

-- The sequence that fills a column: of an identity, or of a default.
CREATE OR REPLACE FUNCTION confiture._transition_sequence(relation oid, attnum smallint) RETURNS oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.oid FROM pg_depend AS d
    JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'i'
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.refobjsubid = attnum
    UNION ALL
    SELECT s.oid FROM pg_attrdef AS f
    JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class AS s ON s.oid = d.refobjid AND s.relkind = 'S'
    WHERE f.adrelid = relation AND f.adnum = attnum
    LIMIT 1
$$;

-- Who holds a lock on the tables of a transition that is in the way of a lock on both.
CREATE OR REPLACE FUNCTION confiture._transition_blockers(transition integer, only_writers boolean) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_agg(jsonb_build_object(
            'pid', l.pid, 'user', coalesce(a.usename, x.owner), 'application_name', a.application_name,
            'relation', confiture._relation_name(l.relation), 'mode', l.mode, 'state', a.state, 'prepared', x.gid,
            'xact_seconds', round(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, x.prepared))::numeric, 1))
        ORDER BY coalesce(a.xact_start, x.prepared), l.pid, l.relation, l.mode)
    FROM (SELECT DISTINCT r.oid FROM confiture.transition_table AS p, LATERAL (VALUES (p.source), (p.target)) AS r (oid)
        WHERE p.transition = _transition_blockers.transition) AS p
    JOIN pg_locks AS l ON l.locktype = 'relation' AND l.granted AND l.relation = p.oid
    LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
    -- A prepared transaction has no process; it holds a lock on itself.
    LEFT JOIN LATERAL (SELECT r.* FROM pg_locks AS m JOIN pg_prepared_xacts AS r ON r.transaction = m.transactionid
        WHERE l.pid IS NULL AND m.pid IS NULL AND m.locktype = 'transactionid' AND m.virtualtransaction = l.virtualtransaction) AS x ON true
    WHERE l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        AND l.pid IS DISTINCT FROM pg_backend_pid()
        AND NOT (only_writers AND l.mode IN ('AccessShareLock', 'RowShareLock'))
$$;

-- The same in words.
CREATE OR REPLACE FUNCTION confiture._transition_blockers_text(blockers jsonb) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(CASE WHEN b ->> 'pid' IS NULL THEN format('Prepared transaction %s (role %s) holds %s on %s, for %s s: COMMIT PREPARED or ROLLBACK PREPARED.',
            coalesce(quote_literal(b ->> 'prepared'), '?'), coalesce(b ->> 'user', '?'), b ->> 'mode', b ->> 'relation', b ->> 'xact_seconds')
        ELSE format('Process %s (role %s%s) holds %s on %s%s.', b ->> 'pid', coalesce(b ->> 'user', '?'),
            ', application ' || nullif(b ->> 'application_name', ''), b ->> 'mode', b ->> 'relation',
            ', ' || (b ->> 'state') || ' for ' || (b ->> 'xact_seconds') || ' s') END, E'\n')
    FROM jsonb_array_elements(blockers) AS b
$$;

-- Runs one of our functions, if any, under locks on all tables of a transition. Waits for each of them no
-- longer than option lock_timeout, gives everything back and tries again, option lock_retries times.
--
-- They are locked as writers lock them: first the side that is written, then the one that mirrors it. Where either
-- side may be written no order is right: whoever has just begun on the other side waits for what we hold, and we for
-- them. Waiting is no use then; what it takes is a moment at which nobody has just begun there. So a try that has got
-- the first lock, but not all, is repeated at once, each side being the first in turn, with so little patience for the
-- other locks that nobody is held up for long.
CREATE OR REPLACE FUNCTION confiture._transition_locked(t confiture.transition, mode text, work text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = 0
SET row_security = off
AS $$
DECLARE
    retries integer := (t.options ->> 'lock_retries')::integer;
    either_side boolean := t.state IN ('mirrored', 'validated', 'cut_over', 'rolled_back');
    target_first boolean := t.state = 'cut_over';
    timeout interval := (t.options ->> 'lock_timeout')::interval;
    -- All of them together: soon enough that the server does not end one who waits for us, or whom we wait for.
    altogether interval := greatest(timeout, current_setting('deadlock_timeout')::interval / 2);
    began timestamptz;
    until timestamptz;
    patience interval;
    tables text[];
    missed text;
    missed_before text;
    blockers text;
    told text;
BEGIN
    FOR attempt IN 0 .. retries LOOP
        began := clock_timestamp();
        patience := timeout;
        missed := NULL;
        LOOP
            missed_before := missed;
            missed := NULL;
            tables := ARRAY(SELECT confiture._relation_name(r.oid)
                FROM confiture.transition_table AS p, LATERAL (VALUES (false, p.source), (true, p.target)) AS r (is_target, oid)
                WHERE p.transition = t.id AND mode IS NOT NULL AND confiture._relation_name(r.oid) IS NOT NULL
                GROUP BY r.oid, r.is_target ORDER BY r.is_target <> target_first, min(p.ordinal));
            until := clock_timestamp() + altogether;
            BEGIN
                FOREACH missed IN ARRAY tables LOOP
                    PERFORM set_config('lock_timeout', greatest(1, extract(epoch FROM least(until - clock_timestamp(),
                        CASE missed WHEN tables[1] THEN timeout ELSE patience END)) * 1000)::integer::text, true);
                    EXECUTE format('LOCK TABLE %s IN %s MODE', missed, mode);
                END LOOP;
                missed := NULL;
                PERFORM set_config('lock_timeout', t.options ->> 'lock_timeout', true);
                IF work IS NOT NULL THEN
                    EXECUTE format('SELECT confiture.%I($1)', work) USING t;
                END IF;
                RETURN;
            EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                GET STACKED DIAGNOSTICS told = PG_EXCEPTION_HINT;
            END;
            -- The first one was not to be had, or one is missed in either order: somebody holds it for longer.
            EXIT WHEN NOT either_side OR missed IS NULL OR missed IN (tables[1], missed_before)
                OR clock_timestamp() > began + 10 * timeout;
            target_first := NOT target_first;
            patience := least(timeout, interval '5 ms');
            PERFORM pg_sleep(0.003 + random() * 0.01);
        END LOOP;
        PERFORM pg_stat_clear_snapshot();
        blockers := coalesce(nullif(told, ''), confiture._transition_blockers_text(
            confiture._transition_blockers(t.id, coalesce(mode = 'SHARE ROW EXCLUSIVE', false))), blockers);
        target_first := target_first <> either_side;
        IF attempt < retries THEN
            PERFORM pg_sleep(least(0.02 * 2 ^ least(attempt, 6), 1) * (0.5 + random() / 2));
        END IF;
    END LOOP;
    RAISE EXCEPTION 'the tables of transition % could not be locked in % tries of %', quote_literal(t.name),
            retries + 1, t.options ->> 'lock_timeout'
        USING ERRCODE = 'CF036', DETAIL = coalesce(blockers, 'Nobody was seen holding them for long.'),
        HINT = 'Nothing was changed: end those sessions, or raise lock_retries in the options, and repeat the step.';
END
$$;
