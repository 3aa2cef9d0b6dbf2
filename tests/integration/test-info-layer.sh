#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack info of layer files: whole, not closed, damaged, in use.

source "${builddir:-.}/tests/functions.sh"
set -e -u

requires qemu-io --version
requires jq --version
requires_filter layer-sqlite

disk=$tmp/disk layer=$tmp/disk.dbhd
sock=$tmp/sock
uri="nbd+unix:///?socket=$sock"
truncate -s 10M "$disk"

# field NAME [FILE]: as JSON has it.
field () {
    diskstack info --json "${2:-$layer}" | jq -r ".[0].$1"
}
is () {                         # NAME VALUE
    local value
    value=$(field "$1") || :
    [[ $value == "$2" ]] || fail "$1 is $value, not $2"
}
# qemu-io flushes when it ends.
change () { qemu-io -f raw -c 'write -P 7 1M 128K' -c 'write -z 2M 1M' "$uri"; }

start_nbdkit "$sock" --filter=layer-sqlite raw "$disk"
change
expect_error 'disk.dbhd.*in use|locked' diskstack info "$layer"

# What a killed server leaves is recovered to look at it, in memory only.
kill_nbdkit "$sock"
cp "$layer" "$tmp/copy"
is '"file-size"' "$(stat -c %s "$layer")"
is kind layer-sqlite
is size 10485760
is '"sector-size"' 512
is '"disk-below".size' 10485760
is data 131072
is zeroes 1048576
is '"dirty-clusters"' 18
is closed false
is 'trouble | length' 0
cmp "$layer" "$tmp/copy"

# Closed well.
start_nbdkit "$sock" --filter=layer-sqlite raw "$disk"
change
stop_nbdkit "$sock"
is closed true
is data 131072
is '"log-batches"' 0

# For people, several at once.
diskstack info "$layer" "$tmp/copy" | tee "$tmp/out"
(( $(grep -c '^kind: *layer-sqlite$' "$tmp/out") == 2 )) || fail "not two"
grep -q '^data: *131072 bytes (128 KiB)$' "$tmp/out"
grep -q '^  none found$' "$tmp/out"

# Damaged: the second page of its database.
python3 - "$layer" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(4096)
    f.write(b"\xa5" * 4096)
PYTHON
status=0
diskstack info --json "$layer" > "$tmp/out" || status=$?
cat "$tmp/out"
(( status == 2 )) || fail "status $status of a damaged layer"
jq -e '.[0].trouble | length > 0' "$tmp/out"

# Neither of the kinds; not there; JSON stays JSON.
expect_error 'disk: neither' diskstack info "$disk"
expect_error 'nowhere' diskstack info "$tmp/nowhere"
expect_error usage diskstack info
expect_error usage diskstack info --xml "$layer"
expect_error 'no command "frobnicate"' diskstack frobnicate
status=0
diskstack info --json "$disk" "$tmp/copy" > "$tmp/out" || status=$?
(( status == 1 )) || fail "status $status"
[[ $(jq -r 'length, .[0].file' "$tmp/out" | xargs) == "1 $tmp/copy" ]]
