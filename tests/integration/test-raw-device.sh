#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The raw plugin serves block devices: their size, their sectors, zeroing
# and discarding by the device.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires_root
requires losetup --version
requires_client

# loop FILE ARGS...: a loop device over the file, in $loop.
loop () {
    loop=$(losetup --find --show "${@:2}" "$1" 2>"$tmp/loop.err") ||
        skip "no loop device: $(cat "$tmp/loop.err")"
    cleanup_fn losetup -d "$loop"
}

truncate -s 64M "$tmp/file"
loop "$tmp/file"
for cache in default none direct; do
    start_nbdkit "$tmp/sock-$cache" raw "$loop" cache=$cache
    { echo "file = '$tmp/file'"; cat <<'EOF'; } | client "$tmp/sock-$cache"
size = 64 << 20
assert h.get_size() == size and not h.is_read_only()
assert not h.can_cache() or h.get_block_size(nbd.SIZE_MINIMUM) == 1
data = os.urandom(1 << 20) * 8
h.pwrite(data, 0)
h.pwrite(data[:5000], 777, nbd.CMD_FLAG_FUA)
assert h.pread(len(data), 0) == \
    data[:777] + data[:5000] + data[5777:]
h.pwrite(data, 0)

# Zeroes, at odd places, too.
h.zero(3 << 20, 1001, nbd.CMD_FLAG_NO_HOLE)
h.zero(100, 5 << 20)
h.zero((1 << 20) + 1, (6 << 20) - 1)
expected = bytearray(data)
expected[1001:1001 + (3 << 20)] = bytes(3 << 20)
expected[5 << 20:(5 << 20) + 100] = bytes(100)
expected[(6 << 20) - 1:7 << 20] = bytes((1 << 20) + 1)
assert h.pread(len(data), 0) == expected
if h.can_fast_zero():
    h.zero(1 << 20, 1 << 20, nbd.CMD_FLAG_FAST_ZERO)
    expected[1 << 20:2 << 20] = bytes(1 << 20)
    assert h.pread(len(data), 0) == expected

# What is trimmed leaves the file below; what is beside it does not.
h.flush()
before = os.stat(file).st_blocks
if h.can_trim():
    h.trim((8 << 20) - 2, 1)
    h.flush()
    assert os.stat(file).st_blocks < before
    assert h.pread(1, 0) == data[:1]
    assert h.pread(1, (8 << 20) - 1) == expected[-1:]
h.pwrite(b"end", size - 3)
assert h.pread(3, size - 3) == b"end"
assert fails(h.pwrite, b"xx", size - 1) == errno.ENOSPC
EOF
    stop_nbdkit "$tmp/sock-$cache"
done

# Two servers: the lock is on the device node.
start_nbdkit "$tmp/sock2" raw "$loop"
client "$tmp/sock2" <<EOF
import subprocess
r = subprocess.run(["nbdkit", "-U", "-", "raw", "$loop", "--run", ":"],
                   capture_output=True, text=True)
assert r.returncode != 0 and "cannot be locked" in r.stderr, r
EOF
stop_nbdkit "$tmp/sock2"

# As a name in a directory.
mkdir "$tmp/d"
if mknod "$tmp/d/disk" b "0x$(stat -c %t "$loop")" "0x$(stat -c %T "$loop")" &&
       head -c 1 "$tmp/d/disk" > /dev/null 2>&1; then
    start_nbdkit "$tmp/sock3" raw dir="$tmp/d"
    client "$tmp/sock3" disk <<< 'assert h.pread(3, (64 << 20) - 3) == b"end"'
    stop_nbdkit "$tmp/sock3"
fi

# Read-only devices.
truncate -s 1M "$tmp/file2"
loop "$tmp/file2" --read-only
start_nbdkit "$tmp/sock4" raw "$loop"
client "$tmp/sock4" <<'EOF'
assert h.is_read_only() and h.pread(512, 0) == bytes(512)
EOF
stop_nbdkit "$tmp/sock4"

# Sectors of 4096 bytes.
truncate -s 1M "$tmp/file3"
loop "$tmp/file3" --sector-size 4096
start_nbdkit "$tmp/sock5" raw "$loop" cache=direct
client "$tmp/sock5" <<'EOF'
assert h.get_block_size(nbd.SIZE_MINIMUM) == 4096
h.pwrite(b"abc", 5000)
h.zero(1, 5001)
assert h.pread(5, 4999) == b"\0a\0c\0"
EOF
stop_nbdkit "$tmp/sock5"
