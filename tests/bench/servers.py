# SPDX-License-Identifier: BSD-3-Clause
#
# The servers that are measured: how each is started, filled and ended,
# and what it takes in memory and on the disk.

import os
import shutil
import subprocess
import time

MIB = 1 << 20


class Site:
    """Where it all happens: programs, folders, sizes."""

    def __init__(self, directory, nbdkit, size):
        self.dir = os.path.abspath(directory)
        self.nbdkit = nbdkit
        self.size = size
        self.image = os.path.join(self.dir, "image")  # raw, full of data
        self.vhd = os.path.join(self.dir, "image.vhd")

    def make(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        with open(self.image, "wb") as f:
            for _ in range(self.size // MIB):
                f.write(os.urandom(MIB))
            os.fsync(f.fileno())
        run("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o",
            "subformat=fixed,force_size=on", self.image, self.vhd)

    def has_filter(self, name):
        return self.starts(f"--filter={name}", "null")

    def has_plugin(self, name):
        return self.starts(name)

    def starts(self, *modules):
        return subprocess.run(
            [self.nbdkit, *modules, "--version"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode == 0

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def run(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)


class Server:
    """One server.  COMMAND makes its arguments, for a folder of its own,
    which PREPARE fills; KEEPS names the file in it, if any, that holds what
    was written."""

    def __init__(self, name, command, keeps=None, prepare=None):
        self.name = name
        self.command = command
        self.keeps = keeps
        self.prepare = prepare
        self.process = None

    def start(self, site):
        """With nothing in it but what is below."""
        self.dir = os.path.join(site.dir, self.name.replace(" ", "-"))
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.socket = os.path.join(self.dir, "sock")
        if self.prepare:
            self.prepare(site, self.dir)
        self.log = open(os.path.join(self.dir, "log"), "w")
        self.process = subprocess.Popen(
            self.command(site, self.dir), cwd=self.dir,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 20
        while not os.path.exists(self.socket):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.name} did not start: see "
                                   f"{self.log.name}")
            time.sleep(0.01)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)
            self.process = None
            self.log.close()

    @property
    def uri(self):
        return f"nbd+unix:///?socket={self.socket}"

    def fill(self, site):
        run("nbdcopy", "--flush", site.image, self.uri)

    def memory(self):
        """Bytes that are the process's own."""
        with open(f"/proc/{self.process.pid}/status") as f:
            for line in f:
                if line.startswith(("RssAnon:", "RssShmem:")):
                    if line.startswith("RssAnon:"):
                        anon = int(line.split()[1])
                    else:
                        return (anon + int(line.split()[1])) * 1024
        raise RuntimeError("no RssShmem")

    def file(self):
        """Bytes on the disk of what was written: in the file of its own,
        or in one that it has open and nobody else can see."""
        if self.keeps:
            return os.stat(os.path.join(self.dir, self.keeps)).st_blocks * 512
        total = 0
        fds = f"/proc/{self.process.pid}/fd"
        for fd in os.listdir(fds):
            if os.readlink(f"{fds}/{fd}").endswith("(deleted)"):
                total += os.stat(f"{fds}/{fd}").st_blocks * 512
        return total


def nbdkit(*args):
    def command(site, directory):
        words = [a.format(image=site.image, size=site.size,
                          half=site.size // 2, eighth=site.size // 8,
                          twice=site.size * 2)
                 for a in args]
        # Temporary files of filters belong on the same disk.
        return ["env", f"TMPDIR={site.dir}", site.nbdkit, "-f", "-U", "sock",
                *words]
    return command


def qemu_nbd(fmt, file):
    def command(site, directory):
        return ["qemu-nbd", "-f", fmt, "-t", "-e", "16", "-k",
                os.path.join(directory, "sock"), file]
    return command


# What a server finds in its folder.  Who writes to an image has it alone.
def copy_image(site, directory):
    shutil.copy(site.image, os.path.join(directory, "image"))


def copy_vhd(site, directory):
    shutil.copy(site.vhd, os.path.join(directory, "image.vhd"))


def make_overlay(site, directory):
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b",
        site.image, os.path.join(directory, "overlay.qcow2"))


# Each is a new object, as it has a process.
def servers():
    return {s.name: s for s in (
        Server("raw", nbdkit("raw", "image"), prepare=copy_image),
        Server("file", nbdkit("file", "image"), prepare=copy_image),
        Server("qemu-nbd raw", qemu_nbd("raw", "image"), prepare=copy_image),
        Server("vhd1", nbdkit("vhd1", "image.vhd"), prepare=copy_vhd),
        Server("qemu-nbd vpc", qemu_nbd("vpc", "image.vhd"),
               prepare=copy_vhd),
        Server("layer-ram", nbdkit("--filter=layer-ram", "raw", "{image}")),
        Server("layer-ram disk", nbdkit("--filter=layer-ram", "null",
                                        "size={size}")),
        Server("memory", nbdkit("memory", "{size}")),
        Server("cow", nbdkit("--filter=cow", "file", "{image}")),
        Server("layer-sqlite",
               nbdkit("--filter=layer-sqlite", "raw", "{image}",
                      "layer-sqlite-file=layer"), keeps="layer"),
        Server("qemu-nbd qcow2", qemu_nbd("qcow2", "overlay.qcow2"),
               keeps="overlay.qcow2", prepare=make_overlay),
    )}
