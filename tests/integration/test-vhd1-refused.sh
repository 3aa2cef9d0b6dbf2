#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What is no sound VHD is refused before the server listens, with a
# message that says why and where.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

random_file "$tmp/data" 64K

# refused MESSAGE: the file disk.vhd, which is left as it was.
refused () {
    cp "$tmp/disk.vhd" "$tmp/before"
    expect_error "error: .*/disk.vhd: $1" \
        nbdkit -U - vhd1 "$tmp/disk.vhd" --run :
    (( $(grep -c error: "$tmp/expect_error.log") == 1 )) || fail "two messages"
    cmp "$tmp/disk.vhd" "$tmp/before"
}
# changed MESSAGE MEMBER=VALUE...
changed () {
    make_vhd "$tmp/disk.vhd" "$tmp/data" "${@:2}"
    refused "$1"
}

changed 'has a VHD footer of an unknown format version \(2\.3\)' \
    version=0x20003
changed 'is a VHD of an unknown type \(6\)' type=6
for type in 3 4; do
    changed 'has no place for the dynamic header .* \(offset 18446744073709551615\)' \
        type=$type
done
changed 'is a VHD whose size is not a multiple of 512 bytes \(65535\)' \
    size=65535
changed 'is shorter than the disk that its VHD footer describes \(66048 ' \
    size=66048
changed 'is shorter than .* \(18446744073709551104 bytes with a footer' \
    'size=2**64-512'

# Changed, cut off, padded.
make_vhd "$tmp/disk.vhd" "$tmp/data"
printf x | dd of="$tmp/disk.vhd" bs=1 seek=$(( 65536 + 40 )) conv=notrunc \
    status=none
refused 'has a VHD footer with a wrong checksum'
make_vhd "$tmp/disk.vhd" "$tmp/data"
truncate -s -1 "$tmp/disk.vhd"
truncate -s -511 "$tmp/disk.vhd"
refused 'has no VHD footer at its end'
make_vhd "$tmp/disk.vhd" "$tmp/data"
truncate -s +512 "$tmp/disk.vhd"
refused 'has no VHD footer at its end'
dd if=/dev/urandom of="$tmp/disk.vhd" bs=100 count=1 status=none
refused 'is too short to be a VHD \(100 bytes\)'
: > "$tmp/disk.vhd"
refused 'is too short to be a VHD \(0 bytes\)'
