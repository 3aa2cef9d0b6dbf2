#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The raw plugin writes durably with RWF_DSYNC, flushes with fdatasync, and
# one flush serves all who wait for it.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires strace --version
requires_client

truncate -s 10M "$tmp/disk"
start_nbdkit "$tmp/sock" raw "$tmp/disk"

trace_nbdkit "$tmp/trace" pwrite64,pwritev2,fdatasync,fsync
client "$tmp/sock" <<'EOF'
assert h.can_fua() and h.can_flush()
h.pwrite(b"a" * 4096, 0)
h.pwrite(b"b" * 4096, 4096, nbd.CMD_FLAG_FUA)
h.flush()
EOF
trace_end
cat "$tmp/trace"
[[ $(grep -c 'pwritev2(.*, 4096, RWF_DSYNC' "$tmp/trace") == 1 ]] ||
    fail "no RWF_DSYNC"
[[ $(grep -c 'fdatasync(' "$tmp/trace") == 1 ]] || fail "not one fdatasync"

# Zeroes, too.
trace_nbdkit "$tmp/trace2" fallocate,fdatasync
client "$tmp/sock" <<'EOF'
h.zero(65536, 0, nbd.CMD_FLAG_FUA)
h.trim(65536, 0, nbd.CMD_FLAG_FUA)
EOF
trace_end
cat "$tmp/trace2"
[[ $(grep -c 'fdatasync(' "$tmp/trace2") == 2 ]] || fail "not durable"

# Many at once, and all are answered.
client "$tmp/sock" <<'EOF'
pending = set()
for i in range(200):
    pending.add(h.aio_flush())
    pending.add(h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(512)),
                             i * 512, flags=nbd.CMD_FLAG_FUA))
while pending:
    h.poll(-1)
    pending = {c for c in pending if not h.aio_command_completed(c)}
EOF
