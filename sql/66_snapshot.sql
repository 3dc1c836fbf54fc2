-- Snapshots: the schema of a database as one value.

-- Everything that a session could set to make texts differ is pinned. The rest is
-- for speed: the queries are read side by side when there is a worker for that.
CREATE OR REPLACE FUNCTION confiture.snapshot(schemas text[] DEFAULT NULL) RETURNS jsonb
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET xmlbinary = 'base64'
SET jit = off
SET work_mem = '64MB'
SET parallel_setup_cost = 0
SET parallel_tuple_cost = 0
SET enable_parallel_append = on
AS 'MODULE_PATHNAME', 'confiture_snapshot';
COMMENT ON FUNCTION confiture.snapshot(text[]) IS
'The schema of this database as one value, that can be stored, shipped and compared: every object outside of the system and of extensions. Reads the catalogs only, takes no lock that anybody waits for, and any role sees the same.
Arguments: schemas, to take only what is in these; NULL for all, with what is in no schema: extensions, languages, casts, publications and so on.
Result: {"format": 1, "server_version_num", "extension_version", "schemas" (when given), "facts": {identity: {"kind", "schema", "name", "part", "arguments", "role", "parent" (an identity), "payload", "depends" {identity: normal, auto or internal}, "position" (of a column), "filled": false (of a materialized view that has not been filled), "hash" (SHA-256 of the text of payload)}}, "unmodelled": [objects of which no fact tells]}. docs/reference/json/snapshot.schema.json has it in full. In no snapshot: options of user mappings, connections of subscriptions, Confiture itself.
Errors: 3F000 unknown schema; 22023 an empty array; 22004 a name is null; 40001 an object was dropped while it was read.
Example: SELECT jsonb_object_keys(confiture.snapshot() -> ''facts'');';

-- The facts of a snapshot, or an error when it is none.
CREATE OR REPLACE FUNCTION confiture._snapshot_facts(snapshot jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(snapshot -> 'format') IS DISTINCT FROM 'number'
        OR snapshot ->> 'format' = '1' AND jsonb_typeof(snapshot -> 'facts') IS DISTINCT FROM 'object'
    THEN
        RAISE EXCEPTION 'this is not a snapshot'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give what confiture.snapshot() has returned.';
    END IF;
    IF snapshot ->> 'format' <> '1' THEN
        RAISE EXCEPTION 'the snapshot has format %, this version of Confiture reads format 1', snapshot ->> 'format'
            USING ERRCODE = 'feature_not_supported',
            DETAIL = format('It was taken by Confiture %s.', coalesce(snapshot ->> 'extension_version', '(unknown)')),
            HINT = 'Take it again with the version that is to read it.';
    END IF;
    RETURN snapshot -> 'facts';
END
$$;

CREATE OR REPLACE FUNCTION confiture._facts_hash(facts jsonb, unmodelled text) RETURNS text
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'confiture_facts_hash';

CREATE OR REPLACE FUNCTION confiture.snapshot_hash(snapshot jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._facts_hash(confiture._snapshot_facts(snapshot), coalesce(snapshot ->> 'unmodelled', ''))
$$;
COMMENT ON FUNCTION confiture.snapshot_hash(jsonb) IS
'SHA-256, in hex, of the identities and hashes of all facts: equal for equal schemas, whatever the order in which they were made, the physical order of columns, OIDs, or settings of a session. Different versions of the server may write the same schema differently.
Arguments: snapshot, as confiture.snapshot() returns it.
Errors: 22023 not a snapshot; 0A000 a snapshot of another format.
Example: SELECT confiture.snapshot_hash(confiture.snapshot());';

CREATE OR REPLACE FUNCTION confiture.snapshot_facts(
    snapshot jsonb,
    OUT identity text, OUT kind text, OUT schema text, OUT name text, OUT part text, OUT arguments text,
    OUT role text, OUT parent text, OUT payload jsonb, OUT depends jsonb, OUT "position" integer, OUT hash text,
    OUT filled boolean)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.key, r.kind, r.schema, r.name, r.part, r.arguments, r.role, r.parent, r.payload, r.depends,
        r."position", r.hash, r.filled
    FROM jsonb_each(confiture._snapshot_facts(snapshot)) AS f
    CROSS JOIN LATERAL jsonb_to_record(f.value) AS r (
        kind text, schema text, name text, part text, arguments text, role text, parent text, payload jsonb,
        depends jsonb, "position" integer, hash text, filled boolean)
$$;
COMMENT ON FUNCTION confiture.snapshot_facts(jsonb) IS
'The facts of a snapshot as rows.
Arguments: snapshot, as confiture.snapshot() returns it.
Columns: identity (the kind, and a name that is qualified and quoted where it must be); kind; schema, name, part and arguments, as they are, not quoted; role (of an owner or grant); parent, the identity of what it belongs to; payload, what it consists of; depends, the identities it needs, each with normal, auto or internal as in pg_depend; position, of a column among those of its table; hash; filled, false of a materialized view that was made WITH NO DATA and not filled since, else null.
Errors: 22023 not a snapshot; 0A000 a snapshot of another format.
Example: SELECT kind, count(*) FROM confiture.snapshot_facts(confiture.snapshot()) GROUP BY kind;';
