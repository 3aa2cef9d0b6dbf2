# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests of the crypt filter share, beside functions.sh.

source "$srcdir/tests/integration/layer-functions.sh"

requires_filter crypt
requires_libnbd

# requires_luks: libcryptsetup is built in, and cryptsetup is there.
requires_luks () {
    requires cryptsetup --version
    nbdkit -U - --filter=crypt null crypt-format=luks --run : 2>&1 |
        grep -q 'needs crypt-passphrase' || skip "needs libcryptsetup"
}

# crypt ARGS... -- COMMAND: run it, with $uri, over nbdkit with the filter.
crypt () {
    local args=()
    while [[ $1 != -- ]]; do args+=("$1"); shift; done
    nbdkit -U - --filter=crypt "${args[@]}" --run "$2"
}

# luks_format DISK OPTIONS...: as cryptsetup makes it, opened by the file
# pass, with as little work to open it as it lets us ask for.
luks_format () {
    cryptsetup luksFormat -q --key-file pass --pbkdf-force-iterations 1000 \
               "${@:2}" "$1"
}

# qemu_luks DISK OPTION...: make a LUKS1 disk of 2M, whose passphrase is in the
# file "pass", by qemu-img.  It measures how fast it is, and gives up where the
# kernel tells it that this took no time.
qemu_luks () {
    local i
    for (( i = 0; i < 20; i++ )); do
        qemu-img create -q -f luks --object secret,id=s,file=pass \
                 -o "key-secret=s,iter-time=10$(printf ',%s' "${@:2}")" \
                 "$1" 2M 2>"$tmp/qemu-luks.log" && return
        grep 'accurate CPU usage' "$tmp/qemu-luks.log" || break
    done
    fail "qemu-img makes no LUKS disk: $(<"$tmp/qemu-luks.log")"
}
