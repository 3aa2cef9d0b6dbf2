#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack commit of a running server: what its write-back layer holds is
# in the disk below when the command ends, and no sooner.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"
set -e -u

requires_client
requires_filter layered

disk=$tmp/disk
sock=$tmp/sock
random_file "$disk" 4M
cp "$disk" "$tmp/before"
start_nbdkit "$sock" --filter=layered raw "$disk" layered-age=1000 \
             layered-layer=ram,write-back,read-cache,max=2M \
             layered-layer=sqlite,file="$tmp/layer",write-back \
             layered-status="$tmp/status"

client "$sock" <<'PYTHON'
h.pwrite(b"\x5a" * 300000, 70000)
h.flush()
PYTHON
cmp "$disk" "$tmp/before"
diskstack status --json "$tmp/status" >"$tmp/json"
grep -q '"dirty": *[1-9]' "$tmp/json" || fail "nothing is dirty"

expect_error 'there is no export' diskstack commit "$tmp/status" nobody
diskstack commit "$tmp/status" >"$tmp/out"
grep -qx done "$tmp/out"
python3 - "$tmp/before" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(70000)
    f.write(b"\x5a" * 300000)
PYTHON
cmp "$disk" "$tmp/before"
diskstack commit --quiet "$tmp/status" >"$tmp/out"
[[ ! -s $tmp/out ]] || fail "not quiet"
stop_nbdkit "$sock"
cmp "$disk" "$tmp/before"
expect_error . diskstack commit "$tmp/status"
