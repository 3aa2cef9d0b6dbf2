#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack resize: larger, and smaller where nothing is lost.

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

scatter raw 9M
cp raw a.img
diskstack convert -q raw a.vhd
diskstack convert -q --block-size=1M raw a.vhdx
diskstack convert -q --subformat=fixed raw f.vhd
all=(a.img a.vhd a.vhdx f.vhd)

is () {                         # SIZE: of all, which show "want"
    local f
    for f in "${all[@]}"; do
        [[ $f == *.img || $(image_size $f) == "$1" ]] || fail "$f"
        shows $f want
    done
    sound a.vhd a.vhdx f.vhd
}

echo "== larger"
cp raw want
for size in 10M +512 +3M 33554432 +0 4G; do
    for f in "${all[@]}"; do
        diskstack resize $f $size | grep "^$f: from .* to"
    done
    truncate -s "$(stat -c %s a.img)" want
    (( $(stat -c %s a.img) > 100 << 20 )) || is "$(stat -c %s want)"
done
[[ $(image_size a.vhd) == 4294967296 ]]
qemu-img info -f vhdx a.vhdx | grep 'virtual size: 4 GiB'
sound a.vhd a.vhdx f.vhd

echo "== smaller"
for f in "${all[@]}"; do
    expect_error "$f has 4294967296 bytes: --shrink is needed" diskstack resize $f 10M
    diskstack resize -q --shrink $f 20M > out
    [[ ! -s out ]] || fail "it is not quiet"
    # The last bytes of the disk are data.
    expect_error 'there is data beyond the new size: offset=' \
                 diskstack resize --shrink $f 8M
    expect_error 'there is data beyond the new size: offset=' \
                 diskstack resize --shrink $f $(( (9 << 20) - 512 ))
    diskstack resize --shrink $f 9M
done
cp raw want
is $(( 9 << 20 ))
[[ $(stat -c %s f.vhd) == $(( (9 << 20) + 512 )) ]]

echo "== what was stored as zeroes is cut off, and does not come back"
for f in a.vhd a.vhdx f.vhd a.img; do
    diskstack resize -q $f 16M
    start_nbdkit sock "$(plugin_of $f)" $f
    client sock <<'PYTHON'
h.pwrite(b"x" * (4 << 20), 11 << 20)
h.pwrite(bytes(4 << 20), 11 << 20)
PYTHON
    stop_nbdkit sock
    diskstack resize -q --shrink $f $(( (11 << 20) + 512 ))
    diskstack resize -q $f 16M
done
truncate -s 16M want
is $(( 16 << 20 ))

echo "== children"
for e in vhd vhdx; do
    diskstack create -q --parent=a.$e c.$e
    cp want wantc
    change_image c.$e wantc 20
    diskstack resize -q c.$e 24M
    truncate -s 24M wantc
    shows c.$e wantc
    diskstack resize -q --shrink c.$e 20M
    truncate -s 20M wantc
    shows c.$e wantc
    sound c.$e
    expect_error 'data beyond' diskstack resize --shrink c.$e 512
    mkdir -p away
    mv a.$e away
    expect_error 'parent is not found' diskstack resize c.$e 30M
    diskstack resize -q --parent-search=away c.$e 30M
    [[ $(image_size c.$e) == 31457280 ]]
    mv away/a.$e .
done

echo "== refused"
for f in "${all[@]}"; do
    cp --sparse=always $f before
    expect_error 'not a size' diskstack resize $f many
    expect_error 'too large' diskstack resize $f +9223372036854775807
    [[ $f == *.img ]] || expect_error . diskstack resize $f 10000001
    [[ $f == *.img ]] || expect_error . diskstack resize --shrink $f 0
    cmp $f before
done
expect_error '2040 GiB|cannot|2190433320960' diskstack resize f.vhd 2041G
expect_error usage diskstack resize
expect_error usage diskstack resize a.vhd
expect_error usage diskstack resize --frobnicate a.vhd 1M
expect_error nowhere diskstack resize nowhere.vhd 1M
cp a.vhd looks.img
expect_error 'but not its suffix' diskstack resize looks.img 1G
start_nbdkit sock vhd1 f.vhd
nbdinfo --size "$(uri sock)"
expect_error 'locked' diskstack resize f.vhd 1G
stop_nbdkit sock

echo "== no room"
cp --sparse=always f.vhd before
(
    ulimit -f 20000
    trap '' XFSZ
    expect_error 'space|large' diskstack resize f.vhd 1G
    expect_error 'space|large' diskstack resize a.img 1G
)
cmp f.vhd before

echo "== killed at random moments: the old size or the new one"
cp --sparse=always f.vhd k.vhd
cp --sparse=always a.vhd d.vhd
cp --sparse=always a.vhdx d.vhdx
for (( i = 0; i < 6; i++ )); do
    for f in k.vhd d.vhd d.vhdx; do
        old=$(image_size $f) || (( $? == 2 )) # it says what is to be mended
        new=$(( (16 + (i + 1) % 5) << 20 ))
        diskstack resize -q --shrink $f $new 2> out &
        pid=$!
        timeout "0.0$(( RANDOM % 3 ))$(( 1 + RANDOM % 9 ))" tail -f /dev/null || :
        kill -KILL $pid 2> /dev/null || :
        wait $pid 2> /dev/null || :
        now=$(image_size $f) || (( $? == 2 ))
        [[ $now == "$old" || $now == "$new" ]] || fail "$f: $old, $new, $now"
        cp raw want
        truncate -s "$now" want
        shows $f want
        diskstack check --repair -q $f || fail "$f: check"
    done
done
