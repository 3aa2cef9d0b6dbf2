#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The pr filter and the kernel's own SCSI target answer the same random
# commands (PEERS_STEPS) in the same way, and allow the same.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/vm/vm-functions.sh"
source "$srcdir/tests/integration/pr-functions.sh"

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

in_guest () {
    source /out/variables
    start_target
    start_nbdkit "$tmp/sock" --filter=pr memory 1M pr-socket=pr.sock
    "$python" "$srcdir/tests/vm/pr-peers.py" "$seed" "$steps" \
              "${devices[@]}" "$tmp/sock"
    stop_nbdkit "$tmp/sock"
}

echo "SEED=$SEED"
cd "$tmp"
declare -p python PYTHONPATH PYTHONDONTWRITEBYTECODE >variables
echo "seed=$SEED steps=${PEERS_STEPS:-80}" >>variables
vm_share variables
vm in_guest
