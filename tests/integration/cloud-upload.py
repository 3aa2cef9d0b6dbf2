#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Puts blobs and objects onto servers of Azure's and Amazon's interfaces.
# It signs on its own, knowing nothing of common/cloud.  Used by the tests
# of cloud-functions.sh:
#
#   cloud-upload.py azure ENDPOINT ACCOUNT KEY COMMAND [-- COMMAND]...
#       container NAME [blob]           [everybody may read its blobs]
#       block NAME/BLOB FILE
#       page NAME/BLOB FILE             sectors of zeroes are left out
#       sparse NAME/BLOB SIZE           a page blob of zeroes
#       pages NAME/BLOB OFFSET FILE     into one
#       clear NAME/BLOB OFFSET COUNT
#       snapshot NAME/BLOB              prints which
#       sas NAME[/BLOB] b|bs|c PERMISSIONS START EXPIRY [SNAPSHOT]
#                                       prints it
#   cloud-upload.py s3 ENDPOINT ID SECRET REGION COMMAND [-- COMMAND]...
#       put BUCKET/KEY FILE

import base64
import email.utils
import hashlib
import hmac
import http.client
import itertools
import sys
import time
import urllib.parse

SECTOR = 512
PIECE = 4 << 20
VERSION = "2021-12-02"


def request(endpoint, method, target, headers, body=b""):
    """Its answer; ends the program if that is not a good one."""
    url = urllib.parse.urlsplit(endpoint)
    kind = (http.client.HTTPSConnection if url.scheme == "https"
            else http.client.HTTPConnection)
    c = kind(url.netloc, timeout=30)
    c.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        c.putheader(name, value)
    c.endheaders(body)
    answer = c.getresponse()
    text = answer.read()
    c.close()
    if answer.status // 100 != 2:
        raise SystemExit(f"{method} {target}: {answer.status} {text!r}")
    return answer


class Azure:
    def __init__(self, endpoint, account, key):
        self.endpoint, self.account = endpoint, account
        self.key = base64.b64decode(key)
        self.base = urllib.parse.urlsplit(endpoint).path

    def mac(self, text):
        digest = hmac.new(self.key, text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    def put(self, path, query, headers, body=b""):
        headers = dict(headers)
        headers["x-ms-date"] = email.utils.formatdate(usegmt=True)
        headers["x-ms-version"] = VERSION
        path = self.base + "/" + urllib.parse.quote(path)
        lines = ["PUT", "", "", str(len(body) or ""), "", "", "", "", "", "",
                 "", ""]
        lines += sorted(f"{k}:{v}" for k, v in headers.items())
        lines.append(f"/{self.account}{path}")
        lines += sorted(f"{k}:{v}" for k, v in query.items())
        headers["Authorization"] = \
            f"SharedKey {self.account}:" + self.mac("\n".join(lines))
        headers["Content-Length"] = str(len(body))
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return request(self.endpoint, "PUT", path, headers, body)

    def container(self, name, access=None):
        headers = {"x-ms-blob-public-access": access} if access else {}
        self.put(name, {"restype": "container"}, headers)

    def block(self, path, file):
        with open(file, "rb") as f:
            self.put(path, {}, {"x-ms-blob-type": "BlockBlob"}, f.read())

    def sparse(self, path, size):
        self.put(path, {}, {"x-ms-blob-type": "PageBlob",
                            "x-ms-blob-content-length": str(size)})

    def pages(self, path, offset, file):
        with open(file, "rb") as f:
            data = f.read()
        last = int(offset) + len(data) - 1
        self.put(path, {"comp": "page"},
                 {"x-ms-page-write": "update",
                  "x-ms-range": f"bytes={offset}-{last}"}, data)

    def page(self, path, file):
        with open(file, "rb") as f:
            data = f.read()
        self.sparse(path, len(data))
        start = None
        for i in range(0, len(data) + SECTOR, SECTOR):
            has_data = any(data[i:i + SECTOR])
            if start is not None and (not has_data or i - start == PIECE):
                self.put(path, {"comp": "page"},
                         {"x-ms-page-write": "update",
                          "x-ms-range": f"bytes={start}-{i - 1}"},
                         data[start:i])
                start = None
            if has_data and start is None:
                start = i

    def clear(self, path, offset, count):
        last = int(offset) + int(count) - 1
        self.put(path, {"comp": "page"},
                 {"x-ms-page-write": "clear",
                  "x-ms-range": f"bytes={offset}-{last}"})

    def snapshot(self, path):
        answer = self.put(path, {"comp": "snapshot"}, {})
        print(answer.getheader("x-ms-snapshot"))

    def sas(self, path, resource, permissions, start, expiry, snapshot=""):
        text = "\n".join([permissions, start, expiry,
                          f"/blob/{self.account}/{path}", "", "", "",
                          VERSION, resource, snapshot, "", "", "", "", "", ""])
        print(urllib.parse.urlencode({
            "sv": VERSION, "sr": resource, "sp": permissions, "st": start,
            "se": expiry, "sig": self.mac(text)}))


class S3:
    def __init__(self, endpoint, key_id, secret, region):
        self.endpoint, self.key_id = endpoint, key_id
        self.secret, self.region = secret, region

    def put(self, path, file):
        with open(file, "rb") as f:
            body = f.read()
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        path = "/" + urllib.parse.quote(path, safe="/-._~")
        headers = {"host": urllib.parse.urlsplit(self.endpoint).netloc,
                   "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
                   "x-amz-date": now}
        names = ";".join(headers)
        canonical = "\n".join(["PUT", path, ""] +
                              [f"{k}:{v}" for k, v in headers.items()] +
                              ["", names, headers["x-amz-content-sha256"]])
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + self.secret.encode()
        for part in scope.split("/") + [text]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, "
            f"SignedHeaders={names}, Signature={key.hex()}")
        headers["Content-Length"] = str(len(body))
        request(self.endpoint, "PUT", path, headers, body)


def main(argv):
    kind, n = {"azure": (Azure, 4), "s3": (S3, 5)}[argv[0]]
    server = kind(*argv[1:n])
    for is_end, command in itertools.groupby(argv[n:], lambda a: a == "--"):
        if not is_end:
            name, *args = command
            getattr(server, name)(*args)


main(sys.argv[1:])
