#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The raw plugin tells data from holes, within the request, and only one
# extent if one is asked for.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires nbdinfo --version
requires_client

truncate -s 1M "$tmp/disk"
printf x | dd of="$tmp/disk" bs=64K seek=4 conv=notrunc status=none
"${python}" -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
sys.exit(os.lseek(fd, 0, os.SEEK_DATA) != 262144)' "$tmp/disk" ||
    skip "$tmp is on a file system without SEEK_DATA"
block=$(( $("${python}" -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
print(os.lseek(fd, 262144, os.SEEK_HOLE))' "$tmp/disk") - 262144 ))

start_nbdkit "$tmp/sock" raw "$tmp/disk"
nbdinfo --map "nbd+unix:///?socket=$tmp/sock" | tee "$tmp/map"
awk '{ print $1, $2, $3 }' "$tmp/map" > "$tmp/got"
cat > "$tmp/wanted" <<EOF
0 262144 3
262144 $block 0
$(( 262144 + block )) $(( 1048576 - 262144 - block )) 3
EOF
diff "$tmp/wanted" "$tmp/got"

client "$tmp/sock" <<'EOF'
assert h.can_meta_context("base:allocation")
assert extents(1 << 20, 0, nbd.CMD_FLAG_REQ_ONE) == [(262144, 3)]
assert extents(1000, 77) == [(1000, 3)]
assert extents(262144 + 100, 0) == [(262144, 3), (100, 0)]
# Longer than the disk, up to the longest there is: no crash.
for count in 1 << 20, (1 << 32) - 1:
    e = fails(h.block_status, count, 512, lambda *a: 0)
    assert e in (0, errno.EINVAL), e
h.zero(262144 + 65536, 0)
assert extents(1 << 20, 0) == [(1 << 20, 3)]
EOF

# A disk that is larger than any request.
truncate -s 5T "$tmp/large"
start_nbdkit "$tmp/sock2" raw "$tmp/large"
client "$tmp/sock2" <<'EOF'
# (Later servers answer for a little less than was asked for.)
[(count, kind)] = extents((1 << 32) - 1, 0)
assert (1 << 32) - 65536 <= count < 1 << 32 and kind == 3, (count, kind)
h.pwrite(b"end", (5 << 40) - 3)
assert h.pread(4, (5 << 40) - 4) == b"\0end"
EOF
