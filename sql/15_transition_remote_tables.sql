-- Transitions to another server: what each of the two servers knows of the other. Run once.

CREATE TABLE confiture.transition_remote (
    transition integer PRIMARY KEY REFERENCES confiture.transition,
    -- source: this server has the source tables, and drives; target: it has the target tables
    side text NOT NULL CHECK (side IN ('source', 'target')),
    -- of postgres_fdw, on the side of the source
    server name,
    mode text NOT NULL DEFAULT 'asynchronous' CHECK (mode IN ('asynchronous', 'synchronous')),
    -- the same on both sides: a command for another transition of that name is refused
    token uuid NOT NULL,
    -- of the transition on the other server
    peer integer,
    about_peer text,
    -- source: the last batch of changes of the target that was applied here
    applied bigint NOT NULL DEFAULT 0,
    contact_at timestamptz,
    problem text,
    problem_at timestamptz,
    CHECK ((side = 'source') = (server IS NOT NULL))
);
COMMENT ON TABLE confiture.transition_remote IS
'Transitions between two servers: one row on each of the two, beside the row of confiture.transition.';

CREATE TABLE confiture.transition_remote_table (
    pair integer PRIMARY KEY REFERENCES confiture.transition_table,
    -- of the pair on the other server
    peer integer NOT NULL,
    target_schema name NOT NULL,
    target_table name NOT NULL,
    -- of the target, when all of its indexes are there
    unique_indexes integer,
    -- source: the view that stands in the place of the source table since the cutover
    stand_in regclass
);
COMMENT ON TABLE confiture.transition_remote_table IS
'The pairs of tables of a transition between two servers: where the target is, on the side of the source.';

SELECT pg_catalog.pg_extension_config_dump('confiture.transition_remote', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.transition_remote_table', '');
