#!/bin/bash
# Runs pgTAP, pg_regress and the isolation tester against a running server.
#
#   tests/cluster.sh tests/run-sql.sh [pgtap] [regress] [isolation]
#
# Without arguments, all three. The server is the one of PGHOST and PGPORT, the
# tools are those of PG_CONFIG; works for PostgreSQL 15 to 18. Ends with a
# status other than 0 when anything has failed, or could not be run.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
pg_config=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
bindir=$("$pg_config" --bindir)
tools=$("$pg_config" --pkglibdir)/pgxs/src/test
out=$(mktemp -d "${TMPDIR:-/tmp}/cf-sql.XXXXXX")
trap 'rm -rf "$out"' EXIT
export PATH=$bindir:$PATH PGDATABASE=postgres
failed=0

# Prints how many assertions have passed and failed, from the report of pg_prove.
# A file that stopped before its end counts as a failure of its own.
summarise() {
    awk '
        /Wstat: / {
            for (i = 1; i < NF; i++)
                if ($i == "Failed:") { n = $(i + 1) + 0; failures += n; if (n == 0) broken++ }
        }
        /^Files=/ { split($2, tests, "="); total += tests[2] }
        END { printf "pgTAP: %d passed, %d failed\n", total - failures, failures + broken }
    ' "$1"
}

# Each file in a database of its own.
run_pgtap() {
    status=0
    for file in "$here"/pgtap/*.sql; do
        psql -X -q -c 'DROP DATABASE IF EXISTS pgtap_confiture WITH (FORCE)' \
            -c 'CREATE DATABASE pgtap_confiture' 2>"$out/psql" || { cat "$out/psql"; return 1; }
        pg_prove -d pgtap_confiture "$file" >"$out/one" 2>&1 || status=1
        cat "$out/one" >>"$out/pgtap"
        grep -vE '^(All tests successful|Result: PASS|Files=)' "$out/one"
    done
    psql -X -q -c 'DROP DATABASE IF EXISTS pgtap_confiture WITH (FORCE)'
    summarise "$out/pgtap"
    return $status
}

# Runs pg_regress or pg_isolation_regress, which take the same options.
run_schedule() {
    name=$1
    tool=$2
    mkdir -p "$out/$name"
    "$tool" --inputdir="$here/$name" --outputdir="$out/$name" --bindir="$bindir" \
        --dbname="${name}_confiture" --schedule="$here/$name/schedule" >"$out/$name.log" 2>&1
    status=$?
    if [ $status -eq 0 ]; then
        tail -5 "$out/$name.log" | grep -iE 'all .* tests? passed' | tr -d '#' | sed "s/^ */$name: /"
    else
        cat "$out/$name.log"
        cat "$out/$name/regression.diffs" 2>/dev/null
    fi
    psql -X -q -c "DROP DATABASE IF EXISTS ${name}_confiture WITH (FORCE)" 2>/dev/null
    return $status
}

for suite in "${@:-pgtap regress isolation}"; do
    for part in $suite; do
        case $part in
            pgtap) run_pgtap ;;
            regress) run_schedule regress "$tools/regress/pg_regress" ;;
            isolation) run_schedule isolation "$tools/isolation/pg_isolation_regress" ;;
            *) echo "run-sql.sh: there is no suite \"$part\"" >&2; false ;;
        esac || { echo "$part: FAILED"; failed=1; }
    done
done
exit $failed
