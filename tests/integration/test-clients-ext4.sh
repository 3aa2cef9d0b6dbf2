#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A file system on the stack, through nbdfuse: made, filled, checked, and
# still right after a restart of the server.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/clients-functions.sh"

requires_stack
requires nbdfuse --version
PATH=$PATH:/sbin:/usr/sbin
requires mke2fs -V
requires e2fsck -V
requires debugfs -V
[[ -c /dev/fuse && -w /dev/fuse ]] || skip "needs /dev/fuse"
command -v fusermount3 >/dev/null || skip "needs fusermount3"
cd "$tmp"
mkdir fuse mnt
make_vhd disk.vhd $(( 64 << 20 ))
cp disk.vhd copy.vhd

# mount_disk: the disk as the file fuse/nbd.
mount_disk () {
    start_stack sock disk.vhd
    nbdfuse fuse "$(uri sock)" 2> fuse.log &
    fuse=$!
    wait_until 30 test -e fuse/nbd || { cat fuse.log; skip "FUSE: no mount"; }
}

umount_disk () {
    fusermount3 -u fuse
    wait "$fuse"
    stop_nbdkit sock
    [[ ! -s fuse.log ]] || { cat fuse.log; fail "nbdfuse complained"; }
}
cleanup_fn fusermount3 -q -u -z "$tmp/fuse"

mount_disk
mke2fs -q -t ext4 fuse/nbd
for i in {1..20}; do
    random_file file$i $(( i * 50 ))K
    echo "write file$i file$i" >> commands
done
debugfs -w -f commands fuse/nbd > debugfs.log 2>&1 ||
    { cat debugfs.log; fail "debugfs"; }
e2fsck -f -n fuse/nbd
umount_disk

mount_disk
e2fsck -f -n fuse/nbd
for i in {1..20}; do
    debugfs -R "dump file$i out" fuse/nbd 2>> debugfs.log
    cmp file$i out
done

# By the kernel, too, where that is possible.
if (( EUID == 0 )) && mount -o loop fuse/nbd mnt 2>/dev/null; then
    cleanup_fn umount -q "$tmp/mnt"
    cmp file7 mnt/file7
    rm mnt/file1
    cp -r file2 mnt/new
    umount mnt
    e2fsck -f -n fuse/nbd
fi
umount_disk
cmp disk.vhd copy.vhd
