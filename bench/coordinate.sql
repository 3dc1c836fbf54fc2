-- What bench/coordinate.py calls. The procedures are made in databases without the extension, too: there only
-- those for tables and DDL are called.

CREATE SCHEMA bench;
CREATE TABLE bench.latency (what text NOT NULL, us double precision NOT NULL);

-- A schema of many tables. Every hundredth has a view, and the next one refers to it.
CREATE PROCEDURE bench.make_tables(number integer)
LANGUAGE plpgsql
AS $$
BEGIN
    FOR i IN 0 .. number - 1 LOOP
        CASE i % 100
            WHEN 0 THEN
                EXECUTE format('CREATE TABLE t%s (id integer PRIMARY KEY, code text, ref integer)', i);
                EXECUTE format('CREATE VIEW v%1$s AS SELECT id, code FROM t%1$s', i);
            WHEN 1 THEN
                EXECUTE format('CREATE TABLE t%s (id integer, code text, ref integer REFERENCES t%s)', i, i - 1);
            ELSE
                EXECUTE format('CREATE TABLE t%s (id integer, ref integer)', i);
        END CASE;
        IF i % 500 = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
END
$$;

-- Intents of 500 agents, spread evenly over the tables. Most add a column, and half of them an index on it
-- (3 or 4 claims, the schema is one of them); one in fifty names a whole table (2 claims). Those that share a
-- table are in conflict, as intent_register() would have found.
CREATE PROCEDURE bench.fill(tables integer, active integer, closed integer)
LANGUAGE plpgsql
SET session_replication_role = replica
AS $$
BEGIN
    CREATE TEMPORARY TABLE one AS
    SELECT n, 'int_' || left(md5(n::text), 12) AS id, 't' || n * 7919::bigint % tables AS table_name,
        n % 50 = 0 AS bare, n <= closed AS has_ended
    FROM generate_series(1, active + closed) AS n;

    INSERT INTO confiture.intent (id, agent, feature, branch, status, registered_at, expires_at, closed_at)
    SELECT o.id, 'agent ' || o.n % 500, 'feature ' || o.n, 'branch-' || o.n,
        CASE WHEN o.has_ended THEN 'merged' WHEN o.n % 3 = 0 THEN 'in_progress' ELSE 'registered' END,
        now() - make_interval(secs => active + closed - o.n), now() + interval '1 day',
        CASE WHEN o.has_ended THEN now() END
    FROM one AS o
    ORDER BY o.n;

    INSERT INTO confiture.intent_object (intent, ordinal, anchor, part, kind, schema, name, "column", action, source,
        bare, active)
    SELECT o.id, c.ordinal, c.anchor, c.part, c.kind, c.schema, c.name, c."column", c.action,
        CASE WHEN o.bare THEN 'declared' ELSE 'parsed' END, c.part = '' AND (o.bare OR c.kind <> 'table'), NOT o.has_ended
    FROM one AS o
    CROSS JOIN LATERAL (
        VALUES
        (1, 'relation:public.' || o.table_name, '', 'table', 'public', o.table_name, NULL,
            CASE WHEN o.bare THEN 'alter' ELSE 'touch' END),
        (2, 'relation:public.' || o.table_name, 'column:c' || o.n, 'column', 'public', o.table_name, 'c' || o.n, 'create'),
        (3, 'relation:public.' || o.table_name || '_c' || o.n || '_idx', '', 'index', 'public',
            o.table_name || '_c' || o.n || '_idx', NULL, 'create'),
        (4, 'schema:public', '', 'schema', NULL, 'public', NULL, 'reference')
    ) AS c (ordinal, anchor, part, kind, schema, name, "column", action)
    WHERE c.ordinal IN (1, 4) OR NOT o.bare AND (c.ordinal = 2 OR o.n % 2 = 0)
    ORDER BY o.n, c.ordinal;

    INSERT INTO confiture.intent_conflict (intent, other, type, severity, objects, suggestion, state)
    SELECT o.id, e.id, 'table', CASE WHEN o.bare OR e.bare THEN 'warning' ELSE 'info' END,
        jsonb_build_array(jsonb_build_object('object', 'public.' || o.table_name, 'kind', 'table', 'action', 'touch',
            'other_action', 'touch', 'severity', 'info')),
        'Different parts of it: no harm.', CASE WHEN o.has_ended OR e.has_ended THEN 'resolved' ELSE 'open' END
    FROM one AS o
    JOIN one AS e ON e.table_name = o.table_name AND e.n < o.n
    WHERE o.n - e.n <= 2 * tables;

    INSERT INTO confiture.intent_event (intent, event, agent, detail)
    SELECT o.id, 'registered', 'agent ' || o.n % 500, '{"queued": false, "on_conflict": "warn"}'
    FROM one AS o;
    DROP TABLE one;
END
$$;

-- Notes how long something took since a moment.
CREATE PROCEDURE bench.note(what text, since timestamptz, counts boolean)
LANGUAGE plpgsql
AS $$
DECLARE
    us constant double precision := extract(epoch FROM clock_timestamp() - since) * 1e6;
BEGIN
    IF counts THEN
        INSERT INTO bench.latency VALUES (what, us);
    END IF;
    COMMIT;
END
$$;

-- What agents call, each call in a transaction of its own. Every intent is new, and is ended again. The first
-- twenty rounds warm up. Sessions with other seeds are busy with other tables, mostly.
CREATE PROCEDURE bench.call_all(who text, seed integer, rounds integer, tables integer)
LANGUAGE plpgsql
AS $$
DECLARE
    since timestamptz;
    warm boolean;
    names text[];
    script text;
    intent jsonb;
BEGIN
    FOR i IN seed + 1 .. seed + 20 + rounds LOOP
        warm := i > seed + 20;
        names := ARRAY[format('create column:t%s.%s_%s', i * 31 % tables, who, i),
            format('create table:%s_%s', who, i)];
        -- a column with its index, and a change on which a view may depend
        script := format('ALTER TABLE t%1$s ADD COLUMN %2$s_%3$s integer;'
            ' CREATE INDEX %2$s_%3$s_idx ON t%1$s (%2$s_%3$s);'
            ' ALTER TABLE t%4$s ALTER COLUMN id TYPE bigint', i * 17 % tables, who, i, i * 100 % tables);

        since := clock_timestamp();
        PERFORM confiture.intent_check(who, 'bench', names);
        CALL bench.note('intent_check(), 2 names', since, warm);

        since := clock_timestamp();
        PERFORM confiture.intent_check(who, 'bench', schema_changes => script);
        CALL bench.note('intent_check(), 3 statements', since, warm);

        since := clock_timestamp();
        intent := confiture.intent_register(who, 'bench', names);
        CALL bench.note('intent_register(), 2 names', since, warm);

        since := clock_timestamp();
        PERFORM confiture.intent_complete(intent ->> 'id');
        CALL bench.note('intent_complete()', since, warm);

        since := clock_timestamp();
        PERFORM confiture.intent_merge(intent ->> 'id');
        CALL bench.note('intent_merge()', since, warm);

        since := clock_timestamp();
        intent := confiture.intent_register(who, 'bench', schema_changes => script);
        CALL bench.note('intent_register(), 3 statements', since, warm);

        since := clock_timestamp();
        PERFORM confiture.intent_abandon(intent ->> 'id');
        CALL bench.note('intent_abandon()', since, warm);

        since := clock_timestamp();
        PERFORM FROM confiture.intent_list(object => format('public.t%s', i * 31 % tables));
        CALL bench.note('intent_list(), one table', since, warm);

        since := clock_timestamp();
        PERFORM FROM confiture.intent_list(agent => format('agent %s', i % 500), max_rows => 50);
        CALL bench.note('intent_list(), one agent', since, warm);

        since := clock_timestamp();
        PERFORM FROM confiture.intent_list(max_rows => 50);
        CALL bench.note('intent_list(), the newest 50', since, warm);
    END LOOP;
END
$$;

-- DDL on tables of which intents of others have other parts, and on new ones: six statements each round.
CREATE PROCEDURE bench.run_ddl(rounds integer, tables integer)
LANGUAGE plpgsql
AS $$
DECLARE
    since timestamptz;
    statement text;
BEGIN
    TRUNCATE bench.latency;
    COMMIT;
    FOR i IN 1 .. rounds LOOP
        FOREACH statement IN ARRAY ARRAY[
            'ALTER TABLE t%1$s ADD COLUMN bench%2$s integer', 'CREATE INDEX bench_idx%2$s ON t%1$s (bench%2$s)',
            'DROP INDEX bench_idx%2$s', 'ALTER TABLE t%1$s DROP COLUMN bench%2$s',
            'CREATE TABLE bench%2$s (id integer, note text)', 'DROP TABLE bench%2$s']
        LOOP
            statement := format(statement, i * 17 % tables, i);
            since := clock_timestamp();
            EXECUTE statement;
            CALL bench.note(split_part(statement, ' ', 1) || ' ' || split_part(statement, ' ', 2), since, true);
        END LOOP;
    END LOOP;
END
$$;
