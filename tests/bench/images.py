# SPDX-License-Identifier: BSD-3-Clause
#
# Images that grow: vhd1 and vhdx beside qemu-nbd with the same image, and
# beside raw with a sparse file; a sparse disk that is copied; a disk of
# 64 TiB that is opened.  All images are made by qemu-img, so that both
# sides have the same blocks.

import os
import statistics
import subprocess
import time

from servers import MIB, Server, nbdkit, qemu_nbd, run
from workloads import Row, fio, reads, writes, writes_fresh

GIB = 1 << 30
SPARSE = 8 * GIB
LARGEST = 64 << 40
# Ours, and of qemu-img the format and how it makes one.
FORMATS = {"vhd1": ("vpc", "force_size=on"), "vhdx": ("vhdx", "block_size=2M")}


def make_empty(kind, size=None):
    """PREPARE: an image of KIND with nothing in it."""
    def prepare(site, directory):
        fmt, options = FORMATS[kind]
        run("qemu-img", "create", "-q", "-f", fmt, "-o", options,
            os.path.join(directory, "image"), str(size or site.size))
    return prepare


def make_sparse_raw(site, directory):
    with open(os.path.join(directory, "image"), "wb") as f:
        f.truncate(site.size)


def sparse_raw(site):
    """8 GiB of which one MiB in 64 is data, made once."""
    path = os.path.join(site.dir, "sparse")
    if not os.path.exists(path):
        with open(path + ".new", "wb") as f:
            f.truncate(SPARSE)
            for offset in range(0, SPARSE, 64 * MIB):
                f.seek(offset)
                f.write(os.urandom(MIB))
        os.rename(path + ".new", path)
    return path


def make_sparse(kind):
    def prepare(site, directory):
        path = os.path.join(directory, "image")
        if kind == "raw":
            run("cp", "--sparse=always", sparse_raw(site), path)
        else:
            fmt, options = FORMATS[kind]
            run("qemu-img", "convert", "-f", "raw", "-O", fmt, "-o", options,
                sparse_raw(site), path)
    return prepare


def make_largest(site, directory):
    """64 TiB in blocks of 1 MiB: a BAT of 512 MiB."""
    run("qemu-img", "create", "-q", "-f", "vhdx", "-o", "block_size=1M",
        os.path.join(directory, "image"), str(LARGEST))


def image_servers():
    found = []
    for kind, (fmt, _) in FORMATS.items():
        found += [
            Server(f"{kind} image", nbdkit(kind, "image"), keeps="image",
                   prepare=make_empty(kind)),
            Server(f"qemu-nbd {fmt} image", qemu_nbd(fmt, "image"),
                   keeps="image", prepare=make_empty(kind)),
            Server(f"{kind} sparse", nbdkit(kind, "image"),
                   prepare=make_sparse(kind)),
            Server(f"qemu-nbd {fmt} sparse", qemu_nbd(fmt, "image"),
                   prepare=make_sparse(kind)),
        ]
    return found + [
        Server("raw image", nbdkit("raw", "image"), keeps="image",
               prepare=make_sparse_raw),
        Server("raw sparse", nbdkit("raw", "image"),
               prepare=make_sparse("raw")),
        Server("vhdx 64T", nbdkit("vhdx", "image"), prepare=make_largest),
        Server("nothing of 64T", nbdkit("null", str(LARGEST))),
    ]


def image_rows():
    return (writes_fresh() + reads() + writes() +
            [Row("read 1M, sequential, 4 connections",
                 fio("read", "1m", 4, jobs=4)),
             Row("write 4K, sequential, depth 16", fio("write", "4k", 16))])


def copy_sparse(site, server, seconds):
    start = time.monotonic()
    run("nbdcopy", server.uri, "null:")
    return SPARSE / MIB / (time.monotonic() - start)


def first_answer(site, server):
    """Seconds until a client that starts with the server knows the size."""
    server.stop()
    try:
        os.unlink(server.socket)
    except FileNotFoundError:
        pass
    start = time.monotonic()
    server.process = subprocess.Popen(
        server.command(site, server.dir), cwd=server.dir,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    while not os.path.exists(server.socket):
        if time.monotonic() - start > 60:
            raise RuntimeError(f"{server.name} did not start")
        time.sleep(0.001)
    run("nbdinfo", "--size", server.uri)
    return time.monotonic() - start


def opening(site, server, seconds):
    """Milliseconds of it all, the median of some; MiB that it takes then,
    and after reads and writes all over the disk."""
    times = [first_answer(site, server) for _ in range(5)]
    found = {"ms": 1000 * statistics.median(times),
             "MiB": server.memory() / MIB}
    run("qemu-io", "-f", "raw", *[
        word for i in range(64)
        for word in ("-c", f"read {i * (LARGEST // 64)} 4k")], server.uri)
    found["MiB after reads of 64 places"] = server.memory() / MIB
    return found


def sparse_rows():
    return [Row("8 GiB, sparse: nbdcopy out", copy_sparse)]


def open_rows():
    return [Row("open of 64 TiB", opening, True, most=100)]
