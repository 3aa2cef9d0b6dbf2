#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# create=: what we make reads the same here and in QEMU, of every type
# and block size; what QEMU makes reads the same here; sizes are exact;
# nothing that exists is touched, and nothing is left behind.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires qemu-img --version
requires qemu-io --version
requires_libnbd
requires_client
cd "$tmp"

random_file data 9M

# ours PLUGIN ARGS...
ours () {
    local plugin=$1 f=ours.${ext[$1]}
    echo "== $*"
    start_nbdkit sock "$plugin" "$f" create=9M "${@:2}"
    [[ $(nbdinfo --size "$(uri sock)") == 9437184 ]] || fail "$*: size"
    cp data raw
    nbdcopy data "$(uri sock)"
    random_writes sock raw 40
    stop_nbdkit sock
    same "$plugin" "$f" raw
    qemu_check "$plugin" "$f"
    qemu-img compare -q -f "${qemu_format[$plugin]}" -F raw "$f" raw ||
        fail "$*: QEMU reads something else"
    # QEMU writes, we read.
    qemu-io -f "${qemu_format[$plugin]}" "$f" \
            -c 'write -P 0x51 65536 70144' > /dev/null
    head -c 70144 /dev/zero | tr '\0' Q |
        dd of=raw bs=64K seek=1 conv=notrunc status=none
    same "$plugin" "$f" raw
    rm "$f"
}
ours vhd1
ours vhd1 subformat=dynamic
ours vhd1 subformat=dynamic block-size=512K
ours vhdx
ours vhdx subformat=dynamic block-size=1M
ours vhdx block-size=8M physical-sector-size=512
ours vhdx block-size=256M
ours vhdx subformat=fixed block-size=2M

# theirs PLUGIN OPTIONS
theirs () {
    local plugin=$1 f=theirs.${ext[$1]} raw=raw
    echo "== QEMU: $*"
    qemu-img convert -f raw -O "${qemu_format[$plugin]}" -o "$2" data "$f"
    cp data raw
    truncate -s "$(nbdkit -r -U - "$plugin" "$f" --run 'nbdinfo --size "$uri"')" raw
    same "$plugin" "$f" raw
    start_nbdkit sock "$plugin" "$f"
    random_writes sock raw 40
    stop_nbdkit sock
    same "$plugin" "$f" raw
    qemu_check "$plugin" "$f"
    qemu-img compare -q -f "${qemu_format[$plugin]}" -F raw "$f" raw ||
        fail "$*: QEMU reads something else"
    rm "$f"
}
theirs vhd1 subformat=dynamic
theirs vhd1 subformat=dynamic,force_size
theirs vhd1 subformat=fixed,force_size
theirs vhdx subformat=dynamic
theirs vhdx subformat=dynamic,block_size=1M
theirs vhdx subformat=dynamic,block_size=16M,log_size=4M
theirs vhdx subformat=fixed

# --- Sizes of all kinds, exactly.
for args in 'vhd1 subformat=dynamic 512' 'vhd1 subformat=dynamic 1048577024' \
    'vhd1 subformat=dynamic 2190433320960' 'vhdx subformat=dynamic 512' \
    'vhdx subformat=dynamic 5244416' 'vhdx subformat=dynamic 70368744177664' \
    'vhdx sector-size=4096 5246976' 'vhdx subformat=fixed 33555968'; do
    read -r plugin arg size <<< "$args"
    start_nbdkit sock "$plugin" size create="$size" "$arg"
    [[ $(nbdinfo --size "$(uri sock)") == "$size" ]] || fail "$args"
    client sock <<< 'h.pwrite(b"end", h.get_size() - 3)
assert h.pread(4, h.get_size() - 4) == b"\0end"'
    stop_nbdkit sock
    start_nbdkit sock -r "$plugin" size
    client sock <<< 'assert h.pread(4, h.get_size() - 4) == b"\0end"'
    stop_nbdkit sock
    [[ $arg == *fixed ]] || (( $(used size) < 40 << 20 )) ||
        fail "$args: takes $(used size) bytes"
    rm size
done

# --- By a server that is read-only.
for plugin in vhd1 vhdx; do
    start_nbdkit sock -r $plugin ro create=1M subformat=dynamic
    client sock <<< 'assert h.is_read_only() and h.get_size() == 1 << 20'
    stop_nbdkit sock
    rm ro
done

# --- What exists is left alone; what fails leaves nothing.
echo precious > old
ln -s target dangling
for plugin in vhd1 vhdx; do
    for f in old dangling; do
        bad 'create: .*: File exists' $plugin $f create=1M subformat=dynamic
    done
    bad 'No such file' $plugin new subformat=differencing parent=missing
    bad 'old: ' $plugin new subformat=differencing parent=old
    [[ ! -e new ]] || fail "$plugin: half a child was left behind"
done
[[ $(cat old) == precious ]] || fail "an existing file was touched"
[[ ! -e target ]] || fail "a link was followed"
