#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# latency: each operation takes its time and no other's; nobody waits for
# somebody else's sleep; the times change with the file; the end comes at
# once.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_filter latency
requires_python_nbd
cd "$tmp"

# ask SOCK <<PYTHON: h is connected, took (f) is how long f takes.
ask () {
    { cat <<'PYTHON'; cat; } >client.py
import nbd, sys, threading, time
h = nbd.NBD()
h.add_meta_context("base:allocation")
def took(f):
    start = time.monotonic()
    f()
    return time.monotonic() - start
opening = took(lambda: h.connect_uri(sys.argv[1]))
PYTHON
    "$python" client.py "$(uri "$1")"
}

# One operation after the other is slow.
for op in read write zero trim flush extents cache; do
    start_nbdkit sock --filter=latency memory 1M latency-$op=300ms
    ask sock <<PYTHON
ops = {
    "read": lambda: h.pread(512, 0),
    "write": lambda: h.pwrite(b"x" * 512, 0),
    "zero": lambda: h.zero(512, 0),
    "trim": lambda: h.trim(512, 0),
    "flush": h.flush,
    "extents": lambda: h.block_status(512, 0, lambda *a: 0),
    "cache": lambda: h.cache(512, 0),
}
slow = took(ops.pop("$op"))
assert 0.3 <= slow < 5, slow
for name, f in ops.items():
    # Its own, and not because the machine is busy.
    assert min(took(f) for i in range(5)) < 0.2, name
h.shutdown()
PYTHON
    stop_nbdkit sock
done

# What is asked for meanwhile.
start_nbdkit sock --filter=latency memory 1M latency-read=1 latency-open=200ms
ask sock <<'PYTHON'
assert opening >= 0.2
start = time.monotonic()
for i in range(10):
    h.aio_pread(nbd.Buffer(512), 0)
assert took(lambda: h.pwrite(b"x", 0)) < 0.7
while h.aio_in_flight():
    h.poll(-1)
assert 1 <= time.monotonic() - start < 5
h.shutdown()
PYTHON
stop_nbdkit sock

# A disk that does one thing at a time; a part of it that is slower; bytes.
start_nbdkit sock --filter=latency memory 1M latency-read=100ms \
             latency-queue=serial latency-range=512K-:write=300ms \
             latency-write-bandwidth=1M
ask sock <<'PYTHON'
start = time.monotonic()
for i in range(5):
    h.aio_pread(nbd.Buffer(512), 0)
while h.aio_in_flight():
    h.poll(-1)
assert time.monotonic() - start >= 0.5
assert took(lambda: h.pwrite(b"x", 512 * 1024)) >= 0.3
assert took(lambda: h.pwrite(b"x" * 512 * 1024, 0)) >= 0.5
h.shutdown()
PYTHON
stop_nbdkit sock

# What is in the file counts from the next look on; nonsense does not.
echo 'read=0' >model
start_nbdkit sock --filter=latency memory 1M latency-file=model
ask sock <<'PYTHON'
def becomes(text, right):
    with open("model", "w") as f:
        f.write(text)
    deadline = time.monotonic() + 60
    while not right(took(lambda: h.pread(512, 0))):
        assert time.monotonic() < deadline, text
becomes("read=300ms\n", lambda t: t >= 0.3)
becomes("read=0\n# that is all\n", lambda t: t < 0.2)
becomes("read=400ms\n#\n", lambda t: t >= 0.4)
with open("model", "w") as f:
    f.write("read=nonsense\n")
time.sleep(0.3)
for i in range(2):
    assert took(lambda: h.pread(512, 0)) >= 0.4
h.shutdown()
PYTHON
stop_nbdkit sock
grep -q 'model: line 1 must be a time' sock.log

# The same seed, the same times.
for i in 1 2; do
    start_nbdkit sock --filter=latency memory 1M latency-seed=5 \
                 latency-read=percentiles:0=1ms,50=2ms,51=100ms,100=101ms
    ask sock >times.$i <<'PYTHON'
print([took(lambda: h.pread(512, 0)) >= 0.1 for i in range(16)])
h.shutdown()
PYTHON
    stop_nbdkit sock
done
grep -q True times.1
cmp times.1 times.2

# fast zeroes fail at once if that was asked for.
start_nbdkit sock --filter=latency memory 1M delay-zero=300ms \
             delay-fast-zero=false
ask sock <<'PYTHON'
def fast():
    try:
        h.zero(512, 0, nbd.CMD_FLAG_FAST_ZERO)
    except nbd.Error as e:
        assert e.errno == "ENOTSUP" or e.errno == "EOPNOTSUPP", e.errno
    else:
        assert False
assert took(fast) < 0.25
assert took(lambda: h.zero(512, 0)) >= 0.3
h.shutdown()
PYTHON
stop_nbdkit sock

# Nobody sleeps longer than the server is to run.
start_nbdkit sock -v --filter=latency memory 1M latency-read=600
ask sock <<'PYTHON' &
try:
    h.pread(512, 0)
except nbd.Error as e:
    print(e)
else:
    assert False
PYTHON
pid=$!
wait_until 60 grep -q 'pread count=512' sock.log
SECONDS=0
stop_nbdkit sock
(( SECONDS < 60 )) || fail "it slept on"
wait $pid
