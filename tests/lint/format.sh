#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The C sources are as `make format' leaves them.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/lint/lint-functions.sh"

# Each version formats a little differently.
clang_format=
for c in clang-format clang-format-14; do
    if "$c" --version 2>/dev/null | grep -q 'version 14\.'; then
        clang_format=$c
    fi
done
[[ $clang_format ]] || skip "needs clang-format 14"

lint_files '*.[ch]' >"$tmp/files"
(cd "$srcdir" && xargs "$clang_format" --dry-run --Werror <"$tmp/files") ||
    complain "run: make format"
lint_end "$(wc -l <"$tmp/files")" files
