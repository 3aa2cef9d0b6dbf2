#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# crypt: every parameter, with values that are right and wrong.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/crypt-functions.sh"

cd "$tmp"
truncate -s 1M disk
random_file key 64
head -c 32 key >half
cat half half >equal
head -c 33 key >odd
: >empty
echo secret >pass

c=(--filter=crypt raw disk)
bad 'needs crypt-key=, crypt-passphrase= or crypt-key-file=' "${c[@]}"
bad 'crypt-key: must be -, \+FILE or -FD' "${c[@]}" crypt-key=0123
bad 'crypt-passphrase: must be -, \+FILE or -FD' "${c[@]}" crypt-passphrase=x
bad 'crypt-key: must be 32 or 64 bytes.*not 33' "${c[@]}" crypt-key=+odd
bad 'must be a key whose halves differ' "${c[@]}" crypt-key=+equal
bad 'crypt-key: nowhere: No such file' "${c[@]}" crypt-key=+nowhere
bad 'crypt-key: empty is empty' "${c[@]}" crypt-key=+empty
bad 'crypt-key-file: empty is empty' "${c[@]}" crypt-key-file=empty
bad 'crypt-passphrase: empty is empty' "${c[@]}" crypt-passphrase=+empty
bad 'must be a file descriptor above 2' "${c[@]}" crypt-key=-1
bad 'crypt-format=x: must be auto' "${c[@]}" crypt-format=x
bad 'crypt-format=plain needs crypt-key' "${c[@]}" crypt-format=plain
for size in 256 8192 1000; do
    bad "crypt-sector-size=$size: must be a power of two from 512 to 4096" \
        "${c[@]}" crypt-sector-size=$size
done
for key in create discard iv-large-sectors; do
    bad "crypt-$key=maybe: must be true or false" "${c[@]}" crypt-$key=maybe
done
bad 'crypt-iter-time=0: must be seconds' "${c[@]}" crypt-iter-time=0
bad 'crypt-iv-offset' "${c[@]}" crypt-iv-offset=-x
bad "unknown parameter 'crypt-key'" "${c[@]}" crypt-key=+key crypt-key=+key
bad "unknown parameter 'crypt-bogus'" "${c[@]}" crypt-bogus=1
for other in crypt-passphrase=+pass crypt-key-file=pass crypt-header=x \
             crypt-create=true crypt-iter-time=1; do
    bad 'is for LUKS: crypt-key= makes it plain' "${c[@]}" crypt-key=+key \
        "$other"
done
if (requires_luks) >/dev/null; then
    for format in luks luks1 luks2; do
        bad 'LUKS needs crypt-passphrase= or crypt-key-file=' "${c[@]}" \
            crypt-format=$format
    done
    for other in crypt-iv-offset=1 crypt-iv-large-sectors=true \
                 crypt-sector-size=512; do
        bad "${other%=*}= is for plain" "${c[@]}" crypt-passphrase=+pass "$other"
    done
    bad 'crypt-create=true needs crypt-format=luks1 or luks2' "${c[@]}" \
        crypt-passphrase=+pass crypt-create=true
    bad 'of LUKS1 is always 512' "${c[@]}" crypt-passphrase=+pass \
        crypt-create=true crypt-format=luks1 crypt-sector-size=4096
    bad 'nowhere' "${c[@]}" crypt-passphrase=+pass crypt-header=nowhere
fi

# Each form of a secret.
crypt raw disk crypt-key=+half -- 'nbdinfo --size "$uri"'
crypt raw disk crypt-key=-7 -- 'nbdinfo --size "$uri"' 7<key
crypt raw disk crypt-key=- -- 'nbdinfo --size "$uri"' <key

nbdkit --filter=crypt null --help >help
for key in create discard format header iter-time iv-large-sectors iv-offset key \
           key-file passphrase sector-size; do
    grep -q "^crypt-$key=" help || fail "$key is not in --help"
done
