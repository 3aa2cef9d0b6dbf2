#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# create= makes a VHD that others take for one, of just the size that was
# asked for; never touches a file that exists; leaves nothing behind when
# it fails.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires qemu-img --version
requires_libnbd
requires_client

# --- Small, odd and the largest.  The file is sparse.
for mib in 1 5 127 1000 130048 2088960; do
    f=$tmp/$mib.vhd
    bytes=$(( mib << 20 ))
    start_nbdkit "$tmp/sock" vhd1 "$f" create=${mib}M
    [[ $(nbdinfo --size "$(uri "$tmp/sock")") == "$bytes" ]] ||
        fail "$mib MiB: our size"
    stop_nbdkit "$tmp/sock"
    [[ $(stat -c %s "$f") == $(( bytes + 512 )) ]] || fail "$mib MiB: file"
    (( $(stat -c %b "$f") <= 16 )) || fail "$mib MiB: is not sparse"
    [[ $(qemu_size "$f") == "$bytes" ]] || fail "$mib MiB: size in QEMU"
    rm "$f"
done

# --- The footer, byte for byte.
before=$(date +%s)
nbdkit -U - vhd1 "$tmp/a.vhd" create=40M --run :
nbdkit -U - vhd1 "$tmp/b.vhd" create=40M --run :
python3 - "$tmp" "$before" <<'EOF'
import struct, sys, time
tmp, before = sys.argv[1], int(sys.argv[2])
ids = []
for name in "a", "b":
    f = open("%s/%s.vhd" % (tmp, name), "rb").read()[-512:]
    (cookie, features, version, offset, stamp, creator, creator_version, os,
     original, current, c, h, s, kind, checksum, id, saved) = struct.unpack(
        ">8sIIQI4sI4sQQHBBII16sB", f[:85])
    assert (cookie, features, version, offset) == (
        b"conectix", 2, 0x10000, 2**64 - 1)
    assert before <= stamp + 946684800 <= time.time()
    assert (creator, creator_version, os) == (b"win ", 0xa0000, b"Wi2k")
    assert (original, current) == (40 << 20, 40 << 20)
    assert (c, h, s) == (963, 5, 17)    # as Windows has it
    assert (kind, saved) == (2, 0)
    assert checksum == ~(sum(f) - sum(f[64:68])) & 0xffffffff
    assert f[85:] == bytes(427)
    ids.append(id)
assert ids[0] != ids[1] and bytes(16) not in ids
EOF

# --- Copied into while it is made, read by QEMU.
random_file "$tmp/data" 3M
start_nbdkit "$tmp/sock" vhd1 "$tmp/c.vhd" create=3M
nbdcopy "$tmp/data" "$(uri "$tmp/sock")"
stop_nbdkit "$tmp/sock"
qemu-img convert -f vpc -O raw "$tmp/c.vhd" "$tmp/copy"
cmp "$tmp/copy" "$tmp/data"

# --- Made by a server that is read-only.
start_nbdkit "$tmp/sock" -r vhd1 "$tmp/d.vhd" create=1M
client "$tmp/sock" <<< 'assert h.is_read_only() and h.get_size() == 1 << 20'
stop_nbdkit "$tmp/sock"

# --- What exists is left alone.
echo precious > "$tmp/old"
ln -s "$tmp/target" "$tmp/dangling"
for f in old dangling; do
    expect_error 'create: .*: File exists' \
        nbdkit -U - vhd1 "$tmp/$f" create=1M --run :
done
[[ $(cat "$tmp/old") == precious ]] || fail "an existing file was touched"
[[ ! -e $tmp/target ]] || fail "a link was followed"

# --- What fails leaves nothing.
for args in create=1000K create=1048577 create=512 create=0 create=2041G \
    create=8E 'create=1M create=1M' 'create=1M size-from=chs' \
    'create=1M cache=bogus'; do
    # shellcheck disable=SC2086
    expect_error 'create|cache|8E' nbdkit -U - vhd1 "$tmp/bad" $args --run :
    [[ ! -e $tmp/bad ]] || fail "$args left a file behind"
done
