--
-- Errors of a script as psql shows them: the statement, a caret, the place.
--
CREATE EXTENSION confiture;
\set SHOW_CONTEXT errors

-- While it is parsed.
SELECT confiture.register_migration('003', 'add_orders', E'CREATE TABLE orders (id int);\nCREATE TABLE lines (id int,);\n');
SELECT confiture.migrate_up();
CALL confiture.migrate();

-- While it is analysed.
SELECT confiture.register_migration('003', 'add_orders', E'CREATE TABLE orders (\n  id int,\n  näme text\n);\n\nINSERT INTO orders (id, näme)\n  SELECT 1, bogus\n  FROM orders;\nSELECT 1;');
SELECT confiture.migrate_up();
CALL confiture.migrate();

-- While it runs.
SELECT confiture.register_migration('003', 'add_orders', E'CREATE TABLE orders (id int PRIMARY KEY);\n  INSERT INTO orders VALUES (1), (1);');
SELECT confiture.migrate_up();
CALL confiture.migrate();

-- In a function that it calls.
SELECT confiture.register_migration('003', 'add_orders', E'CREATE FUNCTION f(a int) RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1 / a;\nEND $$;\nSELECT f(0);');
SELECT confiture.migrate_up();
CALL confiture.migrate();

-- In a DO block, in dynamic SQL.
SELECT confiture.register_migration('003', 'add_orders', E'DO $$\nBEGIN\n  EXECUTE ''SELECT nope'';\nEND $$;');
SELECT confiture.migrate_up();

-- In the body of a function that is created.
SELECT confiture.register_migration('003', 'add_orders', E'SELECT 1;\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETUR 1;\nEND $$;');
SELECT confiture.migrate_up();

-- In a worker.
SELECT confiture.register_migration('003', 'add_orders', E'CREATE TABLE orders (id int);\nCREATE INDEX CONCURRENTLY ON orders (nope);');
CALL confiture.migrate();
SELECT confiture.forget('003');
DROP TABLE orders;
SELECT confiture.register_migration('003', 'add_orders', E'-- confiture: transaction=off\nSELECT 1,\n  nope;');
CALL confiture.migrate();
SELECT confiture.register_migration('003', 'add_orders', E'-- confiture: transaction=off\nSELEC 1;');
CALL confiture.migrate();

-- What is not allowed in a script.
SELECT confiture.register_migration('003', 'add_orders', E'CREATE TABLE orders ();\nCOMMIT;\nCREATE TABLE lines ();');
SELECT confiture.migrate_up();
SELECT confiture.register_migration('003', 'add_orders', E'CREATE TABLE orders ();\nCREATE INDEX CONCURRENTLY ON orders ((1));');
SELECT confiture.migrate_up();
SELECT confiture.register_migration('003', 'add_orders', E'CREATE TABLE orders (id int);\nCOPY orders FROM stdin;\n1\none\n\\.\n');
SELECT confiture.migrate_up();

-- On the way back.
SELECT confiture.register_migration('003', 'add_orders', 'SELECT 1', E'DROP TABLE orders;\n');
SELECT confiture.baseline('003');
SELECT confiture.migrate_down();

-- What is wrong with the call, not with a script: there is no place.
\set SHOW_CONTEXT never
SELECT confiture.migrate_up('004');
SELECT confiture.forget('004');
SELECT confiture.register_migration('00 4', 'x', '');
\set SHOW_CONTEXT errors
SELECT confiture.statements('SELEC 1');

-- The log has what the client was told.
SELECT version, name, direction, state, sqlstate, message, detail, context, statement FROM confiture.migration_log
WHERE sqlstate IN ('42703', '23505', '22012') ORDER BY id;

DROP EXTENSION confiture;
