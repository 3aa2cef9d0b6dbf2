#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack info of VHDs, whole and damaged.

source "${builddir:-.}/tests/functions.sh"
set -e -u

requires qemu-img --version
requires jq --version

# is FILE NAME VALUE: a field as JSON has it.
is () {
    local value
    value=$(diskstack info --json "$1" | jq -r ".[0].$2") || :
    [[ $value == "$3" ]] || fail "$1: $2 is $value, not $3"
}
# trouble FILE PATTERN: this, and nothing else, is wrong with it.
trouble () {
    local status=0
    diskstack info --json "$1" > "$tmp/out" || status=$?
    (( status == 2 )) || fail "$1: status $status"
    jq -r '.[0].trouble[]' "$tmp/out" > "$tmp/trouble"
    cat "$tmp/trouble"
    [[ $(wc -l < "$tmp/trouble") == 1 ]] || fail "$1: not one trouble"
    grep -q -e "$2" "$tmp/trouble" || fail "$1: expected '$2'"
}
# damage FILE OFFSET BYTES
damage () {
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
make () {                       # FILE SUBFORMAT
    qemu-img create -q -f vpc -o "subformat=$2,force_size=on" "$1" 10M
}

make "$tmp/fixed" fixed
is "$tmp/fixed" kind vhd1
is "$tmp/fixed" subformat fixed
is "$tmp/fixed" size 10485760
is "$tmp/fixed" '"current-size"' 10485760
# QEMU says with the largest geometry that it is not what counts.
is "$tmp/fixed" geometry 65535/16/255
is "$tmp/fixed" '"saved-state"' false
is "$tmp/fixed" 'trouble | length' 0
is "$tmp/fixed" '"disk-id" | length' 36
diskstack info "$tmp/fixed" | tee "$tmp/out"
grep -q '^creator: *QEMU' "$tmp/out"

make "$tmp/dynamic" dynamic
is "$tmp/dynamic" subformat dynamic
is "$tmp/dynamic" size 10485760
is "$tmp/dynamic" 'trouble | length' 0

# Of 511 bytes.
head -c -1 "$tmp/fixed" > "$tmp/old"
is "$tmp/old" size 10485760
is "$tmp/old" 'trouble | length' 0

# A reserved byte of the footer; what it said is shown all the same.
cp "$tmp/fixed" "$tmp/x"
damage "$tmp/x" $(( 10485760 + 300 )) '\x01'
trouble "$tmp/x" 'wrong checksum'
is "$tmp/x" geometry 65535/16/255

# Not all of the disk.
tail -c +1048577 "$tmp/fixed" > "$tmp/x"
trouble "$tmp/x" 'shorter'

# The copy at the start tells what the footer was.
cp "$tmp/dynamic" "$tmp/x"
truncate -s -512 "$tmp/x"
trouble "$tmp/x" 'no VHD footer at its end'
is "$tmp/x" subformat dynamic
is "$tmp/x" geometry 65535/16/255
cp "$tmp/dynamic" "$tmp/x"
damage "$tmp/x" 300 '\x01'
trouble "$tmp/x" 'copy.*wrong checksum'

# A fixed disk that holds a dynamic one is what its own footer says.
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on \
    "$tmp/dynamic" "$tmp/x"
is "$tmp/x" subformat fixed
