#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# The blob plugin beside nbdkit's curl plugin, of one or more versions, qemu's
# curl driver and curl itself, over lines of different lengths:
# `make bench-blob'.  The web server is nginx.  All take turns, ROUNDS times;
# the tables have medians.  Each run is with a server of its own, so it begins
# cold, and the processor time is that server's alone.

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
OURS = "blob"

CONF = """daemon off; {user} pid {dir}/pid; error_log {dir}/log;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  log_format bytes '$body_bytes_sent';
  access_log {dir}/access bytes buffer=64k flush=50ms;
  sendfile on; tcp_nodelay on; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port}; root {dir}/www; }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, ready):
    for _ in range(1000):
        if ready():
            return
        time.sleep(0.01)
    sys.exit(f"{what} does not begin")


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


def make_file(name, mib):
    with open(name, "wb") as f:
        for _ in range(mib):
            f.write(os.urandom(MIB))


class Site:
    """A web server with two files, and the lines to it."""

    def __init__(self, args):
        self.dir = tempfile.mkdtemp(prefix="diskstack-bench-")
        self.args = args
        self.children = []
        os.mkdir(f"{self.dir}/www")
        make_file(f"{self.dir}/www/disk", args.size)
        if args.large:
            make_file(f"{self.dir}/www/large", args.large)
        self.port = free_port()
        with open(f"{self.dir}/conf", "w") as f:
            f.write(CONF.format(dir=self.dir, port=self.port,
                                user="user root;" if os.getuid() == 0 else ""))
        self.start("nginx", "-c", f"{self.dir}/conf")
        wait_until("nginx", lambda: listens(self.port))

    def start(self, *argv):
        self.children.append(subprocess.Popen(argv, stderr=subprocess.DEVNULL))

    def line(self, milliseconds):
        """The port of a line with so long a round trip."""
        if milliseconds == 0:
            return self.port
        port = free_port()
        self.start(self.args.proxy, str(port), str(self.port),
                   str(int(milliseconds * 500)))
        wait_until("delay-proxy", lambda: listens(port))
        return port

    def sent(self):
        """The bytes of all bodies since this was asked last."""
        name = f"{self.dir}/access"
        time.sleep(0.2)  # it is written late
        with open(name) as f:
            total = sum(int(n) for n in f if n.strip())
        os.truncate(name, 0)
        return total

    def close(self):
        for child in self.children:
            child.send_signal(signal.SIGTERM)
            child.wait()
        shutil.rmtree(self.dir)


class Server:
    """One process, which makes the socket."""

    def __init__(self, argv, site):
        self.socket = f"{site.dir}/sock"
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_until("the server", lambda: os.path.exists(self.socket) or
                   self.process.poll() is not None)

    @property
    def uri(self):
        return f"nbd+unix:///?socket={self.socket}"

    def cpu(self):
        """Seconds of the processor so far."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.terminate()
        self.process.wait()
        if os.path.exists(self.socket):
            os.unlink(self.socket)


class Row:
    """What clients do.  LIMIT: seconds, after which a slow one is stopped;
    its speed is that of what it has read."""

    def __init__(self, name, unit, rw=None, bs=None, depth=1, limit=None,
                 file="disk"):
        self.name, self.unit = name, unit
        self.rw, self.bs, self.depth = rw, bs, depth
        self.limit, self.file = limit, file

    def command(self, args, uri, size):
        if self.rw is None:
            return ["nbdcopy", "--no-extents", uri, "null:"]
        run = ([f"--runtime={self.limit}"] if self.limit else
               ["--time_based", f"--runtime={args.seconds}"])
        return ["fio", "--name=x", "--ioengine=nbd", f"--uri={uri}",
                f"--rw={self.rw}", f"--bs={self.bs}", "--output-format=json",
                f"--iodepth={self.depth}", f"--size={size}M", *run]

    def result(self, text, size, seconds):
        """The number of the table, and the bytes that were read."""
        if self.rw is None:
            return size / seconds, size * MIB
        job = json.loads(text[text.index("{"):])["jobs"][0]
        if job["error"]:
            raise ValueError(job["error"])
        read = job["read"]
        return (read["iops"] if self.unit == "IOPS" else
                read["bw_bytes"] / MIB), read["io_bytes"]


def run(argv):
    """What it prints; a server that hangs is an error."""
    return subprocess.run(argv, text=True, check=True, timeout=120,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


class Nbdkit:
    """An nbdkit and a plugin of it, with clients that speak NBD."""

    def __init__(self, program, *plugin):
        self.program, self.plugin = program, plugin

    def measure(self, args, row, site, url, size):
        """The number, the server's processor seconds, bytes read."""
        server = Server([self.program, "-f", "-r", "-U", f"{site.dir}/sock",
                         *self.plugin, url], site)
        try:
            before = server.cpu()
            start = time.monotonic()
            text = run(row.command(args, server.uri, size))
            seconds = time.monotonic() - start
            number, asked = row.result(text, size, seconds)
            return number, server.cpu() - before, asked
        finally:
            server.close()


class Qemu:
    """qemu's curl driver, in one process with its client, which reads only
    from front to back; it hangs if it is asked for several things at once."""

    def measure(self, args, row, site, url, size):
        if row.rw != "read":
            raise ValueError(row.name)
        count = int(row.bs[:-1]) << 10
        n = min(size * MIB // count, 1000)
        image = {"driver": "raw", "file": {"driver": "http", "url": url}}
        before = os.times()
        text = run(["qemu-img", "bench", "-f", "raw", "-t", "none", "-n",
                    "-c", str(n), "-d", str(row.depth), "-s", str(count),
                    "json:" + json.dumps(image)])
        after = os.times()
        rate = n / float(re.search(r"in ([0-9.]+) seconds", text).group(1))
        return (rate if row.unit == "IOPS" else rate * count / MIB,
                after.children_user + after.children_system -
                before.children_user - before.children_system, n * count)


def rows(args, rtt):
    yield Row("nbdcopy", "MiB/s")
    yield Row("256K sequential, depth 1", "MiB/s", "read", "256k", limit=10)
    if args.large and rtt == max(args.rtt):
        yield Row(f"256K sequential of {args.large} MiB", "MiB/s", "read",
                  "256k", limit=10, file="large")
    yield Row("4K sequential, depth 1", "IOPS", "read", "4k")
    yield Row("4K random, depth 1", "IOPS", "randread", "4k")
    yield Row("4K random, depth 16", "IOPS", "randread", "4k", 16)


def measure(args, site, row, server, base):
    """The number, processor seconds for a GiB, bytes fetched for each that
    was asked for; or None if it cannot do that."""
    site.sent()
    size = args.large if row.file == "large" else args.size
    try:
        number, cpu, asked = server.measure(args, row, site,
                                            f"{base}/{row.file}", size)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return number, cpu * (1 << 30) / asked, site.sent() / asked


def curl(args, url):
    start = time.monotonic()
    subprocess.run(["curl", "-s", "-o", "/dev/null", url], check=True)
    return args.size / (time.monotonic() - start)


def show(row, found):
    """One line for each server: what it did, and how often ours has that."""
    medians = {name: [statistics.median(v) for v in zip(*runs)]
               for name, runs in found.items() if runs}
    for name, (number, cpu, fetched) in medians.items():
        ratio = ""
        if name != OURS and OURS in medians:
            ratio = f"{medians[OURS][0] / number:.2f}"
        print(f"| {row.name}, {row.unit} | {name} | {number:.4g} | {ratio} | "
              f"{cpu:.2f} | {fetched:.2f} |", flush=True)


def servers(args):
    found = {"curl plugin": Nbdkit(args.nbdkit, "curl")}
    for text in args.peer:
        name, _, program = text.partition("=")
        found[name] = Nbdkit(program, "curl")
    if args.qemu:
        found["qemu"] = Qemu()
    found[OURS] = Nbdkit(args.nbdkit, "blob", *args.blob)
    return found


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--nbdkit", default="nbdkit")
    p.add_argument("--peer", action="append", default=[],
                   metavar="NAME=NBDKIT",
                   help="another nbdkit that has a curl plugin; repeatable")
    p.add_argument("--qemu", action="store_true", help="qemu's curl driver, too")
    p.add_argument("--proxy", required=True)
    p.add_argument("--size", type=int, default=256, help="MiB of the disk")
    p.add_argument("--large", type=int, default=1024,
                   help="MiB of a larger one, over the longest line; or 0")
    p.add_argument("--seconds", type=float, default=4)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--rtt", type=float, nargs="*", default=[0, 2, 20])
    p.add_argument("--row", default=".", help="only those that match")
    p.add_argument("--blob", nargs="*", default=[],
                   help="parameters of the blob plugin")
    args = p.parse_args()
    site = Site(args)
    try:
        for rtt in args.rtt:
            base = f"http://127.0.0.1:{site.line(rtt)}"
            speed = statistics.median(curl(args, f"{base}/disk")
                                      for _ in range(args.rounds))
            print(f"\nRound trip of {rtt:g} ms; curl itself: {speed:.0f} "
                  f"MiB/s; load {os.getloadavg()[0]:.1f}\n\n"
                  "| | server | median | blob has | CPU s/GiB | fetched |\n"
                  "|---|---|---|---|---|---|")
            for row in rows(args, rtt):
                if not re.search(args.row, row.name):
                    continue
                found = {name: [] for name in servers(args)}
                for _ in range(args.rounds):
                    for name, server in servers(args).items():
                        r = measure(args, site, row, server, base)
                        if r is not None:
                            found[name].append(r)
                show(row, found)
    finally:
        site.close()


main()
