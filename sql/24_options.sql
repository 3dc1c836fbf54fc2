-- Options of functions, as jsonb: what is unknown or of the wrong kind is an error.

-- kinds: of each option boolean, number, string, strings (an array of them), array or object. what: whose options.
CREATE OR REPLACE FUNCTION confiture._check_options(options jsonb, kinds jsonb, what text, example text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    opts jsonb := coalesce(jsonb_strip_nulls(options), '{}');
    wrong text;
BEGIN
    IF jsonb_typeof(opts) <> 'object' THEN
        RAISE EXCEPTION 'the options of % must be an object', what
            USING ERRCODE = 'invalid_parameter_value', HINT = format('For example %s.', example);
    END IF;
    SELECT o.key INTO wrong FROM jsonb_each(opts) AS o WHERE NOT kinds ? o.key ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'unknown option % of %', quote_literal(wrong), what
            USING ERRCODE = 'invalid_parameter_value',
            HINT = format('The options are: %s.', (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(kinds) AS k));
    END IF;
    SELECT o.key INTO wrong FROM jsonb_each(opts) AS o
    WHERE jsonb_typeof(o.value) <> CASE kinds ->> o.key WHEN 'strings' THEN 'array' ELSE kinds ->> o.key END
        OR kinds ->> o.key = 'strings' AND EXISTS (
            SELECT FROM jsonb_array_elements(CASE jsonb_typeof(o.value) WHEN 'array' THEN o.value END) AS e
            WHERE jsonb_typeof(e) <> 'string')
    ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'option % of % must be %', quote_literal(wrong), what,
            CASE kinds ->> wrong WHEN 'boolean' THEN 'true or false' WHEN 'strings' THEN 'an array of strings'
                WHEN 'array' THEN 'an array' WHEN 'object' THEN 'an object' ELSE 'a ' || (kinds ->> wrong) END
            USING ERRCODE = 'invalid_parameter_value', HINT = format('It is %s.', left(opts ->> wrong, 100));
    END IF;
    RETURN opts;
END
$$;
