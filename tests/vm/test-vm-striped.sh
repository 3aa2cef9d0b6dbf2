#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The layout of striped disks is that of the kernel: what the striped
# plugin writes is read through device-mapper's striped target and through
# md's RAID-0, and what is written through these by the plugin.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/vm/vm-functions.sh"

requires_plugin striped
requires_libnbd
requires losetup --version
requires_vm

# make_dm STRIPE LOOPS...: a disk of the kernel's, left in $made.
make_dm () {
    local stripe=$(( $1 / 512 )) size table d
    shift
    size=$(( $(blockdev --getsz "$1") / stripe * stripe * $# ))
    table="0 $size striped $# $stripe"
    for d in "$@"; do
        table+=" $d 0"
    done
    dmsetup create s --table "$table"
    made=/dev/mapper/s
}
end_dm () { dmsetup remove s; }

# An array without a superblock.
make_md () {
    mdadm --build /dev/md0 --level=0 --chunk=$(( $1 / 1024 )) \
          --raid-devices=$(( $# - 1 )) "${@:2}"
    made=/dev/md0
}
end_md () { mdadm --stop /dev/md0; }

# A new one with a superblock, at the end of its members.
make_end () {
    mdadm --create /dev/md0 --metadata=1.0 --level=0 --run \
          --chunk=$(( $1 / 1024 )) --raid-devices=$(( $# - 1 )) "${@:2}"
    made=/dev/md0
}
end_end () { end_md; }

# The kernel reads what is there, and writes something else.
in_guest () {
    local name stripe made loops f
    modprobe -a loop dm-mod md-mod raid0
    cp -r /out/disks .
    while read -r name stripe; do
        loops=()
        for f in disks/"$name"/m*; do
            loops+=("$(losetup --find --show "$f")")
        done
        "make_$name" "$stripe" "${loops[@]}"
        [[ $name == end ]] || cmp "disks/$name/data" "$made"
        head -c "$(blockdev --getsize64 "$made")" /dev/urandom \
             >"disks/$name/data"
        dd if="disks/$name/data" of="$made" bs=1M conv=fsync status=none
        "end_$name"
        losetup -d "${loops[@]}"
    done <disks/list
    cp -r disks /out/
}

# disk NAME STRIPE MEMBERS SIZE: one with random data.
disk () {
    local dir=$tmp/disks/$1 i size
    mkdir -p "$dir"
    for (( i = 0; i < $3; i++ )); do
        truncate -s "$4" "$dir/m$i"
    done
    echo "$1 $2" >>"$tmp/disks/list"
    size=$(nbdkit -U - striped "$dir"/m* stripe-size="$2" \
                  --run 'nbdinfo --size "$uri"')
    random_file "$dir/data" "$size"
    nbdkit -U - striped "$dir"/m* stripe-size="$2" \
           --run "nbdcopy '$dir/data' \"\$uri\""
}

disk dm 131072 2 4M
disk md 4096 3 1100K
disk end 65536 2 4M
vm_share "$tmp/disks"
vm in_guest
while read -r name stripe; do
    dir=$tmp/vm/disks/$name
    nbdkit -U - -r striped "$dir"/m* stripe-size="$stripe" \
           size="$(stat -c %s "$dir/data")" \
           --run "nbdcopy \"\$uri\" '$tmp/copy'"
    cmp "$dir/data" "$tmp/copy"
done <"$tmp/disks/list"
