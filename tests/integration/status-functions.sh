# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests of diskstack status share: servers to ask.

requires python3 --version

# start_status_server SOCKET: of tests/support; its process is $server_pid.
start_status_server () {
    rm -f "$tmp/server.in" "$tmp/server.out"
    mkfifo "$tmp/server.in"
    "$builddir/tests/support/status-server" "$1" < "$tmp/server.in" \
        > "$tmp/server.out" 2> "$tmp/server.err" &
    server_pid=$!
    cleanup_fn kill_status_server
    exec 8> "$tmp/server.in"
    wait_until 60 grep -qs ready "$tmp/server.out" ||
        fail "status-server did not start: $(<"$tmp/server.err")"
}

# It ends with its standard input, and well.
stop_status_server () {
    local pid=$server_pid status=0
    exec 8>&-
    server_pid=
    wait "$pid" || status=$?
    (( status == 0 )) ||
        fail "status-server: status $status: $(<"$tmp/server.err")"
}

kill_status_server () {
    [[ $server_pid ]] || return 0
    kill -KILL "$server_pid" 2>/dev/null || :
    wait "$server_pid" 2>/dev/null || :
    server_pid=
    exec 8>&-
}

# ask SOCKET REQUEST: what a control socket answers.
ask () {
    python3 - "$@" <<'PYTHON'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n")
while data := s.recv(65536):
    sys.stdout.buffer.write(data)
PYTHON
}

# start_fake SOCKET ANSWER: a server that says just that, whatever it is
# asked, until stop_fake.  ANSWER is as printf has it.
start_fake () {
    rm -f "$1"
    printf "${2//%/%%}" > "$tmp/fake.answer"
    python3 - "$1" "$tmp/fake.answer" <<'PYTHON' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1] + ".new")
s.listen()
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    c, _ = s.accept()
    c.recv(100)
    c.sendall(open(sys.argv[2], "rb").read())
    c.close()
PYTHON
    fake_pid=$!
    cleanup_fn stop_fake
    wait_until 60 test -S "$1" || fail "no server on $1"
}

stop_fake () {
    [[ $fake_pid ]] || return 0
    kill -KILL "$fake_pid" 2>/dev/null || :
    wait "$fake_pid" 2>/dev/null || :
    fake_pid=
}
server_pid='' fake_pid=''

# check_metrics FILE: is it what Prometheus takes?  All samples of a
# metric together, after its HELP and TYPE; none of them twice.
check_metrics () {
    python3 - "$1" <<'PYTHON'
import re, sys
name = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
label = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
sample = re.compile(rf"({name})\{{({label}(?:,{label})*)\}} ([0-9.]+)")
current, seen, helped, types = None, set(), set(), {}
for line in open(sys.argv[1]):
    line = line.rstrip("\n")
    if m := re.fullmatch(rf"# HELP ({name}) (.+)", line):
        assert m[1] not in helped, line
        helped.add(m[1])
        current = m[1]
    elif m := re.fullmatch(rf"# TYPE ({name}) (counter|gauge|summary)", line):
        assert m[1] == current and m[1] not in types, line
        types[m[1]] = m[2]
        assert (m[2] == "counter") == m[1].endswith("_total"), line
    else:
        m = sample.fullmatch(line)
        assert m, line
        allowed = [current]
        if types[current] == "summary":
            allowed += [current + "_sum", current + "_count"]
        assert m[1] in allowed, line
        assert (m[1], m[2]) not in seen, line
        seen.add((m[1], m[2]))
        float(m[3])
assert helped == set(types) and len(types) > 20
PYTHON
}
