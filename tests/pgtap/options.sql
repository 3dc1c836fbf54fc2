-- Options: what is unknown or of the wrong kind is an error that says what would be right.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture;
\ir lib/failure.psql

SELECT no_plan();

CREATE FUNCTION pg_temp.said(call text, options text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', code, message, hint) FROM pg_temp.failure(format(call, quote_literal(options)))
$$;
CREATE TEMP TABLE call (name text, text text);
INSERT INTO call VALUES ('a difference', 'SELECT * FROM confiture.diff(''{}'', ''{}'', %s)'),
    ('drift', 'SELECT * FROM confiture.drift(''{}'', %s)'),
    ('a build', 'SELECT confiture.build(''{"a.sql": ""}'', %s)'),
    ('a plan', 'SELECT confiture.plan_between(''{}'', ''{}'', %s)'),
    ('a proof', 'SELECT confiture.prove(''{}'', ''{}'', ''{}'', %s)');

SELECT ok(pg_temp.said(text, '[1]') LIKE '22023 the options of ' || name || ' must be an object For example {%}.', 'no object: ' || name) FROM call;
SELECT ok(pg_temp.said(text, '{"nope": 1, "z": 2}') LIKE '22023 unknown option ''nope'' of ' || name || ' The options are: %, %.', 'unknown: ' || name) FROM call;
SELECT is(pg_temp.said(text, options), expected, format('%s: %s', name, options))
FROM call JOIN (VALUES
    ('a difference', '{"online": 1}', '22023 option ''online'' of a difference must be true or false It is 1.'),
    ('a difference', '{"ignore": "a"}', '22023 option ''ignore'' of a difference must be an array of strings It is a.'),
    ('a difference', '{"equal": ["a", 1]}', '22023 option ''equal'' of a difference must be an array of strings It is ["a", 1].'),
    ('a difference', '{"equal": [["a"]]}', '22023 option ''equal'' of a difference must be an array of strings It is [["a"]].'),
    ('a difference', '{"renames": []}', '22023 option ''renames'' of a difference must be an object It is [].'),
    ('a difference', '{"owner": {}}', '22023 option ''owner'' of a difference must be a string It is {}.'),
    ('drift', '{"schemas": {"a": "b"}}', '22023 option ''schemas'' of drift must be an array of strings It is {"a": "b"}.'),
    ('a build', '{"migrations": 1}', '22023 option ''migrations'' of a build must be an array It is 1.'),
    ('a plan', '{"rows_limit": "1"}', '22023 option ''rows_limit'' of a plan must be a number It is 1.'),
    ('a plan', '{"using": 1}', '22023 option ''using'' of a plan must be an object It is 1.'),
    ('a plan', '{"rows": "x"}', '22023 option rows can''t be ''x'' The values are none, sample and generated.'),
    ('a proof', '{"groups": {}}', '22023 option ''groups'' of a proof must be an array It is {}.')) AS wrong (called, options, expected) ON called = name;
SELECT is(confiture._check_options(NULL, '{}', 'x', '{}'), '{}', 'none');
SELECT is(confiture._check_options('{"a": null, "b": []}', '{"a": "string", "b": "strings"}', 'x', '{}'), '{"b": []}', 'what is null is not given');

SELECT * FROM finish();
ROLLBACK;
