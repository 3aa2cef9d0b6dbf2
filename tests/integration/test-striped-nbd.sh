#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Members that NBD servers export: what goes to them, and that nothing
# hangs and nothing is believed when one of them goes away.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
requires_filter delay
requires_filter error
requires_filter log
nbdkit striped --dump-plugin | grep -qx striped_nbd=yes ||
    skip "needs a build with libnbd"
cd "$tmp"

# Random requests over two servers, one of which insists on blocks, beside
# a plain file; the parts are then where a RAID-0 has them.
truncate -s 1M a b
truncate -s 2M raw
start_nbdkit "$tmp/a.sock" --filter=log raw a logfile="$tmp/requests"
start_nbdkit "$tmp/b.sock" --filter=blocksize-policy raw b \
    blocksize-minimum=512 blocksize-preferred=4096 blocksize-maximum=64K \
    blocksize-error-policy=error
start_nbdkit "$tmp/sock" striped "nbd+unix:///?socket=a.sock" \
    "$(uri "$tmp/b.sock")" stripe-size=64K
random_writes "$tmp/sock" raw 60
client "$tmp/sock" <<'PYTHON'
assert h.can_multi_conn() and h.can_trim() and h.can_zero() and h.can_fua()
h.zero(256 << 10, 0)
h.pwrite(b"x" * 65536, 131072, nbd.CMD_FLAG_FUA)
h.trim(65536, 262144, nbd.CMD_FLAG_FUA)
h.cache(65536, 0)
h.flush()
assert sum(n for n, kind in extents(2 << 20, 0)) > 0
PYTHON
nbdcopy "$(uri "$tmp/sock")" now
stop_nbdkit "$tmp/sock"
python3 "$srcdir/tests/integration/raid0.py" join joined 65536 0 a b
cmp now joined
for what in Read 'Write .* fua=1' 'Zero .* fast=' 'Trim .* fua=1' Cache Flush \
            Extents; do
    grep -q "$what" requests || fail "no $what"
done
(( $(grep -c ' Connect ' requests) >= 4 )) || fail "too few connections"

# Over TCP there are other ways to lose a server; only that it works.
expect_error 'nbd: nbd://.*: ' nbdkit -U - striped nbd://127.0.0.1:1/ --run :
expect_error 'nbd: nbd.unix:.*missing: .*No such file' \
    nbdkit -U - striped 'nbd+unix:///?socket=missing' --run :
expect_error 'is the same as disk 1' nbdkit -U - striped \
    "$(uri "$tmp/a.sock")" "$(uri "$tmp/a.sock")" --run :

# A disk that is exported read-only makes all read-only.
truncate -s 1M c
start_nbdkit "$tmp/ro.sock" -r raw c
nbdkit -U - striped "$(uri "$tmp/ro.sock")" raw:c allow-unequal=true \
       --run 'nbdinfo "$uri" > info'
grep -q 'is_read_only: true' info || fail "not read-only"

# What a server refuses comes to the client, with the name of the member.
start_nbdkit "$tmp/bad.sock" --filter=error memory 1M error=ENOSPC \
    error-pwrite-rate=100%
start_nbdkit "$tmp/sock3" striped "$(uri "$tmp/a.sock")" \
    "$(uri "$tmp/bad.sock")" stripe-size=64K
client "$tmp/sock3" <<'PYTHON'
assert fails(h.pwrite, b"x" * 131072, 0) == errno.ENOSPC
assert fails(h.pwrite, b"x" * 65536, 0) == 0
PYTHON
stop_nbdkit "$tmp/sock3"
grep -q 'striped: write of 131072 bytes at 0: member 2 (.*bad.sock)' \
    "$tmp/sock3.log" || fail "the member was not named"

# Labels.
truncate -s 3M d e
start_nbdkit "$tmp/d.sock" raw d
start_nbdkit "$tmp/e.sock" raw e
members=("$(uri "$tmp/d.sock")" "$(uri "$tmp/e.sock")")
nbdkit -U - striped "${members[@]}" label=create --run 'nbdinfo --size "$uri"'
nbdkit -U - striped "${members[@]}" label=true --run 'nbdinfo --size "$uri"'
expect_error 'member 1 .*e.sock. is not in its place' \
    nbdkit -U - striped "${members[1]}" "${members[0]}" label=true --run :

# The server is killed while it is asked, from several threads and two
# connections: all of that fails, and so does everything later, although
# there is a new server.
start_nbdkit "$tmp/slow.sock" --filter=delay memory 1M rdelay=20
slow=$nbdkit_pid
start_nbdkit "$tmp/sock4" striped "$(uri "$tmp/a.sock")" \
    "$(uri "$tmp/slow.sock")" stripe-size=64K label=false
client "$tmp/sock4" <<PYTHON
import signal, time
other = nbd.NBD()
other.connect_unix(sys.argv[1])
errors = []
def done(err):
    errors.append(err.value)
    return 1
bufs = [nbd.Buffer(131072) for i in range(12)]
for i, b in enumerate(bufs):
    (h, other)[i & 1].aio_pread(b, 0, done)
time.sleep(0.5)
os.kill($slow, signal.SIGKILL)
end = time.monotonic() + 15
while len(errors) < len(bufs) and time.monotonic() < end:
    for c in (h, other):
        c.poll(100)
assert errors == [errno.ESHUTDOWN] * len(bufs), errors
assert fails(h.pread, 512, 65536) == errno.ESHUTDOWN
assert fails(h.flush) == errno.ESHUTDOWN
assert fails(h.pread, 512, 0) == 0
other.shutdown()
PYTHON
kill_nbdkit "$tmp/slow.sock"
start_nbdkit "$tmp/slow.sock" memory 1M
client "$tmp/sock4" <<'PYTHON'
assert fails(h.pread, 512, 65536) == errno.ESHUTDOWN
assert fails(h.pwrite, b"x" * 512, 65536) == errno.ESHUTDOWN
PYTHON
stop_nbdkit "$tmp/sock4"
(( $(grep -c 'slow.sock: the connection is lost' "$tmp/sock4.log") == 1 )) ||
    fail "it was not told once that the connection is lost"
