-- Migrations and hooks in Python: confiture_py.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION confiture_py CASCADE;
\ir lib/failure.psql
SELECT plan(160);

-- The source of a migration with these lines in up(); the first of them is line 6.
CREATE FUNCTION pg_temp.source(lines text) RETURNS text LANGUAGE sql AS $$
    SELECT E'from confiture import Migration\n\n\nclass M(Migration):\n    def up(self):\n        '
        || replace(lines, E'\n', E'\n        ') || E'\n'
$$;
-- Registers a source as migration 1 "m", runs it, and says what is wrong with it.
CREATE FUNCTION pg_temp.source_failure(
    source text, OUT code text, OUT message text, OUT detail text, OUT hint text, OUT context text)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM confiture.register_migration('1', 'm', source, language => 'python');
    SELECT f.* INTO code, message, detail, hint, context
    FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
    IF code IS NULL THEN
        PERFORM confiture.forget('1');
    END IF;
    PERFORM confiture.unregister_migration('1');
END
$$;
-- Runs lines of up(), and returns what they have given to say(), or the error.
CREATE TABLE public.said (id int GENERATED ALWAYS AS IDENTITY, what text);
CREATE FUNCTION pg_temp.said(lines text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    failed record;
BEGIN
    DELETE FROM public.said;
    SELECT * INTO failed FROM pg_temp.source_failure(pg_temp.source(
        E'import datetime, decimal, uuid\n'
        'def say(value): self.execute("INSERT INTO public.said (what) VALUES ($1)", [str(value)])\n' || lines));
    RETURN coalesce(failed.code || ' ' || failed.message,
        (SELECT string_agg(what, ' | ' ORDER BY id) FROM public.said));
END
$$;

-- The shape is a contract.
SELECT is(pg_get_function_arguments('confiture_py.check'::regproc), 'source text, kind text DEFAULT ''migration''::text', 'check(): arguments');
SELECT is(pg_get_function_result('confiture_py.check'::regproc), 'text', 'check(): result');
SELECT is(pg_get_function_arguments('confiture_py.grant_usage'::regproc), 'role name', 'grant_usage(): arguments');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p
    WHERE p.pronamespace = 'confiture_py'::regnamespace AND has_function_privilege('public', p.oid, 'EXECUTE')$$,
    'PUBLIC may execute nothing');
SELECT is(has_schema_privilege('public', 'confiture_py', 'USAGE'), false, 'PUBLIC may not look into the schema');

-- Up and down.
CREATE TABLE public.users (id int PRIMARY KEY, email text, country text);
INSERT INTO public.users SELECT i, format('user%s@example.%s', i, (ARRAY['fr', 'com'])[i % 2 + 1]) FROM generate_series(1, 10) AS i;
SELECT confiture.register_migration('007', 'fill', $py$"""Migration 007: fill the countries."""

from confiture import Migration


class Fill(Migration):
    """Takes the country from the domain of the address."""

    def up(self):
        rows = self.execute("SELECT id, email FROM users WHERE email LIKE $1 ORDER BY id", ["%.fr"])
        for row in rows:
            self.execute("UPDATE users SET country = $1 WHERE id = $2", ["FR", row["id"]])
        self.log(f"{len(rows)} users are in France")
        self.execute("CREATE TABLE filled (version text, name text, direction text)")
        self.execute("INSERT INTO filled VALUES ($1, $2, $3)", [self.version, self.name, self.direction])

    def down(self):
        self.execute("UPDATE users SET country = NULL; DROP TABLE filled")
$py$, language => 'python');
SELECT results_eq('SELECT version, name, direction, statements, rows_affected FROM confiture.migrate_up()',
    $$VALUES ('007', 'fill', 'up', 8, 11::bigint)$$, 'up: every statement and row counts');
SELECT is((SELECT string_agg(id::text, ' ' ORDER BY id) FROM public.users WHERE country = 'FR'), '2 4 6 8 10', 'up: has run');
SELECT is(f::text, '(007,fill,up)', 'a migration knows its version, name and direction') FROM public.filled AS f;
SELECT is(row(state, checksum_ok, language, reversible, transactional)::text, '(applied,t,python,t,t)', 'migrate_status()')
FROM confiture.migrate_status();
SELECT results_eq('SELECT version, direction, statements, rows_affected FROM confiture.migrate_down()',
    $$VALUES ('007', 'down', 2, 10::bigint)$$, 'down: two statements in one text are two');
SELECT is((SELECT count(country) FROM public.users), 0::bigint, 'down: has run');
SELECT hasnt_table('public', 'filled', 'down: all of it');
SELECT is(confiture.unregister_migration('007'), true, 'it can be unregistered');

-- Rows.
CREATE TYPE public.pair AS (a int, b text);
SELECT is(pg_temp.said(lines), expected, 'rows: ' || what) FROM (VALUES
    ('dictionaries', $$say(self.execute("SELECT 1 AS a, 'x' AS b UNION SELECT 2, NULL ORDER BY 1"))$$,
        $$[{'a': 1, 'b': 'x'}, {'a': 2, 'b': None}]$$),
    ('of RETURNING', $$say(self.execute("INSERT INTO users (id) VALUES (11) RETURNING id"))$$, $$[{'id': 11}]$$),
    ('of the last of several statements', $$say(self.execute("SELECT 1 AS a; SELECT 2 AS b;"))$$, $$[{'b': 2}]$$),
    ('a semicolon in a string is none', $$say(self.execute("SELECT 'a;b' AS a"))$$, $$[{'a': 'a;b'}]$$),
    ('none of SELECT', $$say(self.execute("SELECT 1 WHERE false"))$$, '[]'),
    ('none of UPDATE', $$say(self.execute("UPDATE users SET country = 'x'"))$$, '[]'),
    ('none of DDL', $$say(self.execute("CREATE TABLE more (a int)"))$$, '[]'),
    ('none of nothing', $$say(self.execute("-- nothing"))$$, '[]')
) AS t (what, lines, expected);
SELECT is(pg_temp.said(format('say(repr(self.execute("SELECT %s AS v")[0]["v"]))', value)), expected, 'read: ' || value) FROM (VALUES
    ('7::smallint', '7'), ('7::bigint', '7'), ('1.50::numeric', 'Decimal(''1.50'')'), ('0.5::float8', '0.5'), ('true', 'True'),
    ($$'a'::varchar$$, '''a'''), ('NULL', 'None'), ($$'\\x0001'::bytea$$, $$b'\x00\x01'$$),
    ($$'{{1,2},{3,NULL}}'::int[]$$, '[[1, 2], [3, None]]'), ($$ROW(1, 'a')::pair$$, $${'a': 1, 'b': 'a'}$$),
    ($$'{\"a\": [1, null, 1.5]}'::jsonb$$, $${'a': [1, None, 1.5]}$$), ($$'[1]'::json$$, '[1]'),
    ($$ARRAY['{}', NULL]::jsonb[]$$, '[{}, None]'),
    ($$'00000000-0000-0000-0000-000000000007'::uuid$$, $$UUID('00000000-0000-0000-0000-000000000007')$$),
    ($$'2024-02-29'::date$$, 'datetime.date(2024, 2, 29)'), ($$'10:30'::time$$, 'datetime.time(10, 30)'),
    ($$'2024-02-29 10:30'::timestamp$$, 'datetime.datetime(2024, 2, 29, 10, 30)'),
    ($$'2024-02-29 10:30+00'::timestamptz$$, 'datetime.datetime(2024, 2, 29, 10, 30, tzinfo=datetime.timezone.utc)'),
    ($$ARRAY['2024-02-29'::date]$$, '[datetime.date(2024, 2, 29)]'),
    ($$'infinity'::date$$, '''infinity'''), ($$'1 day'::interval$$, '''1 day''')
) AS t (value, expected), (SELECT set_config('TimeZone', 'UTC', true)) AS zone;

-- Parameters.
SELECT is(pg_temp.said(format('say(self.execute("SELECT pg_typeof($1)::text AS t", [%s])[0]["t"])', value)), expected,
    'type: ' || value) FROM (VALUES
    ('7', 'integer'), ('2**40', 'bigint'), ('2**80', 'numeric'), ('True', 'boolean'), ('0.5', 'double precision'),
    ('decimal.Decimal("1.50")', 'numeric'), ('"a"', 'text'), ('None', 'text'), ('b"a"', 'bytea'),
    ('datetime.date(2024, 2, 29)', 'date'), ('datetime.time(10)', 'time without time zone'),
    ('datetime.datetime(2024, 2, 29)', 'timestamp without time zone'),
    ('datetime.datetime.now(datetime.UTC)', 'timestamp with time zone'),
    ('datetime.timedelta(days=1)', 'interval'), ('uuid.UUID(int=7)', 'uuid'), ('{"a": 1}', 'jsonb'),
    ('[1, 2]', 'integer[]'), ('[1, 2**40, None]', 'bigint[]'), ('[1, 0.5]', 'double precision[]'), ('["a"]', 'text[]'),
    ('[[1], [2]]', 'integer[]'), ('[]', 'text[]'), ('[{"a": 1}]', 'jsonb')
) AS t (value, expected);
CREATE TYPE public.mood AS ENUM ('good', 'bad');
CREATE TYPE public.point3 AS (x int, y int, z int);
CREATE TABLE public.typed (m mood, ms mood[], u uuid, d date, j json, b jsonb, bs jsonb[], p point3, n numeric, s smallint, i interval, a text[]);
SELECT is(pg_temp.said(format('say(self.execute("INSERT INTO typed (%1$s) VALUES ($1) RETURNING %1$s::text", [%2$s])[0]["%1$s"])', field, value)),
    expected, format('the server finds the type: %s for %s', value, field)) FROM (VALUES
    ('m', '"bad"', 'bad'), ('ms', '["good", "bad"]', '{good,bad}'), ('ms', '[]', '{}'),
    ('u', '"00000000-0000-0000-0000-000000000007"', '00000000-0000-0000-0000-000000000007'), ('d', '"2024-02-29"', '2024-02-29'),
    ('j', '{"a": "ü"}', '{"a": "ü"}'), ('b', '[1, 2]', '[1, 2]'), ('b', 'True', 'true'), ('b', '"[3]"', '[3]'), ('b', 'None', 'None'),
    ('bs', '[{"a": 1}, None]', '{"{\"a\": 1}",NULL}'), ('p', '{"x": 1, "y": 2, "z": None}', '(1,2,)'), ('p', '(1, 2, 3)', '(1,2,3)'),
    ('n', '0.1', '0.1'), ('s', '7', '7'), ('i', 'datetime.timedelta(days=-1, seconds=1)', '-1 days +00:00:01'), ('a', '("a", "b")', '{a,b}')
) AS t (field, value, expected);
SELECT is(pg_temp.said($$for value in (1, "two", None): say(self.execute("SELECT $1 AS v", [value])[0]["v"])$$), '1 | two | None',
    'one statement, values of several types');
SELECT is(pg_temp.said($$say(self.execute("SELECT substr('abc', $1) || lower($2) AS v", [2, "X"]))$$), $$[{'v': 'bcx'}]$$, 'arguments of functions');
SELECT is(pg_temp.said($$say(self.execute("SELECT count(*) AS v FROM users WHERE id = ANY($1) AND email > $2", [[1, 2, 3], ""]))$$), $$[{'v': 3}]$$,
    'arrays in conditions');

-- Errors: SQLSTATE, message, line.
SELECT is(row(f.code, f.message, substring(f.context FROM '(?n)^migration 1 "m" \(up\)(?:, Python line (\d+))?$'))::text,
    row(t.code, t.message, t.line)::text, 'fails: ' || what) FROM (VALUES
    ('in SQL', 'x = 1' || E'\n' || 'self.execute("SELECT 1/0")', '22012', 'division by zero', '7'),
    ('SQL syntax', 'self.execute("SELEC 1")', '42601', 'syntax error at or near "SELEC"', '6'),
    ('an unknown table', 'self.execute("INSERT INTO nope VALUES ($1)", [1])', '42P01', 'relation "nope" does not exist', '6'),
    ('an own SQLSTATE', 'self.execute("DO $$ BEGIN RAISE no_data_found USING MESSAGE = ''none''; END $$")', 'P0002', 'none', '6'),
    ('a SQLSTATE of nobody', 'self.execute("DO $$ BEGIN RAISE EXCEPTION ''mine'' USING ERRCODE = ''ZZ123''; END $$")', 'ZZ123', 'mine', '6'),
    ('Python', 'if True:' || E'\n' || '    int("x")', '38000', 'ValueError: invalid literal for int() with base 10: ''x''', '7'),
    ('an exception without a message', 'assert 1 == 2', '38000', 'AssertionError', '6'),
    ('a name', 'nope()', '38000', 'NameError: name ''nope'' is not defined', '6'),
    ('sys.exit()', 'import sys; sys.exit(1)', '38000', 'SystemExit: 1', '6'),
    ('a NUL', 'raise ValueError("a\0b")', '38000', 'ValueError: a\0b', '6'),
    ('plpy.error()', 'import plpy; plpy.error("no", sqlstate="ZZ001")', 'ZZ001', 'no', '6'),
    ('plpy.error() by default', 'import plpy; plpy.error("no")', 'P0001', 'no', '6'),
    ('plpy.execute()', 'import plpy; plpy.execute("SELECT 1/0")', '22012', 'division by zero', '6'),
    ('COMMIT', 'self.execute("COMMIT")', 'CF009', 'COMMIT is not allowed in a migration in Python', '6'),
    ('SAVEPOINT among others', 'self.execute("SELECT 1; SAVEPOINT a")', 'CF009', 'SAVEPOINT is not allowed in a migration in Python', '6'),
    ('CREATE INDEX CONCURRENTLY', 'self.execute("CREATE INDEX CONCURRENTLY ON users (email)")', 'CF004',
        'CREATE INDEX CONCURRENTLY cannot run inside a transaction block', '6'),
    ('COPY', 'self.execute("COPY users FROM stdin")', '0A000', 'COPY from stdin or to stdout is not supported in a migration in Python', '6'),
    ('a dict for parameters', 'self.execute("SELECT %(a)s", {"a": 1})', '38000', 'TypeError: params must be a list or a tuple, not dict', '6'),
    ('a str for parameters', 'self.execute("SELECT $1", "a")', '38000', 'TypeError: params must be a list or a tuple, not str', '6'),
    ('too many values', 'self.execute("SELECT $1::int", [1, 2])', '38000', 'TypeError: number of parameters (1) and of values (2) differ', '6'),
    ('too few values', 'self.execute("SELECT $1::int, $2::int", [1])', '38000', 'TypeError: number of parameters (2) and of values (1) differ', '6'),
    ('a bad value', 'self.execute("SELECT $1::int", ["x"])', '22P02', 'invalid input syntax for type integer: "x"', '6'),
    ('parameters of two statements', 'self.execute("SELECT $1::int; SELECT 2", [1])', '42601',
        'only one statement can have parameters, and this is 2', '6'),
    ('bytes for SQL', 'self.execute(b"SELECT 1")', '38000', 'TypeError: execute() takes SQL as a str, not as bytes', '6'),
    ('a NUL in SQL', 'self.execute("SELECT 1\0")', '38000', 'ValueError: SQL must not contain NUL', '6'),
    ('a generator', 'yield self.execute("SELECT 1")', '42P17', 'up() has returned a generator: nothing of it has run', NULL),
    ('a cancel that is caught', E'try:\n    self.execute("DO $$ BEGIN RAISE query_canceled; END $$")\nexcept Exception: pass', '57014', 'query_canceled', '7'),
    ('a cancel that is caught with all means', E'try:\n    self.execute("DO $$ BEGIN RAISE query_canceled; END $$")\nexcept: pass', '57014',
        'query_canceled', '7')
) AS t (what, lines, code, message, line), LATERAL pg_temp.source_failure(pg_temp.source(lines)) AS f;
SELECT is(count(*), 0::bigint, 'nothing of a failed migration is left') FROM confiture.tb_confiture;

-- Errors: the rest.
CREATE FUNCTION public.check_age() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'too young' USING ERRCODE = 'ZZ018', DETAIL = 'Born yesterday.', HINT = 'Wait.';
END
$$;
CREATE TRIGGER t BEFORE DELETE ON public.users FOR EACH ROW EXECUTE FUNCTION public.check_age();
SELECT is(f::text, row('ZZ018', 'too young', 'Born yesterday.', 'Wait.',
    E'PL/pgSQL function check_age() line 3 at RAISE\nmigration 1 "m" (up), Python line 6')::text, 'a trigger: DETAIL, HINT, its place and ours')
FROM (SELECT code, message, detail, hint, split_part(context, E'\nPL/pgSQL function pg_temp', 1)
      FROM pg_temp.source_failure(pg_temp.source('self.execute("DELETE FROM users")'))) AS f;
SELECT matches(f.context, E'^Python line 2 in inner: return 1 / x\nPython line 7 in up: inner\\(0\\)\nmigration 1 "m" \\(up\\), Python line 2\\M',
    'the way through the source, the innermost first')
FROM pg_temp.source_failure(E'def inner(x):\n    return 1 / x\n\n\nclass M(Migration):\n    def up(self):\n        inner(0)\n') AS f;
SELECT is(f.detail, 'It comes from ZeroDivisionError: division by zero', 'the exception behind an exception')
FROM pg_temp.source_failure(pg_temp.source(E'try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError("bad") from e')) AS f;
SELECT is(f.hint, 'Ask Anne.', 'a note of an exception is its hint')
FROM pg_temp.source_failure(pg_temp.source(E'e = ValueError("bad")\ne.add_note("Ask Anne.")\nraise e')) AS f;
SELECT is(f.hint, 'Parameters are written $1, $2, ...', 'who writes %s is told')
FROM pg_temp.source_failure(pg_temp.source('self.execute("SELECT 1 WHERE 1 = %s", [1])')) AS f;
SELECT is(pg_temp.said(E'from confiture import DatabaseError\ntry:\n    self.execute("INSERT INTO users (id) VALUES (1)")\n'
    'except DatabaseError as e:\n    say(f"{e.sqlstate} {e} {e.detail}")'),
    '23505 duplicate key value violates unique constraint "users_pkey" Key (id)=(1) already exists.', 'an error can be caught, and the migration goes on');

-- The source as a whole.
SELECT is(row(f.code, f.message, substring(f.context FROM '(?n)^migration 1 "m" \(up\)(?:, Python line (\d+))?$'))::text,
    row(t.code, t.message, t.line)::text, 'source: ' || what) FROM (VALUES
    ('Python syntax', E'class M(Migration):\n    def up(self:\n', '42601', 'syntax error in Python: ''('' was never closed', '2'),
    ('indentation', E'class M(Migration):\ndef up(self): pass\n', '42601',
        'syntax error in Python: expected an indented block after class definition on line 1', '2'),
    ('empty', '', '42P17', 'there is no class that derives from Migration', NULL),
    ('no class', 'x = 1', '42P17', 'there is no class that derives from Migration', NULL),
    ('a class of nothing', E'class M:\n    def up(self): pass', '42P17', 'there is no class that derives from Migration', NULL),
    ('two classes', E'class A(Migration): pass\n\nclass B(Migration): pass', '42P17', '2 classes derive from Migration', '3'),
    ('no method', E'\n\nclass A(Migration): pass', '42P17', 'class A has no method up()', '3'),
    ('fails outside of the class', E'import nope\n', '38000', 'ModuleNotFoundError: No module named ''nope''', '1'),
    ('a base class of its own', E'class A(Migration):\n    def up(self): pass\nclass B(A): pass', NULL, NULL, NULL),
    ('a byte order mark, CRLF', E'\uFEFFclass A(Migration):\r\n    def up(self):\r\n        pass\r\n', NULL, NULL, NULL),
    ('the other name of the module', E'import confiture_py as c\nclass A(c.Migration):\n    def up(self): pass', NULL, NULL, NULL),
    ('dataclasses', E'from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\nclass A(Migration):\n    def up(self): P(1)',
        NULL, NULL, NULL),
    ('nothing is left of the one before', E'assert "seen" not in globals()\nseen = P = 1\nclass A(Migration):\n    def up(self): pass', NULL, NULL, NULL),
    ('nor of that', E'assert "seen" not in globals() and "P" not in globals()\nclass A(Migration):\n    def up(self): pass', NULL, NULL, NULL)
) AS t (what, source, code, message, line), LATERAL pg_temp.source_failure(source) AS f;
DO $$
import sys
assert not {"confiture", "confiture_py", "confiture_migration"} & set(sys.modules), "left behind"
$$ LANGUAGE plpython3u;
SELECT pass('the modules are gone after a run');

-- No way back.
SELECT confiture.register_migration('1', 'm', pg_temp.source('pass'), language => 'python');
SELECT confiture.migrate_up();
SELECT is(row(f.code, f.message, f.detail)::text, row('CF007', 'migration 1 "m" has no way back', 'Its class M has no method down().')::text,
    'a class without down()') FROM pg_temp.failure('SELECT confiture.migrate_down()') AS f;
SELECT is((SELECT state FROM confiture.migrate_status()), 'applied', 'and it stays applied');
DELETE FROM confiture.migration;
DELETE FROM confiture.tb_confiture;

-- The session's search_path holds, and what the migration sets ends with it.
CREATE SCHEMA app;
SET search_path = app, public;
SELECT is(pg_temp.said($$self.execute("CREATE TABLE here (a int); SET search_path = public; SET work_mem = '7MB'")$$), NULL, 'a migration with settings');
SELECT has_table('app', 'here', 'it ran under the search_path of the session');
SELECT is(current_setting('search_path') || current_setting('work_mem'), 'app, public4MB', 'what it has set is gone');
RESET search_path;

-- check().
SELECT is(confiture_py.check(pg_temp.source('raise ValueError("never run")')), 'ok', 'check(): does not run it');
SELECT is(confiture_py.check('1 / 0' || E'\nfrom confiture import Migration as Base\nclass A(Base):\n    def up(self): pass\nclass B(A): pass'), 'ok', 'check(): other names, own base classes');
SELECT is(confiture_py.check(E'class H(Hook):\n    def run(self): pass', 'hook'), 'ok', 'check(): a hook');
SELECT is(confiture_py.check(NULL), NULL, 'check(): nothing');
SELECT is(row(f.code, f.message, substring(f.context FROM '(?n)^script(?:, Python line (\d+))?$'))::text, row(t.code, t.message, t.line)::text, 'check(): ' || source)
FROM (VALUES
    ('x = = 1', 'migration', '42601', 'syntax error in Python: invalid syntax', '1'),
    ('x = 1', 'migration', '42P17', 'there is no class that derives from Migration', NULL),
    ('class M(Migration): pass', 'migration', '42P17', 'class M has no method up()', '1'),
    ('class M(Migration): pass', 'hook', '42P17', 'there is no class that derives from Hook', NULL),
    ('class M(Migration): pass', 'view', '22023', 'unknown kind ''view''', NULL)
) AS t (source, kind, code, message, line), LATERAL pg_temp.failure(format('SELECT confiture_py.check(%L, %L)', source, kind)) AS f;

-- Hooks.
SELECT confiture.register_hook('before_each', 'note', 'python', $py$
class Note(Hook):
    def run(self):
        self.execute("INSERT INTO said (what) VALUES ($1)", [" ".join(f"{k}={v}" for k, v in sorted(self.context.items()))])
$py$);
DELETE FROM public.said;
SELECT confiture.register_migration('1', 'm', 'SELECT 1');
SELECT confiture.migrate_up();
SELECT is((SELECT string_agg(what, ';') FROM public.said), 'direction=up name=m phase=before_each version=1', 'a hook knows its context');
DELETE FROM confiture.tb_confiture;
SELECT confiture.register_hook('before_each', 'note', 'python', E'class Note(Hook):\n    def run(self):\n        raise ValueError("not on a Friday")');
SELECT is(row(f.code, f.message)::text, row('CF011', 'hook "note" (before_each) failed: ValueError: not on a Friday')::text, 'a failing hook')
FROM pg_temp.script_failure('SELECT 2') AS f;
DELETE FROM confiture.hook;

-- Dry run.
SELECT confiture.register_migration('1', 'm', pg_temp.source('self.execute("CREATE TABLE dry (a int); INSERT INTO dry SELECT generate_series(1, 3)")'), language => 'python');
SELECT results_eq('SELECT version, rows_affected, error IS NULL FROM confiture.migrate_dry_run()', $$VALUES ('1', 3::bigint, true)$$, 'dry run: one row');
SELECT hasnt_table('public', 'dry', 'dry run: rolled back');
SELECT confiture.register_migration('1', 'm', pg_temp.source('self.execute("SELECT 1/0")'), language => 'python');
SELECT is((SELECT error ->> 'sqlstate' FROM confiture.migrate_dry_run()), '22012', 'dry run: its error');

-- Who may.
CREATE ROLE cf_python_migrator;
SELECT confiture.grant_usage('cf_python_migrator', 'migrator');
SELECT confiture.register_migration('1', 'm', pg_temp.source('pass'), language => 'python');
SET ROLE cf_python_migrator;
SELECT is(row(f.code, f.message)::text,
    row('42501', 'migration 1 "m" (up) is written in Python, and role "cf_python_migrator" may not run Python')::text, 'a migrator may not run Python')
FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT is((pg_temp.failure('SELECT confiture_py.check(''x'')')).code, '42501', 'nor check it');
RESET ROLE;
SELECT confiture_py.grant_usage('cf_python_migrator');
SET ROLE cf_python_migrator;
SELECT is(version, '1', 'grant_usage() lets it') FROM confiture.migrate_up();
SELECT is((pg_temp.failure('SELECT confiture_py.grant_usage(''pg_monitor'')')).code, '42501', 'who is granted may not grant');
RESET ROLE;

-- Without the extension.
DELETE FROM confiture.tb_confiture;
DROP EXTENSION confiture_py;
SELECT is(row(f.code, f.hint)::text, row('0A000', 'A superuser can install it: CREATE EXTENSION confiture_py CASCADE.')::text, 'confiture_py is not installed')
FROM pg_temp.failure('SELECT confiture.migrate_up()') AS f;
SELECT hasnt_schema('confiture_py', 'its schema goes with it');

SELECT * FROM finish();
ROLLBACK;
