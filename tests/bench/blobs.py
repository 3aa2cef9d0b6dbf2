#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# The blob plugin beside nbdkit's curl plugin and curl itself, over lines
# of different lengths: `make bench-blob'.  The server is nginx.  They take
# turns, ROUNDS times; the table has medians, in MiB/s or requests/s, and
# how often ours has what the curl plugin has.  Each run begins cold.

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

CONF = """daemon off; {user} pid {dir}/pid; error_log {dir}/log;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port}; root {dir}/www; }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"nothing listens on {port}")


class Site:
    def __init__(self, args):
        self.dir = tempfile.mkdtemp(prefix="diskstack-bench-")
        self.args = args
        self.children = []
        os.mkdir(f"{self.dir}/www")
        with open(f"{self.dir}/www/disk", "wb") as f:
            for _ in range(args.size):
                f.write(os.urandom(1 << 20))
        self.port = free_port()
        with open(f"{self.dir}/conf", "w") as f:
            f.write(CONF.format(dir=self.dir, port=self.port,
                                user="user root;" if os.getuid() == 0 else ""))
        self.start("nginx", "-c", f"{self.dir}/conf")
        wait_for(self.port)

    def start(self, *argv):
        self.children.append(subprocess.Popen(argv, stderr=subprocess.DEVNULL))
        return self.children[-1]

    def line(self, milliseconds):
        """The port of a line with so long a round trip."""
        if milliseconds == 0:
            return self.port
        port = free_port()
        self.start(self.args.proxy, str(port), str(self.port),
                   str(int(milliseconds * 500)))
        wait_for(port)
        return port

    def close(self):
        for child in self.children:
            child.send_signal(signal.SIGTERM)
            child.wait()
        shutil.rmtree(self.dir)


def served(nbdkit, plugin, url, command):
    """What the command prints, and the CPU seconds of server and all."""
    before = os.times()
    r = subprocess.run([nbdkit, "-r", "-U", "-", *plugin, url, "--run",
                        command], stdout=subprocess.PIPE, text=True)
    after = os.times()
    if r.returncode != 0:
        return None, 0
    return r.stdout, (after.children_user + after.children_system -
                      before.children_user - before.children_system)


def copy(args):
    return ('nbdcopy --no-extents "$uri" null:', None)


def fio(args, rw, bs, depth, amount=None):
    limit = (f"--size={amount}M" if amount else
             f"--time_based --runtime={args.seconds} --size={args.size}M")
    return (f'fio --name=x --ioengine=nbd --uri="$uri" --rw={rw} --bs={bs} '
            f'--iodepth={depth} {limit} --output-format=json', rw)


def rows(args):
    return {
        "nbdcopy, MiB/s": copy(args),
        "256K sequential, depth 1, MiB/s":
            fio(args, "read", "256k", 1, args.size),
        "4K sequential, depth 1, IOPS": fio(args, "read", "4k", 1),
        "4K random, depth 1, IOPS": fio(args, "randread", "4k", 1),
        "4K random, depth 16, IOPS": fio(args, "randread", "4k", 16),
    }


def measure(args, plugin, url, row, command, kind):
    start = time.monotonic()
    out, cpu = served(args.nbdkit, plugin, url, command)
    seconds = time.monotonic() - start
    if out is None:
        return None
    if kind is None:
        return args.size / seconds
    text = out[out.index("{"):]
    job = json.loads(text)["jobs"][0]["read"]
    return job["iops"] if "IOPS" in row else job["bw_bytes"] / (1 << 20)


def curl(args, url):
    start = time.monotonic()
    subprocess.run(["curl", "-s", "-o", "/dev/null", url], check=True)
    return args.size / (time.monotonic() - start)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--nbdkit", default="nbdkit")
    p.add_argument("--proxy", required=True)
    p.add_argument("--size", type=int, default=256, help="MiB of the disk")
    p.add_argument("--seconds", type=float, default=4)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--rtt", type=float, nargs="*", default=[0, 2, 20])
    p.add_argument("--row", default=".", help="only those that match")
    p.add_argument("--blob", nargs="*", default=[],
                   help="parameters of the blob plugin")
    args = p.parse_args()
    plugins = {"curl plugin": ["curl"], "blob": ["blob", *args.blob]}
    site = Site(args)
    try:
        for rtt in args.rtt:
            url = f"http://127.0.0.1:{site.line(rtt)}/disk"
            speed = statistics.median(curl(args, url)
                                      for _ in range(args.rounds))
            print(f"\n{rtt:g} ms; curl itself: {speed:.0f} MiB/s")
            for row, (command, kind) in rows(args).items():
                if not re.search(args.row, row):
                    continue
                found = {name: [] for name in plugins}
                for _ in range(args.rounds):
                    for name, plugin in plugins.items():
                        n = measure(args, plugin, url, row, command, kind)
                        found[name].append(n or 0)
                theirs, ours = (statistics.median(v) for v in found.values())
                ratio = f"{ours / theirs:8.2f}x" if theirs else "       -"
                print(f"  {row:34} {theirs:10.1f} {ours:10.1f} {ratio}",
                      flush=True)
    finally:
        site.close()


main()
