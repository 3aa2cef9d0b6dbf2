#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# create= makes a sparse file, never touches one that exists, and leaves
# nothing behind when it fails.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires nbdinfo --version

nbdkit -U - raw "$tmp/new" create=100M \
    --run 'test "$(nbdinfo --size "$uri")" = 104857600'
[[ $(stat -c '%s %b' "$tmp/new") == '104857600 0' ]] ||
    fail "not a sparse file of that size"

# Relative, and with a sector size.
(cd "$tmp" && nbdkit -U - raw file=rel create=8192 sector-size=4096 --run :)
[[ $(stat -c %s "$tmp/rel") == 8192 ]] || fail "relative path"

echo precious > "$tmp/old"
ln -s "$tmp/target" "$tmp/dangling"
for f in old dangling; do
    if nbdkit -U - raw "$tmp/$f" create=1M --run : 2> "$tmp/err"; then
        fail "$f was overwritten"
    fi
    grep -q 'create: .*: File exists' "$tmp/err"
done
[[ $(cat "$tmp/old") == precious ]] || fail "an existing file was touched"
[[ ! -e $tmp/target ]] || fail "a link was followed"

for args in 'create=8E' 'create=1000 sector-size=512' 'create=0' \
    'create=1M create=1M' 'create=1M size=1M' 'create=1M cache=bogus'; do
    # shellcheck disable=SC2086
    if nbdkit -U - raw "$tmp/bad" $args --run : 2> "$tmp/err"; then
        fail "$args was accepted"
    fi
    [[ ! -e $tmp/bad ]] || fail "$args left a file behind"
done
! nbdkit -U - raw "$tmp/no/such/dir" create=1M --run : 2>/dev/null ||
    fail "no such directory"
