#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The main job: a persistent layer over a VHD.  The VHD is not touched; the
# layer is beside it, and belongs to the disk that the VHD's id names.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires nbdinfo --version
requires_filter layer-sqlite
requires_client
cd "$tmp"

random_file data 1M
make_vhd disk.vhd data
make_vhd other.vhd data 'id=bytes(range(16))'
make_vhd nameless.vhd data 'id=bytes(16)'
sha256sum ./*.vhd > before

start_nbdkit sock --filter=layer-sqlite vhd1 disk.vhd
client sock <<'EOF'
size = h.get_size()
assert size == 1 << 20 and not h.is_read_only()
assert h.get_block_size(nbd.SIZE_MINIMUM) in (0, 1, 512)
h.pwrite(b"change" * 100, 1000)
h.pwrite(b"end", size - 3)
assert fails(h.pwrite, b"x", size) == errno.ENOSPC
h.flush()
EOF
stop_nbdkit sock
sha256sum -c before
[[ -s disk.vhd.dbhd ]] || fail "no layer beside the VHD"

# It is there again, also if the VHD was moved.
mkdir moved
mv disk.vhd moved
for args in 'moved/disk.vhd layer-sqlite-file=disk.vhd.dbhd' \
    '-r moved/disk.vhd layer-sqlite-file=disk.vhd.dbhd'; do
    # shellcheck disable=SC2086
    start_nbdkit sock --filter=layer-sqlite vhd1 $args
    client sock <<'EOF'
assert h.pread(600, 1000) == b"change" * 100
assert h.pread(3, h.get_size() - 3) == b"end"
data = open("data", "rb").read()
assert h.pread(1000, 0) == data[:1000]
assert h.pread(100000, 1600) == data[1600:101600]
EOF
    stop_nbdkit sock
done

# A VHD with another id, or none, is not its disk.
for f in other nameless; do
    refused 'disk.vhd.dbhd: .*01020304-0506-0708-090a-0b0c0d0e0f10' \
        --filter=layer-sqlite vhd1 $f.vhd layer-sqlite-file=disk.vhd.dbhd
done
mv moved/disk.vhd .
sha256sum -c before
