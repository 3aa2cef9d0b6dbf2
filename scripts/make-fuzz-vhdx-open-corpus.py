#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Writes the corpus of fuzz-vhdx-open:
#
#   scripts/make-fuzz-vhdx-open-corpus.py tests/fuzz/corpus/vhdx-open
#
# It is the same every time.  The form of an input is described in the
# fuzzer's source.

import os
import random
import struct
import sys

READ_ONLY, SEAL, CHILD, ODD = 1, 2, 4, 8
(IDENTIFIER, HEADER1, HEADER2, REGIONS1, REGIONS2, LOG, TABLE, ITEMS, BAT,
 BLOCK4, BLOCK5) = range(11)
TRUNCATE = 15
ALL = [0, READ_ONLY, CHILD, CHILD | READ_ONLY]


def change(part, offset, data):
    return struct.pack('<BHB', part, offset, len(data)) + data


def entry(state, mib):
    return struct.pack('<Q', state | mib << 20)


def inputs():
    for flags in ALL:
        yield f'as-it-is-{flags}', bytes([flags])
        yield f'odd-{flags}', bytes([flags | ODD])
        yield f'sealed-{flags}', bytes([flags | SEAL])
        for pages in (0, 16, 256, 1024, 1280, 9000):
            yield f'truncated-{flags}-{pages}', bytes([flags]) + change(
                TRUNCATE, pages, b'')
        yield f'header-torn-{flags}', bytes([flags]) + change(
            HEADER1, 100, b'x')
        yield f'headers-torn-{flags}', bytes([flags]) + change(
            HEADER1, 100, b'x') + change(HEADER2, 100, b'x')
        yield f'headers-alike-{flags}', bytes([flags | SEAL]) + change(
            HEADER1, 8, b'\5' * 8) + change(HEADER2, 8, b'\5' * 8)
        yield f'regions-torn-{flags}', bytes([flags]) + change(
            REGIONS2, 20, b'x')
        yield f'no-log-id-{flags}', bytes([flags | SEAL]) + change(
            HEADER1, 48, bytes(16)) + change(HEADER2, 48, bytes(16))
        for k, e in enumerate([entry(1, 0), entry(2, 0), entry(3, 4),
                               entry(4, 0), entry(6, 4), entry(6, 1),
                               entry(6, 900), entry(7, 5), entry(6, 2 ** 40),
                               entry(6, 4)[:-1] + b'\x80']):
            yield f'entry-{flags}-{k}', bytes([flags | SEAL]) + change(
                HEADER1, 48, bytes(16)) + change(
                HEADER2, 48, bytes(16)) + change(BAT, 8, e)
            yield f'bitmap-{flags}-{k}', bytes([flags | SEAL]) + change(
                HEADER1, 48, bytes(16)) + change(
                HEADER2, 48, bytes(16)) + change(BAT, 4096 * 8, e)
    rng = random.Random(1)
    for part, extent in ((HEADER1, 80), (HEADER2, 80), (REGIONS1, 80),
                         (LOG, 8192), (TABLE, 256), (ITEMS, 300), (BAT, 200),
                         (BLOCK4, 64), (BLOCK5, 64)):
        for k in range(12):
            data = bytes(rng.randrange(256)
                         for _ in range(1 + rng.randrange(8)))
            more = b''
            if part == REGIONS1:
                more = change(REGIONS2, 0, b'x')
            yield f'random-{part}-{k}', bytes(
                [SEAL | rng.choice(ALL)]) + change(
                part, rng.randrange(extent), data) + more


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, data in inputs():
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)


main()
