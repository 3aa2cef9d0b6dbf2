#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the striped plugin takes for members: images of all kinds, disks of
# unequal size, disks that cannot be written; and what it does when one
# fails.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
cd "$tmp"

# Images, one of them with a parent, beside a file.
random_file data 6M
make_image vhdx parent.vhdx create=2M
make_image vhdx child.vhdx parent=parent.vhdx create=0
make_image vhd1 disk.vhd create=2M subformat=dynamic
truncate -s 2M disk
members=(vhdx:child.vhdx vhd1:disk.vhd raw:disk)
nbdkit -U - striped "${members[@]}" stripe-size=64K --run 'nbdcopy data "$uri"'
content vhdx child.vhdx part0
content vhd1 disk.vhd part1
python3 "$srcdir/tests/integration/raid0.py" join joined 65536 0 \
        part0 part1 disk
cmp data joined
nbdkit -U - -r striped "${members[@]}" stripe-size=64K \
       --run 'nbdcopy "$uri" copy'
cmp data copy

# Random requests, the images being asked in whole sectors.
start_nbdkit "$tmp/sock" striped "${members[@]}" stripe-size=64K
random_writes "$tmp/sock" data 100
client "$tmp/sock" <<'PYTHON'
with open("data", "rb") as f:
    assert h.pread(h.get_size(), 0) == f.read()
PYTHON
stop_nbdkit "$tmp/sock"

# Sectors of 4096 bytes, all or none.
make_image vhdx big.vhdx create=2M sector-size=4096
make_image vhdx big2.vhdx create=2M sector-size=4096
expect_error 'member 2 .*big.vhdx. has sectors of 4096 bytes, and member 1' \
    nbdkit -U - striped disk vhdx:big.vhdx --run :
expect_error 'a stripe size of 512 bytes is not a multiple .* 4096' \
    nbdkit -U - striped vhdx:big.vhdx vhdx:big2.vhdx stripe-size=512 --run :
nbdkit -U - striped vhdx:big.vhdx vhdx:big2.vhdx stripe-size=12K --run :

# Unequal.
truncate -s 1M small
truncate -s 3M large
expect_error 'member 2 .*large. has 3145728 bytes, and member 1 .* 1048576' \
    nbdkit -U - striped small large --run :
nbdkit -U - striped small large allow-unequal=true \
       --run 'nbdinfo --size "$uri" > size'
[[ $(< size) == 2097152 ]] || fail "size $(< size)"

# Read-only if one is.
cp "$(command -v sleep)" running
truncate -s 256K running
./running 600 &
running=$!
cleanup_fn kill $running
truncate -s 256K other
start_nbdkit "$tmp/sock2" striped other running stripe-size=4K
client "$tmp/sock2" <<'PYTHON'
assert h.is_read_only()
assert fails(h.pwrite, b"x" * 512, 0) == errno.EPERM
assert h.pread(4, 4096) == b"\x7fELF"
assert h.pread(8192, 0)[4096:4100] == b"\x7fELF"
PYTHON
stop_nbdkit "$tmp/sock2"

# Two servers cannot write to one member.
start_nbdkit "$tmp/sock3" striped small disk allow-unequal=true
client "$tmp/sock3" <<'PYTHON'
import subprocess
h.pwrite(b"x" * 512, 0)
r = subprocess.run(["nbdkit", "-U", "-", "raw", "disk", "--run",
                    'nbdinfo --size "$uri"'], capture_output=True)
assert r.returncode != 0 and b"lock" in r.stderr, r.stderr

# One that becomes smaller.
os.truncate("disk", 65536)
assert len(h.pread(65536, 131072)) == 65536
assert fails(h.pread, 65536, 131072 + 65536) == errno.EIO
assert fails(h.pread, 1 << 20, 0) == errno.EIO
assert h.pread(512, 0) == b"x" * 512
PYTHON
stop_nbdkit "$tmp/sock3"
grep -q 'striped: read of .* at .*: member 2 (.*/disk)' "$tmp/sock3.log" ||
    fail "the member was not named"
