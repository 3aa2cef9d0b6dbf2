# SPDX-License-Identifier: BSD-3-Clause
#
# Encrypted disks, in memory: one image of LUKS1, whose units are 512 bytes,
# that all can open; and a plain one with larger units.

import os
import shutil
import subprocess
import sys
import tempfile

from servers import MIB, Server
from workloads import fio, Row

PASS = "a passphrase"
OPEN = "driver=luks,key-secret=s,file.driver=file,file.filename={0}/disk"
SECRET = "secret,id=s,file={0}/pass"


def make_luks(secret, disk, size):
    """By qemu-img, which measures how fast it is, and gives up where the
    kernel tells it that this took no time."""
    for _ in range(20):
        r = subprocess.run(
            ["qemu-img", "create", "-q", "-f", "luks", "--object", secret,
             "-o", "key-secret=s,iter-time=10", disk, str(size)],
            stderr=subprocess.PIPE, text=True)
        if r.returncode == 0:
            return
        if "accurate CPU usage" not in r.stderr:
            break
    sys.exit(r.stderr)


class Encrypted(Server):
    """With files on tmpfs, if there is one."""

    def __init__(self, name, argv):
        super().__init__(name, self.arguments)
        self.argv = argv
        self.folder = None

    def arguments(self, site, directory):
        return [site.nbdkit if a == "nbdkit" else a.format(self.folder, directory)
                for a in self.argv]

    def start(self, site):
        shm = "/dev/shm"
        self.folder = tempfile.mkdtemp(
            dir=shm if os.access(shm, os.W_OK) else site.dir)
        with open(os.path.join(self.folder, "pass"), "w") as f:
            f.write(PASS)
        with open(os.path.join(self.folder, "key"), "wb") as f:
            f.write(os.urandom(64))
        disk = os.path.join(self.folder, "disk")
        make_luks(SECRET.format(self.folder), disk, site.size)
        # No holes: what is not the header is noise anyway.
        with open(disk, "r+b") as f:
            end = f.seek(0, os.SEEK_END)
            f.seek(4 * MIB)
            while f.tell() < end:
                f.write(os.urandom(min(MIB, end - f.tell())))
        super().start(site)

    def stop(self):
        super().stop()
        if self.folder:
            shutil.rmtree(self.folder)
            self.folder = None


def encrypted_servers():
    nbdkit = ["nbdkit", "-f", "-U", "sock"]
    return [
        Encrypted("crypt", [*nbdkit, "--filter=crypt", "raw", "{0}/disk",
                            "crypt-passphrase=+{0}/pass"]),
        Encrypted("crypt, units of 4096",
                  [*nbdkit, "--filter=crypt", "raw", "{0}/disk",
                   "crypt-key=+{0}/key", "crypt-format=plain",
                   "crypt-sector-size=4096"]),
        Encrypted("not encrypted", [*nbdkit, "raw", "{0}/disk"]),
        Encrypted("luks", [*nbdkit, "--filter=luks", "file", "{0}/disk",
                           "passphrase=+{0}/pass"]),
        Encrypted("qemu-nbd luks", ["qemu-nbd", "-t", "-e", "16", "-k",
                                    "{1}/sock",
                                    "--object", SECRET, "--image-opts", OPEN]),
    ]


def encrypted_rows():
    return [
        Row("read 4K, depth 1", fio("randread", "4k")),
        Row("read 4K, depth 16", fio("randread", "4k", 16)),
        Row("read 64K, depth 8", fio("randread", "64k", 8)),
        Row("read 1M, depth 4", fio("read", "1m", 4)),
        Row("write 4K, depth 1", fio("randwrite", "4k")),
        Row("write 4K, depth 16", fio("randwrite", "4k", 16)),
        Row("write 64K, depth 8", fio("randwrite", "64k", 8)),
        Row("write 1M, depth 4", fio("write", "1m", 4)),
    ]
