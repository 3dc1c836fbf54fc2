-- Transitions: tables that move to a new schema while everyone writes. Run once.

CREATE TABLE confiture.transition (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name ~ '^[^[:cntrl:]]{1,200}$'),
    source_schema name NOT NULL,
    target_schema name NOT NULL,
    state text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'captured', 'copying', 'catching_up',
        'mirrored', 'validated', 'cut_over', 'contracted', 'aborting', 'aborted', 'rolled_back')),
    live boolean NOT NULL GENERATED ALWAYS AS (state NOT IN ('contracted', 'aborted')) STORED,
    options jsonb NOT NULL,
    -- the transaction that made both sides equal: who can't see it, must not see the target either
    mirrored_by xid8,
    validation jsonb,
    -- the error with which a background worker has ended, or which it tries to get over
    failure jsonb,
    created_by name NOT NULL DEFAULT session_user,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE confiture.transition IS
'Transitions: one row for each, ended ones included. Written by confiture.transition_create() and the functions that move a transition on.';
CREATE UNIQUE INDEX transition_live_idx ON confiture.transition (name) WHERE live;

CREATE TABLE confiture.transition_table (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transition integer NOT NULL REFERENCES confiture.transition,
    ordinal integer NOT NULL,
    source regclass NOT NULL,
    target regclass NOT NULL,
    source_name text NOT NULL,
    target_name text NOT NULL,
    source_key text[] NOT NULL,
    target_key text[] NOT NULL,
    -- column of the target: expression over the source; and the way back
    columns jsonb NOT NULL,
    back jsonb NOT NULL,
    log regclass,
    -- what is taken off the target while it is filled: statements that make it again
    indexes jsonb NOT NULL DEFAULT '[]',
    foreign_keys jsonb NOT NULL DEFAULT '[]',
    -- increments of sequences before both sides were written
    sequences jsonb NOT NULL DEFAULT '[]',
    publications jsonb NOT NULL DEFAULT '[]',
    rows_estimated bigint NOT NULL DEFAULT 0,
    -- up to where chunks have been cut; cut: there is nothing behind
    position text[],
    cut boolean NOT NULL DEFAULT false,
    indexed boolean NOT NULL DEFAULT false,
    caught_up_at timestamptz,
    -- when entries were last taken off the log while rows are copied
    drained_at timestamptz,
    -- one source is split into two targets, or two sources are merged into one target: two pairs share a table
    shape text NOT NULL DEFAULT 'single' CHECK (shape IN ('single', 'split', 'merge')),
    -- the pair of the table whose rows decide which rows there are
    main boolean NOT NULL DEFAULT true,
    sibling integer,
    -- of the other pair: whether a row of the shared table has one in the other table, and the columns
    -- of the shared table where it has none
    condition text,
    absent jsonb NOT NULL DEFAULT '{}',
    UNIQUE (transition, ordinal),
    CHECK ((shape = 'single') = (sibling IS NULL)),
    CHECK (main OR shape <> 'single'),
    CHECK (NOT main OR (condition IS NULL AND absent = '{}'))
);
COMMENT ON TABLE confiture.transition_table IS
'The pairs of tables of a transition, with their mapping: columns, for each column of the target an expression over the row of the source; back, for each column of the source an expression over the row of the target. Where a table is split or merged, two pairs share it (shape, sibling), and the column mapping of the shared table holds only what each of the two owns; main: the pair whose rows decide which rows there are; of the other one condition says whether a row of the shared table has one there, absent what the columns of the shared table are where it has none. The mapping may be changed until confiture.transition_capture(), which checks it again.';

CREATE TABLE confiture.transition_chunk (
    pair integer NOT NULL REFERENCES confiture.transition_table,
    ordinal integer NOT NULL,
    -- the keys after lower, up to and with upper; NULL: no end
    lower text[],
    upper text[],
    copied_at timestamptz,
    row_count bigint,
    elapsed_ms double precision,
    PRIMARY KEY (pair, ordinal)
);
COMMENT ON TABLE confiture.transition_chunk IS
'How far the copy of a transition has come: stored in the transaction that has copied the rows.';
CREATE INDEX transition_chunk_open_idx ON confiture.transition_chunk (pair, ordinal) WHERE copied_at IS NULL;

CREATE TABLE confiture.transition_pace (
    transition integer PRIMARY KEY REFERENCES confiture.transition,
    max_rate double precision NOT NULL,
    -- when the rows that are copied by now may have been copied at this rate
    until timestamptz NOT NULL
);
COMMENT ON TABLE confiture.transition_pace IS
'How far the copy of a transition has used up its max_rate, by all that copy together.';

SELECT pg_catalog.pg_extension_config_dump('confiture.transition', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.transition_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.transition_table', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.transition_table_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.transition_chunk', '');
