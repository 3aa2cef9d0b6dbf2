#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# pr: QEMU, as it is, takes our sockets of both kinds for those of its helper.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/pr-functions.sh"

requires qemu-system-x86_64 -object pr-manager-helper,help
cd "$tmp"

# connected: what QEMU thinks of its managers, the two sockets.
connected () {
    qemu-system-x86_64 -machine none -display none -nodefaults \
        -object pr-manager-helper,id=a,path=pr.sock \
        -object pr-manager-helper,id=b,path=vm.sock -qmp stdio 2>&1 <<'QMP' |
{"execute": "qmp_capabilities"}
{"execute": "query-pr-managers"}
{"execute": "quit"}
QMP
        grep -o '"connected": [a-z]*' | sort | uniq -c
}

start_nbdkit sock -v --filter=pr memory 1M pr-socket=pr.sock \
             pr-socket-for=vm:vm.sock
connected | grep -x ' *2 "connected": true'
# Nothing that it said was wrong.
! grep 'sock: a client' sock.log || fail "it is not understood"
stop_nbdkit sock
