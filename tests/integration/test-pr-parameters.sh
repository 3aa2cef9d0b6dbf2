#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# pr: every parameter, with values that are right and wrong; clients that are
# no initiators; the filter twice; what cannot be opened.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/pr-functions.sh"

requires_libnbd
cd "$tmp"
p=(--filter=pr memory 1M)
bad 'pr-identity=name: must be export, tls or peer' "${p[@]}" pr-identity=name
nbdkit "${p[@]}" pr-identity=tls --run : 2>/dev/null ||
    bad 'does not tell the names in certificates' "${p[@]}" pr-identity=tls
bad 'must be INITIATOR:PATH' "${p[@]}" pr-socket-for=socket
bad 'must be INITIATOR:PATH' "${p[@]}" pr-socket-for=:socket
bad 'no/file: No such file' "${p[@]}" pr-file=no/file
bad 'no/socket: No such file' "${p[@]}" pr-socket=no/socket
bad "unknown parameter 'pr-file'" "${p[@]}" pr-file=a pr-file=b
bad "unknown parameter 'pr-socket'" "${p[@]}" pr-socket=a pr-socket=b
bad "unknown parameter 'pr-identity'" "${p[@]}" pr-identity=peer \
    pr-identity=peer
echo nonsense >nonsense
bad 'nonsense: has not the size' "${p[@]}" pr-file=nonsense
bad 'nonsense: is there already, and not a socket' "${p[@]}" \
    pr-socket=nonsense

# Nobody else has the file and the sockets meanwhile.
start_nbdkit sock "${p[@]}" pr-file=file pr-socket=pr.sock \
             pr-socket-for=iqn.2026-11.org.example:vm:vm.sock
bad 'file: another server keeps its reservations there' "${p[@]}" pr-file=file
bad 'pr.sock: another server has this socket' "${p[@]}" pr-socket=pr.sock
[[ $(stat -c %a pr.sock vm.sock file) == $'600\n600\n600' ]]

# Exports that name nobody.
for name in x@ "x@$(printf 'y%.0s' {1..224})" $'x@a%0Ab'; do
    ! nbdinfo "$(uri sock "$name")" 2>/dev/null || fail "accepted: $name"
done
(( $(grep 'is no name of an initiator' sock.log | sort -u | wc -l) == 3 ))
nbdinfo --size "$(uri sock "x@$(printf 'y%.0s' {1..223})")"
stop_nbdkit sock

# The export below is what is before the last @.
mkdir dir
truncate -s 1M 'dir/a@b'
start_nbdkit sock --filter=pr raw dir=dir
nbdinfo --size "$(uri sock a@b@c)"
! nbdinfo --size "$(uri sock a@b)" 2>/dev/null || fail "it has another name"
stop_nbdkit sock
start_nbdkit sock --filter=pr raw dir=dir pr-identity=peer
nbdinfo --size "$(uri sock a@b)"
stop_nbdkit sock

# Each has reservations of its own, and takes a part of the name.
start_nbdkit sock --filter=pr --filter=pr memory 1M pr-socket=1 pr-socket=2
reserve <<'PYTHON'
one, two, h = Helper("1", "a"), Helper("2", "a"), connect("@x@a")
one.good(REGISTER, 0, 1)
one.good(RESERVE, 1, type=3)
assert two.keys() == (0, []) and access(h) == "rw"
two.good(REGISTER, 0, 1)
two.good(RESERVE, 1, type=3)
assert access(h) == "--" and access(connect("@a@a")) == "rw"
assert access(connect("@a")) == "--"
two.good(RELEASE, 1, type=3)
assert access(connect("@a")) == "rw"
PYTHON
stop_nbdkit sock

# Without a file nothing is promised.
start_nbdkit sock "${p[@]}" pr-socket=pr.sock
reserve <<'PYTHON'
h = Helper("pr.sock", "a")
assert h.inquire(2)[2:4] == b"\x00\x80"
assert h.out(REGISTER, 0, 1, aptpl=True) == CHECK and h.sense == (5, 0x2600)
PYTHON
stop_nbdkit sock

nbdkit --filter=pr null --help >help
for key in file identity socket socket-for; do
    grep -q "^pr-$key=" help || fail "$key is not in --help"
done
