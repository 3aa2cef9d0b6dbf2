#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# cache=none leaves nothing of what it reads and writes in the page cache,
# and cache=default reads ahead when told to.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires fincore --version
requires_client

pages () { fincore --noheadings --output PAGES "$1"; }

truncate -s 64M "$tmp/disk"
start_nbdkit "$tmp/sock" raw "$tmp/disk" cache=none fadvise=sequential
client "$tmp/sock" <<'EOF'
data = os.urandom(1 << 18)
for i in range(256):
    h.pwrite(data, i << 18)
EOF
stop_nbdkit "$tmp/sock"
# On a file system in memory there is nothing else to be in.
[[ $(stat -f -c %T "$tmp") != tmpfs ]] ||
    skip "$tmp is in memory"
(( $(pages "$tmp/disk") < 256 )) || fail "written: $(pages "$tmp/disk") pages"

start_nbdkit "$tmp/sock2" raw "$tmp/disk" cache=none fadvise=sequential
client "$tmp/sock2" <<'EOF'
first = h.pread(1 << 18, 0)
for i in range(0, 64 << 20, 4096):
    assert h.pread(4096, i) == first[i % (1 << 18):][:4096]
assert not h.can_cache()
EOF
# What was read ahead at the end of the file has been read, too.
(( $(pages "$tmp/disk") < 2048 )) || fail "read: $(pages "$tmp/disk") pages"

stop_nbdkit "$tmp/sock2"

"$python" -c 'import os, sys
os.posix_fadvise(os.open(sys.argv[1], os.O_RDONLY), 0, 0,
                 os.POSIX_FADV_DONTNEED)' "$tmp/disk"
start_nbdkit "$tmp/sock3" raw "$tmp/disk"
client "$tmp/sock3" <<'EOF'
assert h.can_cache()
h.cache(16 << 20, 1 << 20)
EOF
n=0
for (( i = 0; i < 100; i++ )); do
    n=$(pages "$tmp/disk")
    (( n < 4096 )) || break
    sleep 0.05
done
(( n >= 4096 )) || fail "only $n pages were read ahead"
