#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# crypt: neither the passphrase nor the key is in messages, the command
# line, or a core file.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/crypt-functions.sh"

requires gdb --version
requires_no_sanitizer
# libcrypto keeps keys where it likes.
requires grep -qw aes /proc/cpuinfo
cd "$tmp"
truncate -s 4M disk
random_file key 64
printf 'the-passphrase-%s' "$SEED" >pass

# has FILE SECRET-FILE: any 16 bytes of the secret, raw or in hexadecimal.
has () {
    python3 - "$@" <<'PYTHON'
import sys
with open(sys.argv[1], "rb") as f: where = f.read()
with open(sys.argv[2], "rb") as f: secret = f.read()
parts = [secret[i:i + 16] for i in range(0, len(secret) - 15, 16)]
sys.exit(not any(p in where or p.hex().encode() in where for p in parts))
PYTHON
}
has key key || fail "nothing is ever found"

# inspect SECRET-FILE ARGS...: a server that has done some work.
inspect () {
    local secret=$1 pid
    shift
    start_nbdkit sock -v --filter=crypt raw disk "$@"
    pid=$nbdkit_pid
    nbdcopy --flush "$(uri sock)" null:
    cp /proc/"$pid"/cmdline cmdline
    if (( EUID == 0 )); then
        gcore -o core "$pid" >gcore.log 2>&1 || { cat gcore.log; fail gcore; }
        ! has "core.$pid" "$secret" || fail "in a core: $*"
        rm "core.$pid"
    else
        ! cat /proc/"$pid"/environ >/dev/null 2>&1 ||
            fail "others can look into the process"
    fi
    stop_nbdkit sock
    for where in sock.log cmdline; do
        ! has $where "$secret" || fail "in $where: $*"
    done
}
inspect key crypt-key=+key
if (requires_luks) >/dev/null; then
    inspect pass crypt-passphrase=+pass crypt-format=luks1 crypt-create=true \
            crypt-iter-time=0.01
fi
