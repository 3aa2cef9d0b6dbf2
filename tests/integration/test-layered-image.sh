#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# layered: differencing VHDs and VHDXs as layers: changes in them, caches
# in them, over disks with an id and without, made and made elsewhere.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
requires_filter layered
cd "$tmp"

random_file disk 3M
random_file patch 100000
cp disk disk.orig
cp disk changed
dd if=patch of=changed bs=64K oflag=seek_bytes seek=700000 conv=notrunc \
   status=none
dd if=/dev/zero of=changed bs=64K iflag=count_bytes count=300000 \
   oflag=seek_bytes seek=1500000 conv=notrunc status=none

change () {
    client "$1" <<'PYTHON'
h.pwrite(open("patch", "rb").read(), 700000)
h.zero(300000, 1500000)
h.flush()
PYTHON
}

# served SOCK REFERENCE
served () {
    nbdcopy "$(uri "$1")" out
    cmp out "$2" || fail "differs from $2"
}

# layer PATTERN SPEC...: said before nbdkit listens, of layers.
layer () {
    local args=() s
    for s in "${@:2}"; do args+=("layered-layer=$s"); done
    bad "$1" --filter=layered raw disk "${args[@]}"
}

for kind in vhd1 vhdx; do
    e=${ext[$kind]}
    echo "== $kind"

    # Changes go to a new image, and are there in the next server.
    start_nbdkit sock --filter=layered raw disk \
                 layered-layer=$kind,file=changes.$e,block-size=1M
    [[ ! -e changes.$e ]] || fail "it was made before it was needed"
    served sock disk.orig
    change sock
    served sock changed
    stop_nbdkit sock
    [[ ! -s sock.log ]] || fail "there are messages: $(<sock.log)"
    cmp disk disk.orig
    [[ $(ls) != *.tmp* ]] || fail "something was left: $(ls)"
    start_nbdkit sock --filter=layered raw disk \
                 layered-layer=$kind,file=changes.$e
    served sock changed
    stop_nbdkit sock
    start_nbdkit sock -r --filter=layered raw disk \
                 layered-layer=$kind,file=changes.$e
    served sock changed
    stop_nbdkit sock

    # It is no image without what is below.
    bad "changes.$e: its parent is not found" $kind changes.$e
    # Below another layer it stays as it is.
    sha256sum changes.$e > sum
    start_nbdkit sock --filter=layered raw disk layered-layer=ram \
                 layered-layer=$kind,file=changes.$e
    client sock <<< 'h.pwrite(b"x" * 4096, 0); h.flush()'
    stop_nbdkit sock
    sha256sum -c --quiet sum

    # Killed: what was flushed is there.
    start_nbdkit sock --filter=layered raw disk \
                 layered-layer=$kind,file=killed.$e
    change sock
    kill_nbdkit sock
    start_nbdkit sock -r --filter=layered raw disk \
                 layered-layer=$kind,file=killed.$e
    served sock changed
    stop_nbdkit sock

    # A read cache: the second server does not need the disk for what the
    # first has read.
    start_nbdkit sock -r --filter=layered raw disk \
                 layered-layer=$kind,file=cache.$e,read-cache
    served sock disk.orig
    stop_nbdkit sock
    cmp disk disk.orig
    start_nbdkit sock -r --filter=layered --filter=error raw disk \
                 layered-layer=$kind,file=cache.$e,read-cache \
                 error-pread-rate=100%
    served sock disk.orig
    stop_nbdkit sock
    # And below changes.
    start_nbdkit sock --filter=layered --filter=error raw disk \
                 layered-layer=ram layered-layer=$kind,file=cache.$e,read-cache \
                 error-pread-rate=100%
    change sock
    served sock changed
    stop_nbdkit sock

    # Over a disk with an id it is for that disk.
    make_image $kind with-id.$e create=3M subformat=dynamic
    make_image $kind other.$e create=3M subformat=dynamic
    start_nbdkit sock --filter=layered $kind with-id.$e \
                 layered-layer=$kind,file=for-id.$e
    client sock <<< 'h.pwrite(b"x" * 4096, 0); h.flush()'
    stop_nbdkit sock
    refused 'the layer was made for another disk: its id was' \
            --filter=layered $kind other.$e layered-layer=$kind,file=for-id.$e
    start_nbdkit sock --filter=layered $kind other.$e \
                 layered-layer=$kind,file=for-id.$e,force
    client sock <<< 'assert h.pread(4097, 0) == b"x" * 4096 + b"\0"'
    stop_nbdkit sock
    grep -q 'going on, as it is forced' sock.log

    # A child that was made for a parent, over a raw copy of it.
    make_image $kind parent.$e create=3M subformat=dynamic
    fill $kind parent.$e disk
    make_image $kind child.$e create=0 parent=parent.$e
    start_nbdkit sock $kind child.$e
    change sock
    stop_nbdkit sock
    rm parent.$e
    start_nbdkit sock --filter=layered raw disk layered-layer=$kind,file=child.$e
    served sock changed
    stop_nbdkit sock

    # What it cannot be.
    layer "layer 1 \($kind\) has no image; add file=" $kind
    layer "layer 1 \($kind\): write-back cannot be had with an image" \
          $kind,file=new,write-back
    layer "layer 1 \($kind\): write-through cannot be had with an image" \
          $kind,file=new,write-through
    layer "max=1M is nothing for this kind" $kind,file=new,max=1M
    layer "block-size=3M must be a power of two" $kind,file=new,block-size=3M
    layer "disk: .*" $kind,file=disk
    layer "layer 2 \($kind\) cannot be used: see above" ram $kind,file=disk
    layer "is not a differencing image" $kind,file=other.$e
    layer "gone: the folder of the layer: No such file" $kind,file=gone/a
    layer "there is no such file, and a layer that is only read is not made" \
          ram $kind,file=new
    layer "has the same file as layer 1 \($kind\)" \
          $kind,file=changes.$e $kind,file=./changes.$e
    layer "has the same file as layer 1 \($kind\)" \
          $kind,file=new,read-cache $kind,file=new,read-cache
    [[ ! -e new ]]
    start_nbdkit sock --filter=layered raw disk \
                 layered-layer=$kind,file=changes.$e
    client sock <<< 'h.pread(512, 0)'
    layer 'lock: .*changes.*: cannot be locked' ram $kind,file=changes.$e
    stop_nbdkit sock
done

# Disks of both kinds, with parents, as layers.
for kind in vhd1 vhdx; do
    e=${ext[$kind]}
    make_image $kind p.$e create=3M subformat=dynamic
    fill $kind p.$e disk
    make_image $kind c.$e create=0 parent=p.$e
    start_nbdkit sock --filter=layered null layered-layer=ram \
                 layered-layer=disk,$kind:c.$e
    served sock disk.orig
    change sock
    served sock changed
    stop_nbdkit sock
    mv p.$e elsewhere
    layer "c.$e: its parent is not found" disk,$kind:c.$e
done

# Sectors.
start_nbdkit sock --filter=layered raw disk layered-layer=vhdx,file=4k.vhdx \
             layered-layer=ram,sector-size=4096
client sock <<< 'h.pwrite(b"y" * 10, 5); h.flush()'
stop_nbdkit sock
refused 'has sectors of 4096 bytes, which a VHD cannot have' \
        --filter=layered raw disk layered-layer=vhd1,file=4k.vhd \
        layered-layer=ram,sector-size=4096
[[ ! -e 4k.vhd ]]

# What the stack is.
nbdkit -f -U - --filter=layered raw disk layered-explain=true \
       layered-layer=vhd1,file=new layered-layer=vhdx,file=changes.vhdx \
       > explained
sed "s,$tmp/,@,g" explained | head -n 2 | diff - <(cat <<'EOT'
layer 1: vhd1 file=@new (to be made); flags: none; size: 3145728; sector size: 512; max: any
layer 2: vhdx file=@changes.vhdx; flags: none; size: 3145728; sector size: 512; max: any
EOT
)
