# SPDX-License-Identifier: BSD-3-Clause
#
# A web server that is no good: http-faulty.py FILE PORT-FILE [PORT].
#
# /FAULT/N/anything is FILE, with that fault in every Nth answer but not
# in the first one, which nbdkit is to be started with; N = 0: in all from
# the moment on when /on was asked for, until /off.  The fault "random" is
# any of those that may pass.  /empty has no bytes.  Listens on the
# loopback, and writes the port into PORT-FILE.  Each request for the file is a
# line "SECONDS FAULT FIRST LAST" in PORT-FILE.asked, where the fault is "none"
# if that answer has none.

import http.server
import os
import random
import sys
import threading
import time

data = open(sys.argv[1], "rb").read()
asked = open(sys.argv[2] + ".asked", "w", buffering=1)
lock = threading.Lock()
count = {}
faults_on = False


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def is_faulty(self, fault, n):
        with lock:
            count[fault] = count.get(fault, 0) + 1
            if n == 0:
                return faults_on
            return count[fault] > 4 and count[fault] % n == 0

    def end_here(self):
        self.close_connection = True

    def do_GET(self):
        global faults_on
        if self.path in ("/on", "/off"):
            faults_on = self.path == "/on"
            self.answer(200, b"")
            return
        if self.path == "/empty":  # and does not say it with a 416
            is_part = "Range" in self.headers
            self.answer(416 if is_part else 200, b"text" * is_part)
            return
        _, fault, n, _ = self.path.split("/", 3)
        first, last = self.headers["Range"][len("bytes="):].split("-")
        first, last = int(first), min(int(last), len(data) - 1)
        if not self.is_faulty(fault, int(n)):
            fault = "none"
        asked.write("%.3f %s %d %d\n" % (time.monotonic(), fault, first, last))
        getattr(self, "do_" + fault.replace("-", "_"))(first, last)

    # An answer; what is None is left out.
    def answer(self, status, body, first=0, last=0, total=len(data),
               etag='"it"', says=True, length=None, headers=()):
        self.send_response(status)
        if status == 206 and says:
            self.send_header("Content-Range",
                             "bytes %d-%d/%d" % (first, last, total))
        if etag:
            self.send_header("ETag", etag)
        for h in headers:
            self.send_header(*h)
        self.send_header("Content-Length",
                         str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def part(self, first, last, **kw):
        self.answer(206, data[first:last + 1], first, last, **kw)

    def do_none(self, first, last):
        self.part(first, last)

    def do_ignores_range(self, first, last):
        self.answer(200, data)
        self.end_here()

    def do_other_data(self, first, last):  # honestly
        self.part(first + 512, last + 512)

    def do_says_other(self, first, last):
        self.answer(206, data[first:last + 1], first + 512, last + 512)

    def do_says_nothing(self, first, last):
        self.part(first, last, says=False)

    def do_short(self, first, last):
        self.part(first, max(first, last - 1))

    def begin_without_length(self, first, last):
        self.send_response(206)
        self.send_header("Content-Range",
                         "bytes %d-%d/%d" % (first, last, len(data)))
        self.send_header("ETag", '"it"')
        self.send_header("Connection", "close")
        self.end_headers()

    def do_long(self, first, last):
        self.begin_without_length(first, last)
        self.wfile.write(data[first:last + 1] + b"surplus")
        self.end_here()

    def do_claims_range_sends_all(self, first, last):
        self.begin_without_length(first, last)
        self.wfile.write(data[:last + 1 - first])
        time.sleep(0.02)
        self.wfile.write(data[last + 1 - first:])
        self.end_here()

    def do_cut(self, first, last):
        count = last + 1 - first
        self.answer(206, data[first:first + count // 2], first, last,
                    length=count)
        self.end_here()

    def do_stall(self, first, last):
        self.do_cut(first, last)
        self.wfile.flush()
        time.sleep(1.5)

    def do_trickle(self, first, last):
        self.answer(206, b"", first, last, length=last + 1 - first)
        for at in range(first, last + 1):
            self.wfile.write(data[at:at + 1])
            time.sleep(0.05)

    def do_silent(self, first, last):
        time.sleep(600)

    def do_closes(self, first, last):
        self.end_here()

    def do_changes(self, first, last):
        self.part(first, last, etag='"another"')

    def do_grows(self, first, last):
        self.part(first, last, total=len(data) + 512)

    def do_encodes(self, first, last):
        self.part(first, last, headers=[("Content-Encoding", "gzip")])

    def do_random(self, first, last):
        fault = random.choice(("short", "long", "cut", "closes", "500", "503"))
        getattr(self, "do_" + fault)(first, last)

    def do_retry_after(self, first, last):
        self.answer(503, b"busy", headers=[("Retry-After", "1")])

    def __getattr__(self, name):  # do_404
        if name.startswith("do_") and name[3:].isdigit():
            return lambda first, last: self.answer(int(name[3:]), b"no")
        raise AttributeError(name)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, address):
        pass  # clients go when they want


port = int(sys.argv[3]) if len(sys.argv) > 3 else 0
server = Server(("127.0.0.1", port), Handler)
with open(sys.argv[2] + ".new", "w") as f:
    print(server.server_address[1], file=f)
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
