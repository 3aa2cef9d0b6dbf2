# SPDX-License-Identifier: BSD-3-Clause
#
# A forward proxy: http-proxy.py PORT-FILE LOG [USER:PASSWORD].
#
# Passes on requests with a whole URL (GET http://...) and tunnels
# (CONNECT), on the loopback only, and demands the user and password if
# there is one.  Each request is a line "METHOD URL RANGE BYTES" of the log,
# BYTES being those of the answer's body; of a tunnel, "CONNECT HOST:PORT"; of
# one without the password, "REFUSED URL".

import base64
import http.client
import http.server
import os
import socket
import sys
import threading
import urllib.parse

log = open(sys.argv[2], "a", buffering=1)
wanted = sys.argv[3] if len(sys.argv) > 3 else None


def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    to = None

    def log_message(self, *args):
        pass

    def is_permitted(self, netloc):
        given = self.headers["Proxy-Authorization"]
        want = wanted and "Basic " + base64.b64encode(wanted.encode()).decode()
        if given != want:
            log.write(f"REFUSED {self.path}\n")
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="x"')
        elif not netloc.startswith("127.0.0.1:"):
            self.send_response(502)
        else:
            return True
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_CONNECT(self):
        if not self.is_permitted(self.path):
            return
        log.write(f"CONNECT {self.path}\n")
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as to:
            self.send_response(200)
            self.end_headers()
            t = threading.Thread(target=pump, args=(to, self.connection))
            t.start()
            pump(self.connection, to)
            t.join()
        self.close_connection = True

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if not self.is_permitted(url.netloc):
            return
        if self.to is None:
            self.to = http.client.HTTPConnection(url.netloc, timeout=30)
        target = self.path.split(url.netloc, 1)[1]
        self.to.putrequest("GET", target, skip_host=True,
                           skip_accept_encoding=True)
        for name, value in self.headers.items():
            if not name.lower().startswith("proxy-"):
                self.to.putheader(name, value)
        self.to.endheaders()
        answer = self.to.getresponse()
        body = answer.read()
        wanted_range = (self.headers["x-ms-range"] or self.headers["Range"] or
                        "-")
        log.write(f"GET {url.path}?{url.query} {wanted_range} {len(body)}\n")
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length",
                                    "connection", "keep-alive"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, address):
        pass  # clients go when they want


server = Server(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w") as f:
    print(server.server_address[1], file=f)
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
