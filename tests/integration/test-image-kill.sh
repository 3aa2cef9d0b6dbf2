#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# kill -9 among writes and flushes: the image opens, read-only too, what
# was flushed is there, every sector is old or new.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires qemu-img --version
requires_libnbd
requires_client
cd "$tmp"

random_file data 24M

# The writer: units that tell where they are and when they were written,
# over four connections; it notes each write before, and after each flush
# what is durable now.
cat > writer.py <<'EOF'
import random, struct, threading, time
UNIT = 4096
units = h.get_size() // UNIT
pid, seed, first = (int(os.environ[n]) for n in ("SERVER", "SEED", "FIRST"))
log = open("log", "ab", buffering=0)
def worker(t):
    rng = random.Random(seed + t)
    c = nbd.NBD()
    c.connect_unix(sys.argv[1])
    n = first + (t << 24)
    while True:
        todo = []
        for j in range(rng.randrange(1, 12)):
            # Units of our own: no two threads write the same.
            unit = rng.randrange(units // 4) * 4 + t
            n += 1
            m = n if rng.randrange(8) else 0        # zeroes
            log.write(struct.pack("<cQQ", b"w", unit, m))
            if m == 0:
                c.zero(UNIT, unit * UNIT)
            else:
                c.pwrite(struct.pack("<QQ", unit, m) * (UNIT // 16),
                         unit * UNIT)
            todo.append((unit, m))
        if rng.randrange(2):
            c.flush()
            for unit, m in dict(todo).items():
                log.write(struct.pack("<cQQ", b"f", unit, m))
def run(t):
    try:
        worker(t)
    except nbd.Error:
        pass
threads = [threading.Thread(target=run, args=(t,), daemon=True)
           for t in range(4)]
for t in threads:
    t.start()
time.sleep(random.Random(seed).uniform(0.05, 0.6))
os.kill(pid, 9)
for t in threads:
    t.join(60)
    assert not t.is_alive()
os._exit(0)
EOF

# The checker: of each unit what was flushed last, or something that was
# written later, or what the image was at first.
cat > checker.py <<'EOF'
import struct
UNIT = 4096
disk = open("raw", "rb").read()
log = open("log", "rb").read()
allowed = {}
for kind, unit, m in struct.iter_unpack("<cQQ", log[:len(log) // 17 * 17]):
    a = allowed.setdefault(unit, [None])
    if kind == b"w":
        a.append(m)
    else:
        del a[:len(a) - 1 - a[::-1].index(m)]
now = bytearray()
while len(now) < len(disk):
    now += h.pread(min(len(disk) - len(now), 8 << 20), len(now))
for unit in range(len(disk) // UNIT):
    o = unit * UNIT
    got, was = now[o:o + UNIT], disk[o:o + UNIT]
    ok = [was if m is None else bytes(UNIT) if m == 0 else
          struct.pack("<QQ", unit, m) * (UNIT // 16)
          for m in allowed.get(unit, [None])]
    for i in range(0, UNIT, 512):
        assert any(got[i:i + 512] == k[i:i + 512] for k in ok), \
            (unit, i, bytes(got[i:i + 16]), allowed.get(unit))
print(len(allowed), "units were written")
EOF

for plugin in vhd1 vhdx; do
    e=${ext[$plugin]}
    for type in dynamic differencing; do
        rm -f ./*."$e" log raw
        f=base.$e
        truncate -s 24M raw
        make_image $plugin "$f" create=24M subformat=dynamic block-size=1M
        if [[ $type == differencing ]]; then
            fill $plugin "$f" data
            cp data raw
            sha256sum "$f" > sums
            f=child.$e
            make_image $plugin "$f" create=0 parent="base.$e" block-size=1M
        fi
        for round in 1 2 3; do
            echo "== $plugin, $type, round $round: seed $SEED"
            start_nbdkit sock $plugin "$f"
            SERVER=$nbdkit_pid SEED=$SEED FIRST=$(( round << 32 )) \
                client sock < writer.py
            kill_nbdkit sock
            SEED=$(( (SEED * 1103515245 + 12345) & 0x3fffffff ))
            sha256sum "$f" > before
            start_nbdkit sock -r $plugin "$f"
            client sock < checker.py
            stop_nbdkit sock
            sha256sum -c before
            start_nbdkit sock $plugin "$f"
            client sock < checker.py
            if (( round & 1 )); then kill_nbdkit sock; else stop_nbdkit sock; fi
        done
        start_nbdkit sock $plugin "$f"
        client sock < checker.py
        stop_nbdkit sock
        if [[ $type == dynamic ]]; then
            qemu_check $plugin "$f"
            content $plugin "$f" all
            qemu-img compare -q -f "${qemu_format[$plugin]}" -F raw "$f" all
        else
            sha256sum -c sums
        fi
    done
done
