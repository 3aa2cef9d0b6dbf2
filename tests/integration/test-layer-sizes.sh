#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Layers that are larger or smaller than the disk below, disks that do not
# end with a sector, and sectors of 512 and 4096 bytes.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires_client
random_file "$tmp/disk" 1000001
cp "$tmp/disk" "$tmp/copy"

for filter in $(layer_filters); do
    for sector in 512 4096; do
        for size in 512K 1M 3M; do
            sock=$tmp/$filter-$sector-$size
            start_layer "$sock" "$filter" raw "$tmp/disk" \
                        $filter-sector-size=$sector $filter-size=$size
            client "$sock" <<PYTHON
size = $(numfmt --from=iec $size)
minimum = $(( sector > 512 ? sector : 1 ))
disk = open("$tmp/disk", "rb").read()
model = bytearray(disk[:size].ljust(size, b"\0"))
assert h.get_size() == size
assert h.get_block_size(nbd.SIZE_MINIMUM) == minimum
assert h.pread(size, 0) == model
for data, offset in ((b"at the end of what is below" * 40, 999990),
                     (b"beyond", 1000100), (b"last", size - 4)):
    if offset + len(data) <= size:
        h.pwrite(data, offset)
        model[offset:offset + len(data)] = data
        assert h.pread(size, 0) == model
h.zero(5000, size - 5000)
model[size - 5000:] = bytes(5000)
assert h.pread(size, 0) == model
assert sum(n for n, flags in extents(size, 0)) == size
PYTHON
            stop_nbdkit "$sock"
        done

        # As large as the disk below, which ends inside a sector.
        sock=$tmp/$filter-$sector
        start_layer "$sock" "$filter" raw "$tmp/disk" \
                    $filter-sector-size=$sector
        client "$sock" <<PYTHON
disk = bytearray(open("$tmp/disk", "rb").read())
assert h.get_size() == len(disk) == 1000001
h.pwrite(b"the end", len(disk) - 7)
disk[-7:] = b"the end"
h.zero(3, len(disk) - 3)
disk[-3:] = bytes(3)
assert h.pread(5000, len(disk) - 5000) == disk[-5000:]
PYTHON
        stop_nbdkit "$sock"
        cmp "$tmp/disk" "$tmp/copy"
    done
done

# The sector size is that of the disk below.
start_nbdkit "$tmp/raw" --filter=layer-ram raw "$tmp/new" create=1M \
             sector-size=4096
client "$tmp/raw" <<< 'assert h.get_block_size(nbd.SIZE_MINIMUM) == 4096'
stop_nbdkit "$tmp/raw"
