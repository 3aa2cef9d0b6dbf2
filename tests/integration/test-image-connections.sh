#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Many connections at once write, zero and flush parts of the same blocks:
# each finds what it wrote, and so does who opens the image afterwards.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
cd "$tmp"

random_file data 16M
cat > many.py <<'EOF'
import random, threading
UNIT, N = 1536, 8               # not whole sectors of 4096
size = h.get_size()
disk = bytearray(open("raw", "rb").read())
errors = []
def worker(t):
    rng = random.Random(t + int(os.environ["SEED"]))
    c = nbd.NBD()
    c.connect_unix(sys.argv[1])
    mine = {}
    for i in range(300):
        o = (rng.randrange(size // UNIT // N) * N + t) * UNIT
        kind = rng.randrange(10)
        if kind < 6:
            mine[o] = bytes([1 + t + i % 200]) * UNIT
            c.pwrite(mine[o], o, rng.choice((0, 0, 0, nbd.CMD_FLAG_FUA)))
        elif kind < 8:
            mine[o] = bytes(UNIT)
            c.zero(UNIT, o)
        elif kind < 9:
            c.flush()
        elif mine:
            o = rng.choice(list(mine))
            assert c.pread(UNIT, o) == mine[o], (t, i, o)
    for o, d in mine.items():
        assert c.pread(UNIT, o) == d, (t, o)
        disk[o:o + UNIT] = d
    c.shutdown()
def run(t):
    try:
        worker(t)
    except BaseException as e:
        errors.append(e)
threads = [threading.Thread(target=run, args=(t,), daemon=True)
           for t in range(N)]
for t in threads:
    t.start()
for t in threads:
    t.join(300)
    assert not t.is_alive()
assert not errors, errors
assert h.can_multi_conn()
assert h.pread(size, 0) == disk
h.flush()
open("raw", "wb").write(disk)
EOF

export SEED
for plugin in vhd1 vhdx; do
    e=${ext[$plugin]}
    for type in dynamic differencing; do
        echo "== $plugin, $type: seed $SEED"
        rm -f ./*."$e" raw
        f=disk.$e
        make_image $plugin "$f" create=16M subformat=dynamic block-size=1M
        truncate -s 16M raw
        if [[ $type == differencing ]]; then
            cp data raw
            fill $plugin "$f" data
            f=child.$e
            make_image $plugin "$f" create=0 parent="disk.$e"
        fi
        start_nbdkit sock $plugin "$f"
        client sock < many.py
        client sock < many.py
        stop_nbdkit sock
        same $plugin "$f" raw
        [[ $type == differencing ]] || qemu_check $plugin "$f"
    done
done
