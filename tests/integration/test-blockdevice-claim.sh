#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A device that somebody uses is not written to, and the log says who it
# is; reading is possible; and what clients may write to nobody can mount.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
source "$srcdir/tests/integration/blockdevice-functions.sh"
set -e -u

requires_loop
requires_client
requires mkfs.ext4 -V

# refused PATTERN DEVICE: clients are, and the reason is told twice.
n=0
refused () {
    local sock=$tmp/sock-$(( ++n ))
    start_nbdkit "$sock" blockdevice "$2"
    ! client "$sock" <<< '' 2>/dev/null || fail "a client may write to $2"
    (( $(grep -cE "$1" "$sock.log") >= 2 )) ||
        { cat "$sock.log"; fail "expected '$1'"; }
    stop_nbdkit "$sock"
    start_nbdkit "$sock" -r blockdevice "$2"
    client "$sock" <<< 'h.pread(4096, 0)'
    stop_nbdkit "$sock"
}

truncate -s 16M "$tmp/disk"
mkfs.ext4 -q "$tmp/disk"
loop "$tmp/disk"
disk=$loop

# A program.
exec 8<> "$disk"
start_nbdkit "$tmp/sock" blockdevice "$disk"
client "$tmp/sock" <<EOF
# We have it: nobody else gets it.
h.pwrite(h.pread(512, 0), 0)
try:
    os.close(os.open("$disk", os.O_RDWR | os.O_EXCL))
    assert False
except OSError as e:
    assert e.errno == errno.EBUSY
EOF
mkdir "$tmp/dir with space"
if mount "$disk" "$tmp/dir with space" 2>"$tmp/mount.err"; then
    umount "$tmp/dir with space"
    fail "could be mounted while it is served"
fi
stop_nbdkit "$tmp/sock"
exec 8>&-
python3 -c 'import os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)
print("open", flush=True)
sys.stdin.read()' "$disk" < <(sleep 60) > "$tmp/holder" &
holder=$!
cleanup_fn eval "kill $holder 2>/dev/null || :"
wait_until 30 grep -q open "$tmp/holder" || fail "python3 did not start"
refused 'is in use.*a program has it open for itself' "$disk"
kill "$holder"
wait "$holder" 2>/dev/null || :

# A mount.
if mount "$disk" "$tmp/dir with space" 2>"$tmp/mount.err"; then
    cleanup_fn eval "umount '$tmp/dir with space' 2>/dev/null || :"
    refused "is in use.*it is mounted on $tmp/dir with space" "$disk"
    umount "$tmp/dir with space"
    # And now it is free.
    start_nbdkit "$tmp/sock" blockdevice "$disk"
    client "$tmp/sock" <<< 'h.pwrite(h.pread(512, 0), 0)'
    stop_nbdkit "$tmp/sock"

    # A partition that is mounted, for the whole disk.
    truncate -s 24M "$tmp/parts"
    loop "$tmp/parts"
    parts=$loop
    partition 1 2048 32768
    mkfs.ext4 -q "${parts}p1"
    mount "${parts}p1" "$tmp/dir with space"
    refused "its partition ${parts#/dev/}p1 is mounted on" "$parts"
    umount "$tmp/dir with space"
else
    echo "cannot mount here: not tested: $(cat "$tmp/mount.err")"
fi

# Swap space.
truncate -s 4M "$tmp/swap"
chmod 600 "$tmp/swap"
loop "$tmp/swap"
if mkswap "$loop" >/dev/null 2>&1 && swapon "$loop" 2>/dev/null; then
    cleanup_fn eval "swapoff '$loop' 2>/dev/null || :"
    refused 'is in use.*it is used for swapping' "$loop"
    swapoff "$loop"
else
    echo "cannot swap here: not tested"
fi
