#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What every source has in common: the licence on top, no file that is
# too long, nothing of the machine that it was written on, no white space
# that nobody sees.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/lint/lint-functions.sh"

cd "$srcdir"

# Long for a reason.
max=700
long_ones='
tests/unit/test-host-file.c    every failure of every system call
tests/unit/test-store-file.c   the same
'

while read -r f; do
    head -n 4 "$f" | grep -q 'SPDX-License-Identifier: BSD-3-Clause' ||
        complain "$f: no SPDX line atop"
done < <(lint_files '*.[ch]' '*.sh' '*.py' '*.in' '*.ac' '*.supp' bootstrap run)

while read -r lines f; do
    [[ $f != total ]] || continue
    (( lines <= max )) || grep -q "^$f " <<<"$long_ones" ||
        complain "$f: $lines lines are too many"
done < <(lint_files '*.[ch]' '*.sh' '*.py' | xargs wc -l)

lint_files '*.[ch]' '*.sh' '*.py' '*.in' '*.ac' '*.am' '*.supp' '*.md' \
    '*.pod' '*.syms' bootstrap run .clang-format >"$tmp/text"

# (Brackets, so that these lines do not find themselves.)
here='(^|[^a-z0-9_.}*>])/([w]ork|[h]ome|[r]oot|[U]sers)(/|$|[^a-z0-9_])'
registries='deb[.]debian[.]org|pypi[.]org|registry[.]npm|crates[.]io'
! xargs grep -nE "$here|$registries" <"$tmp/text" ||
    complain "paths or hosts of one machine"

! xargs grep -nE '[[:blank:]]+$' <"$tmp/text" ||
    complain "white space at the end of lines"
! grep -v '\.am$\|akefile' "$tmp/text" | xargs grep -nP '^ *\t' -- ||
    complain "tabs"
while read -r f; do
    [[ ! $(tail -c 1 "$f") ]] || complain "$f: no newline at the end"
done <"$tmp/text"

lint_end "$(wc -l <"$tmp/text")" files
