#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The ways to a web server: proxies, with passwords and for TLS, client
# certificates, versions of TLS, protocols, cookies in a file.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/http-functions.sh"

requires_plugin blob
requires_nginx
requires_libnbd

mkdir "$tmp/www"
random_file "$tmp/www/disk" 300K
make_ca
nginx_locations="
    ssl_client_certificate $tmp/ca.pem; ssl_verify_client optional;
    location /cert { alias $tmp/www/;
                     if (\$ssl_client_verify != SUCCESS) { return 403; } }
    location /header { alias $tmp/www/;
                       if (\$http_authorization != 's3cr3t') { return 403; } }
    location /cookie { alias $tmp/www/;
                       if (\$cookie_a != 'b') { return 403; } }"
start_nginx
tls=(cainfo="$tmp/ca.pem")

served () {                     # ARGS...
    nbdkit -v -U - blob "$@" --run "nbdcopy \"\$uri\" $tmp/served" \
           >"$tmp/log" 2>&1 || fail "$*: $(<"$tmp/log")"
    cmp "$tmp/served" "$tmp/www/disk" || fail "$* is not the disk"
    ! grep -E 's3cr3t|YTpzM2NyM3Q' "$tmp/log" || fail "a secret"
}
# refused PATTERN ARGS...
refused () { expect_error "$1" nbdkit blob "${@:2}"; }

start_proxy
served "$http/disk" proxy="$proxy"
grep -q "^GET /disk? bytes=" "$tmp/proxy.log" || fail "not by the proxy"
served "$https/disk" "${tls[@]}" proxy="$proxy"
grep -q "^CONNECT 127.0.0.1:$https_port" "$tmp/proxy.log" || fail "no tunnel"
: >"$tmp/proxy.log"
http_proxy=$proxy served "$http/disk"
[[ -s $tmp/proxy.log ]] || fail "not by the proxy of the environment"
: >"$tmp/proxy.log"
http_proxy=$proxy no_proxy=127.0.0.1 served "$http/disk"
[[ ! -s $tmp/proxy.log ]] || fail "by the proxy, in spite of no_proxy"
stop_proxy

start_proxy a:s3cr3t
echo s3cr3t >"$tmp/pass"
echo wrong >"$tmp/wrong"
user=(proxy="$proxy" proxy-user=a proxy-password=+"$tmp/pass")
served "$http/disk" "${user[@]}"
served "$https/disk" "${tls[@]}" "${user[@]}"
refused 'the proxy wants a password' "$http/disk" proxy="$proxy"
refused 'the proxy wants a password' "$https/disk" "${tls[@]}" proxy="$proxy"
: >"$tmp/proxy.log"
refused 'the proxy wants a password' "$https/disk" "${tls[@]}" proxy="$proxy" \
        proxy-user=a proxy-password=+"$tmp/wrong"
(( $(grep -c REFUSED "$tmp/proxy.log") == 1 )) || fail "$(<"$tmp/proxy.log")"
refused 'the proxy wants a password' "$http/disk" proxy="$proxy" proxy-user=a \
        proxy-password=+"$tmp/wrong"
stop_proxy
refused 'onnect' "$http/disk" proxy="$proxy"

# Who we are.  (The key of the server will do.)
openssl pkey -in "$tmp/server.key" -aes256 -passout pass:s3cr3t \
        -out "$tmp/locked.key" 2>"$tmp/openssl.log"
served "$https/cert/disk" "${tls[@]}" sslcert="$tmp/server.pem" \
       sslkey="$tmp/server.key"
served "$https/cert/disk" "${tls[@]}" sslcert="$tmp/server.pem" \
       sslkey="$tmp/locked.key" sslkey-password=+"$tmp/pass"
refused 'does not permit it' "$https/cert/disk" "${tls[@]}"
refused 'key|cert' "$https/cert/disk" "${tls[@]}" sslcert="$tmp/server.pem" \
        sslkey="$tmp/locked.key" sslkey-password=+"$tmp/wrong"

served "$https/disk" "${tls[@]}" ssl-version=tlsv1.3
served "$https/disk" "${tls[@]}" ssl-version=tlsv1.2 \
       ssl-cipher-list=ECDHE-ECDSA-AES128-GCM-SHA256 \
       tls13-ciphers=TLS_AES_128_GCM_SHA256
refused 'cipher' "$https/disk" "${tls[@]}" ssl-cipher-list=none-such

# Certificates of a folder, and of no file.
mkdir "$tmp/certs"
cp "$tmp/ca.pem" "$tmp/certs"
openssl rehash "$tmp/certs" 2>"$tmp/openssl.log"
served "$https/disk" cainfo= capath="$tmp/certs"
CURL_CA_BUNDLE=$tmp/ca.pem served "$https/disk"
CURL_CA_BUNDLE=$tmp/ca.pem refused 'certificate' "$https/disk" cainfo=

# Where a host is.
served "http://example.invalid:$http_port/disk" ipresolve=v4 \
       resolve=example.invalid:1:::1 \
       resolve="example.invalid:$http_port:127.0.0.1"
refused 'resolve|onnect' "http://localhost:$http_port/disk" ipresolve=v6
served "http://localhost:$http_port/disk" ipresolve=any
refused 'HOST:PORT:ADDRESS' "$http/disk" resolve=example.invalid:1
refused 'ipresolve=4' "$http/disk" ipresolve=4

# Headers that nobody is to see.
echo 'Authorization: s3cr3t' >"$tmp/headers"
served "$http/header/disk" header=+"$tmp/headers" header='X-Empty;'
refused 'does not permit it' "$http/header/disk"
refused 'No such file' "$http/header/disk" header=+"$tmp/none"
refused 'NAME: VALUE' "$http/header/disk" header=+"$tmp/pass"
refused 'NAME: VALUE' "$http/header/disk" header='X;y'

served "$http/disk" protocols=http,https,ftp tcp-keepalive=true \
       tcp-nodelay=false
refused 'rotocol' "$http/disk" protocols=https
refused 'neither http nor https' "$http/disk" protocols=ftp,sftp
refused 'ssl-version' "$http/disk" ssl-version=sslv3

printf '127.0.0.1\tFALSE\t/\tFALSE\t0\ta\tb\n' >"$tmp/cookies"
served "$http/cookie/disk" cookiefile="$tmp/cookies"
echo a=b >"$tmp/cookie"
served "$http/cookie/disk" cookie=+"$tmp/cookie"
refused 'does not permit it' "$http/cookie/disk"
