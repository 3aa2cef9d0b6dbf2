#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# gdb by way of the wrapper: it stops in a module of this tree.

set -e -u
source "${builddir:-.}/tests/functions.sh"

requires gdb --version
# A container may forbid it to trace.
echo run >"$tmp/commands"
requires gdb -batch -nx -x "$tmp/commands" /bin/true

random_file "$tmp/disk" 1M
cat >"$tmp/commands" <<'END'
set breakpoint pending on
break raw_get_ready
run
backtrace
kill
quit
END
timeout 300 "$builddir/nbdkit" --gdb -U - raw "$tmp/disk" --run : \
    <"$tmp/commands" >"$tmp/log" 2>&1 || fail "gdb: $(cat "$tmp/log")"
grep -q 'raw_get_ready () at .*raw\.c:' "$tmp/log" || fail "$(cat "$tmp/log")"
