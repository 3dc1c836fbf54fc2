-- Drift: the live schema against the one that migrations have left, and the one that it should become.

CREATE OR REPLACE FUNCTION confiture._drift_options(options jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._check_options(options,
        '{"schemas": "strings", "ignore": "strings", "equal": "strings", "owner": "string", "parts": "boolean"}',
        'drift', '{"schemas": ["public"]}')
$$;

-- A snapshot that this server can compare; NULL stays NULL, {} is an empty database.
CREATE OR REPLACE FUNCTION confiture._drift_side(snapshot jsonb, what text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken integer;
    here constant integer := current_setting('server_version_num')::integer / 10000;
BEGIN
    IF snapshot IS NULL THEN
        RETURN NULL;
    ELSIF snapshot = '{}' THEN
        RETURN jsonb_build_object('facts', confiture._empty_facts(NULL));
    END IF;
    PERFORM confiture._snapshot_facts(snapshot);
    taken := (snapshot ->> 'server_version_num')::integer / 10000;
    IF taken <> here THEN
        RAISE EXCEPTION 'the % schema was taken on PostgreSQL %, this server is PostgreSQL %', what, taken, here
            USING ERRCODE = 'feature_not_supported', DETAIL = 'Different major versions write the same schema differently.',
            HINT = CASE what WHEN 'recorded' THEN 'SELECT confiture.record_schema() records it as it is now; give a target to see what that would accept.'
                ELSE 'Take it again on a server of this version.' END;
    END IF;
    -- One that is stored is read once, not at each look into it.
    RETURN snapshot || '{}';
END
$$;

-- What differs between two sides: source and target facts, NULL where there is none. Texts that the server reads as
-- the same expression are equal, and so is what the options call equal.
CREATE OR REPLACE FUNCTION confiture._drift_changes(
    source jsonb, target jsonb, options jsonb, OUT identity text, OUT source_fact jsonb, OUT target_fact jsonb)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    equal text[] := ARRAY(SELECT jsonb_array_elements_text(coalesce(options -> 'equal', '[]')));
BEGIN
    IF source IS NULL OR target IS NULL THEN
        RETURN;
    END IF;
    equal := equal || (SELECT n.equal FROM confiture._normal_forms(source, target, false) AS n);
    RETURN QUERY
        SELECT c.identity, c.source_fact, c.target_fact
        FROM confiture._changed_facts(source, target) AS c
        WHERE c.identity <> ALL (equal);
END
$$;

-- What a fact belongs to: its parent; of a sequence the column that owns it.
CREATE OR REPLACE FUNCTION confiture._drift_parent(fact jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        CASE WHEN fact ->> 'kind' = 'sequence' THEN (
            SELECT d.key FROM jsonb_each_text(fact -> 'depends') AS d
            WHERE d.key LIKE 'column %' AND d.value IN ('auto', 'internal') LIMIT 1) END,
        fact ->> 'parent')
$$;

-- An identity and all that it belongs to, the nearest first.
-- The sides are the facts of snapshots.
CREATE OR REPLACE FUNCTION confiture._drift_ancestors(identity text, live jsonb, recorded jsonb, target jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result text[] := '{}';
    one text := identity;
BEGIN
    WHILE one IS NOT NULL AND cardinality(result) < 20 LOOP
        result := result || one;
        one := confiture._drift_parent(coalesce(live -> one, recorded -> one, target -> one));
    END LOOP;
    RETURN result;
END
$$;

-- Who has changed something by hand, as far as the DDL log knows: the newest entry with one of these identities,
-- the first of them before the others.
CREATE OR REPLACE FUNCTION confiture._drift_who(ancestors text[], since timestamptz) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_strip_nulls(to_jsonb(l) - '{id,objects,depth}'::text[]) || jsonb_build_object('exact', l.depth = 1)
    FROM (
        SELECT d.*, a.depth
        FROM unnest(ancestors) WITH ORDINALITY AS a (identity, depth)
        JOIN confiture.ddl_log AS d ON d.objects @> ARRAY[a.identity]
        WHERE a.identity NOT LIKE 'schema %' OR a.depth = 1
        ORDER BY d.version IS NOT NULL, d.at < since, a.depth, d.id DESC LIMIT 1
    ) AS l
$$;

-- What a fact consists of on each side; where several have it, only the keys in which these differ.
CREATE OR REPLACE FUNCTION confiture._drift_details(INOUT recorded jsonb, INOUT live jsonb, INOUT target jsonb)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    equal text[];
BEGIN
    IF num_nonnulls(recorded, live, target) > 1 THEN
        equal := ARRAY(
            SELECT k.key FROM jsonb_object_keys(coalesce(recorded, live)) AS k (key)
            WHERE coalesce(recorded -> k.key = live -> k.key, recorded IS NULL OR live IS NULL)
                AND coalesce(recorded -> k.key = target -> k.key, recorded IS NULL OR target IS NULL)
                AND coalesce(live -> k.key = target -> k.key, live IS NULL OR target IS NULL));
        -- One that came or went is told in full.
        IF (recorded - equal) <> '{}' OR (live - equal) <> '{}' OR (target - equal) <> '{}' THEN
            recorded := recorded - equal;
            live := live - equal;
            target := target - equal;
        END IF;
    END IF;
END
$$;

-- Whether a fact of the target is an owner that nobody has declared: whoever has built it.
CREATE OR REPLACE FUNCTION confiture._drift_undeclared(fact jsonb, options jsonb) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(fact ->> 'kind' = 'owner' AND fact ->> 'role' = coalesce(options ->> 'owner', current_user), false)
$$;

-- The rows of confiture.drift(), one for each fact, with those that are ignored.
CREATE OR REPLACE FUNCTION confiture._drift_rows(
    live jsonb, recorded jsonb, target jsonb, opts jsonb,
    OUT identity text, OUT fact jsonb, OUT ancestors text[], OUT change text, OUT origin text, OUT severity text,
    OUT r jsonb, OUT l jsonb, OUT t jsonb)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    by_hand jsonb;
    pending jsonb;
    unlike jsonb;
    schemas constant jsonb := coalesce(opts -> 'schemas', target -> 'schemas');
    -- Taken out once: each use of an arrow copies what it points at.
    live_facts constant jsonb := live -> 'facts';
    recorded_facts constant jsonb := recorded -> 'facts';
    target_facts constant jsonb := target -> 'facts';
BEGIN
    SELECT coalesce(jsonb_object_agg(c.identity, true), '{}') INTO by_hand
    FROM confiture._drift_changes(recorded, live, opts) AS c;
    SELECT coalesce(jsonb_object_agg(c.identity, true), '{}') INTO pending
    FROM confiture._drift_changes(live, target, opts) AS c
    WHERE c.source_fact IS NULL OR NOT confiture._drift_undeclared(c.target_fact, opts);
    -- Where live differs from both: whether these two differ as well.
    IF by_hand <> '{}' AND pending <> '{}' THEN
        SELECT coalesce(jsonb_object_agg(c.identity, true), '{}') INTO unlike
        FROM confiture._drift_changes(recorded, target, opts) AS c WHERE by_hand ? c.identity AND pending ? c.identity;
    END IF;
    RETURN QUERY
        SELECT d.identity, d.fact, confiture._drift_ancestors(d.identity, live_facts, recorded_facts, target_facts),
            CASE WHEN d.was IS NULL THEN 'added' WHEN d.is IS NULL THEN 'removed' ELSE 'changed' END,
            d.origin,
            CASE d.origin WHEN 'adopted' THEN 'info' ELSE confiture._drift_severity(d.fact ->> 'kind',
                CASE d.origin WHEN 'not applied' THEN d.is ELSE d.was END -> 'payload',
                CASE d.origin WHEN 'not applied' THEN d.was ELSE d.is END -> 'payload') END,
            d.r -> 'payload', d.l -> 'payload', d.t -> 'payload'
        FROM (
            SELECT o.*, coalesce(o.l, o.r, o.t) AS fact,
                CASE o.origin WHEN 'not applied' THEN o.l WHEN 'unknown' THEN o.t ELSE o.r END AS was,
                CASE o.origin WHEN 'not applied' THEN o.t ELSE o.l END AS is
            FROM (
                SELECT k.key AS identity, live_facts -> k.key AS l, recorded_facts -> k.key AS r,
                    target_facts -> k.key AS t,
                    CASE
                        WHEN recorded IS NULL THEN 'unknown'
                        WHEN target IS NULL OR live_facts ? k.key AND confiture._drift_undeclared(target_facts -> k.key, opts)
                            THEN 'by hand'
                        WHEN NOT pending ? k.key THEN 'adopted'
                        WHEN NOT by_hand ? k.key THEN 'not applied'
                        WHEN unlike ? k.key THEN 'both'
                        ELSE 'by hand' END AS origin
                FROM (SELECT jsonb_object_keys(by_hand) UNION SELECT jsonb_object_keys(pending)) AS k (key)
            ) AS o
        ) AS d
        WHERE schemas IS NULL OR schemas ? (d.fact ->> 'schema');
END
$$;

-- All that confiture.drift() and its sisters tell, in one value.
CREATE OR REPLACE FUNCTION confiture._drift(target jsonb, options jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- there may be one difference or ten thousand, and the planner can't know
SET enable_nestloop = off
SET jit = off
AS $$
DECLARE
    opts jsonb := confiture._drift_options(options);
    ignored text[] := confiture._ignored(opts);
    recorded jsonb := confiture._drift_side(confiture.recorded_schema(), 'recorded');
    wanted jsonb := confiture._drift_side(target, 'target');
    newest record;
    live jsonb;
    missing text;
    since timestamptz;
    result jsonb;
BEGIN
    IF recorded IS NULL AND wanted IS NULL THEN
        RAISE EXCEPTION 'no schema was recorded yet, and no target is given'
            USING ERRCODE = 'CF021',
            DETAIL = 'Each run of migrations records the schema that it leaves, unless confiture.record_schema is off.',
            HINT = 'Run migrations, or SELECT confiture.baseline(version); SELECT confiture.record_schema() takes the schema as it is; or give a target: a snapshot to compare with.';
    END IF;
    IF opts ? 'schemas' AND wanted ? 'schemas' AND NOT wanted -> 'schemas' @> (opts -> 'schemas') THEN
        RAISE EXCEPTION 'the target is of other schemas'
            USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('It has %s, the option schemas says %s.', wanted ->> 'schemas', opts ->> 'schemas'),
            HINT = 'Take the target for these schemas, or leave the option out.';
    END IF;
    live := confiture._record_snapshot();
    SELECT s INTO missing FROM jsonb_array_elements_text(coalesce(opts -> 'schemas', '[]')) AS s
    WHERE NOT EXISTS (SELECT FROM (VALUES (live), (recorded), (wanted)) AS side (value)
        WHERE side.value -> 'facts' ? ('schema ' || quote_ident(s))) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'schema "%" does not exist', missing
            USING ERRCODE = 'invalid_schema_name', HINT = 'Names are written as they are, without quotes.';
    END IF;
    SELECT n.* INTO newest FROM confiture._record_newest() AS n;
    SELECT max(s.recorded_at) FILTER (WHERE s.origin IN ('baseline', 'accepted')) INTO since FROM confiture.schema_record AS s;

    WITH found AS MATERIALIZED (
        SELECT d.*, EXISTS (SELECT FROM unnest(d.ancestors) AS a CROSS JOIN unnest(ignored) AS p (pattern)
            WHERE a LIKE p.pattern) AS is_ignored
        FROM confiture._drift_rows(live, recorded, wanted, opts) AS d
    ),
    -- What came or went as a whole is told once. Slots, of one column, so that no other join comes into question.
    slot AS MATERIALIZED (
        SELECT f.identity, concat_ws(' ', f.change, f.origin, f.identity) AS slot
        FROM found AS f WHERE f.change <> 'changed' AND NOT f.is_ignored
    ),
    above AS MATERIALIZED (
        SELECT f.identity, concat_ws(' ', f.change, f.origin, a.identity) AS slot, a.depth
        FROM found AS f
        CROSS JOIN LATERAL unnest(f.ancestors) WITH ORDINALITY AS a (identity, depth)
        WHERE f.change <> 'changed' AND NOT f.is_ignored AND a.depth > 1 AND NOT coalesce((opts ->> 'parts')::boolean, false)
    ),
    part AS MATERIALIZED (
        SELECT DISTINCT ON (a.identity) a.identity, s.identity AS whole
        FROM above AS a JOIN slot AS s ON s.slot = a.slot
        ORDER BY a.identity, a.depth DESC
    ),
    parts AS MATERIALIZED (
        SELECT p.whole, jsonb_agg(p.identity ORDER BY p.identity COLLATE "C") AS list FROM part AS p GROUP BY p.whole
    ),
    told AS MATERIALIZED (
        SELECT f.identity, f.fact ->> 'kind' AS kind,
            coalesce((SELECT a FROM unnest(f.ancestors) WITH ORDINALITY AS u (a, depth) WHERE a NOT LIKE 'schema %' ORDER BY depth DESC LIMIT 1), f.identity) AS object,
            f.change, f.origin, f.severity,
            (SELECT jsonb_strip_nulls(jsonb_build_object('recorded', d.recorded, 'live', d.live, 'target', d.target))
             FROM confiture._drift_details(f.r, f.l, f.t) AS d)
                || CASE WHEN p.list IS NULL THEN '{}' ELSE jsonb_build_object('parts', p.list) END AS details,
            CASE WHEN f.origin <> 'not applied' THEN confiture._drift_who(f.ancestors, since) END AS who
        FROM found AS f
        LEFT JOIN parts AS p ON p.whole = f.identity
        WHERE NOT f.is_ignored AND NOT EXISTS (SELECT FROM part AS q WHERE q.identity = f.identity)
    )
    SELECT jsonb_build_object(
        'count', count(*), 'drifted', count(*) > 0,
        'severity', jsonb_build_object('critical', count(*) FILTER (WHERE x.severity = 'critical'),
            'warning', count(*) FILTER (WHERE x.severity = 'warning'), 'info', count(*) FILTER (WHERE x.severity = 'info')),
        'highest', (SELECT y.severity FROM told AS y ORDER BY confiture._drift_rank(y.severity) DESC LIMIT 1),
        'origin', jsonb_build_object('by hand', count(*) FILTER (WHERE x.origin = 'by hand'),
            'not applied', count(*) FILTER (WHERE x.origin = 'not applied'), 'both', count(*) FILTER (WHERE x.origin = 'both'),
            'adopted', count(*) FILTER (WHERE x.origin = 'adopted'), 'unknown', count(*) FILTER (WHERE x.origin = 'unknown')),
        'ignored', (SELECT count(*) FROM found AS f WHERE f.is_ignored),
        'differences', coalesce(jsonb_agg(to_jsonb(x) ORDER BY confiture._drift_rank(x.severity) DESC, x.object COLLATE "C", x.identity COLLATE "C"), '[]'))
    INTO result
    FROM told AS x;
    RETURN result || jsonb_build_object(
        'record', CASE WHEN recorded IS NOT NULL THEN jsonb_build_object('id', newest.id, 'version', newest.version,
            'recorded_at', newest.recorded_at, 'origin', newest.origin, 'hash', newest.hash, 'stale', newest.stale,
            'reason', newest.reason) END,
        'live_hash', confiture.snapshot_hash(live),
        'target_hash', CASE WHEN target IS NOT NULL AND target <> '{}' THEN confiture.snapshot_hash(target) END);
END
$$;

CREATE OR REPLACE FUNCTION confiture.drift_report(target jsonb DEFAULT NULL, options jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._drift(target, options)
$$;
COMMENT ON FUNCTION confiture.drift_report(jsonb, jsonb) IS
'What confiture.drift() tells, as one value with its sums, for programs.
Arguments: target, options, as of confiture.drift().
Result: {"drifted": whether there is any difference, "count", "severity": {"critical", "warning", "info"}, "highest": the worst severity or null, "origin": {"by hand", "not applied", "both", "adopted", "unknown"}, "ignored": how many facts were left out by a pattern, "record": {"id", "version", "recorded_at", "origin", "hash", "stale": something was applied since and not recorded, "reason"} or null, "live_hash", "target_hash", "differences": [the rows of confiture.drift() as objects]}.
Errors: as confiture.drift().
Example: SELECT confiture.drift_report() -> ''differences'';';

CREATE OR REPLACE FUNCTION confiture.drift_check(target jsonb DEFAULT NULL, options jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._drift(target, options) - 'differences'
$$;
COMMENT ON FUNCTION confiture.drift_check(jsonb, jsonb) IS
'How many differences confiture.drift() would tell of, by severity and origin.
Arguments: target, options, as of confiture.drift().
Result: as confiture.drift_report(), without the differences.
Errors: as confiture.drift().
Example: SELECT confiture.drift_check() -> ''severity'';';

CREATE OR REPLACE FUNCTION confiture.drift(
    target jsonb DEFAULT NULL, options jsonb DEFAULT '{}',
    OUT identity text, OUT kind text, OUT object text, OUT change text, OUT origin text, OUT severity text,
    OUT details jsonb, OUT who jsonb)
RETURNS SETOF record
LANGUAGE plpgsql ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    report jsonb := confiture._drift(target, options);
BEGIN
    IF (report #>> '{record,stale}')::boolean THEN
        RAISE WARNING 'the recorded schema is older than the ledger'
            USING ERRCODE = 'CF022',
            DETAIL = format('It was recorded at %s, after %s; something was applied since. What that has changed looks as if it were done by hand.',
                report #>> '{record,recorded_at}', coalesce('migration ' || (report #>> '{record,version}'), 'the last migration was taken back')),
            HINT = 'The next run of migrations records it again; SELECT confiture.record_schema() does it now.';
    END IF;
    RETURN QUERY
        SELECT d.identity, d.kind, d.object, d.change, d.origin, d.severity, d.details, d.who
        FROM ROWS FROM (jsonb_to_recordset(report -> 'differences') AS (
            identity text, kind text, object text, change text, origin text, severity text, details jsonb, who jsonb))
            WITH ORDINALITY AS d (identity, kind, object, change, origin, severity, details, who, place)
        ORDER BY d.place;
END
$$;
COMMENT ON FUNCTION confiture.drift(jsonb, jsonb) IS
'Where the schema of this database differs from the one that migrations have left, and, when a target is given, from that: what was changed by hand is told apart from what is only not applied yet.
Arguments: target, a snapshot of what the schema should be, such as confiture.snapshot_of() makes of DDL files, {} for an empty one; options, an object: schemas, an array, to look only at these; ignore, an array of patterns (as of LIKE) over identities that are left alone, besides those of the setting confiture.ignore; equal, an array of identities that are taken as equal; owner, a role: what it owns in the target may have any owner (default: the role that asks); parts (default false), tell of each part of what came or went.
Columns: identity and kind, of the fact, as in a snapshot; object, the identity of the table, view, function and so on that it is a part of, or its own; change, added, removed or changed: what was done by hand, or, when origin is not applied, what the target wants; origin: by hand, the live schema differs from the record, and the target does not ask for that; not applied, the live schema is as recorded, the target wants another; both, all three differ; adopted, the target wants what was done by hand; unknown, nothing is recorded, and the live schema differs from the target (change is then what it has and the target has not); severity, critical, warning or info, by the rules of confiture.drift_rules() for what the live schema is against the other (what is adopted is info); details, an object: recorded, live and target, what the fact consists of there, of a change only what differs, and parts, the identities of what came or went with it; who, from the DDL log where it knows: at, session_user, current_user, agent, application_name, client_addr, backend_pid, version and source of a migration, command, statement, and exact, false when the entry is one of the object that it is a part of. The worst come first.
Errors: CF021 nothing is recorded and no target is given; 0A000 a snapshot of another format or of another major version of PostgreSQL; 22023 not a snapshot, a wrong option; 3F000 unknown schema; 40001 others change the schema while it is read. As a warning: CF022 the record is older than the ledger.
Example: SELECT severity, origin, change, identity, who ->> ''session_user'' AS who FROM confiture.drift();';
