#!/bin/bash
# Runs a command with a private PostgreSQL server around it.
#
#   tests/cluster.sh COMMAND [ARGUMENT...]
#
# The server lives in a temporary folder, listens on a Unix socket only, finds
# the staged build of the extension, and is gone when the command has ended.
# PGHOST, PGPORT, PGUSER, PGDATABASE are set for the command; PGDATA too.
# PG_CONFIG chooses the server; STAGE the folder that `make install DESTDIR=`
# filled (default build/stageMAJOR). CLUSTER_CONF: more lines for
# postgresql.conf. CLUSTER_FSYNC=on: data on disk, flushed; else they are in
# memory where there is room: making and dropping databases all the time makes
# ext4 look for inodes most of the time. Works as root (the server then runs as
# the user postgres) and as an ordinary user.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
pg_config=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
bindir=$("$pg_config" --bindir)
major=$("$pg_config" --version | grep -oE '[0-9]+' | head -1)
stage=${STAGE:-$top/build/stage$major}
root=$(mktemp -d /tmp/cf.XXXXXX)
data=$root/data
memory=

as_server() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

stop() {
    status=$?
    trap - EXIT
    if [ -f "$data/postmaster.pid" ]; then
        as_server "$bindir/pg_ctl" -D "$data" -m immediate -w stop >/dev/null 2>&1 || true
    fi
    if [ $status -ne 0 ] && [ -n "${CLUSTER_LOG:-}" ]; then
        cp "$root/log" "$CLUSTER_LOG" 2>/dev/null || true
    fi
    rm -rf "$root" ${memory:+"$memory"}
    exit $status
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

chmod 755 "$root"
# The stage is copied to where the server's user can read it, whatever the
# rights of the folders above the repository.
cp -r "$stage" "$root/stage"
chmod -R a+rX "$root/stage"
if [ "$(id -u)" = 0 ]; then chown postgres "$root"; fi

# Kilobytes that are free in /dev/shm, and in memory.
room() {
    df -k --output=avail /dev/shm | tail -1
    sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo
}
if [ "${CLUSTER_FSYNC:-off}" = off ] && [ -w /dev/shm ] && [ "$(room | sort -n | head -1)" -gt 4000000 ]; then
    memory=$(mktemp -d /dev/shm/cf.XXXXXX)
    if [ "$(id -u)" = 0 ]; then chown postgres "$memory"; fi
    ln -s "$memory" "$data"
fi

as_server "$bindir/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N >"$root/initdb.log" 2>&1 ||
    { cat "$root/initdb.log" >&2; exit 1; }
{
    echo "listen_addresses = ''"
    echo "unix_socket_directories = '$root'"
    echo "fsync = ${CLUSTER_FSYNC:-off}"
    echo "max_connections = 60"
    echo "max_worker_processes = 12"
    echo "max_prepared_transactions = 5"
    echo "log_min_messages = warning"
    if [ "$major" -ge 18 ]; then
        echo "extension_control_path = '$root/stage$("$pg_config" --sharedir):\$system'"
        echo "dynamic_library_path = '$root/stage$("$pg_config" --pkglibdir):\$libdir'"
    else
        echo "extension_destdir = '$root/stage'"
    fi
    printf '%s\n' "${CLUSTER_CONF:-}"
} | as_server tee -a "$data/postgresql.conf" >/dev/null
as_server "$bindir/pg_ctl" -D "$data" -l "$root/log" -w -t 60 start >/dev/null ||
    { cat "$root/log" >&2; exit 1; }

export PGHOST=$root PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PGDATA=$data
export PATH=$bindir:$PATH PG_CONFIG=$pg_config
unset PGSERVICE PGPASSWORD DATABASE_URL || true
# A make that a test runs is none of those around it.
unset MAKEFLAGS MFLAGS MAKELEVEL || true
"$@"
