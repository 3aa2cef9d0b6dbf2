#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Clients cannot reach the footer, whatever they send, and what they do to
# the whole disk leaves it as it was.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires_client

# attack LENGTH ARGS...: a VHD with a footer of that length, served with
# the arguments.
attack () {
    local length=$1
    shift
    random_file "$tmp/data" 1M
    make_vhd "$tmp/disk.vhd" "$tmp/data" length="$length"
    tail -c "$length" "$tmp/disk.vhd" > "$tmp/footer"
    start_nbdkit "$tmp/sock" vhd1 "$tmp/disk.vhd" "$@"
    client "$tmp/sock" <<'EOF'
size = h.get_size()
assert size == 1 << 20
for offset, count in ((size, 512), (size, 1), (size - 1, 2), (size - 512, 1024),
                      (0, size + 1), (size + 511, 1), (2**63 - 512, 512)):
    assert fails(h.pread, count, offset) == errno.EINVAL
    assert fails(h.pwrite, b"x" * count, offset) == errno.ENOSPC
    assert fails(h.zero, count, offset) == errno.ENOSPC
    assert fails(h.trim, count, offset) == errno.EINVAL
    assert fails(h.cache, count, offset) == errno.EINVAL
    assert fails(h.block_status, count, offset,
                 lambda *a: None) == errno.EINVAL
h.pwrite(b"y" * size, 0)
h.pwrite(b"z", size - 1)
h.zero(size // 2, size // 2)
h.trim(size, 0)
h.zero(size, 0, nbd.CMD_FLAG_NO_HOLE)
h.pwrite(b"end", size - 3, nbd.CMD_FLAG_FUA)
assert sum(count for count, kind in extents(size, 0)) == size
h.flush()
EOF
    stop_nbdkit "$tmp/sock"
    tail -c "$length" "$tmp/disk.vhd" | cmp - "$tmp/footer"
    (( $(stat -c %s "$tmp/disk.vhd") == (1 << 20) + length )) ||
        fail "the file has another size"
}

attack 512
attack 511
attack 512 cache=none
