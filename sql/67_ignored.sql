-- What plans and drift leave alone.

-- The patterns of what is left alone: those of the setting, and those of the option.
CREATE OR REPLACE FUNCTION confiture._ignored(options jsonb) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT btrim(p, E' \t\r\n') FROM unnest(string_to_array(coalesce(current_setting('confiture.ignore', true), ''), ',')) AS p
        WHERE btrim(p, E' \t\r\n') <> ''
        UNION ALL
        SELECT p FROM jsonb_array_elements_text(coalesce(options -> 'ignore', '[]')) AS p
        UNION ALL
        SELECT n FROM unnest(confiture._own_needs()) AS n)
$$;
