#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Reads the log of a dm-log-writes device (Documentation/admin-guide/
# device-mapper/log-writes.rst) and checks promises:
#
#   replay-log-writes.py LOG PROMISED SIZE
#
# Lines of PROMISED are "K OFFSET": when the mark K came, the 4096 bytes at
# the offset had been written with the byte K+1 and were durable.  What is
# durable at a mark is what the log has before it: it notes a write when
# that was flushed, or at once if it had FUA.

import struct
import sys

MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
ENTRY = struct.Struct("<QQQQ")


def entries(log):
    """(flags, offset, data) of each entry, in the order of the log."""
    magic, version, n, sector = struct.unpack_from("<QQQI", log.read(4096))
    if magic != MAGIC or version != 1:
        sys.exit("not a log of writes")
    at = sector
    for _ in range(n):
        log.seek(at)
        start, nsectors, flags, length = ENTRY.unpack(log.read(ENTRY.size))
        if flags & MARK:
            yield flags, 0, log.read(length)
            at += sector
        elif flags & DISCARD:
            yield flags, start * 512, bytes(nsectors * 512)
            at += sector
        else:
            log.seek(at + sector)
            yield flags, start * 512, log.read(nsectors * 512)
            at += sector + nsectors * 512


def main():
    promised = {}
    for line in open(sys.argv[2]):
        k, offset = map(int, line.split())
        promised.setdefault(k, []).append(offset)
    disk = bytearray(int(sys.argv[3]))
    kinds, marks = 0, 0
    with open(sys.argv[1], "rb") as log:
        for flags, offset, data in entries(log):
            kinds |= flags
            if not flags & MARK:
                disk[offset:offset + len(data)] = data
                continue
            if data.startswith(b"dm-log-writes-end"):
                continue
            k = int(data.rstrip(b"\0"))
            for at in promised.pop(k):
                if disk[at:at + 4096] != bytes([k + 1]) * 4096:
                    sys.exit("mark %d: what is at %d was not durable" %
                             (k, at))
            marks += 1
    if promised or not marks:
        sys.exit("only %d marks are in the log" % marks)
    print("%d marks, all promises kept; %s" % (
        marks, "flushes and FUA" if kinds & FUA else "flushes"))


main()
