#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The blob plugin with a server of S3 that looks at signatures.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/cloud-functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires_plugin blob
requires_libnbd
requires_client

start_s3
random_file "$tmp/data" 300K
random_file "$tmp/other" 300K
odd="d/odd +=:'(~é*.img"
s3 put "$s3_bucket/disk.img" "$tmp/data" -- put "$s3_bucket/$odd" "$tmp/data"
echo "$s3_secret" >"$tmp/secret"
echo other >"$tmp/other-secret"
blob=(blob access-key="$s3_id" secret-key=+"$tmp/secret")
place=(endpoint-url="$s3_endpoint" bucket="$s3_bucket")

# served DATA ARGS...
served () {
    nbdkit -v -U - "${blob[@]}" "${@:2}" --run "nbdcopy \"\$uri\" $tmp/served" \
           >"$tmp/served.log" 2>&1 || fail "${*:2}: $(<"$tmp/served.log")"
    cmp "$tmp/served" "$1" || fail "${*:2} is not $1"
    ! grep -E 'AWS4|Signature=' "$tmp/served.log" || fail "a signature"
}
served "$tmp/data" "$s3_endpoint/$s3_bucket/disk.img"
served "$tmp/data" "$s3_endpoint/$s3_bucket/disk.img" fetch=4K region=us-east-1
served "$tmp/data" "${place[@]}" key=disk.img path-style=true
served "$tmp/data" "${place[@]}" key="$odd"

# An image.
nbdkit -U - vhdx "$tmp/i.vhdx" create=300K subformat=dynamic \
       --run "nbdcopy $tmp/data \"\$uri\""
s3 put "$s3_bucket/i.vhdx" "$tmp/i.vhdx"
nbdkit -U - vhdx "$s3_endpoint/$s3_bucket/i.vhdx" "${blob[@]:1}" \
       --run "nbdcopy \"\$uri\" $tmp/served"
cmp "$tmp/served" "$tmp/data" || fail "of i.vhdx"
expect_error '403' nbdkit vhdx "$s3_endpoint/$s3_bucket/i.vhdx" \
             access-key="$s3_id" secret-key=+"$tmp/other-secret"

# By name.
serves_by_name "$tmp/data" "$odd" ../other/disk.img \
    '404 NoSuchKey: there is no such object' "${blob[@]}" "${place[@]}"

start_nbdkit "$tmp/sock" "${blob[@]}" "${place[@]}"
"$python" - "$tmp/sock" <<'PYTHON'
import sys, nbd
h, names = nbd.NBD(), []
h.set_opt_mode(True)
h.connect_unix(sys.argv[1])
h.opt_list(lambda name, description: names.append(name))
assert len(names) == 3 and {"disk.img", "i.vhdx"} < set(names), names
PYTHON
stop_nbdkit "$tmp/sock"

# The bucket in the name of the host (which a proxy finds).
start_proxy
nbdkit -v -U - "${blob[@]}" endpoint-url=http://s3.example.org:80 \
       bucket=my-disks key=a/b proxy="$proxy" >"$tmp/virtual.log" 2>&1 || :
grep -q 'http://my-disks.s3.example.org.*/a/b: ' "$tmp/virtual.log" ||
    fail "$(<"$tmp/virtual.log")"

refused () {                    # PATTERN ARGS...
    expect_error "$1" nbdkit -v -U - blob "${@:2}" --run true
    ! grep -E 'AWS4|Signature=' "$tmp/expect_error.log" || fail "a signature"
}
key=(access-key="$s3_id" "${place[@]}" key=disk.img)
refused '403 SignatureDoesNotMatch: the secret is wrong' "${key[@]}" \
        secret-key=+"$tmp/other-secret"
refused '403 InvalidAccessKeyId: there is no such access key' "${place[@]}" \
        access-key=other secret-key=+"$tmp/secret" key=disk.img
refused 'go together' "${key[@]}"
refused 'needs bucket' access-key=x secret-key=y key=x url=http://x/y/z
refused 'only one of' "${place[@]}" http://127.0.0.1/x
refused 'endpoint-url: must be a URL of a host, without a path' \
        bucket=b endpoint-url="$s3_endpoint/path"
refused 'session-token' session-token=x "${place[@]}"

# A clock that is wrong does not matter: the server has one, too.
cat >"$tmp/clock.c" <<'C'
#define _GNU_SOURCE
#include <time.h>
time_t
time (time_t *t)
{
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  if (t != NULL)
    *t = now.tv_sec - 7200;
  return now.tv_sec - 7200;
}
C
if [[ $sanitizer == none ]] &&
        gcc -shared -fPIC -o "$tmp/clock.so" "$tmp/clock.c" 2>/dev/null; then
    LD_PRELOAD=$tmp/clock.so served "$tmp/data" "${place[@]}" key=disk.img
    grep -q 'seconds ahead of ours' "$tmp/served.log" ||
        fail "the clock was not noticed: $(<"$tmp/served.log")"
fi

# Another object takes its place.  (The server does not look at If-Match.)
start_nbdkit "$tmp/sock" "${blob[@]}" "${place[@]}" key=disk.img fetch=4K \
             cache-size=64K readahead=0
client "$tmp/sock" <<PYTHON
import subprocess
want = open("$tmp/data", "rb").read()
assert h.pread(4096, 0) == want[:4096]
subprocess.run(["python3", "$srcdir/tests/integration/cloud-upload.py", "s3",
                "$s3_endpoint", "$s3_id", "$s3_secret", "$s3_region", "put",
                "$s3_bucket/disk.img", "$tmp/other"], check=True)
assert fails(h.pread, 4096, 100000) == errno.EIO
PYTHON
stop_nbdkit "$tmp/sock"
grep -q 'was changed on the server' "$tmp/sock.log" || fail "$(<"$tmp/sock.log")"
