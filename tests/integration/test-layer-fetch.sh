#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# read-cache: a cluster that many clients miss at once is read below once,
# and a small miss brings its whole cluster.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_client
requires_filter log
requires_filter delay
random_file "$tmp/disk" 1000K

# reads: "offset count" of each read of the disk below, in order.
reads () {
    sed -n 's/.* Read id=.* offset=\(0x[0-9a-f]*\) count=\(0x[0-9a-f]*\) .*/\1 \2/p' \
        "$sock.below" | sort
}

# check WHAT EXPECTED
check () {
    [[ $(reads) == "$2" ]] || { cat "$sock.below"; fail "$1"; }
}

for filter in $(layer_filters); do
    sock=$tmp/$filter
    start_layer "$sock" "$filter" --filter=log --filter=delay raw "$tmp/disk" \
                delay-read=300ms logfile="$sock.below" $filter-read-cache=true
    client "$sock" <<PYTHON
clients = []
for i in range(64):
    c = nbd.NBD()
    c.connect_unix(sys.argv[1])
    buf = nbd.Buffer(8192)
    clients.append((c, buf, c.aio_pread(buf, 131072 + 512 * i)))
for c, buf, cookie in clients:
    while not c.aio_command_completed(cookie):
        c.poll(-1)
    c.shutdown()
disk = open("$tmp/disk", "rb").read()
for i, (c, buf, cookie) in enumerate(clients):
    assert buf.to_bytearray() == disk[131072 + 512 * i:131072 + 512 * i + 8192]
PYTHON
    check "64 clients" "0x20000 0x10000"

    # The last cluster is not whole; a request over two brings both at once.
    client "$sock" <<PYTHON
disk = open("$tmp/disk", "rb").read()
def read(count, offset):
    assert h.pread(count, offset) == disk[offset:offset + count]
read(512, 1000 * 1024 - 512)
read(1024, 65536 - 512)
read(131072, 0)
read(1000 * 1024 - 0xf0000, 0xf0000)
PYTHON
    check "rounded out" "0x0 0x20000
0x20000 0x10000
0xf0000 0xa000"
    stop_nbdkit "$sock"
done
