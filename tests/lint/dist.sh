#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Everything that is in the repository is in the release.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/lint/lint-functions.sh"

# Only of this repository, not of one that the sources happen to lie in.
requires git --version
[[ -e $srcdir/.git ]] || skip "not a git checkout"

git -c safe.directory='*' -C "$srcdir" ls-files | grep -vx '\.gitignore' |
    sort >"$tmp/files"
MAKEFLAGS='' make -s --no-print-directory -C "$builddir" -f Makefile dist-list |
    tr ' ' '\n' | sort -u >"$tmp/dist"

while read -r f; do
    # It, or a folder that it is in.
    d=$f
    while [[ $d != . ]] && ! grep -Fxq "$d" "$tmp/dist"; do
        d=$(dirname "$d")
    done
    [[ $d != . ]] || complain "$f: is not distributed"
done <"$tmp/files"
lint_end "$(wc -l <"$tmp/files")" files
