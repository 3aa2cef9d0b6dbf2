#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack check: what it says, with which status, and what it mends.
# What it finds is tested in tests/unit.

set -e -u -o pipefail
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/tools-functions.sh"

requires_client
requires_libnbd
requires jq --version
requires qemu-img --version
requires_plugin vhdx
cd "$tmp"
export LC_ALL=C

# status STATUS ARGS...
status () {
    local s=0
    diskstack check "${@:2}" > out 2> err || s=$?
    [[ $s == "$1" ]] || { cat out err; fail "status $s, not $1: ${*:2}"; }
}
# damage FILE OFFSET BYTES
damage () {
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

random_file raw 5M
for e in vhd vhdx; do
    diskstack convert -q raw a.$e
    diskstack convert -q --subformat=fixed raw f.$e
    diskstack create -q --parent=a.$e c.$e
done

echo "== sound"
for f in a.vhd a.vhdx f.vhd f.vhdx c.vhd c.vhdx; do
    status 0 $f
    grep -qx '  none' out
    status 0 --json $f
    [[ $(jq -c '.[0] | [.file, .errors, .warnings, (.findings | length)]' out) == \
        "[\"$f\",0,0,0]" ]] || fail "$(cat out)"
    cp --sparse=always $f before
    status 0 --repair $f
    grep -q 'repaired: *no' out
    cmp $f before
    status 0 --quiet $f
    [[ ! -s out && ! -s err ]] || fail "it is not quiet"
done
# By the look of it: there is nothing to lose.
cp a.vhd looks.img
status 0 looks.img
status 0 vhd1:looks.img

echo "== a bad copy is harmless, and mended"
cp a.vhd x.vhd
damage x.vhd 100 '\x55'
status 3 x.vhd
grep -q 'warning: footer-copy at 0: .*(can be repaired)' out
status 3 --json x.vhd
[[ $(jq -c '.[0].findings[0] | [.severity, .rule, .offset, .repairable]' out) == \
    '["warning","footer-copy",0,true]' ]] || fail "$(cat out)"
shows x.vhd raw
status 0 --repair x.vhd
grep -q 'repaired: *yes' out
cmp x.vhd a.vhd
cp a.vhdx x.vhdx
damage x.vhdx $(( 196608 + 4 )) '\x55\x55'
status 3 x.vhdx
status 0 --repair x.vhdx
status 0 x.vhdx
shows x.vhdx raw

echo "== damaged"
# Two blocks in one place.
cp a.vhd x.vhd
dd if=x.vhd of=entry bs=1 skip=1536 count=4 status=none
dd if=entry of=x.vhd bs=1 seek=1540 conv=notrunc status=none
status 2 x.vhd
grep -q 'error: ' out
status 2 --repair x.vhd
cp f.vhd x.vhd
truncate -s 5M x.vhd
status 2 x.vhd
grep -q 'fatal: ' out
cp a.vhdx x.vhdx
damage x.vhdx 0 x
status 2 x.vhdx

echo "== the parent"
mkdir away
mv a.vhd away
status 2 c.vhd
grep -q 'error: parent: its parent is not found' out
status 0 --parent-search=away c.vhd
mv away/a.vhd .
cp f.vhdx a2.vhdx
mv a.vhdx away
cp f.vhdx a.vhdx
status 2 c.vhdx
grep -q 'error: parent: .*is not the parent' out
mv away/a.vhdx .
status 0 c.vhdx

echo "== a log that was not applied"
start_nbdkit sock vhdx a.vhdx
client sock <<'PYTHON'
h.pwrite(b"y" * 512, 0)
h.flush()
PYTHON
kill_nbdkit sock
s=0
diskstack check a.vhdx > out || s=$?
[[ $s == [03] ]] || { cat out; fail "status $s"; }
status 0 --repair a.vhdx
status 0 a.vhdx

echo "== refused"
expect_error usage diskstack check
expect_error usage diskstack check a b
expect_error usage diskstack check --frobnicate a.vhd
expect_error 'neither a VHD nor a VHDX' diskstack check raw
expect_error nowhere diskstack check nowhere.vhd
start_nbdkit sock vhd1 f.vhd
nbdinfo --size "$(uri sock)"
status 1 f.vhd
status 1 --repair f.vhd
stop_nbdkit sock
start_nbdkit sock -r vhd1 f.vhd
nbdinfo --size "$(uri sock)"
status 0 f.vhd
status 1 --repair f.vhd
stop_nbdkit sock
