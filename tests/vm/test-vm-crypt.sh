#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the crypt filter writes is read by the kernel's dm-crypt, and what
# that writes by the filter: plain disks with small and large sectors, and
# LUKS of both versions.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/crypt-functions.sh"
source "$srcdir/tests/vm/vm-functions.sh"

requires_luks
requires losetup --version
requires_vm

# Each disk: what cryptsetup opens it with, and what the filter.
plain='--type plain --cipher aes-xts-plain64'
large='crypt-sector-size=4096 crypt-iv-large-sectors=true'
disks=(
    "plain|$plain --key-size 512 --key-file key|crypt-key=+key"
    "large|$plain --key-size 256 --key-file half --sector-size 4096 \
           --iv-large-sectors|crypt-key=+half $large"
    'luks1|--type luks1 --key-file pass|crypt-passphrase=+pass'
    'luks2|--type luks2 --key-file pass|crypt-passphrase=+pass'
)

# The kernel reads what is there, and writes something else.
in_guest () {
    local name options device
    modprobe -a loop dm-crypt
    cp -r /out/disks .
    cd disks
    while IFS='|' read -r name options; do
        device=$(losetup --find --show "$name.img")
        eval "cryptsetup open $options $device c"
        cmp -n 1048576 "$name.data" /dev/mapper/c
        head -c 1048576 /dev/urandom >"$name.data"
        dd if="$name.data" of=/dev/mapper/c bs=64K conv=fsync status=none
        cryptsetup close c
        losetup -d "$device"
    done <list
    cp -r . /out/disks/
}

mkdir "$tmp/disks"
cd "$tmp/disks"
head -c 64 /dev/urandom >key
head -c 32 /dev/urandom >half
printf 'pass word' >pass
for line in "${disks[@]}"; do
    IFS='|' read -r name options parameters <<<"$line"
    [[ $name != luks* ]] ||
        parameters+=" crypt-format=$name crypt-create=true crypt-iter-time=0.01"
    echo "$name|$options" >>list
    random_file "$name.data" 1M
    truncate -s 20M "$name.img"
    eval "crypt raw $name.img $parameters" -- "'nbdcopy $name.data \"\$uri\"'"
done
cd "$tmp"
vm_share disks
vm in_guest

cd "$tmp/vm/disks"
cp "$tmp/disks"/{key,half,pass} .
for line in "${disks[@]}"; do
    IFS='|' read -r name _ parameters <<<"$line"
    eval "crypt -r raw $name.img $parameters" -- "'nbdcopy \"\$uri\" back'"
    cmp -n 1048576 "$name.data" back
done
