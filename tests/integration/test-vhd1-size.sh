#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# size-from=: which of the two sizes counts, by who made the VHD and by what
# the user says.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires nbdinfo --version

current=1048576 chs=1044480     # 30/4/17
random_file "$tmp/data" $current

# sizes CREATOR CHS AUTO CHOSEN: what size-from=auto and size-from=chs give.
sizes () {
    local rule expected
    make_vhd "$tmp/disk.vhd" "$tmp/data" "creator=$1" "chs=$2"
    for rule in '' size-from=auto size-from=current size-from=chs; do
        case $rule in
            size-from=current) expected=$current ;;
            size-from=chs) expected=$4 ;;
            *) expected=$3 ;;
        esac
        start_nbdkit "$tmp/sock" -r vhd1 "$tmp/disk.vhd" ${rule:+"$rule"}
        [[ $(nbdinfo --size "$(uri "$tmp/sock")") == "$expected" ]] ||
            fail "$1 $2 $rule: not $expected"
        stop_nbdkit "$tmp/sock"
    done
}

sizes 'b"win "' '(30,4,17)' $current $chs
sizes 'b"vpc "' '(30,4,17)' $chs $chs
sizes 'b"qemu"' '(30,4,17)' $chs $chs
sizes 'b"xyz "' '(30,4,17)' $current $chs
sizes 'b"vpc "' '(31,4,17)' $current $current    # more than there is
sizes 'b"vpc "' '(65535,16,255)' $current $current

make_vhd "$tmp/disk.vhd" "$tmp/data" 'creator=b"vpc "' 'chs=(0,0,0)'
expect_error 'is a VHD whose footer tells no geometry' \
    nbdkit -U - vhd1 "$tmp/disk.vhd" size-from=chs --run :
start_nbdkit "$tmp/sock" vhd1 "$tmp/disk.vhd"
[[ $(nbdinfo --size "$(uri "$tmp/sock")") == "$current" ]] || fail "no geometry"
