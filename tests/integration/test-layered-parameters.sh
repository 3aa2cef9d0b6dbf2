#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# layered: every parameter, with values that are right and wrong, and
# every stack that cannot be.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires_client
requires_filter layered
cd "$tmp"
random_file disk 1M
random_file other 1M
: > empty
mkdir caches

# wrong PATTERN ARGS...: said before nbdkit listens.
wrong () { bad "$1" --filter=layered raw disk "${@:2}"; }

# layer PATTERN SPEC...: the same, of layers, the top one first.
layer () {
    local args=() s
    for s in "${@:2}"; do args+=("layered-layer=$s"); done
    wrong "$1" "${args[@]}"
}

# late PATTERN SPEC...: said when a client connects.
late () {
    local args=() s
    for s in "${@:2}"; do args+=("layered-layer=$s"); done
    refused "$1" --filter=layered raw disk "${args[@]}"
}

# One layer as text.
wrong 'layered-layer= is needed, once for each layer'
layer 'layer 1: layered-layer= says nothing; begin with ram' ''
layer 'layer 1: "floppy" is no kind of layer; use ram' floppy,disk
layer 'layer 2: "ram,max=1M" is no kind of layer' ram ram,,max=1M
layer 'layer 1 \(ram\) ends in a comma; remove it' ram,
layer 'layer 1 \(ram\): bogus is not known; remove it' ram,bogus
layer 'layer 1 \(ram\): file=a is nothing for this kind' ram,file=a
layer 'layer 1 \(disk\): size=1M is nothing for this kind' disk,other,size=1M
layer 'layer 1 \(ram\): force is nothing for this kind' ram,force
layer 'layer 2 \(ram\): max=2 is given twice; remove one' ram ram,max=1,max=2
layer 'layer 1 \(ram\): size needs a value' ram,size
layer 'layer 1 \(sqlite\): file= needs a value' sqlite,file=
layer 'layer 1 \(ram\): read-cache=yes takes no value' ram,read-cache=yes
for value in 0 x -1 1.5M; do
    layer "layer 1 \(ram\): max=$value must be a size larger" ram,max=$value
    layer "layer 1 \(ram\): size=$value must be a size larger" ram,size=$value
done
layer 'layer 1 \(ram\): sector-size=513 must be a power' ram,sector-size=513
layer 'layer 1 \(sqlite\): sector-size=8K must be a power' \
      sqlite,file=a,sector-size=8K
layer 'layer 1 \(ram\): size is not a multiple of the sector size' \
      ram,size=1000,sector-size=512
layer 'layer 1 \(sqlite\) has no place to be kept; add file=' sqlite
layer 'layer 1 \(sqlite\): key is the name of a cache' sqlite,file=a,key=b
layer 'layer 1 \(sqlite\): cache-dir and file= exclude each other' \
      sqlite,file=a,cache-dir=caches
layer 'layer 1 \(sqlite\): cache-dir and write-back exclude each other' \
      sqlite,cache-dir=caches,write-back
layer 'layer 1 \(sqlite\): read-only excludes a read cache' \
      sqlite,cache-dir=caches,read-only
layer 'layer 1 \(ram\): write-back and write-through exclude each other' \
      ram,write-back,write-through
layer 'layer 1 \(ram\): read-only and write-through or write-back exclude' \
      ram,write-back,read-only
layer 'layer 1 \(disk\) does not say which disk' disk
layer 'layer 1 \(disk\) does not say which disk' disk,read-only
many=()
for (( i = 0; i <= 64; i++ )); do many+=(ram); done
layer 'layer 65 is one too many: a stack has at most 64' "${many[@]}"

# What they name.
layer 'open: .*/gone: No such file' disk,gone
layer 'layer 2 \(disk\) cannot be used: see above' ram disk,gone
layer '"floppy:" is no kind of disk' disk,floppy:x
layer 'other: has no VHD footer' disk,vhd1:other
layer 'layer 1 \(disk\) cannot be used: see above' disk,vhd1:other
layer 'the disk has no sectors' disk,empty
layer 'gone: the folder of the layer: No such file' sqlite,file=gone/a
layer 'No such file' sqlite,cache-dir=gone
layer 'not a directory' sqlite,cache-dir=disk
layer 'other: the file .*' sqlite,file=other
layer 'layer 1 \(sqlite\) cannot be used: see above' sqlite,file=other
layer 'there is no such file, and a layer that is only read is not made' \
      ram sqlite,file=new
layer 'there is no such file, and a layer that is only read is not made' \
      sqlite,file=new,read-only
[[ ! -e new ]]
layer 'layer 2 \(disk\) has the same file as layer 1 \(disk\)' \
      disk,other disk,raw:./other
layer 'layer 3 \(sqlite\) has the same file as layer 1 \(sqlite\)' \
      sqlite,file=new,write-through ram,write-through sqlite,file=new

# Locks.
start_nbdkit holder --filter=layered raw disk layered-layer=disk,other
client holder <<< 'h.pwrite(b"x" * 512, 0)'
layer 'lock: .*other: cannot be locked' disk,other
stop_nbdkit holder
start_nbdkit holder --filter=layered raw disk layered-layer=sqlite,file=a
client holder <<< 'h.pwrite(b"x" * 512, 0)'
layer 'lock: .*/a: cannot be locked' ram sqlite,file=a
stop_nbdkit holder

# What does not go together.
layer 'layer 1 \(disk\) cannot be a read cache' disk,other,read-cache
layer 'layer 2 \(disk\) cannot be a read cache' ram disk,other,read-cache
layer 'layer 1 \(ram\) has another sector size' \
      ram,sector-size=4096 ram ram,sector-size=512
layer 'layer 1 \(ram\) has another sector size' \
      ram,sector-size=4096 disk,other
layer 'layer 2 \(ram\) cannot be write-through: only the layers from the top' \
      ram ram,write-through
layer 'layer 3 \(ram\) cannot be write-through' \
      ram,write-through ram ram,write-through

# Everything else.
for age in x 0 -1 1s 1.2345 ''; do
    wrong "layered-age=$age: must be seconds" layered-age=$age
done
for size in x 0 2K 5000 64M; do
    wrong "layered-fetch=$size: must be a power of two" layered-fetch=$size
done
for size in x -1 2G; do
    wrong "layered-readahead=$size: must be a size" layered-readahead=$size
done
for n in x 0 257; do
    wrong "layered-parallel=$n: must be a number from 1" layered-parallel=$n
done
for key in explain hydrate; do
    wrong "layered-$key=maybe: must be true or false" layered-$key=maybe
done
wrong 'layered-hydrate-rate=0: must be a size' layered-hydrate-rate=0
for key in age=1 explain=false fetch=64K parallel=2 readahead=0; do
    wrong "layered-${key%=*}= is given twice" layered-$key layered-$key
done
wrong "unknown parameter 'layered-bogus'" layered-bogus=1 layered-layer=ram
bad 'layered-layer= is needed' --filter=layered --filter=layered raw disk \
    layered-layer=ram

# What only the disk below can tell.
late 'layer 2 \(sqlite\): key= is needed, as the disk has no id' \
     ram sqlite,cache-dir=caches
late 'layer 1 \(sqlite\) is a cache for everybody, which must not get' \
     sqlite,cache-dir=caches,key=a
late 'layer 1 \(ram\) is read-only and would have to be written' ram,read-only
late 'layer 2 \(disk\) is read-only and would have to be written' \
     ram,write-through disk,other,read-only
late 'size 1000 is not a multiple of the sector size, 512' ram,size=1000
late 'layer 2 \(ram\) cannot be used: see above' ram ram,size=1000
late 'layer 1 \(ram\) has another sector size' \
     ram,sector-size=4096 sqlite,file=a
refused 'layer 1 \(ram\) cannot be used' --filter=layered null layered-layer=ram
refused 'layer 2 \(ram\) cannot be write-through' --filter=layered null \
        layered-layer=ram,size=1M,write-through layered-layer=ram,write-through,size=1M
refused 'the disk below is read-only and would have to be written' \
        --filter=layered raw fd=8 layered-layer=ram,write-through 8< disk
[[ $(ls caches) == '' ]] || fail "a cache was made that could not be used"

# size SPEC... [-- ARGS...]: of what is served.
size () {
    local args=()
    while (( $# > 0 )) && [[ $1 != -- ]]; do
        args+=("layered-layer=$1")
        shift
    done
    start_nbdkit good --filter=layered raw disk "${args[@]}" "${@:2}"
    nbdinfo --size "$(uri good)"
    stop_nbdkit good
}
[[ $(size ram) == 1048576 ]]
[[ $(size ram,size=2M) == 2097152 ]]
[[ $(size ram ram,size=512K,sector-size=64K) == 524288 ]]
[[ $(size sqlite,file=a,,b,size=3M) == 3145728 && -e a,b ]]
[[ $(size ram sqlite,file=a,,b) == 3145728 ]]
[[ $(size ram,max=1M,read-cache,write-through) == 1048576 ]]
[[ $(size ram -- layered-age=0.5 layered-fetch=64K layered-parallel=4 \
          layered-readahead=0 layered-explain=false) == 1048576 ]]
[[ $(size ram -- -r) == 1048576 ]]
[[ $(size ram,read-only -- -r) == 1048576 ]]
[[ $(size sqlite,cache-dir=caches,key=a -- -r) == 1048576 ]]
[[ $(size sqlite,cache-dir=caches,key=b,write-through) == 1048576 ]]
[[ $(ls caches) == a.dbhd$'\n'b.dbhd ]]

nbdkit --filter=layered null --help > help
for key in age explain fetch layer parallel readahead; do
    grep -q "^layered-$key=" help || fail "$key is not in --help"
done
