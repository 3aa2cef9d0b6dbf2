#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The blob plugin with a server of Azure's blobs (Azurite): all kinds of
# credentials, what is said when they are no good, snapshots, blobs that
# are replaced; and no credential in any message.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/cloud-functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires_plugin blob
requires_libnbd
requires_client

start_azurite
random_file "$tmp/data" 300K
random_file "$tmp/other" 300K
azure container pub blob -- block pub/disk.img "$tmp/data" -- \
    container priv -- block priv/disk.img "$tmp/data" -- \
    block 'priv/d/odd +=:(~é.img' "$tmp/data"
pub=$endpoint/pub/disk.img priv=$endpoint/priv/disk.img

# Secrets are in files only, and in no message.
echo "$connection" >"$tmp/connection"
echo "$account_key" >"$tmp/key"
echo "${account_key/Eby8/Eby9}" >"$tmp/other-key"
iso () { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ; }
begun=$(iso '-1 hour') soon=$(iso '+1 hour')
azure sas priv/disk.img b r "$begun" "$soon" >"$tmp/sas"
azure sas priv c r "$begun" "$soon" >"$tmp/container-sas"
azure sas priv/disk.img b r "$(iso '-2 hours')" "$begun" >"$tmp/old-sas"
for sas in sas old-sas; do
    echo "$priv?$(<"$tmp/$sas")" >"$tmp/url-$sas"
done
no_secret () {                  # FILE
    local secret
    for secret in "$account_key" "$(sed 's/.*sig=//' "$tmp/sas")" \
            "$(sed 's/.*sig=//' "$tmp/old-sas")" sig= SharedKey; do
        ! grep -qF -e "$secret" "$1" || fail "a secret: $(<"$1")"
    done
}

# served DATA ARGS...
served () {
    nbdkit -v -U - blob "${@:2}" --run "nbdcopy \"\$uri\" $tmp/served" \
           >"$tmp/served.log" 2>&1 || fail "${*:2}: $(<"$tmp/served.log")"
    cmp "$tmp/served" "$1" || fail "${*:2} is not $1"
    no_secret "$tmp/served.log"
}

served "$tmp/data" "$pub"
served "$tmp/data" +"$tmp/url-sas"
served "$tmp/data" "$priv" sas=+"$tmp/sas"
served "$tmp/data" "$priv" sas=+"$tmp/container-sas"
served "$tmp/data" "$priv" account-key=+"$tmp/key"
served "$tmp/data" "$priv" account-key=+"$tmp/key" account="$account" fetch=4K
served "$tmp/data" "$priv" connection-string=+"$tmp/connection"
served "$tmp/data" connection-string=+"$tmp/connection" container=priv \
       blob=disk.img
served "$tmp/data" connection-string=+"$tmp/connection" container=priv \
       blob='d/odd +=:(~é.img' http-version=1.1
echo "BlobEndpoint=$endpoint;SharedAccessSignature=$(<"$tmp/container-sas")" \
    >"$tmp/sas-connection"
served "$tmp/data" connection-string=+"$tmp/sas-connection" container=priv \
       blob=disk.img

# Images.
for image in vhd1/i.vhd vhdx/i.vhdx; do
    name=${image#*/}
    nbdkit -U - "${image%/*}" "$tmp/$name" create=300K subformat=dynamic \
           --run "nbdcopy $tmp/data \"\$uri\""
    azure block "priv/$name" "$tmp/$name"
    echo "$endpoint/priv/$name?$(<"$tmp/container-sas")" >"$tmp/url-$name"
    for args in "$endpoint/priv/$name account-key=+$tmp/key" \
                "$endpoint/priv/$name sas=+$tmp/container-sas" \
                "+$tmp/url-$name"; do
        # shellcheck disable=SC2086
        nbdkit -v -U - "${image%/*}" $args \
               --run "nbdcopy \"\$uri\" $tmp/served" >"$tmp/served.log" 2>&1 ||
            fail "$args: $(<"$tmp/served.log")"
        cmp "$tmp/served" "$tmp/data" || fail "$args"
        no_secret "$tmp/served.log"
    done
    expect_error '403 AuthorizationFailure' \
                 nbdkit "${image%/*}" "$endpoint/priv/$name"
done

# Disks of other plugins: credentials in the URL.
nbdkit -U - --filter=layered blob "$pub" layered-layer=ram \
       --run "nbdcopy \"\$uri\" $tmp/served"
cmp "$tmp/served" "$tmp/data"

# Nothing at all, which the server says in its own way.
: >"$tmp/empty"
azure block priv/empty.img "$tmp/empty"
served "$tmp/empty" "$endpoint/priv/empty.img" account-key=+"$tmp/key"
served "$tmp/empty" "$endpoint/priv/empty.img" sas=+"$tmp/container-sas"

# By name.
serves_by_name "$tmp/data" 'd/odd +=:(~é.img' ../pub/disk.img \
    '404 BlobNotFound: there is no such blob' \
    blob connection-string=+"$tmp/connection" container=priv
grep -q 'is not the name of a blob' "$tmp/sock.log" || fail "a way out"

# All of them are listed, in pages.
commands=(container many)
for (( i = 0; i < 1003; i++ )); do
    commands+=(-- block "many/d & d/$i.img" "$tmp/empty")
done
azure "${commands[@]}"
azure sas many c rl "$begun" "$soon" >"$tmp/list-sas"
echo "BlobEndpoint=$endpoint;SharedAccessSignature=$(<"$tmp/list-sas")" \
    >"$tmp/list-connection"
for secret in connection list-connection; do
    start_nbdkit "$tmp/sock" -v blob connection-string=+"$tmp/$secret" \
                 container=many
    "$python" - "$tmp/sock" <<'PYTHON'
import sys, nbd
h, names = nbd.NBD(), []
h.set_opt_mode(True)
h.connect_unix(sys.argv[1])
h.opt_list(lambda name, description: names.append(name))
assert sorted(names) == sorted(f"d & d/{i}.img" for i in range(1003)), names
PYTHON
    stop_nbdkit "$tmp/sock"
    no_secret "$tmp/sock.log"
done
start_nbdkit "$tmp/sock" blob connection-string=+"$tmp/sas-connection" \
             container=priv
! nbdinfo --list "nbd+unix://?socket=$tmp/sock" >"$tmp/list" || fail "a list"
stop_nbdkit "$tmp/sock"
grep -q '403 ' "$tmp/sock.log" || fail "$(<"$tmp/sock.log")"

# refused PATTERN ARGS...
refused () {
    expect_error "$1" nbdkit -v -U - blob "${@:2}" --run true
    no_secret "$tmp/expect_error.log"
}
refused '403 AuthorizationFailure.*the signature in the URL has expired' \
        +"$tmp/url-old-sas"
refused 'the signature in the URL has expired' "$priv" sas=+"$tmp/old-sas"
refused '403 AuthorizationFailure' "$priv"
refused '403 AuthorizationFailure' "$priv" account-key=+"$tmp/other-key"
refused '404 BlobNotFound: there is no such blob' "$endpoint/priv/none" \
        account-key=+"$tmp/key"
refused '404 ContainerNotFound: there is no such container' "$endpoint/none/x" \
        account-key=+"$tmp/key"
refused 'http://127.0.0.1:[0-9]*/devstoreaccount1: names no blob' \
        "$endpoint?x=y" account-key=+"$tmp/key"
refused 'not base64' "$priv" account-key=x
refused 'sas: ' "$priv" sas=x
refused 'not of the account' http://127.0.0.1:1/x/y \
        connection-string=+"$tmp/connection"
refused 'only one of' "$priv" account-key=+"$tmp/key" sas=+"$tmp/sas"
refused 'needs container' "$priv" account-key=+"$tmp/key" blob=x
refused 'cannot be mixed' "$priv" account-key=+"$tmp/key" region=x
refused 'go together' "$priv" access-key=x
refused 'cannot be used with Azure' "$priv" account-key=+"$tmp/key" user=x
refused 'parameters of its own' +"$tmp/url-sas" sas=+"$tmp/sas"
refused 'only sent over https' "$priv" token-file="$tmp/key"
refused 'token-file=.*No such file' "$priv" token-file="$tmp/none"

# A snapshot stays; the blob itself is another one from then on.
snapshot=$(azure snapshot priv/disk.img)
start_nbdkit "$tmp/sock" -v blob "$priv" account-key=+"$tmp/key" fetch=4K \
             cache-size=64K readahead=0
client "$tmp/sock" <<PYTHON
import subprocess
want = open("$tmp/data", "rb").read()
assert h.pread(4096, 0) == want[:4096]
subprocess.run(["python3", "$srcdir/tests/integration/cloud-upload.py", "azure",
                "$endpoint", "$account", open("$tmp/key").read().strip(),
                "block", "priv/disk.img", "$tmp/other"], check=True)
assert fails(h.pread, 4096, 100000) == errno.EIO
assert fails(h.pread, 4096, 200000) == errno.EIO
PYTHON
stop_nbdkit "$tmp/sock"
(( $(grep -c 'was changed on the server' "$tmp/sock.log") == 1 )) ||
    fail "$(<"$tmp/sock.log")"
no_secret "$tmp/sock.log"
served "$tmp/other" "$priv" account-key=+"$tmp/key"
served "$tmp/data" "$priv?snapshot=$snapshot" account-key=+"$tmp/key"
azure sas priv/disk.img bs r "$begun" "$soon" "$snapshot" >"$tmp/snapshot-sas"
served "$tmp/data" "$priv?snapshot=$snapshot" sas=+"$tmp/snapshot-sas"
