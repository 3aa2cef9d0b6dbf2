#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Who writes an image has it alone, in the eyes of other servers and of
# QEMU; readers share it.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires qemu-io --version
requires qemu-img --version
requires nbdinfo --version
requires_client

truncate -s 1M "$tmp/disk"
mkfifo "$tmp/fifo"

uri () { echo "nbd+unix:///?socket=$tmp/$1"; }

# hold COMMAND...: run it in the background, waiting for input, until
# release.
hold_pid=
hold () {
    # Open for both, a FIFO never ends.
    "$@" <> "$tmp/fifo" > "$tmp/hold.log" 2>&1 &
    hold_pid=$!
    cleanup_fn release
}
release () {
    [[ $hold_pid ]] || return 0
    kill "$hold_pid" 2>/dev/null || :
    wait "$hold_pid" 2>/dev/null || :
    hold_pid=
}
# wait_for_locks: until somebody has locked the file.
wait_for_locks () {
    local i inode
    inode=$(stat -c %i "$tmp/disk")
    for (( i = 0; i < 250; i++ )); do
        ! grep "OFDLCK.*:$inode " /proc/locks > "$tmp/locks" || return 0
        sleep 0.02
    done
    fail "nobody locked the file"
}
qemu () { qemu-io -f raw "$@"; }

# --- A server that nobody writes through is a reader.
start_nbdkit "$tmp/a" raw "$tmp/disk" -r
start_nbdkit "$tmp/b" raw "$tmp/disk" -r
nbdinfo --size "$(uri a)"
nbdinfo --size "$(uri b)"
qemu -r "$tmp/disk" -c 'read 0 512' > /dev/null
! qemu "$tmp/disk" -c 'write 0 512' > "$tmp/log" 2>&1 ||
    fail "qemu-io wrote what is being read"
grep -q 'Failed to get "write" lock' "$tmp/log"

# --- A writer beside a reader: refused when it wants to write.
start_nbdkit "$tmp/c" raw "$tmp/disk"
! client "$tmp/c" <<< '' 2> /dev/null || fail "writer beside a reader"
grep -q 'cannot be locked for writing.*lock=false' "$tmp/c.log"
stop_nbdkit "$tmp/c"

# --- Unless it has been told not to care.
start_nbdkit "$tmp/d" raw "$tmp/disk" lock=false
client "$tmp/d" <<< 'h.pwrite(b"x", 0)'

# --- A writer keeps everybody out.
truncate -s 1M "$tmp/disk2"
start_nbdkit "$tmp/e" raw "$tmp/disk2"
cat > "$tmp/others.py" <<'EOF'
h.pwrite(b"x", 0)
import subprocess
disk = os.path.join(os.path.dirname(sys.argv[1]), "disk2")
def run(*args):
    r = subprocess.run(args, capture_output=True, text=True,
                       stdin=subprocess.DEVNULL)
    print(args, r.returncode, r.stdout, r.stderr)
    return r.returncode, r.stdout + r.stderr
for args in ((), ("-r",)):
    r, text = run("nbdkit", *args, "-U", "-", "raw", disk, "--run", ":")
    assert r != 0 and "cannot be locked for reading" in text
r, text = run("qemu-io", "-f", "raw", disk, "-c", "write 0 512")
assert r != 0 and 'Failed to get "write" lock' in text
# Who asks for no protection may look.
r, text = run("qemu-img", "info", "-U", disk)
assert r == 0
# Another connection is no other writer.
other = nbd.NBD()
other.connect_unix(sys.argv[1])
other.pwrite(b"y", 1)
other.shutdown()
EOF
client "$tmp/e" < "$tmp/others.py"
stop_nbdkit "$tmp/e"
qemu "$tmp/disk2" -c 'write 0 512' > /dev/null

# --- The other way round: QEMU has it.
rm "$tmp/disk"
truncate -s 1M "$tmp/disk"
hold qemu-io -f raw "$tmp/disk"
wait_for_locks
for args in '' -r; do
    # shellcheck disable=SC2086
    ! nbdkit $args -U - raw "$tmp/disk" --run : 2> "$tmp/log" ||
        fail "served what QEMU writes"
    grep -q 'cannot be locked for reading' "$tmp/log"
done
nbdkit -U - raw "$tmp/disk" lock=false --run :
release

hold qemu-io -f raw -r "$tmp/disk"
wait_for_locks
nbdkit -r -U - raw "$tmp/disk" --run 'nbdinfo --size "$uri"'
release

# A format whose reader does not tolerate writers.
qemu-img create -q -f qcow2 "$tmp/q" 1M
mv "$tmp/q" "$tmp/disk"
hold qemu-io -f qcow2 -r "$tmp/disk"
wait_for_locks
nbdkit -r -U - raw "$tmp/disk" --run 'nbdinfo --size "$uri"'
start_nbdkit "$tmp/f" raw "$tmp/disk"
! client "$tmp/f" <<< '' 2> /dev/null || fail "writer beside QEMU's reader"
release
client "$tmp/f" <<< 'h.pwrite(b"x", 0)'

# --- Killed, it leaves no lock behind.
kill_nbdkit "$tmp/f"
nbdkit -U - raw "$tmp/disk" --run :
