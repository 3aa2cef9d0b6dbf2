#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# instructions.py PROGRAM CASE...: instructions for a request of 4K in
# each case of bench-layered or bench-image, beside those of the first,
# which is exact where time is not.  valgrind counts a run of few requests
# and one of more; the difference is theirs.

import re
import subprocess
import sys

FEW, MORE = 1000, 6000


def count(program, case, operation, n):
    err = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         program, case, operation, str(n)],
        check=True, capture_output=True, text=True).stderr
    return int(re.search(r"Collected *: *(\d+)", err)[1])


def per_request(program, case, operation):
    few, more = (count(program, case, operation, n) for n in (FEW, MORE))
    return (more - few) / (MORE - FEW)


def main():
    base = {}
    program, *cases = sys.argv[1:]
    print("| | instructions, read | more "
          "| instructions, write | more |")
    print("|---|---|---|---|---|")
    for case in cases:
        cells = []
        for operation in ("read", "write"):
            n = per_request(program, case, operation)
            base.setdefault(operation, n)
            cells += [f"{n:.0f}", f"{n - base[operation]:.0f}"]
        print(f"| {case} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
