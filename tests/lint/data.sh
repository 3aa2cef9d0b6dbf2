#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# There is no mutable file-scope data in common: everything hangs on an
# instance, or the same filter could not be used twice in one server.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/lint/lint-functions.sh"

requires objdump --version
requires_no_sanitizer           # they add data of their own

n=0
while read -r object; do
    n=$(( n + 1 ))
    # Sections that can be written to, but for what the loader alone
    # writes (relocated constants).
    found=$(objdump -t "$object" | awk '
        match ($0, /\t/) {
            split (substr ($0, 1, RSTART - 1), left, " ")
            section = left[length (left)]
            is_object = substr ($0, 24, 1) == "O"
            if (section ~ /^\.data\.rel\.ro/ || $NF == section)
                next
            if (section ~ /^\.t(data|bss)/ || section == "*COM*" ||
                (is_object && section ~ /^\.(data|bss)/))
                print section, $NF
        }')
    [[ ! $found ]] || complain "${object#"$builddir"/}: $found"
done < <(find "$builddir/common" -name '*.o' -path '*/.libs/*')
lint_end $n objects
