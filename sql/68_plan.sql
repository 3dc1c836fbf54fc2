-- Plans: what turns one schema into another, both ways, proven.

-- Whether there are facts in both that only their normal forms can tell apart.
CREATE OR REPLACE FUNCTION confiture._plan_has_candidates(source jsonb, target jsonb) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM confiture._changed_facts(source, target) AS c
        WHERE c.source_fact IS NOT NULL AND c.target_fact IS NOT NULL AND c.source_fact ->> 'kind' NOT IN ('owner', 'grant', 'comment'))
$$;

-- The statements of a difference, as a jsonb array.
CREATE OR REPLACE FUNCTION confiture._plan_rows(source jsonb, target jsonb, options jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(d) ORDER BY d.ordinal), '[]') FROM confiture.diff(source, target, options) AS d
$$;

CREATE OR REPLACE FUNCTION confiture._plan_statements(plan_rows jsonb, OUT statements text[], OUT groups jsonb)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(r.value ->> 'statement' ORDER BY r.ordinal), '{}'),
        coalesce(jsonb_agg(r.value -> 'transaction_group' ORDER BY r.ordinal), '[]')
    FROM jsonb_array_elements(plan_rows) WITH ORDINALITY AS r (value, ordinal)
$$;

-- Adds what the proof has seen to the hazards: to the last statement about the object or its
-- parent, or else to the last of all.
CREATE OR REPLACE FUNCTION confiture._plan_hazards(plan_rows jsonb, proof jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH line AS (
        SELECT r.value, r.ordinal FROM jsonb_array_elements(plan_rows) WITH ORDINALITY AS r (value, ordinal)
    ),
    lost AS (
        SELECT n.identity, n.parent,
            CASE n.what WHEN 'relfilenode' THEN format('rewrite: %s was written anew in the proof', n.identity)
                ELSE format('not preserved: %s was made anew in the proof', n.identity) END AS hazard,
            (SELECT l.ordinal FROM line AS l
             ORDER BY l.value ->> 'object' = n.identity DESC, l.value ->> 'object' = n.parent DESC,
                strpos(l.value ->> 'object', substr(n.identity, strpos(n.identity, ' ') + 1) || '.') > 0 DESC, l.ordinal DESC
             LIMIT 1) AS ordinal, n.what
        FROM jsonb_to_recordset(proof -> 'not_preserved') AS n (identity text, kind text, what text, parent text, changed boolean)
        -- What is another definition has to be made anew, where no rows are lost with it.
        WHERE NOT n.changed OR n.kind IN ('table', 'column', 'materialized view', 'sequence', 'type', 'domain')
    )
    SELECT coalesce(jsonb_agg(l.value || jsonb_build_object('hazards', coalesce(nullif(l.value -> 'hazards', 'null'), '[]') || coalesce(
            (SELECT jsonb_agg(h.hazard ORDER BY h.hazard) FROM lost AS h WHERE h.ordinal = l.ordinal
                -- said already
                AND NOT (h.what = 'relfilenode' AND EXISTS (SELECT FROM line AS o, jsonb_array_elements_text(nullif(o.value -> 'hazards', 'null')) AS x
                    WHERE x LIKE 'rewrite:%' AND (o.value ->> 'object' IN (h.identity, h.parent)
                        OR strpos(o.value ->> 'object', substr(h.identity, strpos(h.identity, ' ') + 1) || '.') > 0)))), '[]'))
        ORDER BY l.ordinal), '[]')
    FROM line AS l
$$;

-- The options of confiture.diff() among those of a plan, with what is equal in normal form.
CREATE OR REPLACE FUNCTION confiture._plan_diff_options(options jsonb, equal jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (options - '{prove,down,unproven,keep,rows,rows_limit}'::text[])
        || jsonb_build_object('equal', coalesce(options -> 'equal', '[]') || coalesce(equal, '[]'))
$$;

-- Runs the rows of a plan in the scratch database work; adds to their hazards what was seen.
CREATE OR REPLACE FUNCTION confiture._plan_prove(
    work text, source jsonb, target jsonb, options jsonb, way_back jsonb, INOUT plan_rows jsonb, OUT proof jsonb)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given record;
BEGIN
    SELECT s.* INTO given FROM confiture._plan_statements(plan_rows) AS s;
    proof := confiture._prove_in(work, source, given.statements, given.groups, target, options, way_back);
    plan_rows := confiture._plan_hazards(plan_rows, proof);
END
$$;

-- The options of the way back: renames the other way; owners are known; how values are converted is not.
CREATE OR REPLACE FUNCTION confiture._plan_back_options(options jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (options - '{owner,using,equal}'::text[]) || CASE WHEN options ? 'renames' THEN jsonb_build_object('renames',
        (SELECT coalesce(jsonb_object_agg(r.value, r.key), '{}') FROM jsonb_each_text(options -> 'renames') AS r)) ELSE '{}' END
$$;

-- The objects that the rows of a plan are about.
CREATE OR REPLACE FUNCTION confiture._plan_objects(source jsonb, target jsonb, plan_rows jsonb) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT DISTINCT o FROM unnest(confiture._basis_objects(source, target,
        ARRAY(SELECT r ->> 'object' FROM jsonb_array_elements(plan_rows) AS r))) AS o
        -- The owner of what is made comes with it.
        WHERE NOT (coalesce(target #>> ARRAY['facts', o, 'kind'], '') IN ('owner', 'grant', 'comment', 'security label')
            AND NOT coalesce(source -> 'facts', '{}') ? (target #>> ARRAY['facts', o, 'parent'])))
$$;

-- What a plan was made from. The server may have written the texts of a copy in another way: those hashes count too.
CREATE OR REPLACE FUNCTION confiture._plan_basis(source jsonb, objects text[], work text) RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(b.key, concat_ws('/', b.value, nullif(again.hashes ->> b.key, b.value))), '{}')
    FROM jsonb_each_text(confiture._basis_hashes(
        CASE WHEN source = '{}' THEN jsonb_build_object('facts', confiture._empty_facts(NULL)) ELSE source END, objects)) AS b
    CROSS JOIN (SELECT CASE WHEN work IS NOT NULL AND objects <> '{}' THEN (confiture._scratch_run(work, '[{"query":
        "SELECT confiture._basis_hashes(confiture.snapshot(), ARRAY(SELECT jsonb_array_elements_text($1)))", "arguments": [0]}]',
        ARRAY[to_jsonb(objects)]))[1] END AS hashes OFFSET 0) AS again
$$;

-- Keeps what was proven as a twin. Returns the database in which the way back may run, if there is one.
CREATE OR REPLACE FUNCTION confiture._plan_keep(work text, proof jsonb, downs boolean) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF confiture._twin_keep(work, proof ->> 'hash', (proof -> 'facts')::integer) IS NULL THEN
        RETURN work;
    END IF;
    RETURN CASE WHEN downs THEN confiture._twin_copy(proof ->> 'hash') END;
END
$$;

-- A plan in full. live: source is the schema of this database.
CREATE OR REPLACE FUNCTION confiture._plan_make(source jsonb, target jsonb, opts jsonb, live boolean) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- snapshots are large: no plan is made with them in it, and none is worth compiling
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
DECLARE
    source_hash text := confiture._snapshot_hash_of(source);
    target_hash text := confiture._snapshot_hash_of(target);
    proves boolean := coalesce((opts ->> 'prove')::boolean, true);
    downs boolean := coalesce((opts ->> 'down')::boolean, true);
    keeps boolean := confiture._plan_keeps(source, opts);
    forms record;
    undecided boolean;
    equal jsonb;
    copied boolean;
    source_differences jsonb;
    work text;
    up jsonb;
    down jsonb;
    up_proof jsonb;
    down_proof jsonb;
    rewritten boolean;
    basis jsonb := '{}';
BEGIN
    opts := opts || jsonb_build_object('ignore', confiture._plan_ignored(opts, target));
    IF live THEN
        SELECT f.* INTO forms FROM confiture._normal_forms(source, target, false) AS f;
        equal := to_jsonb(forms.equal);
        undecided := forms.undecided <> '{}';
    ELSE
        undecided := source <> '{}' AND target <> '{}' AND confiture._plan_has_candidates(source, target);
    END IF;
    IF NOT undecided THEN
        up := confiture._plan_rows(source, target, confiture._plan_diff_options(opts, equal));
    END IF;
    IF undecided OR proves AND up <> '[]' THEN
        PERFORM confiture._scratch_admit();
        BEGIN
            SELECT c.work, c.copied, c.differences, c.rewritten INTO work, copied, source_differences, rewritten
            FROM confiture._scratch_of(source, source_hash, keeps, opts, target, target_hash, equal) AS c;
            IF undecided THEN
                equal := (confiture._scratch_run(work, '[{"query": "SELECT to_jsonb(f.equal) FROM confiture._normal_forms($1, $2, true) AS f",
                    "arguments": [0, 1]}]', ARRAY[source, target]))[1];
                up := confiture._plan_rows(source, target, confiture._plan_diff_options(opts, equal));
            END IF;
            IF NOT live THEN
                basis := confiture._plan_basis(source, confiture._plan_objects(source, target, up), CASE WHEN rewritten THEN work END);
            END IF;
            IF proves AND up <> '[]' THEN
                SELECT p.plan_rows, p.proof INTO up, up_proof
                FROM confiture._plan_prove(work, source, target, opts, CASE WHEN downs THEN source END, up) AS p;
                IF source_differences <> '[]' THEN
                    up_proof := up_proof || jsonb_build_object('proven', false, 'source_differences', source_differences);
                END IF;
                IF (up_proof ->> 'proven')::boolean THEN
                    IF keeps THEN
                        work := confiture._plan_keep(work, up_proof, downs);
                    END IF;
                    IF downs THEN
                        down := confiture._plan_rows(up_proof -> 'snapshot', source,
                            confiture._plan_diff_options(confiture._plan_back_options(opts), up_proof -> 'equal'));
                        SELECT p.plan_rows, p.proof INTO down, down_proof
                        FROM confiture._plan_prove(work, up_proof -> 'snapshot', source, confiture._plan_back_options(opts), NULL, down) AS p;
                    END IF;
                END IF;
            END IF;
            PERFORM confiture._scratch_drop(work);
            work := NULL;
            IF up_proof IS NOT NULL AND NOT up_proof ? 'failed' AND coalesce(opts ->> 'rows', 'none') <> 'none' THEN
                SELECT c.work INTO work FROM confiture._scratch_of(source, source_hash, keeps, opts, target, target_hash, equal) AS c;
                SELECT up_proof || jsonb_build_object('rows', confiture._rows_prove(work, source, target, s.statements, s.groups,
                    opts ->> 'rows', coalesce((opts ->> 'rows_limit')::integer, 100)))
                INTO up_proof FROM confiture._plan_statements(up) AS s;
                up := confiture._rows_hazards(up, up_proof -> 'rows');
                PERFORM confiture._scratch_drop(work);
                work := NULL;
            END IF;
            PERFORM confiture._build_trim();
            PERFORM confiture._build_unlock(NULL, true);
        EXCEPTION WHEN OTHERS OR query_canceled THEN
            PERFORM confiture._scratch_drop(work);
            PERFORM confiture._build_unlock(NULL, true);
            RAISE;
        END;
    ELSIF NOT live THEN
        basis := confiture._plan_basis(source, confiture._plan_objects(source, target, up), NULL);
    END IF;
    IF downs AND down IS NULL THEN
        down := CASE WHEN up = '[]' THEN up
            ELSE confiture._plan_rows(target, source, confiture._plan_diff_options(confiture._plan_back_options(opts), equal)) END;
    END IF;
    RETURN jsonb_build_object('equal', up = '[]', 'source_hash', source_hash, 'target_hash', target_hash,
        'up', up, 'down', down, 'proof', up_proof - '{snapshot,equal}'::text[], 'down_proof', down_proof,
        'unmodelled', coalesce(source -> 'unmodelled', '[]') || coalesce(target -> 'unmodelled', '[]'),
        'changes', confiture._plan_changes(source, target, opts, equal),
        'basis', basis, 'directive', 'basis=' || confiture._basis_text(basis));
END
$$;

-- The options, with the renames that the target declares and that are not done yet.
CREATE OR REPLACE FUNCTION confiture._plan_renames(source jsonb, target jsonb, options jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT options || CASE WHEN r.renames <> '{}' THEN jsonb_build_object('renames', r.renames) ELSE '{}' END
    FROM (SELECT confiture._renames_left(coalesce(target -> 'renames', '{}'), source)
        || coalesce(options -> 'renames', '{}') AS renames) AS r
$$;

CREATE OR REPLACE FUNCTION confiture.plan_between(source jsonb, target jsonb, options jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    -- Those that are stored are read once.
    source := source || '{}';
    target := target || '{}';
    RETURN confiture._plan_make(source, target, confiture._plan_renames(source, target, confiture._plan_options(options, false)), false);
END
$$;
COMMENT ON FUNCTION confiture.plan_between(jsonb, jsonb, jsonb) IS
'What turns one schema into another and back, proven in scratch databases. Nothing is done to this database.
Arguments: source, target, snapshots, {} for an empty database; options, an object: those of confiture.diff(), and prove (default true), down (default true: the way back too), keep, rows and rows_limit, as for confiture.prove().
Result: {"equal": true when nothing is to be done; "source_hash"; "target_hash"; "up", "down": arrays of the rows of confiture.diff(), with the hazards that the proof has seen; "proof", "down_proof", as confiture.prove() returns them, null without proof; "unmodelled"; "changes", an array of the facts that differ: {identity, kind, change: added, removed or changed, object: what it is a part of}; "basis", what the plan was made from, for confiture.check_basis(); "directive", the same for the header of a migration, after "-- confiture: ", null when there is nothing to be compared}. What could not be proven is told, and no error. The way back starts from what the statements have really made.
Errors: as confiture.diff() and confiture.prove().
Example: SELECT confiture.plan_between(''{}'', confiture.snapshot_of(''CREATE TABLE a (id integer)''));';

-- The rows of a plan for this database.
CREATE OR REPLACE FUNCTION confiture._plan_live(paths text[], texts text[], options jsonb)
RETURNS TABLE (ordinal integer, statement text, kind text, object text, change text, hazards text[], lock text,
    needs_top_level boolean, transaction_group integer)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
DECLARE
    -- Who owns what the DDL makes is who asks.
    opts jsonb := jsonb_build_object('owner', current_user) || confiture._plan_options(options, false) || '{"down": false}';
    target jsonb := confiture._snapshot_cached(paths, texts);
    source jsonb := confiture._snapshot_live();
    plan jsonb;
BEGIN
    opts := confiture._plan_renames(source, target, opts);
    plan := confiture._plan_make(source, target, opts, true);
    PERFORM confiture._plan_refuse(plan -> 'proof', opts);
    RETURN QUERY SELECT r.* FROM jsonb_to_recordset(plan -> 'up') AS r (
        ordinal integer, statement text, kind text, object text, change text, hazards text[], lock text,
        needs_top_level boolean, transaction_group integer) ORDER BY r.ordinal;
END
$$;

-- Why a proof is none, for a DETAIL.
CREATE OR REPLACE FUNCTION confiture._plan_why_not(proof jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN proof ? 'failed' THEN format('Statement %s failed: %s (%s).', proof #>> '{failed,ordinal}',
            proof #>> '{failed,message}', proof #>> '{failed,sqlstate}')
        ELSE (SELECT string_agg(format('%s is %s.', d.value ->> 'identity', CASE d.value ->> 'change'
                WHEN 'different' THEN format('not as it should be: %s instead of %s', d.value -> 'found', d.value -> 'expected')
                ELSE d.value ->> 'change' END), ' ' ORDER BY d.ordinal)
            FROM jsonb_array_elements(coalesce(proof -> 'source_differences', '[]') || (proof -> 'differences')) WITH ORDINALITY AS d (value, ordinal)
            WHERE d.ordinal <= 5) END
$$;

-- Refuses a plan that could not be proven.
CREATE OR REPLACE FUNCTION confiture._plan_refuse(proof jsonb, options jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT (proof ->> 'proven')::boolean AND NOT coalesce((options ->> 'unproven')::boolean, false) THEN
        RAISE EXCEPTION 'the plan could not be proven'
            USING ERRCODE = 'CF019', DETAIL = confiture._plan_why_not(proof),
            HINT = 'The option {"unproven": true} returns it all the same.';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION confiture.plan(files jsonb, options jsonb DEFAULT '{}')
RETURNS TABLE (ordinal integer, statement text, kind text, object text, change text, hazards text[], lock text,
    needs_top_level boolean, transaction_group integer)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.* FROM confiture._build_files(files) AS f CROSS JOIN LATERAL confiture._plan_live(f.paths, f.texts, options) AS p
$$;
COMMENT ON FUNCTION confiture.plan(jsonb, jsonb) IS
'The statements that turn the schema of this database into what files of DDL make, proven in a scratch database. Nothing is done to this database.
Arguments: files, as confiture.build(); options, an object: those of confiture.diff() (owner is the current role by default), and prove (default true), unproven (default false: a plan that could not be proven is an error), keep, rows and rows_limit, as for confiture.prove().
Columns: as confiture.diff(). The hazards include what the proof has seen: tables that were written anew, objects that were made anew, and what happened to rows.
The snapshot of the files is kept in confiture.snapshot_cache, the copy that was proven as a twin: the next plan loads what has changed only.
Errors: CF018 the schema has objects that Confiture does not know; CF019 not proven; as confiture.snapshot_of() raises for the files; else as confiture.diff() and confiture.prove().
Example: SELECT ordinal, statement, hazards FROM confiture.plan(''{"a.sql": "CREATE TABLE a (id integer)"}''::jsonb, ''{"ignore": ["%"]}'');';

CREATE OR REPLACE FUNCTION confiture.plan(ddl text, options jsonb DEFAULT '{}')
RETURNS TABLE (ordinal integer, statement text, kind text, object text, change text, hazards text[], lock text,
    needs_top_level boolean, transaction_group integer)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.* FROM confiture.plan(jsonb_build_array(jsonb_build_object('path', 'ddl', 'text', ddl)), options) AS p
$$;
COMMENT ON FUNCTION confiture.plan(text, jsonb) IS
'The statements that turn the schema of this database into what DDL makes, proven in a scratch database. Nothing is done to this database.
Arguments: ddl, the whole schema; options, as confiture.plan(jsonb, jsonb).
Columns: as confiture.diff().
Errors: as confiture.plan(jsonb, jsonb); the file is called ddl.
Example: SELECT ordinal, statement, hazards FROM confiture.plan(''CREATE TABLE a (id integer)''::text, ''{"ignore": ["%"]}'');';
