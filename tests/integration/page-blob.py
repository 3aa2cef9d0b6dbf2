# SPDX-License-Identifier: BSD-3-Clause
#
# A page blob on a server as Azure's: page-blob.py PORT-FILE LOG SIZE SEED.
#
# /FAULT/account/container/blob is of SIZE bytes, with data in some pages,
# "data (offset)" telling which bytes.  Lists of page ranges come in parts
# of at most 5.  The fault "narrow" fails lists of more than 4 GiB, as those
# that take too long; "silent" fails all; "hiccup" fails the first four, and
# "outage" all for two seconds from the first on, as a server that has a
# problem; "wild" tells ranges out of order;
# "none" is none; "changed" has another ETag from the first list on.
# Each list is a line of the log.

import http.server
import os
import random
import re
import sys
import time
import urllib.parse

log = open(sys.argv[2], "a", buffering=1)
size = int(sys.argv[3])
rng = random.Random(int(sys.argv[4]))
GIB = 1 << 30


def make_ranges():
    r, at = [], rng.randrange(0, 2) * 512
    while at < size:
        n = 512 * rng.choice((1, 2, 100, 3000))
        r.append((at, min(at + n, size)))
        at += n + 512 * rng.choice((1, 5, 1000, 100000, 4000000))
    return r


ranges = make_ranges()
etag = '"0x1"'
lists = 0
first_list = None


def has_data(start, end):
    return [(max(a, start), min(b, end)) for a, b in ranges
            if a < end and b > start]


def content(start, end):
    data = bytearray(end - start)
    for a, b in has_data(start, end):
        for sector in range(a // 512, (b + 511) // 512):
            text = (b"%015d\n" % sector) * 32
            x, y = max(a, sector * 512), min(b, sector * 512 + 512)
            data[x - start:y - start] = text[x % 512:(y - 1) % 512 + 1]
    return bytes(data)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("x-ms-blob-type", "PageBlob")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def lists_so_far(self):
        global lists
        lists += 1
        return lists

    def seconds_so_far(self):
        global first_list
        first_list = first_list or time.monotonic()
        return time.monotonic() - first_list

    def page_list(self, fault, query, start, end):
        global etag
        first = int(query.get("marker", ["0"])[0])
        found = has_data(start, end)
        part = found[first:first + 5]
        log.write(f"{start} {end} {first}\n")
        if fault == "changed":
            etag = '"0x2"'
        if fault == "silent" or (fault == "narrow" and end - start > 4 * GIB):
            self.answer(500, b"<Error><Code>OperationTimedOut</Code></Error>")
            return
        if (fault == "hiccup" and self.lists_so_far() <= 4) or \
           (fault == "outage" and self.seconds_so_far() < 2):
            self.answer(500, b"<Error><Code>InternalError</Code></Error>")
            return
        if fault == "wild":
            part = part[::-1]
        xml = "".join(f"<PageRange><Start>{a}</Start><End>{b - 1}</End>"
                      "</PageRange>" for a, b in part)
        if first + 5 < len(found):
            xml += f"<NextMarker>{first + 5}</NextMarker>"
        self.answer(200, f"<PageList>{xml}</PageList>".encode())

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        fault = url.path.split("/")[1]
        wanted = self.headers["x-ms-range"] or self.headers["Range"]
        start, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)",
                                            wanted).groups())
        end = min(last + 1, size)
        if self.headers["If-Match"] not in (None, etag):
            self.answer(412, b"")
        elif query.get("comp") == ["pagelist"]:
            self.page_list(fault, query, start, end)
        else:
            self.answer(206, content(start, end),
                        Content_Range=f"bytes {start}-{end - 1}/{size}")


if sys.argv[1] == "-":              # what has data, for comparison
    for a, b in ranges:
        print(a, b)
    sys.exit()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(sys.argv[1] + ".new", "w") as f:
    print(server.server_address[1], file=f)
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
