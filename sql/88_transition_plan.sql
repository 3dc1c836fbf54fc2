-- Transitions: what each step will run.

CREATE OR REPLACE FUNCTION confiture.transition_plan(name text)
RETURNS TABLE (ordinal bigint, step text, relation text, statement text, lock text, estimate text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t confiture.transition := confiture._transition_get(name);
    swap text := t.options ->> 'swap';
BEGIN
    RETURN QUERY
    WITH p AS (
        SELECT r.*, r AS pair, coalesce(confiture._relation_name(r.source), r.source_name) AS s,
            coalesce(confiture._relation_name(r.target), r.target_name) AS g,
            format('%I.confiture_log_%s', t.target_schema, r.id) AS l
        FROM confiture.transition_table AS r WHERE r.transition = t.id
    ), line (rank, pair, step, relation, statement, lock, estimate) AS (
        SELECT 10, p.ordinal, 'capture', p.l, format('CREATE TABLE %s (%s keys)', p.l, cardinality(p.source_key)), 'AccessExclusiveLock on the new table', 'milliseconds' FROM p
        UNION ALL SELECT 11, p.ordinal, 'capture', p.s, format('CREATE TRIGGER confiture_transition AFTER INSERT OR UPDATE OR DELETE ON %s, and one AFTER TRUNCATE', p.s),
            'ShareRowExclusiveLock: writers wait, readers do not', 'milliseconds, in tries of ' || (t.options ->> 'lock_timeout') FROM p
        UNION ALL SELECT 12, p.ordinal, 'capture', p.g, 'the same on the target: nobody may write it until it is mirrored', 'AccessExclusiveLock on the target', 'milliseconds' FROM p
        UNION ALL SELECT 13, p.ordinal, 'capture', p.g, 'secondary indexes and foreign keys are dropped until it is filled', 'AccessExclusiveLock on the target', 'milliseconds' FROM p
        UNION ALL SELECT 20, p.ordinal, 'copy', p.s, CASE WHEN p.main OR p.shape = 'split'
                THEN format('INSERT INTO %s SELECT ... FROM %s, in chunks of %s ms', p.g, p.s, t.options ->> 'chunk_ms')
                ELSE 'its rows come along with those that they belong to' END,
            'AccessShareLock on the source: nobody waits', format('about %s rows, %s', p.rows_estimated, pg_size_pretty(pg_table_size(p.source))) FROM p
        UNION ALL SELECT 30, p.ordinal, 'catch_up', p.g, format('DELETE FROM %s, and the rows with those keys', p.l), 'AccessShareLock on the source: nobody waits', 'as much as is written meanwhile' FROM p
        UNION ALL SELECT 31, p.ordinal, 'catch_up', p.g, i.definition, 'ShareLock on the target, which nobody uses', 'as long as an index takes to build'
            FROM p, LATERAL (SELECT pg_get_indexdef(x.indexrelid) AS definition FROM pg_index AS x
                WHERE x.indrelid = p.target AND t.state = 'planned' AND NOT x.indisprimary
                UNION ALL SELECT j ->> 'definition' FROM jsonb_array_elements(p.indexes) AS j) AS i
        UNION ALL SELECT 32, p.ordinal, 'catch_up', p.g, format('ANALYZE %s', p.g), 'ShareUpdateExclusiveLock on the target', 'seconds' FROM p
        UNION ALL SELECT 40, p.ordinal, 'mirror', p.g, f, 'AccessExclusiveLock on the target, which nobody uses', 'milliseconds'
            FROM p, LATERAL confiture._transition_follow(p.pair) AS f WHERE t.state IN ('planned', 'captured', 'copying', 'catching_up')
        UNION ALL SELECT 41, p.ordinal, 'mirror', p.s, format('the last entries of %s, then CREATE OR REPLACE TRIGGER on both', p.l),
            'ShareRowExclusiveLock: writers wait, readers do not', 'milliseconds, in tries of ' || (t.options ->> 'lock_timeout') FROM p
        UNION ALL SELECT 50, p.ordinal, 'validate', p.s, 'SELECT count(*), digest of both sides, for each range of keys', 'AccessShareLock: nobody waits', 'about as long as two sequential scans' FROM p
        UNION ALL SELECT 60, p.ordinal, 'cutover', p.s, CASE p.shape WHEN 'single' THEN format('%s and %s change places', p.s, p.g)
            ELSE format('%s and %s change their schemas, not their names', p.s, p.g) END,
            'AccessExclusiveLock: everybody waits', 'milliseconds, in tries of ' || (t.options ->> 'lock_timeout') FROM p WHERE swap = 'rename'
        UNION ALL SELECT 60, 0, 'cutover', t.source_schema::text, format('ALTER SCHEMA %I RENAME, three times', t.source_schema), 'none on tables', 'milliseconds' WHERE swap = 'schema'
        UNION ALL SELECT 70, p.ordinal, 'contract', p.s, format('DROP TABLE %s, %s, and the triggers', p.s, p.l), 'AccessExclusiveLock: everybody waits', 'milliseconds, in tries of ' || (t.options ->> 'lock_timeout') FROM p
    )
    SELECT row_number() OVER (ORDER BY l.rank, l.pair), l.step, l.relation, l.statement, l.lock, l.estimate FROM line AS l ORDER BY 1;
END
$$;
COMMENT ON FUNCTION confiture.transition_plan(text) IS
'What each step of a transition runs, on which relation, under which lock. Repeated statements of one kind are told once.
Arguments: name.
Columns: ordinal, step (capture, copy, ...: the functions confiture.transition_*), relation, statement, lock, estimate.
Errors: CF034 no such transition.
Example: SELECT step, relation, statement, lock FROM confiture.transition_plan(''to_v2'');';
