#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# layered-explain=true: what a stack comes to, without serving it.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires_filter layered
cd "$tmp"
random_file disk 1M
random_file other 2M
mkdir caches
nbdkit -U - --filter=layered raw disk layered-layer=sqlite,file=a \
       --run 'nbdinfo --size $uri'

# explain ARGS...: in the file explained, with the folder as @.
explain () {
    nbdkit -f -U sock -P pid --filter=layered raw disk layered-explain=true \
           "$@" > out 2> err || fail "status $?: $(<err)"
    cat err out
    [[ ! -s err && ! -e sock && ! -e pid ]] || fail "it did more than explain"
    sed "s,$tmp/,@,g" out > explained
}

bottom='; size and sector size show with the first connection'

explain layered-layer=ram
diff explained - <<EOT
layer 1: ram; flags: none; size: as below; sector size: as below; max: any
bottom: the disk below, opened read-only$bottom
writes: to layer 1; what is below stays as it is
EOT

explain layered-layer=ram,write-through,read-cache,max=64M \
        layered-layer=sqlite,file=new,write-through
diff explained - <<EOT
layer 1: ram; flags: read-cache write-through; size: as below; sector size: as below; max: 67108864
layer 2: sqlite file=@new (to be made); flags: write-through; size: as below; sector size: as below; max: any
bottom: the disk below, opened for writing$bottom
writes: to layer 1, at once to layer 2, at once to the disk below
EOT
[[ ! -e new ]] || fail "it made a layer"

explain layered-layer=ram layered-layer=ram,sector-size=512,size=1G \
        layered-layer=sqlite,file=a,force layered-layer=sqlite,cache-dir=caches \
        layered-layer=disk,raw:other,read-only
diff explained - <<EOT
layer 1: ram; flags: none; size: 1073741824; sector size: 512; max: any
layer 2: ram; flags: none; size: 1073741824; sector size: 512; max: any
layer 3: sqlite file=@a; flags: force; size: as in the file; sector size: as in the file; max: any
layer 4: sqlite cache-dir=@caches key=(the id of the disk); flags: read-cache; size: 2097152; sector size: 512; max: any
layer 5: disk raw:@other; flags: read-only; size: 2097152; sector size: 512; max: any
bottom: the disk below, opened read-only$bottom
writes: to layer 1; what is below stays as it is
EOT
[[ $(ls caches) == '' ]] || fail "it made a cache"

# What is wrong is said instead.
expect_error 'layer 2 \(disk\) cannot be used' nbdkit -U - --filter=layered \
    raw disk layered-explain=true layered-layer=ram layered-layer=disk,gone
! grep -q '^layer 1:' expect_error.log || fail "explained what cannot be"
