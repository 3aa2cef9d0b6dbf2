#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack commit of images: child and parent together show the same at
# every moment, and at the end the parent alone does.

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

# prepare EXT [ARGS...]: c over p; c shows "want".
prepare () {
    rm -f {p,c}.$1
    diskstack convert -q "${@:2}" raw p.$1
    diskstack create -q --parent=p.$1 c.$1
    cp raw want
    change_image c.$1 want 40
}

empty () {
    [[ $(field "$1" blocks.data) == 0 && $(field "$1" blocks.zeroes) == 0 ]] ||
        fail "something is left in $1"
}

scatter raw 20M

for e in vhd vhdx; do
    echo "== $e"
    prepare $e
    qemu=${qemu_format[$(plugin_of p.$e)]}
    sha256sum p.$e c.$e > sums
    diskstack commit --dry-run c.$e | tee out
    grep -Eq 'of data and .* of zeroes would be moved to .*/p.'$e out
    sha256sum --quiet -c sums
    full=$(stat -c %s c.$e)
    id=$(field c.$e identity)
    diskstack create -q --parent=c.$e grand.$e
    diskstack commit c.$e 2> err | tee out
    grep -q 'moved to .*/p.'$e' and verified' out
    grep -q ' of .*, .*/s' err
    empty c.$e
    shows p.$e want
    shows c.$e want
    shows grand.$e want
    qemu-img compare -q -f raw -F $qemu want p.$e
    (( $(stat -c %s c.$e) < full )) || fail "the child is as large as before"
    [[ $(field c.$e identity) == "$id" ]] || fail "it has another identity"
    [[ $(field c.$e '"parent"."other-identity"') == null ]]
    sound p.$e c.$e grand.$e

    echo "== $e: nothing to do, and again"
    sha256sum p.$e c.$e > sums
    diskstack commit -q c.$e > out 2>&1
    [[ ! -s out ]] || fail "it is not quiet"
    sha256sum --quiet -c sums
    change_image c.$e want 20
    diskstack commit -q --piece=64K c.$e
    shows p.$e want
    shows c.$e want

    echo "== $e: --keep"
    change_image c.$e want 20
    data=$(field c.$e blocks.data)
    diskstack commit --keep c.$e | grep copied
    [[ $(field c.$e blocks.data) == "$data" ]]
    shows p.$e want
    shows c.$e want
    sound p.$e c.$e

    echo "== $e: larger than its parent, and a parent with a parent"
    rm -f m.$e
    diskstack create -q --parent=p.$e m.$e
    diskstack create -q --parent=m.$e n.$e 25M
    truncate -s 25M want
    change_image n.$e want 20
    sha256sum p.$e > sums
    diskstack commit -q n.$e
    empty n.$e
    shows n.$e want
    cp want want2
    truncate -s "$(image_size m.$e)" want2
    shows m.$e want2
    sha256sum --quiet -c sums
    sound m.$e n.$e

    echo "== $e: a fixed parent"
    prepare $e --subformat=fixed
    diskstack commit -q c.$e
    shows p.$e want
    shows c.$e want
    sound p.$e

    echo "== $e: over another disk"
    prepare $e
    cp raw disk
    cp c.$e before
    expect_error 'knows its parent.*--force' diskstack commit c.$e disk
    cmp c.$e before
    diskstack commit -q --force c.$e disk
    cmp disk want
    empty c.$e

    echo "== $e: refused"
    prepare $e
    sha256sum p.$e c.$e > sums
    refuse () {                 # PATTERN ARGS...
        expect_error "$1" diskstack commit "${@:2}"
        sha256sum --quiet -c sums
    }
    refuse 'has no parent' p.$e
    refuse usage
    refuse usage c.$e p.$e p.$e
    refuse 'neither a VHD nor' raw
    refuse 'not a size' --piece=many c.$e
    chmod a-w p.$e
    (( EUID == 0 )) || refuse 'cannot be opened for writing' c.$e
    chmod u+w p.$e
    mkdir -p away
    mv p.$e away
    expect_error 'parent is not found' diskstack commit c.$e
    diskstack commit -n --parent-search=away c.$e
    mv away/p.$e .
    sha256sum --quiet -c sums
    for f in p c; do
        start_nbdkit sock -r "$(plugin_of $f.$e)" $f.$e
        nbdinfo --size "$(uri sock)"
        refuse "$f.$e is in use" c.$e
        stop_nbdkit sock
    done
    (
        ulimit -f $(( $(stat -c %s p.$e) / 1024 ))
        trap '' XFSZ
        diskstack commit -q c.$e || :
    )
    shows c.$e want

    echo "== $e: interrupted"
    prepare $e
    diskstack commit --piece=64K c.$e > out 2>&1 &
    pid=$!
    wait_until 60 test -s out || fail "it says nothing"
    kill -INT $pid || :
    status=0
    wait $pid || status=$?
    case $status in
        0) empty c.$e ;;        # it was faster
        1) grep -q 'interrupted' out
           grep -q 'do it again to go on' out ;;
        *) cat out; fail "status $status" ;;
    esac
    shows c.$e want
    diskstack commit -q c.$e
    shows p.$e want
    empty c.$e

    echo "== $e: killed at random moments"
    prepare $e
    cut=0
    for (( i = 0; i < 12 && cut < 6; i++ )); do
        diskstack commit --piece=64K -q c.$e 2> out &
        pid=$!
        timeout "0.0$(( RANDOM % 5 ))$(( 1 + RANDOM % 9 ))" tail -f /dev/null || :
        kill -KILL $pid 2> /dev/null || :
        status=0
        wait $pid 2> /dev/null || status=$?
        case $status in
            0) empty c.$e
               shows p.$e want
               prepare $e ;;
            137) (( cut += 1 )) ;;
            *) cat out; fail "status $status" ;;
        esac
        shows c.$e want
    done
    echo "killed $cut times"
    diskstack commit -q c.$e
    shows p.$e want
    shows c.$e want
    empty c.$e
    sound p.$e c.$e
done
