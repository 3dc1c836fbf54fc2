\echo Use "CREATE EXTENSION confiture_py" to load this file. \quit

-- Confiture: migrations and hooks written in Python.

CREATE SCHEMA confiture_py;
COMMENT ON SCHEMA confiture_py IS 'Confiture: migrations and hooks written in Python.';
SET LOCAL search_path = pg_catalog, pg_temp;
