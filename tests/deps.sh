#!/bin/bash
# Installs what is missing on a Debian system to build, run and test Confiture:
# Debian packages (needs root only if one is missing), then Python packages
# into .venv. Nothing else outside of the repository is changed.
#
#   tests/deps.sh [PYTHON]
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}

packages=(
    postgresql-15 postgresql-server-dev-15 postgresql-plpython3-15
    postgresql-15-pgtap libtap-parser-sourcehandler-pgtap-perl
    gcc libc6-dev make git python3 python3-venv python3-dev
    chromium-headless-shell # the tests of the board look at it
)
missing=()
for package in "${packages[@]}"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
        missing+=("$package")
    fi
done
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "Missing Debian packages: ${missing[*]}" >&2
        echo "Install them as root: apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    # No server of the system is wanted, only its programs.
    conf=/etc/postgresql-common/createcluster.conf
    if [ ! -e $conf ]; then
        mkdir -p "$(dirname $conf)"
        echo "create_main_cluster = false" >$conf
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}"
fi

[ -x .venv/bin/python ] || "$python" -m venv .venv
# The Debian version of pip has no need to be newer than it is.
PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install -q -e '.[dev]'
