#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Bearer tokens, over TLS, with a server of Azure's blobs (Azurite): of a
# machine's identity, which are renewed while the disk is read, and of a
# file, which somebody else renews.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/cloud-functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires_plugin blob
requires_libnbd
requires_client
requires openssl version

make_ca
start_azurite --oauth basic --cert "$tmp/server.pem" --key "$tmp/server.key"
endpoint=https://127.0.0.1:$port/$account
random_file "$tmp/data" 1M
SSL_CERT_FILE=$tmp/ca.pem azure container priv -- block priv/disk.img "$tmp/data"

# A token is good for four seconds, and renewed after two.
python3 "$srcdir/tests/integration/identity.py" "$tmp/port" "$tmp/asked" 4 \
        >"$tmp/identity.log" 2>&1 &
identity_pid=$!
cleanup_fn kill -KILL "$identity_pid"
wait_until 30 test -s "$tmp/port" || fail "$(<"$tmp/identity.log")"
identity=http://127.0.0.1:$(<"$tmp/port")
a_token () { python3 "$srcdir/tests/integration/identity.py" - /dev/null "$1"; }
no_token () {
    ! grep -E 'eyJ|Bearer|sig=' "$1" || fail "a token"
}

blob=("$endpoint/priv/disk.img" cainfo="$tmp/ca.pem" fetch=4K cache-size=64K
      readahead=0)
start_nbdkit "$tmp/sock" -v blob "${blob[@]}" identity=system \
             identity-endpoint="$identity/good"
asked=$(wc -l <"$tmp/asked")
client "$tmp/sock" <<PYTHON
import time
want = open("$tmp/data", "rb").read()
def read(i):
    at = i * 8192 % len(want)
    assert h.pread(4096, at) == want[at:at + 4096]
end, i = time.monotonic() + 5, 0
while time.monotonic() < end:
    read(i)
    i += 1
    time.sleep(0.01)
time.sleep(4.5)       # nobody reads while the token ends
read(i)
PYTHON
stop_nbdkit "$tmp/sock"
no_token "$tmp/sock.log"
more=$(( $(wc -l <"$tmp/asked") - asked ))
# At the start, once or twice or thrice while it was read, and at the end.
(( more >= 3 && more <= 7 )) || fail "asked $more times"
! grep -q error "$tmp/sock.log" || fail "$(<"$tmp/sock.log")"

expect_error '400: invalid_request: Identity not found' nbdkit -v blob \
             "${blob[@]}" identity=me identity-endpoint="$identity/bad"
grep -q '/bad.*client_id=me' "$tmp/asked" || fail "no client id"
expect_error 'onnect' nbdkit blob "${blob[@]}" identity=system \
             identity-endpoint=http://127.0.0.1:1/

# A file: the token in it ends, and another one comes.
a_token 3 >"$tmp/token"
start_nbdkit "$tmp/sock" -v blob "${blob[@]}" token-file="$tmp/token"
a_token 3600 >"$tmp/next"
client "$tmp/sock" <<PYTHON
import time
want = open("$tmp/data", "rb").read()
assert h.pread(4096, 0) == want[:4096]
time.sleep(4)
assert fails(h.pread, 4096, 1 << 19) == errno.EIO
os.rename("$tmp/next", "$tmp/token")
assert h.pread(4096, 1 << 19) == want[1 << 19:][:4096]
PYTHON
stop_nbdkit "$tmp/sock"
no_token "$tmp/sock.log"
grep -q '403 AuthenticationFailed: the key, token or SAS' "$tmp/sock.log" ||
    fail "$(<"$tmp/sock.log")"
