#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdkit loads all modules into one name space, so a module shows its
# entry point and its debug flags, and nothing that another could bind to.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/lint/lint-functions.sh"

requires nm --version

n=0
while read -r module; do
    n=$(( n + 1 ))
    kind=${module##*-}          # plugin.so
    symbols=$(nm -D --defined-only "$module" | awk '{ print $NF }' |
                  grep -vE '_debug_' || :)
    [[ $symbols == "${kind%.so}_init" ]] ||
        complain "${module##*/} shows: $symbols"
done < <(lint_modules)
lint_end $n modules
