#!/bin/bash
# Confiture's main job, on a private server that is gone afterwards.
#
#   make demo          builds what is missing, then runs this
#   examples/demo.sh   once the extension is staged (make stage)
#
# Works on a copy of examples/shop. Every step is checked: the script ends with
# an error as soon as one does not do what its heading says.
set -euo pipefail
exec </dev/null

top=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${CONFITURE_DEMO:-}" ]; then
    CONFITURE_DEMO=1 exec "$top/tests/cluster.sh" "$top/examples/demo.sh"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$top/examples/shop" "$work/shop"
cd "$work/shop"
export PATH=$top/.venv/bin:$PATH PGDATABASE=shop PGOPTIONS='-c client_min_messages=warning'
export DATABASE_URL="host=$PGHOST port=$PGPORT user=$PGUSER dbname=$PGDATABASE"
bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
number=0

# The heading of a step.
step() {
    number=$((number + 1))
    printf '\n%s%d. %s%s\n' "$bold" "$number" "$*" "$plain"
}

# Shows a command, runs it, and ends the demo if its exit code is not the expected one.
run() {
    local expected=0 code=0 shown='' word
    if [ "$1" = --exit ]; then expected=$2; shift 2; fi
    for word in "$@"; do
        case $word in
            *\'*) shown+=" \"$word\"" ;;
            *[!a-zA-Z0-9_./=:-]*) shown+=" '$word'" ;;
            *) shown+=" $word" ;;
        esac
    done
    printf '\n$%s\n' "$shown"
    "$@" 2>&1 | tee "$work/output" || code=${PIPESTATUS[0]}
    [ "$code" = "$expected" ] || fail "exit code $code, expected $expected:$shown"
}

# Ends the demo if the last output does not have this text.
expect() {
    grep -qF -- "$1" "$work/output" || fail "expected in the output: $1"
}

fail() {
    printf '\nThe demo has failed: %s\n' "$*" >&2
    exit 1
}

step 'Create the extension, in a new database'
run createdb shop
run psql -X -q -c 'CREATE EXTENSION confiture' -c 'CREATE EXTENSION confiture_py CASCADE'
run psql -X -c 'SELECT confiture.version()'

step 'What is there to do? Ten migrations, in db/migrations'
run confiture migrate status
expect '10 pending.'

step 'Apply the first six: tables, rows, and three indexes built CONCURRENTLY'
run confiture migrate up --target 006
expect '6 migrations applied'

step 'Try the backfill of 007 first: everything runs, is measured, and is rolled back; then go on'
run confiture migrate up --target 007 --dry-run-execute --yes
expect 'measured, then rolled back'
expect 'blocks reads and writes: public.orders (AccessExclusiveLock)'
expect '1 migration applied'

step 'Apply the rest: a migration in Python, a partitioned table, a materialized view'
run confiture migrate up
expect 'applied in'
run confiture migrate status
expect '10 applied.'

step 'A migration with a mistake: the error has file, line and column, and nothing is left behind'
cp mistake/*.sql db/migrations/
run cat db/migrations/011_add_loyalty_points.up.sql
run --exit 1 confiture migrate up
expect 'at db/migrations/011_add_loyalty_points.up.sql:9:33'
expect 'STATE: Nothing of 011 was applied.'
run psql -X -c "SELECT to_regclass('loyalty_points') IS NULL AS nothing_is_left"
expect ' t'

step 'Mend it, look what it would do without running anything, and apply it'
script=$(<db/migrations/011_add_loyalty_points.up.sql)
printf '%s\n' "${script/totel/total}" >db/migrations/011_add_loyalty_points.up.sql
run confiture migrate up --dry-run
expect 'nothing was executed'
expect 'blocks writes: public.customers (ShareRowExclusiveLock)'
run confiture migrate up
expect '1 migration applied'

step 'Take the newest three back, and apply them again'
run confiture migrate down --steps 3
expect '3 migrations taken back'
run confiture migrate up
expect '3 migrations applied'

step 'The same from psql: everything is a function'
run psql -X -c 'SELECT version, name, state, applied_at FROM confiture.migrate_status()'
expect '(11 rows)'
run psql -X -c 'SELECT version, name, direction, statements FROM confiture.migrate_down()'
run psql -X -c 'SELECT version, name, direction, rows_affected FROM confiture.migrate_up()'
expect ' 011 '
run psql -X -x -c "SELECT command, execution_time_ms, rewrites, jsonb_pretty(locks) AS locks, error
    FROM confiture.dry_run('ALTER TABLE order_lines ALTER COLUMN unit_price TYPE numeric(12, 4)')"
expect '"mode": "AccessExclusiveLock"'
expect '{public.order_lines}'

step 'What happened: the log keeps every attempt, the failed one too'
run confiture migrate history --limit 10
expect '42703 column o.totel does not exist'
run confiture migrate status --check
expect '11 applied.'

printf '\nDone: %d steps, each as expected. The server is stopped and removed now.\n' "$number"
