#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The token in the answer of a managed identity is one that a server of
# Azure's blobs takes, over TLS; one that is over is refused by both.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/cloud-functions.sh"

requires openssl version

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -days 2 \
    -keyout "$tmp/key.pem" -out "$tmp/cert.pem" 2> "$tmp/openssl.log" ||
    fail "$(<"$tmp/openssl.log")"
start_azurite --oauth basic --cert "$tmp/cert.pem" --key "$tmp/key.pem"
endpoint=https://127.0.0.1:$port/$account
export SSL_CERT_FILE=$tmp/cert.pem CURL_CA_BUNDLE=$tmp/cert.pem
random_file "$tmp/data" 5000
azure container priv -- block priv/disk.img "$tmp/data"

# answer EXPIRES [AUDIENCE]: as a machine's endpoint gives it.
answer () {
    python3 - "$1" "${2-https://storage.azure.com}" <<'PYTHON'
import base64, json, sys, time
now, expires = int(time.time()), int(sys.argv[1])
def part(**fields):
    text = base64.urlsafe_b64encode(json.dumps(fields).encode())
    return text.decode().rstrip("=")
token = ".".join((
    part(alg="none", typ="JWT"),
    part(aud=sys.argv[2], nbf=now - 600, iat=now - 600,
         iss="https://sts.windows.net/11111111-2222-3333-4444-555555555555/",
         exp=expires),
    "c2lnbmF0dXJl"))
print(json.dumps({"access_token": token, "expires_on": str(expires),
                  "resource": "https://storage.azure.com/",
                  "token_type": "Bearer"}))
PYTHON
}

url=$endpoint/priv/disk.img out=$tmp/out now=$(date +%s)
answer $(( now + 3600 )) > "$tmp/answer"
mapfile -t headers < <("$cloud_tool" identity "$now" < "$tmp/answer")
(( ${#headers[@]} == 2 )) || fail "no headers"
fetch 200 "$out" "$url" "${headers[@]}"
cmp "$out" "$tmp/data"
fetch 206 "$out" "$url" "${headers[@]}" 'Range: bytes=1-1'
fetch 403 "$out" "$url"
answer $(( now + 3600 )) https://vault.azure.net > "$tmp/answer"
mapfile -t headers < <("$cloud_tool" identity "$now" < "$tmp/answer")
fetch 403 "$out" "$url" "${headers[@]}"
explained 403 "$out" '403 AuthenticationFailed: the key, token or SAS is wrong'

answer $(( now - 60 )) > "$tmp/answer"
expect_error 'the answer has an access token that has expired' \
    bash -c '"$1" identity "$2" < "$3"' - "$cloud_tool" "$now" "$tmp/answer"
mapfile -t headers < <("$cloud_tool" identity $(( now - 120 )) < "$tmp/answer")
fetch 403 "$out" "$url" "${headers[@]}"
