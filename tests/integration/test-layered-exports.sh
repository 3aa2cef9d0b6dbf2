#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Each export has a stack of its own; one with a name has no way down but
# its clients'.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires_client
requires_filter layered
cd "$tmp"
mkdir dir
random_file dir/a 1M
random_file dir/b 300000
random_file other 300000
cp -r dir copy

start_nbdkit sock -v --filter=layered raw dir=dir \
             layered-layer=ram layered-layer=ram,read-cache
for name in a b; do
    client sock $name <<PYTHON
disk = open("dir/$name", "rb").read()
assert h.get_size() == len(disk)
assert h.pread(len(disk), 0) == disk
h.pwrite(b"$name" * 512, 1024)
PYTHON
done
for name in a b; do
    client sock $name <<PYTHON
disk = bytearray(open("dir/$name", "rb").read())
disk[1024:1536] = b"$name" * 512
assert h.pread(len(disk), 0) == disk
PYTHON
done
stop_nbdkit sock
(( $(grep -c 'raw: open readonly' sock.log) == 4 )) || fail "opened more often"
! grep ' error: ' sock.log || fail "it complains"
diff -r dir copy

# Writes reach each.
start_nbdkit sock --filter=layered raw dir=dir layered-layer=ram,write-through
for name in a b; do
    client sock $name <<< "h.pwrite(b'$name' * 512, 1024)"
done
stop_nbdkit sock
for name in a b; do
    yes $name | tr -d '\n' | head -c 512 |
        dd of=copy/$name bs=512 seek=2 conv=notrunc status=none iflag=fullblock
done
diff -r dir copy

# A layer in a file is for one disk, and so is a disk that is written.
for layer in sqlite,file=l disk,other; do
    start_nbdkit sock --filter=layered raw dir=dir layered-layer=$layer
    client sock a <<< 'h.pwrite(b"x" * 512, 0)'
    ! nbdinfo "$(uri sock b)" > out 2>&1 || fail "$layer for two disks"
    client sock a <<< 'assert h.pread(512, 0) == b"x" * 512'
    stop_nbdkit sock
    cat sock.log
    grep 'layer 1 (.*) cannot be used: see above' sock.log
done
grep 'other: is written by way of another export already' sock.log
# One that is only read is for all.
start_nbdkit sock --filter=layered raw dir=dir layered-layer=ram \
             layered-layer=disk,other
for name in a b; do
    client sock $name <<< 'disk = open("other", "rb").read()
assert h.pread(len(disk), 0) == disk
h.pwrite(b"y" * 512, 0)'
done
stop_nbdkit sock
