-- Intents: who is about to change what, who collides with whom, and what became of it.

CREATE TABLE confiture.intent (
    id text PRIMARY KEY CHECK (id ~ '^int_[0-9a-z]+$'),
    -- the order of registration: the older one holds, the newer one is told
    number bigint GENERATED ALWAYS AS IDENTITY,
    agent text NOT NULL,
    feature text NOT NULL,
    branch text,
    description text,
    schema_changes text,
    -- what of schema_changes could not be looked into
    unseen jsonb NOT NULL DEFAULT '[]',
    status text NOT NULL CHECK (status IN ('registered', 'in_progress', 'conflicted', 'completed',
        'merged', 'abandoned', 'expired')),
    active boolean NOT NULL GENERATED ALWAYS AS
        (status IN ('registered', 'in_progress', 'conflicted', 'completed')) STORED,
    queued boolean NOT NULL DEFAULT false,
    estimated_duration interval,
    starts_at timestamptz,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    closed_at timestamptz,
    registered_by name NOT NULL DEFAULT session_user,
    metadata jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE confiture.intent IS
'Intents: one row for each, ended ones included. Written by confiture.intent_register() and the functions that move an intent on. active: others are told of it.';
CREATE INDEX intent_active_idx ON confiture.intent (number) WHERE active;
CREATE INDEX intent_agent_idx ON confiture.intent (agent) WHERE active;
CREATE INDEX intent_expiry_idx ON confiture.intent (expires_at) WHERE active;
CREATE INDEX intent_closed_idx ON confiture.intent (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE confiture.intent_object (
    -- no foreign key: only functions write here, and this is the hot path
    intent text NOT NULL,
    ordinal integer NOT NULL,
    -- class and quoted name, such as relation:public.users: what is locked and looked up
    anchor text NOT NULL,
    -- kind and quoted name of a part, such as column:email; empty for the whole
    part text NOT NULL DEFAULT '',
    kind text NOT NULL,
    schema text,
    name text NOT NULL,
    "column" text,
    arguments text,
    action text NOT NULL,
    source text NOT NULL CHECK (source IN ('declared', 'parsed', 'affected')),
    -- the whole, and nothing says which parts
    bare boolean NOT NULL DEFAULT false,
    active boolean NOT NULL DEFAULT true,
    -- one key for one lookup: whatever the planner thinks of the columns, it can't scan a crowded anchor
    slot text NOT NULL GENERATED ALWAYS AS (action || ' ' || part || ' ' || anchor) STORED,
    -- what it is called in front of people: public.users.email
    display text NOT NULL GENERATED ALWAYS AS (substr(anchor, strpos(anchor, ':') + 1)
        || CASE WHEN part = '' THEN '' ELSE '.' || substr(part, strpos(part, ':') + 1) END) STORED,
    PRIMARY KEY (intent, ordinal)
);
COMMENT ON TABLE confiture.intent_object IS
'What an intent touches. action: read, reference, write, affected (depends on what is changed), touch (a part of it, or something beside it, is changed), alter, create, drop. column is the part: a column, constraint, trigger, policy or rule.';
CREATE INDEX intent_object_slot_idx ON confiture.intent_object (slot) WHERE active;
CREATE INDEX intent_object_part_idx ON confiture.intent_object (anchor)
    WHERE active AND part <> '' AND action IN ('alter', 'drop');
CREATE INDEX intent_object_name_idx ON confiture.intent_object (name, "column");

CREATE TABLE confiture.intent_conflict (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- the newcomer, who was told; no foreign keys, as above
    intent text NOT NULL,
    -- the one that was there before
    other text NOT NULL,
    type text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    objects jsonb NOT NULL,
    suggestion text NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'acknowledged', 'resolved')),
    detected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at timestamptz,
    closed_by name,
    note text,
    UNIQUE (intent, other, type)
);
COMMENT ON TABLE confiture.intent_conflict IS
'Conflicts between two intents, one row for each pair and type. They close by themselves when one side ends. closed_by and note: who has acknowledged or resolved it, and why.';
CREATE INDEX intent_conflict_other_idx ON confiture.intent_conflict (other);
CREATE INDEX intent_conflict_open_idx ON confiture.intent_conflict (id) WHERE state <> 'resolved';

CREATE TABLE confiture.intent_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- NULL: an override by a session without an intent
    intent text,
    event text NOT NULL,
    agent text NOT NULL,
    performed_by name NOT NULL DEFAULT session_user,
    detail jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE confiture.intent_event IS
'The audit trail of intents: rows are added, and never changed. Only confiture.intent_archive() removes them.';
CREATE INDEX intent_event_intent_idx ON confiture.intent_event (intent);

-- A claim, as the collector in C gives it in JSON; no table, and nothing to be dumped. bare: the whole, and
-- nothing says which parts; classid and oid: where pg_depend may have dependents of it.
CREATE TYPE confiture._intent_claim AS (
    anchor text, part text, kind text, schema text, name text, "column" text, arguments text, action text,
    source text, display text, bare boolean, classid oid, oid oid);

-- What confiture._intent_found() has found of one object: no table, and nothing to be dumped.
CREATE TYPE confiture._intent_hit AS (
    intent text, anchor text, part text, display text, kind text, action text, held text, severity text, type text,
    suggestion text);

CREATE TABLE confiture.version_reservation (
    version text PRIMARY KEY,
    agent text NOT NULL,
    name text,
    intent text REFERENCES confiture.intent ON DELETE CASCADE,
    reserved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- NULL: ends with the intent
    expires_at timestamptz,
    reserved_by name NOT NULL DEFAULT session_user
);
COMMENT ON TABLE confiture.version_reservation IS
'Versions of migrations that are being written somewhere. Written by confiture.reserve_version().';
CREATE INDEX version_reservation_intent_idx ON confiture.version_reservation (intent);

SELECT pg_catalog.pg_extension_config_dump('confiture.intent', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.intent_number_seq', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.intent_object', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.intent_conflict', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.intent_conflict_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.intent_event', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.intent_event_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('confiture.version_reservation', '');
