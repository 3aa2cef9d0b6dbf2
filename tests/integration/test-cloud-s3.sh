#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What common/cloud signs for S3, against a server of it that looks at
# signatures, with curl: it is accepted, one with another secret is not.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/cloud-functions.sh"

start_s3
random_file "$tmp/data" 100000
odd="d/odd +=:'(~é*.img"
s3 put "$s3_bucket/disk.img" "$tmp/data" -- put "$s3_bucket/$odd" "$tmp/data"

# get EXPECTED METHOD URL [HEADER VALUE]...
secret=$s3_secret id=$s3_id out=$tmp/out
get () {
    local expected=$1 method=$2 url=$3 headers=() i
    shift
    mapfile -t headers < <("$cloud_tool" s3 "$id" "$secret" '' "$s3_region" \
        "$(date +%s)" "$@")
    (( ${#headers[@]} == 3 )) || fail "not signed: $*"
    shift 2
    for (( i = 1; i <= $#; i += 2 )); do
        headers+=("${!i}: ${*:i+1:1}")
    done
    [[ $method == GET ]] || headers=(-I "${headers[@]}")
    fetch "$expected" "$out" "$url" "${headers[@]}"
}

url=$s3_endpoint/$s3_bucket/disk.img
get 200 GET "$url"
cmp "$out" "$tmp/data"
get 206 GET "$url" Range bytes=512-1023
cmp "$out" <(dd if="$tmp/data" bs=512 skip=1 count=1 status=none)
get 200 HEAD "$url"
get 404 GET "$s3_endpoint/$s3_bucket/none"
explained 404 "$out" '404 NoSuchKey: there is no such object'

# However the name is written in the URL.
escaped=$(python3 -c 'import sys, urllib.parse
print(urllib.parse.quote(sys.argv[1], safe="/"))' "$odd")
get 200 GET "$s3_endpoint/$s3_bucket/$escaped"
cmp "$out" "$tmp/data"
get 200 GET "$s3_endpoint/$s3_bucket/d/odd%20%2b=:'(~%c3%A9*.img"
cmp "$out" "$tmp/data"

# Parameters are signed, in whatever order.
get 200 GET "$url?response-content-type=a%2Fb&response-cache-control=x%20y"
grep -qi '^content-type: a/b' "$out.headers"

secret=other get 403 GET "$url"
explained 403 "$out" '403 SignatureDoesNotMatch: the secret is wrong'
id=other get 403 GET "$url"
explained 403 "$out" '403 InvalidAccessKeyId: there is no such access key'
mapfile -t headers < <("$cloud_tool" s3 "$s3_id" "$s3_secret" '' "$s3_region" \
    "$(date +%s)" GET "$url" Range bytes=0-1)
fetch 403 "$out" "$url" "${headers[@]}" 'Range: bytes=0-2'
mapfile -t headers < <("$cloud_tool" s3 "$s3_id" "$s3_secret" '' "$s3_region" \
    1369353600 GET "$url")
fetch 403 "$out" "$url" "${headers[@]}"
explained 403 "$out" '403 RequestTimeTooSkewed: the clock of this machine'
