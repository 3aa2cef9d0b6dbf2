#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# HTTP/2, where all requests are on few connections: servers that close those
# after some requests (GOAWAY), that read their configuration anew, that go and
# come back, and files that are replaced.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires_plugin blob
requires_nginx
requires_client

mkdir "$tmp/www"
random_file "$tmp/www/disk" 2M
random_file "$tmp/other" 2M
cp "$tmp/www/disk" "$tmp/disk"
nginx_requests=20
start_nginx

start_nbdkit "$tmp/sock" -v blob "$https/disk" cainfo="$tmp/ca.pem" fetch=4K \
             cache-size=64K readahead=0 retries=20
client "$tmp/sock" <<PYTHON
want = open("$tmp/disk", "rb").read()
import random
rng = random.Random($SEED)
for _ in range(400):
    at = rng.randrange(len(want) - 9000)
    assert h.pread(9000, at) == want[at:at + 9000]
PYTHON
no_error () {
    ! grep -q 'error:' "$tmp/sock.log" || fail "$1: $(grep error: "$tmp/sock.log")"
}
no_error "few requests for each connection"
# Most reads are one; some are of what is still in memory.
(( $(wc -l <"$tmp/access.log") > 10 * nginx_requests )) ||
    fail "too few requests"
! grep -v '^HTTP/2.0 206 ' "$tmp/access.log" || fail "other than HTTP/2"

# Sixteen at once, while the configuration is read again and again.
sixteen_clients "$tmp/sock" "$tmp/disk" 1000000 4 &
clients=$!
for _ in 1 2 3; do
    sleep 1
    kill -HUP "$nginx_pid"
done
wait "$clients" || fail "reloading: $(grep error: "$tmp/sock.log")"
no_error reloading

# The server goes and comes back.
sixteen_clients "$tmp/sock" "$tmp/disk" 1000000 3 &
clients=$!
sleep 1
stop_nginx
start_nginx
wait "$clients" || fail "restarting: $(grep error: "$tmp/sock.log")"
no_error restarting

# Another file takes the place.
touch -d '-1 day' "$tmp/other"
mv "$tmp/other" "$tmp/www/disk"
client "$tmp/sock" <<PYTHON
want = open("$tmp/disk", "rb").read()
failed = 0
for at in range(0, len(want), 65536):
    try:
        assert h.pread(65536, at) == want[at:at + 65536]
    except nbd.Error as e:
        assert e.errnum == errno.EIO
        failed += 1
assert failed > 0
PYTHON
stop_nbdkit "$tmp/sock"
(( $(grep -c 'error:.*was changed on the server' "$tmp/sock.log") == 1 )) ||
    fail "$(grep error: "$tmp/sock.log")"
