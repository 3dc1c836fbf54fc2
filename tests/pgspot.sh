#!/bin/bash
# Judges the scripts of the extensions with pgspot: there must be no finding.
#
#   tests/pgspot.sh DIRECTORY    where the built scripts are
set -euo pipefail
pgspot="$(dirname "$0")/../.venv/bin/pgspot"
"$pgspot" "$1"/confiture--*.sql
# pgspot can't read Python; it judges the rest of that script.
"$pgspot" --ignore-lang plpython3u "$1"/confiture_py--*.sql
