#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A cache in a folder, by the key or the id of the disk, for many servers.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires_client
requires_filter log
cd "$tmp"
mkdir caches
random_file disk 1M
cp disk copy
cached=(--filter=layer-sqlite --filter=log raw disk logfile=below
        layer-sqlite-cache-dir=caches)

# What was read is there for the next server; nobody writes to it.
start_nbdkit sock "${cached[@]}" layer-sqlite-cache-key=golden
client sock <<< 'assert h.is_read_only()
assert h.pread(65536, 0) == open("disk", "rb").read(65536)'
stop_nbdkit sock
[[ $(ls caches) == golden.dbhd ]] || fail "in the folder: $(ls caches)"
rm below
start_nbdkit sock "${cached[@]}" layer-sqlite-cache-key=golden
client sock <<< 'assert h.pread(65536, 0) == open("disk", "rb").read(65536)'
stop_nbdkit sock
! grep ' Read ' below || fail "it was not kept"

# Another layer over it takes what is written.
start_nbdkit sock --filter=layer-ram "${cached[@]}" \
             layer-sqlite-cache-key=golden
client sock <<< 'h.pwrite(b"x" * 512, 0)
assert h.pread(512, 0) == b"x" * 512'
stop_nbdkit sock
start_nbdkit sock "${cached[@]}" layer-sqlite-cache-key=golden
client sock <<< 'assert h.pread(512, 0) == open("disk", "rb").read(512)'
stop_nbdkit sock

# Without a key, by the id that a disk has.
rm caches/*
start_nbdkit sock vhd1 new.vhd create=1M
id=$(nbdinfo "$(uri sock)" | sed -n 's/.*disk-id=//p')
stop_nbdkit sock
[[ $id ]] || fail "no id"
start_nbdkit sock --filter=layer-sqlite vhd1 new.vhd \
             layer-sqlite-cache-dir=caches
client sock <<< 'h.pread(512, 0)'
stop_nbdkit sock
[[ $(ls caches) == "$id.dbhd" ]] || fail "in the folder: $(ls caches)"
rm caches/*

# No key leads out of the folder.
for key in ../../etc/passwd . .. a/b 'x y' '%'; do
    start_nbdkit sock "${cached[@]}" layer-sqlite-cache-key="$key"
    client sock <<< 'h.pread(512, 0)'
    stop_nbdkit sock
done
for file in %2e.%2f..%2fetc%2fpasswd %2e %2e. a%2fb x%20y %25; do
    [[ -e caches/$file.dbhd ]] || fail "no $file"
    rm "caches/$file.dbhd"
done
[[ ! $(ls -A caches) ]] || fail "more than that: $(ls -A caches)"

# Many make one at the same time: all of them serve, one has the cache.
for i in {1..6}; do
    start_nbdkit "race$i" "${cached[@]}" layer-sqlite-cache-key=race
done
clients=()
for i in {1..6}; do
    nbdcopy "$(uri "race$i")" "copy$i" &
    clients+=($!)
done
for i in "${clients[@]}"; do
    wait "$i"
done
for i in {1..6}; do
    stop_nbdkit "race$i"
    cmp disk "copy$i"
done
[[ $(ls -A caches) == race.dbhd ]] || fail "left behind: $(ls -A caches)"
others=$(grep -l 'another process has the cache' race*.log | wc -l)
(( others == 5 )) || fail "$others of 6 went on without the cache"
cmp disk copy
