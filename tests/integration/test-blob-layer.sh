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
requires_filter layered
requires_nginx
requires_libnbd
requires_client

mkdir "$tmp/www" "$tmp/caches" "$tmp/make"
random_file "$tmp/a" 1M
random_file "$tmp/b" 1M
start_nginx

# Images of each; all of a kind have the same ids.
for plugin in vhd1 vhdx; do
    nbdkit -U - "$plugin" "$tmp/make/image" create=1M subformat=dynamic --run :
    for file in a b; do
        nbdkit -U - "$plugin" "$tmp/make/image" \
               --run "nbdcopy $tmp/$file \"\$uri\""
        cp "$tmp/make/image" "$tmp/make/$file.$plugin"
    done
    rm "$tmp/make/image"
done

# put FILE: it is on the server as disk.vhd and disk.img, and in images.
put () {
    local name=${1##*/} file
    mkdir "$tmp/new"
    make_vhd "$tmp/new/disk.vhd" "$1"
    cp "$1" "$tmp/new/disk.img"
    cp "$tmp/make/$name.vhd1" "$tmp/new/dynamic.vhd"
    cp "$tmp/make/$name.vhdx" "$tmp/new/dynamic.vhdx"
    (( when += 5 ))             # nginx knows versions by the second
    for file in "$tmp"/new/*; do
        touch -d "@$when" "$file"
        mv "$file" "$tmp/www"
    done
    rmdir "$tmp/new"
}
when=$(( $(date +%s) - 100000 ))

# refused_over_another ARGS...: what was written into a layer over one
# version is not for another.
refused_over_another () {
    put "$tmp/a"
    start_nbdkit "$tmp/sock" "$@"
    client "$tmp/sock" <<<'h.pwrite(b"x" * 512, 0)'
    stop_nbdkit "$tmp/sock"
    put "$tmp/b"
    start_nbdkit "$tmp/sock" "$@"
    ! client "$tmp/sock" </dev/null 2>/dev/null || fail "over another version"
    stop_nbdkit "$tmp/sock"
    grep -q "layer: .*disk" "$tmp/sock.log" || fail "$(<"$tmp/sock.log")"
    rm "$tmp/layer"
}

while read -r plugin name most; do
    cached=(--filter=layer-sqlite "$plugin" "$http/$name"
            layer-sqlite-cache-dir="$tmp/caches")
    for file in a b a; do
        put "$tmp/$file"
        : >"$tmp/access.log"
        for time in first second; do
            nbdkit -U - "${cached[@]}" --run "nbdcopy \"\$uri\" $tmp/served"
            cmp "$tmp/served" "$tmp/$file" ||
                fail "$plugin $name is not $file"
        done
    done
    (( $(find "$tmp/caches" -name '*.dbhd' | wc -l) == 3 )) ||
        fail "in the folder: $(ls "$tmp/caches")"
    # The second time nothing of it was fetched but what tells which it is.
    : >"$tmp/access.log"
    nbdkit -U - "${cached[@]}" --run "nbdcopy \"\$uri\" $tmp/served"
    (( $(wc -l <"$tmp/access.log") <= most )) || fail "$(<"$tmp/access.log")"
    rm "$tmp"/caches/*

    refused_over_another --filter=layer-sqlite "$plugin" "$http/$name" \
                         layer-sqlite-file="$tmp/layer"
    refused_over_another --filter=layered "$plugin" "$http/$name" \
        layered-layer=sqlite,file="$tmp/layer",read-cache
done <<'CASES'
blob disk.vhd     6
blob disk.img     6
vhd1 disk.vhd     6
vhd1 dynamic.vhd  20
vhdx dynamic.vhdx 40
CASES
