#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# cache= and engine= of striped reach every member that is a file or an
# image: none is in the page cache, and each is asked through io_uring or
# not; the disk is the same.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
cd "$tmp"

random_file data 24M
make_image vhdx parent.vhdx create=8M
make_image vhdx child.vhdx parent=parent.vhdx create=0
truncate -s 8M a b
members=(a raw:b vhdx:child.vhdx)
if ! nbdkit -U - striped "${members[@]}" cache=direct --run : 2>log; then
    grep -q O_DIRECT log || fail "$(< log)"
    skip "$(< log)"
fi

# descriptors FLAG: files of the server that are open with it.
descriptors () {
    local info n=0
    for info in /proc/$nbdkit_pid/fdinfo/*; do
        [[ $(readlink "/proc/$nbdkit_pid/fd/${info##*/}") == "$tmp"/* ]] ||
            continue
        (( (8#$(awk '/^flags:/ { print $2 }' "$info") & $1) == 0 )) || (( ++n ))
    done
    echo "$n"
}
rings () { ls -l "/proc/$nbdkit_pid/fd" | grep -c io_uring || :; }

engines=(threads auto uring)
nbdkit -U - striped a b cache=direct engine=uring --run : 2>/dev/null ||
    engines=(threads)
for engine in "${engines[@]}"; do
    sock=$tmp/$engine
    start_nbdkit "$sock" striped "${members[@]}" cache=direct engine=$engine
    (( $(descriptors 8#40000) >= 4 )) ||
        fail "$engine: a member is open without O_DIRECT only"
    # What is small, and not aligned, too.
    client "$sock" <<'PYTHON'
with open("data", "rb") as f:
    data = f.read()
h.pwrite(data[:4096], 0)
assert h.pread(4096, 0) == data[:4096]
assert h.pread(3000, 1000) == data[1000:4000]
PYTHON
    small=$(rings)
    client "$sock" <<'PYTHON'
with open("data", "rb") as f:
    data = f.read()
for at in range(0, len(data), 8 << 20):
    h.pwrite(data[at:at + (8 << 20)], at)
h.pwrite(data[77:1 << 20], 77)
h.flush()
for at in range(0, len(data), 8 << 20):
    assert h.pread(8 << 20, at) == data[at:at + (8 << 20)]
PYTHON
    large=$(rings)
    echo "$engine: $small rings, then $large"
    case $engine in
        threads) (( large == 0 )) ;;
        auto) (( small == 0 && large >= 2 )) ;;
        uring) (( small >= 1 && large >= 2 )) ;;
    esac || fail "$engine: $small rings, then $large"
    stop_nbdkit "$sock"
    content vhdx child.vhdx part
    python3 "$srcdir/tests/integration/raid0.py" join joined 131072 0 a b part
    cmp data joined
done

# Through it by default; and what does not fit together.
start_nbdkit "$tmp/cached" striped "${members[@]}"
[[ $(descriptors 8#40000) == 0 ]] || fail "O_DIRECT, which nobody asked for"
stop_nbdkit "$tmp/cached"
bad () { expect_error "$1" nbdkit -U - striped "${members[@]}" "${@:2}" --run :; }
bad 'engine=uring needs cache=direct' engine=uring
bad 'cache=x: must be one of' cache=x
bad "unknown parameter 'fd'" fd=8

# Without locks two servers have one disk.
start_nbdkit "$tmp/first" striped a b
client "$tmp/first" <<'PYTHON'
import subprocess
h.pwrite(b"x" * 512, 0)
def second(*args):
    return subprocess.run(["nbdkit", "-U", "-", "striped", "a", "b", *args,
                           "--run", 'nbdinfo --size "$uri"'],
                          capture_output=True, text=True)
r = second()
assert r.returncode != 0 and "lock=false" in r.stderr, r
assert second("lock=false").returncode == 0
PYTHON
stop_nbdkit "$tmp/first"
