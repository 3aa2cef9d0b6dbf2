#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Labels of the striped plugin: written only when it is asked for and where
# nothing is lost; a set that is not complete and in order is refused.

set -e -u
source "${builddir:-.}/tests/functions.sh"

requires_libnbd
requires jq --version
cd "$tmp"

bad () { expect_error "$1" nbdkit -U - striped "${@:2}" --run :; }
good () { nbdkit -U - striped "$@" --run 'nbdinfo --size "$uri" > size'; }

truncate -s 3M a b c
random_file data $(( 3 * 2 * 1024 * 1024 ))

# Nothing is written unasked.
good a b c
bad 'member 1 .*/a. has no stripe label' a b c label=true
[[ $(stat -c %b a) == 0 ]] || fail "something was written"

good a b c label=create stripe-size=64K
[[ $(< size) == $(( 3 * 2 * 1024 * 1024 )) ]] || fail "size $(< size)"
nbdkit -U - striped a b c label=true --run 'nbdcopy data "$uri"'
python3 "$srcdir/tests/integration/raid0.py" join joined 65536 1048576 a b c
cmp data joined

# From the place that a set has, whatever is said about it.
nbdkit -U - striped a b c label=true \
       --run 'nbdinfo "$uri" > info; nbdcopy "$uri" copy'
cmp data copy
grep -q 'disk-id=[0-9a-f-]\{36\}' info || fail "no disk-id"
good a b c label=true stripe-size=64K size=6M
bad 'stripe-size=131072: the labels say 65536' a b c label=true stripe-size=128K
bad 'size=3145728: the labels say 6291456' a b c label=true size=3M

bad 'member 1 .*/b. is not in its place: it is number 2' b a c label=true
bad 'member 2 .*/c. is not in its place: it is number 3' a c b label=true
bad "number 2 of the set's 3 members is missing" a c label=true
bad "number 3 of the set's 3 members is missing" a b label=true
cp a a2
bad 'member 4 .*/a2. is in the list more than once' a b c a2 label=true
bad 'disk=.*/a: is the same as disk 1' a b a label=true
ln -s b link
bad 'disk=.*/link: is the same as disk 2' a b link label=true

# As the kernel's dm-stripe would have it, or by mistake.
bad 'member 1 .*/a. has a stripe label: give label=true' a b c
good a b c label=false
[[ $(< size) == $(( 3 * 3 * 1024 * 1024 )) ]] || fail "size $(< size)"

# Another set, data in the way, and damage.
truncate -s 3M d e f
good d e f label=create
bad 'member 2 .*/e. belongs to another set; member 1 is .*/a' a e c label=true
bad 'member 1 .*/a. has a stripe label already; label=overwrite' \
    a b c label=create
truncate -s 3M g h
printf x | dd of=h bs=1 seek=1048575 conv=notrunc status=none
bad 'member 2 .*/h. has data in its first 1048576 bytes' g h label=create
[[ $(stat -c %b g) == 0 ]] || fail "one label was written"
good g h label=overwrite
good g h label=true
printf x | dd of=h bs=1 seek=50 conv=notrunc status=none
bad 'member 2 .*/h. has a stripe label with a wrong checksum' g h label=true
truncate -s 2M f
bad 'member 3 .*/f. is smaller than its stripe label requires' \
    d e f label=true

# What a disk is that somebody finds.
info () { diskstack info --json "$@" 2>/dev/null | jq -r ".[0].$field" || :; }
is () {                         # FIELD VALUE FILE
    local field=$1
    [[ $(info "$3") == "$2" ]] || fail "$1 of $3 is $(info "$3"), not $2"
}
is kind striped b
is place 2 b
is disks 3 b
is size 6291456 b
is '"stripe-size"' 65536 b
is '"data-offset"' 1048576 b
is 'trouble | length' 0 b
[[ $(field='"disk-id"'; info a) == $(field='"disk-id"'; info c) ]] ||
    fail "one set has two ids"
grep -q "$(field='"disk-id"'; info a)" info || fail "clients see another id"
is 'trouble[0]' 'is smaller than its stripe label requires' f
is 'trouble[0]' 'has a stripe label with a wrong checksum' h
expect_error 'neither a VHD .* nbdkit-raw-plugin' diskstack info data

# A member that has become larger has its data where it was.
truncate -s 4M b
nbdkit -U - -r striped a b c label=true --run 'nbdcopy "$uri" copy2'
cmp data copy2

# What cannot be written gets no label.
truncate -s 1M small1 small2
bad 'the smallest member has room for 0 bytes' small1 small2 label=create
exec 9<small1
cp "$(command -v sleep)" running
./running 600 &
running=$!
cleanup_fn kill $running
truncate -s "$(stat -c %s running)" other
bad 'label=overwrite: not all disks can be written' \
    running other label=overwrite
