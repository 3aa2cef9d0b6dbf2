#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The raw plugin: what is written is read again, by one connection and by
# several, whatever the size of the file and the cache mode.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires nbdcopy --version
requires nbdinfo --version
requires qemu-io --version
requires_client

uri () { echo "nbd+unix:///?socket=$1"; }

for size in 1 511 512 4095 1048576 5000001; do
    for cache in default none direct; do
        sock=$tmp/sock
        rm -f "$tmp/copy"
        head -c "$size" /dev/urandom > "$tmp/data"
        truncate -s "$size" "$tmp/disk"
        if ! nbdkit -U - raw "$tmp/disk" cache=$cache --run : \
                 2>"$tmp/log"; then
            grep O_DIRECT "$tmp/log"
            continue
        fi
        start_nbdkit "$sock" raw "$tmp/disk" cache=$cache
        [[ $(nbdinfo --size "$(uri "$sock")") == "$size" ]] ||
            fail "wrong size"
        nbdcopy "$tmp/data" "$(uri "$sock")"
        nbdcopy "$(uri "$sock")" "$tmp/copy"
        cmp "$tmp/data" "$tmp/copy"
        stop_nbdkit "$sock"
        cmp "$tmp/data" "$tmp/disk"
        rm "$tmp/disk"
    done
done

# A client that checks for itself, and several at once.
truncate -s 10M "$tmp/disk"
start_nbdkit "$tmp/sock2" raw "$tmp/disk"
qemu-io -f raw "nbd+unix:///?socket=$tmp/sock2" \
    -c 'write -P 1 0 1M' -c 'write -P 2 512k 1k' -c 'write -z 768k 4k' \
    -c 'read -P 1 0 512k' -c 'read -P 2 512k 1k' -c 'read -P 0 768k 4k' \
    -c 'flush' > "$tmp/qemu.log"
! grep -i 'fail\|verif' "$tmp/qemu.log" || fail "qemu-io"

client "$tmp/sock2" <<'EOF'
other = nbd.NBD()
other.connect_unix(sys.argv[1])
assert h.can_multi_conn() and not h.is_read_only()
for i in range(100):
    data = os.urandom(1000 + i)
    h.pwrite(data, i * 997)
    assert other.pread(len(data), i * 997) == data
other.shutdown()

# Beyond the end.
assert fails(h.pread, 512, 10 << 20) == errno.EINVAL
assert fails(h.pwrite, b"x" * 512, (10 << 20) - 1) == errno.ENOSPC
assert fails(h.zero, 512, (10 << 20) - 1) == errno.ENOSPC
assert fails(h.pread, 512, (1 << 63) - 512) == errno.EINVAL

# The largest request there is.
data = os.urandom(1 << 16) * (10 * 16)
h.pwrite(data, 0)
assert h.pread(len(data), 0) == data
EOF

# Unaligned requests to an O_DIRECT server, against a plain copy.
if nbdkit -U - raw "$tmp/disk" cache=direct --run : 2>/dev/null; then
    truncate -s 1000001 "$tmp/odd"
    start_nbdkit "$tmp/sock3" raw "$tmp/odd" cache=direct
    client "$tmp/sock3" <<'EOF'
import random
seed = random.randrange(1 << 30)
print("seed", seed)
rng = random.Random(seed)
size = h.get_size()
model = bytearray(size)
for i in range(600):
    offset = rng.randrange(size)
    count = rng.randint(1, min(size - offset, 20000))
    what = rng.randrange(3)
    if what == 0:
        data = rng.randbytes(count)
        h.pwrite(data, offset, rng.choice((0, nbd.CMD_FLAG_FUA)))
        model[offset:offset + count] = data
    elif what == 1:
        h.zero(count, offset)
        model[offset:offset + count] = bytes(count)
    else:
        assert h.pread(count, offset) == model[offset:offset + count]
assert h.pread(size, 0) == model
EOF
fi
