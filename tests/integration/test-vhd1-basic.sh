#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Reading and writing a VHD: over two connections, with FUA, and again
# after a restart.  What is written is in the file at the same place.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires_libnbd
requires_client

random_file "$tmp/data" 2M
make_vhd "$tmp/disk.vhd" "$tmp/data"
tail -c 512 "$tmp/disk.vhd" > "$tmp/footer"

start_nbdkit "$tmp/sock" vhd1 "$tmp/disk.vhd"
nbdcopy "$(uri "$tmp/sock")" "$tmp/copy"
cmp "$tmp/copy" "$tmp/data"

nbdinfo "$(uri "$tmp/sock")" > "$tmp/info"
cat "$tmp/info"
grep -q 'disk.vhd: fixed VHD by Windows 10.0, disk-id=01020304-0506-0708-090a-0b0c0d0e0f10' \
    "$tmp/info"
grep -q 'can_multi_conn: true' "$tmp/info"
grep -q 'can_fua: true' "$tmp/info"

client "$tmp/sock" <<'EOF'
assert h.get_size() == 2 << 20
other = nbd.NBD()
other.connect_unix(sys.argv[1])
h.pwrite(b"one" * 1000, 512)
assert other.pread(3000, 512) == b"one" * 1000
other.pwrite(b"two" * 1000, (2 << 20) - 3000, nbd.CMD_FLAG_FUA)
assert h.pread(3000, (2 << 20) - 3000) == b"two" * 1000
h.zero(4096, 8192)
h.flush()
other.shutdown()
EOF
kill_nbdkit "$tmp/sock"

python3 - "$tmp" <<'EOF'
import sys
tmp = sys.argv[1]
data = bytearray(open(tmp + "/data", "rb").read())
data[512:3512] = b"one" * 1000
data[-3000:] = b"two" * 1000
data[8192:12288] = bytes(4096)
footer = open(tmp + "/footer", "rb").read()
assert open(tmp + "/disk.vhd", "rb").read() == data + footer
open(tmp + "/data", "wb").write(data)
EOF

start_nbdkit "$tmp/sock2" vhd1 "$tmp/disk.vhd"
nbdcopy "$(uri "$tmp/sock2")" "$tmp/copy2"
cmp "$tmp/copy2" "$tmp/data"
