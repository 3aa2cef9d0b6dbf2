#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A VHD is locked as a raw file is: against QEMU, against other servers,
# and against being served as both kinds at once.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
source "$srcdir/tests/integration/vhd1-functions.sh"

requires qemu-io --version
requires nbdinfo --version
requires_client

random_file "$tmp/data" 1M
make_vhd "$tmp/disk.vhd" "$tmp/data"

# --- Readers share it; QEMU cannot write.
start_nbdkit "$tmp/a" -r vhd1 "$tmp/disk.vhd"
start_nbdkit "$tmp/b" -r raw "$tmp/disk.vhd"
nbdinfo --size "$(uri "$tmp/a")"
nbdinfo --size "$(uri "$tmp/b")"
qemu-io -f vpc -r "$tmp/disk.vhd" -c 'read 0 512' > /dev/null
expect_error 'Failed to get "write" lock' \
    qemu-io -f vpc "$tmp/disk.vhd" -c 'write 0 512'
stop_nbdkit "$tmp/a"
stop_nbdkit "$tmp/b"

# --- Who writes has it alone.
start_nbdkit "$tmp/c" vhd1 "$tmp/disk.vhd"
cat > "$tmp/others.py" <<'EOF'
h.pwrite(b"x", 0)
import subprocess
disk = os.path.join(os.path.dirname(sys.argv[1]), "disk.vhd")
def refuses(words, *args):
    r = subprocess.run(args, capture_output=True, text=True,
                       stdin=subprocess.DEVNULL)
    print(args, r.returncode, r.stdout, r.stderr)
    assert r.returncode != 0 and words in r.stdout + r.stderr
for plugin in "vhd1", "raw":
    refuses("cannot be locked for reading", "nbdkit", "-r", "-U", "-",
            plugin, disk, "--run", ":")
refuses('Failed to get "write" lock', "qemu-io", "-f", "vpc", disk,
        "-c", "write 0 512")
EOF
client "$tmp/c" < "$tmp/others.py"
start_nbdkit "$tmp/d" vhd1 "$tmp/disk.vhd" lock=false
nbdinfo --size "$(uri "$tmp/d")"
stop_nbdkit "$tmp/d"
stop_nbdkit "$tmp/c"

# --- Refused, it is not left locked; killed, neither.
truncate -s +1 "$tmp/disk.vhd"
expect_error 'has no VHD footer' nbdkit -U - vhd1 "$tmp/disk.vhd" --run :
truncate -s -1 "$tmp/disk.vhd"
start_nbdkit "$tmp/e" vhd1 "$tmp/disk.vhd"
client "$tmp/e" <<< 'h.pwrite(b"x", 0)'
kill_nbdkit "$tmp/e"
qemu-io -f vpc "$tmp/disk.vhd" -c 'write 0 512' > /dev/null
