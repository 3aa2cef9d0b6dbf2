#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Block status of a layer: its own sectors as they are, all others as the
# disk below says.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires_client
cd "$tmp"
random_file data 64K
truncate -s 1M disk
dd if=data of=disk bs=64K seek=4 conv=notrunc status=none
start_nbdkit raw -r raw disk
[[ $(map raw) == $'0 262144 3\n262144 65536 0\n327680 720896 3' ]] ||
    skip "$tmp is on a file system without SEEK_DATA"

for filter in $(layer_filters); do
    start_layer $filter $filter raw disk
    diff <(map raw) <(map $filter)

    # A sector over a hole, a tombstone over data, and trim over data.
    client $filter <<'PYTHON'
h.pwrite(b"x" * 512, 8192)
h.zero(4096, 262144 + 8192)
h.pwrite(b"y" * 1536, 700000 // 512 * 512)
h.trim(512, 700000 // 512 * 512 + 512)
assert extents(512, 8192) == [(512, 0)]
assert extents(100, 8192 + 100) == [(100, 0)]
assert extents(1 << 20, 0, nbd.CMD_FLAG_REQ_ONE) == [(8192, 3)]
for count in 1 << 20, (1 << 32) - 1:
    e = fails(h.block_status, count, 512, lambda *a: 0)
    assert e in (0, errno.EINVAL), e
PYTHON
    cat > wanted <<'WANTED'
0 8192 3
8192 512 0
8704 253440 3
262144 8192 0
270336 4096 3
274432 53248 0
327680 372224 3
699904 512 0
700416 512 3
700928 512 0
701440 347136 3
WANTED
    diff wanted <(map $filter)
done
