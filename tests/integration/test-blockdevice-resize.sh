#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A device that becomes larger or smaller while it is served: the log says
# so, by itself; new clients see it; old ones get an error beyond the end
# that is there.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
source "$srcdir/tests/integration/blockdevice-functions.sh"
set -e -u

requires_loop
requires_client

truncate -s 8M "$tmp/disk"
loop "$tmp/disk"
start_nbdkit "$tmp/sock" blockdevice "$loop"

{ printf 'disk = "%s/disk"\nloop = "%s"\nlog = "%s/sock.log"\n' \
         "$tmp" "$loop" "$tmp"; cat <<'EOF'; } | client "$tmp/sock"
import subprocess, time

def resize(size):
    os.truncate(disk, size)
    subprocess.run(["losetup", "-c", loop], check=True)

def connect():
    n = nbd.NBD()
    n.set_strict_mode(0)
    n.connect_unix(sys.argv[1])
    return n

def is_logged(text):
    for _ in range(500):
        if text in open(log).read():
            return True
        time.sleep(0.02)
    return False

MIB = 1 << 20
old = 8 * MIB
assert h.get_size() == old
resize(16 * MIB)
n = connect()
assert n.get_size() == 16 * MIB
n.pwrite(b"new", 16 * MIB - 3)
assert n.pread(3, 16 * MIB - 3) == b"new"
# Beyond the end that it knows.
assert fails(h.pwrite, b"x" * 512, old) == errno.ENOSPC
assert fails(h.pread, 512, old) == errno.EINVAL
h.pwrite(b"x" * 512, old - 512)
n.shutdown()

resize(4 * MIB)
assert is_logged("to %d bytes" % (4 * MIB))     # nobody connected
assert fails(h.pwrite, b"x" * 512, 4 * MIB) == errno.ENOSPC
assert fails(h.zero, 512, 4 * MIB) == errno.ENOSPC
assert fails(h.pread, 512, 4 * MIB) == errno.EINVAL
assert fails(h.pwrite, b"x" * 1024, 4 * MIB - 512) == errno.ENOSPC
h.pwrite(b"y" * 512, 4 * MIB - 512)
n = connect()
assert n.get_size() == 4 * MIB
n.shutdown()
EOF
stop_nbdkit "$tmp/sock"
grep -q 'has changed its size from 8388608 to 16777216 bytes' "$tmp/sock.log"

# For readers, too, and without netlink's help: it is looked at for every
# client.
start_nbdkit "$tmp/sock" -r blockdevice "$loop"
client "$tmp/sock" <<< 'assert h.get_size() == 4 << 20'
truncate -s 6M "$tmp/disk"
losetup -c "$loop"
client "$tmp/sock" <<< 'assert h.get_size() == 6 << 20 and h.is_read_only()'
stop_nbdkit "$tmp/sock"

# A partition.
truncate -s 16M "$tmp/parts"
loop "$tmp/parts"
partition 1 2048 4096
start_nbdkit "$tmp/sock" blockdevice "${loop}p1"
client "$tmp/sock" <<< 'assert h.get_size() == 2 << 20'
resizepart "$loop" 1 8192
client "$tmp/sock" <<< 'assert h.get_size() == 4 << 20
h.pwrite(b"x" * 512, (4 << 20) - 512)'
stop_nbdkit "$tmp/sock"
