#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# size=: a disk that is smaller is made larger, for good; what is new
# reads as zero; one that is large enough is left as it is.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires qemu-img --version
requires_libnbd
requires_client
cd "$tmp"

random_file data 3M

# has PLUGIN FILE SIZE: the data, and zeroes after it.
has () {
    cp data raw
    truncate -s "$3" raw
    same "$1" "$2" raw
}

for plugin in vhd1 vhdx; do
    e=${ext[$plugin]}
    for args in subformat=dynamic 'subformat=dynamic block-size=1M'; do
        echo "== $plugin $args"
        rm -f ./*."$e"
        # shellcheck disable=SC2086
        make_image $plugin "disk.$e" create=3M $args
        fill $plugin "disk.$e" data
        start_nbdkit sock $plugin "disk.$e" size=100M
        [[ $(nbdinfo --size "$(uri sock)") == 104857600 ]] || fail "size"
        client sock <<< 'h.pwrite(b"end", h.get_size() - 3)
assert h.pread(4, h.get_size() - 4) == b"\0end"
h.zero(512, h.get_size() - 512)'
        stop_nbdkit sock
        has $plugin "disk.$e" 100M
        sha256sum "disk.$e" > sums
        has $plugin "disk.$e" 100M size=50M
        nbdkit -U - $plugin "disk.$e" size=100M --run :
        sha256sum -c sums
        [[ $plugin == vhd1 ]] ||
            qemu-img compare -q -f vhdx -F raw "disk.$e" raw
        qemu_check $plugin "disk.$e"
        # So large that its table has to move.
        nbdkit -U - $plugin "disk.$e" size=900G \
               --run '[ $(nbdinfo --size "$uri") = 966367641600 ]'
        start_nbdkit sock $plugin "disk.$e"
        client sock <<< 'data = open("data", "rb").read()
assert h.pread(3 << 20, 0) == data
h.pwrite(b"end", h.get_size() - 3)'
        stop_nbdkit sock
        start_nbdkit sock -r $plugin "disk.$e"
        client sock <<< 'data = open("data", "rb").read()
assert h.pread(3 << 20, 0) == data
assert h.pread(4, h.get_size() - 4) == b"\0end"'
        stop_nbdkit sock
        qemu_check $plugin "disk.$e"
    done

    echo "== $plugin: a child, and not its parent"
    rm -f ./*."$e"
    make_image $plugin "disk.$e" create=3M subformat=dynamic
    fill $plugin "disk.$e" data
    sha256sum "disk.$e" > sums
    make_image $plugin "child.$e" create=0 parent="disk.$e"
    nbdkit -U - $plugin "child.$e" size=10M --run :
    has $plugin "child.$e" 10M
    has $plugin "disk.$e" 3M
    sha256sum -c sums

    # --- What cannot be.
    bad 'size=.* (whole|sectors)' $plugin "child.$e" size=10485761
    bad 'size= must be at most' $plugin "child.$e" size=65T
    if (( EUID != 0 )); then
        chmod 444 "child.$e"
        bad 'cannot be made larger, as the file cannot be written' \
            $plugin "child.$e" size=20M
    fi
    exec 7< "child.$e"
    bad 'cannot be made larger, as the file cannot be written' \
        $plugin fd=7 parent="disk.$e" size=20M
    exec 7<&-
done
