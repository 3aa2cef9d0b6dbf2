#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Writes the corpus of fuzz-stripe-label:
#
#   scripts/make-fuzz-stripe-corpus.py tests/fuzz/corpus
#
# It is the same every time.  The fuzzer itself puts checksums right.

import os
import struct
import sys

MIB = 1 << 20


def label(index=0, count=2, stripe=65536, size=2 * 65536 * 5, offset=MIB,
          id=b'id of the set 16', magic=b'dskstrip', version=1):
    return (struct.pack('<8sII16sIIQQQ', magic, version, 0, id, index, count,
                        stripe, size, offset) + bytes(448))


inputs = {
    'empty': b'',
    'short': label()[:511],
    'zeroes': bytes(512),
    'pair': label(0) + label(1),
    'swapped': label(1) + label(0),
    'twice': label(0) + label(0),
    'alone': label(0),
    'single': label(0, 1),
    'other-set': label(0) + label(1, id=b'id of others  16'),
    'other-size': label(0) + label(1, size=2 * 65536 * 6),
    'version': label(version=2),
    'magic': label(magic=b'dskstriq'),
    'no-id': label(id=bytes(16)),
    'count-0': label(count=0),
    'count-129': label(count=129),
    'index': label(index=2),
    'stripe-0': label(stripe=0),
    'stripe-odd': label(stripe=513),
    'stripe-huge': label(stripe=2**64 - 512),
    'size-0': label(size=0),
    'size-odd': label(size=65536 * 3),
    'size-huge': label(size=2**64 - 2 * 65536),
    'size-most': label(size=2**63 - 2 * 65536),
    'offset-0': label(offset=0),
    'offset-odd': label(offset=512),
    'offset-huge': label(offset=2**64 - 4096),
    'offset-most': label(offset=2**63 - 4096),
}

folder = os.path.join(sys.argv[1], 'stripe-label')
os.makedirs(folder, exist_ok=True)
for name, data in inputs.items():
    with open(os.path.join(folder, name), 'wb') as f:
        f.write(data)
