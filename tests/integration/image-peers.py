#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Images that go back and forth between our server and other programs:
# random requests through ours and through qemu-io, servers that are
# killed, and after each turn what is in the image according to everybody
# who can read it.  Used by test-image-peers.sh.

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import nbd

KIB, MIB = 1 << 10, 1 << 20
PATIENCE = 60


def run(*argv, **kw):
    """The command's output; it must succeed."""
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                       **kw)
    if r.returncode != 0:
        sys.stderr.write((r.stdout + r.stderr).decode(errors="replace")[-4000:])
        raise SystemExit(f"FAIL: {' '.join(argv)}: status {r.returncode}")
    return r.stdout


class Server:
    """nbdkit or qemu-nbd, with a connection."""

    def __init__(self, folder, argv):
        self.socket = os.path.join(folder, "sock")
        self.log = os.path.join(folder, "log")
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [a.replace("@SOCK", self.socket) for a in argv],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.h = nbd.NBD()
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.h.connect_unix(self.socket)
                return
            except nbd.Error:
                self.h = nbd.NBD()
                if (self.process.poll() is not None or
                        time.monotonic() > deadline):
                    self.give_up("does not start")
                time.sleep(0.02)

    def give_up(self, what):
        with open(self.log, errors="replace") as f:
            sys.stderr.write(f.read()[-4000:])
        self.process.kill()
        raise SystemExit(f"FAIL: server {what}: {self.process.args}")

    def stop(self):
        self.h.shutdown()
        self.process.terminate()
        if self.process.wait(PATIENCE) != 0:
            self.give_up(f"ended with {self.process.returncode}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)


class Model:
    """What is in a disk.  Trimmed bytes are whatever the next reader says,
    of the two that they may be."""

    def __init__(self, content):
        self.bytes = bytearray(content)
        self.trimmed = []

    def write(self, offset, data):
        self.bytes[offset:offset + len(data)] = data
        end = offset + len(data)
        left = []
        for a, b in self.trimmed:
            if a < min(b, offset):
                left.append((a, min(b, offset)))
            if max(a, end) < b:
                left.append((max(a, end), b))
        self.trimmed = left

    def trim(self, offset, count):
        self.trimmed.append((offset, offset + count))

    def check(self, found, who):
        """FOUND is right, and from now on as it is."""
        n = len(self.bytes)
        if len(found) < n or any(found[n:]):
            raise SystemExit(f"FAIL: {who}: {len(found)} bytes, not {n}")
        found = found[:n]
        for a, b in self.trimmed:
            # Sector by sector as it was, or zero.
            for s in range(a, b, 512):
                e = min(s + 512, b)
                if found[s:e] != self.bytes[s:e]:
                    self.bytes[s:e] = bytes(e - s)
        self.trimmed = []
        if found != self.bytes:
            at = next(i for i in range(n) if found[i] != self.bytes[i])
            raise SystemExit(
                f"FAIL: {who}: byte {at} is {found[at]:#x} and should be "
                f"{self.bytes[at]:#x}")


class Image:
    """One file, what made it, and what is in it."""

    def __init__(self, rng, folder, kind, name="image"):
        self.rng = rng
        self.folder = folder
        self.kind = kind
        self.qemu = {"vhd1": "vpc", "vhdx": "vhdx"}[kind]
        self.path = os.path.join(
            folder, name + (".vhd" if kind == "vhd1" else ".vhdx"))
        self.child = False

    def make(self, by_qemu):
        size = self.rng.randrange(4, 13) * MIB
        if by_qemu and self.kind == "vhd1":
            run("qemu-img", "create", "-q", "-f", "vpc", "-o",
                self.rng.choice(["force_size=on", "force_size=off"]),
                self.path, str(size))
        elif by_qemu:
            run("qemu-img", "create", "-q", "-f", "vhdx", "-o",
                f"block_size={self.rng.choice([1, 2, 8])}M,"
                f"block_state_zero={self.rng.choice(['on', 'off'])}",
                self.path, str(size))
        else:
            block = (f"{self.rng.choice([512, 1024, 2048])}K"
                     if self.kind == "vhd1" else
                     f"{self.rng.choice([1, 2, 4])}M")
            self.create(f"create={size}", "subformat=dynamic",
                        f"block-size={block}")
        self.model = Model(bytes(self.size()))

    def make_child(self, parent):
        self.child = True
        block = (f"{self.rng.choice([64, 512, 2048])}K"
                 if self.kind == "vhd1" else "1M")
        self.create(f"create={len(parent.model.bytes)}",
                    f"parent={parent.path}", f"block-size={block}")
        self.model = Model(parent.model.bytes)

    def create(self, *words):
        Server(self.folder, ["nbdkit", "-f", "-U", "@SOCK", self.kind,
                             self.path, *words]).stop()

    def serve(self, *words):
        return Server(self.folder, ["nbdkit", "-f", "-U", "@SOCK", *words,
                                    self.kind, self.path])

    def serve_qemu(self):
        return Server(self.folder, ["qemu-nbd", "-f", self.qemu, "-k",
                                    "@SOCK", self.path])

    def size(self):
        s = self.serve("-r")
        size = s.h.get_size()
        s.stop()
        return size

    # Requests.

    def range(self):
        size = len(self.model.bytes)
        most = self.rng.choice([4 * KIB, 64 * KIB, MIB, 3 * MIB])
        count = 512 * self.rng.randrange(1, most // 512 + 1)
        count = min(count, size)
        offset = 512 * self.rng.randrange(0, (size - count) // 512 + 1)
        if self.rng.randrange(3) == 0:
            offset = offset // MIB * MIB
        return offset, count

    def data(self, count):
        word = bytes(self.rng.randrange(1, 256) for _ in range(61))
        return (word * (count // 61 + 1))[:count]

    def requests(self, h, n, trims=True):
        """N random ones by way of H; the last is a flush."""
        for _ in range(n):
            offset, count = self.range()
            what = self.rng.randrange(12)
            if what < 7:
                data = self.data(count)
                h.pwrite(data, offset,
                         nbd.CMD_FLAG_FUA if what == 0 else 0)
                self.model.write(offset, data)
            elif what < 9 and trims:
                h.zero(count, offset,
                       nbd.CMD_FLAG_NO_HOLE if what == 7 else 0)
                self.model.write(offset, bytes(count))
            elif what == 9 and trims and h.can_trim():
                h.trim(count, offset)
                self.model.trim(offset, count)
            elif what == 10:
                h.flush()
            elif not self.model.trimmed:
                if h.pread(count, offset) != \
                        self.model.bytes[offset:offset + count]:
                    raise SystemExit(f"FAIL: read of {count} at {offset}")
        h.flush()

    def by_us(self, n):
        s = self.serve()
        self.requests(s.h, n)
        s.stop()

    def by_us_killed(self, n):
        """The requests ended with a flush, so nothing may be lost."""
        s = self.serve()
        self.requests(s.h, n)
        s.kill()

    def by_qemu_io(self, n):
        commands = []
        for _ in range(n):
            offset, count = self.range()
            byte = self.rng.randrange(1, 256)
            if self.rng.randrange(4) == 0:
                commands += ["-c", f"write -z {offset} {count}"]
                byte = 0
            else:
                commands += ["-c", f"write -P {byte} {offset} {count}"]
            self.model.write(offset, bytes([byte]) * count)
        run("qemu-io", "-f", self.qemu, *commands, self.path)

    def by_qemu_killed(self, n):
        """Leaves a VHDX with a log that was not applied."""
        s = self.serve_qemu()
        self.requests(s.h, n, trims=False)
        s.kill()

    # What is in it.

    def check(self, readers):
        for name, reader in readers.items():
            found = reader(self)
            if found is not None:
                self.model.check(found, f"{self.path} by {name}")

    def find_sound(self, repaired=True):
        """By qemu-img check, which can only VHDX.  With a log that is to
        be applied it needs to write."""
        if self.kind == "vhdx" and not self.child:
            if not repaired:
                run("qemu-img", "check", "-q", "-r", "all", "-f", "vhdx",
                    self.path)
            run("qemu-img", "check", "-q", "-f", "vhdx", self.path)


def read_ours(image):
    s = image.serve("-r")
    found = bytearray()
    for offset in range(0, len(image.model.bytes), MIB):
        found += s.h.pread(min(MIB, len(image.model.bytes) - offset), offset)
    s.stop()
    return found


def read_qemu(image):
    if image.child:
        return None
    out = os.path.join(image.folder, "raw")
    run("qemu-img", "convert", "-f", image.qemu, "-O", "raw", image.path, out)
    with open(out, "rb") as f:
        return f.read()


def seven_zip():
    for name in ("7zz", "7z"):
        if shutil.which(name):
            return name
    return None


def read_7z(image):
    # It refuses disks of other sizes.
    if image.kind == "vhdx" and len(image.model.bytes) % MIB:
        return None
    return run(seven_zip(), "x", "-so",
               "-tVHD" if image.kind == "vhd1" else "-tVHDX", image.path,
               cwd=image.folder)


def read_libvhdi(image):
    # Its bitmaps are wrong where bits do not fill bytes.
    if image.child:
        return None
    import pyvhdi
    f = pyvhdi.file()
    f.open(image.path)
    found = f.read(f.get_media_size())
    f.close()
    return found


def read_other(image):
    """A program of the user's: PEERS_READER FILE OUT."""
    out = os.path.join(image.folder, "raw")
    if os.path.exists(out):
        os.unlink(out)
    run(*os.environ["PEERS_READER"].split(), image.path, out)
    with open(out, "rb") as f:
        return f.read()


def find_readers():
    found = {"ours": read_ours, "qemu-img": read_qemu}
    if seven_zip():
        found["7z"] = read_7z
    try:
        import pyvhdi  # noqa: F401
        found["libvhdi"] = read_libvhdi
    except ImportError:
        pass
    if os.environ.get("PEERS_READER"):
        found["the other"] = read_other
    return found


def clean_turns(image, rng, readers, turns):
    """Turns that leave a clean file."""
    choices = [image.by_us, image.by_us]
    if not image.child:
        choices.append(image.by_qemu_io)
    for _ in range(turns):
        rng.choice(choices)(rng.randrange(1, 25))
        image.check(readers)
        image.find_sound()


def killed_turns(image, rng, readers):
    """Servers that are killed.  The log of a VHDX is applied by the next
    who opens it to write: others cannot read it before."""
    image.by_us_killed(rng.randrange(1, 25))
    image.check({"ours, after a kill": read_ours})
    # QEMU would put blocks over the room that a killed one leaves in a VHD.
    if image.kind == "vhdx" and not image.child and rng.randrange(2) == 0:
        image.find_sound(repaired=False)
    else:
        image.by_us(2)
    image.check(readers)
    image.find_sound()
    if image.kind == "vhdx" and not image.child:
        image.by_qemu_killed(rng.randrange(1, 12))
        image.check({"ours, after qemu-nbd was killed": read_ours})
        image.by_us(3)
        image.check(readers)
        image.find_sound()


def one_round(rng, kind, by_qemu, readers):
    with tempfile.TemporaryDirectory() as folder:
        image = Image(rng, folder, kind, "parent")
        image.make(by_qemu)
        clean_turns(image, rng, readers, 3)
        killed_turns(image, rng, readers)
        clean_turns(image, rng, readers, 1)
        child = Image(rng, folder, kind, "child")
        child.make_child(image)
        child.check(readers)
        clean_turns(child, rng, readers, 2)
        killed_turns(child, rng, readers)
        image.check(readers)
        grandchild = Image(rng, folder, kind, "grandchild")
        grandchild.make_child(child)
        clean_turns(grandchild, rng, readers, 1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, required=True)
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--kind", action="append")
    args = p.parse_args()
    readers = find_readers()
    print("readers:", ", ".join(readers))
    for seed in range(args.seed, args.seed + args.rounds):
        for kind in args.kind or ("vhd1", "vhdx"):
            for by_qemu in (True, False):
                print(f"SEED={seed} {kind}, made by "
                      f"{'qemu-img' if by_qemu else 'us'}", flush=True)
                one_round(random.Random(f"{seed} {kind} {by_qemu}"), kind,
                          by_qemu, readers)


main()
