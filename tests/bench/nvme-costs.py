#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# nvme-costs.py PROGRAM: what a command of bench-nvme costs that can be
# counted, whatever else the machine does: instructions of the driver, by
# callgrind, without those of the emulated device and of copying (of which
# valgrind counts each byte of what is one instruction); bytes that it copies;
# and system calls of who polls, by strace.  Each is counted of a few requests
# and of more; the difference is theirs.

import collections
import re
import subprocess
import sys

FEW, MORE = 500, 2500
Case = collections.namedtuple("Case", "name commands what")

CASES = [
    Case("4K", 1, "4K alone"),
    Case("32x8K", 32, "8K, 32 in a request"),
    Case("256K", 1, "256K, PRPs"),
    Case("256K-sgl", 1, "256K, SGL"),
]
POLLING = [
    Case("4K-polling", 1, "4K alone"),
    Case("32x8K-polling", 32, "8K, 32 in a request"),
]


def run(args):
    return subprocess.run(args, check=True, capture_output=True, text=True)


def instructions(program, case, n):
    err = run(["valgrind", "--tool=callgrind", "--toggle-collect=reader",
               "--toggle-collect=timed_write32",
               "--toggle-collect=__wrap_memcpy",
               "--callgrind-out-file=/dev/null", program, case, str(n)]).stderr
    return int(re.search(r"Collected *: *(\d+)", err)[1])


def copied(program, case, n):
    return int(run([program, case, str(n)]).stdout)


def calls(program, case, n):
    err = run(["strace", "-c", program, case, str(n)]).stderr
    return int(re.search(r"(\d+)(?: +\d+)? total$", err, re.M)[1])


def each(count, program, case):
    few, more = (count(program, case.name, n) for n in (FEW, MORE))
    return (more - few) / (MORE - FEW) / case.commands


def main():
    program = sys.argv[1]
    print("| read | instructions but for copying | bytes copied |\n|---|---|---|")
    for case in CASES:
        print(f"| {case.what} | {each(instructions, program, case):.0f} "
              f"| {each(copied, program, case):.0f} |", flush=True)
    print("\n| while polling | system calls |\n|---|---|")
    for case in POLLING:
        print(f"| {case.what} | {max(each(calls, program, case), 0):.2f} |", flush=True)


if __name__ == "__main__":
    main()
