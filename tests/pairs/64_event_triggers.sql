-- Event triggers.

-- pair: event_trigger_added
-- from:
-- to:
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER et ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE') EXECUTE FUNCTION ddl();
COMMENT ON EVENT TRIGGER et IS 'et';

-- pair: event_trigger_event
-- base:
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
-- from:
CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION ddl();
COMMENT ON EVENT TRIGGER et IS 'stays';
-- to:
CREATE EVENT TRIGGER et ON sql_drop EXECUTE FUNCTION ddl();
COMMENT ON EVENT TRIGGER et IS 'stays';

-- pair: event_trigger_tags
-- base:
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
-- from:
CREATE EVENT TRIGGER et ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION ddl();
-- to:
CREATE EVENT TRIGGER et ON ddl_command_start WHEN TAG IN ('DROP TABLE', 'CREATE TABLE') EXECUTE FUNCTION ddl();

-- pair: event_trigger_enabled
-- base:
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER e1 ON ddl_command_end EXECUTE FUNCTION ddl();
CREATE EVENT TRIGGER e2 ON ddl_command_end EXECUTE FUNCTION ddl();
-- from:
ALTER EVENT TRIGGER e1 DISABLE;
-- to:
ALTER EVENT TRIGGER e1 ENABLE REPLICA;
ALTER EVENT TRIGGER e2 ENABLE ALWAYS;

-- pair: event_trigger_changed_while_disabled
-- base:
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
-- from:
CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION ddl();
ALTER EVENT TRIGGER et DISABLE;
-- to:
CREATE EVENT TRIGGER et ON table_rewrite EXECUTE FUNCTION ddl();
ALTER EVENT TRIGGER et DISABLE;

-- pair: event_trigger_function
-- from:
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION ddl();
-- to:
CREATE FUNCTION ddl2() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION ddl2();

-- pair: event_trigger_that_forbids
-- from:
-- to:
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no more tables'; END $$;
CREATE TABLE t (a integer);
CREATE INDEX i ON t (a);
COMMENT ON TABLE t IS 'made before';
CREATE EVENT TRIGGER et ON ddl_command_start WHEN TAG IN ('CREATE TABLE', 'CREATE INDEX') EXECUTE FUNCTION ddl();
