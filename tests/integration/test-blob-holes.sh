#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Page blobs with a server of Azure's blobs (Azurite): holes are told, and
# neither copied nor read; what is fetched is counted by a proxy.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/cloud-functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires_plugin blob
requires_plugin memory
requires_libnbd
requires_client

start_azurite
start_proxy
TIB=$(( 1 << 40 ))
random_file "$tmp/a" 64K
random_file "$tmp/b" 1M
random_file "$tmp/c" 512
far=$(( 700 << 30 )) last=$(( TIB - 512 ))
azure container priv -- sparse priv/large "$TIB" -- pages priv/large 0 "$tmp/a" -- \
    pages priv/large "$far" "$tmp/b" -- pages priv/large "$last" "$tmp/c" -- \
    block priv/block "$tmp/b"
echo "$account_key" >"$tmp/key"
blob=(blob account-key=+"$tmp/key" proxy="$proxy")

# requests [PATTERN]: how many there were; bytes: of data.
requests () { grep -c "^GET .*${1-}" "$tmp/proxy.log" || :; }
bytes () { awk '!/comp=pagelist/ { n += $4 } END { print n + 0 }' "$tmp/proxy.log"; }

start_nbdkit "$tmp/sock" "${blob[@]}" "$endpoint/priv/large"
: >"$tmp/proxy.log"
client "$tmp/sock" <<PYTHON
a, b, c = (open("$tmp/" + x, "rb").read() for x in "abc")
# All of it, as nbdcopy would ask.
found, at, step = [], 0, 1 << 31
while at < $TIB:
    for count, kind in extents(min(step, $TIB - at), at):
        if found and found[-1][1] == kind:
            found[-1][0] += count
        else:
            found.append([count, kind])
        at += count
assert found == [[len(a), 0], [$far - len(a), 3], [len(b), 0],
                 [$last - $far - len(b), 3], [512, 0]], found
PYTHON
(( $(requests comp=pagelist) == 16 )) ||
    fail "$(<"$tmp/proxy.log")"

# Reads of holes are for nothing.
: >"$tmp/proxy.log"
client "$tmp/sock" <<PYTHON
for i in range(200):
    assert h.pread(1 << 20, (1 << 30) + (i << 20)) == bytes(1 << 20)
PYTHON
(( $(requests) == 0 )) || fail "$(<"$tmp/proxy.log")"
client "$tmp/sock" <<PYTHON
a, b, c = (open("$tmp/" + x, "rb").read() for x in "abc")
assert h.pread(100000, 0) == a + bytes(100000 - len(a))
assert h.pread(len(b) + 2000, $far - 1000) == bytes(1000) + b + bytes(1000)
assert h.pread(1000, $TIB - 1000) == bytes(488) + c
PYTHON
stop_nbdkit "$tmp/sock"

# A copy moves what is there, and little more.
start_nbdkit "$tmp/sock" "${blob[@]}" "$endpoint/priv/large"
: >"$tmp/proxy.log"
start_nbdkit "$tmp/copy" memory "$TIB"
nbdcopy "$(uri "$tmp/sock")" "$(uri "$tmp/copy")"
client "$tmp/copy" <<PYTHON
a, b, c = (open("$tmp/" + x, "rb").read() for x in "abc")
assert h.pread(100000, 0) == a + bytes(100000 - len(a))
assert h.pread(len(b) + 2000, $far - 1000) == bytes(1000) + b + bytes(1000)
assert h.pread(1000, $TIB - 1000) == bytes(488) + c
PYTHON
stop_nbdkit "$tmp/copy"
stop_nbdkit "$tmp/sock"
echo "$(bytes) bytes in $(requests) requests"
(( $(bytes) < 1400000 && $(requests) < 60 )) || fail "$(<"$tmp/proxy.log")"

# What is not a page blob is all data.
start_nbdkit "$tmp/sock" "${blob[@]}" "$endpoint/priv/block"
client "$tmp/sock" <<PYTHON
assert extents(1 << 20, 0) == [(1 << 20, 0)]
PYTHON
stop_nbdkit "$tmp/sock"
