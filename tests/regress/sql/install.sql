--
-- CREATE EXTENSION and DROP EXTENSION; what every object must have.
--
CREATE EXTENSION confiture;
SELECT extname, extversion = confiture.version() AS library_is_of_this_version, extrelocatable
FROM pg_extension WHERE extname = 'confiture';

-- Everything is in its own schema.
SELECT DISTINCT n.nspname
FROM pg_depend AS d JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'confiture');

-- Everything in that schema belongs to the extension.
SELECT p.oid::regprocedure FROM pg_proc AS p
WHERE p.pronamespace = 'confiture'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');
SELECT c.oid::regclass FROM pg_class AS c
WHERE c.relnamespace = 'confiture'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p')
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');

-- What pg_dump keeps: the history.
SELECT c::regclass AS dumped FROM pg_extension, unnest(extconfig) AS c
WHERE extname = 'confiture' AND c::regclass::text ~ '\.(migration|tb_confiture|migration_log|migration_progress|hook)'
ORDER BY c::regclass::text COLLATE "C";

-- Tables and sequences that pg_dump would lose (none but the rules, which are a part of the extension).
SELECT c.oid::regclass AS lost FROM pg_class AS c
WHERE c.relnamespace = 'confiture'::regnamespace AND c.relkind IN ('r', 'p', 'S')
    AND c.oid <> ALL (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'confiture')
ORDER BY c.oid::regclass::text COLLATE "C";

-- Public functions without a comment, or with one that has no example (none).
SELECT p.oid::regprocedure AS undocumented FROM pg_proc AS p
WHERE p.pronamespace = 'confiture'::regnamespace AND p.proname NOT LIKE '\_%'
    AND coalesce(obj_description(p.oid, 'pg_proc'), '') NOT LIKE '%Example:%'
ORDER BY 1;

-- Tables without a comment (none).
SELECT c.oid::regclass AS undocumented FROM pg_class AS c
WHERE c.relnamespace = 'confiture'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND obj_description(c.oid, 'pg_class') IS NULL;

-- Every public argument is named.
SELECT p.oid::regprocedure AS nameless FROM pg_proc AS p
WHERE p.pronamespace = 'confiture'::regnamespace AND p.pronargs > 0 AND (p.proargnames IS NULL OR '' = ANY (p.proargnames));

-- Functions in SQL and PL/pgSQL pin search_path. What changes intents runs with its owner's rights, so that
-- nobody writes their tables but by these functions.
SELECT p.oid::regprocedure AS unpinned FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = 'confiture'::regnamespace AND l.lanname IN ('sql', 'plpgsql')
    AND NOT coalesce(p.proconfig, '{}') && '{"search_path=pg_catalog, pg_temp"}';
SELECT p.oid::regprocedure AS security_definer FROM pg_proc AS p
WHERE p.pronamespace = 'confiture'::regnamespace AND p.prosecdef
ORDER BY p.oid::regprocedure::text COLLATE "C";

-- Not twice; not elsewhere; the schema is its own.
CREATE EXTENSION confiture;
DROP SCHEMA confiture;
ALTER EXTENSION confiture SET SCHEMA public;

-- DROP leaves nothing behind, and tells who depends on it.
CREATE VIEW applied AS SELECT version FROM confiture.tb_confiture;
DROP EXTENSION confiture;
DROP VIEW applied;
DROP EXTENSION confiture;
SELECT count(*) AS left_over FROM pg_namespace WHERE nspname = 'confiture';

-- And it can come again, in the same session.
CREATE EXTENSION confiture;
SELECT count(*) AS migrations FROM confiture.migrate_status();
DROP EXTENSION confiture;
