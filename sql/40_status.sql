-- The state of migrations: in which order, how far.

-- Every version that is registered or applied, dependencies first.
CREATE OR REPLACE FUNCTION confiture._order()
RETURNS TABLE (version text, ordinal integer, problem text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH edge AS MATERIALIZED (
        SELECT m.version AS dependent, needed.version AS dependency
        FROM confiture.migration AS m
        CROSS JOIN unnest(m.depends_on) AS needed (version)
        -- what an applied migration needed does not matter any more
        WHERE NOT EXISTS (SELECT FROM confiture.tb_confiture AS t WHERE t.version = m.version)
    )
    SELECT o.version, o.ordinal, o.problem
    FROM confiture._migration_order(
        ARRAY(SELECT m.version FROM confiture.migration AS m
              UNION
              SELECT t.version FROM confiture.tb_confiture AS t),
        ARRAY(SELECT dependent FROM edge ORDER BY dependent, dependency),
        ARRAY(SELECT dependency FROM edge ORDER BY dependent, dependency)) AS o
$$;

CREATE OR REPLACE FUNCTION confiture._state()
RETURNS TABLE (
    ordinal integer, version text, name text, state text, problem text, out_of_order boolean,
    applied_position bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.ordinal, o.version, coalesce(m.name, t.name),
        CASE
            WHEN t.version IS NOT NULL AND m.version IS NULL THEN 'orphaned'
            WHEN t.checksum <> m.checksum THEN 'modified'
            WHEN t.version IS NOT NULL THEN 'applied'
            WHEN o.problem IS NOT NULL THEN 'blocked'
            ELSE 'pending'
        END,
        CASE WHEN t.version IS NULL THEN coalesce(o.problem,
            (SELECT format('stopped after statement %s', p.statements_done)
                || CASE WHEN p.started IS NOT NULL THEN format(', statement %s (%s) is in doubt', p.started, p.started_command) ELSE '' END
             FROM confiture.migration_progress AS p
             WHERE p.version = o.version AND p.direction = 'up' AND (p.statements_done > 0 OR p.started IS NOT NULL)))
        END,
        t.version IS NULL AND o.ordinal < max(o.ordinal) FILTER (WHERE t.version IS NOT NULL) OVER (),
        t.position
    FROM confiture._order() AS o
    LEFT JOIN confiture.migration AS m ON m.version = o.version
    LEFT JOIN confiture.tb_confiture AS t ON t.version = o.version
$$;

-- Whether a script of unknown quality runs in a transaction; NULL: it can't be parsed.
CREATE OR REPLACE FUNCTION confiture._is_transactional(script text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT i.top_level_line IS NULL FROM confiture._inspect(script, 'script') AS i);
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION confiture.migrate_status()
RETURNS TABLE (
    version text, name text, state text, applied_at timestamptz, execution_time_ms integer,
    checksum_ok boolean, depends_on text[], out_of_order boolean, language text,
    reversible boolean, transactional boolean, applied_by name, problem text, intent text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.version, s.name, s.state, t.applied_at, t.execution_time_ms,
        t.checksum = m.checksum, coalesce(m.depends_on, '{}'), coalesce(s.out_of_order, false), m.language,
        m.down IS NOT NULL OR m.language = 'python',
        CASE
            WHEN m.language = 'python' THEN true
            WHEN m.transaction IS FALSE THEN false
            WHEN t.version IS NULL THEN confiture._is_transactional(m.up)
        END,
        t.applied_by, s.problem, m.intent
    FROM confiture._state() AS s
    LEFT JOIN confiture.migration AS m ON m.version = s.version
    LEFT JOIN confiture.tb_confiture AS t ON t.version = s.version
    ORDER BY s.applied_position, s.ordinal
$$;
COMMENT ON FUNCTION confiture.migrate_status() IS
'State of every migration that is registered or applied: the applied ones in the order in which they ran, then the others in the order in which they would.
Columns: version, name; state: applied, pending, blocked (a dependency is missing; problem says which), modified (applied, but the registered text is another), orphaned (applied, but no longer registered); applied_at, execution_time_ms; checksum_ok, NULL unless applied and registered; depends_on; out_of_order, pending although a later one is applied; language; reversible, there is a way back; transactional, false when it does not run in one transaction, NULL when it is applied or can''t be parsed; applied_by; problem, why it is blocked, or how far an unfinished one has come; intent, the one that it carries out, as its header says.
Example: SELECT version, name, state FROM confiture.migrate_status();';

-- Says what a run of migrations would do, or why it can't: the one place that decides.
CREATE OR REPLACE FUNCTION confiture._plan(way text, target text, steps integer)
RETURNS TABLE (
    ordinal integer, version text, name text, direction text, language text,
    transactional boolean, out_of_order boolean, statements integer)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    wanted_name text;
    wanted_ordinal integer;
    wanted_position bigint;
    step record;
    inspected record;
    label text;
    known text;
    planned text[] := '{}';
BEGIN
    IF way IS NULL OR way NOT IN ('up', 'down') THEN
        RAISE EXCEPTION 'direction must be up or down, not %', coalesce(quote_literal(way), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use ''up'' or ''down''.';
    END IF;
    IF steps < 0 THEN
        RAISE EXCEPTION 'steps must not be negative' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give how many migrations to run at most.';
    END IF;
    IF target IS NOT NULL THEN
        SELECT s.name, s.ordinal, s.applied_position INTO wanted_name, wanted_ordinal, wanted_position
        FROM confiture._state() AS s WHERE s.version = target;
        IF NOT FOUND THEN
            SELECT string_agg(v, ', ') INTO known
            FROM (SELECT s.version AS v FROM confiture._state() AS s ORDER BY s.ordinal DESC LIMIT 5) AS last;
            RAISE EXCEPTION 'there is no migration %', quote_literal(target)
                USING ERRCODE = 'CF008', DETAIL = 'The last ones are: ' || coalesce(known, 'none') || '.',
                HINT = 'SELECT version, name, state FROM confiture.migrate_status() lists them.';
        END IF;
        IF way = 'down' AND wanted_position IS NULL THEN
            RAISE EXCEPTION 'migration % "%" is not applied: there is no way down to it', target, wanted_name
                USING ERRCODE = 'CF008', HINT = 'Choose an applied migration: it stays applied, the later ones are taken back.';
        END IF;
    END IF;

    ordinal := 0;
    IF way = 'up' THEN
        SELECT s.version, s.name, m.checksum AS now, t.checksum AS applied INTO step
        FROM confiture._state() AS s
        JOIN confiture.migration AS m ON m.version = s.version
        JOIN confiture.tb_confiture AS t ON t.version = s.version
        WHERE s.state = 'modified' ORDER BY s.ordinal LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'migration % "%" is applied and its text has changed', step.version, step.name
                USING ERRCODE = 'CF002',
                DETAIL = format('Applied with checksum %s, registered now with %s.', step.applied, step.now),
                HINT = 'Put the text back and write a new migration, or accept the change with SELECT confiture.set_checksum(version).';
        END IF;
    END IF;

    FOR step IN
        SELECT s.*, m.up, m.down, m.language, m.transaction, m.version IS NOT NULL AS registered
        FROM confiture._state() AS s
        LEFT JOIN confiture.migration AS m ON m.version = s.version
        WHERE CASE way
            WHEN 'up' THEN s.state IN ('pending', 'blocked')
                AND (target IS NULL OR s.ordinal <= wanted_ordinal)
            ELSE s.applied_position IS NOT NULL
                AND (target IS NULL OR s.applied_position > wanted_position)
            END
        ORDER BY CASE way WHEN 'up' THEN s.ordinal ELSE - s.applied_position END
        LIMIT steps
    LOOP
        IF step.state = 'blocked' THEN
            RAISE EXCEPTION 'migration % "%" is blocked', step.version, step.name
                USING ERRCODE = 'CF005', DETAIL = 'It ' || step.problem || '.',
                HINT = 'Register what it depends on, correct its depends_on, or choose a target before it.';
        END IF;
        IF step.out_of_order AND current_setting('confiture.out_of_order') = 'refuse' THEN
            RAISE EXCEPTION 'migration % "%" is older than one that is applied', step.version, step.name
                USING ERRCODE = 'CF006', DETAIL = 'confiture.out_of_order is refuse.',
                HINT = 'Give it a newer version, or SET confiture.out_of_order = ''allow''.';
        END IF;
        IF NOT step.registered THEN
            RAISE EXCEPTION 'migration % "%" can''t be taken back: it is no longer registered', step.version, step.name
                USING ERRCODE = 'CF007',
                HINT = 'Register it again with its down script, or SELECT confiture.forget(version) after undoing it by hand.';
        END IF;
        IF way = 'down' AND step.language = 'sql' AND step.down IS NULL THEN
            RAISE EXCEPTION 'migration % "%" has no way back', step.version, step.name
                USING ERRCODE = 'CF007', DETAIL = 'It was registered without a down script.',
                HINT = 'Register it again with one; the down script of an applied migration may be replaced.';
        END IF;

        IF way = 'down' THEN
            planned := planned || step.version;
            SELECT m.version INTO known
            FROM confiture.migration AS m JOIN confiture.tb_confiture AS t ON t.version = m.version
            WHERE step.version = ANY (m.depends_on) AND m.version <> ALL (planned) LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION 'migration % "%" can''t be taken back before %', step.version, step.name, known
                    USING ERRCODE = 'CF005', DETAIL = format('%s is applied and depends on it.', known),
                    HINT = 'Take that one back first.';
            END IF;
        END IF;

        ordinal := ordinal + 1;
        version := step.version;
        name := step.name;
        direction := way;
        language := step.language;
        out_of_order := way = 'up' AND coalesce(step.out_of_order, false);
        transactional := true;
        statements := NULL;
        IF language = 'sql' THEN
            label := format('migration %s "%s" (%s)', step.version, step.name, way);
            SELECT i.* INTO inspected
            FROM confiture._inspect(CASE way WHEN 'up' THEN step.up ELSE step.down END, label) AS i;
            statements := inspected.statements;
            transactional := step.transaction IS DISTINCT FROM false AND inspected.top_level_line IS NULL;
            IF transactional AND EXISTS (
                SELECT FROM confiture.migration_progress AS p
                WHERE p.version = step.version AND p.direction = way
                    AND (p.statements_done > 0 OR p.started IS NOT NULL))
            THEN
                RAISE EXCEPTION 'migration % "%" stopped half-way, and its text has changed since', step.version, step.name
                    USING ERRCODE = 'CF012',
                    DETAIL = 'It ran statement by statement then; the text given now would run from its start in one transaction.',
                    HINT = 'Put the text back; or undo by hand what it has done and SELECT confiture.forget(version) to start from its first statement.';
            END IF;
            IF step.transaction AND inspected.top_level_line IS NOT NULL THEN
                RAISE EXCEPTION 'migration % "%" says transaction=on, but % can''t run in a transaction block',
                    step.version, step.name, inspected.top_level_command
                    USING ERRCODE = 'CF004', DETAIL = format('It stands at line %s.', inspected.top_level_line),
                    HINT = 'Remove the directive.';
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- How errors and the log call a migration.
CREATE OR REPLACE FUNCTION confiture._label(version text, name text, direction text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('migration %s "%s" (%s)', version, name, direction)
$$;

-- The scripts of a planned run.
CREATE OR REPLACE FUNCTION confiture._plan_scripts(way text, target text, steps integer)
RETURNS TABLE (
    ordinal integer, version text, name text, language text, script text, label text, intent text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.ordinal, p.version, p.name, p.language,
        CASE WHEN way = 'up' OR p.language = 'python' THEN m.up ELSE m.down END,
        confiture._label(p.version, p.name, way), m.intent
    FROM confiture._plan(way, target, coalesce(steps, CASE WHEN way = 'down' AND target IS NULL THEN 1 END)) AS p
    JOIN confiture.migration AS m ON m.version = p.version
$$;

CREATE OR REPLACE FUNCTION confiture.migrate_plan(
    direction text DEFAULT 'up', target text DEFAULT NULL, steps integer DEFAULT NULL)
RETURNS TABLE (
    ordinal integer, version text, name text, direction text, transactional boolean,
    out_of_order boolean, statements integer)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.ordinal, p.version, p.name, p.direction, p.transactional, p.out_of_order, p.statements
    FROM confiture._plan(migrate_plan.direction, migrate_plan.target,
        coalesce(migrate_plan.steps, CASE WHEN migrate_plan.direction = 'down' AND migrate_plan.target IS NULL THEN 1 END)) AS p
$$;
COMMENT ON FUNCTION confiture.migrate_plan(text, text, integer) IS
'What a run of migrations would do, in order. Nothing runs; scripts are parsed.
Arguments: direction, up or down; target, the last version to apply (up), or the version to go back to, which stays applied (down); steps, how many at most (down without target: 1).
Columns: ordinal, version, name, direction, transactional (false: each statement in a transaction of its own), out_of_order, statements (NULL for Python).
Errors: CF002 an applied migration has changed; CF005 blocked; CF006 out of order; CF007 no way back; CF008 unknown target; CF009 transaction command; 42601 syntax error.
Example: SELECT * FROM confiture.migrate_plan();';
