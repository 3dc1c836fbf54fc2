-- Renames that DDL declares by comments.

-- {"identity in the source": "identity in the target"}: of -- confiture: renamed from old_name; an error names
-- the line, and the label.
CREATE OR REPLACE FUNCTION confiture._declared_renames(ddl text, label text DEFAULT NULL) RETURNS jsonb
LANGUAGE c IMMUTABLE
AS 'MODULE_PATHNAME', 'confiture_declared_renames';

-- Those of the renames that are not done yet: the source has the old name, and not the new one.
CREATE OR REPLACE FUNCTION confiture._renames_left(renames jsonb, source jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(r.key, r.value), '{}') FROM jsonb_each(renames) AS r 
    WHERE source -> 'facts' ? r.key AND NOT source -> 'facts' ? (r.value #>> '{}')
$$;
