#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Defect 4 of the system that this answers: a stack that is read-only took
# writes, and a cache at its top ended the server then.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"
set -e -u

requires_client
requires_filter layered

disk=$tmp/disk
random_file "$disk" 1M
cp "$disk" "$tmp/before"

# check LAYER...: of a disk that is served read-only.
check () {
    local args=() l
    for l in "$@"; do args+=(layered-layer="$l"); done
    start_nbdkit "$tmp/sock" -r --filter=layered raw "$disk" "${args[@]}"
    client "$tmp/sock" <<'PYTHON'
before = h.pread(65536, 0)
assert h.is_read_only()
h.set_strict_mode(0)
for f, *args in ((h.pwrite, b"x" * 512, 0), (h.zero, 512, 0),
                 (h.trim, 512, 0)):
    assert fails(f, *args) in (errno.EPERM, errno.EINVAL), f
assert h.pread(65536, 0) == before
PYTHON
    stop_nbdkit "$tmp/sock"
    cmp "$disk" "$tmp/before"
}

check ram
check ram,read-cache,write-through,max=4M
check ram,read-cache,write-back,max=4M
check "sqlite,file=$tmp/cache,read-cache"
check "sqlite,file=$tmp/cache,read-cache,write-back,max=8M" ram,read-cache
check "sqlite,cache-dir=$tmp,key=k"
