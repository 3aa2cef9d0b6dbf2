#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Read-only, because the server, the descriptor or the file is: nothing
# is written and no file is changed, also if a crash left work to do.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
cd "$tmp"

random_file data 4M
cat > refused.py <<'EOF'
assert h.is_read_only()
for f, *args in ((h.pwrite, b"x" * 512, 0), (h.zero, 512, 0),
                 (h.trim, 512, 0)):
    assert fails(f, *args) == errno.EPERM
h.flush()
data = open("raw", "rb").read()
assert h.get_size() == len(data) and h.pread(len(data), 0) == data
EOF

# looked_at PLUGIN FILE ARGS...: in all ways; the ARGS are needed with fd=.
looked_at () {
    start_nbdkit sock -r "$1" "$2"
    client sock < refused.py
    stop_nbdkit sock
    exec 7< "$2"
    start_nbdkit sock "$1" fd=7 "${@:3}"
    exec 7<&-
    client sock < refused.py
    stop_nbdkit sock
    if (( EUID != 0 )); then
        chmod 444 "$2"
        start_nbdkit sock "$1" "$2"
        client sock < refused.py
        stop_nbdkit sock
        chmod 644 "$2"
    fi
}

for plugin in vhd1 vhdx; do
    e=${ext[$plugin]}
    for type in dynamic differencing; do
        echo "== $plugin, $type"
        rm -f ./*."$e"
        cp data raw
        more=()
        if [[ $type == dynamic ]]; then
            make_image $plugin "disk.$e" create=4M subformat=dynamic \
                       block-size=1M
            fill $plugin "disk.$e" data
        else
            make_image $plugin "base.$e" create=4M subformat=dynamic \
                       block-size=1M
            fill $plugin "base.$e" data
            make_image $plugin "disk.$e" create=0 parent="base.$e" \
                       block-size=1M
            more=(parent="base.$e")
        fi
        start_nbdkit sock $plugin "disk.$e"
        random_writes sock raw 30
        stop_nbdkit sock
        sha256sum ./*."$e" > clean
        looked_at $plugin "disk.$e" "${more[@]}"
        sha256sum -c clean

        # Killed after a flush: to be repaired, but not by a reader.
        start_nbdkit sock $plugin "disk.$e"
        random_writes sock raw 30
        kill_nbdkit sock
        sha256sum ./*."$e" > dirty
        looked_at $plugin "disk.$e" "${more[@]}"
        sha256sum -c dirty
        # As a parent, too.
        start_nbdkit sock $plugin "top.$e" create=0 parent="disk.$e"
        cp raw raw2
        random_writes sock raw2 30
        stop_nbdkit sock
        sha256sum -c dirty
        same $plugin "top.$e" raw2
        # And now by who may write; a parent it can be all the same.
        start_nbdkit sock $plugin "disk.$e"
        client sock <<< 'data = open("raw", "rb").read()
assert not h.is_read_only() and h.pread(len(data), 0) == data'
        stop_nbdkit sock
        same $plugin "disk.$e" raw
        [[ $type == differencing ]] || qemu_check $plugin "disk.$e"
        same $plugin "top.$e" raw2
    done
done
