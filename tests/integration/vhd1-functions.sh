# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests of the vhd1 plugin share, beside functions.sh and
# raw-functions.sh.

# make_vhd FILE DATA [MEMBER=VALUE...]: a fixed VHD of the bytes in the
# file DATA, with a footer by Windows.  The members that can be changed
# are those of the call of footer () below, in Python.
make_vhd () {
    python3 - "$@" <<'EOF'
import struct, sys
path, data, changes = sys.argv[1], sys.argv[2], sys.argv[3:]
data = open(data, "rb").read()

def footer(creator=b"win ", size=len(data), chs=(0, 0, 0), type=2,
           id=bytes(range(1, 17)), saved=0, version=0x10000, length=512):
    b = struct.pack(">8sIIQI4sI4sQQHBBII16sB", b"conectix", 2, version,
                    2**64 - 1, 0x20000000, creator, 0xa0000, b"Wi2k", size,
                    size, *chs, type, 0, id, saved).ljust(length, b"\0")
    return b[:64] + struct.pack(">I", ~sum(b) & 0xffffffff) + b[68:]

changes = {k: eval(v) for k, v in (c.split("=", 1) for c in changes)}
open(path, "wb").write(data + footer(**changes))
EOF
}

# qemu_size FILE: what `qemu-img info' calls the size of the disk, in bytes.
qemu_size () {
    qemu-img info -f vpc --output=json "$1" |
        sed -n 's/^ *"virtual-size": \([0-9]*\),*$/\1/p'
}

# uri SOCK: of a server of start_nbdkit.
uri () { echo "nbd+unix:///?socket=$1"; }
