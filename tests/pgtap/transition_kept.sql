-- Transitions: what hangs on the tables, and is not said by any definition, is there at the end, and after an abort.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS confiture;
SELECT plan(8);

\ir lib/transition.psql

-- In a tablespace of its own, that is in the data directory.
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE transition_kept LOCATION '';

-- What hangs on the tables of a schema.
CREATE FUNCTION kept(schema text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s: %s, %s, %s, %s', c.relname, coalesce(s.spcname, 'default'), i.indisclustered,
        (SELECT array_agg(greatest(coalesce(a.attstattarget, -1), -1) ORDER BY a.attnum) FROM pg_attribute AS a WHERE a.attrelid = c.oid), obj_description(c.oid))
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid LEFT JOIN pg_tablespace AS s ON s.oid = c.reltablespace
    WHERE c.relnamespace = schema::regnamespace AND NOT i.indisprimary
    UNION ALL
    SELECT format('%s: %s', o.conname, obj_description(o.oid, 'pg_constraint')) FROM pg_constraint AS o
    WHERE o.connamespace = schema::regnamespace AND o.contype IN ('u', 'f')
    ORDER BY 1
$$;
SELECT tables('CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p, v text, w int UNIQUE) WITH (toast.autovacuum_enabled = off)',
    'CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, p int CONSTRAINT refers REFERENCES p, v text, w int CONSTRAINT once UNIQUE USING INDEX TABLESPACE transition_kept);
    CREATE INDEX by_length ON t (p, (length(v))) TABLESPACE transition_kept; CREATE INDEX by_p ON t (p); ALTER TABLE t CLUSTER ON by_p;
    ALTER INDEX by_length ALTER COLUMN 2 SET STATISTICS 77;
    COMMENT ON CONSTRAINT refers ON t IS ''it''''s a reference''; COMMENT ON CONSTRAINT once ON t IS ''once''; COMMENT ON INDEX by_p IS ''by p''');
INSERT INTO a.p VALUES (1);
INSERT INTO a.t VALUES (1, 1, 'v', 1);
CREATE TEMPORARY TABLE before AS SELECT * FROM kept('b') AS k;
SELECT set_eq('SELECT * FROM before', ARRAY['by_length: transition_kept, f, {-1,77}, ', 'by_p: default, t, {-1}, by p', 'once: once', 'once: transition_kept, f, {-1}, ',
    'refers: it''s a reference'], 'as it is made');
SELECT confiture.transition_create('t', 'a', 'b') AS made \gset
CALL confiture.transition_run('t', 'captured');
SELECT is_empty($$SELECT * FROM kept('b')$$, 'it is taken off');
SELECT confiture.transition_abort('t') AS aborted \gset
SELECT set_eq($$SELECT * FROM kept('b')$$, 'SELECT * FROM before', 'an abort gives it back');
SELECT confiture.transition_create('t', 'a', 'b') AS made \gset
CALL confiture.transition_run('t');
SELECT set_eq($$SELECT * FROM kept('b')$$, 'SELECT * FROM before', 'the mirror has it');
SELECT is((SELECT x.reloptions FROM pg_class AS c JOIN pg_class AS x ON x.oid = c.reltoastrelid WHERE c.oid = 'b.t'::regclass), '{autovacuum_enabled=off}',
    'storage parameters of the table of long values are taken over');
SELECT is(current_setting('default_tablespace'), '', 'the session has its own tablespace');
CALL confiture.transition_run('t', 'contracted');
SELECT set_eq($$SELECT * FROM kept('a')$$, 'SELECT * FROM before', 'it is there at the end');

-- Not where the owner may not create.
CREATE ROLE transition_keeper;
SELECT tables('CREATE TABLE t (id int PRIMARY KEY, v text)', 'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE INDEX by_v ON t (v) TABLESPACE transition_kept');
GRANT USAGE, CREATE ON SCHEMA a, b TO transition_keeper;
ALTER TABLE a.t OWNER TO transition_keeper;
ALTER TABLE b.t OWNER TO transition_keeper;
SELECT confiture.transition_create('t', 'a', 'b') AS made \gset
CALL confiture.transition_run('t');
SELECT set_eq($$SELECT * FROM kept('b')$$, ARRAY['by_v: default, f, {-1}, '], 'but to the default tablespace');
SELECT confiture.transition_abort('t') AS aborted \gset
DROP SCHEMA a CASCADE;
DROP SCHEMA b CASCADE;
DROP ROLE transition_keeper;
DROP TABLESPACE transition_kept;
SELECT * FROM finish();
