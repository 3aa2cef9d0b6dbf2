#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Extents of images: what was written, what is zero, what was never
# written, and what the parent has.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
cd "$tmp"

# wanted WHAT: the map of the server must be what is on standard input.
wanted () {
    cat > wanted
    map sock | tee got
    diff wanted got || fail "$*"
}
mib=1048576

for plugin in vhd1 vhdx; do
    e=${ext[$plugin]}
    rm -f ./*."$e"
    echo "== $plugin"
    start_nbdkit sock $plugin "base.$e" create=16M subformat=dynamic \
                 block-size=2M
    wanted "$plugin: empty" <<< "0 $(( 16 * mib )) 3"
    client sock <<'EOF'
h.pwrite(b"a" * (2 << 20), 4 << 20)
h.pwrite(b"b" * (2 << 20), 6 << 20)
h.pwrite(b"c" * (2 << 20), 14 << 20)
h.flush()
EOF
    cat > map0 <<EOF
0 $(( 4 * mib )) 3
$(( 4 * mib )) $(( 4 * mib )) 0
$(( 8 * mib )) $(( 6 * mib )) 3
$(( 14 * mib )) $(( 2 * mib )) 0
EOF
    wanted "$plugin: written" < map0
    client sock <<'EOF'
assert extents(16 << 20, 0, nbd.CMD_FLAG_REQ_ONE) == [(4 << 20, 3)]
assert extents(1000, 77) == [(1000, 3)]
assert extents(1000, (4 << 20) + 77) == [(1000, 0)]
assert extents((4 << 20) + 100, 0) == [(4 << 20, 3), (100, 0)]
EOF
    stop_nbdkit sock
    start_nbdkit sock -r $plugin "base.$e"
    wanted "$plugin: again" < map0
    stop_nbdkit sock

    start_nbdkit sock $plugin "child.$e" create=0 parent="base.$e" \
                 block-size=2M
    wanted "$plugin: child" < map0
    # A whole block where the parent has none, and one where it has.
    client sock <<'EOF'
h.pwrite(b"x" * (2 << 20), 8 << 20)
h.zero(2 << 20, 14 << 20)
assert h.pread(2 << 20, 14 << 20) == bytes(2 << 20)
h.pwrite(b"y" * 4096, 1 << 20)
h.flush()
# Sector by sector what is there; all that is not is known to be zero.
e = extents(2 << 20, 0)
assert e == [(1 << 20, 3), (4096, 0), ((1 << 20) - 4096, 3)], e
e = extents(2 << 20, 14 << 20)
assert len(e) == 1 and e[0][1] in (2, 3), e
EOF
    stop_nbdkit sock
    nbdkit -r -U - $plugin "child.$e" --run 'nbdcopy "$uri" copy'
    (( $(used copy) <= 6 * mib + 65536 )) || fail "$plugin: copy is not sparse"
done

# --- As large as can be: one extent tells of much.
start_nbdkit sock vhdx large.vhdx create=64T
client sock <<'EOF'
[(count, kind)] = extents((1 << 32) - 1, 0)
assert count >= (1 << 32) - (1 << 20) and kind == 3, (count, kind)
EOF
stop_nbdkit sock
