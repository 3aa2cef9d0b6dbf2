#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The raw plugin opens files while it is in the directory of the user and
# is the user that started it: relative paths, -u and the background work.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires_client

# daemon PIDFILE ARGS...: nbdkit in the background, ended by its pid.
daemon () {
    local i
    (cd "$tmp" && nbdkit -P "$@")
    cleanup_fn end "$1"
    for (( i = 0; i < 500; i++ )); do
        [[ ! -s $1 ]] || return 0
        sleep 0.02
    done
    fail "no pid file"
}
end () {
    local pid i
    pid=$(cat "$1") || return 0
    kill "$pid" 2>/dev/null || :
    for (( i = 0; i < 500; i++ )); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.02
    done
}

truncate -s 1M "$tmp/disk"
daemon "$tmp/pid" -U "$tmp/sock" raw disk
client "$tmp/sock" <<< 'h.pwrite(b"daemon", 0); h.flush()'
[[ $(head -c 6 "$tmp/disk") == daemon ]] || fail "not written"
[[ $(readlink "/proc/$(cat "$tmp/pid")/cwd") == / ]] || fail "not in /"
end "$tmp/pid"

mkdir "$tmp/d"
truncate -s 1M "$tmp/d/disk"
daemon "$tmp/pid2" -U "$tmp/sock2" raw dir=d
client "$tmp/sock2" disk <<< 'h.pwrite(b"dir", 0)'
[[ $(head -c 3 "$tmp/d/disk") == dir ]] || fail "not written"
end "$tmp/pid2"

# What has gone from its directory is served on.
daemon "$tmp/pid3" -U "$tmp/sock3" raw disk cache=none
rm "$tmp/disk"
client "$tmp/sock3" <<< 'assert h.pread(6, 0) == b"daemon"'
end "$tmp/pid3"

# As a user that could not open it.
if (( EUID == 0 )) && id nobody > /dev/null 2>&1; then
    truncate -s 1M "$tmp/disk"
    chmod 600 "$tmp/disk"
    # nobody writes the pid file.
    chmod 711 "$tmp"
    mkdir -m 777 "$tmp/run"
    for cache in default direct; do
        nbdkit -U - raw "$tmp/disk" cache=$cache --run : || continue
        pid=$tmp/run/$cache
        daemon "$pid" -u nobody -U "$tmp/sock-$cache" \
            raw disk cache=$cache
        [[ $(stat -c %U "/proc/$(cat "$pid")") == nobody ]] ||
            fail "not running as nobody"
        client "$tmp/sock-$cache" <<< 'h.pwrite(b"nobody", 0); h.flush()'
        end "$pid"
        [[ $(head -c 6 "$tmp/disk") == nobody ]] || fail "not written"
    done
fi
