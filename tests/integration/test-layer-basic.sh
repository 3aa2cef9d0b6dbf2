#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Changes stay in the layer, whole sectors or not, for all connections;
# the disk below shows through and is never changed.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires_client
random_file "$tmp/disk" 1000000
cp "$tmp/disk" "$tmp/copy"

for filter in $(layer_filters); do
    sock=$tmp/$filter
    start_layer "$sock" "$filter" raw "$tmp/disk"
    nbdcopy "$(uri "$sock")" "$tmp/read"
    cmp "$tmp/disk" "$tmp/read"
    client "$sock" <<PYTHON
disk = open("$tmp/disk", "rb").read()
model = bytearray(disk)
other = nbd.NBD()
other.connect_unix(sys.argv[1])
assert h.can_multi_conn() and h.can_fua() and h.can_flush() and h.can_trim()
assert not h.is_read_only()

def write(data, offset, flags=0):
    h.pwrite(data, offset, flags)
    model[offset:offset + len(data)] = data
    assert other.pread(len(data), offset) == data

write(b"whole sectors..." * 64, 8192)
write(b"x", 77)
write(b"over a border" * 100, 4000)
write(b"last", len(disk) - 4)
write(b"durable at once" * 50, 300000, nbd.CMD_FLAG_FUA)
other.flush()
assert h.pread(len(disk), 0) == model
assert fails(h.pwrite, b"1234", len(disk) - 3) == errno.ENOSPC
assert fails(h.pread, 4, len(disk) - 3) == errno.EINVAL
open("$tmp/model", "wb").write(model)
other.shutdown()
PYTHON
    # A disk below that cannot be written to is as good as any.
    start_layer "$sock-ro" "$filter" raw fd=8 8< "$tmp/disk"
    client "$sock-ro" <<< 'h.pwrite(b"w" * 1000, 100)
assert h.pread(1000, 100) == b"w" * 1000'
    stop_nbdkit "$sock-ro"

    # A new connection.
    nbdcopy "$(uri "$sock")" "$tmp/read"
    cmp "$tmp/model" "$tmp/read"
    stop_nbdkit "$sock"

    # A new server.
    start_layer "$sock" "$filter" raw "$tmp/disk"
    nbdcopy "$(uri "$sock")" "$tmp/read"
    stop_nbdkit "$sock"
    [[ $filter == layer-sqlite ]] || cp "$tmp/disk" "$tmp/model"
    cmp "$tmp/model" "$tmp/read"
    cmp "$tmp/disk" "$tmp/copy"
done
