#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every command in the EXAMPLES of every man page works, as it is written,
# in a folder with the files that it names.  A server listens on a socket
# of ours, and must let a client in; nbd://localhost is that of the
# example before, https://example.com a web server of ours, and /dev/sdb a
# loop device.  For NVMe controllers see tests/vm/test-vm-nvme.sh.

set -e -u -o pipefail
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/http-functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires_nginx
requires_filter layer-sqlite
requires qemu-img --version
requires jq --version
requires losetup --version
shopt -s extglob

# One folder to copy for each example.
mkdir "$tmp/files" "$tmp/files/images" "$tmp/files/caches"
cd "$tmp/files"
random_file disk.img 8M
cp disk.img images
nbdkit -U - vhd1 disk.vhd create=8M --run 'nbdcopy disk.img "$uri"'
nbdkit -U - --filter=layer-sqlite vhd1 disk.vhd --run 'nbdcopy disk.img "$uri"'
nbdkit -U - --filter=layer-sqlite raw disk.img layer-sqlite-file=changes.dbhd \
       --run 'nbdcopy disk.img "$uri"'
nbdkit -U - --filter=layered raw disk.img layered-layer=ram,read-cache \
       layered-record=boot.trace --run 'nbdcopy "$uri" null:'
nbdkit -U - vhd1 dynamic.vhd create=8M subformat=dynamic \
       --run 'nbdcopy disk.img "$uri"'
nbdkit -U - vhdx disk.vhdx create=8M --run 'nbdcopy disk.img "$uri"'
nbdkit -U - vhd1 child.vhd subformat=differencing parent=disk.vhd --run :
nbdkit -U - vhdx child.vhdx subformat=differencing parent=disk.vhdx --run :
cp disk.vhd disk.vhdx images
truncate -s 8M a.img b.img c.img
for disk in a b; do nbdkit -U - vhdx $disk.vhdx create=8M --run :; done

has_crypt=$(nbdkit --filter=crypt null --version 2>/dev/null || :)
head -c 64 /dev/urandom >disk.key
printf secret >disk.pass
echo read=1ms >latency.conf
truncate -s 20M secret.img luks.img
[[ ! $has_crypt ]] ||
    nbdkit -U - --filter=crypt raw luks.img crypt-passphrase=+disk.pass \
           crypt-format=luks1 crypt-create=true crypt-iter-time=0.01 --run 'nbdinfo "$uri"'

# The disks of the machine are loop devices, where they can be made.
devices=()
for disk in device{1,2}; do
    truncate -s 8M "$tmp/$disk"
    device=$(losetup --find --show "$tmp/$disk" 2>/dev/null) || break
    cleanup_fn losetup -d "$device"
    devices+=("$device")
done

# Servers that an example speaks of, where the plugin knows them.
has_nbd=$(nbdkit striped --dump-plugin | grep striped_nbd=yes || :)
for disk in a b; do
    start_nbdkit "$tmp/$disk.sock" memory 8M
    ln -s "$tmp/$disk.sock" .
done

mkdir -p "$tmp/www/disks/jessie"
cp disk.img disk.vhd disk.vhdx "$tmp/www"
cp disk.img "$tmp/www/disks/jessie"
start_nginx
echo "$http/disk.img" >url
has_blob=$(nbdkit blob --dump-plugin 2>/dev/null | grep '^name=blob' || :)

# commands POD: what is indented in EXAMPLES, lines that go on joined.
commands () {
    sed -n '/^=head1 EXAMPLES/,/^=head1 [^E]/p' "$1" | grep '^ ' |
        sed -e ':again' -e '/\\$/{N; s/\\\n *//; b again' -e '}' -e 's/^ *//'
}

n=0
sock=
# fresh_folder: and no server.
fresh_folder () {
    [[ ! $sock ]] || stop_nbdkit "$sock"
    sock=
    (( n += 1 ))
    cp -r "$tmp/files" "$tmp/$n"
    cd "$tmp/$n"
}

# serve ARGS...: an example that ends only when it is told to.
serve () {
    sock=$tmp/sock$n
    start_nbdkit "$sock" "$@"
    [[ $* == *dir=* || $* == *base-url=* ]] || nbdinfo --size "$(uri "$sock")"
}

# try COMMAND
try () {
    local url=${1##*nbd://localhost/}
    url=nbd://localhost/${url%% *}
    set -- "${1//https:\/\/example.com/$http}"
    set -- "${1//\/etc\/secret\/url/url}"
    if (( ${#devices[@]} == 2 )); then
        set -- "${1//\/dev\/sd[ab]*([0-9])/${devices[0]}}"
        set -- "${1//\/dev\/sdc/${devices[1]}}"
    fi
    echo "+ $1"
    [[ $1 != */dev/sd* && $1 != *0000:01:00.0* ]] || return 0
    [[ $1 != *"nbdkit blob"* && $1 != *"$http"* || $has_blob ]] || return 0
    [[ $1 != *--filter=crypt* || $has_crypt ]] || return 0
    [[ $1 != *striped*nbd+unix:* || $has_nbd ]] || return 0
    case $1 in
        *nbd://localhost/*)
            eval "${1//$url/"'$(uri "$sock" "${url#nbd://localhost/}")'"}" ;;
        nbdkit*-explain=true*) fresh_folder; eval "$1" ;;
        nbdkit*--run*) fresh_folder; eval "$1" ;;
        nbdkit*) fresh_folder; eval "serve ${1#nbdkit }" ;;
        # These need the kernel's devices, and would change the machine.
        nbd-client* | mount*) echo "not tried here" ;;
        # Of the server of the example before.
        "diskstack status"* | "diskstack pr"*) eval "$1" ;;
        *) fresh_folder; eval "$1" | tee out; ! grep -qx null out ;;
    esac
}

for pod in "$srcdir"/{plugins,filters}/*/*.pod "$srcdir"/tools/*.pod; do
    echo "== ${pod##*/}"
    mapfile -t lines < <(commands "$pod")
    (( ${#lines[@]} > 0 )) || fail "no examples in $pod"
    for line in "${lines[@]}"; do
        try "$line"
    done
done
fresh_folder
echo "$(( n - 1 )) examples"
