#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The nvme plugin and controllers that have little, behind an IOMMU of 48
# bits, when things go wrong or change: errors of the medium, commands that
# take too long, a warning of the controller's, blocks with metadata,
# namespaces that are attached and detached by another controller, and
# removal while it is in use, after which a larger disk comes to its place.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/vm/vm-functions.sh"
source "$srcdir/tests/vm/nvme-functions.sh"

requires_plugin nvme
requires_libnbd
requires_filter error
requires qemu-io --version
requires jq --version
requires_python_nbd
requires_vm

says () { grep -Eq "$1" "$tmp/sock.log"; }

# Transfers of 8 KiB, one queue, two interrupts.
small () {
    nbdcopy --flush --connections=2 /out/data "$(uri "$tmp/sock" 1)"
    nbdcopy "$(uri "$tmp/sock" 1)" copy
    cmp copy /out/data
}

# A read that the medium fails, and again when it does not.
media () {
    touch /out/fail
    expect_error 'Input/output error' \
        qemu-io -r -f raw -c 'read 64K 32K' "$(uri "$tmp/sock" 1)"
    rm /out/fail
    qemu-io -r -f raw -c 'read 64K 32K' "$(uri "$tmp/sock" 1)"
    says 'namespace 1: read of 8192 bytes at [0-9]+:'
}

# It is aborted, the controller reset, and the command given again, until it
# is enough; others go on.
slow () {
    expect_error 'Input/output error' \
        qemu-io -r -f raw -c 'read 0 4K' "$(uri "$tmp/sock" 2)"
    says 'aborting it'
    says 'resetting the controller'
    small
}

warning () {
    qmp '{"execute": "qom-set", "arguments": {"path": "/machine/peripheral/a",
          "property": "smart_critical_warning", "value": 4}}'
    wait_until 20 says 'critical warning 0x04: it is not reliable'
}

# What happened, as diskstack status tells it.
status () {
    diskstack status "$tmp/status"
    diskstack status --json "$tmp/status" >told
    jq -e '.controller | .serial == "RIG1" and .timeouts >= 1 and
           .resets == 2 and .events >= 1 and .gone == false and
           (.warnings | length == 1)' told
    jq -e '.disks[] | select(.export == "1") | .size == 1048576' told
}

# Of a namespace with metadata, and of the warning.
trouble () {
    local status=0
    expect_error 'nvme.*metadata' nbdkit -s nvme $1 nsid=3
    diskstack info nvme:$1 >info || status=$?
    cat info
    [[ $status == 2 ]]
    grep 'it is not reliable any more' info
    grep 'namespace 3: .*metadata' info
}

exports () {                    # SOCKET
    nbdinfo --list --json "$(uri "$1")" |
        jq -r '[.exports[]."export-name"] | join(" ")'
}

has_exports () { [[ $(exports "$1") == "$2" ]]; }

# Namespaces come and go: the kernel drives the other controller of the
# subsystem, at $2.
attached () {
    local other reader ours
    requires_python_nbd
    to_vfio "$1"
    start_nbdkit "$tmp/shared" nvme "$1"
    to_kernel "$2"
    other=$(echo /sys/bus/pci/devices/"$2"/nvme/nvme*)
    ours=$(( 1 - $(<"$other/cntlid") )) # the first two of the subsystem
    attachment () {
        "$python" "$srcdir/tests/vm/nvme-attach.py" "/dev/${other##*/}" \
                  "$1" "$2" $ours
    }
    has_exports "$tmp/shared" 1
    "$python" "$srcdir/tests/vm/until-gone.py" "$(uri "$tmp/shared" 1)" \
              reading &
    reader=$!
    attachment attach 2
    wait_until 20 has_exports "$tmp/shared" '1 2' || fail "it is not listed"
    nbdcopy --flush /out/data "$(uri "$tmp/shared" 2)"
    nbdcopy "$(uri "$tmp/shared" 2)" copy
    cmp copy /out/data
    # The event tells it, before anybody asks.
    wait_until 20 test -e reading
    attachment detach 1
    wait_until 20 grep 'namespace 1: there is no such' "$tmp/shared.log" ||
        fail "its end is not noticed"
    wait "$reader"
    has_exports "$tmp/shared" 2
    expect_error 'No such file' nbdinfo "$(uri "$tmp/shared" 1)"
    attachment attach 1
    nbdcopy --flush /out/data "$(uri "$tmp/shared" 1)"
    stop_nbdkit "$tmp/shared"
}

# The device goes, although it is in use.
removal () {
    local load
    start_nbdkit "$tmp/hot" nvme "$1"
    nbdcopy /out/data "$(uri "$tmp/hot")"
    while nbdcopy --connections=2 /out/data "$(uri "$tmp/hot")"; do :; done \
        2>/dev/null &
    load=$!
    qmp '{"execute": "device_del", "arguments": {"id": "b"}}'
    wait_until 30 test ! -e "/sys/bus/pci/devices/$1" || fail "it stays"
    wait "$load" || :
    grep 'it is to be removed' "$tmp/hot.log"
    stop_nbdkit "$tmp/hot"
}

# A larger disk comes to where it was.
replaced () {
    qmp '{"execute": "blockdev-add", "arguments": {"driver": "raw",
          "node-name": "five", "file": {"driver": "file",
          "filename": "'"$tmp_of_host"'/larger.img"}}}'
    qmp '{"execute": "device_add", "arguments": {"driver": "nvme", "id": "e",
          "serial": "RIG4", "bus": "root1", "drive": "five"}}'
    wait_until 30 test -e "/sys/bus/pci/devices/$1" || fail "nothing comes"
    to_vfio "$1"
    start_nbdkit "$tmp/hot" nvme "$1"
    [[ $(nbdinfo --size "$(uri "$tmp/hot")") == 3145728 ]]
    nbdcopy /out/data "$(uri "$tmp/hot")"
    nbdcopy "$(uri "$tmp/hot")" copy
    cmp -n 1048576 copy /out/data
    stop_nbdkit "$tmp/hot"
}

in_guest () {
    source /out/variables
    to_vfio 0000:00:04.0
    start_nbdkit "$tmp/sock" nvme 0000:00:04.0 timeout=2 \
        status="$tmp/status"
    small
    media
    slow
    warning
    status
    stop_nbdkit "$tmp/sock"
    cat "$tmp/sock.log"
    trouble 0000:00:04.0
    "$builddir/tests/vm/nvme-high" 0000:00:04.0 48 1 /out/data
    attached 0000:00:06.0 0000:00:07.0
    to_vfio 0000:01:00.0
    removal 0000:01:00.0
    replaced 0000:01:00.0
    no_dma_faults
}

random_file "$tmp/data" 1M
truncate -s 1M "$tmp"/{hot,first,second}.img
truncate -s 3M "$tmp/larger.img"
echo "tmp_of_host=$tmp" >"$tmp/variables"
vm_share "$tmp"/{data,variables}
start_nbdkit "$tmp/medium" --filter=error memory 1M \
    error-pread=EIO error-pread-rate=100% error-file="$tmp/vm/fail"
vm_with_qmp in_guest \
    -device intel-iommu,intremap=on,aw-bits=48 \
    -device pcie-root-port,id=root1,chassis=1,addr=05.0 \
    -device nvme,id=a,serial=RIG1,addr=04.0,mdts=1,max_ioqpairs=1,msix_qsize=2 \
    -drive file="nbd+unix:///?socket=$tmp/medium",if=none,format=raw,id=one \
    -device nvme-ns,drive=one,bus=a,nsid=1 \
    -drive driver=null-co,size=1M,latency-ns=5000000000,if=none,id=two \
    -device nvme-ns,drive=two,bus=a,nsid=2 \
    -drive driver=null-co,size=1M,if=none,id=four \
    -device nvme-ns,drive=four,bus=a,nsid=3,ms=8 \
    -drive file="$tmp/hot.img",if=none,format=raw,id=three \
    -device nvme,id=b,serial=RIG2,bus=root1,drive=three \
    -device nvme-subsys,id=both \
    -device nvme,id=c,serial=RIG3,subsys=both,addr=06.0 \
    -device nvme,id=d,serial=RIG3,subsys=both,addr=07.0 \
    -drive file="$tmp/first.img",if=none,format=raw,id=first \
    -device nvme-ns,drive=first,bus=c,nsid=1,shared=on \
    -drive file="$tmp/second.img",if=none,format=raw,id=second \
    -device nvme-ns,drive=second,bus=c,nsid=2,shared=on,detached=on
