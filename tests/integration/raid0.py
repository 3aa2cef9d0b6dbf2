# SPDX-License-Identifier: BSD-3-Clause
#
# A plain RAID-0, for the tests of the striped plugin:
#
#   raid0.py join OUT STRIPE OFFSET MEMBER...   the disk that members make
#   raid0.py split IN STRIPE OFFSET MEMBER...   a disk into its members
#
# OFFSET is where the data begins in each member, which stays as it is
# before that.

import sys

what, disk, stripe, offset = sys.argv[1:5]
stripe, offset, members = int(stripe), int(offset), sys.argv[5:]

if what == "join":
    parts = []
    for m in members:
        with open(m, "rb") as f:
            f.seek(offset)
            parts.append(f.read())
    rows = min(len(p) for p in parts) // stripe
    with open(disk, "wb") as f:
        for row in range(rows):
            for p in parts:
                f.write(p[row * stripe:(row + 1) * stripe])
else:
    with open(disk, "rb") as f:
        data = f.read()
    for i, m in enumerate(members):
        with open(m, "r+b") as f:
            f.seek(offset)
            for at in range(i * stripe, len(data), len(members) * stripe):
                f.write(data[at:at + stripe])
