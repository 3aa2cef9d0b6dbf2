#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# layer-sqlite: every parameter, with values that are right and wrong.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
random_file "$tmp/disk" 1M
cd "$tmp"

sqlite=(--filter=layer-sqlite raw disk)
for key in sector-size size; do
    bad "layer-sqlite-$key=x: must be a size" "${sqlite[@]}" layer-sqlite-$key=x
    bad "layer-sqlite-$key=0: must be a size" "${sqlite[@]}" layer-sqlite-$key=0
done
for size in 256 513 8K; do
    bad "layer-sqlite-sector-size=$size: must be a power of two .* to 4096" \
        "${sqlite[@]}" layer-sqlite-sector-size=$size
done
for key in force read-cache write-through; do
    bad "layer-sqlite-$key=maybe: must be true or false" \
        "${sqlite[@]}" layer-sqlite-$key=maybe
done
bad "unknown parameter 'layer-sqlite-bogus'" "${sqlite[@]}" layer-sqlite-bogus=1
bad "unknown parameter 'layer-sqlite-file'" \
    "${sqlite[@]}" layer-sqlite-file=a layer-sqlite-file=b
bad 'gone: the folder of the layer: No such file' \
    "${sqlite[@]}" layer-sqlite-file=gone/layer
bad 'is a directory' "${sqlite[@]}" layer-sqlite-file=.
bad 'layer-sqlite-file= is needed' --filter=layer-sqlite null
bad 'cache-key= needs layer-sqlite-cache-dir=' \
    "${sqlite[@]}" layer-sqlite-cache-key=x
bad 'No such file' "${sqlite[@]}" layer-sqlite-cache-dir=gone
bad 'disk: not a directory' "${sqlite[@]}" layer-sqlite-cache-dir=disk
bad 'exclude each other' \
    "${sqlite[@]}" layer-sqlite-cache-dir=. layer-sqlite-file=a
bad 'cache-key= must not be empty' \
    "${sqlite[@]}" layer-sqlite-cache-dir=. layer-sqlite-cache-key=

# What only the disk below can tell.
refused 'size 1000 is not a multiple of the sector size, 512' \
        "${sqlite[@]}" layer-sqlite-size=1000
refused 'has no sectors' --filter=layer-sqlite null layer-sqlite-file=a
refused 'cache-key= is needed, as the disk has no id' \
        "${sqlite[@]}" layer-sqlite-cache-dir=.
[[ $(ls) != *dbhd* ]] || fail "a layer was made that could not be used"

# size ARGS...
size () {
    rm -f disk.dbhd
    start_nbdkit good "${sqlite[@]}" "$@"
    nbdinfo --size "$(uri good)"
    stop_nbdkit good
}
[[ $(size) == 1048576 ]]
[[ $(size layer-sqlite-size=2M) == 2097152 ]]
[[ $(size layer-sqlite-size=512k layer-sqlite-sector-size=4K) == 524288 ]]
[[ $(size layer-sqlite-read-cache=1 layer-sqlite-force=true) == 1048576 ]]
[[ $(size layer-sqlite-write-through=yes) == 1048576 ]]
# Recorded in the layer: what is said later counts for nothing.
[[ $(rm -f x; size layer-sqlite-size=2M) == 2097152 ]]
start_nbdkit again "${sqlite[@]}" layer-sqlite-size=2M
[[ $(nbdinfo --size "$(uri again)") == 2097152 ]]
stop_nbdkit again

nbdkit --filter=layer-sqlite null --help > help
for key in cache-dir cache-key file force read-cache sector-size size \
           write-through; do
    grep -q "^layer-sqlite-$key=" help || fail "$key is not in --help"
done
