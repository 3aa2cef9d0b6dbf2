#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack rebase: the child shows what it showed, whatever is below it
# then, and whatever came in between.

set -e -u -o pipefail
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/tools-functions.sh"

requires_libnbd
requires jq --version
requires qemu-img --version
requires_client
requires_plugin vhdx
cd "$tmp"
export LC_ALL=C

# prepare EXT: parents p and q of different content, and c over p, which
# shows "want".
prepare () {
    rm -f {p,q,c}.$1
    diskstack convert -q raw p.$1
    diskstack convert -q other q.$1
    diskstack create -q --parent=p.$1 c.$1
    cp raw want
    change_image c.$1 want 25
}

scatter raw 20M
cp raw other
python3 - <<'PYTHON'
import random
rng = random.Random(7)
with open("other", "r+b") as f:
    for i in range(12):
        n = rng.choice((512, 1024, 100000))
        f.seek(rng.randrange((20 << 20) - n) // 512 * 512)
        f.write(rng.randbytes(n) if i % 3 else bytes(n))
    f.truncate(17 << 20)
PYTHON

for e in vhd vhdx; do
    echo "== $e: safe"
    prepare $e
    cp c.$e c2.$e
    id=$(field c.$e identity)
    diskstack rebase c.$e q.$e 2> err | tee out
    grep -Eq "c.$e: its parent is q.$e; .* copied from the old one" out
    shows c.$e want
    [[ $(field c.$e 'ancestors[0].file') == */q.$e ]]
    [[ $(field c.$e identity) == "$id" ]] || fail "it has another identity"
    sound c.$e
    # Nothing is left of the old one.
    rm p.$e
    shows c.$e want

    echo "== $e: back, larger and deeper"
    diskstack convert -q raw p.$e
    diskstack resize -q p.$e 30M
    diskstack create -q --parent=p.$e --block-size=4M m.$e
    diskstack rebase -q c.$e m.$e > out
    [[ ! -s out ]]
    shows c.$e want
    [[ $(field c.$e 'ancestors | length') == 2 ]]
    sound c.$e

    echo "== $e: the same parent in another place"
    prepare $e
    mkdir -p sub/deep
    mv p.$e sub/deep/moved.$e
    expect_error 'parent is not found' diskstack convert c.$e no.img
    expect_error 'the old parent of c.* is needed.*--unsafe' diskstack rebase c.$e q.$e
    diskstack rebase c.$e sub/deep/moved.$e | grep 'the same as before'
    shows c.$e want
    field c.$e 'parent.paths[]' | grep -Fx 'relative: .\sub\deep\moved.'$e
    # A long way does not fit where a short one was.
    long=sub/$(printf 'x%.0s' {1..200})/$(printf 'y%.0s' {1..200})
    mkdir -p $long
    mv sub/deep/moved.$e $long/p.$e
    diskstack rebase -q c.$e $long/p.$e
    shows c.$e want
    sound c.$e
    mv $long/p.$e p.$e
    diskstack rebase -q c.$e p.$e
    shows c.$e want
    sound c.$e

    echo "== $e: unsafe"
    diskstack create -q --parent=c.$e grand.$e
    diskstack rebase --unsafe c.$e q.$e | grep 'nothing was compared'
    [[ $(field c.$e 'ancestors[0].file') == */q.$e ]]
    ! cmp -s <(content "$(plugin_of c.$e)" c.$e x; cat x) want || fail "it is the same"
    [[ $e == vhd ]] || expect_error 'is not the parent' diskstack convert grand.$e no.img
    diskstack rebase --unsafe -q c.$e p.$e
    shows c.$e want

    echo "== $e: refused"
    prepare $e
    diskstack create -q --parent=c.$e d.$e
    cp c.$e before
    refuse () {                 # PATTERN ARGS...
        expect_error "$1" diskstack rebase "${@:2}"
        cmp c.$e before
    }
    refuse 'made over c' c.$e d.$e
    refuse . c.$e c.$e
    refuse nowhere c.$e nowhere.$e
    refuse . c.$e raw
    refuse 'neither' raw c.$e
    refuse 'no differencing' p.$e q.$e
    refuse usage c.$e
    refuse usage c.$e p.$e q.$e
    start_nbdkit sock "$(plugin_of c.$e)" c.$e
    nbdinfo --size "$(uri sock)"
    expect_error 'locked' diskstack rebase c.$e q.$e
    stop_nbdkit sock
    cp c.$e before
    start_nbdkit sock "$(plugin_of q.$e)" q.$e
    nbdinfo --size "$(uri sock)"
    refuse 'locked' c.$e q.$e
    stop_nbdkit sock
    (
        ulimit -f $(( $(stat -c %s c.$e) / 1024 ))
        trap '' XFSZ
        diskstack rebase -q c.$e q.$e || :
    )
    shows c.$e want

    echo "== $e: killed at random moments"
    prepare $e
    for (( i = 0; i < 8; i++ )); do
        to=p
        (( i % 2 )) || to=q
        diskstack rebase -q c.$e $to.$e 2> out &
        pid=$!
        timeout "0.0$(( RANDOM % 4 ))$(( 1 + RANDOM % 9 ))" tail -f /dev/null || :
        kill -KILL $pid 2> /dev/null || :
        wait $pid 2> /dev/null || :
        shows c.$e want
    done
done

diskstack create -q --sector-size=4096 4k.vhdx 20M
expect_error 'sectors' diskstack rebase c.vhdx 4k.vhdx
