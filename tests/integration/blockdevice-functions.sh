# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests of the blockdevice plugin share, beside functions.sh.

# requires_loop: a machine on which loop devices can be made.
requires_loop () {
    requires_root
    requires losetup --version
    truncate -s 1M "$tmp/probe"
    local probe
    probe=$(losetup --find --show "$tmp/probe" 2>"$tmp/loop.err") ||
        skip "no loop device: $(cat "$tmp/loop.err")"
    losetup -d "$probe"
}

# loop FILE ARGS...: a loop device over the file, in $loop; detached at the
# end.
loop () {
    loop=$(losetup --find --show "${@:2}" "$1" 2>"$tmp/loop.err") ||
        skip "no loop device: $(cat "$tmp/loop.err")"
    cleanup_fn losetup -d "$loop"
}

# partition N START COUNT: partition N of $loop, in sectors of 512 bytes; its
# node is ${loop}pN.  Skips where there are none.
partition () {
    addpart "$loop" "$@" 2>"$tmp/part.err" ||
        skip "no partitions: $(cat "$tmp/part.err")"
    cleanup_fn eval "delpart $loop $1 2>/dev/null || :"
    wait_until 10 test -b "${loop}p$1" || skip "no node for a partition"
}
