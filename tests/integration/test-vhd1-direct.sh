#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# cache=direct, whose blocks need not end where the disk does: with all
# its data the disk and its footer are as without.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires_libnbd
requires_client

truncate -s 1M "$tmp/try"
nbdkit -U - raw "$tmp/try" cache=direct --run : 2>/dev/null ||
    skip "needs a file system with O_DIRECT"

# direct SIZE LENGTH: write the disk at offsets of all kinds.
direct () {
    random_file "$tmp/data" "$1"
    make_vhd "$tmp/disk.vhd" "$tmp/data" length="$2"
    cp "$tmp/disk.vhd" "$tmp/expected"
    start_nbdkit "$tmp/sock" vhd1 "$tmp/disk.vhd" cache=direct
    nbdcopy "$(uri "$tmp/sock")" "$tmp/copy"
    cmp "$tmp/copy" "$tmp/data"
    client "$tmp/sock" <<'EOF'
size = h.get_size()
expected = open(os.path.dirname(sys.argv[1]) + "/expected", "r+b")
for offset, count in ((0, 4096), (1, 1), (4095, 2), (size - 1, 1),
                      (size - 512, 512), (size - 5000, 5000),
                      (8192, 65536), (12345, 54321)):
    data = bytes(1 + (i * 7 + count) % 255 for i in range(count))
    h.pwrite(data, offset)
    expected.seek(offset)
    expected.write(data)
    assert h.pread(count, offset) == data
h.flush()
EOF
    stop_nbdkit "$tmp/sock"
    cmp "$tmp/disk.vhd" "$tmp/expected"
}

direct 1M 512                   # ends where a block does
direct 1049088 512              # does not
direct 1M 511
nbdkit -U - vhd1 "$tmp/new.vhd" create=1M cache=direct --run :
nbdkit -U - vhd1 "$tmp/new.vhd" cache=direct --run :
