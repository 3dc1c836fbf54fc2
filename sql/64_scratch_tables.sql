-- Snapshots of DDL that has been loaded once, and of this database. Run once.

CREATE TABLE confiture.snapshot_cache (
    owner name NOT NULL DEFAULT current_user,
    key text NOT NULL,
    snapshot jsonb NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (owner, key)
);
COMMENT ON TABLE confiture.snapshot_cache IS
'Snapshots of DDL that plans have loaded into a scratch database: an unchanged tree is not loaded again; and of this database, if it is large: an unchanged schema is not read again. A role sees its own rows only. Bounded by confiture.template_limit and confiture.template_max_age; may be emptied at any time.';

-- Nobody takes the snapshots of others for true.
ALTER TABLE confiture.snapshot_cache ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON confiture.snapshot_cache
USING (owner = current_user) WITH CHECK (owner = current_user);
