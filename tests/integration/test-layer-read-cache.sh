#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# read-cache: what was read, or prefetched, is not read below again, and it
# never takes the place of what a client writes meanwhile.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
requires_filter log
requires_filter delay
random_file "$tmp/disk" 1M

# below OPERATION: how many of them went to the disk below.
below () { grep -c " $1 id=" "$sock.below" || :; }

for filter in $(layer_filters); do
    sock=$tmp/$filter
    start_layer "$sock" "$filter" --filter=log raw "$tmp/disk" \
                logfile="$sock.below" $filter-read-cache=true
    client "$sock" <<PYTHON
disk = open("$tmp/disk", "rb").read()
assert h.pread(65536, 0) == disk[:65536]
h.cache(65536, 131072)
PYTHON
    reads=$(below Read)
    (( reads > 0 )) || fail "nothing was read below"
    client "$sock" <<PYTHON
disk = open("$tmp/disk", "rb").read()
assert h.pread(65536, 0) == disk[:65536]
assert h.pread(100, 77) == disk[77:177]
assert h.pread(65536, 131072) == disk[131072:196608]
h.cache(65536, 131072)
assert extents(65536, 0) == [(65536, 0)]
PYTHON
    (( $(below Read) == reads )) || fail "read below again"
    stop_nbdkit "$sock"

    # A write that overtakes the read that would fill the cache.
    sock=$tmp/slow-$filter
    start_layer "$sock" "$filter" --filter=delay raw "$tmp/disk" \
                delay-read=500ms $filter-read-cache=true
    client "$sock" <<PYTHON
disk = open("$tmp/disk", "rb").read()
buf = nbd.Buffer(65536)
other = nbd.NBD()
other.connect_unix(sys.argv[1])
cookie = h.aio_pread(buf, 0)
while h.aio_in_flight() and not h.aio_peek_command_completed():
    other.pwrite(b"new" * 1024, 4096)
    other.zero(512, 32768)
    h.poll(10)
h.aio_command_completed(cookie)
expected = bytearray(disk[:65536])
expected[4096:4096 + 3072] = b"new" * 1024
expected[32768:32768 + 512] = bytes(512)
assert h.pread(65536, 0) == expected
assert other.pread(65536, 0) == expected
other.shutdown()
PYTHON
    stop_nbdkit "$sock"
done
