-- Facts side by side, and the normal forms of what is written in them.

CREATE OR REPLACE FUNCTION confiture._changed_facts(
    source jsonb, target jsonb, OUT identity text, OUT source_fact jsonb, OUT target_fact jsonb)
RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT ROWS 100 AS 'MODULE_PATHNAME', 'confiture_changed_facts';

-- Facts of two snapshots whose texts differ and are equal when this database's server has
-- parsed and written them again; and those of which only a scratch database can tell.
CREATE OR REPLACE FUNCTION confiture._normal_forms(
    source jsonb, target jsonb, scratch boolean, OUT equal text[], OUT undecided text[])
LANGUAGE c STRICT
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET xmlbinary = 'base64'
SET check_function_bodies = off
AS 'MODULE_PATHNAME', 'confiture_normal_forms';
