#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A bounded cache of writes loses none of them.  nbdkit's cache filter of
# 1.32 forgets blocks that were not written down when it must make room,
# and tells a client that what it has not written down yet is a hole; the
# same commands show that layered does neither.  The cache filter is only
# reported on: once it is right, the test says so and passes.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
requires_filter cache

limit=4M
cd "$tmp"
export TMPDIR=$tmp              # where the cache filter keeps its file

# upstream NAME: start it over the empty disk NAME.
upstream () {
    truncate -s 64M "$1"
    start_nbdkit "$1.sock" --filter=cache file "$1" cache-max-size=$limit
}

# ours NAME
ours () {
    truncate -s 64M "$1"
    start_nbdkit "$1.sock" --filter=layered file "$1" \
                 layered-layer=ram,max=$limit,read-cache,write-back
}

# How many of 512 blocks of 64K are wrong when they are read back, without
# and with a flush before; whether a fresh block is said to be a hole; how
# many blocks are not below before the flush, which are those that are held.
check () {                      # NAME
    client "$1.sock" <<'PYTHON'
SIZE, N = 65536, 512

def block(i, version):
    return bytes([i % 255 + 1, i // 255 + 1, version, 0xa5]) * (SIZE // 4)

def wrong(version):
    return sum(h.pread(SIZE, i * SIZE) != block(i, version)
               for i in range(N))

h.pwrite(block(1000, 9), N * SIZE)
found = extents(SIZE, N * SIZE)
print("holes", sum(flags & nbd.STATE_HOLE != 0 for _, flags in found))
for i in range(N):
    h.pwrite(block(i, 1), i * SIZE)
print("lost", wrong(1))
with open(sys.argv[1].removesuffix(".sock"), "rb") as below:
    print("held", sum(below.read(SIZE) != block(i, 1) for i in range(N)))
for i in range(N):
    h.pwrite(block(i, 2), i * SIZE)
h.flush()
print("lost-flushed", wrong(2))
PYTHON
}

# on_disk FILE: how many of the blocks of the last round are not in it.
on_disk () {
    python3 - "$1" <<'PYTHON'
import sys
data = open(sys.argv[1], "rb").read()
print("lost-below", sum(
    data[i * 65536:(i + 1) * 65536] !=
    bytes([i % 255 + 1, i // 255 + 1, 2, 0xa5]) * 16384
    for i in range(512)))
PYTHON
}

# report NAME: all numbers, one a line.
report () {
    check "$1"
    stop_nbdkit "$1.sock"
    on_disk "$1"
}

upstream cache
report cache >cache.report
cat cache.report
if grep -v ^held cache.report | grep -qv ' 0$'; then
    echo "the cache filter loses writes or denies them"
else
    echo "this version of the cache filter loses nothing"
fi

requires_filter layered
ours layered
report layered >layered.report
cat layered.report
(( $(wc -l <layered.report) == 5 )) || fail "layered: not all was checked"
held=$(sed -n 's/^held //p' layered.report)
(( held <= 64 )) || fail "layered keeps $held blocks in $limit"
! grep -v ^held layered.report | grep -v ' 0$' ||
    fail "layered lost or denied something"
