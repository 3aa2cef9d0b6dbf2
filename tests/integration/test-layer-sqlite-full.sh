#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# No space for the layer: writes fail with ENOSPC, what was flushed before
# stays, what is there can be read, and with space again all goes on.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
cd "$tmp"
random_file disk 64M

# A limit of the size of files stands in for a full file system.  (The
# signal that comes with it is ignored, as by a service manager.)
trap '' XFSZ
ulimit -S -f $(( 40 * 1024 ))
start_nbdkit sock --filter=layer-sqlite raw disk
client sock <<'PYTHON'
MB = 1 << 20
disk = open("disk", "rb").read()
h.pwrite(b"kept" * 1024, 100 * 512)
h.flush()
n = 1
while (e := fails(h.pwrite, b"m" * MB, n * MB)) == 0:
    n += 1
    assert n < 64
print(n, "MiB fit")
assert e == errno.ENOSPC, e
# The one that failed is old or new, sector by sector.
now = h.pread(MB, n * MB)
for i in range(0, MB, 512):
    assert now[i:i + 512] in (disk[n * MB + i:n * MB + i + 512], b"m" * 512)
assert h.pread(4096, 100 * 512) == b"kept" * 1024
assert h.pread((n - 1) * MB, MB) == b"m" * ((n - 1) * MB)
if fails(h.flush) == 0:
    open("flushed", "w")
open("n", "w").write(str(n))
PYTHON
kill_nbdkit sock

ulimit -S -f "$(ulimit -H -f)"
start_nbdkit sock --filter=layer-sqlite raw disk
client sock <<'PYTHON'
MB = 1 << 20
n = int(open("n").read())
assert h.pread(4096, 100 * 512) == b"kept" * 1024
if os.path.exists("flushed"):
    assert h.pread((n - 1) * MB, MB) == b"m" * ((n - 1) * MB)
h.pwrite(b"more" * (MB // 4), n * MB)
h.flush()
PYTHON
stop_nbdkit sock
start_nbdkit sock -r --filter=layer-sqlite raw disk
client sock <<'PYTHON'
assert h.pread(4096, 100 * 512) == b"kept" * 1024
assert h.pread(1 << 20, int(open("n").read()) << 20) == b"more" * (1 << 18)
PYTHON
stop_nbdkit sock
