-- Transitions to another server: the cutover and the way back are not supported yet.

CREATE OR REPLACE FUNCTION confiture._remote_cutover(t confiture.transition) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the cutover to another server is not supported' USING ERRCODE = 'feature_not_supported',
        HINT = 'The target is kept up to date as long as CALL confiture.transition_worker() runs; confiture.transition_abort() ends it.';
END
$$;
