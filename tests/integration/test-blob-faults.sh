#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Servers that do everything wrong: what passes is not noticed, what stays
# is an error that says what it is, and nobody ever gets wrong data.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires_plugin blob
requires_libnbd
requires_client

random_file "$tmp/disk" 768K
start_faulty "$tmp/disk"
server=("$tmp/sock" blob fetch=4K range-size=32K cache-size=256K connections=4
        timeout=0.5 retries=20)

# Nothing is served as that, whatever the server says of it.
[[ $(nbdkit -U - blob "$faulty/empty" --run 'nbdinfo --size "$uri"') == 0 ]] ||
    fail "not empty"

# Every eleventh answer.
for fault in short long claims-range-sends-all cut closes 500 503 429; do
    start_nbdkit "${server[@]}" "$faulty/$fault/11/disk"
    client "$tmp/sock" <<PYTHON
want = open("$tmp/disk", "rb").read()
for at in range(0, len(want), 65536):
    assert h.pread(65536, at) == want[at:at + 65536], "$fault"
for at in range(len(want) - 1000, 0, -99999):
    assert h.pread(1000, at) == want[at:at + 1000], "$fault"
PYTHON
    stop_nbdkit "$tmp/sock"
    ! grep -q error "$tmp/sock.log" || fail "$fault: $(<"$tmp/sock.log")"
done

# Slow ones, a few times.
for fault in stall trickle retry-after; do
    start_nbdkit "${server[@]}" readahead=0 "$faulty/$fault/5/disk"
    client "$tmp/sock" <<PYTHON
want = open("$tmp/disk", "rb").read()
for at in range(4096, 4 * 50000, 50000):
    assert h.pread(1000, at) == want[at:at + 1000], "$fault"
PYTHON
    stop_nbdkit "$tmp/sock"
done

# What was refused with Retry-After: 1 is asked for again a second later.
python3 - "$tmp/faulty.port.asked" <<'PYTHON'
import sys
asked = [l.split() for l in open(sys.argv[1])]
n = 0
for i, (at, fault, first, _) in enumerate(asked):
    if fault == "retry-after":
        n += 1
        again = next(float(a[0]) for a in asked[i + 1:] if a[2] == first)
        assert again - float(at) >= 0.99, (first, again - float(at))
assert n > 0
PYTHON

# Sixteen clients for some seconds, and faults of all kinds.
start_nbdkit "${server[@]}" "$faulty/random/9/disk"
sixteen_clients "$tmp/sock" "$tmp/disk" 1000000000 "${SOAK_SECONDS:-4}"
stop_nbdkit "$tmp/sock"
! grep -q error "$tmp/sock.log" || fail "random: $(<"$tmp/sock.log")"

# lasting FAULT MESSAGE: it begins while the disk is served, and ends.
lasting () {
    start_nbdkit "$tmp/sock" blob fetch=4K cache-size=64K readahead=0 retries=1 \
                 timeout=0.5 "$faulty/$1/0/disk?sig=secret"
    client "$tmp/sock" <<PYTHON
import urllib.request
want = open("$tmp/disk", "rb").read()
assert h.pread(4096, 0) == want[:4096]
urllib.request.urlopen("$faulty/on").read()
assert fails(h.pread, 4096, 500000) == errno.EIO, "$1"
assert fails(h.pread, 100000, 400000) == errno.EIO, "$1"
urllib.request.urlopen("$faulty/off").read()
try:
    assert h.pread(4096, 700000) == want[700000:704096], "$1"
    assert "$1" not in ("changes", "grows", "412"), "$1"
except nbd.Error as e:
    assert e.errnum == errno.EIO
    assert "$1" in ("changes", "grows", "412"), "$1"
PYTHON
    stop_nbdkit "$tmp/sock"
    grep -q -- "$2" "$tmp/sock.log" || fail "$1: $(<"$tmp/sock.log")"
    ! grep -q secret "$tmp/sock.log" || fail "$1: a secret"
}

lasting ignores-range 'does not send parts of files'
lasting other-data 'sends another part of the file'
lasting says-other 'sends another part of the file'
lasting says-nothing 'does not say which one'
lasting short 'more or less than was asked for'
lasting closes 'again and again'
lasting changes 'was changed on the server'
lasting grows 'was changed on the server'
lasting encodes 'is stored compressed'
lasting 400 'does not understand'
lasting 401 'wants a password'
lasting 403 'does not permit it'
lasting 404 'there is no such file'
lasting 412 'was changed on the server'
lasting 416 'outside of the file'
lasting 429 'is asked too much'
lasting 500 'the server failed'

# Being told to end while the server is silent, or as good as that.
for fault in silent trickle; do
    start_nbdkit "$tmp/sock" blob fetch=4K readahead=0 timeout=60 \
                 "$faulty/$fault/0/disk"
    client "$tmp/sock" <<PYTHON &
import urllib.request
assert len(h.pread(4096, 0)) == 4096
urllib.request.urlopen("$faulty/on").read()
assert fails(h.pread, 4096, 500000) == errno.EIO, "$fault"
PYTHON
    reader=$!
    wait_until 20 grep -q " $fault 499712 " "$tmp/faulty.port.asked"
    begun=$SECONDS
    stop_nbdkit "$tmp/sock"
    (( SECONDS - begun < 15 )) || fail "$fault: $(( SECONDS - begun )) seconds"
    wait "$reader" || fail "$fault: the reader"
    tell_faulty off
done
