#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack beside other servers: `make bench'.  Servers take turns, run
# after run, so that what else the machine does falls on all of them; the
# table has medians and their ratios.  docs/benchmarks.md explains it.

import argparse
import json
import os
import random
import statistics
import sys

from caches import (Trace, cache_servers, hit_rows, latency_rows, memory_rows,
                    speed_rows, stack_rows, warm_rows)
from devices import (device_rows, device_servers, direct_rows, durable_rows,
                     has_loop)
from encrypted import encrypted_rows, encrypted_servers
from images import (FORMATS, image_rows, image_servers, open_rows,
                    sparse_rows)
from servers import MIB, Site, copy_image, servers
from striped import memory_rows as striped_memory_rows
from striped import slow_rows, striped_servers
from workloads import Row, fua, reads, writes, writes_fresh


class Group:
    """Ours beside its peers.  TARGETS: the least ratio to a peer, by the
    beginning of a row's name.  NEEDS: a filter, and PLUGIN a plugin,
    without which there is nothing to measure."""

    def __init__(self, ours, targets, rows, space=False, needs=None,
                 plugin="null"):
        self.ours = ours
        self.targets = targets
        self.rows = rows
        self.space = space
        self.needs = needs
        self.plugin = plugin

    def target(self, peer, row):
        words = row.removeprefix("empty: ")
        found = ""
        for start in self.targets[peer]:
            if (row if start.startswith("empty") else words).startswith(start):
                if len(start) >= len(found):
                    found = start
        return self.targets[peer].get(found)


def cache_groups(clients):
    trace = Trace(clients)
    return {
        "cache-hits": Group(
            "layered, small",
            {"cache, small": {"hit ratio": 1.0, "hit ratio, %: scan": 1.1}},
            hit_rows(trace), needs="layered"),
        "cache-speed": Group(
            "layered",
            {"cache": {"": 1.0, "hits 4K, 4": 2.0, "hits 4K, depth": 1.5,
                       "burst": 1.5}},
            speed_rows(trace), needs="layered"),
        "layered-stack": Group("three layers", {"one layer": {"": 0.95}},
                               stack_rows(trace), needs="layered"),
        "latency": Group("layered, slow",
                         {"slow": {"cold": 8.0, "clients": 64.0},
                          "cache, slow": {}},
                         latency_rows(trace), needs="layered"),
        "latency-warm": Group("layered, slow", {"file": {"": 1 / 1.1}},
                              warm_rows(trace), needs="layered"),
        "layered-memory": Group("layered, 64T", {}, memory_rows(trace),
                                needs="layered"),
    }


def image_groups():
    found = {}
    for kind, (fmt, _) in FORMATS.items():
        # The first write to a block of qemu-nbd's vpc needs no log.
        first = 1.0 if kind == "vhd1" else 2.0
        found[f"image-{kind}"] = Group(
            f"{kind} image",
            {"raw image": {"read": 0.95, "write": 0.95, "nbdcopy": 0.95,
                           "empty": None},
             f"qemu-nbd {fmt} image": {"": 2.0, "empty": first}},
            image_rows(), space=True, plugin=kind)
        found[f"image-{kind}-sparse"] = Group(
            f"{kind} sparse",
            {"raw sparse": {}, f"qemu-nbd {fmt} sparse": {"": 2.0}},
            sparse_rows(), plugin=kind)
    found["image-open"] = Group("vhdx 64T", {"nothing of 64T": {}},
                                open_rows(), plugin="vhdx")
    return found


def striped_groups():
    found = {}
    for count, target in ((2, 1.9), (4, 3.6)):
        found[f"striped-{count}"] = Group(
            f"striped, {count} slow", {"one, slow": {"": target}}, slow_rows(),
            plugin="striped")
        found[f"striped-memory-{count}"] = Group(
            f"striped {count}, memory", {"raw, memory": {"": 0.95}},
            striped_memory_rows(), plugin="striped")
    return found


def device_groups(client):
    """Beside others that leave the page cache alone, and what the machine
    has to give (fio)."""
    found = {}
    small = {"": 1.0, "read 4K, depth 16": 1.1, "read 4K, 4": 1.1,
             "write 4K, depth 16": 1.1, "write 4K, 4": 1.1}
    for ours, kind in (("blockdevice", "device"), ("raw, direct", "file")):
        plugin = ours.split(",")[0]
        found[f"{plugin}-direct"] = Group(
            ours, {f"file, none, {kind}": small,
                   f"qemu-nbd io_uring, {kind}": small, f"fio, {kind}": {}},
            direct_rows(), plugin=plugin)
        found[f"{plugin}-cached"] = Group(
            ours, {f"file, {kind}": {}}, device_rows(), plugin=plugin)
        found[f"{plugin}-fua"] = Group(
            ours, {f"file, none, {kind}": {"": 3.0},
                   f"qemu-nbd io_uring, {kind}": {}},
            durable_rows(client), plugin=plugin)
    found["engine"] = Group(
        "raw, direct", {"raw, threads": {"": 1.0}, "raw, uring": {"": 1.0}},
        direct_rows(), plugin="raw")
    return found


def encrypted_groups():
    return {
        "crypt": Group(
            "crypt",
            {"luks": {"": 5.0, "read 4K": None, "write 4K": None},
             "qemu-nbd luks": {"read 1M": 4.0, "write 1M": 4.0,
                               "read 4K, depth 16": 2.0,
                               "write 4K, depth 16": 2.0},
             "not encrypted": {"read 1M": 0.8, "write 1M": 0.8}},
            encrypted_rows(), needs="crypt"),
        "crypt-4096": Group(
            "crypt, units of 4096",
            {"not encrypted": {"read 1M": 0.8, "write 1M": 0.8}},
            encrypted_rows(), needs="crypt"),
    }


def groups(clients):
    client = os.path.join(clients, "bench-fua")
    fua_rows = [Row("FUA write 4K, depth 1", fua(client, 1)),
                Row("FUA write 4K, depth 16", fua(client, 16)),
                Row("FUA in 1 of 64 writes 4K, depth 16",
                    fua(client, 16, 64))]
    return {
        "raw": Group("raw", {"file": {"": 1.0, "FUA": 3.0},
                             "qemu-nbd raw": {}},
                     reads() + writes() + fua_rows),
        "vhd1": Group("vhd1", {"raw": {"": 0.97}, "qemu-nbd vpc": {"": 1.5}},
                      reads() + writes() + fua_rows),
        "layer-ram": Group("layer-ram", {"cow": {"write": 1.5,
                                                 "nbdcopy in": 1.5}},
                           reads(True) + writes_fresh() + reads() + writes(),
                           space=True),
        "ram-disk": Group("layer-ram disk", {"memory": {"read": 0.9,
                                                        "nbdcopy out": 0.9}},
                          reads() + writes(), space=True),
        "layer-sqlite": Group("layer-sqlite",
                              {"qemu-nbd qcow2": {
                                  "": 1.0, "write 4K, flush": 1.5},
                               "cow": {}},
                              reads(True) + writes_fresh() + reads() +
                              writes() + fua_rows, space=True),
        **device_groups(client),
        **image_groups(),
        **striped_groups(),
        **encrypted_groups(),
        **cache_groups(clients),
    }


class Results:
    """Numbers of a group: mostly MiB/s, by row and server, and bytes by
    server."""

    def __init__(self):
        self.speed = {}
        self.most = {}
        self.space = {}

    def add(self, row, server, found):
        """What a workload returned."""
        if not isinstance(found, dict):
            found = {"": found}
        for what, value in found.items():
            name = f"{what}: {row.name}" if what else row.name
            self.speed.setdefault(name, {}).setdefault(
                server.name, []).append(value)
            self.most[name] = row.most

    def median(self, row, server):
        return statistics.median(self.speed[row][server])

    def ratio(self, row, ours, peer):
        """The median of the ratios of each round, as what was measured at
        about the same time had the same machine."""
        return statistics.median(
            a / b for a, b in zip(self.speed[row][ours],
                                  self.speed[row][peer]))

    def spread(self, row, server):
        """Half the distance between the quartiles, as " ±7%"."""
        values = self.speed[row][server]
        if len(values) < 4:
            return ""
        q = statistics.quantiles(values, n=4)
        part = (q[2] - q[0]) / 2 / self.median(row, server)
        return f" ±{100 * part:.0f}%"


def run_fresh(site, team, rows, results, args):
    for row in rows:
        for server in random.sample(team, len(team)):
            server.start(site)
            try:
                results.add(row, server,
                            row.workload(site, server, args.seconds))
            finally:
                server.stop()
            os.sync()


def run_full(site, team, rows, results, args):
    for row in rows:
        for server in random.sample(team, len(team)):
            results.add(row, server,
                        row.workload(site, server, args.seconds))
            os.sync()


def chosen_rows(group, args):
    return [r for r in group.rows
            if any(part in r.name for part in args.row or [""])]


def measure(name, group, site, args):
    all_servers = servers()
    all_servers.update({s.name: s for s in cache_servers(copy_image)})
    all_servers.update({s.name: s for s in device_servers()})
    all_servers.update({s.name: s for s in image_servers()})
    all_servers.update({s.name: s for s in striped_servers()})
    all_servers.update({s.name: s for s in encrypted_servers()})
    team = [all_servers[n] for n in (group.ours, *group.targets)]
    results = Results()
    rows = chosen_rows(group, args)
    fresh = [r for r in rows if r.fresh]
    full = [r for r in rows if not r.fresh]

    for i in range(args.rounds if fresh else 0):
        print(f"{name}: empty, round {i + 1}", file=sys.stderr)
        run_fresh(site, team, fresh, results, args)
    try:
        for server in team if full else []:
            server.start(site)
            if group.space:
                server.fill(site)
                os.sync()
                per_gib = (1 << 30) / site.size
                results.space[server.name] = (server.memory() * per_gib,
                                              server.file() * per_gib)
        for i in range(args.rounds if full else 0):
            print(f"{name}: round {i + 1}", file=sys.stderr)
            run_full(site, team, full, results, args)
    finally:
        for server in team:
            server.stop()
    return results


def show_numbers(results, row, names):
    """The line of a row that is not of ratios, and whether ours, the first,
    is too much."""
    medians = [results.median(row, n) for n in names]
    high = medians[0] > results.most[row]
    cells = [f"{m:.4g}" for m in medians]
    cells[0] += f" (> {results.most[row]})" if high else ""
    print(f"| {row} | {' | '.join(cells)} |")
    return high


def show(group, results):
    """The group's table, and how many ratios miss their target."""
    missed = 0
    peers = list(group.targets)
    head = [f"{group.ours}, MiB/s"] + [f"/ {p}" for p in peers]
    print(f"\n| | {' | '.join(head)} |")
    print("|---|" + "---|" * len(head))
    for row in results.speed:
        if results.most[row] is not None:
            missed += show_numbers(results, row, (group.ours, *peers))
            continue
        ours = results.median(row, group.ours)
        line = [f"{ours:.4g}{results.spread(row, group.ours)}"]
        for peer in peers:
            ratio = results.ratio(row, group.ours, peer)
            target = group.target(peer, row)
            low = target is not None and ratio < target
            missed += low
            line.append(f"{ratio:.2f}" + (f" (< {target:.3g})" if low else ""))
        print(f"| {row} | {' | '.join(line)} |")
    for i, what in enumerate(("memory", "file")):
        if results.space:
            cells = [f"{results.space[s][i] / MIB:.1f}"
                     for s in (group.ours, *peers)]
            print(f"| {what}, MiB per GiB stored | {' | '.join(cells)} |")
    return missed


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser(description="diskstack beside other servers")
    p.add_argument("--nbdkit", default="nbdkit",
                   help="the server that has our modules")
    p.add_argument("--clients", default=here,
                   help="the folder of bench-fua and bench-trace")
    p.add_argument("--dir", default="bench-data",
                   help="a folder to make, on the disk to measure")
    p.add_argument("--group", action="append", help="only this; repeatable")
    p.add_argument("--row", action="append",
                   help="only rows that contain this; repeatable")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=2, help="for each run")
    p.add_argument("--size", type=int, default=512, help="of the disk, MiB")
    p.add_argument("--json", help="also write every number to this file")
    args = p.parse_args()

    chosen = groups(args.clients)
    for name in args.group or []:
        if name not in chosen:
            p.error(f"no group {name}; there are {', '.join(chosen)}")
    site = Site(args.dir, args.nbdkit, args.size * MIB)
    site.make()
    missed, numbers = 0, {}
    try:
        for name, group in chosen.items():
            if args.group and name not in args.group:
                continue
            if not chosen_rows(group, args):
                continue
            if group.needs and not site.has_filter(group.needs):
                print(f"{name}: no filter {group.needs}", file=sys.stderr)
                continue
            if not site.has_plugin(group.plugin):
                print(f"{name}: no plugin {group.plugin}", file=sys.stderr)
                continue
            if group.plugin == "blockdevice" and not has_loop(site):
                print(f"{name}: no loop devices", file=sys.stderr)
                continue
            results = measure(name, group, site, args)
            numbers[name] = {"speed": results.speed, "space": results.space}
            missed += show(group, results)
            sys.stdout.flush()
    finally:
        site.remove()
    if args.json:
        with open(args.json, "w") as f:
            json.dump(numbers, f, indent=1)
    print(f"\n{missed} below their target")


if __name__ == "__main__":
    main()
