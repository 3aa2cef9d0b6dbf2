#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The blockdevice plugin over loop devices and partitions: data, zeroing and
# discarding, sectors, without the page cache and with each engine; what
# is not a device is refused.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
source "$srcdir/tests/integration/blockdevice-functions.sh"
set -e -u

requires_loop
requires_client

# What it refuses.
truncate -s 1M "$tmp/file"
expect_error 'file: is a regular file: nbdkit-raw-plugin' \
    nbdkit -U - blockdevice "$tmp/file" --run :
expect_error 'is not a block device' \
    nbdkit -U - blockdevice "$tmp" --run :
expect_error 'is not a block device' \
    nbdkit -U - blockdevice /dev/null --run :
expect_error 'No such file' nbdkit -U - blockdevice "$tmp/none" --run :
expect_error 'give the device' nbdkit -U - blockdevice --run :
expect_error 'status= may only be given once' \
    nbdkit -U - blockdevice /dev/null status=a status=b --run :
expect_error "unknown parameter 'size'" \
    nbdkit -U - blockdevice /dev/null size=1M --run :

exercise='
import random
size = h.get_size()
assert size == 64 << 20 and not h.is_read_only()
data = os.urandom(1 << 20) * 8
h.pwrite(data, 0)
h.pwrite(data[:5000], 777, nbd.CMD_FLAG_FUA)
assert h.pread(len(data), 0) == data[:777] + data[:5000] + data[5777:]
h.pwrite(data, 0)
h.zero(3 << 20, 1001, nbd.CMD_FLAG_NO_HOLE)
h.zero((1 << 20) + 1, (6 << 20) - 1)
expected = bytearray(data)
expected[1001:1001 + (3 << 20)] = bytes(3 << 20)
expected[(6 << 20) - 1:7 << 20] = bytes((1 << 20) + 1)
assert h.pread(len(data), 0) == expected
# (What is in the page cache may be in the way.)
if h.can_fast_zero():
    r = fails(h.zero, 1 << 20, 1 << 20, nbd.CMD_FLAG_FAST_ZERO)
    assert r == 0 or (r == errno.EOPNOTSUPP and cached)
    if r != 0:
        h.zero(1 << 20, 1 << 20)
    expected[1 << 20:2 << 20] = bytes(1 << 20)
    assert h.pread(len(data), 0) == expected
h.flush()
if h.can_trim():
    before = os.stat(file).st_blocks
    h.trim((8 << 20) - 2, 1)
    h.flush()
    assert os.stat(file).st_blocks < before
    assert h.pread(1, 0) == data[:1]
# More large requests at once than there are buffers for, beside small ones.
n, unit = 14, 1 << 20
small = b"".join(h.pread(unit, i * unit) for i in range(16))
large = [nbd.Buffer(8 * unit) for _ in range(n)]
for i in range(n):
    h.aio_pread(large[i], i % 8 * unit)
while h.aio_in_flight() > 0:
    h.poll(-1)
for i in range(n):
    assert large[i].to_bytearray() == small[i % 8 * unit:(i % 8 + 8) * unit]
for i in range(7):
    h.aio_pwrite(large[i], (8 + i * 8) * unit)
while h.aio_in_flight() > 0:
    h.poll(-1)
for i in range(7):
    assert h.pread(8 * unit, (8 + i * 8) * unit) == large[i].to_bytearray()
h.pwrite(b"end", size - 3)
assert h.pread(3, size - 3) == b"end"
assert fails(h.pwrite, b"xx", size - 1) == errno.ENOSPC
assert fails(h.pread, 2, size - 1) == errno.EINVAL
'

engines=(auto threads)
if nbdkit -U - blockdevice /dev/null engine=uring --run : 2>&1 |
       grep -q 'cannot be used'; then
    echo "no io_uring here: engine=uring is not tested"
else
    engines+=(uring)
fi
for engine in "${engines[@]}"; do
    for sector in 512 4096; do
        sock=$tmp/sock-$engine-$sector
        truncate -s 64M "$tmp/disk-$engine-$sector"
        loop "$tmp/disk-$engine-$sector" --sector-size $sector
        start_nbdkit "$sock" blockdevice "$loop" engine=$engine
        client "$sock" <<EOF
file, cached = '$tmp/disk-$engine-$sector', False
assert h.get_block_size(nbd.SIZE_MINIMUM) == $sector
$exercise
EOF
        stop_nbdkit "$sock"
    done
done
expect_error 'engine=uring needs cache=direct' \
    nbdkit -U - blockdevice "$loop" cache=default engine=uring --run :
for cache in default none; do
    start_nbdkit "$tmp/sock-$cache" blockdevice "$loop" cache=$cache
    client "$tmp/sock-$cache" <<EOF
file, cached = '$tmp/disk-${engines[-1]}-4096', True
$exercise
EOF
    stop_nbdkit "$tmp/sock-$cache"
done

# Nothing goes through the page cache.
start_nbdkit "$tmp/sock-flags" blockdevice "$loop"
client "$tmp/sock-flags" <<< 'h.pwrite(bytes(4096), 0)'
grep -qE '^flags:.*[4567][0-7]{4}$' /proc/$nbdkit_pid/fdinfo/* ||
    fail "no descriptor with O_DIRECT"
stop_nbdkit "$tmp/sock-flags"

# Where it is said what to do with it.
truncate -s 1M "$tmp/plain"
loop "$tmp/plain"
expect_error 'serve it with nbdkit-blockdevice-plugin' diskstack info "$loop"

# Read-only ones.
truncate -s 1M "$tmp/ro"
loop "$tmp/ro" --read-only
start_nbdkit "$tmp/sock-ro" blockdevice "$loop"
client "$tmp/sock-ro" <<< 'assert h.is_read_only() and h.pread(512, 0) == bytes(512)'
stop_nbdkit "$tmp/sock-ro"

# A partition, from and to its own bounds.
truncate -s 8M "$tmp/parts"
loop "$tmp/parts"
partition 1 2048 4096
start_nbdkit "$tmp/sock-p" blockdevice "${loop}p1"
client "$tmp/sock-p" <<'EOF'
assert h.get_size() == 4096 * 512
h.pwrite(b"\x01" * h.get_size(), 0, nbd.CMD_FLAG_FUA)
assert fails(h.pwrite, b"x", h.get_size()) == errno.ENOSPC
EOF
stop_nbdkit "$tmp/sock-p"
cmp <(tr '\0\1' ab < "$tmp/parts") \
    <(for c in a b b a a a a a; do head -c 1M /dev/zero | tr '\0' $c; done)
