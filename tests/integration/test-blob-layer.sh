#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A layer or cache over a file on a server is for that version of it: what
# was replaced, even by what has the same size and footer, never meets it.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/http-functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires_plugin blob
requires_filter layer-sqlite
requires_nginx
requires_libnbd
requires_client

mkdir "$tmp/www" "$tmp/caches"
random_file "$tmp/a" 1M
random_file "$tmp/b" 1M
start_nginx

# put FILE: it is on the server as disk.vhd and disk.img.
put () {
    make_vhd "$tmp/new" "$1"
    mv "$tmp/new" "$tmp/www/disk.vhd"
    cp "$1" "$tmp/new"
    mv "$tmp/new" "$tmp/www/disk.img"
    # nginx knows versions by the second.
    touch -d "@$(( when += 5 ))" "$tmp/www/disk.vhd" "$tmp/www/disk.img"
}
when=$(( $(date +%s) - 100000 ))

for name in disk.vhd disk.img; do
    cached=(--filter=layer-sqlite blob "$http/$name"
            layer-sqlite-cache-dir="$tmp/caches")
    for file in a b a; do
        put "$tmp/$file"
        : >"$tmp/access.log"
        for time in first second; do
            nbdkit -U - "${cached[@]}" --run "nbdcopy \"\$uri\" $tmp/served"
            cmp "$tmp/served" "$tmp/$file" || fail "$name is not $file"
        done
    done
    (( $(find "$tmp/caches" -name '*.dbhd' | wc -l) == 3 )) ||
        fail "in the folder: $(ls "$tmp/caches")"
    # The second time nothing of it was fetched but what tells which it is.
    : >"$tmp/access.log"
    nbdkit -U - "${cached[@]}" --run "nbdcopy \"\$uri\" $tmp/served"
    (( $(wc -l <"$tmp/access.log") <= 6 )) || fail "$(<"$tmp/access.log")"
    rm "$tmp"/caches/*

    # What was written over one version is not for another.
    start_nbdkit "$tmp/sock" --filter=layer-sqlite blob "$http/$name" \
                 layer-sqlite-file="$tmp/layer"
    client "$tmp/sock" <<<'h.pwrite(b"x" * 512, 0)'
    stop_nbdkit "$tmp/sock"
    put "$tmp/b"
    start_nbdkit "$tmp/sock" --filter=layer-sqlite blob "$http/$name" \
                 layer-sqlite-file="$tmp/layer"
    ! client "$tmp/sock" </dev/null 2>/dev/null || fail "over another version"
    stop_nbdkit "$tmp/sock"
    grep -q "layer: .*disk" "$tmp/sock.log" || fail "$(<"$tmp/sock.log")"
    rm "$tmp/layer"
done
