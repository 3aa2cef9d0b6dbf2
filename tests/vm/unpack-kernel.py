# SPDX-License-Identifier: BSD-3-Clause
#
# The ELF file in a bzImage, which boots by PVH: an emulated machine takes
# seconds to decompress it.  The boot protocol's header says where the
# payload is (Documentation/x86/boot.rst, payload_offset, payload_length).
#
#   unpack-kernel.py BZIMAGE OUTPUT

import lzma
import struct
import sys

with open(sys.argv[1], "rb") as f:
    image = f.read()
setup_sectors = image[0x1F1] or 4
offset, length = struct.unpack_from("<II", image, 0x248)
start = (setup_sectors + 1) * 512 + offset
payload = image[start:start + length]
if payload[:6] != b"\xfd7zXZ\x00":
    sys.exit("unpack-kernel.py: the payload is not xz's")
with open(sys.argv[2], "wb") as f:
    # The last four bytes are the size, for the boot loader.
    f.write(lzma.decompress(payload[:-4]))
