#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Images on a web server, with TLS and HTTP/2 and without: the disk is that
# of the file, byte by byte, and read-only.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires_nginx
requires_libnbd
requires_client
nbdkit vhd1 --help | grep -q cainfo= || skip "needs a build with libcurl"

mkdir "$tmp/www"
random_file "$tmp/data" 3M
nbdkit -U - vhd1 "$tmp/www/fixed.vhd" create=3M \
       --run "nbdcopy $tmp/data \"\$uri\""
for image in vhd1/dynamic.vhd vhdx/dynamic.vhdx; do
    nbdkit -U - "${image%/*}" "$tmp/www/${image#*/}" create=100M \
           subformat=dynamic block-size=1M \
           --run "nbdcopy $tmp/data \"\$uri\""
done
nbdkit -U - vhdx "$tmp/www/child.vhdx" parent="$tmp/www/dynamic.vhdx" \
       subformat=differencing --run :
make_ca
nginx_locations="
    ssl_client_certificate $tmp/ca.pem; ssl_verify_client optional;
    location /header { alias $tmp/www/;
                       if (\$http_authorization != 's3cr3t') { return 403; } }
    location /query { alias $tmp/www/;
                      if (\$arg_sig != 's3cr3t') { return 403; } }
    location /cert { alias $tmp/www/;
                     if (\$ssl_client_verify != SUCCESS) { return 403; } }"
start_nginx

# served PLUGIN FILE ARGS...: as from the file itself.
served () {
    local name=${2##*/}
    nbdkit -r -U - "$1" "$tmp/www/$name" --run "nbdcopy \"\$uri\" $tmp/is"
    start_nbdkit "$tmp/sock" "$@"
    client "$tmp/sock" <<'PYTHON'
assert h.is_read_only() and h.can_multi_conn()
PYTHON
    nbdcopy "$(uri "$tmp/sock")" "$tmp/served"
    stop_nbdkit "$tmp/sock"
    cmp "$tmp/is" "$tmp/served" || fail "$2 is not $name"
}

for url in "$http" "$https"; do
    served vhd1 "$url/fixed.vhd" cainfo="$tmp/ca.pem"
    served vhd1 "$url/dynamic.vhd" cainfo="$tmp/ca.pem"
    served vhdx "$url/dynamic.vhdx" cainfo="$tmp/ca.pem"
done
grep -q '^HTTP/2.0 206' "$tmp/access.log" || fail "no HTTP/2"
grep -q '^HTTP/1.1 206' "$tmp/access.log" || fail "no HTTP/1.1"
CURL_CA_BUNDLE=$tmp/ca.pem served vhdx "$https/dynamic.vhdx"
served vhdx file="$https/dynamic.vhdx" sslverify=false

# Who we are.  (The key of the server will do.)
printf s3cr3t >"$tmp/pass"
openssl pkey -in "$tmp/server.key" -aes256 -passout file:"$tmp/pass" \
        -out "$tmp/locked.key" 2>"$tmp/openssl.log"
us=(cainfo="$tmp/ca.pem" sslcert="$tmp/server.pem")
served vhdx "$https/cert/dynamic.vhdx" "${us[@]}" sslkey="$tmp/server.key"
served vhd1 "$https/cert/dynamic.vhd" "${us[@]}" sslkey="$tmp/locked.key" \
       sslkey-password=+"$tmp/pass"
expect_error 'does not permit it' \
             nbdkit vhdx "$https/cert/dynamic.vhdx" cainfo="$tmp/ca.pem"
(( $(wc -l <"$tmp/access.log") < 500 )) || fail "asked too often"

echo 'Authorization: s3cr3t' >"$tmp/headers"
echo "$http/query/dynamic.vhd?sig=s3cr3t" >"$tmp/url"
start_proxy
for ways in "vhdx $http/header/dynamic.vhdx header=+$tmp/headers" \
            "vhd1 +$tmp/url proxy=$proxy" \
            "vhdx $http/dynamic.vhdx retries=0 timeout=5 connections=2"; do
    read -r -a args <<<"$ways"
    start_nbdkit "$tmp/sock" -v "${args[@]}"
    nbdcopy "$(uri "$tmp/sock")" "$tmp/served"
    stop_nbdkit "$tmp/sock"
    nbdkit -r -U - "${args[0]}" "$tmp/www/dynamic.${args[0]/vhd1/vhd}" \
           --run "nbdcopy \"\$uri\" $tmp/is"
    cmp "$tmp/is" "$tmp/served" || fail "$ways"
    ! grep s3cr3t "$tmp/sock.log" || fail "a secret"
done
[[ -s $tmp/proxy.log ]] || fail "not by the proxy"
expect_error 'does not permit it' nbdkit vhdx "$http/header/dynamic.vhdx"
expect_error 'is not a URL' nbdkit vhdx "+$tmp/pass"
expect_error 'can only be used with a URL' \
             nbdkit vhdx "$tmp/www/dynamic.vhdx" user=me
expect_error 'can only be used with a URL' \
             nbdkit vhd1 "$tmp/www/dynamic.vhd" account-key=x
expect_error "unknown parameter 'container'" nbdkit vhdx container=x
expect_error 'cannot be used with Azure' \
             nbdkit vhdx "$http/dynamic.vhdx" account-key=eA== user=me

# The tool reads them, too.
for image in dynamic.vhd fixed.vhd dynamic.vhdx; do
    CURL_CA_BUNDLE=$tmp/ca.pem diskstack convert --quiet \
                  "$https/$image?query" "$tmp/from-url-$image.img"
    diskstack convert --quiet "$tmp/www/$image" "$tmp/from-file-$image.img"
    cmp "$tmp/from-url-$image.img" "$tmp/from-file-$image.img"
done
diskstack convert --quiet "raw:$http/fixed.vhd" "$tmp/whole.img"
cmp "$tmp/whole.img" "$tmp/www/fixed.vhd"
expect_error 'a URL cannot be used here' \
             diskstack resize "$http/dynamic.vhd" 200M

expect_error 'certificate' nbdkit vhdx "$https/dynamic.vhdx"
expect_error 'there is no such file on the server' \
             nbdkit vhd1 "$http/missing.vhd"
expect_error 'is a differencing image, and its parent' \
             nbdkit vhdx "$http/child.vhdx"
expect_error 'cannot be used with it' nbdkit vhdx "$http/x" create=1M
expect_error 'cannot be used with it' nbdkit vhdx "$http/x" parent=x
expect_error 'can only be given once|cannot be used with it' \
             nbdkit vhdx "$http/x" file=x
expect_error 'http://127.0.0.1:[0-9]*/dynamic.vhd: ' \
             nbdkit vhdx "$http/dynamic.vhd"
expect_error 'cannot be a layer' nbdkit --filter=layered null size=1M \
             layered-layer=disk,"$http/fixed.vhd"
