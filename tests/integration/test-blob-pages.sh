#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Lists of page ranges that come in parts, that a server only tells of
# small pieces, or not at all, or wrongly: data is never taken for a hole.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires_plugin blob
requires_client

echo "seed $SEED"
size=$(( (70 << 30) + 512 * 7 ))
pages=(python3 "$srcdir/tests/integration/page-blob.py")
"${pages[@]}" - /dev/null $size "$SEED" >"$tmp/ranges"
"${pages[@]}" "$tmp/port" "$tmp/lists" $size "$SEED" >"$tmp/pages.log" 2>&1 &
pages_pid=$!
cleanup_fn kill -KILL "$pages_pid"
wait_until 30 test -s "$tmp/port" || fail "$(<"$tmp/pages.log")"

# check FAULT EXACT: what is data is told so; with EXACT, the rest is not.
check () {
    : >"$tmp/lists"
    start_nbdkit "$tmp/sock" blob readahead=0 \
                 "http://127.0.0.1:$(<"$tmp/port")/$1/account/c/blob"
    client "$tmp/sock" <<PYTHON
import random
rng = random.Random($SEED)
size = h.get_size()
assert size == $size
data = [tuple(map(int, l.split())) for l in open("$tmp/ranges")]
found, at = [], 0
while at < size:
    for count, kind in extents(min(1 << 31, size - at), at):
        assert kind in (0, 3)
        if kind == 0 and found and found[-1][1] == at:
            found[-1] = (found[-1][0], at + count)
        elif kind == 0:
            found.append((at, at + count))
        at += count
if $2:
    assert found == data, "$1"
for a, b in data:
    assert any(x <= a and y >= b for x, y in found), "$1"
def content(at, n):
    r = bytearray(n)
    for a, b in data:
        for x in range(max(a, at), min(b, at + n)):
            r[x - at] = (b"%015d\n" % (x // 512))[x % 16]
    return r
for _ in range(30):
    a, b = rng.choice(data)
    n = rng.randrange(1, 5000)
    at = min(max(rng.choice((a, b)) + rng.randrange(-3000, 3000), 0), size - n)
    assert h.pread(n, at) == content(at, n), ("$1", at, n)
PYTHON
    stop_nbdkit "$tmp/sock"
}

check none True
# 64 GiB, then 6, in parts.
(( $(grep -c ' 0$' "$tmp/lists") == 2 )) || fail "$(<"$tmp/lists")"
(( $(wc -l <"$tmp/lists") >= $(wc -l <"$tmp/ranges") / 5 )) || fail "no parts"
check narrow True
grep -q "^0 $(( 4 << 30 )) 0" "$tmp/lists" || fail "$(<"$tmp/lists")"
check silent False
# Some failures are no reason to ask for less, or to forget about holes.
check hiccup True
(( $(grep -c ' 0$' "$tmp/lists") == 4 + 2 )) || fail "$(<"$tmp/lists")"
check wild False

# What the server did not tell is asked for again, after a while.
start_nbdkit "$tmp/sock" blob readahead=0 retries=0 timeout=1 \
             "http://127.0.0.1:$(<"$tmp/port")/outage/account/c/blob"
client "$tmp/sock" <<PYTHON
import time
data = [tuple(map(int, l.split())) for l in open("$tmp/ranges")]
def holes():
    return sum(n for n, kind in extents(1 << 30, 0) if kind)
assert holes() == 0
time.sleep(3.1)
want = (1 << 30) - sum(min(b, 1 << 30) - a for a, b in data if a < 1 << 30)
assert holes() == want > 0, (holes(), want)
PYTHON
stop_nbdkit "$tmp/sock"

# Another version of the blob has other ranges.
start_nbdkit "$tmp/sock" blob readahead=0 \
             "http://127.0.0.1:$(<"$tmp/port")/changed/account/c/blob"
client "$tmp/sock" <<PYTHON
assert extents(1 << 20, 0)[0][1] == 0
assert fails(h.pread, 512, 1 << 30) == errno.EIO
PYTHON
stop_nbdkit "$tmp/sock"
