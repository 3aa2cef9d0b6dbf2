#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Parameters: what is wrong is said by name; relative paths; fd=; what
# --dump-plugin tells.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires_client

random_file "$tmp/data" 64K
make_vhd "$tmp/disk.vhd" "$tmp/data"
disk=$tmp/disk.vhd

bad 'give the VHD to serve, or fd=' vhd1
bad 'only one of file= and fd=' vhd1 "$disk" fd=8
bad 'file= may be given only once' vhd1 "$disk" file="$disk"
bad "unknown parameter 'dir'" vhd1 dir="$tmp"
bad "unknown parameter 'sector-size'" vhd1 "$disk" sector-size=512
bad 'is a directory' vhd1 "$tmp"
bad 'No such file' vhd1 "$tmp/missing"
bad 'neither a regular file nor a block device' vhd1 /dev/null
bad 'size-from=10M: must be one of: auto current chs' vhd1 "$disk" \
    size-from=10M
bad 'size-from= may be given only once' vhd1 "$disk" size-from=auto \
    size-from=auto
bad 'size=auto|could not parse size' vhd1 "$disk" size=auto
bad 'size=0: must be larger' vhd1 "$disk" size=0
bad 'size= must be at most 2190433320960 bytes .2040 GiB.' vhd1 "$disk" \
    size=2041G
bad 'cache=x: must be one of: default none direct' vhd1 "$disk" cache=x
bad 'fadvise=x: must be one of: normal random' vhd1 "$disk" fadvise=x
bad 'lock=x: must be true or false' vhd1 "$disk" lock=x
bad 'fd=2: must be larger than 2' vhd1 fd=2
bad 'create= can only be used with file=' vhd1 fd=8 create=1M
bad 'create=0: must be larger, unless parent= is given' vhd1 "$tmp/new" \
    create=0
bad 'size= and create= cannot be used together' vhd1 "$tmp/new" create=1M \
    size=1M
bad 'size-from= and create= cannot be used together' vhd1 "$tmp/new" \
    create=1M size-from=auto
bad 'create= must be whole MiB .multiples of 1048576 bytes.: Azure' \
    vhd1 "$tmp/new" create=1000000
bad 'create= must be whole sectors .multiples of 512 bytes' \
    vhd1 "$tmp/new" create=1000001 subformat=dynamic
for type in fixed dynamic; do
    bad 'create= must be at most 2190433320960 bytes .2040 GiB.' \
        vhd1 "$tmp/new" create=2041G subformat=$type
done
bad 'block-size= cannot be used with subformat=fixed' \
    vhd1 "$tmp/new" create=1M block-size=2M
for size in 2K 3M 512M; do
    bad "block-size=$size: must be a power of two from 4096 to 268435456" \
        vhd1 "$tmp/new" create=1M subformat=dynamic block-size=$size
done
bad 'block-size= is for a new VHD' vhd1 "$disk" block-size=2M
bad 'subformat= is for a new VHD: give create= too' vhd1 "$disk" \
    subformat=dynamic
bad 'subformat=x: must be one of: fixed dynamic differencing' \
    vhd1 "$tmp/new" create=1M subformat=x
bad 'subformat=differencing needs parent=' vhd1 "$tmp/new" create=1M \
    subformat=differencing
bad 'subformat=dynamic and parent= cannot be used together' \
    vhd1 "$tmp/new" create=1M subformat=dynamic parent="$disk"
bad 'parent=.*disk.vhd is not a differencing VHD' vhd1 "$disk" parent="$disk"
bad 'missing: No such file' vhd1 "$tmp/new" create=1M parent="$tmp/missing"
bad 'parent-map=x: must be how paths of parents begin' vhd1 "$disk" \
    parent-map=x
[[ ! -e $tmp/new ]] || fail "a file was left behind"

# All of them together; relative; by descriptor.
cd "$tmp"
start_nbdkit "$tmp/sock" vhd1 disk.vhd size-from=auto cache=none fadvise=random \
    lock=true parent-search=. parent-search=/ parent-map='C:\=/' size=1K
client "$tmp/sock" <<< 'assert h.get_size() == 65536'
stop_nbdkit "$tmp/sock"
exec 7<> disk.vhd
start_nbdkit "$tmp/sock" vhd1 fd=7
exec 7>&-
client "$tmp/sock" <<'EOF'
assert h.get_size() == 65536
h.pwrite(b"x", 65535)
EOF
stop_nbdkit "$tmp/sock"
[[ $(tail -c 513 disk.vhd | head -c 1) == x ]] || fail "not written"

nbdkit --dump-plugin vhd1 | grep -x vhd1_types=fixed,dynamic,differencing
