# SPDX-License-Identifier: BSD-3-Clause
#
# Random commands of two initiators to a disk of the kernel's SCSI target,
# through /dev/sg*, and to ours: the statuses, the sense, the state and what
# each may read and write are compared after every one.
#
#   pr-peers.py SEED STEPS /dev/sgA /dev/sgB SOCKET-OF-NBDKIT

import ctypes
import fcntl
import os
import random
import struct
import sys

import nbd
from reserve import *

TO_DEVICE, FROM_DEVICE, NOTHING = -2, -3, -1


class Header(ctypes.Structure):  # struct sg_io_hdr
    _fields_ = [("interface", ctypes.c_int), ("direction", ctypes.c_int),
                ("cdb_size", ctypes.c_ubyte), ("sense_size", ctypes.c_ubyte),
                ("iovec_count", ctypes.c_ushort), ("size", ctypes.c_uint),
                ("data", ctypes.c_void_p), ("cdb", ctypes.c_void_p),
                ("sense", ctypes.c_void_p), ("timeout", ctypes.c_uint),
                ("flags", ctypes.c_uint), ("id", ctypes.c_int),
                ("ptr", ctypes.c_void_p), ("status", ctypes.c_ubyte),
                ("masked_status", ctypes.c_ubyte),
                ("msg_status", ctypes.c_ubyte), ("sb_len", ctypes.c_ubyte),
                ("host_status", ctypes.c_ushort),
                ("driver_status", ctypes.c_ushort), ("resid", ctypes.c_int),
                ("duration", ctypes.c_uint), ("info", ctypes.c_uint)]


class Kernel(Helper):
    """The same commands, to a device."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR)

    def send(self, cdb, data=b"", size=0):
        buf = ctypes.create_string_buffer(data, max(len(data), size, 1))
        sense = ctypes.create_string_buffer(64)
        block = ctypes.create_string_buffer(cdb, len(cdb))
        h = Header(interface=ord("S"), cdb_size=len(cdb), sense_size=64,
                   direction=TO_DEVICE if data else
                   FROM_DEVICE if size else NOTHING,
                   size=len(data) or size, timeout=60000,
                   data=ctypes.addressof(buf), cdb=ctypes.addressof(block),
                   sense=ctypes.addressof(sense))
        fcntl.ioctl(self.fd, 0x2285, h)
        self.status = h.status
        self.sense = (sense.raw[2] & 15, sense.raw[12] << 8 | sense.raw[13])
        if h.status != CHECK:
            self.sense = (0, 0)
        return buf.raw[:size - h.resid] if h.status == GOOD else b""

    def settle(self):
        """Hear what somebody else did."""
        for i in range(10):
            self.send(bytes(6))
            if self.sense[0] != 6:
                return
        raise RuntimeError("unit attentions without end")

    def ask(self, cdb, data=b""):
        self.settle()
        size = 0 if data else struct.unpack(">H", cdb[7:9])[0]
        found = self.send(cdb[:10].ljust(10, b"\0"), data, size)
        # The kernel's zeroes behind what it says.
        return found[:8 + struct.unpack(">I", found[4:8])[0]] if size else b""

    def may_read(self):
        self.settle()
        self.send(struct.pack(">BxIxHx", 0x28, 0, 1), size=512)
        return self.status

    def may_write(self):
        self.settle()
        self.send(struct.pack(">BxIxHx", 0x2A, 0, 1), bytes(512))
        return self.status


class Ours(Helper):
    def __init__(self, socket, name):
        super().__init__("pr.sock", name)
        self.nbd = nbd.NBD()
        self.nbd.connect_uri(f"nbd+unix:///@{name}?socket={socket}")

    def attempt(self, f):
        try:
            f()
            return GOOD
        except nbd.Error as e:
            assert e.errno == "EPERM", e
            return CONFLICT

    def may_read(self):
        return self.attempt(lambda: self.nbd.pread(512, 0))

    def may_write(self):
        return self.attempt(lambda: self.nbd.pwrite(bytes(512), 0))


# What there is to see, without what depends on the transport; the generation
# since it was BASE.
def state(peers, base):
    generation, keys = peers[0].keys()
    data, full = peers[0].inquire(3)[8:], []
    while data:
        key, flags, scope, n = struct.unpack(">Q4xBB4x2xI", data[:24])
        full.append((key, flags & 1, scope if flags & 1 else 0))
        data = data[24 + n:]
    return (generation - base, sorted(keys), peers[0].reservation(),
            sorted(full), [(p.may_read(), p.may_write()) for p in peers])


# A command of the initiator with the key MINE, or 0: one that means
# something, mostly.
def choose(rng, mine, registrants, held):
    def some_key(known):
        return rng.choice(known) if rng.random() < 0.8 else rng.randrange(4)

    action = rng.choice([REGISTER, REGISTER, RESERVE, RESERVE, RELEASE, CLEAR,
                         PREEMPT, PREEMPT, PREEMPT_ABORT, IGNORE])
    known = [k for k, t in registrants] + ([held[0]] if held else [])
    key = mine if rng.random() < 0.85 else rng.randrange(4)
    sark = rng.randrange(4) if action in (REGISTER, IGNORE) or not known \
        else some_key(known)
    type = held[1] if held and rng.random() < 0.5 else \
        rng.choice([1, 3, 5, 6, 7, 8, 8, 2])
    # The kernel waits for itself, for ever, when told to abort its own; with 0
    # all are meant.
    if action == PREEMPT_ABORT and sark in (0, mine):
        action = PREEMPT
    return action, key, sark, type


# Where the kernel does not do what SPC-4 says, or that says nothing.  What
# comes of it must be the same.
def is_known(command, mine, held, kernel, ours):
    action, key, sark, type = command
    if mine == 0 and kernel == (CHECK, (2, 0x0800)):
        # Not registered: RESERVATION CONFLICT, not NOT READY.
        return action in (RESERVE, RELEASE, CLEAR)
    if action == RELEASE and key != mine and not held:
        return kernel == (GOOD, None)   # a wrong key is one here, too
    if action == RELEASE and ours == (CHECK, (5, 0x2604)):
        return kernel == (CONFLICT, None)  # there is a sense for that
    # Which of two things that are wrong is looked at first.
    return type == 2 and ours == (CHECK, (5, 0x2400))


def main(seed, steps, devices, socket):
    kernel = [Kernel(path) for path in devices]
    ours = [Ours(socket, name) for name in "ab"]
    sys.stdout.reconfigure(line_buffering=True)
    rng = random.Random(seed)
    ended = 0       # registrations: they count, but not in the kernel
    statuses = {}
    for step in range(steps):
        who = rng.randrange(2)
        registrants, held = ours[who].registrants(), ours[who].reservation()
        mine = registrants.get("ab"[who], (0, 0))[0]
        command = choose(rng, mine, registrants.values(), held)
        print(step, "ab"[who], *command)
        before = state(ours, ended)
        answers = []
        for peer in (kernel[who], ours[who]):
            peer.out(*command)
            answers.append((peer.status,
                            peer.sense if peer.status == CHECK else None))
        if command[0] in (REGISTER, IGNORE) and mine and command[2] == 0 and \
                answers[1][0] == GOOD:
            ended += 1
        states = [state(kernel, 0), state(ours, ended)]
        if states[0] != states[1] or answers[0] != answers[1] and \
                not is_known(command, mine, held, *answers):
            sys.exit(f"step {step}: {'ab'[who]}: action, key, sark, type "
                     f"{command}\n  before {before}\n"
                     f"  kernel: {answers[0]} {states[0]}\n"
                     f"  ours: {answers[1]} {states[1]}")
        statuses[answers[1][0]] = statuses.get(answers[1][0], 0) + 1
    print("statuses:", statuses)


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:5], sys.argv[5])
