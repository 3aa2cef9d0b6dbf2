#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack status on a terminal: it draws again, ends when it is told
# to, gives the terminal back as it was, and says so when the server is
# gone.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/status-functions.sh"

sock=$tmp/sock
start_status_server "$sock"

# live HOW: run the command on a terminal of 90x50, and end it as HOW says.
live () {
    TERM=xterm LC_ALL=C.UTF-8 python3 - "$sock" "$@" "$server_pid" <<'PYTHON'
import fcntl, os, pty, re, select, signal, socket, struct, sys, termios, time

path, how, server = sys.argv[1], sys.argv[2], int(sys.argv[3])
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 90, 0, 0))
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in 0, 1, 2:
        os.dup2(slave, fd)
    os.closerange(3, 20)
    os.execvp("diskstack", ["diskstack", "status", "--interval=0.1", path])

seen = b""

def wait_for(pattern):
    global seen
    deadline = time.monotonic() + 60
    while not (m := re.search(pattern, seen, re.S)):
        assert time.monotonic() < deadline, (pattern, seen[-3000:])
        if select.select([master], [], [], 1)[0]:
            seen += os.read(master, 65536)
    seen = seen[m.end():]
    return m

def work():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.sendall(b"work\n")
    assert s.recv(100) == b"done\n"

block, empty = "█".encode(), "░".encode()
wait_for(rb"\x1b\[\?1049h")
wait_for(rb"every 0\.1 s, q ends")
wait_for(rb"hits +\x1b\[32m(" + block + rb")+\x1b\[0m\x1b\[2m(" + empty + rb")+")
assert termios.tcgetattr(slave)[3] & termios.ECHO == 0
work()
wait_for(rb"read +[1-9][0-9]*/s +[0-9.]+ MiB/s")  # it has rates,
wait_for(rb", now +[0-9.]+ %")
wait_for(rb"read +0/s +0 bytes/s")                # and forgets them
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 60, 0, 0))
wait_for(rb"the terminal is too small for the rest")
expected = 0
if how == "q":
    os.write(master, b"xq")
elif how == "ctrl-c":
    os.write(master, b"\x03")
elif how == "term":
    os.kill(pid, signal.SIGTERM)
elif how == "server":
    os.kill(server, signal.SIGKILL)
    expected = 1
wait_for(rb"\x1b\[\?25h\x1b\[\?1049l")
if expected == 1:
    # It was not there any more, or went while it answered.
    wait_for(rb"diskstack: " + re.escape(path.encode()) +
             rb": (no server listens|the server ended)")
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == expected, status
assert termios.tcgetattr(slave) == before
PYTHON
}

live q
live ctrl-c
live term
live server
