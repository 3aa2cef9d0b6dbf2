#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A VHDX with sectors of 4096 bytes, which clients are told of and need
# not care about; its id, which layers and children have.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
cd "$tmp"

truncate -s 9M raw
start_nbdkit sock vhdx disk.vhdx create=9M sector-size=4096 block-size=1M
client sock <<'EOF'
assert h.get_size() == 9 << 20
assert h.get_block_size(nbd.SIZE_MINIMUM) == 4096
h.pwrite(b"abc", 4095)
assert h.pread(5, 4094) == b"\0abc\0"
h.zero(2, 4095)
assert h.pread(5, 4094) == b"\0\0\0c\0"
h.pwrite(b"\0\0\0", 4095)
EOF
random_writes sock raw 60
stop_nbdkit sock
same vhdx disk.vhdx raw

nbdkit -r -U - vhdx disk.vhdx --run 'nbdinfo "$uri"' > info
cat info
id=$(sed -n 's/.*disk-id=\([0-9a-f-]*\).*/\1/p' info)
[[ $id =~ ^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$ ]] || fail "no id"
start_nbdkit sock vhdx child.vhdx create=0 parent=disk.vhdx
nbdinfo "$(uri sock)" | grep "disk-id=$id"
random_writes sock raw 40
stop_nbdkit sock
same vhdx child.vhdx raw

if nbdkit --filter=layer-sqlite null --version >/dev/null 2>&1; then
    sha256sum child.vhdx disk.vhdx > sums
    start_nbdkit sock --filter=layer-sqlite vhdx child.vhdx
    random_writes sock raw 40
    stop_nbdkit sock
    sha256sum -c sums
    start_nbdkit sock --filter=layer-sqlite vhdx child.vhdx
    nbdcopy "$(uri sock)" copy
    cmp copy raw
    stop_nbdkit sock
    make_image vhdx other.vhdx create=9M sector-size=4096
    refused "$id" --filter=layer-sqlite vhdx other.vhdx \
            layer-sqlite-file=child.vhdx.dbhd
fi
