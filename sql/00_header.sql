\echo Use "CREATE EXTENSION confiture" to load this file. \quit

-- Confiture: PostgreSQL schema evolution that lives inside PostgreSQL.
-- Every name is written out; every function pins search_path; PUBLIC may
-- execute nothing (90_privileges.sql).

CREATE SCHEMA confiture;
COMMENT ON SCHEMA confiture IS 'Confiture: migrations, dry runs and analysis of schema changes; coordination of those who make them.';
SET LOCAL search_path = pg_catalog, pg_temp;
