#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack create: every kind of disk, of exactly the size that was asked
# for, and nothing left behind by what fails.

set -e -u -o pipefail
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/tools-functions.sh"

requires_libnbd
requires qemu-img --version
requires jq --version
requires_plugin vhdx
cd "$tmp"
export LC_ALL=C

qemu_says () {                  # FILE FORMAT SIZE
    [[ $(qemu-img info -f "$2" --output=json "$1" | jq '."virtual-size"') == "$3" ]] ||
        fail "$1: QEMU sees another size than $3"
}

echo "== by the suffix"
diskstack create a.img 1000001
[[ $(stat -c '%s %b' a.img) == '1000001 0' ]] || fail "a.img"
diskstack create a.vhd 10M
qemu_says a.vhd vpc 10485760
diskstack create a.vhdx 10M
qemu_says a.vhdx vhdx 10485760
diskstack create --format=vhdx odd.name 1M | grep 'odd.name: made'
diskstack create -q -f vhd1 raw.img 1M > out
[[ ! -s out ]] || fail "it is not quiet"
qemu_says raw.img vpc 1048576
sound a.vhd a.vhdx vhd1:raw.img vhdx:odd.name

echo "== sizes that are not round"
diskstack create b.vhd 524288000512
qemu_says b.vhd vpc 524288000512
diskstack create c.vhd 1536
[[ $(image_size c.vhd) == 1536 ]]
diskstack create c.vhdx 1536
[[ $(image_size c.vhdx) == 1536 ]]
diskstack create big.vhdx 64T
[[ $(image_size big.vhdx) == 70368744177664 ]]
diskstack create big.vhd 2040G
[[ $(image_size big.vhd) == 2190433320960 ]]
sound c.vhd c.vhdx big.vhd

echo "== options"
diskstack create --subformat=fixed f.vhd 3M
[[ $(stat -c %s f.vhd) == $(( 3 * 1048576 + 512 )) && $(field f.vhd subformat) == fixed ]]
diskstack create --subformat=fixed f.vhdx 40M
[[ $(field f.vhdx subformat) == fixed ]]
(( $(stat -c %s f.vhdx) >= 40 << 20 ))
diskstack create --block-size=4M --sector-size=4096 --physical-sector-size=4096 4k.vhdx 1G
[[ $(field 4k.vhdx '"block-size"') == 4194304 && $(field 4k.vhdx '"sector-size"') == 4096 ]]
diskstack create --block-size=512K s.vhd 1G
[[ $(field s.vhd '"block-size"') == 524288 ]]
sound f.vhd f.vhdx 4k.vhdx s.vhd
[[ $(field a.vhdx '"disk-id"') != $(field 4k.vhdx '"disk-id"') ]]

echo "== children"
mkdir -p below sub
random_file raw 3M
for e in vhd vhdx; do
    p=$(plugin_of .$e)
    diskstack create below/p.$e 10M
    fill $p below/p.$e raw
    cp raw want
    truncate -s 10M want
    diskstack create --parent=below/p.$e child.$e
    [[ $(image_size child.$e) == 10485760 && $(field child.$e subformat) == differencing ]]
    shows child.$e want
    diskstack create --subformat=differencing --parent=below/p.$e larger.$e 12M
    truncate -s 12M want
    shows larger.$e want
    diskstack create --parent=child.$e grand.$e
    [[ $(field grand.$e 'ancestors | length') == 2 ]]
    sound child.$e larger.$e grand.$e
    expect_error 'smaller than its parent' diskstack create --parent=below/p.$e no.$e 5M
done
diskstack create --parent=4k.vhdx 4kchild.vhdx
[[ $(field 4kchild.vhdx '"sector-size"') == 4096 ]]
[[ $(field 4kchild.vhdx '"disk-id"') == $(field 4k.vhdx '"disk-id"') ]]
diskstack create --parent=f.vhd fixedchild.vhd
shows fixedchild.vhd <(head -c 3M /dev/zero)

echo "== refused, and nothing is left"
mkdir empty
refuse () {                     # PATTERN ARGS...
    expect_error "$1" diskstack create "${@:2}"
    nothing_left empty
}
expect_error usage diskstack create
expect_error usage diskstack create a b c
expect_error usage diskstack create --frobnicate a
expect_error 'File exists' diskstack create a.vhd 10M
expect_error 'File exists' diskstack create a.img 10M
refuse 'size is missing' empty/x.vhd
refuse 'not a size' empty/x.vhd many
refuse 'must not be 0' empty/x.vhd 0
refuse 'not whole sectors' empty/x.vhd 1000
refuse 'not whole sectors of 4096' --sector-size=4096 empty/x.vhdx 1536
refuse '2040 GiB' empty/x.vhd 2041G
refuse . empty/x.vhdx 65T
refuse 'must be raw, vhd1 or vhdx' --format=qcow2 empty/x 1M
refuse 'must be fixed, dynamic or' --subformat=sparse empty/x.vhd 1M
refuse 'must be 512 or 4096' --sector-size=1024 empty/x.vhdx 1M
refuse 'only a VHDX says' --sector-size=512 empty/x.vhd 1M
refuse 'no --subformat' --subformat=fixed empty/x.img 1M
refuse 'no --block-size' --block-size=1M empty/x.img 1M
refuse 'no --block-size' --block-size=1M --subformat=fixed empty/x.vhd 1M
refuse 'must not be 0' --block-size=0 empty/x.vhd 1M
refuse 'power of two' --block-size=3M empty/x.vhd 1M
refuse . --block-size=3M empty/x.vhdx 10M
refuse . --block-size=512K empty/x.vhdx 10M
refuse 'needs --parent' --subformat=differencing empty/x.vhd 1M
refuse 'only a differencing' --subformat=dynamic --parent=a.vhd empty/x.vhd
refuse 'has no parent' --parent=a.img empty/x.img
refuse 'nowhere' --parent=nowhere.vhd empty/x.vhd
refuse . --parent=a.vhd empty/x.vhdx
refuse 'sectors' --parent=4k.vhdx --sector-size=512 empty/x.vhdx
expect_error 'No such file' diskstack create nowhere/x.vhd 1M
expect_error 'File exists' diskstack create below 1M

echo "== no room"
for e in img vhd vhdx; do
    # What is said goes into a pipe, as the log may be longer than that.
    (
        ulimit -f 1             # KiB
        trap '' XFSZ
        expect_error 'space|large' diskstack create empty/x.$e 10M
    ) 2>&1 | cat
    nothing_left empty
done

echo "== the parent is in use"
start_nbdkit sock vhdx a.vhdx
nbdinfo --size "$(uri sock)"
refuse 'locked' --parent=a.vhdx empty/x.vhdx
stop_nbdkit sock
