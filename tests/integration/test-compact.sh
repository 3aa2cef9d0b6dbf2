#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack compact: the file gets smaller, and the disk stays as it is.

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

random_file raw 24M

# prepare EXT: a full image, then holes in it: freed, and zeroes by data.
prepare () {
    rm -f a.$1
    diskstack convert -q --block-size=1M raw a.$1
    cp raw want
    start_nbdkit sock "$(plugin_of a.$1)" a.$1
    client sock <<'PYTHON'
for mib in (0, 3, 4, 9):
    h.zero(1 << 20, mib << 20)
for mib in (5, 12, 13, 14):
    h.pwrite(bytes(1 << 20), mib << 20)
h.pwrite(bytes(1 << 19), (20 << 20))
h.flush()
PYTHON
    stop_nbdkit sock
    python3 - <<'PYTHON'
with open("want", "r+b") as f:
    for mib in (0, 3, 4, 9, 5, 12, 13, 14):
        f.seek(mib << 20)
        f.write(bytes(1 << 20))
    f.seek(20 << 20)
    f.write(bytes(1 << 19))
PYTHON
}

for e in vhd vhdx; do
    echo "== $e"
    prepare $e
    before=$(stat -c %s a.$e)
    id=$(field a.$e identity)
    diskstack compact --no-zeroes a.$e | tee out
    grep -q '0 blocks of zeroes freed' out
    shows a.$e want
    middle=$(stat -c %s a.$e)
    (( middle <= before - (3 << 20) )) || fail "from $before only to $middle"
    diskstack compact a.$e | tee out
    grep -q '4 blocks of zeroes freed' out
    shows a.$e want
    after=$(stat -c %s a.$e)
    (( after <= middle - (4 << 20) )) || fail "from $middle only to $after"
    sound a.$e
    [[ $(field a.$e identity) == "$id" ]] || fail "it has another identity"
    diskstack compact -q a.$e > out 2>&1
    [[ ! -s out ]] || fail "it is not quiet"
    [[ $(stat -c %s a.$e) == "$after" ]]
done

echo "== children stay children, and are compacted themselves"
for e in vhd vhdx; do
    diskstack create -q --parent=a.$e --block-size=1M c.$e
    cp want wantc
    start_nbdkit sock "$(plugin_of c.$e)" c.$e
    client sock <<'PYTHON'
# First what needs a bitmap, which does not move.
h.pwrite(bytes(4096), 0)
h.pwrite(b"x" * (8 << 20), 10 << 20)
h.pwrite(bytes(4 << 20), 11 << 20)
PYTHON
    stop_nbdkit sock
    python3 - <<'PYTHON'
with open("wantc", "r+b") as f:
    f.seek(10 << 20)
    f.write(b"x" * (1 << 20) + bytes(4 << 20) + b"x" * (3 << 20))
    f.seek(0)
    f.write(bytes(4096))
PYTHON
    diskstack compact a.$e
    shows c.$e wantc
    before=$(stat -c %s c.$e)
    diskstack compact c.$e
    shows c.$e wantc
    [[ $e == vhd ]] || (( $(stat -c %s c.$e) <= before - (4 << 20) )) ||
        fail "$before, $(stat -c %s c.$e)"
    sound c.$e a.$e
    # It needs no parents.
    mkdir -p away
    mv a.$e away
    diskstack compact -q c.$e
    mv away/a.$e .
    shows c.$e wantc
done

echo "== refused"
expect_error usage diskstack compact
expect_error usage diskstack compact a b
expect_error 'as it is' diskstack compact raw
diskstack convert -q --subformat=fixed raw f.vhd
diskstack convert -q --subformat=fixed raw f.vhdx
expect_error 'as it is' diskstack compact f.vhd
expect_error 'fixed' diskstack compact f.vhdx
shows f.vhdx raw
start_nbdkit sock vhdx a.vhdx
nbdinfo --size "$(uri sock)"
expect_error 'locked' diskstack compact a.vhdx
stop_nbdkit sock

echo "== interrupted and killed"
for e in vhd vhdx; do
    for signal in INT KILL INT KILL; do
        prepare $e
        diskstack compact a.$e 2> out > out2 &
        pid=$!
        timeout "0.0$(( RANDOM % 5 ))$(( 1 + RANDOM % 9 ))" tail -f /dev/null || :
        kill -$signal $pid 2> /dev/null || :
        status=0
        wait $pid 2> /dev/null || status=$?
        [[ $status == [01] || $status == 130 || $status == 137 ]] ||
            fail "status $status: $(cat out)"
        shows a.$e want
        status=0
        diskstack check -q a.$e || status=$?
        [[ $status == [03] ]] || fail "$(diskstack check a.$e)"
    done
    diskstack compact -q a.$e
    shows a.$e want
    sound a.$e
done
