#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# fio writes at random and verifies what it reads, in three jobs at once.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/clients-functions.sh"

requires_stack
requires fio --version
fio --enghelp | grep -qw nbd || skip "needs fio with its nbd engine"
cd "$tmp"
make_vhd disk.vhd $(( 32 << 20 ))
cp disk.vhd copy.vhd
start_stack sock disk.vhd

verify=(--ioengine=nbd --uri="$(uri sock)" --verify=crc32c --verify_fatal=1
        --randseed="$SEED" --minimal --output=fio.log)
fio "${verify[@]}" \
    --name=small --rw=randwrite --bs=4k --iodepth=16 --size=8M --fsync=64 \
    --name=large --rw=write --bs=256k --iodepth=4 --offset=8M --size=8M \
    --name=mixed --rw=randrw --bsrange=512-64k --iodepth=8 \
        --offset=16M --size=8M --fsync=100 ||
    { cat fio.log; fail "fio"; }
stop_nbdkit sock

# What was written is there after a restart.
start_stack sock disk.vhd
fio "${verify[@]}" --name=small --rw=randwrite --bs=4k --iodepth=16 --size=8M \
    --fsync=64 --verify_only || { cat fio.log; fail "fio --verify_only"; }
stop_nbdkit sock
cmp disk.vhd copy.vhd
