#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# pr: clients of a real nbdkit fence each other off, by every type of
# reservation and every way of losing one; what was in flight when a client
# was fenced off does not come later; a restart, as the power went away.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/pr-functions.sh"

cd "$tmp"
start_nbdkit sock --filter=pr memory 1M pr-socket=pr.sock \
             pr-socket-for=vm1:vm1.sock pr-file=reservations
reserve <<'PYTHON'
a, b, anybody = connect("disk@a"), connect("@b"), connect("")
also_a = connect("@a")
pa, pb = Helper("pr.sock", "a"), Helper("pr.sock", "b")

def all(): return [access(h) for h in (a, also_a, b, anybody)]

# SPC-4, table 52, without and with a registration of b's.
tables = {1: ("rw", "r-", "r-"), 3: ("rw", "--", "--"),
          5: ("rw", "rw", "r-"), 6: ("rw", "rw", "--"),
          7: ("rw", "rw", "r-"), 8: ("rw", "rw", "--")}
assert all() == ["rw"] * 4
for type, (holder, registrant, other) in tables.items():
    pa.good(REGISTER, 0, 1)
    assert all() == ["rw"] * 4
    pa.good(RESERVE, 1, type=type)
    assert all() == [holder, holder, other, other], type
    pb.good(REGISTER, 0, 2)
    assert all() == [holder, holder, registrant, other], type
    assert pb.out(RESERVE, 2, type=1 if type != 1 else 3) == CONFLICT
    # What one of the registrants leaves behind.
    pa.good(REGISTER, 1, 0)
    if type in (7, 8):
        assert all() == [other, other, "rw", other], type
        pb.good(RELEASE, 2, type=type)
    assert all() == ["rw"] * 4, type
    pb.good(CLEAR, 2)

# Each way of losing it, by each type that one can take.
for type in tables:
    for how in (PREEMPT, PREEMPT_ABORT):
        pa.good(REGISTER, 0, 1)
        pb.good(REGISTER, 0, 2)
        pa.good(RESERVE, 1, type=type)
        pb.good(how, 2, 0 if type in (7, 8) else 1, type=3)
        assert all() == ["--", "--", "rw", "--"]
        assert pb.registrants() == {"b": (2, 3)}
        assert pa.out(RELEASE, 1, type=type) == CONFLICT
        pb.good(IGNORE, 0, 0)
        assert all() == ["rw"] * 4

# To somebody else, who need not be there.
pa.good(REGISTER, 0, 1)
pa.good(RESERVE, 1, type=3)
assert pa.move(1, 7, "b", unregister=True) == GOOD
assert all() == ["--", "--", "rw", "--"]
assert pb.registrants() == {"b": (7, 3)}
pb.good(CLEAR, 7)

# QEMU as it is, at a socket of one initiator, or by its user.
vm = Helper("vm1.sock", with_fd=True)
assert vm.offer == 0
vm.good(REGISTER, 0, 9)
vm.good(RESERVE, 9, type=5)
assert vm.registrants() == {"vm1": (9, 5)}
assert access(connect("whatever@vm1")) == "rw"
assert all() == ["r-"] * 4
vm.good(RELEASE, 9, type=5)
vm.good(REGISTER, 9, 0)
import os
qemu = Helper("pr.sock", with_fd=True)
qemu.good(REGISTER, 0, 9)
assert list(qemu.registrants()) == ["uid:%d" % os.geteuid()]
qemu.good(CLEAR, 9)

# Clients come and go, their registrations stay; read-only ones, too.
pa.good(REGISTER, 0, 1)
pa.good(RESERVE, 1, type=1)
for h in (a, also_a):
    h.shutdown()
assert pb.reservation() == (1, 1)
assert access(connect("@a")) == "rw" and access(connect("@b")) == "r-"
pa.good(CLEAR, 1)

# A table of keys that does not fit is cut off, and says how long it is.
generation = pa.keys()[0]
for i in range(128):
    Helper("pr.sock", f"initiator {i}").good(REGISTER, 0, i + 1)
assert pa.keys() == (generation + 128, list(range(1, 129)))
assert pa.inquire(0, 20)[4:] == struct.pack(">IQI", 1024, 1, 0)
assert pa.out(REGISTER, 0, 1) == CHECK and pa.sense == (5, 0x5504)
Helper("pr.sock", "initiator 5").good(CLEAR, 6)

# Kept through power loss: by whom it was asked for last.
pa.good(REGISTER, 0, 1)
pb.good(REGISTER, 0, 2, aptpl=True)
pb.good(RESERVE, 2, type=6)
PYTHON
stop_nbdkit sock

# The power is back.
start_nbdkit sock --filter=pr memory 1M pr-socket=pr.sock pr-file=reservations
reserve <<'PYTHON'
pb = Helper("pr.sock", "b")
assert pb.keys() == (0, [1, 2])
assert pb.registrants() == {"a": (1, 0), "b": (2, 6)}
assert [access(connect(x)) for x in ("@a", "@b", "")] == ["rw", "rw", "--"]
assert pb.inquire(2)[2:4] == b"\x01\x81"
pb.good(REGISTER, 2, 2)
assert pb.inquire(2)[2:4] == b"\x01\x80"
PYTHON
stop_nbdkit sock
start_nbdkit sock --filter=pr memory 1M pr-socket=pr.sock pr-file=reservations
reserve <<'PYTHON'
assert Helper("pr.sock", "b").keys() == (0, [])
PYTHON
stop_nbdkit sock
[[ ! -e pr.sock ]] || fail "the socket was left behind"

# What was in flight: writes take their time below.
start_nbdkit sock --filter=pr --filter=latency memory 1M latency-write=20ms \
             pr-socket=pr.sock
reserve <<'PYTHON'
pa, pb = Helper("pr.sock", "a"), Helper("pr.sock", "b")
pb.good(REGISTER, 0, 2)
stop = threading.Event()
count = [0, 0]

# Somebody who never stops writing, many requests at once.
def write_on():
    h = connect("@a")
    def done(error):
        count[bool(error.value)] += 1
        return 1
    while not stop.is_set():
        while h.aio_in_flight() < 8:
            h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(b"a" * 4096)), 0,
                         completion=done)
        h.poll(100)
    while h.aio_in_flight():
        h.poll(100)
    h.shutdown()

writer = threading.Thread(target=write_on)
writer.start()
b = connect("@b")
for i in range(12):
    before = count[0]
    pa.good(REGISTER, 0, 1)
    pa.good(RESERVE, 1, type=1)
    deadline = time.monotonic() + 60
    while count[0] == before and time.monotonic() < deadline:
        time.sleep(0.001)
    assert count[0] > before
    pb.good((PREEMPT, PREEMPT_ABORT)[i % 2], 2, 1, type=1)
    b.pwrite(b"b" * 4096, 0)
    time.sleep(0.03)
    assert b.pread(4096, 0) == b"b" * 4096, i
    pb.good(RELEASE, 2, type=1)
stop.set()
writer.join()
assert count[0] and count[1], count
print(count)
PYTHON
stop_nbdkit sock

# Who is who by the user, and by the address.
start_nbdkit sock --filter=pr memory 1M pr-identity=peer pr-socket=pr.sock
reserve <<'PYTHON'
h, me = connect("x@y"), Helper("pr.sock")
me.good(REGISTER, 0, 1)
me.good(RESERVE, 1, type=3)
assert access(h) == "rw"
other = Helper("pr.sock", "ip:127.0.0.1")
other.good(REGISTER, 0, 2)
other.good(PREEMPT, 2, 1, type=3)
assert access(h) == "--"
PYTHON
stop_nbdkit sock
