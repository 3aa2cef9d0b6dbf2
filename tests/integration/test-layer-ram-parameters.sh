#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# layer-ram: every parameter, with values that are right and wrong.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
random_file "$tmp/disk" 1M
cd "$tmp"

ram=(--filter=layer-ram raw disk)
for key in sector-size size max; do
    bad "layer-ram-$key=x: must be a size" "${ram[@]}" layer-ram-$key=x
    bad "layer-ram-$key=0: must be a size" "${ram[@]}" layer-ram-$key=0
    bad "layer-ram-$key=-1: must be a size" "${ram[@]}" layer-ram-$key=-1
done
for size in 256 513 3K 128K; do
    bad "layer-ram-sector-size=$size: must be a power of two from 512" \
        "${ram[@]}" layer-ram-sector-size=$size
done
for key in read-cache write-through; do
    bad "layer-ram-$key=maybe: must be true or false" \
        "${ram[@]}" layer-ram-$key=maybe
    bad "unknown parameter 'layer-ram-$key'" \
        "${ram[@]}" layer-ram-$key=true layer-ram-$key=true
done
bad "unknown parameter 'layer-ram-bogus'" "${ram[@]}" layer-ram-bogus=1

# What only the disk below can tell.
refused 'size 1000 is not a multiple of the sector size, 512' \
        "${ram[@]}" layer-ram-size=1000
refused 'the disk has no sectors: give it a size' --filter=layer-ram null
refused 'the layer cannot be write-through' --filter=layer-ram null \
        layer-ram-size=1M layer-ram-write-through=true

# size ARGS...
size () {
    start_nbdkit good "${ram[@]}" "$@"
    nbdinfo --size "$(uri good)"
    stop_nbdkit good
}
[[ $(size) == 1048576 ]]
[[ $(size layer-ram-size=2M) == 2097152 ]]
[[ $(size layer-ram-size=512k layer-ram-sector-size=64K) == 524288 ]]
[[ $(size layer-ram-max=1 layer-ram-read-cache=1) == 1048576 ]]
[[ $(size layer-ram-read-cache=off layer-ram-write-through=yes) == 1048576 ]]

nbdkit --filter=layer-ram null --help > help
for key in max read-cache sector-size size write-through; do
    grep -q "^layer-ram-$key=" help || fail "$key is not in --help"
done
