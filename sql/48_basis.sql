-- The gate: what a plan was made from, and whether the schema is still that.

CREATE OR REPLACE FUNCTION confiture._basis_hashes(snapshot jsonb, identities text[]) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'confiture_basis_hashes';

CREATE OR REPLACE FUNCTION confiture._basis_objects(source jsonb, target jsonb, identities text[]) RETURNS text[]
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'confiture_basis_objects';

-- A basis as one word, for the header of a migration: blanks are +, what is not a letter, digit, _ . ( ) or - is %XX.
CREATE OR REPLACE FUNCTION confiture._basis_text(basis jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(o.name || ':' || b.value, ',' ORDER BY b.key COLLATE "C")
    FROM jsonb_each_text(basis) AS b
    CROSS JOIN LATERAL (
        SELECT string_agg(CASE WHEN c.letter = ' ' THEN '+' WHEN c.letter ~ '^[A-Za-z0-9_.()-]$' THEN c.letter
            ELSE (SELECT string_agg('%' || upper(lpad(to_hex(get_byte(u.bytes, i)), 2, '0')), '' ORDER BY i)
                FROM (SELECT convert_to(c.letter, 'UTF8') AS bytes) AS u, generate_series(0, octet_length(u.bytes) - 1) AS i) END,
            '' ORDER BY c.ordinal) AS name
        FROM regexp_split_to_table(b.key, '') WITH ORDINALITY AS c (letter, ordinal)) AS o
$$;

-- The other way.
CREATE OR REPLACE FUNCTION confiture._basis_read(word text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT jsonb_object_agg(
        convert_from(decode((SELECT string_agg(CASE WHEN length(m.part[1]) = 3 THEN substr(m.part[1], 2)
                ELSE encode(convert_to(translate(m.part[1], '+', ' '), 'UTF8'), 'hex') END, '' ORDER BY m.ordinal)
            FROM regexp_matches(split_part(e.entry, ':', 1), '%[0-9A-Fa-f]{2}|.', 'g') WITH ORDINALITY AS m (part, ordinal)), 'hex'), 'UTF8'),
        split_part(e.entry, ':', 2))
        FROM regexp_split_to_table(word, ',') AS e (entry));
EXCEPTION WHEN data_exception OR null_value_not_allowed THEN
    RAISE EXCEPTION 'directive basis is not what a plan was made from'
        USING ERRCODE = 'syntax_error',
        HINT = 'Leave the line as it was generated, or remove it: then the schema is not compared.';
END
$$;

CREATE OR REPLACE FUNCTION confiture.check_basis(basis jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now jsonb;
    moved text;
BEGIN
    IF jsonb_typeof(basis) IS DISTINCT FROM 'object'
        OR EXISTS (SELECT FROM jsonb_each(basis) AS b WHERE b.value #>> '{}' !~ '^(-|[0-9a-f]{12}(/[0-9a-f]{12})*)$')
    THEN
        RAISE EXCEPTION 'this is not what a plan was made from'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the basis that confiture.plan_between() has returned.';
    END IF;
    now := confiture._basis_hashes(confiture.snapshot(), ARRAY(SELECT jsonb_object_keys(basis)));
    SELECT string_agg(format('%s %s', b.key, CASE WHEN now ->> b.key = '-' THEN 'is gone'
            WHEN b.value = '-' THEN 'is there' ELSE 'is another one' END), ', ' ORDER BY b.key COLLATE "C")
    INTO moved
    FROM jsonb_each_text(basis) AS b
    WHERE now ->> b.key <> ALL (string_to_array(b.value, '/'));
    IF moved IS NOT NULL THEN
        RAISE EXCEPTION 'the schema has moved since the plan was made'
            USING ERRCODE = 'CF020', DETAIL = format('Now %s.', moved),
            HINT = 'Plan again. When the difference does not matter, remove the line "-- confiture: basis=..." from the script.';
    END IF;
END
$$;
COMMENT ON FUNCTION confiture.check_basis(jsonb) IS
'Compares this database with what a plan was made from: an error when an object that the plan is about is another one. A migration whose header says "-- confiture: basis=..." is compared so before it is applied, by confiture.migrate_up(), CALL confiture.migrate() (before the first statement, not when it goes on) and dry runs.
Arguments: basis, as confiture.plan_between() returns it: an object of identities, each with a hash of what belongs to it, or "-" when it must not be there. Owners, grants and comments count only where they have an entry of their own.
Errors: CF020 the schema has moved: DETAIL says what; 22023 not a basis.
Example: SELECT confiture.check_basis(''{"table public.orders": "-"}'');';

-- The same for the header of a script.
CREATE OR REPLACE FUNCTION confiture._check_basis(script text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    word text := confiture._directives(script) ->> 'basis';
BEGIN
    IF word IS NOT NULL THEN
        PERFORM confiture.check_basis(confiture._basis_read(word));
    END IF;
END
$$;
