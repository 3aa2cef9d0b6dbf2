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
start_nbdkit "$tmp/sock" blockdevice "$loop" status="$tmp/status"
diskstack status "$tmp/status" | diff - <(echo 'export ""  8 MiB, sectors of 512')

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
diskstack status "$tmp/status" | diff - <(
    echo 'export ""  4 MiB, sectors of 512'
    echo '  resized 2 times, at last from 16 MiB')
diskstack status --prometheus "$tmp/status" |
    grep -x 'diskstack_disk_resizes_total{export=""} 2'
stop_nbdkit "$tmp/sock"

# told SIZES...: the log says exactly these changes, each once.
told () {
    grep -o 'has changed its size from .* bytes' "$tmp/sock.log" >"$tmp/told"
    while (( $# >= 2 )); do
        echo "has changed its size from $1 to $2 bytes"
        shift
    done | diff - "$tmp/told"
}
told 8388608 16777216 4194304

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
{ printf 'loop = "%s"\n' "$loop"; cat <<'EOF'; } | client "$tmp/sock"
import subprocess
MIB = 1 << 20
def resize(size):
    subprocess.run(["resizepart", loop, "1", str(size // 512)], check=True)
def newcomer(size):
    n = nbd.NBD()
    n.set_strict_mode(0)
    n.connect_unix(sys.argv[1])
    assert n.get_size() == size, n.get_size()
    n.pwrite(b"x" * 512, size - 512)
    assert n.pread(512, size - 512) == b"x" * 512
    n.shutdown()
assert h.get_size() == 2 * MIB
resize(4 * MIB)
newcomer(4 * MIB)
assert fails(h.pwrite, b"x" * 512, 2 * MIB) == errno.ENOSPC
resize(MIB)
newcomer(MIB)
assert fails(h.pwrite, b"x" * 512, MIB) == errno.ENOSPC
assert fails(h.pread, 512, MIB) == errno.EINVAL
h.pwrite(b"y" * 512, MIB - 512)
# Of which there is no event, and before anybody comes.
resize(MIB // 2)
assert fails(h.pread, 512, MIB // 2) == errno.EINVAL
assert fails(h.pwrite, b"x" * 512, MIB // 2) == errno.ENOSPC
EOF
stop_nbdkit "$tmp/sock"
told 2097152 4194304 1048576 524288
