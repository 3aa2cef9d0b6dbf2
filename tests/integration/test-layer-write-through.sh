#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# write-through: the disk below gets every change, flush and FUA, and the
# layer has them, too.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
requires_filter log

below () { grep -c "$1" "$sock.below" || :; }

for filter in $(layer_filters); do
    sock=$tmp/$filter
    random_file "$tmp/disk" 1000000
    start_layer "$sock" "$filter" --filter=log raw "$tmp/disk" \
                logfile="$sock.below" $filter-write-through=true
    client "$sock" <<PYTHON
model = bytearray(open("$tmp/disk", "rb").read())
size = len(model)

def write(data, offset, flags=0):
    h.pwrite(data, offset, flags)
    model[offset:offset + len(data)] = data

write(b"sectors." * 640, 10240)
write(b"a few bytes", 999)
write(b"end", size - 3)
h.zero(70000, 200000)
model[200000:270000] = bytes(70000)
h.trim(65536, 131072)
trimmed = h.pread(65536, 131072)
assert all(b in (a, 0) for a, b in zip(model[131072:], trimmed))
model[131072:196608] = trimmed
assert h.pread(size, 0) == model
open("$tmp/model", "wb").write(model)
PYTHON
    cmp "$tmp/model" "$tmp/disk"
    (( $(below ' Flush id=') == 0 )) || fail "flushed too early"

    client "$sock" <<< 'h.flush(); h.pwrite(b"f" * 512, 512, nbd.CMD_FLAG_FUA)'
    (( $(below ' Flush id=') >= 1 )) || fail "no flush below"
    (( $(below ' Write id=.* fua=1') + $(below ' Flush id=') >= 2 )) ||
        fail "no FUA below"

    # What was written is in the layer: it is not read below.
    reads=$(below ' Read id=')
    client "$sock" <<< 'h.pread(5120, 10240)'
    (( $(below ' Read id=') == reads )) || fail "read below"
    stop_nbdkit "$sock"

done
