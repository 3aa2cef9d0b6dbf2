#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A fixed VHD in a page blob, with a server of Azure's blobs (Azurite): its
# disk, without the footer, has the blob's holes and data.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/cloud-functions.sh"
source "$srcdir/tests/integration/http-functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires_plugin blob
requires_libnbd
requires_client

start_azurite
random_file "$tmp/data" 64K
random_file "$tmp/page" 4K
for at in 1000 2047; do         # the last 4 KiB, before the footer, too
    dd if="$tmp/page" of="$tmp/data" bs=4K seek=$at conv=notrunc status=none
done
make_vhd "$tmp/disk.vhd" "$tmp/data"
azure container priv -- page priv/disk.vhd "$tmp/disk.vhd"
echo "$account_key" >"$tmp/key"

for plugin in blob vhd1; do
    start_nbdkit "$tmp/sock" "$plugin" account-key=+"$tmp/key" \
                 "$endpoint/priv/disk.vhd"
    client "$tmp/sock" <<PYTHON
KIB = 1024
assert h.get_size() == 8192 * KIB
assert h.is_read_only()
assert extents(8192 * KIB, 0) == [
    (64 * KIB, 0), ((4000 - 64) * KIB, 3), (4 * KIB, 0),
    ((8188 - 4004) * KIB, 3), (4 * KIB, 0)], extents(8192 * KIB, 0)
assert extents(8 * KIB, 60 * KIB) == [(4 * KIB, 0), (4 * KIB, 3)]
assert fails(h.pread, 512, 8192 * KIB) == errno.EINVAL
PYTHON
    nbdcopy "$(uri "$tmp/sock")" "$tmp/served"
    cmp "$tmp/served" "$tmp/data" || fail "$plugin"
    stop_nbdkit "$tmp/sock"
done
