#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Parameters of vhdx: what is wrong is said by name; relative paths; fd=;
# what --dump-plugin tells.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_client
cd "$tmp"

random_file data 1M
make_image vhdx disk.vhdx create=1M
make_image vhdx child.vhdx parent=disk.vhdx create=0

bad 'give the VHDX to serve, or fd=' vhdx
bad 'only one of file= and fd=' vhdx disk.vhdx fd=8
bad 'file= may be given only once' vhdx disk.vhdx file=disk.vhdx
bad "unknown parameter 'dir'" vhdx dir="$tmp"
bad "unknown parameter 'size-from'" vhdx disk.vhdx size-from=auto
bad 'is a directory' vhdx "$tmp"
bad 'No such file' vhdx missing
bad 'neither a regular file nor a block device' vhdx /dev/null
bad 'cache=x: must be one of: default none direct' vhdx disk.vhdx cache=x
bad 'fadvise=x: must be one of: normal random' vhdx disk.vhdx fadvise=x
bad 'lock=x: must be true or false' vhdx disk.vhdx lock=x
bad 'fd=2: must be larger than 2' vhdx fd=2
bad 'data: ' vhdx data

bad 'size=0: must be larger' vhdx disk.vhdx size=0
bad 'size= may be given only once' vhdx disk.vhdx size=1M size=2M
bad 'size= must be at most 70368744177664 bytes .64 TiB.' \
    vhdx disk.vhdx size=65T
bad 'size= and create= cannot be used together' vhdx new create=1M size=2M
bad 'size=1048577: .*disk.vhdx has sectors of 512 bytes' \
    vhdx disk.vhdx size=1048577

bad 'create= can only be used with file=' vhdx fd=8 create=1M
bad 'create=0: must be larger, unless parent= is given' vhdx new create=0
bad 'create= may be given only once' vhdx new create=1M create=1M
bad 'create= must be whole sectors .multiples of 512 bytes' \
    vhdx new create=1000
bad 'create= must be whole sectors .multiples of 4096 bytes' \
    vhdx new create=1536 sector-size=4096
bad 'create= must be at most 70368744177664 bytes .64 TiB.' \
    vhdx new create=65T
bad 'subformat=x: must be one of: fixed dynamic differencing' \
    vhdx new create=1M subformat=x
bad 'subformat= is for a new VHDX: give create= too' \
    vhdx disk.vhdx subformat=dynamic
bad 'subformat=differencing needs parent=' \
    vhdx new create=1M subformat=differencing
bad 'subformat=fixed and parent= cannot be used together' \
    vhdx new create=1M subformat=fixed parent=disk.vhdx
bad 'parent= may be given only once' \
    vhdx child.vhdx parent=disk.vhdx parent=disk.vhdx
bad 'parent=.*disk.vhdx is not a differencing VHDX' \
    vhdx disk.vhdx parent=child.vhdx
bad 'missing: No such file' vhdx new create=1M parent=missing
bad 'missing: No such file' vhdx child.vhdx parent=missing

bad 'block-size= is for a new VHDX' vhdx disk.vhdx block-size=1M
bad 'sector-size= is for a new VHDX' vhdx disk.vhdx sector-size=512
bad 'physical-sector-size= is for a new VHDX' \
    vhdx disk.vhdx physical-sector-size=512
for size in 512K 3M 512M; do
    bad "block-size=$size: must be a power of two from 1048576 to 268435456" \
        vhdx new create=1M block-size=$size
done
bad 'block-size=0: must be larger' vhdx new create=1M block-size=0
bad 'sector-size=1024: must be one of: 512 4096' \
    vhdx new create=1M sector-size=1024
bad 'physical-sector-size=520: must be one of: 512 4096' \
    vhdx new create=1M physical-sector-size=520
for map in x =x x= C:; do
    bad "parent-map=$map: must be how paths of parents begin" \
        vhdx child.vhdx parent-map=$map
done
[[ ! -e new ]] || fail "a file was left behind"

# All of them together; relative; by descriptor.
start_nbdkit sock vhdx all.vhdx create=2M subformat=differencing \
    parent=disk.vhdx block-size=1M sector-size=512 physical-sector-size=512 \
    cache=none fadvise=random lock=true parent-search=. parent-search=/ \
    parent-map='C:\=/' parent-map='\\server\share=.'
client sock <<< 'assert h.get_size() == 2 << 20'
stop_nbdkit sock
exec 7<> disk.vhdx
start_nbdkit sock vhdx fd=7
exec 7>&-
client sock <<< 'h.pwrite(b"x", 65535)'
stop_nbdkit sock
start_nbdkit sock vhdx disk.vhdx
client sock <<< 'assert h.pread(3, 65534) == b"\0x\0"'
stop_nbdkit sock

nbdkit --dump-plugin vhdx | grep -x vhdx_types=fixed,dynamic,differencing
