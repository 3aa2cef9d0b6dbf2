#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The recipes of the man page, with what they promise.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires_client
requires_filter layered
requires_filter delay
requires_filter log
requires_plugin nbd
cd "$tmp"
random_file disk.img 4M
cp disk.img copy
mkdir caches

# served SOCK FILE
served () {
    nbdcopy "$(uri "$1")" served
    cmp served "$2" || fail "differs from $2"
}

# A golden image on another host, and hosts with a cache.
start_nbdkit golden -r --filter=log raw disk.img logfile=golden.trace
fleet=(--filter=layered nbd socket=golden layered-layer=ram
       layered-layer=sqlite,cache-dir=caches,key=golden
       layered-fetch=1M layered-readahead=8M)
start_nbdkit host "${fleet[@]}"
client host <<'PYTHON'
disk = open("disk.img", "rb").read()
assert h.pread(2 << 20, 0) == disk[:2 << 20]
h.pwrite(b"mine" * 1024, 0)
assert h.pread(4096, 0) == b"mine" * 1024
PYTHON
stop_nbdkit host
grep ' Read ' golden.trace > reads || fail "nothing was read"
start_nbdkit host "${fleet[@]}"
client host <<'PYTHON'
disk = open("disk.img", "rb").read()
assert h.pread(2 << 20, 0) == disk[:2 << 20]
PYTHON
stop_nbdkit host
grep ' Read ' golden.trace > again
cmp reads again || fail "the cache was not used"
stop_nbdkit golden
cmp disk.img copy

# A scratch disk.
start_nbdkit scratch --filter=layered raw disk.img \
             layered-layer=ram,max=1G
client scratch <<'PYTHON'
h.pwrite(b"job" * 1000, 5000)
assert h.pread(3000, 5000) == b"job" * 1000
PYTHON
stop_nbdkit scratch
start_nbdkit scratch --filter=layered raw disk.img layered-layer=ram,max=1G
served scratch copy
stop_nbdkit scratch
start_nbdkit empty --filter=layered null layered-layer=ram,size=10G,max=1G
[[ $(map empty) == '0 10737418240 3' ]]
client empty <<'PYTHON'
h.pwrite(b"far" * 1000, 9 << 30)
assert h.pread(3000, 9 << 30) == b"far" * 1000
PYTHON
stop_nbdkit empty

# Write-back: what was written is there for the next server.
cp disk.img model
back=(--filter=layered --filter=delay raw disk.img
      layered-layer=sqlite,file=fast.dbhd,write-back,read-cache,max=1G
      layered-age=5 delay-write=20ms)
start_nbdkit back "${back[@]}"
client back <<'PYTHON'
h.pwrite(b"soon" * 10000, 777)
h.flush()
PYTHON
yes soon | tr -d '\n' | head -c 40000 |
    dd of=model bs=64K oflag=seek_bytes seek=777 iflag=fullblock \
       conv=notrunc status=none
served back model
stop_nbdkit back
start_nbdkit back "${back[@]}"
served back model
stop_nbdkit back
cp copy disk.img

# Snapshots: tuesday over monday, and back.
monday=layered-layer=sqlite,file=monday.dbhd
start_nbdkit days --filter=layered raw disk.img $monday
client days <<< 'h.pwrite(b"monday" * 500, 0)'
nbdcopy "$(uri days)" monday.img
stop_nbdkit days
start_nbdkit days --filter=layered raw disk.img \
             layered-layer=sqlite,file=tuesday.dbhd $monday
served days monday.img
client days <<< 'h.pwrite(b"tuesday" * 500, 1000)
h.zero(512, 0)'
nbdcopy "$(uri days)" tuesday.img
stop_nbdkit days
! cmp -s monday.img tuesday.img || fail "nothing was written"
start_nbdkit days --filter=layered raw disk.img \
             layered-layer=sqlite,file=tuesday.dbhd $monday
served days tuesday.img
stop_nbdkit days
rm tuesday.dbhd
start_nbdkit days --filter=layered raw disk.img $monday
served days monday.img
stop_nbdkit days
cmp disk.img copy

# A VHD with its changes in memory.
nbdkit -U - vhd1 disk.vhd create=4M --run 'nbdcopy disk.img "$uri"'
cp disk.vhd vhd.copy
start_nbdkit vhd --filter=layered null layered-layer=ram \
             layered-layer=disk,vhd1:disk.vhd
served vhd disk.img
client vhd <<< 'h.pwrite(b"x" * 1000, 999)
assert h.pread(1000, 999) == b"x" * 1000'
stop_nbdkit vhd
cmp disk.vhd vhd.copy
