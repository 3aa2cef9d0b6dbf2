#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The filter opens the disk below for itself only if requests to it may
# run in parallel, and works without.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires_client
requires_filter layered
requires_filter noparallel
requires_plugin eval
cd "$tmp"
random_file disk.orig 1M

# opens: how often the plugin was opened, and closed.
opens () { grep -c 'raw: open readonly' "$1.log" || :; }
closes () { grep -c 'raw: close' "$1.log" || :; }
both_closed () { (( $(closes "$1") == 2 )); }

# check OPENS ARGS...: one client; all that it wrote is in the disk.
n=0
check () {
    local sock
    n=$(( n + 1 ))
    sock=$tmp/sock$n
    cp disk.orig disk
    start_nbdkit "$sock" -v "${@:2}"
    client "$sock" <<'PYTHON'
disk = bytearray(open("disk.orig", "rb").read())
assert h.pread(len(disk), 0) == disk
h.pwrite(b"changed" * 1000, 12345)
disk[12345:12345 + 7000] = b"changed" * 1000
h.flush()
assert h.pread(len(disk), 0) == disk
open("model", "wb").write(disk)
PYTHON
    # And another connection to the same stack.
    client "$sock" <<'PYTHON'
disk = open("model", "rb").read()
assert h.pread(len(disk), 0) == disk
PYTHON
    # A server that ends does not close connections.
    wait_until 60 both_closed "$sock" || fail "closed $(closes "$sock") times"
    stop_nbdkit "$sock"
    ! grep ' error: ' "$sock.log" || fail "it complains"
    cmp disk model || fail "not all is in the disk"
    (( $(opens "$sock") == $1 )) || fail "opened $(opens "$sock") times"
    (( $(closes "$sock") == $1 )) || fail "closed $(closes "$sock") times"
}

wt=(layered-layer=ram,write-through,read-cache layered-layer=ram,write-through)
check 3 --filter=layered raw disk "${wt[@]}"
for model in connections all-requests requests; do
    check 2 --filter=layered --filter=noparallel raw disk serialize=$model \
          "${wt[@]}"
done
# Other filters between, and this one twice removed from the plugin.
check 3 --filter=layered --filter=layer-ram raw disk "${wt[@]}" \
      layer-ram-write-through=true

# Of filters that are one layer nothing is asked.
check 2 --filter=layer-ram raw disk layer-ram-write-through=true

# A plugin that will not be opened a second time: the stack does without.
start_nbdkit once --filter=layered eval thread_model='echo parallel' \
             open="mkdir $tmp/opened || { echo EBUSY >&2; exit 1; }" \
             close="rmdir $tmp/opened" get_size='echo 1048576' \
             pread='head -c "$3" /dev/zero | tr "\\0" z' \
             layered-layer=ram
client once <<'PYTHON'
assert h.pread(4096, 4096) == b"z" * 4096
h.pwrite(b"x" * 512, 0)
assert h.pread(1024, 0) == b"x" * 512 + b"z" * 512
PYTHON
client once <<< 'assert h.pread(512, 0) == b"x" * 512'
stop_nbdkit once
cat once.log
(( $(grep -c 'going on without threads for the layers' once.log) == 1 ))
