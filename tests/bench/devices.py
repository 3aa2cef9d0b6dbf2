# SPDX-License-Identifier: BSD-3-Clause
#
# Devices, and files without the page cache: servers over loop devices and
# files, and fio's io_uring engine on the same, which is what there is to be
# had.  Beside the speed there is what a server makes of a second of CPU.

import os
import subprocess

from servers import MIB, Server, copy_image, nbdkit
from workloads import Row, fio_job, fua, over_nbd, speed_of



def attach(path):
    """A loop device over the file, without the page cache of that."""
    argv = ["losetup", "--find", "--show"]
    for more in (["--direct-io=on"], []):
        r = subprocess.run([*argv, *more, path], capture_output=True,
                           text=True)
        if r.returncode == 0:
            return r.stdout.strip()
    raise RuntimeError(r.stderr)


def detach(device):
    subprocess.run(["losetup", "-d", device], check=True)


def has_loop(site):
    try:
        detach(attach(site.image))
        return True
    except (OSError, RuntimeError):
        return False


class OnDevice(Server):
    """COMMAND is given the path of the disk, which is a copy of the image;
    KIND says whether of a loop device over it."""

    def __init__(self, name, kind, command):
        super().__init__(f"{name}{kind}", self.arguments, prepare=copy_image)
        self.on = command
        self.device = None
        self.is_device = kind.endswith("device")

    def arguments(self, site, directory):
        self.path = os.path.join(directory, "image")
        if self.is_device:
            self.path = self.device = attach(self.path)
        return self.on(self.path)(site, directory)

    def stop(self):
        super().stop()
        if self.device:
            detach(self.device)
            self.device = None

    def cpu(self):
        """Seconds so far."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            words = f.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def run(self, site, seconds, *args):
        """A job of fio's, and the CPU time that it took on our side."""
        before = self.cpu()
        job = fio_job(site, over_nbd(self), seconds, *args)
        return job, self.cpu() - before


class Fio(OnDevice):
    """No server at all: fio has the disk for itself."""

    def __init__(self, kind):
        super().__init__("fio, ", kind, None)

    def start(self, site):
        self.dir = os.path.join(site.dir, self.name.replace(" ", "-"))
        os.makedirs(self.dir, exist_ok=True)
        copy_image(site, self.dir)
        self.path = os.path.join(self.dir, "image")
        if self.is_device:
            self.path = self.device = attach(self.path)

    def run(self, site, seconds, *args):
        job = fio_job(site, ["--ioengine=io_uring", "--direct=1",
                             f"--filename={self.path}"], seconds, *args)
        took = max(job["read"]["runtime"], job["write"]["runtime"]) / 1000
        return job, (job["usr_cpu"] + job["sys_cpu"]) / 100 * took


def qemu_nbd(path):
    def command(site, directory):
        return ["qemu-nbd", "-f", "raw", "-t", "-e", "16", "--cache=none",
                "--aio=io_uring", "-k", os.path.join(directory, "sock"), path]
    return command


def raw(*more):
    return lambda path: nbdkit("raw", path, "cache=direct", *more)


def device_servers():
    found = [OnDevice("blockdevice", "", lambda path: nbdkit(
                 "blockdevice", path)),
             OnDevice("raw, direct", "", raw()),
             OnDevice("raw, threads", "", raw("engine=threads")),
             OnDevice("raw, uring", "", raw("engine=uring"))]
    found[0].is_device = True
    for kind in ("device", "file"):
        found += [
            OnDevice("file, ", kind, lambda path: nbdkit("file", path)),
            OnDevice("file, none, ", kind, lambda path: nbdkit(
                "file", path, "cache=none")),
            OnDevice("qemu-nbd io_uring, ", kind, qemu_nbd),
            Fio(kind)]
    return found


def job(*args):
    def workload(site, server, seconds):
        done, cpu = server.run(site, seconds, *args)
        moved = done["read"]["io_bytes"] + done["write"]["io_bytes"]
        return {"": speed_of(done),
                "MiB per CPU second": moved / MIB / max(cpu, 0.01)}
    return workload


def device_rows():
    return [Row("read 4K, depth 1", job("randread", "4k", 1)),
            Row("read 4K, depth 16", job("randread", "4k", 16)),
            Row("read 4K, 4 connections", job("randread", "4k", 16, 4)),
            Row("read 1M, depth 1", job("randread", "1m", 1))]


def direct_rows():
    return device_rows() + [
        Row("read 64K, depth 16", job("randread", "64k", 16)),
        Row("read 4M, depth 1", job("randread", "4m", 1)),
        Row("write 4K, depth 1", job("randwrite", "4k", 1)),
        Row("write 4K, depth 16", job("randwrite", "4k", 16)),
        Row("write 4K, 4 connections", job("randwrite", "4k", 16, 4)),
        Row("write 1M, depth 1", job("randwrite", "1m", 1)),
        Row("write 4M, depth 1", job("randwrite", "4m", 1))]


def durable_rows(client):
    return [Row("FUA write 4K, depth 1", fua(client, 1)),
            Row("FUA write 4K, depth 16", fua(client, 16)),
            Row("FUA in 1 of 64 writes 4K, depth 16", fua(client, 16, 64))]
