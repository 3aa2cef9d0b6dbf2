#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The striped plugin over files: its layout is that of a plain RAID-0, in
# both directions, for one disk and for many and for any stripe size; and
# clients find what they wrote.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
requires qemu-io --version
cd "$tmp"

raid0 () { python3 "$srcdir/tests/integration/raid0.py" "$@"; }

random_file there 2M
random_file back 2M

# MEMBERS STRIPE ROWS: and less than one more row.
for layout in '1 65536 9' '2 131072 8' '3 512 700' '8 1536 100'; do
    read -r n stripe rows <<<"$layout"
    members=()
    for (( i = 0; i < n; i++ )); do
        members+=("m$i")
        truncate -s $(( stripe * rows + stripe / 2 )) "m$i"
    done
    size=$(( n * stripe * rows ))
    head -c $size there > data

    # What a client writes.
    nbdkit -U - striped "${members[@]}" stripe-size=$stripe \
           --run 'nbdinfo --size "$uri" > size; nbdcopy data "$uri"'
    [[ $(< size) == "$size" ]] || fail "$layout: size $(< size)"
    raid0 join joined $stripe 0 "${members[@]}"
    cmp data joined

    # What somebody else wrote.
    head -c $size back > data
    raid0 split data $stripe 0 "${members[@]}"
    nbdkit -U - -r striped "${members[@]}" stripe-size=$stripe \
           --run 'nbdcopy "$uri" copy'
    cmp data copy
    rm -f "${members[@]}" copy
done

# Random requests of two connections beside a plain file, flushed, then
# looked at without the server.
truncate -s 1M a b c
start_nbdkit "$tmp/sock" striped a b c stripe-size=12K
truncate -s 3133440 raw
random_writes "$tmp/sock" raw 100
client "$tmp/sock" <<'PYTHON'
assert h.can_multi_conn() and h.can_trim() and h.can_zero() and h.can_fua()
h.flush()
size = h.get_size()
assert fails(h.pread, 512, size) == errno.EINVAL
assert fails(h.pwrite, b"x" * 512, size - 1) == errno.ENOSPC
assert fails(h.zero, 512, size - 1) == errno.ENOSPC
PYTHON
raid0 join joined 12288 0 a b c
cmp raw joined
stop_nbdkit "$tmp/sock"

# Extents come in the order of the disk: one stripe of data on the second
# file, and holes around it.
rm a b c
truncate -s 1M a b
start_nbdkit "$tmp/sock2" striped a b stripe-size=64K
client "$tmp/sock2" <<'PYTHON'
h.pwrite(b"x" * 65536, 3 << 16)
h.pwrite(b"y" * 65536, 4 << 16)
size = h.get_size()
at, found = 0, []
while at < size:
    for n, kind in extents(size - at, at):
        found.append((at, n, kind))
        at += n
assert at == size
data = [(a, n) for a, n, kind in found if kind == 0]
assert data in ([(3 << 16, 2 << 16)], [(0, size)]), found
PYTHON
qemu-io -f raw "nbd+unix:///?socket=$tmp/sock2" \
        -c 'read -P 0x78 192k 64k' -c 'read -P 0x79 256k 64k' \
        -c 'discard 192k 128k' -c 'write -z 192k 100k' -c flush \
        -c 'read -P 0 192k 100k' >qemu.log
! grep -i 'fail\|verif' qemu.log || fail qemu-io
