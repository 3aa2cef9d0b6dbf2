#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Trimming and zeroing give room back: in the file at the next flush, and
# to blocks that are new; never the parent's data to the disk.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
cd "$tmp"
requires_holes
mib=1048576

random_file data 32M

# trims PLUGIN HOW: in a dynamic image that is full.
trims () {
    local plugin=$1 how=$2 f=disk.${ext[$1]} full now
    echo "== $plugin: $how"
    rm -f "$f"
    make_image "$plugin" "$f" create=32M subformat=dynamic block-size=2M
    fill "$plugin" "$f" data
    (( $(used "$f") >= 32 * mib )) || fail "too small"
    full=$(stat -c %s "$f")

    start_nbdkit sock "$plugin" "$f"
    client sock <<EOF
h.$how (28 << 20, 0)
h.flush()
h.flush()
assert h.pread(28 << 20, 0) == bytes(28 << 20)
EOF
    now=$(used "$f")
    echo "$full -> $now"
    (( now <= 9 * mib )) || fail "$plugin, $how: $now bytes are kept"

    # It is used again, and what was there is not seen.
    client sock <<'EOF'
for i in range(14):
    h.pwrite(b"new", (i << 21) + 70000)
h.flush()
for i in range(14):
    assert h.pread(70004, i << 21) == bytes(70000) + b"new\0"
    assert h.pread(1 << 20, (i << 21) + (1 << 20)) == bytes(1 << 20)
h.trim(28 << 20, 0)
EOF
    (( $(stat -c %s "$f") <= full + 2 * mib )) ||
        fail "$plugin, $how: the file grew"
    stop_nbdkit sock
    cp data raw
    fallocate -z -o 0 -l $(( 28 * mib )) raw
    same "$plugin" "$f" raw
    qemu_check "$plugin" "$f"
    (( $(used "$f") <= 9 * mib )) || fail "$plugin: not when it was closed"

    # All of it: the file is short when it is closed.
    start_nbdkit sock "$plugin" "$f"
    client sock <<< 'h.trim(h.get_size(), 0); h.flush()'
    stop_nbdkit sock
    (( $(stat -c %s "$f") <= 6 * mib )) || fail "$plugin: the end was not cut"
}

# trims_child PLUGIN
trims_child () {
    local plugin=$1 e=${ext[$1]} now
    echo "== $plugin: in a child"
    rm -f ./*."$e"
    make_image "$plugin" "disk.$e" create=32M subformat=dynamic block-size=2M
    fill "$plugin" "disk.$e" data
    sha256sum "disk.$e" > sums
    start_nbdkit sock "$plugin" "child.$e" create=0 parent="disk.$e" \
                 block-size=2M
    client sock <<'EOF'
h.pwrite(b"x" * (16 << 20), 0)
h.flush()
h.trim(16 << 20, 0)
h.zero(1 << 20, 20 << 20)
h.zero(1000, (24 << 20) + 100)
h.trim(4 << 20, 28 << 20)
h.flush()
h.flush()
data = open("data", "rb").read()
assert h.pread(4 << 20, 16 << 20) == data[16 << 20:20 << 20]
assert h.pread(1 << 20, 20 << 20) == bytes(1 << 20)
assert h.pread(1 << 20, 21 << 20) == data[21 << 20:22 << 20]
assert h.pread(1200, 24 << 20) == (data[24 << 20:(24 << 20) + 100] +
    bytes(1000) + data[(24 << 20) + 1100:(24 << 20) + 1200])
# What was trimmed is zero, or what it was, and not the parent's.
assert h.pread(16 << 20, 0) in (bytes(16 << 20), b"x" * (16 << 20))
assert h.pread(4 << 20, 28 << 20) in (bytes(4 << 20), data[28 << 20:])
open("now", "wb").write(h.pread(32 << 20, 0))
EOF
    now=$(used "child.$e")
    echo "$now"
    (( now <= 9 * mib )) || fail "$plugin: the child keeps $now bytes"
    stop_nbdkit sock
    same "$plugin" "child.$e" now
    sha256sum -c sums
}

for plugin in vhd1 vhdx; do
    trims $plugin trim
    trims $plugin zero
    trims_child $plugin
done

echo "== fixed ones keep their blocks"
make_image vhdx fixed.vhdx create=32M subformat=fixed block-size=2M
fill vhdx fixed.vhdx data
size=$(stat -c %s fixed.vhdx)
start_nbdkit sock vhdx fixed.vhdx
client sock <<< 'h.trim(h.get_size(), 0); h.zero(h.get_size(), 0); h.flush()
assert h.pread(32 << 20, 0) == bytes(32 << 20)'
stop_nbdkit sock
[[ $(stat -c %s fixed.vhdx) == "$size" ]] || fail "fixed: the file shrank"
qemu_check vhdx fixed.vhdx
