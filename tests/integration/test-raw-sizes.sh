#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Sizes that are no multiple of anything, size= and sector-size=.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires nbdinfo --version
requires_client

uri () { echo "nbd+unix:///?socket=$tmp/$1"; }
head -c 10001 /dev/urandom > "$tmp/disk"

# The last byte is served, and the file does not grow.
start_nbdkit "$tmp/sock" raw "$tmp/disk"
[[ $(nbdinfo --size "$(uri sock)") == 10001 ]]
client "$tmp/sock" <<'EOF'
assert h.get_block_size(nbd.SIZE_MINIMUM) == 1
assert h.get_block_size(nbd.SIZE_PREFERRED) >= 512
h.pwrite(b"E", 10000)
h.zero(500, 9500)
assert h.pread(2, 9999) == b"\0E"
EOF
stop_nbdkit "$tmp/sock"
[[ $(stat -c %s "$tmp/disk") == 10001 ]] || fail "the file grew"

# A part of the file.
head -c 10001 /dev/urandom > "$tmp/disk"
cp "$tmp/disk" "$tmp/before"
start_nbdkit "$tmp/sock2" raw "$tmp/disk" size=5000
[[ $(nbdinfo --size "$(uri sock2)") == 5000 ]]
client "$tmp/sock2" <<'EOF'
h.pwrite(b"\0" * 5000, 0)
assert fails(h.pwrite, b"x", 5000) == errno.ENOSPC
EOF
stop_nbdkit "$tmp/sock2"
cmp -n 5000 "$tmp/disk" /dev/zero
cmp -i 5000 "$tmp/disk" "$tmp/before"
expect_error 'only 10001 bytes long, size=10002 is more' \
    nbdkit -U - raw "$tmp/disk" size=10002 --run :

# Sectors of a given size.
expect_error 'not a multiple of the sector size 512' \
    nbdkit -U - raw "$tmp/disk" sector-size=512 --run :
truncate -s 40960 "$tmp/disk"
start_nbdkit "$tmp/sock3" raw "$tmp/disk" sector-size=4096
client "$tmp/sock3" <<'EOF'
assert h.get_block_size(nbd.SIZE_MINIMUM) == 4096
assert h.get_block_size(nbd.SIZE_PREFERRED) >= 4096
# Clients that do not care are served all the same.
h.pwrite(b"x" * 10000, 4096 - 10)
assert h.pread(10002, 4096 - 11)[1:-1] == b"x" * 10000
EOF
