#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The main job, shown: a VHD with a real file system, a persistent layer
# over it, changes over NBD, and what became of both files.  Prints every
# command, so that it can be repeated on a disk of one's own.  Run by
# `make demo', with the build tree's nbdkit and diskstack first in PATH.

set -e -u -o pipefail

dir=${1:-demo}
rm -rf "$dir"
mkdir "$dir"
cd "$dir"

say () { printf '\n\033[1m# %s\033[0m\n' "$*"; }

# Print a command as it can be typed, and run it.
run () {
    local word line=
    for word; do
        if [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]]; then line+=" $word"
        else line+=" '$word'"; fi
    done
    printf '$%s\n' "$line"
    "$@"
}

# The same for something that goes on in the background, until stop.
background () {
    printf '$ %s &\n' "$*"
    "$@" &
    pids+=($!)
}

pids=()
mounted=
finish () {
    local status=$? pid
    [[ -z $mounted ]] || fusermount3 -u mnt 2>/dev/null || :
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || :; done
    wait
    exit $status
}
trap finish EXIT

until_there () {
    local i
    for i in {1..200}; do
        if test "$@"; then return 0; fi
        sleep 0.05
    done
    echo "demo: waited in vain for: $*" >&2
    return 1
}

# End the last thing in the background, once its clients are gone.
stop () {
    local pid=${pids[-1]}
    printf '$ kill %s\n' "$pid"
    kill "$pid" 2>/dev/null || :
    wait "$pid" || :
    unset 'pids[-1]'
}

say 'A file system with files in it.'
run mkdir files
run cp "$DEMO_SRCDIR"/README.md "$DEMO_SRCDIR"/LICENSE "$DEMO_SRCDIR"/docs/*.md files
run truncate -s 64M fs.img
run mke2fs -q -t ext4 -d files fs.img

say 'A VHD as Azure and Hyper-V take it, and the file system in it.'
run nbdkit -U - vhd1 demo.vhd create=64M --run 'nbdcopy fs.img "$uri"'
run diskstack info demo.vhd
run qemu-img info -f vpc demo.vhd
run sha256sum demo.vhd
sha256sum demo.vhd > demo.vhd.sha256

say 'Serve it with a layer over it, and change it over NBD.'
echo 'Written through the layer.' > new.txt
background nbdkit -f -U sock --filter=layer-sqlite vhd1 demo.vhd
until_there -S sock
if [[ -c /dev/fuse && -w /dev/fuse ]]; then
    run mkdir mnt
    background nbdfuse mnt 'nbd+unix:///?socket=sock'
    mounted=yes
    until_there -f mnt/nbd
    run debugfs -w -R 'write new.txt new.txt' mnt/nbd
    run debugfs -w -R 'rm LICENSE' mnt/nbd
    run e2fsck -fn mnt/nbd
    run fusermount3 -u mnt
    mounted=
    wait "${pids[-1]}" || :
    unset 'pids[-1]'
else
    # Without FUSE: change a copy, and write back what differs.
    run nbdcopy 'nbd+unix:///?socket=sock' copy.img
    run debugfs -w -R 'write new.txt new.txt' copy.img
    run debugfs -w -R 'rm LICENSE' copy.img
    run python3 "$DEMO_SRCDIR"/scripts/write-differences.py copy.img \
        'nbd+unix:///?socket=sock'
    run rm copy.img
fi
stop

say 'The change is in the layer; the VHD is what it was, bit for bit.'
run ls -ls demo.vhd demo.vhd.dbhd
run diskstack info demo.vhd.dbhd
run sha256sum -c demo.vhd.sha256

say 'Served again, with the layer: the change is there.'
run nbdkit -U - -r --filter=layer-sqlite vhd1 demo.vhd \
    --run 'nbdinfo --map --totals "$uri" && nbdcopy "$uri" with.img'
run e2fsck -fn with.img
run debugfs -R 'cat new.txt' with.img

say 'Without it: it is not.'
run nbdkit -U - -r vhd1 demo.vhd --run 'nbdcopy "$uri" without.img'
run cmp without.img fs.img
run debugfs -R 'ls -p' without.img

say 'The disk with its changes as a new image, by qemu-img.'
run nbdkit -U - -r --filter=layer-sqlite vhd1 demo.vhd \
    --run 'qemu-img convert -f raw -O qcow2 "$uri" new.qcow2'
run qemu-img compare -f qcow2 -F raw new.qcow2 with.img
run qemu-img convert -O raw new.qcow2 new.img
run mkdir out
run debugfs -R 'rdump / out' new.img
run rm -rf out/lost+found
run mv new.txt files
run rm files/LICENSE
run diff -r files out

say 'Everything is as it should be.'
echo "The files are in $PWD."
