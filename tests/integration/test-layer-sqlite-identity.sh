#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A layer belongs to the disk that it was made for.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires nbdinfo --version
requires_client
cd "$tmp"
mkdir dir
random_file dir/a 1M
random_file dir/b 1M
random_file dir/large 2M

start_nbdkit sock --filter=layer-sqlite raw dir/a layer-sqlite-file=layer
client sock <<< 'h.pwrite(b"x" * 512, 0)'
stop_nbdkit sock

refused 'layer: .*1048576.*2097152|layer: .*2097152.*1048576' \
        --filter=layer-sqlite raw dir/large layer-sqlite-file=layer
start_nbdkit sock --filter=layer-sqlite raw dir/large layer-sqlite-file=layer \
             layer-sqlite-force=true
client sock <<< 'assert h.pread(512, 0) == b"x" * 512'
stop_nbdkit sock

# The sectors of the disk, which it tells its clients.
refused 'layer: .*sectors had 512 bytes, now they have 4096' \
        --filter=layer-sqlite raw dir/a sector-size=4096 layer-sqlite-file=layer

# Told apart by name, where there is no id.
start_nbdkit sock --filter=layer-sqlite raw dir=dir layer-sqlite-file=named
client sock a <<< 'h.pwrite(b"a" * 512, 0)'
stop_nbdkit sock
start_nbdkit sock --filter=layer-sqlite raw dir=dir layer-sqlite-file=named
! nbdinfo "$(uri sock b)" 2>/dev/null || fail "a layer of a over b"
client sock a <<< 'assert h.pread(512, 0) == b"a" * 512'
stop_nbdkit sock
grep -q 'named: .*its export name was "a"' sock.log || { cat sock.log; fail "not by name"; }
