# SPDX-License-Identifier: BSD-3-Clause
#
# Has a controller that the kernel drives attach a namespace to, or detach
# it from, a controller of the same subsystem (Base 5.20, Namespace
# Attachment).
#
#   nvme-attach.py DEVICE attach|detach NSID CNTLID

import ctypes
import fcntl
import struct
import sys

ADMIN_CMD = 0xC0484E41  # NVME_IOCTL_ADMIN_CMD of linux/nvme_ioctl.h
NAMESPACE_ATTACHMENT = 0x15

device, what, nsid, cntlid = sys.argv[1:]
controllers = ctypes.create_string_buffer(
    struct.pack("<HH", 1, int(cntlid)), 4096)
command = struct.pack(
    "<BBHIIIQQIIIIIIIIII", NAMESPACE_ATTACHMENT, 0, 0, int(nsid), 0, 0, 0,
    ctypes.addressof(controllers), 0, len(controllers),
    {"attach": 0, "detach": 1}[what], 0, 0, 0, 0, 0, 0, 0)
with open(device, "rb") as f:
    status = fcntl.ioctl(f, ADMIN_CMD, bytearray(command))
if status != 0:
    sys.exit(f"{device}: {what} namespace {nsid}: status {status:#x}")
