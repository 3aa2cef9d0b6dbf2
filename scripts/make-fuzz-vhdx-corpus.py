#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Writes the corpora of fuzz-vhdx-header, fuzz-vhdx-metadata and
# fuzz-vhdx-log:
#
#   scripts/make-fuzz-vhdx-corpus.py tests/fuzz/corpus
#
# It is the same every time.  What an input is, is in the fuzzers' sources.

import os
import struct
import sys
import uuid

MIB = 1 << 20
FIRST, SECOND, TABLE, DIFFERS = 1, 2, 4, 8

BAT = '2dc27766-f623-4200-9d64-115e9bfd4a08'
METADATA = '8b7ca206-4790-4b9a-b8fe-575f050f886e'
UNKNOWN = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
LINKAGE = '{f88d4d92-6fcc-408d-9bef-9b7c89f15c89}'


def guid(text):
    return uuid.UUID(text).bytes_le


def header(sequence=7, version=1, log_version=0, length=MIB, offset=MIB,
           log_id=b'log id log id 16'):
    return (b'head' + bytes(4) + struct.pack('<Q', sequence) +
            b'file write id 16' + b'data write id 16' + log_id +
            struct.pack('<HHIQ', log_version, version, length, offset))


def region(name, offset, length=MIB, flags=1):
    return guid(name) + struct.pack('<QII', offset, length, flags)


GOOD = (region(BAT, 3 * MIB), region(METADATA, 2 * MIB))


def table(*regions, count=None):
    return (b'regi' + bytes(4) +
            struct.pack('<II', len(regions) if count is None else count, 0) +
            b''.join(regions))


def header_input(flags=7, size=8 * MIB, first=header(7), second=header(6),
                 regions=table(*GOOD)):
    return bytes([flags]) + struct.pack('<Q', size) + first + second + regions


def header_inputs():
    yield 'good', header_input()
    yield 'second', header_input(second=header(8))
    yield 'torn', header_input(flags=6)
    yield 'both-bad', header_input(flags=4)
    yield 'same-number', header_input(second=header(7, length=2 * MIB))
    yield 'clean', header_input(first=header(9, log_id=bytes(16)))
    yield 'no-log', header_input(
        first=header(9, log_id=bytes(16), length=0, offset=0))
    yield 'version', header_input(first=header(9, version=2))
    yield 'log-version', header_input(first=header(9, log_version=1))
    yield 'log-place', header_input(first=header(9, offset=1 << 62))
    yield 'short', header_input(size=MIB)
    yield 'second-table', header_input(flags=15)
    yield 'first-table', header_input(flags=0x8f)
    yield 'third', header_input(
        regions=table(*GOOD, region(UNKNOWN, 5 * MIB, 2 * MIB, 0)))
    yield 'required', header_input(
        regions=table(*GOOD, region(UNKNOWN, 5 * MIB)))
    yield 'overlap', header_input(
        regions=table(*GOOD, region(UNKNOWN, 2 * MIB, 2 * MIB, 0)))
    yield 'twice', header_input(regions=table(*GOOD, GOOD[0]))
    yield 'count', header_input(regions=table(*GOOD, count=2048))


ITEMS = (
    ('caa16737-fa36-4d43-b3b6-33f0aa44e76b', 4,
     struct.pack('<II', 2 * MIB, 2)),
    ('2fa54224-cd1b-4876-b211-5dbed83bf4b8', 6,
     struct.pack('<Q', 127 * MIB + 512)),
    ('8141bf1d-a96f-4709-ba47-f233a8faab5f', 6, struct.pack('<I', 512)),
    ('cda348c7-445d-4471-9cc9-e9885251c556', 6, struct.pack('<I', 4096)),
    ('beca12ab-b2e6-4523-93ef-c309e000c746', 6, b'id of this disk!'),
)


def locator(*pairs):
    entries = text = b''
    place = 20 + 12 * len(pairs)
    for key, value in pairs:
        k, v = key.encode('utf-16-le'), value.encode('utf-16-le')
        at = place + len(text)
        entries += struct.pack('<IIHH', at, at + len(k), len(k), len(v))
        text += k + v
    return (guid('b04aefb7-d19e-4a81-b789-25b8e9445913') +
            struct.pack('<HH', 0, len(pairs)) + entries + text)


WINDOWS = locator(
    ('parent_linkage', LINKAGE),
    ('absolute_win32_path', 'C:\\vm\\gr\u00fc\u00df \U0001f4be.vhdx'),
    ('relative_path', '.\\\u78c1\u76e4.vhdx'),
    ('parent_linkage2', '{00000000-0000-0000-0000-000000000000}'))
PARENT = ('a8d35f2d-b30b-454d-abf7-d3d84834ab0c', 4, WINDOWS)


def metadata_input(*items):
    head = b'metadata' + struct.pack('<HH', 0, len(items)) + bytes(20)
    entries = text = b''
    for name, flags, value in items:
        at = 65536 + len(text) if value else 0
        entries += guid(name) + struct.pack('<IIII', at, len(value), flags, 0)
        text += value
    return struct.pack('<H', len(head + entries)) + head + entries + text


def replaced(index, value):
    items = list(ITEMS) + [PARENT]
    items[index] = items[index][:2] + (value,)
    return metadata_input(*items)


def metadata_inputs():
    yield 'child', metadata_input(*ITEMS, PARENT)
    yield 'no-locator', metadata_input(*ITEMS)
    yield 'no-parent', replaced(0, struct.pack('<II', 32 * MIB, 1))
    yield 'large', replaced(1, struct.pack('<Q', 64 << 40))
    yield 'too-large', replaced(1, struct.pack('<Q', 65 << 40))
    yield 'sectors', replaced(2, struct.pack('<I', 4096))
    yield 'block-size', replaced(0, struct.pack('<II', 3 * MIB, 2))
    yield 'missing', metadata_input(*ITEMS[1:], PARENT)
    yield 'twice', metadata_input(*ITEMS, ITEMS[0])
    yield 'user', metadata_input(*ITEMS, PARENT, (UNKNOWN, 1, b'mine'))
    yield 'unknown', metadata_input(*ITEMS, PARENT, (UNKNOWN, 4, b'mine'))
    yield 'incomplete', metadata_input(
        *ITEMS, ('71cc85f0-1b69-4e28-9558-c3bf83ae75d3', 0, b'1'))
    yield 'empty-item', metadata_input(*ITEMS, PARENT, (UNKNOWN, 0, b''))
    yield 'locator', WINDOWS
    yield 'locator-cut', WINDOWS[:-3]
    yield 'locator-nil', locator(
        ('parent_linkage', '{00000000-0000-0000-0000-000000000000}'))
    yield 'locator-mark', locator(('parent_linkage', LINKAGE),
                                  ('\ufeff', '\ufeff\ufeffx'))
    yield 'locator-twice', locator(('parent_linkage', LINKAGE),
                                   ('parent_linkage', LINKAGE))


def entry(at, tail, number, pages, zeroes=0, fill=0x5a):
    return bytes([0, at, tail, number, pages, zeroes, fill])


def change(sector, at, data):
    return struct.pack('<BBHB', 1, sector, at, len(data)) + data


def renew(sector):
    return bytes([2, sector])


def move(source, target):
    return bytes([3, source, target])


def log_inputs():
    yield 'empty', bytes([63])
    yield 'one', bytes([63]) + entry(0, 0, 200, 1)
    yield 'no-pages', bytes([63]) + entry(5, 5, 200, 0)
    yield 'two', bytes([63]) + entry(0, 0, 200, 1) + entry(2, 0, 201, 2)
    yield 'gap', bytes([63]) + entry(0, 0, 200, 1) + entry(2, 0, 202, 2)
    yield 'wrapped', bytes([63]) + entry(62, 62, 200, 3) + entry(2, 62, 201, 1)
    yield 'stale', (bytes([63]) + entry(0, 0, 200, 1) + entry(2, 0, 201, 1) +
                    entry(4, 4, 202, 1))
    yield 'torn', (bytes([63]) + entry(0, 0, 200, 1) + entry(2, 0, 201, 1) +
                   change(3, 2000, b'torn'))
    yield 'renewed', (bytes([63]) + entry(0, 0, 200, 1) +
                      change(1, 2000, b'torn') + renew(0))
    yield 'long', bytes([199]) + entry(0, 0, 200, 130)
    yield 'zeroes', bytes([63]) + entry(0, 0, 200, 130, 0xff)
    yield 'mixed', bytes([199]) + entry(190, 190, 200, 139, 0x55)
    yield 'last-number', (bytes([63]) + entry(0, 0, 126, 1) +
                          entry(2, 0, 127, 1) + entry(4, 0, 128, 1) +
                          entry(6, 0, 129, 1))
    yield 'tail-elsewhere', bytes([63]) + entry(0, 1, 200, 1)
    yield 'many-heads', (bytes([31]) + entry(0, 0, 200, 20) +
                         b''.join(move(0, i) for i in range(1, 32, 2)))
    yield 'target', (bytes([63]) + entry(0, 0, 200, 1) +
                     change(0, 80, struct.pack('<Q', MIB)) + renew(0))
    yield 'target-far', (bytes([63]) + entry(0, 0, 200, 1) +
                         change(0, 80, struct.pack('<Q', 1 << 63)) + renew(0))
    yield 'descriptors', (bytes([63]) + entry(0, 0, 200, 1) +
                          change(0, 24, b'\xff' * 4) + renew(0))
    yield 'full', bytes([9]) + b''.join(
        entry(2 * i, 0, 200 + i, 1) for i in range(5))


def main():
    for name, inputs in (('vhdx-header', header_inputs()),
                         ('vhdx-metadata', metadata_inputs()),
                         ('vhdx-log', log_inputs())):
        folder = os.path.join(sys.argv[1], name)
        os.makedirs(folder, exist_ok=True)
        for case, data in inputs:
            with open(os.path.join(folder, case), 'wb') as f:
                f.write(data)


main()
