#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Where the layer is; that it is one file, which can be copied and moved; and
# what -r does.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
cd "$tmp"
mkdir d
random_file d/disk 1M
cp d/disk copy

# Beside the image, wherever that is, and only when it is needed.
start_nbdkit sock --filter=layer-sqlite raw d/disk
[[ ! -e d/disk.dbhd ]] || fail "made before there is a client"
client sock <<< 'h.pwrite(b"layer" * 1000, 4000)'
stop_nbdkit sock
[[ $(ls d) == $'disk\ndisk.dbhd' ]] || fail "not one file: $(ls d)"
cmp d/disk copy

# expect FILE: the change is in that layer.
expect () {
    start_nbdkit sock "${@:2}" --filter=layer-sqlite raw d/disk \
                 layer-sqlite-file="$1"
    client sock <<< 'assert h.pread(5000, 4000) == b"layer" * 1000'
    stop_nbdkit sock
}
mkdir elsewhere
cp d/disk.dbhd elsewhere/layer
expect elsewhere/layer
mv d/disk.dbhd moved
expect moved
[[ $(ls d) == disk ]] || fail "something is left: $(ls d)"

# Read-only: nothing is written, not even to a layer that must not be.
cp moved moved.copy
expect moved -r
cmp moved moved.copy
start_nbdkit sock -r --filter=layer-sqlite raw d/disk layer-sqlite-file=moved
client sock <<< 'assert h.is_read_only()
assert fails(h.pwrite, b"x" * 512, 0) == errno.EPERM'
stop_nbdkit sock
refused 'gone: No such file' -r --filter=layer-sqlite raw d/disk \
        layer-sqlite-file=gone
[[ ! -e gone ]] || fail "made with -r"

# Two servers with one layer: not to write.
start_nbdkit one --filter=layer-sqlite raw d/disk layer-sqlite-file=moved
client one <<< 'h.pread(512, 0)'
expect_error 'lock.*another process' nbdkit -U - --filter=layer-sqlite \
             raw d/disk layer-sqlite-file=moved --run :
stop_nbdkit one
