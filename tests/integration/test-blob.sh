#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The blob plugin with a server that nobody here wrote: what is served is
# what is in the file, whatever its format, its URL and the way to it.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/http-functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires_plugin blob
requires_nginx
requires_libnbd
requires_client

mkdir -p "$tmp/www/in/deep" "$tmp/www/secret"
random_file "$tmp/www/disk.img" 5M
head -c 77 /dev/urandom >>"$tmp/www/disk.img"
random_file "$tmp/data" 64K
make_vhd "$tmp/www/disk.vhd" "$tmp/data"
cp "$tmp/www/disk.vhd" "$tmp/www/looks"
cp "$tmp/www/disk.img" "$tmp/www/in/deep/a b?c%.img"
cp "$tmp/www/disk.img" "$tmp/www/secret/disk.img"
: >"$tmp/www/empty"
echo "me:$(openssl passwd -apr1 pass)" >"$tmp/htpasswd"
nginx_locations="
    location /secret { auth_basic x; auth_basic_user_file $tmp/htpasswd; }
    location /cookie { alias $tmp/www/; if (\$http_cookie != 'a=b') { return 403; } }
    location /header { alias $tmp/www/; if (\$http_x_my != 'it is') { return 403; } }
    location /agent { alias $tmp/www/; if (\$http_user_agent != 'me/1') { return 403; } }
    location /moved { return 302 /disk.img; }
    location /plain { return 302 http://\$host:\$server_port/; }
    location = /get { rewrite ^ /\$arg_f break; root $tmp/www; }
    location /whole { alias $tmp/www/; max_ranges 0; }
    location /unversioned { alias $tmp/www/; etag off; add_header Last-Modified ''; }"
start_nginx

# served DATA ARGS...: the disk is that of the file.
served () {
    nbdkit -U - blob "${@:2}" cainfo="$tmp/ca.pem" \
           --run "nbdcopy \"\$uri\" $tmp/served"
    cmp "$tmp/served" "$1" || fail "${*:2} is not $1"
}

img=$tmp/www/disk.img
served "$img" "$http/disk.img"
served "$img" "$https/disk.img"
served "$img" url="$https/disk.img" http-version=1.1 connections=3
served "$img" "$https/disk.img" fetch=512 range-size=8K cache-size=64K \
       readahead=32K
served "$img" "$http/disk.img" readahead=0
served "$img" "http://nowhere.invalid/disk.img" \
       unix-socket-path="$tmp/nginx.sock"
served "$img" "$http/moved"
served "$tmp/www/empty" "$http/empty"
served "$tmp/www/empty" "$https/empty"
served "$img" "$http/secret/disk.img" user=me password=pass
served "$img" "${http/:\/\//:\/\/me:pass@}/secret/disk.img"
served "$img" "$http/cookie/disk.img" cookie=a=b
served "$img" "$http/header/disk.img" header='X-My: it is' header='X-Other: 1'
served "$img" "$http/agent/disk.img" user-agent=me/1
echo "$http/disk.img?sig=hidden" >"$tmp/url"
served "$img" "+$tmp/url"
echo pass >"$tmp/pass"
served "$img" "$http/secret/disk.img" user=me password=+"$tmp/pass"

served "$tmp/data" "$http/disk.vhd"
served "$tmp/data" "$http/disk.vhd" format=vhd1
served "$tmp/data" "$http/looks" format=vhd1
served "$tmp/www/looks" "$http/looks" format=flat
served "$tmp/www/looks" "$http/disk.vhd" format=flat
# The id is that of this version of the file, whatever its footer says.
id_of () {
    nbdkit -U - blob "$@" --run 'nbdinfo "$uri"' |
        grep -o 'disk-id=[-0-9a-f]*' || fail "no id"
}
id=$(id_of "$http/disk.vhd?sig=a")
[[ $(id_of "$http/disk.vhd?sig=b") == "$id" ]] || fail "another id"
[[ $(id_of "$http/looks" format=vhd1) != "$id" ]] || fail "the same id"
nbdkit -U - blob "$http/disk.vhd" --run 'nbdinfo "$uri"' |
    grep -q 'image-id=01020304-0506-0708-090a-0b0c0d0e0f10, disk-id=' ||
    fail "not the id of the footer"
# Also of files that only the query tells apart.
for file in one two; do
    random_file "$tmp/www/$file" 64K
    touch -d @1000000000 "$tmp/www/$file"
    served "$tmp/www/$file" "$http/get?f=$file"
done
id=$(id_of "$http/get?f=one&sv=1&sig=a")
[[ $(id_of "$http/get?f=one&sv=2&sig=b") == "$id" ]] || fail "another id"
[[ $(id_of "$http/get?f=two&sv=1&sig=a") != "$id" ]] || fail "the same id"
id=$(id_of "$http/disk.vhd")
touch -d '-1 day' "$tmp/www/disk.vhd"
[[ $(id_of "$http/disk.vhd") != "$id" ]] || fail "the same id as before"

# By name, below a URL.
start_nbdkit "$tmp/sock" blob base-url="$http?sig=x"
for name in disk.img in/deep/'a b?c%.img'; do
    client "$tmp/sock" "$name" <<PYTHON
assert h.is_read_only() and h.can_multi_conn()
want = open("$img", "rb").read()
assert h.get_size() == len(want)
assert h.pread(100000, 4000000) == want[4000000:4100000]
assert fails(h.pwrite, b"x", 0) == errno.EPERM
h.flush()
PYTHON
done
for name in ../www/disk.img /disk.img '' . in//disk.img missing; do
    expect_error . nbdinfo "nbd+unix:///$(python3 -c \
        'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1]))' \
        "$name")?socket=$tmp/sock"
done
stop_nbdkit "$tmp/sock"
grep -q 'is not the name of a file below' "$tmp/sock.log" || fail "way out"
# They are not listed, without a word.
start_nbdkit "$tmp/sock" blob base-url="$http"
nbdinfo --list "nbd+unix://?socket=$tmp/sock" >"$tmp/list" || :
stop_nbdkit "$tmp/sock"
! grep 'export=\|error' "$tmp/list" "$tmp/sock.log" || fail "a list"
nbdkit -U - blob "$http/disk.img" --run 'nbdinfo --list "$uri"' |
    grep -q 'export=""' || fail "no list"
! grep -q '\.\.' "$tmp/access.log" || fail "asked for .."

expect_error 'does not send parts of files' nbdkit blob "$http/whole/disk.img"
expect_error 'say unversioned=true' nbdkit blob "$http/unversioned/disk.img"
served "$img" "$http/unversioned/disk.img" unversioned=true
expect_error 'wants a password' nbdkit blob "$http/secret/disk.img"
expect_error 'does not permit it' nbdkit blob "$http/cookie/disk.img"
expect_error 'there is no such file' nbdkit blob "$http/none"
expect_error 'sends elsewhere' nbdkit blob "$http/moved" followlocation=false
expect_error 'without TLS' nbdkit blob "$https/plain" cainfo="$tmp/ca.pem"
expect_error 'certificate' nbdkit blob "$https/disk.img"
expect_error 'has the footer of a VHD' nbdkit blob "$http/looks"
expect_error 'footer' nbdkit blob "$http/disk.img" format=vhd1
nbdkit -U - vhd1 "$tmp/www/dynamic" create=1M subformat=dynamic --run :
ln "$tmp/www/dynamic" "$tmp/www/dynamic.vhd"
for args in dynamic 'dynamic format=vhd1' dynamic.vhd; do
    # shellcheck disable=SC2086
    expect_error 'nbdkit-vhd1-plugin' nbdkit blob $http/$args
done
nbdkit -U - vhdx "$tmp/www/x" create=1M --run :
nbdkit -U - blob "$http/x" --run : 2>"$tmp/warnings"
grep -q 'x: warning: looks like a VHDX.*nbdkit-vhdx-plugin' "$tmp/warnings" ||
    fail "$(<"$tmp/warnings")"
served "$tmp/www/x" "$http/x" format=flat 2>"$tmp/warnings"
[[ ! -s $tmp/warnings ]] || fail "$(<"$tmp/warnings")"
expect_error 'cannot be used' nbdkit blob disk.img
expect_error 'give the URL' nbdkit blob
expect_error 'only one of' nbdkit blob "$http/x" base-url="$http"
for bad in fetch=1000 fetch=2M range-size=512 cache-size=1K retries=-1 \
           timeout=0 connections=0 http-version=9 format=raw header=x \
           sslverify=perhaps unversioned=maybe; do
    expect_error "${bad%%=*}" nbdkit blob "$http/disk.img" "$bad"
done
