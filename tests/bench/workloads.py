# SPDX-License-Identifier: BSD-3-Clause
#
# What the servers are given to do.  A workload is a function of the site,
# the server and the seconds to spend; it returns MiB per second, or several
# numbers by name, of which each becomes a row.

import json
import subprocess
import time

from servers import MIB, run

K = 1024
FRESH_LIMIT = 64 * MIB  # random writes into nothing


def fio_job(site, where, seconds, rw, bs, depth=1, jobs=1, flush=0,
            amount=None):
    """What fio says of a job: for some seconds, or AMOUNT bytes.  WHERE:
    its engine and what that is to use."""
    size = site.size // jobs
    argv = ["fio", "--name=x", "--output-format=json", *where,
            f"--rw={rw}", f"--bs={bs}",
            f"--iodepth={depth}", "--thread", f"--numjobs={jobs}",
            f"--size={size}", "--group_reporting", "--randrepeat=0",
            "--norandommap", "--random_generator=tausworthe64"]
    if jobs > 1:
        argv.append(f"--offset_increment={size}")
    if flush:
        argv.append(f"--fsync={flush}")
    if amount:
        argv.append(f"--io_size={min(amount, site.size)}")
    else:
        argv += ["--time_based", f"--runtime={seconds * 1000:.0f}ms"]
    out = subprocess.run(argv, check=True, cwd=site.dir,
                         stdin=subprocess.DEVNULL, capture_output=True)
    # The engine prints a line of its own before the JSON.
    job = json.loads(out.stdout[out.stdout.index(b"{"):])["jobs"][0]
    if job["error"]:
        raise RuntimeError(f"fio: error {job['error']}")
    return job


def speed_of(job):
    return (job["read"]["bw_bytes"] + job["write"]["bw_bytes"]) / MIB


def over_nbd(server):
    return ["--ioengine=nbd", f"--uri={server.uri}"]


def fio(rw, bs, depth=1, jobs=1, flush=0, amount=None):
    """fio's nbd engine."""
    def workload(site, server, seconds):
        return speed_of(fio_job(site, over_nbd(server), seconds, rw, bs,
                                depth, jobs, flush, amount))
    return workload


def fua(client, depth, every=1):
    """Random 4K writes, one of EVERY with FUA, which fio cannot send."""
    def workload(site, server, seconds):
        out = subprocess.run([client, server.uri, str(depth), str(every),
                              str(seconds)],
                             check=True, capture_output=True, text=True)
        return float(out.stdout) * 4 * K / MIB
    return workload


def timed(argv):
    def workload(site, server, seconds):
        start = time.monotonic()
        run(*argv(site, server))
        return site.size / MIB / (time.monotonic() - start)
    return workload


def copy_in():
    return timed(lambda site, server: ["nbdcopy", "--flush", site.image,
                                       server.uri])


def copy_out():
    return timed(lambda site, server: ["nbdcopy", server.uri, "null:"])


class Row:
    """A line of the table.  FRESH: the server starts anew, with nothing in
    it, before each run; otherwise it is full and goes on.  MOST: the row
    shows numbers, not ratios, and ours should be no more."""

    def __init__(self, name, workload, fresh=False, most=None):
        self.name = name
        self.workload = workload
        self.fresh = fresh
        self.most = most


def reads(fresh=False):
    where = "empty: " if fresh else ""
    return [
        Row(where + "read 4K, depth 1", fio("randread", "4k"), fresh),
        Row(where + "read 4K, depth 16", fio("randread", "4k", 16), fresh),
        Row(where + "read 4K, 4 connections",
            fio("randread", "4k", 4, jobs=4), fresh),
        Row(where + "read 64K, depth 8", fio("randread", "64k", 8), fresh),
        Row(where + "read 1M, sequential", fio("read", "1m", 4), fresh),
        Row(where + "nbdcopy out", copy_out(), fresh),
    ]


def writes():
    return [
        Row("write 4K, depth 1", fio("randwrite", "4k")),
        Row("write 4K, depth 16", fio("randwrite", "4k", 16)),
        Row("write 4K, 4 connections", fio("randwrite", "4k", 4, jobs=4)),
        Row("write 64K, depth 8", fio("randwrite", "64k", 8)),
        Row("write 1M, sequential", fio("write", "1m", 4)),
        Row("write 4K, flush every 64", fio("randwrite", "4k", 16, flush=64)),
    ]


def writes_fresh():
    def small(**k):
        return fio("randwrite", "4k", amount=FRESH_LIMIT, **k)
    return [
        Row("empty: write 4K, depth 1", small(), True),
        Row("empty: write 4K, depth 16", small(depth=16), True),
        Row("empty: write 4K, 4 connections", fio(
            "randwrite", "4k", 4, jobs=4, amount=FRESH_LIMIT // 4), True),
        Row("empty: write 64K, depth 8", fio(
            "randwrite", "64k", 8, amount=4 * FRESH_LIMIT), True),
        Row("empty: write 1M, sequential", fio(
            "write", "1m", 4, amount=1 << 62), True),
        Row("empty: write 4K, flush every 64", fio(
            "randwrite", "4k", 16, flush=64, amount=FRESH_LIMIT // 4), True),
        Row("empty: nbdcopy in", copy_in(), True),
    ]
