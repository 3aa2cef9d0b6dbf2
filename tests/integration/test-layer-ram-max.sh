#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A RAM disk over null; layer-ram-max bounds its memory, and trim and zero
# give memory back.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
cd "$tmp"

start_nbdkit sock --filter=layer-ram null layer-ram-size=1T layer-ram-max=8M
client sock <<'PYTHON'
MB = 1 << 20
assert h.get_size() == 1 << 40
assert h.pread(MB, (1 << 40) - MB) == bytes(MB)

def fill(start):
    n = 0
    while fails(h.pwrite, b"m" * MB, start + n * MB) == 0:
        n += 1
        assert n <= 8
    return n

n = fill(0)
assert n >= 6, n
assert fails(h.pwrite, b"x" * MB, 1 << 39) == errno.ENOSPC
# What is there can still be changed, and zeroes are free.
h.pwrite(b"n" * MB, 0)
h.zero(MB, 1 << 38)
# A failed write leaves old or new.
tail = h.pread(MB, n * MB)
assert set(tail) <= set(b"\0m")

h.trim(n * MB, 0)
assert h.pread(n * MB, 0) == bytes(n * MB)
assert fill(1 << 39) >= n - 1
h.zero(n * MB, 1 << 39)
assert fill(1 << 37) >= n - 1
PYTHON
stop_nbdkit sock
