#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack convert: from everything to everything; holes stay holes; what
# is cut short leaves nothing.

set -e -u -o pipefail
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/tools-functions.sh"

requires_libnbd
requires qemu-img --version
requires jq --version
requires_client
requires_plugin vhdx
cd "$tmp"
export LC_ALL=C

scatter raw.img 40M

echo "== from all to all, and as QEMU sees it"
for from in raw.img a.vhd b.vhdx c.vhd d.vhdx; do
    for to in a.vhd b.vhdx copy.img; do
        [[ $from != "$to" && ( $from != [cd]* || $to == *.img ) ]] || continue
        rm -f $to
        case $from in
            c.vhd) qemu-img convert -f raw -O vpc -o force_size=on raw.img c.vhd ;;
            d.vhdx) qemu-img convert -f raw -O vhdx raw.img d.vhdx ;;
        esac
        diskstack convert -q --verify $from $to
        case $to in
            *.vhd) qemu-img compare -q -f raw -F vpc raw.img $to; sound $to ;;
            *.vhdx) qemu-img compare -q -f raw -F vhdx raw.img $to; sound $to ;;
            *) cmp raw.img $to ;;
        esac
        # Zeroes that were stored are not any more; a little is tables.
        (( $(used $to) <= $(used raw.img) + (1 << 20) )) ||
            fail "$from to $to takes $(used $to), of $(used raw.img)"
    done
done

echo "== options"
diskstack convert --to-format=vhdx --block-size=1M raw.img x.any | tee out
grep -q 'x.any: vhdx of 40 MiB made' out
[[ $(field x.any '"block-size"') == 1048576 ]]
diskstack convert -q vhdx:x.any x.img
cmp x.img raw.img
diskstack convert -q --subformat=fixed raw.img f.vhd
[[ $(stat -c %s f.vhd) == $(( (40 << 20) + 512 )) && $(field f.vhd subformat) == fixed ]]
cmp -n $(( 40 << 20 )) f.vhd raw.img
(( $(used f.vhd) <= $(used raw.img) + 65536 )) || fail "holes are filled"
diskstack convert -q --subformat=fixed raw.img f.vhdx
shows f.vhdx raw.img
diskstack convert --verify f.vhd f2.vhdx 2>&1 | grep 'and verified'
sound f.vhd f.vhdx f2.vhdx

echo "== chains"
cp a.vhd p.vhd
cp b.vhdx p.vhdx
mkdir elsewhere
for e in vhd vhdx; do
    diskstack create -q --parent=p.$e c1.$e
    cp raw.img want
    change_image c1.$e want 40
    diskstack create -q --parent=c1.$e c2.$e
    change_image c2.$e want 40
    rm -f flat.*
    diskstack convert -q --verify c2.$e flat.vhd
    diskstack convert -q --verify c2.$e flat.vhdx
    diskstack convert -q --verify c2.$e flat.img
    cmp flat.img want
    shows flat.vhd want
    shows flat.vhdx want
    [[ $(field flat.vhd subformat) == dynamic && $(field flat.vhdx subformat) == dynamic ]]
    mv p.$e elsewhere
    expect_error 'parent is not found' diskstack convert c2.$e no.img
    diskstack convert -q --parent-search=elsewhere c2.$e flat2.img
    cmp flat2.img want
    rm flat2.img
done

echo "== sectors of 4096, and sizes that are not round"
nbdkit -U - vhdx 4k.vhdx create=40M sector-size=4096 --run 'nbdcopy raw.img "$uri"'
diskstack convert -q 4k.vhdx 4k2.vhdx
[[ $(field 4k2.vhdx '"sector-size"') == 4096 ]]
diskstack convert -q 4k2.vhdx 4k.img
cmp 4k.img raw.img
for n in 1 511 513 1000001; do
    rm -f n.*
    head -c $n raw.img > n.img
    head -c $n /dev/urandom > n.img
    for to in n.vhd n.vhdx; do
        diskstack convert -q --verify n.img $to
        [[ $(image_size $to) == $(( (n + 511) / 512 * 512 )) ]]
        cmp -n $n <(nbdkit -r -U - "$(plugin_of $to)" $to --run 'nbdcopy "$uri" -') n.img
        sound $to
    done
    diskstack convert -q --verify n.img copy2.img
    cmp n.img copy2.img
    rm copy2.img
done
: > n0.img
diskstack convert -q n0.img n1.img
[[ -e n1.img && ! -s n1.img ]]

echo "== refused, and nothing is left"
mkdir empty
refuse () {                     # PATTERN ARGS...
    expect_error "$1" diskstack convert "${@:2}"
    nothing_left empty
}
expect_error usage diskstack convert
expect_error usage diskstack convert raw.img
cp raw.img keep.img
expect_error 'File exists' diskstack convert raw.img keep.img
expect_error 'File exists' diskstack convert raw.img raw.img
cmp keep.img raw.img
refuse 'nowhere' nowhere empty/x.vhd
refuse 'must not be 0' n0.img empty/x.vhd
refuse 'stands alone' --subformat=differencing raw.img empty/x.vhd
refuse 'no --subformat' --subformat=fixed raw.img empty/x.img
refuse 'must be raw, vhd1' --to-format=qcow2 raw.img empty/x.img
refuse 'no kind of disk' qcow2:raw.img empty/x.img
# What a file is, its content does not decide.
cp a.vhd looks.img
cp b.vhdx looks2.img
refuse 'has the content of a VHD, but not its suffix' looks.img empty/x.img
refuse 'has the content of a VHDX, but not its suffix' looks2.img empty/x.img
diskstack convert -q raw:looks.img looks.raw
cmp looks.img looks.raw
diskstack convert -q vhd1:looks.img looks3.raw
cmp looks3.raw raw.img
truncate -s 3T huge.img
refuse '2040 GiB' huge.img empty/x.vhd
truncate -s 65T huge.img 2>/dev/null && refuse . huge.img empty/x.vhdx || :

echo "== no room"
for e in img vhd vhdx; do
    (
        ulimit -f 8192          # KiB
        trap '' XFSZ
        expect_error 'space|large' diskstack convert raw.img empty/x.$e
    )
    nothing_left empty
done

echo "== the source is in use"
start_nbdkit sock vhd1 a.vhd
nbdinfo --size "$(uri sock)"
refuse 'locked' a.vhd empty/x.img
stop_nbdkit sock
start_nbdkit sock -r vhd1 a.vhd
nbdinfo --size "$(uri sock)"
diskstack convert -q a.vhd reader.img
stop_nbdkit sock

echo "== interrupted"
random_file data 96M
cut=0
for (( i = 0; i < 12 && cut < 3; i++ )); do
    for signal in INT KILL; do
        rm -f empty/x.vhdx
        diskstack convert -q data empty/x.vhdx 2> out &
        pid=$!
        timeout "0.0$(( 1 + RANDOM % 9 ))" tail -f /dev/null || :
        kill -$signal $pid 2>/dev/null || :
        status=0
        wait $pid 2>/dev/null || status=$?
        case $status in
            0) diskstack convert -q empty/x.vhdx empty/y.img
               cmp empty/y.img data
               rm empty/* ;;
            1) grep -q 'interrupted; empty/x.vhdx was not made' out
               (( cut += 1 )) ;;
            130 | 137) ;;       # before it listened to signals, or KILL
            *) cat out; fail "status $status" ;;
        esac
        nothing_left empty
    done
done
echo "interrupted $cut times"
diskstack convert -q data empty/x.vhdx
shows empty/x.vhdx data
