#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A disk that cannot or must not be written is served read-only, and its
# file is not changed.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires nbdinfo --version
requires_client

truncate -s 1M "$tmp/disk"
cat > "$tmp/refused.py" <<'EOF'
assert h.is_read_only()
assert fails(h.pwrite, b"x", 0) == errno.EPERM
assert fails(h.zero, 512, 0) == errno.EPERM
assert fails(h.trim, 512, 0) == errno.EPERM
assert h.pread(512, 0) == bytes(512)
if h.can_flush():
    h.flush()
EOF

# The server is told.
start_nbdkit "$tmp/sock" -r raw "$tmp/disk"
client "$tmp/sock" < "$tmp/refused.py"
stop_nbdkit "$tmp/sock"

# The descriptor says so.
exec 7< "$tmp/disk"
start_nbdkit "$tmp/sock2" raw fd=7
exec 7<&-
client "$tmp/sock2" < "$tmp/refused.py"
stop_nbdkit "$tmp/sock2"

# A program that is running cannot be written, whoever asks.
cp "$(command -v sleep)" "$tmp/running"
size=$(stat -c %s "$tmp/running")
"$tmp/running" 600 &
running=$!
cleanup_fn kill $running
start_nbdkit "$tmp/sock3" raw "$tmp/running"
client "$tmp/sock3" <<'EOF'
assert h.is_read_only()
assert fails(h.pwrite, b"x", 0) == errno.EPERM
assert h.pread(4, 0) == b"\x7fELF"
EOF
stop_nbdkit "$tmp/sock3"
[[ $(stat -c %s "$tmp/running") == "$size" ]]

# Permissions, for those that have to keep to them.
if (( EUID != 0 )); then
    chmod 444 "$tmp/disk"
    start_nbdkit "$tmp/sock4" raw "$tmp/disk"
    client "$tmp/sock4" < "$tmp/refused.py"
fi
[[ $(stat -c %b "$tmp/disk") == 0 ]] || fail "something was written"
