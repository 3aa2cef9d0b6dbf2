#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The raw plugin zeroes and trims without writing zeroes, leaves holes only
# where it may, and does all of a request that is longer than 64 MiB.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires_client

truncate -s 256M "$tmp/disk"
start_nbdkit "$tmp/sock" raw "$tmp/disk"
{ echo "disk = '$tmp/disk'"; cat <<'EOF'; } | client "$tmp/sock"
def used():
    return os.stat(disk).st_blocks * 512
assert h.can_zero() and h.can_fast_zero() and h.can_trim()
data = b"\xaa" * (1 << 20)
def fill():
    for i in range(200):
        h.pwrite(data, i << 20)
    h.flush()
fill()
full = used()
assert full >= 200 << 20

# Zero, the whole of it, and no more.
h.zero((200 << 20) - 1000, 500, nbd.CMD_FLAG_NO_HOLE)
assert used() >= full
assert h.pread(500, 0) == data[:500]
assert h.pread(500, (200 << 20) - 500) == data[:500]
for i in range(1, 199):
    assert h.pread(1 << 20, i << 20) == bytes(1 << 20), i

# With permission, a hole.
fill()
h.zero(100 << 20, 0)
assert used() <= full - (99 << 20)
assert h.pread(1 << 20, 99 << 20) == bytes(1 << 20)
assert h.pread(1 << 20, 100 << 20) == data
fill()
h.zero(100 << 20, 0, nbd.CMD_FLAG_FAST_ZERO)
assert h.pread(1 << 20, 70 << 20) == bytes(1 << 20)

fill()
h.trim(200 << 20, 0, nbd.CMD_FLAG_FUA)
assert used() < 1 << 20
assert os.stat(disk).st_size == 256 << 20
EOF
