#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Differencing images over parents of all types: what was not written is
# the parent's, also in parts of blocks; parents are not changed by a bit;
# others read the same.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
cd "$tmp"

random_file data 10M
truncate -s 20M data            # the rest is a hole

# others FILE RAW: read by who is installed and finds parents.
others () {
    if command -v 7zz >/dev/null; then
        rm -rf out
        7zz x -y -oout "$1" >/dev/null || fail "7z: $1"
        cmp -n "$(stat -c %s "$2")" out/* "$2" || fail "7z: $1: content"
    fi
}

for plugin in vhd1 vhdx; do
    e=${ext[$plugin]}
    for type in fixed dynamic; do
        echo "== $plugin: a child and a grandchild of a $type one"
        rm -f ./*."$e"
        make_image $plugin "base.$e" create=20M subformat=$type
        fill $plugin "base.$e" data
        start_nbdkit sock $plugin "base.$e"
        cp data raw
        random_writes sock raw 20
        stop_nbdkit sock
        cp raw raw0
        chmod 444 "base.$e"
        sha256sum "base.$e" > sums

        start_nbdkit sock $plugin "child.$e" subformat=differencing \
                     parent="base.$e"
        [[ $(nbdinfo --size "$(uri sock)") == 20971520 ]] || fail "size"
        nbdcopy "$(uri sock)" copy
        cmp copy raw
        random_writes sock raw 30
        nbdcopy "$(uri sock)" copy
        cmp copy raw
        stop_nbdkit sock
        same $plugin "child.$e" raw
        others "child.$e" raw
        cp raw raw1
        sha256sum "child.$e" >> sums

        start_nbdkit sock $plugin "grandchild.$e" create=24M \
                     parent="child.$e"
        truncate -s 24M raw
        random_writes sock raw 30
        stop_nbdkit sock
        same $plugin "grandchild.$e" raw
        same $plugin "child.$e" raw1
        same $plugin "base.$e" raw0
        sha256sum -c sums

        # Two children of one parent at once.
        make_image $plugin "other.$e" parent="base.$e" create=0
        start_nbdkit sock $plugin "child.$e"
        start_nbdkit sock2 $plugin "other.$e"
        random_writes sock raw1 20
        random_writes sock2 raw0 20
        stop_nbdkit sock
        stop_nbdkit sock2
        same $plugin "child.$e" raw1
        same $plugin "other.$e" raw0
        head -1 sums | sha256sum -c
    done

    echo "== $plugin: other block sizes than the parent's"
    rm -f ./*."$e"
    make_image $plugin "base.$e" create=20M subformat=dynamic block-size=4M
    fill $plugin "base.$e" data
    cp data raw
    sha256sum "base.$e" > sums
    start_nbdkit sock $plugin "child.$e" create=0 parent="base.$e" \
                 block-size=1M
    random_writes sock raw 40
    stop_nbdkit sock
    same $plugin "child.$e" raw
    start_nbdkit sock $plugin "grandchild.$e" create=0 parent="child.$e" \
                 block-size=16M
    random_writes sock raw 40
    stop_nbdkit sock
    same $plugin "grandchild.$e" raw
    sha256sum -c sums
done

echo "== vhdx: sectors of 4096 bytes"
rm -f ./*.vhdx
make_image vhdx base.vhdx create=20M sector-size=4096
fill vhdx base.vhdx data
cp data raw
start_nbdkit sock vhdx child.vhdx create=0 parent=base.vhdx
random_writes sock raw 30
stop_nbdkit sock
same vhdx child.vhdx raw
bad 'sectors of 512 bytes: its parent has sectors of 4096' \
    vhdx new.vhdx create=0 parent=base.vhdx sector-size=512
bad 'would be smaller than its parent' \
    vhdx new.vhdx create=19M parent=base.vhdx
[[ ! -e new.vhdx ]] || fail "a file was left behind"
