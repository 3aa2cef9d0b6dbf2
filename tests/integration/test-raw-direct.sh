#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# cache=direct reads and writes with O_DIRECT and leaves nothing in the page
# cache; what is said about block sizes can be kept to.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires strace --version
requires fincore --version
requires_client

truncate -s 4M "$tmp/disk"
if ! nbdkit -U - raw "$tmp/disk" cache=direct --run : 2>"$tmp/log"; then
    grep -q O_DIRECT "$tmp/log" || fail "$(cat "$tmp/log")"
    skip "$(cat "$tmp/log")"
fi
head -c 4M /dev/urandom > "$tmp/disk"
sync "$tmp/disk"
dd if="$tmp/disk" iflag=nocache count=0 status=none
start_nbdkit "$tmp/sock" raw "$tmp/disk" cache=direct engine=threads
[[ $(ls -l /proc/$nbdkit_pid/fd | grep -c "$tmp/disk") == 2 ]] ||
    fail "expected two descriptors"

trace_nbdkit "$tmp/trace" pread64,pwrite64,pwritev2
{ echo "disk = '$tmp/disk'"; cat <<'EOF'; } | client "$tmp/sock"
align = h.get_block_size(nbd.SIZE_MINIMUM)
assert align in (512, 4096), align
expected = bytearray(open(disk, "rb").read())
os.posix_fadvise(os.open(disk, os.O_RDONLY), 0, 0, os.POSIX_FADV_DONTNEED)
assert h.pread(1 << 20, 1 << 20) == expected[1 << 20:2 << 20]
assert h.pread(3 << 20, 0) == expected[:3 << 20]
h.pwrite(b"z" * (2 << 20), 1 << 20)
h.pwrite(b"y" * align, align, nbd.CMD_FLAG_FUA)
h.pwrite(b"x" * 3, 10 * align - 1)
assert h.pread(5, 10 * align - 2)[1:4] == b"xxx"
assert not h.can_cache()
EOF
trace_end

# Which descriptor is the O_DIRECT one?
for fd in /proc/$nbdkit_pid/fd/*; do
    [[ $(readlink "$fd") == "$tmp/disk" ]] || continue
    flags=$(awk '/^flags:/ { print $2 }' "/proc/$nbdkit_pid/fdinfo/${fd##*/}")
    (( (8#$flags & 8#40000) == 0 )) || direct=${fd##*/}
done
[[ $direct ]] || fail "no descriptor with O_DIRECT"
grep -E 'pread64|pwrite64|pwritev2' "$tmp/trace" > "$tmp/calls"
! grep -vE "(pread64|pwrite64|pwritev2)\($direct," "$tmp/calls" ||
    fail "something went through the page cache"
(( $(wc -l < "$tmp/calls") >= 8 )) || fail "too few requests"
pages=$(fincore --noheadings --output PAGES "$tmp/disk")
(( pages == 0 )) || fail "$pages pages are in the page cache"
