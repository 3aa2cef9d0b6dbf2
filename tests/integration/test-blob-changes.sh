#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What happens to servers and files while they are read: a server that
# goes and comes back, a file that is replaced, sixteen clients, and
# secrets, which are in no message.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires_plugin blob
requires_nginx
requires_client

mkdir "$tmp/www"
random_file "$tmp/www/disk" 4M
random_file "$tmp/other" 4M
cp "$tmp/www/disk" "$tmp/disk"
start_nginx
small=(fetch=4K cache-size=256K readahead=64K)

# The server goes and comes back.
start_nbdkit "$tmp/sock" blob "$http/disk" "${small[@]}" retries=20
client "$tmp/sock" <<PYTHON &
want = open("$tmp/disk", "rb").read()
import random
rng = random.Random($SEED)
open("$tmp/begun", "w").close()
while not os.path.exists("$tmp/enough"):
    at = rng.randrange(len(want) - 20000)
    assert h.pread(20000, at) == want[at:at + 20000]
PYTHON
reader=$!
wait_until 20 test -e "$tmp/begun" || fail "the reader did not begin"
stop_nginx
start_nginx
touch "$tmp/enough"
wait "$reader" || fail "the reader failed: $(<"$tmp/sock.log")"

# Sixteen clients.
sixteen_clients "$tmp/sock" "$tmp/disk" 50 600
stop_nbdkit "$tmp/sock"

# Another file takes the place, with the size and the date of the first.
start_nbdkit "$tmp/sock" blob "$http/disk" "${small[@]}"
client "$tmp/sock" <<PYTHON
import shutil
want = open("$tmp/disk", "rb").read()
for at in range(0, len(want) // 2, 65536):
    assert h.pread(65536, at) == want[at:at + 65536]
with open("$tmp/www/new", "wb") as f:
    f.write(open("$tmp/other", "rb").read()[:-1])
os.rename("$tmp/www/new", "$tmp/www/disk")
wrong = failed = 0
for at in range(0, len(want) - 65536, 65536):
    try:
        wrong += h.pread(65536, at) != want[at:at + 65536]
    except nbd.Error as e:
        assert e.errnum == errno.EIO
        failed += 1
assert wrong == 0 and failed > 0
PYTHON
stop_nbdkit "$tmp/sock"
(( $(grep -c 'was changed on the server' "$tmp/sock.log") == 1 )) ||
    fail "$(<"$tmp/sock.log")"

# Secrets.  (Parameters are in nbdkit's own messages; files' content not.)
echo "${http/:\/\//:\/\/me:hidden1@}/disk?sig=hidden2" >"$tmp/url"
echo hidden3 >"$tmp/pass"
start_nbdkit "$tmp/sock" -v blob "+$tmp/url" password=+"$tmp/pass"
client "$tmp/sock" <<PYTHON
assert len(h.pread(4096, 0)) == 4096
os.rename("$tmp/other", "$tmp/www/disk")
assert fails(h.pread, 4096, 2 << 20) == errno.EIO
PYTHON
! grep 'hidden' "$tmp/sock.log" || fail "a secret was told"
! tr '\0' ' ' <"/proc/$nbdkit_pid/cmdline" | grep hidden || fail "a secret"
stop_nbdkit "$tmp/sock"
