#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack commit: what a layer holds goes into the disk below it, all of
# it, whatever interrupts it, and nowhere else.

set -e -u -o pipefail
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_libnbd
requires qemu-img --version
requires qemu-io --version
requires jq --version
requires_client
requires_filter layer-sqlite
cd "$tmp"

# serve LAYER ARGS...: the layer over what ARGS say, for --run.
serve () {
    local layer=$1
    shift
    nbdkit -U - --filter=layer-sqlite "$@" layer-sqlite-file="$layer"
}

# change SOCK: data and zeroes, in large and in small pieces, on 8 MiB.
change () {
    client "$1" <<'PYTHON'
import random
rng = random.Random(4711)
def some(n): return rng.randbytes(n).replace(b"\0", b"\1")
h.pwrite(some(3 << 20), 1 << 20)
h.zero(1 << 20, 5 << 20)
for i in range(60):
    h.pwrite(some(4096), rng.randrange(2048) * 4096)
    h.zero(4096, rng.randrange(2048) * 4096)
h.pwrite(some(4096), (8 << 20) - 4096)
PYTHON
}

# prepare PLUGIN DISK SECTOR: a changed layer over a disk; "want" is how
# both together look.
prepare () {
    rm -f layer.dbhd
    start_nbdkit sock --filter=layer-sqlite "$1" "$2" \
                 layer-sqlite-file=layer.dbhd layer-sqlite-sector-size="$3"
    change sock
    qemu-img convert -f raw -O raw "$(uri sock)" want
    stop_nbdkit sock
}

# both PLUGIN DISK: layer and disk together look as they did.
both () {
    serve layer.dbhd "$1" "$2" -r --run 'qemu-img compare -f raw -F raw want "$uri"'
}

left () {                       # NAME: of the layer, in bytes
    diskstack info --json layer.dbhd | jq ".[0].$1"
}

empty () {
    [[ $(left data) == 0 && $(left zeroes) == 0 ]] || fail "something is left"
}

random_file original 8M

echo "== raw and vhd1, sectors of 512 and 4096"
for sector in 512 4096; do
    cp original disk
    prepare raw disk $sector
    cp disk before
    cp layer.dbhd layer.before
    diskstack commit --dry-run layer.dbhd disk | tee out
    grep -Eq 'MiB of data and .* of zeroes would be moved to disk' out
    cmp disk before
    cmp layer.dbhd layer.before
    diskstack commit --piece=1M layer.dbhd disk
    cmp disk want
    empty
    diskstack commit --quiet layer.dbhd raw:disk >out 2>&1
    [[ ! -s out ]] || fail "it is not quiet"

    rm -f disk.vhd
    nbdkit -U - vhd1 disk.vhd create=8M --run 'nbdcopy original "$uri"'
    prepare vhd1 disk.vhd $sector
    diskstack commit layer.dbhd vhd1:disk.vhd
    nbdkit -U - -r vhd1 disk.vhd --run 'qemu-img compare -f raw -F raw want "$uri"'
    empty
done

echo "== a disk that is not whole sectors"
head -c 8385537 original >disk
start_nbdkit sock --filter=layer-sqlite raw disk layer-sqlite-file=odd.dbhd
client sock <<< 'h.pwrite(b"x" * 1000, 8385537 - 1000)'
qemu-img convert -f raw -O raw "$(uri sock)" want
stop_nbdkit sock
diskstack commit odd.dbhd disk
[[ $(stat -c %s disk) == 8385537 ]] || fail "the disk has another size"
cmp -n 8385537 disk want

echo "== what only the server knew of the disk"
mkdir images
cp original images/disk
start_nbdkit sock --filter=layer-sqlite raw dir=images sector-size=4096 \
             layer-sqlite-file=named.dbhd
client sock disk <<< 'h.pwrite(b"y" * 8192, 4096)'
qemu-img convert -f raw -O raw "$(uri sock disk)" want
stop_nbdkit sock
diskstack info named.dbhd | grep -A 3 '^disk below' | tee out
grep -q 'sector size: *4096' out
grep -q 'export name: *disk' out
diskstack commit named.dbhd images/disk
cmp images/disk want

echo "== --keep"
cp original disk
prepare raw disk 512
cp layer.dbhd layer.before
data=$(left data) zeroes=$(left zeroes)
diskstack commit --keep layer.dbhd disk | grep copied
cmp disk want
[[ $(left data) == "$data" && $(left zeroes) == "$zeroes" ]]

echo "== another disk"
random_file other 4M
expect_error 'another disk: its size was 8388608 bytes, now it is 4194304' \
             diskstack commit layer.dbhd other
cp other before
expect_error 'does not fit.*No space' diskstack commit --force layer.dbhd other
cmp other before
expect_error 'does not fit' diskstack commit --force -n layer.dbhd other
nbdkit -U - vhd1 other.vhd create=8M --run 'nbdcopy original "$uri"'
expect_error 'another disk: its id was' diskstack commit layer.dbhd vhd1:other.vhd
[[ $(left data) == "$data" ]]
diskstack commit --force layer.dbhd vhd1:other.vhd
empty

echo "== in use"
cp original disk
prepare raw disk 512
start_nbdkit sock --filter=layer-sqlite raw disk layer-sqlite-file=layer.dbhd
nbdinfo --size "$(uri sock)"
expect_error 'commit: disk is in use: end the server' \
             diskstack commit layer.dbhd disk
cp disk copy
expect_error 'commit: layer.dbhd is in use: end the server' \
             diskstack commit layer.dbhd copy
cmp disk copy
stop_nbdkit sock
both raw disk

echo "== what is wrong with the arguments"
expect_error usage diskstack commit
expect_error 'name the disk below it' diskstack commit layer.dbhd
expect_error usage diskstack commit --frobnicate layer.dbhd disk
expect_error 'not a size' diskstack commit --piece=many layer.dbhd disk
expect_error 'nowhere' diskstack commit layer.dbhd nowhere
expect_error 'nowhere' diskstack commit nowhere disk
[[ ! -e nowhere ]] || fail "it made a file"
expect_error 'original' diskstack commit original disk
expect_error 'no kind of disk' diskstack commit layer.dbhd qcow2:disk
both raw disk

echo "== interrupted"
data=$(left data)
rm -f out
diskstack commit --piece=64K layer.dbhd disk >out 2>&1 &
pid=$!
wait_until 60 test -s out || fail "it says nothing"
kill -INT $pid || :
status=0
wait $pid || status=$?
cat out
case $status in
    0) cmp disk want ;;                 # it was faster
    1) grep -q 'interrupted' out
       grep -q 'do it again to go on' out
       (( $(left data) < data )) || fail "nothing was moved" ;;
    *) fail "status $status" ;;
esac
both raw disk
diskstack commit -q layer.dbhd disk
cmp disk want
empty

echo "== on a terminal"
cp original disk
prepare raw disk 512
python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' \
        diskstack commit layer.dbhd disk >out
grep -aq $'\r\[#* *\] *[0-9]*% ' out || fail "there is no bar: $(cat out)"
cmp disk want

echo "== killed at random moments"
cut=0 whole=0
for (( i = 0; i < 25 && cut < 10; i++ )); do
    if [[ $(left data) == 0 ]]; then
        cp original disk
        prepare raw disk 512
    fi
    # Waited for, so that its locks are gone; a timeout ends before that.
    diskstack commit --piece=64K -q layer.dbhd disk 2>out &
    pid=$!
    timeout "0.0$(( RANDOM % 2 ))$(( 1 + RANDOM % 9 ))" tail -f /dev/null || :
    kill -KILL $pid 2>/dev/null || :
    status=0
    wait $pid 2>/dev/null || status=$?
    case $status in
        0) cmp disk want; empty; (( whole += 1 )) ;;
        137) (( cut += 1 )) ;;
        *) cat out; fail "status $status" ;;
    esac
    both raw disk
done
echo "killed $cut times, not killed $whole times, $(left data) bytes left"
diskstack commit -q layer.dbhd disk
cmp disk want
empty
