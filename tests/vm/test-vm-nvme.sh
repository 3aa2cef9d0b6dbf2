#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The nvme plugin and a controller of QEMU's behind an IOMMU of 39 bits, with
# namespaces of blocks of 512 and 4096 bytes: what the plugin writes, trims
# and zeroes the kernel's driver reads, and the reverse, a file system too;
# as root and as a user; at the highest addresses; who has the device is told;
# a server that is killed leaves it in order.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/vm/vm-functions.sh"
source "$srcdir/tests/vm/nvme-functions.sh"

requires_plugin nvme
requires_libnbd
requires qemu-io --version
requires jq --version
requires mke2fs -V
requires_vm

# Data by one driver, read by the other.  Who has the device is told.
exchange () {
    to_vfio $address
    start_nbdkit "$tmp/sock" nvme $address
    nbdinfo --list --json "$(uri "$tmp/sock")" >list
    jq -e '[.exports[] | ."export-name", .block_size_minimum, ."export-size"]
           == ["1", 512, 3145728, "2", 4096, 3145728, "3", 512, 33554432]' list
    expect_error 'in use by another program' diskstack info nvme:$address
    nbdcopy --flush /out/a "$(uri "$tmp/sock")"
    nbdcopy --flush /out/b "$(uri "$tmp/sock" 2)"
    stop_nbdkit "$tmp/sock"
    to_kernel $address
    expect_error 'the driver nvme.*modprobe vfio-pci; .*driver/unbind' \
        nbdkit -U - nvme $address --run :
    cmp /out/a "${block[1]}"
    cmp /out/b "${block[2]}"
    dd if=/out/b of="${block[1]}" bs=1M oflag=direct status=none
    dd if=/out/a of="${block[2]}" bs=1M oflag=direct status=none
    to_vfio $address
}

look () {
    diskstack info --json nvme:$address >info
    jq -e '.[0] | .serial == "RIG0" and .trouble == [] and
           (.namespaces | length == 3) and .namespaces[1]["block-size"] == 4096
           and .health["media-errors"] == 0' info
}

limited () {                    # KIB COMMAND...
    ( ulimit -l "$1"; shift; exec setpriv --reuid=65534 --clear-groups "$@" )
}

# As a user, who may lock only so much memory: parts are trimmed and zeroed,
# at any alignment, and the rest stays.
as_user () {
    chown 65534 /dev/vfio/[0-9]*
    chmod 777 .
    expect_error 'RLIMIT_MEMLOCK is 64 KiB and at least .* needed' \
        limited 64 nbdkit -s nvme $address
    limited 65536 nbdkit -U - nvme $address --run 'set -e
        nbdcopy "nbd+unix:///2?socket=$unixsocket" - | cmp - /out/a
        qemu-io -f raw -t none "$uri" \
            -c "write -z 100 70000" -c "write -z -u 1M 512K" \
            -c "discard 2M 512K" -c "read -P 0 100 70000" \
            -c "read -P 0 1M 512K" -c flush >io
        nbdcopy "$uri" now'
    ! grep -E 'failed|Pattern' io || fail "zeroes"
    cmp -n 100 now /out/b
    cmp -i 70100 -n 978476 now /out/b
    cmp -i 1536K -n 512K now /out/b
    cmp -i 2560K now /out/b
}

# A file system of the kernel's, first over NBD, then without us.
file_system () {
    cp -r "$srcdir/docs" files
    start_nbdkit "$tmp/sock" nvme $address nsid=3
    modprobe nbd max_part=0 nbds_max=1
    nbd-client -unix "$tmp/sock" /dev/nbd0 -C 4 -timeout 60
    wait_until 10 test "$(</sys/block/nbd0/size)" -gt 0
    mke2fs -q -t ext4 /dev/nbd0
    mount -t ext4 /dev/nbd0 /mnt
    cp -r files /mnt/gone
    cp -r files /mnt/kept
    rm -r /mnt/gone
    fstrim /mnt
    umount /mnt
    e2fsck -f -n /dev/nbd0
    nbd-client -d /dev/nbd0
    stop_nbdkit "$tmp/sock"
    to_kernel $address
    e2fsck -f -n "${block[3]}"
    mount -t ext4 "${block[3]}" /mnt
    diff -r files /mnt/kept
    mv /mnt/kept /mnt/again
    umount /mnt
    to_vfio $address
    start_nbdkit "$tmp/sock" nvme $address nsid=3
    nbd-client -unix "$tmp/sock" /dev/nbd0 -timeout 60
    wait_until 10 test "$(</sys/block/nbd0/size)" -gt 0
    e2fsck -f -n /dev/nbd0
    mount -t ext4 -o ro /dev/nbd0 /mnt
    diff -r files /mnt/again
    umount /mnt
    nbd-client -d /dev/nbd0
    stop_nbdkit "$tmp/sock"
}

# The driver at the highest addresses.  This controller has SGLs, which name
# the data of what is large; and shadow doorbells, so that registers are
# written less often than without.
counted () {
    local _ with doorbells
    local -a lines=()
    "$builddir/tests/vm/nvme-high" $address 39 2 /out/b | tee counts
    while read -r _ _ with _ _ doorbells _; do
        lines+=("$with $doorbells")
    done < <(grep doorbells counts)
    (( ${lines[0]% *} == 32 && ${lines[1]% *} == 0 )) || fail "no SGLs"
    (( ${lines[1]#* } < ${lines[3]#* } )) ||
        fail "shadow doorbells are of no use"
}

# A server that is killed while its clients write.
killed () {
    start_nbdkit "$tmp/sock" nvme $address
    nbdcopy --requests=4 --progress=3 /out/a "$(uri "$tmp/sock")" \
            2>/dev/null 3>progress &
    nbdcopy /out/a "$(uri "$tmp/sock" 2)" 2>/dev/null &
    wait_until 20 test -s progress
    kill_nbdkit "$tmp/sock"
    wait
    nbdkit -U - nvme $address --run 'nbdcopy --flush /out/a "$uri"'
    nbdkit -U - nvme $address nsid=2 --run 'nbdcopy --flush /out/b "$uri"'
}

# QEMU's controller has no reservations: a server that wants them does not
# start, and leaves the controller as it was.
reservations () {
    mkdir -p /etc/nvme
    echo nobody >/etc/nvme/hostid
    expect_error '/etc/nvme/hostid: "nobody" is not a UUID' \
        nbdkit -U - nvme $address nsid=1 pr-socket="$tmp/pr.sock" --run :
    cat /proc/sys/kernel/random/uuid >/etc/nvme/hostid
    ! nbdkit -f -U "$tmp/none" nvme $address nsid=1 \
        pr-socket="$tmp/pr.sock" >none.log 2>&1 || fail "it has reservations"
    grep 'namespace 1: the namespace has no persistent reservations' none.log
    diskstack info nvme:$address
}

in_guest () {
    address=0000:00:04.0
    exchange
    look
    reservations
    as_user
    file_system
    counted
    killed
    no_dma_faults
}

mkdir "$tmp/share"
random_file "$tmp/share/a" 3M
random_file "$tmp/share/b" 3M
truncate -s 3M "$tmp/one" "$tmp/two"
truncate -s 32M "$tmp/three"
vm_share "$tmp/share"/*
vm in_guest \
   -device intel-iommu,intremap=on,aw-bits=39 \
   -device nvme,id=nvme0,serial=RIG0,addr=04.0 \
   -drive file="$tmp/one",if=none,format=raw,id=one,discard=unmap \
   -device nvme-ns,drive=one,bus=nvme0,nsid=1 \
   -drive file="$tmp/two",if=none,format=raw,id=two,discard=unmap \
   -device nvme-ns,drive=two,bus=nvme0,nsid=2,logical_block_size=4096,physical_block_size=4096 \
   -drive file="$tmp/three",if=none,format=raw,id=three,discard=unmap \
   -device nvme-ns,drive=three,bus=nvme0,nsid=3 \
   -trace 'pci_nvme_dbbuf_config' -trace 'pci_nvme_shadow_doorbell_sq' \
   -trace 'pci_nvme_map_sgl' -D "$tmp/trace"

# The controller says so, too.
for event in dbbuf_config shadow_doorbell_sq map_sgl; do
    grep -c "pci_nvme_$event" "$tmp/trace"
done

# It is on the medium.
cmp "$tmp/one" "$tmp/share/a"
cmp "$tmp/two" "$tmp/share/b"
