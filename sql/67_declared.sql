-- Renames that DDL declares by comments.

-- {"identity in the source": "identity in the target"}: of -- confiture: renamed from old_name; an error names
-- the line, and the label.
CREATE OR REPLACE FUNCTION confiture._declared_renames(ddl text, label text DEFAULT NULL) RETURNS jsonb
LANGUAGE c IMMUTABLE
AS 'MODULE_PATHNAME', 'confiture_declared_renames';

-- Those of the renames that are not done yet: a source that does not have the old name has the new one.
CREATE OR REPLACE FUNCTION confiture._renames_left(renames jsonb, source jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(r.key, r.value), '{}') FROM jsonb_each(renames) AS r WHERE source -> 'facts' ? r.key
$$;

-- The renames that the files of a schema declare and that a source has not seen.
CREATE OR REPLACE FUNCTION confiture._files_renames(paths text[], texts text[], source jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT confiture._renames_left(coalesce(jsonb_object_agg(r.key, r.value), '{}'), source)
    FROM unnest(paths, texts) WITH ORDINALITY AS f (path, content, ordinal)
    CROSS JOIN LATERAL jsonb_each(confiture._declared_renames(f.content, f.path)) AS r
$$;
