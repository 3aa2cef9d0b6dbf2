# SPDX-License-Identifier: BSD-3-Clause
#
# Striped disks: over servers that take a time for each request, beside one
# such server; and over files in memory, beside one.

import os
import shutil
import tempfile

from servers import MIB, Server
from workloads import Row, fio, reads, writes

LATENCY = "100ms"

# Rows last so many times longer than others: while the last requests are
# waited for not all servers are busy, which is a great part of a second.
LONGER = 10


def slow_server(name, part):
    """PART of a disk in memory.  Each connection is served by one thread, so
    that a server takes as many requests at once as it has connections."""
    def command(site, directory):
        return [site.nbdkit, "-f", "-U", "sock", "-t", "1", "--filter=delay",
                "memory", str(site.size // part), f"rdelay={LATENCY}",
                f"wdelay={LATENCY}"]
    return Server(name, command)


class Striped(Server):
    """Over COUNT slow servers."""

    def __init__(self, count):
        super().__init__(f"striped, {count} slow", self.arguments)
        self.members = [slow_server(f"slow {i + 1} of {count}", count)
                        for i in range(count)]

    def arguments(self, site, directory):
        return [site.nbdkit, "-f", "-U", "sock", "striped",
                *(m.uri for m in self.members)]

    def start(self, site):
        for member in self.members:
            member.start(site)
        super().start(site)

    def stop(self):
        super().stop()
        for member in self.members:
            member.stop()


class InMemory(Server):
    """Files on tmpfs, if there is one: COUNT that are striped over, or one
    that raw serves."""

    def __init__(self, name, count):
        super().__init__(name, self.arguments)
        self.count = count
        self.folder = None

    def arguments(self, site, directory):
        plugin = ["striped"] if self.count > 1 else ["raw"]
        return [site.nbdkit, "-f", "-U", "sock", *plugin, *self.files]

    def start(self, site):
        shm = "/dev/shm"
        self.folder = tempfile.mkdtemp(
            dir=shm if os.access(shm, os.W_OK) else site.dir)
        self.files = [os.path.join(self.folder, str(i))
                      for i in range(self.count)]
        for path in self.files:
            with open(path, "wb") as f:
                for _ in range(site.size // MIB // self.count):
                    f.write(os.urandom(MIB))
        super().start(site)

    def stop(self):
        super().stop()
        if self.folder:
            shutil.rmtree(self.folder)
            self.folder = None


def striped_servers():
    return [slow_server("one, slow", 1), Striped(2), Striped(4),
            InMemory("raw, memory", 1), InMemory("striped 2, memory", 2),
            InMemory("striped 4, memory", 4)]


def slow(*args):
    workload = fio(*args, jobs=4)
    return lambda site, server, seconds: workload(site, server,
                                                  LONGER * seconds)


def slow_rows():
    """Requests of at most one stripe: what is larger costs one server one
    latency, too, whatever its size.  Those in order are spread evenly."""
    return [
        Row("read 128K in order, 4 connections", slow("read", "128k", 16)),
        Row("read 4K, 4 connections", slow("randread", "4k", 16)),
        Row("write 128K in order, 4 connections", slow("write", "128k", 16)),
        Row("write 4K, 4 connections", slow("randwrite", "4k", 16)),
    ]


def memory_rows():
    return reads() + writes()
