#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Reads of one byte to 64 MiB, at all alignments, are what is in the file:
# with what is fetched at once, and with little of it.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires_plugin blob
requires_nginx
requires_client

mkdir "$tmp/www"
random_file "$tmp/www/disk" 70M
head -c 1234 /dev/urandom >>"$tmp/www/disk"
start_nginx
echo "seed $SEED"

# reads MOST UNIT ARGS...: first what is large, and the end of the file; then
# small reads at all alignments around the edges of units, for three seconds.
reads () {
    start_nbdkit "$tmp/sock" blob "$http/disk" "${@:3}"
    client "$tmp/sock" <<PYTHON
import random, time
rng = random.Random($SEED)
want = open("$tmp/www/disk", "rb").read()
size, most, unit = len(want), $1, $2
def check(n, at):
    assert h.pread(n, at) == want[at:at + n], (n, at)
assert h.get_size() == size
end = time.monotonic() + 3
for n, at in ((most, 0), (most, 1), (most - 1, size - most + 1),
              (most // 2 + 511, unit - 1), (1, size - 1), (1234, size - 1234),
              (1235, size - 1235), (unit + 1, size - unit - 1)):
    check(n, at)
alignments = list(range(512))
rng.shuffle(alignments)
counts = [1, 2, 3, 511, 512, 513, 4095, 4096, 4097, unit - 1, unit, unit + 1,
          2 * unit + 1]
done = 0
for a in alignments:
    for n in rng.sample(counts, 3):
        edge = rng.randrange(1, (size - 2 * n - 1024) // unit) * unit
        check(n, edge + a - rng.choice((0, 512, n, n + 512)) % edge)
    if done % 16 == 0:
        n = rng.randrange(1, most)
        check(n, rng.randrange(size - n))
    done += 1
    if time.monotonic() >= end:
        break
print(done, "alignments")
PYTHON
    stop_nbdkit "$tmp/sock"
}
reads $(( 64 << 20 )) 65536
reads $(( 4 << 20 )) 4096 fetch=512 range-size=4K cache-size=64K
reads $(( 8 << 20 )) 32768 fetch=4K range-size=32K readahead=0 cache-size=1M
