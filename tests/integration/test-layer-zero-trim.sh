#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Zeroes are remembered, and what was trimmed shows zeroes or what was
# there, never what is below a change.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
random_file "$tmp/disk" 4M
cp "$tmp/disk" "$tmp/copy"

for filter in $(layer_filters); do
    sock=$tmp/$filter
    start_layer "$sock" "$filter" raw "$tmp/disk"
    client "$sock" <<PYTHON
disk = open("$tmp/disk", "rb").read()
model = bytearray(disk)

def zero(count, offset, flags=0):
    h.zero(count, offset, flags)
    model[offset:offset + count] = bytes(count)

def check():
    assert h.pread(len(model), 0) == model

zero(4096, 0)
zero(1, 5000)
zero(513, 70001, nbd.CMD_FLAG_FUA)
zero(1 << 20, 1 << 20, nbd.CMD_FLAG_NO_HOLE)
zero(65536, 3 << 20, nbd.CMD_FLAG_FAST_ZERO)
check()
h.pwrite(b"again" * 100, 1 << 20)
model[1 << 20:(1 << 20) + 500] = b"again" * 100
check()

# Trim of changes: zeroes, and so they stay.
h.pwrite(b"z" * 65536, 2 << 20)
h.trim(65536, 2 << 20)
model[2 << 20:(2 << 20) + 65536] = bytes(65536)
check()
# Of less than a sector: nothing.
h.pwrite(b"small" * 200, 100000)
model[100000:101000] = b"small" * 200
h.trim(100, 100100)
check()
# Of what is only below: no change that anybody could see.
h.trim(8192, 500 * 512, nbd.CMD_FLAG_FUA)
check()
# And of everything: each sector is as it was or zero.
h.trim(len(disk), 0)
now = h.pread(len(disk), 0)
for i in range(0, len(disk), 512):
    assert now[i:i + 512] in (model[i:i + 512], bytes(512)), i
assert h.pread(len(disk), 0) == now
PYTHON
    stop_nbdkit "$sock"
    cmp "$tmp/disk" "$tmp/copy"
done
