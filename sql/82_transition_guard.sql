-- Transitions: who may change what is stored of them.
--
-- All functions run with the rights of who calls them, who may therefore write these tables directly, too.
-- What stands in them is run, as the owners of the tables (transition_rights.c), by whoever moves the transition on.

CREATE OR REPLACE FUNCTION confiture._transition_check_text(expression text) RETURNS boolean
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'confiture_transition_check_text';

CREATE OR REPLACE FUNCTION confiture._transition_definition(relation regclass, "constraint" text, definition text) RETURNS text
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'confiture_transition_definition';

-- Raises an error unless the caller has the rights of the owners of some relations, those that are there.
CREATE OR REPLACE FUNCTION confiture._transition_check_owned(relations oid[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    others text := (SELECT string_agg(format('%I.%I', n.nspname, c.relname), ', ' ORDER BY n.nspname, c.relname)
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = ANY (relations) AND NOT pg_has_role(c.relowner, 'USAGE'));
BEGIN
    IF others IS NOT NULL THEN
        RAISE EXCEPTION 'you do not own %', others USING ERRCODE = 'CF030',
            HINT = 'Run the transition as the owner of both tables, or as a superuser.';
    END IF;
END
$$;

-- Raises an error unless the caller has the rights of all owners of the tables of a transition; of who has
-- made it, while it has no tables, or none any more.
CREATE OR REPLACE FUNCTION confiture._transition_check_mover(transition integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relations oid[] := ARRAY(SELECT c.oid FROM confiture.transition_table AS p
        JOIN pg_class AS c ON c.oid IN (p.source, p.target) WHERE p.transition = _transition_check_mover.transition);
    maker name;
BEGIN
    IF relations <> '{}' THEN
        PERFORM confiture._transition_check_owned(relations);
        RETURN;
    END IF;
    SELECT t.created_by INTO maker FROM confiture.transition AS t WHERE t.id = transition;
    IF maker <> session_user AND NOT EXISTS (SELECT FROM pg_roles AS r
            WHERE pg_has_role(r.oid, 'USAGE') AND (r.rolname = maker OR (r.rolname = current_user AND r.rolsuper))) THEN
        RAISE EXCEPTION 'the transition was made by %', quote_ident(maker) USING ERRCODE = 'insufficient_privilege',
            HINT = 'That role, or a superuser, can change it.';
    END IF;
END
$$;

-- The trigger of confiture.transition.
CREATE OR REPLACE FUNCTION confiture._transition_guard() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other name;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM confiture._transition_check_mover(OLD.id);
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.id, NEW.source_schema, NEW.target_schema, NEW.created_by)
            <> (OLD.id, OLD.source_schema, OLD.target_schema, OLD.created_by) THEN
        RAISE EXCEPTION 'the schemas of a transition stay what they are' USING ERRCODE = 'insufficient_privilege',
            HINT = 'Abort it, and create another one.';
    END IF;
    SELECT n.nspname INTO other FROM pg_namespace AS n
    WHERE NEW.options ->> 'swap' = 'schema' AND n.nspname IN (NEW.source_schema, NEW.target_schema) AND NOT pg_has_role(n.nspowner, 'USAGE');
    IF FOUND THEN
        RAISE EXCEPTION 'you do not own schema %', quote_ident(other) USING ERRCODE = 'CF030',
            HINT = 'Only who owns both schemas can let them change places: use {"swap": "rename"}.';
    END IF;
    RETURN NEW;
END
$$;

-- The trigger of confiture.transition_table.
CREATE OR REPLACE FUNCTION confiture._transition_table_guard() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item record;
BEGIN
    PERFORM confiture._transition_check_mover(CASE TG_OP WHEN 'INSERT' THEN NEW.transition ELSE OLD.transition END);
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    PERFORM confiture._transition_check_owned(ARRAY[NEW.source, NEW.target, NEW.log]::oid[]
        || ARRAY(SELECT r.value::oid FROM jsonb_array_elements(NEW.sequences) AS s (value), jsonb_each_text(s.value) AS r
            WHERE r.key IN ('own', 'used', 'sequence')));
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.transition) <> (OLD.id, OLD.transition) THEN
            RAISE EXCEPTION 'a pair of tables stays in its transition' USING ERRCODE = 'insufficient_privilege';
        ELSIF (NEW.columns, NEW.back, NEW.absent) = (OLD.columns, OLD.back, OLD.absent)
                AND NEW.condition IS NOT DISTINCT FROM OLD.condition THEN
            RETURN NEW;
        END IF;
        -- What was copied by one mapping is not mirrored by another one.
        SELECT t.name, t.state INTO item FROM confiture.transition AS t WHERE t.id = NEW.transition AND t.state <> 'planned';
        IF FOUND THEN
            RAISE EXCEPTION 'transition % is %: the mapping of % can''t be changed any more', quote_literal(item.name), item.state, NEW.source_name
                USING ERRCODE = 'CF031', HINT = 'Abort it, and create it again with another mapping.';
        END IF;
    END IF;
    FOR item IN SELECT e.key, e.value FROM jsonb_each_text(NEW.columns) AS e UNION ALL SELECT e.key, e.value FROM jsonb_each_text(NEW.back) AS e
            UNION ALL SELECT e.key, e.value FROM jsonb_each_text(NEW.absent) AS e UNION ALL SELECT 'when', NEW.condition LOOP
        BEGIN
            PERFORM confiture._transition_check_text(item.value);
        EXCEPTION WHEN syntax_error THEN
            RAISE EXCEPTION 'the mapping of % is refused', NEW.source_name USING ERRCODE = 'CF030',
                DETAIL = format('%s: column %I: %s', NEW.source_name, item.key, SQLERRM), HINT = 'Correct the mapping.';
        END;
    END LOOP;
    RETURN NEW;
END
$$;

-- The trigger of confiture.transition_pace, confiture.transition_remote and confiture.transition_remote_table.
CREATE OR REPLACE FUNCTION confiture._transition_part_guard() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    other jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
BEGIN
    PERFORM confiture._transition_check_mover(coalesce((x.value ->> 'transition')::integer,
        (SELECT p.transition FROM confiture.transition_table AS p WHERE p.id = (x.value ->> 'pair')::integer)))
    FROM (VALUES (one), (other)) AS x (value) WHERE x.value IS NOT NULL;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    PERFORM confiture._transition_check_owned(ARRAY[to_regclass(other ->> 'stand_in')]::oid[]);
    RETURN NEW;
END
$$;

-- The triggers of confiture.transition_chunk: there are many rows, so that they look at all of a statement at once.
CREATE OR REPLACE FUNCTION confiture._transition_chunk_guard() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM confiture._transition_check_mover(p.transition) FROM confiture.transition_table AS p
        WHERE p.id IN (SELECT c.pair FROM before AS c) GROUP BY p.transition;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM confiture._transition_check_mover(p.transition) FROM confiture.transition_table AS p
        WHERE p.id IN (SELECT c.pair FROM after AS c) GROUP BY p.transition;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER guard_insert AFTER INSERT ON confiture.transition_chunk
REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION confiture._transition_chunk_guard();
CREATE OR REPLACE TRIGGER guard_update AFTER UPDATE ON confiture.transition_chunk
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION confiture._transition_chunk_guard();
CREATE OR REPLACE TRIGGER guard_delete AFTER DELETE ON confiture.transition_chunk
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION confiture._transition_chunk_guard();
CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON confiture.transition
FOR EACH ROW EXECUTE FUNCTION confiture._transition_guard();
CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON confiture.transition_table
FOR EACH ROW EXECUTE FUNCTION confiture._transition_table_guard();
CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON confiture.transition_pace
FOR EACH ROW EXECUTE FUNCTION confiture._transition_part_guard();
CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON confiture.transition_remote
FOR EACH ROW EXECUTE FUNCTION confiture._transition_part_guard();
CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON confiture.transition_remote_table
FOR EACH ROW EXECUTE FUNCTION confiture._transition_part_guard();
