#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# kill -9: the layer opens, what was flushed is there, everything else is
# old or new.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
cd "$tmp"
random_file disk 4M

for how in flush fua; do
    rm -f disk.dbhd
    for round in 1 2 3; do
        start_nbdkit sock --filter=layer-sqlite raw disk
        client sock <<PYTHON || fail "round $round"
how, round = "$how", $round
old = bytes([round - 1]) if round > 1 else None
disk = open("disk", "rb").read()

def was(offset, count):
    return old * count if old else disk[offset:offset + count]

# What the last round flushed, and what it did not.
for offset, count in ((0, 4096), (70001, 1000), (1 << 20, 1 << 20)):
    assert h.pread(count, offset) == was(offset, count), offset
if round > 1:
    for offset in range(3 << 20, (3 << 20) + 65536, 512):
        now = h.pread(512, offset)
        assert now in (old * 512, disk[offset:offset + 512],
                       bytes([round - 2]) * 512), offset
new = bytes([round])
flag = nbd.CMD_FLAG_FUA if how == "fua" else 0
for offset, count in ((0, 4096), (70001, 1000), (1 << 20, 1 << 20)):
    h.pwrite(new * count, offset, flag)
if how == "flush":
    h.flush()
h.pwrite(new * 65536, 3 << 20)
os.kill($nbdkit_pid, 9)
os._exit(0)
PYTHON
        kill_nbdkit sock
        # What has to be recovered can be read, and the file copied.
        if (( round == 2 )); then
            cp disk.dbhd before
            start_nbdkit look -r --filter=layer-sqlite raw disk
            client look <<< 'assert h.pread(4096, 0) == bytes([2]) * 4096'
            stop_nbdkit look
            cmp disk.dbhd before
        fi
    done
done
