-- Snapshots: the shape of a fact while it is collected. Run once.

-- class, object, sub: its address in the catalogs, as in pg_depend;
-- parent_class, parent, parent_sub: that of what it is a part of; payload: keys
-- with the value null count as absent.
CREATE TYPE confiture._fact AS (
    class oid,
    object oid,
    sub integer,
    parent_class oid,
    parent oid,
    parent_sub integer,
    kind text,
    schema text,
    name text,
    part text,
    arguments text,
    owner oid,
    payload jsonb
);
COMMENT ON TYPE confiture._fact IS 'One fact of a snapshot while it is collected. Internal.';
