#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Linux' own NBD client, with four connections: file systems are made,
# filled, trimmed and found in order, on a VHDX, and on a layer in a file
# over it.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/vm/vm-functions.sh"

requires_plugin vhdx
requires_filter layer-sqlite
requires mke2fs -V
requires_vm

attach () {                     # SOCKET
    nbd-client -unix "$1" /dev/nbd0 -C 4 -timeout 60 -block-size 4096
    wait_until 10 test "$(cat /sys/block/nbd0/size)" -gt 0
}

# A file system of the type, with the files, that survives the server.
try () {                        # TYPE ARGUMENTS-OF-NBDKIT...
    local type=$1
    shift
    start_nbdkit "$tmp/sock" "$@"
    attach "$tmp/sock"
    case $type in
        ext4) mke2fs -q -t ext4 /dev/nbd0 ;;
        xfs) mkfs.xfs -q -f /dev/nbd0 ;; # over the other one
    esac
    mount -t "$type" /dev/nbd0 /mnt
    cp -r files /mnt/gone
    cp -r files /mnt/kept
    rm -r /mnt/gone
    fstrim /mnt
    umount /mnt
    nbd-client -d /dev/nbd0
    stop_nbdkit "$tmp/sock"

    start_nbdkit "$tmp/sock" "$@"
    attach "$tmp/sock"
    case $type in
        ext4) e2fsck -f -n /dev/nbd0 ;;
        xfs) xfs_repair -n /dev/nbd0 ;;
    esac
    mount -t "$type" /dev/nbd0 /mnt
    diff -r files /mnt/kept
    umount /mnt
    nbd-client -d /dev/nbd0
    stop_nbdkit "$tmp/sock"
}

in_guest () {
    modprobe nbd max_part=0 nbds_max=1
    cleanup_fn nbd-client -d /dev/nbd0
    cp -r "$srcdir/docs" files
    diskstack create disk.vhdx 512M
    try ext4 vhdx disk.vhdx
    sha256sum disk.vhdx >sums
    try xfs --filter=layer-sqlite vhdx disk.vhdx layer-sqlite-file=changes
    sha256sum -c sums
}

vm in_guest
