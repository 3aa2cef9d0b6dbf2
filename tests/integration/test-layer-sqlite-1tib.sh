#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A layer with 1 TiB in it opens in less than a second; the worst that
# there can be, each cluster somewhere else, on a slow machine in three.

source "${builddir:-.}/tests/functions.sh"
set -e -u

run_alone

bench=$builddir/tests/bench/bench-layer-open
[[ -x $bench ]] || skip "built without SQLite"
[[ $sanitizer == none ]] || skip "a sanitizer makes everything slow"

BENCH_DIR=$tmp "$bench" 1000 2000 || fail "it takes longer"
