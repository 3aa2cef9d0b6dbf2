#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# kernel-pr.py DEVICE COMMAND NUMBERS: persistent reservations by the
# kernel's own ioctls (linux/pr.h):
#
#   register OLD NEW    reserve KEY TYPE        release KEY TYPE
#   clear KEY           preempt KEY VICTIM TYPE
#
# Types are the kernel's: 1 write exclusive, 2 exclusive access, ...
# Exits 2 on a reservation conflict, whichever way the kernel says that.

import fcntl
import os
import struct
import sys

FORMATS = {
    "register": (200, "QQII", 24),
    "reserve": (201, "QII", 16),
    "release": (202, "QII", 16),
    "preempt": (203, "QQII", 24),
    "clear": (205, "QII", 16),
}
CONFLICTS = (0x18, 0x83, 0x4083)        # of SCSI, of NVMe

device, command = sys.argv[1:3]
numbers = [int(x, 0) for x in sys.argv[3:]]
number, form, size = FORMATS[command]
fields = numbers + [0] * (len(form) - len(numbers))
request = 1 << 30 | size << 16 | ord("p") << 8 | number
fd = os.open(device, os.O_RDWR)
try:
    # Of memory that may change, ioctl returns what the kernel does.
    status = fcntl.ioctl(fd, request, bytearray(struct.pack(form, *fields)))
except OSError as e:
    status = -1
    if e.errno != 52:                   # EBADE
        raise
if status == 0:
    sys.exit(0)
if status != -1 and status not in CONFLICTS:
    sys.exit(f"{device}: {command}: status {status:#x}")
sys.exit(2)
