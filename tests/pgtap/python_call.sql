-- Migrations in Python with CALL confiture.migrate(), which commits: in a database of its own.
SET client_min_messages = error;
DROP DATABASE IF EXISTS cf_python;
CREATE DATABASE cf_python;
\c cf_python
SET client_min_messages = error;
CREATE EXTENSION pgtap;
CREATE EXTENSION confiture_py CASCADE;
SELECT plan(11);

CREATE TABLE numbers (n int PRIMARY KEY, square bigint);
SELECT confiture.register_migration('1', 'numbers', $py$from confiture import Migration


class Numbers(Migration):
    def up(self):
        for n in range(1, 6):
            self.execute("INSERT INTO numbers VALUES ($1, $2)", [n, n * n])
        self.log("five numbers")

    def down(self):
        self.execute("DELETE FROM numbers")
$py$, language => 'python');
SELECT confiture.register_migration('2', 'broken', $py$from confiture import Migration


class Broken(Migration):
    def up(self):
        self.execute("UPDATE numbers SET square = 0")
        self.execute("SELECT 1 / min(square) FROM numbers")
$py$, language => 'python');

-- psql shows what a person sees.
\set seen `psql -X -d cf_python -c 'CALL confiture.migrate()' 2>&1`
SELECT matches(:'seen'::text, E'NOTICE:  migration 1 "numbers" \\(up\\): five numbers\n', 'log() is a notice');
SELECT matches(:'seen'::text, E'ERROR:  division by zero\nQUERY:  SELECT 1 / min\\(square\\) FROM numbers\nCONTEXT:  migration 2 "broken" \\(up\\), Python line 7$',
    'the error has its statement and its line');
SELECT is((SELECT string_agg(version || ' ' || state, ', ') FROM confiture.migrate_status()), '1 applied, 2 pending',
    'the first is applied, the second is not');
SELECT is((SELECT sum(square) FROM numbers), 55::numeric, 'nothing of the second is left');
SELECT is(row(state, sqlstate, message)::text, '(failed,22012,"division by zero")', 'the failure is on record')
FROM confiture.history(1);
SELECT is(row(context, statement)::text, row('migration 2 "broken" (up), Python line 7', 'SELECT 1 / min(square) FROM numbers')::text,
    'with its place and its statement')
FROM confiture.migration_log ORDER BY id DESC LIMIT 1;
SELECT is(row(statements, rows_affected)::text, '(5,5)', 'what the first did is on record, too')
FROM confiture.migration_log WHERE version = '1';

\set seen `psql -X -v VERBOSITY=verbose -d cf_python -c 'SELECT confiture.migrate_up()' 2>&1`
SELECT matches(:'seen'::text, 'ERROR:  22012: division by zero\n', 'migrate_up(): the same');
SELECT is((SELECT count(*) FROM confiture.migration_log WHERE version = '2' AND state = 'failed'), 2::bigint, 'and it is on record');

SELECT confiture.unregister_migration('2');
CALL confiture.migrate('down');
SELECT is_empty('SELECT FROM numbers', 'down');
CALL confiture.migrate();
SELECT is((SELECT count(*) FROM numbers), 5::bigint, 'and up again');

SELECT * FROM finish();
\c postgres
DROP DATABASE cf_python;
