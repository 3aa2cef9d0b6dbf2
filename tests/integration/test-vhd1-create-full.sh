#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A VHD that cannot be made because the file system is full: an error, and
# no half of it left behind.

set -e -u
source "${builddir:-.}/tests/functions.sh"

requires unshare -rm true

mkdir "$tmp/full"
cat > "$tmp/inside.sh" <<'EOF'
mount -t tmpfs -o size=64k tmpfs "$1" || exit 77
dd if=/dev/zero of="$1/filler" bs=4k status=none
if nbdkit -U - vhd1 "$1/new.vhd" create=1M --run :; then
    echo "it was made"
elif [[ -e $1/new.vhd ]]; then
    echo "half of it is there"
else
    echo "good"
fi
EOF
unshare -rm bash "$tmp/inside.sh" "$tmp/full" > "$tmp/out" 2> "$tmp/err" ||
    skip "needs a tmpfs of its own: $(head -1 "$tmp/err")"
cat "$tmp/out" "$tmp/err"
[[ $(< "$tmp/out") == good ]] || fail "$(< "$tmp/out")"
grep -q 'new.vhd: writing the VHD footer: No space left on device' "$tmp/err"
