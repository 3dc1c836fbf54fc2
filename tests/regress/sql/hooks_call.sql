--
-- Hooks around CALL confiture.migrate(), and what on_error is told.
--
CREATE EXTENSION confiture;
CREATE TABLE trace (id int GENERATED ALWAYS AS IDENTITY, what text, context jsonb);
CREATE FUNCTION trace(what text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO trace (what, context) VALUES (what, nullif(current_setting('confiture.hook_context', true), '')::jsonb)
$$;
SELECT confiture.register_hook(phase, phase, 'sql', format('SELECT trace(%L)', phase))
FROM unnest('{before_migrate,after_migrate,before_each,after_each,on_error}'::text[]) AS phase;
SELECT confiture.register_migration('1', 'one', 'SELECT trace(''1'')', 'SELECT trace(''-1'')');
SELECT confiture.register_migration('2', 'two', E'-- confiture: transaction=off\nSELECT trace(''2'')', 'SELECT trace(''-2'')');
CALL confiture.migrate();
SELECT string_agg(what, ' ' ORDER BY id) FROM trace;
SELECT context FROM trace WHERE context IS NOT NULL ORDER BY id;
TRUNCATE trace;
CALL confiture.migrate();
SELECT count(*) AS hooks_for_nothing FROM trace;
CALL confiture.migrate('down', steps => 2);
SELECT string_agg(what, ' ' ORDER BY id) FROM trace;
TRUNCATE trace;

-- on_error is told, and what it does stays.
SELECT confiture.register_migration('3', 'three', 'SELECT trace(''3''); SELECT 1/0');
CALL confiture.migrate();
SELECT string_agg(what, ' ' ORDER BY id) FROM trace;
SELECT context FROM trace WHERE what = 'on_error';
TRUNCATE trace;
SELECT confiture.register_migration('3', 'three', E'-- confiture: transaction=off\nSELECT trace(''3'');\nSELECT 1/0');
CALL confiture.migrate();
SELECT string_agg(what, ' ' ORDER BY id) FROM trace;
SELECT context FROM trace WHERE what = 'on_error';
SELECT confiture.forget('3');
TRUNCATE trace;
SELECT confiture.register_migration('3', 'three', 'SELECT trace(''3''); SELECT 1/0');
SELECT confiture.migrate_up();
SELECT what, context FROM trace;
TRUNCATE trace;

-- A before-hook that fails.
SELECT confiture.register_migration('3', 'three', 'SELECT trace(''3'')');
SELECT confiture.register_hook('before_each', 'before_each', 'sql', E'SELECT trace(''before_each'');\nDO $$ BEGIN\n  IF current_setting(''confiture.hook_context'')::jsonb ->> ''version'' = ''3'' THEN RAISE ''not this one''; END IF;\nEND $$;');
SELECT confiture.register_migration('4', 'four', 'SELECT trace(''4'')');
CALL confiture.migrate();
SELECT string_agg(what, ' ' ORDER BY id) FROM trace;
SELECT version, state FROM confiture.migrate_status();
SELECT version, direction, state, sqlstate, message FROM confiture.migration_log ORDER BY id DESC LIMIT 1;
SELECT context FROM trace WHERE what = 'on_error';
TRUNCATE trace;
SELECT confiture.unregister_hook('before_each', 'before_each');
SELECT confiture.register_hook('before_migrate', 'before_migrate', 'sql', 'SELECT trace(''x''); SELECT 1/0');
CALL confiture.migrate();
SELECT string_agg(what, ' ' ORDER BY id) FROM trace;
SELECT version, direction, state, sqlstate, message FROM confiture.migration_log ORDER BY id DESC LIMIT 1;
TRUNCATE trace;
SELECT confiture.unregister_hook('before_migrate', 'before_migrate');

-- An after-hook and an on_error-hook that fail: a warning, the migration stays.
SELECT confiture.register_hook('after_each', 'after_each', 'sql', E'SELECT trace(''undone'');\nSELECT 1/0');
SELECT confiture.register_hook('after_migrate', 'after_migrate', 'sql', 'SELECT nope');
CALL confiture.migrate();
SELECT string_agg(what, ' ' ORDER BY id) FROM trace;
SELECT version, state FROM confiture.migrate_status();
SELECT confiture.unregister_hook('after_each', 'after_each');
SELECT confiture.unregister_hook('after_migrate', 'after_migrate');
SELECT confiture.register_hook('on_error', 'on_error', 'sql', 'SELECT trace(''undone''); SELECT nope');
SELECT confiture.register_migration('5', 'five', 'SELECT 1/0');
CALL confiture.migrate();
SELECT version, direction, state, sqlstate, message FROM confiture.migration_log ORDER BY id DESC LIMIT 1;

DROP EXTENSION confiture;
DROP TABLE trace;
DROP FUNCTION trace(text);
