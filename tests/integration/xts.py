#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# XTS-AES as dm-crypt has it, unit by unit, by the openssl command and the
# multiplication of IEEE 1619 5.2 in Python: xts.py KEYFILE UNIT STEP FIRST
# encrypts its standard input.  The number of a unit is FIRST, FIRST + STEP...

import subprocess
import sys


def ecb(key, data):
    return subprocess.run(
        ["openssl", "enc", f"-aes-{8 * len(key)}-ecb", "-nopad", "-K",
         key.hex()], input=data, check=True, capture_output=True).stdout


def main():
    with open(sys.argv[1], "rb") as f:
        key = f.read()
    unit, step, first = (int(a) for a in sys.argv[2:])
    data = sys.stdin.buffer.read()
    half = len(key) // 2
    numbers = b"".join(((first + i * step) % 2**64).to_bytes(16, "little")
                       for i in range(len(data) // unit))
    starts = ecb(key[half:], numbers)
    tweaks = []
    for at in range(0, len(starts), 16):
        t = int.from_bytes(starts[at:at + 16], "little")
        for _ in range(unit // 16):
            tweaks.append(t.to_bytes(16, "little"))
            t = t << 1 ^ (0x87 if t >> 127 else 0)
            t &= 2**128 - 1
    tweak = int.from_bytes(b"".join(tweaks), "little")
    text = int.from_bytes(data, "little") ^ tweak
    text = ecb(key[:half], text.to_bytes(len(data), "little"))
    text = int.from_bytes(text, "little") ^ tweak
    sys.stdout.buffer.write(text.to_bytes(len(data), "little"))


main()
