#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Writes common/base/crc32c-table.h: the byte table of CRC-32C and the
# tables that move a CRC over SHIFT zero bytes.  Run it by hand after a
# change here; its output is committed.

POLY = 0x82F63B78
SHIFT = 1024


def step(c):
    for _ in range(8):
        c = (c >> 1) ^ (POLY if c & 1 else 0)
    return c


TABLE = [step(i) for i in range(256)]


def shift(c):
    for _ in range(SHIFT):
        c = TABLE[c & 0xFF] ^ (c >> 8)
    return c


def rows(values):
    for i in range(0, 256, 6):
        yield "  " + ", ".join("0x%08x" % v for v in values[i:i + 6]) + ","


BITS = [shift(1 << b) for b in range(32)]


def shift_fast(c):
    r = 0
    for b in range(32):
        if c >> b & 1:
            r ^= BITS[b]
    return r


print("/* SPDX-License-Identifier: BSD-3-Clause")
print(" *")
print(" * Made by scripts/make-crc32c-table.py.")
print(" */")
print()
print("#define CRC32C_SHIFT_BYTES %d" % SHIFT)
print()
print("static const uint32_t crc32c_table[256] = {")
print("\n".join(rows(TABLE)))
print("};")
print()
print("#if defined(__x86_64__)")
print("static const uint32_t crc32c_shift[4][256] = {")
for k in range(4):
    print("  {")
    print("\n".join("  " + r for r in
                    rows([shift_fast(i << 8 * k) for i in range(256)])))
    print("  },")
print("};")
print("#endif")
