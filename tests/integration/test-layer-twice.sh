#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The same filter twice in a chain: two layers, and each parameter goes to
# the first filter, from the left, that has not got it.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
random_file "$tmp/disk" 1M
cp "$tmp/disk" "$tmp/copy"
cd "$tmp"

# In memory: the upper one is larger and write-through.
start_nbdkit ram --filter=layer-ram --filter=layer-ram raw disk \
             layer-ram-size=3M layer-ram-size=2M layer-ram-write-through=true
client ram <<PYTHON
disk = open("disk", "rb").read()
assert h.get_size() == 3 << 20
assert h.pread(1 << 20, 0) == disk
assert h.pread(1 << 20, 2 << 20) == bytes(1 << 20)
h.pwrite(b"here" * 128, 512)
assert h.pread(512, 512) == b"here" * 128
PYTHON
stop_nbdkit ram
cmp disk copy

if [[ $(layer_filters) == *sqlite* ]]; then
    # In files: changes go to the first, and the second shows through.
    start_nbdkit below --filter=layer-sqlite raw disk \
                 layer-sqlite-file=second.dbhd
    client below <<< 'h.pwrite(b"2" * 1024, 0)'
    stop_nbdkit below
    cp second.dbhd second.copy
    start_nbdkit both --filter=layer-sqlite --filter=layer-sqlite raw disk \
                 layer-sqlite-file=first.dbhd layer-sqlite-file=second.dbhd
    client both <<< 'assert h.pread(1024, 0) == b"2" * 1024
h.pwrite(b"1" * 512, 512)
assert h.pread(1024, 0) == b"2" * 512 + b"1" * 512'
    stop_nbdkit both
    cmp second.dbhd second.copy
    cmp disk copy

    # Of two kinds; and what goes through the upper one is in the lower.
    start_nbdkit mixed --filter=layer-ram --filter=layer-sqlite raw disk \
                 layer-sqlite-file=third.dbhd layer-ram-write-through=true
    client mixed <<< 'h.pwrite(b"3" * 512, 0); h.flush()'
    stop_nbdkit mixed
    start_nbdkit third --filter=layer-sqlite raw disk \
                 layer-sqlite-file=third.dbhd
    client third <<< 'assert h.pread(512, 0) == b"3" * 512'
    stop_nbdkit third
    cmp disk copy
fi
