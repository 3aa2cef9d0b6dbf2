# SPDX-License-Identifier: BSD-3-Clause
#
# What bounded caches are given to do: how often they had what was asked
# for, and how fast they are.  Requests come from bench-trace, which sends
# the same ones to all; reads below are counted by nbdkit's stats filter
# under each cache in the same way.

import os
import re
import subprocess

from servers import MIB, Server, nbdkit
from workloads import Row, copy_in, copy_out

K = 1024
CLUSTER = 64 * K
GIB = 1024 * MIB
TRACES = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "..", "data", "traces")
UNITS = {"bytes": 1, "KiB": K, "MiB": MIB, "GiB": GIB}


def part(site, divisor):
    """That part of the disk, in whole clusters."""
    return site.size // divisor // CLUSTER * CLUSTER


class Trace:
    """bench-trace, with the options that it is made for."""

    def __init__(self, program):
        self.program = os.path.join(program, "bench-trace")

    def __call__(self, server, pattern, *options):
        """MiB/s, and how many clusters were asked for."""
        out = subprocess.run(
            [self.program, *map(str, options), server.uri, pattern],
            check=True, capture_output=True, text=True).stdout
        requests, clusters, count, seconds = out.split()
        return int(count) / MIB / float(seconds), int(clusters)


def below(server):
    """What the stats filter under a server that has ended counted: reads,
    and their bytes."""
    with open(os.path.join(server.dir, "stats")) as f:
        found = re.search(r"^read: (\d+) ops, [\d.]+ s, ([\d.]+) (\w+),",
                          f.read(), re.M)
    if not found:
        return 0, 0
    return int(found[1]), float(found[2]) * UNITS[found[3]]


# Workloads that return several numbers name them.

def hits(trace, pattern, rate, *options):
    """The part of the clusters asked for that needed no read below: of a
    cluster, or of less.  RATE requests for each second of the run that was
    asked for, so that all servers get as many; of a trace, all of it as
    often as that."""
    def workload(site, server, seconds):
        requests = max(1, round(rate * seconds))
        spec = pattern(site) if callable(pattern) else pattern
        speed, clusters = trace(server, spec, "-n", requests, "-d", 4,
                                "-v", site.image, *options)
        server.stop()
        reads, count = below(server)
        missed = max(reads, count / CLUSTER)
        return {"hit ratio, %": 100 * (1 - missed / clusters), "": speed}
    return workload


def warm(trace, pattern, *options):
    """What is in the cache: a quarter of the disk."""
    def workload(site, server, seconds):
        span = part(site, 4)
        trace(server, "sequential", "-b", CLUSTER, "-n", span // CLUSTER,
              "-r", span, "-v", site.image)
        return trace(server, pattern, "-t", seconds, "-r", span, *options)[0]
    return workload


def burst(trace, block, *options):
    """Random writes, an eighth of the disk in all, then one flush."""
    def workload(site, server, seconds):
        return trace(server, "random", "-w", 100, "-d", 16, "-b", block,
                     "-n", part(site, 8) // block, *options)[0]
    return workload


def cold(trace, block):
    """Half of the disk, or what can be read of it in five times as many
    seconds."""
    def workload(site, server, seconds):
        span = part(site, 2)
        return trace(server, "sequential", "-b", block, "-n", span // block,
                     "-t", 5 * seconds, "-r", span, "-v", site.image)[0]
    return workload


def together(trace, clients):
    """Clients for each read below, when all ask at once for one cluster
    that is not there."""
    def workload(site, server, seconds):
        trace(server, "same", "-c", clients, "-n", clients, "-b", CLUSTER,
              "-v", site.image)
        server.stop()
        return clients / below(server)[0]
    return workload


def overhead(trace, pattern):
    """MiB of memory beside the data, when 1 GiB is in the cache, read in
    clusters."""
    def workload(site, server, seconds):
        before = server.memory()
        trace(server, pattern, "-d", 8, "-b", CLUSTER, "-n", GIB // CLUSTER)
        return (server.memory() - before - GIB) / MIB
    return workload


def hit_rows(trace):
    def hot(site):
        return f"scan={part(site, 8) * 3 // 4}"
    return [
        Row("Zipf 0.9", hits(trace, "zipf=0.9", 50000), True),
        Row("Zipf 1.2", hits(trace, "zipf=1.2", 50000), True),
        Row("Zipf 0.9 of 64K", hits(trace, "zipf=0.9", 20000,
                                    "-b", CLUSTER), True),
        Row("scan and hot set", hits(trace, hot, 20000, "-b", CLUSTER), True),
        Row("trace of programs", hits(
            trace, "trace=" + os.path.join(TRACES, "programs.trace"), 1.5),
            True),
    ]


def speed_rows(trace):
    return [
        Row("hits 4K, depth 16", warm(trace, "random", "-d", 16), True),
        Row("hits 4K, 4 connections", warm(
            trace, "random", "-d", 4, "-c", 4), True),
        Row("cold nbdcopy out", copy_out(), True),
        Row("cold nbdcopy in", copy_in(), True),
        Row("write 4K, flush every 64", flushes(trace), True),
        Row("burst of 4K", burst(trace, 4 * K), True),
        Row("burst of 4K and flush", burst(trace, 4 * K, "-F"), True),
        Row("burst of 64K", burst(trace, 64 * K), True),
        Row("burst of 64K and flush", burst(trace, 64 * K, "-F"), True),
    ]


def flushes(trace):
    def workload(site, server, seconds):
        return trace(server, "random", "-w", 100, "-d", 16, "-f", 64,
                     "-t", seconds)[0]
    return workload


def stack_rows(trace):
    return [
        Row("hits 4K, depth 16", warm(trace, "random", "-d", 16), True),
        Row("hits 4K, 4 connections", warm(
            trace, "random", "-d", 4, "-c", 4), True),
        Row("hits 64K", warm(trace, "random", "-d", 8, "-b", CLUSTER), True),
    ]


def latency_rows(trace):
    return [Row("cold sequential 64K, 10 ms below", cold(trace, 64 * K), True),
            Row("clients for a read below", together(trace, 64), True)]


def warm_rows(trace):
    return [Row("warm sequential 64K, 10 ms below", warm(
        trace, "sequential", "-b", CLUSTER), True)]


def memory_rows(trace):
    return [Row("MiB beside 1 GiB, random clusters of 64 TiB",
                overhead(trace, "random"), True, most=64),
            Row("MiB beside 1 GiB, in order",
                overhead(trace, "sequential"), True, most=64)]


def layered(size, *more):
    """The filter with one layer in memory of at most SIZE, and what is
    below it."""
    return nbdkit("--filter=layered", "--filter=stats", *more,
                  f"layered-layer=ram,max={size},read-cache,write-back",
                  "statsfile=stats")


def cache(size, *more):
    return nbdkit("--filter=cache", "--filter=stats", *more,
                  f"cache-max-size={size}", "cache-on-read=true",
                  "statsfile=stats")


SLOW = ("--filter=delay", "file", "{image}", "rdelay=10ms")


def cache_servers(copy_image):
    """The small ones have an eighth of the disk.  Those that are written
    to have more than the disk, as the cache filter would lose writes, which
    is fast, and an image of their own."""
    three = ["layered-layer=ram,max={half},read-cache,write-through"] * 3
    return (
        # Without readahead a read below is a miss.
        Server("layered, small", layered("{eighth}", "file", "{image}",
                                         "layered-fetch=64K",
                                         "layered-readahead=0")),
        Server("cache, small", cache("{eighth}", "file", "{image}")),
        Server("layered", layered("{twice}", "file", "image"),
               prepare=copy_image),
        Server("cache", cache("{twice}", "file", "image"),
               prepare=copy_image),
        Server("three layers", nbdkit("--filter=layered", "file", "{image}",
                                      *three)),
        Server("one layer", nbdkit("--filter=layered", "file", "{image}",
                                   three[0])),
        Server("layered, slow", layered("{twice}", *SLOW)),
        Server("cache, slow", cache("{twice}", *SLOW)),
        Server("slow", nbdkit("--filter=stats", *SLOW, "statsfile=stats")),
        Server("layered, 64T", nbdkit(
            "--filter=layered", "pattern", "64T",
            "layered-layer=ram,read-cache", "layered-readahead=0")),
    )
