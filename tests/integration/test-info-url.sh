#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack info of what is at URLs says what it says of the files.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires qemu-img --version
requires jq --version
requires_nginx

mkdir "$tmp/www"
random_file "$tmp/raw" 3M
qemu-img create -q -f raw "$tmp/large" 20M
dd if="$tmp/raw" of="$tmp/large" bs=1M seek=7 conv=notrunc status=none
for subformat in fixed dynamic; do
    qemu-img convert -f raw -O vpc -o "subformat=$subformat" "$tmp/large" \
             "$tmp/www/$subformat.vhd"
done
qemu-img convert -f raw -O vhdx "$tmp/large" "$tmp/www/disk.vhdx"
cp "$tmp/raw" "$tmp/www/raw"
head -c 30000 "$tmp/www/disk.vhdx" >"$tmp/www/cut.vhdx"
start_nginx

for f in fixed.vhd dynamic.vhd disk.vhdx; do
    diskstack info --json "$tmp/www/$f" |
        jq '.[0] | del(.file, ."file-allocated")' >"$tmp/of-file"
    diskstack info --json "$http/$f?sig=secret" >"$tmp/out"
    ! grep secret "$tmp/out" || fail "$f: a secret"
    [[ $(jq -r '.[0].file' "$tmp/out") == "$http/$f" ]] || fail "$f: no name"
    jq '.[0] | del(.file, ."file-allocated")' "$tmp/out" |
        diff "$tmp/of-file" - || fail "$f differs at the URL"
done
expect_error 'nor a VHDX; .*nbdkit-blob-plugin' diskstack info "$http/raw"
expect_error 'there is no such file' diskstack info "$http/none"
status=0
diskstack info "$http/cut.vhdx" >"$tmp/out" || status=$?
(( status == 2 )) || fail "cut.vhdx: status $status"
