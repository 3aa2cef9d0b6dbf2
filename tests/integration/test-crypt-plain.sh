#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# crypt: plain disks are what dm-crypt would make of them, by other code;
# unaligned requests, holes, and a disk with larger blocks below.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/crypt-functions.sh"

requires openssl version
requires_python_nbd
cd "$tmp"
random_file data 1M
random_file key.raw 64
head -c 32 key.raw >key128.raw
xxd -p -c 64 key.raw >key.hex 2>/dev/null ||
    python3 -c 'print(open("key.raw", "rb").read().hex())' >key.hex

# same KEY UNIT STEP FIRST ARGS...: what is written is that below.
same () {
    truncate -s 0 disk
    truncate -s 1M disk
    crypt raw disk crypt-key=+"$1" crypt-sector-size="$2" "${@:5}" -- \
          'nbdcopy data "$uri" && nbdcopy "$uri" back'
    cmp data back
    "$srcdir/tests/integration/xts.py" "${1/.hex/.raw}" "$2" "$3" "$4" \
        <data | cmp - disk
}
same key.raw 512 1 0
same key.hex 512 1 0
same key128.raw 512 1 0
same key.raw 4096 8 0
same key.raw 2048 1 0 crypt-iv-large-sectors=true
same key.raw 512 1 18446744073709551615 crypt-iv-offset=18446744073709551615
same key.raw 1024 2 1000 crypt-iv-offset=1000

# Sectors are those of the disk below.
truncate -s 0 disk
truncate -s 1M disk
nbdkit -U - --filter=crypt --filter=blocksize-policy raw disk \
       blocksize-minimum=4096 blocksize-preferred=4096 crypt-key=+key.raw \
       --run 'nbdcopy data "$uri"'
"$srcdir/tests/integration/xts.py" key.raw 4096 8 0 <data | cmp - disk

# Any bytes; holes; zeroes; discards.
truncate -s 0 disk
truncate -s 1000000 disk
start_nbdkit sock --filter=crypt raw disk crypt-key=+key.raw \
             crypt-sector-size=4096 crypt-discard=true
"$python" - "$(uri sock)" <<'PYTHON'
import nbd, sys
h = nbd.NBD()
h.add_meta_context("base:allocation")
h.connect_uri(sys.argv[1])
assert h.get_size() == 1000000 // 4096 * 4096
types = []
def note(context, offset, entries, err):
    types.append(entries[1])
def first(offset):
    types.clear()
    h.block_status(65536, offset, note, nbd.CMD_FLAG_REQ_ONE)
    return types[0]
assert first(0) == nbd.STATE_HOLE
h.pwrite(b"a" * 5000, 4000)
h.pwrite(b"b" * 10, 5)
assert h.pread(5000, 4000) == b"a" * 5000
assert h.pread(10, 5) == b"b" * 10
h.zero(100001, 3)
assert h.pread(100001, 3) == bytes(100001)
assert first(0) == 0
h.trim(65536, 0)
assert first(0) == nbd.STATE_HOLE
assert h.pread(4096, 0) != bytes(4096)
h.shutdown()
PYTHON
stop_nbdkit sock

# Without leave to discard, nothing happens.
start_nbdkit sock --filter=crypt raw disk crypt-key=+key.raw
"$python" -c 'import nbd, sys
h = nbd.NBD()
h.connect_uri(sys.argv[1])
assert not h.can_trim()
h.shutdown()' "$(uri sock)"
stop_nbdkit sock

# Twice in one chain, each with a key.
random_file key2.raw 64
truncate -s 0 disk
truncate -s 1M disk
nbdkit -U - --filter=crypt --filter=crypt raw disk crypt-key=+key.raw \
       crypt-key=+key2.raw --run 'nbdcopy data "$uri"'
"$srcdir/tests/integration/xts.py" key.raw 512 1 0 <data |
    "$srcdir/tests/integration/xts.py" key2.raw 512 1 0 | cmp - disk
