-- The difference between two snapshots, as statements.

CREATE OR REPLACE FUNCTION confiture._diff(
    source jsonb, target jsonb, options jsonb,
    OUT ordinal integer, OUT statement text, OUT kind text, OUT object text, OUT change text, OUT hazards text[],
    OUT lock text, OUT needs_top_level boolean, OUT transaction_group integer)
RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT ROWS 100
AS 'MODULE_PATHNAME', 'confiture_diff';

-- What a database has that nobody has made anything in.
CREATE OR REPLACE FUNCTION confiture._empty_facts(schemas jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_object_agg(f.key, f.value || jsonb_build_object('hash', encode(sha256(convert_to((f.value -> 'payload')::text, 'UTF8')), 'hex')))
    FROM jsonb_each('{
        "schema public": {"kind": "schema", "schema": "public", "payload": {}},
        "owner of schema public": {"kind": "owner", "schema": "public", "role": "pg_database_owner",
            "parent": "schema public", "payload": {"role": "pg_database_owner"}},
        "comment on schema public": {"kind": "comment", "schema": "public", "parent": "schema public",
            "payload": {"text": "standard public schema"}},
        "grant on schema public to public": {"kind": "grant", "schema": "public", "role": "public",
            "parent": "schema public", "payload": {"privileges": ["USAGE"]}},
        "extension plpgsql": {"kind": "extension", "name": "plpgsql",
            "payload": {"schema": "pg_catalog", "version": "1.0"}},
        "comment on extension plpgsql": {"kind": "comment", "parent": "extension plpgsql",
            "payload": {"text": "PL/pgSQL procedural language"}}}'::jsonb) AS f
    WHERE schemas IS NULL OR schemas ? (f.value ->> 'schema')
$$;

-- The facts of one side of a difference; {} is a database in which nobody has made anything.
CREATE OR REPLACE FUNCTION confiture._diff_side(snapshot jsonb, other jsonb, options jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    facts jsonb;
BEGIN
    IF snapshot = '{}' THEN
        RETURN coalesce(confiture._empty_facts(CASE WHEN other ? 'schemas' THEN other -> 'schemas' END), '{}');
    END IF;
    facts := confiture._snapshot_facts(snapshot);
    IF (snapshot ->> 'server_version_num')::integer / 10000 <> current_setting('server_version_num')::integer / 10000 THEN
        RAISE EXCEPTION 'the snapshot was taken on PostgreSQL %, this server is PostgreSQL %',
            (snapshot ->> 'server_version_num')::integer / 10000, current_setting('server_version_num')::integer / 10000
            USING ERRCODE = 'feature_not_supported',
            DETAIL = 'Different major versions write the same schema differently.',
            HINT = 'Take it again on a server of this version.';
    END IF;
    IF other <> '{}' AND snapshot -> 'schemas' IS DISTINCT FROM other -> 'schemas' THEN
        RAISE EXCEPTION 'the snapshots are of different schemas'
            USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('One has %s, the other %s.', coalesce(snapshot ->> 'schemas', 'all'), coalesce(other ->> 'schemas', 'all')),
            HINT = 'Take both with the same argument of confiture.snapshot().';
    END IF;
    IF jsonb_array_length(coalesce(snapshot -> 'unmodelled', '[]')) > 0
        AND NOT coalesce((options ->> 'allow_unmodelled')::boolean, false)
    THEN
        RAISE EXCEPTION 'the schema has objects that Confiture does not know'
            USING ERRCODE = 'CF018',
            DETAIL = format('They are: %s.', (SELECT string_agg(u, ', ') FROM jsonb_array_elements_text(snapshot -> 'unmodelled') AS u)),
            HINT = 'A plan would leave them out: the option {"allow_unmodelled": true} lets it.';
    END IF;
    RETURN facts;
END
$$;

CREATE OR REPLACE FUNCTION confiture._diff_kinds() RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '{"online": "boolean", "renames": "object", "ignore": "strings", "equal": "strings", "owner": "string",
        "using": "object", "allow_unmodelled": "boolean"}'::jsonb
$$;

CREATE OR REPLACE FUNCTION confiture._diff_options(options jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._check_options(options, confiture._diff_kinds(), 'a difference', '{"online": false}')
$$;

CREATE OR REPLACE FUNCTION confiture.diff(
    source jsonb, target jsonb, options jsonb DEFAULT '{}',
    OUT ordinal integer, OUT statement text, OUT kind text, OUT object text, OUT change text, OUT hazards text[],
    OUT lock text, OUT needs_top_level boolean, OUT transaction_group integer)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    SELECT d.*
    FROM (SELECT confiture._diff_options(options) AS options OFFSET 0) AS o
    CROSS JOIN LATERAL confiture._diff(confiture._diff_side(source, target, o.options),
        confiture._diff_side(target, source, o.options), o.options) AS d
    ORDER BY d.ordinal
$$;
COMMENT ON FUNCTION confiture.diff(jsonb, jsonb, jsonb) IS
'The statements that turn the schema of one snapshot into that of another, in the order in which they must run. A pure function of the two: it reads no catalog and changes nothing; diff(target, source) is the way back.
Arguments: source, target, as confiture.snapshot() returns them, {} for an empty database; options, an object: online (default true), forms that keep others waiting as shortly as possible, in several transactions; renames, an object of identities of the source and what they are called in the target, such as {"column public.a.x": "column public.a.y"}: without it a rename is a drop and an add; using, an object of identities of columns and the expression by which ALTER TYPE converts them; ignore, an array of patterns (as of LIKE) over identities that are left alone; owner, a role: objects that it owns in the target keep the owner they have; equal, an array of identities that are taken as equal; allow_unmodelled (default false).
Columns: ordinal, from 1; statement, without a semicolon; kind and object, what it is about, as in the snapshot, or setting and the setting that the plan needs; change, create, alter, drop, replace, rename, validate, detach, grant or revoke, of a setting set or reset; hazards, what it may do, each beginning with a class: data loss, rewrite, long lock, not reversible, changes results, may fail, access (somebody may do more, or less, than before), not complete (what no snapshot has is missing), rename?; lock, the strongest one on what others use; needs_top_level, it can''t run in a transaction block; transaction_group, statements with the same number belong into one transaction.
Errors: 22023 not a snapshot, a wrong option, snapshots of different schemas, a rename to another kind; 42704 a rename of what the source, or to what the target does not have; 42710 to what the source has already; 0A000 a snapshot of another format or of another major version of PostgreSQL, a change that no statement can make; CF018 the schema has objects that Confiture does not know.
Example: SELECT ordinal, statement, hazards FROM confiture.diff(''{}'', confiture.snapshot());';
