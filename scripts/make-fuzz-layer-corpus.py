#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Writes the corpus of fuzz-layer-sqlite-open and fuzz-sdb-header:
#
#   scripts/make-fuzz-layer-corpus.py tests/fuzz/corpus
#
# It is the same every time.  The formats are described in
# docs/format-sector-db.md and, of the first fuzzer's inputs, in its
# source.

import os
import random
import struct
import sys

MIB = 1 << 20
READ_ONLY, SEAL = 1, 2
LOG = 4 * MIB                   # the first places are often the log's


def change(offset, data):
    assert offset % 4 == 0 and len(data) < 256
    return struct.pack('<IB', offset // 4, len(data)) + data


def layer_inputs():
    yield 'nothing', bytes([0])
    yield 'read-only', bytes([READ_ONLY])
    yield 'sealed', bytes([SEAL])
    yield 'not-sqlite', bytes([0]) + change(0, b'QFI\xfb')
    yield 'newer', bytes([0]) + change(0x3c, struct.pack('>I', 2))
    yield 'pages-few', bytes([0]) + change(0x1c, struct.pack('>I', 1))
    yield 'pages-many', bytes([0]) + change(0x1c, b'\xff' * 4)
    yield 'journal', bytes([0]) + change(
        3 * MIB, b'\xd9\xd5\x05\xf9\x20\xa1\x63\xd7' + b'\xff' * 20)
    for page in range(1, 5):
        yield f'page-{page}-header', bytes([0]) + change(
            4096 * page, bytes([13, 0, 0, 0, 1, 0, 0, 0]))
    rng = random.Random(1)
    for i in range(40):
        page = rng.randrange(5) * 4096
        where = page + rng.choice([rng.randrange(64), 4095 - rng.randrange(700)])
        data = bytes(rng.randrange(256) for _ in range(1 + rng.randrange(6)))
        yield f'database-{i}', bytes([rng.choice([0, READ_ONLY])]) + change(
            where & ~3, data)
    for i in range(40):
        where = LOG + rng.choice([0, MIB, 256 * 1024]) + rng.randrange(8192)
        data = bytes(rng.randrange(256) for _ in range(1 + rng.randrange(4)))
        yield f'log-{i}', bytes([SEAL]) + change(where & ~3, data)


def batch(records, data, length=None):
    offset = (64 + len(records) + 4095) // 4096 * 4096
    n = length or offset + (len(data) + 4095) // 4096 * 4096
    header = b'dsklog1\n' + bytes(range(16)) + struct.pack(
        '<QIIIIIIII', 7, n, 2, len(records), offset, len(data), 0, 0, 0)
    return (header + records).ljust(offset, b'\0') + data.ljust(n - offset,
                                                                b'\0')


def header_inputs():
    good = bytearray(b'SQLite format 3\0'.ljust(100, b'\0'))
    struct.pack_into('>H', good, 0x10, 4096)
    struct.pack_into('>I', good, 0x1c, 5)
    struct.pack_into('>I', good, 0x3c, 1)
    struct.pack_into('>I', good, 0x44, 0x644c7972)
    yield 'good', bytes(good)
    yield 'short', bytes(good[:99])
    yield 'empty', b''
    yield 'runs', (bytes([0, 5, 1, 0x80, 8, 2, 3, 64]) +
                   bytes([3, 1, 65]) + b'\xff' * 16 + b'\x0f' * 16)
    yield 'run-no-place', bytes([2, 1, 1])
    yield 'number-long', b'\x01' + b'\xff' * 12
    map_record = bytes([1, 9, 1, 20])
    data_record = bytes([2, 3, 1])
    yield 'batch', batch(map_record + data_record, b'\x55' * 512)
    yield 'batch-records', batch(map_record * 1200, b'')
    yield 'batch-length', batch(map_record, b'', 0xfffff000 & 0x7000)
    yield 'batch-kind', batch(bytes([7, 7]), b'\x66' * 4096)


def main():
    for name, inputs in (('layer-sqlite-open', layer_inputs()),
                         ('sdb-header', header_inputs())):
        folder = os.path.join(sys.argv[1], name)
        os.makedirs(folder, exist_ok=True)
        for key, data in inputs:
            with open(os.path.join(folder, key), 'wb') as f:
                f.write(data)


main()
