#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# OpenVMM, disklayer_ram: once the end of a disk had been trimmed, whatever
# was written there later read back as zeroes.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
random_file "$tmp/disk" 1M

for filter in $(layer_filters); do
    for forget in trim zero; do
        sock=$tmp/$filter-$forget
        start_layer "$sock" "$filter" raw "$tmp/disk"
        client "$sock" <<PYTHON
size = h.get_size()
for start in size - 4096, size // 2, 0:
    h.pwrite(b"before" * 512, start)
    h.$forget(size - start, start)
    for offset in start, start + 512, start + 1024, size - 512:
        h.pwrite(b"w" * 512, offset)
        assert h.pread(512, offset) == b"w" * 512, offset
    # Gaps between what was written do not spread.
    assert h.pread(1536, start) == b"w" * 1536
    assert h.pread(512, size - 512) == b"w" * 512
PYTHON
        stop_nbdkit "$sock"
    done
done
