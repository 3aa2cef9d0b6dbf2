#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A file system that is full: an image that cannot be made leaves nothing
# behind; a write that finds no room says so, and harms nothing else.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires unshare -rm true
requires_libnbd
requires_client

mkdir "$tmp/full"
cat > "$tmp/write.py" <<'EOF'
block = bytes(1 + i % 255 for i in range(1 << 20))
done = []
for i in range(64):
    e = fails(h.pwrite, block, i << 20) or fails(h.flush)
    if e != 0:
        break
    done.append(i)
assert e == errno.ENOSPC, e
assert len(done) > 8
for i in done:
    assert h.pread(1 << 20, i << 20) == block
open(sys.argv[1] + ".done", "w").write(str(len(done)))
EOF
cat > "$tmp/check.py" <<'EOF'
block = bytes(1 + i % 255 for i in range(1 << 20))
n = int(open(sys.argv[1] + ".done").read())
for i in range(n):
    assert h.pread(1 << 20, i << 20) == block
print(n, "MiB are there")
EOF
cat > "$tmp/inside.sh" <<'EOF'
set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"
requires_client
top=$1
mount -t tmpfs -o size=16m tmpfs "$top/full" || exit 77
for plugin in vhd1 vhdx; do
    f=$top/full/disk.${ext[$plugin]}
    start_nbdkit "$tmp/sock" $plugin "$f" create=64M subformat=dynamic \
                 block-size=1M
    client "$tmp/sock" < "$top/write.py"
    stop_nbdkit "$tmp/sock"
    start_nbdkit "$tmp/sock" -r $plugin "$f"
    client "$tmp/sock" < "$top/check.py"
    stop_nbdkit "$tmp/sock"
    # With room again, it goes on.
    mount -o remount,size=80m "$top/full"
    start_nbdkit "$tmp/sock" $plugin "$f"
    client "$tmp/sock" < "$top/check.py"
    client "$tmp/sock" <<< 'h.pwrite(b"x" * 512, 60 << 20); h.flush()'
    stop_nbdkit "$tmp/sock"
    rm "$f"
    mount -o remount,size=16m "$top/full"
    # Not even its tables find room.
    dd if=/dev/zero of="$top/full/filler" bs=4k status=none 2>/dev/null || :
    if nbdkit -U - $plugin "$f" create=64M subformat=dynamic --run :; then
        fail "it was made"
    fi
    [[ ! -e $f ]] || fail "half of it is there"
    rm "$top/full/filler"
done
echo good
EOF
export builddir srcdir
status=0
unshare -rm bash "$tmp/inside.sh" "$tmp" > "$tmp/out" 2> "$tmp/err" || status=$?
cat "$tmp/out" "$tmp/err"
(( status != 77 )) || skip "needs a tmpfs of its own"
(( status == 0 )) || fail "status $status"
grep -qx good "$tmp/out"
grep -q 'No space left on device' "$tmp/err"
