#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The pr filter and the kernel's own SCSI target answer the same random
# commands (PEERS_STEPS) in the same way, and allow the same.  What the
# blockdevice plugin passes to a disk of that target is what others see
# there, and the reverse; and it is obeyed.  The same with an NVMe namespace,
# which two hosts reach by TCP (tests/vm/nvme-tcp-target.c).

set -e -u
export SEED=${SEED:-11}         # others by hand
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/vm/vm-functions.sh"
source "$srcdir/tests/integration/pr-functions.sh"

requires_plugin blockdevice
requires losetup --version
requires_vm

# A disk in memory with two ways to it, which are two initiators: $devices.
start_target () {
    local target=/sys/kernel/config/target path i
    modprobe configfs
    mountpoint -q /sys/kernel/config ||
        mount -t configfs configfs /sys/kernel/config
    mkdir -p /etc/target/pr /etc/target/alua
    modprobe -a target_core_mod tcm_loop sd_mod sg
    mkdir -p $target/core/rd_mcp_0/ram
    echo rd_pages=256 >$target/core/rd_mcp_0/ram/control
    echo rig0001 >$target/core/rd_mcp_0/ram/wwn/vpd_unit_serial
    echo 1 >$target/core/rd_mcp_0/ram/enable
    for i in 0 1; do
        path=$target/loopback/naa.600140500000000$i/tpgt_1
        mkdir -p $path
        echo naa.600140500000001$i >$path/nexus
        mkdir -p $path/lun/lun_0
        ln -s $target/core/rd_mcp_0/ram $path/lun/lun_0/disk
    done
    wait_until 30 test -e /sys/class/scsi_generic/sg1
    devices=(/dev/sg0 /dev/sg1)
}

pr () { diskstack pr "$@" dev.sock; }

may_write () {                  # 1 if that fails with EPERM
    "$python" - <<'PYTHON'
import nbd, sys
h = nbd.NBD()
h.connect_unix("dev")
try:
    h.pwrite(b"x" * 4096, 0)
except nbd.Error as e:
    assert e.errno == "EPERM", e
    sys.exit(1)
PYTHON
}

# The first way to the disk is ours, the second somebody else's.
try_passing () {
    local ours other
    read -r ours other <<<"$(cd /sys/block && echo sd*)"
    wait_until 30 test -b "/dev/$ours" -a -b "/dev/$other"
    # What the random commands have left.
    sg_persist --out --register-ignore --param-sark=1 "/dev/$other"
    sg_persist --out --clear --param-rk=1 "/dev/$other"
    start_nbdkit dev blockdevice "/dev/$ours" pr-socket=dev.sock
    may_write
    pr --out --register --param-sark=abc
    pr --out --reserve --param-rk=abc --prout-type=1
    sg_persist --in --read-keys "/dev/$other" | grep 0xabc
    sg_persist --in --read-reservation "/dev/$other" |
        grep 'Write Exclusive$'
    may_write
    expect_error 'conflict|Input/output|Invalid exchange' \
        dd if=/dev/zero of="/dev/$other" bs=4096 count=1 oflag=direct
    # It takes over.  This way is told so first, by a unit attention.
    sg_persist --out --register --param-sark=def "/dev/$other"
    sg_persist --out --preempt --param-rk=def --param-sark=abc \
               --prout-type=1 "/dev/$other"
    pr --in --read-keys | tee keys
    grep -q 0xdef keys
    ! may_write || fail 'the reservation of another host is not obeyed'
    expect_error 'CONFLICT' pr --out --reserve --param-rk=abc --prout-type=1
    sg_persist --out --clear --param-rk=def "/dev/$other"
    may_write
    pr --in --read-full-status
    stop_nbdkit dev
    expect_error 'SCSI or NVMe' \
        nbdkit -f -U none.sock blockdevice "$(losetup --find --show disk)" \
        pr-socket=none.pr
}

# One host is ours, the other is the kernel, by its ioctls.
try_nvme () {
    local i target
    kernel () { "$python" "$srcdir/tests/vm/kernel-pr.py" /dev/nvme1n1 "$@"; }
    modprobe -a nvme-fabrics nvme-tcp
    "$builddir/tests/vm/nvme-tcp-target" 4420 &
    target=$!
    for i in 1 2; do
        wait_until 30 connect_nvme $i
        wait_until 30 test -b /dev/nvme$(( i - 1 ))n1
    done
    start_nbdkit dev blockdevice /dev/nvme0n1 pr-socket=dev.sock
    may_write
    pr --out --register --param-sark=abc
    pr --out --reserve --param-rk=abc --prout-type=1
    pr --in --read-full-status | tee keys
    grep -q 'nvme-host:00000001-' keys
    may_write
    kernel register 0 0xdef
    status=0
    kernel reserve 0xdef 1 || status=$?
    [[ $status == 2 ]] || fail "the kernel may reserve: $status"
    expect_error 'Invalid exchange|Input/output' \
        dd if=/dev/zero of=/dev/nvme1n1 bs=4096 count=1 oflag=direct
    # It takes over.
    kernel preempt 0xdef 0xabc 2
    pr --in --read-keys | tee keys
    grep -q 0xdef keys
    ! grep -q 0xabc keys || fail 'the preempted key is still there'
    pr --in --read-reservation | grep 'Exclusive Access$'
    ! may_write || fail 'the reservation of another host is not obeyed'
    expect_error CONFLICT pr --out --reserve --param-rk=abc --prout-type=1
    kernel clear 0xdef
    may_write
    pr --out --register-ignore --param-sark=1 --param-aptpl
    pr --in --report-capabilities | tee keys
    grep -qi 'PTPL_A.*1' keys
    stop_nbdkit dev
    kill $target
}

connect_nvme () {               # HOST
    echo "nqn=nqn.2026-11.test:$1,transport=tcp,traddr=127.0.0.1,trsvcid=4420,\
hostnqn=nqn.2026-11.host:$1,hostid=0000000$1-0000-4000-8000-000000000000,\
nr_io_queues=1" >/dev/nvme-fabrics
}

in_guest () {
    source /out/variables
    modprobe loop
    truncate -s 1M disk
    start_target
    start_nbdkit "$tmp/sock" --filter=pr memory 1M pr-socket=pr.sock
    "$python" "$srcdir/tests/vm/pr-peers.py" "$seed" "$steps" \
              "${devices[@]}" "$tmp/sock"
    stop_nbdkit "$tmp/sock"
    try_passing
    try_nvme
}

echo "SEED=$SEED"
cd "$tmp"
declare -p python PYTHONPATH PYTHONDONTWRITEBYTECODE >variables
echo "seed=$SEED steps=${PEERS_STEPS:-80}" >>variables
vm_share variables
vm in_guest
