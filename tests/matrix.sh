#!/bin/bash
# Runs the SQL and isolation suites, and the pairs of schemas, on the other major
# versions of PostgreSQL, each in a Debian release that ships it.
#
#   tests/matrix.sh [MAJOR...]        17 and 18 when none is given
#   tests/matrix.sh MAJOR COMMAND...  a command of your own with a server around it
#
# Each release lives in a folder of its own, build/matrix/rootMAJOR, made once
# by mmdebstrap from the mirror that this machine's apt uses. The sources are copied
# into it and built out of tree, with warnings as errors, unless that was done
# before. What was printed is kept in build/matrix/MAJOR.log.
# Needs root, for chroot. CHECK=off builds and tests with warnings allowed.
set -euo pipefail

suite_of() {
    case $1 in
        17) echo trixie ;;
        18) echo forky ;;
        *) echo "PostgreSQL $1 is not in the matrix: 17 or 18" >&2; return 1 ;;
    esac
}

# Inside of the root: builds, stages, runs the command with a server around it.
inside() {
    local major=$1
    shift
    export PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config STAGE=/stage
    local warnings=-Werror
    [ "${CHECK:-on}" = on ] || warnings=
    # What was built from the very same sources is used again.
    local key
    key="$warnings $(cd /src && find Makefile ./*.control extension sql -type f | LC_ALL=C sort |
        xargs sha256sum | sha256sum)"
    if [ "$(cat /stage/.key 2>/dev/null)" != "$key" ]; then
        rm -rf /build /stage
        mkdir -p /build/extension/core
        cd /build
        local makes=(make -s -j2 -f /src/Makefile VPATH=/src PG_CONFIG="$PG_CONFIG" PG_CFLAGS="$warnings")
        "${makes[@]}" all
        "${makes[@]}" install DESTDIR=/stage
        echo "$key" >/stage/.key
    fi
    cd /src
    tests/cluster.sh "$@"
}

if [ "${1:-}" = --inside ]; then
    shift
    inside "$@"
    exit
fi

top=$(cd "$(dirname "$0")/.." && pwd)
cache=$top/build/matrix

if [ "$(id -u)" != 0 ]; then
    echo "tests/matrix.sh needs root, for chroot" >&2
    exit 1
fi
if ! command -v mmdebstrap >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends mmdebstrap
fi

# The mirror of Debian that this machine uses.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
        sort -u | head -1
}

# Makes the root of a major version, if it is not there yet.
make_root() {
    local major=$1 root=$cache/root$1 suite packages
    suite=$(suite_of "$major")
    packages=postgresql-$major,postgresql-plpython3-$major,postgresql-$major-pgtap
    packages+=,libtap-parser-sourcehandler-pgtap-perl,postgresql-server-dev-$major,gcc,make,libc6-dev
    packages+=,python3-psycopg
    if [ "$(cat "$root/.packages" 2>/dev/null)" = "$suite $packages" ]; then
        return
    fi
    rm -rf "$root"
    # The Release file of a release in the making may be out of date.
    mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
        --setup-hook='mkdir -p "$1/etc/postgresql-common"; echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --include="$packages" "$suite" "$root" "$(mirror)"
    echo "$suite $packages" >"$root/.packages"
}

# Copies the sources.
copy_sources() {
    rm -rf "$1/src"
    mkdir "$1/src"
    tar -C "$top" --exclude='*.o' --exclude='*.so' --exclude='*.bc' --exclude=__pycache__ -cf - \
        Makefile confiture.control confiture_py.control extension sql tests |
        tar -C "$1/src" -xf -
}

# Runs a command with a server of this major version around it.
in_root() {
    local major=$1 root=$cache/root$1
    shift
    make_root "$major"
    copy_sources "$root"
    # Namespaces of its own: what is mounted and what runs in them ends with them.
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 CHECK="${CHECK:-on}" \
        CLUSTER_FSYNC="${CLUSTER_FSYNC:-off}" CLUSTER_CONF="${CLUSTER_CONF:-}" \
        unshare --mount --pid --fork --kill-child bash -c '
            set -e
            mount -t proc proc "$0/proc"
            mount -t tmpfs -o mode=1777 tmpfs "$0/dev/shm"
            mount -t tmpfs -o mode=1777 tmpfs "$0/tmp"
            exec chroot "$0" bash /src/tests/matrix.sh --inside "$@"' "$root" "$major" "$@"
}

mkdir -p "$cache"
if [ $# -ge 2 ] && ! suite_of "$2" >/dev/null 2>&1; then
    in_root "$@"
    exit
fi
[ $# -gt 0 ] || set -- 17 18
failed=0
for major in "$@"; do
    suite_of "$major" >/dev/null
    # Not in a condition: set -e would not hold in there.
    set +e
    (set -e; in_root "$major" bash -c 'tests/run-sql.sh; status=$?
        python3 tests/pairs/run.py --quiet --fast && exit $status') >"$cache/$major.log" 2>&1
    status=$?
    set -e
    grep -ohE '^(pgTAP|regress|isolation): .*|[0-9]+ pairs, [0-9]+ failed' "$cache/$major.log" | sed "s/^/PostgreSQL $major: /"
    if [ $status -eq 0 ]; then
        echo "PostgreSQL $major: passed"
    else
        failed=1
        tail -40 "$cache/$major.log"
        echo "PostgreSQL $major: failed, see build/matrix/$major.log"
    fi
done
exit $failed
