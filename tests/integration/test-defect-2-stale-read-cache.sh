#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# OpenVMM, disk_layered: with a read cache below another layer, a request
# that the upper layer cuts in pieces returned garbage for what the cache
# had already, as only what was missing was copied to the client.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
requires_filter layer-sqlite
cd "$tmp"
random_file disk 256K
cp disk copy
cache=(--filter=layer-sqlite raw disk layer-sqlite-file=cache.dbhd
       layer-sqlite-read-cache=true)

# Sectors 3, 11, 19... are in the cache already.
start_nbdkit sock "${cache[@]}"
client sock <<< 'for i in range(3, 512, 8): h.pread(512, i * 512)'
stop_nbdkit sock

# Sectors 2, 10, 18... are in the layer on top.
start_nbdkit sock --filter=layer-ram "${cache[@]}"
client sock <<'PYTHON'
model = bytearray(open("disk", "rb").read())
for i in range(2, 512, 8):
    h.pwrite(b"t" * 512, i * 512)
    model[i * 512:i * 512 + 512] = b"t" * 512
for count in 4, 8, 100, 512:
    for start in range(0, 512 - count + 1, 7):
        assert (h.pread(count * 512, start * 512) ==
                model[start * 512:(start + count) * 512]), (start, count)
PYTHON
stop_nbdkit sock

# The cache has nothing but what the disk has.
start_nbdkit sock "${cache[@]}"
client sock <<< 'assert h.pread(1 << 18, 0) == open("disk", "rb").read()'
stop_nbdkit sock
cmp disk copy
