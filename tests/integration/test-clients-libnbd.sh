#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdcopy with many connections, nbdinfo and nbdsh on a VHD below a layer.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/clients-functions.sh"

requires_stack
requires_client
# With the Python that has libnbd's module.
nbdsh () { PATH=${python%/*}:$PATH command nbdsh "$@"; }
requires nbdsh --version
cd "$tmp"
make_vhd disk.vhd $(( 32 << 20 ))
cp disk.vhd copy.vhd
uri=$(uri sock)
start_stack sock disk.vhd

nbdinfo "$uri" | tee info
grep -q 'export-size: 33554432' info
grep -q 'can_multi_conn: true' info
grep -q 'is_read_only: false' info
grep -q 'description: .*disk-id=' info

many=(nbdcopy --connections=4 --requests=64 --threads=4 --request-size=65536)
"${many[@]}" "$uri" out
cmp content out
random_file new 32M
"${many[@]}" --flush new "$uri"
"${many[@]}" "$uri" out
cmp new out

# Trim, zero, and what is told about them.
nbdsh -u "$uri" -c 'h.zero(1 << 20, 0)' -c 'h.trim(1 << 20, 2 << 20)' \
      -c 'h.pwrite(b"sh" * 256, 65536, nbd.CMD_FLAG_FUA)' \
      -c 'assert h.pread(512, 65536) == b"sh" * 256' -c 'h.flush()'
cat > wanted <<'WANTED'
0 65536 3
65536 512 0
66048 982528 3
1048576 1048576 0
2097152 1048576 3
3145728 30408704 0
WANTED
diff wanted <(map sock)
nbdcopy "$uri" before

# Sparse on the way out; and all of it after a restart.
stop_nbdkit sock
start_stack sock disk.vhd
"${many[@]}" "$uri" out
cmp before out
(( $(stat -c %b out) * 512 <= 31 << 20 )) || fail "not sparse"
stop_nbdkit sock
cmp disk.vhd copy.vhd
