#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Read-only, because the server is told so or the descriptor is: nothing
# is written, and the file is not changed.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires_client

random_file "$tmp/data" 64K
make_vhd "$tmp/disk.vhd" "$tmp/data"
cp "$tmp/disk.vhd" "$tmp/before"
cat > "$tmp/refused.py" <<'EOF'
assert h.is_read_only()
assert fails(h.pwrite, b"x", 0) == errno.EPERM
assert fails(h.zero, 512, 0) == errno.EPERM
assert fails(h.trim, 512, 0) == errno.EPERM
data = open(os.path.dirname(sys.argv[1]) + "/data", "rb").read()
assert h.pread(65536, 0) == data
EOF

start_nbdkit "$tmp/sock" -r vhd1 "$tmp/disk.vhd"
client "$tmp/sock" < "$tmp/refused.py"
stop_nbdkit "$tmp/sock"

exec 7< "$tmp/disk.vhd"
start_nbdkit "$tmp/sock" vhd1 fd=7
exec 7<&-
client "$tmp/sock" < "$tmp/refused.py"
stop_nbdkit "$tmp/sock"

if (( EUID != 0 )); then
    chmod 444 "$tmp/disk.vhd"
    start_nbdkit "$tmp/sock" vhd1 "$tmp/disk.vhd"
    client "$tmp/sock" < "$tmp/refused.py"
    stop_nbdkit "$tmp/sock"
fi
cmp "$tmp/disk.vhd" "$tmp/before"
