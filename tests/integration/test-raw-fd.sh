#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# fd= and dirfd= serve what the parent process has open.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires nbdinfo --version
requires_client

truncate -s 1M "$tmp/disk"
exec 7<> "$tmp/disk"
start_nbdkit "$tmp/sock" raw fd=7
# The name may go.
rm "$tmp/disk"
client "$tmp/sock" <<'EOF'
assert not h.is_read_only()
h.pwrite(b"inherited", 100)
EOF
stop_nbdkit "$tmp/sock"
[[ $(dd bs=1 skip=100 count=9 status=none <&7) == inherited ]] ||
    fail "not written"

# The lock does not stay behind on the descriptor that we still have.
start_nbdkit "$tmp/sock2" raw fd=7
stop_nbdkit "$tmp/sock2"
! grep -q "OFDLCK.*:$(stat -L -c %i /proc/self/fd/7) " /proc/locks ||
    fail "still locked"
exec 7>&-

# Both ways at once, with O_DIRECT.
truncate -s 1M "$tmp/disk"
exec 7<> "$tmp/disk"
if nbdkit -U - raw fd=7 cache=direct --run : 2> "$tmp/log"; then
    start_nbdkit "$tmp/sock3" raw fd=7 cache=direct
    client "$tmp/sock3" <<< 'h.pwrite(b"x" * 8192, 512)'
    stop_nbdkit "$tmp/sock3"
    [[ $(tr -d '\0' < "$tmp/disk" | wc -c) == 8192 ]] || fail "not written"
fi
exec 7>&-

mkdir "$tmp/d"
truncate -s 2M "$tmp/d/disk"
exec 7< "$tmp/d"
start_nbdkit "$tmp/sock4" raw dirfd=7
exec 7<&-
mv "$tmp/d" "$tmp/moved"
[[ $(nbdinfo --size "nbd+unix:///disk?socket=$tmp/sock4") == 2097152 ]]
client "$tmp/sock4" disk <<< 'h.pwrite(b"x", 0)'
! client "$tmp/sock4" ../disk <<< '' 2> /dev/null || fail "a way out"
