#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# qemu-img and qemu-io on a VHD below a layer.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/clients-functions.sh"

requires_stack
requires qemu-img --version
requires qemu-io --version
cd "$tmp"
make_vhd disk.vhd $(( 32 << 20 ))
cp disk.vhd copy.vhd
uri=$(uri sock)

# Two readers of VHDs see the same disk.
qemu-img info -f vpc disk.vhd | grep -F '32 MiB (33554432 bytes)'
start_stack sock disk.vhd
qemu-img compare -f raw -F raw content "$uri"
qemu-img compare -f vpc -F raw disk.vhd "$uri"

# A client that checks for itself, also across the middle and unaligned.
qemu-io -f raw -t writeback \
    -c 'write -P 1 0 1M' -c 'write -P 2 16711680 128k' -c 'write -P 3 777 5' \
    -c 'write -z 4M 1M' -c 'write -z -u 8M 1M' -c 'discard 12M 1M' \
    -c 'write -f -P 4 20M 3k' -c 'aio_write -P 5 21M 64k' -c 'aio_flush' \
    -c 'flush' -c 'read -P 2 16711680 128k' -c 'read -P 3 777 5' \
    -c 'read -P 0 4M 1M' -c 'read -P 0 8M 1M' -c 'read -P 4 20M 3k' \
    -c 'read -P 5 21M 64k' -c 'read -P 1 4096 512k' \
    "$uri" | tee io.log
! grep -Ei 'fail|verif|error' io.log || fail "qemu-io"

# To another format and back; and what is allocated.
qemu-img convert -f raw -O qcow2 "$uri" out.qcow2
qemu-img check out.qcow2
qemu-img compare -f qcow2 -F raw out.qcow2 "$uri"
qemu-img map -f raw --output=json "$uri" > map.json
cat map.json
for expected in '4194304 true' '8388608 true' '22020096 false'; do
    grep -q "\"start\": ${expected% *}, .*\"zero\": ${expected#* }" map.json ||
        fail "not so: $expected"
done
stop_nbdkit sock
cmp disk.vhd copy.vhd

# Over all of the disk, from a qcow2 image, with a restart between.
start_stack sock disk.vhd
qemu-img compare -f qcow2 -F raw out.qcow2 "$uri"
random_file other 32M
qemu-img convert -n -f raw -O raw other "$uri"
stop_nbdkit sock
start_stack sock disk.vhd
qemu-img compare -f raw -F raw other "$uri"
stop_nbdkit sock
cmp disk.vhd copy.vhd
