#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Files that are no layers, or no longer, are refused by name and reason and
# stay as they are.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
cd "$tmp"
random_file disk 1M
start_nbdkit sock --filter=layer-sqlite raw disk layer-sqlite-file=good
client sock <<< 'h.pwrite(b"x" * 300000, 4096)'
stop_nbdkit sock

# try PATTERN FILE
try () {
    cp "$2" "$2.copy"
    bad "$2: the file .*$1" --filter=layer-sqlite raw disk layer-sqlite-file="$2"
    cmp "$2" "$2.copy"
}

: > empty
try 'too short to be a layer' empty
random_file noise 100000
try 'not an SQLite database and so not a layer' noise
mkdir folder
bad 'folder: .*is a directory' --filter=layer-sqlite raw disk \
    layer-sqlite-file=folder
"$python" -c 'import sqlite3
c = sqlite3.connect("foreign")
c.execute("create table t (x)")
c.commit()'
try 'database of another program, not a layer' foreign

# put OFFSET OCTAL: good with another byte there.
put () {
    cp good changed
    printf '%b' "\\$2" | dd of=changed bs=1 seek="$1" conv=notrunc status=none
}
put 16 0777
try 'a database page size that a layer does not have' changed
put 63 0377
try 'a later format than this program knows' changed
put 4096 0377
refused 'changed: .*malformed' --filter=layer-sqlite raw disk \
        layer-sqlite-file=changed
# The index is there, and what it speaks of is not.
head -c 300000 good > cut
refused 'cut: .*beyond it is the end of the file' --filter=layer-sqlite \
        raw disk layer-sqlite-file=cut
