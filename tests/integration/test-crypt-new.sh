#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# crypt: headers of LUKS that it makes are cryptsetup's, nothing that was
# there is lost, and who may not write makes none.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/crypt-functions.sh"

requires_luks
requires qemu-img --version
cd "$tmp"
random_file data 2M
printf 'pass word' >pass

new=(crypt-passphrase=+pass crypt-create=true crypt-iter-time=0.01)

# opens FILE: cryptsetup takes the passphrase.
opens () { cryptsetup open --test-passphrase --key-file pass "$1"; }

truncate -s 4M one
crypt raw one crypt-format=luks1 "${new[@]}" -- 'nbdcopy data "$uri"'
opens one
cryptsetup luksDump one | grep -Eq '^Version:[[:space:]]*1$'
qemu-img convert --object secret,id=s,file=pass -O raw --image-opts \
         driver=luks,key-secret=s,file.driver=file,file.filename=one back
cmp data back
crypt raw one crypt-passphrase=+pass -- 'nbdcopy "$uri" back'
cmp data back

# Once only, even if the server is started as before.
refused 'is not empty: the first 2097152 bytes' --filter=crypt raw one \
        crypt-format=luks1 "${new[@]}"
crypt raw one crypt-passphrase=+pass -- 'nbdcopy "$uri" back'
cmp data back

# LUKS2, whose header is in a file; several connections, one header.
truncate -s 2M two
crypt raw two crypt-format=luks2 crypt-header=head crypt-sector-size=4096 \
      "${new[@]}" -- 'nbdinfo "$uri" && nbdcopy data "$uri"'
opens head
cryptsetup luksDump head >dump
grep -q 'PBKDF:[[:space:]]*argon2id' dump
grep -q 'sector:[[:space:]]*4096' dump
crypt raw two crypt-header=head crypt-passphrase=+pass -- 'nbdcopy "$uri" back'
cmp data back
! cmp -s data two

# Not over what is there, however far in; not where it may not, or cannot.
truncate -s 20M full
echo here | dd of=full bs=1 seek=15M conv=notrunc status=none
cp full before
refused 'is not empty' --filter=crypt raw full crypt-format=luks2 "${new[@]}"
cmp full before
truncate -s 20M empty
start_nbdkit sock -r --filter=crypt raw empty crypt-format=luks2 "${new[@]}"
! nbdinfo "$(uri sock)" >/dev/null 2>&1 || fail "made read-only"
stop_nbdkit sock
grep -q 'it is read-only' sock.log
cmp -n 20971520 empty /dev/zero
truncate -s 1M small
refused 'small' --filter=crypt raw small crypt-format=luks2 "${new[@]}"
cmp -n 1048576 small /dev/zero

# If the last part cannot be written, there is no header.
refused 'writing the header' --filter=crypt --filter=error raw empty \
        error-pwrite=EIO error-pwrite-rate=100% crypt-format=luks1 "${new[@]}"
refused 'has no LUKS header' --filter=crypt raw empty crypt-passphrase=+pass
