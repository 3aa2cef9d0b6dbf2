# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests of URLs share, beside functions.sh: servers on the
# loopback that nobody here wrote.

source "$srcdir/tests/integration/raw-functions.sh"

# No proxy of the machine, and none of its certificates.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
unset CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR

requires_nginx () {
    requires nginx -v
    requires openssl version
}

# free_port: one that nothing listens on now.
free_port () {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# make_ca: a CA that nobody knows in $tmp/ca.pem, and a certificate by it
# for 127.0.0.1 in $tmp/server.pem and .key.
make_ca () {
    (
        cd "$tmp"
        ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
        openssl req -x509 "${ec[@]}" -keyout ca.key -out ca.pem -days 2 \
                -subj '/CN=diskstack test CA'
        openssl req "${ec[@]}" -keyout server.key -out server.csr -subj /CN=x
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 \
                -CAcreateserial -out server.pem \
                -extfile <(echo 'subjectAltName=IP:127.0.0.1')
    ) >"$tmp/openssl.log" 2>&1 || fail "openssl: $(<"$tmp/openssl.log")"
}

# start_nginx: the folder $tmp/www, at $http and, with TLS and HTTP/2, at
# $https.  What was asked for is in $tmp/access.log.  After so many as
# $nginx_requests it closes a connection.
start_nginx () {
    local plain tls try user=
    [[ -e $tmp/ca.pem ]] || make_ca
    (( EUID != 0 )) || user='user root;'
    for try in 1 2 3 4 5; do
        plain=${http_port:-$(free_port)} tls=${https_port:-$(free_port)}
        cat >"$tmp/nginx.conf" <<CONF
daemon off; $user pid $tmp/nginx.pid; error_log $tmp/nginx.log;
worker_processes 1;
events { worker_connections 256; }
http {
    log_format x '\$server_protocol \$status \$http_range \$uri';
    access_log $tmp/access.log x;
    client_body_temp_path $tmp/body; proxy_temp_path $tmp/proxy;
    fastcgi_temp_path $tmp/fastcgi; uwsgi_temp_path $tmp/uwsgi;
    scgi_temp_path $tmp/scgi;
    keepalive_requests ${nginx_requests:-100000};
    server {
        listen 127.0.0.1:$plain; listen 127.0.0.1:$tls ssl http2;
        listen unix:$tmp/nginx.sock;
        ssl_certificate $tmp/server.pem; ssl_certificate_key $tmp/server.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        root $tmp/www;
        ${nginx_locations-}
    }
}
CONF
        rm -f "$tmp/nginx.pid" "$tmp/nginx.sock"
        nginx -c "$tmp/nginx.conf" >"$tmp/nginx.out" 2>&1 &
        nginx_pid=$!
        wait_until 20 _nginx_or_gone
        [[ ! -s $tmp/nginx.pid ]] || break
    done
    [[ -s $tmp/nginx.pid ]] || fail "nginx: $(<"$tmp/nginx.out")"
    http_port=$plain https_port=$tls
    http=http://127.0.0.1:$plain https=https://127.0.0.1:$tls
    cleanup_fn stop_nginx
}

_nginx_or_gone () { [[ -s $tmp/nginx.pid ]] || _is_gone "$nginx_pid"; }

stop_nginx () {
    [[ ${nginx_pid-} ]] || return 0
    kill -TERM "$nginx_pid" 2>/dev/null || :
    wait "$nginx_pid" 2>/dev/null || :
    nginx_pid=
}

# uri SOCK: of a server of start_nbdkit.
uri () { echo "nbd+unix:///?socket=$1"; }

# start_faulty FILE [PORT]: http-faulty.py, at $faulty.
start_faulty () {
    rm -f "$tmp/faulty.port"
    python3 "$srcdir/tests/integration/http-faulty.py" "$1" \
            "$tmp/faulty.port" "${@:2}" >"$tmp/faulty.log" 2>&1 &
    faulty_pid=$!
    cleanup_fn stop_faulty
    wait_until 30 _faulty_or_gone
    [[ -s $tmp/faulty.port ]] || fail "http-faulty.py: $(<"$tmp/faulty.log")"
    faulty=http://127.0.0.1:$(<"$tmp/faulty.port")
}

_faulty_or_gone () { [[ -s $tmp/faulty.port ]] || _is_gone "$faulty_pid"; }

stop_faulty () {
    [[ ${faulty_pid-} ]] || return 0
    kill -KILL "$faulty_pid" 2>/dev/null || :
    wait "$faulty_pid" 2>/dev/null || :
    faulty_pid=
}

# start_proxy [USER:PASSWORD]: http-proxy.py, at $proxy; what was asked for
# is in $tmp/proxy.log.
start_proxy () {
    rm -f "$tmp/proxy.port"
    : >"$tmp/proxy.log"
    python3 "$srcdir/tests/integration/http-proxy.py" "$tmp/proxy.port" \
            "$tmp/proxy.log" "$@" >"$tmp/proxy.out" 2>&1 &
    proxy_pid=$!
    cleanup_fn stop_proxy
    wait_until 30 _proxy_or_gone
    [[ -s $tmp/proxy.port ]] || fail "http-proxy.py: $(<"$tmp/proxy.out")"
    proxy=http://127.0.0.1:$(<"$tmp/proxy.port")
}

_proxy_or_gone () { [[ -s $tmp/proxy.port ]] || _is_gone "$proxy_pid"; }

stop_proxy () {
    [[ ${proxy_pid-} ]] || return 0
    kill -KILL "$proxy_pid" 2>/dev/null || :
    wait "$proxy_pid" 2>/dev/null || :
    proxy_pid=
}

# tell_faulty on|off: whether faults with N = 0 happen.
tell_faulty () {
    python3 -c 'import sys, urllib.request
urllib.request.urlopen(sys.argv[1]).read()' "$faulty/$1"
}

# sixteen_clients SOCK FILE COUNT SECONDS: as many at once as that read what
# is in the file at random places, COUNT times or as long as that, and must
# find it.
sixteen_clients () {
    cat >"$tmp/clients.py" <<'PYTHON'
import random, sys, threading, time
import nbd
want = open(sys.argv[2], "rb").read()
end = time.monotonic() + int(sys.argv[4])
good = []
def run(seed):
    rng = random.Random(seed)
    h = nbd.NBD()
    h.connect_unix(sys.argv[1])
    for _ in range(int(sys.argv[3])):
        n = rng.choice((1, 512, 4096, 100000))
        at = rng.randrange(len(want) - n)
        if h.pread(n, at) != want[at:at + n]:
            return
        if time.monotonic() >= end:
            break
    h.shutdown()
    good.append(seed)
threads = [threading.Thread(target=run, args=(int(sys.argv[5]) + i,))
           for i in range(16)]
for t in threads: t.start()
for t in threads: t.join()
assert len(good) == 16
PYTHON
    echo "sixteen clients: seed $SEED"
    "$python" "$tmp/clients.py" "$@" "$SEED"
}
