#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Stacks of one to four layers: the same writes by a client and by dd come
# to the same; what is below changes if writes reach it, and only then.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires_client
requires_filter layered
cd "$tmp"

# Not a whole number of sectors.
random_file disk.orig 1000100
random_file other.orig 1500000
random_file patch 200000

# What is written: offset and length, of both unaligned and whole sectors.
writes=(0,512 77,1 65536,65536 4000,1600 300001,70003 999000,1100 524288,4096)

# change_file FILE: what change does, by dd.
change_file () {
    local w
    for w in "${writes[@]}"; do
        dd if=patch of="$1" bs=64K iflag=count_bytes count="${w#*,}" \
           oflag=seek_bytes seek="${w%,*}" conv=notrunc status=none
    done
    dd if=/dev/zero of="$1" bs=64K iflag=count_bytes count=9000 \
       oflag=seek_bytes seek=100000 conv=notrunc status=none
}

# change SOCK
change () {
    client "$1" <<PYTHON
patch = open("patch", "rb").read()
for w in "${writes[*]}".split():
    offset, count = map(int, w.split(","))
    h.pwrite(patch[:count], offset)
h.zero(9000, 100000)
h.flush()
PYTHON
}
cp disk.orig disk.changed
change_file disk.changed
cp other.orig other.changed
change_file other.changed

# same SOCK REFERENCE: what is served.
same () {
    nbdcopy "$(uri "$1")" served
    cmp served "$2" || fail "differs from $2"
}

# check SPEC...: over disk, where a layer that is a disk is of other.
n=0
check () {
    local args=() s kept=no reaches=yes image=disk other=orig disk=orig sock
    n=$(( n + 1 ))
    sock=$tmp/sock$n
    echo "== $n: $*"
    mkdir "d$n"
    cp disk.orig other.orig "d$n"
    for s; do
        args+=("layered-layer=${s//@/$tmp/d$n/}")
        [[ $s != disk,* ]] || image=other
        [[ $reaches == yes ]] || continue
        [[ $s == ram* ]] || kept=yes
        [[ $s != disk,* ]] || other=changed
        [[ $s == *write-through* ]] || reaches=no
    done
    [[ $reaches == no ]] || kept=yes disk=changed

    start_nbdkit "$sock" --filter=layered raw "d$n/disk.orig" "${args[@]}"
    same "$sock" $image.orig
    change "$sock"
    same "$sock" $image.changed
    stop_nbdkit "$sock"
    cat "$sock.log"
    [[ ! -s $sock.log ]] || fail "there are messages"
    # Sectors that were written in part go down whole, as they look from
    # the top, where another disk may show.
    if [[ $image == other && $disk == changed ]]; then
        cmp -i 65536 -n 32768 "d$n/disk.orig" disk.changed
    else
        cmp "d$n/disk.orig" disk.$disk
    fi
    cmp "d$n/other.orig" other.$other

    start_nbdkit "$sock" --filter=layered raw "d$n/disk.orig" "${args[@]}"
    if [[ $kept == yes ]]; then
        same "$sock" $image.changed
    else
        same "$sock" $image.orig
    fi
    stop_nbdkit "$sock"
}

wt=write-through rc=read-cache

check ram
check ram,sector-size=4096
check ram,$wt
check ram,$wt,$rc
check sqlite,file=@a
check sqlite,file=@a,$wt,$rc
check disk,@other.orig
check disk,raw:@other.orig,$wt

check ram sqlite,cache-dir=@,key=k
check ram,$wt,$rc sqlite,file=@a
check ram,$wt,$rc sqlite,file=@a,$wt,$rc
check sqlite,file=@a ram,$rc
check sqlite,file=@a,$wt ram,$wt
check ram disk,@other.orig,read-only
check sqlite,file=@a disk,@other.orig,read-only

check ram sqlite,cache-dir=@,key=k disk,@other.orig,read-only
check sqlite,file=@a ram,$rc sqlite,cache-dir=@,key=k
check ram,$wt,$rc sqlite,file=@a,$wt,$rc ram,$wt

check ram ram,$rc sqlite,cache-dir=@,key=k disk,@other.orig,read-only
check ram,$wt ram,$wt,$rc sqlite,file=@a ram,$rc
check ram,$wt sqlite,file=@a,$wt ram,$wt disk,@other.orig,$wt

# Nothing below: the layers are all there is.
start_nbdkit sock --filter=layered null layered-layer=ram \
             layered-layer=disk,other.orig
same sock other.orig
stop_nbdkit sock
start_nbdkit sock --filter=layered null layered-layer=ram,size=1M,write-through \
             layered-layer=ram,size=1M
client sock <<'PYTHON'
h.pwrite(b"x" * 1000, 1000000)
assert h.pread(1000, 1000000) == b"x" * 1000
assert h.pread(1000000, 0) == bytes(1000000)
h.zero(500, 1000000)
assert h.pread(1000, 1000000) == bytes(500) + b"x" * 500
PYTHON
stop_nbdkit sock

# A disk with holes is shown with them, through layers.
truncate -s 4M sparse
dd if=patch of=sparse bs=64K count=1 seek=16 conv=notrunc status=none
start_nbdkit sock --filter=layered null layered-layer=ram \
             layered-layer=disk,sparse
map sock > map
cat map
[[ $(<map) == $'0 1048576 3\n1048576 65536 0\n1114112 3080192 3' ]]
stop_nbdkit sock

# A cache that somebody else has is left out.
mkdir caches
shared=(--filter=layered raw disk.orig layered-layer=ram
        layered-layer=sqlite,cache-dir=caches,key=k)
start_nbdkit one "${shared[@]}"
same one disk.orig
start_nbdkit two "${shared[@]}"
same two disk.orig
stop_nbdkit two
stop_nbdkit one
grep 'layer 2 (sqlite) is a cache that another process has' two.log

# A RAM layer that keeps nothing else is full when it is full.
start_nbdkit sock --filter=layered null layered-layer=ram,size=64M,max=2M
client sock <<'PYTHON'
at = 0
while fails(h.pwrite, b"y" * 65536, at) == 0:
    at += 65536
assert fails(h.pwrite, b"y" * 65536, at) == errno.ENOSPC
assert 0 < at < 2 << 20, at
assert h.pread(at, 0) == b"y" * at
PYTHON
stop_nbdkit sock
