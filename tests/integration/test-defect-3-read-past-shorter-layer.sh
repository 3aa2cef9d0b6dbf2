#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# OpenVMM, disk_layered: a read that began well beyond the end of a shorter
# layer below computed a negative length, and the process died.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
requires_filter truncate
random_file "$tmp/disk" 100000
declare -A file=([layer-ram]='' [layer-sqlite]="layer-sqlite-file=$tmp/layer")

for filter in $(layer_filters); do
    for options in '' "$filter-read-cache=true"; do
        sock=$tmp/sock
        rm -f "$tmp/layer"
        # Three lengths: 1M over 512K over what the file has.
        # shellcheck disable=SC2086
        start_nbdkit "$sock" --filter="$filter" --filter=truncate \
                     raw "$tmp/disk" truncate=512K $filter-size=1M \
                     ${file[$filter]} $options
        client "$sock" <<PYTHON
size = 1 << 20
model = bytearray(open("$tmp/disk", "rb").read().ljust(size, b"\0"))

def check():
    for border in 99840, 100000, 100352, 512 << 10:
        for start in (border - 4096, border - 1, border, border + 1,
                      border + 512, border + 50000):
            for count in 1, 512, 4096, 70000:
                assert (h.pread(count, start) ==
                        model[start:start + count]), (start, count)
    assert h.pread(size, 0) == model

assert h.get_size() == size
check()
# In pieces.
for offset in range(98304, 700000, 66048):
    h.pwrite(b"piece" * 100, offset)
    model[offset:offset + 500] = b"piece" * 100
check()
PYTHON
        stop_nbdkit "$sock"
    done
done
