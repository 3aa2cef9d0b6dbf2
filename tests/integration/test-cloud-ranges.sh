#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Page ranges of a sparse blob, as a server of Azure's interface tells
# them, are those that were written.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/cloud-functions.sh"

start_azurite
out=$tmp/out

python3 - "$tmp/sparse" <<'PYTHON'
import random, sys
size, rng = 4 << 20, random.Random(7)
data = bytearray(size)
for i in range(40):
    start = rng.randrange(size // 512)
    n = min(rng.choice((1, 2, 9, 100)), size // 512 - start) * 512
    data[start * 512:start * 512 + n] = bytes(
        b or 0xA5 for b in rng.randbytes(n))
open(sys.argv[1], "wb").write(data)
PYTHON
azure container priv -- page priv/sparse.vhd "$tmp/sparse" -- \
    block priv/block "$tmp/sparse"

# ranges FILE START END: as they must be.
ranges () {
    python3 - "$@" <<'PYTHON'
import itertools, sys
data = open(sys.argv[1], "rb").read()
start, end = map(int, sys.argv[2:])
def kind(i):
    sector = i // 512 * 512
    return "data" if any(data[sector:sector + 512]) else "hole"
cuts = [start] + list(range(start // 512 * 512 + 512, end, 512))
for k, g in itertools.groupby(cuts, kind):
    g = list(g)
    last = min(g[-1] // 512 * 512 + 512, end)
    print(g[0], last - g[0], k)
PYTHON
}
size=$(stat -c %s "$tmp/sparse")
same_ranges () {                # START END [HEADER VALUE]...
    azure_get 200 GET "$endpoint/priv/sparse.vhd?comp=pagelist" "${@:3}"
    "$cloud_tool" ranges "$size" "$1" "$2" < "$out" > "$tmp/ours"
    ranges "$tmp/sparse" "$1" "$2" | diff - "$tmp/ours" ||
        fail "other ranges than were written"
}
same_ranges 0 "$size"
(( $(wc -l < "$tmp/ours") > 40 )) || fail "only $(wc -l < "$tmp/ours") ranges"
same_ranges 1000000 2000001
same_ranges 1048576 2097152 x-ms-range bytes=1048576-2097151
azure clear priv/sparse.vhd 1048576 524288
dd if=/dev/zero of="$tmp/sparse" bs=512K seek=2 count=1 conv=notrunc status=none
same_ranges 0 "$size"
azure_get 200 GET "$endpoint/priv/sparse.vhd"
cmp "$out" "$tmp/sparse"
azure_get 409 GET "$endpoint/priv/block?comp=pagelist"
explained 409 "$out" '409 InvalidBlobType: it is not a page blob'
