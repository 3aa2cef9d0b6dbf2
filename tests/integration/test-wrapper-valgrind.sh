#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The modules in a server under valgrind, by way of the wrapper: nothing
# is found, and if something were it would be told.

set -e -u
source "${builddir:-.}/tests/functions.sh"

requires_no_sanitizer
requires valgrind --version
requires qemu-io --version

random_file "$tmp/disk" 1M
modules=("raw $tmp/disk" "--filter=layer-ram raw $tmp/disk")
[[ ! -e $builddir/filters/layer-sqlite/.libs ]] ||
    modules+=("--filter=layer-sqlite raw $tmp/disk")

for args in "${modules[@]}"; do
    # shellcheck disable=SC2086
    NBDKIT_VALGRIND=1 start_nbdkit "$tmp/sock" $args
    grep -q Memcheck "$tmp/sock.log" || fail "valgrind is not there"
    qemu-io -f raw "nbd+unix:///?socket=$tmp/sock" -c 'write -P 7 1000 200k' \
        -c 'read -P 7 1000 200k' -c 'write -z 0 64k' -c flush
    stop_nbdkit "$tmp/sock"
done

# What the loader still has at the end is an error here.
status=0
NBDKIT_VALGRIND_ARGS='--show-leak-kinds=all --errors-for-leak-kinds=all' \
    nbdkit --valgrind null --version >"$tmp/log" 2>&1 || status=$?
(( status == 119 )) || fail "status $status: $(cat "$tmp/log")"
