#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# OpenVMM, disklayer_sqlite: a flush synced nothing, and after the first one
# no write was synced either.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires strace --version
requires_client
requires_filter layer-sqlite
cd "$tmp"
random_file disk 4M
start_nbdkit sock --filter=layer-sqlite raw disk
client sock <<< 'h.pwrite(b"first" * 100, 0); h.flush()'

# A sync is over before the reply to the flush, or to FUA, is sent: here,
# before the client counts them.
trace_nbdkit trace fdatasync,fsync,pwritev2
client sock <<'PYTHON'
def syncs():
    return sum(") = " in line and " = -1" not in line and
               ("sync" in line and "pwritev2" not in line or
                "DSYNC" in line or "resumed" in line)
               for line in open("trace"))

seen = syncs()
for i in range(10):
    for change in (lambda: h.pwrite(b"data" * 128, i * 65536),
                   lambda: h.pwrite(b"bulk" * 65536, 1 << 20),
                   lambda: h.zero(8192, i * 65536),
                   lambda: h.trim(2 << 20, 1 << 20)):
        change()
        h.flush()
        now = syncs()
        assert now > seen, i
        seen = now
    h.pwrite(b"fua!" * 128, i * 65536, nbd.CMD_FLAG_FUA)
    now = syncs()
    assert now > seen, i
    seen = now
print(seen, "syncs")
PYTHON
trace_end
kill_nbdkit sock

start_nbdkit sock --filter=layer-sqlite raw disk
client sock <<'PYTHON'
for i in range(10):
    assert h.pread(8192, i * 65536) == b"fua!" * 128 + bytes(8192 - 512)
PYTHON
stop_nbdkit sock
