#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# crypt: disks that cryptsetup and qemu made are opened, with any of their
# key slots; what is wrong with one is said.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/crypt-functions.sh"

requires_luks
requires qemu-img --version
cd "$tmp"
random_file data 2M
printf 'pass word' >pass
printf 'second\nline' >second
printf wrong >wrong

# open_with DISK ARGS...: it has the data, after it was written.
open_with () {
    crypt raw "$@" -- 'nbdcopy data "$uri" && nbdcopy "$uri" back'
    cmp -n 2097152 data back
}

# Both versions, both functions, both key sizes, larger sectors, two slots.
truncate -s 20M one two four
luks_format one --type luks1
luks_format two --type luks2 --pbkdf argon2id --pbkdf-force-iterations 4 \
            --pbkdf-memory 32 --key-size 256
cryptsetup luksAddKey -q --key-file pass --pbkdf pbkdf2 \
           --pbkdf-force-iterations 1000 two second
luks_format four --type luks2 --pbkdf pbkdf2 --sector-size 4096
open_with one crypt-passphrase=+pass
open_with one crypt-key-file=pass crypt-format=luks1
open_with two crypt-passphrase=+pass crypt-format=luks2
open_with two crypt-key-file=second
open_with four crypt-passphrase=+pass

# nbdkit's own filter and qemu find the same in LUKS1.
nbdkit -U - --filter=luks file one passphrase=+pass \
       --run 'nbdcopy "$uri" back'
cmp -n 2097152 data back
qemu-img convert --object secret,id=s,file=pass -O raw --image-opts \
         driver=luks,key-secret=s,file.driver=file,file.filename=one back
cmp -n 2097152 data back

# And the other way round.
qemu_luks qemu.luks cipher-mode=xts
open_with qemu.luks crypt-passphrase=+pass
qemu-img convert --object secret,id=s,file=pass -O raw --image-opts \
         driver=luks,key-secret=s,file.driver=file,file.filename=qemu.luks back
cmp data back

# A header in a file, as cryptsetup makes it.
truncate -s 2M bare
luks_format bare --type luks2 --pbkdf pbkdf2 --header head
open_with bare crypt-header=head crypt-passphrase=+pass
[[ $(stat -c %s bare) == 2097152 ]]

# What is wrong.
refused 'no key slot of LUKS1 opens' --filter=crypt raw one \
        crypt-passphrase=+wrong
refused 'no key slot of LUKS2 opens' --filter=crypt raw two \
        crypt-key-file=wrong
refused 'has a header of LUKS1, not LUKS2' --filter=crypt raw one \
        crypt-format=luks2 crypt-passphrase=+pass
refused 'has no LUKS header' --filter=crypt raw data crypt-passphrase=+pass
random_file key 64
refused 'has a header of LUKS2, and crypt-key= is for plain' \
        --filter=crypt raw two crypt-key=+key
qemu_luks cbc.luks cipher-mode=cbc ivgen-alg=essiv
refused 'is encrypted with aes-cbc-essiv.*only aes-xts-plain64' \
        --filter=crypt raw cbc.luks crypt-passphrase=+pass

# The second header serves when the first is damaged; not when both are.
cp --sparse=always two damaged
dd if=/dev/zero of=damaged bs=512 count=1 conv=notrunc status=none
refused 'has no LUKS header' --filter=crypt raw damaged crypt-passphrase=+pass
crypt raw damaged crypt-format=luks2 crypt-passphrase=+pass -- \
      'nbdcopy "$uri" back'
cmp -n 2097152 data back
dd if=data of=damaged bs=4096 count=16 conv=notrunc status=none
refused 'header of LUKS is damaged' --filter=crypt raw damaged \
        crypt-format=luks2 crypt-passphrase=+pass
cp --sparse=always one damaged
dd if=data of=damaged bs=4096 seek=1 count=63 conv=notrunc status=none
refused 'no key slot of LUKS1 opens' --filter=crypt raw damaged \
        crypt-passphrase=+pass

# Cut off in the data, before it, and in the header.
truncate -s 17M two
crypt raw two crypt-passphrase=+pass -- '[ "$(nbdinfo --size "$uri")" = 1048576 ]'
truncate -s 16M two
refused 'is cut off: it has 16777216 bytes, and [0-9]+ of data should begin' \
        --filter=crypt raw two crypt-passphrase=+pass
truncate -s 20K two
refused 'is damaged|key slots|no key slot' --filter=crypt raw two \
        crypt-passphrase=+pass
truncate -s 100 two
refused 'has no LUKS header' --filter=crypt raw two crypt-passphrase=+pass

# Read-only, and without parallel requests.
crypt -r raw one crypt-passphrase=+pass -- 'nbdcopy "$uri" back'
cmp -n 2097152 data back
nbdkit -U - --filter=crypt --filter=noparallel raw one crypt-passphrase=+pass \
       --run 'nbdcopy "$uri" back'
cmp -n 2097152 data back
