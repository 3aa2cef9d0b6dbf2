#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# write-differences.py FILE URI: write to an NBD server those blocks of
# FILE that differ from what the server has.

import sys

import nbd

BLOCK = 65536

h = nbd.NBD()
h.connect_uri(sys.argv[2])
written = 0
with open(sys.argv[1], "rb") as f:
    for offset in range(0, h.get_size(), BLOCK):
        want = f.read(BLOCK)
        if h.pread(len(want), offset) != want:
            h.pwrite(want, offset)
            written += len(want)
h.flush()
h.shutdown()
print("%d bytes written" % written)
