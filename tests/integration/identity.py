# SPDX-License-Identifier: BSD-3-Clause
#
# The identity of a machine of Azure: identity.py PORT-FILE LOG SECONDS.
#
# Gives tokens that are good for so many seconds, as Azurite takes them
# (which only looks at the times and names in them).  /bad is refused.  Each
# request is a line of the log.

import base64
import http.server
import json
import os
import sys
import time

log = open(sys.argv[2], "a", buffering=1)
seconds = int(sys.argv[3])


def part(**fields):
    text = base64.urlsafe_b64encode(json.dumps(fields).encode())
    return text.decode().rstrip("=")


def token(now):
    return ".".join((
        part(alg="none", typ="JWT"),
        part(aud="https://storage.azure.com", nbf=now - 600, iat=now - 600,
             iss="https://sts.windows.net/"
                 "11111111-2222-3333-4444-555555555555/",
             exp=now + seconds),
        "c2lnbmF0dXJl"))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        now = int(time.time())
        good = (self.headers["Metadata"] == "true" and
                "resource=https%3A%2F%2Fstorage.azure.com%2F" in self.path and
                not self.path.startswith("/bad"))
        log.write(f"{self.path} {good}\n")
        answer = {"access_token": token(now), "expires_on": str(now + seconds),
                  "resource": "https://storage.azure.com/",
                  "token_type": "Bearer"} if good else {
                      "error": "invalid_request",
                      "error_description": "Identity not found"}
        body = json.dumps(answer).encode()
        self.send_response(200 if good else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if sys.argv[1] == "-":              # only a token
    print(token(int(time.time())))
    sys.exit()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(sys.argv[1] + ".new", "w") as f:
    print(server.server_address[1], file=f)
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
