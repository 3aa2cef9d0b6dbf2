#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What common/cloud signs and reads of Azure Blob, against a server of it
# (Azurite) and with curl: the signature is accepted, one of another key
# is not; of a SAS that is no good we know why.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/cloud-functions.sh"

start_azurite
random_file "$tmp/data" 100000
azure container pub blob -- block pub/disk.img "$tmp/data" -- \
    container priv -- block priv/disk.img "$tmp/data" -- \
    block 'priv/d/odd +=:(~é.img' "$tmp/data"

out=$tmp/out
url=$("$cloud_tool" url "$connection" priv disk.img)
[[ $url == "$endpoint/priv/disk.img" ]] || fail "$url"

# The whole, parts in both kinds of header, conditions, and only headers.
azure_get 200 GET "$url"
cmp "$out" "$tmp/data"
etag=$(sed -n 's/^etag: \(.*\)\r$/\1/Ip' "$out.headers")
azure_get 206 GET "$url" Range bytes=512-1023 If-Match "$etag"
cmp "$out" <(dd if="$tmp/data" bs=512 skip=1 count=1 status=none)
azure_get 206 GET "$url" x-ms-range bytes=0-0
[[ $(stat -c %s "$out") == 1 ]]
azure_get 200 HEAD "$url" If-Match "$etag"
azure_get 412 GET "$url" If-Match '"0x1"'
explained 412 "$out" '412 ConditionNotMet: the blob has changed'
azure_get 304 GET "$url" If-None-Match "$etag"

# A name with everything in it.
odd=$("$cloud_tool" url "$connection" priv 'd/odd +=:(~é.img')
azure_get 200 GET "$odd"
cmp "$out" "$tmp/data"

# Refused: another key, no key, something changed after signing.
connection=${connection/Key=Eby8/Key=Eby9} azure_get 403 GET "$url"
explained 403 "$out" '403 AuthorizationFailure: the credentials do not permit'
mapfile -t headers < <("$cloud_tool" azure "$connection" "$(date +%s)" GET "$url")
fetch 403 "$out" "$url" "${headers[@]}" 'Range: bytes=0-1'
fetch 403 "$out" "$url"
azure_get 404 GET "$endpoint/priv/none"
explained 404 "$out" '404 BlobNotFound: there is no such blob'
fetch 200 "$out" "$endpoint/pub/disk.img"
cmp "$out" "$tmp/data"

# A snapshot stays what it was.
snapshot=$(azure snapshot priv/disk.img)
random_file "$tmp/new" 50000
azure block priv/disk.img "$tmp/new"
azure_get 200 GET "$url?snapshot=$snapshot"
cmp "$out" "$tmp/data"
azure_get 200 GET "$url?snapshot=${snapshot//:/%3A}"
cmp "$out" "$tmp/data"
azure_get 200 GET "$url"
cmp "$out" "$tmp/new"

# SAS: one that is good, and those of which we say why they are not.
now=$(date +%s)
iso () { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
hour=$(( now + 3600 ))
begun=$(iso $(( now - 60 )))
good=$url?$(azure sas priv/disk.img b r "$begun" "$(iso $hour)")
"$cloud_tool" sas "$good" "$now"
fetch 200 "$out" "$good"
cmp "$out" "$tmp/new"
good=$url?$(azure sas priv c rl "$begun" "$(iso $hour)")
"$cloud_tool" sas "$good" "$now"
fetch 200 "$out" "$good"
good=$url?$(azure sas priv/disk.img bs r "$begun" "$(iso $hour)" "$snapshot")
"$cloud_tool" sas "$good" "$now"
with_snapshot=$("$cloud_tool" request "$good&snapshot=$snapshot" '')
[[ $with_snapshot == "$url?snapshot=$snapshot&sv="* ]] || fail "$with_snapshot"
fetch 200 "$out" "$with_snapshot"
cmp "$out" "$tmp/data"
bad_sas () {                    # PERMISSIONS START EXPIRY WHY
    local bad
    bad=$url?$(azure sas priv/disk.img b "$1" "$2" "$3")
    expect_error "$4" "$cloud_tool" sas "$bad" "$now"
    fetch 403 "$out" "$bad"
}
bad_sas r "$(iso $(( now - 7200 )))" "$(iso $(( now - 3600 )))" 'has expired'
bad_sas r "$(iso $hour)" "$(iso $(( hour + 60 )))" 'not valid yet'
bad_sas w "$begun" "$(iso $hour)" 'does not permit reading'
