#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The module shows nothing but its entry point and its debug flags.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires nm --version

module=$builddir/plugins/raw/.libs/nbdkit-raw-plugin.so
[[ -e $module ]] || {
    echo "SKIP: not a build tree"
    exit 77
}
nm -D --defined-only "$module" | awk '{ print $3 }' > "$tmp/symbols"
cat "$tmp/symbols"
grep -qx plugin_init "$tmp/symbols"
! grep -vxE 'plugin_init|.*_debug_.*' "$tmp/symbols" || fail "more than that"
