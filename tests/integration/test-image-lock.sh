#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Locks of images: one writer, many readers, and nobody writes to a parent
# that is in use.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires qemu-io --version
requires_libnbd
requires_client
cd "$tmp"

cat > refuses.py <<'EOF'
import subprocess
def refuses(words, *args):
    r = subprocess.run(args, capture_output=True, text=True, timeout=60,
                       stdin=subprocess.DEVNULL)
    print(args, r.returncode, r.stdout, r.stderr)
    assert r.returncode != 0 and words in r.stdout + r.stderr
EOF

family () {                     # PLUGIN EXT
    rm -f ./*."$2"
    make_image "$1" "base.$2" create=1M subformat=dynamic
    make_image "$1" "child.$2" create=0 parent="base.$2"
    make_image "$1" "other.$2" create=0 parent="base.$2"
}

for plugin in vhd1 vhdx; do
    e=${ext[$plugin]}
    q=${qemu_format[$plugin]}
    echo "== $plugin"

    # Readers share; QEMU cannot write.
    family $plugin "$e"
    start_nbdkit a -r $plugin "base.$e"
    start_nbdkit b -r $plugin "base.$e"
    nbdinfo --size "$(uri a)" && nbdinfo --size "$(uri b)"
    expect_error 'Failed to get "write" lock' \
        qemu-io -f "$q" "base.$e" -c 'write 0 512'
    stop_nbdkit a
    stop_nbdkit b

    # Who writes has it alone; a child cannot be opened over it, or made.
    start_nbdkit a $plugin "base.$e"
    { cat refuses.py; cat <<EOF
h.pwrite(b"x", 0)
for f in "base.$e", "child.$e":
    refuses("cannot be locked", "nbdkit", "-r", "-U", "-", "$plugin", f,
            "--run", ":")
refuses("cannot be locked", "nbdkit", "-U", "-", "$plugin", "new.$e",
        "create=0", "parent=base.$e", "--run", ":")
assert not os.path.exists("new.$e")
refuses('Failed to get "write" lock', "qemu-io", "-f", "$q", "base.$e",
        "-c", "write 0 512")
EOF
    } | client a
    stop_nbdkit a

    # Parents of those who write are read, and only that.
    family $plugin "$e"
    start_nbdkit a $plugin "child.$e"
    start_nbdkit b $plugin "other.$e"
    start_nbdkit c $plugin "base.$e"
    client b <<< 'h.pwrite(b"x", 0)'
    { cat refuses.py; cat <<EOF
h.pwrite(b"x", 0)
refuses('Failed to get "write" lock', "qemu-io", "-f", "$q", "base.$e",
        "-c", "write 0 512")
refuses("cannot be locked", "nbdkit", "-r", "-U", "-", "$plugin", "child.$e",
        "--run", ":")
refuses("", "nbdinfo", "--size", "$(uri c)")
EOF
    } | client a
    grep 'cannot be locked for writing' c.log
    stop_nbdkit a
    stop_nbdkit b
    stop_nbdkit c

    # Killed, it is not left locked.
    start_nbdkit a $plugin "child.$e"
    client a <<< 'h.pwrite(b"y", 0)'
    kill_nbdkit a
    start_nbdkit a $plugin "child.$e"
    client a <<< 'h.pwrite(b"z", 0)'
    stop_nbdkit a
done
