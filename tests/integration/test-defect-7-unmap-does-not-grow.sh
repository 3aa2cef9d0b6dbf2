#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# OpenVMM, disklayer_sqlite: unmap stored a row for every sector; what the
# layer was made for was not recorded; the key of a cache could lead out of
# its folder.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
requires_filter layer-sqlite
cd "$tmp"
truncate -s 1T disk
printf 'data below' | dd of=disk conv=notrunc status=none

start_nbdkit sock --filter=layer-sqlite raw disk
client sock <<'PYTHON'
GB = 1 << 30
h.pwrite(b"start" * 100, 0)
h.pwrite(b"x" * (1 << 20), 500 * GB)
h.flush()
for start in range(0, 1024, 2):
    h.zero(2 * GB - 65536, start * GB)
    h.trim(2 * GB - 65536, start * GB)
h.flush()
assert h.pread(65536, 0) == bytes(65536)
assert h.pread(65536, 500 * GB) == bytes(65536)
PYTHON
stop_nbdkit sock

# Neither space nor rows: at most one for 64 MiB.
blocks=$(stat -c %b disk.dbhd)
rows=$("$python" -c 'import sqlite3
c = sqlite3.connect("file:disk.dbhd?mode=ro&immutable=1", uri=True)
print(c.execute("select count(*) from map").fetchone()[0])')
echo "$(( blocks / 2 )) KiB, $rows rows"
(( blocks / 2 < 4096 )) || fail "$(( blocks / 2 )) KiB for zeroes"
(( rows <= 16384 )) || fail "$rows rows"

# It knows its disk.
truncate -s 2T disk
refused 'disk.dbhd: .*1099511627776.*2199023255552' \
        --filter=layer-sqlite raw disk

# And stays in its folder.
mkdir -p caches/folder
start_nbdkit sock --filter=layer-sqlite raw disk \
             layer-sqlite-cache-dir=caches/folder \
             layer-sqlite-cache-key=../escaped
client sock <<< 'assert h.pread(10, 0) == b"data below"'
stop_nbdkit sock
[[ $(ls caches) == folder ]] || fail "the key led out: $(ls caches)"
