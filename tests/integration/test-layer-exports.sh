#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Each export has a layer of its own, which lives as long as the server.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires nbdinfo --version
requires_client
cd "$tmp"
mkdir dir
random_file dir/a 1M
random_file dir/b 300000
cp -r dir copy

start_nbdkit ram --filter=layer-ram raw dir=dir
for name in a b; do
    client ram $name <<PYTHON
disk = open("dir/$name", "rb").read()
assert h.get_size() == len(disk)
assert h.pread(len(disk), 0) == disk
h.pwrite(b"$name" * 512, 1024)
PYTHON
done
for name in a b; do
    client ram $name <<PYTHON
disk = bytearray(open("dir/$name", "rb").read())
disk[1024:1536] = b"$name" * 512
assert h.pread(len(disk), 0) == disk
PYTHON
done
stop_nbdkit ram
diff -r dir copy

# A layer in a file is for one disk; the next one is refused it.
if [[ $(layer_filters) == *sqlite* ]]; then
    start_nbdkit sqlite --filter=layer-sqlite raw dir=dir layer-sqlite-file=l
    client sqlite a <<< 'h.pwrite(b"x" * 512, 0)'
    ! nbdinfo "$(uri sqlite b)" > out 2>&1 || fail "a layer for two disks"
    client sqlite a <<< 'assert h.pread(512, 0) == b"x" * 512'
    stop_nbdkit sqlite
    cat sqlite.log
    diff -r dir copy
fi
