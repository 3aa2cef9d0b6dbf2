# SPDX-License-Identifier: BSD-3-Clause
#
# Persistent reservations from Python: QEMU's protocol with its helper, and
# the commands, written for the tests from their specifications.

import array
import os
import socket
import struct

REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_ABORT, IGNORE, MOVE = range(8)
TYPES = {1: "WE", 3: "EA", 5: "WE-RO", 6: "EA-RO", 7: "WE-AR", 8: "EA-AR"}
GOOD, CHECK, CONFLICT = 0x00, 0x02, 0x18


class Helper:
    """A connection to a socket, as the initiator NAME if there is one."""

    def __init__(self, path, name=None, with_fd=False):
        self.with_fd = with_fd
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.s.settimeout(60)
        self.s.connect(path)
        self.offer = struct.unpack(">I", self.get(4))[0]
        if name is None:
            self.s.sendall(struct.pack(">I", 0))
        else:
            assert self.offer & 0x80000000
            name = name.encode()
            self.s.sendall(struct.pack(">IH", 0x80000000, len(name)) + name)

    def get(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def ask(self, cdb, data=b""):
        cdb = cdb.ljust(16, b"\0")
        if self.with_fd:
            fd = os.open("/dev/null", os.O_RDONLY)
            self.s.sendmsg([cdb], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                    array.array("i", [fd]))])
            os.close(fd)
        else:
            self.s.sendall(cdb)
        if data:
            self.s.sendall(data)
        self.status, size = struct.unpack(">ii", self.get(8))
        sense = self.get(96)
        self.sense = (sense[2], sense[12] << 8 | sense[13])
        return self.get(size)

    def out(self, action, key=0, sark=0, type=0, aptpl=False):
        """The status."""
        self.ask(struct.pack(">BBBHIB", 0x5F, action, type, 0, 24, 0),
                 struct.pack(">QQ4xBxH", key, sark, int(aptpl), 0))
        return self.status

    def good(self, *args, **kwargs):
        assert self.out(*args, **kwargs) == GOOD, (args, self.status, self.sense)

    def move(self, key, sark, to, unregister=False):
        name = to.encode() + b"\0"
        name += bytes(max(20, (len(name) + 3) // 4 * 4) - len(name))
        ident = struct.pack(">BxH", 0x05, len(name)) + name
        self.ask(struct.pack(">BBBHIB", 0x5F, MOVE, 0, 0, 24 + len(ident), 0),
                 struct.pack(">QQxBHI", key, sark, 2 if unregister else 0, 1,
                             len(ident)) + ident)
        return self.status

    def inquire(self, action, size=65535):
        data = self.ask(struct.pack(">BB5xHB", 0x5E, action, size, 0))
        assert self.status == GOOD, (self.status, self.sense)
        return data

    def keys(self):
        """The generation, and the keys."""
        data = self.inquire(0)
        generation, length = struct.unpack(">II", data[:8])
        assert length == len(data) - 8
        return generation, list(struct.unpack(">%dQ" % (length // 8), data[8:]))

    def reservation(self):
        """The key and the type, or None."""
        data = self.inquire(1)
        length = struct.unpack(">I", data[4:8])[0]
        assert length == len(data) - 8
        return None if length == 0 else struct.unpack(">Q4xxB2x", data[8:])

    def registrants(self):
        """{name: (key, type if it is a holder, else 0)}"""
        data, found = self.inquire(3)[8:], {}
        while data:
            key, flags, scope, n = struct.unpack(">Q4xBB4x2xI", data[:24])
            name = data[28:24 + n].rstrip(b"\0").decode()
            found[name] = (key, scope if flags & 1 else 0)
            data = data[24 + n:]
        return found
