#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# VHDs by QEMU, with and without force_size: the same size and content
# here and there, in both directions.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires qemu-img --version
requires qemu-io --version
requires_libnbd
requires_client

for options in subformat=fixed subformat=fixed,force_size; do
    f=$tmp/$options.vhd
    random_file "$tmp/data" 3M
    qemu-img convert -f raw -O vpc -o "$options" "$tmp/data" "$f"
    size=$(qemu_size "$f")

    start_nbdkit "$tmp/sock" vhd1 "$f"
    [[ $(nbdinfo --size "$(uri "$tmp/sock")") == "$size" ]] ||
        fail "$options: size"
    nbdcopy "$(uri "$tmp/sock")" "$tmp/copy"
    cmp -n 3145728 "$tmp/copy" "$tmp/data"
    client "$tmp/sock" <<'EOF'
h.pwrite(b"ours" * 100, 1000)
h.pwrite(b"end", h.get_size() - 3)
EOF
    nbdcopy "$(uri "$tmp/sock")" "$tmp/copy"
    stop_nbdkit "$tmp/sock"
    qemu-img compare -f vpc -F raw "$f" "$tmp/copy"

    qemu-io -f vpc "$f" -c 'write -P 0x51 65536 4096' > /dev/null
    start_nbdkit "$tmp/sock" -r vhd1 "$f"
    client "$tmp/sock" <<< 'assert h.pread(4096, 65536) == b"Q" * 4096'
    stop_nbdkit "$tmp/sock"
done

qemu-img create -q -f vhdx "$tmp/disk.vhdx" 3M
expect_error 'disk.vhdx: has no VHD footer at its end' \
    nbdkit -U - vhd1 "$tmp/disk.vhdx" --run :
