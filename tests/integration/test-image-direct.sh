#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# cache=direct and cache=none: the same disks as without, for images whose
# blocks are not where O_DIRECT would like them, too.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires qemu-img --version
requires_libnbd
requires_client
cd "$tmp"

truncate -s 1M try
nbdkit -U - raw try cache=direct --run : 2>/dev/null ||
    skip "needs a file system with O_DIRECT"
random_file data 5M

for cache in direct none; do
    for plugin in vhd1 vhdx; do
        e=${ext[$plugin]}
        echo "== $plugin, cache=$cache"
        rm -f ./*."$e" raw
        truncate -s 5M raw
        start_nbdkit sock $plugin "disk.$e" create=5M subformat=dynamic \
                     block-size=1M cache=$cache
        random_writes sock raw 40
        stop_nbdkit sock
        same $plugin "disk.$e" raw
        same $plugin "disk.$e" raw cache=$cache
        start_nbdkit sock $plugin "child.$e" create=0 parent="disk.$e" \
                     cache=$cache
        random_writes sock raw 40
        stop_nbdkit sock
        same $plugin "child.$e" raw
        same $plugin "child.$e" raw cache=$cache
    done
done

# By QEMU: data at odd multiples of 512.
qemu-img convert -f raw -O vpc -o subformat=dynamic,force_size data q.vhd
cp data raw
start_nbdkit sock vhd1 q.vhd cache=direct
nbdcopy "$(uri sock)" copy
cmp copy raw
random_writes sock raw 40
stop_nbdkit sock
same vhd1 q.vhd raw
qemu-img compare -q -f vpc -F raw q.vhd raw
